"""Encoder, decoder, and both together."""

from __future__ import annotations

import copy
import math
from typing import Any

from zincir.creation import full
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F, init
from zincir.nn.layers.normalization import LayerNorm
from zincir.nn.layers.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from zincir.nn.module.container import ModuleList
from zincir.nn.module.module import Module
from zincir.tensor import Tensor
from zincir.types import DType


class TransformerEncoder(Module):
    """Copies of an encoder layer, one behind another, and a norm behind the last.

    Shape: that of the layer. PyTorch's fast path for inference leaves zeros at places that
    `src_key_padding_mask` hides; here they hold what training computes there.

    Args:
        enable_nested_tensor: accepted, as `mask_check`; there is one path.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> TransformerEncoder(layer, num_layers=2)(zincir.ones(3, 5, 8)).shape
        (3, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Masks as for `MultiheadAttention`; `is_causal` says that `mask` is causal."""
        x, causal = src, bool(is_causal)
        for layer in self.layers:
            x = layer(
                x,
                src_mask=mask,
                is_causal=causal,
                src_key_padding_mask=src_key_padding_mask,
            )
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Copies of a decoder layer, one behind another, and a norm behind the last.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> TransformerDecoder(layer, 2)(zincir.ones(3, 5, 8), zincir.ones(3, 7, 8)).shape
        (3, 5, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Masks of the target and of the memory, as for `TransformerDecoderLayer`."""
        x, causal = tgt, bool(tgt_is_causal)
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder, and a decoder that looks at what it gave (https://arxiv.org/abs/1706.03762).

    Shape: src (S, N, d_model), tgt (T, N, d_model) -> (T, N, d_model); with `batch_first` N comes
    first. Arguments not named here are those of `TransformerEncoderLayer`.

    Args:
        custom_encoder: and `custom_decoder`, modules in place of those made here.

    Example:
        >>> import zincir
        >>> net = Transformer(8, 2, 1, 1, 16)
        >>> mask = Transformer.generate_square_subsequent_mask(4)
        >>> net(zincir.ones(5, 3, 8), zincir.ones(4, 3, 8), tgt_mask=mask).shape
        (4, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        settings = (dropout, activation, layer_norm_eps, batch_first, norm_first)

        def stack(kind: Any, layer: Any, count: int) -> Module:
            one = layer(d_model, nhead, dim_feedforward, *settings, **made)
            return kind(one, count, LayerNorm(d_model, layer_norm_eps, **made))

        self.encoder = custom_encoder
        if custom_encoder is None:
            self.encoder = stack(TransformerEncoder, TransformerEncoderLayer, num_encoder_layers)
        self.decoder = custom_decoder
        if custom_decoder is None:
            self.decoder = stack(TransformerDecoder, TransformerDecoderLayer, num_decoder_layers)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Masks as for `MultiheadAttention`."""
        batch = 0 if self.batch_first else 1
        alike = src.ndim == tgt.ndim and (src.ndim != 3 or src.shape[batch] == tgt.shape[batch])
        if not alike or not src.shape[-1] == tgt.shape[-1] == self.d_model:
            raise ShapeError(
                explain(
                    "Transformer: src and tgt do not fit",
                    where=user_line(),
                    expected=f"one batch, and {self.d_model} numbers in the last axis of both",
                    got=f"{tuple(src.shape)} and {tuple(tgt.shape)}",
                )
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: Any = None, dtype: DType | None = None
    ) -> Tensor:
        """(sz, sz): 0 where a place may look, -inf where what comes later lies."""
        return full((sz, sz), -math.inf, dtype=dtype, device=device).triu(1)
