"""Replays read and write the memory that tensors have at that moment, in the order it has there."""

import math
import warnings

import numpy as np
import pytest

import zincir
from zincir.errors import RecordingWarning

pytestmark = pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")


def nothing(_: object) -> None:
    pass


def values(t: zincir.Tensor | None) -> list[float]:
    assert t is not None
    return t.tolist()


def test_what_lies_backwards_is_changed_in_place():
    t = zincir.cat([x * 2 for x in zincir.arange(4).split(1)])
    turned = zincir.compile(lambda x: nothing(t.copy_(t.flip(0))))
    added = zincir.compile(lambda x: nothing(t.index_add_(0, zincir.tensor([0]), t[:1].clone())))
    turned(t[...])
    added(-1.0)
    assert values(t) == [12, 4, 2, 0]


def test_each_call_reads_what_lies_backwards_in_the_order_it_has():
    t = zincir.arange(4.0).flip(0)
    t.sum().item()
    added = zincir.compile(lambda: nothing(t.add_(t[:1].clone())))
    added()
    assert values(t) == [6, 5, 4, 3]
    added()
    assert values(t) == [12, 11, 10, 9]


@pytest.mark.parametrize("step", [2, -2])
def test_memory_of_an_array_with_gaps_is_changed_in_place(step: int):
    array = np.arange(8.0, dtype=np.float32)[::step]
    expected = array.copy()
    t = zincir.from_numpy(array)
    added = zincir.compile(lambda: nothing(t.add_(t.flip(0))))
    for _ in range(3):
        added()
        expected = expected + expected[::-1]
        assert array.tolist() == expected.tolist()


def test_a_gradient_that_lies_backwards_is_read_and_added_to():
    w = zincir.ones(3, requires_grad=True)
    w.grad = zincir.arange(3.0).flip(0)
    read = zincir.compile(lambda: w.grad * 2)
    assert [values(read()) for _ in range(2)] == [[4, 2, 0], [4, 2, 0]]
    back = zincir.compile(lambda: (w * w).sum().backward())
    back()
    back()
    assert values(w.grad) == [6, 5, 4]


def test_a_gradient_that_is_a_view_is_the_present_one():
    w = zincir.ones(2, 2, requires_grad=True)
    w.grad = zincir.arange(4.0).view(2, 2).t()
    read = zincir.compile(lambda: w.grad * 2)
    assert [values(read()) for _ in range(2)] == [[[0, 4], [2, 6]]] * 2
    w.grad = zincir.arange(4.0).view(2, 2)
    assert values(read()) == [[0, 2], [4, 6]]
    first, second = zincir.arange(8.0), zincir.zeros(8)
    w.grad = first[::2].view(2, 2)
    changed = zincir.compile(lambda: nothing(w.grad.add_(1)))
    changed()
    changed()
    w.grad = second[4:].view(2, 2)
    changed()
    assert values(first) == [2, 1, 4, 3, 6, 5, 8, 7]
    assert values(second) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_gradient_in_memory_of_an_array_is_the_present_one():
    w = zincir.ones(2, requires_grad=True)
    w.grad = zincir.from_numpy(np.array([1, 2], np.float32))
    read = zincir.compile(lambda: w.grad * 2)
    assert [values(read()) for _ in range(2)] == [[2, 4], [2, 4]]
    w.grad = zincir.from_numpy(np.array([3, 4], np.float32))
    assert values(read()) == [6, 8]


def test_backward_adds_to_a_gradient_that_was_put_there_since():
    w = zincir.ones(3, requires_grad=True)
    w.grad = zincir.arange(6.0)[::2]
    back = zincir.compile(lambda: (w * w).sum().backward())
    back()
    back()
    w.grad = zincir.arange(6.0)[1::2]
    back()
    assert values(w.grad) == [3, 5, 7]


def test_tensors_that_had_the_same_memory_part():
    x, y = zincir.ones(3), zincir.zeros(3)
    y.copy_(x)
    product = zincir.compile(lambda: (x * y).sum())
    product()
    assert product().item() == 3
    y.mul_(0)
    assert product().item() == 0

    y.data = x
    assert product().item() == 3
    assert product().item() == 3
    y.data = zincir.full((3,), 2.0)
    assert product().item() == 6


def test_a_tensor_that_shared_the_memory_of_one_that_is_changed_gets_its_own():
    x = zincir.ones(2)
    u = x.detach()
    changed = zincir.compile(lambda: nothing(x.add_(u)))
    changed()
    changed()
    assert values(x) == values(u) == [4, 4]
    u.data = zincir.zeros(2)
    changed()
    assert values(x) == [4, 4]


@pytest.mark.parametrize("form", [(zincir.float64, 4), (zincir.float32, 2), (zincir.float32, 4096)])
def test_a_tensor_of_another_form_is_changed_in_place(form: tuple[zincir.dtype, int]):
    t = zincir.zeros(4)
    changed = zincir.compile(lambda: nothing(t.add_(1)))
    changed()
    changed()
    dtype, n = form
    t.data = zincir.zeros(n, dtype=dtype)
    changed()
    assert t.dtype is dtype
    assert values(t) == [1] * n


def test_what_was_pending_before_is_an_input():
    m = zincir.nn.LayerNorm(2)
    optimizer = zincir.optim.SGD(m.parameters(), lr=0.25)
    zincir.compile(lambda x: None)(zincir.arange(4))
    m.weight.data.mul_(0.5)
    m(zincir.arange(4.0).view(2, 2)).mean().backward()
    optimizer.step()
    assert np.allclose(m.weight.tolist(), [0.625, 0.375])

    w = zincir.ones(2, requires_grad=True)
    w.data.mul_(2)
    y = w * 3
    read = zincir.compile(lambda: (w * 10).detach())
    assert [values(read()) for _ in range(2)] == [[20, 20], [20, 20]]
    w.data.mul_(2)
    assert values(read()) == [40, 40]
    assert values(y) == [6, 6]


def test_a_part_of_what_was_made_and_changed_is_returned():
    @zincir.compile
    def part(a, b):
        y = a @ b
        y.fill_(1.5)
        return y[0]

    m = zincir.ones(2, 2)
    results = [part(m, m) for _ in range(3)]
    results[0].mul_(2)
    assert [values(r) for r in results] == [[3, 3], [1.5, 1.5], [1.5, 1.5]]


@pytest.mark.parametrize("method", ["reshape", "ravel", "flatten", "contiguous"])
def test_what_has_to_be_copied_is_no_view_of_an_argument(method: str):
    def changed(x):
        y = x.reshape(-1) if method == "reshape" else getattr(x, method)()
        y.mul_(3)
        return y

    f = zincir.compile(changed)
    t = zincir.ones(2, 3)
    for _ in range(3):
        assert values(f(t[:, ::2]).reshape(-1)) == [3] * 4
        assert values(f(t.t()).reshape(-1)) == [3] * 6
    assert values(t) == [[1] * 3] * 2
    assert values(f(t).reshape(-1)) == [3] * 6
    assert values(t) == [[3] * 3] * 2


def test_arguments_lie_as_they_are_given():
    found = []

    @zincir.compile
    def look(x):
        found.append((x.is_contiguous(), x.stride()))
        return x * 2

    t = zincir.ones(2, 4)
    look(t[:, ::2])
    look(t.t())
    look(t[1:])
    look(np.ones((2, 4), np.float32).T)
    assert found == [(False, (4, 2)), (False, (1, 4)), (True, (4, 1)), (False, (1, 4))]
    shown = zincir.compile(lambda x: x.view(-1))
    with pytest.raises(RuntimeError, match="view"):
        shown(t.t())
    assert values(shown(t[:, :1])) == [1, 1]


def test_a_gradient_that_is_returned_is_the_gradient():
    w = zincir.ones(2, requires_grad=True)

    @zincir.compile
    def added():
        w.sum().backward()
        return w.grad.view(-1)

    results = [added() for _ in range(3)]
    assert [values(r) for r in results] == [[3, 3]] * 3
    results[0].mul_(2)
    assert values(w.grad) == [6, 6]
    w.grad = zincir.zeros(2)
    assert values(added()) == [1, 1]

    @zincir.compile
    def renewed():
        w.grad = None
        (w * 2).sum().backward()
        return w.grad

    results = [renewed() for _ in range(4)]
    assert results[3] is w.grad
    results[3].add_(1)
    assert [values(r) for r in results] == [[2, 2]] * 3 + [[3, 3]]


def test_a_gradient_that_is_taken_away_and_returned_is_that_of_each_call():
    w = zincir.ones(2, requires_grad=True)

    @zincir.compile
    def taken():
        g = w.grad
        w.grad = None
        return g

    for i in range(4):
        w.grad = zincir.full((2,), float(i))
        g = w.grad
        assert taken() is g
        assert w.grad is None
        assert values(g) == [i, i]


def test_hooks_and_flags_of_what_a_backward_pass_meets_are_watched():
    w, v = zincir.ones(2, requires_grad=True), zincir.ones(2)
    x = zincir.ones(2)
    f = zincir.compile(lambda x: zincir.autograd.grad((x * w + v).sum(), [w])[0])
    assert [values(f(x)) for _ in range(2)] == [[1, 1]] * 2
    hook = w.register_hook(lambda g: g * 5)
    assert [values(f(x)) for _ in range(2)] == [[5, 5]] * 2
    hook.remove()
    assert values(f(x)) == [1, 1]

    back = zincir.compile(lambda: (w + v).sum().backward())
    back()
    back()
    assert v.grad is None
    v.requires_grad_()
    back()
    assert values(v.grad) == [1, 1]
    assert values(w.grad) == [3, 3]


def test_a_parameter_that_is_put_in_place_of_another_collects_gradients():
    m = zincir.nn.BatchNorm1d(2)

    @zincir.compile
    def doubled(x):
        m.weight = zincir.nn.Parameter(m.weight.detach() * 2)
        return x

    for i in range(5):
        doubled(zincir.ones(2)[None])
        assert m.weight.requires_grad
        assert values(m.weight) == [2.0 ** (i + 1)] * 2


@pytest.mark.parametrize("kind", [zincir.optim.SGD, zincir.optim.AdamW])
def test_a_learning_rate_that_is_set_after_a_step_counts_for_the_next(kind):
    def run(wrap) -> list[float]:
        w = zincir.ones(2, requires_grad=True)
        optimizer = kind([w], lr=1.0)
        w.grad = zincir.ones(2)

        @wrap
        def step():
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= 0.5

        for _ in range(3):
            step()
        assert optimizer.param_groups[0]["lr"] == 0.125
        return values(w)

    assert run(zincir.compile) == run(lambda f: f)
    assert kind is not zincir.optim.SGD or run(zincir.compile) == [-0.75, -0.75]


def test_memory_that_is_assigned_is_that_of_the_argument():
    t = zincir.tensor([[1.0, 2.0], [3.0, 4.0]])
    first = t[0]

    def same(x):
        t.data = x

    zincir.compile(same)(t)
    first.mul_(3)
    assert values(t) == [[3, 6], [3, 4]]

    u = zincir.ones(5)

    def part(x):
        u.data = x.data

    zincir.compile(part)(t[:, ::2])
    u.sub_(1)
    assert values(t) == [[2, 6], [2, 4]]

    def swapped(x, y):
        memory = x.data
        x.data = y.data
        y.data = memory
        y.add_(1)

    a, b = zincir.ones(2), zincir.zeros(2)
    view = a[:1]
    zincir.compile(swapped)(a, b)
    b.add_(1)
    a.add_(5)
    assert (values(a), values(b), values(view)) == ([5, 5], [3, 3], [3])

    def taken(x, y):
        x.data = y
        y.add_(1)

    a, b = zincir.ones(2), zincir.zeros(2)
    zincir.compile(taken)(a, b)
    b.add_(1)
    assert values(a) == values(b) == [2, 2]


def test_what_is_run_again_is_done_once():
    """An argument shares memory with what is changed: what was recorded is taken back first."""
    m = zincir.nn.Linear(2, 1)
    with zincir.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(1.0)
    t = zincir.ones(2)

    @zincir.compile
    def all_kinds(x):
        x.mul_(2)
        t.add_(1)
        m.weight = zincir.nn.Parameter(m.weight.detach() * 2)
        m.weight.register_hook(lambda g: g * 2)
        m.bias.data = m.bias.detach() * 3
        m.register_forward_hook(lambda *_: None)
        m.extra = 5

    all_kinds(t[:1])
    assert values(t) == [3, 2]
    assert values(m.weight) == [[2, 2]]
    assert values(m.bias) == [3]
    m(zincir.ones(1, 2)).sum().backward()
    assert values(m.weight.grad) == [[2, 2]]
    assert len(m._forward_hooks) == 1


def test_requires_grad_of_an_argument_is_that_of_the_tensor_itself():
    t = zincir.ones(2)

    @zincir.compile
    def through(x):
        x.requires_grad_()
        (t * t).sum().backward()

    for i in range(3):
        through(t)
        assert values(t.grad) == [2 * (i + 1)] * 2

    u = zincir.arange(2.0)

    @zincir.compile
    def twice(x, y):
        x.mul_(1.5)
        x.requires_grad_()
        return zincir.autograd.grad((x * y * y).sum(), [y])[0]

    twice(u, u)
    with pytest.raises(RuntimeError, match="leaf"):
        twice(u, u)
    assert u.is_leaf
    assert values(u) == [0, 1.5]

    a, b = zincir.arange(2.0), zincir.ones(2)

    @zincir.compile
    def turned(x):
        x.mul_(1.5)
        x.requires_grad_()

    turned(a)
    assert a.is_leaf
    assert a.requires_grad
    assert b.requires_grad is False


def test_an_argument_brings_its_gradient():
    t = zincir.zeros(2)
    t.grad = zincir.ones(2)
    read = zincir.compile(lambda x: x.grad.view(-1))
    assert [values(read(t)) for _ in range(2)] == [[1, 1]] * 2
    t.grad = zincir.zeros(2)
    assert values(read(t)) == [0, 0]


def test_a_view_of_a_view_that_was_made_without_gradients_is_returned():
    t = zincir.arange(8.0).view(2, 2, 2).requires_grad_() * 1
    turned = zincir.compile(lambda x: t.select(0, 1).t())
    with zincir.no_grad():
        results = [turned(0.5) for _ in range(3)]
        assert [values(r) for r in results] == [[[4, 6], [5, 7]]] * 3
        results[0].mul_(2)
    assert values(results[2]) == [[8, 12], [10, 14]]
    assert values(t[1]) == [[8, 10], [12, 14]]


def test_what_was_made_and_changed_is_read_as_it_was_made():
    t = zincir.ones(2, requires_grad=True)

    @zincir.compile
    def assigned():
        t.grad = zincir.ones_like(t)
        t.grad.add_(2)

    for _ in range(3):
        assigned()
        assert values(t.grad) == [3, 3]

    @zincir.compile
    def added():
        t.grad = zincir.ones_like(t)
        (t * 2).sum().backward()

    for _ in range(3):
        added()
        assert values(t.grad) == [3, 3]


def test_a_parameter_that_was_given_a_view_is_trained():
    t = zincir.ones(3, requires_grad=True)
    memory = zincir.arange(6.0).reshape(2, 3)
    optimizer = zincir.optim.SGD([t], lr=0.25)
    t.data = memory.data
    t.sum().backward()
    optimizer.step()
    assert values(t) == [[-0.25, 0.75, 1.75], [2.75, 3.75, 4.75]]
    assert values(memory) == values(t)


def test_a_detached_name_of_what_was_changed_shares_its_memory():
    for change in (
        lambda t: t.reshape(-1).add_(1),
        lambda t: t.add_(1),
        lambda t: t.copy_(t.reshape(-1)),
    ):
        t = zincir.arange(4)

        def named(x, change=change, t=t):
            change(t)
            return t.reshape(-1).detach(), t.detach()

        for i in range(3):
            for r in zincir.compile(named)(0.5):
                t.fill_(50 + i)
                assert values(r) == [50 + i] * 4


def test_an_argument_that_begins_to_collect_gradients_is_changed_in_place():
    def turned(x):
        x.requires_grad_()
        x.data.mul_(2)

    t = zincir.ones(3)
    zincir.compile(turned)(t)
    assert values(t) == [2, 2, 2]
    assert t.requires_grad


def test_the_state_of_an_optimizer_cannot_be_loaded_in_a_recording():
    w = zincir.ones(2, requires_grad=True)
    optimizer = zincir.optim.Adam([w])
    w.sum().backward()
    optimizer.step()
    load = zincir.compile(lambda: optimizer.load_state_dict(optimizer.state_dict()))
    with pytest.raises(zincir.errors.TraceError, match="cannot look at a value"):
        load()


@pytest.mark.parametrize(
    "method", ["add", "sub", "mul", "div", "rsub", "clamp", "sub_", "clamp_", "where"]
)
@pytest.mark.parametrize("numbers", [(0.5, 0.25, 0.75), (1, 2, 3)])
def test_numbers_that_differ_are_operands(method: str, numbers: tuple[float, ...]):
    def applied(n):
        x = zincir.tensor([1.0, 2.0, -0.5])
        if method == "rsub":
            return n - x
        return zincir.where(x > 0, x, n) if method == "where" else getattr(x, method)(n)

    f = zincir.compile(applied)
    for n in numbers:
        assert values(f(n)) == values(applied(n))


def test_memory_that_an_argument_gets_is_that_of_the_same_tensor():
    for t in (zincir.ones(4)[::2], zincir.ones(2), zincir.ones(4)[:2]):

        def doubled(x, t=t):
            x.data = t.detach() * 2
            return t * 1

        assert values(zincir.compile(doubled)(t)) == [2, 2]
        assert values(t) == [2, 2]


@pytest.mark.parametrize(
    "formula",
    [
        "n % 3", "n // 2", "n ** 2", "2 ** n", "0.5 ** (n // 2)", "7 % n", "7 // n", "n & 1",
        "1 << n", "~n", "divmod(n, 2)[1]", "math.floor(n / 2)", "math.ceil(n / 2)",
        "math.trunc(n / 2)",
        "round(n / 3, 1)", "-n + abs(n) * 2", "n ^ 1", "5 | n", "n >> 1", "10 - n", "1 / n",
    ],
)  # fmt: skip
def test_python_computes_with_numbers_that_differ(formula: str):
    x = zincir.arange(3.0)

    def scaled(n):
        return x * eval(formula, {"math": math, "n": n})

    f = zincir.compile(scaled)
    for n in (1, 2, 3, 4, 2):
        assert values(f(n)) == values(scaled(n))


def test_a_sum_of_numbers_that_is_looked_at_is_good_for_both():
    x = zincir.ones(1)
    f = zincir.compile(lambda a, b: x * (2 if a + b > 3 else 1))
    pairs = [(1, 1), (2, 0), (1, 2), (1, 3), (1, 1), (3, 3)]
    assert [f(a, b).item() for a, b in pairs] == [1, 1, 1, 2, 1, 2]


def test_flags_and_changes_are_taken_back_in_order():
    """The argument is read otherwise too, so the function runs again as it is written."""
    x = zincir.arange(4)
    for first in (True, False):
        w = zincir.ones(2, requires_grad=True)

        def turned(a, w=w, first=first):
            a = a + x
            if first:
                w.requires_grad = False
            with zincir.no_grad():
                w.mul_(3)
            w.requires_grad = False

        zincir.compile(turned)(x)
        assert values(w) == [3, 3]
        assert not w.requires_grad


def test_a_recording_for_another_shape_copies_no_parameters():
    """An older recording does not hold on to the values that parameters had."""
    net = zincir.nn.Linear(4, 3)
    optimizer = zincir.optim.Adam(net.parameters())

    @zincir.compile
    def step(x):
        optimizer.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    @zincir.compile
    @zincir.no_grad()
    def predict(x):
        return net(x)

    for _ in range(3):
        step(zincir.ones(5, 4))
    places = [p._held.value.pointer for p in net.parameters()]
    for rows in (6, 7, 5, 6):
        for _ in range(2):
            predict(zincir.ones(rows, 4))
            step(zincir.ones(rows, 4))
    assert [p._held.value.pointer for p in net.parameters()] == places


@pytest.mark.parametrize("kept", [False, True])
def test_what_numpy_sees_keeps_its_gradients_when_a_recording_is_undone(kept):
    w, other = zincir.ones(2, requires_grad=True), zincir.zeros(3)
    x = w * w
    seen = x.detach().numpy()

    @zincir.compile
    def double(y):
        with zincir.no_grad():
            x.mul_(2)
        if kept:
            other.data[0] = 0.5  # cannot be recorded
        return y * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        for k in range(1, 4):
            double(other)
            assert seen.tolist() == x.tolist() == [2**k] * 2
    assert x.requires_grad
    assert not x.is_leaf
    x.sum().backward()
    assert w.grad.tolist() == [2, 2]


@pytest.mark.parametrize(
    "use",
    [
        lambda c, a: a / c.to(zincir.float64),
        lambda c, a: a * c,
        lambda c, a: a**c,
        lambda c, a: (a + 1) ** c.double(),
        lambda c, a: a.clamp(max=c),
    ],
)
@pytest.mark.parametrize("first", [0, 2])
def test_a_tensor_set_to_one_number_is_no_constant_to_what_reads_it(use, first):
    count, a = zincir.ones((), dtype=zincir.int64), zincir.ones(2, dtype=zincir.float64)
    count.fill_(first)

    @zincir.compile
    def step(x):
        count.add_(4)
        return use(count, x)

    for start in (first, 1, 0):
        count.fill_(start)
        for k in range(1, 4):
            expected = use(zincir.tensor(start + 4 * k), a).tolist()
            assert step(a).tolist() == expected
            assert count.item() == start + 4 * k
            assert use(count, a).tolist() == expected


def double_through_numpy(t, u, a):
    u.mul_(-1)
    u.add_(t)


def fill_and_double(t, u, a):
    u.fill_(3)
    t.mul_(2)
    u.add_(a)


def parts(t, u, a):
    u[:1].fill_(3)
    t[1:].mul_(2)
    u.add_(t)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (double_through_numpy, [[-2, -4], [4, 8], [-8, -16]]),
        (fill_and_double, [[7, 7], [7, 7], [7, 7]]),
        (parts, [[6, 8], [6, 32], [6, 128]]),
    ],
)
def test_two_tensors_over_one_array(function, found):
    """Each has a storage of its own; what is written through one the other sees, as in PyTorch."""
    t = zincir.tensor([1.0, 2.0])
    u = zincir.from_numpy(t.numpy())
    step = zincir.compile(lambda a: function(t, u, a))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        for expected in found:
            step(zincir.ones(2))
            assert t.tolist() == u.tolist() == expected


@pytest.mark.parametrize("seen", [False, True])
def test_a_view_that_was_looked_at_is_read_anew_by_a_replay(seen):
    x = (zincir.tensor([[0.75, 5.0, -1.25, 6.0]]) * 1)[:, ::2]

    def halve():
        x[..., 0] *= -0.5  # a view changed in place, and then set from itself

    step = zincir.compile(halve)
    found = []
    for change in (halve, step, halve, step, step):
        if seen:
            x.tolist()
        change()
        found.append(x.tolist()[0][0])
    assert found == [-0.375, 0.1875, -0.09375, 0.046875, -0.0234375]


@pytest.mark.parametrize("first_alone", [False, True])
def test_an_argument_over_the_array_of_what_is_written(first_alone):
    """The function gets `x` and writes to its memory under another name, by NumPy's array."""
    x = zincir.tensor([1.0, 2.0])
    u = zincir.from_numpy(x.numpy())

    @zincir.compile
    def add(a):
        u.add_(1)
        return a * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        if first_alone:
            other = zincir.tensor([5.0, 5.0])
            seen = other.numpy()
            for _ in range(3):
                assert add(other).tolist() == [10, 10]
            u.sub_(3)
            assert seen.tolist() == [5, 5]
        for k in range(1, 4):
            assert add(x).tolist() == [2 * (1 + k), 2 * (2 + k)]
            assert x.tolist() == u.tolist() == [1 + k, 2 + k]


def test_gradients_that_require_gradients_say_so_after_their_graph_was_given_up():
    w = zincir.tensor([2.0, 3.0], requires_grad=True)

    def twice():
        (g,) = zincir.autograd.grad((w * w).sum(), [w], create_graph=True)
        (g * g).sum().backward(create_graph=True)
        (w * g).sum().backward()

    for step in (twice, zincir.compile(twice)):
        for _ in range(3):
            w.grad = None
            step()
            assert w.grad.tolist() == [24.0, 36.0]
            assert w.grad.requires_grad
            assert not w.grad.is_leaf


def looked_at_by_state_dict(net: zincir.nn.Module) -> object:
    return net.state_dict()


def looked_at_by_views(net: zincir.nn.Module) -> object:
    return [(p.detach()[:1], p.data.T) for p in net.parameters()]


@pytest.mark.parametrize("look", [looked_at_by_state_dict, looked_at_by_views])
def test_memory_that_nobody_else_looks_at_any_more_is_the_parameters_own(look):
    zincir.manual_seed(0)
    net = zincir.nn.Linear(3, 2)
    twin = zincir.nn.Linear(3, 2)
    twin.load_state_dict(net.state_dict())
    steps = []
    for model in (net, twin):
        optimizer = zincir.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()

        steps.append(zincir.compile(step))
    x = zincir.randn(4, 3)

    def both_step(times: int) -> None:
        for _ in range(times):
            steps[0](x)
            steps[1](x)

    both_step(3)
    seen = look(net)
    weight = net.weight.detach()
    both_step(3)  # who looks sees each step,
    assert weight.tolist() == net.weight.tolist() == twin.weight.tolist()
    assert net.weight._storage is not None
    count = net.weight._version
    del seen, weight
    both_step(2)  # and when nobody does, nobody is told
    assert net.weight._storage is net.bias._storage is None
    assert net.weight._version == count + 2
    weight = net.weight.detach()  # until somebody looks again
    first = weight[0]
    both_step(2)
    assert weight.tolist() == net.weight.tolist() == twin.weight.tolist()
    assert first.tolist() == twin.weight[0].tolist()
    assert net.weight._version == count + 4


def test_memory_is_not_the_parameters_own_while_a_graph_needs_to_know():
    w = zincir.nn.Parameter(zincir.tensor([1.0, 2.0]))
    w.detach()

    def change(x):
        with zincir.no_grad():
            w.add_(x)

    compiled = zincir.compile(change)
    for _ in range(3):
        compiled(zincir.tensor(1.0))
    w.detach()
    loss = (w * w).sum()
    for _ in range(3):
        compiled(zincir.tensor(1.0))
    with pytest.raises(RuntimeError, match="change in place"):
        loss.backward()
    assert w.tolist() == [7.0, 8.0]


@pytest.mark.parametrize("other", [lambda t: t, lambda t: t.view(2, 3), lambda t: t[:]])
@pytest.mark.parametrize("copy", [lambda t: t.clone(), lambda t: t**1, lambda t: t * 1])
def test_what_views_hold_is_taken_back(copy, other):
    """A view that comes to require gradients, in a recording that has to be undone."""
    t = zincir.arange(6.0).reshape(2, 3)  # a view
    same, g = other(t), zincir.ones(2, 3, requires_grad=True) * 1

    @zincir.compile
    def step(x):
        x.view(-1).mul_(1.5)
        before = copy(same)
        same.relu_()
        same.add_(g)
        return before

    before = step(t)
    assert not before.requires_grad
    assert before.tolist() == [[0.0, 1.5, 3.0], [4.5, 6.0, 7.5]]
    assert t.requires_grad
    assert same.requires_grad


def test_a_view_with_gradients_is_changed_once_more_after_a_recording_was_undone():
    leaf = zincir.ones(4, dtype=zincir.float64, requires_grad=True)
    one, other = ((leaf.clamp(-1, 1)).view(-1) for _ in range(2))

    def change(x):
        one.sin_()
        return x.detach()

    seen = change(one)

    @zincir.compile
    def step(x):
        change(other)

    step(seen)
    assert one.tolist() == pytest.approx([math.sin(math.sin(1))] * 4)
    assert seen.tolist() == one.tolist()


def test_what_was_written_through_data_before_is_there_after_a_recording_was_undone():
    t, whole = zincir.arange(6.0).reshape(2, 3), zincir.ones(2)

    @zincir.compile
    def step(x):
        whole.data.mul_(3.0)
        x.squeeze()
        t.add_(t)

    for times in range(1, 4):
        step(t[:, 1])
        with zincir.no_grad():  # a recording of its own, which is undone, too
            step(t[:, 1])
        assert t[0].tolist() == [0, 4**times, 2 * 4**times]
    assert whole.tolist() == [729.0, 729.0]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_view_that_nobody_looked_at_is_read_anew_by_a_replay(quiet):
    """It was overtaken by a write through another view, and computed with, lazily."""
    t = zincir.arange(6.0).reshape(2, 3)
    column = t[:, 0]

    def before():
        t.diagonal().fill_(1.0)
        return column % 3

    @zincir.compile
    def halve():
        if quiet:
            with zincir.no_grad():
                column.div_(2)
        else:
            column.div_(2)
        return column.flip(())

    for times in range(1, 5):
        before()
        flipped = halve()
        assert t.tolist() == [[0.5, 1.0, 2.0], [3.0 / 2**times, 1.0, 5.0]]
        assert flipped.tolist() == [0.5, 3.0 / 2**times]
