"""`zincir.special`: special functions, with gradients."""

from __future__ import annotations

from typing import Any

from zincir.calling import takes_out
from zincir.operations import special as sp
from zincir.special.families import one_tensor
from zincir.tensor import Tensor, wrap


@takes_out
def erf(input: Tensor) -> Tensor:
    """The error function.

    >>> from zincir.creation import tensor
    >>> erf(tensor(0.0)).item()
    0.0
    """
    return input.erf()


@takes_out
def erfc(input: Tensor) -> Tensor:
    """1 - erf(x), where that is small too.

    >>> from zincir.creation import tensor
    >>> erfc(tensor(0.0)).item()
    1.0
    """
    return input.erfc()


@takes_out
def erfcx(input: Tensor) -> Tensor:
    """exp(x^2) erfc(x).

    >>> from zincir.creation import tensor
    >>> erfcx(tensor(0.0)).item()
    1.0
    """
    return wrap(sp.erfcx(input._node))


@takes_out
def erfinv(input: Tensor) -> Tensor:
    """The inverse of erf.

    >>> from zincir.creation import tensor
    >>> erfinv(tensor(0.0)).item()
    0.0
    """
    return input.erfinv()


@takes_out
def expit(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)).

    >>> from zincir.creation import tensor
    >>> expit(tensor(0.0)).item()
    0.5
    """
    return input.sigmoid()


@takes_out
def expm1(input: Tensor) -> Tensor:
    """exp(x) - 1, exact near 0.

    >>> from zincir.creation import tensor
    >>> expm1(tensor(0.0)).item()
    0.0
    """
    return input.expm1()


@takes_out
def exp2(input: Tensor) -> Tensor:
    """2 to the power.

    >>> from zincir.creation import tensor
    >>> exp2(tensor(3.0)).item()
    8.0
    """
    return input.exp2()


@takes_out
def log1p(input: Tensor) -> Tensor:
    """log(1 + x), exact near 0.

    >>> from zincir.creation import tensor
    >>> log1p(tensor(0.0)).item()
    0.0
    """
    return input.log1p()


@takes_out
def gammaln(input: Tensor) -> Tensor:
    """Log |Gamma(x)|.

    >>> from zincir.creation import tensor
    >>> gammaln(tensor(1.0)).item()
    0.0
    """
    return input.lgamma()


@takes_out
def digamma(input: Tensor) -> Tensor:
    """The derivative of log Gamma(x).

    >>> from zincir.creation import tensor
    >>> digamma(tensor(0.0)).item()
    -inf
    """
    return input.digamma()


@takes_out
def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0.

    >>> from zincir.creation import tensor
    >>> sinc(tensor(0.0)).item()
    1.0
    """
    return input.sinc()


@takes_out
def entr(input: Tensor) -> Tensor:
    """-x log(x): 0 at 0, -inf below.

    >>> from zincir.creation import tensor
    >>> entr(tensor(0.0)).item()
    0.0
    """
    return wrap(sp.entr(input._node))


@takes_out
def ndtr(input: Tensor) -> Tensor:
    """The normal distribution function.

    >>> from zincir.creation import tensor
    >>> ndtr(tensor(0.0)).item()
    0.5
    """
    return wrap(sp.ndtr(input._node))


@takes_out
def ndtri(input: Tensor) -> Tensor:
    """The inverse of the normal distribution function.

    >>> from zincir.creation import tensor
    >>> ndtri(tensor(0.0)).item()
    -inf
    """
    return wrap(sp.ndtri(input._node))


@takes_out
def log_ndtr(input: Tensor) -> Tensor:
    """The logarithm of the normal distribution function, far below too.

    >>> from zincir.creation import tensor
    >>> abs(log_ndtr(tensor(40.0)).item())
    0.0
    """
    return wrap(sp.log_ndtr(input._node))


@takes_out
def i0(input: Tensor) -> Tensor:
    """The modified Bessel function I0.

    >>> from zincir.creation import tensor
    >>> i0(tensor(0.0)).item()
    1.0
    """
    return wrap(sp.bessel_i(input._node, 0, False))


@takes_out
def i0e(input: Tensor) -> Tensor:
    """exp(-|x|) I0(x).

    >>> from zincir.creation import tensor
    >>> i0e(tensor(0.0)).item()
    1.0
    """
    return wrap(sp.bessel_i(input._node, 0, True))


@takes_out
def i1(input: Tensor) -> Tensor:
    """The modified Bessel function I1.

    >>> from zincir.creation import tensor
    >>> abs(i1(tensor(0.0)).item())
    0.0
    """
    return wrap(sp.bessel_i(input._node, 1, False))


@takes_out
def i1e(input: Tensor) -> Tensor:
    """exp(-|x|) I1(x).

    >>> from zincir.creation import tensor
    >>> abs(i1e(tensor(0.0)).item())
    0.0
    """
    return wrap(sp.bessel_i(input._node, 1, True))


psi = digamma


@takes_out
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), x kept from 0 and 1 by `eps`.

    >>> from zincir.creation import tensor
    >>> logit(tensor(0.5)).item()
    0.0
    """
    return input.logit(eps)


@takes_out
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma.

    >>> from zincir.creation import tensor
    >>> f"{polygamma(1, tensor(1.0)).item():.4f}"  # pi^2 / 6
    '1.6449'
    """
    return input.polygamma(n)


@takes_out
def multigammaln(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions: p (p - 1) / 4 log(pi) + sum of gammaln.

    >>> from zincir.creation import tensor
    >>> multigammaln(tensor(2.0), 1).item()
    0.0
    """
    return input.mvlgamma(p)


@takes_out
def gammainc(input: Tensor, other: Tensor) -> Tensor:
    """The share of the gamma function's integral below `other`; with a gradient for `other`.

    1 / Gamma(a) times the integral of t^(a - 1) exp(-t) from 0 to x.

    >>> from zincir.creation import tensor
    >>> f"{gammainc(tensor(1.0), tensor(1.0)).item():.4f}"  # 1 - exp(-1)
    '0.6321'
    """
    return input.igamma(other)


@takes_out
def gammaincc(input: Tensor, other: Tensor) -> Tensor:
    """The share of the gamma function's integral above `other`: 1 - gammainc, if that is small too.

    >>> from zincir.creation import tensor
    >>> f"{gammaincc(tensor(1.0), tensor(50.0)).item():.2e}"  # exp(-50)
    '1.93e-22'
    """
    return input.igammac(other)


@takes_out
def xlogy(input: Any, other: Any) -> Tensor:
    """The first times log(other), and 0 where it is 0; one of the two may be a number.

    >>> from zincir.creation import tensor
    >>> xlogy(tensor([0.0, 2.0]), tensor([0.0, 1.0])).tolist()
    [0.0, 0.0]
    """
    return wrap(sp.xlogy(*one_tensor("xlogy", input, other)))


@takes_out
def xlog1py(input: Any, other: Any) -> Tensor:
    """The first times log(1 + other), and 0 where it is 0; one of the two may be a number.

    >>> from zincir.creation import tensor
    >>> xlog1py(tensor([0.0, 2.0]), tensor([-1.0, 0.0])).tolist()
    [0.0, 0.0]
    """
    return wrap(sp.xlog1py(*one_tensor("xlog1py", input, other)))


@takes_out
def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)^-input for k = 0, 1, ...

    >>> from zincir.creation import tensor
    >>> f"{zeta(tensor(2.0), 1.0).item():.4f}"  # pi^2 / 6
    '1.6449'
    """
    return wrap(sp.zeta(*one_tensor("zeta", input, other)))


@takes_out
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer; halves go to the even one.

    >>> from zincir.creation import tensor
    >>> round(tensor(2.5)).item()
    2.0
    """
    return input.round(decimals=decimals)


@takes_out
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`.

    >>> from zincir.creation import zeros
    >>> softmax(zeros(2), 0).tolist()
    [0.5, 0.5]
    """
    return input.softmax(dim, dtype)


@takes_out
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, without overflow.

    >>> from zincir.creation import zeros
    >>> log_softmax(zeros(1), 0).item()
    0.0
    """
    return input.log_softmax(dim, dtype)


@takes_out
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) along `dim`, without overflow.

    >>> from zincir.creation import zeros
    >>> logsumexp(zeros(1), 0).item()
    0.0
    """
    return input.logsumexp(dim, keepdim)
