"""Models as users bring them: FILE.py:FACTORY and PACKAGE.MODULE:FACTORY, in forms that are not the zoo's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cedr.tools.cli import main

MODELS = '''
import sys
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Settings:
    width: int = 4


class TwoInputs(nn.Module):
    def __init__(self, settings=Settings()):
        super().__init__()
        self.convolution = nn.Conv2d(5, settings.width, 3, padding=1)

    def forward(self, image, mask, scale):
        x = self.convolution(torch.cat([image, mask], 1))
        return {"scores": x.mean((2, 3)), "map": F.relu(x) * scale}


def two_inputs():
    return TwoInputs().eval(), (torch.randn(2, 3, 9, 7), torch.randn(2, 2, 9, 7), torch.tensor(0.5))


def double():
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)).double(), (torch.randn(3, 6).double(),)


def half():
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU()).half(), (torch.randn(3, 6).half(),)


class Indices(nn.Module):
    def forward(self, i, x):
        return torch.where(i > 2, x, -x), i.float().mean(), (i * 3) % 5


def integers():
    return Indices(), (torch.arange(6), torch.randn(6))


class Number(nn.Module):
    def forward(self, x, power, mode="scaled"):
        return x**power if mode == "plain" else x**power / 2


def number():
    return Number(), (torch.rand(4) + 0.5, 3, "scaled")


def one_tensor():
    """Not in a tuple."""
    return nn.Sequential(nn.Conv1d(1, 2, 5), nn.ReLU(), nn.Flatten()).eval(), torch.randn(1, 1, 30)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return y[:, -1], h, c


def recurrent():
    return Recurrent().eval(), (torch.randn(2, 3, 3),)


def attention():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval(), (torch.randn(1, 5, 8),)


class Half(nn.Module):
    def forward(self, x):
        return x.half() + 1


def half_inside():
    return Half(), (torch.randn(3),)


def training():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()), (torch.randn(1, 1, 5, 5),)


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, i):
        x = torch.special.bessel_j0(self.table(i))  # here
        return torch.special.bessel_j1(x)


def embedded():
    return Embedded(), (torch.tensor([1, 2]),)


class Branch(nn.Module):
    def forward(self, x):
        if x.sum() > 0:  # here
            return x
        return -x


def branch():
    return Branch(), (torch.randn(3),)


class InPlace(nn.Module):
    def forward(self, x):
        return x.add_(1) * 2


def in_place():
    return InPlace(), (torch.randn(3),)


def wrong_example():
    return nn.Linear(3, 2), (torch.randn(2, 4),)


def empty():
    return nn.ReLU(), (torch.randn(0, 3),)
'''


@pytest.fixture
def models(tmp_path: Path) -> str:
    (tmp_path / "user_models.py").write_text(MODELS)
    return f"{tmp_path / 'user_models.py'}"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Status, the JSON object on stdout, and stderr."""
    capsys.readouterr()
    status = main(["run", *arguments, "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


@pytest.mark.parametrize(
    ("factory", "emit"),
    [
        ("two_inputs", "c"),
        ("two_inputs", "python"),
        ("double", "c"),
        ("half", "python"),
        ("half_inside", "c"),
        ("empty", "c"),
        ("integers", "c"),
        ("number", "c"),
        ("one_tensor", "c"),
        ("recurrent", "c"),
        ("attention", "c"),
    ],
)
def test_good_forms(models: str, factory: str, emit: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, figures, err = run(capsys, f"{models}:{factory}", "--emit", emit)
    assert (status, err) == (0, "")
    assert figures["model"].endswith(factory)
    assert figures["max_rel_error"] <= (2e-3 if factory.startswith("half") else 1e-4)
    assert figures["tasks"] > 0 or factory == "empty"


def test_a_module_of_a_package(
    models: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(models).parent))
    status, figures, _ = run(capsys, "user_models:double")
    assert status == 0 and figures["max_rel_error"] <= 1e-4


@pytest.mark.parametrize(
    ("factory", "lines"),
    [
        ("training", ["call model.eval()", "the model is in training mode"]),
        ("embedded", ["{here}: aten.special_bessel_j0.default (x1)", "aten.special_bessel_j1.default (x1)"]),
        ("branch", ["{here}: torch.export can't export Branch", "control flow and shapes don't depend on data"]),
        ("wrong_example", ["torch.export can't export Linear", "check that the model runs on the example inputs"]),
    ],
)
def test_refusals(models: str, factory: str, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    source = MODELS.split("def " + factory + "()")[0].splitlines()
    marked = [number for number, line in enumerate(source, 1) if line.endswith("# here")]
    status, figures, err = run(capsys, f"{models}:{factory}")
    assert (status, figures) == (1, {})
    assert err.startswith("cedr run: ") and "Traceback" not in err
    for line in lines:
        assert line.replace("{here}", f"{models}:{marked[-1] if marked else 0}") in err
