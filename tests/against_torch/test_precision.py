"""`precision="bf16"` against PyTorch: operands rounded by it, then its products of float32."""

import numpy as np
import pytest

import zincir
from zincir.graph.node import Node
from zincir.nn import functional as F
from zincir.operations.bfloat import bfloat16
from zincir.operations.source import leaf
from zincir.runtime import native
from zincir.runtime.buffer import Buffer
from zincir.tensor import wrap

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch


TERMS = ["rounded", pytest.param("pairs", marks=pytest.mark.skipif(
    "+avx512bf16" not in native.target().features.split(",") or native.target().vector_bytes < 64,
    reason="the processor has no products of pairs",
))]  # fmt: skip


@pytest.fixture
def chosen(terms: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.Target, "multiplies_bfloat16", True)
    monkeypatch.setattr(native.Target, "pairs_bfloat16", terms == "pairs")


def known(array: np.ndarray) -> Node:
    node = leaf(array.shape, zincir.float32)
    node.value = Buffer(array)
    return node


@pytest.mark.parametrize("low", [0, 0x7FFF, 0x8000, 0x8001])
def test_numbers_are_rounded_to_the_same_bits(low: int) -> None:
    bits = np.arange(1 << 16, dtype=np.uint32) * np.uint32(1 << 16) + np.uint32(low)
    x = bits.view(np.float32)
    theirs = torch.from_numpy(x).bfloat16().float().numpy()
    np.testing.assert_array_equal(wrap(bfloat16(known(x))).numpy(), theirs)


class Rounded(torch.autograd.Function):
    """A product whose operands, and those of its gradients, are rounded to bfloat16."""

    @staticmethod
    def forward(ctx, product, *operands):
        ctx.product = product
        ctx.operands = [x.bfloat16().float().requires_grad_() for x in operands]
        with torch.enable_grad():
            ctx.result = product(*ctx.operands)
        return ctx.result.detach()

    @staticmethod
    def backward(ctx, g):
        return None, *torch.autograd.grad(ctx.result, ctx.operands, g.bfloat16().float())


CASES = {
    "matmul": ("matmul", {}, (7, 9), (9, 5)),
    "batches": ("matmul", {}, (3, 7, 9), (3, 9, 33)),
    "linear": ("linear", {}, (33, 17), (5, 17)),
    "linear, even": ("linear", {}, (32, 18), (8, 18)),
    "1d": ("conv1d", {"padding": 2, "dilation": 2}, (2, 3, 17), (4, 3, 3)),
    "2d": ("conv2d", {"padding": 1}, (8, 16, 9, 9), (16, 16, 3, 3)),
    "strided": ("conv2d", {"padding": 1, "stride": 2}, (3, 4, 9, 8), (6, 4, 3, 3)),
    "groups": ("conv2d", {"groups": 2}, (1, 4, 6, 5), (6, 2, 2, 3)),
    "depthwise": ("conv2d", {"groups": 16, "padding": 1}, (2, 16, 7, 7), (16, 1, 3, 3)),
    "3d": ("conv3d", {}, (1, 2, 4, 5, 4), (3, 2, 2, 2, 2)),
    "transposed": ("conv_transpose2d", {"stride": 2}, (2, 4, 5, 4), (4, 3, 3, 3)),
}


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", CASES)
def test_products_and_gradients(name: str, chosen: None) -> None:
    function, options, *shapes = CASES[name]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(np.float32) for s in shapes]

    def theirs(*xs):
        library = torch if function == "matmul" else torch.nn.functional
        return getattr(library, function)(*xs, **options)

    given = [torch.from_numpy(a).requires_grad_() for a in arrays]
    y = Rounded.apply(theirs, *given)
    g = rng.normal(size=tuple(y.shape)).astype(np.float32)
    y.backward(torch.from_numpy(g))
    wanted = [y, *[x.grad for x in given]]

    def ours(x, w, g):
        xs = [x.requires_grad_(), w.requires_grad_()]
        library = zincir if function == "matmul" else F
        y = getattr(library, function)(*xs, **options)
        return y.detach(), *zincir.autograd.grad(y, xs, g)

    found = zincir.compile(ours, precision="bf16")(*map(zincir.from_numpy, (*arrays, g)))
    for mine, their in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine.numpy(), their.detach().numpy(), 1e-5, 2e-5)
