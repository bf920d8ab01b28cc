"""Values that are known before the model runs: which they are, and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import prod
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Block, Operation, SSAValue

from cedr.dialects.cedr import WeightOp, element_type_of, shape_of
from cedr.dialects.constants import dense_splat
from cedr.dialects.element_types import element_size_bytes, numpy_dtype
from cedr.dialects.interpreter.run import Run
from cedr.dialects.weights import WeightsError, WeightStore
from cedr.passes.layout import is_undefined, splat_of

Array = NDArray[Any]

_FOLDABLE = (
    LinalgStructuredOperation,
    linalg_ops.BroadcastOp,
    linalg_ops.ReduceOp,
    tensor.PadOp,
    tensor.ConcatOp,
    tensor.ExtractSliceOp,
    tensor.InsertSliceOp,
    tensor.CollapseShapeOp,
    tensor.ExpandShapeOp,
    tensor.FromElementsOp,
    tensor.SplatOp,
    tensor.CastOp,
)
_CONTENT_NAME = re.compile(r"\.[0-9a-f]{12}$")


def is_source(value: SSAValue) -> bool:
    """Whether a value is given as it is: a weight, a constant, a destination without contents, a splat."""
    owner = value.owner
    return isinstance(owner, WeightOp | arith.ConstantOp | tensor.EmptyOp) or (
        isinstance(value.type, TensorType) and splat_of(value) is not None
    )


def holds_data(value: SSAValue) -> bool:
    """Whether a source is a tensor of more than one value: a weight, or a dense constant that is no splat."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp):
        return isinstance(owner.value, DenseIntOrFPElementsAttr) and dense_splat(owner.value) is None
    return isinstance(owner, WeightOp)


def size_bytes(value: SSAValue) -> int:
    assert isinstance(value.type, TensorType)
    return prod(value.type.get_shape()) * element_size_bytes(value.type.get_element_type())


def known_values(block: Block) -> dict[SSAValue, frozenset[SSAValue]]:
    """The tensors of a block that can be computed from weights and constants alone, each with the weights and dense
    constants that it is made of. Sources are among them."""
    known: dict[SSAValue, frozenset[SSAValue]] = {}
    for op in block.ops:
        for value in op.results:
            if is_source(value):
                known[value] = frozenset([value] if holds_data(value) else [])
        if op.results and op.results[0] in known:
            continue
        if isinstance(op, _FOLDABLE):
            reached = list(_reached_from(op))
            static = all(DYNAMIC_INDEX not in r.type.get_shape() for r in op.results if isinstance(r.type, TensorType))
            if static and all(v in known for v in reached) and _is_defined(op):
                sources = frozenset().union(*(known[v] for v in reached))
                known.update((value, sources) for value in op.results)
    return known


def _reached_from(op: Operation) -> Iterable[SSAValue]:
    """An op's operands and what its regions use from outside."""
    yield from op.operands
    for region in op.regions:
        for inner in region.walk():
            for value in inner.operands:
                owner = value.owner
                block = owner if isinstance(owner, Block) else owner.parent
                if block is op.parent:
                    yield value


def _is_defined(op: Operation) -> bool:
    """Whether no tensor without contents is read."""
    if isinstance(op, LinalgStructuredOperation):
        args = op.body.block.args
        return not any(is_undefined(v) and arg.first_use is not None for v, arg in zip(op.operands, args, strict=True))
    if isinstance(op, linalg_ops.BroadcastOp):
        return not is_undefined(op.input)
    return not any(is_undefined(v) for v in op.operands)


def weight_array(weights: WeightStore, op: WeightOp) -> Array:
    """The contents of a weight. Raises WeightsError where they are not there or not of the type that the IR gives."""
    array = weights[op.weight_name]
    shape, dtype = shape_of(op.result), numpy_dtype(element_type_of(op.result))
    if array.shape != shape or array.dtype != dtype:
        raise WeightsError(
            f"weight '{op.weight_name}' is {dtype}{list(shape)} in the IR, "
            f"{array.dtype}{list(array.shape)} in the weights given"
        )
    return array


class Evaluator:
    """Computes known values by the reference interpreter, each op once."""

    def __init__(self, module: ModuleOp, weights: WeightStore):
        self.run = Run(module, weights)
        self.weights = weights

    def value(self, value: SSAValue) -> Array:
        """The contents of a known tensor. Raises WeightsError for a weight that is missing or of another type."""
        pending = [value]
        while pending:
            current = pending[-1]
            op = current.owner
            if current in self.run.values:
                pending.pop()
                continue
            assert isinstance(op, Operation)
            missing = [v for v in _reached_from(op) if v not in self.run.values]
            if missing:
                pending += missing
                continue
            if isinstance(op, WeightOp):
                weight_array(self.weights, op)
            results = self.run.operation(op, [self.run.values[v] for v in op.operands])
            self.run.values.update(zip(op.results, results, strict=True))
            pending.pop()
        found: Array = self.run.values[value]
        return found


def name_hint(sources: Iterable[SSAValue], default: str) -> str:
    """What to call a tensor made of these: after the largest weight among them."""
    weights = [v for v in sources if isinstance(v.owner, WeightOp)]
    if not weights:
        return default
    largest = min(weights, key=lambda v: (-size_bytes(v), _weight_name(v)))
    return _CONTENT_NAME.sub("", _weight_name(largest))


def _weight_name(value: SSAValue) -> str:
    assert isinstance(value.owner, WeightOp)
    return value.owner.weight_name


def erase_unused(ops: Iterable[Operation]) -> None:
    """Erase those without uses, users before what they use (`ops` in program order)."""
    for op in reversed(list(ops)):
        if op.parent is not None and not any(r.first_use for r in op.results):
            op.parent.erase_op(op)
