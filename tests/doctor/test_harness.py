"""The harness that counts what the doctor gets wrong: its sums, its runs and its faults."""

import doctest
from collections import Counter

import numpy as np

from benchmarks.doctor import healthy, invariance, sick, statistics
from benchmarks.doctor.faults import FAULTS
from benchmarks.doctor.plan import run
from zincir.doctor.rule import rules


def test_statistics() -> None:
    assert doctest.testmod(statistics).failed == 0
    assert doctest.testmod(healthy).failed == 0
    rng = np.random.default_rng(0)
    same = rng.normal(0.9, 0.02, 10)
    assert not statistics.hurts(same, same + rng.normal(0, 1e-3, 10))
    assert statistics.hurts(same - 0.2, same)
    assert not statistics.hurts(same + 0.2, same)  # better is not worse
    assert statistics.at_most(2, 348) < 0.02


def test_there_are_enough_runs_on_either_half() -> None:
    names = [f"{p.name} #{p.seed}" for p in healthy.plans()]
    assert len(names) == len(set(names)) > 300
    halves = Counter(map(healthy.half, names))
    assert min(halves.values()) > 100
    bases = Counter(healthy.half(sick.BASES[base](0).name) for _, base in sick.pairs())
    assert min(bases.values()) > 30
    assert all(base in sick.BASES for _, base in sick.pairs())
    assert len({f.name for f in FAULTS}) == len(FAULTS) >= 50
    cases = [name for name, _ in invariance.cases()]
    assert len(cases) == len(set(cases))


def test_each_fault_has_a_right_symptom_that_a_rule_gives() -> None:
    known = {r.symptom for r in rules()}
    for fault in FAULTS:
        assert fault.beyond or known & set(fault.symptoms), fault.name


def test_a_run_is_examined_before_and_during_it() -> None:
    plan = sick.BASES["digits"](0).but(steps=90)
    assert not [f for f in run(plan).findings if f["severity"] != "info"]
    (fault,) = [f for f in FAULTS if f.name == "dropout of 1"]
    found = run(fault.put(plan))
    assert found.findings[0]["symptom"] == "dropout_everything"
    (fault,) = [f for f in FAULTS if f.name == "zero_grad missing"]
    found = run(fault.put(sick.BASES["digits_sgd"](0)).but(steps=40))
    assert found.findings[0]["symptom"] == "stale_gradient"
