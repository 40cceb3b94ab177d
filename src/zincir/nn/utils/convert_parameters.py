"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from zincir.errors import DTypeError, ShapeError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers of all parameters, one behind the other; gradients flow back.

    >>> from zincir import nn
    >>> parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters, one after the other, hold the numbers of a vector: its memory.

    Raises:
        ShapeError: the vector has fewer numbers than the parameters.

    >>> import zincir
    >>> from zincir import nn
    >>> layer = nn.Linear(1, 2)
    >>> vector_to_parameters(zincir.tensor([1.0, 2.0, 3.0, 4.0]), layer.parameters())
    >>> layer.bias.tolist()
    [3.0, 4.0]
    """
    if not isinstance(vec, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DTypeError(
            explain("vector_to_parameters: not a tensor", where=user_line(), got=type(vec).__name__)
        )
    start = 0
    for p in parameters:
        end = start + p.numel()
        if end > vec.shape[0]:
            raise ShapeError(
                explain(
                    "vector_to_parameters: the vector is too short",
                    where=user_line(),
                    expected=f"{end} numbers or more",
                    got=str(vec.shape[0]),
                )
            )
        p.data = vec[start:end].view(p.shape).data
        start = end
