"""Small tables that ship with the package: `penguins.md` and `auto_mpg.md` say whose."""

from __future__ import annotations

import gzip
from importlib import resources

from zincir.data.tables import Kinds, Table


def load_penguins(missing: str = "fill") -> Table:
    """344 penguins: which of three species, by island, sex, measures and year.

    Args:
        missing: what happens to the 11 birds that lack a value, see `Table`.

    Example:
        >>> penguins = load_penguins()
        >>> len(penguins), penguins.target, penguins.features
        (344, 'species', ['island', 'bill_length_mm', 'bill_depth_mm', 'flipper_length_mm',
        'body_mass_g', 'sex', 'year'])
    """
    return _table("penguins.csv.gz", "species", missing=missing)


def load_auto_mpg() -> Table:
    """392 cars: how many miles they go on a gallon, by engine, weight, year and origin.

    The cars' names, nearly all different, are left out.

    Example:
        >>> cars = load_auto_mpg()
        >>> len(cars), cars.target, cars.columns["origin"].kind
        (392, 'mpg', 'category')
    """
    return _table("auto_mpg.csv.gz", "mpg", {"origin": "category"}).without("name")


def _table(name: str, target: str, kinds: Kinds | None = None, missing: str = "refuse") -> Table:
    packed = resources.files("zincir.data").joinpath(name).read_bytes()
    text = gzip.decompress(packed).decode("utf-8")
    return Table._read(text, name, target, kinds, missing)
