"""Tables: kinds of columns, missing values by name, encoders that learn from one part alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zincir.data import DataLoader, Table, TableDataset, TableEncoder
from zincir.errors import ArgumentError, DataError, ShapeError, StateError, UnknownName

PEOPLE = """name,age,city,income
Ann,20,Rome,10
Bob,40,Oslo,30
"Eve, jr",60,Rome,50
"""


def written(tmp_path: Path, text: str = PEOPLE) -> Path:
    (tmp_path / "people.csv").write_text(text)
    return tmp_path / "people.csv"


def test_a_file(tmp_path: Path) -> None:
    table = Table.from_csv(written(tmp_path), target="income")
    assert len(table) == 3
    assert {n: c.kind for n, c in table.columns.items()} == {
        "name": "category", "age": "number", "city": "category", "income": "number"}  # fmt: skip
    assert table.columns["name"].values.tolist() == ["Ann", "Bob", "Eve, jr"]
    assert table.features == ["name", "age", "city"]
    assert "age: number" in repr(table)


def test_numbers_that_are_names(tmp_path: Path) -> None:
    table = Table.from_csv(written(tmp_path), target="age", kinds={"age": "category"})
    assert TableDataset(table).classes == ["20", "40", "60"]


def test_features_and_targets(tmp_path: Path) -> None:
    table = Table.from_csv(written(tmp_path), target="income").without("name")
    rows = TableDataset(table)
    assert rows.encoder.feature_names == ["age", "city=Oslo", "city=Rome"]
    x, y = rows.tensors
    assert x.shape == (3, 3)
    np.testing.assert_allclose(x.numpy()[:, 0], [-(1.5**0.5), 0, 1.5**0.5], rtol=1e-6)
    assert x.numpy()[:, 1:].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert y.tolist() == [[10], [30], [50]]
    (batch,) = DataLoader(rows, batch_size=3)
    assert batch[0].dtype == batch[1].dtype == x.dtype


def test_codes() -> None:
    table = Table({"a": ["x", "y", "x"], "n": [1.0, 2.0, 3.0], "b": ["u", "u", "v"]})
    encoder = TableEncoder(table, categories="codes", unknown="ignore")
    numbers, codes = encoder.encode(table)
    assert numbers.shape == (3, 1)
    assert codes.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert encoder.cardinalities == {"a": 3, "b": 3}
    assert encoder.encode({"a": ["z"], "n": [2.0], "b": ["v"]})[1].tolist() == [[2, 1]]
    assert len(TableDataset(table, encoder).tensors) == 2


def test_only_the_training_part_is_learnt_from() -> None:
    table = Table({"x": [0.0, 2.0, 1000.0], "y": ["a", "b", "a"]}, "y")
    train = TableDataset(table.take([0, 1]))
    test = TableDataset(table.take([2]), train.encoder)
    assert train.encoder.numbers["x"] == (1.0, 1.0)
    assert test[0][0].tolist() == [999.0]


def test_a_constant_column_is_zero() -> None:
    assert TableEncoder(Table({"x": [5.0, 5.0]})).encode({"x": [5.0]})[0].tolist() == [[0.0]]


def test_missing_values_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, PEOPLE + "Dan,NA,Bonn,\n")
    with pytest.raises(DataError) as error:
        Table.from_csv(path, target="income")
    assert "1 of 4 rows" in str(error.value)
    assert "people.csv, line 5, column 'age'" in str(error.value)
    assert "line 5, column 'income'" in str(error.value)
    with pytest.warns(UserWarning, match=r"line 5, column 'age'"):
        assert len(Table.from_csv(path, missing="drop")) == 3
    with pytest.raises(DataError, match="line 5, column 'income'"):
        Table.from_csv(path, target="income", missing="fill")
    filled = Table.from_csv(path, missing="fill")
    assert len(filled) == 4
    assert TableEncoder(filled).encode(filled)[0][3, 4] == 0


def test_filled_categories_have_one_of_their_own() -> None:
    table = Table({"c": ["a", None, "b"], "n": [1.0, np.nan, 3.0]}, missing="fill")
    encoder = TableEncoder(table)
    assert encoder.feature_names == ["c=a", "c=b", "c=(missing)", "n"]
    assert encoder.encode(table)[0].tolist() == [[1, 0, 0, -1], [0, 0, 1, 0], [0, 1, 0, 1]]
    assert encoder.encode({"c": [None], "n": [None]})[0].tolist() == [[0, 0, 1, 0]]
    strict = TableEncoder(Table({"n": [1.0, 2.0]}))
    with pytest.raises(DataError, match=r"'n' are missing(.|\n)*row 1"):
        strict.encode({"n": [1.0, np.nan]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", r"line 3: there are 1 values for 2 columns"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        ("a,b\n", "there are no rows"),
        ("", "no columns"),
        ("a,y\n1,inf\n", r"row 2, column 'y': the value is not finite"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Table.from_csv(written(tmp_path, text))


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff,2\n")
    with pytest.raises(DataError, match=r"not text in utf-8(.|\n)*byte 4"):
        Table.from_csv(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("a,b\n" + "x" * 200_000 + ",2\n")
    with pytest.raises(DataError, match=r"line 2: not comma-separated values(.|\n)*field larger"):
        Table.from_csv(tmp_path / "t.csv")


def test_bad_numbers_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a\n1\nx\n")
    with pytest.raises(DataError, match=r"row 3, column 'a': the value is not a number(.|\n)*'x'"):
        Table.from_csv(path, kinds={"a": "number"})
    with pytest.raises(DataError, match=r"row 1, column 'x': the value is not finite"):
        Table({"x": [1.0, np.inf]})


def test_numbers_that_are_too_large() -> None:
    table = Table({"x": [1.0, 2.0], "y": [1.0, 1e300]}, "y")
    with pytest.raises(DataError, match=r"row 1, column 'y': too large a number(.|\n)*1e\+300"):
        TableDataset(table)
    encoder = TableEncoder(Table({"x": [0.0, 1.0]}))
    with pytest.raises(DataError, match="row 1, column 'x': too large"):
        encoder.encode({"x": [0.0, 1e200]})


def test_arguments() -> None:
    with pytest.raises(UnknownName, match="no column 'z'"):
        Table({"a": [1]}, target="z")
    with pytest.raises(ArgumentError, match="kind of 'a' is not known"):
        Table({"a": [1]}, kinds={"a": "text"})
    with pytest.raises(ArgumentError, match="missing is not known"):
        Table({"a": [1]}, missing="ignore")
    with pytest.raises(ShapeError, match="columns differ in length"):
        Table({"a": [1], "b": [1, 2]})
    with pytest.raises(UnknownName, match="no column 'b'"):
        Table({"a": [1], "b": [2]}, "b").without("b")


def test_a_class_that_training_lacks() -> None:
    table = Table({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "c"]}, "y")
    encoder = TableEncoder(table.take([0, 1]))
    with pytest.raises(DataError, match=r"row 2, column 'y'(.|\n)*a, b(.|\n)*'c'"):
        encoder.encode_target(table)
    with pytest.raises(DataError, match="one class only"):
        TableEncoder(table.take([0]))


def test_unknown_categories() -> None:
    table = Table({"x": ["a", "b"]})
    with pytest.raises(DataError, match=r"row 0, column 'x': a category(.|\n)*ignore"):
        TableEncoder(table).encode({"x": ["c"]})
    ignoring = TableEncoder(table, unknown="ignore")
    assert ignoring.encode({"x": ["c", "b"]})[0].tolist() == [[0, 0], [0, 1]]


def test_encoders_are_saved() -> None:
    table = Table({"c": ["10", "9", None], "n": [0.1, 0.7, np.nan], "y": ["u", "v", "u"]}, "y",
                  missing="fill")  # fmt: skip
    encoder = TableEncoder(table)
    again = TableEncoder.from_state_dict(json.loads(json.dumps(encoder.state_dict())))
    assert (again.encode(table)[0] == encoder.encode(table)[0]).all()
    assert again.classes == ["u", "v"]
    for wrong in ({}, {**encoder.state_dict(), "version": 9}, {**encoder.state_dict(), "form": ""}):
        with pytest.raises(StateError, match="not the state of an encoder"):
            TableEncoder.from_state_dict(wrong)


def test_parts_have_the_same_shares() -> None:
    table = Table({"x": range(100), "y": ["a"] * 90 + ["b"] * 10}, "y")
    train, test = table.split([0.8, 0.2], seed=3)
    assert (len(train), len(test)) == (80, 20)
    assert list(test.columns["y"].values).count("b") == 2
    both = [*train.columns["x"].values, *test.columns["x"].values]
    assert sorted(both) == list(range(100))
    again = table.split([80, 20], seed=3)[1]
    assert (again.rows == test.rows).all()
    assert (table.split([80, 20], seed=4)[1].rows != test.rows).any()


def test_arrays() -> None:
    table = Table.from_arrays(np.eye(3), np.array([0, 1, 1]))
    assert table.features == ["x0", "x1", "x2"]
    assert TableDataset(table).classes == ["0", "1"]
    numbers = Table.from_arrays(np.eye(3, dtype=np.int8), np.array([0.5, 1, 1]), ["a", "b", "c"])
    assert numbers.columns["target"].kind == "number"
    with pytest.raises(ShapeError, match="do not fit"):
        Table.from_arrays(np.eye(3), np.zeros(2))
    x = np.eye(3)
    x[1, 2] = np.nan
    with pytest.raises(DataError, match="row 1, column 'x2'"):
        Table.from_arrays(x)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library: str) -> None:
    frames: Any = pytest.importorskip(library)
    frame = frames.DataFrame(
        {"n": [1.5, None, 3.0], "i": [1, 2, None], "c": ["a", "b", None], "b": [True, False, True]}
    )
    table = Table.from_frame(frame, missing="fill")
    kinds = {name: column.kind for name, column in table.columns.items()}
    assert kinds == {"n": "number", "i": "number", "c": "category", "b": "category"}
    assert table.columns["c"].values.tolist() == ["a", "b", None]
    assert table.columns["b"].values.tolist() == ["True", "False", "True"]
    with pytest.raises(DataError) as error:
        Table.from_frame(frame)
    for place in ("row 1, column 'n'", "row 2, column 'i'", "row 2, column 'c'"):
        assert place in str(error.value)


def test_frames_of_special_types() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "i": pandas.array([1, None, 3], dtype="Int64"),
            "c": pandas.Categorical(["u", "v", "u"]),
            "s": pandas.array(["p", None, "q"], dtype="string"),
        },
        index=[10, 20, 30],
    )
    table = Table.from_frame(frame, missing="fill")
    assert [c.kind for c in table.columns.values()] == ["number", "category", "category"]
    np.testing.assert_array_equal(table.columns["i"].values, [1, np.nan, 3])
    assert table.columns["s"].values.tolist() == ["p", None, "q"]
