"""A loop over time on tensors (`scf.for` around linalg ops) as one grid of sequential steps.

What the loop carries lives in destinations of the grid: a tensor that every step replaces (a state) in a window that
stays, a tensor into which every step inserts a box in a window that moves with the step. A step's ops are the grid's
calls, each on whole tensors, from scratch to scratch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsl.dialects import arith, complex, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, IntegerAttr, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Block, Operation, SSAValue

from cedr.dialects.cedr import SEQUENTIAL, Affine, YieldOp, shape_of
from cedr.dialects.cedr.attrs import ints_of
from cedr.dialects.constants import scalar_op
from cedr.dialects.diagnostics import Diagnostic
from cedr.passes.errors import at
from cedr.passes.grid_builder import Draft, Tile, constant_operand
from cedr.passes.layers import Form, element_of, form_of
from cedr.passes.layout import Copy, Placement, Root, is_undefined, scalar_constant, splat_of
from cedr.passes.structured import Access, Loop, Nest, Piece, Window, tables_of, whole

if TYPE_CHECKING:
    from cedr.passes.convert_linalg_to_cedr import FunctionConverter

Slice = tensor.ExtractSliceOp | tensor.InsertSliceOp


@dataclass(frozen=True)
class Seen:
    """A tensor inside of a step: its tile, of shape `shape`, and which element of it an element of the tensor is: per
    dimension of the tile a sum of (dimension of the tensor, stride)."""

    tile: Tile
    shape: tuple[int, ...]
    terms: tuple[tuple[tuple[int, int], ...], ...]

    @staticmethod
    def of(tile: Tile, shape: Sequence[int], dims: Sequence[int]) -> Seen:
        """`dims`: the tile's dimensions that are the tensor's own; the others have one element."""
        return Seen(tile, tuple(shape), tuple(((dims.index(i), 1),) if i in dims else () for i in range(len(shape))))

    @staticmethod
    def whole(tile: Tile, shape: Sequence[int]) -> Seen:
        return Seen.of(tile, shape, range(len(shape)))

    def is_whole(self) -> bool:
        return self.terms == tuple(((i, 1),) for i in range(len(self.shape)))

    def expanded(self, groups: Sequence[Sequence[int]], shape: Sequence[int]) -> Seen:
        """The tensor with each dimension seen as those of its group, of sizes `shape`."""

        def parts(dim: int, stride: int) -> Iterator[tuple[int, int]]:
            for inner in reversed(groups[dim]):
                yield inner, stride
                stride *= shape[inner]

        return replace(
            self, terms=tuple(tuple(part for term in terms for part in parts(*term)) for terms in self.terms)
        )

    def access(self, access: Access) -> Access:
        """The access to the tensor as one to the tile."""
        num_loops = access.results[0].num_dims if access.results else 0
        results = []
        for terms in self.terms:
            result = Affine.const(0, num_loops)
            for dim, stride in terms:
                result = result + (access.results[dim] if stride == 1 else access.results[dim] * stride)
            results.append(result)
        return Access(access.value, self.shape, tuple(results))


@dataclass(frozen=True)
class Trips:
    """The loop's index at step d: `lower + step * d` for d in 0 to `count` - 1."""

    lower: int
    step: int
    count: int

    def index(self) -> Affine:
        return Affine((self.step,), self.lower)


def trips_of(op: scf.ForOp) -> Trips:
    """Raises ValueError for bounds that are no constants."""
    bounds = [scalar_constant(v) for v in (op.lb, op.ub, op.step)]
    if not all(isinstance(b, IntegerAttr) for b in bounds):
        raise ValueError("runs between bounds that are no constants")
    lower, upper, step = (b.value.data for b in bounds if isinstance(b, IntegerAttr))
    if step < 1:
        raise ValueError(f"has a step of {step}")
    return Trips(lower, step, max(0, -(-(upper - lower) // step)))


def loop_refusals(op: scf.ForOp) -> list[Diagnostic]:
    """Why a loop, or an op in it, can't become a grid of sequential steps."""
    found: list[Diagnostic] = []
    try:
        trips_of(op)
    except ValueError as error:
        found.append(at(op, str(error)))
    if any(not isinstance(v.type, TensorType) for v in op.iter_args):
        found.append(at(op, "carries something else than tensors"))
    block = op.body.block
    carried = list(block.args[1:])
    last = block.last_op
    assert last is not None
    for inner in block.ops:
        match inner:
            case _ if inner is last:
                pass
            case LinalgStructuredOperation():
                try:
                    if not isinstance(inner, linalg_ops.FillOp):
                        check_step(inner)
                except ValueError as error:
                    found.append(at(inner, str(error)))
                if any(not is_outside(v, block) for v in tables_of(inner.body.block)):
                    found.append(at(inner, "reads a tensor of the loop at positions that it computes"))
            case tensor.ExtractSliceOp():
                if not is_outside(inner.source, block):
                    found.append(at(inner, "takes a slice of a tensor that the loop computes"))
                found += _box_refusals(inner, block)
            case tensor.InsertSliceOp():
                if not is_chain(inner, carried, last):
                    found.append(at(inner, "inserts into something else than a tensor that the loop carries"))
                found += _box_refusals(inner, block)
            case tensor.ExpandShapeOp():
                pass
            case tensor.EmptyOp() | arith.ConstantOp() | complex.ConstantOp():
                pass
            case arith.AddiOp() | arith.SubiOp() | arith.MuliOp():
                pass
            case _:
                found.append(at(inner, "has no conversion to cedr inside of a loop"))
    return found


def is_outside(value: SSAValue, block: Block) -> bool:
    owner = value.owner
    return (owner if isinstance(owner, Block) else owner.parent) is not block


def is_chain(op: tensor.InsertSliceOp, carried: Sequence[SSAValue], last: Operation) -> bool:
    """Whether an insertion goes from a carried tensor, which is used for nothing else, to that tensor's next value."""
    if op.dest not in carried or not op.dest.has_one_use() or not op.result.has_one_use():
        return False
    use = next(iter(op.result.uses))
    return use.operation is last and use.index == carried.index(op.dest)


def _box_refusals(op: Slice, block: Block) -> list[Diagnostic]:
    if any(s != 1 for s in ints_of(op.static_strides)) or DYNAMIC_INDEX in ints_of(op.static_sizes):
        return [at(op, "has steps or a size that is no constant")]
    try:
        box_of(op, block, Trips(0, 1, 1))
    except ValueError as error:
        return [at(op, str(error))]
    return []


def _affine(value: SSAValue, block: Block, trips: Trips) -> Affine:
    """An index over the grid's one dimension. Raises ValueError where it is no such function of the loop's index."""
    if value is block.args[0]:
        return trips.index()
    constant = scalar_constant(value)
    if isinstance(constant, IntegerAttr):
        return Affine.const(constant.value.data, 1)
    owner = value.owner
    if isinstance(owner, arith.AddiOp | arith.SubiOp | arith.MuliOp):
        left, right = (_affine(v, block, trips) for v in owner.operands)
        if isinstance(owner, arith.AddiOp):
            return left + right
        if isinstance(owner, arith.SubiOp):
            return left - right
        if left.is_constant() or right.is_constant():
            factor, other = (left, right) if left.is_constant() else (right, left)
            return other * factor.constant
    raise ValueError("is at a position that is no affine function of the loop's index")


def box_of(op: Slice, block: Block, trips: Trips) -> Window:
    """The box of the larger tensor that an op takes or fills at each step."""
    dynamic = iter(op.offsets)
    offsets = tuple(
        _affine(next(dynamic), block, trips) if static == DYNAMIC_INDEX else Affine.const(static, 1)
        for static in ints_of(op.static_offsets)
    )
    return Window(offsets, ints_of(op.static_sizes), ())


def kept_dims(sizes: DenseArrayBase, shape: Sequence[int]) -> tuple[int, ...]:
    """The dimensions of a box that make up the tensor of fewer dimensions which it is seen as."""
    kept: list[int] = []
    rest = list(shape)
    for dim, size in enumerate(ints_of(sizes)):
        if rest and size == rest[0]:
            kept.append(dim)
            rest.pop(0)
    return tuple(kept)


def step_of(nest: Nest, trips: Trips) -> Piece:
    """All of a nest at each step."""
    loops = tuple(Loop(0, extent) for extent in nest.extents)
    return Piece(loops, (trips.count,), (SEQUENTIAL,), accumulates=False, partial=False, suffix="")


def goes_in_place(nest: Nest, state: SSAValue, output: int) -> bool:
    """Whether an op may write an output where a tensor stands that it reads: it reads an element only to replace it."""
    target = nest.outputs[output].results
    return not any(nest.reduction) and all(a.results == target for a in nest.inputs if a.value is state)


def check_step(op: LinalgStructuredOperation) -> None:
    """Raises ValueError for an op that can't be computed as planned, or not at one step of a loop."""
    form = form_of(op)
    if form.accumulates_whole():
        raise ValueError("goes on from a tensor, inside of a loop")
    if any(r.bounds(form.nest.extents)[0] for access in form.nest.outputs for r in access.results):
        raise ValueError("leaves out the first elements of its result, inside of a loop")


class LoopConverter:
    """Converts one loop into a grid of sequential steps."""

    def __init__(self, function: FunctionConverter, op: scf.ForOp):
        self.function = function
        self.op = op
        self.block = op.body.block
        self.carried = list(self.block.args[1:])
        self.trips: Trips = trips_of(op)
        last = self.block.last_op
        assert last is not None
        self.last = last
        self.seen: dict[SSAValue, Seen] = {}
        self.inserted: dict[tensor.InsertSliceOp, Seen] = {}
        self.written: set[int] = set()
        """States whose next value was put where the old one stands."""
        self.order = {inner: i for i, inner in enumerate(self.block.ops)}

    def run(self) -> None:
        function, emitter, location = self.function, self.function.emitter, self.op.location
        stem = f"l{function.counter}_loop"
        emitter.stem = f"l{function.counter}"
        function.counter += 1
        places: list[Placement] = []
        apart: list[tuple[Placement, SSAValue]] = []
        for result in self.op.results:
            place = function.layout.placements[result]
            if any(place.root is other.root for other in places):
                apart.append((Root(shape_of(result), place.root.element_type).whole(), result))
                place = apart[-1][0]
            places.append(place)
        for init, place in zip(self.op.iter_args, places, strict=True):
            if not is_undefined(init):
                shape = shape_of(init)
                splat = splat_of(init)
                source = function.place(whole(init), self.op) if splat is None else splat
                copy = Copy(source, shape, place, (1,) * len(shape))
                emitter.copy(copy, function.names.fresh(f"{stem}_init"), location)
        if self.trips.count:
            self._steps(function.names.fresh(stem), places)
        for own, copied in apart:
            shape = shape_of(copied)
            copy = Copy(own, shape, function.layout.placements[copied], (1,) * len(shape))
            emitter.copy(copy, function.names.fresh(f"{stem}_copy"), location)

    def _steps(self, name: str, places: Sequence[Placement]) -> None:
        self.name = name
        self.draft = Draft(self.function.emitter, name, (self.trips.count,), (SEQUENTIAL,), self.op.location)
        chains: dict[SSAValue, tensor.InsertSliceOp] = {
            inner.dest: inner
            for inner in self.block.ops
            if isinstance(inner, tensor.InsertSliceOp) and is_chain(inner, self.carried, self.last)
        }
        self.states: dict[int, Seen] = {}
        for i, (argument, place) in enumerate(zip(self.carried, places, strict=True)):
            if (insertion := chains.get(argument)) is not None:
                window = box_of(insertion, self.block, self.trips)
                dims = kept_dims(insertion.static_sizes, shape_of(insertion.source))
                self.inserted[insertion] = Seen.of(self.draft.output(place, window), window.shape, dims)
            else:
                shape = shape_of(argument)
                window = Window((Affine.const(0, 1),) * len(shape), shape, ())
                self.states[i] = self.seen[argument] = Seen.whole(self.draft.output(place, window), shape)
        for inner in self.block.ops:
            if isinstance(inner, tensor.ExtractSliceOp) and splat_of(inner.result) is None:
                window = box_of(inner, self.block, self.trips)
                place = self.function.place(whole(inner.source), inner)
                dims = kept_dims(inner.static_sizes, shape_of(inner.result))
                self.seen[inner.result] = Seen.of(self.draft.input(place, window), window.shape, dims)
            elif isinstance(inner, tensor.InsertSliceOp):
                if self.seen.get(inner.source) != self.inserted[inner]:
                    self._copy(inner.source, self.inserted[inner])
            elif isinstance(inner, tensor.ExpandShapeOp) and splat_of(inner.result) is None:
                groups = [[int(dim.value.data) for dim in group] for group in inner.reassociation]
                self.seen[inner.result] = self._seen(inner.src, inner).expanded(groups, shape_of(inner.result))
            elif isinstance(inner, LinalgStructuredOperation) and not isinstance(inner, linalg_ops.FillOp):
                self._layer(inner)
        self._carry()
        self.draft.emit()

    def _layer(self, op: LinalgStructuredOperation) -> None:
        form = form_of(op)
        is_kernel = form.api == "kernel"
        tiles: dict[int, Tile] = {}
        inputs = list(form.nest.inputs)
        for i, access in enumerate(inputs):
            seen = self.seen.get(access.value)
            if seen is None or (is_kernel and form.body.args[i].first_use is None):
                continue
            if not is_kernel and not seen.is_whole():
                seen = self._scratch(access.value)
                self._copy(access.value, seen)
            tiles[i] = seen.tile
            inputs[i] = seen.access(access) if is_kernel else access
        targets = [self._target(form, i) for i in range(len(op.results))]
        outputs = [
            seen.access(access) if is_kernel else access
            for seen, access in zip(targets, form.nest.outputs, strict=True)
        ]
        nest = replace(form.nest, inputs=tuple(inputs), outputs=tuple(outputs))
        self.function.add_stage(
            self.draft,
            replace(form, nest=nest),
            step_of(nest, self.trips),
            self.name,
            tiles,
            [seen.tile for seen in targets],
            lambda access: self.function.place(access, op),
        )
        self.seen.update(zip(op.results, targets, strict=True))

    def _target(self, form: Form, output: int) -> Seen:
        """Where an op's result goes: to where it is inserted, to where it is carried to, else to scratch."""
        result = form.op.results[output]
        for use in result.uses:
            if isinstance(use.operation, tensor.InsertSliceOp) and use.index == 0:
                box = self.inserted[use.operation]
                if form.api == "kernel" or box.is_whole():
                    return box
        for use in result.uses:
            if use.operation is self.last and use.index in self.states and use.index not in self.written:
                state = self.carried[use.index]
                later = any(
                    self.order[u.operation] > self.order[form.op] and (u.operation, u.index) != (self.last, use.index)
                    for u in state.uses
                )
                reads = any(v is state for v in form.op.operands)
                if not later and (not reads or (form.api == "kernel" and goes_in_place(form.nest, state, output))):
                    self.written.add(use.index)
                    return self.states[use.index]
        return self._scratch(result)

    def _carry(self) -> None:
        """What the next step begins with, where it does not stand there yet; old values that move first."""
        moves = [
            (value, i)
            for i, value in enumerate(self.last.operands)
            if i in self.states and i not in self.written and value is not self.carried[i]
        ]
        for value, _ in moves:
            if value in self.carried:
                saved = self._scratch(value)
                self._copy(value, saved)
                self.seen[value] = saved
        for value, i in moves:
            self._copy(value, self.states[i])

    def _seen(self, value: SSAValue, op: Operation) -> Seen:
        """A tensor of the step, or one from outside."""
        if value in self.seen:
            return self.seen[value]
        shape = shape_of(value)
        place = self.function.place(whole(value), op)
        return Seen.whole(self.draft.input(place, Window((Affine.const(0, 1),) * len(shape), shape, ())), shape)

    def _scratch(self, value: SSAValue) -> Seen:
        shape = shape_of(value)
        return Seen.whole(self.draft.scratch(shape, element_of(value)), shape)

    def _copy(self, value: SSAValue, target: Seen) -> None:
        """A call that copies a tensor of the step, or one from outside, or a constant."""
        shape = shape_of(value)
        identity = Access(value, shape, tuple(Affine.dim(i, len(shape)) for i in range(len(shape))))
        inputs: list[Tile] = []
        maps = []
        block = Block()
        constant = None if value in self.seen else constant_operand(value)
        if constant is not None:
            element = scalar_op(constant)
            block.add_op(element)
            copied: SSAValue = element.results[0]
        else:
            source = self._seen(value, self.op)
            inputs.append(source.tile)
            maps.append(source.access(identity).results)
            copied = block.insert_arg(element_of(value), 0)
        block.insert_arg(element_of(value), len(block.args))
        maps.append(target.access(identity).results)
        block.add_op(YieldOp(copied))
        name = self.function.names.fresh(f"{self.name}_copy")
        self.draft.kernel(name, shape, inputs, [target.tile], maps, block)
