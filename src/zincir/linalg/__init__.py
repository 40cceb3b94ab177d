"""Linear algebra: solved, inverted and factored matrices, with gradients; LAPACK through NumPy."""

from zincir.errors import LinAlgError as LinAlgError
from zincir.linalg.factors import (
    det as det,
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    eigvalsh as eigvalsh,
    qr as qr,
    slogdet as slogdet,
    svd as svd,
    svdvals as svdvals,
)
from zincir.linalg.householder import householder_product as householder_product
from zincir.linalg.products import (
    cond as cond,
    cross as cross,
    diagonal as diagonal,
    matmul as matmul,
    matrix_exp as matrix_exp,
    matrix_norm as matrix_norm,
    matrix_power as matrix_power,
    multi_dot as multi_dot,
    norm as norm,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
    vander as vander,
    vecdot as vecdot,
    vector_norm as vector_norm,
)
from zincir.linalg.solving import (
    cholesky as cholesky,
    cholesky_ex as cholesky_ex,
    inv as inv,
    inv_ex as inv_ex,
    ldl_factor as ldl_factor,
    ldl_factor_ex as ldl_factor_ex,
    ldl_solve as ldl_solve,
    lstsq as lstsq,
    lu as lu,
    lu_factor as lu_factor,
    lu_factor_ex as lu_factor_ex,
    lu_solve as lu_solve,
    matrix_rank as matrix_rank,
    pinv as pinv,
    solve as solve,
    solve_ex as solve_ex,
    solve_triangular as solve_triangular,
)
