"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from zincir.errors import ArgumentError, explain
from zincir.functional import stack
from zincir.graph.node import user_line
from zincir.nn import Module
from zincir.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)`, with other tensors in the place of parameters and buffers.

    Args:
        module: what is called; it is left as it was.
        parameter_and_buffer_dicts: tensors by name, or several such dictionaries.
        args: its argument, or a tuple of them.
        kwargs: its arguments by name.
        tie_weights: whether a parameter that has several names is replaced under all of them.
        strict: whether all must be named, and no others.

    Raises:
        ArgumentError: (strict) names that the module has not, or that are missing; or different
            tensors for one parameter.

    Example:
        >>> from zincir import nn
        >>> net = nn.Linear(1, 1, bias=False)
        >>> functional_call(net, {"weight": Tensor([[3.0]])}, Tensor([2.0]))
        tensor([6.])
    """
    given: dict[str, Tensor] = {}
    several = parameter_and_buffer_dicts
    parts: list[Any] = list(several) if isinstance(several, list | tuple) else [several]  # pyright: ignore[reportUnknownArgumentType]
    for part in parts:
        given |= part
    places = _places(module)
    _check_names(given, places, strict)
    given = {name: t for name, t in given.items() if name in places}
    if tie_weights:
        given = _tied(given, places)
    single = args is not None and not isinstance(args, tuple)
    arguments = cast("tuple[Any, ...]", (args,) if single else args or ())
    with _replaced(given, places):
        return module(*arguments, **(kwargs or {}))


_Places = dict[str, tuple[Module, str, str]]


def _places(module: Module) -> _Places:
    """By full name: the module that holds a tensor, in which of its dictionaries, and its name
    there.
    """
    found: _Places = {}
    for kind in ("_parameters", "_buffers"):
        tensors: dict[str, Any] = getattr(module, kind)
        found |= {name: (module, kind, name) for name, t in tensors.items() if t is not None}
    for name, part in module.named_children():
        found |= {f"{name}.{inner}": place for inner, place in _places(part).items()}
    return found


def _held(place: tuple[Module, str, str]) -> Any:
    part, kind, name = place
    return getattr(part, kind)[name]


def _check_names(given: Mapping[str, Any], places: _Places, strict: bool) -> None:
    if not strict:
        return
    unknown = [name for name in given if name not in places]
    missing = [name for name in places if name not in given]
    if unknown or missing:
        raise ArgumentError(
            explain(
                "functional_call: names that do not fit the module",
                where=user_line(),
                expected=", ".join(places),
                got=f"unknown: {', '.join(unknown) or 'none'}; "
                f"missing: {', '.join(missing) or 'none'}",
            )
        )


def _tied(given: dict[str, Tensor], places: _Places) -> dict[str, Tensor]:
    """The same tensor under all names of what it replaces."""
    names: dict[int, list[str]] = {}
    for name, place in places.items():
        names.setdefault(id(_held(place)), []).append(name)
    all_ = dict(given)
    for group in names.values():
        chosen = {id(given[name]): given[name] for name in group if name in given}
        if len(chosen) > 1:
            raise ArgumentError(
                explain(
                    "functional_call: different tensors for one that has several names",
                    where=user_line(),
                    got=", ".join(group),
                    try_="tie_weights=False",
                )
            )
        for tensor in chosen.values():
            all_ |= dict.fromkeys(group, tensor)
    return all_


@contextmanager
def _replaced(given: Mapping[str, Tensor], places: _Places) -> Generator[None]:
    before = {name: _held(places[name]) for name in given}
    try:
        _put(given, places)
        yield
    finally:
        _put(before, places)


def _put(tensors: Mapping[str, Any], places: _Places) -> None:
    for full, tensor in tensors.items():
        part, kind, name = places[full]
        getattr(part, kind).put(name, tensor)
        if name in part.__dict__:
            part.__dict__[name] = tensor


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of equal modules, stacked by name: for `vmap` over an
    ensemble.

    Raises:
        ArgumentError: there is none, they are of different kinds, or not in the same mode.

    Example:
        >>> from zincir import nn
        >>> params, buffers = stack_module_state([nn.Linear(2, 3) for _ in range(4)])
        >>> params["weight"].shape
        (4, 3, 2)
    """
    modules: list[Module] = list(models)
    what = ""
    if not modules:
        what = "there is no model"
    elif any(type(m) is not type(modules[0]) for m in modules):
        what = "models are of different kinds"
    elif any(m.training != modules[0].training for m in modules):
        what = "some models train, and others do not"
    if what:
        raise ArgumentError(explain(f"stack_module_state: {what}", where=user_line()))
    parameters = [dict(m.named_parameters()) for m in modules]
    buffers = [dict(m.named_buffers()) for m in modules]
    return _stacked(parameters), _stacked(buffers)


def _stacked(states: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, first in states[0].items():
        whole = stack([state[name].detach() for state in states])
        found[name] = whole.requires_grad_(first.requires_grad)
    return found
