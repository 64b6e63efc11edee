import pytest
from PIL import UnidentifiedImageError

from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.unreadable import problem, refuse, warn

BAD = {f"{number}.png": "not an image" for number in range(4)}


def test_the_reason_is_one_short_line():
    assert problem(UnidentifiedImageError("cannot identify image file <_io.BytesIO>")) == "not an image"
    assert problem(ValueError("broken\ndata " * 100)) == ("broken data " * 100)[:120]
    assert problem(EOFError()) == "EOFError"


def test_more_than_the_limit_are_refused():
    refuse(BAD, 10, max_bad=4)
    with pytest.raises(ConfigError, match=r"^dataset: more than max_bad=3 of 10 images cannot be read: 0.png \(not an"):
        refuse(BAD, 10, max_bad=3)
    with pytest.raises(ConfigError, match=r"max_bad=3 images cannot be read: .*, 3.png \(not an image\)$"):
        refuse(BAD, None, max_bad=3)


def test_all_of_them_are_refused():
    with pytest.raises(ConfigError, match="none of 4 images can be read"):
        refuse(BAD, 4, max_bad=10)
    refuse({}, 0, max_bad=10)


def test_files_that_are_left_out_are_named(capsys):
    warn({}, 10)
    assert capsys.readouterr().err == ""
    warn({"a.png": "not an image"}, 10)
    expected = "Warning: 1 of 10 images cannot be read and are left out: a.png (not an image)\n"
    assert capsys.readouterr().err == expected
