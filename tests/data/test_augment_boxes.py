"""Boxes and masks follow what happens to images: what is drawn in the image is the judge."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir.data import Letterboxed, augment
from zincir.data.augment import Boxes, Compose, pad_boxes, unpad_boxes
from zincir.errors import ArgumentError, ShapeError

H, W = 40, 56
GEOMETRIC = [
    augment.RandomHorizontalFlip(p=0.5),
    augment.RandomVerticalFlip(p=0.5),
    augment.RandomCrop((30, 36), padding=(3, 5)),
    augment.CenterCrop((30, 70)),
    augment.Resize((64, 80)),
    augment.Resize(30, interpolation="nearest"),
    augment.RandomResizedCrop((48, 48), scale=(0.4, 1.0)),
    augment.RandomRotation((90, 90)),
    augment.RandomAffine(0, translate=(0.2, 0.2), scale=(0.7, 1.4), interpolation="bilinear"),
    augment.Letterbox((64, 64), fill=0),
    augment.Letterbox((50, 30), fill=0, interpolation="nearest"),
    augment.Pad((3, 0, 5, 7)),
    augment.Mosaic(p=0.7, interpolation="nearest"),
    augment.Mosaic(),
]
NAMES = [f"{type(t).__name__} {i}" for i, t in enumerate(GEOMETRIC)]


def scene(n: int = 12) -> tuple[np.ndarray[Any, Any], Boxes]:
    """Images with a box of its own brightness in each, and the boxes."""
    rng = np.random.default_rng(5)
    images = np.zeros((n, 1, H, W), np.float32)
    targets = []
    for i in range(n):
        w, h = rng.integers(10, 24), rng.integers(10, 18)
        x, y = rng.integers(0, W - w), rng.integers(0, H - h)
        images[i, 0, y : y + h, x : x + w] = (i + 1) / n
        targets.append({"boxes": [[x, y, x + w, y + h]], "labels": [i]})
    return images, pad_boxes(targets, 2)


def seen(image: np.ndarray[Any, Any], value: float, near: Any) -> list[int] | None:
    """Around the pixels of this brightness, up to 3 pixels from a place: elsewhere, the rims of
    others may have it.
    """
    x1, y1, x2, y2 = near
    rows, columns = np.nonzero(np.abs(image - value) < 0.01)
    good = (rows > y1 - 3) & (rows < y2 + 3) & (columns > x1 - 3) & (columns < x2 + 3)
    rows, columns = rows[good], columns[good]
    if not len(rows):
        return None
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("transform", GEOMETRIC, ids=NAMES)
def test_boxes_are_where_things_are(transform: Any) -> None:
    images, boxes = scene()
    n = len(images)
    chain = Compose([transform], min_visible=0)
    for epoch in range(3):
        out, after = chain(images, boxes=boxes, epoch=epoch, index=range(n))
        assert after.places.dtype == np.float32
        assert after.labels.dtype == np.int64
        found = 0
        for image, target in zip(out[:, 0], unpad_boxes(after), strict=True):
            for place, label in zip(target["boxes"], target["labels"], strict=True):
                x1, y1, x2, y2 = place
                assert 0 <= x1 < x2 <= image.shape[1]
                assert 0 <= y1 < y2 <= image.shape[0]
                if min(x2 - x1, y2 - y1) < 4:
                    continue
                where = seen(image, (label + 1) / n, place)
                assert where is not None
                np.testing.assert_allclose(place, where, atol=1.6)
                found += 1
        assert found >= n / 2


@pytest.mark.parametrize("transform", GEOMETRIC, ids=NAMES)
def test_masks_are_where_things_are(transform: Any) -> None:
    images, _ = scene()
    n = len(images)
    masks = np.rint(images[:, 0] * n).astype(np.int64)
    chain = Compose([transform], mask_fill=0)
    out, after = chain(images, masks=masks, epoch=1, index=range(n))
    assert after.dtype == np.int64
    assert after.shape == (n, *out.shape[2:])
    assert set(np.unique(after)) <= set(range(n + 1))
    agree = np.abs(after - out[:, 0] * n) < 0.05
    assert agree.mean() > (0.999 if getattr(transform, "interpolation", "") != "bilinear" else 0.85)
    several = np.repeat(masks[:, None], 2, 1).astype(np.uint8)
    again = chain(images, masks=several, epoch=1, index=range(n))[1]
    assert (again == after[:, None]).all()
    assert again.dtype == np.uint8


@pytest.mark.parametrize("transform", GEOMETRIC, ids=NAMES)
def test_tensors_are_treated_as_arrays_are(transform: Any) -> None:
    images, boxes = scene(4)
    chain = Compose([transform, augment.RandomHorizontalFlip()])
    masks = np.rint(images[:, 0] * 4).astype(np.int32)
    numbers = chain.draw(images.shape, epoch=2, index=range(4))
    expected = chain.apply(images, numbers, boxes=boxes, masks=masks)

    @zincir.compile
    def step(x: Any, numbers: Any, places: Any, labels: Any, masks: Any) -> Any:
        out, b, m = chain.apply(x, numbers, boxes=Boxes(places, labels), masks=masks)
        return out, b.places, b.labels, m

    given = [zincir.from_numpy(a) for a in (images, boxes.places, boxes.labels, masks)]
    for _ in range(2):
        x, places, labels, m = step(given[0], numbers, *given[1:])
    np.testing.assert_allclose(x.numpy(), expected[0], atol=2e-3)
    np.testing.assert_allclose(places.numpy(), expected[1].places, atol=2e-3)
    assert (labels.numpy() == expected[1].labels).all()
    assert (m.numpy() == expected[2]).mean() > 0.999


def test_a_long_chain() -> None:
    images, boxes = scene(16)
    chain = Compose(
        [
            augment.Mosaic(),
            augment.RandomAffine(5, (0.1, 0.1), (0.5, 1.5)),
            augment.RandomHorizontalFlip(),
            augment.ColorJitter(0.4),
            augment.RandomErasing(),
            augment.Letterbox(64),
            augment.Normalize(0.5, 0.5),
        ],
        seed=1,
        min_visible=0.3,
    )
    x, labels, after = chain(images, np.arange(16), boxes=boxes, epoch=0, index=range(16))
    assert x.shape == (16, 1, 64, 64)
    assert labels.tolist() == list(range(16))
    assert after.places.shape == (16, 8, 4)
    there = after.labels >= 0
    assert there.sum() > 8
    assert (after.visible[there] >= 0.3).all()
    assert (after.places[~there] == 0).all()
    assert (after.places >= 0).all()
    assert (after.places <= 64).all()


def test_a_box_is_dropped_below_a_share() -> None:
    boxes = pad_boxes([{"boxes": [[0, 0, 10, 10]], "labels": [3]}])
    images = np.zeros((1, 1, 10, 12), np.uint8)
    left = {}
    for least in (0.0, 0.59, 0.61):
        chain = Compose([augment.CenterCrop((10, 4))], min_visible=least)
        _, left[least] = chain(images, boxes=boxes, epoch=0, index=[0])
    assert left[0.0].places.tolist() == [[[0, 0, 4, 10]]]
    np.testing.assert_allclose(left[0.0].visible, [[0.4]], rtol=1e-6)
    assert left[0.59].labels.tolist() == left[0.61].labels.tolist() == [[-1]]


def test_shares_multiply() -> None:
    boxes = pad_boxes([{"boxes": [[0, 0, 8, 8]], "labels": [3]}])
    images = np.zeros((1, 1, 8, 8), np.uint8)
    half = Compose([augment.CenterCrop((8, 4)), augment.CenterCrop((4, 4))], min_visible=0)
    _, after = half(images, boxes=boxes, epoch=0, index=[0])
    assert after.visible.tolist() == [[0.25]]


def test_changes_of_colour_leave_boxes_and_masks() -> None:
    images, boxes = scene(3)
    masks = np.ones((3, H, W), np.int64)
    for transform in (
        augment.ColorJitter(0.5), augment.Cutout(8), augment.RandomErasing(1.0),
        augment.Normalize(0.0, 1.0),
    ):  # fmt: skip
        _, after, m = Compose([transform])(
            images, boxes=boxes, masks=masks, epoch=0, index=range(3)
        )
        assert (after.places == boxes.places).all()
        assert (m == masks).all()


@pytest.mark.parametrize("transform", [augment.RandAugment()])
def test_what_does_not_know_boxes_says_so(transform: Any) -> None:
    images, boxes = scene(3)
    images = np.repeat(images, 3, 1)
    labels = np.eye(3, dtype=np.float32)
    chain = Compose([transform])
    with pytest.raises(ArgumentError, match=r"does not know what happens to boxes(.|\n)*flips"):
        chain(images, labels, boxes=boxes, epoch=0, index=range(3))
    with pytest.raises(ArgumentError, match="does not know what happens to masks"):
        chain(images, labels, masks=images[:, 0], epoch=0, index=range(3))


def test_mixed_images_have_the_boxes_of_both() -> None:
    images, boxes = scene(4)
    chain = Compose([augment.MixUp(8.0, num_classes=4), augment.RandomHorizontalFlip(p=1)])
    x, after = chain(images, boxes=boxes, epoch=0, index=range(4))
    labelled, soft, again = chain(images, np.arange(4), boxes=boxes, epoch=0, index=range(4))
    assert (labelled == x).all()
    assert all((a == b).all() for a, b in zip(after, again, strict=True))
    assert soft.shape == (4, 4)
    assert after.labels.tolist() == [[i, -1, (i - 1) % 4, -1] for i in range(4)]
    mirrored = boxes.places[:, 0, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [W, 0, W, 0]
    np.testing.assert_allclose(after.places[:, 0], mirrored)
    np.testing.assert_allclose(after.places[:, 2], np.roll(mirrored, 1, 0))
    own = after.places.astype(int)
    for i in range(4):  # where only one of both is, its brightness has its share
        x1, y1, x2, y2 = own[i, 0]
        assert x[i, 0, y1:y2, x1:x2].max() > 0
        shares = soft[i][[i, (i - 1) % 4]]
        expected = shares @ [(i + 1) / 4, ((i - 1) % 4 + 1) / 4]
        assert x[i].max() <= expected + 1e-5
    with pytest.raises(ArgumentError, match="does not know what happens to masks"):
        chain(images, np.arange(4), masks=images[:, 0], epoch=0, index=range(4))


def piece(left: int, top: int, right: int, bottom: int) -> Any:
    """What CutMix draws, for one piece in each of two images."""
    return np.repeat(np.array([[top, left, bottom, right, 0.5]], np.float32), 2, 0)


@pytest.mark.parametrize("kind", [np.asarray, zincir.from_numpy])
@pytest.mark.parametrize(
    ("where", "own", "share"),
    [
        ((0, 0, 8, 16), [8, 4, 12, 8], 0.5),  # the left half of the box [4, 4, 12, 8] is covered
        ((8, 0, 16, 16), [4, 4, 8, 8], 0.5),
        ((0, 0, 16, 6), [4, 6, 12, 8], 0.5),
        ((0, 7, 16, 16), [4, 4, 12, 7], 0.75),
        ((6, 0, 10, 16), [4, 4, 12, 8], 0.5),  # its middle: both ends can be seen
        ((0, 0, 8, 6), [4, 4, 12, 8], 0.75),  # a corner
        ((0, 0, 16, 16), [0, 0, 0, 0], 0.0),  # all of it
        ((0, 9, 16, 16), [4, 4, 12, 8], 1.0),  # nothing
    ],
)
def test_a_piece_of_another_image_covers_boxes(kind: Any, where: Any, own: Any, share: Any) -> None:
    places = kind(np.array([[[4, 4, 12, 8]], [[2, 2, 6, 12]]], np.float32))
    boxes = augment.Boxes(places, kind(np.array([[0], [1]])))
    images = kind(np.stack([np.zeros((1, 16, 16)), np.ones((1, 16, 16))]).astype(np.float32))
    chain = Compose([augment.CutMix()], min_visible=0.01)
    x, after = chain.apply(images, [kind(piece(*where))], boxes=boxes)
    left, top, right, bottom = where
    pasted = np.zeros((16, 16), np.float32)
    pasted[top:bottom, left:right] = 1
    assert (np.asarray(x[0, 0]) == pasted).all()
    assert np.asarray(after.places[0, 0]).tolist() == own
    assert float(after.visible[0, 0]) == share
    assert int(after.labels[0, 0]) == (0 if share else -1)
    other = [max(2, left), max(2, top), min(6, right), min(12, bottom)]
    inside = other[0] < other[2] and other[1] < other[3]
    assert int(after.labels[0, 1]) == (1 if inside else -1)
    assert np.asarray(after.places[0, 1]).tolist() == (other if inside else [0, 0, 0, 0])


def test_masks_follow_a_piece_of_another_image() -> None:
    images = np.stack([np.zeros((1, 4, 4)), np.ones((1, 4, 4))]).astype(np.float32)
    masks = np.stack([np.full((4, 4), 3), np.full((4, 4), 7)])
    x, _, after = Compose([augment.CutMix()]).apply(
        images, [piece(1, 0, 3, 2)], np.eye(2, dtype=np.float32), masks=masks
    )
    assert (after == np.where(x[:, 0] == images[:, 0], masks, masks[::-1])).all()
    assert after[0].tolist() == [[3, 7, 7, 3], [3, 7, 7, 3], [3, 3, 3, 3], [3, 3, 3, 3]]


def test_what_does_not_belong_together() -> None:
    images, boxes = scene(3)
    chain = Compose([augment.RandomHorizontalFlip()])
    for wrong in (
        Boxes(boxes.places[:2], boxes.labels[:2]), Boxes(boxes.places, boxes.labels[:, :1]),
        Boxes(zincir.from_numpy(boxes.places), zincir.from_numpy(boxes.labels)),
    ):  # fmt: skip
        with pytest.raises(ShapeError, match="boxes do not belong to these images"):
            chain(images, boxes=wrong, epoch=0, index=range(3))
    with pytest.raises(ShapeError, match="masks do not belong"):
        chain(images, masks=images[:, 0, 1:], epoch=0, index=range(3))
    with pytest.raises(ShapeError, match="boxes of image 0 do not fit"):
        pad_boxes([{"boxes": [[0, 0, 1, 1]], "labels": []}])
    with pytest.raises(ShapeError, match="at most 0 boxes"):
        pad_boxes([{"boxes": [[0, 0, 1, 1]], "labels": [1]}], 0)
    with pytest.raises(ArgumentError, match="min_visible is not a share"):
        Compose([], min_visible=2)


def test_padded_and_back() -> None:
    targets = [
        {"boxes": zincir.tensor([[0.0, 1, 2, 3]]), "labels": zincir.tensor([4])},
        {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int)},
    ]
    again = unpad_boxes(pad_boxes(targets, 5))
    assert [t["labels"].tolist() for t in again] == [[4], []]
    assert again[0]["boxes"].tolist() == [[0, 1, 2, 3]]
    assert again[1]["boxes"].shape == (0, 4)


def test_mosaic_without_chance_changes_nothing() -> None:
    images, boxes = scene(4)
    x, after = Compose([augment.Mosaic(p=0)])(images, boxes=boxes, epoch=0, index=range(4))
    assert (x == images).all()
    assert unpad_boxes(after)[2]["boxes"].tolist() == unpad_boxes(boxes)[2]["boxes"].tolist()
    with pytest.raises(ArgumentError, match="center leaves no room"):
        augment.Mosaic(center=(0.0, 0.5))


def test_letterboxed_samples() -> None:
    image = np.full((3, 20, 10), 200, np.uint8)
    target = {"boxes": np.array([[1, 2, 9, 18]], np.float32), "labels": np.array([0]),
              "area": np.array([128], np.float32)}  # fmt: skip
    fitted = Letterboxed((40, 40))
    out, after = fitted(image, target)
    assert out.shape == (3, 40, 40)
    assert (out[:, :, 10:30] == 200).all()
    assert (out[:, :, :10] == 114).all()
    assert after["boxes"].tolist() == [[12, 4, 28, 36]]
    assert after["area"].tolist() == [512]
    assert target["area"].tolist() == [128]
    back = fitted.undo(zincir.from_numpy(after["boxes"]), after["orig_size"])
    assert back.tolist() == target["boxes"].tolist()
