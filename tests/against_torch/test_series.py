"""Series of numbers are PyTorch's, in every type, and cut off where its are."""

import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")

pytestmark = pytest.mark.torch

RANGES = [(5,), (0.9, 5.9, 1.5), (-0.9, 2.1, 2.0), (3, -4, -2), (0.1, -7.9, -4.0), (0, 4.0001)]
TYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "int8", None]


def same(ours, theirs):
    assert str(ours.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2]
    loose = 4e-3 if theirs.dtype is torch.float16 else 1e-6  # PyTorch counts in halves
    assert ours.tolist() == pytest.approx(theirs.tolist(), rel=loose, abs=loose)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("args", RANGES)
def test_arange(args, dtype):
    named = [{"dtype": getattr(x, dtype)} if dtype else {} for x in (zincir, torch)]
    same(zincir.arange(*args, **named[0]), torch.arange(*args, **named[1]))


@pytest.mark.parametrize("dtype", [t for t in TYPES if t != "uint8"])
@pytest.mark.parametrize(
    "args", [(-2.7, 5.9, 7), (4.3, -3, 50), (2, 5, 1), (0, 9, 0), (0.5, 3.5, 5)]
)
def test_equal_distances(args, dtype):
    named = [{"dtype": getattr(x, dtype)} if dtype else {} for x in (zincir, torch)]
    same(zincir.linspace(*args, **named[0]), torch.linspace(*args, **named[1]))
    few = (args[0] / 3, args[1] / 3, 5)
    same(zincir.logspace(*few, base=3.5, **named[0]), torch.logspace(*few, base=3.5, **named[1]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.arange(0, float("inf")), "unsupported range"),
        (lambda t: t.arange(0, 5, 0), "step must be nonzero"),
        (lambda t: t.arange(0, 5, 0.5, dtype=t.int64), "step must be nonzero"),
        (lambda t: t.arange(0, -5), "start to end|inconsistent"),
        (lambda t: t.arange(0, 2, dtype=t.bool), "not implemented"),
        (lambda t: t.linspace(0, 5, -1), "must be non-negative"),
        (lambda t: t.linspace(-2.7, 5, 3, dtype=t.uint8), "cannot be converted to type"),
        (lambda t: t.linspace(t.ones(1), 2, 3), "0-dimensional"),
    ],
)
def test_what_is_refused(call, message):
    for library in (torch, zincir):
        with pytest.raises(Exception, match=message):
            call(library)
