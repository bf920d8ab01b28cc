"""`TilePlan`: a pure decision, tested on ops of many sizes."""

from math import ceil, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation

from cedr.passes.tile_plan import TILES_PER_WORKER, Hints, Machine, OpShape, TilePlan, divisors, makespan_ns
from cedr.target.platform import load_platform, parse_composition
from tests.passes.level_1 import parse

PLATFORM = load_platform("zcu102")


def machine(hw: str) -> Machine:
    return Machine(PLATFORM, parse_composition(PLATFORM, hw))


C1, C3, FULL = machine("C1"), machine("C3"), machine("C3+F1+C2D1+Z1")


def shape_of_first(module: ModuleOp) -> OpShape:
    ops = [
        op
        for op in module.walk()
        if isinstance(op, LinalgStructuredOperation) and not isinstance(op, linalg_ops.FillOp)
    ]
    return OpShape.of(ops[0])


def conv2d(n: int, c: int, f: int, oh: int, ow: int, k: int = 3, stride: int = 1) -> OpShape:
    x = f"tensor<{n}x{c}x{(oh - 1) * stride + k}x{(ow - 1) * stride + k}xf32>"
    w, y = f"tensor<{f}x{c}x{k}x{k}xf32>", f"tensor<{n}x{f}x{oh}x{ow}xf32>"
    return shape_of_first(
        parse(f"""func.func @main(%x: {x}, %w: {w}, %y: {y}) -> {y} {{
          %r = linalg.conv_2d_nchw_fchw {{strides = dense<{stride}> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}}
            ins(%x, %w : {x}, {w}) outs(%y : {y}) -> {y}
          func.return %r : {y}
        }}""")
    )


def conv1d(c: int, f: int, ol: int, k: int = 3) -> OpShape:
    x, w, y = f"tensor<1x{c}x{ol + k - 1}xf32>", f"tensor<{f}x{c}x{k}xf32>", f"tensor<1x{f}x{ol}xf32>"
    return shape_of_first(
        parse(f"""func.func @main(%x: {x}, %w: {w}, %y: {y}) -> {y} {{
          %r = linalg.conv_1d_ncw_fcw {{strides = dense<1> : tensor<1xi64>, dilations = dense<1> : tensor<1xi64>}}
            ins(%x, %w : {x}, {w}) outs(%y : {y}) -> {y}
          func.return %r : {y}
        }}""")
    )


def grouped(groups: int, f: int, c: int, size: int) -> OpShape:
    x, w = f"tensor<1x{groups}x{c}x{size + 2}x{size + 2}xf32>", f"tensor<{groups}x{f}x{c}x3x3xf32>"
    y = f"tensor<1x{groups}x{f}x{size}x{size}xf32>"
    return shape_of_first(
        parse(f"""func.func @main(%x: {x}, %w: {w}, %y: {y}) -> {y} {{
          %r = linalg.conv_2d_ngchw_gfchw {{strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}}
            ins(%x, %w : {x}, {w}) outs(%y : {y}) -> {y}
          func.return %r : {y}
        }}""")
    )


def gemm(m: int, k: int, n: int) -> OpShape:
    a, b, c = f"tensor<{m}x{k}xf32>", f"tensor<{k}x{n}xf32>", f"tensor<{m}x{n}xf32>"
    return shape_of_first(
        parse(f"""func.func @main(%a: {a}, %b: {b}, %c: {c}) -> {c} {{
          %r = linalg.matmul ins(%a, %b : {a}, {b}) outs(%c : {c}) -> {c}
          func.return %r : {c}
        }}""")
    )


def calls_of(shape: OpShape, plan: TilePlan) -> int:
    return prod(ceil(e / (t or e)) for e, t in zip(shape.nest.extents, plan.tiles, strict=True))


VGG16_CONVOLUTIONS = [
    (3, 64, 224),
    (64, 64, 224),
    (64, 128, 112),
    (128, 128, 112),
    (128, 256, 56),
    (256, 256, 56),
    (256, 512, 28),
    (512, 512, 28),
    (512, 512, 14),
]


@pytest.mark.parametrize(("c", "f", "size"), VGG16_CONVOLUTIONS)
def test_large_layers_keep_three_workers_busy(c: int, f: int, size: int) -> None:
    shape = conv2d(1, c, f, size, size)
    one, three = TilePlan.of(shape, C1, Hints()), TilePlan.of(shape, C3, Hints())
    assert three.estimate_ns <= 0.40 * one.estimate_ns
    assert 6 <= three.calls == calls_of(shape, three) <= 3 * TILES_PER_WORKER
    for extent, tile in zip(shape.nest.extents, three.tiles, strict=True):
        assert extent % (tile or extent) == 0
    assert three.tiles[4:] == (0, 0, 0)  # all input channels in one call


def test_early_layers_are_cut_over_rows_late_ones_over_channels() -> None:
    early, late = (
        TilePlan.of(conv2d(1, 64, 64, 224, 224), C3, Hints()),
        TilePlan.of(conv2d(1, 512, 512, 7, 7), C3, Hints()),
    )
    assert early.tiles[1] == 0 and early.tiles[2] > 0
    assert late.tiles[1] > 0 and late.tiles[2] == 0


def test_slow_devices_are_left_to_the_scheduler() -> None:
    """The Conv2D engine takes one channel at a time: many channels are planned for the CPUs alone, one for all of them."""
    assert TilePlan.of(conv2d(1, 64, 64, 56, 56), FULL, Hints()) == TilePlan.of(conv2d(1, 64, 64, 56, 56), C3, Hints())
    assert TilePlan.of(conv2d(1, 1, 1, 512, 512, k=11), FULL, Hints()).workers == 4


def test_small_work_is_one_call() -> None:
    assert TilePlan.of(conv2d(1, 1, 4, 4, 4), C3, Hints()).calls == 1
    assert TilePlan.of(gemm(1, 8, 10), C3, Hints()).calls == 1


def test_rows_fit_the_pooling_behind() -> None:
    """Rows come in even numbers where a pooling takes two at a time, where that costs little."""
    shape = conv2d(1, 16, 16, 30, 30)
    free, stepped = TilePlan.of(shape, C3, Hints()), TilePlan.of(shape, C3, Hints({2: 2}))
    assert free.tiles[2] % 2 == 1
    assert stepped.tiles[2] % 2 == 0


def test_products_are_cut_over_columns() -> None:
    """Each weight is read once."""
    plan = TilePlan.of(gemm(1, 25088, 4096), C3, Hints())
    assert plan.api == "gemm" and plan.tiles[0] == plan.tiles[2] == 0
    assert 6 <= plan.calls <= 12 and 4096 % plan.tiles[1] == 0 and plan.tiles[1] % 64 == 0


def test_a_transposed_factor_is_known_to_the_estimate() -> None:
    """The call's class has the attribute that decides its cost, and its columns need not be whole blocks."""
    module = parse("""func.func @main(%a: tensor<1x512xf32>, %b: tensor<96x512xf32>, %c: tensor<1x96xf32>) -> tensor<1x96xf32> {
      %r = "linalg.matmul"(%a, %b, %c) <{operandSegmentSizes = array<i32: 2, 1>, indexing_maps = [
        affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]}> ({
      ^bb0(%x: f32, %y: f32, %z: f32):
        %0 = arith.mulf %x, %y : f32
        %1 = arith.addf %z, %0 : f32
        linalg.yield %1 : f32
      }) : (tensor<1x512xf32>, tensor<96x512xf32>, tensor<1x96xf32>) -> tensor<1x96xf32>
      func.return %r : tensor<1x96xf32>
    }""")
    shape, plain = shape_of_first(module), gemm(1, 512, 96)
    assert shape.call((1, 96, 512)).attributes == {"transpose_b": True}
    assert plain.call((1, 96, 512)).attributes == {"transpose_b": False}
    assert TilePlan.of(shape, C3, Hints()).estimate_ns != TilePlan.of(plain, C3, Hints()).estimate_ns


def test_signals_are_cut_too() -> None:
    plan = TilePlan.of(conv1d(128, 128, 496), C3, Hints())
    assert plan.api == "conv1d" and plan.calls >= 6 and plan.tiles[3:] == (0, 0)


def test_a_group_a_call() -> None:
    plan = TilePlan.of(grouped(4, 8, 8, 16), C3, Hints())
    assert plan.api == "conv2d" and plan.tiles[1] == 1 and plan.calls % 4 == 0


def test_the_decision_is_a_function() -> None:
    """Equal questions, equal answers, whatever was asked before."""
    shape = conv2d(1, 32, 48, 20, 20)
    fresh = machine("C3")
    for extent in (5, 9, 31):
        TilePlan.of(conv2d(1, 3, extent, 11, 11), fresh, Hints())
    assert TilePlan.of(shape, fresh, Hints()) == TilePlan.of(shape, machine("C3"), Hints())


def test_work_without_a_taker_is_a_kernel_or_left() -> None:
    """A composition without the PE for an API uses a kernel; one that has no CPU either is told when it is emulated."""
    only_fft = machine("F1")
    plan = TilePlan.of(conv2d(1, 8, 8, 8, 8), only_fft, Hints())
    assert plan.calls == 1 and set(plan.tiles) == {0}


def test_layerwise() -> None:
    assert TilePlan.layerwise(conv2d(2, 3, 4, 8, 8)).tiles == (1, 1, 0, 0, 1, 0, 0)
    assert TilePlan.layerwise(conv2d(2, 3, 4, 8, 8)).calls == 2 * 4 * 3
    assert TilePlan.layerwise(conv2d(1, 1, 4, 8, 8)).tiles == (1, 1, 0, 0, 1, 0, 0)
    assert TilePlan.layerwise(conv1d(3, 4, 8)).tiles == (1, 1, 0, 1, 0)
    assert TilePlan.layerwise(grouped(2, 3, 4, 8)).tiles == (1, 1, 1, 0, 0, 1, 0, 0)
    assert TilePlan.layerwise(gemm(3, 4, 5)).tiles == (0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(1, 60),
    st.integers(1, 20),
    st.sampled_from([C1, C3, FULL]),
)
def test_any_convolution_gets_a_valid_plan(n: int, c: int, f: int, oh: int, ow: int, hardware: Machine) -> None:
    shape = conv2d(n, c, f, oh, ow)
    plan = TilePlan.of(shape, hardware, Hints({2: 2}, 2))
    assert plan.api == "conv2d" and len(plan.tiles) == 7
    assert all(0 <= t <= e for t, e in zip(plan.tiles, shape.nest.extents, strict=True))
    assert plan.calls == calls_of(shape, plan) <= TILES_PER_WORKER * len(hardware.composition.pes)
    whole = makespan_ns(hardware.costs_ns([shape.call(shape.nest.extents)])[0], 1)
    # Cutting a layer is never much worse than not cutting it; the epilogue comes on top of either.
    assert TilePlan.of(shape, hardware, Hints({2: 2})).estimate_ns <= 1.1 * whole + 20_000


def test_makespan() -> None:
    assert makespan_ns([10], 3) == 30
    assert makespan_ns([10, 10, 10], 4) == 20
    assert makespan_ns([10, 25], 3) == 25  # two on the fast one, one on the slow one
    assert makespan_ns([10, 100], 3) == 30  # the slow one would end later
    assert makespan_ns([10], 0) == 0


def test_divisors() -> None:
    assert divisors(12) == [12, 6, 4, 3, 2, 1]
    assert divisors(1) == [1]
    assert divisors(16) == [16, 8, 4, 2, 1]
