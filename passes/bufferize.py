"""`bufferize`: grids on tensors become grids on buffers, each destination updated in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
    LocationAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from cedr.dialects.cedr import (
    PARALLEL,
    AllocOp,
    GridOp,
    KernelOp,
    ViewOp,
    WaitOp,
    WeightOp,
    WindowAttr,
    YieldOp,
    affine_map,
    element_type_of,
    shape_of,
)
from cedr.dialects.cedr.attrs import TileType
from cedr.dialects.diagnostics import Diagnostic
from cedr.passes.errors import PassError, at
from cedr.passes.grid_builder import SLOTS, Names, copy_tiles, tiled_box

PASS = "bufferize"
DEFAULT_SLOTS = 8
"""Slots of a scratch ring where the plan says nothing: the bodies of a grid that can be in flight at once."""


@dataclass(eq=False)
class Buffer:
    """Memory that tensor values live in. `fresh`: made here, so it may be written and may become a result's memory."""

    shape: tuple[int, ...]
    element_type: Attribute
    fresh: bool
    output: int | None = None
    """The result of the function that this memory is."""
    value: SSAValue | None = None
    """The memref, once it is made."""


@dataclass(frozen=True)
class Write:
    """How a grid's out gets its memory: in place (`buffer` is the operand's), or in a new buffer, first filled with the
    operand's elements if `copies`."""

    buffer: Buffer
    copies: bool


@dataclass
class Plan:
    """Which buffer each tensor value lives in, decided before anything is rewritten."""

    buffers: dict[SSAValue, Buffer] = field(default_factory=dict)
    writes: dict[tuple[GridOp, int], Write] = field(default_factory=dict)
    results: list[tuple[SSAValue, bool]] = field(default_factory=list)
    """Per result: the value, and whether it has to be copied to the result's memory."""


def plan_buffers(block: Block) -> Plan:
    """Decide in place or not, value by value, in program order."""
    plan = Plan()
    order = {op: i for i, op in enumerate(block.ops)}
    origin: dict[SSAValue, SSAValue] = {}
    """A value -> the value that it is a view of."""
    for op in block.ops:
        if isinstance(op, ViewOp):
            origin[op.result] = origin.get(op.source, op.source)
    last_use: dict[SSAValue, int] = {}
    for op in block.ops:
        for value in op.operands:
            version = origin.get(value, value)
            last_use[version] = max(last_use.get(version, -1), order[op] if not isinstance(op, ViewOp) else -1)

    for arg in block.args:
        plan.buffers[arg] = Buffer(shape_of(arg), _element(arg), fresh=False)
    for op in block.ops:
        match op:
            case WeightOp():
                plan.buffers[op.result] = Buffer(shape_of(op.result), _element(op.result), fresh=False)
            case ViewOp() if not _is_empty(op.source, origin):
                plan.buffers[op.result] = plan.buffers[op.source]
            case GridOp():
                for i, (value, result) in enumerate(zip(op.outputs, op.res, strict=True)):
                    plan.writes[op, i] = _plan_write(op, i, value, origin, plan, last_use, order)
                    plan.buffers[result] = plan.writes[op, i].buffer
            case func.ReturnOp():
                for index, value in enumerate(op.arguments):
                    buffer = plan.buffers.get(value)
                    direct = buffer is not None and buffer.fresh and buffer.output is None
                    if buffer is not None and direct:
                        buffer.output = index
                    plan.results.append((value, not direct))
    return plan


def _plan_write(
    op: GridOp,
    index: int,
    value: SSAValue,
    origin: Mapping[SSAValue, SSAValue],
    plan: Plan,
    last_use: Mapping[SSAValue, int],
    order: Mapping[Operation, int],
) -> Write:
    root = origin.get(value, value)
    if _is_empty(value, origin):
        # CSE makes one of equal empties: each grid that writes one gets memory of its own.
        return Write(Buffer(shape_of(root), _element(root), fresh=True), copies=False)
    buffer = plan.buffers[value]
    used_later = last_use[root] > order[op]
    twice = any(origin.get(o, o) is root for o in op.outputs[:index])
    if not buffer.fresh or used_later or twice or _reads_what_it_writes(op, index, root, origin):
        return Write(Buffer(shape_of(value), _element(value), fresh=True), copies=True)
    return Write(buffer, copies=False)


def _is_empty(value: SSAValue, origin: Mapping[SSAValue, SSAValue]) -> bool:
    return isinstance(origin.get(value, value).owner, tensor.EmptyOp)


def _reads_what_it_writes(op: GridOp, index: int, root: SSAValue, origin: Mapping[SSAValue, SSAValue]) -> bool:
    """Whether the grid reads, through its ins, elements of the same tensor that its out `index` writes."""
    out = op.window_of(len(op.inputs) + index)
    for i, value in enumerate(op.inputs):
        if origin.get(value, value) is not root:
            continue
        if shape_of(value) != shape_of(op.outputs[index]):
            return True
        domain, window = op.get_domain(), op.window_of(i)
        apart = False
        for a, a_size, b, b_size in zip(
            window.get_offsets(), window.get_shape(), out.get_offsets(), out.get_shape(), strict=True
        ):
            (a_low, a_high), (b_low, b_high) = a.bounds(domain), b.bounds(domain)
            apart = apart or a_high + a_size <= b_low or b_high + b_size <= a_low
        if not apart:
            return True
    return False


def _element(value: SSAValue) -> Attribute:
    return element_type_of(value)


def memref_of(type_: Attribute) -> MemRefType[Attribute]:
    assert isinstance(type_, TensorType)
    return MemRefType(type_.get_element_type(), type_.get_shape())


class FunctionBufferizer:
    """Rewrites one function by its plan."""

    def __init__(self, function: func.FuncOp, names: Names):
        self.function, self.names = function, names
        self.old = function.body.block
        self.plan = plan_buffers(self.old)
        self.values: dict[SSAValue, SSAValue] = {}
        self.views: dict[tuple[SSAValue, tuple[int, ...]], SSAValue] = {}

    def run(self) -> None:
        old, plan = self.old, self.plan
        results = [memref_of(t) for t in self.function.function_type.outputs.data]
        inputs = [memref_of(a.type) for a in old.args]
        self.block = Block(arg_types=[*inputs, *results])
        names = result_names(self.function)
        for old_arg, new_arg in zip(old.args, self.block.args, strict=False):
            new_arg.name_hint = old_arg.name_hint
            plan.buffers[old_arg].value = new_arg
            self.values[old_arg] = new_arg
        self.outputs = self.block.args[len(inputs) :]
        for name, arg in zip(names, self.outputs, strict=True):
            arg.name_hint = name if name.isidentifier() else None
        for op in old.ops:
            self._convert(op)
        self.function.body.add_block(self.block)
        self.function.body.detach_block(old)
        old.erase(safe_erase=False)
        given = self.function.arg_attrs.data if self.function.arg_attrs is not None else ()
        given = given or tuple(DictionaryAttr({}) for _ in inputs)
        kept = (
            self.function.res_attrs.data if self.function.res_attrs is not None else [DictionaryAttr({})] * len(names)
        )
        taken = tuple(
            DictionaryAttr(
                {"cedr.output": StringAttr(name)} | {k: v for k, v in attrs.data.items() if k != "cedr.name"}
            )
            for name, attrs in zip(names, kept, strict=True)
        )
        self.function.properties["function_type"] = FunctionType.from_lists([*inputs, *results], [])
        self.function.properties["arg_attrs"] = ArrayAttr([*given, *taken])
        self.function.properties.pop("res_attrs", None)

    def _add(self, op: Operation, location: LocationAttr) -> None:
        op.location = location
        self.block.add_op(op)

    def _view(self, value: SSAValue, shape: Sequence[int], location: LocationAttr) -> SSAValue:
        shape = tuple(shape)
        if shape_of(value) == shape:
            return value
        if (value, shape) not in self.views:
            assert isinstance(value.type, MemRefType)
            view = ViewOp(value, MemRefType(value.type.get_element_type(), shape))
            self._add(view, location)
            self.views[value, shape] = view.result
        return self.views[value, shape]

    def _memory(self, buffer: Buffer, location: LocationAttr) -> SSAValue:
        """The buffer's memref, made at its first use."""
        if buffer.value is None:
            if buffer.output is not None:
                buffer.value = self.outputs[buffer.output]
            else:
                alloc = AllocOp(MemRefType(buffer.element_type, buffer.shape))
                self._add(alloc, location)
                buffer.value = alloc.result
        return buffer.value

    def _convert(self, op: Operation) -> None:
        match op:
            case WeightOp():
                weight = WeightOp(op.weight_name, memref_of(op.result.type))
                self._add(weight, op.location)
                weight.result.name_hint = op.result.name_hint
                self.plan.buffers[op.result].value = weight.result
                self.values[op.result] = weight.result
            case ViewOp():
                if op.result in self.plan.buffers:
                    memory = self._memory(self.plan.buffers[op.result], op.location)
                    self.values[op.result] = self._view(memory, shape_of(op.result), op.location)
            case GridOp():
                self._convert_grid(op)
            case func.ReturnOp():
                for index, (value, copies) in enumerate(self.plan.results):
                    if copies and value in self.plan.buffers:
                        self._copy(self.values[value], self.outputs[index], "result_copy", op.location)
                self._add(WaitOp(), op.location)
                self._add(func.ReturnOp(), op.location)

    def _convert_grid(self, op: GridOp) -> None:
        outs = []
        for i, value in enumerate(op.outputs):
            write = self.plan.writes[op, i]
            memory = self._view(self._memory(write.buffer, op.location), shape_of(value), op.location)
            if write.copies:
                self._copy(self.values[value], memory, f"{op.sym_name.data}_copy", op.location)
            outs.append(memory)
        ins = [self._read(v, op) for v in op.inputs]
        args = op.body.block.args
        scratch = []
        slots = op.attributes.get(SLOTS)
        wanted = slots.value.data if isinstance(slots, IntegerAttr) else DEFAULT_SLOTS
        for arg in args[len(ins) + len(outs) :]:
            assert isinstance(arg.type, TileType)
            ring = AllocOp(
                MemRefType(arg.type.get_element_type(), (max(1, min(wanted, op.num_tiles())), *arg.type.get_shape()))
            )
            self._add(ring, op.location)
            scratch.append(ring.result)
        grid = GridOp(
            op.sym_name.data,
            op.get_domain(),
            op.kinds(),
            ins,
            outs,
            list(op.windows.data),
            op.detach_region(0),
            scratch,
            base=None if op.base is None else op.get_base(),
        )
        grid.attributes = {k: v for k, v in op.attributes.items() if k != SLOTS}
        self._add(grid, op.location)
        for value, result in zip(outs, op.res, strict=True):
            self.values[result] = value

    def _read(self, value: SSAValue, op: Operation) -> SSAValue:
        if value not in self.values:
            # An undefined tensor is read: memory without contents.
            alloc = AllocOp(memref_of(value.type))
            self._add(alloc, op.location)
            self.values[value] = alloc.result
        return self.values[value]

    def _copy(self, source: SSAValue, target: SSAValue, name: str, location: LocationAttr) -> None:
        """A grid of one kernel that copies a whole buffer."""
        shape = shape_of(target)
        source = self._view(source, shape, location)
        domain, offsets, tiles, bounds, inner = tiled_box(shape, copy_tiles(shape))
        window = WindowAttr.of(offsets, tiles, len(domain))
        symbol = self.names.fresh(name)
        grid = GridOp(symbol, domain, [PARALLEL] * len(domain), [source], [target], [window, window])
        args = grid.body.block.args
        args[0].name_hint, args[1].name_hint = "i0", "o0"
        assert isinstance(target.type, MemRefType)
        body = Block(arg_types=[target.type.get_element_type()] * 2)
        body.add_op(YieldOp(body.args[0]))
        maps = [affine_map(inner, len(bounds))] * 2
        kernel = KernelOp(self.names.fresh(f"{symbol}_k"), bounds, maps, [args[0]], [args[1]], Region(body))
        for inner_op in (kernel, end := YieldOp()):
            inner_op.location = location
        grid.body.block.add_ops([kernel, end])
        self._add(grid, location)


def result_names(function: func.FuncOp) -> list[str]:
    """The name of each result: its `cedr.name`, else `output<number>`."""
    count = len(function.function_type.outputs.data)
    attrs = function.res_attrs.data if function.res_attrs is not None else ()
    names = []
    for i in range(count):
        name = attrs[i].data.get("cedr.name") if i < len(attrs) else None
        names.append(name.data if isinstance(name, StringAttr) else f"output{i}")
    return names


def _refusal(op: Operation) -> str | None:
    if isinstance(op, WeightOp | ViewOp | GridOp | func.ReturnOp | tensor.EmptyOp):
        if isinstance(op, GridOp) and not op.is_on_tensors():
            return "is on buffers already"
        return None
    return "is no grid, view, weight or empty tensor; run convert-linalg-to-cedr first"


@dataclass(frozen=True)
class BufferizePass(ModulePass):
    """Gives every tensor memory: a `cedr.alloc` per destination, grids that update it in place.

    Before:

    ```
    func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32> {cedr.name = "y"}) {
      %0 = tensor.empty() : tensor<8xf32>
      %1 = cedr.grid @a [] ins(%i0 = %x[0][8] : tensor<8xf32>) outs(%o0 = %0[0][8] : tensor<8xf32>) { ... }
      %2 = tensor.empty() : tensor<8xf32>
      %3 = cedr.grid @b [] ins(%i0 = %1[0][8] : tensor<8xf32>) outs(%o0 = %2[0][8] : tensor<8xf32>) { ... }
      func.return %3 : tensor<8xf32>
    ```

    After:

    ```
    func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
      %0 = cedr.alloc : memref<8xf32>
      cedr.grid @a [] ins(%i0 = %x[0][8] : memref<8xf32>) outs(%o0 = %0[0][8] : memref<8xf32>) { ... }
      cedr.grid @b [] ins(%i0 = %0[0][8] : memref<8xf32>) outs(%o0 = %y[0][8] : memref<8xf32>) { ... }
      cedr.wait
      func.return
    ```

    The function's results are trailing arguments. Scratch becomes a ring of slots (`cedr.slots` of the grid, at most one
    a tile). A destination that is an argument or a weight, is used again later, or is read by the same grid where it
    writes, is copied to a buffer of its own first; so is a result that is an argument, a weight, or returned twice.
    Raises PassError with a line per op that is no grid.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = [f for f in op.walk() if isinstance(f, func.FuncOp) and not f.is_declaration]
        reasons: list[Diagnostic] = []
        for function in functions:
            for inner in function.body.block.ops:
                if (reason := _refusal(inner)) is not None:
                    reasons.append(at(inner, reason))
            for value in function.body.block.args:
                if not isinstance(value.type, TensorType):
                    reasons.append(
                        at(function, f"@{function.sym_name.data} has an argument of type {value.type}, no tensor")
                    )
        if reasons:
            raise PassError(PASS, reasons)
        names = Names()
        for inner in op.walk():
            if isinstance(inner, GridOp | KernelOp):
                names.take(inner.sym_name.data)
        for function in functions:
            FunctionBufferizer(function, names).run()
