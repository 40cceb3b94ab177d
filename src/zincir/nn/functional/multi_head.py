"""Attention with several heads and learned projections, as a function."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.nn.functional.attention import scaled_dot_product_attention
from zincir.nn.functional.dropout import dropout
from zincir.nn.functional.linear import linear
from zincir.nn.module.user_line import at_user_line
from zincir.tensor import Tensor
from zincir.types import bool_


@at_user_line
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of each head to projections of its own, put side by side and projected.

    Shape: query (L, N, E) or (L, E), key and value (S, N, E) or (S, E) -> the shape of query, and
    the weights (N, L, S), or (N, heads, L, S) unless averaged; None if not needed.

    Args:
        in_proj_weight: (3 E, E), for query, key and value one below the other, unless
            `use_separate_proj_weight`.
        bias_k: and `bias_v`, (1, 1, E): a key and a value behind those given.
        add_zero_attn: and behind these, zeros.
        key_padding_mask: (N, S) or (S,): True where a key does not count, or numbers to add.
        attn_mask: (L, S) or (N * heads, L, S): True where a query must not look, or numbers.
        static_k: and `static_v`, (N * heads, S, E / heads), in place of projected ones.
        is_causal: says that attn_mask, which must be given, is causal.
    """
    batched = query.ndim == 3
    given = _batch_first((query, key, value), batched)
    size = _Sizes(given[0].shape[0], given[0].shape[1], given[1].shape[1], num_heads)
    _check(given, embed_dim_to_check, size, separate=use_separate_proj_weight)
    padding, mask = _masks(key_padding_mask, attn_mask, size, batched)
    if is_causal and mask is None:
        raise _no_mask()
    causal = is_causal and padding is None and not need_weights
    mask = None if causal else mask
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(given, in_proj_weight, separate, in_proj_bias)
    if bias_k is not None and bias_v is not None:
        k, v = (cat([x, b.expand(size.batch, 1, -1)], 1) for x, b in ((k, bias_k), (v, bias_v)))
    q, k, v = (_heads(x, num_heads) for x in (q, k, v))
    lead = (size.batch, num_heads)
    k = k if static_k is None else static_k.reshape(*lead, *static_k.shape[1:])
    v = v if static_v is None else static_v.reshape(*lead, *static_v.shape[1:])
    if add_zero_attn:
        k, v = (cat([x, x.new_zeros(*x.shape[:2], 1, x.shape[3])], 2) for x in (k, v))
    allowed = _joined(padding, mask, k.shape[2])
    dropped = dropout_p if training else 0.0
    weights = None
    if need_weights:
        weights = _weights(q, k, allowed)
        weights = dropout(weights, dropped) if dropped else weights
        heads = weights @ v
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights if batched else weights.squeeze(0)
    else:
        heads = scaled_dot_product_attention(q, k, v, allowed, dropped, causal)
    joined = heads.permute(0, 2, 1, 3).reshape(size.batch, size.queries, -1)
    y = linear(joined, out_proj_weight, out_proj_bias)
    return (y.transpose(0, 1) if batched else y.squeeze(0)), weights


def _no_mask() -> ArgumentError:
    return ArgumentError(
        explain(
            "multi_head_attention: is_causal without a mask",
            where=user_line(),
            expected="attn_mask beside is_causal=True",
            try_="nn.Transformer.generate_square_subsequent_mask(L)",
        )
    )


@dataclass(frozen=True)
class _Sizes:
    batch: int
    queries: int
    keys: int
    heads: int


def _batch_first(given: tuple[Tensor, ...], batched: bool) -> tuple[Tensor, ...]:
    """(N, L, E) of each; what is the same tensor stays one."""
    wanted = 3 if batched else 2
    if any(x.ndim != wanted for x in given):
        raise ShapeError(
            explain(
                "multi_head_attention: query, key and value do not fit",
                where=user_line(),
                expected="(L, N, E), (S, N, E) and (S, N, E), or all without N",
                got=", ".join(str(tuple(x.shape)) for x in given),
            )
        )
    turned = {id(x): x.transpose(0, 1) if batched else x.unsqueeze(0) for x in given}
    return tuple(turned[id(x)] for x in given)


def _check(given: tuple[Tensor, ...], width: int, size: _Sizes, *, separate: bool) -> None:
    query, key, value = given
    alike = key.shape[:2] == value.shape[:2] if separate else key.shape == value.shape
    if query.shape[2] != width or width % size.heads or not alike or key.shape[0] != size.batch:
        raise ShapeError(
            explain(
                "multi_head_attention: query, key and value do not fit",
                where=user_line(),
                expected=f"a width of {width}, for {size.heads} heads; one value for each key",
                got=", ".join(str(tuple(x.shape)) for x in given) + " (batch first)",
            )
        )


def _projected(
    given: tuple[Tensor, ...],
    packed: Tensor | None,
    separate: tuple[Tensor | None, ...] | None,
    bias: Tensor | None,
) -> tuple[Tensor, ...]:
    """Query, key and value, each times its weight; those of one tensor in one product."""
    query, key, value = given
    width = query.shape[2]
    if separate is None:
        assert packed is not None
        if query is key is value:
            return tuple(linear(query, packed, bias).chunk(3, -1))
        if key is value:
            ends = None if bias is None else bias[width:]
            q = linear(query, packed[:width], None if bias is None else bias[:width])
            return (q, *linear(key, packed[width:], ends).chunk(2, -1))
        separate = tuple(packed.chunk(3))
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    assert all(w is not None for w in separate)
    return tuple(linear(x, w, b) for x, w, b in zip(given, separate, biases, strict=True))  # type: ignore[arg-type]


def _heads(x: Tensor, heads: int) -> Tensor:
    """(N, L, E) as (N, heads, L, E / heads)."""
    return x.reshape(x.shape[0], x.shape[1], heads, x.shape[2] // heads).permute(0, 2, 1, 3)


def _masks(
    padding: Tensor | None, mask: Tensor | None, size: _Sizes, batched: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Both as given, but with four axes: (N, 1, 1, S), and (1, 1, L, S) or (N, heads, L, S)."""
    for name, x in (("key_padding_mask", padding), ("attn_mask", mask)):
        if x is not None and x.dtype is not bool_ and not x.dtype.is_floating_point:
            raise DTypeError(
                explain(
                    f"multi_head_attention: {name} is neither bool nor floating",
                    where=user_line(),
                    got=x.dtype.name,
                    try_="mask.bool() if it is 1 where nobody must look",
                )
            )
    if padding is not None:
        wanted = (size.batch, size.keys) if batched else (size.keys,)
        _check_shape("key_padding_mask", padding, wanted)
        padding = padding.reshape(size.batch, 1, 1, size.keys)
    if mask is not None:
        pairs = (size.queries, size.keys)
        several = mask.ndim == 3
        _check_shape("attn_mask", mask, (size.batch * size.heads, *pairs) if several else pairs)
        mask = mask.reshape(*((size.batch, size.heads) if several else (1, 1)), *pairs)
    return padding, mask


def _check_shape(name: str, x: Tensor, wanted: tuple[int, ...]) -> None:
    if tuple(x.shape) != wanted:
        raise ShapeError(
            explain(
                f"multi_head_attention: {name} does not fit",
                where=user_line(),
                expected=str(wanted),
                got=str(tuple(x.shape)),
            )
        )


def _joined(padding: Tensor | None, mask: Tensor | None, keys: int) -> Tensor | None:
    """One mask of both, as `scaled_dot_product_attention` takes it; added keys are open to all."""
    both = [x for x in (padding, mask) if x is not None]
    if not both:
        return None
    more = keys - both[0].shape[-1]
    if more:
        both = [cat([x, x.new_zeros(*x.shape[:-1], more)], -1) for x in both]
    if all(x.dtype is bool_ for x in both):
        return ~(both[0] | both[-1])
    numbers = [_number_mask(x) if x.dtype is bool_ else x for x in both]
    return numbers[0] + numbers[1] if len(numbers) > 1 else numbers[0]


def _number_mask(x: Tensor) -> Tensor:
    return x.float().masked_fill(x, -math.inf)


def _weights(q: Tensor, k: Tensor, allowed: Tensor | None) -> Tensor:
    """Weights by themselves; those of a query that may look nowhere are NaN, as in PyTorch."""
    scores = (q * math.sqrt(1.0 / q.shape[-1])) @ k.transpose(-2, -1)
    if allowed is not None:
        open_ = allowed.dtype is bool_
        scores = scores.masked_fill(~allowed, -math.inf) if open_ else scores + allowed.to(q.dtype)
    return scores.softmax(-1)
