"""What a function does besides computing it does at each call: count, draw, read on.

And what it returns is of the kind, with the attributes and the identity that it would have.
"""

import collections
import functools
import gc
import itertools
import random
import threading
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from scenes import Scene, Scenes, Unseen, cases
from zincir.errors import RecordingWarning

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
    """A sampler beside the step may draw between calls: it is recorded twice, and replayed."""
    rng = np.random.default_rng(0)
    agent, runs = types.SimpleNamespace(rng=rng, k=2.0), Unseen()

    class Step:
        def act(self) -> float:
            return float(agent.rng.random()) + random.random()

        def __call__(self, x: Any) -> Any:
            runs.append(1)
            return x * agent.k

    step = Step()
    compiled: Any = zincir.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            step.act()
            compiled(zincir.ones(2))
    assert len(runs) == 2
