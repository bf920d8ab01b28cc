"""`convert-linalg-to-cedr`: planned linalg ops on tensors become grids of cedr calls on tiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects import complex as complex_dialect
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation, PoolingOperation
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from cedr.dialects.cedr import (
    Affine,
    Conv1dOp,
    Conv2dOp,
    FftOp,
    GemmOp,
    WeightOp,
    ZipOp,
    shape_of,
)
from cedr.dialects.constants import dense_splat, zero_of
from cedr.dialects.diagnostics import Diagnostic
from cedr.dialects.interpreter.scalar import stored_constant
from cedr.dialects.linalg_extensions import FourierOp
from cedr.dialects.weights import WeightStore
from cedr.passes.convert_loops import LoopConverter, loop_refusals
from cedr.passes.errors import PassError, at
from cedr.passes.grid_builder import (
    Draft,
    Emitter,
    MakeCall,
    Names,
    Tile,
    add_kernel,
    constant_operand,
    reads_output,
)
from cedr.passes.layers import OVERWRITING, Form, Layer, element_of, epilogue_pieces, layers_of, zip_kind
from cedr.passes.layout import (
    Copy,
    LayoutAnalysis,
    Placement,
    Reshape,
    Root,
    fold_positions,
    is_undefined,
    refusal,
    splat_of,
)
from cedr.passes.structured import (
    Access,
    Piece,
    layer_macs,
    pieces,
    plan_of,
    whole,
)

PASS = "convert-linalg-to-cedr"


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
            if isinstance(op, tensor.PadOp | tensor.ExtractSliceOp | tensor.InsertSliceOp):
                fold_positions(op)
        for op in self.old.ops:
            reason = _unconvertible(op)
            if reason is None and _becomes_weight(op) and self.weights is None:
                reason = (
                    "is a constant of several values and becomes a weight: give the weights' bytes (--weights FILE)"
                )
            if reason is not None:
                self.reasons.append(at(op, reason))
            if isinstance(op, scf.ForOp):
                self.reasons += loop_refusals(op)
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
        elif isinstance(op, scf.ForOp):
            if any(r.first_use for r in op.results):
                LoopConverter(self, op).run()
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

    def place(self, access: Access, op: Operation) -> Placement:
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
            splat = splat_of(access.value)
            source = self.place(access, form.op) if splat is None else splat
            copy = Copy(source, access.shape, target, (1,) * len(access.shape))
            self.emitter.copy(copy, self.names.fresh(f"{stem}_init"), form.op.location)

    def _emit_piece(self, layer: Layer, piece: Piece, name: str, targets: Sequence[Placement], slots: int) -> None:
        form = layer.form
        # Operands first: those that have to be copied or filled get grids of their own before this one.
        places: dict[tuple[SSAValue, tuple[int, ...]], Placement] = {}
        for stage in (form, *layer.epilogues):
            for i, access in enumerate(stage.nest.inputs):
                if self._needs_memory(stage, i, inside=stage is not form and i == 0):
                    places[access.value, access.shape] = self.place(access, stage.op)
            for table in map(whole, stage.nest.tables):
                places[table.value, table.shape] = self.place(table, stage.op)
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
            adds = stage.api in OVERWRITING and piece.accumulates
            if stage is not last or adds:
                stage_outs = [
                    draft.scratch(stage_piece.window(a.results).shape, element_of(r))
                    for a, r in zip(stage.nest.outputs, stage.op.results, strict=True)
                ]
            self.add_stage(draft, stage, stage_piece, name, {} if tile is None else {0: tile}, stage_outs, place)
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

    def add_stage(
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
                loops = form.nest.num_loops
                transposed = form.nest.inputs[1].results[-1] == Affine.dim(loops - 1, loops)
                draft.call(lambda t: GemmOp([t(i) for i in ins], [t(out)], transposed), op.location)
            case "fft":
                assert isinstance(op, FourierOp)
                inverse = op.INVERSE
                draft.call(lambda t: FftOp([t(i) for i in ins], [t(out)], inverse), op.location)
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
        case LinalgStructuredOperation() | WeightOp() | tensor.EmptyOp() | tensor.SplatOp() | scf.ForOp():
            if isinstance(op, linalg_ops.FillOp | tensor.SplatOp) and splat_of(op.results[0]) is None:
                return "fills with something else than a constant"
            return None
        case arith.ConstantOp():
            if not isinstance(op.result.type, TensorType) or isinstance(op.value, DenseIntOrFPElementsAttr):
                return None
            return "is a tensor constant whose values are not in the IR"
        case complex_dialect.ConstantOp():
            return None
        case func.ReturnOp():
            if any(not isinstance(v.type, TensorType) for v in op.arguments):
                return "returns something else than tensors"
            return None
        case tensor.PadOp() | tensor.ConcatOp() | tensor.ExtractSliceOp() | tensor.InsertSliceOp():
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
    first step and one that accumulates (`cedr.zip add` after a call). Remainders are grids of their own. An `scf.for` around
    linalg ops becomes a grid of sequential steps: what it carries stays in one window, or moves with the step where each
    step inserts into it. A constant of several values becomes a weight. Raises PassError with a line per op that
    can't be converted.
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
