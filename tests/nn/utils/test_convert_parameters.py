"""Parameters as one vector."""

import pytest

import zincir
from zincir import nn
from zincir.errors import ShapeError
from zincir.nn.utils import parameters_to_vector, vector_to_parameters


def test_round_trip_and_shared_memory() -> None:
    one, two = nn.Linear(3, 2), nn.Linear(3, 2)
    vector = parameters_to_vector(one.parameters())
    assert vector.tolist() == [*one.weight.reshape(-1).tolist(), *one.bias.tolist()]
    vector = vector.detach().clone()
    vector_to_parameters(vector, two.parameters())
    assert two.weight.tolist() == one.weight.tolist()
    assert isinstance(two.weight, nn.Parameter)
    assert two.weight.requires_grad
    vector.mul_(0.0)
    assert two.bias.tolist() == [0.0, 0.0]  # the vector's own memory


def test_gradients_flow_to_the_parameters() -> None:
    layer = nn.Linear(2, 1)
    (parameters_to_vector(layer.parameters()) * zincir.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0, 2.0]]
    assert layer.bias.grad.tolist() == [3.0]


def test_a_vector_that_is_too_short() -> None:
    with pytest.raises(ShapeError, match=r"too short[\s\S]*3 numbers or more[\s\S]*2"):
        vector_to_parameters(zincir.zeros(2), nn.Linear(2, 1).parameters())
