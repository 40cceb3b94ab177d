"""Every model, small (of MobileNet two blocks): it trains, compiled or not; state can be kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import models, nn

SMALL: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "lenet5": (models.LeNet5, (4, 1, 28, 28)),
    "vgg": (lambda: models.SmallVGG(width=2), (4, 3, 32, 32)),
    "resnet": (lambda: models.ResNet(models.BasicBlock, (1, 1, 1, 1), 10, width=4), (4, 3, 40, 40)),
    "bottleneck": (
        lambda: models.ResNet(models.Bottleneck, (1, 1, 1, 1), 10, width=2),
        (4, 3, 40, 40),
    ),
    "resnet8": (lambda: models.SmallResNet(8, width=4), (4, 3, 16, 16)),
    "plain8": (
        lambda: models.SmallResNet(8, residual=False, norm=False, width=4),
        (4, 3, 16, 16),
    ),
    "inverted": (
        lambda: nn.Sequential(
            models.InvertedResidual(3, 4, 2, 6),
            models.InvertedResidual(4, 4, 1, 6),
            nn.Flatten(),
            nn.Linear(4 * 4 * 4, 10),
        ),
        (4, 3, 8, 8),
    ),
    "unet": (lambda: models.UNet(1, 10, width=2, depth=2), (2, 1, 8, 8)),
}


def losses(name: str, wrap: Callable[..., Any], steps: int = 6) -> tuple[list[float], Any]:
    zincir.manual_seed(1)
    make, shape = SMALL[name]
    model = make().double()
    rng = np.random.default_rng(2)
    x = zincir.from_numpy(rng.normal(size=shape))
    y = zincir.from_numpy(rng.integers(0, 10, model(x).argmax(1).shape))
    optimizer = zincir.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = wrap(step)
    return [run(x, y).item() for _ in range(steps)], model


@pytest.mark.parametrize("name", SMALL)
def test_compiled_steps_are_the_plain_ones(name: str) -> None:
    plain, model = losses(name, lambda step: step)
    compiled, other = losses(name, zincir.compile)
    np.testing.assert_allclose(compiled, plain, 1e-9)
    assert compiled[-1] < compiled[0]
    for (key, value), again in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        np.testing.assert_allclose(again.numpy(), value.numpy(), 1e-8, 1e-9, err_msg=key)
    # Every parameter is reached, and every running statistic has moved.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    tracked = [v.item() for k, v in model.state_dict().items() if k.endswith("tracked")]
    assert set(tracked) <= {7}  # six steps, and the run that found the shape of the labels


@pytest.mark.parametrize("name", SMALL)
def test_state_goes_to_another_model(name: str) -> None:
    make, shape = SMALL[name]
    one, other = make().eval(), make().eval()
    x = zincir.randn(*shape)
    assert not zincir.allclose(one(x), other(x))
    other.load_state_dict({k: v.numpy().copy() for k, v in one.state_dict().items()})
    assert zincir.equal(one(x), other(x))
