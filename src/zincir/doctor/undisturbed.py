"""A model that runs in private: whatever that changes in it is put back, to the bit."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from zincir import tensor_backward
from zincir.autograd import no_grad
from zincir.graph.node import MODE
from zincir.nn import Module
from zincir.random import get_rng_state, set_rng_state
from zincir.recording import changed_setting


@contextmanager
def undisturbed(model: Module, training: bool | None = None) -> Generator[None]:
    """Run a model inside, in training or evaluation mode (None: as it is).

    Put back afterwards are buffers, attributes of modules (modes and what a forward keeps), the
    default generator and those of Python and NumPy. Gradients are the caller's business.
    """
    modules = list(model.modules())
    attributes = [(m, dict(m.__dict__)) for m in modules]
    parts = [(m._buffers, dict(m._buffers)) for m in modules]
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    state, python, numpy = get_rng_state(), random.getstate(), np.random.get_state()
    layer, MODE.layer = MODE.layer, ""
    if training is not None:
        model.train(training)
    try:
        yield
    finally:
        MODE.layer = layer
        for module, before in attributes:
            _restore(module.__dict__, before)
        for held, before in parts:
            if identities(held) != identities(before):
                held.clear()
                held.update(before)
        with no_grad():
            for buffer, before in buffers:
                if buffer.shape == before.shape:
                    buffer.copy_(before)
        set_rng_state(state)
        random.setstate(python)
        np.random.set_state(numpy)
        changed_setting()


@contextmanager
def undrawn(*loaders: Any) -> Generator[None]:
    """What is drawn inside is drawn again afterwards: from the default generator, those of Python
    and NumPy, and those that loaders and their samplers hold.
    """
    state, python, numpy = get_rng_state(), random.getstate(), np.random.get_state()
    own = [(g, g.get_state()) for g in _generators_of(loaders)]
    try:
        yield
    finally:
        for generator, before in own:
            generator.set_state(before)
        set_rng_state(state)
        random.setstate(python)
        np.random.set_state(numpy)


def _generators_of(loaders: tuple[Any, ...]) -> list[Any]:
    holders = list(loaders)
    for holder in holders:  # which grows meanwhile
        parts = (getattr(holder, name, None) for name in ("sampler", "batch_sampler"))
        holders += [part for part in parts if part is not None]
    held = (getattr(holder, "generator", None) for holder in holders)
    return list({id(g): g for g in held if hasattr(g, "set_state")}.values())


@contextmanager
def unwatched() -> Generator[None]:
    """Backward passes inside are seen by no exam."""
    watchers, tensor_backward.WATCHERS[:] = list(tensor_backward.WATCHERS), []
    try:
        yield
    finally:
        tensor_backward.WATCHERS[:] = watchers


def identities(parts: dict[str, Any]) -> list[tuple[str, int]]:
    """Names in their order, and which objects they stand for: tensors compare element by element.

    >>> identities({"a": None}) == identities({"a": None}), identities({}) == identities({"a": 1})
    (True, False)
    """
    return [(name, id(part)) for name, part in parts.items()]


def _restore(fields: dict[str, Any], before: dict[str, Any]) -> None:
    for name in [name for name in fields if name not in before]:
        del fields[name]
    for name, value in before.items():
        if fields.get(name, fields) is not value:
            fields[name] = value
