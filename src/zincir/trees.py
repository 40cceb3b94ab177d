"""Lists, tuples and dictionaries of tensors, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of a tree, and what makes a tree of the same form of others.

    >>> leaves, build = flatten({"a": [1, 2], "b": (3,)})
    >>> leaves, build([4, 5, 6])
    ([1, 2, 3], {'a': [4, 5], 'b': (6,)})
    """
    parts = children(tree)
    if parts is None:
        return [tree], lambda leaves: leaves[0]
    flat = [flatten(part) for part in parts]
    inner = [(len(below), build) for below, build in flat]
    like = rebuild(tree, [None] * len(parts))  # no tensors: they are not kept

    def build(leaves: Sequence[Any]) -> Any:
        made: list[Any] = []
        at = 0
        for count, build in inner:
            made.append(build(leaves[at : at + count]))
            at += count
        return rebuild(like, made)

    return [leaf for below, _ in flat for leaf in below], build


def children(tree: Any) -> list[Any] | None:
    """What a tree consists of; None for a leaf."""
    if isinstance(tree, dict):
        return list(cast("dict[Any, Any]", tree).values())
    if isinstance(tree, list | tuple):
        return list(cast("list[Any]", tree))
    return None


def rebuild(tree: Any, parts: Sequence[Any]) -> Any:
    """A tree of the same kind of other parts."""
    kind = cast(Any, type(tree))
    if isinstance(tree, dict):
        return kind(zip(cast("dict[Any, Any]", tree), parts, strict=True))
    if hasattr(kind, "_fields"):
        return kind(*parts)
    return kind(parts)


def spread(prefix: Any, tree: Any) -> list[Any] | None:
    """The entry of `prefix` for each leaf of `tree`: one stands for all below; None if it
    misfits.
    """
    parts = children(tree)
    below = children(prefix)
    if below is None:
        return [prefix] * len(flatten(tree)[0])
    if parts is None or len(parts) != len(below):
        return None
    found: list[Any] = []
    for p, t in zip(below, parts, strict=True):
        inner = spread(p, t)
        if inner is None:
            return None
        found += inner
    return found
