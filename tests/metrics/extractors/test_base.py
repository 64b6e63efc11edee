import torch

from gan_experiments.core.weights import hash_weights


def test_hash_is_of_names_shapes_and_values():
    weights = {"a": torch.arange(6.0), "b": torch.ones(2)}
    same = {"b": torch.ones(2), "a": torch.arange(6.0)}
    assert hash_weights(weights) == hash_weights(same)
    others = [
        {**weights, "b": torch.tensor([1.0, 1.0000001])},
        {**weights, "a": torch.arange(6.0).view(2, 3)},
        {**weights, "b": torch.ones(2).double()},
        {"a": weights["a"], "c": weights["b"]},
        {"a": weights["a"]},
    ]
    assert len({hash_weights(state) for state in [weights, *others]}) == 6


def test_hash_does_not_depend_on_the_memory_format():
    weight = torch.randn(4, 3, 3, 3)
    assert hash_weights({"w": weight}) == hash_weights({"w": weight.to(memory_format=torch.channels_last)})
