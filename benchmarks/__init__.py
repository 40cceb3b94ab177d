"""Speed against PyTorch and JAX: `python -m benchmarks`. Never collected by pytest.

Every contender lives in a process of its own and does the same arithmetic from the same weights.
The driver lets them run in turn, round after round, so that a machine that slows down slows all of
them; who is not running sleeps on a pipe.
"""
