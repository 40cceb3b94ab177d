"""Texts from folders, tables and files."""

from pathlib import Path

import pytest

from zincir.data import TextDataset
from zincir.errors import DataError, DataNotFound, ShapeError


def test_a_folder_of_folders(tmp_path: Path) -> None:
    for name, text in {"spam": "buy\r\nnow", "ham": "hello, ö"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_bytes(text.encode())
    texts = TextDataset.from_folder(tmp_path)
    assert list(texts) == [("hello, ö", 0), ("buy\nnow", 1)]
    assert texts.classes == ["ham", "spam"]
    (tmp_path / "ham" / "2.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataError, match=r"not text in utf-8(.|\n)*byte 0"):
        TextDataset.from_folder(tmp_path)


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('﻿id,text,label\n1,"a, ""b""\nc",x\n\n2,d,y\n', "utf-8")
    texts = TextDataset.from_csv(path)
    assert texts.texts == ['a, "b"\nc', "d"]
    assert texts.targets == [0, 1]
    assert list(TextDataset.from_csv(path, "label", None, transform=str.upper)) == ["X", "Y"]
    with pytest.raises(DataError, match="no column 'words'"):
        TextDataset.from_csv(path, "words")
    path.write_text("text,label\na\n")
    with pytest.raises(DataError, match=r"line 2: there are fewer columns"):
        TextDataset.from_csv(path)


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("one\n\n two \nthree")
    assert list(TextDataset.from_lines(tmp_path / "t.txt")) == ["one", " two ", "three"]
    with pytest.raises(DataNotFound, match="no file"):
        TextDataset.from_lines(tmp_path / "u.txt")


def test_labels() -> None:
    assert TextDataset(["a", "b", "c"], [10, 9, 10]).targets == [1, 0, 1]
    with pytest.raises(DataError, match="text 1 is none of the classes"):
        TextDataset(["a", "b"], ["x", "z"], classes=["x", "y"])
    with pytest.raises(ShapeError, match="not one label for each"):
        TextDataset(["a", "b"], ["x"])
