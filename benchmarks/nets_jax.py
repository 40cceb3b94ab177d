"""As much of PyTorch's `nn` as the nets of the benchmark are written with, for JAX.

`NETS[name].build(nets_jax)` is the net for JAX: images lie channels last, and weights as XLA's
convolutions on CPUs take them. It holds no numbers of its own: `converted` makes them of PyTorch's
state, and `run` is a pure function of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Array = np.ndarray[Any, Any]
State = dict[str, dict[str, Any]]
"""The arrays of each layer, by the layer's dotted name and their own."""

PLACES = {1: "W", 2: "HW"}
MOMENTUM = 0.1  # of the running statistics


class Module:
    """A layer, or a net of layers, which it knows by the names of its attributes."""

    def __init__(self) -> None:
        self.own: dict[str, Any] = {}
        """While a net runs: the arrays of this layer. It writes new running statistics here."""

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def held(self) -> dict[str, Any]:
        return vars(self)

    def layers(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, in the order in which they were made."""
        yield prefix[:-1], self
        for name, value in self.held().items():
            if isinstance(value, Module):
                yield from value.layers(f"{prefix}{name}.")

    def converted(self, raw: dict[str, Array], channels: int) -> dict[str, Array]:
        """PyTorch's arrays as JAX has them; `channels` are those of the last convolution."""
        return raw


class ModuleList(Module):
    def __init__(self, modules: list[Module]) -> None:
        super().__init__()
        self.modules = list(modules)

    def held(self) -> dict[str, Any]:
        return {str(k): module for k, module in enumerate(self.modules)}

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules)


class Sequential(ModuleList):
    def __init__(self, *modules: Module) -> None:
        super().__init__(list(modules))

    def forward(self, x: Any) -> Any:
        for module in self.modules:
            x = module(x)
        return x


class Convolution(Module):
    axes = 2

    def __init__(
        self,
        before: int,
        after: int,
        size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.after, self.size, self.stride, self.padding = after, size, stride, padding
        self.groups = groups

    def converted(self, raw: dict[str, Array], channels: int) -> dict[str, Array]:
        return {**raw, "weight": np.moveaxis(raw["weight"], (1, 0), (-2, -1))}

    def forward(self, x: Any) -> Any:
        places = PLACES[self.axes]
        y = jax.lax.conv_general_dilated(
            x,
            self.own["weight"],
            window_strides=(self.stride,) * self.axes,
            padding=[(self.padding, self.padding)] * self.axes,
            dimension_numbers=(f"N{places}C", f"{places}IO", f"N{places}C"),
            feature_group_count=self.groups,
        )
        return y + self.own["bias"] if "bias" in self.own else y


class Conv1d(Convolution):
    axes = 1


class Conv2d(Convolution):
    pass


class ConvTranspose2d(Module):
    def __init__(self, before: int, after: int, size: int, stride: int) -> None:
        super().__init__()
        self.after, self.size, self.stride = after, size, stride

    def converted(self, raw: dict[str, Array], channels: int) -> dict[str, Array]:
        return {**raw, "weight": np.moveaxis(raw["weight"], (0, 1), (-1, -2))}

    def forward(self, x: Any) -> Any:
        strides, names = (self.stride, self.stride), ("NHWC", "HWIO", "NHWC")
        weight = self.own["weight"]
        y = jax.lax.conv_transpose(
            x, weight, strides, "VALID", dimension_numbers=names, transpose_kernel=True
        )
        return y + self.own["bias"]


class BatchNorm2d(Module):
    """In training: statistics of the batch, which the running ones follow."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        own, axes = self.own, tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        var = jnp.maximum((x * x).mean(axes) - mean * mean, 0.0)  # as in Flax: one pass over x
        count = x.size // x.shape[-1]
        own["running_mean"] += MOMENTUM * (mean - own["running_mean"])
        own["running_var"] += MOMENTUM * (var * (count / (count - 1)) - own["running_var"])
        own["num_batches_tracked"] += 1
        return (x - mean) * (jax.lax.rsqrt(var + 1e-5) * own["weight"]) + own["bias"]


class Linear(Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()

    def converted(self, raw: dict[str, Array], channels: int) -> dict[str, Array]:
        """Rows in the order of an image that lies channels last."""
        weight = raw["weight"]
        places = weight.reshape(len(weight), channels, -1).transpose(2, 1, 0)
        return {**raw, "weight": places.reshape(-1, len(weight))}

    def forward(self, x: Any) -> Any:
        return x @ self.own["weight"] + self.own["bias"]


class ReLU(Module):
    def forward(self, x: Any) -> Any:
        return jax.nn.relu(x)


class Flatten(Module):
    def forward(self, x: Any) -> Any:
        return x.reshape(len(x), -1)


class MaxPool2d(Module):
    def __init__(self, size: int, stride: int = 0, padding: int = 0) -> None:
        super().__init__()
        self.numbers = size, stride or size, padding

    def forward(self, x: Any) -> Any:
        return max_pool2d(x, *self.numbers)


class AdaptiveAvgPool1d(Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        assert size == 1

    def forward(self, x: Any) -> Any:
        return x.mean(tuple(range(1, x.ndim - 1)), keepdims=True)


class AdaptiveAvgPool2d(AdaptiveAvgPool1d):
    pass


relu = jax.nn.relu


def max_pool2d(x: Any, size: int, stride: int = 0, padding: int = 0) -> Any:
    if (size, stride or 2, padding) == (2, 2, 0):
        # Half the time of reduce_window, whose gradient is a scatter. A maximum along two axes is
        # as fast, but its gradient divides by the number of largest elements, which XLA may find
        # to be none when it computes x a second time, rounded otherwise.
        n, h, w, c = x.shape
        x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
        x = jnp.maximum(x[:, :, 0], x[:, :, 1])
        return jnp.maximum(x[:, :, :, 0], x[:, :, :, 1])
    window, strides = (1, size, size, 1), (1, stride or size, stride or size, 1)
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, border)


def cat(parts: list[Any], axis: int) -> Any:
    assert axis == 1, "channels, which lie last here"
    return jnp.concatenate(parts, -1)


# Nets say torch.nn.Conv2d, torch.nn.functional.relu and torch.cat: all of it is in this file.
nn = functional = sys.modules[__name__]


def converted(model: Module, state: dict[str, Array]) -> tuple[State, State]:
    """PyTorch's state by layer, in JAX's order: what is trained, and what is only followed."""
    trained: State = {}
    followed: State = {}
    channels = 0
    for name, layer in model.layers():
        raw = {k.rpartition(".")[2]: v for k, v in state.items() if k.rpartition(".")[0] == name}
        for key, value in layer.converted(raw, channels).items() if raw else ():
            kind = trained if key in ("weight", "bias") else followed
            kind.setdefault(name, {})[key] = jnp.array(np.ascontiguousarray(value))
        channels = getattr(layer, "after", channels)
    return trained, followed


def run(model: Module, trained: State, followed: State, x: Any) -> tuple[Any, State]:
    """What the net computes with these numbers, and the new running statistics."""
    layers = dict(model.layers())
    for name in trained:
        layers[name].own = {**trained[name], **followed.get(name, {})}
    y = model(x)
    return y, {name: {k: layers[name].own[k] for k in own} for name, own in followed.items()}
