"""An LSTM tells by a first name of which language it is: eight languages, letter by letter.

    python examples/names.py              # the whole training
    python examples/names.py --epochs 1   # a quick try
    python examples/names.py Ayşe Giuseppe

A batch has names of one length, so that there are few shapes, and each is compiled once. Names of
all lengths, as those of the test, are packed. A bidirectional LSTM reads them, and what it carries
at both ends is what a linear layer tells the language by. Names given as arguments are told after
the training.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

import zincir
from zincir import nn
from zincir.data import Names, load_names
from zincir.nn.utils.rnn import PackedSequence, pack_sequence

F = nn.functional
BATCH, RATE = 64, 4e-3


class Reader(nn.Module):
    """Letters to vectors, an LSTM over them in both directions, a linear layer."""

    def __init__(self, letters: str, languages: int, width: int = 32, hidden: int = 96) -> None:
        super().__init__()
        self.letters = letters
        self.embedding = nn.Embedding(len(letters) + 1, width)
        self.lstm = nn.LSTM(width, hidden, bidirectional=True)
        self.dropout = nn.Dropout(0.4)
        self.head = nn.Linear(2 * hidden, languages)

    def numbers(self, names: Sequence[str]) -> list[zincir.Tensor]:
        """Letters as numbers; 0 is a letter that no name for training has."""
        return [zincir.tensor([self.letters.find(c) + 1 for c in name.lower()]) for name in names]

    def forward(self, names: zincir.Tensor | PackedSequence) -> zincir.Tensor:
        """Scores of languages for names (letters, batch), or for packed ones."""
        if isinstance(names, PackedSequence):
            read = names._replace(data=self.embedding(names.data))
        else:
            read = self.embedding(names)
        _, (h, _) = self.lstm(read)
        return self.head(self.dropout(zincir.cat([h[0], h[1]], 1)))


def batches(names: Names) -> Iterator[tuple[list[str], zincir.Tensor]]:
    """The names in random order, of one length in each batch."""
    order = zincir.randperm(len(names.train)).tolist()
    by_length: dict[int, list[tuple[str, int]]] = {}
    for i in order:
        by_length.setdefault(len(names.train[i][0].lower()), []).append(names.train[i])
    parts = [same[i : i + BATCH] for same in by_length.values() for i in range(0, len(same), BATCH)]
    for number in zincir.randperm(len(parts)).tolist():
        yield [name for name, _ in parts[number]], zincir.tensor([k for _, k in parts[number]])


def told(model: Reader, names: Sequence[str]) -> np.ndarray:
    """The numbers of the languages that the model takes names for."""
    model.eval()
    with zincir.no_grad():
        packed = pack_sequence(model.numbers(names), enforce_sorted=False)
        found = model(packed).argmax(1).numpy()
    model.train()
    return found


def train(names: Names, epochs: int) -> Reader:
    """A model that was trained, and tried after each epoch."""
    letters = "".join(sorted({c for name, _ in names.train for c in name.lower()}))
    model = Reader(letters, len(names.languages))
    optimizer = zincir.optim.Adam(model.parameters(), lr=RATE)
    texts, labels = zip(*names.test, strict=True)
    for epoch in range(1, epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - (epoch - 1) / epochs)
        began, losses = time.perf_counter(), []
        for batch, targets in batches(names):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(zincir.stack(model.numbers(batch), 1)), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        right = (told(model, texts) == np.array(labels)).mean()
        took = time.perf_counter() - began
        mean = sum(losses) / len(losses)
        print(f"epoch {epoch:2}  loss {mean:.3f}  {right:.1%} of {len(texts)} names  {took:.1f} s")
    return model


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="names to tell after the training")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    zincir.manual_seed(given.seed)
    names = load_names()
    model = train(names, given.epochs)
    asked = given.names or ["Ayşe", "Giuseppe", "Guðrún", "Wolfgang", "Mihăiță", "Väinö"]
    for name, number in zip(asked, told(model, asked), strict=True):
        print(f"{name:12} {names.languages[number]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
