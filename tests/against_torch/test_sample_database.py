"""Every operation that PyTorch has samples of gives what PyTorch gives, or is a known difference.

A few samples of each are tried here, all of them with `-m slow`. `compatibility.py` prints what
differs; what is to stay so goes into `known_differences.py`.
"""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytest.importorskip("expecttest", reason="PyTorch's samples need the package expecttest")

import known_differences
from compatibility import SECTIONS, TABLE, written
from sample_database import COMPARED, KINDS, core_names, differences, ours_of

pytestmark = pytest.mark.torch

FEW = 1
PRESENT = [name for name, op in COMPARED.items() if ours_of(op) is not None]


def wrong(name: str, few: int | None) -> list[str]:
    """What differs and is not known to, and what is known to differ and does not."""
    known = known_differences.OPERATIONS.get(name, {})
    found = differences(name, few)
    problems = [
        f"{kind}: {problem}" for kind in found if kind not in known for problem in found[kind][:5]
    ]
    if few is None:  # a few may be those that do not differ
        problems += [f"{kind}: listed, and passes" for kind in known if kind not in found]
    return problems


@pytest.mark.filterwarnings("ignore:torch.qr is deprecated")
@pytest.mark.parametrize("name", PRESENT)
def test_some_samples(name: str) -> None:
    assert not wrong(name, FEW), f"python tests/against_torch/compatibility.py walk {name!r}"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PRESENT)
def test_all_samples(name: str) -> None:
    assert not wrong(name, None), f"python tests/against_torch/compatibility.py walk {name!r}"


def test_what_counts_first_is_there() -> None:
    missing = [name for name in core_names() if name not in PRESENT]
    assert not missing
    assert not [name for name in core_names() if name in known_differences.OPERATIONS]


def test_known_differences_are_of_what_there_is() -> None:
    for name, kinds in known_differences.OPERATIONS.items():
        assert name in PRESENT, f"{name} is absent: that is not a difference to list"
        assert kinds.keys() <= set(KINDS)
        assert all(kinds.values()), f"{name}: say how it differs"


def test_known_layers_are_those_of_pytorch() -> None:
    import torch

    assert [name for name in known_differences.LAYERS if not hasattr(torch.nn, name)] == []


def test_the_page_for_users_is_that_of_today() -> None:
    ours = written(section() for section in SECTIONS)
    assert TABLE.read_text("utf-8") == ours, "python tests/against_torch/compatibility.py write"


def test_a_wrong_number_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import zincir

    monkeypatch.setattr(zincir, "square", lambda x: x * x * 1.0001)
    assert any("result 0" in problem for problem in wrong("square", FEW))
    monkeypatch.setattr(zincir, "square", lambda x: x.detach() ** 2)
    assert any("requires_grad" in problem for problem in wrong("square", FEW))
    monkeypatch.setattr(zincir, "square", lambda x: x * x.detach() * 1.0)
    assert any("gradient 0" in problem for problem in wrong("square", FEW))
