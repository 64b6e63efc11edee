import numpy as np
import pytest
import torch

from gan_experiments.penalties.historical_averaging import HistoricalAveraging


def vector(network):
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in network.parameters()])


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_the_term_is_the_squared_distance_from_the_mean_of_the_past(parts, name):
    step = parts.step()
    penalty, network = HistoricalAveraging(network=name), getattr(step, name)
    penalty.prepare(step.generator, step.discriminator)
    past, other = [], {"generator": "discriminator", "discriminator": "generator"}[name]
    for count in range(4):
        value = getattr(penalty, name)(step)
        mean = np.mean(past, axis=0) if past else vector(network)
        assert value.item() == pytest.approx(((vector(network) - mean) ** 2).sum(), rel=1e-4)
        gradients = torch.autograd.grad(value, list(network.parameters()))
        found = np.concatenate([gradient.numpy().ravel() for gradient in gradients])
        np.testing.assert_allclose(found, 2 * (vector(network) - mean), rtol=1e-4, atol=1e-6)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += torch.randn_like(parameter)
        getattr(penalty, f"after_{name}_step")(network)
        past.append(vector(network))
        assert getattr(penalty, other)(step) is None
        getattr(penalty, f"after_{other}_step")(getattr(step, other))
        assert penalty.get_buffer(f"{name}_steps") == count + 1
    assert set(penalty.state_dict()) == {f"{name}_mean", f"{name}_steps"}
