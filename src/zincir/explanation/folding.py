"""Steps folded by layer, by the user's line where there are no layers, and else by number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zincir.explanation.steps import Chain, Step

WIDE = 14
"""Where more steps stand beside each other, those of one line are put together,"""
MOST = 24
"""and then so many, one after another."""


@dataclass(frozen=True, eq=False)
class Group:
    """Steps that are looked at as one.

    Attributes:
        title: the last part of the layer's path, the user's line, or `steps 25 to 48`.
        path: what is unique in the page: numbers of children, such as `0.3`.
        children: groups and steps, in the order of computation.
        layer: the path of the layer, if it is one.
    """

    title: str
    path: str
    children: tuple[Group | Step, ...]
    layer: str = ""

    def steps(self) -> Iterator[Step]:
        """All steps inside, in order."""
        stack: list[Group | Step] = [*reversed(self.children)]
        while stack:
            child = stack.pop()
            if isinstance(child, Step):
                yield child
            else:
                stack.extend(reversed(child.children))

    def groups(self) -> Iterator[Group]:
        """Itself and all groups inside."""
        stack: list[Group] = [self]
        while stack:
            group = stack.pop()
            yield group
            stack.extend(c for c in reversed(group.children) if isinstance(c, Group))


def folded(chain: Chain) -> Group:
    """The whole as a group.

    A layer that runs twice is two groups: each is a stretch of the order of computation, so that
    what a group needs is computed before it.
    """
    items = _by_layer(_in_place(chain), 0, "")
    return _made("all", "", items, "0")


def _in_place(chain: Chain) -> list[Step]:
    """Steps in order, but what is given to one layer alone right before it is used."""
    first: dict[int, list[Step]] = {}
    front: list[Step] = []
    used: dict[int, int] = {}
    for step in chain.steps:
        for i in step.inputs:
            used.setdefault(i, step.number)
    ordered: list[Step] = []
    for step in chain.steps:
        if step.role not in ("given", "trained"):
            ordered.append(step)
        elif (step.role == "given" and not step.layer) or step.number not in used:
            front.append(step)
        else:
            first.setdefault(used[step.number], []).append(step)
    return [*front, *(x for step in ordered for x in (*first.get(step.number, ()), step))]


def _by_layer(steps: Sequence[Step], depth: int, prefix: str) -> list[Any]:
    """Stretches of steps of one layer as groups; others as they are."""
    layers = _own_layers(steps)
    items: list[Any] = []
    for part, run in itertools.groupby(steps, lambda s: _part(layers[s.number], depth)):
        inside = list(run)
        if not part:
            items += _by_line(inside)
            continue
        path = f"{prefix}.{part}" if prefix else part
        children = _by_layer(inside, depth + 1, path)
        while len(children) == 1 and not isinstance(children[0], Step):
            title, path, children = children[0]
            part = f"{part}.{title}"
        items.append((part, path, children))
    return _in_pieces(items)


def _own_layers(steps: Sequence[Step]) -> dict[int, str]:
    """By step its layer; of what is given, that of what stands behind it."""
    found: dict[int, str] = {}
    behind = ""
    for step in reversed(steps):
        if step.role in ("given", "trained"):
            found[step.number] = step.layer or behind
        else:
            behind = found[step.number] = step.layer
    return found


def _part(layer: str, depth: int) -> str:
    parts = layer.split(".") if layer else []
    return parts[depth] if depth < len(parts) else ""


def _by_line(steps: list[Step]) -> list[Any]:
    """If they are many, stretches of steps that one line made as groups."""
    if len(steps) <= WIDE:
        return list(steps)
    return _runs(steps, lambda s: (s.file, s.line), lambda run: run[-1].source or run[-1].place)


def _runs(
    steps: list[Step], key: Callable[[Step], Any], title: Callable[[list[Step]], str]
) -> list[Any]:
    items: list[Any] = []
    for _, run in itertools.groupby(steps, key):
        inside = list(run)
        several = len(inside) > 2 and len(inside) < len(steps)
        items += [(title(inside), "", _in_pieces(inside))] if several else inside
    return items


def _in_pieces(items: list[Any]) -> list[Any]:
    """Not more than 24 beside one another."""
    while len(items) > MOST:
        pieces = [items[i : i + MOST] for i in range(0, len(items), MOST)]
        items = [(_numbered(p), "", p) if len(p) > 1 else p[0] for p in pieces]
    return items


def _numbered(piece: Iterable[Any]) -> str:
    numbers = [s.number for s in _all_steps(piece)]
    return f"steps {min(numbers)} to {max(numbers)}"


def _all_steps(items: Iterable[Any]) -> Iterator[Step]:
    for item in items:
        if isinstance(item, Step):
            yield item
        else:
            yield from _all_steps(item[2])


def _made(title: str, layer: str, items: Sequence[Any], path: str) -> Group:
    children: list[Group | Step] = []
    for i, item in enumerate(items):
        if isinstance(item, Step):
            children.append(item)
        else:
            children.append(_made(item[0], item[1], item[2], f"{path}.{i}"))
    return Group(title, path, tuple(children), layer)
