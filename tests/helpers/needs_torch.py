"""Marks of tests of what only newer versions of torch can do."""

import pytest

from gan_experiments.core.torch_version import too_old

DEEP = pytest.mark.skipif(bool(too_old((2, 10))), reason=f"images of 16 bits need {too_old((2, 10))}")
EXPORTS = pytest.mark.skipif(bool(too_old((2, 8))), reason=f"needs {too_old((2, 8))}")
