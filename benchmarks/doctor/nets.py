"""The nets of the runs: small, of all common kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zincir
from benchmarks.doctor.data import LETTERS, WINDOW, Data
from zincir import nn

Act = Callable[[], nn.Module]
ACTS: dict[str, Act] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "leaky": nn.LeakyReLU,
}


class Residual(nn.Module):
    """`x + inside(x)`."""

    def __init__(self, *inside: nn.Module) -> None:
        super().__init__()
        self.inside = nn.Sequential(*inside)

    def forward(self, x: Any) -> Any:
        return x + self.inside(x)


class Recurrent(nn.Module):
    """Letters or rows through a recurrent layer; the last state says which class."""

    def __init__(self, kind: type[nn.Module], data: Data, width: int) -> None:
        super().__init__()
        letters = data.x.dtype.kind == "i"
        self.embedding = nn.Embedding(data.classes if data.kind == "text" else 28, 16)
        self.letters, self.whole = letters, data.kind == "text"
        self.recurrent = kind(16 if letters else data.x.shape[2], width, batch_first=True)
        self.head = nn.Linear(width, data.classes)
        if not letters:
            del self.embedding

    def forward(self, x: Any) -> Any:
        if self.letters:
            x = self.embedding(x)
        states = self.recurrent(x)[0]
        return self.head(states if self.whole else states[:, -1])


class Block(nn.Module):
    """A layer of a transformer: attention and a small net, each behind a norm."""

    def __init__(self, width: int, act: Act, causal: bool) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.net = nn.Sequential(nn.Linear(width, 2 * width), act(), nn.Linear(2 * width, width))
        self.causal = causal

    def forward(self, x: Any) -> Any:
        z = self.first(x)
        mask = None
        if self.causal:
            length = z.shape[1]
            mask = zincir.ones(length, length, dtype=zincir.bool).triu(1)
        x = x + self.attention(z, z, z, need_weights=False, attn_mask=mask)[0]
        return x + self.net(self.second(x))


class Transformer(nn.Module):
    """Letters, their places, blocks; for each letter the next one, or one class for all."""

    def __init__(self, data: Data, act: Act, width: int, blocks: int) -> None:
        super().__init__()
        whole = data.kind == "text"
        self.whole = whole
        self.letters = nn.Embedding(data.classes if whole else 28, width)
        self.places = nn.Embedding(WINDOW if whole else LETTERS, width)
        self.blocks = nn.Sequential(*(Block(width, act, whole) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, data.classes)

    def forward(self, x: Any) -> Any:
        h = self.letters(x) + self.places(zincir.arange(x.shape[1]))
        h = self.norm(self.blocks(h))
        return self.head(h if self.whole else h.mean(1))


def _flat(data: Data) -> tuple[list[nn.Module], int]:
    images = data.x.ndim > 2
    return ([nn.Flatten()] if images else []), int(data.x[0].size)


def mlp(data: Data, act: Act, *, width: int = 32, depth: int = 2, norm: Any = None) -> nn.Module:
    layers, size = _flat(data)
    for _ in range(depth):
        layers.append(nn.Linear(size, width))
        if norm is not None:
            layers.append(norm(width))
        layers.append(act())
        size = width
    return nn.Sequential(*layers, nn.Linear(size, data.classes))


def deep(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    """Six hidden layers; initialised by Glorot's or He's rule, as depth needs it."""
    net = mlp(data, act, width=width, depth=6)
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            if act in (nn.Tanh, nn.Sigmoid):
                nn.init.xavier_normal_(layer.weight, 5 / 3 if act is nn.Tanh else 1.0)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return net


def normed(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    """A BatchNorm in front and behind each layer: any input will do."""
    first, size = _flat(data)
    inner = list(mlp(data, act, width=width, norm=nn.BatchNorm1d).children())
    return nn.Sequential(*first, nn.BatchNorm1d(size), *inner[len(first) :])


def residual(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    """Three blocks that add to what they get."""
    first, size = _flat(data)
    blocks = [
        Residual(nn.LayerNorm(width), nn.Linear(width, width), act(), nn.Linear(width, width))
        for _ in range(3)
    ]
    return nn.Sequential(
        *first, nn.Linear(size, width), *blocks, nn.LayerNorm(width), nn.Linear(width, data.classes)
    )


def cnn(data: Data, act: Act, *, width: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), act(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), act(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * width, 32), act(), nn.Linear(32, data.classes),
    )  # fmt: skip


def resnet(data: Data, act: Act, *, width: int = 8) -> nn.Module:
    blocks = [
        Residual(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), act(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )
        for _ in range(2)
    ]  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), act(),
        blocks[0], act(), nn.MaxPool2d(2), blocks[1], act(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, data.classes),
    )  # fmt: skip


def dropped(data: Data, act: Act, *, width: int = 48) -> nn.Module:
    """An MLP with dropout of 0.3."""
    layers, size = _flat(data)
    return nn.Sequential(
        *layers, nn.Linear(size, width), act(), nn.Dropout(0.3),
        nn.Linear(width, width), act(), nn.Dropout(0.3), nn.Linear(width, data.classes),
    )  # fmt: skip


def transformer(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    return Transformer(data, act, width, 2)


def gru(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    return Recurrent(nn.GRU, data, width)


def lstm(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    return Recurrent(nn.LSTM, data, width)


def rnn(data: Data, act: Act, *, width: int = 32) -> nn.Module:
    return Recurrent(nn.RNN, data, width)


Net = Callable[..., nn.Module]
