"""What holds for every transform: kinds, types, seeds, and one result whichever way it is had."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.data import augment as A
from zincir.errors import ArgumentError, DTypeError, ShapeError, TraceError

# One row for each transform and way of use; images are 12 x 11 with 3 channels.
CASES: dict[str, Callable[[], A.Transform]] = {
    "crop": lambda: A.RandomCrop(10, padding=3, fill=(1, 0, 0.5)),
    "crop of another shape": lambda: A.RandomCrop((5, 14), padding=(2, 1), pad_if_needed=True),
    "crop edge": lambda: A.RandomCrop(10, padding=4, padding_mode="edge"),
    "crop reflect": lambda: A.RandomCrop(10, padding=(0, 5, 7, 1), padding_mode="reflect"),
    "crop symmetric": lambda: A.RandomCrop(10, padding=4, padding_mode="symmetric"),
    "flip": A.RandomHorizontalFlip,
    "vertical flip": A.RandomVerticalFlip,
    "rotation": lambda: A.RandomRotation(40),
    "rotation bilinear": lambda: A.RandomRotation((10, 50), "bilinear", False, (2, 3), (1, 0.5, 0)),
    "affine": lambda: A.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), (-10, 10, -5, 5), "bilinear"),
    "jitter": lambda: A.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "jitter of tone": lambda: A.ColorJitter(0.4, (0.5, 2.0)),
    "grey": lambda: A.RandomGrayscale(0.5),
    "normalize": lambda: A.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)),
    "erasing": A.RandomErasing,
    "erasing with noise": lambda: A.RandomErasing(0.8, value="random"),
    "cutout": lambda: A.Cutout(5, p=0.7, value=(1, 0, 0)),
    "resized crop": lambda: A.RandomResizedCrop((7, 9)),
    "resized crop nearest": lambda: A.RandomResizedCrop(8, interpolation="nearest"),
    "resize": lambda: A.Resize(8),
    "resize both": lambda: A.Resize((20, 5), "nearest"),
    "center crop": lambda: A.CenterCrop(7),
    "center crop beyond": lambda: A.CenterCrop((15, 5)),
    "pad": lambda: A.Pad((1, 2, 0, 3), fill=(1, 0, 0.5)),
    "pad reflect": lambda: A.Pad(3, padding_mode="reflect"),
    "pad symmetric": lambda: A.Pad((0, 4), padding_mode="symmetric"),
    "blur": lambda: A.GaussianBlur(5),
    "blur of lines": lambda: A.GaussianBlur((9, 1), 1.5),
    "mixup": lambda: A.MixUp(0.8, 4),
    "cutmix": lambda: A.CutMix(num_classes=4),
    "randaugment": lambda: A.RandAugment(),
    "randaugment strong": lambda: A.RandAugment(3, 25, interpolation="bilinear", fill=0.5),
    "trivial": A.TrivialAugmentWide,
    "letterbox": lambda: A.Letterbox((20, 14)),
    "mosaic": lambda: A.Mosaic(0.8),
}
STEADY = {"normalize", "resize", "resize both", "center crop", "center crop beyond", "letterbox"}
STEADY |= {"pad", "pad reflect", "pad symmetric", "blur of lines"}
OF_BOXES = {A.RandomIoUCrop}
"""They have a file of tests of their own."""
POLICIES = {"randaugment", "randaugment strong", "trivial"}
BATCH = 16
INDEX = np.arange(BATCH) * 7 + 100


def pixels(dtype: Any = np.float32, shape: tuple[int, ...] = (BATCH, 3, 12, 11)) -> np.ndarray:
    x = np.random.default_rng(0).random(shape)
    return (x * 255).astype(np.uint8) if dtype == np.uint8 else x.astype(np.float32)


def use(chain: A.Compose, images: Any, *, epoch: int = 1, index: Any = INDEX) -> list[np.ndarray]:
    """Images, and labels where the chain mixes them, as arrays."""
    mixes = any(isinstance(t, A.Mixing) for t in chain.transforms)
    labels: Any = (np.arange(len(images)) % 4,) if mixes else ()
    if isinstance(images, zincir.Tensor):
        labels = [zincir.from_numpy(y) for y in labels]
    out = chain(images, *labels, epoch=epoch, index=index)
    return [np.asarray(x) for x in (out if mixes else (out,))]


def close(a: np.ndarray, b: np.ndarray) -> None:
    """Equal, but for the last digits; bytes may differ by one where the fraction is a half."""
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, atol=1 if a.dtype == np.uint8 else 2e-5, rtol=0)
    if a.dtype == np.uint8:
        assert (a != b).mean() < 0.01


@pytest.fixture(params=[np.float32, np.uint8], ids=["float32", "uint8"])
def images(request: pytest.FixtureRequest) -> Iterator[np.ndarray]:
    """A batch, which no transform may change in place."""
    x = pixels(request.param)
    before = x.copy()
    yield x
    np.testing.assert_array_equal(x, before)


def test_every_transform_has_its_row() -> None:
    kinds = {k for k in vars(A).values() if isinstance(k, type) and issubclass(k, A.Transform)}
    kinds -= {A.Transform, A.Geometric, A.Mixing} | OF_BOXES
    assert kinds == {type(make()) for make in CASES.values()}


@pytest.mark.parametrize("case", CASES)
def test_types_stay_and_nothing_is_shared(case: str, images: np.ndarray) -> None:
    chain = A.Compose([CASES[case]()])
    out, *_ = use(chain, images)
    assert out.dtype == (np.float32 if case == "normalize" else images.dtype)
    assert out.shape[:2] == images.shape[:2]
    assert not np.shares_memory(out, images)
    assert np.isfinite(out).all()
    tensor = zincir.from_numpy(images)
    (result, *_) = [chain(tensor, zincir.arange(BATCH) % 4, epoch=1, index=INDEX)[0]]
    assert result.dtype == (zincir.float32 if case == "normalize" else tensor.dtype)
    result.zero_()
    np.testing.assert_array_equal(tensor.numpy(), images)


@pytest.mark.parametrize("case", CASES)
def test_arrays_and_tensors_agree(case: str, images: np.ndarray) -> None:
    chain = A.Compose([CASES[case]()], seed=3)
    for a, b in zip(use(chain, images), use(chain, zincir.from_numpy(images)), strict=True):
        close(a, b)


@pytest.mark.parametrize("case", [c for c in CASES if c not in POLICIES])
def test_compiled_steps_agree_and_bake_nothing_in(case: str, images: np.ndarray) -> None:
    chain = A.Compose([CASES[case]()], seed=3)
    step = zincir.compile(chain.apply)
    for epoch in (1, 2):
        numbers = chain.draw(images.shape, epoch=epoch, index=INDEX)
        out = step(images, numbers, np.arange(BATCH) % 4)
        for a, b in zip(use(chain, images, epoch=epoch), out, strict=False):
            close(a, b.numpy())


@pytest.mark.parametrize("case", [c for c in CASES if c not in ("mixup", "cutmix", "mosaic")])
def test_a_sample_depends_on_seed_epoch_and_number_alone(case: str) -> None:
    x = pixels()
    chain = A.Compose([CASES[case]()], seed=5)
    (whole,) = use(chain, x)
    order = np.random.default_rng(1).permutation(BATCH)
    (shuffled,) = use(chain, x[order], index=INDEX[order])
    np.testing.assert_allclose(shuffled, whole[order], atol=1e-6)
    (alone,) = use(chain, x[3:4], index=INDEX[3:4])
    np.testing.assert_allclose(alone, whole[3:4], atol=1e-6)
    (none,) = use(chain, x[:0], index=[])
    assert none.shape == (0, *whole.shape[1:])


@pytest.mark.parametrize("case", [c for c in CASES if c not in STEADY])
def test_epochs_seeds_and_samples_differ(case: str) -> None:
    chain = A.Compose([CASES[case]()], seed=5)
    other = A.Compose([CASES[case]()], seed=6)
    (first,) = chain.draw((64, 3, 12, 11), epoch=0, index=np.arange(64))
    (again,) = chain.draw((64, 3, 12, 11), epoch=0, index=np.arange(64))
    np.testing.assert_array_equal(first, again)
    for changed in (
        chain.draw((64, 3, 12, 11), epoch=1, index=np.arange(64)),
        chain.draw((64, 3, 12, 11), epoch=0, index=np.arange(64) + 64),
        other.draw((64, 3, 12, 11), epoch=0, index=np.arange(64)),
    ):
        assert (changed[0] != first).any()
    assert len(np.unique(first, axis=0)) > 1


def test_not_contiguous_images_are_the_same_images(images: np.ndarray) -> None:
    strided = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for case, make in CASES.items():
        chain = A.Compose([make()], seed=3)
        for a, b in zip(use(chain, images), use(chain, strided), strict=True):
            np.testing.assert_allclose(a.astype(float), b.astype(float), atol=1e-6, err_msg=case)


def test_a_chain_keeps_its_numbers_when_another_transform_joins() -> None:
    short = A.Compose([A.RandomHorizontalFlip(), A.RandomHorizontalFlip()])
    long = A.Compose([A.RandomHorizontalFlip(), A.RandomErasing(), A.RandomHorizontalFlip()])
    first, second = short.draw((64, 1, 8, 8), epoch=0, index=np.arange(64))
    same, _, same_too = long.draw((64, 1, 8, 8), epoch=0, index=np.arange(64))
    np.testing.assert_array_equal(first, same)
    np.testing.assert_array_equal(second, same_too)
    assert (first != second).any()


def test_sizes_follow_one_another() -> None:
    chain = A.Compose([A.Resize((20, 16)), A.RandomCrop(12), A.CenterCrop(6), A.RandomErasing(1)])
    assert chain(pixels(), epoch=0, index=INDEX).shape == (BATCH, 3, 6, 6)


def test_a_training_step_augments_inside() -> None:
    """The usual chain, compiled with the step: the loss is that of images augmented before."""
    chain = A.Compose(
        [A.RandomCrop(11, padding=2), A.RandomHorizontalFlip(), A.Normalize(0.5, 0.25),
         A.RandomErasing(), A.MixUp(1.0, 4)]
    )  # fmt: skip
    x, labels = pixels(np.uint8), np.arange(BATCH) % 4

    def loss_of(x: Any, soft: Any) -> zincir.Tensor:
        return zincir.nn.functional.cross_entropy(net(x.flatten(1)), soft)

    zincir.manual_seed(0)
    net = zincir.nn.Linear(3 * 11 * 11, 4)
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.01)

    @zincir.compile
    def step(x: Any, labels: Any, numbers: Any) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = loss_of(*chain.apply(x, numbers, labels))
        loss.backward()
        optimizer.step()
        return loss

    for epoch in range(3):
        numbers = chain.draw(x.shape, epoch=epoch, index=INDEX)
        before = [
            zincir.from_numpy(a) for a in chain.apply(x, numbers, labels)
        ]  # augmented by NumPy
        want = loss_of(*before).item()
        assert step(x, labels, numbers).item() == pytest.approx(want, rel=1e-4)


def test_text_of_a_chain() -> None:
    text = repr(A.Compose([A.RandomCrop(32, padding=4), A.RandomHorizontalFlip()], seed=7))
    assert text.splitlines()[2] == "    RandomHorizontalFlip(p=0.5),"
    assert text.splitlines()[-1] == "], seed=7)"
    assert "RandomCrop(size=32, padding=4" in text


X = pixels()
CHAIN = A.Compose([A.RandomHorizontalFlip()])


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: CHAIN(X[0], epoch=0, index=[0]), ShapeError, "images[:, None]"),
        (lambda: CHAIN(X[:, :, :0], epoch=0, index=INDEX), ShapeError, "at least one channel"),
        (lambda: CHAIN.draw((3, 8, 8), epoch=0, index=[0]), ShapeError, "(N, C, H, W)"),
        (lambda: CHAIN(X.astype(np.float64), epoch=0, index=INDEX), DTypeError, "float64"),
        (lambda: CHAIN(X.tolist(), epoch=0, index=INDEX), DTypeError, "got       list"),
        (lambda: CHAIN(X, epoch=0, index=[0, 1]), ShapeError, "(16,): for each image"),
        (lambda: CHAIN(X, epoch=0, index=INDEX - 200), ArgumentError, "ints from 0"),
        (lambda: CHAIN(X, epoch=0, index=INDEX * 0.5), ArgumentError, "numbers of samples"),
        (lambda: CHAIN(X, epoch=-1, index=INDEX), ArgumentError, "Compose: epoch is not"),
        (lambda: CHAIN(X, epoch=1.5, index=INDEX), ArgumentError, "got       1.5"),
        (lambda: CHAIN.apply(X, []), ShapeError, "expected  1 arrays for 16 samples"),
        (lambda: CHAIN.apply(X, [np.zeros((3, 1))]), ShapeError, "got       1 arrays for [3]"),
        (lambda: A.Compose([], seed=-1), ArgumentError, "Compose: seed is not a whole number"),
        (lambda: A.Compose([A.RandomCrop]), ArgumentError, "instances, as in RandomCrop(32)"),
        (
            lambda: A.Compose([A.Normalize(0, 1), A.ColorJitter(0.1)]),
            ArgumentError,
            "ColorJitter after Normalize",
        ),
        (
            lambda: A.Compose([A.MixUp(1, 3)])(X, epoch=0, index=INDEX),
            ArgumentError,
            "need labels",
        ),
        (
            lambda: A.Compose([A.CutMix(1)])(X, INDEX, epoch=0, index=INDEX),
            ShapeError,
            "CutMix(num_classes=10)",
        ),
        (
            lambda: A.Compose([A.RandomCrop(16, padding=1)])(X, epoch=0, index=INDEX),
            ShapeError,
            "got       12 x 11, padding=1",
        ),
        (
            lambda: A.Compose([A.Normalize((1, 2), 1)])(X, epoch=0, index=INDEX),
            ShapeError,
            "1 or 3 numbers each",
        ),
        (
            lambda: A.Compose([A.RandAugment()])(X[:, :2], epoch=0, index=INDEX),
            ShapeError,
            "got       2 channels",
        ),
        (lambda: A.RandomCrop(0), ArgumentError, "RandomCrop: size is not a whole number from 1"),
        (lambda: A.RandomCrop((1, 2, 3)), ArgumentError, "neither one number nor two"),
        (lambda: A.RandomCrop(4, padding=(1, 2, 3)), ArgumentError, "neither 1, 2 nor 4"),
        (lambda: A.RandomCrop(4, padding_mode="wrap"), ArgumentError, "edge, reflect, symmetric"),
        (lambda: A.RandomHorizontalFlip(1.5), ArgumentError, "0.0 <= p <= 1.0"),
        (lambda: A.RandomRotation(-3), ArgumentError, "RandomRotation: degrees is negative"),
        (lambda: A.RandomRotation((3, 2)), ArgumentError, "(least, most)"),
        (lambda: A.RandomRotation(3, expand=True), ArgumentError, "would differ in size"),
        (lambda: A.RandomRotation(3, "cubic"), ArgumentError, "nearest, bilinear"),
        (lambda: A.RandomAffine(3, translate=(2, 0)), ArgumentError, "not two shares"),
        (lambda: A.RandomAffine(3, scale=(0, 1)), ArgumentError, "RandomAffine: scale"),
        (lambda: A.ColorJitter(hue=0.7), ArgumentError, "-0.5 <= hue <= 0.5"),
        (lambda: A.ColorJitter(contrast=(-1, 2)), ArgumentError, "ColorJitter: contrast"),
        (lambda: A.Normalize(0.5, 0), ArgumentError, "std above 0"),
        (lambda: A.RandomErasing(value="noise"), ArgumentError, '"random"'),
        (lambda: A.RandomErasing(scale=(0, 2)), ArgumentError, "more than all"),
        (lambda: A.Cutout(0), ArgumentError, "Cutout: size is not a whole number from 1"),
        (lambda: A.Pad((1, 2, 3)), ArgumentError, "Pad: padding is neither 1, 2 nor 4"),
        (lambda: A.Pad(-1), ArgumentError, "Pad: padding is not a whole number from 0"),
        (lambda: A.Pad(1, padding_mode="wrap"), ArgumentError, "edge, reflect, symmetric"),
        (lambda: A.GaussianBlur(4), ArgumentError, "kernel_size is even"),
        (lambda: A.GaussianBlur(3, 0), ArgumentError, "sigma is not positive"),
        (lambda: A.GaussianBlur(3, (2, 1)), ArgumentError, "GaussianBlur: sigma"),
        (
            lambda: A.Compose([A.GaussianBlur((3, 25))])(X, epoch=0, index=INDEX),
            ShapeError,
            "expected  more than 12 x 1",
        ),
        (
            lambda: A.Compose([A.RandomIoUCrop()])(X, epoch=0, index=INDEX),
            ArgumentError,
            "RandomIoUCrop: needs boxes",
        ),
        (lambda: A.RandomIoUCrop(0.5, 0.3), ArgumentError, "RandomIoUCrop: scale"),
        (lambda: A.RandomIoUCrop(0.5, 1.3), ArgumentError, "max_scale is more than all"),
        (lambda: A.RandomIoUCrop(sampler_options=[]), ArgumentError, "sampler_options is empty"),
        (lambda: A.RandomIoUCrop(trials=0), ArgumentError, "trials is not a whole number from 1"),
        (lambda: A.MixUp(0), ArgumentError, "alpha is not positive"),
        (lambda: A.RandAugment(magnitude=31), ArgumentError, "num_magnitude_bins"),
        (lambda: A.TrivialAugmentWide(1), ArgumentError, "a whole number from 2"),
    ],
)
def test_errors_say_what_is_wrong(
    call: Callable[[], Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)
    assert "test_augment.py" in str(caught.value)


def test_numbers_are_never_drawn_once_and_for_ever() -> None:
    drawn = CHAIN.draw(X.shape, epoch=0, index=INDEX)
    for inside in (
        lambda x: CHAIN(x, epoch=0, index=INDEX),
        lambda x: CHAIN.apply(x, drawn),
    ):
        with pytest.raises(TraceError, match="once and for ever") as caught:
            zincir.compile(inside)(X)
        assert "augment.apply(x, numbers) inside" in str(caught.value)


def test_policies_stay_outside_of_compiled_steps() -> None:
    chain = A.Compose([A.RandAugment()])
    with pytest.raises(TraceError, match="RandAugment: cannot be part of a compiled step"):
        zincir.compile(chain.apply)(X, chain.draw(X.shape, epoch=0, index=INDEX))
