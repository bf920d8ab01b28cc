"""The ops that xDSL lacks and the effects of all linalg ops."""

from collections.abc import Sequence

import pytest
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntElementsAttr, MemRefType, TensorType, f32, i32, i64
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.test import TestOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.traits import MemoryEffectKind, get_effects, is_side_effect_free
from xdsl.utils.exceptions import VerifyException

from cedr.dialects.linalg_extensions import (
    BatchMatmulOp,
    Conv1DNcwFcwOp,
    Linalg,
    PoolingNchwSumOp,
    PoolingNcwMaxOp,
    PoolingNcwSumOp,
)


def values(*types: Attribute) -> Sequence[SSAValue]:
    return TestOp(result_types=types).results


def tensor(*shape: int, element: Attribute = f32) -> TensorType[Attribute]:
    return TensorType(element, shape)


def memref(*shape: int) -> MemRefType[Attribute]:
    return MemRefType(f32, shape)


def vector(*numbers: int) -> DenseIntElementsAttr:
    return DenseIntElementsAttr.from_list(TensorType(i64, (len(numbers),)), list(numbers))


def conv(x: Attribute, w: Attribute, y: Attribute, stride: int = 1, dilation: int = 1) -> Conv1DNcwFcwOp:
    a, b, c = values(x, w, y)
    results = [[y] if isinstance(y, TensorType) else []]
    return Conv1DNcwFcwOp((a, b), (c,), results, strides=vector(stride), dilations=vector(dilation))  # type: ignore[arg-type]  # a variadic result takes a list


def test_conv_1d_reads_strided_and_dilated() -> None:
    op = conv(tensor(1, 3, 17), tensor(4, 3, 5), tensor(1, 4, 5), stride=2, dilation=2)
    op.verify()
    assert op.get_static_loop_ranges() == (1, 4, 5, 3, 5)
    assert op.get_default_indexing_maps()[0].eval([0, 1, 4, 2, 3], []) == (0, 2, 14)
    kinds = [str(kind.data) for kind in op.get_iterator_types()]
    assert kinds == ["parallel", "parallel", "parallel", "reduction", "reduction"]


def test_conv_1d_refuses_a_window_that_leaves_the_input() -> None:
    with pytest.raises(VerifyException, match="greater than or equal to 18, but found 17"):
        conv(tensor(1, 3, 17), tensor(4, 3, 4), tensor(1, 4, 15)).verify()


def test_conv_1d_refuses_another_rank() -> None:
    with pytest.raises(VerifyException, match=r"expects operand #0 of rank 3, got tensor<1x3x17x1xf32>"):
        conv(tensor(1, 3, 17, 1), tensor(4, 3, 4), tensor(1, 4, 14)).verify()


@pytest.mark.parametrize(
    ("kind", "element", "body"),
    [
        (PoolingNcwMaxOp, f32, arith.MaximumfOp),
        (PoolingNcwMaxOp, i32, arith.MaxSIOp),
        (PoolingNcwSumOp, f32, arith.AddfOp),
        (PoolingNcwSumOp, i32, arith.AddiOp),
    ],
)
def test_pooling_folds_the_input_into_the_output(
    kind: type[PoolingNcwMaxOp] | type[PoolingNcwSumOp], element: Attribute, body: type[Operation]
) -> None:
    y = tensor(2, 3, 4, element=element)
    a, b, c = values(tensor(2, 3, 16, element=element), tensor(4, element=element), y)
    op = kind((a, b), (c,), [[y]], strides=vector(4), dilations=vector(1))  # type: ignore[list-item]  # a variadic result takes a list
    op.verify()
    fold = op.body.block.first_op
    assert isinstance(fold, body)
    assert set(fold.operands) == {op.body.block.args[0], op.body.block.args[2]}


def test_upstream_max_pooling_folds_the_input_into_the_output_too() -> None:
    y = tensor(1, 1, 2, 2)
    a, b, c = values(tensor(1, 1, 4, 4), tensor(2, 2), y)
    op = linalg_ops.PoolingNchwMaxOp((a, b), (c,), [[y]], strides=vector(2, 2), dilations=vector(1, 1))  # type: ignore[list-item]  # a variadic result takes a list
    fold = op.body.block.first_op
    assert fold is not None
    assert set(fold.operands) == {op.body.block.args[0], op.body.block.args[2]}


def test_sum_pooling_in_two_dims() -> None:
    y = tensor(2, 3, 3, 4)
    a, b, c = values(tensor(2, 3, 9, 8), tensor(3, 2), y)
    op = PoolingNchwSumOp((a, b), (c,), [[y]], strides=vector(3, 2), dilations=vector(1, 1))  # type: ignore[list-item]  # a variadic result takes a list
    op.verify()
    assert op.get_static_loop_ranges() == (2, 3, 3, 4, 3, 2)


def test_batch_matmul() -> None:
    a, b, c = values(tensor(2, 3, 4), tensor(2, 4, 5), tensor(2, 3, 5))
    op = BatchMatmulOp((a, b), (c,))
    op.verify()
    assert op.get_static_loop_ranges() == (2, 3, 5, 4)


def test_named_ops_refuse_another_number_of_operands() -> None:
    a, c = values(tensor(2, 3, 3), tensor(2, 3, 3))
    with pytest.raises(VerifyException, match="'linalg.batch_matmul' expects 2 inputs and 1 output, got 1 and 1"):
        BatchMatmulOp.build(
            operands=[[a], [c]], result_types=[[c.type]], regions=[BatchMatmulOp.get_hidden_region((a, a), (c,))]
        ).verify()


def test_ops_on_memrefs_refuse_results() -> None:
    a, b, c = values(memref(2, 3, 4), memref(2, 4, 5), memref(2, 3, 5))
    with pytest.raises(VerifyException, match="'linalg.batch_matmul' on memrefs has no result"):
        BatchMatmulOp.build(
            operands=[[a, b], [c]],
            result_types=[[tensor(2, 3, 5)]],
            regions=[BatchMatmulOp.get_hidden_region((a, b), (c,))],
        ).verify()


def effects(op: Operation) -> set[tuple[MemoryEffectKind, int]]:
    """(kind, operand index) of each effect."""
    found = get_effects(op)
    assert found is not None
    operands = list(op.operands)
    return {(effect.kind, next(i for i, o in enumerate(operands) if o is effect.value)) for effect in found}


def test_ops_on_tensors_have_no_effects() -> None:
    assert is_side_effect_free(conv(tensor(1, 3, 17), tensor(4, 3, 4), tensor(1, 4, 14)))


def test_accumulating_ops_on_memrefs_read_and_write_their_output() -> None:
    read, write = MemoryEffectKind.READ, MemoryEffectKind.WRITE
    op = conv(memref(1, 3, 17), memref(4, 3, 4), memref(1, 4, 14))
    assert effects(op) == {(read, 0), (read, 1), (read, 2), (write, 2)}


def test_a_fill_of_a_memref_only_writes() -> None:
    number = arith.ConstantOp.from_int_and_width(0, 32)
    (target,) = values(MemRefType(i32, (4,)))
    fill = linalg_ops.FillOp((number.result,), (target,), [[]])  # type: ignore[list-item]  # a variadic result takes a list
    assert effects(fill) == {(MemoryEffectKind.WRITE, 1)}


def test_every_op_of_the_dialect_says_its_effects() -> None:
    silent = [op.name for op in Linalg.operations if op is not linalg_ops.YieldOp and not has_effects_trait(op)]
    assert silent == []


def has_effects_trait(op: type[Operation]) -> bool:
    return any(hasattr(trait, "get_effects") for trait in op.traits)
