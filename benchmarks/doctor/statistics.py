"""When a fault hurts: held-out metrics with it and without, over seeds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

SURE, LARGE = 0.05, 0.5
"""DeepCrime's bounds: p below, Cohen's d at least."""


def p_value(sick: Sequence[float], healthy: Sequence[float]) -> float:
    """How likely the sick are that much worse by chance: Fisher's exact test of permuted signs.

    The runs are pairs of one seed; one-sided.

    >>> p_value([0.1] * 6, [0.9] * 6)
    0.015625
    >>> p_value([0.5, 0.9], [0.9, 0.5])
    0.75
    """
    gaps = np.subtract(healthy, sick)
    signs = np.array(list(itertools.product((1, -1), repeat=len(gaps))))
    return float((signs @ gaps >= gaps.sum() - 1e-12).mean())


def effect(sick: Sequence[float], healthy: Sequence[float]) -> float:
    """Cohen's d: by how many (pooled) standard deviations the sick are worse.

    >>> round(effect([0.0, 1.0], [2.0, 3.0]), 2)
    2.83
    """
    pooled = np.sqrt((np.var(sick, ddof=1) + np.var(healthy, ddof=1)) / 2)
    gap = float(np.mean(healthy) - np.mean(sick))
    return gap / float(pooled) if pooled > 0 else float(np.sign(gap) * np.inf if gap else 0.0)


def hurts(sick: Sequence[float], healthy: Sequence[float]) -> bool:
    """Whether a fault is one."""
    return p_value(sick, healthy) < SURE and effect(sick, healthy) >= LARGE


def at_most(bad: int, of: int) -> float:
    """The share below which the truth is with a confidence of 95 % (Clopper and Pearson).

    >>> round(at_most(0, 299), 4), round(at_most(4, 200), 4)
    (0.01, 0.0452)
    """
    if bad >= of:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        ks = np.arange(bad + 1)
        logs = np.cumsum(np.r_[0.0, np.log(np.maximum(of - ks[:-1], 1)) - np.log(ks[1:])])
        tail = np.exp(logs + ks * np.log(p) + (of - ks) * np.log1p(-p)).sum()
        low, high = (p, high) if tail > 0.05 else (low, p)
    return high
