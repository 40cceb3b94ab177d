"""Steps folded by layer, by the user's line where there are no layers, and else by number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zincir.explanation.steps import Chain, Step

WIDE = 14
"""Where more steps stand beside each other, those of one line are put together,"""
MOST = 48
"""and where there are still more than so many,"""
PIECE = 24
"""so many, one after another."""


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
    ordered, home = _in_place(chain)
    return _made("all", "", _by_layer(ordered, home, 0, ""), "0")


def _in_place(chain: Chain) -> tuple[list[Step], dict[int, str]]:
    """Steps in order, and by number the layer where each stands.

    What is trained stands right before its first user, and so do constants of a layer.
    """
    home = {step.number: step.layer for step in chain.steps}
    if not any(home.values()):
        return list(chain.steps), home
    used: dict[int, Step] = {}
    for step in chain.steps:
        for i in step.inputs:
            used.setdefault(i, step)
    front: list[Step] = []
    before: dict[int, list[Step]] = {}
    for step in chain.steps:
        user = used.get(step.number)
        if not _is_given(step):
            continue
        home[step.number] = "" if user is None else user.layer
        if user is None or _is_from_outside(step, user):
            home[step.number] = ""
            front.append(step)
        else:
            before.setdefault(user.number, []).append(step)
    computed = (step for step in chain.steps if not _is_given(step))
    return [*front, *(x for step in computed for x in (*before.get(step.number, ()), step))], home


def _is_given(step: Step) -> bool:
    return step.role in ("given", "trained")


def _is_from_outside(step: Step, user: Step) -> bool:
    """Whether what is given to a layer was not made in it: data, not a constant of the layer."""
    inside = user.layer and f"{step.layer}.".startswith(f"{user.layer}.")
    return step.role == "given" and not inside


def _by_layer(steps: Sequence[Step], home: dict[int, str], depth: int, prefix: str) -> list[Any]:
    """Stretches of steps of one layer as groups; others as they are."""
    items: list[Any] = []
    for part, run in itertools.groupby(steps, lambda s: _part(home[s.number], depth)):
        inside = list(run)
        if not part:
            few = 3 if depth == 0 and len(inside) < len(steps) else WIDE
            items += _by_line(inside, few)
            continue
        path = f"{prefix}.{part}" if prefix else part
        children = _by_layer(inside, home, depth + 1, path)
        while len(children) == 1 and not isinstance(children[0], Step):
            title, path, children = children[0]
            part = f"{part}.{title}"
        items.append((part, path, children))
    return _in_pieces(items)


def _part(layer: str, depth: int) -> str:
    parts = layer.split(".") if layer else []
    return parts[depth] if depth < len(parts) else ""


def _by_line(steps: list[Step], few: int) -> list[Any]:
    """If they are more than a few, stretches of steps that one line made as groups."""
    computed = [s for s in steps if not _is_given(s)]
    lines = {(s.file, s.line) for s in computed}
    if len(steps) <= few or (len(lines) < 2 and few == WIDE):
        return list(steps)
    items: list[Any] = []
    for (_, given), run in itertools.groupby(steps, lambda s: ((s.file, s.line), _is_given(s))):
        inside = list(run)
        if given or len(inside) < 3:
            items += inside
            continue
        last = inside[-1]
        title = "loss" if last.name == "L" else last.source or last.place
        items.append((title, "", _in_pieces(inside)))
    return items


def _in_pieces(items: list[Any]) -> list[Any]:
    """Not more than 48 beside one another."""
    while len(items) > MOST:
        pieces = [items[i : i + PIECE] for i in range(0, len(items), PIECE)]
        items = [(_numbered(p), "", p) if len(p) > 1 else p[0] for p in pieces]
    return items


def _numbered(piece: Sequence[Any]) -> str:
    """A title for a piece: its layers, or the numbers of its steps."""
    layers = [item[0] for item in piece if not isinstance(item, Step) and item[1]]
    if layers:
        return f"{layers[0]} to {layers[-1]}"
    steps = [*_all_steps(piece)]
    numbers = [s.number for s in steps if not _is_given(s)] or [s.number for s in steps]
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
