"""Whole trainings, from arrays to a trained net: `Trainer.fit` beside Lightning and Keras.

    python -m benchmarks.trainers [--rounds 3] [--epochs 3]

Each contender trains in a process of its own, in turn, with two threads, from the same arrays: a
first epoch that is not counted, in which everybody compiles, and then `--epochs` that are. Needs
`pip install lightning keras` besides what the other benchmarks need; who is missing is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.driver import ROOT, environment, two_cores


@dataclass(frozen=True)
class Net:
    """A net of dense layers and what it is trained on."""

    widths: tuple[int, ...]
    rows: int
    batch: int
    normalised: bool = False
    """Whether batch normalisation and dropout stand behind the hidden layers."""


NETS = {
    "mlp 784-128-10, batch 32": Net((784, 128, 10), 19_200, 32),
    "tabular 30-128-128-2, batch 128": Net((30, 128, 128, 2), 38_400, 128, normalised=True),
}
RATE = 1e-3
DROPOUT = 0.1


def arrays(net: Net) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Clusters with noise, one for each class."""
    draw = np.random.default_rng(0)
    y = draw.integers(0, net.widths[-1], net.rows)
    centres = draw.standard_normal((net.widths[-1], net.widths[0]))
    x = centres[y] + 2 * draw.standard_normal((net.rows, net.widths[0]))
    return x.astype(np.float32), y


def layers(nn: Any, net: Net) -> Any:
    """The net in PyTorch's words, which are ours."""
    found: list[Any] = []
    for n, m in zip(net.widths[:-2], net.widths[1:-1], strict=True):
        found += [nn.Linear(n, m)]
        found += [nn.BatchNorm1d(m)] if net.normalised else []
        found += [nn.ReLU()]
        found += [nn.Dropout(DROPOUT)] if net.normalised else []
    return nn.Sequential(*found, nn.Linear(net.widths[-2], net.widths[-1]))


Epochs = list[float]
"""Seconds that each epoch took."""


class Clock:
    """Seconds between calls of `tick`."""

    def __init__(self) -> None:
        self.seconds: Epochs = []
        self._last = time.perf_counter()

    def tick(self) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now


def zincir(net: Net, epochs: int) -> tuple[Epochs, float]:
    """`Trainer.fit` with its defaults, progress off."""
    import zincir as z
    from zincir import nn, optim

    z.manual_seed(0)
    x, y = arrays(net)
    model = layers(nn, net)
    clock = Clock()

    class Ticks(z.trainer.Callback):
        def on_epoch_end(self, trainer: Any, log: Any) -> None:
            clock.tick()

    trainer = z.Trainer(
        model,
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.Adam(model.parameters(), lr=RATE),
        callbacks=[Ticks()],
    )
    trainer.fit((x, y), epochs=epochs + 1, batch_size=net.batch, progress=False)
    model.eval()
    right = (model(z.tensor(x)).argmax(1) == z.tensor(y)).float().mean().item()
    return clock.seconds, float(right)


def lightning(net: Net, epochs: int) -> tuple[Epochs, float]:
    """Lightning's trainer over PyTorch, without bar, logs and checkpoints."""
    import lightning as pl
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    torch.set_num_threads(2)
    x, y = (torch.from_numpy(a) for a in arrays(net))
    clock = Clock()

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = layers(torch.nn, net)

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=RATE)

        def on_train_epoch_end(self) -> None:
            clock.tick()

    module = Module()
    loader = DataLoader(TensorDataset(x, y), net.batch, shuffle=True)
    quiet = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
    quiet["enable_model_summary"] = False
    pl.Trainer(max_epochs=epochs + 1, accelerator="cpu", **quiet).fit(module, loader)  # type: ignore[arg-type]
    module.eval()
    with torch.no_grad():
        return clock.seconds, float((module.net(x).argmax(1) == y).float().mean())


def keras(net: Net, epochs: int) -> tuple[Epochs, float]:
    """Keras' `fit` over the backend that KERAS_BACKEND names."""
    import keras as k

    k.utils.set_random_seed(0)
    x, y = arrays(net)
    found: list[Any] = [k.Input((net.widths[0],))]
    for width in net.widths[1:-1]:
        found += [k.layers.Dense(width)]
        found += [k.layers.BatchNormalization()] if net.normalised else []
        found += [k.layers.ReLU()]
        found += [k.layers.Dropout(DROPOUT)] if net.normalised else []
    model = k.Sequential([*found, k.layers.Dense(net.widths[-1])])
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=k.optimizers.Adam(RATE), loss=loss)
    clock = Clock()
    tick = k.callbacks.LambdaCallback(on_epoch_end=lambda *_: clock.tick())
    model.fit(x, y, batch_size=net.batch, epochs=epochs + 1, verbose=0, callbacks=[tick])
    right = model.predict(x, batch_size=4096, verbose=0).argmax(1) == y
    return clock.seconds, float(right.mean())


CONTENDERS: dict[str, tuple[Callable[[Net, int], tuple[Epochs, float]], str, dict[str, str]]] = {
    "zincir": (zincir, "zincir", {}),
    "lightning": (lightning, "lightning", {}),
    "keras on jax": (keras, "keras", {"KERAS_BACKEND": "jax"}),
    "keras on torch": (keras, "keras", {"KERAS_BACKEND": "torch"}),
}


def measured(name: str, net: str, epochs: int) -> tuple[float, float]:
    """Median seconds of an epoch in a fresh process, and the share it gets right."""
    command = [sys.executable, "-m", "benchmarks.trainers", "--run", name, "--net", net]
    cores = ",".join(map(str, two_cores()))
    done = subprocess.run(
        [*(["taskset", "-c", cores] if cores else []), *command, "--epochs", str(epochs)],
        cwd=ROOT, env=environment(**CONTENDERS[name][2]), text=True, stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    seconds, right = done.stdout.split()[-2:]
    return float(seconds), float(right)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="that are counted (3)")
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--net", choices=NETS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        warnings.simplefilter("ignore")
        seconds, right = CONTENDERS[options.run][0](NETS[options.net], options.epochs)
        print(statistics.median(seconds[1:]), right)
        return
    there = {n: c for n, c in CONTENDERS.items() if importlib.util.find_spec(c[1]) is not None}
    for name in CONTENDERS.keys() - there.keys():
        print(f"{name}: not installed, left out")
    for title, net in NETS.items():
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in there}
        for _ in range(options.rounds):
            for name in there:
                found[name].append(measured(name, title, options.epochs))
        print(f"\n{title}: {net.rows // net.batch} steps an epoch")
        ours = statistics.median(s for s, _ in found["zincir"])
        for name, rounds in found.items():
            median = statistics.median(s for s, _ in rounds)
            spread = f"{min(s for s, _ in rounds):.3f} to {max(s for s, _ in rounds):.3f}"
            share = statistics.median(r for _, r in rounds)
            print(
                f"  {name:<16}{median:8.3f} s ({spread}), {median / ours:5.2f} of ours, "
                f"{share:.1%} right"
            )


if __name__ == "__main__":
    main()
