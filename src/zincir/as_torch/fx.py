"""`torch.fx`: functions are never rewritten."""

from __future__ import annotations

from typing import Any, Never

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module


def wrap(fn_or_name: Any) -> Any:
    """`fn_or_name` itself: it would not be traced into, and nothing is traced."""
    return fn_or_name


class GraphModule(Module):
    """A module made of a graph: there are none."""


class Proxy:
    """What stands for a value while PyTorch traces: there are none."""


def symbolic_trace(root: Any, *args: Any, **options: Any) -> Never:
    """An error: there are no graphs of Python code."""
    raise ArgumentError(
        explain(
            "torch.fx.symbolic_trace: functions are not rewritten here",
            where=user_line(),
            try_="register_forward_hook, for what a layer computes",
        )
    )
