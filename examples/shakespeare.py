"""A transformer that writes like Shakespeare, letter by letter.

    python examples/shakespeare.py --minutes 15

Trains on seven plays that ship with the package, tells now and then what a letter of the held-back
text costs (in nats: the cross-entropy, natural logarithm), and writes a scene. Writes the losses to
`shakespeare.csv` and the scene to `shakespeare.txt`, in the folder `out`.

The net: embeddings, blocks of attention and a gated linear unit, each behind an RMS norm; queries
and keys are turned by angles that tell their places (RoFormer, https://arxiv.org/abs/2104.09864).
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import zincir
import zincir.nn.functional as F
from zincir import Tensor, nn
from zincir.data import Shakespeare, load_shakespeare
from zincir.errors import ZincirError

PEAK, DECAY = 3e-3, 0.1
WARM_UP = 0.02
"""The share of the training in which the learning rate rises."""


# --- the net --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the net is."""

    length: int = 128
    """How many letters it sees."""
    width: int = 192
    heads: int = 6
    blocks: int = 4
    dropout: float = 0.1


def rotated(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Pairs of features (N, heads, T, width), turned by angles (T, width): a place each."""
    half = x.shape[-1] // 2
    cos, sin = angles
    return x * cos + zincir.cat([-x[..., half:], x[..., :half]], -1) * sin


class Attention(nn.Module):
    """Each place looks at those before it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = shape.dropout
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k = rotated(q, angles), rotated(k, angles)
        seen = F.scaled_dot_product_attention(
            q, k, v, is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(seen.transpose(1, 2).reshape(n, t, width))


class GatedUnit(nn.Module):
    """silu(a x) * b x, and back to the width (https://arxiv.org/abs/2002.05202)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = 8 * width // 3 // 16 * 16
        self.gate = nn.Linear(width, 2 * inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.gate(x).chunk(2, -1)
        return self.out(F.silu(a) * b)


class Block(nn.Module):
    """Attention, then the same net at each place; both are added to what comes in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(shape.width), nn.RMSNorm(shape.width)
        self.attention, self.unit = Attention(shape), GatedUnit(shape.width)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.drop(self.attention(self.norm1(x), angles))
        return x + self.drop(self.unit(self.norm2(x)))


class Writer(nn.Module):
    """Letters (N, T) in, scores of the letter that follows each out: (N, T, letters)."""

    def __init__(self, letters: int, shape: Shape) -> None:
        super().__init__()
        self.letters = nn.Embedding(letters, shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList([Block(shape) for _ in range(shape.blocks)])
        self.norm = nn.RMSNorm(shape.width)
        self.scores = nn.Linear(shape.width, letters, bias=False)
        size = shape.width // shape.heads
        turns = 10000.0 ** (-np.arange(0, size, 2) / size)
        angles = np.outer(np.arange(shape.length), np.concatenate([turns, turns]))
        self.register_buffer("cos", zincir.tensor(np.cos(angles), dtype=zincir.float32))
        self.register_buffer("sin", zincir.tensor(np.sin(angles), dtype=zincir.float32))
        for name, p in self.named_parameters():
            if p.ndim > 1:
                last = name.endswith("out.weight")
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * shape.blocks) if last else 0.02)

    def forward(self, numbers: Tensor) -> Tensor:
        x = self.drop(self.letters(numbers))
        for block in self.blocks:
            x = block(x, (self.cos, self.sin))
        return self.scores(self.norm(x))


# --- training -------------------------------------------------------------------------------


def rate(done: float) -> float:
    """The learning rate when a share of the training is done: up in a line, down in a cosine."""
    if done < WARM_UP:
        return PEAK * done / WARM_UP
    return PEAK * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def windows(text: Any, starts: Any, length: int) -> tuple[Any, Any]:
    """Pieces of the text (N, length), and the same pieces one letter later."""
    at = starts[:, None] + np.arange(length)
    return text[at], text[at + 1]


def train(plays: Shakespeare, shape: Shape, batch: int, seconds: float, seed: int) -> Any:
    """Train a new net for some time; the net, and rows (step, seconds, losses)."""
    zincir.manual_seed(seed)
    model = Writer(len(plays.characters), shape)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    optimizer = zincir.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99), weight_decay=DECAY)

    @zincir.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    random = np.random.default_rng(seed)
    rows: list[dict[str, float]] = []
    losses: list[float] = []
    start = told = time.perf_counter()
    done = 0.0
    while done < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate(done)
        starts = random.integers(0, len(plays.train) - shape.length, batch)
        losses.append(float(step(*windows(plays.train, starts, shape.length))))
        now = time.perf_counter()
        done = (now - start) / seconds
        if now - told > seconds / 12 or done >= 1:
            told = now
            row = {
                "step": len(losses),
                "seconds": now - start,
                "train": float(np.mean(losses[-50:])),
            }
            rows.append(row | {"validation": cost(model, plays, shape.length, limit=40)})
            print(line(rows[-1]), flush=True)
    rows[-1]["validation"] = cost(model, plays, shape.length)
    return model, rows


def cost(model: Writer, plays: Shakespeare, length: int, limit: int | None = None) -> float:
    """Nats that a letter of the held-back text costs: all of it, or `limit` batches, spread out."""
    text, batch = plays.validation, 32
    starts = np.arange(0, len(text) - length, length)
    starts = starts[: len(starts) // batch * batch] if len(starts) >= batch else starts
    parts = starts.reshape(-1, min(batch, len(starts)))
    if limit is not None:
        parts = parts[:: max(1, len(parts) // limit)]
    model.eval()

    @zincir.compile
    def loss(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten())

    with zincir.no_grad():
        found = [float(loss(*windows(text, part, length))) for part in parts]
    model.train()
    return float(np.mean(found))


def write(
    model: Writer, plays: Shakespeare, length: int, letters: int, warmth: float, seed: int
) -> str:
    """A text: each letter is drawn with the probability that the net gives it."""
    random = np.random.default_rng(seed)
    model.eval()

    @zincir.compile
    def chances(x: Tensor, last: Tensor) -> Tensor:
        return (model(x)[0].index_select(0, last) / warmth).double().softmax(-1)

    numbers = list(plays.encode("\n"))
    with zincir.no_grad():
        while len(numbers) <= letters:
            seen = numbers[-length:]
            window = np.zeros((1, length), np.int64)
            window[0, : len(seen)] = seen
            p = chances(window, np.array([len(seen) - 1])).numpy()[0]
            numbers.append(int(random.choice(len(p), p=p / p.sum())))
    return plays.decode(numbers[1:])


# --- telling ----------------------------------------------------------------------------------


def line(row: dict[str, float]) -> str:
    """A row in words."""
    return (
        f"step {row['step']:6.0f}   {row['seconds'] / 60:5.1f} min   "
        f"training {row['train']:.3f}   held back {row['validation']:.3f} nats a letter"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; 0, or 1 with a message."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=Shape().length)
    parser.add_argument("--width", type=int, default=Shape().width)
    parser.add_argument("--blocks", type=int, default=Shape().blocks)
    parser.add_argument("--letters", type=int, default=1500, help="how long the scene is")
    parser.add_argument("--warmth", type=float, default=0.8, help="of the draw; 1 as it was learnt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args(arguments)
    try:
        plays = load_shakespeare()
        shape = Shape(given.length, given.width, max(1, given.width // 32), given.blocks)
        model, rows = train(plays, shape, given.batch, 60 * given.minutes, given.seed)
        scene = write(model, plays, shape.length, given.letters, given.warmth, given.seed)
    except ZincirError as error:
        print(error, file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "shakespeare.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    (given.out / "shakespeare.txt").write_text(scene, "utf-8")
    print(f"\n{scene}\n\nheld back: {rows[-1]['validation']:.3f} nats a letter, all of it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
