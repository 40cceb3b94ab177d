"""Sequences of different lengths in one tensor: padded, or packed step by step."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.half import array_in, plain
from zincir.nn.module.user_line import at_user_line, node_of
from zincir.operations import movement as mv
from zincir.operations.arithmetic import where
from zincir.operations.indexing import take
from zincir.operations.source import const
from zincir.tensor import Tensor, from_array, wrap


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """The rows of sequences of different lengths, step by step, without any padding.

    Made by `pack_padded_sequence` and `pack_sequence`; recurrent layers take it and give one back.
    `data` has the rows of step 0 of all sequences, from the longest to the shortest, then those of
    step 1 of the sequences that have one, and so on; `batch_sizes` says how many these are.
    `sorted_indices` says which sequence of the user's is the longest, and so on; None if they came
    in this order. `unsorted_indices` is the way back.

    >>> import zincir
    >>> two = [zincir.tensor([1, 2, 3]), zincir.tensor([4, 5])]
    >>> packed = pack_sequence(two)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 4, 2, 5, 3], [2, 2, 1])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        counts: Any = batch_sizes
        if counts is None:
            data, counts = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, counts, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with `data.to(...)`."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._replace(data=data)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Itself: all memory is the processor's."""
        return self

    def pin_memory(self) -> PackedSequence:
        """Itself."""
        return self

    def is_pinned(self) -> bool:
        """Always false."""
        return False

    @property
    def is_cuda(self) -> bool:
        """Always false."""
        return False

    def double(self) -> PackedSequence:
        """The same with `data` as float64."""
        return self._replace(data=self.data.double())

    def float(self) -> PackedSequence:
        """The same with `data` as float32."""
        return self._replace(data=self.data.float())

    def long(self) -> PackedSequence:
        """The same with `data` as int64."""
        return self._replace(data=self.data.long())

    def int(self) -> PackedSequence:
        """The same with `data` as int32."""
        return self._replace(data=self.data.int())


class Ragged:
    """The shape of a packed sequence: which row of it is which step of which sequence."""

    def __init__(self, batch_sizes: Sequence[int]) -> None:
        counts = np.array(batch_sizes, np.int64)
        self.steps, self.batch = len(counts), int(counts[0])
        self.rows = int(counts.sum())
        starts = np.cumsum(counts) - counts
        numbers = np.arange(self.batch)
        self._there = numbers < counts[:, None]
        self._places = np.where(self._there, starts[:, None] + numbers, 0)

    @functools.cached_property
    def valid(self) -> Node:
        """Which steps each sequence has, (steps, batch, 1)."""
        return from_array(self._there[:, :, None].copy())._node

    @functools.cached_property
    def _from(self) -> Node:
        return from_array(self._places.astype(np.int64))._node

    @functools.cached_property
    def _to(self) -> Node:
        return from_array(np.flatnonzero(self._there).astype(np.int64))._node

    @property
    def lengths(self) -> list[int]:
        """Of each sequence, longest first."""
        return np.count_nonzero(self._there, axis=0).tolist()

    def spread(self, rows: Node) -> Node:
        """Packed rows as (steps, batch, ...); what no sequence has is some row or other."""
        return take(rows, self._from)

    def gathered(self, x: Node) -> Node:
        """(steps, batch, ...) as packed rows."""
        return take(mv.reshape(x, (self.steps * self.batch, *x.shape[2:])), self._to)


def ragged(packed: PackedSequence) -> Ragged:
    """The shape of a packed sequence.

    Raises:
        ShapeError: `batch_sizes` do not belong to `data`.
    """
    counts = packed.batch_sizes.tolist()
    falling = all(a >= b > 0 for a, b in pairwise(counts))
    if not counts or counts[0] < 1 or not falling or sum(counts) != packed.data.shape[0]:
        raise ShapeError(
            explain(
                "PackedSequence: batch_sizes do not belong to data",
                where=user_line(),
                expected=f"sizes that do not grow, {packed.data.shape[0]} together, as data has "
                "rows",
                got=f"{counts}",
                try_="pack_padded_sequence or pack_sequence",
            )
        )
    return Ragged(counts)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that takes another one back.

    >>> import zincir
    >>> invert_permutation(zincir.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    return None if permutation is None else permutation.argsort()


def _axes_swapped(x: Node) -> Node:
    return mv.permute(x, (1, 0, *range(2, x.ndim)))


@at_user_line
def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack padded sequences: step by step, the rows of those sequences that have so many.

    Args:
        input: (steps, batch, ...), or (batch, steps, ...) with `batch_first`.
        lengths: of each sequence; their values are looked at.
        enforce_sorted: whether sequences come longest first; otherwise they are sorted here.

    >>> import zincir
    >>> packed = pack_padded_sequence(zincir.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 3, 2], [2, 1])
    """
    what = "pack_padded_sequence"
    x = node_of(input, f"{what}: input")
    listed = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    counts = np.array(listed, np.int64)
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
    _check_lengths(what, x, counts, batch_first)
    if batch_first:
        x = _axes_swapped(x)
    if order is not None:
        x = _axes_swapped(take(_axes_swapped(x), from_array(order)._node))
    steps: Sequence[int] = range(max(counts.tolist()))
    sizes = len(counts) - np.searchsorted(counts[::-1], steps, "right")
    x = mv.slice_(x, (0,) * x.ndim, (1,) * x.ndim, (len(sizes), *x.shape[1:]))
    packed = wrap(Ragged(sizes.tolist()).gathered(x))
    batch_sizes = from_array(np.array(sizes, np.int64))
    if order is None:
        return PackedSequence(packed, batch_sizes)
    back = from_array(np.argsort(order).astype(np.int64))
    return PackedSequence(packed, batch_sizes, from_array(order.astype(np.int64)), back)


def _check_lengths(what: str, x: Node, counts: Any, batch_first: bool) -> None:
    batch, most = (x.shape if batch_first else x.shape[1::-1])[:2] if x.ndim > 1 else (0, 0)
    problem = ""
    if x.ndim < 2 or counts.shape != (batch,) or not batch:
        problem = "one length for each sequence"
    elif counts.min() < 1 or counts.max() > most:
        problem = f"lengths from 1 to {most}, the steps of input"
    elif (np.diff(counts) > 0).any():
        problem = "lengths from the longest to the shortest"
    if problem:
        raise ArgumentError(
            explain(
                f"{what}: lengths do not fit",
                where=user_line(),
                expected=problem,
                got=f"lengths {counts.tolist()}, input {x.shape}, batch_first={batch_first}",
                try_="enforce_sorted=False" if "longest" in problem else "",
            )
        )


@at_user_line
def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded sequences, in the order in which they were packed, and their lengths.

    Args:
        padding_value: what stands where a sequence has no step.
        total_length: steps to pad to, at least those of the longest.

    >>> import zincir
    >>> packed = pack_sequence([zincir.tensor([1, 2, 3]), zincir.tensor([4])])
    >>> padded, lengths = pad_packed_sequence(packed, batch_first=True)
    >>> padded.tolist(), lengths.tolist()
    ([[1, 2, 3], [4, 0, 0]], [3, 1])
    """
    shape = ragged(sequence)
    steps = shape.steps if total_length is None else total_length
    if steps < shape.steps:
        raise ArgumentError(
            explain(
                "pad_packed_sequence: total_length is too short",
                where=user_line(),
                expected=f"at least {shape.steps}, the length of the longest sequence",
                got=str(total_length),
            )
        )
    data = sequence.data._node
    x = shape.spread(data)
    rest = (1,) * (x.ndim - 2)
    there = mv.reshape(shape.valid, (shape.steps, shape.batch, *rest))
    filling = const(plain(array_in(padding_value, data.dtype)).item(), data.dtype)
    x = where(there, x, filling)
    if steps > shape.steps:
        more = (steps - shape.steps, *x.shape[1:])
        x = mv.cat([x, mv.expand(filling, more)], 0)
    lengths = np.array(shape.lengths, np.int64)
    back = sequence.unsorted_indices
    x = _axes_swapped(x)
    if back is not None:
        lengths = lengths[np.array(back.tolist(), np.int64)]
        x = take(x, back._node)
    return wrap(x if batch_first else _axes_swapped(x)), from_array(lengths)


@at_user_line
def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, ...) side by side in one tensor (longest, batch, ...).

    Args:
        batch_first: make it (batch, longest, ...).
        padding_value: what stands where a sequence has ended.
        padding_side: on which side; "right" is behind it, "left" before it.

    >>> import zincir
    >>> pad_sequence([zincir.tensor([1, 2]), zincir.tensor([3])], batch_first=True).tolist()
    [[1, 2], [3, 0]]
    """
    what = "pad_sequence"
    if not isinstance(sequences, Iterable):
        raise DTypeError(
            explain(
                f"{what}: not sequences",
                where=user_line(),
                expected="tensors in a list",
                got=type(sequences).__name__,
            )
        )
    if padding_side not in ("left", "right"):
        raise ArgumentError(
            explain(f"{what}: padding_side", expected="'left' or 'right'", got=repr(padding_side))
        )
    nodes = [node_of(x, f"{what}: sequences") for x in sequences]
    if not nodes or any(x.ndim < 1 or x.shape[1:] != nodes[0].shape[1:] for x in nodes):
        raise ShapeError(
            explain(
                f"{what}: sequences do not fit together",
                where=user_line(),
                expected="at least one; equal sizes in all but the first dimension",
                got=", ".join(str(x.shape) for x in nodes) or "none",
            )
        )
    longest = max(x.shape[0] for x in nodes)
    dtype = nodes[0].dtype
    filling = const(plain(array_in(padding_value, dtype)).item(), dtype)
    rows: list[Node] = []
    for x in nodes:
        missing = longest - x.shape[0]
        parts = [x]
        if missing:
            padding = mv.expand(filling, (missing, *x.shape[1:]))
            parts = [x, padding] if padding_side == "right" else [padding, x]
        rows.append(mv.cat(parts, 0))
    joined = mv.cat([mv.reshape(x, (1, *x.shape)) for x in rows], 0)
    return wrap(joined if batch_first else _axes_swapped(joined))


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences without what they were padded with; their lengths are looked at.

    >>> import zincir
    >>> padded = zincir.tensor([[1, 2], [3, 0]])
    >>> [x.tolist() for x in unpad_sequence(padded, zincir.tensor([2, 1]), batch_first=True)]
    [[1, 2], [3]]
    """
    counts = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [x[:count].clone() for x, count in zip(rows.unbind(0), counts, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (length, ...).

    Args:
        enforce_sorted: whether they come longest first; otherwise they are sorted here.

    >>> import zincir
    >>> pack_sequence([zincir.tensor([1, 2]), zincir.tensor([3])]).data.tolist()
    [1, 3, 2]
    """
    lengths = [x.shape[0] for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed.

    >>> import zincir
    >>> two = [zincir.tensor([1, 2, 3]), zincir.tensor([4])]
    >>> [x.tolist() for x in unpack_sequence(pack_sequence(two))]
    [[1, 2, 3], [4]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
