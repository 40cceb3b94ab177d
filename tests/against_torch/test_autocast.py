"""Inside `autocast("cpu")`: types, values and gradients are PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.as_torch import amp

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def context(lib: Any, **options: Any) -> Any:
    return (amp.autocast if lib is zincir else torch.autocast)("cpu", **options)


def F(lib: Any) -> Any:
    return lib.nn.functional


# Of a library, a matrix (3, 3), a batch of them, and images (2, 3, 6, 6), all of one type.
CALLS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "matmul": lambda lib, a, b, c: lib.matmul(a, a),
    "@": lambda lib, a, b, c: a @ a[0],
    "mm": lambda lib, a, b, c: a.mm(a),
    "bmm": lambda lib, a, b, c: lib.bmm(b, b),
    "addmm": lambda lib, a, b, c: lib.addmm(a, a, a),
    "baddbmm": lambda lib, a, b, c: lib.baddbmm(b, b, b),
    "addbmm": lambda lib, a, b, c: lib.addbmm(a, b, b),
    "mv": lambda lib, a, b, c: lib.mv(a, a[0]),
    "dot": lambda lib, a, b, c: lib.dot(a[0], a[1]),
    "outer": lambda lib, a, b, c: lib.outer(a[0], a[1]),
    "inner": lambda lib, a, b, c: lib.inner(a, a),
    "einsum": lambda lib, a, b, c: lib.einsum("ij,jk->ik", a, a),
    "einsum, no sum": lambda lib, a, b, c: lib.einsum("ij,jk->ijk", a, a),
    "einsum of one": lambda lib, a, b, c: lib.einsum("ij->ji", a),
    "tensordot": lambda lib, a, b, c: lib.tensordot(b, a, 1),
    "multi_dot": lambda lib, a, b, c: lib.linalg.multi_dot([a, a, a]),
    "vecdot": lambda lib, a, b, c: lib.linalg.vecdot(a, a),
    "linear": lambda lib, a, b, c: F(lib).linear(b, a, a[0]),
    "conv2d": lambda lib, a, b, c: F(lib).conv2d(c, c[:, :, :3, :3], a[0, :2]),
    "conv1d": lambda lib, a, b, c: F(lib).conv1d(b, b[:1]),
    "conv_transpose2d": lambda lib, a, b, c: F(lib).conv_transpose2d(
        c, c[:1, :, :2, :2].reshape(3, 1, 2, 2)),
    "attention": lambda lib, a, b, c: F(lib).scaled_dot_product_attention(b, b, b),
    "prelu": lambda lib, a, b, c: F(lib).prelu(c, a[0]),
    "softmax": lambda lib, a, b, c: a.softmax(-1),
    "layer_norm": lambda lib, a, b, c: F(lib).layer_norm(a, (3,)),
    "add": lambda lib, a, b, c: a + a,
    "sum": lambda lib, a, b, c: a.sum(),
    "prod": lambda lib, a, b, c: a.prod(),
    "trace": lambda lib, a, b, c: a.trace(),
    "relu": lambda lib, a, b, c: a.relu(),
    "cat": lambda lib, a, b, c: lib.cat([a, a @ a]),
    "stack": lambda lib, a, b, c: lib.stack([a, a @ a]),
    "gelu of linear": lambda lib, a, b, c: F(lib).gelu(F(lib).linear(a, a)),
    "cross_entropy": lambda lib, a, b, c: F(lib).cross_entropy(a, lib.tensor([0, 2, 1])),
    "nll_loss": lambda lib, a, b, c: F(lib).nll_loss(a, lib.tensor([0, 2, 1])),
    "mse_loss": lambda lib, a, b, c: F(lib).mse_loss(a, a * 2),
    "l1_loss": lambda lib, a, b, c: F(lib).l1_loss(a, a * 2),
    "smooth_l1_loss": lambda lib, a, b, c: F(lib).smooth_l1_loss(a, a * 2),
    "huber_loss": lambda lib, a, b, c: F(lib).huber_loss(a, a * 2),
    "kl_div": lambda lib, a, b, c: F(lib).kl_div(a, a.abs(), reduction="sum"),
    "bce": lambda lib, a, b, c: F(lib).binary_cross_entropy(a.sigmoid(), a.sigmoid()),
    "bce of logits": lambda lib, a, b, c: F(lib).binary_cross_entropy_with_logits(a, a.sigmoid()),
    "soft_margin": lambda lib, a, b, c: F(lib).soft_margin_loss(a, a.sign()),
    "triplet": lambda lib, a, b, c: F(lib).triplet_margin_loss(a, a * 2, a + 1),
    "gaussian_nll": lambda lib, a, b, c: F(lib).gaussian_nll_loss(a, a * 2, a.abs() + 1),
    "max_pool2d": lambda lib, a, b, c: F(lib).max_pool2d(c, 2),
    "max_pool3d": lambda lib, a, b, c: F(lib).max_pool3d(c, 2),
    "max_pool3d with indices": lambda lib, a, b, c: F(lib).max_pool3d(c, 2, return_indices=True)[0],
    "inner of vectors": lambda lib, a, b, c: lib.inner(a[0], a[1]),
    "inner of a number": lambda lib, a, b, c: lib.inner(a[0, 0], a),
    "inner of matrices": lambda lib, a, b, c: lib.inner(a, a),
    "tensordot, a number": lambda lib, a, b, c: lib.tensordot(a, a, 2),
    "cdist": lambda lib, a, b, c: lib.cdist(a, a + 1),
    "reflect": lambda lib, a, b, c: F(lib).pad(c, (1, 1), mode="reflect"),
    "reflect 3": lambda lib, a, b, c: F(lib).pad(c, (1,) * 6, mode="reflect"),
    "replicate": lambda lib, a, b, c: F(lib).pad(c, (1, 1), mode="replicate"),
    "circular": lambda lib, a, b, c: F(lib).pad(c, (1, 1), mode="circular"),
    "solve": lambda lib, a, b, c: lib.linalg.solve(positive(lib, a), a),
    "inv": lambda lib, a, b, c: lib.linalg.inv(positive(lib, a)),
    "inverse": lambda lib, a, b, c: positive(lib, a).inverse(),
    "cholesky_ex": lambda lib, a, b, c: lib.linalg.cholesky_ex(positive(lib, a)).L,
    "eigvalsh": lambda lib, a, b, c: lib.linalg.eigvalsh(positive(lib, a)),
    "svdvals": lambda lib, a, b, c: lib.linalg.svdvals(a),
    "qr": lambda lib, a, b, c: lib.linalg.qr(positive(lib, a)).R,
    "cond": lambda lib, a, b, c: lib.linalg.cond(positive(lib, a)),
    "lstsq": lambda lib, a, b, c: lib.linalg.lstsq(positive(lib, a), a).solution,
    "rfft": lambda lib, a, b, c: lib.fft.rfft(c).real,
    "irfft": lambda lib, a, b, c: lib.fft.irfft(c),
    "fft2": lambda lib, a, b, c: lib.fft.fft2(c).imag,
    "stft": lambda lib, a, b, c: lib.stft(
        c.flatten(), 8, window=lib.ones(8), return_complex=True).abs(),
    "polar": lambda lib, a, b, c: lib.polar(a.abs(), a).imag,
    "avg_pool2d": lambda lib, a, b, c: F(lib).avg_pool2d(c, 2),
    "adaptive_avg_pool3d": lambda lib, a, b, c: F(lib).adaptive_avg_pool3d(c, 2),
}  # fmt: skip


def positive(lib: Any, a: Any) -> Any:
    """A matrix that has an inverse."""
    return (a * a.mT).abs() + 2 * lib.eye(3, dtype=a.dtype)


def given(lib: Any, dtype: str) -> list[Any]:
    draw = np.random.default_rng(0)
    shapes = ((3, 3), (2, 3, 3), (2, 3, 6, 6))
    values = [draw.standard_normal(shape) for shape in shapes]
    return [lib.tensor(v, dtype=getattr(lib, dtype), requires_grad=True) for v in values]


LONG = ("matmul", "linear", "conv2d", "cross_entropy", "softmax")  # of 64 bits: they stay
TRIED = [(name, dtype) for name in CALLS for dtype in ("float32", "bfloat16")]


@pytest.mark.parametrize(("name", "dtype"), [*TRIED, *((name, "float64") for name in LONG)])
def test_types_values_and_gradients(name: str, dtype: str) -> None:
    results = []
    for lib in (zincir, torch):
        tensors = given(lib, dtype)
        try:
            with context(lib):
                y = CALLS[name](lib, *tensors)
            (y.float() * lib.arange(y.numel()).reshape(y.shape)).sum().backward()
        except (RuntimeError, NotImplementedError, zincir.errors.ZincirError):
            results.append(None)  # such as a product of two types
            continue
        results.append([y, *[t.grad for t in tensors]])
    if results[1] is None:  # what PyTorch cannot do in bfloat16, or in float64
        return
    assert results[0] is not None
    for ours, theirs in zip(*results, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert str(theirs.dtype) == f"torch.{ours.dtype.name}"
            a, b = (t.detach().float().numpy() for t in (ours, theirs))
            scale = np.abs(b).max() + 1e-3
            np.testing.assert_allclose(a / scale, b / scale, atol=0.03)


def test_nested_and_off() -> None:
    seen = []
    for lib in (zincir, torch):
        a = lib.ones(2, 2)
        kinds = []
        with context(lib):
            kinds.append((a @ a).dtype)
            with context(lib, enabled=False):
                kinds.append((a @ a).dtype)
                with context(lib, dtype=lib.float16):
                    kinds.append((a @ a).dtype)
            kinds.append((a @ a).dtype)
            out = lib.empty(2, 2)
            lib.mm(a, a, out=out)
            kinds.append(a.clone().addmm_(a, a).dtype)
        kinds += [(a @ a).dtype, (a.double() @ a.double()).dtype]
        with pytest.warns(UserWarning, match="(?i)autocast"), context(lib, dtype=lib.float64):
            kinds.append((a @ a).dtype)
        decorated = context(lib)(lambda x: x @ x)
        kinds.append(decorated(a).dtype)
        seen.append([str(kind).rpartition(".")[2] for kind in kinds])
    assert seen[0] == seen[1]


MODULES: dict[str, Callable[[Any], tuple[Any, tuple[int, ...]]]] = {
    "MLP": lambda nn: (
        nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 2)), (3, 4)),
    "CNN": lambda nn: (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.GroupNorm(2, 4)),
        (2, 3, 5, 5)),
    "Transformer": lambda nn: (
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), (2, 5, 8)),
    "GRU": lambda nn: (nn.GRU(3, 4), (5, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("compiled", [False, True])
def test_modules(name: str, compiled: bool) -> None:
    if compiled and name == "GRU":
        pytest.skip("the same as any")
    theirs, shape = MODULES[name](torch.nn)
    ours, _ = MODULES[name](zincir.nn)
    ours.load_state_dict({k: zincir.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(1).standard_normal(shape).astype("float32")
    outputs = []
    for lib, net in ((zincir, ours), (torch, theirs)):

        def step(x: Any, net: Any = net, lib: Any = lib) -> Any:
            with context(lib):
                y = net(x)
            y = y[0] if isinstance(y, tuple) else y
            y.float().square().mean().backward()
            return y

        if compiled and lib is zincir:
            step = zincir.compile(step)
        rounds = []
        for _ in range(3):
            net.zero_grad()
            rounds.append(step(lib.tensor(x)))
        assert all(p.grad.dtype is lib.float32 for p in net.parameters())
        outputs.append((rounds[-1], [p.grad for p in net.parameters()]))
    (a, ga), (b, gb) = outputs
    assert str(b.dtype) == f"torch.{a.dtype.name}"
    np.testing.assert_allclose(a.detach().float().numpy(), b.detach().float().numpy(), atol=0.05)
    for g, h in zip(ga, gb, strict=True):
        np.testing.assert_allclose(g.numpy(), h.numpy(), atol=0.03 * (float(h.abs().max()) + 0.01))


def test_a_compiled_function_is_recorded_for_each_state() -> None:
    product = zincir.compile(lambda a: a @ a)
    a = zincir.full((2, 2), 1.0 / 3)
    for _ in range(3):
        assert product(a).dtype is zincir.float32
        with amp.autocast("cpu"):
            assert product(a).dtype is zincir.bfloat16
        with amp.autocast("cpu", dtype=zincir.float16):
            assert product(a).dtype is zincir.float16


def test_recurrent_layers_are_refused() -> None:
    for make in (zincir.nn.LSTM, zincir.nn.RNN):
        with amp.autocast("cpu"), pytest.raises(zincir.errors.DTypeError, match="bfloat16"):
            make(3, 4)(zincir.ones(5, 2, 3))


def test_custom_functions() -> None:
    seen = []
    for lib, words in ((zincir, amp), (torch, torch.amp)):
        kinds: list[Any] = []

        class Product(lib.autograd.Function):
            @staticmethod
            @words.custom_fwd(device_type="cpu")
            def forward(ctx: Any, a: Any, b: Any, kinds: list[Any] = kinds) -> Any:
                ctx.save_for_backward(a, b)
                kinds.append((a @ b).dtype)
                return a @ b

            @staticmethod
            @words.custom_bwd(device_type="cpu")
            def backward(ctx: Any, g: Any, kinds: list[Any] = kinds) -> Any:
                a, b = ctx.saved_tensors
                kinds.append((a @ a).dtype)
                return (g @ b.t()).float(), (a.t() @ g).float()

        class Exact(lib.autograd.Function):
            @staticmethod
            @words.custom_fwd(device_type="cpu", cast_inputs=lib.float32)
            def forward(ctx: Any, a: Any, kinds: list[Any] = kinds) -> Any:
                kinds.extend([a.dtype, (a @ a).dtype])
                return a * 2

            @staticmethod
            @words.custom_bwd(device_type="cpu")
            def backward(ctx: Any, g: Any) -> Any:
                return g * 2

        a = lib.ones(2, 2, requires_grad=True)
        with context(lib):
            y = Product.apply(a, a)
            z = Exact.apply(y.detach().requires_grad_())
        y.float().sum().backward()
        kinds += [y.dtype, z.dtype, a.grad.dtype]
        Product.apply(a, a).sum().backward()
        seen.append([str(kind).rpartition(".")[2] for kind in kinds])
    assert seen[0] == seen[1]
