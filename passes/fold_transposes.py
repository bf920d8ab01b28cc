"""`fold-transposes`: a product with a transposed matrix reads the matrix as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, ModuleOp
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cedr.dialects.cedr import shape_of
from cedr.passes.constants import erase_unused, known_values

_BLOCK_COLUMNS: Final = 64  # of libcedr's gemm


@dataclass(frozen=True)
class FoldTransposesPass(ModulePass):
    """Folds a transpose that feeds a `linalg.matmul` into the product's indexing maps.

    Before:

    ```
    %t = linalg.transpose ins(%k : tensor<10x128xf32>) outs(%e : tensor<128x10xf32>) permutation = [1, 0]
    %y = linalg.matmul ins(%q, %t : tensor<8x128xf32>, tensor<128x10xf32>) outs(%zero : ...)
    ```

    After:

    ```
    %y = linalg.matmul indexing_maps = [(m, n, k) -> (m, k), (m, n, k) -> (n, k), (m, n, k) -> (m, n)]
        ins(%q, %k : tensor<8x128xf32>, tensor<10x128xf32>) outs(%zero : ...)
    ```

    `cedr.gemm transpose_b` reads the matrix row by row, in dot products: nothing is copied. Only the second operand is
    folded, which is where `cedr.gemm` can be transposed.

    A matrix of weights and constants alone, as a linear layer's [out, in], could also be transposed once and for all, which
    `fold-constants` does with those that are left to it: where the product has more than one row and at least the 64
    columns that the CPU's kernel holds in registers, that is two to three times as fast. With one row the memory decides,
    with fewer columns the dot products are faster.
    """

    name = "fold-transposes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [o for o in op.walk() if isinstance(o, func.FuncOp) and not o.is_declaration]:
            self._fold(function.body.block)

    def _fold(self, block: Block) -> None:
        known = known_values(block)
        for product in [o for o in block.walk() if isinstance(o, linalg_ops.MatmulOp)]:
            while (transpose := _transpose(product.inputs[1])) is not None:
                if transpose.results[0] in known and _is_fast_packed(product):
                    break
                a, b, c = product.get_indexing_maps().data
                row, column = b.data.results
                product.indexing_maps = ArrayAttr([a, AffineMapAttr(AffineMap(b.data.num_dims, 0, (column, row))), c])
                product.operands[1] = transpose.inputs[0]
                destinations = [v.owner for v in transpose.outputs if not isinstance(v.owner, Block)]
                erase_unused([*destinations, transpose])


def _is_fast_packed(product: linalg_ops.MatmulOp) -> bool:
    """Whether the CPU's kernel takes the product faster with a second operand that is stored [k, n]."""
    rows, columns = shape_of(product.outputs[0])
    return rows != 1 and columns >= _BLOCK_COLUMNS


def _transpose(value: SSAValue) -> linalg_ops.TransposeOp | None:
    """The op that gives a value, if it transposes a matrix."""
    op = value.owner
    swaps = isinstance(op, linalg_ops.TransposeOp) and tuple(op.permutation.get_values()) == (1, 0)
    return op if isinstance(op, linalg_ops.TransposeOp) and swaps else None
