"""Groups never wait for each other."""

import numpy as np
import pytest

import zincir


@pytest.mark.timeout(120)
def test_a_net_taken_apart() -> None:
    """Batch norm and cross entropy step by step, every step with its gradient."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> zincir.Tensor:
        return zincir.tensor(rng.standard_normal(shape, np.float32), requires_grad=True)

    n, table = 32, drawn(11, 10)
    w1, w2, b2, gain, bias = drawn(30, 64), drawn(64, 11), drawn(11), drawn(1, 64), drawn(1, 64)
    picked = zincir.tensor(rng.integers(0, 11, (n, 3)))
    wanted = zincir.tensor(rng.integers(0, 11, n))
    embedded = table[picked]
    joined = embedded.view(n, -1)
    before = joined @ w1
    mean = 1 / n * before.sum(0, keepdim=True)
    apart = before - mean
    square = apart**2
    var = 1 / (n - 1) * square.sum(0, keepdim=True)
    inverse = (var + 1e-5) ** -0.5
    raw = apart * inverse
    after = gain * raw + bias
    h = zincir.tanh(after)
    logits = h @ w2 + b2
    top = logits.max(1, keepdim=True).values
    lowered = logits - top
    counts = lowered.exp()
    total = counts.sum(1, keepdim=True)
    share = total**-1
    probs = counts * share
    logs = probs.log()
    loss = -logs[range(n), wanted].mean()
    steps = [logs, probs, counts, total, share, lowered, top, logits, h, after, raw, inverse]
    steps += [var, square, apart, before, mean, joined, embedded]
    for step in steps:
        step.retain_grad()
    loss.backward()
    y = logits.detach()
    expected = zincir.softmax(y, 1)
    expected[range(n), wanted] -= 1
    expected = expected / n
    gradients = [step.grad for step in steps]
    assert all(g is not None for g in gradients)
    assert logits.grad is not None
    assert np.allclose(logits.grad.numpy(), expected.numpy(), atol=1e-6)
