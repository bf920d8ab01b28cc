"""What the cedr dialect's parser and verifiers refuse, each beside the same text made right."""

from __future__ import annotations

import pytest

from cedr.dialects.cedr import Affine
from cedr.dialects.diagnostics import IRError
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context


def check(text: str) -> None:
    parse_ir(make_context(), text, "test.mlir").verify()


def operands(*types: str) -> str:
    return "".join(f'%{"abcde"[i]} = "test.op"() : () -> {t}\n' for i, t in enumerate(types))


CONV = (
    operands("memref<2x3x9x8xf32>", "memref<4x3x3x2xf32>", "memref<2x4x7x7xf32>") + "cedr.conv2d ins(%a, %b) outs(%c)"
)
CONV1 = operands("memref<2x3x9xf32>", "memref<4x3x3xf32>", "memref<2x4x7xf32>") + "cedr.conv1d ins(%a, %b) outs(%c)"
GEMM = operands("memref<4x6xf32>", "memref<6x5xf32>", "memref<4x5xf32>") + "cedr.gemm ins(%a, %b) outs(%c)"
FFT = operands("memref<2x8xcomplex<f32>>", "memref<2x8xcomplex<f32>>") + "cedr.fft ins(%a) outs(%b)"
ZIP = operands("memref<3x4xf32>", "memref<3x4xf32>", "memref<3x4xf32>") + "cedr.zip add ins(%a, %b) outs(%c)"
KERNEL = (
    operands("memref<2x3xf32>", "memref<2x3xf32>")
    + """cedr.kernel @k [2, 3] maps [(d0, d1), (d0, d1)] ins(%a) outs(%b) {
    ^bb0(%x: f32, %y: f32):
      %i = cedr.index 1 : index
      cedr.yield %x : f32
    }"""
)
GRID = (
    operands("memref<1x8xf32>", "memref<1x8xf32>", "memref<4x1x2xf32>")
    + """cedr.grid @g [4 parallel]
      ins(%i = %a[0, d0 * 2][1, 2] : memref<1x8xf32>) outs(%o = %b[0, d0 * 2][1, 2] : memref<1x8xf32>)
      scratch(%t = %c slot ((d0) mod 4) : memref<4x1x2xf32>) {
      cedr.zip add ins(%i, %i) outs(%t)
      cedr.zip mul ins(%t, %t) outs(%o)
      cedr.yield
    }"""
)
STEPS = (
    operands("memref<8xf32>", "memref<2xf32>")
    + """cedr.grid @s [4 reduction] ins(%i = %a[d0 * 2][2] : memref<8xf32>) outs(%o = %b[0][2] : memref<2xf32>) {
      cedr.zip add ins(%i, %o) outs(%o)
      cedr.yield
    }"""
)
TENSOR_GRID = (
    operands("tensor<8xf32>", "tensor<8xf32>", "memref<8xf32>")
    + """%r = cedr.grid @g [4 parallel]
      ins(%i = %a[d0 * 2][2] : tensor<8xf32>) outs(%o = %b[d0 * 2][2] : tensor<8xf32>) {
      cedr.zip add ins(%i, %i) outs(%o)
      cedr.yield
    }"""
)
AFTER = GRID.replace("outs(%t)", "outs(%t) after [raw @h:0[d0 to d0 + 1], war lag 2:1]")
PLAN = '"test.op"() {p = #cedr.plan<conv2d, [1, 0], {slots = 2 : i64}>} : () -> ()'
WINDOW = '"test.op"() {w = #cedr.window<affine_map<(d0) -> (d0 * 2, 1)>, [2, 3]>} : () -> ()'
ALLOC = "%m = cedr.alloc at 8 : memref<4xf32>"
VIEW = operands("memref<2x6xf32>") + "%v = cedr.view %a : memref<2x6xf32> to memref<3x4xf32>"
JOIN = "cedr.join @j after [war @g:0[0 to 3]]"
GENERIC_VIEW = operands("memref<2x6xf32>") + '%v = "cedr.view"(%a) : (memref<2x6xf32>) -> memref<12xf32>'
GENERIC_CALL = operands("tensor<2xf32>", "tensor<2xf32>") + (
    '%r = "cedr.zip"(%a, %a, %b) <{kind = "add", operandSegmentSizes = array<i32: 2, 1>}>'
    " : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>"
)
DEPENDENCY = """"test.op"() {d = #cedr.dependency<"raw", @g, 1 : i64, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, false>}
  : () -> ()"""
LAG = '"test.op"() {l = #cedr.lag<"war", 4 : i64, 1 : i64>} : () -> ()'

CASES = [
    # What all calls share.
    (GEMM, "cedr.gemm ins(%a, %b)", "cedr.gemm ins(%a)", "'cedr.gemm' takes 2 ins and 1 out, got 1 and 1"),
    (GEMM, "outs(%c)", "outs(%c, %c)", "'cedr.gemm' takes 2 ins and 1 out, got 2 and 2"),
    (GEMM, "memref<4x6xf32>", "memref<4x6x1xf32>", "'cedr.gemm' operand 0 needs 2 dimensions, got [4, 6, 1]"),
    (GEMM, "memref<6x5xf32>", "memref<6x5xf64>", "'cedr.gemm' operands need one element type, got"),
    (GEMM, "memref<4x6xf32>", "memref<?x6xf32>", "'cedr.gemm' needs static shapes, got memref<?x6xf32>"),
    (GEMM, "ins(%a, %b)", "ins(%a, %nowhere)", "%nowhere is not defined before this use"),
    (GENERIC_CALL, "tensor<2xf32>) -> tensor<2xf32>", "tensor<2xf32>) -> tensor<3xf32>", "'cedr.zip' needs one result per tensor in outs, of the same type"),
    (
        operands("tensor<2xf32>", "memref<2xf32>") + '"test.op"() : () -> ()',
        '"test.op"() : () -> ()',
        '%r = "cedr.zip"(%a, %a, %a, %b) <{kind = "add", operandSegmentSizes = array<i32: 2, 2>}>'
        " : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, memref<2xf32>) -> tensor<2xf32>",
        "'cedr.zip' mixes tensors and memory in outs",
    ),
    # gemm
    (GEMM, "memref<6x5xf32>", "memref<7x5xf32>", "'cedr.gemm' A is 4x6, B has an inner size of 7"),
    (GEMM, "cedr.gemm", "cedr.gemm transpose_b", "'cedr.gemm' A is 4x6, B has an inner size of 5"),
    (GEMM, "memref<4x5xf32>", "memref<5x4xf32>", "'cedr.gemm' result is 4x5, got 5x4"),
    # convolutions
    (CONV, "cedr.conv2d", "cedr.conv2d strides [1]", "'cedr.conv2d' needs 2 positive strides, got [1]"),
    (CONV, "cedr.conv2d", "cedr.conv2d dilations [1, 0]", "'cedr.conv2d' needs 2 positive dilations, got [1, 0]"),
    (CONV1, "cedr.conv1d", "cedr.conv1d strides [1, 1]", "'cedr.conv1d' needs 1 positive strides, got [1, 1]"),
    (CONV, "memref<2x3x9x8xf32>", "memref<2x5x9x8xf32>", "'cedr.conv2d' input has 5 channels, filter takes 3"),
    (CONV, "memref<2x4x7x7xf32>", "memref<2x5x7x7xf32>", "'cedr.conv2d' output needs 2 images of 4 channels, got 2 of 5"),
    (
        CONV,
        "memref<2x4x7x7xf32>",
        "memref<2x4x6x7xf32>",
        "'cedr.conv2d' dimension 2: an input of 9 under a filter of 3 (stride 1, dilation 1) gives 7, got 6",
    ),
    (
        CONV1,
        "cedr.conv1d",
        "cedr.conv1d dilations [5]",
        "'cedr.conv1d' dimension 2: an input of 9 under a filter of 3 (stride 1, dilation 5) gives 0, got 7",
    ),
    # fft
    (FFT, "complex<f32>", "f32", "'cedr.fft' needs complex elements, got f32"),
    (FFT, "%b = \"test.op\"() : () -> memref<2x8x", "%b = \"test.op\"() : () -> memref<2x4x", "'cedr.fft' input is [2, 8], output [2, 4]"),
    (FFT, "2x8", "2x12", "'cedr.fft' needs a power-of-two length, got 12 points"),
    # zip
    (ZIP, "zip add", "zip max", "'cedr.zip' has no kind 'max'; the kinds are add, sub, mul, div, cmp_mul"),
    (ZIP, "memref<3x4xf32>", "memref<3x5xf32>", "'cedr.zip' operands need one shape, got [3, 5], [3, 4], [3, 4]"),
    (ZIP, "memref<3x4xf32>", "memref<12xf32>", "'cedr.zip' operand 0 needs 2 dimensions, got [12]"),
    # kernel
    (KERNEL, "[2, 3] maps", "[2, 0] maps", "'cedr.kernel' @k needs positive bounds, got [2, 0]"),
    (KERNEL, "[(d0, d1), (d0, d1)]", "[(d0, d1)]", "'cedr.kernel' @k has 1 maps for 2 operands"),
    (KERNEL, "[(d0, d1), ", "[(d0), ", "'cedr.kernel' @k map 0 has 1 results for operand [2, 3]"),
    (
        KERNEL,
        "[(d0, d1), ",
        "[(d0, d1 + 1), ",
        "'cedr.kernel' @k map 0 reaches elements 1 to 3 in dimension 1 of [2, 3]",
    ),
    (KERNEL, "[(d0, d1), ", "[(d0, d1 - 1), ", "'cedr.kernel' @k map 0 reaches elements -1 to 1 in dimension 1 of [2, 3]"),
    (KERNEL, "[(d0, d1), ", "[(d0, d1 mod 2), ", "not affine: "),
    (KERNEL, "[(d0, d1), ", "[(d0, d2), ", "d2"),
    (KERNEL, "^bb0(%x: f32, %y: f32)", "^bb0(%x: f32, %y: i32)", "'cedr.kernel' @k region arguments must be the operands' elements in order"),
    (KERNEL, "cedr.yield %x : f32", "cedr.yield", "'cedr.kernel' @k region must end in a cedr.yield of one element per out"),
    (KERNEL, "cedr.yield %x : f32", "cedr.yield %i : index", "'cedr.kernel' @k region must end in a cedr.yield of one element per out"),
    (KERNEL, " ins(%a)", " init [0.0 : f32, 0.0 : f32] ins(%a)", "'cedr.kernel' @k has 2 init values for 1 outs"),
    (KERNEL, "cedr.index 1", "cedr.index 2", "'cedr.kernel' @k has no loop index 2, bounds are [2, 3]"),
    (
        KERNEL,
        "%i = cedr.index 1 : index",
        '"test.op"() ({ ^bb0: "test.termop"() : () -> () }) : () -> ()',
        "'cedr.kernel' @k region may hold scalar operations only, got 'test.op'",
    ),
    # grid: domain and windows
    (GRID, "[4 parallel]", "[4 serial]", "unknown iterator kind 'serial', expected parallel, reduction or sequential"),
    (STEPS, "[4 reduction] ins(%i = %a[d0 * 2]", "[4 reduction, 1 parallel] ins(%i = %a[d0 * 2]", "'cedr.grid' @s takes parallel dimensions and at most one that is not, the innermost; got ['reduction', 'parallel']"),
    (GRID, "[4 parallel]", "[0 parallel]", "'cedr.grid' @g needs a domain of positive extents, got [0]"),
    (GRID, "%a[0, d0 * 2]", "%a[0, d0 * 2 + 1]", "'cedr.grid' @g operand 0: window leaves its operand in dimension 1: elements 1 to 8 of 8"),
    (GRID, "%a[0, d0 * 2]", "%a[0, d0 * 2 - 1]", "'cedr.grid' @g operand 0: window leaves its operand in dimension 1: elements -1 to 6 of 8"),
    (GRID, "%a[0, d0 * 2][1, 2]", "%a[0, d0 * 2][1]", "a window needs an offset and a positive size per dimension"),
    (GRID, "%a[0, d0 * 2]", "%a[0, d0 floordiv 2]", "#cedr.window offsets must be affine without division"),
    (GRID, "%a[0, d0 * 2]", "%a[0, d1]", "d1"),
    (GRID, "%b[0, d0 * 2]", "%b[0, d0]", "'cedr.grid' @g operand 1: output windows overlap along the parallel dimension d0"),
    (STEPS, "%b[0][2] : memref<2xf32>", "%a[d0 * 2][2] : memref<8xf32>", "'cedr.grid' @s operand 1: the reduction dimension d0 must update one window, not several"),
    (TENSOR_GRID, "%a[d0 * 2][2] : tensor<8xf32>", "%c[d0 * 2][2] : memref<8xf32>", "'cedr.grid' @g mixes tensors and buffers"),
    (GRID, "%i = %a[0, d0 * 2][1, 2] : memref<1x8xf32>", "%i = %a[0, d0 * 2][1, 2] : f32", "a grid's operand must be a tensor or a memref"),
    # grid: scratch
    (GRID, "(d0) mod 4", "(d0 * 2) mod 4", "a tile's slot must be ((d0) mod 4)"),
    (GRID, "(d0) mod 4", "(d0) mod 3", "a tile's slot must be ((d0) mod 4)"),
    (GRID, "memref<4x1x2xf32>) {", "memref<8xf32>) {", "a scratch ring must be a memref of slots x tile"),
    (GRID, "%t = %c slot ((d0) mod 4) : memref<4x1x2xf32>", "%t : f32", "scratch without a buffer needs a tensor type"),
    # grid: body
    (GRID, "      cedr.yield\n", "      cedr.yield %i : !cedr.tile<1x2xf32>\n", "'cedr.grid' @g body holds cedr calls only, got 'cedr.yield'"),
    (STEPS, "      cedr.zip add ins(%i, %o) outs(%o)\n", "", "'cedr.grid' @s body must hold a call"),
    (GRID, "cedr.zip mul ins(%t, %t) outs(%o)", '"test.op"() : () -> ()', "'cedr.grid' @g body holds cedr calls only, got 'test.op'"),
    (GRID, "ins(%i, %i) outs(%t)", "ins(%i, %i) outs(%i)", "'cedr.grid' @g call 'cedr.zip' writes a tile of ins"),
    (STEPS, "ins(%i, %o) outs(%o)", "ins(%b, %o) outs(%o)", "'cedr.grid' @s call 'cedr.zip' may use the body's tiles only"),
    # after
    (AFTER, "raw @h", "wat @h", "unknown dependency kind 'wat', expected raw, war or waw"),
    (AFTER, "lag 2:1", "lag 2:2", "'cedr.grid' @g 'cedr.zip' waits for call 2, the grid has 2"),
    (AFTER, "lag 2:1", "lag 0:1", "lag needs a distance >= 1 and a call >= 0, got 0:1"),
    (AFTER, "@h:0[d0 ", "@h:0[d0 mod 2 ", "not affine: "),
    (JOIN, "[0 to 3]", "[d0 to 3]", "d0"),
    (JOIN, "war @g:0[0 to 3]", "war lag 1:0", "'cedr.join @j' waits for boxes of constant indices"),
    ("cedr.wait after [raw @g:0[1]]", "raw @g:0[1]", "raw lag 1:0", "'cedr.wait' waits for boxes of constant indices"),
    (DEPENDENCY, '"raw"', '"rar"', "dependency kind must be one of raw, war, waw, got rar"),
    (DEPENDENCY, "1 : i64", "-1 : i64", "dependency on a negative call index -1"),
    (DEPENDENCY, "-> (d0)>, aff", "-> (d0 mod 2)>, aff", "dependency on @g: not affine: "),
    (LAG, '"war"', '"rar"', "dependency kind must be one of raw, war, waw, got rar"),
    # memory
    (ALLOC, "at 8", "at -8", "'cedr.alloc' needs an offset >= 0, got -8"),
    (ALLOC, "memref<4xf32>", "memref<?xf32>", "'cedr.alloc' needs a static shape, got memref<?xf32>"),
    (ALLOC, "memref<4xf32>", "tensor<4xf32>", "cedr.alloc makes a memref"),
    (VIEW, "to memref<3x4xf32>", "to memref<3x5xf32>", "'cedr.view' keeps the elements, got memref<2x6xf32> to memref<3x5xf32>"),
    (VIEW, "to memref<3x4xf32>", "to memref<3x4xi32>", "'cedr.view' keeps the element type, got memref<2x6xf32> to memref<3x4xi32>"),
    (GENERIC_VIEW, "-> memref<12xf32>", "-> tensor<12xf32>", "'cedr.view' goes from tensor to tensor or from memref to memref"),
    # attributes and types
    (PLAN, "[1, 0]", "[1, -1]", "#cedr.plan needs tile sizes >= 0, got [1, -1]"),
    (WINDOW, "[2, 3]", "[2]", "#cedr.window has 2 offsets for 1 sizes"),
    (WINDOW, "[2, 3]", "[2, 0]", "#cedr.window needs positive sizes, got [2, 0]"),
    (WINDOW, "(d0 * 2, 1)", "(d0 floordiv 2, 1)", "#cedr.window offsets must be affine without division"),
    (WINDOW, "(d0 * 2, 1)", "(d0 mod 2, 1)", "#cedr.window: not affine: "),
    (WINDOW, "affine_map<(d0) -> (d0 * 2, 1)>", "1 : i64", "expected an affine_map of offsets"),
    ('%t = "test.op"() : () -> !cedr.tile<1x2xf32>', "1x2", "1x0", "!cedr.tile needs a static shape of positive sizes, got [1, 0]"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "old", "new", "message"), CASES, ids=[f"{i}" for i in range(len(CASES))])
def test_refused(right: str, old: str, new: str, message: str) -> None:
    check(right)
    assert old in right
    count = -1 if old in ("complex<f32>", "2x8") else 1
    with pytest.raises(IRError) as caught:
        check(right.replace(old, new, count))
    assert message in str(caught.value)
    assert str(caught.value).startswith("test.mlir:")


def test_generic_forms_that_the_custom_syntax_cannot_say() -> None:
    """Verifier messages that a parsed custom form never reaches."""
    from xdsl.dialects.builtin import ArrayAttr, MemRefType, StringAttr, f32
    from xdsl.ir import Block, Region
    from xdsl.utils.exceptions import VerifyException

    from cedr.dialects.cedr import AllocOp, GridOp, TileType, WindowAttr, YieldOp, ZipOp

    source = AllocOp(MemRefType(f32, (4,)))
    window = WindowAttr.of([Affine.dim(0, 1)], (1,), 1)

    def make(**changes: object) -> GridOp:
        grid = GridOp("g", [4], ["parallel"], [], [source.result], [window])
        (tile,) = grid.body.block.args
        grid.body.block.add_ops([ZipOp("add", [tile, tile], [tile]), YieldOp()])
        grid.properties |= changes  # type: ignore[arg-type]  # attributes all
        return grid

    make().verify()
    with pytest.raises(VerifyException, match="@g has 2 iterator kinds for 1 dimensions"):
        make(iterator_types=ArrayAttr([StringAttr("parallel")] * 2)).verify()
    with pytest.raises(VerifyException, match="@g has 2 windows for 1 operands"):
        make(windows=ArrayAttr([window, window])).verify()
    with pytest.raises(VerifyException, match="over 2 dimensions for memref<4xf32> in a domain of 1"):
        make(windows=ArrayAttr([WindowAttr.of([Affine.dim(0, 2)], (1,), 2)])).verify()
    with pytest.raises(
        VerifyException, match="a window of 2 offsets over 1 dimensions for memref<4xf32> in a domain of 1"
    ):
        make(windows=ArrayAttr([WindowAttr.of([Affine.dim(0, 1)] * 2, (1, 1), 1)])).verify()
    other = Block(arg_types=[TileType((2,), f32)])
    other.add_ops([ZipOp("add", [other.args[0]] * 2, [other.args[0]]), YieldOp()])
    with pytest.raises(VerifyException, match=r"@g body arguments must be !cedr.tile<1xf32>; got !cedr.tile<2xf32>"):
        GridOp("g", [4], ["parallel"], [], [source.result], [window], Region(other)).verify()
