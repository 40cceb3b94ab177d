"""Parameter groups: which parameters go together, checked when they are given."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
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
    if any(isinstance(entry, dict) for entry in entries):
        return entries
    return [{"params": entries}]


def checked_group(owner: str, given: Group, defaults: Group, others: list[Group]) -> Group:
    """The dictionary itself, with a list of its parameters and all settings, besides its own keys.

    (name, tensor) pairs leave their names under "param_names".

    Raises:
        ArgumentError, DTypeError: says what is wrong with it.
    """
    if not isinstance(given, dict) or "params" not in given:
        raise DTypeError(
            explain(
                f"{owner}: not a parameter group",
                where=describe(here()),
                expected="a dictionary with 'params'",
                got=repr(given) if isinstance(given, dict) else type(given).__name__,
            )
        )
    entries = _entries(owner, given["params"])
    own = [_parameter(owner, entry) for entry in entries]
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
    named = _names(owner, entries)
    own_names = bool(named) or "param_names" in given
    if any(own_names != ("param_names" in other) for other in others):
        raise ArgumentError(
            explain(
                f"{owner}: all groups have names of parameters, or none",
                where=describe(here()),
                expected="model.named_parameters() for all groups, or for none",
                got=f"a group {'with' if own_names else 'without'} names",
            )
        )
    given.update(params=own, **({"param_names": named} if named else {}))
    for name, value in defaults.items():
        given.setdefault(name, value)
    return given


def _entries(owner: str, params: Any) -> list[Any]:
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
    return [params] if isinstance(params, Tensor) else list(params)


def _names(owner: str, entries: list[Any]) -> list[str]:
    names: list[str] = [entry[0] for entry in entries if isinstance(entry, tuple)]
    if names and len(names) < len(entries):
        raise ArgumentError(
            explain(
                f"{owner}: some parameters have no names",
                where=describe(here()),
                expected="(name, tensor) pairs, or tensors",
                got=f"{len(names)} pairs among {len(entries)}",
            )
        )
    return names


def _refuse_twice(owner: str, own: list[Tensor], others: list[Group]) -> None:
    taken = {id(p) for group in others for p in group["params"]}
    for p in own:
        if id(p) in taken:
            raise ArgumentError(
                explain(
                    f"{owner}: some parameters appear in more than one parameter group",
                    where=describe(here()),
                    expected="each parameter in one group",
                    got=f"{p.dtype.name} {p.shape}",
                )
            )
    if len({id(p) for p in own}) < len(own):
        message = (
            f"{owner}: a parameter group with duplicate parameters: each step updates them twice"
        )
        warnings.warn(message, UserWarning, stacklevel=2)


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
    if p.is_complex():
        raise DTypeError(
            explain(
                f"{owner}: parameters cannot be complex",
                where=describe(here()),
                got=f"{p.dtype.name} {p.shape}",
                try_="pairs of real numbers as parameter, view_as_complex(p) where it is used",
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
