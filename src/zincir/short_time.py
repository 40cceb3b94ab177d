"""Short-time Fourier transforms: `stft` and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.complex_numbers import view_as_real
from zincir.creation import from_numpy, ones, zeros
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.fft import fft, ifft, irfft, rfft
from zincir.graph.node import user_line
from zincir.lower_precision import full
from zincir.tensor import Tensor

_BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""NumPy's names of PyTorch's."""
_SMALLEST = 1e-11


@full
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transform of a signal piece by piece, each under a window.

    Args:
        input: (time,) or (batch, time).
        n_fft: the length of a piece.
        hop_length: from one piece to the next; n_fft // 4 if left out.
        win_length: that of the window, around which a piece is filled up with zeros.
        window: ones if left out.
        center: whether piece t is around t * hop_length, the borders being filled by `pad_mode`.
        normalized: whether results are divided by sqrt(n_fft).
        onesided: the first half, as `rfft` has it: of real signals, if left out.
        return_complex: must be given for real signals; False gives pairs in a last dimension.

    Shape: (batch, frequencies, pieces).

    Raises:
        ArgumentError: lengths that do not fit.

    >>> import zincir
    >>> stft(zincir.ones(12), 4, return_complex=True).shape
    (3, 13)
    """
    window = _window("stft", input, n_fft, hop_length, win_length, window)
    hop = n_fft // 4 if hop_length is None else hop_length
    whole = input.is_complex() or window.is_complex()
    half = not whole if onesided is None else onesided
    _check_result(whole, half, return_complex, bool(align_to_window and center))
    x = input if input.ndim == 2 else input.reshape(1, -1)
    x = _bordered(x, n_fft // 2, pad_mode) if center else x
    if not 0 < n_fft <= x.shape[1]:
        raise ArgumentError(
            explain(
                "stft: a piece is longer than the signal",
                where=user_line(),
                expected=f"0 < n_fft <= {x.shape[1]}",
                got=f"n_fft={n_fft}",
            )
        )
    if align_to_window:
        left = (n_fft - _width(n_fft, win_length)) // 2
        x = _filled(x, left, left)
    pieces = x.unfold(1, n_fft, hop) * window
    norm = "ortho" if normalized else None
    found = (rfft if half else fft)(pieces, norm=norm).transpose(1, 2)
    found = found if input.ndim == 2 else found[0]
    return view_as_real(found) if return_complex is False else found


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The inverse of `stft`: pieces added up, divided by the squares of the windows over them.

    Args:
        input: (frequencies, pieces) or (batch, frequencies, pieces), complex.
        length: of the signal; by default as far as the pieces reach.
        return_complex: whether the signal is complex.

    The other arguments are those of `stft`.

    Raises:
        ArgumentError: no window covers a part of the signal.

    >>> import zincir
    >>> signal = zincir.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    >>> istft(stft(signal, 4, return_complex=True), 4).round(decimals=3).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    if not input.is_complex():
        raise DTypeError(
            explain(
                "istft requires a complex-valued input tensor",
                where=user_line(),
                got=input.dtype.name,
                expected="what stft gives with return_complex=True",
            )
        )
    if input.ndim not in (2, 3):
        raise ShapeError(
            explain("istft: expected 2 or 3 dimensions", where=user_line(), got=str(input.shape))
        )
    window = _window("istft", input.real, n_fft, hop_length, win_length, window, signal=False)
    hop = n_fft // 4 if hop_length is None else hop_length
    half = not return_complex if onesided is None else onesided
    z = (input if input.ndim == 3 else input.reshape(1, *input.shape)).transpose(1, 2)
    _check_rows(input, n_fft // 2 + 1 if half else n_fft)
    norm = "ortho" if normalized else None
    if half:
        pieces = irfft(z, n_fft, norm=norm)
    else:
        pieces = ifft(z, norm=norm)
        pieces = pieces if return_complex else pieces.real
    signal, below = _added(pieces, window, hop)
    reach = signal.shape[1]
    start = n_fft // 2 if center else 0
    end = reach - start if length is None else start + length
    signal, below = signal[:, start:end], below[start:end]
    _check_cover(below)
    signal = signal / below
    if length is not None and signal.shape[1] < length:
        signal = _filled(signal, 0, length - signal.shape[1])
    return signal if input.ndim == 3 else signal[0]


def _check_result(whole: bool, half: bool, return_complex: bool | None, aligned: bool) -> None:
    if return_complex is None and not whole:
        raise ArgumentError(
            explain(
                "stft requires the return_complex parameter be given for real inputs",
                where=user_line(),
                try_="return_complex=True",
            )
        )
    if half and whole:
        raise ArgumentError(
            explain(
                "stft: of complex signals there is no half", where=user_line(), try_="onesided=None"
            )
        )
    if aligned:
        raise ArgumentError(
            explain("stft: align_to_window only applies if center=False", where=user_line())
        )


def _check_rows(input: Tensor, rows: int) -> None:
    if input.shape[-2] != rows or not input.shape[-1]:
        raise ShapeError(
            explain(
                "istft: the frequencies do not fit n_fft",
                where=user_line(),
                expected=f"{rows} frequencies, and at least one piece",
                got=str(input.shape),
            )
        )


def _added(pieces: Tensor, window: Tensor, hop: int) -> tuple[Tensor, Tensor]:
    """Pieces under their windows, added up where they overlap, and the squares of the windows."""
    batch, count, n = pieces.shape
    reach = n + hop * (count - 1)
    places: Any = np.arange(count)[:, None] * hop + np.arange(n)
    at = from_numpy(places.reshape(-1))
    rows = (pieces * window).reshape(batch, -1)
    signal = zeros(batch, reach, dtype=rows.dtype).index_add(1, at, rows)
    squares = (window * window).expand(count, n).reshape(-1)
    return signal, zeros(reach, dtype=squares.dtype).index_add(0, at, squares)


def _check_cover(below: Tensor) -> None:
    smallest = below.detach().abs().amin().item() if below.numel() else 0.0
    if smallest <= _SMALLEST:
        raise ArgumentError(
            explain(
                "istft: the windows leave a part of the signal out",
                where=user_line(),
                expected=f"squares of windows that add up to more than {_SMALLEST}",
                got=str(smallest),
                try_="a smaller hop_length, or center=True",
            )
        )


def _width(n_fft: int, win_length: int | None) -> int:
    """That of the window, which is as long as a piece if nothing is said."""
    return n_fft if win_length is None else win_length


def _window(
    what: str,
    input: Tensor,
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Tensor | None,
    *,
    signal: bool = True,
) -> Tensor:
    """The window, filled up to the length of a piece; lengths are checked."""
    hop, width = n_fft // 4 if hop_length is None else hop_length, _width(n_fft, win_length)
    problems = {
        "a signal of one or two dimensions": signal and input.ndim not in (1, 2),
        "n_fft > 0": n_fft <= 0,
        "0 < hop_length" + ("" if signal else " <= win_length"): hop <= 0
        or (not signal and hop > width),
        "0 < win_length <= n_fft": not 0 < width <= n_fft,
        f"a window of {width} elements": window is not None and window.shape != (width,),
    }
    for expected, wrong in problems.items():
        if wrong:
            shape = None if window is None else window.shape
            raise ArgumentError(
                explain(
                    f"{what}: arguments do not fit",
                    where=user_line(),
                    expected=expected,
                    got=f"n_fft={n_fft}, hop_length={hop}, win_length={width}, window={shape}, "
                    f"input {input.shape}",
                )
            )
    if window is None:
        window = ones(width, dtype=input.real.dtype)
    left = (n_fft - width) // 2
    return _filled(window, left, n_fft - width - left)


def _filled(x: Tensor, before: int, after: int) -> Tensor:
    """Zeros at both ends of the last dimension."""
    if not before and not after:
        return x
    places = np.pad(np.arange(1, x.shape[-1] + 1), (before, after))
    kept = x[..., from_numpy(np.maximum(places - 1, 0))]
    return kept * from_numpy((places > 0).astype(np.float32)).to(x.real.dtype)


def _bordered(x: Tensor, width: int, mode: str) -> Tensor:
    if mode == "constant":
        return _filled(x, width, width)
    if mode not in _BORDERS or (mode == "reflect" and width >= x.shape[1]) or not x.shape[1]:
        raise ArgumentError(
            explain(
                "stft: the border cannot be filled",
                where=user_line(),
                expected=f"a signal longer than {width}, and a border among "
                f"{', '.join([*_BORDERS, 'constant'])}",
                got=f"{x.shape[1]} elements, pad_mode={mode!r}",
            )
        )
    pad: Any = np.pad
    places = pad(np.arange(x.shape[1]), width, mode=_BORDERS[mode])
    return x[:, from_numpy(places)]
