"""Data divided, with the same share of each class in every part; and classes weighed."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.creation import as_tensor
from zincir.data.image_arrays import checked_labels
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.generator import Generator
from zincir.graph.node import user_line
from zincir.random import rand, randperm
from zincir.tensor import Tensor
from zincir.utils.data import Dataset, Subset, TensorDataset


def targets_of(dataset: Any) -> npt.NDArray[np.int64]:
    """The labels of a data set, without loading its samples if that can be helped.

    They are its `targets`, the last tensor of a `TensorDataset`, or, of anything else, the last
    entry of each sample.

    Raises:
        DTypeError: they are no whole numbers.
        DataError: one is negative.

    Example:
        >>> targets_of([("a", 1), ("b", 0)]).tolist()
        [1, 0]
    """
    found = _raw_targets(dataset)
    array = found.detach().numpy() if isinstance(found, Tensor) else np.asarray(found)
    return checked_labels("targets", array, len(dataset))


def _raw_targets(dataset: Any) -> Any:
    if isinstance(dataset, Subset):
        whole = targets_of(dataset.dataset)
        return whole[np.asarray(dataset.indices, np.int64)]
    known: Any = getattr(dataset, "targets", None)
    if known is not None:
        return known
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[-1]
    return [int(dataset[i][-1]) for i in range(len(dataset))]


def class_weights(targets: Any, num_classes: int | None = None, *, power: float = 1.0) -> Tensor:
    """(C,) weights of classes for a loss: the rarer, the heavier; 1 on average over the samples.

    `weight[c] = (N / (C * count[c])) ** power`, divided by their mean over all samples: what
    scikit-learn calls "balanced". A class without samples has the weight 0.

    Args:
        targets: (N,) labels, or a data set.
        num_classes: how many there are; the largest label and 1 if left out.
        power: 0.5 weighs rare classes less than fully.

    Example:
        >>> class_weights([0, 0, 0, 1])
        tensor([0.6667, 2.0000])
    """
    labels = labels_of(targets)
    counts = np.bincount(labels, minlength=num_classes or 0).astype(np.float64)
    if num_classes is not None and len(counts) > num_classes:
        raise ArgumentError(
            explain(
                "class_weights: a label is not below num_classes",
                where=user_line(),
                expected=f"0 to {num_classes - 1}",
                got=str(len(counts) - 1),
            )
        )
    weights = np.zeros(len(counts))
    there = counts > 0
    weights[there] = (len(labels) / (there.sum() * counts[there])) ** power
    mean = (weights * counts).sum() / max(len(labels), 1)
    return as_tensor((weights / mean if mean else weights).astype(np.float32))


def labels_of(targets: Any) -> npt.NDArray[np.int64]:
    """(N,) labels that are given as such, or as a data set that has them."""
    if isinstance(targets, Dataset):
        return targets_of(targets)
    array = targets.detach().numpy() if isinstance(targets, Tensor) else np.asarray(targets)
    if array.ndim != 1:
        raise ShapeError(
            explain("labels are no row", where=user_line(), expected="(N,)", got=str(array.shape))
        )
    return checked_labels("targets", array, len(array))


def stratified_split(
    dataset: Any,
    lengths: Sequence[int | float],
    generator: Generator | None = None,
    *,
    targets: Any = None,
) -> list[Subset[Any]]:
    """`random_split` that gives each part the same share of every class, to within one sample.

    Args:
        dataset: what has a length.
        lengths: how many samples each part has, or fractions that add up to 1.
        generator: what is drawn from; the default one if there is none.
        targets: (N,) labels; those of the data set (`targets_of`) if left out.

    Raises:
        ArgumentError: the lengths do not add up.
        ShapeError: there is not one label for each sample.

    Example:
        >>> data = TensorDataset(Tensor(range(10)), Tensor([0] * 8 + [1] * 2).long())
        >>> train, test = stratified_split(data, [0.5, 0.5])
        >>> sorted(int(y) for _, y in test)
        [0, 0, 0, 0, 1]
    """
    labels = targets_of(dataset) if targets is None else labels_of(targets)
    if len(labels) != len(dataset):
        raise ShapeError(
            explain(
                "stratified_split: there is not one label for each sample",
                where=user_line(),
                expected=str(len(dataset)),
                got=str(len(labels)),
            )
        )
    counts = part_lengths("stratified_split", lengths, len(labels))
    parts = stratified_parts(labels, counts, generator)
    absent = sorted(set(labels.tolist()) - set(labels[parts[0]].tolist())) if parts else []
    if absent:
        warnings.warn(
            f"stratified_split: the first part has no sample of the classes {absent}", stacklevel=2
        )
    return [Subset(dataset, part.tolist()) for part in parts]


def part_lengths(what: str, lengths: Sequence[int | float], total: int) -> list[int]:
    """How many samples each part has; fractions are rounded so that nothing is left over.

    Raises:
        ArgumentError: they do not add up.

    >>> part_lengths("split", [0.8, 0.2], 11), part_lengths("split", [6, 5], 11)
    ([9, 2], [6, 5])
    """
    if any(isinstance(n, float) for n in lengths) and math.isclose(sum(lengths), 1):
        ends = [round(total * end) for end in itertools.accumulate(lengths)]
        ends[-1:] = [total]
        return [end - start for start, end in itertools.pairwise([0, *ends])]
    if sum(lengths) != total or any(n < 0 or n != int(n) for n in lengths):
        raise ArgumentError(
            explain(
                f"{what}: lengths do not add up",
                where=user_line(),
                expected=f"whole numbers that add up to {total}, or fractions that add up to 1",
                got=f"{sum(lengths)} = {' + '.join(map(str, lengths))}",
            )
        )
    return [int(n) for n in lengths]


def stratified_parts(
    classes: npt.NDArray[np.int64], counts: Sequence[int], generator: Generator | None
) -> list[npt.NDArray[np.int64]]:
    """Numbers of samples, in parts of these sizes, each in random order.

    The samples of every class are spread evenly over one line, in random order and from a random
    start; the parts are pieces of that line.
    """
    order = np.asarray(randperm(len(classes), generator=generator).tolist(), np.int64)
    places = np.zeros(len(classes))
    kinds = np.unique(classes)
    starts = rand(len(kinds), generator=generator).tolist()
    for kind, start in zip(kinds, starts, strict=True):
        members = order[classes[order] == kind]
        places[members] = (np.arange(len(members)) + start) / len(members)
    line = order[np.argsort(places[order], kind="stable")]
    parts: list[npt.NDArray[np.int64]] = []
    for end, count in zip(itertools.accumulate(counts), counts, strict=True):
        part = line[end - count : end]
        again = np.asarray(randperm(count, generator=generator).tolist(), np.int64)
        parts.append(part[again] if count else part)
    return parts
