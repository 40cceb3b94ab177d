"""Fashion-MNIST: the real files where they are installed; made ones for what goes wrong."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from zincir.data import FASHION_MNIST_CLASSES, FashionMNIST, fashion_mnist, load_fashion_mnist
from zincir.data.idx import IdxFile
from zincir.errors import ArgumentError

REAL = fashion_mnist.DEBIAN
installed = pytest.mark.skipif(
    not REAL.is_dir(), reason="dataset-fashion-mnist is not installed: the real files are not read"
)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four small files, which count as the right ones; Debian's is not there."""
    rng = np.random.default_rng(0)
    files = []
    for file, shape in zip(
        fashion_mnist.FILES, [(7, 28, 28), (7,), (3, 28, 28), (3,)], strict=True
    ):
        array = rng.integers(0, 10 if len(shape) == 1 else 256, shape).astype(np.uint8)
        content = idx(array)
        (tmp_path / file.name).write_bytes(gzip.compress(content))
        files.append(IdxFile(file.name, shape, hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(fashion_mnist, "FILES", tuple(files))
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "not installed")
    monkeypatch.delenv("ZINCIR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@installed
def test_the_real_files() -> None:
    clothes = load_fashion_mnist(REAL)
    assert clothes.train_images.shape == (60000, 28, 28)
    assert clothes.test_images.shape == (10000, 28, 28)
    assert np.bincount(clothes.train_labels).tolist() == [6000] * 10
    assert np.bincount(clothes.test_labels).tolist() == [1000] * 10
    assert clothes.train_labels[:4].tolist() == [9, 0, 0, 3]
    mean = clothes.train_images.sum(dtype=np.int64) / clothes.train_images.size
    assert mean / 255 == pytest.approx(0.2860, abs=1e-4)


def test_types(small: Path) -> None:
    clothes = load_fashion_mnist(small)
    assert isinstance(clothes, FashionMNIST)
    for images, labels in (clothes[:2], clothes[2:]):
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert images.flags.c_contiguous
        assert images.flags.writeable
        assert len(images) == len(labels)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(clothes.train_images, rng.integers(0, 256, (7, 28, 28)))
    np.testing.assert_array_equal(clothes.train_labels, rng.integers(0, 10, 7))


def test_classes() -> None:
    assert len(set(FASHION_MNIST_CLASSES)) == 10
    assert FASHION_MNIST_CLASSES[0] == "T-shirt/top"
    assert FASHION_MNIST_CLASSES[9] == "ankle boot"


def test_where_files_are_looked_for(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want = load_fashion_mnist(str(small)).train_images
    inside = small / "data" / "fashion-mnist"
    inside.mkdir(parents=True)
    for file in fashion_mnist.FILES:
        (small / file.name).rename(inside / file.name)
    np.testing.assert_array_equal(load_fashion_mnist(small / "data").train_images, want)
    for named in (inside, inside.parent):
        monkeypatch.setenv("ZINCIR_DATA", str(named))
        np.testing.assert_array_equal(load_fashion_mnist().train_images, want)
    monkeypatch.setenv("ZINCIR_DATA", str(small))
    monkeypatch.setattr(fashion_mnist, "DEBIAN", inside)
    np.testing.assert_array_equal(load_fashion_mnist().train_images, want)
    with pytest.raises(ArgumentError, match="the files are not there"):
        load_fashion_mnist(small)  # a folder that was asked for is not replaced by another


def test_absent_files_say_how_to_get_them(small: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        load_fashion_mnist()
    text = str(caught.value)
    assert "apt-get install dataset-fashion-mnist" in text
    assert f"{small / 'not installed'}: no such folder" in text
    assert "ZINCIR_DATA" in text
    assert "test_fashion_mnist.py" in text
    (small / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ArgumentError, match=": without t10k-labels"):
        load_fashion_mnist(small)
    (small / "empty").mkdir()
    with pytest.raises(ArgumentError, match="empty: none of them"):
        load_fashion_mnist(small / "empty")


def test_damaged_and_wrong_files_are_refused(small: Path) -> None:
    path = small / "train-images-idx3-ubyte.gz"
    packed = path.read_bytes()
    content = gzip.decompress(packed)
    changed = bytearray(content)
    changed[100] ^= 1
    middle = len(packed) // 2
    cases = {
        "cannot be unpacked": [packed[:-20], packed[:5], content, b"<html>not found</html>",
                               packed[:middle] + b"\xff" * 40 + packed[middle + 40 :]],
        "is not an IDX file of bytes, (7, 28, 28)": [gzip.compress(b) for b in (
            idx(np.zeros((7,), np.uint8)), idx(np.zeros((8, 28, 28), np.uint8)), b"")],
        "has another length": [gzip.compress(content[:-1]), gzip.compress(content + b"\0" * 9)],
        "has other contents than Fashion-MNIST": [gzip.compress(bytes(changed))],
    }  # fmt: skip
    for says, files in cases.items():
        for wrong in files:
            path.write_bytes(wrong)
            with pytest.raises(ArgumentError) as caught:
                load_fashion_mnist(small)
            assert says in str(caught.value).splitlines()[0]
            assert f"{len(wrong):,} bytes" in str(caught.value)
            assert "delete the file and get it again" in str(caught.value)
    path.write_bytes(packed)
    assert len(load_fashion_mnist(small).train_images) == 7


def test_a_file_packed_again_is_the_same(small: Path) -> None:
    path = small / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    assert len(load_fashion_mnist(small).train_images) == 7
