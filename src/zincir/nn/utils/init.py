"""Layers made without first values."""

from __future__ import annotations

from typing import Any, TypeVar

from zincir.nn.module.module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """`module_cls(*args, **kwargs)`, for whoever fills the parameters anyway.

    PyTorch leaves them as memory is; here they hold what the layer draws. A layer without a
    `device` argument is refused there and made here.

    >>> from zincir import nn
    >>> skip_init(nn.Linear, 3, 2).weight.shape
    (2, 3)
    """
    return module_cls(*args, **kwargs)
