"""Recurrent nets over sequences, whole training steps: forward, backward, Adam at 1e-3."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import COMPILED, JAX, PLAIN, TORCH, ZINCIR, Case, Running

TITLE = "recurrent nets: one training step (JAX: lax.scan, gates fused, inputs as one product)"
CLASSES, RATE, CHECKED_STEPS = 10, 1e-3, 3
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


def weights(case: Case) -> dict[str, Array]:
    """The same for all contenders."""
    import zincir

    zincir.manual_seed(0)
    return {
        name: np.array(value.numpy()) for name, value in model(zincir, case).state_dict().items()
    }


def training_step(
    torch: ModuleType, case: Case, around: Callable[[Any], Any] = lambda model: model, **adam: bool
) -> Callable[[Any, Any], Any]:
    net = model(torch, case)
    net.load_state_dict({k: torch.from_numpy(v) for k, v in weights(case).items()})
    net = around(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, **adam)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def running(step: Callable[[Any, Any], Any], x: Any, y: Any) -> Running:
    return Running(
        lambda: step(x, y), lambda: [float(step(x, y).item()) for _ in range(CHECKED_STEPS)]
    )


def zincir(case: Case) -> Running:
    import zincir

    zincir.set_num_threads(case.threads)
    return running(zincir.compile(training_step(zincir, case)), *data(case))


def zincir_plain(case: Case) -> Running:
    import zincir

    zincir.set_num_threads(case.threads)
    step, (x, y) = training_step(zincir, case), map(zincir.from_numpy, data(case))

    def computed(x: Any, y: Any) -> Any:
        loss = step(x, y)
        loss.item()
        return loss

    return running(computed, x, y)


def torch(case: Case) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    return running(training_step(torch, case), *map(torch.from_numpy, data(case)))


def torch_compile(case: Case) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    step = training_step(torch, case, torch.compile, fused=True)
    return running(step, *map(torch.from_numpy, data(case)))


def jax(case: Case) -> Running:
    """The whole step in one `jit`, its state donated; labels as int32, which JAX works in."""
    import jax
    import jax.numpy as jnp
    import optax

    kind, layers = case.word("kind"), case.number("layers")
    one_step = {"LSTM": _lstm_in(jax), "GRU": _gru_in(jax)}[kind]

    def loss_of(held: Any, x: Any, y: Any) -> Any:
        for k in range(layers):
            ih, hh, b, c = (held[f"recurrent.{name}_l{k}"] for name in _NAMES)
            zeros = jnp.zeros(x.shape[1:])
            first = (zeros, zeros) if kind == "LSTM" else zeros
            _, x = jax.lax.scan(lambda h, g, hh=hh, c=c: one_step(h, g, hh, c), first, x @ ih.T + b)
        out = x[-1] @ held["head.weight"].T + held["head.bias"]
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    optimizer = optax.adam(RATE)

    def update(held: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(held, x, y)
        change, state = optimizer.update(gradients, state, held)
        return optax.apply_updates(held, change), state, loss

    compiled = jax.jit(update, donate_argnums=(0, 1))
    first = {name: jnp.array(value) for name, value in weights(case).items()}
    now: list[Any] = [first, optimizer.init(first)]

    def step(x: Any, y: Any) -> Any:
        now[0], now[1], loss = compiled(now[0], now[1], x, y)
        return loss.block_until_ready()

    x, y = data(case)
    return running(step, jnp.array(x), jnp.array(y.astype(np.int32)))


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


BUILDERS = {
    ZINCIR: zincir,
    PLAIN: zincir_plain,
    TORCH: torch,
    COMPILED: torch_compile,
    JAX: jax,
}
