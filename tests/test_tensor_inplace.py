"""Changes in place: values, views, gradients and refusals, beside PyTorch where it is there."""

import numpy as np
import pytest

import zincir
from zincir.errors import DTypeError, GradientError, ShapeError

try:
    import torch
except ImportError:
    torch = None

LIBRARIES = [zincir] + ([torch] if torch else [])


def leaf(t, *shape):
    return t.tensor(np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape), requires_grad=True)


def slices(t):
    x = leaf(t, 3, 4)
    y = x * 2
    y[1] = 5.0
    y[:, 2] += x[:, 0]
    return [x], y.sin().sum(), [y]


def view_then_base(t):
    x = leaf(t, 6)
    y = x * 1.5
    v = y.view(2, 3)
    y.add_(1)
    return [x], (v * v).sum(), [y, v]


def base_then_view(t):
    x = leaf(t, 6)
    y = x * 1.5
    v = y.view(2, 3)
    v[0].mul_(3)
    return [x], (y * y).sum(), [y, v]


def transposed(t):
    x = leaf(t, 2, 3)
    y = x.clone()
    y.t()[1] = x[:, 0] * 2
    return [x], (y**2).sum(), [y]


def view_of_view(t):
    x = leaf(t, 2, 3, 2)
    y = x * 3
    row = y[1]
    corner = row[1:, ::2]
    other = y.reshape(-1)
    corner.copy_(x[0, 1:, :1])
    return [x], (y * y).sum() + other.sum() + row.prod(), [y, row, corner, other]


def masked(t):
    x = leaf(t, 4)
    y = x * x
    y[y > 5] = 0.0
    return [x], y.sum(), [y]


def by_numbers(t):
    x = leaf(t, 4)
    y = x * 3
    y[t.tensor([0, 2])] = x[:2]
    return [x], (y * y).sum(), [y]


def accumulate(t):
    x = leaf(t, 4)
    y = t.zeros(4, dtype=t.float64)
    for k in range(4):
        y[k] = x[k] * k
        y.mul_(2)
    return [x], y.sum(), [y]


def unbound(t):
    x = leaf(t, 3, 2)
    y = x * 2
    for k in range(3):
        y.narrow(0, k, 1).squeeze(0)[0] = 1.0
    return [x], (y * x).sum(), [y]


def detached(t):
    x = leaf(t, 3)
    y = x * 2
    d = y.detach()
    d.add_(10)
    return [x], (y * 3).sum(), [y, d]


def quiet(t):
    x = leaf(t, 3)
    y = x * 2
    with t.no_grad():
        y.mul_(10)
    return [x], (y * 3).sum(), [y]


def updated_leaf(t):
    x = leaf(t, 3)
    with t.no_grad():
        x.sub_(1)
        x[0] = 7
    assert x.is_leaf
    assert x.requires_grad
    return [x], (x * x).sum(), [x]


def data(t):
    x = leaf(t, 3)
    x.data.mul_(2)
    x.data[1] = 0
    return [x], (x * x).sum(), [x]


def fill(t):
    x = leaf(t, 3)
    y = x * 1
    y.zero_()
    y += x
    y[1:].fill_(2)
    return [x], (y * y).sum(), [y]


def functions(t):
    x = leaf(t, 4)
    y = x * 0.3
    y.sin_().clamp_(0.2, 1.4).neg_()
    y -= 1
    y /= 2
    y **= 2
    return [x], y.sum(), [y]


def scattered(t):
    x = leaf(t, 4)
    y = x * 1
    y.scatter_add_(0, t.tensor([0, 0, 3]), x[:3])
    y.index_add_(0, t.tensor([1]), x[3:], alpha=2)
    y.masked_fill_(t.tensor([False, False, True, False]), 1.5)
    return [x], (y * y).sum(), [y]


def expanded(t):
    x = leaf(t, 1, 3)
    y = x * 2
    wide = y.expand(4, 3)
    y.add_(1)
    return [x], (wide * wide).sum(), [wide]


SCENES = [slices, view_then_base, base_then_view, transposed, view_of_view, masked, by_numbers,
          accumulate, unbound, detached, quiet, updated_leaf, data, fill, functions, scattered,
          expanded]  # fmt: skip


@pytest.mark.torch
@pytest.mark.skipif(torch is None, reason="PyTorch is not installed: NOT compared with it")
@pytest.mark.parametrize("scene", SCENES, ids=lambda s: s.__name__)
def test_as_pytorch(scene):
    answers = []
    for t in (zincir, torch):
        leaves, loss, shown = scene(t)
        loss.backward()
        answers.append([x.grad.numpy() for x in leaves] + [y.detach().numpy() for y in shown])
    for ours, theirs in zip(*answers, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-12)


def changed_input_of_square(t):
    x = leaf(t, 3)
    y = x * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


def changed_output_of_exp(t):
    x = leaf(t, 3)
    y = x.exp()
    y.mul_(2)
    y.sum().backward()


def changed_through_view(t):
    x = leaf(t, 4)
    y = x * 1
    z = y.sin()
    y[1:] = 0
    z.sum().backward()


def changed_through_detached(t):
    x = leaf(t, 4)
    y = x * 1
    z = y * y
    y.detach().zero_()
    z.sum().backward()


def changed_leaf(t):
    x = leaf(t, 3)
    z = x * x
    with t.no_grad():
        x.add_(1)
    z.sum().backward()


def leaf_in_place(t):
    leaf(t, 3).add_(1)


def leaf_view_in_place(t):
    leaf(t, 3)[0] = 1


def leaf_index(t):
    x = leaf(t, 3)
    x[t.tensor([0])] = 1.0


def twice(t):
    y = (leaf(t, 3) ** 2).sum()
    y.backward()
    y.backward()


def no_grad_output(t):
    (t.tensor([1.0]) * 2).backward()


def not_scalar(t):
    (leaf(t, 3) * 2).backward()


def wrong_gradient(t):
    (leaf(t, 3) * 2).backward(t.ones(4, dtype=t.float64))


def integer_leaf(t):
    t.tensor([1, 2], requires_grad=True)


def numpy_of_leaf(t):
    leaf(t, 3).numpy()


def float_into_int(t):
    t.tensor([1, 2]).add_(1.5)


def too_large(t):
    t.ones(3).add_(t.ones(2, 3))


def expanded_write(t):
    t.ones(1, 3).expand(4, 3).add_(1)


def view_of_transposed(t):
    t.ones(2, 3).t().view(6)


def ambiguous(t):
    bool(t.ones(3) > 0)


def unused(t):
    x, y = leaf(t, 2), leaf(t, 2)
    t.autograd.grad((x * 2).sum(), y)


def change_flag(t):
    (leaf(t, 2) * 2).requires_grad_(False)


def item_of_many(t):
    t.ones(3).item()


REFUSED = [changed_input_of_square, changed_output_of_exp, changed_through_view,
           changed_through_detached, changed_leaf, leaf_in_place, leaf_view_in_place, leaf_index,
           twice, no_grad_output, not_scalar, wrong_gradient, integer_leaf, numpy_of_leaf,
           float_into_int, too_large, expanded_write, view_of_transposed, ambiguous, unused,
           change_flag, item_of_many]  # fmt: skip


@pytest.mark.parametrize("scene", REFUSED, ids=lambda s: s.__name__)
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda t: t.__name__)
def test_refused(scene, library):
    if library is torch and scene is changed_output_of_exp:
        with pytest.raises(RuntimeError):
            scene(library)
        return
    with pytest.raises((RuntimeError, ValueError)) as caught:
        scene(library)
    if library is zincir:
        text = str(caught.value)
        assert "test_tensor_inplace.py:" in text, "names the user's line"
        assert "try" in text or "expected" in text or "got" in text


def unharmed_by_add(t):
    x = leaf(t, 3)
    y = x * 2
    z = y + 1
    y.mul_(3)
    return [x], z.sum()


def unharmed_after_exp(t):
    x = leaf(t, 3)
    y = x * 1
    z = y.exp()
    y.add_(1)
    return [x], z.sum()


@pytest.mark.parametrize("scene", [unharmed_by_add, unharmed_after_exp], ids=lambda s: s.__name__)
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda t: t.__name__)
def test_rules_that_do_not_look_are_not_refused(scene, library):
    leaves, loss = scene(library)
    loss.backward()
    assert np.isfinite(leaves[0].grad.numpy()).all()


def test_version_counts():
    x = zincir.ones(3)
    assert x._version == 0
    x.add_(1)
    x[0] = 2
    assert x._version == 2


def test_messages():
    x = zincir.ones(3, requires_grad=True)
    with pytest.raises(GradientError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(GradientError, match="a view of a leaf Variable that requires grad"):
        x[0] = 1
    with pytest.raises(DTypeError, match="result type float32 can't be cast to int64"):
        zincir.tensor([1]).mul_(0.5)
    with pytest.raises(ShapeError, match=r"broadcasts to \(3,\)"):
        zincir.ones(3).add_(zincir.ones(2, 3))
    y = x * 1
    z = y * y
    y.zero_()
    with pytest.raises(GradientError, match="mul needs a tensor that was changed in place since"):
        z.sum().backward()


def test_a_parameter_stays_the_same_object():
    w = zincir.ones(3, requires_grad=True)
    for _ in range(3):
        (w * w).sum().backward()
        with zincir.no_grad():
            w.sub_(w.grad, alpha=0.1)
            w.grad.zero_()
    assert w.is_leaf
    np.testing.assert_allclose(w.detach().numpy(), 0.8**3, rtol=1e-6)


def test_detached_results_do_not_keep_graphs_alive():
    w = zincir.ones(3, requires_grad=True)
    kept = [(w * k).sum().detach() for k in range(3)]
    assert [k.item() for k in kept] == [0, 3, 6]
    assert all(not k._node.inputs and k._base is None for k in kept)


@pytest.mark.parametrize(
    "overwrite",
    [
        lambda x, v: x.copy_(v),
        lambda x, v: x.fill_(v),
        lambda x, v: x.__setitem__(..., v),
        lambda x, v: x.view(()).copy_(v),
        lambda x, v: x.copy_(x.detach() * 0 + v),
    ],
)
def test_what_is_overwritten_whole_passes_a_gradient_of_zero_on(overwrite):
    """It is still part of the graph, as in PyTorch: a zero is no None to an optimizer."""
    w, v = (zincir.tensor(x, requires_grad=True) for x in (3.0, 2.0))
    x = w * 2
    overwrite(x, v)
    assert [g.item() for g in zincir.autograd.grad(x, [w, v], retain_graph=True)] == [0, 1]
    x.backward()
    assert w.grad.item() == 0
    assert v.grad.item() == 1


@pytest.mark.parametrize("name", ["tanh_", "exp_", "sqrt_", "square_", "sigmoid_", "reciprocal_"])
def test_second_gradients_pass_through_what_was_computed_in_place(name):
    """A rule that uses its own result means the tensor: whoever retains its gradient sees all."""
    x = zincir.tensor([0.5, 1.5], requires_grad=True)
    found = []
    for in_place in (True, False):
        y = x.sum() * 0.5
        y = getattr(y, name)() if in_place else getattr(y, name[:-1])()
        y.retain_grad()
        (g,) = zincir.autograd.grad((y**3).sum(), [x], create_graph=True)
        g.sum().backward()
        found.append(y.grad.item())
    assert found[0] == pytest.approx(found[1])


def test_zeros_for_what_a_view_overwrote_can_be_differentiated():
    """As in PyTorch: through a view they depend on the gradient of the result, else they do not."""
    for make, tracked in (
        (lambda: zincir.zeros(4).view(4), True),
        (lambda: zincir.zeros(4), False),
    ):
        w = zincir.ones(4, requires_grad=True)
        x = make().add_(w)
        x.fill_(0.5)
        (g,) = zincir.autograd.grad((x * x).sum(), [w], create_graph=True)
        assert g.tolist() == [0, 0, 0, 0]
        assert g.requires_grad is tracked


def without_gradients(x):
    with zincir.no_grad():
        return x * 2


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "source",
    [
        lambda x: (x * 2).detach(),
        lambda x: x.detach(),
        lambda x: x.data * 2,
        without_gradients,
        lambda x: x > 0,
        lambda x: x.argmax(),
        lambda x: zincir.isnan(x),
        lambda x: (x @ x).detach(),
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        lambda x, y: x.copy_(y),
        lambda x, y: x.__setitem__(..., y),
        lambda x, y: x.view(-1).copy_(y.reshape(-1)),
        lambda x, y: x.t().copy_(y),
    ],
)
def test_what_is_made_of_old_values_without_gradients_overwrites_them(write, source, compiled):
    """As in PyTorch: the tensor still requires a gradient, which is zero for what there was."""
    weight = zincir.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)

    def step(x):
        y = weight * x
        write(y, source(y))
        return y

    function = zincir.compile(step) if compiled else step
    for _ in range(3):
        weight.grad = None
        y = function(zincir.tensor(1.5))
        assert y.requires_grad
        y.sum().backward()
        assert weight.grad is not None
        assert weight.grad.tolist() == [[0, 0], [0, 0]]
