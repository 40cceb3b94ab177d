"""Targets that are boxes: they follow what happens to images; metrics of several values."""

from typing import ClassVar

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.data import augment
from zincir.data.augment import Boxes, pad_boxes
from zincir.metrics import MeanAveragePrecision, Metric
from zincir.trainer import Trainer


class Whole(nn.Module):
    """One box for each image: the one parameter."""

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(zincir.zeros(4))

    def forward(self, x):
        return {"boxes": self.place.expand(x.shape[0], 1, 4)}


def data():
    images = np.zeros((6, 3, 8, 10), np.uint8)
    boxes = pad_boxes([{"boxes": [[1, 2, 4, 6]], "labels": [0]}] * 6, count=2)
    return images, boxes


def test_boxes_follow_their_images():
    """Always mirrored: the one box that fits is the mirror image, and `visible` comes along."""

    def loss(found, boxes):
        assert isinstance(boxes, Boxes)
        assert boxes.visible.shape in {(3, 2), (6, 2)}
        return (found["boxes"] - boxes.places[:, :1]).abs().mean()

    model = Whole()
    optimizer = zincir.optim.Adam(model.parameters(), lr=0.3)
    trainer = Trainer(model, loss, optimizer, seed=0)
    flip = augment.Compose([augment.RandomHorizontalFlip(p=1)])
    trainer.fit(data(), epochs=60, batch_size=3, augment=flip, progress=False)
    np.testing.assert_allclose(model.place.detach().numpy(), [6, 2, 9, 6], atol=0.5)
    assert trainer.evaluate(data())["loss"] == pytest.approx(2.5, abs=0.3)


class Two(Metric):
    """Two values by name."""

    keeps: ClassVar = {"seen": zincir.int64}

    def see(self, predictions, targets):
        self.add(seen=predictions["boxes"].shape[0])

    def value(self):
        seen = self.states["seen"]
        return {"seen": seen, "twice": 2 * seen}


class Dear(Two):
    """The same, but not while training."""

    while_training = False

    def value(self):
        return {"late": self.states["seen"]}


def test_a_metric_of_several_values_and_one_that_is_not_measured_while_training():
    trainer = Trainer(Whole(), lambda found, boxes: found["boxes"].sum(), metrics=[Two(), Dear()])
    trainer.fit(data(), data(), epochs=1, batch_size=4, progress=False)
    row = trainer.history[-1]
    assert (row["seen"], row["twice"]) == (6, 12)
    assert (row["val_seen"], row["val_twice"], row["val_late"]) == (6, 12, 6)
    assert "late" not in row
    assert MeanAveragePrecision.while_training is False
