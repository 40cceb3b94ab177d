"""What data must be like: finite numbers, and the classes that are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.shared_value import array_of
from zincir.tensor import Tensor

Counts: TypeAlias = np.ndarray[Any, Any]
FEW = 1_000_000
"""Labels up to which classes are counted."""


def refuse_not_finite(x: Tensor, what: str, samples: Sequence[int] | None = None) -> None:
    """Raise if there is a NaN or an infinity, and say where.

    Args:
        x: numbers, a sample in each row.
        what: what they are.
        samples: the numbers of the samples; None if the rows are numbered.

    Raises:
        ArgumentError: there is one.
    """
    if not x.is_floating_point() or _is_finite(x):
        return
    found = np.argwhere(~np.isfinite(x.detach().double().numpy()))
    row, *place = found[0].tolist()
    name = f"row {row}" if samples is None else f"sample {samples[row]}"
    raise ArgumentError(
        explain(
            f"Trainer: {what} are not finite",
            where=user_line(),
            got=f"{len(found)} of {x.numel()} numbers are NaN or infinite, the first in {name}"
            + (f", place {tuple(place)}" if place else ""),
            try_="leave these samples out, or fill what is missing: numpy.nan_to_num; "
            "allow_nan=True takes them as they are",
        )
    )


def _is_finite(x: Tensor) -> bool:
    array = array_of(x, "Trainer")
    if array.dtype.kind != "f":
        return bool(x.detach().isfinite().all())
    with np.errstate(all="ignore"):  # a sum may be too large though all numbers are finite
        return bool(np.isfinite(np.add.reduce(array, axis=None)) or np.isfinite(array).all())


def as_labels(targets: Any) -> np.ndarray[Any, Any] | None:
    """(N,) labels from 0 on, of targets that may be labels; None if they are something else."""
    if not isinstance(targets, Tensor) or targets.ndim != 1 or targets.is_floating_point():
        return None
    labels = array_of(targets, "Trainer")
    labels = labels[labels >= 0]
    return labels if labels.size and int(labels.max()) < FEW else None


def classes_of(train: Any, validation: Any) -> tuple[Counts, Counts] | None:
    """How many samples of each class there are in two pairs (inputs, targets), if these are labels,
    or yes and no. None if they are something else, or nothing.

    >>> from zincir import tensor
    >>> a, b = tensor([[1.0], [1.0], [0.0]]), tensor([[0.0]])
    >>> [counts.tolist() for counts in classes_of((a, a), (b, b))]
    [[1, 2], [1, 0]]
    """
    if train is None or validation is None:
        return None
    known, asked = _as_classes(train[1]), _as_classes(validation[1])
    if known is None or asked is None:
        return None
    many = 1 + max(int(known.max()), int(asked.max()))
    return np.bincount(known, minlength=many), np.bincount(asked, minlength=many)


def _as_classes(targets: Any) -> np.ndarray[Any, Any] | None:
    """Labels as `as_labels` gives them, or made of one column of zeros and ones."""
    if not isinstance(targets, Tensor) or not targets.is_floating_point():
        return as_labels(targets)
    if targets.ndim < 1 or not 0 < targets.numel() == len(targets):
        return None
    values = array_of(targets, "Trainer").reshape(-1)
    return values.astype(np.int64) if ((values == 0) | (values == 1)).all() else None


def warn_of_missing_classes(train: Any, validation: Any) -> None:
    """Warn if classes are to be told apart that there is nothing to learn from."""
    known, asked = as_labels(train), as_labels(validation)
    if known is None or asked is None:
        return
    counts = np.bincount(asked)
    counts[np.bincount(known, minlength=len(counts))[: len(counts)] > 0] = 0
    missing = np.flatnonzero(counts)
    if len(missing):
        named = ", ".join(str(label) for label in missing[:8])
        warnings.warn(
            f"Trainer.fit: no sample of the classes {named}{', ...' * (len(missing) > 8)} is "
            f"trained on, and {counts.sum()} samples of the validation are of these",
            stacklevel=3,
        )


def range_of(targets: Any, samples: Sequence[int] | None = None) -> str:
    """From where to where whole targets go, and whose they are; nothing if they are not whole."""
    if not isinstance(targets, Tensor) or targets.is_floating_point() or not targets.numel():
        return ""
    values = array_of(targets, "Trainer").reshape(len(targets) if targets.ndim else 1, -1)
    if values.dtype.kind not in "iu":
        return ""
    ends: list[str] = []
    for at in (int(values.argmin()), int(values.argmax())):
        row = at // values.shape[1]
        whose = f"row {row}" if samples is None else f"sample {samples[row]}"
        ends.append(f"{values.flat[at]} ({whose})")
    return f"targets go from {ends[0]} to {ends[1]}"
