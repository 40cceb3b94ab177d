"""Rehearsal: a training step that is run in private, without the update, and looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from zincir import anomaly
from zincir.anomaly import Birth
from zincir.autograd import enable_grad, grad
from zincir.creation import from_numpy
from zincir.doctor.anatomy import Anatomy, Names, Place, anatomy
from zincir.doctor.course import Activity
from zincir.doctor.forms import Doubled, Softmax, doubled, softmaxes
from zincir.doctor.guessing import aim_of
from zincir.doctor.own_gradients import FunctionCall, noting_functions
from zincir.doctor.probes import PlaceProbe
from zincir.doctor.undisturbed import undisturbed, unwatched
from zincir.errors import AnomalyError, ArgumentError, IndexOutOfRange, explain
from zincir.graph.node import Node, describe, user_line
from zincir.nn import Module
from zincir.nn.module.calls import called
from zincir.tensor import Tensor
from zincir.trees import flatten

Loss: TypeAlias = Callable[[Any, Any], Tensor]
Array: TypeAlias = np.ndarray[Any, Any]


@dataclass
class Call:
    """One call of a module."""

    where: str
    module: Module
    inputs: list[Tensor]
    outputs: list[Tensor]


@dataclass
class Part:
    """A parameter, and what the rehearsal found about it."""

    name: str
    tensor: Tensor
    reached: bool
    """Whether a gradient arrives."""
    gradient: Array | None

    @property
    def where(self) -> str:
        """The path of the layer that it belongs to."""
        return self.name.rpartition(".")[0]

    @cached_property
    def value(self) -> Array:
        """Its values."""
        return self.tensor.detach().clone().numpy()


@dataclass
class Run:
    """One pass over a batch, and its graph."""

    outputs: list[Tensor]
    loss: Tensor | None
    """None if it was not computed, or is no single number."""
    body: Anatomy
    softmaxes: list[Softmax]
    guess: float | None
    """The loss of an answer that does not look at the input, if it is known from the graph."""
    calls: list[Call] = field(default_factory=list[Call])
    functions: list[FunctionCall] = field(default_factory=list[FunctionCall])

    def arrays(self) -> list[Array]:
        """The values of the outputs."""
        return [t.detach().clone().numpy() for t in self.outputs]


class Rehearsal:
    """Evidence from before training: one private step on a batch.

    Rules read its fields, and ask for further private runs by `again`. After it, the model, its
    gradients, the optimizer and all generators are what they were.

    Args:
        validation: inputs and targets that are not trained on, if there are some.
        training: all inputs that are trained on, if they are known; else those of the batch.
        seconds: how long a trial training may take; 0: there is none.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Any,
        x: Any,
        y: Any,
        *,
        validation: Any = None,
        training: Any = None,
        seconds: float = 0.0,
    ) -> None:
        self.model, self.loss_function = model, loss
        self._validation, self._training, self.seconds = validation, training, seconds
        given: Any = optimizer if isinstance(optimizer, _SEVERAL) else [optimizer]
        self.optimizers: list[Any] = [o for o in given if o is not None]
        self.x, self.y = as_tensors(x), as_tensors(y)
        if self.samples == 0:
            raise _misuse("there are samples in the batch", "none")
        self.names = Names.of({"": model})
        self.problem: IndexOutOfRange | None = None
        """A label that pointed outside of its axis: the graph is that of other labels then, and
        there is no loss."""
        self.first = self.again()
        self.loss = float("nan")
        self.activities: dict[Place, Activity] = {}
        """What layers and activations do, and what arrives at them, nearest to the input first."""
        self.parts = self._examined()
        self.order = self.first.body.ranks(self.names)

    # Private runs -------------------------------------------------------------------------------

    def again(
        self,
        x: Any = None,
        y: Any = None,
        *,
        training: bool = True,
        with_loss: bool = True,
        model: Module | None = None,
    ) -> Run:
        """Another run, on other data or of a copy if they are given. Nothing is computed yet."""
        model = self.model if model is None else model
        x, y = self.x if x is None else x, self.y if y is None else y
        calls: list[Call] = []
        functions: list[FunctionCall] = []
        with undisturbed(model, training), enable_grad():
            handles = [
                m.register_forward_hook(_noting(calls, name)) for name, m in model.named_modules()
            ]
            with noting_functions(functions):
                try:
                    given = called(model, x)
                finally:
                    for handle in handles:
                        handle.remove()
                loss = self._loss(given, y) if with_loss else None
        outputs = tensors_in(given)
        roots = [t._node for t in [*outputs, *([] if loss is None else [loss])]]
        body = anatomy(roots, self.names)
        aimed = None if loss is None else aim_of(loss._node, body)
        guess = None if aimed is None else aimed.aim.guess(None)
        return Run(outputs, loss, body, softmaxes(body.order, body.users), guess, calls, functions)

    def _loss(self, given: Any, y: Any) -> Tensor:
        value: Any = self._loss_of(given, y)
        if not isinstance(value, Tensor):
            raise _misuse("the loss gives a tensor", type(value).__name__)
        if value.numel() != 1:
            raise _misuse("the loss is one number", f"a tensor of shape {tuple(value.shape)}")
        return value

    def _loss_of(self, given: Any, y: Any) -> Any:
        try:
            return self.loss_function(given, y)
        except IndexOutOfRange as error:
            leaves, build = flatten(y)
            if all(isinstance(t, Tensor) and not t.is_floating_point() for t in leaves):
                self.problem = error
                return self.loss_function(given, build([t * 0 for t in leaves]))
            raise

    def _examined(self) -> list[Part]:
        """The parameters with their gradients; the loss on the way."""
        named = list(self.model.named_parameters())
        wanted = [p for _, p in named if p.requires_grad]
        loss = self.first.loss
        found: list[Any] = [None] * len(wanted)
        probes = {place: PlaceProbe(place) for place in self.first.body.places}
        for place, nodes in self.first.body.places.items():
            for node in nodes:
                probes[place].watch(node)
        if loss is not None and loss.numel() == 1 and loss.requires_grad and wanted:
            with unwatched():
                found = list(grad(loss, wanted, retain_graph=True, allow_unused=True))
        arrived = {id(p): g for p, g in zip(wanted, found, strict=True)}
        if self.problem is None:
            for place, probe in probes.items():
                activity = probe.activity()
                if activity is not None:
                    self.activities[place] = activity
        if loss is not None and loss.numel() == 1 and self.problem is None:
            self.loss = float(loss.detach().item())
        arrays = {k: None if g is None else g.numpy() for k, g in arrived.items()}
        return [Part(n, p, arrived.get(id(p)) is not None, arrays.get(id(p))) for n, p in named]

    @cached_property
    def slopes(self) -> Array | None:
        """How the loss rises with each output, if there is one tensor of them that it reads."""
        loss, outputs = self.first.loss, self.first.outputs
        if loss is None or loss.numel() != 1 or len(outputs) != 1 or not loss.requires_grad:
            return None
        if not outputs[0].requires_grad:
            return None
        with unwatched():
            (g,) = grad(loss, outputs, retain_graph=True, allow_unused=True)
        return None if g is None else g.numpy()

    def influence(self) -> tuple[int, Array] | None:
        """For the output of one sample: the largest derivative with respect to each other sample.

        In evaluation mode; None if there is no output for each sample, or inputs are no numbers
        that can be differentiated.
        """
        x = self.x
        if not isinstance(x, Tensor) or not x.is_floating_point() or self.samples < 2:
            return None
        count = min(self.samples, 8)
        given = x[:count].detach().clone().requires_grad_()
        run = self.again(given, training=False, with_loss=False)
        outputs = [t for t in run.outputs if t.ndim and t.shape[0] == count and t.requires_grad]
        if len(outputs) != len(run.outputs) or not outputs:
            return None
        sample = count // 2
        total = sum((t[sample].sum() for t in outputs[1:]), outputs[0][sample].sum())
        with unwatched():
            (g,) = grad(total, [given], allow_unused=True)
        if g is None:
            return None
        others = np.abs(np.delete(g.numpy(), sample, axis=0)).reshape(count - 1, -1)
        return (sample, others.max(1)) if others.size else None

    @cached_property
    def birth(self) -> Birth | None:
        """Where the first NaN or infinity comes from, if loss or gradients are not finite."""
        gradients = [p.gradient for p in self.parts if p.gradient is not None]
        if self.problem is not None or self.first.loss is None:
            return None
        if np.isfinite(self.loss) and all(np.isfinite(g).all() for g in gradients):
            return None
        wanted = [p.tensor for p in self.parts if p.reached]
        try:
            with unwatched(), anomaly.Watch():
                loss = self.again().loss
                assert loss is not None
                if wanted:
                    grad(loss, wanted, allow_unused=True)
                loss.detach().item()
        except AnomalyError as error:
            return error.birth
        return None

    # The data -----------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> list[Array]:
        """The inputs as arrays."""
        return [t.detach().clone().numpy() for t in tensors_in(self.x)]

    @cached_property
    def training(self) -> list[Array]:
        """All inputs that are trained on, as far as they are known."""
        given = self._training
        return self.inputs if given is None else arrays_in(given)

    @cached_property
    def validation(self) -> list[Array]:
        """The inputs that are not trained on; none if they are not known."""
        return [] if self._validation is None else arrays_in(self._validation[0])

    @property
    def samples(self) -> int:
        """How many samples there are in the batch."""
        arrays = [a for a in (*self.inputs, *self.targets) if a.ndim]
        return len(arrays[0]) if arrays else 1

    @cached_property
    def targets(self) -> list[Array]:
        """The targets as arrays."""
        return [t.detach().clone().numpy() for t in tensors_in(self.y)]

    @property
    def signals(self) -> tuple[list[Place], list[float], list[float]] | None:
        """The layers in order, the spread of what each gives, and the size of the gradients that
        arrive at it; None if not all of it is finite and above 0 at the end it comes from.
        """
        layers = [(p, a) for p, a in self.activities.items() if p.kind == "layer"]
        spreads = [a.spread for _, a in layers]
        arrived = [float(np.sqrt(np.mean(np.square(a.gradient)))) for _, a in layers]
        if not layers or not np.isfinite([*spreads, *arrived]).all():
            return None
        if min(spreads[0], arrived[-1]) <= 0:
            return None
        return [p for p, _ in layers], spreads, arrived

    @property
    def scale_free(self) -> bool:
        """Whether all optimizers make steps whose lengths do not depend on that of gradients."""
        return bool(self.optimizers) and all(is_scale_free(o) for o in self.optimizers)

    # The head -----------------------------------------------------------------------------------

    @cached_property
    def classes(self) -> int | None:
        """How many classes the loss tells apart, if it is a cross-entropy with whole labels."""
        found = [s for s in self.first.softmaxes if s.logarithm]
        whole = len(self.targets) == 1 and self.targets[0].dtype.kind in "iu"
        return found[-1].classes if found and whole else None

    @cached_property
    def head(self) -> str:
        """The path of the layer that the outputs come from."""
        ends = [self.first.body.after.get(t._node, "") for t in self.first.outputs]
        return ends[0] if ends else ""

    @property
    def doubled(self) -> list[Doubled]:
        """Softmaxes behind others; without a layer of their own they are the outputs'."""
        found = doubled(
            self.first.body.order, self.first.body.users, self.first.softmaxes, self.names.layer
        )
        return [replace(twice, where=twice.where or self.head) for twice in found]

    def origin(self, node: Node) -> str:
        """The user's line that a node comes from."""
        return describe((*node.origin[:2], ""))


def _misuse(expected: str, got: str) -> ArgumentError:
    return ArgumentError(explain("before training", where=user_line(), expected=expected, got=got))


def is_scale_free(optimizer: Any) -> bool:
    """Whether an optimizer divides gradients by their size, or takes their signs alone.

    >>> import zincir
    >>> p = [zincir.ones(2, requires_grad=True)]
    >>> is_scale_free(zincir.optim.Adam(p)), is_scale_free(zincir.optim.SGD(p, lr=0.1))
    (True, False)
    """
    return type(optimizer).__name__ not in ("SGD", "ASGD", "LBFGS")


_SEVERAL: Any = (list, tuple)  # names that check without narrowing
_ARRAY: Any = np.ndarray


def as_tensors(tree: Any) -> Any:
    """A tree whose arrays are tensors."""
    leaves, build = flatten(tree)
    return build([from_numpy(np.array(x)) if isinstance(x, _ARRAY) else x for x in leaves])


def tensors_in(tree: Any) -> list[Tensor]:
    """The tensors of a tree."""
    return [x for x in flatten(tree)[0] if isinstance(x, Tensor)]


def arrays_in(tree: Any) -> list[Array]:
    """The arrays of a tree, and its tensors as arrays."""
    return [
        x.detach().clone().numpy() if isinstance(x, Tensor) else x
        for x in flatten(tree)[0]
        if isinstance(x, _ARRAY | Tensor)
    ]


def as_tensors_of(tree: Any, change: Callable[[Array], Array], samples: int) -> Any:
    """A tree with each tensor changed; None if one has no sample in each place of axis 0."""
    leaves, build = flatten(tree)
    if samples < 2 or not all(isinstance(x, Tensor) and len(x.shape) for x in leaves):
        return None
    if not leaves or any(x.shape[0] != samples for x in leaves):
        return None
    return build([from_numpy(change(x.detach().clone().numpy())) for x in leaves])


def _noting(calls: list[Call], where: str) -> Callable[..., None]:
    def note(module: Module, args: Any, kwargs: Any, output: Any) -> None:
        given = [x for x in flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        made = [x for x in flatten(output)[0] if isinstance(x, Tensor)]
        calls.append(Call(where, module, given, made))

    def hook(module: Module, args: Any, output: Any) -> None:
        note(module, args, {}, output)

    return hook
