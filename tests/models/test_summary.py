from typing import Any

import numpy as np
import pytest

import zincir
from zincir import models, nn
from zincir.errors import ArgumentError, DTypeError, ShapeError
from zincir.models import summary


def test_rows_of_a_sequence() -> None:
    found = summary(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), (8, 4))
    rows = [
        (r.path, r.kind, r.output_shape, r.parameters, r.multiply_adds, r.activation_bytes)
        for r in found.rows
    ]
    assert rows == [
        ("0", "Linear", ((8, 3),), 15, 8 * 4 * 3, 96),
        ("1", "ReLU", ((8, 3),), 0, 0, 96),
        ("2", "Linear", ((8, 2),), 8, 8 * 3 * 2, 64),
    ]
    assert (found.parameters, found.trained, found.parameter_bytes) == (23, 23, 92)
    assert (found.multiply_adds, found.activation_bytes) == (144, 256)


# Per layer: inputs, the layer, multiply-adds counted on paper.
LAYERS: list[tuple[nn.Module, tuple[int, ...], int]] = [
    (nn.Linear(5, 7), (2, 3, 5), 2 * 3 * 5 * 7),
    (nn.Conv1d(4, 6, 3), (2, 4, 9), 2 * 6 * 7 * (4 * 3)),
    (nn.Conv2d(4, 6, 3, stride=2, padding=1), (2, 4, 7, 6), 2 * 6 * (4 * 3) * (4 * 9)),
    (nn.Conv2d(4, 6, 3, groups=2, dilation=2), (1, 4, 7, 6), 6 * (3 * 2) * (2 * 9)),
    (nn.Conv2d(4, 4, 3, groups=4, bias=False), (1, 4, 5, 5), 4 * 9 * 9),
    (nn.Conv3d(1, 2, 2), (1, 1, 3, 4, 5), 2 * (2 * 3 * 4) * 8),
    (nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 5, 3), 2 * 4 * (5 * 3) * (6 * 9)),
    (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (1, 4, 5, 3), 4 * (5 * 3) * (3 * 4)),
    (nn.BatchNorm2d(4), (2, 4, 3, 3), 0),
    (nn.MaxPool2d(2), (2, 4, 4, 4), 0),
    (nn.Linear(5, 7), (0, 5), 0),
]


@pytest.mark.parametrize(("layer", "shape", "count"), LAYERS, ids=lambda v: type(v).__name__)
def test_multiply_adds(layer: nn.Module, shape: tuple[int, ...], count: int) -> None:
    (row,) = summary(layer, shape).rows
    assert (row.path, row.kind) == ("", type(layer).__name__)
    assert row.output_shape == (layer(zincir.zeros(*shape)).shape,)
    assert row.multiply_adds == count
    assert row.parameters == sum(p.numel() for p in layer.parameters())


class Products(nn.Module):
    """Products that no layer makes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(zincir.ones(6, 4))
        self.inner = nn.Linear(6, 3)

    def forward(self, x: zincir.Tensor) -> zincir.Tensor:
        y = nn.functional.linear(x, self.weight)
        return self.inner(y) @ zincir.ones(3, 5)


def test_products_of_other_code_are_found_in_the_graph() -> None:
    inner, own = summary(Products(), (2, 4)).rows
    assert (inner.path, inner.multiply_adds, inner.parameters) == ("inner", 2 * 6 * 3, 21)
    assert (own.path, own.kind) == ("", "Products")
    assert own.multiply_adds == 2 * 4 * 6 + 2 * 3 * 5
    assert own.parameters == 24
    assert own.activation_bytes == 2 * 5 * 4

    class Convolved(nn.Module):
        def forward(self, x: zincir.Tensor) -> zincir.Tensor:
            return nn.functional.conv2d(x, zincir.ones(6, 4, 3, 3))

    (row,) = summary(nn.Sequential(Convolved()), (2, 4, 6, 5)).rows
    assert row.multiply_adds == 2 * 6 * (4 * 3) * (4 * 9)


# Published with torchvision's weights, for one image of 224x224: parameters, and GMACs ("GFLOPS").
PUBLISHED = {
    "resnet18": (11_689_512, 1.81),
    "resnet34": (21_797_672, 3.66),
    "resnet50": (25_557_032, 4.09),
    "resnet101": (44_549_160, 7.80),
    "vgg11": (132_863_336, 7.61),
    "vgg16": (138_357_544, 15.47),
    "mobilenet_v2": (3_504_872, 0.30),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(name: str) -> None:
    parameters, giga = PUBLISHED[name]
    found = summary(getattr(models, name)(), (1, 3, 224, 224))
    assert found.parameters == parameters
    assert sum(row.parameters for row in found.rows) == parameters
    assert round(found.multiply_adds / 1e9, 2) == giga


def test_depth() -> None:
    model = models.SmallResNet(8, width=4)
    whole, one, none = (summary(model, (2, 3, 16, 16), depth) for depth in (None, 1, 0))
    assert [row.path for row in one.rows] == [
        *("conv1", "bn1", "relu", "layer1", "layer2", "layer3", "avgpool", "fc")
    ]
    assert [row.path for row in none.rows] == [""]
    for other in (one, none):
        for total in ("parameters", "multiply_adds", "activation_bytes"):
            assert getattr(other, total) == getattr(whole, total)
            assert sum(getattr(row, total) for row in other.rows) == getattr(whole, total)
    with pytest.raises(ArgumentError, match="depth is negative"):
        summary(model, (2, 3, 16, 16), -1)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.mix = nn.Linear(4, 4)
        self.out = nn.Linear(4, 10, bias=False)
        self.out.weight = self.embed.weight
        self.idle = nn.Linear(2, 2)
        self.idle.weight.requires_grad_(False)

    def forward(self, x: zincir.Tensor) -> zincir.Tensor:
        return self.out(self.mix(self.mix(self.embed(x))))


def test_shared_repeated_and_idle_layers() -> None:
    found = summary(Twice(), zincir.zeros(3, dtype=zincir.int64))
    assert [(r.path, r.parameters) for r in found.rows] == [
        *(("embed", 40), ("mix", 20), ("mix", 0), ("out", 0), ("idle", 6))
    ]
    assert found.rows[-1].output_shape is None
    assert [r.multiply_adds for r in found.rows] == [0, 48, 48, 120, 0]
    assert (found.parameters, found.trained) == (66, 62)
    assert str(found).endswith("264 B of parameters, 4 of them not trained")


def test_views_take_no_memory() -> None:
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(0))
    assert [r.activation_bytes for r in summary(model, (2, 3, 4)).rows] == [0, 0, 0, 96, 0]
    doubles = summary(nn.Sequential(nn.Linear(3, 5), nn.ReLU()).double(), (2, 3))
    assert [r.activation_bytes for r in doubles.rows] == [80, 80]


class Several(nn.Module):
    def forward(self, x: zincir.Tensor, y: zincir.Tensor) -> dict[str, Any]:
        return {"sum": x + y, "both": [x * y, (x - y,)], "name": "several"}


def test_several_inputs_and_outputs() -> None:
    (row,) = summary(Several(), ((2, 3), zincir.ones(3))).rows
    assert row.output_shape == ((2, 3), (2, 3), (2, 3))
    assert row.shape == "(2, 3), (2, 3), (2, 3)"
    assert row.activation_bytes == 3 * 24


def test_nothing_is_changed_or_drawn() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.ReLU())
    model[2].eval()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    stream = zincir.get_rng_state()
    summary(model, (4, 1, 5, 5))
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert [m.training for m in model.modules()] == [True, True, True, False, True]
    assert (zincir.get_rng_state() == stream).all()
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_nothing_is_computed() -> None:
    """A batch whose values would take 300 TB."""
    seen: list[zincir.Tensor] = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2**20))
    model[1].register_forward_hook(lambda module, args, output: seen.append(output))
    found = summary(model, zincir.zeros(1, 4).expand(2**26, 4))
    assert found.rows[-1].output_shape == ((2**26, 2**20),)
    assert seen[0]._node.value is None
    assert model[1].weight._node.value is None


def test_a_failing_forward_leaves_no_hooks() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3))
    with pytest.raises(ShapeError):
        summary(model, (2, 4))
    assert model.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())


def test_the_table() -> None:
    lines = str(summary(models.LeNet5(), (100, 1, 28, 28))).splitlines()
    assert lines[0] == "LeNet5"
    title = "layer  class      output             parameters  multiply-adds  activation"
    first = "conv1  Conv2d     (100, 6, 28, 28)          156     11,760,000     1.88 MB"
    assert (lines[2], lines[4]) == (title, first)
    assert lines[-2].split()[:2] == ["total", "61,706"]
    assert lines[-1] == "246.82 kB of parameters"
    numbers = [line for line in lines[2:-1] if not line.startswith("-")]
    assert len({len(line) for line in numbers}) == 1  # columns end together
    assert "Linear" in str(summary(nn.Linear(1, 1), (1, 1)))
    assert "(itself)" in str(summary(nn.Linear(1, 1), (1, 1)))


@pytest.mark.parametrize("given", ["abc", 3, (2, -1), ((2, 3), "x"), ((2.0, 3),), None])
def test_other_inputs_are_refused(given: Any) -> None:
    with pytest.raises(DTypeError, match="summary: cannot run the model on this") as error:
        summary(nn.Linear(3, 2), given)
    assert "(1, 3, 224, 224)" in str(error.value)
    assert "test_summary.py" in str(error.value)


def test_only_modules() -> None:
    with pytest.raises(DTypeError, match="summary: not a module"):
        summary(zincir.relu, (2, 3))  # type: ignore[arg-type]
