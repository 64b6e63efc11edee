import torch
from scipy.ndimage import correlate

from gan_experiments.data.synthetic.shapes_to_photos import ShapesToPhotos


def test_a_rendering_has_stripes_on_checks_and_light_at_edges():
    shapes = ShapesToPhotos(num_images=8)
    empty, full = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    ground, shape = (shapes.twin(images)[0].int() for images in (empty, full))
    for texture, colour in ((ground, (60, 85, 110)), (shape, (225, 130, 60))):
        assert torch.equal(texture[:, :4, :4], texture[:, 4:, 4:]), "a period of four pixels"
        assert texture.flatten(1).amax(1).tolist() == list(colour)
        assert (texture.float().flatten(1).amin(1) - 0.7 * torch.tensor(colour)).abs().max() <= 0.5
    assert (shape == shape[:, :1, :1]).all(0)[0].tolist() == [True, True, False, False] * 2, "diagonal"
    assert (ground == ground[:, :1, :1]).all(0)[:4, :4].tolist() == [[True, True, False, False]] * 2 + [
        [False, False, True, True]
    ] * 2
    half = empty.clone()
    half[..., 4:] = 255
    slopes = correlate(half[0, 0].double() / 255, [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], mode="nearest")
    plain = torch.where(half > 0, shape, ground)
    expected = (plain + 20 * torch.from_numpy(slopes)).clamp(0, 255)
    assert (shapes.twin(half) - expected).abs().max() <= 1


def test_each_shape_has_its_rendering_as_the_answer_and_domains_share_none():
    data = ShapesToPhotos(num_images=60)
    data.prepare_data()
    data.setup()
    assert data.facts.shape == (3, 32, 32)
    assert data.facts.name == "shapes_to_photos"
    assert data.labels is None
    inputs = data.inputs.of(torch.arange(30))
    assert torch.equal(data.inputs.answers_of(torch.arange(30)), data.twin(inputs))
    assert len(torch.cat([data.twin(inputs), data.images]).flatten(1).unique(dim=0)) == 60


def test_a_domain_is_rendered_in_parts_with_the_same_bits(monkeypatch):
    data, twin, sizes = ShapesToPhotos(16, 2400), ShapesToPhotos.twin, []
    monkeypatch.setattr(ShapesToPhotos, "twin", lambda self, images: sizes.append(len(images)) or twin(self, images))
    data.prepare_data()
    inputs, everything = data.inputs.of(torch.arange(1200)), torch.arange(1200)
    assert torch.equal(data.inputs.answers_of(everything), twin(data, inputs))
    assert len(data.images) == 1200
    assert max(sizes) == 500
