"""Values of metrics are those of scikit-learn."""

import numpy as np
import pytest

import zincir
from zincir import metrics as ours

theirs = pytest.importorskip(
    "sklearn.metrics", reason="scikit-learn is not installed: nothing to compare with"
)
pytestmark = pytest.mark.filterwarnings("ignore")


def close(mine, p, t, want):
    half = len(p) // 3
    mine.update(zincir.tensor(p[:half]), zincir.tensor(t[:half]))
    mine.update(zincir.tensor(p[half:]), zincir.tensor(t[half:]))
    np.testing.assert_allclose(mine.compute().numpy(), want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_classes(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((31, 6))
    scores /= scores.sum(1, keepdims=True)
    t = rng.integers(0, 6 - seed % 2, 31)
    p = scores.argmax(1)
    close(ours.Accuracy(), scores, t, theirs.accuracy_score(t, p))
    close(ours.LogLoss(), scores, t, theirs.log_loss(t, scores, labels=range(6)))
    close(ours.ConfusionMatrix(), scores, t, theirs.confusion_matrix(t, p, labels=range(6)))
    top = theirs.top_k_accuracy_score(t, scores, k=3, labels=range(6))
    close(ours.Accuracy(top_k=3), scores, t, top)
    if not seed % 2:
        balanced = theirs.balanced_accuracy_score(t, p)
        close(ours.Accuracy(average="macro"), scores, t, balanced)
        for average in ("macro", "weighted"):
            area = theirs.roc_auc_score(t, scores, average=average, multi_class="ovr")
            close(ours.AUROC(average=average), scores, t, area)
    for average in ("micro", "macro", "weighted"):
        kept = {"average": average, "zero_division": 0}
        close(ours.Precision(average=average), scores, t, theirs.precision_score(t, p, **kept))
        close(ours.Recall(average=average), scores, t, theirs.recall_score(t, p, **kept))
        close(ours.F1Score(average=average), scores, t, theirs.f1_score(t, p, **kept))
        close(ours.JaccardIndex(average=average), scores, t, theirs.jaccard_score(t, p, **kept))
        want = theirs.fbeta_score(t, p, beta=2.0, **kept)
        close(ours.FBetaScore(2.0, average=average), scores, t, want)
    want = theirs.f1_score(t, p, average=None, labels=range(6), zero_division=0)
    close(ours.F1Score(average=None), scores, t, want)
    close(ours.DiceScore(average=None), scores, t, want)


@pytest.mark.parametrize("seed", range(6))
def test_binary(seed):
    rng = np.random.default_rng(seed)
    p, t = np.round(rng.random(40), 1 + seed % 3), rng.integers(0, 2, 40)
    p[0], p[1] = 0.0, 1.0
    answer = (p > 0.5).astype(int)
    close(ours.AUROC(), p, t, theirs.roc_auc_score(t, p))
    close(ours.AveragePrecision(), p, t, theirs.average_precision_score(t, p))
    close(ours.LogLoss(), p, t, theirs.log_loss(t, p))
    close(ours.F1Score(), p, t, theirs.f1_score(t, answer))
    close(ours.Precision(), answer, t, theirs.precision_score(t, answer))
    close(ours.ConfusionMatrix(), p, t, theirs.confusion_matrix(t, answer))
    logits = np.log(p[2:] + 0.01) * 3
    odds = 1 / (1 + np.exp(-logits))
    close(ours.LogLoss(), logits, t[2:], theirs.log_loss(t[2:], odds))


@pytest.mark.parametrize("seed", range(3))
def test_numbers(seed):
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(20, 3)) + 1e6 * (seed == 1)
    p = t + rng.normal(size=t.shape)
    t[:, 1] = 0.25  # of one value alone, whose mean is exact: scikit-learn needs that
    p[:, 2] = t[:, 2] if seed == 2 else p[:, 2]
    close(ours.MeanAbsoluteError(), p, t, theirs.mean_absolute_error(t, p))
    close(ours.MeanSquaredError(), p, t, theirs.mean_squared_error(t, p))
    want = theirs.root_mean_squared_error(t.ravel(), p.ravel())
    close(ours.RootMeanSquaredError(), p, t, want)
    want = theirs.mean_absolute_percentage_error(t, p)
    close(ours.MeanAbsolutePercentageError(), p, t, want)
    t[3, 0] = 0.0
    want = theirs.mean_absolute_percentage_error(t, p)
    close(ours.MeanAbsolutePercentageError(), p, t, want)
    if seed != 1:  # there, scikit-learn's own mean of targets has fewer digits
        for how in ("raw_values", "uniform_average", "variance_weighted"):
            close(ours.R2Score(how), p, t, theirs.r2_score(t, p, multioutput=how))
    one = theirs.r2_score(t[:, 0], p[:, 0])
    np.testing.assert_allclose(ours.R2Score()(p[:, 0], t[:, 0]).item(), one, rtol=1e-6)


def test_undefined_areas_are_nan():
    p, ones = np.array([0.3, 0.6, 0.9]), np.ones(3, int)
    assert np.isnan(ours.AUROC()(p, ones).item())
    assert np.isnan(theirs.roc_auc_score(ones, p))
    assert np.isnan(ours.AveragePrecision()(p, 0 * ones).item())
    assert ours.AveragePrecision()(p, ones).item() == theirs.average_precision_score(ones, p) == 1
    assert np.isnan(ours.R2Score()(p[:1], p[:1]).item())
