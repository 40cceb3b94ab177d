"""Tensors print as PyTorch's do, under all options."""

import re
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

VALUES: list[Any] = [
    1.0, 1.5, 3, True, float("nan"), [], [0.0, 0.0], [-0.0, 0.0], [1.0, 1e9], [1.0, 2000.0],
    [1.0, float("nan"), 2.0], [1.5, 2000.0], [float("inf"), 1.5], [-float("inf"), 15.0],
    [1e-5, 1e-5], [[1.0, float("inf")], [0, -1.5]], [float("nan"), 1.5e-7, 0], [1, -20, 300],
    [True, False], [[]], [[1.25, -3.0], [100.0, 0.001]], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
    np.arange(30), np.arange(2000), np.arange(40).reshape(2, 20) / 7,
    np.arange(3000).reshape(50, 60) / 7, np.arange(1500).reshape(3, 5, 100),
    np.arange(1200.0).reshape(2, 600), np.array([1.5, 2.5]), np.array([[7]], np.int32),
    [1 + 2j, -3.5 - 1e-3j], [[1j, 2.0], [complex(1, -0.0), 30j]], 2 - 1j,
]  # fmt: skip

OPTIONS: list[dict[str, Any]] = [
    {}, {"sci_mode": True}, {"sci_mode": False}, {"precision": 2}, {"precision": 8},
    {"threshold": 5, "edgeitems": 1}, {"linewidth": 20}, {"profile": "short"},
    {"profile": "full", "linewidth": 200}, {"threshold": 10, "edgeitems": 2, "precision": 0},
]  # fmt: skip


def one_line(text: str) -> str:
    return re.sub(r",\n +dtype", ", dtype", text)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_printing(options: dict[str, Any]) -> None:
    before = zincir.get_printoptions(), torch._tensor_str.get_printoptions()
    zincir.set_printoptions(**options)
    torch.set_printoptions(**options)
    try:
        assert zincir.get_printoptions() == torch._tensor_str.get_printoptions()
        for value in VALUES:
            ours, theirs = repr(zincir.tensor(value)), repr(torch.tensor(value))
            # Our name is a letter longer: it may be what fills a line.
            assert one_line(ours).replace("zincir.", "torch.") == one_line(theirs)
        for size in range(10, 20):
            ours, theirs = (repr(lib.ones(size, requires_grad=True)) for lib in (zincir, torch))
            assert ours == theirs
    finally:
        zincir.set_printoptions(**before[0])
        torch.set_printoptions(**before[1])


def test_for_a_while_and_refused() -> None:
    with zincir.printoptions(precision=1):
        assert repr(zincir.tensor(1.26)) == "tensor(1.3)"
    assert repr(zincir.tensor(1.26)) == "tensor(1.2600)"
    with pytest.raises(zincir.errors.ArgumentError, match="profile"):
        zincir.set_printoptions(profile="long")
