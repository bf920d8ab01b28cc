"""A linalg op as a loop nest: extents, kinds, one affine map per operand, a scalar body; and its tiles.

Everything that becomes a grid is brought into this form first: named ops, generics, and the views under which grouped
convolutions and batched products are calls of fewer dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import gcd

from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import ConvOperation, LinalgStructuredOperation
from xdsl.ir import Block, SSAValue

from cedr.dialects.cedr import PARALLEL, REDUCTION, Affine, PlanAttr, element_type_of, shape_of, shared_dims
from cedr.dialects.element_types import dtype_name
from cedr.dialects.linalg_extensions import BatchMatmulOp, FourierOp
from cedr.target.api import APIS

PLAN = "cedr.plan"
EPILOGUE = "epilogue"


@dataclass(frozen=True)
class Access:
    """How a loop nest reaches an operand: its shape (perhaps a view of the value's) and an affine index per dimension."""

    value: SSAValue
    shape: tuple[int, ...]
    results: tuple[Affine, ...]


@dataclass(frozen=True)
class Nest:
    """Loops of static extents over `inputs` and `outputs`; a loop of `reduction[i]` is taken in index order.

    That is a loop which some output is not indexed by. Where it indexes another, the op is a scan: see `carried`.
    """

    extents: tuple[int, ...]
    reduction: tuple[bool, ...]
    inputs: tuple[Access, ...]
    outputs: tuple[Access, ...]
    tables: tuple[SSAValue, ...] = ()
    """Tensors of which the scalar body reads elements at positions that it computes."""

    @staticmethod
    def of(op: LinalgStructuredOperation) -> Nest:
        """Raises ValueError for what is not static and affine."""
        extents = _loop_extents(op)
        maps = [m.data for m in op.get_indexing_maps().data]
        accesses = [
            Access(value, _shape(value), tuple(Affine.of(r, len(extents)) for r in m.results))
            for value, m in zip(op.operands, maps, strict=True)
        ]
        tables = tables_of(op.body.block)
        shapes = (*(a.shape for a in accesses), *map(shape_of, tables))
        if any(DYNAMIC_INDEX in shape for shape in shapes):
            raise ValueError(
                "is on tensors of open sizes (?): the pass specialize-sizes puts in the sizes that are given"
            )
        if any(size < 1 for shape in shapes for size in shape):
            raise ValueError("a tensor without elements")
        outputs = tuple(accesses[len(op.inputs) :])
        used = shared_dims([access.results for access in outputs])
        # What an output is not indexed by is a reduction whatever the op calls it: the steps update one element.
        reduction = tuple(i not in used and extent > 1 for i, extent in enumerate(extents))
        return Nest(extents, reduction, tuple(accesses[: len(op.inputs)]), outputs, tables)

    @property
    def carried(self) -> tuple[int, ...]:
        """The reduction loops that index an output too, each step writing another element: they must not be cut, since
        the steps of a grid's reduction update one window."""
        indexing = {i for access in self.outputs for r in access.results for i, c in enumerate(r.coefficients) if c}
        return tuple(i for i, reduces in enumerate(self.reduction) if reduces and i in indexing)

    @property
    def num_loops(self) -> int:
        return len(self.extents)

    @property
    def accesses(self) -> tuple[Access, ...]:
        return self.inputs + self.outputs


def _shape(value: SSAValue) -> tuple[int, ...]:
    return tuple(value.type.get_shape()) if hasattr(value.type, "get_shape") else ()


def _loop_extents(op: LinalgStructuredOperation) -> tuple[int, ...]:
    """The extent of each loop: the size of a dimension that is indexed by that loop alone."""
    maps = [m.data for m in op.get_indexing_maps().data]
    extents: list[int | None] = [None] * len(op.get_iterator_types())
    for value, map_ in zip(op.operands, maps, strict=True):
        for result, size in zip(map_.results, _shape(value), strict=True):
            affine = Affine.of(result, len(extents))
            if affine.divisor == 1 and affine.constant == 0 and sorted(affine.coefficients)[-1:] == [1]:
                used = [i for i, c in enumerate(affine.coefficients) if c]
                if len(used) == 1 and extents[used[0]] is None:
                    extents[used[0]] = size
    if None in extents:
        raise ValueError(f"loop d{extents.index(None)} has no operand that gives its extent")
    return tuple(e for e in extents if e is not None)


def whole(value: SSAValue) -> Access:
    """A tensor that is read at positions which no map says."""
    return Access(value, _shape(value), ())


def tables_of(block: Block) -> tuple[SSAValue, ...]:
    """The tensors outside of a scalar region of which it extracts elements, in order of first use."""
    return tuple(dict.fromkeys(op.tensor for op in block.ops if isinstance(op, tensor.ExtractOp)))


def body_of(op: LinalgStructuredOperation) -> Block:
    """The scalar computation: arguments are elements of ins and outs, ends in linalg.yield."""
    return op.body.block


def layer_macs(op: LinalgStructuredOperation) -> bool:
    """Whether the op's points are multiply-accumulates of a convolution or linear layer."""
    return isinstance(op, ConvOperation | linalg_ops.MatmulOp | BatchMatmulOp)


def default_api(op: LinalgStructuredOperation) -> str:
    """The call that computes an op without a plan: a kernel where libcedr has no function for its element type.

    A transform of a length that is no power of two is CPU work. A grouped 1-D convolution comes as a 2-D one of a single
    row, with a window of a single row: `conv1d`.
    """
    api = _named_api(op)
    return api if has_function(api, op) else "kernel"


def has_function(api: str, op: LinalgStructuredOperation) -> bool:
    """Whether libcedr computes the call for the element type of the op's result."""
    return dtype_name(element_type_of(op.outputs[0])) in APIS[api].c_dtypes


def _named_api(op: LinalgStructuredOperation) -> str:
    if isinstance(op, linalg_ops.MatmulOp | BatchMatmulOp):
        return "gemm"
    if isinstance(op, FourierOp):
        length = shape_of(op.outputs[0])[1]
        return "kernel" if length & (length - 1) else "fft"
    if op.name == "linalg.conv_1d_ncw_fcw":
        return "conv1d"
    if op.name == "linalg.conv_2d_ngchw_gfchw":
        return "conv1d" if all(shape_of(value)[3] == 1 for value in op.inputs) else "conv2d"
    if op.name == "linalg.conv_2d_nchw_fchw":
        return "conv2d"
    return "kernel"


def plan_of(op: LinalgStructuredOperation) -> PlanAttr:
    """The op's plan; without one, whole by the call that suits it."""
    plan = op.attributes.get(PLAN)
    if isinstance(plan, PlanAttr):
        return plan
    return PlanAttr(default_api(op), [0] * len(op.get_iterator_types()))


# Tiles.


@dataclass(frozen=True)
class Loop:
    """Where one loop is at a grid point: `start + size * d_dim + i` for 0 <= i < size (no `dim`: one tile)."""

    start: int
    size: int
    dim: int | None = None


@dataclass(frozen=True)
class Window:
    """What a piece reaches of an operand: offset per dimension over the grid's indices, shape, and the map of the
    piece's inner loops onto the window."""

    offsets: tuple[Affine, ...]
    shape: tuple[int, ...]
    results: tuple[Affine, ...]


@dataclass(frozen=True)
class Piece:
    """A box of a nest's iteration space cut into equal tiles: one grid."""

    loops: tuple[Loop, ...]
    domain: tuple[int, ...]
    kinds: tuple[str, ...]
    accumulates: bool
    """Whether earlier steps of the reduction have written the outputs."""
    partial: bool
    """Whether later or earlier steps of the reduction stand in other pieces."""
    suffix: str

    def tile_sizes(self) -> tuple[int, ...]:
        return tuple(loop.size for loop in self.loops)

    def window(self, results: Sequence[Affine]) -> Window:
        """The window onto an operand that is indexed by `results` (over the nest's loops)."""
        parts = [self._window_dim(r) for r in results]
        return Window(tuple(p[0] for p in parts), tuple(p[1] for p in parts), tuple(p[2] for p in parts))

    def _window_dim(self, result: Affine) -> tuple[Affine, int, Affine]:
        grid, inner = [0] * len(self.domain), list(result.coefficients)
        constant, divisor = result.constant, result.divisor
        for loop, c in zip(self.loops, result.coefficients, strict=True):
            constant += c * loop.start
            if loop.dim is not None:
                grid[loop.dim] += c * loop.size
        if any(g % divisor for g in grid):
            raise ValueError(f"tile sizes {list(self.tile_sizes())} do not divide by {divisor} in {result}")
        low = constant + sum(min(0, c * (loop.size - 1)) for loop, c in zip(self.loops, inner, strict=True))
        base = low // divisor
        offset = Affine(tuple(g // divisor for g in grid), base)
        tile_map = Affine(tuple(inner), constant - base * divisor, divisor)
        return offset, tile_map.bounds(self.tile_sizes())[1] + 1, tile_map


def tile_sizes(nest: Nest, tiles: Sequence[int], whole: Sequence[int] = ()) -> tuple[int, ...]:
    """Tile size per loop, 1 to the extent, from a plan's (0 = whole). `whole`: loops that must not be cut.

    Where an operand is indexed by `loop floordiv k`, the tile is rounded up to a multiple of k.
    """
    sizes = []
    for i, extent in enumerate(nest.extents):
        size = tiles[i] if i < len(tiles) else 0
        if size == 0 or size >= extent or i in whole:
            sizes.append(extent)
            continue
        step = 1
        for access in nest.accesses:
            for r in access.results:
                if r.divisor > 1 and r.coefficients[i]:
                    need = r.divisor // gcd(r.divisor, abs(r.coefficients[i]))
                    step = step * need // gcd(step, need)
        sizes.append(min(extent, -(-size // step) * step))
    return tuple(sizes)


def pieces(nest: Nest, sizes: Sequence[int]) -> list[Piece]:
    """The grids that cover a nest with tiles of `sizes`: the whole tiles, a remainder for each loop that does not
    divide; of a cut reduction, the first step, the steps after it, and the remainder.

    Raises ValueError where two reduction loops are cut.
    """
    cut = [i for i, (size, extent) in enumerate(zip(sizes, nest.extents, strict=True)) if size < extent]
    reductions = [i for i in cut if nest.reduction[i]]
    if len(reductions) > 1:
        raise ValueError(f"two reduction loops are cut: {', '.join(f'd{i}' for i in reductions)}; one may be")
    # Per loop: (start, size, number of tiles, name of the part).
    parts: list[list[tuple[int, int, int, str]]] = []
    for i, (size, extent) in enumerate(zip(sizes, nest.extents, strict=True)):
        count, rest = divmod(extent, size)
        options = [(0, size, count, "")]
        if i in reductions:
            options = [(0, size, 1, "first"), *([(size, size, count - 1, "")] if count > 1 else [])]
        if rest:
            options.append((count * size, rest, 1, f"rest{i}"))
        parts.append(options)
    order = [i for i in range(nest.num_loops) if i not in reductions] + reductions
    found = []
    for choice in product(*(parts[i] for i in order)):
        loops: list[Loop] = [Loop(0, 1)] * nest.num_loops
        domain: list[int] = []
        kinds: list[str] = []
        for i, (start, size, count, _) in zip(order, choice, strict=True):
            loops[i] = Loop(start, size, len(domain) if count > 1 else None)
            if count > 1:
                domain.append(count)
                kinds.append(REDUCTION if i in reductions else PARALLEL)
        accumulates = bool(reductions) and choice[-1][0] > 0
        names = [name for *_, name in choice if name]
        found.append(Piece(tuple(loops), tuple(domain), tuple(kinds), accumulates, bool(reductions), "_".join(names)))
    return found


def derived(piece: Piece, positions: Sequence[int | None], extents: Sequence[int]) -> Piece:
    """The same grid for another nest: its loop i goes with loop `positions[i]` of the piece's nest, or is whole."""
    loops = tuple(
        Loop(0, extent) if position is None else piece.loops[position]
        for position, extent in zip(positions, extents, strict=True)
    )
    return replace(piece, loops=loops)


def single_dims(results: Sequence[Affine]) -> tuple[int, ...] | None:
    """The loop of each result if each is one loop alone and no loop comes twice."""
    dims = []
    for r in results:
        used = [i for i, c in enumerate(r.coefficients) if c]
        if len(used) != 1 or r.coefficients[used[0]] != 1 or r.constant or r.divisor != 1:
            return None
        dims.append(used[0])
    return tuple(dims) if len(set(dims)) == len(dims) else None
