"""Exam: what watches a training that somebody else drives, step by step.

It subscribes to backward passes, whose graph tells it what there is to measure, and hangs a hook on
each parameter and optimizer. What it measures is written in place inside the step (see `probes`);
nothing is looked at there. A number that is read at each replay (`live`) is its pulse: between two
steps it reads what there is, and chooses whether the next step is probed. Both choices are
recordings of the same step, which stay. Which one fits is a condition of them.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir import tensor_backward
from zincir.autograd import no_grad
from zincir.doctor.anatomy import Anatomy, Names, Place, anatomy, parameters_above
from zincir.doctor.course import Activity, Array, Course, Gauge, Reading, dropouts
from zincir.doctor.forms import bare, doubled, softmaxes
from zincir.doctor.guessing import Aim, aim_of, crossed
from zincir.doctor.looking import look
from zincir.doctor.probes import ParameterProbe, PlaceProbe, Tally, shown
from zincir.doctor.rehearsal import as_tensors
from zincir.doctor.schedule import Schedule
from zincir.graph.node import Node, describe
from zincir.hook_handle import RemovableHandle
from zincir.nn import Module
from zincir.recording import CURRENT, changed_setting, live, note_condition
from zincir.tensor import Tensor
from zincir.tensor_backward import register_after
from zincir.types import float64

PASSES = 64
"""Backward passes without a step after which none is probed until there is one."""


class Exam:
    """The measurements of a training, and what they say; see `watch`."""

    def __init__(
        self,
        models: Mapping[str, Module],
        optimizers: Sequence[Any],
        every: int,
        *,
        fixed: bool = False,
    ) -> None:
        self.course = Course()
        self._schedule = Schedule(every, fixed=fixed)
        self._models, self._optimizers = models, list(optimizers)
        self._names = Names.of(models)
        self._watched: dict[int, Tensor] = {
            id(p): p for m in models.values() for p in m.parameters()
        }
        self._thread = threading.get_ident()
        self._sites: dict[str, Tally] = {}
        self._places: dict[Place, PlaceProbe] = {}
        self._parameters: dict[str, ParameterProbe] = {}
        self._targets: dict[Targets, Tally] = {}
        self._wanted: list[Any] = []
        """What a recording has met that there are no tallies for yet."""
        self._version = 0
        self._probing = every > 0
        self._stepped: set[int] = set()
        self._idle = 0
        """Backward passes since the last step."""
        self._unread = False
        self._handles: list[RemovableHandle] = []
        self._used: dict[str, tuple[int, int, int]] = {}
        """By the name of a parameter: the gradient that a step has used, its version, and the
        recording that this is known from."""
        self._mixed: set[str] = set()
        """Parameters whose gradients contain those of steps that are done."""
        self.course.dropouts = dropouts(models)
        self.course.trained = {
            name: self._watched[key].numel()
            for key, name in self._names.parameters.items()
            if self._watched[key].requires_grad
        }
        self._note_settings()

    # Beginning and end --------------------------------------------------------------------------

    def begin(self) -> None:
        """Watch from now on."""
        if self.on_backward in tensor_backward.WATCHERS:
            return
        try:
            self._hook()
        except BaseException:
            self._unhook()
            raise
        tensor_backward.WATCHERS.append(self.on_backward)
        changed_setting()

    def end(self) -> None:
        """Read what there is, and watch no more."""
        if self.on_backward not in tensor_backward.WATCHERS:
            return
        tensor_backward.WATCHERS.remove(self.on_backward)
        self._unhook()
        self.read()
        changed_setting()

    def _hook(self) -> None:
        for p in self._watched.values():
            if p.requires_grad:
                self._handles.append(register_after(p, self._arrived))
        for optimizer in self._optimizers:
            self._handles.append(optimizer.register_step_pre_hook(self._before_step))
            self._handles.append(optimizer.register_step_post_hook(self._after_step))

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def watches(self, model: Module, optimizer: Any) -> bool:
        """Whether it watches exactly these."""
        return list(self._models.values()) == [model] and self._optimizers == [optimizer]

    def look(self, loss: Any, x: Any, y: Any) -> None:
        """Look at a batch in private, with the first model."""
        model = next(iter(self._models.values()))
        x, y = as_tensors(x), as_tensors(y)
        self.course.looks.append(look(model, loss, x, y, self.course.steps))

    # Inside of a step ---------------------------------------------------------------------------

    def on_backward(self, outputs: Sequence[Node]) -> None:
        """A backward pass from these begins: hang probes on what there is to measure."""
        if threading.get_ident() != self._thread or CURRENT.standing:
            return
        site = describe((*outputs[0].origin[:2], ""))
        probing = self._probing
        known = site in self._sites
        body = None
        if probing or not known:
            body = anatomy(outputs, self._names, _takes_part)
            reached = parameters_above(outputs, self._names)
            body.parameters = [name for name in body.parameters if name in reached]
            if not any(name in body.parameters for name in self._names.parameters.values()):
                return
            self._note_order(body)
        note_condition(self, self._condition)
        self._note_stale()
        self._pulse(None, probing)
        self._prepare(site, outputs[0], body)
        if body is not None and site not in self.course.twice:
            self._note_forms(site, outputs[0], body)
        tally = self._sites.get(site)
        if tally is not None:
            loss = shown(outputs[0]).sum().to(float64)
            tally.add([1.0, loss * loss, loss])
        if probing and body is not None:
            self._probe(site, outputs[0], body)

    def _probe(self, site: str, outputs: Node, body: Anatomy) -> None:
        """Measure activations and targets."""
        for place, nodes in body.places.items():
            for node in nodes:
                self._places[place].watch(node)
        with no_grad():
            for targets, node in _targets_in(site, outputs, body).items():
                self._targets[targets].add(_summed(targets, shown(node).to(float64)))

    def _note_forms(self, site: str, loss: Node, body: Anatomy) -> None:
        """What the graph of a loss tells before anything is computed."""
        found = softmaxes(body.order, body.users)
        self.course.twice[site] = doubled(body.order, body.users, found, self._names.layer)
        aimed = aim_of(loss, body)
        if aimed is not None:
            self.course.aims[site] = aimed.aim
        shapes = crossed(body)
        if shapes is not None:
            self.course.crossed[site] = shapes

    def _arrived(self, p: Tensor) -> None:
        name = self._names.parameters[id(p)]
        probe = self._parameters.get(name)
        if self._probing_now() and probe is not None:
            probe.arrived(p)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        del args, kwargs
        if self._probing_now():
            for p, probe in self._probed_of(optimizer):
                probe.before_step(p)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        del args, kwargs
        note_condition(self, self._condition)
        probing = self._probing_now()
        if probing:
            for p, probe in self._probed_of(optimizer):
                probe.after_step(p)
        self._note_used(optimizer)
        self._pulse(optimizer, probing)

    def _probing_now(self) -> bool:
        return self._probing and threading.get_ident() == self._thread

    def _probed_of(self, optimizer: Any) -> list[tuple[Tensor, ParameterProbe]]:
        found: list[tuple[Tensor, ParameterProbe]] = []
        for group in optimizer.param_groups:
            for p in group["params"]:
                probe = self._parameters.get(self._names.parameters.get(id(p), ""))
                if probe is not None and p._grad is not None:
                    found.append((p, probe))
        return found

    # What there is to measure -------------------------------------------------------------------

    def _prepare(self, site: str, loss: Node, body: Anatomy | None) -> None:
        """Make tallies for what is new: they were there before whatever is recorded."""
        new: list[Any] = [] if site in self._sites else [site]
        if body is not None and self._probing:
            new += [place for place in body.places if place not in self._places]
            new += [name for name in body.parameters if name not in self._parameters]
            new += [t for t in _targets_in(site, loss, body) if t not in self._targets]
        if new:
            self._make(new)

    def _make(self, new: list[Any]) -> None:
        for thing in new:
            if isinstance(thing, Place):
                self._places[thing] = PlaceProbe(thing)
            elif isinstance(thing, Targets):
                self._targets[thing] = Tally(1 if thing.classes else 3, thing.columns)
            elif thing in self._names.parameters.values():
                self._parameters[thing] = ParameterProbe()
            else:
                self._sites[thing] = Tally(3)

    def _condition(self) -> tuple[int, bool]:
        """What a recording depends on; asked before each replay."""
        if self._wanted and CURRENT.recording is None:
            new, self._wanted = self._wanted, []
            self._make(new)
            self._version += 1
        return self._version, self._probing

    def _note_order(self, body: Anatomy) -> None:
        course = self.course
        before = list(course.shapes)
        names = [*before, *(n for n in body.parameters if n not in course.shapes)]
        if len(names) > len(before):
            shapes = {name: tuple(p.shape) for name, p in self._named()}
            course.shapes = {name: shapes[name] for name in names}
            course.order = body.ranks(self._names)

    def _named(self) -> list[tuple[str, Tensor]]:
        return [(name, self._watched[key]) for key, name in self._names.parameters.items()]

    def _note_settings(self) -> None:
        self.course.optimizers = len(self._optimizers)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                settings = {k: v for k, v in group.items() if k != "params"}
                for p in group["params"]:
                    name = self._names.parameters.get(id(p))
                    if name is not None:
                        own = {**settings, "kind": type(optimizer).__name__}
                        self.course.settings[name] = own

    def _note_stale(self) -> None:
        """Note gradients that a step has used and that this backward pass adds to."""
        recording = CURRENT.recording
        for key, name in self._names.parameters.items():
            used, grad = self._used.pop(name, None), self._watched[key]._grad
            if grad is None:
                self._mixed.discard(name)
            elif used is not None:
                same = used == (id(grad), grad._version, id(recording))
                if same or (id(recording) != used[2] and _is_full(grad)):
                    self._mixed.add(name)
                else:
                    self._mixed.discard(name)
            elif name in self._mixed and not _is_full(grad):
                self._mixed.discard(name)

    def _note_used(self, optimizer: Any) -> None:
        """Note the gradients that a step uses, those of older steps among them."""
        for group in optimizer.param_groups:
            for p in group["params"]:
                name = self._names.parameters.get(id(p))
                if name is None or p._grad is None:
                    continue
                self.course.used = True
                self._used[name] = id(p._grad), p._grad._version, id(CURRENT.recording)
                if name in self._mixed:
                    first, times = self.course.stale.get(name, (self.course.steps, 0))
                    self.course.stale[name] = first, times + 1

    # Between two steps --------------------------------------------------------------------------

    def _pulse(self, optimizer: Any, probing: bool) -> None:
        """Take part in the step as a number that is read at each replay."""
        beat = functools.partial(self._beat, optimizer, probing)
        if CURRENT.recording is None:
            beat()
            return
        with _Silent(self):
            live(beat, (), float64)

    _silent = False

    def _beat(self, optimizer: Any, probing: bool) -> float:
        if self._silent:
            return 1.0
        if optimizer is None:
            self.course.passes += 1
            self._idle += 1
            if self._idle > PASSES and self._optimizers:
                self._probing = False
            self._watch_losses()
            if self._unread:
                self.read()
            elif not probing and self._schedule.reads_losses(self.course.steps):
                self._note({}, {}, {})
            if not self._optimizers:
                self._end_step(probing, 0)
        else:
            self._end_step(probing, id(optimizer))
        return 1.0

    def _end_step(self, probing: bool, who: int) -> None:
        """A step ends here (or will, when this replay does): is the next one to be probed?"""
        course = self.course
        self._idle = 0
        if self._schedule.every == 0 and len(self._optimizers) == 1:  # the usual, and quick
            course.steps += 1
            return
        self._schedule.note_step(bare=not probing and not self._unread)
        if who in self._stepped or not self._stepped:
            course.steps += 1
        self._stepped.add(who)
        if probing:
            self._unread = True
        if len(self._stepped) >= len(self._optimizers):
            self._stepped.clear()
            self._probing = self._schedule.probes(course.steps)

    def _watch_losses(self) -> None:
        if self.course.broken is not None:
            return
        for site, tally in self._sites.items():
            if not tally.is_finite():
                self.course.broken = max(0, self.course.steps - 1), site

    def read(self) -> None:
        """Take a reading of all that was measured since the last one."""
        self._unread = False
        for key, name in self._names.parameters.items():
            if not self._watched[key].requires_grad:  # frozen meanwhile
                self.course.trained.pop(name, None)
        began = time.perf_counter()
        self._watch_losses()
        with np.errstate(all="ignore"):  # what is not finite is to be seen, and no error here
            self._note(*self._measured())
        self._schedule.cost = time.perf_counter() - began

    def _measured(self) -> tuple[dict[Place, Activity], dict[str, Gauge], dict[str, Array]]:
        """What activations, parameters and targets did since the last reading."""
        places = {p: a for p, probe in self._places.items() if (a := probe.activity()) is not None}
        rates = self._rates()
        gauges = {
            name: gauge
            for name in self.course.shapes
            if name in self._parameters
            and (gauge := _gauge(self._parameters[name], rates.get(name, math.nan))) is not None
        }
        summed = {t.site: (t, tally.take()) for t, tally in self._targets.items()}
        targets = {s: a[0] if t.classes else a for s, (t, a) in summed.items() if a[0].any()}
        return places, gauges, targets

    def _note(
        self,
        places: dict[Place, Activity],
        gauges: dict[str, Gauge],
        targets: dict[str, Array],
    ) -> None:
        """Note a reading, with the losses since the one before."""
        losses: dict[str, float] = {}
        passes: dict[str, tuple[int, float]] = {}
        for site, tally in self._sites.items():
            count, squares, total = tally.take()
            if count:
                losses[site] = float(total / count)
                passes[site] = int(count), float(squares / count)
        if losses or places or gauges:
            self.course.note(Reading(self.course.steps, losses, places, gauges, passes, targets))

    def _rates(self) -> dict[str, float]:
        return {
            self._names.parameters[id(p)]: float(group["lr"])
            for optimizer in self._optimizers
            for group in optimizer.param_groups
            for p in group["params"]
            if id(p) in self._names.parameters and "lr" in group
        }


@dataclass(frozen=True)
class Targets:
    """What a loss compares outputs with."""

    site: str
    aim: Aim

    @property
    def classes(self) -> bool:
        """Whether samples of classes are counted."""
        return self.aim.form in ("classes", "mixed")

    @property
    def columns(self) -> int:
        return self.aim.columns


def _targets_in(site: str, loss: Node, body: Anatomy) -> dict[Targets, Node]:
    """Where a loss has its targets, if its form is known: labels as ones, or numbers."""
    aimed = aim_of(loss, body)
    if aimed is None or aimed.targets is None:
        return {}
    return {Targets(site, aimed.aim): aimed.targets}


def _summed(targets: Targets, values: Tensor) -> list[Any]:
    """Samples of each class; or how many numbers there are in each column, and their sums."""
    rows = values.reshape(-1, targets.columns)
    if targets.classes:
        return [rows.sum(0)]
    return [float(rows.shape[0]), rows.sum(0), (rows * rows).sum(0)]


class _Silent:
    """While a pulse is recorded: it beats when the recording runs, and not now."""

    def __init__(self, exam: Exam) -> None:
        self._exam = exam

    def __enter__(self) -> None:
        self._exam._silent = True

    def __exit__(self, *_: object) -> None:
        self._exam._silent = False


def _takes_part(node: Node) -> bool:
    return node.needs_grad or node.op.name in ("const", "le", "ge", "gt", "lt", "where", "detach")


def _is_full(grad: Any) -> bool:
    """Whether a gradient is not known to be zero."""
    node = bare(grad._held)
    if node.value is not None:
        return bool(np.any(node.value.array))
    return node.op.name not in ("const", "expand")


def _gauge(probe: ParameterProbe, rate: float) -> Gauge | None:
    arrivals, gradient = probe.gradients.take()
    updates, value, change, used = probe.updates.take()
    if not arrivals and not updates:
        return None
    return Gauge(
        _root(value, updates), _root(gradient, arrivals), _root(change, updates), rate,
        _root(used, updates),
    )  # fmt: skip


def _root(total: float, count: float) -> float:
    return math.sqrt(total / count) if count else math.nan
