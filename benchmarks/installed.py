"""How much disk a distribution takes with everything it depends on."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = "zincir"


def requirements(name: str) -> list[str]:
    """What a distribution asks for; Zincir's own list is read from the checkout."""
    if name == OURS:
        with (ROOT / "pyproject.toml").open("rb") as file:
            return tomllib.load(file)["project"]["dependencies"]
    return metadata.requires(name) or []


def with_dependencies(name: str) -> set[str]:
    """The installed distributions `name` needs, itself included; extras are not needed."""
    found: set[str] = set()
    open_names = [name]
    while open_names:
        current = re.sub(r"[-_.]+", "-", open_names.pop()).lower()
        try:
            required = requirements(current)
        except metadata.PackageNotFoundError:
            continue  # for another platform or another Python
        if current in found:
            continue
        found.add(current)
        open_names += [
            re.split(r"[^\w.-]", line, maxsplit=1)[0]
            for line in required
            if not re.search(r"\bextra\s*==", line)
        ]
    return found


def own_bytes(name: str) -> int:
    """Bytes of the files a distribution installed, without compiled .pyc files."""
    if name == OURS:  # an editable installation records only a pointer to the sources
        files = list((ROOT / "src" / OURS).rglob("*"))
    else:
        files = [Path(str(file.locate())) for file in metadata.files(name) or []]
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")


def installed_bytes(name: str) -> dict[str, int]:
    """Bytes of each distribution that comes with `name`."""
    return {part: own_bytes(part) for part in sorted(with_dependencies(name))}


if __name__ == "__main__":
    for root in ("zincir", "torch", "jax"):
        sizes = installed_bytes(root)
        parts = ", ".join(f"{part} {size / 1e6:.1f}" for part, size in sizes.items())
        print(f"{root}: {sum(sizes.values()) / 1e6:.1f} MB ({parts})")
