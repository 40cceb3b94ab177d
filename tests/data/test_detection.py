"""Images with boxes, from COCO's and YOLO's files."""

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zincir import data
from zincir.data.decoding import write_image
from zincir.errors import DataError, DataNotFound

pytest.importorskip("PIL")


def content(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 20, "height": 10},
            {"id": 3, "file_name": "deep/b.png", "width": 20, "height": 10},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "bbox": [1, 2, 5, 4], "area": 11.5},
            {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 20, 10], "iscrowd": 1},
        ],
        **changes,
    }


def coco(root: Path, **changes: Any) -> tuple[Path, Path]:
    (root / "deep").mkdir(exist_ok=True)
    for name in ("a.png", "deep/b.png"):
        write_image(root / name, np.zeros((3, 10, 20)))
    (root / "notes.json").write_text(json.dumps(content(**changes)))
    return root, root / "notes.json"


def box(*numbers: float, number: int = 5) -> dict[str, Any]:
    return {"id": number, "image_id": 7, "category_id": 2, "bbox": numbers}


def test_coco(tmp_path: Path) -> None:
    found = data.CocoDataset(*coco(tmp_path), bad_boxes="refuse")
    assert found.classes == ["cat", "dog"]
    assert found.category_ids == [2, 18]
    image, target = found[0]
    assert image.shape == (3, 10, 20)
    assert target["boxes"].tolist() == [[1, 2, 6, 6], [0, 0, 20, 10]]
    assert target["boxes"].dtype == np.float32
    assert target["labels"].tolist() == [1, 0]
    assert target["area"].tolist() == [11.5, 200]
    assert target["iscrowd"].tolist() == [False, True]
    assert target["image_id"] == 7
    assert found[1][1]["boxes"].shape == (0, 4)
    assert len(found) == 2
    assert "2 boxes of 2 classes" in repr(found)


def test_a_sample_may_be_changed(tmp_path: Path) -> None:
    found = data.CocoDataset(*coco(tmp_path), lambda image, target: (image + 1, target["labels"]))
    assert found[0][0].max() == 1
    plain = data.CocoDataset(*coco(tmp_path))
    plain[0][1]["boxes"][:] = 9
    assert plain[0][1]["boxes"].tolist() == [[1, 2, 6, 6], [0, 0, 20, 10]]


BAD: list[tuple[tuple[float, ...], str, list[list[float]]]] = [
    ((15, 5, 10, 3), "reaches beyond the image of 20 x 10", [[15, 5, 20, 8]]),
    ((-3, 0, 5, 5), "reaches beyond", [[0, 0, 2, 5]]),
    ((25, 3, 5, 5), "reaches beyond.*dropped", []),
    ((3, 3, 0, 5), "has no area; dropped", []),
    ((3, 3, 5, -1), "has no area; dropped", []),
    ((3, float("nan"), 5, 1), "not finite", []),
]


@pytest.mark.parametrize(("numbers", "words", "left"), BAD)
def test_bad_boxes(
    tmp_path: Path, numbers: tuple[float, ...], words: str, left: list[list[float]]
) -> None:
    files = coco(tmp_path, annotations=[box(*numbers)])
    with pytest.warns(UserWarning, match=rf"1 of 1 boxes(.|\n)*a.png, annotation 5: .*{words}"):
        found = data.CocoDataset(*files)
    assert found[0][1]["boxes"].tolist() == left
    assert len(found[0][1]["labels"]) == len(found[0][1]["area"]) == len(left)
    assert len(found.problems) == 1
    with pytest.raises(DataError, match="annotation 5: box"):
        data.CocoDataset(*files, bad_boxes="refuse")


def test_a_rounded_border_is_no_fault(tmp_path: Path) -> None:
    found = data.CocoDataset(*coco(tmp_path, annotations=[box(10.2, 0, 10, 10.3)]))
    np.testing.assert_allclose(found[0][1]["boxes"], [[10.2, 0, 20, 10]], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"categories": []}, "no categories"),
        ({"images": {}}, "no list 'images'"),
        ({"annotations": [{"id": 1, "image_id": 7, "category_id": 2}]}, "no 'bbox'"),
        ({"annotations": [{**box(0, 0, 1, 1), "image_id": 8}]}, "5 belongs to no image"),
        ({"annotations": [{**box(0, 0, 1, 1), "category_id": 8}]}, "5 is of no known category"),
        ({"annotations": [box(0, 0, 1)]}, r"annotations\[0\] has a bad 'bbox'"),
        ({"annotations": [{**box(0, 0, 1, 1), "area": "x"}]}, "a bad 'area'"),
        ({"categories": [{"id": None, "name": "cat"}]}, r"categories\[0\] has a bad 'id'"),
        ({"images": [7]}, r"images\[0\] is no entry"),
        ({"images": [{"id": 1, "file_name": "a"}] * 2}, "same id"),
    ],
)
def test_bad_annotation_files(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        data.CocoDataset(*coco(tmp_path, **changes))


def test_absent_and_foreign_files(tmp_path: Path) -> None:
    root, notes = coco(tmp_path)
    with pytest.raises(DataNotFound, match="no folder"):
        data.CocoDataset(root / "no", notes)
    with pytest.raises(DataNotFound, match="no file"):
        data.CocoDataset(root, root / "no.json")
    (root / "no.json").write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        data.CocoDataset(root, root / "no.json")


def yolo(root: Path, lines: str = "1 0.5 0.5 0.25 0.5\n\n") -> Path:
    for name in ("images/train", "labels/train"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("a", "b"):
        write_image(root / f"images/train/{name}.png", np.zeros((3, 10, 20)))
    (root / "labels/train/a.txt").write_text(lines)
    (root / "data.yaml").write_text("names:\n  0: cat\n  1: dog\n")
    return root


def test_yolo(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    found = data.YoloDataset(yolo(tmp_path))
    assert found.classes == ["cat", "dog"]
    assert found[0][1]["boxes"].tolist() == [[7.5, 2.5, 12.5, 7.5]]
    assert found[0][1]["labels"].tolist() == [1]
    assert found[0][1]["area"].tolist() == [25]
    assert found[1][1]["boxes"].shape == (0, 4)


@pytest.mark.parametrize(
    "places",
    [
        "train: images/train\nval: [images/train, images/train]",
        "path: .\ntrain: ./images/train\nval: images/val.txt",
        "path: ../datasets/nowhere\ntrain: ../images/train\nval: images/val.txt\ntest:",
    ],
)
def test_places_of_images_in_a_description(tmp_path: Path, places: str) -> None:
    pytest.importorskip("yaml")
    root = yolo(tmp_path)
    (root / "images/val.txt").write_text(
        "./train/a.png\ntrain/b.png\n\n./train/a.png\n./train/b.png"
    )
    (root / "coco.yaml").write_text(f"names: [cat, dog]\n{places}\n")
    parts = data.detection_parts(root / "coco.yaml")
    assert list(parts) == ["train", "val"]
    assert [len(part()) for part in parts.values()] == [2, 4]
    assert data.YoloDataset(root / "coco.yaml", "train")[0][1]["boxes"].tolist() == [
        [7.5, 2.5, 12.5, 7.5]
    ]
    with pytest.raises(DataNotFound, match="images for train, val"):
        data.YoloDataset(root / "coco.yaml", "test")


def test_a_description_that_is_wrong(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    root = yolo(tmp_path)
    (root / "data.yaml").write_text("names: [cat, dog]\ntrain: 7")
    with pytest.raises(
        DataError, match=r"data\.yaml does not say where images are(.|\n)*train is a int"
    ):
        data.detection_parts(root)
    (root / "data.yaml").write_text("names: [cat, dog]\ntrain: gone.txt\n")
    assert list(data.detection_parts(root)) == ["train"]  # the folders say it
    (root / "gone.txt").write_text("images/train/c.png\n")
    with pytest.raises(DataNotFound, match=r"1 that are not there: .*c\.png"):
        data.YoloDataset(root / "data.yaml")


@pytest.mark.parametrize("names", ["names: [cat, dog]", "names:\n- cat\n- dog\n"])
def test_names_of_classes(tmp_path: Path, names: str) -> None:
    pytest.importorskip("yaml")
    yolo(tmp_path)
    (tmp_path / "data.yaml").write_text(names)
    assert data.YoloDataset(tmp_path).classes == ["cat", "dog"]
    (tmp_path / "data.yaml").write_text("nc: 2")
    with pytest.raises(DataError, match="does not name the classes"):
        data.YoloDataset(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(DataNotFound, match=r"classes\.txt"):
        data.YoloDataset(tmp_path)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert data.YoloDataset(tmp_path).classes == ["cat", "dog"]


def test_outlines_become_boxes(tmp_path: Path) -> None:
    found = data.YoloDataset(yolo(tmp_path, "0 0.1 0.2 0.5 0.1 0.3 0.9"), classes=["a"])
    np.testing.assert_allclose(found[0][1]["boxes"], [[2, 1, 10, 9]], rtol=1e-6)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 0.2", "is not a class and a box"),
        ("0 a b c d", "is not a class and a box"),
        ("2 0.5 0.5 0.2 0.2", "is of no class: there are 2"),
        ("0.5 0.5 0.5 0.2 0.2", "is of no class"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(DataError, match=rf"a\.txt, line 1 {words}"):
        data.YoloDataset(yolo(tmp_path, line), classes=["a", "b"])


def test_labels_that_are_no_text(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    (root / "labels/train/a.txt").write_bytes(b"0 0.5 \xff")
    with pytest.raises(DataError, match=r"not text in utf-8: .*a\.txt"):
        data.YoloDataset(root, classes=["a"])


def test_bad_boxes_of_yolo(tmp_path: Path) -> None:
    root = yolo(tmp_path, "0 0.9 0.5 0.4 0.5\n0 0.5 0.5 0 0.5\n")
    with pytest.warns(UserWarning, match=r"a\.txt, line 1(.|\n)*line 2.*no area"):
        found = data.YoloDataset(root, classes=["a"])
    np.testing.assert_allclose(found[0][1]["boxes"], [[14, 2.5, 20, 7.5]], rtol=1e-6)
    with pytest.raises(DataError, match="line 1"):
        data.YoloDataset(root, classes=["a"], bad_boxes="refuse")


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"no images in(.|\n)*no such folder"):
        data.YoloDataset(tmp_path, classes=["a"])
    shutil.rmtree(yolo(tmp_path) / "images/train")
    (tmp_path / "images/train").mkdir()
    with pytest.raises(DataNotFound, match="an empty folder"):
        data.YoloDataset(tmp_path, classes=["a"])


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_written_and_read(tmp_path: Path, form: str) -> None:
    pytest.importorskip("yaml")
    scenes = data.Scenes(5, size=48, source="digits")
    data.write_detections(scenes, tmp_path, "val", form)
    data.write_detections(data.Scenes(2, "test", size=48, source="digits"), tmp_path, "test", form)
    again: Any
    if form == "yolo":
        again = data.YoloDataset(tmp_path, "val", bad_boxes="refuse")
        assert len(data.YoloDataset(tmp_path, "test")) == 2
    else:
        notes = tmp_path / "annotations/val.json"
        again = data.CocoDataset(tmp_path / "images/val", notes, bad_boxes="refuse")
    assert again.classes == scenes.classes
    assert len(again) == 5
    for (image, target), (x, y) in zip(scenes, again, strict=True):
        assert (image == x).all()
        np.testing.assert_allclose(target["boxes"], y["boxes"], rtol=1e-6)
        np.testing.assert_allclose(target["area"], y["area"], rtol=1e-5)
        assert (target["labels"] == y["labels"]).all()
    with pytest.raises(ValueError, match="form is not known"):
        data.write_detections(scenes, tmp_path, form="voc")


def test_what_is_written_is_read_by_pycocotools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    scenes = data.Scenes(3, size=48, source="digits")
    data.write_detections(scenes, tmp_path, form="coco")
    with contextlib.redirect_stdout(io.StringIO()):
        read = coco.COCO(tmp_path / "annotations/train.json")
    boxes = [a["bbox"] for a in read.loadAnns(read.getAnnIds(imgIds=[2]))]
    expected = scenes[1][1]["boxes"].copy()
    expected[:, 2:] -= expected[:, :2]
    assert boxes == expected.tolist()


def test_batches(tmp_path: Path) -> None:
    found = data.CocoDataset(*coco(tmp_path))
    (batch,) = data.DataLoader(found, batch_size=2, collate_fn=data.collate_detections)
    images, targets = batch
    assert images.shape == (2, 3, 10, 20)
    assert [t["labels"].tolist() for t in targets] == [[1, 0], []]
    write_image(tmp_path / "a.png", np.zeros((3, 11, 20)))
    with pytest.raises(DataError, match="images differ in size"):
        next(iter(data.DataLoader(found, batch_size=2, collate_fn=data.collate_detections)))
