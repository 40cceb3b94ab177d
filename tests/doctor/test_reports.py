"""Reports: text, JSON, a page; silence with a reason; every rule has a page."""

import json

import numpy as np
import pytest

from patients import BATCH, mlp
from zincir import doctor, nn
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.report import Report, reported
from zincir.doctor.rule import rules
from zincir.errors import UnknownName
from zincir.nn import functional as F


def _report() -> Report:
    with pytest.warns(UserWarning, match="lets nothing through"):
        net = nn.Sequential(mlp(), nn.Softmax(dim=1), nn.Dropout(1.0))
    return doctor.checkup(net, F.cross_entropy, None, BATCH, silence={"S9": "a test of it"})


def test_text_json_and_page(tmp_path) -> None:  # type: ignore[no-untyped-def]
    net = nn.Sequential(mlp(), nn.Softmax(dim=1))
    report = doctor.checkup(net, F.cross_entropy, None, BATCH)
    text = str(report)
    assert text.startswith("doctor: 1 error (128 samples, before training)")
    assert "error S1 softmax_before_cross_entropy: 1" in text
    assert "remove the softmax" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    content = json.loads(report.to_json())
    assert content["ok"] is False
    assert content["findings"][0]["code"] == "S1"
    assert content["findings"][0]["severity"] == "error"
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "softmax before cross entropy" in page
    assert "http" not in page.replace("zincir", "")


def test_sarif_names_rules_lines_and_layers() -> None:
    net = nn.Sequential(mlp(), nn.Softmax(dim=1))
    report = doctor.checkup(net, F.cross_entropy, None, BATCH)
    content = json.loads(report.to_sarif())
    assert content["version"] == "2.1.0"
    (run,) = content["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["name"]) == ("S1", "softmax_before_cross_entropy")
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("S1", "error")
    (place,) = result["locations"]
    assert place["logicalLocations"] == [{"fullyQualifiedName": "1"}]
    file, _, line = report.findings[0].origin.rpartition(":")
    physical = place["physicalLocation"]
    assert physical["artifactLocation"]["uri"].endswith(file.rpartition("/")[2])
    assert physical["region"] == {"startLine": int(line)}
    assert json.loads(Report(()).to_sarif())["runs"][0]["results"] == []


def test_numbers_that_are_not_finite_are_text_in_json() -> None:
    finding = Finding("T6", "non_finite", Severity.ERROR, "x", evidence={"a": np.float32("nan")})
    content = json.loads(Report((finding,)).to_json())
    assert content["findings"][0]["evidence"] == {"a": "nan"}


def test_silence_needs_a_reason_and_is_said() -> None:
    report = _report()
    assert not report.of("dropout_everything")
    assert [f.symptom for f in report.silenced] == ["dropout_everything"]
    assert "silenced S9 dropout_everything: a test of it" in str(report)


def test_causes_stand_before_what_they_bring_about() -> None:
    dead = Finding("T3", "dead_relu", Severity.ERROR, "x", step=20)
    rate = Finding("T5", "learning_rate_too_high", Severity.WARNING, "x", step=5)
    later = Finding("T5", "learning_rate_too_high", Severity.WARNING, "x", step=30)
    assert reported([dead, rate], {}).findings == (rate, dead)
    assert reported([dead, later], {}).findings == (dead, later)


@pytest.mark.parametrize("rule", rules(), ids=lambda r: r.symptom)
def test_every_rule_has_a_page(rule) -> None:  # type: ignore[no-untyped-def]
    assert rule.judge.__module__.rpartition(".")[2].startswith(rule.symptom)
    page = doctor.explain(rule.code)
    for part in ("References", "What to try"):
        assert part in page, rule.code
    assert doctor.explain(rule.symptom).splitlines()[0].endswith(f"({rule.severity})")
    assert rule.remedies
    assert rule.cause


def test_codes_and_symptoms_are_unlike() -> None:
    codes = [r.code for r in rules()]
    assert len(codes) == len(set(codes))
    with pytest.raises(UnknownName, match="no rule 'S99'"):
        doctor.explain("S99")


def test_a_rule_that_fails_does_not_hide_the_others() -> None:
    from zincir.doctor.course import Course
    from zincir.doctor.rule import judged

    class Broken(Course):
        @property
        def harmed(self) -> bool:
            raise ValueError("a bug")

    evidence = Course()
    evidence.broken = (3, "x.py:1")
    wanted, _, failed = judged(evidence, {})
    assert [f.symptom for f in wanted] == ["non_finite"]
    assert not failed


def test_a_finding_has_all_its_fields() -> None:
    net = nn.Sequential(mlp(), nn.Softmax(dim=1))
    (finding,) = json.loads(doctor.checkup(net, F.cross_entropy, None, BATCH).to_json())["findings"]
    assert set(finding) == {
        "code", "symptom", "severity", "what", "where", "origin", "step", "evidence", "cause",
        "remedies", "confidence",
    }  # fmt: skip
    assert finding["evidence"]["classes"] == 10
    assert finding["remedies"]
    assert finding["confidence"] == 1
