"""Builds `cedr.grid` ops on tensors: drafts of operands and calls, kernels from linalg bodies, copies and borders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    IndexType,
    IntegerAttr,
    LocationAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from cedr.dialects.cedr import (
    PARALLEL,
    Affine,
    CallOp,
    GridOp,
    IndexOp,
    KernelOp,
    LoadOp,
    TileType,
    ViewOp,
    WindowAttr,
    YieldOp,
    affine_map,
    element_type_of,
    shape_of,
)
from cedr.dialects.constants import scalar_op, zero_of
from cedr.passes.layout import Border, Copy, Placement, Root, is_undefined, scalar_constant, splat_of
from cedr.passes.structured import Access, Nest, Piece, Window, whole

SLOTS = "cedr.slots"
"""Discardable attribute of a grid on tensors: how many slots its scratch rings get on buffers."""
COPY_TILES = 4
"""A large copy without a plan is cut into this many tiles at most, along its first dimension that divides so."""
COPY_TILE_ELEMENTS = 1 << 12
"""A copy's tile has at least as many elements."""


@dataclass(frozen=True)
class Tile:
    """A tile of a grid being drafted: `in`, `out` or `scratch` and its number."""

    kind: str
    index: int


MakeCall = Callable[[Callable[[Tile], SSAValue]], CallOp]


class Emitter:
    """Appends grids to a block, with the latest value of every root."""

    def __init__(self, block: Block, names: Names):
        self.block = block
        self.names = names
        self.stem = "main"
        """What the grids that come along with a layer are named after."""
        self.values: dict[SSAValue, SSAValue] = {}
        """Arguments and weights of the function before -> after."""
        self._latest: dict[Root, SSAValue] = {}
        self._views: dict[tuple[SSAValue, tuple[int, ...]], SSAValue] = {}

    def add(self, op: Operation, location: LocationAttr) -> None:
        op.location = location
        self.block.add_op(op)

    def latest(self, root: Root, location: LocationAttr) -> SSAValue:
        """The root's value as it stands now. The first time, a destination is made and its borders are filled."""
        if root.value is not None:
            return self.values[root.value]
        if root not in self._latest:
            empty = tensor.EmptyOp((), TensorType(root.element_type, root.shape))
            self.add(empty, location)
            self._latest[root] = empty.tensor
            for border in root.borders:
                self.fill_border(border)
        return self._latest[root]

    def view(self, value: SSAValue, shape: tuple[int, ...], location: LocationAttr) -> SSAValue:
        assert isinstance(value.type, TensorType)
        if shape_of(value) == shape:
            return value
        if (value, shape) not in self._views:
            op = ViewOp(value, TensorType(value.type.get_element_type(), shape))
            self.add(op, location)
            self._views[value, shape] = op.result
        return self._views[value, shape]

    def read(self, place: Placement, location: LocationAttr) -> SSAValue:
        """The placement's root as a tensor of its extents."""
        return self.view(self.latest(place.root, location), place.extents, location)

    def write(self, place: Placement, value: SSAValue, location: LocationAttr) -> None:
        """`value`, what a grid gave back for `read(place)`, is the root's value from now on."""
        self._latest[place.root] = self.view(value, place.root.shape, location)

    # Grids of one kernel: copies, fills, borders.

    def copy(self, copy: Copy, name: str, location: LocationAttr) -> None:
        domain, at, tiles, bounds, inner = tiled_box(copy.shape, copy_tiles(copy.shape))
        draft = Draft(self, name, domain, [PARALLEL] * len(domain), location)
        inputs, maps = [], []
        if isinstance(copy.source, Placement):
            offsets = tuple(a * step for a, step in zip(at, copy.steps, strict=True))
            shape = tuple((t - 1) * step + 1 for t, step in zip(tiles, copy.steps, strict=True))
            inputs.append(draft.input(copy.source, Window(offsets, shape, ())))
            maps.append([a * step for a, step in zip(inner, copy.steps, strict=True)])
        out = draft.output(copy.target, Window(at, tiles, ()))
        maps.append(inner)
        element = copy.target.root.element_type
        block = Block(arg_types=[element] * len(maps))
        if isinstance(copy.source, Placement):
            block.add_op(YieldOp(block.args[0]))
        else:
            constant = scalar_op(copy.source)
            block.add_ops([constant, YieldOp(constant.results[0])])
        draft.kernel(self.names.fresh(f"{name}_k"), bounds, inputs, [out], maps, block)
        draft.emit()

    def fill_border(self, border: Border) -> None:
        """One task that fills a padded box's border: a strip per padded dimension; the whole box if more than two
        dimensions are padded, before anything else is written there."""
        location = border.op.location
        name = self.names.fresh(f"{self.stem}_border")
        draft = Draft(self, name, (), (), location)
        at = tuple(Affine.const(0, 0) for _ in border.shape)
        bounds, maps = border_strips(border.shape, border.low, border.high)
        out = draft.output(border.box, Window(at, border.shape, ()))
        block = Block(arg_types=[border.box.root.element_type] * len(maps))
        constant = scalar_op(border.value)
        block.add_ops([constant, YieldOp(*([constant.results[0]] * len(maps)))])
        draft.kernel(self.names.fresh(f"{name}_k"), bounds, [], [out] * len(maps), maps, block)
        draft.emit()


class Names:
    """Unique names that are C identifiers too."""

    def __init__(self, taken: Sequence[str] = ()):
        self._taken = set(taken)

    def take(self, name: str) -> None:
        self._taken.add(name)

    def fresh(self, name: str) -> str:
        name = re.sub(r"\W", "_", name)
        if not name or name[0].isdigit():
            name = f"_{name}"
        candidate, number = name, 1
        while candidate in self._taken:
            candidate, number = f"{name}_{number}", number + 1
        self._taken.add(candidate)
        return candidate


def copy_tiles(shape: Sequence[int]) -> tuple[int, ...]:
    """Tile of a copy: the first dimension that divides is cut into at most COPY_TILES parts."""
    for i, size in enumerate(shape):
        for count in range(COPY_TILES, 1, -1):
            if size % count == 0 and prod(shape) // count >= COPY_TILE_ELEMENTS:
                return tuple(s // count if j == i else s for j, s in enumerate(shape))
    return tuple(shape)


def tiled_box(
    shape: Sequence[int], tiles: Sequence[int]
) -> tuple[list[int], tuple[Affine, ...], tuple[int, ...], list[int], list[Affine]]:
    """(grid domain, offset of a tile, tile, bounds of the loops over a tile, their map onto it) of a box cut into tiles
    that divide it."""
    domain = [size // t for size, t in zip(shape, tiles, strict=True) if t < size]
    dims = iter(range(len(domain)))
    offsets = tuple(
        Affine.dim(next(dims), len(domain)) * t if t < size else Affine.const(0, len(domain))
        for size, t in zip(shape, tiles, strict=True)
    )
    kept = [i for i, t in enumerate(tiles) if t > 1]
    inner = [
        Affine.dim(kept.index(i), len(kept)) if i in kept else Affine.const(0, len(kept)) for i in range(len(tiles))
    ]
    return domain, offsets, tuple(tiles), [tiles[i] for i in kept], inner


def border_strips(
    shape: Sequence[int], low: Sequence[int], high: Sequence[int]
) -> tuple[list[int], list[list[Affine]]]:
    """Bounds of one loop nest, and maps of it onto a box of `shape`, that reach all of the border and nothing else.

    low, high: widths of the border per dimension. One or two maps per padded dimension: with equal widths on both sides
    a loop of two steps takes both strips. Corners are reached twice. With three or more padded dimensions the map is the
    whole box.
    """
    rank = len(shape)
    padded = [i for i in range(rank) if low[i] or high[i]]
    if len(padded) > 2:
        return list(shape), [[Affine.dim(i, rank) for i in range(rank)]]
    free = [i for i in range(rank) if i not in padded and shape[i] > 1]
    width = max(max(low[i], high[i]) for i in padded)
    both = any(low[i] == high[i] for i in padded)
    along = max((shape[i] for i in padded), default=1) if len(padded) == 2 else 1
    # Loops: the free dimensions, then side, position across the strip, position along it.
    bounds = [shape[i] for i in free]
    loops: dict[str, int] = {}
    for loop, bound in (("side", 2 if both else 1), ("across", width), ("along", along)):
        if bound > 1:
            loops[loop] = len(bounds)
            bounds.append(bound)
    num_dims = len(bounds)

    def loop_index(name: str) -> Affine:
        return Affine.dim(loops[name], num_dims) if name in loops else Affine.const(0, num_dims)

    maps = []
    for i in padded:
        strips = [(0, low[i], shape[i] - high[i])] if low[i] == high[i] else []
        if not strips:
            strips = [(start, size, 0) for start, size in ((0, low[i]), (shape[i] - high[i], high[i])) if size]
        for start, size, other_side in strips:
            across = loop_index("across") if size == width else (loop_index("across") * size).floordiv(width)
            results = []
            for j in range(rank):
                if j == i:
                    side = loop_index("side") * other_side
                    results.append(scaled_sum(side, across) + start)
                elif j in padded:
                    results.append((loop_index("along") * shape[j]).floordiv(along))
                elif j in free:
                    results.append(Affine.dim(free.index(j), num_dims))
                else:
                    results.append(Affine.const(0, num_dims))
            maps.append(results)
    return bounds, maps


def scaled_sum(linear: Affine, divided: Affine) -> Affine:
    """`linear + divided`, brought under one division."""
    return Affine(
        tuple(a * divided.divisor + b for a, b in zip(linear.coefficients, divided.coefficients, strict=True)),
        linear.constant * divided.divisor + divided.constant,
        divided.divisor,
    )


class Draft:
    """A grid before it is built: operands with their windows, scratch, calls."""

    def __init__(
        self, emitter: Emitter, name: str, domain: Sequence[int], kinds: Sequence[str], location: LocationAttr
    ):
        self.emitter, self.name, self.location = emitter, name, location
        self.domain, self.kinds = tuple(domain), tuple(kinds)
        self._inputs: dict[tuple[Placement, tuple[Affine, ...], tuple[int, ...]], None] = {}
        self._outputs: list[tuple[Placement, Window]] = []
        self._scratch: list[tuple[tuple[int, ...], Attribute]] = []
        self._calls: list[tuple[MakeCall, LocationAttr]] = []

    def input(self, place: Placement, window: Window) -> Tile:
        key = (place, window.offsets, window.shape)
        self._inputs.setdefault(key)
        return Tile("in", list(self._inputs).index(key))

    def output(self, place: Placement, window: Window) -> Tile:
        self._outputs.append((place, window))
        return Tile("out", len(self._outputs) - 1)

    def scratch(self, shape: Sequence[int], element: Attribute) -> Tile:
        self._scratch.append((tuple(shape), element))
        return Tile("scratch", len(self._scratch) - 1)

    def call(self, make: MakeCall, location: LocationAttr | None = None) -> None:
        self._calls.append((make, location or self.location))

    def kernel(
        self,
        name: str,
        bounds: Sequence[int],
        inputs: Sequence[Tile],
        outputs: Sequence[Tile],
        maps: Sequence[Sequence[Affine]],
        block: Block,
        init: Sequence[Attribute] | None = None,
        macs: int = 0,
        location: LocationAttr | None = None,
    ) -> None:
        place = location or self.location
        for op in block.ops:
            op.location = place
        attrs = [affine_map(results, len(bounds)) for results in maps]
        self.call(
            lambda tile: KernelOp(
                name, bounds, attrs, [tile(t) for t in inputs], [tile(t) for t in outputs], Region(block), init, macs
            ),
            place,
        )

    def emit(self, slots: int = 0) -> GridOp:
        emitter, num_dims = self.emitter, len(self.domain)

        def window(place: Placement, offsets: Sequence[Affine], shape: Sequence[int]) -> WindowAttr:
            return WindowAttr.of([a + b for a, b in zip(offsets, place.offsets, strict=True)], shape, num_dims)

        windows = [window(place, offsets, shape) for place, offsets, shape in self._inputs]
        windows += [window(place, w.offsets, w.shape) for place, w in self._outputs]
        # Destinations first: making one may append its border grid, after which ins of the same root see it.
        outs = [emitter.read(place, self.location) for place, _ in self._outputs]
        ins = [emitter.read(place, self.location) for place, _, _ in self._inputs]
        grid = GridOp(self.name, self.domain, self.kinds, ins, outs, windows, scratch_shapes=self._scratch)
        args = grid.body.block.args
        starts = {"in": 0, "out": len(ins), "scratch": len(ins) + len(outs)}
        for i, arg in enumerate(args):
            kind = "i" if i < len(ins) else "o" if i < len(ins) + len(outs) else "t"
            arg.name_hint = f"{kind}{i - starts[{'i': 'in', 'o': 'out', 't': 'scratch'}[kind]]}"
        for make, location in self._calls:
            call = make(lambda tile: args[starts[tile.kind] + tile.index])
            call.location = location
            grid.body.block.add_op(call)
        end = YieldOp()
        end.location = self.location
        grid.body.block.add_op(end)
        if self._scratch and slots:
            grid.attributes[SLOTS] = IntegerAttr(slots, i64)
        emitter.add(grid, self.location)
        for (place, _), result in zip(self._outputs, grid.res, strict=True):
            emitter.write(place, result, self.location)
        return grid


# Kernels from linalg bodies.


def constant_operand(value: SSAValue) -> Attribute | None:
    """The one value of an operand that need not stand in memory: a scalar or splat constant; zero if undefined."""
    if isinstance(value.type, TensorType):
        if is_undefined(value):
            return zero_of(value.type.get_element_type())
        return splat_of(value)
    return scalar_constant(value)


def index_loops(block: Block) -> tuple[int, ...]:
    """Loops whose index the body uses: they must not be cut."""
    return tuple(op.dim.value.data for op in block.ops if isinstance(op, linalg_ops.IndexOp))


def reads_output(block: Block, num_inputs: int, output: int) -> bool:
    return block.args[num_inputs + output].first_use is not None


def add_kernel(
    draft: Draft,
    name: str,
    op: Operation,
    body: Block,
    nest: Nest,
    piece: Piece,
    tiles: Mapping[int, Tile],
    outputs: Sequence[Tile],
    place: Callable[[Access], Placement],
    init: Sequence[Attribute] | None,
    macs: bool,
) -> None:
    """Append the op's body as a kernel over the piece's inner loops.

    tiles: inputs that stand in a tile already (an epilogue's); `place` finds the others, and the nest's tables.
    `init`: values of the outputs before the first step, None to go on from the old ones.
    """
    sizes = piece.tile_sizes()
    kept = [i for i, size in enumerate(sizes) if size > 1]
    dims = [
        Affine.dim(kept.index(i), len(kept)) if i in kept else Affine.const(0, len(kept)) for i in range(len(sizes))
    ]

    def inner(window: Window) -> list[Affine]:
        return [r.substitute(dims) if dims else r for r in window.results]

    block = Block()
    mapping: dict[SSAValue, SSAValue] = {}
    inputs: list[Tile] = []
    maps: list[list[Affine]] = []
    constants: list[tuple[SSAValue, Attribute]] = []
    for i, access in enumerate(nest.inputs):
        argument = body.args[i]
        if i not in tiles and argument.first_use is None:
            continue
        if i not in tiles and (constant := constant_operand(access.value)) is not None:
            constants.append((argument, constant))
            continue
        if i in tiles:
            inputs.append(tiles[i])
            maps.append([r.substitute(dims) if dims else r for r in access.results])
        else:
            window = piece.window(access.results)
            inputs.append(draft.input(place(access), window))
            maps.append(inner(window))
        mapping[argument] = block.insert_arg(argument.type, len(block.args))
    for table in nest.tables:
        shape, at = shape_of(table), Affine.const(0, len(piece.domain))
        inputs.append(draft.input(place(whole(table)), Window((at,) * len(shape), shape, ())))
        maps.append([])
        mapping[table] = block.insert_arg(TileType(shape, element_type_of(table)), len(block.args))
    for i, access in enumerate(nest.outputs):
        maps.append(inner(piece.window(access.results)))
        out_argument = body.args[len(nest.inputs) + i]
        mapping[out_argument] = block.insert_arg(out_argument.type, len(block.args))
    for replaced, constant in constants:
        constant_op = scalar_op(constant)
        block.add_op(constant_op)
        mapping[replaced] = constant_op.results[0]
    for inner_op in body.ops:
        for operand in inner_op.operands:
            if operand not in mapping:
                captured = scalar_constant(operand)
                if captured is None:
                    raise ValueError(f"its body uses {operand.type} of outside, which is no constant")
                constant_op = scalar_op(captured)
                block.add_op(constant_op)
                mapping[operand] = constant_op.results[0]
        if isinstance(inner_op, linalg_ops.YieldOp):
            block.add_op(YieldOp(*(mapping[v] for v in inner_op.operands)))
        elif isinstance(inner_op, linalg_ops.IndexOp):
            dim = inner_op.dim.value.data
            loop = piece.loops[dim]
            if loop.dim is not None or loop.start:
                raise ValueError(f"its body uses the index of loop d{dim}, which is cut")
            index: Operation = (
                IndexOp(kept.index(dim)) if dim in kept else arith.ConstantOp(IntegerAttr(0, IndexType()))
            )
            block.add_op(index)
            mapping[inner_op.results[0]] = index.results[0]
        elif isinstance(inner_op, tensor.ExtractOp):
            load = LoadOp(mapping[inner_op.tensor], [mapping[i] for i in inner_op.indices])
            block.add_op(load)
            mapping[inner_op.result] = load.result
        else:
            block.add_op(inner_op.clone(mapping))
    draft.kernel(
        name,
        [sizes[i] for i in kept],
        inputs,
        outputs,
        maps,
        block,
        init,
        prod(sizes) if macs else 0,
        op.location,
    )
