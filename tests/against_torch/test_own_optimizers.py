"""Optimizers as people write them for PyTorch, run as they are under both libraries."""

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*deprecated")]


def written(torch: Any) -> dict[str, Any]:  # noqa: C901 (one class after the other)
    """The optimizers, each for this library."""
    Optimizer = torch.optim.Optimizer

    class OldSGD(Optimizer):
        def __init__(self, params: Any, lr: float = 0.1, momentum: float = 0.9) -> None:
            super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=0.01))

        def step(self, closure: Any = None) -> Any:
            loss = None if closure is None else closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    d_p = p.grad.data
                    d_p.add_(group["weight_decay"], p.data)
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        buf = state["momentum_buffer"] = torch.zeros_like(p.data)
                        buf.mul_(group["momentum"]).add_(d_p)
                    else:
                        buf = state["momentum_buffer"]
                        buf.mul_(group["momentum"]).add_(1 - 0.1, d_p)
                    p.data.add_(-group["lr"], buf)
            return loss

    class OldAdam(Optimizer):
        def __init__(self, params: Any, lr: float = 0.01, betas: Any = (0.9, 0.99)) -> None:
            if not lr >= 0.0:
                raise ValueError(f"Invalid learning rate: {lr}")
            super().__init__(params, dict(lr=lr, betas=betas, eps=1e-8))

        def __setstate__(self, state: Any) -> None:
            super().__setstate__(state)
            for group in self.param_groups:
                group.setdefault("amsgrad", False)

        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    grad = p.grad.data.float()
                    if grad.is_sparse:
                        raise RuntimeError("no sparse gradients")
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"] = 0
                        state["exp_avg"] = torch.zeros_like(p.data)
                        state["exp_avg_sq"] = torch.zeros_like(p.data)
                    exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
                    beta1, beta2 = group["betas"]
                    state["step"] += 1
                    exp_avg.mul_(beta1).add_(1 - beta1, grad)
                    exp_avg_sq.mul_(beta2).addcmul_(1 - beta2, grad, grad)
                    denom = exp_avg_sq.sqrt().add_(group["eps"])
                    one, two = 1 - beta1 ** state["step"], 1 - beta2 ** state["step"]
                    p.data.addcdiv_(-group["lr"] * math.sqrt(two) / one, exp_avg, denom)

    class Decoupled(Optimizer):
        """The step counts in a tensor, nothing differs from call to call."""

        def __init__(self, params: Any, lr: float = 0.01) -> None:
            super().__init__(params, {"lr": lr, "beta": 0.9})

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        state = self.state[p]
                        if not state:
                            state["step"] = torch.tensor(0.0)
                            state["mean"] = torch.zeros_like(p, memory_format=torch.preserve_format)
                        state["step"] += 1
                        state["mean"].lerp_(p.grad, 1 - group["beta"])
                        p.mul_(1 - group["lr"] * 0.1)
                        corrected = state["mean"] / (1 - group["beta"] ** state["step"])
                        p.addcdiv_(corrected, corrected.norm().clamp(min=1e-6), value=-group["lr"])
            return loss

    class Centralized(torch.optim.SGD):
        """Changes gradients, and lets another one step."""

        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None and p.dim() > 1:
                        p.grad.data.add_(-p.grad.data.mean(dim=1, keepdim=True))
            return super().step(closure)

    class Lookahead(Optimizer):
        """Wraps another one, and does not call `Optimizer.__init__`."""

        def __init__(self, optimizer: Any, k: int = 3, alpha: float = 0.5) -> None:
            self.optimizer, self.k, self.alpha = optimizer, k, alpha
            self.param_groups = optimizer.param_groups
            self.state = defaultdict(dict)
            for group in self.param_groups:
                group["counter"] = 0

        def zero_grad(self) -> None:
            self.optimizer.zero_grad()

        def step(self, closure: Any = None) -> Any:
            loss = self.optimizer.step(closure)
            for group in self.param_groups:
                group["counter"] += 1
                if group["counter"] >= self.k:
                    group["counter"] = 0
                    for p in group["params"]:
                        state = self.state[p]
                        if "slow" not in state:
                            state["slow"] = torch.zeros_like(p.data)
                            state["slow"].copy_(p.data)
                        slow = state["slow"]
                        slow += (p.data - slow) * self.alpha
                        p.data.copy_(slow)
            return loss

    class Assigned(Optimizer):
        """New tensors in place of the old ones."""

        def __init__(self, params: Any, lr: float = 0.05) -> None:
            super().__init__(params, {"lr": lr})

        def step(self) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    before = self.state[p].get("before", torch.zeros(p.shape))
                    g = torch.sign(p.grad) * torch.sqrt(torch.abs(p.grad) + 1e-8)
                    p.data = p.data - group["lr"] * (0.9 * before + g)
                    self.state[p]["before"] = g

    def lookahead(params: Any, **options: Any) -> Any:
        return Lookahead(torch.optim.Adam(params, lr=0.02))

    return {
        "OldSGD": OldSGD,
        "OldAdam": OldAdam,
        "Decoupled": Decoupled,
        "Centralized": lambda params: Centralized(params, lr=0.1, momentum=0.5),
        "Lookahead": lookahead,
        "Assigned": Assigned,
    }


class Task:
    """A small net, trained; the learning rate falls."""

    def __init__(self, library: Any, name: str, *, compiled: bool) -> None:
        random = np.random.default_rng(0)
        self.params = [
            library.nn.Parameter(library.from_numpy(random.standard_normal(shape).astype("f")))
            for shape in ((4, 3), (4,), (1, 4))
        ]
        self.x = library.from_numpy(random.standard_normal((6, 3)).astype("f"))
        self.optimizer = written(library)[name](self.params)
        self.run = library.compile(self.step) if compiled else self.step

    def step(self) -> Any:
        w, b, v = self.params
        self.optimizer.zero_grad()
        loss = (((self.x @ w.t() + b).tanh() @ v.t()).squeeze(1) - self.x.sum(1)).pow(2).mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def train(self, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            losses.append(self.run().item())
            for group in self.optimizer.param_groups:
                group["lr"] *= 0.95
        return losses


@pytest.mark.parametrize("name", list(written(zincir)))
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")
def test_as_they_are(name: str, compiled: bool) -> None:
    ours, theirs = Task(zincir, name, compiled=compiled), Task(torch, name, compiled=False)
    np.testing.assert_allclose(ours.train(20), theirs.train(20), 2e-5)
    for mine, other in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), 2e-4, 2e-6)


def in_zincir(state: Any) -> Any:
    """As `zincir.load` gives what PyTorch has saved."""
    if isinstance(state, torch.Tensor):
        return zincir.from_numpy(state.numpy().copy())
    if isinstance(state, dict):
        return {k: in_zincir(v) for k, v in state.items()}
    return [in_zincir(v) for v in state] if isinstance(state, list) else state


@pytest.mark.parametrize("name", ["OldAdam", "Decoupled", "OldSGD", "Centralized"])
def test_their_states_move(name: str) -> None:
    ours, theirs = (Task(library, name, compiled=False) for library in (zincir, torch))
    theirs.train(5)
    state = theirs.optimizer.state_dict()
    ours.optimizer.load_state_dict(in_zincir(state))
    for mine, other in zip(ours.params, theirs.params, strict=True):
        mine.data = zincir.from_numpy(other.detach().numpy().copy())
    np.testing.assert_allclose(ours.train(5), theirs.train(5), 2e-5)
    again = ours.optimizer.state_dict()
    assert again.keys() == state.keys()
    assert again["param_groups"][0].keys() >= state["param_groups"][0].keys()
    assert {k: sorted(v) for k, v in again["state"].items()} == {
        k: sorted(v) for k, v in state["state"].items()
    }
