"""What is written, read by TensorBoard itself."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.trainer import TensorBoardLog
from zincir.utils.tensorboard import SummaryWriter

accumulators = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="TensorBoard is not installed: nothing is read by it",
)


def read_by_it(folder: Path) -> Any:
    read = accumulators.EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    return read.Reload()


def test_numbers_and_steps(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in (0, 1, 127, 128, 2**31, 2**40):
            writer.add_scalar(
                "loss/train", zincir.tensor(1 / (step + 3)), step, walltime=step + 0.5
            )
        writer.add_scalar("nan", float("nan"), 1)
        writer.add_scalar("inf", float("-inf"), 1)
    read = read_by_it(tmp_path)
    assert read.Tags()["scalars"] == ["loss/train", "nan", "inf"]
    seen = [(e.step, e.wall_time, np.float32(e.value)) for e in read.Scalars("loss/train")]
    steps = (0, 1, 127, 128, 2**31, 2**40)
    assert seen == [(s, s + 0.5, np.float32(1 / (s + 3))) for s in steps]
    assert np.isnan(read.Scalars("nan")[0].value)
    assert read.Scalars("inf")[0].value == -np.inf


def test_a_number_for_each_of_several(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("error", {"train": 0.25, "test": 0.5}, 3)
    for name, value in (("train", 0.25), ("test", 0.5)):
        (e,) = read_by_it(tmp_path / f"error_{name}").Scalars("error")
        assert (e.step, e.value) == (3, value)


def test_a_histogram(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=1000)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", values, 7, bins=[-5.0, -1.0, 0.0, 1.0, 5.0])
    (e,) = read_by_it(tmp_path).Histograms("weights")
    found = e.histogram_value
    assert (e.step, found.num) == (7, 1000)
    extremes = (found.min, found.max, found.sum, found.sum_squares)
    expected = (values.min(), values.max(), values.sum(), (values**2).sum())
    np.testing.assert_allclose(extremes, expected)
    counts = dict(zip(found.bucket_limit, found.bucket, strict=True))
    expected_counts, _ = np.histogram(values, [-5.0, -1.0, 0.0, 1.0, 5.0])
    assert [counts[limit] for limit in (-1.0, 0.0, 1.0, 5.0)] == list(expected_counts)


def test_an_image_and_a_text(tmp_path: Path) -> None:
    image_of = pytest.importorskip("PIL.Image", reason="Pillow is not installed: no image is read")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("picture", pixels, 2)
        writer.add_text("note", "a **bold** claim", 4)
    read = read_by_it(tmp_path)
    (e,) = read.Images("picture")
    assert (e.step, e.width, e.height) == (2, 4, 5)
    seen = np.asarray(image_of.open(io.BytesIO(e.encoded_image_string)))
    np.testing.assert_array_equal(seen, pixels.transpose(1, 2, 0))
    (e,) = read.Tensors("note/text_summary")
    assert (e.step, e.tensor_proto.string_val) == (4, [b"a **bold** claim"])


def test_the_history_of_a_trainer(tmp_path: Path) -> None:
    zincir.manual_seed(0)
    net = nn.Linear(3, 2)
    trainer = zincir.Trainer(
        net, nn.CrossEntropyLoss(), optim.SGD(net.parameters(), lr=0.1), metrics=["accuracy"],
        callbacks=[TensorBoardLog(tmp_path)],
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    history = trainer.fit((x, y), validation=(x, y), epochs=3, batch_size=8, progress=False)
    read = read_by_it(tmp_path)
    for name in ("loss", "val_loss", "accuracy", "val_accuracy", "lr"):
        seen = [e.value for e in read.Scalars(name)]
        assert seen == [np.float32(row[name]) for row in history.rows], name
