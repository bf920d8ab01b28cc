"""`fuse-elementwise`: random networks of generics keep their values, and chains of them become one."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from xdsl.dialects.linalg import ops as linalg_ops

from cedr.dialects.locations import source_line
from tests.passes.level_1 import assert_keeps_values, count, imported, parse, run

torch.set_num_threads(1)

SHAPES = ("4x3", "3x4")
MAPS = {
    ("4x3", "4x3"): "(d0, d1) -> (d0, d1)",
    ("3x4", "3x4"): "(d0, d1) -> (d0, d1)",
    ("3x4", "4x3"): "(d0, d1) -> (d1, d0)",
    ("4x3", "3x4"): "(d0, d1) -> (d1, d0)",
    ("4", "4x3"): "(d0, d1) -> (d0)",
    ("4", "3x4"): "(d0, d1) -> (d1)",
    ("2x3", "4x3"): "(d0, d1) -> (d0 floordiv 2, d1)",
    ("2x3", "3x4"): "(d0, d1) -> (d1 floordiv 2, d0)",
    ("1x3", "4x3"): "(d0, d1) -> (0, d1)",
    ("1x3", "3x4"): "(d0, d1) -> (0, d0)",
}
OPS = ("addf", "subf", "mulf", "maximumf", "minimumf")


def network(seed: int) -> str:
    """A function of random generics over arguments and earlier results, some reading their loops' indices."""
    rng = random.Random(seed)
    values = [("%x", "4x3"), ("%y", "3x4"), ("%v", "4"), ("%u", "2x3"), ("%w", "1x3"), ("%z", "4x3"), ("%d", "3x4")]
    lines = [
        "%c = arith.constant 1.5 : f32",
        "%e0 = tensor.empty() : tensor<4x3xf32>",
        "%e1 = tensor.empty() : tensor<3x4xf32>",
        "%z = linalg.fill ins(%c : f32) outs(%e0 : tensor<4x3xf32>) -> tensor<4x3xf32>",
        "%d = arith.constant dense<-0.25> : tensor<3x4xf32>",
    ]
    for number in range(rng.randint(1, 7)):
        shape = rng.choice(SHAPES)
        inputs = [values[-1] if rng.random() < 0.6 else rng.choice(values) for _ in range(rng.randint(1, 3))]
        maps = [f"affine_map<{MAPS[s, shape]}>" for _, s in inputs] + ["affine_map<(d0, d1) -> (d0, d1)>"]
        args = [f"%a{i}" for i in range(len(inputs))]
        lines.append(
            f'%g{number} = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = ["parallel", "parallel"]}}'
            f" ins({', '.join(n for n, _ in inputs)} : {', '.join(f'tensor<{s}xf32>' for _, s in inputs)})"
            f" outs(%e{SHAPES.index(shape)} : tensor<{shape}xf32>) {{"
        )
        lines.append(f"^bb0({', '.join(f'{a}: f32' for a in [*args, '%o'])}):")
        last = args[0]
        if rng.random() < 0.3:
            lines += [
                f"%i = linalg.index {rng.randint(0, 1)} : index",
                "%j = arith.index_cast %i : index to i32",
                "%k = arith.sitofp %j : i32 to f32",
            ]
            args.append("%k")
        if rng.random() < 0.3:
            args.append("%c")
        for step in range(rng.randint(1, 3)):
            lines.append(f"%s{step} = arith.{rng.choice(OPS)} {last}, {rng.choice(args)} : f32")
            last = f"%s{step}"
        lines += [f"linalg.yield {last} : f32", f"}} -> tensor<{shape}xf32>"]
        values.append((f"%g{number}", shape))
    results = [values[-1]] + [v for v in values[7:-1] if rng.random() < 0.2]
    types = ", ".join(f"tensor<{s}xf32>" for _, s in results)
    body = "\n".join(lines)
    return (
        "func.func @main(%x: tensor<4x3xf32>, %y: tensor<3x4xf32>, %v: tensor<4xf32>, %u: tensor<2x3xf32>, %w: tensor<1x3xf32>)"
        f" -> ({types}) {{\n{body}\nfunc.return {', '.join(n for n, _ in results)} : {types}\n}}"
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_random_networks_keep_their_values(seed: int) -> None:
    module = parse(network(seed))
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in ((4, 3), (3, 4), (4,), (2, 3), (1, 3))]
    before = count(module)["linalg.generic"]
    assert_keeps_values("fuse-elementwise,dce", module, inputs)
    assert count(module)["linalg.generic"] <= before
    # No elementwise generic is left whose only use is another one that reads it point by point, and no constant operand.
    for op in module.walk():
        if isinstance(op, linalg_ops.GenericOp):
            assert all(
                value.owner.name not in ("linalg.fill", "arith.constant")
                for value in op.inputs
                if hasattr(value.owner, "name")
            )
            assert all(arg.first_use is not None for arg in op.body.block.args[: len(op.inputs)])
            for inner in op.body.block.ops:
                assert all(
                    getattr(value.owner, "parent", value.owner) is op.body.block or value.owner is op.body.block
                    for value in inner.operands
                )


def test_the_random_networks_do_fuse() -> None:
    """The test above means something: over many networks, a good part of the generics goes."""
    before = after = 0
    for seed in range(40):
        module = parse(network(seed))
        run("dce", module)
        before += count(module)["linalg.generic"]
        after += count(run("fuse-elementwise,dce", module))["linalg.generic"]
    assert after < 0.7 * before


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.b(torch.relu(self.a(x))))


@pytest.mark.parametrize(
    ("model", "generics"),
    [
        (
            nn.Sequential(
                nn.Conv2d(2, 3, 3), nn.LeakyReLU(0.1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4), nn.Tanh()
            ),
            2,
        ),
        (nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Upsample(scale_factor=2)), 2),
        (Residual(), 2),
    ],
)
def test_models(model: nn.Module, generics: int) -> None:
    torch.manual_seed(1)
    module, weights, inputs = imported(model, torch.randn(1, 2, 6, 6))
    assert_keeps_values("fold-constants,fuse-elementwise,dce", module, inputs, weights)
    assert count(module)["linalg.generic"] == generics


def test_the_layer_comes_first() -> None:
    """In a residual block the convolution's result is the first operand, so that the generic can be its epilogue."""
    module, _, _ = imported(Residual(), torch.randn(1, 2, 6, 6))
    run("fuse-elementwise,dce", module)
    last = [op for op in module.walk() if isinstance(op, linalg_ops.GenericOp)][-1]
    assert last.inputs[0].owner.name == "linalg.conv_2d_nchw_fchw"  # type: ignore[union-attr]  # a result
    assert len(last.inputs) == 3


def test_locations_stay_in_the_model() -> None:
    module, _, _ = imported(Residual(), torch.randn(1, 2, 6, 6))
    run("fuse-elementwise,dce", module)
    for op in module.walk():
        if isinstance(op, linalg_ops.GenericOp):
            assert "test_fuse_elementwise.py" in source_line(op)
            assert all("test_fuse_elementwise.py" in source_line(inner) for inner in op.body.block.ops)


def test_a_second_run_changes_nothing() -> None:
    module, _, _ = imported(Residual(), torch.randn(1, 2, 6, 6))
    once = str(run("fuse-elementwise,dce", module))
    assert str(run("fuse-elementwise,dce", module)) == once
