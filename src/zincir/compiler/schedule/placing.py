"""Where temporaries live: in the arena, or near the thread that alone needs them for a while.

What only kernels of one batch tiling touch is never there as a whole: a thread has memory for its
part of the batch, and uses it again for the next part.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from zincir.compiler.schedule.launch import BatchTiled, Launch
from zincir.graph.node import Node
from zincir.types import size

_ALIGN = 64

Home: TypeAlias = tuple[str, int]
"""input i, output i; arena or scratch and an offset in bytes."""


def place_in_scratch(launches: Sequence[Launch], home: dict[Node, Home], threads: int) -> None:
    """Places in scratch, for a part, of what one batch tiling keeps to tiles and alone touches.

    Where parts are fewer than threads, their scratch would be more than all of the values.
    """
    users = Counter(x for launch in launches for x in launch.reads | launch.writes)
    for launch in launches:
        work = launch.work
        if isinstance(work, BatchTiled) and work.parts >= threads:
            own = {x for x in work.kept if x not in home and users[x] == 1}
            places, _ = _place(_lives([[kernel] for kernel in work.launches], own), work.parts)
            home |= {x: ("scratch", at) for x, at in places.items()}


def place_in_arena(phases: Sequence[Sequence[Launch]], home: dict[Node, Home]) -> int:
    """Places in the arena for what has none yet; returns the arena's size."""
    touched = {x for phase in phases for launch in phase for x in launch.reads | launch.writes}
    places, top = _place(_lives(phases, touched - home.keys()))
    home |= {x: ("arena", at) for x, at in places.items()}
    return top


def part_bytes(x: Node, parts: int) -> int:
    """What one of so many equal parts of a value takes."""
    return -(-size(x.shape) * x.dtype.itemsize // parts // _ALIGN) * _ALIGN


def _lives(
    phases: Iterable[Iterable[Launch]], wanted: Collection[Node]
) -> dict[Node, tuple[int, int]]:
    """The first and the last phase in which values are touched."""
    life: dict[Node, tuple[int, int]] = {}
    for number, phase in enumerate(phases):
        for launch in phase:
            for x in (*launch.writes, *launch.reads):
                if x in wanted:
                    life[x] = life.get(x, (number, number))[0], number
    return life


def _place(life: dict[Node, tuple[int, int]], parts: int = 1) -> tuple[dict[Node, int], int]:
    """Offsets at which values that live at the same time lie apart, and how far they reach.

    Args:
        parts: of a value, one of so many parts needs a place.
    """
    placed: list[tuple[int, int, int, int]] = []  # sorted
    places: dict[Node, int] = {}
    top = 0
    largest = sorted(life.items(), key=lambda e: (-size(e[0].shape), e[1], e[0].serial))
    for node, (first, last) in largest:
        nbytes = part_bytes(node, parts)
        at = 0
        for low, high, begin, end in placed:
            if begin <= last and first <= end and low < at + nbytes and at < high:
                at = high
        insort(placed, (at, at + nbytes, first, last))
        places[node] = at
        top = max(top, at + nbytes)
    return places, top
