"""Walks over a tree of things that hold others by name.

Every walk goes parents first, in the order in which things were assigned. `children` gives what a
thing holds directly, by name, with None for a name that holds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from zincir.errors import UnknownName, explain

T = TypeVar("T")
M = TypeVar("M")


def named(
    root: M, prefix: str, children: Callable[[M], Mapping[str, M | None]]
) -> Iterator[tuple[str, M]]:
    """`root`, named `prefix`, and all below it by dotted names; each once, under its first name."""
    return _named(root, prefix, children, set())


def _named(
    root: M, path: str, children: Callable[[M], Mapping[str, M | None]], seen: set[int]
) -> Iterator[tuple[str, M]]:
    if id(root) in seen:
        return
    seen.add(id(root))
    yield path, root
    for name, child in children(root).items():
        if child is not None:
            yield from _named(child, joined(path, name), children, seen)


def named_with_repeats(
    root: M, path: str, children: Callable[[M], Mapping[str, M | None]]
) -> Iterator[tuple[str, M]]:
    """The same, but what is reachable by two names comes twice."""
    yield path, root
    for name, child in children(root).items():
        if child is not None:
            yield from named_with_repeats(child, joined(path, name), children)


def members(
    holders: Iterable[tuple[str, M]],
    held: Callable[[M], Mapping[str, T | None]],
    *,
    repeats: bool = False,
) -> Iterator[tuple[str, T]]:
    """What the named `holders` hold, by dotted names; each once, under its first name, unless
    `repeats`.
    """
    seen: set[int] = set()
    for path, holder in holders:
        for name, value in held(holder).items():
            if value is not None and (repeats or id(value) not in seen):
                seen.add(id(value))
                yield joined(path, name), value


def joined(path: str, name: str) -> str:
    """A dotted name; a path that is empty adds nothing."""
    return f"{path}.{name}" if path else name


def found(known: dict[str, T], target: str, what: str, owner: object) -> T:
    """What is known under the name `target`; `what` (as "get_buffer: no buffer") is for the error.

    Raises:
        UnknownName: there is nothing; it lists what there is.
    """
    if target not in known:
        raise UnknownName(
            explain(
                f"{what} named {target!r} in {type(owner).__name__}",
                expected="one of " + ", ".join(name for name in known if name),
            )
        )
    return known[target]
