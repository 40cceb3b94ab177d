"""Looking is cheap: a view of a known value is known, without a graph and without a program."""

import warnings

import numpy as np
import pytest

import zincir
from zincir import evaluate, nn
from zincir.nn import functional as F


class Work:
    """What was done since it was last asked."""

    def __init__(self) -> None:
        self.found = self.compiled = 0

    def done(self) -> tuple[int, int]:
        """How many programs were run, and how many of them had to be compiled first."""
        done = self.found, self.compiled
        self.found = self.compiled = 0
        return done


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    counted = Work()
    find, prepare = evaluate._find, evaluate.find_program

    def finding(*args):
        counted.found += 1
        return find(*args)

    def preparing(*args, **kwargs):
        counted.compiled += 1
        return prepare(*args, **kwargs)

    monkeypatch.setattr(evaluate, "_find", finding)
    monkeypatch.setattr(evaluate, "find_program", preparing)
    return counted


def known(*shape: int) -> zincir.Tensor:
    return zincir.tensor(np.arange(np.prod(shape)).reshape(shape).astype(np.float32))


def test_items(work: Work):
    x = known(500)
    assert [x[i].item() for i in range(500)] == [float(i) for i in range(500)]
    assert work.done() == (0, 0)
    assert [float(x[-i]) for i in range(1, 5)] == [499.0, 498.0, 497.0, 496.0]
    assert [int(x[i : i + 1]) for i in range(5)] == [0, 1, 2, 3, 4]
    assert work.done() == (0, 0)


def test_items_of_views(work: Work):
    x = known(6, 8)
    assert [x[i, j].item() for i in range(6) for j in range(8)] == [float(i) for i in range(48)]
    assert [x.t()[j][i].item() for j in (0, 7) for i in (1, 5)] == [8.0, 40.0, 15.0, 47.0]
    assert x[2:, ::3][1, 2].item() == 30.0
    assert x.reshape(-1)[17].item() == 17.0
    assert x.diagonal()[3].item() == 27.0
    assert x.unsqueeze(0).expand(3, 6, 8)[2, 1, 1].item() == 9.0
    assert x.view(4, 12)[3].tolist() == [36.0 + i for i in range(12)]
    assert work.done() == (0, 0)


def test_items_at_tensors(work: Work):
    x, ids = known(50), zincir.tensor([3, 1, 4])
    assert [x[i].item() for i in ids] == [3.0, 1.0, 4.0]
    assert [x[ids[k]].item() for k in range(3)] == [3.0, 1.0, 4.0]
    assert work.done() == (0, 0)


def test_iteration(work: Work):
    x = known(40, 3)
    assert [row.tolist() for row in x] == x.tolist()
    assert [v for row in x for v in row.tolist()] == [float(i) for i in range(120)]
    assert [a.item() for a in x[:, 0].unbind(0)] == [3.0 * i for i in range(40)]
    assert [p.tolist()[0] for p in x.split(10)] == [
        [30.0 * i + k for k in range(3)] for i in range(4)
    ]
    a, b, c = x[0]
    assert (a.item(), b.item(), c.item()) == (0.0, 1.0, 2.0)
    assert max(x[:, 1]).item() == 118.0
    assert work.found <= 45, "comparisons compute"


def test_looking_at_all(work: Work):
    x = known(4, 4)
    for i in range(4):
        assert x[i].tolist()[0] == 4.0 * i
        assert x[i].numpy()[0] == 4.0 * i
        assert bool(x[i, 1])
        assert str(x[i]).startswith("tensor([")
        assert np.asarray(x[:, i])[0] == i
        assert len(x[i]) == 4
    assert work.done() == (0, 0)


def test_items_of_leaves_and_of_results(work: Work):
    w = nn.Parameter(known(30))
    assert [w[i].item() for i in range(30)] == [float(i) for i in range(30)]
    assert work.done() == (0, 0)
    y = w * 2
    assert [y[i].item() for i in range(30)] == [2.0 * i for i in range(30)]
    assert work.done()[0] <= 2, "computed once, then known"
    assert [y.detach()[i].item() for i in range(30)] == [2.0 * i for i in range(30)]
    assert work.done()[0] <= 1


def test_items_of_arrays(work: Work):
    a = np.arange(40.0)
    x = zincir.from_numpy(a)
    for i in range(40):
        assert x[i].item() == i
        a[i] = -1
        assert x[i].item() == -1
    assert work.done() == (0, 0)


def test_looking_makes_no_programs_for_other_offsets(work: Work):
    x = known(64)
    sums = []
    for i in range(50):  # no assertion here: pytest would keep the slices
        sums.append((x[i : i + 8] * 2).sum().item())
        if i == 2:
            work.done()
    assert sums == [sum(2.0 * (i + k) for k in range(8)) for i in range(50)]
    assert work.done() == (47, 0)


def test_slices_stacked_into_a_batch(work: Work):
    data = zincir.tensor(np.arange(5000))
    rng = np.random.default_rng(0)
    for _ in range(3):
        ix = rng.integers(0, 4900, 32)
        batch = zincir.stack([data[i : i + 64] for i in ix])
        assert batch.tolist() == [list(range(i, i + 64)) for i in ix]
    assert work.done()[1] == 0


def test_slices_at_tensors_stacked(work: Work):
    data = zincir.tensor(np.arange(300))
    ix = zincir.tensor([5, 100, 31])
    x = zincir.stack([data[i : i + 4] for i in ix])
    y = zincir.stack([data[i + 1 : i + 5] for i in ix])
    assert x.tolist() == [[5, 6, 7, 8], [100, 101, 102, 103], [31, 32, 33, 34]]
    assert (y - x).tolist() == [[1] * 4] * 3


def test_rows_stacked_and_joined(work: Work):
    x = known(20, 3)
    for n in range(2, 12):
        rows = [x[i] for i in range(n)]
        assert zincir.stack(rows).tolist() == x[:n].tolist()
        assert zincir.cat(rows).tolist() == x[:n].reshape(-1).tolist()
        assert zincir.stack(rows, 1).tolist() == x[:n].t().tolist()
    assert work.done()[1] == 0


def test_stacks_of_what_collects_gradients_have_them():
    w = zincir.ones(4, requires_grad=True)
    y = zincir.stack([w[i : i + 2] for i in range(3)])
    (y * zincir.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    assert w.grad.tolist() == [1.0, 3.0, 5.0, 3.0]


def test_padded_samples(work: Work):
    rng = np.random.default_rng(0)
    samples = [zincir.tensor(rng.integers(1, 9, n)) for n in rng.integers(1, 30, 24)]
    for _ in range(2):
        out = zincir.zeros(24, 30, dtype=zincir.int64)
        for i, sample in enumerate(samples):
            out[i, : len(sample)] = sample
        for i, sample in enumerate(samples):
            assert out[i].tolist() == sample.tolist() + [0] * (30 - len(sample))
    assert work.done()[1] == 0


def test_values_filled_in_at_many_places(work: Work):
    out = zincir.zeros(8, 8)
    expected = np.zeros((8, 8))
    for i in range(8):
        out[i, :i] = float(i)
        expected[i, :i] = i
        out[i, i] = zincir.tensor(-1.0)
        expected[i, i] = -1
        out[:i, 7] += 1
        expected[:i, 7] += 1
    assert out.tolist() == expected.tolist()
    assert work.done()[1] <= 3


def test_a_training_step_with_lengths_that_differ_is_compiled_once(work: Work):
    emb, out = nn.Embedding(12, 6), nn.Linear(6, 12)
    optimizer = zincir.optim.SGD([*emb.parameters(), *out.parameters()], lr=0.1)
    rng = np.random.default_rng(0)

    def step() -> float:
        batch = zincir.zeros(4, 10, dtype=zincir.int64)
        for i in range(4):
            n = int(rng.integers(1, 11))
            batch[i, :n] = zincir.tensor(rng.integers(1, 12, n))
        optimizer.zero_grad()
        logits = out(emb(batch[:, :-1]))
        loss = F.cross_entropy(logits.reshape(-1, 12), batch[:, 1:].reshape(-1), ignore_index=0)
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(3):
        step()
    work.done()
    for _ in range(15):
        step()
    assert work.done()[1] == 0


def test_a_data_set_that_looks_at_its_labels(work: Work):
    labels = zincir.tensor(np.arange(400) % 7)
    images = known(400, 4)

    for start in range(0, 400, 16):
        samples = [(images[i], labels[i].item()) for i in range(start, start + 16)]
        x = zincir.stack([a for a, _ in samples])
        y = zincir.tensor([b for _, b in samples])
        assert x[0, 0].item() == 4.0 * start
        assert y.tolist() == [i % 7 for i in range(start, start + 16)]
    assert work.done()[1] == 0


def test_a_value_is_computed_once(work: Work):
    x = known(5)
    y = x * 2
    for _ in range(5):
        y.tolist()
        y.sum()
        y[1].item()
    z = y.sum()
    z.item()
    z.item()
    float(z)
    assert work.done()[0] <= 3


def test_a_plain_training_loop_compiles_once(work: Work):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = zincir.optim.Adam(model.parameters())
    x, y = known(6, 4), zincir.tensor([0, 1, 2, 0, 1, 2])

    def step() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(3):
        step()
    work.done()
    for _ in range(10):
        step()
    runs, compiled = work.done()
    assert compiled == 0
    assert runs <= 20, "one program for a step, besides the optimizer's"


def test_looking_in_a_loop_that_changes_what_is_looked_at(work: Work):
    x = zincir.zeros(10)
    for i in range(10):
        x[i] = i if i < 2 else x[i - 1].item() + x[i - 2].item()
    assert x.tolist() == [0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0]
    assert work.done()[1] == 0


def test_bounds_are_checked_where_nothing_is_computed(work: Work):
    x = known(3, 2)
    for index in (3, -4, (0, 2), (0, -3)):
        with pytest.raises(IndexError):
            x[index]
    with pytest.raises(IndexError):
        x[zincir.tensor(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x[3:].shape == (0, 2)
