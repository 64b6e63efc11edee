import pytest

from gan_experiments.config.command_schemas import SampleConfig
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.files import conf_dir, own_files
from gan_experiments.config.schema import Config
from gan_experiments.config.suggestions import key_aliases, likely_keys, option_aliases, options_called
from gan_experiments.core.dotted import value_of

GROUPS = sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


@pytest.mark.parametrize("group", GROUPS)
def test_no_other_name_is_that_of_an_option(group):
    assert not option_aliases(group).keys() & set(own_files("train").options(group))


def test_an_option_may_have_several_other_names():
    assert option_aliases("loss")["wgan"] == "wasserstein"
    assert option_aliases("metrics")["fid"] == option_aliases("metrics")["is"] == "native"


@pytest.mark.parametrize("name", ["train", "sample", "evaluate"])
def test_the_other_names_of_keys_lead_to_keys_that_exist(name):
    files = own_files(name)
    for alias, key in key_aliases(name).items():
        group = key.partition(".")[0]
        lines = [f"{group}={option}" for option in (files.options(group) if group in files.groups else [])]
        assert key in files.groups or any(
            has_key(files.compose([line] if line else []).config, key) for line in ["", *lines]
        ), alias


def has_key(config, key):
    parent, _, last = key.rpartition(".")
    return last in ((value_of(config, parent) if parent else config) or {}).keys()  # noqa: SIM118 - "in" hides "???"


def test_keys_are_known_by_the_words_of_other_frameworks():
    aliases = key_aliases("train")
    assert aliases["epochs"] == aliases["kimg"] == "budget.images"
    words = {"gamma": "penalty.r1.weight", "mirror": "dataset.horizontal_flip", "snap": "callbacks.checkpoint.every"}
    words |= {"d_cond_mtd": "conditioning", "g_ema_decay": "ema.half_life", "apply_r1_reg": "penalty"}
    words |= {"cond": "conditioning", "cfg": "experiment", "aug": "augment", "batch": "batch_size"}
    assert words.items() <= aliases.items()
    assert key_aliases("sample")["trunc"] == "output.values"
    assert key_aliases("no such config") == {}


def test_a_key_that_the_chosen_option_lacks_is_not_suggested_in_its_own_place():
    assert key_aliases("train")["image_size"] == "dataset.image_size"
    assert likely_keys("dataset.image_size", ["limit"], {"dataset": {"limit": 1}}, own_files("train")) == []


def test_a_neighbour_of_a_key_comes_before_another_name():
    files = own_files("train")
    assert likely_keys("penalty.cr.flip", ["flips"], {}, files) == ["flips"]
    assert likely_keys("penalty.r1.flip", ["weight"], {}, files) == ["dataset.horizontal_flip"]
    assert likely_keys("flip", ["flips"], {}, files) == ["dataset.horizontal_flip"]


def test_a_key_of_the_root_is_rather_one_of_that_name_elsewhere_than_one_that_is_like_it():
    assert likely_keys("limit", ["init"], {"a": {"b": {"limit": 1}}, "dataset": {"limit": 1}}) == [
        "dataset.limit",
        "a.b.limit",
    ]
    assert likely_keys("limt", ["limits"], {}) == ["limits"]


@pytest.mark.parametrize(
    ("word", "choices"),
    [
        ("wandb", ["logger=wandb"]),
        ("use_wandb", ["logger=wandb"]),
        ("Use-WandB", ["logger=wandb"]),
        ("distributed", ["trainer=ddp"]),
        ("wgan-gp", ["experiment=wgan_gp", "loss=wasserstein", "optimizer=wgan_gp", "penalty=wgan_gp"]),
        ("optuna", ["hydra/sweeper=optuna"]),
        ("disabled", []),  # of groups of Hydra that are not used
        ("base", []),  # which is no option
    ],
)
def test_options_are_found_by_what_they_are_called_in_any_group(word, choices):
    assert options_called(word, own_files("train")) == choices


def said(*overrides, command="train", schema=Config):
    """Return what is said of overrides that cannot be used."""
    return [str(problem) for problem in check_command_line(command, schema, overrides).problems]


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("wandb=true", "wandb: no such key; did you mean 'logger=wandb'?"),
        ("spectral_norm=true", "did you mean 'model.discriminator.spectral_norm'?"),
        ("image_size=64x64", "did you mean 'dataset.image_size'?"),
        ("scheduler=cosine", "did you mean 'optimizer.schedule.kind'?"),
        ("betas=[0,0.9]", "did you mean 'optimizer.generator.betas' or 'optimizer.discriminator.betas'?"),
        ("use_fp16=true", "did you mean 'trainer.precision'?"),
        ("img_channels=3", "did you mean 'dataset.channels'?"),
        ("clip_value=0.1", "did you mean 'penalty.weight_clipping.bound'?"),
        ("sample_every=3", "did you mean 'callbacks.samples.every', in images?"),
        ("ema.decay=0.99", "did you mean 'ema.half_life', in images?"),
        ("wandb_project=x", "did you mean 'logger.wandb.project'?"),
        ("label_smoothing=0.1", "did you mean 'loss.smoothing'?"),
        ("grad_accum=2", "did you mean 'model.microbatch'?"),
        ("gpus=2", "gpus: no such key; did you mean trainer=ddp trainer.devices=2?"),
        ("trainer.gpus=1", "did you mean trainer=gpu?"),
        ("devices=4", "did you mean trainer=ddp trainer.devices=4?"),
        ("n_gpus=0", "did you mean trainer=cpu?"),
        ("gpus=-1", "did you mean trainer=ddp?"),
        (
            "gpu_ids=[2,3]",
            "did you mean CUDA_VISIBLE_DEVICES=2,3 before the command and trainer=ddp trainer.devices=2?",
        ),
        ("gpus=x", "did you mean 'trainer.devices'?"),
        ("device=cuda:1", "did you mean trainer=gpu?"),
        ("use_cuda=true", "did you mean trainer=gpu?"),
        ("device=cpu", "did you mean trainer=cpu?"),
        ("sweep.dir=x", "sweep.dir: no such key; the folder of a sweep is hydra.sweep.dir=..."),
        ("baseline=hinge", "baseline: no such key; of hydra/sweeper=sequential it is hydra.sweeper.baseline"),
        ("score=best", "score: no such key; of hydra/sweeper=optuna or sequential it is hydra.sweeper.score"),
        ("n_jobs=2", "n_jobs: no such key; jobs run side by side with hydra/launcher=joblib"),
        ("device=tpu", "did you mean 'trainer.accelerator'?"),
        ("loss.name=hinge", "loss.name: no such key; did you mean loss=hinge?"),
        ("loss=wgan-gp", "did you mean 'wasserstein'? ("),
        ("loss=wgan-gp", "; of other groups: experiment=wgan_gp, optimizer=wgan_gp, penalty=wgan_gp"),
        ("loss=r1", "; of other groups: penalty=r1"),
        ("logger=tb", "did you mean 'tensorboard'?"),
        ("conditioning=true", "did you mean 'projection'?"),
        ("compile=true", "compile: no such key; networks are not compiled here"),
        ("weight_decay=0", "+optimizer.generator.weight_decay=..."),
        ("dry_run=true", "dry_run: no such key; --cfg job"),
        ("resume=true", "resume: true is not the folder of a run or null"),
        ("trainer.accelerator=cuda", "did you mean 'gpu'?"),
        ("trainer.precision=fp16", "did you mean '16-mixed'?"),
        ("optimizer.schedule=cosine", "; did you mean .kind=cosine below it?"),
        ("fp16", "did you mean trainer.precision=...?"),
        ("wgan", "did you mean experiment=wgan or loss=wasserstein or optimizer=wgan?"),
    ],
)
def test_words_of_other_programs_lead_to_what_is_called_so_here(override, answer):
    (problem,) = said(override)
    assert answer in problem


def test_what_a_key_is_called_elsewhere_counts_more_than_a_key_that_is_like_it():
    (problem,) = said("dataset=image_folder", "dataset.root=.", "dataset.size=32")
    assert problem.startswith("dataset.size: no such key; did you mean 'dataset.image_size'? (")


def test_another_command_does_not_answer_with_keys_of_training():
    (problem,) = said("run=here", "weight_decay=0", command="sample", schema=SampleConfig)
    assert problem == "weight_decay: no such key"


def test_weight_decay_is_passed_on_as_it_is_said():
    assert said("+optimizer.generator.weight_decay=0.1", "+optimizer.discriminator.weight_decay=0.1") == []


@pytest.mark.parametrize(
    ("override", "flags"),
    [
        ("loss=cubic", "--config-dir conf loss=cubic"),
        ("loss=cubic.yaml", "--config-dir conf loss=cubic"),
        ("loss=conf/loss/cubic.yaml", "--config-dir conf loss=cubic"),
        ("penalty=[r1,soft]", "--config-dir . penalty=soft"),
        ("conf/loss/cubic.yaml", "--config-dir conf loss=cubic"),
        ("config.yaml", "--config-dir . --config-name config"),
        ("run/config.yaml", "--config-dir run --config-name config"),
        ("experiment=run/config.yaml", "--config-dir run --config-name config"),
    ],
)
def test_a_file_of_the_user_s_is_answered_with_the_flags_that_read_it(tmp_path, monkeypatch, override, flags):
    monkeypatch.chdir(tmp_path)
    for path in "conf/loss/cubic.yaml", "penalty/soft.yaml":
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("_target_: gan_experiments.losses.hinge.Hinge\nmargin: 1.0\n")
    (problem,) = said(override)
    assert f"; did you mean {flags}?" in problem
    if "loss=" in flags:
        folder, choice = flags.split()[1:]
        assert check_command_line("train", Config, [choice], folder).problems == []


@pytest.mark.parametrize("option", ["x" * 5000, "../" * 3000, "x/" * 3000, "..", "/"])
def test_no_file_is_looked_for_by_a_name_that_is_none(option):
    for group in "loss", "dataset":
        (problem,) = said(f"{group}={option}")
        assert "--config-dir" not in problem
