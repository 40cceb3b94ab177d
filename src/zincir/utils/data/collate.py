"""Samples put together as a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, cast

import numpy as np

from zincir.creation import as_tensor, tensor
from zincir.errors import DTypeError, ShapeError, explain
from zincir.functional import stack
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.types import float64

CollateFunctions = Mapping[Any, Callable[..., Any]]


def default_collate(batch: Any) -> Any:
    """A batch made of samples: what a `DataLoader` does unless told otherwise.

    Tensors and arrays are stacked, numbers become a tensor (floats of float64); text stays a list;
    dictionaries, named tuples and sequences are put together entry by entry, and a tuple becomes a
    list.

    Raises:
        DTypeError: the samples are of another kind.
        ShapeError: sequences have different lengths.

    Example:
        >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
        {'x': tensor([1, 2]), 'name': ['a', 'b']}
        >>> default_collate([(0.5, 1), (1.5, 0)])
        [tensor([0.5000, 1.5000], dtype=zincir.float64), tensor([1, 0])]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Any:
    """`default_collate` with one's own functions for types of samples.

    Args:
        batch: the samples.
        collate_fn_map: by a type, or a tuple of types, the function that is given the samples and,
            as `collate_fn_map`, this dictionary.

    Example:
        >>> collate([1, 2], collate_fn_map={int: lambda batch, *, collate_fn_map: sum(batch)})
        3
    """
    sample = batch[0]
    functions: CollateFunctions = {} if collate_fn_map is None else collate_fn_map
    function = functions.get(type(sample))
    if function is None:
        function = next((f for kind, f in functions.items() if isinstance(sample, kind)), None)
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def together(parts: Any) -> Any:
        return collate(parts, collate_fn_map=collate_fn_map)

    if isinstance(sample, Mapping):
        known = cast("Mapping[Any, Any]", sample)
        return _mapping_like(known, {key: together([d[key] for d in batch]) for key in known})
    if _is_named_tuple(sample):
        return type(sample)(*map(together, zip(*batch, strict=False)))
    if isinstance(sample, Sequence):
        size = len(cast("Sequence[Any]", sample))
        if any(len(other) != size for other in batch):
            raise ShapeError(
                explain(
                    "default_collate: each element in list of batch should be of equal size",
                    where=user_line(),
                    got="lengths " + ", ".join(sorted({str(len(other)) for other in batch})),
                    try_="a collate_fn that pads them",
                )
            )
        parts = [together(samples) for samples in zip(*batch, strict=True)]
        return parts if isinstance(sample, tuple) else _sequence_like(sample, parts)
    raise _no_batch(type(sample))


def default_convert(data: Any) -> Any:
    """Arrays and NumPy's numbers as tensors, wherever they are in dictionaries and sequences.

    What a `DataLoader` does to samples that it does not put into batches.

    Example:
        >>> default_convert({"x": np.array([1, 2]), "name": "a"})
        {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if type(data).__module__ == "numpy":
        text = isinstance(data, np.str_) or getattr(data, "dtype", _OBJECTS).kind in "SUO"
        return data if text else as_tensor(data)
    if isinstance(data, Mapping):
        known = cast("Mapping[Any, Any]", data)
        return _mapping_like(known, {key: default_convert(known[key]) for key in known})
    if isinstance(data, tuple):
        row = cast(Any, data)
        parts = [default_convert(d) for d in row]
        return type(row)(*parts) if _is_named_tuple(row) else parts
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        known = cast("Sequence[Any]", data)
        return _sequence_like(known, [default_convert(d) for d in known])
    return data


_OBJECTS = np.dtype(object)


def _is_named_tuple(data: Any) -> bool:
    return isinstance(data, tuple) and hasattr(cast(Any, data), "_fields")


def _mapping_like(like: Mapping[Any, Any], parts: dict[Any, Any]) -> Any:
    """`parts` in a mapping of the same kind, with what else it holds; else as a dictionary."""
    kind: Any = type(like)
    try:
        if isinstance(like, MutableMapping):
            new: Any = copy.copy(cast(Any, like))
            new.update(parts)
            return new
        return kind(parts)
    except TypeError:
        return parts


def _sequence_like(like: Any, parts: list[Any]) -> Any:
    """`parts` in a sequence of the same kind, with what else it holds; else as a list."""
    try:
        if isinstance(like, MutableSequence):
            new: Any = copy.copy(cast(Any, like))
            for i, part in enumerate(parts):
                new[i] = part
            return new
        return type(like)(parts)
    except TypeError:
        return parts


def _no_batch(kind: Any) -> DTypeError:
    return DTypeError(
        explain(
            "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
            f"found {kind}",
            where=user_line(),
            try_="a collate_fn",
        )
    )


def _tensors(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Tensor:
    return stack(list(batch), 0)


def _arrays(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Any:
    kind = batch[0].dtype
    if kind.kind in "SUO":
        raise _no_batch(kind)
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _numpy_numbers(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Tensor:
    return as_tensor(list(batch))


def _floats(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Tensor:
    return tensor(list(batch), dtype=float64)


def _whole_numbers(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Tensor:
    return tensor(list(batch))


def _texts(batch: Any, *, collate_fn_map: CollateFunctions | None = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: _tensors,
    np.ndarray: _arrays,
    (np.bool_, np.number, np.object_): _numpy_numbers,
    float: _floats,
    int: _whole_numbers,
    str: _texts,
    bytes: _texts,
}
"""By types of samples: how they are put together. Types that are added here are known
everywhere.
"""
