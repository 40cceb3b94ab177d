"""Damaged files are read, or refused with a message of ours: nothing else comes out."""

import json
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zincir import data
from zincir.data.decoding import write_image
from zincir.errors import ZincirError

pytest.importorskip("PIL")
pytest.importorskip("yaml")
TRIES = 150
CSV = b'a,b,c\n1,2.5,x\n3,4,y\n"q,r",5,z\n7,NA,w\n'
COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "x.png", "width": 20, "height": 16}],
    "categories": [{"id": 1, "name": "c"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12}],
}
STRANGE = [None, "s", [], {}, -1, 0, 1e400, float("nan"), True, [1, 2]]


def damaged(content: bytes, rng: random.Random) -> bytes:
    b = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        kind, at = rng.random(), rng.randrange(len(b) + 1)
        if kind < 0.4 and at < len(b):
            b[at] = rng.randrange(256)
        elif kind < 0.6:
            del b[at : at + rng.randint(1, 20)]
        elif kind < 0.8:
            b[at:at] = rng.randbytes(rng.randint(1, 5))
        else:
            del b[at:]
    return bytes(b)


def strange(value: Any, rng: random.Random) -> Any:
    """The same structure, somewhere with another value, or with less."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: strange(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], strange(value[at], rng), *value[at + 1 :]]
    return rng.choice(STRANGE)


def outcomes(make: Callable[[random.Random], Any]) -> tuple[int, int]:
    """How many of the files are read, and how many refused."""
    read = refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(TRIES):
            try:
                make(random.Random(seed))
                read += 1
            except ZincirError:
                refused += 1
    return read, refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 20))
    for part in ("images", "labels"):
        (tmp_path / part / "train").mkdir(parents=True)
    for name in ("x.png", "x.jpg", "x.bmp", "x.webp", "x.tiff", "images/train/a.png"):
        write_image(tmp_path / name, noise)
    return tmp_path


def test_images(folder: Path) -> None:
    def make(rng: random.Random) -> None:
        kind = rng.choice(["png", "jpg", "bmp", "webp", "tiff"])
        path = folder / f"damaged.{kind}"
        path.write_bytes(damaged((folder / f"x.{kind}").read_bytes(), rng))
        assert data.read_image(path, size=8).shape == (3, 8, 8)

    assert all(outcomes(make))


def test_tables(folder: Path) -> None:
    def make(rng: random.Random) -> None:
        path = folder / "t.csv"
        path.write_bytes(damaged(CSV, rng).decode("latin-1").encode())
        missing, target = rng.choice(["refuse", "drop", "fill"]), rng.choice([None, "a", "c"])
        table = data.Table.from_csv(path, target, missing=missing)
        for tensor in data.TableDataset(table).tensors:
            assert np.isfinite(tensor.numpy()).all()

    assert all(outcomes(make))


def test_texts(folder: Path) -> None:
    def make(rng: random.Random) -> None:
        (folder / "t.csv").write_bytes(damaged(CSV, rng))
        list(data.TextDataset.from_csv(folder / "t.csv", "a", "c"))

    assert all(outcomes(make))


@pytest.mark.parametrize("kind", ["bytes", "values"])
def test_annotations_of_coco(folder: Path, kind: str) -> None:
    def make(rng: random.Random) -> None:
        text = json.dumps(COCO if kind == "bytes" else strange(COCO, rng)).encode()
        (folder / "n.json").write_bytes(damaged(text, rng) if kind == "bytes" else text)
        for known in data.CocoDataset(folder, folder / "n.json").images:
            assert (known.boxes[:, 2:] > known.boxes[:, :2]).all()

    assert all(outcomes(make))


def test_labels_of_yolo(folder: Path) -> None:
    def make(rng: random.Random) -> None:
        lines = damaged(b"0 0.5 0.5 0.2 0.3\n1 0.1 0.1 0.2 0.2 0.3 0.1\n", rng)
        (folder / "labels/train/a.txt").write_bytes(lines)
        for known in data.YoloDataset(folder, classes=["a", "b"]).images:
            assert (known.boxes[:, 2:] > known.boxes[:, :2]).all()

    assert all(outcomes(make))


def test_names_of_yolo(folder: Path) -> None:
    def make(rng: random.Random) -> None:
        (folder / "data.yaml").write_bytes(damaged(b"names:\n  0: cat\n  1: dog\nnc: 2\n", rng))
        assert data.YoloDataset(folder).classes

    assert all(outcomes(make))
