"""Random annotations and detections in COCO's form, with everything that is hard about them."""

import contextlib
import io

import numpy as np


def scene(seed):
    """Ties, crowds, doubles, areas on borders, images without boxes, more detections than count."""
    rng = np.random.default_rng(seed)
    images = rng.permutation(np.arange(1, 40))[: rng.integers(1, 9)]
    classes = rng.permutation(np.arange(1, 20))[: rng.integers(1, 5)]
    annotations, results = [], []
    for image in images:
        crowded = rng.random() < 0.3
        for _ in range(0 if rng.random() < 0.2 else rng.integers(0, 30 if crowded else 8)):
            box = _box(rng, annotations, image)
            area = [box[2] * box[3], 1024.0, 9216.0, float(rng.integers(100, 20000))]
            annotations.append(
                {
                    "image_id": int(image),
                    "category_id": int(rng.choice(classes)),
                    "bbox": box,
                    "area": float(area[rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])]),
                    "iscrowd": int(rng.random() < 0.15),
                }
            )
        for _ in range(0 if rng.random() < 0.2 else rng.integers(0, 150 if crowded else 15)):
            near = [a for a in annotations if a["image_id"] == image]
            box = _box(rng, near + results, image)
            if near and rng.random() < 0.5:
                box = [*near[rng.integers(len(near))]["bbox"]]
                if rng.random() < 0.7:
                    box = [float(x + rng.integers(-3, 4)) for x in box[:2]] + box[2:]
            kind = near[rng.integers(len(near))]["category_id"] if near else rng.choice(classes)
            results.append(
                {
                    "image_id": int(image),
                    "category_id": int(kind),
                    "bbox": box,
                    "score": float(np.round(rng.random(), int(rng.integers(1, 3)))),
                }
            )
    order = rng.permutation(len(results))
    ids = rng.permutation(np.arange(1, len(annotations) + 1))
    for number, annotation in zip(ids, annotations, strict=True):
        annotation["id"] = int(number)
    if annotations and seed % 7 == 0:
        annotations[0]["id"] = 0
    content = {
        "images": [{"id": int(i)} for i in images],
        "annotations": annotations,
        "categories": [{"id": int(c)} for c in classes[seed % 5 == 4 :]],  # one may be unknown
    }
    return content, [results[i] for i in order]


def _box(rng, others, image):
    kind = rng.random()
    same = [x for x in others if x["image_id"] == image]
    if kind < 0.15 and same:
        return [*same[rng.integers(len(same))]["bbox"]]
    x, y = (float(v) for v in rng.integers(0, 60, 2))
    if kind < 0.3:
        side = float(rng.choice([32, 96]))
        return [x, y, side, side]
    if kind < 0.6:
        return [x, y, *(float(v) for v in rng.integers(1, 120, 2))]
    return [x, y, *(rng.random(2) * 100 + 0.5)]


def judged(annotations, results, max_detections=(1, 10, 100), thresholds=None):
    """What pycocotools makes of them."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        true = COCO()
        true.dataset = {"info": {}, **annotations}
        true.createIndex()
        found = true.loadRes(results) if results else COCO()
        judge = COCOeval(true, found, "bbox")
        judge.params.maxDets = list(max_detections)
        if thresholds is not None:
            judge.params.iouThrs = np.array(thresholds)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge
