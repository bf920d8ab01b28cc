"""`fold-constants`: values stay, weights do not grow, bytes that are missing are asked for."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from xdsl.dialects.builtin import ModuleOp

from cedr.dialects.cedr import WeightOp
from cedr.dialects.weights import WeightsError, WeightStore
from cedr.passes.fold_constants import FoldConstantsPass
from tests.passes.level_1 import assert_keeps_values, count, imported, parse, run

torch.set_num_threads(1)


def weight_names(module: ModuleOp) -> list[str]:
    return [op.weight_name for op in module.walk() if isinstance(op, WeightOp)]


def test_linear_layers_get_packed_weights() -> None:
    torch.manual_seed(0)
    module, weights, inputs = imported(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)), torch.randn(2, 5))
    assert count(module)["linalg.transpose"] == 2
    assert_keeps_values("fold-constants", module, inputs, weights)
    assert "linalg.transpose" not in count(module)
    packed = [name for name in weight_names(module) if re.search(r"\.[0-9a-f]{12}$", name)]
    assert [name.rpartition(".")[0] for name in packed] == ["0.weight", "2.weight"]
    np.testing.assert_array_equal(weights[packed[0]], weights["0.weight"].T)


def test_batch_norm_vectors_fold_to_two_weights() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    nn.init.normal_(norm.weight)
    nn.init.uniform_(norm.get_buffer("running_var"), 0.5, 2)
    module, weights, inputs = imported(norm, torch.randn(1, 3, 4, 4))
    assert_keeps_values("fold-constants", module, inputs, weights)
    assert count(module)["linalg.generic"] == 1
    assert len(weight_names(module)) == 2


def test_a_second_run_changes_nothing() -> None:
    module, weights, _ = imported(nn.Linear(3, 2), torch.randn(1, 3))
    once = str(run("fold-constants", module, weights))
    assert str(run("fold-constants", module, weights)) == once


def test_the_name_is_made_of_the_content() -> None:
    """Equal contents have equal names, whatever they were made from; another weight gives another name."""
    text = """func.func @main() -> tensor<3x2xf32> {
      %w = cedr.weight @w : tensor<2x3xf32>
      %e = tensor.empty() : tensor<3x2xf32>
      %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
      func.return %t : tensor<3x2xf32>
    }"""
    names = []
    for first in (0.0, 0.0, 1.0):
        array = np.full((2, 3), 5.0, np.float32)
        array[0, 0] = first
        names += weight_names(run("fold-constants", parse(text), WeightStore({"w": array})))
    assert names[0] == names[1] != names[2]


PAD = """func.func @main() -> tensor<1x{size}xf32> {{
  %w = cedr.weight @w : tensor<1x8xf32>
  %p = tensor.pad %w low[0, 0] high[0, {by}] {{
  ^bb0(%i: index, %j: index):
    %c = arith.constant 0.0 : f32
    tensor.yield %c : f32
  }} : tensor<1x8xf32> to tensor<1x{size}xf32>
  func.return %p : tensor<1x{size}xf32>
}}"""


@pytest.mark.parametrize(("growth", "folds"), [(0, False), (15, False), (16, True), (4096, True)])
def test_growth_is_bounded(growth: int, folds: bool) -> None:
    module = parse(PAD.format(size=12, by=4))
    weights = WeightStore({"w": np.ones((1, 8), np.float32)})
    assert_keeps_values(f"fold-constants{{growth-bytes={growth}}}", module, [], weights)
    assert ("tensor.pad" not in count(module)) == folds


def test_refuses_a_negative_growth() -> None:
    with pytest.raises(WeightsError, match="growth-bytes is 0 or more, got -1"):
        FoldConstantsPass(growth_bytes=-1)


def test_asks_for_bytes_only_where_there_is_something_to_fold() -> None:
    module, _, _ = imported(nn.Conv2d(1, 2, 3), torch.randn(1, 1, 4, 4))
    run("fold-constants", module)
    module, _, _ = imported(nn.Linear(3, 2), torch.randn(1, 3))
    with pytest.raises(
        WeightsError, match=r"(?s)fold-constants: needs the weights' bytes.*--weights.*'linalg.transpose' is constant"
    ):
        run("fold-constants", module)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones((1, 9), np.float32), r"weight 'w' is float32\[1, 8\] in the IR, float32\[1, 9\]"),
        (np.ones((1, 8)), "float64"),
    ],
)
def test_refuses_bytes_of_another_type(weight: np.ndarray, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        run("fold-constants", parse(PAD.format(size=12, by=4)), WeightStore({"w": weight}))


def test_a_constant_that_is_returned_and_captured_constants() -> None:
    """The last op of a chain that a return uses, with a scalar from outside of its region."""
    module = parse("""func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
      %w = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
      %k = arith.constant 10.0 : f32
      %e = tensor.empty() : tensor<4xf32>
      %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
        ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%a: f32, %o: f32):
        %0 = arith.mulf %a, %k : f32
        linalg.yield %0 : f32
      } -> tensor<4xf32>
      %y = linalg.add ins(%x, %s : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      func.return %y, %s : tensor<4xf32>, tensor<4xf32>
    }""")
    weights = WeightStore()
    assert_keeps_values("fold-constants", module, [np.arange(4, dtype=np.float32)], weights)
    (name,) = weight_names(module)
    assert weights[name].tolist() == [10, 20, 30, 40]
