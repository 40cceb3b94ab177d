"""Operations with several outputs, and functions of users: each output and what it adds."""

import numpy as np
import pytest

import zincir
from explained_graphs import check_chain_rule, near
from zincir import nn


class ProductAndSum(zincir.autograd.Function):
    """Its context loses something in backward, and is asked again."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        ctx.once = 1.0
        return a * b, a + b

    @staticmethod
    def backward(ctx, g, h):
        a, b = ctx.saved_tensors
        once = ctx.once
        del ctx.once
        return (g * b + h) * once, (g * a + h) * once


def tensors():
    a = zincir.tensor([2.0, 3.0], requires_grad=True)
    return a, zincir.tensor([5.0, 7.0], requires_grad=True)


def test_each_output_of_a_function_and_what_it_adds():
    a, b = tensors()
    p, s = ProductAndSum.apply(a, b)
    loss = (p * p).sum() + 3 * s[0]
    found = zincir.explain(loss, names={"a": a, "b": b})
    assert found["p"].formula == "ProductAndSum(a, b)[0]"
    assert found["s"].formula == "ProductAndSum(a, b)[1]"
    assert str(found["p"].value) == "[10, 21]"
    assert str(found["p"].gradient) == "[20, 42]"
    assert str(found["s"].gradient) == "[3, 0]"
    added = {
        (found.chain.step(u.source).name, found.chain.step(u.user).name): str(u.contribution)
        for u in found.chain.uses
    }
    assert added["a", "p"] == "[100, 294]"
    assert added["b", "p"] == "[40, 126]"
    assert added["a", "s"] == added["b", "s"] == "[3, 0]"
    check_chain_rule(found.chain, 1e-6)
    assert "dL/dp, by ProductAndSum.backward + dL/ds, by ProductAndSum.backward" in str(found)
    loss.backward()
    near(found["a"].gradient.values, a.grad.numpy(), 0)
    near(found["b"].gradient.values, b.grad.numpy(), 0)


def test_one_argument_twice_and_an_output_that_nobody_uses():
    a, _ = tensors()
    loss = ProductAndSum.apply(a, a)[0].sum()
    found = zincir.explain(loss, names={"a": a})
    assert [s.formula for s in found.steps][1] == "ProductAndSum(a, a)"
    assert str(found["a"].gradient) == "[4, 6]"
    check_chain_rule(found.chain, 1e-6)


def test_names_of_functions_are_no_operations():
    class tanh(zincir.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = zincir.tensor(3.0, requires_grad=True)
    found = zincir.explain(tanh.apply(x) * 1.0, names={"x": x})
    (use,) = (u for u in found.chain.uses if u.source == found["x"].number)
    assert use.formula == ""
    assert use.local.single == 2
    assert "by tanh.backward" in use.rule


def test_functions_of_numpy():
    class Sine(zincir.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return zincir.from_numpy(np.sin(x.detach().numpy()))

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return zincir.from_numpy(g.detach().numpy() * np.cos(x.detach().numpy()))

    w = zincir.tensor([0.5], requires_grad=True)
    loss = Sine.apply(w * 2)
    found = zincir.explain(loss, names={"w": w})
    assert found["w"].gradient.single == pytest.approx(2 * np.cos(1), rel=1e-6)
    assert not found.chain.trials, "the loss elsewhere is not known"
    loss.backward()
    assert w.grad.item() == found["w"].gradient.single


SEVERAL = {
    "eigh": lambda x: zincir.linalg.eigh(x + x.T),
    "qr": zincir.linalg.qr,
    "svd": lambda x: zincir.linalg.svd(x)[:2],
    "slogdet": lambda x: zincir.linalg.slogdet(x)[1:],
    "topk": lambda x: (zincir.topk(x, 2)[0],),
    "max": lambda x: (x.max(0).values, x.max()),
    "sort": lambda x: (x.sort()[0],),
    "split": lambda x: x.split(2),
    "unbind": lambda x: x.unbind(),
    "var_mean": lambda x: zincir.var_mean(x, 0),
    "cummax": lambda x: (x.cummax(0)[0],),
    "attention": lambda x: (nn.functional.scaled_dot_product_attention(x[None], x[None], x[None]),),
    "scan": lambda x: zincir.scan(lambda c, r: (c * r, c + r), zincir.ones(3, dtype=x.dtype), x),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_every_output_has_a_value_a_gradient_and_what_it_adds(name):
    zincir.manual_seed(1)
    x = zincir.randn(3, 3, dtype=zincir.float64, requires_grad=True)
    outputs = SEVERAL[name](x)
    loss = sum((i + 1) * y.square().sum() for i, y in enumerate(outputs))
    found = zincir.explain(loss, names={"x": x})
    loss.backward()
    near(found["x"].gradient.values, x.grad.numpy(), 1e-9)
    check_chain_rule(found.chain, 1e-9)
    for step in found.steps:
        assert step.value is not None
        uses = found.chain.users_of.get(step.number, [])
        if uses:
            near(sum(u.contribution.values for u in uses), step.gradient.values, 1e-9)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind):
    net = kind(3, 4, num_layers=2, batch_first=True)
    out, last = net(zincir.randn(2, 5, 3))
    last = last[0] if isinstance(last, tuple) else last
    loss = out.square().sum() + last.sum()
    found = zincir.explain(loss)
    loss.backward()
    for name, p in net.named_parameters():
        near(found[name].gradient.values, p.grad.numpy(), 1e-5)
    scans = [s for s in found.steps if s.formula.startswith("scan(")]
    assert scans
    assert all(s.value is not None and s.gradient is not None for s in scans)
