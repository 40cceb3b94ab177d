"""The F distribution of Fisher and Snedecor."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.gamma import standard_gamma
from zincir.distributions.parameters import smallest
from zincir.functional import where
from zincir.special import gammaln
from zincir.tensor import Tensor


class FisherSnedecor(Distribution):
    """The ratio of two `Chi2` numbers, each divided by its degrees of freedom.

    Example:
        >>> FisherSnedecor(2.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints: ClassVar = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _event_dims: ClassVar = {"df1": 0, "df2": 0}
    df1: Tensor
    df2: Tensor

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._hold(df1=df1, df2=df2), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        df2 = where(self.df2 <= 2, math.nan, self.df2)
        return df2 / (df2 - 2)

    @property
    def mode(self) -> Tensor:
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return where(self.df1 <= 2, math.nan, found)

    @property
    def variance(self) -> Tensor:
        df1, df2 = self.df1, where(self.df2 <= 4, math.nan, self.df2)
        return 2 * df2.square() * (df1 + df2 - 2) / (df1 * (df2 - 2).square() * (df2 - 4))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        above, below = (
            standard_gamma((0.5 * df).expand(shape)) / df.expand(shape)
            for df in (self.df1, self.df2)
        )
        tiny = smallest(below)
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        a, b, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        constant = gammaln(a + b) - gammaln(a) - gammaln(b) + a * ratio.log()
        return constant + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()
