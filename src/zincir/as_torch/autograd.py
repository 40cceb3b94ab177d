"""What `torch.autograd` has from before tensors had gradients themselves."""

from __future__ import annotations

from typing import Any

from zincir.autograd.function import Function
from zincir.errors import DTypeError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class _OfTensors(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_OfTensors):
    """A leaf that shares memory with `data`: every tensor is a variable since PyTorch 0.4.

    >>> import zincir
    >>> x = Variable(zincir.ones(2), requires_grad=True)
    >>> x, isinstance(x, Variable)
    (tensor([1., 1.], requires_grad=True), True)

    Raises:
        DTypeError: `data` is no tensor.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise DTypeError(
                explain(
                    "Variable: data has to be a tensor",
                    where=user_line(),
                    got=type(data).__name__,
                    try_="torch.tensor(data)",
                )
            )
        return data.detach().requires_grad_(bool(requires_grad))


class InplaceFunction(Function):
    """A `Function` by its older name.

    >>> issubclass(InplaceFunction, Function)
    True
    """
