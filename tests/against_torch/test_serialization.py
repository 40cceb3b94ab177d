"""Files exchanged with PyTorch, both ways and in its old format too; with safetensors as well."""

import collections
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def same(ours: Any, theirs: Any, path: str = "") -> None:
    """Both hold the same, with the same types, strides and flags."""
    if isinstance(theirs, torch.Tensor):
        assert type(ours).__name__ == type(theirs).__name__, path
        assert str(theirs.dtype) == f"torch.{ours.dtype.name}", path
        assert tuple(ours.shape) == tuple(theirs.shape), path
        rows = zip(theirs.shape, ours.stride(), theirs.stride(), strict=True)
        assert not theirs.numel() or all(a == b for n, a, b in rows if n != 1), path
        assert (ours.requires_grad, ours.is_leaf) == (theirs.requires_grad, theirs.is_leaf), path
        assert ours.tolist() == theirs.tolist(), path
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for key in theirs:
            same(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(theirs, list | tuple):
        assert type(ours).__name__ == type(theirs).__name__, path
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same(a, b, f"{path}/{k}")
    elif isinstance(theirs, torch.device):
        assert ours == zincir.device(str(theirs))
    elif isinstance(theirs, torch.dtype):
        assert str(theirs) == f"torch.{ours.name}"
    else:
        assert ours == theirs, path
        assert type(ours).__name__ == type(theirs).__name__, path


def net(lib: Any) -> Any:
    return lib.nn.Sequential(
        lib.nn.Linear(3, 4), lib.nn.Conv2d(1, 2, 3), lib.nn.BatchNorm2d(2), lib.nn.Embedding(5, 2)
    )


def trained(lib: Any) -> Any:
    made = net(lib)
    optimizer = lib.optim.Adam(made.parameters(), lr=0.01)
    made[0](lib.ones(2, 3)).sum().backward()
    optimizer.step()
    return {"net": made.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def views(lib: Any) -> Any:
    x = lib.arange(24.0).reshape(2, 3, 4)
    return {
        "row": x[1], "x": x, "turned": x.permute(2, 0, 1), "block": x[:, 1:, 1:3],
        "steps": x[..., ::2], "repeated": x[:, :1, :].expand(2, 5, 4), "flat": x.reshape(-1),
        "one": x[1, 2, 3], "middle": x[0:1, :, 1:2], "none": x[:0],
    }  # fmt: skip


def types(lib: Any) -> Any:
    names = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16",
             "float32", "float64", "complex64", "complex128"]  # fmt: skip
    tensors = {n: lib.tensor([0, 1, 1]).to(getattr(lib, n)) for n in names}
    return {"tensors": tensors, "names": [getattr(lib, n) for n in names]}


def tensors(lib: Any) -> Any:
    w = lib.nn.Parameter(lib.ones(2, 2))
    return [w, w, lib.ones(3, requires_grad=True), lib.tensor(5), lib.zeros(0, 3), w.detach()]


def containers(lib: Any) -> Any:
    ordered = collections.OrderedDict([("b", 1), ("a", (2, 3.5))])
    return {
        "z": lib.Size([2, 3]),
        "d": [lib.device("cpu")],
        "o": ordered,
        "s": {1},
        "b": b"abc",
        "t": "é",
        1: [None, True, 2**70, -1, 1j],
    }


def attributes(lib: Any) -> Any:
    p = lib.nn.Parameter(lib.ones(2))
    p.tag = "seen"
    return [p]


OBJECTS: list[Callable[[Any], Any]] = [
    trained, views, types, tensors, containers, attributes]  # fmt: skip


@pytest.mark.parametrize("make", OBJECTS)
def test_pytorch_reads_ours(make: Callable[[Any], Any]) -> None:
    file = io.BytesIO()
    zincir.save(make(zincir), file)
    file.seek(0)
    theirs = torch.load(file)
    file.seek(0)
    same(zincir.load(file), theirs)
    if make is views:
        theirs["x"].fill_(7)
        assert all((t == 7).all() for t in theirs.values())


@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("make", OBJECTS)
def test_we_read_pytorchs(make: Callable[[Any], Any], new: bool) -> None:
    file = io.BytesIO()
    torch.save(make(torch), file, _use_new_zipfile_serialization=new)
    for trust in (True, False):
        file.seek(0)
        theirs = torch.load(file, weights_only=trust)
        file.seek(0)
        ours = zincir.load(file, weights_only=trust)
        same(ours, theirs)
        if make is views:
            ours["x"].fill_(7)
            theirs["x"].fill_(7)
            same(ours, theirs)


def test_memory_in_another_order() -> None:
    file = io.BytesIO()
    torch.save(torch.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last), file)
    file.seek(0)
    theirs = torch.load(file)
    file.seek(0)
    same(zincir.load(file), theirs)


def test_a_net_goes_to_pytorch_and_back() -> None:
    file = io.BytesIO()
    ours, theirs = net(zincir), net(torch)
    zincir.save(ours.state_dict(), file)
    file.seek(0)
    theirs.load_state_dict(torch.load(file))
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    a, b = ours[0](zincir.from_numpy(x)), theirs[0](torch.from_numpy(x))
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6)
    file = io.BytesIO()
    torch.save(theirs.state_dict(), file)
    file.seek(0)
    other = net(zincir)
    other.load_state_dict(zincir.load(file))
    for p, q in zip(ours.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_mapped_by_pytorch(tmp_path: Any) -> None:
    zincir.save({"w": zincir.arange(5)}, tmp_path / "w.pt")
    assert torch.load(tmp_path / "w.pt", mmap=True)["w"].tolist() == [0, 1, 2, 3, 4]


def test_whole_modules_of_pytorch_are_refused() -> None:
    for new in (True, False):
        file = io.BytesIO()
        torch.save(torch.nn.Linear(1, 1), file, _use_new_zipfile_serialization=new)
        for trust in (True, False):
            file.seek(0)
            with pytest.raises(zincir.errors.LoadError, match=r"torch\.nn\.modules\.linear\.Lin"):
                zincir.load(file, weights_only=trust)


def test_types_that_are_not_here() -> None:
    file = io.BytesIO()
    torch.save(torch.zeros(2, dtype=torch.uint16), file)
    file.seek(0)
    with pytest.raises(zincir.errors.LoadError, match=r"uint16|rebuild"):
        zincir.load(file)


def test_numbers_of_numpy_in_pytorchs_files() -> None:
    file = io.BytesIO()
    torch.save({"best": np.float64(0.5), "a": np.arange(3)}, file)
    file.seek(0)
    found = zincir.load(file)
    assert (found["best"], found["a"].tolist()) == (0.5, [0, 1, 2])


def test_a_damaged_old_file() -> None:
    file = io.BytesIO()
    torch.save({"w": torch.ones(100)}, file, _use_new_zipfile_serialization=False)
    whole = file.getvalue()
    for length in range(20, len(whole), 37):
        with pytest.raises(zincir.errors.LoadError, match=r"truncated|corrupted"):
            zincir.load(io.BytesIO(whole[:length]))


def test_safetensors() -> None:
    theirs = pytest.importorskip("safetensors.torch")

    def known(lib: Any) -> Any:
        return {k: t for k, t in types(lib)["tensors"].items() if "complex" not in k}

    made = known(zincir) | {"s": zincir.tensor(2.0), "e": zincir.zeros(0, 2)}
    data = zincir.safetensors.save(made, {"by": "zincir"})
    same(zincir.safetensors.load(data), dict(sorted(theirs.load(data).items())))
    data = theirs.save(known(torch))
    same(zincir.safetensors.load(data), dict(sorted(known(torch).items())))
