"""What SummaryWriter writes is what TensorBoard reads: records, checks and fields."""

import struct
from pathlib import Path

import numpy as np
import pytest

import zincir
from zincir.utils.tensorboard import SummaryWriter
from zincir.utils.tensorboard.records import crc32c, record


def records_of(folder: Path) -> list[bytes]:
    (path,) = folder.glob("events.out.tfevents.*")
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(data[12 : 12 + length])
        assert record(found[-1]) == data[: length + 16]
        data = data[length + 16 :]
    return found


def test_check_of_records() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_numbers(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", zincir.tensor(0.5), 300, walltime=1.0)
    first, second = records_of(tmp_path)
    assert first.endswith(b"brain.Event:2")
    value = b"\x0a\x04loss\x15" + np.float32(0.5).tobytes()
    summary = b"\x0a" + bytes([len(value)]) + value
    head = b"\x09" + struct.pack("<d", 1.0) + b"\x10\xac\x02"
    assert second == head + b"\x2a" + bytes([len(summary)]) + summary


def test_what_is_not_written_says_so(tmp_path: Path) -> None:
    writer = SummaryWriter(tmp_path)
    with pytest.warns(UserWarning, match="add_graph: this is not written"):
        writer.add_graph(None)
    writer.add_graph(None)
    with pytest.raises(AttributeError):
        writer.add_nothing()
    with pytest.raises(ValueError, match="scalar should be 0D"):
        writer.add_scalar("x", zincir.ones(2))
    writer.close()
