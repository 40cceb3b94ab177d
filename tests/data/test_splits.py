"""Parts with the same share of each class; weights of classes; an order that is balanced."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import data
from zincir.errors import ArgumentError, DataError

LABELS = [0] * 80 + [1] * 15 + [2] * 5


def rows(labels: Any = LABELS) -> data.TensorDataset:
    numbers = zincir.tensor(labels)
    return data.TensorDataset(zincir.arange(len(labels)), numbers)


def counts(part: Any) -> dict[int, int]:
    return dict(Counter(int(y) for _, y in part))


def test_every_part_has_its_share() -> None:
    parts = data.stratified_split(rows(), [0.6, 0.2, 0.2], zincir.Generator().manual_seed(1))
    assert [counts(p) for p in parts] == [{0: 48, 1: 9, 2: 3}, *[{0: 16, 1: 3, 2: 1}] * 2]
    assert sorted(i for p in parts for i in p.indices) == list(range(100))


def test_shares_differ_by_less_than_one_sample() -> None:
    for seed in range(20):
        generator = zincir.Generator().manual_seed(seed)
        for part in data.stratified_split(rows(), [37, 50, 13], generator):
            for kind, whole in ((0, 80), (1, 15), (2, 5)):
                share = whole * len(part) / 100
                assert abs(counts(part).get(kind, 0) - share) <= 1.5


def test_seeds_decide() -> None:
    def first(seed: int) -> list[int]:
        generator = zincir.Generator().manual_seed(seed)
        return list(data.stratified_split(rows(), [0.5, 0.5], generator)[0].indices)

    assert first(1) == first(1) != first(2)
    assert first(1) != sorted(first(1))


def test_labels_are_found() -> None:
    texts = data.TextDataset(["a", "b", "c", "d"], ["x", "x", "y", "y"])
    train, test = data.stratified_split(texts, [0.5, 0.5])
    assert sorted(y for _, y in train) == sorted(y for _, y in test) == [0, 1]
    assert data.targets_of(train).tolist() == [y for _, y in train]
    given = data.stratified_split(range(4), [2, 2], targets=np.array([0, 0, 1, 1]))
    assert all(len({i // 2 for i in part}) == 2 for part in given)


def test_bad_lengths() -> None:
    with pytest.raises(ArgumentError, match=r"lengths do not add up(.|\n)*100(.|\n)*90 = 50 \+ 40"):
        data.stratified_split(rows(), [50, 40])
    with pytest.raises(ValueError, match="not one label for each"):
        data.stratified_split(range(3), [2, 1], targets=[0, 1])
    with pytest.raises(TypeError, match="no whole numbers"):
        data.targets_of(data.TensorDataset(zincir.rand(3)))
    with pytest.raises(DataError, match="sample 1 is out of range"):
        data.stratified_split(range(2), [1, 1], targets=[0, -1])


def test_a_class_that_the_first_part_lacks() -> None:
    with pytest.warns(UserWarning, match=r"no sample of the classes \[1, 2\]"):
        data.stratified_split(rows([0, 0, 1, 2]), [1, 3], zincir.Generator().manual_seed(1))


def test_weights_of_classes() -> None:
    weights = data.class_weights(LABELS)
    np.testing.assert_allclose(weights, 100 / (3 * np.array([80, 15, 5])), rtol=1e-6)
    assert data.class_weights(rows(), 5)[3:].tolist() == [0, 0]
    softer = data.class_weights(LABELS, power=0.5)
    np.testing.assert_allclose((softer.numpy() * [80, 15, 5]).sum(), 100, rtol=1e-6)
    assert (softer[2] / softer[0]).item() == pytest.approx(4)
    with pytest.raises(ArgumentError, match="not below num_classes"):
        data.class_weights(LABELS, 2)


def test_balanced_orders() -> None:
    order = list(data.BalancedSampler(rows(), generator=zincir.Generator().manual_seed(0)))
    assert len(order) == 100
    kinds = Counter(LABELS[i] for i in order)
    assert sorted(kinds.values()) == [33, 33, 34]
    rare = Counter(i for i in order if LABELS[i] == 2)
    assert set(rare.values()) <= {6, 7}
    frequent = Counter(i for i in order if LABELS[i] == 0)
    assert set(frequent.values()) == {1}
    assert len(list(data.BalancedSampler(LABELS, 7))) == len(data.BalancedSampler(LABELS, 7)) == 7
    with pytest.raises(ArgumentError, match="nothing to choose from"):
        data.BalancedSampler([])


def test_balanced_batches() -> None:
    zincir.manual_seed(0)
    loader = data.DataLoader(rows(), 25, sampler=data.BalancedSampler(LABELS, 1000))
    mean = np.mean([(y == 2).float().mean().item() for _, y in loader])
    assert abs(mean - 1 / 3) < 0.002
