"""Programs on disk: who finds which, that they give the same bits, and what is not trusted."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings

from random_graphs import data, graphs
from zincir import settings
from zincir.compiler import program_cache
from zincir.compiler.host_call import Twin
from zincir.compiler.options import Options
from zincir.compiler.program_cache import CachedProgram, canonical_text, find_program
from zincir.compiler.snapshot import Snapshot, snapshot
from zincir.errors import IndexOutOfRange
from zincir.evaluate import numbers, run
from zincir.graph.node import Node
from zincir.operations import arithmetic as ar, elementwise as el, host, movement as mv
from zincir.operations.contraction import matmul
from zincir.operations.indexing import take
from zincir.runtime import disk, native
from zincir.runtime.buffer import allocate
from zincir.types import float32, float64


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with settings.using(cache_dir=tmp_path / "cache", verify=False):
        yield tmp_path / "cache"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every computation that goes through the passes; no computation is too small."""
    monkeypatch.setattr(program_cache, "_SMALLEST", 0)
    seen: list[int] = []
    compile_graph = program_cache.compile_graph

    def counted(*args: Any) -> Any:
        seen.append(1)
        return compile_graph(*args)

    monkeypatch.setattr(program_cache, "compile_graph", counted)
    return seen


def array(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def values(ready: CachedProgram, taken: Snapshot, outputs: list[Node]) -> list[bytes]:
    buffers = [allocate(node.shape, node.dtype) for node in outputs]
    run(ready, taken.leaves, numbers(taken.numbers), buffers)
    return [buffer.array.tobytes() for buffer in buffers]


def compute(*outputs: Node, threads: int = 1) -> list[bytes]:
    taken = snapshot(outputs)
    return values(find_program(taken, Options(threads)), taken, list(outputs))


def layer(rows: int = 3) -> Node:
    return el.tanh(matmul(data(array(rows, 5)), data(array(5, 4))) * 0.7)


# --- the same computation -------------------------------------------------------------------


def test_the_second_time_comes_from_disk(folder: Path, passes: list[int]) -> None:
    first = compute(layer())
    assert compute(layer()) == first
    assert len(passes) == 1
    compute(layer(7))
    assert len(passes) == 2
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.zco")} <= {0o600}


@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(graphs(float32))
def test_random_graphs_give_the_same_bits(
    folder: Path, passes: list[int], outputs: list[Node]
) -> None:
    first = compute(*outputs)
    before = len(passes)
    assert compute(*outputs) == first
    assert len(passes) == before
    assert compute(*outputs, threads=2) == first


def test_what_is_updated_in_place_stays_so(folder: Path, passes: list[int]) -> None:
    def update(donations: dict[int, int]) -> tuple[dict[int, int], bool]:
        w, g = data(array(64)), data(array(64) + 1)
        taken = snapshot([w - g * 0.1])
        ready = find_program(taken, Options(1, donations))
        out = w.value if ready.donated else allocate((64,), float32)
        old = array(64)
        run(ready, taken.leaves, numbers(taken.numbers), [out])
        np.testing.assert_array_equal(out.array, old - (old + 1) * np.float32(0.1))
        return ready.donated, len(passes) > 0

    for donations in ({0: 0}, {}):
        passes.clear()
        assert update(donations) == (donations, True)
        passes.clear()
        assert update(donations) == (donations, False)


SCRIPT = """
import hashlib, sys
import numpy as np
import zincir
from zincir import nn
from zincir.nn import functional as F
from zincir.compiler import program_cache
from zincir.runtime import native

program_cache._SMALLEST = 0
counts = {"passes": 0, "kernels": 0}

def counting(module, name, what):
    function = getattr(module, name)
    def counted(*args):
        counts[what] += 1
        return function(*args)
    setattr(module, name, counted)

counting(program_cache, "compile_graph", "passes")
counting(native, "_generated", "kernels")
bits = hashlib.sha256()
rng = np.random.default_rng(0)
zincir.set_num_threads(int(sys.argv[1]))

class Block(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.one = nn.Conv2d(before, width, 3, stride, 1)
        self.two = nn.Conv2d(width, width, 3, 1, 1)
        self.norm, self.down = nn.BatchNorm2d(width), nn.Conv2d(before, width, 1, stride)

    def forward(self, x):
        return F.relu(self.down(x) + self.two(F.relu(self.norm(self.one(x)))))

def mlp():
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))

def dropped():
    return nn.Sequential(nn.Linear(20, 32), nn.Dropout(0.5), nn.Linear(32, 10))

def residual():
    return nn.Sequential(Block(3, 4, 1), Block(4, 8, 2), nn.Flatten(), nn.Linear(8 * 16, 10))

class Sorted(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(20, 10)

    def forward(self, x):
        order = x.argsort(1)  # a NumPy twin between two stretches of native code
        return self.linear(x.gather(1, order).cumsum(1))

for build, shape in ((mlp, (20,)), (dropped, (20,)), (residual, (3, 8, 8)), (Sorted, (20,))):
    zincir.manual_seed(0)
    model = build()
    optimizer = zincir.optim.Adam(model.parameters(), lr=0.01)

    @zincir.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = rng.normal(size=(16, *shape)).astype("f4"), rng.integers(0, 10, 16)
    for _ in range(3):
        bits.update(step(x, y).detach().numpy().tobytes())
    for tensor in model.state_dict().values():
        bits.update(tensor.numpy().tobytes())
print(bits.hexdigest(), counts["passes"], counts["kernels"])
"""


def process(folder: Path, threads: int = 2, **environment: str) -> subprocess.Popen[str]:
    source = str(Path(native.__file__).parents[2])
    extra = {"ZINCIR_CACHE_DIR": str(folder), "ZINCIR_VERIFY": "0", **environment}
    extra["PYTHONPATH"] = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(threads)],
        env=os.environ | extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(running: subprocess.Popen[str]) -> tuple[str, int, int]:
    out, errors = running.communicate(timeout=100)
    assert running.returncode == 0, errors
    bits, passes, kernels = out.split()
    return bits, int(passes), int(kernels)


def test_nets_in_new_processes_run_no_pass_and_give_the_same_bits(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    running = [process(folder), process(folder)]
    (bits, _, _), (others, _, _) = [outcome(p) for p in running]
    assert others == bits
    assert outcome(process(folder)) == (bits, 0, 0)
    checked, total, kernels = outcome(process(folder, ZINCIR_VERIFY="1"))
    assert (checked, kernels) == (bits, 0)
    assert total > 4
    assert outcome(process(folder, threads=1))[1] == total


# --- other computations ---------------------------------------------------------------------


def named(outputs: list[Node], threads: int = 1, donations: dict[int, int] | None = None) -> str:
    name = program_cache._name(snapshot(outputs), Options(threads, donations or {}))
    assert name is not None
    return name


def test_what_passes_see_is_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = array(4, 6), array(4, 6) * 2
    one, two = data(a), data(b)
    base = [one + two]
    assert named([data(b) + data(a)]) == named(base)
    wide = np.zeros((4, 12), np.float32)[:, ::2]
    computations: list[list[Node]] = [
        base,
        [one + one],
        [one - two],
        [two + one, one],
        [one, two + one],
        [one + two, one + two],
        [one + 1.0],
        [one + 2.0],
        [one + 3.0],
        [one + data(array(1, 6))],
        [one + data(array(4, 1))],
        [data(array(5, 6)) + data(array(5, 6))],
        [data(array(6, 4)) + data(array(6, 4))],
        [data(a.astype("f8")) + data(b.astype("f8"))],
        [data(wide) + two],
        [one + data(wide)],
        [data(np.asfortranarray(a)) + two],
        [data(a[::-1]) + two],
        [mv.permute(one, (1, 0))],
        [mv.reshape(one, (6, 4))],
        [mv.flip(one, (0,))],
        [mv.flip(one, (1,))],
        [ar.cast(one, float64)],
    ]
    names = [named(outputs) for outputs in computations]
    names += [named(base, threads=2), named(base, 1, {0: 0}), named(base, 1, {0: 1})]
    names.append(str(program_cache._name(snapshot(base), Options(terms="rounded"))))
    with settings.using(target="generic"):
        names.append(named(base))
    monkeypatch.setattr(disk, "sources", lambda: "another version")
    names.append(named(base))
    assert len(set(names)) == len(names)


def test_numbers_that_change_from_run_to_run_are_not_in_the_name() -> None:
    x = data(array(3))
    assert named([x * 0.1]) == named([x * 0.2])
    assert named([x * 0.1 + 0.1]) != named([x * 0.1 + 0.2])


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), (0.0, -0.0), ("1", 1), (None, "None"), ((1,), 1)]
)
def test_equal_or_alike_is_not_the_same(one: Any, other: Any) -> None:
    op = ar.add_p
    assert canonical_text((((op, (one,), 0),), (0,))) != canonical_text(
        (((op, (other,), 0),), (0,))
    )


_TEXTS: dict[str, Any] = {}


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(float32))
def test_equal_texts_are_equal_keys(outputs: list[Node]) -> None:
    key = snapshot(outputs).key
    text = canonical_text(key)
    assert text == canonical_text(snapshot(outputs).key)
    assert _TEXTS.setdefault(text, key) == key


def test_functions_have_no_name(folder: Path, passes: list[int]) -> None:
    def double(x: np.ndarray) -> np.ndarray:
        return x * 2

    x = data(array(3))
    for _ in range(2):
        (found,) = compute(host.call(double, ((3,), float32), x) + 1.0)
        assert found == (array(3) * 2 + 1).tobytes()
    assert len(passes) == 2


def test_small_computations_are_not_kept(
    folder: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_cache, "_SMALLEST", 16)
    compute(data(array(3)) + 1.0)
    compute(data(array(3)) + 1.0)
    assert len(passes) == 2


def test_verified_passes_run_each_time(folder: Path, passes: list[int]) -> None:
    compute(layer())
    with settings.using(verify=True):
        compute(layer())
    assert len(passes) == 2


# --- what cannot be used --------------------------------------------------------------------


def program(folder: Path) -> Path:
    """The one file that is a program."""
    (found,) = [p for p in folder.glob("*.zco") if b"_Stored" in p.read_bytes()]
    return found


def sound(name: str, content: bytes) -> bytes:
    return disk._header(name, content) + content


@pytest.mark.parametrize(
    "damage",
    [
        lambda name, whole: b"",
        lambda name, whole: whole[:30],
        lambda name, whole: whole[:-1],
        lambda name, whole: whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        lambda name, whole: sound(name, b""),
        lambda name, whole: sound(name, b"no pickle"),
        lambda name, whole: sound(name, pickle.dumps({"code": None})),
        lambda name, whole: sound(name, b"cno_such_module\nThing\n."),
        lambda name, whole: sound(name, whole[len(disk._header("", b"")) : -20]),
    ],
    ids=["empty", "header", "short", "flipped", "nothing", "garbage", "other", "module", "cut"],
)
def test_a_damaged_file_is_replaced(
    folder: Path, passes: list[int], damage: Callable[[str, bytes], bytes]
) -> None:
    first = compute(layer())
    path = program(folder)
    path.write_bytes(damage(path.stem, path.read_bytes()))
    assert compute(layer()) == first
    assert len(passes) == 2
    assert compute(layer()) == first
    assert len(passes) == 2


def test_a_program_whose_machine_code_is_gone_is_compiled_anew(
    folder: Path, passes: list[int]
) -> None:
    first = compute(layer())
    path = program(folder)
    for other in set(folder.glob("*.zco")) - {path}:
        other.unlink()
    native._linked.clear()
    assert compute(layer()) == first
    assert len(passes) == 2
    native._linked.clear()
    assert compute(layer()) == first
    assert len(passes) == 2


def test_the_folder_stays_within_its_bound(folder: Path, passes: list[int]) -> None:
    compute(layer())
    size = program(folder).stat().st_size
    with settings.using(cache_bytes=6 * size):
        for rows in range(4, 20):
            compute(layer(rows))
            assert sum(p.stat().st_size for p in folder.glob("*.zco")) <= 6 * size


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, passes: list[int]) -> None:
    (tmp_path / "file").write_text("")
    with settings.using(cache_dir=tmp_path / "file" / "cache", verify=False):
        with pytest.warns(RuntimeWarning, match="cannot be created"):
            first = compute(layer())
        assert compute(layer()) == first
    assert len(passes) == 2


# --- errors ---------------------------------------------------------------------------------


def test_an_index_out_of_range_is_reported_with_the_present_line(
    folder: Path, passes: list[int]
) -> None:
    def told(chosen: Node) -> str:
        with pytest.raises(IndexOutOfRange) as error:
            compute(el.tanh(chosen) * 2.0)
        return str(error.value)

    table, places = data(array(5, 3)), data(np.array([0, 9]))
    here = sys._getframe().f_lineno
    one = told(take(table, places))
    other = told(take(table, places))
    assert len(passes) == 1
    assert f"test_program_cache.py:{here + 1}" in one
    assert f"test_program_cache.py:{here + 2}" in other
    assert one.replace(f":{here + 1}", f":{here + 2}") == other


def test_types_and_twins_come_back_from_disk() -> None:
    assert pickle.loads(pickle.dumps((float32, float64))) == (float32, float64)
    twin = pickle.loads(pickle.dumps(Twin("cumsum", (1,))))
    np.testing.assert_array_equal(twin(np.ones((2, 3))), [[1, 2, 3], [1, 2, 3]])
