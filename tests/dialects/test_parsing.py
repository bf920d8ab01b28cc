"""Text to IR with places, and verification that names the op."""

from pathlib import Path

import pytest
from xdsl.dialects.builtin import FileLineColLoc, UnknownLoc
from xdsl.ir import Operation

from cedr.dialects.diagnostics import Diagnostic, IRError, Place, emit_warning, verification_failures, warnings_to
from cedr.dialects.parsing import ParsedModule, parse_ir, read_ir
from cedr.dialects.universe import dialect_factories, make_context
from cedr.target.errors import CedrError

GOOD = """\
func.func @f(%x: f32) -> f32 {
  %0 = arith.addf %x, %x : f32
  %1, %2 = "test.op"(%0) : (f32) -> (f32, f32) loc("model.py":3:4)
  %3 = arith.addf %1, %2 : f32 loc(unknown)
  func.return %3 : f32
}
"""


def parse(text: str, first_line: int = 1) -> ParsedModule:
    return parse_ir(make_context(), text, "x.mlir", first_line)


def named(parsed: ParsedModule, name: str, index: int = 0) -> Operation:
    return [op for op in parsed.module.walk() if op.name == name][index]


def test_every_op_has_its_place() -> None:
    parsed = parse(GOOD, first_line=10)
    addition = named(parsed, "arith.addf")
    assert parsed.place(addition) == Place("x.mlir", 11, 8, "  %0 = arith.addf %x, %x : f32")
    assert str(parsed.place(named(parsed, "test.op"))) == "x.mlir:12:12"


def test_locations_default_to_the_place_and_are_kept_where_given() -> None:
    parsed = parse(GOOD)
    location = named(parsed, "arith.addf").location
    assert isinstance(location, FileLineColLoc)
    assert (location.filename.data, location.line.data, location.column.data) == ("x.mlir", 2, 8)
    assert str(named(parsed, "test.op").location) == 'loc("model.py":3:4)'
    assert isinstance(named(parsed, "arith.addf", 1).location, UnknownLoc)


def test_an_op_made_later_is_placed_by_its_location_or_its_parent() -> None:
    parsed = parse(GOOD)
    copy = named(parsed, "test.op").clone()
    assert parsed.place(copy) == Place("model.py", 3, 4)
    unlocated = named(parsed, "arith.addf", 1).clone()
    assert parsed.place(unlocated) is None
    named(parsed, "func.func").regions[0].block.insert_op_before(unlocated, named(parsed, "func.return"))
    assert str(parsed.place(unlocated)) == "x.mlir:1:1"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("func.func @f( {", "x.mlir:1:15", "Expected argument or type"),
        ("\n\n  foo.bar", "x.mlir:3:3", "no op 'foo.bar'; the dialects there are: affine, arith"),
        ('"cedr.bar"() : () -> ()', "x.mlir:1:1", "no op 'cedr.bar'; the dialect 'cedr' has no such op"),
        ("func.func @f() {\n  func.return %x : f32\n}", "x.mlir:", "values used but not defined: [%x]"),
        ("", "x.mlir:1:1", "Could not parse entire input"),
        ("func.func private @f(tensor<-1xf32>)", "x.mlir:1:", ""),
        ('%0 = "test.op"() : () -> f32\n%0 = "test.op"() : () -> f32', "x.mlir:2:1", "already defined"),
        ("func.func private @f(!unknown.type)", "x.mlir:1:", "unknown.type"),
        ("module {\x00}", "x.mlir:1:9", ""),
    ],
)
def test_what_does_not_parse_is_refused_at_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(IRError) as refusal:
        parse(text)
    first = str(refusal.value).splitlines()[0]
    assert first.startswith(place)
    assert "error: " in first
    assert message in first


def test_an_error_shows_the_line_and_a_caret() -> None:
    assert str(Diagnostic("wrong", Place("a", 3, 4, "\tx = y"))) == "a:3:4: error: wrong\n\tx = y\n\t  ^"
    assert str(Diagnostic("wrong", Place("a", 3))) == "a:3: error: wrong"
    assert str(Diagnostic("wrong", severity="warning")) == "warning: wrong"


def test_all_ops_that_do_not_verify_are_named_and_their_parents_are_not() -> None:
    parsed = parse(
        'func.func @f(%x: f32) -> f64 {\n  func.return %x : f32 loc("model.py":7:1)\n}\n'
        "func.func @g() -> f64 {\n  func.return\n}\nfunc.func @h() {\n  func.return\n}\n"
    )
    failing = [(op.name, str(parsed.place(op))) for op, _ in verification_failures(parsed.module)]
    assert failing == [("func.return", "x.mlir:2:3"), ("func.return", "x.mlir:5:3")]
    with pytest.raises(IRError) as refusal:
        parsed.verify("after 'p': ")
    assert len(refusal.value.diagnostics) == 2
    assert refusal.value.diagnostics[0].message.startswith("after 'p': ")
    assert refusal.value.diagnostics[0].notes[0].place == Place("model.py", 7, 1)


def test_good_ir_verifies() -> None:
    parse(GOOD).verify()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("  %0 = arith.addf %x, %1 : f32\n  %1 = arith.addf %x, %x : f32\n", "'arith.addf' uses operand #1 before"),
        ('  %c = "test.op"() : () -> i1\n  scf.if %c {\n    "test.op"(%v) : (f32) -> ()\n  }\n'
         '  %v = "test.op"() : () -> f32\n', "uses operand %v before it is defined"),
    ],
)  # fmt: skip
def test_a_use_before_the_definition_fails(body: str, message: str) -> None:
    failures = list(verification_failures(parse(f"func.func @f(%x: f32) {{\n{body}  func.return\n}}").module))
    assert len(failures) == 1
    assert message in failures[0][1]


def test_a_block_without_a_terminator_fails() -> None:
    parsed = parse('"func.func"() <{sym_name = "f", function_type = () -> ()}> ({\n^bb0:\n}) : () -> ()')
    assert [reason for _, reason in verification_failures(parsed.module)] == [
        "'func.func' has an empty block, which wants at least a terminator"
    ]


def test_files_are_read_and_those_that_can_not_be_are_named(tmp_path: Path) -> None:
    good, binary = tmp_path / "good.mlir", tmp_path / "binary.mlir"
    good.write_text(GOOD)
    binary.write_bytes(b"\xff\xfe")
    assert read_ir(make_context(), good).module.name == "builtin.module"
    with pytest.raises(CedrError, match=r"absent.mlir: cannot be read: No such file"):
        read_ir(make_context(), tmp_path / "absent.mlir")
    with pytest.raises(CedrError, match=r"binary.mlir: is not IR: byte 0 is no UTF-8"):
        read_ir(make_context(), binary)


def test_warnings_go_where_they_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    op = named(parse(GOOD), "test.op")
    collected: list[Diagnostic] = []
    with warnings_to(collected.append):
        emit_warning(op, "slow")
    assert [str(one) for one in collected] == ["model.py:3:4: warning: slow"]
    assert capsys.readouterr().err == ""
    emit_warning(op, "slow")
    assert capsys.readouterr().err == "model.py:3:4: warning: slow\n"


def test_all_dialects_load_under_their_names() -> None:
    for name, factory in dialect_factories().items():
        assert factory().name == name
    context = make_context()
    for op in ("linalg.conv_1d_ncw_fcw", "linalg.matmul", "cedr.grid", "tensor.pad", "scf.for", "complex.mul"):
        assert context.get_optional_op(op) is not None, op
