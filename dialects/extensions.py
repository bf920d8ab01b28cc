"""What xDSL 0.74 lacks outside of linalg: `arith.remf`, `ml_program`, reshapes from and to tensors without dimensions.

The ops mirror MLIR's of the same names (https://mlir.llvm.org/docs/Dialects/): same text in both forms. `Arith` and
`MLProgram` are the dialects to register in place of xDSL's. Importing this module also makes the verifiers of
`tensor.expand_shape` and `tensor.collapse_shape` take tensors without dimensions, whose `[]` groups no dimension, and
gives the latter a verifier at all.
"""

from __future__ import annotations

from xdsl.dialects import arith, tensor
from xdsl.dialects.arith import Arith as UpstreamArith
from xdsl.dialects.builtin import ShapedType, SymbolNameConstraint, SymbolRefAttr, TensorType, UnitAttr
from xdsl.dialects.builtin import StringAttr as StringAttr
from xdsl.dialects.utils.reshape_ops_utils import verify_reshape_like_types
from xdsl.ir import Attribute, Dialect, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import SymbolOpInterface
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class RemfOp(arith.FloatingPointLikeBinaryOperation):
    """The remainder of a division that is rounded to zero, with the sign of the dividend: C's fmod.

    See https://mlir.llvm.org/docs/Dialects/ArithOps/#arithremf-arithremfop.
    """

    name = "arith.remf"


Arith = Dialect("arith", [*UpstreamArith.operations, RemfOp], [*UpstreamArith.attributes])
"""xDSL's arith and the op above."""


@irdl_op_definition
class GlobalOp(IRDLOperation):
    """A variable of the module: `ml_program.global private mutable @name(dense<0> : tensor<i64>) : tensor<i64>`.

    See https://mlir.llvm.org/docs/Dialects/MLProgramOps/#ml_programglobal-ml_programglobalop.
    """

    name = "ml_program.global"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TypeAttribute)
    is_mutable = opt_prop_def(UnitAttr)
    value = opt_prop_def()
    sym_visibility = opt_prop_def(StringAttr)

    traits = traits_def(SymbolOpInterface())

    def verify_(self) -> None:
        if self.is_mutable is None and self.value is None:
            raise VerifyException(f"'{self.name}' @{self.sym_name.data} is not mutable and has no value")

    def print(self, printer: Printer) -> None:
        if self.sym_visibility is not None:
            printer.print_string(f" {self.sym_visibility.data}")
        if self.is_mutable is not None:
            printer.print_string(" mutable")
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        if self.value is not None:
            with printer.in_parens():
                printer.print_attribute(self.value)
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> GlobalOp:
        visibility = parser.parse_optional_visibility_keyword()
        mutable = parser.parse_optional_keyword("mutable")
        name = parser.parse_symbol_name()
        value = None
        if parser.parse_optional_punctuation("("):
            value = parser.parse_attribute()
            parser.parse_punctuation(")")
        parser.parse_punctuation(":")
        properties: dict[str, Attribute | None] = {
            "sym_name": name,
            "type": parser.parse_type(),
            "is_mutable": UnitAttr() if mutable else None,
            "value": value,
            "sym_visibility": visibility,
        }
        return cls.build(properties=properties, attributes=parser.parse_optional_attr_dict())


class _LoadOp(IRDLOperation):
    """Reads a variable of the module."""

    variable = prop_def(SymbolRefAttr, prop_name="global")
    result = result_def()

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.variable)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> _LoadOp:
        name = parser.parse_symbol_name()
        parser.parse_punctuation(":")
        return cls.build(
            properties={"global": SymbolRefAttr(name)},
            result_types=[parser.parse_type()],
            attributes=parser.parse_optional_attr_dict(),
        )


@irdl_op_definition
class GlobalLoadOp(_LoadOp):
    """Reads a variable of the module: `ml_program.global_load @name : type`.

    See https://mlir.llvm.org/docs/Dialects/MLProgramOps/#ml_programglobal_load-ml_programgloballoadop.
    """

    name = "ml_program.global_load"


@irdl_op_definition
class GlobalLoadConstOp(_LoadOp):
    """Reads a variable of the module that nothing writes: `ml_program.global_load_const @name : type`.

    See https://mlir.llvm.org/docs/Dialects/MLProgramOps/#ml_programglobal_load_const-ml_programgloballoadconstop.
    """

    name = "ml_program.global_load_const"


@irdl_op_definition
class GlobalStoreOp(IRDLOperation):
    """Writes a variable of the module: `ml_program.global_store @name = %value : type`.

    See https://mlir.llvm.org/docs/Dialects/MLProgramOps/#ml_programglobal_store-ml_programglobalstoreop.
    """

    name = "ml_program.global_store"

    variable = prop_def(SymbolRefAttr, prop_name="global")
    value = operand_def()

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.variable)
        printer.print_string(" = ")
        printer.print_ssa_value(self.value)
        printer.print_string(" : ")
        printer.print_attribute(self.value.type)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> GlobalStoreOp:
        name = parser.parse_symbol_name()
        parser.parse_punctuation("=")
        unresolved = parser.parse_unresolved_operand()
        parser.parse_punctuation(":")
        value: SSAValue = parser.resolve_operand(unresolved, parser.parse_type())
        return cls.build(
            operands=[value],
            properties={"global": SymbolRefAttr(name)},
            attributes=parser.parse_optional_attr_dict(),
        )


MLProgram = Dialect("ml_program", [GlobalOp, GlobalLoadOp, GlobalLoadConstOp, GlobalStoreOp])


def _verify_reshape(op: tensor.ExpandShapeOp | tensor.CollapseShapeOp) -> None:
    """The dims of the smaller shape are products of the groups of the larger one's; without dims, all sizes are 1."""
    collapses = isinstance(op, tensor.CollapseShapeOp)
    larger, smaller = (op.src.type, op.result.type) if collapses else (op.result.type, op.src.type)
    assert isinstance(larger, TensorType) and isinstance(smaller, TensorType)
    if larger.get_element_type() != smaller.get_element_type():
        raise VerifyException(f"'{op.name}' changes the element type from {op.src.type} to {op.result.type}")
    if smaller.get_shape():
        verify_reshape_like_types(collapsed_type=smaller, expanded_type=larger, reassociation=op.reassociation)
    elif op.reassociation.data or any(size != 1 for size in larger.get_shape()):
        raise VerifyException(
            f"'{op.name}' of a tensor without dimensions groups no dimension, and the other sizes are 1; got {larger}"
        )


_verify_expand_shape = tensor.ExpandShapeOp.verify_


def _verify_expansion(self: tensor.ExpandShapeOp) -> None:
    if isinstance(self.src.type, ShapedType) and self.src.type.get_shape():
        _verify_expand_shape(self)  # type: ignore[no-untyped-call]  # xDSL's verify_ has no annotation
    _verify_reshape(self)


tensor.ExpandShapeOp.verify_ = _verify_expansion  # type: ignore[method-assign]  # xDSL's refuses an operand without dims
tensor.CollapseShapeOp.verify_ = _verify_reshape  # type: ignore[method-assign,assignment]  # xDSL has none
