"""What a compiled function reads by name is read as it is now, wherever it is kept."""

import collections
import contextlib
import contextvars
import dataclasses
import enum
import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from scenes import Unseen
from zincir import nn
from zincir.data import augment
from zincir.executed import Executed

ONES = zincir.ones(2)
SCALE = 2.0
SETTINGS: Any = {"a": 1.0}
FLAG = True
NOTHING: Any = None
Kinds = enum.Enum("Kinds", "A B")
MODULE: Any = types.ModuleType("a_module_of_the_user")
exec("SCALE = 1.0\ndef scaled(x):\n    return x * SCALE", MODULE.__dict__)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {k: v for k, v in globals().items() if k.isupper() or k == "helper"}
    settings = dict(SETTINGS)
    with zincir.no_grad():
        yield
    globals().update(before)
    globals().pop("LATER", None)
    SETTINGS.clear()
    SETTINGS.update(settings)
    MODULE.SCALE = Config.rate = 1.0


def set_global(name: str, value: Any) -> Callable[[], None]:
    return lambda: globals().__setitem__(name, value)


def set_attribute(owner: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(owner, name, value)


def set_item(owner: Any, key: Any, value: Any) -> Callable[[], None]:
    return lambda: owner.__setitem__(key, value)


def more() -> Callable[[], None]:
    return set_global("SCALE", 3.0)


def helper(x: Any) -> Any:
    return x * SCALE


class Numbered:
    k: Any

    def __init__(self) -> None:
        self.k = 2.0

    def __call__(self, x: Any) -> Any:
        return x * self.k

    def __getitem__(self, i: int) -> Any:
        return self.k

    def __len__(self) -> int:
        return int(self.k)

    @staticmethod
    def static(x: Any) -> Any:
        return x * SCALE

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * Config.rate

    def shallow(self, x: Any) -> Any:
        return self.deep(x)

    def deep(self, x: Any) -> Any:
        return x * self.k

    @property
    def twice(self) -> Any:
        return self.k * 2


class Config:
    rate = 1.0


class Child(Numbered):
    pass


class Slotted:
    __slots__ = ("k",)

    def __init__(self) -> None:
        self.k = 2.0


@dataclasses.dataclass
class Data:
    k: Any = 2.0


class Agent:
    net: Any
    loss: Any

    def __init__(self) -> None:
        self.net, self.gamma = Net(), 2.0
        self.config = types.SimpleNamespace(inner=types.SimpleNamespace(a=1.0))
        self.loss, self.kind = abs, "abs"

    def valued(self, x: Any) -> Any:
        return self.net(x) * self.gamma * self.config.inner.a

    def update(self) -> Any:
        return self.loss(self.valued(ONES))

    def by_kind(self) -> Any:
        return LOSSES[self.kind](ONES * 3)


LOSSES: Any = {"abs": abs, "square": lambda x: x * x}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.objects: Any = [Data()]
        self.called, self.factor = Numbered(), 1.0
        self.config = types.SimpleNamespace(inner=types.SimpleNamespace(k=1.0))

    def forward(self, x: Any) -> Any:
        y = self.called(x) * self.config.inner.k * self.objects[0].k
        return helper(y) * self.own()

    def own(self) -> Any:
        return SETTINGS["a"] * self.factor * Config.rate


class Counted:
    depth = 0

    def __enter__(self) -> None:
        Counted.depth += 1

    def __exit__(self, *_: object) -> None:
        Counted.depth -= 1


def globals_() -> Iterator[Any]:
    yield "a number", lambda: ONES * SCALE, more()
    yield "in a helper", lambda: helper(ONES), more()
    yield "the helper", lambda: helper(ONES), set_global("helper", lambda x: x * 7)
    yield "in a map", lambda: sum(map(helper, [ONES, ONES])), more()
    yield "in a generator", lambda: sum(ONES * s for s in counting()), more()
    yield "a setting", lambda: ONES * SETTINGS["a"], set_item(SETTINGS, "a", 3.0)
    yield "a key", lambda: ONES * (2 if "b" in SETTINGS else 1), set_item(SETTINGS, "b", 1)
    yield "a flag", lambda: ONES * 2 if FLAG else ONES, set_global("FLAG", False)
    yield "one that comes later", later, set_global("LATER", 5.0)
    yield "one that was None", lambda: ONES if NOTHING is None else ONES * NOTHING.k, nothing
    yield "of a module", lambda: ONES * MODULE.SCALE, set_attribute(MODULE, "SCALE", 4.0)
    yield "in a module's function", lambda: MODULE.scaled(ONES), set_attribute(MODULE, "SCALE", 4.0)
    yield "a class", lambda: ONES * Config.rate, set_attribute(Config, "rate", 3.0)
    yield "decorated", decorated, more()
    yield "partial", functools.partial(helper, ONES), more()
    yield "in a context", in_context, more()
    yield "in a method of a context", lambda: entered(), more()


def counting() -> Iterator[float]:
    yield from range(int(SCALE) + 1)


def later() -> Any:
    try:
        return ONES * LATER
    except NameError:
        return ONES


def nothing() -> None:
    globals()["NOTHING"] = Data(6.0)


def decorate(function: Any) -> Any:
    @functools.wraps(function)
    def called() -> Any:
        return function() * SCALE

    return called


@decorate
def decorated() -> Any:
    return ONES + 1


@contextlib.contextmanager
def context() -> Iterator[float]:
    yield SCALE


def in_context() -> Any:
    with context() as scale:
        return ONES * scale


def entered() -> Any:
    with Counted():
        return ONES * (Counted.depth + SCALE)


def objects() -> Iterator[Any]:
    it, child, slotted, data = Numbered(), Child(), Slotted(), Data()
    yield "called", lambda: it(ONES), set_attribute(it, "k", 5.0)
    yield "indexed", lambda: ONES * it[0], set_attribute(it, "k", 5.0)
    yield "its length", lambda: ONES * len(it), set_attribute(it, "k", 5.0)
    yield "a static method", lambda: it.static(ONES), more()
    yield "a method of a class", lambda: Numbered.of_class(ONES), set_attribute(Config, "rate", 3.0)
    yield "a method in a method", lambda: it.shallow(ONES), set_attribute(it, "k", 5.0)
    yield "a bound method", functools.partial(it.shallow, ONES), set_attribute(it, "k", 5.0)
    yield "of a child", lambda: child.shallow(ONES), set_attribute(child, "k", 5.0)
    yield "a property", lambda: ONES * it.twice, set_attribute(it, "k", 5.0)
    yield "a slot", lambda: ONES * slotted.k, set_attribute(slotted, "k", 5.0)
    yield "of data", lambda: ONES * data.k, set_attribute(data, "k", 5.0)
    yield "getattr", lambda: ONES * getattr(it, "k"), set_attribute(it, "k", 5.0)  # noqa: B009
    yield "vars", lambda: ONES * vars(it)["k"], set_attribute(it, "k", 5.0)
    yield "getattr without", lambda: ONES * getattr(it, "m", 1.0), set_attribute(it, "m", 5.0)
    yield "hasattr", lambda: ONES * (1 + hasattr(it, "n")), set_attribute(it, "n", 5.0)
    yield "a method that is replaced", lambda: it.shallow(ONES), set_attribute(it, "deep", abs)
    reference = weakref.ref(it)
    yield "behind a weak reference", lambda: reference()(ONES), set_attribute(it, "k", 5.0)
    other = Numbered()

    class Patched(Numbered):
        pass

    patched: Any = Patched
    it_patched = patched()
    yield "a class's own", lambda: it_patched.deep(ONES), set_attribute(patched, "deep", deeper)
    holder = types.SimpleNamespace(o=other, x=types.SimpleNamespace(y=Data()))
    yield "an object in it", lambda: holder.o(ONES), set_attribute(holder, "o", abs)
    yield "deep", lambda: ONES * holder.x.y.k, set_attribute(holder.x.y, "k", 5.0)
    yield "deep, replaced", lambda: ONES * holder.x.y.k, set_attribute(holder.x, "y", Data(9.0))
    agent = Agent()
    agent.net.called.k = 3.0
    yield "an agent's", agent.update, set_attribute(agent, "gamma", 3.0)
    yield "an agent's setting", agent.update, set_attribute(agent.config.inner, "a", 3.0)
    yield "an agent's global", agent.update, more()
    yield "an agent's function", agent.update, set_attribute(agent, "loss", lambda x: x * 11)
    yield "an agent's net", agent.update, set_attribute(agent, "net", nn.Identity())
    yield "an agent's choice", agent.by_kind, set_attribute(agent, "kind", "square")
    state = types.SimpleNamespace(mode=Kinds.A)
    yield "a choice", lambda: ONES * state.mode.value, set_attribute(state, "mode", Kinds.B)
    batch = types.SimpleNamespace(x=ONES)
    yield "a tensor", lambda: batch.x * 2, set_attribute(batch, "x", ONES * 3)


def deeper(self: Any, x: Any) -> Any:
    return x * 100


def containers() -> Iterator[Any]:
    queue, found = collections.deque([1.0, 2.0]), {1, 2}
    yield "a queue", lambda: ONES * queue[0], lambda: queue.appendleft(5.0)
    yield "a set", lambda: ONES * len(found), lambda: found.add(9)
    ordered = collections.OrderedDict(a=1.0)
    yield "ordered", lambda: ONES * ordered["a"], set_item(ordered, "a", 4.0)
    default = collections.defaultdict(float)
    yield "default", lambda: ONES * default["a"], set_item(default, "a", 4.0)
    counter = collections.Counter("aab")
    yield "a counter", lambda: ONES * counter["a"], lambda: counter.update("aaa")
    user: Any = collections.UserDict(a=1.0)
    yield "a user's", lambda: ONES * user["a"], set_item(user, "a", 4.0)
    data: Any = {"o": Data(), "l": [Data(), Numbered()]}
    yield "of an object", lambda: ONES * data["o"].k, set_attribute(data["o"], "k", 5.0)
    yield "another object", lambda: ONES * data["o"].k, set_item(data, "o", Data(7.0))
    yield "of a called one", lambda: data["l"][1](ONES), set_attribute(data["l"][1], "k", 5.0)
    yield "one more", lambda: ONES * sum(d.k for d in data["l"]), lambda: data["l"].append(Data())
    arrays = [np.ones(2, np.float32)]
    yield "an array", lambda: ONES * zincir.tensor(arrays[0]), set_item(arrays[0], 0, 5.0)
    tensors = {"a": [ONES * 1]}
    yield "a tensor", lambda: tensors["a"][0] * 1, set_item(tensors["a"], 0, ONES * 5)
    local = threading.local()
    local.k = 2.0
    yield "of a thread", lambda: ONES * local.k, set_attribute(local, "k", 5.0)
    variable = contextvars.ContextVar("variable", default=1.0)
    yield "of a context", lambda: ONES * variable.get(), lambda: [variable.set(3.0)]
    normal = zincir.distributions.Normal(zincir.zeros(2), zincir.ones(2))
    yield "a distribution", lambda: normal.log_prob(ONES), set_attribute(normal, "loc", ONES)
    affine = zincir.distributions.transforms.AffineTransform(1.0, 2.0)
    yield "a transform", lambda: affine(ONES), set_attribute(affine, "loc", 4.0)
    joined = zincir.distributions.transforms.ComposeTransform([affine])
    yield "transforms", lambda: joined(ONES), set_attribute(affine, "scale", 4.0)
    normalize = augment.Normalize(0.0, 1.0)
    chain, image, numbers = augment.Compose([normalize]), zincir.ones(1, 1, 2, 2), zincir.ones(1, 0)
    yield "of images", lambda: chain.apply(image, [numbers]), set_attribute(normalize, "mean", 0.5)


def closures() -> Iterator[Any]:
    inner, scale = closed()
    yield "a list", lambda: inner(ONES), set_item(scale, 0, 4.0)
    holder = types.SimpleNamespace(call=inner, table={"a": inner})
    yield "in a table", lambda: holder.table["a"](ONES), set_item(scale, 0, 4.0)
    number = 1.0

    def change() -> None:
        nonlocal number
        number = 3.0

    yield "a number", lambda: ONES * number, change

    def of_default(x: Any = ONES, k: Any = scale) -> Any:
        return x * k[0]

    yield "a default", of_default, set_item(scale, 0, 6.0)


def closed() -> Any:
    scale = [1.0]
    return (lambda x: x * scale[0]), scale


def modules() -> Iterator[Any]:
    net = Net()
    yield "a global", lambda: net(ONES), more()
    yield "a setting", lambda: net(ONES), set_item(SETTINGS, "a", 5.0)
    yield "a class", lambda: net(ONES), set_attribute(Config, "rate", 5.0)
    yield "a number", lambda: net(ONES), set_attribute(net, "factor", 5.0)
    yield "an object", lambda: net(ONES), set_attribute(net.called, "k", 5.0)
    yield "deep", lambda: net(ONES), set_attribute(net.config.inner, "k", 5.0)
    yield "in a list", lambda: net(ONES), set_attribute(net.objects[0], "k", 5.0)
    yield "replaced in a list", lambda: net(ONES), set_item(net.objects, 0, Data(9.0))
    several = nn.Sequential(nn.Identity(), net)
    yield "inside", lambda: several(ONES), set_attribute(net.called, "k", 7.0)
    hooked = nn.Identity()
    hooked.register_forward_hook(lambda module, args, out: out * SCALE)
    yield "in a hook", lambda: hooked(ONES), more()
    yield "itself", net, set_attribute(net.called, "k", 8.0)


def optimizers() -> Iterator[Any]:
    w = nn.Parameter(zincir.ones(2))
    optimizer: Any = zincir.optim.SGD([w], lr=0.5)
    schedule: Any = zincir.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    groups = optimizer.param_groups
    yield "a rate", lambda: w * groups[0]["lr"], set_item(groups[0], "lr", 0.125)
    yield "by a name", lambda: w * optimizer.param_groups[0]["lr"], set_item(groups[0], "lr", 0.25)
    replaced = set_item(groups, 0, dict(groups[0], lr=3.0))
    yield "of another group", lambda: w * optimizer.param_groups[0]["lr"], replaced
    optimizer.step()
    yield "the last rate", lambda: w * schedule.get_last_lr()[0], schedule.step
    yield "the count", lambda: w * schedule.last_epoch, schedule.step
    yield "a state", lambda: w * schedule.state_dict()["_last_lr"][0], schedule.step
    of_groups = lambda: w * optimizer.state_dict()["param_groups"][0]["lr"]  # noqa: E731
    yield "all settings", of_groups, schedule.step


def tensors() -> Iterator[Any]:
    t, square = zincir.ones(2), zincir.arange(4.0).reshape(2, 2)
    t.tag = 1.0  # type: ignore[attr-defined]
    yield "an attribute", lambda: ONES * t.tag, set_attribute(t, "tag", 5.0)
    yield "one it has not yet", lambda: ONES * getattr(t, "mark", 1.0), set_attribute(t, "mark", 5)
    yield "its shape", lambda: ONES * t.shape[0], lambda: t.resize_(5)
    yield "its strides", lambda: ONES * square.stride()[0], lambda: turn(square)
    yield "its order", lambda: ONES * (1 + square.is_contiguous()), lambda: turn(square)
    yield "its version", lambda: ONES * (1 + t._version), lambda: t.add_(1)
    yield "a flag", lambda: ONES * (1 + t.requires_grad), lambda: t.requires_grad_(True)
    yield "a gradient", lambda: ONES * (1 + (t.grad is None)), set_attribute(t, "grad", t * 2)
    yield "a seed", lambda: ONES * zincir.initial_seed(), lambda: zincir.manual_seed(5)


def turn(square: Any) -> None:
    square.data = square.data.t()


SCENES = [
    pytest.param(scenes, number, id=f"{scenes.__name__}: {name}")
    for scenes in (globals_, objects, containers, closures, modules, optimizers, tensors)
    for number, (name, *_) in enumerate(scenes())
]


@pytest.mark.parametrize(("scenes", "number"), SCENES)
def test_what_was_changed_is_read(scenes: Callable[[], Iterator[Any]], number: int) -> None:
    _, function, change = list(scenes())[number]
    args = (ONES,) if isinstance(function, nn.Module) else ()
    compiled: Any = zincir.compile(function.forward if args else function)
    before = function(*args).tolist()
    for _ in range(4):
        assert compiled(*args).tolist() == before
    change()
    now = function(*args).tolist()
    assert now != before
    for _ in range(3):
        assert compiled(*args).tolist() == now


class Player:
    """An agent with much that changes at every step and that its update does not read."""

    def __init__(self, calls: Unseen) -> None:
        self.w = nn.Parameter(zincir.ones(2))
        self.optimizer: Any = zincir.optim.SGD([self.w], lr=0.1)
        self.schedule = zincir.optim.lr_scheduler.StepLR(self.optimizer, 10)
        self.memory: list[Any] = []
        self.world, self.calls, self.last = World(), calls, None
        self.step = self.zero_grad = 0  # which is also what optimizers are called for

    def update(self, x: Any) -> Any:
        self.calls.append(1)
        self.optimizer.zero_grad()
        assert f"{len({'a': 1}.copy()):.0f}" == "{:d}".format(1)  # noqa: UP032
        loss = self.loss(x)
        loss.backward()
        self.optimizer.step()
        return loss

    def loss(self, x: Any) -> Any:
        return (self.w * x).sum()

    def play(self) -> None:
        update: Any = zincir.compile(self.update)
        for _ in range(30):
            self.memory.append(self.world.step())
            self.last = update(zincir.ones(2))
            self.step += 1
            self.zero_grad += 1
            self.schedule.step()


class World:
    def __init__(self) -> None:
        self.state, self.time = np.zeros(2), 0

    def step(self) -> np.ndarray[Any, Any]:
        self.state, self.time = self.state + 1, self.time + 1
        return self.state


def test_what_is_not_read_makes_no_recording() -> None:
    calls = Unseen()
    with zincir.enable_grad():
        Player(calls).play()
    assert len(calls) == 2


def test_what_ran_is_seen_and_a_profiler_goes_on() -> None:
    events: list[str] = []

    def profile(frame: Any, event: str, arg: Any) -> None:
        events.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        with Executed() as executed:
            helper(ONES)
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert "helper" in events
    assert [code.co_name for code, _ in executed.functions()] == ["helper"]


def test_a_profiler_that_cannot_be_asked_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.getprofile", lambda: object())
    it = Numbered()
    compiled: Any = zincir.compile(lambda: it.shallow(ONES))
    for _ in range(4):
        assert compiled().tolist() == [2.0, 2.0]
    it.k = 5.0
    assert compiled().tolist() == [5.0, 5.0]


class Permissive:
    """It has every attribute that is asked for, another one each time."""

    def __getattr__(self, name: str) -> Any:
        return Permissive()


class PermissiveTable(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self.get(name, PermissiveTable())


def test_objects_that_have_every_attribute_are_walked_to_an_end() -> None:
    holder, table = Permissive(), PermissiveTable(k=2.0)
    holder.k = 2.0
    compiled: Any = zincir.compile(lambda: ONES * holder.k * table.k)
    for _ in range(4):
        assert compiled().tolist() == [4.0, 4.0]
    holder.k = 3.0
    assert compiled().tolist() == [6.0, 6.0]
    table["k"] = 5.0
    assert compiled().tolist() == [15.0, 15.0]


def test_objects_in_circles_are_walked_to_an_end() -> None:
    one, other = types.SimpleNamespace(k=2.0), types.SimpleNamespace()
    one.other, other.one = other, one
    other.all = [one, other]
    compiled: Any = zincir.compile(lambda: ONES * other.all[0].k)
    for _ in range(4):
        assert compiled().tolist() == [2.0, 2.0]
    one.k = 3.0
    assert compiled().tolist() == [3.0, 3.0]


@pytest.mark.parametrize("array", [np.ones(3), np.ones((3, 4))[:, ::2], np.array(1.0)])
def test_bits_of_arrays_are_compared(array: np.ndarray[Any, Any]) -> None:
    holder = types.SimpleNamespace(array=array)
    compiled: Any = zincir.compile(lambda: zincir.tensor(holder.array).sum())
    for _ in range(4):
        assert compiled().item() == array.sum()
    array[...] = -0.0
    assert str(compiled().item()) in ("0.0", "-0.0")
    array[...] = np.nan
    assert np.isnan(compiled().item())
    array[...] = 7.0
    assert compiled().item() == 7.0 * array.size


@pytest.mark.parametrize("added", ["by a group", "to a list"])
def test_zero_grad_clears_parameters_that_were_added(added: str) -> None:
    w, v = nn.Parameter(zincir.ones(2)), nn.Parameter(zincir.ones(2))
    optimizer: Any = zincir.optim.SGD([w], lr=0.1)

    @zincir.compile
    def backward() -> None:
        optimizer.zero_grad()
        with zincir.enable_grad():
            (w * 3).sum().backward()

    for _ in range(4):
        backward()
    if added == "to a list":
        optimizer.param_groups[0]["params"].append(v)
    else:
        optimizer.add_param_group({"params": [v]})
    v.grad = zincir.ones(2)
    backward()
    assert v.grad is None
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 3.0]


def test_what_a_hook_of_a_tensor_is_closed_over_is_read() -> None:
    w, factor = nn.Parameter(zincir.ones(2)), {"of": 1.0}
    w.register_hook(lambda g: g * factor["of"])

    @zincir.compile
    def backward() -> None:
        w.grad = None
        with zincir.enable_grad():
            (w * 3).sum().backward()

    for _ in range(4):
        backward()
    factor["of"] = 5.0
    backward()
    assert w.grad is not None
    assert w.grad.tolist() == [15.0, 15.0]


def test_what_a_function_with_a_rule_of_its_own_reads_is_read() -> None:
    w, factor = nn.Parameter(zincir.ones(2)), {"of": 1.0}

    class Scaled(zincir.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * factor["of"]

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * factor["of"] * 2

    @zincir.compile
    def backward() -> None:
        w.grad = None
        with zincir.enable_grad():
            Scaled.apply(w).sum().backward()

    for _ in range(4):
        backward()
    factor["of"] = 5.0
    backward()
    assert w.grad is not None
    assert w.grad.tolist() == [10.0, 10.0]


class ByName:
    """Equal if the names are, whatever else there is."""

    def __init__(self, k: float) -> None:
        self.k = k

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByName)

    def __hash__(self) -> int:
        return 1

    def __call__(self, x: Any) -> Any:
        return x * self.k


@dataclasses.dataclass
class Derived:
    a: float

    def __post_init__(self) -> None:
        self.k = self.a * 2


class Text(str):
    k: float


class Row(tuple[float, ...]):
    k: float


class Rows(list[float]):
    k: float


class Table(dict[str, float]):
    k: float


def with_k(x: Any, k: float) -> Any:
    x.k = k
    return x


def of_k(x: Any, c: Any) -> Any:
    return x * c.k


@pytest.mark.parametrize(
    ("function", "one", "other"),
    [
        (of_k, ByName(1.0), ByName(5.0)),
        (lambda x, c: c(x), ByName(1.0), ByName(5.0)),
        (of_k, Derived(1.0), with_k(Derived(1.0), 7.0)),
        (of_k, with_k(Text("a"), 1.0), with_k(Text("a"), 5.0)),
        (of_k, with_k(Row((1.0,)), 1.0), with_k(Row((1.0,)), 5.0)),
        (of_k, with_k(Rows([1.0]), 1.0), with_k(Rows([1.0]), 5.0)),
        (of_k, with_k(Table(a=1.0), 1.0), with_k(Table(a=1.0), 5.0)),
        (of_k, types.SimpleNamespace(k=1.0), types.SimpleNamespace(k=5.0)),
        (lambda x, c: x * c["a"][0].k, {"a": [Data(1.0)]}, {"a": [Data(5.0)]}),
        (lambda x, c: x * sum(c), {1, 2}, {1, 5}),
        (lambda x, c: zincir.atan2(x * c, -x), np.float32(0.0), np.float32(-0.0)),
        (lambda x, c: x * float(c), np.float32(2), np.float32(3)),
        (lambda x, c: x * next(iter(c.values())), {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_arguments_are_told_apart(function: Callable[..., Any], one: Any, other: Any) -> None:
    compiled: Any = zincir.compile(function)
    assert function(ONES, one).tolist() != function(ONES, other).tolist()
    for c in (one, one, one, other, other, other, one, other):
        assert compiled(ONES, c).tolist() == function(ONES, c).tolist()


def test_an_argument_that_is_changed_is_read() -> None:
    compiled: Any = zincir.compile(of_k)
    for c in (Data(1.0), types.SimpleNamespace(k=1.0), ByName(1.0), with_k(Rows([1.0]), 1.0)):
        for k in (1.0, 2.0, 3.0):
            c.k = k
            for _ in range(3):
                assert compiled(ONES, c).tolist() == [k, k]


def test_a_setting_that_alternates_makes_two_recordings() -> None:
    calls = Unseen()
    state = types.SimpleNamespace(phase="one")

    def played(x: Any) -> Any:
        calls.append(1)
        return x * 2 if state.phase == "one" else x * 3

    compiled: Any = zincir.compile(played)
    for number in range(20):
        state.phase = ("one", "other")[number % 2]
        assert compiled(ONES).tolist() == [2.0 + number % 2] * 2
    assert len(calls) == 4
