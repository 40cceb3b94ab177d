"""What a compiled function is called with: identity, views, containers, arrays and live numbers."""

import collections
import copy
import dataclasses
import functools
import math
import pickle
import warnings

import numpy as np
import pytest

import zincir
from scenes import Scene, Scenes, Unseen, cases
from zincir import nn
from zincir.errors import ArgumentError

SCENES = Scenes()
gives = SCENES.gives


def recordings(f) -> int:
    """How many recordings a compiled function has."""
    return sum(len(known.replays) for kinds in f._kinds.values() for known in kinds.known.values())


# Identity ---------------------------------------------------------------------------------------


def test_a_frozen_leaf_that_still_has_a_gradient_does_not_shift_the_arguments_after_it():
    frozen = zincir.tensor(1.0, requires_grad=True)
    frozen.sin().backward()
    frozen.requires_grad_(False)
    second = zincir.compile(lambda a, b: b.view(-1)[0])
    for _ in range(3):
        assert second(frozen, zincir.tensor([7, 8])).item() == 7


@gives([[True, True, True, True], [5.0, 5.0]])
def returns_its_argument(T, C):
    f, t = C(lambda x: x.add_(1)), T.ones(2)
    return [f(t) is t for _ in range(4)], t


@gives(
    [
        [True, True, True, [1.0, 1.0]],
        [True, True, True, [1.0, 1.0]],
        [True, True, True, [1.0, 1.0]],
        [True, True, True, [1.0, 1.0]],
    ]
)
def returns_one_of_two(T, C):
    f = C(lambda a, b: (b, a, b, a + b))
    x, y = T.ones(2), T.zeros(2)
    found = []
    for _ in range(4):
        p, q, r, s = f(x, y)
        found.append((p is y, q is x, r is y, s.tolist()))
    return found


@gives([True, True, True, True])
def returns_what_it_captured(T, C):
    w = T.nn.Parameter(T.ones(2))
    f = C(lambda x: (w, x * 2))
    return [f(T.ones(2))[0] is w for _ in range(4)]


@gives([[-1.0, -2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [-1.0, -2.0], [-1.0, -2.0]])
def the_same_tensor_twice(T, C):
    x = T.tensor([1.0, 2.0])

    @C
    def f(a, b):
        b.neg_()
        return a * 1

    return f(x, x), f(x, x), f(x, T.ones(2)), f(x, T.ones(2)), f(x, x), x


@gives([[-1.0, -2.0], [-9.0, -10.0], [3.0, 2.0], [-5.0, -6.0], [-1.0, -2.0]])
def the_same_tensor_twice_without_a_write(T, C):
    x, y = T.tensor([1.0, 2.0]), T.tensor([5.0, 6.0])
    f = C(lambda a, b: a - 2 * b)
    return f(x, x), f(x, y), f(y, x), f(y, y), f(x, x)


@gives([[4.0, 4.0], [6.0, 6.0], [4.0, 4.0], [8.0, 8.0], [4.0, 4.0]])
def an_argument_that_is_captured(T, C):
    buffer = T.ones(2)
    g = C(lambda x: (x.add_(1), x + buffer)[1])
    return g(buffer), g(buffer), g(T.zeros(2)), g(buffer), buffer


@gives([[2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [10.0, 10.0], [12.0, 12.0], [6.0, 6.0]])
def a_captured_tensor_that_is_an_argument(T, C):
    buffer = T.ones(2)
    g = C(lambda x: (buffer.add_(1), x + buffer)[1])
    return g(T.zeros(2)), g(T.zeros(2)), g(T.zeros(2)), g(buffer), g(buffer), buffer


@gives([[[7.0, 9.0], [15.0, 15.0], [26.0, 24.0]], [20.0, 20.0], [22.0, 30.0], [0.0, 8.0, 8.0, 6.0]])
def a_view_of_what_is_captured(T, C):
    buffer = T.arange(4.0)
    g = C(lambda x: (x.mul_(2), buffer.sum() + x)[1])
    return [g(buffer[i : i + 2]) for i in range(3)], g(T.ones(2)), g(buffer[:2]), buffer


@gives(
    [
        [
            [[0.0, 2.0], [4.0, 6.0]],
            [[4.0, 6.0], [8.0, 10.0]],
            [[8.0, 10.0], [12.0, 14.0]],
            [[12.0, 14.0], [16.0, 18.0]],
            [[16.0, 18.0], [20.0, 22.0]],
        ],
        [[4.0, 5.0], [5.0, 6.0], [8.0, 9.0], [9.0, 10.0], [11.0, 12.0], [11.0, 12.0]],
    ]
)
def views_among_arguments(T, C):
    d = T.arange(12.0).reshape(6, 2)
    f, g = C(lambda x: x * 2), C(lambda x: x.add_(1))
    found = [f(d[i : i + 2]) for i in range(5)]
    for i in range(4):
        g(d[i : i + 2])
    g(d.t())
    g(d[::2])
    g(d[0])
    return found, d


@gives(
    [
        [34.0, 37.0, 32.0, 36.0],
        [88.0, 93.0, 84.0, 92.0],
        [174.0, 63.0, 118.0],
        [328.0, 105.0, 168.0],
        [152.0, 298.0, 792.0, 724.0],
        [50.0, 102.0, 196.0, 596.0, 128.0, 80.0],
    ]
)
def overlapping_views(T, C):
    d = T.arange(6.0)

    @C
    def f(a, b):
        a.add_(10)
        b.mul_(2)
        return a + b

    return [f(d[:4], d[2:]), f(d[:4], d[2:]), f(d[:3], d[3:]), f(d[:3], d[3:]), f(d[:4], d[1:5]), d]


@gives([[16.0, 48.0, 140.0, 412.0], [[201.0, 201.0], [5.0, 5.0]]])
def a_tensor_and_its_view(T, C):
    x = T.ones(2, 2)
    f = C(lambda a, b: (a.add_(1), b.mul_(3), a.sum())[2])
    return [f(x, x[0]) for _ in range(4)], x


@gives([[[2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0]], [5.0, 5.0]])
def detached_arguments_share(T, C):
    x = T.ones(2)
    f = C(lambda a, b: (a.add_(1), b * 1)[1])
    return [f(x, x.detach()) for _ in range(4)], x


@gives([[[5.0, 5.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], [[5.0, 1.0], [5.0, 1.0]]])
def views_returned_of_arguments(T, C):
    f = C(lambda x: (x.view(-1), x[0], x.t()))
    x = T.zeros(2, 2)
    found = [f(x) for _ in range(4)]
    found[-1][0].add_(1)
    found[-1][1].mul_(5)
    y = T.ones(2, 2)
    f(y)[2][1].zero_()
    return x, y, found[0][2]


@gives([[41.0, 41.0, 4.0, 4.0], [41.0, 41.0]])
def arguments_keep_their_views(T, C):
    x = T.zeros(4)
    v = x[:2]
    f = C(lambda a: a.add_(1))
    for _ in range(4):
        f(x)
    v.mul_(10)
    f(v)
    return x, v


@gives([[6.0, 6.0], [4.0, 4.0]])
def a_leaf_among_arguments(T, C):
    w, v = [T.ones(2, requires_grad=True) for _ in range(2)]

    @C
    def f(p, x):
        (p * x).sum().backward()

    for i in range(4):
        f(w, T.ones(2) * i)
        f(v, T.ones(2))
    return w.grad, v.grad


@gives([[15.0, 15.0, 15.0, 15.0], [24.0, 36.0], [12.0, 12.0]])
def a_gradient_from_outside(T, C):
    w = T.ones(2, requires_grad=True)
    v = T.tensor([2.0, 3.0], requires_grad=True)

    @C
    def f(h):
        loss = (h * v).sum()
        loss.backward()
        return loss

    return [f(w * 3) for _ in range(4)], w.grad, v.grad


@gives([[18.0, 18.0], [18.0, 18.0], [18.0, 18.0], [18.0, 18.0]])
def a_gradient_through_a_result(T, C):
    w = T.ones(2, requires_grad=True)
    f = C(lambda h: (h * h).sum())
    found = []
    for _ in range(4):
        w.grad = None
        f(w * 3).backward()
        found.append(w.grad.tolist())
    return found


@gives([[[9.0, 9.0], [1.0, 1.0]], [[9.0, 9.0], [1.0, 1.0]]])
def the_base_of_an_argument_gets_the_gradient(T, C):
    x = T.ones(2, 2, requires_grad=True)
    h = x * 1
    f = C(lambda row: row.mul_(3))
    f(h[0])
    f(h[0])
    h.sum().backward()
    return x.grad, h


# Containers -------------------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", "a b")


@dataclasses.dataclass
class Batch:
    """Data with a number and a constant."""

    x: object
    y: object
    weight: float = 1.0
    name: str = "a"


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A dataclass that cannot be changed."""

    x: object


@gives(
    [["Pair", [2.0], [0.0]], ["Pair", [2.0], [2.0]], ["Pair", [2.0], [4.0]], ["Pair", [2.0], [6.0]]]
)
def named_tuples(T, C):
    f = C(lambda p: Pair(p.a + 1, p.b * 2))
    found = [f(Pair(T.ones(1), T.ones(1) * i)) for i in range(4)]
    return [(type(x).__name__, x.a, x.b) for x in found]


@gives(
    [
        ["Batch", [1.0], [0.0], 0.0, "a!"],
        ["Batch", [2.0], [0.5], 0.5, "a!"],
        ["Batch", [3.0], [2.0], 1.0, "a!"],
        ["Batch", [4.0], [4.5], 1.5, "a!"],
        ["Batch", [5.0], [8.0], 2.0, "a!"],
    ]
)
def dataclasses_among_arguments(T, C):
    f = C(lambda b: Batch(b.x + b.y, b.y * b.weight, b.weight, b.name + "!"))
    found = [f(Batch(T.ones(1), T.ones(1) * i, weight=0.5 * i)) for i in range(5)]
    return [(type(b).__name__, b.x, b.y, b.weight, b.name) for b in found]


@gives([[0.0], [2.0], [4.0], [6.0]])
def frozen_dataclasses(T, C):
    f = C(lambda b: Frozen(b.x * 2))
    return [f(Frozen(T.ones(1) * i)).x for i in range(4)]


@gives([[5.0], "seen"])
def a_dataclass_is_changed(T, C):
    @C
    def f(b):
        b.x = b.x + b.y
        b.name = "seen"

    b = Batch(T.ones(1), T.ones(1))
    for _ in range(4):
        f(b)
    return b.x, b.name


@gives(
    [
        {"s": [[1.0], [[0.0]]], "n": None, "k": 3},
        {"s": [[2.0], [[0.0]]], "n": None, "k": 3},
        {"s": [[3.0], [[0.0]]], "n": None, "k": 3},
        {"s": [[4.0], [[0.0]]], "n": None, "k": 3},
    ]
)
def nested_containers(T, C):
    f = C(lambda d: {"s": [d["a"][0] + d["a"][1], (d["b"]["c"],)], "n": None, "k": 3})
    return [f({"a": [T.ones(1), T.ones(1) * i], "b": {"c": T.zeros(1)}}) for i in range(4)]


@gives([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [6.0, 6.0]])
def a_list_is_filled(T, C):
    out = []

    @C
    def f(x, into):
        into.append(x * 2)

    for i in range(4):
        f(T.ones(2) * i, out)
    return out


@gives([[[0.0], [1.0], [2.0], [3.0]], [[4.0], [1.0], [2.0]]])
def a_list_is_emptied_and_sorted(T, C):
    @C
    def f(xs):
        first = xs.pop(0)
        xs.append(first + 1)
        xs.reverse()
        return first

    xs = [T.ones(1) * i for i in range(3)]
    return [f(xs) for _ in range(4)], xs


@gives({"x": [16.0], "n": [2.0]})
def a_dict_is_changed(T, C):
    @C
    def f(d):
        d["x"] = d["x"] * 2
        d.setdefault("n", d["x"])
        d.pop("gone", None)

    d = {"x": T.ones(1), "gone": T.ones(1)}
    for _ in range(4):
        f(d)
    return d


@gives([[[4.0], [8.0, 8.0]], [True, True]])
def tensors_in_a_list_are_changed(T, C):
    xs = [T.zeros(1), T.zeros(2)]
    f = C(lambda xs: [x.add_(i + 1) for i, x in enumerate(xs)])
    for _ in range(4):
        found = f(xs)
    return xs, [a is b for a, b in zip(found, xs)]  # noqa: B905


@gives([[1.0], [0.0], [1.0], [0.0]])
def the_order_of_a_dict(T, C):
    f = C(lambda d: next(iter(d.values())) * 1)
    a, b = T.ones(1), T.zeros(1)
    return [f({"a": a, "b": b}), f({"b": b, "a": a}), f({"a": a, "b": b}), f({"b": b, "a": a})]


@gives(
    [
        [2.0],
        [3.0],
        [-2.0],
        [3.0],
        [3.0],
        [5.0],
        [2.0],
        [3.0],
        [-2.0],
        [3.0],
        [3.0],
        [5.0],
        [2.0],
        [3.0],
        [-2.0],
        [3.0],
        [3.0],
        [5.0],
    ]
)
def keywords_and_defaults(T, C):
    @C
    def f(x, scale=2.0, *more, flip=False, **rest):
        y = x * scale + sum(more) + sum(rest.values())
        return -y if flip else y

    x = T.ones(1)
    found = []
    for _ in range(3):
        found += [f(x), f(x, 3.0), f(x, flip=True), f(x, 1.0, x, x), f(x, z=x), f(scale=5.0, x=x)]
    return found


@gives(
    [
        [[2.0], [5.0], [1.0], [-1.0], [0.0]],
        [[2.0], [5.0], [1.0], [-1.0], [0.0]],
        [[2.0], [5.0], [1.0], [-1.0], [0.0]],
    ]
)
def constants_are_told_apart(T, C):
    f = C(lambda x, mode: {"a": x + 1, "b": x * 5, None: x, True: -x, (1, 2): x * 0}[mode])
    return [[f(T.ones(1), m) for m in ("a", "b", None, True, (1, 2))] for _ in range(3)]


@gives(
    [
        [[1], "int64"],
        [[1.0], "float32"],
        [[1], "int64"],
        [[0], "int64"],
        [[0.0], "float32"],
        [[0], "int64"],
        [[2], "int64"],
        [[2.0], "float32"],
        [[1], "int64"],
        [[1.0], "float32"],
        [[1], "int64"],
    ]
)
def bools_ints_and_floats_are_told_apart(T, C):
    f = C(lambda x, n: x * n)
    x = T.ones(1, dtype=T.int64)
    found = []
    for n in (1, 1.0, True, 0, 0.0, False, 2, 2.0, 1, 1.0, True):
        found.append((f(x, n), f(x, n).dtype))
    return found


@gives([[[1], [1.5], [1], [1.5], [1], [1.5]], "float64"])
def functions_and_types_as_arguments(T, C):
    f = C(lambda x, g, t: g(x).to(t))
    found = []
    for _ in range(3):
        found += [f(T.tensor([-1.5]), T.abs, T.int64), f(T.tensor([-1.5]), T.neg, T.float64)]
    return found, found[-1].dtype


# Numbers ----------------------------------------------------------------------------------------


@gives(
    [
        [
            [0.0, 0.0],
            [0.375, 0.375],
            [0.75, 0.75],
            [1.125, 1.125],
            [1.5, 1.5],
            [1.875, 1.875],
            [2.25, 2.25],
            [2.625, 2.625],
        ],
        [[0, 0], [3, 3], [6, 6], [9, 9], [12, 12], [15, 15], [18, 18], [21, 21]],
    ]
)
def changing_numbers(T, C):
    f = C(lambda x, a: x * (a * 2) + a)
    floats = [f(T.ones(2), 0.125 * i) for i in range(8)]
    return floats, [f(T.ones(2, dtype=T.int64), i) for i in range(8)]


@gives(
    [
        [1.0, 1.0, 1.0, 1.0],
        [1.133148, 1.133148, 1.133148, 1.133148],
        [1.284025, 1.284025, 1.284025, 1.284025],
        [1.454991, 1.454991],
        [1.648721],
        [1.868246, 1.868246],
        [2.117],
        [2.398875, 2.398875],
        [2.718282],
        [3.080217, 3.080217],
    ]
)
def numbers_that_are_looked_at(T, C):
    @C
    def f(x, a, n):
        y = x * math.exp(a)
        return y[:n] if a > 0.25 else y

    return [f(T.ones(4), 0.125 * i, 1 + i % 2) for i in range(10)]


@gives(
    [
        [[24.0], [0.0], 1.0],
        [[18.0, 18.0], [0.0, 0.0], 1.0],
        [[16.0, 16.0, 16.0], [0.0, 0.0, 0.0], 1.0],
        [[15.0, 15.0, 15.0, 15.0], [0.0, 0.0, 0.0, 0.0], 1.0],
        [[14.0, 14.0, 14.0, 14.0, 14.0, 14.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1.0],
        [[18.0, 18.0], [0.0, 0.0], 1.0],
        [[16.0, 16.0, 16.0], [0.0, 0.0, 0.0], 1.0],
        [
            [13.0, 13.0, 13.0, 13.0, 13.0, 13.0, 13.0, 13.0, 13.0, 13.0, 13.0, 13.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            1.0,
        ],
    ]
)
def numbers_in_ranges_and_shapes(T, C):
    @C
    def f(x, n):
        y = x
        for _ in range(n):
            y = y + 1
        return y.reshape(n, -1).sum(1), T.zeros(n), x[n - 1]

    return [f(T.ones(12), n) for n in (1, 2, 3, 4, 6, 2, 3, 12)]


@gives(
    [
        [[4.0], [1.0], [0.0], [1.0], [0.0], [0.0]],
        [[5.833333], [1.25], [0.0], [0.0], [0.5], [1.0]],
        [[7.5], [2.0], [1.0], [-1.0], [1.0], [2.0]],
        [[9.1], [3.25], [1.0], [1.0], [1.5], [3.0]],
        [[10.66667], [5.0], [2.0], [0.0], [2.0], [4.0]],
        [[12.21429], [7.25], [2.0], [-1.0], [2.5], [5.0]],
        [[15.75], [10.0], [3.0], [1.0], [3.0], [6.0]],
    ]
)
def arithmetic_of_numbers(T, C):
    @C
    def f(x, a, n):
        b = (a + n) * 2 - 1 / (a + 1)
        c = -a + abs(n - 5)
        return x * b + c, x + a**2, x * (n // 2), x - (n % 3), x * round(a, 1), x * max(a, n)

    return [f(T.ones(1), 0.5 * i, i) for i in range(7)]


@gives(
    [
        [
            [-0.5, 0.5],
            [-0.5, 2.0],
            [0.5, 0.5],
            [0.5, 2.0],
            [-1.0, 0.5],
            [float("nan"), 1.414214],
            [1.5, -1.5],
            [0.125, 0.07142857],
            [0.5, -1.0, 2.0, 0.5],
            [-0.5, 1.0],
            [-1.5, 3.0],
            [-0.5, 1.0],
            [False, True],
            [0.5, 0.5],
        ],
        [
            [-1.0, 1.0],
            [-1.0, 2.0],
            [1.0, 1.0],
            [1.0, 2.0],
            [-1.0, 1.0],
            [-1.0, 2.0],
            [2.0, -1.0],
            [0.25, 0.1428571],
            [1.0, -1.0, 2.0, 1.0],
            [-0.0, 0.0],
            [-2.0, 4.0],
            [-1.0, 2.0],
            [False, True],
            [1.0, 1.0],
        ],
        [
            [-1.0, 1.5],
            [-1.5, 2.0],
            [1.5, 1.5],
            [1.5, 2.0],
            [-1.0, 1.5],
            [float("nan"), 2.828427],
            [2.5, -0.5],
            [0.375, 0.2142857],
            [1.5, -1.0, 2.0, 1.5],
            [0.5, -1.0],
            [-2.5, 5.0],
            [-1.5, 3.0],
            [False, True],
            [1.5, 1.5],
        ],
        [
            [-1.0, 2.0],
            [-2.0, 2.0],
            [2.0, 2.0],
            [2.0, 2.0],
            [-1.0, 2.0],
            [1.0, 4.0],
            [3.0, 0.0],
            [0.5, 0.2857143],
            [2.0, -1.0, 2.0, 2.0],
            [1.0, -2.0],
            [-3.0, 6.0],
            [-2.0, 4.0],
            [False, False],
            [2.0, 2.0],
        ],
        [
            [-1.0, 2.0],
            [-2.5, 2.0],
            [2.5, 2.5],
            [2.5, 2.5],
            [-1.0, 2.5],
            [float("nan"), 5.656854],
            [3.5, 0.5],
            [0.625, 0.3571429],
            [2.5, -1.0, 2.0, 2.5],
            [1.5, -3.0],
            [-3.5, 7.0],
            [-2.5, 5.0],
            [False, False],
            [2.5, 2.5],
        ],
    ]
)
def numbers_as_arguments_of_operations(T, C):
    @C
    def f(x, a):
        F = T.nn.functional
        return [
            x.clamp(-a, a),
            F.leaky_relu(x, a),
            T.full_like(x, a),
            T.where(x > a, x, a),
            x.masked_fill(x > 0, a),
            x**a,
            a - x,
            a / (x + 5),
            F.pad(x, (1, 1), value=a),
            T.lerp(x, x * 0, a),
            x.add(x, alpha=a),
            T.tensor(a) * x,
            x > a,
            x.clone().fill_(a),
        ]

    return [f(T.tensor([-1.0, 2.0]), 0.5 * i) for i in range(1, 6)]


@gives(["int64", "float32", "int64", *["float32"] * 3, *["float64"] * 3] * 5)
def types_of_numbers(T, C):
    f = C(lambda x, a: x + a)
    found = []
    for i in range(5):
        for x in (T.ones(1, dtype=T.int64), T.ones(1), T.ones(1, dtype=T.float64)):
            found.append(f(x, i).dtype)
            found.append(f(x, float(i)).dtype)
            found.append(f(x, bool(i % 2)).dtype)
    return found


@gives(
    [
        [0.0],
        [-0.0],
        [float("inf")],
        [float("-inf")],
        [float("nan")],
        [1e300],
        [1099512000000.0],
        [-4.611686e18],
        [0.1],
    ]
)
def special_numbers(T, C):
    f = C(lambda x, a: x * a)
    numbers = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e300, 2**40, -(2**62), 0.1]
    return [f(T.ones(1, dtype=T.float64), n) for n in numbers]


@gives([[0.0], [1.5], [3.0], [4.5], [6.0], [7.5]])
def numbers_in_containers(T, C):
    f = C(lambda d: d["x"] * d["a"][0] + d["a"][1])
    return [f({"x": T.ones(1), "a": [0.5 * i, i]}) for i in range(6)]


@gives(
    [
        [
            [[0.0], 0.0, 1.0],
            [[0.5], 0.5, 1.5],
            [[1.0], 1.0, 2.0],
            [[1.5], 1.5, 2.5],
            [[2.0], 2.0, 3.0],
        ],
        ["float", "float"],
    ]
)
def returns_a_number(T, C):
    f = C(lambda x, a: (x * a, a, a + 1))
    found = [f(T.ones(1), 0.5 * i) for i in range(5)]
    return found, [type(v).__name__ for v in found[-1][1:]]


@gives(
    [
        [
            [0.0, 0.0, 0.0],
            [0.0, 0.5, 0.0],
            [0.0, 0.5, 1.0],
            [1.5, 0.5, 1.0],
            [1.5, 2.0, 1.0],
            [1.5, 2.0, 2.5],
            [3.0, 2.0, 2.5],
        ],
        [3.0, 2.0, 2.5],
    ]
)
def writes_a_number(T, C):
    w = T.zeros(3)

    @C
    def f(i, value):
        w[i] = value
        return w * 1

    return [f(i % 3, 0.5 * i) for i in range(7)], w


@gives(
    [
        [1.0, 0.8613281, 0.6899757, 0.5082688, 0.3398068, 0.2026736, 0.1050827, 0.04496469],
        [0.1142564],
    ]
)
def a_weight_of_two_losses(T, C):
    w = T.ones(1, requires_grad=True)
    o = T.optim.SGD([w], lr=0.125)

    @C
    def step(x, a):
        o.zero_grad()
        loss = a * (w * x).square().sum() + (1 - a) * w.abs().sum()
        loss.backward()
        o.step()
        return loss

    return [step(T.ones(1), i / 8) for i in range(8)], w


@gives([-0.225])
def a_number_as_learning_rate(T, C):
    w = T.ones(1, requires_grad=True)

    @C
    def step(x, lr):
        w.grad = None
        (w * x).sum().backward()
        with T.no_grad():
            w.sub_(w.grad, alpha=lr)

    for i in range(6):
        step(T.ones(1), 0.5 / (i + 1))
    return w


# Arguments that the function reaches otherwise too ------------------------------------------------


@gives([[[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]], [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], [2, 3]])
def argument_that_is_captured_gets_other_data(T, C):
    total, other = T.zeros(()), T.arange(6.0).reshape(2, 3)

    @C
    def f(x):
        x.data = other
        return total * 2

    return f(total), total, total.shape


@gives([[[3.0, 4.0, 5.0], [3.0, 4.0, 5.0], [3.0, 4.0, 5.0]], [6]])
def captured_tensor_that_is_an_argument_gets_other_data(T, C):
    t, other = T.zeros(3), T.arange(6.0)

    @C
    def f(x):
        t.data = other
        return x.reshape(2, 3)[1]

    return [f(t) for _ in range(3)], t.shape


@gives(
    [
        [[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]],
        [[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]],
        [[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]],
        "float32",
    ]
)
def types_of_a_captured_argument(T, C):
    t = T.tensor([1, 2])

    @C
    def f(x, y):
        x.data = y.data
        t.detach().add_(0.5)
        return x

    y = T.ones(2, 3)
    return f(t, y), t, y, t.dtype


@gives([[1.0, 1.0], [1.0, 1.0], True, [True, True, True]])
def gradient_of_an_argument_is_set(T, C):
    @C
    def f(x):
        x.requires_grad_()
        x.grad = T.ones_like(x)
        return [x * 2]

    x, y = T.zeros(2), T.zeros(2)
    found = [f(x), f(x), f(y)]
    return x.grad, y.grad, x.requires_grad, [r[0].requires_grad for r in found]


@gives([30.0, 30.0])
def hook_on_an_argument(T, C):
    @C
    def f(x):
        x.requires_grad_()
        x.register_hook(lambda g: g * 10)
        return x.sum()

    x = T.zeros(2)
    f(x)
    (x * 3).sum().backward()
    return x.grad


@gives([[5.0, 5.0], True])
def argument_becomes_a_gradient(T, C):
    w, x = T.ones(2, requires_grad=True), T.ones(2)

    @C
    def f(x):
        w.grad = x
        return x * 2

    f(x)
    x.mul_(5)
    return w.grad, w.grad is x


@gives([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [True, True, True, True]])
def result_with_a_gradient(T, C):
    @C
    def f(x):
        w = T.tensor([1.0, 2.0], requires_grad=True)
        (w * x).sum().backward()
        return w

    found = [f(T.full((2,), float(k))) for k in range(4)]
    return [w.grad for w in found], [w.is_leaf for w in found]


@gives([[4.0, 4.0], [4.0, 4.0], [4.0, 4.0]])
def result_with_a_hook(T, C):
    @C
    def f(x):
        w = (x * 2).detach().requires_grad_()
        w.register_hook(lambda g: g + 1)
        return w

    found = []
    for k in range(3):
        w = f(T.full((2,), float(k)))
        (w * 3).sum().backward()
        found.append(w.grad)
    return found


@gives([[True, True, True], [True, True, True], [True, False, True]])
def flag_of_a_captured_argument(T, C):
    t = T.ones(3)

    @C
    def f(x):
        t.requires_grad_(True)
        return (x * 2).requires_grad, x.is_leaf, x.requires_grad

    return [f(t), f(t), f(t[1:])]


@gives([[True, False], [3.0, 3.0]])
def requires_grad_of_memory_that_numpy_sees(T, C):
    t = T.ones(2) * 2
    n = np.array(t)

    @C
    def f(x):
        y = t * x
        t.requires_grad_()
        return (t * x).sum(), y, n.sum()

    found = f(T.full((2,), 3.0))
    found[0].backward()
    return [x.requires_grad for x in found[:2]], t.grad


@gives([[[2.0, 2.0], [1.0, 1.0], [2.0, 2.0]], [[2.0, 2.0], [1.0, 1.0], [2.0, 2.0]]])
def data_of_a_captured_argument_and_a_change(T, C):
    t, other = T.arange(6.0).reshape(2, 3), T.ones(3, 2)
    double = C(lambda x: x.mul_(2)[0])

    @C
    def f(x):
        double(t[::2])
        t.data = other.data
        double(t[::2])

    f(t)
    return t, other


@gives([True, True, True])
def views_of_what_a_function_makes(T, C):
    @C
    def f(x):
        w = T.ones(2, 3, requires_grad=True)
        return w[0]

    with T.no_grad():
        found = [f(1) for _ in range(3)]
    for t in found:
        t.requires_grad_(False)
    return [t.requires_grad for t in found]


@gives([True, False, [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]], [2, 3]])
def result_with_the_memory_of_a_captured_tensor(T, C):
    w, x = T.ones(2, 3, requires_grad=True), T.zeros(2)

    @C
    def f(x):
        x.data = w.detach()
        return w[:1], x[1:]

    a, b = f(x)
    (a * 2).sum().backward()
    return a.requires_grad, b.requires_grad, w.grad, x.shape


@gives([[[5.0, 5.0], [0.0, 0.0], [0.0, 0.0]], [2.0, 2.0, 2.0, 2.0], [[7.0, 7.0], [0.0, 0.0]]])
def data_of_an_argument_that_was_written_to(T, C):
    x, other = T.zeros(2, 3), T.ones(4)

    @C
    def f(x, value):
        old = x.t()
        old[0] = value
        x.data = other * 2
        return old

    return [f(x, 5.0), x, f(T.zeros(2, 2), 7.0)]


@gives([[18.0], [[6.0, 6.0, 6.0], [6.0, 6.0, 6.0]], [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]])
def hook_on_an_argument_that_got_gradients(T, C):
    t, w, seen = T.zeros(2, 3), T.ones(2, 3, requires_grad=True), []

    @C
    def f(x):
        t.add_(w * 2)
        x.register_hook(lambda g: seen.append(g.sum().item()))

    f(t)
    (t * 3).sum().backward()
    return seen, w.grad, t


@gives([[0.0, 0.0], None, [3.0, 3.0], [2.0, 2.0], None, [4.0, 4.0], [4.0, 4.0], None, [6.0, 6.0]])
def gradient_that_is_changed_and_given_up(T, C):
    w = T.ones(2, requires_grad=True)
    (w * 3).sum().backward()
    kept, found = w.grad, []

    @C
    def f(x):
        (w * x).sum().backward()
        w.grad = None
        return x * 2

    for k in range(3):
        found += [f(T.full((2,), float(k))), w.grad, kept + 0]
        w.grad = kept
    return found


@gives([[256.0, 256.0], [256.0, 256.0]])
def tensors_over_one_array(T, C):
    t = T.ones(2)
    other = T.as_tensor(t.numpy())

    @C
    def f(x):
        for _ in range(2):
            x.mul_(2).add_(other)

    f(t)
    f(t)
    return t, other


@gives([[[0.0, 1.0], [17.0, 25.0], [4.0, 5.0]], [[17.0, 25.0], [17.0, 25.0], [17.0, 25.0]]])
def number_in_a_tensor_as_an_index(T, C):
    t = T.arange(6.0).reshape(3, 2)

    @C
    def f(x):
        row = x[T.tensor(1)]
        row.mul_(2)
        return row

    rows = [f(t) for _ in range(3)]
    rows[0].add_(1)
    return t, rows


@gives([[3.0, 6.0], [[12.0, 24.0]]])
def argument_that_is_computed_with_afterwards(T, C):
    x = T.tensor([1.0, 2.0])

    @C
    def f(x):
        y = x * 3
        x.requires_grad_()
        return (y * x).sum()

    y = f(x)
    y.backward()
    return x.grad, T.autograd.grad((f(x) * 2), [x])


@gives([True, False])
def flag_that_is_set_to_what_it_is(T, C):
    w = T.ones(2, requires_grad=True)

    @C
    def f(x):
        w.requires_grad_(True)
        return x * 2

    seen = []
    for k in range(3):
        f(T.full((2,), float(k)))
    w.requires_grad_(False)
    f(T.ones(2))
    seen.append(w.requires_grad)
    g = C(lambda x: (w.detach_(), x * 2)[1])
    for k in range(3):
        g(T.full((2,), float(k)))
    w.requires_grad_(True)
    g(T.ones(2))
    return [*seen, w.requires_grad]


@gives([[3.0, 3.0], [3.0, 3.0], [3.0, 3.0], [2.0, 2.0], [2.0, 2.0]])
def branch_on_a_flag(T, C):
    w = T.ones(2)
    f = C(lambda x: x * 2 if w.requires_grad else x * 3)
    seen = [f(T.ones(2)) for _ in range(3)]
    w.requires_grad_()
    return [*seen, f(T.ones(2)), f(T.ones(2))]


@gives(
    [
        [[-5.0, -5.0, -5.0]],
        [[-5.0, -5.0, -5.0]],
        [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]],
        [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]],
    ]
)
def views_of_what_is_given_other_memory(T, C):
    t, other = T.ones(2, 3), T.arange(6.0).reshape(2, 3)

    @C
    def f(x):
        t.mul_(5)
        t.data = other
        t.mul_(2)
        x.neg_()
        return x + 0

    row = t[:1]
    return f(row), row, t, other


@gives([[1.0, 1.0], [4.0, 4.0], [8.0, 8.0]])
def written_through_another_name(T, C):
    t, other = T.ones(2), T.zeros(2)

    @C
    def f(x, y):
        other.data = x.data
        other.fill_(4.0)
        other.data = t.detach() * 2
        return y * 1

    return f(t, T.ones(2)), t, other


@gives([[1.0, 1.0], True, [3.0, 3.0], True, [5.0, 5.0], True, [7.0, 7.0], True])
def returned_and_kept(T, C):
    class Cell:
        state = None

        @C
        def step(self, x):
            self.state = x * 2
            return self.state

    cell, found = Cell(), []
    for k in range(4):
        y = cell.step(T.full((2,), float(k)))
        y.add_(1)
        found += [cell.state, cell.state is y]
    return found


@gives(True)
def linear_result_of_what_is_made_inside(T, C):
    @C
    def f(x):
        w = x * 2
        w.requires_grad_()
        return w[0]

    y = f(T.ones(3))
    y.backward()
    y.backward()
    return y.requires_grad


@gives([[3.0, 3.0], [3.0, 3.0], [7.0, 7.0], [7.0, 7.0], [15.0, 15.0], [15.0, 15.0]])
def data_that_is_a_result_too(T, C):
    w = T.ones(2, requires_grad=True)

    @C
    def f(x):
        y = w.detach() * x
        w.data = y
        return y

    found = []
    for _ in range(3):
        y = f(T.full((2,), 2.0))
        y.add_(1)
        found += [w.detach() + 0, y]
    return found


@gives([[2.0, 2.0], True, "refused", [2.0, 2.0]])
def graph_of_the_caller_that_is_given_up_twice(T, C):
    w = T.ones(2, requires_grad=True)
    t, other = T.zeros(2), T.ones(2)
    y = w * w

    @C
    def f(x):
        other.data = x
        y.sum().backward()

    f(t)
    seen = [w.grad, other.data_ptr() == t.data_ptr() if hasattr(t, "data_ptr") else True]
    try:
        f(t)
    except RuntimeError:
        seen.append("refused")
    return [*seen, w.grad]


@gives([False, [4.0, 1.0], False])
def detached_where_numpy_sees_it(T, C):
    w = T.ones(2, requires_grad=True)
    n = w.detach().numpy()

    @C
    def f(x):
        w.detach_()
        return w * x

    n[0] = 4
    return [f(T.full((2,), 2.0)).requires_grad, f(T.ones(2)), w.requires_grad]


@gives([[7.5], [-1.0, -1.0, 1.0, 1.0, 1.0, 1.0], True])
def memory_that_numpy_sees_before_and_after(T, C):
    w, t = T.tensor([1.25], requires_grad=True), T.ones(6)
    n, other = np.asarray(t), t.detach()

    @C
    def f(x):
        other.requires_grad_()
        y = (other * w.detach()).sum()
        (y * w).mean().backward()
        x[:2] = -1.0

    f(t)
    return w.grad, n.tolist(), other.requires_grad


@gives([[[0.0, 0.0], [3.0, 3.0], [0.0, 0.0]], [3.0, 3.0], False, [4.0, 4.0], True])
def detached_view_that_is_given_gradients(T, C):
    w, x = T.ones(2, requires_grad=True), T.zeros(3, 2)
    with T.no_grad():
        y = x[1].detach()
    y.add_(w * 2)
    y.fill_(3.0)
    (y * w).sum().backward()
    z = x[0].detach()
    z.requires_grad_()
    (z * 4).sum().backward()
    return x, w.grad, y.is_leaf, z.grad, z.is_leaf


@gives([0.1875, 0.5, 0.25])
def views_keep_their_place_when_numpy_looks(T, C):
    w = T.tensor(0.25, requires_grad=True)
    v = w.squeeze()
    (g,) = T.autograd.grad((w * w * v).sum(), [w], create_graph=True)
    n = w.detach().numpy()
    (h,) = T.autograd.grad(g, [v], retain_graph=True)
    return g, h, n.tolist()


@gives([[8.0, 8.0], [2.0]])
def data_of_an_argument_that_has_views(T, C):
    @C
    def f(x):
        x.data = x.detach() * 2
        return x

    t = T.ones(2)
    f(t)
    row = t[:1]
    f(t)
    f(t)
    return t, row


@gives([[64.0, 64.0], [8.0]])
def data_of_a_captured_tensor_that_gets_views(T, C):
    w = T.ones(2)

    @C
    def f(x):
        w.data = w.detach() * x
        return x + 1

    for _ in range(3):
        f(T.full((2,), 2.0))
    row = w[:1]
    for _ in range(3):
        f(T.full((2,), 2.0))
    return w, row


@gives(
    [
        True,
        True,
        [3.0, 3.0],
        None,
        True,
        True,
        [3.0, 3.0],
        None,
        True,
        True,
        [3.0, 3.0],
        None,
        [5.0, 5.0],
    ]
)
def result_with_gradients_over_an_argument(T, C):
    @C
    def f(x):
        y = x.data
        y.requires_grad_()
        return y

    t, found = T.ones(2), []
    for _ in range(3):
        y = f(t)
        (y * 3).sum().backward()
        found += [y.requires_grad, y.is_leaf, y.grad, t.grad]
    t.mul_(5)
    return [*found, y]


@gives([[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]])
def hook_on_an_argument_after_its_flag(T, C):
    @C
    def f(x):
        x.requires_grad_()
        x.register_hook(lambda g: g * 2)
        return T.ones(2) * 2

    found = []
    for _ in range(3):
        t = T.zeros(2)
        f(t)
        t.backward(T.ones(2))
        found.append(t.grad)
    return found


@gives([True, True, [3.0], True, True])
def kept_arguments_are_the_arguments(T, C):
    class Holder:
        pass

    holder, items, w = Holder(), [], T.ones(2, requires_grad=True)

    @C
    def f(x):
        holder.x, holder.row = x, x[1:]
        items.append(x)
        return (w * x).sum()

    t = T.ones(2)
    f(t)
    t.mul_(3)
    seen = [holder.x is t, items[0] is t, holder.row, holder.row._base is t]
    holder.x.requires_grad_()
    return [*seen, t.requires_grad]


@gives([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
def argument_of_a_result_that_is_differentiated_later(T, C):
    w, x = T.ones(2, requires_grad=True), T.tensor([1.0, 2.0])
    f = C(lambda x: (w * x).sum())
    found = []
    for _ in range(3):
        n = x.clone()
        y = f(n)
        m = n.detach().numpy()
        y.backward()
        m[:] = 9
        found.append(w.grad + 0)
    return found


@gives([[[-2.0, -1.0, 0.0], [1.0, 2.0, 3.0]], [[-2.0, 0.0, 2.0], [4.0, 6.0, 8.0]], [1.0, 2.0, 3.0]])
def rows_that_numpy_sees(T, C):
    t, other = T.arange(6.0).reshape(2, 3), T.zeros(2)

    @C
    def f(x):
        with T.no_grad():
            other.data = x.detach() * 2
        for row in x:
            row.add_(-1.0)
        return row

    row = f(t)
    n = row.numpy()
    f(t)
    return t, other, n.tolist()


@gives([[16.0, 4.0], [5.0, 5.0], [16.0, 4.0]])
def memory_that_was_another_ones(T, C):
    t, other = T.zeros(2), T.ones(2)

    def exchange():
        t.data = other.data
        other.data = T.full((2,), 5.0)
        return t.view(-1)

    v = exchange()

    @C
    def f(x):
        t.detach().add_(3.0)
        x.mul_(v.clone()[:1])

    f(v[:1])
    return t, other, v


@gives([4.0, [[4.0, 1.0]]])
def view_of_what_was_a_leaf_is_written(T, C):
    w = T.ones(1, 2, requires_grad=True)
    row = w[-1]
    w.requires_grad_(False)
    with T.no_grad():
        cell = row.view(-1)[0]
    cell += 3.0
    return cell, w


@gives([False, [0.25, 0.25, 0.25, 0.25]])
def views_of_views_keep_their_place_when_numpy_looks(T, C):
    w = T.full((2, 2, 2), 0.25, requires_grad=True)
    (rows,) = w.chunk(1)
    first, second = rows.chunk(2, 0)
    flat = second.view(-1)
    n = flat.detach().numpy()
    y = flat / (first.reshape(-1) + 1)
    (g,) = T.autograd.grad(y.sum(), [second], allow_unused=True)
    return g is None, n.tolist()


@gives(
    [
        [[True, True], [True, True], [True, True], [True, False], [True, False], [True, False]],
        [1.0, 1.0],
    ]
)
def detached_views_and_views_of_what_is_detached(T, C):
    t, seen = T.zeros(4, 2), []
    f = C(lambda x: (x[0].detach(), x * 2))
    g = C(lambda x: (x.detach()[0], x * 2))
    for h in (f, g):
        for _ in range(3):
            y = h(t)[0]
            part = y[:1]
            y.requires_grad = True
            seen.append((y.requires_grad, part.requires_grad))
    y.detach().add_(1)
    return seen, t[0]


@gives([[3.0, 3.0], [1.5, 1.5]])
def places_in_the_graph_where_numpy_wrote(T, C):
    w = T.ones(2, requires_grad=True)
    y = w * 2
    n = y.detach().numpy()
    n[:] = 1.5
    v = y.view(-1)
    (g,) = T.autograd.grad((v * v).sum(), [v])
    return g, v


@gives(
    [
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [0, 1],
        [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]],
        [0, 1],
        [[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]],
        [0, 1],
    ]
)
def expanded_results(T, C):
    f = C(lambda x: (x * 2).expand(2, 3))
    found = []
    for k in range(3):
        y = f(T.full((3,), float(k)))
        found += [y, y.stride()]
    return found


@gives([False, True, "float32", "float64"])
def buffers_that_are_converted_are_others(T, C):
    net = T.nn.BatchNorm1d(2)
    mean, weight = net.running_mean, net.weight
    net.double()
    return net.running_mean is mean, net.weight is weight, mean.dtype, net.running_mean.dtype


@gives(
    [
        [
            [1.0, 1.0],
            [3.0, 3.0],
            [0.0, 0.0],
            [2.0, 2.0],
            [5.0, 5.0],
            [2.0, 2.0],
            [3.0, 3.0],
            [7.0, 7.0],
            [4.0, 4.0],
        ],
        [3.0, 3.0],
    ]
)
def tensors_of_arrays_that_are_closed_over(T, C):
    t = T.zeros(2)
    n, m = t.numpy(), np.zeros(2, "f4")
    f = C(lambda x: (t.add_(x), T.tensor(n))[1])
    g = C(lambda x: T.tensor(m) + T.as_tensor(m) + x)
    h = C(lambda a: T.tensor(a) * 2)
    found = []
    for k in range(3):
        m += 1
        found += [f(T.ones(2)), g(T.ones(2)), h(np.full(2, k, "f4"))]
    return found, n.tolist()


@gives([[0.0, 1.0], [7.0, 1.0], False])
def recording_that_is_taken_back_leaves_views_alone(T, C):
    t = T.arange(4.0)
    u = t[:2].detach()
    part = t[2:]
    u.requires_grad = True
    v = u[1:]

    @C
    def f(x):
        v.sum().backward(retain_graph=True)
        u.requires_grad = False
        t[:1] = 7.0

    f(part)
    return u.grad, u, u.requires_grad


@gives([True, True, True, True, True, True, True, 3])
def containers_that_are_returned(T, C):
    t = T.ones(1)
    pair, table = (t, t), {"a": t}
    items = [t]
    f = C(lambda c: c)
    g = C(lambda c, x: (c, x * 2))
    fill = C(lambda c: (c.append(c[0] * 2), c)[1])
    seen = [f(c) is c for c in (items, pair, table, items)]
    seen += [g(table, t)[0] is table, fill(items) is items, fill(items) is items, len(items)]
    return seen


@gives([2.0, 3.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0])
def what_an_exception_of_any_kind_leaves_behind(T, C):
    class Stop(BaseException):
        pass

    found = []
    for kind in (SystemExit, Stop, ValueError, GeneratorExit):
        w = T.ones(1)

        @C
        def step(x, kind=kind, w=w):
            w.add_(x)
            raise kind

        for _ in range(2):
            try:
                step(T.ones(1))
            except kind:
                found.append(w.item())
    return found


@gives([[4.0], [5.0], [17.0], [26.0], [125.0]])
def names_that_are_bound_anew(T, C):
    scale, w, table = 2.0, T.ones(1), {"k": 1.0, "l": [1]}

    @C
    def f(x):
        return x * w * scale + table["k"] + table["l"][0]

    def now():
        return [f(T.ones(1)) for _ in range(3)][-1]

    found = [now()]
    scale = 3.0
    found.append(now())
    w = T.full((1,), 5.0)
    found.append(now())
    table["k"] = 10.0
    found.append(now())
    table["l"][0] = 100
    found.append(now())
    return found


@gives([[2.0], [2.0], [2.0], [50.0], [50.0], [50.0], [350.0], [350.0], [350.0]])
def attributes_of_an_object_that_is_no_module(T, C):
    class Trainer:
        def __init__(self):
            self.scale, self.w, self.count = 2.0, T.ones(1), 0

        @C
        def step(self, x):
            self.count += 1
            return x * self.scale * self.w

    trainer = Trainer()
    found = [trainer.step(T.ones(1)) for _ in range(3)]
    trainer.scale = 50.0
    found += [trainer.step(T.ones(1)) for _ in range(3)]
    trainer.w = T.full((1,), 7.0)
    return found + [trainer.step(T.ones(1)) for _ in range(3)]


@gives(
    [
        0.5,
        0.5,
        0.25,
        0.25,
        0.125,
        0.125,
        0.0625,
        0.0625,
        0.03125,
        0.03125,
        0.75,
        0.25,
        0.5,
        0.25,
        0.25,
        0.25,
        0.0,
        0.25,
        -0.25,
        0.25,
        0.0,
        1.0,
        -0.5,
        0.5,
        -1.0,
        0.5,
        -1.25,
        0.25,
        -1.5,
        0.25,
    ]
)
def settings_that_a_function_sets(T, C):
    found, count = [], [0]

    def halved(group):
        group["lr"] *= 0.5

    def constant(group):
        group["lr"] = 0.25

    def now_and_then(group):
        count[0] += 1
        if count[0] % 2 == 0:
            group["lr"] *= 0.5

    for change in (halved, constant, now_and_then):
        w = T.ones(1, requires_grad=True)
        optimizer = T.optim.SGD([w], lr=1.0)

        @C
        def step(x, w=w, optimizer=optimizer, change=change):
            change(optimizer.param_groups[0])
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()

        for _ in range(5):
            step(T.ones(1))
            found += [w.item(), optimizer.param_groups[0]["lr"]]
            if change is constant:
                optimizer.param_groups[0]["lr"] = 0.75
    return found


@gives([[0.0], [2.0], [4.0], [6.0], [8.0], [10.0]])
def iterator_as_an_argument(T, C):
    f = C(lambda items: next(items) * 2)
    items = iter([T.ones(1) * i for i in range(6)])
    return [f(items) for _ in range(6)]


@gives(
    [
        [0.0, 1.0, 0.5, 1.5, 1.0, 2.0, 1.5, 2.5],
        [[28.0, 36.0], [30.0, 38.0], [32.0, 40.0], [0.0], [0.5], [1.0], [1.5]],
    ]
)
def numbers_that_are_kept(T, C):
    kept = []
    f = C(lambda x, a: (kept.append(a), kept.append(a + 1), x * a)[2])
    for i in range(4):
        f(T.ones(1), i * 0.5)
    g = C(lambda x, i: x[:, i].clone() * 2 + x.roll(i, 0).sum())
    h = C(lambda x, table: x * copy.deepcopy(table)["k"])
    found = [g(T.arange(8.0).reshape(2, 4), i) for i in (0, 1, 2)]
    found += [h(T.ones(1), {"k": i * 0.5}) for i in range(4)]
    return [float(v) for v in kept], found


@gives([[1.7999999523162842], [1.5], [-0.5], [3.5], [9.5]])
def what_modules_hold(T, C):
    class Settings:
        pass

    class Net(T.nn.Module):
        scale = 2.0

        def __init__(self):
            super().__init__()
            self.layers = [T.nn.LeakyReLU(0.1)]
            self.table = {"a": {"k": 1.0}}
            self.settings = Settings()
            self.settings.k = 1.0

        def forward(self, x):
            return self.layers[0](x) * self.scale + self.table["a"]["k"] + self.settings.k

    net, x = Net(), -T.ones(1)
    f = C(net)

    def now():
        return [f(x) for _ in range(3)][-1]

    found = [now()]
    Net.scale = 5.0
    found.append(now())
    net.layers[0].negative_slope = 0.5
    found.append(now())
    net.table["a"]["k"] = 5.0
    found.append(now())
    net.settings.k = 7.0
    return [*found, now()]


@gives(
    [
        0.75,
        "float32",
        -0.375,
        "float64",
        -0.375,
        "float64",
        -0.375,
        "float32",
        "float32",
        0.75,
        "float32",
        0.1875,
        "float64",
        0.1875,
        "float64",
        0.09375,
        "float32",
    ]
)
def modules_that_are_converted_between_steps(T, C):
    found = []
    for kind, settings in (("SGD", dict(momentum=0.5)), ("SGD", {})):
        w = T.nn.Parameter(T.tensor(1.5))
        optimizer = getattr(T.optim, kind)([w], lr=0.25, **settings)
        for dtype in (T.float32, T.float64, T.float64, T.float32):
            w.data = w.data.to(dtype)
            w.grad = None
            (w * w).backward()
            optimizer.step()
            found += [w.detach(), w.dtype]
        found += [v.dtype for k, v in sorted(optimizer.state[w].items()) if k != "step"]
    return found


@gives([8.0, 8.0])
def data_of_itself_after_a_change(T, C):
    @C
    def f(x):
        x.mul_(2.0)
        x.data = x.data

    t = T.ones(2)
    for _ in range(3):
        f(t)
    return t


@gives(
    [
        [0.800000011920929, 0.800000011920929],
        [3.4000000953674316, 3.4000000953674316],
        [0.46000000834465027, 0.46000000834465027],
        None,
        [0.36800000071525574, 0.36800000071525574],
        [1.5640000104904175, 1.5640000104904175],
        [0.21159999072551727, 0.21159999072551727],
        [1.5640000104904175, 1.5640000104904175],
    ]
)
def momentum_that_is_forgotten(T, C):
    w = T.ones(2, requires_grad=True)
    optimizer, found = T.optim.SGD([w], lr=0.1, momentum=0.9), []
    for k in range(4):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        if k == 1:
            optimizer.state[w]["momentum_buffer"] = None
        found += [w + 0, optimizer.state[w]["momentum_buffer"]]
    return found


# NumPy arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", cases(SCENES))
def test_means_what_it_means_in_pytorch(scene: Scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene.check(zincir, zincir.compile)


def changes_rows(x):
    x[0] = 5
    return x.sum()


AS_ARRAYS = {
    "astype": lambda x: zincir.tensor(x.astype(np.float32) * 2),
    "mean": lambda x: float(np.mean(x)),
    "concatenate": lambda x: np.concatenate([x, x + 1]),
    "ufunc": lambda x: np.sqrt(x) + 1,
    "method": lambda x: (x.min(), x.argmax(), x.ravel()[0]),
    "write": changes_rows,
    "out": lambda x: np.add(x, 1, out=x).copy(),
    "tensor_of": lambda x: zincir.tensor(x) + 1,
    "from_numpy": lambda x: zincir.from_numpy(x) + 1,
    "asarray": lambda x: np.asarray(x) * 2,
    "where": lambda x: np.where(x > 2, x, 0),
    "shape": lambda x: zincir.ones(x.shape[0]) * x.nbytes,
    "dtype": lambda x: str(x.dtype),
    "loop": lambda x: sum(float(row.sum()) for row in np.asarray(x)),
}


# What is computed from an array among arguments is a tensor, and NumPy may not look at that.
LOOKED_AT = {"concatenate", "where"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.xfail(reason="x + 1 is a tensor, which has no value yet"))
        if n in LOOKED_AT
        else n
        for n in AS_ARRAYS
    ],
)
def test_arrays_are_arrays_where_they_are_used_as_such(name):
    f = zincir.compile(AS_ARRAYS[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(4):
            mine, theirs = np.arange(6.0).reshape(3, 2) + i, np.arange(6.0).reshape(3, 2) + i
            found, expected = f(mine), AS_ARRAYS[name](theirs)
            np.testing.assert_allclose(mine, theirs)
            if isinstance(expected, str):
                assert str(found).split(".")[-1] == expected
            else:
                values = found.numpy() if isinstance(found, zincir.Tensor) else found
                wanted = expected.numpy() if isinstance(expected, zincir.Tensor) else expected
                np.testing.assert_allclose(np.asarray(values), np.asarray(wanted))


def test_arrays_are_tensors_where_they_are_used_as_such():
    calls = Unseen()

    @zincir.compile
    def f(x, labels):
        calls.append(1)
        return nn.functional.cross_entropy(x, labels), x @ x.T, x[labels]

    for i in range(6):
        x = (np.arange(6.0).reshape(3, 2) * i).astype(np.float32)
        labels = (np.arange(3) + i) % 2
        loss, product, rows = f(x, labels)
        t = zincir.tensor(x)
        expected = nn.functional.cross_entropy(t, zincir.tensor(labels)).item()
        assert loss.item() == pytest.approx(expected)
        np.testing.assert_allclose(product.numpy(), x @ x.T, 1e-6)
        np.testing.assert_array_equal(rows.numpy(), x[labels])
    assert len(calls) == 2


def test_arrays_reused_by_the_caller_are_read_at_each_call():
    f = zincir.compile(lambda x: x * 2)
    buffer = np.zeros(3, np.float32)
    found = []
    for i in range(5):
        buffer[:] = i
        found.append(f(buffer))
    buffer[:] = 99
    assert [y.tolist() for y in found] == [[2.0 * i] * 3 for i in range(5)]


@pytest.mark.parametrize("change", ["add", "fill", "row"])
@pytest.mark.parametrize("lies", ["rows", "columns", "every second", "backwards"])
def test_arrays_written_in_place_by_tensor_operations(change: str, lies: str):
    memory = np.zeros((4, 4))
    views = {
        "rows": memory,
        "columns": memory.T,
        "every second": memory[::2, 1::2],
        "backwards": memory[::-1],
    }
    a = views[lies]

    @zincir.compile
    def f(x, n):
        if change == "add":
            x.add_(n)
        elif change == "fill":
            x.copy_(zincir.ones(*x.shape) * n)
        else:
            x[0] += n
        return x.sum()

    expected = np.zeros(a.shape)
    for n in range(5):
        if change == "add":
            expected += n
        elif change == "fill":
            expected[:] = n
        else:
            expected[0] += n
        assert f(a, zincir.tensor(float(n))).item() == expected.sum()
        np.testing.assert_array_equal(a, expected)
    assert memory.sum() == expected.sum()


def test_views_of_arrays_as_results():
    f = zincir.compile(lambda x: (x[0], x.t()))
    for i in range(4):
        a = np.arange(4.0).reshape(2, 2) + i
        row, turned = f(a)
        assert (row.tolist(), turned.tolist()) == (a[0].tolist(), a.T.tolist())
        row.add_(10)
        assert a[0, 0] == 10 + i


# Work -------------------------------------------------------------------------------------------


def test_an_annealed_weight_makes_few_recordings():
    calls = Unseen()

    @zincir.compile
    def f(x, a):
        calls.append(1)
        return x * a + (1 - a)

    x = zincir.full((2,), 3.0)
    for i in range(1000):
        a = 0.999**i
        assert f(x, a)[0].item() == pytest.approx(3 * a + (1 - a), rel=1e-6)
    assert len(calls) <= 4
    assert recordings(f) <= 4


def test_a_counter_as_an_argument_makes_few_recordings():
    calls = Unseen()

    @zincir.compile
    def f(x, step, rate):
        calls.append(1)
        return x * step, x / (step + 1) * rate

    for i in range(300):
        a, b = f(zincir.ones(1), i, 1e-3 * i)
        assert (a.item(), b.item()) == pytest.approx((i, 1e-3 * i / (i + 1)))
    assert len(calls) <= 6


def test_a_number_that_is_looked_at_is_recorded_for_each_value():
    calls = Unseen()

    @zincir.compile
    def f(x, n):
        calls.append(n)
        return x * 2 if n > 2 else x

    for _ in range(5):
        for n in range(4):
            assert f(zincir.ones(1), n).item() == (2.0 if n > 2 else 1.0)
    assert len(calls) <= 12


def test_one_number_looked_at_and_another_that_is_not():
    calls = Unseen()

    @zincir.compile
    def f(x, n, a):
        calls.append(1)
        return x[:n].sum() * a

    for i in range(200):
        assert f(zincir.ones(4), 1 + i % 3, 0.5 * i).item() == (1 + i % 3) * 0.5 * i
    assert len(calls) <= 16


# How it is called -------------------------------------------------------------------------------


def test_it_decorates_with_and_without_arguments():
    @zincir.compile
    def a(x):
        """Twice."""
        return x * 2

    @zincir.compile()
    def b(x):
        return x * 2

    @zincir.compile(dynamic=True, fullgraph=True, mode="max-autotune", backend="inductor")
    def c(x):
        return x * 2

    d = zincir.compile(lambda x: x * 2, options={"trace": True})
    e = zincir.compile(lambda x: x * 2, mode="reduce-overhead", dynamic=False, disable=True)
    for f in (a, b, c, d, e):
        assert [f(zincir.ones(1) * i).item() for i in range(4)] == [0.0, 2.0, 4.0, 6.0]
    assert (a.__name__, a.__doc__) == ("a", "Twice.")


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ArgumentError, match="cannot be called"):
        zincir.compile(3)


class Counter:
    """Methods of objects that are no modules."""

    def __init__(self, factor):
        self.factor = factor
        self.calls = 0
        self.w = zincir.ones(1)

    @zincir.compile
    def scaled(self, x):
        return x * self.w * 2

    @zincir.compile(fullgraph=True)
    def shifted(self, x, *, by=1.0):
        return x + self.w + by

    @staticmethod
    @zincir.compile
    def fixed(x):
        return x * 3

    @classmethod
    @zincir.compile
    def of_class(cls, x):
        return x * len(cls.__name__)


def test_methods():
    a, b = Counter(2), Counter(5)
    b.w.fill_(10)
    for i in range(5):
        x = zincir.ones(1) * i
        assert (a.scaled(x).item(), b.scaled(x).item()) == (2.0 * i, 20.0 * i)
        assert (a.shifted(x).item(), b.shifted(x, by=0.5 * i).item()) == (i + 2.0, 10 + 1.5 * i)
        assert (Counter.fixed(x).item(), a.fixed(x).item()) == (3.0 * i, 3.0 * i)
        assert Counter.of_class(x).item() == 7.0 * i
    a.w.fill_(3)
    assert a.scaled(zincir.ones(1)).item() == 6.0
    bound = a.scaled
    a.w.fill_(4)
    assert bound(zincir.ones(1)).item() == 8.0


def test_compiling_a_bound_method_and_a_partial():
    net = nn.Linear(1, 1)
    for p in net.parameters():
        nn.init.ones_(p)
    f = zincir.compile(net.forward)
    g = zincir.compile(functools.partial(lambda a, x: a * x, 3.0))
    for i in range(4):
        assert f(zincir.ones(1, 1) * i).item() == i + 1.0
        assert g(zincir.ones(1) * i).item() == 3.0 * i


class Net(nn.Module):
    """Something with parameters, a buffer and a plain attribute."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("offset", zincir.zeros(2))
        self.factor = 1.0

    def forward(self, x, twice=False):
        y = self.drop(self.fc(x)) * self.factor + self.offset
        return y * 2 if twice else y


def made() -> Net:
    net = Net()
    with zincir.no_grad():
        net.fc.weight.copy_(zincir.eye(2))
        net.fc.bias.zero_()
    return net


def test_a_compiled_module_is_a_module():
    net = made()
    f = zincir.compile(net)
    assert isinstance(f, nn.Module)
    assert [id(p) for p in f.parameters()] == [id(p) for p in net.parameters()]
    f.eval()
    assert not net.training
    assert not net.drop.training
    assert not f.training
    x = zincir.tensor([[1.0, 2.0]])
    with zincir.no_grad():
        for _ in range(4):
            assert f(x).tolist() == [[1.0, 2.0]]
            assert f(x, twice=True).tolist() == [[2.0, 4.0]]
    f.train()
    assert net.training
    assert net.drop.training
    assert "Linear" in repr(f)


def test_attributes_of_a_compiled_module_are_those_of_the_module():
    net = made().eval()
    f = zincir.compile(net)
    x = zincir.tensor([[1.0, 2.0]])
    with zincir.no_grad():
        for _ in range(3):
            assert f(x).tolist() == [[1.0, 2.0]]
        assert f.factor == 1.0
        f.factor = 3.0
        assert net.factor == 3.0
        assert f(x).tolist() == [[3.0, 6.0]]
        f.offset = zincir.ones(2)
        assert f(x).tolist() == [[4.0, 7.0]]
        assert f.fc is net.fc
        f.fc = nn.Identity()
        assert f(x).tolist() == [[4.0, 7.0]]
        f.apply(lambda m: None)
        f.double()
    assert net.offset.dtype == zincir.float64


def test_the_state_of_a_compiled_module():
    net, other = made(), made()
    with zincir.no_grad():
        other.fc.weight.mul_(5)
    f = zincir.compile(net.eval())
    x = zincir.tensor([[1.0, 2.0]])
    with zincir.no_grad():
        for _ in range(3):
            f(x)
        f.load_state_dict(zincir.compile(other).state_dict())
        assert f(x).tolist() == [[5.0, 10.0]]
        assert net.fc.weight.tolist() == [[5.0, 0.0], [0.0, 5.0]]


def test_training_through_a_compiled_module():
    def train(wrap):
        net = made().eval()
        f = wrap(net)
        optimizer = zincir.optim.SGD(f.parameters(), lr=0.125)
        for _ in range(4):
            optimizer.zero_grad()
            f(zincir.tensor([[1.0, 2.0]])).square().sum().backward()
            optimizer.step()
        return net.fc.weight.tolist()

    assert train(zincir.compile) == train(lambda net: net)


def test_copies_and_pickles_of_compiled_modules():
    net = made().eval()
    f = zincir.compile(net)
    x = zincir.tensor([[1.0, 2.0]])
    with zincir.no_grad():
        for _ in range(3):
            f(x)
        for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
            assert again(x).tolist() == [[1.0, 2.0]]
            for p in again.parameters():
                p.mul_(2)
            again.factor = 2.0
            assert again(x).tolist() == [[4.0, 8.0]]
            assert again(x).tolist() == [[4.0, 8.0]]
        assert f(x).tolist() == [[1.0, 2.0]]


def test_a_copy_of_a_compiled_function_records_for_itself():
    calls = Unseen()

    @zincir.compile
    def f(x):
        calls.append(1)
        return x * 2

    for _ in range(3):
        f(zincir.ones(1))
    g = copy.deepcopy(f)
    assert g is not f
    for _ in range(3):
        assert g(zincir.ones(1)).item() == 2.0
    assert len(calls) == 4


def test_a_compiled_function_within_a_module():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = zincir.compile(made().eval())

        def forward(self, x):
            return self.inner(x) + 1

    net = Outer()
    x = zincir.tensor([[1.0, 2.0]])
    assert [name for name, _ in net.named_parameters()] != []
    with zincir.no_grad():
        for f in (net, zincir.compile(net), copy.deepcopy(net)):
            assert [f(x).tolist() for _ in range(3)] == [[[2.0, 3.0]]] * 3


@pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")
def test_kinds_of_arguments_are_not_kept_for_ever():
    f = zincir.compile(lambda x, name: x + len(name))
    x = zincir.ones(1)
    assert [f(x, "n" * i).item() for i in range(100)] == [1.0 + i for i in range(100)]
    assert len(f._kinds) <= 64


def test_numbers_and_tensors_by_position_and_by_name_keep_their_places():
    @zincir.compile
    def f(a, pair, b, *, c, d):
        return a * 10000 + pair[0] * 1000 + pair[1] * 100 + b * 10 + c + d[0] / 10

    one, four = zincir.tensor(1.0), zincir.tensor(4.0)
    for n in (2.0, 6.0, 8.0):
        assert f(one, (n, four), 3.0, d=[5.0], c=7.0).item() == pytest.approx(10437.5 + n * 1000)
        assert f(1.0, (n, 4.0), 3.0, c=zincir.tensor(7.0), d=(5.0,)).item() == pytest.approx(
            10437.5 + n * 1000
        )
