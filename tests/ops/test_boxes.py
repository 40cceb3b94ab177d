"""Boxes: values of plain references, gradients, what stays of many, bad input."""

import numpy as np
import pytest

import box_references as references
import zincir
from zincir import ops
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, ShapeError, TraceError

PAIRS = {
    "box_iou": references.iou,
    "generalized_box_iou": references.giou,
    "distance_box_iou": references.diou,
    "complete_box_iou": references.ciou,
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["f", "d", "i8"])
def test_pairs(name, dtype):
    rng = np.random.default_rng(0)
    a, b = references.boxes(rng, 5), references.boxes(rng, 4)
    a[0], b[1] = b[0], [20, 20, 25, 30]
    a, b = (np.round(x * 4).astype(dtype) for x in (a, b))
    got = getattr(ops, name)(zincir.tensor(a), zincir.tensor(b)).numpy()
    wide = [x.astype("d") for x in (a, b)]
    want = [[PAIRS[name](p, q) for q in wide[1]] for p in wide[0]]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in PAIRS if n != "box_iou"])
def test_losses(name):
    rng = np.random.default_rng(1)
    a, b = references.boxes(rng, 6, "d"), references.boxes(rng, 6, "d")
    b[0], b[1] = a[0] + 0.1, [20, 20, 25, 30]
    loss = getattr(ops, f"{name}_loss")
    p = zincir.tensor(a, requires_grad=True)
    got = loss(p, zincir.tensor(b))
    want = [1 - PAIRS[name](x, y) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-6)
    assert loss(p, zincir.tensor(b), "sum").item() == pytest.approx(sum(want), rel=1e-6)
    assert loss(p, zincir.tensor(b), reduction="mean").item() == pytest.approx(
        np.mean(want), rel=1e-6
    )
    assert loss(zincir.zeros(0, 4), zincir.zeros(0, 4), "mean").item() == 0.0
    if name != "complete_box_iou":  # the weight of its last term has no gradient
        assert gradcheck(lambda x: loss(x, zincir.tensor(b)), (p,))
    alone = getattr(ops, name)(zincir.tensor(a), zincir.tensor(b)).numpy().diagonal()
    np.testing.assert_allclose(1 - got.detach().numpy(), alone, rtol=1e-6)


def test_the_weight_of_the_last_term_of_ciou_has_no_gradient():
    a = zincir.tensor([[0.0, 0.0, 2.0, 1.0]], dtype=zincir.float64, requires_grad=True)
    b = zincir.tensor([[0.0, 0.0, 2.0, 2.0]], dtype=zincir.float64)
    ops.complete_box_iou_loss(a, b).sum().backward()
    want = [[0.06627442921873629, 0.07838864175783974, -0.06627442921873629, -0.5705761278906527]]
    np.testing.assert_allclose(a.grad.numpy(), want, rtol=1e-12)  # torchvision 0.29


def test_other_formats():
    rng = np.random.default_rng(2)
    given = zincir.tensor(references.boxes(rng, 5))
    for other in ("xywh", "cxcywh"):
        turned = ops.box_convert(given, "xyxy", other)
        np.testing.assert_allclose(
            ops.box_convert(turned, other, "xyxy").numpy(), given.numpy(), 1e-5
        )
        np.testing.assert_allclose(ops.box_area(turned, other), ops.box_area(given), rtol=1e-5)
        np.testing.assert_allclose(
            ops.box_iou(turned, turned, other), ops.box_iou(given, given), rtol=1e-4, atol=1e-5
        )
    x1, y1, x2, y2 = given.numpy().T
    centers = ops.box_convert(ops.box_convert(given, "xyxy", "xywh"), "xywh", "cxcywh").numpy()
    want = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1)
    np.testing.assert_allclose(centers, want, rtol=1e-5)
    assert ops.box_area(given.to(zincir.float16)).dtype is zincir.float32
    assert ops.box_area(given.to(zincir.uint8)).dtype is zincir.int32


def test_masks_sizes_and_edges():
    masks = np.zeros((3, 5, 7), bool)
    masks[0, 1:4, 2:7] = True
    masks[1, 4, 0] = True
    for kind in (bool, "f", "u1"):
        got = ops.masks_to_boxes(zincir.tensor(masks.astype(kind))).numpy()
        assert got.tolist() == [[2, 1, 6, 3], [0, 4, 0, 4], [0, 0, 0, 0]]
    assert ops.masks_to_boxes(zincir.zeros(0, 4, 4)).shape == (0, 4)
    given = zincir.tensor([[-2.0, 1.0, 9.0, 9.0], [3.0, 3.0, 4.0, 9.0]])
    assert ops.clip_boxes_to_image(given, (6, 8)).tolist() == [[0, 1, 8, 6], [3, 3, 4, 6]]
    assert ops.remove_small_boxes(given, 1.0).tolist() == [0, 1]
    assert ops.remove_small_boxes(given, 1.5).tolist() == [0]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("threshold", [0.0, 0.3, 1 / 3, 0.7, 1.0])
def test_nms(seed, threshold):
    rng = np.random.default_rng(seed)
    count, dtype = int(rng.integers(0, 50)), "fd"[seed % 2]
    given = references.boxes(rng, count, dtype)
    given = np.round(given) if seed % 3 else given  # ties of overlaps, and boxes of no area
    scores = np.round(rng.random(count), 1).astype(dtype)
    got = ops.nms(zincir.tensor(given), zincir.tensor(scores), threshold)
    assert got.dtype is zincir.int64
    np.testing.assert_array_equal(got.numpy(), references.nms(given, scores, threshold))
    classes = rng.integers(0, 3, count)
    got = ops.batched_nms(*map(zincir.tensor, (given, scores, classes)), threshold).numpy()
    mine = [np.flatnonzero(classes == c) for c in range(3)]
    stays = np.concatenate([i[references.nms(given[i], scores[i], threshold)] for i in mine])
    stays = np.sort(stays.astype(int))
    np.testing.assert_array_equal(got, stays[np.argsort(-scores[stays], kind="stable")])


def test_many_boxes_are_thinned_out():
    rng = np.random.default_rng(0)
    given = references.boxes(rng, 5000) * np.float32(20)
    scores = rng.random(5000).astype("f")
    kept = ops.nms(zincir.tensor(given), zincir.tensor(scores), 0.5).numpy()
    found = ops.box_iou(zincir.tensor(given[kept]), zincir.tensor(given[kept])).numpy()
    np.fill_diagonal(found, 0)
    assert found.max() <= 0.5
    assert (np.diff(scores[kept]) <= 0).all()
    gone = np.setdiff1d(np.arange(5000), kept)
    against = ops.box_iou(zincir.tensor(given[gone]), zincir.tensor(given[kept])).numpy()
    higher = scores[kept] >= scores[gone][:, None]
    assert ((against > 0.5) & higher).any(1).all()


BOX = zincir.tensor([[0.0, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.box_area(zincir.zeros(2, 5)), ShapeError, "four numbers"),
        (lambda: ops.box_iou(BOX, [[0, 0, 1, 1]]), ArgumentError, "no tensor"),
        (lambda: ops.box_convert(BOX, "xyxy", "xywhr"), ArgumentError, "turned"),
        (lambda: ops.box_iou(BOX, BOX, "yxyx"), ArgumentError, "xyxy, xywh, cxcywh"),
        (lambda: ops.distance_box_iou_loss(BOX, zincir.zeros(2, 4)), ShapeError, "a box for each"),
        (lambda: ops.generalized_box_iou_loss(BOX, BOX, "average"), ArgumentError, "reduction"),
        (lambda: ops.masks_to_boxes(zincir.ones(3, 3)), ShapeError, r"\(N, H, W\)"),
        (lambda: ops.nms(BOX[0], zincir.ones(1), 0.5), ShapeError, r"\(N, 4\)"),
        (lambda: ops.nms(BOX, zincir.ones(2), 0.5), ShapeError, "a score for each"),
        (lambda: ops.nms(BOX, zincir.tensor([float("nan")]), 0.5), ArgumentError, "NaN"),
        (
            lambda: ops.batched_nms(BOX, zincir.ones(1), zincir.zeros(3), 0.5),
            ShapeError,
            "a class for each",
        ),
        (lambda: zincir.compile(ops.nms)(BOX, zincir.ones(1), 0.5), TraceError, "compile"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
