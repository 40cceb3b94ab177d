"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.gamma import standard_gamma
from zincir.functional import where
from zincir.random import randn
from zincir.special import digamma, gammaln
from zincir.tensor import Tensor


class StudentT(Distribution):
    """Student's t: loc + scale X / sqrt(Z / df), X standard normal and Z `Chi2(df)`.

    Example:
        >>> StudentT(3.0, 1.0).mean
        tensor(1.)
    """

    arg_constraints: ClassVar = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True
    _event_dims: ClassVar = {"df": 0, "loc": 0, "scale": 0}
    df: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        shape = self._hold(df=df, loc=loc, scale=scale)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        df = self.df
        finite = self.scale.square() * df / (df - 2)
        return where(df > 2, finite, where(df > 1, math.inf, math.nan).to(finite.dtype))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        x = randn(shape, dtype=self.df.dtype)
        z = standard_gamma((0.5 * self.df).expand(shape)) / 0.5
        return self.loc + self.scale * (x * (z / self.df).rsqrt())

    def log_prob(self, value: Any) -> Tensor:
        y = (self._checked(value) - self.loc) / self.scale
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        z = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
        z = z + gammaln(half) - gammaln(more)
        return -more * (y.square() / self.df).log1p() - z

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = gammaln(half) + 0.5 * math.log(math.pi) - gammaln(more)
        slope = more * (digamma(more) - digamma(half))
        return self.scale.log() + slope + 0.5 * self.df.log() + log_beta
