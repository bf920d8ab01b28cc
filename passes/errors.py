"""What passes refuse."""

from collections.abc import Sequence
from dataclasses import replace

from xdsl.ir import Operation

from cedr.dialects.diagnostics import Diagnostic, IRError, place_of


class PassError(IRError):
    """A pass can't do its work on some ops; the text has a diagnostic per op."""

    def __init__(self, pass_name: str, diagnostics: Sequence[Diagnostic]):
        super().__init__([replace(d, message=f"{pass_name}: {d.message}") for d in diagnostics])


def at(op: Operation, reason: str) -> Diagnostic:
    """`'linalg.foo' reason`, at the op's place."""
    return Diagnostic(f"'{op.name}' {reason}", place_of(op))
