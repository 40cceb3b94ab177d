"""Complex tensors and Fourier transforms: values, types and gradients are PyTorch's."""

import warnings

import numpy as np
import pytest

import zincir
import zincir.fft

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

TOLERANCE = {"complex64": 2e-5, "complex128": 1e-10}
PART = {"complex64": "float32", "complex128": "float64"}

# Of two complex matrices (3, 4) and a real one.
ARITHMETIC = [
    lambda L, a, b, r: a * b, lambda L, a, b, r: a / b, lambda L, a, b, r: 1 - a - b * 2,
    lambda L, a, b, r: 2 / a, lambda L, a, b, r: a * (1 + 2j) + 3j, lambda L, a, b, r: r * a,
    lambda L, a, b, r: r * (1 + 2j), lambda L, a, b, r: a.abs(), lambda L, a, b, r: a.angle(),
    lambda L, a, b, r: a.conj() * b, lambda L, a, b, r: a.real * b.imag, lambda L, a, b, r: -a,
    lambda L, a, b, r: a.exp(), lambda L, a, b, r: a.log(), lambda L, a, b, r: a.sqrt(),
    lambda L, a, b, r: a.sin() + a.cos(), lambda L, a, b, r: a.tanh(), lambda L, a, b, r: a**2,
    lambda L, a, b, r: a**3, lambda L, a, b, r: a**-1,
    lambda L, a, b, r: a**b, lambda L, a, b, r: a**0.5,
    lambda L, a, b, r: a.sum(0), lambda L, a, b, r: a.mean(), lambda L, a, b, r: a.cumsum(1),
    lambda L, a, b, r: a @ b.t(), lambda L, a, b, r: L.einsum("ij,kj->ik", a, b.conj()),
    lambda L, a, b, r: a[0] @ b[0], lambda L, a, b, r: a.norm(dim=1), lambda L, a, b, r: a.sgn(),
    lambda L, a, b, r: a.reciprocal(), lambda L, a, b, r: a == b, lambda L, a, b, r: a != a.conj(),
    lambda L, a, b, r: L.isfinite(a), lambda L, a, b, r: r.angle(), lambda L, a, b, r: a.isreal(),
]  # fmt: skip
MOVES = [
    lambda L, a, b, r: L.cat([a, b], 1), lambda L, a, b, r: L.stack([a, b]),
    lambda L, a, b, r: a[[1, 0, 1]], lambda L, a, b, r: a[:, 1:3].t().reshape(-1),
    lambda L, a, b, r: L.where(r > 0, a, b), lambda L, a, b, r: L.view_as_real(a).sum(-1),
    lambda L, a, b, r: L.view_as_complex(r.reshape(3, 2, 2)),
    lambda L, a, b, r: L.complex(r, r * 2),
    lambda L, a, b, r: L.polar(r.abs(), r),
    lambda L, a, b, r: a.roll(1, 1), lambda L, a, b, r: a.mH,
    lambda L, a, b, r: a.to(L.complex128), lambda L, a, b, r: r.to(L.complex64),
    lambda L, a, b, r: a.clone().add_(b), lambda L, a, b, r: a.clone().mul_(r),
    lambda L, a, b, r: a[:1].expand(3, 4) * b, lambda L, a, b, r: a.gather(1, r.argsort(1)),
    lambda L, a, b, r: L.zeros_like(a).index_add(0, L.tensor([0, 0, 2]), b),
    lambda L, a, b, r: L.nn.functional.pad(a, (1, 2)), lambda L, a, b, r: a.diagonal(),
    lambda L, a, b, r: a.bool(),
]  # fmt: skip
FOURIER = [
    lambda L, a, b, r: L.fft.fft(a), lambda L, a, b, r: L.fft.ifft(a, 7),
    lambda L, a, b, r: L.fft.fft(r, 3, 0), lambda L, a, b, r: L.fft.rfft(r),
    lambda L, a, b, r: L.fft.rfft(r, 5, norm="ortho"), lambda L, a, b, r: L.fft.irfft(a),
    lambda L, a, b, r: L.fft.irfft(a, 5, norm="forward"), lambda L, a, b, r: L.fft.irfft(a, 4, 0),
    lambda L, a, b, r: L.fft.irfft(a, 1), lambda L, a, b, r: L.fft.irfft(a, 2),
    lambda L, a, b, r: L.fft.hfft(a), lambda L, a, b, r: L.fft.hfft(a, 5, 0, "ortho"),
    lambda L, a, b, r: L.fft.ihfft(r), lambda L, a, b, r: L.fft.fft2(a),
    lambda L, a, b, r: L.fft.ifft2(a, norm="ortho"), lambda L, a, b, r: L.fft.rfft2(r),
    lambda L, a, b, r: L.fft.irfft2(a, (5, 6)), lambda L, a, b, r: L.fft.fftn(r, dim=0),
    lambda L, a, b, r: L.fft.irfftn(a), lambda L, a, b, r: L.fft.ifftn(a, (2, 5)),
    lambda L, a, b, r: L.fft.rfftn(r, (4,)), lambda L, a, b, r: L.fft.fftshift(a),
    lambda L, a, b, r: L.fft.ifftshift(r, 0), lambda L, a, b, r: L.fft.fftfreq(5, 0.1),
    lambda L, a, b, r: L.fft.rfftfreq(5, 0.1),
    lambda L, a, b, r: L.fft.rfft(r).abs().square().sum(),
]  # fmt: skip
ALL = [*ARITHMETIC, *MOVES, *FOURIER]


def of(theirs):
    return zincir.from_numpy(theirs.detach().numpy().copy()).requires_grad_(theirs.requires_grad)


def operands(name):
    torch.manual_seed(0)
    kinds = [getattr(torch, n) for n in (name, name, PART[name])]
    theirs = [torch.randn(3, 4, dtype=k).requires_grad_() for k in kinds]
    return theirs, [of(t) for t in theirs]


def same(mine, theirs, name):
    a, b = mine.detach().numpy(), theirs.detach().resolve_conj().numpy()
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, TOLERANCE[name], TOLERANCE[name])


@pytest.mark.parametrize("name", list(TOLERANCE))
@pytest.mark.parametrize("number", range(len(ALL)))
def test_values_and_gradients(name, number):
    theirs, mine = operands(name)
    y, z = ALL[number](torch, *theirs), ALL[number](zincir, *mine)
    same(z, y, name)
    assert z.requires_grad is y.requires_grad
    if not y.requires_grad:
        return
    g = torch.randn(y.shape, dtype=y.dtype)
    y.backward(g)
    z.backward(of(g))
    for p, q in zip(mine, theirs, strict=True):
        assert (p.grad is None) is (q.grad is None)
        if q.grad is not None:
            same(p.grad, q.grad, name)


def rotated(lib, x, turns):
    z = lib.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return lib.view_as_real(z * turns).flatten(-2)


def turns(lib, width, length):
    rates = 1.0 / (10000.0 ** (lib.arange(0, width, 2).float() / width))
    angles = lib.outer(lib.arange(length).float(), rates)
    return lib.polar(lib.ones_like(angles), angles)[:, None]


def test_rotary_positions_with_gradients_and_compiled():
    torch.manual_seed(0)
    x, w = torch.randn(2, 5, 3, 8, requires_grad=True), torch.randn(2, 5, 3, 8)
    y = rotated(torch, x, turns(torch, 8, 5))
    (y * w).sum().backward()
    mine, by = of(x), turns(zincir, 8, 5)
    z = rotated(zincir, mine, by)
    (z * of(w)).sum().backward()
    np.testing.assert_allclose(z.detach().numpy(), y.detach().numpy(), 1e-5, 1e-6)
    np.testing.assert_allclose(mine.grad.numpy(), x.grad.numpy(), 1e-5, 1e-6)
    compiled = zincir.compile(lambda x: rotated(zincir, x, by))
    for _ in range(4):
        np.testing.assert_allclose(compiled(mine.detach()).numpy(), y.detach().numpy(), 1e-5, 1e-6)


def test_second_order_through_a_transform():
    found = []
    start = torch.randn(6, dtype=torch.float64)
    for lib, x in ((torch, start.clone().requires_grad_()), (zincir, of(start).requires_grad_())):
        y = lib.fft.fft(x).abs().square().square().sum()
        (g,) = lib.autograd.grad(y, [x], create_graph=True)
        g.square().sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(found[1], found[0], 1e-10)


PRINTED = ([1 + 2j, 3 - 1j], [0.5 - 0.25j, 1e-3 + 100j], [1.5 + 0j], [[1 + 2j, 3], [2j, -1.5]], [])


@pytest.mark.parametrize("data", PRINTED)
def test_printing(data):
    for name in TOLERANCE:
        mine = repr(zincir.tensor(data, dtype=getattr(zincir, name)))
        theirs = repr(torch.tensor(data, dtype=getattr(torch, name)))
        assert mine.replace("zincir", "torch") == theirs


def test_types_of_results():
    for lib in (zincir, torch):
        z, r = lib.ones(2, dtype=lib.complex64), lib.ones(2, dtype=lib.float64)
        assert (z * r).dtype is lib.complex128
        assert (z * r[0]).dtype is lib.complex64
        assert (r * 1j).dtype is lib.complex128
        assert (lib.tensor([1, 2]) * 1j).dtype is lib.complex64
        assert lib.tensor([1, 2.5, 1j]).dtype is lib.complex64
        assert z.is_complex()
        assert not z.is_floating_point()
        assert lib.randn(3, dtype=lib.complex64).dtype is lib.complex64
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert (z * (2 + 1j)).float().tolist() == [2.0, 2.0]
        assert lib is torch or "discards the imaginary part" in str(seen[0].message)
