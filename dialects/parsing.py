"""IR text -> IR, with the position of every op, and every error at its place."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser
from xdsl.utils.exceptions import MultipleSpansParseError, ParseError
from xdsl.utils.lexer import Span

from cedr.dialects.diagnostics import Diagnostic, IRError, Place, place_of, verify
from cedr.dialects.weights import CedrContext
from cedr.target.errors import CedrError


@dataclass(frozen=True)
class Source:
    """A text with a name; `first_line` is the line of its file that it starts on."""

    text: str
    filename: str
    first_line: int = 1

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(newline.end() for newline in re.finditer("\n", self.text))]

    def line_column(self, position: int) -> tuple[int, int]:
        """Line and column, both from 1, of a 0-based offset into the text."""
        line = bisect_right(self._starts, position) - 1
        return self.first_line + line, position - self._starts[line] + 1

    def place(self, position: int) -> Place:
        line, column = self.line_column(position)
        start = self._starts[line - self.first_line]
        return Place(self.filename, line, column, self.text[start:].split("\n", 1)[0].rstrip("\r"))

    def with_lines(self, error: IRError) -> IRError:
        """The error with the line of this text, and a caret, wherever it names a place in it."""
        return IRError([self._with_line(diagnostic) for diagnostic in error.diagnostics])

    def _with_line(self, diagnostic: Diagnostic) -> Diagnostic:
        place = diagnostic.place
        index = place.line - self.first_line if place is not None and place.filename == self.filename else -1
        if place is None or place.text is not None or not 0 <= index < len(self._starts):
            return diagnostic
        line = self.text[self._starts[index] :].split("\n", 1)[0].rstrip("\r")
        return replace(diagnostic, place=replace(place, text=line))


@dataclass
class ParsedModule:
    """A module, and where in its text each op stood."""

    module: ModuleOp
    source: Source
    positions: dict[Operation, int] = field(default_factory=dict)

    def place(self, op: Operation) -> Place | None:
        """Where an op stands in the text; for an op made since, where its location says that it comes from."""
        if (position := self.positions.get(op)) is not None:
            return self.source.place(position)
        return place_of(op) or (self.place(parent) if (parent := op.parent_op()) else None)

    def verify(self, prefix: str = "") -> None:
        """Raises IRError with every op that does not verify, at its place in the text."""
        verify(self.module, self.place, prefix)


_PERMISSIONS = frozenset({"exact", "fastmath", "isExact", "nneg", "overflowFlags"})
"""Properties that only allow an op to compute less exactly, or promise that it won't overflow: where xDSL's definition of
an op lacks one, it is left out, and the op computes what it does without."""

_FROM_ELSEWHERE = {
    "tm_tensor": "torch-mlir's own ops (scan, sort, topk, scatter, attention) are not known; give the PyTorch model itself "
    "(cedr compile FILE.py:FACTORY), or write the op as linalg",
    "torch": 'this is torch-mlir\'s level before linalg; export with output_type="linalg-on-tensors"',
    "stablehlo": 'lower it to linalg first; torch-mlir exports with output_type="linalg-on-tensors"',
    "mhlo": "lower it to linalg first (mlir-hlo-opt --hlo-legalize-to-linalg)",
    "tosa": "lower it to linalg first (mlir-opt --tosa-to-linalg-pipeline)",
    "onnx": "lower it to linalg on tensors first",
    "quant": "quantised types are not known; export the model with floats",
}
"""Dialects whose ops come with IR from other tools, and what can be done."""


class _LocatingParser(Parser):
    """xDSL's parser, which keeps each op's position and gives ops without `loc(...)` that position, as MLIR's does."""

    def __init__(self, context: Context, source: Source):
        super().__init__(context, source.text, source.filename)
        self.source = source
        self.positions: dict[Operation, int] = {}
        self.open_positions: list[int] = []
        """Of the ops being parsed, outermost first."""
        self._filename = StringAttr(source.filename)
        self._location_given = False
        self.resources: dict[str, str] = {}
        """The bytes of `dense_resource`, as the text has them: `0x` and hexadecimal digits."""

    def parse_operation(self) -> Operation:
        self.open_positions.append(self.pos)
        op = super().parse_operation()
        position = self.open_positions.pop()
        self.positions[op] = position
        for name in _PERMISSIONS & op.properties.keys():
            if isinstance(op, IRDLOperation) and name not in op.get_irdl_definition().properties:
                del op.properties[name]
        if not self._location_given:
            line, column = self.source.line_column(position)
            op.location = FileLineColLoc(self._filename, IntAttr(line), IntAttr(column))
        return op

    def _parse_op_result_list(self) -> list[tuple[Span, int]]:
        results = super()._parse_op_result_list()
        self.open_positions[-1] = self.pos  # at the op's name, past its results
        return results

    def _get_op_by_name(self, name: str) -> type[Operation]:
        stack = self._parser_state.dialect_stack
        op_type = self.ctx.get_optional_op(name, dialect_stack=stack)
        if op_type is None:
            self.raise_error(self._unknown_op(name), self.open_positions[-1])
        return op_type

    def _unknown_op(self, name: str) -> str:
        dialect = name.split(".", 1)[0]
        if (hint := _FROM_ELSEWHERE.get(dialect)) is not None:
            return f"no op '{name}'; {hint}"
        there = ", ".join(sorted(self.ctx.registered_dialect_names))
        known = dialect in self.ctx.registered_dialect_names
        reason = f"the dialect '{dialect}' has no such op" if known else f"the dialects there are: {there}"
        return f"no op '{name}'; {reason}"

    def _parse_dialect_resource_handle(self, dialect_name: str, interface: OpAsmDialectInterface) -> str:
        # As written: xDSL keeps the bytes in its dialect, for every text of the process, and renames what comes twice.
        return self.parse_identifier(" for resource handle")

    def _parse_resource(self, dialect_name: str, interface: OpAsmDialectInterface) -> None:
        key = self.parse_identifier(" for resource handle")
        self.parse_punctuation(":")
        position = self.pos
        value = self.parse_str_literal()
        if not value.startswith("0x"):
            self.raise_error(f"the bytes of the resource '{key}' are not in hexadecimal (0x...)", position, self.pos)
        self.resources[key] = value

    def parse_optional_location(self) -> LocationAttr | None:
        # The last location that is looked for in an op is the op's own.
        location = super().parse_optional_location()
        self._location_given = location is not None
        return location


def parse_ir(context: Context, text: str, filename: str, first_line: int = 1) -> ParsedModule:
    """Parse a module; its `dense_resource` bytes become the context's. Raises IRError with file, line, column and a caret.

    Does not verify.
    """
    source = Source(text, filename, first_line)
    try:
        parser = _LocatingParser(context, source)
    except ParseError as error:
        raise _located(source, error) from error
    try:
        module = parser.parse_module()
    except ParseError as error:
        raise _located(source, error) from error
    except Exception as error:
        # An attribute or an op that refuses its parts while it is built: at the op that is being parsed.
        position = parser.open_positions[-1] if parser.open_positions else parser.pos
        reason = str(error) or type(error).__name__
        raise IRError([Diagnostic(reason, source.place(position))]) from error
    if isinstance(context, CedrContext):
        context.resources = parser.resources
    if module not in parser.positions:
        parser.positions[module] = 0
    return ParsedModule(module, source, parser.positions)


def _located(source: Source, error: ParseError) -> IRError:
    notes: tuple[Diagnostic, ...] = ()
    if isinstance(error, MultipleSpansParseError):
        notes = tuple(
            Diagnostic(text or error.ref_text or "see here", source.place(span.start), "note")
            for span, text in error.refs
        )
    return IRError([Diagnostic(error.msg.strip(), source.place(error.span.start), notes=notes)])


def read_text(path: str | os.PathLike[str]) -> str:
    """A file's text. Raises CedrError naming the file."""
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise CedrError(f"{os.fspath(path)}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CedrError(f"{os.fspath(path)}: is not IR: byte {error.start} is no UTF-8 text") from error


def read_ir(context: Context, path: str | os.PathLike[str]) -> ParsedModule:
    """Parse and verify a file. Raises CedrError (IRError where the text is to blame)."""
    parsed = parse_ir(context, read_text(path), os.fspath(path))
    parsed.verify()
    return parsed
