"""einops on tensors, whichever of the two is imported first."""

import subprocess
import sys

import numpy as np
import pytest

import zincir

einops = pytest.importorskip("einops")

DATA = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
PATTERNS = {
    "transposed": lambda x: einops.rearrange(x, "a b c -> c b a"),
    "joined": lambda x: einops.rearrange(x, "a b c -> (a b) c"),
    "taken apart": lambda x: einops.rearrange(x, "a b (c d) -> a d b c", d=2),
    "a list": lambda x: einops.rearrange([x, x], "n a b c -> a n b c"),
    "mean": lambda x: einops.reduce(x, "a b c -> a c", "mean"),
    "max": lambda x: einops.reduce(x, "a b (c 2) -> a b c", "max"),
    "min": lambda x: einops.reduce(x, "a b c -> ()", "min"),
    "sum": lambda x: einops.reduce(x, "a b c -> b", "sum"),
    "prod": lambda x: einops.reduce(x, "a b c -> a c", "prod"),
    "repeated": lambda x: einops.repeat(x, "a b c -> a n b (c 2)", n=3),
    "einsum": lambda x: einops.einsum(x, x, "a b c, a d c -> a b d"),
    "packed": lambda x: einops.pack([x, x[:, :, 0]], "a b *")[0],
    "shape": lambda x: einops.parse_shape(x, "a _ c"),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_as_numpy_does(name: str) -> None:
    ours, theirs = PATTERNS[name](zincir.tensor(DATA)), PATTERNS[name](DATA)
    if isinstance(theirs, dict):
        assert ours == theirs
        return
    assert isinstance(ours, zincir.Tensor)
    np.testing.assert_allclose(ours.numpy(), theirs, 1e-6)


def test_views_gradients_and_compiled_functions() -> None:
    x = zincir.tensor(DATA)
    einops.rearrange(x, "a b c -> (a b c)")[0] = 7.0
    assert x[0, 0, 0].item() == 7.0
    w = zincir.tensor(DATA, requires_grad=True)
    einops.reduce(w, "a b c -> a", "mean").sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), np.full(DATA.shape, 1 / 12), 1e-6)
    step = zincir.compile(lambda t: einops.rearrange(t, "a b c -> a (b c)") * 2)
    for k in range(4):
        np.testing.assert_allclose(step(x + k).numpy(), (x + k).reshape(2, 12).numpy() * 2)
    found = einops.asnumpy(w)
    assert isinstance(found, np.ndarray)
    with pytest.raises(einops.EinopsError):
        einops.rearrange(x, "a b -> b a")


@pytest.mark.parametrize("order", ["einops, zincir", "zincir, einops"])
def test_either_may_be_imported_first(order: str) -> None:
    source = f"import {order}; print(einops.rearrange(zincir.ones(2, 3), 'a b -> b a').shape)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.stdout == "(3, 2)\n", done.stderr
    alone = "import sys, zincir; print('einops' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


LAYERS = """
import torch
from torch import nn
from einops import rearrange
from einops.layers.torch import EinMix, Rearrange, Reduce

net = nn.Sequential(
    Rearrange("b (h p) (w q) -> b (h w) (p q)", p=2, q=2),
    EinMix("b t c -> b t k", weight_shape="c k", bias_shape="k", c=4, k=3),
    Reduce("b t c -> b c", "mean"),
)
net(torch.ones(2, 4, 4)).sum().backward()
shapes = [tuple(p.grad.shape) for p in net.parameters()]
print(shapes, rearrange(torch.ones(2, 3), "a b -> b a").shape)
"""


def test_layers_under_zincir_run(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zincir", "run", "-"], input=LAYERS, capture_output=True, text=True
    )
    assert done.stdout == "[(4, 3), (1, 1, 3)] torch.Size([3, 2])\n", done.stderr
