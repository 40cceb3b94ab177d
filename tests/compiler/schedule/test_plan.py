"""Order of steps, and updates in place."""

import numpy as np

from random_graphs import data
from zincir.compiler import compile_graph
from zincir.compiler.snapshot import snapshot
from zincir.evaluate import numbers
from zincir.ops import movement as mv
from zincir.runtime.buffer import allocate


def test_a_buffer_written_in_two_steps_keeps_their_order_when_its_source_is_overwritten():
    w = data(np.array([1.0, 2.0], np.float32))
    taken = snapshot([w * 2.0, mv.pad(w, (1,), (1,), 7.0)])
    compilation = compile_graph(taken.graph(), 2, {0: 0}, spread=True)
    assert compilation.plan is not None
    assert compilation.plan.donated == {0: 0}
    out = [allocate((2,), w.dtype), allocate((4,), w.dtype)]
    cells = numbers(taken.numbers)
    pointers = [w.value.pointer]
    pointers += [cells.ctypes.data + 8 * i for i in range(len(taken.numbers))]
    assert compilation.program is not None
    compilation.program.run([*pointers, *[buffer.pointer for buffer in out]])
    assert w.value.array.tolist() == [2.0, 4.0]
    assert out[1].array.tolist() == [7.0, 1.0, 2.0, 7.0]
