"""Parts that show enough of a box: what is drawn, and where boxes are then."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir.data import augment as A
from zincir.data.augment import Boxes, Compose, pad_boxes, unpad_boxes
from zincir.errors import ArgumentError

H, W = 48, 64


def scenes(n: int, seed: int = 0, most: int = 3) -> tuple[np.ndarray, Boxes]:
    """Images with boxes of a brightness of their own."""
    rng = np.random.default_rng(seed)
    images, targets = np.zeros((n, 1, H, W), np.float32), []
    for i in range(n):
        places = []
        for k in range(most):
            w, h = rng.integers(8, 24, 2)
            x, y = rng.integers(0, W - w), rng.integers(0, H - h)
            images[i, 0, y : y + h, x : x + w] = (k + 1) / most
            places.append([x, y, x + w, y + h])
        targets.append({"boxes": places, "labels": list(range(most))})
    return images, pad_boxes(targets, most + 1)


def overlap(part: Any, box: Any) -> float:
    top, left, height, width = part
    x1, y1, x2, y2 = box
    across = min(x2, left + width) - max(x1, left)
    down = min(y2, top + height) - max(y1, top)
    both = max(across, 0) * max(down, 0)
    return both / ((x2 - x1) * (y2 - y1) + width * height - both)


def holds_the_middle(part: Any, box: Any) -> bool:
    top, left, height, width = part
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return left < x < left + width and top < y < top + height


@pytest.mark.parametrize("least", [0.0, 0.3, 0.6])
def test_parts_are_as_asked_for(least: float) -> None:
    images, boxes = scenes(200)
    chain = Compose([A.RandomIoUCrop(0.2, 0.9, 0.6, 1.8, sampler_options=[least])])
    (parts,) = chain.draw(images.shape, epoch=0, index=range(200), boxes=boxes)
    whole = (parts == [0, 0, H, W]).all(1)
    assert whole.mean() < (0.01 if least < 0.5 else 0.7)
    for part, target in zip(parts[~whole], np.array(unpad_boxes(boxes))[~whole], strict=True):
        top, left, height, width = part.tolist()
        assert 0 <= top <= top + height <= H
        assert 0 <= left <= left + width <= W
        assert 0.2 * H - 1 <= height <= 0.9 * H
        assert 0.2 * W - 1 <= width <= 0.9 * W
        assert 0.6 <= width / height <= 1.8
        good = [b for b in target["boxes"] if holds_the_middle(part, b)]
        assert good
        assert max(overlap(part, b) for b in good) >= least - 1e-6
    assert np.unique(parts, axis=0).shape[0] > 20


def reference(rng: Any, boxes: np.ndarray, options: tuple[float, ...], trials: int) -> list[float]:
    """torchvision's way, one image after another."""
    while True:
        least = options[rng.integers(len(options))]
        if least >= 1:
            return [0, 0, H, W]
        for _ in range(trials):
            r = 0.3 + 0.7 * rng.random(2)
            width, height = int(W * r[0]), int(H * r[1])
            if not 0.5 <= width / height <= 2:
                continue
            r = rng.random(2)
            part = [int((H - height) * r[1]), int((W - width) * r[0]), height, width]
            good = [b for b in boxes if holds_the_middle(part, b)]
            if good and max(overlap(part, b) for b in good) >= least:
                return part


def test_parts_are_drawn_as_torchvision_draws_them() -> None:
    n, trials = 1500, 40
    images, boxes = scenes(1, seed=4)
    many = Boxes(*(np.repeat(part, n, 0) for part in boxes[:2]))
    chain = Compose([A.RandomIoUCrop(trials=trials)], seed=3)
    (found,) = chain.draw((n, *images.shape[1:]), epoch=0, index=range(n), boxes=many)
    rng, options = np.random.default_rng(1), (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
    places = unpad_boxes(boxes)[0]["boxes"]
    expected = np.array([reference(rng, places, options, trials) for _ in range(n)])
    error = np.sqrt((found.var(0) + expected.var(0)) / n)
    assert (np.abs(found.mean(0) - expected.mean(0)) < 4.5 * error).all()
    whole = [(x == [0, 0, H, W]).all(1).mean() for x in (found, expected)]
    assert abs(whole[0] - whole[1]) < 0.06
    for k in range(4):
        for share in (10, 25, 50, 75):
            a, b = (np.percentile(x[:, k], share) for x in (found, expected))
            assert abs(a - b) <= 4


def test_boxes_are_where_things_are() -> None:
    images, boxes = scenes(60, most=1)
    chain = Compose([A.RandomIoUCrop(interpolation="nearest")], min_visible=0)
    (parts,) = chain.draw(images.shape, epoch=2, index=range(60), boxes=boxes)
    masks = (images[:, 0] > 0).astype(np.int64)
    out, after, seen = chain(images, boxes=boxes, masks=masks, epoch=2, index=range(60))
    assert out.shape == images.shape
    assert (seen == (out[:, 0] > 0)).all()
    for image, part, target in zip(out[:, 0], parts, unpad_boxes(after), strict=True):
        assert len(target["boxes"]) == 1
        rows, columns = np.nonzero(image > 0)
        place = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(target["boxes"][0], place, atol=max(H / part[2], W / part[3]))


def test_boxes_whose_middle_is_outside_are_dropped() -> None:
    images, boxes = scenes(80)
    chain = Compose([A.RandomIoUCrop()], min_visible=0)
    (parts,) = chain.draw(images.shape, epoch=0, index=range(80), boxes=boxes)
    after = chain.apply(images, [parts], boxes=boxes)[1]
    for part, before, labels in zip(parts, unpad_boxes(boxes), after.labels, strict=True):
        kept = [k for k, b in enumerate(before["boxes"]) if holds_the_middle(part, b)]
        assert labels[labels >= 0].tolist() == kept
        assert kept


def test_images_that_stay_whole() -> None:
    images, boxes = scenes(4)
    for options, given in (
        ([1.0], boxes),
        ([0.99], boxes),  # there is no such part
        (None, pad_boxes([{"boxes": [], "labels": []}] * 4, 2)),
    ):
        chain = Compose([A.RandomIoUCrop(sampler_options=options)])
        out, after = chain(images, boxes=given, epoch=0, index=range(4))
        np.testing.assert_allclose(out, images, atol=1e-6)
        assert (after.labels == given.labels).all()
        np.testing.assert_allclose(after.places, given.places, atol=1e-5)


def test_a_sample_depends_on_seed_epoch_and_number_alone() -> None:
    _, boxes = scenes(16)
    chain = Compose([A.RandomIoUCrop()], seed=5)

    def parts(rows: Any, epoch: int = 1) -> np.ndarray:
        own = Boxes(boxes.places[rows], boxes.labels[rows])
        return chain.draw((len(rows), 1, H, W), epoch=epoch, index=rows, boxes=own)[0]

    order = np.random.default_rng(1).permutation(16)
    whole = parts(np.arange(16))
    assert (parts(order) == whole[order]).all()
    assert (parts([3]) == whole[3:4]).all()
    assert (parts(np.arange(16), epoch=2) != whole).any()


def test_boxes_are_looked_at_where_they_are_by_then() -> None:
    images, boxes = scenes(40)
    steps = [A.RandomHorizontalFlip(), A.Pad((9, 2, 5, 0)), A.Mosaic(0.5)]
    last = A.RandomIoUCrop(sampler_options=[0.2])
    chain = Compose([*steps, last, A.ColorJitter(0.2)])
    numbers = chain.draw(images.shape, epoch=0, index=range(40), boxes=boxes)
    before = Compose(steps, min_visible=0)
    there = before.apply(images, numbers[:3], boxes=boxes)[1]
    for part, target in zip(numbers[3], unpad_boxes(there), strict=True):
        if part.tolist() != [0, 0, H + 2, W + 14]:
            good = [b for b in target["boxes"] if holds_the_middle(part, b)]
            assert max(overlap(part, b) for b in good) > 0.19


def test_compiled_steps_agree() -> None:
    images, boxes = scenes(6)
    chain = Compose([A.RandomIoUCrop(), A.RandomHorizontalFlip()])

    @zincir.compile
    def step(x: Any, numbers: Any, places: Any, labels: Any) -> Any:
        out, b = chain.apply(x, numbers, boxes=Boxes(places, labels))
        return out, b.places, b.labels

    given = [zincir.from_numpy(a) for a in (images, *boxes[:2])]
    for epoch in range(3):
        held = Boxes(*given[1:])
        numbers = chain.draw(images.shape, epoch=epoch, index=range(6), boxes=held)
        expected = chain.apply(images, numbers, boxes=boxes)
        x, places, labels = step(given[0], numbers, *given[1:])
        np.testing.assert_allclose(x.numpy(), expected[0], atol=2e-5)
        np.testing.assert_allclose(places.numpy(), expected[1].places, atol=1e-4)
        assert (labels.numpy() == expected[1].labels).all()


def test_without_boxes_there_is_nothing_to_draw() -> None:
    images, _ = scenes(2)
    chain = Compose([A.RandomIoUCrop()])
    with pytest.raises(ArgumentError, match=r"needs boxes(.|\n)*boxes=boxes"):
        chain.draw(images.shape, epoch=0, index=range(2))
