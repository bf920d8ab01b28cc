"""Where every tensor of a function lives: decided for the whole function before anything is rewritten.

A *root* is a tensor of its own: an argument, a weight, or a destination that grids write. A *placement* is a box of a
root, seen under some shape of the root's elements. So that no data are moved for the shape's sake,

* the operand of a `tensor.pad` lives inside the padded root, whose border is filled once,
* operands of a `tensor.concat` live in the concatenated root,
* `tensor.extract_slice` is a smaller box,
* what `tensor.insert_slice` inserts into a tensor without contents lives in the result, a tensor computed for nothing
  else becomes the result where it stands, and
* a contiguous `tensor.collapse_shape` or `tensor.expand_shape` is the same box under another shape.

Where that can't be (an argument to be padded, two different pads of one value, a slice with steps, ...) a value is
copied. Splats (fills, constants of one value) live nowhere unless something needs them in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.dialects.func import ReturnOp
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue

from cedr.dialects.cedr import WeightOp, shape_of
from cedr.dialects.cedr.attrs import ints_of
from cedr.dialects.constants import dense_splat, scalar_value

Reshape = (tensor.CollapseShapeOp, tensor.ExpandShapeOp)


@dataclass(eq=False)
class Root:
    """A tensor of its own. `value`: the argument, weight, ... if it exists already, else None."""

    shape: tuple[int, ...]
    element_type: Attribute
    value: SSAValue | None = None
    borders: list[Border] = field(default_factory=list)

    def whole(self) -> Placement:
        return Placement(self, self.shape, (0,) * len(self.shape))


@dataclass(frozen=True)
class Placement:
    """A box of a root: the root seen under the shape `extents`, the box's first element at `offsets`."""

    root: Root
    extents: tuple[int, ...]
    offsets: tuple[int, ...]

    def shifted(self, offsets: Sequence[int]) -> Placement:
        return Placement(self.root, self.extents, tuple(a + b for a, b in zip(self.offsets, offsets, strict=True)))

    def is_whole(self, shape: Sequence[int]) -> bool:
        return self.extents == tuple(shape) and not any(self.offsets)

    def reshaped(self, source: Sequence[int], target: Sequence[int]) -> Placement | None:
        """The placement of the same elements, a box of shape `source`, under the shape `target`; None if it has none."""
        if self.is_whole(source):
            return Placement(self.root, tuple(target), (0,) * len(target))
        extents, offsets = [1] * len(target), [0] * len(target)
        for left, right in reshape_groups(source, target):
            # Row-major within the group: all but the leading dimension that moves must be whole.
            moving = [i for i in left if self.extents[i] != 1]
            if any(self.offsets[i] or self.extents[i] != source[i] for i in moving[1:]):
                return None
            inner_source = prod(source[i] for i in moving[1:])
            extent = prod(self.extents[i] for i in left)
            offset = self.offsets[moving[0]] * inner_source if moving else 0
            if not right:
                if extent != 1:
                    return None
                continue
            lead = next((j for j in right if target[j] != 1), right[-1])
            inner = prod(target[j] for j in right if j > lead)
            if extent % inner or offset % inner:
                return None
            for j in right:
                extents[j] = target[j]
            extents[lead], offsets[lead] = extent // inner, offset // inner
        return Placement(self.root, tuple(extents), tuple(offsets))


def reshape_groups(source: Sequence[int], target: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest pairs (dims of source, dims of target) with equal numbers of elements, in order."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(source) or j < len(target):
        left, right = [], []
        a = b = 1
        if i < len(source):
            left.append(i)
            a, i = source[i], i + 1
        if j < len(target):
            right.append(j)
            b, j = target[j], j + 1
        while a != b:
            if a < b:
                left.append(i)
                a, i = a * source[i], i + 1
            else:
                right.append(j)
                b, j = b * target[j], j + 1
        groups.append((left, right))
    return groups


@dataclass(frozen=True)
class Shift:
    """A box inside another one: its first element at `offsets` of the other's."""

    offsets: tuple[int, ...]

    def __call__(self, box: Placement) -> Placement:
        return box.shifted(self.offsets)


@dataclass(frozen=True)
class Reshaped:
    """A box under another shape."""

    source: tuple[int, ...]
    target: tuple[int, ...]

    def __call__(self, box: Placement) -> Placement:
        return _present(box.reshaped(self.source, self.target))


@dataclass(frozen=True)
class Inserted:
    """A box of `sizes` inside another one, under a shape that may lack some of its dims of size one."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    shape: tuple[int, ...]

    @staticmethod
    def of(op: tensor.InsertSliceOp) -> Inserted:
        return Inserted(ints_of(op.static_offsets), ints_of(op.static_sizes), shape_of(op.source))

    def __call__(self, box: Placement) -> Placement:
        return _present(self.within(box))

    def within(self, box: Placement) -> Placement | None:
        return box.shifted(self.offsets).reshaped(self.sizes, self.shape)


@dataclass(frozen=True)
class Border:
    """The part of a padded box that its padding fills. `box`: of shape `shape`, `low` and `high` wide in each dimension."""

    op: tensor.PadOp
    box: Placement
    shape: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    value: Attribute


@dataclass(frozen=True)
class Copy:
    """Elements to be moved to the box `target` of shape `shape` when their op's turn comes.

    source: the box that they come from, or the one value that they all have. From a box, each dimension is read in
    steps of `steps[i]`.
    """

    source: Placement | Attribute
    shape: tuple[int, ...]
    target: Placement
    steps: tuple[int, ...]


def splat_of(value: SSAValue) -> Attribute | None:
    """The one value of a tensor's elements, if that is known: fills, splat constants, and shapes made of them. Compare it
    with None: an integer attribute of 0 counts as false."""
    op = value.owner
    match op:
        case linalg_ops.FillOp():
            return scalar_constant(op.inputs[0])
        case tensor.SplatOp():
            return scalar_constant(op.input)
        case arith.ConstantOp() if isinstance(op.value, DenseIntOrFPElementsAttr):
            return dense_splat(op.value)
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
            return splat_of(op.src)
        case tensor.ExtractSliceOp():
            return splat_of(op.source)
        case tensor.PadOp():
            filler = pad_value(op)
            return filler if filler is not None and filler == splat_of(op.source) else None
    return None


def scalar_constant(value: SSAValue) -> Attribute | None:
    """The attribute of a scalar constant."""
    return scalar_value(value.owner)


def pad_value(op: tensor.PadOp) -> Attribute | None:
    """The constant that a pad fills with; None if it is no constant."""
    last = op.region.block.last_op
    return scalar_constant(last.operands[0]) if isinstance(last, tensor.YieldOp) else None


def is_undefined(value: SSAValue) -> bool:
    return isinstance(value.owner, tensor.EmptyOp)


def static_ints(attr: DenseArrayBase) -> tuple[int, ...] | None:
    values = ints_of(attr)
    return None if DYNAMIC_INDEX in values else values


def fold_positions(op: tensor.PadOp | tensor.ExtractSliceOp | tensor.InsertSliceOp) -> None:
    """Widths, offsets, sizes and steps that are operands, where all are constants: into the op's attributes."""
    names = ("low", "high") if isinstance(op, tensor.PadOp) else ("offsets", "sizes", "strides")
    tensors = 2 if isinstance(op, tensor.InsertSliceOp) else 1
    found = []
    for name in names:
        dynamic = iter(getattr(op, name))
        values = [next(dynamic) if v == DYNAMIC_INDEX else v for v in ints_of(getattr(op, f"static_{name}"))]
        known = [scalar_constant(v) if isinstance(v, SSAValue) else v for v in values]
        found.append([v.value.data if isinstance(v, IntegerAttr) else v for v in known])
    if len(op.operands) == tensors or not all(isinstance(v, int) for values in found for v in values):
        return
    op.operands = op.operands[:tensors]
    for name, numbers in zip(names, found, strict=True):
        op.properties[f"static_{name}"] = DenseArrayBase.from_list(i64, numbers)  # type: ignore[arg-type]  # all ints
    op.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [1] * tensors + [0] * len(names))


def refusal(op: Operation) -> str | None:
    """Why a shape op can't be placed, or None."""
    match op:
        case tensor.PadOp():
            low, high = static_ints(op.static_low), static_ints(op.static_high)
            if low is None or high is None or min((*low, *high), default=0) < 0:
                return "pads by a width that is not a constant >= 0"
            if pad_value(op) is None:
                return "pads with something else than a constant"
        case tensor.ExtractSliceOp():
            parts = [static_ints(a) for a in (op.static_offsets, op.static_sizes, op.static_strides)]
            if None in parts:
                return "slices at positions that are not constants"
            if parts[2] is not None and min(parts[2], default=1) < 1:
                return "slices with a step below 1"
        case tensor.InsertSliceOp():
            parts = [static_ints(a) for a in (op.static_offsets, op.static_sizes, op.static_strides)]
            if None in parts:
                return "inserts at positions that are not constants"
            if parts[2] is not None and any(step != 1 for step in parts[2]):
                return "inserts with a step other than 1; run import-linalg first"
            if min(shape_of(op.source), default=1) < 1:
                return "inserts a tensor without elements or of unknown size"
        case tensor.ConcatOp():
            if any(size < 1 for v in op.inputs for size in shape_of(v)):
                return "joins a tensor without elements or of unknown size"
    if any(isinstance(r.type, TensorType) and min(r.type.get_shape(), default=1) < 1 for r in op.results):
        return "gives a tensor without elements or of unknown size"
    return None


@dataclass(frozen=True)
class Layout:
    """The decision for a function. `copies` stand at the op at which they are due; `results`: where each returned tensor
    stands in the end, a root of its own."""

    placements: dict[SSAValue, Placement]
    copies: dict[Operation, list[Copy]]
    results: list[Placement]


class LayoutAnalysis:
    """Decides where the tensors of a block live.

    hidden: values that exist inside a grid only (the producers of epilogues).
    """

    def __init__(self, block: Block, hidden: Iterable[SSAValue] = ()):
        self.block = block
        self.hidden = set(hidden)
        self.hosts: dict[SSAValue, tuple[SSAValue, Shift | Reshaped | Inserted]] = {}
        self.placements: dict[SSAValue, Placement] = {}
        self.copies: dict[Operation, list[Copy]] = {}
        self.results: list[Placement] = []
        self.order = {op: i for i, op in enumerate(block.ops)}

    def run(self) -> Layout:
        ops = list(self.block.ops)
        for op in reversed(ops):
            for value in op.results:
                if isinstance(value.type, TensorType) and self._is_embeddable(value):
                    self._choose_host(value)
        for arg in self.block.args:
            if isinstance(arg.type, TensorType):
                self._choose_host(arg)
                self.place(arg)
        for op in reversed(ops):
            if isinstance(op, tensor.PadOp) and not self._is_virtual(op.result) and self._is_filled(op.result):
                self._add_border(op)
        for op in ops:
            self._add_copies(op)
            for value in op.results:
                if isinstance(value.type, TensorType) and value not in self.hidden and not self._is_virtual(value):
                    self.place(value)
        return Layout(self.placements, self.copies, self.results)

    # Which box a value lives in.

    def _is_virtual(self, value: SSAValue) -> bool:
        return splat_of(value) is not None or is_undefined(value)

    def _is_embeddable(self, value: SSAValue) -> bool:
        """Whether the value can be written into a box of another root: computed (in a loop, too), padded, joined, inserted
        into, or a reshape of such."""
        if value in self.hidden or self._is_virtual(value):
            return False
        if isinstance(value.owner, Reshape):
            return self._is_embeddable(value.owner.src)
        return isinstance(
            value.owner,
            LinalgStructuredOperation | tensor.PadOp | tensor.ConcatOp | tensor.InsertSliceOp | scf.ForOp,
        )

    def _choose_host(self, value: SSAValue) -> None:
        users = sorted({u.operation for u in value.uses if u.operation in self.order}, key=self.order.__getitem__)
        owned = not isinstance(value, BlockArgument) and self._is_embeddable(value)
        pads = [op for op in users if isinstance(op, tensor.PadOp)]
        if pads:
            host = max(pads, key=lambda op: (sum((*ints_of(op.static_low), *ints_of(op.static_high))), -self.order[op]))
            low, high = ints_of(host.static_low), ints_of(host.static_high)
            if owned:
                self.hosts[value] = (host.result, Shift(low))
            for other in pads:
                # A narrower padding with the same filler is a part of the wider one.
                inner = tuple(a - b for a, b in zip(low, ints_of(other.static_low), strict=True))
                outer = tuple(a - b for a, b in zip(high, ints_of(other.static_high), strict=True))
                if (
                    other is not host
                    and min((*inner, *outer)) >= 0
                    and pad_value(other) == pad_value(host)
                    and other.result not in self.hosts
                    and (owned or self.order[other] > self.order[host])
                ):
                    self.hosts[other.result] = (host.result, Shift(inner))
            if owned:
                return
        if not owned:
            return
        for op in users:
            if isinstance(op, tensor.ConcatOp):
                offsets = concat_offsets(op)[list(op.inputs).index(value)]
                self.hosts[value] = (op.result, Shift(offsets))
                return
            if isinstance(op, tensor.InsertSliceOp):
                inserted = Inserted.of(op)
                if value is op.dest and value.has_one_use() and _is_alone(value.owner):
                    self.hosts[value] = (op.result, Shift((0,) * len(shape_of(value))))
                    return
                if value is op.source and not _keeps(op) and inserted.within(self.place(op.result)) is not None:
                    self.hosts[value] = (op.result, inserted)
                    return
        shape = shape_of(value)
        for op in users:
            if isinstance(op, Reshape) and op.result in self.hosts:
                target = shape_of(op.result)
                if (self.place(op.result)).reshaped(target, shape) is not None:
                    self.hosts[value] = (op.result, Reshaped(target, shape))
                    return

    def place(self, value: SSAValue) -> Placement:
        """The box that a value lives in."""
        if (known := self.placements.get(value)) is not None:
            return known
        assert isinstance(value.type, TensorType)
        shape, op = shape_of(value), value.owner
        found: Placement | None = None
        if (hosted := self.hosts.get(value)) is not None:
            host, transform = hosted
            found = transform(self.place(host))
        elif isinstance(op, Block | WeightOp | arith.ConstantOp):
            found = Root(shape, value.type.get_element_type(), value).whole()
        elif self._is_alias(value):
            assert isinstance(op, Operation)
            found = self._aliased(op)
        if found is None:
            found = Root(shape, value.type.get_element_type()).whole()
        self.placements[value] = found
        return found

    def _is_alias(self, value: SSAValue) -> bool:
        """Whether a value may be a box of what it is made from."""
        op = value.owner
        if isinstance(op, Reshape):
            source = self.hosts.get(op.src)
            return source is None or source[0] is not value
        return isinstance(op, tensor.ExtractSliceOp)

    def _aliased(self, op: Operation) -> Placement | None:
        if isinstance(op, Reshape):
            if self._is_virtual(op.src) or op.src in self.hidden:
                return None
            return self.place(op.src).reshaped(shape_of(op.src), shape_of(op.result))
        assert isinstance(op, tensor.ExtractSliceOp)
        if any(s != 1 for s in ints_of(op.static_strides)) or self._is_virtual(op.source):
            return None
        box = self.place(op.source).shifted(ints_of(op.static_offsets))
        sizes, shape = ints_of(op.static_sizes), shape_of(op.result)
        return box if sizes == shape else box.reshaped(sizes, shape)

    def _is_filled(self, pad: SSAValue) -> bool:
        """Whether a pad is a box of its own, and no part of a wider pad of the same value."""
        hosted = self.hosts.get(pad)
        if hosted is None or not isinstance(hosted[0].owner, tensor.PadOp):
            return True
        assert isinstance(pad.owner, tensor.PadOp)
        return hosted[0].owner.source is not pad.owner.source

    # What has to be moved.

    def _add_border(self, op: tensor.PadOp) -> None:
        box, value = self.place(op.result), pad_value(op)
        assert value is not None
        low, high = ints_of(op.static_low), ints_of(op.static_high)
        if any((*low, *high)):
            box.root.borders.append(Border(op, box, shape_of(op.result), low, high, value))

    def _add_copies(self, op: Operation) -> None:
        match op:
            case tensor.PadOp() if not self._is_virtual(op.result):
                if self._is_filled(op.result):
                    self._copy_unless_there(op, op.source, self.place(op.result).shifted(ints_of(op.static_low)))
            case tensor.ConcatOp():
                seen: set[SSAValue] = set()
                for value, offsets in zip(op.inputs, concat_offsets(op), strict=True):
                    self._copy_unless_there(op, value, self.place(op.result).shifted(offsets), again=value in seen)
                    seen.add(value)
            case tensor.InsertSliceOp():
                if _keeps(op):
                    self._copy_unless_there(op, op.dest, self.place(op.result))
                self._copy_inserted(op)
            case tensor.CollapseShapeOp() | tensor.ExpandShapeOp() if not self._is_virtual(op.result):
                self._copy_reshaped(op, op.src, op.result)
            case tensor.ExtractSliceOp() if not self._is_virtual(op.result) and self._aliased(op) is None:
                sizes, steps = ints_of(op.static_sizes), ints_of(op.static_strides)
                source = self.place(op.source).shifted(ints_of(op.static_offsets))
                target = self.place(op.result).reshaped(shape_of(op.result), sizes)
                self._add(op, Copy(source, sizes, _present(target), steps))
            case ReturnOp():
                self._place_results(op)

    def _add(self, op: Operation, copy: Copy) -> None:
        self.copies.setdefault(op, []).append(copy)

    def _copy_unless_there(self, op: Operation, value: SSAValue, target: Placement, again: bool = False) -> None:
        """`again`: the value lives in another box of the same root."""
        if is_undefined(value):
            return
        shape = shape_of(value)
        splat = splat_of(value)
        source = self.place(value) if splat is None else splat
        if again or source != target:
            self._add(op, Copy(source, shape, target, (1,) * len(shape)))

    def _copy_inserted(self, op: tensor.InsertSliceOp) -> None:
        if is_undefined(op.source):
            return
        inserted = Inserted.of(op)
        sizes, target = inserted.sizes, self.place(op.result).shifted(inserted.offsets)
        splat = splat_of(op.source)
        source = splat or _present(self.place(op.source).reshaped(inserted.shape, sizes))
        if splat or self.place(op.source) != inserted.within(self.place(op.result)):
            self._add(op, Copy(source, sizes, target, (1,) * len(sizes)))

    def _copy_reshaped(self, op: Operation, value: SSAValue, result: SSAValue) -> None:
        """Both boxes in the shape of one of them; by way of a root of its own where neither can be seen like that."""
        source, target = self.place(value), self.place(result)
        from_shape, to_shape = shape_of(value), shape_of(result)
        moved = source.reshaped(from_shape, to_shape)
        if moved == target:
            return
        seen = target.reshaped(to_shape, from_shape)
        if seen is not None:
            if seen != source:
                self._add(op, Copy(source, from_shape, seen, (1,) * len(from_shape)))
            return
        if moved is None:
            between = Root(from_shape, source.root.element_type).whole()
            self._add(op, Copy(source, from_shape, between, (1,) * len(from_shape)))
            moved = _present(between.reshaped(from_shape, to_shape))
        self._add(op, Copy(moved, to_shape, target, (1,) * len(to_shape)))

    def _place_results(self, op: ReturnOp) -> None:
        """Each result of the function is a fresh root of its own, whole."""
        taken: set[Root] = set()
        for value in op.arguments:
            if not isinstance(value.type, TensorType):
                continue
            if not self._is_virtual(value):
                box = self.place(value)
                if box.root.value is None and prod(box.root.shape) == prod(shape_of(value)) and box.root not in taken:
                    taken.add(box.root)
                    self.results.append(box)
                    continue
            target = Root(shape_of(value), value.type.get_element_type()).whole()
            self._copy_unless_there(op, value, target)
            self.results.append(target)


def _keeps(op: tensor.InsertSliceOp) -> bool:
    """Whether an insertion keeps anything of what it inserts into."""
    return not is_undefined(op.dest) and ints_of(op.static_sizes) != shape_of(op.result)


def _is_alone(op: Operation | Block) -> bool:
    """Whether an op's result shares its box with no value that it was made of, which an insertion would change too."""
    if isinstance(op, tensor.InsertSliceOp) and not _keeps(op):
        return op.source.has_one_use() and isinstance(op.source.owner, LinalgStructuredOperation)
    return isinstance(op, LinalgStructuredOperation | tensor.InsertSliceOp)


def concat_offsets(op: tensor.ConcatOp) -> list[tuple[int, ...]]:
    """Where each operand begins in the result."""
    dim, at, found = op.dim.value.data, 0, []
    for value in op.inputs:
        shape = shape_of(value)
        found.append(tuple(at if i == dim else 0 for i in range(len(shape))))
        at += shape[dim]
    return found


def _present(box: Placement | None) -> Placement:
    assert box is not None
    return box
