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
BUDGET = 0.03
"""Of the time of steps: what probes may take; where they are dearer, they are rarer."""
RAREST = 256


class Schedule:
    """Which steps are probed.

    Args:
        every: every how many steps; 0: none.
        fixed: however long that takes.

    Example:
        >>> schedule = Schedule(16, fixed=True)
        >>> [step for step in range(150) if schedule.probes(step)]
        [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 80, 96, 112, 128, 144]
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
        if self._fixed or step < DENSE * self.every:
            return self._is_due(step, self.every)
        if step < self._due:
            return False
        self._due = step + max(self.every, self._affordable())
        return True

    def reads_losses(self, step: int) -> bool:
        """Whether losses are read before this step."""
        return self._is_due(step, self.every or LOSSES)

    def _is_due(self, step: int, every: int) -> bool:
        return step % (max(1, every // DENSE) if step < DENSE * every else every) == 0

    def _affordable(self) -> int:
        """Every how many steps a probed one is worth its time: it is as dear as its reading."""
        if self.every <= 1 or not math.isfinite(self._pace) or self._pace <= 0:
            return 1
        return min(RAREST, math.ceil(2 * self.cost / (BUDGET * self._pace)))
