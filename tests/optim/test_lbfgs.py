"""L-BFGS: valleys, states, what it refuses. `against_torch/test_optim_db.py` has its digits."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, TraceError


class Valley:
    """Rosenbrock's: 100 * (y - x**2)**2 + (1 - x)**2, least at (1, 1)."""

    def __init__(self, **options: Any) -> None:
        self.x, self.y = (nn.Parameter(zincir.tensor(v, dtype=zincir.float64)) for v in (-1.2, 1.0))
        self.optimizer = optim.LBFGS([self.x, self.y], **options)

    def closure(self) -> zincir.Tensor:
        self.optimizer.zero_grad()
        loss = 100 * (self.y - self.x**2) ** 2 + (1 - self.x) ** 2
        loss.backward()
        return loss

    def place(self) -> list[float]:
        return [self.x.item(), self.y.item()]


@pytest.mark.parametrize("compiled", [False, True])
def test_the_bottom_of_a_valley(compiled: bool) -> None:
    valley = Valley(line_search_fn="strong_wolfe", max_iter=40)
    closure = zincir.compile(valley.closure) if compiled else valley.closure
    first = valley.optimizer.step(closure)
    assert first.item() == pytest.approx(24.2)
    valley.optimizer.step(closure)
    np.testing.assert_allclose(valley.place(), [1.0, 1.0], 1e-4)
    state = valley.optimizer.state[valley.x]
    evaluations = state["func_evals"]
    assert state["n_iter"] < evaluations < 80
    before = valley.place()
    valley.optimizer.step(closure)  # nothing is left to do: one look
    assert state["func_evals"] == evaluations + 1
    assert valley.place() == before


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_loaded_state_goes_on_to_the_bit(search: str | None) -> None:
    one, other = (Valley(lr=0.02, max_iter=4, line_search_fn=search, history_size=3) for _ in "12")
    for _ in range(3):
        one.optimizer.step(one.closure)
    state = pickle.loads(pickle.dumps(one.optimizer.state_dict()))
    assert list(state["state"]) == [0]
    assert len(state["state"][0]["old_dirs"]) == 3
    other.optimizer.load_state_dict(state)
    for mine, theirs in ((other.x, one.x), (other.y, one.y)):
        mine.data = theirs.detach().clone()
    twin = copy.deepcopy(one)
    for valley in (one, other, twin):
        for _ in range(3):
            valley.optimizer.step(valley.closure)
    assert one.place() == other.place() == twin.place()


def test_parameters_without_gradients_and_of_other_shapes() -> None:
    p, q, unused = (nn.Parameter(zincir.ones(*shape)) for shape in ((2, 3), (4,), (5,)))
    optimizer = optim.LBFGS([p, q, unused], lr=0.5)

    def closure() -> zincir.Tensor:
        optimizer.zero_grad()
        loss = ((p - 3.0) ** 2).sum() + ((q + 2.0) ** 4).sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    np.testing.assert_allclose(p.detach().numpy(), 3.0, 1e-3)
    np.testing.assert_allclose(q.detach().numpy(), -2.0, atol=0.1)
    assert unused.tolist() == [1.0] * 5


def test_what_it_refuses() -> None:
    p = nn.Parameter(zincir.ones(1))
    with pytest.raises(ArgumentError, match="one group"):
        optim.LBFGS([{"params": [p]}, {"params": [nn.Parameter(zincir.ones(1))]}])
    with pytest.raises(ArgumentError, match="lr is out of range"):
        optim.LBFGS([p], lr=-1.0)
    valley = Valley(line_search_fn="armijo")
    with pytest.raises(RuntimeError, match="no such line search"):
        valley.optimizer.step(valley.closure)
    valley = Valley()
    with pytest.raises(TraceError, match="step looks at values"):
        zincir.compile(lambda: valley.optimizer.step(valley.closure))()
