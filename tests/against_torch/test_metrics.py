"""Values of metrics are those of torchmetrics, batch by batch, with ties, classes that are missing
and places that are left out.
"""

import numpy as np
import pytest

import zincir
from zincir import metrics as ours

torch = pytest.importorskip("torch")
theirs = pytest.importorskip(
    "torchmetrics.classification", reason="torchmetrics is not installed: nothing to compare with"
)
plain = pytest.importorskip("torchmetrics")

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

K = 5
AVERAGES = ("micro", "macro", "weighted", None)


def same(mine, other, batches, tolerance=2e-6):
    for p, t in batches:
        mine.update(zincir.tensor(p), zincir.tensor(t))
        if len(p):  # torchmetrics refuses empty batches
            other.update(torch.tensor(p), torch.tensor(t))
    got = mine.compute().numpy()
    want = other.compute().double().numpy()
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def left_out(rng, targets, ignore):
    if ignore is None:
        return targets
    return [np.where(rng.random(t.shape) < 0.3, ignore, t) for t in targets]


def classes(seed, ignore):
    rng = np.random.default_rng(seed)
    scores = [np.round(rng.normal(size=(n, K)), 1 + seed % 2).astype("f") for n in (17, 0, 8)]
    present = K - seed % 2  # of odd seeds the last class is never true
    targets = [rng.integers(0, present, len(p)) for p in scores]
    return scores, left_out(rng, targets, ignore)


PER_CLASS = {
    "accuracy": (ours.Accuracy, theirs.MulticlassAccuracy),
    "precision": (ours.Precision, theirs.MulticlassPrecision),
    "recall": (ours.Recall, theirs.MulticlassRecall),
    "f1": (ours.F1Score, theirs.MulticlassF1Score),
    "fbeta": (
        lambda **k: ours.FBetaScore(0.5, **k),
        lambda **k: theirs.MulticlassFBetaScore(0.5, **k),
    ),
    "iou": (ours.JaccardIndex, theirs.MulticlassJaccardIndex),
}


@pytest.mark.parametrize("ignore", [None, -1, 1])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", PER_CLASS)
def test_classes(name, average, ignore):
    make, other = PER_CLASS[name]
    for seed in range(2):
        scores, targets = classes(seed, ignore)
        kept = {"average": average, "ignore_index": ignore}
        pairs = list(zip(scores, targets, strict=True))
        same(make(**kept), other(num_classes=K, **kept), pairs)
        labels = [(p.argmax(1), t) for p, t in pairs]
        same(make(num_classes=K, **kept), other(num_classes=K, **kept), labels)
    rng = np.random.default_rng(2)
    images = rng.normal(size=(3, K, 4, 2)).astype("f"), rng.integers(0, K, (3, 4, 2))
    same(make(average=average), other(num_classes=K, average=average), [images])


@pytest.mark.parametrize("ignore", [None, -1, 1])
@pytest.mark.parametrize("average", AVERAGES)
def test_top_k(average, ignore):
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=(n, K)).astype("f") for n in (17, 8)]  # no ties: PyTorch's are open
    targets = left_out(rng, [rng.integers(0, K - 1, len(p)) for p in scores], ignore)
    kept = {"average": average, "ignore_index": ignore, "top_k": 2}
    other = theirs.MulticlassAccuracy(num_classes=K, **kept)
    same(ours.Accuracy(**kept), other, zip(scores, targets, strict=True))


@pytest.mark.parametrize("ignore", [None, -1, 1])
def test_matrices_calibration_and_areas(ignore):
    for seed in range(2):
        scores, targets = classes(seed, ignore)
        pairs = list(zip(scores, targets, strict=True))
        kept = {"ignore_index": ignore}
        for normalize in (None, "true", "pred", "all"):
            other = theirs.MulticlassConfusionMatrix(num_classes=K, normalize=normalize, **kept)
            same(ours.ConfusionMatrix(normalize=normalize, **kept), other, pairs)
        soft = [(np.exp(p) / np.exp(p).sum(1, keepdims=True), t) for p, t in pairs]
        for norm in ("l1", "l2", "max"):
            for given in (pairs, soft):
                other = theirs.MulticlassCalibrationError(num_classes=K, norm=norm, **kept)
                same(ours.CalibrationError(norm=norm, **kept), other, given, 3e-5)
        for average in ("weighted", None):
            # Where a class is never true, torchmetrics calls the area of its ROC curve 0.
            other = theirs.MulticlassAUROC(num_classes=K, average=average, **kept)
            if average == "weighted" or (seed == 0 and ignore != 1):
                same(ours.AUROC(average=average, **kept), other, pairs)
        for average in ("macro", "weighted", None):
            other = theirs.MulticlassAveragePrecision(num_classes=K, average=average, **kept)
            same(ours.AveragePrecision(average=average, **kept), other, pairs)


BINARY = {
    "accuracy": (ours.Accuracy, theirs.BinaryAccuracy),
    "macro accuracy": (lambda **k: ours.Accuracy(average="macro", **k), theirs.BinaryAccuracy),
    "precision": (ours.Precision, theirs.BinaryPrecision),
    "recall": (ours.Recall, theirs.BinaryRecall),
    "f1": (ours.F1Score, theirs.BinaryF1Score),
    "iou": (ours.JaccardIndex, theirs.BinaryJaccardIndex),
    "matrix": (ours.ConfusionMatrix, theirs.BinaryConfusionMatrix),
    "calibration": (ours.CalibrationError, theirs.BinaryCalibrationError),
    "area": (ours.AUROC, theirs.BinaryAUROC),
    "average precision": (ours.AveragePrecision, theirs.BinaryAveragePrecision),
}


@pytest.mark.parametrize("ignore", [None, -1])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, ignore):
    make, other = BINARY[name]
    rng = np.random.default_rng(3)
    draws = (
        lambda n: rng.random(n),
        lambda n: rng.normal(size=n) * 3,
        lambda n: np.round(rng.random(n), 1),
    )
    for draw in draws:
        scores = [draw(n).astype("f") for n in (20, 11)]
        targets = left_out(rng, [rng.integers(0, 2, len(p)) for p in scores], ignore)
        pairs = list(zip(scores, targets, strict=True))
        same(make(ignore_index=ignore), other(ignore_index=ignore), pairs, 3e-5)
        floats = [(p, t.astype("f")) for p, t in pairs]
        same(make(ignore_index=ignore), other(ignore_index=ignore), pairs, 3e-5)
        assert make(ignore_index=ignore)(*floats[0]).numpy() == pytest.approx(
            make(ignore_index=ignore)(*pairs[0]).numpy()
        )


LABELS = {
    "accuracy": (ours.Accuracy, theirs.MultilabelAccuracy),
    "precision": (ours.Precision, theirs.MultilabelPrecision),
    "recall": (ours.Recall, theirs.MultilabelRecall),
    "f1": (ours.F1Score, theirs.MultilabelF1Score),
    "iou": (ours.JaccardIndex, theirs.MultilabelJaccardIndex),
    "area": (ours.AUROC, theirs.MultilabelAUROC),
    "average precision": (ours.AveragePrecision, theirs.MultilabelAveragePrecision),
}


@pytest.mark.parametrize("ignore", [None, -1])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", LABELS)
def test_multilabel(name, average, ignore):
    make, other = LABELS[name]
    rng = np.random.default_rng(4)
    scores = [rng.random((n, 4)).astype("f") for n in (9, 8)]
    targets = left_out(rng, [rng.integers(0, 2, p.shape) for p in scores], ignore)
    if name not in ("area", "average precision"):
        for t in targets:
            t[:, 1] = np.minimum(t[:, 1], 0)
    kept = {"average": average, "ignore_index": ignore}
    pairs = list(zip(scores, targets, strict=True))
    same(make(task="multilabel", **kept), other(num_labels=4, **kept), pairs)
    if average == "macro":
        mine = ours.ConfusionMatrix("multilabel", ignore_index=ignore)
        same(mine, theirs.MultilabelConfusionMatrix(num_labels=4, ignore_index=ignore), pairs)


def test_numbers_and_texts():
    rng = np.random.default_rng(5)
    wanted = [rng.normal(size=(n, 2)).astype("f") for n in (7, 5)]
    pairs = [((t + rng.normal(size=t.shape)).astype("f"), t) for t in wanted]
    same(ours.MeanAbsoluteError(), plain.MeanAbsoluteError(), pairs)
    same(ours.MeanSquaredError(), plain.MeanSquaredError(), pairs)
    same(ours.RootMeanSquaredError(), plain.MeanSquaredError(squared=False), pairs)
    same(ours.MeanAbsolutePercentageError(), plain.MeanAbsolutePercentageError(), pairs, 1e-5)
    for how in ("raw_values", "uniform_average", "variance_weighted"):
        same(ours.R2Score(how), plain.R2Score(multioutput=how), pairs, 1e-5)
    logits, tokens = rng.normal(size=(2, 5, 7)).astype("f"), rng.integers(0, 7, (2, 5))
    same(ours.Perplexity(3), plain.text.Perplexity(3), [(logits, tokens)], 1e-5)

    def text(low, high):
        return " ".join(rng.choice(list("abcde"), rng.integers(low, high)))

    said = [text(5, 9) for _ in range(8)]
    right = [[text(4, 12) for _ in range(1 + i % 3)] for i in range(8)]
    for n, smooth in ((1, False), (2, True), (4, True), (4, False)):
        mine = ours.BLEUScore(n, smooth)
        mine.update(said[:3], right[:3])
        mine.update(said[3:], right[3:])
        assert mine.compute().item() == pytest.approx(
            plain.text.BLEUScore(n, smooth)(said, right).item(), rel=1e-6
        )
