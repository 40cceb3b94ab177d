"""PyTorch's own samples of modules: every result and every gradient beside PyTorch's."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytest.importorskip("expecttest", reason="PyTorch's samples need the package expecttest")
from torch.testing._internal.common_modules import module_db  # noqa: E402

pytestmark = pytest.mark.torch

INFOS = {info.module_cls.__name__: info for info in module_db}


def modes(info: Any) -> tuple[bool, ...]:
    return (True, False) if info.train_and_eval_differ else (True,)


def samples(info: Any, dtype: Any, training: bool) -> list[Any]:
    torch.manual_seed(0)
    return info.module_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=True, training=training
    )


def leaves(value: Any) -> Any:
    """The same with tensors of its own, which collect gradients."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    return mapped(leaves, value)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: function(v) for name, v in value.items()}
    return type(value)(map(function, value)) if isinstance(value, list | tuple) else value


def ours(value: Any) -> Any:
    """The same in Zincir."""
    if isinstance(value, torch.Tensor):
        made = zincir.tensor(value.detach().numpy())
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, torch.dtype):
        return getattr(zincir, str(value).removeprefix("torch."))
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        return nn.LinearCrossEntropyOptions()
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        first, attention = value.linear1, value.self_attn
        sizes = (attention.embed_dim, attention.num_heads, first.out_features, value.dropout.p)
        settings = {"batch_first": attention.batch_first, "norm_first": value.norm_first}
        settings["activation"] = ours(value.activation)
        return nn.TransformerEncoderLayer(*sizes, **settings, bias=first.bias is not None)
    if callable(value):
        return getattr(nn.functional, value.__name__)
    return mapped(ours, value)


def tensors(value: Any, kind: Any) -> Iterator[Any]:
    """The tensors in what modules take and give."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part, kind)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part, kind)


def backward(library: Any, outputs: list[Any]) -> None:
    """From all results at once, each with weights of its own."""
    total: Any = 0.0
    for y in outputs:
        if y.requires_grad:
            weights = np.linspace(0.5, 1.5, y.numel()).reshape(tuple(y.shape))
            total = total + (y * library.from_numpy(np.asarray(weights)).to(y.dtype)).sum()
    if not isinstance(total, float):
        total.backward()


def pairs(mine: list[Any], theirs: list[Any], what: str) -> None:
    assert len(mine) == len(theirs), f"{what}: {len(mine)}, not {len(theirs)}"


def agree(mine: Any, other: Any, what: str, double: bool) -> None:
    if other is None:
        assert mine is None or not np.any(mine.detach().numpy()), f"{what}: there is one"
        return
    assert mine is not None, f"{what}: there is none"
    a, b = mine.detach().numpy(), other.detach().numpy()
    assert a.dtype == b.dtype, f"{what}: {a.dtype}, not {b.dtype}"
    assert a.shape == b.shape, f"{what}: {a.shape}, not {b.shape}"
    if a.dtype.kind == "f":
        rtol, atol = (1e-7, 1e-9) if double else (5e-4, 5e-5)
        np.testing.assert_allclose(a, b, rtol, atol, err_msg=what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def compare(info: Any, sample: Any, training: bool, dtype: Any) -> None:
    """One sample: made, loaded with PyTorch's state, run, and run backwards."""
    name, made = info.module_cls.__name__, sample.constructor_input
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        theirs = info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
    mine = getattr(nn, name)(*ours(made.args), **ours(made.kwargs)).to(ours(dtype)).train(training)
    given = sample.forward_input
    if given is None:
        return
    args, kwargs = leaves(given.args), leaves(given.kwargs)
    my_args, my_kwargs = ours(args), ours(kwargs)
    if info.is_lazy:
        with torch.no_grad():
            theirs(*args, **kwargs)
        assert name.endswith(type(theirs).__name__)
    state = {key: value.detach().numpy().copy() for key, value in theirs.state_dict().items()}
    assert mine.load_state_dict(state) == ([], [])
    y = mine(*my_args, **my_kwargs)
    with warnings.catch_warnings(action="ignore"):
        t = theirs(*args, **kwargs)
    mine_out, their_out = list(tensors(y, zincir.Tensor)), list(tensors(t, torch.Tensor))
    pairs(mine_out, their_out, "results")
    double = dtype is torch.float64
    for k, (a, b) in enumerate(zip(mine_out, their_out, strict=True)):
        agree(a, b, f"result {k}", double)
    backward(zincir, mine_out)
    backward(torch, their_out)
    inputs = list(tensors((my_args, my_kwargs), zincir.Tensor))
    for k, (a, b) in enumerate(zip(inputs, tensors((args, kwargs), torch.Tensor), strict=True)):
        if b.requires_grad:
            agree(a.grad, b.grad, f"gradient of input {k}", double)
    parameters = dict(mine.named_parameters())
    for key, b in theirs.named_parameters():
        agree(parameters[key].grad, b.grad, f"gradient of {key}", double)
    for key, b in theirs.named_buffers():
        agree(dict(mine.named_buffers())[key], b, f"buffer {key}", double)


def walk(name: str, dtype: Any, most: int | None) -> None:
    info = INFOS[name]
    for training in modes(info):
        found = samples(info, dtype, training)
        step = max(1, len(found) // most) if most else 1
        for number, sample in list(enumerate(found))[::step]:
            try:
                compare(info, sample, training, dtype)
            except Exception as error:
                made = sample.constructor_input
                error.add_note(f"sample {number}, training={training}: {made.args} {made.kwargs}")
                raise


def test_every_module_is_there() -> None:
    assert sorted(name for name in INFOS if not hasattr(nn, name)) == []


def test_forward_takes_the_same_arguments() -> None:
    """Under the same names, so that `layer(input=x)` works."""
    free = (
        "Module",
        "ModuleList",
        "ModuleDict",
        "RNNBase",
        "RNNCellBase",
        "ParameterList",
        "ParameterDict",
    )  # run nothing themselves
    for name, mine in vars(nn).items():
        theirs = getattr(torch.nn, name, None)
        if isinstance(theirs, type) and issubclass(theirs, torch.nn.Module) and name not in free:
            names = [list(inspect.signature(kind.forward).parameters) for kind in (mine, theirs)]
            assert names[0] == names[1], name


@pytest.mark.parametrize("name", INFOS)
def test_module(name: str) -> None:
    """A few samples of each."""
    walk(name, torch.float64, 2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", INFOS)
def test_module_all_samples(name: str, dtype: str) -> None:
    walk(name, getattr(torch, dtype), None)
