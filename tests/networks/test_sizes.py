from gan_experiments.core.types import DataFacts
from gan_experiments.networks.sizes import POWERS_OF_TWO, multiples, smallest_maps


def test_the_smallest_maps_are_the_images_halved():
    assert smallest_maps(DataFacts("images", (16, 48), 3), 2) == (4, 12)
    assert {smallest_maps(DataFacts("images", size, 3), times) for size, times in POWERS_OF_TWO.items()} == {(4, 4)}


def test_the_longer_side_is_to_be_halved_as_often():
    assert multiples({28: 2, 32: 3}) == {28: 4, 32: 8}
