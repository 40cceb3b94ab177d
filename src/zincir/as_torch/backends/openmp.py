"""`torch.backends.openmp`: OpenMP, which is not used: threads are Zincir's own."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False
