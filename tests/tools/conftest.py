"""A file of small models, and the `cedr` command run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from cedr.tools.cli import main

torch.set_num_threads(1)

MODELS = '''
"""Models that tests compile."""

import torch
from torch import nn


class Two(nn.Module):
    """Two inputs; outputs in a dictionary that holds a tuple."""

    def forward(self, a, b):
        return {"sum": a + b, "pair": (a * b, a - b)}


class Net(nn.Module):
    """What may stand in training mode."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class Three(nn.Module):
    """Three ops that have no conversion."""

    def forward(self, x):
        a = torch.special.bessel_j0(x)
        b = torch.special.bessel_j1(x)
        return a, b, torch.linalg.svdvals(x)


class Moody(nn.Module):
    """Answers differently when it is exported."""

    def forward(self, x):
        return x + (1.0 if torch.compiler.is_compiling() else 1.5)


class Judged(nn.Module):
    """A model with a decision and a held-out set, of which it gets one in four wrong."""

    def forward(self, x):
        return x * 2

    def decide(self, outputs):
        return int(outputs.argmax())

    def held_out(self):
        import numpy as np
        from cedr.frontend.zoo.judging import HeldOut

        return HeldOut(np.eye(4, dtype=np.float32), [0, 1, 2, 0])


class Loud(nn.Module):
    def forward(self, x):
        print("forward speaks")
        return x + 1


def two():
    return Two(), (torch.ones(3), torch.arange(3.0))


def net():
    torch.manual_seed(1)
    return Net().eval(), (torch.ones(1, 1, 6, 6),)


def training():
    return Net(), (torch.rand(1, 1, 6, 6),)


def three():
    return Three(), (torch.eye(3),)


def moody():
    return Moody(), (torch.ones(3),)


def judged():
    return Judged(), (torch.ones(1, 4),)


def loud():
    print("factory speaks")
    return Loud(), (torch.ones(3),)


def lone_tensor():
    return Judged(), torch.ones(1, 4)


def integers():
    class Integers(nn.Module):
        def forward(self, x):
            return x + 1, x > 2

    return Integers(), (torch.arange(5),)


def dynamic():
    n = torch.export.Dim("n")
    return Two(), (torch.ones(3), torch.ones(3)), ({0: n}, {0: n})


def lazily():
    import beside

    return beside.make()


def fails():
    raise ValueError("no data today")


def leaves():
    raise SystemExit(3)


def number():
    return 7


def module_alone():
    return Two()


def needs_more(x):
    return Two(), (x, x)


not_callable = 3
'''


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout, on a line of its own."""
        assert self.out.count("\n") == 1 and self.out.endswith("\n"), self.out + self.err
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Cedr = Callable[..., Done]


@pytest.fixture
def cedr(capsys: pytest.CaptureFixture[str]) -> Cedr:
    """`cedr("run", "vgg_digits")` -> exit status, stdout, stderr."""

    def run(*arguments: str | Path) -> Done:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err and "internal error" not in captured.err, captured.err
        return Done(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of models, in a folder with a module beside it."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "beside.py").write_text(
        "import torch\n\ndef make():\n    return torch.nn.ReLU(), (torch.tensor([-1.0, 2.0]),)\n"
    )
    file = folder / "small.py"
    file.write_text(MODELS)
    return file


@pytest.fixture(scope="session")
def compiled(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`two` as a module's directory, by emitter, with its IR."""
    folder = tmp_path_factory.mktemp("compiled")
    for emit in ("c", "python"):
        arguments = ["compile", f"{models}:two", "--emit", emit, "--save-ir", "-o", str(folder / emit)]
        assert main(arguments) == 0
    return {emit: folder / emit for emit in ("c", "python")}
