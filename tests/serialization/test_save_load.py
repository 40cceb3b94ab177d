"""Files that are written and read: what comes back, what is refused, and what never runs."""

import contextlib
import copyreg
import io
import os
import pickle
import random
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, LoadError, TraceError
from zincir.serialization.allowed import with_state


def written(obj: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    zincir.save(obj, file, **options)
    file.seek(0)
    return file


def again(obj: Any, **options: Any) -> Any:
    return zincir.load(written(obj), **options)


def test_plain_values_come_back() -> None:
    value = {
        "numbers": [1, -2, 2**80, 2.5, float("inf"), True, None, 1 + 2j],
        "text": ("é", b"abc", bytearray(b"x")),
        3: {1, 2},
        "frozen": frozenset([1]),
        "ordered": OrderedDict(b=1, a=2),
        "counted": Counter("aab"),
        "shape": zincir.zeros(2, 3).shape,
        "type": zincir.float64,
    }
    assert again(value) == value
    assert type(again(value)["ordered"]) is OrderedDict
    shared = [1]
    two = again([shared, shared])
    assert two[0] is two[1]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_protocols(protocol: int) -> None:
    x = zincir.arange(3)
    a, b, text = zincir.load(written([x, x[1:], "x" * 300], pickle_protocol=protocol))
    a[1] = 7
    assert (b.tolist(), text) == ([7, 2], "x" * 300)


def test_numbers_and_arrays_of_numpy_come_back() -> None:
    value = {"best": np.float64(0.5), "k": np.int32(3), "a": np.arange(6).reshape(2, 3).T}
    found = again(value)
    assert found["best"] == 0.5
    assert type(found["k"]) is np.int32
    np.testing.assert_array_equal(found["a"], value["a"])
    with pytest.raises(LoadError, match="any object"):
        again(np.array([object()]))


def test_memory_that_was_shared_is_shared_again() -> None:
    x = zincir.arange(12.0).reshape(3, 4)
    parts = {
        "row": x[1], "all": x, "column": x[:, 1], "turned": x.t(), "every second": x[:, ::2],
        "block": x[1:, 1:3], "repeated": x[0, 0].expand(2), "flat": x.reshape(-1),
    }  # fmt: skip
    found = again(parts)
    for name, t in parts.items():
        np.testing.assert_array_equal(found[name].numpy(), t.numpy())
    for value, name in enumerate(["all", "row", "column", "turned", "every second", "block"]):
        parts[name].fill_(value)
        found[name].fill_(value)
        for other, t in parts.items():
            np.testing.assert_array_equal(found[other].numpy(), t.numpy(), err_msg=other)


def test_gradients_and_parameters() -> None:
    w = nn.Parameter(zincir.ones(2))
    frozen = nn.Parameter(zincir.ones(2), requires_grad=False)
    t = zincir.ones(2, requires_grad=True)
    found = again([w, frozen, t, t * 2, w, w.detach()])
    assert [type(x) for x in found[:3]] == [nn.Parameter, nn.Parameter, zincir.Tensor]
    assert [x.requires_grad for x in found] == [True, False, True, True, True, False]
    assert found[3].is_leaf
    assert found[4] is found[0]
    with zincir.no_grad():
        found[0].add_(1)
    assert found[5].tolist() == [2, 2]
    (found[0] * found[2]).sum().backward()
    assert found[2].grad.tolist() == [2, 2]


def test_attributes_of_tensors() -> None:
    t = zincir.ones(2)
    t.tag = "seen"  # type: ignore[attr-defined]
    p = nn.Parameter(zincir.ones(2))
    p.groups = [1]  # type: ignore[attr-defined]
    found = again([t, p])
    assert (found[0].tag, found[1].groups) == ("seen", [1])
    t = with_state(zincir.ones(2), {"_held": 1, "_order": (1, 0), "own": 2})
    assert (t.tolist(), t.own) == ([1, 1], 2)


def test_training_goes_on() -> None:
    def made() -> tuple[nn.Module, zincir.optim.Optimizer]:
        zincir.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
        return net, zincir.optim.Adam(net.parameters(), lr=0.1)

    def train(net: nn.Module, optimizer: zincir.optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for k in range(steps):
            x = zincir.arange(32.0).reshape(2, 1, 4, 4) * (k + 1) / 32
            loss = net(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    net, optimizer = made()
    train(net, optimizer, 2)
    file = written({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 2})
    expected = train(net, optimizer, 3)
    net, optimizer = made()
    found = zincir.load(file)
    net.load_state_dict(found["net"])
    optimizer.load_state_dict(found["optimizer"])
    assert train(net, optimizer, 3) == expected


def test_whole_modules_need_trust() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Conv2d(4, 4, 3))
    file = written(net)
    with pytest.raises(LoadError, match=r"wants zincir\.nn\.module\.container\.Sequential"):
        zincir.load(file)
    file.seek(0)
    found = zincir.load(file, weights_only=False)
    assert repr(found) == repr(net)
    for a, b in zip(found.parameters(), net.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    x = zincir.ones(1, 2)
    assert found[0](x).tolist() == net[0](x).tolist()


class Settings:
    def __init__(self, depth: int) -> None:
        self.depth = depth

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and other.depth == self.depth

    __hash__ = None  # type: ignore[assignment]


def test_classes_that_users_allow() -> None:
    with pytest.raises(LoadError, match="Settings"):
        again(Settings(3))
    with zincir.serialization.safe_globals([Settings]):
        assert again(Settings(3)) == Settings(3)
    with pytest.raises(LoadError, match="Settings"):
        again(Settings(3))
    zincir.serialization.add_safe_globals([(Settings, f"{Settings.__module__}.Settings")])
    try:
        assert again([Settings(3)]) == [Settings(3)]
    finally:
        zincir.serialization.clear_safe_globals()
    assert zincir.serialization.get_safe_globals() == []
    with pytest.raises(ArgumentError, match="classes and functions"):
        zincir.serialization.add_safe_globals([3])


# Paths and files ---------------------------------------------------------------------------------


def test_paths(tmp_path: Path) -> None:
    for path in (
        tmp_path / "a.pt",
        str(tmp_path / "b.pt"),
        os.fsencode(tmp_path / "c.pt").decode(),
    ):
        zincir.save([1, zincir.ones(2)], path)
        assert zincir.load(path, mmap=True)[1].tolist() == [1, 1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "b.pt", "c.pt"]
    with (tmp_path / "a.pt").open("rb") as file:
        assert zincir.load(file)[0] == 1
    with (tmp_path / "d.pt").open("wb") as file:
        zincir.save({"a": 1}, file)
    assert zincir.load(tmp_path / "d.pt") == {"a": 1}
    with pytest.raises(FileNotFoundError):
        zincir.load(tmp_path / "nothing.pt")


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    zincir.save("before", path)
    path.chmod(0o640)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        zincir.save([zincir.ones(3), lambda: 0], path)
    assert zincir.load(path) == "before"
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    zincir.save("after", link)
    assert link.is_symlink()
    assert zincir.load(path) == "after"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.pt", "net.pt"]


def test_a_stream_without_places() -> None:
    class Stream:
        def __init__(self, data: bytes) -> None:
            self.rest = data

        def read(self) -> bytes:
            return self.rest

    assert zincir.load(Stream(written([1]).getvalue())) == [1]


# Where tensors go --------------------------------------------------------------------------------


def on_gpu() -> io.BytesIO:
    """A file whose tensors were on a GPU."""
    source, target = zipfile.ZipFile(written({"w": zincir.ones(2)})), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            archive.writestr(name, data.replace(b"\x03\x00\x00\x00cpu", b"\x06\x00\x00\x00cuda:0"))
    target.seek(0)
    return target


@pytest.mark.parametrize(
    "location",
    ["cpu", {"cuda:0": "cpu"}, lambda storage, place: storage],
    ids=["name", "names", "function"],
)
def test_map_location(location: Any) -> None:
    assert zincir.load(on_gpu(), map_location=location)["w"].tolist() == [1, 1]


@pytest.mark.parametrize("location", [None, {"cuda:1": "cpu"}, "cuda", lambda *_: None])
def test_devices_that_there_are_not(location: Any) -> None:
    with pytest.raises((LoadError, ArgumentError), match="cuda"):
        zincir.load(on_gpu(), map_location=location)


# What is refused ---------------------------------------------------------------------------------


class Runs:
    """What a hostile file holds: a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


HOSTILE: dict[str, Any] = {
    "system": Runs(os.system, "touch broken"),
    "eval": Runs(eval, "1 + 1"),
    "getattr": Runs(getattr, zincir.ones(1), "fill_"),
    "open": Runs(open, "broken", "w"),
    "class": Runs(type, "A", (), {}),
    "in a list": [zincir.ones(2), {"a": Runs(exec, "raise SystemExit")}],
    "copyreg": Runs(copyreg.add_extension, "os", "system", 3),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_called(name: str, protocol: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match="wants"):
        zincir.load(written(HOSTILE[name], pickle_protocol=protocol))
    assert list(tmp_path.iterdir()) == []


RAW: dict[str, bytes] = {
    "global of os": b"cos\nsystem\n.",
    "global of the library": b"czincir\nsave\n.",
    "a submodule of an allowed one": b"ccollections\nOrderedDict.__init__\n.",
    "inst": b"(S'x'\nios\nsystem\n.",
    "obj": b"(cbuiltins\nset\no.",
    "extension": b"\x82\x01.",
    "persistent text": b"Pname\n.",
    "call of a number": b"K\x01)R.",
    "call of a type": b"ctorch\nTensor\n)R.",
    "new of a dtype": b"\x80\x02ctorch\nfloat32\n)\x81.",
    "attributes of a class": b"ccollections\nCounter\n}U\x06updateK\x01sb.",
    "attributes of a list": b"]}U\x01aK\x01sb.",
    "append to a dictionary": b"}K\x01a.",
    "set item of a list": b"]K\x00K\x01s.",
    "two results": b"K\x01K\x02.",
    "no result": b".",
    "unknown memo": b"h\x05.",
    "no mark": b"t.",
    "a tensor of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))\x89}tR.",
    "an array of objects": b"cnumpy\ndtype\n(S'O8'\nK\x00K\x01tR.",
    "memory by a wrong name": b"K\x01Q.",
    "a typed tensor of any call": b"ctorch._tensor\n_rebuild_from_type_v2\n"
    b"(ctorch\nTensor\nctorch\nTensor\n)}tR.",
}


def archive_of(pickled: bytes, **others: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        for name, data in others.items():
            archive.writestr(f"a/{name}", data)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", RAW)
def test_pickles_that_no_one_writes(name: str) -> None:
    before = Counter.update
    with pytest.raises(LoadError):
        zincir.load(archive_of(RAW[name]))
    assert Counter.update is before


def test_damaged_files() -> None:
    whole = written({"w": zincir.arange(1000), "more": [1, "a"]}).getvalue()
    for length in [*range(0, 200, 7), len(whole) // 2, len(whole) - 1]:
        with pytest.raises(LoadError, match=r"truncated|corrupted|empty"):
            zincir.load(io.BytesIO(whole[:length]))
    at = whole.index(bytes(8) + b"\x01" + bytes(7))
    with pytest.raises(LoadError, match="CRC"):
        zincir.load(io.BytesIO(whole[:at] + b"\x09" + whole[at + 1 :]))
    with pytest.raises(LoadError, match="no file of PyTorch"):
        zincir.load(io.BytesIO(b"something else"))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a", "b")
    other.seek(0)
    with pytest.raises(LoadError, match="none of PyTorch"):
        zincir.load(other)
    with pytest.raises(LoadError, match="TorchScript"):
        zincir.load(archive_of(b"N.", **{"constants.pkl": b"N."}))


def test_random_damage_is_noticed_or_harmless() -> None:
    source = zipfile.ZipFile(written({"w": [zincir.ones(3)[1:], nn.Parameter(zincir.ones(2))]}))
    pickled = source.read("archive/data.pkl")
    names = [n for n in source.namelist() if "/data/" in n]
    storages = {n.removeprefix("archive/"): source.read(n) for n in names}
    draw = random.Random(0)
    for _ in range(400):
        broken = bytearray(pickled)
        for _ in range(draw.randint(1, 3)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        with contextlib.suppress(LoadError, ArgumentError):
            zincir.load(archive_of(bytes(broken), **storages))


def test_tensors_outside_of_their_memory() -> None:
    source = zipfile.ZipFile(written(zincir.ones(4).reshape(2, 2)))
    pickled, memory = source.read("archive/data.pkl"), source.read("archive/data/0")
    good = zincir.load(archive_of(pickled, **{"data/0": memory}))
    assert good.tolist() == [[1, 1], [1, 1]]
    shape = b"K\x02K\x02\x86"
    assert pickled.count(shape) == 1
    with pytest.raises(LoadError, match="outside of its memory"):
        zincir.load(archive_of(pickled.replace(shape, b"K\x03K\x02\x86"), **{"data/0": memory}))
    with pytest.raises(LoadError, match="4 elements"):
        zincir.load(archive_of(pickled, **{"data/0": memory[:-1]}))
    with pytest.raises(LoadError, match="data/0"):
        zincir.load(archive_of(pickled))


def test_files_of_another_byte_order() -> None:
    x = zincir.tensor([1, 256, -5])
    source = zipfile.ZipFile(written(x))
    memory = source.read("archive/data/0")
    swapped = np.frombuffer(memory, np.int64).byteswap().tobytes()
    pickled = source.read("archive/data.pkl")
    found = zincir.load(archive_of(pickled, byteorder=b"big", **{"data/0": swapped}))
    assert found.tolist() == [1, 256, -5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pickle_module": pickle}, "not read by a pickle module"),
        ({"mmap": True}, "must be a file path"),
    ],
)
def test_arguments_of_load(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        zincir.load(written(1), **arguments)


def test_arguments_of_save() -> None:
    with pytest.raises(ArgumentError, match="pickle module"):
        zincir.save(1, io.BytesIO(), pickle_module=random)
    with pytest.raises(ArgumentError, match="neither a path nor a file"):
        zincir.save(1, 3)
    with pytest.raises(ArgumentError, match=r"before 1\.6"):
        zincir.save(1, io.BytesIO(), _use_new_zipfile_serialization=False)
    with pytest.raises(ArgumentError, match="neither a path nor a file"):
        zincir.load(3)


def test_compiled_functions_do_not_write_files() -> None:
    @zincir.compile
    def step(x: zincir.Tensor) -> zincir.Tensor:
        zincir.save(x, io.BytesIO())
        return x + 1

    with pytest.raises(TraceError, match="save"):
        step(zincir.ones(2))
