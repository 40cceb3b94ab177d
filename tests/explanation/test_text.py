"""The text of an explanation."""

import linecache
import re
from pathlib import Path

import pytest

import zincir
from zincir import nn

SCRIPT = """import zincir
w = zincir.tensor([2.0], requires_grad=True)
x = zincir.tensor([3.0])
p = w * x
e = p - 10.0
loss = e ** 2
"""

TEXTBOOK = """\
Forward: from what is given to the loss

   w = 2                         given; wants a gradient, train.py:2
   x = 3                         given, train.py:3
   p = w * x = 2 * 3 = 6         train.py:4
   e = p - 10 = 6 - 10 = -4      train.py:5
   L = e ** 2 = (-4) ** 2 = 16   train.py:6

The loss is L = 16.

Backward: from the loss to what is given; each line is the chain rule once

   dL/dL = 1
   dL/de = 2 * e = 2 * (-4) = -8          (L = e ** 2, line 6 of train.py)
   dL/dp = dL/de * de/dp = -8 * 1 = -8    (e = p - 10, line 5 of train.py)
   dL/dw = dL/dp * dp/dw = -8 * 3 = -24   (p = w * x, line 4 of train.py)

What it says

   dL/dw = -24: where w grows by a little, L falls 24 times as much.
   Tried: w = 2.002 gives L = 15.952, 0.048 less.
   So w has to grow for L to fall: against the sign of its gradient."""


def run(script: str, file: str = "train.py") -> dict:
    """The names that a script leaves behind; its lines are known to be those of a file."""
    linecache.cache[file] = (len(script), None, script.splitlines(True), file)
    names: dict = {}
    exec(compile(script, file, "exec"), names)
    return names


def test_the_smallest_example_could_stand_in_a_textbook():
    assert str(zincir.explain(run(SCRIPT)["loss"])) == TEXTBOOK


def test_the_readme_shows_what_is_printed():
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    script = SCRIPT.replace("import zincir\n", "import zincir\n\n").replace(" ** 2", "**2")
    assert f"```text\n{zincir.explain(run(script)['loss'])}\n```" in readme


def test_the_page_about_it_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")
    names: dict = {}
    for source in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S):
        exec(source, names)
    out = capsys.readouterr().out.splitlines()
    assert "(8, 4)" in out
    assert out[-1] == "True"
    assert (tmp_path / "chain.html").exists()


def test_several_uses_are_a_sum():
    text = str(
        zincir.explain(
            run("""import zincir
a = zincir.tensor(3.0, requires_grad=True)
b = a * a * 2.0
c = -a
loss = b * c
""")["loss"]
        )
    )
    assert "dL/da = dL/dv1 * dv1/da + dL/dc * dc/da = -6 * 6 + 18 * (-1) = -54" in text


def test_a_derivative_with_a_formula_is_told():
    text = str(
        zincir.explain(
            run("""import zincir
z = zincir.tensor(0.5, requires_grad=True)
a = z.tanh()
loss = a * 3.0
""")["loss"]
        )
    )
    assert re.search(r"dL/dz = dL/da \* da/dz = 3 \* 0\.786448 = 2\.35934", text)
    assert "(a = tanh(z), so da/dz = 1 - a ** 2, line 3 of train.py)" in text
    assert "So z has to shrink for L to fall" in text


def test_matrices_are_told_by_their_rules():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    text = str(zincir.explain(net(zincir.ones(2, 2)).sum()))
    assert "= relu(" in text
    assert "@" in text
    assert "^T @ dL/d" in text
    assert "added up where it was repeated" in text


def test_a_network_is_told_by_layer():
    layers = [m for _ in range(12) for m in (nn.Linear(4, 4), nn.Tanh())]
    net = nn.Sequential(*layers)
    x, y = zincir.randn(3, 4), zincir.randn(3, 4)
    text = str(zincir.explain(nn.functional.mse_loss(net(x), y)))
    assert re.search(r"Forward: \d+ steps, folded by layer", text)
    order = re.findall(r"dL/d(\d+)\.weight", text)
    assert order == [str(i) for i in range(22, -1, -2)]
    assert len(text.splitlines()) < 70


def test_a_gradient_of_nothing_is_said():
    a = zincir.tensor(-1.0, requires_grad=True)
    text = str(zincir.explain(a.relu() * 2.0, names={"a": a}))
    assert "dL/da = 0: where a changes a little, L stays as it is." in text
    assert "gives L = 0, the same." in text


@pytest.mark.parametrize("number", [1e-9, 123456789.0, -0.5])
def test_numbers_stand_as_they_are(number: float):
    w = zincir.tensor(number, requires_grad=True, dtype=zincir.float64)
    text = str(zincir.explain(w * 1.0, names={"w": w}))
    assert f"w = {number:.6g} " in text


def test_a_trial_is_near_enough_for_the_slope_to_tell():
    w = zincir.tensor(0.0, requires_grad=True)
    text = str(zincir.explain((1e4 * w - 1) ** 2, names={"w": w}))
    assert "Tried: w = 1e-05 gives L = 0.81, 0.19 less." in text


def test_negative_numbers_stand_in_brackets():
    w = zincir.tensor(3.0, requires_grad=True)
    assert " * (-2) = 3 * (-2) = -6" in str(zincir.explain(w * -2.0))
