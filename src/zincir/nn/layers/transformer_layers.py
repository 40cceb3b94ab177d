"""What encoders and decoders are made of: attention and two linear layers, with shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.layers.attention import MultiheadAttention
from zincir.nn.layers.dropout import Dropout
from zincir.nn.layers.linear import Linear
from zincir.nn.layers.normalization import LayerNorm
from zincir.nn.module.module import Module
from zincir.tensor import Tensor
from zincir.types import DType

Activation = Callable[[Tensor], Tensor]


class _Block(Module):
    """Attentions and a feed-forward part, each with a norm, a dropout and a shortcut."""

    _attentions: ClassVar[tuple[str, ...]] = ("self_attn",)

    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        for name in self._attentions:
            layer = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
            self.add_module(name, layer)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        parts = range(1, len(self._attentions) + 2)
        for number in parts:
            self.add_module(f"norm{number}", LayerNorm(d_model, layer_norm_eps, **made))
        for number in parts:
            self.add_module(f"dropout{number}", Dropout(dropout))
        self.activation = activation_of(type(self).__name__, activation)

    def _around(self, x: Tensor, norm: LayerNorm, part: Callable[[Tensor], Tensor]) -> Tensor:
        """`part` with a shortcut, and the norm before it or behind the sum."""
        return x + part(norm(x)) if self.norm_first else norm(x + part(x))

    def _attend(
        self,
        attention: MultiheadAttention,
        x: Tensor,
        to: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        y, _ = attention(
            *(x, to, to),
            attn_mask=mask,
            key_padding_mask=padding,
            is_causal=is_causal,
            need_weights=False,
        )
        return y

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Block):
    """Self-attention, then two linear layers; each with dropout, shortcut and layer norm.

    From Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762).

    Shape: (L, N, d_model), or (N, L, d_model) with `batch_first`, unchanged; N may be left out.

    Args:
        activation: "relu", "gelu" or a function, between both linear layers.
        norm_first: norms stand before each part, not behind its sum with the shortcut.

    Example:
        >>> import zincir
        >>> layer = TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> layer(zincir.ones(3, 5, 8)).shape
        (3, 5, 8)
    """

    self_attn: MultiheadAttention

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Masks as for `MultiheadAttention`; `is_causal` says that `src_mask` is causal."""

        def attended(x: Tensor) -> Tensor:
            given = (src_mask, src_key_padding_mask, is_causal)
            return self.dropout1(self._attend(self.self_attn, x, x, *given))

        x = self._around(src, self.norm1, attended)
        return self._around(x, self.norm2, lambda x: self.dropout2(self._feed_forward(x)))


class TransformerDecoderLayer(_Block):
    """Self-attention, attention to what an encoder gave, then two linear layers.

    From Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762). Shapes and arguments are those of
    `TransformerEncoderLayer`.

    Example:
        >>> import zincir
        >>> layer = TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> layer(zincir.ones(3, 5, 8), zincir.ones(3, 7, 8)).shape
        (3, 5, 8)
    """

    _attentions = ("self_attn", "multihead_attn")

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention
    norm3: LayerNorm
    dropout3: Dropout

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Masks of the target and of the memory that it looks at, as for `MultiheadAttention`."""

        def attended(x: Tensor) -> Tensor:
            given = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
            return self.dropout1(self._attend(self.self_attn, x, x, *given))

        def remembered(x: Tensor) -> Tensor:
            given = (memory_mask, memory_key_padding_mask, memory_is_causal)
            return self.dropout2(self._attend(self.multihead_attn, x, memory, *given))

        x = self._around(tgt, self.norm1, attended)
        x = self._around(x, self.norm2, remembered)
        return self._around(x, self.norm3, lambda x: self.dropout3(self._feed_forward(x)))


def activation_of(owner: str, activation: str | Activation) -> Activation:
    """The function that a name stands for; a function stands for itself.

    Raises:
        ArgumentError: the name is neither "relu" nor "gelu".
    """
    if not isinstance(activation, str):
        return activation
    if activation in ("relu", "gelu"):
        return getattr(F, activation)
    raise ArgumentError(
        explain(
            f"{owner}: activation is not known",
            where=user_line(),
            expected="'relu', 'gelu' or a function",
            got=repr(activation),
        )
    )
