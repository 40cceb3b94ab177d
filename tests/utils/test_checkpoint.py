"""Functions that the backward pass calls again."""

from collections.abc import Callable
from typing import Any

import pytest

import zincir
from zincir.errors import ArgumentError, GradientError
from zincir.nn import functional as F
from zincir.utils.checkpoint import checkpoint, checkpoint_sequential

BOTH = pytest.mark.parametrize("reentrant", [True, False])


@BOTH
@pytest.mark.parametrize("wrap", [lambda f: f, zincir.compile], ids=["plain", "compiled"])
def test_a_dropout_drops_the_same(reentrant: bool, wrap: Callable[..., Any]) -> None:
    w = zincir.ones(40, requires_grad=True)

    @wrap
    def step(x: zincir.Tensor) -> Any:
        w.grad = None
        y = checkpoint(lambda x: F.dropout(x * w, 0.5), x.requires_grad_(), use_reentrant=reentrant)
        y.sum().backward()
        return y.detach()

    seen = []
    for _ in range(4):
        y = step(zincir.ones(40))
        assert w.grad.tolist() == y.tolist()
        seen.append(y.tolist())
    assert len({tuple(y) for y in seen}) == 4


def test_the_stream_goes_on_as_if_nothing_had_been_drawn_again() -> None:
    def after(run: Callable[..., Any]) -> list[float]:
        zincir.manual_seed(3)
        x = zincir.ones(5, requires_grad=True)
        run(x).sum().backward()
        return zincir.rand(3).tolist()

    plain = after(lambda x: F.dropout(x))
    assert after(lambda x: checkpoint(F.dropout, x, use_reentrant=False)) == plain
    assert after(lambda x: checkpoint(F.dropout, x, use_reentrant=True)) == plain


def test_numbers_that_are_not_preserved_are_drawn_anew() -> None:
    x = zincir.ones(200, requires_grad=True)
    y = checkpoint(F.dropout, x, use_reentrant=True, preserve_rng_state=False)
    y.sum().backward()
    assert x.grad.tolist() != y.tolist()


def test_keyword_arguments_and_contexts() -> None:
    entered = []

    class Context:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            entered.append(self.name)

        def __exit__(self, *error: Any) -> None:
            pass

    x = zincir.ones(2, requires_grad=True)
    y = checkpoint(
        lambda x, *, by: {"y": x * by},
        x,
        by=3,
        use_reentrant=False,
        context_fn=lambda: (Context("first"), Context("second")),
    )["y"]
    assert entered == ["first"]
    y.sum().backward(retain_graph=True)
    assert entered == ["first", "second"]
    y.sum().backward()
    assert x.grad.tolist() == [6, 6]


def test_gradients_of_what_is_closed_over_and_gradients_of_gradients() -> None:
    w = zincir.tensor(2.0, requires_grad=True)
    x = zincir.tensor(3.0, requires_grad=True)
    y = checkpoint(lambda x: (x * w) ** 3, x, use_reentrant=False)
    gx, gw = zincir.autograd.grad(y, [x, w], create_graph=True)
    assert (gx.item(), gw.item()) == (216, 324)
    assert zincir.autograd.grad(gx, x)[0].item() == 6 * 2**3 * 3


def test_refused() -> None:
    x = zincir.ones(2, requires_grad=True)
    with pytest.raises(ArgumentError, match="use_reentrant=False"):
        checkpoint(lambda x, a: x, x, a=1, use_reentrant=True)
    with pytest.raises(ArgumentError, match="Unexpected keyword"):
        checkpoint_sequential([], 1, x, use_reentrant=False, other=1)
    y = checkpoint(lambda x: x * 2, x, use_reentrant=True)
    with pytest.raises(GradientError, match=r"incompatible with \.grad"):
        zincir.autograd.grad(y.sum(), x)
    with pytest.warns(UserWarning, match="should be passed explicitly"):
        checkpoint(lambda x: x * 2, x)
    with pytest.warns(UserWarning, match="None of the inputs"):
        y = checkpoint(lambda x: x * 2, x.detach(), use_reentrant=True)
    assert not y.requires_grad
    y = checkpoint(lambda x: x.detach() * 2, x, use_reentrant=True)
    with pytest.raises(GradientError, match="not necessary"):
        y.sum().backward()


@BOTH
def test_segments(reentrant: bool) -> None:
    x = zincir.tensor([1.0], requires_grad=True)
    calls = []

    def twice(x: zincir.Tensor) -> zincir.Tensor:
        calls.append(1)
        return x * 2

    y = checkpoint_sequential([twice] * 5, 3, x, use_reentrant=reentrant)
    y.backward()
    assert (y.item(), x.grad.item(), len(calls)) == (32, 32, 7)
    assert checkpoint_sequential([], 1, x, use_reentrant=False) is x
