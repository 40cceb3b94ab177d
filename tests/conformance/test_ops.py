"""Every primitive obeys its own declaration.

Value: compiled code against the NumPy twin in float64. Gradient: the rule against differences along
a random direction, to second order. Both at points of the primitive's `domain`.
"""

import inspect

import numpy as np
import pytest

import zincir
from zincir.autograd import gradcheck, gradgradcheck
from zincir.evaluate import evaluate
from zincir.graph.node import apply
from zincir.graph.primitive import REGISTRY, Kind
from zincir.graph.verify import verify
from zincir.interpret import interpret
from zincir.operations.source import leaf
from zincir.runtime.buffer import Buffer
from zincir.tensor import wrap
from zincir.types import ALL_DTYPES, bool_, float32, float64, int64

DTYPES = {d.name: d for d in ALL_DTYPES}

# Primitives that are no function of tensors alone, and where they are tested instead.
ELSEWHERE = {
    "leaf": "has no inputs",
    "custom": "tests/autograd/test_function.py",
    "call": "tests/autograd/test_function.py and scatter_reduce against PyTorch",
    "given_up": "only raises: tests/test_step.py",
    "detach": "no gradient by design: tests/autograd/test_backward.py",
    "with_gradient_of": "its gradient is not that of its value: tests/test_tensor_inplace.py",
    "unconnected": "nobody collects its gradient: tests/test_storage.py",
    "attached": "its gradient is not that of its value: tests/test_storage.py",
    "output": "of operations with several: tests/test_compound.py",
    "attention": "tests/loop/test_attention.py",
    "scan": "tests/loop/test_scan.py",
    "rounds": "what programs make of a scan: tests/loop/test_rounds.py",
    "packed": "the results of those that run a twin: tests/operations/test_matrices.py",
    "lu": "several outputs: tests/operations/test_matrices.py",
    "qr": "several outputs: tests/operations/test_matrices.py",
    "svd": "several outputs: tests/operations/test_matrices.py",
    "eigh": "several outputs: tests/operations/test_matrices.py",
    "eig": "several outputs: tests/operations/test_matrices.py",
    "ldl_factor": "several outputs: tests/operations/test_matrices.py",
    "ldl_solve": "of what ldl_factor gives: tests/operations/test_matrices.py",
    "geqrf": "several outputs: tests/operations/test_matrices.py",
    "slogdet": "several outputs: tests/operations/test_matrices.py",
    "pinv": "what counts as 0 has no gradient: tests/operations/test_matrices.py",
    "igamma": "no gradient for its first argument: tests/operations/test_special.py",
    "zeta": "no gradient for its first argument: tests/operations/test_special.py",
    "cholesky": "only of positive definite matrices: tests/operations/test_matrices.py",
    "ctc_loss": "its gradient is that of logits: tests/nn/functional/loss/test_ctc.py",
    "ctc_slope": "its gradient is refused: tests/nn/functional/loss/test_ctc.py",
    "cast": "rounds: its differences are checked below",
    **dict.fromkeys(
        ("complex", "real", "imag", "fft", "rfft", "irfft"),
        "complex: tests/against_torch/test_complex.py",
    ),
}

# For what is not element by element: (shapes of inputs, attributes). An integer array stands for
# an index.
INDEX = np.array([[2, 0], [1, 2]])
CASES = {
    "checked": [([(2, 2), np.array([[True, True]])], ("x",)), ([(), np.array(True)], ("x",))],
    "const": [([], (3.5, float32))],
    "largest_in_regions": [
        ([(2, 3, 5, 6), np.array([[0, 1, 0, 4, 3], [1, 7, 7, 9, 9.0]])], (0.5, 2, 3)),
    ],
    "alias": [([(3,)], ())],
    "variable": [([(3,)], ())],
    "iota": [([], ((3, 4), 1, int64)), ([], ((2, 3), 0, float32))],
    "uniform": [([np.array([5, 7])], ((3, 4), float32)), ([np.array([5, 7])], ((7,), float64))],
    "reshape": [([(3, 4)], ((2, 6),)), ([(1,)], ((),)), ([(0, 3)], ((3, 0, 2),))],
    "permute": [([(2, 3, 4)], ((2, 0, 1),)), ([()], ((),))],
    "expand": [([(3, 1)], ((2, 3, 4),)), ([()], ((5,),))],
    "slice": [
        ([(6, 5)], ((1, 4), (2, -1), (3, 5))),
        ([(4,)], ((3,), (1,), (0,))),
    ],
    "windows": [
        ([(6, 5)], ((3, 2), (1, 2), (2, 1))),
        ([(7,)], ((2,), (2,), (1,))),
        ([(2, 7)], ((1, 2), (1, 3), (1, 1))),
        ([(8, 3)], ((2, 3), (3, 1), (2, 1))),
        ([(0, 3)], ((1, 2), (2, 1), (1, 1))),
    ],
    "update": [
        ([(6, 5), (3, 2)], ((0, 1), (2, 3))),
        ([(), ()], ((), ())),
    ],
    "interleave": [
        ([(2,), (1,), (1,)], ((4,), (3,), ((0,), (1,), (2,)))),
        (
            [(2, 2, 3), (2, 1, 3), (1, 2, 3), (1, 1, 3)],
            ((3, 3, 3), (2, 2, 1), ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0))),
        ),
    ],
    "cat": [([(2, 3), (2, 1), (2, 2)], (1,)), ([(1,), (0,)], (0,))],
    "sum": [([(3, 4, 2)], ((0, 2),)), ([(4, 3)], ((1,),)), ([(0, 3)], ((0,),))],
    "amax": [([(3, 4, 2)], ((0, 2),)), ([(5,)], ((0,),))],
    "amin": [([(3, 4, 2)], ((1,),)), ([(5,)], ((0,),))],
    "prod": [([(3, 4)], ((1,),)), ([(3, 2)], ((0, 1),))],
    "matmul": [
        ([(3, 4), (4, 5)], (0,)),
        ([(2, 3, 4), (2, 4, 1)], (0,)),
        ([(2, 0), (0, 3)], (0,)),
        ([(2, 3, 4, 5, 2), (2, 4, 5, 2, 3)], (2,)),
    ],
    "convolution": [
        ([(2, 5, 4, 1, 2), (3, 2, 1, 2, 3)], ((1, 2), (1, 2), (0, 1), (0, -1))),
        ([(1, 7, 2, 1), (3, 2, 1, 1)], ((2,), (1,), (1,), (1,))),
        ([(2, 6, 2, 2), (2, 2, 2, 1)], ((3,), (2,), (2,), (0,))),
        ([(0, 5, 1, 2), (2, 1, 2, 3)], ((1,), (1,), (0,), (0,))),
    ],
    "winograd_weight": [([(3, 3, 16, 32)], ())],
    "winograd": [([(2, 6, 8, 16), (4, 4, 16, 32)], ())],
    "winograd_sums": [([(4, 6, 8, 16), (4, 4, 6, 32)], (2, rows)) for rows in "xg"]
    + [([(5, 4, 4, 16), (5, 2, 2, 16)], (3, "x"))],
    "winograd_taps": [([(2, 4, 4, 16, 32)], (rows,)) for rows in "xg"],
    "take": [([(3, 4), INDEX], ("index",)), ([(3,), INDEX[0]], ("index",))],
    "scatter": [
        ([(3, 4), INDEX[0], (2, 4)], ("add", "index")),
        ([(3, 4), np.array([1, 1]), (2, 4)], ("add", "index")),
        ([(3, 4), INDEX[0], (2, 4)], ("set", "index")),
    ],
    "cumsum": [([(3, 4)], (1,)), ([(3, 4)], (0,))],
    "cumprod": [([(3, 4)], (1,)), ([(3, 4)], (0,)), ([(0, 3)], (0,))],
    "recurrence": [([(3, 4), (3, 4)], (1,)), ([(3, 4), (3, 4)], (0,))],
    "argsort": [([(3, 4)], (1, False)), ([(3, 4)], (0, True))],
    "kth": [([(3, 5)], (1, 2)), ([(4, 2)], (0, 4))],
    "median_index": [([(3, 5)], (1, False)), ([(4, 2)], (0, True))],
    "mode_index": [([(3, 5)], (1,)), ([(4, 2)], (0,))],
    "cumulative_extreme": [([(3, 5)], (1, False)), ([(4, 2)], (0, True))],
    "logcumsumexp": [([(3, 4)], (1,)), ([(4, 2)], (0,)), ([(0, 3)], (0,))],
    "searchsorted": [([np.arange(4.0), (3, 2)], (False,)), ([np.arange(4.0), (5,)], (True,))],
    "isin": [([(3, 4), (2,)], ()), ([np.arange(5), np.arange(3)], ())],
    "histc": [([(3, 4)], (4, 0.0, 0.0)), ([(5,)], (2, -1.0, 1.0))],
    "histogram_edges": [([(3, 4)], (4, None, None)), ([(5,)], (2, -1.0, 1.0))],
    "histogramdd": [([(4, 2), (3,), (4,)], (False, False)), ([(4, 1), (4,), (3,)], (True, True))],
    "histogram": [
        ([(3, 4), np.arange(-2.0, 3.0)], (False,)),
        ([(7,), np.arange(-2.0, 3.0)], (True,)),
    ],
    "nonzero_static": [([np.array([[0, 1], [2, 0]])], (3, -1)), ([np.arange(4)], (2, 0))],
    "inverse": [([(3, 3)], (True,)), ([(2, 2, 2)], (False,)), ([(0, 0)], (True,))],
    "solve": [([(3, 3), (3, 2)], (True,)), ([(2, 2, 2), (2, 2, 1)], (False,))],
    "solve_triangular": [
        ([(3, 3), (3, 2)], (True, False)),
        ([(2, 3, 3), (2, 3, 1)], (False, True)),
    ],
    "cholesky_info": [([(3, 3)], ())],
    "permutation": [([np.array([3, 2, 3])], (3,)), ([np.array([[2, 2], [1, 2]])], (4,))],
    "det": [([(3, 3)], ()), ([(2, 2, 2)], ())],
    "matrix_exp": [([(3, 3)], ()), ([(2, 2, 2)], ())],
    "polygamma": [([(3, 4)], (1,)), ([(5,)], (3,))],
    "bessel": [([(3, 4)], ("bessel_y1",)), ([(5,)], ("airy_ai",))],
    "polynomial": [([(3, 4), (4,)], ("legendre_polynomial_p",))],
    "bessel_i": [([(3, 4)], (0, False)), ([(5,)], (1, True))],
    "keep": [([np.array([[True, False, True]]), (2, 3)], ())],
    "where": [([np.array([[True, False, True]]), (2, 3), (1, 3)], ())],
    "cast": [([(3, 4)], (float32,)), ([(3, 4)], (int64,)), ([(3, 4)], (bool_,))],
}


def cases(name):
    """(shapes, attributes) to try a primitive with."""
    if name in CASES:
        return CASES[name]
    op = REGISTRY[name]
    arity = len(inspect.signature(op.lower).parameters) - 1 - len(op.attrs)
    arity -= sum(p.default is not p.empty for p in inspect.signature(op.lower).parameters.values())
    shapes = [[(3, 4)] * arity, [(1000,)] * arity, [()] * arity]
    if arity == 2:
        shapes += [[(3, 4), (4,)], [(3, 1), (1, 4)], [(2, 3), ()]]
    return [(s, ()) for s in shapes]


def long(shapes):
    """Whether differences would take long."""
    return bool(shapes) and all(isinstance(s, tuple) and s == (1000,) for s in shapes)


ALL = [
    (name, k)
    for name in REGISTRY
    if name not in ELSEWHERE or name == "cast"
    for k in range(len(cases(name)))
]
SMOOTH = [
    (name, k)
    for name, k in ALL
    if REGISTRY[name].vjp is not None and name not in ELSEWHERE and not long(cases(name)[k][0])
]


def arrays(name, k, dtype):
    rng = np.random.default_rng(k + 17)
    op = REGISTRY[name]
    out = []
    for number, shape in enumerate(cases(name)[k][0]):
        if isinstance(shape, np.ndarray):
            out.append(shape)
            continue
        low, high = op.domain[min(number, len(op.domain) - 1)]
        if dtype.category == 2:
            out.append(rng.uniform(low, high, shape).astype(dtype.numpy))
        else:
            drawn = rng.integers(0 if dtype.name in ("bool", "uint8") else -9, 10, shape)
            out.append(np.where(drawn == 0, 1, drawn).astype(dtype.numpy))
    return out


def known(array):
    node = leaf(array.shape, zincir.types.from_numpy_dtype(array.dtype))
    node.value = Buffer(array)
    return node


def test_every_primitive_is_tried():
    for name, op in REGISTRY.items():
        assert name in CASES or name in ELSEWHERE or op.kind is Kind.POINTWISE, name
    assert set(CASES) <= set(REGISTRY)
    assert set(ELSEWHERE) <= set(REGISTRY)


@pytest.mark.parametrize(("name", "k"), ALL)
def test_compiled_value_is_the_twins(name, k):
    op = REGISTRY[name]
    attrs = cases(name)[k][1]
    nodes = [apply(op, *map(known, arrays(name, k, DTYPES[d])), attrs=attrs) for d in op.dtypes]
    verify(nodes, "the test")
    exact = [
        interpret([node], double=dtype == "float32" and name != "uniform")[0]
        for dtype, node in zip(op.dtypes, nodes, strict=True)
    ]
    evaluate(nodes)
    for dtype, node, wanted in zip(op.dtypes, nodes, exact, strict=True):
        value = node.value.array
        assert value.shape == node.shape
        assert value.dtype == node.dtype.numpy
        tolerance = {"float32": 2e-5, "float64": 1e-11}.get(node.dtype.name, 0)
        if name == "uniform":
            tolerance = 0  # the same bits
        np.testing.assert_allclose(value, wanted, tolerance, tolerance, err_msg=dtype)


@pytest.mark.parametrize(("name", "k"), SMOOTH)
def test_gradient_to_second_order(name, k):
    op = REGISTRY[name]
    attrs = cases(name)[k][1]
    inputs = []
    for array in arrays(name, k, float64):
        x = zincir.from_numpy(array)
        inputs.append(x.requires_grad_() if x.is_floating_point() else x)

    def function(*xs):
        return wrap(apply(op, *[x._node for x in xs], attrs=attrs))

    assert gradcheck(function, inputs, fast_mode=True, atol=1e-6)
    if function(*inputs).numel() and not flat(name):
        assert gradgradcheck(function, inputs, fast_mode=True, atol=1e-5)


def flat(name):
    """Whether the first gradient does not depend on anything: there is no second one to check."""
    return name in ("sign", "floor", "ceil", "round", "trunc", "floor_div", "trunc_div")


@pytest.mark.parametrize(
    ("name", "k"), [c for c in SMOOTH if REGISTRY[c[0]].kind is Kind.POINTWISE]
)
def test_compiled_gradient_is_interpreted_gradient(name, k):
    op = REGISTRY[name]
    given = arrays(name, k, float32)
    xs = [zincir.from_numpy(a).requires_grad_() if a.dtype.kind == "f" else zincir.from_numpy(a)
          for a in given]  # fmt: skip
    y = wrap(apply(op, *[x._node for x in xs], attrs=cases(name)[k][1]))
    y.backward(zincir.ones_like(y))
    wanted = [x.grad._node for x in xs if x.grad is not None]
    exact = interpret(wanted, double=True)
    evaluate(wanted)
    for node, expected in zip(wanted, exact, strict=True):
        np.testing.assert_allclose(node.value.array, expected, 1e-4, 1e-5)


def test_cast_passes_gradients():
    x = zincir.tensor([1.5, 2.5], requires_grad=True)
    (x.double() * 3).sum().backward()
    assert x.grad.dtype is zincir.float32
    assert x.grad.tolist() == [3, 3]


def test_ties_share_gradients():
    for function in (zincir.Tensor.amax, zincir.Tensor.amin):
        x = zincir.tensor([2.0, 2.0], requires_grad=True)
        function(x).backward()
        assert x.grad.tolist() == [0.5, 0.5]
    x = zincir.tensor([2.0], requires_grad=True)
    zincir.maximum(x, x.detach()).sum().backward()
    assert x.grad.tolist() == [0.5]


def test_products_with_zeros():
    for values in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]):
        x = zincir.tensor(values, dtype=float64, requires_grad=True)
        assert gradcheck(lambda v: v.prod(), x)
