"""Where the time of a training step goes: its kernels, by the layers that they compute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from zincir import nn
from zincir.compiler import compile_graph
from zincir.compiler.derived import entry_of
from zincir.compiler.options import Options
from zincir.compiler.program_cache import CachedProgram, programs_made_by
from zincir.compiler.rewrite.expand import expand
from zincir.compiler.schedule.launch import BatchTiled, Launch
from zincir.compiler.snapshot import Snapshot
from zincir.compiler.timed import Timed, timed
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import Node, next_serial, user_line
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.loop.rounds import Rounds, rounds_p
from zincir.models.profile_table import STAGES, LayerTimes, Profile
from zincir.models.summary import products
from zincir.random import get_rng_state, set_rng_state
from zincir.runtime.peak import peak_flops
from zincir.runtime.team import get_num_threads
from zincir.step import compile
from zincir.tensor import Tensor
from zincir.types import float32, size

_MODULE: Any = nn.Module  # names that check without narrowing
_SEVERAL: Any = (tuple, list)
Place = tuple[str, int]
"""A path of a layer, and the number of a stage."""


@dataclass(frozen=True, slots=True)
class _Share:
    """A part of the time of a launch."""

    place: Place
    share: float
    inside: frozenset[Place]
    """What it computes besides."""


def profile(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Any,
    batch: tuple[Any, Any],
    *,
    steps: int | None = None,
    seconds: float = 1.0,
) -> Profile:
    """The time of a compiled training step, by layers: forward, backward and update.

    A copy of the model is trained for some steps with the clock read between kernels; model,
    optimizer and the default generator stay as they are. Kernels that could run side by side run
    one after another for this, so that their sum may be more than a step takes, which is measured
    as well.

    Compiled steps have fewer kernels than nets have layers. A kernel that computes several layers
    counts for the one that has the largest part in it, and the table says which others are inside;
    kernels that run by turns on pieces of a batch share its time as the compiler reckons it.
    Multiply-adds are those of matrix products and convolutions, and the share of the peak compares
    them with what this machine can do at best (fused multiply-adds on registers).

    Args:
        model: what is trained; a tuple of inputs is several arguments.
        loss: called with outputs and targets.
        optimizer: over the parameters of the model.
        batch: inputs and targets.
        steps: how many are timed, of which the medians are told; None: as many as fit into
            `seconds`, but 5 at least.
        seconds: see there.

    Returns:
        An object with `rows` and totals, which prints as a table.

    Raises:
        DTypeError: the model is no module.
        ArgumentError: the batch is no pair, or `steps` is not positive.

    Example:
        >>> import zincir
        >>> from zincir import nn, optim
        >>> model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
        >>> batch = zincir.rand(32, 64), zincir.arange(32) % 10
        >>> found = profile(model, nn.CrossEntropyLoss(), optimizer, batch, steps=3)
        >>> [row.path for row in found.rows]
        ['0', '1', '2', '(loss)']
        >>> found.seconds > 0
        True
    """
    if not isinstance(model, _MODULE):
        raise DTypeError(
            explain("profile: not a module", where=user_line(), got=type(model).__name__)
        )
    if not isinstance(batch, _SEVERAL) or len(batch) != 2 or (steps is not None and steps < 1):
        raise ArgumentError(
            explain(
                "profile: needs a batch, which is a pair of inputs and targets, and steps",
                where=user_line(),
                got=f"{type(batch).__name__}, steps={steps}",
            )
        )
    stream = get_rng_state()
    try:
        own: Any = deepcopy((model, loss, optimizer))
        return _Profiler(own[0], own[1], own[2], batch).profile(steps, seconds)
    finally:
        set_rng_state(stream)


@dataclass(slots=True)
class _Watched:
    """A program of the step, and where each of its launches is booked."""

    timed: Timed
    booked: list[list[_Share]]
    """By launch."""
    operations: dict[Place, int]
    taken: list[list[int]] = field(default_factory=list[list[int]])
    """Nanoseconds by launch, for each step."""


def steps_in(seconds: float, one: float) -> int:
    """How many steps are timed, if one takes so long."""
    return min(1000, max(5, round(seconds / max(one, 1e-6))))


class _Profiler:
    """Records the step of a model, and takes its times."""

    def __init__(self, model: Any, loss: Any, optimizer: Any, batch: tuple[Any, Any]) -> None:
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._batch = batch
        self._root = getattr(model, "_name_in_parent", "") or type(model).__name__
        self._ends: list[int] = []
        """Of each stage, the number behind its last node; of the latest recording."""
        self._programs: dict[Any, tuple[CachedProgram, _Watched]] = {}

    def profile(self, steps: int | None, seconds: float) -> Profile:
        """Train, with the clock between kernels and without."""
        self._model.train()
        x, y = self._batch
        step, whole = compile(self._step), compile(self._step)
        with programs_made_by(self._made):
            for _ in range(2):  # that are recorded
                step(x, y)
            began = time.perf_counter()
            step(x, y)
            steps = steps or steps_in(seconds, time.perf_counter() - began)
            self._programs = {k: v for k, v in self._programs.items() if v[1].booked}
            for _ in range(steps):
                step(x, y)
                for _, watched in self._programs.values():
                    watched.taken.append(watched.timed.latest())
        for _ in range(3):
            whole(x, y)
        times: list[float] = []
        for _ in range(steps):
            began = time.perf_counter()
            whole(x, y)
            times.append(time.perf_counter() - began)
        return self._table(sorted(times)[steps // 2])

    def _step(self, x: Any, y: Any) -> Tensor:
        self._optimizer.zero_grad()
        outputs = self._model(*x) if isinstance(x, _SEVERAL) else self._model(x)
        value = self._loss(outputs, y)
        ends = [next_serial()]
        value.backward()
        ends.append(next_serial())
        self._optimizer.step()
        self._ends = [*ends, next_serial()]
        return value.detach()

    # Where launches are booked ------------------------------------------------------------------

    def _made(self, taken: Snapshot, options: Options) -> CachedProgram:
        """What runs in the place of a program."""
        key = taken.key, options.key
        if key not in self._programs:
            made = compile_graph(taken.graph(), options)
            clocked = timed(made)
            checks = [(rows, what, node.origin) for node, rows, what in made.assembly.checks]
            ready = CachedProgram(clocked.program, made.plan.donated, checks)
            booking = _Booking(self, taken, made.plan.legal.graph.inputs)
            booked = [booking.of(launch) for launch in clocked.launches]
            computed = expand(taken.graph(), options).outputs
            watched = _Watched(clocked, booked, booking.operations(computed))
            self._programs[key] = ready, watched
        return self._programs[key][0]

    def stage(self, serial: int) -> int:
        """The number of the stage that a node was made in; the last one for what is none."""
        return next((i for i, end in enumerate(self._ends) if serial < end), len(STAGES) - 1)

    def layer(self, path: str, stage: int) -> str:
        """The dotted name of a layer in the model, of the path that its nodes have."""
        if path == self._root:
            return "(itself)"
        if path.startswith(f"{self._root}."):
            return path.removeprefix(f"{self._root}.")
        return "(loss)" if stage < _UPDATE else "(update)"

    def parameters(self) -> dict[int, str]:
        """The layers of parameters, by the memory that these have."""
        return {
            id(p._held.value): name.rpartition(".")[0] or "(itself)"
            for name, p in self._model.named_parameters()
        }

    # The table ----------------------------------------------------------------------------------

    def _table(self, seconds: float) -> Profile:
        rows = {name: LayerTimes(name, type(m).__name__) for name, m in self._layers()}
        for _, watched in self._programs.values():
            medians = [sorted(times)[len(times) // 2] for times in zip(*watched.taken, strict=True)]
            for nanoseconds, shares in zip(medians, watched.booked, strict=True):
                for part in shares:
                    path, stage = part.place
                    row = rows.setdefault(path, LayerTimes(path, ""))
                    row.seconds[stage] += nanoseconds * part.share * 1e-9
                    for other, of in part.inside:
                        rows.setdefault(other, LayerTimes(other, "")).moved[of] = stage
                        row.inside |= {other} - {path}
            for (path, stage), count in watched.operations.items():
                rows.setdefault(path, LayerTimes(path, "")).operations[stage] += count
        for row in rows.values():
            for other in row.inside & rows.keys():
                rows[other].within.add(row.path)
        named = {
            name for name, m in self._layers() if any(True for _ in m.parameters(recurse=False))
        }
        kept = [row for row in rows.values() if row.counts or row.path in named]
        by_32 = all(p.dtype is float32 for p in self._model.parameters())
        threads = get_num_threads()
        peak = peak_flops(threads) if by_32 else None
        return Profile(type(self._model).__name__, tuple(kept), seconds, threads, peak)

    def _layers(self) -> list[tuple[str, Any]]:
        return [(name or "(itself)", module) for name, module in self._model.named_modules()]


_UPDATE = STAGES.index("update")


class _Booking:
    """Where the launches of one program belong."""

    def __init__(self, profiler: _Profiler, taken: Snapshot, inputs: Sequence[Node]) -> None:
        self._profiler, self._sources = profiler, taken.sources
        owners = profiler.parameters()
        self._owner = {
            node: owners[id(leaf.value)]
            for node, leaf in zip(inputs, taken.leaves, strict=False)
            if id(leaf.value) in owners
        }

    def of(self, launch: Launch) -> list[_Share]:
        """The places of a launch, and their shares of its time."""
        work = launch.work
        parts = work.launches if isinstance(work, BatchTiled) else [launch]
        whole = sum(part.cost for part in parts) or 1.0
        found: dict[Place, float] = {}
        everything: set[Place] = set()
        for part in parts:
            weights = self._weights(part)
            place = max(weights, key=weights.__getitem__)
            share = part.cost / whole if len(parts) > 1 else 1.0
            found[place] = found.get(place, 0.0) + share
            everything.update(weights)
        inside = frozenset(everything - found.keys())
        return [_Share(place, share, inside) for place, share in found.items()]

    def _weights(self, launch: Launch) -> dict[Place, float]:
        """How much of a launch is computed for each layer, in elements and operations."""
        inside = toposort(launch.writes, lambda n: n not in launch.reads)
        owners = {self._owner[n] for n in launch.reads if n in self._owner}
        found: dict[Place, float] = {}
        for node in inside:
            for place, weight in self._of_node(node, owners):
                found[place] = found.get(place, 0.0) + weight
        return found or {("(other)", len(STAGES) - 1): 1.0}

    def _of_node(self, node: Node, owners: set[str]) -> list[tuple[Place, float]]:
        entry = entry_of(node)
        if node.op.kind in _FREE or entry is None:
            return []
        stage = self._profiler.stage(self._sources[entry].serial)
        weight = _weight(node)
        if stage == _UPDATE and owners:
            return [((owner, stage), weight / len(owners)) for owner in sorted(owners)]
        return [((self._profiler.layer(node.origin[2], stage), stage), weight)]

    def operations(self, outputs: Sequence[Node]) -> dict[Place, int]:
        """Additions and multiplications of products and convolutions, also in loops."""
        found: dict[Place, int] = {}
        for node in toposort(outputs):
            count, entry = _operations(node), entry_of(node)
            if count and entry is not None:
                stage = self._profiler.stage(self._sources[entry].serial)
                place = self._profiler.layer(node.origin[2], stage), stage
                found[place] = found.get(place, 0) + count
        return found


_FREE = (Kind.SOURCE, Kind.VIEW, Kind.ALIAS, Kind.OUTPUT)
_PRODUCTS = (Kind.CONTRACTION, Kind.CONVOLUTION)


def _operations(node: Node) -> int:
    """Additions and multiplications of a product, a convolution, or a loop over such."""
    if node.op.kind in _PRODUCTS:
        return 2 * products(node)
    if node.op is rounds_p:
        rounds = Rounds(*node.attrs)
        return rounds.length * sum(map(_operations, toposort(rounds.body.results)))
    return 0


def _weight(node: Node) -> float:
    if found := _operations(node):
        return float(found)
    return float(max((size(n.shape) for n in (node, *node.inputs)), default=0))
