"""All schedules beside PyTorch's: the same digits over hundreds of steps, states that move."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

STEPS = 300


class Scale:
    """A function with something to save."""

    def __init__(self) -> None:
        self.factor = 0.99

    def __call__(self, x: float) -> float:
        return self.factor**x


def sequence(s: Any, o: Any) -> Any:
    parts = [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.97), s.CosineAnnealingLR(o, 30, 0.01)]
    return s.SequentialLR(o, parts, [20, 100])


def nested(s: Any, o: Any) -> Any:
    inner = s.SequentialLR(o, [s.LinearLR(o, 0.5, total_iters=7), s.StepLR(o, 9, 0.9)], [7])
    with quiet():  # both warn that steps of schedules come before those of the optimizer
        return s.SequentialLR(o, [inner, s.PolynomialLR(o, 50, 1.5)], [60])


def chain(s: Any, o: Any) -> Any:
    parts = [s.LinearLR(o, 0.2, 0.9, 30), s.ExponentialLR(o, 0.99), s.MultiStepLR(o, [40, 90], 0.3)]
    return s.ChainedScheduler(parts, o)


def too_far(s: Any, o: Any) -> None:
    schedule = s.OneCycleLR(o, 0.1, 3)
    for _ in range(4):
        o.step()
        schedule.step()


def quiet() -> Any:
    return warnings.catch_warnings(action="ignore")


Maker = Callable[[Any, Any], Any]
CASES: dict[str, Maker] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "LambdaLR-several": lambda s, o: s.LambdaLR(o, [lambda e: 1 / (e + 1), Scale()]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 1 - 1 / (e + 3)),
    "StepLR": lambda s, o: s.StepLR(o, 30, 0.3),
    "StepLR-default": lambda s, o: s.StepLR(o, step_size=100),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [30, 80, 80, 200], gamma=0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR-long": lambda s, o: s.ConstantLR(o, factor=0.3, total_iters=40),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR-down": lambda s, o: s.LinearLR(o, 1.0, 0.01, total_iters=217),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.987),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o),
    "PolynomialLR-square": lambda s, o: s.PolynomialLR(o, total_iters=211, power=2.3),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, T_max=70, eta_min=1e-3),
    "CosineAnnealingLR-whole": lambda s, o: s.CosineAnnealingLR(o, STEPS),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, 2, 1e-4),
    "CosineAnnealingWarmRestarts-even": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=13),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 17),
    "CyclicLR-2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.3, 0.4], 11, 23, "triangular2"),
    "CyclicLR-exp": lambda s, o: s.CyclicLR(
        o, 0.01, 0.3, 17, mode="exp_range", gamma=0.99, base_momentum=[0.7, 0.6]
    ),
    "CyclicLR-own": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 17, scale_fn=Scale()),
    "CyclicLR-iterations": lambda s, o: s.CyclicLR(
        o, 0.01, 0.3, 17, scale_fn=Scale(), scale_mode="iterations", cycle_momentum=False
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.3, STEPS + 10),
    "OneCycleLR-three": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.5], epochs=31, steps_per_epoch=10, three_phase=True, pct_start=0.2
    ),
    "OneCycleLR-linear": lambda s, o: s.OneCycleLR(
        o, 0.3, STEPS + 1, anneal_strategy="linear", div_factor=7, final_div_factor=9
    ),
    "SequentialLR": sequence,
    "SequentialLR-nested": nested,
    "ChainedScheduler": chain,
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o),
    "ReduceLROnPlateau-max": lambda s, o: s.ReduceLROnPlateau(
        o, "max", 0.3, 2, 0.05, "abs", 3, [1e-3, 1e-4], 1e-6
    ),
    "ReduceLROnPlateau-min": lambda s, o: s.ReduceLROnPlateau(
        o, factor=0.5, patience=4, threshold=0.1, threshold_mode="rel", cooldown=2
    ),
}
cases = pytest.mark.parametrize("make", list(CASES.values()), ids=list(CASES))


class Pair:
    """An optimizer with two groups, and its schedule, in either library."""

    def __init__(self, library: Any, make: Maker, kind: str = "SGD", rate: Any = float) -> None:
        self.library = library
        params = [library.ones(1, requires_grad=True) for _ in range(2)]
        groups = [
            {"params": [params[0]], "lr": rate(0.5)},
            {"params": [params[1]], "lr": rate(0.25)},
        ]
        self.optimizer = getattr(library.optim, kind)(groups)
        self.schedule = make(library.optim.lr_scheduler, self.optimizer)
        self.on_plateau = type(self.schedule).__name__ == "ReduceLROnPlateau"

    def step(self, number: int) -> None:
        self.optimizer.step()
        if self.on_plateau:
            self.schedule.step(abs((number * 37) % 11 - 5) / (1 + number / 50))
        else:
            self.schedule.step()

    def numbers(self) -> Any:
        keys = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr")
        groups = [{k: g[k] for k in keys if k in g} for g in self.optimizer.param_groups]
        plain = [
            {k: v.tolist() if hasattr(v, "tolist") else v for k, v in g.items()} for g in groups
        ]
        return plain, [float(rate) for rate in self.schedule.get_last_lr()]


def test_all_fifteen_are_compared() -> None:
    names = set(torch.optim.lr_scheduler.__all__) - {"LRScheduler"}
    assert len(names) == 15
    assert {name.split("-")[0] for name in CASES} == names
    assert issubclass(zincir.optim.lr_scheduler._LRScheduler, zincir.optim.lr_scheduler.LRScheduler)


@cases
def test_hundreds_of_steps_to_the_digit(make: Maker) -> None:
    ours, theirs = Pair(zincir, make), Pair(torch, make)
    for number in range(STEPS):
        assert ours.numbers() == theirs.numbers(), number
        for pair in (ours, theirs):
            pair.step(number)


@cases
def test_with_betas_and_rates_that_are_tensors(make: Maker) -> None:
    ours = Pair(zincir, make, "Adam", zincir.tensor)
    theirs = Pair(torch, make, "Adam", torch.tensor)
    rate = ours.optimizer.param_groups[0]["lr"]
    for number in range(25):
        assert ours.numbers() == theirs.numbers(), number
        for pair in (ours, theirs):
            pair.step(number)
    assert ours.optimizer.param_groups[0]["lr"] is rate


@cases
def test_a_state_moves_from_one_to_the_other(make: Maker) -> None:
    theirs, ours = Pair(torch, make), Pair(zincir, make)
    for number in range(33):
        theirs.step(number)
    state = theirs.schedule.state_dict()
    assert ours.schedule.state_dict().keys() == state.keys()
    ours.optimizer.load_state_dict(theirs.optimizer.state_dict())
    ours.schedule.load_state_dict(copy.deepcopy(state))
    again = Pair(torch, make)
    again.optimizer.load_state_dict(ours.optimizer.state_dict())
    again.schedule.load_state_dict(copy.deepcopy(ours.schedule.state_dict()))
    for number in range(33, 60):
        for pair in (ours, theirs, again):
            pair.step(number)
        assert ours.numbers() == theirs.numbers() == again.numbers()


@cases
def test_a_step_to_a_certain_epoch(make: Maker) -> None:
    ours, theirs = Pair(zincir, make), Pair(torch, make)
    if ours.on_plateau or type(ours.schedule).__name__ in ("SequentialLR", "ChainedScheduler"):
        pytest.skip("its step has no such argument")
    for epoch in (3, 40, 41, 0, 7):
        for pair in (ours, theirs):
            pair.optimizer.step()
            if "Warm" in type(pair.schedule).__name__:
                pair.schedule.step(epoch)
                continue
            with pytest.warns(UserWarning, match="epoch"):
                pair.schedule.step(epoch)
        assert ours.numbers() == theirs.numbers()


@cases
def test_going_on_behind_an_epoch(make: Maker) -> None:
    """A new schedule of an optimizer that was saved and loaded, with last_epoch."""
    ends: list[Any] = []
    for library in (zincir, torch):
        first = Pair(library, make)
        if first.on_plateau or type(first.schedule).__name__ in (
            "SequentialLR",
            "ChainedScheduler",
        ):
            pytest.skip("it has no such argument, or parts of its own")
        for number in range(12):
            first.step(number)
        second = Pair(library, lambda s, o: None)
        second.optimizer.load_state_dict(first.optimizer.state_dict())

        class Later:
            """The schedules of a library, made with last_epoch."""

            def __init__(self, module: Any) -> None:
                self.module = module

            def __getattr__(self, name: str) -> Any:
                kind = getattr(self.module, name)
                return lambda *args, **options: kind(*args, **options, last_epoch=11)

        second.schedule = make(Later(library.optim.lr_scheduler), second.optimizer)
        second.on_plateau = False
        found = [second.numbers()]
        for number in range(5):
            second.step(number)
            found.append(second.numbers())
        ends.append(found)
    assert ends[0] == ends[1]


REFUSED: list[tuple[type[Exception], Maker]] = [
    (TypeError, lambda s, o: s.StepLR(3, 1)),
    (TypeError, lambda s, o: s.ReduceLROnPlateau(3)),
    (TypeError, lambda s, o: s.CyclicLR(3, 0.1, 0.2)),
    (TypeError, lambda s, o: s.OneCycleLR(3, 0.1, 10)),
    (TypeError, lambda s, o: s.MultiplicativeLR(o, 3)),
    (ValueError, lambda s, o: s.LambdaLR(o, [abs])),
    (ValueError, lambda s, o: s.ConstantLR(o, 2.0)),
    (ValueError, lambda s, o: s.LinearLR(o, 0.0)),
    (ValueError, lambda s, o: s.LinearLR(o, 0.5, 1.5)),
    (ValueError, lambda s, o: s.CosineAnnealingWarmRestarts(o, 0)),
    (ValueError, lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 0.5)),
    (ValueError, lambda s, o: s.CosineAnnealingWarmRestarts(o, 5).step(-1)),
    (ValueError, lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square")),
    (ValueError, lambda s, o: s.CyclicLR(o, [0.1], 0.2)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, -3)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=2)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=2.0)),
    (ValueError, lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="root")),
    (ValueError, too_far),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, factor=1.0)),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, "least")),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="none")),
    (ValueError, lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1])),
    (ValueError, lambda s, o: s.SequentialLR(o, [], [])),
    (ValueError, lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3])),
    (ValueError, lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], [])),
    (ValueError, lambda s, o: s.ChainedScheduler([])),
    (ValueError, lambda s, o: s.ChainedScheduler([s.StepLR(o, 1)], Pair(zincir, nested).optimizer)),
    (TypeError, lambda s, o: s.ChainedScheduler([3], o)),
    (KeyError, lambda s, o: s.StepLR(o, 1, last_epoch=3)),
    (NotImplementedError, lambda s, o: s.LRScheduler(o)),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_pytorch_refuses_is_refused(number: int) -> None:
    error, make = REFUSED[number]
    for library in (torch, zincir):
        with pytest.raises(error):
            Pair(library, make)
