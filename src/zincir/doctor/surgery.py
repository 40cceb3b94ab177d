"""What remedies do to models and optimizers: layers found in the order in which they run, replaced,
drawn anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from zincir.autograd import no_grad
from zincir.creation import from_numpy
from zincir.doctor.patient import Patient
from zincir.doctor.rehearsal import Call, Rehearsal
from zincir.doctor.remedy import NotApplicable
from zincir.nn import Conv1d, Conv2d, Conv3d, Linear, Module, init
from zincir.optim.lr_scheduler import CyclicLR, OneCycleLR
from zincir.tensor import Tensor

WEIGHTED = (Linear, Conv1d, Conv2d, Conv3d)
KINDS = {
    "relu": "ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU GELU SiLU Mish Hardswish Softplus",
    "tanh": "Tanh Softsign Hardtanh Tanhshrink",
    "sigmoid": "Sigmoid Hardsigmoid LogSigmoid",
    "selu": "SELU",
}
"""Activations by what initialisation suits them."""
_KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}


@dataclass
class Layer:
    """A layer with a weight, and what comes behind it."""

    path: str
    module: Module
    kind: str
    """Of the activation behind it: relu, tanh, sigmoid, selu; empty if there is none."""
    activation: str
    """The path of that activation; empty if it is no module of its own."""
    normalised: bool
    """Whether a normalisation stands between both."""
    units: int
    axes: int
    """Of its outputs."""

    @property
    def weight(self) -> Tensor:
        return cast("Any", self.module).weight

    @property
    def bias(self) -> Tensor | None:
        return getattr(self.module, "bias", None)

    @property
    def fans(self) -> tuple[int, int]:
        """How many inputs a unit has, and how many units an input goes to."""
        shape = tuple(self.weight.shape)
        places = math.prod(shape[2:])
        return shape[1] * places, shape[0] * places


def rehearsed(patient: Patient) -> Rehearsal:
    """A private step."""
    return Rehearsal(patient.model, patient.loss, patient.optimizer, *patient.sample)


def leaves(seen: Rehearsal) -> list[Call]:
    """The calls of modules without others inside, in the order in which they ran."""
    return [c for c in seen.first.calls if not list(c.module.children()) and c.outputs]


def kind_of(module: Module) -> str:
    """What kind of activation a module is; empty if it is none."""
    return _KIND.get(type(module).__name__, "")


def layers(seen: Rehearsal) -> list[Layer]:
    """The layers with weights, in the order in which they run.

    Raises:
        NotApplicable: there is none.
    """
    calls, found = leaves(seen), list[Layer]()
    functional = {p.after: p.kind for p in seen.first.body.places if p.kind != "layer"}
    for number, call in enumerate(calls):
        if not isinstance(call.module, WEIGHTED) or any(f.path == call.where for f in found):
            continue
        behind = _behind(calls[number + 1 :])
        normalised = any("Norm" in type(c.module).__name__ for c in behind)
        activation = next((c for c in behind if kind_of(c.module)), None)
        kind = functional.get(call.where, "") if activation is None else kind_of(activation.module)
        weight: Any = call.module.weight
        found.append(
            Layer(call.where, call.module, kind, "" if activation is None else activation.where,
                  normalised, int(weight.shape[0]), call.outputs[0].ndim)
        )  # fmt: skip
    if not found:
        raise NotApplicable("there is no Linear and no convolution among the modules")
    return found


def _behind(calls: list[Call]) -> list[Call]:
    """The calls up to the next layer with a weight, or the first activation."""
    found: list[Call] = []
    for call in calls:
        if isinstance(call.module, WEIGHTED):
            break
        found.append(call)
        if kind_of(call.module):
            break
    return found


def hidden(found: list[Layer]) -> list[Layer]:
    """Those with an activation behind them, but for the last of all.

    Raises:
        NotApplicable: there is none.
    """
    inner = [layer for layer in found[:-1] if layer.kind]
    if not inner:
        raise NotApplicable("there is no layer with an activation behind it")
    return inner


# Weights ------------------------------------------------------------------------------------------


def suited(layer: Layer) -> tuple[float, str]:
    """The standard deviation of weights that suits what comes behind, and whose advice that is.

    He for ReLU and its kin, Glorot for tanh (times 5/3) and sigmoid (times 4, since its slope is a
    quarter), LeCun for SELU and where no activation follows.
    """
    into, out = layer.fans
    glorot = math.sqrt(2 / (into + out))
    return {
        "relu": (math.sqrt(2 / into), "He"),
        "tanh": (5 / 3 * glorot, "Glorot"),
        "sigmoid": (4 * glorot, "Glorot"),
    }.get(layer.kind, (1 / math.sqrt(into), "LeCun"))


@no_grad()
def draw_for_activations(patient: Patient) -> None:
    """Draw the weights of all layers for the activations behind them; biases 0, norms as new.

    What is frozen stays as it is.
    """
    for module in patient.model.modules():
        if "Norm" in type(module).__name__:
            reset(module)
    for layer in trained(layers(rehearsed(patient))):
        init.normal_(layer.weight, std=suited(layer)[0])
        if layer.bias is not None and layer.bias.requires_grad:
            init.zeros_(layer.bias)
    forget(patient.optimizer)


def trained(found: Iterable[Layer]) -> list[Layer]:
    """Layers whose weights are not frozen.

    Raises:
        NotApplicable: there is none.
    """
    own = [layer for layer in found if layer.weight.requires_grad]
    if not own:
        raise NotApplicable("the weights of all layers are frozen")
    return own


def code_of_drawing(found: Iterable[Layer]) -> str:
    """The same as code."""
    stds = {layer.path: float(f"{suited(layer)[0]:.4g}") for layer in found}
    return (
        f"for name, std in {stds}.items():\n"
        "    layer = model.get_submodule(name)\n"
        "    nn.init.normal_(layer.weight, std=std)\n"
        "    if layer.bias is not None and layer.bias.requires_grad:\n"
        "        nn.init.zeros_(layer.bias)"
    )


def draw_again(patient: Patient) -> None:
    """Draw parameters as their layers do when they are made; what is frozen and finite stays."""
    for module in patient.model.modules():
        if list(module.parameters(recurse=False)):
            reset(module)
        broken = [b for b in module.buffers(recurse=False) if not _is_finite(b)]
        statistics: Callable[[], None] | None = getattr(module, "reset_running_stats", None)
        with no_grad():
            if broken and statistics is not None:
                statistics()
            for buffer in broken:
                if not _is_finite(buffer):
                    buffer.zero_()
    forget(patient.optimizer)


@no_grad()
def reset(module: Module) -> None:
    """Give a module's own parameters the values that a new one has; statistics too.

    What is frozen and finite stays as it is; so does all that is finite, where a module does not
    say how its parameters are drawn.
    """
    every = list(module.parameters(recurse=False))
    kept = [(p, p.detach().numpy().copy()) for p in every if not p.requires_grad and _is_finite(p)]
    if every and len(kept) == len(every):
        return
    own: Callable[[], None] | None = getattr(module, "reset_parameters", None)
    if own is not None:
        own()
        for p, before in kept:
            p.copy_(from_numpy(before))
        return
    for p in every:
        if _is_finite(p):
            continue
        if p.ndim < 2:
            init.zeros_(p)
        else:
            init.normal_(p, std=1 / math.sqrt(max(1, math.prod(p.shape[1:]))))


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(np.isfinite(tensor.detach().numpy()).all())


def forget(optimizer: Any, of: Iterable[Tensor] | None = None) -> None:
    """Let an optimizer forget what it remembers, of all parameters or of some."""
    if of is None:
        optimizer.state.clear()
    for p in of or ():
        optimizer.state.pop(p, None)


# Modules ------------------------------------------------------------------------------------------


def put(patient: Patient, path: str, module: Module) -> None:
    """Put a module where another one is; what is new in it is trained as well.

    Raises:
        NotApplicable: it is the model itself.
    """
    if not path:
        raise NotApplicable("the model is that layer itself")
    module.train(patient.model.training)
    patient.model.set_submodule(path, module)
    known = {id(p) for group in patient.optimizer.param_groups for p in group["params"]}
    new = [(n, p) for n, p in patient.model.named_parameters() if id(p) not in known]
    inside = {id(p) for p in module.parameters()}
    group = patient.optimizer.param_groups[0]
    for name, p in new:
        if id(p) in inside and p.requires_grad:
            group["params"].append(p)
            if "param_names" in group:
                group["param_names"].append(name)


def once(paths: Iterable[str]) -> list[str]:
    """Paths, each once, without empty ones."""
    return [path for path in dict.fromkeys(paths) if path]


# Rates --------------------------------------------------------------------------------------------

_RATES = ("lr", "initial_lr", "max_lr", "min_lr")


@no_grad()
def scale_rates(patient: Patient, factor: float) -> None:
    """Multiply all learning rates, and those of a schedule."""
    for group in patient.optimizer.param_groups:
        for name in _RATES:
            rate = group.get(name)
            if isinstance(rate, Tensor):
                rate.mul_(factor)
            elif isinstance(rate, int | float):
                group[name] = rate * factor
    if makes_schedule(patient.scheduler):
        patient.take(scheduler=ScaledLater(patient.scheduler, factor))
    else:
        _scale_schedule(patient.scheduler, factor)


def makes_schedule(x: Any) -> bool:
    """Whether it is a function that makes a schedule when training begins."""
    return callable(x) and not hasattr(x, "step")


class ScaledLater:
    """A function that makes a schedule, whose own rates are scaled once it is made.

    Most schedules begin with the rates of the optimizer, which have been scaled; one-cycle and
    cyclic ones bring rates of their own.

    Args:
        make: called with the optimizer and the number of updates.
        factor: what learning rates are multiplied by.
    """

    def __init__(self, make: Callable[[Any, int], Any], factor: float) -> None:
        self._make, self._factor = make, factor

    def __call__(self, optimizer: Any, updates: int) -> Any:
        schedule = self._make(optimizer, updates)
        if isinstance(schedule, OneCycleLR | CyclicLR):
            for group in optimizer.param_groups:
                for name in _RATES:
                    if isinstance(group.get(name), int | float):
                        group[name] *= self._factor
            _scale_schedule(schedule, self._factor)
        return schedule


def _scale_schedule(schedule: Any, factor: float) -> None:
    for name in ("base_lrs", "max_lrs"):
        rates = getattr(schedule, name, None)
        if rates is not None:
            setattr(schedule, name, [rate * factor for rate in rates])
    for inner in getattr(schedule, "_schedulers", ()):
        _scale_schedule(inner, factor)


def rate(patient: Patient) -> float:
    """The learning rate of the first group."""
    return float(patient.optimizer.param_groups[0].get("lr", math.nan))
