"""What is wrong with values is said at the line where PyTorch says it, known or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zincir
from zincir.errors import ZincirError

torch = pytest.importorskip("torch")

CASES: dict[str, Callable[[Any, Any], Any]] = {
    "picked": lambda t, of: t.ones(5, 3)[of([1, 7])],
    "picked by two": lambda t, of: t.ones(5, 3)[of([1, 2]), of([0, 9])],
    "set": lambda t, of: t.ones(5, 3).__setitem__(of([1, 7]), 0.0),
    "gather": lambda t, of: t.ones(5, 3).gather(0, of([[9]])),
    "scatter": lambda t, of: t.zeros(3).scatter(0, of([5]), 1.0),
    "scatter_add": lambda t, of: t.zeros(3).scatter_add(0, of([5]), t.ones(1)),
    "scatter_reduce": lambda t, of: t.zeros(3).scatter_reduce(0, of([5]), t.ones(1), "amax"),
    "index_select": lambda t, of: t.ones(5, 3).index_select(0, of([5])),
    "index_add": lambda t, of: t.ones(5, 3).index_add(0, of([5]), t.ones(1, 3)),
    "index_copy": lambda t, of: t.ones(5, 3).index_copy(0, of([5]), t.ones(1, 3)),
    "index_fill": lambda t, of: t.ones(5, 3).index_fill(0, of([5]), 1.0),
    "index_put": lambda t, of: t.ones(5, 3).index_put((of([5]),), t.ones(3)),
    "take": lambda t, of: t.take(t.ones(5, 3), of([55])),
    "put_": lambda t, of: t.ones(5, 3).put_(of([55]), t.ones(1)),
    "masked_scatter": lambda t, of: t.ones(3).masked_scatter(of([1, 0, 1]).bool(), t.ones(1)),
    "embedding": lambda t, of: t.nn.functional.embedding(of([9]), t.ones(5, 3)),
    "embedding, negative": lambda t, of: t.nn.functional.embedding(of([-1]), t.ones(5, 3)),
    "embedding_bag": lambda t, of: t.nn.functional.embedding_bag(of([[9]]), t.ones(5, 3)),
    "max_unpool1d": lambda t, of: t.nn.functional.max_unpool1d(t.ones(1, 1, 2), of([[[0, 9]]]), 2),
    "cross_entropy": lambda t, of: t.nn.functional.cross_entropy(t.zeros(2, 3), of([0, 5])),
    "nll_loss": lambda t, of: t.nn.functional.nll_loss(t.zeros(2, 3), of([0, 5])),
    "multi_margin_loss": lambda t, of: t.nn.functional.multi_margin_loss(t.zeros(2, 3), of([0, 5])),
    "multilabel_margin_loss": lambda t, of: t.nn.functional.multilabel_margin_loss(
        t.zeros(1, 3), of([[0, 5, 1]])
    ),
    "ctc_loss": lambda t, of: t.nn.functional.ctc_loss(
        t.zeros(4, 1, 3).log_softmax(2), of([[1, 2]]), of([9]), of([2])
    ),
    "one_hot": lambda t, of: t.nn.functional.one_hot(of([5]), 3),
    "bincount": lambda t, of: t.bincount(of([-5])),
    "//": lambda t, of: of([3]) // of([0]),
    "%": lambda t, of: of([3]) % of([0]),
    "fmod": lambda t, of: t.fmod(of([3]), of([0])),
    "div": lambda t, of: t.div(of([3]), of([0]), rounding_mode="trunc"),
    "multinomial": lambda t, of: t.multinomial(of([-1.0, 2.0]), 1),
    "bernoulli": lambda t, of: t.bernoulli(of([2.0])),
    "bernoulli_": lambda t, of: t.zeros(1).bernoulli_(of([2.0])),
    "normal": lambda t, of: t.normal(t.zeros(1), of([-1.0])),
    "poisson": lambda t, of: t.poisson(of([-1.0])),
    "histc": lambda t, of: t.histc(of([float("inf")]), 3),
    "histogram": lambda t, of: t.histogram(of([float("nan")]), 3),
    "quantile": lambda t, of: t.quantile(t.ones(3), of([3.0])),
    "inv": lambda t, of: t.linalg.inv(of([[1.0, 1.0], [1.0, 1.0]])),
    "cholesky": lambda t, of: t.linalg.cholesky(of([[1.0, 2.0], [2.0, 1.0]])),
    "lu_factor": lambda t, of: t.linalg.lu_factor(of([[1.0, 1.0], [1.0, 1.0]])),
    "lu_factor of several": lambda t, of: t.linalg.lu_factor(of([[[1.0]], [[0.0]]])),
    "cholesky_inverse": lambda t, of: t.cholesky_inverse(of([[0.0, 0.0], [0.0, 1.0]])),
    "matrix_norm": lambda t, of: t.linalg.matrix_norm(of([[float("nan"), 0.0]]), 2),
    "matrix_rank": lambda t, of: t.linalg.matrix_rank(of([[float("nan"), 0.0]])),
    "embedding_bag, offsets": lambda t, of: t.nn.functional.embedding_bag(
        of([1, 2, 3]), t.ones(5, 2), of([0, 9])
    ),
    "gaussian_nll_loss": lambda t, of: t.nn.functional.gaussian_nll_loss(
        t.ones(1), t.ones(1), of([-1.0])
    ),
}


def _known(library: Any) -> Callable[[Any], Any]:
    return library.tensor


def _computed(library: Any) -> Callable[[Any], Any]:
    return lambda values: library.tensor(values) + 0


@pytest.mark.parametrize("values", [_known, _computed])
@pytest.mark.parametrize("case", CASES)
def test_it_is_said_at_once_and_leaves_nothing_behind(case: str, values: Any) -> None:
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        CASES[case](torch, values(torch))
    with pytest.raises(ZincirError) as told:
        CASES[case](zincir, values(zincir))
    (zincir.ones(3) * 2).tolist()
    assert str(told.value)


@pytest.mark.parametrize("case", ["picked", "embedding", "cross_entropy", "//", "quantile"])
def test_a_compiled_function_says_it_when_it_is_called(case: str) -> None:
    @zincir.compile
    def run(x: Any) -> Any:
        return CASES[case](zincir, lambda values: zincir.tensor(values) + x)

    with pytest.raises(ZincirError):
        run(zincir.tensor(0))


@pytest.mark.parametrize(
    "given", [([2.0], [1.0]), ([-0.1], [1.0]), ([0.5], [2.0]), ([0.5], [-1.0])]
)
@pytest.mark.parametrize("values", [_known, _computed])
def test_what_is_no_probability_has_no_cross_entropy(given: Any, values: Any) -> None:
    def loss(t: Any, of: Any) -> Any:
        return t.nn.functional.binary_cross_entropy(of([given[0]]), of([given[1]]))

    with pytest.raises(RuntimeError):
        loss(torch, values(torch))
    with pytest.raises(ZincirError, match="between 0 and 1"):
        loss(zincir, values(zincir)).item()  # what a net gives is not computed before
    with pytest.raises(ZincirError, match="between 0 and 1"):
        zincir.compile(lambda x: loss(zincir, lambda v: zincir.tensor(v) + x))(zincir.tensor(0.0))


GOOD: dict[str, Any] = {
    "picked": [1, 2], "gather": [[1]], "scatter": [1], "scatter_add": [1],
    "scatter_reduce": [1], "index_select": [1], "index_add": [1], "index_copy": [1],
    "index_fill": [1], "index_put": [1], "take": [5], "put_": [5], "embedding": [1],
    "embedding_bag": [[1]], "max_unpool1d": [[[0, 1]]], "cross_entropy": [0, 1],
    "nll_loss": [0, 1], "multi_margin_loss": [0, 1], "multilabel_margin_loss": [[0, 2, 1]],
    "one_hot": [1], "multinomial": [1.0, 2.0], "bernoulli": [0.5], "bernoulli_": [0.5],
    "normal": [1.0], "poisson": [1.0], "histc": [1.0], "quantile": [0.5],
    "inv": [[2.0, 1.0], [1.0, 1.0]], "cholesky": [[2.0, 1.0], [1.0, 2.0]],
    "lu_factor": [[2.0, 1.0], [1.0, 1.0]], "cholesky_inverse": [[1.0, 0.0], [0.0, 1.0]],
    "matrix_norm": [[1.0, 0.0]], "gaussian_nll_loss": [1.0],
}  # fmt: skip


def _bad(case: str) -> Any:
    """The values of a case that are refused."""
    found: list[Any] = []

    def of(values: Any) -> Any:
        found.append(values)
        return zincir.tensor(GOOD[case])

    CASES[case](zincir, of)
    return zincir.tensor(found[0])


@pytest.mark.parametrize("case", GOOD)
def test_a_replay_looks_at_the_values_of_its_own_call(case: str) -> None:
    run = zincir.compile(lambda values: CASES[case](zincir, lambda _: values))
    for _ in range(3):
        run(zincir.tensor(GOOD[case]))
    with pytest.raises(ZincirError):
        run(_bad(case))
    run(zincir.tensor(GOOD[case]))


DIVISIONS: dict[str, Callable[[Any, Any], Any]] = {
    "//": lambda t, d: t.arange(4) // d,
    "%": lambda t, d: t.arange(4) % d,
    "number //": lambda t, d: 7 // d,
    "fmod": lambda t, d: t.fmod(t.arange(4), d),
    "div": lambda t, d: t.div(t.arange(4), d, rounding_mode="trunc"),
}


@pytest.mark.parametrize("name", DIVISIONS)
def test_a_divisor_is_that_of_the_call(name: str) -> None:
    divide, held = DIVISIONS[name], zincir.tensor([2])
    given = zincir.compile(lambda d: divide(zincir, d))
    captured = zincir.compile(lambda: divide(zincir, held))
    for _ in range(3):
        given(zincir.tensor([2]))
        captured()
    held.fill_(0)
    for call in (captured, lambda: given(zincir.tensor([0]))):
        with pytest.raises(ZincirError, match="divided by 0"):
            call()
    assert given(zincir.tensor([3])).tolist() == divide(torch, torch.tensor([3])).tolist()


def test_nothing_is_divided_by_0() -> None:
    nothing = zincir.zeros(0, dtype=zincir.int64)
    assert (nothing // 0).tolist() == (nothing // zincir.tensor([0])).tolist() == []


def test_many_examples_at_once_cannot_be_looked_at() -> None:
    def picked(t: Any) -> Any:
        rows = t.arange(12.0).reshape(3, 4)
        return t.func.vmap(lambda row, i: row.gather(0, i + 1) * (i // (i + 1)))(
            rows, t.tensor([[0], [1], [2]])
        )

    assert picked(zincir).tolist() == picked(torch).tolist()


def test_many_matrices_at_once_are_inverted() -> None:
    many = [[[2.0, 1.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 8.0]]]
    found = zincir.func.vmap(zincir.linalg.inv)(zincir.tensor(many)).tolist()
    assert found == torch.func.vmap(torch.linalg.inv)(torch.tensor(many)).tolist()


def test_an_index_that_was_computed_keeps_its_gradients() -> None:
    def run(t: Any) -> list[Any]:
        w = t.arange(6.0).reshape(3, 2).requires_grad_()
        best = (w * 2).argmax(0, keepdim=True)
        (w.gather(0, best) ** 2).sum().backward()
        return w.grad.tolist()

    assert run(zincir) == run(torch)


@pytest.mark.parametrize("values", [_known, _computed])
def test_a_quantile_has_the_gradient_of_its_share(values: Any) -> None:
    def run(t: Any) -> float:
        q = t.tensor(0.3, requires_grad=True)
        t.quantile(t.tensor([1.0, 4.0, 9.0]), q if values is _known else q * 1).backward()
        return q.grad.item()

    assert run(zincir) == pytest.approx(run(torch))
