"""What stops a training."""

from __future__ import annotations

from zincir.errors import ZincirError


class NotFinite(ZincirError, ArithmeticError):
    """The loss is NaN or infinite."""
