"""Gradients on and off: blocks, calls, and decorators of functions, generators and classes."""

import pytest

import zincir
from zincir import is_grad_enabled


def counting():
    """Tells its mode at each step, the last time when it ends."""
    log = [is_grad_enabled()]
    try:
        got = yield is_grad_enabled()
        log.append((got, is_grad_enabled()))
        try:
            yield is_grad_enabled()
        except ValueError:
            log.append(("thrown", is_grad_enabled()))
        yield is_grad_enabled()
    finally:
        log.append(("end", is_grad_enabled()))
    return log


@pytest.mark.parametrize(
    ("decorate", "inside"),
    [
        (zincir.no_grad(), False),
        (zincir.no_grad, False),
        (zincir.inference_mode(), False),
        (zincir.inference_mode, False),
        (zincir.inference_mode(False), True),
        (zincir.enable_grad(), True),
        (zincir.enable_grad, True),
    ],
)
def test_generators_keep_their_mode_and_leave_the_callers(decorate, inside):
    with zincir.set_grad_enabled(not inside):
        steps = decorate(counting)()
        seen = [next(steps), is_grad_enabled(), steps.send(3), is_grad_enabled()]
        seen += [steps.throw(ValueError()), is_grad_enabled()]
        assert seen == [inside, not inside] * 3
        with pytest.raises(StopIteration) as end:
            next(steps)
        assert end.value.value == [inside, (3, inside), ("thrown", inside), ("end", inside)]
        assert is_grad_enabled() is not inside


def test_generators_that_are_closed_or_fail():
    ends = []

    @zincir.no_grad()
    def numbers():
        try:
            yield 1
        finally:
            ends.append(is_grad_enabled())

    steps = numbers()
    next(steps)
    steps.close()
    steps = numbers()
    next(steps)
    with pytest.raises(KeyError):
        steps.throw(KeyError("k"))
    assert ends == [False, False]
    assert is_grad_enabled()
    assert numbers.__name__ == "numbers"


def test_set_grad_enabled_as_a_decorator():
    decorator = zincir.set_grad_enabled(False)
    assert not is_grad_enabled()
    decorated = decorator(is_grad_enabled)
    assert is_grad_enabled()
    assert decorated() is False
    assert is_grad_enabled()


def test_set_grad_enabled_as_a_call_and_as_a_block():
    kept = zincir.set_grad_enabled(False)
    assert not is_grad_enabled()
    zincir.set_grad_enabled(True)
    with kept:
        assert not is_grad_enabled()
    assert is_grad_enabled()
    with zincir.no_grad(), pytest.raises(ZeroDivisionError), zincir.enable_grad():
        _ = 1 / 0
    assert is_grad_enabled()


def test_one_object_entered_twice():
    mode = zincir.no_grad()
    with mode:
        with mode, zincir.inference_mode(False):
            assert is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_methods():
    class Net:
        @zincir.no_grad
        def plain(self):
            return is_grad_enabled()

        @staticmethod
        @zincir.set_grad_enabled(False)
        def static():
            return is_grad_enabled()

        @zincir.enable_grad()
        def down(self, depth):
            return [is_grad_enabled()] + (self.down(depth - 1) if depth else [])

    assert (Net().plain(), Net.static(), is_grad_enabled()) == (False, False, True)
    with zincir.no_grad():
        assert Net().down(2) == [True] * 3
        assert not is_grad_enabled()


def test_a_class_is_decorated_with_a_warning():
    class Net:
        def __init__(self):
            self.inside = is_grad_enabled()

        def later(self):
            return is_grad_enabled()

    with pytest.warns(FutureWarning, match="Net: decorating a class"):
        made = zincir.no_grad()(Net)
    assert (made().inside, made().later()) == (False, True)


def test_what_is_no_mode_or_no_function():
    with pytest.raises(TypeError, match="set_grad_enabled: mode is no bool"):
        zincir.set_grad_enabled(1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="decorates functions"):
        zincir.no_grad()(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="inference_mode: mode is no bool"):
        zincir.inference_mode("on")  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert is_grad_enabled()
