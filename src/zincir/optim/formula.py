"""Optimizers that are formulas: the one loop that they share."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, ClassVar, TypeAlias

from zincir import recording
from zincir.autograd import enable_grad
from zincir.graph.node import MODE, Node, here
from zincir.half import filled
from zincir.operations.arithmetic import cast
from zincir.optim.hyper import Hyper, HyperParameter, form, hyper_parameters
from zincir.optim.kept import Kept
from zincir.optim.optimizer import Optimizer
from zincir.optim.settings import Group, Params, Settings, declared
from zincir.optim.state import StateSpec, loaded_groups, loaded_state, number_in, stored_like
from zincir.step import Compiled, compile
from zincir.tensor import Tensor, from_array
from zincir.types import float64

Nodes: TypeAlias = dict[str, Node]
_VALUES: Any = dict[str, Any].values


class Formula(Optimizer):
    """An optimizer whose step is a formula, given by a subclass in four parts.

    They are: the settings, which annotations in its constructor's signature declare (see
    `zincir.optim.settings`); what a parameter's state begins with (`init`); what follows from
    settings and step count alone (`precompute`); and the update of one parameter (`update`).
    Everything else is here.
    """

    settings: ClassVar[Settings] = Settings({})
    """Those of the first constructor below this class that declares any."""

    def __init__(self, params: Params, given: Mapping[str, Any]) -> None:
        """Take `given`, the constructor's arguments by name: they are the defaults of groups."""
        self._compile()
        others = ("self", "params", "__class__")
        super().__init__(params, {k: v for k, v in given.items() if k not in others})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.settings.by_name:
            cls.settings = declared(cls.__init__)

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The state of a parameter before its first update, by name.

        "step" counts updates. What begins with "_" is not saved: it is 0 in what is loaded.
        """
        return {}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """What the updates of a group have in common, by name, for `hyper` to hold as well.

        Shared states are in `hyper`; what is returned under the name of one is its new value.

        Args:
            t: the number of this update, from 1 on, in float64; of optimizers whose state has a
                "step". Without one this is not called.
        """
        return {}

    @abstractmethod
    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """The new parameter, and the new values of what changes in its state.

        Args:
            p: the parameter.
            g: its gradient, in its type, turned round for `maximize`.
            state: what `init` named, but for changes and for what is shared.
            hyper: the settings of its group, and what `precompute` added.
        """

    def beside(self, p: Tensor) -> Nodes:
        """What the update of a parameter reads besides, by name; it finds it with the state."""
        return {}

    def check(self, owner: str, group: Group) -> None:
        """Raise if a setting is out of range; a subclass adds what does not go together.

        Raises:
            ArgumentError: `owner` names what was called.
        """
        self.settings.check(owner, group)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own: `{"params": [...], "lr": 0.1}`."""
        super().add_param_group(param_group)
        try:
            self.check(type(self).__name__, self.param_groups[-1])
        except Exception:
            self.param_groups.pop()
            raise

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss again, and is called first; what it returned is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        mode = MODE
        before = mode.grad, mode.origin
        mode.grad, mode.origin = False, mode.origin or here()
        try:
            self._compiled()
        finally:
            mode.grad, mode.origin = before
        return loss

    def _compile(self) -> None:
        self._compiled: Compiled[[], None] = compile(self._step)
        self._decided = Kept(self._held, self._deciding)

    def _step(self) -> None:
        states = {p: dict(state) for p, state in self.state.items()}
        recording.note_done(partial(recording.refill, self.state, states))
        for number in range(len(self.param_groups)):
            self._step_group(number)
        recording.note_condition(self, self._form, instead=True)

    def _form(self) -> Any:
        """What decides which operations a step has, apart from gradients. A replay asks for it."""
        self._note_step()
        return self._decided()

    def _held(self) -> Iterator[Any]:
        """All that groups and states hold."""
        groups = self.param_groups
        settings = map(self.settings.of, groups)
        params = [group["params"] for group in groups]
        states = map(_VALUES, self.state.values())
        return chain.from_iterable(chain(settings, params, states))

    def _deciding(self) -> Any:
        groups = [
            (form(group, self.settings), list(map(id, group["params"])))
            for group in self.param_groups
        ]
        states = [state.values() for state in self.state.values()]
        return groups, list(map(id, chain.from_iterable(states)))

    def _step_group(self, number: int) -> None:
        group = self.param_groups[number]
        hyper = hyper_parameters(lambda: self.param_groups[number], self.settings)
        times = Counter(p for p in group["params"] if p.grad is not None)
        begun: set[Tensor] = set()
        for active in _rounds(times):
            specs = self._begin(active, group, begun)
            for params in self._in_step(active, specs, times):
                known = self._counted(hyper, self.state[params[0]], specs[params[0]])
                for p in params:
                    self._update_one(p, known, specs[p], group)

    def _counted(
        self, hyper: Hyper, state: dict[str, Tensor], specs: Mapping[str, StateSpec]
    ) -> Hyper:
        """Count a step; what `precompute` makes of it, beside what was known."""
        if "step" not in specs:
            return hyper
        shared = {name: state[name] for name, spec in specs.items() if spec.shared}
        step = shared.pop("step")
        step._rebind(step._node + 1.0)
        before = {name: HyperParameter(cast(t._node, float64)) for name, t in shared.items()}
        known = Hyper(**{**vars(hyper), **before})
        more = self.precompute(known, cast(step._node, float64))
        for name, t in shared.items():
            if name in more:
                t._rebind(cast(more[name], t.dtype))
        return Hyper(**{**vars(known), **{k: HyperParameter(node) for k, node in more.items()}})

    def _update_one(
        self, p: Tensor, hyper: Hyper, specs: Mapping[str, StateSpec], group: Group
    ) -> None:
        node, state = p._node, self.state[p]
        assert p._grad is not None
        g = cast(p._grad._node, node.dtype)
        if group.get("maximize"):
            g = -g
        # A state keeps its type when the module is converted; the update reads it in the new one.
        nodes = {
            name: cast(t._node, specs[name].dtype if name in specs else node.dtype)
            for name, t in state.items()
            if name not in specs or not specs[name].shared
        }
        new, changed = self.update(node, g, {**nodes, **self.beside(p)}, hyper)
        for t, value in ((p, new), *((state[name], value) for name, value in changed.items())):
            t._rebind(cast(value, t.dtype))

    def _begin(
        self, params: list[Tensor], group: Group, begun: set[Tensor]
    ) -> dict[Tensor, dict[str, StateSpec]]:
        """What states are made of. What is not yet there is made: leaves, which programs can read.

        What is missing from a state that was loaded begins as zeros. New parameters have their
        shared states in common, and are added to those that have `begun` in this step.
        """
        found: dict[Tensor, dict[str, StateSpec]] = {}
        shared: dict[Any, Tensor] = {}
        for p in params:
            state = self.state.setdefault(p, {})
            specs = found[p] = self.init(p._node, group)
            again = p in begun
            new = again or not any(name in state for name in specs)
            together = new or id(state.get("step"))
            for name, spec in specs.items():
                value: Any = None if again and spec.lazy else state.get(name)
                if isinstance(value, Tensor):
                    continue
                if value is None:  # or a number, which somebody has put there
                    value = spec.value if new else 0.0
                start = stored_like(filled(spec.shape, value, spec.dtype), p)
                state[name] = shared.setdefault((name, together), start) if spec.shared else start
            if new:
                begun.add(p)
        return found

    def _in_step(
        self,
        active: list[Tensor],
        specs: Mapping[Tensor, Mapping[str, StateSpec]],
        times: Mapping[Tensor, int],
    ) -> list[list[Tensor]]:
        """Parameters that share a step count, and with it all that is shared.

        Parameters that were always updated together share one tensor, so that a step counts once;
        those that now go on without the others get a count of their own, and so do those that are
        updated more `times` in a step.
        """
        sharing: dict[tuple[int, int], list[Tensor]] = {}
        for p in active:
            sharing.setdefault((id(self.state[p].get("step")), times[p]), []).append(p)
        for params in sharing.values():
            state = self.state[params[0]]
            step = state.get("step")
            if step is not None and self._holders(step) > len(params):
                names = [name for name, spec in specs[params[0]].items() if spec.shared]
                own = {name: from_array(number_in(state[name])) for name in names}
                for p in params:
                    self.state[p].update(own)
        return list(sharing.values())

    def _holders(self, step: Tensor) -> int:
        return sum(state.get("step") is step for state in self.state.values())

    def _note_remembered(self) -> None:
        """Nothing: settings are read again at each replay, and `_form` tells the rest."""

    def _saved(self, held: Any) -> Any:
        return {k: v for k, v in held.items() if not k.startswith("_")}

    def _load(self, state_dict: Mapping[str, Any]) -> None:
        name = type(self).__name__
        groups = loaded_groups(name, self.param_groups, self.defaults, state_dict)
        for group in groups:
            self.check(f"{name}.load_state_dict", group)
        self._take_over(groups, loaded_state(name, groups, state_dict, self.init))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compile()  # recordings hold on to the state there was


def _rounds(times: Mapping[Tensor, int]) -> Iterator[list[Tensor]]:
    """Parameters, each once; then what a group holds more than once, which is updated again."""
    for number in range(max(times.values(), default=0)):
        yield [p for p, count in times.items() if count > number]
