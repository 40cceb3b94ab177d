"""What arithmetic operators make of a NumPy array beside a tensor: NumPy's result types."""

import itertools
import operator

import numpy as np
import pytest

import zincir
from zincir import bool_, float32, float64, int32, int64, uint8
from zincir.errors import DTypeError

TYPES = (bool_, uint8, int32, int64, float32, float64)
PAIRS = [pair for pair in itertools.product(TYPES, TYPES) if pair != (bool_, bool_)]
OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
AUGMENTED = tuple(f"i{name}" for name in OPERATORS)
LEFT, RIGHT = [[3, 2], [1, 5]], [[1, 2], [3, 2]]
ENOUGH_CALLS = 4  # of a compiled function, for its replay too


def described(x):
    return x.dtype, x.tolist()


@pytest.mark.parametrize(("kind", "beside"), PAIRS, ids=str)
@pytest.mark.parametrize("name", OPERATORS)
def test_the_result_is_of_numpys_type(name, kind, beside):
    run = getattr(operator, name)
    left, right = np.array(LEFT, kind.numpy), np.array(RIGHT, beside.numpy)
    expected = run(left, right)
    for found in (run(zincir.tensor(left), right), run(left, zincir.tensor(right))):
        assert found.dtype.numpy == expected.dtype
        np.testing.assert_allclose(found.numpy(), expected, 1e-6)


def test_an_array_without_dimensions_counts_as_any_other():
    t = zincir.ones(2)
    assert described(t * np.array(2)) == (float64, [2, 2])
    assert described(np.array(2) * t) == (float64, [2, 2])
    assert described(zincir.tensor(1.5) + np.array([1, 2])) == (float64, [2.5, 3.5])


@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.int64(2), np.float32(2)])
def test_a_number_of_numpy_is_a_number(number):
    assert described(zincir.ones(2) * number) == (float32, [2, 2])


def test_bools_stay_bools():
    t, array = zincir.tensor([True, False, True]), np.array([True, True, False])
    assert described(t * array) == (bool_, [True, False, False])
    assert described(t + array) == (bool_, [True, True, True])
    assert described(t ^ array) == (bool_, [False, True, True])
    with pytest.raises(DTypeError, match="bool"):
        t - array


def test_methods_and_functions_take_an_array_for_a_tensor():
    t, array = zincir.ones(2), np.array([1, 2])
    assert t.add(array).dtype is float32
    assert zincir.mul(t, array).dtype is float32


@pytest.mark.parametrize("name", AUGMENTED)
def test_augmented_assignment_makes_a_new_tensor(name):
    t, array = zincir.tensor(LEFT), np.array(RIGHT, np.float32)
    same = t
    t = getattr(operator, name)(t, array)
    assert t.dtype is float64
    np.testing.assert_allclose(t.numpy(), getattr(operator, name[1:])(np.array(LEFT), array))
    assert described(same) == (int64, LEFT)


def test_augmented_assignment_to_an_element_keeps_the_type():
    t = zincir.tensor([1, 2, 3])
    t[1:] += np.array([0.5, 1.5])
    assert described(t) == (int64, [1, 2, 4])


def test_gradients_pass_through_the_wider_type():
    t = zincir.ones(2, requires_grad=True)
    (t * np.array([2, 3])).sum().backward()
    assert described(t.grad) == (float32, [2, 3])
    t += np.array([1, 1])
    assert not t.is_leaf
    assert described(t.detach()) == (float64, [2, 2])


def product(x, array):
    return x * array


def reflected(x, array):
    return array / x


def augmented(x, array):
    y = x
    x -= array
    return x, y


def array_augmented(x, array):
    array += x
    return array


@pytest.mark.parametrize("function", [product, reflected, augmented, array_augmented])
@pytest.mark.parametrize("kind", [float32, int64], ids=str)
@pytest.mark.parametrize("beside", [np.float32, np.int64, np.uint8])
@pytest.mark.parametrize("make", [zincir.tensor, lambda x: zincir.nn.Parameter(x, False)])
def test_compiled_functions_follow_the_same_rule(make, beside, kind, function):
    compiled = zincir.compile(function)
    for k in range(ENOUGH_CALLS):
        x, array = make(zincir.tensor([1, 2, 4 + k], dtype=kind)), np.array([3, 2, 1], beside)
        found, expected = compiled(x, array), function(x, array)
        if function is augmented:
            assert found[1] is expected[1] is x
            found, expected = found[0], expected[0]
        assert isinstance(found, zincir.Tensor)
        assert described(found) == described(expected)
        assert array.tolist() == [3, 2, 1]


def test_a_copy_lies_in_memory_as_numpy_would_copy_it():
    for t in (zincir.zeros(4).expand(2, 4), zincir.zeros(2, 3).T):
        assert np.array(t).strides == t.numpy().copy("K").strides
        assert np.array(t, order="C").flags.c_contiguous


def test_what_numpy_makes_of_a_tensor_is_one() -> None:
    t = zincir.tensor([1.0, 4.0])
    for made, expected in (
        (np.sqrt(t), [1, 2]),
        (np.add(t, 1), [2, 5]),
        (np.maximum(t, np.array([2.0, 2.0], np.float32)), [2, 4]),
        (np.isnan(t), [False, False]),
        (np.abs(-t[0]), 1),
    ):
        assert isinstance(made, zincir.Tensor)
        assert made.tolist() == expected
    assert (np.sqrt(t).dtype, np.isnan(t).dtype) == (zincir.float32, bool_)
    assert np.exp(zincir.tensor(0.0)).item() == 1
    assert isinstance(np.mean(t.numpy()), np.floating)
