"""Counting cores: from texts of files, and what wins over what."""

import pytest

from zincir import settings
from zincir.errors import ArgumentError
from zincir.runtime import cores


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000", None),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("300000", 3),
        ("", None),
        ("nonsense 100000", None),
        ("100000 0", None),
    ],
)
def test_quota_of_version_2(text: str, expected: int | None) -> None:
    assert cores.quota_v2(text) == expected


@pytest.mark.parametrize(
    ("quota", "period", "expected"),
    [("-1", "100000", None), ("250000\n", "100000\n", 3), ("1", "100000", 1), ("", "", None)],
)
def test_quota_of_version_1(quota: str, period: str, expected: int | None) -> None:
    assert cores.quota_v1(quota, period) == expected


def test_the_tightest_ancestor_counts_in_version_2() -> None:
    files = {"a/b/cpu.max": "400000 100000", "a/cpu.max": "150000 100000", "cpu.max": "max 100000"}
    assert cores.cgroup_cores("0::/a/b\n", lambda path: files.get(path, "")) == 2
    assert cores.cgroup_cores("0::/\n", lambda path: files.get(path, "")) is None


def test_a_container_sees_its_own_root() -> None:
    files = {"cpu.max": "300000 100000"}
    assert cores.cgroup_cores("0::/../../x\n", lambda path: files.get(path, "")) == 3


def test_version_1_under_either_mount_name() -> None:
    membership = "5:memory:/job\n4:cpu,cpuacct:/job\n"
    for mount in ("cpu", "cpu,cpuacct"):
        files = {
            f"{mount}/job/cpu.cfs_quota_us": "200000",
            f"{mount}/job/cpu.cfs_period_us": "100000",
        }
        assert cores.cgroup_cores(membership, lambda path, files=files: files.get(path, "")) == 2


def test_no_cgroup_at_all() -> None:
    assert cores.cgroup_cores("", lambda path: "") is None
    assert cores.cgroup_cores("garbage\n", lambda path: "") is None


@pytest.mark.parametrize(("text", "expected"), [("4", 4), ("0", None), ("4(x2)", None), ("", None)])
def test_slurm(text: str, expected: int | None) -> None:
    assert cores.slurm_cores({"SLURM_CPUS_PER_TASK": text}) == expected
    assert cores.slurm_cores({}) is None


def test_affinity_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    monkeypatch.setattr(cores, "cgroup_cores", lambda *_: None)
    assert cores.available_cores() == 3
    monkeypatch.setattr(cores, "cgroup_cores", lambda *_: 2)
    assert cores.available_cores() == 2


def test_settings_win_over_slurm_and_slurm_over_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 7)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    with settings.using(num_threads=None):
        assert cores.default_threads() == 7
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", "5")
        assert cores.default_threads() == 5
    with settings.using(num_threads=3):
        assert cores.default_threads() == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ZINCIR_NUM_THREADS", "0"),
        ("ZINCIR_NUM_THREADS", "two"),
        ("ZINCIR_NUM_THREADS", "99999"),
        ("ZINCIR_CACHE_BYTES", "-1"),
        ("ZINCIR_CACHE_BYTES", "1GB"),
        ("ZINCIR_MEMORY_BYTES", "-1"),
        ("ZINCIR_MEMORY_BYTES", "much"),
        ("ZINCIR_VERIFY", "maybe"),
        ("ZINCIR_TARGET", "pdp11"),
        ("ZINCIR_WINOGRAD", "F(4x4)"),
        ("ZINCIR_POISON", "cyanide"),
    ],
)
def test_unreadable_variables_are_named(name: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=name) as error:
        settings.from_environment({name: text})
    assert repr(text) in str(error.value)


def test_variables_are_read() -> None:
    read = settings.from_environment(
        {
            "ZINCIR_NUM_THREADS": " 3 ",
            "ZINCIR_CACHE_DIR": "/somewhere",
            "ZINCIR_CACHE_BYTES": "0",
            "ZINCIR_VERIFY": "Yes",
            "ZINCIR_TARGET": "AVX2",
            "ZINCIR_WINOGRAD": "0",
            "ZINCIR_MEMORY_BYTES": "1000",
            "ZINCIR_POISON": "1",
        }
    )
    assert read == settings.Settings(
        3, settings.Path("/somewhere"), 0, True, "avx2", False, True, 1000
    )
    assert settings.from_environment({"ZINCIR_VERIFY": "", "HOME": "/h"}).verify is False


def test_cache_folder_of_each_platform() -> None:
    folder = settings.default_cache_dir
    assert str(folder({"HOME": "/h"}, "linux")) == "/h/.cache/zincir"
    assert str(folder({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "linux")) == "/x/zincir"
    assert str(folder({"HOME": "/h", "XDG_CACHE_HOME": "rel"}, "linux")) == "/h/.cache/zincir"
    assert str(folder({"HOME": "/h"}, "darwin")) == "/h/Library/Caches/zincir"
    assert folder({"LOCALAPPDATA": "/l"}, "win32").parts[-2:] == ("l", "zincir")


def test_using_is_undone_and_checked() -> None:
    before = settings.current()
    with settings.using(verify=True, num_threads=2) as inner:
        assert inner.verify
        assert settings.current().num_threads == 2
    assert settings.current() is before
    with pytest.raises(ArgumentError, match="using"), settings.using(threads=2):
        pass
    with pytest.raises(ArgumentError, match="num_threads"), settings.using(num_threads=0):
        pass


def test_processes_on_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 8)
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 8)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    with settings.using(num_threads=None):
        for processes, threads in (("1", 8), ("3", 2), ("4", 2), ("20", 1)):
            monkeypatch.setenv("MPI_LOCALNRANKS", processes)
            assert cores.default_threads() == threads
