"""Composed scenes: the same on every call, exact boxes, parts that have no image in common."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zincir.data import DataLoader, Scenes, collate_detections, load_digits, scenes
from zincir.errors import ArgumentError


def made(**options: Any) -> Scenes:
    return Scenes(**{"count": 40, "size": 64, "source": "digits", **options})


def test_a_scene_depends_on_seed_part_and_number() -> None:
    image, target = made()[3]
    again, other = made(count=100)[3]
    assert (image == again).all()
    assert (target["boxes"] == other["boxes"]).all()
    for options in ({"seed": 1}, {"part": "test"}):
        assert (made(**options)[3][0] != image).any()
    assert (made()[4][0] != image).any()
    assert (made()[-37][0] == image).all()
    assert made()[-37][1]["image_id"] == 3


def test_targets() -> None:
    counts = []
    for image, target in made():
        boxes, labels = target["boxes"], target["labels"]
        assert image.shape == (3, 64, 64)
        assert image.dtype == np.uint8
        assert boxes.dtype == np.float32
        assert boxes.shape == (len(labels), 4)
        assert labels.dtype == np.int64
        assert ((boxes >= 0) & (boxes <= 64)).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 2).all()
        assert (target["area"] == (boxes[:, 2:] - boxes[:, :2]).prod(1)).all()
        assert not target["iscrowd"].any()
        counts.append(len(labels))
    assert 1 <= min(counts) < max(counts) <= 6
    assert np.mean(counts) > 2.5


def test_boxes_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "_canvas", lambda draws, size: np.zeros((3, size, size), "f4"))
    monkeypatch.setattr(scenes, "_contrast", lambda draws, behind: np.ones(3, "f4"))
    for image, target in made(objects=(1, 1), scale=(0.5, 0.9)):
        ((x1, y1, x2, y2),) = target["boxes"].astype(int)
        bright = image.mean(axis=0) > 55
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose([x1, y1, x2, y2], found, atol=1)


def test_objects_hide_little_of_one_another() -> None:
    for _, target in made(objects=(6, 9)):
        boxes = target["boxes"]
        for i in range(len(boxes)):
            for j in range(i):
                assert scenes._hidden(boxes[i], boxes[j]) <= 0.2


def test_parts_have_no_image_in_common() -> None:
    train, test = made(), made(part="test")
    digits = load_digits()
    assert len(train._inks) == len(digits.train_labels)
    assert len(test._inks) == len(digits.test_labels)
    ours = {ink.tobytes() + bytes(ink.shape) for ink in train._inks}
    alike = [ink.tobytes() + bytes(ink.shape) in ours for ink in test._inks]
    assert sum(alike) <= 2  # digits that two people wrote alike, to the pixel


def test_all_at_once() -> None:
    images, boxes = made().arrays()
    assert images.shape == (40, 3, 64, 64)
    assert boxes.places.shape == (40, 6, 4)
    assert (images[5] == made()[5][0]).all()
    there = boxes.labels[5] >= 0
    assert (boxes.places[5][there] == made()[5][1]["boxes"]).all()
    loader = DataLoader(made(), 8, collate_fn=collate_detections)
    batch, targets = next(iter(loader))
    assert batch.shape == (8, 3, 64, 64)
    assert (targets[5]["boxes"].numpy() == made()[5][1]["boxes"]).all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"count": 0}, "count"), ({"part": "validation"}, "part"), ({"size": 8}, "size"),
        ({"objects": (3, 2)}, "objects"), ({"scale": (0, 0.5)}, "scale"),
        ({"source": "cats"}, "source"),
    ],
)  # fmt: skip
def test_bad_arguments(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ArgumentError, match=f"Scenes: {word} is out of range"):
        made(**options)


def test_there_are_no_more() -> None:
    with pytest.raises(IndexError, match="0 to 39"):
        made()[40]


def test_clothes_where_they_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZINCIR_DATA", str(tmp_path))
    monkeypatch.setattr("zincir.data.fashion_mnist.DEBIAN", tmp_path)
    assert made(source=None).source == "digits"
    with pytest.raises(ArgumentError, match="files are not there"):
        made(source="fashion-mnist")

    def clothes() -> Any:
        images = np.zeros((20, 28, 28), np.uint8)
        images[:, 4:20, 6:18] = 200
        labels = np.arange(20) % 10
        from zincir.data import FashionMNIST

        return FashionMNIST(images, labels, images[:5], labels[:5])

    monkeypatch.setattr(scenes, "load_fashion_mnist", clothes)
    found = made(source=None)
    assert found.source == "fashion-mnist"
    assert found.classes[9] == "ankle boot"
    assert len(found._inks) == 20
    assert found._inks[0].shape == (16, 12)
