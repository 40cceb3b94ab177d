"""A transformer that writes like Shakespeare, letter by letter.

    python examples/shakespeare.py                # 15 minutes
    python examples/shakespeare.py --minutes 2    # a quick try

Trains on seven plays that ship with the package, tells now and then what a letter of the held-back
text costs (in nats: the cross-entropy, natural logarithm), and writes a scene. Writes the losses to
`shakespeare.csv` and the scene to `shakespeare.txt`, in the folder `out`.

The net: embeddings, then blocks of attention and a gated linear unit (Shazeer 2020,
https://arxiv.org/abs/2002.05202). Each sees its input behind an RMS norm, and half of the features
from the place before (Peng et al. 2023, https://arxiv.org/abs/2305.13048). Queries and keys are
normalised (Henry et al. 2020, https://arxiv.org/abs/2010.04245), and turned by angles that tell
their places (Su et al. 2021, https://arxiv.org/abs/2104.09864). Muon trains the matrices of the
blocks, AdamW everything else.
"""

from __future__ import annotations

import argparse
import csv
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

MUON = {"lr": 0.02, "weight_decay": 0.1}
ADAM = {"lr": 3e-3, "betas": (0.9, 0.99), "weight_decay": 0.0}
WARM_UP = 0.02
"""The share of the training in which the learning rate rises."""


# --- the net --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the net is."""

    length: int = 128
    """How many letters it sees."""
    width: int = 192
    blocks: int = 4
    head: int = 32
    """The width of a head of attention."""
    dropout: float = 0.1


def half_before(x: Tensor) -> Tensor:
    """(N, T, width): the second half of the features comes from the place before."""
    half = x.shape[-1] // 2
    return zincir.cat([x[..., :half], F.pad(x[:, :-1, half:], (0, 0, 1, 0))], -1)


class Attention(nn.Module):
    """Each place looks at those before it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.head = shape.head
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.norm_q, self.norm_k = nn.RMSNorm(shape.head), nn.RMSNorm(shape.head)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, width // self.head, self.head).permute(2, 0, 3, 1, 4)
        q, k = F.rotary_positions(self.norm_q(q)), F.rotary_positions(self.norm_k(k))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(seen.transpose(1, 2).reshape(n, t, width))


class GatedUnit(nn.Module):
    """silu(a x) * b x, and back to the width."""

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

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(half_before(self.norm1(x))))
        return x + self.drop(self.unit(half_before(self.norm2(x))))


class Writer(nn.Module):
    """Letters (N, T) in, scores of the letter that follows each out: (N, T, letters)."""

    def __init__(self, letters: int, shape: Shape) -> None:
        super().__init__()
        self.letters = nn.Embedding(letters, shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.blocks = nn.Sequential(*[Block(shape) for _ in range(shape.blocks)])
        self.norm = nn.RMSNorm(shape.width)
        self.scores = nn.Linear(shape.width, letters, bias=False)
        nn.init.normal_(self.letters.weight, std=0.5)
        for name, p in self.named_parameters():
            if name.endswith(("out.weight", "scores.weight")):
                nn.init.zeros_(p)  # so that blocks begin as nothing, and letters equally probable

    def forward(self, numbers: Tensor) -> Tensor:
        return self.scores(self.norm(self.blocks(self.drop(self.letters(numbers)))))


# --- training -------------------------------------------------------------------------------


def rate(done: float) -> float:
    """What learning rates are multiplied by when a share of the training is done."""
    return min(1.0, (done + 1e-3) / WARM_UP) * (1 - min(done, 1.0))


def windows(text: Any, starts: Any, length: int) -> tuple[Any, Any]:
    """Pieces of the text (N, length), and the same pieces one letter later."""
    at = starts[:, None] + np.arange(length)
    return text[at], text[at + 1]


def train(plays: Shakespeare, shape: Shape, batch: int, seconds: float, seed: int) -> Any:
    """Train a new net for some time; the net, and rows (step, seconds, losses)."""
    zincir.manual_seed(seed)
    model = Writer(len(plays.characters), shape)
    matrices = [p for p in model.blocks.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    optimizers = (zincir.optim.Muon(matrices, **MUON), zincir.optim.AdamW(others, **ADAM))

    @zincir.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.detach()

    random = np.random.default_rng(seed)
    rows: list[dict[str, float]] = []
    losses: list[float] = []
    start = told = time.perf_counter()
    done = 0.0
    while done < 1:
        for optimizer, settings in zip(optimizers, (MUON, ADAM), strict=True):
            optimizer.param_groups[0]["lr"] = settings["lr"] * rate(done)
        starts = random.integers(0, len(plays.train) - shape.length, batch)
        losses.append(float(step(*windows(plays.train, starts, shape.length))))
        now = time.perf_counter()
        done = (now - start) / seconds
        if now - told > seconds / 12 or done >= 1:
            told = now
            row = {
                "step": len(losses),
                "seconds": now - start,
                "train": float(np.mean(losses[-100:])),
            }
            rows.append(row | {"validation": cost(model, plays, shape.length, part=4)})
            print(line(rows[-1]), flush=True)
    rows[-1]["validation"] = cost(model, plays, shape.length)
    return model, rows


def cost(model: Writer, plays: Shakespeare, length: int, part: int = 1) -> float:
    """Nats that a letter of the held-back text costs, by one in `part` of its windows.

    They lie one behind the other: a letter is told from `length / 2` letters on average.
    """
    text, batch = plays.validation, 32
    starts = np.arange(0, len(text) - length, length)[::part]
    filled = np.resize(starts, -(-len(starts) // batch) * batch)
    model.eval()

    @zincir.compile
    def losses(x: Tensor, y: Tensor) -> Tensor:
        found = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none")
        return found.view(batch, length).mean(1)

    with zincir.no_grad():
        found = [losses(*windows(text, p, length)).numpy() for p in filled.reshape(-1, batch)]
    model.train()
    return float(np.concatenate(found)[: len(starts)].mean())


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
    parser.add_argument("--minutes", type=float, default=15.0, help="of training")
    parser.add_argument("--batch", type=int, default=16, help="pieces of text of a step")
    parser.add_argument("--length", type=int, default=Shape().length, help="letters of a piece")
    parser.add_argument("--width", type=int, default=Shape().width, help="features of a letter")
    parser.add_argument("--blocks", type=int, default=Shape().blocks)
    parser.add_argument("--letters", type=int, default=1500, help="how long the scene is")
    parser.add_argument("--warmth", type=float, default=0.8, help="of the draw; 1 as it was learnt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args(arguments)
    for name in ("minutes", "warmth"):
        if not getattr(given, name) > 0:
            parser.error(f"--{name}: more than 0")
    for name in ("batch", "length", "width", "blocks", "letters"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}: at least 1")
    if given.width % Shape().head:
        parser.error(f"--width: a multiple of {Shape().head}")
    try:
        plays = load_shakespeare()
        shape = Shape(given.length, given.width, given.blocks)
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
