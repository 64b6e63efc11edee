from inspect import Parameter

from gan_experiments.core.signatures import constructor_parameters


class Base:
    def __init__(self, limit=None, seed=0):
        pass


class Between(Base):
    pass


class Own(Between):
    def __init__(self, root, limit=5, **options):
        super().__init__(limit, **options)


class Closed(Own):
    def __init__(self, root, split="train"):
        super().__init__(root)


def test_keyword_arguments_are_those_of_the_next_constructor():
    parameters = constructor_parameters(Own)
    assert {name: it.default for name, it in parameters.items()} == {"root": Parameter.empty, "limit": 5, "seed": 0}


def test_without_keyword_arguments_the_constructor_is_all():
    assert list(constructor_parameters(Closed)) == ["root", "split"]
    assert list(constructor_parameters(Between)) == ["limit", "seed"]
    assert constructor_parameters(type("Empty", (), {})) == {}


def test_what_has_no_name_is_no_parameter():
    class Rest(Base):
        def __init__(self, first, /, *rest, named=1, **options):
            pass

    assert list(constructor_parameters(Rest)) == ["named", "limit", "seed"]
