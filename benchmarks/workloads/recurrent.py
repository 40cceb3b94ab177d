"""Recurrent nets over sequences, whole training steps: forward, backward, Adam at 1e-3."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import Case
from benchmarks.whole_step import Net

TITLE = "recurrent nets: one training step (JAX: lax.scan, gates fused, inputs as one product)"
CLASSES = 10
GATES = {"LSTM": 4, "GRU": 3}

Array = np.ndarray[Any, Any]


def row(kind: str, hidden: int, layers: int, steps: int, batch: int) -> Case:
    """Two products for each layer and step, and three times as many with gradients."""
    product = 2.0 * batch * steps * GATES[kind] * hidden * hidden
    name = f"{kind} {layers}x{hidden}, {steps} steps, batch {batch}"
    sizes = {"hidden": hidden, "layers": layers, "steps": steps, "batch": batch}
    return Case(name, flops=6 * layers * product, options={"kind": kind, **sizes})


CASES = (row("LSTM", 256, 2, 64, 32), row("GRU", 128, 1, 100, 64))


def data(case: Case) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    shape = case.number("steps"), case.number("batch"), case.number("hidden")
    x = random.standard_normal(shape).astype(np.float32)
    return x, random.integers(0, CLASSES, case.number("batch"))


def model(torch: ModuleType, case: Case) -> Any:
    """The net, written with PyTorch's names: classes, told by the last output."""
    nn, hidden = torch.nn, case.number("hidden")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            recurrent = getattr(nn, case.word("kind"))
            self.recurrent = recurrent(hidden, hidden, case.number("layers"))
            self.head = nn.Linear(hidden, CLASSES)

        def forward(self, x: Any) -> Any:
            outputs, _ = self.recurrent(x)
            return self.head(outputs[-1])

    return Net()


def in_jax(case: Case, held: Any, buffers: Any, x: Any, key: Any) -> Any:
    """The scan that JAX's users write: gates fused, the inputs of all steps as one product."""
    del key
    import jax
    import jax.numpy as jnp

    kind = case.word("kind")
    one_step = {"LSTM": _lstm_in(jax), "GRU": _gru_in(jax)}[kind]
    for k in range(case.number("layers")):
        ih, hh, b, c = (held[f"recurrent.{name}_l{k}"] for name in _NAMES)
        zeros = jnp.zeros(x.shape[1:])
        first = (zeros, zeros) if kind == "LSTM" else zeros
        _, x = jax.lax.scan(lambda h, g, hh=hh, c=c: one_step(h, g, hh, c), first, x @ ih.T + b)
    return x[-1] @ held["head.weight"].T + held["head.bias"], buffers


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _lstm_in(jax: Any) -> Callable[..., Any]:
    def step(carry: Any, given: Any, hh: Any, bias: Any) -> Any:
        h, c = carry
        i, f, g, o = jax.numpy.split(given + h @ hh.T + bias, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
        h = jax.nn.sigmoid(o) * jax.numpy.tanh(c)
        return (h, c), h

    return step


def _gru_in(jax: Any) -> Callable[..., Any]:
    def step(h: Any, given: Any, hh: Any, bias: Any) -> Any:
        reset, update, new = jax.numpy.split(given, 3, -1)
        reset_h, update_h, new_h = jax.numpy.split(h @ hh.T + bias, 3, -1)
        n = jax.numpy.tanh(new + jax.nn.sigmoid(reset + reset_h) * new_h)
        h = n + jax.nn.sigmoid(update + update_h) * (h - n)
        return h, h

    return step


BUILDERS = Net(model, data, in_jax).builders
