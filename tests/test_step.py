"""`zincir.compile`: a replay does what the function would have done."""

import numpy as np
import pytest

import zincir
from zincir import evaluate, nn
from zincir.errors import IndexOutOfRange, TraceError
from zincir.nn import functional as F


def network(*, dropout: float = 0.0) -> nn.Module:
    zincir.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 4))


def batches(count: int, size: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=(size, 6)).astype(np.float32), rng.integers(0, 4, size))
        for _ in range(count)
    ]


def trainer(model: nn.Module, optimizer: zincir.optim.Optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def train(
    wrap, *, dropout: float = 0.0, rates: tuple[float, ...] = (1e-2,) * 6
) -> list[np.ndarray]:
    model = network(dropout=dropout)
    optimizer = zincir.optim.Adam(model.parameters(), lr=0.0)
    step = wrap(trainer(model, optimizer))
    seen = []
    for rate, (x, y) in zip(rates, batches(len(rates)), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        seen.append(step(zincir.from_numpy(x), zincir.from_numpy(y)).detach().numpy().copy())
    return [*seen, *[p.detach().numpy().copy() for p in model.parameters()]]


def same_bits(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return [x.tobytes() for x in a] == [x.tobytes() for x in b]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_wrapped_and_plain_training_agree_to_the_bit(dropout: float):
    assert same_bits(train(zincir.compile, dropout=dropout), train(lambda f: f, dropout=dropout))


def test_learning_rates_stay_live():
    rates = (1e-2, 0.0, 5e-2, 1e-3)
    assert same_bits(train(zincir.compile, rates=rates), train(lambda f: f, rates=rates))


def test_a_new_batch_size_is_recorded_and_both_keep_working():
    model = network()
    optimizer = zincir.optim.SGD(model.parameters(), lr=0.1)
    step = zincir.compile(trainer(model, optimizer))
    losses = [
        step(x[:n], y[:n]).item() for (x, y), n in zip(batches(6), (8, 3, 8, 3, 1, 8), strict=True)
    ]
    assert all(np.isfinite(losses))
    reference = network()
    plain = trainer(reference, zincir.optim.SGD(reference.parameters(), lr=0.1))
    again = [
        plain(zincir.from_numpy(x[:n]), zincir.from_numpy(y[:n])).item()
        for (x, y), n in zip(batches(6), (8, 3, 8, 3, 1, 8), strict=True)
    ]
    assert losses == again


def test_train_and_eval_are_told_apart():
    model = network(dropout=0.5)

    @zincir.compile
    def forward(x):
        with zincir.no_grad():
            return model(x)

    x = batches(1)[0][0]
    model.eval()
    first = forward(x).numpy()
    model.train()
    dropped = [forward(x).numpy() for _ in range(3)]
    model.eval()
    assert np.array_equal(first, forward(x).numpy())
    assert not np.array_equal(first, dropped[0])
    assert not np.array_equal(dropped[1], dropped[2])


def test_gradients_are_visible_after_a_step_and_accumulate_without_zero_grad():
    w = zincir.tensor([1.0, 2.0], requires_grad=True)

    @zincir.compile
    def add_gradient(x):
        (w * x).sum().backward()

    for n in range(1, 5):
        add_gradient(np.array([3.0, 5.0], np.float32))
        assert w.grad.tolist() == [3.0 * n, 5.0 * n]


def test_a_gradient_somebody_keeps_is_not_overwritten():
    w = zincir.tensor([1.0], requires_grad=True)

    @zincir.compile
    def run(x):
        w.grad = None
        (w * x).sum().backward()

    kept = []
    for value in (1.0, 2.0, 3.0):
        run(np.array([value], np.float32))
        kept.append(w.grad)
    assert [g.item() for g in kept] == [1.0, 2.0, 3.0]


def test_parameters_change_in_place_so_that_numpy_sees_it():
    w = zincir.tensor([1.0, 2.0])
    array = w.numpy()

    @zincir.compile
    def double():
        w.mul_(2.0)

    double()
    double()
    double()
    assert array.tolist() == [8.0, 16.0]
    assert w.tolist() == [8.0, 16.0]


def test_a_tensor_changed_outside_is_seen_by_the_next_replay():
    scale = zincir.tensor([1.0])

    @zincir.compile
    def times(x):
        return x * scale

    x = np.array([5.0], np.float32)
    assert times(x).item() == 5.0
    assert times(x).item() == 5.0
    scale.mul_(3.0)
    assert times(x).item() == 15.0
    scale.copy_(zincir.tensor([7.0]))
    assert times(x).item() == 35.0


def test_a_result_that_can_still_be_differentiated_is_computed_as_written():
    w = zincir.tensor([2.0], requires_grad=True)
    loss = zincir.compile(lambda x: ((w * x) ** 2).sum())
    for n in (1, 2, 3):
        w.grad = None
        loss(np.array([float(n)], np.float32)).backward()
        assert w.grad.item() == 4.0 * n * n


@pytest.mark.parametrize(
    "look",
    [lambda t: t.item(), bool, float, lambda t: t.numpy(), lambda t: 1 if t > 0 else 2],
    ids=["item", "bool", "float", "numpy", "if"],
)
def test_looking_at_a_value_is_an_error_that_names_the_line(look):
    @zincir.compile
    def f(x):
        return look(x.sum())

    with pytest.raises(TraceError, match=r"cannot look at a value[\s\S]*test_step.py"):
        f(np.ones(3, np.float32))


def test_an_error_leaves_what_was_done_before_it():
    """As when the function is run as it is written."""
    model = network()
    optimizer = zincir.optim.Adam(model.parameters())
    before = [p.detach().numpy().copy() for p in model.parameters()]

    @zincir.compile
    def step(x, y):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        step(*batches(1)[0])
    assert not same_bits(before, [p.detach().numpy() for p in model.parameters()])
    assert all(p.grad is not None for p in model.parameters())


def test_a_label_out_of_range_is_named_and_changes_nothing():
    model = network()
    optimizer = zincir.optim.Adam(model.parameters())
    step = zincir.compile(trainer(model, optimizer))
    x, y = batches(1)[0]
    step(x, y)
    step(x, y)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    wrong = y.copy()
    wrong[5] = 9
    with pytest.raises(IndexOutOfRange, match=r"label[\s\S]*9[\s\S]*5"):
        step(x, wrong)
    assert same_bits(before, [p.detach().numpy() for p in model.parameters()])
    step(x, y)


def test_state_made_by_the_function_itself_survives():
    kept = {}

    @zincir.compile
    def running_mean(x):
        if "mean" not in kept:
            kept["mean"] = zincir.zeros(3)
        kept["mean"].mul_(0.5).add_(x, alpha=0.5)
        return kept["mean"] * 1.0

    reference = np.zeros(3)
    for n in range(1, 6):
        x = np.full(3, float(n), np.float32)
        reference = reference * 0.5 + x * 0.5
        np.testing.assert_allclose(running_mean(x).numpy(), reference, rtol=1e-6)


def test_containers_and_constants_among_arguments_and_results():
    @zincir.compile
    def f(batch, power, *, shift=0.0):
        x, y = batch["x"], batch["y"]
        return {"sum": x + y + shift, "pair": (x**power, None, "name")}

    batch = {"x": np.array([2.0], np.float32), "y": np.array([3.0], np.float32)}
    for power in (2, 3, 2):
        out = f(batch, power, shift=1.0)
        assert out["sum"].item() == 6.0
        assert out["pair"][0].item() == 2.0**power
        assert out["pair"][1:] == (None, "name")


def test_the_same_array_twice_is_two_inputs():
    f = zincir.compile(lambda x, y: x - 2.0 * y)
    a, b = np.array([1.0], np.float32), np.array([10.0], np.float32)
    assert f(a, a).item() == -1.0
    assert f(a, b).item() == -19.0


def test_arrays_that_are_not_contiguous():
    f = zincir.compile(lambda x: x * 2.0)
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert f(a[:, ::2]).tolist() == (a[:, ::2] * 2).tolist()
    assert f(a[:2, 1:3].T.copy().T[:2]).tolist() == (a[:2, 1:3] * 2).tolist()


def test_random_numbers_go_on_and_a_seed_repeats_them():
    draw = zincir.compile(lambda: zincir.rand(5))
    zincir.manual_seed(1)
    first = [draw().tolist() for _ in range(3)]
    zincir.manual_seed(1)
    assert [draw().tolist() for _ in range(3)] == first
    zincir.manual_seed(1)
    assert [zincir.rand(5).tolist() for _ in range(3)] == first
    assert first[0] != first[1]


def test_views_made_before_and_after_recording_see_every_replay():
    w = zincir.tensor([1.0, 2.0, 3.0])
    early = w[1:]

    @zincir.compile
    def double():
        w.mul_(2.0)

    double()
    late = w.detach()
    assert early.tolist() == [4.0, 6.0]
    assert late.tolist() == [2.0, 4.0, 6.0]
    double()
    assert early.tolist() == [8.0, 12.0]
    assert late.tolist() == [4.0, 8.0, 12.0]
    late[0] = 10.0
    double()
    assert w.tolist() == [20.0, 16.0, 24.0]


def test_an_old_graph_cannot_be_differentiated_after_its_parameter_has_moved():
    w = zincir.tensor([3.0], requires_grad=True)
    optimizer = zincir.optim.SGD([w], lr=0.1)

    @zincir.compile
    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    step()
    old = (w * w).sum()
    step()
    with pytest.raises(zincir.errors.GradientError):
        old.backward()


def test_a_parameter_may_be_an_argument():
    w = zincir.tensor([3.0], requires_grad=True)
    other = zincir.tensor([5.0], requires_grad=True)
    optimizer = zincir.optim.SGD([w, other], lr=0.25)

    @zincir.compile
    def step(p):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()

    for _ in range(3):
        step(w)
    assert w.tolist() == [0.375]
    assert other.tolist() == [5.0]
    step(other)
    assert other.tolist() == [2.5]


def test_a_value_put_together_from_a_parameter_that_moves_on_keeps_its_order():
    w, border = zincir.tensor([1.0, 2.0]), zincir.zeros(4)

    @zincir.compile
    def step():
        padded = zincir.zeros(4)
        padded[1:3] = w
        w.mul_(2.0)
        border.copy_(padded)

    for n in range(1, 5):
        step()
        assert border.tolist() == [0.0, 2.0 ** (n - 1), 2.0**n, 0.0]
        assert w.tolist() == [2.0**n, 2.0 ** (n + 1)]


def test_a_gradient_that_is_read_is_the_present_one():
    w = zincir.tensor([1.0, 2.0], requires_grad=True)

    @zincir.compile
    def double():
        return w.detach() if w.grad is None else w.grad * 2

    assert double().tolist() == [1.0, 2.0]
    for k in range(3):
        w.grad = zincir.tensor([float(k), 1.0])
        assert double().tolist() == [2.0 * k, 2.0]
    w.grad = zincir.arange(4.0).reshape(2, 2)[:, 1]  # not contiguous
    assert double().tolist() == [2.0, 6.0]
    w.grad = None
    assert double().tolist() == [1.0, 2.0]


def test_a_gradient_that_is_changed_in_place_is_the_present_one():
    w = zincir.tensor([1.0, 2.0], requires_grad=True)

    @zincir.compile
    def halve():
        w.grad.mul_(0.5)

    for k in range(4):
        mine = w.grad = zincir.tensor([float(k), 1.0])
        halve()
        halve()
        assert mine.tolist() == [k / 4, 0.25]
        assert w.grad.tolist() == [k / 4, 0.25]


def test_the_first_call_computes_nothing_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    step = zincir.compile(trainer(model, zincir.optim.Adam(model.parameters())))
    [p.detach().numpy() for p in model.parameters()]
    ((x, y),) = batches(1)
    seen: list[int] = []
    monkeypatch.setattr(evaluate, "run", lambda *_: seen.append(1))
    loss = step(x, y)
    assert not seen
    monkeypatch.undo()
    assert loss.item() > 0


def test_arrays_of_views_follow_what_is_trained():
    """A transposed array of a weight lies apart in memory: the weight's own change shows in it."""
    layer = nn.Linear(3, 2)
    view = layer.weight.detach().T
    array = view.numpy()
    before = array.copy()
    optimizer = zincir.optim.SGD(layer.parameters(), 0.1)

    @zincir.compile
    def step(x):
        optimizer.zero_grad()
        loss = (layer(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(zincir.ones(4, 3)).item() for _ in range(3)]
    assert losses[2] < losses[1] < losses[0]
    assert not np.array_equal(array, before)
    for seen in (view.numpy(), layer.weight.detach().numpy().T):
        np.testing.assert_array_equal(seen, array)


def test_training_is_seen_where_an_array_parted_values_from_what_shared_them():
    """`data` shares memory with the weight, so its array makes the weight's values move."""
    data = zincir.ones(3)
    w = nn.Parameter(data)
    optimizer = zincir.optim.SGD([w], 0.1)

    @zincir.compile
    def step():
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        optimizer.step()
        return loss

    for k in range(4):
        assert step().item() == pytest.approx(3 * 0.64**k, rel=1e-5)
        others = w._node.value, w.grad._node.value  # anything that shares the memory
        arrays = w.detach().numpy(), w.grad.numpy()
        np.testing.assert_allclose(arrays[0], 0.8 ** (k + 1), 1e-5)
        np.testing.assert_allclose(arrays[1], 2 * 0.8**k, 1e-5)
        del others
