"""What both libraries make of the same arrays, compared: values, types and gradients."""

import numpy as np
import torch

import zincir


def both(arrays):
    def leaf(library, a):
        made = library.tensor(np.array(a))
        return made.requires_grad_() if a.dtype.kind == "f" else made

    return [leaf(zincir, a) for a in arrays], [leaf(torch, a) for a in arrays]


def flat(result):
    """Tensors of a result, whatever holds them."""
    return [x for r in result for x in flat(r)] if isinstance(result, tuple | list) else [result]


def close(ours, theirs, what=""):
    if not hasattr(theirs, "dtype"):
        assert ours == theirs
        return
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch."), what
    assert ours.shape == tuple(theirs.shape), what
    expected = theirs.detach().numpy()
    rtol = 1e-5 if expected.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(ours.detach().numpy(), expected, rtol, rtol, err_msg=what)


def weighted(library, outputs):
    total = 0
    for k, y in enumerate(outputs):
        if hasattr(y, "requires_grad") and y.requires_grad:
            w = np.cos(np.arange(y.numel()) + k).reshape(tuple(y.shape))
            total = total + (y * y * library.tensor(w)).sum() + (y * library.tensor(w)).sum()
    return total


def compare(function, arrays):
    ours, theirs = both(arrays)
    mine, its = flat(function(zincir, *ours)), flat(function(torch, *theirs))
    assert len(mine) == len(its)
    for a, b in zip(mine, its, strict=True):
        close(a, b, "value")
        if hasattr(b, "requires_grad"):
            assert a.requires_grad == b.requires_grad
    a, b = weighted(zincir, mine), weighted(torch, its)
    if isinstance(b, int):
        return
    a.backward()
    b.backward()
    for x, y in zip(ours, theirs, strict=True):
        if y.grad is None or x.grad is None:  # None here may be zeros there
            given = x.grad if y.grad is None else y.grad
            assert given is None or not given.numpy().any()
        else:
            close(x.grad, y.grad, "gradient")
