"""The folder of what was compiled: what stays, what goes, and what a name stands for."""

import os
import time
from pathlib import Path

import pytest

from zincir import settings
from zincir.runtime import disk
from zincir.runtime.disk import DiskCache


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_what_is_written_is_read_by_all_who_share_the_folder(folder: Path) -> None:
    DiskCache(folder, 10_000).write("a", b"content")
    assert DiskCache(folder, 10_000).read("a") == b"content"
    assert DiskCache(folder, 10_000).read("b") is None
    with settings.using(cache_dir=folder, cache_bytes=10_000):
        assert disk.cache().read("a") == b"content"
    with settings.using(cache_dir=folder / "other", cache_bytes=10_000):
        assert disk.cache().read("a") is None


def test_what_was_used_last_stays(folder: Path) -> None:
    cache = DiskCache(folder, 10_000)
    long_ago = time.time() - 100_000
    for index in range(8):
        cache.write(f"{index}", b"x" * 1000)
        os.utime(folder / f"{index}.zco", (long_ago + index, long_ago + index))
    assert cache.read("0") == b"x" * 1000  # touched
    for index in range(8, 12):
        cache.write(f"{index}", b"x" * 1000)
    left = {path.stem for path in folder.glob("*.zco")}
    assert {"0", "11"} <= left
    assert "1" not in left


def test_debris_of_dead_processes_is_swept(folder: Path) -> None:
    cache = DiskCache(folder, 10_000)
    cache.write("a", b"x")
    old, new = folder / "old.tmp", folder / "new.tmp"
    old.write_text("")
    new.write_text("")
    os.utime(old, (1, 1))
    DiskCache(folder, 10_000).write("b", b"x")
    assert not old.exists()
    assert new.exists()


def test_an_object_larger_than_the_bound_is_not_kept(folder: Path) -> None:
    cache = DiskCache(folder, 1000)
    cache.write("a", b"x" * 1000)
    assert cache.read("a") is None


def test_sources_are_known_by_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("compiler", "graph", "ops", "runtime"):
        (tmp_path / folder).mkdir()
    (tmp_path / "types.py").write_text("one")
    inner = tmp_path / "compiler" / "inner.py"
    monkeypatch.setattr(disk, "__file__", str(tmp_path / "runtime" / "disk.py"))
    known = disk.sources.__wrapped__

    def state(content: str) -> str:
        inner.write_text(content)
        return known()

    first = state("abc")
    os.utime(inner, (1, 1))
    assert known() == first
    assert state("abd") != first
    assert state("abc") == first
    inner.rename(tmp_path / "ops" / "inner.py")
    assert known() != first
    (tmp_path / "types.py").unlink()  # as in an archive: what others have made is not found
    assert known() != known()
