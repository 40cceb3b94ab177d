"""Folders of files as data sets: classes, labels, what is left out, what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import data
from zincir.data.decoding import write_image
from zincir.errors import ArgumentError, DataError, DataNotFound

pytest.importorskip("PIL")


def colour(value: int, height: int = 4, width: int = 6) -> np.ndarray[Any, Any]:
    return np.full((3, height, width), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, values in {"dog": (10, 20), "cat": (30,)}.items():
        (tmp_path / name / "deep").mkdir(parents=True)
        for value in values:
            write_image(tmp_path / name / f"{value}.png", colour(value))
    write_image(tmp_path / "cat" / "deep" / "1.PNG", colour(40))
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / "._30.png").write_text("what a Mac leaves")
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_images_and_labels(folder: Path) -> None:
    images = data.ImageFolder(folder)
    assert images.classes == ["cat", "dog"]
    assert images.class_to_idx == {"cat": 0, "dog": 1}
    assert images.targets == [0, 0, 1, 1]
    assert images.imgs is images.samples
    assert [int(x[0, 0, 0]) for x, _ in images] == [30, 40, 10, 20]
    x, y = images[2]
    assert x.shape == (3, 4, 6)
    assert x.dtype == np.uint8
    assert y == 1


def test_files_of_a_batch_are_read_side_by_side(folder: Path) -> None:
    images = data.ImageFolder(folder, transform=lambda x: x + 1, target_transform=str)
    for threads in (1, 2):
        before = zincir.get_num_threads()
        zincir.set_num_threads(threads)
        batch = images.__getitems__([3, 0, 3, 1])
        zincir.set_num_threads(before)
        assert [(int(x[0, 0, 0]), y) for x, y in batch] == [
            (21, "1"),
            (31, "0"),
            (21, "1"),
            (41, "0"),
        ]
    (folder / "dog" / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.jpg(.|\n)*where .*test_folders\.py"):
        data.ImageFolder(folder).__getitems__([0, 4])

    class Own(data.ImageFolder):
        def __getitem__(self, index: Any) -> Any:
            return index

    assert Own(folder).__getitems__([2, 1]) == [2, 1]


def test_batches_of_a_folder(folder: Path) -> None:
    loader = data.DataLoader(data.ImageFolder(folder, size=4), batch_size=3)
    shapes = [(tuple(x.shape), y.tolist()) for x, y in loader]
    assert shapes == [((3, 3, 4, 4), [0, 0, 1]), ((1, 3, 4, 4), [1])]


def test_arguments_of_torchvision(folder: Path) -> None:
    images = data.ImageFolder(
        folder,
        transform=lambda x: x / 255,
        target_transform=lambda y: -y,
        is_valid_file=lambda path: path.endswith("0.png"),
    )
    assert [y for _, y in images] == [0, -1, -1]
    assert images[0][0].max() == 30 / 255
    texts = data.DatasetFolder(folder, lambda path: path, ".txt", allow_empty=True)
    assert texts.targets == [0]
    assert str(texts[0][0]).endswith("notes.txt")


def test_greys(folder: Path) -> None:
    assert data.ImageFolder(folder, mode="L")[0][0].shape == (1, 4, 6)


def test_the_middle_is_cut_out(tmp_path: Path) -> None:
    wide = np.zeros((3, 4, 8), np.uint8)
    wide[:, :, 2:6] = 200
    write_image(tmp_path / "x.png", wide)
    assert (data.read_image(tmp_path / "x.png", size=4) == 200).all()


def test_broken_images_are_named(folder: Path) -> None:
    (folder / "dog" / "bad.jpg").write_bytes(b"no picture")
    images = data.ImageFolder(folder)
    with pytest.raises(DataError, match=r"cannot be decoded.*bad\.jpg"):
        list(images)
    with pytest.warns(UserWarning, match=r"1 of 5 files cannot be decoded(.|\n)*bad\.jpg"):
        images = data.ImageFolder(folder, broken="skip")
    assert len(list(images)) == len(images) == 4
    assert [Path(path).name for path, _ in images.skipped] == ["bad.jpg"]


def test_cut_off_images_are_broken(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 40))
    for name in ("10.png", "10.jpg"):
        path = folder / "dog" / name
        write_image(path, noise)
        path.write_bytes(path.read_bytes()[:700])
        with pytest.raises(DataError, match=rf"cannot be decoded.*{name}"):
            data.read_image(path)


def test_nothing_to_decode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="1 of 1 files"),
        pytest.raises(DataError, match="not one file"),
    ):
        data.ImageFolder(tmp_path, broken="skip")


def test_folders_without_classes(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="no such folder"):
        data.ImageFolder(tmp_path / "no")
    with pytest.raises(DataNotFound, match="empty folder"):
        data.ImageFolder(tmp_path)
    (tmp_path / "1.png").write_text("")
    with pytest.raises(FileNotFoundError, match=r"Couldn't find any class folder(.|\n)*1\.png"):
        data.ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes cat"):
        data.ImageFolder(tmp_path)
    assert len(data.ImageFolder(tmp_path, allow_empty=True)) == 0


def test_arguments_that_exclude_each_other(folder: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be None or not None"):
        data.DatasetFolder(folder, open)
    with pytest.raises(ArgumentError, match="broken is not known"):
        data.ImageFolder(folder, broken="ignore")
    with pytest.raises(ArgumentError, match="mode is not known"):
        data.read_image("x.png", mode="CMYK")
    with pytest.raises(DataNotFound, match=r"no image file x\.png"):
        data.read_image("x.png")


def test_arrays_of_images() -> None:
    x = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    images = data.ImageArrays(x, np.array([1, 0], np.int32), channels="last", classes=["a", "b"])
    assert images[0][0].shape == (3, 3, 4)
    assert images[1][0].numpy()[2, 0, 1] == x[1, 0, 1, 2]
    assert images.tensors[1].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 3, 1], r"sample 1 is out of range(.|\n)*0 to 2(.|\n)*3"),
        ([0, 1, -1], "sample 2 is out of range"),
        ([0.0, 1.0, 2.0], "no whole numbers"),
        ([0, 1], "not one label for each"),
    ],
)
def test_labels_are_checked(labels: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        data.ImageArrays(np.zeros((3, 2, 2), np.uint8), labels, classes=["a", "b", "c"])


def test_pixels_are_checked() -> None:
    x = np.zeros((2, 1, 3, 3), np.float32)
    x[1, 0, 2, 1] = np.nan
    with pytest.raises(DataError, match=r"image 1 has a pixel that is NaN(.|\n)*row 2, column 1"):
        data.ImageArrays(x)
    with pytest.raises(TypeError, match="neither bytes nor float32"):
        data.ImageArrays(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="not a batch of images"):
        data.ImageArrays(np.zeros((3, 3), np.uint8))
