"""The commands of `zincir`, as a new user types them."""

import csv
import importlib.metadata
import json
import subprocess
import sys

import numpy as np
import pytest

import zincir
from zincir.data import Spam
from zincir.errors import ZincirError
from zincir.tasks import Options, open_run
from zincir.tasks.options import options_of


def table(path, rows=200, kind="class"):
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "colour", "y"])
        for _ in range(rows):
            a, b = random.standard_normal(2).round(3)
            colour = str(random.choice(["red", "blue"]))
            z = a + (b if colour == "red" else -b)
            writer.writerow([a, b, colour, ("yes" if z > 0 else "no") if kind == "class"
                             else 50 + 10 * z])  # fmt: skip
    return path


def texts(path):
    random = np.random.default_rng(0)
    kinds = {"animal": ["cat", "dog", "cow"], "car": ["bus", "van", "lorry"]}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for k in range(120):
            name = list(kinds)[k % 2]
            writer.writerow([" ".join(random.choice([*kinds[name], "the"], 5)), name])
    return path


def images(root, size=12):
    pytest.importorskip("PIL", reason="Pillow is not installed: no images are read")
    from zincir.data.decoding import write_image

    random = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (root / name).mkdir(parents=True)
        for k in range(20):
            pixels = random.integers(0, 100, (3, size, size), dtype=np.uint8)
            pixels[channel] += 100
            write_image(root / name / f"{k}.png", pixels)
    return root


def pictures(out, data, tmp_path, run):
    """The names of the pictures that an evaluation leaves."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")
    folder = tmp_path / "new" / "pictures"
    code, text, _ = run("eval", out, data, "--pictures", folder)
    assert code == 0
    assert "loss" in text
    found = list(folder.iterdir())
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for path in found)
    return {path.name for path in found}


def test_a_table_of_classes(tmp_path, run):
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    code, text, said = run("train", "table", data, "--out", out, "--epochs", 20, "--lr", 0.01)
    assert (code, text) == (0, "")
    assert "160 samples to train on, 40 held back" in said
    assert "2 classes: no, yes" in said
    assert "epoch 20/20: loss" in said
    assert {p.name for p in out.iterdir()} == {"task.json", "last.ckpt", "best.ckpt", "log.csv"}
    code, text, _ = run("eval", out, data, "--json")
    assert json.loads(text)["accuracy"] > 0.9
    code, text, _ = run("predict", out, data)
    rows = [line.split("\t") for line in text.splitlines()]
    known = [line.rpartition(",")[2] for line in data.read_text().splitlines()[1:]]
    assert np.mean([row[1] == y for row, y in zip(rows, known, strict=True)]) > 0.9
    assert all(0.5 <= float(row[2]) <= 1 for row in rows)


def test_a_table_of_numbers(tmp_path, run):
    data, out = table(tmp_path / "t.csv", kind="number"), tmp_path / "run"
    code, _, said = run("train", "table", data, "--out", out, "--target", "y", "--epochs", 30,
                        "--lr", 0.01, "--quiet")  # fmt: skip
    assert (code, said) == (0, "")
    assert json.loads(run("eval", out, data, "--json")[1])["r2"] > 0.9
    assert pictures(out, data, tmp_path, run) == {"numbers.png"}
    answers = [json.loads(line) for line in run("predict", out, data, "--json")[1].splitlines()]
    assert 20 < float(answers[0]["value"]) < 80
    assert answers[0]["probability"] is None


def test_texts(tmp_path, run):
    data, out = texts(tmp_path / "t.csv"), tmp_path / "run"
    assert run("train", "text", data, "--out", out, "--epochs", 15, "--lr", 0.01)[0] == 0
    assert "accuracy 1" in run("eval", out, data)[1]
    assert pictures(out, data, tmp_path, run) == {"confusion.png"}
    assert "answers are no pictures" in run("predict", out, "a van", "--pictures", tmp_path)[2]
    answers = run("predict", out, "the dog and the cow", "a VAN!")[1].splitlines()
    assert [line.split("\t")[1] for line in answers] == ["animal", "car"]


def test_images(tmp_path, run):
    data, out = images(tmp_path / "data"), tmp_path / "run"
    code, _, said = run("train", "image", data, "--out", out, "--epochs", 3, "--size", 8,
                        "--batch-size", 8, "--lr", 0.01, "--augment")  # fmt: skip
    assert code == 0, said
    assert json.loads(run("eval", out, data, "--json")[1])["accuracy"] > 0.9
    assert pictures(out, data, tmp_path, run) == {"confusion.png", "mistakes.png"}
    code, text, _ = run("predict", out, data / "red" / "3.png", data / "blue")
    assert len(text.splitlines()) == 21
    assert text.splitlines()[0].split("\t")[1] == "red"


def test_a_run_goes_on_and_is_the_same_again(tmp_path, run):
    data = table(tmp_path / "t.csv")
    settings = ("--epochs", 4, "--quiet")
    run("train", "table", data, "--out", tmp_path / "a", *settings)
    run("train", "table", data, "--out", tmp_path / "b", *settings)
    run("train", "table", data, "--out", tmp_path / "b", *settings, "--resume")
    weights = [
        b"".join(p.numpy().tobytes() for p in open_run(tmp_path / name).model.state_dict().values())
        for name in "ab"
    ]
    assert weights[0] == weights[1]


def test_another_training_is_neither_replaced_nor_gone_on_with(tmp_path, run):
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    words = ("train", "table", data, "--out", out, "--quiet")
    assert run(*words, "--epochs", 1)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, _, err = run(*words, "--epochs", 2)
    assert code == 2
    assert "there is a training in" in err
    code, _, err = run(*words, "--epochs", 2, "--lr", 0.5, "--resume")
    assert code == 2
    assert "different: epochs (1, now 2), lr (0.001, now 0.5)" in err
    other = table(tmp_path / "u.csv", kind="number")
    code, _, err = run("train", "table", other, "--out", out, "--epochs", 1, "--resume")
    assert code == 2
    assert "different: the data" in err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(*words, "--epochs", 2, "--overwrite") == (0, "", "")
    assert len((out / "log.csv").read_text().splitlines()) == 3


def test_a_checkpoint_that_is_damaged_is_named(tmp_path, run):
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    run("train", "table", data, "--out", out, "--epochs", 1, "--quiet")
    (out / "best.ckpt").write_bytes((out / "best.ckpt").read_bytes()[:100])
    code, _, err = run("eval", out, data)
    assert (code, err.count("\n")) == (2, 1)
    assert str(out / "best.ckpt") in err


def test_settings_from_a_file(tmp_path, run):
    file = tmp_path / "settings.toml"
    file.write_text('epochs = 2\nbatch-size = 16\ntarget = "colour"\n')
    found = options_of({"epochs": 3, "lr": None}, str(file))
    assert (found.epochs, found.batch_size, found.target) == (3, 16, "colour")
    assert found.lr == Options().lr
    data = table(tmp_path / "t.csv")
    code, _, said = run("train", "table", data, "--config", file, "--out", tmp_path / "run")
    assert code == 0
    assert "2 classes: blue, red" in said
    file.write_text("epoch = 2\n")
    assert run("train", "table", data, "--config", file) == (
        2, "", f"zincir train: options: there is no 'epoch'; got: {file}; try: epochs\n"
    )  # fmt: skip
    file.write_text("epochs = = 2\n")
    assert "is no TOML" in run("train", "table", data, "--config", file)[2]


def test_settings_from_yaml(tmp_path, run):
    pytest.importorskip("yaml", reason="PyYAML is not installed: no YAML is read")
    file = tmp_path / "settings.yaml"
    file.write_text("epochs: 2\nlr: 1e-3\nbatch-size: 16\naugment: false\npatience:\n")
    found = options_of({"epochs": 3}, str(file))
    assert (found.epochs, found.batch_size, found.lr, found.augment) == (3, 16, 0.001, False)
    file.write_text("")
    assert options_of({}, str(file)) == Options()
    for text, message in (
        ("epochs: [1", "is no YAML of settings"),
        ("- 1\n- 2\n", "is no YAML of settings"),
        ("lr: fast\n", "is no YAML of settings"),
        ("epochs: many\n", "epochs is a whole number from 1 on"),
        ("epoch: 2\n", "there is no 'epoch'"),
    ):
        file.write_text(text)
        code, _, err = run("train", "table", tmp_path / "t.csv", "--config", file)
        assert (code, err.count("\n")) == (2, 1)
        assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "image", "nowhere"), "there is no folder nowhere"),
        (("train", "table", "nowhere.csv"), "there is no file nowhere.csv"),
        (("train", "text", "nowhere"), "nowhere"),
        (("train", "image", "digits", "--model", "resnet9"), "there is no model 'resnet9'"),
        (("train", "image", "digits", "--epochs", "0"), "epochs is a whole number from 1 on"),
        (("train", "image", "digits", "--validation", "1.5"), "validation is a number"),
        (("train", "image", "digits", "--seed", "-1"), "seed is a whole number from 0 on"),
        (("train", "image", "digits", "--precision", "int8"), "precision is one of float32, bf16"),
        (("train", "image", "digits", "--lr", "fast"), "--lr: invalid float value: 'fast'"),
        (("trian",), "there is no command 'trian'"),
        (("trian",), "try: train"),
        (("train",), "required: task, data; try: zincir train --help"),
        (("train", "imgae", "x"), "there is no task 'imgae'; expected: image, "),
        (("train", "imgae", "x"), "try: image"),
        (("completion", "fish"), "there is no shell 'fish'"),
        (("data", "get", "cats"), "there is no data set 'cats'"),
        (("eval", "nowhere", "digits"), "there is no training in nowhere"),
        (("predict", "nowhere", "x"), "there is no training in nowhere"),
        (("summary", "resnet19"), "there is no model and no training 'resnet19'"),
        (("summary", "resnet20", "--input", "big"), "--input is a shape"),
        (("summary", "detections"), "there is no model and no training 'detections'"),
        (("bench", "resnet19", "--input", "1,3,8,8"), "there is no model and no training"),
        (("bench", "LeNet5", "--input", "1,1,28,28", "--seconds", "0"), "more than 0"),
        (("bench", "LeNet5", "--input", "1,3,28,28"), "conv2d: "),
        (("bench", "LeNet5"), "required: --input"),
    ],
)
def test_errors_are_one_line(words, message, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_data_sets_by_name(tmp_path, run, monkeypatch):
    for name, classes in (("penguins", "3 classes: Adelie, "), ("auto-mpg", "samples to train on")):
        words = ("train", "table", name, "--out", tmp_path / name, "--epochs", 1)
        assert classes in run(*words)[2]
        assert "loss" in run("eval", tmp_path / name, name)[1]
    code, _, err = run("train", "table", "penguins", "--target", "sex", "--out", tmp_path / "no")
    assert code == 2
    assert "penguins is for 'species'; got: target 'sex'" in err

    def load_spam():
        good, bad = [("the patch works", 0)] * 10, [("click to win", 1)] * 10
        return Spam(good + bad, [("a patch works", 0), ("win", 1), ("click to win", 1)])

    monkeypatch.setattr("zincir.tasks.texts.load_spam", load_spam)
    out = tmp_path / "spam"
    _, _, err = run("train", "text", "spam", "--out", out, "--epochs", 40, "--lr", 0.1)
    assert "16 samples to train on, 4 held back" in err
    assert "2 classes: wanted, spam" in err
    assert json.loads(run("eval", out, "spam", "--json")[1])["accuracy"] == 1


def test_too_little_to_hold_anything_back(tmp_path, run):
    words = ("--validation", 0.001, "--out", tmp_path / "run")
    for task, data in (
        ("table", table(tmp_path / "t.csv", rows=20)),
        ("text", texts(tmp_path / "texts.csv")),
        ("image", images(tmp_path / "images")),
    ):
        code, _, err = run("train", task, data, *words)
        assert (code, err.count("\n")) == (2, 1)
        assert f"{task}: there is nothing to train on, or nothing is held back" in err


def test_data_sets_by_name_are_of_the_same_kind(tmp_path, run):
    out = tmp_path / "run"
    run("train", "image", images(tmp_path / "data"), "--out", out, "--epochs", 1, "--size", 8)
    code, _, err = run("eval", out, "digits")
    assert code == 2
    assert "images of another size or with other colours" in err
    task = open_run(out).task
    assert task.labels_of(["red", "blue"]).tolist() == [1, 0]
    with pytest.raises(ZincirError, match="classes that the training did not have"):
        task.labels_of(["red", "green"])


def test_alone_it_shows_the_help_and_the_version(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "usage: zincir" in err
    assert run("--version")[:2] == (0, f"zincir {importlib.metadata.version('zincir')}\n")


def test_what_does_not_fit_a_table(tmp_path, run):
    data = tmp_path / "t.csv"
    data.write_text("a,y\n1,p\n2,p\n3,p\n4,p\n5,p\n")
    code, _, err = run("train", "table", data)
    assert code == 2
    assert "has one class only" in err
    out = tmp_path / "run"
    run("train", "table", table(tmp_path / "u.csv"), "--out", out, "--epochs", 1, "--quiet")
    assert "a" in run("predict", out, data)[2]
    (out / "task.json").write_text("{")
    assert "is damaged" in run("predict", out, data)[2]


def test_info_and_summary(run):
    code, text, _ = run("info")
    assert code == 0
    assert f"numpy         {np.__version__}" in text
    assert zincir.__name__ in text
    assert "multiply-adds" in run("summary", "resnet20", "--input", "1,3,32,32")[1]


def test_bench(run, tmp_path):
    code, text, err = run("bench", "LeNet5", "--input", "2,1,28,28", "--seconds", 0.01)
    assert (code, err) == (0, "")
    title, prediction, training = text.splitlines()
    assert title.startswith("LeNet5, batches (2, 1, 28, 28), float32, ")
    for name, line in (("prediction", prediction), ("training", training)):
        words = line.replace(",", "").split()
        assert words[0] == name
        assert float(words[1]) * float(words[3]) == pytest.approx(2000, rel=0.02)
    out = tmp_path / "run"
    run("train", "text", texts(tmp_path / "t.csv"), "--out", out, "--epochs", 1, "--quiet")
    assert run("bench", out, "--input", "4,512", "--numbers", "--seconds", 0.01)[0] == 0


def test_help_names_every_command(run):
    text = run("--help")[1]
    for name in ("train", "eval", "predict", "run", "data", "info", "summary", "completion",
                 "bench"):  # fmt: skip
        assert name in text
        assert run(name, "--help")[0] == 0


def test_a_reader_that_stops_is_no_error():
    """`zincir info | true`: no traceback, and the exit code of a broken pipe."""
    code = "import sys, time; time.sleep(1); from zincir.cli import main; main(['info'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        error = process.stderr.read().decode()
    assert (process.returncode, error) == (141, "")


def test_completion(run):
    pytest.importorskip("shtab", reason="shtab is not installed: no completion")
    assert "predict" in run("completion", "bash")[1]
