"""What both emitters print: the last IR level as plain data, checked once.

A level-4 module holds one function of grids on buffers, with every alloc placed in the arena, a base per grid and the
dependencies of every call. `Program.of(module)` reads it; whatever is missing or unknown is refused here, by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.dialects.builtin import MemRefType, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue

from cedr.dialects.cedr import (
    Affine,
    AllocOp,
    CallOp,
    DependencyAttr,
    GridOp,
    JoinOp,
    LagAttr,
    ViewOp,
    WaitOp,
    WeightOp,
    element_type_of,
    linear_index,
    shape_of,
)
from cedr.dialects.element_types import dtype_name, element_size_bytes
from cedr.dialects.locations import source_line
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec


class EmissionError(CedrError):
    """IR that cannot become a task module."""


@dataclass(frozen=True)
class Buffer:
    """Where a memref's elements stand: `space` is arena, input, output or weight."""

    space: str
    index: int
    """Position among the inputs, outputs or weights; byte offset in the arena."""
    dtype: str
    shape: tuple[int, ...]

    def strides(self) -> tuple[int, ...]:
        """Row-major, in elements."""
        return tuple(prod(self.shape[i + 1 :]) for i in range(len(self.shape)))


@dataclass(frozen=True)
class Tile:
    """An operand of a call at a grid point: element `offset(point) + slot(point) * slot_elements` of a buffer onwards."""

    buffer: Buffer
    offset: Affine
    """In elements, over the grid's dimensions."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements, per dimension of the tile."""
    slots: int = 0
    """0: not a scratch ring. Else the tile's linear index mod `slots` chooses the slot."""
    slot_elements: int = 0


@dataclass(frozen=True)
class Edge:
    """One entry of `after`, with the target's numbers filled in."""

    base: int
    calls: int
    call: int
    extents: tuple[int, ...]
    box: tuple[tuple[Affine, Affine], ...]
    first: bool


@dataclass(frozen=True)
class Lag:
    """An entry `lag k:c`: the same grid, k tiles earlier."""

    distance: int
    call: int


@dataclass(frozen=True)
class Call:
    op: CallOp
    call_class: CallClass
    tiles: tuple[Tile, ...]
    """ins, then outs."""
    after: tuple[Edge | Lag, ...]


@dataclass(frozen=True)
class Grid:
    name: str
    base: int
    domain: tuple[int, ...]
    is_ordered: bool
    calls: tuple[Call, ...]

    def where(self, index: int | None = None) -> str:
        """The grid, or one of its calls, for a message: with the line of the user's own source, if that is known."""
        call = self.calls[index or 0]
        place = source_line(call.op)
        text = f"{place + ': ' if place else ''}grid @{self.name}"
        return text if index is None else f"{text}, call {index} ({call.op.name})"


@dataclass(frozen=True)
class Join:
    name: str
    base: int
    after: tuple[Edge, ...]


@dataclass(frozen=True)
class Wait:
    """The host waits for every task submitted so far."""


@dataclass(frozen=True)
class Program:
    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: tuple[TensorSpec, ...]
    arena_bytes: int
    steps: tuple[Grid | Join | Wait, ...]
    task_count: int
    classes: tuple[CallClass, ...] = field(repr=False)
    """In the order of the calls, joins included: the record's class table."""

    @staticmethod
    def of(module: ModuleOp) -> Program:
        """Read a level-4 module. Raises EmissionError, naming the op and what it lacks."""
        return _Reader(module).read()


def c_identifier(name: str) -> str:
    """A symbol as an identifier of C and Python."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII)
    return text if text and not text[0].isdigit() else f"_{text}"


class _Reader:
    def __init__(self, module: ModuleOp):
        self.module = module
        functions = [op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main"]
        if len(functions) != 1:
            raise EmissionError(f"a task module is made from one function @main, the IR has {len(functions)}")
        self.function = functions[0]
        name = module.attributes.get("cedr.model")
        self.name = name.data if isinstance(name, StringAttr) else "model"
        self.weights: dict[str, tuple[int, TensorSpec]] = {}  # by name, with the place in the order of their first use
        self.buffers: dict[SSAValue, Buffer] = {}
        self.arena_end = 0
        self.targets: dict[str, tuple[int, int, tuple[int, ...]]] = {}
        self.classes: list[CallClass] = []
        self.tasks = 0

    @staticmethod
    def fail(op: Operation, message: str) -> EmissionError:
        name = op.properties.get("sym_name")
        label = f" @{name.data}" if isinstance(name, StringAttr) else ""
        place = source_line(op)
        return EmissionError(f"{place + ': ' if place else ''}'{op.name}'{label}: {message}")

    def read(self) -> Program:
        inputs, outputs = self._arguments()
        block = self.function.body.block
        for op in block.ops:
            if isinstance(op, GridOp | JoinOp):
                self._register(op)
        steps: list[Grid | Join | Wait] = []
        for op in block.ops:
            match op:
                case AllocOp():
                    self._alloc(op)
                case WeightOp():
                    self._weight(op)
                case ViewOp():
                    source = self.buffers[op.source]
                    self.buffers[op.result] = Buffer(source.space, source.index, source.dtype, shape_of(op.result))
                case GridOp():
                    steps.append(self._grid(op))
                case JoinOp():
                    steps.append(self._join(op))
                case WaitOp():
                    steps.append(Wait())
                case ReturnOp():
                    if op.operands:
                        raise self.fail(op, "returns values; run the pass 'bufferize' first")
                case _:
                    raise self.fail(op, "cannot be emitted; a task module holds grids of calls on buffers")
        return Program(
            name=c_identifier(self.name),
            inputs=inputs,
            outputs=outputs,
            weights=tuple(tensor for _, tensor in self.weights.values()),
            arena_bytes=self.arena_end,
            steps=tuple(steps),
            task_count=self.tasks,
            classes=tuple(self.classes),
        )

    def _arguments(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        attributes = self.function.arg_attrs
        tensors: dict[str, list[TensorSpec]] = {"input": [], "output": []}
        for i, argument in enumerate(self.function.body.block.args):
            if not isinstance(argument.type, MemRefType):
                raise self.fail(self.function, f"argument {i} is {argument.type}; run the pass 'bufferize' first")
            entries = attributes.data[i].data if attributes is not None else {}
            space = "output" if "cedr.output" in entries else "input"
            label = entries.get("cedr.output" if space == "output" else "cedr.name")
            name = label.data if isinstance(label, StringAttr) else f"{space}{len(tensors[space])}"
            roles = self._roles(entries)
            dtype = dtype_name(element_type_of(argument))
            self.buffers[argument] = Buffer(space, len(tensors[space]), dtype, shape_of(argument))
            tensors[space].append(TensorSpec(name, dtype, shape_of(argument), **roles))
        inputs = {spec.name: spec for spec in tensors["input"]}
        for spec in tensors["input"]:
            if spec.initial is not None:
                self._use_weight(self.function, TensorSpec(spec.initial, spec.dtype, spec.shape))
        for spec in tensors["output"]:
            if spec.updates is None:
                continue
            if spec.updates not in inputs:
                names = ", ".join(inputs) or "none"
                raise self.fail(self.function, f"output '{spec.name}' updates '{spec.updates}'; the inputs are {names}")
            one = inputs[spec.updates]
            if (one.dtype, one.shape) != (spec.dtype, spec.shape):
                raise self.fail(
                    self.function,
                    f"output '{spec.name}' is {spec.dtype}{list(spec.shape)}, the input that it updates "
                    f"{one.dtype}{list(one.shape)}",
                )
        return tuple(tensors["input"]), tuple(tensors["output"])

    @staticmethod
    def _roles(entries: Mapping[str, Attribute]) -> dict[str, str]:
        labels = {role: entries.get(f"cedr.{role}") for role in ("initial", "updates")}
        return {role: label.data for role, label in labels.items() if isinstance(label, StringAttr)}

    def _register(self, op: GridOp | JoinOp) -> None:
        if op.base is None:
            raise self.fail(op, "has no base; run the pass 'add-dependencies' first")
        name, base = op.sym_name.data, op.base.value.data
        domain, calls = (op.get_domain(), len(op.calls())) if isinstance(op, GridOp) else ((), 1)
        if name in self.targets:
            raise self.fail(op, "its name is used twice")
        self.targets[name] = (base, calls, domain)
        self.tasks = max(self.tasks, base + prod(domain) * calls)

    def _alloc(self, op: AllocOp) -> None:
        if op.offset is None:
            raise self.fail(op, f"{op.result.type} has no place in the arena; run the pass 'plan-memory' first")
        offset, element = op.offset.value.data, element_type_of(op.result)
        if offset % element_size_bytes(element):
            raise self.fail(op, f"offset {offset} is not aligned for {element}")
        self.arena_end = max(self.arena_end, offset + op.size_bytes())
        self.buffers[op.result] = Buffer("arena", offset, dtype_name(element), shape_of(op.result))

    def _weight(self, op: WeightOp) -> None:
        tensor = TensorSpec(op.weight_name, dtype_name(element_type_of(op.result)), shape_of(op.result))
        self.buffers[op.result] = Buffer("weight", self._use_weight(op, tensor), tensor.dtype, tensor.shape)

    def _use_weight(self, op: Operation, tensor: TensorSpec) -> int:
        """Its place among the weights."""
        place, known = self.weights.setdefault(tensor.name, (len(self.weights), tensor))
        if known != tensor:
            raise self.fail(op, f"weight '{tensor.name}' is used as {known.dtype}{list(known.shape)} elsewhere")
        return place

    def _edges(self, op: Operation, entries: Sequence[object]) -> tuple[Edge, ...]:
        edges = []
        for entry in entries:
            if not isinstance(entry, DependencyAttr):
                raise self.fail(op, f"waits for {entry}, which is not a dependency")
            edges.append(self._edge(op, entry))
        return tuple(edges)

    def _edge(self, op: Operation, entry: DependencyAttr) -> Edge:
        name = entry.grid_name()
        if name not in self.targets:
            raise self.fail(op, f"waits for @{name}; the grids are {', '.join('@' + n for n in self.targets)}")
        base, calls, domain = self.targets[name]
        box = entry.box()
        if len(box) != len(domain) or entry.call_index() >= calls:
            raise self.fail(
                op,
                f"waits for @{name}:{entry.call_index()} with {len(box)} indices; it has {calls} calls "
                f"over {len(domain)} dimensions",
            )
        return Edge(base, calls, entry.call_index(), domain, box, entry.is_first())

    def _join(self, op: JoinOp) -> Join:
        name = op.sym_name.data
        self.classes.append(CallClass(api="join", dtype="i1", dims={}, attributes={}, label=name))
        after = self._edges(op, op.after.data if op.after is not None else ())
        return Join(name, self.targets[name][0], after)

    def _grid(self, op: GridOp) -> Grid:
        name = op.sym_name.data
        tiles = self._tiles(op)
        calls = []
        for index, call in enumerate(op.calls()):
            operands = tuple(tiles[v] for v in call.operands)
            call_class = CallClass(
                api=call.api,
                dtype=operands[-1].buffer.dtype,
                dims=call.dims(),
                attributes=call.attributes_by_name(),
                label=f"{name}:{index}",
            )
            self.classes.append(call_class)
            after: list[Edge | Lag] = []
            for entry in call.after.data if call.after is not None else ():
                if isinstance(entry, LagAttr):
                    after.append(Lag(entry.distance(), entry.call_index()))
                elif isinstance(entry, DependencyAttr):
                    after.append(self._edge(call, entry))
                else:
                    raise self.fail(call, f"waits for {entry}, which is not a dependency")
            calls.append(Call(call, call_class, operands, tuple(after)))
        return Grid(name, self.targets[name][0], op.get_domain(), op.is_ordered(), tuple(calls))

    def _buffer(self, op: GridOp, value: SSAValue) -> Buffer:
        if value not in self.buffers:
            owner = (
                value.owner.name if isinstance(value.owner, Operation) and not isinstance(value, BlockArgument) else "?"
            )
            raise self.fail(op, f"uses a value of '{owner}', which is not a buffer")
        return self.buffers[value]

    def _tiles(self, op: GridOp) -> dict[SSAValue, Tile]:
        ins, outs, scratch = op.tile_arguments()
        tiles: dict[SSAValue, Tile] = {}
        num_dims = len(op.get_domain())
        for tile, window, value in zip((*ins, *outs), op.windows.data, (*op.inputs, *op.outputs), strict=True):
            buffer = self._buffer(op, value)
            strides = buffer.strides()
            offset = Affine.const(0, num_dims)
            for window_offset, stride in zip(window.get_offsets(), strides, strict=True):
                offset = offset + window_offset * stride
            tiles[tile] = Tile(buffer, offset, window.get_shape(), strides)
        for tile, value in zip(scratch, op.scratch, strict=True):
            buffer = self._buffer(op, value)
            tiles[tile] = Tile(
                buffer,
                Affine.const(0, num_dims),
                buffer.shape[1:],
                buffer.strides()[1:],
                slots=buffer.shape[0],
                slot_elements=prod(buffer.shape[1:]),
            )
        return tiles


def tile_index(grid: Grid) -> Affine:
    """The tile's linear index over the grid's dimensions."""
    return linear_index(grid.domain)
