"""The detector: which place answers for which box, the loss, boxes that are picked, learning."""

import numpy as np
import pytest

import zincir
from zincir.data import Scenes
from zincir.models import Detector, Found, detection_loss, detections
from zincir.models.detector import assigned, places_of
from zincir.trainer import Trainer


def test_shapes_and_places():
    found = Detector(3, width=8)(zincir.zeros(2, 3, 64, 96, dtype=zincir.uint8))
    assert found.scores.shape == (2, 96, 3)
    assert found.boxes.shape == (2, 96, 4)
    places = found.places.tolist()
    assert places[:2] == [[4.0, 4.0], [12.0, 4.0]]
    assert places[12] == [4.0, 12.0]
    left, top, right, bottom = (found.boxes[..., k] for k in range(4))
    assert bool(((left < right) & (top < bottom)).all())
    assert found.scores.sigmoid().mean().item() == pytest.approx(0.01, abs=0.01)


def test_a_place_answers_for_the_smallest_box_it_is_near_the_middle_of():
    places = zincir.tensor(places_of(4, 4))
    boxes = zincir.tensor([[[0.0, 0.0, 32.0, 32.0], [8.0, 8.0, 16.0, 16.0], [0.0, 0.0, 0.0, 0.0]]])
    matched, kinds, answers = assigned(places, boxes, zincir.tensor([[5, 7, -1]]))
    grid = kinds.reshape(4, 4).tolist()
    assert grid == [[0, 0, 0, 0], [0, 7, 5, 0], [0, 5, 5, 0], [0, 0, 0, 0]]
    assert answers.reshape(4, 4).sum(1).tolist() == [0, 2, 2, 0]
    assert matched[0, 5].tolist() == [8, 8, 16, 16]
    none = assigned(places, boxes, zincir.tensor([[-1, -1, -1]]))[2]
    assert none.sum().item() == 0


def test_the_loss_is_least_for_what_is_there():
    places = zincir.tensor(places_of(4, 4))
    box = zincir.tensor([[[4.0, 4.0, 28.0, 28.0]]])
    targets = box, zincir.tensor([[1]])
    answers = assigned(places, *targets)[2]
    right = box.expand(1, 16, 4)
    sure = zincir.full((1, 16, 3), -8.0)
    sure[0, :, 1] = answers[0] * 16 - 8
    best = detection_loss(Found(sure, right, places), targets).item()
    shifted = detection_loss(Found(sure, right + 4.0, places), targets).item()
    unsure = detection_loss(Found(sure * 0, right, places), targets).item()
    assert best < 1e-3 < 0.1 < min(shifted, unsure)
    empty = detection_loss(Found(sure, right, places), (box, zincir.tensor([[-1]]))).item()
    assert np.isfinite(empty)
    assert empty > best


def test_the_loss_has_gradients():
    zincir.manual_seed(0)
    scores = zincir.randn(2, 16, 3, dtype=zincir.float64).requires_grad_()
    sides = zincir.rand(2, 16, 4, dtype=zincir.float64).requires_grad_()
    places = zincir.tensor(places_of(4, 4)).double()
    boxes = zincir.tensor([[[3.0, 4.0, 20.0, 25.0]], [[0.0, 0.0, 30.0, 31.0]]]).double()

    def boxes_of(sides):
        near, far = places - 4 - 9 * sides[..., :2], places + 4 + 9 * sides[..., 2:]
        return zincir.cat([near, far], -1)

    targets = boxes, zincir.tensor([[2], [0]])
    loss = detection_loss(Found(scores, boxes_of(sides), places), targets)
    (grad,) = zincir.autograd.grad(loss, [sides])
    assert grad.abs().sum().item() > 0


def test_boxes_are_picked_best_first():
    boxes = zincir.tensor([[[0.0, 0, 8, 8], [0.0, 0, 8, 7], [20.0, 20, 30, 30], [1.0, 1, 2, 2]]])
    scores = zincir.tensor([[[2.0, -9.0], [1.0, 0.5], [3.0, -9.0], [-9.0, -9.0]]])
    (found,) = detections(Found(scores, boxes, zincir.zeros(4, 2)))
    assert found["labels"].tolist() == [0, 0, 1]
    assert found["boxes"].tolist() == [[20, 20, 30, 30], [0, 0, 8, 8], [0, 0, 8, 7]]
    assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
    assert len(detections(Found(scores, boxes, zincir.zeros(4, 2)), most=1)[0]["labels"]) == 1
    (none,) = detections(Found(scores - 20, boxes, zincir.zeros(4, 2)))
    assert none["boxes"].shape == (0, 4)


def test_it_learns():
    scenes = Scenes(24, size=64, source="digits", objects=(1, 2), scale=(0.3, 0.5))
    images, boxes = scenes.arrays()
    zincir.manual_seed(0)
    model = Detector(10, width=4)
    optimizer = zincir.optim.AdamW(model.parameters(), lr=4e-3)
    trainer = Trainer(model, detection_loss, optimizer, seed=0)
    history = trainer.fit(
        (images, (boxes.places, boxes.labels)), epochs=12, batch_size=8, progress=False
    )
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert len(detections(trainer.predict(images))) == 24


def test_one_class_for_each_object():
    box = zincir.tensor([[[0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 8.0, 7.0], [20.0, 0.0, 30.0, 9.0]]])
    scores = zincir.tensor([[[2.0, 1.0], [-9.0, 3.0], [0.0, -9.0]]])
    found = Found(scores, box, zincir.zeros(3, 2))
    assert detections(found)[0]["labels"].tolist() == [1, 0, 0]
    alone = detections(found, agnostic=True)[0]
    assert alone["labels"].tolist() == [1, 0]
    assert alone["boxes"][:, 0].tolist() == [0, 20]


@pytest.mark.parametrize("name", ["giou", "diou", "ciou"])
def test_losses_of_boxes(name):
    """Gradients are finite where an image has no box, and draw the box to the one that is there."""
    places = zincir.tensor(places_of(4, 4))
    boxes = zincir.tensor([[[4.0, 4.0, 28.0, 28.0]], [[0.0, 0.0, 0.0, 0.0]]])
    labels = zincir.tensor([[0], [-1]])
    found = zincir.tensor([2.0, 2.0, 24.0, 30.0]).expand(2, 16, 4).clone().requires_grad_()
    scores = zincir.zeros(2, 16, 1, requires_grad=True)
    detection_loss(Found(scores, found, places), (boxes, labels), name).backward()
    assert bool(found.grad.isfinite().all())
    assert bool((found.grad[1] == 0).all())
    assert (found.grad[0].sum(0).sign() == zincir.tensor([-1.0, -1.0, -1.0, 1.0])).tolist() == [
        True
    ] * 4


def test_an_unknown_loss_of_boxes():
    found = Found(zincir.zeros(1, 1, 1), zincir.zeros(1, 1, 4), zincir.zeros(1, 2))
    with pytest.raises(zincir.errors.ArgumentError, match="no box_loss='iou'"):
        detection_loss(found, (zincir.zeros(1, 1, 4), zincir.tensor([[0]])), "iou")
