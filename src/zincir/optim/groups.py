"""Parameter groups: which parameters go together, checked when they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import describe, here
from zincir.optim.settings import Group
from zincir.tensor import Tensor


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""The default of a setting that every group must bring itself."""


def groups_of(owner: str, params: Any) -> list[Group]:
    """The groups meant by tensors, by (name, tensor) pairs, or by dictionaries.

    Raises:
        ArgumentError, DTypeError: they are none of these, or there are none at all.
    """
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        remedy = "[parameter]" if isinstance(params, Tensor) else "model.parameters()"
        raise DTypeError(
            explain(
                f"{owner}: params is not a list of parameters",
                where=describe(here()),
                expected="tensors, or dictionaries with 'params'",
                got=type(params).__name__,
                try_=remedy,
            )
        )
    # What it holds is checked below, entry by entry.
    entries: list[Any] = list(params)  # pyright: ignore[reportUnknownArgumentType]
    if not entries:
        raise ArgumentError(
            explain(
                f"{owner}: got an empty parameter list",
                where=describe(here()),
                expected="at least one parameter",
                try_="layers in a plain list are not seen: use nn.ModuleList; generators such as "
                "model.parameters() can be used once",
            )
        )
    if any(isinstance(entry, Mapping) for entry in entries):
        return entries
    return [{"params": entries}]


def checked_group(owner: str, given: Group, defaults: Group, others: list[Group]) -> Group:
    """A group with a list of its parameters, all settings, and what else it brings.

    Raises:
        ArgumentError, DTypeError: says what is wrong with it.
    """
    if not isinstance(given, Mapping) or "params" not in given:
        raise DTypeError(
            explain(
                f"{owner}: not a parameter group",
                where=describe(here()),
                expected="a dictionary with 'params'",
                got=repr(given) if isinstance(given, Mapping) else type(given).__name__,
            )
        )
    own = _parameters(owner, given["params"])
    _refuse_twice(owner, own, others)
    for name, value in defaults.items():
        if value is required and name not in given:
            raise ArgumentError(
                explain(
                    f"{owner}: a parameter group has no {name}, and there is no default",
                    where=describe(here()),
                    expected=f"{{'params': ..., {name!r}: ...}}",
                    got=", ".join(given),
                )
            )
    return {"params": own, **defaults, **{k: v for k, v in given.items() if k != "params"}}


def _parameters(owner: str, params: Any) -> list[Tensor]:
    if isinstance(params, set | frozenset):
        raise DTypeError(
            explain(
                f"{owner}: the parameters of a group need an order",
                where=describe(here()),
                expected="a list or another ordered collection",
                got="a set: its order changes from run to run",
                try_="list(...)",
            )
        )
    return [_parameter(owner, p) for p in ([params] if isinstance(params, Tensor) else params)]


def _refuse_twice(owner: str, own: list[Tensor], others: list[Group]) -> None:
    seen = {id(p) for group in others for p in group["params"]}
    for p in own:
        if id(p) in seen:
            raise ArgumentError(
                explain(
                    f"{owner}: a parameter was given twice",
                    where=describe(here()),
                    expected="each parameter in one group, once",
                    got=f"{p.dtype.name} {p.shape}",
                )
            )
        seen.add(id(p))


def _parameter(owner: str, entry: Any) -> Tensor:
    p: Any = entry
    if isinstance(entry, tuple):
        pair = cast(tuple[Any, ...], entry)
        p = pair[1] if len(pair) == 2 else pair
    if not isinstance(p, Tensor):
        raise DTypeError(
            explain(
                f"{owner}: can only optimize tensors",
                where=describe(here()),
                expected="an nn.Parameter or a Tensor",
                got=type(p).__name__,
                try_="model.parameters(), not model" if hasattr(p, "parameters") else "",
            )
        )
    if not (p.is_leaf or p.retains_grad):
        raise ArgumentError(
            explain(
                f"{owner}: can't optimize a tensor that was computed from others",
                where=describe(here()),
                expected="a leaf tensor, such as an nn.Parameter",
                got=f"{p._node.op.name} {p.dtype.name} {p.shape}",
                try_="x.detach().requires_grad_()",
            )
        )
    return p
