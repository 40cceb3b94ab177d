"""The folder of what was compiled: what stays, what goes, and what a name stands for."""

import itertools
import os
import random
import subprocess
import sys
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


def test_processes_sweep_when_they_have_written_much_together(folder: Path) -> None:
    old = folder / "old.tmp"

    def written(name: str) -> bool:
        """Whether a process that stores 10,000 bytes sweeps: few of 1,000,000."""
        old.write_text("")
        os.utime(old, (1, 1))
        DiskCache(folder, 1_000_000).write(name, b"x" * 10_000)
        return not old.exists()

    folder.mkdir(mode=0o700)
    assert [written(f"{i}") for i in range(15)] == [i in (0, 7, 14) for i in range(15)]
    assert len(list(folder.glob("*.zco"))) == 15


def test_an_object_larger_than_the_bound_is_not_kept(folder: Path) -> None:
    cache = DiskCache(folder, 1000)
    cache.write("a", b"x" * 1000)
    assert cache.read("a") is None


# --- files that are not what they should be ---------------------------------------------------


def test_a_sound_file_under_anothers_name_is_not_taken_for_it(folder: Path) -> None:
    cache = DiskCache(folder, 100_000)
    contents = {f"name{i}": bytes([i]) * (100 + i % 3) for i in range(7)}
    for name, content in contents.items():
        cache.write(name, content)
    files = {name: (folder / f"{name}.zco").read_bytes() for name in contents}
    for name, other in itertools.permutations(contents, 2):
        (folder / f"{name}.zco").write_bytes(files[other])
        assert DiskCache(folder, 100_000).read(name) is None
        assert not (folder / f"{name}.zco").exists()
        cache.write(name, contents[name])
    assert {name: cache.read(name) for name in contents} == contents


def test_no_flipped_bit_goes_unnoticed(folder: Path) -> None:
    cache = DiskCache(folder, 100_000)
    cache.write("a", bytes(range(256)))
    path = folder / "a.zco"
    sound = path.read_bytes()
    rng = random.Random(0)
    header = range(8 * (len(sound) - 256))
    for bit in [*header, *rng.sample(range(len(header), 8 * len(sound)), 400)]:
        content = bytearray(sound)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        assert cache.read("a") is None, bit
    path.write_bytes(sound)
    assert cache.read("a") == bytes(range(256))


def test_no_file_that_was_cut_or_grew_is_read(folder: Path) -> None:
    cache = DiskCache(folder, 100_000)
    cache.write("a", bytes(range(256)))
    path = folder / "a.zco"
    sound = path.read_bytes()
    for length in range(len(sound)):  # an empty one among them
        path.write_bytes(sound[:length])
        assert cache.read("a") is None, length
        assert not path.exists()
    for more in (b"\0", sound):
        path.write_bytes(sound + more)
        assert cache.read("a") is None
    cache.write("a", b"")
    assert cache.read("a") == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_writers_that_are_killed_leave_nothing_false(folder: Path) -> None:
    script = f"""
import os, random, signal, time
from pathlib import Path
from zincir.runtime.disk import DiskCache
folder = Path({str(folder)!r})
def content(i):
    return bytes([i]) * 300_000
rng = random.Random(0)
DiskCache(folder, 3_000_000).write("0", content(0))
for kill in range(40):
    child = os.fork()
    if not child:
        cache = DiskCache(folder, 3_000_000)
        i = 0
        while True:
            cache.write(str(i % 20), content(i % 20))
            i += 1
    time.sleep(rng.uniform(0.002, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    cache = DiskCache(folder, 3_000_000)
    for i in range(20):
        assert cache.read(str(i)) in (None, content(i)), i
names = [path.stem for path in folder.glob("*.zco")]
assert names and all(cache.read(name) == content(int(name)) for name in names)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=100)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners of files here")
def test_a_folder_that_is_read_only_is_read_and_one_warning() -> None:
    # Root may write everywhere: the child becomes somebody else.
    script = """
import os, tempfile, warnings
from pathlib import Path
from zincir.runtime.disk import DiskCache
with tempfile.TemporaryDirectory() as parent:
    os.chmod(parent, 0o755)
    folder = Path(parent) / "cache"
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    DiskCache(folder, 10_000).write("a", b"content")
    folder.chmod(0o500)
    cache = DiskCache(folder, 10_000)
    assert cache.read("a") == b"content"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache.write("b", b"content")
        cache.write("c", b"content")
    assert len(caught) == 1 and "cannot be written" in str(caught[0].message), caught
    assert cache.read("a") in (b"content", None) and cache.read("b") is None
    assert sorted(path.name for path in folder.iterdir()) == ["a.zco", "written"]
    folder.chmod(0o700)
    if os.getuid() == 0:
        os.seteuid(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)


# --- the state of the sources -----------------------------------------------------------------


def test_sources_are_known_by_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("compiler", "graph", "operations", "runtime"):
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
    inner.rename(tmp_path / "operations" / "inner.py")
    assert known() != first
    (tmp_path / "types.py").unlink()  # as in an archive: what others have made is not found
    assert known() != known()
