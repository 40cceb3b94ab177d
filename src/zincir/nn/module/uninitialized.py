"""Parameters and buffers whose shape nobody knows yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn, Self, TypeGuard

from zincir.autograd import no_grad
from zincir.creation import empty
from zincir.errors import ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.nn.module.checks import check_device
from zincir.nn.module.parameter import Parameter
from zincir.operations.source import variable_like
from zincir.tensor import Tensor
from zincir.types import DEFAULT, DType, Shape


class _Uninitialized(Tensor):
    """A tensor without a node: whatever needs its shape or values raises.

    It knows its type and whether it is to be trained, and both can be changed. `materialize` and
    `copy_` make it an ordinary tensor, which stays the same object.
    """

    cls_to_become: ClassVar[type[Tensor]]
    _type: DType
    _trained: bool
    _order_of: Callable[..., Shape | None] | None
    """The order in memory that belongs to a shape."""

    def __init__(self, requires_grad: bool, dtype: DType | None) -> None:
        self._type = dtype or DEFAULT.floating
        self._trained = requires_grad
        self._order_of = None

    def materialize(self, shape: Sequence[int], dtype: DType | None = None) -> None:
        """Become an ordinary tensor of this shape, whose values are to be set."""
        if self._order_of is not None:
            self._order = self._order_of(*shape)
        self._become(empty(tuple(shape), dtype=dtype or self._type)._node)

    def _become(self, node: Node) -> None:
        trained = self._trained
        del self._type, self._trained, self._order_of
        self.__class__ = self.cls_to_become  # pyright: ignore[reportAttributeAccessIssue]
        self._held = variable_like(node, trained)
        self._holds_node()
        if self._held.value is None:
            self._await()

    @property
    def _node(self) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> NoReturn:
        if name == "_held":
            self._refuse()
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _refuse(self) -> NoReturn:
        raise ShapeError(
            explain(
                f"{type(self).__name__}: it has no shape and no values yet",
                where=user_line(),
                expected="a parameter or buffer of a net that has been called",
                got="one of a lazy layer, such as nn.LazyLinear, before its first call",
                try_="call the net once on a batch, net(x), before this line",
            )
        )

    @property
    def dtype(self) -> DType:
        return self._type

    @property
    def requires_grad(self) -> bool:
        return self._trained

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._trained = value

    @property
    def is_leaf(self) -> bool:
        return True

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        self._trained = requires_grad
        return self

    def to(self, dtype: DType) -> Self:
        """The same, to become a tensor of another type."""
        new = self._twin()
        new._type = dtype
        return new

    def detach(self) -> Self:
        """Itself: there is nothing to detach, and in a state it stands for what is to come."""
        return self

    @property
    def data(self) -> Self:
        return self

    @data.setter
    def data(self, value: Tensor) -> None:
        self._type = value.dtype
        with no_grad():
            self.copy_(value)

    def copy_(self, src: Any, non_blocking: bool = False) -> Tensor:
        """Take the shape and the values of another tensor; another without them changes nothing."""
        if is_lazy(src):
            return self
        self.materialize(src.shape)
        return self.copy_(src, non_blocking)

    def _twin(self) -> Self:
        new = type(self)(self._trained, dtype=self._type)
        new._order_of = self._order_of
        return new

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new = memo[id(self)] = self._twin()
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self._trained, None, self._type), {"_order_of": self._order_of}


class UninitializedParameter(  # pyright: ignore[reportIncompatibleVariableOverride]
    _Uninitialized, Parameter
):
    """A parameter of a lazy layer before its first call: it has a type, but no shape.

    Args:
        requires_grad: whether it will be trained.
        dtype: of its values, the default type unless given.

    Example:
        >>> from zincir import nn
        >>> p = UninitializedParameter()
        >>> p
        <UninitializedParameter>
        >>> p.materialize((2, 3))
        >>> p.shape, type(p) is nn.Parameter
        ((2, 3), True)
    """

    cls_to_become = Parameter

    def __init__(
        self, requires_grad: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        check_device("UninitializedParameter", device)
        super().__init__(requires_grad, dtype)


class UninitializedBuffer(_Uninitialized):
    """A buffer of a lazy layer before its first call: it has a type, but no shape.

    Args:
        dtype: of its values, the default type unless given.

    Example:
        >>> from zincir import nn
        >>> nn.LazyBatchNorm1d().running_mean
        <UninitializedBuffer>
    """

    cls_to_become = Tensor

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        check_device("UninitializedBuffer", device)
        super().__init__(requires_grad, dtype)


def is_lazy(x: Any) -> TypeGuard[UninitializedParameter | UninitializedBuffer]:
    """Whether `x` is a parameter or buffer without a shape."""
    return isinstance(x, _Uninitialized)
