"""Attention with several heads, as a layer."""

from __future__ import annotations

from typing import Any

from zincir.creation import empty
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F, init
from zincir.nn.layers.linear import Linear
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear`, under the name that PyTorch prints for the last one of an attention layer.

    Example:
        >>> NonDynamicallyQuantizableLinear(2, 3)
        NonDynamicallyQuantizableLinear(in_features=2, out_features=3, bias=True)
    """


class MultiheadAttention(Module):
    """Each head attends with projections of its own; results side by side are projected once more.

    From Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762).

    Shape: query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> (L, N, E), and the weights
    (N, L, S) or, unless averaged, (N, heads, L, S). With `batch_first` N comes first; without a
    batch it is left out.

    Args:
        bias: of the projections.
        add_bias_kv: a learned key and value behind those given; `add_zero_attn`: zeros.
        kdim: and `vdim`, widths of keys and values if they are not `embed_dim`.

    Example:
        >>> import zincir
        >>> attention = MultiheadAttention(8, 2, batch_first=True)
        >>> x = zincir.ones(3, 5, 8)
        >>> y, weights = attention(x, x, x)
        >>> y.shape, weights.shape
        ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_device("MultiheadAttention", device)
        check_size("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ArgumentError(
                explain(
                    "MultiheadAttention: heads do not divide the width",
                    where=user_line(),
                    expected="embed_dim, a multiple of num_heads, both above 0",
                    got=f"embed_dim={embed_dim}, num_heads={num_heads}",
                )
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        e, one = embed_dim, self._qkv_same_embed_dim
        shapes = {
            "q_proj_weight": None if one else (e, e),
            "k_proj_weight": None if one else (e, self.kdim),
            "v_proj_weight": None if one else (e, self.vdim),
            "in_proj_weight": (3 * e, e) if one else None,
            "in_proj_bias": (3 * e,) if bias else None,
            "bias_k": (1, 1, e) if add_bias_kv else None,
            "bias_v": (1, 1, e) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            made = None if shape is None else Parameter(empty(shape, dtype=dtype))
            self.register_parameter(name, made)
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias=bias, dtype=dtype)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw first values again."""
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            assert self.out_proj.bias is not None
            init.zeros_(self.out_proj.bias)
        for name in ("bias_k", "bias_v"):
            if getattr(self, name) is not None:
                init.xavier_normal_(getattr(self, name))

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The result, and the weights unless not needed; masks as for
        `functional.multi_head_attention_forward`.
        """
        turn = self.batch_first and query.ndim == 3
        if turn:
            turned = {id(x): x.transpose(0, 1) for x in (query, key, value)}
            query, key, value = (turned[id(x)] for x in (query, key, value))
        y, weights = F.multi_head_attention_forward(
            *(query, key, value, self.embed_dim, self.num_heads),
            *(self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v),
            *(self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias),
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (y.transpose(0, 1) if turn else y), weights
