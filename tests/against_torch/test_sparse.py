"""Sparse tensors beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_sparse() -> None:
    rng = np.random.default_rng(0)
    places = rng.integers(0, 6, (2, 12))
    values, x = rng.standard_normal(12), rng.standard_normal((6, 3))

    def results(lib: Any) -> list[Any]:
        v = lib.tensor(values, requires_grad=True)
        m = lib.tensor(x, requires_grad=True)
        s = lib.sparse_coo_tensor(lib.tensor(places), v, (6, 6))
        gathered = s.detach().coalesce()
        y = lib.sparse.mm(s, m)
        (y.square().sum() + s.to_dense().exp().sum()).backward()
        line = lib.sparse.softmax(gathered, 1).to_dense()
        return [
            *(t.detach() for t in (y, v.grad, m.grad, s.to_dense(), line)),
            *(gathered.indices(), gathered.values()),
            lib.sparse.sum(gathered, 0).to_dense(),
            lib.sparse.sum(gathered, (0, 1)),
            (gathered.t() @ m.detach()),
            lib.addmm(m.detach(), gathered, m.detach(), beta=0.5, alpha=2.0),
            lib.mv(gathered, m.detach()[:, 0]),
        ]

    for ours, theirs in zip(results(zincir), results(torch), strict=True):
        assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)
