"""What the emitters refuse: IR that is not at the last level, or that has no form in the target language."""

from __future__ import annotations

import pytest

from cedr.backend.c_emitter import emit_c
from cedr.backend.program import EmissionError, Program
from cedr.backend.python_emitter import emit_python

from .conftest import TINY, parse


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cedr.alloc at 0", "cedr.alloc", "run the pass 'plan-memory' first"),
        ("cedr.alloc at 1024", "cedr.alloc at 1026", "offset 1026 is not aligned"),
        ("@copy [4 parallel] base 8", "@copy [4 parallel]", "run the pass 'add-dependencies' first"),
        ("cedr.join @j base 12", "cedr.join @j", "run the pass 'add-dependencies' first"),
        ("raw @copy:0[0 to 3]", "raw @copi:0[0 to 3]", "waits for @copi; the grids are @conv, @copy, @j, @mean"),
        ("raw @copy:0[0 to 3]", "raw @copy:1[0 to 3]", "waits for @copy:1 with 1 indices; it has 1 calls"),
        ("raw @copy:0[0 to 3]", "raw @copy:0[]", "waits for @copy:0 with 0 indices"),
        ("@copy [", "@conv [", "its name is used twice"),
        ("func.func @main", "func.func @other", "one function @main, the IR has 0"),
    ],
)
def test_what_is_missing_is_named(old: str, new: str, message: str) -> None:
    text = TINY.read_text()
    assert old in text
    with pytest.raises(EmissionError) as refusal:
        Program.of(parse(text.replace(old, new, 1)))
    assert message in str(refusal.value)


KERNEL = """
builtin.module {{
  func.func @main(%x: memref<4x{type}> {{cedr.name = "x"}}, %y: memref<4x{type}> {{cedr.output = "y"}}) {{
    cedr.grid @g [2 parallel] base 0
        ins(%a = %x[d0 * 2][2] : memref<4x{type}>)
        outs(%b = %y[d0 * 2][2] : memref<4x{type}>) {{
      cedr.kernel @k [2] maps [(d0), (d0)] ins(%a) outs(%b) {{
      ^bb0(%p: {type}, %q: {type}):
        {body}
      }}
      cedr.yield
    }}
    cedr.wait
    func.return
  }}
}}
"""


def test_an_unknown_scalar_operation_is_refused() -> None:
    text = KERNEL.format(type="f32", body='%r = "math.ctpop"(%p) : (f32) -> f32\n cedr.yield %r : f32')
    program = Program.of(parse_unverified(text))
    for emit in (emit_c, emit_python):
        with pytest.raises(EmissionError, match=r"grid @g, call 0 \(cedr.kernel\): no .* for 'math.ctpop'"):
            emit(program)


def parse_unverified(text: str):  # type: ignore[no-untyped-def]  # the op under test does not verify on floats
    from xdsl.context import Context
    from xdsl.dialects import get_all_dialects
    from xdsl.parser import Parser

    from cedr.dialects.cedr import Cedr

    context = Context(allow_unregistered=True)
    for name, factory in get_all_dialects().items():
        if name != "cedr":
            context.register_dialect(name, factory)
    context.load_dialect(Cedr)
    return Parser(context, text).parse_module()


@pytest.mark.parametrize("half", ["f16", "bf16"])
def test_half_precision_is_bits_in_memory_and_rounded_floats_in_c(half: str) -> None:
    body = f"%r = arith.addf %p, %p : {half}\n cedr.yield %r : {half}"
    text = emit_c(Program.of(parse(KERNEL.format(type=half, body=body))))
    assert f"const float v0 = cedr_from_{half}(p0[" in text
    assert f"const float v1 = cedr_from_{half}(cedr_to_{half}((float)(v0 + v0)));" in text
    assert f"] = cedr_to_{half}(v1);" in text


def test_the_bits_of_a_value_are_read_as_another_type() -> None:
    body = "%w = arith.bitcast %p : f32 to i32\n %r = arith.bitcast %w : i32 to f32\n cedr.yield %r : f32"
    program = Program.of(parse(KERNEL.format(type="f32", body=body)))
    assert "((union { float from; int32_t to; }){ .from = v0 }).to;" in emit_c(program)
    assert ".view(np.int32)" in emit_python(program)
    body = "%w = arith.bitcast %p : f16 to i16\n %r = arith.bitcast %w : i16 to f16\n cedr.yield %r : f16"
    text = emit_c(Program.of(parse(KERNEL.format(type="f16", body=body))))
    assert "((union { uint16_t from; int16_t to; }){ .from = cedr_to_f16(v0) }).to;" in text
    assert "= cedr_from_f16(((union { int16_t from; uint16_t to; }){ .from = v1 }).to);" in text


def test_bfloat16_has_no_python() -> None:
    assert "'f16'" in emit_python(
        Program.of(parse(KERNEL.format(type="f16", body="%r = arith.addf %p, %p : f16\n cedr.yield %r : f16")))
    )
    program = Program.of(parse(KERNEL.format(type="bf16", body="%r = arith.addf %p, %p : bf16\n cedr.yield %r : bf16")))
    with pytest.raises(EmissionError, match="elements of bf16 cannot be emitted"):
        emit_python(program)


STATE = """
builtin.module {
  func.func @main(%x: memref<4xf32> {cedr.name = "x", cedr.initial = "w"}, %y: memref<4xf32> {cedr.output = "x", cedr.updates = "x"}) {
    cedr.grid @g [2 parallel] base 0
        ins(%a = %x[d0 * 2][2] : memref<4xf32>)
        outs(%b = %y[d0 * 2][2] : memref<4xf32>) {
      cedr.zip add ins(%a, %a) outs(%b)
      cedr.yield
    }
    cedr.wait
    func.return
  }
}
"""


def test_a_state_is_a_weight_and_an_output() -> None:
    program = Program.of(parse(STATE))
    assert [(spec.name, spec.initial) for spec in program.inputs] == [("x", "w")]
    assert [(spec.name, spec.updates) for spec in program.outputs] == [("x", "x")]
    assert [spec.name for spec in program.weights] == ["w"]
    assert "static const int32_t initial[] = {0};" in emit_c(program)
    assert "TensorSpec('x', 'f32', (4,), initial='w')" in emit_python(program)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({'cedr.updates = "x"': 'cedr.updates = "z"'}, "output 'x' updates 'z'; the inputs are x"),
        (
            {
                "%x: memref<4xf32>": "%x: memref<6xf32>",
                "[2] : memref<4xf32>)\n        outs": "[2] : memref<6xf32>)\n        outs",
            },
            "output 'x' is f32[4], the input that it updates f32[6]",
        ),
    ],
)
def test_an_update_of_no_such_input_is_refused(changes: dict[str, str], message: str) -> None:
    text = STATE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(EmissionError) as refusal:
        Program.of(parse(text))
    assert message in str(refusal.value)
