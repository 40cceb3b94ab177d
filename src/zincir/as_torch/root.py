"""What stands in `torch` itself, and nowhere in Zincir."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from zincir.as_torch.amp import autocast as autocast
from zincir.as_torch.jit import ScriptFunction as ScriptFunction, ScriptModule as ScriptModule
from zincir.as_torch.repeatable import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    get_deterministic_debug_mode as get_deterministic_debug_mode,
    get_float32_matmul_precision as get_float32_matmul_precision,
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    set_deterministic_debug_mode as set_deterministic_debug_mode,
    set_float32_matmul_precision as set_float32_matmul_precision,
    use_deterministic_algorithms as use_deterministic_algorithms,
)
from zincir.as_torch.typed_tensors import (
    TYPES,
    set_default_tensor_type as set_default_tensor_type,
)
from zincir.as_torch.version import __version__ as __version__
from zincir.func import vmap as vmap
from zincir.tensor import Tensor as _Tensor

globals().update(TYPES)

F = TypeVar("F", bound=Callable[..., Any])


def compile(model: Any = None, **options: Any) -> Any:
    """`model` itself, a function or a module: what is computed is compiled as it stands.

    `zincir.compile`, which records a whole step, asks more of a function than PyTorch does: that it
    looks at no value, and that effects such as a print need not happen again. So it is never used
    without being called by its name.
    """

    def same(given: Any) -> Any:
        return given

    return same if model is None else model


def typename(obj: Any) -> str:
    """The name of a type, with its module; of a tensor, that of its typed tensor."""
    if isinstance(obj, _Tensor):
        return str(obj.type())
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def is_storage(obj: Any) -> bool:
    """Never: there are no storages that stand for themselves."""
    return False


def spmm(input: Any, mat2: Any) -> Any:
    """`torch.mm` by its older name, under which graph networks use it.

    >>> import zincir
    >>> spmm(zincir.eye(2), zincir.ones(2, 1)).tolist()
    [[1.0], [1.0]]
    """
    return input.mm(mat2)
