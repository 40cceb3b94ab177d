"""Several processes that `mpiexec` starts train one model (skipped without an MPI)."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zincir.distributed import SelfComm, all_sum, gather, world
from zincir.distributed.mpi import started
from zincir.errors import ArgumentError, StateError
from zincir.nn import SyncBatchNorm
from zincir.runtime.cores import processes_here
from zincir.tensor import Tensor
from zincir.trainer.dealing import Dealing, Part

SCRIPT = Path(__file__).with_name("training.py")
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
pytestmark = pytest.mark.timeout(400)  # MPI waits by asking again and again
NAMES = ("plain", "sync", "rest", "gathered")


@pytest.fixture(scope="module")
def mpi() -> None:
    pytest.importorskip("mpi4py", reason="mpi4py is not installed: no processes were tried")
    if MPIEXEC is None:
        pytest.skip("there is no mpiexec: no processes were tried")


def run(task: str, folder: Path, ranks: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), task, str(folder)]
    if ranks > 1:
        command = [str(MPIEXEC), "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_four_ranks_are_one_process_with_four_times_the_batch(mpi: None, tmp_path: Path) -> None:
    for ranks in (1, 4):  # what one compiles, four find
        done = run("same", tmp_path, ranks)
        assert done.stdout.count("done same") == ranks, done.stderr
    for name in NAMES:
        one = np.load(tmp_path / f"{name}-1-0.npz")
        four = [np.load(tmp_path / f"{name}-4-{rank}.npz") for rank in range(4)]
        assert {"0.weight", "loss", "auroc", "val_accuracy"} < set(one)
        for key in one:
            for each in four:
                np.testing.assert_array_equal(each[key], four[0][key], f"{name}: {key}")
            np.testing.assert_allclose(four[0][key], one[key], 2e-5, 1e-6, err_msg=f"{name}: {key}")
        # Process 0 writes, once.
        assert len((tmp_path / f"{name}-4.csv").read_text().splitlines()) == 4
        assert (tmp_path / f"{name}-4" / "last.ckpt").exists()


def test_other_ways_to_train(mpi: None, tmp_path: Path) -> None:
    done = run("others", tmp_path, 4)
    assert done.stdout.count("done others") == 4, done.stderr


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("fails", ["the disk of this one is on fire", "rank 1 of 4 ends the training"]),
        ("fails outside", ["RuntimeError: no such luck"]),
        ("differs", ["has another model"]),
        ("other lengths", ["batches in an epoch, where this one has"]),
    ],
)
def test_what_fails_in_one_ends_all(mpi: None, tmp_path: Path, task: str, words: list[str]) -> None:
    done = run(task, tmp_path, 4)
    assert done.returncode != 0
    assert "done" not in done.stdout
    assert all(each in done.stderr for each in words), done.stderr


def test_a_signal_stops_all_and_others_go_on(mpi: None, tmp_path: Path) -> None:
    done = run("is stopped", tmp_path, 4)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert (tmp_path / "last.ckpt").exists()
    done = run("is stopped", tmp_path, 2)
    assert done.stdout.count("done is stopped") == 2, done.stderr
    seen: list[list[float]] = [
        ast.literal_eval((tmp_path / f"seen{ranks}-{rank}").read_text())
        for ranks in (4, 2)
        for rank in range(ranks)
    ]
    assert [len(each) for each in seen] == [36] * 4 + [28] * 2
    assert sorted(x for each in seen for x in each) == list(range(200))


@pytest.mark.parametrize("samples", [1, 3, 8, 50, 257])
@pytest.mark.parametrize("seed", [None, 3])
def test_samples_are_dealt_out_once(samples: int, seed: int | None) -> None:
    whole = list(Dealing(samples, 16, seed).deal(5))
    parts = [list(Dealing(samples, 4, seed, Part(rank, 4)).deal(5)) for rank in range(4)]
    assert {len(part) for part in parts} == {len(whole)} == {len(Dealing(samples, 16, seed))}
    for number, (together, _) in enumerate(whole):
        own = [part[number] for part in parts]
        assert all(len(numbers) for numbers, _ in own)
        counted = np.concatenate([numbers[:count] for numbers, count in own])
        assert sorted(counted) == sorted(together)
    done = 16 * (samples // 32)  # and others go on from there
    rest = [n[:c] for r in range(3) for n, c in Dealing(samples, 5, seed, Part(r, 3)).deal(5, done)]
    before = [n for n, _ in Dealing(samples, 16, seed).deal(5)][: done // 16]
    assert sorted(np.concatenate([*before, *rest])) == list(range(samples))


def test_who_started_this_process(monkeypatch: Any) -> None:
    assert started({}) == started({"PMI_SIZE": "1"}) == 1
    assert started({"PMI_SIZE": "4"}) == started({"OMPI_COMM_WORLD_SIZE": "4"}) == 4
    assert processes_here({}) == processes_here({"MPI_LOCALNRANKS": "0"}) == 1
    assert processes_here({"OMPI_COMM_WORLD_LOCAL_SIZE": "3"}) == 3
    assert isinstance(world(), SelfComm)
    monkeypatch.setenv("PMI_SIZE", "4")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    world.cache_clear()
    with pytest.raises(StateError, match=r"one of 4, (.|\n)*zincir\[mpi\]"):
        world()
    world.cache_clear()


def test_one_process_exchanges_with_itself() -> None:
    x = Tensor([1.0, 2.0])
    assert all_sum(x, SelfComm()) is x
    assert gather(SelfComm(), {"a": 1}) == [{"a": 1}]
    with pytest.raises(ArgumentError, match=r"no group of processes(.|\n)*zincir.distributed.Comm"):
        SyncBatchNorm(3, process_group=object())
    assert SyncBatchNorm(2, process_group=SelfComm())(Tensor([[1.0, 2.0], [3.0, 4.0]])).shape == (
        2,
        2,
    )
