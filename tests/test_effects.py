"""What a function does besides computing it does at each call: count, draw, read on.

And what it returns is of the kind, with the attributes and the identity that it would have.
"""

import array
import collections
import dataclasses
import functools
import gc
import itertools
import operator
import random
import sys
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from scenes import Scene, Scenes, Unseen, cases
from zincir.errors import RecordingWarning, TraceError

SCENES = Scenes()
gives = SCENES.gives


def results(T: Any, f: Callable[[Any], Any], calls: int = 7) -> list[float]:
    """The sums of what it makes of ones."""
    return [f(T.ones(2)).sum().item() for _ in range(calls)]


class Agent:
    """Each third update is another one, and nobody asks for the count outside."""

    def __init__(self, T: Any) -> None:
        self.net, self.target = T.nn.Linear(1, 1, bias=False), T.zeros(1, 1)
        T.nn.init.ones_(self.net.weight)
        self.optimizer = T.optim.SGD(self.net.parameters(), lr=0.125)
        self.updates = 0

    def update(self, x: Any) -> Any:
        self.updates += 1
        self.optimizer.zero_grad()
        loss = self.loss(x)
        loss.backward()
        self.optimizer.step()
        if self.updates % 3 == 0:
            self.target.copy_(self.net.weight.detach())
        return loss.detach()

    def loss(self, x: Any) -> Any:
        return self.net(x).sum() - self.target.sum() * 0.5


@gives([7, [2.0, 1.5, 1.0, 0.375, -0.125, -0.625, -0.75], [[-0.5]]])
def an_agent_that_counts(T, C):
    agent = Agent(T)
    update = C(agent.update)
    losses = [update(T.ones(2, 1)).item() for _ in range(7)]
    return agent.updates, losses, agent.target


def counting(T, C, count):
    """A function that is the same for its first two calls, and counts."""
    return results(T, C(lambda x: x * (5.0 if count() > 4 else 1.0)))


FIVE = [2.0, 2.0, 2.0, 2.0, 10.0, 10.0, 10.0]


@gives(FIVE)
def an_attribute_is_counted(T, C):
    holder = types.SimpleNamespace(n=0)

    def count():
        holder.n += 1
        return holder.n

    return counting(T, C, count)


@gives(FIVE)
def a_closed_over_number_is_counted(T, C):
    n = 0

    def count():
        nonlocal n
        n += 1
        return n

    return counting(T, C, count)


NUMBER = 0


@gives(FIVE)
def a_global_is_counted(T, C):
    def count():
        global NUMBER
        NUMBER += 1
        return NUMBER

    global NUMBER
    NUMBER = 0
    return counting(T, C, count)


@gives(FIVE)
def a_list_grows(T, C):
    grown = []

    def count():
        grown.append("once more")
        return len(grown)

    return counting(T, C, count)


@gives(FIVE)
def a_list_shrinks(T, C):
    left = [1] * 7

    def count():
        left.pop()
        return 7 - len(left)

    return counting(T, C, count)


@gives(FIVE)
def an_item_is_counted(T, C):
    table: dict[str, int] = {}

    def count():
        table["n"] = table.get("n", 0) + 1
        return table["n"]

    return counting(T, C, count)


@gives(FIVE)
def a_class_counts(T, C):
    class Counted:
        n = 0

        @classmethod
        def count(cls):
            cls.n += 1
            return cls.n

    return counting(T, C, Counted.count)


@gives(FIVE)
def an_array_counts(T, C):
    array = np.zeros(1)

    def count():
        array[0] += 1
        return array[0]

    return counting(T, C, count)


@gives(FIVE)
def an_iterator_of_the_users(T, C):
    class Counter:
        n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            return self.n

    counter = Counter()
    return counting(T, C, lambda: next(counter))


@gives([5, {"n": 5}])
def what_is_counted_and_not_read(T, C):
    holder, table = types.SimpleNamespace(n=0), {"n": 0}

    @C
    def f(x):
        holder.n += 1
        table["n"] += 1
        return x * 2

    for _ in range(5):
        f(T.ones(2))
    return holder.n, table


@gives([True, False, 3])
def what_is_set_and_not_read(T, C):
    holder = types.SimpleNamespace(done=False)
    compiled, seen = C(lambda x: (setattr(holder, "other", 3), setter(holder), x * 2)[2]), []

    def setter(holder):
        holder.done = True

    for _ in range(4):
        compiled(T.ones(2))
    seen.append(holder.done)
    holder.done = False
    seen.append(holder.done)
    compiled(T.ones(2))
    return holder.done, seen[1], holder.other


@gives([[2.0, 4.0, 2.0, 4.0], [[1], [1, 2], [1], [1, 2]]])
def a_call_that_fails_now_and_then(T, C):
    state = types.SimpleNamespace(n=0)

    @C
    def f(x):
        state.n += 1
        if state.n % 3 == 0:
            raise ValueError("the third time")
        return x * (state.n % 3)

    done, failed = [], []
    for _ in range(2):
        failed.append([1])
        done.append(f(T.ones(2)).sum().item())
        failed.append([1, 2])
        done.append(f(T.ones(2)).sum().item())
        with pytest.raises(ValueError, match="the third time"):
            f(T.ones(2))
    return done, failed


class Switching:
    """Evaluates in the middle of a step, and leaves the modes as they were."""

    def __init__(self, T: Any) -> None:
        self.net = T.nn.Sequential(T.nn.BatchNorm1d(2, momentum=0.5))
        self.T = T

    def __call__(self, x: Any) -> Any:
        was = self.net.training
        trained = self.net(x).sum()
        with self.T.no_grad():
            self.net.eval()
            evaluated = self.net(x).sum()
            self.net.train(was)
        return trained, evaluated


@gives([[[0.0, 3.842615], [0.0, 1.867819], [1.867819, 1.867819], [0.0, 0.934117]], [3, True]])
def modes_that_come_back(T, C):
    switching, found = Switching(T), []
    compiled = C(switching)
    x = T.tensor([[1.0, 2.0], [2.0, 5.0]])
    for training in (True, True, False, True):
        switching.net.train(training)
        found.append([round(y.item(), 6) + 0.0 for y in compiled(x)])
    return found, [switching.net[0].num_batches_tracked, switching.net.training]


@gives([[2, False], [4, False], [6, True], [8, True]])
def modes_that_do_not(T, C):
    net, found = T.nn.Dropout(0.5), []
    compiled = C(lambda x, on: (net.train(on), x * 2)[1])
    for i in range(4):
        found.append([compiled(T.tensor(i + 1), i > 1).item(), net.training])
        net.train(i == 0)
        net.train(i > 1)
    return found


# Random numbers and iterators -------------------------------------------------------------------


def drawn(T, C, draw, start):
    """Whether a compiled function draws what a plain one draws, each time."""
    start()
    plain_ = results(T, lambda x: x * draw(), 12)
    start()
    compiled = results(T, C(lambda x: x * draw()), 12)
    return compiled == plain_, len(set(plain_)) > 1


def seeded():
    random.seed(3)
    np.random.seed(3)


@gives([True, True])
def randomness_of_python(T, C):
    return drawn(T, C, lambda: random.randint(0, 2), seeded)


@gives([True, True])
def a_choice(T, C):
    return drawn(T, C, lambda: random.choice([1.0, 2.0]), seeded)


@gives([True, True])
def a_coin(T, C):
    return drawn(T, C, lambda: 2.0 if random.random() < 0.5 else 1.0, seeded)


@gives([True, True])
def randomness_of_numpy(T, C):
    return drawn(T, C, lambda: float(np.random.randint(0, 2)), seeded)


@gives([True, True])
def a_function_of_random(T, C):
    from random import random as chance

    return drawn(T, C, lambda: 2.0 if chance() < 0.5 else 1.0, seeded)


@gives([True, True])
def a_shuffled_list(T, C):
    items = [1.0, 2.0, 3.0]

    def start():
        seeded()
        items[:] = [1.0, 2.0, 3.0]

    return drawn(T, C, lambda: (random.shuffle(items), items[0])[1], start)


@gives([True, True])
def a_generator_of_numpy(T, C):
    holder = types.SimpleNamespace()

    def start():
        holder.rng = np.random.default_rng(3)

    return drawn(T, C, lambda: float(holder.rng.integers(0, 2)), start)


@gives([True, True])
def a_generator_of_python(T, C):
    holder = types.SimpleNamespace()

    def start():
        holder.rng = random.Random(3)

    return drawn(T, C, lambda: float(holder.rng.randrange(2)), start)


@gives([True, True])
def a_method_of_a_generator(T, C):
    holder = types.SimpleNamespace()

    def start():
        holder.draw = np.random.default_rng(3).integers

    return drawn(T, C, lambda: float(holder.draw(0, 2)), start)


def read_on(T, C, iterator, calls=6):
    return results(T, C(lambda x: x * next(iterator)), calls)


ONES_AND_TWOS = [2.0, 2.0, 4.0, 2.0, 2.0, 4.0]


@gives(ONES_AND_TWOS)
def a_cycle(T, C):
    return read_on(T, C, itertools.cycle([1.0, 1.0, 2.0]))


@gives(ONES_AND_TWOS)
def an_iterator_of_a_list(T, C):
    return read_on(T, C, iter([1.0, 1.0, 2.0] * 2))


@gives(ONES_AND_TWOS)
def a_generator_function(T, C):
    def numbers():
        while True:
            yield 1.0
            yield 1.0
            yield 2.0

    return read_on(T, C, numbers())


@gives(ONES_AND_TWOS)
def an_iterator_in_a_table(T, C):
    table = {"a": [itertools.cycle([1.0, 1.0, 2.0])]}
    return results(T, C(lambda x: x * next(table["a"][0])), 6)


@gives(ONES_AND_TWOS)
def an_iterator_in_an_attribute(T, C):
    holder = types.SimpleNamespace(it=itertools.cycle([1.0, 1.0, 2.0]))
    return results(T, C(lambda x: x * next(holder.it)), 6)


@gives(ONES_AND_TWOS)
def a_method_of_an_iterator(T, C):
    draw = itertools.cycle([1.0, 1.0, 2.0]).__next__
    return results(T, C(lambda x: x * draw()), 6)


# Results ----------------------------------------------------------------------------------------


class Attributed(list[Any]):
    """A list that may have attributes, made in its own way."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__([first, second])
        self.first = first


class Table(dict[str, Any]):
    def __init__(self, name: str, value: Any) -> None:
        super().__init__({name: value})
        self.name = name


class Pair(tuple[Any, ...]):
    name: Any = None

    def __new__(cls, a, b, c):
        return super().__new__(cls, (a, b, c))


@gives([[[2.0, 3.0, 2.0, "Attributed"]] * 4, [[4.0, "a", "Table"]] * 4, [[5.0, 3, 7.0]] * 4])
def containers_of_ones_own(T, C):
    first = C(lambda x: Attributed(x * 2, x * 3))
    second = C(lambda x: Table("a", x * 4))

    @C
    def third(x):
        pair = Pair(x, 2, 3)
        pair.name = x * 5
        return pair

    one = T.ones(1)
    lists = [first(one) for _ in range(4)]
    tables = [second(one) for _ in range(4)]
    pairs = [third(one) for _ in range(4)]
    return (
        [[x[0].item(), x[1].item(), x.first.item(), type(x).__name__] for x in lists],
        [[x["a"].item(), x.name, type(x).__name__] for x in tables],
        [[x.name.item(), len(x), (x[0] * 7).item()] for x in pairs],
    )


@gives([[["a", "b"], 1.0]] * 4)
def a_dictionary_with_a_default(T, C):
    @C
    def f(x):
        table = collections.defaultdict(list)
        table["a"].append(x * 1)
        return table

    found = [f(T.ones(1)) for _ in range(4)]
    for table in found:
        table["b"].append(1)
    return [[sorted(table), table["a"][0].item()] for table in found]


@gives([["b", "a"]] * 4)
def an_ordered_dictionary(T, C):
    @C
    def f(x):
        table = collections.OrderedDict(b=x * 1, a=x * 2)
        table.move_to_end("b", last=False)
        return table

    return [list(f(T.ones(1))) for _ in range(4)]


@gives([[2.0, 4.0, 6.0, 8.0, 10.0], [2.0, 4.0, 6.0, 8.0, 10.0]])
def objects_that_hold_results(T, C):
    partial = C(lambda x: functools.partial(T.add, x * 2))
    method = C(lambda x: (x * 2).sum)
    numbers = range(1, 6)
    return (
        [partial(T.ones(1) * i)(0).item() for i in numbers],
        [method(T.ones(1) * i)().item() for i in numbers],
    )


@gives([[True] * 4, [True] * 4, [False] * 3, [1, 1, 1, 1]])
def who_else_holds_what_is_returned(T, C):
    kept, table, made = [1, 2], {"a": [3]}, []
    a, b = C(lambda x: kept), C(lambda x: {"all": table})
    one = T.ones(1)

    @C
    def fresh(x):
        return {1}, [x * 1]

    for _ in range(4):
        new = fresh(one)
        made.append(new)
        new[0].add(len(made) + 1)
    return (
        [a(one) is kept for _ in range(4)],
        [b(one)["all"] is table for _ in range(4)],
        [x[0] is y[0] for x, y in itertools.pairwise(made)],
        [len(x[0]) - 1 for x in made],
    )


# What is only done later, or in places without a name ------------------------------------------


def later(T, C, f, change, calls=9):
    """The sums of what it makes of ones, where something is changed after the fourth call."""
    compiled, found = C(f), []
    for i in range(calls):
        if i == 4:
            change()
        found.append(compiled(T.ones(2)).sum().item())
    return found


@gives([[2.0] * 4 + [4.0] * 5, 5])
def a_count_that_begins_later(T, C):
    state, flags = types.SimpleNamespace(n=0), types.SimpleNamespace(on=False)

    def bump():
        state.n += 1

    def f(x):
        if flags.on:
            bump()
        return x * (2 if flags.on else 1)

    return later(T, C, f, lambda: setattr(flags, "on", True)), state.n


@gives([True, True])
def a_coin_that_is_thrown_later(T, C):
    flags = types.SimpleNamespace(on=False)

    def coin():
        return random.random() < 0.5

    def f(x):
        return x * (3 if flags.on and coin() else 1)

    found = []
    for compiled in (f, C(f)):
        random.seed(3)
        flags.on = False
        found.append(later(T, lambda g: g, compiled, lambda: setattr(flags, "on", True), 16))
    return found[0] == found[1], len(set(found[0])) > 1


@gives([0.134364] * 5)
def a_seed_within(T, C):
    """What is drawn outside goes on from there."""

    @C
    def f(x):
        random.seed(1)
        return x * 2

    found = []
    for _ in range(5):
        f(T.ones(2))
        found.append(round(random.random(), 6))
    return found


@gives([2.0, 4.0, 2.0, 4.0, 2.0, 4.0])
def tensors_that_change_places(T, C):
    holder = types.SimpleNamespace(a=T.ones(2), b=T.ones(2) * 2)

    def f(x):
        y = x * holder.a
        holder.a, holder.b = holder.b, holder.a
        return y

    return results(T, C(f), 6)


@gives([2.0, 4.0, 6.0, 2.0, 4.0, 6.0])
def a_queue_of_tensors(T, C):
    queue = collections.deque([T.ones(2), T.ones(2) * 2, T.ones(2) * 3])

    def f(x):
        queue.rotate(-1)
        return x * queue[-1]

    return results(T, C(f), 6)


@gives([2.0, 4.0, 6.0, 2.0, 4.0])
def tensors_one_after_the_other(T, C):
    tensors = itertools.cycle([T.ones(2), T.ones(2) * 2, T.ones(2) * 3])
    return results(T, C(lambda x: x * next(tensors)), 5)


PLACES: list[tuple[str, Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]]] = []


def place(make):
    """A place where code finds a number, 1 at first, and what sets it to 5."""
    PLACES.append((make.__name__, make))
    return make


def setter(container, key=0):
    return lambda: container.__setitem__(key, 5.0)


@place
def partial_argument():
    table = {"k": 1.0}
    return functools.partial(lambda t: t["k"], table), setter(table, "k")


@place
def method_of_a_dictionary():
    table = {"k": 1.0}
    get = table.get
    return lambda: get("k"), setter(table, "k")


@place
def class_that_is_a_dictionary():
    class Own(dict[str, Any]):
        def k(self):
            return self["k"]

    own = Own(k=1.0)
    return own.k, setter(own, "k")


@place
def key_of_a_dictionary():
    class Key:
        k = 1.0

    key = Key()
    table = {key: 0}
    return lambda: next(iter(table)).k, lambda: setattr(key, "k", 5.0)


@place
def frozen_set():
    class Own:
        k = 1.0

    own = Own()
    held = frozenset([own])
    return lambda: next(iter(held)).k, lambda: setattr(own, "k", 5.0)


@place
def view_of_a_dictionary():
    table = {"k": 1.0}
    values = table.values()
    return lambda: next(iter(values)), setter(table, "k")


@place
def proxy_of_a_dictionary():
    table = {"k": 1.0}
    proxy = types.MappingProxyType(table)
    return lambda: proxy["k"], setter(table, "k")


@place
def order_of_a_dictionary():
    table = {"a": 1.0, "b": 5.0}
    return lambda: next(iter(table.values())), lambda: table.update(a=table.pop("a"))


@place
def weak_dictionary():
    class Key:
        pass

    key = Key()
    table = weakref.WeakKeyDictionary({key: 1.0})
    return lambda: table[key], setter(table, key)


@place
def chain_of_dictionaries():
    table = {"k": 1.0}
    chained = collections.ChainMap({}, table)
    return lambda: chained["k"], setter(table, "k")


@place
def array_of_python():
    numbers = array.array("d", [1.0])
    return lambda: numbers[0], setter(numbers)


@place
def array_of_bytes():
    numbers = bytearray([1])
    return lambda: float(numbers[0]), lambda: numbers.__setitem__(0, 5)


@place
def array_of_objects():
    class Own:
        k = 1.0

    own = Own()
    objects = np.array([own, None], object)
    return lambda: objects[0].k, lambda: setattr(own, "k", 5.0)


@place
def all_fields():
    holder = Data(1.0)
    holder.missing = 0.0
    return lambda: dataclasses.asdict(holder)["k"], lambda: setattr(holder, "k", 5.0)


@place
def variables_of_an_object():
    holder = Data(1.0)
    return lambda: vars(holder)["k"], lambda: setattr(holder, "k", 5.0)


@place
def getter_of_an_attribute():
    holder, getter = Data(1.0), operator.attrgetter("k")
    return lambda: getter(holder), lambda: setattr(holder, "k", 5.0)


@place
def names_in_a_loop():
    holder = Data(1.0)
    return (
        lambda: max(getattr(holder, name) for name in ("k", "other")),
        lambda: setattr(holder, "k", 5.0),
    )


@place
def pattern():
    holder = Data(1.0)

    def read():
        match holder:
            case Data(k):
                return k
        return 0.0

    return read, lambda: setattr(holder, "k", 5.0)


@place
def text_with_attributes():
    holder = Data(1.0)
    return lambda: float(f"{holder.k}"), lambda: setattr(holder, "k", 5.0)


@place
def attribute_of_a_function():
    def function():
        return function.k

    function.k = 1.0
    return function, lambda: setattr(function, "k", 5.0)


@place
def class_of_a_class():
    class Meta(type):
        k = 1.0

        @property
        def read(cls):
            return cls.k

    class Own(metaclass=Meta):
        pass

    return lambda: Own.read, lambda: setattr(Meta, "k", 5.0)


@place
def module_that_is_imported():
    module: Any = types.ModuleType("module_of_the_effects")
    sys.modules["module_of_the_effects"] = module
    module.k = 1.0

    def read():
        import module_of_the_effects  # pyright: ignore[reportMissingImports]

        return module_of_the_effects.k

    return read, lambda: setattr(module, "k", 5.0)


@place
def variable_by_name():
    globals()["LATER"] = 1.0
    return lambda: globals()["LATER"], lambda: globals().__setitem__("LATER", 5.0)


@dataclasses.dataclass
class Data:
    k: float
    other: float = 0.0
    missing: float = dataclasses.field(init=False)


@pytest.mark.parametrize("make", [make for _, make in PLACES], ids=[name for name, _ in PLACES])
def test_what_is_changed_there_is_read(make: Any) -> None:
    read, change = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = later(zincir, zincir.compile, lambda x: x * read(), change, 8)
    assert found == [2.0] * 4 + [10.0] * 4


@gives([6, 6, 6, [6]])
def counts_without_a_name(T, C):
    hist, table, default = [], {}, []
    push, note = hist.append, functools.partial(lambda t: t.update(n=t.get("n", 0) + 1), table)

    def helper(x, seen=default):
        seen.append(1)
        helper.n += 1
        return x

    helper.n = 0

    @C
    def f(x):
        push(1)
        note()
        return helper(x) * 2

    for _ in range(6):
        f(T.ones(2))
    return len(hist), table["n"], len(default), [helper.n]


@gives([[6, 6, 6], [0.8, 0.8]])
def hooks_that_count(T, C):
    w = T.ones(2, requires_grad=True)
    state = types.SimpleNamespace(n=0, m=0)

    class Hook:
        k, n = 1.0, 0

        def __call__(self, g):
            self.n += 1
            return g * self.k

    hook = Hook()
    w.register_hook(hook)
    w.register_hook(lambda g: setattr(state, "n", state.n + 1))
    w.register_post_accumulate_grad_hook(lambda p: setattr(state, "m", state.m + 1))

    @C
    def step(x):
        w.grad = None
        (w * x).sum().backward()
        with T.no_grad():
            w.sub_(w.grad * 0.125)

    for i in range(6):
        hook.k = 0.0 if i > 2 else 1.0
        step(T.ones(2) * (1.6 / 3))
    return [state.n, state.m, hook.n], w


@gives([[2.0] * 4 + [10.0] * 4, 6, [2.0] * 4 + [10.0] * 4])
def what_is_beside_a_tensor(T, C):
    t = T.ones(2)
    t.meta = types.SimpleNamespace(k=1.0, n=0)

    def counts(x):
        t.meta.n += 1
        return x

    class Parameter(T.nn.Parameter):
        k = 1.0

    p = Parameter(T.ones(2))
    first = later(T, C, lambda x: x * t * t.meta.k, lambda: setattr(t.meta, "k", 5.0), 8)
    results(T, C(counts), 6)
    last = later(T, C, lambda x: (x * p * p.k).detach(), lambda: setattr(Parameter, "k", 5.0), 8)
    return first, t.meta.n, last


# Arguments --------------------------------------------------------------------------------------


@gives([[2.0, 2.0, 3.0, 3.0, 2.0], [[1, 1], [2, 2], [3, 3], [4, 4]]])
def the_same_argument_twice(T, C):
    compiled = C(lambda a, b: a * (2 if a is b else 3))
    x, y, found = T.ones(1), T.ones(1), []
    numbers = [compiled(*given).item() for given in ((x, x), (y, y), (x, y), (y, x), (x, x))]

    @C
    def both(x, a, b):
        a.append(1)
        return x * len(b)

    held: list[int] = []
    for _ in range(4):
        made = both(T.ones(1), held, held)
        found.append([int(made.item()), len(held)])
    return numbers, found


@gives([[410.0] * 4 + [412.0, 612.0], [53.0, 54.0, 55.0, 56.0], [8.0, 8.0, 8.0, 12.0, 12.0]])
def numbers_after_what_is_given_twice(T, C):
    pair, other = (3.0, 4.0), (5.0, 6.0)
    one, compiled = T.ones(1), C(lambda x, a, b, k: x * a[0] + b[1] * 100 + k)
    given = [(pair, pair, 7.0)] * 4 + [(pair, pair, 9.0), (pair, other, 9.0)]
    held = [T.ones(1), 2.0, np.ones(1, np.float32)]

    @C
    def arrays(x, a, b, array, k):
        return x * a[1] + T.as_tensor(b[2]) + T.as_tensor(array) * 10 + k

    five = np.full(1, 5, np.float32)
    outer = C(lambda x, a, b: x * (len(a) + len(b)) * 2)
    inside = (1, 2, 3)
    nested = (inside,)
    pairs = [(nested, inside)] * 3 + [(inside, inside)] * 2
    return (
        [compiled(one, *x).item() for x in given],
        [arrays(one, held, held, five, float(i)).item() for i in range(4)],
        [outer(one, *x).item() for x in pairs],
    )


@gives([[7.0, 7.0, 7.0, 8.0], [2.0, 2.0, 2.0, 3.0], ["struct_time"] * 4, [2.0, 2.0, 2.0, 4.0]])
def containers_that_are_large_or_circular_or_strange(T, C):
    one, state = T.ones(1), types.SimpleNamespace()
    state.many = tuple(one * i for i in range(1500))
    many = C(lambda x: x * state.many[7])
    first = [many(one).item() for _ in range(3)]
    state.many = tuple(one * (i + 1) for i in range(1500))
    circle: list[Any] = [1.0]
    circle.append(circle)
    length = C(lambda x: x * len(circle))
    second = [length(one).item() for _ in range(3)]
    circle.append(1.0)
    moment = C(lambda x: (x * 2, time.gmtime(0)))
    half = C(lambda x, data: x * data.k)  # one of its fields is not set
    return (
        [*first, many(one).item()],
        [*second, length(one).item()],
        [type(moment(one)[1]).__name__ for _ in range(4)],
        [half(one, Data(k)).item() for k in (2.0, 2.0, 2.0, 4.0)],
    )


@dataclasses.dataclass
class State:
    step: int = 0
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)


@gives([5, {"loss": 5}, True, [1.0, 4.0, 9.0], True])
def what_is_in_an_argument_stays_there(T, C):
    state = State()
    watched = state.metrics

    @C
    def f(x, state):
        state.step += 1
        state.metrics["loss"] = state.step
        return x * 2

    for _ in range(5):
        f(T.ones(1), state)
    log = []

    @dataclasses.dataclass
    class Own:
        log: list[int]

        def step(self, x):
            self.log.append(1)
            return x * len(log)

    own = Own(log)
    Own.step = C(Own.step)
    found = [own.step(T.ones(1) * (i + 1)).item() for i in range(3)]
    return state.step, state.metrics, state.metrics is watched, found, own.log is log


@gives([[3.0] * 4, [[1, 2]] * 4, [0.0, 0.0, 5.0, 5.0]])
def sets_and_keys(T, C):
    @C
    def f(x, seen):
        seen.add(2)
        return x * (len(seen) + 1)

    sets = [{1} for _ in range(4)]
    keys = C(lambda x, table: x * (5 if True in table and next(iter(table)) is True else 0))
    return (
        [f(T.ones(1), one).item() for one in sets],
        [sorted(one) for one in sets],
        [keys(T.ones(1), table).item() for table in ({1: 0}, {1: 0}, {True: 0}, {True: 0})],
    )


@gives([[2.0, 3.0, 4.0, 5.0], [True] * 4, [True] * 4])
def what_is_returned_twice(T, C):
    @C
    def f(x):
        part, array = [x * 2], np.ones(1)
        return {"a": part, "b": part, "array": array}

    found = [f(T.ones(1) * (i / 2 + 1)) for i in range(4)]
    for one in found:
        one["array"] += 1
    same = [one["a"] is one["b"] for one in found]
    return [one["a"][0].item() for one in found], same, [one["array"][0] == 2 for one in found]


def test_containers_that_contain_themselves_are_refused() -> None:

    def circle() -> list[Any]:
        made: list[Any] = [zincir.ones(1)]
        made.append(made)
        return made

    held = circle()
    with pytest.raises(TraceError, match="contains itself"):
        zincir.compile(lambda x: x[0] * 2)(held)
    with pytest.raises(TraceError, match="contains itself"):
        zincir.compile(lambda: circle())()


def test_what_is_stored_in_a_large_buffer_is_stored() -> None:
    buffer = collections.deque([(zincir.ones(1), 0) for _ in range(1500)], maxlen=1500)

    @zincir.compile
    def f(x: Any) -> Any:
        buffer.append((zincir.zeros(1), 1))
        return x * 2

    with pytest.warns(RecordingWarning, match="no tensor: buffer"):
        [f(zincir.ones(1)) for _ in range(6)]
    assert sum(mark for _, mark in buffer) == 6


@pytest.mark.parametrize("scene", cases(SCENES))
def test_means_what_it_means_in_pytorch(scene: Scene) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        scene.check(zincir, zincir.compile)


def test_modes_that_come_back_are_replayed() -> None:
    switching = Switching(zincir)
    compiled: Any = zincir.compile(switching)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [compiled(zincir.ones(2, 2)) for _ in range(4)]


def test_versions_of_tensors_are_no_counters() -> None:
    class Debugging:
        total = zincir.zeros(2)

        def changes(self) -> int:
            return self.total._version

        def __call__(self, x: Any) -> Any:
            return self.total.add_(x) * 1

    compiled: Any = zincir.compile(Debugging())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [compiled(zincir.ones(2)).tolist()[0] for _ in range(4)] == [1, 2, 3, 4]


def test_what_happens_meanwhile_is_no_matter() -> None:
    """The collection of garbage calls functions, and other threads work."""
    seen, state, done = types.SimpleNamespace(n=0), types.SimpleNamespace(m=0), threading.Event()

    def collecting(phase: str, info: Any) -> None:
        seen.n += 1

    class Step:
        def __init__(self) -> None:
            self.seen, self.state = seen, state

        def elsewhere(self) -> None:
            while not done.is_set():
                self.state.m += 1

        def __call__(self, x: Any) -> Any:
            gc.collect()
            time.sleep(0.02)
            return x * 2

    step = Step()
    compiled: Any = zincir.compile(step)
    thread = threading.Thread(target=step.elsewhere)
    gc.callbacks.append(collecting)
    try:
        thread.start()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(4):
                compiled(zincir.ones(2))
    finally:
        done.set()
        gc.callbacks.remove(collecting)
        thread.join()
    assert seen.n > 0
    assert state.m > 0


def test_it_is_said_once_why() -> None:
    table = {"n": 0}

    @zincir.compile
    def counts(x: Any) -> Any:
        table["n"] += 1
        return x * 2

    with pytest.warns(RecordingWarning, match="as it is written.*no tensor: table"):
        [counts(zincir.ones(2)) for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [counts(zincir.ones(2)) for _ in range(3)]
    assert table["n"] == 6


def test_what_is_drawn_elsewhere_is_no_matter() -> None:
    """A sampler beside the step may draw between calls: it is recorded twice, and replayed.

    So it is if the step reads a number that is called `seed`.
    """
    rng = np.random.default_rng(0)
    agent, runs = types.SimpleNamespace(rng=rng, k=2.0, seed=1), Unseen()

    class Step:
        def act(self) -> float:
            return float(agent.rng.random()) + random.random()

        def __call__(self, x: Any) -> Any:
            runs.append(1)
            return x * agent.k * agent.seed

    step = Step()
    compiled: Any = zincir.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            step.act()
            compiled(zincir.ones(2))
    assert len(runs) == 2
