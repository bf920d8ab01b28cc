"""`choose`: a plan on every op that computes, and the platform on the module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation, PoolingOperation
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from cedr.dialects.cedr import PlanAttr, PlatformAttr, shape_of
from cedr.dialects.cedr.calls import flops_per_point
from cedr.dialects.diagnostics import Diagnostic
from cedr.dialects.linalg_extensions import FourierOp
from cedr.passes.errors import PassError, at
from cedr.passes.fuse_elementwise import is_complex_product, is_elementwise
from cedr.passes.grid_builder import index_loops
from cedr.passes.layers import zip_kind
from cedr.passes.structured import EPILOGUE, PLAN, Nest, body_of, default_api, has_function
from cedr.passes.tile_plan import CALLS_OF_LAYERS, Hints, Machine, OpShape, TilePlan
from cedr.target.errors import CedrError
from cedr.target.platform import DEFAULT_PLATFORM, load_platform, parse_composition

PLATFORM = "cedr.platform"
LAYERWISE_SLOTS = 16


class MappingError(CedrError):
    """A mapping or an option of `choose` that does not exist."""


@dataclass(frozen=True)
class ChoosePass(ModulePass):
    """Decides how each op is carried out, and writes the decision on it.

    Before:

    ```
    builtin.module {
      %c = linalg.conv_2d_nchw_fchw {strides = ...} ins(%x, %w : ...) outs(%zero : ...)
      %y = linalg.generic {...} ins(%c, %bias : ...) outs(%e : ...) { ... }
    ```

    After `choose{mapping=default platform=zcu102 hw=C3+F1+C2D1+Z1}`:

    ```
    builtin.module attributes {cedr.platform = #cedr.platform<"zcu102", "C3+F1+C2D1+Z1", "...">} {
      %c = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [0, 0, 4, 0, 0, 0, 0], {slots = 8 : i64}>, ...} ...
      %y = linalg.generic {..., cedr.plan = #cedr.plan<epilogue>} ...
    ```

    mapping: `default` cuts each op into tiles for the PEs of the composition `hw` (`cedr.passes.tile_plan`), and
    computes an elementwise generic that alone uses a layer's result within that layer's grid. `layerwise` is that of
    "PyTorch and CEDR" (AICCSA 2023): a call per output and input channel of a convolution, a `gemm` per linear layer,
    all else CPU work. slots: scratch slots of a grid's ring; none: twice the PEs that share the work, or 16 for
    layerwise. Plans that are there already are replaced. Raises MappingError, PlatformError, and PassError for ops
    without static shapes.
    """

    name = "choose"

    mapping: str = "default"
    platform: str = DEFAULT_PLATFORM
    hw: str = "C3+F1+C2D1+Z1"
    slots: int | None = None

    MAPPINGS: ClassVar[tuple[str, ...]] = ("default", "layerwise")

    def __post_init__(self) -> None:
        if self.mapping not in self.MAPPINGS:
            raise MappingError(f"no mapping {self.mapping!r}; the mappings are {', '.join(self.MAPPINGS)}")
        if self.slots is not None and self.slots < 1:
            raise MappingError(f"slots is 1 or more, got {self.slots}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = load_platform(self.platform)
        machine = Machine(platform, parse_composition(platform, self.hw))
        op.attributes[PLATFORM] = PlatformAttr(platform.name, machine.composition.text, platform.hash)
        reasons: list[Diagnostic] = []
        for function in [f for f in op.walk() if isinstance(f, func.FuncOp) and not f.is_declaration]:
            chooser = Chooser(machine, self.slots, reasons)
            (chooser.default if self.mapping == "default" else chooser.layerwise)(function)
        if reasons:
            raise PassError(self.name, reasons)


class Chooser:
    """Plans the ops of one function, in order."""

    def __init__(self, machine: Machine, slots: int | None, reasons: list[Diagnostic]):
        self.machine = machine
        self.slots = slots
        self.reasons = reasons
        self.tiles: dict[SSAValue, tuple[int, ...]] = {}
        """How the results planned so far are cut: tile size per dimension."""

    def layerwise(self, function: func.FuncOp) -> None:
        slots = LAYERWISE_SLOTS if self.slots is None else self.slots
        for op, shape in self._shapes(function, default_api):
            plan = TilePlan.layerwise(shape)
            convolves = plan.api in ("conv2d", "conv1d")
            op.attributes[PLAN] = PlanAttr(plan.api, plan.tiles, {"slots": slots} if convolves else {})

    def default(self, function: func.FuncOp) -> None:
        for op, shape in self._shapes(function, api_of):
            if (layer := joined_layer(op)) is not None and layer.results[0] in self.tiles:
                op.attributes[PLAN] = PlanAttr(EPILOGUE)
                self.tiles[op.results[0]] = self.tiles[layer.results[0]]
                continue
            chain = list(epilogues_of(op))
            steps = self._steps(shape, (chain[-1] if chain else op).results[0])
            hints = Hints(steps, sum(flops_per_point(body_of(e)) for e in chain))
            plan = TilePlan.of(shape, self.machine, hints)
            options: dict[str, int] = {}
            if chain:
                wanted = 2 * plan.workers if self.slots is None else self.slots
                options["slots"] = max(1, min(wanted, plan.calls))
            op.attributes[PLAN] = PlanAttr(plan.api, plan.tiles, options)
            self._note(shape, plan)

    def _shapes(
        self, function: func.FuncOp, api: Callable[[LinalgStructuredOperation], str]
    ) -> Iterator[tuple[LinalgStructuredOperation, OpShape]]:
        for op in function.body.block.ops:
            if not isinstance(op, LinalgStructuredOperation) or isinstance(op, linalg_ops.FillOp):
                continue
            try:
                yield op, OpShape.of(op, api(op))
            except ValueError as error:
                self.reasons.append(at(op, str(error)))

    def _note(self, shape: OpShape, plan: TilePlan) -> None:
        result = shape.op.results[0]
        sizes = []
        for dim, extent in enumerate(shape_of(result)):
            loop = shape.output_loop(dim)
            sizes.append((plan.tiles[loop] if loop is not None else 0) or extent)
        self.tiles[result] = tuple(sizes)

    def _steps(self, shape: OpShape, result: SSAValue) -> dict[int, int]:
        """What tile sizes should be multiples of: of a layer, the strides of a pooling that alone reads its result; of
        anything else, the tiles that its first input comes in, seen from its own loops."""
        if shape.api in CALLS_OF_LAYERS:
            return _pooling_steps(shape, result)
        source = shape.op.inputs[0] if shape.op.inputs else None
        while source is not None and isinstance(source.owner, tensor.PadOp):
            source = source.owner.source
        if source is None or source not in self.tiles:
            return {}
        steps: dict[int, int] = {}
        results = shape.nest.inputs[0].results
        for affine, tile, extent in zip(results, self.tiles[source], shape_of(source), strict=True):
            loops = [i for i, c in enumerate(affine.coefficients) if c and not shape.nest.reduction[i]]
            if tile == extent or len(loops) != 1 or affine.divisor != 1:
                continue
            stride = affine.coefficients[loops[0]]
            if stride > 0 and tile % stride == 0 and tile // stride < shape.nest.extents[loops[0]]:
                steps[loops[0]] = tile // stride
        return steps


def api_of(op: LinalgStructuredOperation) -> str:
    """The call that suits an op: `zip` for the sum, difference, product or quotient of two tensors of one shape."""
    if isinstance(op, linalg_ops.GenericOp) and not epilogue_source(op):
        try:
            zip_kind(op, Nest.of(op), op.body.block)
        except ValueError:
            return default_api(op)
        return "zip" if has_function("zip", op) else "kernel"
    return default_api(op)


def epilogue_source(op: Operation) -> LinalgStructuredOperation | None:
    """The op whose result an elementwise generic alone uses, as its first input and element by element; else None."""
    if not isinstance(op, linalg_ops.GenericOp) or not op.inputs or not is_elementwise(op):
        return None
    source = op.inputs[0]
    producer = source.owner
    maps = op.indexing_maps.data
    block = op.body.block
    if (
        not isinstance(producer, LinalgStructuredOperation)
        or isinstance(producer, linalg_ops.FillOp | FourierOp)  # what follows a transform is a zip where it can be,
        or (isinstance(producer, linalg_ops.GenericOp) and is_complex_product(producer))  # what follows a zip too
        or len(producer.results) != 1
        or not source.has_one_use()
        or maps[0] != maps[-1]
        or shape_of(source) != shape_of(op.results[0])
        or block.args[-1].first_use is not None
        or block.args[0].first_use is None
        or index_loops(block)
        or any(not isinstance(v.type, TensorType) for v in op.operands)
    ):
        return None
    return producer


def joined_layer(op: Operation) -> LinalgStructuredOperation | None:
    """The op in whose grid an elementwise generic is computed: a convolution, product, pooling, or another epilogue."""
    producer = epilogue_source(op)
    if producer is None:
        return None
    if default_api(producer) in CALLS_OF_LAYERS or isinstance(producer, PoolingOperation):
        return producer
    return producer if joined_layer(producer) is not None else None


def epilogues_of(op: Operation) -> Iterator[linalg_ops.GenericOp]:
    """The generics that are computed in an op's grid, in order."""
    while len(op.results) == 1 and op.results[0].has_one_use():
        user = next(iter(op.results[0].uses)).operation
        if not isinstance(user, linalg_ops.GenericOp) or joined_layer(user) is not op:
            return
        yield user
        op = user


def _pooling_steps(shape: OpShape, result: SSAValue) -> dict[int, int]:
    """Per loop of a layer, the stride of the pooling behind it, where one tile of rows should make whole rows of it."""
    users = {use.operation for use in result.uses}
    if len(users) != 1:
        return {}
    (pooling,) = users
    if not isinstance(pooling, PoolingOperation) or pooling.inputs[0] is not result:
        return {}
    reached = OpShape.of(pooling).nest.inputs[0].results
    steps = {}
    for dim, affine in enumerate(reached):
        loop = shape.output_loop(dim)
        stride = max(affine.coefficients, default=1)
        if loop in shape.loops and loop is not None and dim >= 2 and stride > 1:
            steps[loop] = stride
    return steps
