"""The peak is the work of one measurement over the shortest time that it took."""

import pytest

from zincir.runtime import native, peak


class Clock:
    """A clock that shows the next of given times at each look."""

    def __init__(self, *times: float) -> None:
        self._times = iter(times)

    def perf_counter(self) -> float:
        return next(self._times)


@pytest.mark.parametrize("threads", [1, 2])
def test_operations_over_the_shortest_time(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = (0.0, 0.005)  # 50,000 rounds in 5 ms: 100,000 are a measurement of 10 ms
    turns = [(float(i), i + (0.02 if i == 3 else 0.04)) for i in range(1, 8)]
    clock = Clock(*probe, *(moment for turn in turns for moment in turn))
    monkeypatch.setattr(peak, "time", clock)
    lanes = native.target().vector_bytes // 4
    chains = max(8, native.target().vector_registers - 4)
    operations = 2 * lanes * chains * 100_000 * threads
    assert peak.peak_flops(threads) == pytest.approx(operations / 0.02)


def test_a_machine_does_more_than_one_operation_in_a_nanosecond() -> None:
    assert peak.peak_flops(1) > 1e9
