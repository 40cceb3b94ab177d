"""Bytes under another type, addresses, Python's functions on elements: beside PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("start", "to"),
    [("float32", "int32"), ("int32", "float32"), ("float32", "uint8"), ("uint8", "int16"),
     ("float64", "float32"), ("complex64", "float32"), ("bfloat16", "int16"), ("int16", "bfloat16"),
     ("float32", "bfloat16"), ("bool", "uint8"), ("float32", "float32")],
)  # fmt: skip
def test_bytes_under_another_type(start: str, to: str) -> None:
    found = []
    for lib in (zincir, torch):
        x = (lib.arange(24) % 2).reshape(3, 8).to(getattr(lib, start))
        y = x.view(getattr(lib, to))
        x[0] = x[1]  # which the view sees
        found.append((tuple(y.shape), y.float().tolist(), y.dtype.itemsize))
        z = x.view(dtype=getattr(lib, to))
        z.fill_(0)
        assert not x.any().item()
    assert repr(found[0]) == repr(found[1])  # with NaN


def test_bytes_that_do_not_fit() -> None:
    for lib, error in ((zincir, zincir.errors.ZincirError), (torch, RuntimeError)):
        with pytest.raises(error):
            lib.zeros(3, 3, dtype=lib.uint8).view(lib.float32)
        with pytest.raises(error):
            lib.zeros(()).view(lib.uint8)


def test_addresses() -> None:
    for lib in (zincir, torch):
        x = lib.zeros(3, 4)
        y, z = x[1:, 2:], x.detach()
        assert y.data_ptr() - x.data_ptr() == 24
        assert z.data_ptr() == x.data_ptr() != lib.zeros(3, 4).data_ptr()
        assert x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr() == x.data_ptr()
        assert x.untyped_storage().nbytes() == y.untyped_storage().nbytes() == 48
        assert lib.zeros(0).data_ptr() == 0
        assert x.t().data_ptr() == x.data_ptr()


CALLS: dict[str, Callable[[Any], Any]] = {
    "floats": lambda lib: lib.tensor([1.0, 2.0]).apply_(lambda x: x + 0.5),
    "ints": lambda lib: lib.tensor([1, 2, 3]).apply_(lambda x: x * 1.5),
    "halves": lambda lib: lib.ones(2, dtype=lib.bfloat16).apply_(lambda x: x / 3),
    "bools": lambda lib: lib.tensor([True, False]).apply_(lambda x: not x),
    "a view": lambda lib: lib.zeros(2, 2).t()[0].apply_(lambda x: x + 1),
    "two": lambda lib: lib.ones(3, 2).map_(lib.tensor([1.0, 2.0]), lambda a, b: a - b),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_on_elements(name: str) -> None:
    ours, theirs = (CALLS[name](lib) for lib in (zincir, torch))
    assert str(theirs.dtype) == f"torch.{ours.dtype.name}"
    np.testing.assert_array_equal(ours.float().numpy(), theirs.float().numpy())


def test_functions_that_are_refused() -> None:
    for lib in (zincir, torch):
        x = lib.ones(2, requires_grad=True)
        for call in (
            lambda x=x: x.apply_(abs),
            lambda lib=lib: lib.ones(2).map_(lib.ones(3), lambda a, b: a),
            lambda lib=lib: lib.ones(2).map_(lib.ones(2).double(), lambda a, b: a),
        ):
            with pytest.raises((RuntimeError, TypeError, zincir.errors.ZincirError)):
                call()


FOREACH: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda lib, a, b: lib._foreach_add(a, b, alpha=2),
    "add number": lambda lib, a, b: lib._foreach_add(a, 1.5),
    "add numbers": lambda lib, a, b: lib._foreach_add(a, [1.0, 2.0]),
    "mul_": lambda lib, a, b: lib._foreach_mul_(a, b) or a,
    "addcmul_": lambda lib, a, b: lib._foreach_addcmul_(a, b, b, 0.5) or a,
    "addcdiv, each": lambda lib, a, b: lib._foreach_addcdiv(a, b, b, [0.5, 2.0]),
    "lerp_": lambda lib, a, b: lib._foreach_lerp_(a, b, 0.25) or a,
    "sqrt_": lambda lib, a, b: lib._foreach_sqrt_(b) or b,
    "neg": lambda lib, a, b: lib._foreach_neg(a),
    "maximum_": lambda lib, a, b: lib._foreach_maximum_(a, b) or a,
    "maximum number": lambda lib, a, b: lib._foreach_maximum(a, 1.5),
    "clamp_min": lambda lib, a, b: lib._foreach_clamp_min(a, 1.5),
    "pow": lambda lib, a, b: lib._foreach_pow(b, 2),
    "norm": lambda lib, a, b: lib._foreach_norm(a),
    "zero_": lambda lib, a, b: lib._foreach_zero_(a) or a,
    "copy_": lambda lib, a, b: lib._foreach_copy_(a, b) or a,
}


@pytest.mark.parametrize("name", FOREACH)
def test_lists_of_tensors(name: str) -> None:
    from zincir.as_torch import lists_of_tensors

    results = []
    for lib, words in ((zincir, lists_of_tensors), (torch, torch)):
        a = [lib.tensor([1.0, -2.0]), lib.tensor([[3.0]])]
        b = [lib.tensor([0.5, 4.0]), lib.tensor([[2.0]])]
        results.append(FOREACH[name](words, a, b))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-6)


def test_trees() -> None:
    from collections import OrderedDict, defaultdict, deque, namedtuple

    from torch.utils import _pytree as theirs

    from zincir.as_torch import pytree as ours

    Pair = namedtuple("Pair", "x y")
    trees = [{"a": [1, 2], "b": (3,)}, Pair(1, [2]), OrderedDict(b=1, a=2), deque([1, 2], 5), 7,
             None, [], defaultdict(list, a=[1])]  # fmt: skip
    for tree in trees:
        (leaves, form), (wanted, _) = ours.tree_flatten(tree), theirs.tree_flatten(tree)
        assert leaves == wanted
        assert form.num_leaves == len(leaves)
        assert ours.tree_map(lambda x: [x], tree) == theirs.tree_map(lambda x: [x], tree)
        assert type(form.unflatten(leaves)) is type(tree)
    with pytest.raises(ValueError, match="leaves"):
        ours.tree_structure([1, 2]).unflatten([1])
    pairs = [(1, 2), (3, 4)]
    is_pair = lambda x: isinstance(x, tuple)  # noqa: E731
    assert ours.tree_map(sum, pairs, is_leaf=is_pair) == [3, 7]
