"""Arguments of any form: a compiled function gives what the function gives."""

import dataclasses
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import zincir
from zincir.tensor import Tensor

Pair = namedtuple("Pair", "first second")


@dataclasses.dataclass
class Box:
    left: Any
    right: Any = None


class Name(str):
    """A constant that is known by itself."""


# A form is drawn once, and filled anew for each call: numbers, tensors and arrays differ then, the
# same `slot` is the same tensor, and the same `shared` number the same container.
LEAVES = st.one_of(
    st.just(("number", float)),
    st.just(("number", int)),
    st.tuples(st.just("tensor"), st.integers(0, 2)),
    st.just(("array", 0)),
    st.sampled_from([("constant", None), ("constant", "word"), ("constant", True)]),
    st.just(("constant", Name("own"))),
)


def _containers(inner: Any) -> Any:
    few = st.lists(inner, max_size=3)
    return st.one_of(
        st.tuples(st.just("list"), few),
        st.tuples(st.just("tuple"), few),
        st.tuples(st.just("dict"), few),
        st.tuples(st.just("ordered"), few),
        st.tuples(st.just("pair"), st.lists(inner, min_size=2, max_size=2)),
        st.tuples(st.just("box"), st.lists(inner, min_size=2, max_size=2)),
        st.tuples(st.just("twice"), st.lists(inner, min_size=1, max_size=2)),
    )


FORMS = st.recursive(LEAVES, _containers, max_leaves=6)
MAKE: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "dict": lambda items: {f"k{i}": x for i, x in enumerate(items)},
    "ordered": lambda items: OrderedDict((i, x) for i, x in enumerate(items)),
    "pair": lambda items: Pair(*items),
    "box": lambda items: Box(*items),
    "twice": lambda items: (items, items),  # the same list
}


def _filled(form: Any, rng: np.random.Generator, tensors: dict[int, Tensor]) -> Any:
    kind, what = form
    if kind == "number":
        return what(rng.integers(2, 50)) if what is int else float(rng.integers(2, 50)) / 4
    if kind == "tensor":
        if what not in tensors:
            tensors[what] = zincir.tensor([float(rng.integers(1, 9)), float(rng.integers(1, 9))])
        return tensors[what]
    if kind == "array":
        return rng.integers(1, 9, 2).astype(np.float32)
    return what if kind == "constant" else MAKE[kind]([_filled(f, rng, tensors) for f in what])


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, dict):
        x = list(x.values())
    elif isinstance(x, Box):
        x = [x.left, x.right]
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from _leaves(item)
    elif not isinstance(x, bool):
        yield x


def _sum(*args: Any, **kwargs: Any) -> Tensor:
    """All leaves, each times a prime of its own: none can take another one's place."""
    total = zincir.zeros(2)
    primes = iter((2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71) * 9)
    for x, prime in zip([*_leaves(args), *_leaves(kwargs)], primes, strict=False):
        total = total + (x * prime if not isinstance(x, str) and x is not None else prime)
    return total


@pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")
@settings(max_examples=150, deadline=None)
@given(
    st.lists(FORMS, max_size=3),
    st.dictionaries(st.sampled_from("abc"), FORMS, max_size=3),
    st.integers(0, 10**6),
)
def test_a_compiled_function_gets_what_it_is_given(
    args: list[Any], kwargs: dict[str, Any], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    compiled = zincir.compile(_sum)
    for _ in range(4):
        tensors: dict[int, Tensor] = {}
        given_args = [_filled(f, rng, tensors) for f in args]
        given_kwargs = {k: _filled(f, rng, tensors) for k, f in kwargs.items()}
        wanted = _sum(*given_args, **given_kwargs).tolist()
        assert compiled(*given_args, **given_kwargs).tolist() == pytest.approx(wanted, rel=1e-6)
