import subprocess
import sys

from gan_experiments.core.types import ConfigError, DataFacts


def test_a_config_error_holds_its_problems():
    assert ConfigError("one").problems == ["one"]
    assert ConfigError(["one", "two"]).problems == ["one", "two"]
    assert str(ConfigError(["one", "two"])) == "one\ntwo"


def test_facts_are_plain_values():
    facts = DataFacts("digits", 8, 1, num_classes=10)
    assert DataFacts(**facts.as_dict()) == facts
    assert facts.as_dict()["num_images"] is None


def test_types_do_not_import_torch():
    code = "import sys, gan_experiments.core.types; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
