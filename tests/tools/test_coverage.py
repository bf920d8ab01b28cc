"""`cedr coverage`: every op, whether it converts, on which PEs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from cedr.tools.coverage import cover
from cedr.tools.models import TorchModel
from cedr.tools.options import CompileOptions
from tests.tools.conftest import Cedr


def test_a_model_that_is_supported(cedr: Cedr) -> None:
    done = cedr("coverage", "vgg_digits", "--json")
    assert done.status == 0
    assert list(done.json) == ["model", "supported", "ops"]
    assert (done.json["model"], done.json["supported"]) == ("vgg_digits", True)
    by_name = {row["op"]: row for row in done.json["ops"]}
    convolution = by_name["aten.convolution.default"]
    assert list(convolution) == ["op", "count", "supported", "locations", "pes", "reason"]
    assert (convolution["count"], convolution["supported"], convolution["reason"]) == (6, True, None)
    assert convolution["pes"] == ["cpu", "conv2d"] and all(":" in place for place in convolution["locations"])
    assert by_name["aten.relu.default"]["pes"] == ["cpu"]
    assert by_name["aten.view.default"]["pes"] == []


def test_pes_are_those_of_the_composition(cedr: Cedr) -> None:
    rows = cedr("coverage", "vgg_digits", "--hw", "C2", "--json").json["ops"]
    assert {pe for row in rows for pe in row["pes"]} == {"cpu"}


def test_every_op_that_is_not_supported(cedr: Cedr, models: Path) -> None:
    done = cedr("coverage", f"{models}:three", "--json")
    assert (done.status, done.json["supported"]) == (1, False)
    assert [row["supported"] for row in done.json["ops"]] == [False] * 3
    assert all(row["reason"] and f"{models.name}:" in row["locations"][0] for row in done.json["ops"])
    text = cedr("coverage", f"{models}:three")
    assert text.status == 1
    assert f"{models.name}:" in text.out and "aten.special_bessel_j0.default (x1): has no conversion" in text.out
    assert text.out.endswith("three: not supported as a whole\n")


def test_what_stands_before_an_unsupported_op_has_its_pes() -> None:
    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 1, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.last(torch.special.bessel_j0(self.first(x)))
            return out

    result = cover(TorchModel("between", Between(), (torch.randn(1, 1, 9, 9),)), CompileOptions())
    convolution, digamma = result.ops
    assert (convolution.count, convolution.pes) == (2, ["cpu", "conv2d"])
    assert (digamma.supported, digamma.pes) == (False, [])


def test_what_converts_and_cannot_be_compiled_is_not_supported() -> None:
    model = TorchModel("half", nn.ReLU(), (torch.ones(3, dtype=torch.bfloat16),))
    result = cover(model, CompileOptions(emit="python"))
    assert not result.supported
    assert result.ops[-1].op == "pipeline 'default'" and "bf16" in (result.ops[-1].reason or "")


@pytest.mark.parametrize(
    ("what", "message"),
    [("c", "coverage lists the ops of a PyTorch model"), ("nowhere", "no model 'nowhere'")],
)
def test_refusals(cedr: Cedr, compiled: dict[str, Path], what: str, message: str) -> None:
    done = cedr("coverage", compiled.get(what, what))
    assert done.status == 1 and message in done.err
