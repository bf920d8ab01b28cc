"""`fold-transposes`: a product with a transposed matrix reads the matrix as it stands."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, ModuleOp
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cedr.passes.constants import erase_unused


@dataclass(frozen=True)
class FoldTransposesPass(ModulePass):
    """Folds a transpose that feeds a `linalg.matmul` into the product's indexing maps.

    Before:

    ```
    %t = linalg.transpose ins(%w : tensor<10x128xf32>) outs(%e : tensor<128x10xf32>) permutation = [1, 0]
    %y = linalg.matmul ins(%x, %t : tensor<1x128xf32>, tensor<128x10xf32>) outs(%zero : ...)
    ```

    After:

    ```
    %y = linalg.matmul indexing_maps = [(m, n, k) -> (m, k), (m, n, k) -> (n, k), (m, n, k) -> (m, n)]
        ins(%x, %w : tensor<1x128xf32>, tensor<10x128xf32>) outs(%zero : ...)
    ```

    A linear layer's weight is stored [out, in] and stays so: nothing is packed or copied, and `cedr.gemm transpose_b`
    reads it row by row. Only the second operand is folded, which is where `cedr.gemm` can be transposed.
    """

    name = "fold-transposes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for product in [o for o in op.walk() if isinstance(o, linalg_ops.MatmulOp)]:
            while (transpose := _transpose(product.inputs[1])) is not None:
                a, b, c = product.get_indexing_maps().data
                row, column = b.data.results
                product.indexing_maps = ArrayAttr([a, AffineMapAttr(AffineMap(b.data.num_dims, 0, (column, row))), c])
                product.operands[1] = transpose.inputs[0]
                destinations = [v.owner for v in transpose.outputs if not isinstance(v.owner, Block)]
                erase_unused([*destinations, transpose])


def _transpose(value: SSAValue) -> linalg_ops.TransposeOp | None:
    """The op that gives a value, if it transposes a matrix."""
    op = value.owner
    swaps = isinstance(op, linalg_ops.TransposeOp) and tuple(op.permutation.get_values()) == (1, 0)
    return op if isinstance(op, linalg_ops.TransposeOp) and swaps else None
