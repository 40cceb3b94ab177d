"""How much disk a distribution takes with everything it depends on."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"


def with_dependencies(name: str) -> set[str]:
    """The installed distributions `name` needs, itself included; extras are not needed."""
    found: set[str] = set()
    open_names = [name]
    while open_names:
        current = re.sub(r"[-_.]+", "-", open_names.pop()).lower()
        try:
            required = metadata.requires(current) or []
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
    files = [Path(str(f.locate())) for f in metadata.files(name) or [] if f.suffix != ".pyc"]
    if name == "zincir" and not any(f.name == "errors.py" for f in files):
        # an editable installation records only a pointer to the sources
        files = [f for f in (SOURCE / "zincir").rglob("*") if f.suffix != ".pyc"]
    return sum(f.stat().st_size for f in files if f.is_file())


def installed_bytes(name: str) -> dict[str, int]:
    """Bytes of each distribution that comes with `name`."""
    return {part: own_bytes(part) for part in sorted(with_dependencies(name))}


if __name__ == "__main__":
    for root in ("zincir", "torch", "jax"):
        sizes = installed_bytes(root)
        parts = ", ".join(f"{part} {size / 1e6:.1f}" for part, size in sizes.items())
        print(f"{root}: {sum(sizes.values()) / 1e6:.1f} MB ({parts})")
