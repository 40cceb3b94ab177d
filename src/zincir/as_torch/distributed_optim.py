"""`torch.distributed.optim`: optimizers whose state is spread over processes. There is one."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.optim.optimizer import Optimizer


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer whose state several processes share out.

    Raises:
        ArgumentError: always: one process has the whole state.
    """

    def __init__(self, params: Any, optimizer_class: Any = None, **options: Any) -> None:
        raise ArgumentError(
            explain(
                "ZeroRedundancyOptimizer: there is one process, which holds the whole state",
                where=user_line(),
                try_=f"{getattr(optimizer_class, '__name__', 'the optimizer')} itself",
            )
        )
