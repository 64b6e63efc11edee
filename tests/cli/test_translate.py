import numpy as np
import pytest
import torch
from needs_torch import EXPORTS
from PIL import Image

from gan_experiments.api.run import load_run
from gan_experiments.cli import export, sample, translate
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.train import train


@pytest.fixture
def trained(tiny, tmp_path):
    def make(*overrides):
        config, folder = tiny("metrics=none", "budget.images=16", *overrides), RunFolder(tmp_path / "run")
        folder.write_config(config)
        train(config, folder)
        return folder

    return make


def picture(path, size=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = torch.randint(0, 256, (size, size, 3), generator=torch.Generator().manual_seed(size)).to(torch.uint8)
    Image.fromarray(pixels.numpy()).save(path)
    return pixels.permute(2, 0, 1)


def test_a_folder_is_translated_with_pictures_of_any_size(call, trained, tmp_path):
    run = trained("model=cyclegan")
    given = [picture(tmp_path / "in" / f"{size}.png", size) for size in (8, 19)]
    code, out, err = call(translate, f"run={run.path}", "input=in", "output=out", "direction=b_to_a")
    assert (code, out) == (0, "2 images in out\n"), err
    for size, image in zip((8, 19), given, strict=True):
        written = np.asarray(Image.open(tmp_path / "out" / f"{size}.png"))
        expected = load_run(run.path).translate(image[None], "b_to_a")[0].permute(1, 2, 0).numpy()
        assert np.array_equal(written, expected)
    code, _, err = call(translate, f"run={run.path}", "input=in", "output=out", "direction=b_to_a")
    assert code == 2
    assert "output: 2 of 2 files exist and are not overwritten" in err


WRONG = {
    "direction=b_to_a": "direction: Pix2Pix translates a_to_b, not b_to_a",
    "direction=sideways": "direction: 'sideways' is not",
    "input=absent": "input: there is no file or folder absent",
    "checkpoint=absent.ckpt": "absent.ckpt: no such checkpoint",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(call, trained, tmp_path, wrong):
    run = trained("model=pix2pix")
    picture(tmp_path / "in" / "1.png")
    code, out, err = call(translate, f"run={run.path}", "input=in", "output=out", wrong)
    assert (code, out) == (2, "")
    assert WRONG[wrong] in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_sampling_a_translator_and_translating_with_a_generator_name_the_other_command(call, trained, tmp_path):
    run = trained("model=pix2pix")
    code, _, err = call(sample, f"run={run.path}")
    assert code == 2
    assert "gan-translate" in err
    (tmp_path / "run").rename(tmp_path / "translator")
    run = trained()
    picture(tmp_path / "in" / "1.png")
    code, _, err = call(translate, f"run={run.path}", "input=in", "output=out")
    assert code == 2
    assert "gan-sample" in err


@EXPORTS
@pytest.mark.usefixtures("quick_onnx")
@pytest.mark.parametrize("model", ["pix2pix", "cut"])
def test_a_translator_is_exported_to_onnx_and_agrees_with_torch(call, trained, tmp_path, model):
    onnxruntime = pytest.importorskip("onnxruntime")
    run = trained(f"model={model}")
    code, _, err = call(export, f"run={run.path}", "output=translator.onnx")
    assert code == 0, err
    network = load_run(run.path).generator()
    inputs = torch.rand(3, network.input_channels, 8, 8) * 2 - 1
    session = onnxruntime.InferenceSession(str(tmp_path / "translator.onnx"))
    (images,) = session.run(None, {"inputs": inputs.numpy()})
    torch.testing.assert_close(torch.from_numpy(images), network(inputs), rtol=0, atol=1e-4)
