"""Convolutional nets, whole training steps: forward, backward, optimizer."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import COMPILED, JAX, TORCH, ZINCIR, Case, Running
from benchmarks.nets import NETS, Net

TITLE = "convolutional nets: one training step (PyTorch and JAX with channels last)"
RATE, MOMENTUM, CHECKED_STEPS = 0.01, 0.9, 3

Array = np.ndarray[Any, Any]


def arithmetic(net: Net) -> float:
    """Operations of a step: each multiply-add counts twice, and three times with its gradients."""
    import zincir
    from zincir.models import summary

    counted = summary(net.build(zincir), (1, *net.inputs))
    return 6.0 * net.batch * counted.multiply_adds


CASES = tuple(
    Case(f"{name}, batch {net.batch}", flops=arithmetic(net), options={"net": name})
    for name, net in NETS.items()
)


def data(net: Net) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    x = random.standard_normal((net.batch, *net.inputs)).astype(np.float32)
    shape = (net.batch, *net.inputs[1:]) if net.dense else (net.batch,)
    return x, random.integers(0, net.classes, shape)


def weights(net: Net) -> dict[str, Array]:
    """The same for all contenders."""
    import zincir

    zincir.manual_seed(0)
    return {name: np.array(value.numpy()) for name, value in net.build(zincir).state_dict().items()}


def training_step(
    torch: ModuleType, net: Net, around: Callable[[Any], Any], **options: Any
) -> tuple[Any, Callable[[Any, Any], Any]]:
    model = net.build(torch)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights(net).items()})
    model = around(model)
    if net.optimizer == "Adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, **options)
    loss_of = torch.nn.functional.cross_entropy

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def running(step: Callable[[Any, Any], Any], x: Any, y: Any) -> Running:
    return Running(
        lambda: step(x, y), lambda: [float(step(x, y).item()) for _ in range(CHECKED_STEPS)]
    )


def zincir(case: Case) -> Running:
    import zincir

    zincir.set_num_threads(case.threads)
    net = NETS[case.word("net")]
    _, step = training_step(zincir, net, lambda model: model)
    return running(zincir.compile(step), *data(net))


def torch(case: Case) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    net = NETS[case.word("net")]
    return _torch(torch, net, lambda model: model)


def torch_compile(case: Case) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    net = NETS[case.word("net")]
    return _torch(torch, net, torch.compile, fused=True)


def _torch(torch: Any, net: Net, around: Callable[[Any], Any], **options: Any) -> Running:
    def last(model: Any) -> Any:
        if len(net.inputs) == 3:
            model = model.to(memory_format=torch.channels_last)
        return around(model)

    _, step = training_step(torch, net, last, **options)
    x, y = (torch.from_numpy(values) for values in data(net))
    if x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    return running(step, x, y)


def jax(case: Case) -> Running:
    net = NETS[case.word("net")]  # JAX takes the cores it is given
    return jax_running(net, weights(net), *data(net))


def jax_running(net: Net, state: dict[str, Array], x: Array, y: Array) -> Running:
    """The whole step in one `jit`, its state donated; images channels last, labels as int32."""
    import jax
    import jax.numpy as jnp
    import optax

    from benchmarks import nets_jax

    model = net.build(nets_jax)
    optimizer = optax.adam(1e-3) if net.optimizer == "Adam" else optax.sgd(RATE, MOMENTUM)

    def loss_of(trained: Any, followed: Any, x: Any, y: Any) -> Any:
        out, followed = nets_jax.run(model, trained, followed, x)
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean(), followed

    def update(trained: Any, followed: Any, state: Any, x: Any, y: Any) -> Any:
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, followed), gradients = gradient(trained, followed, x, y)
        change, state = optimizer.update(gradients, state, trained)
        return (optax.apply_updates(trained, change), followed, state), loss

    compiled = jax.jit(update, donate_argnums=(0, 1, 2))
    trained, followed = nets_jax.converted(model, state)
    held: list[Any] = [(trained, followed, optimizer.init(trained))]

    def step(x: Any, y: Any) -> Any:
        held[0], loss = compiled(*held[0], x, y)
        return loss.block_until_ready()

    return running(step, jnp.array(np.moveaxis(x, 1, -1)), jnp.array(y.astype(np.int32)))


BUILDERS = {ZINCIR: zincir, TORCH: torch, COMPILED: torch_compile, JAX: jax}
