"""Switches that scripts set at their top."""

import pytest

import zincir
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


def test_the_state_of_the_generator_is_bytes_as_in_pytorch() -> None:
    from zincir.as_torch.random import get_rng_state

    before = get_rng_state()
    assert (before.dtype, before.shape) == (zincir.uint8, (16,))
    drawn = zincir.rand(4).tolist()
    for saved in (before, before.cpu().byte(), before.clone().to(zincir.uint8)):
        zincir.set_rng_state(saved)
        assert zincir.rand(4).tolist() == drawn


def test_a_state_that_lost_bits_is_refused() -> None:
    lost = zincir.from_numpy(zincir.get_rng_state()).byte()
    with pytest.raises(ValueError, match="not the state of a generator"):
        zincir.set_rng_state(lost)
