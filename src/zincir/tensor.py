"""Tensor: what users hold. A node of the graph, its gradient, and whose memory it shows.

Methods are one line each: shapes and types are the business of `operations`, memory that of
`inplace`, gradients that of `tensor_backward`.
"""

from __future__ import annotations

import builtins
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from zincir import (
    copying,
    generator as gen,
    indexing,
    inplace,
    printing,
    scalar,
    shared_value,
    storage,
    tensor_backward,
    tensor_types,
)
from zincir.calling import factor_first, takes_names
from zincir.convert import (
    Operand,
    as_node,
    assigned,
    behind,
    beside,
    fitting,
    is_array,
    is_one,
    leaf_over,
    maybe,
    node_beside,
    numbers_of,
    operand,
    tensor_node,
)
from zincir.device import CPU, Device
from zincir.errors import (
    ArgumentError,
    DTypeError,
    GradientError,
    ShapeError,
    explain,
)
from zincir.graph.node import MODE, Node, Origin, apply, user_line
from zincir.half import array_in, filled, plain
from zincir.lower_precision import lists
from zincir.methods.complex_numbers import Complex
from zincir.methods.drawing import Drawing
from zincir.methods.matrices import Factoring, Solving
from zincir.methods.memory import Memory
from zincir.methods.numeric import Numeric
from zincir.methods.order import Counting, Ordering
from zincir.methods.outside import Outside
from zincir.methods.products import Products
from zincir.methods.results import Extreme
from zincir.methods.shapes import Cutting, Placing, Reshaping
from zincir.methods.sparse import Sparse
from zincir.methods.special import Special
from zincir.methods.statistics import Statistics
from zincir.naming import (
    channels_last,
    channels_last_3d,
    layout as layout_type,
    sparse_coo,
    strided,
)
from zincir.operations import (
    arithmetic as ar,
    composed as co,
    elementwise as el,
    layout,
    movement as mv,
    numbers,
    powers,
    products,
)
from zincir.operations.dims import Dims, check_different, many_axes, one_axis
from zincir.operations.parts import real as real_part
from zincir.operations.sizes import (
    expanded_shape,
    full_shape,
    given_sizes,
    is_whole,
    moved_axes,
    narrowed,
    part_lengths,
    parts_of,
    several,
)
from zincir.operations.source import alias, const, const_p, given_up_p, leaf
from zincir.pending import TOO_MANY, WAITING, crowded, wait_for
from zincir.recording import CURRENT, note_grad, note_grad_read, refuse_to_look
from zincir.runtime.buffer import Buffer
from zincir.size import Size, sized
from zincir.tensor_base import TensorBase
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import (
    DEFAULT,
    DType,
    Scalar,
    bfloat16,
    bool_,
    contiguous_strides,
    float16,
    float32,
    float64,
    from_numpy_dtype,
    int8,
    int16,
    int32,
    int64,
    size,
    uint8,
)
from zincir.views import Diagonal, Expand, Permute, Reshape, ViewOp, reshaped_strides

Float: TypeAlias = builtins.float
Int: TypeAlias = builtins.int
Bool: TypeAlias = builtins.bool


def wrap(node: Node) -> Tensor:
    """A tensor that holds `node`, or another name of it if a tensor holds it already."""
    t = _new(Tensor)
    if node.owner is not None or node.op is const_p:  # the memory of a tensor may be written over
        node = alias(node)
    node.owner = reference = _ref(t)
    t._held = node
    tensors = WAITING.tensors
    tensors.append(reference)
    if len(tensors) > TOO_MANY:
        crowded()
    return t


def from_array(array: np.ndarray[Any, Any], requires_grad: bool = False) -> Tensor:
    """A leaf tensor over the memory of `array`, without a copy."""
    t = _new(Tensor)
    t._held = node = leaf_over(array, requires_grad)
    node.owner = _ref(t)
    return t


def from_buffer(buffer: Buffer, origin: Origin | None = None) -> Tensor:
    """A leaf tensor over a buffer."""
    array = buffer.array
    node = leaf(array.shape, from_numpy_dtype(array.dtype), origin=origin)
    node.value = buffer
    t = _new(Tensor)
    t._held = node
    node.owner = _ref(t)
    return t


def _reinterpreted(tensor: Tensor, dtype: DType) -> Tensor:
    """A tensor over the same memory, whose bytes are elements of another type."""
    if dtype is tensor.dtype:
        return tensor.view(tensor.shape)
    refuse_to_look("view(dtype)", tensor._held)
    array = shared_value.export(tensor)
    try:
        found = array.view(dtype.memory)
    except (ValueError, TypeError):
        raise ShapeError(
            explain(
                f"view({dtype!r}): the last dimension is no whole number of such elements",
                where=user_line(),
                got=f"{tensor.shape} {tensor.dtype.name} with strides {tensor.stride()}",
            )
        ) from None
    new = from_array(found)
    shared_value.adopt(new, found)
    return new


Method: TypeAlias = Callable[..., "Tensor"]


def _named(method: Method, name: str, doc: str) -> Method:
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = doc
    return method


def _unary(function: Callable[[Node], Node], name: str, doc: str) -> Method:
    """A method for an operation on one tensor."""

    def method(self: Tensor) -> Tensor:
        return wrap(function(self._node))

    return _named(method, name, doc)


def _binary(function: Callable[[Any, Any], Node], name: str, doc: str) -> Method:
    """A method for an operation on a tensor and a tensor, number or array."""

    def method(self: Tensor, other: Operand) -> Tensor:
        return wrap(function(self._node, operand(other)))

    return _named(method, name, doc)


def _compare(relation: str, doc: str) -> Method:
    primitive = ar.COMPARISONS[relation]

    def method(self: Tensor, other: Operand) -> Tensor:
        return wrap(apply(primitive, *ar.common(self._node, operand(other))))

    return _named(method, relation, doc)


def _logical(which: str, doc: str) -> Method:
    name = f"logical_{which}"

    def method(self: Tensor, other: Tensor) -> Tensor:
        return wrap(
            co.logical(which, self._node, tensor_node(other, f"{name}(): argument 'other'"))
        )

    return _named(method, name, doc)


def _in_place(method: Callable[..., TensorBase]) -> Method:
    """The variant of a method that changes its tensor.

    It is computed from a stand-in for the tensor as it was: its own rule may look at that.
    """
    name = f"{method.__name__}_"

    def changed(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace.refuse_leaf(self, name)
        before = wrap(alias(self._node)) if MODE.grad else self
        value = method(before, *args, **kwargs)
        node = shared_value.current(value)
        if value._storage is None and all(value is not x for x in (self, before, *args)):
            node.owner = None  # nobody's any more: a rule that uses its own result means this one
        inplace.write(self, node, name)
        return self

    changed.__dict__["__wrapped__"] = method  # whose arguments it takes
    return _named(changed, name, f"`{method.__name__}`, in place.")


def _augmented(change: Method, operator: Method) -> Method:
    """What `+=` and the like do: change the tensor, or make a new one if an array stands beside it.

    Python computes `x = x + array` then, in PyTorch: its tensors do not know how to add an array.
    """

    def method(self: Tensor, other: Operand) -> Tensor:
        mixed = isinstance(other, _BESIDE) and is_array(other) is not self._is_array
        return operator(self, other) if mixed else change(self, other)

    return _named(method, f"__i{operator.__name__[2:]}", change.__doc__ or "")


@takes_names
@lists
class Tensor(
    Ordering,
    Counting,
    Statistics,
    Numeric,
    Solving,
    Factoring,
    Cutting,
    Placing,
    Reshaping,
    Products,
    Complex,
    Drawing,
    Memory,
    Special,
    Sparse,
    Outside,
):
    """An array of numbers that remembers how it was computed.

    Values are computed when somebody looks at them; shapes and types are checked at once.

    >>> x = Tensor([1.0, 2.0]).requires_grad_()
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __array_priority__ = 1000

    def __init__(self, *data: Any, device: Any = None) -> None:
        check_storage(device)
        if len(data) == 1 and isinstance(data[0], Tensor):
            self.__dict__.update(data[0].detach().__dict__)
            self._holds_node()
            wait_for(self)
            return
        if len(data) == 1 and not is_whole(data[0]) and not isinstance(data[0], Size):
            array = numbers_of(data[0])
        else:
            array = np.zeros(given_sizes(data), DEFAULT.floating.numpy)
        self._held = leaf_over(array)
        self._holds_node()

    @property
    def _node(self) -> Node:
        """The value at this moment, as what graphs are made of."""
        return self._held if self._storage is None else shared_value.current(self)

    @classmethod
    def _of(cls, node: Node) -> Tensor:
        return wrap(node)

    @classmethod
    def _from(cls, array: np.ndarray[Any, Any]) -> Tensor:
        return from_array(array)

    # What it is ---------------------------------------------------------------------------------

    @property
    def ndim(self) -> Int:
        return len(self._held.shape)

    @property
    def shape(self) -> Size:
        return sized(self._held.shape)

    @property
    def device(self) -> Device:
        return CPU

    @property
    def layout(self) -> layout_type:
        return strided if self._coo is None else sparse_coo

    @property
    def itemsize(self) -> Int:
        return self._held.dtype.itemsize

    @property
    def nbytes(self) -> Int:
        return self.numel() * self.itemsize

    @TensorBase.requires_grad.setter
    def requires_grad(self, value: Bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> Bool:
        return inplace.is_leaf(self)

    @property
    def grad_fn(self) -> str | None:
        """The name of the operation a gradient passes through next; None for leaves."""
        return inplace.grad_fn(self)

    @property
    def retains_grad(self) -> Bool:
        return tensor_backward.retains(self)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have collected here."""
        note_grad_read(self)
        grad = self._grad
        if grad is not None:
            grad._shown = True
        return grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            tensor_backward.check_grad(self, value)
            value._shown = True
        note_grad(self, self._grad, added=False)
        self._grad = value
        if self._touched is not None:  # it is known no more which rows it has
            self._touched.grad = None

    @property
    def data(self) -> Tensor:
        """The same memory, without gradients, which do not notice what is written there."""
        data = tensor = self.detach()
        while tensor is not None:
            tensor._unnoticed = True
            tensor = tensor._base
        return data

    @data.setter
    def data(self, value: Tensor) -> None:
        inplace.set_data(self, value)

    @property
    def _version(self) -> Int:
        return self._writes if self._storage is None else self._storage.writes

    def size(self, dim: Int | None = None) -> Any:
        """The shape, or one number of it."""
        return self.shape if dim is None else self.shape[one_axis(dim, self.ndim)]

    def dim(self) -> Int:
        """The number of dimensions."""
        return len(self._held.shape)

    ndimension = dim

    def numel(self) -> Int:
        """The number of elements."""
        return size(self._held.shape)

    nelement = numel

    def element_size(self) -> Int:
        """Bytes of one element."""
        return self.itemsize

    def is_floating_point(self) -> Bool:
        """Whether the type is a floating one."""
        return self.dtype.category == 2

    def is_signed(self) -> Bool:
        """Whether the type has negative numbers."""
        return self.dtype not in (uint8, bool_)

    def _is_view(self) -> Bool:
        return self._root is not None

    def stride(self, dim: Int | None = None) -> Any:
        """Steps in memory along each dimension, in elements."""
        strides = storage.strides(self)
        return strides if dim is None else strides[one_axis(dim, self.ndim)]

    def is_contiguous(self, memory_format: Any = None) -> Bool:
        """Whether the elements lie row by row in memory, or in the order that is named."""
        if memory_format in _CHANNELS_LAST:
            return storage.is_channels_last(self)
        check_storage(memory_format=memory_format)
        if self._storage is None:
            return True
        mine = zip(self.shape, self.stride(), contiguous_strides(self.shape), strict=True)
        return self.numel() == 0 or all(a == b for n, a, b in mine if n != 1)

    # Values -------------------------------------------------------------------------------------

    def _await(self) -> None:
        wait_for(self)

    def _value(self, what: str) -> np.ndarray[Any, Any]:
        return shared_value.array_of(self, what)

    def _rebind(self, node: Node) -> None:
        """Bind to a new value of the same shape, as an in-place operation does."""
        inplace.rebind(self, node)

    def item(self) -> Any:
        """The value of a tensor with one element, as a Python number."""
        return scalar.number(self)

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return plain(self._value("tolist()")).tolist()

    def numpy(self, *, force: Bool = False) -> np.ndarray[Any, Any]:
        """The values as a NumPy array that shares the tensor's memory, both ways."""
        inplace.refuse_sparse(self, "numpy()")
        refuse_to_look("numpy()", self._held)
        if self.dtype is bfloat16:
            raise DTypeError(
                explain(
                    "numpy(): got unsupported ScalarType BFloat16, a type that NumPy has not",
                    where=user_line(),
                    try_="x.float().numpy()",
                )
            )
        # A result of a compiled function, whose gradients have been taken, hides none.
        if self.requires_grad and self._held.op is not given_up_p:
            if force:
                return self.detach().numpy()
            raise GradientError(
                explain(
                    "Can't call numpy() on Tensor that requires grad",
                    where=user_line(),
                    try_="tensor.detach().numpy()",
                )
            )
        return shared_value.export(self)

    def __array__(self, dtype: Any = None, copy: Bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy("K") if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[Int, Int]:
        return (1, 0)

    def __float__(self) -> Float:
        return float(self.item())

    def __int__(self) -> Int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> Int:
        return scalar.index(self)

    def __bool__(self) -> Bool:
        return scalar.truth(self)

    def __len__(self) -> Int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, value: Operand) -> Bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        return printing.show(self) if self._coo is None else self._coo.text()

    def __format__(self, spec: str) -> str:
        if CURRENT.recording is None and self.ndim == 0:
            return format(self.item(), spec)
        return format(repr(self), spec)

    def __hash__(self) -> Int:
        return id(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copying.reduced(self)

    def __deepcopy__(self, memo: dict[Int, Any]) -> Tensor:
        new = copying.deep(self, memo) if self._coo is None else self.detach().clone()
        new._grad = None if self._grad is None else self._grad.detach().clone()
        memo[id(self)] = new
        return new

    def __copy__(self) -> Tensor:
        return copying.sharing(self, self)

    # Gradients ----------------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: Bool = True) -> Tensor:
        """Collect gradients here, or no longer."""
        if requires_grad if self._loose else self.requires_grad != requires_grad:
            tensor_backward.check_flag(self, requires_grad)
            inplace.turned(self, requires_grad)
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: Bool | None = None,
        create_graph: Bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf it was computed from.

        Args:
            gradient: the weight of each element; may be left out for a tensor with one.
            retain_graph: keep what a second backward pass over the same graph needs.
            create_graph: make gradients that can be differentiated again.
            inputs: the tensors to collect gradients for, instead of all leaves.
        """
        tensor_backward.backward([self], [gradient], retain_graph, create_graph, inputs, wrap)

    def detach(self) -> Tensor:
        """The same memory, without gradients."""
        if self._coo is not None:
            return self._coo.with_values(self._coo.values.detach())
        return shared_value.detached(_new(Tensor), self)

    def detach_(self) -> Tensor:
        """Forget how this tensor was computed."""
        inplace.cut(self)
        return self

    def retain_grad(self) -> None:
        """Collect the gradient of this tensor too, though it is no leaf."""
        tensor_backward.retain_grad(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Call `hook` with the gradient of this tensor; what it returns takes its place."""
        return tensor_backward.register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Call `hook` with this leaf after its `.grad` has been added to."""
        return tensor_backward.register_after(self, hook)

    # Arithmetic ---------------------------------------------------------------------------------

    def __add__(self, other: Operand) -> Tensor:
        return wrap(add(*beside(self, other)))

    def __radd__(self, other: Operand) -> Tensor:
        return wrap(add(*behind(self, other)))

    def __sub__(self, other: Operand) -> Tensor:
        return wrap(sub(*beside(self, other)))

    def __rsub__(self, other: Operand) -> Tensor:
        return wrap(sub(*behind(self, other)))

    def __mul__(self, other: Operand) -> Tensor:
        return wrap(mul(*beside(self, other)))

    def __rmul__(self, other: Operand) -> Tensor:
        return wrap(mul(*behind(self, other)))

    def __truediv__(self, other: Operand) -> Tensor:
        return wrap(div(*beside(self, other, quotient=True)))

    def __rtruediv__(self, other: Operand) -> Tensor:
        return wrap(alias(div(*behind(self, other, quotient=True))))

    __rdiv__ = __rtruediv__

    def __pow__(self, other: Operand) -> Tensor:
        return wrap(powers.power(*beside(self, other)))

    def __rpow__(self, other: Operand) -> Tensor:
        return wrap(powers.power(*behind(self, other)))

    def __floordiv__(self, other: Operand) -> Tensor:
        return wrap(ar.floor_divide(*beside(self, other)))

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return wrap(ar.floor_divide(*behind(self, other)))

    def __mod__(self, other: Operand) -> Tensor:
        return wrap(ar.remainder(*beside(self, other)))

    def __rmod__(self, other: Operand) -> Tensor:
        return wrap(ar.remainder(*behind(self, other)))

    def __matmul__(self, other: Operand) -> Tensor:
        if self._coo is not None:
            return self._coo.product(other)
        x, y = beside(self, other)
        return wrap(products.matmul(x, as_node(y, x)))

    def __rmatmul__(self, other: Operand) -> Tensor:
        x, y = beside(self, other)
        return wrap(products.matmul(as_node(y, x), x))

    def __neg__(self) -> Tensor:
        return wrap(ar.neg(self._node))

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return wrap(ar.abs(self._node))

    def __invert__(self) -> Tensor:
        return wrap(co.bitwise_not(self._node))

    def __and__(self, other: Operand) -> Tensor:
        return wrap(ar.bitwise("and", *beside(self, other)))

    def __or__(self, other: Operand) -> Tensor:
        return wrap(ar.bitwise("or", *beside(self, other)))

    def __xor__(self, other: Operand) -> Tensor:
        return wrap(ar.bitwise("xor", *beside(self, other)))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other: object) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.eq(other) if isinstance(other, _COMPARABLE) else NotImplemented

    def __ne__(self, other: object) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.ne(other) if isinstance(other, _COMPARABLE) else NotImplemented

    eq = _compare("eq", "Where both are equal.")
    ne = _compare("ne", "Where the two differ.")
    lt = __lt__ = _compare("lt", "Where this is less.")
    le = __le__ = _compare("le", "Where this is less or equal.")
    gt = __gt__ = _compare("gt", "Where this is greater.")
    ge = __ge__ = _compare("ge", "Where this is greater or equal.")
    less, less_equal, greater, greater_equal, not_equal = lt, le, gt, ge, ne

    @factor_first("alpha")
    def add(self, other: Operand, *, alpha: Float = 1) -> Tensor:
        """This plus `alpha` times the other."""
        return wrap(co.scaled_add(self._node, operand(other), alpha))

    @factor_first("alpha")
    def sub(self, other: Operand, *, alpha: Float = 1) -> Tensor:
        """This minus `alpha` times the other."""
        return wrap(co.scaled_add(self._node, operand(other), alpha, minus=True))

    def div(self, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
        """The quotient; `rounding_mode` may be 'trunc' or 'floor'."""
        return wrap(co.divide(self._node, operand(other), rounding_mode))

    mul = _binary(ar.mul, "mul", "The product.")
    pow = _binary(powers.power, "pow", "This to the power of the other.")
    remainder = _binary(ar.remainder, "remainder", "What is left, with the divisor's sign.")
    fmod = _binary(ar.fmod, "fmod", "What is left, with the dividend's sign.")
    floor_divide = _binary(ar.floor_divide, "floor_divide", "The quotient, rounded down.")

    def maximum(self, other: Tensor) -> Tensor:
        """The larger of each two; NaN if either is."""
        return wrap(ar.maximum(self._node, tensor_node(other, "maximum(): other")))

    def minimum(self, other: Tensor) -> Tensor:
        """The smaller of each two; NaN if either is."""
        return wrap(ar.minimum(self._node, tensor_node(other, "minimum(): other")))

    subtract, multiply, divide, true_divide = sub, mul, div, div
    neg = negative = _unary(ar.neg, "neg", "The negative.")
    abs = absolute = _unary(ar.abs, "abs", "The absolute value.")
    sign = _unary(ar.sign, "sign", "-1, 0 or 1.")
    floor = _unary(ar.floor, "floor", "The largest integer not above.")
    ceil = _unary(ar.ceil, "ceil", "The smallest integer not below.")
    trunc = fix = _unary(ar.trunc, "trunc", "The number without its fraction.")
    square = _unary(co.square, "square", "The square.")
    sqrt = _unary(el.sqrt, "sqrt", "The square root.")
    rsqrt = _unary(el.rsqrt, "rsqrt", "One over the square root.")
    reciprocal = _unary(ar.reciprocal, "reciprocal", "One over the number.")
    exp = _unary(el.exp, "exp", "e to the power.")
    exp2 = _unary(el.exp2, "exp2", "2 to the power.")
    expm1 = _unary(el.expm1, "expm1", "exp(x) - 1, exact near 0.")
    log = _unary(el.log, "log", "The natural logarithm.")
    log1p = _unary(el.log1p, "log1p", "log(1 + x), exact near 0.")
    log2 = _unary(el.log2, "log2", "The logarithm to base 2.")
    log10 = _unary(el.log10, "log10", "The logarithm to base 10.")
    sin = _unary(el.sin, "sin", "The sine.")
    cos = _unary(el.cos, "cos", "The cosine.")
    tan = _unary(el.tan, "tan", "The tangent.")
    asin = arcsin = _unary(el.asin, "asin", "The inverse sine.")
    acos = arccos = _unary(el.acos, "acos", "The inverse cosine.")
    atan = arctan = _unary(el.atan, "atan", "The inverse tangent.")
    sinh = _unary(el.sinh, "sinh", "The hyperbolic sine.")
    cosh = _unary(el.cosh, "cosh", "The hyperbolic cosine.")
    tanh = _unary(el.tanh, "tanh", "The hyperbolic tangent.")
    sigmoid = _unary(el.sigmoid, "sigmoid", "1 / (1 + exp(-x)).")
    erf = _unary(el.erf, "erf", "The error function.")
    relu = _unary(co.relu, "relu", "The number where it is positive, 0 elsewhere.")
    isnan = _unary(co.isnan, "isnan", "Where it is not a number.")
    isinf = _unary(co.isinf, "isinf", "Where it is infinite.")
    isfinite = _unary(co.isfinite, "isfinite", "Where it is neither NaN nor infinite.")
    logical_not = _unary(co.logical_not, "logical_not", "Where it is 0 or False.")
    bitwise_not = _unary(co.bitwise_not, "bitwise_not", "All bits turned round.")

    logical_and = _logical("and", "Where neither is 0.")
    logical_or = _logical("or", "Where one is not 0.")
    logical_xor = _logical("xor", "Where exactly one is not 0.")

    bitwise_and, bitwise_or, bitwise_xor = __and__, __or__, __xor__

    def round(self, *, decimals: Int = 0) -> Tensor:
        """The nearest integer; halves go to the even one."""
        return wrap(co.rounded(self._node, decimals))

    def clamp(self, min: Operand = None, max: Operand = None) -> Tensor:
        """The number, but at least `min` and at most `max`."""
        return wrap(co.clamp(self._node, maybe(min), maybe(max)))

    clip = clamp

    def clamp_min(self, min: Operand) -> Tensor:
        """The number, but at least `min`."""
        return self.clamp(min)

    def clamp_max(self, max: Operand) -> Tensor:
        """The number, but at most `max`."""
        return self.clamp(None, max)

    def lerp(self, end: Tensor, weight: Operand) -> Tensor:
        """The way from this to `end`, `weight` of it."""
        return wrap(co.lerp(self._node, end._node, operand(weight)))  # type: ignore[arg-type]

    @factor_first("value")
    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: Float = 1) -> Tensor:
        """This plus `value` times the product of two others."""
        if self.dtype.category == 1:
            value = int(value)  # as PyTorch does
        return wrap(co.scaled_product(self._node, tensor1._node, tensor2._node, value))

    @factor_first("value")
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: Float = 1) -> Tensor:
        """This plus `value` times the quotient of two others."""
        return wrap(co.scaled_quotient(self._node, tensor1._node, tensor2._node, value))

    def isclose(
        self, other: Tensor, rtol: Float = 1e-5, atol: Float = 1e-8, equal_nan: Bool = False
    ) -> Tensor:
        """Where the two differ by at most atol + rtol * |other|."""
        node = tensor_node(other, "isclose(): argument 'other'")
        return wrap(co.isclose(self._node, node, rtol, atol, equal_nan))

    def allclose(
        self, other: Tensor, rtol: Float = 1e-5, atol: Float = 1e-8, equal_nan: Bool = False
    ) -> Bool:
        """Whether all elements are close."""
        return bool(self.isclose(other, rtol, atol, equal_nan).all())

    def equal(self, other: Tensor) -> Bool:
        """Whether shapes and all elements are the same."""
        return self.shape == other.shape and bool((self == other).all())

    # Products -----------------------------------------------------------------------------------

    matmul = __matmul__

    def mm(self, mat2: Tensor) -> Tensor:
        """The product of two matrices."""
        if self._coo is not None:
            return self._coo.product(mat2)
        return wrap(products.exactly(self._node, mat2._node, "mm", 2))

    def bmm(self, mat2: Tensor) -> Tensor:
        """The products of two batches of matrices."""
        return wrap(products.exactly(self._node, mat2._node, "bmm", 3))

    def mv(self, vec: Tensor) -> Tensor:
        """The product of a matrix and a vector."""
        if self._coo is not None:
            return self._coo.product(vec)
        return wrap(products.mv(self._node, vec._node))

    def dot(self, tensor: Tensor) -> Tensor:
        """The inner product of two vectors."""
        return wrap(products.dot(self._node, tensor._node))

    def outer(self, vec2: Tensor) -> Tensor:
        """All products of an element of one vector and one of another."""
        return wrap(products.outer(self._node, vec2._node))

    ger = outer

    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: Float = 1, alpha: Float = 1) -> Tensor:
        """Beta * this + alpha * (mat1 @ mat2)."""
        if mat1._coo is not None:
            return wrap(products.added(self._node, mat1.mm(mat2)._node, beta, alpha))
        y = products.exactly(mat1._node, mat2._node, "addmm", 2)
        return wrap(products.added(self._node, y, beta, alpha))

    def baddbmm(
        self, batch1: Tensor, batch2: Tensor, *, beta: Float = 1, alpha: Float = 1
    ) -> Tensor:
        """Beta * this + alpha * (batch1 @ batch2), for batches of matrices."""
        y = products.exactly(batch1._node, batch2._node, "baddbmm", 3)
        return wrap(products.added(self._node, y, beta, alpha))

    # Reductions ---------------------------------------------------------------------------------

    def sum(self, dim: Dims = None, keepdim: Bool = False, *, dtype: DType | None = None) -> Tensor:
        """The sum along `dim`."""
        return wrap(co.sum(self._node, dim, keepdim, dtype))

    def mean(
        self, dim: Dims = None, keepdim: Bool = False, *, dtype: DType | None = None
    ) -> Tensor:
        """The mean along `dim`."""
        return wrap(co.mean(self._node, dim, keepdim, dtype))

    def prod(
        self, dim: Int | None = None, keepdim: Bool = False, *, dtype: DType | None = None
    ) -> Tensor:
        """The product along `dim`."""
        return wrap(co.prod(self._node, dim, keepdim, dtype))

    def var(
        self,
        dim: Any = None,
        unbiased: Bool | None = None,
        keepdim: Bool = False,
        *,
        correction: Float | None = None,
    ) -> Tensor:
        """The variance along `dim`, divided by n - correction."""
        return wrap(co.var(self._node, *co.correction_of(dim, unbiased, correction), keepdim))

    def std(
        self,
        dim: Any = None,
        unbiased: Bool | None = None,
        keepdim: Bool = False,
        *,
        correction: Float | None = None,
    ) -> Tensor:
        """The standard deviation along `dim`."""
        return wrap(co.std(self._node, *co.correction_of(dim, unbiased, correction), keepdim))

    def amax(self, dim: Dims = (), keepdim: Bool = False) -> Tensor:
        """The largest along `dim`; equal ones share the gradient."""
        return wrap(co.amax(self._node, dim, keepdim))

    def amin(self, dim: Dims = (), keepdim: Bool = False) -> Tensor:
        """The smallest along `dim`; equal ones share the gradient."""
        return wrap(co.amin(self._node, dim, keepdim))

    def max(self, dim: Any = None, keepdim: Bool = False) -> Any:
        """The largest; with `dim`, a pair (values, indices); of two tensors, the larger ones."""
        return _extreme(self, dim, keepdim, smallest=False)

    def min(self, dim: Any = None, keepdim: Bool = False) -> Any:
        """The smallest; with `dim`, a pair (values, indices); of two tensors, the smaller ones."""
        return _extreme(self, dim, keepdim, smallest=True)

    def argmax(self, dim: Int | None = None, keepdim: Bool = False) -> Tensor:
        """Where the largest is; the first of equals."""
        return wrap(co.arg_extreme(self._node, dim, keepdim, smallest=False))

    def argmin(self, dim: Int | None = None, keepdim: Bool = False) -> Tensor:
        """Where the smallest is; the first of equals."""
        return wrap(co.arg_extreme(self._node, dim, keepdim, smallest=True))

    def all(self, dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """Whether none is 0."""
        return wrap(co.all(self._node, dim, keepdim))

    def any(self, dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """Whether one is not 0."""
        return wrap(co.any(self._node, dim, keepdim))

    def logsumexp(self, dim: Dims, keepdim: Bool = False) -> Tensor:
        """log(sum(exp(x))), without overflow."""
        return wrap(co.logsumexp(self._node, dim, keepdim))

    def softmax(self, dim: Int, dtype: DType | None = None) -> Tensor:
        """exp(x) / sum(exp(x)) along `dim`."""
        return wrap(co.softmax(self._node, dim, dtype))

    def log_softmax(self, dim: Int, dtype: DType | None = None) -> Tensor:
        """The logarithm of softmax, without overflow."""
        return wrap(co.log_softmax(self._node, dim, dtype))

    def cumsum(self, dim: Int, *, dtype: DType | None = None) -> Tensor:
        """Running sums."""
        return wrap(co.cumsum(self._node, dim, dtype))

    def cumprod(self, dim: Int, *, dtype: DType | None = None) -> Tensor:
        """Running products."""
        return wrap(co.cumprod(self._node, dim, dtype))

    # Shape --------------------------------------------------------------------------------------

    def _view(self, *steps: ViewOp) -> Tensor:
        t = self
        for step in steps or (Reshape(self.shape),):
            t = shared_value.look_at(_new(Tensor), t, step)
        return t

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements under another shape: a view if memory allows, else a copy."""
        new = full_shape(self.shape, shape)
        if self._storage is None:
            return self._view(Reshape(new))
        if reshaped_strides(self.shape, self.stride(), new) is None:
            return wrap(mv.reshape(self._node, new))
        return self._view(Reshape(new))

    def view(self, *size: Any, dtype: DType | None = None) -> Tensor:
        """The same memory under another shape, or its bytes as elements of another type."""
        kind = dtype or (size[0] if size else None)
        if isinstance(kind, DType):
            return _reinterpreted(self, kind)
        new = full_shape(self.shape, size)
        if reshaped_strides(self.shape, self.stride(), new) is None:
            raise ShapeError(
                explain(
                    "view: this memory cannot be shown under that shape",
                    where=user_line(),
                    got=f"{self.shape} with strides {self.stride()} as {new}",
                    try_="x.reshape(...), or x.contiguous().view(...)",
                )
            )
        return self._view(Reshape(new))

    def view_as(self, other: Tensor) -> Tensor:
        """The same memory under another tensor's shape."""
        return self.view(other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """The same elements under another tensor's shape."""
        return self.reshape(other.shape)

    def flatten(self, start_dim: Int = 0, end_dim: Int = -1) -> Tensor:
        """Several dimensions as one."""
        if not self.shape:
            return self.reshape(1)
        if self.ndim == 1:
            return self
        a, b = one_axis(start_dim, self.ndim), one_axis(end_dim, self.ndim)
        if a > b:
            got = f"start_dim={start_dim}, end_dim={end_dim} of {self.shape}"
            raise ShapeError(
                explain("flatten: start_dim cannot come after end_dim", where=user_line(), got=got)
            )
        if a == b:
            return self
        return self.reshape(*self.shape[:a], size(self.shape[a : b + 1]), *self.shape[b + 1 :])

    def ravel(self) -> Tensor:
        """All elements in one dimension."""
        return self.contiguous().view(-1)

    def unflatten(self, dim: Int, sizes: Sequence[Int]) -> Tensor:
        """One dimension as several."""
        at = one_axis(dim, self.ndim)
        part = parts_of(self.shape[at], (sizes,))
        return self.reshape(*self.shape[:at], *part, *self.shape[at + 1 :])

    def permute(self, *dims: Any) -> Tensor:
        """The dimensions in another order."""
        axes = tuple(one_axis(d, self.ndim) for d in several(dims))
        check_different(axes, "permute", self.ndim)
        return self._view(Permute(axes))

    def transpose(self, dim0: Int, dim1: Int) -> Tensor:
        """Two dimensions exchanged."""
        axes = list(range(self.ndim))
        a, b = one_axis(dim0, self.ndim), one_axis(dim1, self.ndim)
        if axes:
            axes[a], axes[b] = b, a
        return self._view(Permute(tuple(axes)))

    swapaxes = swapdims = transpose

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """Some dimensions moved to other places."""
        return self._view(Permute(moved_axes(self.ndim, source, destination)))

    moveaxis = movedim

    def t(self) -> Tensor:
        """The transpose of a matrix."""
        if self.ndim > 2:
            raise ShapeError(
                explain(
                    "t: expects a tensor with at most 2 dimensions",
                    where=user_line(),
                    got=str(self.shape),
                    try_="x.mT, or x.transpose(a, b)",
                )
            )
        if self._coo is not None and self.ndim == 2:
            return self._coo.transposed()
        return self.transpose(0, 1) if self.ndim == 2 else self._view()

    @property
    def T(self) -> Tensor:
        return self._view(Permute(tuple(reversed(range(self.ndim)))))

    @property
    def mT(self) -> Tensor:
        return self.transpose(-2, -1) if self.shape else self

    def expand(self, *size: Any) -> Tensor:
        """Dimensions of size 1 repeated; -1 keeps a size."""
        return self._view(Expand(expanded_shape(self.shape, size)))

    def expand_as(self, other: Tensor) -> Tensor:
        """Dimensions of size 1 repeated to another tensor's shape."""
        return self.expand(other.shape)

    def broadcast_to(self, size: Sequence[Int]) -> Tensor:
        """Dimensions of size 1 repeated."""
        return self.expand(size)

    def unsqueeze(self, dim: Int) -> Tensor:
        """A new dimension of size 1."""
        at = one_axis(dim, self.ndim + 1)
        return self._view(Reshape((*self.shape[:at], 1, *self.shape[at:])))

    def squeeze(self, dim: Dims = None) -> Tensor:
        """Without dimensions of size 1."""
        axes = many_axes(dim, self.ndim) if dim != () else ()
        kept = tuple(n for i, n in enumerate(self.shape) if n != 1 or i not in axes)
        return self._view(Reshape(kept))

    def narrow(self, dim: Int, start: Int, length: Int) -> Tensor:
        """A range of one dimension."""
        axis = one_axis(dim, self.ndim)
        if isinstance(start, Tensor) and (start.ndim or start.dtype.category != 1):
            what = "narrow: start must be an 0-dim integral Tensor"
            raise DTypeError(explain(what, where=user_line(), got=f"{start.dtype} {start.shape}"))
        kept = slice(*narrowed(self.shape, axis, int(start), length))
        return self[(slice(None),) * axis + (kept,)]

    def select(self, dim: Int, index: Int) -> Tensor:
        """One place of a dimension, which goes."""
        return self[(slice(None),) * one_axis(dim, self.ndim) + (index,)]

    def unbind(self, dim: Int = 0) -> tuple[Tensor, ...]:
        """All places of a dimension."""
        axis = one_axis(dim, self.ndim)
        lead = (slice(None),) * axis
        return tuple([self[(*lead, i)] for i in range(self.shape[axis])])

    def split(self, split_size: Int | Sequence[Int], dim: Int = 0) -> tuple[Tensor, ...]:
        """Parts of one size (the last may be smaller), or of given sizes."""
        axis = one_axis(dim, self.ndim)
        out: list[Tensor] = []
        start = 0
        for length in part_lengths(self.shape[axis], split_size):
            out.append(self.narrow(axis, start, length))
            start += length
        return tuple(out)

    def chunk(self, chunks: Int, dim: Int = 0) -> tuple[Tensor, ...]:
        """At most `chunks` parts of equal size."""
        n = self.shape[one_axis(dim, self.ndim)]
        if chunks < 1:
            raise ArgumentError(
                explain("chunk: at least one part", where=user_line(), got=str(chunks))
            )
        return self.split(-(-n // chunks) or [0] * chunks, dim)

    def flip(self, *dims: Any) -> Tensor:
        """Some dimensions in reverse."""
        axes = tuple(one_axis(d, self.ndim) for d in several(dims))
        check_different(axes, "flip")
        return wrap(mv.flip(self._node, axes) if self.shape else ar.copy(self._node))

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """Elements moved along, those that fall off coming back at the other end."""
        if dims is None:
            return wrap(mv.reshape(layout.roll(self.flatten()._node, shifts, 0), self.shape))
        node = ar.copy(self._node) if not self.numel() else self._node
        for shift, dim in zip(several((shifts,)), several((dims,)), strict=True):
            if self.numel():  # PyTorch takes any dimension otherwise
                node = layout.roll(node, shift, one_axis(dim, self.ndim))
        return wrap(node)

    def repeat(self, *repeats: Any) -> Tensor:
        """Copies side by side, so many along each dimension."""
        return wrap(layout.repeat(self._node, tuple(several(repeats))))

    def tile(self, *dims: Any) -> Tensor:
        """`repeat`, with missing dimensions taken as 1."""
        times = tuple(several(dims))
        return wrap(layout.repeat(self._node, (1,) * (self.ndim - len(times)) + times))

    def repeat_interleave(
        self, repeats: Any = None, dim: Int | None = None, *, output_size: Int | None = None
    ) -> Tensor:
        """Every element several times in a row; of counts alone, each place as often as it says."""
        if repeats is None:
            return from_array(np.repeat(np.arange(self.numel()), self._value("repeat_interleave")))
        x = self.flatten() if dim is None else self
        axis = one_axis(dim or 0, x.ndim)
        x = x if x.ndim else x.reshape(1)
        if isinstance(repeats, Tensor) and repeats.numel() != 1:
            rows = layout.repeated_rows(repeats._value("repeat_interleave"), x.shape[axis])
            y = x.index_select(axis, from_array(rows))
        else:
            y = wrap(layout.repeat_interleave(x._node, int(repeats), axis))
        layout.check_repeated(y.shape[axis], output_size)
        return y

    def diagonal(self, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor:
        """The diagonal of two dimensions, as the last one."""
        axes = one_axis(dim1, self.ndim), one_axis(dim2, self.ndim)
        if axes[0] == axes[1]:
            raise ShapeError(
                explain("diagonal: the two dimensions are one", where=user_line(), got=str(dim1))
            )
        return self._view(Diagonal(offset, axes))

    def diag(self, diagonal: Int = 0) -> Tensor:
        """A matrix with this vector on its diagonal; of a matrix, the diagonal."""
        return wrap(layout.diag(self._node, diagonal))

    def tril(self, diagonal: Int = 0) -> Tensor:
        """The matrix without what is above the diagonal."""
        return wrap(layout.triangle(self._node, diagonal, upper=False))

    def triu(self, diagonal: Int = 0) -> Tensor:
        """The matrix without what is below the diagonal."""
        return wrap(layout.triangle(self._node, diagonal, upper=True))

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """The same values in memory of their own."""
        check_storage(memory_format=memory_format)
        if self._coo is not None:
            return self._coo.with_values(self._coo.values.clone())
        return wrap(ar.copy(self._node))

    def contiguous(self, memory_format: Any = None) -> Tensor:
        """This tensor, or a copy that lies row by row in memory."""
        check_storage(memory_format=memory_format)
        return self if self.is_contiguous() else self.clone()

    # Picking ------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        index = indexing.numbered(index)
        step = indexing.basic(self._held.shape, index)
        if step is not None:
            return shared_value.look_at(_new(Tensor), self, step)
        plan = indexing.Plan(self.shape, indexing.items_of(index, indexing.mask))
        if not plan.gathers:
            return self._view(*plan.views())
        with shared_value.read_at_once(self) as (source, results):
            for step in plan.views():
                source = step.read(source)
            results.append(indexing.Rows(source.shape, plan.arrays).read(source))
        return wrap(results[0])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, Tensor) and index.dtype is bool_ and is_one(value):
            number = value.reshape(()) if isinstance(value, Tensor) else value
            self.masked_fill_(index.reshape(indexing.in_front(index, self.shape)), number)
            return
        index = indexing.numbered(index)
        basic = indexing.basic(self._held.shape, index)
        if basic is not None and inplace.write_now(self, basic, value):
            return
        plan = indexing.Plan(self.shape, indexing.items_of(index, indexing.mask))
        steps = plan.views()
        target = self._view(*steps) if steps else self
        source = assigned(value, target.dtype)
        inplace.refuse_leaf(target, "x[...] = value")
        if plan.gathers:
            rows = indexing.Rows(target.shape, plan.arrays)
            source = rows.write(target._node, fitting(source, rows.result), "set")
        else:
            source = fitting(source, target.shape)
        inplace.write(target, source, "x[...] = value", convert=True)

    def masked_fill(self, mask: Tensor, value: Operand) -> Tensor:
        """`value` where the mask holds."""
        if isinstance(value, Tensor) and value.ndim:
            got = f"{value.ndim} dimensions"
            what = "masked_fill only supports a 0-dimensional value tensor"
            raise ShapeError(explain(what, where=user_line(), got=got))
        return wrap(ar.where(mask._node, assigned(value, self.dtype), self._node))

    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where the mask holds, in a row (looks at the mask)."""
        if mask.dtype is not bool_:
            got = f"{mask.dtype.name} {mask.shape}"
            raise DTypeError(
                explain(
                    "masked_select: expected a bool mask", where=user_line(), got=got, try_="m != 0"
                )
            )
        x, m = mv.broadcast_to_common(self._node, mask._node)
        return wrap(x)[wrap(m)]

    def gather(self, dim: Int, index: Tensor) -> Tensor:
        """y[i][j] = x[i][index[i][j]], for dim=1."""
        return wrap(indexing.gather(self._node, dim, index._node))

    def take_along_dim(self, indices: Tensor, dim: Int | None = None) -> Tensor:
        """`gather` with the other dimensions broadcast."""
        return wrap(indexing.take_along_dim(self._node, indices._node, dim))

    def take(self, index: Tensor) -> Tensor:
        """Elements of the flattened tensor."""
        return wrap(indexing.take(self._node, index._node))

    def put(self, index: Tensor, source: Tensor, accumulate: Bool = False) -> Tensor:
        """Elements of the flattened tensor set, or added to."""
        return wrap(indexing.put(self._node, index._node, source._node, accumulate))

    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """Elements of `source`, one after the other, where the mask holds."""
        return wrap(indexing.masked_scatter(self._node, mask._node, source._node))

    def index_reduce(
        self, dim: Int, index: Tensor, source: Tensor, reduce: str, *, include_self: Bool = True
    ) -> Tensor:
        """Slices combined with all of `source` sent to the same place."""
        nodes = self._node, dim, index._node, source._node
        return wrap(indexing.index_reduce(*nodes, reduce, include_self))

    def index_select(self, dim: Int, index: Tensor) -> Tensor:
        """The slices along `dim` that `index` names."""
        with shared_value.read_at_once(self) as (source, results):
            results.append(indexing.index_select(source, dim, index._node))
        return wrap(results[0])

    def index_add(self, dim: Int, index: Tensor, source: Tensor, *, alpha: Float = 1) -> Tensor:
        """Slices of `source` added at those that `index` names."""
        scaled = source._node if alpha == 1 else ar.mul(source._node, alpha)
        return wrap(indexing.index_add(self._node, dim, index._node, scaled))

    def index_copy(self, dim: Int, index: Tensor, source: Tensor) -> Tensor:
        """The slices that `index` names replaced."""
        return wrap(indexing.index_copy(self._node, dim, index._node, source._node))

    def index_fill(self, dim: Int, index: Tensor, value: Operand) -> Tensor:
        """The slices that `index` names set to one number."""
        return wrap(indexing.index_fill(self._node, dim, index._node, operand(value)))

    def index_put(self, indices: Any, values: Tensor, accumulate: Bool = False) -> Tensor:
        """The elements that index tensors name set, or added to."""
        plan = indexing.Plan(self.shape, indexing.items_of(tuple(indices), indexing.mask))
        node = self._node
        for step in plan.views():
            node = step.read(node)
        rows = indexing.Rows(node.shape, plan.arrays)
        source = fitting(assigned(values, self.dtype), rows.result)
        new = rows.write(node, source, "add" if accumulate else "set")
        return wrap(mv.reshape(new, self.shape))

    def scatter(
        self, dim: Int, index: Tensor, src: Operand = None, value: Operand = None,
        *, reduce: str | None = None,
    ) -> Tensor:  # fmt: skip
        """x[i][index[i][j]] = src[i][j], for dim=1."""
        source = operand(src if value is None else value)
        if reduce == "multiply":
            node = source if isinstance(source, Node) else ar.common(self._node, source)[1]
            spread = mv.expand(node, index.shape) if not node.shape else node
            return self.scatter_reduce(dim, index, wrap(spread), "prod")
        if reduce not in (None, "add"):
            raise ArgumentError(
                explain(
                    "scatter: reduce must be 'add' or 'multiply'", where=user_line(), got=reduce
                )
            )
        mode = "add" if reduce == "add" else "set"
        return wrap(indexing.scatter(self._node, dim, index._node, source, mode))

    def scatter_add(self, dim: Int, index: Tensor, src: Tensor) -> Tensor:
        """x[i][index[i][j]] += src[i][j], for dim=1."""
        return wrap(indexing.scatter(self._node, dim, index._node, src._node, "add"))

    def scatter_reduce(
        self, dim: Int, index: Tensor, src: Tensor, reduce: str, *, include_self: Bool = True
    ) -> Tensor:
        """Elements combined with all of `src` sent to the same place."""
        node = indexing.scatter_reduce(
            self._node, dim, index._node, src._node, reduce, include_self
        )
        return wrap(node)

    def where(self, condition: Tensor, other: Operand) -> Tensor:
        """This where the condition holds, the other elsewhere."""
        return wrap(co.choose(condition._node, self._node, operand(other)))

    # Types and new tensors ----------------------------------------------------------------------

    def to(self, *args: Any, **options: Any) -> Tensor:
        """The same numbers in another type; a tensor as argument names its type."""
        dtype, copy = tensor_types.conversion(args, options)
        if dtype is None or dtype is self.dtype:
            return self.clone() if copy else self
        if self._coo is not None:
            return self._coo.with_values(self._coo.values.to(dtype))
        node = self._node
        if node.dtype.is_complex and dtype is bool_:
            return wrap(ar.compare("ne", node, 0))
        if node.dtype.is_complex and not dtype.is_complex:
            warnings.warn(
                "Casting complex values to real discards the imaginary part",
                UserWarning,
                stacklevel=2,
            )
            node = real_part(node)
        return wrap(ar.cast(node, dtype))

    def type(self, dtype: Any = None, non_blocking: Bool = False) -> Any:
        """The same numbers in another type; without one, PyTorch's name of this tensor's."""
        if dtype is None:
            return tensor_types.type_name(self.dtype)
        kind = DEFAULT.floating if dtype is Tensor else tensor_types.named_type(dtype)
        return self.to(kind)

    def type_as(self, other: Tensor) -> Tensor:
        """The same numbers in another tensor's type."""
        return self.to(other.dtype)

    def cpu(self, memory_format: Any = None) -> Tensor:
        """This tensor."""
        check_storage(memory_format=memory_format)
        return self

    def float(self, memory_format: Any = None) -> Tensor:
        """As float32."""
        return self.to(float32, memory_format=memory_format)

    def double(self, memory_format: Any = None) -> Tensor:
        """As float64."""
        return self.to(float64, memory_format=memory_format)

    def half(self, memory_format: Any = None) -> Tensor:
        """As float16."""
        return self.to(float16, memory_format=memory_format)

    def bfloat16(self, memory_format: Any = None) -> Tensor:
        """As bfloat16."""
        return self.to(bfloat16, memory_format=memory_format)

    def long(self, memory_format: Any = None) -> Tensor:
        """As int64."""
        return self.to(int64, memory_format=memory_format)

    def int(self, memory_format: Any = None) -> Tensor:
        """As int32."""
        return self.to(int32, memory_format=memory_format)

    def bool(self, memory_format: Any = None) -> Tensor:
        """As bool: whether it is not 0."""
        return self.to(bool_, memory_format=memory_format)

    def byte(self, memory_format: Any = None) -> Tensor:
        """As uint8."""
        return self.to(uint8, memory_format=memory_format)

    def char(self, memory_format: Any = None) -> Tensor:
        """As int8."""
        return self.to(int8, memory_format=memory_format)

    def short(self, memory_format: Any = None) -> Tensor:
        """As int16."""
        return self.to(int16, memory_format=memory_format)

    def new_full(
        self, size: Any, fill_value: Scalar, *, dtype: Any = None, device: Any = None,
        requires_grad: Bool = False, layout: Any = None, pin_memory: Bool = False,
    ) -> Tensor:  # fmt: skip
        """A new tensor of this type, filled with one number."""
        check_storage(device, layout, pin_memory)
        kind = self.dtype if dtype is None else as_dtype(dtype)
        value = numbers.fit(kind, fill_value, "new_full")
        t = from_array(filled(tuple(several((size,))), value, kind))
        return t.requires_grad_() if requires_grad else t

    def new_zeros(self, *size: Any, **options: Any) -> Tensor:
        """A new tensor of this type, filled with zeros."""
        return self.new_full(tuple(several(size)), 0, **options)

    def new_ones(self, *size: Any, **options: Any) -> Tensor:
        """A new tensor of this type, filled with ones."""
        return self.new_full(tuple(several(size)), 1, **options)

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Bool = False
    ) -> Tensor:
        """A new tensor of this type with a copy of `data`."""
        check_storage(device)
        kind = self.dtype if dtype is None else as_dtype(dtype)
        t = from_array(np.array(array_in(data, kind)))
        return t.requires_grad_() if requires_grad else t

    new_empty = new_zeros

    def new_empty_strided(self, size: Any, stride: Any, **options: Any) -> Tensor:
        """A new tensor of this type, filled with zeros, which lie in memory by given strides."""
        shape, steps = tuple(size), tuple(stride)
        gaps = sum(s * (n - 1) for s, n in zip(steps, shape, strict=True))
        learns = options.pop("requires_grad", False)
        t = self.new_zeros(0 if 0 in shape else 1 + gaps, **options).as_strided(shape, steps)
        return t.requires_grad_() if learns else t

    # In place -----------------------------------------------------------------------------------

    def _write(self, value: Node, what: str, *, convert: Bool = False) -> Tensor:
        inplace.write(self, value, what, convert=convert)
        return self

    def copy_(self, src: Operand, non_blocking: Bool = False) -> Tensor:
        """Take the values of another tensor, in this one's type."""
        return self._write(node_beside(src, self._node), "copy_", convert=True)

    def fill_(self, value: Operand) -> Tensor:
        """Set all elements to one number."""
        return self._write(assigned(value, self.dtype), "fill_", convert=True)

    def zero_(self) -> Tensor:
        """Set all elements to 0."""
        return self._write(const(numbers.to(self.dtype, 0), self.dtype), "zero_")

    def normal_(
        self, mean: Float = 0.0, std: Float = 1.0, *, generator: gen.Generator | None = None
    ) -> Tensor:
        """Draw all elements from a normal distribution."""
        gen.check_deviation(std)
        drawn = gen.normal(generator, self.shape, self.dtype)
        return self._write(drawn * std + mean, "normal_")

    def uniform_(
        self, from_: Float = 0.0, to: Float = 1.0, *, generator: gen.Generator | None = None
    ) -> Tensor:
        """Draw all elements from [from_, to)."""
        gen.check_bounds(from_, to, self.dtype)
        drawn = gen.uniform(generator, self.shape, self.dtype)
        return self._write(drawn * (to - from_) + from_, "uniform_")

    def bernoulli_(self, p: Operand = 0.5, *, generator: gen.Generator | None = None) -> Tensor:
        """Draw 1 with probability `p`, else 0."""
        drawn = gen.uniform(generator, self.shape)
        chance = gen.probability(operand(p))
        return self._write(ar.compare("lt", drawn, chance), "bernoulli_", convert=True)

    add_, sub_, mul_, div_ = map(_in_place, (add, sub, mul, div))
    subtract_, multiply_, divide_, true_divide_ = sub_, mul_, div_, div_
    pow_, remainder_, neg_, abs_ = map(_in_place, (pow, remainder, neg, abs))
    negative_, absolute_ = neg_, abs_
    fmod_, float_power_ = map(_in_place, (fmod, Numeric.float_power))
    floor_, ceil_, trunc_, round_ = map(_in_place, (floor, ceil, trunc, round))
    fix_, frac_ = trunc_, _in_place(Numeric.frac)
    exp_, expm1_, log_, log1p_ = map(_in_place, (exp, expm1, log, log1p))
    exp2_, log2_, log10_, erf_ = map(_in_place, (exp2, log2, log10, erf))
    erfc_, erfinv_, lgamma_ = map(_in_place, (Special.erfc, Special.erfinv, Special.lgamma))
    digamma_, sinc_, i0_ = map(_in_place, (Special.digamma, Special.sinc, Special.i0))
    xlogy_, logit_ = map(_in_place, (Special.xlogy, Special.logit))
    igamma_, igammac_ = map(_in_place, (Special.igamma, Special.igammac))
    polygamma_, mvlgamma_ = map(_in_place, (Special.polygamma, Special.mvlgamma))
    sqrt_, rsqrt_, square_, reciprocal_ = map(_in_place, (sqrt, rsqrt, square, reciprocal))
    conj_physical_ = _in_place(Complex.conj_physical)
    sin_, cos_, tanh_, sigmoid_ = map(_in_place, (sin, cos, tanh, sigmoid))
    tan_, sinh_, cosh_ = map(_in_place, (tan, sinh, cosh))
    asin_, acos_, atan_ = map(_in_place, (asin, acos, atan))
    arcsin_, arccos_, arctan_ = asin_, acos_, atan_
    asinh_, acosh_, atanh_ = map(_in_place, (Numeric.asinh, Numeric.acosh, Numeric.atanh))
    arcsinh_, arccosh_, arctanh_ = asinh_, acosh_, atanh_
    atan2_ = arctan2_ = _in_place(Numeric.atan2)
    deg2rad_, rad2deg_ = map(_in_place, (Numeric.deg2rad, Numeric.rad2deg))
    copysign_, heaviside_, sgn_ = map(_in_place, (Numeric.copysign, Numeric.heaviside, Numeric.sgn))
    hypot_, ldexp_, nextafter_ = map(_in_place, (Numeric.hypot, Numeric.ldexp, Numeric.nextafter))
    gcd_, lcm_, nan_to_num_ = map(_in_place, (Numeric.gcd, Numeric.lcm, Numeric.nan_to_num))
    bitwise_left_shift_, bitwise_right_shift_ = map(
        _in_place, (Numeric.bitwise_left_shift, Numeric.bitwise_right_shift)
    )
    relu_, clamp_, lerp_, sign_ = map(_in_place, (relu, clamp, lerp, sign))
    clamp_min_, clamp_max_ = map(_in_place, (clamp_min, clamp_max))
    addcmul_, addcdiv_, addmm_ = map(_in_place, (addcmul, addcdiv, addmm))
    baddbmm_, cumsum_, cumprod_ = map(_in_place, (baddbmm, cumsum, cumprod))
    masked_fill_, index_add_, index_copy_ = map(_in_place, (masked_fill, index_add, index_copy))
    index_fill_, index_put_, scatter_ = map(_in_place, (index_fill, index_put, scatter))
    scatter_add_, scatter_reduce_ = map(_in_place, (scatter_add, scatter_reduce))
    tril_, triu_, floor_divide_ = map(_in_place, (tril, triu, floor_divide))
    logical_and_, logical_or_ = map(_in_place, (logical_and, logical_or))
    logical_xor_, logical_not_ = map(_in_place, (logical_xor, logical_not))
    bitwise_and_, bitwise_or_, bitwise_xor_ = map(_in_place, (bitwise_and, bitwise_or, bitwise_xor))
    bitwise_not_ = _in_place(bitwise_not)
    eq_, ne_, lt_, le_ = map(_in_place, (eq, ne, lt, le))
    gt_, ge_ = map(_in_place, (gt, ge))
    not_equal_, less_, less_equal_, greater_, greater_equal_ = ne_, lt_, le_, gt_, ge_
    renorm_ = _in_place(Statistics.renorm)
    addmv_, addr_, addbmm_ = map(_in_place, (Products.addmv, Products.addr, Products.addbmm))
    put_, masked_scatter_, index_reduce_ = map(_in_place, (put, masked_scatter, index_reduce))
    clip_ = clamp_

    __iadd__, __isub__ = _augmented(add_, __add__), _augmented(sub_, __sub__)
    __imul__, __itruediv__ = _augmented(mul_, __mul__), _augmented(div_, __truediv__)
    __ipow__, __imod__ = _augmented(pow_, __pow__), _augmented(remainder_, __mod__)
    __ifloordiv__ = _augmented(floor_divide_, __floordiv__)
    __iand__, __ior__ = _augmented(bitwise_and_, __and__), _augmented(bitwise_or_, __or__)
    __ixor__ = _augmented(bitwise_xor_, __xor__)
    __ilshift__, __irshift__ = bitwise_left_shift_, bitwise_right_shift_


add, sub, mul, div = ar.add, ar.sub, ar.mul, ar.div
_new = object.__new__
_CHANNELS_LAST = (channels_last, channels_last_3d)
_BESIDE = (Tensor, np.ndarray)
_ref = weakref.ref
_COMPARABLE = (Tensor, float, int, np.generic, np.ndarray)


def _extreme(x: Tensor, dim: Any, keepdim: bool, smallest: bool) -> Any:
    if isinstance(dim, Tensor):
        return x.minimum(dim) if smallest else x.maximum(dim)
    if dim is None:
        return wrap(co.extreme_of_all(x._node, smallest))
    values, indices = co.extreme(x._node, dim, keepdim, smallest)
    return Extreme(wrap(values), wrap(indices))
