"""Networks as training leaves them, and their size."""

from torch import nn


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def wake(network):
    """Give normalizations and noise other values than the initial ones, as training does."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.normal_(module.bias)
        if getattr(module, "strengths", None) is not None:
            nn.init.normal_(module.strengths)
    return network.eval()
