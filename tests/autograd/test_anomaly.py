"""The first NaN is named where it was born, not where it arrived."""

import pytest

import zincir
from zincir.autograd import detect_anomaly
from zincir.errors import AnomalyError


def caught(function):
    with pytest.raises(AnomalyError) as error, detect_anomaly():
        function()
    return str(error.value)


def test_forward():
    def run():
        x = zincir.tensor([1.0, -2.0], requires_grad=True)
        y = x.log()  # here
        z = (y * 3).exp() + 1
        z.sum().item()

    text = caught(run)
    assert "NaN born in log, in the forward pass" in text
    assert f"test_anomaly.py:{run.__code__.co_firstlineno + 2}" in text
    assert "-2" in text


def test_backward():
    def run():
        x = zincir.tensor([4.0, 0.0], requires_grad=True)
        y = x.sqrt()  # the slope at 0 is infinite
        z = y * zincir.tensor([1.0, 0.0])
        z.sum().backward()

    text = caught(run)
    assert "in the backward pass" in text
    assert f"test_anomaly.py:{run.__code__.co_firstlineno + 2}" in text


def test_infinity_in_float32():
    text = caught(lambda: (zincir.tensor([100.0]) * 1).exp().item())
    assert "infinity born in exp" in text
    assert "88" in text


def test_masks_may_hold_infinity():
    with detect_anomaly():
        x = zincir.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        mask = zincir.tensor([[False, True], [False, False]])
        x.masked_fill(mask, float("-inf")).softmax(-1).sum().backward()
        assert x.grad is not None


def test_nan_in_the_data():
    text = caught(lambda: (zincir.tensor([float("nan")]) * 2).item())
    assert "from the start" in text


def test_values_nobody_looked_at_are_found_on_leaving():
    def run():
        zincir_kept.append(zincir.tensor([-1.0]).sqrt())

    zincir_kept: list = []
    assert "born in sqrt" in caught(run)


def test_the_layer_is_named():
    class Bad(zincir.nn.Module):
        def forward(self, x):
            return x.log()

    net = zincir.nn.Sequential(zincir.nn.Linear(2, 2), Bad())
    text = caught(lambda: net(zincir.tensor([[-1e3, 1e3]])).sum().item())
    assert "log" in text


def test_it_is_off_afterwards():
    with detect_anomaly():
        pass
    assert zincir.tensor([-1.0]).log().isnan().item()


def test_a_decision_about_nan_is_refused():
    loss, best = zincir.tensor([float("nan")]).sum(), 3.0
    with pytest.raises(AnomalyError, match="decision by a comparison"):
        bool(loss < best)
    assert bool(loss != loss)
