"""`specialize-sizes`: a module whose arguments have open sizes becomes one of given sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, cf, func, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    DenseArrayBase,
    FloatAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    ShapedType,
    TensorType,
    i32,
    i64,
)
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.cedr import Affine, shape_of
from cedr.dialects.cedr.attrs import ints_of
from cedr.dialects.interpreter.linalg import loop_extents
from cedr.dialects.interpreter.scalar import evaluate
from cedr.dialects.linalg_extensions import MapOp
from cedr.passes.constants import erase_unused
from cedr.passes.convert_loops import kept_dims
from cedr.passes.errors import PassError, at
from cedr.passes.import_linalg import argument_names, entry_function

_SCALARS = ("arith", "math")


@dataclass(frozen=True)
class SpecializeSizesPass(ModulePass):
    """Puts numbers for the open sizes of a model's arguments; the rest of a pipeline takes static sizes only.

    Before:

    ```
    func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x8xf32> {
      %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
      %batch = tensor.dim %x, %c0 : tensor<?x?x8xf32>
      %length = tensor.dim %x, %c1 : tensor<?x?x8xf32>
      %count = arith.muli %batch, %length : index
      %out = tensor.empty(%count) : tensor<?x8xf32>
      %y = linalg.generic {...} ins(%rows : tensor<?x8xf32>) outs(%out : tensor<?x8xf32>) {...}
    ```

    After, with sizes=2,5:

    ```
    func.func @main(%x: tensor<2x5x8xf32>) -> tensor<10x8xf32> {
      %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x5x8xf32> into tensor<10x8xf32>
      %out = tensor.empty() : tensor<10x8xf32>
      %y = linalg.generic {...} ins(%rows : tensor<10x8xf32>) outs(%out : tensor<10x8xf32>) {...}
    ```

    sizes: one for each `?` among the arguments of the model (the function called main, called forward, or the only one),
    from left to right. All types follow from these; sizes, and what else is computed of them alone, become constants;
    assertions about them are checked and dropped. Raises PassError, a line per op, for sizes that are missing or too many,
    that don't fit together, or that leave a tensor without elements, and for ops whose sizes depend on data.
    """

    name = "specialize-sizes"

    sizes: tuple[int, ...]

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = entry_function(op, self.name)
        block = function.body.block
        self._take_sizes(function, block)
        _Specializer(self.name).run(block)
        results = [value.type for value in cast("func.ReturnOp", block.last_op).arguments]
        function.properties["function_type"] = FunctionType.from_lists(list(block.arg_types), results)

    @classmethod
    def for_shapes(cls, module: ModuleOp, shapes: Mapping[str, Sequence[int]]) -> list[SpecializeSizesPass]:
        """The pass for inputs of these shapes, by name; none for a module without open sizes. Raises PassError for an input
        with open sizes that has no shape, and for a shape that is not its."""
        functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
        types = [type_ for one in functions for type_ in one.function_type.inputs if isinstance(type_, TensorType)]
        if all(type_.has_static_shape() for type_ in types):
            return []
        function = entry_function(module, cls.name)
        sizes: list[int] = []
        for value, name in zip(function.body.block.args, argument_names(function), strict=True):
            if not (dims := _open_dims(value)):
                continue
            if name not in shapes:
                reason = f"leaves sizes of input '{name}' open, which is {value.type}; say them: --input {name}=X.npy"
                raise PassError(cls.name, [at(function, reason)])
            shape = shapes[name]
            if len(shape) != len(shape_of(value)) or any(
                wanted not in (DYNAMIC_INDEX, size) for wanted, size in zip(shape_of(value), shape, strict=True)
            ):
                raise PassError(
                    cls.name, [at(function, f"takes {value.type} for '{name}', got the shape {list(shape)}")]
                )
            sizes += [shape[dim] for dim in dims]
        return [cls(tuple(sizes))]

    def _take_sizes(self, function: func.FuncOp, block: Block) -> None:
        """The arguments' types."""
        places = [
            f"dimension {dim} of argument {index}" + (f" (%{value.name_hint})" if value.name_hint else "")
            for index, value in enumerate(block.args)
            for dim in _open_dims(value)
        ]
        wanted = "; ".join(places) or "none"
        if len(self.sizes) != len(places):
            reason = f"has {len(places)} open sizes, {len(self.sizes)} given; the open ones are {wanted}"
            raise PassError(self.name, [at(function, reason)])
        for place, size in zip(places, self.sizes, strict=True):
            if size < 1:
                raise PassError(self.name, [at(function, f"takes sizes of 1 or more, got {size} for {place}")])
        given = iter(self.sizes)
        for value in block.args:
            if _open_dims(value):
                shape = [next(given) if size == DYNAMIC_INDEX else size for size in shape_of(value)]
                Rewriter.replace_value_with_new_type(value, _with_shape(value.type, shape))


class _Mismatch(Exception):
    """Why an op does not take operands of these sizes."""


class _Specializer:
    """One walk in program order: an op's operands have their sizes before it."""

    def __init__(self, name: str):
        self.name = name
        self.known: dict[SSAValue, Any] = {}
        self._computed: list[Operation] = []

    def run(self, block: Block) -> None:
        """Raises PassError."""
        for op in list(block.ops):
            try:
                self._visit(op)
            except (_Mismatch, InterpretationError) as reason:
                raise PassError(self.name, [at(op, str(reason))]) from reason
            for value in op.results:
                if isinstance(value.type, ShapedType) and 0 in value.type.get_shape():
                    raise PassError(self.name, [at(op, f"gives {value.type}, a tensor without elements")])
        erase_unused(self._computed)

    def _visit(self, op: Operation) -> None:
        if isinstance(op, arith.ConstantOp) and isinstance(op.value, IntegerAttr | FloatAttr):
            self.known[op.result] = evaluate(op, ())
            self._computed.append(op)
        elif isinstance(op, tensor.DimOp):
            self._computed.append(op)
            self._visit_dim(op)
        elif op.name.partition(".")[0] in _SCALARS and all(value in self.known for value in op.operands):
            if op.results and not isinstance(op.results[0].type, ShapedType):
                self._computed.append(op)
                self._fold(op, evaluate(op, [self.known[value] for value in op.operands]))
        elif isinstance(op, cf.AssertOp):
            self._check(op)
        elif isinstance(op, tensor.CastOp):
            self._leave_out(op)
        elif isinstance(op, scf.ForOp):
            self._visit_loop(op)
        elif any(isinstance(value.type, TensorType) for value in (*op.operands, *op.results)):
            self._visit_tensors(op)

    def _visit_dim(self, op: tensor.DimOp) -> None:
        if op.index not in self.known:
            raise _Mismatch("asks for a dimension that is not a constant")
        dim, shape = int(self.known[op.index]), shape_of(op.source)
        if not 0 <= dim < len(shape):
            raise _Mismatch(f"asks for dimension {dim} of {op.source.type}")
        self._fold(op, np.int64(shape[dim]))

    def _fold(self, op: Operation, value: Any) -> None:
        """What an op gives becomes a constant."""
        (result,) = op.results
        block = op.parent
        assert block is not None
        attribute = _attribute(value, result.type)
        if attribute is None:
            return
        constant = arith.ConstantOp(attribute)
        constant.location = op.location
        constant.result.name_hint = result.name_hint
        block.insert_op_before(constant, op)
        result.replace_all_uses_with(constant.result)
        self._computed.append(constant)
        self.known[constant.result] = value

    def _check(self, op: cf.AssertOp) -> None:
        if op.arg not in self.known:
            return
        if not bool(self.known[op.arg]):
            raise _Mismatch(f"does not hold for these sizes: {op.msg.data}")
        assert op.parent is not None
        op.parent.erase_op(op)

    def _leave_out(self, op: tensor.CastOp) -> None:
        """A cast between sizes that are known by now."""
        source, wanted = shape_of(op.source), shape_of(op.dest)
        if any(size not in (DYNAMIC_INDEX, given) for given, size in zip(source, wanted, strict=True)):
            raise _Mismatch(f"casts {op.source.type} to {op.dest.type}")
        op.dest.replace_all_uses_with(op.source)
        assert op.parent is not None
        op.parent.erase_op(op)

    def _visit_loop(self, op: scf.ForOp) -> None:
        for carried, value, result in zip(op.iter_args, op.body.block.args[1:], list(op.results), strict=True):
            _set_type(value, carried.type)
            _set_type(result, carried.type)
        self.run(op.body.block)

    def _visit_tensors(self, op: Operation) -> None:
        if isinstance(op, tensor.EmptyOp | tensor.SplatOp):
            self._size(op)
        kept = kept_dims(op.static_sizes, shape_of(op.result)) if isinstance(op, tensor.ExtractSliceOp) else ()
        self._fold_operands(op)
        if isinstance(op, tensor.ExtractSliceOp):
            _set_type(op.result, _sliced(op, kept))
        rule = next((rule for kind, rule in _RULES.items() if isinstance(op, kind)), None)
        if rule is not None:
            for result, type_ in zip(list(op.results), rule(op), strict=True):
                _set_type(result, type_)
        for region in op.regions:
            for block in region.blocks:
                for inner in list(block.ops):
                    if isinstance(inner, tensor.DimOp):
                        self._visit_dim(inner)
                        erase_unused([inner])
        for value in op.results:
            if isinstance(value.type, ShapedType) and DYNAMIC_INDEX in value.type.get_shape():
                raise _Mismatch(f"gives {value.type}, whose sizes don't follow from those of the arguments")

    def _size(self, op: tensor.EmptyOp | tensor.SplatOp) -> None:
        """Sizes that are operands, one for each `?` of the type."""
        sizes = op.dynamicSizes if isinstance(op, tensor.SplatOp) else op.dynamic_sizes
        if not sizes or not all(value in self.known for value in sizes):
            return
        given = iter([int(self.known[value]) for value in sizes])
        op.operands = [value for value in op.operands if value not in sizes]
        (result,) = op.results
        shape = [next(given) if size == DYNAMIC_INDEX else size for size in shape_of(result)]
        _set_type(result, _with_shape(result.type, shape))

    def _fold_operands(self, op: Operation) -> None:
        """Sizes and positions that are operands, where they are known: into the op's attributes."""
        names = next((names for kind, names in _SIZE_OPERANDS.items() if isinstance(op, kind)), ())
        if not names:
            return
        segments: list[list[SSAValue]] = []
        taken = {id(value) for _, operands in names for value in getattr(op, operands)}
        tensors = [[value] for value in op.operands if isinstance(value.type, TensorType)]
        assert all(id(value) not in taken for (value,) in tensors)
        for static, operands in names:
            dynamic = iter(getattr(op, operands))
            numbers: list[int] = []
            left: list[SSAValue] = []
            for number in ints_of(op.properties[static]):  # type: ignore[arg-type]  # an array of integers in all these ops
                value = next(dynamic) if number == DYNAMIC_INDEX else None
                if value is not None and value not in self.known:
                    left.append(value)
                numbers.append(number if value is None or value not in self.known else int(self.known[value]))
            op.properties[static] = DenseArrayBase.from_list(i64, numbers)
            segments.append(left)
        groups = [*tensors, *segments]
        op.operands = [value for group in groups for value in group]
        if "operandSegmentSizes" in op.properties:
            op.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [len(group) for group in groups])


# The types of ops' results, from their operands' types.


def _initialised(op: Operation) -> list[Attribute]:
    """Linalg: of the tensors that are written to, once the loops fit all operands."""
    if isinstance(op, LinalgStructuredOperation):
        _check_loops(op)
        return [value.type for value in op.outputs]
    assert isinstance(op, linalg_ops.ReduceOp | linalg_ops.BroadcastOp | MapOp)
    return [op.init.type]


def _check_loops(op: LinalgStructuredOperation) -> None:
    count = len(op.get_iterator_types())
    maps = [tuple(Affine.of(result, count) for result in map_.data.results) for map_ in op.get_indexing_maps().data]
    extents = loop_extents(op, maps)
    for value, results in zip(op.operands, maps, strict=True):
        for dim, (result, size) in enumerate(zip(results, shape_of(value) if results else (), strict=True)):
            low, high = result.bounds(extents)
            is_loop = sorted(result.coefficients)[-1:] == [1] and sum(result.coefficients) == 1 == result.divisor
            if low < 0 or (high != size - 1 if is_loop and not result.constant else high >= size):
                loops = ", ".join(map(str, extents))
                raise _Mismatch(f"has loops of {loops}, which don't fit dimension {dim} of {value.type}")


def _sliced(op: tensor.ExtractSliceOp, kept: Sequence[int]) -> Attribute:
    sizes = ints_of(op.static_sizes)
    boxes = zip(ints_of(op.static_offsets), sizes, ints_of(op.static_strides), strict=True)
    for dim, (whole, box) in enumerate(zip(shape_of(op.source), boxes, strict=True)):
        offset, size, step = box
        if DYNAMIC_INDEX not in box and size and not 0 <= offset <= offset + (size - 1) * step < whole:
            raise _Mismatch(f"takes {size} from {offset} on in steps of {step} of dimension {dim} of {op.source.type}")
    return _with_shape(op.result.type, [sizes[dim] for dim in kept])


def _inserted(op: Operation) -> list[Attribute]:
    assert isinstance(op, tensor.InsertSliceOp)
    if prod(ints_of(op.static_sizes)) != prod(shape_of(op.source)):
        raise _Mismatch(f"puts {op.source.type} at a place of {list(ints_of(op.static_sizes))}")
    return [op.dest.type]


def _padded(op: Operation) -> list[Attribute]:
    assert isinstance(op, tensor.PadOp)
    widths = zip(ints_of(op.static_low), ints_of(op.static_high), strict=True)
    shape = []
    for size, (low, high) in zip(shape_of(op.source), widths, strict=True):
        if DYNAMIC_INDEX not in (low, high) and min(low, high) < 0:
            raise _Mismatch(f"has a border of {min(low, high)}")
        shape.append(DYNAMIC_INDEX if DYNAMIC_INDEX in (low, high) else low + size + high)
    return [_with_shape(op.result.type, shape)]


def _concatenated(op: Operation) -> list[Attribute]:
    assert isinstance(op, tensor.ConcatOp)
    axis = op.dim.value.data
    shapes = [list(shape_of(value)) for value in op.inputs]
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
        raise _Mismatch(f"joins {', '.join(str(value.type) for value in op.inputs)} along dimension {axis}")
    return [
        _with_shape(op.result.type, [*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :]])
    ]


def _collapsed(op: Operation) -> list[Attribute]:
    assert isinstance(op, tensor.CollapseShapeOp)
    shape, groups = shape_of(op.src), [[dim.value.data for dim in group] for group in op.reassociation]
    return [_with_shape(op.result.type, [prod(shape[dim] for dim in group) for group in groups])]


def _expanded(op: Operation) -> list[Attribute]:
    assert isinstance(op, tensor.ExpandShapeOp)
    shape = list(ints_of(op.static_output_shape))
    for size, group in zip(shape_of(op.src), op.reassociation, strict=True):
        dims = [dim.value.data for dim in group]
        if (left := [dim for dim in dims if shape[dim] == DYNAMIC_INDEX]) and len(left) == 1:
            shape[left[0]] = size // (prod(shape[dim] for dim in dims if dim != left[0]) or 1)
        if prod(shape[dim] for dim in dims) != size:
            raise _Mismatch(f"expands a dimension of {size} to {[shape[dim] for dim in dims]}")
    op.properties["static_output_shape"] = DenseArrayBase.from_list(i64, shape)
    return [_with_shape(op.result.type, shape)]


_RULES: dict[Any, Callable[[Operation], list[Attribute]]] = {
    LinalgStructuredOperation: _initialised,
    linalg_ops.ReduceOp: _initialised,
    linalg_ops.BroadcastOp: _initialised,
    MapOp: _initialised,
    tensor.InsertSliceOp: _inserted,
    tensor.InsertOp: lambda op: [op.operands[1].type],
    tensor.PadOp: _padded,
    tensor.ConcatOp: _concatenated,
    tensor.CollapseShapeOp: _collapsed,
    tensor.ExpandShapeOp: _expanded,
}

_POSITIONS = (("static_offsets", "offsets"), ("static_sizes", "sizes"), ("static_strides", "strides"))
_SIZE_OPERANDS: dict[Any, tuple[tuple[str, str], ...]] = {
    tensor.ExtractSliceOp: _POSITIONS,
    tensor.InsertSliceOp: _POSITIONS,
    tensor.PadOp: (("static_low", "low"), ("static_high", "high")),
    tensor.ExpandShapeOp: (("static_output_shape", "dynamic_output_shape"),),
}
"""Op -> (attribute of numbers, operands where these are marked)."""


def _open_dims(value: SSAValue) -> list[int]:
    return [dim for dim, size in enumerate(shape_of(value)) if size == DYNAMIC_INDEX] if _is_tensor(value) else []


def _is_tensor(value: SSAValue) -> bool:
    return isinstance(value.type, TensorType)


def _with_shape(type_: Attribute, shape: Sequence[int]) -> TensorType[Attribute]:
    assert isinstance(type_, TensorType)
    return TensorType(type_.element_type, shape)


def _set_type(value: SSAValue, type_: Attribute) -> None:
    if value.type != type_:
        Rewriter.replace_value_with_new_type(value, type_)


def _attribute(value: Any, type_: Attribute) -> IntegerAttr | FloatAttr | None:
    """A number as the value of a constant, None of a type that has none there."""
    if isinstance(type_, AnyFloat):
        return FloatAttr(float(value), type_)
    return IntegerAttr(int(value), type_, truncate_bits=True) if isinstance(type_, IntegerType | IndexType) else None
