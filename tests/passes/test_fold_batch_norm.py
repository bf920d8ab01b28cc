"""`fold-batch-norm`: whatever is affine per channel goes into the layer, whatever is not stays."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg_ops

from cedr.dialects.weights import WeightsError, WeightStore
from tests.passes.level_1 import assert_keeps_values, count, imported, parse, run

torch.set_num_threads(1)
FOLD = "fold-constants,fold-batch-norm"


def randomised(model: nn.Module) -> nn.Module:
    """Statistics and parameters of batch norms drawn at random."""
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                if tensor is not None:
                    nn.init.normal_(tensor)
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2)
    return model


def multiplies(module: ModuleOp) -> int:
    """Generics that multiply."""
    return sum(
        any(inner.name == "arith.mulf" for inner in op.body.block.ops)
        for op in module.walk()
        if isinstance(op, linalg_ops.GenericOp)
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", ["2d", "1d", "linear"])
def test_layers_with_batch_norm(kind: str, bias: bool, affine: bool) -> None:
    if kind == "2d":
        model: nn.Module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4, affine=affine), nn.ReLU())
        x = torch.randn(2, 3, 6, 6)
    elif kind == "1d":
        model = nn.Sequential(nn.Conv1d(3, 4, 3, stride=2, bias=bias), nn.BatchNorm1d(4, affine=affine), nn.ReLU())
        x = torch.randn(2, 3, 9)
    else:
        model, x = nn.Sequential(nn.Linear(3, 4, bias=bias), nn.BatchNorm1d(4, affine=affine)), torch.randn(5, 3)
    module, weights, inputs = imported(randomised(model), x)
    assert_keeps_values(FOLD, module, inputs, weights, 1e-6)
    assert multiplies(module) == 0
    assert count(module)["linalg.generic"] == (1 if kind == "linear" else 2)


class Shared(nn.Module):
    """The convolution's result is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return torch.as_tensor(self.norm(y) + y)


class ReluBetween(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.norm(torch.relu(self.conv(x))))


@pytest.mark.parametrize("model", [Shared(), ReluBetween(), nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3))])
def test_what_can_not_be_folded_stays(model: nn.Module) -> None:
    module, weights, inputs = imported(randomised(model), torch.randn(1, 2, 5, 5))
    assert_keeps_values(FOLD, module, inputs, weights, 1e-6)
    assert multiplies(module) == 1


def test_a_bias_alone_stays_as_it_is() -> None:
    module, weights, _ = imported(nn.Conv2d(2, 2, 3), torch.randn(1, 2, 5, 5))
    before = str(module)
    assert str(run("fold-batch-norm", module, weights)) == before
    assert str(run("fold-batch-norm", module)) == before  # and needs no weights


def test_asks_for_the_bytes() -> None:
    module, weights, _ = imported(nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2)), torch.randn(1, 2, 5, 5))
    run("fold-constants", module, weights)
    with pytest.raises(WeightsError, match=r"(?s)fold-batch-norm: needs the weights' bytes.*is followed by a scale"):
        run("fold-batch-norm", module)


def test_a_scale_that_is_not_finite_stays() -> None:
    text = GENERIC.format(lines="%0 = arith.mulf %v, %a : f32", result="%0")
    weights = WeightStore(
        {"w": np.ones((2, 3), np.float32), "a": np.array([1, np.inf, 2], np.float32), "b": np.zeros(3, np.float32)}
    )
    module = parse(text)
    before = str(module)
    assert str(run("fold-batch-norm", module, weights)) == before


GENERIC = """func.func @main(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {{
  %w = cedr.weight @w : tensor<2x3xf32>
  %wa = cedr.weight @a : tensor<3xf32>
  %wb = cedr.weight @b : tensor<3xf32>
  %zero = arith.constant dense<0.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%zero : tensor<4x3xf32>) -> tensor<4x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %r = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>,
      affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}}
      ins(%wa, %y, %wb : tensor<3xf32>, tensor<4x3xf32>, tensor<3xf32>) outs(%e : tensor<4x3xf32>) {{
  ^bb0(%a: f32, %v: f32, %b: f32, %o: f32):
    %k = arith.constant 3.0 : f32
    {lines}
    linalg.yield {result} : f32
  }} -> tensor<4x3xf32>
  func.return %r : tensor<4x3xf32>
}}"""

STEPS = (
    "arith.addf {x}, {c}",
    "arith.addf {c}, {x}",
    "arith.subf {x}, {c}",
    "arith.subf {c}, {x}",
    "arith.mulf {x}, {c}",
    "arith.mulf {c}, {x}",
    "arith.divf {x}, {c}",
    "arith.negf {x}",
)
SCALES = (3, 4, 5, 6, 7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(STEPS) - 1), st.sampled_from(["%a", "%b", "%k"])), min_size=1, max_size=6))
def test_any_affine_dataflow_is_folded(steps: list[tuple[int, str]]) -> None:
    """Random chains of sums, differences, products and quotients with vectors and a constant, in any order of operands."""
    lines, value = [], "%v"
    for number, (step, constant) in enumerate(steps):
        lines.append(f"%s{number} = {STEPS[step].format(x=value, c=constant)} : f32")
        value = f"%s{number}"
    module = parse(GENERIC.format(lines="\n    ".join(lines), result=value))
    rng = np.random.default_rng(len(steps))
    weights = WeightStore({name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in SHAPES.items()})
    assert_keeps_values("fold-batch-norm", module, [rng.uniform(0.5, 1, (4, 2)).astype(np.float32)], weights, 1e-4)
    folded = [line for line in str(module).splitlines() if "arith." in line and "constant" not in line]
    if any(step in SCALES for step, _ in steps):
        assert len(folded) == 1 and "arith.addf" in folded[0]
    else:
        assert len(folded) == len(steps)


SHAPES = {"w": (2, 3), "a": (3,), "b": (3,)}


@pytest.mark.parametrize(
    "line",
    [
        "arith.mulf %v, %v",
        "arith.divf %a, %v",
        "arith.maximumf %v, %a",
        "math.exp %v",
        "arith.mulf %a, %b",
        "arith.mulf %o, %v",
    ],
)
def test_other_dataflow_stays(line: str) -> None:
    """Squares, quotients by the element, what is not arithmetic, what ignores the layer, what reads the destination."""
    text = GENERIC.format(lines=f"%0 = {line} : f32", result="%0")
    module = parse(text)
    before = str(module)
    weights = WeightStore({name: np.ones(shape, np.float32) for name, shape in SHAPES.items()})
    assert str(run("fold-batch-norm", module, weights)) == before


def test_refuses_weights_of_another_shape() -> None:
    module = parse(GENERIC.format(lines="%0 = arith.mulf %v, %a : f32", result="%0"))
    weights = WeightStore({"w": np.ones((2, 3), np.float32), "a": np.ones(4, np.float32)})
    with pytest.raises(WeightsError, match=r"weight 'a' is float32\[3\] in the IR, float32\[4\]"):
        run("fold-batch-norm", module, weights)
