"""`torch.utils.benchmark`: how long a statement takes."""

from __future__ import annotations

import statistics
import sys
import timeit as clock
from collections.abc import Callable
from typing import Any

default_timer: Callable[[], float] = clock.default_timer


class Measurement:
    """The times of a statement, in seconds for one run.

    Args:
        number_per_run: how often the statement ran for each of the times.
        raw_times: how long that took.
        title: what was measured.
    """

    def __init__(self, number_per_run: int, raw_times: list[float], title: str = "") -> None:
        self.number_per_run = number_per_run
        self.raw_times = raw_times
        self.title = title

    @property
    def times(self) -> list[float]:
        """Seconds for one run."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        """Their median."""
        return statistics.median(self.times)

    @property
    def iqr(self) -> float:
        """The difference of their quartiles."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    def __repr__(self) -> str:
        time, unit = self.median, "s"
        for unit in ("s", "ms", "us", "ns"):
            if time >= 1 or unit == "ns":
                break
            time *= 1000
        count = len(self.times)
        runs = f"{count} measurement{'s' if count > 1 else ''}, {self.number_per_run} runs"
        return f"<Measurement> {self.title}\n  Median: {time:.2f} {unit}\n  {runs} each"


class Timer:
    """Measures a statement, as Python's `timeit.Timer` does.

    Args:
        stmt, setup, timer, globals: as there.
        label, sub_label, description: what is measured, for the report.

    Example:
        >>> timer = Timer("x + 1", globals={"x": 1}, label="a sum")
        >>> measured = timer.timeit(100)
        >>> measured.mean > 0, measured.number_per_run
        (True, 100)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = None,
    ) -> None:
        self._title = ": ".join(part for part in (label or stmt, sub_label, description) if part)
        self._timer = clock.Timer(stmt, setup, timer, globals)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One measurement of `number` runs, after a few to warm up."""
        self._timer.timeit(max(number // 100, 2))
        return Measurement(number, [self._timer.timeit(number)], self._title)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Blocks of runs, each long enough to be measured, for `min_run_time` seconds in all."""
        self._timer.timeit(2)
        number = 1
        while (taken := self._timer.timeit(number)) < min_run_time / 1000:
            number *= 10
        times = [taken]
        while sum(times) < min_run_time:
            times.append(self._timer.timeit(number))
        return Measurement(number, times, self._title)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Any = None,
    ) -> Measurement:
        """Like `blocked_autorange`, until the quartiles are within `threshold` of the median."""
        measured = self.blocked_autorange(min_run_time=min_run_time)
        while sum(measured.raw_times) < max_run_time:
            if len(measured.times) > 3 and measured.iqr < threshold * measured.median:
                break
            measured.raw_times.append(self._timer.timeit(measured.number_per_run))
        return measured


class Compare:
    """Measurements, one below the other.

    >>> Compare([Measurement(1, [0.5], "half")]).print()
    <Measurement> half
      Median: 500.00 ms
      1 measurement, 1 runs each
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results = list(results)

    def extend_results(self, results: list[Measurement]) -> None:
        """Add more of them."""
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """All have two digits behind the point."""

    def colorize(self, rowwise: bool = False) -> None:
        """They stay as they are."""

    def print(self) -> None:
        """Print them."""
        sys.stdout.write(f"{self}\n")

    def __str__(self) -> str:
        return "\n".join(map(repr, self._results))
