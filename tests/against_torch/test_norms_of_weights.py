"""Weight and spectral norm beside PyTorch: names, values, gradients, compiled steps."""

import warnings
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

MADE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Linear": (lambda nn: nn.Linear(4, 3), (5, 4)),
    "Conv2d": (lambda nn: nn.Conv2d(2, 3, 2), (1, 2, 4, 4)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(2, 3, 2), (1, 2, 4, 4)),
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
def test_steps(kind: str, norm: str) -> None:
    make, shape = MADE[kind]
    with warnings.catch_warnings(action="ignore"):
        torch.manual_seed(0)
        theirs = getattr(torch.nn.utils, norm)(make(torch.nn)).double()
    state = {name: value.numpy().copy() for name, value in theirs.state_dict().items()}
    x = np.random.default_rng(0).standard_normal(shape)

    def steps(library: Any, net: Any, wrap: Any) -> list[np.ndarray]:
        optimizer = library.optim.SGD(net.parameters(), lr=0.1)
        given = library.tensor(x)

        def step(given: Any) -> Any:
            optimizer.zero_grad()
            loss = (net(given) - 1.0).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        losses = [run(given).item() for _ in range(5)]
        net.eval()
        return [np.array(losses), net(given).detach().numpy(), *(
            v.detach().numpy() for v in net.state_dict().values()
        )]  # fmt: skip

    expected = steps(torch, theirs, lambda f: f)
    for wrap in (lambda f: f, zincir.compile):
        mine = getattr(nn.utils, norm)(make(nn)).double()
        assert list(mine.state_dict()) == list(state)
        mine.load_state_dict(state)
        for a, b in zip(steps(zincir, mine, wrap), expected, strict=True):
            np.testing.assert_allclose(a, b, 1e-7, 1e-10)


@pytest.mark.parametrize("dim", [None, 1, -2])
def test_other_axes(dim: int | None) -> None:
    weight = np.random.default_rng(0).standard_normal((3, 4))
    answers = []
    for library in (zincir, torch):
        layer = library.nn.Linear(4, 3)
        layer.weight = library.nn.Parameter(library.tensor(weight))
        with warnings.catch_warnings(action="ignore"):
            library.nn.utils.weight_norm(layer, dim=dim)
        answers.append(layer.weight_g.detach().numpy())
    assert answers[0].shape == answers[1].shape
    np.testing.assert_allclose(*answers, 1e-9)


def test_undone() -> None:
    for norm in ("weight_norm", "spectral_norm"):
        layer = nn.Linear(3, 2)
        names = list(layer.state_dict())
        getattr(nn.utils, norm)(layer)
        y = layer.eval()(zincir.ones(1, 3)).tolist()
        with pytest.raises(ArgumentError, match="has one already"):
            getattr(nn.utils, norm)(layer)
        getattr(nn.utils, f"remove_{norm}")(layer)
        assert sorted(layer.state_dict()) == sorted(names)
        np.testing.assert_allclose(layer(zincir.ones(1, 3)).tolist(), y, 1e-6)
        with pytest.raises(ArgumentError, match="there is none"):
            getattr(nn.utils, f"remove_{norm}")(layer)
    with pytest.raises(ArgumentError, match="n_power_iterations"):
        nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=0)
