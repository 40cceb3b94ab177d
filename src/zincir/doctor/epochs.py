"""The ends of epochs: losses on the training data and on others, and what they say together."""

from __future__ import annotations

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


def unbeaten(seen: Course) -> float | None:
    """What guessing gives, if no loss on other data was ever better, over six evaluations and more:
    whatever was learnt holds for the training data alone. Else None.
    """
    elsewhere = losses_of(seen)[:, 1]
    guesses = list(seen.baselines.values())
    if len(seen.sites) != 1 or len(guesses) != 1 or len(elsewhere) < FEWEST:
        return None
    return guesses[0] if elsewhere.min() > GUESSING * guesses[0] else None
