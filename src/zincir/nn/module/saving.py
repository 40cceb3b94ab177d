"""The state of a module: what is saved, how it is loaded, and the hooks users hang on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from zincir.autograd import no_grad
from zincir.errors import StateError, explain
from zincir.graph.node import describe, here
from zincir.hook_handle import Hooks, RemovableHandle
from zincir.nn.module.hooks import Hooked
from zincir.nn.module.parameter import Parameter
from zincir.nn.module.state import check_fit, fit
from zincir.nn.module.tree import joined, named_with_repeats
from zincir.tensor import Tensor

Hook = Callable[..., Any]
EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` left out: names the state did not have, names the module has not."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        missing, unexpected = self.missing_keys, self.unexpected_keys
        return f"_IncompatibleKeys(missing_keys={missing}, unexpected_keys={unexpected})"

    __str__ = __repr__


class Saved(Hooked):
    """Something that holds parameters, buffers and others of its kind, and has a state."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _temporary: set[str]
    """The buffers that are not part of the state."""
    _state_hooks: dict[str, Hooks]
    """Hooks around saving and loading: "before saving", "saved", "before loading", "loaded"."""

    def state_dict(
        self,
        *args: Any,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by their dotted names, as PyTorch names them.

        The tensors are those of the module without their gradients, not copies.

        Args:
            destination: a dictionary to put them into.
            prefix: stands before all names.
            keep_vars: give the parameters themselves.
        """
        if args:  # the older way to say it
            given: dict[str, Any] = {"prefix": prefix, "keep_vars": keep_vars}
            given |= dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            return self.state_dict(**given)
        state: dict[str, Any] = {} if destination is None else destination
        for hook in self._hooks("before saving"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(state, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._hooks("saved"):
            changed = hook(self, state, prefix, {})
            state = state if changed is None else changed
        return state

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Put what this module holds itself into `destination`."""
        for name, value in self._own_state():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not Saved.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            if value is not None and name not in self._temporary:
                yield name, value

    def get_extra_state(self) -> Any:
        """What a subclass saves beside its tensors; it is given to `set_extra_state`."""
        raise NotImplementedError(_undefined(self, "get_extra_state"))

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` gave."""
        raise NotImplementedError(_undefined(self, "set_extra_state"))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state (tensors or arrays, by name) into this module, whole or not at all.

        Args:
            strict: names that are missing or not known are errors too. Without it they are
                returned; shapes must agree in any case.
            assign: hold the tensors of the state themselves, and copy nothing.

        Raises:
            StateError: lists everything that does not fit; nothing has been changed.
        """
        holders = list(named_with_repeats(self, "", _modules_of))
        told = _Told([], [], [])
        state = _before_loading(holders, state_dict, strict, told)
        holders, state = _load_by_their_own(holders, state, {_ASSIGN: assign}, told)
        if told.errors:
            self._refuse_loading(told.errors)
        extras = {joined(path, EXTRA): m for path, m in holders if m._has_extra_state()}
        own = {
            joined(path, name): (module, name, value)
            for path, module in holders
            for name, value in module._own_state()
        }
        # Hooks may forgive what is missing, and extras are no tensors: both are judged at the end.
        late = bool(extras or any(told)) or any(module._hooks("loaded") for _, module in holders)
        tensors = {k: v for k, v in state.items() if k not in extras} if extras else state
        values = {name: value for name, (_, _, value) in own.items()}
        given = (type(self).__name__, values, tensors)
        fitting, missing, unexpected = check_fit(*given, strict and not late)
        with no_grad():
            for name, value in fitting.items():
                module, key, mine = own[name]
                module._take_over(key, mine, value) if assign else mine.copy_(value)
        for name in extras.keys() & state.keys():
            extras[name].set_extra_state(state[name])
        missing = [*told.missing, *missing, *(k for k in extras if k not in state)]
        result = IncompatibleKeys(missing, [*told.unexpected, *unexpected])
        for _, module in reversed(holders):
            for hook in module._hooks("loaded"):
                hook(module, result)
        if strict and late:
            self._refuse_names(*result)
        return result

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load what this module holds itself; a subclass may change `state_dict` before.

        What does not fit is added to the three lists, and `load_state_dict` raises for it.
        """
        fitting: dict[str, Tensor] = {}
        known = {prefix + name: mine for name, mine in self._own_state()}
        for key in known.keys() & state_dict.keys():
            problem = fit(known[key], key, state_dict[key], fitting)
            error_msgs += [problem] if problem else []
        with no_grad():
            for key, value in fitting.items():
                if local_metadata.get(_ASSIGN):
                    self._take_over(key[len(prefix) :], known[key], value)
                else:
                    known[key].copy_(value)
        wanted = [*known, *([prefix + EXTRA] if self._has_extra_state() else [])]
        if len(wanted) > len(known) and wanted[-1] in state_dict:
            self.set_extra_state(state_dict[wanted[-1]])
        if strict:
            missing_keys += [key for key in wanted if key not in state_dict]
            held = _keys_of(self, prefix, state_dict)
            unexpected_keys += [key for key in held if key not in wanted]

    def _refuse_loading(self, problems: list[str]) -> None:
        raise StateError(
            explain(
                f"{type(self).__name__}.load_state_dict: the state does not fit",
                got="\n".join(problems),
            )
        )

    def _has_extra_state(self) -> bool:
        return type(self).set_extra_state is not Saved.set_extra_state

    def _refuse_names(self, missing: list[str], unexpected: list[str]) -> None:
        if missing or unexpected:
            raise StateError(
                explain(
                    f"{type(self).__name__}.load_state_dict: names differ",
                    got=f"missing {missing}, unexpected {unexpected}",
                    try_="load_state_dict(state, strict=False)",
                )
            )

    def _take_over(self, name: str, mine: Tensor, value: Tensor) -> None:
        if isinstance(mine, Parameter) and not isinstance(value, Parameter):
            value = Parameter(value, requires_grad=mine.requires_grad)
        setattr(self, name, value)

    def _hooks(self, kind: str) -> list[Hook]:
        return list(self.__dict__.get("_state_hooks", {}).get(kind, {}).values())

    def _hang(self, kind: str, hook: Hook) -> RemovableHandle:
        return RemovableHandle(self._state_hooks.setdefault(kind, {}), hook)

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the state is taken."""
        return self._hang("before saving", hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)`, which may change the state."""
        return self._hang("saved", hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`, which may change a copy of the state before it is loaded.
        """
        return self._hang("before loading", hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Hook, with_module: bool = False
    ) -> RemovableHandle:
        return self._hang("before loading", hook if with_module else _without_module(hook))

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` when a state has been loaded.

        Names that it takes out of the two lists are forgiven.
        """
        return self._hang("loaded", hook)


_ASSIGN = "assign_to_params_buffers"


class _Told(NamedTuple):
    """What hooks and modules that load themselves found wrong."""

    missing: list[str]
    unexpected: list[str]
    errors: list[str]


def _before_loading(
    holders: list[tuple[str, Saved]], state: Mapping[str, Any], strict: bool, told: _Told
) -> Mapping[str, Any]:
    """The state, or a copy of it that hooks may have changed."""
    hooks = [(path, m, hook) for path, m in holders for hook in m._hooks("before loading")]
    state = dict(state) if hooks else state
    for path, module, hook in hooks:
        hook(module, state, f"{path}." if path else "", {}, strict, *told)
    return state


def _load_by_their_own(
    holders: list[tuple[str, Saved]],
    state: Mapping[str, Any],
    metadata: dict[str, Any],
    told: _Told,
) -> tuple[list[tuple[str, Saved]], Mapping[str, Any]]:
    """Let modules load themselves whose class says how: the other modules, and what is left."""
    default = Saved._load_from_state_dict
    themselves = [(path, m) for path, m in holders if type(m)._load_from_state_dict is not default]
    if not themselves or not isinstance(state, Mapping):
        return holders, state
    left = dict(state)
    for path, module in themselves:
        prefix = f"{path}." if path else ""
        module._load_from_state_dict(left, prefix, metadata, True, *told)
        for key in _keys_of(module, prefix, left):
            del left[key]
    return [holder for holder in holders if holder not in themselves], left


def _keys_of(module: Saved, prefix: str, state: Mapping[str, Any]) -> list[str]:
    """Keys that are the module's, and none of its children's."""
    mine = [key for key in state if key.startswith(prefix)]
    return [key for key in mine if key[len(prefix) :].split(".", 1)[0] not in module._modules]


def _modules_of(module: Saved) -> dict[str, Saved | None]:
    return cast("dict[str, Saved | None]", module._modules)


def _without_module(hook: Hook) -> Hook:
    def without(module: Saved, *args: Any) -> Any:
        return hook(*args)

    return without


def _undefined(module: object, name: str) -> str:
    return explain(
        f"{type(module).__name__} has no {name}",
        where=describe(here()),
        try_="define get_extra_state and set_extra_state, both or neither",
    )
