"""Order of kernels, and updates in place."""

import numpy as np

from random_graphs import data
from zincir.compiler import compile_graph
from zincir.compiler.options import Options
from zincir.compiler.snapshot import snapshot
from zincir.evaluate import numbers
from zincir.operations import movement as mv
from zincir.runtime.buffer import allocate


def test_a_buffer_written_by_two_kernels_keeps_their_order_when_its_source_is_overwritten():
    w = data(np.array([1.0, 2.0], np.float32))
    taken = snapshot([w * 2.0, mv.pad(w, (1,), (1,), 7.0)])
    made = compile_graph(taken.graph(), Options(2, {0: 0}, force_all_threads=True))
    assert made.plan.donated == {0: 0}
    out = [allocate((2,), w.dtype), allocate((4,), w.dtype)]
    cells = numbers(taken.numbers)
    pointers = [w.value.pointer]
    pointers += [cells.ctypes.data + 8 * i for i in range(len(taken.numbers))]
    made.program.run([*pointers, *[buffer.pointer for buffer in out]])
    assert w.value.array.tolist() == [2.0, 4.0]
    assert out[1].array.tolist() == [7.0, 1.0, 2.0, 7.0]
