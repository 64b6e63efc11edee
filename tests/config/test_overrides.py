import re

import pytest

from gan_experiments.config.files import own_files
from gan_experiments.config.overrides import parse_value, read_overrides


def read(*lines, multirun=False, command="train"):
    return read_overrides(list(lines), own_files(command), multirun)


def test_groups_keys_and_deletions_are_told_apart():
    group, key, gone = read("loss=hinge", "+seed=3", "~penalty").changes
    assert (group.key, group.values, group.group, group.deletes) == ("loss", ("hinge",), True, False)
    assert (key.key, key.values, key.group, key.line) == ("seed", ("3",), False, "++seed=3")
    assert (gone.key, gone.values, gone.deletes) == ("penalty", (), True)


def test_one_that_is_wrong_hides_no_other():
    found = read("seed", "loss=hing", "a=[", "seed=1")
    assert [change.line for change in found.changes] == ["loss=hing", "seed=1"]
    assert found.changes[0].values == ("hinge",)  # taken for the nearest, to look at the rest
    assert [problem.key for problem in found.problems] == ["", "loss", ""]
    assert found.problems[0].text == "'seed' is not of the form key=value; did you mean seed=...?"
    assert read("word").problems[0].text == "'word' is not of the form key=value"
    assert read("hinge").problems[0].text == "'hinge' is not of the form key=value; did you mean loss=hinge?"


def test_a_folder_alone_is_asked_for_as_what_it_may_be(tmp_path):
    end = f"is not of the form key=value; did you mean {{}}={tmp_path}?"
    for command, key in ("sample", "run"), ("train", "dataset=image_folder dataset.root"):
        assert read(str(tmp_path), command=command).problems[0].text.endswith(end.format(key))
    (given,) = read(f"dataset={tmp_path}").problems
    assert given.text.endswith(f"; did you mean dataset=image_folder dataset.root={tmp_path}?")
    (tmp_path / "config.yaml").touch()
    assert read(str(tmp_path)).problems[0].text.endswith(end.format("resume"))
    for line in "faces.zip", "dataset=faces.zip":
        assert read(line).problems[0].text.endswith("; did you mean dataset=image_archive dataset.path=faces.zip?")


def test_a_folder_that_is_not_there_is_asked_for_as_one_of_images():
    for line in "/data/faces", "dataset=/data/faces":
        assert read(line).problems[0].text.endswith("; did you mean dataset=image_folder dataset.root=/data/faces?")


def test_a_word_that_the_shell_has_torn_off_is_put_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "My Pictures").mkdir()
    (problem,) = read("dataset=image_folder", "dataset.root=My", "Pictures").problems
    assert problem.text == "'Pictures' has a space before it, which needs quotes: 'dataset.root=My Pictures'"
    (whole,) = read("My Pictures").problems
    assert whole.text.endswith("; did you mean dataset=image_folder 'dataset.root=My Pictures'?")
    second = read("loss=hinge,", "minimax", multirun=True).problems[1]
    assert second.text == "'minimax' has a space before it; several values have none between them: loss=hinge,minimax"
    (other,) = read("dataset.root=My", "Photos").problems
    assert other.text.startswith("'Photos' is not of the form key=value")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("lr=1e-4,", "without the comma at its end: lr=1e-4"),
        ("betas=(0.5,0.9)", "a list is written betas=[0.5,0.9]"),
        ("loss=hinge dataset=mnist", "each override is a word of its own, not all of them in one pair of quotes"),
        ("lösss=hinge", "did you mean 'loss'?"),
        ("größe=3", "keys are of ASCII letters"),
        ("dataset.root=a/Bücher,b", "in quotes: \"dataset.root='a/Bücher,b'\""),
        ("name=a=b", "in quotes: \"name='a=b'\""),
    ],
)
def test_what_cannot_be_read_says_what_to_type_instead(line, hint):
    (problem,) = read(line).problems
    assert problem.text == f"'{line}' cannot be read; {hint}"


def test_spaces_around_the_sign_are_explained():
    texts = [problem.text for problem in read("loss", "=", "hinge").problems]
    assert texts[1] == "'=' cannot be read (no key stands before it: there are no spaces around =)"


def test_letters_beyond_ascii_need_no_quotes_of_their_own():
    (change,) = read("dataset.root=/data/Bücher und mehr").changes
    assert parse_value(change.values[0]) == "/data/Bücher und mehr"
    (change,) = read("dataset.root='/data/Bücher'").changes
    assert parse_value(change.values[0]) == "/data/Bücher"
    assert read("loss=hingé").problems[0].text.startswith("no option 'hingé'; did you mean 'hinge'?")


@pytest.mark.parametrize("value", ["", "null", "false", "off"])
def test_nothing_is_the_option_none(value):
    assert "did you mean 'none'?" in read(f"augment={value}").problems[0].text


def test_an_option_that_is_like_no_other_leaves_its_group_unchecked():
    found = read("loss=qqqqqqqq")
    assert found.unknown_groups == {"loss"}
    assert found.changes == []


def test_several_values_are_a_sweep():
    (swept,) = read("seed=range(0,3)", multirun=True).changes
    assert (swept.values, swept.sweep, swept.drawn) == (("0", "1", "2"), True, False)
    (drawn,) = read("batch_size=interval(1,4)", multirun=True).changes
    assert drawn.drawn
    (problem,) = read("seed=0,1").problems
    assert problem.text == "2 values need -m, which makes a run of each"  # a seed is no list


def test_overrides_of_hydra_are_kept_apart():
    found = read("hydra.sweep.dir=x", "seed=1")
    assert found.hydra_lines == ["hydra.sweep.dir=x"]
    assert [change.key for change in found.changes] == ["seed"]


def test_a_range_of_files_needs_no_quotes_of_its_own():
    (change,) = read("dataset.urls=shards/{0000..0063}.tar").changes
    assert parse_value(change.values[0]) == "shards/{0000..0063}.tar"


def test_a_path_in_the_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (change,) = read("dataset.root=~/pictures").changes
    assert parse_value(change.values[0]) == "/home/me/pictures"


def test_a_list_that_the_shell_has_cut_at_spaces_is_explained():
    found = read("penalty=[r1,", "lecam]", "seed=1")
    assert [change.line for change in found.changes] == ["seed=1"]
    assert found.problems[0].text.startswith("'penalty=[r1,' cannot be read")
    assert found.problems[0].text.endswith("; a list has no spaces, or is in quotes")
    assert read("penalty=[r1, lecam]").problems == []


@pytest.mark.parametrize("line", ["ramps.x={keys:[ema.half_life],", "ramps.x=keys:[ema.half_life]"])
def test_the_quotes_that_are_advised_for_a_mapping_can_be_read(line):
    (problem,) = read(line).problems
    advised = re.search("'(ramps.x={[^{}]*})'$", problem.text).group(1)
    assert read(advised).problems == []


@pytest.mark.parametrize(
    ("line", "meant"), [("loss=wgan", "wasserstein"), ("metrics=fid", "native"), ("metrics=[fid,kid]", "[native,kid]")]
)
def test_another_name_of_an_option_is_understood(line, meant):
    found = read(line)
    assert found.changes[0].values == (meant,)
    (problem,) = found.problems
    assert f"did you mean {meant.strip('[').partition(',')[0]!r}?" in problem.text


def test_a_list_is_suggested_where_it_can_be_chosen():
    for line in ("penalty=r1,lecam", "study=losses,penalties", "experiment=wgan,dcgan"):
        (problem,) = read(line).problems
        assert problem.text.endswith(f"; a list is written [{line.partition('=')[2]}]")
    for line in ("dataset.image_size=64,96", "output.classes=3,5", "trusted=a,b"):
        (problem,) = read(line).problems
        assert problem.text.endswith(f"; a list is written [{line.partition('=')[2]}]")
    for line in ("batch_size=16,32", "budget.images=1000,2000", "optimizer.generator.lr=0.1,0.2", "ema.half_life=1,2"):
        (problem,) = read(line).problems
        assert problem.text == "2 values need -m, which makes a run of each"
    (problem,) = read("budget.images=1,000,000").problems
    assert problem.text.endswith("; a number is written 1000000")
    for line in ("loss=hinge,wasserstein", "optimizer=adam,sgd"):
        (problem,) = read(line).problems
        assert problem.text == "2 values need -m, which makes a run of each"


@pytest.mark.parametrize("group", ["conditioning", "dataset", "loss", "model", "optimizer", "task", "trainer"])
def test_alternatives_are_not_chosen_together(group):
    one, other = own_files("train").options(group)[:2]
    found = read(f"{group}=[{one},{other}]", "seed")
    assert [str(problem) for problem in found.problems] == [
        f"{group}: takes one option; for a sweep: -m {group}={one},{other}",
        "'seed' is not of the form key=value; did you mean seed=...?",
    ]
    assert found.changes[0].values == (f"[{one}]",)  # to look at the rest
    assert read(f"{group}=[{one}]").problems == []


def test_a_command_without_sweeps_is_advised_none():
    found = read_overrides(["output=[grid,vidoe]"], own_files("sample"), multirun=False)
    one, unknown = found.problems
    assert str(one) == "output: takes one option"
    assert "no option 'vidoe'; did you mean 'video'?" in unknown.text


def test_an_option_is_given_once():
    found = read("penalty=[r1,lecam,r1]")
    assert [str(problem) for problem in found.problems] == ["penalty: 'r1' is given twice"]
    assert found.changes[0].values == ("[r1,lecam]",)


@pytest.mark.parametrize(
    "line",
    [
        "penalty=[r1,lecam]", "augment=[blur,ada]", "metrics=[native,kid]", "logger=[tensorboard,wandb]",
        "callbacks=[default,none]", "study=[losses,penalties]", "experiment=[dcgan,r3gan_loss]",
    ],
)  # fmt: skip
def test_options_that_go_together_are_chosen_together(line):
    found = read(line)
    assert found.problems == []
    assert found.changes[0].values == (line.partition("=")[2],)
    own_files("train").compose([line])


def test_alternatives_in_a_value_of_a_sweep_are_refused_too():
    (problem,) = read("loss=[hinge,wasserstein],minimax", multirun=True).problems
    assert str(problem).startswith("loss: takes one option")


def test_a_class_in_the_place_of_an_option_is_answered_with_how_a_component_is_added():
    (problem,) = read("penalty=mine.parts.Smooth").problems
    wanted = "+penalty.smooth._target_=mine.parts.Smooth trusted=[mine]"
    assert problem.text == f"no option 'mine.parts.Smooth'; did you mean {wanted}?"
    (problem,) = read("loss=mine.Cubic").problems
    assert problem.text.endswith("did you mean loss._target_=mine.Cubic ~loss.smoothing trusted=[mine]?")
    (problem,) = read("dataset=mine.Photos").problems  # which needs more than a class
    assert "_target_" not in problem.text


@pytest.mark.parametrize(
    ("line", "example"),
    [
        (
            "penalty=[lecam,{r1: {weight: 2, interval: 1}}]",
            ": penalty=[lecam,r1] penalty.r1.weight=2 penalty.r1.interval=1",
        ),
        ("penalty=[{r1: 2}]", ": penalty=[r1]"),
        ("penalty=[[r1]]", ""),
        ("penalty=[{mine: {weight: 2}}]", ""),
    ],
)
def test_a_list_of_options_with_values_in_it_is_answered_with_how_they_are_set(line, example):
    (problem,) = read(line).problems
    text = "a list of options has their names alone; what is set in one is written beside it"
    assert (problem.key, problem.text) == ("penalty", text + example)
