"""Emits linalg on tensors: the vocabulary that the converters are written in.

Every method appends ops with the location of the graph node being converted and gives the new value. Sizes are ints or open
ones (see `cedr.frontend.open_sizes`), element types those of `cedr.frontend.types`. Names of axes: a shape is a tuple of
sizes, `dims` are its axes. A tensor without elements is a `tensor.empty`, whatever computes it, and no op reads one.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    UNKNOWN_LOC,
    AffineMapAttr,
    ArrayAttr,
    BFloat16Type,
    BytesAttr,
    DenseArrayBase,
    DenseIntElementsAttr,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    IndexType,
    IntegerAttr,
    LocationAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import PoolingOperation
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from cedr.dialects.constants import scalar_op
from cedr.dialects.linalg_extensions import (
    BatchMatmulOp,
    Conv1DNcwFcwOp,
    FftOp,
    InverseFftOp,
    PoolingNchwSumOp,
    PoolingNcwMaxOp,
    PoolingNcwSumOp,
)
from cedr.frontend.open_sizes import (
    SizeEmitter,
    Source,
    broadcast_shapes,
    expression_of,
    is_empty,
    is_one,
    is_open,
    plain_size,
    reshape_groups,
    same_shape,
)
from cedr.frontend.open_sizes import shape_of as shape_of
from cedr.frontend.open_sizes import tensor_type as tensor_type
from cedr.frontend.scalars import Number, Scalars, constant_attribute, highest_number, lowest_number
from cedr.frontend.types import ScalarType, is_integer

OpT = TypeVar("OpT", bound=Operation)

Body = Callable[[Scalars, Sequence[SSAValue]], SSAValue]
"""A scalar computation: the inputs' elements to the output's element."""

Step = Callable[[Scalars, Sequence[SSAValue]], Sequence[SSAValue]]
"""A scalar computation of several results, from (Scalars, operands)."""

Combine = Callable[[Scalars, SSAValue, SSAValue], SSAValue]
"""A step of a reduction: (element, accumulator) to accumulator."""

LoopStep = Callable[["Builder", SSAValue | int, Sequence[SSAValue]], Sequence[SSAValue]]
"""A step of a loop: (builder of the body, index, carried tensors) to the carried tensors."""

PARALLEL = IteratorTypeAttr.parallel()
REDUCTION = IteratorTypeAttr.reduction()


class Builder:
    """Appends ops to one block.

    `location` is that of the node being converted and `used_results` the indices of its results that have uses;
    `dense_order()` is the order in which PyTorch keeps the dims of its first tensor in memory, outermost first, None where
    that memory is not exactly the tensor's elements; `macs` counts the multiply-accumulates of convolutions and matrix
    products emitted so far; `complex_of` has the complex numbers that a tensor of real and imaginary parts was made of.
    `sources` are the dims of the program's arguments that have open sizes.
    """

    def __init__(self, block: Block, sources: Sequence[Source] = ()):
        self.block = block
        self.sources = sources
        self.location: LocationAttr = UNKNOWN_LOC
        self.macs = 0
        self.complex_of: dict[SSAValue, SSAValue] = {}
        self.used_results: frozenset[int] = frozenset()
        self.dense_order: Callable[[], tuple[int, ...] | None] = lambda: None
        self._made: dict[tuple[object, ...], SSAValue] = {}
        self._sizes = SizeEmitter(sources, lambda op: self.add(op).results[0])

    def is_used(self, result: int) -> bool:
        """Whether anything in the graph uses a result of the node being converted, which has several."""
        return result in self.used_results

    def add(self, op: OpT) -> OpT:
        """Appends an op."""
        op.location = self.location
        self.block.add_op(op)
        return op

    # Constants and destinations

    def empty(self, shape: Sequence[int], type_: ScalarType) -> SSAValue:
        """A destination of unspecified contents; like constants and splats, one of a kind."""
        made = tensor_type(tuple(shape), type_)
        return self._once((made,), lambda: self.add(tensor.EmptyOp(self.open_indices(shape), made)).tensor)

    def _once(self, key: tuple[object, ...], make: Callable[[], SSAValue]) -> SSAValue:
        """A value that depends on nothing: made at its first use."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def constant(self, number: Number, type_: ScalarType) -> SSAValue:
        """A scalar constant, or a number that is made of open sizes."""
        key = (repr(number), type_)
        if is_open(number):
            return self._once(key, lambda: self._open_number(number, type_))
        return self._once(key, lambda: self.add(scalar_op(constant_attribute(number, type_))).results[0])

    def _open_number(self, number: Any, type_: ScalarType) -> SSAValue:
        scalars = self._scalars(self.block)
        if isinstance(number, torch.SymFloat):
            return scalars.cast(self._sizes.number(number.node.expr), type_)
        return scalars.cast(scalars.emit(arith.IndexCastOp(self.index(number), i64)), type_)

    def _scalars(self, block: Block) -> Scalars:
        return Scalars(block, self.location, self.constant)

    # Sizes

    def index(self, size: int) -> SSAValue:
        """A size, or another integer, as an index."""
        return self._sizes.index(expression_of(size))

    def open_indices(self, sizes: Sequence[int]) -> list[SSAValue]:
        """The open ones among sizes as indices."""
        return [self.index(size) for size in sizes if is_open(size)]

    def _operands(self, sizes: Sequence[int]) -> list[SSAValue | int]:
        """Sizes, the open ones among them as indices."""
        return [self.index(size) if is_open(size) else plain_size(size) for size in sizes]

    def _static(self, sizes: Sequence[int]) -> list[int]:
        """Sizes as attributes have them: what operands say is marked."""
        return [DYNAMIC_INDEX if is_open(size) else plain_size(size) for size in sizes]

    def splat(self, number: Number, shape: Sequence[int], type_: ScalarType) -> SSAValue:
        """A tensor whose elements are all the same number."""
        destination = self.empty(shape, type_)
        if is_empty(shape):
            return destination
        scalar = self.constant(number, type_)
        return self._once(
            (repr(number), destination.type),
            lambda: self.add(
                linalg_ops.FillOp((scalar,), (destination,), res=[[destination.type]])  # type: ignore[list-item]  # a variadic result takes a list
            ).res[0],
        )

    def dense(self, array: np.ndarray, type_: ScalarType) -> SSAValue:
        """A small tensor constant, its bytes taken from the array (i1: one byte of 0 or 1 each)."""
        result_type = tensor_type(array.shape, type_)
        attribute = DenseIntOrFPElementsAttr(result_type, BytesAttr(np.ascontiguousarray(array).tobytes()))
        return self.add(arith.ConstantOp(attribute, result_type)).result

    # Generics

    def generic(
        self,
        inputs: Sequence[tuple[SSAValue, AffineMap]],
        outputs: Sequence[tuple[SSAValue, AffineMap]],
        iterators: Sequence[IteratorTypeAttr],
        body: Step,
    ) -> tuple[SSAValue, ...]:
        """A linalg.generic; `body` gets the elements of inputs and outputs and gives the outputs' new elements."""
        if any(
            is_empty(shape_of(value)) for value, _ in (*inputs, *outputs)
        ):  # no points: the outputs stay as they are
            return tuple(value for value, _ in outputs)
        operands = [value for value, _ in (*inputs, *outputs)]
        block = Block(arg_types=[element_type(value) for value in operands])
        yielded = body(self._scalars(block), block.args)
        end = linalg_ops.YieldOp(*yielded)
        end.location = self.location
        block.add_op(end)
        op = linalg_ops.GenericOp(
            [value for value, _ in inputs],
            [value for value, _ in outputs],
            Region(block),
            ArrayAttr([_map_attribute(map_) for _, map_ in (*inputs, *outputs)]),
            ArrayAttr(iterators),
            [value.type for value, _ in outputs],
        )
        return tuple(self.add(op).res)

    def pointwise(
        self, inputs: Sequence[SSAValue], body: Body, type_: ScalarType, shape: Sequence[int] | None = None
    ) -> SSAValue:
        """An elementwise generic of the inputs, broadcast as PyTorch does, with elements of `type_`.

        `shape` is the result's, the inputs' broadcast shape if not given.
        """
        result = broadcast_shapes(*map(shape_of, inputs)) if shape is None else tuple(shape)
        return self.generic(
            [(value, broadcast_map(shape_of(value), result)) for value in inputs],
            [(self.empty(result, type_), AffineMap.identity(len(result)))],
            (PARALLEL,) * len(result),
            lambda s, args: (body(s, args[: len(inputs)]),),
        )[0]

    def channelwise(self, value: SSAValue, vectors: Sequence[SSAValue], body: Body, type_: ScalarType) -> SSAValue:
        """A generic over X[n, c, *s] in which each vector is read at the channel c."""
        shape = shape_of(value)
        rank = len(shape)
        return self.generic(
            [(value, AffineMap.identity(rank)), *((vector, _dims_map(rank, (1,))) for vector in vectors)],
            [(self.empty(shape, type_), AffineMap.identity(rank))],
            (PARALLEL,) * rank,
            lambda s, args: (body(s, args[:-1]),),
        )[0]

    def indexed(self, value: SSAValue, expressions: Sequence[AffineExpr], shape: Sequence[int]) -> SSAValue:
        """A copy whose element at (d0, d1, ...) is that of `value` at the expressions."""
        return self.generic(
            [(value, AffineMap(len(shape), 0, tuple(expressions)))],
            [(self.empty(shape, element_type(value)), AffineMap.identity(len(shape)))],
            (PARALLEL,) * len(shape),
            lambda s, args: (args[0],),
        )[0]

    def cast(self, value: SSAValue, type_: ScalarType) -> SSAValue:
        """The elements converted, as `Scalars.cast` does; the value itself if it has the type already."""
        if element_type(value) == type_:
            return value
        return self.pointwise([value], lambda s, args: s.cast(args[0], type_), type_)

    def widen(self, value: SSAValue) -> SSAValue:
        """Half-precision floats as f32, in which PyTorch computes on them; anything else as it is."""
        type_ = element_type(value)
        half = isinstance(type_, Float16Type | BFloat16Type)
        return self.cast(value, Float32Type()) if half else value

    def copy(self, value: SSAValue) -> SSAValue:
        """A new tensor of the same elements."""
        return self.pointwise([value], lambda s, args: args[0], element_type(value))

    def broadcast(self, value: SSAValue, shape: Sequence[int]) -> SSAValue:
        """The value repeated to a shape that it broadcasts to."""
        if same_shape(shape_of(value), shape):
            return value
        return self.pointwise([value], lambda s, args: args[0], element_type(value), shape)

    # Loops

    def loop(self, count: int, carried: Sequence[SSAValue], step: LoopStep) -> tuple[SSAValue, ...]:
        """What a loop of `count` steps leaves of the tensors that it carries: `step` gets a builder of the loop's body, the
        step's index and the tensors, and gives the tensors for the step after. A single step is no loop."""
        if is_one(count):
            return tuple(step(self, 0, carried))
        bounds = [self.index(bound) for bound in (0, count, 1)]
        block = Block(arg_types=[IndexType(), *(value.type for value in carried)])
        inner = Builder(block, self.sources)
        inner.location = self.location
        inner.add(scf.YieldOp(*step(inner, block.args[0], block.args[1:])))
        self.macs += count * inner.macs
        return tuple(self.add(scf.ForOp(bounds[0], bounds[1], bounds[2], carried, block)).res)

    def from_end(self, index: SSAValue | int, count: int) -> SSAValue | int:
        """The index of `count` ones that is as far from the last one as this is from the first."""
        if isinstance(index, int):
            return count - 1 - index
        return self.add(arith.SubiOp(self.index(count - 1), index)).result

    def take_first(self, value: SSAValue, index: SSAValue | int) -> SSAValue:
        """The value at an index of its first dim, without that dim."""
        shape, type_ = shape_of(value), element_type(value)
        rest = [0] * (len(shape) - 1)
        steps, sizes = [1] * len(shape), self._operands([1, *shape[1:]])
        return self.add(
            tensor.ExtractSliceOp(value, [index, *rest], sizes, steps, tensor_type(shape[1:], type_))
        ).result

    def put_first(self, value: SSAValue, target: SSAValue, index: SSAValue | int) -> SSAValue:
        """The target with a value, which has all its dims but the first, at an index of the first one; a number where that
        is the only one."""
        shape = shape_of(target)
        if isinstance(index, int):
            assert is_one(shape[0])
            return self.reshape(value, shape)
        rest = [0] * (len(shape) - 1)
        return self.add(
            tensor.InsertSliceOp.get(
                value,
                target,
                [1, *self._static(shape[1:])],
                [DYNAMIC_INDEX, *rest],
                [1] * len(shape),
                [index],
                self.open_indices(shape[1:]),
            )
        ).result

    # Reductions

    def reduce(
        self, value: SSAValue, dims: Sequence[int], init: Number, combine: Combine, *, keepdim: bool = False
    ) -> SSAValue:
        """The value folded over `dims` in index order, starting with the number `init`."""
        shape, type_ = shape_of(value), element_type(value)
        kept = [dim for dim in range(len(shape)) if dim not in dims]
        (result,) = self.generic(
            [(value, AffineMap.identity(len(shape)))],
            [(self.splat(init, [shape[dim] for dim in kept], type_), _dims_map(len(shape), kept))],
            [REDUCTION if dim in dims else PARALLEL for dim in range(len(shape))],
            lambda s, args: (combine(s, args[0], args[1]),),
        )
        return self.keep_dims(result, shape, dims) if keepdim else result

    def keep_dims(self, reduced: SSAValue, shape: Sequence[int], dims: Sequence[int]) -> SSAValue:
        """A reduction's result with its dims of size one put back; `shape` is that of the reduction's input."""
        return self.reshape(reduced, [1 if dim in dims else size for dim, size in enumerate(shape)])

    def scan(
        self,
        value: SSAValue,
        dim: int,
        states: Sequence[tuple[ScalarType, float]],
        step: Step,
        types: Sequence[ScalarType],
    ) -> tuple[SSAValue, ...]:
        """The states that a fold over a dim goes through, in index order: for each one a tensor of the value's shape.

        `states` gives their types and first numbers, `step` the next ones from (element, *states), `types` what they are
        converted to where they are written. One generic: its results are the states on the way and the last ones.
        """
        shape = shape_of(value)
        rank, count = len(shape), len(states)
        kept = [axis for axis in range(rank) if axis != dim]
        identity = AffineMap.identity(rank)
        on_the_way = [(self.empty(shape, type_), identity) for type_ in types]
        last = [
            (self.splat(start, [shape[axis] for axis in kept], type_), _dims_map(rank, kept)) for type_, start in states
        ]

        def body(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
            after = step(s, (args[0], *args[1 + count :]))
            return (*(s.cast(state, type_) for state, type_ in zip(after, types, strict=True)), *after)

        results = self.generic(
            [(value, identity)],
            [*on_the_way, *last],
            [REDUCTION if axis == dim else PARALLEL for axis in range(rank)],
            body,
        )
        return results[:count]

    def sum(self, value: SSAValue, dims: Sequence[int], *, keepdim: bool = False) -> SSAValue:
        """Sums over dims."""
        return self.reduce(value, dims, 0, lambda s, x, total: s.add(total, x), keepdim=keepdim)

    def max(self, value: SSAValue, dims: Sequence[int], *, keepdim: bool = False) -> SSAValue:
        """Maxima over dims; NaN where there is a NaN."""
        init = lowest_number(element_type(value))
        return self.reduce(value, dims, init, lambda s, x, best: s.max(best, x), keepdim=keepdim)

    def min(self, value: SSAValue, dims: Sequence[int], *, keepdim: bool = False) -> SSAValue:
        """Minima over dims; NaN where there is a NaN."""
        init = highest_number(element_type(value))
        return self.reduce(value, dims, init, lambda s, x, best: s.min(best, x), keepdim=keepdim)

    def mean(self, value: SSAValue, dims: Sequence[int], *, keepdim: bool = False) -> SSAValue:
        """Arithmetic means over dims, of floats."""
        count = math.prod(shape_of(value)[dim] for dim in dims)
        total = self.sum(value, dims, keepdim=keepdim)
        return self.divide(total, count)

    def divide(self, value: SSAValue, number: float) -> SSAValue:
        """Every element divided by a number, of floats."""
        return self.pointwise([value], lambda s, args: s.div(args[0], s.like(number, args[0])), element_type(value))

    def arg_extreme(self, value: SSAValue, dim: int, *, largest: bool, keepdim: bool) -> tuple[SSAValue, SSAValue]:
        """(extremes, their first indices as i64) along a dim; a NaN counts as the extreme.

        The index is a reduction of its own, a minimum over the indices where the value is the extreme: xDSL 0.74 does
        not parse a generic of two results.
        """
        shape = shape_of(value)
        kept = _dims_map(len(shape), [axis for axis in range(len(shape)) if axis != dim])
        extreme = (self.max if largest else self.min)(value, (dim,))

        def first(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
            x, best, index = args
            hit = s.compare("eq", x, best)
            if not is_integer(s.type_of(x)):
                hit = s.or_(hit, s.is_nan(x))
            return (s.select(hit, s.min(index, s.index(dim, i64)), index),)

        (index,) = self.generic(
            [(value, AffineMap.identity(len(shape))), (extreme, kept)],
            [(self.splat(shape[dim], shape_of(extreme), i64), kept)],
            [REDUCTION if axis == dim else PARALLEL for axis in range(len(shape))],
            first,
        )
        if keepdim:
            return self.keep_dims(extreme, shape, (dim,)), self.keep_dims(index, shape, (dim,))
        return extreme, index

    # Shapes

    def reshape(self, value: SSAValue, shape: Sequence[int]) -> SSAValue:
        """The elements in the same order under another shape.

        At most one collapse and one expansion; undoing an earlier reshape gives the earlier value.
        """
        if is_empty(shape):
            return self.empty(shape, element_type(value))
        target = tuple(shape)
        earlier = value
        while True:
            if same_shape(shape_of(earlier), target):
                return earlier
            if not isinstance(earlier.owner, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
                break
            earlier = earlier.owner.src
        source, type_ = shape_of(value), element_type(value)
        if not source:  # xDSL 0.74 does not verify an expansion of a tensor without dims
            return self.broadcast(value, target)
        groups = reshape_groups(source, target)
        middle = tuple(math.prod(source[dim] for dim in group) for group, _ in groups)
        if not same_shape(middle, source):
            value = self.add(
                tensor.CollapseShapeOp(
                    operands=[value],
                    result_types=[tensor_type(middle, type_)],
                    properties={"reassociation": _reassociation([group for group, _ in groups])},
                )
            ).result
        if not same_shape(middle, target):
            value = self.add(
                tensor.ExpandShapeOp(
                    value,
                    self.open_indices(target),
                    _reassociation([group for _, group in groups]),
                    self._static(target),
                    tensor_type(target, type_),
                )
            ).result
        return value

    def transpose(self, value: SSAValue, permutation: Sequence[int]) -> SSAValue:
        """Dim i of the result is dim `permutation[i]` of the value; a reshape where only dims of size one move.

        One transposition for several in a row.
        """
        if isinstance(value.owner, linalg_ops.TransposeOp):
            before = value.owner.permutation.get_values()
            return self.transpose(value.owner.inputs[0], [before[dim] for dim in permutation])
        shape = shape_of(value)
        result = [shape[dim] for dim in permutation]
        if is_empty(shape):
            return self.empty(result, element_type(value))
        moving = [dim for dim in permutation if not is_one(shape[dim])]
        if moving == sorted(moving):
            return self.reshape(value, result)
        destination = self.empty(result, element_type(value))
        return self.add(
            linalg_ops.TransposeOp(value, destination, DenseArrayBase.from_list(i64, list(permutation)))
        ).res[0]

    def slice(
        self, value: SSAValue, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int] | None = None
    ) -> SSAValue:
        """A box of the value: per dim an offset, a size and a stride (1 if not given)."""
        steps = (1,) * len(sizes) if strides is None else tuple(strides)
        if same_shape(sizes, shape_of(value)) and not any(is_open(offset) or offset for offset in offsets):
            return value
        if is_empty(sizes):
            return self.empty(sizes, element_type(value))
        result = tensor_type(tuple(sizes), element_type(value))
        box = (self._operands(offsets), self._operands(sizes), steps)
        return self.add(tensor.ExtractSliceOp(value, *box, result)).result

    def slice_dim(self, value: SSAValue, dim: int, offset: int, size: int, stride: int = 1) -> SSAValue:
        """A slice along one dim."""
        shape = shape_of(value)
        offsets, sizes, strides = [0] * len(shape), list(shape), [1] * len(shape)
        offsets[dim], sizes[dim], strides[dim] = offset, size, stride
        return self.slice(value, offsets, sizes, strides)

    def concat(self, values: Sequence[SSAValue], dim: int) -> SSAValue:
        """The values one after the other along a dim."""
        shape = list(shape_of(values[0]))
        shape[dim] = sum(shape_of(value)[dim] for value in values)
        if is_empty(shape):
            return self.empty(shape, element_type(values[0]))
        values = [value for value in values if not is_empty(shape_of(value)[dim : dim + 1])]
        if len(values) == 1:
            return values[0]
        return self.add(tensor.ConcatOp(values, dim, tensor_type(tuple(shape), element_type(values[0])))).result

    def pad(self, value: SSAValue, low: Sequence[int], high: Sequence[int], number: Number) -> SSAValue:
        """The value with a border of a number; the value itself where all widths are 0."""
        if not any(is_open(width) or width for width in (*low, *high)):
            return value
        shape, type_ = shape_of(value), element_type(value)
        result = tuple(a + size + b for a, size, b in zip(low, shape, high, strict=True))
        if is_empty((*shape, *result)):
            return self.splat(number, result, type_)
        block = Block(arg_types=[IndexType()] * len(shape))
        scalars = self._scalars(block)
        end = tensor.YieldOp(scalars.constant(number, type_))
        end.location = self.location
        block.add_op(end)
        return self.add(
            tensor.PadOp(
                value,
                self.open_indices(low),
                self.open_indices(high),
                Region(block),
                self._static(low),
                self._static(high),
                tensor_type(result, type_),
            )
        ).result

    # Named ops

    def matmul(self, a: SSAValue, b: SSAValue, *, transpose_b: bool = False) -> SSAValue:
        """A[m, k] B[k, n], or A[m, k] B[n, k]."""
        (m, k), (_, n) = shape_of(a), reversed(shape_of(b)) if transpose_b else shape_of(b)
        if is_empty((m, k, n)):
            return self.splat(0, (m, n), element_type(a))
        self.macs += m * k * n
        op = self.add(linalg_ops.MatmulOp((a, b), (self.splat(0, (m, n), element_type(a)),)))
        if transpose_b:
            maps = ((0, 2), (1, 2), (0, 1))
            op.indexing_maps = ArrayAttr([_map_attribute(_dims_map(3, dims)) for dims in maps])
        return op.res[0]

    def batch_matmul(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """A[b, m, k] B[b, k, n]."""
        (batch, m, k), (_, _, n) = shape_of(a), shape_of(b)
        if is_empty((batch, m, k, n)):
            return self.splat(0, (batch, m, n), element_type(a))
        self.macs += batch * m * k * n
        return self.add(BatchMatmulOp((a, b), (self.splat(0, (batch, m, n), element_type(a)),))).res[0]

    def fourier(self, x: SSAValue, *, inverse: bool) -> SSAValue:
        """The Fourier transform of each row of X[b, n], complex; the inverse one divides by n."""
        op = InverseFftOp if inverse else FftOp
        return self.add(op((x,), (self.splat(0, shape_of(x), element_type(x)),))).res[0]

    def convolution(
        self, x: SSAValue, w: SSAValue, strides: Sequence[int], dilations: Sequence[int], groups: int
    ) -> SSAValue:
        """X[n, c, *s] (already padded) with W[f, c / groups, *k], in one to three spatial dims.

        Groups are a dim of their own of one named op, for 1-D too (as 2-D of height 1), so that a depthwise
        convolution is one op whatever its channels. In three spatial dims the taps of the first one become channels.
        """
        if len(strides) == 3:
            return self._convolution_3d(x, w, strides, dilations, groups)
        type_ = element_type(x)
        (n, c, *spatial), (f, group_c, *window) = shape_of(x), shape_of(w)
        out = [
            (size - dilation * (k - 1) - 1) // stride + 1
            for size, k, stride, dilation in zip(spatial, window, strides, dilations, strict=True)
        ]
        if is_empty((n, f, group_c, *out)):
            return self.splat(0, (n, f, *out), type_)
        self.macs += n * f * math.prod(out) * group_c * math.prod(window)
        if groups == 1:
            y = self.splat(0, (n, f, *out), type_)
            conv = Conv1DNcwFcwOp if len(out) == 1 else linalg_ops.Conv2DNchwFchwOp
            return self.add(
                conv((x, w), (y,), [[y.type]], strides=_vector(strides), dilations=_vector(dilations))  # type: ignore[list-item]  # a variadic result takes a list
            ).res[0]
        lead = (1,) * (2 - len(out))
        x = self.reshape(x, (n, groups, c // groups, *lead, *spatial))
        w = self.reshape(w, (groups, f // groups, group_c, *lead, *window))
        y = self.splat(0, (n, groups, f // groups, *lead, *out), type_)
        y = self.add(
            linalg_ops.Conv2DNgchwGfchwOp(
                (x, w),
                (y,),
                [[y.type]],  # type: ignore[list-item]  # a variadic result takes a list
                strides=_vector((*lead, *strides)),
                dilations=_vector((*lead, *dilations)),
            )
        ).res[0]
        return self.reshape(y, (n, f, *out))

    def _convolution_3d(
        self, x: SSAValue, w: SSAValue, strides: Sequence[int], dilations: Sequence[int], groups: int
    ) -> SSAValue:
        """X[n, c, d, h, w] with W[f, c / groups, kd, kh, kw], by X[(n, od), (c, kd), h, w]."""
        (n, c, depth, *plane), (f, group_c, taps, *window) = shape_of(x), shape_of(w)
        out = (depth - dilations[0] * (taps - 1) - 1) // strides[0] + 1
        image, row, channel, tap, *rest = (AffineDimExpr(dim) for dim in range(6))
        expressions = [image, channel, row * strides[0] + tap * dilations[0] if out * taps > 1 else row, *rest]
        x = self.indexed(x, expressions, (n, out, c, taps, *plane))
        x = self.reshape(x, (n * out, c * taps, *plane))
        w = self.reshape(w, (f, group_c * taps, *window))
        y = self.convolution(x, w, strides[1:], dilations[1:], groups)
        y = self.reshape(y, (n, out, f, *shape_of(y)[2:]))
        return self.transpose(y, (0, 2, 1, 3, 4))

    def pool(
        self,
        kind: str,
        x: SSAValue,
        window: Sequence[int],
        strides: Sequence[int],
        dilations: Sequence[int],
        out: Sequence[int],
    ) -> SSAValue:
        """Pools X[n, c, *s] (already padded) to Y[n, c, *out]; kind is "max" or "sum", in one to three spatial dims.

        A 2-D pooling of a single row with a window of a single row is 1-D; one in three dims is two in two dims.
        """
        n, c, *spatial = shape_of(x)
        if is_empty((n, c, *out)):
            return self.empty((n, c, *out), element_type(x))
        if len(spatial) == 3:
            planes = self.reshape(x, (n, c * spatial[0], *spatial[1:]))
            planes = self.pool(kind, planes, window[1:], strides[1:], dilations[1:], out[1:])
            columns = self.reshape(planes, (n, c, spatial[0], math.prod(out[1:])))
            rows, apart, between = ((sizes[0], 1) for sizes in (window, strides, dilations))
            columns = self.pool(kind, columns, rows, apart, between, (out[0], math.prod(out[1:])))
            return self.reshape(columns, (n, c, *out))
        if len(spatial) == 2 and is_one(spatial[0]) and window[0] == 1:
            flat = self.pool(kind, self.reshape(x, (n, c, spatial[1])), window[1:], strides[1:], dilations[1:], out[1:])
            return self.reshape(flat, (n, c, *out))
        type_ = element_type(x)
        y = self.splat(lowest_number(type_) if kind == "max" else 0, (n, c, *out), type_)
        op = _POOLS[kind, len(spatial)]
        return self.add(
            op(
                (x, self.empty(window, type_)),
                (y,),
                [[y.type]],
                strides=_vector(strides),
                dilations=_vector(dilations),
            )
        ).res[0]


_POOLS: dict[tuple[str, int], Callable[..., PoolingOperation]] = {
    ("max", 1): PoolingNcwMaxOp,
    ("max", 2): linalg_ops.PoolingNchwMaxOp,
    ("sum", 1): PoolingNcwSumOp,
    ("sum", 2): PoolingNchwSumOp,
}


def element_type(value: SSAValue) -> ScalarType:
    """The element type of a tensor value."""
    type_ = value.type
    assert isinstance(type_, TensorType)
    element: ScalarType = type_.element_type
    return element


def broadcast_map(shape: Sequence[int], result: Sequence[int]) -> AffineMap:
    """The map that reads a tensor of `shape` while looping over `result`: aligned at the last dim, index 0 where a dim
    of size one is repeated."""
    last = result[len(result) - len(shape) :]
    return _broadcast_map(len(result), tuple(is_one(a) and not is_one(b) for a, b in zip(shape, last, strict=True)))


@lru_cache(maxsize=4096)
def _broadcast_map(rank: int, repeated: tuple[bool, ...]) -> AffineMap:
    first = rank - len(repeated)
    return AffineMap(
        rank,
        0,
        tuple(
            AffineConstantExpr(0) if is_repeated else AffineDimExpr(dim)
            for dim, is_repeated in enumerate(repeated, first)
        ),
    )


def _dims_map(rank: int, dims: Sequence[int]) -> AffineMap:
    return AffineMap(rank, 0, tuple(AffineDimExpr(dim) for dim in dims))


@lru_cache(maxsize=4096)
def _map_attribute(map_: AffineMap) -> AffineMapAttr:
    return AffineMapAttr(map_)


def _vector(values: Sequence[int]) -> DenseIntElementsAttr:
    return DenseIntElementsAttr.from_list(TensorType(i64, (len(values),)), list(values))


def _reassociation(groups: Sequence[Sequence[int]]) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    return ArrayAttr(ArrayAttr(IntegerAttr(dim, i64) for dim in group) for group in groups)
