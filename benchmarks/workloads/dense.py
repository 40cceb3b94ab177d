"""Nets without places: a text classifier on a bag of words, an autoencoder, a net for tables."""

from __future__ import annotations

import itertools
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import Builder, Case, Running
from benchmarks.whole_step import Net

TITLE = "bags of words (SGD), autoencoder and net for tables (Adam): one training step"
WORDS, WORD_WIDTH, TEXT, TOPICS = 50_000, 64, 40, 4
PIXELS, CODES = 784, (512, 64, 512)
FEATURES, HIDDEN, CLASSES, DROPPED = 30, 128, 2, 0.1
EPSILON, MOMENTUM = 1e-5, 0.1

Array = np.ndarray[Any, Any]


def dense_flops(batch: int, *sizes: int) -> float:
    return 6.0 * batch * sum(n * m for n, m in itertools.pairwise(sizes))


CASES = (
    Case(
        f"bag of {TEXT} words of {WORDS}, d={WORD_WIDTH}, batch 64",
        options={"net": "bag", "batch": 64},
    ),
    Case(
        "autoencoder 784-512-64-512-784, layer norm, GELU, batch 256",
        flops=dense_flops(256, PIXELS, *CODES, PIXELS),
        options={"net": "autoencoder", "batch": 256},
    ),
    Case(
        "table 30-128-128-2, batch norm, dropout, batch 128",
        flops=dense_flops(128, FEATURES, HIDDEN, HIDDEN, CLASSES),
        options={"net": "table", "batch": 128},
    ),
)


# --- bag of words ---------------------------------------------------------------------------


def texts(case: Case) -> tuple[Array, Array]:
    """Words are rare as in texts: the k-th is drawn about 1/k as often as the first."""
    random = np.random.default_rng(0)
    batch = case.number("batch")
    words = np.exp(random.uniform(0, np.log(WORDS), (batch, TEXT))).astype(np.int64) - 1
    return words, random.integers(0, TOPICS, batch)


def bag(torch: ModuleType, case: Case) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.EmbeddingBag(WORDS, WORD_WIDTH), nn.Linear(WORD_WIDTH, TOPICS))


def bag_in_jax(case: Case, held: Any, buffers: Any, x: Any, key: Any) -> Any:
    del case, key
    x = held["0.weight"][x].mean(1)
    return x @ held["1.weight"].T + held["1.bias"], buffers


# --- autoencoder ----------------------------------------------------------------------------


def images(case: Case) -> tuple[Array, Array]:
    x = np.random.default_rng(0).random((case.number("batch"), PIXELS), dtype=np.float32)
    return x, x


def autoencoder(torch: ModuleType, case: Case) -> Any:
    nn, layers, width = torch.nn, [], PIXELS
    for size in CODES:
        layers += [nn.Linear(width, size), nn.LayerNorm(size), nn.GELU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, PIXELS))


def autoencoder_in_jax(case: Case, held: Any, buffers: Any, x: Any, key: Any) -> Any:
    del case, key
    import jax

    for k in range(len(CODES)):
        x = x @ held[f"{3 * k}.weight"].T + held[f"{3 * k}.bias"]
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + EPSILON)
        x = x * held[f"{3 * k + 1}.weight"] + held[f"{3 * k + 1}.bias"]
        x = jax.nn.gelu(x, approximate=False)
    last = 3 * len(CODES)
    return x @ held[f"{last}.weight"].T + held[f"{last}.bias"], buffers


# --- table ----------------------------------------------------------------------------------


def table(case: Case) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    batch = case.number("batch")
    x = random.standard_normal((batch, FEATURES)).astype(np.float32)
    return x, random.integers(0, CLASSES, batch)


def table_net(torch: ModuleType, case: Case) -> Any:
    nn, layers, width = torch.nn, [], FEATURES
    for _ in range(2):
        layers += [nn.Linear(width, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Dropout(DROPPED)]
        width = HIDDEN
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def table_in_jax(case: Case, held: Any, buffers: Any, x: Any, key: Any) -> Any:
    """Without a key as the net is after training: running statistics, nothing dropped."""
    import jax

    buffers = dict(buffers)
    for k in (0, 4):
        x = x @ held[f"{k}.weight"].T + held[f"{k}.bias"]
        mean, var = f"{k + 1}.running_mean", f"{k + 1}.running_var"
        now = (x.mean(0), x.var(0)) if key is not None else (buffers[mean], buffers[var])
        scale = held[f"{k + 1}.weight"] * jax.lax.rsqrt(now[1] + EPSILON)
        y = jax.nn.relu((x - now[0]) * scale + held[f"{k + 1}.bias"])
        if key is not None:
            batch = case.number("batch")
            fair = (now[0], now[1] * batch / (batch - 1))
            for name, value in zip((mean, var), fair, strict=True):
                buffers[name] = (1 - MOMENTUM) * buffers[name] + MOMENTUM * value
            key, used = jax.random.split(key)
            y = y * jax.random.bernoulli(used, 1 - DROPPED, y.shape) / (1 - DROPPED)
        x = y
    return x @ held["8.weight"].T + held["8.bias"], buffers


NETS = {
    "bag": Net(bag, texts, bag_in_jax, optimizer="SGD"),
    "autoencoder": Net(autoencoder, images, autoencoder_in_jax, loss="mse_loss"),
    "table": Net(table_net, table, table_in_jax, random=True),
}


def builder(contender: str) -> Builder:
    def build(case: Case) -> Running:
        return NETS[case.word("net")].builders[contender](case)

    return build


BUILDERS = {contender: builder(contender) for contender in NETS["bag"].builders}
