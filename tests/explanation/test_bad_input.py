"""What cannot be explained, and what is told besides."""

import re

import pytest

import zincir
from zincir.errors import ArgumentError, GradientError


def refused(loss, kind=GradientError, **options) -> str:
    with pytest.raises(kind) as error:
        zincir.explain(loss, **options)
    text = str(error.value)
    assert "where     " in text
    assert "test_bad_input.py" in text
    assert "  try       " in text
    return text


def test_no_tensor():
    assert "not a tensor" in refused(16.0)


def test_no_gradient():
    assert "has no gradient" in refused(zincir.ones(()) * 2)
    w = zincir.tensor(1.0, requires_grad=True)
    with zincir.no_grad():
        loss = w * 2
    assert "not in no_grad" in refused(loss)


def test_no_scalar():
    w = zincir.ones(3, requires_grad=True)
    text = refused(w * 2)
    assert "float32[3]" in text
    assert "explain(loss.mean())" in text


def test_complex_numbers():
    w = zincir.ones((), dtype=zincir.complex64, requires_grad=True)
    assert "not a scalar" in refused(w * 2)


def test_inside_of_a_compiled_function():
    w = zincir.tensor(2.0, requires_grad=True)
    found = []

    @zincir.compile
    def step():
        loss = w * w
        try:
            zincir.explain(loss)
        except GradientError as error:
            found.append(str(error))
        return loss

    step()
    assert "inside of a compiled function" in found[0]


def test_names_that_do_not_belong():
    w, other = zincir.tensor(2.0, requires_grad=True), zincir.tensor(3.0)
    text = refused(w * w, ArgumentError, names={"w": w, "other": other})
    assert "names['other'] does not belong to the graph" in text
    module = zincir.nn.Linear(2, 2)
    assert "names['m']" in refused(w * w, ArgumentError, names={"m": module})


def test_names_that_are_no_tensors():
    w = zincir.tensor(2.0, requires_grad=True)
    assert "neither a tensor nor a module" in refused(w * w, ArgumentError, names={"w": 2.0})


def test_nan_is_shown_where_it_is_born():
    a = zincir.tensor(-1.0, requires_grad=True)
    found = zincir.explain(a.log() * 2.0 + 1.0, names={"a": a})
    assert found.notices[0].startswith("NaN is born in v1 = log(a), test_bad_input.py:")
    assert found.notices[0].endswith(": a is -1")
    assert "NaN is born in" in str(found)
    assert '"NaN"' in found.to_json()


def test_infinity_is_shown_where_it_is_born():
    a = zincir.tensor(100.0, requires_grad=True)
    found = zincir.explain(a.exp() * 2.0, names={"a": a})
    assert found.notices[0].startswith("infinity is born in v1 = exp(a)")


def test_an_infinite_gradient_is_shown_where_it_is_born():
    a = zincir.tensor(0.0, requires_grad=True)
    found = zincir.explain(a.sqrt() * 2.0, names={"a": a})
    assert "the gradient is not finite from dL/da on: v1 = sqrt(a)" in found.notices[0]
    assert "no step can be made with it" in str(found)


def test_hooks_are_not_called_and_that_is_said():
    a = zincir.tensor(2.0, requires_grad=True)
    called = []
    a.register_hook(called.append)
    found = zincir.explain(a * 3.0, names={"a": a})
    assert "there are hooks on a: they are not called here" in found.notices
    assert not called


def test_a_large_graph_is_folded_with_a_notice():
    w = zincir.tensor(1.0, requires_grad=True)
    v = w
    for _ in range(4_000):
        v = v * 0.9999 + 0.0001
    found = zincir.explain(v, names={"w": w})
    assert len(found.steps) == 8001
    assert found.notices[-1].startswith("8001 steps: they are folded")
    assert len(str(found).splitlines()) < 30
    v.backward()
    assert found["w"].gradient.single == pytest.approx(w.grad.item(), rel=1e-3)


def test_matrices_that_are_left_out_are_told():
    def said(layers: int) -> list[str]:
        net = zincir.nn.Sequential(*[zincir.nn.Linear(2, 2) for _ in range(layers)])
        found = zincir.explain(net(zincir.ones(1, 2)).sum())
        notices = [n for n in found.notices if "matrices" in n]
        assert all(n in found.to_html() for n in notices)
        return notices

    assert not said(2)
    (notice,) = said(70)
    assert "in graphs of up to 200, and left out here" in notice


def test_a_page_that_does_not_draw_all_says_so():
    w = zincir.tensor(1.0, requires_grad=True)
    total = w * 0.0
    for i in range(3_000):
        total = total + w * float(i)
    page = zincir.explain(total).to_html()
    drawn, steps = re.search(r"([\d,]+) of ([\d,]+) steps are drawn one by one", page).groups()
    assert steps == "6,002"
    assert 1_000 < int(drawn.replace(",", "")) < 4_000
    assert len(page) < 7_000_000
    assert re.search(r"dL/dv\d+ \* dv\d+/dw \+ 2993 more terms", page.replace("·", "*"))
    small = zincir.explain(w * 2.0).to_html()
    assert "drawn one by one" not in small


@pytest.mark.slow
def test_a_graph_of_100_000_operations_ends():
    w = zincir.tensor(1.0, requires_grad=True)
    v = w
    for _ in range(50_000):
        v = v * 0.99999 + 0.00001
    found = zincir.explain(v, names={"w": w})
    assert len(found.steps) == 100_001
    assert len(found.to_html()) < 10_000_000
    assert found["w"].gradient.single == pytest.approx(0.99999**50_000, rel=1e-2)


def test_an_unknown_step():
    w = zincir.tensor(1.0, requires_grad=True)
    with pytest.raises(KeyError):
        zincir.explain(w * 2)["nobody"]


def test_a_leaf_is_a_loss_too():
    w = zincir.tensor(1.5, requires_grad=True)
    found = zincir.explain(w)
    assert [s.name for s in found.steps] == ["L"]
    assert found["L"].gradient.single == 1


def test_a_segment_that_would_add_to_gradients_is_refused():
    layer, x = zincir.nn.Linear(2, 2), zincir.ones(1, 2, requires_grad=True)
    h = zincir.utils.checkpoint.checkpoint(layer, x, use_reentrant=True)
    with pytest.raises(zincir.errors.GradientError, match="use_reentrant=False"):
        zincir.explain(h.sum())
    assert layer.weight.grad is None


def test_many_hidden_steps_are_walked_once():
    w = zincir.tensor(1.0, requires_grad=True)
    d = (w * 2).detach()
    for _ in range(60):
        d = d + d * 0.25
    assert zincir.explain((w * d).sum()).notices is not None
