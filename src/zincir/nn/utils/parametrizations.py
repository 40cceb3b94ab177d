"""Weight and spectral norm as parametrizations."""

from __future__ import annotations

from typing import Any, TypeVar

from zincir.autograd import no_grad
from zincir.errors import ArgumentError, IndexOutOfRange, explain
from zincir.graph.node import user_line
from zincir.nn.functional import normalize
from zincir.nn.layers.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from zincir.nn.module.module import Module
from zincir.nn.utils.orthogonal import orthogonal as orthogonal
from zincir.nn.utils.parametrize import register_parametrization
from zincir.nn.utils.weight_norm import length
from zincir.random import randn
from zincir.tensor import Tensor

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Make the parameter `name` g * v / |v|: original0 is g, original1 is v.

    From https://arxiv.org/abs/1602.07868. States of `nn.utils.weight_norm` (name_g, name_v) can be
    loaded too.

    Args:
        dim: |v| is taken over all other axes; None: over all.

    >>> from zincir import nn
    >>> list(weight_norm(nn.Linear(3, 2)).state_dict())[1:]
    ['parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def older(state: dict[str, Any], prefix: str, *_: Any) -> None:
        names = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state for key in names):
            for i, key in enumerate(names):
                state[f"{prefix}parametrizations.{name}.original{i}"] = state.pop(key)

    module._register_load_state_dict_pre_hook(older)
    return module


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide the parameter `name` by its largest singular value, or a vector by its length.

    From https://arxiv.org/abs/1802.05957. The value is followed by steps of power iteration, 15 at
    first; in training at each reading of the parameter.

    Args:
        n_power_iterations: steps at each reading.
        dim: the axis of outputs: 0, but 1 for transposed convolutions.

    >>> from zincir import nn
    >>> layer = spectral_norm(nn.Linear(3, 2)).eval()
    >>> abs(nn.utils.parameters_to_vector([layer.weight]).norm().item() - 1.0) < 0.5
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(
            explain(
                f"spectral_norm: {type(module).__name__} has no parameter or buffer {name!r}",
                where=user_line(),
            )
        )
    if dim is None:
        transposed = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
        dim = 1 if isinstance(module, transposed) else 0
    norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, norm)


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / length(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return length(weight, self.dim), weight


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexOutOfRange(
                explain(
                    "spectral_norm: there is no such axis",
                    where=user_line(),
                    expected=f"from {-weight.ndim} to {weight.ndim - 1}",
                    got=str(dim),
                )
            )
        if n_power_iterations <= 0:
            raise ArgumentError(
                explain(
                    "spectral_norm: n_power_iterations is not positive",
                    where=user_line(),
                    got=str(n_power_iterations),
                )
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            with no_grad():
                matrix = self._matrix(weight)
                for kept, size in zip(("_u", "_v"), matrix.shape, strict=True):
                    start = randn(size, dtype=weight.dtype)
                    self.register_buffer(kept, normalize(start, dim=0, eps=eps))
                self._follow(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix, with an output in each row."""
        return weight.movedim(self.dim, 0).flatten(1)

    @no_grad()
    def _follow(self, matrix: Tensor, steps: int) -> None:
        for _ in range(steps):
            self._u.copy_(normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(normalize(matrix.mT @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._follow(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / (u @ (matrix @ v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value
