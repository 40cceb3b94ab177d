"""ResNet-20 in bfloat16: against our own float32, and PyTorch's autocast with channels last."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.contract import TORCH, ZINCIR, Case, Running
from benchmarks.nets import NETS
from benchmarks.workloads import conv

TITLE = "products in bfloat16, everything else in float32: one training step (PyTorch: autocast)"
OURS = f"{ZINCIR} bf16"

NET = "ResNet-20, 32x32"
CASES = tuple(case for case in conv.CASES if case.word("net") == NET)


def zincir(precision: str | None, case: Case) -> Running:
    import zincir

    zincir.set_num_threads(case.threads)
    net = NETS[case.word("net")]
    _, step = conv.training_step(zincir, net, lambda model: model)
    return conv.running(zincir.compile(step, precision=precision), *conv.data(net))


def torch(case: Case) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    net = NETS[case.word("net")]

    class Autocast(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model.to(memory_format=torch.channels_last)

        def forward(self, x: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return self.model(x).float()

    _, step = conv.training_step(torch, net, Autocast)
    images, labels = conv.data(net)
    x = torch.as_tensor(images).contiguous(memory_format=torch.channels_last)
    return conv.running(step, x, torch.as_tensor(labels))


BUILDERS = {OURS: partial(zincir, "bf16"), ZINCIR: partial(zincir, None), TORCH: torch}
