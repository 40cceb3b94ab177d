"""BLEU: how many pieces of a translation stand in one of those by people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.metrics.metric import Collected
from zincir.metrics.of_classes import setting
from zincir.tensor import Tensor, from_array
from zincir.types import DType, int64


class BLEUScore(Collected):
    """The geometric mean of the shares of n-grams that are right, times a penalty for shortness.

    Papineni et al. 2002 (https://aclanthology.org/P02-1040), over the whole corpus. Texts are split
    at spaces; lists of tokens are taken as they are.

    Args:
        n_gram: of up to so many tokens.
        smooth: count one more n-gram, and one more that is right, for n > 1 (Lin and Och 2004).
        weights: of the n-grams, in order; equal ones by default.

    Example:
        >>> metric = BLEUScore()
        >>> metric.update(["the cat is on the mat"],
        ...               [["there is a cat on the mat", "a cat is on the mat"]])
        >>> round(metric.compute().item(), 4)
        0.7598
    """

    higher_is_better = True
    keeps: ClassVar[Mapping[str, DType]] = {"counts": int64}

    def __init__(
        self,
        n_gram: int = 4,
        smooth: bool = False,
        weights: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(n_gram, int) or n_gram < 1:
            raise setting("BLEUScore: n_gram is out of range", "1 or more", repr(n_gram))
        if weights is not None and len(weights) != n_gram:
            raise setting("BLEUScore: a weight for each n", f"{n_gram} weights", str(len(weights)))
        self.n_gram, self.smooth = n_gram, smooth
        self.weights = tuple(weights) if weights is not None else (1 / n_gram,) * n_gram
        super().__init__(name or "bleu")

    def see(self, predictions: Any, targets: Any) -> None:
        """Texts, and for each one or several that are right."""
        predictions = [predictions] if isinstance(predictions, str) else predictions
        targets = [targets] if isinstance(targets, str) else targets
        if len(predictions) != len(targets):
            raise ArgumentError(
                explain(
                    "BLEUScore: the number of texts differs",
                    where=user_line(),
                    got=f"{len(predictions)} predictions, {len(targets)} targets",
                )
            )
        rows = [
            self._row(_tokens(p), _references(t)) for p, t in zip(predictions, targets, strict=True)
        ]
        self.add(counts=np.array(rows, np.int64).reshape(-1, 2 * self.n_gram + 2).sum(0)[None])

    def _row(self, text: list[str], references: list[list[str]]) -> list[int]:
        """For each n, how many are right and how many there are; both lengths."""
        if not references:
            raise setting("BLEUScore: a text without any that is right", "one or more targets")
        row: list[int] = []
        for n in range(1, self.n_gram + 1):
            mine, theirs = _pieces(text, n), Counter[tuple[str, ...]]()
            for reference in references:
                theirs |= _pieces(reference, n)
            row += [(mine & theirs).total(), mine.total()]
        nearest = min((abs(len(r) - len(text)), i) for i, r in enumerate(references))[1]
        return [*row, len(text), len(references[nearest])]

    def value(self) -> Tensor:
        sums = self.kept("counts").sum(0)
        right, there = sums[:-2:2].astype(np.float64), sums[1:-2:2].astype(np.float64)
        mine, theirs = int(sums[-2]), int(sums[-1])
        if not mine and not theirs:
            return self.empty()
        if not right.min():
            return from_array(np.array(0.0))
        if self.smooth:
            right[1:] += 1
            there[1:] += 1
        mean = math.exp(float((np.array(self.weights) * np.log(right / there)).sum()))
        penalty = 1.0 if mine > theirs else math.exp(1 - theirs / mine)
        return from_array(np.array(penalty * mean))


def _tokens(text: Any) -> list[str]:
    return text.split() if isinstance(text, str) else list(text)


def _references(target: Any) -> list[list[str]]:
    return [_tokens(t) for t in ([target] if isinstance(target, str) else target)]


def _pieces(tokens: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
