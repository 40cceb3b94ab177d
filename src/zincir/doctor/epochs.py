"""The ends of epochs: losses on the training data and on others, and what they say together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from zincir.doctor.course import FEWEST, GUESSING, Array, Course


def losses_of(seen: Course) -> Array:
    """By evaluation, the loss on the training data and the one on others: (epochs, 2).

    None of them, if one is not finite.

    >>> ends = [{"loss": 1.0, "val_loss": 1.5}, {"loss": 0.5}, {"loss": 0.4, "val_loss": 1.2}]
    >>> losses_of(Course(evaluations=ends)).tolist()
    [[1.0, 1.5], [0.4, 1.2]]
    """
    known = [e for e in seen.evaluations if "val_loss" in e and "loss" in e]
    losses = np.array([[e["loss"], e["val_loss"]] for e in known]).reshape(-1, 2)
    return losses if np.isfinite(losses).all() else losses[:0]


def in_turn(seen: Course, name: str, count: int) -> Array:
    """The last so many pairs of what a net gives elsewhere at the end of an epoch and on the
    training data in the next one: (count, 2). None of them, if there are fewer.

    The training data's number is a mean over the epoch, of a net that has learnt more than at the
    end of the epoch before.

    >>> ends = [{"accuracy": 0.2, "val_accuracy": 0.5}, {"accuracy": 0.7, "val_accuracy": 0.6}]
    >>> in_turn(Course(evaluations=ends), "accuracy", 1).tolist()
    [[0.5, 0.7]]
    """
    known = [e for e in seen.evaluations if name in e and f"val_{name}" in e]
    pairs = [(a[f"val_{name}"], b[name]) for a, b in pairwise(known)][-count:]
    values = np.array(pairs).reshape(-1, 2)
    return values if len(values) == count and np.isfinite(values).all() else values[:0]


def unbeaten(seen: Course) -> float | None:
    """What guessing gives, if no loss on other data was ever better, over six evaluations and more:
    whatever was learnt holds for the training data alone. Else None.
    """
    elsewhere = losses_of(seen)[:, 1]
    guesses = list(seen.baselines.values())
    if len(seen.sites) != 1 or len(guesses) != 1 or len(elsewhere) < FEWEST:
        return None
    return guesses[0] if elsewhere.min() > GUESSING * guesses[0] else None
