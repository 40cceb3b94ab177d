"""Convolutional nets, whole training steps: forward, backward, optimizer."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import COMPILED, TORCH, ZINCIR, Case, Running
from benchmarks.nets import NETS, Net

TITLE = "convolutional nets: one training step (PyTorch with channels last)"
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


BUILDERS = {ZINCIR: zincir, TORCH: torch, COMPILED: torch_compile}
