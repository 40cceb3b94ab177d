"""Values are those of the moment of the call; a tensor owns its value, and views share it."""

import copy
import functools
import gc
import warnings

import numpy as np
import pytest
from scenes import Scene, Scenes, name_of

import zincir

SCENES = Scenes()
gives = SCENES.gives


@pytest.mark.parametrize("scene", SCENES, ids=name_of)
def test_means_what_it_means_in_pytorch(scene: Scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene.check(zincir, zincir.compile)


# Values of the moment of the call ---------------------------------------------------------------


@gives([[2.0, 3.0], [50.0, 50.0]])
def array_taken_after(T, C):
    t = T.tensor([1.0, 2.0])
    y = t + 1
    n = t.numpy()
    n[:] = 50
    return y, t


@gives([[2.0, 3.0], [50.0, 50.0]])
def array_taken_before(T, C):
    t = T.tensor([1.0, 2.0])
    n = t.numpy()
    y = t + 1
    n[:] = 50
    return y, t


@gives([[[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]], [3.5, 4.5, 5.5], [[0.0, -1.0, 2.0], [3.0, -1.0, 5.0]], [3.5, -0.5, 5.5]])
def array_taken_of_a_view(T, C):
    t = T.arange(6.0).reshape(2, 3)
    y, z = t * 2, t[1] + 0.5
    n = t[:, 1].numpy()
    n[:] = -1
    return y, z, t, t[1] + 0.5


@gives([[7.0, 2.0], [8.0, 2.0], [8.0, 2.0]])
def array_taken_twice(T, C):
    t = T.tensor([1.0, 2.0])
    n, m = t.numpy(), t.numpy()
    n[0] = 7
    y = t * 1
    m[0] = 8
    return y, t, n


@gives([6.0, 9.0])
def array_of_a_pending_value(T, C):
    t = T.ones(3) * 2
    y = t.sum()
    n = t.numpy()
    n += 1
    return y, t.sum()


@gives([[2.0, 2.0, 2.0], [14.0, 14.0, 14.0]])
def from_numpy_then_write(T, C):
    a = np.ones(3, "f4")
    t = T.from_numpy(a)
    y = t * 2
    a[:] = 7
    z = t * 2
    return y, z


@gives([[0.0, 1.0, 3.0], [10.0, 11.0, 12.0], [10.0, 11.0, 12.0]])
def as_tensor_shares(T, C):
    a = np.arange(3.0)
    t = T.as_tensor(a)
    y = t.cumsum(0)
    a += 10
    return y, t, a


@gives([0.0, 1.0, 2.0])
def as_tensor_of_another_type_does_not(T, C):
    a = np.arange(3.0)
    t = T.as_tensor(a, dtype=T.float32)
    a += 10
    return t


@gives([[0.5, 1.5, 2.5], [0.0, 9.0, 2.0]])
def asarray_shares(T, C):
    a = np.arange(3.0)
    t = T.asarray(a)
    y = t + 0.5
    a[1] = 9
    return y, t


@gives([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]])
def tensor_of_an_array_does_not_share(T, C):
    a = np.arange(3.0)
    t = T.tensor(a)
    y = t * 2
    a[:] = 9
    return t, y


@gives([[[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]]])
def tensor_of_a_list_of_arrays(T, C):
    rows = [np.zeros(2), np.ones(2)]
    t = T.tensor(np.array(rows))
    u = T.stack([T.from_numpy(r) for r in rows])
    for r in rows:
        r[:] = 9
    return t, u


@gives([0.0, 1.0, 2.0])
def new_tensor_does_not_share(T, C):
    a = np.arange(3.0)
    t = T.zeros(1).new_tensor(a)
    a[:] = 9
    return t


@gives([[2.0, 2.0], [4.0, 4.0]])
def full_of_a_number_in_an_array(T, C):
    a = np.array([2.0])
    t = T.full((2,), a[0])
    y = T.ones(2) * a[0] + a.item()
    a[0] = 9
    return t, y


@gives([[0.0, 3.0, 6.0], [5.0, 5.0, 5.0]])
def dlpack_from_numpy(T, C):
    a = np.arange(3.0)
    t = T.from_dlpack(a)
    y = t * 3
    a[:] = 5
    return y, t


@gives([[0.0, 3.0, 6.0], [1.0, 2.0, 3.0]])
def dlpack_to_numpy(T, C):
    t = T.arange(3.0)
    y = t * 3
    a = np.from_dlpack(t)
    t.add_(1)
    return y, a


@gives([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]])
def numpy_protocol_shares(T, C):
    t = T.arange(3.0)
    a = np.asarray(t)
    y = t + 1
    a[:] = 4
    return y, t


@gives([[2.0, 2.0], [3.0, 3.0], [6.0, 6.0]])
def numpy_of_a_detached_parameter(T, C):
    w = T.ones(2, requires_grad=True)
    n = w.detach().numpy()
    y = w * 2
    n[:] = 3
    return y, w, w.detach() * 2


@gives([1.0, 1.0, 1.0])
def copied_from_an_array(T, C):
    a = np.ones(3, "f4")
    t = T.tensor([1.0, 2.0, 3.0])
    t.copy_(T.from_numpy(a))
    a[:] = 9
    return t


@gives([0.0, 4.0, 5.0])
def written_from_an_array(T, C):
    a = np.array([4.0, 5.0], "f4")
    t = T.zeros(3)
    t[1:] = T.from_numpy(a)
    a[:] = 9
    return t


@gives([4.0, 5.0, 6.0])
def added_from_an_array(T, C):
    a = np.array([4.0, 5.0, 6.0], "f4")
    t = T.zeros(3)
    t += T.from_numpy(a)
    a[:] = 9
    return t


@gives([[1.0, 2.0], [3.0, 3.0]])
def index_of_an_array(T, C):
    ix = np.array([0, 1])
    t = T.tensor([1.0, 2.0, 3.0])
    y = t[ix]
    ix[:] = 2
    return y, t[ix]


@gives([[1.0, 2.0], [1.0, 2.0], [3.0, 3.0]])
def index_of_a_tensor_over_an_array(T, C):
    ix = np.array([0, 1])
    t = T.tensor([1.0, 2.0, 3.0])
    i = T.from_numpy(ix)
    y, z = t[i], t.index_select(0, i)
    ix[:] = 2
    return y, z, t[i]


@gives([[1.0, -2.0, 3.0], [0.0, 2.0, 0.0]])
def mask_of_an_array(T, C):
    m = np.array([True, False, True])
    t = T.tensor([1.0, 2.0, 3.0])
    y = T.where(T.from_numpy(m), t, -t)
    z = t.masked_fill(T.from_numpy(m), 0.0)
    m[:] = False
    return y, z


@gives([5.0, 5.0, 0.0])
def written_at_an_array(T, C):
    ix = np.array([0, 1])
    t = T.zeros(3)
    t[ix] = 5.0
    ix[:] = 2
    return t


@gives(0.0)
def labels_in_an_array(T, C):
    labels = np.array([0, 1])
    t = T.tensor([[0.0, 1.0], [2.0, 0.0]])
    loss = T.nn.functional.nll_loss(t, T.from_numpy(labels))
    labels[:] = 0
    return loss


@gives([1.0, 1.0, 1.0], ours=True)
def gradient_of_the_moment(T, C):
    a = np.ones(3, "f4")
    w = T.ones(3, requires_grad=True)
    loss = (w * T.from_numpy(a)).sum()
    a[:] = 9
    loss.backward()
    return w.grad


@gives([[2.0, 2.0], [2.0, 3.0], [2.0, 4.0]], ours=True)
def observation_buffer(T, C):
    """What reinforcement learning does: one buffer, many steps, one backward pass."""
    seen = np.zeros(2, "f4")
    w = T.ones(2, requires_grad=True)
    steps, found = [], []
    for i in range(3):
        seen[:] = [2, 2 + i]
        steps.append((w * T.from_numpy(seen)).sum())
    for s in steps:
        w.grad = None
        s.backward()
        found.append(w.grad.tolist())
    return found


@gives([[[0.0, 0.0], [0.0, 0.0]], [[2.0, 2.0], [2.0, 2.0]], [[4.0, 4.0], [4.0, 4.0]]])
def buffer_of_batches(T, C):
    buffer = np.zeros((2, 2), "f4")
    kept = []
    for i in range(3):
        buffer[:] = i
        kept.append(T.from_numpy(buffer) * 2)
    return kept


@gives([2.0, [10.0, 20.0, 30.0]])
def array_read_after_a_tensor_was_changed(T, C):
    t = T.tensor([1.0, 2.0, 3.0])
    a = t.numpy()
    y = t[0] * 2
    t.mul_(10)
    return y, a


@gives([[[[0.0, 2.0], [1.0, 3.0]], [0.0, 1.0, 2.0, 3.0], [6.0, 9.0], [0.0, 1.0, 2.0], [3.0]], [[-1.0, -1.0], [102.0, 103.0]]])
def temporary_views_keep_their_value(T, C):
    t = T.arange(4.0).reshape(2, 2)
    a = t.numpy()
    y = [t.t() * 1, t.flatten() + 0, t[1] * 3, t.reshape(4)[1:] - 1, T.take(t, T.tensor([3]))]
    t.add_(100)
    a[0] = -1
    return y, t


@gives([[[1.0, 1.0], [1.0, 1.0]], [[3.0, 3.0], [7.0, 0.0]]])
def array_is_written_through_a_view(T, C):
    a = np.zeros((2, 2))
    t = T.from_numpy(a)
    y = t + 1
    t[0].fill_(3)
    t.t()[0, 1] = 7
    return y, a


@gives([[1.0, 1.0, 1.0], [5.0, 5.0, 5.0], [5.0, 5.0, 5.0]])
def two_tensors_over_one_array(T, C):
    a = np.zeros(3)
    t, u = T.from_numpy(a), T.from_numpy(a)
    y = u + 1
    t.add_(5)
    return y, u, a


@gives([[1.0, 1.0, 1.0], [2.0, 3.0, 0.0], [1.0, 2.0, 3.0, 0.0]])
def two_tensors_over_parts_of_one_array(T, C):
    a = np.zeros(4)
    t, u = T.from_numpy(a[:3]), T.from_numpy(a[1:])
    y = u * 2 + 1
    t.add_(T.tensor([1.0, 2.0, 3.0], dtype=T.float64))
    return y, u, a


@gives([[3.0, 3.0], [4.0, 4.0]])
def parameter_over_an_array(T, C):
    a = np.ones(2, "f4")
    p = T.nn.Parameter(T.from_numpy(a))
    y = p * 3
    a[:] = 4
    return y, p


@gives([[0.5, 0.0], [0.5, 0.0]])
def optimizer_writes_the_array(T, C):
    a = np.ones(2, "f4")
    p = T.nn.Parameter(T.from_numpy(a))
    o = T.optim.SGD([p], lr=0.5)
    (p * T.tensor([1.0, 2.0])).sum().backward()
    o.step()
    return a, p


@gives([[[1.0, 1.0]], [[5.0, 5.0]]])
def loaded_state_does_not_share(T, C):
    net, other = T.nn.Linear(2, 1), T.nn.Linear(2, 1)
    a = np.ones((1, 2), "f4")
    other.load_state_dict({"weight": T.from_numpy(a), "bias": T.zeros(1)})
    a[:] = 9
    net.load_state_dict(other.state_dict())
    with T.no_grad():
        other.weight.fill_(5)
    return net.weight, other.weight


@gives([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [6.0, 6.0]])
def compiled_with_arrays(T, C):
    a = np.ones(2, "f4")
    t = T.from_numpy(a)
    f = C(lambda x: x * 2)
    seen = []
    for i in range(4):
        a[:] = i
        seen.append(f(t))
    a[:] = 50
    return seen


@gives([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
def compiled_over_captured_memory(T, C):
    a = np.ones(2, "f4")
    t = T.from_numpy(a)
    f = C(lambda x: x + t)
    seen = []
    for i in range(4):
        a[:] = i
        seen.append(f(T.ones(2)))
    a[:] = 50
    return seen


@gives([[2.0, 4.0, 8.0, 16.0], [16.0, 32.0]])
def compiled_writes_captured_memory(T, C):
    w = T.tensor([1.0, 2.0])
    a = w.numpy()

    def f(x):
        w.mul_(x)
        return w[0].clone()

    f = C(f)
    return [f(T.tensor(2.0)).item() for _ in range(4)], a


@gives([[3.0, 8.0, 13.0, 18.0], [[4.0, 8.0], [3.0, 3.0]]])
def compiled_writes_a_view_of_captured_memory(T, C):
    a = np.zeros((2, 2), "f4")
    w = T.from_numpy(a)

    def f(x):
        w[0].add_(x)
        return w.sum() * 1

    f = C(f)
    found = []
    for i in range(4):
        a[1] = i
        found.append(f(T.tensor([1.0, 2.0])))
    return found, a


@gives([[[6.0, 6.0], [6.0, 6.0], [6.0, 6.0], [6.0, 6.0]], [0.0, 0.0], [1.0, 1.0]])
def array_of_a_result_of_a_compiled_function(T, C):
    f = C(lambda x: x + 1)
    x = T.zeros(2)
    kept = []
    for _ in range(4):
        n = f(x).numpy()
        n += 5
        kept.append(n)
    return kept, x, f(x)


@gives([[0, 2, 4], [False, True, False], [0, 2]])
def integers_and_bools(T, C):
    a, b = np.arange(3), np.array([True, False, True])
    t, m = T.from_numpy(a), T.from_numpy(b)
    y, z, s = t * 2, ~m, t[m]
    a[:] = 9
    b[:] = True
    return y, z, s


@gives([[1.0, 3.0, 5.0], [[0.0, 6.0], [2.0, 8.0], [4.0, 10.0]], [0.0, 0.0, 0.0], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
def strides_of_an_array(T, C):
    a = np.arange(6.0)
    t, u = T.from_numpy(a[::2]), T.from_numpy(a.reshape(2, 3).T)
    y, z = t + 1, u * 2
    a[:] = 0
    return y, z, t, u


@gives([6.0, 5.0])
def scalar_array(T, C):
    a = np.array(3.0)
    t = T.from_numpy(a)
    y = t * 2
    a[()] = 5
    return y, t


# Identity operations: which share, and which do not ---------------------------------------------


def written(T, make):
    """What a tensor and what was made of it show after a write to each."""
    x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
    y = make(x)
    y.add_(10)
    first = x.tolist()
    x.mul_(2)
    return first[0][0], y.reshape(-1)[0].item(), y is x


def of_a_leaf(T, make):
    """The gradient of a leaf through it, and what it is."""
    x = T.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with T.no_grad():
        quiet = make(x).requires_grad
    y = make(x)
    (y * y).sum().backward()
    return x.grad, y.is_leaf, quiet


@functools.cache
def layer(T, kind, *args):
    """A layer of a kind, made once."""
    return getattr(T.nn, kind)(*args).eval()


IDENTITIES = {
    "power_of_one": lambda T, x: x**1,
    "pow": lambda T, x: T.pow(x, 1.0),
    "times_one": lambda T, x: x * 1,
    "plus_zero": lambda T, x: x + 0,
    "minus_zero": lambda T, x: x - 0,
    "divided_by_one": lambda T, x: x / 1,
    "roll": lambda T, x: x.roll(0),
    "roll_whole": lambda T, x: x.roll(2, 0),
    "roll_axes": lambda T, x: T.roll(x, (0, 0), (0, 1)),
    "pad": lambda T, x: T.nn.functional.pad(x, (0, 0)),
    "pad_more": lambda T, x: T.nn.functional.pad(x, (0, 0, 0, 0), value=3.0),
    "flip_nothing": lambda T, x: x.flip(()),
    "flip_twice": lambda T, x: x.flip(0).flip(0),
    "einsum": lambda T, x: T.einsum("ij->ij", x),
    "einsum_transposed": lambda T, x: T.einsum("ij->ji", x).t(),
    "interpolate": lambda T, x: T.nn.functional.interpolate(x[None, None], size=(2, 2))[0, 0],
    "bilinear": lambda T, x: T.nn.functional.interpolate(
        x[None, None], size=(2, 2), mode="bilinear", align_corners=True
    )[0, 0],
    "clone": lambda T, x: x.clone(),
    "to_same": lambda T, x: x.to(T.float32),
    "to_copy": lambda T, x: x.to(T.float32, copy=True),
    "float": lambda T, x: x.float(),
    "type_as": lambda T, x: x.type_as(x),
    "cpu": lambda T, x: x.cpu(),
    "contiguous": lambda T, x: x.contiguous(),
    "reshape": lambda T, x: x.reshape(2, 2),
    "view": lambda T, x: x.view(2, 2),
    "view_as": lambda T, x: x.view_as(x),
    "reshape_as": lambda T, x: x.reshape_as(x),
    "expand": lambda T, x: x.expand(2, 2),
    "broadcast_to": lambda T, x: T.broadcast_to(x, (2, 2)),
    "expand_as": lambda T, x: x.expand_as(x),
    "permute": lambda T, x: x.permute(0, 1),
    "transpose_twice": lambda T, x: x.t().t(),
    "transpose_same": lambda T, x: x.transpose(0, 0),
    "movedim": lambda T, x: x.movedim(0, 0),
    "ellipsis": lambda T, x: x[...],
    "colon": lambda T, x: x[:],
    "full_slice": lambda T, x: x[0:2, 0:2],
    "narrow": lambda T, x: x.narrow(0, 0, 2),
    "chunk_of_one": lambda T, x: x.chunk(1)[0],
    "split_of_all": lambda T, x: x.split(2)[0],
    "squeeze": lambda T, x: x.squeeze(),
    "unsqueeze": lambda T, x: x.unsqueeze(0).squeeze(0),
    "flatten_nothing": lambda T, x: x.flatten(0, 0),
    "unflatten": lambda T, x: x.unflatten(0, (2, 1)).squeeze(1),
    "ravel": lambda T, x: x.ravel(),
    "repeat": lambda T, x: x.repeat(1, 1),
    "tile": lambda T, x: x.tile(1, 1),
    "repeat_interleave": lambda T, x: x.repeat_interleave(1, 0),
    "cat_of_one": lambda T, x: T.cat([x]),
    "stack_of_one": lambda T, x: T.stack([x])[0],
    "sum_of_one": lambda T, x: x.unsqueeze(2).sum(2),
    "amax_of_one": lambda T, x: x.unsqueeze(2).amax(2),
    "mean_of_one": lambda T, x: x.unsqueeze(0).mean(0),
    "cumsum_of_one": lambda T, x: x.unsqueeze(0).cumsum(0)[0],
    "dropout_of_nothing": lambda T, x: T.nn.functional.dropout(x, 0.0),
    "dropout_in_eval": lambda T, x: T.nn.functional.dropout(x, 0.5, training=False),
    "identity_layer": lambda T, x: layer(T, "Identity")(x),
    "flatten_layer": lambda T, x: layer(T, "Flatten")(x),
    "dropout_layer": lambda T, x: layer(T, "Dropout", 0.5)(x),
    "empty_sequential": lambda T, x: layer(T, "Sequential")(x),
    "where": lambda T, x: T.where(T.tensor(True), x, x),
    "clamp": lambda T, x: x.clamp(-100, 100),
    "tril": lambda T, x: x.tril(5),
    "masked_fill": lambda T, x: x.masked_fill(T.tensor(False), 0.0),
    "index_select": lambda T, x: x.index_select(0, T.tensor([0, 1])),
    "index": lambda T, x: x[T.tensor([0, 1])],
    "positive": lambda T, x: +x,
    "negated_twice": lambda T, x: -(-x),
    "avg_pool": lambda T, x: T.nn.functional.avg_pool2d(x[None, None], 1)[0, 0],
    "max_pool": lambda T, x: T.nn.functional.max_pool2d(x[None, None], 1)[0, 0],
    "pixel_shuffle": lambda T, x: T.nn.functional.pixel_shuffle(x[None, None], 1)[0, 0],
    "upsample": lambda T, x: layer(T, "Upsample", 2)(x[None, None])[0, 0],
}
# (x[0][0] after y.add_(10); y[0] after x.mul_(2) besides; whether y is x), as in PyTorch.
SELF, VIEW, COPY = (11.0, 22.0, True), (11.0, 22.0, False), (1.0, 11.0, False)
THEMSELVES = {"to_same", "float", "type_as", "cpu", "contiguous", "positive", "flatten_nothing",
              "dropout_of_nothing", "dropout_in_eval", "identity_layer", "flatten_layer",
              "dropout_layer", "empty_sequential"}  # fmt: skip
VIEWS = {"einsum", "einsum_transposed", "reshape", "view", "view_as", "reshape_as", "expand",
         "broadcast_to", "expand_as", "permute", "transpose_twice", "transpose_same", "movedim",
         "ellipsis", "colon", "full_slice", "narrow", "chunk_of_one", "split_of_all", "squeeze",
         "unsqueeze", "unflatten", "ravel"}  # fmt: skip


def check_identity(T, name):
    """Sharing, gradient, leafness, and whether it has gradients where they are off."""
    expected = SELF if name in THEMSELVES else VIEW if name in VIEWS else COPY
    assert written(T, lambda x: IDENTITIES[name](T, x)) == expected
    gradient, is_leaf, quiet = of_a_leaf(T, lambda x: IDENTITIES[name](T, x))
    assert gradient.tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert is_leaf is (name in THEMSELVES)
    assert quiet is (name in THEMSELVES or name in VIEWS)


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_operation_that_changes_nothing_shares_as_in_pytorch(name: str):
    check_identity(zincir, name)


@pytest.mark.parametrize("name", sorted(set(IDENTITIES) - THEMSELVES))
def test_hooks_and_kept_gradients_belong_to_it_alone(name: str):
    x = zincir.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    h = x * 1
    y = IDENTITIES[name](zincir, h)
    y.retain_grad()
    y.register_hook(lambda g: g * 0)
    (y.sum() + (h * 10).sum()).backward()
    assert x.grad.tolist() == [[10.0, 10.0], [10.0, 10.0]]
    assert y.grad.flatten().tolist() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", sorted(set(IDENTITIES) - THEMSELVES - VIEWS))
def test_a_copy_made_in_a_compiled_function_leaves_its_argument_alone(name: str):
    @zincir.compile
    def f(x):
        y = IDENTITIES[name](zincir, x)
        y.add_(1)
        return y

    x = zincir.tensor([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(4):
        assert f(x).tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("name", sorted(VIEWS | THEMSELVES))
def test_a_view_written_in_a_compiled_function_reaches_its_argument(name: str):
    @zincir.compile
    def f(x):
        IDENTITIES[name](zincir, x).add_(1)
        return x * 1

    x = zincir.tensor([[1.0, 2.0], [3.0, 4.0]])
    for i in range(4):
        assert f(x)[0].tolist() == [2.0 + i, 3.0 + i]
    assert x.tolist() == [[5.0, 6.0], [7.0, 8.0]]
