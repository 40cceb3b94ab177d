"""Drawings: boxes lie apart, arrows point down, and every step stands in a view."""

import itertools

from hypothesis import given, settings, strategies as st

import zincir
from zincir import nn
from zincir.explanation.folding import MOST, folded
from zincir.explanation.layout import laid_out
from zincir.explanation.steps import Step
from zincir.explanation.views import views


@st.composite
def drawings(draw: st.DrawFn):
    count = draw(st.integers(1, 14))
    keys = [f"k{i}" for i in range(count)]
    size = st.tuples(st.floats(10, 200), st.floats(10, 150))
    sizes = {key: draw(size) for key in keys}
    pairs = [(a, b) for i, a in enumerate(keys) for b in keys[i + 1 :]]
    return sizes, draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []


@settings(max_examples=200, deadline=None)
@given(drawings())
def test_boxes_lie_apart_and_arrows_point_down(drawing):
    sizes, arrows = drawing
    found = laid_out(sizes, arrows)
    assert set(found.boxes) == set(sizes)
    for a, b in itertools.combinations(sizes, 2):
        (xa, ya), (xb, yb) = found.boxes[a], found.boxes[b]
        beside = abs(xa - xb) >= (sizes[a][0] + sizes[b][0]) / 2 - 1e-6
        above = abs(ya - yb) >= (sizes[a][1] + sizes[b][1]) / 2 - 1e-6
        assert beside or above, (a, b)
    for key, (x, y) in found.boxes.items():
        width, height = sizes[key]
        assert 0 <= x - width / 2 <= x + width / 2 <= found.width
        assert 0 <= y - height / 2 <= y + height / 2 <= found.height + 1e-6
    for pair in arrows:
        points = found.arrows[pair]
        assert all(a[1] < b[1] for a, b in itertools.pairwise(points))


def test_a_chain_is_straight():
    sizes = {"a": (50.0, 20.0), "b": (80.0, 20.0), "c": (50.0, 20.0)}
    found = laid_out(sizes, [("a", "b"), ("b", "c")])
    assert len({round(x, 6) for x, _ in found.boxes.values()}) == 1


def test_what_is_given_stands_above_its_user():
    sizes = dict.fromkeys("abcx", (50.0, 20.0))
    found = laid_out(sizes, [("a", "b"), ("b", "c"), ("x", "c")])
    assert found.boxes["x"][1] == found.boxes["b"][1]


def test_every_step_stands_in_one_view_and_views_have_no_circles():
    net = zincir.models.resnet20()
    x, y = zincir.randn(2, 3, 32, 32), zincir.tensor([1, 2])
    chain = zincir.explain(nn.functional.cross_entropy(net(x), y)).chain
    whole = folded(chain)
    assert sorted(s.number for s in whole.steps()) == [s.number for s in chain.steps]
    shown = list(views(chain, whole))
    standing = [i.step.number for view in shown for i in view.items if i.step is not None]
    assert sorted(standing) == [s.number for s in chain.steps]
    for view in shown:
        assert len(view.order) <= MOST
        place = {item.key: i for i, item in enumerate(view.order)}
        for a, b in view.arrows:
            if a in place and b in place:
                assert place[a] < place[b], "computed before it is used"
    titles = [item.title for item in shown[0].order]
    for title in ("conv1", "bn1", "layer1", "layer2", "layer3", "fc", "loss"):
        assert title in titles
    assert len(titles) < 16
    inner = {view.group.layer for view in shown}
    assert {"layer1.0", "layer1.0.conv1", "layer3.2.bn2"} <= inner


def test_a_layer_that_runs_twice_is_two_groups():
    relu = nn.ReLU()
    net = nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu)
    whole = folded(zincir.explain(net(zincir.ones(3, 2)).sum()).chain)
    titles = [c.title for c in whole.children if not isinstance(c, Step)]
    assert titles == ["0", "3", "2", "3"]


def test_a_stack_of_layers_shows_its_layers():
    def stack(count: int):
        layers = [m for _ in range(count) for m in (nn.Linear(4, 4), nn.Tanh())]
        return folded(zincir.explain(nn.Sequential(*layers)(zincir.ones(1, 4)).sum()).chain)

    titles = [c.title for c in stack(20).children if not isinstance(c, Step)]
    assert titles[:40] == [str(i) for i in range(40)]
    pieces = [c.title for c in stack(60).children if not isinstance(c, Step)]
    assert pieces[1] == "23 to 46"


def test_a_long_computation_is_cut_into_pieces():
    v = zincir.tensor(1.0, requires_grad=True)
    for _ in range(700):
        v = v * 0.99 + 0.01
    chain = zincir.explain(v).chain
    whole = folded(chain)
    for group in whole.groups():
        assert len(group.children) <= MOST + 1
    assert sorted(s.number for s in whole.steps()) == list(range(1, 1402))
