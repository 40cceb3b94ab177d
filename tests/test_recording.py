"""What cannot be replayed is run as it is written: right effects, exactly once, one loud notice."""

import contextlib
import itertools
import random
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import zincir
from scenes import Scene, Scenes, Unseen, cases
from zincir import nn
from zincir.errors import ArgumentError, RecordingWarning, TraceError

SCENES = Scenes()
gives = SCENES.gives


@gives([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
def made_and_changed(T, C):
    @C
    def f(x):
        total = T.zeros(2)
        total += x
        return total

    return [f(T.ones(2)) for _ in range(4)]


@gives(
    [
        [[0.0, 2.0], [0.0, 2.0], [0.0, 20.0]],
        [[1.0, 2.0], [1.0, 2.0], [1.0, 20.0]],
        [[2.0, 2.0], [2.0, 2.0], [2.0, 20.0]],
        [[3.0, 2.0], [3.0, 2.0], [3.0, 20.0]],
    ]
)
def made_and_written_to(T, C):
    @C
    def f(x):
        a, b, c = T.tensor([1.0, 2.0]), x.new_zeros(2), T.empty(2)
        a[0] = x[1]
        b.add_(a)
        c.copy_(b)
        c[1:].mul_(10)
        return a, b, c

    return [f(T.ones(2) * i) for i in range(4)]


@gives(
    [
        [[[2.0], [2.0]], [2.0]],
        [[[2.5], [2.5]], [4.5]],
        [[[3.0], [3.0]], [8.0]],
        [[[3.5], [3.5]], [12.5]],
    ]
)
def made_as_a_running_buffer(T, C):
    @C
    def f(x):
        mean, var = T.zeros(1), T.ones(1)
        y = T.nn.functional.batch_norm(x, mean, var, training=True, momentum=1.0)
        return y * 0 + mean, var

    return [f(T.tensor([[1.0], [3.0 + i]])) for i in range(4)]


@gives([[0.0, 0.0], [3.0, 3.0], [6.0, 6.0], [9.0, 9.0]])
def made_in_a_loop(T, C):
    @C
    def f(xs):
        rows = T.zeros(3, 2)
        for i in range(3):
            rows[i] = xs[i] * i
        return rows.sum(0), rows

    return [f(T.ones(3, 2) * i)[0] for i in range(4)]


@gives([[4.0, 4.0, 4.0], [2.0, 4.0, 6.0, 8.0]])
def changes_an_argument_and_returns_a_view(T, C):
    x = T.zeros(3)

    @C
    def f(v):
        v.add_(1)
        return (v * 2)[0]

    found = [f(x).item() for _ in range(4)]
    return x, found


@gives([[1.0, 2.0], 0.5])
def result_that_changes_nothing_is_changed(T, C):
    x, y = T.tensor([1.0, 2.0]), T.tensor(0.5)

    @C
    def f(a, b):
        c = a**1
        c += 1
        d = b.max(-1)[0]
        d.cos_()

    for _ in range(4):
        f(x, y)
    return x, y


@gives([[7.0, 8.0, 8.0], [7.0, 8.0, 8.0], [8.0, 8.0]])
def changes_what_has_a_view(T, C):
    v = T.zeros(3)
    u, w = v[...], v[1:]

    @C
    def f(x):
        v.add_(x)

    for _ in range(4):
        f(T.ones(3))
    u.add_(1)
    f(T.ones(3))
    w.add_(1)
    f(T.ones(3))
    return v, u, w


@gives([[True, [2.0, 4.0]], 3.0])
def becomes_differentiable_inside(T, C):
    p, x = T.tensor(2.0, requires_grad=True), T.tensor([1.0, 2.0])

    @C
    def f(v):
        v *= p

    f(x)
    first = x.requires_grad, x.tolist()
    x.sum().backward()
    return first, p.grad


@gives([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
def keeps_an_attribute(T, C):
    class Net(T.nn.Module):
        def forward(self, x):
            self.last = x.mean()
            return x * 2

    net = Net()
    f = C(lambda x: net(x))
    kept = []
    for i in range(8):
        f(T.ones(2) * i)
        kept.append(net.last)
    return kept


@gives([[0.0, 2], [1.0, 2], [2.0, 2], [3.0, 2], [4.0, 3], [5.0, 3], [6.0, 3], [7.0, 3]])
def keeps_an_attribute_and_looks(T, C):
    class Net(T.nn.Module):
        def forward(self, x):
            self.last, self.shape = x.mean(), x.shape[0]
            return x * 2

    net = Net()
    f = C(net)
    found = []
    for i in range(8):
        f(T.ones(2 + i // 4) * i)
        found.append((net.last.item(), net.shape))
    return found


@gives([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
def keeps_in_a_dict(T, C):
    kept = {}

    @C
    def f(x):
        kept["mean"] = x.mean()
        return x * 2

    found = []
    for i in range(8):
        f(T.ones(2) * i)
        found.append(kept["mean"].item())
    return found


@gives([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
def keeps_in_a_list(T, C):
    kept = []

    @C
    def f(x):
        kept.append(x.mean())
        return x * 2

    for i in range(8):
        f(T.ones(2) * i)
    return kept


@gives([[[0.0], [1.0], [4.0], [7.0], [10.0], [13.0]], {"before": [8.0], "now": [10.0]}])
def keeps_two_in_turn(T, C):
    kept = {}

    @C
    def f(x):
        kept["before"] = kept.get("now", x * 0)
        kept["now"] = x * 2
        return x + kept["before"]

    found = []
    for i in range(6):
        found.append(f(T.ones(1) * i))
    return found, kept


@gives([[[0.0], [2.0], [4.0], [6.0], [8.0], [10.0]], [[100.0], [1.0], [2.0], [3.0], [4.0], [5.0]]])
def keeps_what_it_changes(T, C):
    kept = []

    @C
    def f(x):
        total = T.zeros(1)
        total += x
        kept.append(total)
        return total * 2

    found = [f(T.ones(1) * i) for i in range(6)]
    kept[0].add_(100)
    return found, kept


@gives(
    [[0.0, True], [1.0, True], [2.0, True], [3.0, True], [4.0, True], [5.0, True]],
)
def keeps_an_argument(T, C):
    kept = {}

    @C
    def f(x):
        kept["x"] = x
        return x * 2

    found = []
    for i in range(6):
        x = T.ones(1) * i
        f(x)
        found.append((kept["x"].item(), kept["x"] is x))
    return found


@gives(
    [[0.0, True], [1.0, True], [2.0, True], [3.0, True], [4.0, True], [5.0, True]],
)
def keeps_an_argument_in_an_attribute(T, C):
    class Net(T.nn.Module):
        def forward(self, x):
            self.seen = x
            return x * 2

    net = Net()
    f = C(net)
    found = []
    for i in range(6):
        x = T.ones(1) * i
        f(x)
        found.append((net.seen.item(), net.seen is x))
    return found


@gives([0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0])
def keeps_a_view_of_an_argument(T, C):
    kept = {}

    @C
    def f(x):
        kept["row"] = x[0]
        return x.sum()

    found = []
    for i in range(6):
        x = T.ones(2, 2) * i
        found.append(f(x).item())
        kept["row"].add_(1)
        found.append(x.sum().item())
    return found


@gives(
    [
        [0.0, 0.0],
        [1.75, 1.75],
        [2.5, 2.5],
        [0.75, 0.75],
        [-5.0, -5.0],
        [-16.25, -16.25],
        [-34.5, -34.5],
        [-61.25, -61.25],
    ]
)
def hook_that_stores(T, C):
    net = T.nn.Sequential(T.nn.Linear(2, 1), T.nn.Identity())
    T.nn.init.ones_(net[0].weight)
    T.nn.init.zeros_(net[0].bias)
    stats = {}

    def note(module, args, out):
        stats["mean"] = out.detach().mean()

    net[0].register_forward_hook(note)
    o = T.optim.SGD(net.parameters(), lr=0.25)

    @C
    def step(x):
        o.zero_grad()
        loss = net(x).sum()
        loss.backward()
        o.step()
        return loss

    found = []
    for i in range(8):
        found.append((step(T.ones(1, 2) * i).item(), stats["mean"].item()))
    return found


@gives([15.0])
def sums_up_outside(T, C):
    total = {"loss": T.zeros(1)}

    @C
    def f(x):
        total["loss"] = total["loss"] + x
        return x

    for i in range(6):
        f(T.ones(1) * i)
    return total["loss"]


@gives([[[0.0], [0.5], [0.75], [0.875], [0.9375], [0.96875], [0.984375]], [5.015625]])
def exponential_average_in_an_attribute(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.average = T.zeros(1)

        def forward(self, x):
            self.average = self.average * 0.5 + x * 0.5
            return x - self.average

    net = Net()
    f = C(net)
    return [f(T.ones(1) * i) for i in range(7)], net.average


@gives([[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], 6])
def counts_in_an_attribute(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def forward(self, x):
            self.count += 1
            return x * self.count

    net = Net()
    f = C(net)
    return [f(T.ones(1)) for _ in range(6)], net.count


@gives([[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], 6])
def counts_in_a_closure(T, C):
    count = 0

    @C
    def f(x):
        nonlocal count
        count += 1
        return x * count

    return [f(T.ones(1)) for _ in range(6)], count


@gives([[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], [6]])
def counts_in_a_list(T, C):
    count = [0]

    @C
    def f(x):
        count[0] += 1
        return x * count[0]

    return [f(T.ones(1)) for _ in range(6)], count


@gives([[0.8444219], [0.7579544], [0.4205716], [0.2589167], [0.5112747], [0.4049341]])
def python_random_numbers(T, C):
    random.seed(0)
    f = C(lambda x: x * random.random())
    return [f(T.ones(1)) for _ in range(6)]


@gives([[0.9067484], [0.05750116], [1.726026], [1.336132], [1.478697], [0.818592]])
def numpy_random_numbers(T, C):
    rng = np.random.default_rng(0)
    f = C(lambda x: x * float(rng.random()) + T.tensor(rng.random(1)))
    return [f(T.ones(1)) for _ in range(6)]


@gives([[2, 0, 1, 3], [3, 2, 1, 0], [1, 3, 0, 2], [0, 2, 3, 1], [0, 2, 1, 3], [2, 3, 1, 0]])
def shuffled_rows(T, C):
    rng = np.random.default_rng(0)
    f = C(lambda x: x[T.from_numpy(rng.permutation(4))])
    return [f(T.arange(4)) for _ in range(6)]


@gives([[1.0, 1.0, 2.0, 1.0, 1.0], [2.0, 1.0, 4.0, 1.0, 2.0], [3.0, 1.0, 6.0, 1.0, 3.0]])
def the_gradient_of_a_gradient_is_that_of_the_present_one(T, compile):
    w = T.tensor(1.5, requires_grad=True)

    @compile
    def gives(x):
        w.grad.grad = T.ones(()) * x
        return x + 1

    @compile
    def reads(x):
        return x * w.grad.grad

    @compile
    def changes(x):
        w.grad.mul_(2.0)
        w.grad.grad = x * w.grad.detach()
        return x + 1

    @compile
    def replaces(x):
        old = w.grad
        w.grad = x * old.detach()
        old.grad = x.clone()
        return old

    found = []
    for i in range(1, 4):
        x = T.tensor(float(i))
        w.grad = T.ones(())
        gives(x)
        row = [w.grad.grad.item()]
        w.grad = T.ones(())
        w.grad.grad = 1 / x
        row.append(round(reads(x).item(), 6))
        w.grad = T.ones(())
        changes(x)
        row.append(w.grad.grad.item())
        w.grad = T.ones(())
        old = replaces(x)
        found.append([*row, old.item(), old.grad.item()])
    return found


@gives([True] * 4, wrong="a view of an argument that is made a leaf and returned is not one")
def returns_a_view_of_its_argument_as_a_leaf(T, C):
    f = C(lambda x: x[:2].requires_grad_())
    return [f(T.ones(3)).requires_grad for _ in range(4)]


@gives([[1.0, 1.0]] * 3, wrong="what is kept of a detached argument does not share its memory")
def keeps_its_argument_detached(T, C):
    kept, found = [], []

    @C
    def f(x):
        kept.append(x.detach())
        return x * 2

    for _ in range(3):
        x = T.zeros(2)
        f(x)
        x.add_(1)
        found.append(kept[-1].tolist())
    return found


@gives([8.0, 4.0, 2.0, 2.0, 0.0], wrong="a replay that fails has added to gradients")
def fails_in_a_replay(T, C):
    w = T.ones(5, requires_grad=True)

    @C
    def f(i):
        (w[i] * 2).sum().backward()
        return i + 1

    for v in (1, 2, 3, 1):
        f(T.tensor([v, 0]))
    with contextlib.suppress(IndexError, RuntimeError):
        f(T.tensor([9, 0]))
    return w.grad


@gives([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], True])
def sets_requires_grad(T, C):
    w = T.ones(2)

    @C
    def f(x):
        w.requires_grad_()
        w.grad = None
        (w * x).sum().backward()

    found = []
    for i in range(4):
        f(T.ones(2) * i)
        found.append(w.grad.tolist())
    return found, w.requires_grad


@gives([[0.1171875], [0.1171875], [1.40625], [1.40625]])
def freezes_for_a_moment(T, C):
    """Generator and discriminator: flags are switched and switched back."""
    g, d = T.ones(1, requires_grad=True), T.ones(1, requires_grad=True)
    o = T.optim.SGD([g, d], lr=0.25)

    @C
    def step(x):
        d.requires_grad_(False)
        o.zero_grad()
        (g * d * x).sum().backward()
        d.requires_grad_(True)
        (g.detach() * d * x).sum().backward()
        o.step()

    for i in range(5):
        step(T.ones(1) * (i - 1))
    return g, d, g.grad, d.grad


@gives([[1.0], [0.0], [3.0], [2.0], [5.0], [4.0], [7.0], [6.0], [9.0], [8.0]])
def assigns_data(T, C):
    w = T.ones(1)

    @C
    def f(x):
        w.data = x * 2
        return w + 1

    found = []
    for i in range(5):
        found.append(f(T.ones(1) * i))
        found.append(w.clone())
    return found


@gives([[1.0], [3.0], [6.0], [2.0], [5.0]])
def assigns_data_of_an_argument_that_learns_from_then_on(T, C):
    @C
    def f(x, v):
        x.data = v * 1
        x.requires_grad_()
        x.register_hook(lambda g: g * 3)
        (x * x).sum().backward()

    x, w, u = T.zeros(1), T.zeros(1), T.zeros(1, requires_grad=True)
    f(x, T.ones(1))
    found = [x.clone(), T.ones(1) * x.requires_grad * 3, x.grad.clone()]

    @C
    def g(w, v):
        w.data = v * 2
        w.mul_(u + 1)  # no leaf any more

    g(w, T.ones(1))
    (w.clone() * 2.5).sum().backward()
    return [*found, w, u.grad]


@gives([[0.0], [3.0], [6.0], [9.0], [12.0]])
def assigns_a_gradient(T, C):
    w = T.ones(1, requires_grad=True)

    @C
    def f(x):
        w.grad = x * 3

    found = []
    for i in range(5):
        f(T.ones(1) * i)
        found.append(w.grad.clone())
    return found


@gives([0.0, 3.0, 6.0, 9.0, 12.0])
def registers_a_hook(T, C):
    w = T.ones(1, requires_grad=True)

    @C
    def f(x):
        y = w * x
        y.register_hook(lambda g: g * 3)
        w.grad = None
        y.sum().backward()

    found = []
    for i in range(5):
        f(T.ones(1) * i)
        found.append(w.grad.item())
    return found


@gives([[0.0, 3.0, 6.0, 9.0, 12.0], [13.0]])
def registers_a_hook_on_a_leaf(T, C):
    w = T.ones(1, requires_grad=True)

    @C
    def f(x):
        h = w.register_hook(lambda g: g * 3)
        w.grad = None
        (w * x).sum().backward()
        h.remove()

    found = []
    for i in range(5):
        f(T.ones(1) * i)
        found.append(w.grad.item())
    (w * 1).sum().backward()
    return found, w.grad


@gives([2.0, 4.0, 8.0, 16.0, 32.0])
def registers_a_hook_that_stays(T, C):
    w = T.ones(1, requires_grad=True)

    @C
    def f(x):
        w.register_hook(lambda g: g * 2)
        w.grad = None
        (w * x).sum().backward()

    found = []
    for _ in range(5):
        f(T.ones(1))
        found.append(w.grad.item())
    return found


@gives([[[1.0], [2.0], [3.0], [4.0], [5.0]], 5])
def adds_a_layer(T, C):
    layers = T.nn.ModuleList()

    @C
    def f(x):
        layers.append(T.nn.ReLU())
        for layer in layers:
            x = layer(x) + 1
        return x

    return [f(T.zeros(1)) for _ in range(5)], len(layers)


@gives([[[1.0], [1.0], [1.0], [1.0], [1.0]], True])
def switches_to_eval_inside(T, C):
    net = T.nn.Dropout(1.0)

    @C
    def f(x):
        net.eval()
        y = net(x)
        net.train()
        return y + net(x) * 10

    return [f(T.ones(1)) for _ in range(5)], net.training


@gives([0.0, -0.5, -0.75, -0.875, -0.9375, -0.96875])
def sets_a_learning_rate_inside(T, C):
    w = T.ones(1, requires_grad=True)
    o = T.optim.SGD([w], lr=1.0)

    @C
    def step(x):
        o.zero_grad()
        (w * x).sum().backward()
        o.step()
        o.param_groups[0]["lr"] *= 0.5

    found = []
    for _ in range(6):
        step(T.ones(1))
        found.append(w.item())
    return found


@gives(
    [
        [[0.0, 0.0], [0.0, 0.0]],
        [[3.0, 12.0], [6.0, 12.0]],
        [[6.0, 24.0], [12.0, 24.0]],
        [[9.0, 36.0], [18.0, 36.0]],
    ]
)
def second_gradients_inside(T, C):
    x = T.tensor([1.0, 2.0], requires_grad=True)

    @C
    def f(a):
        y = (x**3 * a).sum()
        (g,) = T.autograd.grad(y, x, create_graph=True)
        (h,) = T.autograd.grad(g.sum(), x)
        return g.detach(), h

    return [f(T.ones(2) * i) for i in range(4)]


@gives([[0.0, 0.0], [3.0, 3.0], [6.0, 6.0], [9.0, 9.0], [12.0, 12.0]])
def a_step_inside_a_step(T, C):
    w = T.ones(1, requires_grad=True)
    inner = C(lambda x: (w * x).sum())

    @C
    def outer(x):
        w.grad = None
        loss = inner(x) + inner(x * 2)
        loss.backward()
        return loss.detach()

    return [(outer(T.ones(1) * i).item(), w.grad.item()) for i in range(5)]


@gives([[1.0, 2.0], [2.0, 6.0], [3.0, 12.0], [4.0, 20.0], [5.0, 30.0], [6.0, 42.0]])
def nested_differently(T, C):
    scale = T.ones(1)
    inner = C(lambda x: x * scale)
    outer = C(lambda x: inner(x) + inner(inner(x)))
    found = []
    for _ in range(6):
        found.append((inner(T.ones(1)).item(), outer(T.ones(1)).item()))
        scale.add_(1)
    return found


@gives(
    [
        [
            [2.0, 0.0],
            [1.75, 1.375],
            [0.6875, 0.5],
            [0.25, -0.65625],
            [-0.109375, -2.375],
            [-0.59375, -5.429688],
        ],
        [-0.2714844, -0.2714844],
    ]
)
def several_functions_over_the_same_parameters(T, C):
    w = T.ones(2, requires_grad=True)
    o = T.optim.SGD([w], lr=0.125, momentum=0.5)

    @C
    def step(x):
        o.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        o.step()
        return loss

    @C
    def predict(x):
        with T.no_grad():
            return (w * x).sum()

    @C
    def decay():
        with T.no_grad():
            w.mul_(0.5)

    found = []
    for i in range(6):
        found.append((step(T.ones(2)).item(), predict(T.ones(2) * i).item()))
        if i % 2:
            decay()
    return found, w


@gives([[3.0], [11.0], [19.0], [27.0], [35.0]])
def recursion(T, C):
    def f(x, depth=3):
        return x if depth == 0 else f(x * 2, depth - 1) + 1

    g = C(f)
    return [g(T.ones(1) * i) for i in range(5)]


@gives([[0.0], [3.0], [6.0], [9.0], [12.0]])
def generator_functions_inside(T, C):
    def parts(x):
        for i in range(3):
            yield x * i

    f = C(lambda x: sum(parts(x), T.zeros(1)))
    return [f(T.ones(1) * i) for i in range(5)]


@gives(
    [
        [[1.0], [85, 63], [51, 26]],
        [[1.0], [30, 4], [7, 1]],
        [[1.0], [17, 81], [64, 91]],
        [[1.0], [50, 60], [97, 72]],
        [[1.0], [63, 54], [55, 93]],
        [[1.0], [27, 81], [67, 0]],
    ]
)
def fresh_data_each_time(T, C):
    rng = np.random.default_rng(0)
    f = C(lambda x: (x, T.tensor(rng.integers(0, 100, 2)), T.from_numpy(rng.integers(0, 100, 2))))
    return [f(T.ones(1)) for _ in range(6)]


@gives(
    [
        [[0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [0, 1]],
        [[1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]], [0, 1]],
        [[2.0, 4.0], [[1.0, 0.0], [0.0, 1.0]], [0, 1]],
        [[3.0, 6.0], [[1.0, 0.0], [0.0, 1.0]], [0, 1]],
        [[4.0, 8.0], [[1.0, 0.0], [0.0, 1.0]], [0, 1]],
    ]
)
def the_same_data_each_time(T, C):
    f = C(lambda x: (x * T.tensor([1.0, 2.0]), T.from_numpy(np.eye(2)), T.arange(2)))
    return [f(T.ones(1) * i) for i in range(5)]


@gives([[1.0], [2.0], [3.0], [104.0], [105.0], [106.0]])
def memory_of_an_array_outside(T, C):
    buffer, other = np.zeros(1), np.zeros(1)
    f = C(lambda x: x + T.from_numpy(buffer) + T.tensor(other) * 100)
    found = []
    for i in range(6):
        buffer[:], other[:] = i, i // 3
        found.append(f(T.ones(1)))
    return found


@gives(
    [
        [
            [[14.0, 7.0, 7.0], 14.0],
            [[14.0, 7.0, 7.0], 14.0],
            [[14.0, 7.0, 7.0], 14.0],
            [[14.0, 7.0, 7.0], 14.0],
        ],
        [
            [14.0, [14.0, 4.0, 4.0]],
            [14.0, [14.0, 4.0, 4.0]],
            [14.0, [14.0, 4.0, 4.0]],
            [14.0, [14.0, 4.0, 4.0]],
        ],
        [
            [[7.0, 14.0], [14.0, 4.0]],
            [[7.0, 14.0], [14.0, 4.0]],
            [[7.0, 14.0], [14.0, 4.0]],
            [[7.0, 14.0], [14.0, 4.0]],
        ],
        [
            [[14.0, 14.0, 14.0], [14.0, 14.0, 14.0]],
            [[14.0, 14.0, 14.0], [14.0, 14.0, 14.0]],
            [[14.0, 14.0, 14.0], [14.0, 14.0, 14.0]],
            [[14.0, 14.0, 14.0], [14.0, 14.0, 14.0]],
        ],
        [
            [[[14.0], [14.0], [14.0]], [[14.0, 14.0, 14.0]]],
            [[[14.0], [14.0], [14.0]], [[14.0, 14.0, 14.0]]],
            [[[14.0], [14.0], [14.0]], [[14.0, 14.0, 14.0]]],
            [[[14.0], [14.0], [14.0]], [[14.0, 14.0, 14.0]]],
        ],
        [
            [[7.0, 7.0, 7.0], [4.0, 4.0, 4.0]],
            [[7.0, 7.0, 7.0], [4.0, 4.0, 4.0]],
            [[7.0, 7.0, 7.0], [4.0, 4.0, 4.0]],
            [[7.0, 7.0, 7.0], [4.0, 4.0, 4.0]],
        ],
    ]
)
def results_that_share(T, C):
    def shared(pick):
        f = C(lambda x: pick(x * 2))
        found = [f(T.ones(3)) for _ in range(4)]
        for a, b in found:
            a.add_(5)
            b.mul_(2)
        return found

    return [
        shared(lambda y: (y, y[0])),
        shared(lambda y: (y[0], y)),
        shared(lambda y: (y[:2], y[1:])),
        shared(lambda y: (y, y.detach())),
        shared(lambda y: (y.view(3, 1), y.unsqueeze(0))),
        shared(lambda y: (y.clone(), y)),
    ]


@gives(
    [
        [0, [1, "2"], [85, 63, 51]],
        [3, [4, "5"], [26, 30, 4]],
        [6, [7, "8"], [7, 1, 17]],
        [9, [10, "11"], [81, 64, 91]],
        [12, [13, "14"], [50, 60, 97]],
        [15, [16, "17"], [72, 63, 54]],
    ]
)
def numbers_among_results(T, C):
    count = itertools.count()
    rng = np.random.default_rng(0)
    f = C(lambda x: (x * 2, next(count)))
    g = C(lambda x: {"x": x, "n": [next(count), str(next(count))]})
    h = C(lambda x: (x * 2, rng.integers(0, 100, 3)))
    return [(f(T.ones(1))[1], g(T.ones(1))["n"], h(T.ones(1))[1]) for _ in range(6)]


@gives([[[9.0], [9.0], [9.0], [9.0], [9.0], [9.0]], 4])
def takes_from_a_queue(T, C):
    queue = [T.ones(1) * i for i in range(10)]
    f = C(lambda x: x + queue.pop())
    return [f(T.ones(1) * i) for i in range(6)], len(queue)


@gives([[[0.0], [6.0], [12.0], [18.0]], {"now": [18.0]}])
def keeps_and_somebody_holds_on(T, C):
    kept, held = {}, []

    @C
    def f(x):
        kept["now"] = x * 2
        return x + 1

    for i in range(10):
        f(T.ones(1) * i)
        if i % 3 == 0:
            held.append(kept["now"])
    return held, kept


@gives([0.0, 2.0, 2.0, 6.0, 4.0, 10.0, 6.0, 14.0, 8.0, 18.0, 10.0, 22.0])
def keeps_at_several_sizes(T, C):
    kept, held = {}, []

    @C
    def f(x):
        kept["now"] = x.sum()
        return x + 1

    for i in range(12):
        f(T.ones(1 + i % 2) * i)
        held.append(kept["now"].item())
    return held


@gives([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
def an_error_and_what_was_done_before_it(T, C):
    w = T.zeros(1)

    @C
    def f(x, bad):
        w.add_(x)
        if bad:
            raise KeyError("stop")
        return w * 1

    found = [f(T.ones(1), False).item() for _ in range(3)]
    for _ in range(2):
        try:
            f(T.ones(1), True)
        except KeyError:
            found.append(w.item())
    found.append(f(T.ones(1), False).item())
    return found


@pytest.mark.parametrize("scene", cases(SCENES))
def test_means_what_it_means_in_pytorch(scene: Scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene.check(zincir, zincir.compile)


# Side effects in Python happen once for each call that is run as it is written ------------------


def run_quietly(f, *args, times=6):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [f(*args) for _ in range(times)]


def test_a_function_that_is_run_as_it_is_written_runs_once_for_each_call():
    calls, held = Unseen(), []

    @zincir.compile
    def f(x):
        calls.append(1)
        held.append(x * 2)
        return x + 1

    run_quietly(f, zincir.ones(1))
    assert (len(calls), len(held)) == (6, 6)


def test_attributes_are_set_once_for_each_call():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def forward(self, x):
            self.count += 1
            return x * 2

    net = Counting()
    run_quietly(zincir.compile(net), zincir.ones(1))
    assert net.count == 6


def test_hooks_are_registered_once_for_each_call():
    w = zincir.ones(1, requires_grad=True)

    @zincir.compile
    def f(x):
        w.register_hook(lambda g: g)
        return x * 1

    run_quietly(f, zincir.ones(1))
    assert len(w._hooks) == 6


def test_hooks_of_modules_are_registered_once_for_each_call():
    net, seen = nn.Identity(), []

    @zincir.compile
    def f(x):
        net.register_forward_hook(lambda m, a, out: seen.append(1))
        return x * 1

    run_quietly(f, zincir.ones(1))
    net(zincir.ones(1))
    assert len(seen) == 6


def test_lists_and_dicts_among_arguments_are_filled_once_for_each_call():
    out, table = [], {}

    @zincir.compile
    def f(x, into, named):
        into.append(x * 2)
        named[len(into)] = x * 3

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(5):
            f(zincir.ones(1) * i, out, table)
    assert [x.item() for x in out] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert {k: v.item() for k, v in table.items()} == {1: 0.0, 2: 3.0, 3: 6.0, 4: 9.0, 5: 12.0}


def test_random_streams_advance_once_for_each_call():
    kept = []

    @zincir.compile
    def f(x):
        kept.append(x + zincir.rand(1))
        return kept[-1] * 1

    zincir.manual_seed(3)
    found = [y.item() for y in run_quietly(f, zincir.zeros(1))]
    zincir.manual_seed(3)
    assert found == [zincir.rand(1).item() for _ in range(6)]


def test_what_is_replayed_runs_while_it_is_recorded_only():
    calls = Unseen()

    @zincir.compile
    def f(x):
        calls.append(1)
        return (x * 2)[0], (x * 3).reshape(-1), x.t(), x.detach()

    x = zincir.ones(2, 3)
    for _ in range(10):
        f(x)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "result",
    [
        lambda x: (x * 2)[0],
        lambda x: (x * 2).reshape(-1),
        lambda x: (x * 2).t(),
        lambda x: (x * 2).detach(),
        lambda x: (x * 2).split(1)[0],
        lambda x: (x * 2).diagonal(),
        lambda x: (x * 2).expand(3, 2, 2),
        lambda x: x.view(-1),
        lambda x: x[1:],
        lambda x: x,
        lambda x: (x, x * 2, x),
        lambda x: None,
    ],
)
def test_views_as_results_are_replayed(result):
    calls = Unseen()

    @zincir.compile
    def f(x):
        calls.append(1)
        return result(x)

    for i in range(8):
        x = zincir.tensor([[1.0, 2.0], [3.0, 4.0]]) * i
        found, expected = f(x), result(x)
        for a, b in zip([found] if not isinstance(found, tuple) else found,
                        [expected] if not isinstance(found, tuple) else expected,
                        strict=True):  # fmt: skip
            assert (a is None) if b is None else a.tolist() == b.tolist()
    assert len(calls) == 2


def test_a_tensor_that_is_kept_and_overwritten_is_replayed():
    kept, calls = {}, Unseen()

    @zincir.compile
    def f(x):
        calls.append(1)
        kept["mean"] = x.mean()
        return x * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(20):
            f(zincir.ones(2) * i)
            assert kept["mean"].item() == i
    assert len(calls) <= 4


def test_a_hook_that_stores_a_mean_is_replayed():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    stats, calls = {}, Unseen()

    def note(module, args, out):
        calls.append(1)
        stats[type(module).__name__] = out.detach().mean()

    for layer in net:
        layer.register_forward_hook(note)
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)

    @zincir.compile
    def step(x):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(20):
            before = net[0].weight.detach().clone(), net[0].bias.detach().clone()
            step(zincir.ones(1, 2))
            expected = (zincir.ones(1, 2) @ before[0].t() + before[1]).mean().item()
            assert stats["Linear"].item() == pytest.approx(expected, abs=1e-6)
    assert len(calls) <= 8


def test_a_tensor_that_was_kept_is_not_overwritten():
    """Who holds on to what a hook has stored keeps it."""
    kept = {}

    @zincir.compile
    def f(x):
        kept["now"] = x * 2
        return x + 1

    held = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(10):
            f(zincir.ones(1) * i)
            if i % 3 == 0:
                held.append(kept["now"])
    assert [h.item() for h in held] == [0.0, 6.0, 12.0, 18.0]


# Notices ----------------------------------------------------------------------------------------


def line_of(text: str) -> int:
    """The number of the line of this file that holds a text."""
    lines = Path(__file__).read_text("utf-8").splitlines()
    (found,) = [i for i, line in enumerate(lines, 1) if line.strip().endswith("# " + text)]
    return found


def notices(f, *args, times: int = 8) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(times):
            f(zincir.ones(2) * i, *args)
    assert all(issubclass(w.category, RecordingWarning) for w in caught)
    return [str(w.message) for w in caught]


kept_everywhere: list[zincir.Tensor] = []
counter = nn.Identity()


def keeps(x):
    kept_everywhere.append(x * 2)  # kept here
    return x + 1


def counts(x):
    counter.count = getattr(counter, "count", 0) + 1  # set here
    return x * counter.count


def test_a_kept_tensor_is_told_once_with_its_line():
    told = notices(zincir.compile(keeps))
    assert len(told) == 1
    assert "keeps is run as it is written" in told[0]
    assert "keeps a tensor that it computes" in told[0]
    assert f"test_recording.py:{line_of('kept here')}" in told[0]
    assert "return the tensor" in told[0]


def test_an_attribute_that_is_set_is_told_once_with_its_line():
    told = notices(zincir.compile(counts))
    assert len(told) == 1
    assert "sets Identity.count" in told[0]
    assert f"test_recording.py:{line_of('set here')}" in told[0]


def test_what_is_not_watched_is_told_once():
    told = notices(zincir.compile(lambda x: x * time.perf_counter()))
    assert len(told) == 1
    assert "each recording is another one" in told[0]


def test_each_compiled_function_tells_for_itself():
    assert [len(notices(zincir.compile(keeps))) for _ in range(2)] == [1, 1]


def test_what_is_replayed_tells_nothing():
    w = zincir.ones(2, requires_grad=True)
    optimizer = zincir.optim.Adam([w])

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    assert notices(zincir.compile(step)) == []


@pytest.mark.parametrize(
    "function",
    [
        keeps,
        counts,
        lambda x: x * time.perf_counter(),
    ],
    ids=["keeps", "sets", "differs"],
)
def test_it_is_an_error_where_the_whole_graph_is_asked_for(function):
    f = zincir.compile(function, fullgraph=True)
    with pytest.raises(ArgumentError, match="is run as it is written"):
        run_quietly(f, zincir.ones(2), times=8)


def test_the_whole_graph_of_what_can_be_replayed():
    f = zincir.compile(fullgraph=True)(lambda x: x * 2)
    assert [f(zincir.ones(1) * i).item() for i in range(4)] == [0.0, 2.0, 4.0, 6.0]


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.sum() > 0),
        lambda x: float(x.sum()),
        lambda x: int(x.sum()),
        lambda x: x.tolist(),
        lambda x: (x * 2).numpy(),
        lambda x: [v for v in x if v > 0],
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: zincir.unique(x),
        lambda x: x if (x > 0).all() else -x,
    ],
)
def test_looking_at_a_value_names_the_line_and_changes_nothing(look):
    w = zincir.zeros(2)

    @zincir.compile
    def f(x):
        w.add_(x)
        look(x)  # looked at here
        return x

    for _ in range(3):
        with pytest.raises(TraceError) as caught:
            f(zincir.ones(2))
        assert "cannot look at a value" in str(caught.value)
        assert re.search(r"test_recording\.py:\d+", str(caught.value))
    assert w.tolist() == [0.0, 0.0]
    assert zincir.is_grad_enabled()


def test_a_python_error_leaves_recording_off():
    @zincir.compile
    def f(x):
        raise OSError("no file")

    for _ in range(3):
        with pytest.raises(OSError, match="no file"):
            f(zincir.ones(1))
    assert zincir.ones(1).item() == 1.0


def test_the_number_of_recordings_is_bounded_and_told():
    calls = Unseen()

    def f(x):
        calls.append(1)
        return x * 2

    g = zincir.compile(f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(1, 100):
            assert g(zincir.ones(n)).sum().item() == 2 * n
    assert [("recorded" in str(w.message)) for w in caught] == [True]
    assert (
        sum(len(known.replays) for kinds in g._kinds.values() for known in kinds.known.values())
        <= 64
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(100, 110):
            assert g(zincir.ones(n)).sum().item() == 2 * n
        before = len(calls)
        for _ in range(5):
            g(zincir.ones(3))
    assert caught == []
    assert len(calls) - before <= 1, "what is known is still replayed"


class Temperature:
    value = 1.0


def test_what_is_another_at_each_call_is_told_apart_from_new_arguments():
    of = Temperature()
    f = zincir.compile(lambda x: x * of.value)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(70):
            of.value = n**1.5
            assert f(zincir.ones(1)).item() == pytest.approx(n**1.5)
    assert len(caught) == 1
    assert "what it reads is different again" in str(caught[0].message)


def test_recordings_of_many_values_of_a_constant_are_bounded():
    f = zincir.compile(lambda x, name: x * len(name))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(100):
            assert f(zincir.ones(1), "x" * n).item() == n
    assert len(caught) == 1
    assert (
        sum(len(known.replays) for kinds in f._kinds.values() for known in kinds.known.values())
        <= 64
    )


@pytest.mark.parametrize("changed_first", [False, True])
def test_a_detached_tensor_is_what_it_was_when_the_function_runs_again(changed_first):
    leaf, captured = zincir.ones(3), zincir.ones(3)
    x = zincir.ones(3, requires_grad=True) * 1

    @zincir.compile
    def detaches(flagged):  # has to run as it is written: what is an argument is captured too
        assert x.requires_grad
        if changed_first:
            x.mul_(2.0)
        x.register_hook(lambda g: g)
        x.detach_()
        x.mul_(3.0)
        flagged.requires_grad_()
        return captured + leaf * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detaches(leaf)
    assert x.tolist() == [6.0 if changed_first else 3.0] * 3
    assert not x.requires_grad
    assert leaf.requires_grad
