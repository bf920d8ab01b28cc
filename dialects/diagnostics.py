"""What is wrong with a piece of IR, and where: errors, warnings, and verification that names the op."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from cedr.dialects.locations import source_place
from cedr.target.errors import CedrError

Severity = Literal["error", "warning", "note", "remark"]


@dataclass(frozen=True)
class Place:
    """A position in a text; lines and columns count from 1, column 0 is the whole line."""

    filename: str
    line: int
    column: int = 0
    text: str | None = None
    """The line itself, where it is at hand."""

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}" + (f":{self.column}" if self.column else "")


@dataclass(frozen=True)
class Diagnostic:
    """One message: `file:line:column: error: message`, the line, and a caret under the column."""

    message: str
    place: Place | None = None
    severity: Severity = "error"
    notes: tuple[Diagnostic, ...] = ()

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        lines = [f"{where}{self.severity}: {self.message}"]
        if self.place and self.place.text is not None and self.place.column:
            indent = "".join("\t" if char == "\t" else " " for char in self.place.text[: self.place.column - 1])
            lines += [self.place.text, f"{indent}^"]
        return "\n".join([*lines, *map(str, self.notes)])


class IRError(CedrError):
    """IR that does not parse, does not verify, or that a pass can't take; the text is all the diagnostics'."""

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics = tuple(diagnostics)


def place_of(op: Operation) -> Place | None:
    """Where the nearest op at or around `op` comes from, by its location; None if none names a file."""
    found = source_place(op)
    return Place(*found) if found else None


Locate = Callable[[Operation], Place | None]


def verification_failures(op: Operation) -> Iterator[tuple[Operation, str]]:
    """The ops at or inside `op` that do not verify, innermost first, with the reason of each.

    As `Operation.verify`, which stops at the first and does not say which op it was. An op with a failing op inside
    is not looked at itself. In regions of one block a use before the definition fails, too.
    """
    yield from _failures(op, set(), set())


def _failures(op: Operation, defined: set[SSAValue], ordered: set[Block]) -> Iterator[tuple[Operation, str]]:
    """`defined`: the values so far; `ordered`: the blocks around `op` that are their region's only one."""
    failing = False
    for region in op.regions:
        single = len(region.blocks) == 1
        for block in region.blocks:
            inside = {*ordered, block} if single else ordered
            defined.update(block.args)
            for child in block.ops:
                for failure in _failures(child, defined, inside):
                    failing = True
                    yield failure
                if (late := _used_early(child, inside, defined)) is not None:
                    failing = True
                    yield child, late
                defined.update(child.results)
            if block.first_op is None and single and not op.has_trait(NoTerminator):
                failing = True
                yield op, f"'{op.name}' has an empty block, which wants at least a terminator"
    if not failing and (reason := _reason(op)) is not None:
        yield op, reason


def _used_early(op: Operation, ordered: set[Block], defined: set[SSAValue]) -> str | None:
    """The operand of `op` that comes from its own or an enclosing block, but from further down."""
    for index, operand in enumerate(op.operands):
        if operand not in defined and isinstance(owner := operand.owner, Operation) and owner.parent in ordered:
            name = f"%{operand.name_hint}" if operand.name_hint else f"#{index}"
            return f"'{op.name}' uses operand {name} before it is defined"
    return None


def _reason(op: Operation) -> str | None:
    try:
        op.verify(verify_nested_ops=False)
    except VerifyException as error:
        return str(error)
    except Exception as error:
        # xDSL prints the whole module before it raises what failed; the printer may trip over the broken op.
        if isinstance(error.__context__, VerifyException):
            return str(error.__context__)
        raise
    return None


def verify(op: Operation, locate: Locate = place_of, prefix: str = "") -> None:
    """Raises IRError with every op at or inside `op` that does not verify."""
    found = [
        Diagnostic(prefix + reason, locate(bad), notes=_origin(bad, locate))
        for bad, reason in verification_failures(op)
    ]
    if found:
        raise IRError(found)


def _origin(op: Operation, locate: Locate) -> tuple[Diagnostic, ...]:
    """The op's own source line, where it is another than the one that the diagnostic names."""
    place, origin = locate(op), place_of(op)
    if place is None or origin is None or place.filename == origin.filename:
        return ()
    return (Diagnostic(f"the '{op.name}' comes from here", origin, "note"),)


def _to_stderr(diagnostic: Diagnostic) -> None:
    print(diagnostic, file=sys.stderr)


_warning_handler: ContextVar[Callable[[Diagnostic], None]] = ContextVar("warning_handler", default=_to_stderr)


def emit_warning(op: Operation, message: str) -> None:
    """Warn of something at an op: on stderr, unless a tool collects the warnings."""
    _warning_handler.get()(Diagnostic(message, place_of(op), "warning"))


@contextmanager
def warnings_to(handler: Callable[[Diagnostic], None]) -> Iterator[None]:
    """Inside, every warning goes to `handler`."""
    token = _warning_handler.set(handler)
    try:
        yield
    finally:
        _warning_handler.reset(token)
