"""The page: its numbers, what it needs, and what a browser makes of it."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings

import zincir
from browser import needs_chromium, on_a_phone, picture, told
from explained_graphs import SLOW, added_up, built_anew, near
from random_graphs import graphs
from zincir import nn
from zincir.errors import ArgumentError
from zincir.explanation.drawing import pretty
from zincir.graph.node import Node
from zincir.graph.walk import toposort


def data_of(page: str) -> dict:
    return json.loads(re.search(r"id='data'>(.*?)</script>", page, re.S).group(1))


def smallest():
    w = zincir.tensor([2.0], requires_grad=True)
    x = zincir.tensor([3.0])
    p = w * x
    e = p - 10.0
    return zincir.explain(e**2)


def network(inputs: int = 6):
    net = nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, 3))
    x, y = zincir.randn(7, inputs), zincir.tensor([0, 1, 2, 0, 1, 2, 0])
    return net, zincir.explain(nn.functional.cross_entropy(net(x), y))


def numbers(reading: dict) -> np.ndarray | None:
    values = reading.get("values")
    return None if values is None else np.array(values, float).reshape(reading["shape"])


def check_chain_rule(data: dict, tolerance: float) -> None:
    """From the data of a page alone: local derivatives times gradients add up."""
    steps = data["steps"]
    for step in steps:
        uses = step["uses"]
        total = None
        for use in uses:
            local, g = numbers(use.get("local", {})), numbers(steps[use["of"] - 1]["gradient"])
            wanted = use.get("contribution", step["gradient"])
            if local is None or g is None or numbers(wanted) is None:
                continue
            shape = tuple(wanted["shape"])
            added = added_up(g * local, shape) if use["elementwise"] else (g.reshape(-1) @ local)
            added = added.reshape(shape)
            near(added, numbers(wanted), tolerance)
            total = added if total is None else total + added
        if (
            uses
            and all(numbers(u.get("local", {})) is not None for u in uses)
            and total is not None
        ):
            near(total, numbers(step["gradient"]), tolerance)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(graphs(zincir.float64))
def test_numbers_read_back_from_the_page_are_those_of_grad(outputs: list[Node]):
    loss, leaves = built_anew(outputs)
    if not loss.requires_grad:
        return
    used = {id(n.owner()) for n in toposort([loss._node]) if n.owner is not None}
    names = {f"leaf{i}": t for i, t in enumerate(leaves) if id(t) in used}
    data = data_of(zincir.explain(loss, names=names).to_html())
    loss.backward()
    steps = {step["name"]: step for step in data["steps"] if step is not None}
    for name, leaf in names.items():
        if leaf.grad is None:
            assert steps[name]["gradient"] is None
            continue
        grad, shown = leaf.grad.numpy(), steps[name]["gradient"]
        assert tuple(shown["shape"]) == grad.shape
        for key, found in (("mean", grad.mean()), ("low", grad.min()), ("high", grad.max())):
            near(np.float64(shown[key]), found, 1e-8)
        assert shown["zeros"] == pytest.approx(float((grad == 0).mean()))
        if numbers(shown) is not None:
            near(numbers(shown), grad, 1e-8)
    near(numbers(steps["L"]["value"]).reshape(()), loss.detach().numpy(), 1e-8)
    check_chain_rule(data, 1e-7)


def test_one_file_without_network():
    for found in (smallest(), network()[1]):
        page = found.to_html()
        assert page.startswith("<!doctype html>")
        assert not re.findall(r"(?:src|href)=['\"]?(?:http|//|file)", page)
        assert "url(http" not in page
        assert "import(" not in page


def test_saved_and_in_a_notebook(tmp_path):
    found = smallest()
    found.save(tmp_path / "chain.html")
    assert (tmp_path / "chain.html").read_text("utf-8") == found.to_html()
    assert found._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(ArgumentError) as error:
        smallest().save(tmp_path / "nowhere" / "chain.html")
    assert "the page cannot be written" in str(error.value)
    assert "test_page.py" in str(error.value)


def test_texts_of_the_user_are_no_markup():
    w = zincir.tensor(2.0, requires_grad=True)
    page = zincir.explain(w * 1.0, names={"<b>w</b>": w}).to_html()
    assert "<b>w" not in page
    assert "\\u003cb>w" in page


def test_formulas_are_written_as_on_paper():
    assert pretty("dL/de = 2 * (-4) = -8") == "dL/de = 2 · (−4) = −8"


def test_sizes():
    net = zincir.models.resnet20()
    x, y = zincir.randn(4, 3, 32, 32), zincir.tensor([1, 2, 3, 4])
    page = zincir.explain(nn.functional.cross_entropy(net(x), y)).to_html()
    assert len(page.encode()) < 3_000_000
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, dropout=0.0)
    net = nn.TransformerEncoder(layer, 12)
    page = zincir.explain(net(zincir.randn(2, 16, 64)).sum()).to_html()
    assert len(page.encode()) < 6_000_000


def test_the_gradient_flow_names_what_vanishes():
    net = nn.Sequential(*[m for _ in range(9) for m in (nn.Linear(8, 8), nn.Sigmoid())])
    found = zincir.explain(net(zincir.randn(4, 8)).square().mean())
    page = found.to_html()
    assert re.search(r"vanishing <span class='faint'>\(zincir explain T1\)", page)
    rows = re.findall(r"<tr><td><a href='#0\.\d+,'>(\d+)</a></td><td>([^<]+)</td>", page)
    assert [int(layer) for layer, _ in rows] == list(range(16, -1, -2))
    sizes = [float(size) for _, size in rows]
    assert sizes == sorted(sizes, reverse=True)
    last = next(s for s in found.steps if s.name == found.chain.steps[-1].operands[0])
    assert last.gradient is not None


def sick():
    net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2), nn.Softmax(dim=1))
    x, y = zincir.randn(16, 4), zincir.zeros(16, dtype=zincir.int64)
    report = zincir.doctor.checkup(net, nn.CrossEntropyLoss(), None, (x, y), seconds=0)
    return zincir.explain(nn.functional.cross_entropy(net(x), y), report=report), report


def test_layers_lead_to_the_findings_of_the_doctor():
    found, report = sick()
    page = found.to_html()
    for i, finding in enumerate(report.findings):
        assert f"id='finding-{i}'" in page
        assert f"{finding.code} {finding.symptom}" in page
        if finding.where:
            assert re.search(rf"data-found='[\d ]*\b{i}\b", page)
    softmax = next(i for i, f in enumerate(report.findings) if f.code == "S1")
    assert report.findings[softmax].where == "2"
    assert data_of(page)["findings"][softmax] == "S1 softmax_before_cross_entropy"
    assert "What the doctor says" in str(found)
    assert "finding-" not in network()[1].to_html().split("<script")[0]
    with pytest.raises(ArgumentError, match="report is no report of the doctor's") as error:
        zincir.explain(zincir.ones(1, requires_grad=True) * 2, report="sick")
    assert "report=zincir.doctor.checkup" in str(error.value)


@needs_chromium
def test_a_link_to_a_finding_leaves_the_open_layer(tmp_path):
    answer = told(
        sick()[0].to_html(),
        tmp_path,
        """
        const box = document.querySelector("section:not([hidden]) .box[data-found]");
        box.dispatchEvent(new MouseEvent("mouseenter"));
        const link = document.querySelector("#details a");
        told.text = link.textContent;
        told.there = Boolean(document.querySelector(link.getAttribute("href")));
        document.getElementById("first").click();
        location.hash = link.hash;
        dispatchEvent(new HashChangeEvent("hashchange"));
        told.at = document.getElementById("slider").value;
        """,
    )
    assert answer["text"].startswith("The doctor: ")
    assert answer["there"]
    assert answer["at"] == "0"


def test_a_large_graph_is_folded_and_its_page_stays_small():
    v = zincir.tensor(1.0, requires_grad=True)
    for _ in range(6_000):
        v = v * 0.9999 + 0.0001
    page = zincir.explain(v).to_html()
    assert "they are folded" in page
    assert len(page) < 8_000_000


@needs_chromium
def test_forward_and_backward_step_by_step(tmp_path):
    answer = told(
        smallest().to_html(),
        tmp_path,
        """
        const text = (id) => document.getElementById(id).textContent;
        const press = (id) => document.getElementById(id).click();
        told.all = text("phase");
        press("first");
        told.steps = [[text("phase"), text("rule"), text("why")]];
        for (let i = 0; i < 8; i++) {
          press("next");
          told.steps.push([text("phase"), text("rule"), text("why")]);
        }
        press("next");
        told.end = text("phase");
        told.still = document.getElementById("next").disabled;
        press("previous");
        told.back = text("rule");
        const slider = document.getElementById("slider");
        slider.value = 5;
        slider.dispatchEvent(new Event("input"));
        told.slid = text("rule");
        told.hidden = [...document.querySelectorAll(".box")].filter(
          (b) => b.classList.contains("unknown")).length;
        told.spoken = slider.getAttribute("aria-valuetext");
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
        told.address = location.hash;
        """,
    )
    assert answer["all"] == answer["end"] == "All of it"
    phases = [phase for phase, _, _ in answer["steps"]]
    assert phases == [f"Forward, {i} of 5" for i in range(1, 6)] + [
        f"Backward, {i} of 4" for i in range(1, 5)
    ]
    rules = [rule for _, rule, _ in answer["steps"]]
    assert rules == [
        "w = 2", "x = 3", "p = w · x = 2 · 3 = 6", "e = p − 10 = 6 − 10 = −4",
        "L = e² = (−4)² = 16", "dL/dL = 1", "dL/de = 2 · e = 2 · (−4) = −8",
        "dL/dp = dL/de · de/dp = −8 · 1 = −8", "dL/dw = dL/dp · dp/dw = −8 · 3 = −24",
    ]  # fmt: skip
    assert "p = w * x" in answer["steps"][2][2]
    assert answer["still"]
    assert answer["back"] == rules[-1]
    assert answer["slid"] == "dL/dL = 1"
    assert answer["hidden"] == 3
    assert answer["spoken"] == "Backward, 1 of 4: dL/dL = 1"
    assert answer["address"] == "#0,6"


@needs_chromium
def test_a_layer_is_opened_and_left_by_mouse_and_keyboard(tmp_path):
    net, found = network()
    answer = told(
        found.to_html(),
        tmp_path,
        """
        const boxes = () => [...document.querySelectorAll("section:not([hidden]) .box")];
        const titles = () => boxes().map((b) => b.querySelector("text").textContent.trim());
        told.top = titles();
        const layer = boxes().find((b) => b.dataset.open && b.textContent.startsWith("0"));
        layer.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        told.inside = titles();
        told.crumbs = document.getElementById("crumbs").textContent;
        const weight = boxes().find((b) => b.textContent.startsWith("0.weight"));
        weight.dispatchEvent(new MouseEvent("mouseenter"));
        told.details = document.getElementById("details").innerText;
        told.maps = document.querySelectorAll("#details img").length;
        const sum = boxes().find((b) => b.textContent.includes("0.bias") && !b.dataset.open);
        sum.dispatchEvent(new FocusEvent("focus"));
        told.slopes = [...document.querySelectorAll("#details .slope")].map((p) => p.textContent);
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        told.left = titles();
        const again = boxes().find((b) => b.dataset.open);
        told.focus = again.getAttribute("tabindex") + again.getAttribute("role");
        again.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        told.entered = titles();
        told.labels = boxes().every((b) => b.getAttribute("aria-label"));
        """,
    )
    assert answer["left"] == answer["top"]
    assert answer["entered"] == answer["inside"] != answer["top"]
    assert any(title.startswith("loss") for title in answer["top"])
    assert any(title.startswith("0.weight") for title in answer["inside"])
    assert answer["crumbs"] == "the whole › 0"
    p = dict(net.named_parameters())["0.weight"].detach().numpy()
    for text in ("0.weight = ", "value", "gradient", f"{p.max():.6g}"[:6], "zeros"):
        assert text in answer["details"].replace("−", "-")
    assert answer["maps"] == 2
    assert len(answer["slopes"]) == 1
    assert answer["slopes"][0].startswith("dv")
    assert "/d0.bias = 1" in answer["slopes"][0]
    assert answer["slopes"][0].endswith("(element by element)")
    assert answer["focus"] == "0button"
    assert answer["labels"]


@needs_chromium
def test_the_focus_is_kept_when_a_layer_is_opened_and_left(tmp_path):
    answer = told(
        network()[1].to_html(),
        tmp_path,
        """
        const boxes = () => [...document.querySelectorAll("section:not([hidden]) .box")];
        const layer = () => boxes().find((b) => b.dataset.open && b.textContent.startsWith("0"));
        const press = (key, on = document.activeElement) => on.dispatchEvent(
          new KeyboardEvent("keydown", { key, bubbles: true }));
        layer().focus();
        press("Enter");
        told.entered = document.activeElement === boxes()[0];
        told.inside = document.getElementById("crumbs").textContent;
        press("Escape");
        told.left = document.activeElement === layer();
        document.activeElement.blur();
        layer().dispatchEvent(new MouseEvent("click", { bubbles: true }));
        told.clicked = document.activeElement === boxes()[0];
        document.getElementById("previous").focus();
        press("Escape");
        told.player = document.activeElement.id;
        """,
    )
    assert answer == {
        "entered": True, "inside": "the whole › 0", "left": True, "clicked": True,
        "player": "previous",
    }  # fmt: skip


@needs_chromium
def test_a_link_to_a_layer_above_hands_the_focus_on(tmp_path):
    answer = told(
        network()[1].to_html(),
        tmp_path,
        """
        const layer = document.querySelector("section:not([hidden]) .box[data-open]");
        layer.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        const link = document.querySelector("#crumbs a");
        link.focus();
        told.link = document.activeElement === link;
        location.hash = link.hash;
        dispatchEvent(new HashChangeEvent("hashchange"));
        told.layer = document.activeElement === layer;
        """,
    )
    assert answer == {"link": True, "layer": True}


@needs_chromium
def test_keys_of_the_browser_do_not_step(tmp_path):
    answer = told(
        smallest().to_html(),
        tmp_path,
        """
        const at = () => document.getElementById("slider").value;
        const press = (held) => document.dispatchEvent(
          new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true, ...held }));
        told.at = [at()];
        for (const held of [{ altKey: true }, { ctrlKey: true }, { metaKey: true }, {}]) {
          press(held);
          told.at.push(at());
        }
        """,
    )
    assert answer["at"] == ["9", "9", "9", "9", "8"]


@needs_chromium
def test_all_of_it_is_printed_while_it_plays(tmp_path):
    answer = told(
        smallest().to_html(),
        tmp_path,
        """
        const faded = () => document.querySelectorAll(".box.later, .box.unknown").length;
        const label = () => document.getElementById("play").textContent;
        document.getElementById("play").click();
        told.playing = [faded(), label()];
        dispatchEvent(new Event("beforeprint"));
        told.printed = [faded(), label()];
        told.open = [...document.querySelectorAll("details")].every((d) => d.open);
        dispatchEvent(new Event("afterprint"));
        told.after = [faded(), document.getElementById("slider").value];
        """,
    )
    assert answer["playing"] == [5, "Pause"]
    assert answer["printed"] == [0, "Play"]
    assert answer["open"]
    assert answer["after"] == [5, "0"]


@needs_chromium
def test_everything_is_seen_in_light_dark_and_on_a_phone(tmp_path):
    page = smallest().to_html()
    light, dark = picture(page, tmp_path), picture(page, tmp_path, dark=True)
    assert min(light.getpixel((5, 5))) > 230
    assert max(dark.getpixel((5, 5))) < 60
    start, end = (picture(page, tmp_path, a).tobytes() for a in ("#0,0", "#0,"))
    assert start != end
    assert picture(page, tmp_path, "#0,").tobytes() == end
    answer = told(
        on_a_phone(page),
        tmp_path,
        """
        const inner = document.getElementById("phone").contentDocument;
        told.wide = inner.documentElement.scrollWidth;
        told.buttons = [...inner.querySelectorAll("button")].map(
          (b) => b.getBoundingClientRect().right);
        told.seen = inner.getElementById("player").getBoundingClientRect().height;
        inner.getElementById("first").click();
        inner.getElementById("next").click();
        told.rule = inner.getElementById("rule").textContent;
        """,
    )
    assert answer["seen"] > 30
    assert answer["rule"] == "x = 3"
    assert answer["wide"] <= 390
    assert len(answer["buttons"]) == 5
    assert max(answer["buttons"]) <= 390


@needs_chromium
def test_a_residual_net_opens(tmp_path):
    net = zincir.models.resnet20()
    x, y = zincir.randn(2, 3, 32, 32), zincir.tensor([1, 2])
    page = zincir.explain(nn.functional.cross_entropy(net(x), y)).to_html()
    answer = told(
        page,
        tmp_path,
        """
        told.ready = performance.now();
        const boxes = () => [...document.querySelectorAll("section:not([hidden]) .box")];
        const open = (name) => boxes().find(
          (b) => b.dataset.open && b.textContent.startsWith(name)).dispatchEvent(
            new MouseEvent("click", { bubbles: true }));
        open("layer2");
        open("1");
        open("conv1");
        told.crumbs = document.getElementById("crumbs").textContent;
        told.boxes = boxes().map((b) => b.textContent);
        document.getElementById("first").click();
        told.rule = document.getElementById("rule").textContent;
        """,
    )
    assert answer["crumbs"] == "the whole › layer2 › 1 › conv1"
    assert any("layer2.1.conv1.weight" in text for text in answer["boxes"])
    assert " = float32[2, " in answer["rule"]
    assert math.isfinite(answer["ready"])
