"""The state of a training, kept, and put back to the bit: whatever was changed in between."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from typing import Any

import numpy as np

from zincir.autograd import no_grad
from zincir.doctor.undisturbed import identities
from zincir.nn import Module
from zincir.random import get_rng_state, set_rng_state
from zincir.recording import changed_setting
from zincir.tensor import Tensor

_PARTS = ("_parameters", "_buffers", "_modules")


class Kept:
    """A model with its gradients, an optimizer, a schedule, a loss, and all random generators.

    What else the optimizer trains is kept too, and what a loss holds that is a module. Layers may
    be replaced, settings changed and tensors trained: `restore` puts back the same objects, with
    the same numbers in them.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())
        >>> kept = Kept(net, zincir.optim.SGD(net.parameters(), lr=0.1))
        >>> net[1] = nn.ReLU()
        >>> before = net[0].weight.tolist()
        >>> _ = nn.init.zeros_(net[0].weight)
        >>> kept.restore()
        >>> net, net[0].weight.tolist() == before
        (Sequential(
          (0): Linear(in_features=2, out_features=2, bias=True)
          (1): Sigmoid()
        ), True)
    """

    def __init__(
        self, model: Module, optimizer: Any, scheduler: Any = None, loss: Any = None
    ) -> None:
        roots = [model, loss] if isinstance(loss, Module) else [model]
        self._modules = [
            (m, dict(m.__dict__), {kind: dict(m.__dict__[kind]) for kind in _PARTS})
            for root in roots
            for m in root.modules()
        ]
        trained: list[Tensor] = [p for group in optimizer.param_groups for p in group["params"]]
        held = [t for root in roots for t in (*root.parameters(), *root.buffers())]
        self._tensors = [_TensorKept(t) for t in _once([*held, *trained])]
        self._optimizer = optimizer
        self._fields = dict(optimizer.__dict__)
        self._groups = [(g, _remembered(g), list(g["params"])) for g in optimizer.param_groups]
        self._state = {p: (held, _remembered(held)) for p, held in optimizer.state.items()}
        self._scheduler = scheduler
        self._schedule = None
        if hasattr(scheduler, "state_dict"):
            state = copy.deepcopy(scheduler.state_dict())
            self._schedule = state, getattr(scheduler, "optimizer", None)
        self._generators = get_rng_state(), random.getstate(), np.random.get_state()

    def restore(self) -> None:
        """Put everything back."""
        for module, fields, parts in self._modules:
            for kind, held in parts.items():
                if identities(module.__dict__[kind]) != identities(held):
                    setattr(module, kind, held)
            _refill(module.__dict__, fields, leave=_PARTS)
        with no_grad():
            for tensor in self._tensors:
                tensor.restore()
            self._restore_optimizer()
        if self._schedule is not None:
            state, optimizer = self._schedule
            if optimizer is not None:
                self._scheduler.optimizer = optimizer
            self._scheduler.load_state_dict(copy.deepcopy(state))
        state, python, numpy = self._generators
        set_rng_state(state)
        random.setstate(python)
        np.random.set_state(numpy)
        changed_setting()

    def _restore_optimizer(self) -> None:
        optimizer = self._optimizer
        _refill(optimizer.__dict__, self._fields)
        optimizer.param_groups[:] = [group for group, _, _ in self._groups]
        for group, settings, params in self._groups:
            _put_back(group, settings)
            group["params"][:] = params
        optimizer.state.clear()
        for key, (held, remembered) in self._state.items():
            _put_back(held, remembered)
            optimizer.state[key] = held


class _TensorKept:
    """The numbers of a tensor, whether it is trained, and its gradient."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._trained = tensor, tensor.requires_grad
        self._numbers = tensor.detach().clone()
        self._numbers.numpy()  # now: what follows may change it
        self._gradient: Any = tensor.grad if tensor.is_leaf else None
        self._of_gradient = None if self._gradient is None else _TensorKept(self._gradient)

    def restore(self) -> None:
        tensor = self._tensor
        tensor.requires_grad_(False)
        if tensor.shape != self._numbers.shape:
            tensor.data = self._numbers.clone()
        else:
            tensor.copy_(self._numbers)
        tensor.requires_grad_(self._trained)
        if tensor.is_leaf:
            tensor.grad = None if self._of_gradient is None else self._of_gradient.restored()

    def restored(self) -> Tensor:
        """The tensor, put back."""
        self.restore()
        return self._tensor


def _once(tensors: Iterable[Tensor]) -> list[Tensor]:
    return list({id(t): t for t in tensors}.values())


def _remembered(fields: dict[str, Any]) -> dict[str, Any]:
    """Tensors with their numbers, and copies of all else; the parameters of a group as they are."""
    return {
        name: _TensorKept(value) if isinstance(value, Tensor)
        else value if name == "params" else copy.deepcopy(value)
        for name, value in fields.items()
    }  # fmt: skip


def _put_back(fields: dict[str, Any], remembered: dict[str, Any]) -> None:
    fields.clear()
    for name, value in remembered.items():
        kept = isinstance(value, _TensorKept)
        copied = value if name == "params" else copy.deepcopy(value)
        fields[name] = value.restored() if kept else copied


def _refill(fields: dict[str, Any], before: dict[str, Any], leave: tuple[str, ...] = ()) -> None:
    for name in [name for name in fields if name not in before and name not in leave]:
        del fields[name]
    for name, value in before.items():
        if name not in leave and fields.get(name, fields) is not value:
            fields[name] = value
