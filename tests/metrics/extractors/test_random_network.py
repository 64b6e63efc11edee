import torch
from pixels import noise

from gan_experiments.metrics.extractors.random_network import RandomNetwork


def test_weights_depend_on_the_seed_alone():
    data, found = noise(), []
    for ambient, seed in ((1, 0), (2, 0), (2, 1)):
        torch.manual_seed(ambient)
        extractor = RandomNetwork(width=4, seed=seed)
        extractor.prepare(data)
        features, logits = extractor(data.images)
        assert features.shape == (3, 16)
        assert logits is None
        found.append((extractor.weight_hash, features))
    assert found[0][0] == found[1][0] != found[2][0]
    assert torch.equal(found[0][1], found[1][1])
