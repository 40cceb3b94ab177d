"""Resizing as layers: what is not said of every layer in tests/conformance."""

import zincir
from zincir import nn

F = nn.functional


def test_layers_are_the_function() -> None:
    x = zincir.arange(12).reshape(1, 1, 3, 4).float()
    for layer, options in (
        (nn.Upsample(5, mode="bicubic"), {"size": 5, "mode": "bicubic"}),
        (
            nn.Upsample(None, [1.9, 2], "bilinear", True, True),
            {
                "scale_factor": (1.9, 2.0),
                "mode": "bilinear",
                "align_corners": True,
                "recompute_scale_factor": True,
            },
        ),
        (nn.UpsamplingNearest2d((2, 7)), {"size": (2, 7)}),
        (
            nn.UpsamplingBilinear2d(scale_factor=2),
            {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
        ),
    ):
        assert layer(x).tolist() == F.interpolate(x, **options).tolist()


def test_looks() -> None:
    assert repr(nn.Upsample((2, 3))) == "Upsample(size=(2, 3), mode='nearest')"
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2.0, mode='nearest')"
    assert repr(nn.UpsamplingBilinear2d(4)) == "UpsamplingBilinear2d(size=4, mode='bilinear')"
