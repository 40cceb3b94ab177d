"""Linear algebra without PyTorch: what factors are, gradients to second order, errors in time."""

import numpy as np
import pytest

import zincir
from zincir import linalg
from zincir.autograd import gradcheck, gradgradcheck

RNG = np.random.default_rng(2)
A = RNG.standard_normal((2, 3, 3))
TALL = RNG.standard_normal((4, 3))
WIDE = RNG.standard_normal((2, 4))


def leaf(array):
    return zincir.from_numpy(np.array(array)).requires_grad_()


def spd(a):
    return a @ a.mT + zincir.eye(a.shape[-1], dtype=a.dtype)


@pytest.mark.parametrize(
    ("function", "array"),
    [
        (linalg.inv, A),
        (lambda a: linalg.solve(a, a @ a), A),
        (lambda a: linalg.solve_triangular(a, a.mT, upper=False), A),
        (lambda a: linalg.cholesky(spd(a)), A),
        (lambda a: tuple(linalg.lu(a))[1:], A),
        (lambda a: tuple(linalg.lu(a))[1:], TALL),
        (lambda a: tuple(linalg.lu(a))[1:], WIDE),
        (lambda a: tuple(linalg.qr(a)), TALL),
        (lambda a: tuple(linalg.qr(a)), WIDE),
        (lambda a: tuple(linalg.svd(a, False)), TALL),
        (lambda a: tuple(linalg.svd(a, False)), WIDE),
        (lambda a: tuple(linalg.eigh(a + a.mT)), A),
        (linalg.pinv, TALL),
        (linalg.pinv, WIDE),
        (linalg.det, A),
        (lambda a: linalg.slogdet(a).logabsdet, A),
        (linalg.matrix_exp, A),
        (lambda a: linalg.matrix_power(a, -3), A),
        (lambda a: linalg.matrix_norm(a, "nuc"), A),
        (lambda a: linalg.lstsq(a, a[:, :2] + 1.0).solution, TALL),
    ],
)
def test_gradients(function, array):
    assert gradcheck(function, [leaf(array)], fast_mode=True, atol=1e-5)
    assert gradgradcheck(function, [leaf(array)], fast_mode=True, atol=1e-3)


def test_factors_are_what_they_should_be():
    for array in (A, TALL, WIDE):
        a = zincir.from_numpy(array)
        p, low, up = linalg.lu(a)
        np.testing.assert_allclose((p @ low @ up).numpy(), array, atol=1e-12)
        assert np.array_equal(np.tril(low.numpy()), low.numpy())
        q, r = linalg.qr(a)
        np.testing.assert_allclose((q @ r).numpy(), array, atol=1e-12)
        u, s, vh = linalg.svd(a, full_matrices=False)
        np.testing.assert_allclose((u * s.unsqueeze(-2) @ vh).numpy(), array, atol=1e-12)
        packed, pivots = linalg.lu_factor(a)
        assert pivots.dtype is zincir.int32
        np.testing.assert_allclose(zincir.lu_unpack(packed, pivots).U.numpy(), up.numpy())


def test_the_exponential_is_the_sum_of_its_series():
    for scale in (0.01, 1.0, 20.0):
        a = A[0] * scale
        w, v = np.linalg.eig(a)
        expected = (v * np.exp(w) @ np.linalg.inv(v)).real
        found = zincir.from_numpy(a).matrix_exp().numpy()
        np.testing.assert_allclose(found, expected, 1e-9, 1e-9 * np.abs(expected).max())


def test_the_gradient_of_a_singular_determinant():
    a = leaf(np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 2.0]) + np.diag([1.0, 0.0, 0.0]))
    assert gradcheck(linalg.det, [a])


def test_errors_come_from_the_line_that_is_wrong():
    singular = zincir.ones(2, 2)
    jitter = 0
    while True:
        try:
            linalg.cholesky(singular - zincir.eye(2) + jitter * zincir.eye(2))
            break
        except linalg.LinAlgError:
            jitter += 1
    assert jitter == 2
    with pytest.raises(linalg.LinAlgError, match=r"Batch element 1.*singular"):
        linalg.inv(zincir.stack([zincir.eye(2), singular]))
    with pytest.raises(linalg.LinAlgError, match="order 2"):
        linalg.cholesky(zincir.tensor([[1.0, 2.0], [2.0, 1.0]]))
    assert linalg.inv_ex(singular).info.item() == 2
    assert linalg.cholesky_ex(-singular).info.item() == 1


def test_recorded_and_replayed():
    @zincir.compile
    def solved(a, b):
        return linalg.solve(spd(a), b), linalg.slogdet(spd(a)).logabsdet, linalg.inv(a)

    for _ in range(3):
        a, b = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 1))
        x, size, back = solved(zincir.from_numpy(a), zincir.from_numpy(b))
        whole = a @ a.T + np.eye(3)
        np.testing.assert_allclose(x.numpy(), np.linalg.solve(whole, b), 1e-8)
        np.testing.assert_allclose(size.item(), np.linalg.slogdet(whole)[1])
        np.testing.assert_allclose(back.numpy(), np.linalg.inv(a), 1e-8)
    with pytest.raises(linalg.LinAlgError, match="singular"):
        solved(zincir.ones(3, 3).double(), zincir.ones(3, 1).double())


def test_eigenvalues_of_a_real_matrix_are_complex_numbers():
    turn = zincir.tensor([[0.0, -2.0], [2.0, 0.0]])
    values, vectors = linalg.eig(turn)
    assert values.dtype is linalg.eigvals(turn).dtype is zincir.complex64
    assert sorted(values.tolist(), key=lambda value: value.imag) == [-2j, 2j]
    np.testing.assert_allclose((turn + 0j) @ vectors, vectors * values, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: linalg.inv(zincir.ones(2, 3)), "square"),
        (lambda: linalg.inv(zincir.ones(3)), "at least 2 dimensions"),
        (lambda: linalg.det(zincir.ones(2, 2).long()), "floating point"),
        (lambda: linalg.solve(zincir.eye(2), zincir.ones(3, 1)), "Incompatible shapes"),
        (lambda: linalg.matrix_norm(zincir.eye(2), 3), "not supported"),
        (lambda: linalg.lu(zincir.eye(2), pivot=False), "pivoting"),
        (lambda: linalg.cross(zincir.ones(2), zincir.ones(2)), "length 3"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(zincir.errors.ZincirError, match=words):
        call()


def test_qr_complete_has_no_gradient_for_tall_matrices():
    q, _ = linalg.qr(leaf(TALL), "complete")
    with pytest.raises(zincir.errors.GradientError, match="complete"):
        q.sum().backward()


def test_eigenvalues_of_any_matrix():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((2, 4, 4))
    w, v = zincir.linalg.eig(zincir.from_numpy(a))
    assert w.dtype is zincir.complex128
    np.testing.assert_allclose(a @ v.numpy(), v.numpy() * w.numpy()[:, None], atol=1e-12)
    np.testing.assert_array_equal(zincir.linalg.eigvals(zincir.from_numpy(a)).numpy(), w.numpy())

    def free_of_phases(x):
        w, v = zincir.linalg.eig(x)
        return w.real.sin().sum() + w.imag.square().sum() + (v.abs() * 1.5).sin().sum()

    assert gradcheck(free_of_phases, [zincir.from_numpy(a).requires_grad_()])
    with pytest.raises(zincir.errors.ShapeError, match="square"):
        zincir.linalg.eig(zincir.ones(2, 3))
    with pytest.raises(zincir.errors.LinAlgError, match="infs or NaNs"):
        zincir.linalg.eigvals(zincir.full((2, 2), float("nan")))


def test_reflections():
    rng = np.random.default_rng(1)
    a = zincir.from_numpy(rng.standard_normal((2, 5, 3)))
    h, tau = zincir.geqrf(a)
    q = zincir.linalg.householder_product(h, tau)
    np.testing.assert_allclose((q @ h[:, :3].triu()).numpy(), a.numpy(), atol=1e-13)
    c = zincir.from_numpy(rng.standard_normal((2, 5, 4)))
    whole = zincir.ormqr(h, tau, c)
    back = h.ormqr(tau, whole, transpose=True)
    np.testing.assert_allclose(back.numpy(), c.numpy(), atol=1e-13)
    right = zincir.ormqr(h, tau, c.mT, left=False, transpose=True)
    np.testing.assert_allclose(right.mT.numpy(), whole.numpy(), atol=1e-13)
    leaves = [x.detach().requires_grad_() for x in (h, tau, c)]
    assert gradcheck(lambda h, tau, c: zincir.ormqr(h, tau, c), leaves)
    assert gradcheck(zincir.linalg.householder_product, leaves[:2])
    with pytest.raises(zincir.errors.ShapeError, match="greater than or equal"):
        zincir.orgqr(h.mT, tau)


def test_approximations_of_low_rank():
    zincir.manual_seed(0)
    left, right = zincir.randn(30, 3).double(), zincir.randn(3, 20).double()
    for a in (left @ right, (left @ right).mT):
        u, s, v = zincir.svd_lowrank(a, q=4)
        np.testing.assert_allclose((u * s @ v.mT).numpy(), a.numpy(), atol=1e-10)
        parts = zincir.pca_lowrank(a, q=4)
        again = (parts.U * parts.S) @ parts.V.mT + a.mean(0)
        np.testing.assert_allclose(again.numpy(), a.numpy(), atol=1e-10)
    with pytest.raises(zincir.errors.ArgumentError, match="not greater than min"):
        zincir.pca_lowrank(left, q=4)


def unpacked(ld, pivots):
    """L and D (of one matrix), with the exchanges of rows that were made done in L."""
    n, d = len(ld), np.zeros_like(ld)
    low, k = np.eye(n), 0
    starts = []
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        part = slice(k, k + step)
        d[part, part] = np.tril(ld[part, part]) + np.tril(ld[part, part], -1).T
        starts.append((k, step))
        k += step
    for k, step in reversed(starts):  # P1 L1 P2 L2 ...
        mine = np.eye(n)
        mine[k + step :, k : k + step] = ld[k + step :, k : k + step]
        low = mine @ low
        other = abs(pivots[k]) - 1
        low[[k + step - 1, other]] = low[[other, k + step - 1]]
    return low, d


def test_symmetric_matrices_that_are_not_definite():
    rng = np.random.default_rng(2)
    a = rng.standard_normal((6, 7, 7))
    a = a + a.swapaxes(-1, -2)
    a[0, range(7), range(7)] = 0  # needs blocks of two
    ld, pivots = linalg.ldl_factor(zincir.from_numpy(a))
    assert (pivots.numpy() < 0).any()
    assert (pivots.numpy() > 0).any()
    for one, factors, order in zip(a, ld.numpy(), pivots.numpy(), strict=True):
        low, d = unpacked(factors, order)
        np.testing.assert_allclose(low @ d @ low.T, one, atol=1e-12)
    b = zincir.from_numpy(rng.standard_normal((7, 2)))
    np.testing.assert_allclose(a @ linalg.ldl_solve(ld, pivots, b).numpy(), [b.numpy()] * 6, 1e-8)
    with pytest.raises(zincir.errors.LinAlgError, match="diagonal element 2 of D"):
        linalg.ldl_factor(zincir.ones(2, 2))
    assert linalg.ldl_factor_ex(zincir.ones(2, 2)).info.item() == 2
    with pytest.raises(zincir.errors.ShapeError, match="do not fit"):
        linalg.ldl_solve(ld, pivots[0], b)
    with pytest.raises(zincir.errors.DTypeError, match="integers"):
        linalg.ldl_solve(ld, ld[..., 0], b)


def test_what_has_no_gradient_says_so():
    x, rows = zincir.eye(2).requires_grad_(), zincir.tensor([1, 2])
    for y in (
        zincir.geqrf(x).a,
        linalg.ldl_factor(x).LD,
        linalg.ldl_solve(x, rows, zincir.ones(2, 1)),
    ):
        with pytest.raises(zincir.errors.GradientError, match="derivative is not implemented"):
            y.sum().backward()


def test_tensordot_keeps_a_whole_type_where_one_dimension_stands_for_many():
    a, b = zincir.ones(2, 1, 3, dtype=zincir.int32), zincir.ones(3, 2, 4, dtype=zincir.int32)
    found = zincir.tensordot(a, b, dims=([2, 1], [0, 1]))
    assert found.dtype is zincir.int32
    assert found.tolist() == [[6] * 4] * 2
