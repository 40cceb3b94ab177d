"""A part of pass 4: reductions that go over the parts of a product while these are near.

A batch norm sums what a convolution made, piece by piece of the batch. The product's parts are then
cut so that each has whole pieces, and as soon as a thread has made a part it goes on with what
reduces it: memory is not read again for that.
"""

from __future__ import annotations

from zincir.compiler.kernels.winograd import product_call
from zincir.compiler.lower import NestCall
from zincir.compiler.steps import Follower, Nests, Product, Step, Tiles
from zincir.graph.node import Node
from zincir.types import size

_FEWEST = 8
"""Fewer pieces than these do not keep threads busy."""


def follow(steps: list[Step]) -> list[Step]:
    """The steps, of which some have become followers of others."""
    made_by: dict[Node, int] = {}
    kept: list[Step] = []
    for step in steps:
        at = max((made_by.get(x, -1) for x in step.reads), default=-1)
        if at >= 0 and _follows(kept[at], step):
            before = kept[at]
            before.reads |= step.reads - before.writes
            before.writes |= step.writes
            before.cost += step.cost
        else:
            at = len(kept)
            kept.append(step)
        made_by |= dict.fromkeys(step.writes, at)
    return kept


def _follows(before: Step, step: Step) -> bool:
    """Whether `step` could become the follower of `before`; then it is."""
    work = before.work
    if not isinstance(work, Product | Tiles) or work.problem is None or work.follower is not None:
        return False
    if not isinstance(step.work, Nests) or len(step.work.calls) != 1 or work.node.ndim < 3:
        return False
    (call,) = step.work.calls
    if not call.nest.folds or call.nest.keeps or call.takes or not call.row_sizes:
        return False
    n, pieces = work.node.shape[0], call.row_sizes[0]
    if pieces < _FEWEST or n % pieces:
        return False
    items = _items(before)
    for i, place in enumerate(call.places):
        if place.buffer in before.writes and not _within(call, i, items, n // pieces):
            return False
    if isinstance(work, Tiles):
        if work.kernel.name != "winograd":
            return False
        _, high, wide, m = work.node.shape
        sizes = n, high, wide, work.numbers["channels"], m
        numbers, work.problem = product_call(*sizes, pieces=pieces)
        work.numbers |= numbers
    work.follower = Follower(call, pieces)
    return True


def _items(step: Step) -> dict[Node, int]:
    """For each buffer that is written example by example, how many elements one has there."""
    work = step.work
    assert isinstance(work, Product | Tiles)
    found = {work.node: size(work.node.shape[1:])}
    call = work.epilogue
    for slot, _ in call.nest.stores if call is not None else ():
        assert call is not None
        place = call.places[slot]
        item, *others = place.at.coefficients
        reach = sum(c * (k - 1) for c, k in zip(others, work.node.shape[1:], strict=True))
        if place.buffer is not None and min(others) >= 0 and place.at.offset + reach < item:
            found[place.buffer] = item
    return found


def _within(call: NestCall, slot: int, items: dict[Node, int], count: int) -> bool:
    """Whether each row of the first loop stays within its own `count` examples."""
    place = call.places[slot]
    (first, *rows), inner, along = call.strides[slot]
    if place.buffer not in items or first != items[place.buffer] * count:
        return False
    strides, sizes = [*rows, *inner, along], [*call.row_sizes[1:], *call.inner_sizes]
    reach = sum(s * (k - 1) for s, k in zip(strides, [*sizes, call.vector_size], strict=True))
    return min(strides) >= 0 and place.at.offset + reach < first
