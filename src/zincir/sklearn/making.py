"""What an estimator's arguments stand for: a network, an optimizer, a loss with weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from zincir import nn, optim
from zincir.autograd import no_grad
from zincir.creation import zeros
from zincir.optim import Optimizer
from zincir.tensor import Tensor
from zincir.types import float32, float64

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "logistic": nn.Sigmoid,
    "identity": nn.Identity,
}
_DTYPES = {"float32": float32, "float64": float64}
_WITH_CLOSURES = ("lbfgs",)  # they ask for the loss several times in a step


def network(
    module: Any, hidden_layers: Any, activation: Any, dtype: Any, shape: tuple[int, ...],
    outputs: int,
) -> nn.Module:  # fmt: skip
    """The network for samples of a shape.

    Args:
        module: a network, of which a copy is made, or a function that makes one; None for layers.
        hidden_layers: their sizes.
        activation: what stands between them.
        dtype: the name of the type of its numbers.
        shape: of one sample.
        outputs: how many.

    Raises:
        ValueError: an argument is none of those that are known, or what `module` gives has another
            shape than what is predicted.
    """
    if dtype not in _DTYPES:
        raise ValueError(f"dtype={dtype!r} is not known; there are {', '.join(_DTYPES)}")
    if module is None:
        return layers(hidden_layers, activation, shape[0], outputs).to(_DTYPES[dtype])
    made = deepcopy(module) if isinstance(module, nn.Module) else module(shape[0], outputs)
    if not isinstance(made, nn.Module):
        raise ValueError(
            f"module is a zincir.nn.Module, or a function (n_features, n_outputs) that makes one; "
            f"got {module!r:.60}, which gave {type(made).__name__}"
        )
    made.to(_DTYPES[dtype])
    training = made.training
    with no_grad():
        given: Any = made.eval()(zeros(1, *shape, dtype=_DTYPES[dtype]))
    made.train(training)
    if not isinstance(given, Tensor) or tuple(given.shape) != (1, outputs):
        got = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise ValueError(
            f"module gives {got} for one sample of shape {shape}; what is predicted needs "
            f"(1, {outputs}): an output for each class or target"
        )
    return made


def layers(sizes: Any, activation: Any, inputs: int, outputs: int) -> nn.Module:
    """Linear layers with activations between them."""
    sizes = [sizes] if isinstance(sizes, int | np.integer) else list(sizes)
    if not all(isinstance(n, int | np.integer) and n > 0 for n in sizes):
        raise ValueError(f"hidden_layers are sizes above 0; got {sizes}")
    made = ACTIVATIONS.get(activation) if isinstance(activation, str) else activation
    if not callable(made):
        raise ValueError(
            f"activation={activation!r} is not known; there are {', '.join(ACTIVATIONS)}, or a "
            "class such as zincir.nn.PReLU"
        )
    makes: Callable[..., Any] = made
    found: list[nn.Module] = []
    for width in map(int, sizes):
        found.extend((nn.Linear(inputs, width), makes()))
        inputs = width
    return nn.Sequential(*found, nn.Linear(inputs, outputs))


def optimizer_of(name: Any, model: nn.Module, rate: float) -> Optimizer:
    """The optimizer of a name, or what a function `(parameters, lr=)` makes.

    Raises:
        ValueError: there is none of that name.
    """
    makes: Callable[..., Any] | None = name if callable(name) else _optimizers().get(name)
    if makes is None:
        raise ValueError(
            f"optimizer={name!r} is not known; there are {', '.join(sorted(_optimizers()))}, or a "
            "function such as functools.partial(zincir.optim.SGD, momentum=0.9)"
        )
    return makes(model.parameters(), lr=rate)


def _optimizers() -> dict[str, Any]:
    found = {name.lower(): x for name, x in vars(optim).items() if isinstance(x, type)}
    return {
        name: x
        for name, x in found.items()
        if issubclass(x, Optimizer) and x is not Optimizer and name not in _WITH_CLOSURES
    }


class WeightedLoss:
    """The mean of weight * loss, for targets that may come with weights: (y, weight).

    Args:
        loss: called with outputs, targets and `reduction="none"`.
    """

    def __init__(self, loss: Callable[..., Tensor]) -> None:
        self._loss = loss

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        if isinstance(targets, Tensor):
            return self._loss(outputs, targets, reduction="mean")
        y, weight = targets
        each: Any = self._loss(outputs, y, reduction="none")
        return (each * weight if each.ndim == 1 else each.mean(1) * weight).mean()
