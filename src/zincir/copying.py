"""Copies of tensors: `copy`, `deepcopy` and `pickle`."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from zincir.errors import GradientError, explain
from zincir.graph.node import user_line
from zincir.inplace import is_leaf, turned
from zincir.operations.source import leaf
from zincir.runtime.buffer import Buffer, arranged
from zincir.shared_value import array_of, detached, look_at
from zincir.storage import path, whole_of
from zincir.tensor_base import FIELDS, TensorBase
from zincir.types import from_numpy_dtype

T = TypeVar("T", bound=TensorBase)

_OWN = FIELDS - {"_order"}


def reduced(tensor: TensorBase) -> tuple[Any, ...]:
    """What pickle writes down: values, not the memory that is shared, and no gradients."""
    values = array_of(tensor, "pickle").copy()
    return rebuilt, (type(tensor), values, tensor.requires_grad, attributes_of(tensor))


def rebuilt(cls: type[T], array: Any, requires_grad: bool, attributes: dict[str, Any]) -> T:
    """A leaf with these values and whatever a user has set of it."""
    t = object.__new__(cls)
    t.__dict__.update(attributes)
    t._held = leaf(array.shape, from_numpy_dtype(array.dtype), requires_grad)
    t._held.value = arranged(Buffer(array), t._order_for(array.ndim))
    t._holds_node()
    return t


def deep(tensor: Any, memo: dict[int, Any]) -> Any:
    """A copy in memory of its own, its gradient too; copies of what shares memory share theirs.

    Raises:
        GradientError: it is no leaf.
    """
    new = _deep(tensor, memo) if tensor._coo is None else tensor.detach().clone()
    new._grad = None if tensor._grad is None else tensor._grad.detach().clone()
    memo[id(tensor)] = new
    return new


def _deep(tensor: T, memo: dict[int, Any]) -> T:
    """But for the gradient."""
    if not is_leaf(tensor):
        raise GradientError(
            explain(
                "only Tensors created explicitly by the user support the deepcopy protocol",
                where=user_line(),
                try_="x.detach().clone()",
            )
        )
    whole = whole_of(tensor)
    key = id(tensor._storage)
    if tensor._storage is None or (whole is tensor and key not in memo):
        array = array_of(tensor, "deepcopy").copy()
        new = rebuilt(type(tensor), array, tensor.requires_grad, attributes_of(tensor))
        if tensor._storage is not None:
            memo[key] = new
        return new
    if key not in memo:
        memo[key] = rebuilt(type(whole._blank()), array_of(whole, "deepcopy").copy(), False, {})
    view: TensorBase = memo[key]
    for step in reversed(path(tensor)):
        view = look_at(tensor._blank(), view, step)
    return sharing(view, tensor)


def sharing(source: TensorBase, like: T) -> T:
    """A tensor of its own with the memory of `source`, that is what `like` is."""
    t = cast(T, detached(source._blank(), source))
    t.__class__ = type(like)
    t.__dict__.update(attributes_of(like))
    if like.requires_grad:
        turned(t, True)
    return t


def attributes_of(tensor: TensorBase) -> dict[str, Any]:
    """What a user has set of it."""
    return {k: v for k, v in tensor.__dict__.items() if k not in _OWN}
