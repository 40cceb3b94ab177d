"""What methods with several results return."""

from __future__ import annotations

from typing import Any, NamedTuple


class Extreme(NamedTuple):
    """What `max`, `sort`, `topk`, `median` and the like return."""

    values: Any
    indices: Any


class Range(NamedTuple):
    """What `aminmax` returns."""

    min: Any
    max: Any


class Histogram(NamedTuple):
    """What `histogram` returns."""

    hist: Any
    bin_edges: Any
