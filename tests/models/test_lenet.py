import pytest

import zincir
from zincir import models, nn
from zincir.errors import ArgumentError


@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_shapes(size: int, batch: int) -> None:
    model = models.LeNet5(num_classes=7, in_channels=2, size=size)
    assert model(zincir.zeros(batch, 2, size, size)).numpy(force=True).shape == (batch, 7)


def test_parameters() -> None:
    for size in (28, 32):
        model = models.LeNet5(size=size)
        assert sum(p.numel() for p in model.parameters()) == 61_706


def test_modern() -> None:
    old, new = models.LeNet5(), models.LeNet5(modern=True)
    assert isinstance(old.act, nn.Tanh)
    assert isinstance(new.act, nn.ReLU)
    assert isinstance(new.pool, nn.MaxPool2d)
    assert list(old.state_dict()) == list(new.state_dict())


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="LeNet5: no such size") as error:
        models.LeNet5(size=30)
    assert "28 or 32" in str(error.value)
    assert "test_lenet.py" in str(error.value)
