"""A model called with the inputs of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def called(model: Callable[..., Any], x: Any) -> Any:
    """What a model makes of inputs: a tuple is several arguments, a dictionary named ones.

    >>> called(lambda a, b: a - b, (3, 1)), called(lambda a: a, 3), called(lambda a: a, {"a": 3})
    (2, 3, 3)
    """
    if isinstance(x, tuple | list):
        return model(*x)
    return model(**x) if isinstance(x, dict) else model(x)
