"""Files of the safetensors format: written, read, and refused."""

import json
from pathlib import Path
from typing import Any

import pytest

import zincir
from zincir import nn, safetensors
from zincir.errors import ArgumentError, LoadError


def data_of(header: Any, rest: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def entry(start: int, end: int, shape: list[int], dtype: str = "U8") -> Any:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_weights_come_back(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    path = tmp_path / "net.safetensors"
    safetensors.save_file(net.state_dict(), path, {"by": "us"})
    found = safetensors.load_file(path)
    assert list(found) == ["bias", "weight"]
    other = nn.Linear(3, 2)
    other.load_state_dict(found)
    assert other.weight.tolist() == net.weight.tolist()
    found["bias"].add_(1)
    size = int.from_bytes(path.read_bytes()[:8], "little")
    assert size % 8 == 0
    assert json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"] == {"by": "us"}


def test_views_and_types() -> None:
    x = zincir.arange(6).reshape(2, 3)
    found = safetensors.load(safetensors.save({"t": x.t(), "b": zincir.tensor([True, False])}))
    assert found["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["b"].dtype is zincir.bool
    assert safetensors.load(safetensors.save({})) == {}


DAMAGED = {
    "nothing": b"",
    "no header": (100).to_bytes(8, "little") + b"{}",
    "endless header": (2**63).to_bytes(8, "little") + b"{}",
    "no JSON": data_of(b"{..."),
    "a list": data_of([1]),
    "no offsets": data_of({"a": {"dtype": "U8", "shape": [1]}}),
    "a gap": data_of({"a": entry(1, 2, [1])}, b"ab"),
    "an overlap": data_of({"a": entry(0, 2, [2]), "b": entry(1, 2, [1])}, b"ab"),
    "backwards": data_of({"a": entry(0, -1, [1])}, b"ab"),
    "too short": data_of({"a": entry(0, 3, [3])}, b"ab"),
    "too long": data_of({"a": entry(0, 1, [1])}, b"ab"),
    "another size": data_of({"a": entry(0, 2, [3])}, b"ab"),
    "negative": data_of({"a": entry(0, 2, [-2])}, b"ab"),
    "unknown type": data_of({"a": entry(0, 2, [2], "F3")}, b"ab"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(name: str) -> None:
    with pytest.raises(LoadError, match="load: "):
        safetensors.load(DAMAGED[name])


def test_what_cannot_be_written() -> None:
    x = zincir.ones(3)
    with pytest.raises(ArgumentError, match="'a' and 'b' share memory"):
        safetensors.save({"a": x, "b": x[1:]})
    with pytest.raises(ArgumentError, match="'a' is no tensor"):
        safetensors.save({"a": 1})  # type: ignore[dict-item]
    with pytest.raises(ArgumentError, match="dictionary of tensors"):
        safetensors.save([x])  # type: ignore[arg-type]
