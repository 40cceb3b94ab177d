"""Methods that draw all elements from a distribution, in place."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from zincir import generator as gen, inplace
from zincir.calling import takes_names
from zincir.convert import Operand, operand
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, user_line
from zincir.operations import arithmetic as ar, elementwise as el, movement as mv
from zincir.operations.host import call
from zincir.operations.source import const
from zincir.shared_value import current
from zincir.tensor_base import TensorBase
from zincir.types import DType, Shape, bool_, float64, int64

_WHOLE = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Up to which power of 2 every whole number is a number of the type."""


def whole_numbers(generator: gen.Generator | None, shape: Shape, low: int, high: int) -> Node:
    """Whole numbers from `low` up to, and without, `high`, as int64."""
    span = high - low
    first = gen.uniform(generator, shape, float64)
    if span <= 2**52:
        return ar.cast(ar.floor(first * float(span)), int64) + low
    if span > 2**63:
        raise ArgumentError(
            explain(
                "random_: there are more than 2**63 numbers in that range",
                where=user_line(),
                got=f"from={low}, to={high}",
            )
        )
    # 31 bits and 32 bits, of which what is too large starts again from the lower end.
    second = gen.uniform(generator, shape, float64)
    upper = ar.cast(ar.floor(first * 2.0**31), int64) * 2**32
    bits = upper + ar.cast(ar.floor(second * 2.0**32), int64)
    return (bits if span == 2**63 else ar.remainder(bits, span)) + low


def _default_end(dtype: DType) -> int:
    if dtype is bool_:
        return 2
    if dtype.category == 2:
        return 2 ** _WHOLE[dtype.name] + 1
    return _limits(dtype)[1] + 1


def _refuse(what: str, why: str, got: Any) -> None:
    raise ArgumentError(explain(f"{what} expects {why}", where=user_line(), got=str(got)))


def check_whole(dtype: DType, low: int, high: int) -> None:
    """Raise if a type cannot hold whole numbers from `low` up to, and without, `high`."""
    if dtype.category == 2:
        return
    least, most = (0, 1) if dtype is bool_ else _limits(dtype)
    if low < least or high - 1 > most:
        raise ArgumentError(
            explain(
                f"random_: from or to - 1 is out of bounds for {dtype.name}",
                where=user_line(),
                expected=f"{least} to {most}",
                got=f"from={low}, to={high}",
            )
        )


def _limits(dtype: DType) -> tuple[int, int]:
    limits = np.iinfo(dtype.name)
    return int(limits.min), int(limits.max)


def refuse_whole(input: TensorBase, what: str) -> None:
    """Raise if a tensor that a distribution is made of has no fractions."""
    if input.dtype.category != 2:
        raise DTypeError(
            explain(
                f"{what}: needs a floating tensor",
                where=user_line(),
                got=input.dtype.name,
                try_="x.float()",
            )
        )


def _weights(w: Any) -> Any:
    """Weights as they are, of which it is made sure that they are some."""
    if not (np.isfinite(w) & (w >= 0)).all():
        raise ArgumentError(
            explain("multinomial: probability tensor contains either inf, nan or element < 0")
        )
    if not (w.sum(1) > 0).all():
        raise ArgumentError(
            explain("multinomial: invalid distribution (sum of probabilities <= 0)")
        )
    return w


@takes_names
class Drawing(TensorBase):
    """Draws from distributions, in place."""

    def _drawn(self, node: Node, what: str, *, convert: bool = True) -> Self:
        inplace.write(self, node, what, convert=convert)
        return self

    def _open_uniform(self, generator: gen.Generator | None) -> Node:
        """Uniform in (0, 1], in float64."""
        return 1.0 - gen.uniform(generator, self.shape, float64)

    def normal_(
        self, mean: float = 0.0, std: float = 1.0, *, generator: gen.Generator | None = None
    ) -> Self:
        """Draw all elements from a normal distribution."""
        gen.check_deviation(std)
        drawn = gen.normal(generator, self.shape, self.dtype)
        return self._drawn(drawn * std + mean, "normal_", convert=False)

    def uniform_(
        self, from_: float = 0.0, to: float = 1.0, *, generator: gen.Generator | None = None
    ) -> Self:
        """Draw all elements from [from_, to)."""
        gen.check_bounds(from_, to, self.dtype)
        drawn = gen.uniform(generator, self.shape, self.dtype)
        return self._drawn(drawn * (to - from_) + from_, "uniform_", convert=False)

    def bernoulli_(self, p: Operand = 0.5, *, generator: gen.Generator | None = None) -> Self:
        """Draw 1 with probability `p`, else 0."""
        drawn = gen.uniform(generator, self.shape)
        chance = gen.probability(operand(p))
        return self._drawn(ar.compare("lt", drawn, chance), "bernoulli_")

    def exponential_(self, lambd: float = 1, *, generator: gen.Generator | None = None) -> Any:
        """Draw all elements from the exponential distribution: lambd exp(-lambd x)."""
        if not lambd > 0:
            _refuse("exponential_", "lambda > 0.0", lambd)
        gen.check_floating(self.dtype, "exponential_")
        return self._drawn(el.log(self._open_uniform(generator)) * (-1.0 / lambd), "exponential_")

    def geometric_(self, p: float, *, generator: gen.Generator | None = None) -> Any:
        """Draw all elements from the geometric distribution: (1 - p)^(k - 1) p, from k = 1."""
        if not 0 < p < 1:
            _refuse("geometric_", "p to be in (0, 1)", p)
        trials = el.log(self._open_uniform(generator)) * (1.0 / math.log1p(-p))
        return self._drawn(ar.maximum(ar.ceil(trials), 1.0), "geometric_")

    def cauchy_(
        self, median: float = 0, sigma: float = 1, *, generator: gen.Generator | None = None
    ) -> Any:
        """Draw all elements from the Cauchy distribution."""
        if not sigma > 0:
            _refuse("cauchy_", "sigma > 0.0", sigma)
        gen.check_floating(self.dtype, "cauchy_")
        angle = (self._open_uniform(generator) - 0.5) * math.pi
        return self._drawn(el.tan(angle) * float(sigma) + float(median), "cauchy_")

    def log_normal_(
        self, mean: float = 1, std: float = 2, *, generator: gen.Generator | None = None
    ) -> Any:
        """Draw all elements as exponentials of normal numbers."""
        if not std > 0:
            _refuse("log_normal_", "std > 0.0", std)
        drawn = gen.normal(generator, self.shape, self.dtype)
        return self._drawn(el.exp(drawn * float(std) + float(mean)), "log_normal_")

    def random_(
        self,
        from_: int | None = None,
        to: int | None = None,
        *,
        generator: gen.Generator | None = None,
    ) -> Any:
        """Draw whole numbers from `from_` (by default 0) up to, and without, `to`.

        One number alone is `to`; without any, all that the type holds exactly from 0 on.
        """
        low, high = (0, from_) if to is None else (from_ or 0, to)
        if high is None:
            high = _default_end(self.dtype)
        if low >= high:
            _refuse("random_", "'from' to be less than 'to'", f"from={low} >= to={high}")
        check_whole(self.dtype, int(low), int(high))
        drawn = whole_numbers(generator, self.shape, int(low), int(high))
        if self.dtype is bool_:
            drawn = ar.compare("ne", drawn, const(0, int64))
        return self._drawn(drawn, "random_")

    def bernoulli(self, p: float | None = None, *, generator: gen.Generator | None = None) -> Any:
        """1 with the probability that this gives (or `p`, for all elements), else 0."""
        x: Any = self
        if p is not None:
            return x.detach().clone().bernoulli_(p, generator=generator)
        refuse_whole(self, "bernoulli")
        drawn = gen.uniform(generator, self.shape)
        chance = gen.probability(current(x.detach()))
        found = ar.cast(ar.compare("lt", drawn, chance), self.dtype)
        return self._of(mv.attached(found, current(self)) if self.requires_grad else found)

    def multinomial(
        self,
        num_samples: int,
        replacement: bool = False,
        *,
        generator: gen.Generator | None = None,
    ) -> Any:
        """Indices drawn with the weights in the rows of this."""
        refuse_whole(self, "multinomial")
        if len(self.shape) not in (1, 2):
            got = str(self.shape)
            raise ShapeError(
                explain("multinomial: prob_dist must be 1 or 2 dim", where=user_line(), got=got)
            )
        x: Any = self
        rows = x.detach() if x.ndim == 2 else x.detach().unsqueeze(0)
        choices = rows.shape[1]
        if num_samples <= 0 or (not replacement and num_samples > choices):
            raise ArgumentError(
                explain(
                    "multinomial: cannot draw that many"
                    + ("" if replacement else " without replacement"),
                    where=user_line(),
                    expected="at least 1" if replacement else f"1 to {choices}",
                    got=str(num_samples),
                )
            )
        weights = self._of(at_once(call(_weights, (rows.shape, float64), current(rows.double()))))
        draw = _with_replacement if replacement else _without_replacement
        result = draw(weights, num_samples, generator)
        return result if x.ndim == 2 else result.squeeze(0)


def _with_replacement(weights: Any, count: int, generator: gen.Generator | None) -> Any:
    ends = weights.cumsum(1)
    shape = (weights.shape[0], count)
    drawn = weights._of(gen.uniform(generator, shape, float64)) * ends[:, -1:]
    return (drawn.unsqueeze(-1) >= ends.unsqueeze(1)).sum(-1).clamp(max=weights.shape[1] - 1)


def _without_replacement(weights: Any, count: int, generator: gen.Generator | None) -> Any:
    """The largest of log(uniform) / weight (Efraimidis and Spirakis 2006)."""
    drawn = weights._of(gen.uniform(generator, weights.shape, float64))
    keys = (1.0 - drawn).log() / weights
    return keys.masked_fill(weights == 0, -np.inf).topk(count, 1).indices
