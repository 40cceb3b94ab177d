"""The most that the machine can do is more than a product of matrices does."""

import time

import zincir
from zincir.runtime.peak import peak_flops


def test_products_are_slower_than_the_peak() -> None:
    """By a margin for a machine that does something else at the same time."""
    x = zincir.rand(512, 512)

    def product() -> float:
        began = time.perf_counter()
        (x @ x)[0, 0].item()
        return time.perf_counter() - began

    product()
    peak = max(peak_flops(1) for _ in range(3))
    assert peak > 1e9
    before = zincir.get_num_threads()
    zincir.set_num_threads(1)
    try:
        assert 2 * 512**3 / min(product() for _ in range(20)) < 1.6 * peak
    finally:
        zincir.set_num_threads(before)
