"""Orthogonal matrices as parametrizations: any matrix names one of them."""

from __future__ import annotations

from typing import TypeVar

from zincir.autograd import no_grad
from zincir.creation import eye, zeros_like
from zincir.errors import ArgumentError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.linalg import householder_product, matrix_exp, qr, solve
from zincir.nn.module.module import Module
from zincir.nn.utils.parametrize import register_parametrization
from zincir.tensor import Tensor

M = TypeVar("M", bound=Module)
MAPS = ("matrix_exp", "cayley", "householder")


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """Make the parameter `name` orthogonal: Q^T Q = 1, or Q Q^T = 1 if it is wide.

    Args:
        orthogonal_map: what makes Q of the parameter X. "matrix_exp": exp(A), "cayley":
            (1 - A / 2)^-1 (1 + A / 2), of A = tril(X) - tril(X)^T; "householder": a product of
            reflections. By default the first for square matrices, the last for others.
        use_trivialization: multiply by a fixed orthogonal matrix, the first value
            (https://arxiv.org/abs/1909.09501).

    >>> import zincir
    >>> weight = orthogonal(zincir.nn.Linear(3, 5)).weight
    >>> zincir.allclose(weight.mT @ weight, zincir.eye(3), atol=1e-6)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor) or weight.ndim < 2:
        got = type(weight).__name__ if not isinstance(weight, Tensor) else str(weight.shape)
        raise _refused("expected a parameter or buffer that is a matrix, or a batch of them", got)
    if orthogonal_map is None:
        square = weight.shape[-1] == weight.shape[-2]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in MAPS:
        raise _refused(f"orthogonal_map has to be one of {', '.join(MAPS)}", orthogonal_map)
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


def _refused(problem: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"orthogonal: {problem}", where=user_line(), got=got))


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def _reflections(self, x: Tensor) -> Tensor:
        rest = x.tril(-1)
        tau = 2.0 / (1.0 + (rest * rest).sum(-2))
        signs = x.diagonal(dim1=-2, dim2=-1).detach().trunc()
        return householder_product(rest, tau) * signs.unsqueeze(-2)

    def _of_skew(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        low = x.tril()
        if n != k:
            low = cat([low, x.new_zeros(*x.shape[:-2], n, n - k)], -1)
        a = low - low.mT
        if self.orthogonal_map == "matrix_exp":
            return matrix_exp(a)[..., :k]
        one = eye(n, dtype=x.dtype)
        return solve(one - a * 0.5, one + a * 0.5)[..., :k]

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        x = X.mT if wide else X
        q = self._reflections(x) if self.orthogonal_map == "householder" else self._of_skew(x)
        base = getattr(self, "base", None)
        q = q if base is None else base @ q
        return q.mT if wide else q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise _refused(f"expected shape {tuple(self.shape)}", str(tuple(Q.shape)))
        wide = Q.shape[-2] < Q.shape[-1]
        q = Q.mT if wide else Q
        if "base" not in self._buffers:
            if self.orthogonal_map != "householder":
                raise _refused("use_trivialization=False: no value can be assigned", "one")
            return self._named_by_reflections(q, wide)
        n, k = q.shape[-2:]
        if n != k:
            q = cat([q, q.new_empty(*q.shape[:-2], n, n - k).normal_()], -1)
        self.base = q.clone() if n == k and _is_orthogonal(q) else _nearby(q)
        none = zeros_like(Q)
        none.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return none

    def _named_by_reflections(self, q: Tensor, wide: bool) -> Tensor:
        a, tau = q.geqrf()
        diagonal = a.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.sign().where(tau != 0, -diagonal.sign()))
        return a.mT if wide else a


def _is_orthogonal(q: Tensor) -> bool:
    eps = 10 * q.shape[-1] * (1.2e-7 if q.element_size() == 4 else 2.3e-16)
    return (q.mT @ q).allclose(eye(q.shape[-1], dtype=q.dtype), atol=eps)


def _nearby(x: Tensor) -> Tensor:
    """An orthogonal matrix with the space of x, and signs like its own."""
    q, r = qr(x)
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
