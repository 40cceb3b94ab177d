"""Mean average precision: golden vectors, equality with pycocotools to the bit, bad input."""

import copy
import json

import numpy as np
import pytest

import zincir
from coco_scenes import judged, scene
from zincir.errors import ArgumentError, TraceError
from zincir.metrics import MeanAveragePrecision, named

ARRAYS = ("precision", "recall", "scores")


def coco(*images, ids=None, kinds=(1,)):
    """Annotations and results of (true boxes, (box, score), ...), perhaps with class and crowd."""
    annotations, results = [], []
    for number, (true, found) in enumerate(images, 1):
        for box, *rest in true:
            kind, crowd = (*rest, 1, 0)[:2]
            entry = {"image_id": number, "category_id": kind, "bbox": box, "iscrowd": crowd}
            identity = len(annotations) + 1 if ids is None else ids[len(annotations)]
            annotations.append({**entry, "id": identity, "area": box[2] * box[3]})
        for box, score, *rest in found:
            entry = {"image_id": number, "category_id": (*rest, 1)[0], "bbox": box, "score": score}
            results.append(entry)
    content = {
        "images": [{"id": i + 1} for i in range(len(images))],
        "annotations": annotations,
        "categories": [{"id": k} for k in kinds],
    }
    return MeanAveragePrecision.from_coco(content, results)


A, B, C = [10, 10, 40, 40], [100, 100, 40, 40], [200, 200, 40, 40]
FAR = [600, 300, 300, 300]
BIG = [214, 41, 348, 244]

ROW = [[20 * i, 0, 10, 10] for i in range(12)]


def found_of_a_hundred(count):
    """Ten images with ten boxes each, of which so many are found."""
    images, left = [], count
    for _ in range(10):
        here = min(10, left)
        left -= here
        images.append(([(b,) for b in ROW[:10]], [(b, 0.9) for b in ROW[:here]]))
    return coco(*images)


GOLDEN = {
    "T1a": (lambda: coco(([(BIG,)], [(BIG, 1.0), (FAR, 1.0)])), 1.0, 1.0, {"mar_1": 1}),
    "T1b": (lambda: coco(([(BIG,)], [(FAR, 1.0), (BIG, 1.0)])), 0.5, 0.5, {"mar_1": 0}),
    "T2a": (lambda: coco(([(A,), (B,)], [(A, 0.9), (B, 0.8)])), 1.0, 1.0, {"mar_1": 0.5}),
    "T3": (
        lambda: coco(
            (
                [(A,), ([100, 100, 200, 200], 1, 1)],
                [([110, 110, 20, 20], 0.99), ([150, 150, 20, 20], 0.98), (A, 0.5)],
            )
        ),
        1.0,
        1.0,
        {"mar_1": 0, "mar_10": 1},
    ),
    "T4": (
        lambda: coco(([([0, 0, 32, 32],)], [([0, 0, 32, 32], 0.9)])),
        1.0,
        1.0,
        {"map_small": 1, "map_medium": 1, "map_large": np.nan},
    ),
    "T5": (
        lambda: coco(([([0, 0, 10, 10],)], [([0, 0, 10, 5], 0.9)])),
        0.1,
        1.0,
        {"map_75": 0},
    ),
    "T6": (lambda: coco(([(A,)], [(A, 0.8)]), ([], [(A, 0.9)])), 0.5, 0.5, {}),
    "T7": (lambda: coco(([(A,), (B,), (C,)], [(A, 0.9)])), 0.336634, 0.336634, {"mar_100": 1 / 3}),
    "T7b": (
        lambda: coco(([(A,), (B,), (C,)], [(A, 0.9), (FAR, 0.8), (B, 0.7)])),
        0.554455,
        0.554455,
        {"mar_100": 2 / 3},
    ),
    "T8": (lambda: found_of_a_hundred(57), 0.564356, 0.564356, {"mar_100": 0.57}),
    "T8b": (lambda: found_of_a_hundred(58), 0.584158, 0.584158, {"mar_100": 0.58}),
    "T9": (lambda: coco(([(A,), (A,)], [(A, 0.9)])), 0.504950, 0.504950, {}),
    "T10": (
        lambda: coco(([(b,) for b in ROW], [(b, 0.9) for b in ROW])),
        1.0,
        1.0,
        {"mar_1": 1 / 12, "mar_10": 10 / 12, "mar_100": 1},
    ),
    "T11": (lambda: coco(([(A,)], [(A, 0.9), (A, 0.8, 2)]), kinds=(1, 2)), 1.0, 1.0, {}),
    "T12": (
        lambda: coco(([([0, 0, 100, 100],)], [([0, 0, 20, 20], 0.9), ([0, 0, 100, 100], 0.8)])),
        0.5,
        0.5,
        {"map_large": 1.0},
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_vectors(case):
    make, mean, half, more = GOLDEN[case]
    found = make().compute()
    for name, want in {"map": mean, "map_50": half, **more}.items():
        assert found[name].item() == pytest.approx(want, abs=6e-7, nan_ok=True), name


def test_an_annotation_with_the_id_0_cannot_be_found():
    with pytest.warns(UserWarning, match="id 0"):
        found = coco(([(A,), (B,)], [(A, 0.9), (B, 0.8)]), ids=[0, 1]).compute()
    assert found["map"].item() == pytest.approx(0.252475, abs=6e-7)
    assert found["mar_100"].item() == 0.5


def test_a_single_hit_is_a_little_less_than_1():
    assert coco(([(A,)], [(A, 0.9)])).evaluate().precision.max() == 0.9999999999999998


@pytest.mark.filterwarnings("ignore:an annotation has the id 0")
@pytest.mark.parametrize("seed", range(40))
def test_pycocotools(seed):
    pytest.importorskip(
        "pycocotools", reason="pycocotools is not installed: nothing to compare with"
    )
    annotations, results = scene(seed)
    limits = (1, 10, 100) if seed % 3 else (2, 5, 20)
    given = copy.deepcopy((annotations, results))
    thresholds = [0.5, 0.75, 1.0] if seed % 4 == 1 else None
    settings = {"max_detections": limits, "iou_thresholds": thresholds}
    found = MeanAveragePrecision.from_coco(*given, **settings).evaluate()
    assert given == (annotations, results)
    judge = judged(*given, limits, thresholds)
    for name in ARRAYS:
        mine, theirs = getattr(found, name), np.ascontiguousarray(judge.eval[name])
        assert mine.shape == theirs.shape
        assert mine.tobytes() == theirs.tobytes(), name
    assert found.stats.tobytes() == np.asarray(judge.stats).tobytes()


def batches(seed):
    """The scene as batches of dictionaries, in the order of image ids."""
    annotations, results = scene(seed)
    predictions, targets = [], []
    for image in sorted(x["id"] for x in annotations["images"]):
        mine = [x for x in annotations["annotations"] if x["image_id"] == image]
        found = [x for x in results if x["image_id"] == image]
        boxes = [[x["bbox"] for x in part] for part in (mine, found)]
        labels = [np.array([x["category_id"] for x in part], int) for part in (mine, found)]
        true = {"boxes": boxes[0], "labels": labels[0], "area": [x["area"] for x in mine]}
        targets.append({**true, "iscrowd": [x["iscrowd"] for x in mine]})
        scores = np.array([x["score"] for x in found])
        predictions.append({"boxes": boxes[1], "labels": labels[1], "scores": scores})
    return predictions, targets


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 6, 8])  # those without an unknown class
def test_batches_are_as_files(seed):
    whole = MeanAveragePrecision.from_coco(*scene(seed)).evaluate()
    predictions, targets = batches(seed)
    metric = MeanAveragePrecision("xywh")
    for p, t in zip(predictions, targets, strict=True):
        metric.update([p], [t])
    first, second = MeanAveragePrecision("xywh"), MeanAveragePrecision("xywh")
    half = len(targets) // 2
    first.update(predictions[:half], targets[:half])
    second.update(predictions[half:], targets[half:])
    loaded = MeanAveragePrecision("xywh")
    loaded.load_state_dict({k: v.numpy() for k, v in first.merge(second).state_dict().items()})
    for each in (metric, first, loaded):
        assert each.evaluate().stats.tobytes() == whole.stats.tobytes()


def test_formats_types_and_values():
    boxes = np.array([[10.0, 20.0, 30.0, 60.0], [50.0, 50.0, 90.0, 80.0]], "f")
    corner = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    center = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, corner[:, 2:]], 1)
    scores = zincir.tensor([0.9, 0.8])
    for kind, given in (("xywh", corner), ("cxcywh", center), ("xyxy", boxes)):
        metric = MeanAveragePrecision(kind)
        found = {
            "boxes": zincir.tensor(given),
            "scores": scores,
            "labels": [1, 2],
        }
        true = {"boxes": given[:1], "labels": zincir.tensor([1])}
        metric.update(found, true)
        value = metric.compute()
        assert value["map"].item() == pytest.approx(1.0)
        assert value["classes"].tolist() == [1, 2]
        each = value["map_per_class"].numpy()
        assert each[0] == pytest.approx(1.0)
        assert np.isnan(each[1])
        assert value["mar_100_per_class"].numpy()[0] == 1.0
    half = named("map_50")
    assert half.name == "map_50"
    half.update(found, true)
    assert half.compute().item() == pytest.approx(1.0)
    assert np.isnan(named("map").compute().item())
    assert np.isnan(MeanAveragePrecision().compute()["map"].item())
    assert MeanAveragePrecision().evaluate().stats.tolist() == [-1.0] * 12


def test_files(tmp_path):
    annotations, results = scene(3)
    (tmp_path / "true.json").write_text(json.dumps(annotations))
    (tmp_path / "found.json").write_text(json.dumps(results))
    paths = tmp_path / "true.json", str(tmp_path / "found.json")
    want = MeanAveragePrecision.from_coco(annotations, results).evaluate()
    assert MeanAveragePrecision.from_coco(*paths).evaluate().stats.tolist() == want.stats.tolist()


TRUE = {"boxes": [[0.0, 0.0, 4.0, 4.0]], "labels": [1]}
FOUND = {**TRUE, "scores": [0.5]}


@pytest.mark.parametrize(
    ("predictions", "targets", "words"),
    [
        (FOUND, {**TRUE, "boxes": [[4.0, 0.0, 0.0, 4.0]]}, "width and height above 0"),
        (FOUND, {**TRUE, "boxes": [[0.0, 0.0, 0.0, 4.0]]}, "targets of image 0"),
        ({**FOUND, "boxes": [[4.0, 0.0, 0.0, 4.0]]}, TRUE, "x1 <= x2"),
        (FOUND, {**TRUE, "area": [float("nan")]}, "areas of 0 or more"),
        ({**FOUND, "boxes": [[0.0, 0.0, float("nan"), 4.0]]}, TRUE, r"boxes\[0\]"),
        ({**FOUND, "boxes": [[0.0, 0.0, 4.0]]}, TRUE, r"\(n, 4\)"),
        ({**FOUND, "scores": [float("nan")]}, TRUE, r"scores\[0\] is NaN"),
        ({**FOUND, "scores": [0.5, 0.4]}, TRUE, "1 scores"),
        ({**FOUND, "labels": [0.5]}, TRUE, "whole numbers"),
        (TRUE, TRUE, "boxes, scores, labels"),
        ([FOUND, FOUND], [TRUE], "a dictionary for each image"),
        ([FOUND], [None], "NoneType"),
    ],
)
def test_bad_batches(predictions, targets, words):
    with pytest.raises(ArgumentError, match=words):
        MeanAveragePrecision().update(predictions, targets)


def test_bad_files_and_settings():
    image = {"id": 1}
    true = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "area": 16}
    found = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "score": 0.5}
    content = {"images": [image], "annotations": [true], "categories": [{"id": 1}]}
    cases = [
        ({**content, "annotations": [true, true]}, [found], "1 repeats"),
        ({**content, "annotations": [{**true, "image_id": 2}]}, [found], "image_id 2"),
        ({**content, "annotations": [{"id": 1}]}, [found], "image_id"),
        ({**content, "annotations": [{**true, "bbox": [0, 0, 4]}]}, [found], "four numbers"),
        ([], [found], "a dictionary with images"),
        (content, content, "a list"),
        (content, [{**found, "image_id": 5}], "image_id 5"),
        (content, [{**found, "score": float("nan")}], "NaN"),
        (content, [{**found, "bbox": [0, 0, float("inf"), 1]}], "boxes of numbers"),
        (content, [{"image_id": 1}], "category_id"),
    ]
    for annotations, results, words in cases:
        with pytest.raises(ArgumentError, match=words):
            MeanAveragePrecision.from_coco(annotations, results)
    for settings, words in [
        ({"box_format": "yxyx"}, "xyxy, xywh, cxcywh"),
        ({"max_detections": (10, 1, 100)}, "increasing"),
        ({"iou_thresholds": [0.9, 0.5]}, "rising"),
        ({"recalls": [2.0]}, "rising"),
        ({"only": "map_60"}, "map_50"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            MeanAveragePrecision(**settings)
    with pytest.raises(TraceError, match="outside"):
        zincir.compile(MeanAveragePrecision().update)([FOUND], [TRUE])
