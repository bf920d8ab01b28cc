"""linalg and tensor ops on tensors in NumPy.

Convolutions and products are sums of taps in 64-bit accumulators, rounded once. Everything else that is structured runs
its scalar region over its indexing maps: all points of the parallel loops at once, reductions in index order. Arrays
are values: no op writes to its operands, and a splat may be a view of one element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, cf, func, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    MemRefType,
    TensorType,
)
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.cedr.affine import Affine, affine_results, shared_dims
from cedr.dialects.cedr.attrs import ints_of
from cedr.dialects.element_types import numpy_dtype
from cedr.dialects.extensions import GlobalLoadConstOp, GlobalLoadOp, GlobalStoreOp
from cedr.dialects.interpreter.cedr import garbage
from cedr.dialects.interpreter.scalar import constant_value, evaluate, evaluate_assertion, narrow, run_points, widen
from cedr.dialects.linalg_extensions import (
    BatchMatmulOp,
    Conv1DNcwFcwOp,
    FftOp,
    FourierOp,
    InverseFftOp,
    Linalg,
    MapOp,
)

if TYPE_CHECKING:
    from cedr.dialects.interpreter.run import Run

Array = NDArray[Any]
Meaning = Callable[[Any, Sequence[Any], "Run"], Sequence[Any]]
SHAPED = (TensorType, MemRefType)


def _element(value: SSAValue) -> Attribute:
    return value.type.get_element_type() if isinstance(value.type, TensorType) else value.type


def _shape(value: SSAValue) -> tuple[int, ...]:
    """The static shape of a tensor. Raises InterpretationError for a dynamic one."""
    assert isinstance(value.type, TensorType)
    shape = tuple(value.type.get_shape())
    if DYNAMIC_INDEX in shape:
        raise InterpretationError(f"a shape is not static: {value.type}")
    return shape


# Structured ops.


def loop_extents(op: LinalgStructuredOperation, maps: Sequence[Sequence[Affine]]) -> tuple[int, ...]:
    """The extent of each loop: the size of a dimension that is indexed by that loop alone."""
    extents: list[int | None] = [None] * len(op.get_iterator_types())
    for value, results in zip(op.operands, maps, strict=True):
        for result, size in zip(results, _shape(value) if results else (), strict=True):
            used = [i for i, c in enumerate(result.coefficients) if c]
            alone = len(used) == 1 and (result.coefficients[used[0]], result.constant, result.divisor) == (1, 0, 1)
            if alone and extents[used[0]] is None:
                extents[used[0]] = size
    if None in extents:
        raise InterpretationError(f"'{op.name}': no operand gives the extent of loop d{extents.index(None)}")
    return tuple(e for e in extents if e is not None)


def run_structured(op: LinalgStructuredOperation, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    """Any structured op by its region and its maps."""
    try:
        maps = [affine_results(m) for m in op.get_indexing_maps().data]
    except ValueError as error:
        raise InterpretationError(f"'{op.name}': {error}") from error
    extents = loop_extents(op, maps)
    count = len(op.inputs)
    outs = [np.array(value) for value in operands[count:]]
    used = shared_dims(maps[count:])
    reductions = [i for i, extent in enumerate(extents) if i not in used and extent != 1]
    if 0 in extents:
        return outs
    # What the region does not read need not be defined, and a window of a pooling is a shape only.
    args = op.body.block.args
    ins = [
        np.asarray(value) if arg.first_use is not None else np.zeros((), np.asarray(value).dtype)
        for value, arg in zip(operands[:count], args[:count], strict=True)
    ]
    in_maps = [m if arg.first_use is not None else () for m, arg in zip(maps[:count], args[:count], strict=True)]
    run_points(extents, reductions, [*in_maps, *maps[count:]], op.body.block, ins, outs, run.values)
    return outs


def _accumulator(element: Attribute) -> np.dtype[Any]:
    kind = numpy_dtype(element).kind
    return np.dtype(np.complex128 if kind == "c" else np.int64 if kind in "iub" else np.float64)


def _wide(values: Any, element: Attribute, accumulator: np.dtype[Any]) -> Array:
    return np.asarray(widen(values, element)).astype(accumulator)


def _steps(op: Operation, name: str) -> tuple[int, ...]:
    attr = op.properties.get(name) or op.attributes.get(name)
    assert isinstance(attr, DenseIntOrFPElementsAttr)
    return tuple(int(v) for v in attr.get_values())


def _convolution(op: LinalgStructuredOperation, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    """X[n, c, *s], W[f, c, *k] onto Y[n, f, *o]; grouped X[n, g, c, *s], W[g, f, c, *k], Y[n, g, f, *o]."""
    accumulator = _accumulator(_element(op.outputs[0]))
    x, w, y = (_wide(v, _element(o), accumulator) for v, o in zip(operands, op.operands, strict=True))
    grouped = isinstance(op, linalg_ops.Conv2DNgchwGfchwOp)
    lead = 3 if grouped else 2
    strides, dilations = _steps(op, "strides"), _steps(op, "dilations")
    out = y.shape[lead:]
    for tap in product(*(range(k) for k in w.shape[lead:])):
        window = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, o, s in zip(tap, dilations, out, strides, strict=True)
        )
        if not y.size:
            break
        every = (slice(None),) * lead
        seen, taken = x[every + window], w[every + tap]
        if grouped:
            y += np.einsum("ngc...,gfc->ngf...", seen, taken)
        else:
            y += np.moveaxis(np.tensordot(taken, seen, (1, 1)), 0, 1)
    return [narrow(y, _element(op.outputs[0]))]


def _product(op: LinalgStructuredOperation, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    """A[m, k] B[k, n] added to C[m, n], of one or of a batch; any maps that are permutations of those."""
    loops = "mnk" if isinstance(op, linalg_ops.MatmulOp) else "bmnk"
    accumulator = _accumulator(_element(op.outputs[0]))
    a, b, c = (_wide(v, _element(o), accumulator) for v, o in zip(operands, op.operands, strict=True))
    maps = [affine_results(m) for m in op.get_indexing_maps().data]
    names = []
    for results in maps:
        letters = [loops[r.coefficients.index(1)] for r in results if sum(map(abs, r.coefficients)) == 1]
        if len(letters) != len(results) or any(r.constant or r.divisor != 1 for r in results):
            return run_structured(op, operands, run)
        names.append("".join(letters))
    if names in (["mk", "kn", "mn"], ["bmk", "bkn", "bmn"]):
        return [narrow(c + a @ b, _element(op.outputs[0]))]
    total = np.einsum(f"{names[0]},{names[1]}->{names[2]}", a, b)
    return [narrow(c + total, _element(op.outputs[0]))]


def _transform(op: FourierOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    """The transform of each row of X[b, n], added to Y[b, n]."""
    element = _element(op.outputs[0])
    x, y = (_wide(v, element, np.dtype(np.complex128)) for v in operands)
    return [narrow(y + (np.fft.ifft if op.INVERSE else np.fft.fft)(x, axis=1), element)]


def _fill(op: linalg_ops.FillOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    element = _element(op.outputs[0])
    value = operands[0] if not isinstance(op.inputs[0].type, TensorType) else widen(operands[0], element)
    return [np.broadcast_to(narrow(value, element), _shape(op.outputs[0]))]


_BLOCK_ROWS = 128


def _transpose(op: linalg_ops.TransposeOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    permutation = tuple(int(d) for d in op.permutation.get_values())
    source = np.asarray(operands[0])
    if permutation != (1, 0):
        return [np.asarray(source.transpose(permutation), order="C")]
    # By blocks of rows: three times as fast as in one go where a matrix is larger than the caches.
    result = np.empty(source.shape[::-1], source.dtype)
    for row in range(0, source.shape[0], _BLOCK_ROWS):
        result[:, row : row + _BLOCK_ROWS] = source[row : row + _BLOCK_ROWS].T
    return [result]


def _broadcast(op: linalg_ops.BroadcastOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    dims = tuple(int(d) for d in op.dimensions.get_values())
    return [np.broadcast_to(np.expand_dims(operands[0], dims), _shape(op.init))]


def _reduce(op: linalg_ops.ReduceOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    dims = {int(d) for d in op.dimensions.get_values()}
    shape = _shape(op.input)
    identity = [Affine.dim(i, len(shape)) for i in range(len(shape))]
    kept = [r for i, r in enumerate(identity) if i not in dims]
    out = np.array(operands[1])
    if 0 not in shape:
        run_points(shape, sorted(dims), [identity, kept], op.region.block, [operands[0]], [out], run.values)
    return [out]


def _map(op: MapOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    shape, inputs = _shape(op.init), operands[:-1]
    identity = [Affine.dim(i, len(shape)) for i in range(len(shape))]
    out = np.array(operands[-1])
    if 0 not in shape:
        block = op.mapper.block
        if len(block.args) == len(inputs):  # as up to MLIR 21, without the destination's element
            block = op.mapper.clone().block
            block.insert_arg(_element(op.init), len(inputs))
        run_points(shape, (), [identity] * len(operands), block, inputs, [out], run.values)
    return [out]


# Tensors.


def _positions(static: DenseArrayBase, dynamic: Sequence[Any]) -> list[int]:
    """Static values with the operands in the places of the dynamic ones."""
    given = iter(dynamic)
    return [int(next(given)) if value == DYNAMIC_INDEX else value for value in ints_of(static)]


def _box(op: tensor.ExtractSliceOp | tensor.InsertSliceOp, run: Run) -> tuple[slice, ...]:
    offsets, sizes, steps = (
        _positions(static, [run.values[v] for v in dynamic])
        for static, dynamic in (
            (op.static_offsets, op.offsets),
            (op.static_sizes, op.sizes),
            (op.static_strides, op.strides),
        )
    )
    return tuple(
        slice(offset, offset + (size - 1) * step + 1 if size else offset, step)
        for offset, size, step in zip(offsets, sizes, steps, strict=True)
    )


def _extract_slice(op: tensor.ExtractSliceOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    return [operands[0][_box(op, run)].reshape(_shape(op.result))]


def _insert_slice(op: tensor.InsertSliceOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    result = np.array(run.values[op.dest])
    box = _box(op, run)
    result[box] = np.asarray(run.values[op.source]).reshape(result[box].shape)
    return [result]


def _pad(op: tensor.PadOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    low = _positions(op.static_low, [run.values[v] for v in op.low])
    high = _positions(op.static_high, [run.values[v] for v in op.high])
    source = operands[0]
    shape = [a + size + b for a, size, b in zip(low, source.shape, high, strict=True)]
    (filler,) = run.block(op.region.block, list(np.indices(shape, sparse=True)))
    element = _element(op.result)
    result = np.array(np.broadcast_to(narrow(filler, element), shape))
    # A negative width cuts.
    inner = tuple(slice(max(a, 0), n - max(b, 0)) for a, b, n in zip(low, high, shape, strict=True))
    outer = tuple(slice(max(-a, 0), n - max(-b, 0)) for a, b, n in zip(low, high, source.shape, strict=True))
    result[inner] = source[outer]
    return [result]


def _reshape(op: Operation, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    return [np.asarray(operands[0]).reshape(_shape(op.results[0]))]


def _concat(op: tensor.ConcatOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    return [np.concatenate(operands, axis=op.dim.value.data)]


def _empty(op: tensor.EmptyOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    return [np.broadcast_to(garbage((), _element(op.tensor)), _shape(op.tensor))]


def _splat(op: tensor.SplatOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    shape = _shape(op.results[0])
    return [np.broadcast_to(narrow(operands[0], _element(op.results[0])), shape)]


def _from_elements(op: tensor.FromElementsOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    element = _element(op.results[0])
    return [np.array([narrow(v, element) for v in operands], numpy_dtype(element)).reshape(_shape(op.results[0]))]


def _extract(op: tensor.ExtractOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    return [widen(operands[0][tuple(int(i) for i in operands[1:])], _element(op.tensor))]


def _insert(op: tensor.InsertOp, operands: Sequence[Any], run: Run) -> Sequence[Array]:
    result = np.array(operands[1])
    result[tuple(int(i) for i in operands[2:])] = narrow(operands[0], _element(op.dest))
    return [result]


def _dim(op: tensor.DimOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    return [np.int64(operands[0].shape[int(operands[1])])]


def _for(op: scf.ForOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    lower, upper, step, *carried = operands
    for index in range(int(lower), int(upper), int(step)):
        carried = list(run.block(op.body.block, [np.int64(index), *carried]))
    return carried


def _same(op: Operation, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    return [operands[0]]


# Constants and calls.


def _constant(op: arith.ConstantOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    if isinstance(op.value, DenseIntOrFPElementsAttr):
        return [narrow(constant_value(op.value), op.value.get_element_type())]
    return [evaluate(op, operands)]


def _global_load(op: GlobalLoadOp | GlobalLoadConstOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    return [run.global_value(op.variable.root_reference.data)]


def _global_store(op: GlobalStoreOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    run.globals[op.variable.root_reference.data] = operands[0]
    return []


def _assert(op: cf.AssertOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    evaluate_assertion(op, operands[0])
    return []


def _call(op: func.CallOp, operands: Sequence[Any], run: Run) -> Sequence[Any]:
    return run.call(op.callee.root_reference.data, operands)


OPERATIONS: dict[type[Operation], Meaning] = {
    **{
        op: run_structured
        for op in Linalg.operations
        if issubclass(op, LinalgStructuredOperation) and op is not linalg_ops.QuantizedMatmulOp
    },
    linalg_ops.FillOp: _fill,
    linalg_ops.TransposeOp: _transpose,
    linalg_ops.BroadcastOp: _broadcast,
    linalg_ops.ReduceOp: _reduce,
    MapOp: _map,
    linalg_ops.Conv2DNchwFchwOp: _convolution,
    linalg_ops.Conv2DNgchwGfchwOp: _convolution,
    Conv1DNcwFcwOp: _convolution,
    linalg_ops.MatmulOp: _product,
    BatchMatmulOp: _product,
    FftOp: _transform,
    InverseFftOp: _transform,
    tensor.EmptyOp: _empty,
    tensor.SplatOp: _splat,
    tensor.FromElementsOp: _from_elements,
    tensor.PadOp: _pad,
    tensor.ExtractSliceOp: _extract_slice,
    tensor.InsertSliceOp: _insert_slice,
    tensor.CollapseShapeOp: _reshape,
    tensor.ExpandShapeOp: _reshape,
    tensor.ReshapeOp: _reshape,
    tensor.ConcatOp: _concat,
    tensor.ExtractOp: _extract,
    tensor.InsertOp: _insert,
    tensor.DimOp: _dim,
    tensor.CastOp: _same,
    scf.ForOp: _for,
    arith.ConstantOp: _constant,
    func.CallOp: _call,
    cf.AssertOp: _assert,
    GlobalLoadOp: _global_load,
    GlobalLoadConstOp: _global_load,
    GlobalStoreOp: _global_store,
}
"""Op class -> what it does: `(op, operands, run) -> results`."""
