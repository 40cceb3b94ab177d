"""Operations over the rows of a 4096 x 1024 matrix, forward and backward.

Every contender returns the result and the gradients, as arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import COMPILED, JAX, TORCH, ZINCIR, Case, Running

TITLE = "rows of 4096 x 1024, float32: forward and backward"
SHAPE = (4096, 1024)
CASES = tuple(
    Case(name.replace("_", " "), options={"op": name})
    for name in ("softmax", "layer_norm", "cross_entropy")
)


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    return {
        "x": normal(*SHAPE),
        "g": normal(*SHAPE),
        "weight": normal(SHAPE[1]),
        "bias": normal(SHAPE[1]),
        "labels": random.integers(0, SHAPE[1], SHAPE[0]),
    }


def summary(results: Any) -> list[float]:
    """The mean size of each result, scaled to about one: enough to see a different answer."""
    means = [float(np.abs(np.asarray(r, dtype=np.float64)).mean()) for r in results]
    return [10 ** (np.log10(m) % 1) if m else 0.0 for m in means]


def differentiated(torch: ModuleType, op: str, wrap: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """A function with its arguments, written with PyTorch's names; `wrap` may compile forward."""
    data = {name: torch.from_numpy(array) for name, array in arrays().items()}
    functional, grad = torch.nn.functional, torch.autograd.grad
    for name in ("x", "weight", "bias"):
        data[name].requires_grad_(True)

    softmax = wrap(lambda x: x.softmax(-1))
    layer_norm = wrap(lambda x, w, b: functional.layer_norm(x, (SHAPE[1],), w, b))
    cross_entropy = wrap(lambda x, labels: functional.cross_entropy(x, labels))

    def run_softmax(x: Any, g: Any) -> Any:
        y = softmax(x)
        return (y, *grad(y, (x,), g))

    def run_layer_norm(x: Any, w: Any, b: Any, g: Any) -> Any:
        y = layer_norm(x, w, b)
        return (y, *grad(y, (x, w, b), g))

    def run_cross_entropy(x: Any, labels: Any) -> Any:
        loss = cross_entropy(x, labels)
        return (loss, *grad(loss, (x,)))

    runs: dict[str, tuple[Any, list[str]]] = {
        "softmax": (run_softmax, ["x", "g"]),
        "layer_norm": (run_layer_norm, ["x", "weight", "bias", "g"]),
        "cross_entropy": (run_cross_entropy, ["x", "labels"]),
    }
    function, names = runs[op]
    return function, [data[name] for name in names]


def unwrapped(function: Any) -> Any:
    return function


def zincir(case: Case) -> Running:
    import zincir as torch

    torch.set_num_threads(case.threads)
    function, given = differentiated(torch, case.word("op"), unwrapped)
    step = torch.compile(function)
    return Running(lambda: step(*given), lambda: summary(r.numpy() for r in step(*given)))


def in_torch(case: Case, compiled: bool) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    wrap = torch.compile if compiled else unwrapped
    step, given = differentiated(torch, case.word("op"), wrap)
    return Running(lambda: step(*given), lambda: summary(r.detach().numpy() for r in step(*given)))


def torch(case: Case) -> Running:
    return in_torch(case, compiled=False)


def torch_compile(case: Case) -> Running:
    return in_torch(case, compiled=True)


def jax(case: Case) -> Running:
    import jax
    import jax.numpy as jnp
    import optax

    data = {name: jnp.asarray(array) for name, array in arrays().items() if name != "labels"}
    labels = jnp.asarray(arrays()["labels"].astype(np.int32))

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        variance = x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * weight + bias

    def with_gradient(function: Any, names: tuple[str, ...]) -> tuple[Any, list[Any]]:
        def run(g: Any, *given: Any) -> Any:
            y, pull = jax.vjp(function, *given)
            return (y, *pull(g))

        return run, [data["g"], *(data[name] for name in names)]

    def entropy(x: Any, labels: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(x, labels).mean()

    if case.word("op") == "softmax":
        function, given = with_gradient(lambda x: jax.nn.softmax(x, axis=-1), ("x",))
    elif case.word("op") == "layer_norm":
        function, given = with_gradient(layer_norm, ("x", "weight", "bias"))
    else:
        function, given = jax.value_and_grad(entropy), [data["x"], labels]
    step = jax.jit(function)
    return Running(lambda: jax.block_until_ready(step(*given)), lambda: summary(step(*given)))


BUILDERS = {ZINCIR: zincir, TORCH: torch, COMPILED: torch_compile, JAX: jax}
