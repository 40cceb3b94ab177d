"""`func` and `autograd.functional` beside PyTorch's: values, shapes, and what requires
gradients.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # PyTorch's own, of jvp
]


def agree(ours: Any, theirs: Any, path: str = "") -> None:
    if isinstance(theirs, torch.Tensor):
        assert tuple(ours.shape) == tuple(theirs.shape), path
        assert str(theirs.dtype) == f"torch.{ours.dtype.name}", path
        assert ours.requires_grad == theirs.requires_grad, path
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        np.testing.assert_allclose(a, b, 1e-4, 1e-5, err_msg=path)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            agree(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            agree(a, b, f"{path}/{k}")
    else:
        assert ours == theirs


def x3(lib: Any) -> Any:
    return lib.arange(6.0).reshape(2, 3) / 3


def pair(lib: Any) -> tuple[Any, Any]:
    return lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])


def changed(x: Any) -> Any:
    y = x.clone()
    y[0] = 5
    y.add_(1)
    return y


def net(lib: Any) -> Any:
    nn = lib.nn
    made = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4)
    )
    with lib.no_grad():
        for k, p in enumerate(made.parameters()):
            p.copy_(lib.sin(lib.arange(float(p.numel())).reshape(p.shape) + k))
    return made


def images(lib: Any) -> Any:
    return lib.sin(lib.arange(5 * 2 * 16.0)).reshape(5, 2, 4, 4)


def per_sample(lib: Any, F: Any) -> Any:
    made = net(lib)
    params = {k: v.detach() for k, v in made.named_parameters()}
    labels = lib.tensor([0, 1, 2, 3, 0])

    def loss(p: Any, x: Any, y: Any) -> Any:
        out = F.functional_call(made, p, (x.unsqueeze(0),))
        return lib.nn.functional.cross_entropy(out, y.unsqueeze(0))

    return F.vmap(F.grad(loss), in_dims=(None, 0, 0))(params, images(lib), labels)


def ensemble(lib: Any, F: Any) -> Any:
    nets = [net(lib) for _ in range(3)]
    with lib.no_grad():
        for k, made in enumerate(nets):
            for p in made.parameters():
                p.mul_(k + 1)
    params, buffers = F.stack_module_state(nets)

    def call(p: Any, b: Any, x: Any) -> Any:
        return F.functional_call(nets[0], (p, b), (x,))

    y = F.vmap(call, in_dims=(0, 0, None))(params, buffers, images(lib))
    y.square().sum().backward()
    return [y, params, {k: p.grad for k, p in params.items()}]


def through(lib: Any, run: Callable[[Any], Any], x: Any) -> Any:
    x = x.requires_grad_()
    y = run(x)
    y.square().sum().backward()
    return [y, x.grad]


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda lib, F: F.grad(lambda x: (x**3).sum())(x3(lib)),
    "grad of grad": lambda lib, F: F.grad(F.grad(lambda x: x**3))(lib.tensor(2.0)),
    "two arguments": lambda lib, F: F.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(*pair(lib)),
    "the second": lambda lib, F: F.grad(lambda x, y: (x * y).sum(), argnums=1)(*pair(lib)),
    "dictionary": lambda lib, F: F.grad(lambda d: (d["a"] * d["b"]).sum())(
        {"a": x3(lib), "b": x3(lib) + 1}),
    "aux": lambda lib, F: F.grad_and_value(lambda x: ((x**2).sum(), x * 2), has_aux=True)(x3(lib)),
    "independent": lambda lib, F: F.grad(lambda x: lib.tensor(3.0))(x3(lib)),
    "grad of what needs it": lambda lib, F: through(
        lib, F.grad(lambda x: (x**3).sum()), lib.tensor([1.0, 2.0])),
    "closed over": lambda lib, F: through(
        lib, lambda w: F.grad(lambda x: (x**2 * w).sum())(lib.ones(2)), lib.tensor([1.0, 2.0])),
    "no grad": lambda lib, F: F.grad(lambda x: (x.detach() * x).sum())(x3(lib)),
    "dot": lambda lib, F: F.vmap(lambda a, b: (a * b).sum())(x3(lib), x3(lib) + 1),
    "product": lambda lib, F: F.vmap(lib.matmul, in_dims=(0, None))(x3(lib), lib.ones(3, 4)),
    "products": lambda lib, F: F.vmap(lambda a, b: a @ b, in_dims=(None, 0))(
        lib.ones(4, 3), lib.arange(30.0).reshape(2, 3, 5)),
    "dims": lambda lib, F: F.vmap(lambda a: a.t() @ a, in_dims=1, out_dims=2)(
        lib.arange(24.0).reshape(2, 3, 4)),
    "negative dims": lambda lib, F: F.vmap(lambda a: a * 2, in_dims=-1, out_dims=-1)(x3(lib)),
    "tree": lambda lib, F: F.vmap(lambda x: {"a": x.softmax(0), "b": (x.cumsum(0), x.sort()[0])})(
        x3(lib)),
    "dims of trees": lambda lib, F: F.vmap(
        lambda d, y: (d["a"] * y, y), in_dims=({"a": 1}, None), out_dims=(1, None))(
        {"a": x3(lib)}, lib.ones(2)),
    "vmap of grad": lambda lib, F: F.vmap(F.grad(lambda x: (x.sin() * x).sum()))(x3(lib)),
    "grad of vmap": lambda lib, F: F.grad(
        lambda x: F.vmap(lambda r: r.sin().prod())(x).sum())(x3(lib)),
    "nested": lambda lib, F: F.vmap(
        F.vmap(lambda a, b: a * b, in_dims=(0, None)), in_dims=(None, 0))(
        lib.arange(3.0), lib.arange(2.0)),
    "gradient of inputs": lambda lib, F: through(lib, F.vmap(lambda r: (r**2).sum()), x3(lib)),
    "gradient of what is closed over": lambda lib, F: through(
        lib, lambda w: F.vmap(lambda r: (r * w).sum())(x3(lib)), lib.tensor([1.0, 2.0, 3.0])),
    "jacrev": lambda lib, F: F.jacrev(lambda x: x.sin() * x.sum())(x3(lib)),
    "jacfwd": lambda lib, F: F.jacfwd(lambda x: x.sin() * x.sum())(x3(lib)),
    "jacrev, chunks": lambda lib, F: F.jacrev(lambda x: x.sin() * x.sum(), chunk_size=2)(x3(lib)),
    "hessian": lambda lib, F: F.hessian(lambda x: (x**3).sum() * x.prod())(
        lib.tensor([1.0, 2.0, 3.0])),
    "jacrev of trees": lambda lib, F: F.jacrev(
        lambda x, y: (x * y, {"s": (x + y).sum()}), argnums=(0, 1))(*pair(lib)),
    "jacfwd of trees": lambda lib, F: F.jacfwd(
        lambda x, y: (x * y, {"s": (x + y).sum()}), argnums=(0, 1))(*pair(lib)),
    "jacobian with aux": lambda lib, F: [
        f(lambda x: (x * x, x.sum()), has_aux=True)(lib.ones(2)) for f in (F.jacrev, F.jacfwd)],
    "jvp": lambda lib, F: F.jvp(lambda x, y: (x * y, x.sum()), pair(lib), pair(lib)[::-1]),
    "jvp of a constant": lambda lib, F: F.jvp(
        lambda x: lib.ones(2), (lib.ones(3),), (lib.ones(3),)),
    "vjp": lambda lib, F: F.vjp(lambda x: (x**2, x.sum()), lib.tensor([1.0, 2.0]))[1](
        (lib.tensor([1.0, 3.0]), lib.tensor(1.0))),
    "vjp of two": lambda lib, F: F.vjp(lambda x, y: x * y, *pair(lib))[1](lib.ones(2)),
    "per sample": per_sample,
    "ensemble": ensemble,
    "picked": lambda lib, F: F.vmap(lambda x, i: x[i])(x3(lib), lib.tensor([[2, 0], [1, 1]])),
    "the same rows": lambda lib, F: F.vmap(
        lambda x, i: x.index_select(0, i), in_dims=(0, None))(x3(lib), lib.tensor([2, 0])),
    "embedding": lambda lib, F: F.vmap(lambda i: lib.nn.functional.embedding(i, x3(lib)))(
        lib.tensor([[1, 0], [1, 1]])),
    "gradient of picking": lambda lib, F: F.vmap(F.grad(lambda x, i: (x[i] ** 2).sum()))(
        x3(lib), lib.tensor([[2, 0], [1, 1]])),
    "gather": lambda lib, F: F.vmap(F.grad(lambda x, i: (x.gather(0, i) ** 2).sum()))(
        x3(lib), lib.tensor([[2, 0], [1, 1]])),
    "index_add": lambda lib, F: F.vmap(lambda x, i: lib.zeros(4).index_add(0, i, x))(
        x3(lib), lib.tensor([[2, 0, 2], [1, 1, 3]])),
    "cat": lambda lib, F: F.vmap(lambda x: lib.cat([x, x[1:] * 2, lib.zeros(1)]))(x3(lib)),
    "in place": lambda lib, F: F.vmap(changed)(x3(lib)),
    "max": lambda lib, F: F.vmap(lambda x: tuple(x.max(0)))(x3(lib)),
    "chunks": lambda lib, F: F.vmap(lambda x: x * 2, chunk_size=2)(
        lib.arange(15.0).reshape(5, 3)),
    "the same for all": lambda lib, F: F.vmap(lambda x: (x, lib.ones(2)))(x3(lib)),
    "where": lambda lib, F: F.vmap(lambda x: lib.where(x > 1, x, -x))(x3(lib)),
    "layer norm": lambda lib, F: F.vmap(lambda x: lib.nn.functional.layer_norm(x, (3,)))(x3(lib)),
    "einsum": lambda lib, F: F.vmap(lambda a: lib.einsum("ij,kj->ik", a, a))(
        lib.arange(24.0).reshape(2, 3, 4)),
    "windows": lambda lib, F: F.vmap(lambda a: lib.nn.functional.avg_pool1d(a, 2, 1))(
        lib.arange(24.0).reshape(2, 3, 4)),
    "convolution": lambda lib, F: F.vmap(
        lambda x, w: lib.nn.functional.conv1d(x, w))(
        lib.arange(24.0).reshape(2, 1, 2, 6), lib.arange(12.0).reshape(2, 3, 2, 1)),
    "gradient of a convolution": lambda lib, F: F.vmap(F.grad(
        lambda w, x: lib.nn.functional.conv1d(x, w).square().sum()), in_dims=(None, 0))(
        lib.arange(12.0).reshape(3, 2, 2) / 9, lib.arange(24.0).reshape(2, 1, 2, 6) / 9),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_func(name: str) -> None:
    agree(CASES[name](zincir, zincir.func), CASES[name](torch, torch.func))


def two(x: Any, y: Any) -> Any:
    return x * y.sum(), (x**2).sum() * y


def one(x: Any, y: Any) -> Any:
    return (x**2 * y).sum()


FUNCTIONAL: dict[str, Callable[[Any, Any], Any]] = {
    "jacobian": lambda lib, F: F.jacobian(lambda x: x**2 * x.sum(), x3(lib)),
    "jacobian of two": lambda lib, F: F.jacobian(two, pair(lib)),
    "jacobian with a graph": lambda lib, F: through(
        lib, lambda x: F.jacobian(lambda x: x**3, x, create_graph=True), lib.tensor([1.0, 2.0])),
    "jacobian of what needs gradients": lambda lib, F: F.jacobian(
        lambda x: x**2, lib.ones(2, requires_grad=True)),
    "independent": lambda lib, F: F.jacobian(lambda x: lib.ones(2), lib.ones(3)),
    "hessian": lambda lib, F: F.hessian(lambda x: (x**3).sum() * x.prod(), lib.tensor([1.0, 2.0])),
    "hessian of two": lambda lib, F: F.hessian(one, pair(lib)),
    "linear": lambda lib, F: F.hessian(lambda x: x.sum(), lib.ones(2)),
    "vjp": lambda lib, F: F.vjp(lambda x: x**2, x3(lib), x3(lib) + 1),
    "vjp of two": lambda lib, F: F.vjp(two, pair(lib), pair(lib)),
    "vjp of a number": lambda lib, F: F.vjp(one, pair(lib)),
    "jvp": lambda lib, F: F.jvp(lambda x: x**2, x3(lib), x3(lib) + 1),
    "jvp of two": lambda lib, F: F.jvp(two, pair(lib), pair(lib)),
    "vhp": lambda lib, F: F.vhp(one, pair(lib), pair(lib)),
    "hvp": lambda lib, F: F.hvp(lambda x: (x**3).sum(), lib.tensor([1.0, 2.0]), lib.ones(2)),
    "hvp with a graph": lambda lib, F: through(
        lib, lambda x: F.hvp(lambda x: (x**4).sum(), x, lib.ones(2), create_graph=True)[1],
        lib.tensor([1.0, 2.0])),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(name: str) -> None:
    ours = FUNCTIONAL[name](zincir, zincir.autograd.functional)
    agree(ours, FUNCTIONAL[name](torch, torch.autograd.functional))


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "not a number": lambda lib, F: F.grad(lambda x: x)(lib.ones(2)),
    "integers": lambda lib, F: F.grad(lambda x: x.sum())(lib.ones(2).long()),
    "no such argument": lambda lib, F: F.grad(lambda x: x.sum(), argnums=1)(lib.ones(2)),
    "no pair": lambda lib, F: F.grad(lambda x: x.sum(), has_aux=True)(lib.ones(2)),
    "sizes": lambda lib, F: F.vmap(lambda a, b: a)(lib.ones(2), lib.ones(3)),
    "no tensor": lambda lib, F: F.vmap(lambda a: a)(3),
    "number returned": lambda lib, F: F.vmap(lambda a: 3)(lib.ones(2)),
    "nothing mapped": lambda lib, F: F.vmap(lambda a: a, in_dims=None)(lib.ones(2)),
    "structure": lambda lib, F: F.vmap(lambda a: a, in_dims=(0, 0))(lib.ones(2)),
    "out_dims": lambda lib, F: F.vmap(lambda a: a, out_dims=(0, 0))(lib.ones(2)),
    "out_dims None": lambda lib, F: F.vmap(lambda a: a, out_dims=None)(lib.ones(2)),
    "dimension": lambda lib, F: F.vmap(lambda a: a, in_dims=1)(lib.ones(2)),
    "look": lambda lib, F: F.vmap(lambda a: a if a > 0 else -a)(lib.ones(2)),
    "random": lambda lib, F: F.vmap(lambda a: a + lib.rand(()))(lib.ones(2)),
    "randomness": lambda lib, F: F.vmap(lambda a: a, randomness="any")(lib.ones(2)),
    "chunk": lambda lib, F: F.vmap(lambda a: a, chunk_size=0)(lib.ones(2)),
    "missing name": lambda lib, F: F.functional_call(
        lib.nn.Linear(1, 1), {"bias": lib.ones(1)}, lib.ones(1), strict=True),
    "no model": lambda lib, F: F.stack_module_state([]),
    "other models": lambda lib, F: F.stack_module_state([lib.nn.ReLU(), lib.nn.Tanh()]),
    "vector": lambda lib, F: F.vjp(lambda x: x, lib.ones(2))[1](lib.ones(3)),
    "tangent": lambda lib, F: F.jvp(lambda x: x, (lib.ones(2),), (lib.ones(3),)),
    "no tuple": lambda lib, F: F.jvp(lambda x: x, lib.ones(2), lib.ones(2)),
    "functional: vector": lambda lib, F: lib.autograd.functional.vjp(
        lambda x: x, lib.ones(2), lib.ones(3)),
    "functional: no vector": lambda lib, F: lib.autograd.functional.vjp(lambda x: x, lib.ones(2)),
    "functional: no number": lambda lib, F: lib.autograd.functional.hessian(
        lambda x: x, lib.ones(2)),
    "functional: strict": lambda lib, F: lib.autograd.functional.jacobian(
        lambda x: lib.ones(2), lib.ones(2), strict=True),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    for lib in (zincir, torch):
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)) as caught:
            REFUSED[name](lib, lib.func)
        assert lib is torch or isinstance(caught.value, zincir.errors.ZincirError)
