"""Source locations of ops, in words."""

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, FusedLoc, NameLoc
from xdsl.ir import Attribute, Operation


def source_place(op: Operation) -> tuple[str, int, int] | None:
    """File, line and column of the nearest op at or around `op` whose location names a file."""
    current: Operation | None = op
    while current is not None:
        if place := _file_line(current.location):
            return place.filename.data, place.line.data, place.column.data
        current = current.parent_op()
    return None


def source_line(op: Operation) -> str:
    """`model.py:12` of the nearest op at or around `op` whose location names a file, or "" if none does."""
    place = source_place(op)
    return f"{place[0]}:{place[1]}" if place else ""


def source_name(op: Operation) -> str:
    """The name that the op's location carries (`aten.relu.default`), or "" if it carries none."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else ""


def inner_name(op: Operation) -> str:
    """The name around which the op's location puts its own (`node 'conv1'`, of a node of a file), or "" if there is none."""
    inner = op.location.location if isinstance(op.location, NameLoc) else None
    return inner.desc.data if isinstance(inner, NameLoc) else ""


def _file_line(location: Attribute) -> FileLineColLoc | None:
    match location:
        case FileLineColLoc():
            return location
        case NameLoc(location=inner) | CallSiteLoc(callee=inner):
            return _file_line(inner)
        case FusedLoc(locations=inner):
            return next((found for part in inner if (found := _file_line(part))), None)  # type: ignore[attr-defined]  # an ArrayAttr, by its constraint
        case _:
            return None
