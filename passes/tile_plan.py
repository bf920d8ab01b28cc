"""How one op is cut into calls: `TilePlan.of` decides, `choose` writes the decision down.

A decision is a pure function of the op's loops, the platform's costs and a few hints about its neighbours. Of the
tilings in question it takes one of those that are estimated to end first on the composition's PEs, each call taken by
the PE that would finish it first.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import ceil, prod

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Block, SSAValue

from cedr.dialects.cedr import Affine, element_type_of, shape_of
from cedr.dialects.cedr.calls import flops_per_point
from cedr.dialects.element_types import dtype_name, element_size_bytes
from cedr.dialects.linalg_extensions import BatchMatmulOp, FourierOp
from cedr.passes.grid_builder import index_loops
from cedr.passes.structured import Nest, body_of, default_api, layer_macs
from cedr.target.api import CallClass
from cedr.target.platform import Composition, Platform, class_costs

TILES_PER_WORKER = 4
"""No more calls of one kind than this for each PE that takes them."""
SUBMIT_NS = 2_000
"""What a call costs beside its own time: the daemon's decision (CEDR: 2 to 4 us a task, beside the PEs' work)."""
SLACK = 0.04
"""Tilings whose estimates differ by less are as good as each other."""
NEAR = 2
"""PEs on which a call takes up to this many times as long as on the fastest are planned for; slower ones are left to
the scheduler, since what they take late ends late, and the next layer waits for it."""
WORTH_ALL = 0.8
"""Unless planning for them too promises to end in less than this share of the time."""
CALLS_OF_LAYERS = ("conv2d", "conv1d", "gemm")


@dataclass(frozen=True)
class Machine:
    """The PEs of a composition, and what calls cost on them."""

    platform: Platform
    composition: Composition
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False)

    def takers(self, api: str) -> int:
        """How many PEs have an entry for an API."""
        types = self.platform.pe_types
        return sum(api in types[pe.type_index].apis for pe in self.composition.pes)

    def costs_ns(self, classes: Sequence[CallClass]) -> list[tuple[int, ...]]:
        """Per class, its cost on each PE that takes it, in nanoseconds; empty: none does."""
        keys = [c.to_json() for c in classes]
        missing = {key: c for key, c in zip(keys, classes, strict=True) if key not in self._known}
        if missing:
            _, costs = class_costs(self.platform, list(missing.values())).by_pe(self.composition)
            for key, row in zip(missing, costs.tolist(), strict=True):
                self._known[key] = tuple(ns for ns in row if ns >= 0)
        return [self._known[key] for key in keys]


def makespan_ns(costs_ns: Sequence[int], tasks: int) -> int:
    """When equal tasks end, each on the PE that would finish it first; `costs_ns`: of one task on each PE."""
    free = [(ns, index) for index, ns in enumerate(costs_ns)]
    heapq.heapify(free)
    end = 0
    for _ in range(tasks):
        finish, index = free[0]
        end = max(end, finish)
        heapq.heapreplace(free, (finish + costs_ns[index], index))
    return end


def divisors(extent: int) -> list[int]:
    """All divisors, largest first."""
    small = [d for d in range(1, int(extent**0.5) + 1) if extent % d == 0]
    return sorted({*small, *(extent // d for d in small)}, reverse=True)


@dataclass(frozen=True)
class OpShape:
    """What the decision needs to know of an op."""

    op: LinalgStructuredOperation
    nest: Nest
    api: str

    @staticmethod
    def of(op: LinalgStructuredOperation, api: str | None = None) -> OpShape:
        """`api`: the call; None: the one that suits the op. Raises ValueError for what is not static and affine."""
        return OpShape(op, Nest.of(op), default_api(op) if api is None else api)

    @cached_property
    def body(self) -> Block:
        return body_of(self.op)

    @cached_property
    def dtype(self) -> str:
        return dtype_name(element_type_of(self.op.outputs[0]))

    @cached_property
    def loops(self) -> tuple[int, ...]:
        """The loops that may be cut, outermost first: images, channels and rows; rows and columns of a product; rows of
        a transform; of anything else the first three parallel ones that its region does not ask for."""
        if self.api == "fft":
            return (0,)
        if self.api == "gemm" or self.api in ("conv2d", "conv1d"):
            whole = {"conv2d": 3, "conv1d": 3, "gemm": 2}[self.api] + self._grouped
            return tuple(range(whole))
        fixed = index_loops(self.body)
        parallel = [i for i, reduces in enumerate(self.nest.reduction) if not reduces and i not in fixed]
        return tuple(parallel[:3])

    @property
    def _grouped(self) -> bool:
        return isinstance(self.op, linalg_ops.Conv2DNgchwGfchwOp | BatchMatmulOp)

    @property
    def forced(self) -> Mapping[int, int]:
        """Tile sizes that the call leaves no choice about: one group of a convolution, one product of a batch."""
        if isinstance(self.op, linalg_ops.Conv2DNgchwGfchwOp) and self.api != "kernel":
            return {1: 1}
        return {0: 1} if isinstance(self.op, BatchMatmulOp) and self.api != "kernel" else {}

    def output_loop(self, dim: int) -> int | None:
        """The loop that alone indexes a dimension of the result."""
        affine = self.nest.outputs[0].results[dim]
        used = [i for i, c in enumerate(affine.coefficients) if c]
        return used[0] if len(used) == 1 and affine == Affine.dim(used[0], self.nest.num_loops) else None

    def call(self, sizes: Sequence[int]) -> CallClass:
        """The class of a whole tile's call."""
        match self.api:
            case "conv2d":
                n, *_, f, oh, ow, c, kh, kw = _without_group(sizes, self._grouped)
                (sh, sw), (dh, dw) = _steps(self.op, "strides"), _steps(self.op, "dilations")
                h, w = (oh - 1) * sh + (kh - 1) * dh + 1, (ow - 1) * sw + (kw - 1) * dw + 1
                dims = {"n": n, "c": c, "h": h, "w": w, "f": f, "kh": kh, "kw": kw, "oh": oh, "ow": ow}
                dims |= {"sh": sh, "sw": sw, "dh": dh, "dw": dw}
            case "conv1d":
                n, f, ol, c, k = _one_row(_without_group(sizes, self._grouped)) if self._grouped else sizes
                s, d = _steps(self.op, "strides")[-1], _steps(self.op, "dilations")[-1]
                length = (ol - 1) * s + (k - 1) * d + 1
                dims = {"n": n, "c": c, "l": length, "f": f, "k": k, "ol": ol, "s": s, "d": d}
            case "gemm":
                m, n, k = sizes[-3:]
                rows = self.nest.inputs[1].results[-2:]
                transposed = rows[0] == Affine.dim(self.nest.num_loops - 2, self.nest.num_loops)
                return CallClass("gemm", self.dtype, {"m": m, "k": k, "n": n}, {"transpose_b": transposed})
            case "fft":
                assert isinstance(self.op, FourierOp)
                dims = {"b": sizes[0], "n": sizes[1]}
                return CallClass("fft", self.dtype, dims, {"inverse": self.op.INVERSE})
            case "zip":
                return CallClass("zip", self.dtype, {"n": prod(sizes)}, {"kind": "add"})
            case _:
                return self.kernel(sizes)
        return CallClass(self.api, self.dtype, dims)

    def kernel(self, sizes: Sequence[int]) -> CallClass:
        """The class of a tile computed by a kernel."""
        elements = prod(sizes)

        def bytes_of(values: Sequence[SSAValue], accesses: Sequence[tuple[Affine, ...]]) -> int:
            total = 0
            for value, results in zip(values, accesses, strict=True):
                spans = [high - low + 1 for low, high in (r.bounds(sizes) for r in results)]
                total += min(prod(spans), elements) * element_size_bytes(element_type_of(value))
            return total

        return CallClass(
            "kernel",
            self.dtype,
            {
                "elements": elements,
                "flops": elements * flops_per_point(self.body),
                "bytes_in": bytes_of(self.op.inputs, [a.results for a in self.nest.inputs])
                + sum(
                    min(prod(shape_of(table)), elements) * element_size_bytes(element_type_of(table))
                    for table in self.nest.tables
                ),
                "bytes_out": bytes_of(self.op.outputs, [a.results for a in self.nest.outputs]),
                "macs": elements if layer_macs(self.op) else 0,
            },
        )


def _without_group(sizes: Sequence[int], grouped: bool) -> tuple[int, ...]:
    return (sizes[0], *sizes[2:]) if grouped else tuple(sizes)


def _one_row(sizes: Sequence[int]) -> tuple[int, ...]:
    n, f, _, ow, c, _, kw = sizes
    return (n, f, ow, c, kw)


def _steps(op: LinalgStructuredOperation, name: str) -> tuple[int, ...]:
    attr = op.properties.get(name) or op.attributes.get(name)
    assert isinstance(attr, DenseIntOrFPElementsAttr)
    return tuple(int(v) for v in attr.get_values())


@dataclass(frozen=True)
class Hints:
    """What neighbours ask of a tiling, per loop.

    `steps`: tile sizes should be multiples of this (the stride of a pooling behind a convolution; the tiles of the op
    before). `epilogue`: how many scalar operations follow on each element of the result within the same grid.
    """

    steps: Mapping[int, int] = field(default_factory=dict)
    epilogue: int = 0


@dataclass(frozen=True)
class TilePlan:
    """The decision: which call, and the tile size of each loop, 0 for all of it."""

    api: str
    tiles: tuple[int, ...]
    calls: int
    """How many."""
    estimate_ns: int
    """When the last one is estimated to end if they start together."""
    workers: int = 1
    """How many PEs were planned for."""

    @staticmethod
    def of(shape: OpShape, machine: Machine, hints: Hints) -> TilePlan:
        """The best tiling of an op; by a kernel where no PE of the composition takes the call that suits it."""
        plan = _best(shape, machine, hints, NEAR)
        wider = _best(shape, machine, hints, None)
        if plan is not None and wider is not None and wider.estimate_ns < WORTH_ALL * plan.estimate_ns:
            plan = wider
        if plan is None and shape.api != "kernel":
            plan = _best(OpShape(shape.op, shape.nest, "kernel"), machine, hints, NEAR)
        if plan is None:  # no PE takes kernels: what emulates it will say so
            plan = TilePlan(shape.api, _written(shape.nest.extents, shape, {}), 1, 0)
        return plan

    @staticmethod
    def layerwise(shape: OpShape) -> TilePlan:
        """One call per output and input channel of a convolution, one for a product, one per row of a transform; anything
        else by channel."""
        cut: set[int] = set()
        if shape.api in ("conv2d", "conv1d"):
            # Images, groups, filters, but not rows; and of what is summed over the channels, but not the window.
            cut = {*shape.loops[:-1], _reduction_loops(shape)[0]}
        elif shape.api == "gemm":
            cut = set(shape.forced)
        elif shape.api == "fft":
            cut = {0}
        elif len(shape.nest.outputs[0].results) > 2:
            cut = {loop for loop in shape.loops if loop < 2}
        extents = shape.nest.extents
        tiles = tuple(1 if loop in cut else 0 for loop in range(len(extents)))
        return TilePlan(shape.api, tiles, prod(extents[loop] for loop in cut), 0)


def _reduction_loops(shape: OpShape) -> list[int]:
    """The loops that index no output, those of extent 1 too."""
    used = {i for r in shape.nest.outputs[0].results for i, c in enumerate(r.coefficients) if c}
    return [i for i in range(shape.nest.num_loops) if i not in used]


def _written(sizes: Sequence[int], shape: OpShape, forced: Mapping[int, int]) -> tuple[int, ...]:
    """Tile sizes as a plan gives them: 0 for the whole extent."""
    return tuple(
        0 if size == extent and loop not in forced else size
        for loop, (size, extent) in enumerate(zip(sizes, shape.nest.extents, strict=True))
    )


def _best(shape: OpShape, machine: Machine, hints: Hints, reach: int | None) -> TilePlan | None:
    """The best tiling for the PEs that are at most `reach` times as slow as the fastest; None: for all of them."""
    takers = machine.takers(shape.api)
    if not takers:
        return None
    if reach is not None and (whole := machine.costs_ns([shape.call(shape.nest.extents)])[0]):
        takers = sum(ns <= reach * min(whole) for ns in whole)
    forced = shape.forced
    tilings = list(_tilings(shape, max(2, takers * TILES_PER_WORKER), hints.steps))
    classes = [shape.call(sizes) for _, sizes in tilings]
    costs = machine.costs_ns(classes)
    epilogues: list[tuple[int, ...]] = [()] * len(tilings)
    if hints.epilogue:
        kernels = [_epilogue(shape, sizes, hints.epilogue) for _, sizes in tilings]
        epilogues = machine.costs_ns(kernels)
    found: list[tuple[int, int, tuple[int, ...], TilePlan]] = []
    for (calls, sizes), cost, after in zip(tilings, costs, epilogues, strict=True):
        if not cost:
            continue
        near = [ns for ns in cost if reach is None or ns <= reach * min(cost)]
        estimate = makespan_ns(near, calls) + (makespan_ns(after, calls) if after else 0)
        total = estimate + calls * (2 if after else 1) * SUBMIT_NS
        plan = TilePlan(shape.api, _written(sizes, shape, forced), calls, estimate, len(near))
        found.append((total, calls, sizes, plan))
    if not found:
        return None
    enough = min(total for total, *_ in found) * (1 + SLACK)
    # Two calls a worker even out what the estimate does not see; then the fewest; then rows cut rather than channels.
    return min(
        (calls < 2 * plan.workers, calls, tuple(-size for size in sizes), plan)
        for total, calls, sizes, plan in found
        if total <= enough
    )[-1]


def _epilogue(shape: OpShape, sizes: Sequence[int], flops: int) -> CallClass:
    spans = [r.bounds(sizes) for r in shape.nest.outputs[0].results]
    elements = prod(high - low + 1 for low, high in spans)
    size = elements * element_size_bytes(element_type_of(shape.op.outputs[0]))
    dims = {"elements": elements, "flops": elements * flops, "bytes_in": size, "bytes_out": size, "macs": 0}
    return CallClass("kernel", shape.dtype, dims)


def _tilings(shape: OpShape, most: int, steps: Mapping[int, int]) -> list[tuple[int, tuple[int, ...]]]:
    """The tilings in question: (number of calls, tile size per loop), each loop whole, or cut evenly if it can be."""
    extents, forced = shape.nest.extents, shape.forced
    base = prod(ceil(extents[loop] / size) for loop, size in forced.items())
    free = [loop for loop in shape.loops if loop not in forced and extents[loop] > 1]
    options = [_sizes(extents[loop], max(most // base, 1), steps.get(loop, 1), _granule(shape, loop)) for loop in free]
    found = []
    for choice in product(*options):
        sizes = list(extents)
        for loop, size in (*forced.items(), *zip(free, choice, strict=True)):
            sizes[loop] = size
        calls = prod(ceil(extents[loop] / sizes[loop]) for loop in range(len(extents)))
        if calls <= max(most, base):
            found.append((calls, tuple(sizes)))
    return found


def _granule(shape: OpShape, loop: int) -> int:
    """Tile sizes must be a multiple of this: where an operand is read at `loop floordiv k`."""
    step = 1
    for access in shape.nest.accesses:
        for r in access.results:
            if r.divisor > 1 and r.coefficients[loop]:
                step = max(step, r.divisor)
    return step


def _sizes(extent: int, most: int, step: int, granule: int) -> list[int]:
    """Tile sizes for one loop: divisors of the extent that are multiples of the step, the whole extent first; even
    parts with a smaller last one where it has hardly any divisors."""
    sizes = [d for d in divisors(extent) if extent // d <= most and d % granule == 0]
    stepped = [d for d in sizes if d % step == 0 or d == extent]
    if len(stepped) > 1 or step > 1:
        sizes = stepped
    if len(sizes) < 3 and extent >= 4:
        unit = max(step, granule)
        parts = {-(-ceil(extent / count) // unit) * unit for count in range(2, min(most, extent) + 1)}
        sizes += sorted({size for size in parts if size < extent} - set(sizes), reverse=True)
    return [extent, *(size for size in sizes if size != extent)]
