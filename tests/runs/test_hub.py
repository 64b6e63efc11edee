"""A repository of the Hub, which is a folder here: no network is used."""

import ast
import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors
from safetensors.torch import load_file
from tiny import tiny_overrides

from gan_experiments import load_generator
from gan_experiments.api.push import push
from gan_experiments.api.run import load_run
from gan_experiments.api.train import train
from gan_experiments.cli import export
from gan_experiments.cli import train as train_command
from gan_experiments.core.types import ConfigError
from gan_experiments.runs import hub
from gan_experiments.runs.model_card import model_card

SMALL = [
    "model=mlp",
    "model.generator.hidden=[4]",
    "model.discriminator.hidden=[4]",
    "budget.images=16",
    "batch_size=8",
]
HOST = "machine-of-somebody"


class Repositories:
    """What the client of the Hub does, with a folder for each repository; ``fails``: raised by every call."""

    def __init__(self, root):
        self.root, self.fails, self.size, self.calls = root, None, None, []

    def install(self, monkeypatch):
        for name in ("get_hf_file_metadata", "hf_hub_download", "HfApi"):
            monkeypatch.setattr(huggingface_hub, name, getattr(self, name))
        return self

    def get_hf_file_metadata(self, url):
        if self.fails:
            raise self.fails
        return huggingface_hub.HfFileMetadata(None, None, url, self.size, None)

    def hf_hub_download(self, repository, file, revision=None):
        self.calls.append((repository, file, revision))
        if self.fails:
            raise self.fails
        path = self.root / repository / file
        if not path.exists():
            raise errors.EntryNotFoundError("404 Client Error\nEntry Not Found")
        return str(path)

    def HfApi(self):  # noqa: N802
        return self

    def create_repo(self, repository, private, exist_ok):
        assert (private, exist_ok) == (True, True)
        if self.fails:
            raise self.fails
        (self.root / repository).mkdir(parents=True, exist_ok=True)
        return f"https://huggingface.co/{repository}"

    def file_exists(self, repository, file, revision=None):
        return (self.root / repository / file).exists()

    def upload_folder(self, repo_id, folder_path, revision, commit_message, ignore_patterns=()):
        for file in Path(folder_path).iterdir():
            if file.name not in ignore_patterns:
                (self.root / repo_id / file.name).write_bytes(file.read_bytes())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps, with a final evaluation and paths of this machine in its config."""
    folder = tmp_path_factory.mktemp("hub")
    made = train([*tiny_overrides(*SMALL), f"metrics.extractors.native.cache_dir={folder}", f"output_dir={folder}"])
    made.files.update_record(host=HOST)
    return load_run(made.folder)


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    return Repositories(tmp_path / "hub").install(monkeypatch)


def test_a_generator_is_pushed_and_pulled_with_a_card_and_begins_a_run(run, repositories, call, tmp_path):
    code, out, err = call(export, f"run={run.folder}", "push=hub:me/my-gan")
    assert (code, out) == (0, "https://huggingface.co/me/my-gan\n"), err
    assert {file.name for file in (tmp_path / "hub/me/my-gan").iterdir()} == {"generator.safetensors", "README.md"}
    card = (tmp_path / "hub/me/my-gan/README.md").read_text()
    assert 'load_generator("hub:me/my-gan")' in card
    assert "# license: name one" in card.split("---")[1]
    assert "| FID |" in card
    assert "hidden:" in card
    assert str(run.folder.parent) not in card
    assert f"fingerprint: {run.record['dataset']['fingerprint']}" in card
    assert run.record["host"] == HOST
    assert HOST not in card
    latents = torch.randn(3, run.generator().latent_dim)
    assert torch.equal(load_generator("hub:me/my-gan@v1.0")(latents), run.generator()(latents))
    assert repositories.calls == [("me/my-gan", "generator.safetensors", "v1.0")]
    begun = train([*tiny_overrides(*SMALL, "metrics=none"), "init_from=hub:me/my-gan", f"output_dir={tmp_path}"])
    origin = begun.record["init_from"]
    assert origin["source"] == "hub:me/my-gan"
    assert origin["hashes"].keys() == {"generator"}
    assert origin["images_seen"] == "16"


def test_a_card_that_the_repository_has_is_left_as_it_is(run, repositories, call):
    repository = repositories.root / "me/my-gan"
    repository.mkdir(parents=True)
    for file in ("README.md", "generator.safetensors"):
        (repository / file).write_text("license: mit")
    code, _, err = call(export, f"run={run.folder}", "push=hub:me/my-gan")
    assert code == 0, err
    assert (repository / "README.md").read_text() == "license: mit"
    assert load_file(repository / "generator.safetensors")


def test_the_card_of_a_folder_names_its_last_part_alone_as_python_reads_it(run, tmp_path):
    name = "_m_ *ä* ```\n\"b\\'"
    card = Path(push(run, f"{tmp_path / 'x' / '..' / name}"), "README.md").read_text(encoding="utf-8")
    block = card.split("```python\n")[1].split("```")[0]
    (place,) = (
        node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Constant) and name[0] in str(node.value)
    )
    assert place.value == name
    assert not any(str(folder) in card for folder in (tmp_path, run.folder.parent))
    assert HOST not in card


def test_a_card_shows_the_task_but_no_path_be_it_a_key_and_of_imported_files_their_hashes(run):
    def card(**more):
        config = {
            **run.config,
            "task": {"_target_": "a.Denoise", "noise": {"/home/alice/k": 1, "D:\\k": 2, "std": 0.5}},
        }
        record = {**run.record, "dataset": {"/home/alice/k": 1}, **more}
        files = SimpleNamespace(record=lambda: record, read_config=lambda: config, reading_record=nullcontext)
        return model_card(files, run.generator(), "hub:me/a", 16)

    text = card(imported={"family": "StudioGAN", "sha256": {"/home/alice/model=G": "*12ab*", "model=D-secret": "34cd"}})
    assert "a.Denoise" in text
    assert "std: 0.5" in text
    assert "Imported from a file of StudioGAN: \\*12ab\\*, 34cd." in text
    assert not any(part in text for part in ("alice", "D:", "secret"))
    assert "StyleGAN2: 12ab." in card(imported={"family": "StyleGAN2", "sha256": "12ab"})


def test_a_folder_stands_for_a_repository(run, call, tmp_path):
    for checkpoint in ("last", "best"):
        code, out, err = call(export, f"run={run.folder}", f"push={tmp_path / checkpoint}", f"checkpoint={checkpoint}")
        assert (code, out.strip()) == (0, str(tmp_path / checkpoint)), err
    own, pushed = (load_file(folder / "generator.safetensors") for folder in (run.folder, tmp_path / "last"))
    assert all(torch.equal(value, pushed[name]) for name, value in own.items())
    assert load_generator(tmp_path / "last").facts.as_dict() == load_generator(run.folder).facts.as_dict()
    code, _, err = call(export, f"run={run.folder}", f"push={tmp_path / 'last'}")
    assert (code, "exists and is not overwritten" in err) == (2, True)
    begun = train([*tiny_overrides(*SMALL, "metrics=none"), f"init_from={tmp_path / 'last'}", f"output_dir={tmp_path}"])
    assert json.loads(json.dumps(begun.record["init_from"]["taken"])).keys() == {"generator"}


def test_a_folder_appears_whole_or_not_at_all(run, call, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gan_experiments.api.push.model_card", fail)
    code, _, err = call(export, f"run={run.folder}", f"push={tmp_path / 'a'}")
    assert (code, "push: " in err, "No space left on device" in err) == (2, True, True), err
    assert list(tmp_path.iterdir()) == []


REFUSED = {
    "is not there, or not yours to use": errors.RepositoryNotFoundError,
    "has no such revision": errors.RevisionNotFoundError,
    "cannot be reached, nor is it in the cache": errors.LocalEntryNotFoundError,
    "cannot be used: a name cannot be resolved": ConnectionError,
}


@pytest.mark.parametrize("problem", REFUSED)
def test_what_the_hub_refuses_is_one_line(problem, repositories, call, monkeypatch, run):
    kind = REFUSED[problem]
    error = kind.__new__(kind)
    error.args = ("a name cannot\nbe resolved",)
    repositories.fails = error
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(ConfigError) as caught:
        load_generator("hub:me/my-gan")
    (line,) = caught.value.problems
    assert line.startswith(f"load_generator: hub:me/my-gan {problem}")
    assert "\n" not in line
    code, _, err = call(export, f"run={run.folder}", "push=hub:me/my-gan")
    assert (code, "push: hub:me/my-gan" in err, "1 problem" in err, "Traceback" in err) == (2, True, True, False)


def test_what_is_no_generator_is_refused_before_anything_is_written(repositories, call, tmp_path, monkeypatch):
    (repositories.root / "me/text").mkdir(parents=True)
    small = [*tiny_overrides(*SMALL, "metrics=none"), f"output_dir={tmp_path / 'out'}"]
    cases = {
        "init_from=hub:me/text": "holds no generator.safetensors",
        "init_from=hub:text": "'hub:text' is not hub:owner/name",
        "init_from=hub:../../etc": "is not hub:owner/name",
    }
    for override, problem in cases.items():
        code, _, err = call(train_command, *small, override)
        assert (code, problem in err, "1 problem" in err, "Traceback" in err) == (2, True, True, False), err
    (repositories.root / "me/text/generator.safetensors").write_text("text")
    repositories.size = 2**40
    code, _, err = call(train_command, *small, "init_from=hub:me/text")
    assert (code, "more than" in err) == (2, True)
    repositories.size = 4
    code, _, err = call(train_command, *small, "init_from=hub:me/text")
    assert (code, "damaged, or not a safetensors file" in err) == (2, True), err
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repositories.fails = errors.OfflineModeIsEnabled("offline")
    code, _, err = call(train_command, *small, "init_from=hub:me/text")
    assert (code, "is not in the cache, and HF_HUB_OFFLINE is set" in err) == (2, True)
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    code, _, err = call(train_command, *small, "init_from=hub:me/text")
    assert (code, "pip install 'gan-experiments[hub]'" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_pushing_asks_for_one_thing(run, call, tmp_path):
    code, _, err = call(export, f"run={run.folder}", f"push={tmp_path / 'a'}", "output=b.onnx")
    assert (code, "push= writes none" in err) == (2, True)
    code, _, err = call(export, f"run={run.folder}", "push=hub:me")
    assert (code, "push: 'hub:me' is not hub:owner/name" in err) == (2, True)


def test_a_folder_that_cannot_be_made_is_refused_before_the_generator_is_read(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^push: .*x: cannot be written to: .*file is not a folder$"):
        push(None, str(tmp_path / "file" / "x"))
