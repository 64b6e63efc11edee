"""What is said of a class that is given in another place or way than a component has it."""

import pytest

from gan_experiments.api.request import checked_request
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError

SEVERAL = "several components can be here, each below a name of its own: "


def answer(*overrides):
    """The one line that a command with these overrides is answered with."""
    line = check_command_line("train", Config, overrides)
    problems = list(map(str, line.problems))
    if not problems:
        with pytest.raises(ConfigError) as refused:
            checked_request(line, Config, print)
        problems = refused.value.problems
    (text,) = problems
    assert text.isprintable()
    return text


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("penalty._target_=a.B", f"penalty._target_: no such key; {SEVERAL}+penalty.b._target_=a.B trusted=[a]"),
        ("augment._target_=a.B", f"augment._target_: no such key; {SEVERAL}+augment.b._target_=a.B trusted=[a]"),
        ("+augment._target_=a.B", f"augment: {SEVERAL}+augment.b._target_=a.B trusted=[a]"),
        ("+penalty._target_=torch.nn.ReLU", f"penalty: {SEVERAL}+penalty.relu._target_=torch.nn.ReLU ("),
        ("optimizer._target_=torch.optim.SGD", "optimizer._target_: no such key; optimizer is no component, but holds "
         "some; did you mean optimizer.generator._target_=torch.optim.SGD or "
         "optimizer.discriminator._target_=torch.optim.SGD?"),
        ("+optimizer._target_=a.B", "optimizer: no component, but holds some; did you mean "
         "optimizer.generator._target_=a.B or optimizer.discriminator._target_=a.B trusted=[a]?"),
        ("trainer._target_=a.B", "trainer._target_: no such key; trainer is no component: it has no class, but values "
         "(accelerator, "),
        ("+trainer._target_=a.B", "trainer: no component: it has no class, but values (accelerator, "),
        ("task._target_=a.B", "task._target_: no such key; to add a component: +task._target_=a.B trusted=[a]"),
        ("conditioning._target_=a.B", "conditioning._target_: no such key; it is chosen by name, "
         "conditioning=NAME (acgan, "),
        ("generator._target_=a.B", "generator._target_: no such key; did you mean optimizer.generator._target_=a.B or "
         "model.generator._target_=a.B trusted=[a]?"),
        ("lss._target_=a.B", "lss._target_: no such key; did you mean loss._target_=a.B trusted=[a]?"),
        ("_target_=a.B", "_target_: no such key; it belongs to a component, as in loss._target_=a.B"),
        ("loss._target_=hinge", "loss._target_: 'hinge' is the name of an option; did you mean loss=hinge?"),
        ("model.generator._target_=DCGANGenerator", "model.generator._target_: 'DCGANGenerator' is a class without its "
         "module; did you mean model.generator._target_=gan_experiments.networks.dcgan.DCGANGenerator?"),
        ("model.generator._target_=DCGANGenerators", "model.generator._target_: 'DCGANGenerators' is not the dotted"),
        ("metrics.measures._target_=a.B", f"metrics.measures._target_: no such key; {SEVERAL}"
         "+metrics.measures.b._target_=a.B trusted=[a]"),
        ("model.generator=a.B", "model.generator: the class of a component is given as model.generator._target_=a.B "
         "trusted=[a]"),
        ("model.generator.class=a.B", "model.generator.class: no such key; did you mean model.generator._target_=a.B "),
        ("optimizer=torch.optim.SGD", "optimizer: no option 'torch.optim.SGD'; did you mean "
         "optimizer.generator._target_=torch.optim.SGD optimizer.discriminator._target_=torch.optim.SGD?"),
        ("augment=torch.nn.Identity", "augment: no option 'torch.nn.Identity'; did you mean "
         "+augment.identity._target_=torch.nn.Identity?"),
    ],
)  # fmt: skip
def test_a_class_at_the_wrong_key_is_answered_with_how_it_is_given(override, meant):
    assert answer(override).startswith(meant)


def test_what_is_trusted_already_is_not_asked_for():
    assert "trusted" not in answer("penalty._target_=a.B", "trusted=[a]")
    assert answer("penalty._target_=a.B", "trusted=[c]").count("trusted=[c,a]") == 1


def test_several_of_a_list_have_a_name_each():
    assert f"{SEVERAL}+penalty.b._target_=a.B" in answer("penalty=[r1,lecam]", "penalty._target_=a.B")


def test_arguments_of_the_class_before_are_left_out():
    hinge = "loss._target_=gan_experiments.losses.hinge.Hinge"
    left = "loss.smoothing: no such key; the class that you name has none, ~loss.smoothing leaves it out"
    assert answer(hinge) == left
    assert answer(hinge, "loss.margin=2").endswith("; +loss.margin=... passes it to the class that you name")
    line = check_command_line("train", Config, [hinge, "~loss.smoothing"])
    assert checked_request(line, Config, print).config["loss"] == {"_target_": "gan_experiments.losses.hinge.Hinge"}


def test_what_holds_a_module_of_the_users_own_is_named():
    wrong = answer("model.generator._target_=torch.nn.Identity")
    assert "gan_experiments.networks.plain.ModuleGenerator can hold it" in wrong
    assert "can hold it" not in answer("model.generator._target_=gan_experiments.networks.dcgan.DCGANDiscriminator")
    assert "can hold it" not in answer("model.generator._target_=gan_experiments.losses.hinge.Hinge")


def test_a_component_may_be_added_below_its_class_or_before_it():
    parts = ["+callbacks.x.callback._target_=pytorch_lightning.Callback", "+callbacks.x._target_=torch.nn.ReLU"]
    assert check_command_line("train", Config, parts).problems == []
