"""`cedr coverage`: every op, whether it converts, on which PEs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
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
    convolution, bessel = result.ops
    assert (convolution.count, convolution.pes) == (2, ["cpu", "conv2d"])
    assert (bessel.supported, bessel.pes) == (False, [])


def test_what_converts_and_cannot_be_compiled_is_not_supported() -> None:
    model = TorchModel("half", nn.ReLU(), (torch.ones(3, dtype=torch.bfloat16),))
    result = cover(model, CompileOptions(emit="python"))
    assert not result.supported
    assert result.ops[-1].op == "pipeline 'default'" and "bf16" in (result.ops[-1].reason or "")


@pytest.mark.parametrize(
    ("what", "message"),
    [("c", "a compiled module has calls and no ops"), ("nowhere", "no model 'nowhere'")],
)
def test_refusals(cedr: Cedr, compiled: dict[str, Path], what: str, message: str) -> None:
    done = cedr("coverage", compiled.get(what, what))
    assert done.status == 1 and message in done.err


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(torch.relu(self.first(x)).mean((2, 3)))
        return out


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model as ONNX, its batch left open, and an input."""
    folder = tmp_path_factory.mktemp("small")
    x = torch.randn(2, 1, 9, 9)
    axes = {"x": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter says that it is the older one
        torch.onnx.export(
            Small().eval(), (x,), folder / "small.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False
        )
    np.save(folder / "x.npy", x.numpy())
    return folder


def test_the_nodes_of_an_onnx_file(cedr: Cedr, small: Path) -> None:
    done = cedr("coverage", small / "small.onnx", "--input", small / "x.npy", "--json")
    assert (done.status, done.json["model"], done.json["supported"]) == (0, str(small / "small.onnx"), True)
    rows = {row["op"]: row for row in done.json["ops"]}
    assert {name: row["pes"] for name, row in rows.items() if name != "Constant"} == {
        "Conv": ["cpu", "conv2d"],
        "Relu": ["cpu"],
        "ReduceMean": ["cpu"],
        "Gemm": ["cpu"],
    }
    assert rows["Conv"]["locations"] == ["node '/first/Conv'"]
    missing = cedr("coverage", small / "small.onnx")
    assert missing.status == 1 and "nothing says how large 'batch' is; give --input x=X.npy" in missing.err
    assert "other models have sizes of their own" in cedr("coverage", "vgg_digits", "--input", small / "x.npy").err


def test_a_node_that_is_not_supported(cedr: Cedr, tmp_path: Path) -> None:
    helper = pytest.importorskip("onnx").helper
    nodes = [helper.make_node("Relu", ["x"], ["a"], name="r"), helper.make_node("Det", ["a"], ["y"], name="d")]
    x, y = (helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", [5, 3, 3]), ("y", [5])))
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=[helper.make_opsetid("", 21)])
    (tmp_path / "det.onnx").write_bytes(model.SerializeToString())
    done = cedr("coverage", tmp_path / "det.onnx", "--json")
    assert (done.status, done.json["supported"]) == (1, False)
    assert [(row["op"], row["supported"], row["locations"]) for row in done.json["ops"]] == [
        ("Relu", True, ["node 'r'"]),
        ("Det", False, ["node 'd'"]),
    ]


TEXT = """
func.func @main(%x: tensor<1x1x9x9xf32>, %w: tensor<2x1x3x3xf32>) -> tensor<1x2x7x7xf32> {
  %0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x7x7xf32>
  %f = linalg.fill ins(%0 : f32) outs(%e : tensor<1x2x7x7xf32>) -> tensor<1x2x7x7xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x1x9x9xf32>, tensor<2x1x3x3xf32>) outs(%f : tensor<1x2x7x7xf32>) -> tensor<1x2x7x7xf32>
  %z = linalg.exp ins(%y : tensor<1x2x7x7xf32>) outs(%e : tensor<1x2x7x7xf32>) -> tensor<1x2x7x7xf32>
  func.return %z : tensor<1x2x7x7xf32>
}
"""


def test_the_ops_of_a_text(cedr: Cedr, tmp_path: Path) -> None:
    path = tmp_path / "text.mlir"
    path.write_text(TEXT)
    done = cedr("coverage", path, "--json")
    assert (done.status, done.json["model"]) == (0, str(path)), done.err
    rows = {row["op"]: row for row in done.json["ops"]}
    assert {name: row["pes"] for name, row in rows.items()} == {
        "arith.constant": [],
        "tensor.empty": [],
        "linalg.fill": [],
        "linalg.conv_2d_nchw_fchw": ["cpu", "conv2d"],
        "linalg.exp": ["cpu"],
    }
    assert rows["linalg.conv_2d_nchw_fchw"]["locations"] == [f"{path}:6"]


def test_an_op_of_a_text_that_no_pass_takes(cedr: Cedr, tmp_path: Path) -> None:
    path = tmp_path / "text.mlir"
    path.write_text(
        TEXT.replace("1x2x7x7", "1x2x?x7")
        .replace("tensor.empty()", "tensor.empty(%n)")
        .replace("  %0", "  %n = arith.constant 7 : index\n  %0")
    )
    done = cedr("coverage", path, "--json")
    assert done.status == 1, done.out
    bad = [row for row in done.json["ops"] if not row["supported"]]
    assert [row["op"] for row in bad] == ["tensor.empty", "linalg.fill", "linalg.conv_2d_nchw_fchw", "linalg.exp"]
    assert all("sizes have to be known when it is compiled" in row["reason"] for row in bad)
    assert bad[-1]["locations"] == [f"{path}:9"]


def test_a_stage_of_a_modules_directory(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    assert cedr("compile", f"{models}:net", "--emit", "python", "--save-ir", "-o", tmp_path / "net").status == 0
    stages = sorted((tmp_path / "net" / "ir").iterdir())
    rows = {row["op"]: row["pes"] for row in cedr("coverage", stages[-1], "--json").json["ops"]}
    assert rows["cedr.conv2d"] == ["cpu", "conv2d"] and rows["cedr.alloc"] == []
