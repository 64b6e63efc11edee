import json
import os

import pytest
import torch
from gaussians import reference_distance
from pixels import Pixels, evaluator, from_tensor, measures, source
from processes import in_two_processes

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.processes import Processes
from gan_experiments.runs.results import plain


def test_fid_is_the_distance_of_the_gaussians():
    fakes = source(seed=1, bright=1.3).images
    values = evaluator()(from_tensor(fakes), 300)
    sets = source().images.flatten(1), fakes[:300].flatten(1)
    assert values["fid"] == pytest.approx(reference_distance(*sets), rel=1e-6)


def test_fid_of_the_real_images_with_themselves_is_zero():
    data = source()
    assert evaluator(data)(from_tensor(data.images), len(data.images))["fid"] == pytest.approx(0, abs=1e-6)


def test_inception_score_spans_one_to_the_number_of_classes():
    one_kind = torch.full((100, 1, 2, 2), 7, dtype=torch.uint8)
    assert evaluator()(from_tensor(one_kind), 100)["is"] == pytest.approx(1)
    sure = torch.zeros(4000, 1, 2, 2, dtype=torch.uint8).flatten(1)
    sure[torch.arange(4000), torch.arange(4000) % 4] = 255
    assert evaluator()(from_tensor(sure.view(-1, 1, 2, 2)), 4000)["is"] == pytest.approx(4, rel=0.02)


def test_evaluation_repeats_and_leaves_the_ambient_stream_alone():
    fakes, measure = source(seed=1).images, evaluator()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = measure(from_tensor(fakes), 300)
    assert torch.equal(torch.rand(3), expected)
    assert measure(from_tensor(fakes), 300) == first  # nothing of the first is left in the second
    assert evaluator()(from_tensor(fakes), 300) == first


def test_every_image_is_asked_for_and_extracted_once():
    images, data, asked = from_tensor(source(seed=1).images), source(seed=17), []

    def sample(start, count):
        asked.append((start, count))
        return images(start, count)

    measure = evaluator(data, ("native", "other"), measures())
    extractors = measure.extractors
    extractors["other"].weight_hash = "other"
    measure(sample, 300)
    assert asked == [(0, 64), (64, 64), (128, 64), (192, 64), (256, 44)]
    assert all(extractor.extracted == 300 + len(data.images) for extractor in extractors.values())
    measure(sample, 300)
    assert all(extractor.extracted == 600 + len(data.images) for extractor in extractors.values())


def test_first_extractor_gives_the_plain_names():
    fakes = source(seed=1).images
    values = evaluator(names=("native", "other"))(from_tensor(fakes), 300)
    assert list(values) == ["fid", "is", "fid/other", "is/other"]
    assert values["fid/other"] == values["fid"]


def test_extractor_without_classes_has_no_inception_score():
    measure = evaluator()
    measure.extractors = {"native": Pixels(logits=False)}
    assert list(measure(from_tensor(source(seed=1).images), 300)) == ["fid"]


def test_final_and_periodic_evaluations_give_the_same_values():
    sample, measure = from_tensor(source(seed=1).images), evaluator(features=measures())
    full = measure.final(sample, 300)
    assert {name: each.value for name, each in full.items()} == pytest.approx(measure(sample, 300), rel=1e-9)
    assert {name for name, each in full.items() if each.margin is not None} == {"fid", "is", "precision", "density"}
    assert all(each.real_baseline is not None for each in full.values())
    assert {name: each.higher_is_better for name, each in full.items()} == measure.higher_is_better


def test_autocast_does_not_reach_the_extractor():
    fakes, plain = source(seed=1).images, evaluator()
    expected = plain(from_tensor(fakes), 300)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert evaluator()(from_tensor(fakes), 300) == expected


def test_extractors_and_measures_compute_in_full_float32(monkeypatch):
    seen = []

    class Looks(Pixels):
        def forward(self, images):
            seen.append(torch.backends.cudnn.allow_tf32)
            return super().forward(images)

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    sample = from_tensor(source(seed=1).images)

    def generated(start, count):
        assert torch.backends.cudnn.allow_tf32  # a generator computes as it is trained
        return sample(start, count)

    measure = evaluator()
    measure.extractors = {"native": Looks()}
    measure(generated, 300)
    assert set(seen) == {False}


def test_provenance_is_plain():
    provenance = evaluator().provenance()
    assert provenance["real_images"] == 500
    assert provenance["features"] == {
        "fid": {"values": ["fid"], "higher_is_better": {"fid": False}},
        "is": {"values": ["is"], "higher_is_better": {"is": True}, "splits": 10},
    }
    pixels = {"name": "pixels", "num_features": 4, "weights": "none True", "precision": "float32"}
    assert provenance["extractors"]["native"] == pixels
    assert provenance["data"] == source().fingerprint
    assert provenance["versions"]["torch"]
    assert json.loads(json.dumps(provenance)) == provenance


def test_an_evaluator_without_measures_is_refused():
    for extractors, features in (({}, {"fid": FID()}), ({"native": Pixels()}, {})):
        with pytest.raises(ConfigError, match="nothing to compute"):
            Evaluator(source(), extractors, 0, 64, features)


def test_an_evaluation_can_be_ended_between_real_batches_generated_ones_and_measures(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    sample = from_tensor(source(seed=1).images)
    for method in ("__call__", "final"):
        left, ends = 0, 0
        while True:
            subject, calls = evaluator(features=measures()), []

            def between():
                calls.append(1)  # noqa: B023
                if len(calls) > left:  # noqa: B023
                    raise InterruptedError

            try:
                found = getattr(subject, method)(sample, 300, Processes(between=between))
                break
            except InterruptedError:
                ends, left = ends + 1, left + 1
                assert not list(tmp_path.rglob("*.tmp*"))
        assert ends > 5
        subject = evaluator(features=measures())
        assert getattr(subject, method)(sample, 300) == found


def evaluate_together(rank, folder, counts):
    os.environ["GAN_EXPERIMENTS_CACHE"] = str(folder / "cache")  # of this process alone
    sample = from_tensor(source(seed=1).images)
    together = evaluator(features=measures())
    found = [together(sample, count, Processes(rank, 2)) for count in counts]
    found.append(plain(together.final(sample, counts[0], Processes(rank, 2))))
    again = evaluator(features=measures())  # reads what the first has left in the cache
    found.append(again(sample, counts[0], Processes(rank, 2)))
    (folder / f"{rank}.json").write_text(json.dumps(found))


def test_two_processes_find_what_one_finds(tmp_path):
    """Of 300 images both have a share, of different size; of 40, a single batch, one of them has none."""
    counts = (300, 40)
    in_two_processes(evaluate_together, tmp_path, tmp_path, counts)
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1]
    alone, sample = evaluator(source(), features=measures()), from_tensor(source(seed=1).images)
    final = plain(alone.final(sample, 300))
    assert found[0].pop(2) == {name: pytest.approx(each, rel=1e-6) for name, each in final.items()}
    expected = [*(alone(sample, count) for count in counts), alone(sample, 300)]
    assert found[0] == [pytest.approx(values, rel=1e-6) for values in expected]
    assert len(list((tmp_path / "cache" / "statistics").glob("*.safetensors"))) == 1
