"""Confusion matrices as pictures."""

import builtins

import numpy as np
import pytest

from zincir.errors import ArgumentError
from zincir.metrics import ConfusionMatrix

PNG = b"\x89PNG\r\n\x1a\n"


def seen(**settings):
    metric = ConfusionMatrix(num_classes=3, **settings)
    metric.update([0, 1, 2, 2], [0, 1, 1, 2])
    return metric


def texts(figure):
    return [t.get_text() for t in figure.axes[0].texts]


def test_counts_and_names_are_written(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")
    figure = seen().plot(["a", "b", "c"], tmp_path / "confusion.png")
    axes = figure.axes[0]
    assert texts(figure) == ["1", "1", "1", "1"]
    assert axes.get_title() == "75.0% right"
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b", "c"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]])
    assert (tmp_path / "confusion.png").read_bytes().startswith(PNG)


def test_shares_are_written_where_they_are_asked_for():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")
    figure = seen(normalize="pred").plot()
    assert texts(figure) == ["1.00", "1.00", "0.50", "0.50"]
    assert figure.axes[0].get_title() == "75.0% right"


def test_what_is_no_picture():
    with pytest.raises(ArgumentError, match="2 names for 3 classes"):
        seen().plot(["a", "b"])
    many = ConfusionMatrix("multilabel")
    many.update([[1, 0], [0, 1]], [[1, 0], [1, 1]])
    with pytest.raises(ArgumentError, match="a matrix for each label"):
        many.plot()


def test_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def absent(name, *others, **more):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *others, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match="drawn by matplotlib"):
        seen().plot()
