"""Gives nodes their values. Everything that is looked at passes through here.

The program for a computation is found by its structure, so a training loop that nobody wrapped
compiles in its first round and runs native code from then on.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir import settings, unfamiliar
from zincir.compiler.options import Options
from zincir.compiler.program_cache import INSTEAD, CachedProgram, find_program
from zincir.compiler.snapshot import Snapshot, snapshot
from zincir.graph.node import Node, describe
from zincir.graph.primitive import Kind
from zincir.half import array_in
from zincir.operations.indexing import problem
from zincir.operations.movement import expand_p
from zincir.operations.source import leaf_p
from zincir.runtime import team
from zincir.runtime.buffer import Buffer, allocate, looking
from zincir.types import DType, Scalar, Shape

_programs: OrderedDict[tuple[Any, ...], CachedProgram] = OrderedDict()
_MOST_PROGRAMS = 512
_familiar = unfamiliar.Familiarity()

ENGINE = threading.RLock()
"""Held while nodes get their values and programs run: Python's threads take turns."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: ENGINE._at_fork_reinit())  # type: ignore[attr-defined]


def evaluate(nodes: Sequence[Node]) -> None:
    """Compute the values of all `nodes`, in one program.

    Afterwards `node.value` is a `Buffer`; a node that takes no part in gradients lets go of its
    inputs. Views and other names of known values look at the memory there is.

    Raises:
        IndexOutOfRange: an index or label pointed outside of its axis. No value is set then.
    """
    with ENGINE:
        wanted = [node for node in nodes if node.value is None and not _looks_at_known(node)]
        if not wanted:
            return
        orders = [_order(node) for node in wanted]
        taken = snapshot(wanted, orders)
        ready = _find(taken)
        results = None if ready is not None else _values(taken)
        buffers = [allocate(n.shape, n.dtype, o) for n, o in zip(wanted, orders, strict=True)]
        if results is not None:
            for buffer, value in zip(buffers, results, strict=True):
                buffer.array[...] = value
        else:
            run(ready or _compiled(taken), taken.leaves, numbers(taken.numbers), buffers)
        for node, buffer in zip(wanted, buffers, strict=True):
            node.value = buffer
        for node in wanted:
            release(node)


def _looks_at_known(node: Node) -> bool:
    """Give a view, or another name, of a known value a buffer that looks at the same memory."""
    path: list[Node] = []
    at = node
    while at.value is None:
        kind = at.op.kind
        if (kind is not Kind.VIEW and kind is not Kind.ALIAS) or at.op is expand_p:
            return False
        path.append(at)
        at = at.inputs[0]
    buffer: Buffer = at.value
    array = buffer.array
    for step in reversed(path):
        if step.op.kind is Kind.VIEW:
            array = step.op.numpy(array, *step.attrs)
    if array is buffer.array:
        buffer.shared = True
        node.value = buffer
    else:
        node.value = looking(buffer, array)
    release(node)
    return True


def _order(node: Node) -> Shape | None:
    """The order in which the tensor that holds a node wants its values stored."""
    owner: weakref.ref[Any] | None = node.owner
    tensor = owner() if owner is not None else None
    return None if tensor is None else tensor._order_for(node.ndim)


def _find(taken: Snapshot) -> CachedProgram | None:
    """The program of a computation; None if it is not worth one."""
    if INSTEAD.make is not None:
        return INSTEAD.make(taken, Options(team.get_num_threads()))
    now, nodes = settings.current(), len(taken.key[0])
    key = (taken.key, team.get_num_threads(), now.code)
    found = _programs.get(key)
    if found is None:
        if now.verify or _familiar.earns_program(taken.key):
            return _compiled(taken)
        return None
    _programs.move_to_end(key)
    _familiar.found(nodes)
    return found


def _compiled(taken: Snapshot) -> CachedProgram:
    key = (taken.key, team.get_num_threads(), settings.current().code)
    found = _programs[key] = find_program(taken, Options(key[1]))
    if len(_programs) > _MOST_PROGRAMS:
        _programs.popitem(last=False)
    return found


def _values(taken: Snapshot) -> list[Any] | None:
    """The values of a computation without a program; None if there is an error in it.

    What is wrong (an index out of range, say) is then found by the program, which knows the line.
    """
    try:
        return unfamiliar.values(taken, _by_program)
    except Exception:
        return None


def _by_program(node: Node, inputs: Sequence[Any]) -> Any:
    leaves: list[Node] = []
    for x, array in zip(node.inputs, inputs, strict=True):
        leaf = Node(leaf_p, (), (x.shape, x.dtype), (x.shape, x.dtype), False, x.origin)
        leaf.value = Buffer(array)
        leaves.append(leaf)
    alone = Node(node.op, tuple(leaves), node.attrs, (node.shape, node.dtype), False, node.origin)
    evaluate([alone])
    return alone.value.array


def numbers(values: Sequence[tuple[Scalar, DType]]) -> np.ndarray[Any, Any]:
    """Numbers as memory, eight bytes each."""
    cells = np.zeros(max(1, len(values)), np.int64)
    for i, (value, dtype) in enumerate(values):
        cells[i : i + 1].view(dtype.memory)[0] = array_in(value, dtype) if dtype.half else value
    return cells


def run(
    ready: CachedProgram,
    leaves: Sequence[Node],
    cells: np.ndarray[Any, Any],
    outputs: Sequence[Buffer],
) -> None:
    """Run a program on the values of `leaves` and on numbers in `cells`."""
    first = cells.ctypes.data
    count = ready.program.spaces - 1 - len(leaves) - len(outputs)
    pointers = [node.value.pointer for node in leaves]
    pointers += range(first, first + 8 * count, 8)
    pointers += [buffer.pointer for buffer in outputs]
    problem = ready.program.run(pointers)
    if problem is not None:
        raise_out_of_range(ready, *problem)


def raise_out_of_range(ready: CachedProgram, number: int, value: int, position: int) -> None:
    """Raise for an index that a kernel found out of range."""
    rows, what, origin = ready.checks[number]
    raise problem(what, rows, position, value, describe(origin))


def release(node: Node) -> None:
    """Let go of the graph behind a known value that no backward pass will want."""
    if node.needs_grad and not node.freed:
        for x in node.inputs:
            if x.needs_grad:
                return
    node.inputs = ()
