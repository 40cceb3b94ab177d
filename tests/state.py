"""The whole state of a training, as plain values that can be compared to the bit."""

from typing import Any

import numpy as np

import zincir


def state_of(trainer: Any) -> Any:
    """Everything that a training goes on from, and everything that a cure could have changed."""
    model, optimizer, schedule = trainer.model, trainer.optimizer, trainer.scheduler
    return [
        [(n, id(m), m.training, repr(m)) for n, m in model.named_modules()],
        [(n, id(p), p.requires_grad, bits(p), bits(p.grad)) for n, p in model.named_parameters()],
        [(n, id(b), bits(b)) for n, b in model.named_buffers()],
        [(id(g), sorted(g), [id(p) for p in g["params"]]) for g in optimizer.param_groups],
        [plain({k: v for k, v in g.items() if k != "params"}) for g in optimizer.param_groups],
        [(id(p), plain(held)) for p, held in optimizer.state.items()],
        None if schedule is None else plain(schedule.state_dict()),
        bits(zincir.get_rng_state()),
        id(trainer.loss), id(optimizer), id(schedule), id(trainer.callbacks),
        [id(c) for c in trainer.callbacks.all],
        [plain(c.state_dict()) for c in trainer.callbacks.all],
        trainer.epoch, trainer.steps, trainer.stop, plain(trainer.history.rows),
        np.random.get_state()[1].tobytes(),  # type: ignore[union-attr]
    ]  # fmt: skip


def bits(x: Any) -> Any:
    """A tensor as bytes."""
    if x is None:
        return None
    array = x if isinstance(x, np.ndarray) else x.detach().numpy()
    return array.shape, array.tobytes()


def plain(x: Any) -> Any:
    """Tensors in dictionaries and lists as bytes."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [plain(v) for v in x]
    return bits(x) if isinstance(x, zincir.Tensor | np.ndarray) else x
