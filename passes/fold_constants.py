"""`fold-constants`: what can be computed from weights and constants alone is computed now."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from cedr.dialects.cedr import WeightOp
from cedr.dialects.weights import WeightsError, weights_of
from cedr.passes.constants import Evaluator, erase_unused, is_source, known_values, name_hint, size_bytes
from cedr.passes.errors import at


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Replaces tensors that depend on weights and constants only by new weights.

    Before:

    ```
    %w = cedr.weight @fc.weight : tensor<10x128xf32>
    %t = linalg.transpose ins(%w : tensor<10x128xf32>) outs(%e : tensor<128x10xf32>) permutation = [1, 0]
    %y = linalg.matmul ins(%x, %t : ...) outs(%zero : ...)
    ```

    After, the contents beside the IR under a name made from them:

    ```
    %t = cedr.weight @fc.weight.3f2a90c1d7be : tensor<128x10xf32>
    %y = linalg.matmul ins(%x, %t : ...) outs(%zero : ...)
    ```

    Of a chain only its end is kept: what something that is not constant uses. The end is folded if its bytes are at most
    those of the weights and dense constants that it is made of plus `growth-bytes`, so that no broadcast, padding or
    repetition of a weight makes the weights grow without bound; else it stays as it is and the value before it is
    the end. Splats stay splats. Raises WeightsError where something is to be folded and the weights' bytes were not given.
    """

    name = "fold-constants"

    growth_bytes: int = 4096

    def __post_init__(self) -> None:
        if self.growth_bytes < 0:
            raise WeightsError(f"{self.name}: growth-bytes is 0 or more, got {self.growth_bytes}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [o for o in op.walk() if isinstance(o, func.FuncOp) and not o.is_declaration]:
            self._fold(ctx, op, function.body.block)

    def _fold(self, ctx: Context, module: ModuleOp, block: Block) -> None:
        known = known_values(block)
        ends = self._ends(block, known)
        if not ends:
            return
        try:
            weights = weights_of(ctx, self.name)
        except WeightsError as error:
            owners = [v.owner for v in ends if isinstance(v.owner, Operation)]
            lines = [f"  {at(owner, 'is constant')}" for owner in owners[:5]]
            more = [f"  and {len(owners) - 5} more"] if len(owners) > 5 else []
            raise WeightsError("\n".join([f"{error}; to be folded:", *lines, *more])) from error
        evaluator = Evaluator(module, weights)
        for value in ends:
            owner = value.owner
            assert isinstance(owner, Operation) and isinstance(value.type, TensorType)
            hint = name_hint(known[value], value.name_hint or "constant")
            weight = WeightOp(weights.add(evaluator.value(value), hint), value.type)
            weight.location = owner.location
            weight.result.name_hint = value.name_hint
            block.insert_op_before(weight, owner)
            value.replace_all_uses_with(weight.result)
        erase_unused([o for o in block.ops if o.results and all(r in known or _is_part(r) for r in o.results)])

    def _ends(self, block: Block, known: dict[SSAValue, frozenset[SSAValue]]) -> list[SSAValue]:
        """What is to be folded, in program order."""
        needed: set[SSAValue] = set()
        ends: list[SSAValue] = []
        for op in reversed(list(block.ops)):
            folds = [v for v in op.results if v in needed and not is_source(v) and self._fits(v, known[v])]
            ends += reversed(folds)
            stays = [v for v in op.results if v not in known or (v in needed and v not in folds)]
            if stays or not op.results:
                needed.update(v for v in _used_by(op) if v in known)
        return ends[::-1]

    def _fits(self, value: SSAValue, sources: frozenset[SSAValue]) -> bool:
        return size_bytes(value) <= sum(map(size_bytes, sources)) + self.growth_bytes


def _used_by(op: Operation) -> list[SSAValue]:
    return [value for inner in op.walk() for value in inner.operands]


def _is_part(value: SSAValue) -> bool:
    """Whether a value may be what is left of something that was folded."""
    return isinstance(value.owner, arith.ConstantOp | tensor.EmptyOp | linalg_ops.FillOp | WeightOp)
