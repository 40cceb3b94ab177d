"""Boxes and arrows in layers, from top to bottom: a drawing of a graph without circles.

After Sugiyama, Tagawa and Toda 1981: ranks by the longest path, fewer crossings by barycentres,
places by least squares under the order that was found.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Key: TypeAlias = str

GAP = 22.0
"""Between boxes of a rank."""
RANK_GAP = 40.0
SWEEPS = 8
_THIN = 10.0
"""The width that an arrow takes where it passes other boxes."""


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        boxes: the middle of each.
        arrows: points from the bottom of one box to the top of another.
    """

    width: float
    height: float
    boxes: Mapping[Key, Point]
    arrows: Mapping[tuple[Key, Key], Sequence[Point]]


def laid_out(sizes: Mapping[Key, Point], arrows: Sequence[tuple[Key, Key]]) -> Layout:
    """Places for boxes of some widths and heights, so that arrows point down.

    >>> found = laid_out({"a": (10.0, 10.0), "b": (10.0, 10.0)}, [("a", "b")])
    >>> found.boxes["a"][1] < found.boxes["b"][1]
    True
    """
    arrows = list(dict.fromkeys(arrows))
    rank = _ranks(list(sizes), arrows)
    widths = {key: size[0] for key, size in sizes.items()}
    chains = _with_turns(rank, arrows, widths)
    rows = _ordered(rank, chains)
    x = _places(rows, chains, widths)
    left = min((x[k] - widths[k] / 2 for k in x), default=0.0)
    x = {k: v - left + 8 for k, v in x.items()}
    y, height = _heights(rows, sizes)
    width = max((x[k] + widths[k] / 2 for k in x), default=0.0) + 8
    drawn: dict[tuple[Key, Key], list[Point]] = {}
    for (a, b), chain in zip(arrows, chains, strict=True):
        inner = [(x[k], y[k]) for k in chain[1:-1]]
        drawn[a, b] = [
            (x[a], y[a] + sizes[a][1] / 2), *inner, (x[b], y[b] - sizes[b][1] / 2),
        ]  # fmt: skip
    return Layout(width, height, {k: (x[k], y[k]) for k in sizes}, drawn)


def _ranks(keys: Sequence[Key], arrows: Sequence[tuple[Key, Key]]) -> dict[Key, int]:
    """The longest way to each box; what nothing leads to stands right above its first user."""
    before: dict[Key, list[Key]] = {k: [] for k in keys}
    after: dict[Key, list[Key]] = {k: [] for k in keys}
    for a, b in arrows:
        before[b].append(a)
        after[a].append(b)
    rank: dict[Key, int] = {}
    left = {k: len(before[k]) for k in keys}
    ready = [k for k in keys if not left[k]]
    for k in ready:
        rank[k] = max((rank[a] + 1 for a in before[k]), default=0)
        for b in after[k]:
            left[b] -= 1
            if not left[b]:
                ready.append(b)
    for k in keys:
        if not before[k] and after[k]:
            rank[k] = min(rank[b] for b in after[k]) - 1
    return rank


def _with_turns(
    rank: dict[Key, int], arrows: Sequence[tuple[Key, Key]], widths: dict[Key, float]
) -> list[list[Key]]:
    """Each arrow as a chain, with a thin box in each rank that it passes."""
    chains: list[list[Key]] = []
    for number, (a, b) in enumerate(arrows):
        chain = [a]
        for r in range(rank[a] + 1, rank[b]):
            turn = f"turn {number} {r}"
            rank[turn], widths[turn] = r, _THIN
            chain.append(turn)
        chains.append([*chain, b])
    return chains


def _neighbours(chains: Sequence[Sequence[Key]]) -> tuple[dict[Key, list[Key]], ...]:
    above: dict[Key, list[Key]] = {}
    below: dict[Key, list[Key]] = {}
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            below.setdefault(a, []).append(b)
            above.setdefault(b, []).append(a)
    return above, below


def _ordered(rank: dict[Key, int], chains: Sequence[Sequence[Key]]) -> list[list[Key]]:
    """Ranks from the top, each in an order with few crossings."""
    lowest = min(rank.values(), default=0)
    rows: list[list[Key]] = [[] for _ in range(max(rank.values(), default=-1) - lowest + 1)]
    for key, r in rank.items():
        rows[r - lowest].append(key)
    above, below = _neighbours(chains)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for row in rows if down else reversed(rows):
            place = {k: i for other in rows for i, k in enumerate(other)}
            row.sort(key=lambda k: _mean([place[n] for n in near.get(k, ())], place[k]))
    return rows


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _places(
    rows: Sequence[Sequence[Key]], chains: Sequence[Sequence[Key]], widths: Mapping[Key, float]
) -> dict[Key, float]:
    x: dict[Key, float] = {}
    for row in rows:
        at = 0.0
        for key in row:
            x[key] = at + widths[key] / 2
            at += widths[key] + GAP
        for key in row:
            x[key] -= (at - GAP) / 2
    above, below = _neighbours(chains)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for row in rows if down else reversed(rows):
            wished = [_mean([x[n] for n in near.get(k, ())], x[k]) for k in row]
            x.update(zip(row, _apart(wished, [widths[k] for k in row]), strict=True))
    return x


def _apart(wished: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The places nearest to those wished for, in order and far enough apart.

    By pooling adjacent violators: those that would overlap share the mean of their wishes.
    """
    offsets = [0.0]
    for a, b in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (a + b) / 2 + GAP)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=False):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    places = [total / count for total, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets, strict=False)]


def _heights(
    rows: Sequence[Sequence[Key]], sizes: Mapping[Key, Point]
) -> tuple[dict[Key, float], float]:
    y: dict[Key, float] = {}
    top = 8.0
    for row in rows:
        tall = max((sizes[k][1] for k in row if k in sizes), default=0.0)
        for key in row:
            y[key] = top + tall / 2
        top += tall + RANK_GAP
    return y, top - RANK_GAP + 8
