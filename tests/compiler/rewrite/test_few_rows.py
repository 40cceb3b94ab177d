"""Few rows that are added to a table: where, and what it takes."""

import numpy as np
import pytest

import zincir
from zincir.compiler import stages
from zincir.compiler.options import Options
from zincir.compiler.snapshot import snapshot
from zincir.tensor import Tensor


def known(t: Tensor) -> Tensor:
    t.sum().item()
    return t


def gradient(table: Tensor, index: Tensor) -> Tensor:
    (g,) = zincir.autograd.grad((table[index] * 3.0).sin().sum(), [table])
    return g


@pytest.fixture
def table() -> Tensor:
    return known(zincir.randn(200, 4)).requires_grad_()


INDEX = known(zincir.tensor([[3, 5], [3, 199]]))


def simplified(*wanted: Tensor) -> list[str]:
    text = stages(snapshot([t._node for t in wanted]).graph(), until="simplify")["simplify"]
    return [line for line in text.splitlines() if " scatter " in line or "[200, 4]" in line]


@pytest.mark.parametrize("minus", [True, False])
def test_a_step_of_plain_descent_is_added_where_the_table_lies(table: Tensor, minus: bool) -> None:
    g = gradient(table, INDEX)
    new = table.detach() - 0.1 * g if minus else table.detach() + g * -0.1
    del g
    leaf, scatter = simplified(new)
    assert leaf.startswith("%0 = leaf")
    assert "scatter float32[200, 4] %0 " in scatter
    g = np.zeros((200, 4), np.float32)
    array = table.detach().numpy()
    np.add.at(g, INDEX.numpy(), 3 * np.cos(3 * array[INDEX.numpy()]))
    np.testing.assert_allclose(new.numpy(), array - 0.1 * g, 1e-5, 1e-6)


def test_a_gradient_that_is_wanted_besides_is_added_up_first(table: Tensor) -> None:
    g = gradient(table, INDEX)
    assert sum("scatter" in line for line in simplified(table.detach() - 0.1 * g, g)) == 1
    assert any(" sub " in line for line in simplified(table.detach() - 0.1 * g, g))
    assert any(" sub " in line for line in simplified(table.detach() - 0.1 * g * g))


def test_many_rows_are_added_up_first(table: Tensor) -> None:
    index = known(zincir.arange(200) % 150)
    lines = simplified(table.detach() - 0.1 * gradient(table, index))
    assert any(" sub " in line for line in lines)


def test_the_old_table_is_not_copied_to_where_it_lies(table: Tensor) -> None:
    new = table.detach() - 0.1 * gradient(table, INDEX)
    taken = snapshot([new._node])
    slot = [n.shape for n in taken.leaves].index((200, 4))
    kept = stages(taken.graph(), Options(1, {0: slot}))["assemble"]
    apart = stages(taken.graph(), Options(1))["assemble"]
    assert len(kept.splitlines()) == len(apart.splitlines()) - 1
