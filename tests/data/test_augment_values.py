"""What transforms make of images: compared with PIL, with the standard library, and by hand."""

import colorsys
import hashlib
import math
from typing import Any

import numpy as np
import pytest

from zincir.data import augment as A
from zincir.data.augment import affine, colour, policy, sampling, tone
from zincir.data.augment.draws import Draws, beta
from zincir.data.augment.resize import Resize

MANY = np.arange(4000)


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def draw(transform: A.Transform, shape: tuple[int, int, int] = (3, 32, 24)) -> np.ndarray:
    """The numbers of many samples."""
    (numbers,) = A.Compose([transform]).draw((len(MANY), *shape), epoch=0, index=MANY)
    return numbers


# Random numbers -----------------------------------------------------------------------------------


def test_draws_never_change() -> None:
    """Results that somebody published depend on them."""
    draws = Draws(7, 2, np.arange(100)).of("RandomCrop 0")
    digest = hashlib.sha256(draws.uniform("corner", size=2).tobytes())
    digest.update(draws.integers("other", 9).tobytes())
    assert digest.hexdigest()[:16] == "7b3096f4c7c16d65"


def test_draws_are_even_and_unrelated() -> None:
    draws = Draws(0, 0, np.arange(20000))
    u, v = draws.uniform("u", size=2).T
    rows = [u, v, draws.uniform("w"), draws.of("x").uniform("u"),
            Draws(0, 1, np.arange(20000)).uniform("u"), Draws(1, 0, np.arange(20000)).uniform("u"),
            np.roll(u, 1)]  # fmt: skip
    for row in rows:
        counts, _ = np.histogram(row, 16, (0.0, 1.0))
        assert ((counts - 1250) ** 2 / 1250).sum() < 45  # chi-squared, 15 degrees: one in 10,000
    related = np.abs(np.corrcoef(rows) - np.eye(len(rows)))
    assert related.max() < 4.5 / math.sqrt(20000)


def test_draws_in_other_shapes() -> None:
    draws = Draws(3, 1, [5, 6, 7])
    assert draws.uniform("u", -2, [1.0, 2.0], 2).shape == (3, 2)
    whole = draws.integers("n", np.array([1, 2, 1000]))
    assert (whole < [1, 2, 1000]).all()
    some = draws.some_normal("z", np.array([[True, False], [False, True], [False, False]]))
    want = draws.normal("z", 2)
    np.testing.assert_allclose(some, want * [[1, 0], [0, 1], [0, 0]], rtol=1e-6)
    huge = Draws(2**63 + 5, 10**6, [2**40]).uniform("u")
    assert 0 <= huge[0] < 1


def test_normal_numbers() -> None:
    z = Draws(0, 0, np.arange(20000)).normal("z")
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.03
    assert abs((z < 1).mean() - 0.8413) < 0.012


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_beta_numbers(alpha: float) -> None:
    x = beta(Draws(1, 0, np.arange(20000)), "share", alpha)
    assert ((x >= 0) & (x <= 1)).all()
    assert abs(x.mean() - 0.5) < 0.015
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(x.var() / variance - 1) < 0.05
    if alpha == 1.0:  # uniform
        counts, _ = np.histogram(x, 16, (0.0, 1.0))
        assert ((counts - 1250) ** 2 / 1250).sum() < 45


# Crops, flips, sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [0, 4, (2, 1), (0, 5, 3, 1)])
def test_crops_are_parts_of_the_padded_image(mode: str, padding: Any) -> None:
    x = pixels(64, 2, 9, 8)
    chain = A.Compose([A.RandomCrop((6, 7), padding, padding_mode=mode)])
    index = np.arange(64)
    out = chain(x, epoch=0, index=index)
    sides = {int: lambda p: (p,) * 4, tuple: lambda p: p * (4 // len(p))}[type(padding)](padding)
    left, top, right, bottom = sides
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), mode)  # type: ignore[call-overload]
    (corners,) = chain.draw(x.shape, epoch=0, index=index)
    for n, (row, column) in enumerate(np.add(corners, (top, left)).astype(int)):
        want = padded[n, :, row : row + 6, column : column + 7]
        np.testing.assert_array_equal(out[n], want)


def test_crops_are_everywhere() -> None:
    corners = draw(A.RandomCrop(32, padding=4), (3, 32, 32))
    assert {tuple(c) for c in corners.tolist()} == {
        (r, c) for r in range(-4, 5) for c in range(-4, 5)
    }
    assert np.ptp(np.bincount((corners[:, 0] + 4).astype(int))) < 130  # about 444 each
    needed = draw(A.RandomCrop((34, 20), pad_if_needed=True))
    assert needed.min(0).tolist() == [-2, 0]
    assert needed.max(0).tolist() == [0, 4]


def test_center_crops() -> None:
    x = pixels(1, 1, 7, 6)
    cut = A.Compose([A.CenterCrop((4, 3))])(x, epoch=0, index=[0])
    np.testing.assert_array_equal(cut, x[:, :, 2:6, 2:5])  # 1.5 is rounded to the even 2
    more = A.Compose([A.CenterCrop((10, 6))])(x, epoch=0, index=[0])
    np.testing.assert_array_equal(more, np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 0))))


def test_flips() -> None:
    x = pixels(400, 1, 3, 4)
    for kind, axis in ((A.RandomHorizontalFlip, 3), (A.RandomVerticalFlip, 2)):
        out = A.Compose([kind(0.25)])(x, epoch=0, index=np.arange(400))
        flipped = (out == np.flip(x, axis)).all(axis=(1, 2, 3))
        same = (out == x).all(axis=(1, 2, 3))
        assert (flipped ^ same).all()
        assert 70 < flipped.sum() < 130


def test_resize_keeps_proportions() -> None:
    assert Resize(16).size_after((3, 32, 48)) == (3, 16, 24)
    assert Resize(16).size_after((3, 50, 33)) == (3, 24, 16)
    assert Resize((5, 7)).size_after((3, 50, 33)) == (3, 5, 7)


def test_resize_averages_and_interpolates() -> None:
    ramp = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    wider = A.Compose([A.Resize((1, 16))])(ramp, epoch=0, index=[0])
    want = np.clip(np.arange(16) / 2 - 0.25, 0, 7)
    np.testing.assert_allclose(wider.ravel(), want, atol=1e-6)
    flat = A.Compose([A.Resize((3, 5))])(np.full((1, 2, 11, 9), 200, np.uint8), epoch=0, index=[0])
    assert (flat == 200).all()
    near = A.Compose([A.Resize((1, 4), "nearest")])(ramp, epoch=0, index=[0])
    assert near.ravel().tolist() == [1, 3, 5, 7]


def test_resized_crops_have_the_areas_and_shapes_asked_for() -> None:
    boxes = draw(A.RandomResizedCrop(8, scale=(0.2, 0.5)), (3, 64, 48))
    top, left, height, width = boxes.T
    area, ratio = height * width / (64 * 48), width / height
    assert 0.19 < area.min() < 0.22
    assert 0.48 < area.max() < 0.51
    assert 0.71 < ratio.min() < 0.8
    assert 1.25 < ratio.max() < 1.4  # 4 / 3, and sides are rounded
    assert (boxes >= 0).all()
    assert (top + height <= 64).all()
    assert (left + width <= 48).all()
    fallback = draw(A.RandomResizedCrop(8, scale=(1, 1), ratio=(4, 5)), (3, 30, 40))
    assert np.unique(fallback, axis=0).tolist() == [[10, 0, 10, 40]]


# Affine maps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize(("height", "width"), [(6, 6), (7, 7), (4, 7)])
def test_quarter_turns(interpolation: str, height: int, width: int) -> None:
    x = pixels(1, 2, height, width)
    for quarters in range(-2, 4):
        if quarters % 2 and (height + width) % 2:
            continue  # falls between pixels
        turn = A.RandomRotation((90 * quarters,) * 2, interpolation)
        out = A.Compose([turn])(x, epoch=0, index=[0])
        want = np.rot90(x, quarters, axes=(2, 3))
        if height == width or quarters % 2 == 0:
            np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_shifts_bring_in_the_fill(interpolation: str) -> None:
    x = pixels(2, 3, 5, 6)
    matrix = affine.inverse_map((3, 5, 6), [0.0, 0.0], [[2, -1], [-9, 0]])
    out = sampling.affine(x, matrix, interpolation, (7, 8, 9))
    want = np.broadcast_to(np.array([7, 8, 9], np.uint8)[:, None, None], (2, 3, 5, 6)).copy()
    want[0, :, :4, 2:] = x[0, :, 1:, :4]
    np.testing.assert_array_equal(out, want)


def test_bilinear_is_between_pixels() -> None:
    x = np.array([[[[0.0, 1.0, 3.0]]]], np.float32)
    matrix = affine.inverse_map((1, 1, 3), [0.0], [[0.25, 0.0]])
    out = sampling.affine(x, matrix, "bilinear", 2.0)
    np.testing.assert_allclose(out.ravel(), [0.25 * 2, 0.75, 2.5], atol=1e-6)


def test_maps_turn_round_what_they_say() -> None:
    """The inverse, times the map itself put together from its factors, is the identity."""
    angle, scale, x, y = np.radians(20), 1.3, np.radians(10), np.radians(-7)
    rotate = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    lean_y = np.array([[1, 0], [-math.tan(y), 1]])
    lean_x = np.array([[1, -math.tan(x)], [0, 1]])
    middle, shift = np.array([3 - 16 / 2, 5 - 12 / 2]), np.array([4.0, -2.0])
    # RSS of torchvision: rotation, both shears, scale
    forward = scale * rotate @ lean_y @ lean_x
    (got,) = affine.inverse_map((3, 12, 16), [20.0], [shift], [1.3], [[10.0, -7.0]], (3, 5))
    a, b, c, d, e, f = got
    for point in np.array([[0.0, 0.0], [1.0, 0.0], [-2.0, 5.0]]):
        u, v = forward @ (point - middle) + middle + shift
        np.testing.assert_allclose([a * u + b * v + c, d * u + e * v + f], point, atol=1e-4)


def test_affine_draws_stay_within_bounds() -> None:
    numbers = draw(A.RandomAffine(0, translate=(0.25, 0.125)), (1, 32, 16))
    assert numbers[:, [0, 4]].tolist() == [[1, 1]] * len(MANY)
    assert set((-numbers[:, 2]).tolist()) == set(range(-4, 5))
    assert set((-numbers[:, 5]).tolist()) == set(range(-4, 5))
    scaled = draw(A.RandomAffine(0, scale=(0.5, 2.0)))
    assert 0.5 <= scaled[:, 0].min() < 0.51
    assert 1.9 < scaled[:, 0].max() <= 2.0
    turned = draw(A.RandomRotation((10, 20)))
    degrees = np.degrees(np.arctan2(-turned[:, 1], turned[:, 0]))
    assert degrees.min() == pytest.approx(10, abs=0.1)
    assert degrees.max() == pytest.approx(20, abs=0.1)


# Colours ------------------------------------------------------------------------------------------


def jitter(x: np.ndarray, **factors: float) -> np.ndarray:
    both = {name: (f, f) for name, f in factors.items()}
    return A.Compose([A.ColorJitter(**both)])(x, epoch=0, index=np.arange(len(x)))


def test_blends() -> None:
    x = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    grey = x[:, :1] * 0.2989 + x[:, 1:2] * 0.587 + x[:, 2:] * 0.114
    for name, other in (("brightness", 0.0), ("saturation", grey),
                        ("contrast", grey.mean(axis=(1, 2, 3), keepdims=True))):  # fmt: skip
        for factor in (0.0, 0.3, 1.9):
            want = np.clip(factor * x + (1 - factor) * other, 0, 1)
            np.testing.assert_allclose(jitter(x, **{name: factor}), want, atol=1e-5)
            rounded = np.rint(255 * x).astype(np.uint8)
            off = jitter(rounded, **{name: factor}).astype(float) - 255 * want
            assert np.abs(off).max() < 2.5  # both roundings


def test_hue_turns_as_in_the_standard_library() -> None:
    x = np.random.default_rng(0).random((1, 3, 8, 8)).astype(np.float32)
    x[0, :, 0] = [[0.0], [0.5], [1.0]] @ np.zeros((1, 8)) + x[0, :1, 0]  # greys have no hue
    for turn in (-0.5, -0.1, 0.25, 0.5):
        out = jitter(x, hue=turn)
        for rgb, got in zip(x[0].reshape(3, -1).T, out[0].reshape(3, -1).T, strict=True):
            h, s, v = colorsys.rgb_to_hsv(*map(float, rgb))
            np.testing.assert_allclose(got, colorsys.hsv_to_rgb((h + turn) % 1, s, v), atol=1e-5)


def test_jitter_of_grey_images_and_its_order() -> None:
    x = pixels(4, 1, 5, 5)
    np.testing.assert_array_equal(jitter(x, saturation=0.0), x)
    np.testing.assert_array_equal(jitter(x, hue=0.3), x)
    numbers = draw(A.ColorJitter(0.4, 0.2, hue=0.1))
    assert numbers.shape == (len(MANY), 3, 2)
    orders, counts = np.unique(numbers[:, :, 0], axis=0, return_counts=True)
    assert len(orders) == 6
    assert np.ptp(counts) < 160  # about 667 each
    which, factor = numbers[..., 0], numbers[..., 1]
    for change, low, high in ((0, 0.6, 1.4), (1, 0.8, 1.2), (3, -0.1, 0.1)):
        chosen = factor[which == change]
        assert low <= chosen.min() + 1e-6
        assert chosen.max() <= high + 1e-6
        assert np.ptp(chosen) > 0.98 * (high - low)


def test_tones_are_those_of_pil() -> None:
    image_ops = pytest.importorskip("PIL.ImageOps")
    image = pytest.importorskip("PIL.Image")
    x = np.concatenate([pixels(3, 1, 40, 50), pixels(3, 1, 40, 50, seed=1) // 3 + 40])
    x[0, 0, :20] = 77
    got = {
        "equalize": tone.equalize(x),
        "autocontrast": tone.autocontrast(x),
        "posterize": tone.posterize(x, np.full(6, 3.0)),
        "solarize": tone.solarize(x, np.full(6, 128 / 255)),
    }
    more: dict[str, tuple[int, ...]] = {"posterize": (3,), "solarize": (128,)}
    for name, out in got.items():
        for before, after in zip(x[:, 0], out[:, 0], strict=True):
            want = np.asarray(
                getattr(image_ops, name)(image.fromarray(before), *more.get(name, ()))
            )
            off = np.abs(want.astype(int) - after)
            assert off.max() <= (1 if name == "autocontrast" else 0), name  # PIL cuts, we round


def test_tones_of_fractions_are_those_of_bytes() -> None:
    x = pixels(4, 3, 16, 16)
    fractions = x.astype(np.float32) / 255
    for change in (tone.equalize, tone.autocontrast):
        np.testing.assert_allclose(change(fractions) * 255, change(x), atol=0.51)
    same = np.zeros((1, 1, 4, 4), np.float32) + 0.3
    np.testing.assert_array_equal(tone.autocontrast(same), same)


def test_sharpness_blurs_the_inside() -> None:
    x = np.random.default_rng(0).random((1, 1, 5, 6)).astype(np.float32)
    blurred = x.copy()
    for i in range(1, 4):
        for j in range(1, 5):
            near = x[0, 0, i - 1 : i + 2, j - 1 : j + 2]
            blurred[0, 0, i, j] = (near.sum() + 4 * x[0, 0, i, j]) / 13
    np.testing.assert_allclose(tone.sharpen(x, np.array([0.0])), blurred, atol=1e-6)
    np.testing.assert_allclose(tone.sharpen(x, np.array([1.0])), x, atol=1e-6)
    flat = x[:, :, :2]  # all rim
    np.testing.assert_array_equal(tone.sharpen(flat, np.array([0.0])), flat)


def test_normalize() -> None:
    x = pixels(3, 3, 4, 4)
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.4, 0.6)
    want = (x / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    chain = A.Compose([A.Normalize(mean, std)])
    np.testing.assert_allclose(chain(x, epoch=0, index=[0, 1, 2]), want, atol=2e-6)
    fractions = (x / 255).astype(np.float32)
    np.testing.assert_allclose(chain(fractions, epoch=0, index=[0, 1, 2]), want, atol=2e-6)


# Erasing and mixing -------------------------------------------------------------------------------


def test_erased_boxes() -> None:
    boxes = draw(A.RandomErasing())
    size = boxes[:, 2:] - boxes[:, :2]
    erased = size.prod(axis=1) > 0
    assert 0.46 < erased.mean() < 0.54
    area, ratio = size[erased].prod(axis=1) / (32 * 24), size[erased, 0] / size[erased, 1]
    assert 0.01 < area.min() < 0.04
    assert 0.28 < area.max() < 0.35
    assert ratio.min() < 0.5
    assert ratio.max() > 2
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [32, 24]).all()


def test_erasing_writes_boxes_and_nothing_else() -> None:
    x = pixels(32, 3, 16, 16)
    for value in (0, (1, 2, 3), "random"):
        chain = A.Compose([A.RandomErasing(0.7, value=value)])
        out = chain(x, epoch=0, index=np.arange(32))
        (numbers,) = chain.draw(x.shape, epoch=0, index=np.arange(32))
        for n, (top, left, bottom, right) in enumerate(numbers[:, :4].astype(int)):
            inside = np.zeros((16, 16), bool)
            inside[top:bottom, left:right] = True
            np.testing.assert_array_equal(out[n][:, ~inside], x[n][:, ~inside])
            if value != "random":
                want = np.broadcast_to(np.reshape(value, (-1, 1)), (3, inside.sum()))
                np.testing.assert_array_equal(out[n][:, inside], want)
    noisy = A.Compose([A.RandomErasing(1, value="random")])(
        np.full((64, 3, 16, 16), 9, np.float32), epoch=0, index=np.arange(64)
    )
    noise = noisy[noisy != 9]
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05


def test_cutout() -> None:
    boxes = draw(A.Cutout(6, p=0.75), (1, 10, 10))
    erased = boxes[:, 2] > 0
    assert 0.72 < erased.mean() < 0.78
    size = boxes[erased, 2:] - boxes[erased, :2]
    assert size.max() == 6
    assert size.min() == 3  # its middle is at the rim
    out = A.Compose([A.Cutout(6)])(np.ones((1, 1, 10, 10), np.float32), epoch=0, index=[1])
    assert 9 <= (out == 0).sum() <= 36


def test_mixup() -> None:
    x = np.random.default_rng(0).random((5, 1, 2, 2)).astype(np.float32)
    labels = np.array([0, 2, 1, 1, 0])
    chain = A.Compose([A.MixUp(0.7, 3)])
    out, soft = chain(x, labels, epoch=0, index=range(5))
    (share,) = chain.draw(x.shape, epoch=0, index=range(5))
    hard = np.eye(3)[labels]
    for n in range(5):
        s = share[n, 0]
        np.testing.assert_allclose(out[n], s * x[n] + (1 - s) * x[n - 1], atol=1e-6)
        np.testing.assert_allclose(soft[n], s * hard[n] + (1 - s) * hard[n - 1], atol=1e-6)
    again, _ = A.Compose([A.MixUp(0.7)])(x, hard.astype(np.float32), epoch=0, index=range(5))
    np.testing.assert_array_equal(again, out)


def test_cutmix_labels_follow_areas() -> None:
    x = np.zeros((256, 1, 9, 7), np.uint8) + np.arange(256, dtype=np.uint8).reshape(-1, 1, 1, 1)
    labels = np.arange(256)
    out, soft = A.Compose([A.CutMix(1.0, 256)])(x, labels, epoch=0, index=labels)
    own = (out == x).mean(axis=(1, 2, 3))
    before = (out == np.roll(x, 1, axis=0)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(own + before, 1)
    np.testing.assert_allclose(soft[labels, labels], own, atol=1e-6)
    np.testing.assert_allclose(soft[labels, labels - 1], before, atol=1e-6)
    assert own.min() < 0.3
    assert own.max() == 1


# Policies -----------------------------------------------------------------------------------------


def test_policies_choose_evenly_and_as_strong_as_asked() -> None:
    numbers = draw(A.RandAugment(), (3, 32, 64))
    assert numbers.shape == (len(MANY), 2, 2)
    which, strength = numbers.reshape(-1, 2).T
    counts = np.bincount(which.astype(int), minlength=14)
    assert ((counts - 571.4) ** 2 / 571.4).sum() < 42  # chi-squared, 13 degrees: one in 10,000
    want = {"Identity": 0, "ShearX": 0.09, "ShearY": 0.09, "TranslateX": 150 / 331 * 64 * 0.3,
            "TranslateY": 150 / 331 * 32 * 0.3, "Rotate": 9, "Brightness": 0.27, "Color": 0.27,
            "Contrast": 0.27, "Sharpness": 0.27, "Posterize": 7, "Solarize": 0.7,
            "AutoContrast": 0, "Equalize": 0}  # fmt: skip
    assert tuple(want) == policy.CHANGES
    for k, (name, value) in enumerate(want.items()):
        both = {value, -value} if name in policy.SIGNED else {value}
        np.testing.assert_allclose(np.unique(strength[which == k]), sorted(both), rtol=1e-5)
    wide = draw(A.TrivialAugmentWide())
    turns = wide[wide[:, 0, 0] == policy.CHANGES.index("Rotate"), 0, 1]
    assert set(np.rint(turns / 4.5)) == set(range(-30, 31))
    bits = wide[wide[:, 0, 0] == policy.CHANGES.index("Posterize"), 0, 1]
    assert set(bits) == set(range(2, 9))


def test_each_change_of_a_policy() -> None:
    """One sample for each change, all in one batch; each as if it were alone."""
    x = np.repeat(pixels(1, 3, 16, 16), 14, axis=0)
    strength = np.array([0, 0.5, -0.5, 3.7, -2, 90, 0.5, -0.5, 0.5, -0.5, 3, 0.5, 0, 0], np.float32)
    numbers = np.stack([np.arange(14), strength], axis=1)[:, None].astype(np.float32)
    out = A.RandAugment(1, fill=5).apply(x, numbers)
    one, f = x[:1], x[:1].astype(np.float32)
    got = dict(zip(policy.CHANGES, out, strict=True))
    np.testing.assert_array_equal(got["Identity"], one[0])
    right = np.full((3, 16, 16), 5, np.uint8)
    right[:, :, 3:] = one[0, :, :, :-3]
    np.testing.assert_array_equal(got["TranslateX"], right)
    up = np.full((3, 16, 16), 5, np.uint8)
    up[:, :-2] = one[0, :, 2:]
    np.testing.assert_array_equal(got["TranslateY"], up)
    np.testing.assert_array_equal(got["Rotate"], np.rot90(one[0], axes=(1, 2)))
    np.testing.assert_array_equal(got["Brightness"], np.rint(np.clip(f[0] * 1.5, 0, 255)))
    np.testing.assert_array_equal(got["Posterize"], one[0] & 0b11100000)
    np.testing.assert_array_equal(got["Solarize"], np.where(one[0] < 128, one[0], 255 - one[0]))
    np.testing.assert_array_equal(got["AutoContrast"], tone.autocontrast(one)[0])
    np.testing.assert_array_equal(got["Equalize"], tone.equalize(one)[0])
    np.testing.assert_array_equal(got["Sharpness"], tone.sharpen(one, np.array([0.5]))[0])
    grey = colour.grey(one)[0]
    np.testing.assert_allclose(got["Color"], 0.5 * f[0] + 0.5 * grey, atol=0.51)
    mixed = np.clip(1.5 * f[0] - 0.5 * grey.mean(), 0, 255)
    np.testing.assert_allclose(got["Contrast"], mixed, atol=0.51)
    for row in range(16):  # sheared about the upper left corner: a row moves by half its number
        move = math.floor((row + 0.5) * 0.5 + 0.5)
        want = np.full((3, 16), 5, np.uint8)
        source = np.arange(16) + move
        want[:, source < 16] = one[0][:, row, source[source < 16]]
        np.testing.assert_array_equal(got["ShearX"][:, row], want, err_msg=f"row {row}")
