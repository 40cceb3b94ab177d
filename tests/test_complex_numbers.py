"""Complex tensors without PyTorch: memory, views, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import zincir
from zincir import nn, settings
from zincir.errors import DTypeError, ShapeError, ZincirError


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
@pytest.mark.parametrize("target", [None, "generic"])
def test_memory_that_begins_anywhere(kind, target):
    part = np.empty(0, kind).real.dtype
    whole = np.random.default_rng(0).normal(size=2 * 1001 + 1).astype(part)
    m = whole[1:].view(kind)
    t = zincir.from_numpy(m)
    with settings.using(target=target):
        for mine, theirs in (
            (t * t + 1, m * m + 1), (t[::3].conj(), m[::3].conj()), (t.abs(), np.abs(m)),
            (zincir.cat([t[5:], t[:5]]), np.concatenate([m[5:], m[:5]])),
            (t.reshape(7, 143).t().clone(), m.reshape(7, 143).T),
            (t[zincir.tensor([3, 1, 500])], m[[3, 1, 500]]),
            (zincir.where(t.real > 0, t, t.conj()), np.where(m.real > 0, m, m.conj())),
        ):  # fmt: skip
            np.testing.assert_allclose(mine.numpy(), theirs, 1e-5)


def test_parts_and_pairs_are_views():
    z = zincir.tensor([1 + 2j, 3 - 1j])
    z.imag.zero_()
    z.real[1] = 7
    zincir.view_as_real(z)[0, 1] = 5
    assert z.tolist() == [1 + 5j, 7]
    z.imag = zincir.tensor([1.0, 2.0])
    assert z.tolist() == [1 + 1j, 7 + 2j]
    pairs = zincir.tensor([[1.0, 2.0], [3.0, 4.0]])
    whole = zincir.view_as_complex(pairs)
    whole *= 1j
    assert pairs.tolist() == [[-2.0, 1.0], [-4.0, 3.0]]
    assert np.shares_memory(zincir.view_as_real(whole).numpy(), pairs.numpy())
    assert np.shares_memory(z.imag.numpy(), z.numpy())
    r = zincir.ones(2)
    assert r.real is r
    assert r.conj() is r


def test_looking_and_copying():
    z = zincir.tensor([[1 + 2j], [0.5j]])
    for same in (pickle.loads(pickle.dumps(z)), copy.deepcopy(z), zincir.tensor(z), z.clone()):
        assert same.dtype is zincir.complex64
        assert same.tolist() == [[1 + 2j], [0.5j]]
    assert z[0, 0].item() == 1 + 2j
    assert z.type() == "torch.ComplexFloatTensor"
    assert zincir.from_numpy(np.array([1j])).dtype is zincir.complex128
    assert zincir.full((2,), 1j, dtype=zincir.complex64).tolist() == [1j, 1j]


def test_division_and_size_do_not_overflow():
    big = zincir.tensor([3e30 + 4e30j])
    assert abs((big / big).item() - 1) < 1e-6
    assert big.abs().item() == pytest.approx(5e30)
    assert zincir.tensor([3e-30 + 4e-30j]).abs().item() == pytest.approx(5e-30)
    z = zincir.zeros(1, dtype=zincir.complex64).requires_grad_()
    (z.abs() + z.angle()).sum().backward()
    assert z.grad.tolist() == [0]


def refusals():
    z, r = zincir.tensor([1 + 2j, 3 - 1j]), zincir.ones(2)
    return {
        "lt: not for complex": lambda: z < 1,
        "argsort: not for complex": z.sort,
        "sigmoid: not for complex": z.sigmoid,
        "floor_div: not for complex": lambda: z // 2,
        "amax: not for complex": z.max,
        "real input": lambda: zincir.fft.rfft(z),
        "fft: not for float16": lambda: zincir.fft.fft(r.half()),
        "gelu.*floating": lambda: nn.functional.gelu(z),
        "can't be cast": lambda: r.add_(1j),
        "parameters cannot be complex": lambda: zincir.optim.SGD([z], lr=0.1),
        "real scalar outputs": lambda: z.clone().requires_grad_().sum().backward(),
        "imag is not implemented": lambda: r.imag,
        "not of size 2": lambda: zincir.view_as_complex(zincir.ones(3)),
        "do not lie": lambda: zincir.view_as_complex(zincir.ones(2, 4).t()[:, :2]),
        "only supported for complex": lambda: zincir.view_as_real(r),
        "two floating tensors": lambda: zincir.complex(r, r.double()),
        "invalid normalization": lambda: zincir.fft.fft(r, norm="other"),
        "invalid number of data": lambda: zincir.fft.fft(r, 0),
        "a dimension twice": lambda: zincir.fft.fftn(r, dim=(0, 0)),
        "different lengths": lambda: zincir.fft.fftn(r, (1, 2), (0,)),
        "more lengths": lambda: zincir.fft.fftn(r, (1, 2)),
        "at least one dimension": lambda: zincir.fft.fft(r[0]),
    }


@pytest.mark.parametrize("message", list(refusals()))
def test_what_is_refused(message):
    with pytest.raises(ZincirError, match=message):
        refusals()[message]()


def test_a_compiled_filter():
    @zincir.compile
    def filtered(x, k):
        return zincir.fft.irfft(zincir.fft.rfft(x) * k)

    x, k = zincir.randn(3, 16), zincir.randn(9, dtype=zincir.complex64)
    for _ in range(3):
        expected = np.fft.irfft(np.fft.rfft(x.numpy()) * k.numpy())
        np.testing.assert_allclose(filtered(x, k).numpy(), expected, 1e-4, 1e-5)


def test_errors_are_of_their_kind():
    with pytest.raises(DTypeError):
        zincir.ones(2).imag  # noqa: B018
    with pytest.raises(ShapeError):
        zincir.view_as_complex(zincir.ones(3))
