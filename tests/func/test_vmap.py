"""Many examples at once: what is drawn, what is kept, what compiled steps make of it."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import func, nn
from zincir.errors import ArgumentError, GradientError, IndexOutOfRange, TraceError


def test_random_numbers_for_each_and_for_all() -> None:
    x = zincir.zeros(500, 2)
    for draw in (zincir.randn, zincir.rand):
        each = func.vmap(lambda r, draw=draw: r + draw(2), randomness="different")(x).numpy()
        assert len(np.unique(each)) == 1000
        same = func.vmap(lambda r, draw=draw: r + draw(2), randomness="same")(x).numpy()
        assert len(np.unique(same)) == 2
    zincir.manual_seed(1)
    a = func.vmap(lambda r: r + zincir.rand(2), randomness="different")(x)
    b = zincir.rand(1000)
    zincir.manual_seed(1)
    assert not set(zincir.rand(1000).tolist()) & set(b.tolist())
    assert set(a.reshape(-1).tolist()).isdisjoint(b.tolist())
    with pytest.raises(ArgumentError, match="randomness="):
        func.vmap(lambda r: r + zincir.rand(2))(x)
    assert zincir.rand(1).shape == (1,)


def test_dropout_differs_between_examples() -> None:
    drop = func.vmap(nn.functional.dropout, randomness="different")(zincir.ones(200, 10))
    assert len({tuple(row) for row in drop.tolist()}) > 150


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * x.sum().item(),
        lambda x: x[x > 0],
        lambda x: zincir.tensor(x.tolist()),
        lambda x: zincir.from_numpy(x.numpy()),
    ],
)
def test_looking_is_refused(look: Any) -> None:
    with pytest.raises(TraceError, match=r"under func\.vmap cannot look"):
        func.vmap(look)(zincir.ones(3, 2))


def test_what_others_hold_can_be_looked_at_meanwhile() -> None:
    waiting = zincir.ones(3) * 2
    seen: list[float] = []

    def run(x: zincir.Tensor) -> zincir.Tensor:
        y = x * 3
        seen.append(waiting.sum().item())
        return y

    assert func.vmap(run)(zincir.ones(2)).tolist() == [3, 3]
    assert seen == [6]


def test_tensors_of_one_example_do_not_get_out() -> None:
    kept: list[Any] = []
    with pytest.raises(TraceError, match="keeps a tensor"):
        func.vmap(lambda x: kept.append(x * 2) or x)(zincir.ones(2))
    kept.clear()
    total = zincir.zeros(())

    def add(x: zincir.Tensor) -> zincir.Tensor:
        total.add_(x)
        return x

    with pytest.raises(TraceError, match="changes another one"):
        func.vmap(add)(zincir.ones(2))
    with pytest.raises(ArgumentError, match="changes an argument in place"):
        func.vmap(lambda x: x.add_(1))(zincir.ones(2))


def test_an_index_out_of_range_is_so_in_every_example() -> None:
    x = zincir.arange(6.0).reshape(2, 3)
    for bad in ([[0], [3]], [[3], [0]], [[-4], [0]]):
        with pytest.raises(IndexOutOfRange):
            func.vmap(lambda r, i: r.index_select(0, i))(x, zincir.tensor(bad)).tolist()


def test_a_compiled_step_with_gradients_of_each_sample() -> None:
    """Clipped gradients of samples, as differential privacy has them; plain and compiled agree."""

    def run(wrap: Any) -> list[float]:
        zincir.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        names = [name for name, _ in net.named_parameters()]
        x, y = zincir.randn(16, 4), zincir.randn(16, 1)

        def loss(params: Any, x: Any, y: Any) -> Any:
            return (func.functional_call(net, params, (x,)) - y).square().mean()

        @wrap
        def step(x: Any, y: Any) -> Any:
            params = {name: p.detach() for name, p in net.named_parameters()}
            grads = func.vmap(func.grad(loss), in_dims=(None, 0, 0))(params, x, y)
            norms = sum(grads[n].reshape(16, -1).square().sum(1) for n in names).sqrt()
            scale = (1.0 / norms).clamp(max=1.0)
            for name, p in net.named_parameters():
                g = (grads[name].reshape(16, -1) * scale.unsqueeze(1)).mean(0)
                p.data.sub_(0.5 * g.reshape(p.shape))
            return loss(params, x, y)

        return [step(x, y).item() for _ in range(5)]

    plain, compiled = run(lambda f: f), run(zincir.compile)
    np.testing.assert_allclose(plain, compiled, rtol=1e-5)
    assert plain[-1] < plain[0]


def test_functions_with_gradients_of_their_own() -> None:
    class Cube(zincir.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 10 * x * g  # not what it should be, so as to be seen

    x = zincir.tensor([1.0, 2.0])
    assert func.vmap(func.grad(lambda x: Cube.apply(x)))(x).tolist() == [10, 20]
    assert func.vmap(lambda x: Cube.apply(x))(x).tolist() == [1, 8]
    with pytest.raises(GradientError, match="gradient of its own"):
        func.vmap(lambda x: Cube.apply(x))(x.clone().requires_grad_())


def test_loops_are_done_one_by_one() -> None:
    gru = nn.GRU(3, 4)
    x = zincir.randn(2, 5, 3)
    many = func.vmap(lambda x: gru(x)[0])(x)
    for k in range(2):
        np.testing.assert_allclose(
            many[k].detach().numpy(), gru(x[k])[0].detach().numpy(), 1e-5, 1e-6
        )


def test_modules_are_left_as_they_were() -> None:
    net = nn.Linear(1, 1, bias=False)
    before = net.weight
    with pytest.raises(RuntimeError, match="broken"):
        func.functional_call(Broken(net), {"net.weight": zincir.zeros(1, 1)}, zincir.ones(1))
    assert net.weight is before
    tied = nn.Module()
    tied.a = tied.b = nn.Parameter(zincir.ones(1))
    tied.forward = lambda: tied.a + tied.b  # type: ignore[method-assign]
    three = zincir.tensor([3.0])
    assert func.functional_call(tied, {"a": three}).tolist() == [6]
    assert func.functional_call(tied, {"a": three}, tie_weights=False).tolist() == [4]
    with pytest.raises(ArgumentError, match="several names"):
        func.functional_call(tied, {"a": three, "b": zincir.ones(1)})


class Broken(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: zincir.Tensor) -> zincir.Tensor:
        self.net(x)
        raise RuntimeError("broken")
