"""PyTorch's own database of optimizers: every one, over all its inputs, beside PyTorch itself."""

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.errors import DTypeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
database = pytest.importorskip(
    "torch.testing._internal.common_optimizers",
    reason="PyTorch's test database is not there (it wants expecttest): nothing is compared",
)
pytestmark = pytest.mark.torch

INFOS = {info.name: info for info in database.optim_db}
CASES = [
    pytest.param(name, case.kwargs, compiled, id=f"{name}-{case.desc}{'-compiled' * compiled}")
    for name, info in INFOS.items()
    for number, case in enumerate(info.optim_inputs_func(device="cpu"))
    # A line search looks at values: its closure can be compiled, it cannot.
    for compiled in ([False] if name == "LBFGS" else [True] if number else [False, True])
]
ERRORS = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, info in INFOS.items()
    for number in range(len(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)))
]
STEPS = {"LBFGS": 2}
"""20 if nothing is said: LBFGS iterates 20 times in each."""
# What Muon computes in bfloat16 differs by its rounding: 1/256 of a step of 1e-3 or 1e-2.
TOLERANCES = {"Muon": (1e-4, 4e-4), "LBFGS": (1e-9, 1e-10)}


def in_zincir(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Tensors among arguments are copies, and ours; what is one tensor twice is so again."""
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            copy = zincir.from_numpy(value.detach().numpy().copy())
            parameter = isinstance(value, torch.nn.Parameter)
            known[id(value)] = zincir.nn.Parameter(copy) if parameter else copy
        return known[id(value)]
    if isinstance(value, dict):
        return {k: in_zincir(v, known) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(in_zincir(v, known) for v in value)
    return value


class Net:
    """Two layers that learn a few points, or a table of rows for those that want it."""

    def __init__(self, library: Any, name: str) -> None:
        random = np.random.default_rng(0)
        self.library, self.steps = library, STEPS.get(name, 20)
        self.batches = [library.tensor(rows) for rows in ([0, 2, 2], [4, 0], [2, 5, 5, 1])]
        self.loss = self.of_table if name == "SparseAdam" else self.of_layers
        shapes = (
            [(6, 4)]
            if name == "SparseAdam"
            else [(5, 4), (3, 5)]
            if name == "Muon"
            else [(5, 4), (3, 5), (5,), (3,)]
        )
        self.parameters = [self.tensor(random.standard_normal(s) * 0.5) for s in shapes]
        self.x = library.from_numpy(random.standard_normal((8, 4)))
        self.y = library.from_numpy(random.standard_normal((8, 3)))

    def tensor(self, array: np.ndarray) -> Any:
        return self.library.nn.Parameter(self.library.from_numpy(array))

    def of_table(self, number: int) -> Any:
        """Rows of the first weights, looked up; other ones at each step."""
        rows = self.library.nn.functional.embedding(
            self.batches[number % 3], self.parameters[0], sparse=True
        )
        return ((rows + 0.2) ** 4).sum()

    def of_layers(self, number: int) -> Any:
        one, two, *biases = self.parameters
        first, second = biases or (0.0, 0.0)
        return ((((self.x @ one.T + first).tanh() @ two.T + second) - self.y) ** 2).mean()

    def train(self, optimizer: Any, compiled: bool = False) -> None:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = self.loss(self.number)
            loss.backward()
            return loss

        def step() -> Any:
            return optimizer.step(closure)

        run = zincir.compile(step) if compiled else step
        for number in range(self.steps):
            rate = optimizer.param_groups[0]["lr"]
            if number >= self.steps // 2 and not isinstance(rate, int | float):
                rate.mul_(0.9)
            elif number >= self.steps // 2:
                optimizer.param_groups[0]["lr"] *= 0.9
            self.number = number
            run()

    def values(self) -> list[np.ndarray]:
        return [p.detach().numpy() for p in self.parameters]


def test_all_fourteen_are_there() -> None:
    assert len(INFOS) >= 14
    missing = [name for name in INFOS if not hasattr(zincir.optim, name)]
    assert not missing


@pytest.mark.parametrize(("name", "options", "compiled"), CASES)
def test_weights_after_twenty_steps(name: str, options: dict[str, Any], compiled: bool) -> None:
    theirs, ours = Net(torch, name), Net(zincir, name)
    ours.train(getattr(zincir.optim, name)(ours.parameters, **in_zincir(options)), compiled)
    theirs.train(getattr(torch.optim, name)(theirs.parameters, **copy.deepcopy(options)))
    rtol, atol = TOLERANCES.get(name, (1e-9, 1e-10))
    for mine, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, other, rtol, atol)


@pytest.mark.parametrize(("name", "number"), ERRORS)
def test_what_pytorch_refuses_is_refused(name: str, number: int) -> None:
    case = INFOS[name].optim_error_inputs_func(device="cpu", dtype=torch.float32)[number]
    given = case.optimizer_error_input
    try:
        params = in_zincir(given.params)
    except TypeError as error:
        pytest.skip(f"the tensors of this case do not exist here: {error}")
    if params is None:
        params = [zincir.nn.Parameter(zincir.ones(2, 2))]
    kind = getattr(zincir.optim, name)
    if case.error_type is UserWarning:
        with pytest.warns(UserWarning, match="duplicate parameters"):
            kind(params, **in_zincir(given.kwargs))
        return
    with pytest.raises((case.error_type, DTypeError)):  # DTypeError: no complex parameters at all
        kind(params, **in_zincir(given.kwargs))


@pytest.mark.parametrize("name", sorted(INFOS))
def test_defaults(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theirs = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2, 2))])
        ours = getattr(zincir.optim, name)([zincir.nn.Parameter(zincir.ones(2, 2))])
    assert ours.defaults == theirs.defaults
    assert {**ours.param_groups[0], "params": 0} == {**theirs.param_groups[0], "params": 0}
