"""When steps are probed: a matter of their numbers, not of the clock."""

import itertools

import zincir.doctor.schedule as schedule
from zincir.doctor.schedule import Schedule


def _probed(until: int, every: int = 16, *, fixed: bool = False) -> list[int]:
    found = Schedule(every, fixed=fixed)
    return [step for step in range(until) if found.probes(step)]


def test_probes_thin_out_by_the_numbers_of_steps() -> None:
    steps = _probed(10_000)
    assert steps[:17] == list(range(0, 65, 4))
    assert steps[17:30] == [*range(80, 257, 16), 288]
    for low in (64, 128, 256, 512, 1024):
        assert 4 <= len([s for s in steps if low <= s < 2 * low]) <= 8
    assert {b - a for a, b in itertools.pairwise(steps) if a > 4096} == {256}


def test_the_clock_does_not_matter_at_first() -> None:
    slow = Schedule(16, fixed=False)
    slow.cost = 60.0  # a minute for a reading
    for _ in range(3):
        slow.note_step(bare=True)
    steps = [step for step in range(4000) if slow.probes(step)]
    assert [s for s in steps if s < 512] == _probed(512)
    assert len([s for s in steps if s > 512]) < 3  # far too dear


def test_a_few_times_too_dear_is_not_far() -> None:
    usual = Schedule(16, fixed=False)
    usual._pace = 1.0
    usual.cost = 0.5 * schedule.BUDGET * 64 * (schedule.FAR - 1)
    assert [s for s in range(1024) if usual.probes(s)] == _probed(1024)


def test_fixed_full_and_light() -> None:
    assert _probed(200, fixed=True)[16:] == list(range(64, 200, 16))
    assert _probed(100, every=1) == list(range(100))
    light = Schedule(0, fixed=False)
    assert not any(light.probes(step) for step in range(100))
    assert [s for s in range(100) if light.reads_losses(s)] == [*range(0, 65, 4), 80, 96]
