"""The calls that compute linalg ops, and which ops share a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cedr.dialects.cedr import Affine
from cedr.dialects.constants import is_zero
from cedr.dialects.diagnostics import Diagnostic
from cedr.dialects.linalg_extensions import BatchMatmulOp, Conv1DNcwFcwOp, FourierOp
from cedr.passes.errors import at
from cedr.passes.grid_builder import constant_operand, index_loops, reads_output
from cedr.passes.layout import splat_of
from cedr.passes.structured import (
    EPILOGUE,
    Access,
    Nest,
    Piece,
    body_of,
    derived,
    plan_of,
    single_dims,
    tile_sizes,
)

OVERWRITING = ("conv2d", "conv1d", "gemm", "fft")
"""Calls that write their results where the linalg ops that they compute add to the output."""
ZIP_KINDS = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.subf": "sub",
    "arith.subi": "sub",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.divf": "div",
    "complex.add": "add",
    "complex.sub": "sub",
    "complex.mul": "mul",
    "complex.div": "div",
}


@dataclass(frozen=True)
class Form:
    """How one op is computed: the call, the loop nest as the call sees it, the tile per loop."""

    op: LinalgStructuredOperation
    api: str
    nest: Nest
    sizes: tuple[int, ...]
    body: Block

    def accumulates_whole(self) -> bool:
        """Whether the op goes on from outputs that are neither undefined nor, for a call, zero."""
        outputs = self.op.outputs
        if self.api in OVERWRITING:
            return not is_zero(splat_of(outputs[0]))
        reads = [reads_output(self.body, len(self.nest.inputs), i) for i in range(len(outputs))]
        return any(r and constant_operand(o) is None for r, o in zip(reads, outputs, strict=True))


@dataclass(frozen=True)
class Layer:
    """An op and the epilogues computed tile by tile in its grid, in order."""

    form: Form
    epilogues: tuple[Form, ...] = ()

    @property
    def last(self) -> LinalgStructuredOperation:
        return (self.epilogues[-1] if self.epilogues else self.form).op


def form_of(op: LinalgStructuredOperation) -> Form:
    """The op's form by its plan. Raises ValueError where the op does not suit the plan's call."""
    plan = plan_of(op)
    api = "kernel" if plan.api.data == EPILOGUE else plan.api.data
    body = body_of(op)
    nest = Nest.of(op)
    tiles = plan.tile_sizes()
    if tiles and len(tiles) != nest.num_loops:
        raise ValueError(f"has {nest.num_loops} loops, its plan gives {len(tiles)} tile sizes")
    tiles = tiles or (0,) * nest.num_loops
    match api:
        case "kernel":
            return Form(op, api, nest, tile_sizes(nest, tiles, (*index_loops(body), *nest.carried)), body)
        case "zip":
            zip_kind(op, nest, body)
        case "conv2d" | "conv1d":
            nest, tiles = _convolution(op, api, nest, tiles)
        case "gemm":
            nest, tiles = _product(op, nest, tiles)
        case "fft":
            _transform(op, nest, tiles)
        case _:
            raise ValueError(f"can't be computed by '{api}'; the calls are conv1d, conv2d, fft, gemm, kernel, zip")
    if api != "zip" and len({element_of(v) for v in op.operands}) != 1:
        raise ValueError(f"mixes element types, which '{api}' does not; plan it as kernel")
    return Form(op, api, nest, tile_sizes(nest, tiles), body)


def element_of(value: SSAValue) -> Attribute:
    return value.type.get_element_type() if isinstance(value.type, TensorType) else value.type


def zip_kind(op: Operation, nest: Nest, body: Block) -> str:
    """The kind of zip that a generic is: two operands of one shape, one scalar op. Raises ValueError if it is none."""
    scalar = body.first_op
    identity = tuple(Affine.dim(i, nest.num_loops) for i in range(nest.num_loops))
    if (
        len(nest.inputs) != 2
        or len(nest.outputs) != 1
        or any(a.results != identity for a in nest.accesses)
        or scalar is None
        or scalar.next_op is not body.last_op
        or scalar.name not in ZIP_KINDS
        or list(scalar.operands) != list(body.args[:2])
        or list(scalar.results) != list(body.last_op.operands if body.last_op else ())
    ):
        raise ValueError("is no sum, difference, product or quotient of two tensors of one shape, so no zip")
    return ZIP_KINDS[scalar.name]


def _merged(access: Access, dim: int) -> Access:
    """The access with dimensions `dim` and `dim + 1` seen as one."""
    size = access.shape[dim + 1]
    outer, inner = access.results[dim], access.results[dim + 1]
    joined = outer if access.shape[dim + 1] == 1 else inner if access.shape[dim] == 1 else outer * size + inner
    return Access(
        access.value,
        (*access.shape[:dim], access.shape[dim] * size, *access.shape[dim + 2 :]),
        (*access.results[:dim], joined, *access.results[dim + 2 :]),
    )


def _convolution(
    op: LinalgStructuredOperation, api: str, nest: Nest, tiles: Sequence[int]
) -> tuple[Nest, tuple[int, ...]]:
    if isinstance(op, linalg_ops.Conv2DNchwFchwOp) and api == "conv2d":
        return nest, tuple(tiles)
    if isinstance(op, Conv1DNcwFcwOp) and api == "conv1d":
        return nest, tuple(tiles)
    if isinstance(op, linalg_ops.Conv2DNgchwGfchwOp):
        # One group a call: groups and channels are one dimension, of which a tile holds one group.
        x, w = nest.inputs
        (y,) = nest.outputs
        x, w, y = _merged(x, 1), _merged(w, 0), _merged(y, 1)
        if api == "conv1d":
            if x.shape[2] != 1 or w.shape[2] != 1:
                raise ValueError(f"has {x.shape[2]} rows, 'conv1d' takes one")
            x, w, y = _merged(x, 2), _merged(w, 2), _merged(y, 2)
        return replace(nest, inputs=(x, w), outputs=(y,)), (tiles[0], 1, *tiles[2:])
    raise ValueError(f"can't be computed by '{api}'")


def _product(op: LinalgStructuredOperation, nest: Nest, tiles: Sequence[int]) -> tuple[Nest, tuple[int, ...]]:
    if isinstance(op, linalg_ops.MatmulOp):
        m, n, k = (Affine.dim(i, 3) for i in range(3))
        a, b, c = nest.accesses
        if a.results != (m, k) or c.results != (m, n) or b.results not in ((k, n), (n, k)):
            raise ValueError("has indexing maps that 'gemm' has not: A[m,k], B[k,n] or B[n,k], C[m,n]")
        return nest, tuple(tiles)
    if isinstance(op, BatchMatmulOp):
        batch, m, n, k = (Affine.dim(i, 4) for i in range(4))
        a, b, c = nest.accesses
        plain, turned = (batch, k, n), (batch, n, k)
        if a.results != (batch, m, k) or c.results != (batch, m, n) or b.results not in (plain, turned):
            raise ValueError(
                "has indexing maps that 'gemm' has not: A[b,m,k], B[b,k,n] or B[b,n,k], C[b,m,n]; run import-linalg first"
            )
        a, b, c = (_merged(access, 0) for access in nest.accesses)
        return replace(nest, inputs=(a, b), outputs=(c,)), (1, *tiles[1:])
    raise ValueError("can't be computed by 'gemm'")


def _transform(op: LinalgStructuredOperation, nest: Nest, tiles: Sequence[int]) -> None:
    """Raises ValueError where `fft` does not compute the op in tiles of whole rows."""
    if not isinstance(op, FourierOp):
        raise ValueError("can't be computed by 'fft'")
    length = nest.extents[1]
    if length & (length - 1):
        raise ValueError(f"transforms {length} points, 'fft' a power of two; plan it as kernel")
    if any(0 < tile < length for tile in tiles[1:]):
        raise ValueError(f"has rows of {length} points that are cut, 'fft' takes whole rows")


# Which ops share a grid.


def layers_of(block: Block, reasons: list[Diagnostic]) -> dict[Operation, Layer]:
    """The layers of a block, under their last op. Ops that can't be computed as planned go to `reasons`."""
    layers: dict[Operation, Layer] = {}
    for op in block.ops:
        if not isinstance(op, LinalgStructuredOperation) or isinstance(op, linalg_ops.FillOp):
            continue
        try:
            alone = form_of(op)
            form = _joined(alone, layers) if plan_of(op).api.data == EPILOGUE else alone
        except ValueError as error:
            reasons.append(at(op, str(error)))
            continue
        if isinstance(form, Layer):
            del layers[form.epilogues[-2].op if len(form.epilogues) > 1 else form.form.op]
            layers[op] = form
        else:
            layers[op] = Layer(form)
    return layers


def _joined(form: Form, layers: dict[Operation, Layer]) -> Form | Layer:
    """The layer that an epilogue joins; where it can't, the epilogue by itself with its producer's tiles."""
    source = form.nest.inputs[0].value if form.nest.inputs else None
    layer = layers.get(source.owner) if source is not None and isinstance(source.owner, Operation) else None
    if source is None or layer is None:
        return form
    producer = layer.epilogues[-1] if layer.epilogues else layer.form
    reached = single_dims(form.nest.inputs[0].results)
    written = single_dims(producer.nest.outputs[0].results)
    if reached is None or written is None or any(form.nest.reduction) or index_loops(form.body):
        return form
    if form.nest.inputs[0].shape != producer.nest.outputs[0].shape:
        return form
    # Loop of the epilogue -> loop of the op before it -> ... -> loop of the layer's own op.
    positions: list[int | None] = [None] * form.nest.num_loops
    for loop, before in zip(reached, written, strict=True):
        positions[loop] = before
    tiles = tuple(0 if p is None else producer.sizes[p] for p in positions)
    alone = replace(form, sizes=tile_sizes(form.nest, tiles))
    fits = (
        len(producer.op.results) == 1
        and len(form.op.results) == 1
        and source.has_one_use()
        and alone.sizes == tuple(e if t == 0 else t for e, t in zip(form.nest.extents, tiles, strict=True))
        and not any(
            r and s < e
            for r, s, e in zip(layer.form.nest.reduction, layer.form.sizes, layer.form.nest.extents, strict=True)
        )
        and not layer.form.accumulates_whole()
        and not form.accumulates_whole()
    )
    if not fits:
        return alone
    return Layer(layer.form, (*layer.epilogues, alone))


def epilogue_pieces(layer: Layer, piece: Piece) -> list[Piece]:
    """The piece of the layer's own op, as each epilogue's loops see it."""
    found, before = [], layer.form
    for form in layer.epilogues:
        positions: list[int | None] = [None] * form.nest.num_loops
        reached = single_dims(form.nest.inputs[0].results)
        written = single_dims(before.nest.outputs[0].results)
        assert reached is not None and written is not None
        for loop, position in zip(reached, written, strict=True):
            positions[loop] = position
        piece = derived(piece, positions, form.nest.extents)
        found.append(piece)
        before = form
    return found
