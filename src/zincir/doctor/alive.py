"""Models that are alive, found by what they hold."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from zincir.nn import Module


def models_with(wanted: set[int]) -> dict[str, Module]:
    """The outermost modules that hold one of some parameters (by id), by names that differ.

    One alone has the empty name, several those of their classes.
    """
    found: list[Any] = [x for x in gc.get_objects() if issubclass(type(x), Module)]
    inner = {id(child) for m in found for child in m._modules.values()}
    models = [m for m in found if id(m) not in inner and holds(m, wanted)]
    names = [""] if len(models) == 1 else [type(m).__name__ for m in models]
    return dict(zip(_unlike(names), models, strict=True))


def holds(model: Module, wanted: set[int]) -> bool:
    """Whether one of some parameters, by id, is the model's."""
    return any(id(p) in wanted for p in model.parameters())


def _unlike(names: Sequence[str]) -> list[str]:
    """Names, of which equal ones get numbers."""
    return [f"{n}{i}" if names.count(n) > 1 else n for i, n in enumerate(names)]
