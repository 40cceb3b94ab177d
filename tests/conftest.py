"""What every test runs under: a private cache, verified passes, fixed seeds, loud skips."""

import gc
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# Before the first import of zincir, which reads its settings once. Workers of pytest-xdist and
# processes that tests start inherit both.


def _cache_dir() -> Path:
    """A folder for machine code that only this user can write to, kept from run to run."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"zincir-tests-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid"):
        found = folder.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            return Path(tempfile.mkdtemp(prefix="zincir-tests-"))
        folder.chmod(0o700)
    return folder


os.environ["ZINCIR_CACHE_DIR"] = os.environ.get("ZINCIR_TEST_CACHE_DIR") or str(_cache_dir())
os.environ.setdefault("ZINCIR_VERIFY", "1")
os.environ.setdefault("ZINCIR_POISON", "1")
# Where Python is told to keep no bytecode, each of the processes compiled all sources: a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Shells start what runs in the background without Ctrl-C: tests that send it want it all the same.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import zincir  # noqa: E402

TORCH_IS_MISSING = "PyTorch is not installed: make test TORCH=1"
SEED = 20240611

hypothesis.settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def seeds() -> None:
    """The same random numbers in every test, whatever ran before it."""
    zincir.manual_seed(SEED)
    np.random.seed(SEED)


@pytest.fixture(autouse=True)
def grad_mode_is_left_on() -> Iterator[None]:
    """A test that turns gradients off for those after it fails, and does not harm them."""
    yield
    if not zincir.is_grad_enabled():
        zincir.set_grad_enabled(True)
        pytest.fail("the test left gradients turned off")


def pytest_collection_finish() -> None:
    """Recordings collect garbage: not by looking through millions of objects of the tests each."""
    gc.collect()
    gc.freeze()


# --- PyTorch: the fourth oracle, when it is there ---------------------------------------------


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason=TORCH_IS_MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was not compared, so that a green run does not look like more than it is."""
    skipped = {
        report.nodeid: isinstance(report, pytest.TestReport)
        for report in terminalreporter.stats.get("skipped", [])
        if "PyTorch is not installed" in str(report.longrepr)
    }
    if skipped:
        tests = sum(skipped.values())
        parts = [f"{tests} tests"] if tests else []
        parts += [f"{len(skipped) - tests} whole files"] if len(skipped) > tests else []
        terminalreporter.write_sep(
            "!", f"NOT COMPARED with PyTorch: {' and '.join(parts)}; make test TORCH=1", yellow=True
        )
