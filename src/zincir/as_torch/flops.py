"""`torch.utils.flop_counter`: operations are fused, and not counted one by one."""

from __future__ import annotations

from typing import Any, Never

from zincir.errors import explain
from zincir.graph.node import user_line


class FlopCounterMode:
    """A context that would count multiplications and additions.

    Raises:
        NotImplementedError: it is entered.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __enter__(self) -> Never:
        raise NotImplementedError(
            explain(
                "FlopCounterMode: operations are fused, and not counted",
                where=user_line(),
                try_="zincir.models.summary, which counts multiply-adds by layers",
            )
        )

    def __exit__(self, *_: object) -> None:
        return None
