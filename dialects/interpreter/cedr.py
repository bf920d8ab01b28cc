"""Grids and buffers in NumPy: what a `cedr` function means, tile by tile, on tensors, on buffers and in an arena.

Slow and independent of the emitters. `run_grid` and `OPERATIONS` are the meaning of each op; `enumerate_tasks` and
`run_tasks` take a function on buffers apart into its tasks, so that any order of them can be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import DictionaryAttr, MemRefType, StringAttr, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.cedr import (
    AllocOp,
    CallOp,
    GridOp,
    JoinOp,
    ViewOp,
    WaitOp,
    WeightOp,
    WindowAttr,
    element_type_of,
    shape_of,
)
from cedr.dialects.element_types import numpy_dtype

Array = NDArray[Any]

GARBAGE = 0xA5
"""The byte that memory holds before anything is written to it, for elements that have no NaN."""


def garbage(shape: Sequence[int], element: Attribute) -> Array:
    """Memory that nothing has been written to: NaN, or a pattern of bytes, so that a use of it shows."""
    dtype = numpy_dtype(element)
    if dtype.kind in "fc":
        return np.full(shape, np.nan, dtype)
    if dtype.kind == "b":
        return np.ones(shape, dtype)
    return np.frombuffer(bytes([GARBAGE]) * (prod(shape) * dtype.itemsize), dtype).reshape(shape).copy()


class Memory:
    """Where `cedr.alloc` gets its memory: one arena of bytes for those with an offset, an array each for the others.

    Buffers that the plan lets overlap do overlap here, so that a wrong plan gives wrong values.
    """

    def __init__(self, allocs: Iterable[AllocOp] = ()):
        ends = [op.offset.value.data + op.size_bytes() for op in allocs if op.offset is not None]
        self.arena: Array = np.full(max(ends, default=0), 0xFF, np.uint8)  # as floats: NaN

    def allocate(self, op: AllocOp) -> Array:
        element, shape = element_type_of(op.result), shape_of(op.result)
        if op.offset is None:
            return garbage(shape, element)
        start = op.offset.value.data
        if start + op.size_bytes() > len(self.arena):
            raise InterpretationError(f"cedr.alloc at {start} of {op.size_bytes()} bytes leaves the arena")
        return self.arena[start : start + op.size_bytes()].view(numpy_dtype(element)).reshape(shape)


class Windows:
    """The tiles of one operand of a grid, as views of its array."""

    def __init__(self, array: Array, window: WindowAttr):
        self.array = array
        self.shape = window.get_shape()
        offsets = window.get_offsets()
        self._dims = [
            ([(i, c) for i, c in enumerate(o.coefficients) if c], o.constant, size)
            for o, size in zip(offsets, self.shape, strict=True)
        ]

    def offset(self, point: Sequence[int]) -> tuple[int, ...]:
        return tuple(sum(c * point[i] for i, c in terms) + constant for terms, constant, _ in self._dims)

    def tile(self, point: Sequence[int]) -> Array:
        start = self.offset(point)
        for at, size, extent in zip(start, self.shape, self.array.shape, strict=True):
            if at < 0 or at + size > extent:
                raise InterpretationError(
                    f"window at {start} of shape {self.shape} leaves its operand {self.array.shape}"
                )
        view = self.array[tuple(slice(at, at + size) for at, size in zip(start, self.shape, strict=True))]
        return view if isinstance(view, np.ndarray) else self.array[...]


@dataclass
class TileSource:
    """What a grid's body gets at each point: windows of ins and outs, then scratch."""

    grid: GridOp
    windows: list[Windows]
    rings: list[Array]
    _strides: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        strides, step = [], 1
        for extent in reversed(self.grid.get_domain()):
            strides.append(step)
            step *= extent
        self._strides = tuple(reversed(strides))

    def linear(self, point: Sequence[int]) -> int:
        return sum(a * b for a, b in zip(point, self._strides, strict=True))

    def tiles(self, point: Sequence[int]) -> list[Array]:
        found = [w.tile(point) for w in self.windows]
        if self.rings:
            number = self.linear(point)
            found += [ring[number % ring.shape[0]] for ring in self.rings]
        else:
            args = self.grid.body.block.args[len(self.windows) :]
            found += [garbage(shape_of(a), element_type_of(a)) for a in args]
        return found


def tile_source(grid: GridOp, operands: Sequence[Array]) -> TileSource:
    """`operands`: arrays of ins, outs, scratch rings, in the grid's own order."""
    count = len(grid.inputs) + len(grid.outputs)
    windows = [Windows(a, w) for a, w in zip(operands[:count], grid.windows.data, strict=True)]
    return TileSource(grid, windows, list(operands[count:]))


def run_call(call: CallOp, tiles: Mapping[SSAValue, Array]) -> None:
    call.meaning([tiles[v] for v in call.inputs], [tiles[v] for v in call.outputs])


def run_grid(grid: GridOp, operands: Sequence[Array]) -> None:
    """Execute a grid in place, tile by tile in index order, each tile's calls in order."""
    source = tile_source(grid, operands)
    args = grid.body.block.args
    calls = [(call, tuple(call.inputs), tuple(call.outputs)) for call in grid.calls()]
    for point in grid.points():
        tiles: dict[SSAValue, Array] = dict(zip(args, source.tiles(point), strict=True))
        for call, inputs, outputs in calls:
            call.meaning([tiles[v] for v in inputs], [tiles[v] for v in outputs])


# The ops of a function, as functions from operand values to result values.


@dataclass
class Surroundings:
    """What a function's ops reach beside their operands: weights by name, and memory."""

    weights: Mapping[str, Array]
    memory: Memory


Meaning = Callable[[Any, Sequence[Array], Surroundings], Sequence[Array]]


def _grid(op: GridOp, operands: Sequence[Array], around: Surroundings) -> Sequence[Array]:
    if not op.is_on_tensors():
        run_grid(op, operands)
        return ()
    count = len(op.inputs)
    outs = [np.array(a) for a in operands[count:]]
    run_grid(op, [*operands[:count], *outs])
    return outs


def _call(op: CallOp, operands: Sequence[Array], around: Surroundings) -> Sequence[Array]:
    count = len(op.inputs)
    on_tensors = bool(op.res)
    outs = [np.array(a) for a in operands[count:]] if on_tensors else list(operands[count:])
    op.meaning(operands[:count], outs)
    return outs if on_tensors else ()


def _weight(op: WeightOp, operands: Sequence[Array], around: Surroundings) -> Sequence[Array]:
    array = around.weights[op.weight_name]
    if tuple(array.shape) != shape_of(op.result):
        raise InterpretationError(
            f"weight {op.weight_name} is {list(array.shape)} in the file, {op.result.type} in the IR"
        )
    return [np.asarray(array)]


def _view(op: ViewOp, operands: Sequence[Array], around: Surroundings) -> Sequence[Array]:
    view = operands[0].view()
    view.shape = shape_of(op.result)  # in place: raises if it would need a copy
    return [view]


def _alloc(op: AllocOp, operands: Sequence[Array], around: Surroundings) -> Sequence[Array]:
    return [around.memory.allocate(op)]


def _event(op: Operation, operands: Sequence[Array], around: Surroundings) -> Sequence[Array]:
    return ()


def operations() -> dict[type[Operation], Meaning]:
    """Op class -> what it does."""
    from cedr.dialects.cedr import CALLS

    table: dict[type[Operation], Meaning] = {
        GridOp: _grid,
        WeightOp: _weight,
        ViewOp: _view,
        AllocOp: _alloc,
        JoinOp: _event,
        WaitOp: _event,
    }
    for call in CALLS:
        table[call] = _call
    return table


OPERATIONS = operations()


# A function on buffers, taken apart.


@dataclass(frozen=True)
class Access:
    """A box of a buffer: `buffer` is the root (an argument, weight or alloc), `offset` and `shape` a box of the view of
    it that the grid sees."""

    buffer: SSAValue
    view: SSAValue
    offset: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """One call at one tile. `id`: base + linear index * calls + call where the grid has a base, else in program order."""

    id: int
    grid: str
    call: int
    point: tuple[int, ...]
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]


def root_of(value: SSAValue) -> SSAValue:
    """The buffer that a value is a view of."""
    while isinstance(value.owner, ViewOp):
        value = value.owner.source
    return value


def grids_of(function: func.FuncOp) -> list[GridOp]:
    return [op for op in function.body.block.ops if isinstance(op, GridOp)]


def _base(grid: GridOp, default: int) -> int:
    return default if grid.base is None else grid.get_base()


def enumerate_tasks(function: func.FuncOp) -> Iterator[Task]:
    """The tasks of a function on buffers in program order, each with what it reads and writes (scratch included)."""
    next_id = 0
    for grid in grids_of(function):
        base = _base(grid, next_id)
        offsets = [w.get_offsets() for w in grid.windows.data]
        shapes = [w.get_shape() for w in grid.windows.data]
        operands = (*grid.inputs, *grid.outputs)
        args = list(grid.body.block.args)
        number: dict[SSAValue, int] = {arg: i for i, arg in enumerate(args)}
        calls = grid.calls()
        for linear, point in enumerate(grid.points()):
            accesses: list[Access] = [
                Access(root_of(v), v, tuple(o.value(point) for o in offs), shape)
                for v, offs, shape in zip(operands, offsets, shapes, strict=True)
            ]
            for ring in grid.scratch:
                slots, *tile = shape_of(ring)
                accesses.append(Access(root_of(ring), ring, (linear % slots, *([0] * len(tile))), (1, *tile)))
            for c, call in enumerate(calls):
                reads = [accesses[number[v]] for v in call.inputs]
                reads += [accesses[number[v]] for v, r in zip(call.outputs, call.reads_outputs(), strict=True) if r]
                writes = [accesses[number[v]] for v in call.outputs]
                yield Task(base + linear * len(calls) + c, grid.sym_name.data, c, point, tuple(reads), tuple(writes))
        next_id = base + grid.num_tasks()


class Machine:
    """The memory of a function on buffers: arguments, weights and allocs, ready for tasks in any order."""

    def __init__(self, function: func.FuncOp, inputs: Sequence[Array], weights: Mapping[str, Array]):
        block = function.body.block
        self.function = function
        allocs = [op for op in block.ops if isinstance(op, AllocOp)]
        around = Surroundings(weights, Memory(allocs))
        self.arrays: dict[SSAValue, Array] = {}
        self.outputs: list[Array] = []
        given = iter(inputs)
        for arg, is_output in zip(block.args, output_arguments(function), strict=True):
            if is_output:
                self.arrays[arg] = garbage(shape_of(arg), element_type_of(arg))
                self.outputs.append(self.arrays[arg])
            else:
                array = np.asarray(next(given), order="C")  # ascontiguousarray would give a scalar a dimension
                if array.shape != shape_of(arg):
                    raise InterpretationError(f"input of shape {list(array.shape)} for {arg.type}")
                self.arrays[arg] = array
        for op in block.ops:
            if isinstance(op, AllocOp | ViewOp | WeightOp):
                results = OPERATIONS[type(op)](op, [self.arrays[v] for v in op.operands], around)
                self.arrays[op.results[0]] = results[0]
        self._grids: dict[str, tuple[GridOp, TileSource, tuple[CallOp, ...]]] = {}
        for grid in grids_of(function):
            source = tile_source(grid, [self.arrays[v] for v in grid.operands])
            self._grids[grid.sym_name.data] = (grid, source, grid.calls())

    def run(self, grid_name: str, call: int, point: Sequence[int]) -> None:
        grid, source, calls = self._grids[grid_name]
        tiles: dict[SSAValue, Array] = dict(zip(grid.body.block.args, source.tiles(point), strict=True))
        run_call(calls[call], tiles)


def output_arguments(function: func.FuncOp) -> list[bool]:
    """Per argument: whether it is memory for a result of the function (`cedr.output`)."""
    attrs = function.arg_attrs.data if function.arg_attrs is not None else ()
    flags = [isinstance(a, DictionaryAttr) and isinstance(a.data.get("cedr.output"), StringAttr) for a in attrs]
    return flags or [False] * len(function.body.block.args)


def run_tasks(
    function: func.FuncOp, inputs: Sequence[Array], weights: Mapping[str, Array], order: Iterable[Task]
) -> list[Array]:
    """Execute tasks (those of `enumerate_tasks`) in the given order on the function's memory; its outputs."""
    machine = Machine(function, inputs, weights)
    for task in order:
        machine.run(task.grid, task.call, task.point)
    return machine.outputs


def run_function(function: func.FuncOp, inputs: Sequence[Array], weights: Mapping[str, Array]) -> list[Array]:
    """Execute a function whose ops are all of this dialect (and tensor.empty), on tensors or on buffers."""
    block = function.body.block
    if any(isinstance(a.type, MemRefType) for a in block.args):
        machine = Machine(function, inputs, weights)
        for grid in grids_of(function):
            run_grid(grid, [machine.arrays[v] for v in grid.operands])
        return machine.outputs
    around = Surroundings(weights, Memory())
    values: dict[SSAValue, Array] = dict(zip(block.args, map(np.asarray, inputs), strict=True))
    for op in block.ops:
        operands = [values[v] for v in op.operands]
        if isinstance(op, func.ReturnOp):
            return operands
        if op.name == "tensor.empty":
            assert isinstance(op.results[0].type, TensorType)
            results: Sequence[Array] = [garbage(shape_of(op.results[0]), element_type_of(op.results[0]))]
        elif (meaning := OPERATIONS.get(type(op))) is not None:
            results = meaning(op, operands, around)
        else:
            raise InterpretationError(f"no meaning for '{op.name}' among grids; run the whole module instead")
        values.update(zip(op.results, results, strict=True))
    raise InterpretationError("the function ends without a return")
