"""The loop that optimizers share: step counts, graphs, closures, replays."""

import zincir
from zincir import nn, optim
from zincir.graph.walk import toposort
from zincir.tensor import wrap


def parameters(count: int = 2) -> list[nn.Parameter]:
    return [nn.Parameter(zincir.ones(k + 1)) for k in range(count)]


def move(optimizer: optim.Optimizer, used: list[nn.Parameter]) -> None:
    optimizer.zero_grad()
    sum((p * p).sum() for p in used).backward()
    optimizer.step()


def test_parameters_that_go_together_share_a_step_count() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two])
    move(optimizer, [one, two])
    assert optimizer.state[one]["step"] is optimizer.state[two]["step"]
    move(optimizer, [one])
    assert optimizer.state[one]["step"].item() == 2.0
    assert optimizer.state[two]["step"].item() == 1.0
    move(optimizer, [one, two])
    assert optimizer.state[one]["step"].item() == 3.0
    assert optimizer.state[two]["step"].item() == 2.0


def test_late_parameters_count_from_one() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one])
    move(optimizer, [one])
    optimizer.add_param_group({"params": [two], "lr": 0.5})
    move(optimizer, [one, two])
    assert optimizer.state[one]["step"].item() == 2.0
    assert optimizer.state[two]["step"].item() == 1.0
    assert two.tolist() == [0.5, 0.5]


def test_a_graph_is_small() -> None:
    """One step of Adam adds thirteen operations for each parameter, and a few for each number."""
    one, two = parameters()
    optimizer = optim.Adam([one, two])
    move(optimizer, [one, two])
    held = [t._node for p in (one, two) for t in optimizer.state[p].values()]
    for p in (one, two):
        p.grad = wrap(p.detach()._node)
    with zincir.no_grad():
        optimizer._step_group(0)
    new = [p._node for p in (one, two)] + [
        t._node for p in (one, two) for t in optimizer.state[p].values()
    ]
    known = set(held)
    operations = [n for n in toposort(new) if n.inputs and n not in known]
    assert len(operations) <= 2 * 14 + 8 * 2 + 20
    for n in operations:  # made without asking the shape rules: they agree
        assert n.op.infer(*[(x.shape, x.dtype) for x in n.inputs], *n.attrs) == (n.shape, n.dtype)


def test_closure() -> None:
    (p,) = parameters(1)
    optimizer = optim.SGD([p], lr=0.25)

    def closure() -> zincir.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with zincir.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert p.tolist() == [0.5]


def test_zero_grad() -> None:
    (p,) = parameters(1)
    optimizer = optim.SGD([p])
    (p * float("inf")).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_a_compiled_step_sees_new_gradients_and_a_new_state() -> None:
    ends = []
    for wrapped in (False, True):
        one, two = parameters()
        optimizer = optim.Adam([one, two], lr=0.1)
        step = zincir.compile(optimizer.step) if wrapped else optimizer.step
        kept = optimizer.state_dict()
        for k in range(6):
            if k == 3:
                optimizer.load_state_dict(kept)
            one.grad = zincir.tensor([float(k)])
            two.grad = zincir.tensor([1.0, -float(k)]) if k % 2 else None
            step()
        ends.append((one.tolist(), two.tolist()))
    assert ends[0] == ends[1]
