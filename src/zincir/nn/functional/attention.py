"""Attention as a function: values averaged with weights that queries give to keys."""

from __future__ import annotations

import math

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.generator import DRAWS, default_generator
from zincir.graph.node import Node, user_line
from zincir.loop.attention import attention, draws
from zincir.lower_precision import lower
from zincir.nn.functional.dropout import dropout
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations.arithmetic import cast, compare, where
from zincir.operations.composed import softmax
from zincir.operations.elementwise import exp
from zincir.operations.layout import repeat_interleave
from zincir.operations.movement import expand, sum_, swap_last
from zincir.operations.products import matmul
from zincir.operations.reduction import amax
from zincir.operations.source import detach, iota
from zincir.tensor import Tensor, wrap
from zincir.types import bool_, broadcast, float32, int32, size


@lower
@at_user_line
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.T * scale + mask) @ value (Vaswani et al. 2017).

    The weights are never there as a whole: up to 512 places within one compiled program, beyond
    that block by block, and computed again for the gradient (https://arxiv.org/abs/2205.14135).

    Shape: query (..., L, E), key (..., S, E), value (..., S, Ev) -> (..., L, Ev).

    Args:
        attn_mask: broadcasts to (..., L, S): bool, True where a query may look, or numbers to add.
            A query that may look nowhere gets zeros.
        dropout_p: the share of weights that are dropped, always: there is no `training`.
        is_causal: query i may look at keys 0 to i only.
        scale: 1 / sqrt(E) by default.
        enable_gqa: keys and values have fewer heads (axis -3), each for several of the queries'.

    >>> import zincir
    >>> x = zincir.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> scaled_dot_product_attention(x, x, x, is_causal=True)[0].tolist()
    [1.0, 0.0]
    """
    q, k, v = (floats(x, "scaled_dot_product_attention") for x in (query, key, value))
    _check(q, k, v, attn_mask)
    if not 0.0 <= dropout_p <= 1.0:
        raise ArgumentError(
            explain(
                "scaled_dot_product_attention: dropout_p is no probability",
                where=user_line(),
                expected="from 0.0 to 1.0",
                got=str(dropout_p),
            )
        )
    if enable_gqa:
        k, v = _for_all_heads(q, k), _for_all_heads(q, v)
    factor = 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
    if _is_long(q, k, attn_mask, dropout_p):
        return wrap(_long(q * factor, k, v, attn_mask, dropout_p, is_causal))
    scores = matmul(q, swap_last(k)) * factor
    if is_causal:
        rows, columns = (iota(scores.shape, scores.ndim - n, int32) for n in (2, 1))
        scores = where(compare("ge", rows, columns), scores, -math.inf)
    if attn_mask is None:
        weights = softmax(scores, -1)
    else:
        weights = _softmax_or_zeros(masked(scores, attn_mask._node))
    if dropout_p:
        weights = dropout(wrap(weights), dropout_p)._node
    return wrap(matmul(weights, v))


_LONG = 512 * 512
"""Scores of one head: of more, a chain of kernels does not keep them near (decision 13)."""


def _is_long(q: Node, k: Node, mask: Tensor | None, p: float) -> bool:
    """Whether scores are computed block by block, and again for the gradient."""
    if q.shape[-2] * k.shape[-2] <= _LONG or q.dtype.half or not (size(q.shape) and size(k.shape)):
        return False
    if mask is not None and (mask.requires_grad or not size(mask.shape)):
        return False
    return p < 1.0 and (p == 0.0 or DRAWS.times == 1)


def _long(q: Node, k: Node, v: Node, mask: Tensor | None, p: float, causal: bool) -> Node:
    leading = broadcast(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    q, k, v = (expand(x, leading + x.shape[-2:]) for x in (q, k, v))
    given = None if mask is None else mask._node
    state = default_generator.draw(draws(q.shape, k.shape[-2])) if p else None
    return attention(q, k, v, given, causal=causal, dropped=p, state=state)


def masked(scores: Node, mask: Node) -> Node:
    """Scores where a bool mask is True, -inf elsewhere; or the sum of scores and another mask."""
    if mask.dtype is bool_:
        return where(mask, scores, -math.inf)
    return scores + cast(mask, scores.dtype)


def _softmax_or_zeros(x: Node) -> Node:
    """`softmax` along the last axis; zeros where all is -inf."""
    axes = (x.ndim - 1,)
    if not x.shape[-1]:
        return x
    largest = detach(amax(x, axes))
    e = exp(x - where(compare("eq", largest, -math.inf), 0.0, largest))
    total = sum_(e, axes)
    return e * (1.0 / where(compare("eq", total, 0.0), 1.0, total))


def _for_all_heads(q: Node, x: Node) -> Node:
    heads, fewer = q.shape[-3] if q.ndim > 2 else 0, x.shape[-3] if x.ndim > 2 else 0
    if not fewer or heads % fewer:
        raise ShapeError(
            explain(
                "scaled_dot_product_attention: heads of keys do not divide those of queries",
                where=user_line(),
                expected="(..., heads, L, E) and (..., fewer heads, S, E)",
                got=f"{q.shape} and {x.shape}",
            )
        )
    return x if heads == fewer else repeat_interleave(x, heads // fewer, x.ndim - 3)


def _check(q: Node, k: Node, v: Node, mask: Tensor | None) -> None:
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            explain(
                "scaled_dot_product_attention: query, key and value do not fit",
                where=user_line(),
                expected="(..., L, E), (..., S, E) and (..., S, Ev)",
                got=f"{q.shape}, {k.shape} and {v.shape}",
            )
        )
    if not q.dtype is k.dtype is v.dtype:
        raise DTypeError(
            explain(
                "scaled_dot_product_attention: query, key and value differ in type",
                where=user_line(),
                got=f"{q.dtype.name}, {k.dtype.name} and {v.dtype.name}",
            )
        )
    if mask is not None and mask.dtype not in (bool_, float32, q.dtype):
        raise DTypeError(
            explain(
                "scaled_dot_product_attention: attn_mask has another type",
                where=user_line(),
                expected=f"bool, or {q.dtype.name}",
                got=mask.dtype.name,
                try_="mask.bool() if it says where a query may look",
            )
        )
