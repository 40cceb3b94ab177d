"""A net written once with PyTorch's names, and its whole training step for every contender:
cross-entropy or a mean square, forward, backward, optimizer; the same weights and the same batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import COMPILED, JAX, PLAIN, TORCH, ZINCIR, Builder, Case, Running

CHECKED_STEPS = 3
OPTIMIZERS: Mapping[str, Mapping[str, float]] = {
    "Adam": {"lr": 1e-3},
    "AdamW": {"lr": 1e-3, "weight_decay": 1e-2},
    "SGD": {"lr": 0.1},
}

Array = np.ndarray[Any, Any]
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Net:
    """What a workload says about its net."""

    model: Callable[[ModuleType, Case], Any]
    """The module; its names are PyTorch's."""

    data: Callable[[Case], tuple[Array, Array]]
    """One batch and its targets."""

    jax: Callable[[Case, Arrays, Arrays, Any, Any], tuple[Any, Arrays]]
    """The same net as a function (case, parameters, buffers, batch, random key): what comes out,
    and the buffers afterwards."""

    optimizer: str = "Adam"
    loss: str = "cross_entropy"
    random: bool = False
    """Whether numbers are drawn: contenders draw others, so they are compared before training."""

    @property
    def builders(self) -> dict[str, Builder]:
        return {
            ZINCIR: self.zincir,
            PLAIN: self.zincir_plain,
            TORCH: self.torch,
            COMPILED: self.torch_compile,
            JAX: self.in_jax,
        }

    # --- Zincir and PyTorch -----------------------------------------------------------------

    def state(self, case: Case) -> dict[str, Array]:
        """The same starting weights for all contenders."""
        import zincir

        zincir.manual_seed(0)
        state = self.model(zincir, case).state_dict()
        return {name: np.array(value.numpy()) for name, value in state.items()}

    def step(
        self,
        torch: ModuleType,
        case: Case,
        around: Callable[[Any], Any] = lambda model: model,
        **settings: bool,
    ) -> tuple[Any, Callable[[Any, Any], Any]]:
        """The model, and the training step that everybody writes; `around` compiles the model."""
        model = self.model(torch, case)
        state = {name: torch.tensor(value) for name, value in self.state(case).items()}
        model.load_state_dict(state)
        net = around(model)
        make = getattr(torch.optim, self.optimizer)
        optimizer = make(model.parameters(), **OPTIMIZERS[self.optimizer], **settings)
        loss_of = getattr(torch.nn.functional, self.loss)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            out = net(x)
            loss = (
                loss_of(out.flatten(0, -2), y.flatten()) if self.is_sequence(y) else loss_of(out, y)
            )
            loss.backward()
            optimizer.step()
            return loss

        return model, step

    def is_sequence(self, y: Any) -> bool:
        """Whether there is a class for each place of a sequence."""
        return self.loss == "cross_entropy" and y.ndim > 1

    def running(
        self,
        torch: ModuleType,
        case: Case,
        built: tuple[Any, Callable[[Any, Any], Any]],
        around: Callable[[Any], Any] = lambda step: step,
    ) -> Running:
        model, plain = built
        step, (x, y) = around(plain), map(torch.from_numpy, self.data(case))

        def check() -> list[float]:
            if not self.random:
                return [float(step(x, y).item()) for _ in range(CHECKED_STEPS)]
            model.eval()
            with torch.no_grad():
                loss = float(getattr(torch.nn.functional, self.loss)(model(x), y).item())
            model.train()
            return [loss]

        def once() -> Any:
            loss = step(x, y)
            loss.item()
            return loss

        return Running(once, check)

    def zincir(self, case: Case) -> Running:
        import zincir

        zincir.set_num_threads(case.threads)
        return self.running(zincir, case, self.step(zincir, case), zincir.compile)

    def zincir_plain(self, case: Case) -> Running:
        import zincir

        zincir.set_num_threads(case.threads)
        return self.running(zincir, case, self.step(zincir, case))

    def torch(self, case: Case) -> Running:
        import torch

        torch.set_num_threads(case.threads)
        return self.running(torch, case, self.step(torch, case))

    def torch_compile(self, case: Case) -> Running:
        """The model compiled and the fused optimizer: what PyTorch's guides advise."""
        import torch

        torch.set_num_threads(case.threads)
        return self.running(torch, case, self.step(torch, case, torch.compile, fused=True))

    # --- JAX --------------------------------------------------------------------------------

    def in_jax(self, case: Case) -> Running:
        """The whole step in one `jit`, its state donated; whole numbers are int32 there."""
        import jax
        import jax.numpy as jnp
        import optax

        settings = dict(OPTIMIZERS[self.optimizer])
        optimizer = getattr(optax, self.optimizer.lower())(settings.pop("lr"), **settings)
        arrays = {name: jnp.array(value) for name, value in self.state(case).items()}
        trained = self.trained(case)
        parameters = {name: value for name, value in arrays.items() if name in trained}
        buffers = {name: value for name, value in arrays.items() if name not in trained}

        def loss_of(parameters: Any, buffers: Any, x: Any, y: Any, key: Any) -> Any:
            out, buffers = self.jax(case, parameters, buffers, x, key)
            if self.loss == "mse_loss":
                return ((out - y) ** 2).mean(), buffers
            return optax.softmax_cross_entropy_with_integer_labels(out, y).mean(), buffers

        def update(parameters: Any, buffers: Any, state: Any, x: Any, y: Any, key: Any) -> Any:
            key, used = jax.random.split(key)
            grad = jax.value_and_grad(loss_of, has_aux=True)
            (loss, buffers), gradients = grad(parameters, buffers, x, y, used)
            change, state = optimizer.update(gradients, state, parameters)
            return optax.apply_updates(parameters, change), buffers, state, key, loss

        x, y = (
            jnp.array(a.astype(np.int32) if a.dtype == np.int64 else a) for a in self.data(case)
        )
        compiled = jax.jit(update, donate_argnums=(0, 1, 2))
        held = [parameters, buffers, optimizer.init(parameters), jax.random.key(0)]

        def step() -> Any:
            *held[:], loss = compiled(*held[:3], x, y, held[3])
            return loss.block_until_ready()

        def check() -> list[float]:
            if not self.random:
                return [float(step()) for _ in range(CHECKED_STEPS)]
            return [float(loss_of(held[0], held[1], x, y, None)[0])]

        return Running(step, check)

    def trained(self, case: Case) -> set[str]:
        """The names of the parameters."""
        import zincir

        return {name for name, _ in self.model(zincir, case).named_parameters()}
