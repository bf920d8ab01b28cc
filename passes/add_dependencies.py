"""`add-dependencies`: which call waits for which, from the final footprints in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from cedr.dialects.cedr import (
    Affine,
    AllocOp,
    CallOp,
    DependencyAttr,
    GridOp,
    JoinOp,
    KernelOp,
    LagAttr,
    ViewOp,
    WaitOp,
    WeightOp,
    affine_results,
    shape_of,
)
from cedr.dialects.diagnostics import Diagnostic
from cedr.passes.errors import PassError, at
from cedr.passes.footprints import (
    Box,
    Reach,
    Region,
    box_contains,
    differences,
    earlier_points,
    fills,
    holds_zero,
    image,
    inverse,
    is_certain,
    is_whole,
    meet,
    remove,
    swept_region,
)
from cedr.passes.plan_memory import Usage, functions_of, grids_of, root_of, usages

PASS = "add-dependencies"


def kind_of(earlier_writes: bool, later_reads: bool) -> str:
    """The hazard between an earlier access and a later one, one of them a write."""
    if earlier_writes:
        return "raw" if later_reads else "waw"
    return "war"


@dataclass(eq=False)
class Node:
    """All tasks of one call of one grid; or a join, which is a grid without dimensions.

    The sets are bit masks over nodes. after_all: nodes all of whose tasks end before any task here begins. swept: the
    same for the last step of a reduction. reached: nodes each of whose tasks ends before some task here begins.
    """

    number: int
    grid: str
    call: int
    extents: tuple[int, ...]
    is_ordered: bool = False
    edges: list[Edge] = field(default_factory=list)
    """To earlier nodes, before what need not be said is dropped."""
    same_tile: int = 0
    """Calls of the same tile that end before, as bits: what they wait for is waited for here."""
    chained: bool = False
    """Whether each step of the reduction waits for the step before."""
    after_all: int = 0
    swept: int = 0
    reached: int = 0
    join: Join | None = None

    def before(self, edge: Edge) -> int:
        """Nodes that are through before any task that `edge`, to this node, leads to begins."""
        if self.chained and edge.takes_last_step:
            return self.swept
        return self.after_all


@dataclass(eq=False)
class Edge:
    """Tasks of a node wait for a box of tasks of an earlier one."""

    kind: str
    target: Node
    box: Box
    first: bool
    certain: bool
    """Never empty."""
    whole: bool
    """All of the target's tasks at every point (at the last step, where its steps are chained)."""
    takes_last_step: bool
    needed: bool = True

    def swept(self, node: Node, dims: Sequence[int]) -> Region | None:
        """The target's tasks that `node`'s wait for as its indices `dims` run, whatever its other indices are. A chained
        target's last step stands for all of its steps."""
        region = swept_region(self.box, self.target.extents, node.extents, dims)
        if region is not None and self.takes_last_step:
            region = (*region[:-1], (0, self.target.extents[-1]))
        return region

    @property
    def needed_as_reason(self) -> bool:
        """Whether another edge may be dropped for the sake of this one: a dropped edge to a join is no reason."""
        return self.needed or self.target.join is None


@dataclass(eq=False)
class Access:
    """What a node does with a buffer; `left`: the part of it that nothing has overwritten since."""

    node: Node
    reach: Reach
    reads: bool
    writes: bool
    left: list[Region]


@dataclass(eq=False)
class Join:
    """A zero-cost task that stands for the end of the buffers whose bytes a new buffer takes."""

    node: Node
    before: GridOp
    used: bool = False


@dataclass(frozen=True)
class Touch:
    """What one call does with a scratch tile: boxes of (first, size) per dimension of the tile."""

    call: int
    box: tuple[tuple[int, int], ...]
    reads: bool
    writes: bool

    def conflicts(self, other: Touch) -> bool:
        return (self.writes or other.writes) and all(
            a < b + b_size and b < a + a_size for (a, a_size), (b, b_size) in zip(self.box, other.box, strict=True)
        )


@dataclass(frozen=True)
class WindowTouch:
    """What one call does with a buffer through a window."""

    call: int
    reach: Reach
    reads: bool
    writes: bool


@dataclass
class Tiles:
    """Accesses of one grid: through windows by buffer, to scratch by ring."""

    windows: dict[SSAValue, list[WindowTouch]] = field(default_factory=dict)
    rings: dict[SSAValue, list[Touch]] = field(default_factory=dict)


def call_boxes(call: CallOp) -> Iterator[tuple[SSAValue, list[tuple[tuple[int, int], ...]], bool, bool, bool]]:
    """Per operand of a call: the tile, the boxes of it that are touched, whether exactly these, reads, writes."""
    operands = [(v, True, False) for v in call.inputs]
    operands += [(v, reads, True) for v, reads in zip(call.outputs, call.reads_outputs(), strict=True)]
    for i, (tile, reads, writes) in enumerate(operands):
        if isinstance(call, KernelOp) and call.takes_whole()[i]:
            boxes, exact = [tuple((0, size) for size in shape_of(tile))], False
        elif isinstance(call, KernelOp):
            boxes, exact = image(call.get_bounds(), affine_results(call.maps.data[i]))
        else:
            boxes, exact = [tuple((0, size) for size in shape_of(tile))], True
        yield tile, boxes, exact, reads, writes


def tiles_of(grid: GridOp, written: set[SSAValue]) -> Tiles:
    """The accesses of a grid to buffers that something writes."""
    found = Tiles()
    domain, num_windows = grid.get_domain(), len(grid.inputs) + len(grid.outputs)
    operands = list(grid.operands)
    position: dict[SSAValue, int] = {arg: i for i, arg in enumerate(grid.body.block.args)}
    offsets = [w.get_offsets() for w in grid.windows.data]
    for number, call in enumerate(grid.calls()):
        windows: dict[tuple[SSAValue, Reach], tuple[bool, bool]] = {}
        touches: dict[tuple[SSAValue, tuple[tuple[int, int], ...]], tuple[bool, bool]] = {}
        for tile, boxes, exact, reads, writes in call_boxes(call):
            index = position[tile]
            value = operands[index]
            root = root_of(value)
            if root not in written:
                continue
            for box in boxes:
                if index >= num_windows:
                    old = touches.get((value, box), (False, False))
                    touches[value, box] = (old[0] or reads, old[1] or writes)
                    continue
                reach = Reach.of(
                    domain,
                    shape_of(value),
                    [o + low for o, (low, _) in zip(offsets[index], box, strict=True)],
                    [size for _, size in box],
                    exact,
                )
                old = windows.get((root, reach), (False, False))
                windows[root, reach] = (old[0] or reads, old[1] or writes)
        for (root, reach), (reads, writes) in windows.items():
            found.windows.setdefault(root, []).append(WindowTouch(number, reach, reads, writes))
        for (ring, box), (reads, writes) in touches.items():
            found.rings.setdefault(ring, []).append(Touch(number, box, reads, writes))
    return found


class GridOrder:
    """What the calls of one grid wait for within the grid."""

    def __init__(self, grid: GridOp, tiles: Tiles):
        self.calls = len(grid.calls())
        self.domain = grid.get_domain()
        self.is_ordered = grid.is_ordered() and self.domain[-1] > 1
        self.direct: list[dict[int, str]] = [{} for _ in range(self.calls)]
        """Per call: calls of the same tile -> hazard."""
        self.steps: dict[tuple[int, int], str] = {}
        """(call, call of the reduction step before) -> hazard."""
        self.lags: dict[int, dict[tuple[int, int], str]] = {}
        """Slots of a ring -> (call, call of the tile that had the slot before) -> hazard."""
        self.chains: list[bool] = []
        """Per call: whether it comes, at one reduction step, after itself at the step before."""
        self.boxes: list[tuple[int, int, str, Box]] = []
        """(call, call, hazard, box): other tiles of the grid."""
        for accesses in tiles.windows.values():
            for earlier in accesses:
                for later in accesses:
                    if earlier.writes or later.writes:
                        self._windows(earlier, later)
        for ring, touches in tiles.rings.items():
            slots = shape_of(ring)[0]
            for a in touches:
                for b in touches:
                    if not a.conflicts(b):
                        continue
                    if a.call < b.call:
                        self.direct[b.call].setdefault(a.call, kind_of(a.writes, b.reads))
                    if slots < grid.num_tiles():
                        # A slot's earlier contents are no input: what looks like one is the slot's reuse.
                        self.lags.setdefault(slots, {}).setdefault((b.call, a.call), "waw" if a.writes else "war")
        self.closure = self._close()
        self._reduce_same_tile()
        self.steps = self._undominated(self.steps)
        self.chains = [any(self.waits(c, w) and self.waits(t, c) for w, t in self.steps) for c in range(self.calls)]
        self.lags = {k: self._undominated(pairs) for k, pairs in self.lags.items()}
        # A ring of one slot makes a tile wait for the one before, which is the step before, too.
        single = self.lags.get(1, {})
        self.steps = {
            (call, target): kind
            for (call, target), kind in self.steps.items()
            if not any(self.waits(call, c) and self.waits(t, target) for c, t in single)
        }

    def _windows(self, earlier: WindowTouch, later: WindowTouch) -> None:
        """Tasks of `later` wait for those of `earlier` in earlier tiles, and in the same one if its call comes first."""
        ranges = differences(earlier.reach, later.reach)
        if ranges is None:
            return
        kind = kind_of(earlier.writes, later.reads)
        calls = (later.call, earlier.call)
        if earlier.call < later.call and holds_zero(ranges):
            known = self.direct[later.call]
            known[earlier.call] = "raw" if known.get(earlier.call) == "raw" else kind
        r = len(self.domain) - 1
        invariant = self.is_ordered and not (earlier.reach.depends_on(r) or later.reach.depends_on(r))
        if invariant and all(pair == (0, 0) for pair in ranges[:-1]):
            # All steps meet: the step before is enough, because what writes meets itself, too.
            self.steps[calls] = "raw" if self.steps.get(calls) == "raw" else kind
            return
        self.boxes += [(*calls, kind, box) for box in earlier_points(ranges, self.domain)]

    def _close(self) -> list[int]:
        closure: list[int] = []
        for call in range(self.calls):
            bits = 0
            for earlier in self.direct[call]:
                bits |= closure[earlier] | 1 << earlier
            closure.append(bits)
        return closure

    def _reduce_same_tile(self) -> None:
        for entries in self.direct:
            for earlier in list(entries):
                if any(self.closure[other] >> earlier & 1 for other in entries if other != earlier):
                    del entries[earlier]

    def waits(self, call: int, other: int) -> bool:
        """Whether a call is another one or waits for it in the same tile."""
        return call == other or bool(self.closure[call] >> other & 1)

    def _undominated(self, pairs: dict[tuple[int, int], str]) -> dict[tuple[int, int], str]:
        """Without the pairs that follow from another pair and the order within each of the two tiles."""
        return {
            (call, target): kind
            for (call, target), kind in pairs.items()
            if not any((c, t) != (call, target) and self.waits(call, c) and self.waits(t, target) for c, t in pairs)
        }


class FunctionDependencies:
    """The dependencies of one function, grid by grid in program order."""

    def __init__(self, function: func.FuncOp):
        self.function = function
        self.grids = grids_of(function)
        self.names = {g.sym_name.data for g in self.grids}
        self.nodes: list[Node] = []
        self.live: dict[SSAValue, list[Access]] = {}
        self.joins: list[Join] = []
        self.join_number = 0
        self.owners: list[tuple[int, int, Usage]] = []
        """Arena bytes, from and to, and the buffer that had them last."""
        self.by_grid: dict[str, list[Node]] = {}
        self.orders: dict[str, GridOrder] = {}
        self.first_use: dict[int, list[Usage]] = {}
        for usage in usages(function):
            self.first_use.setdefault(usage.first, []).append(usage)
        # Memory that is never written is never waited for, but for bytes that another buffer may take over.
        self.written = {root_of(v) for g in self.grids for v in (*g.outputs, *g.scratch)}
        self.written |= {op.result for op in function.body.block.ops if isinstance(op, AllocOp)}

    def run(self) -> None:
        for position, grid in enumerate(self.grids):
            self._take_memory(position, grid)
            self._grid(grid)
        for node in self.nodes:
            if node.join is None:
                for edge in node.edges:
                    if edge.needed and edge.target.join is not None:
                        edge.target.join.used = True
        for join in reversed(self.joins):
            if join.used:
                for edge in join.node.edges:
                    if edge.needed and edge.target.join is not None:
                        edge.target.join.used = True
        self._write()

    # Arena reuse.

    def _take_memory(self, position: int, grid: GridOp) -> None:
        """Buffers that this grid is the first to touch take their bytes over from dead ones, through joins."""
        shared: dict[tuple[int, ...], Join] = {}
        for usage in self.first_use.get(position, ()):
            assert usage.alloc.offset is not None
            start = usage.alloc.offset.value.data
            end = start + usage.alloc.size_bytes()
            dead: dict[int, Usage] = {}
            owners: list[tuple[int, int, Usage]] = []
            for low, high, owner in self.owners:
                if low < end and start < high:
                    if owner.last >= position:
                        raise PassError(
                            PASS,
                            [
                                at(
                                    usage.alloc,
                                    f"{usage.alloc.result.type} at {start} shares bytes {max(low, start)} to "
                                    f"{min(high, end) - 1} with {owner.alloc.result.type} at "
                                    f"{0 if owner.alloc.offset is None else owner.alloc.offset.value.data}, which "
                                    f"@{self.grids[owner.last].sym_name.data} still uses at or after "
                                    f"@{grid.sym_name.data}; run plan-memory again",
                                )
                            ],
                        )
                    dead[id(owner)] = owner
                    if low < start:
                        owners.append((low, start, owner))
                    if end < high:
                        owners.append((end, high, owner))
                else:
                    owners.append((low, high, owner))
            self.owners = [*owners, (start, end, usage)]
            if dead:
                key = tuple(sorted(dead))
                if key not in shared:
                    shared[key] = self._make_join(grid, dead.values())
                shape = shape_of(usage.alloc.result)
                whole = Reach((), shape, tuple(Affine.const(0, 0) for _ in shape), shape)
                access = Access(shared[key].node, whole, False, True, [whole.hull()])
                self.live.setdefault(usage.alloc.result, []).append(access)

    def _make_join(self, grid: GridOp, dead: Iterable[Usage]) -> Join:
        while (name := f"reuse_{self.join_number}") in self.names:
            self.join_number += 1
        self.join_number += 1
        node = Node(len(self.nodes), name, 0, ())
        self.nodes.append(node)
        for usage in dead:
            # A dead buffer's accesses stay: another buffer may take the rest of its bytes.
            for access in self.live.get(usage.alloc.result, ()):
                target = access.node
                box = tuple(
                    (
                        Affine.const(e - 1 if target.chained and i == len(target.extents) - 1 else 0, 0),
                        Affine.const(e - 1, 0),
                    )
                    for i, e in enumerate(target.extents)
                )
                if not any(e.target is target for e in node.edges):
                    node.edges.append(self._edge("waw" if access.writes else "war", node, target, box, False))
        self._summarise([node], None)
        self._drop_implied(node)
        self._drop_shared(node)
        join = Join(node, grid)
        node.join = join
        self.joins.append(join)
        return join

    @staticmethod
    def _drop_shared(node: Node) -> None:
        """Drop edges of a join to tasks each of which some other task waits for that the join waits for."""
        regions: dict[Node, list[Region]] = {}
        for edge in sorted(node.edges, key=lambda e: -e.target.number):
            target = edge.target
            edge.needed = edge.needed and not fills(regions.get(target, ()), target.extents)
            if not edge.needed_as_reason:
                continue
            for before in target.edges:
                region = before.swept(target, range(len(target.extents)))
                if region is not None:
                    regions.setdefault(before.target, []).append(region)

    # One grid.

    def _edge(self, kind: str, node: Node, target: Node, box: Box, first: bool) -> Edge:
        own = node.extents
        last = False
        if target.chained:
            last = box[-1][1].bounds(own)[0] >= target.extents[-1] - 1
        whole = all(
            is_whole(bounds, extent, own) or (last and i == len(box) - 1 and target.chained)
            for i, (bounds, extent) in enumerate(zip(box, target.extents, strict=True))
        )
        certain = is_certain(box, target.extents, own)
        return Edge(kind, target, box, first, certain, whole and certain, last)

    def _grid(self, grid: GridOp) -> None:
        name = grid.sym_name.data
        tiles = tiles_of(grid, self.written)
        order = GridOrder(grid, tiles)
        nodes = []
        for call in range(order.calls):
            node = Node(len(self.nodes), name, call, order.domain, order.is_ordered)
            node.chained = order.chains[call]
            self.nodes.append(node)
            nodes.append(node)
        for call, node in enumerate(nodes):
            node.same_tile = sum(1 << nodes[c].number for c in range(call) if order.closure[call] >> c & 1)
        self.by_grid[name], self.orders[name] = nodes, order

        new: dict[SSAValue, list[Access]] = {}
        for root, accesses in tiles.windows.items():
            for t in accesses:
                new.setdefault(root, []).append(Access(nodes[t.call], t.reach, t.reads, t.writes, [t.reach.hull()]))
        for ring, touches in tiles.rings.items():
            shape = shape_of(ring)
            whole = Reach(order.domain, shape, tuple(Affine.const(0, len(order.domain)) for _ in shape), shape, False)
            for touch in touches:
                access = Access(nodes[touch.call], whole, touch.reads, touch.writes, [whole.hull()])
                new.setdefault(ring, []).append(access)
        for root, fresh in new.items():
            for access in fresh:
                for earlier in self.live.get(root, ()):
                    if earlier.writes or access.writes:
                        self._conflict(earlier, access, root in tiles.rings)
        for node in nodes:
            self._merge(node)
        self._summarise(nodes, order)
        for node in nodes:
            self._drop_implied(node, [nodes[c] for c in range(node.call) if order.closure[node.call] >> c & 1])
        for root, fresh in new.items():
            self._retire(root, fresh, order)

    def _conflict(self, earlier: Access, access: Access, is_ring: bool) -> None:
        """Edges of a new access to an earlier one of another grid."""
        node, target = access.node, earlier.node
        if earlier.reach.shape == access.reach.shape and not any(meet(access.left[0], part) for part in earlier.left):
            return
        box = inverse(earlier.reach, access.reach, target.chained)
        if box is None:
            return
        first = node.chained and not any(v.coefficients[-1] for bounds in box for v in bounds)
        join = target.join is not None
        kind = "war" if join else kind_of(earlier.writes, access.reads and not is_ring)
        node.edges.append(self._edge(kind, node, target, box, first))

    def _merge(self, node: Node) -> None:
        """Drop edges whose box another edge to the same target holds; newest targets first."""
        kept: list[Edge] = []
        for edge in sorted(node.edges, key=lambda e: (-e.target.number, e.kind != "raw")):
            if any(
                k.target is edge.target and box_contains(k.box, edge.box, k.target.extents, node.extents) for k in kept
            ):
                continue
            kept = [
                k
                for k in kept
                if k.target is not edge.target or not box_contains(edge.box, k.box, k.target.extents, node.extents)
            ]
            kept.append(edge)
        node.edges = kept

    def _summarise(self, nodes: Sequence[Node], order: GridOrder | None) -> None:
        """Fill in the sets of the nodes of one grid (or of a join), from their edges."""
        for node in nodes:
            for edge in node.edges:
                target, bit = edge.target, 1 << edge.target.number
                if edge.certain:
                    node.after_all |= target.before(edge)
                if edge.whole:
                    node.after_all |= bit | target.reached
                region = edge.swept(node, range(len(node.extents)))
                if edge.whole or (region is not None and fills([region], target.extents)):
                    node.reached |= bit | target.reached
            for other in nodes:
                if node.same_tile >> other.number & 1:
                    node.after_all |= other.after_all
                    node.reached |= other.reached | 1 << other.number
            node.swept = node.after_all
        if order is not None and order.is_ordered:
            for node in nodes:
                if node.chained:
                    self._sweep(node, [n for n in nodes if n is node or node.same_tile >> n.number & 1])

    @staticmethod
    def _sweep(node: Node, tile: Sequence[Node]) -> None:
        """What all steps of a reduction together wait for, and what their predecessors wait for in any case."""
        regions: dict[Node, list[Region]] = {}
        for other in tile:
            for edge in other.edges:
                region = edge.swept(other, [len(node.extents) - 1])
                if region is not None:
                    regions.setdefault(edge.target, []).append(region)
                if edge.certain:
                    for before in edge.target.edges:
                        region = before.swept(edge.target, ())
                        if region is not None:
                            regions.setdefault(before.target, []).append(region)
        for target, found in regions.items():
            if fills(found, target.extents):
                node.swept |= 1 << target.number | target.reached | target.after_all | target.swept

    def _drop_implied(self, node: Node, same_tile: Sequence[Node] = ()) -> None:
        """Drop what other edges of the call, or of calls before it in the tile, already put in order.

        An edge to a join goes if edges to others put all that the join waits for in order. Any other edge goes for the
        sake of a join that stays, or of an edge to a node later in program order: reasons never go in circles.
        """
        inherited = [e for other in same_tile for e in other.edges]
        everything = [*node.edges, *inherited]
        plain = [e for e in everything if e.target.join is None]
        for edge in node.edges:
            if edge.target.join is not None:
                through = self._through(plain)
                awaited = sum(1 << e.target.number for e in edge.target.edges)
                edge.needed = bool(awaited & ~through) and not any(e.target is edge.target for e in inherited)
        for edge in node.edges:
            target = edge.target
            if target.join is None:
                reasons = [e for e in everything if e.target.number > target.number and e.needed_as_reason]
                edge.needed = not self._through(reasons) >> target.number & 1 and not any(
                    e.target is target and box_contains(e.box, edge.box, target.extents, node.extents)
                    for e in inherited
                )

    @staticmethod
    def _through(edges: Iterable[Edge]) -> int:
        """Nodes that are through before a task with these edges begins."""
        bits = 0
        for edge in edges:
            if edge.certain:
                bits |= edge.target.before(edge)
            if edge.whole:
                bits |= 1 << edge.target.number | edge.target.reached
        return bits

    def _retire(self, root: SSAValue, fresh: list[Access], order: GridOrder) -> None:
        """Enter a grid's accesses; forget what they overwrite, and those among them that others stand for."""
        holes = [
            (access.left[0], access.reach.shape) for access in fresh if access.writes and access.reach.fills_hull()
        ]
        kept = []
        for access in self.live.get(root, ()):
            for hole, shape in holes:
                access.left = remove(access.left, access.reach.shape, hole, shape)
            if access.left:
                kept.append(access)
        for access in fresh:
            call = access.node.call
            if not any(
                other is not access
                and other.node is not access.node
                and order.waits(other.node.call, call)
                and (other.writes or not access.writes)
                and other.reach.contains(access.reach)
                for other in fresh
            ):
                kept.append(access)
        self.live[root] = kept

    # The IR.

    def _write(self) -> None:
        base = 0
        joins: dict[GridOp, list[Join]] = {}
        for join in self.joins:
            if join.used:
                joins.setdefault(join.before, []).append(join)
        for op in list(self.function.body.block.ops):
            if not isinstance(op, GridOp):
                continue
            for join in joins.get(op, ()):
                entries = [self._entry(e, 0) for e in join.node.edges if e.needed]
                made = JoinOp(join.node.grid, base, entries or None)
                made.location = op.location
                Rewriter.insert_op(made, InsertPoint.before(op))
                base += 1
            op.base = IntegerAttr(base, i64)
            base += op.num_tasks()
            order, num_dims = self.orders[op.sym_name.data], len(op.get_domain())
            for node, call in zip(self.by_grid[op.sym_name.data], op.calls(), strict=True):
                after: list[Attribute] = [*self._within(op.sym_name.data, order, node.call, num_dims)]
                after += [self._entry(e, num_dims) for e in node.edges if e.needed]
                call.after = ArrayAttr(after) if after else None

    @staticmethod
    def _entry(edge: Edge, num_dims: int) -> DependencyAttr:
        return DependencyAttr(edge.kind, edge.target.grid, edge.target.call, edge.box, num_dims, edge.first)

    @staticmethod
    def _within(name: str, order: GridOrder, call: int, num_dims: int) -> Iterator[DependencyAttr | LagAttr]:
        for slots, pairs in sorted(order.lags.items()):
            for (waiting, target), kind in sorted(pairs.items()):
                if waiting == call:
                    yield LagAttr(kind, slots, target)
        here = [(Affine.dim(i, num_dims), Affine.dim(i, num_dims)) for i in range(num_dims)]
        for target, kind in sorted(order.direct[call].items()):
            yield DependencyAttr(kind, name, target, here, num_dims)
        for (waiting, target), kind in sorted(order.steps.items()):
            if waiting == call:
                step = Affine.dim(num_dims - 1, num_dims) - 1
                yield DependencyAttr(kind, name, target, [*here[:-1], (step, step)], num_dims)
        for waiting, target, kind, box in order.boxes:
            if waiting == call:
                yield DependencyAttr(kind, name, target, box, num_dims)


def _refusals(function: func.FuncOp) -> Iterator[Diagnostic]:
    rings: dict[SSAValue, GridOp] = {}
    for op in function.body.block.ops:
        if isinstance(op, GridOp):
            if op.is_on_tensors():
                yield at(op, f"@{op.sym_name.data} is on tensors; run bufferize and plan-memory first")
                continue
            for ring in op.scratch:
                if not isinstance(ring.owner, AllocOp):
                    yield at(op, f"@{op.sym_name.data} has scratch that is no cedr.alloc of its own")
                rings[ring] = op
        elif isinstance(op, AllocOp):
            if op.offset is None:
                yield at(op, f"{op.result.type} has no offset, on which dependencies depend; run plan-memory first")
        elif not isinstance(op, ViewOp | WeightOp | WaitOp | JoinOp | func.ReturnOp):
            yield at(op, "is no grid, buffer, view or weight, so that what it depends on is not known")
    for op in function.body.block.ops:
        if isinstance(op, GridOp):
            for value in (*op.inputs, *op.outputs):
                if root_of(value) in rings:
                    yield at(
                        op,
                        f"@{op.sym_name.data} uses the scratch of @{rings[root_of(value)].sym_name.data} as an operand",
                    )


@dataclass(frozen=True)
class AddDependenciesPass(ModulePass):
    """Writes on every call which calls it waits for, exactly, from what each touches in the planned memory.

    Before:

    ```
    %0 = cedr.alloc at 0 : memref<64xf32>
    cedr.grid @a [4 parallel]
      ins(%i0 = %x[d0 * 16][16] : memref<64xf32>) outs(%o0 = %0[d0 * 16][16] : memref<64xf32>) {
      cedr.zip add ins(%i0, %i0) outs(%o0)
      cedr.yield
    }
    cedr.grid @b [2 parallel]
      ins(%i0 = %0[d0 * 32][32] : memref<64xf32>) outs(%o0 = %y[d0 * 32][32] : memref<64xf32>) {
      cedr.zip add ins(%i0, %i0) outs(%o0)
      cedr.yield
    }
    ```

    After:

    ```
    cedr.grid @a [4 parallel] base 0 ...
      cedr.zip add ins(%i0, %i0) outs(%o0)
    cedr.grid @b [2 parallel] base 4 ...
      cedr.zip add ins(%i0, %i0) outs(%o0) after [raw @a:0[d0 * 2 to d0 * 2 + 1]]
    ```

    `base` numbers the tasks grid after grid, joins included. An entry is a hazard (`raw`, `war`, `waw`), a call of a
    grid, and a box of its indices, affine in the waiting grid's own. `lag k` is the reuse of a slot of scratch, `first`
    what holds at the first reduction step only. Where a buffer takes bytes of dead ones, a `cedr.join @reuse_N` before
    the first grid that touches it waits for their last accesses, and its first accesses wait for the join. What follows
    from other entries is left out. `cedr.wait` waits for everything. Entries that are there already are made anew.

    Raises PassError for grids on tensors, for buffers without an offset, and for a plan that lets buffers share bytes
    while both are in use.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = list(functions_of(op))
        refusals = [diagnostic for f in functions for diagnostic in _refusals(f)]
        if refusals:
            raise PassError(PASS, refusals)
        for function in functions:
            if not any(isinstance(o, GridOp) for o in function.body.block.ops):
                continue
            for old in list(function.body.block.ops):
                if isinstance(old, JoinOp):
                    Rewriter.erase_op(old)
            FunctionDependencies(function).run()
