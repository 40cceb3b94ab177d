"""Computations that are never the same twice are right, and are not compiled for ever."""

import numpy as np
import pytest

import zincir
from zincir import evaluate as module, settings, unfamiliar
from zincir.compiler.snapshot import snapshot
from zincir.errors import IndexOutOfRange
from zincir.nn import functional as F
from zincir.operations.convolution import convolution_p
from zincir.operations.indexing import take
from zincir.tensor import wrap


@pytest.fixture
def compiled(monkeypatch):
    """Sizes of what is compiled, in a process that has met nothing yet."""
    sizes = []
    find = module.find_program

    def noted(taken, options):
        sizes.append(len(taken.key[0]))
        return find(taken, options)

    monkeypatch.setattr(module, "find_program", noted)
    monkeypatch.setattr(module, "_familiar", unfamiliar.Familiarity())
    monkeypatch.setattr(unfamiliar, "_ENOUGH", 0)
    with settings.using(verify=False):
        yield sizes


def chain(x, rounds):
    """So many rounds of a small recurrence; and the same in NumPy, in float64."""
    start = x.detach().numpy()
    y, z = x, start.astype(np.float64)
    for number in range(rounds):
        y = zincir.tanh(y * 0.5 + number) + x
        z = np.tanh(z * 0.5 + number) + start
    return y, z


def test_what_is_new_each_time_is_computed_without_a_program(compiled):
    x = zincir.linspace(-1, 1, 7, requires_grad=True)
    for rounds in range(45, 65):
        y, z = chain(x, rounds)
        np.testing.assert_allclose(y.detach().numpy(), z, rtol=1e-5)
    assert len([size for size in compiled if size >= 96]) == unfamiliar._FEWEST


def test_what_comes_again_is_compiled_then(compiled):
    x = zincir.linspace(-1, 1, 7, requires_grad=True)
    for rounds in range(45, 65):
        chain(x, rounds)[0].detach().numpy()
    before = len(compiled)
    seen = [chain(x, 64)[0].detach().numpy() for _ in range(3)]
    assert len(compiled) == before + 1
    for value in seen:
        np.testing.assert_allclose(value, seen[0], rtol=1e-6)


def key(name, nodes, op="add"):
    return ((name, *[(op, (), 0)] * (nodes - 1)), ((0, None),))


def test_a_familiar_program_makes_room_for_a_new_one(compiled):
    familiar = unfamiliar.Familiarity()
    met = [familiar.earns_program(key(f"a{n}", 1000)) for n in range(6)]
    assert met == [True] * 4 + [False] * 2
    familiar.found(1000)
    assert familiar.earns_program(key("b", 1000))
    assert not familiar.earns_program(key("c", 1000))
    assert familiar.earns_program(key("c", 100))  # another size
    assert familiar.earns_program(key("d", 10))


def test_very_large_ones_are_of_one_size(compiled):
    familiar = unfamiliar.Familiarity()
    met = [familiar.earns_program(key("a", nodes)) for nodes in (1100, 2100, 4200, 8400, 1200)]
    assert met == [True] * 4 + [False]


def test_nets_of_many_convolutions_are_always_compiled(compiled):
    familiar = unfamiliar.Familiarity()
    for number in range(10):
        assert familiar.earns_program(key(f"a{number}", 1000, convolution_p))


def test_gradients_of_episodes_of_any_length(compiled):
    torch = pytest.importorskip("torch")
    weight = np.linspace(-0.5, 0.5, 12, dtype=np.float32).reshape(3, 4)

    def gradient(library, steps):
        w = library.tensor(weight.copy(), requires_grad=True)
        states = library.tensor(np.linspace(-1, 1, 3 * steps, dtype=np.float32).reshape(steps, 3))
        chosen = [library.log_softmax(states[i] @ w, -1)[i % 4] * (i % 3 - 1) for i in range(steps)]
        library.stack(chosen).sum().backward()
        return w.grad.numpy()

    for steps in range(30, 42):
        np.testing.assert_allclose(
            gradient(zincir, steps), gradient(torch, steps), rtol=1e-4, atol=1e-5
        )
    assert len([size for size in compiled if size >= 96]) <= 2 * unfamiliar._FEWEST


def net(x):
    """What takes many kinds of operations: views, products, a convolution, halves, picked rows."""
    y = F.conv2d(x, zincir.ones(3, 2, 3, 3) * 0.1, padding=1)
    z = F.layer_norm(y.transpose(1, 3)[:, ::2], (3,)).reshape(-1, 3)
    picked = zincir.cat([z[zincir.tensor([0, 3, 3])], z[:2].flip(0)])
    half = (picked.half() * 0.3).sum(0)
    spread = zincir.zeros(3).index_add(0, zincir.tensor([0, 2, 0]), half.float())
    return [spread.cumsum(0), (z @ z.t()).amax(1), zincir.where(z > 0, z, z.exp()).mean()]


def test_the_twins_give_what_programs_give():
    x = zincir.randn(2, 2, 6, 5, generator=zincir.Generator().manual_seed(1)).detach()
    x.numpy()
    outputs = net(x)
    values = unfamiliar.values(snapshot([y._node for y in outputs]), module._by_program)
    for value, y in zip(values, outputs, strict=True):
        np.testing.assert_allclose(value, y.numpy(), rtol=2e-5, atol=1e-5)


def test_an_index_out_of_range_is_named_with_its_line(compiled):
    x = zincir.linspace(-1, 1, 7, requires_grad=True)
    for rounds in range(45, 65):
        chain(x, rounds)[0].detach().numpy()
    y = wrap(take(chain(x, 70)[0]._node, zincir.arange(8)._node, "index"))
    with pytest.raises(IndexOutOfRange, match=r"value 7 at position \d+[\s\S]*test_unfamiliar.py"):
        y.detach().numpy()
