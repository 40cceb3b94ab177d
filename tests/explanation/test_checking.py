"""Gradients beside differences: right ones hold, wrong ones are found, kinks are kinks."""

import numpy as np
import pytest
from hypothesis import given, settings

import zincir
from browser import needs_chromium, told
from explained_graphs import SLOW, built_anew
from random_graphs import graphs
from zincir import nn
from zincir.errors import ArgumentError, GradientError
from zincir.graph.node import Node
from zincir.graph.walk import toposort

check = zincir.explain.check


def test_a_network_holds():
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 3))
    x, y = zincir.randn(6, 4), zincir.tensor([0, 1, 2, 0, 1, 2])
    found = check(lambda: nn.functional.cross_entropy(net(x), y), net)
    assert found.ok
    assert {row.parameter for row in found.rows} == dict(net.named_parameters()).keys()
    assert all(row.verdict == "holds" for row in found.rows)
    nn.functional.cross_entropy(net(x), y).backward()
    for row in found.rows:
        grad = dict(net.named_parameters())[row.parameter].grad.numpy()
        assert row.analytic == pytest.approx(float(grad[row.element]), rel=1e-3, abs=1e-6)


class WrongSquare(zincir.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x  # 2 is missing


def test_a_wrong_gradient_is_found():
    w = zincir.tensor([1.0, -2.0], requires_grad=True)
    found = check(lambda: WrongSquare.apply(w).sum(), {"w": w})
    assert not found.ok
    assert [row.verdict for row in found.rows] == ["wrong", "wrong"]
    assert [(row.analytic, round(row.numeric, 5)) for row in found.rows] == [(1, 2), (-2, -4)]
    assert "wrong" in str(found)


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("how", ["detach", "no_grad", "mask", "view"])
def test_what_gradients_take_as_a_constant_is_one_looked_at_or_not(how, looked_at):
    w = zincir.tensor(3.0, requires_grad=True)

    def constant():
        if how == "detach":
            return (w * 2.0).detach()
        if how == "view":
            return (w * 2.0).reshape(1).detach()[0]
        with zincir.no_grad():
            return w * 2.0 if how == "no_grad" else (w > 0).float() * 6.0

    def loss():
        d = constant()
        if looked_at:
            assert d.item() == 6
        return w * d

    found = check(loss, {"w": w})
    assert found.rows[0].verdict == "holds"
    assert found.rows[0].numeric == pytest.approx(6)


@pytest.mark.parametrize("dtype", [zincir.float16, zincir.bfloat16])
def test_halves_are_compared_in_float64(dtype):
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 3)).to(dtype)
    x, y = zincir.randn(6, 4).to(dtype), zincir.tensor([0, 1, 2, 0, 1, 2])
    found = check(lambda: nn.functional.cross_entropy(net(x), y), net)
    assert {row.verdict for row in found.rows} == {"holds"}
    w = zincir.tensor([1.5, -2.0], dtype=dtype, requires_grad=True)
    wrong = check(lambda: WrongSquare.apply(w).sum(), {"w": w})
    assert [row.verdict for row in wrong.rows] == ["wrong", "wrong"]
    assert [row.numeric for row in wrong.rows] == pytest.approx([3, -4])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("dtype", [zincir.float32, zincir.bfloat16])
def test_loops_hold(kind, dtype):
    net = kind(3, 4, batch_first=True).to(dtype)
    x = zincir.randn(2, 5, 3).to(dtype)
    found = check(lambda: net(x)[0].square().mean(), net, most=2)
    assert {row.verdict for row in found.rows} == {"holds"}


def test_complex_numbers_are_moved_along_both_parts():
    w = zincir.tensor([1 + 2j, 3j], requires_grad=True)
    found = check(lambda: (w * w).real.sum(), {"w": w})  # a^2 - b^2
    assert [row.parameter for row in found.rows] == ["w.real", "w.imag"] * 2
    assert [row.numeric for row in found.rows] == pytest.approx([2, -4, 0, -6])
    assert {row.verdict for row in found.rows} == {"holds"}


class Sine(zincir.autograd.Function):
    """By NumPy, in forward and in backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return zincir.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return zincir.from_numpy(g.detach().numpy() * np.cos(x.detach().numpy()))


class LookedAt(zincir.autograd.Function):
    """Looks at its result."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        product = x * y
        assert product.max() > 0
        return product, x + y

    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return g * y + h, g * x + h


def test_functions_that_leave_the_graph_are_called_again():
    w = zincir.tensor([0.5, 1.5], requires_grad=True)
    found = check(lambda: Sine.apply(w * 2).sum(), {"w": w})
    assert [row.numeric for row in found.rows] == pytest.approx([2 * np.cos(1), 2 * np.cos(3)])
    assert found.ok
    v = zincir.tensor([2.0, 3.0], requires_grad=True)
    found = check(lambda: (LookedAt.apply(w, v)[0] * LookedAt.apply(v, w)[1]).sum(), [w, v])
    assert found.ok
    assert len(found.rows) == 4


def test_functions_that_cannot_be_called_again_are_refused():
    w = zincir.tensor([0.5, 1.5], requires_grad=True)
    loss = Sine.apply(w).sum()
    with pytest.raises(GradientError, match="the forward pass of Sine cannot be followed") as error:
        check(lambda: loss, {"w": w})
    assert "call Sine inside of the loss function" in str(error.value)


@pytest.mark.parametrize(
    ("function", "left", "right"),
    [(lambda w: w.relu(), 0, 1), (lambda w: w.abs(), -1, 1), (lambda w: w.clamp(0, 2) * 5, 0, 5)],
)
def test_kinks_are_kinks(function, left, right):
    w = zincir.tensor(0.0, requires_grad=True)
    found = check(lambda: function(w), {"w": w})
    (row,) = found.rows
    assert row.verdict == "kink"
    assert (row.left, row.right) == pytest.approx((left, right))
    assert found.ok
    assert f"{left} to the left, {right} to the right" in str(found)


def test_near_a_kink_a_smaller_step_is_taken():
    w = zincir.tensor(3e-6, requires_grad=True)
    assert check(lambda: w.relu() * 7, {"w": w}).rows[0].verdict == "holds"


def test_nothing_is_changed_and_dropout_is_the_same():
    w = zincir.randn(40, requires_grad=True)
    before = w.detach().numpy().tobytes()
    found = check(lambda: nn.functional.dropout(w, 0.5).square().sum(), [w], most=20)
    assert found.ok
    assert len(found.rows) == 20
    assert w.detach().numpy().tobytes() == before
    assert w.grad is None


def test_an_unused_part_has_gradient_0():
    w = zincir.randn(3, requires_grad=True)
    found = check(lambda: w[0] * 2, {"w": w})
    assert [row.analytic for row in found.rows] == [2, 0, 0]
    assert found.ok


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(graphs(zincir.float64))
def test_random_graphs_hold_but_for_kinks(outputs: list[Node]):
    loss, leaves = built_anew(outputs)
    if not loss.requires_grad or len(toposort([loss._node])) > 60:
        return
    used = {id(n.owner()) for n in toposort([loss._node]) if n.owner is not None}
    wanted = {f"leaf{i}": t for i, t in enumerate(leaves) if id(t) in used}
    if wanted:
        found = check(lambda: loss, wanted, most=2)
        assert all(np.isfinite(row.analytic) for row in found.rows)
        assert not [row for row in found.rows if row.verdict == "wrong"], str(found)


def test_bad_input():
    w = zincir.ones(2, requires_grad=True)
    with pytest.raises(GradientError, match="not a scalar"):
        check(lambda: w * 2, {"w": w})
    with pytest.raises(ArgumentError, match="does not depend on these parameters"):
        check(lambda: w.sum(), {"v": zincir.ones(1, requires_grad=True)})
    with pytest.raises(ArgumentError, match="these are no parameters"):
        check(lambda: w.sum(), [])
    with pytest.raises(ArgumentError, match="most is at least 1"):
        check(lambda: w.sum(), [w], most=0)


def test_a_page(tmp_path):
    w = zincir.tensor([0.0, 2.0], requires_grad=True)
    found = check(lambda: w.relu().sum() * 2, {"<w>": w})
    found.save(tmp_path / "check.html")
    page = (tmp_path / "check.html").read_text("utf-8")
    assert "&lt;w&gt;[0]" in page
    assert "1 holds, 1 kink" in page
    with pytest.raises(ArgumentError, match="cannot be written"):
        found.save(tmp_path / "no" / "check.html")


@needs_chromium
def test_the_page_is_a_table(tmp_path):
    w = zincir.tensor([0.0, 2.0], requires_grad=True)
    page = check(lambda: w.relu().sum() * 2, {"w": w}).to_html()
    answer = told(
        page,
        tmp_path,
        "told.rows = [...document.querySelectorAll('tbody tr')].map((r) => r.innerText);",
    )
    assert answer["rows"] == [
        "w[0]\t0\t1\t1\tkink: 0 to the left, 2 to the right", "w[1]\t2\t2\t0\tholds",
    ]  # fmt: skip


def test_parameters_that_the_loss_does_not_reach_are_named():
    w, b = (zincir.tensor(x, requires_grad=True) for x in (3.0, 1.0))
    found = zincir.explain.check(lambda: w * w, {"w": w, "b": b})
    assert found.unreached == ("b",)
    assert "not reached: b" in str(found)


def test_the_statistics_of_a_module_stay_what_they_are():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    x = zincir.randn(8, 3)
    zincir.explain.check(lambda: net(x).square().sum(), net, most=1)
    assert net[1].running_mean.tolist() == [0.0] * 4
    assert net[1].num_batches_tracked.item() == 0
