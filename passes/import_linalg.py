"""`import-linalg`: linalg on tensors as other tools write it becomes what our own frontend writes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, cf, func, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    UNKNOWN_LOC,
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    BytesAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    DictionaryAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    ShapedType,
    StringAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import (
    ConvOperation,
    ElementwiseOperation,
    LinalgStructuredOperation,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import InterpretationError, VerifyException

from cedr.dialects.cedr import WeightOp, shape_of
from cedr.dialects.cedr.attrs import ints_of
from cedr.dialects.constants import dense_splat
from cedr.dialects.diagnostics import Diagnostic
from cedr.dialects.element_types import numpy_dtype
from cedr.dialects.extensions import GlobalLoadConstOp, GlobalLoadOp, GlobalOp, GlobalStoreOp
from cedr.dialects.interpreter.scalar import stored_constant
from cedr.dialects.linalg_extensions import BatchMatmulOp, DepthwiseConv2DNchwChwOp, MapOp
from cedr.dialects.locations import source_place
from cedr.dialects.weights import CedrContext, WeightStore
from cedr.passes.constants import Evaluator
from cedr.passes.errors import PassError, at
from cedr.passes.layout import fold_positions, scalar_constant, splat_of

PASS = "import-linalg"
MODEL = "cedr.model"
ENTRIES = ("main", "forward")
LARGE = 16
"""A dense constant of more elements is a weight."""

_PARALLEL, _REDUCTION = IteratorTypeAttr.parallel(), IteratorTypeAttr.reduction()
_NUMBERS = (Float64Type, Float32Type, Float16Type, IntegerType, IndexType)
"""Element types of which a dense constant's bytes are those of a NumPy array."""
OpT = TypeVar("OpT", bound=Operation)
_Products = linalg_ops.MatmulOp | BatchMatmulOp


@dataclass(frozen=True)
class ImportLinalgPass(ModulePass):
    """Brings linalg on tensors from other tools (torch-mlir, mlir-opt) into the form that the passes behind it take.

    Before, as torch-mlir writes a convolution:

    ```
    func.func @forward(%arg0: tensor<1x4x9x8xf32>) -> tensor<1x5x7x6xf32> {
      %w = arith.constant dense_resource<filters> : tensor<5x4x3x3xf32>
      %b = arith.constant dense_resource<bias> : tensor<5xf32>
      %0 = linalg.broadcast ins(%b : tensor<5xf32>) outs(%e : tensor<1x5x7x6xf32>) dimensions = [0, 2, 3]
      %1 = linalg.conv_2d_nchw_fchw ins(%arg0, %w : ...) outs(%0 : tensor<1x5x7x6xf32>) -> tensor<1x5x7x6xf32>
    ```

    After, the bytes beside the IR:

    ```
    func.func @main(%arg0: tensor<1x4x9x8xf32> {cedr.name = "arg0"}) -> ... {
      %w = cedr.weight @filters : tensor<5x4x3x3xf32>
      %b = cedr.weight @bias : tensor<5xf32>
      %1 = linalg.conv_2d_nchw_fchw ins(%arg0, %w : ...) outs(%zero : tensor<1x5x7x6xf32>) -> tensor<1x5x7x6xf32>
      %2 = linalg.generic {...} ins(%1, %b : ...) { ^bb0(%x, %y, %o): addf %x, %y; yield }
    ```

    The function called main, called forward, or the only one becomes @main; others go. Weights in the text
    (`dense_resource`, large `dense`) and variables that nothing writes become weights and constants. `linalg.map`,
    `reduce`, `broadcast`, the named elementwise ops, and products that no call computes become generics; a depthwise
    convolution becomes a grouped one; what a layer accumulates onto is added behind it; `tensor.insert_slice` becomes a
    pad, a concat or a generic; scalars between the ops move into the generics that use them. An assertion is dropped
    where it can be shown to hold: on constants and weights, and on positions, which are checked when they are read.
    drop-asserts: drop all others too, which hold then or not; without, they are refused.

    IR that names its model (`cedr.model`), as the frontend writes it, stays as it is. Raises PassError with a line per op
    that can't be brought into that form: one of unknown size, an assertion about inputs, a call, weights where there is
    no file for them.
    """

    name = PASS

    drop_asserts: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if MODEL in op.attributes:
            return
        function = entry_function(op, PASS)
        _refuse(_unsized(function))
        context = ctx if isinstance(ctx, CedrContext) else CedrContext()
        constants = _Constants(context.resources, context.weights)
        reasons = [*constants.take_variables(op, function), *constants.take(function)]
        _refuse(reasons)
        context.resources = {}
        for other in list(op.ops):
            if other is not function and isinstance(other, func.FuncOp | GlobalOp):
                op.body.block.erase_op(other, safe_erase=False)
        _refuse(_check_assertions(op, function, constants.weights, self.drop_asserts))
        _Normaliser(function).run()
        _name(op, function)


def _refuse(reasons: Iterable[Diagnostic]) -> None:
    found = list(reasons)
    if found:
        raise PassError(PASS, found)


# Functions and their types.


def entry_function(module: ModuleOp, pass_name: str) -> func.FuncOp:
    """The function that is the model. Raises PassError where that can't be told, naming those that there are."""
    functions = [op for op in module.ops if isinstance(op, func.FuncOp) and not op.is_declaration]
    by_name = {op.sym_name.data: op for op in functions}
    found = next((by_name[name] for name in ENTRIES if name in by_name), None)
    if found is None and len(functions) == 1:
        found = functions[0]
    if found is None:
        names = ", ".join(f"@{name}" for name in by_name) or "none"
        raise PassError(
            pass_name,
            [at(module, f"has no function @main or @forward; its functions are {names}; call the model's one @main")],
        )
    if len(found.body.blocks) != 1:
        raise PassError(pass_name, [at(found, "branches between blocks; control flow other than scf.for is not known")])
    return found


def _unsized(function: func.FuncOp) -> list[Diagnostic]:
    """What is not a tensor of static shape where it must be one, after casts that only forget a shape are undone."""
    block = function.body.block
    for op in list(block.ops):
        if not isinstance(op, tensor.CastOp):
            continue
        # What forgets a shape is left out, and what states it again has then nothing to do.
        if _type(op.source).has_static_shape() and (
            op.source.type == op.dest.type or not _type(op.dest).has_static_shape()
        ):
            op.dest.replace_all_uses_with(op.source)
    for op in reversed(list(block.ops)):
        if isinstance(op, tensor.CastOp) and op.dest.first_use is None:
            block.erase_op(op)
    reasons = []
    for index, argument in enumerate(block.args):
        if not isinstance(argument.type, TensorType):
            reasons.append(
                at(function, f"argument {index} is {argument.type}, no tensor; make it a tensor without dims")
            )
        elif not argument.type.has_static_shape():
            reasons.append(at(function, f"argument {index} is {argument.type}: {_STATIC}"))
    for op in function.walk():
        if isinstance(op, func.CallOp):
            reasons.append(at(op, f"calls @{op.callee.root_reference.data}; inline it first (mlir-opt --inline)"))
        unsized = [r.type for r in op.results if isinstance(r.type, ShapedType) and not r.type.has_static_shape()]
        if unsized:
            reasons.append(at(op, f"gives {unsized[0]}: {_STATIC}"))
        if isinstance(op, func.ReturnOp):
            reasons += [
                at(op, f"returns {value.type}, no tensor; return it in a tensor (tensor.from_elements)")
                for value in op.arguments
                if not isinstance(value.type, TensorType)
            ]
    return reasons


_STATIC = "sizes have to be known when it is compiled; export the model with example inputs of fixed shapes"


def _name(module: ModuleOp, function: func.FuncOp) -> None:
    """The function is @main, its arguments have names, and so has the model."""
    given = module.attributes.get("torch.debug_module_name")
    place = source_place(function)
    stem = Path(place[0]).stem if place is not None and not place[0].startswith(("<", "-")) else ""
    module.attributes[MODEL] = given if isinstance(given, StringAttr) else StringAttr(stem or "model")
    function.properties["sym_name"] = StringAttr("main")
    function.properties.pop("sym_visibility", None)
    names = argument_names(function)
    attributes = [dict(entry.data) for entry in function.arg_attrs.data] if function.arg_attrs else [{} for _ in names]
    for name, entry in zip(names, attributes, strict=True):
        entry["cedr.name"] = StringAttr(name)
    if attributes:
        function.properties["arg_attrs"] = ArrayAttr([DictionaryAttr(entry) for entry in attributes])


def argument_names(function: func.FuncOp) -> list[str]:
    """What a model's inputs are called: as they say, or as in the text."""
    arguments = function.body.block.args
    given = (
        [entry.data.get("cedr.name") for entry in function.arg_attrs.data]
        if function.arg_attrs
        else [None] * len(arguments)
    )
    return [
        name.data if isinstance(name, StringAttr) else argument.name_hint or f"input{index}"
        for index, (name, argument) in enumerate(zip(given, arguments, strict=True))
    ]


# Constants.


class _Constants:
    """Turns constants that the text holds into weights, and variables that nothing writes into constants."""

    def __init__(self, resources: Mapping[str, str], weights: WeightStore | None):
        self.resources = resources
        self.weights = weights
        self.names: dict[str, str] = {}

    def take_variables(self, module: ModuleOp, function: func.FuncOp) -> list[Diagnostic]:
        variables = {op.sym_name.data: op for op in module.ops if isinstance(op, GlobalOp)}
        stores = [op for op in function.walk() if isinstance(op, GlobalStoreOp)]
        reasons = [
            at(op, "writes a variable that lives from run to run, which a compiled model has not") for op in stores
        ]
        for op in [o for o in function.walk() if isinstance(o, GlobalLoadOp | GlobalLoadConstOp)]:
            name = op.variable.root_reference.data
            if name not in variables:
                close = difflib.get_close_matches(name, variables, 3) or list(variables)
                there = ", ".join(f"@{one}" for one in close) or "none"
                reasons.append(at(op, f"reads @{name}, which the module lacks; there are {there}"))
                continue
            value = variables[name].value
            if not isinstance(value, DenseIntOrFPElementsAttr | DenseResourceAttr | FloatAttr | IntegerAttr):
                reasons.append(at(op, f"reads @{name}, which has no value in the text"))
                continue
            constant = arith.ConstantOp(value, op.result.type)
            _replace(op, constant, constant.result)
        return reasons

    def take(self, function: func.FuncOp) -> list[Diagnostic]:
        reasons: list[Diagnostic] = []
        for op in [o for o in function.walk() if isinstance(o, arith.ConstantOp)]:
            if op.result.first_use is None:
                _erase(op)
                continue
            try:
                name = self._weight_of(op)
            except (ValueError, VerifyException) as error:
                reasons.append(at(op, str(error)))
                continue
            if name is not None:
                weight = WeightOp(name, _type(op.result))
                _replace(op, weight, weight.result)
        return reasons

    def _weight_of(self, op: arith.ConstantOp) -> str | None:
        """The weight that a constant becomes; None where it stays a constant. Raises ValueError for bytes that are not
        there or do not fit, or where there is no place for weights."""
        value = op.value
        if isinstance(value, DenseResourceAttr):
            key = value.resource_handle.data
            if key in self.names:
                return self.names[key]
            if self.weights is None:
                raise ValueError(
                    f"holds weights (dense_resource<{key}>) and there is no file for them; say where to write them: "
                    "--weights-out FILE.safetensors"
                )
            array = self._resource(key, value)
            if key not in self.weights:
                self.weights.arrays[key] = array
            known = self.weights[key]
            same = known is array or (known.dtype == array.dtype and np.array_equal(known, array))
            self.names[key] = key if same else self.weights.add(array, key)
            return self.names[key]
        if not isinstance(value, DenseIntOrFPElementsAttr) or self.weights is None:
            return None
        if prod(value.get_shape()) <= LARGE or dense_splat(value) is not None:
            return None
        return self.weights.add(stored_constant(value), "constant")

    def _resource(self, key: str, value: DenseResourceAttr) -> np.ndarray:
        """The array in a blob: a 32-bit alignment, then the elements, little-endian, a byte for an i1."""
        blob = self.resources.get(key)
        if blob is None:
            raise ValueError(
                f"names the resource '{key}', whose bytes are not in the text's {{-# dialect_resources #-}}"
            )
        assert isinstance(value.type, TensorType)
        dtype, shape = numpy_dtype(value.type.get_element_type()), tuple(value.type.get_shape())
        try:
            data = bytes.fromhex(blob[2:])
        except ValueError as error:
            raise ValueError(f"names the resource '{key}', which is no hexadecimal text: {error}") from error
        wanted = prod(shape) * dtype.itemsize
        if len(data) - 4 != wanted:
            raise ValueError(
                f"names the resource '{key}' of {max(len(data) - 4, 0)} bytes, where {value.type} has {wanted}"
            )
        return np.frombuffer(data, dtype, offset=4).reshape(shape)


# Assertions.


def _check_assertions(
    module: ModuleOp, function: func.FuncOp, weights: WeightStore | None, drop: bool
) -> list[Diagnostic]:
    """Erases the assertions that hold; why the others may not."""
    reasons: list[Diagnostic] = []
    evaluator = Evaluator(module, weights if weights is not None else WeightStore())
    for op in [o for o in function.walk() if isinstance(o, cf.AssertOp)]:
        parent = op.parent_op()
        if not drop and not _guards_position(op):
            condition = op.arg if parent is function else parent.results[0] if parent and parent.results else None
            if condition is None or not _is_constant(condition):
                reasons.append(
                    at(
                        op,
                        f'asserts "{op.msg.data}" of values that are known only when the model runs, which compiled code '
                        f"does not check; where it always holds, drop it: cedr-opt -p '{PASS}{{drop-asserts=true}}'",
                    )
                )
                continue
            try:
                value = evaluator.value(condition)
                if parent is function and not value:
                    raise InterpretationError("")
            except InterpretationError:
                reasons.append(at(op, f'asserts "{op.msg.data}", which does not hold'))
                continue
        _erase(op)
    return reasons


def _is_constant(value: SSAValue) -> bool:
    """Whether a value is made of constants and weights alone."""
    pending, seen = [value], {value}
    while pending:
        op = pending.pop().owner
        if isinstance(op, Block):
            return False
        inside = [inner for region in op.regions for block in region.blocks for inner in block.ops]
        for used in [*op.operands, *(v for inner in inside for v in inner.operands)]:
            owner = used.owner
            block = owner if isinstance(owner, Block) else owner.parent
            if block is not None and block.parent_op() is op:
                continue
            if used not in seen:
                seen.add(used)
                pending.append(used)
    return True


def _guards_position(op: cf.AssertOp) -> bool:
    """Whether the assertion is that a position lies inside of a tensor that its region reads there: reading checks it."""
    condition = op.arg.owner
    if not isinstance(condition, arith.CmpiOp) or op.parent is None:
        return False
    bound = scalar_constant(condition.rhs)
    if not isinstance(bound, IntegerAttr):
        return False
    number, predicate = bound.value.data, condition.predicate.value.data
    position = _uncast(condition.lhs)
    for read in op.parent.ops:
        if not isinstance(read, tensor.ExtractOp):
            continue
        for index, size in zip(read.indices, shape_of(read.tensor), strict=True):
            low = (predicate == _SGE and number <= 0) or (predicate == _SGT and number < 0)
            high = (predicate == _SLT and number >= size) or (predicate == _SLE and number >= size - 1)
            if _uncast(index) is position and (low or high):
                return True
    return False


_SLT, _SLE, _SGT, _SGE = 2, 3, 4, 5
"""How MLIR numbers the comparisons."""


def _uncast(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, arith.IndexCastOp):
        value = value.owner.input
    return value


# Ops.


class _Emit:
    """Puts new ops in front of an op, at its place in the source."""

    def __init__(self, before: Operation):
        self.before = before

    def add(self, op: OpT) -> OpT:
        for one in op.walk():
            if one.location == UNKNOWN_LOC:
                one.location = self.before.location
        assert self.before.parent is not None
        self.before.parent.insert_op_before(op, self.before)
        return op

    def empty(self, type_: TensorType[Attribute]) -> SSAValue:
        return self.add(tensor.EmptyOp((), type_)).tensor

    def constant(self, attribute: FloatAttr | IntegerAttr | DenseIntOrFPElementsAttr) -> SSAValue:
        return self.add(arith.ConstantOp(attribute)).result

    def zeros(self, type_: TensorType[Attribute], zero: FloatAttr | IntegerAttr) -> SSAValue:
        filler = self.constant(zero)
        return self.add(linalg_ops.FillOp((filler,), (self.empty(type_),), res=[[type_]])).res[0]  # type: ignore[list-item]  # a variadic result takes a list

    def generic(
        self,
        inputs: Sequence[SSAValue],
        output: SSAValue,
        maps: Sequence[AffineMap],
        body: Region,
        reductions: Iterable[int] = (),
    ) -> SSAValue:
        """A generic of one output; `maps` of the inputs, then of the output."""
        reduced = set(reductions)
        op = linalg_ops.GenericOp(
            inputs,
            [output],
            body,
            ArrayAttr(map(AffineMapAttr, maps)),
            ArrayAttr(_REDUCTION if dim in reduced else _PARALLEL for dim in range(maps[0].num_dims)),
            [output.type],
        )
        return self.add(op).res[0]

    def pointwise(
        self,
        inputs: Sequence[SSAValue],
        maps: Sequence[AffineMap],
        type_: TensorType[Attribute],
        body: Callable[[_Emit, Sequence[SSAValue]], SSAValue],
    ) -> SSAValue:
        """An elementwise generic; `body` gets the inputs' elements."""
        block = Block(arg_types=[*(_element(v) for v in inputs), type_.get_element_type()])
        end = linalg_ops.YieldOp()
        block.add_op(end)
        end.operands = [body(_Emit(end), block.args[:-1])]
        identity = AffineMap.identity(len(type_.get_shape()))
        return self.generic(inputs, self.empty(type_), [*maps, identity], Region(block))

    def expand(self, value: SSAValue, shape: Sequence[int], kept: Sequence[int]) -> SSAValue:
        """The value with dims of size one put in: its own are those at `kept`."""
        if len(shape) == len(kept):
            return value
        type_ = TensorType(_element(value), shape)
        return self.add(tensor.ExpandShapeOp(value, (), _groups(len(shape), kept), list(shape), type_)).result

    def collapse(self, value: SSAValue, kept: Sequence[int]) -> SSAValue:
        """The value without its dims of size one, those at `kept` excepted."""
        shape = shape_of(value)
        if len(shape) == len(kept):
            return value
        return self.add(
            tensor.CollapseShapeOp(
                operands=[value],
                result_types=[TensorType(_element(value), [shape[dim] for dim in kept])],
                properties={"reassociation": _groups(len(shape), kept)},
            )
        ).result

    def slice(self, value: SSAValue, offsets: Sequence[int], sizes: Sequence[int], steps: Sequence[int]) -> SSAValue:
        type_ = TensorType(_element(value), sizes)
        return self.add(tensor.ExtractSliceOp(value, offsets, sizes, steps, type_)).result


def _groups(rank: int, kept: Sequence[int]) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """Which of `rank` dims make up each dim of a shape that has only those at `kept`; the others have size one."""
    starts = [0, *(dim + 1 for dim in kept[:-1])]
    ends = [*starts[1:], rank]
    groups = [range(start, end) for start, end in zip(starts, ends, strict=True)] if kept else []
    return ArrayAttr(ArrayAttr(IntegerAttr(dim, i64) for dim in group) for group in groups)


def _kept(larger: Sequence[int], smaller: Sequence[int]) -> list[int]:
    """The dims of a shape that are left in one that lacks some dims of size one."""
    kept: list[int] = []
    for dim, size in enumerate(larger):
        if len(kept) < len(smaller) and size == smaller[len(kept)]:
            kept.append(dim)
    return kept


def _element(value: SSAValue) -> Attribute:
    return value.type.get_element_type() if isinstance(value.type, TensorType) else value.type


def _type(value: SSAValue) -> TensorType[Attribute]:
    assert isinstance(value.type, TensorType)
    return value.type


def _replace(op: Operation, new: Operation, value: SSAValue) -> None:
    """A new op in the place of one whose only result `value` is."""
    new.location = op.location
    value.name_hint = op.results[0].name_hint
    assert op.parent is not None
    op.parent.insert_op_before(new, op)
    op.results[0].replace_all_uses_with(value)
    _erase(op)


def _erase(op: Operation) -> None:
    assert op.parent is not None
    op.parent.erase_op(op)


def _dims_map(rank: int, dims: Iterable[int]) -> AffineMap:
    return AffineMap(rank, 0, tuple(AffineDimExpr(dim) for dim in dims))


class _Normaliser:
    """Rewrites the ops of a function, in order. What it does not know stays, for the passes behind to refuse."""

    def __init__(self, function: func.FuncOp):
        self.block = function.body.block

    def run(self) -> None:
        for op in list(self.block.ops):
            new = self._rewritten(op, _Emit(op))
            if new is not None:
                new.name_hint = op.results[0].name_hint
                op.results[0].replace_all_uses_with(new)
                _erase(op)
        for op in list(self.block.ops):
            if isinstance(op, linalg_ops.GenericOp):
                _take_scalars_in(op)
        for op in reversed(list(self.block.ops)):
            loose = op.results and not any(result.first_use for result in op.results)
            if loose and not isinstance(op, scf.ForOp | WeightOp):
                _erase(op)

    def _rewritten(self, op: Operation, emit: _Emit) -> SSAValue | None:
        """What takes the place of an op's result; None where the op stays."""
        match op:
            case linalg_ops.BroadcastOp():
                source, added = op.input, set(ints_of(op.dimensions))
                rank = len(shape_of(op.init))
                kept = _dims_map(rank, [dim for dim in range(rank) if dim not in added])
                return emit.pointwise([source], [kept], _type(op.result[0]), lambda _, args: args[0])
            case linalg_ops.ReduceOp():
                rank, reduced = len(shape_of(op.input)), ints_of(op.dimensions)
                kept = _dims_map(rank, [dim for dim in range(rank) if dim not in reduced])
                return emit.generic(
                    [op.input], op.init, [AffineMap.identity(rank), kept], op.region.clone(), reductions=reduced
                )
            case MapOp():
                body = op.mapper.clone()
                if len(body.block.args) == len(op.inputs):
                    body.block.insert_arg(_element(op.init), len(op.inputs))
                maps = [AffineMap.identity(len(shape_of(op.init)))] * len(op.operands)
                return emit.generic(op.inputs, op.init, maps, body)
            case ElementwiseOperation():
                return self._general(op, emit)
            case linalg_ops.MatmulOp() | BatchMatmulOp():
                if not _is_plain(op):
                    return self._general(op, emit)
                return self._accumulated(op, emit)
            case DepthwiseConv2DNchwChwOp():
                return self._depthwise(op, emit)
            case ConvOperation():
                return self._accumulated(op, emit)
            case linalg_ops.FillOp() if splat_of(op.results[0]) is None:
                return self._filled(op.inputs[0], _type(op.results[0]), emit)
            case tensor.SplatOp() if splat_of(op.result) is None:
                return self._filled(op.input, _type(op.result), emit)
            case tensor.FromElementsOp():
                return self._from_elements(op, emit)
            case tensor.InsertOp():
                return self._inserted(op, emit)
            case tensor.PadOp():
                fold_positions(op)
                return self._cut_before_pad(op, emit)
            case tensor.ExtractSliceOp():
                fold_positions(op)
                return self._whole_rank(op, emit)
            case tensor.InsertSliceOp():
                fold_positions(op)
                return self._slice_inserted(op, emit)
        return None

    def _general(self, op: LinalgStructuredOperation, emit: _Emit) -> SSAValue:
        """A named op as a generic."""
        maps = [map_.data for map_ in op.get_indexing_maps().data]
        kinds = op.get_iterator_types().data
        reductions = [dim for dim, kind in enumerate(kinds) if kind == _REDUCTION]
        return emit.generic(op.inputs, op.outputs[0], maps, op.body.clone(), reductions)

    def _accumulated(self, op: ConvOperation | _Products, emit: _Emit) -> SSAValue | None:
        """A layer that goes on from something else than zeros: from zeros, and what it went on from added behind it."""
        start = op.outputs[0]
        type_ = _type(start)
        zero = _zero(type_.get_element_type())
        if zero is None or splat_of(start) == zero:
            return None
        layer = op.clone()
        layer.operands[len(op.inputs)] = emit.zeros(type_, zero)
        layer.results[0].name_hint = op.results[0].name_hint
        emit.add(layer)
        rank = len(type_.get_shape())
        source, map_ = _broadcast_source(start)
        add = arith.AddfOp if isinstance(zero, FloatAttr) else arith.AddiOp
        return emit.pointwise(
            [layer.results[0], source],
            [AffineMap.identity(rank), map_],
            type_,
            lambda inside, args: inside.add(add(args[0], args[1])).result,
        )

    def _depthwise(self, op: DepthwiseConv2DNchwChwOp, emit: _Emit) -> SSAValue:
        """Of groups of one channel each."""
        (x, w), y = op.inputs, op.outputs[0]
        (n, c, *spatial), (_, *window), (_, _, *out) = shape_of(x), shape_of(w), shape_of(y)
        start = _type(y)
        grouped = TensorType(start.get_element_type(), [n, c, 1, *out])
        zero = _zero(start.get_element_type())
        from_zero = zero is not None and splat_of(y) == zero
        destination = emit.zeros(grouped, zero) if from_zero and zero else emit.expand(y, [n, c, 1, *out], [0, 1, 3, 4])
        layer = linalg_ops.Conv2DNgchwGfchwOp(
            (emit.expand(x, [n, c, 1, *spatial], [0, 1, 3, 4]), emit.expand(w, [c, 1, 1, *window], [0, 3, 4])),
            (destination,),
            [[grouped]],  # type: ignore[list-item]  # a variadic result takes a list
            strides=op.strides,
            dilations=op.dilations,
        )
        result: SSAValue = emit.add(layer).res[0]
        if not from_zero and (added := self._accumulated(layer, emit)) is not None:
            result = added
            _erase(layer)
        return emit.collapse(result, [0, 1, 3, 4])

    def _filled(self, scalar: SSAValue, type_: TensorType[Attribute], emit: _Emit) -> SSAValue:
        """A tensor of one scalar that the ops before compute."""
        return emit.pointwise([], [], type_, lambda _, __: scalar)

    def _from_elements(self, op: tensor.FromElementsOp, emit: _Emit) -> SSAValue | None:
        type_ = _type(op.result)
        element, shape = type_.get_element_type(), type_.get_shape()
        values = [scalar_constant(value) for value in op.elements]
        numbers = [value.value.data for value in values if isinstance(value, FloatAttr | IntegerAttr)]
        if len(numbers) == len(values) and isinstance(element, _NUMBERS):
            data = np.array(numbers, numpy_dtype(element))
            return emit.constant(DenseIntOrFPElementsAttr(TensorType(element, shape), BytesAttr(data.tobytes())))
        if len(values) == 1:
            return self._filled(op.elements[0], type_, emit)
        if len(shape) != 1:
            return None
        parts = [self._filled(value, TensorType(element, [1]), emit) for value in op.elements]
        return emit.add(tensor.ConcatOp(parts, 0, type_)).result

    def _inserted(self, op: tensor.InsertOp, emit: _Emit) -> SSAValue:
        """The destination with one element replaced."""
        type_ = _type(op.result)
        rank = len(type_.get_shape())
        if not rank:
            return self._filled(op.scalar, type_, emit)

        def body(inside: _Emit, args: Sequence[SSAValue]) -> SSAValue:
            hits = [
                inside.add(arith.CmpiOp(inside.add(linalg_ops.IndexOp(dim)).result, index, "eq")).result
                for dim, index in enumerate(op.indices)
            ]
            return inside.add(arith.SelectOp(_all(hits, inside), op.scalar, args[0])).result

        return emit.pointwise([op.dest], [AffineMap.identity(rank)], type_, body)

    def _cut_before_pad(self, op: tensor.PadOp, emit: _Emit) -> SSAValue | None:
        """A pad of a negative width cuts."""
        low, high = ints_of(op.static_low), ints_of(op.static_high)
        if DYNAMIC_INDEX in (*low, *high) or min((*low, *high), default=0) >= 0:
            return None
        sizes = [s + min(a, 0) + min(b, 0) for s, a, b in zip(shape_of(op.source), low, high, strict=True)]
        if min(sizes) < 1:
            return None
        cut = emit.slice(op.source, [max(-a, 0) for a in low], sizes, [1] * len(sizes))
        if tuple(sizes) == shape_of(op.result):
            return cut
        widths = [max(a, 0) for a in low], [max(b, 0) for b in high]
        return emit.add(tensor.PadOp(cut, (), (), op.region.clone(), *widths, _type(op.result))).result

    def _whole_rank(self, op: tensor.ExtractSliceOp, emit: _Emit) -> SSAValue | None:
        """A slice that leaves dims of size one out: a slice, then a collapse."""
        parts = [ints_of(a) for a in (op.static_offsets, op.static_sizes, op.static_strides)]
        offsets, sizes, steps = parts
        if DYNAMIC_INDEX in (*offsets, *sizes, *steps) or sizes == shape_of(op.result):
            return None
        return emit.collapse(emit.slice(op.source, offsets, sizes, steps), _kept(sizes, shape_of(op.result)))

    def _slice_inserted(self, op: tensor.InsertSliceOp, emit: _Emit) -> SSAValue | None:
        """A pad where the rest is one constant, a concat where one dim is cut, else a choice element by element."""
        offsets, sizes, steps = (ints_of(a) for a in (op.static_offsets, op.static_sizes, op.static_strides))
        type_ = _type(op.result)
        shape = type_.get_shape()
        if DYNAMIC_INDEX in (*offsets, *sizes, *steps) or min((*sizes, *shape), default=1) < 1:
            return None
        source = emit.expand(op.source, sizes, _kept(sizes, shape_of(op.source)))
        if sizes == tuple(shape):
            return source
        rest: Attribute | None = splat_of(op.dest)
        close = all(step == 1 or size == 1 for step, size in zip(steps, sizes, strict=True))
        if isinstance(op.dest.owner, tensor.EmptyOp):
            rest = _zero(type_.get_element_type())
        if isinstance(rest, FloatAttr | IntegerAttr) and close:
            block = Block(arg_types=[IndexType()] * len(shape))
            constant = arith.ConstantOp(rest)
            block.add_ops([constant, tensor.YieldOp(constant.result)])
            high = [n - offset - size for n, offset, size in zip(shape, offsets, sizes, strict=True)]
            return emit.add(tensor.PadOp(source, (), (), Region(block), offsets, high, type_)).result
        cut = [dim for dim, size in enumerate(sizes) if size != shape[dim]]
        if close and len(cut) == 1:
            return self._spliced(op.dest, source, cut[0], offsets[cut[0]], emit)
        return self._chosen(op.dest, source, list(zip(offsets, sizes, steps, strict=True)), emit)

    def _spliced(self, dest: SSAValue, source: SSAValue, dim: int, offset: int, emit: _Emit) -> SSAValue:
        """The destination before, the source, and the destination behind it, along a dim."""
        shape = shape_of(dest)
        end = offset + shape_of(source)[dim]
        parts = [source]
        for low, high in ((end, shape[dim]), (0, offset)):
            if low < high:
                starts, sizes = [0] * len(shape), list(shape)
                starts[dim], sizes[dim] = low, high - low
                part = emit.slice(dest, starts, sizes, [1] * len(shape))
                parts = [*parts, part] if low else [part, *parts]
        return emit.add(tensor.ConcatOp(parts, dim, _type(dest))).result

    def _chosen(self, dest: SSAValue, source: SSAValue, boxes: Sequence[tuple[int, int, int]], emit: _Emit) -> SSAValue:
        """At every point of the destination the source's element, where it has one; boxes: (offset, size, step)."""
        shape = shape_of(dest)

        def body(inside: _Emit, args: Sequence[SSAValue]) -> SSAValue:
            def number(value: int) -> SSAValue:
                return inside.constant(IntegerAttr(value, IndexType()))

            hits: list[SSAValue] = []
            position: list[SSAValue] = []
            for dim, (offset, size, step) in enumerate(boxes):
                loop = inside.add(linalg_ops.IndexOp(dim)).result
                if (offset, size, step) == (0, shape[dim], 1):
                    position.append(loop)
                    continue
                shifted = inside.add(arith.SubiOp(loop, number(offset))).result
                which = inside.add(arith.DivSIOp(shifted, number(step))).result if step != 1 else shifted
                low = inside.add(arith.MaxSIOp(which, number(0))).result
                inner = inside.add(arith.MinSIOp(low, number(size - 1))).result
                back = inside.add(arith.MuliOp(inner, number(step))).result if step != 1 else inner
                hits.append(inside.add(arith.CmpiOp(back, shifted, "eq")).result)
                position.append(inner)
            read = inside.add(tensor.ExtractOp(source, position, _element(source))).result
            return inside.add(arith.SelectOp(_all(hits, inside), read, args[0])).result

        return emit.pointwise([dest], [AffineMap.identity(len(shape))], _type(dest), body)


def _all(conditions: Sequence[SSAValue], inside: _Emit) -> SSAValue:
    total = conditions[0]
    for condition in conditions[1:]:
        total = inside.add(arith.AndIOp(total, condition)).result
    return total


def _is_plain(op: _Products) -> bool:
    """Whether a product is one that calls compute: one element type, A[m, k] B[k, n] or B[n, k], of one or of a batch."""
    if len({_element(value) for value in op.operands}) != 1:
        return False
    maps = tuple(map_.data for map_ in op.get_indexing_maps().data)
    plain = type(op).get_irdl_definition().properties["indexing_maps"].default_value
    assert isinstance(plain, ArrayAttr)
    a, b, c = (map_.data for map_ in plain.data if isinstance(map_, AffineMapAttr))
    turned = AffineMap(b.num_dims, 0, (*b.results[:-2], b.results[-1], b.results[-2]))
    return maps in ((a, b, c), (a, turned, c))


def _broadcast_source(value: SSAValue) -> tuple[SSAValue, AffineMap]:
    """What a value repeats, and how loops over the value reach it; the value itself if it repeats nothing."""
    op, rank = value.owner, len(shape_of(value))
    identity = AffineMap.identity(rank)
    if isinstance(op, linalg_ops.GenericOp) and len(op.inputs) == 1 and len(op.res) == 1:
        first, second = (map_.data for map_ in op.indexing_maps.data)
        block = op.body.block
        copies = block.first_op is block.last_op and block.last_op and block.last_op.operands[0] is block.args[0]
        if copies and second == identity and op.inputs[0].type != value.type:
            return op.inputs[0], first
    return value, identity


def _take_scalars_in(op: linalg_ops.GenericOp) -> None:
    """Scalars that ops before the generic compute are computed in its region instead, at every point."""
    block = op.body.block
    scalars = [i for i, v in enumerate(op.inputs) if not isinstance(v.type, TensorType)]
    for index in scalars:
        block.args[index].replace_all_uses_with(op.inputs[index])
    if scalars:
        kept = [i for i in range(len(op.operands)) if i not in scalars]
        count = len(op.inputs) - len(scalars)
        op.properties["indexing_maps"] = ArrayAttr(op.indexing_maps.data[i] for i in kept)
        op.operands = [op.operands[i] for i in kept]
        op.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [count, len(kept) - count])
        for index in reversed(scalars):
            block.erase_arg(block.args[index])
    inside: dict[SSAValue, SSAValue] = {}
    first = block.first_op
    assert first is not None
    for user in list(block.ops):
        for position, value in enumerate(user.operands):
            if not isinstance(value.type, TensorType) and _is_outside(value, block):
                user.operands[position] = _taken_in(value, block, first, inside)


def _is_outside(value: SSAValue, block: Block) -> bool:
    owner = value.owner
    return isinstance(owner, Operation) and owner.parent is not block and not isinstance(owner, arith.ConstantOp)


def _taken_in(value: SSAValue, block: Block, first: Operation, inside: dict[SSAValue, SSAValue]) -> SSAValue:
    """A copy in the block of a scalar from outside and of the scalars that it is made of."""
    pending = [value]
    while pending:
        current = pending[-1]
        op = current.owner
        assert isinstance(op, Operation)
        if current in inside:
            pending.pop()
            continue
        missing = [v for v in op.operands if not isinstance(v.type, TensorType) and _is_outside(v, block)]
        missing = [v for v in missing if v not in inside]
        if missing:
            pending += missing
            continue
        copy = op.clone({v: inside[v] for v in op.operands if v in inside})
        block.insert_op_before(copy, first)
        inside.update(zip(op.results, copy.results, strict=True))
        pending.pop()
    return inside[value]


def _zero(element: Attribute) -> FloatAttr | IntegerAttr | None:
    """Zero of an element type; None of complex ones."""
    if isinstance(element, IntegerType):
        return IntegerAttr(0, element)
    return FloatAttr(0.0, element) if isinstance(element, AnyFloat) else None
