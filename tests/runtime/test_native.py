"""Native code: what is compiled, what comes from disk, and what is not trusted."""

import ctypes
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zincir import settings
from zincir.errors import ArgumentError, CompileError
from zincir.runtime import disk, native

needs_owner = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners of files here")


def module(value: int) -> str:
    return f"define i64 @answer() {{\n  ret i64 {value}\n}}\n"


def call(address: int) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()


class Builder:
    """Counts how often it is asked to build."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        return self.text


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Every test begins as a new process would."""
    native._linked.clear()
    disk._disk.cache_clear()
    yield
    disk._disk.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with settings.using(cache_dir=tmp_path / "cache", cache_bytes=1 << 20):
        yield tmp_path / "cache"


def new_process() -> None:
    native._linked.clear()
    disk._disk.cache_clear()


def answer(key: str, build: Callable[[], str]) -> int:
    (address,) = native.load(key, build, ["answer"])
    return call(address)


def answers() -> tuple[int, int]:
    return answer("k", Builder(module(5))), answer("l", Builder(module(6)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.zco"))


def test_memory_then_disk_then_build(folder: Path) -> None:
    build = Builder(module(42))
    assert answer("k", build) == 42
    assert answer("k", build) == 42
    assert build.calls == 1
    new_process()
    assert answer("k", build) == 42
    assert build.calls == 1
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_hit_needs_no_ir(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("k", Builder(module(1)))
    new_process()
    monkeypatch.setattr(native, "_parsed", None)
    assert answer("k", Builder("")) == 1


def test_keys_targets_and_sources_are_kept_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answer("a", Builder(module(1))) == 1
    assert answer("b", Builder(module(2))) == 2
    with settings.using(target="generic"):
        assert answer("a", Builder(module(3))) == 3
    new_process()
    monkeypatch.setattr(disk, "sources", lambda: "edited")
    assert answer("a", Builder(module(4))) == 4


@pytest.mark.parametrize("cut", [0, 3, 20, 60, -1])
def test_a_truncated_file_is_replaced(folder: Path, cut: int) -> None:
    answer("k", Builder(module(7)))
    (path,) = files(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    new_process()
    build = Builder(module(7))
    assert answer("k", build) == 7
    assert build.calls == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize("at", [0, 10, 30, 100, -1])
def test_a_flipped_bit_is_noticed(folder: Path, at: int) -> None:
    answer("k", Builder(module(7)))
    (path,) = files(folder)
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    new_process()
    build = Builder(module(7))
    assert answer("k", build) == 7
    assert build.calls == 1


def test_a_sound_file_under_anothers_name_is_not_loaded(folder: Path) -> None:
    for index in range(5):
        answer(f"k{index}", Builder(module(index)))
    sound = {path: path.read_bytes() for path in files(folder)}
    assert len(sound) == 5
    for shift in range(1, 5):
        contents = list(sound.values())
        for path, content in zip(sound, contents[shift:] + contents[:shift], strict=True):
            path.write_bytes(content)
        new_process()
        builds = [Builder(module(index)) for index in range(5)]
        assert [answer(f"k{index}", builds[index]) for index in range(5)] == [0, 1, 2, 3, 4]
        assert [build.calls for build in builds] == [1] * 5
    assert {path: path.read_bytes() for path in files(folder)} == sound


def test_a_sound_file_with_no_object_in_it_is_replaced(folder: Path) -> None:
    answer("k", Builder(module(7)))
    (path,) = files(folder)
    path.write_bytes(disk._header(path.stem, b"no object") + b"no object")
    new_process()
    build = Builder(module(7))
    assert answer("k", build) == 7
    assert build.calls == 1


@needs_owner
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_others_may_write_is_not_loaded(folder: Path, mode: int) -> None:
    answer("k", Builder(module(7)))
    files(folder)[0].chmod(mode)
    new_process()
    build = Builder(module(8))
    with pytest.warns(RuntimeWarning, match="others may write"):
        assert answer("k", build) == 8
    assert answer("other", build) == 8  # and no second warning


@needs_owner
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_others_may_write_is_not_used(folder: Path, mode: int) -> None:
    answer("k", Builder(module(7)))
    folder.chmod(mode)
    new_process()
    with pytest.warns(RuntimeWarning, match="may be written by others") as caught:
        assert answers() == (5, 6)
    assert len(caught) == 1
    assert len(files(folder)) == 1


@needs_owner
def test_a_folder_of_somebody_else_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer("k", Builder(module(7)))
    new_process()
    other = os.geteuid() + 1
    monkeypatch.setattr(native.os, "geteuid", lambda: other)
    with pytest.warns(RuntimeWarning, match="may be written by others"):
        assert answer("k", Builder(module(8))) == 8


@needs_owner
def test_a_link_in_place_of_a_file_is_not_followed(folder: Path) -> None:
    answer("k", Builder(module(7)))
    (path,) = files(folder)
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    new_process()
    with pytest.warns(RuntimeWarning, match="cannot be read"):
        assert answer("k", Builder(module(8))) == 8


@needs_owner
def test_a_pipe_in_place_of_a_file_does_not_hang(folder: Path) -> None:
    answer("k", Builder(module(7)))
    (path,) = files(folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    new_process()
    with pytest.warns(RuntimeWarning, match="holds a file"):
        assert answer("k", Builder(module(8))) == 8


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        settings.using(cache_dir=tmp_path / "file" / "cache"),
        pytest.warns(RuntimeWarning, match="cannot be created") as caught,
    ):
        assert answers() == (5, 6)
    assert len(caught) == 1
    assert "ZINCIR_CACHE_DIR" in str(caught[0].message)


def test_a_folder_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(native.os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left") as caught:
        assert answers() == (5, 6)
    assert len(caught) == 1
    assert list(folder.iterdir()) == []


def test_no_cache_when_its_bound_is_zero(tmp_path: Path) -> None:
    with settings.using(cache_dir=tmp_path / "cache", cache_bytes=0):
        assert answer("k", Builder(module(5))) == 5
    assert not (tmp_path / "cache").exists()


def test_the_folder_stays_within_its_bound(folder: Path) -> None:
    answer("k0", Builder(module(0)))
    (first,) = files(folder)
    size = first.stat().st_size
    with settings.using(cache_bytes=20 * size):
        for index in range(1, 60):
            answer(f"k{index}", Builder(module(index)))
            assert sum(path.stat().st_size for path in files(folder)) <= 20 * size
    assert len(files(folder)) >= 10


def test_processes_at_once(folder: Path) -> None:
    script = """
import ctypes, sys
from zincir.runtime import native
for index in range(12):
    text = f"define i64 @answer() {{ ret i64 {index} }}"
    (address,) = native.load(f"k{index}", lambda: text, ["answer"])
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(address)() == index
"""
    environment = dict(os.environ, ZINCIR_CACHE_DIR=str(folder), ZINCIR_CACHE_BYTES="6000")
    source = str(Path(native.__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([source, environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-W", "error", "-c", script]
    running = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for process in running:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors


def test_errors_of_the_compiler_name_the_key(folder: Path) -> None:
    with pytest.raises(CompileError, match="refuses") as error:
        native.load("my kernel\nmore", Builder("define nonsense"), ["answer"])
    assert "where     my kernel\n" in str(error.value)
    invalid = "define i64 @answer() {\n  %a = add i64 %b, 1\n  %b = add i64 %a, 1\n  ret i64 %a\n}"
    with pytest.raises(CompileError, match="dominate"):
        native.load("k", Builder(invalid), ["answer"])
    missing = "declare i64 @zincir_no_such()\ndefine i64 @answer() {\n"
    missing += "  %a = call i64 @zincir_no_such()\n  ret i64 %a\n}"
    with pytest.raises(CompileError, match="linked"):
        native.load("k", Builder(missing), ["answer"])
    with pytest.raises(CompileError, match="linked"):
        native.load("k", Builder(module(1)), ["question"])
    assert answer("k", Builder(module(1))) == 1


def test_symbols_of_libm_and_libc(folder: Path) -> None:
    text = """
declare double @tgamma(double)
declare ptr @memset(ptr, i32, i64)
@three = private constant double 3.0
define i64 @answer() {
  %p = alloca i64
  %m = call ptr @memset(ptr %p, i32 1, i64 8)
  %x = load double, ptr @three
  %y = call double @tgamma(double %x)
  %z = fptosi double %y to i64
  %a = load i64, ptr %p
  %r = add i64 %a, %z
  ret i64 %r
}
"""
    assert answer("k", Builder(text)) == 0x0101010101010101 + 2


def kernel(width: int) -> str:
    v = f"<{width} x float>"
    return f"""
declare {v} @llvm.fma.v{width}f32({v}, {v}, {v})
define void @answer(ptr %p, ptr %q) {{
  %x = load {v}, ptr %p, align 4
  %y = load {v}, ptr %q, align 4
  %a = fmul {v} %x, %y
  %b = fadd {v} %a, %x
  %c = call {v} @llvm.fma.v{width}f32({v} %b, {v} %x, {v} %y)
  store {v} %c, ptr %p, align 4
  ret void
}}
"""


@pytest.mark.skipif(native.target().arch != "x86_64", reason="register names")
@pytest.mark.parametrize("target", [None, "avx2"])
def test_vectors_stay_whole_and_only_explicit_products_fuse(target: str | None) -> None:
    with settings.using(target=target):
        try:
            machine = native.target()
        except ArgumentError:
            pytest.skip("no AVX2 here")
        if machine.vector_bytes < 32:
            pytest.skip("no AVX2 here")
        text = native.assembly(kernel(machine.vector_bytes // 4))
    register = {64: "zmm", 32: "ymm"}[machine.vector_bytes]
    assert len(re.findall(r"vfn?m(add|sub)\w+ps", text)) == 1
    assert len(re.findall("vmulps", text)) == 1
    assert len(re.findall("vaddps", text)) == 1
    assert register in text
    assert not set(re.findall(r"[xyz]mm(?=\d)", text)) - {register}


def test_lesser_targets() -> None:
    machine = native.target()
    assert machine.vector_bytes in (16, 32, 64)
    with settings.using(target="generic"):
        assert native.target().vector_bytes == 16
    assert native.vector_shape("x86_64", {"avx2", "fma"}) == (32, 16)
    assert native.vector_shape("x86_64", {"avx512f", "avx2", "fma"}) == (32, 16)
    assert native.vector_shape("x86_64", set()) == (16, 16)
    assert native.vector_shape("aarch64", {"neon"}) == (16, 32)


def test_llvmlite_is_imported_late() -> None:
    script = "import sys, zincir.runtime.team; sys.exit('llvmlite' in sys.modules)"
    source = str(Path(native.__file__).parents[2])
    environment = dict(os.environ, PYTHONPATH=source)
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)


def test_no_warning_in_the_normal_case(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer("k", Builder(module(1)))
        new_process()
        answer("k", Builder(module(1)))


def test_many_modules_at_once(tmp_path: Path) -> None:
    text = "define i64 @{0}() {{\n  ret i64 {1}\n}}"
    modules = [
        native.Module(f"many {n}", lambda n=n: text.format(f"f{n}", n), (f"f{n}",))
        for n in range(12)
    ]
    with settings.using(cache_dir=tmp_path):
        native.load_all([*modules, *modules])
        for n, m in enumerate(modules):
            (address,) = native.load(m.key, lambda: "never asked for", m.symbols)
            assert ctypes.CFUNCTYPE(ctypes.c_int64)(address)() == n
        assert len(list(tmp_path.rglob("*.*"))) >= len(modules)
        wrong = native.Module("many wrong", lambda: "no IR", ("f",))
        fine = native.Module("many fine", lambda: text.format("f", 7), ("f",))
        with pytest.raises(CompileError, match="LLVM refuses the module"):
            native.load_all([fine, wrong])
        native.load_all([fine])


def test_code_is_generated_without_the_lock_of_llvmlite() -> None:
    """Else several threads would take turns; if llvmlite has changed, this says so."""
    llvm = native._llvm()
    assert llvm.ffi.lib._lib_handle.LLVMPY_TargetMachineEmitToMemory
    machine = native._machine(native.target(), 1)
    module = native._parsed(native.target(), "alone", "define i64 @f() {\n  ret i64 1\n}")
    before = machine.emit_object(module)
    assert native._emit(machine, module) == before
