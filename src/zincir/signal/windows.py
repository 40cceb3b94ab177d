"""Window functions: `zincir.signal.windows`. They are symmetric unless `sym=False`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.signal import formulas as fm
from zincir.signal.made import made, positive
from zincir.tensor import Tensor


def bartlett(
    M: int, *, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A triangle: 1 - |2 n / N - 1|.

    >>> bartlett(3).tolist()
    [0.0, 1.0, 0.0]
    """
    formula = fm.bartlett
    return made("bartlett", M, sym, formula, dtype, layout, device, requires_grad)


def blackman(
    M: int, *, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N).

    >>> blackman(1).tolist()
    [1.0]
    """
    formula = fm.general_cosine((0.42, 0.5, 0.08))
    return made("blackman", M, sym, formula, dtype, layout, device, requires_grad)


def cosine(
    M: int, *, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Half a period of the sine.

    >>> cosine(1).tolist()
    [1.0]
    """
    formula = fm.cosine
    return made("cosine", M, sym, formula, dtype, layout, device, requires_grad)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau), by default around the middle.

    >>> exponential(3).max().item()
    1.0
    """
    positive("exponential", "Tau", tau)
    if sym and center is not None:
        raise ArgumentError(
            explain("exponential: Center must be None for symmetric windows", where=user_line())
        )
    formula = fm.exponential(center, tau)
    return made("exponential", M, sym, formula, dtype, layout, device, requires_grad)


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-((n - N / 2) / std)^2 / 2).

    >>> gaussian(3)[1].item()
    1.0
    """
    positive("gaussian", "Standard deviation", std)
    formula = fm.gaussian(std)
    return made("gaussian", M, sym, formula, dtype, layout, device, requires_grad)


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N) - ...

    >>> general_cosine(2, a=[0.5]).tolist()
    [0.5, 0.5]
    """
    formula = fm.general_cosine(tuple(a))
    return made("general_cosine", M, sym, formula, dtype, layout, device, requires_grad)


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Alpha - (1 - alpha) cos(2 pi n / N).

    >>> general_hamming(3, alpha=0.5).tolist()
    [0.0, 1.0, 0.0]
    """
    formula = fm.general_cosine((alpha, 1.0 - alpha))
    return made("general_hamming", M, sym, formula, dtype, layout, device, requires_grad)


def hamming(
    M: int, *, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """0.54 - 0.46 cos(2 pi n / N).

    >>> hamming(1).tolist()
    [1.0]
    """
    formula = fm.general_cosine((0.54, 0.46))
    return made("hamming", M, sym, formula, dtype, layout, device, requires_grad)


def hann(
    M: int, *, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """(1 - cos(2 pi n / N)) / 2.

    >>> hann(3).tolist()
    [0.0, 1.0, 0.0]
    """
    formula = fm.general_cosine((0.5, 0.5))
    return made("hann", M, sym, formula, dtype, layout, device, requires_grad)


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta).

    >>> kaiser(3)[1].item()
    1.0
    """
    positive("kaiser", "beta", beta, or_zero=True)
    formula = fm.kaiser(beta)
    return made("kaiser", M, sym, formula, dtype, layout, device, requires_grad)


def nuttall(
    M: int, *, sym: bool = True,
    dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Four cosines whose side lobes are least (Nuttall 1981).

    >>> nuttall(1).tolist()
    [1.0]
    """
    formula = fm.general_cosine((0.3635819, 0.4891775, 0.1365995, 0.0106411))
    return made("nuttall", M, sym, formula, dtype, layout, device, requires_grad)
