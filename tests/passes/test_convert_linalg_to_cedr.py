"""`convert-linalg-to-cedr`: what grids it makes, that they mean the same, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import FileLineColLoc

from cedr.dialects.cedr import KernelOp
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.passes.convert_linalg_to_cedr import ConvertLinalgToCedrPass
from cedr.passes.errors import PassError
from tests.passes.grid_levels import assert_levels_agree, convert, grids, parse, values_by_level


def random(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def tensor(*shape: int, element: str = "f32") -> str:
    return f"tensor<{''.join(f'{s}x' for s in shape)}{element}>"


def plan(api: str, *tiles: int, slots: int = 2) -> str:
    return f"cedr.plan = #cedr.plan<{api}, [{', '.join(map(str, tiles))}], {{slots = {slots} : i64}}>"


def filled(name: str, number: str, type_: str, element: str = "f32") -> str:
    return f"""
      %{name}_c = arith.constant {number} : {element}
      %{name}_e = tensor.empty() : {type_}
      %{name} = linalg.fill ins(%{name}_c : {element}) outs(%{name}_e : {type_}) -> {type_}"""


def pointwise(result: str, source: str, type_: str, rank: int, attribute: str, scalar: str = "math.tanh") -> str:
    identity = f"affine_map<({', '.join(f'd{i}' for i in range(rank))}) -> ({', '.join(f'd{i}' for i in range(rank))})>"
    return f"""
      %{result}_e = tensor.empty() : {type_}
      %{result} = linalg.generic {{indexing_maps = [{identity}, {identity}],
          iterator_types = [{", ".join(['"parallel"'] * rank)}]}}
        ins(%{source} : {type_}) outs(%{result}_e : {type_}) attrs = {{{attribute}}} {{
      ^bb0(%{result}_a: f32, %{result}_b: f32):
        %{result}_v = {scalar} %{result}_a : f32
        linalg.yield %{result}_v : f32
      }} -> {type_}"""


def conv2d_module(
    x: tuple[int, ...],
    w: tuple[int, ...],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    attribute: str,
    tail: str,
) -> tuple[str, tuple[int, ...]]:
    """A convolution of padded `x`, and its output's shape; `tail` is the plan of what follows it."""
    spatial = [
        (size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(x[2:], w[2:], strides, dilations, strict=True)
    ]
    y = (x[0], w[0], *spatial)
    text = f"""
    func.func @main(%x: {tensor(*x)}, %w: {tensor(*w)}) -> {tensor(*y)} {{
      {filled("zero", "0.0", tensor(*y))}
      %y = linalg.conv_2d_nchw_fchw {{{attribute}, dilations = dense<{list(dilations)}> : tensor<2xi64>,
          strides = dense<{list(strides)}> : tensor<2xi64>}}
        ins(%x, %w : {tensor(*x)}, {tensor(*w)}) outs(%zero : {tensor(*y)}) -> {tensor(*y)}
      {pointwise("z", "y", tensor(*y), 4, tail)}
      func.return %z : {tensor(*y)}
    }}"""
    return text, y


# Values.


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 5)),
    extra=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    tiles=st.tuples(*[st.integers(0, 4)] * 4),
    reduction=st.tuples(st.integers(0, 2), st.integers(0, 3)),
    api=st.sampled_from(["conv2d", "kernel"]),
    epilogue=st.booleans(),
)
def test_a_convolution_under_any_plan(
    sizes: tuple[int, int, int],
    extra: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    tiles: tuple[int, ...],
    reduction: tuple[int, int],
    api: str,
    epilogue: bool,
) -> None:
    n, c, f = sizes
    x = (n, c, *(d * (k - 1) + 1 + e for k, d, e in zip(window, dilations, extra, strict=True)))
    cut = [0, 0, 0]
    cut[reduction[0]] = reduction[1]
    attribute = plan(api, *tiles, *cut)
    tail = "cedr.plan = #cedr.plan<epilogue>" if epilogue else plan("kernel", *reversed(tiles))
    text, _ = conv2d_module(x, (f, c, *window), strides, dilations, attribute, tail)
    assert_levels_agree(values_by_level(parse(text), [random(*x), random(f, c, *window)]))


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    tiles=st.tuples(*[st.integers(0, 5)] * 3),
    api=st.sampled_from(["gemm", "kernel"]),
    number=st.sampled_from(["0.0", "1.5"]),
)
def test_a_product_under_any_plan(shape: tuple[int, int, int], tiles: tuple[int, ...], api: str, number: str) -> None:
    m, n, k = shape
    text = f"""
    func.func @main(%a: {tensor(m, k)}, %b: {tensor(k, n)}) -> {tensor(m, n)} {{
      {filled("start", number, tensor(m, n))}
      %c = linalg.matmul {{{plan(api, *tiles)}}} ins(%a, %b : {tensor(m, k)}, {tensor(k, n)})
        outs(%start : {tensor(m, n)}) -> {tensor(m, n)}
      func.return %c : {tensor(m, n)}
    }}"""
    assert_levels_agree(values_by_level(parse(text), [random(m, k), random(k, n)]))


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(3, 9)),
    window=st.integers(1, 3),
    stride=st.integers(1, 3),
    tiles=st.tuples(*[st.integers(0, 3)] * 4),
    kind=st.sampled_from(["max", "sum"]),
)
def test_a_pool_under_any_plan(
    shape: tuple[int, int, int], window: int, stride: int, tiles: tuple[int, ...], kind: str
) -> None:
    y = (*shape[:2], (shape[2] - window) // stride + 1)
    text = f"""
    func.func @main(%x: {tensor(*shape)}) -> {tensor(*y)} {{
      {filled("start", "0xff800000" if kind == "max" else "0.0", tensor(*y))}
      %k = tensor.empty() : {tensor(window)}
      %y = linalg.pooling_ncw_{kind} {{{plan("kernel", *tiles)}, dilations = dense<1> : tensor<1xi64>,
          strides = dense<{stride}> : tensor<1xi64>}}
        ins(%x, %k : {tensor(*shape)}, {tensor(window)}) outs(%start : {tensor(*y)}) -> {tensor(*y)}
      func.return %y : {tensor(*y)}
    }}"""
    assert_levels_agree(values_by_level(parse(text), [random(*shape)]))


@pytest.mark.parametrize("api", ["gemm", "kernel"])
def test_a_product_that_goes_on_from_a_tensor(api: str) -> None:
    text = f"""
    func.func @main(%a: {tensor(4, 6)}, %b: {tensor(6, 5)}, %c: {tensor(4, 5)}) -> {tensor(4, 5)} {{
      %d = linalg.matmul {{{plan(api, 3, 0, 4)}}} ins(%a, %b : {tensor(4, 6)}, {tensor(6, 5)})
        outs(%c : {tensor(4, 5)}) -> {tensor(4, 5)}
      func.return %d : {tensor(4, 5)}
    }}"""
    a, b, c = random(4, 6), random(6, 5), random(4, 5)
    found = values_by_level(parse(text), [a, b, c])
    assert_levels_agree(found)
    np.testing.assert_allclose(found["buffers"][0], c + a @ b, rtol=1e-5)


def test_a_transposed_filter_is_read_as_it_lies() -> None:
    d0, d1, d2 = "d0", "d1", "d2"
    maps = ", ".join(f"affine_map<(d0, d1, d2) -> ({a}, {b})>" for a, b in ((d0, d2), (d1, d2), (d0, d1)))
    text = f"""
    "builtin.module"() ({{
      func.func @main(%a: {tensor(3, 4)}, %b: {tensor(5, 4)}) -> {tensor(3, 5)} {{
        {filled("zero", "0.0", tensor(3, 5))}
        %c = "linalg.matmul"(%a, %b, %zero) <{{indexing_maps = [{maps}], operandSegmentSizes = array<i32: 2, 1>}}> ({{
        ^bb0(%x: f32, %y: f32, %z: f32):
          %p = arith.mulf %x, %y : f32
          %s = arith.addf %p, %z : f32
          linalg.yield %s : f32
        }}) : ({tensor(3, 4)}, {tensor(5, 4)}, {tensor(3, 5)}) -> {tensor(3, 5)}
        func.return %c : {tensor(3, 5)}
      }}
    }}) : () -> ()"""
    module = parse(text)
    found = values_by_level(module, [a := random(3, 4), b := random(5, 4)])
    np.testing.assert_allclose(found["tensors"][0], a @ b.T, rtol=1e-5)
    assert "cedr.gemm transpose_b" in str(module)


def test_an_index_keeps_its_loop_whole() -> None:
    text = f"""
    func.func @main(%x: {tensor(6, 4)}) -> {tensor(6, 4, element="i64")} {{
      %e = tensor.empty() : {tensor(6, 4, element="i64")}
      %y = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
          iterator_types = ["parallel", "parallel"]}} ins(%x : {tensor(6, 4)})
          outs(%e : {tensor(6, 4, element="i64")}) attrs = {{{plan("kernel", 2, 2)}}} {{
      ^bb0(%a: f32, %b: i64):
        %i = linalg.index 1 : index
        %j = arith.index_cast %i : index to i64
        linalg.yield %j : i64
      }} -> {tensor(6, 4, element="i64")}
      func.return %y : {tensor(6, 4, element="i64")}
    }}"""
    module = parse(text)
    found = values_by_level(module, [random(6, 4)])
    np.testing.assert_array_equal(found["buffers"][0], np.tile(np.arange(4), (6, 1)))
    assert {g.get_domain() for g in grids(module).values()} == {(3,)}


# Structure.

PLAIN_TAIL = "cedr.plan = #cedr.plan<epilogue>"


def test_an_epilogue_joins_its_producers_grid() -> None:
    text, _ = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("conv2d", 0, 2, 3, 0, 0, 0, 0), PLAIN_TAIL)
    module = convert(parse(text))
    (grid,) = grids(module).values()
    assert grid.sym_name.data == "l0_conv" and grid.get_domain() == (2, 2)
    assert [call.name for call in grid.calls()] == ["cedr.conv2d", "cedr.kernel"]
    _, _, scratch = grid.tile_arguments()
    assert [str(t.type) for t in scratch] == ["!cedr.tile<1x2x3x6xf32>"]
    assert "attributes {cedr.slots = 2 : i64}" in str(module)


def test_an_epilogue_of_a_cut_reduction_gets_a_grid_with_the_same_tiles() -> None:
    text, _ = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("conv2d", 0, 1, 0, 0, 1, 0, 0), PLAIN_TAIL)
    found = grids(convert(parse(text)))
    assert {name: (g.get_domain(), g.kinds()) for name, g in found.items()} == {
        "l0_conv_first": ((4,), ("parallel",)),
        "l0_conv": ((4, 2), ("parallel", "reduction")),
        "l1_z": ((4,), ("parallel",)),
    }
    assert [call.name for call in found["l0_conv"].calls()] == ["cedr.conv2d", "cedr.zip"]
    assert [call.name for call in found["l0_conv_first"].calls()] == ["cedr.conv2d"]


def test_one_step_of_a_reduction_is_one_grid() -> None:
    text, _ = conv2d_module((1, 1, 8, 8), (4, 1, 3, 3), (1, 1), (1, 1), plan("conv2d", 0, 1, 0, 0, 1, 0, 0), PLAIN_TAIL)
    assert list(grids(convert(parse(text)))) == ["l0_conv"]


def test_an_epilogue_of_a_value_with_other_users_is_a_grid_of_its_own() -> None:
    text, y = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("conv2d", 0, 2, 0, 0, 0, 0, 0), PLAIN_TAIL)
    text = text.replace(f") -> {tensor(*y)} {{", f") -> ({tensor(*y)}, {tensor(*y)}) {{", 1)
    text = text.replace(f"func.return %z : {tensor(*y)}", f"func.return %z, %y : {tensor(*y)}, {tensor(*y)}")
    found = grids(convert(parse(text)))
    assert {name: g.get_domain() for name, g in found.items()} == {"l0_conv": (2,), "l1_z": (2,)}


def test_remainders_are_grids_of_their_own() -> None:
    text, _ = conv2d_module((1, 3, 9, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("conv2d", 0, 3, 2, 0, 0, 0, 0), PLAIN_TAIL)
    found = grids(convert(parse(text)))
    assert {name: g.get_domain() for name, g in found.items()} == {
        "l0_conv": (3,),
        "l0_conv_rest2": (),
        "l0_conv_rest1": (3,),
        "l0_conv_rest1_rest2": (),
    }


def test_a_convolution_planned_as_kernel_counts_its_multiply_accumulates() -> None:
    text, _ = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("kernel", 0, 2, 0, 0, 0, 0, 0), PLAIN_TAIL)
    (grid,) = grids(convert(parse(text))).values()
    first, second = grid.calls()
    assert isinstance(first, KernelOp) and isinstance(second, KernelOp)
    assert first.macs() * grid.num_tiles() == 4 * 6 * 6 * 3 * 9 and second.macs() == 0
    assert first.init is not None


def test_a_sum_planned_as_zip_is_one() -> None:
    t = tensor(4, 6)
    identity = "affine_map<(d0, d1) -> (d0, d1)>"
    text = f"""
    func.func @main(%a: {t}, %b: {t}) -> {t} {{
      %e = tensor.empty() : {t}
      %y = linalg.generic {{indexing_maps = [{identity}, {identity}, {identity}],
          iterator_types = ["parallel", "parallel"]}} ins(%a, %b : {t}, {t}) outs(%e : {t})
          attrs = {{{plan("zip", 2, 0)}}} {{
      ^bb0(%x: f32, %y1: f32, %z: f32):
        %s = arith.subf %x, %y1 : f32
        linalg.yield %s : f32
      }} -> {t}
      func.return %y : {t}
    }}"""
    module = parse(text)
    a, b = random(4, 6), random(4, 6) + 1
    np.testing.assert_array_equal(values_by_level(module, [a, b])["buffers"][0], a - b)
    assert "cedr.zip sub" in str(module)
    with pytest.raises(PassError, match=r"'linalg.generic' is no sum, difference, product or quotient of two tensors"):
        convert(parse(text.replace("arith.subf %x, %y1", "arith.subf %y1, %x")))


def test_what_has_no_plan_is_computed_whole() -> None:
    text, _ = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("conv2d"), "")
    text = text.replace(f"{plan('conv2d')}, ", "")
    found = grids(convert(parse(text)))
    assert {name: g.get_domain() for name, g in found.items()} == {"l0_conv": (), "l1_z": ()}


def test_locations_are_kept() -> None:
    text, _ = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("conv2d", 0, 2, 3, 0, 0, 0, 0), PLAIN_TAIL)
    module = parse(text)
    lines = {op.name: op.location.line.data for op in module.walk() if isinstance(op.location, FileLineColLoc)}
    ConvertLinalgToCedrPass().apply(make_context(), module)
    (grid,) = grids(module).values()
    found = {call.name: call.location.line.data for call in grid.calls() if isinstance(call.location, FileLineColLoc)}
    assert found == {"cedr.conv2d": lines["linalg.conv_2d_nchw_fchw"], "cedr.kernel": lines["linalg.generic"]}


def test_a_constant_of_several_values_becomes_a_weight() -> None:
    text = """
    func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
      %c = arith.constant dense<[1.0, 2.0, 4.0]> : tensor<3xf32>
      %e = tensor.empty() : tensor<3xf32>
      %y = linalg.mul ins(%x, %c : tensor<3xf32>, tensor<3xf32>) outs(%e : tensor<3xf32>) -> tensor<3xf32>
      func.return %y : tensor<3xf32>
    }"""
    store = WeightStore()
    module = convert(parse(text), store)
    (name,) = store
    assert re.fullmatch(r"constant\.[0-9a-f]{12}", name) and f"cedr.weight @{name} :" in str(module)
    np.testing.assert_array_equal(store[name], np.array([1, 2, 4], np.float32))
    with pytest.raises(PassError, match="'arith.constant' is a constant of several values and becomes a weight"):
        convert(parse(text))


def test_kernels_names_are_unique_c_identifiers() -> None:
    text, _ = conv2d_module((1, 3, 9, 8), (4, 3, 3, 3), (1, 1), (1, 1), plan("kernel", 0, 3, 2, 0, 0, 0, 0), PLAIN_TAIL)
    names = [op.sym_name.data for op in convert(parse(text)).walk() if isinstance(op, KernelOp)]
    assert len(names) == len(set(names)) == 8
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name) for name in names)


# Refusals.


def test_every_op_without_a_conversion_is_named_with_its_place() -> None:
    module = parse("""
    func.func @main(%x: tensor<4xf32>, %i: index) -> tensor<4xf32> {
      %v = tensor.extract %x[%i] : tensor<4xf32>
      %e = tensor.empty() : tensor<4xf32>
      %y = linalg.fill ins(%v : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      func.return %y : tensor<4xf32>
    }""")
    with pytest.raises(PassError) as caught:
        convert(module)
    assert str(caught.value).splitlines() == [
        "test.mlir:3:12: error: convert-linalg-to-cedr: 'tensor.extract' has no conversion to cedr",
        "test.mlir:5:12: error: convert-linalg-to-cedr: 'linalg.fill' fills with something else than a constant",
    ]


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("cedr.plan = #cedr.plan<conv2d, [0, 1]>", "has 7 loops, its plan gives 2 tile sizes"),
        ("cedr.plan = #cedr.plan<gemm, [0, 0, 0, 0, 0, 0, 0]>", "can't be computed by 'gemm'"),
        ("cedr.plan = #cedr.plan<conv1d, [0, 0, 0, 0, 0, 0, 0]>", "can't be computed by 'conv1d'"),
        (
            "cedr.plan = #cedr.plan<npu>",
            "can't be computed by 'npu'; the calls are conv1d, conv2d, fft, gemm, kernel, zip",
        ),
        ("cedr.plan = #cedr.plan<conv2d, [0, 0, 0, 0, 1, 1, 0]>", "two reduction loops are cut: d4, d5; one may be"),
    ],
)
def test_a_plan_that_does_not_suit_the_op_is_refused(attribute: str, message: str) -> None:
    text, _ = conv2d_module((1, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), attribute, PLAIN_TAIL)
    with pytest.raises(PassError, match=f"'linalg.conv_2d_nchw_fchw' {re.escape(message)}"):
        convert(parse(text))


def test_mixed_element_types_are_refused_for_calls_and_computed_by_kernels() -> None:
    a, b, c = tensor(3, 4, element="i8"), tensor(4, 5, element="i8"), tensor(3, 5, element="i32")
    text = f"""
    func.func @main(%a: {a}, %b: {b}) -> {c} {{
      {filled("zero", "0", c, "i32")}
      %c = linalg.generic {{indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>,
          affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>],
          iterator_types = ["parallel", "parallel", "reduction"]}}
          ins(%a, %b : {a}, {b}) outs(%zero : {c}) attrs = {{{plan("kernel", 2, 0, 3)}}} {{
      ^bb0(%x: i8, %y: i8, %z: i32):
        %x1 = arith.extsi %x : i8 to i32
        %y1 = arith.extsi %y : i8 to i32
        %p = arith.muli %x1, %y1 : i32
        %s = arith.addi %z, %p : i32
        linalg.yield %s : i32
      }} -> {c}
      func.return %c : {c}
    }}"""
    numbers = np.random.default_rng(0).integers(-128, 128, (3, 4), np.int8)
    others = np.random.default_rng(1).integers(-128, 128, (4, 5), np.int8)
    found = values_by_level(parse(text), [numbers, others])
    np.testing.assert_array_equal(found["buffers"][0], numbers.astype(np.int32) @ others)
    with pytest.raises(PassError, match="can't be computed by 'gemm'"):
        convert(parse(text.replace("#cedr.plan<kernel", "#cedr.plan<gemm")))
