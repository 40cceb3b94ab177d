"""Changes of variables: `y = f(x)`, its inverse, and the logarithm of what it does to volumes."""

from __future__ import annotations

import math
from typing import Any

from zincir.creation import eye, full_like
from zincir.distributions import constraints
from zincir.distributions.constraints import Constraint
from zincir.distributions.correlation import CorrCholeskyTransform as CorrCholeskyTransform
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import broadcast_all, smallest, spacing
from zincir.distributions.transform import (
    ComposeTransform as ComposeTransform,
    IndependentTransform as IndependentTransform,
    ReshapeTransform as ReshapeTransform,
    Transform as Transform,
    _Inverse,
)
from zincir.distributions.transform_joined import (
    CatTransform as CatTransform,
    StackTransform as StackTransform,
)
from zincir.functional import broadcast_shapes, where
from zincir.linalg import cholesky
from zincir.nn.functional import pad, softplus
from zincir.tensor import Tensor
from zincir.types import Shape, bool_

_InverseTransform = _Inverse
__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform",
    "LowerCholeskyTransform", "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform",
    "SigmoidTransform", "SoftmaxTransform", "SoftplusTransform", "StackTransform",
    "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip


class _Same(Transform):
    """A transform without settings of its own: all of its kind are equal."""

    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = Transform.__hash__


class ExpTransform(_Same):
    """y = exp(x).

    Example:
        >>> t = ExpTransform()
        >>> t(Tensor([0.0])), t.inv(Tensor([1.0]))
        (tensor([1.]), tensor([0.]))
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(Transform):
    """y = x ** exponent, for positive x."""

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def _again(self, cache_size: int) -> Transform:
        return PowerTransform(self.exponent, cache_size)

    @property
    def sign(self) -> Any:
        """Whether it rises or falls."""
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and _equal(self.exponent, other.exponent)

    __hash__ = Transform.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Shape) -> Shape:
        return broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape


class SigmoidTransform(_Same):
    """y = 1 / (1 + exp(-x)), kept away from 0 and 1 by what its type can tell from them."""

    domain = constraints.real
    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return x.sigmoid().clamp(min=smallest(x), max=1.0 - spacing(x))

    def _inverse(self, y: Tensor) -> Tensor:
        y = y.clamp(min=smallest(y), max=1.0 - spacing(y))
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(_Same):
    """y = log(1 + exp(x))."""

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(_Same):
    """y = tanh(x). With `cache_size=1`, values that were rounded to 1 have their way back."""

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return 0.5 * (y.log1p() - (-y).log1p())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(_Same):
    """y = |x|, which has no inverse but one."""

    domain = constraints.real
    codomain = constraints.positive
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """y = loc + scale * x; the last `event_dim` dimensions are one event.

    Example:
        >>> AffineTransform(1.0, 2.0).log_abs_det_jacobian(Tensor([3.0]), Tensor([7.0]))
        tensor([0.6931])
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale = loc, scale
        self._event_dim = event_dim

    def _again(self, cache_size: int) -> Transform:
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size)

    @property
    def event_dim(self) -> int:
        """How many of the last dimensions are one event."""
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Where x lies."""
        n = self._event_dim
        return constraints.independent(constraints.real, n) if n else constraints.real

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """Where y lies."""
        return self.domain

    @property
    def sign(self) -> Any:
        """Whether it rises or falls."""
        scale = self.scale
        return scale.sign() if isinstance(scale, Tensor) else (scale > 0) - (scale < 0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        return _equal(self.loc, other.loc) and _equal(self.scale, other.scale)

    __hash__ = Transform.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        scale, n = self.scale, self._event_dim
        if isinstance(scale, Tensor):
            result = scale.abs().log()
        else:
            result = full_like(x, math.log(abs(scale)))
        if not n:
            return result.expand(x.shape)
        result = result.expand(x.shape[x.ndim - result.ndim :]) if result.ndim < n else result
        return result.reshape((*result.shape[: result.ndim - n], -1)).sum(-1).expand(x.shape[:-n])

    def forward_shape(self, shape: Shape) -> Shape:
        return broadcast_shapes(shape, _shape(self.loc), _shape(self.scale))

    inverse_shape = forward_shape


class SoftmaxTransform(_Same):
    """y = softmax(x) over the last dimension, which has no inverse but log(y)."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(_Same):
    """Vectors of n numbers to probabilities of n + 1: a stick of which parts are broken off.

    Example:
        >>> StickBreakingTransform()(Tensor([0.0]))
        tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        z = self._parts(x)
        left = (1 - z).cumprod(-1)
        return pad(z, [0, 1], value=1.0) * pad(left, [1, 0], value=1.0)

    def _parts(self, x: Tensor) -> Tensor:
        """Which part of what is left is broken off."""
        offset = x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)
        return SigmoidTransform()._call(x - offset.log())

    def _inverse(self, y: Tensor) -> Tensor:
        cropped = y[..., :-1]
        offset = y.shape[-1] - y.new_ones(cropped.shape[-1]).cumsum(-1)
        left = (1 - cropped.cumsum(-1)).clamp(min=smallest(y))
        return cropped.log() - left.log() + offset.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        offset = x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)
        x = x - offset.log()
        return (-x - softplus(-x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] - 1)


class LowerCholeskyTransform(_Same):
    """Matrices to lower triangles with a positive diagonal, the exponential of theirs."""

    domain: Constraint = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + _on_diagonal(x.diagonal(dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + _on_diagonal(y.diagonal(dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(_Same):
    """Matrices to positive definite ones: the product of a lower triangle with its transpose."""

    domain: Constraint = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        tril = LowerCholeskyTransform()(x)
        return tril @ tril.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))


class CumulativeDistributionTransform(Transform):
    """y = P(X < x) of a distribution.

    Example:
        >>> from zincir.distributions.normal import Normal
        >>> CumulativeDistributionTransform(Normal(0.0, 1.0))(Tensor([0.0]))
        tensor([0.5000])
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    def _again(self, cache_size: int) -> Transform:
        return CumulativeDistributionTransform(self.distribution, cache_size)

    @property
    def domain(self) -> Any:
        """Where x lies."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)


identity_transform = ComposeTransform([])


def _on_diagonal(values: Tensor) -> Tensor:
    """Matrices with these values on their diagonal, and zeros beside."""
    return where(eye(values.shape[-1], dtype=bool_), values.unsqueeze(-1), 0.0)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return bool((a == b).all().item())
    return a == b


def _shape(x: Any) -> Shape:
    return x.shape if isinstance(x, Tensor) else ()
