"""Weights of interpolation: what must hold for every pair of sizes."""

import numpy as np
import pytest

from zincir.nn.functional import interpolation_weights as resampling

SIZES = [(1, 1), (1, 4), (2, 3), (3, 6), (5, 2), (7, 1), (7, 7), (8, 5)]
KINDS = {
    f"{name}-{corners}": (getattr(resampling, name), corners)
    for name in ("linear", "cubic", "linear_antialiased", "cubic_antialiased")
    for corners in (False, True)
}


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_add_up_to_one(kind: str, n: int, m: int) -> None:
    make, corners = KINDS[kind]
    matrix = make(n, m, None, corners)
    assert matrix.shape == (m, n)
    np.testing.assert_allclose(matrix.sum(1), 1.0)
    if n == m and "antialiased" not in kind:
        np.testing.assert_array_equal(matrix, np.eye(n))


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_mirrored_input_gives_mirrored_output(n: int, m: int) -> None:
    for make, corners in KINDS.values():
        if corners and (m == 1 or "antialiased" in make.__name__):
            continue  # The only element is the first, which mirrored is the last
        matrix = make(n, m, None, corners)
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)
    np.testing.assert_allclose(resampling.area(n, m), resampling.area(n, m)[::-1, ::-1])


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_area_is_the_mean_of_pieces(n: int, m: int) -> None:
    x = np.random.default_rng(0).standard_normal(n)
    pieces = [x[int(np.floor(i * n / m)) : int(np.ceil((i + 1) * n / m))] for i in range(m)]
    np.testing.assert_allclose(resampling.area(n, m) @ x, [p.mean() for p in pieces])


def test_straight_lines_stay_straight() -> None:
    line = np.arange(6.0)
    np.testing.assert_allclose(resampling.linear(6, 11, None, True) @ line, np.linspace(0, 5, 11))
    # So they do with Keys' own a = -0.5, away from the edges
    inner = (resampling.cubic_antialiased(6, 12, None, False) @ line)[4:8]
    np.testing.assert_allclose(inner, [1.75, 2.25, 2.75, 3.25])


def test_nearest() -> None:
    assert resampling.nearest(3, 6, None, False).tolist() == [0, 0, 1, 1, 2, 2]
    assert resampling.nearest(5, 3, None, False).tolist() == [0, 1, 3]
    assert resampling.nearest(5, 3, None, True).tolist() == [0, 2, 4]
    assert resampling.nearest(4, 6, 1.7, False).tolist() == [0, 0, 1, 1, 2, 2]


def test_scale_beats_the_ratio_of_sizes() -> None:
    given, plain = (resampling.linear(4, 6, scale, False) for scale in (1.7, None))
    assert (given != plain).any()
    np.testing.assert_allclose(
        given @ np.arange(4.0), np.clip((np.arange(6) + 0.5) / 1.7 - 0.5, 0, 3)
    )
