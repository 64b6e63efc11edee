import pytest

from gan_experiments.sweeps.search.space import Interval, Options, read_space


def space(*lines, per=()):
    return read_space(list(lines), per)


class Drawn:
    """Stands for a trial; returns given values."""

    def __init__(self, value):
        self.value = value
        self.asked = ()

    def suggest_float(self, *asked, **log):
        self.asked = (*asked, log["log"])
        return self.value

    suggest_int = suggest_float

    def suggest_categorical(self, *asked):
        self.asked = asked
        return self.value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("interval(0.5,2)", Interval(0.5, 2.0, log=False)),
        ("tag(log, interval(1e-5,1e-2))", Interval(1e-5, 1e-2, log=True)),
        ("int(interval(4,64))", Interval(4, 64, log=False)),
        ("tag(log, int(interval(4,64)))", Interval(4, 64, log=True)),
        ("choice(a,b)", Options(("a", "b"))),
        ("a,b,a", Options(("a", "b"))),
        ("[1,2],[3]", Options(("[1,2]", "[3]"))),
        ("range(2,8,2)", Options(("2", "4", "6"))),
    ],
)
def test_sweeps_are_distributions(text, meant):
    assert space(f"key={text}").drawn == {"key": meant}


def test_what_is_drawn_is_a_short_number_within_the_bounds():
    assert Interval(1e-5, 1e-2, log=True).draw(Drawn(0.000123456), "lr") == "0.0001235"
    assert Interval(0.1, 0.12345, log=False).draw(Drawn(0.12345), "lr") == "0.12345"
    trial = Drawn(7)
    assert Interval(4, 64, log=True).draw(trial, "width") == "7"
    assert trial.asked == ("width", 4, 64, True)
    assert Options(("a", "b")).draw(Drawn("b"), "loss") == "b"


def test_the_rest_is_fixed_and_arms_are_all_combinations():
    read = space(
        "loss=hinge,wasserstein", "penalty=none,r1", "seed=3", "~ema", "lr=interval(0,1)", per=["loss", "penalty"]
    )
    assert read.fixed == ["seed=3", "~ema"]
    assert list(read.arms) == [
        f"loss={loss} penalty={penalty}" for loss in ("hinge", "wasserstein") for penalty in ("none", "r1")
    ]
    assert read.arms["loss=hinge penalty=r1"] == ["loss=hinge", "penalty=r1"]
    assert list(read.drawn) == ["lr"]


def test_the_last_of_a_key_counts_and_an_arm_may_be_one():
    read = space("lr=interval(0,1)", "loss=a,b", "lr=interval(0,2)", "loss=a", per=["loss"])
    assert read.drawn == {"lr": Interval(0.0, 2.0, log=False)}
    assert read.arms == {"all": []}
    assert read.fixed == ["loss=a"]


@pytest.mark.parametrize(
    ("lines", "per", "reason"),
    [
        (("lr=0.1",), (), "nothing to search"),
        (("loss=a,b",), ("loss",), "nothing to search"),
        (("lr=interval(1,2)", "name=x"), (), "name: every trial needs its own folder"),
        (("lr=interval(1,2)", "name=x,y"), (), "name: every trial needs its own folder"),
        (("lr=interval(2,1)",), (), "is empty"),
        (("lr=tag(log, interval(0,1))",), (), "logarithm"),
        (("lr=tag(log, choice(1,2))",), (), "only an interval"),
        (("lr=interval(0,1)",), ("lr",), "needs single values"),
    ],
)
def test_what_cannot_be_searched_is_said(lines, per, reason):
    with pytest.raises(ValueError, match=reason):
        space(*lines, per=per)
