from pathlib import Path

import pytest
import torch
from config_view import problems
from PIL import Image

from gan_experiments.core.images import image_grid
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.dcgan import DCGANGenerator
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.interpolation import slerp
from gan_experiments.sampling.projection import Projection
from gan_experiments.sampling.video import Video


def generator_of(**options):
    torch.manual_seed(0)
    facts = DataFacts("images", 16, 3, 4)
    return DCGANGenerator(facts, latent_dim=8, channels=4, **options).eval().requires_grad_(False)


@pytest.mark.parametrize(("path", "walk"), [("spherical", slerp), ("linear", torch.lerp)])
def test_a_walk_visits_its_places_and_comes_back(path, walk):
    generator = generator_of()
    frames = Video(count=3, walks=2, between=4, path=path)(generator, None, 5)
    places = draw_latents(generator, 6, 5).view(3, 2, 8)
    assert frames.shape[0] == 12
    for index in range(3):
        assert torch.equal(frames[4 * index], image_grid(generator(places[index]), 2))
    quarter = walk(places[2], places[0], torch.tensor([[0.75]]))
    assert torch.equal(frames[-1], image_grid(generator(quarter), 2))


def test_each_walk_has_a_class_or_all_have_that_which_is_given():
    generator = generator_of(conditional=True)
    latents = draw_latents(generator, 6, 0)[:3]
    for label, labels in ((None, [0, 1, 2]), (3, [3, 3, 3])):
        frame = next(Video(count=2, walks=3, between=2, label=label).frames(generator, 0))
        assert torch.equal(frame, image_grid(generator(latents, torch.tensor(labels)), 2))
    with pytest.raises(ConfigError, match=r"output\.label: 4 is not a class of 0 to 3"):
        Video(label=4)(generator, None, 0)


def test_it_leads_from_projection_to_projection(tmp_path):
    files = [str(tmp_path / f"{value}.png") for value in (20, 200)]
    for file, value in zip(files, (20, 200), strict=True):
        Image.new("RGB", (16, 16), (value, value, value)).save(file)
    generator = generator_of()
    frames = Video(files, between=3, steps=3)(generator, None, 0)
    _, styles, _ = Projection(files, steps=3).projected(generator, 0)
    assert len(frames) == 6
    assert torch.equal(frames[0], image_grid(generator.synthesize(styles[:1]), 1))
    assert torch.equal(frames[3], image_grid(generator.synthesize(styles[1:]), 1))
    with pytest.raises(ConfigError, match=r"output\.images: names one file"):
        Video(files[:1])(generator, None, 0)


def test_a_gif_begins_again_at_its_end(tmp_path):
    generator, video = generator_of(), Video(count=2, walks=1, between=5, fps=20)
    video.save(generator, None, 0, tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as picture:
        assert (picture.n_frames, picture.info["loop"], picture.info["duration"]) == (10, 0, 50)
        assert picture.size == (32, 32)
    assert [file.name for file in tmp_path.iterdir()] == ["walk.gif"]


def test_an_mp4_has_the_frames(tmp_path):
    av = pytest.importorskip("av", reason="the extra video is not installed")
    generator, video = generator_of(), Video(count=2, walks=1, between=5, fps=20)
    video.check_file(Path("walk.mp4"))
    video.save(generator, None, 0, tmp_path / "walk.mp4")
    with av.open(str(tmp_path / "walk.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 20
    expected = video(generator, None, 0).permute(0, 2, 3, 1)
    assert len(frames) == 10
    assert all(abs(frame - own.numpy().astype(int)).mean() < 12 for frame, own in zip(frames, expected, strict=True))


def test_options_of_images_and_of_latents_are_refused_where_they_are_ignored():
    of_images = {"steps": 9, "rate": 0.2, "distance": "alex", "weights": "alex.pth"}
    of_latents = {"count": 3, "walks": 1, "path": "linear"}
    for images, refused, word in (([], of_images, "without"), (["a.png", "b.png"], of_latents, "with")):
        config = {"output": {"_target_": Video, "images": images, **of_images, **of_latents}}
        found = problems(config, "output")
        assert [line.partition(": ")[0] for line in found] == [f"output.{name}" for name in refused]
        assert all(f"of no use {word} output.images" in line for line in found)
        assert problems({"output": {"_target_": Video, "images": images, "steps": 300, "count": 6}}, "output") == []
