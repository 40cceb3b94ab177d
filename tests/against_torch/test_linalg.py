"""Linear algebra gives PyTorch's values and gradients, and refuses what it refuses."""

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:(.|\n)*deprecated:UserWarning"),
]

from comparison import compare  # noqa: E402

RNG = np.random.default_rng(11)
A = RNG.standard_normal((4, 4))
BATCH = RNG.standard_normal((2, 3, 3))
TALL = RNG.standard_normal((5, 3))
WIDE = RNG.standard_normal((2, 3, 5))
B = RNG.standard_normal((4, 2))
VECTOR = RNG.standard_normal(4)
RIGHT = RNG.standard_normal((3, 2))
HALF = RNG.standard_normal((2, 4, 4))
POINTS = RNG.standard_normal((2, 5, 3))
NUMBERS = np.array([2, 3, 5])
SINGULAR = np.outer(VECTOR, A[0])


def spd(a):
    """Symmetric and positive definite."""
    return a @ a.mT + a.new_ones(a.shape[-1]).diag()


def symmetric(a):
    return a + a.mT


CASES = {
    "inverse": (lambda t, a: t.inverse(a), A),
    "inv batch": (lambda t, a: t.linalg.inv(a), BATCH),
    "inv_ex": (lambda t, a: tuple(t.linalg.inv_ex(a)), BATCH),
    "solve": (lambda t, a, b: t.linalg.solve(a, b), A, B),
    "solve vector": (lambda t, a, b: t.linalg.solve(a, b), A, VECTOR),
    "solve broadcast": (lambda t, a, b: t.linalg.solve(a, b), BATCH, RIGHT),
    "solve right": (lambda t, a, b: t.linalg.solve(a, b.mT, left=False), A, B),
    "solve_ex": (lambda t, a, b: tuple(t.linalg.solve_ex(a, b)), A, B),
    "solve_triangular": (lambda t, a, b: t.linalg.solve_triangular(a, b, upper=True), A, B),
    "solve_triangular unit": (
        lambda t, a, b: t.linalg.solve_triangular(
            a, b.mT, upper=False, left=False, unitriangular=True), A, B),
    "triangular_solve": (lambda t, a, b: t.triangular_solve(b, a, transpose=True)[0], A, B),
    "cholesky": (lambda t, a: t.linalg.cholesky(spd(a)), HALF),
    "cholesky upper": (lambda t, a: t.cholesky(spd(a), upper=True), A),
    "cholesky_ex": (lambda t, a: tuple(t.linalg.cholesky_ex(spd(a))), HALF),
    "cholesky_solve": (lambda t, a, b: t.cholesky_solve(b, t.cholesky(spd(a))), A, B),
    "cholesky_inverse": (lambda t, a: t.cholesky_inverse(a, upper=True), np.triu(A + 4)),
    "lu": (lambda t, a: tuple(t.linalg.lu(a)), A),
    "lu tall": (lambda t, a: tuple(t.linalg.lu(a)), TALL),
    "lu wide": (lambda t, a: tuple(t.linalg.lu(a)), WIDE),
    "lu_factor": (lambda t, a: tuple(t.linalg.lu_factor(a)), BATCH),
    "lu_solve": (lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b), A, B),
    "lu_solve adjoint": (
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b.mT, left=False, adjoint=True),
        A, B),
    "lu_unpack": (lambda t, a: tuple(t.lu_unpack(*t.linalg.lu_factor(a))), TALL),
    "det": (lambda t, a: t.linalg.det(a), BATCH),
    "det singular": (lambda t, a: t.det(a), SINGULAR * 1.0),
    "logdet": (lambda t, a: t.logdet(spd(a)), HALF),
    "slogdet": (lambda t, a: tuple(t.linalg.slogdet(a)), BATCH),
    "qr": (lambda t, a: tuple(t.linalg.qr(a)), TALL),
    "qr wide": (lambda t, a: tuple(t.qr(a)), WIDE),
    "qr complete": (lambda t, a: tuple(t.linalg.qr(a, mode="complete")), A),
    "qr r": (lambda t, a: t.linalg.qr(a.detach(), mode="r")[1], TALL),
    "svdvals": (lambda t, a: t.linalg.svdvals(a), WIDE),
    "svd": (lambda t, a: (lambda u, s, v: (u.abs(), s, v.abs()))(*t.linalg.svd(a, False)), TALL),
    "svd full": (lambda t, a: t.linalg.svd(a)[1], WIDE),
    "old svd": (lambda t, a: (lambda u, s, v: (u @ s.diag() @ v.mT, s))(*t.svd(a)), TALL),
    "eigh": (
        lambda t, a: (lambda w, v: (w, v.abs()))(*t.linalg.eigh(symmetric(a))), HALF),
    "eigvalsh": (lambda t, a: t.linalg.eigvalsh(a, UPLO="U"), A),
    "pinv": (lambda t, a: t.linalg.pinv(a), WIDE),
    "pinv rtol": (lambda t, a: t.linalg.pinv(a.detach(), rtol=0.5), A),
    "pinv symmetric": (lambda t, a: t.linalg.pinv(symmetric(a), hermitian=True), A),
    "pinverse": (lambda t, a: t.pinverse(a), TALL),
    "matrix_rank": (lambda t, a: t.linalg.matrix_rank(a.detach()), SINGULAR),
    "matrix_rank tol": (lambda t, a: t.linalg.matrix_rank(a.detach(), atol=1.0, rtol=0.1), BATCH),
    "lstsq": (lambda t, a, b: t.linalg.lstsq(a, b, driver="gelsd"), TALL, TALL[:, :2]),
    "lstsq wide": (lambda t, a, b: t.linalg.lstsq(a, b)[:3:2], WIDE, BATCH),
    "matrix_exp": (lambda t, a: t.matrix_exp(a * 3), BATCH),
    "matrix_power": (lambda t, a: t.linalg.matrix_power(a, 5), BATCH),
    "matrix_power -2": (lambda t, a: a.matrix_power(-2), A),
    "matrix_power 0": (lambda t, a: t.matrix_power(a, 0), A),
    "multi_dot": (lambda t, a, b, v: t.linalg.multi_dot([v, a, a, b]), A, B, VECTOR),
    "cross": (lambda t, a, b: t.linalg.cross(a, b[:1]), POINTS, POINTS + 1.0),
    "cross old": (lambda t, a: t.cross(a, a * a), BATCH),
    "vander": (lambda t, x: t.linalg.vander(x, N=4), NUMBERS),
    "vander float": (lambda t, x: t.linalg.vander(x), POINTS),
    "vecdot": (lambda t, a, b: t.linalg.vecdot(a, b, dim=1), POINTS, POINTS + 1.0),
    "diagonal": (lambda t, a: t.linalg.diagonal(a, offset=1), WIDE),
    "tensorinv": (lambda t, a: t.linalg.tensorinv(a.reshape(2, 2, 4)), A),
    "tensorsolve": (lambda t, a, b: t.linalg.tensorsolve(a.reshape(2, 2, 4), b[:2]), A, B),
    "cond": (lambda t, a: (t.linalg.cond(a), t.linalg.cond(a.detach(), 1)), A),
    "vector_norm": (lambda t, a: t.linalg.vector_norm(a, 3, dim=(0, 2), keepdim=True), WIDE),
    "norm": (lambda t, a: (t.linalg.norm(a), t.linalg.norm(a, 1, dim=0)), TALL),
    "norm nuc": (lambda t, a: t.norm(a, "nuc"), TALL),
    "norm empty": (lambda t, a: t.linalg.matrix_norm(a[:0].detach(), 2), TALL),
    "empty": (lambda t, a: (t.linalg.inv(a[:0, :0]), t.linalg.det(a[:0, :0])), A),
    "empty svd": (lambda t, a: t.linalg.svd(a[:, :0].detach())[1:], A),
}  # fmt: skip
for _order in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf):
    CASES[f"matrix_norm {_order}"] = (
        lambda t, a, o=_order: t.linalg.matrix_norm(a, o, dim=(0, 2), keepdim=True),
        WIDE,
    )


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    function, *arrays = CASES[name]
    compare(function, arrays)


REFUSED = {
    "inv of singular": lambda t: t.linalg.inv(t.ones(2, 2)),
    "solve of singular": lambda t: t.linalg.solve(t.ones(2, 2), t.ones(2)),
    "cholesky of indefinite": lambda t: t.linalg.cholesky(-t.eye(3)),
    "cholesky checked": lambda t: t.linalg.cholesky_ex(-t.eye(3), check_errors=True),
    "inv of a vector": lambda t: t.linalg.inv(t.ones(3)),
    "inv of no square": lambda t: t.linalg.inv(t.ones(3, 2)),
    "inv of integers": lambda t: t.linalg.inv(t.ones(2, 2).long()),
    "solve of other sizes": lambda t: t.linalg.solve(t.eye(3), t.ones(2, 2)),
    "solve of other types": lambda t: t.linalg.solve(t.eye(3), t.ones(3).double()),
    "qr mode": lambda t: t.linalg.qr(t.eye(3), mode="full"),
    "UPLO": lambda t: t.linalg.eigh(t.eye(3), "X"),
    "svd of nan": lambda t: t.linalg.svd(t.full((2, 2), float("nan"))),
    "matrix_norm order": lambda t: t.linalg.matrix_norm(t.eye(3), 3),
    "norm of a cube": lambda t: t.linalg.norm(t.ones(2, 2, 2), 2),
    "multi_dot of one": lambda t: t.linalg.multi_dot([t.eye(3)]),
    "cross of others": lambda t: t.linalg.cross(t.ones(2), t.ones(2)),
    "vander": lambda t: t.linalg.vander(t.ones(3), N=1),
    "tensorinv": lambda t: t.linalg.tensorinv(t.ones(2, 3, 4)),
    "driver": lambda t: t.linalg.lstsq(t.eye(3), t.eye(3), driver="mkl"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_both(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch)
    algebra = issubclass(theirs.type, torch.linalg.LinAlgError)
    with pytest.raises(zincir.linalg.LinAlgError if algebra else theirs.type):
        REFUSED[name](zincir)
