"""Optimizers beside PyTorch's: twenty steps, and states that move from one to the other."""

from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.001, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.9), "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.0}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.001, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"alpha": 0.9, "eps": 1e-3, "momentum": 0.9}),
    ("RMSprop", {"alpha": 0.9, "eps": 1e-3, "centered": True}),
    ("RMSprop", {"momentum": 0.5, "weight_decay": 0.1, "centered": True, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "weight_decay": 0.1, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adagrad", {"lr": 0.001, "lr_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "eps": (1e-8, 0.1)}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 6, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "betas": (0.7, 0.9), "momentum_decay": 0.1, "maximize": False}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.99)}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "decoupled_weight_decay": True}),
    ("Rprop", {"lr": 0.02, "etas": (0.4, 1.3), "step_sizes": (0.01, 0.1)}),
]
SHAPES = ((3, 4), (4,), ())


class Problem:
    """Parameters pulled to a target by a loss that is not quadratic, in either library."""

    def __init__(self, library: Any, dtype: Any) -> None:
        random = np.random.default_rng(0)
        self.library = library
        start = [random.standard_normal(shape).astype(dtype) for shape in SHAPES]
        self.parameters = [
            library.nn.Parameter(library.from_numpy(np.array(s, dtype))) for s in start
        ]

    def step(self, optimizer: Any, number: int) -> None:
        optimizer.zero_grad()
        # The last parameter gets its first gradient later than the others, and misses one
        used = self.parameters if number not in (0, 1, 7) else self.parameters[:-1]
        pulled = [((p - 0.3) ** 4 + (p * 2.0) ** 2).sum() for p in used]
        sum(pulled[1:], pulled[0]).backward()
        optimizer.step()

    def values(self) -> list[np.ndarray]:
        return [p.detach().numpy().copy() for p in self.parameters]


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_twenty_steps(name: str, options: dict[str, Any], dtype: Any) -> None:
    problems = [Problem(library, dtype) for library in (zincir, torch)]
    optimizers = [getattr(p.library.optim, name)(p.parameters, **options) for p in problems]
    rtol = 1e-12 if dtype is np.float64 else 2e-5
    for number in range(20):
        for problem, optimizer in zip(problems, optimizers, strict=True):
            if number >= 10:
                for group in optimizer.param_groups:
                    group["lr"] *= 0.9
            problem.step(optimizer, number)
        for mine, other in zip(*[p.values() for p in problems], strict=True):
            np.testing.assert_allclose(mine, other, rtol, rtol)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_state_moves_there_and_back(name: str, options: dict[str, Any]) -> None:
    ours, theirs = Problem(zincir, np.float64), Problem(torch, np.float64)
    first = getattr(torch.optim, name)(theirs.parameters, **options)
    for number in range(5):
        theirs.step(first, number)
    second = getattr(zincir.optim, name)(ours.parameters, lr=0.7)
    second.load_state_dict(first.state_dict())
    for mine, other in zip(ours.parameters, theirs.parameters, strict=True):
        mine.data = zincir.from_numpy(other.detach().numpy().copy())
    for number in range(5, 10):
        ours.step(second, number)
        theirs.step(first, number)
    for mine, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, other, 1e-11, 1e-14)
    third = getattr(torch.optim, name)(theirs.parameters, **options)
    state = second.state_dict()
    state["state"] = {
        k: {n: torch.tensor(np.array(v.numpy())) for n, v in s.items()}
        for k, s in state["state"].items()
    }
    third.load_state_dict(state)
    for number in range(10, 15):
        ours.step(second, number)
        theirs.step(third, number)
    for mine, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, other, 1e-11, 1e-14)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_states_have_the_same_names_and_shapes(name: str, options: dict[str, Any]) -> None:
    forms = []
    for library in (zincir, torch):
        problem = Problem(library, np.float32)
        optimizer = getattr(library.optim, name)(problem.parameters, **options)
        for number in range(3):
            problem.step(optimizer, number)
        state = optimizer.state_dict()
        forms.append(
            {
                number: {k: (tuple(v.shape), str(v.dtype).split(".")[1]) for k, v in held.items()}
                for number, held in state["state"].items()
                if held
            }
        )
        assert state["param_groups"][0]["params"] == [0, 1, 2]
    assert forms[0] == forms[1]


def test_groups_and_their_defaults() -> None:
    for name in sorted({name for name, _ in CASES}):
        ours = getattr(zincir.optim, name)([zincir.ones(1, requires_grad=True)])
        theirs = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)])
        for key, value in ours.defaults.items():
            assert theirs.defaults[key] == value, key


def test_groups_are_the_dictionaries_that_were_given() -> None:
    found: list[Any] = []
    for library in (zincir, torch):
        net = library.nn.Linear(2, 3)
        groups = [
            {"params": [("weight", net.weight)], "name": "first", "lr": 0.5, "own": [1]},
            {"params": [("bias", net.bias)]},
        ]
        optimizer = library.optim.Adam(groups)
        assert optimizer.param_groups[0] is groups[0]
        added = {"params": library.nn.Parameter(library.ones(1))}
        with pytest.raises(ValueError, match="names"):
            optimizer.add_param_group(added)
        with pytest.raises(ValueError, match="more than one parameter group"):
            optimizer.add_param_group({"params": [("bias", net.bias)]})
        optimizer.add_param_group({"params": [("more", library.nn.Parameter(library.ones(1)))]})
        state = optimizer.state_dict()
        other = library.optim.Adam(net.named_parameters())
        other.add_param_group({"params": [("x", library.nn.Parameter(library.ones(1)))]})
        with pytest.raises(ValueError, match="group"):
            other.load_state_dict(state)
        state["param_groups"] = [
            {**state["param_groups"][0], "params": [0, 1]},
            state["param_groups"][2],
        ]
        other.load_state_dict(state)
        plain = library.optim.Adam(net.parameters())
        saved = plain.state_dict()
        named = library.optim.Adam(net.named_parameters())
        named.load_state_dict(saved)
        found.append(
            [
                {k: v for k, v in group.items() if k != "params"}
                for group in (*state["param_groups"], *other.param_groups, *named.param_groups)
            ]
        )
    assert found[0] == found[1]


def test_hooks_around_saving_and_loading() -> None:
    found: list[Any] = []
    for library in (zincir, torch):
        p = library.nn.Parameter(library.ones(2))
        optimizer = library.optim.SGD([p], lr=0.5)
        calls: list[str] = []

        def called(name: str, calls: list[str] = calls, result: Any = None) -> Any:
            return lambda *args: calls.append(f"{name} {len(args)}") or result

        handles = [
            optimizer.register_state_dict_pre_hook(called("before saving")),
            optimizer.register_state_dict_post_hook(called("after saving")),
            optimizer.register_state_dict_post_hook(called("first"), prepend=True),
            optimizer.register_load_state_dict_pre_hook(called("before loading")),
            optimizer.register_load_state_dict_post_hook(called("after loading")),
        ]
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        handles[2].remove()
        optimizer.register_state_dict_post_hook(called("other", result={"a": 1}))
        calls.append(str(optimizer.state_dict()))
        changed = {**state, "param_groups": [{**state["param_groups"][0], "lr": 0.25}]}
        optimizer.register_load_state_dict_pre_hook(called("changed", result=changed))
        optimizer.load_state_dict(state)
        calls.append(str(optimizer.param_groups[0]["lr"]))
        assert optimizer.param_groups[0]["params"][0] is p
        found.append(calls)
    assert found[0] == found[1]


@pytest.mark.parametrize("compiled", [False, True])
def test_settings_that_are_tensors(compiled: bool) -> None:
    """Rates, betas and decay; what is written to them counts from the next step on."""
    ends: list[Any] = []
    for library in (zincir, torch):
        found: list[Any] = []
        for name, options in (("AdamW", {"betas": (0.9, 0.99)}), ("SGD", {"weight_decay": 0.1})):
            p = library.nn.Parameter(library.tensor([1.0, 2.0]))
            given = {
                k: tuple(map(library.tensor, v)) if isinstance(v, tuple) else library.tensor(v)
                for k, v in options.items()
            }
            optimizer = getattr(library.optim, name)([p], lr=library.tensor([0.1]), **given)

            def step(p: Any = p, optimizer: Any = optimizer) -> None:
                optimizer.zero_grad()
                (p**2).sum().backward()
                optimizer.step()

            run = zincir.compile(step) if compiled and library is zincir else step
            for number in range(6):
                run()
                if number == 2:
                    value = given["betas"][0] if "betas" in given else given["weight_decay"]
                    value.fill_(0.5)
            found.append(p.tolist())
        ends.append(found)
    np.testing.assert_allclose(ends[0], ends[1], 2e-6)


@pytest.mark.filterwarnings("ignore:.*duplicate parameters")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "momentum later"])
@pytest.mark.parametrize("held", [1, 2, 3])
@pytest.mark.parametrize(
    "settings",
    [{}, {"dampening": 0.25}, {"nesterov": True, "weight_decay": 0.125}],
    ids=["momentum", "dampened", "nesterov"],
)
def test_the_first_momentum_is_the_gradient(
    settings: dict[str, Any], held: int, late: bool, compiled: bool
) -> None:
    """Whenever it begins, and at each update of that step if a group holds a parameter twice."""

    def steps(library: Any) -> list[list[float]]:
        p = library.tensor([1.0, -2.0], requires_grad=True)
        other = library.tensor([3.0, 1.0], requires_grad=True)
        optimizer = library.optim.SGD([p] * held + [other], lr=0.25, momentum=0.5, **settings)

        def step() -> None:
            optimizer.zero_grad()
            (p * p + other * other).sum().backward()
            optimizer.step()

        step = zincir.compile(step) if compiled and library is zincir else step
        values: list[list[float]] = []
        for number in range(6):
            if late:
                optimizer.param_groups[0]["momentum"] = 0.5 if number > 2 else 0
            step()
            values += [p.tolist(), other.tolist()]
        return values

    np.testing.assert_allclose(steps(zincir), steps(torch), 1e-6, 1e-7)
