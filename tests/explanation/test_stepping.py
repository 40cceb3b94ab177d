"""Two acts: back-propagation and the optimizer's step, each with its numbers."""

import re

import numpy as np
import pytest

import zincir
from explained_graphs import near
from zincir import nn, optim
from zincir.errors import ArgumentError

MAKERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD, decay": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.05),
    "SGD, momentum": lambda p: optim.SGD(p, lr=0.02, momentum=0.9),
    "SGD, Nesterov": lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "Adam, decay": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.3, betas=(0.8, 0.99)),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.3),
}
OTHERS = {
    "SGD, dampened": lambda p: optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.5),
    "SGD, upwards": lambda p: optim.SGD(p, lr=0.0002, maximize=True),
    "Adam, amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1),
    "Lion": lambda p: optim.Lion(p, lr=0.1),
}


def small_loss(w):
    return (w * zincir.tensor([3.0]) - 10.0) ** 2


@pytest.mark.parametrize("warm", [0, 1, 3])
@pytest.mark.parametrize("name", [*MAKERS, *OTHERS])
def test_the_step_shown_is_the_step_taken(name: str, warm: int):
    w = zincir.tensor([2.0], requires_grad=True)
    optimizer = {**MAKERS, **OTHERS}[name]([w])
    for _ in range(warm):
        optimizer.zero_grad()
        small_loss(w).backward()
        optimizer.step()
    optimizer.zero_grad()
    loss = small_loss(w)
    found = zincir.explain(loss, names={"w": w}, optimizer=optimizer).step_taken
    (update,) = found.updates
    before = w.item()
    loss.backward()
    gradient = w.grad.item()
    optimizer.step()
    assert update.before.single == pytest.approx(before)
    assert update.gradient.single == pytest.approx(gradient)
    assert update.after.single == pytest.approx(w.item(), rel=1e-6)
    assert found.loss_before == pytest.approx(loss.item(), rel=1e-5)
    assert found.loss_after == pytest.approx(small_loss(w).item(), rel=1e-3, abs=1e-6)
    for key, held in optimizer.state[w].items():
        if key in update.state:
            near(update.state[key][1].values, held.numpy(), 1e-6)
    if name in MAKERS:
        last = update.lines[-1]
        assert float(last.rsplit(" = ", 1)[1]) == pytest.approx(w.item(), rel=1e-5)
    else:
        assert not update.lines


@pytest.mark.parametrize("name", MAKERS)
def test_each_line_is_true(name: str):
    """The right sides of the equations, with their numbers, are what stands behind the last =."""
    w = zincir.tensor([2.0], requires_grad=True, dtype=zincir.float64)
    optimizer = MAKERS[name]([w])
    (w * w * w).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    found = zincir.explain((w * w * w).sum(), names={"w": w}, optimizer=optimizer).step_taken
    for line in found.updates[0].lines:
        parts = line.split(": ")[-1].split(" = ")
        if len(parts) > 2 and re.fullmatch(r"[-\d.e+*() ]+", parts[-2]):
            assert eval(parts[-2]) == pytest.approx(float(parts[-1]), rel=2e-4), line


def test_nothing_of_the_real_state_changes():
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    called = []
    optimizer.register_step_post_hook(lambda *_: called.append(1))
    x, y = zincir.randn(5, 4), zincir.randn(5, 2)
    nn.functional.mse_loss(net(x), y).backward()
    optimizer.step()

    def everything() -> list[bytes]:
        tensors = [*net.parameters(), *(p.grad for p in net.parameters())]
        tensors += [v for held in optimizer.state.values() for v in held.values()]
        return [t.detach().numpy().tobytes() for t in tensors]

    before, count = everything(), len(called)
    loss = nn.functional.mse_loss(net(x), y)
    found = zincir.explain(loss, optimizer=optimizer)
    assert everything() == before
    assert len(called) == count
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    parameters = dict(net.named_parameters())
    assert {u.name for u in found.step_taken.updates} == set(parameters)
    for update in found.step_taken.updates:
        near(update.after.values, parameters[update.name].detach().numpy(), 1e-5)


def test_the_text_tells_two_acts():
    w = zincir.tensor([2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.01)
    text = str(zincir.explain(small_loss(w), names={"w": w}, optimizer=optimizer))
    first, second = text.split("The step: what SGD makes of these gradients (lr = 0.01)")
    assert "dL/dw = dL/dv1 * dv1/dw = -8 * 3 = -24" in first
    assert "w = w - lr * dL/dw = 2 - 0.01 * (-24) = 2.24" in second
    assert "before the step L = 16, after it L = 10.7584" in second


def test_the_page_tells_two_acts():
    w = zincir.tensor([2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    page = zincir.explain(small_loss(w), names={"w": w}, optimizer=optimizer).to_html()
    assert "1. Back-propagation" in page
    assert "2. The step of SGD" in page
    assert "w = w − lr · dL/dw = 2 − 1 · (−24) = 26" in page
    assert "It has not fallen." in page


def test_groups_have_their_own_settings():
    a, b = (zincir.tensor([2.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.25)
    found = zincir.explain((a * b).sum(), names={"a": a, "b": b}, optimizer=optimizer).step_taken
    assert {u.name: u.after.single for u in found.updates} == {"a": 1.0, "b": 1.5}
    assert all(u.lines for u in found.updates)


def test_parameters_without_a_gradient_stay_and_old_gradients_are_told():
    a, b = (zincir.tensor([2.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([a, b], lr=0.5)
    (a * 3.0).sum().backward()
    found = zincir.explain((a * a).sum(), names={"a": a}, optimizer=optimizer).step_taken
    assert "1 parameters of the optimizer get no gradient" in found.notices[0]
    assert "a.grad holds another gradient than this one" in found.notices[1]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda w: optim.SGD([zincir.tensor(1.0, requires_grad=True)], lr=1.0), "trains nothing"),
        (lambda w: optim.LBFGS([w]), "computes the loss several times"),
        (lambda w: 0.1, "is no optimizer"),
    ],
)
def test_bad_optimizers(make, what: str):
    w = zincir.tensor([2.0], requires_grad=True)
    with pytest.raises(ArgumentError) as error:
        zincir.explain(small_loss(w), optimizer=make(w))
    assert what in str(error.value)
    assert "test_stepping.py" in str(error.value)


def test_dropout_is_the_same_before_and_after():
    zincir.manual_seed(3)
    w = zincir.ones(64, requires_grad=True)
    loss = nn.functional.dropout(w, 0.5).square().mean()
    optimizer = optim.SGD([w], lr=0.0)
    found = zincir.explain(loss, optimizer=optimizer).step_taken
    assert found.loss_after == found.loss_before == pytest.approx(float(np.float32(loss.item())))


def test_a_parameter_that_was_changed_in_place_on_the_way_has_one_gradient():
    w = zincir.tensor(3.0, requires_grad=True)
    a = w * 2
    with zincir.no_grad():
        w += 1
    loss = a + w * 3
    text = str(zincir.explain(loss, optimizer=zincir.optim.SGD([w], lr=0.1)))
    assert "4 - 0.1 * 5 = 3.5" in text
    loss.backward()
    assert w.grad.item() == 5.0


def test_the_step_is_one_from_the_values_that_are_shown():
    w = zincir.tensor(3.0, requires_grad=True)
    optimizer = zincir.optim.SGD([w], lr=0.1)
    loss = w * w
    loss.backward(retain_graph=True)
    optimizer.step()
    assert "3 - 0.1 * 6 = 2.4" in str(zincir.explain(loss, optimizer=optimizer))
