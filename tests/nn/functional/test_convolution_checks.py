"""Errors of convolutions: each says where, what came, and what to try."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, ShapeError

F, ones = nn.functional, zincir.ones
images = ones(4, 3, 8, 8)

ERRORS: dict[str, tuple[type[Exception], Callable[[], Any], str]] = {
    "channels": (
        ShapeError,
        lambda: F.conv2d(ones(2, 1, 8, 8), ones(4, 3, 3, 3)),
        "conv2d: input has 1 channel, weight takes 3 *try a layer with in_channels=1",
    ),
    "channels of the transpose": (
        ShapeError,
        lambda: F.conv_transpose2d(images, ones(4, 3, 3, 3)),
        "conv_transpose2d: input has 3 channels, weight takes 4",
    ),
    "channels last": (
        ShapeError,
        lambda: F.conv2d(ones(2, 8, 8, 3), ones(4, 3, 3, 3)),
        "input has 8 channels, weight takes 3 *try channels come first: x.permute(0, 3, 1, 2)",
    ),
    "channels last, one image": (
        ShapeError,
        lambda: F.conv2d(ones(8, 8, 3), ones(4, 3, 3, 3)),
        "input has 8 channels *try channels come first: x.permute(2, 0, 1)",
    ),
    "gray images without channels": (
        ShapeError,
        lambda: F.conv2d(ones(64, 28, 28), ones(4, 1, 3, 3)),
        "input has 64 channels, weight takes 1 *try x.unsqueeze(1), if the 64 are a batch",
    ),
    "rows of a table": (
        ShapeError,
        lambda: F.conv2d(ones(64, 784), ones(4, 1, 3, 3)),
        "the input has 2 dimensions *try *x.reshape(batch, channels, height, width)",
    ),
    "too many axes": (
        ShapeError,
        lambda: F.conv1d(ones(2, 3, 4, 5), ones(4, 4, 3)),
        "the input has 4 dimensions *expected (batch, channels, length) *try x.flatten(0, 1)",
    ),
    "weight": (
        ShapeError,
        lambda: F.conv2d(images, ones(4, 3, 3)),
        "the weight has a wrong shape *(out, in / groups, height, width) *weight (4, 3, 3)",
    ),
    "groups of the weight": (
        ShapeError,
        lambda: F.conv2d(ones(2, 4, 8, 8), ones(5, 2, 3, 3), groups=2),
        "5 channels cannot be cut into 2 groups",
    ),
    "groups of the input": (
        ShapeError,
        lambda: F.conv2d(ones(2, 5, 8, 8), ones(4, 2, 3, 3), groups=2),
        "input has 5 channels, weight takes 4 in 2 groups",
    ),
    "bias": (
        ShapeError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), ones(3)),
        "the bias does not fit the output's 4 channels *expected bias (4,) *got bias (3,)",
    ),
    "empty places": (
        ShapeError,
        lambda: F.conv2d(ones(2, 3, 0, 8), ones(4, 3, 3, 3), padding=2),
        "the input is empty *no axis of size 0 but the batch",
    ),
    "large kernel": (
        ShapeError,
        lambda: F.conv2d(ones(1, 3, 4, 8), ones(4, 3, 3, 3), padding=1, dilation=3),
        "the kernel is larger than the input with its padding *at least (7, 7) *got (6, 10)",
    ),
    "everything cut off": (
        ShapeError,
        lambda: F.conv_transpose1d(ones(1, 1, 1), ones(1, 1, 3), padding=2),
        "padding cuts everything off *2 * padding below (3,)",
    ),
    "images of integers": (
        DTypeError,
        lambda: F.conv2d(zincir.from_numpy(np.zeros((2, 3, 8, 8), np.uint8)), ones(4, 3, 3, 3)),
        "input is uint8, weight is float32 *values up to 255, x.float() / 255",
    ),
    "doubles": (
        DTypeError,
        lambda: F.conv2d(images.double(), ones(4, 3, 3, 3)),
        "input is float64, weight is float32 *try x.float(), or model.double()",
    ),
    "bias of another type": (
        DTypeError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), ones(4).double()),
        "bias is float64 *try a bias of the weight's type",
    ),
    "an array": (
        DTypeError,
        lambda: F.conv2d(np.ones((1, 3, 8, 8)), ones(4, 3, 3, 3)),  # type: ignore[arg-type]
        "conv2d: input: not a tensor *try *zincir.from_numpy(array)",
    ),
    "stride": (
        ArgumentError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), stride=(1, 0)),
        "stride does not fit *an int, 1 or more, or 2 of them *got stride=(1, 0)",
    ),
    "half a stride": (
        ArgumentError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), stride=1.5),  # type: ignore[arg-type]
        "got stride=1.5",
    ),
    "padding": (
        ArgumentError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), padding=-1),
        "padding does not fit *an int, 0 or more *got padding=-1",
    ),
    "a word": (
        ArgumentError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), padding="some"),
        "unknown padding *'same', 'valid' *got padding='some'",
    ),
    "same with a stride": (
        ArgumentError,
        lambda: F.conv2d(images, ones(4, 3, 3, 3), padding="same", stride=2),
        "with a stride, padding 'same' has no meaning *try padding=kernel_size // 2",
    ),
    "output_padding": (
        ArgumentError,
        lambda: F.conv_transpose2d(images, ones(3, 4, 3, 3), stride=2, output_padding=2),
        "output_padding is too large *less than stride or dilation",
    ),
}


@pytest.mark.parametrize(("kind", "call", "text"), ERRORS.values(), ids=ERRORS.keys())
def test_errors(kind: type[Exception], call: Callable[[], Any], text: str) -> None:
    pattern = r"[\s\S]*".join(re.escape(part) for part in re.sub(" +", " ", text).split(" *"))
    with pytest.raises(kind) as caught:
        call()
    message = re.sub(" +", " ", str(caught.value))
    assert re.search(pattern, message), message
    assert re.search(rf"where \S*{__file__.rsplit('/', 1)[1]}:", message)


def test_the_layer_is_named() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Conv2d(3, 2, 3)))
    with pytest.raises(ShapeError, match=r"where     Sequential\.1\.0 \(.*test_convolution_checks"):
        net(ones(1, 1, 8, 8))
