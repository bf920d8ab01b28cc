"""What passes refuse."""

from collections.abc import Sequence

from xdsl.ir import Operation

from cedr.dialects.locations import source_line
from cedr.target.errors import CedrError


class PassError(CedrError):
    """A pass can't do its work on some ops; the text has one line per op."""

    def __init__(self, pass_name: str, reasons: Sequence[str]):
        super().__init__("\n".join(f"{pass_name}: {reason}" for reason in reasons))
        self.reasons = tuple(reasons)


def at(op: Operation, reason: str) -> str:
    """`model.py:12: 'linalg.foo' reason`."""
    place = source_line(op)
    return (f"{place}: " if place else "") + f"'{op.name}' {reason}"
