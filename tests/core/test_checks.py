from gan_experiments.core.checks import ConfigView, Problem

CONFIG = {"seed": 3, "penalty": {"r1": {"weight": -1, "interval": 4}, "lecam": {}}, "model": {"generator": {}}}


def view(*refused):
    classes = {"penalty.r1": int, "penalty.lecam": float, "penalty.r1.inner": str, "model.generator": bool}
    return ConfigView(CONFIG, classes, frozenset(refused))


def test_a_value_is_read_by_its_dotted_key():
    assert view().get("penalty.r1.interval") == 4
    assert view().get("penalty.r1.wieght", 7) == view().get("seed.deeper", 7) == 7


def test_what_is_refused_and_what_lies_below_it_is_not_shown():
    assert view("penalty.r1.weight").get("penalty.r1.weight") is None
    assert view("penalty.r1.weight").get("penalty.r1.interval") == 4
    assert view("penalty").get("penalty.r1.interval", 1) == 1


def test_the_components_of_a_group_are_those_directly_below_it():
    assert view().components("penalty") == {"r1": int, "lecam": float}
    assert view().components("loss") == {}
    assert (view().component("penalty.r1.inner"), view().component("model")) == (str, None)


def test_a_problem_is_one_line_that_a_terminal_can_print():
    assert str(Problem("a.b", "is wrong")) == "a.b: is wrong"
    assert str(Problem("", "is wrong")) == "is wrong"
    assert str(Problem("a\x1b", "is\nwrong")).isprintable()
