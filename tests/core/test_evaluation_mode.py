from torch import nn

from gan_experiments.core.evaluation_mode import evaluation_mode


def test_evaluation_mode_restores_every_module():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).eval())
    with evaluation_mode(network):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == [True, True, False]
