"""What sorts, ranks, counts and measures gives PyTorch's values, indices, types and gradients."""

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

from comparison import compare  # noqa: E402

RNG = np.random.default_rng(3)
A = RNG.standard_normal((4, 5))
B = RNG.standard_normal((3, 5))
HOLES = np.where(RNG.random((4, 5)) < 0.3, np.nan, A)
HOLES[2] = np.nan
CUBE = RNG.standard_normal((2, 3, 4))
INTS = RNG.integers(0, 4, (4, 6))
COUNTS = np.array([3, 0, 3, 1, 7])
Q = np.array([0.0, 0.3, 0.75, 1.0])
SORTED = np.sort(RNG.standard_normal((3, 6)), -1)
EDGES = np.array([-1.0, -0.2, 0.4, 2.0])
ZERO = np.array(2.5)

CASES = {
    "sort": (lambda t, a: t.sort(a, dim=0, descending=True), A),
    "sort nan": (lambda t, a: t.sort(a.detach(), descending=True), HOLES),
    "sort 0-d": (lambda t, a: a.sort(), ZERO),
    "msort": (lambda t, a: t.msort(a), A),
    "argsort": (lambda t, a: t.argsort(a, stable=True), INTS),
    "topk": (lambda t, a: t.topk(a, 2, 0, largest=False), A),
    "kthvalue": (lambda t, a: t.kthvalue(a, 2, keepdim=True), A),
    "kthvalue 0": (lambda t, a: a.kthvalue(3, 0), A),
    "median": (lambda t, a: t.median(a, 0), A),
    "median nan": (lambda t, a: t.median(a.detach(), 1), HOLES),
    "nanmedian": (lambda t, a: t.nanmedian(a.detach(), 1), HOLES[:2]),
    "median all": (lambda t, a: t.median(a), A),
    "median of equals": (lambda t, a: t.median(a.double().requires_grad_()), INTS),
    "nanmedian all": (lambda t, a: t.nanmedian(a), HOLES),
    "mode": (lambda t, a: t.mode(a, 0), INTS),
    "mode 1": (lambda t, a: a.mode(keepdim=True), INTS[:, :5]),
    "cummax": (lambda t, a: t.cummax(a, 1), A),
    "cummin nan": (lambda t, a: t.cummin(a.detach(), 0), HOLES),
    "cummax int": (lambda t, a: t.cummax(a, 1), INTS),
    "logcumsumexp": (lambda t, a: t.logcumsumexp(a * 30, 1), A),
    "diff": (lambda t, a, b: t.diff(a, 2, 0, prepend=b), A, B),
    "diff bool": (lambda t, a: t.diff(a > 1), INTS),
    "aminmax": (lambda t, a: t.aminmax(a, dim=0), A),
    "aminmax all": (lambda t, a: t.aminmax(a), A),
    "nansum": (lambda t, a: t.nansum(a, 1), HOLES),
    "nanmean": (lambda t, a: t.nanmean(a, 0, keepdim=True), HOLES),
    "var_mean": (lambda t, a: t.var_mean(a, (0, 2), correction=0), CUBE),
    "std_mean": (lambda t, a: t.std_mean(a, 1, keepdim=True), CUBE),
    "renorm": (lambda t, a: t.renorm(a, 2, 1, 1.0), CUBE),
    "renorm 1": (lambda t, a: a.renorm(1, 0, 100.0), A),
    "dist": (lambda t, a, b: t.dist(a[:3], b, 3), A, B),
    "count_nonzero": (lambda t, a: t.count_nonzero(a, dim=(0, 1)), INTS),
    "unique": (lambda t, a: t.unique(a, return_inverse=True, return_counts=True), INTS),
    "unique dim": (lambda t, a: t.unique(a % 2, dim=1, return_inverse=True), INTS),
    "unique rows": (lambda t, a: t.unique(a[:, :1], dim=0, return_counts=True), INTS),
    "unique nan": (lambda t, a: t.unique(a.detach()), HOLES),
    "unique 0-d": (lambda t, a: t.unique(a.detach(), return_inverse=True), ZERO),
    "unique_consecutive": (
        lambda t, a: t.unique_consecutive(a, return_inverse=True, return_counts=True), INTS),
    "unique_consecutive dim": (lambda t, a: t.unique_consecutive(a[:, :1] % 2, dim=0), INTS),
    "bincount": (lambda t, a: t.bincount(a, minlength=10), COUNTS),
    "bincount weights": (lambda t, a, w: t.bincount(a, w.detach()), COUNTS, A[0]),
    "bincount float": (lambda t, a, w: t.bincount(a, w.detach().float()), COUNTS, A[0]),
    "bincount empty": (lambda t, a: t.bincount(a[:0]), COUNTS),
    "histc": (lambda t, a: t.histc(a.detach(), 4), A),
    "histc range": (lambda t, a: t.histc(a.detach().float(), bins=3, min=-1, max=1), A),
    "histogram": (lambda t, a: tuple(t.histogram(a.detach(), 4)), A),
    "histogram edges": (
        lambda t, a, e, w: tuple(t.histogram(a.detach(), e.detach(), weight=w.detach())),
        A, EDGES, A),
    "histogram density": (
        lambda t, a: tuple(t.histogram(a.detach(), 3, range=(-2.0, 2.0), density=True)), A),
    "searchsorted": (lambda t, s, v: t.searchsorted(s.detach(), v.detach()), SORTED, B),
    "searchsorted right": (
        lambda t, s, v: t.searchsorted(s.detach(), s.detach(), side="right", out_int32=True),
        SORTED, B),
    "searchsorted number": (lambda t, s: t.searchsorted(s[0].detach(), 0.1), SORTED),
    "searchsorted sorter": (
        lambda t, a, v: t.searchsorted(a[:3].detach(), v.detach(), sorter=a[:3].argsort()), A, B),
    "bucketize": (lambda t, a, e: t.bucketize(a.detach(), e.detach(), right=True), A, EDGES),
    "bucketize number": (lambda t, e: t.bucketize(0.4, e.detach()), EDGES),
    "isin": (lambda t, a, b: t.isin(a, b, invert=True), INTS, COUNTS[:3]),
    "isin number": (lambda t, a: t.isin(a, 3), INTS),
    "nonzero": (lambda t, a: t.nonzero(a, as_tuple=True), INTS),
    "nonzero 0-d": (lambda t, a: t.nonzero(a.detach()), ZERO),
    "argwhere": (lambda t, a: t.argwhere(a > 2), INTS),
    "nonzero_static": (lambda t, a: t.nonzero_static(a > 2, size=30, fill_value=-7), INTS),
    "trapezoid": (lambda t, y: t.trapezoid(y, dx=0.5, dim=0), A),
    "trapezoid x": (lambda t, y, x: t.trapezoid(y, x), A, A[0]),
    "trapezoid grid": (lambda t, y, x: t.trapz(y, x, dim=1), CUBE, CUBE),
    "trapezoid int": (lambda t, y: t.trapezoid(y), INTS),
    "cumulative_trapezoid": (lambda t, y, x: t.cumulative_trapezoid(y, x), A, A[0]),
    "trapezoid of one": (lambda t, y: t.trapezoid(y[:, :1]), A),
}  # fmt: skip
for _mode in ("linear", "lower", "higher", "midpoint", "nearest"):
    CASES[f"quantile {_mode}"] = (
        lambda t, a, q, m=_mode: t.quantile(a, q.detach(), 1, interpolation=m), A, Q)  # fmt: skip
    CASES[f"nanquantile {_mode}"] = (
        lambda t, a, m=_mode: t.nanquantile(a, 0.3, 0, keepdim=True, interpolation=m),
        HOLES[:2],
    )
CASES["quantile all"] = (lambda t, a: t.quantile(a, 0.4), A)
CASES["quantile nan"] = (lambda t, a: t.quantile(a.detach(), 0.4, 1), HOLES)
for _p in (0.0, 0.5, 1.0, 2.0, 3.0, np.inf):
    CASES[f"cdist {_p}"] = (lambda t, a, b, p=_p: t.cdist(a, b, p), A, B)
    CASES[f"pdist {_p}"] = (lambda t, a, p=_p: t.pdist(a, p), A)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    function, *arrays = CASES[name]
    compare(function, arrays)


REFUSED = {
    "topk k": lambda t: t.topk(t.zeros(3), 4),
    "kthvalue k": lambda t: t.kthvalue(t.zeros(3), 0),
    "median of none": lambda t: t.median(t.zeros(0, 3), 0),
    "quantile q": lambda t: t.quantile(t.zeros(3), 1.5),
    "quantile qs": lambda t: t.quantile(t.zeros(3), t.tensor([0.1, 2.0])),
    "quantile type": lambda t: t.quantile(t.zeros(3), t.tensor(0.1, dtype=t.float64)),
    "quantile of none": lambda t: t.quantile(t.zeros(0), 0.5),
    "quantile word": lambda t: t.quantile(t.zeros(3), 0.5, interpolation="cubic"),
    "bincount negative": lambda t: t.bincount(t.tensor([-1])),
    "bincount floats": lambda t: t.bincount(t.zeros(3)),
    "histc bins": lambda t: t.histc(t.zeros(3), 0),
    "histc ints": lambda t: t.histc(t.zeros(3, dtype=t.int64)),
    "searchsorted sides": lambda t: t.searchsorted(t.zeros(3), 1.0, right=True, side="left"),
    "cdist columns": lambda t: t.cdist(t.zeros(2, 3), t.zeros(2, 4)),
    "cdist p": lambda t: t.cdist(t.zeros(2, 3), t.zeros(2, 3), -1.0),
    "pdist shape": lambda t: t.pdist(t.zeros(3)),
    "diff 0-d": lambda t: t.diff(t.tensor(1.0)),
    "logcumsumexp ints": lambda t: t.logcumsumexp(t.tensor([1]), 0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_both(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch)
    # RuntimeError stands for what PyTorch has no better word for
    kind = theirs.type if theirs.type is not NotImplementedError else RuntimeError
    with pytest.raises(kind):
        REFUSED[name](zincir).tolist()
