"""`cedr run X.mlir` and `cedr compile X.mlir` on linalg-on-tensors text as torch-mlir writes it, against PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cedr.tools.cli import main

RNG = np.random.default_rng(5)
FILTERS = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
SCALE, SHIFT, MEAN = (RNG.standard_normal(4).astype(np.float32) for _ in range(3))
VARIANCE = RNG.uniform(0.5, 2, 4).astype(np.float32)
BIAS = RNG.standard_normal(4).astype(np.float32)
MATRIX = RNG.standard_normal((5, 4)).astype(np.float32)


def blob(array: NDArray[np.generic]) -> str:
    """As in `dialect_resources`: an alignment of 4 bytes, then the elements."""
    return f'"0x04000000{array.tobytes().hex().upper()}"'


NETWORK = """\
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d1, 0, 0)>
#map3 = affine_map<(d0, d1) -> (d0, d1)>
module {
  ml_program.global private mutable @global_seed(dense<0> : tensor<i64>) : tensor<i64>
  func.func @forward(%arg0: tensor<1x3x8x8xf32>) -> (tensor<1x5xf32>, tensor<1xi64>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.000000e-05 : f64
    %cst_2 = arith.constant dense_resource<filters> : tensor<4x3x3x3xf32>
    %cst_3 = arith.constant dense_resource<bias> : tensor<4xf32>
    %cst_4 = arith.constant dense_resource<mean> : tensor<4xf32>
    %cst_5 = arith.constant dense_resource<variance> : tensor<4xf32>
    %cst_6 = arith.constant dense_resource<matrix> : tensor<5x4xf32>
    %cst_7 = arith.constant 1.600000e+01 : f32
    %padded = tensor.pad %arg0 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%arg1: index, %arg2: index, %arg3: index, %arg4: index):
      tensor.yield %cst : f32
    } : tensor<1x3x8x8xf32> to tensor<1x3x10x10xf32>
    %0 = tensor.empty() : tensor<1x4x8x8xf32>
    %broadcasted = linalg.broadcast ins(%cst_3 : tensor<4xf32>) outs(%0 : tensor<1x4x8x8xf32>) dimensions = [0, 2, 3]
    %1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%padded, %cst_2 : tensor<1x3x10x10xf32>, tensor<4x3x3x3xf32>) outs(%broadcasted : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
    %2 = tensor.empty() : tensor<4xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%cst_5 : tensor<4xf32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %20 = arith.truncf %cst_1 : f64 to f32
      %21 = arith.addf %in, %20 : f32
      %22 = math.rsqrt %21 : f32
      %23 = arith.cmpf one, %22, %cst : f32
      cf.assert %23, "unimplemented: tensor with zero element"
      linalg.yield %22 : f32
    } -> tensor<4xf32>
    %expanded = tensor.expand_shape %cst_4 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xf32> into tensor<4x1x1xf32>
    %expanded_8 = tensor.expand_shape %3 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xf32> into tensor<4x1x1xf32>
    %4 = linalg.generic {indexing_maps = [#map1, #map2, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %expanded, %expanded_8 : tensor<1x4x8x8xf32>, tensor<4x1x1xf32>, tensor<4x1x1xf32>) outs(%0 : tensor<1x4x8x8xf32>) {
    ^bb0(%in: f32, %in_9: f32, %in_10: f32, %out: f32):
      %20 = arith.subf %in, %in_9 : f32
      %21 = arith.mulf %20, %in_10 : f32
      linalg.yield %21 : f32
    } -> tensor<1x4x8x8xf32>
    %5 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%4 : tensor<1x4x8x8xf32>) outs(%0 : tensor<1x4x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %20 = arith.cmpf ugt, %in, %cst : f32
      %21 = arith.select %20, %in, %cst : f32
      linalg.yield %21 : f32
    } -> tensor<1x4x8x8xf32>
    %6 = tensor.empty() : tensor<1x4x1x1xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x4x1x1xf32>) -> tensor<1x4x1x1xf32>
    %8 = tensor.empty() : tensor<8x8xf32>
    %9 = linalg.pooling_nchw_sum {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%5, %8 : tensor<1x4x8x8xf32>, tensor<8x8xf32>) outs(%7 : tensor<1x4x1x1xf32>) -> tensor<1x4x1x1xf32>
    %collapsed = tensor.collapse_shape %9 [[0], [1, 2, 3]] : tensor<1x4x1x1xf32> into tensor<1x4xf32>
    %10 = tensor.empty() : tensor<1x4xf32>
    %11 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<1x4xf32>) outs(%10 : tensor<1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %20 = arith.divf %in, %cst_7 : f32
      linalg.yield %20 : f32
    } -> tensor<1x4xf32>
    %12 = tensor.empty() : tensor<4x5xf32>
    %transposed = linalg.transpose ins(%cst_6 : tensor<5x4xf32>) outs(%12 : tensor<4x5xf32>) permutation = [1, 0]
    %13 = tensor.empty() : tensor<1x5xf32>
    %14 = linalg.fill ins(%cst : f32) outs(%13 : tensor<1x5xf32>) -> tensor<1x5xf32>
    %15 = linalg.matmul ins(%11, %transposed : tensor<1x4xf32>, tensor<4x5xf32>) outs(%14 : tensor<1x5xf32>) -> tensor<1x5xf32>
    %16 = tensor.empty() : tensor<1xi64>
    %17 = linalg.fill ins(%c0_i64 : i64) outs(%16 : tensor<1xi64>) -> tensor<1xi64>
    %18 = tensor.empty() : tensor<1xf32>
    %19 = linalg.fill ins(%cst_0 : f32) outs(%18 : tensor<1xf32>) -> tensor<1xf32>
    %best:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%15 : tensor<1x5xf32>) outs(%19, %17 : tensor<1xf32>, tensor<1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_9: i64):
      %20 = linalg.index 1 : index
      %21 = arith.index_cast %20 : index to i64
      %22 = arith.maximumf %in, %out : f32
      %23 = arith.cmpf ogt, %in, %out : f32
      %24 = arith.select %23, %21, %out_9 : i64
      linalg.yield %22, %24 : f32, i64
    } -> (tensor<1xf32>, tensor<1xi64>)
    return %15, %best#1 : tensor<1x5xf32>, tensor<1xi64>
  }
}

{-#
  dialect_resources: {
    builtin: {
      filters: FILTERS,
      bias: BIAS,
      mean: MEAN,
      variance: VARIANCE,
      matrix: MATRIX
    }
  }
#-}
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A convolution with batch norm, a pooling, a linear layer, an argmax, in the form of torch-mlir 20261001."""
    text = NETWORK
    for name, array in (
        ("FILTERS", FILTERS), ("BIAS", BIAS), ("MEAN", MEAN), ("VARIANCE", VARIANCE), ("MATRIX", MATRIX)
    ):  # fmt: skip
        text = text.replace(name, blob(array))
    path = tmp_path / "network.mlir"
    path.write_text(text)
    return path


def reference(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    y = torch.conv2d(torch.from_numpy(x), torch.from_numpy(FILTERS), torch.from_numpy(BIAS), padding=1)
    y = torch.batch_norm(
        y, None, None, torch.from_numpy(MEAN), torch.from_numpy(VARIANCE), False, 0.0, 1e-5, False
    ).relu()
    scores = torch.nn.functional.linear(y.sum((2, 3)) / 16, torch.from_numpy(MATRIX))
    return scores.numpy(), scores.argmax(1).numpy()


@pytest.mark.parametrize("emit", ["c", "python"])
def test_run(network: Path, emit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = RNG.standard_normal((1, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    command = ["run", str(network), "--emit", emit, "--json", "--input", f"arg0={tmp_path / 'x.npy'}"]
    command += ["--output", f"output0={tmp_path / 'y.npy'}", "--output", f"output1={tmp_path / 'best.npy'}"]
    assert main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["max_abs_error"] is None and figures["max_rel_error"] is None and figures["decision_match"] is None
    assert figures["model"] == str(network)
    assert figures["macs_by_api"] == {"conv2d": 8 * 8 * 4 * 27, "gemm": 20, "kernel": 0}
    scores, best = reference(x)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), scores, rtol=1e-4, atol=1e-5)
    assert np.load(tmp_path / "best.npy") == best


def test_batch_norm_is_folded_and_the_weights_are_beside_the_ir(network: Path, tmp_path: Path) -> None:
    directory = tmp_path / "module"
    assert main(["compile", str(network), "-o", str(directory), "--save-ir"]) == 0
    assert (directory / "network.c").is_file()
    stages = sorted((directory / "ir").iterdir())
    assert [stage.name for stage in stages[:2]] == ["00_network.mlir", "01_import-linalg.mlir"]
    assert "dialect_resources" in stages[0].read_text() and "dialect_resources" not in stages[1].read_text()
    fused = next(stage.read_text() for stage in stages if "fuse-elementwise" in stage.name)
    assert "rsqrt" not in fused and "arith.mulf" not in fused  # of batch norm, a bias is left


def test_a_saved_stage_with_its_weights_goes_on(network: Path, tmp_path: Path) -> None:
    directory = tmp_path / "module"
    assert main(["compile", str(network), "-o", str(directory), "--save-ir"]) == 0
    x = RNG.standard_normal((1, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    for stage in ("00_network", "01_import-linalg"):
        command = ["run", str(directory / "ir" / f"{stage}.mlir"), "--input", str(tmp_path / "x.npy")]
        assert main([*command, "--output", f"output0={tmp_path / 'y.npy'}"]) == 0
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), reference(x)[0], rtol=1e-4, atol=1e-5)


def test_a_refusal_points_at_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.mlir"
    path.write_text(
        "func.func @forward(%arg0: tensor<2x?xf32>) -> tensor<2x?xf32> {\n  return %arg0 : tensor<2x?xf32>\n}\n"
    )
    assert main(["compile", str(path), "-o", str(tmp_path / "module")]) == 1
    message = capsys.readouterr().err
    assert (
        f"{path}:1:1: error: specialize-sizes: 'func.func' leaves sizes of input 'arg0' open, which is tensor<2x?xf32>; "
        "say them: --input arg0=X.npy" in message
    )
    assert "\nfunc.func @forward(%arg0: tensor<2x?xf32>) -> tensor<2x?xf32> {\n^\n" in message
    assert not (tmp_path / "module").exists()


def test_an_op_of_another_dialect_points_at_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.mlir"
    path.write_text(
        "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
        "  %y = stablehlo.abs %x : tensor<2xf32>\n  return %y : tensor<2xf32>\n}\n"
    )
    assert main(["compile", str(path), "-o", str(tmp_path / "module")]) == 1
    message = capsys.readouterr().err
    assert f"{path}:2:8: error: no op 'stablehlo.abs'; lower it to linalg first" in message
    assert "%y = stablehlo.abs %x : tensor<2xf32>\n       ^" in message
