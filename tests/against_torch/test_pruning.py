"""Pruning, and batch norms made part of other layers, beside PyTorch."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, IndexOutOfRange, ShapeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytest.importorskip("torch.nn.utils.prune", reason="which PyTorch does not import by itself")
pytestmark = pytest.mark.torch

LIBRARIES = (zincir, torch)


def made(lib: Any) -> Any:
    random = np.random.default_rng(0)
    net = lib.nn.Sequential(lib.nn.Conv1d(3, 4, 2), lib.nn.Flatten(), lib.nn.Linear(12, 5)).double()
    with lib.no_grad():
        for p in net.parameters():
            p.copy_(lib.tensor(random.standard_normal(tuple(p.shape))))
    return net


def pruned(lib: Any, kind: str) -> Any:
    prune = lib.nn.utils.prune
    net = made(lib)
    scores = lib.tensor(np.random.default_rng(1).standard_normal((5, 12)))
    if kind == "unstructured":
        prune.l1_unstructured(net[2], "weight", 0.3)
        prune.l1_unstructured(net[2], "weight", 7, importance_scores=scores)
        prune.l1_unstructured(net[0], "bias", amount=1)
    elif kind == "structured":
        prune.ln_structured(net[0], "weight", 0.25, n=2, dim=0)
        prune.ln_structured(net[0], "weight", 1, n=float("inf"), dim=1)
        prune.ln_structured(net[0], "weight", 1, n=1, dim=-3)
        prune.ln_structured(net[2], "weight", 2, 1, -1, importance_scores=scores)
    else:
        prune.identity(net[2], "bias")
        prune.custom_from_mask(net[0], "weight", lib.tensor(np.eye(4)[:, :3, None] * [1, 1]))
        pairs = [(net[0], "weight"), (net[2], "weight"), (net[2], "bias")]
        method = prune.L1Unstructured
        prune.global_unstructured(pairs, method, {(net[2], "weight"): scores}, amount=0.4)
    return net


@pytest.mark.parametrize("kind", ["unstructured", "structured", "global"])
@pytest.mark.parametrize("compiled", [False, True])
def test_masks_training_and_removal(kind: str, compiled: bool) -> None:
    x = np.random.default_rng(2).standard_normal((6, 3, 4))
    results: list[dict[str, Any]] = []
    for lib in LIBRARIES:
        net = pruned(lib, kind)
        assert lib.nn.utils.prune.is_pruned(net)
        optimizer = lib.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(given: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (net(given) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = zincir.compile(step) if compiled and lib is zincir else step
        found = {f"loss {i}": run(lib.tensor(x)).clone() for i in range(3)}
        found |= {name: value.clone() for name, value in net.state_dict().items()}
        kept = net[0].weight_orig if kind == "structured" else None
        for layer in (net[0], net[2]):
            for name in ("weight", "bias"):
                if hasattr(layer, f"{name}_mask"):
                    lib.nn.utils.prune.remove(layer, name)
        assert kept is None or net[0].weight is kept
        assert not lib.nn.utils.prune.is_pruned(net)
        found |= {f"{name} after": value for name, value in net.state_dict().items()}
        results.append(found)
    ours, theirs = results
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name].numpy(), value.numpy(), 1e-9, 1e-12, err_msg=name)


def test_what_is_drawn() -> None:
    prune = nn.utils.prune
    layer = prune.random_unstructured(nn.Linear(10, 10), "weight", 0.3)
    prune.random_unstructured(layer, "weight", 20)
    assert layer.weight_mask.sum().item() == 50
    layer = prune.random_structured(nn.Linear(10, 8), "weight", 0.5, dim=0)
    rows = layer.weight_mask.sum(1).tolist()
    assert sorted(rows) == [0.0] * 4 + [10.0] * 4
    prune.random_structured(layer, "weight", 1, dim=0)
    assert layer.weight_mask.sum().item() == 30


def test_the_same_is_refused() -> None:
    for lib in LIBRARIES:
        prune, layer = lib.nn.utils.prune, lib.nn.Linear(3, 2)
        with pytest.raises(ValueError, match="pruned"):
            prune.remove(layer, "weight")
        for amount in (-1, 1.5, -0.5, 7):
            with pytest.raises(ValueError, match="amount"):
                prune.l1_unstructured(layer, "weight", amount)
        with pytest.raises(TypeError, match="amount"):
            prune.l1_unstructured(layer, "weight", "all")
        with pytest.raises(ValueError, match="shape"):
            prune.ln_structured(layer, "bias", 1, 2, 0)
        with pytest.raises(IndexError):
            prune.random_structured(layer, "weight", 1, 2)
        pairs = [(layer, "weight")]
        with pytest.raises(TypeError, match="unstructured"):
            prune.global_unstructured(pairs, prune.RandomStructured, amount=1)
        assert list(layer.state_dict()) in (["weight", "bias"], ["bias", "weight"])
    with pytest.raises(ShapeError, match="importance_scores"):
        nn.utils.prune.l1_unstructured(nn.Linear(3, 2), "weight", 1, zincir.ones(2))
    with pytest.raises(IndexOutOfRange, match="no axis 5"):
        nn.utils.prune.ln_structured(nn.Linear(3, 2), "weight", 1, 2, 5)


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d", "Linear"])
@pytest.mark.parametrize("bias", [False, True])
def test_fused(kind: str, bias: bool) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3) if kind == "Linear" else (2, 3, 5, 5))
    outputs: list[list[Any]] = []
    for lib in LIBRARIES:
        random = np.random.default_rng(1)
        size = (3, 4) if kind == "Linear" else (3, 4, 2)
        layer = getattr(lib.nn, kind)(*size, bias=bias).double().eval()
        norm = (lib.nn.BatchNorm1d if kind == "Linear" else lib.nn.BatchNorm2d)(4).double().eval()
        with lib.no_grad():
            for t in [*layer.parameters(), *norm.parameters(), norm.running_mean, norm.running_var]:
                t.copy_(lib.tensor(random.uniform(0.5, 2.0, tuple(t.shape))))
        fusion = lib.nn.utils.fusion
        if kind == "Linear":
            new = fusion.fuse_linear_bn_eval(layer, norm)
        else:
            new = fusion.fuse_conv_bn_eval(layer, norm, kind == "ConvTranspose2d")
        y, expected = (f(lib.tensor(x)).detach().numpy() for f in (new, lambda x: norm(layer(x))))  # noqa: B023
        np.testing.assert_allclose(y, expected, 1e-10)
        assert new is not layer
        assert type(new) is type(layer)
        outputs.append([new.weight, new.bias])
    for mine, other in zip(*outputs, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), 1e-10)
        assert mine.requires_grad == other.requires_grad


def test_what_cannot_be_fused() -> None:
    fuse, conv = nn.utils.fusion.fuse_conv_bn_eval, nn.Conv2d(1, 2, 1).eval()
    with pytest.raises(ArgumentError, match="in training"):
        fuse(conv, nn.BatchNorm2d(2))
    with pytest.raises(ArgumentError, match="no statistics"):
        fuse(conv, nn.BatchNorm2d(2, track_running_stats=False).eval())
    with pytest.raises(ArgumentError, match="another size"):
        nn.utils.fusion.fuse_linear_bn_eval(nn.Linear(3, 4).eval(), nn.BatchNorm1d(3).eval())
