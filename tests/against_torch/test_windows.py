"""Windows are PyTorch's."""

import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

from comparison import compare  # noqa: E402

OLD = ("bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window")
NEW = {
    "bartlett": {}, "blackman": {}, "cosine": {}, "exponential": {"tau": 2.0}, "gaussian":
    {"std": 1.5}, "general_cosine": {"a": [0.5, 0.3, 0.2]}, "general_hamming": {"alpha": 0.6},
    "hamming": {}, "hann": {}, "kaiser": {"beta": 7.0}, "nuttall": {},
}  # fmt: skip


@pytest.mark.parametrize("name", OLD)
@pytest.mark.parametrize("m", [0, 1, 2, 9])
def test_older_names(name, m):
    for periodic in (True, False):
        compare(lambda t, p=periodic: getattr(t, name)(m, p, dtype=t.float64), [])
    compare(lambda t: getattr(t, name)(m), [])


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("m", [0, 1, 2, 9])
def test_windows(name, m):
    for sym in (True, False):
        compare(
            lambda t, s=sym: getattr(t.signal.windows, name)(
                m, sym=s, dtype=t.float64, **NEW[name]
            ),
            [],
        )


def test_settings_of_the_older_names():
    compare(lambda t: t.hamming_window(6, True, 0.6, 0.3), [])
    compare(lambda t: t.kaiser_window(6, False, 3.0), [])
    assert zincir.hann_window(4, requires_grad=True).requires_grad
