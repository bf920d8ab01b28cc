"""Every op, type and attribute of the cedr dialect prints as it parses, in custom and in generic form."""

from __future__ import annotations

from io import StringIO

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from cedr.dialects.cedr import Cedr
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context

TENSORS = """
  %a = "test.op"() : () -> tensor<4x6xf32>
  %b = "test.op"() : () -> tensor<6x5xf32>
  %c = "test.op"() : () -> tensor<4x5xf32>
"""


def parse(text: str) -> ModuleOp:
    parsed = parse_ir(make_context(), text, "test.mlir")
    parsed.verify()
    return parsed.module


def generic(module: ModuleOp) -> str:
    out = StringIO()
    Printer(out, print_generic_format=True).print_op(module)
    return out.getvalue()


def grid(extra: str = "", after: str = "", scratch: str = "", body: str = "") -> str:
    return f"""
  %x = "test.op"() : () -> memref<1x3x10x10xf32>
  %w = "test.op"() : () -> memref<4x3x3x3xf32>
  %y = "test.op"() : () -> memref<1x4x8x8xf32>
  %r = "test.op"() : () -> memref<2x1x2x4x8xf32>
  cedr.grid @g [2 parallel, 2 parallel]{extra}
      ins(%i0 = %x[0, 0, d1 * 4, 0][1, 3, 6, 10] : memref<1x3x10x10xf32>,
          %i1 = %w[d0 * 2, 0, 0, 0][2, 3, 3, 3] : memref<4x3x3x3xf32>)
      outs(%o0 = %y[0, d0 * 2, d1 * 4, 0][1, 2, 4, 8] : memref<1x4x8x8xf32>){scratch} {{
    cedr.conv2d ins(%i0, %i1) outs(%o0){after}
    {body}
    cedr.yield
  }}"""


CASES = {
    "gemm": TENSORS + "%r = cedr.gemm ins(%a, %b) outs(%c)",
    "gemm transposed": TENSORS.replace("6x5", "5x6") + "%r = cedr.gemm transpose_b ins(%a, %b) outs(%c)",
    "gemm with an attribute": TENSORS + "%r = cedr.gemm ins(%a, %b) outs(%c) attributes {note = 1 : i64}",
    "conv1d": """
      %x = "test.op"() : () -> memref<2x3x20xf32>
      %w = "test.op"() : () -> memref<4x3x5xf32>
      %y = "test.op"() : () -> memref<2x4x6xf32>
      cedr.conv1d strides [2] dilations [2] ins(%x, %w) outs(%y)""",
    "conv2d": """
      %x = "test.op"() : () -> tensor<2x3x9x8xf64>
      %w = "test.op"() : () -> tensor<4x3x3x2xf64>
      %y = "test.op"() : () -> tensor<2x4x4x4xf64>
      %z = cedr.conv2d strides [2, 1] dilations [1, 4] ins(%x, %w) outs(%y)""",
    "fft": """
      %x = "test.op"() : () -> tensor<2x16xcomplex<f32>>
      %y = cedr.fft ins(%x) outs(%x)
      %z = cedr.fft inverse ins(%y) outs(%x)""",
    "zip": "".join(
        f"""
      %x{kind} = "test.op"() : () -> memref<3x4xf32>
      cedr.zip {kind} ins(%x{kind}, %x{kind}) outs(%x{kind})"""
        for kind in ("add", "sub", "mul", "div", "cmp_mul")
    ),
    "kernel whole": """
      %t = "test.op"() : () -> tensor<7x3xf32>
      %i = "test.op"() : () -> tensor<5xindex>
      %y = "test.op"() : () -> tensor<5xf32>
      %r = cedr.kernel @column [5] maps [(d0), whole, (d0)] ins(%i, %t) outs(%y) {
      ^bb0(%a: index, %b: !cedr.tile<7x3xf32>, %c: f32):
        %v = cedr.load %b[%a, %a] : f32
        cedr.yield %v : f32
      }""",
    "kernel": """
      %x = "test.op"() : () -> tensor<2x3xf32>
      %y = "test.op"() : () -> tensor<2x12xf32>
      %r = cedr.kernel @up [2, 12] maps [(d0, d1 floordiv 4), (d0, d1)] ins(%x) outs(%y) {
      ^bb0(%a: f32, %b: f32):
        cedr.yield %a : f32
      }""",
    "kernel with init, macs and an index": """
      %x = "test.op"() : () -> memref<5xf32>
      %y = "test.op"() : () -> memref<1xf32>
      %z = "test.op"() : () -> memref<1xi64>
      cedr.kernel @argmax [5] maps [(d0), (0), (0)] init [0xff800000 : f32, 0 : i64] macs 7 ins(%x) outs(%y, %z) {
      ^bb0(%a: f32, %b: f32, %c: i64):
        %i = cedr.index 0 : index
        %j = arith.index_cast %i : index to i64
        cedr.yield %a, %j : f32, i64
      }""",
    "kernel without loops": """
      %x = "test.op"() : () -> memref<f32>
      cedr.kernel @one [] maps [()] ins() outs(%x) {
      ^bb0(%a: f32):
        %c = arith.constant 1.0 : f32
        cedr.yield %c : f32
      }""",
    "grid": grid(),
    "grid with base, attributes and ring": grid(
        " base 7",
        scratch="\n      scratch(%t0 = %r slot ((d0 * 2 + d1) mod 2) : memref<2x1x2x4x8xf32>) attributes {k = 1 : i64}",
    ),
    "grid on tensors with scratch": """
      %x = "test.op"() : () -> tensor<8xf32>
      %y = cedr.grid @g [4 parallel] ins(%i = %x[d0 * 2][2] : tensor<8xf32>)
          outs(%o = %x[-d0 * 2 + 6][2] : tensor<8xf32>) scratch(%t : tensor<2xf32>) {
        cedr.zip add ins(%i, %i) outs(%t)
        cedr.zip mul ins(%t, %i) outs(%o)
        cedr.yield
      }""",
    "grid without dimensions or ins": """
      %y = "test.op"() : () -> memref<4xf32>
      cedr.grid @g [] outs(%o = %y[1][2] : memref<4xf32>) {
        cedr.zip add ins(%o, %o) outs(%o)
        cedr.yield
      }""",
    "grid with a reduction": """
      %x = "test.op"() : () -> memref<6xf32>
      %y = "test.op"() : () -> memref<2xf32>
      cedr.grid @g [3 reduction] ins(%i = %x[d0 * 2][2] : memref<6xf32>) outs(%o = %y[0][2] : memref<2xf32>) {
        cedr.zip add ins(%i, %o) outs(%o)
        cedr.yield
      }""",
    "after": grid(
        after=" after [raw @a:1[0, d1 - 1 to d1 + 1], war @b:0[], waw @c:2[d0 * 2 + d1, (d0 + 1) floordiv 2] first,"
        " war lag 4:0]"
    ),
    "after beside an attribute": grid(after=" attributes {note = 1 : i64} after [raw @a:0[]]"),
    "weight": '%w = cedr.weight @"a.b" : tensor<2xf32> %v = cedr.weight @plain : memref<2xf32>',
    "alloc": "%a = cedr.alloc : memref<4x2xf32> %b = cedr.alloc at 64 : memref<2xi8> %c = cedr.alloc {k} : memref<2xi8>",
    "view": """
      %x = "test.op"() : () -> tensor<2x6xf32>
      %v = cedr.view %x : tensor<2x6xf32> to tensor<3x4xf32>
      %y = "test.op"() : () -> memref<1x1xf32>
      %w = cedr.view %y : memref<1x1xf32> to memref<f32>""",
    "join and wait": """
      cedr.join @plain
      cedr.join @j base 4 after [war @g:0[0 to 3], raw @h:1[]] {k = 1 : i64}
      cedr.wait
      cedr.wait after [raw @j:0[]]""",
    "plan": '"test.op"() {a = #cedr.plan<conv2d, [1, 64, 0], {slots = 8 : i64}>, b = #cedr.plan<epilogue>, '
    "c = #cedr.plan<kernel, [2]>, d = #cedr.plan<gemm, [], {slots = 2 : i64}>} : () -> ()",
    "platform": '"test.op"() {p = #cedr.platform<"zcu102", "C3+F1", "abc">} : () -> ()',
    "tile": '%t = "test.op"() : () -> !cedr.tile<1x8xcomplex<f32>> %s = "test.op"() : () -> !cedr.tile<f32>',
    "window and dependency as attributes": """
      "test.op"() {w = #cedr.window<affine_map<(d0) -> (d0 * 2, 1)>, [2, 3]>} : () -> ()""",
}


@pytest.mark.parametrize("name", CASES)
def test_custom_and_generic_form(name: str) -> None:
    module = parse(CASES[name])
    text = str(module)
    assert str(parse(text)) == text
    again = parse(generic(module))
    assert str(again) == text and again.is_structurally_equivalent(module)


def test_every_op_and_attribute_has_a_case() -> None:
    everything = "\n".join(str(parse(text)) + generic(parse(text)) for text in CASES.values())
    missing = [op.name for op in Cedr.operations if op.name not in everything]
    missing += [attr.name for attr in Cedr.attributes if attr.name not in everything]
    assert not missing


def test_expressions_come_back_in_normal_form() -> None:
    text = """
      %x = "test.op"() : () -> memref<20xf32>
      cedr.grid @g [3 parallel] outs(%o = %x[2 + d0 * 0 + (d0 + 1) * 4 - 3][2] : memref<20xf32>) {
        cedr.zip add ins(%o, %o) outs(%o)
        cedr.yield
      }"""
    assert "%x[d0 * 4 + 3][2]" in str(parse(text))
