"""What all metrics have in common: streams, compiled steps, merging, states, bad input."""

import copy
import pickle

import numpy as np
import pytest

import zincir
from scenes import Unseen
from zincir import metrics
from zincir.errors import (
    ArgumentError,
    DTypeError,
    IndexOutOfRange,
    ShapeError,
    StateError,
    TraceError,
    UnknownName,
)

rng = np.random.default_rng(0)
SCORES = rng.normal(size=(40, 5)).astype("f")
CLASSES = rng.integers(0, 5, 40)
PROBABILITIES = rng.random(40).astype("f")
BITS = rng.integers(0, 2, 40)
NUMBERS, WANTED = rng.normal(size=(2, 40, 3)).astype("f") + 10
LOGITS, TOKENS = rng.normal(size=(8, 5, 7)).astype("f"), rng.integers(0, 7, (8, 5))

CASES = {
    "accuracy": (SCORES, CLASSES),
    "balanced_accuracy": (SCORES, CLASSES),
    "top3": (SCORES, CLASSES),
    "precision": (SCORES, CLASSES),
    "recall": (PROBABILITIES, BITS),
    "f1": (SCORES, CLASSES),
    "iou": (SCORES, CLASSES),
    "dice": (PROBABILITIES, BITS),
    "confusion_matrix": (SCORES, CLASSES),
    "log_loss": (SCORES, CLASSES),
    "calibration_error": (SCORES, CLASSES),
    "perplexity": (LOGITS, TOKENS),
    "roc_auc": (SCORES, CLASSES),
    "average_precision": (PROBABILITIES, BITS),
    "mae": (NUMBERS, WANTED),
    "mse": (NUMBERS, WANTED),
    "rmse": (NUMBERS, WANTED),
    "mape": (NUMBERS, WANTED),
    "r2": (NUMBERS, WANTED),
    "mean": (NUMBERS, None),
}


def parts(name, count=4):
    p, t = CASES[name]
    ts = [None] * count if t is None else np.array_split(t, count)
    return list(zip(np.array_split(p, count), ts, strict=True))


def tensors(batch):
    return [None if x is None else zincir.tensor(x) for x in batch]


def after(name, batches):
    metric = metrics.named(name)
    for batch in batches:
        metric.update(*tensors(batch))
    return metric


def value(metric):
    return metric.compute().numpy()


@pytest.mark.parametrize("name", CASES)
def test_a_stream_is_its_batches(name):
    whole = value(after(name, [CASES[name]]))
    np.testing.assert_allclose(value(after(name, parts(name))), whole, rtol=1e-12)
    first, second = after(name, parts(name)[:1]), after(name, parts(name)[1:])
    np.testing.assert_allclose(value(first.merge(second)), whole, rtol=1e-12)
    np.testing.assert_allclose(value(metrics.named(name).merge(first)), whole, rtol=1e-12)
    np.testing.assert_allclose(value(first.merge(metrics.named(name))), whole, rtol=1e-12)
    first.reset()
    for batch in parts(name):
        first.update(*tensors(batch))
    np.testing.assert_allclose(value(first), whole, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_states_are_kept(name):
    metric = after(name, parts(name)[:2])
    saved = metric.state_dict()
    for other in (metrics.named(name), after(name, parts(name)[2:])):
        other.load_state_dict({k: v.numpy() for k, v in saved.items()})
        np.testing.assert_array_equal(value(other), value(metric))
        other.update(*tensors(parts(name)[2]))
        assert value(other).tobytes() == value(after(name, parts(name)[:3])).tobytes()
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        other.update(*tensors(parts(name)[2]))
        np.testing.assert_array_equal(value(other), value(after(name, parts(name)[:3])))
    np.testing.assert_array_equal(value(metric), value(after(name, parts(name)[:2])))
    with pytest.raises(StateError, match="another metric"):
        metric.load_state_dict({"strange": zincir.zeros(2)})


@pytest.mark.parametrize("name", CASES)
def test_a_call_gives_the_value_of_its_batch(name):
    metric = after(name, parts(name)[:1])
    got = metric(*tensors(parts(name)[1]))
    np.testing.assert_allclose(got.numpy(), value(after(name, parts(name)[1:2])), rtol=1e-12)
    np.testing.assert_allclose(value(metric), value(after(name, parts(name)[:2])), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in CASES if metrics.named(n).in_step])
def test_inside_a_compiled_function(name):
    metric = metrics.named(name)
    held = {"metrics": [metric]}
    runs = Unseen()

    @zincir.compile(fullgraph=True)
    def step(p, t):
        runs.append(1)
        for each in held["metrics"]:
            each.update(p, t)
        return p.sum()

    for _ in range(2):
        for batch in parts(name, 8):
            step(*tensors(batch))
        assert value(metric).tobytes() == value(after(name, parts(name, 8))).tobytes()
        metric.reset()
    assert len(runs) == 2


def test_a_running_value_can_be_returned_by_a_compiled_function():
    metric = metrics.named("f1")

    @zincir.compile(fullgraph=True)
    def step(p, t):
        metric.update(p, t)
        return metric.compute()

    for i, batch in enumerate(parts("f1")):
        got = step(*tensors(batch)).item()
        assert got == pytest.approx(after("f1", parts("f1")[: i + 1]).compute().item(), rel=1e-12)


def test_gradients_do_not_come_through():
    x = zincir.tensor(NUMBERS, requires_grad=True)
    metric = metrics.MeanSquaredError()
    assert not metric(x, zincir.tensor(WANTED)).requires_grad
    (x * 2).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("name", [n for n in CASES if n != "confusion_matrix"])
def test_nothing_seen_is_nan(name):
    assert np.isnan(metrics.named(name).compute().item())
    metric = after(name, parts(name)[:1])
    metric.reset()
    assert np.isnan(value(metric)).all()
    p, t = CASES[name]
    empty = after(name, [(p[:0], None if t is None else t[:0])])
    assert np.isnan(value(empty)).all()


LABELLED = ("accuracy", "top3", "f1", "confusion_matrix", "log_loss", "calibration_error")


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("before", [1, 5])
def test_a_wrong_batch_changes_nothing(name, before):
    metric = after(name, [CASES[name]] * before)
    seen = {k: v.tolist() for k, v in metric.states.items()}
    wrong = np.where(np.arange(40) == 30, 7, CLASSES)
    for _ in range(3):
        with pytest.raises(IndexOutOfRange, match="label"):
            metric.update(zincir.tensor(SCORES) * 2.0, zincir.tensor(wrong))
        assert {k: v.tolist() for k, v in metric.states.items()} == seen
    metric.update(*tensors(CASES[name]))
    np.testing.assert_array_equal(value(metric), value(after(name, [CASES[name]] * (before + 1))))


def test_many_batches_of_many_forms():
    """Batches of a form that was seen before are replayed: nobody should notice."""
    metric, other = metrics.MeanSquaredError(), metrics.Accuracy()
    squares, right, count = 0.0, 0, 0
    for turn in range(4):
        for rows in range(1, 40, 2):
            x = zincir.tensor(SCORES[:rows] + turn, requires_grad=True) * 1.0
            metric.update(x, x if turn == 1 else zincir.tensor(SCORES[:rows]))
            other.update(x, zincir.tensor(CLASSES[:rows]))
            squares += 0 if turn == 1 else turn**2 * 5 * rows
            count += rows
            right += int((SCORES[:rows].argmax(1) == CLASSES[:rows]).sum())
    assert metric.compute().item() == pytest.approx(squares / count / 5, rel=1e-5)
    assert other.states["multiclass"].tolist() == [[right, count]]
    again = copy.deepcopy(other)
    again.update(zincir.tensor(SCORES[:1]), zincir.tensor(CLASSES[:1]))
    assert other.states["multiclass"].tolist() == [[right, count]]
    assert again.states["multiclass"][0, 1].item() == count + 1


def test_code_of_others_runs_at_every_update():
    class Counting(metrics.MeanSquaredError):
        def error(self, p, t):
            calls.append(1)
            return super().error(p, t)

    calls, metric = Unseen(), Counting()
    for _ in range(6):
        metric.update(zincir.tensor(NUMBERS), zincir.tensor(WANTED))
    assert len(calls) == 6


def test_labels_out_of_range_inside_a_compiled_function():
    metric = metrics.Accuracy()
    step = zincir.compile(metric.update)
    for _ in range(3):
        step(zincir.tensor(SCORES), zincir.tensor(CLASSES))
    with pytest.raises(IndexOutOfRange, match="label"):
        step(zincir.tensor(SCORES), zincir.tensor(CLASSES) + 1)


def test_what_reads_scores_does_not_depend_on_batches():
    """Small logits look like probabilities until a large one comes."""
    p = np.array([0.4, 0.2, -3.0, 0.3], "f")
    t = np.array([1, 1, 0, 1])
    for cut in range(5):
        metric = metrics.Accuracy()
        for part in (slice(0, cut), slice(cut, 4)):
            metric.update(zincir.tensor(p[part]), zincir.tensor(t[part]))
        assert metric.compute().item() == 1.0
    assert metrics.Accuracy(logits=False)(p, t).item() == 0.25
    assert metrics.Accuracy(logits=True)(p[:2], t[:2]).item() == 1.0


def test_scores_that_are_nan():
    broken = SCORES.copy()
    broken[3, 2] = np.nan
    for name in ("accuracy", "f1", "log_loss", "calibration_error", "top3"):
        assert np.isnan(after(name, [(broken, CLASSES)]).compute().item()), name
    left_out = np.where(np.arange(40) == 3, -1, CLASSES)
    metric = metrics.Accuracy(ignore_index=-1)
    metric.update(zincir.tensor(broken), zincir.tensor(left_out))
    assert 0 <= metric.compute().item() <= 1
    with pytest.raises(ArgumentError, match="NaN"):
        after("confusion_matrix", [(broken, CLASSES)]).compute()
    with pytest.raises(ArgumentError, match="NaN in row 3"):
        after("roc_auc", [(broken, CLASSES)])


def test_long_streams_are_exact():
    metric = metrics.Accuracy()
    metric.update([1, 0], [1, 1])
    metric.load_state_dict({**metric.state_dict(), "multiclass": np.array([[2**53, 2**54]])})
    metric.update([1], [1])
    assert metric.states["multiclass"].tolist() == [[2**53 + 1, 2**54 + 1]]


BAD = {
    "shapes": (metrics.Accuracy, (SCORES, CLASSES[:-1]), ShapeError, "do not fit"),
    "column": (metrics.MeanSquaredError, (NUMBERS[:, :1], NUMBERS[:, 0]), ShapeError, "unsqueeze"),
    "classes": (lambda: metrics.F1Score(num_classes=7), (SCORES, CLASSES), ShapeError, "7 classes"),
    "floats": (metrics.Accuracy, (SCORES, CLASSES.astype("f")), DTypeError, "whole numbers"),
    "label": (metrics.Accuracy, (SCORES, CLASSES - 1), IndexOutOfRange, "label"),
    "half": (metrics.Accuracy, (PROBABILITIES, BITS * 0.5), IndexOutOfRange, "label"),
    "which": (metrics.F1Score, (CLASSES, CLASSES), IndexOutOfRange, "label"),
    "unknown": (
        lambda: metrics.F1Score("multiclass"),
        (CLASSES, CLASSES),
        ArgumentError,
        "classes",
    ),
    "labels": (metrics.Accuracy, (SCORES, SCORES > 0), ArgumentError, "multilabel"),
    "top": (lambda: metrics.Accuracy(top_k=6), (SCORES, CLASSES), ShapeError, "top_k"),
    "top of two": (
        lambda: metrics.Accuracy(top_k=2),
        (PROBABILITIES, BITS),
        ArgumentError,
        "top_k",
    ),
    "numbers": (
        lambda: metrics.Accuracy(top_k=2, num_classes=5),
        (CLASSES, CLASSES),
        ArgumentError,
        "top_k",
    ),
    "complex": (metrics.Accuracy, (SCORES * 1j, CLASSES), DTypeError, "real"),
    "answers": (metrics.LogLoss, (BITS, BITS), ArgumentError, "probabilities"),
    "order": (metrics.AUROC, (BITS, BITS), ArgumentError, "scores"),
    "tokens": (metrics.Perplexity, (LOGITS.swapaxes(1, 2), TOKENS), ShapeError, "transpose"),
    "texts": (metrics.BLEUScore, (["a"], []), ArgumentError, "number of texts"),
    "no text": (metrics.BLEUScore, (["a"], [[]]), ArgumentError, "without any"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_batches(case):
    make, batch, error, words = BAD[case]
    with pytest.raises(error, match=words):
        make().update(*batch)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.Accuracy("binnary"), "binary, multiclass, multilabel"),
        (lambda: metrics.Accuracy(average="mean"), "'micro', 'macro'"),
        (lambda: metrics.Accuracy(top_k=0), "1 or more"),
        (lambda: metrics.Precision(threshold=2.0), "0 to 1"),
        (lambda: metrics.Recall(num_classes=0), "num_classes"),
        (lambda: metrics.FBetaScore(-1.0), "above 0"),
        (lambda: metrics.CalibrationError(norm="l3"), "'l1', 'l2'"),
        (lambda: metrics.CalibrationError(0), "1 or more"),
        (lambda: metrics.ConfusionMatrix(normalize="rows"), "'true', 'pred'"),
        (lambda: metrics.R2Score("mean"), "uniform_average"),
        (lambda: metrics.AUROC(average="all"), "'macro'"),
        (lambda: metrics.BLEUScore(0), "1 or more"),
        (lambda: metrics.BLEUScore(2, weights=[1.0]), "2 weights"),
    ],
)
def test_bad_settings(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def test_mixtures_are_refused():
    metric = after("accuracy", parts("accuracy"))
    with pytest.raises(ArgumentError, match="another kind"):
        metric.update(zincir.tensor(PROBABILITIES), zincir.tensor(BITS))
    area = after("roc_auc", [(PROBABILITIES, BITS)])
    with pytest.raises(ArgumentError, match="another kind"):
        area.update(zincir.tensor(SCORES), zincir.tensor(CLASSES))
    for mine, other in ((metric, "accuracy"), (area, "roc_auc")):
        with pytest.raises(ArgumentError, match="another kind"):
            mine.merge(
                after(other, [(PROBABILITIES, BITS) if mine is metric else (SCORES, CLASSES)])
            )
    with pytest.raises(ArgumentError, match="another kind"):
        area.update(zincir.tensor(SCORES[:, :4]), zincir.tensor(CLASSES % 4))
    with pytest.raises(StateError, match="another metric"):
        area.load_state_dict({"scores": np.zeros(3), "true": np.zeros(3), "task": np.zeros(3)})
    matrix = after("confusion_matrix", parts("confusion_matrix"))
    with pytest.raises(ShapeError, match="other classes"):
        matrix.update(zincir.tensor(SCORES[:, :4]), zincir.tensor(CLASSES % 4))
    with pytest.raises(ArgumentError, match="differ in kind"):
        metric.merge(area)
    with pytest.raises(ArgumentError, match="settings"):
        metric.merge(metrics.Accuracy(top_k=2))
    with pytest.raises(ArgumentError, match="seen nothing"):
        metrics.ConfusionMatrix().compute()


def test_settings_stay():
    metric = metrics.Precision()
    metric.name = "validation precision"
    with pytest.raises(ArgumentError, match="stay what they are"):
        metric.threshold = 0.3


def test_areas_are_not_for_compiled_functions():
    metric = metrics.AUROC()
    with pytest.raises(TraceError, match="outside"):
        zincir.compile(metric.update)(zincir.tensor(PROBABILITIES), zincir.tensor(BITS))


def test_names():
    assert metrics.named("acc").name == "acc"
    assert metrics.named("top5").top_k == 5
    assert metrics.named("f1", num_classes=4, average=None).average is None
    with pytest.raises(UnknownName, match="accuracy"):
        metrics.named("acuracy")
    with pytest.raises(UnknownName, match="top5"):
        metrics.named("top0")
    assert (
        repr(metrics.CalibrationError(10))
        == "CalibrationError(n_bins=10, norm='l1', threshold=0.5)"
    )
