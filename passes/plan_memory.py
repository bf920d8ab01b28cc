"""`plan-memory`: gives every buffer its place in one arena."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, MemRefType, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from cedr.dialects.cedr import AllocOp, GridOp, JoinOp, ViewOp, WaitOp, WeightOp, element_type_of, shape_of
from cedr.dialects.diagnostics import Diagnostic
from cedr.dialects.element_types import element_size_bytes
from cedr.passes.errors import PassError, at
from cedr.passes.memory_planner import WORK, Block, Packing, disjoint, pack, peak_bytes

PASS = "plan-memory"
ARENA_BYTES = "cedr.arena_bytes"
ARENA_BOUND_BYTES = "cedr.arena_bound_bytes"
REUSE = ("full", "parallel", "none")
BOUND_SLOTS = 2
"""Slots that the bound counts a scratch ring with, and that full reuse leaves it."""
PARALLEL_FACTOR = 2
"""`reuse=parallel` takes at most this many times the bound, or the bytes live at once if those are more."""
ALL_SLOTS = 1 << 30
ALIGNMENT = 64
"""Of offsets, in bytes: a cache line."""
SMALL_ARENA = 64
"""A bound of fewer alignments than that gets a smaller one."""
RELAXATIONS: tuple[tuple[int, int, int], ...] = (
    (4, 6, ALL_SLOTS), (4, 4, ALL_SLOTS), (3, 5, ALL_SLOTS), (3, 3, ALL_SLOTS), (2, 4, ALL_SLOTS), (2, 2, ALL_SLOTS),
    (2, 2, 16), (2, 2, 8), (1, 1, ALL_SLOTS), (1, 1, 16), (1, 1, 8), (0, 0, ALL_SLOTS), (0, 0, 16), (1, 1, 4),
    (0, 0, 8), (0, 0, 4), (1, 1, 2), (0, 0, 3), (0, 0, 2),
)  # fmt: skip
"""(layers that bytes rest before a buffer takes them, the same before a ring takes them, most slots of a ring), from the
most parallel to the tightest. Rings rest longer because every tile of a grid waits for the bytes of its ring."""


def root_of(value: SSAValue) -> SSAValue:
    """The buffer that a value is a view of."""
    while isinstance(value.owner, ViewOp):
        value = value.owner.source
    return value


def grids_of(function: func.FuncOp) -> list[GridOp]:
    return [op for op in function.body.block.ops if isinstance(op, GridOp)]


@dataclass
class Usage:
    """A buffer of a function: when it is used, in positions of grids, and whether as scratch."""

    alloc: AllocOp
    first: int
    last: int
    """Last access of any kind."""
    first_write: int | None = None
    last_read: int | None = None
    is_ring: bool = False
    first_layer: int = 0
    last_layer: int = 0

    @property
    def slots(self) -> int:
        return shape_of(self.alloc.result)[0] if self.is_ring else 1

    def size_bytes(self, most_slots: int) -> int:
        """The buffer's size, a ring counted with `most_slots` at most."""
        size = self.alloc.size_bytes()
        return size // self.slots * min(self.slots, most_slots) if self.is_ring else size

    def block(self, most_slots: int) -> Block:
        return Block(self.size_bytes(most_slots), self.first, self.last)


def reads_of(grid: GridOp) -> set[SSAValue]:
    """Operands whose elements a grid reads: through ins, and through outs that are updated, a kernel's running sums too."""
    tiles: dict[SSAValue, SSAValue] = dict(zip(grid.body.block.args, grid.operands, strict=True))
    found: set[SSAValue] = set()
    for call in grid.calls():
        found.update(tiles[v] for v in call.inputs)
        found.update(tiles[v] for v, is_used in zip(call.outputs, call.uses_outputs(), strict=True) if is_used)
    return found


def layers_of(grids: Sequence[GridOp]) -> list[int]:
    """The layer of each grid: a grid that reads, through its ins, what the current layer wrote begins the next one."""
    layers: list[int] = []
    layer, written = 0, set[SSAValue]()
    for grid in grids:
        if any(root_of(v) in written for v in grid.inputs):
            layer, written = layer + 1, set()
        written |= {root_of(v) for v in grid.outputs}
        layers.append(layer)
    return layers


def usages(function: func.FuncOp) -> list[Usage]:
    """The buffers of a function, in program order, with their lifetimes over its grids in layer order."""
    grids = grids_of(function)
    layers = layers_of(grids)
    found: dict[SSAValue, Usage] = {}
    for position, grid in enumerate(grids):
        reads = {root_of(v) for v in reads_of(grid)}
        writes = {root_of(v) for v in (*grid.outputs, *grid.scratch)}
        for operand in grid.operands:
            root = root_of(operand)
            if not isinstance(root.owner, AllocOp):
                continue
            usage = found.setdefault(root, Usage(root.owner, position, position, first_layer=layers[position]))
            usage.last, usage.last_layer = position, layers[position]
            usage.is_ring |= operand in grid.scratch
            if root in writes and usage.first_write is None:
                usage.first_write = position
            if root in reads:
                usage.last_read = position
    order = {op: i for i, op in enumerate(function.body.block.ops)}
    return sorted(found.values(), key=lambda u: order[u.alloc])


def bound_bytes(buffers: Sequence[Usage]) -> int:
    """The largest sum of bytes between first write and last read, in layer order, a ring counted with two slots."""
    return peak_bytes(
        [
            Block(u.size_bytes(BOUND_SLOTS), u.first_write, u.last_read)
            for u in buffers
            if u.first_write is not None and u.last_read is not None and u.first_write <= u.last_read
        ]
    )


def functions_of(module: ModuleOp) -> Iterator[func.FuncOp]:
    for op in module.walk():
        if isinstance(op, func.FuncOp) and op.body.blocks:
            yield op


def arena_figures(module: ModuleOp) -> tuple[int, int]:
    """(arena_bytes, arena_bound_bytes) of a planned module, from its IR alone.

    arena_bytes: the end of the last buffer; arena_bound_bytes: what no plan for the layer order can do without (see
    `bound_bytes`). Raises PassError if a buffer has no place yet.
    """
    arena = bound = 0
    for function in functions_of(module):
        for op in function.body.block.ops:
            if isinstance(op, AllocOp):
                if op.offset is None:
                    raise PassError(PASS, [at(op, f"{op.result.type} has no offset yet; run plan-memory first")])
                arena = max(arena, op.offset.value.data + op.size_bytes())
        bound = max(bound, bound_bytes(usages(function)))
    return arena, bound


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Gives every `cedr.alloc` its byte offset in one arena, by lifetimes over the grids in layer order.

    Before:

    ```
    %0 = cedr.alloc : memref<64xf32>
    cedr.grid @a [] ins(%i0 = %x[0][64] : memref<64xf32>) outs(%o0 = %0[0][64] : memref<64xf32>) { ... }
    %1 = cedr.alloc : memref<64xf32>
    cedr.grid @b [] ins(%i0 = %0[0][64] : memref<64xf32>) outs(%o0 = %1[0][64] : memref<64xf32>) { ... }
    %2 = cedr.alloc : memref<64xf32>
    cedr.grid @c [] ins(%i0 = %1[0][64] : memref<64xf32>) outs(%o0 = %2[0][64] : memref<64xf32>) { ... }
    ```

    After `plan-memory{reuse=full}`, the module with `cedr.arena_bytes = 512, cedr.arena_bound_bytes = 512`:

    ```
    %0 = cedr.alloc at 0 : memref<64xf32>
    %1 = cedr.alloc at 256 : memref<64xf32>
    %2 = cedr.alloc at 0 : memref<64xf32>
    ```

    reuse: `full`: as small as can be; rings of scratch shrink to two slots. `parallel`: bytes rest for some layers after
    their last use, so that no task waits for a buffer of its own layer or of the one before; rings keep their slots;
    within twice the bound, tightened where that needs it. `none`: nothing is shared.
    alignment: of every offset, in bytes, a power of two. None: 64, and less in an arena whose bound is under 64 times
    that, as far as its elements allow, so that gaps don't count.

    The plan is for the layer order, in which the grids stand. Buffers that no grid uses go. Raises PassError for IR on
    tensors, for IR whose dependencies have been computed, and for an unknown option value.
    """

    name = PASS

    reuse: str = "parallel"
    alignment: int | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.reuse not in REUSE:
            raise PassError(PASS, [Diagnostic(f"no reuse '{self.reuse}'; there are {', '.join(REUSE)}")])
        if self.alignment is not None and (self.alignment < 1 or self.alignment & (self.alignment - 1)):
            raise PassError(PASS, [Diagnostic(f"alignment must be a power of two, in bytes, got {self.alignment}")])
        functions = list(functions_of(op))
        reasons = [reason for f in functions for reason in self._refusals(f)]
        if reasons:
            raise PassError(PASS, reasons)
        for function in functions:
            self._plan(function)
        arena, bound = arena_figures(op)
        op.attributes[ARENA_BYTES] = IntegerAttr(arena, i64)
        op.attributes[ARENA_BOUND_BYTES] = IntegerAttr(bound, i64)

    def _refusals(self, function: func.FuncOp) -> Iterator[Diagnostic]:
        for op in function.body.block.ops:
            if isinstance(op, GridOp):
                if op.is_on_tensors():
                    yield at(op, f"@{op.sym_name.data} is on tensors; run bufferize first")
                elif op.base is not None or any(c.after is not None for c in op.calls()):
                    yield at(
                        op,
                        f"@{op.sym_name.data} has dependencies, which hold for the offsets as they are; "
                        "run plan-memory before add-dependencies",
                    )
            elif isinstance(op, JoinOp):
                yield at(
                    op, f"@{op.sym_name.data} belongs to a plan made before; run plan-memory before add-dependencies"
                )
            elif isinstance(op, AllocOp):
                size = element_size_bytes(element_type_of(op.result))
                if self.alignment is not None and self.alignment % size:
                    yield at(
                        op, f"{op.result.type} needs an alignment of {size} bytes, the option says {self.alignment}"
                    )
            elif not isinstance(op, ViewOp | WeightOp | WaitOp | func.ReturnOp):
                yield at(op, "is no grid, buffer, view or weight, so that its use of buffers is not known")

    def _plan(self, function: func.FuncOp) -> None:
        buffers = usages(function)
        used = {u.alloc for u in buffers}
        for op in reversed(list(function.body.block.ops)):
            if isinstance(op, AllocOp | ViewOp) and op not in used and not op.results[0].uses.get_length():
                Rewriter.erase_op(op)
        packing, most_slots = self._choose(buffers)
        for usage, offset in zip(buffers, packing.offsets, strict=True):
            if usage.slots > most_slots:
                shrink(usage.alloc, most_slots)
            usage.alloc.offset = IntegerAttr(offset, i64)

    def _choose(self, buffers: Sequence[Usage]) -> tuple[Packing, int]:
        """A packing, and the slots that a ring has at most."""
        keep = ALL_SLOTS
        alignment = self._fitting_alignment(buffers)
        if self.reuse == "none":
            return disjoint([u.block(keep) for u in buffers], alignment), keep
        if self.reuse == "full":
            return pack([u.block(BOUND_SLOTS) for u in buffers], alignment), BOUND_SLOTS
        # What is written and never read counts here, and not in the bound.
        floor = peak_bytes([u.block(BOUND_SLOTS) for u in buffers])
        limit = PARALLEL_FACTOR * max(bound_bytes(buffers), floor)
        all_apart = disjoint([u.block(keep) for u in buffers], alignment)
        if all_apart.total_bytes <= limit:
            return all_apart, keep
        packing, most_slots = all_apart, keep
        for rest, ring_rest, most_slots in RELAXATIONS:
            blocks = [u.block(most_slots) for u in buffers]
            if peak_bytes(blocks) > limit:
                continue
            packing = pack(blocks, alignment, resting(buffers, rest, ring_rest), WORK // len(RELAXATIONS), limit)
            if packing.total_bytes <= limit:
                break
        return packing, most_slots

    def _fitting_alignment(self, buffers: Sequence[Usage]) -> int:
        if self.alignment is not None:
            return self.alignment
        bound = bound_bytes(buffers)
        least = max((element_size_bytes(element_type_of(u.alloc.result)) for u in buffers), default=1)
        alignment = ALIGNMENT
        while alignment > least and SMALL_ARENA * alignment > bound:
            alignment //= 2
        return alignment


def resting(buffers: Sequence[Usage], rest: int, ring_rest: int) -> Callable[[int, int], bool]:
    """Whether two buffers, by number, must be apart.

    They must where they are live at one grid, or where the later one begins within `rest` layers (a ring: `ring_rest`)
    after the earlier one's last use: 1 is the layer of that use itself, 2 the next one too.
    """

    def clash(i: int, j: int) -> bool:
        a, b = buffers[i], buffers[j]
        if a.first > b.first:
            a, b = b, a
        return b.first <= a.last or b.first_layer - a.last_layer < (ring_rest if b.is_ring else rest)

    return clash


def shrink(ring: AllocOp, slots: int) -> None:
    """Give a ring fewer slots; the slot of a tile follows from the ring's type."""
    assert isinstance(ring.result.type, MemRefType)
    smaller = MemRefType(ring.result.type.get_element_type(), (slots, *shape_of(ring.result)[1:]))
    Rewriter.replace_value_with_new_type(ring.result, smaller)
