"""docs/dialect.md: ops, types and attributes of the cedr dialect, and of what linalg lacks upstream."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase
from xdsl.dialects.linalg import Linalg as UpstreamLinalg
from xdsl.ir import Attribute, Operation, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import (
    AllOf,
    AnyAttr,
    AnyOf,
    AttrSizedOperandSegments,
    BaseAttr,
    EqAttrConstraint,
    OptAttributeDef,
    OptOperandDef,
    OptPropertyDef,
    OptResultDef,
    ParamAttrConstraint,
    RangeLengthConstraint,
    RangeOf,
    VarConstraint,
    VarOperandDef,
    VarResultDef,
)
from xdsl.irdl.constraints import AttrConstraint, RangeConstraint
from xdsl.traits import OpTrait

from cedr.dialects.cedr import Cedr
from cedr.dialects.linalg_extensions import Linalg
from cedr.tools.docs.markdown import code, docstring, page, table

_INTRODUCTION = """\
The dialect has the calls that a device can be asked for, `cedr.grid` for many of them on tiles, and weights, buffers and
events around them. It stands at three levels: grids on tensors, the same grids on buffers, the same with `after` on each
call. [architecture.md](architecture.md) shows one network at each. What a call computes, by dimensions, is in
[api.md](api.md); what one device takes of it is in [platform.md](platform.md)."""

_LINALG = """\
Named ops that MLIR has and xDSL 0.74 does not, with MLIR's text and meaning. Every linalg op, xDSL's own included, also
has MLIR's memory effects here: none on tensors, so that `cse` and `dce` work on it."""


def dialect_page() -> str:
    """The whole page."""
    upstream = set(UpstreamLinalg.operations)
    additions = [op for op in Linalg.operations if op not in upstream]
    types = [a for a in Cedr.attributes if issubclass(a, TypeAttribute)]
    attributes = [a for a in Cedr.attributes if not issubclass(a, TypeAttribute)]
    return page(
        "The cedr dialect",
        "`dialects/cedr/` and `dialects/linalg_extensions.py`",
        _INTRODUCTION,
        "## Ops",
        *(_op(op) for op in Cedr.operations),
        "## Types",
        *(_attribute(one, "!") for one in types),
        "## Attributes",
        *(_attribute(one, "#") for one in attributes),
        "## Additions to linalg",
        _LINALG,
        *(_op(op) for op in additions),
        "## Traits of our own",
        table(
            ("trait", "what"), [(code(t.__name__), docstring(t)) for t in _own_traits([*Cedr.operations, *additions])]
        ),
    )


def _op(op: type[Operation]) -> str:
    definition = op.get_irdl_definition()  # type: ignore[attr-defined]  # every registered op is an IRDLOperation
    sizes = {o.attribute_name for o in definition.options if isinstance(o, AttrSizedOperandSegments)}
    rows: list[tuple[str, str, str]] = []
    for name, operand in definition.operands:
        rows.append(("operand", code(name), _constrained(operand, operand.constr, VarOperandDef, OptOperandDef)))
    for name, result in definition.results:
        rows.append(("result", code(name), _constrained(result, result.constr, VarResultDef, OptResultDef)))
    for kind, found in (("property", definition.properties), ("attribute", definition.attributes)):
        for name, one in found.items():
            if name not in sizes:
                optional = isinstance(one, OptPropertyDef | OptAttributeDef)
                rows.append((kind, code(name), constraint_text(one.constr) + (", optional" if optional else "")))
    rows += [("region", code(name), "one block") for name, _ in definition.regions]
    traits = ", ".join(dict.fromkeys(_trait(trait) for trait in sorted(op.traits, key=_trait)))
    parts = [
        f"### `{op.name}`",
        docstring(op),
        table(("", "name", "what"), rows),
        f"Traits: {traits}." if traits else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _own_traits(ops: Sequence[type[Operation]]) -> list[type[OpTrait]]:
    """The traits that this project defines, by name."""
    found = {type(trait) for op in ops for trait in op.traits}
    return sorted((trait for trait in found if trait.__module__.startswith("cedr.")), key=lambda trait: trait.__name__)


def _attribute(attribute: type[Attribute], sigil: str) -> str:
    assert issubclass(attribute, ParametrizedAttribute)
    parameters = attribute.get_irdl_definition().parameters
    rows = [(code(name), constraint_text(parameter.constr)) for name, parameter in parameters]
    parts = [f"### `{sigil}{attribute.name}`", docstring(attribute), table(("parameter", "what"), rows)]
    return "\n\n".join(part for part in parts if part)


def _constrained(
    definition: object, constraint: AttrConstraint | RangeConstraint, variadic: type[object], optional: type[object]
) -> str:
    text = constraint_text(constraint)
    if isinstance(definition, optional):
        return f"{text}, optional"
    return f"any number of {text}" if isinstance(definition, variadic) else text


def constraint_text(constraint: AttrConstraint | RangeConstraint) -> str:
    """A constraint in words: `tensor or memref`. Raises ValueError for a kind that has no words yet."""
    match constraint:
        case RangeOf(constr=inner) | RangeLengthConstraint(constraint=inner):
            return constraint_text(inner)
        case VarConstraint(constraint=inner):
            return constraint_text(inner)
        case AnyAttr():
            return "any"
        case BaseAttr(attr=attribute):
            return code(_short(attribute))
        case AnyOf(attr_constrs=choices):
            return " or ".join(map(constraint_text, choices))
        case AllOf(attr_constrs=all_of):
            return " and ".join(text for text in map(constraint_text, all_of) if text != "any") or "any"
        case ParamAttrConstraint(base_attr=attribute):
            return code(_short(attribute))
        case EqAttrConstraint(attr=attribute):
            return code(str(attribute))
    if type(constraint).__name__ == "ArrayOfConstraint":  # not exported by xdsl.irdl
        return f"array of {constraint_text(constraint.elem_range_constraint)}"  # type: ignore[union-attr]
    raise ValueError(f"no words for the constraint {constraint!r}")


_NAMES = {
    "dense": "dense elements",
    "affine_map": "affine map",
    "dictionary": "dictionary",
    "symbol_ref": "symbol",
    "integer": "integer",
    "integer_type": "integer type",
    "string": "string",
    "unit": "unit",
    "int": "int",
}


def _short(attribute: type[Attribute]) -> str:
    if attribute is DenseArrayBase:  # goes by the name of the other kind of array
        return "dense array"
    name = getattr(attribute, "name", None)
    if not isinstance(name, str):
        return attribute.__name__
    return _NAMES.get(name.removeprefix("builtin."), name.removeprefix("builtin."))


def _trait(trait: OpTrait) -> str:
    return type(trait).__name__
