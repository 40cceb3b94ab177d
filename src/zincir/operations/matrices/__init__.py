"""Linear algebra on matrices, and on batches of them: LAPACK through NumPy, gradients as graphs."""
