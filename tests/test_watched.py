"""What a recording notices: whatever is set between calls has its effect at the next one."""

import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import zincir
from scenes import Scene, Scenes, Unseen, cases
from zincir import nn, optim
from zincir.watched import tensors_of

SCENES = Scenes()
gives = SCENES.gives


# Tensors ----------------------------------------------------------------------------------------


@gives([[0.125, 0.125], [0.25, 0.25], None, [1.0, 1.0]])
def frozen_in_between(T, C):
    w = T.tensor([1.0, 1.0], requires_grad=True)
    b = T.tensor([1.0, 1.0], requires_grad=True)
    o = T.optim.SGD([w, b], lr=0.125)

    @C
    def step(x):
        o.zero_grad()
        loss = (w * x + b).sum()
        loss.backward()
        o.step()

    for _ in range(3):
        step(T.ones(2))
    b.requires_grad_(False)
    step(T.ones(2))
    step(T.ones(2))
    b.requires_grad = True
    step(T.ones(2))
    step(T.ones(2))
    w.requires_grad_(False)
    step(T.ones(2))
    return w, b, w.grad, b.grad


@gives([[[0.7148438]], [0.7148438], [[-0.2001953]], [0.25]])
def module_frozen_in_between(T, C):
    net = T.nn.Sequential(T.nn.Linear(1, 1), T.nn.Linear(1, 1))
    for p in net.parameters():
        T.nn.init.ones_(p)
    o = T.optim.SGD(net.parameters(), lr=0.125)

    @C
    def step(x):
        o.zero_grad()
        net(x).sum().backward()
        o.step()

    for _ in range(3):
        step(T.ones(1, 1))
    net[0].requires_grad_(False)
    for _ in range(3):
        step(T.ones(1, 1))
    return [p for p in net.parameters()]


@gives([[False, False, False], True, [1.0, 1.0], [True, True, True]])
def thawed_in_between(T, C):
    w = T.ones(2)
    f = C(lambda x: (x * w).sum())
    x = T.ones(2)
    first = [f(x).requires_grad for _ in range(3)]
    w.requires_grad_()
    y = f(x)
    y.backward()
    return first, y.requires_grad, w.grad, [f(x).requires_grad for _ in range(3)]


@gives(
    [
        [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [5.0, 5.0], [5.0, 5.0], [6.0, 7.0], [6.0, 7.0]],
        "float32",
    ]
)
def data_assigned(T, C):
    w = T.tensor([1.0, 2.0])
    f = C(lambda x: x * w)
    found = [f(T.ones(2)) for _ in range(3)]
    w.data = T.tensor([5.0, 5.0])
    found += [f(T.ones(2)) for _ in range(2)]
    w.data = T.tensor([6, 7])
    found += [f(T.ones(2)) for _ in range(2)]
    return found, f(T.ones(2)).dtype


@gives(
    [
        [[[2.0]], [[2.0]], [[2.0]], [[10.0]], [[10.0]], [[10.0]], [[20.0]], [[20.0]], [[20.0]]],
        [[-2.0]],
        [[-2.0]],
    ]
)
def data_assigned_of_a_parameter(T, C):
    net = T.nn.Linear(2, 1, bias=False)
    net.weight.data.fill_(1.0)
    p = C(lambda x: net(x).detach())
    x = T.ones(1, 2)
    found = [p(x) for _ in range(3)]
    net.weight.data = T.full((1, 2), 5.0)
    found += [p(x) for _ in range(3)]
    net.weight.data *= 2
    found += [p(x) for _ in range(3)]
    net.weight = T.nn.Parameter(T.full((1, 2), -1.0))
    return found, p(x), p(x)


@gives([[[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]], [2.0, 2.0, 2.0], [2.0, 2.0, 2.0]])
def data_of_another_shape(T, C):
    w = T.ones(2)
    f = C(lambda: w * 2)
    found = [f() for _ in range(3)]
    w.data = T.ones(3)
    return found, f(), f()


@gives([-4.0, -4.0])
def data_assigned_in_a_step(T, C):
    w = T.ones(2, requires_grad=True)

    @C
    def step(x):
        w.grad = None
        (w * x).sum().backward()
        w.data = w.data - 0.5 * w.grad

    for i in range(5):
        step(T.ones(2) * i)
    return w


@gives([-1.0, -6.5])
def gradient_assigned(T, C):
    w = T.ones(2, requires_grad=True)
    o = T.optim.SGD([w], lr=0.5)

    @C
    def step():
        o.step()

    w.grad = T.tensor([1.0, 2.0])
    for _ in range(3):
        step()
    w.grad = T.tensor([0.0, 4.0])
    for _ in range(2):
        step()
    w.grad = None
    step()
    step()
    w.grad = T.ones(2)
    step()
    return w


@gives(
    [
        [1.0, 1.0],
        [3.0, 3.0],
        [6.0, 6.0],
        [4.0, 4.0],
        [5.0, 5.0],
        [11.0, 11.0],
        [7.0, 7.0],
        [15.0, 15.0],
    ]
)
def gradient_accumulates_or_not(T, C):
    w = T.ones(2, requires_grad=True)
    f = C(lambda x: (w * x).sum().backward())
    found = []
    for i in range(8):
        if i in (3, 4, 6):
            w.grad = None
        f(T.ones(2) * (i + 1))
        found.append(w.grad.tolist())
    return found


@gives([[2.0, 2.0], [4.0, 4.0], [6.0, 6.0], [8.0, 8.0], [2.0, 2.0], [2.0, 2.0]])
def gradient_read_in_a_step(T, C):
    w = T.ones(2, requires_grad=True)

    @C
    def f(x):
        (w * x).sum().backward()
        return w.grad * 2

    found = [f(T.ones(2)) for _ in range(4)]
    w.grad.zero_()
    found.append(f(T.ones(2)))
    w.grad = None
    found.append(f(T.ones(2)))
    return found


@gives([[-4.0, -4.0], [4.0, 4.0]])
def gradients_that_are_zeroed(T, C):
    w = T.ones(2, requires_grad=True)
    o = T.optim.SGD([w], lr=0.5)

    @C
    def step(x):
        o.zero_grad(set_to_none=False)
        (w * x).sum().backward()
        o.step()

    for i in range(5):
        step(T.ones(2) * i)
    return w, w.grad


@gives([None, None, None, None, None, None, None, None])
def zero_grad_alone(T, C):
    m = T.nn.Linear(2, 2)
    f = C(lambda: m.zero_grad())
    found = []
    for _ in range(4):
        m(T.ones(1, 2)).sum().backward()
        found += [f(), m.weight.grad]
    return found


@gives([True, [4.0, 4.0], [4.0]])
def gradient_kept_by_the_caller(T, C):
    w = T.ones(2, requires_grad=True)
    f = C(lambda x: (w * x).sum().backward())
    f(T.ones(2))
    g = w.grad
    v = g[:1]
    for _ in range(3):
        f(T.ones(2))
    return g is w.grad, g, v


@gives(
    [
        [
            [1.0, 1.0],
            [1.0, 1.0],
            [1.0, 1.0],
            [10.0, 10.0],
            [10.0, 10.0],
            [10.0, 10.0],
            [11.0, 11.0],
            [11.0, 11.0],
            [11.0, 11.0],
            [2.0, 2.0],
            [2.0, 2.0],
            [2.0, 2.0],
        ],
        [1.0, 1.0],
        [1.0, 1.0],
    ]
)
def hooks_on_tensors(T, C):
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @C
    def f(x):
        w.grad = None
        (w * x).sum().backward()

    def run():
        f(T.ones(2))
        return w.grad.tolist()

    found = [run() for _ in range(3)]
    h = w.register_hook(lambda g: g * 10)
    found += [run() for _ in range(3)]
    k = w.register_hook(lambda g: g + 1)
    found += [run() for _ in range(3)]
    h.remove()
    found += [run() for _ in range(3)]
    k.remove()
    return found, run(), run()


@gives(
    [
        [1.0, 1.0],
        [1.0, 1.0],
        [1.0, 1.0],
        [3.0, 3.0],
        [3.0, 3.0],
        [3.0, 3.0],
        [1.0, 1.0],
        [1.0, 1.0],
        [1.0, 1.0],
    ]
)
def hooks_after_accumulation(T, C):
    w = T.ones(2, requires_grad=True)

    def scaled(p):
        p.grad.mul_(3)

    @C
    def f(x):
        w.grad = None
        (w * x).sum().backward()

    found = []
    for i in range(9):
        if i == 3:
            h = w.register_post_accumulate_grad_hook(scaled)
        if i == 6:
            h.remove()
        f(T.ones(2))
        found.append(w.grad.tolist())
    return found


@gives([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [6.0, 6.0], [8.0, 8.0]])
def retained_gradients_in_a_function(T, C):
    w = T.ones(2, requires_grad=True)

    @C
    def f(x):
        y = w * x
        y.retain_grad()
        (y * y).sum().backward()
        return y.grad

    return [f(T.ones(2) * i) for i in range(5)]


@gives([[1.0, 1.0], [0.0, 1.0], [1.0, 2.0], [2.0, 2.0], [3.0, 3.0], [4.0, 3.0]])
def changed_outside(T, C):
    w = T.ones(2)
    f = C(lambda x: x * w)
    found = []
    for i in range(6):
        found.append(f(T.ones(2)))
        if i % 2:
            w.add_(1)
        else:
            w[0] = i
    return found


@gives([[[1.0], [2.0], [3.0], [4.0]], [1.0], [1.0]])
def counter_in_a_tensor(T, C):
    n = T.zeros(1)

    @C
    def f(x):
        n.add_(1)
        return x * n

    found = [f(T.ones(1)) for _ in range(4)]
    n.zero_()
    return found, f(T.ones(1)), n


# Modules ----------------------------------------------------------------------------------------


@gives([[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]], [1.0, 1.0]])
def attribute_of_a_module_in_a_closure(T, C):
    layer = T.nn.LeakyReLU()
    layer.slope = 1.0
    f = C(lambda x: x * layer.slope)
    x = T.ones(2)
    found = [f(x) for _ in range(3)]
    layer.slope = 3.0
    found += [f(x) for _ in range(3)]
    layer.slope = 1.0
    return found, f(x)


@gives([[[-1.0, 2.0], [-1.0, 2.0], [-1.0, 2.0]], [-0.5, 2.0], [-0.5, 2.0]])
def slope_of_a_layer(T, C):
    layer = T.nn.LeakyReLU(0.5)
    f = C(layer)
    x = T.tensor([-2.0, 2.0])
    found = [f(x) for _ in range(3)]
    layer.negative_slope = 0.25
    return found, f(x), f(x)


@gives(
    [
        [[[-0.999995, 0.999995]], [[-0.999995, 0.999995]], [[-0.999995, 0.999995]]],
        [[-0.5, 0.5]],
        [[-0.5, 0.5]],
    ]
)
def epsilon_of_a_norm(T, C):
    layer = T.nn.LayerNorm(2, elementwise_affine=False)
    f = C(lambda x: layer(x))
    x = T.tensor([[1.0, 3.0]])
    found = [f(x) for _ in range(3)]
    layer.eps = 3.0
    return found, f(x), f(x)


@gives([[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [0.0, 0.0], [0.0, 0.0]])
def rate_of_a_dropout(T, C):
    layer = T.nn.Dropout(0.0)
    f = C(lambda x: layer(x))
    x = T.ones(2)
    found = [f(x) for _ in range(3)]
    layer.p = 1.0
    return found, f(x), f(x)


@gives([[2.0], [2.0], [[-0.999995], [0.999995]], [2.0], 1])
def momentum_of_a_norm(T, C):
    layer = T.nn.BatchNorm1d(1, affine=False, momentum=0.5)
    f = C(lambda x: layer(x))
    x = T.tensor([[1.0], [3.0]])
    for _ in range(3):
        f(x)
    layer.momentum = 1.0
    f(x)
    f(x)
    first = layer.running_mean.tolist()
    layer.reset_running_stats()
    return first, layer.running_mean, f(x), layer.running_mean, layer.num_batches_tracked


@gives(
    [
        [
            [[-0.999995], [0.999995]],
            [[-0.999995], [0.999995]],
            [[-0.999995], [0.999995]],
            [[0.0], [1.41421]],
            [[0.0], [1.41421]],
            [[0.0], [1.41421]],
            [[-0.999995], [0.999995]],
            [[-0.999995], [0.999995]],
            [[-0.999995], [0.999995]],
        ],
        [3.0],
    ]
)
def train_and_eval(T, C):
    net = T.nn.Sequential(T.nn.BatchNorm1d(1, momentum=1.0), T.nn.Dropout(0.0))
    f = C(lambda x: net(x).detach())
    x = T.tensor([[1.0], [3.0]])
    found = [f(x) for _ in range(3)]
    net.eval()
    found += [f(x + 1) for _ in range(3)]
    net.train()
    found += [f(x + 1) for _ in range(3)]
    return found, net[0].running_mean


@gives([[1.0, 1.0, 1.0, 2.0, 2.0, 20.0, 20.0], 100.0, 100.0])
def flag_of_a_module(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.double_it = False
            self.picks = [0]
            self.table = {"scale": 1.0}

        def forward(self, x):
            y = x[self.picks[0]] * self.table["scale"]
            return y * 2 if self.double_it else y

    net = Net()
    f = C(lambda x: net(x))
    x = T.tensor([1.0, 10.0])
    found = [f(x) for _ in range(3)]
    net.double_it = True
    found += [f(x) for _ in range(2)]
    net.picks = [1]
    found += [f(x) for _ in range(2)]
    net.table = {"scale": 5.0}
    return found, f(x), f(x)


@gives([[1.0, 1.0, 1.0, 10.0, 10.0], 30.0, 30.0])
def lists_and_dicts_of_a_module_filled(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.picks = [0]
            self.table = {"scale": 1.0}

        def forward(self, x):
            return x[self.picks[-1]] * self.table["scale"]

    net = Net()
    f = C(net)
    x = T.tensor([1.0, 10.0])
    found = [f(x) for _ in range(3)]
    net.picks.append(1)
    net.picks = net.picks
    found += [f(x) for _ in range(2)]
    net.table["scale"] = 3.0
    net.table = net.table
    return found, f(x), f(x)


@gives([[1.0, 1.0, 1.0], 10.0, 10.0])
def list_of_a_module_changed_in_place(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.picks = [0]

        def forward(self, x):
            return x[self.picks[0]] * 1

    net = Net()
    f = C(net)
    x = T.tensor([1.0, 10.0])
    found = [f(x) for _ in range(3)]
    net.picks[0] = 1
    return found, f(x), f(x)


@gives([[[-0.6321205], [-0.6321205], [-0.6321205]], [-1.264241], [-1.264241]])
def attribute_of_an_inner_module(T, C):
    net = T.nn.Sequential(T.nn.Sequential(T.nn.ELU(1.0)))
    f = C(lambda x: net(x))
    x = T.tensor([-1.0])
    found = [f(x) for _ in range(3)]
    net[0][0].alpha = 2.0
    return found, f(x), f(x)


@gives(
    [
        [0.0, 1.0],
        [0.0, 1.0],
        [0.0, 1.0],
        [-0.7615942, 0.7615942],
        [-0.7615942, 0.7615942],
        [0.0, 0.7615942],
        [0.0, 0.7615942],
        [0.0, 1.0],
        [0.0, 1.0],
    ]
)
def items_of_containers(T, C):
    net = T.nn.Sequential(T.nn.ReLU(), T.nn.Identity())
    f = C(lambda x: net(x))
    x = T.tensor([-1.0, 1.0])
    found = [f(x) for _ in range(3)]
    net[0] = T.nn.Tanh()
    found += [f(x) for _ in range(2)]
    net.append(T.nn.ReLU())
    found += [f(x) for _ in range(2)]
    del net[0]
    found += [f(x) for _ in range(2)]
    return found


@gives(
    [
        [0.0, 1.0],
        [0.0, 1.0],
        [0.0, 1.0],
        [-1.0, 1.0],
        [-1.0, 1.0],
        [0.1192029, 0.880797],
        [0.1192029, 0.880797],
        [0.2689414, 0.7310586],
        [0.2689414, 0.7310586],
    ]
)
def items_of_module_lists_and_dicts(T, C):
    layers = T.nn.ModuleList([T.nn.ReLU(), T.nn.Identity()])
    named = T.nn.ModuleDict({"a": T.nn.ReLU(), "b": T.nn.Identity()})

    @C
    def f(x):
        for layer in layers:
            x = layer(x)
        return named["b"](x)

    x = T.tensor([-1.0, 1.0])
    found = [f(x) for _ in range(3)]
    layers[0] = T.nn.Identity()
    found += [f(x) for _ in range(2)]
    named["b"] = T.nn.Softmax(0)
    found += [f(x) for _ in range(2)]
    layers.append(T.nn.ReLU())
    layers.insert(0, T.nn.Softplus())
    found += [f(x) for _ in range(2)]
    return found


@gives(
    [
        [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]],
        [-0.7615942, 0.7615942],
        [-0.7615942, 0.7615942],
    ]
)
def submodule_replaced(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.act = T.nn.ReLU()

        def forward(self, x):
            return self.act(x)

    net = Net()
    f = C(net)
    x = T.tensor([-1.0, 1.0])
    found = [f(x) for _ in range(3)]
    net.act = T.nn.Identity()
    found += [f(x) for _ in range(2)]
    net.act = T.nn.Tanh()
    return found, f(x), f(x)


@gives(
    [
        [
            [1.0, 1.0],
            [1.0, 1.0],
            [1.0, 1.0],
            [3.0, 3.0],
            [3.0, 3.0],
            [13.0, 13.0],
            [13.0, 13.0],
            [14.0, 14.0],
            [14.0, 14.0],
        ],
        [11.0, 11.0],
        [11.0, 11.0],
    ]
)
def buffers_replaced(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", T.ones(2))
            self.extra = T.zeros(2)

        def forward(self, x):
            return x * self.scale + self.extra

    net = Net()
    f = C(net)
    x = T.ones(2)
    found = [f(x) for _ in range(3)]
    net.scale = T.ones(2) * 3
    found += [f(x) for _ in range(2)]
    net.extra = T.ones(2) * 10
    found += [f(x) for _ in range(2)]
    net.extra.add_(1)
    found += [f(x) for _ in range(2)]
    net.register_buffer("scale", T.zeros(2))
    return found, f(x), f(x)


@gives([[[[2.0]], [[2.0]], [[2.0]], [[1.0]], [[1.0]], [[8.0]], [[8.0]]], [[107.0]], [[107.0]]])
def parameter_replaced(T, C):
    net = T.nn.Linear(1, 1)
    T.nn.init.ones_(net.weight)
    T.nn.init.ones_(net.bias)
    f = C(lambda x: net(x).detach())
    x = T.ones(1, 1)
    found = [f(x) for _ in range(3)]
    net.bias = None
    found += [f(x) for _ in range(2)]
    net.bias = T.nn.Parameter(T.full((1,), 7.0))
    found += [f(x) for _ in range(2)]
    del net.weight
    net.weight = T.nn.Parameter(T.full((1, 1), 100.0))
    return found, f(x), f(x)


@gives(
    [
        ["float32", "float32", "float32", "float64", "float64", "float64", "float32", "float32"],
        "float32",
        [[2.0]],
    ]
)
def types_of_a_module(T, C):
    net = T.nn.Linear(2, 1)
    T.nn.init.ones_(net.weight)
    T.nn.init.zeros_(net.bias)
    f = C(lambda x: net(x).detach())
    found = [f(T.ones(1, 2)).dtype for _ in range(3)]
    net.double()
    found += [f(T.ones(1, 2, dtype=T.float64)).dtype for _ in range(3)]
    net.to(T.float32)
    found += [f(T.ones(1, 2)).dtype for _ in range(2)]
    return found, net.weight.dtype, f(T.ones(1, 2))


@gives([["float32", "float32", "float32", "float64", "float64", "float64"], "float32", [[3.0]]])
def type_of_what_is_captured(T, C):
    w = T.nn.Linear(1, 1, bias=False)
    T.nn.init.ones_(w.weight)
    f = C(lambda: w.weight.detach() * 3)
    found = [f().dtype for _ in range(3)]
    w.double()
    found += [f().dtype for _ in range(3)]
    w.float()
    return found, f().dtype, f()


@gives([[[-1.999985], [3.999985]], [0.2], [[3.2883], [9.009049]], [[3.2883], [9.009049]]])
def state_that_is_loaded(T, C):
    net = T.nn.BatchNorm1d(1)
    f = C(lambda x: net(x).detach())
    x = T.tensor([[1.0], [3.0]])
    for _ in range(3):
        f(x)
    net.load_state_dict(
        {
            "weight": T.ones(1) * 3,
            "bias": T.ones(1),
            "running_mean": T.zeros(1),
            "running_var": T.ones(1),
            "num_batches_tracked": T.tensor(0),
        }
    )
    first = f(x)
    net.eval()
    return first, net.running_mean, f(x), f(x)


@gives([[[[3.0]], [[3.0]], [[3.0]]], [[6.0]], [[6.0]]])
def weights_set_through_state_dict(T, C):
    net = T.nn.Linear(1, 1)
    f = C(lambda x: net(x).detach())
    state = net.state_dict()
    state["weight"].fill_(2)
    state["bias"].fill_(1)
    found = [f(T.ones(1, 1)) for _ in range(3)]
    state["weight"].fill_(5)
    return found, f(T.ones(1, 1)), f(T.ones(1, 1))


@gives(
    [
        [
            [1.0, 1.0],
            [1.0, 1.0],
            [1.0, 1.0],
            [2.0, 2.0],
            [2.0, 2.0],
            [4.0, 4.0],
            [4.0, 4.0],
            [2.0, 2.0],
            [2.0, 2.0],
        ],
        [1.0, 1.0],
        [1.0, 1.0],
    ]
)
def hooks_of_modules(T, C):
    net = T.nn.Identity()
    f = C(lambda x: net(x) * 1)
    x = T.ones(2)
    found = [f(x) for _ in range(3)]
    h = net.register_forward_hook(lambda m, args, out: out * 2)
    found += [f(x) for _ in range(2)]
    k = net.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    found += [f(x) for _ in range(2)]
    h.remove()
    found += [f(x) for _ in range(2)]
    k.remove()
    return found, f(x), f(x)


@gives([[[[1.0]], [[1.0]], [[1.0]], [[1.0]], [[1.0]], [[1.0]]], [[1.0]]])
def backward_hooks_of_modules(T, C):
    net = T.nn.Linear(1, 1, bias=False)
    T.nn.init.ones_(net.weight)
    x = T.ones(1, 1)

    @C
    def f():
        net.zero_grad()
        net(x * 1).sum().backward()
        return net.weight.grad * 1

    found = [f() for _ in range(3)]
    h = net.register_full_backward_hook(lambda m, i, o: None)
    found += [f() for _ in range(3)]
    h.remove()
    return found, f()


@gives([[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], [1.0, -1.0], [1.0, -1.0]])
def function_of_a_module_assigned(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.f = T.relu

        def forward(self, x):
            return self.f(x)

    net = Net()
    f = C(net)
    x = T.tensor([-1.0, 1.0])
    found = [f(x) for _ in range(3)]
    net.f = T.neg
    return found, f(x), f(x)


@gives([[[1.0], [1.0], [1.0], [4.0], [4.0]], [1.0], [1.0]])
def new_attribute_of_a_module(T, C):
    class Net(T.nn.Module):
        def forward(self, x):
            return x * getattr(self, "factor", 1)

    net = Net()
    f = C(net)
    x = T.ones(1)
    found = [f(x) for _ in range(3)]
    net.factor = 4
    found += [f(x) for _ in range(2)]
    del net.factor
    return found, f(x), f(x)


@gives([[[1.0], [1.0], [1.0], [5.0], [5.0]], [7.0], [7.0]])
def attribute_is_a_tensor_in_a_dict(T, C):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.tables = {"a": T.ones(1)}

        def forward(self, x):
            return x * self.tables["a"]

    net = Net()
    f = C(net)
    x = T.ones(1)
    found = [f(x) for _ in range(3)]
    net.tables["a"].fill_(5)
    found += [f(x) for _ in range(2)]
    net.tables = {"a": T.ones(1) * 7}
    return found, f(x), f(x)


@gives([[[2.0], [2.0], [4.0], [8.0], [14.0], [22.0]], [22.0]])
def weight_norm_like_reassignment(T, C):
    """A forward that sets an attribute of a submodule from parameters."""

    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.g = T.nn.Parameter(T.ones(1))
            self.inner = T.nn.Identity()

        def forward(self, x):
            self.inner.scale = self.g * 2
            return x * self.inner.scale

    net = Net()
    f = C(lambda x: net(x).detach())
    found = []
    for i in range(6):
        found.append(f(T.ones(1)))
        with T.no_grad():
            net.g.add_(i)
    return found, net.inner.scale


# Optimizers -------------------------------------------------------------------------------------


def settings(T, C, make, change):
    w = T.ones(2, requires_grad=True)
    o = make(w)

    @C
    def step(x):
        o.zero_grad()
        (w * w * x).sum().backward()
        o.step()

    x = T.tensor([0.5, 1.0])
    for _ in range(3):
        step(x)
    change(o)
    for _ in range(3):
        step(x)
    return w


def changed(**new):
    return lambda o: o.param_groups[0].update(new)


@gives([0.091125, 0.0])
def learning_rate(T, C):
    return settings(T, C, lambda w: T.optim.SGD([w], lr=0.1), changed(lr=0.5))


@gives([0.324, 0.001377998])
def momentum(T, C):
    return settings(T, C, lambda w: T.optim.SGD([w], lr=0.1, momentum=0.9), changed(momentum=0.1))


@gives([-0.2416285, -0.519431])
def nesterov(T, C):
    make = lambda w: T.optim.SGD([w], lr=0.1, momentum=0.9)  # noqa: E731
    return settings(T, C, make, changed(nesterov=True))


@gives([0.4476971, 0.216])
def weight_decay(T, C):
    return settings(T, C, lambda w: T.optim.SGD([w], lr=0.1), changed(weight_decay=0.5))


@gives([0.4055909, 0.4055909])
def betas(T, C):
    return settings(T, C, lambda w: T.optim.Adam([w], lr=0.1), changed(betas=(0.5, 0.5)))


@gives([0.6319277, 0.6319277])
def maximize(T, C):
    return settings(T, C, lambda w: T.optim.Adam([w], lr=0.1), changed(maximize=True))


@gives([0.4463264, 0.4316837])
def amsgrad(T, C):
    make = lambda w: T.optim.Adam([w], lr=0.1, weight_decay=0.1)  # noqa: E731
    return settings(T, C, make, changed(weight_decay=0.0, eps=0.1))


@gives([[-2.0], [-2.0]])
def another_group(T, C):
    w, v = T.ones(1, requires_grad=True), T.ones(1, requires_grad=True)
    o = T.optim.SGD([w], lr=0.5)

    @C
    def step():
        o.zero_grad()
        (w + v).sum().backward()
        o.step()

    for _ in range(3):
        step()
    o.add_param_group({"params": [v], "lr": 1.0})
    for _ in range(3):
        step()
    return w, v


@gives([-13.00781])
def optimizer_state_loaded(T, C):
    w = T.ones(1, requires_grad=True)
    o = T.optim.SGD([w], lr=1.0, momentum=0.5)

    @C
    def step():
        o.zero_grad()
        w.sum().backward()
        o.step()

    for _ in range(3):
        step()
    state = o.state_dict()
    for _ in range(3):
        step()
    o.load_state_dict(state)
    step()
    step()
    return w


# Modes ------------------------------------------------------------------------------------------


@gives([True, False, False, True, False, False, True, False, False])
def grad_modes(T, C):
    w = T.ones(2, requires_grad=True)
    f = C(lambda x: (x * w).sum())
    found = []
    for _ in range(3):
        found.append(f(T.ones(2)).requires_grad)
        with T.no_grad():
            found.append(f(T.ones(2)).requires_grad)
        with T.inference_mode():
            found.append(f(T.ones(2)).requires_grad)
    return found


@gives([[[1.0, 1.0], False], [[1.0, 1.0], False], [[1.0, 1.0], False]])
def no_grad_inside(T, C):
    w = T.ones(2, requires_grad=True)

    @C
    def f(x):
        with T.no_grad():
            y = w * x
        return y

    return [(f(T.ones(2)), f(T.ones(2)).requires_grad) for _ in range(3)]


@gives([2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0])
def name_that_makes_a_difference_late(T, C):
    epoch = 0
    f = C(lambda x: x * (2 if epoch < 5 else 3))
    found = []
    for _ in range(7):
        found.append(f(T.ones(())))
        epoch += 1
    return found


@pytest.mark.parametrize("scene", cases(SCENES))
def test_a_setting_has_its_effect_at_the_next_call(scene: Scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene.check(zincir, zincir.compile)


# What PyTorch has no like of --------------------------------------------------------------------


def test_a_seed_inside_repeats_the_numbers():
    @zincir.compile
    def f(x):
        zincir.manual_seed(5)
        return x + zincir.rand(3)

    def g(x):
        zincir.manual_seed(5)
        return x + zincir.rand(3)

    x = zincir.zeros(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [f(x).tolist() for _ in range(4)] == [g(x).tolist()] * 4


def test_random_numbers_go_on_from_call_to_call():
    f = zincir.compile(lambda x: x + zincir.rand(3))
    x = zincir.zeros(3)
    zincir.manual_seed(1)
    compiled = [f(x).tolist() for _ in range(5)]
    zincir.manual_seed(1)
    assert compiled == [zincir.rand(3).tolist() for _ in range(5)]
    assert len({tuple(c) for c in compiled}) == 5


def test_a_generator_of_its_own_goes_on_too():
    g = zincir.Generator().manual_seed(3)
    f = zincir.compile(lambda x: x + zincir.randn(2, generator=g))
    compiled = [f(zincir.zeros(2)).tolist() for _ in range(5)]
    g.manual_seed(3)
    assert compiled == [zincir.randn(2, generator=g).tolist() for _ in range(5)]
    state = g.get_state()
    once = f(zincir.zeros(2)).tolist()
    g.set_state(state)
    assert f(zincir.zeros(2)).tolist() == once


def test_the_number_of_threads_may_change():
    threads = zincir.get_num_threads()
    f = zincir.compile(lambda x: (x @ x).sum())
    x = zincir.ones(40, 40)
    try:
        found = []
        for n in (1, 1, 1, 2, 2, 1, 2):
            zincir.set_num_threads(n)
            found.append(f(x).item())
    finally:
        zincir.set_num_threads(threads)
    assert found == [64000.0] * 7


def test_detect_anomaly_looks_into_compiled_functions():
    w = zincir.tensor([-1.0], requires_grad=True)

    @zincir.compile
    def f(x):
        w.grad = None
        (w * x).sqrt().sum().backward()

    for _ in range(3):
        f(zincir.ones(1))
    with (
        pytest.raises(zincir.errors.AnomalyError, match="NaN born in sqrt, in the forward pass"),
        zincir.autograd.detect_anomaly(),
    ):
        f(zincir.ones(1))
    f(zincir.tensor([-4.0]))
    assert w.grad.tolist() == [-1.0]


def recordings(f) -> int:
    """How many recordings a compiled function has."""
    return sum(len(known.replays) for kinds in f._kinds.values() for known in kinds.known.values())


def test_what_changes_nothing_is_no_reason_to_record():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    optimizer = zincir.optim.Adam(net.parameters(), lr=0.1)
    calls = Unseen()

    @zincir.compile
    def step(x):
        calls.append(1)
        optimizer.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(30):
        step(zincir.ones(4, 2))
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        net.train()
        net.requires_grad_(True)
        other = nn.Linear(3, 3)
        other.weight.requires_grad_(False)
        other.training = False
        with zincir.no_grad():
            net[0].weight.clamp_(-1, 1)
    assert (len(calls), recordings(step)) == (2, 1)


def test_a_setting_that_comes_back_finds_its_recording():
    layer = nn.LeakyReLU(0.5)
    calls = Unseen()

    @zincir.compile
    def f(x):
        calls.append(1)
        return layer(x)

    x = zincir.tensor([-1.0])
    found = []
    for i in range(24):
        layer.negative_slope = 0.5 if i % 2 else 0.25
        found.append(f(x).item())
    assert found == [-0.25, -0.5] * 12
    assert (len(calls), recordings(f)) == (4, 2)


@pytest.mark.parametrize("use", ["index", "one index", "operand"])
def test_arrays_that_are_closed_over_and_changed(use: str) -> None:
    x = zincir.tensor([[0.0, 1.0, 5.0], [2.0, 3.0, 7.0]])
    rows, one, factors = np.array([0, 1]), np.array(0), np.array([1.0, 2.0, 3.0], "f4")
    uses = {
        "index": lambda: x[:, rows].sum() * 1,
        "one index": lambda: x[:, one].sum() * 1,
        "operand": lambda: (x * factors).sum(),
    }
    function = uses[use]
    compiled = zincir.compile(function)
    for i in range(6):
        assert compiled().item() == function().item()
        if i > 1:
            rows[0], one[...], factors[0] = i % 3, i % 3, i


class Slots:
    """Where a recording does not look for modules."""

    __slots__ = ("net",)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = 2.0

    def forward(self, x: Any) -> Any:
        return x * self.slope


@pytest.mark.parametrize("kind", ["slots", "weak reference", "property"])
def test_a_module_that_ran_is_watched_wherever_it_came_from(kind: str) -> None:
    held = Slots()
    held.net = Scaled()
    found = weakref.ref(held.net)

    class Owner:
        @property
        def net(self) -> Any:
            return found()

    get = {"slots": lambda: held.net, "weak reference": found, "property": lambda: Owner().net}[
        kind
    ]
    f = zincir.compile(lambda x: get()(x))
    x = zincir.ones(2)
    assert [f(x).tolist() for _ in range(2)] == [[2, 2]] * 2
    held.net.slope = 3.0
    assert f(x).tolist() == [3, 3]
    with held.net.register_forward_hook(lambda module, args, output: output + 1):
        assert f(x).tolist() == [4, 4]
    assert f(x).tolist() == [3, 3]


@pytest.mark.parametrize("name", ["SGD", "Adam", "Own"])
def test_hooks_of_an_optimizers_steps_are_watched(name: str) -> None:
    class Own(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            with zincir.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.sub_(p.grad * group["lr"])

    net = nn.Linear(2, 1)
    optimizer = (Own if name == "Own" else getattr(optim, name))(net.parameters(), lr=0.1)
    count = zincir.zeros(())

    @zincir.compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()

    def ten(*_: Any) -> None:
        count.add_(10)

    def run() -> float:
        for _ in range(3):
            step(zincir.ones(4, 2))
        return count.item()

    assert run() == 0
    handle = optimizer.register_step_post_hook(lambda *_: count.add_(1))
    assert run() == 3
    before = optimizer.register_step_pre_hook(ten)
    assert run() == 36
    handle.remove()
    assert run() == 66
    before.remove()
    assert run() == 66


APART = zincir.ones(2)


def test_what_is_known_of_a_compiled_function_is_not_reached() -> None:
    """Else each recording looks at all that there is: what ran, with its globals."""

    @zincir.compile
    def inner(x: Any) -> Any:
        return x * factor

    factor = zincir.full((2,), 3.0)
    for _ in range(3):
        inner(zincir.ones(2))
    found = tensors_of(lambda x: inner(x) + zincir.zeros_like(x))
    assert any(t is factor for t in found)
    assert not any(t is APART for t in found)
