"""einops on tensors: a backend, which einops is told of when it is imported.

einops asks its backends whose tensor it was given; one for PyTorch answers only where PyTorch is
imported. einops itself is not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from zincir.creation import from_numpy
from zincir.functional import cat, einsum, is_tensor, stack
from zincir.series import arange

_MODULE = "einops._backends"


def register(backends: ModuleType) -> None:
    """Add a backend for tensors to those that `einops._backends` knows."""
    bases = (_Words, backends.AbstractBackend)
    # einops asks its class for those derived from it, and does not keep them.
    vars(backends)["ZincirBackend"] = type("ZincirBackend", bases, {"framework_name": "zincir"})


class _Words:
    """What einops asks a backend for."""

    def is_appropriate_type(self, tensor: Any) -> bool:
        return is_tensor(tensor)

    def from_numpy(self, x: Any) -> Any:
        found = from_numpy(x)
        return found.requires_grad_() if self.is_float_type(found) else found

    def to_numpy(self, x: Any) -> Any:
        return x.detach().numpy()

    def arange(self, start: int, stop: int) -> Any:
        return arange(start, stop)

    def reduce(self, x: Any, operation: str, axes: Sequence[int]) -> Any:
        if operation in ("any", "all", "prod"):
            for axis in sorted(axes)[::-1]:
                x = getattr(x, operation)(axis)
            return x
        return getattr(x, {"min": "amin", "max": "amax"}.get(operation, operation))(tuple(axes))

    def transpose(self, x: Any, axes: Sequence[int]) -> Any:
        return x.permute(axes)

    def stack_on_zeroth_dimension(self, tensors: Any) -> Any:
        return stack(tensors)

    def add_axis(self, x: Any, new_position: int) -> Any:
        return x.unsqueeze(new_position)

    def add_axes(self, x: Any, n_axes: int, pos2len: dict[int, int]) -> Any:
        sizes = [-1] * n_axes
        for axis, length in pos2len.items():
            x = x.unsqueeze(axis)
            sizes[axis] = length
        return x.expand(sizes)

    def tile(self, x: Any, repeats: Sequence[int]) -> Any:
        return x.repeat(repeats)

    def concat(self, tensors: Any, axis: int) -> Any:
        return cat(tensors, axis)

    def is_float_type(self, x: Any) -> bool:
        return x.is_floating_point()

    def einsum(self, pattern: str, *x: Any) -> Any:
        return einsum(pattern, *x)


class _Watch:
    """Waits for einops among Python's finders, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Told(spec.loader)  # type: ignore[assignment]
        return spec


class _Told:
    """The loader of einops's backends, which adds one when they are there."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        register(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


if _MODULE in sys.modules:
    register(sys.modules[_MODULE])
else:
    sys.meta_path.insert(0, _Watch())
