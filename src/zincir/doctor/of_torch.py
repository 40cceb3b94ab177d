"""`watch` for models of PyTorch: the same course, measured by PyTorch's own means.

Nothing of it is imported: a model was given, so PyTorch is there. What is measured are sums, in
float64, of steps that are probed; rules then read them as they read any other course.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zincir.doctor.anatomy import Place
from zincir.doctor.course import Activity, Array, Course, Gauge, Look, Reading, dropouts
from zincir.doctor.guessing import Aim
from zincir.doctor.looking import PARTS, noise_of
from zincir.doctor.schedule import Schedule
from zincir.doctor.torch_calls import DIFFERENCES, Calls, line, mode


def torch_of(models: Any) -> Any:
    """PyTorch, if these are models of it, and it is not this library under its name."""
    torch: Any = sys.modules.get("torch")
    kind = getattr(getattr(torch, "nn", None), "Module", None)
    given: Any = list(models.values()) if isinstance(models, _TABLE) else models
    several: list[Any] = given if isinstance(given, _SEVERAL) else [given]
    if kind is None or not several or not all(isinstance(m, kind) for m in several):
        return None
    return torch


class TorchExam:
    """The measurements of a training by PyTorch; see `watch`."""

    def __init__(
        self, torch: Any, models: Mapping[str, Any], optimizers: Sequence[Any], every: int,
        *, fixed: bool,
    ) -> None:  # fmt: skip
        self.course = Course()
        self._torch, self._models, self._optimizers = torch, models, list(optimizers)
        self._schedule = Schedule(every, fixed=fixed)
        self._probing = every > 0
        self._names: dict[int, str] = {}
        self._handles: list[Any] = []
        self._calls = Calls(self.course, models, self._names)
        self._parameters = self._calls.parameters
        self._gauges: dict[str, list[float]] = {}
        """By parameter: steps, and sums of squares of value, change and gradient as it is used;
        arrivals and the sum of squares of gradients."""
        self._before: dict[str, Any] = {}
        self._losses: list[tuple[str, int, Any]] = []
        self._targets: dict[str, Array] = {}
        self._used: dict[str, tuple[int, int]] = {}
        self._mixed: set[str] = set()
        self._stepped: set[int] = set()
        self._mode: Any = None
        self._private = False
        self._note_models()

    def _note_models(self) -> None:
        course, several = self.course, len(self._models) > 1
        for prefix, model in self._models.items():
            start = f"{prefix}." if several or prefix else ""
            for name, p in model.named_parameters():
                self._names[id(p)] = start + name
                self._parameters[start + name] = p
        course.dropouts = dropouts(self._models)
        course.trained = {n: p.numel() for n, p in self._parameters.items() if p.requires_grad}
        course.optimizers = len(self._optimizers)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                settings = {k: v for k, v in group.items() if k != "params"}
                for p in group["params"]:
                    if id(p) in self._names:
                        own = {**settings, "kind": type(optimizer).__name__}
                        course.settings[self._names[id(p)]] = own

    # Beginning and end --------------------------------------------------------------------------

    def begin(self) -> None:
        """Watch from now on."""
        if self._mode is not None:
            return
        try:
            self._hook()
            self._mode = mode(self._torch, self._called)
            self._mode.__enter__()
        except BaseException:
            self._mode = None
            self._unhook()
            raise

    def _hook(self) -> None:
        several = len(self._models) > 1
        for prefix, model in self._models.items():
            start = f"{prefix}." if several or prefix else ""
            for name, module in model.named_modules():
                path = (start + name).rstrip(".")
                self._handles.append(module.register_forward_pre_hook(self._calls.entered(path)))
                self._handles.append(
                    module.register_forward_hook(self._calls.left, always_call=True)
                )
        for p in self._parameters.values():
            if p.requires_grad:
                self._handles.append(p.register_post_accumulate_grad_hook(self._arrived))
        for optimizer in self._optimizers:
            self._handles.append(optimizer.register_step_pre_hook(self._before_step))
            self._handles.append(optimizer.register_step_post_hook(self._after_step))

    def end(self) -> None:
        """Read what there is, and watch no more."""
        if self._mode is None:
            return
        self._mode.__exit__(None, None, None)
        self._mode = None
        self._unhook()
        self.read()

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def look(self, loss: Any, x: Any, y: Any) -> None:
        """Look at a batch in private, with a copy of the first model."""
        torch, model = self._torch, self._copy()
        x, y = (torch.from_numpy(z) if isinstance(z, np.ndarray) else z for z in (x, y))
        self._private = True
        try:
            self._look(torch, model, loss, x, y)
        finally:
            self._private = False

    def _copy(self) -> Any:
        """A copy of the first model, without dropout, that no hook of this exam watches."""
        model = copy.deepcopy(next(iter(self._models.values())), {id(self._calls): self._calls})
        own = [handle.id for handle in self._handles]
        for module in model.modules():
            for kind in ("_forward_pre_hooks", "_forward_hooks", "_forward_hooks_always_called"):
                for number in own:
                    getattr(module, kind).pop(number, None)
            if "Dropout" in type(module).__name__ and hasattr(module, "p"):
                module.p = 0.0
        return model

    def _look(self, torch: Any, model: Any, loss: Any, x: Any, y: Any) -> None:
        with torch.random.fork_rng(), torch.enable_grad():
            training = loss(model.train()(x), y).item()
            model.load_state_dict(next(iter(self._models.values())).state_dict())
            evaluation = loss(model.eval()(x), y).item()
            noise = noise_of([_gradient(torch, model, loss, *part) for part in _parts(x, y)])
        self.course.looks.append(Look(self.course.steps, training, evaluation, noise, len(x)))

    # Functions that are called ------------------------------------------------------------------

    def _called(self, name: str, args: tuple[Any, ...], kwargs: Any, run: Callable[[], Any]) -> Any:
        """A function of PyTorch's is called inside of the context."""
        if self._private:
            return run()
        if name == "backward":
            self._backward(args[0])
            return run()
        made = run()
        self._calls.loss(name, args, kwargs, made)
        if name in DIFFERENCES and len(args) > 1:
            self._calls.difference(args[0], args[1])
        if self._probing and self._torch.is_grad_enabled():
            self._calls.note(name, args, made)
        return made

    # Backward passes and steps ------------------------------------------------------------------

    def _backward(self, loss: Any) -> None:
        course, site = self.course, line()
        course.passes += 1
        self._note_stale()
        self._losses.append((site, course.steps, loss.detach()))
        guess = self._calls.guesses.get(id(loss))
        if guess is not None and guess[0] is loss:
            course.aims[site] = guess[1]
            if self._probing and guess[2] is not None:
                self._add_targets(site, guess[1], guess[2])
        self._calls.end_pass()
        if not self._optimizers:
            self._end_step(0)

    def _add_targets(self, site: str, aim: Aim, targets: Any) -> None:
        found: Array = targets.cpu().numpy()
        if aim.form == "classes":
            some = found[(found >= 0) & (found < aim.columns)]
            sums = np.bincount(some.ravel(), minlength=aim.columns)
        else:
            rows = found.reshape(-1, aim.columns).astype(np.float64)
            count = np.full(aim.columns, float(len(rows)))
            sums = np.stack([count, rows.sum(0), np.square(rows).sum(0)])
        before = self._targets.get(site)
        same = before is not None and before.shape == sums.shape
        self._targets[site] = before + sums if before is not None and same else sums

    def _note_stale(self) -> None:
        """Note gradients that a step has used and that this backward pass adds to."""
        for name, p in self._parameters.items():
            used = self._used.pop(name, None)
            if p.grad is None:
                self._mixed.discard(name)
            elif used is not None:
                same = used == (id(p.grad), p.grad._version) and _is_full(p.grad)
                (self._mixed.add if same else self._mixed.discard)(name)
            elif name in self._mixed and not _is_full(p.grad):
                self._mixed.discard(name)

    def _arrived(self, p: Any) -> None:
        if self._probing:
            name = self._names[id(p)]
            if name not in self.course.shapes:
                self.course.shapes[name] = tuple(p.shape)
            sums = self._gauges.setdefault(name, [0.0] * 6)
            sums[4] += 1
            sums[5] += _mean_square(p.grad)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        del args, kwargs
        if self._probing:
            for name, p in self._changed_by(optimizer):
                self._before[name] = p.detach().clone(), _mean_square(p.grad)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        del args, kwargs
        for name, p in self._changed_by(optimizer):
            before = self._before.pop(name, None)
            if before is not None:
                old, used = before
                sums = self._gauges.setdefault(name, [0.0] * 6)
                for k, v in enumerate((1.0, _mean_square(old), _mean_square(p - old), used)):
                    sums[k] += v
            self.course.used = True
            self._used[name] = id(p.grad), p.grad._version
            if name in self._mixed:
                first, times = self.course.stale.get(name, (self.course.steps, 0))
                self.course.stale[name] = first, times + 1
        self._end_step(id(optimizer))

    def _changed_by(self, optimizer: Any) -> list[tuple[str, Any]]:
        return [
            (self._names[id(p)], p)
            for group in optimizer.param_groups
            for p in group["params"]
            if id(p) in self._names and p.grad is not None
        ]

    def _end_step(self, who: int) -> None:
        """A step ends here: what was probed is read, and is the next one to be probed?"""
        course = self.course
        probed = self._probing
        self._schedule.note_step(bare=not probed)
        if who in self._stepped or not self._stepped:
            course.steps += 1
        self._stepped.add(who)
        if len(self._stepped) >= len(self._optimizers):
            self._stepped.clear()
            if probed or self._schedule.reads_losses(course.steps):
                self.read()
            self._probing = self._schedule.probes(course.steps)

    # Readings -----------------------------------------------------------------------------------

    def read(self) -> None:
        """Take a reading of all that was measured since the last one."""
        began = time.perf_counter()
        with np.errstate(all="ignore"):
            places = self._calls.taken()
            self._order_weights()
            gauges = self._measured()
            self._note(places, gauges)
        self._schedule.cost = time.perf_counter() - began

    def _note(self, places: dict[Place, Activity], gauges: dict[str, Gauge]) -> None:
        values: dict[str, list[float]] = {}
        for site, step, loss in self._losses:
            value = float(loss.cpu().double().mean())
            if not math.isfinite(value) and self.course.broken is None:
                self.course.broken = step, site
            values.setdefault(site, []).append(value)
        self._losses.clear()
        losses = {site: float(np.mean(v)) for site, v in values.items()}
        squares = {s: (len(v), float(np.mean(np.square(v)))) for s, v in values.items()}
        targets, self._targets = self._targets, {}
        if losses or places or gauges:
            steps = self.course.steps
            self.course.note(Reading(steps, losses, places, gauges, squares, targets))

    def _measured(self) -> dict[str, Gauge]:
        rates = {
            self._names[id(p)]: float(group["lr"])
            for optimizer in self._optimizers
            for group in optimizer.param_groups
            for p in group["params"]
            if id(p) in self._names and "lr" in group
        }
        sums, self._gauges = self._gauges, {}
        return {
            name: Gauge(
                _root(s[1], s[0]), _root(s[5], s[4]), _root(s[2], s[0]),
                rates.get(name, math.nan), _root(s[3], s[0]),
            )
            for name in self.course.shapes
            if (s := sums.get(name)) is not None
        }  # fmt: skip

    def _order_weights(self) -> None:
        """Parameters in the order in which their layers run: gradients arrive in another one."""
        order, shapes = self.course.order, self.course.shapes
        names = list(self._parameters)
        place = {n: (order.get(n.rpartition(".")[0], len(order)), names.index(n)) for n in shapes}
        self.course.shapes = {n: shapes[n] for n in sorted(shapes, key=lambda n: place[n])}


def _parts(x: Any, y: Any) -> list[tuple[Any, Any]]:
    size = len(x) // PARTS
    if size < 1 or len(y) != len(x):
        return []
    return [(x[size * k : size * (k + 1)], y[size * k : size * (k + 1)]) for k in range(PARTS)]


def _gradient(torch: Any, model: Any, loss: Any, x: Any, y: Any) -> Array:
    trained = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss(model(x), y), trained, allow_unused=True)
    there = [g.to_dense().cpu().double().numpy().ravel() for g in found if g is not None]
    return np.concatenate([np.zeros(0), *there])


def _mean_square(x: Any) -> float:
    """Of a tensor of any layout, kind and device: MPS has no float64."""
    numbers = _numbers(x.detach())
    size = numbers.abs().float() if x.device.type == "mps" else numbers.abs().double()
    return float((size * size).sum()) / max(1, x.numel())


def _is_full(gradient: Any) -> bool:
    """Whether a gradient is not zero."""
    return bool(_numbers(gradient).any())


def _numbers(x: Any) -> Any:
    """The numbers of a tensor: of a sparse one those that are there."""
    return x.coalesce().values() if x.is_sparse else x


def _root(total: float, count: float) -> float:
    return math.sqrt(total / count) if count else math.nan


_SEVERAL: Any = (list, tuple)  # names that check without narrowing
_TABLE: Any = Mapping
