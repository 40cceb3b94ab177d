"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from zincir.autograd import enable_grad, no_grad
from zincir.errors import ArgumentError, TraceError, explain
from zincir.graph.node import describe, here
from zincir.optim.optimizer import Optimizer
from zincir.optim.settings import Group, Params, Rate, declared
from zincir.optim.state import stored_like
from zincir.optim.strong_wolfe import strong_wolfe
from zincir.recording import CURRENT
from zincir.tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]
Closure: TypeAlias = Callable[[], Any]


class LBFGS(Optimizer):
    """L-BFGS: Newton's method with curvature guessed from the last steps and gradients.

    ```
    y = g - g before, s = p - p before             kept for the last history_size iterations
    d = -H g                                       H: what all y and s say of the inverse Hessian
    p = p + t * d                                  t = lr, or found by a line search
    ```

    From Liu and Nocedal 1989 (https://doi.org/10.1007/BF01589116), with the choices that PyTorch
    has made; the line search is that of Nocedal and Wright, Numerical Optimization, chapter 3. One
    step is up to `max_iter` iterations, and evaluates the loss as often as it needs. It looks at
    values, so `step` cannot be compiled; what it is called with can.

    Args:
        params: tensors or (name, tensor) pairs, in one group.
        lr: the learning rate; a number or a tensor.
        max_iter: the most iterations of a step.
        max_eval: the most evaluations of a step; max_iter * 5 // 4 unless given.
        tolerance_grad: the largest gradient with which a step is done.
        tolerance_change: the least change of loss or parameters with which it goes on.
        history_size: how many iterations are remembered.
        line_search_fn: "strong_wolfe" or None.

    Raises:
        ArgumentError: there is more than one group.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0, -2.0], requires_grad=True)
        >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((w - 1.0) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item()
        18.0
        >>> w.tolist()
        [1.0, 1.0]
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults: Group = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        declared(LBFGS.__init__).check("LBFGS", defaults)
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ArgumentError(
                explain(
                    "LBFGS: all parameters are in one group",
                    where=describe(here()),
                    got=f"{len(self.param_groups)} groups",
                )
            )

    @no_grad()
    def step(self, closure: Closure) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Up to `max_iter` iterations.

        Args:
            closure: computes loss and gradients again, and returns the loss.

        Returns:
            The loss before the step.
        """
        if CURRENT.recording is not None:
            raise TraceError(
                explain(
                    "LBFGS.step looks at values, which a recording does not have",
                    where=describe(here()),
                    try_="optimizer.step(zincir.compile(closure)) instead",
                )
            )
        return _Step(self.param_groups[0], self.state, enable_grad()(closure)).run()

    def _note_remembered(self) -> None:
        """Nothing: it cannot be recorded."""


class _Step:
    """One step: the state as flat arrays of NumPy, which are looked at all the time."""

    def __init__(self, group: Group, state: Any, closure: Closure) -> None:
        self.group = group
        self.params: list[Tensor] = group["params"]
        self.closure = closure
        self.lr: Any = float(group["lr"])
        self.state = state[self.params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)
        self.evals = 0

    def run(self) -> Any:
        group, state = self.group, self.state
        first = self.closure()
        loss, grad = float(first), self.gradient()
        self.count(1)
        if np.abs(grad).max() <= group["tolerance_grad"]:
            return first
        d, t, before = (_array(state.get(k)) for k in ("d", "t", "prev_flat_grad"))
        prev_loss: Any = state.get("prev_loss")
        history = _History(state, group["history_size"])
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            new = state["n_iter"] == 1
            d = history.begin(grad) if new else history.direction(grad, grad - before, d * t)
            before, prev_loss = grad, loss
            t = min(1.0, 1.0 / np.abs(grad).sum()) * self.lr if new else self.lr
            slope = grad @ d
            if slope > -group["tolerance_change"]:
                break
            loss, grad, t, evals = self.move(iteration, loss, grad, t, d, slope)
            self.count(evals)
            if self.is_done(iteration, grad, d * t, loss - prev_loss):
                break
        history.keep(self.params[0])
        state.update(d=_tensor(d, self.params[0]), prev_loss=prev_loss)
        # A learning rate that is a tensor is itself what is remembered, as in PyTorch.
        state["t"] = group["lr"] if t is self.lr else _plain(t, self.params[0])
        state["prev_flat_grad"] = _tensor(before, self.params[0])
        return first

    def move(
        self, iteration: int, loss: float, grad: Array, t: Any, d: Array, slope: Any
    ) -> tuple[float, Array, Any, int]:
        """Go along d: loss, gradient, how far, and how many evaluations it took."""
        group = self.group
        if group["line_search_fn"] is not None:
            if group["line_search_fn"] != "strong_wolfe":
                raise ArgumentError(
                    explain(
                        "LBFGS: no such line search",
                        expected="'strong_wolfe' or None",
                        got=repr(group["line_search_fn"]),
                    )
                )
            start = [p.detach().clone() for p in self.params]

            def at(t: Any) -> tuple[float, Array]:
                self.add(t, d)
                found = float(self.closure()), self.gradient()
                for p, before in zip(self.params, start, strict=True):
                    p.copy_(before)
                return found

            most = group["max_eval"] - self.evals
            loss, grad, t, evals = strong_wolfe(at, t, d, loss, grad, slope, most)
            self.add(t, d)
            return loss, grad, t, evals
        self.add(t, d)
        if iteration == group["max_iter"]:  # nobody asks for the loss any more
            return loss, grad, t, 0
        return float(self.closure()), self.gradient(), t, 1

    def is_done(self, iteration: int, grad: Array, step: Array, change: float) -> bool:
        group = self.group
        return (
            iteration == group["max_iter"]
            or self.evals >= group["max_eval"]
            or np.abs(grad).max() <= group["tolerance_grad"]
            or np.abs(step).max() <= group["tolerance_change"]
            or abs(change) < group["tolerance_change"]
        )

    def count(self, evals: int) -> None:
        self.evals += evals
        self.state["func_evals"] += evals

    def gradient(self) -> Array:
        """All gradients, one behind the other."""
        parts = [
            np.zeros(p.numel(), p.dtype.numpy) if p.grad is None else _array(p.grad).reshape(-1)
            for p in self.params
        ]
        return np.concatenate(parts)

    def add(self, t: Any, d: Array) -> None:
        """Move all parameters by t * d."""
        at = 0
        for p in self.params:
            part = d[at : at + p.numel()].reshape(p.shape)
            p.copy_(_tensor(_array(p) + part.dtype.type(t) * part, p))
            at += p.numel()


class _History:
    """The last steps and what they changed the gradient by: a guess of the inverse Hessian."""

    def __init__(self, state: Any, size: int) -> None:
        self.state, self.size = state, size
        self.changes: list[Array] = [_array(y) for y in state.get("old_dirs") or ()]
        self.steps: list[Array] = [_array(s) for s in state.get("old_stps") or ()]
        self.ro: list[Any] = [_array(r)[()] for r in state.get("ro") or ()]
        self.scale: Any = _array(state.get("H_diag"))

    def begin(self, grad: Array) -> Array:
        """The first direction: downhill."""
        self.changes, self.steps, self.ro, self.scale = [], [], [], 1
        return -grad

    def direction(self, grad: Array, y: Array, s: Array) -> Array:
        """The direction after a step s that changed the gradient by y."""
        ys = y @ s
        if ys > 1e-10:
            if len(self.changes) == self.size:
                for kept in (self.changes, self.steps, self.ro):
                    kept.pop(0)
            self.changes.append(y)
            self.steps.append(s)
            self.ro.append(1.0 / ys)
            self.scale = ys / (y @ y)
        q = -grad
        shares: list[Any] = [None] * len(self.changes)
        for i in reversed(range(len(self.changes))):
            shares[i] = (self.steps[i] @ q) * self.ro[i]
            q = q - shares[i] * self.changes[i]
        d = q * self.scale
        for y, s, ro, share in zip(self.changes, self.steps, self.ro, shares, strict=True):
            d = d + (share - (y @ d) * ro) * s
        self.shares = shares
        return d

    def keep(self, p: Tensor) -> None:
        """Put all of it into the state, under PyTorch's names."""
        self.state["old_dirs"] = [_tensor(y, p) for y in self.changes]
        self.state["old_stps"] = [_tensor(s, p) for s in self.steps]
        self.state["ro"] = [_tensor(r, p) for r in self.ro]
        self.state["H_diag"] = _plain(self.scale, p)
        if hasattr(self, "shares"):
            rest = [None] * (self.size - len(self.shares))
            self.state["al"] = [_tensor(a, p) for a in self.shares] + rest


def _array(value: Any) -> Any:
    return np.array(value.detach().numpy()) if isinstance(value, Tensor) else value


def _tensor(array: Any, p: Tensor) -> Tensor:
    return stored_like(np.array(array), p)


def _plain(value: Any, p: Tensor) -> Any:
    """A number of Python's as it is, one of NumPy's as a tensor: as PyTorch has them."""
    return _tensor(value, p) if isinstance(value, np.generic | np.ndarray) else value
