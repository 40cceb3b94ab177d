"""`torch.onnx`: models are not exported."""

from __future__ import annotations

from typing import Any, Never

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line


def is_in_onnx_export() -> bool:
    """False."""
    return False


def export(*args: Any, **options: Any) -> Never:
    """An error: load the weights into the same model under PyTorch, and export that."""
    raise ArgumentError(
        explain(
            "torch.onnx.export: models are not exported here",
            where=user_line(),
            try_="torch.save(model.state_dict(), path), and export under PyTorch",
        )
    )


class ONNXProgram:
    """What an export would give: there is none."""
