"""Tables that ship with the package, and nets that learn them."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.data import DataLoader, TableDataset, load_auto_mpg, load_penguins


def trained(train: TableDataset, outputs: int, loss: Any, epochs: int) -> nn.Module:
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(train.tensors[0].shape[1], 32), nn.ReLU(), nn.Linear(32, outputs))
    optimizer = optim.Adam(net.parameters(), lr=1e-2)

    @zincir.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        return value

    for _ in range(epochs):
        for x, y in DataLoader(train, 32, shuffle=True, drop_last=True):
            step(x, y)
    return net


def test_penguins_are_told_apart() -> None:
    table = load_penguins()
    assert [int(c.missing.sum()) for c in table.columns.values()] == [0, 0, 2, 2, 2, 2, 11, 0]
    train, test = table.split([0.75, 0.25])
    rows = TableDataset(train)
    assert rows.classes == ["Adelie", "Chinstrap", "Gentoo"]
    net = trained(rows, 3, nn.CrossEntropyLoss(), 8)
    x, y = TableDataset(test, rows.encoder).tensors
    assert (net(x).argmax(1) == y).float().mean().item() > 0.95


def test_birds_that_lack_a_value_can_be_left_out() -> None:
    with pytest.warns(UserWarning, match=r"11 of 344 rows(.|\n)*line 5, column 'bill_length_mm'"):
        assert len(load_penguins("drop")) == 333


def test_fuel_is_foretold() -> None:
    train, test = load_auto_mpg().split([0.75, 0.25])
    rows = TableDataset(train)
    assert rows.encoder.feature_names[-3:] == ["origin=1", "origin=2", "origin=3"]
    net = trained(rows, 1, nn.MSELoss(), 60)
    x, y = (t.numpy() for t in TableDataset(test, rows.encoder).tensors)
    found = net(zincir.from_numpy(x)).detach().numpy()
    assert 1 - ((found - y) ** 2).mean() / y.var() > 0.75
    assert np.isfinite(found).all()
