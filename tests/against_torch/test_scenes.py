"""The literals of the scenes are those that PyTorch gives."""

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from scenes import Scene, name_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

TESTS = Path(__file__).parents[1]
FILES = sorted(
    p for p in TESTS.glob("test_*.py") if "\nSCENES = Scenes()\n" in p.read_text("utf-8")
)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scenes_of_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOADED = {path.stem: load(path) for path in FILES}
THEIRS = [s for module in LOADED.values() for s in module.SCENES if not s.ours]
STORAGE = LOADED["test_storage"]


@pytest.mark.parametrize("scene", THEIRS, ids=name_of)
def test_pytorch_gives_the_literal(scene: Scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene.check(torch, lambda function=None, **_: function or (lambda f: f))


@pytest.mark.parametrize("name", STORAGE.IDENTITIES)
def test_sharing_is_that_of_pytorch(name: str):
    STORAGE.check_identity(torch, name)


@pytest.mark.parametrize("name", STORAGE.FINE)
def test_pytorch_does_not_refuse(name: str):
    use, what, expected = STORAGE.FINE[name]
    assert STORAGE.changed_after(torch, use, what) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", [*STORAGE.ALARMS, *STORAGE.KEPT])
def test_pytorch_refuses(name: str):
    use, what = (STORAGE.ALARMS | STORAGE.KEPT)[name][:2]
    with pytest.raises(RuntimeError):
        STORAGE.changed_after(torch, use, what)
