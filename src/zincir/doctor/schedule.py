"""When an exam probes a step, and when it reads the losses."""

from __future__ import annotations

import math
import time

EVERY = {"light": 0, "standard": 16, "full": 1}
"""Every how many steps a step is probed, by the level; 0: none is."""
LOSSES = 16
"""Every how many steps losses are read where nothing is probed."""
DENSE = 4
"""In the beginning, where most goes wrong, so many times as often: for four such rounds."""
DOUBLING = 8
"""Probes while the number of steps doubles: what goes on later is slower."""
RAREST = 256
BUDGET = 0.03
"""Of the time of steps: what probes may take in the long run."""
FAR = 8
"""Times that, and probes are rarer than said, by the clock; not before so many steps:"""
UNTIMED = 512


class Schedule:
    """Which steps are probed.

    The numbers of the steps follow from `every` alone, so that the same training gives the same
    readings on every machine. Only where probes turn out to take eight times what they may, and not
    within the first 512 steps, the clock makes them rarer.

    Args:
        every: every how many steps; 0: none.
        fixed: to the end, however long that takes; else probes thin out.

    Example:
        >>> schedule = Schedule(16, fixed=False)
        >>> [step for step in range(300) if schedule.probes(step)][15:]
        [60, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288]
    """

    def __init__(self, every: int, *, fixed: bool) -> None:
        self.every, self._fixed = every, fixed
        self.cost = 0.0
        """Seconds that the last reading of probes took."""
        self._pace = math.inf
        self._began = 0.0
        self._due = 0

    def note_step(self, *, bare: bool) -> None:
        """A step has ended; `bare`: nothing was probed or read in it."""
        now = time.perf_counter()
        if bare and self._began:
            self._pace = min(self._pace * 1.05, now - self._began)
        self._began = now

    def probes(self, step: int) -> bool:
        """Whether this step is to be probed."""
        if self.every == 0:
            return False
        if self._fixed or self.every == 1 or step < UNTIMED:
            return self._is_due(step, self._interval(step))
        if step < self._due:
            return False
        interval = max(self._interval(step), self._affordable() // FAR)
        self._due = step - step % interval + interval
        return True

    def reads_losses(self, step: int) -> bool:
        """Whether losses are read before this step."""
        return self._is_due(step, self.every or LOSSES)

    def _interval(self, step: int) -> int:
        """Every how many steps one is probed by now."""
        if self._fixed or self.every == 1 or step < self.every:
            return self.every
        thin = 2 ** int(math.log2(step)) // DOUBLING
        return max(self.every, min(RAREST, thin // self.every * self.every))

    def _is_due(self, step: int, every: int) -> bool:
        return step % (max(1, every // DENSE) if step < DENSE * every else every) == 0

    def _affordable(self) -> int:
        """Every how many steps a probed one is worth its time: it is as dear as its reading."""
        if not math.isfinite(self._pace) or self._pace <= 0:
            return 1
        return math.ceil(2 * self.cost / (BUDGET * self._pace))
