import pytest

import zincir
from zincir import models, nn
from zincir.errors import ArgumentError

# Published by torchvision for 1000 classes.
COUNTS = {
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters(name: str) -> None:
    """Weights are not drawn before somebody looks: a big net costs nothing to make."""
    model = getattr(models, name)()
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == int(name[3:5])
    assert len(norms) == (len(layers) - 3 if name.endswith("bn") else 0)


def test_names_are_torchvisions() -> None:
    plain = [n for n in models.vgg11().state_dict() if n.endswith("weight")]
    convolutions = [f"features.{i}.weight" for i in (0, 3, 6, 8, 11, 13, 16, 18)]
    assert plain == [*convolutions, *[f"classifier.{i}.weight" for i in (0, 3, 6)]]
    normed = list(models.vgg11_bn().state_dict())
    assert normed[:7] == [
        "features.0.weight",
        "features.0.bias",
        *[f"features.1.{n}" for n in ("weight", "bias", "running_mean", "running_var")],
        "features.1.num_batches_tracked",
    ]
    assert "features.25.weight" in normed


def test_classes_and_dropout() -> None:
    model = models.vgg11(num_classes=7, dropout=0.25)
    assert model.classifier[6].out_features == 7
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.25, 0.25]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (47, 33), (64, 40)])
@pytest.mark.parametrize("norm", [False, True])
def test_small(height: int, width: int, norm: bool) -> None:
    model = models.SmallVGG(13, num_classes=5, width=2, norm=norm, in_channels=1).eval()
    for batch in (0, 1, 2):
        assert model(zincir.ones(batch, 1, height, width)).numpy(force=True).shape == (batch, 5)


def test_small_has_the_features_of_the_big_one() -> None:
    small, big = models.SmallVGG().state_dict(), models.vgg11_bn().state_dict()
    for name, value in small.items():
        if name.startswith("features"):
            assert value.shape == big[name].shape


def test_other_depths_are_refused() -> None:
    with pytest.raises(ArgumentError, match="VGG: no such depth") as error:
        models.SmallVGG(12)
    assert "11, 13, 16 or 19" in str(error.value)
