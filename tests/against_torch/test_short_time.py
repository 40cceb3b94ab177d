"""`stft` and `istft` are PyTorch's, with their gradients."""

import numpy as np
import pytest

import zincir
from zincir.errors import ZincirError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:A window:UserWarning", "ignore:The length:UserWarning"),
]

torch.manual_seed(0)
SIGNAL = torch.randn(2, 50)
WINDOW = torch.hann_window(16)


def of(theirs):
    return zincir.from_numpy(theirs.detach().numpy().copy()) if torch.is_tensor(theirs) else theirs


KINDS = [
    {}, {"hop_length": 5}, {"win_length": 10, "window": WINDOW[:10].clone()}, {"center": False},
    {"normalized": True}, {"onesided": False}, {"pad_mode": "constant"}, {"window": None},
    {"pad_mode": "replicate"}, {"pad_mode": "circular"},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_pieces_and_back(number):
    settings = {"window": WINDOW, **KINDS[number]}
    found = []
    for lib in (torch, zincir):
        ours = lib is zincir
        x = of(SIGNAL).requires_grad_() if ours else SIGNAL.clone().requires_grad_()
        given = {k: of(v) if ours else v for k, v in settings.items()}
        z = lib.stft(x, 16, return_complex=True, **given)
        z.abs().square().sum().backward()
        given.pop("pad_mode", None)
        back = None
        if given.get("center", True):
            back = lib.istft(z.detach(), 16, length=50, **given).numpy()
        found.append((z.detach().numpy(), x.grad.numpy(), back))
    for mine, theirs in zip(*reversed(found), strict=True):
        assert (mine is None) is (theirs is None)
        if mine is not None:
            np.testing.assert_allclose(mine, theirs, 1e-4, 1e-4)


def test_shapes_and_pairs():
    z = torch.stft(SIGNAL[0], 16, window=WINDOW, return_complex=True)
    mine = zincir.stft(of(SIGNAL[0]), 16, window=of(WINDOW), return_complex=True)
    assert mine.shape == z.shape
    pairs = zincir.stft(of(SIGNAL[0]), 16, window=of(WINDOW), return_complex=False)
    np.testing.assert_allclose(pairs.numpy(), torch.view_as_real(z).numpy(), 1e-4, 1e-5)
    for length in (None, 60):
        theirs = torch.istft(z, 16, window=WINDOW, length=length)
        back = zincir.istft(mine, 16, window=of(WINDOW), length=length)
        assert back.shape == theirs.shape
        np.testing.assert_allclose(back.numpy(), theirs.numpy(), 1e-4, 1e-5)
    g = torch.randn(48)
    z.requires_grad_()
    mine = of(z).requires_grad_()
    torch.istft(z, 16, window=WINDOW).backward(g)
    zincir.istft(mine, 16, window=of(WINDOW)).backward(of(g))
    np.testing.assert_allclose(mine.grad.numpy(), z.grad.numpy(), 1e-4, 1e-5)


def refusals(lib, x, w):
    z = lib.stft(x, 16, window=w, return_complex=True)
    return [
        lambda: lib.stft(x, 16, window=w),
        lambda: lib.stft(x, 60, return_complex=True, center=False),
        lambda: lib.stft(x, 16, hop_length=0, return_complex=True),
        lambda: lib.stft(x, 16, win_length=20, return_complex=True),
        lambda: lib.stft(x, 16, window=w[:3], return_complex=True),
        lambda: lib.stft(x, 120, return_complex=True),
        lambda: lib.istft(z.real, 16),
        lambda: lib.istft(z, 20),
        lambda: lib.istft(z, 16, hop_length=20),
        lambda: lib.istft(z, 16, center=False, window=w),
    ]


def test_what_is_refused():
    theirs, mine = refusals(torch, SIGNAL, WINDOW), refusals(zincir, of(SIGNAL), of(WINDOW))
    for call, own in zip(theirs, mine, strict=True):
        with pytest.raises(RuntimeError):
            call()
        with pytest.raises(ZincirError, match=r"stft"):
            own()
