"""Functions with gradients of their own, and the checks of gradients."""

import pytest

import zincir
from zincir.autograd import Function, grad, gradcheck, gradgradcheck, once_differentiable
from zincir.errors import GradientError, ShapeError


def leaf(*shape, seed=0):
    g = zincir.Generator().manual_seed(seed)
    return zincir.randn(*shape, generator=g, dtype=zincir.float64).requires_grad_()


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Both(Function):
    calls = 0

    @staticmethod
    def forward(ctx, x, scale, y):
        ctx.scale = scale
        ctx.save_for_backward(x, y)
        return x * scale + y, x * y

    @staticmethod
    def backward(ctx, g, h):
        Both.calls += 1
        x, y = ctx.saved_tensors
        return g * ctx.scale + h * y, None, g + h * x


class Modern(Function):
    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.cos()


@pytest.mark.parametrize("function", [Cube, Exp, Modern])
def test_first_and_second_gradients(function):
    x = leaf(3)
    assert gradcheck(function.apply, (x,))
    assert gradgradcheck(function.apply, (x,))


def test_backward_runs_once_for_all_outputs():
    x, y = leaf(3), leaf(3, seed=1)
    Both.calls = 0
    a, b = Both.apply(x, 2.0, y)
    (a.sum() + (b * b).sum()).backward()
    assert Both.calls == 1
    assert gradcheck(lambda x, y: Both.apply(x, 2.0, y), (x, y))
    assert gradgradcheck(lambda x, y: Both.apply(x, 2.0, y), (x, y))


def test_values_and_flags():
    x = leaf(3)
    y = Cube.apply(x)
    assert y.requires_grad
    assert not y.is_leaf
    assert y.tolist() == (x**3).tolist()
    with zincir.no_grad():
        assert not Cube.apply(x).requires_grad
    assert not Cube.apply(x.detach()).requires_grad


def test_what_is_asked_for():
    class Asked(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y, (x > 0)

        @staticmethod
        def backward(ctx, g, _):
            assert ctx.needs_input_grad == (True, False)
            return g, None

    x = leaf(3)
    y, flag = Asked.apply(x, zincir.ones(3, dtype=zincir.float64))
    assert flag.dtype is zincir.bool
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


def test_mark_non_differentiable():
    class Marked(Function):
        @staticmethod
        def forward(ctx, x):
            y, z = x * 2, x * 3
            ctx.mark_non_differentiable(z)
            return y, z

        @staticmethod
        def backward(ctx, g, _):
            return g * 2

    y, z = Marked.apply(leaf(2))
    assert y.requires_grad
    assert not z.requires_grad


def test_wrong_backward():
    class TooMany(Cube):
        @staticmethod
        def backward(ctx, g):
            return g, g

    class WrongShape(Cube):
        @staticmethod
        def backward(ctx, g):
            return zincir.ones(7, dtype=zincir.float64)

    with pytest.raises(GradientError, match="wrong number of gradients"):
        TooMany.apply(leaf(3)).sum().backward()
    with pytest.raises(ShapeError, match="another shape"):
        WrongShape.apply(leaf(3)).sum().backward()


def test_saved_input_changed_in_place():
    x = leaf(3)
    h = x * 1
    y = Cube.apply(h)
    h.add_(1)
    with pytest.raises(GradientError, match="changed in place"):
        y.sum().backward()


def test_once_differentiable():
    class Once(Cube):
        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

    x = leaf(3)
    Once.apply(x).sum().backward()
    assert x.grad is not None
    w = leaf(3)
    with pytest.raises(GradientError, match="once_differentiable"):
        grad((Once.apply(x) * w).sum(), x, create_graph=True)


def test_gradcheck_says_what_is_wrong():
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * g

    x = leaf(2, 2)
    with pytest.raises(GradientError, match=r"input 0, entry \(0, 0\)"):
        gradcheck(Wrong.apply, (x,))
    with pytest.raises(GradientError, match="a random direction"):
        gradcheck(Wrong.apply, (x,), fast_mode=True)
    assert not gradcheck(Wrong.apply, (x,), raise_exception=False)


def test_gradcheck_modes():
    x, y = leaf(3, 2), leaf(2, 3, seed=1)
    assert gradcheck(lambda a, b: a @ b, (x, y), fast_mode=True)
    assert gradgradcheck(lambda a, b: (a @ b).tanh(), (x, y), fast_mode=True)
    with pytest.warns(UserWarning, match="float32"):
        gradcheck(lambda a: a * 2, zincir.ones(1, requires_grad=True), eps=1e-2, atol=1e-2)
    with pytest.raises(GradientError, match="no input requires grad"):
        gradcheck(lambda a: a, zincir.ones(1, dtype=zincir.float64))
