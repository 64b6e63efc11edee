import pytest
import torch
from torch.nn.functional import conv2d

from gan_experiments.core.precision import full_float32, in_float32


def flags():
    return (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)


@pytest.fixture(params=[True, False])
def allowed(monkeypatch, request):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if request.param else "highest")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", request.param)
    yield (request.param, request.param)
    torch.set_float32_matmul_precision(before)


def test_tf32_is_off_inside_and_as_before_after(allowed):
    asked = torch.get_float32_matmul_precision()
    with full_float32():
        assert flags() == (False, False)
    assert flags() == allowed
    with pytest.raises(KeyError), full_float32():
        raise KeyError
    assert flags() == allowed
    assert torch.get_float32_matmul_precision() == asked


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("allowed", [True], indirect=True)
def test_convolutions_on_a_gpu_are_those_of_float32(allowed):
    images, weights = torch.randn(8, 64, 16, 16), torch.randn(64, 64, 3, 3)
    exact = conv2d(images.double(), weights.double())
    with full_float32():
        full = conv2d(images.cuda(), weights.cuda()).cpu()
    short = conv2d(images.cuda(), weights.cuda()).cpu()
    errors = [((found - exact).norm() / exact.norm()).item() for found in (full, short)]
    assert errors[0] < 1e-5 < errors[1]


@pytest.mark.parametrize(
    ("dtype", "expected"), [("bfloat16", "float32"), ("float32", "float32"), ("float64", "float64")]
)
def test_half_precision_is_converted_and_double_stays(dtype, expected):
    values = in_float32(torch.ones(2, dtype=getattr(torch, dtype)))
    assert values.dtype == getattr(torch, expected)
