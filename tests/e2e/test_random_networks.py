"""Networks at random through the whole path. Each is reproduced by its seed alone:

pytest "tests/e2e/test_random_networks.py::test_a_network[7]"
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .network_checks import check_network, no_compiler_warnings
from .random_networks import network

FAST = range(4)
SLOW = range(4, 500)


@pytest.mark.parametrize("seed", [*FAST, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)])
def test_a_network(seed: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module, inputs = network(seed)
    check_network(module, inputs, tmp_path, thorough=seed not in FAST)
    no_compiler_warnings(capfd)


def test_a_network_is_its_seed() -> None:
    first, inputs = network(3)
    second, again = network(3)
    assert repr(first) == repr(second)
    assert all(a.equal(b) for a, b in zip(inputs, again, strict=True))
    assert all(a.equal(b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
