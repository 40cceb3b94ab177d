"""Windows by their older names (`zincir.hann_window`): periodic unless `periodic=False`."""

from __future__ import annotations

from typing import Any

from zincir.signal import formulas as fm
from zincir.signal.made import made
from zincir.tensor import Tensor


def bartlett_window(
    window_length: int, periodic: bool = True, *,
    dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A triangle.

    >>> bartlett_window(2).tolist()
    [0.0, 1.0]
    """
    formula = fm.bartlett
    options = (dtype, layout, device, requires_grad, pin_memory)
    return made("bartlett_window", window_length, not periodic, formula, *options)


def blackman_window(
    window_length: int, periodic: bool = True, *,
    dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N).

    >>> blackman_window(1).tolist()
    [1.0]
    """
    formula = fm.general_cosine((0.42, 0.5, 0.08))
    options = (dtype, layout, device, requires_grad, pin_memory)
    return made("blackman_window", window_length, not periodic, formula, *options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Alpha - beta cos(2 pi n / N).

    >>> hamming_window(1).tolist()
    [1.0]
    """
    formula = fm.general_cosine((alpha, beta))
    options = (dtype, layout, device, requires_grad, pin_memory)
    return made("hamming_window", window_length, not periodic, formula, *options)


def hann_window(
    window_length: int, periodic: bool = True, *,
    dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(1 - cos(2 pi n / N)) / 2.

    >>> hann_window(2).tolist()
    [0.0, 1.0]
    """
    formula = fm.general_cosine((0.5, 0.5))
    options = (dtype, layout, device, requires_grad, pin_memory)
    return made("hann_window", window_length, not periodic, formula, *options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *,
    dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta).

    >>> kaiser_window(1).tolist()
    [1.0]
    """
    formula = fm.kaiser(beta)
    options = (dtype, layout, device, requires_grad, pin_memory)
    return made("kaiser_window", window_length, not periodic, formula, *options)
