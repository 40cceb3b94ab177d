"""Operations with several outputs that run one NumPy twin: its results lie in one array."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import REGISTRY, Kind, Primitive, Spec, register
from zincir.operations.arithmetic import cast
from zincir.operations.movement import reshape, slice_
from zincir.types import size


def _packed_spec(*args: Any) -> Spec:
    *specs, name, attrs = args
    found = REGISTRY[name].infer(*specs, *attrs)
    return (sum(size(shape) for shape, _ in found),), found[0][1]


def _packed_numpy(*args: Any) -> Any:
    *xs, name, attrs = args
    found = REGISTRY[name].numpy(*xs, *attrs)
    kind = found[0].dtype
    return np.concatenate([np.ravel(y).astype(kind, copy=False) for y in found])


packed_p = register(
    Primitive(
        "packed",
        Kind.HOST,
        doc="All results of the operation `name`, one after another, in the type of the first.",
        infer=_packed_spec,
        numpy=_packed_numpy,
        attrs=("name", "attrs"),
    )
)


def _unpacked(name: str, *args: Any) -> list[Node]:
    xs = [a for a in args if isinstance(a, Node)]
    attrs = args[len(xs) :]
    specs = REGISTRY[name].infer(*[(x.shape, x.dtype) for x in xs], *attrs)
    flat = apply(packed_p, *xs, attrs=(name, attrs))
    parts: list[Node] = []
    at = 0
    for shape, dtype in specs:
        part = slice_(flat, (at,), (1,), (size(shape),))
        parts.append(cast(reshape(part, shape), dtype))
        at += size(shape)
    return parts


def several(
    name: str,
    *,
    doc: str,
    infer: Callable[..., tuple[Spec, ...]],
    numpy: Callable[..., tuple[Any, ...]],
    vjp: Callable[..., Any] | None = None,
    attrs: tuple[str, ...] = (),
) -> Primitive:
    """Declare an operation with several outputs; `operations.compound.outputs` takes them.

    The first output has the widest type: the others are kept in it on the way.
    """
    return register(
        Primitive(
            name,
            Kind.COMPOUND,
            infer,
            numpy,
            vjp,
            attrs=attrs,
            doc=doc,
            expand=partial(_unpacked, name),
        )
    )
