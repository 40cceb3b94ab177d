"""A part of pass 4: steps that go over the batch piece by piece are done together on each piece.

A layer's result is often larger than the nearest caches, one image's is not. So where a step reads
of an image only what an earlier one wrote of the same image, both are links of a chain: a thread
does all of them for a part of the batch before it takes the next part, and finds near what they
hand on to one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import gcd

from zincir.compiler.loops.lower import NestCall
from zincir.compiler.schedule.launches import Chain, Nests, Product, Step, Tiles, Work
from zincir.graph.node import Node
from zincir.graph.walk import in_order
from zincir.types import Shape, contiguous_strides, size

_FEWEST = 8
"""Fewer pieces than these, or than there are threads, do not keep threads busy."""
_NEAR = 1 << 20
"""Bytes of a piece that the nearest caches hold until the next link wants them."""


def chain(steps: list[Step], threads: int) -> list[Step]:
    """The steps, of which some have become links of chains."""
    fewest = max(_FEWEST, threads)
    made_in: dict[Node, _Run] = {}
    runs: list[_Run] = []
    for step in steps:
        makers = {made_in[x] for x in (*step.reads, *step.writes) if x in made_in}
        latest = sorted(makers, key=lambda run: -run.number)
        run = next((run for run in latest if run.take(step, makers - {run}, fewest)), None)
        if run is None:
            run = _Run(len(runs), [step], _pieces(step.work), after=makers)
            runs.append(run)
        made_in |= dict.fromkeys(step.writes, run)
    ordered = in_order(runs, lambda run: sorted(run.after, key=lambda before: before.number))
    return [run.step() for run in ordered]


@dataclass(eq=False, slots=True)
class _Run:
    """Steps that can be done piece by piece one behind another."""

    number: int
    links: list[Step]
    pieces: int
    after: set[_Run]
    """What has to be done before."""
    shared: set[Node] = field(default_factory=set[Node])
    """What links hand on."""

    def take(self, step: Step, others: set[_Run], fewest: int) -> bool:
        """Append a step if that is sound, and if a piece stays near.

        Args:
            others: what the step has to wait for besides.
            fewest: pieces of a chain that is worth it.
        """
        pieces = gcd(self.pieces, _pieces(step.work))
        if pieces < fewest:
            return False
        touched = step.reads | step.writes
        new = {x for link in self.links for x in link.writes if x in touched}
        handed_on = self.shared | new
        if sum(size(x.shape) * x.dtype.itemsize for x in handed_on) > _NEAR * pieces:
            return False
        for x in new:
            if not all(_keeps_to_pieces(s, x, pieces) for s in (*self.links, step)):
                return False
        if any(run.waits_for(self) for run in others):
            return False
        self.links.append(step)
        self.pieces, self.shared = pieces, handed_on
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

    def step(self) -> Step:
        """All of them as one."""
        first, *others = self.links
        if not others:
            return first
        writes = set[Node]().union(*[s.writes for s in self.links])
        reads = set[Node]().union(*[s.reads for s in self.links]) - writes
        return Step(Chain(self.links, self.pieces), reads, writes, sum(s.cost for s in self.links))


def _pieces(work: Work) -> int:
    """Into how many equal parts a work can be cut by its first loop; 1 if it is not known how."""
    match work:
        case Nests(calls):
            return gcd(*[_cuts(call) for call in calls])
        case Product(node, problem) if problem.outer:
            return problem.outer[0][0] if node.ndim > 2 else 1
        case Tiles(node, kernel) if kernel.has_parts:
            return node.shape[0]
        case _:
            return 1


def _cuts(call: NestCall) -> int:
    """Into how many equal parts a nest can be cut."""
    if call.nest.keeps or call.takes:
        return 1
    if call.row_sizes:
        return call.row_sizes[0]
    whole_vectors = call.vector_size % call.nest.lanes == 0
    return call.vector_size // call.nest.lanes if whole_vectors and not call.nest.folds else 1


def _keeps_to_pieces(step: Step, x: Node, pieces: int) -> bool:
    """Whether each piece of a step touches that piece of `x` alone."""
    piece = size(x.shape) // pieces
    for (n, *sizes), (first, *strides), offset in _accesses(step.work, x):
        if n % pieces or first * n != size(x.shape) or min(strides, default=0) < 0:
            return False
        reach = sum((k - 1) * s for k, s in zip(sizes, strides, strict=True))
        if offset + (n // pieces - 1) * first + reach >= piece:
            return False
    return True


_Access = tuple[Shape, Shape, int]
"""Loops, the strides of a buffer along them, and where it begins."""


def _accesses(work: Work, x: Node) -> Iterator[_Access]:
    """How a work reads and writes `x`."""
    match work:
        case Nests(calls):
            for call in calls:
                loops = (*call.row_sizes, *call.inner_sizes, call.vector_size)
                for place, (rows, inner, along) in zip(call.places, call.strides, strict=True):
                    if place.buffer is x:
                        yield loops, (*rows, *inner, along), place.at.offset
        case Product() | Tiles():
            yield from _operands(work, x)
            yield from _results(work, x)
        case _:
            raise AssertionError(f"{work} cannot be in a chain")


def _operands(work: Product | Tiles, x: Node) -> Iterator[_Access]:
    for name, (base, offset) in work.operands.items():
        if base is not x:
            continue
        if isinstance(work, Product):
            p = work.problem
            levels = [*p.outer, *p.reduced]
            if name == "a":
                levels += [(p.m, p.a_row, 0), (p.k, p.a_k, 0)]
            else:
                levels += [(p.k, 0, p.b_k), (p.n, 0, p.b_col)]
            sizes, *sides = zip(*levels, strict=True)
            yield sizes, sides[0] if name == "a" else sides[1], offset
        elif name == "x":
            strides = *[work.numbers[f"x_{axis}"] for axis in ("image", "line", "place")], 1
            yield work.node.inputs[0].shape, strides, offset
        else:
            # A transformed weight has no pieces.
            yield (1,), (0,), 0


def _results(work: Product | Tiles, x: Node) -> Iterator[_Access]:
    shape = work.node.shape
    if work.node is x:
        yield shape, contiguous_strides(shape), 0
    for place in work.epilogue.places if work.epilogue is not None else ():
        if place.buffer is x:
            yield shape, place.at.coefficients, place.at.offset
