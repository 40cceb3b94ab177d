"""x[...] against NumPy, for any index."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import zincir
from zincir.errors import ArgumentError, IndexOutOfRange

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


def backward_steps(index):
    items = index if isinstance(index, tuple) else (index,)
    return any(isinstance(i, slice) and i.step is not None and i.step < 0 for i in items)


def converted(index):
    if isinstance(index, tuple):
        return tuple(converted(i) for i in index)
    return zincir.tensor(index) if isinstance(index, np.ndarray) else index


@st.composite
def indexed(draw):
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(["basic", "arrays", "mask", "mixed"]))
    if kind == "basic":
        index = draw(hnp.basic_indices(shape, allow_newaxis=True))
    elif kind == "arrays":
        index = draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2)))
    elif kind == "mask":
        axes = draw(st.integers(1, len(shape)))
        index = draw(hnp.arrays(bool, shape[:axes]))
    else:
        rows = draw(hnp.arrays(np.int64, 3, elements=st.integers(-shape[-1], shape[-1] - 1)))
        lead = draw(st.integers(0, len(shape) - 1))
        index = (*[slice(None)] * lead, ..., rows) if len(shape) > 1 else (rows,)
    return shape, index


@settings(max_examples=150)
@given(indexed())
def test_reading(case):
    shape, index = case
    a = np.arange(float(np.prod(shape))).reshape(shape)
    x = zincir.tensor(a, requires_grad=True)
    if backward_steps(index):
        with pytest.raises(ArgumentError, match="step must be positive"):
            x[converted(index)]
        return
    y = x[converted(index)]
    np.testing.assert_array_equal(y.detach().numpy(), a[index])
    weights = np.cos(np.arange(float(a[index].size))).reshape(a[index].shape)
    if y.requires_grad:
        (y * zincir.tensor(weights)).sum().backward()
        expected = np.zeros(shape)
        np.add.at(expected, index, weights)
        np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)


@settings(max_examples=150)
@given(indexed(), st.booleans())
def test_writing(case, number):
    shape, index = case
    if backward_steps(index):
        return
    a = np.arange(float(np.prod(shape))).reshape(shape)
    x = zincir.tensor(a)
    size = a[index].shape
    value = 7.5 if number else -np.arange(float(np.prod(size))).reshape(size)
    a[index] = value
    x[converted(index)] = value if number else zincir.tensor(value)
    np.testing.assert_array_equal(x.numpy(), a)


@given(SHAPES, st.data())
def test_gather_and_scatter(shape, data):
    dim = data.draw(st.integers(0, len(shape) - 1))
    entries = st.integers(0, shape[dim] - 1)
    index = data.draw(hnp.arrays(np.int64, shape, elements=entries))
    a = np.arange(float(np.prod(shape))).reshape(shape)
    x, i = zincir.tensor(a), zincir.tensor(index)
    np.testing.assert_array_equal(x.gather(dim, i).numpy(), np.take_along_axis(a, index, dim))
    expected = np.zeros(shape)
    places = list(np.indices(shape))
    places[dim] = index
    np.add.at(expected, tuple(places), a)
    added = zincir.zeros(shape, dtype=zincir.float64).scatter_add(dim, i, x)
    np.testing.assert_array_equal(added.numpy(), expected)


def test_views_write_through():
    x = zincir.zeros(3, 4)
    x[1:, ::2][0, 1] = 5
    x[None, ..., 0][0, 2] = 6
    assert x[1, 2].item() == 5
    assert x[2, 0].item() == 6
    y = x[[0, 1]]
    y.add_(1)
    assert x[0, 0].item() == 0


def test_iteration_and_length():
    x = zincir.arange(6).reshape(3, 2)
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    assert len(x) == 3
    *_, last = x
    assert last.tolist() == [4, 5]
    with pytest.raises(TypeError):
        len(zincir.tensor(1))


@pytest.mark.parametrize("index", [5, (0, 0, 0), (..., ...), [7]])
def test_wrong_indices(index):
    with pytest.raises(IndexOutOfRange, match="test_indexing"):
        zincir.zeros(2, 3)[index]
    with pytest.raises(IndexOutOfRange):
        zincir.zeros(2, 3)[index] = 1


def test_masks_must_fit():
    with pytest.raises(IndexOutOfRange, match="mask does not match"):
        zincir.zeros(2, 3)[zincir.tensor([True, False, True])]
    x = zincir.zeros(2, 3)
    with pytest.raises(RuntimeError, match="broadcasts to"):
        x[0] = zincir.ones(2)


def test_an_array_that_is_one_number_makes_a_view() -> None:
    x = zincir.tensor([[0.0, 1.0], [2.0, 3.0]])
    y = x[..., np.asarray(1)]
    x.mul_(3)
    assert y.tolist() == [3.0, 9.0]
