"""One small net trained by every contender: the same weights, the same batches, Adam at 1e-3.

Every step takes its batch out of a NumPy array, as a training loop does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import Case, Running

SAMPLES = 4096
RATE = 1e-3
CHECKED_STEPS = 6

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Task:
    """Data, starting weights (PyTorch's layout: out x in) and the shape of the net."""

    sizes: tuple[int, ...]
    activation: str  # "ReLU" or "Tanh"
    loss: str  # "cross_entropy" or "mse_loss"
    batch: int
    inputs: Array
    targets: Array
    weights: list[tuple[Array, Array]]


def make_task(sizes: tuple[int, ...], activation: str, loss: str, batch: int) -> Task:
    random = np.random.default_rng(0)

    def uniform(bound: float, *shape: int) -> Array:
        return random.uniform(-bound, bound, shape).astype(np.float32)

    inputs = random.standard_normal((SAMPLES, sizes[0])).astype(np.float32)
    if loss == "cross_entropy":
        targets = random.integers(0, sizes[-1], SAMPLES)
    else:
        targets = random.standard_normal((SAMPLES, sizes[-1])).astype(np.float32)
    pairs = itertools.pairwise(sizes)
    weights = [(uniform(n**-0.5, m, n), uniform(n**-0.5, m)) for n, m in pairs]
    return Task(sizes, activation, loss, batch, inputs, targets, weights)


def mlp_task(batch: int) -> Task:
    return make_task((784, 128, 10), "ReLU", "cross_entropy", batch)


def rl_task(batch: int) -> Task:
    return make_task((8, 64, 64, 4), "Tanh", "mse_loss", batch)


def step_flops(sizes: tuple[int, ...], batch: int) -> float:
    """Products of forward and backward; the first layer needs no gradient of its input."""
    products = [2.0 * batch * n * m for n, m in itertools.pairwise(sizes)]
    return 3 * sum(products) - products[0]


def batches(task: Task) -> Iterator[tuple[Array, Array]]:
    """Slices of the data, round and round."""
    for start in itertools.cycle(range(0, SAMPLES, task.batch)):
        stop = start + task.batch
        yield task.inputs[start:stop], task.targets[start:stop]


def running(
    task: Task, step: Callable[[Array, Array], Any], read: Callable[[Any], float]
) -> Running:
    """`step` takes a batch and returns its loss; `read` makes a float of it."""
    feed = batches(task)

    def once() -> Any:
        x, y = next(feed)
        return step(x, y)

    return Running(once, lambda: [read(once()) for _ in range(CHECKED_STEPS)])


def model_in(torch: ModuleType, task: Task) -> Any:
    """The net, written with PyTorch's names: `torch` is PyTorch or Zincir."""
    nn = torch.nn
    layers: list[Any] = []
    for n, m in itertools.pairwise(task.sizes):
        layers += [nn.Linear(n, m), getattr(nn, task.activation)()]
    model = nn.Sequential(*layers[:-1])
    state = {}
    for k, (weight, bias) in enumerate(task.weights):
        state[f"{2 * k}.weight"] = torch.from_numpy(weight.copy())
        state[f"{2 * k}.bias"] = torch.from_numpy(bias.copy())
    model.load_state_dict(state)
    return model


def loss_in(torch: ModuleType, task: Task) -> Any:
    return getattr(torch.nn.functional, task.loss)


def plain_step(torch: ModuleType, task: Task, **adam: bool) -> Callable[[Any, Any], Any]:
    """The training step everybody writes, in PyTorch or in Zincir."""
    model, loss_of = model_in(torch, task), loss_in(torch, task)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, **adam)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def fed_by_numpy(
    torch: ModuleType, step: Callable[[Any, Any], Any]
) -> Callable[[Array, Array], Any]:
    return lambda x, y: step(torch.from_numpy(x), torch.from_numpy(y))


def item(loss: Any) -> float:
    return float(loss.item())


def zincir_compiled(case: Case, task: Task) -> Running:
    import zincir

    zincir.set_num_threads(case.threads)
    return running(task, zincir.compile(plain_step(zincir, task)), item)


def zincir_plain(case: Case, task: Task) -> Running:
    import zincir

    zincir.set_num_threads(case.threads)
    return running(task, fed_by_numpy(zincir, plain_step(zincir, task)), item)


def torch_eager(case: Case, task: Task) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    return running(task, fed_by_numpy(torch, plain_step(torch, task)), item)


def torch_compiled(case: Case, task: Task) -> Running:
    """Model and loss compiled together, and the fused Adam: what PyTorch's guides advise."""
    import torch

    torch.set_num_threads(case.threads)
    model, loss_of = model_in(torch, task), loss_in(torch, task)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    forward = torch.compile(lambda x, y: loss_of(model(x), y))

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return running(task, fed_by_numpy(torch, step), item)


def jax_jit(case: Case, task: Task) -> Running:
    """The whole step in one `jit`, its state donated; labels as int32, which JAX works in."""
    del case  # JAX takes the cores it is given
    import jax
    import jax.numpy as jnp
    import optax

    activation = {"ReLU": jax.nn.relu, "Tanh": jnp.tanh}[task.activation]

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        *hidden, (weight, bias) = parameters
        for w, b in hidden:
            x = activation(x @ w + b)
        out = x @ weight + bias
        if task.loss == "cross_entropy":
            return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()
        return ((out - y) ** 2).mean()

    optimizer = optax.adam(RATE)

    def update(parameters: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        change, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, change), state, loss

    compiled = jax.jit(update, donate_argnums=(0, 1))
    parameters: Any = [(jnp.array(w.T), jnp.array(b)) for w, b in task.weights]
    held = [parameters, optimizer.init(parameters)]
    targets = task.targets.astype(np.int32) if task.loss == "cross_entropy" else task.targets

    def step(x: Array, y: Array) -> Any:
        held[0], held[1], loss = compiled(held[0], held[1], x, y)
        return loss.block_until_ready()

    fitted = Task(**{**vars(task), "targets": targets})
    return running(fitted, step, float)
