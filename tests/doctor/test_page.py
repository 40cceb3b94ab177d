"""The page of a report: what it holds, and that a browser draws it."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from patients import BATCH, X, Y, mlp, sgd, train
from zincir import doctor, nn
from zincir.doctor.charts import heat_map, histograms, lines
from zincir.doctor.cured import Cure, Trial
from zincir.doctor.picture import Histogram, picture_of
from zincir.nn import functional as F

BROWSER = next((b for n in ("chromium", "google-chrome", "chrome") if (b := shutil.which(n))), None)


def _sick(path: Path, cure: Any = None) -> str:
    exam = train(lambda: mlp(nn.Sigmoid, 8), sgd(0.1), 150)[0]
    exam.evaluated(loss=2.3, val_loss=2.3, val_accuracy=0.1)
    exam.evaluated(loss=2.3, val_loss=2.31, val_accuracy=0.12)
    exam.report().to_html(path, cure)
    return path.read_text()


def test_a_page_has_findings_flow_losses_and_histograms(tmp_path: Path) -> None:
    page = _sick(tmp_path / "report.html")
    for title in (
        "Vanishing gradient", "Loss", "Metrics", "Gradients on their way back",
        "How long steps are", "Gradients within layers",
    ):  # fmt: skip
        assert f">{title}</h" in page, title
    rows = re.findall(r"class='word( bad)?'>(\w+)<", page)
    assert len(rows) == 9
    assert [word for _, word in rows[:3]] == ["vanishing"] * 3
    assert rows[-1][1] == "healthy"
    assert "guessing (2.3)" in page
    assert "validation loss" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "zincir explain T1" in page
    assert not re.search(r"(src|href|url)\s*[=(]", page)  # nothing is fetched
    assert "http" not in page


def test_a_healthy_page_says_so(tmp_path: Path) -> None:
    train(mlp, sgd(0.1), 100)[0].report().to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<h1>Nothing found</h1>" in page
    assert "Units at work" in page
    assert "vanishing</span>" not in page


def test_a_checkup_has_its_gradients_too(tmp_path: Path) -> None:
    report = doctor.checkup(mlp(nn.Sigmoid, 8), F.cross_entropy, None, BATCH, seconds=0)
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Gradients on their way back" in page
    assert page.count("<figure>") == 9  # a histogram for each weight
    assert ">Loss</h2>" not in page  # there is none in time


def test_what_a_cure_tried_is_shown(tmp_path: Path) -> None:
    tried = [
        Trial("rate", "a rate of 0.01", "setting", "vanishing_gradient", "the symptom stays",
              "gain", 1e-6, 2e-6, 2.3, 2.31),
        Trial("relu", "ReLU at 1 <and> 3", "activation", "vanishing_gradient", "accepted",
              "gain", 1e-6, 0.3, 2.3, 0.8, code="model[1] = nn.ReLU()"),
    ]  # fmt: skip
    finding = doctor.Finding("T1", "vanishing_gradient", doctor.Severity.WARNING, "x", where="0")
    page = _sick(tmp_path / "report.html", Cure(tried[1], tuple(tried), finding, steps=50, held=64))
    assert "What was tried against it" in page
    assert "ReLU at 1 &lt;and&gt; 3" in page
    assert "<tr class='accepted'><td>ReLU" in page
    assert "model[1] = nn.ReLU()" in page


def test_a_report_is_of_its_moment() -> None:
    net = mlp()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
    with doctor.watch(net, optimizer, every=1) as exam:
        for step in range(8):
            if step == 4:
                early = exam.report()
            optimizer.zero_grad()
            F.cross_entropy(net(zincir.tensor(X[:32])), zincir.tensor(Y[:32])).backward()
            optimizer.step()
    assert early.picture is not None
    late = exam.report().picture
    assert late is not None
    assert len(early.picture().steps) == 4
    assert len(late().steps) == 8
    flow = np.array(late().flow)
    assert flow.shape == (3, 8)
    last = exam.exam.course.readings[-1]
    arrived = [a.gradient for p, a in last.places.items() if p.kind == "layer"]
    np.testing.assert_allclose(flow[:, -1], [np.sqrt(np.mean(g * g)) for g in arrived])
    assert picture_of(None) is None


def test_charts_bear_what_is_not_finite() -> None:
    nan, inf = float("nan"), float("inf")
    assert lines({}) == ""
    assert lines({"a": [(0, nan), (1, nan)]}) == ""
    drawn = lines({"a": [(0, 1.0), (1, inf), (2, 1e-9), (3, 0.0)]}, logarithmic=None)
    assert "inf" not in drawn
    assert "nan" not in drawn
    assert lines({"a": [(5, 1.0), (6, 1.0)]})  # a flat line
    cells = heat_map(["a", "b"], [0, 1], [[nan, inf], [1.0, 0.0]])
    assert "class='nothing'" in cells
    assert "not finite" in cells
    empty = histograms([Histogram("a", (0, 0), 0.0, 1.0)])
    assert "<figure>" in empty


@pytest.mark.skipif(BROWSER is None, reason="NO BROWSER: no chromium here, the page is not drawn")
@pytest.mark.parametrize(("name", "scheme", "width"), [("light", 1, 1000), ("dark", 0, 500)])
def test_a_browser_draws_it(tmp_path: Path, name: str, scheme: int, width: int) -> None:
    _sick(tmp_path / "report.html")
    picture = tmp_path / f"{name}.png"
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000",
        f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={picture}",
        (tmp_path / "report.html").as_uri(),
    ]  # fmt: skip
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=environment)
    from matplotlib.image import imread

    pixels = imread(picture)[..., :3]
    assert pixels.shape[1] == width
    assert (pixels[2, 2].mean() > 0.9) == (name == "light")
    blue = np.array([0x12, 0x3F, 0x78]) if name == "light" else np.array([0x74, 0xB4, 0xFF])
    row = (np.abs(pixels - blue / 255).max(-1) < 0.02).sum(1)
    assert row.max() > width / 2  # a row of the heat map, from side to side
    assert (row > width / 2).sum() > 60  # and several of them
