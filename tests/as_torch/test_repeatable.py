"""Switches that scripts set at their top."""

import pytest

from zincir.as_torch import root as torch
from zincir.errors import ArgumentError, DTypeError


def state() -> tuple[bool, bool, int]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_deterministic_debug_mode(),
    )


def test_what_is_asked_for_is_kept() -> None:
    assert state() == (False, False, 0)
    torch.use_deterministic_algorithms(True)
    assert state() == (True, False, 2)
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert state() == (True, True, 1)
    torch.use_deterministic_algorithms(False, warn_only=True)
    assert state() == (False, False, 0)
    for k, name in enumerate(("default", "warn", "error")):
        torch.set_deterministic_debug_mode(name)
        assert state()[2] == k
    torch.set_deterministic_debug_mode(0)


def test_bad_modes() -> None:
    with pytest.raises(DTypeError, match="has to be a bool"):
        torch.use_deterministic_algorithms(1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no such mode"):
        torch.set_deterministic_debug_mode("x")
    assert state() == (False, False, 0)


def test_precision_of_products() -> None:
    torch.set_float32_matmul_precision("medium")
    assert torch.get_float32_matmul_precision() == "medium"
    with pytest.warns(UserWarning, match="no effect"):
        torch.set_float32_matmul_precision("low")
    assert torch.get_float32_matmul_precision() == "medium"
    torch.set_float32_matmul_precision("highest")
