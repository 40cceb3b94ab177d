"""Tensor: what users hold. A node of the graph, its gradient, and whose memory it shows.

Methods are one line each: shapes and types are the business of `operations`, memory that of
`inplace`, gradients that of `tensor_backward`.
"""

from __future__ import annotations

import builtins
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from zincir import (
    copying,
    inplace,
    printing,
    scalar,
    shared_value,
    storage,
    tensor_backward,
)
from zincir.calling import factor_first, takes_names
from zincir.convert import (
    Operand,
    assigned,
    behind,
    beside,
    leaf_of,
    leaf_over,
    maybe,
    node_beside,
    numbers_of,
    operand,
    tensor_node,
)
from zincir.device import CPU, Device
from zincir.graph.node import Node, Origin
from zincir.half import plain
from zincir.lower_precision import lists
from zincir.methods.arranging import Arranging
from zincir.methods.complex_numbers import Complex
from zincir.methods.conversion import Converting
from zincir.methods.drawing import Drawing
from zincir.methods.making import Making
from zincir.methods.matrices import Factoring, Solving
from zincir.methods.memory import Memory
from zincir.methods.numeric import Numeric
from zincir.methods.order import Counting, Ordering
from zincir.methods.outside import Outside
from zincir.methods.picking import Picking
from zincir.methods.products import MatrixProducts, Products
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
    numbers,
    powers,
)
from zincir.operations.dims import Dims, one_axis
from zincir.operations.sizes import (
    given_sizes,
    is_whole,
)
from zincir.operations.source import alias, const, const_p
from zincir.pending import TOO_MANY, WAITING, crowded, wait_for
from zincir.reflected import leaves_to_others
from zincir.runtime.buffer import Buffer
from zincir.size import Size, sized
from zincir.tensor_base import TensorBase
from zincir.tensor_types import check_storage
from zincir.types import (
    DEFAULT,
    DType,
    bool_,
    uint8,
)

Float: TypeAlias = builtins.float
Int: TypeAlias = builtins.int
Bool: TypeAlias = builtins.bool


make: Making[Tensor] = Making()
in_place = make.in_place


@takes_names
@lists
@leaves_to_others
class Tensor(
    Converting,
    Ordering,
    Counting,
    Statistics,
    Numeric,
    Solving,
    Factoring,
    Cutting,
    Placing,
    Reshaping,
    MatrixProducts,
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
        """A tensor that holds `node`, or another name of it if a tensor holds it already."""
        t = _new(Tensor)
        if node.owner is not None or node.op is const_p:  # a tensor's memory may be written over
            node = alias(node)
        node.owner = reference = _ref(t)
        t._held = node
        tensors = WAITING.tensors
        tensors.append(reference)
        if len(tensors) > TOO_MANY:
            crowded()
        return t

    @classmethod
    def _blank(cls) -> Tensor:
        return _new(Tensor)

    @classmethod
    def _from(cls, array: np.ndarray[Any, Any], requires_grad: Bool = False) -> Tensor:
        """A leaf over the memory of `array`, without a copy."""
        return cls._holding(leaf_over(array, requires_grad))

    @classmethod
    def _holding(cls, node: Node) -> Tensor:
        """A tensor that holds a leaf which nobody else does."""
        t = _new(Tensor)
        t._held = node
        node.owner = _ref(t)
        return t

    # What it is ---------------------------------------------------------------------------------

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
        return self._retains

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have collected here."""
        return tensor_backward.grad_of(self)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        tensor_backward.set_grad(self, value)

    @grad.deleter
    def grad(self) -> None:
        tensor_backward.set_grad(self, None)

    @property
    def data(self) -> Tensor:
        """The same memory, without gradients, which do not notice what is written there."""
        return inplace.unnoticed(self.detach())

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

    nelement = TensorBase.numel

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
        return storage.stride(self, dim)

    def is_contiguous(self, memory_format: Any = None) -> Bool:
        """Whether the elements lie row by row in memory, or in the order that is named."""
        return storage.is_contiguous(self, memory_format)

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
        return shared_value.shown(inplace.dense(self.detach() if force else self, "numpy()"))

    def __array__(self, dtype: Any = None, copy: Bool | None = None) -> np.ndarray[Any, Any]:
        return shared_value.as_array(inplace.dense(self, "numpy()"), dtype, copy)

    def __array_wrap__(self, array: Any, context: Any = None, scalar: Bool = False) -> Tensor:
        """What NumPy's functions make of it (`np.sqrt(t)`) is a tensor."""
        return wrap(leaf_over(np.asarray(array)))

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
        return scalar.length(self, "len() of")

    def __iter__(self) -> Iterator[Tensor]:
        return iter(scalar.divisible(self, "iteration over").unbind(0))

    def __contains__(self, value: Operand) -> Bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        return printing.show(self) if self._coo is None else self._coo.text()

    def __format__(self, spec: str) -> str:
        return printing.formatted(self, spec)

    def __hash__(self) -> Int:
        return id(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copying.reduced(self)

    def __deepcopy__(self, memo: dict[Int, Any]) -> Tensor:
        return copying.deep(self, memo)

    def __copy__(self) -> Tensor:
        return copying.sharing(self, self)

    # Gradients ----------------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: Bool = True) -> Tensor:
        """Collect gradients here, or no longer."""
        return tensor_backward.flagged(self, requires_grad)

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
        return self._coo.detached() if self._coo else shared_value.detached(_new(Tensor), self)

    def detach_(self) -> Tensor:
        """Forget how this tensor was computed."""
        return tensor_backward.detach_in_place(self, wrap)

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

    eq = make.compare("eq", "Where both are equal.")
    ne = make.compare("ne", "Where the two differ.")
    lt = __lt__ = make.compare("lt", "Where this is less.")
    le = __le__ = make.compare("le", "Where this is less or equal.")
    gt = __gt__ = make.compare("gt", "Where this is greater.")
    ge = __ge__ = make.compare("ge", "Where this is greater or equal.")
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

    mul = make.binary(ar.mul, "mul", "The product.")
    pow = make.binary(powers.power, "pow", "This to the power of the other.")
    remainder = make.binary(ar.remainder, "remainder", "What is left, with the divisor's sign.")
    fmod = make.binary(ar.fmod, "fmod", "What is left, with the dividend's sign.")
    floor_divide = make.binary(ar.floor_divide, "floor_divide", "The quotient, rounded down.")

    def maximum(self, other: Tensor) -> Tensor:
        """The larger of each two; NaN if either is."""
        return wrap(ar.maximum(self._node, tensor_node(other, "maximum(): other")))

    def minimum(self, other: Tensor) -> Tensor:
        """The smaller of each two; NaN if either is."""
        return wrap(ar.minimum(self._node, tensor_node(other, "minimum(): other")))

    subtract, multiply, divide, true_divide = sub, mul, div, div
    neg = negative = make.unary(ar.neg, "neg", "The negative.")
    abs = absolute = make.unary(ar.abs, "abs", "The absolute value.")
    sign = make.unary(ar.sign, "sign", "-1, 0 or 1.")
    floor = make.unary(ar.floor, "floor", "The largest integer not above.")
    ceil = make.unary(ar.ceil, "ceil", "The smallest integer not below.")
    trunc = fix = make.unary(ar.trunc, "trunc", "The number without its fraction.")
    square = make.unary(co.square, "square", "The square.")
    sqrt = make.unary(el.sqrt, "sqrt", "The square root.")
    rsqrt = make.unary(el.rsqrt, "rsqrt", "One over the square root.")
    reciprocal = make.unary(ar.reciprocal, "reciprocal", "One over the number.")
    exp = make.unary(el.exp, "exp", "e to the power.")
    exp2 = make.unary(el.exp2, "exp2", "2 to the power.")
    expm1 = make.unary(el.expm1, "expm1", "exp(x) - 1, exact near 0.")
    log = make.unary(el.log, "log", "The natural logarithm.")
    log1p = make.unary(el.log1p, "log1p", "log(1 + x), exact near 0.")
    log2 = make.unary(el.log2, "log2", "The logarithm to base 2.")
    log10 = make.unary(el.log10, "log10", "The logarithm to base 10.")
    sin = make.unary(el.sin, "sin", "The sine.")
    cos = make.unary(el.cos, "cos", "The cosine.")
    tan = make.unary(el.tan, "tan", "The tangent.")
    asin = arcsin = make.unary(el.asin, "asin", "The inverse sine.")
    acos = arccos = make.unary(el.acos, "acos", "The inverse cosine.")
    atan = arctan = make.unary(el.atan, "atan", "The inverse tangent.")
    sinh = make.unary(el.sinh, "sinh", "The hyperbolic sine.")
    cosh = make.unary(el.cosh, "cosh", "The hyperbolic cosine.")
    tanh = make.unary(el.tanh, "tanh", "The hyperbolic tangent.")
    sigmoid = make.unary(el.sigmoid, "sigmoid", "1 / (1 + exp(-x)).")
    erf = make.unary(el.erf, "erf", "The error function.")
    relu = make.unary(co.relu, "relu", "The number where it is positive, 0 elsewhere.")
    isnan = make.unary(co.isnan, "isnan", "Where it is not a number.")
    isinf = make.unary(co.isinf, "isinf", "Where it is infinite.")
    isfinite = make.unary(co.isfinite, "isfinite", "Where it is neither NaN nor infinite.")
    logical_not = make.unary(co.logical_not, "logical_not", "Where it is 0 or False.")
    bitwise_not = make.unary(co.bitwise_not, "bitwise_not", "All bits turned round.")

    logical_and = make.logical("and", "Where neither is 0.")
    logical_or = make.logical("or", "Where one is not 0.")
    logical_xor = make.logical("xor", "Where exactly one is not 0.")

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
        return wrap(co.scaled_product(self._node, tensor1._node, tensor2._node, value))

    @factor_first("value")
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: Float = 1) -> Tensor:
        """This plus `value` times the quotient of two others."""
        return wrap(co.scaled_quotient(self._node, tensor1._node, tensor2._node, value))

    def isclose(
        self, other: Tensor, rtol: Float = 1e-5, atol: Float = 1e-8, equal_nan: Bool = False
    ) -> Tensor:
        """Where the two differ by at most atol + rtol * |other|."""
        return wrap(
            co.isclose(self._node, tensor_node(other, "isclose(): other"), rtol, atol, equal_nan)
        )

    def allclose(
        self, other: Tensor, rtol: Float = 1e-5, atol: Float = 1e-8, equal_nan: Bool = False
    ) -> Bool:
        """Whether all elements are close."""
        return bool(self.isclose(other, rtol, atol, equal_nan).all())

    def equal(self, other: Tensor) -> Bool:
        """Whether shapes and all elements are the same."""
        return self.shape == other.shape and bool((self == other).all())

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

    # Picking ------------------------------------------------------------------------------------

    # Types and new tensors ----------------------------------------------------------------------

    # In place -----------------------------------------------------------------------------------

    def _write(self, value: Node, what: str, *, convert: Bool = False) -> Tensor:
        return inplace.write(self, value, what, convert=convert)

    def copy_(self, src: Operand, non_blocking: Bool = False) -> Tensor:
        """Take the values of another tensor, in this one's type."""
        return self._write(node_beside(src, self._node), "copy_", convert=True)

    def fill_(self, value: Operand) -> Tensor:
        """Set all elements to one number."""
        return self._write(assigned(value, self.dtype), "fill_", convert=True)

    def zero_(self) -> Tensor:
        """Set all elements to 0."""
        return self._write(const(numbers.to(self.dtype, 0), self.dtype), "zero_")

    add_, sub_, mul_, div_ = map(in_place, (add, sub, mul, div))
    subtract_, multiply_, divide_, true_divide_ = sub_, mul_, div_, div_
    pow_, remainder_, neg_, abs_ = map(in_place, (pow, remainder, neg, abs))
    negative_, absolute_ = neg_, abs_
    fmod_, float_power_ = map(in_place, (fmod, Numeric.float_power))
    floor_, ceil_, trunc_, round_ = map(in_place, (floor, ceil, trunc, round))
    fix_, frac_ = trunc_, in_place(Numeric.frac)
    exp_, expm1_, log_, log1p_ = map(in_place, (exp, expm1, log, log1p))
    exp2_, log2_, log10_, erf_ = map(in_place, (exp2, log2, log10, erf))
    erfc_, erfinv_, lgamma_ = map(in_place, (Special.erfc, Special.erfinv, Special.lgamma))
    digamma_, sinc_, i0_ = map(in_place, (Special.digamma, Special.sinc, Special.i0))
    xlogy_, logit_ = map(in_place, (Special.xlogy, Special.logit))
    igamma_, igammac_ = map(in_place, (Special.igamma, Special.igammac))
    polygamma_, mvlgamma_ = map(in_place, (Special.polygamma, Special.mvlgamma))
    sqrt_, rsqrt_, square_, reciprocal_ = map(in_place, (sqrt, rsqrt, square, reciprocal))
    conj_physical_ = in_place(Complex.conj_physical)
    sin_, cos_, tanh_, sigmoid_ = map(in_place, (sin, cos, tanh, sigmoid))
    tan_, sinh_, cosh_ = map(in_place, (tan, sinh, cosh))
    asin_, acos_, atan_ = map(in_place, (asin, acos, atan))
    arcsin_, arccos_, arctan_ = asin_, acos_, atan_
    asinh_, acosh_, atanh_ = map(in_place, (Numeric.asinh, Numeric.acosh, Numeric.atanh))
    arcsinh_, arccosh_, arctanh_ = asinh_, acosh_, atanh_
    atan2_ = arctan2_ = in_place(Numeric.atan2)
    deg2rad_, rad2deg_ = map(in_place, (Numeric.deg2rad, Numeric.rad2deg))
    copysign_, heaviside_, sgn_ = map(in_place, (Numeric.copysign, Numeric.heaviside, Numeric.sgn))
    hypot_, ldexp_, nextafter_ = map(in_place, (Numeric.hypot, Numeric.ldexp, Numeric.nextafter))
    gcd_, lcm_, nan_to_num_ = map(in_place, (Numeric.gcd, Numeric.lcm, Numeric.nan_to_num))
    bitwise_left_shift_, bitwise_right_shift_ = map(
        in_place, (Numeric.bitwise_left_shift, Numeric.bitwise_right_shift)
    )
    relu_, clamp_, lerp_, sign_ = map(in_place, (relu, clamp, lerp, sign))
    clamp_min_, clamp_max_ = map(in_place, (clamp_min, clamp_max))
    addcmul_, addcdiv_, addmm_ = map(in_place, (addcmul, addcdiv, MatrixProducts.addmm))
    baddbmm_, cumsum_, cumprod_ = map(in_place, (MatrixProducts.baddbmm, cumsum, cumprod))
    masked_fill_, index_add_, index_copy_ = map(
        in_place, (Picking.masked_fill, Picking.index_add, Picking.index_copy)
    )
    index_fill_, index_put_, scatter_ = map(
        in_place, (Picking.index_fill, Picking.index_put, Picking.scatter)
    )
    scatter_add_, scatter_reduce_ = map(in_place, (Picking.scatter_add, Picking.scatter_reduce))
    tril_, triu_, floor_divide_ = map(in_place, (Arranging.tril, Arranging.triu, floor_divide))
    logical_and_, logical_or_ = map(in_place, (logical_and, logical_or))
    logical_xor_, logical_not_ = map(in_place, (logical_xor, logical_not))
    bitwise_and_, bitwise_or_, bitwise_xor_ = map(in_place, (bitwise_and, bitwise_or, bitwise_xor))
    bitwise_not_ = in_place(bitwise_not)
    eq_, ne_, lt_, le_ = map(in_place, (eq, ne, lt, le))
    gt_, ge_ = map(in_place, (gt, ge))
    not_equal_, less_, less_equal_, greater_, greater_equal_ = ne_, lt_, le_, gt_, ge_
    renorm_ = in_place(Statistics.renorm)
    addmv_, addr_, addbmm_ = map(in_place, (Products.addmv, Products.addr, Products.addbmm))
    put_, masked_scatter_, index_reduce_ = map(
        in_place, (Picking.put, Picking.masked_scatter, Picking.index_reduce)
    )
    clip_ = clamp_

    __iadd__, __isub__ = make.augmented(add_, __add__), make.augmented(sub_, __sub__)
    __imul__, __itruediv__ = make.augmented(mul_, __mul__), make.augmented(div_, __truediv__)
    __ipow__, __imod__ = make.augmented(pow_, __pow__), make.augmented(remainder_, __mod__)
    __ifloordiv__ = make.augmented(floor_divide_, __floordiv__)
    __iand__, __ior__ = make.augmented(bitwise_and_, __and__), make.augmented(bitwise_or_, __or__)
    __ixor__ = make.augmented(bitwise_xor_, __xor__)
    __ilshift__, __irshift__ = bitwise_left_shift_, bitwise_right_shift_


add, sub, mul, div = ar.add, ar.sub, ar.mul, ar.div
_new = object.__new__
_CHANNELS_LAST = (channels_last, channels_last_3d)
_BESIDE = (Tensor, np.ndarray)
_ref = weakref.ref
_COMPARABLE = (Tensor, float, int, np.generic, np.ndarray)

wrap, from_array = Tensor._of, Tensor._from


def from_buffer(buffer: Buffer, origin: Origin | None = None) -> Tensor:
    """A leaf tensor over a buffer."""
    return Tensor._holding(leaf_of(buffer, origin))
