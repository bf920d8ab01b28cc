"""`convert-linalg-to-cedr`: planned linalg ops on tensors become grids of cedr calls on tiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation, PoolingOperation
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from cedr.dialects.cedr import Affine, Conv1dOp, Conv2dOp, GemmOp, WeightOp, ZipOp, shape_of
from cedr.dialects.diagnostics import Diagnostic
from cedr.dialects.interpreter.scalar import stored_constant
from cedr.dialects.linalg_extensions import BatchMatmulOp, Conv1DNcwFcwOp
from cedr.dialects.weights import WeightStore
from cedr.passes.errors import PassError, at
from cedr.passes.grid_builder import (
    Draft,
    Emitter,
    MakeCall,
    Names,
    Tile,
    add_kernel,
    constant_operand,
    index_loops,
    is_zero,
    reads_output,
    zero_of,
)
from cedr.passes.layout import (
    Copy,
    LayoutAnalysis,
    Placement,
    Reshape,
    Root,
    dense_splat,
    is_undefined,
    refusal,
    splat_of,
)
from cedr.passes.structured import (
    EPILOGUE,
    Access,
    Nest,
    Piece,
    body_of,
    derived,
    layer_macs,
    pieces,
    plan_of,
    single_dims,
    tile_sizes,
    whole,
)

PASS = "convert-linalg-to-cedr"
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
        if self.api in ("conv2d", "conv1d", "gemm"):
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
        case _:
            raise ValueError(f"can't be computed by '{api}'; the calls are conv1d, conv2d, gemm, kernel, zip")
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
        a, b, c = (_merged(access, 0) for access in nest.accesses)
        return replace(nest, inputs=(a, b), outputs=(c,)), (1, *tiles[1:])
    raise ValueError("can't be computed by 'gemm'")


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


# Rewriting.


class FunctionConverter:
    """Converts one function of one block."""

    def __init__(self, function: func.FuncOp, names: Names, reasons: list[Diagnostic], weights: WeightStore | None):
        self.function = function
        self.weights = weights
        self.names = names
        self.reasons = reasons
        self.old = function.body.block
        self.counter = 0

    def run(self) -> None:
        layers = layers_of(self.old, self.reasons)
        for op in self.old.ops:
            reason = _unconvertible(op)
            if reason is None and _becomes_weight(op) and self.weights is None:
                reason = (
                    "is a constant of several values and becomes a weight: give the weights' bytes (--weights FILE)"
                )
            if reason is not None:
                self.reasons.append(at(op, reason))
        if self.reasons:
            return
        inner = [
            form.op.results[0]
            for layer in layers.values()
            for form in (layer.form, *layer.epilogues)
            if form.op is not layer.last
        ]
        self.layout = LayoutAnalysis(self.old, inner).run()
        block = Block(arg_types=[a.type for a in self.old.args])
        self.emitter = Emitter(block, self.names)
        for old, new in zip(self.old.args, block.args, strict=True):
            new.name_hint = old.name_hint
            self.emitter.values[old] = new
        self.splats: dict[SSAValue, Placement] = {}
        for op in self.old.ops:
            self._convert(op, layers)
        self.function.body.add_block(block)
        self.function.body.detach_block(self.old)
        self.old.erase(safe_erase=False)

    def _convert(self, op: Operation, layers: dict[Operation, Layer]) -> None:
        if isinstance(op, WeightOp):
            weight = op.clone()
            self.emitter.add(weight, op.location)
            weight.result.name_hint = op.result.name_hint
            self.emitter.values[op.result] = weight.result
        elif _becomes_weight(op):
            self._convert_constant(op)
        elif (layer := layers.get(op)) is not None and any(r.first_use for r in op.results):
            try:
                self._emit_layer(layer)
            except ValueError as error:
                self.reasons.append(at(op, str(error)))
        elif isinstance(op, func.ReturnOp):
            self._emit_copies(op, "result")
            results = iter(self.layout.results)
            values = []
            for value in op.arguments:
                place = next(results)
                latest = self.emitter.latest(place.root, op.location)
                values.append(self.emitter.view(latest, shape_of(value), op.location))
            self.emitter.add(func.ReturnOp(*values), op.location)
        else:
            self._emit_copies(op, op.name.rpartition(".")[2].removesuffix("_shape"))

    def _convert_constant(self, op: Operation) -> None:
        """A constant of several values becomes a weight, named after its content."""
        assert isinstance(op, arith.ConstantOp) and isinstance(op.result.type, TensorType) and self.weights is not None
        assert isinstance(op.value, DenseIntOrFPElementsAttr)  # as _becomes_weight says
        weight = WeightOp(self.weights.add(stored_constant(op.value), "constant"), op.result.type)
        self.emitter.add(weight, op.location)
        self.emitter.values[op.result] = weight.result

    def _emit_copies(self, op: Operation, name: str) -> None:
        if op.results and not any(r.first_use for r in op.results):
            return
        for copy in self.layout.copies.get(op, ()):
            # An argument or weight lends its name; what a layer made does not show which layer it was.
            source = copy.source.root.value if isinstance(copy.source, Placement) else None
            hint = source.name_hint if source is not None else None
            self.emitter.stem = hint or name
            suffix = "copy" if isinstance(copy.source, Placement) else "fill"
            self.emitter.copy(copy, self.names.fresh(f"{hint or name}_{suffix}"), op.location)

    # Operands.

    def _place(self, access: Access, op: Operation) -> Placement:
        """The box of an operand that a call reads, in the shape in which it reads it."""
        value = access.value
        shape = shape_of(value)
        place = self.layout.placements.get(value)
        if place is None:
            place = self._materialised(value, op)
        seen = place.reshaped(shape, access.shape)
        if seen is None:
            target = Root(shape, place.root.element_type).whole()
            self.emitter.copy(Copy(place, shape, target, (1,) * len(shape)), self.names.fresh("view_copy"), op.location)
            seen = target.reshaped(shape, access.shape)
            assert seen is not None
        return seen

    def _materialised(self, value: SSAValue, op: Operation) -> Placement:
        """A splat that a call needs in memory."""
        if value not in self.splats:
            filler = constant_operand(value)
            if filler is None or not isinstance(value.type, TensorType):
                raise ValueError(f"reads {value.type}, which is no tensor in memory")
            shape = shape_of(value)
            place = Root(shape, value.type.get_element_type()).whole()
            self.emitter.copy(Copy(filler, shape, place, (1,) * len(shape)), self.names.fresh("fill"), op.location)
            self.splats[value] = place
        return self.splats[value]

    # Layers.

    def _emit_layer(self, layer: Layer) -> None:
        form, op = layer.form, layer.form.op
        self.emitter.stem = f"l{self.counter}"
        stem = f"l{self.counter}_{kind_name(op)}"
        self.counter += 1
        last = layer.epilogues[-1] if layer.epilogues else form
        outputs: list[tuple[Placement, Placement | None]] = []
        roots: set[Root] = set()
        for access, result in zip(last.nest.outputs, last.op.results, strict=True):
            place = self.layout.placements[result]
            seen = place.reshaped(shape_of(result), access.shape)
            own = None
            if seen is None or place.root in roots:
                own = Root(shape_of(result), place.root.element_type).whole()
                seen = own.reshaped(shape_of(result), access.shape)
            assert seen is not None
            outputs.append((seen, own))
            roots.add(place.root)
        prefilled = form.accumulates_whole()
        if prefilled:
            self._prefill(form, [seen for seen, _ in outputs], stem)
        slots = plan_of(op).option("slots", 0)
        for piece in pieces(form.nest, form.sizes):
            if prefilled:
                piece = replace(piece, accumulates=True)
            name = self.names.fresh(f"{stem}_{piece.suffix}" if piece.suffix else stem)
            self._emit_piece(layer, piece, name, [seen for seen, _ in outputs], slots)
        for (_, own), result in zip(outputs, last.op.results, strict=True):
            if own is not None:
                shape = shape_of(result)
                copy = Copy(own, shape, self.layout.placements[result], (1,) * len(shape))
                self.emitter.copy(copy, self.names.fresh(f"{stem}_copy"), op.location)

    def _prefill(self, form: Form, targets: Sequence[Placement], stem: str) -> None:
        """Put the tensors that the op goes on from where its results will be."""
        for access, target in zip(form.nest.outputs, targets, strict=True):
            if is_undefined(access.value):
                continue
            source = splat_of(access.value) or self._place(access, form.op)
            copy = Copy(source, access.shape, target, (1,) * len(access.shape))
            self.emitter.copy(copy, self.names.fresh(f"{stem}_init"), form.op.location)

    def _emit_piece(self, layer: Layer, piece: Piece, name: str, targets: Sequence[Placement], slots: int) -> None:
        form = layer.form
        # Operands first: those that have to be copied or filled get grids of their own before this one.
        places: dict[tuple[SSAValue, tuple[int, ...]], Placement] = {}
        for stage in (form, *layer.epilogues):
            for i, access in enumerate(stage.nest.inputs):
                if self._needs_memory(stage, i, inside=stage is not form and i == 0):
                    places[access.value, access.shape] = self._place(access, stage.op)
            for table in map(whole, stage.nest.tables):
                places[table.value, table.shape] = self._place(table, stage.op)
        draft = Draft(self.emitter, name, piece.domain, piece.kinds, form.op.location)
        last = layer.epilogues[-1] if layer.epilogues else form
        stage_pieces = [piece, *epilogue_pieces(layer, piece)]

        def place(access: Access) -> Placement:
            return places[access.value, access.shape]

        outs = [
            draft.output(target, stage_pieces[-1].window(access.results))
            for target, access in zip(targets, last.nest.outputs, strict=True)
        ]
        tile: Tile | None = None
        for stage, stage_piece in zip((form, *layer.epilogues), stage_pieces, strict=True):
            stage_outs = outs
            adds = stage.api in ("conv2d", "conv1d", "gemm") and piece.accumulates
            if stage is not last or adds:
                stage_outs = [
                    draft.scratch(stage_piece.window(a.results).shape, element_of(r))
                    for a, r in zip(stage.nest.outputs, stage.op.results, strict=True)
                ]
            self._add_stage(draft, stage, stage_piece, name, {} if tile is None else {0: tile}, stage_outs, place)
            if adds:
                draft.call(accumulate(stage_outs[0], outs[0]), stage.op.location)
            tile = stage_outs[0]
        draft.emit(slots)

    @staticmethod
    def _needs_memory(form: Form, index: int, inside: bool) -> bool:
        if inside:
            return False
        if form.api != "kernel":
            return True
        return form.body.args[index].first_use is not None and constant_operand(form.nest.inputs[index].value) is None

    def _add_stage(
        self,
        draft: Draft,
        form: Form,
        piece: Piece,
        grid_name: str,
        tiles: dict[int, Tile],
        outs: Sequence[Tile],
        place: Callable[[Access], Placement],
    ) -> None:
        op = form.op
        if form.api == "kernel":
            name = self.names.fresh(f"{grid_name}_{kind_name(op)}" if tiles else f"{grid_name}_k")
            init = None
            reads = [reads_output(form.body, len(form.nest.inputs), i) for i in range(len(outs))]
            if any(reads) and not piece.accumulates:
                init = [constant_operand(o) or zero_of(element_of(o)) for o in op.outputs]
            add_kernel(draft, name, op, form.body, form.nest, piece, tiles, outs, place, init, layer_macs(op))
            return
        ins = [
            tiles[i] if i in tiles else draft.input(place(a), piece.window(a.results))
            for i, a in enumerate(form.nest.inputs)
        ]
        out = outs[0]
        match form.api:
            case "zip":
                kind = zip_kind(op, form.nest, form.body)
                draft.call(lambda t: ZipOp(kind, [t(i) for i in ins], [t(out)]), op.location)
            case "gemm":
                transposed = isinstance(op, linalg_ops.MatmulOp) and form.nest.inputs[1].results[0] == Affine.dim(1, 3)
                draft.call(lambda t: GemmOp([t(i) for i in ins], [t(out)], transposed), op.location)
            case api:
                strides, dilations = window_steps(op, 1 if api == "conv1d" else 2)
                conv = Conv1dOp if api == "conv1d" else Conv2dOp
                draft.call(lambda t: conv([t(i) for i in ins], [t(out)], strides, dilations), op.location)


def accumulate(part: Tile, total: Tile) -> MakeCall:
    """`total += part`."""
    return lambda tile: ZipOp("add", [tile(part), tile(total)], [tile(total)])


def window_steps(op: Operation, rank: int) -> tuple[list[int], list[int]]:
    """Strides and dilations of a convolution, of the last `rank` dimensions."""
    found = []
    for name in ("strides", "dilations"):
        attr = op.properties.get(name) or op.attributes.get(name)
        assert isinstance(attr, DenseIntOrFPElementsAttr)
        found.append([int(v) for v in attr.get_values()][-rank:])
    return found[0], found[1]


def kind_name(op: Operation) -> str:
    """A short name for what an op does, as part of a grid's name: a generic is called after its result, as the text has
    it (`%relu_3`: relu)."""
    if isinstance(op, PoolingOperation):
        return "pool"
    if layer_macs_name := {"matmul": "gemm", "batch_matmul": "gemm"}.get(op.name.rpartition(".")[2]):
        return layer_macs_name
    if op.name.startswith("linalg.conv"):
        return "conv"
    if isinstance(op, linalg_ops.GenericOp):
        return re.sub(r"(_\d+)+$", "", op.results[0].name_hint or "") or "map"
    return op.name.rpartition(".")[2]


def _becomes_weight(op: Operation) -> bool:
    return (
        isinstance(op, arith.ConstantOp)
        and isinstance(op.value, DenseIntOrFPElementsAttr)
        and dense_splat(op.value) is None
        and op.result.first_use is not None
    )


def _unconvertible(op: Operation) -> str | None:
    """Why an op that is no layer can't be converted."""
    match op:
        case LinalgStructuredOperation() | WeightOp() | tensor.EmptyOp() | tensor.SplatOp():
            if isinstance(op, linalg_ops.FillOp | tensor.SplatOp) and splat_of(op.results[0]) is None:
                return "fills with something else than a constant"
            return None
        case arith.ConstantOp():
            if not isinstance(op.result.type, TensorType) or isinstance(op.value, DenseIntOrFPElementsAttr):
                return None
            return "is a tensor constant whose values are not in the IR"
        case func.ReturnOp():
            if any(not isinstance(v.type, TensorType) for v in op.arguments):
                return "returns something else than tensors"
            return None
        case tensor.PadOp() | tensor.ConcatOp() | tensor.ExtractSliceOp():
            return refusal(op)
        case _ if isinstance(op, Reshape):
            return refusal(op)
    return "has no conversion to cedr"


@dataclass(frozen=True)
class ConvertLinalgToCedrPass(ModulePass):
    """Turns every planned linalg op on tensors into grids of cedr calls, and places every tensor.

    Before, with `#cedr.plan<api, tile per loop>` on each op (without one: whole, by the call that suits it):

    ```
    %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] { ... } : tensor<1x3x8x8xf32> to tensor<1x3x10x10xf32>
    %y = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [0, 0, 4, 0, 0, 0, 0]>, ...} ins(%p, %w) outs(%zero)
    ```

    After: the padded tensor is a destination with its border filled by one task; one grid per op, tiles are windows:

    ```
    %1 = cedr.grid @x_border [] outs(%o0 = %0[0, 0, 0, 0][1, 3, 10, 10] : tensor<1x3x10x10xf32>) { cedr.kernel ... }
    %2 = cedr.grid @x_copy [] ins(%i0 = %x[0, 0, 0, 0][1, 3, 8, 8] : ...) outs(%o0 = %1[0, 0, 1, 1][1, 3, 8, 8] : ...)
    %4 = cedr.grid @l0_conv [2 parallel]
      ins(%i0 = %2[0, 0, d0 * 4, 0][1, 3, 6, 10] : ..., %i1 = %w[0, 0, 0, 0][8, 3, 3, 3] : ...)
      outs(%o0 = %3[0, 0, d0 * 4, 0][1, 8, 4, 8] : ...) {
      cedr.conv2d ins(%i0, %i1) outs(%o0)
      cedr.yield
    }
    ```

    A generic planned as `epilogue` joins the grid of the op before it, from scratch. A cut reduction is a grid for its
    first step and one that accumulates (`cedr.zip add` after a call). Remainders are grids of their own. A constant of
    several values becomes a weight. Raises PassError with a line per op that can't be converted.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        reasons: list[Diagnostic] = []
        names = Names()
        store = getattr(ctx, "weights", None)
        weights = store if isinstance(store, WeightStore) else None
        for function in [f for f in op.walk() if isinstance(f, func.FuncOp)]:
            if not function.is_declaration:
                FunctionConverter(function, names, reasons, weights).run()
        if reasons:
            raise PassError(PASS, reasons)
