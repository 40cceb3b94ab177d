"""Functions of `torch` itself that are not Zincir's own, beside PyTorch's."""

import numpy as np
import pytest

import zincir
from zincir.as_torch import losses, nn_grad, nn_modules, plain_functions

torch = pytest.importorskip("torch")
PAIRS = {
    "binary_cross_entropy_with_logits": ((2, 3), (2, 3)),
    "kl_div": ((2, 3), (2, 3)),
    "triplet_margin_loss": ((2, 3), (2, 3), (2, 3)),
    "margin_ranking_loss": ((3,), (3,), (3,)),
    "hinge_embedding_loss": ((2, 3), (2, 3)),
    "cosine_embedding_loss": ((2, 3), (2, 3), (2,)),
}


def both(*shapes):
    random = np.random.default_rng(3)
    arrays = [random.uniform(0.1, 0.9, shape).astype(np.float32) for shape in shapes]
    return [torch.from_numpy(a) for a in arrays], [zincir.from_numpy(a) for a in arrays]


@pytest.mark.parametrize("reduction", [0, 1, 2])
@pytest.mark.parametrize("name", PAIRS)
def test_losses(name, reduction):
    theirs, ours = both(*PAIRS[name])
    if name in ("margin_ranking_loss", "hinge_embedding_loss", "cosine_embedding_loss"):
        theirs[-1], ours[-1] = torch.ones_like(theirs[-1]), zincir.ones_like(ours[-1])
    expected = getattr(torch, name)(*theirs, reduction=reduction)
    got = getattr(losses, name)(*ours, reduction=reduction)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_losses_with_all_arguments_in_order():
    theirs, ours = both((2, 3), (2, 3))
    args = (True, True, 1e-8, 2)
    expected = torch.poisson_nll_loss(*theirs, *args)
    assert losses.poisson_nll_loss(*ours, *args).item() == pytest.approx(expected.item(), rel=1e-5)
    log_probs = torch.log_softmax(torch.linspace(-1, 1, 24).reshape(6, 1, 4), 2)
    given = ([[1, 2]], [6], [2], 0, 2, True)
    labels, lengths = given[0], given[1:]
    expected = torch.ctc_loss(
        log_probs, torch.tensor(labels), *map(torch.tensor, lengths[:2]), *lengths[2:]
    )
    got = losses.ctc_loss(
        zincir.from_numpy(log_probs.numpy()),
        zincir.tensor(labels),
        *map(zincir.tensor, lengths[:2]),
        *lengths[2:],
    )
    assert got.item() == pytest.approx(expected.item(), rel=1e-5)
    with pytest.raises(ValueError, match="reductions are numbers"):
        losses.kl_div(*ours, reduction="mean")


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1)])
def test_gradients_of_convolutions(dims, options):
    x, w = (2, 4, *[7] * dims), (6, 4 // options[3], *[3] * dims)
    (tx, tw), (zx, zw) = both(x, w)
    convolve = getattr(torch.nn.functional, f"conv{dims}d")
    shape = tuple(convolve(tx, tw, None, *options).shape)
    (tg,), (zg,) = both(shape)
    for kind, size, other in (("input", x, (tw, zw)), ("weight", w, (tx, zx))):
        name = f"conv{dims}d_{kind}"
        expected, got = getattr(torch.nn.grad, name), getattr(nn_grad, name)
        first = (size, other[0], tg) if kind == "input" else (other[0], size, tg)
        second = (size, other[1], zg) if kind == "input" else (other[1], size, zg)
        np.testing.assert_allclose(
            got(*second, *options).numpy(), expected(*first, *options).numpy(), rtol=1e-4, atol=1e-4
        )


def test_such_a_gradient_has_gradients():
    w = zincir.ones(1, 1, 2, 2, requires_grad=True)
    g = zincir.ones(1, 1, 2, 2, requires_grad=True)
    made = nn_grad.conv2d_input((1, 1, 3, 3), w, g)
    made.sum().backward()
    assert w.grad.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]
    assert g.grad.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]
    assert not nn_grad.conv2d_input((1, 1, 3, 3), w.detach(), g.detach()).requires_grad


@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
@pytest.mark.parametrize("args", [(0, 3), (1, 2, 0.5), (5, 1, -2), (0, 1, 0.3)])
def test_range_ends_with_its_end(args):
    expected, got = torch.range(*args), plain_functions.range(*args)
    assert got.tolist() == pytest.approx(expected.tolist())
    assert got.dtype is zincir.float32


@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
def test_range_that_leads_nowhere():
    with pytest.raises(ValueError, match="do not lead"):
        plain_functions.range(0, 1, -1)
    assert plain_functions.range(0, 2, dtype=zincir.int64).tolist() == [0, 1, 2]


def test_memory_of_others_is_shared():
    memory = bytearray(np.arange(4, dtype=np.int32).tobytes())
    t = plain_functions.frombuffer(memory, dtype=zincir.int32, count=2, offset=4)
    assert t.tolist() == [1, 2]
    t[0] = 9
    assert np.frombuffer(memory, np.int32).tolist() == [0, 9, 2, 3]
    kept = plain_functions.frombuffer(b"\x00\x3c", dtype=zincir.float16)
    assert (kept.tolist(), kept.dtype) == ([1.0], zincir.float16)
    half = plain_functions.frombuffer(b"\x80\x3f", dtype=zincir.bfloat16)
    assert (half.tolist(), half.dtype) == ([1.0], zincir.bfloat16)
    assert plain_functions.frombuffer(b"\x01\x00", dtype=zincir.bool_).tolist() == [True, False]
    with pytest.raises(ValueError, match="multiple"):
        plain_functions.frombuffer(b"abc", dtype=zincir.int32)


def test_checks():
    assert plain_functions.is_nonzero(zincir.tensor([0.5]))
    with pytest.raises(RuntimeError):
        plain_functions.is_nonzero(zincir.ones(2))
    assert plain_functions.is_same_size(zincir.ones(2, 1), zincir.zeros(2, 1))
    plain_functions._assert(True, "fine")
    with pytest.raises(AssertionError, match="not so"):
        plain_functions._assert(zincir.tensor(0), "not so")


def test_names_lose_their_prefix_in_order():
    state = {"module.a": 1, "b": 2, "module.c": 3}
    expected = dict(state)
    torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(expected, "module.")
    nn_modules.consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state.items()) == [("a", 1), ("b", 2), ("c", 3)]
    assert state == expected
