"""`fuse-elementwise`: chains of elementwise generics become one generic each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, complex
from xdsl.dialects.builtin import ArrayAttr, IndexType, IntegerAttr, LocationAttr, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import ConvOperation, PoolingOperation
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cedr.dialects.cedr import Affine, affine_map, affine_results
from cedr.dialects.constants import CONSTANT_OPS, scalar_op
from cedr.dialects.linalg_extensions import BatchMatmulOp
from cedr.passes.layout import scalar_constant, splat_of


@dataclass(frozen=True)
class FuseElementwisePass(ModulePass):
    """Fuses every elementwise `linalg.generic` into the elementwise generic that alone uses it.

    Before:

    ```
    %b = linalg.generic {...} ins(%conv, %bias : ...) outs(%e : ...) { ^bb0(%x, %y, %o): addf %x, %y; yield }
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x32x32xf32>) -> tensor<1x16x32x32xf32>
    %r = linalg.generic {...} ins(%b, %z : ...) outs(%e : ...) { ^bb0(%x, %y, %o): maximumf %x, %y; yield }
    ```

    After: one generic; constants stand in its region, an operand that is read twice in the same way stands once, one
    that is not read is gone, and the result of a convolution, product or pooling comes first:

    ```
    %r = linalg.generic {...} ins(%conv, %bias : ...) outs(%e : ...) {
    ^bb0(%x, %y, %o): %s = addf %x, %y; %0 = arith.constant 0.0; %m = maximumf %s, %0; yield %m
    }
    ```

    Both have parallel loops only and as many points, and the producer has one result and one use: nothing is computed
    twice. Named ops stay as they are, reductions too but for constants that come into their regions. The product of two
    complex tensors stays alone: it is a `zip`, which fused with what conjugates a factor it would not be. A fused generic
    has the location of its consumer; the scalar ops in its region keep theirs.
    """

    name = "fuse-elementwise"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for generic in [o for o in op.walk() if isinstance(o, linalg_ops.GenericOp)]:
            if is_elementwise(generic):
                Fusion(generic).run()
            else:
                take_constants_in(generic)


def is_elementwise(op: linalg_ops.GenericOp) -> bool:
    """All loops parallel, on tensors of static shape, one result, at each point of which one element is written."""
    if len(op.res) != 1 or any(t.data is not IteratorType.PARALLEL for t in op.iterator_types.data):
        return False
    if any(isinstance(v.type, TensorType) and not v.type.has_static_shape() for v in op.operands):
        return False
    try:
        maps = [affine_results(m) for m in op.indexing_maps.data]
    except ValueError:
        return False
    return _loops_of(maps[-1], len(op.iterator_types)) is not None


def is_complex_product(op: linalg_ops.GenericOp) -> bool:
    """Whether an op is the product, element by element, of two complex tensors of its shape: what `zip` computes."""
    block = op.body.block
    product = block.first_op
    identity = AffineMap.identity(len(op.iterator_types))
    return (
        isinstance(product, complex.MulOp)
        and product.next_op is block.last_op
        and list(product.operands) == list(block.args[:-1])
        and all(accessed.data == identity for accessed in op.indexing_maps.data)
        and all(_constant_of(value) is None for value in op.inputs)
    )


def _loops_of(results: Sequence[Affine], num_loops: int) -> tuple[int, ...] | None:
    """The loop of each result, where the map is a permutation of all loops."""
    loops = [r.coefficients.index(1) for r in results if r.divisor == 1 and not r.constant and 1 in r.coefficients]
    single = all(sum(map(abs, r.coefficients)) == 1 for r in results)
    return tuple(loops) if single and sorted(loops) == list(range(num_loops)) else None


@dataclass(frozen=True)
class Operand:
    """An input of the fused generic: how its loops reach an operand."""

    value: SSAValue
    results: tuple[Affine, ...]


class Fusion:
    """Takes a generic's producers into it, one after the other, then tidies its operands."""

    def __init__(self, op: linalg_ops.GenericOp):
        self.op = op
        self.num_loops = len(op.iterator_types)

    def run(self) -> None:
        _erase_dead(self.op.body.block)
        while (index := self._next_producer()) is not None:
            self._fuse(index)
        self._tidy()

    def _next_producer(self) -> int | None:
        if is_complex_product(self.op):
            return None
        for index, value in enumerate(self.op.inputs):
            producer = value.owner
            if (
                isinstance(producer, linalg_ops.GenericOp)
                and producer.parent is self.op.parent
                and self.op.body.block.args[index].first_use is not None
                and value.has_one_use()
                and is_elementwise(producer)
                and not is_complex_product(producer)
                and producer.body.block.args[-1].first_use is None
                and self._loops(index, producer) is not None
            ):
                return index
        return None

    def _loops(self, index: int, producer: linalg_ops.GenericOp) -> tuple[Affine, ...] | None:
        """The producer's loops over this op's, where the points of both correspond one to one; else None."""
        reached = affine_results(self.op.indexing_maps.data[index])
        written = _loops_of(affine_results(producer.indexing_maps.data[-1]), len(producer.iterator_types))
        assert written is not None and isinstance(producer.res[0].type, TensorType)
        shape = producer.res[0].type.get_shape()
        result = self.op.res[0].type
        assert isinstance(result, TensorType)
        loops: list[Affine] = [Affine.const(0, self.num_loops)] * len(written)
        seen: set[int] = set()
        for affine, loop, extent in zip(reached, written, shape, strict=True):
            used = [i for i, c in enumerate(affine.coefficients) if c]
            if not used and affine.constant == 0 and extent == 1:
                continue
            if len(used) != 1 or affine != Affine.dim(used[0], self.num_loops) or used[0] in seen:
                return None
            seen.add(used[0])
            loops[loop] = affine
        return tuple(loops) if prod(shape) == prod(result.get_shape()) else None

    def _fuse(self, index: int) -> None:
        producer = self.op.inputs[index].owner
        assert isinstance(producer, linalg_ops.GenericOp)
        loops = self._loops(index, producer)
        assert loops is not None
        maps = [affine_results(m) for m in self.op.indexing_maps.data]
        own = [Operand(v, m) for v, m in zip(self.op.inputs, maps, strict=False)]
        taken = [
            Operand(v, tuple(r.substitute(loops) for r in affine_results(m)))
            for v, m in zip(producer.inputs, producer.indexing_maps.data, strict=False)
        ]
        operands = [*own[:index], *taken, *own[index + 1 :]]
        block = Block(arg_types=[*(_element(o.value) for o in operands), self.op.body.block.args[-1].type])
        args = list(block.args)
        values: dict[SSAValue, SSAValue] = dict(
            zip(producer.body.block.args, args[index : index + len(taken)], strict=False)
        )
        clone_scalars(producer.body.block, block, values, loops)
        last = producer.body.block.last_op
        assert last is not None
        fused = values.get(last.operands[0], last.operands[0])
        rest = [*args[:index], fused, *args[index + len(taken) :]]
        values = dict(zip(self.op.body.block.args, rest, strict=True))
        clone_scalars(self.op.body.block, block, values)
        _end(self.op, block, values)
        self._replace(operands, block)
        erase(producer)

    def _replace(self, operands: Sequence[Operand], block: Block) -> None:
        self.op = rebuild(self.op, operands, block)

    def _tidy(self) -> None:
        """Constants into the region; each operand once, those that are read only; a layer's result first."""
        maps = [affine_results(m) for m in self.op.indexing_maps.data]
        old = self.op.body.block
        operands: list[Operand] = []
        places: list[int | Operation | None] = []
        for value, results, arg in zip(self.op.inputs, maps, old.args, strict=False):
            if arg.first_use is None:
                places.append(None)
                continue
            if (constant := _constant_of(value)) is not None:
                constant.location = _location(value, self.op)
                places.append(constant)
                continue
            operand = Operand(value, results)
            if operand not in operands:
                operands.append(operand)
            places.append(operands.index(operand))
        captured = _captured_constants(old)
        first = self._layer_first(operands)
        order = [first, *(i for i in range(len(operands)) if i != first)] if operands else []
        if places == list(range(len(self.op.inputs))) and not captured and first == 0:
            return
        ordered = [operands[i] for i in order]
        block = Block(arg_types=[*(_element(o.value) for o in ordered), old.args[-1].type])
        values: dict[SSAValue, SSAValue] = {old.args[-1]: block.args[-1]}
        for arg, place in zip(old.args, places, strict=False):
            if isinstance(place, Operation):
                block.add_op(place)
                values[arg] = place.results[0]
            elif place is not None:
                values[arg] = block.args[order.index(place)]
        for outside in captured:
            clone = outside.clone(values)
            block.add_op(clone)
        clone_scalars(old, block, values)
        _end(self.op, block, values)
        self._replace(ordered, block)

    def _layer_first(self, operands: Sequence[Operand]) -> int:
        identity = tuple(Affine.dim(i, self.num_loops) for i in range(self.num_loops))
        for index, operand in enumerate(operands):
            layer = operand.value.owner
            if (
                isinstance(layer, ConvOperation | PoolingOperation | linalg_ops.MatmulOp | BatchMatmulOp)
                and operand.results == identity
                and operand.value.has_one_use()
            ):
                return index
        return 0


def take_constants_in(op: linalg_ops.GenericOp) -> None:
    """Constants outside of the region that it uses are repeated in it."""
    block = op.body.block
    for outside in reversed(_captured_constants(block)):
        inside = outside.clone()
        first = block.first_op
        assert first is not None
        block.insert_op_before(inside, first)
        outside.results[0].replace_uses_with_if(inside.results[0], lambda use: use.operation.parent is block)


def clone_scalars(
    source: Block, target: Block, values: dict[SSAValue, SSAValue], loops: Sequence[Affine] | None = None
) -> None:
    """Append the scalar ops of a region, its yield apart; `loops`: what its loops are over those of the new op."""
    for op in source.ops:
        if op is source.last_op:
            return
        if isinstance(op, linalg_ops.IndexOp) and loops is not None:
            loop = loops[op.dim.value.data]
            index: Operation = (
                arith.ConstantOp(IntegerAttr(0, IndexType()))
                if loop.is_constant()
                else linalg_ops.IndexOp(loop.coefficients.index(1))
            )
            index.location = op.location
            target.add_op(index)
            values[op.results[0]] = index.results[0]
            continue
        target.add_op(op.clone(values))


def _erase_dead(block: Block) -> None:
    """Scalar ops have no effects: what nobody uses goes."""
    for op in reversed(list(block.ops)):
        if op is not block.last_op and not any(result.first_use for result in op.results):
            block.erase_op(op)


def _end(op: linalg_ops.GenericOp, block: Block, values: dict[SSAValue, SSAValue]) -> None:
    last = op.body.block.last_op
    assert last is not None
    block.add_op(last.clone(values))


def rebuild(op: linalg_ops.GenericOp, operands: Sequence[Operand], block: Block) -> linalg_ops.GenericOp:
    """The op with other inputs and another region, in its place: same loops, outs, attributes, location, names."""
    num_loops = len(op.iterator_types)
    new = linalg_ops.GenericOp(
        [o.value for o in operands],
        op.outputs,
        Region(block),
        ArrayAttr([*(affine_map(o.results, num_loops) for o in operands), *op.indexing_maps.data[len(op.inputs) :]]),
        op.iterator_types,
        [r.type for r in op.res],
    )
    new.attributes |= op.attributes
    new.location = op.location
    parent = op.parent
    assert parent is not None
    parent.insert_op_before(new, op)
    for old_result, new_result in zip(op.res, new.res, strict=True):
        new_result.name_hint = old_result.name_hint
        old_result.replace_all_uses_with(new_result)
    erase(op)
    return new


def erase(op: Operation) -> None:
    """Remove an op without uses."""
    assert op.parent is not None
    op.parent.erase_op(op)


def _element(value: SSAValue) -> Attribute:
    return value.type.get_element_type() if isinstance(value.type, TensorType) else value.type


def _constant_of(value: SSAValue) -> Operation | None:
    """The one value that an operand has everywhere, as a new op."""
    attr = splat_of(value) if isinstance(value.type, TensorType) else scalar_constant(value)
    return None if attr is None else scalar_op(attr)


def _location(value: SSAValue, default: Operation) -> LocationAttr:
    return value.owner.location if isinstance(value.owner, Operation) else default.location


def _captured_constants(block: Block) -> list[Operation]:
    """The constants outside a region that it uses, in order of first use."""
    found: dict[Operation, None] = {}
    for op in block.ops:
        for value in op.operands:
            if isinstance(value.owner, CONSTANT_OPS) and value.owner.parent is not block:
                found[value.owner] = None
    return list(found)
