"""Weights, buffers, views, and the events of a whole function."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, MemRefType, StringAttr, SymbolRefAttr, TensorType, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
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
from xdsl.traits import MemoryAllocEffect, MemoryReadEffect, MemoryWriteEffect, Pure, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from cedr.dialects.cedr.attrs import SHAPED, DependencyAttr, parse_optional_after, print_after
from cedr.dialects.cedr.calls import element_type_of, shape_of


@irdl_op_definition
class WeightOp(IRDLOperation):
    """`%w = cedr.weight @"conv1.weight" : tensor<64x3x3x3xf32>`: a tensor of the module's weights file, by name.

    The bytes stand in the .safetensors file that the module's `cedr.weights_file` names, never in the IR.
    """

    name = "cedr.weight"

    weight = prop_def(SymbolRefAttr)
    result = result_def(SHAPED)

    traits = traits_def(Pure())

    assembly_format = "$weight attr-dict `:` type($result)"

    def __init__(self, weight: str, type: TensorType[Attribute] | MemRefType[Attribute]):
        super().__init__(properties={"weight": SymbolRefAttr(weight)}, result_types=[type])

    @property
    def weight_name(self) -> str:
        return self.weight.root_reference.data


def weight_names(module: Operation) -> list[str]:
    """The weights that a module names, each once: those of its `cedr.weight` ops and the `cedr.initial` of arguments."""
    names: dict[str, None] = {}
    for op in module.walk():
        if isinstance(op, WeightOp):
            names[op.weight_name] = None
        elif isinstance(op, FuncOp):
            for attributes in op.arg_attrs or ():
                if isinstance(initial := attributes.data.get("cedr.initial"), StringAttr):
                    names[initial.data] = None
    return list(names)


@irdl_op_definition
class AllocOp(IRDLOperation):
    """`%0 = cedr.alloc at 4096 : memref<1x64x226x226xf32>`: a buffer; `at`: its byte offset in the arena, once planned."""

    name = "cedr.alloc"

    offset = opt_prop_def(IntegerAttr)
    result = result_def(MemRefType)

    traits = traits_def(MemoryAllocEffect())

    def __init__(self, type: MemRefType[Attribute], offset: int | None = None):
        super().__init__(
            properties={"offset": None if offset is None else IntegerAttr(offset, i64)}, result_types=[type]
        )

    def size_bytes(self) -> int:
        from cedr.dialects.element_types import element_size_bytes

        return prod(shape_of(self.result)) * element_size_bytes(element_type_of(self.result))

    def print(self, printer: Printer) -> None:
        if self.offset is not None:
            printer.print_string(f" at {self.offset.value.data}")
        if self.attributes:
            printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    @classmethod
    def parse(cls, parser: Parser) -> AllocOp:
        offset = parser.parse_integer() if parser.parse_optional_keyword("at") else None
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        pos = parser.pos
        result_type = parser.parse_type()
        if not isinstance(result_type, MemRefType):
            parser.raise_error("cedr.alloc makes a memref", pos, parser.pos)
        op = cls(result_type, offset)
        op.attributes |= attributes
        return op

    def verify_(self) -> None:
        if self.offset is not None and self.offset.value.data < 0:
            raise VerifyException(f"'cedr.alloc' needs an offset >= 0, got {self.offset.value.data}")
        if any(s < 1 for s in shape_of(self.result)):
            raise VerifyException(f"'cedr.alloc' needs a static shape, got {self.result.type}")


@irdl_op_definition
class ViewOp(IRDLOperation):
    """`%v = cedr.view %x : memref<1x512x7x7xf32> to memref<1x25088xf32>`: the same elements in row-major order."""

    name = "cedr.view"

    source = operand_def(SHAPED)
    result = result_def(SHAPED)

    traits = traits_def(Pure())

    assembly_format = "$source attr-dict `:` type($source) `to` type($result)"

    def __init__(self, source: SSAValue, type: TensorType[Attribute] | MemRefType[Attribute]):
        super().__init__(operands=[source], result_types=[type])

    def verify_(self) -> None:
        if isinstance(self.source.type, TensorType) != isinstance(self.result.type, TensorType):
            raise VerifyException("'cedr.view' goes from tensor to tensor or from memref to memref")
        if element_type_of(self.source) != element_type_of(self.result):
            raise VerifyException(f"'cedr.view' keeps the element type, got {self.source.type} to {self.result.type}")
        if prod(shape_of(self.source)) != prod(shape_of(self.result)):
            raise VerifyException(f"'cedr.view' keeps the elements, got {self.source.type} to {self.result.type}")


def _verify_after(name: str, after: ArrayAttr[Attribute] | None) -> None:
    for entry in after.data if after is not None else ():
        if not isinstance(entry, DependencyAttr) or entry.lower.data.num_dims:
            raise VerifyException(f"'{name}' waits for boxes of constant indices, got {entry}")


@irdl_op_definition
class JoinOp(IRDLOperation):
    """`cedr.join @j0 base 77 after [war @conv:0[0 to 27]]`: one zero-cost task that gathers many dependencies into one.

    Others wait for it as call 0 of a grid without dimensions: `war @j0:0[]`.
    """

    name = "cedr.join"

    sym_name = prop_def(StringAttr)
    base = opt_prop_def(IntegerAttr)
    after = opt_prop_def(ArrayAttr)

    traits = traits_def(SymbolOpInterface(), MemoryReadEffect(), MemoryWriteEffect())

    def __init__(self, name: str, base: int | None = None, after: Sequence[DependencyAttr] | None = None):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "base": None if base is None else IntegerAttr(base, i64),
                "after": None if after is None else ArrayAttr(after),
            }
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        if self.base is not None:
            printer.print_string(f" base {self.base.value.data}")
        print_after(printer, self.after)
        if self.attributes:
            printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> JoinOp:
        name = parser.parse_symbol_name()
        base = parser.parse_integer() if parser.parse_optional_keyword("base") else None
        op = cls(name.data, base)
        op.properties |= _after_property(parser)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def verify_(self) -> None:
        _verify_after(f"cedr.join @{self.sym_name.data}", self.after)


@irdl_op_definition
class WaitOp(IRDLOperation):
    """`cedr.wait after [raw @fc:0[0 to 9]]`: the host goes on when these tasks have ended; without `after`, when all have."""

    name = "cedr.wait"

    after = opt_prop_def(ArrayAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    def __init__(self, after: Sequence[DependencyAttr] | None = None):
        super().__init__(properties={"after": None if after is None else ArrayAttr(after)})

    def print(self, printer: Printer) -> None:
        print_after(printer, self.after)
        if self.attributes:
            printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> WaitOp:
        op = cls()
        op.properties |= _after_property(parser)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def verify_(self) -> None:
        _verify_after("cedr.wait", self.after)


def _after_property(parser: Parser) -> dict[str, Attribute]:
    after = parse_optional_after(parser, 0)
    return {} if after is None else {"after": after}
