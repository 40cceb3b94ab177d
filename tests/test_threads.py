"""Several Python threads that train or predict at once get the results they would get alone."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.nn import functional as F

THREADS = 4


@pytest.fixture(autouse=True)
def threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Run functions at once, each in a thread of its own; their results, or the first error."""
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []
    start = threading.Barrier(len(functions))

    def run(i: int) -> None:
        try:
            start.wait(30)
            results[i] = functions[i]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def numbers(seed: int, *shape: int) -> zincir.Tensor:
    return zincir.tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def net(seed: int) -> nn.Module:
    """A net with weights that no other thread's random numbers can reach."""
    made = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.BatchNorm1d(7), nn.Linear(7, 3))
    for i, p in enumerate(made.parameters()):
        p.data = numbers(100 * seed + i, *p.shape)
    return made


def training(
    seed: int, kind: type[zincir.optim.Optimizer], steps: int, wrap: Callable[..., Any]
) -> list[bytes]:
    model = net(seed)
    optimizer = kind(model.parameters(), lr=0.01)
    x, y = numbers(seed, 16, 5), zincir.tensor(np.arange(16) % 3)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = wrap(step)
    losses = [step(x, y).item() for _ in range(steps)]
    return [np.array(losses).tobytes(), *[p.detach().numpy().tobytes() for p in model.parameters()]]


KINDS = (zincir.optim.SGD, zincir.optim.Adam, zincir.optim.AdamW, zincir.optim.SGD)


@pytest.mark.parametrize(
    ("wrap", "steps"), [(lambda f: f, 60), (zincir.compile, 100)], ids=["plain", "compiled"]
)
def test_nets_trained_at_once_are_those_trained_alone(wrap, steps):
    functions = [lambda i=i: training(i, KINDS[i % 4], steps + i, wrap) for i in range(THREADS)]
    alone = [f() for f in functions]
    for _ in range(2):
        assert together(*functions) == alone


def test_plain_and_compiled_at_once():
    wraps = [zincir.compile, lambda f: f, zincir.compile, lambda f: f]
    functions = [
        lambda i=i: training(i // 2, zincir.optim.Adam, 50, wraps[i]) for i in range(THREADS)
    ]
    a, b, c, d = together(*functions)
    assert a == b
    assert c == d


def test_the_same_functions_recorded_at_once():
    """Threads that meet in one compiled function before it has a recording."""

    @zincir.compile
    def f(x, a):
        return (x * a).tanh().sum(1)

    inputs = [numbers(i, 6 + i % 2, 4) for i in range(THREADS)]
    expected = [(x * 3.0).tanh().sum(1).tolist() for x in inputs]
    found = together(*[lambda x=x: [f(x, 3.0).tolist() for _ in range(60)] for x in inputs])
    for many, one in zip(found, expected, strict=True):
        for each in many:
            assert each == pytest.approx(one, rel=1e-5, abs=1e-6)


def test_many_predict_with_one_model():
    model = zincir.compile(net(1).eval())
    xs = [numbers(i, 8, 5) for i in range(THREADS)]
    with zincir.no_grad():
        alone = [model(x).tolist() for x in xs]

    def predict(i: int) -> bool:
        with zincir.no_grad():
            return all(model(xs[i]).tolist() == alone[i] for _ in range(100))

    assert together(*[lambda i=i: predict(i) for i in range(THREADS)]) == [True] * THREADS


def test_many_predict_with_one_plain_model():
    model = net(2).eval()
    xs = [numbers(i, 8, 5) for i in range(THREADS)]
    alone = [model(x).tolist() for x in xs]

    def predict(i: int) -> bool:
        return all(model(xs[i]).tolist() == alone[i] for _ in range(40))

    assert together(*[lambda i=i: predict(i) for i in range(THREADS)]) == [True] * THREADS


def test_gradients_of_one_model_taken_at_once():
    """As `torch.autograd.grad` in threads: nothing of the model is written."""
    model = net(3).eval()
    parameters = list(model.parameters())
    xs = [numbers(i, 8, 5) for i in range(THREADS)]

    def gradients(x):
        return [g.tolist() for g in zincir.autograd.grad(model(x).square().sum(), parameters)]

    alone = [gradients(x) for x in xs]
    found = together(*[lambda x=x: [gradients(x) for _ in range(25)] for x in xs])
    assert all(each == one for many, one in zip(found, alone, strict=True) for each in many)


@pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")
def test_one_writes_while_others_read():
    """Readers may see old or new values, never anything else, and nothing breaks."""
    w = zincir.zeros(64)
    done = threading.Event()

    def write() -> None:
        try:
            for i in range(150):
                with zincir.no_grad():
                    w.fill_(float(i))
                    w.add_(1)
        finally:
            done.set()

    f = zincir.compile(lambda x: x + w)

    def read() -> bool:
        fine = True
        while not done.is_set():
            seen = (w * 1).tolist()
            fine = fine and all(0 <= v <= 150 for v in seen)
            fine = fine and all(0 <= v <= 150 for v in f(zincir.zeros(64)).tolist())
        return fine

    assert together(write, read, read) == [None, True, True]
    assert w.tolist() == [150.0] * 64


@pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")
def test_a_learner_and_actors():
    # Without batch norm: in training, its statistics would make writers of the actors.
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    optimizer = zincir.optim.SGD(model.parameters(), lr=1e-3)
    done = threading.Event()

    @zincir.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    def learn() -> bool:
        try:
            return all(np.isfinite(step(numbers(i, 8, 5)).item()) for i in range(80))
        finally:
            done.set()

    def act() -> bool:
        fine = True
        while not done.is_set():
            with zincir.no_grad():
                fine = fine and bool(np.isfinite(model(numbers(0, 3, 5)).numpy()).all())
        return fine

    assert together(learn, act, act) == [True, True, True]


def test_pending_values_are_looked_at_in_another_thread():
    x = numbers(5, 50)
    pending = [(x + i) * 2 for i in range(20)]
    kept = [(x - i).sum() for i in range(20)]
    found = together(
        lambda: [p.tolist() for p in pending],
        lambda: [p.tolist() for p in reversed(pending)],
        lambda: [k.item() for k in kept],
    )
    data = x.numpy()
    assert found[0] == [((data + np.float32(i)) * 2).tolist() for i in range(20)]
    assert found[1] == found[0][::-1]
    np.testing.assert_allclose(found[2], [(data - i).sum() for i in range(20)], 1e-4)


def test_pending_values_outlive_their_thread():
    made: list[zincir.Tensor] = []

    def make() -> None:
        w = zincir.ones(3, requires_grad=True)
        y = (w * 2).exp()
        made.extend([w, y, y.sum(), w.detach()[1:] + 5])

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    w, y, total, part = made
    f = zincir.compile(lambda x: x + part)
    assert f(zincir.ones(2)).tolist() == [7.0, 7.0]
    total.backward()
    assert w.grad.tolist() == pytest.approx([14.778112] * 3)
    assert y.tolist() == pytest.approx([7.389056] * 3)


def test_backward_in_another_thread():
    w = zincir.tensor([1.0, 2.0], requires_grad=True)
    losses = [(w * w * i).sum() for i in range(THREADS)]
    for loss in losses:
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
    assert w.grad.tolist() == [12.0, 24.0]


def test_views_and_arrays_in_threads():
    def work(seed: int) -> list[float]:
        x = numbers(seed, 6, 6)
        n = x.numpy()
        for i in range(40):
            x[i % 6].mul_(0.5)
            n[:, i % 6] += 1
            x.diagonal().add_(x.t()[0])
            y = x.reshape(-1)[::2] + 1
            x.add_(0.25)
            n[0, 0] = y.sum().item()
        return x.tolist()

    functions = [lambda i=i: work(i) for i in range(THREADS)]
    alone = [f() for f in functions]
    assert together(*functions) == alone


def test_generators_of_their_own():
    def draw(seed: int) -> list[Any]:
        g = zincir.Generator().manual_seed(seed)
        f = zincir.compile(lambda x: x + zincir.rand(3, generator=g))
        found = [zincir.randn(4, generator=g).tolist() for _ in range(20)]
        found += [f(zincir.zeros(3)).tolist() for _ in range(20)]
        return [*found, zincir.randperm(9, generator=g).tolist()]

    functions = [lambda i=i: draw(i) for i in range(THREADS)]
    alone = [f() for f in functions]
    assert together(*functions) == alone
    assert alone[0] != alone[1]


def test_modes_belong_to_their_thread():
    def off() -> list[bool]:
        w = zincir.ones(2, requires_grad=True)
        found = []
        for _ in range(50):
            with zincir.no_grad():
                found.append((w * 2).requires_grad)
            found.append((w * 2).requires_grad)
        return found

    def on() -> list[bool]:
        w = zincir.ones(2, requires_grad=True)
        return [(w * 2).requires_grad for _ in range(100)]

    a, b, c = together(off, on, off)
    assert a == c == [False, True] * 50
    assert b == [True] * 100


def test_a_recording_belongs_to_its_thread():
    """Who looks at values in another thread is not told that a function cannot."""
    inside, go_on = threading.Event(), threading.Event()

    @zincir.compile
    def slow(x):
        y = x * 2
        inside.set()
        assert go_on.wait(30)
        return y + 1

    def record() -> list[float]:
        return slow(zincir.ones(2)).tolist()

    def look() -> list[float]:
        assert inside.wait(30)
        try:
            w = zincir.zeros(2)
            w.add_(5)
            return [w.sum().item(), *(w * 2).tolist()]
        finally:
            go_on.set()

    assert together(record, look) == [[3.0, 3.0], [10.0, 10.0, 10.0]]


def test_an_error_in_one_thread_leaves_the_others_alone():
    table = numbers(6, 10, 4)

    def fail() -> int:
        failures = 0
        for i in range(40):
            try:
                table[zincir.tensor([3, 10 + i])].sum().item()
            except IndexError:
                failures += 1
            try:
                zincir.ones(2, 3) @ zincir.ones(2, 3)
            except RuntimeError:
                failures += 1
        return failures

    def work() -> list[bytes]:
        return training(7, zincir.optim.Adam, 40, lambda f: f)

    def compiled() -> list[bytes]:
        return training(7, zincir.optim.Adam, 40, zincir.compile)

    alone = work()
    failures, first, second = together(fail, work, compiled)
    assert failures == 80
    assert first == second == alone


def test_an_error_of_a_compiled_step_leaves_the_others_alone():
    w = zincir.zeros(3)

    @zincir.compile
    def bad(x):
        w.add_(1)
        x.sum().item()

    def fail() -> int:
        failures = 0
        for _ in range(30):
            try:
                bad(zincir.ones(2))
            except zincir.errors.TraceError:
                failures += 1
        return failures

    functions = [lambda i=i: training(i, zincir.optim.SGD, 40, zincir.compile) for i in range(2)]
    alone = [f() for f in functions]
    assert together(fail, *functions) == [30, *alone]
    assert w.tolist() == [0.0, 0.0, 0.0]


def test_garbage_is_collected_while_others_work():
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            gc.collect()

    def work(seed: int) -> list[bytes]:
        try:
            return training(seed, zincir.optim.SGD, 40, zincir.compile)
        finally:
            done.set()

    alone = work(1)
    done.clear()
    assert together(collect, lambda: work(1))[1] == alone


def test_several_programs_with_teams_at_once():
    """Large products run on all worker threads; two that want them take turns."""
    a, b = numbers(8, 96, 96), numbers(9, 96, 96)
    expected = (a @ b).tolist()
    f = zincir.compile(lambda x, y: x @ y)

    def plain() -> bool:
        return all((a @ b).tolist() == expected for _ in range(10))

    def compiled() -> bool:
        return all(f(a, b).tolist() == expected for _ in range(10))

    assert together(plain, compiled, plain, compiled) == [True] * 4


# Processes --------------------------------------------------------------------------------------


def python(program: str) -> str:
    """What a program prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


BUSY = """
    import os, sys, threading, zincir
    sys.setswitchinterval(1e-4)
    stop, started = threading.Event(), threading.Semaphore(0)
    def busy(i):
        w = zincir.ones(40, 40, requires_grad=True)
        o = zincir.optim.SGD([w], lr=1e-3)
        def step(x):
            o.zero_grad(); loss = (x @ w).tanh().sum(); loss.backward(); o.step(); return loss
        step = zincir.compile(step) if i % 2 else step
        first = True
        while not stop.is_set():
            step(zincir.ones(40, 40)).item()
            if first:
                started.release(); first = False
    threads = [threading.Thread(target=busy, args=(i,), daemon=True) for i in range(3)]
    for t in threads: t.start()
    for t in threads: started.acquire()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_fork_while_threads_work():
    program = """
    for n in range(4):
        child = os.fork()
        if child == 0:
            x = zincir.ones(64, 64)
            f = zincir.compile(lambda x: (x @ x).sum())
            good = [f(x).item(), f(x).item(), (x * 2).sum().item()] == [64.0**3, 64.0**3, 8192.0]
            os._exit(0 if good else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    for t in threads: t.join(20)
    print(any(t.is_alive() for t in threads))
    """
    assert python(BUSY + program).split() == ["0", "0", "0", "0", "False"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_while_a_function_is_recorded():
    program = """
    import os, zincir
    w = zincir.zeros(1)
    children = []
    def f(x):
        w.add_(x)
        children.append(os.fork())
        return w * 2
    y = zincir.compile(f)(zincir.ones(1))
    good = (w.item(), y.item()) == (1.0, 2.0)
    if children[0] == 0:
        os._exit(0 if good else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]), good)
    """
    assert python(program).split() == ["0", "True"]


def test_exit_while_threads_work():
    assert python(BUSY + "    print('end')\n").split() == ["end"]


def test_exit_from_a_thread():
    program = """
    stop.set()
    for t in threads: t.join(20)
    pending = zincir.ones(3) * 2
    print(pending.sum().item(), flush=True)
    later = [pending + i for i in range(100)]
    """
    assert python(BUSY + program).split() == ["6.0"]


def test_a_pool_of_threads():
    program = """
    from concurrent.futures import ThreadPoolExecutor
    import zincir
    def work(i):
        w = zincir.zeros(4, requires_grad=True)
        o = zincir.optim.SGD([w], lr=0.5)
        for _ in range(8):
            o.zero_grad(); ((w - i) ** 2).sum().backward(); o.step()
        return w.tolist()
    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(work, range(24))) == [[float(i)] * 4 for i in range(24)])
    """
    assert python(program).split() == ["True"]
