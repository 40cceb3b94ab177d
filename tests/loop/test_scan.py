"""`zincir.scan` beside the loop that it stands for: values, gradients, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError, TraceError
from zincir.tensor import Tensor


def by_hand(f: Callable[..., Any], carry: Any, xs: Any, reverse: bool = False) -> tuple[Any, Any]:
    rows = list(range(len(xs)))
    made = {}
    for t in reversed(rows) if reverse else rows:
        carry, made[t] = f(carry, xs[t])
    return carry, zincir.stack([made[t] for t in rows])


def normal(*shape: int, seed: int = 0) -> Tensor:
    array = np.random.default_rng([seed, *shape]).normal(size=shape)
    return zincir.from_numpy(np.asarray(array)).requires_grad_()


W, B = normal(3, 3), normal(3)


def net(h: Tensor, x: Tensor, w: Tensor = W, b: Tensor = B) -> tuple[Tensor, Tensor]:
    new = (h @ w + b * h + x).tanh()
    return new, new * x


def gated(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Carried values are read, cut, compared and put together."""
    first, second = (h + x).split([1, 2], -1)
    new = zincir.cat([zincir.where(first > 0, first.sin(), h[:, :1] * 0.5), second.tanh()], -1)
    return new, (new @ W).softmax(-1)


def total(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return h * 0.9 + x.sum(0), x.sum(0) - h


def forgetful(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """What is carried on does not depend on what was carried."""
    return x * 2.0, h * x


BODIES = [(net, (2, 3)), (gated, (2, 3)), (total, (3,)), (forgetful, (2, 3))]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("f", "shape"), BODIES)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_values(f: Any, shape: tuple[int, ...], reverse: bool, steps: int) -> None:
    h, xs = normal(*shape), normal(steps, 2, 3)
    last, rows = zincir.scan(f, h, xs, reverse=reverse)
    for mine, other in zip((last, rows), by_hand(f, h, xs, reverse), strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), 1e-13, 1e-13)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("f", "shape"), BODIES)
@pytest.mark.parametrize("of", [(True, False), (False, True), (True, True)])
def test_gradients(f: Any, shape: tuple[int, ...], reverse: bool, of: tuple[bool, bool]) -> None:
    """Of the last carry alone, of the rows alone, and of both; twice."""

    def loss(h: Tensor, xs: Tensor, *weights: Tensor) -> Tensor:
        made = zincir.scan(lambda h, x: f(h, x, *weights), h, xs, reverse=reverse)
        return zincir.stack([x.cos().sum() for x, asked in zip(made, of, strict=True) if asked])

    inputs = [normal(*shape), normal(3, 2, 3), W, B][: 4 if f is net else 2]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_structures() -> None:
    """Pairs, dictionaries and None, integers among what is carried, rows without xs."""

    def f(carry: Any, _: None) -> tuple[Any, Any]:
        count, pair = carry["count"], carry["pair"]
        new = pair[1], pair[0] + pair[1]
        return {"count": count + 1, "pair": new}, (count, None, [new[0] * count])

    init = {"count": zincir.tensor(0), "pair": (zincir.tensor(1.0), zincir.tensor(1.0))}
    last, (counts, nothing, (rows,)) = zincir.scan(f, init, length=5)
    assert (last["count"].item(), nothing, counts.tolist()) == (5, None, [0, 1, 2, 3, 4])
    assert [x.item() for x in last["pair"]] == [8.0, 13.0]
    assert rows.tolist() == [0.0, 2.0, 6.0, 15.0, 32.0]


def test_no_steps() -> None:
    last, rows = zincir.scan(net, normal(2, 3), zincir.zeros(0, 2, 3, dtype=zincir.float64))
    assert rows.shape == (0, 2, 3)
    np.testing.assert_array_equal(last.detach().numpy(), normal(2, 3).detach().numpy())


def test_one_compilation_for_all_numbers() -> None:
    """A Python number is an input of the loop."""
    xs = zincir.tensor([1.0, 2.0, 3.0, 4.0])
    for rate in (0.25, 0.5, 0.125, -0.3):
        last, _ = zincir.scan(lambda h, x, r=rate: (h * r + x, None), zincir.tensor(0.0), xs)
        expected = ((1.0 * rate + 2.0) * rate + 3.0) * rate + 4.0
        assert last.item() == pytest.approx(expected)


def test_modules_and_training() -> None:
    """A compiled step trains as the loop does, with one thread and with more, to the same bits."""

    def losses(scanned: bool, compiled: bool, threads: int) -> list[float]:
        zincir.manual_seed(0)
        zincir.set_num_threads(threads)
        cell, head = nn.GRUCell(5, 16), nn.Linear(16, 2)
        optimizer = zincir.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

        def f(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            h = cell(x, h)
            return h, head(h)

        def step(xs: Tensor) -> Tensor:
            h = zincir.zeros(xs.shape[1], 16)
            _, rows = (zincir.scan if scanned else by_hand)(f, h, xs)
            loss = (rows.mean(0) - xs[0, :, :2]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = zincir.compile(step) if compiled else step
        rng = np.random.default_rng(0)
        data = [zincir.tensor(rng.normal(size=(n, 4, 5)).astype("f4")) for n in (6, 6, 3, 6)]
        return [run(xs).item() for xs in data]

    before = zincir.get_num_threads()
    try:
        expected = losses(False, False, 1)
        found = [losses(True, compiled, n) for compiled in (False, True) for n in (1, 2, 3)]
    finally:
        zincir.set_num_threads(before)
    assert found[0] == pytest.approx(expected, rel=1e-5)
    assert all(x == found[0] for x in found[:3])
    assert all(x == pytest.approx(found[0], rel=1e-6) for x in found[3:])


def test_no_grad_inside() -> None:
    def f(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        with zincir.no_grad():
            factor = h * x
        return h + factor * x, h

    h, xs = normal(2), normal(3, 2)
    zincir.scan(f, h, xs)[0].sum().backward()
    found, h.grad, xs.grad = (h.grad.numpy(), xs.grad.numpy()), None, None
    by_hand(f, h, xs)[0].sum().backward()
    np.testing.assert_allclose(found[0], h.grad.numpy(), 1e-12)
    np.testing.assert_allclose(found[1], xs.grad.numpy(), 1e-12)


def test_change_of_what_is_carried() -> None:
    def f(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h += x
        h[0] = 1.0
        return h, h * 2.0

    h, xs = zincir.zeros(2), zincir.ones(3, 2)
    last, rows = zincir.scan(f, h, xs)
    assert (last.tolist(), rows[-1].tolist(), h.tolist()) == ([1.0, 3.0], [2.0, 6.0], [0.0, 0.0])


def test_an_index_out_of_range_is_named() -> None:
    table = zincir.arange(4.0)
    index = zincir.tensor([[0], [3], [4]])
    with pytest.raises(IndexError, match="4"):
        zincir.scan(lambda h, i: (h + table[i], None), zincir.zeros(1), index)[0].tolist()
    last, _ = zincir.scan(lambda h, i: (h + table[i], None), zincir.zeros(1), index[:2])
    assert last.tolist() == [3.0]


OUTSIDE = zincir.zeros(2)
REFUSED: list[tuple[type[Exception], str, Any]] = [
    (TraceError, "cannot look", lambda h, x: (h if x.sum() > 0 else -h, x)),
    (TraceError, "random numbers", lambda h, x: (h + zincir.rand(2), x)),
    (TraceError, "from outside", lambda h, x: (h, OUTSIDE.add_(x))),
    (ArgumentError, "no pair", lambda h, x: h),
    (ArgumentError, "another way", lambda h, x: ((h, h), x)),
    (ShapeError, "another shape", lambda h, x: (h[:1], x)),
    (ShapeError, "type", lambda h, x: (h.double(), x)),
    (DTypeError, "not made of tensors", lambda h, x: (h, 3.0)),
]


@pytest.mark.parametrize(("kind", "words", "f"), REFUSED)
def test_what_is_refused(kind: type[Exception], words: str, f: Any) -> None:
    waits = zincir.ones(2) + 1.0
    left: list[Tensor] = []

    def keeping(h: Tensor, x: Tensor) -> Any:
        left.append(h + x)
        return f(h, x)

    with pytest.raises(kind, match=words):
        zincir.scan(keeping, zincir.zeros(2), zincir.ones(3, 2))
    assert waits.tolist() == [2.0, 2.0]  # what is left of the body is in nobody's way


def test_the_number_of_steps_must_be_clear() -> None:
    for xs, length in ((None, None), (zincir.ones(3), 4), ((zincir.ones(3), zincir.ones(2)), None)):
        with pytest.raises(ShapeError, match="how many steps"):
            zincir.scan(lambda h, x: (h, x), zincir.zeros(2), xs, length)
