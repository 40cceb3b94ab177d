"""What a model of PyTorch calls in a forward pass: its layers, activations and cross-entropies.

A function mode sees the functions, module hooks say in which layer, hooks on tensors see the
gradients that arrive.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zincir.doctor.anatomy import Place, other_axes
from zincir.doctor.course import Activity, Course
from zincir.doctor.forms import Doubled
from zincir.doctor.guessing import MOST_CLASSES, MOST_COLUMNS, Aim
from zincir.doctor.probes import SIGMOID, TANH, activity_of
from zincir.graph.node import describe

PRODUCTS = {"linear": -1, "conv1d": 1, "conv2d": 1, "conv3d": 1, "conv_transpose2d": 1}
"""Functions that are layers, and the axis of their units."""
ACTIVATIONS = {
    "relu": "relu", "relu_": "relu", "relu6": "relu", "tanh": "tanh", "tanh_": "tanh",
    "sigmoid": "sigmoid", "sigmoid_": "sigmoid",
}  # fmt: skip
LOSSES = {
    "cross_entropy": "classes", "nll_loss": "classes", "mse_loss": "squares",
    "binary_cross_entropy": "entropies", "binary_cross_entropy_with_logits": "entropies",
}  # fmt: skip
"""Functions that are losses, and their forms."""
MULTIPLES = ("neg", "__neg__", "mul", "__mul__", "__rmul__", "div", "__truediv__", "true_divide")
"""Functions that make a multiple of a number."""
DIFFERENCES = ("sub", "__sub__", "__rsub__", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
"""Functions that bring two shapes together."""
SAME = ("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "T", "Permute",
        "Clone", "ToCopy", "Alias")  # fmt: skip
"""What autograd calls nodes that only move elements."""


class _Sums:
    """What a place has added up since the last reading."""

    def __init__(self, units: int) -> None:
        self.forward = np.zeros((6, units))
        self.backward = np.zeros((2, units))


class Calls:
    """What the forward passes of models call, and what is measured of it."""

    def __init__(self, course: Course, models: Mapping[str, Any], names: Mapping[int, str]) -> None:
        self._course, self._models, self._names = course, models, names
        self.parameters: dict[str, Any] = {}
        self._path: list[str] = []
        """The layers that are running, from the outside in."""
        self._seen: list[tuple[Place, Any]] = []
        """Activations of the forward pass that is going on, before it is known whether a layer
        follows."""
        self._after = ""
        self._sums: dict[Place, _Sums] = {}
        self.guesses: dict[int, tuple[Any, Aim, Any]] = {}
        """By the id of a loss: the loss, what it aims at, and its targets."""

    def entered(self, path: str) -> Callable[..., None]:
        """A hook for the beginning of a layer."""

        def hook(module: Any, given: Any) -> None:
            del module, given
            self._path.append(path)

        return hook

    def left(self, module: Any, given: Any, made: Any) -> None:
        """A hook for its end."""
        del module, given, made
        self._path.pop()

    def end_pass(self) -> None:
        """The forward pass is over: a backward pass begins."""
        self._seen.clear()
        self.guesses.clear()

    def taken(self) -> dict[Place, Activity]:
        """What was measured since the last time."""
        found = {p: activity_of(s.forward, s.backward) for p, s in self._sums.items()}
        self._sums.clear()
        return {p: a for p, a in found.items() if a is not None}

    def note(self, name: str, args: tuple[Any, ...], made: Any) -> None:
        """A function was called in a step that is probed."""
        if name in PRODUCTS:
            self._product(name, args, made)
        elif name in ACTIVATIONS:
            self._activation(ACTIVATIONS[name], made)
        elif name in ("mul", "__mul__", "__rmul__"):
            self._multiplied(args)

    def _product(self, name: str, args: tuple[Any, ...], made: Any) -> None:
        owner = self._names.get(id(args[1])) if len(args) > 1 else None
        if owner is None or not made.requires_grad or made.ndim < 2:
            return
        self._after = owner.rpartition(".")[0]
        axis = PRODUCTS[name] % made.ndim
        for place, output in self._seen:  # a layer follows: they are inside of the net
            self._watch(place, output)
        self._seen.clear()
        self._note_order(self._after)
        self._watch(Place(self._after, line(), "layer", self._after, made.shape[axis], axis), made)

    def _activation(self, kind: str, made: Any) -> None:
        if not self._after or made.ndim < 2 or not made.requires_grad:
            return
        path = self._path[-1] if self._path else ""
        leaf = bool(path) and path != self._after and not self._has_children(path)
        where = path if leaf else self._after
        axis = 1 if made.ndim > 2 and self._is_convolved() else made.ndim - 1
        self._seen.append((Place(where, line(), kind, self._after, made.shape[axis], axis), made))
        self._note_order(where)

    def _has_children(self, path: str) -> bool:
        return any(n.startswith(f"{path}.") for n in self.parameters)

    def _is_convolved(self) -> bool:
        weight = self.parameters.get(f"{self._after}.weight")
        return weight is not None and weight.ndim > 2

    def _multiplied(self, args: tuple[Any, ...]) -> None:
        """A sigmoid or tanh that is a factor of something that is learnt is a gate."""
        learnt = [x for x in args if getattr(x, "requires_grad", False)]
        if len(learnt) == 2:
            self._seen = [
                (p, y) for p, y in self._seen if p.kind == "relu" or all(y is not x for x in learnt)
            ]

    def _note_order(self, where: str) -> None:
        self._course.order.setdefault(where, len(self._course.order))

    def _watch(self, place: Place, made: Any) -> None:
        """Measure one run of an activation or layer, and the gradient that arrives at it."""
        sums = self._sums.setdefault(place, _Sums(place.units))
        axes = other_axes(place, made.shape)
        h = made.detach().double()
        count = h.numel() / max(1, place.units)
        ends = h.abs() > TANH if place.kind == "tanh" else (h - 0.5).abs() > SIGMOID - 0.5
        saturated = ends.double().sum(axes) if place.kind in ("tanh", "sigmoid") else None
        rows = [(h > 0).double().sum(axes), saturated, h.sum(axes), (h * h).sum(axes)]
        sums.forward[0] += count
        sums.forward[5] += h.shape[0]
        for k, row in enumerate(rows, 1):
            if row is not None:
                sums.forward[k] += row.cpu().numpy()

        def arrived(g: Any) -> None:
            sums.backward[0] += count
            sums.backward[1] += (g.detach().double() ** 2).sum(axes).cpu().numpy()

        made.register_hook(arrived)

    def loss(self, name: str, args: tuple[Any, ...], kwargs: Any, made: Any) -> None:
        """A function was called: if it is a loss, what does it aim at?"""
        if name not in LOSSES:
            self._multiple(name, args, made)
            return
        if name in ("cross_entropy", "binary_cross_entropy_with_logits"):
            self.cross_entropy(args, kwargs, "softmax" if name == "cross_entropy" else "sigmoid")
        given = dict(zip(("input", "target", "weight"), args, strict=False)) | dict(kwargs)
        outputs, target = given["input"], given["target"]
        if given.get("reduction", "mean") != "mean" or not outputs.requires_grad:
            return
        several = given.get("weight") is not None or bool(given.get("label_smoothing"))
        form = LOSSES[name]
        if form == "classes":
            if outputs.ndim > 1:
                whole = not target.is_floating_point() and outputs.shape[1] <= MOST_CLASSES
                aim = Aim(form, 1.0, outputs.shape[1], weighted=several)
                self.guesses[id(made)] = made, aim, target.detach() if whole else None
            return
        columns = target[0].numel() if target.ndim else 0
        if several or given.get("pos_weight") is not None or target.shape != outputs.shape:
            return
        if 0 < columns <= MOST_COLUMNS:
            self.guesses[id(made)] = made, Aim(form, 1.0, columns), target.detach()

    def _multiple(self, name: str, args: tuple[Any, ...], made: Any) -> None:
        """A known loss is multiplied by a number."""
        known = next((self.guesses[id(x)] for x in args if id(x) in self.guesses), None)
        if known is None or all(known[0] is not x for x in args):
            return
        numbers = [x for x in args if isinstance(x, int | float)]
        factor = -1.0 if name in ("neg", "__neg__") else float(numbers[0]) if numbers else 0.0
        if name in ("div", "__truediv__", "true_divide") and factor:
            factor = 1 / factor
        if factor and name in MULTIPLES:
            aim = replace(known[1], factor=factor * known[1].factor)
            self.guesses[id(made)] = made, aim, known[2]

    def difference(self, x: Any, y: Any) -> None:
        """Two tensors are subtracted: are outputs (N, 1) and targets (N,) broadcast to N x N?"""
        if not hasattr(x, "requires_grad") or not hasattr(y, "requires_grad"):
            return
        learnt, given = (x, y) if x.requires_grad else (y, x)
        count = given.numel()
        if not learnt.requires_grad or given.requires_grad or count < 2:
            return
        if tuple(learnt.shape) == (count, 1) and tuple(given.shape) == (count,):
            self._course.crossed.setdefault(line(), ((count, 1), (count,)))

    def cross_entropy(self, args: tuple[Any, ...], kwargs: Any, outer: str) -> None:
        """A cross-entropy was called: is a softmax before it?"""
        logits = args[0] if args else kwargs["input"]
        if logits.ndim < 2 or not logits.requires_grad:
            return
        site = line()
        if site not in self._course.twice:
            inner = _softmax_behind(logits.grad_fn)
            classes = logits.shape[1] if outer == "softmax" else 2
            where = self._path[-1] if self._path else ""
            last = self._seen[-1][0] if self._seen else None
            if inner == "sigmoid" and last is not None:
                where = last.where
            self._course.twice[site] = (
                [Doubled(inner, classes, where or self._softmax_layer(), site, outer)]
                if inner
                else []
            )

    def _softmax_layer(self) -> str:
        """The last layer that is a softmax or a sigmoid, as the models name them."""
        named = [
            (f"{prefix}.{n}" if prefix else n, m)
            for prefix, model in self._models.items()
            for n, m in model.named_modules()
        ]
        return next(
            (n for n, m in reversed(named) if type(m).__name__ in ("Softmax", "Sigmoid")),
            self._after,
        )


def mode(torch: Any, called: Callable[..., Any]) -> Any:
    """A function mode that tells `called` of each function."""

    def seen(self: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del self, types
        given: dict[str, Any] = kwargs or {}
        name = getattr(func, "__name__", "")
        return called(name, args, given, lambda: func(*args, **given))

    kind = type("Watched", (torch.overrides.TorchFunctionMode,), {"__torch_function__": seen})
    return kind()


def _softmax_behind(node: Any) -> str:
    """What made probabilities of what is normalised again: softmax or sigmoid; empty if nothing."""
    while node is not None:
        name = type(node).__name__.partition("Backward")[0]
        if name in ("Softmax", "Sigmoid"):
            return name.lower()
        if name not in SAME or not node.next_functions:
            return ""
        node = node.next_functions[0][0]
    return ""


def line() -> str:
    """The innermost line that is neither PyTorch's nor this library's."""
    frame: Any = sys._getframe(1)
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    other = os.path.dirname(os.path.abspath(sys.modules["torch"].__file__ or "")) + os.sep
    while frame.f_back is not None and frame.f_code.co_filename.startswith((own, other)):
        frame = frame.f_back
    return describe((frame.f_code.co_filename, frame.f_lineno, ""))
