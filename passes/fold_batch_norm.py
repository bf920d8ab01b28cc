"""`fold-batch-norm`: a scale and a shift per output channel go into the filter and the bias of the layer before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ArrayAttr, Float32Type, Float64Type, FloatAttr, ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from cedr.dialects.cedr import Affine, WeightOp, affine_map, affine_results
from cedr.dialects.linalg_extensions import Conv1DNcwFcwOp
from cedr.dialects.weights import WeightsError, WeightStore, weights_of
from cedr.passes.constants import erase_unused, name_hint, weight_array
from cedr.passes.errors import at
from cedr.passes.fuse_elementwise import is_elementwise
from cedr.passes.layout import scalar_constant, splat_of

Vector = NDArray[np.float64]
"""float64[channels], or float64[] for one value in all channels."""

Layer = linalg_ops.Conv2DNchwFchwOp | Conv1DNcwFcwOp | linalg_ops.MatmulOp


@dataclass(frozen=True)
class FoldBatchNormPass(ModulePass):
    """Folds `y = x * scale[c] + shift[c]` behind a convolution or matrix product into its weights and a bias.

    Before (scale and shift are weights; a bias may stand between, and all may stand in one generic or in several):

    ```
    %c = linalg.conv_2d_nchw_fchw {...} ins(%x, %w : ...) outs(%zero : ...)
    %y = linalg.generic {...} ins(%c, %scale, %shift : ...) outs(%e : ...) {
    ^bb0(%v, %a, %b, %o): %m = mulf %v, %a; %s = addf %m, %b; yield %s
    ```

    After, with `w'[f, ...] = w[f, ...] * scale[f]`:

    ```
    %c = linalg.conv_2d_nchw_fchw {...} ins(%x, %w' : ...) outs(%zero : ...)
    %y = linalg.generic {...} ins(%c, %bias : ...) outs(%e : ...) { ^bb0(%v, %b, %o): %s = addf %v, %b; yield %s }
    ```

    What the generics compute is found by following the values through their regions: anything that comes out as
    `x * a + b`, with a and b made of weights per channel and constants, counts, in any order of ops and operands. It is
    computed in float64 and stored in the weights' own type. The layer must have a weight, start from zeros, and have
    its result used once; what can't be folded stays a generic. Run `fold-constants` before, so that scale and shift are
    weights. Raises WeightsError where something is to be folded and the weights' bytes were not given.
    """

    name = "fold-batch-norm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in [o for o in op.walk() if isinstance(o, Layer)]:
            if (chain := Chain.of(layer)) is not None:
                try:
                    weights = weights_of(ctx, self.name)
                except WeightsError as error:
                    raise WeightsError(f"{error}; to be folded:\n  {at(layer, 'is followed by a scale')}") from error
                fold(chain, weights)


@dataclass(frozen=True)
class Chain:
    """A layer, and the generics behind it that are affine in its result, per channel."""

    layer: Layer
    weight: WeightOp
    channel_dim: int
    """Which dimension of the weight is the output channel."""
    generics: tuple[linalg_ops.GenericOp, ...]

    @staticmethod
    def of(layer: Layer) -> Chain | None:
        """The longest chain, where there is a scale to be folded; else None."""
        weight = layer.inputs[1].owner
        result = layer.res[0].type if layer.res else None
        if not isinstance(weight, WeightOp) or not isinstance(result, TensorType):
            return None
        if not isinstance(result.element_type, Float32Type | Float64Type):
            return None
        if len({v.type.get_element_type() for v in layer.operands if isinstance(v.type, TensorType)}) != 1:
            return None
        zero = splat_of(layer.outputs[0])
        if not isinstance(zero, FloatAttr) or zero.value.data != 0:
            return None
        channel_dim = 0
        if isinstance(layer, linalg_ops.MatmulOp):
            m, n, k = (Affine.dim(i, 3) for i in range(3))
            maps = [affine_results(map_) for map_ in layer.get_indexing_maps().data]
            if maps not in ([(m, k), (k, n), (m, n)], [(m, k), (n, k), (m, n)]):
                return None
            channel_dim = maps[1].index(n)
        generics: list[linalg_ops.GenericOp] = []
        value, scales, last_scale = layer.res[0], False, 0
        while value.has_one_use():
            user = next(iter(value.uses)).operation
            if not isinstance(user, linalg_ops.GenericOp) or user.res[0].type != result or not is_elementwise(user):
                break
            with np.errstate(all="ignore"):
                form = _Symbolic(user, value, None).run()
            if form is None:
                break
            generics.append(user)
            scales = scales or form.scales
            last_scale = len(generics) if form.scales else last_scale
            value = user.res[0]
        # Generics behind the last scale add only; fuse-elementwise takes care of those.
        return Chain(layer, weight, channel_dim, tuple(generics[:last_scale])) if scales else None


@dataclass(frozen=True)
class Form:
    """`x * factor + summand`, per channel; None where x is not in it (factor) or nothing is added (summand).

    Without the weights' bytes the arrays are NaN and only their being there counts. `scales`: whether x was multiplied
    on the way.
    """

    factor: Vector | None
    summand: Vector | None
    scales: bool = False

    @property
    def depends(self) -> bool:
        return self.factor is not None

    @property
    def constant(self) -> Vector:
        return np.float64(0.0) if self.summand is None else self.summand  # type: ignore[return-value]  # 0-d


class _Symbolic:
    """Follows x through the region of a generic; weights: None to find out only whether it is affine."""

    def __init__(self, op: linalg_ops.GenericOp, x: SSAValue, weights: WeightStore | None):
        self.op = op
        self.x = x
        self.weights = weights
        self.values: dict[SSAValue, Form] = {}

    def run(self) -> Form | None:
        """What is yielded, where that is affine in x; else None."""
        num_loops = len(self.op.iterator_types)
        written = affine_results(self.op.indexing_maps.data[-1])
        channel = written[1] if len(written) > 1 else None
        for value, map_, arg in zip(self.op.inputs, self.op.indexing_maps.data, self.op.body.block.args, strict=False):
            results = affine_results(map_)
            if value is self.x:
                if results != written:
                    return None
                self.values[arg] = Form(np.float64(1.0), None)  # type: ignore[arg-type]  # 0-d
            elif (known := self._constant(value, results, channel, num_loops)) is not None:
                self.values[arg] = Form(None, known)
        for op in self.op.body.block.ops:
            if isinstance(op, linalg_ops.YieldOp):
                found = self.values.get(op.operands[0]) or self._outside(op.operands[0])
                return found if found is not None and found.depends else None
            operands = [self.values.get(v) or self._outside(v) for v in op.operands]
            forms = [f for f in operands if f is not None]
            result = _combine(op, forms) if len(forms) == len(operands) else None
            if result is not None:
                self.values[op.results[0]] = result
        return None

    def _constant(
        self, value: SSAValue, results: tuple[Affine, ...], channel: Affine | None, num_loops: int
    ) -> Vector | None:
        """An operand that is a weight read by channel only, or one value everywhere."""
        if isinstance(value.owner, WeightOp):
            by_channel = [r for r in results if not r.is_constant()]
            shape = value.type.get_shape() if isinstance(value.type, TensorType) else ()
            single = all(size == 1 for r, size in zip(results, shape, strict=True) if r.is_constant())
            if not single or by_channel not in ([], [channel]):
                return None
            if self.weights is None:
                return np.float64(np.nan)  # type: ignore[return-value]  # 0-d
            array: Vector = np.asarray(weight_array(self.weights, value.owner), np.float64)
            return array.reshape(-1) if by_channel else array.reshape(())
        attr = splat_of(value) if isinstance(value.type, TensorType) else scalar_constant(value)
        return _number(attr)

    def _outside(self, value: SSAValue) -> Form | None:
        """A constant that the region uses from outside."""
        number = _number(scalar_constant(value))
        return None if number is None else Form(None, number)


def _number(attr: Attribute | None) -> Vector | None:
    if isinstance(attr, FloatAttr):
        return np.float64(attr.value.data)  # type: ignore[return-value]  # 0-d
    return None


def _combine(op: Operation, forms: list[Form]) -> Form | None:
    """One scalar op on affine forms; None where the result is not affine in x."""
    if isinstance(op, arith.ConstantOp):
        number = _number(op.value)
        return None if number is None else Form(None, number)
    scales = any(f.scales for f in forms)
    match op, forms:
        case arith.AddfOp(), [a, b]:
            return Form(_plus(a.factor, b.factor), a.constant + b.constant, scales)
        case arith.SubfOp(), [a, b]:
            minus = None if b.factor is None else -b.factor
            return Form(_plus(a.factor, minus), a.constant - b.constant, scales or b.depends)
        case arith.NegfOp(), [a]:
            return Form(None if a.factor is None else -a.factor, -a.constant, scales or a.depends)
        case arith.MulfOp(), [a, b] if not (a.depends and b.depends):
            x, c = (a, b) if a.depends else (b, a)
            factor = None if x.factor is None else x.factor * c.constant
            return Form(factor, x.constant * c.constant, scales or x.depends)
        case arith.DivfOp(), [a, b] if not b.depends:
            factor = None if a.factor is None else a.factor / b.constant
            return Form(factor, a.constant / b.constant, scales or a.depends)
    return None


def _plus(a: Vector | None, b: Vector | None) -> Vector | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def fold(chain: Chain, weights: WeightStore) -> bool:
    """Rewrites a chain; False, and nothing done, where a folded weight would not be finite."""
    layer, weight = chain.layer, chain.weight
    array = weight_array(weights, weight)
    channels = array.shape[chain.channel_dim]
    factor, shift = np.ones(channels), np.zeros(channels)
    value: SSAValue = layer.res[0]
    for generic in chain.generics:
        with np.errstate(all="ignore"):
            form = _Symbolic(generic, value, weights).run()
            assert form is not None and form.factor is not None
            factor, shift = factor * form.factor, shift * form.factor + form.constant
        value = generic.res[0]
    along = [1] * array.ndim
    along[chain.channel_dim] = channels
    with np.errstate(all="ignore"):
        filters = (array.astype(np.float64) * factor.reshape(along)).astype(array.dtype)
        bias = shift.astype(array.dtype)
    if not (np.isfinite(filters).all() and np.isfinite(bias).all()):
        return False
    hint = name_hint([weight.result], "filter")
    last = chain.generics[-1]
    folded = _insert_weight(weights.add(filters, hint), weight.result.type, layer, layer)
    bias_type = TensorType(_element(weight.result), [channels])
    bias_hint = (hint.removesuffix("weight") + "bias") if hint.endswith("weight") else f"{hint}.bias"
    bias_weight = _insert_weight(weights.add(bias, bias_hint), bias_type, layer, last)
    layer.operands[1] = folded.result
    added = _add_bias(layer.res[0], bias_weight.result, last)
    last.res[0].replace_all_uses_with(added.res[0])
    added.res[0].name_hint = last.res[0].name_hint
    block = layer.parent
    assert block is not None
    used = [v.owner for g in chain.generics for v in g.operands if isinstance(v.owner, Operation)]
    for generic in reversed(chain.generics):
        block.erase_op(generic)
    erase_unused(o for o in dict.fromkeys([weight, *used]) if isinstance(o, WeightOp))
    return True


def _insert_weight(name: str, type_: Attribute, before: Operation, source: Operation) -> WeightOp:
    assert isinstance(type_, TensorType) and before.parent is not None
    weight = WeightOp(name, type_)
    weight.location = source.location
    before.parent.insert_op_before(weight, before)
    return weight


def _add_bias(value: SSAValue, bias: SSAValue, at_op: linalg_ops.GenericOp) -> linalg_ops.GenericOp:
    """value[n, c, ...] + bias[c], in the place of `at_op` and onto its destination."""
    assert isinstance(value.type, TensorType)
    rank = len(value.type.get_shape())
    element = _element(value)
    block = Block(arg_types=[element, element, element])
    total = arith.AddfOp(block.args[0], block.args[1])
    end = linalg_ops.YieldOp(total.result)
    total.location = end.location = at_op.location
    block.add_ops([total, end])
    identity = affine_map([Affine.dim(i, rank) for i in range(rank)], rank)
    op = linalg_ops.GenericOp(
        [value, bias],
        at_op.outputs,
        Region(block),
        ArrayAttr([identity, affine_map([Affine.dim(1, rank)], rank), identity]),
        at_op.iterator_types,
        [value.type],
    )
    op.location = at_op.location
    assert at_op.parent is not None
    at_op.parent.insert_op_before(op, at_op)
    return op


def _element(value: SSAValue) -> Attribute:
    assert isinstance(value.type, TensorType)
    element: Attribute = value.type.get_element_type()
    return element
