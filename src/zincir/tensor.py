"""Tensor: what users hold. A node of the graph, its gradient, and whose memory it shows."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zincir import indexing, inplace, printing, recording, tensor_backward
from zincir.errors import ArgumentError, DTypeError, GradientError, ShapeError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, describe, here
from zincir.ops import arithmetic as ar, composed as co, elementwise as el, movement as mv
from zincir.ops.source import detach, leaf, variable
from zincir.runtime.buffer import Buffer
from zincir.types import (
    DType, Scalar, Shape, bool_, contiguous_strides, float32, float64, from_numpy_dtype, int32,
    int64, size, uint8,
)  # fmt: skip
from zincir.views import Detach, Expand, Permute, Reshape, Step, reshaped_strides

Operand = Any
Dims = int | Sequence[int] | None

_pending: list[weakref.ref[Tensor]] = []


def settle() -> None:
    """Compute all live tensors whose values are not known yet, in one program."""
    evaluate_with(())


def evaluate_with(nodes: Sequence[Node]) -> None:
    """Compute `nodes` together with all live tensors that wait for their values."""
    waiting = _pending[:]
    _pending.clear()
    wanted = dict.fromkeys(nodes)
    for reference in waiting:
        tensor = reference()
        if tensor is not None and tensor._node.value is None:
            wanted[tensor._node] = None
    if wanted:
        evaluate(list(wanted))


def wrap(node: Node) -> Tensor:
    """A tensor that holds `node`."""
    t = Tensor.__new__(Tensor)
    t._node = node
    _pending.append(weakref.ref(t))
    return t


def from_array(array: np.ndarray[Any, Any], requires_grad: bool = False) -> Tensor:
    """A leaf tensor over the memory of `array`, without a copy."""
    node = leaf(array.shape, from_numpy_dtype(array.dtype), requires_grad)
    node.value = Buffer(array)
    t = Tensor.__new__(Tensor)
    t._node = node
    if requires_grad:
        node.owner = weakref.ref(t)
    return t


def operand(x: Operand) -> Node | Scalar:
    """What stands beside a tensor in an operation: a node, or a Python number."""
    if isinstance(x, Tensor):
        return x._node
    if isinstance(x, (bool, int, float)):
        return x
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, np.ndarray):
        return from_array(x)._node
    raise TypeError(
        explain(
            f"cannot use a {type(x).__name__} with a tensor",
            where=describe(here()),
            expected="a Tensor, a number or a NumPy array",
            try_="zincir.tensor(...)",
        )
    )


class Tensor:
    """An array of numbers that remembers how it was computed.

    Values are computed when somebody looks at them; shapes and types are checked at once.
    """

    _node: Node
    _grad: Tensor | None = None
    _parent: Callable[[], Tensor | None] | None = None
    _step: Step | None = None
    _step_grad: bool = True
    _children: list[weakref.ref[Tensor]] | None = None
    _hooks: Any = None
    _exported: Callable[[], Any] | None = None
    _version: int = 0
    __array_priority__ = 1000
    __array_ufunc__ = None

    def __init__(self, data: Any = (), dtype: DType = float32) -> None:
        node = leaf((), dtype)
        array = np.array(data, dtype.numpy)
        node = leaf(array.shape, dtype)
        node.value = Buffer(array)
        self._node = node

    # What it is ---------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        return self._node.shape

    @property
    def dtype(self) -> DType:
        return self._node.dtype

    @property
    def ndim(self) -> int:
        return len(self._node.shape)

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def requires_grad(self) -> bool:
        return self._node.needs_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> bool:
        return inplace.is_leaf(self)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have collected here."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and value.shape != self.shape:
            raise ShapeError(explain("grad: shape differs from the tensor's", where=describe(here()),
                expected=str(self.shape), got=str(value.shape)))  # fmt: skip
        self._grad = value

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        node = inplace.leaf_like(value._node, self._node.needs_grad and self.is_leaf)
        recording.note_change(self, self._node)
        self._node = node
        if node.needs_grad:
            node.owner = weakref.ref(self)
        if node.value is None:
            self._await()

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[co.one_axis(dim, self.ndim)]

    def dim(self) -> int:
        return len(self._node.shape)

    def numel(self) -> int:
        return size(self._node.shape)

    nelement = numel

    def element_size(self) -> int:
        return self.dtype.itemsize

    def is_floating_point(self) -> bool:
        return self.dtype.category == 2

    def parent(self) -> Tensor | None:
        """The tensor this one is a view of."""
        return None if self._parent is None else self._parent()

    def stride(self, dim: int | None = None) -> Any:
        parent = self.parent()
        if parent is None or self._step is None:
            strides = contiguous_strides(self.shape)
        else:
            strides = self._step.strides(parent.shape, parent.stride())
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        mine = zip(self.shape, self.stride(), contiguous_strides(self.shape), strict=True)
        return self.numel() == 0 or all(a == b for n, a, b in mine if n != 1)

    # Values -------------------------------------------------------------------------------------

    def _await(self) -> None:
        _pending.append(weakref.ref(self))

    def _value(self, what: str) -> np.ndarray[Any, Any]:
        node = self._node
        recording.refuse_to_look(what, node)
        if node.value is None:
            evaluate_with((node,))
        return node.value.array

    def _rebind(self, node: Node) -> None:
        """Bind to a new value of the same shape, as an in-place operation does."""
        inplace.rebind(self, node)

    def item(self) -> Any:
        """The value of a tensor with one element as a Python number."""
        if self.numel() != 1:
            raise ShapeError(
                explain(
                    f"item: a tensor with {self.numel()} elements is not one number",
                    where=describe(here()),
                    got=str(self.shape),
                    try_="x.tolist(), or x.mean().item()",
                )
            )
        return self._value("item()").item()

    def tolist(self) -> Any:
        return self._value("tolist()").tolist()

    def numpy(self, force: bool = False) -> np.ndarray[Any, Any]:
        """The values as a NumPy array that shares the tensor's memory."""
        if self.requires_grad and not force:
            raise GradientError(
                explain(
                    "Can't call numpy() on Tensor that requires grad",
                    where=describe(here()),
                    try_="tensor.detach().numpy()",
                )
            )
        return self._value("numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.category == 2:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return operator.index(self.item())

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ArgumentError(
                explain(
                    f"Boolean value of Tensor with {self.numel()} values is ambiguous",
                    where=describe(here()),
                    got=str(self.shape),
                    try_="x.any(), x.all(), or zincir.where(x, ...)",
                )
            )
        return bool(self._value("bool()").item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(self.shape[0])])

    def __repr__(self) -> str:
        return printing.show(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 and spec else repr(self)

    def __hash__(self) -> int:
        return id(self)

    # Gradients ----------------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        node = self._node
        if node.needs_grad == requires_grad:
            return self
        if requires_grad and node.dtype.category != 2:
            raise DTypeError(
                explain(
                    "only Tensors of floating point dtype can require gradients",
                    where=describe(here()),
                    got=node.dtype.name,
                    try_="x.float().requires_grad_()",
                )
            )
        if not requires_grad and not self.is_leaf:
            raise GradientError(
                explain(
                    "you can only change requires_grad flags of leaf variables",
                    where=describe(here()),
                    try_="x.detach()",
                )
            )
        self._node = inplace.leaf_like(node, requires_grad)
        if requires_grad:
            self._node.owner = weakref.ref(self)
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf it was computed from."""
        tensor_backward.backward(
            [self], [gradient], retain_graph, create_graph, inputs, wrap
        )

    def detach(self) -> Tensor:
        return inplace.as_view(wrap(detach(self._node)), self, Detach())

    def detach_(self) -> Tensor:
        self._node = detach(self._node)
        return self

    # Arithmetic ---------------------------------------------------------------------------------

    def __add__(self, other: Operand) -> Tensor:
        return wrap(ar.add(self._node, other._node if isinstance(other, Tensor) else operand(other)))

    def __radd__(self, other: Operand) -> Tensor:
        return wrap(ar.add(operand(other), self._node))

    def __sub__(self, other: Operand) -> Tensor:
        return wrap(ar.sub(self._node, other._node if isinstance(other, Tensor) else operand(other)))

    def __rsub__(self, other: Operand) -> Tensor:
        return wrap(ar.sub(operand(other), self._node))

    def __mul__(self, other: Operand) -> Tensor:
        return wrap(ar.mul(self._node, other._node if isinstance(other, Tensor) else operand(other)))

    def __rmul__(self, other: Operand) -> Tensor:
        return wrap(ar.mul(operand(other), self._node))

    def __truediv__(self, other: Operand) -> Tensor:
        return wrap(ar.div(self._node, other._node if isinstance(other, Tensor) else operand(other)))

    def __rtruediv__(self, other: Operand) -> Tensor:
        return wrap(ar.div(operand(other), self._node))

    def __neg__(self) -> Tensor:
        return wrap(ar.neg(self._node))

    def __pow__(self, other: Operand) -> Tensor:
        return wrap(ar.power(self._node, operand(other)))

    def __rpow__(self, other: Operand) -> Tensor:
        return wrap(ar.power(operand(other), self._node))

    def __matmul__(self, other: Tensor) -> Tensor:
        return wrap(co.matmul(self._node, other._node))

    def __abs__(self) -> Tensor:
        return wrap(ar.abs(self._node))

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return wrap(ar.compare("eq", self._node, operand(other)))

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return wrap(ar.compare("ne", self._node, operand(other)))

    def __lt__(self, other: Operand) -> Tensor:
        return wrap(ar.compare("lt", self._node, operand(other)))

    def __le__(self, other: Operand) -> Tensor:
        return wrap(ar.compare("le", self._node, operand(other)))

    def __gt__(self, other: Operand) -> Tensor:
        return wrap(ar.compare("gt", self._node, operand(other)))

    def __ge__(self, other: Operand) -> Tensor:
        return wrap(ar.compare("ge", self._node, operand(other)))

    def add(self, other: Operand, *, alpha: float = 1) -> Tensor:
        return self + other if alpha == 1 else self + other * alpha

    def sub(self, other: Operand, *, alpha: float = 1) -> Tensor:
        return self - other if alpha == 1 else self - other * alpha

    mul = __mul__
    div = __truediv__
    pow = __pow__
    neg = __neg__
    abs = __abs__
    matmul = __matmul__

    # In place -----------------------------------------------------------------------------------

    def _write(self, value: Node, what: str) -> Tensor:
        inplace.write(self, value, what)
        return self

    def add_(self, other: Operand, *, alpha: float = 1) -> Tensor:
        return self._write(self.add(other, alpha=alpha)._node, "add_")

    def sub_(self, other: Operand, *, alpha: float = 1) -> Tensor:
        return self._write(self.sub(other, alpha=alpha)._node, "sub_")

    def mul_(self, other: Operand) -> Tensor:
        return self._write(ar.mul(self._node, operand(other)), "mul_")

    def div_(self, other: Operand) -> Tensor:
        return self._write(ar.div(self._node, operand(other)), "div_")

    def copy_(self, src: Tensor) -> Tensor:
        return self._write(src._node, "copy_")

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def fill_(self, value: Any) -> Tensor:
        value = operand(value)
        if not isinstance(value, Node):
            value = ar.const(ar._to(self.dtype, value), self.dtype)
        return self._write(value, "fill_")

    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_

    # Functions ----------------------------------------------------------------------------------

    def exp(self) -> Tensor:
        return wrap(el.exp(self._node))

    def log(self) -> Tensor:
        return wrap(el.log(self._node))

    def log1p(self) -> Tensor:
        return wrap(el.log1p(self._node))

    def tanh(self) -> Tensor:
        return wrap(el.tanh(self._node))

    def sigmoid(self) -> Tensor:
        return wrap(el.sigmoid(self._node))

    def erf(self) -> Tensor:
        return wrap(el.erf(self._node))

    def sqrt(self) -> Tensor:
        return wrap(el.sqrt(self._node))

    def relu(self) -> Tensor:
        return wrap(co.relu(self._node))

    def softmax(self, dim: int, dtype: DType | None = None) -> Tensor:
        return wrap(co.softmax(self._node, dim, dtype))

    def log_softmax(self, dim: int, dtype: DType | None = None) -> Tensor:
        return wrap(co.log_softmax(self._node, dim, dtype))

    def clamp(self, min: Operand = None, max: Operand = None) -> Tensor:
        low = None if min is None else operand(min)
        high = None if max is None else operand(max)
        return wrap(co.clamp(self._node, low, high))

    def sum(self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
        return wrap(co.sum(self._node, dim, keepdim, dtype))

    def mean(self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
        return wrap(co.mean(self._node, dim, keepdim, dtype))

    def var(self, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Tensor:
        return wrap(co.var(self._node, dim, correction, keepdim))

    def std(self, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Tensor:
        return wrap(co.std(self._node, dim, correction, keepdim))

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        return wrap(co.arg_extreme(self._node, dim, keepdim, smallest=False))

    def amax(self, dim: Dims = (), keepdim: bool = False) -> Tensor:
        return wrap(co.amax(self._node, dim, keepdim))

    # Shape --------------------------------------------------------------------------------------

    def _view(self, *steps: Step) -> Tensor:
        t = self
        for step in steps:
            t = inplace.as_view(wrap(step.read(t._node)), t, step)
        return inplace.as_view(wrap(self._node), self, Reshape(self.shape)) if t is self else t

    def reshape(self, *shape: Any) -> Tensor:
        new = full_shape(self, shape)
        if reshaped_strides(self.shape, self.stride(), new) is None:
            return wrap(mv.reshape(self._node, new))
        return self._view(Reshape(new))

    def view(self, *shape: Any) -> Tensor:
        new = full_shape(self, shape)
        if reshaped_strides(self.shape, self.stride(), new) is None:
            raise ShapeError(
                explain(
                    "view: the memory of this tensor cannot be shown under that shape",
                    where=describe(here()),
                    got=f"{self.shape} with strides {self.stride()} as {new}",
                    try_="x.reshape(...), or x.contiguous().view(...)",
                )
            )
        return self._view(Reshape(new))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        if not self.shape:
            return self.reshape(1)
        a, b = co.one_axis(start_dim, self.ndim), co.one_axis(end_dim, self.ndim)
        return self.reshape(*self.shape[:a], size(self.shape[a : b + 1]), *self.shape[b + 1 :])

    def permute(self, *dims: Any) -> Tensor:
        dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        return self._view(Permute(tuple(co.one_axis(d, self.ndim) for d in dims)))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        axes = list(range(self.ndim))
        if not axes:
            return self._view()
        a, b = co.one_axis(dim0, self.ndim), co.one_axis(dim1, self.ndim)
        axes[a], axes[b] = b, a
        return self._view(Permute(tuple(axes)))

    def t(self) -> Tensor:
        return self.transpose(0, 1) if self.ndim == 2 else self._view()

    @property
    def T(self) -> Tensor:
        return self._view(Permute(tuple(reversed(range(self.ndim)))))

    @property
    def mT(self) -> Tensor:
        return self.transpose(-2, -1)

    def expand(self, *sizes: Any) -> Tensor:
        sizes = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        lead = len(sizes) - self.ndim
        shape = tuple(
            self.shape[i - lead] if n == -1 else n for i, n in enumerate(sizes)
        )
        return self._view(Expand(shape))

    def unsqueeze(self, dim: int) -> Tensor:
        at = co.one_axis(dim, self.ndim + 1)
        return self._view(Reshape((*self.shape[:at], 1, *self.shape[at:])))

    def squeeze(self, dim: Dims = None) -> Tensor:
        axes = co.many_axes(dim, self.ndim)
        return self._view(
            Reshape(tuple(n for i, n in enumerate(self.shape) if n != 1 or i not in axes))
        )

    def clone(self) -> Tensor:
        return wrap(co.copy(self._node))

    def contiguous(self) -> Tensor:
        return self if self.is_contiguous() else self.clone()

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.get(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        indexing.set(self, index, value)

    # Types --------------------------------------------------------------------------------------

    def to(self, dtype: Any, *_: Any, **__: Any) -> Tensor:
        return self if dtype is self.dtype or not isinstance(dtype, DType) else wrap(ar.cast(self._node, dtype))

    def float(self) -> Tensor:
        return self.to(float32)

    def double(self) -> Tensor:
        return self.to(float64)

    def long(self) -> Tensor:
        return self.to(int64)

    def int(self) -> Tensor:
        return self.to(int32)

    def bool(self) -> Tensor:
        return self.to(bool_)

    def byte(self) -> Tensor:
        return self.to(uint8)


def full_shape(tensor: Tensor, shape: tuple[Any, ...]) -> Shape:
    """The shape given as numbers or one sequence, with -1 filled in."""
    new = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if -1 not in new:
        return new
    known = size(tuple(n for n in new if n != -1))
    if new.count(-1) > 1 or not known or tensor.numel() % known:
        raise ShapeError(
            explain(
                f"shape '{list(new)}' is invalid for input of size {tensor.numel()}",
                where=describe(here()),
                got=str(tensor.shape),
            )
        )
    return tuple(tensor.numel() // known if n == -1 else n for n in new)


_ = (MODE, variable)
