"""Transformers that predict the next letter, whole training steps: AdamW at 1e-3."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contract import Case
from benchmarks.whole_step import Net

TITLE = "transformers (pre-norm, causal, GELU): one training step"
LETTERS = 65

Array = np.ndarray[Any, Any]


def row(layers: int, width: int, heads: int, length: int, batch: int) -> Case:
    """A place costs 12 width² weights a layer and 2 products of attention over what it sees."""
    name = f"{layers} layers, d={width}, {heads} heads, T={length}, batch {batch}"
    sizes = {"layers": layers, "width": width, "heads": heads, "length": length, "batch": batch}
    a_place = layers * (12 * width * width + length * width) + width * LETTERS
    return Case(name, flops=6.0 * batch * length * a_place, options=sizes)


CASES = (row(4, 128, 4, 64, 12), row(6, 384, 6, 256, 8))


def data(case: Case) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    text = random.integers(0, LETTERS, (case.number("batch"), case.number("length") + 1))
    return text[:, :-1].copy(), text[:, 1:].copy()


def model(torch: ModuleType, case: Case) -> Any:
    """The net, written with PyTorch's names."""
    nn, functional = torch.nn, torch.nn.functional
    width, heads, length = (case.number(name) for name in ("width", "heads", "length"))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            n, t, _ = x.shape
            parts = self.qkv(self.norm1(x)).view(n, t, 3, heads, width // heads)
            q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
            seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(seen.transpose(1, 2).reshape(n, t, width))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))

    class Writer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters, self.places = nn.Embedding(LETTERS, width), nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(case.number("layers"))])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, LETTERS)
            self.register_buffer("here", torch.arange(length))

        def forward(self, numbers: Any) -> Any:
            x = self.letters(numbers) + self.places(self.here)
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    return Writer()


def in_jax(case: Case, held: Any, buffers: Any, numbers: Any, key: Any) -> Any:
    del key
    import jax
    import jax.numpy as jnp

    heads = case.number("heads")

    def linear(name: str, x: Any) -> Any:
        return x @ held[f"{name}.weight"].T + held[f"{name}.bias"]

    def norm(name: str, x: Any) -> Any:
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * held[f"{name}.weight"] + held[f"{name}.bias"]

    x = held["letters.weight"][numbers] + held["places.weight"][buffers["here"]]
    n, t, width = x.shape
    for k in range(case.number("layers")):
        at = f"blocks.{k}"
        parts = linear(f"{at}.qkv", norm(f"{at}.norm1", x)).reshape(n, t, 3, heads, width // heads)
        seen = jax.nn.dot_product_attention(*jnp.moveaxis(parts, 2, 0), is_causal=True)
        x = x + linear(f"{at}.out", seen.reshape(n, t, width))
        wide = jax.nn.gelu(linear(f"{at}.up", norm(f"{at}.norm2", x)), approximate=False)
        x = x + linear(f"{at}.down", wide)
    return linear("head", norm("norm", x)), buffers


BUILDERS = Net(model, data, in_jax, optimizer="AdamW").builders
