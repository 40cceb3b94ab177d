"""One recording of a function: on stand-ins for its arguments.

It says why it cannot be replayed, if so; and it can be handed to the arguments, and stand as what
the call has done.
"""

from __future__ import annotations

import functools
import gc
import weakref
from dataclasses import dataclass, field
from typing import Any

from zincir.arguments import (
    ARRAY,
    Arguments,
    Numbers,
    Rebuilt,
    built,
    held_elsewhere,
    results_of,
)
from zincir.bindings import ALONE, holders
from zincir.errors import TraceError
from zincir.graph.node import Node, Origin, here
from zincir.graph.walk import toposort
from zincir.inplace import is_leaf, rebind, write_through
from zincir.operations.live_number import LiveNumber, settled
from zincir.operations.source import alias, custom_p, detach
from zincir.pending import alive_pending, settle
from zincir.recorder import Recorder, take_back
from zincir.recording import CURRENT, Recording, live, refill
from zincir.replay import Replay, shares
from zincir.runtime.buffer import Buffer
from zincir.stand_in import give_back, stand_in_for
from zincir.storage import as_it_was, path, whole_of
from zincir.tensor import Tensor
from zincir.watched import same, settings_of, tensors_of

DIFFERENTIABLE = "its result can still be differentiated"
LEFT = "it keeps a tensor that it computes"
ALIASED = "an argument shares memory with something that it changes"
RETURNED = "it keeps a tensor that it returns"
MADE = "it keeps a tensor that it makes and changes"
REPLACED = "it reads a tensor that it puts another one in the place of"
KEPT = "it keeps an argument"
ITERATED = "an argument is an iterator"
NEXT = "it reads an iterator"
COUNTED = "it changes what is no tensor: "
DRAWN = "it draws random numbers of Python or NumPy"
FILLED = "it changes a list, a dictionary or an object among its arguments"
SET = "it changes a setting of an optimizer"


@dataclass
class Known:
    """What is known of one kind of arguments."""

    replays: list[Replay] = field(default_factory=list[Replay])
    plain: bool = False
    """Whether the function is run as it is written."""
    differed: int = 0
    """How often a second recording was not as the first."""
    tries: int = 0
    """How often it was recorded and could not be replayed."""
    left: list[weakref.ref[Tensor]] | None = None
    """Tensors that the last recording left elsewhere, if it could not be replayed for that."""


class Take:
    """One recording of a function, on stand-ins for its arguments."""

    def __init__(
        self, function: Any, given: Arguments, numbers: Numbers[Known], args: Any, kwargs: Any
    ) -> None:
        self.inputs = given.inputs
        self.stand_ins = [stand_in_for(x) for x in given.inputs]
        self.wholes = [whole_of(x) for x in given.inputs if isinstance(x, Tensor)]
        """What arguments are views of, before the function may give that other memory."""
        self.recording = recording = Recording()
        self.box = list(given.numbers)
        self.family: list[LiveNumber] = []
        new = [self._number(i, n, numbers) for i, n in enumerate(given.numbers)]
        for t in self.stand_ins:
            recording.given[id(t)] = t._held
        self.rebuilt = Rebuilt((args, kwargs), iter(self.stand_ins), iter(new))
        self.result: Any = None
        self.outputs: list[Tensor] = []
        self.aliased = False
        """Whether what was done to a tensor had to reach what is the same tensor."""
        self.settings = [(g, dict(g)) for g in settings_of(function, (args, kwargs))]
        for group, before in self.settings:
            recording.back.append(functools.partial(refill, group, before))
        CURRENT.recording = recording
        try:
            self.result = function(*self.rebuilt.args[0], **self.rebuilt.args[1])
        except KeyboardInterrupt:  # anywhere, in the middle of anything
            CURRENT.recording = None
            take_back(recording)
            raise
        except BaseException as error:
            CURRENT.recording = None
            settled(self.family)
            if isinstance(error, TraceError):
                take_back(recording)
            elif self._reached(function, changed=True):
                self.aliased = True
                return
            else:
                self.stand()
            raise
        CURRENT.recording = None
        self.aliased = self._reached(function)
        result, self.result = [self.result], None
        originals = {id(x): x for x in held_elsewhere(result)} | self.rebuilt.originals
        self.result = result.pop()
        self.form = results_of(self.result, self.outputs, originals)
        self.given_back = any(_holds(self.form, x) for x in originals.values())
        settled(self.family)
        self.result = None
        self.left: list[Tensor] = []

    def _reached(self, function: Any, *, changed: bool = False) -> bool:
        """Whether more than a value was set of a tensor that is an argument and that the function
        reaches otherwise too: what it is called there had to be set besides.

        Args:
            changed: whether values count too, as they do where the function has failed.
        """
        recording = self.recording
        owners = [t for t, *_ in recording.flags.values()]
        owners += [t for t, *_ in recording.reassigned.values()]
        owners += [t for t, *_ in recording.grads.values()]
        if changed:
            owners += [c.tensor for c in recording.changed.values()]
        set_ = {id(t): t for t in owners}
        mine = [
            x
            for t, x in zip(self.stand_ins, self.inputs, strict=True)
            if set_.pop(id(t), None) is not None
        ]
        given = [x for x in self.inputs if isinstance(x, Tensor)]
        if any(shares(x, t) for x in given for t in set_.values()):
            return True
        others = [*given, *tensors_of(function)] if mine else []
        return any(sum(shares(x, t) for t in others) > 1 for x in mine)

    def _number(self, i: int, number: Any, numbers: Numbers[Known]) -> Any:
        if i not in numbers.live:
            return number
        box, kind = self.box, float if isinstance(number, float) else int
        return LiveNumber(
            kind,
            lambda: box[i],
            lambda: numbers.look(i),
            lambda now, d: live(now, (), d),
            self.family,
        )

    def why_not(self, known: Known, again: bool) -> tuple[str, Origin] | None:
        """Why this cannot be replayed, and the line."""
        recording, where = self.recording, here()
        if self.aliased:
            return ALIASED, where
        survived = self._forget_temporaries()
        if self._aliased():
            return ALIASED, where
        recording.back.clear()
        recording.refuse_what_was_set()
        if recording.refused is not None:
            return recording.refused
        if self.rebuilt.changed():
            return FILLED, where
        if self.given_back:
            return "it returns a container that it was given or keeps", where
        if any(getter() != then for getter, then in recording.settings):
            return SET, where
        if not all(same(group, before) for group, before in self.settings):
            return SET, where
        made = (recording.changed[id(t)].node for t in survived)
        if survived and (again or any(node.value is None for node in made)):
            return MADE, survived[0]._held.origin
        return self._why_not_shown() or self._why_not_set() or self._why_not_kept(known)

    def _why_not_shown(self) -> tuple[str, Origin] | None:
        """Whether a result, or a gradient, is one that a replay would not make."""
        for t in self.outputs:
            if self.recording.was_there(t):
                continue
            if t._hooks or t._after or t._grad is not None:
                return "it returns a tensor with a gradient or hooks of its own", t._held.origin
            if t.requires_grad and t._root is None and self._shares_older(t):
                return "it returns a tensor with gradients over older memory", t._held.origin
            older = not t._loose or self._is_older(t)
            if not (t._step_grad or t._loose) or (t.requires_grad and not older):
                return "it returns a view that has no part in gradients", t._held.origin
        for t, before, _ in self.recording.grads.values():
            if t._grad is not None and t._grad is not before and self._is_older(t._grad):
                return "it makes a gradient of a tensor that was there before", t._held.origin
        return None

    def _why_not_set(self) -> tuple[str, Origin] | None:
        """Whether it sets what a replay would not set, or makes what is to be differentiated."""
        recording = self.recording
        grads = [t._grad for t, _, _ in recording.grads.values() if t._grad is not None]
        for t in self.outputs:
            if _stays_differentiable(t):
                return DIFFERENTIABLE, t._held.origin
        for t in grads:  # of create_graph: they say so even if their graph was given up
            if t._node.needs_grad and t._node.inputs:
                return DIFFERENTIABLE, t._held.origin
        for c in recording.changed.values():
            if c.tensor.requires_grad and not (c.node.needs_grad and is_leaf(c.tensor)):
                return DIFFERENTIABLE, c.tensor._held.origin
        given = {id(t) for t in self.stand_ins if t._storage not in recording.written}
        flags = [(t, node) for t, node in recording.flags.values() if id(t) not in given]
        if any(t.requires_grad != node.needs_grad for t, node in flags):
            return "it sets requires_grad", here()
        return None

    def _shares_older(self, t: Tensor) -> bool:
        """Whether a tensor has the memory of an argument or of a tensor that was there before."""
        storage = t._storage
        if storage is None:
            return False
        return any(s is not t and self._is_older(s) for s in storage.alive())

    def _is_older(self, t: Tensor) -> bool:
        """Whether a tensor, or what it is a view of, is an argument or was there before."""
        whole = whole_of(t)
        return any(whole is s for s in self.stand_ins) or self.recording.was_there(whole)

    def _why_not_kept(self, known: Known) -> tuple[str, Origin] | None:
        self.left = self._leaves_behind()
        for t in self.left:
            if t.requires_grad and not is_leaf(t):
                return DIFFERENTIABLE, t._held.origin
        given_up = self._given_up()
        if given_up is not None:
            return REPLACED, given_up.origin
        if self._shares_results():
            return "it returns tensors that share memory", here()
        kept = self._kept_result()
        if kept is not None:
            return RETURNED, kept._held.origin
        return self._left(known) if self.left else None

    def _shares_results(self) -> bool:
        """Whether two results share memory, and the first is not what the other is a view of."""
        before: set[int] = set()
        seen: set[int] = set()
        there = {id(t._storage) for t in self.stand_ins}
        for t in self.outputs:
            storage, whole = t._storage, whole_of(t)
            if storage is None or id(storage) in there or self.recording.was_there(whole):
                continue
            if id(storage) in seen and id(whole) not in before:
                return True
            seen.add(id(storage))
            before.add(id(t))
        return False

    def _given_up(self) -> Node | None:
        """The value of a tensor that was there before, and that the function has let go of.

        The next call finds another one in its place.
        """
        began = self.recording.began
        roots = [t._node for t in (*self._computed(), *self.left)]
        for node in toposort(roots, lambda n: n.serial >= began):
            for x in node.inputs:
                older = x.serial < began and not x.needs_grad
                if older and x.owner is not None and x.owner() is None:
                    return x
        return None

    def _left(self, known: Known) -> tuple[str, Origin] | None:
        """Tensors that are kept are renewed by replays, if each call puts new ones there."""
        before, known.left = known.left, [weakref.ref(t) for t in self.left]
        if before is not None and len(before) == len(self.left):
            gc.collect()
            if all(reference() is None for reference in before):
                return None
        if any(r.left for r in known.replays):
            return None
        return LEFT, self.left[0]._held.origin

    def _forget_temporaries(self) -> list[Tensor]:
        """Let go of tensors that the function made itself and then changed.

        Returns:
            those that somebody keeps.
        """
        recording = self.recording
        returned = {id(t) for t in self.outputs} | {id(whole_of(t)) for t in self.outputs}
        returned |= {id(t._grad) for t, _, _ in recording.grads.values()}
        # First all of them: they hold each other, as a leaf does its gradient.
        changed = {k: change for k, change in recording.changed.items() if not change.there}
        references = {k: weakref.ref(change.tensor) for k, change in changed.items()}
        for change in changed.values():
            change.tensor = None
        noted = recording.grads, recording.grads_read
        made = [(notes, self._taken_out(notes)) for notes in noted]
        for notes, rest in made:
            for k, (reference, *more) in rest.items():
                t = reference()
                if t is not None:
                    notes[k] = (t, *more)
        survived: list[Tensor] = []
        for k, change in changed.items():
            # What had no value yet is no state: if somebody keeps it, it is left behind.
            tensor = None if k in returned or change.node.value is None else references[k]()
            if tensor is None:
                del recording.changed[k]
            else:
                change.tensor = tensor
                survived.append(tensor)
        return survived

    def _taken_out(self, notes: dict[int, Any]) -> dict[int, Any]:
        """What was noted of gradients of tensors that the recording has made, taken out."""
        made = self.recording.made
        own = [k for k, (t, *_) in notes.items() if "_held" in t.__dict__ and made(t)]
        entries = {k: notes.pop(k) for k in own}
        return {k: (weakref.ref(t), *more) for k, (t, *more) in entries.items()}

    def _aliased(self) -> bool:
        """Whether something that is written to shares memory with an argument, or a result."""
        recording, inputs = self.recording, self.inputs
        if recording.late or any(reference() is not None for _, reference in recording.assigned):
            return True
        whole = {id(c.tensor) for c in recording.changed.values()} | set(recording.reassigned)
        shared = {c.tensor._storage for c in recording.changed.values()}
        shared |= {fields.get("_storage") for _, fields in recording.reassigned.values()}
        tensors = [x for x in inputs if isinstance(x, Tensor)]
        if any(id(base) in whole for base in self.wholes):
            return True
        if any(x._storage is not None and x._storage in shared for x in tensors):
            return True
        mine = {id(t) for t in self.stand_ins}
        changed = [c.tensor for k, c in recording.changed.items() if k not in mine]
        if any(shares(x, t) for x in inputs for t in changed):  # by an array of NumPy's
            return True
        for i, t in enumerate(self.stand_ins):
            if id(t) not in whole and t._storage not in recording.written:
                continue
            if any(shares(inputs[i], y) for j, y in enumerate(inputs) if j != i):
                return True
            if isinstance(inputs[i], Tensor) and self._captures(inputs[i]):
                return True
        return False

    def _captures(self, x: Tensor) -> bool:
        """Whether the function looks at `x` besides getting it as an argument."""
        graph = toposort([t._node for t in self._computed()])
        owners = (n.owner() for n in graph if n.owner is not None and n.value is not None)
        return any((t is not None and t is not x and shares(t, x)) or t is x for t in owners)

    def _computed(self) -> list[Tensor]:
        changed = [c.tensor for c in self.recording.changed.values()]
        changed += [t for t, _ in self.recording.reassigned.values()]
        grads = [t._grad for t, _, _ in self.recording.grads.values() if t._grad is not None]
        return [*self.outputs, *changed, *grads]

    def _leaves_behind(self) -> list[Tensor]:
        """Tensors that the recording made and that live on outside of what a replay renews."""
        recording = self.recording
        expected = {id(t) for t in self.outputs} | set(recording.changed)
        expected |= {id(whole_of(t)) for t in self.outputs}
        expected |= {id(t) for t in self.stand_ins}
        for t, _, _ in recording.grads.values():
            if t._grad is not None:
                expected.add(id(t._grad))
        for node in toposort([t._node for t in self._computed()]):
            if node.op is custom_p and hasattr(node.attrs[0], "kept"):
                expected |= {id(t) for t in node.attrs[0].kept()}

        def others() -> list[Tensor]:
            alive = [t for t in alive_pending() if t._held.value is None]
            return [t for t in alive if id(t) not in expected]

        # What only the recording holds is nobody's.
        held, recording.keep = [weakref.ref(t) for t in recording.keep], []
        found = others()
        if found:
            found.clear()
            gc.collect()
            found = others()
        recording.keep = [t for t in (reference() for reference in held) if t is not None]
        return found

    def _kept_result(self) -> Tensor | None:
        """A result that the function keeps too."""
        inside: list[Any] = []
        for t in self.outputs:
            inside += [t._base, t._root, t._grad]
        known_to_replays = {id(t._grad) for t, _, _ in self.recording.grads.values()}
        new = (t for t in self.outputs if not self.recording.was_there(t))
        references = [weakref.ref(t) for t in new if id(t) not in known_to_replays]
        t = None  # which would count as a holder
        for reference in references:
            known = sum(x is reference() for x in inside)
            if holders(reference) - 2 * known > ALONE:
                return reference()
        return None

    def replay(self, modules: list[Any], terms: Any, first: Replay | None) -> Replay:
        """The replay of this recording, or the first if it is the same."""
        recorder = Recorder(self.recording, self.stand_ins, modules, terms)
        self.result = None
        made = recorder.replay(self.outputs, self.form, self.left, first)
        if made is not first:
            made.box = self.box
        return made

    def stand(self) -> Any:
        """Leave what was recorded as what the call has done, to the arguments themselves.

        Returns:
            what the function returned.
        """
        recording = self.recording
        self._keep_what_was_read()
        for storage in recording.written:
            write_through(storage)
        arguments = dict(zip(map(id, self.stand_ins), self.inputs, strict=True))
        memory = self._memory(arguments)
        for t in self.stand_ins:
            self._reach(arguments[id(t)], t, memory)
        for node in toposort([t._node for t in self._computed()], lambda n: n.needs_grad):
            owner = None if node.owner is None else arguments.get(id(node.owner()))
            if isinstance(owner, Tensor):
                node.owner = weakref.ref(owner)  # its gradients go there
        for t, _ in recording.reassigned.values():
            if id(t) not in arguments:
                _taken_over(t, t, memory)
        for t, _, _ in recording.grads.values():
            owner = arguments.get(id(t), t)
            owner._grad = arguments.get(id(owner._grad), owner._grad)
        results = [self._shown(t, arguments, memory) for t in self.outputs]
        self.rebuilt.hand_over(arguments)
        form, self.result, self.outputs = getattr(self, "form", (None, None)), None, []
        settle()
        references = [weakref.ref(t) for t in self.stand_ins]
        self.let_go()
        give_back(references, self.inputs)
        return built(form, results)

    def _keep_what_was_read(self) -> None:
        """Copy memory that was read in place, and that others may write to from now on."""
        for node in self.recording.windows.values():
            while node.value is None:
                node = node.inputs[0]
            node.value = Buffer(node.value.array.copy())
        for node in self.recording.given.values():
            node.value = Buffer(node.value.array.copy())

    def let_go(self) -> None:
        """Hold nothing of the recording any more."""
        self.stand_ins, self.outputs, self.left = [], [], []
        self.rebuilt.forget()
        self.recording = Recording()

    def _reach(self, x: Any, t: Tensor, memory: dict[int, Tensor]) -> None:
        """Do to an argument what was done to its stand-in."""
        recording = self.recording
        if id(t) in recording.reassigned and isinstance(x, Tensor):
            if not _taken_over(x, t, memory):
                x.data = t
            if t.requires_grad and not is_leaf(t):
                _change(x, t)
        elif id(t) in recording.changed or t._storage in recording.written:
            _change(x, t)
        if not isinstance(x, Tensor):
            return
        if id(t) in recording.flags or (id(t) in recording.reassigned and is_leaf(t)):
            x.requires_grad_(t.requires_grad)
            x._hooks, x._after = t._hooks, t._after
        if id(t) in recording.grads:
            x._grad = t._grad

    def _memory(self, arguments: dict[int, Any]) -> dict[int, Tensor]:
        """By id of the storage of a stand-in: a tensor with the memory of the argument."""
        reassigned, memory = self.recording.reassigned, dict[int, Tensor]()
        for t in self.stand_ins:
            x, fields = arguments[id(t)], reassigned.get(id(t), (t, t.__dict__))[1]
            if isinstance(x, Tensor) and fields.get("_storage") is not None:
                was, storage = reassigned.get(id(x)), fields["_storage"]
                memory[id(storage)] = found = x.detach() if was is None else as_it_was(*was)
                changed = storage in self.recording.written or id(t) in self.recording.changed
                if id(t) in reassigned and changed:
                    rebind(found, alias(storage.node or fields["_held"]))
        return memory

    def _shown(self, t: Tensor, arguments: dict[int, Any], memory: dict[int, Tensor]) -> Any:
        """A result: the argument itself, or a view of it, where it is that of a stand-in."""
        if id(t) in arguments:
            return arguments[id(t)]
        found = memory.get(id(t._storage))
        if found is None:
            return t
        whole = id(whole_of(t))
        if whole == id(t):  # another tensor over the same memory
            t.data = found
            return t
        same = whole in arguments and whole not in self.recording.reassigned
        found = arguments[whole] if same else found.detach()
        if t._base is None:
            return found
        found = found._view(*reversed(path(t)))
        return found.detach() if t._root is None else found


def _holds(form: Any, x: Any) -> bool:
    """Whether a form of a result has `x` in it."""
    kind, what = form[:2]
    if kind is None:
        return what is x
    if kind is Tensor or kind is LiveNumber or kind is ARRAY:
        return False
    forms = [*(what if kind == "items" else what.values())]
    forms += [form[2]] if kind == "attributes" else []
    return any(_holds(inner, x) for inner in forms)


def _change(x: Any, stand_in: Tensor) -> None:
    """Give an argument the value that its stand-in has got."""
    if isinstance(x, Tensor):
        # Of gradients that it has as a leaf the argument hears besides.
        node = stand_in._node
        rebind(x, alias(detach(node) if is_leaf(stand_in) else node))
    else:
        x[...] = stand_in._value("zincir.compile")


def _taken_over(t: Tensor, like: Tensor, memory: dict[int, Tensor]) -> bool:
    """Give `t` the memory of an argument where `like` has that of its stand-in."""
    found = memory.get(id(like._storage))
    if found is None:
        return False
    found = found.detach()
    t.data = found._view(*reversed(path(like))) if like._base is not None else found
    return True


def _stays_differentiable(t: Tensor) -> bool:
    """Whether somebody may still call backward on a result."""
    node = t._held if t._storage is None else t._node
    if node.needs_grad and node.inputs:
        graph = toposort([node], lambda n: n.needs_grad)
        return not any(n.freed for n in graph)
    return False
