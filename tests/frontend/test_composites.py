"""What is one op in PyTorch stays a few structured ops."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Operation

from cedr.dialects.linalg_extensions import BatchMatmulOp
from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from tests.frontend.cases import Forward, Program, floats


def ops_of(forward: Forward, *inputs: torch.Tensor) -> list[Operation]:
    """The ops of a function that read or write a tensor's elements, fills aside."""
    module = import_program(export_model(Program(forward), inputs), "model").module
    module.verify()
    ops = [op for op in module.walk() if isinstance(op, LinalgStructuredOperation)]
    return [op for op in ops if not isinstance(op, linalg_ops.FillOp)]


def names_of(ops: list[Operation]) -> Counter[str]:
    return Counter(op.name.removeprefix("linalg.") for op in ops)


@pytest.mark.parametrize(
    ("forward", "inputs", "generics"),
    [
        (F.scaled_dot_product_attention, (floats(1, 2, 3, 4), floats(1, 2, 5, 4), floats(1, 2, 5, 4)), 4),
        (
            F.scaled_dot_product_attention,
            (floats(2, 2, 3, 4), floats(2, 2, 5, 4), floats(2, 2, 5, 4), floats(2, 1, 1, 5)),
            5,
        ),
        (lambda q, k: F.scaled_dot_product_attention(q, k, k, is_causal=True), (floats(2, 3, 4), floats(2, 3, 4)), 6),
        (
            lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True),
            (floats(2, 8, 3, 4), floats(2, 2, 5, 4)),
            4,
        ),
    ],
    ids=["plain", "masked", "causal", "grouped"],
)
def test_attention_is_two_products_and_a_softmax(
    forward: Forward, inputs: tuple[torch.Tensor, ...], generics: int
) -> None:
    """Maxima, exponentials, sums, quotients; a mask is one generic more, the causal one another that makes it."""
    assert names_of(ops_of(forward, *inputs)) == {"batch_matmul": 2, "transpose": 1, "generic": generics}


def test_queries_of_one_group_are_rows_of_one_product() -> None:
    ops = ops_of(
        lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True), floats(2, 8, 3, 4), floats(2, 2, 5, 4)
    )
    first = next(op for op in ops if isinstance(op, BatchMatmulOp))
    assert [str(value.type) for value in first.inputs] == ["tensor<4x12x4xf32>", "tensor<4x4x5xf32>"]


def test_keys_by_head_are_transposed_once() -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        heads = x.view(1, 5, 2, 4).transpose(1, 2)
        return F.scaled_dot_product_attention(heads, heads, heads)

    turned = [op for op in ops_of(forward, floats(1, 5, 8)) if isinstance(op, linalg_ops.TransposeOp)]
    assert [list(op.permutation.get_values()) for op in turned] == [[0, 2, 1, 3], [0, 2, 3, 1]]


def test_attention_that_drops_out_is_refused() -> None:
    program = export_model(
        Program(lambda q: F.scaled_dot_product_attention(q, q, q, dropout_p=0.5)), (floats(2, 3, 4),)
    )
    with pytest.raises(
        UnsupportedOpsError, match="scaled_dot_product_attention.*drops out at random; pass dropout_p=0.0"
    ):
        import_program(program, "model")


def test_a_short_time_transform_is_frames_a_transform_and_a_transposition() -> None:
    window = torch.hann_window(16)
    ops = ops_of(lambda x: torch.stft(x, 16, 4, window=window, center=False, return_complex=True), floats(2, 64))
    assert names_of(ops) == {"generic": 1, "fft": 1, "transpose": 1}


@pytest.mark.parametrize("hop", [8, 1])
def test_frames_are_joined_by_one_sum_whatever_their_number(hop: int) -> None:
    """Mirrored half, real parts, window, sum; for the envelope the window's square, its copies and their sum; quotient."""

    def forward(z: torch.Tensor) -> torch.Tensor:
        return torch.istft(z, 16, hop, window=torch.ones(16))

    ops = ops_of(forward, torch.complex(floats(9, 5), floats(9, 5, seed=1)))
    assert names_of(ops) == {"generic": 8, "ifft": 1, "transpose": 1}
