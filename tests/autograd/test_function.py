"""Functions with gradients of their own, and the checks of gradients."""

import math

import pytest

import zincir
from scenes import Unseen
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
    calls = Unseen()

    @staticmethod
    def forward(ctx, x, scale, y):
        ctx.scale = scale
        ctx.save_for_backward(x, y)
        return x * scale + y, x * y

    @staticmethod
    def backward(ctx, g, h):
        Both.calls.append(1)
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
    Both.calls = Unseen()
    a, b = Both.apply(x, 2.0, y)
    (a.sum() + (b * b).sum()).backward()
    assert len(Both.calls) == 1
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


def returning(make, *others):
    """The gradient of [1, 2, 3] through a function whose backward returns make(g)."""

    class Returns(Function):
        @staticmethod
        def forward(ctx, x, *_):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return make(g)

    x = zincir.tensor([1.0, 2.0, 3.0], requires_grad=True)
    Returns.apply(x, *others).sum().backward()
    return None if x.grad is None else x.grad.tolist()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 1), (2, 1), (4, 2)])
def test_a_gradient_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match="another shape"):
        returning(lambda g: zincir.ones(*shape))


def test_a_gradient_of_a_shape_that_the_input_broadcasts_to_is_summed():
    assert returning(lambda g: zincir.ones(2, 3)) == [2, 2, 2]
    assert returning(lambda g: zincir.ones(3, dtype=zincir.int64)) == [1, 1, 1]
    assert returning(lambda g: (g, None, None)) == [1, 1, 1]
    assert returning(lambda g: None) is None


@pytest.mark.parametrize(
    ("make", "others", "text"),
    [
        (lambda g: 2.0, (), "a tensor or None for argument 0"),
        (lambda g: [g], (), "got       list"),
        (lambda g: (g, g), (2.0,), "None for argument 1, which is no tensor"),
        (lambda g: g, (2.0,), "wrong number of gradients"),
    ],
)
def test_what_is_no_gradient(make, others, text):
    with pytest.raises(GradientError, match=text):
        returning(make, *others)


def test_gradients_of_unused_outputs():
    seen = []

    def function(flag):
        class Several(Function):
            @staticmethod
            def forward(ctx, x):
                if flag is not None:
                    ctx.set_materialize_grads(flag)
                return x * 2, x * 3, (x * 2).long(), "text"

            @staticmethod
            def backward(ctx, *gradients):
                seen.append([None if g is None else g.tolist() for g in gradients])
                return sum(g for g in gradients[:2] if g is not None)

        return Several

    x = zincir.tensor([1.0, 2.0], requires_grad=True)
    for flag in (None, True, False):
        (function(flag).apply(x)[1] * 5).sum().backward()
    assert x.grad.tolist() == [15, 15]
    assert seen == [
        [[0, 0], [5, 5], [0, 0], None],
        [[0, 0], [5, 5], [0, 0], None],
        [None, [5, 5], None, None],
    ]
    seen.clear()
    a, b, _, _ = function(False).apply(x)
    assert grad((a * b).sum(), [a, x])[1].tolist() == [3 + 2, 6 + 4]
    assert seen == [[[3, 6], [2, 4], None, None]]


def test_saved_tensors_are_the_tensors_that_were_saved():
    w = zincir.tensor([1.0, 2.0], requires_grad=True)
    x, k = w * 3, zincir.ones(2)
    seen = []

    class Saves(Function):
        @staticmethod
        def forward(ctx, x, w, k):
            ctx.middle = x * w
            ctx.save_for_backward(x, w, k, ctx.middle, None)
            return ctx.middle * k

        @staticmethod
        def backward(ctx, g):
            a, b, c, middle, nothing = ctx.saved_tensors
            seen.append([a is x, b is w, c is k, middle is ctx.middle, nothing is None])
            return g * b, g * a, None

    Saves.apply(x, w, k).sum().backward()
    assert seen == [[True] * 5]
    assert w.grad.tolist() == [6, 12]


def test_gradients_taken_inside_backward_reach_saved_leaves():
    class Adjoint(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * w * w

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            with zincir.enable_grad():
                z = x.detach().requires_grad_()
                return grad(z * w * w, (z, w), g)

    x, w = zincir.tensor([3.0], requires_grad=True), zincir.tensor([2.0], requires_grad=True)
    Adjoint.apply(x, w).sum().backward()
    assert (x.grad.tolist(), w.grad.tolist()) == ([4], [12])


def test_saved_tensors_are_given_up():
    kept = []

    class Keeps(Cube):
        @staticmethod
        def forward(ctx, x):
            kept.append(ctx)
            ctx.save_for_backward(x)
            return x * 2

    x = leaf(2)
    y = Keeps.apply(x)
    assert kept[0].saved_tensors[0] is x
    y.sum().backward(retain_graph=True)
    assert len(kept[0].saved_tensors) == 1
    y.sum().backward()
    with pytest.raises(GradientError, match="given up"):
        _ = kept[0].saved_tensors
    with pytest.raises(TypeError, match="save_for_backward: not a tensor"):
        kept[0].save_for_backward(3)


def test_a_saved_output_that_nobody_kept():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y * 2, y

        @staticmethod
        def backward(ctx, g, h):
            (y,) = ctx.saved_tensors
            return (2 * g + h) * y

    x = zincir.zeros(2, requires_grad=True)
    (g,) = grad(Two.apply(x)[0].sum(), x, create_graph=True)
    assert grad(g.sum(), x)[0].tolist() == [2, 2]


def test_mark_dirty():
    class Triple(Function):
        @staticmethod
        def forward(ctx, x, other):
            x.mul_(3)
            ctx.mark_dirty(x)
            ctx.save_for_backward(x)
            return x, other * x

        @staticmethod
        def backward(ctx, g, h):
            (x,) = ctx.saved_tensors
            return g * 3 + h * 3, h * x

    x = zincir.tensor([1.0, 2.0], requires_grad=True)
    other = zincir.tensor([5.0, 6.0], requires_grad=True)
    h = x * 1
    y, z = Triple.apply(h, other)
    assert y is h
    (y * z).sum().backward()
    assert (y.tolist(), x.grad.tolist(), other.grad.tolist()) == ([3, 6], [54, 126], [9, 36])
    with pytest.raises(GradientError, match="leaf Variable that requires grad"):
        Triple.apply(zincir.ones(2, requires_grad=True), other)

    class Hides(Triple):
        @staticmethod
        def forward(ctx, x, other):
            ctx.mark_dirty(x)
            return other * x.mul_(3)

    with pytest.raises(GradientError, match="marked as dirty was not returned"):
        Hides.apply(x * 1, other)


def test_a_dirty_view_reaches_its_base():
    class Triple(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(3)

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = zincir.tensor([1.0, 2.0], requires_grad=True)
    h = x * 1
    Triple.apply(h[:1])
    h.sum().backward()
    assert (h.tolist(), x.grad.tolist()) == ([3, 2], [3, 1])


def test_an_input_that_was_not_saved_may_change():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = zincir.tensor([1.0, 2.0], requires_grad=True)
    h = x * 1
    z = Double.apply(h) * (h * 2)
    h.add_(1)
    z.sum().backward()
    assert x.grad.tolist() == [8, 16]


def test_arguments_by_name():
    class Scaled(Function):
        @staticmethod
        def forward(x, scale=2.0):
            return x * scale

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.scale = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.scale, None

    x = zincir.ones(2, requires_grad=True)
    Scaled.apply(x).sum().backward()
    Scaled.apply(x, scale=3.0).sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_vjp_is_backward():
    class Five(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 5

        @staticmethod
        def vjp(ctx, g):
            return g * 5

    x = zincir.ones(1, requires_grad=True)
    Five.apply(x).backward()
    assert x.grad.tolist() == [5]


def test_outputs_of_several_types():
    class Types(Function):
        @staticmethod
        def forward(ctx, x):
            return x.double(), x * 2

        @staticmethod
        def backward(ctx, g, h):
            assert (g.dtype, h.dtype) == (zincir.float64, zincir.float32)
            return g + h

    x = zincir.tensor([1.0, 2.0], requires_grad=True)
    y, _ = Types.apply(x)
    y.sum().backward()
    assert x.grad.dtype is zincir.float32
    assert x.grad.tolist() == [1, 1]


def test_in_a_compiled_step():
    w = zincir.tensor([1.0, 2.0], dtype=zincir.float64, requires_grad=True)

    @zincir.compile
    def step(x):
        w.grad = None
        a, _ = Both.apply(w, 2.0, x)
        (Cube.apply(a) + Exp.apply(w)).sum().backward()
        return w.grad * 1

    for value in (1.0, 2.0):
        x = zincir.full((2,), value, dtype=zincir.float64)
        got = [6 * (2 * v + value) ** 2 + math.exp(v) for v in (1.0, 2.0)]
        assert step(x).tolist() == pytest.approx(got, rel=1e-12)


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
    (g,) = grad((Once.apply(x) * w).sum(), x, create_graph=True)
    assert g.requires_grad
    with pytest.raises(GradientError, match="once_differentiable"):
        g.sum().backward()
    (g,) = grad(Once.apply(x).sum(), x, create_graph=True)
    assert not g.requires_grad


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
