import pytest
import yaml

from gan_experiments.core.yaml_size import refuse_huge


def test_what_a_config_holds_is_fine():
    refuse_huge("a: &a {b: [1, 2]}\nc: *a\nd: {<<: *a}\n--- 1\n")
    refuse_huge("")


@pytest.mark.parametrize(("levels", "huge"), [(4, False), (6, True)])
def test_values_are_counted_as_often_as_they_are_repeated(levels, huge):
    text = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, levels))
    if huge:
        with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
            refuse_huge(text)
    else:
        refuse_huge(text)


def test_depth_and_recursion_are_refused():
    with pytest.raises(yaml.YAMLError, match="deeper"):
        refuse_huge("[" * 65 + "]" * 65)
    with pytest.raises(yaml.YAMLError, match="part of"):
        refuse_huge("&a [*a]")
