"""Operations on boxes and regions as torchvision defines them, pair by pair and pixel by pixel."""

import itertools
import math

import numpy as np


def boxes(rng, count, dtype="f"):
    corners, sizes = rng.random((count, 2)) * 10, rng.random((count, 2)) * 5 + 0.1
    return np.concatenate([corners, corners + sizes], 1).astype(dtype)


def overlap(a, b):
    """Intersection and union of two boxes."""
    zero = a.dtype.type(0)
    width = max(zero, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(zero, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return width * height, areas[0] + areas[1] - width * height


def iou(a, b):
    shared, union = overlap(a, b)
    return shared / union


def around(a, b):
    return max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])


def giou(a, b):
    shared, union = overlap(a, b)
    width, height = around(a, b)
    return shared / union - (width * height - union) / (width * height)


def diou(a, b, eps=1e-7):
    width, height = around(a, b)
    centers = [((x[0] + x[2]) / 2, (x[1] + x[3]) / 2) for x in (a, b)]
    far = sum((p - q) ** 2 for p, q in zip(*centers, strict=True))
    return iou(a, b) - far / (width**2 + height**2 + eps)


def ciou(a, b, eps=1e-7):
    angles = [math.atan((x[2] - x[0]) / (x[3] - x[1])) for x in (a, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    return diou(a, b) - v / (1 - iou(a, b) + v + eps) * v


def nms(given, scores, threshold):
    order = np.argsort(-scores, kind="stable")
    gone, kept = set(), []
    with np.errstate(all="ignore"):
        for p, i in enumerate(order):
            if i not in gone:
                kept.append(i)
                later = order[p + 1 :]
                gone |= {j for j in later if np.float64(iou(given[i], given[j])) > threshold}
    return np.array(kept, np.int64)


def bilinear(image, y, x):
    height, width = image.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = max(y, 0), max(x, 0)
    y0, x0 = int(y), int(x)
    if y0 >= height - 1:
        y0 = y = y1 = height - 1
    else:
        y1 = y0 + 1
    if x0 >= width - 1:
        x0 = x = x1 = width - 1
    else:
        x1 = x0 + 1
    dy, dx = y - y0, x - x0
    return (
        (1 - dy) * (1 - dx) * image[y0, x0]
        + (1 - dy) * dx * image[y0, x1]
        + dy * (1 - dx) * image[y1, x0]
        + dy * dx * image[y1, x1]
    )


def roi_align(features, rois, size, scale, ratio, aligned):
    out = np.zeros((len(rois), features.shape[1], *size))
    for k, c in itertools.product(range(len(rois)), range(features.shape[1])):
        image = features[int(rois[k, 0]), c]
        x1, y1, x2, y2 = rois[k, 1:] * scale - (0.5 if aligned else 0)
        width, height = x2 - x1, y2 - y1
        if not aligned:
            width, height = max(width, 1), max(height, 1)
        steps = height / size[0], width / size[1]
        grid = [ratio if ratio > 0 else math.ceil(s) for s in steps]
        for i, j in itertools.product(range(size[0]), range(size[1])):
            total = 0.0
            for a, b in itertools.product(range(grid[0]), range(grid[1])):
                y = y1 + i * steps[0] + (a + 0.5) * steps[0] / grid[0]
                x = x1 + j * steps[1] + (b + 0.5) * steps[1] / grid[1]
                total += bilinear(image, y, x)
            out[k, c, i, j] = total / max(grid[0] * grid[1], 1)
    return out


def roi_pool(features, rois, size, scale):
    """The largest values, and where they are."""
    out = np.zeros((len(rois), features.shape[1], *size))
    places = np.full((*out.shape, 2), -1)

    def nearest(x):
        return int(math.copysign(math.floor(abs(x) + 0.5), x))

    for k, c in itertools.product(range(len(rois)), range(features.shape[1])):
        image = features[int(rois[k, 0]), c]
        x1, y1, x2, y2 = (nearest(v * scale) for v in rois[k, 1:])
        steps = max(y2 - y1 + 1, 1) / size[0], max(x2 - x1 + 1, 1) / size[1]
        for i, j in itertools.product(range(size[0]), range(size[1])):
            rows = (math.floor(i * steps[0]) + y1, math.ceil((i + 1) * steps[0]) + y1)
            columns = (math.floor(j * steps[1]) + x1, math.ceil((j + 1) * steps[1]) + x1)
            rows, columns = np.clip(rows, 0, len(image)), np.clip(columns, 0, image.shape[1])
            best = None
            for y, x in itertools.product(range(*rows), range(*columns)):
                if best is None or image[y, x] > image[best]:
                    best = y, x
            if best is not None:
                out[k, c, i, j], places[k, c, i, j] = image[best], best
    return out, places
