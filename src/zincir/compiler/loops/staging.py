"""When each value of a loop nest is computed.

A reduction splits a nest into stages: what depends on it can only be computed in another round of
the inner loops. Values are computed anew in each stage that needs them, unless they were stored
already, or are expensive enough to be kept in memory of the thread from one stage to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from zincir.compiler.loops.nest import (
    Apply,
    Load,
    Nest,
    Position,
    Reduce,
    Slot,
    Step,
    Take,
    operands,
)


@dataclass(slots=True)
class Level:
    """In which loops a value changes, and the stage it exists from."""

    body: bool
    """In an inner loop (or, with the vector inside, in the vector loop)."""
    wide: bool
    """From lane to lane."""
    rows: bool
    stage: int

    @property
    def is_entry(self) -> bool:
        """The same in the whole rectangle."""
        return not (self.body or self.wide or self.rows or self.stage)


@dataclass(slots=True)
class Stage:
    """One round of the inner loops, and what is computed before it."""

    before: list[int] = field(default_factory=list[int])
    """Values that change from row to row only."""
    reloads: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Values read back, as (slot, value)."""
    values: list[int] = field(default_factory=list[int])
    stores: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """What is written, as (slot, value): results, and what later stages read back."""
    reductions: list[int] = field(default_factory=list[int])


def levels(nest: Nest) -> list[Level]:
    """The level of every value."""
    found: list[Level] = []
    for x in nest.body:
        below = [found[i] for i in operands(x)]
        level = Level(
            any(v.body for v in below),
            any(v.wide for v in below),
            any(v.rows for v in below),
            max((v.stage for v in below), default=0),
        )
        if isinstance(x, Load | Position | Take):
            _add_slot(level, nest.slots[x.slot], nest)
        if isinstance(x, Reduce):
            level.stage += 1
            level.body, level.rows = False, True
            level.wide = level.wide and not nest.vector_inside
        found.append(level)
    return found


def _add_slot(level: Level, slot: Slot, nest: Nest) -> None:
    wide = slot.step is not Step.SAME
    level.wide |= wide
    level.rows |= slot.in_rows
    level.body |= slot.in_inner or (wide and nest.vector_inside)


def stored_inside(nest: Nest, slot: int) -> bool:
    """Whether a store happens in the innermost loops."""
    s = nest.slots[slot]
    if nest.vector_inside:
        return s.in_inner or s.step is not Step.SAME or not nest.folds
    return s.in_inner


def stages(nest: Nest) -> list[Stage]:
    """The stages in order."""
    level = levels(nest)
    at_hand: dict[int, int] = {}
    out: list[Stage] = []
    for number in range(max((v.stage for v in level), default=0) + 1):
        stage = Stage()
        for i, v in enumerate(level):
            if isinstance(nest.body[i], Reduce):
                if v.stage == number + 1:
                    stage.reductions.append(i)
            elif v.stage == number and not v.body and not v.is_entry:
                stage.before.append(i)
        stage.stores = [
            (slot, v)
            for slot, v in nest.stores
            if stored_inside(nest, slot) and level[v].stage == number
        ]
        roots = [v for _, v in stage.stores]
        roots += [operands(nest.body[i])[0] for i in stage.reductions]
        needed = _closure(nest, level, roots, at_hand)
        stage.reloads = [(at_hand[v], v) for v in needed if v in at_hand]
        stage.values = [v for v in needed if v not in at_hand]
        for slot, v in nest.keeps:
            if v in stage.values:
                stage.stores.append((slot, v))
        at_hand |= {v: slot for slot, v in stage.stores if level[v].body}
        out.append(stage)
    return out


def _closure(
    nest: Nest, level: list[Level], roots: Iterable[int], at_hand: dict[int, int]
) -> list[int]:
    """The innermost values that `roots` are made of, in order, no further than what is at hand."""
    found: set[int] = set()
    stack = list(roots)
    while stack:
        i = stack.pop()
        if i in found or not level[i].body or isinstance(nest.body[i], Reduce):
            continue
        found.add(i)
        if i not in at_hand:
            stack.extend(operands(nest.body[i]))
    return sorted(found)


def worth_keeping(nest: Nest) -> list[int]:
    """Expensive values that more than one stage would compute."""
    if not nest.vector_inside or nest.inner or not nest.folds:
        return []
    if not any(isinstance(x, Apply) and x.op.expensive for x in nest.body):
        return []
    count: dict[int, int] = {}
    for stage in stages(nest):
        for v in stage.values:
            x = nest.body[v]
            if isinstance(x, Apply) and x.op.expensive:
                count[v] = count.get(v, 0) + 1
    return [v for v, n in count.items() if n > 1]


def times(nest: Nest) -> Times:
    """For each slot, the last stage in which it is read, and the first in which it is written.

    Within a stage an element is read before it is written. What is stored once for a row comes
    behind all stages.
    """
    found = _times.get(nest.key)
    if found is None:
        if len(_times) >= _MOST_TIMES:
            _times.clear()
        found = _times[nest.key] = _timed(nest)
    return found


Times: TypeAlias = tuple[dict[int, int], dict[int, int]]
_times: dict[str, Times] = {}
"""By the key of a nest: the updates of all parameters of an optimizer have the same one."""
_MOST_TIMES = 2048


def _timed(nest: Nest) -> Times:
    read: dict[int, int] = {}
    written: dict[int, int] = {}
    all_stages = stages(nest)
    for number, stage in enumerate(all_stages):
        for i in (*stage.before, *stage.values):
            x = nest.body[i]
            if isinstance(x, Load | Take):
                read[x.slot] = number
        for slot, _ in stage.stores:
            written.setdefault(slot, number)
    for x in nest.body:
        if isinstance(x, Load | Take):
            read.setdefault(x.slot, -1)
    for slot, _ in nest.stores:
        written.setdefault(slot, len(all_stages))
    return read, written
