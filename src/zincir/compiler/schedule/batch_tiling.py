"""launches -> launches: those that go over the batch tile by tile run together on each tile.

A layer's result is often larger than the nearest caches, one image's is not. So where a kernel
reads of an image only what an earlier one wrote of the same image, both are tiled together: a
thread runs all of them on a part of the batch before it takes the next part, and finds near what
they hand on to one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import gcd

from zincir.compiler.kernels.matmul import fitting_parts as product_parts
from zincir.compiler.kernels.matmul.tiles import Gemm
from zincir.compiler.kernels.winograd.blocks import fitting_parts as tile_parts
from zincir.compiler.loops.lower import NestCall
from zincir.compiler.machine import BATCH_TILE_BYTES, BATCH_TILES
from zincir.compiler.options import Options
from zincir.compiler.schedule.launch import (
    BatchTiled,
    Launch,
    Launches,
    LoopNests,
    MatMul,
    WinogradTiles,
    Work,
)
from zincir.graph.node import Node
from zincir.graph.walk import in_order
from zincir.types import Shape, contiguous_strides, size


def batch_tiling(given: Launches, options: Options) -> Launches:
    """The launches, of which some are tiled together."""
    fewest = max(BATCH_TILES, options.threads)
    made_in: dict[Node, _Run] = {}
    runs: list[_Run] = []
    for launch in given.launches:
        makers = {made_in[x] for x in (*launch.reads, *launch.writes) if x in made_in}
        latest = sorted(makers, key=lambda run: -run.number)
        run = next((run for run in latest if run.take(launch, makers - {run}, fewest)), None)
        if run is None:
            run = _Run(len(runs), [launch], _tiles(launch.work, fewest), after=makers)
            runs.append(run)
        made_in |= dict.fromkeys(launch.writes, run)
    ordered = in_order(runs, lambda run: sorted(run.after, key=lambda before: before.number))
    return replace(given, launches=[run.launch(options) for run in ordered])


@dataclass(eq=False, slots=True)
class _Run:
    """Launches that can run tile by tile, one behind another."""

    number: int
    launches: list[Launch]
    tiles: int
    after: set[_Run]
    """What has to be done before."""
    shared: set[Node] = field(default_factory=set[Node])
    """What they hand on to one another."""

    def take(self, launch: Launch, others: set[_Run], fewest: int) -> bool:
        """Append a launch if that is sound, and if a tile stays near.

        Args:
            others: what the launch has to wait for besides.
            fewest: tiles that are worth it.
        """
        tiles = gcd(self.tiles, _tiles(launch.work, fewest))
        if tiles < fewest:
            return False
        touched = launch.reads | launch.writes
        new = {x for before in self.launches for x in before.writes if x in touched}
        handed_on = self.shared | new
        if sum(size(x.shape) * x.dtype.itemsize for x in handed_on) > BATCH_TILE_BYTES * tiles:
            return False
        for x in new:
            if not all(_keeps_to_tiles(s, x, tiles) for s in (*self.launches, launch)):
                return False
        if any(run.waits_for(self) for run in others):
            return False
        self.launches.append(launch)
        self.tiles, self.shared = tiles, handed_on
        self.after |= others
        return True

    def waits_for(self, run: _Run) -> bool:
        """Whether `run` has to be done before, perhaps before something else that does."""
        seen: set[_Run] = set()
        stack: list[_Run] = [self]
        while stack:
            after = stack.pop().after
            if run in after:
                return True
            stack.extend(after - seen)
            seen |= after
        return False

    def launch(self, options: Options) -> Launch:
        """All of them as one."""
        first, *others = self.launches
        if not others:
            return first
        parts = min(_fitting_parts(s.work, self.tiles, options) for s in self.launches)
        writes = set[Node]().union(*[s.writes for s in self.launches])
        kept = {x for x in writes if all(_keeps_to_tiles(s, x, self.tiles) for s in self.launches)}
        reads = set[Node]().union(*[s.reads for s in self.launches]) - writes
        cost = sum(s.cost for s in self.launches)
        return Launch(BatchTiled(self.launches, self.tiles, parts, kept), reads, writes, cost)


def _tiles(work: Work, fewest: int) -> int:
    """Into how many equal parts a work can be cut by its first loops; 1 if it is not known how."""
    match work:
        case LoopNests(calls):
            return gcd(*[_cuts(call) for call in calls])
        case MatMul(node, problem) if problem.outer:
            return _batch_of(problem, fewest) if node.ndim > 2 else 1
        case WinogradTiles(node, kernel) if kernel.has_parts:
            return node.shape[0]
        case _:
            return 1


def _batch_of(problem: Gemm, fewest: int) -> int:
    """How many products lie along the first axis; if too few, along those behind it as well.

    Axes along which B stays the same do not count then: they may become rows of one product.
    """
    (count, _, varies), *others = problem.outer
    for n, _, b in others:
        if count >= fewest or not (varies and b):
            break
        count *= n
    return count


def _cuts(call: NestCall) -> int:
    """Into how many equal parts a nest can be cut."""
    if call.takes:
        return 1
    if call.row_sizes:
        return call.row_sizes[0]
    whole_vectors = call.vector_size % call.nest.lanes == 0
    return call.vector_size // call.nest.lanes if whole_vectors and not call.nest.folds else 1


def _fitting_parts(work: Work, tiles: int, options: Options) -> int:
    """Into how many parts of whole tiles a work is cut at most."""
    if isinstance(work, MatMul):
        return product_parts(work.problem, options.target, tiles)
    return tile_parts(*work.sizes, pieces=tiles) if isinstance(work, WinogradTiles) else tiles


def _keeps_to_tiles(launch: Launch, x: Node, tiles: int) -> bool:
    """Whether each tile of a launch touches that tile of `x` alone."""
    tile = size(x.shape) // tiles
    for (n, *sizes), (first, *strides), offset in map(_joined, _walks(launch.work, x)):
        if n % tiles or first * n != size(x.shape) or min(strides, default=0) < 0:
            return False
        reach = sum((k - 1) * s for k, s in zip(sizes, strides, strict=True))
        if offset + (n // tiles - 1) * first + reach >= tile:
            return False
    return True


_Walk = tuple[Shape, Shape, int]
"""Loops, the strides of a buffer along them, and where it begins."""


def _joined(walk: _Walk) -> _Walk:
    """The same with the first loops as one, if the buffer runs on from one to the next."""
    (n, *sizes), (first, *strides), offset = walk
    while sizes and first == sizes[0] * strides[0]:
        n, first = n * sizes.pop(0), strides.pop(0)
    return (n, *sizes), (first, *strides), offset


def _walks(work: Work, x: Node) -> Iterator[_Walk]:
    """How a work reads and writes `x`."""
    match work:
        case LoopNests(calls):
            for call in calls:
                loops = (*call.row_sizes, *call.inner_sizes, call.vector_size)
                for access, (rows, inner, along) in zip(call.accesses, call.strides, strict=True):
                    if access.buffer is x:
                        yield loops, (*rows, *inner, along), access.at.offset
        case MatMul() | WinogradTiles():
            yield from _operands(work, x)
            yield from _results(work, x)
        case _:
            raise AssertionError(f"{work} cannot be tiled")


def _operands(work: MatMul | WinogradTiles, x: Node) -> Iterator[_Walk]:
    for name, (base, offset) in work.operands.items():
        if base is not x:
            continue
        if isinstance(work, MatMul):
            p = work.problem
            axes = [*p.outer, *p.reduced]
            if name == "a":
                axes += [(p.m, p.a_row, 0), (p.k, p.a_k, 0)]
            else:
                axes += [(p.k, 0, p.b_k), (p.n, 0, p.b_col)]
            sizes, *sides = zip(*axes, strict=True)
            yield sizes, sides[0] if name == "a" else sides[1], offset
        elif name == "x":
            strides = *[work.scalars[f"x_{axis}"] for axis in ("image", "line", "place")], 1
            yield work.node.inputs[0].shape, strides, offset
        else:
            # A transformed weight has no tiles.
            yield (1,), (0,), 0


def _results(work: MatMul | WinogradTiles, x: Node) -> Iterator[_Walk]:
    shape = work.node.shape
    if work.node is x:
        yield shape, contiguous_strides(shape), 0
    for access in work.epilogue.accesses if work.epilogue is not None else ():
        if access.buffer is x:
            yield shape, access.at.coefficients, access.at.offset
