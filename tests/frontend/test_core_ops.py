"""The nearest forms of scans, shifts and partial writes that are refused."""

import pytest
import torch
from xdsl.ir import Block

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.aten.shape import slice_scatter
from cedr.frontend.builder import Builder, tensor_type
from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.export import ExportError, export_model
from cedr.frontend.importer import import_program
from cedr.frontend.types import scalar_type
from tests.frontend.cases import Forward, Program, floats


def test_a_scan_as_booleans_is_refused() -> None:
    module = Program(lambda x: (x > 0).cumsum(0, dtype=torch.bool))
    with pytest.raises(UnsupportedOpsError, match="a cumulative sum or product as booleans; leave dtype out"):
        import_program(export_model(module, (floats(4),)), "model")


@pytest.mark.parametrize("forward", [lambda x: x << 2, lambda x: x >> 2], ids=["left", "right"])
def test_a_shift_of_floats_is_refused_by_pytorch(forward: Forward) -> None:
    with pytest.raises(ExportError, match="integral dtype"):
        export_model(Program(forward), (floats(4),))


def test_a_source_of_another_size_than_the_slice_is_refused() -> None:
    f32 = scalar_type(torch.float32)
    builder = Builder(block := Block(arg_types=[tensor_type((3, 8), f32), tensor_type((3, 1), f32)]))
    x, source = block.args
    with pytest.raises(Unsupported, match=r"sets 4 of 8 indices along dim 1 of shape \[3, 8\] from shape \[3, 1\]"):
        slice_scatter(builder, x, source, 1, 0, 4, 1)
