"""The nearest forms of scans, shifts and partial writes that are refused."""

import pytest
import torch
from xdsl.ir import Block
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.interpreter.run import interpret
from cedr.frontend.aten.indexing import as_strided_scatter
from cedr.frontend.aten.registry import Unsupported, supported_ops
from cedr.frontend.aten.shape import slice_scatter
from cedr.frontend.builder import Builder, tensor_type
from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.export import ExportError, export_model
from cedr.frontend.importer import import_program
from cedr.frontend.types import scalar_type, to_numpy
from tests.frontend.cases import Forward, Program, floats


def test_a_scan_as_booleans_is_refused() -> None:
    module = Program(lambda x: (x > 0).cumsum(0, dtype=torch.bool))
    with pytest.raises(UnsupportedOpsError, match="a cumulative sum or product as booleans; leave dtype out"):
        import_program(export_model(module, (floats(4),)), "model")


def test_bits_as_unsigned_integers_are_refused() -> None:
    module = Program(lambda x: x.view(torch.uint8).view(torch.float32))
    with pytest.raises(UnsupportedOpsError, match=r"aten.view.dtype .*: dtype uint8 can't be converted"):
        import_program(export_model(module, (floats(4),)), "model")


@pytest.mark.parametrize("forward", [lambda x: x << 2, lambda x: x >> 2], ids=["left", "right"])
def test_a_shift_of_floats_is_refused_by_pytorch(forward: Forward) -> None:
    with pytest.raises(ExportError, match="integral dtype"):
        export_model(Program(forward), (floats(4),))


@pytest.mark.parametrize(
    ("forward", "inputs", "index"),
    [
        (lambda x, i, y: x.index_put((i,), y), (floats(3, 2), torch.tensor([0, 3]), floats(2, 2)), 3),
        (lambda x, i, y: x.scatter(1, i, y), (floats(3, 2), torch.tensor([[0, -1]]), floats(3, 2)), -1),
        (lambda x, i, y: x.index_put((i,), y), (floats(3), torch.tensor([True, False, False]), floats(2)), -1),
        (lambda x, i: x.repeat_interleave(i, output_size=5), (floats(2), torch.tensor([3, 1])), -1),
    ],
    ids=["index_put", "scatter", "index_put at a mask", "repeat_interleave"],
)
def test_a_write_outside_of_the_tensor_ends_with_a_message(
    forward: Forward, inputs: tuple[torch.Tensor, ...], index: int
) -> None:
    model = import_program(export_model(Program(forward), inputs), "model")
    with pytest.raises(InterpretationError, match=f"index {index} is out of range for dimension 0"):
        interpret(model.module, [to_numpy(x) for x in inputs], model.weights)


def test_a_source_of_another_size_than_the_slice_is_refused() -> None:
    f32 = scalar_type(torch.float32)
    builder = Builder(block := Block(arg_types=[tensor_type((3, 8), f32), tensor_type((3, 1), f32)]))
    x, source = block.args
    with pytest.raises(Unsupported, match=r"sets 4 of 8 indices along dim 1 of shape \[3, 8\] from shape \[3, 1\]"):
        slice_scatter(builder, x, source, 1, 0, 4, 1)


def test_memory_that_is_set_twice_is_refused() -> None:
    f32 = scalar_type(torch.float32)
    builder = Builder(block := Block(arg_types=[tensor_type((9,), f32), tensor_type((2, 3), f32)]))
    builder.dense_order = lambda: (0,)
    x, source = block.args
    with pytest.raises(Unsupported, match="sets an element of the tensor's memory more than once"):
        as_strided_scatter(builder, x, source, (2, 3), (2, 1), 0)
    with pytest.raises(Unsupported, match="touches memory that is not the tensor's own"):
        as_strided_scatter(builder, x, source, (2, 3), (5, 1), 2)


LEFT_OUT = {
    "training": "_adaptive_avg_pool2d_backward avg_pool2d_backward convolution_backward embedding_dense_backward"
    " max_pool2d_with_indices_backward native_group_norm_backward native_layer_norm_backward _native_batch_norm_legit",
    "random numbers": "native_dropout rand randn randperm",
    "sizes that depend on data": "_local_scalar_dense nonzero sym_is_contiguous sym_numel sym_size"
    " sym_storage_offset sym_stride",
    "complex numbers": "_fft_c2r _fft_r2c",
    "taken apart by PyTorch before": "adaptive_avg_pool1d col2im grid_sampler_2d reflection_pad1d reflection_pad2d reflection_pad3d"
    " replication_pad2d replication_pad3d select_scatter var",
    "memory of a given layout, or an argument that is written": "atan2 empty_strided resize_",
}


def _parted(name: str) -> tuple[str, str, str]:
    return name.partition(".")


def test_every_core_op_has_a_converter_or_a_reason_why_not() -> None:
    names = [name.removeprefix("aten::") for name in torch._C._dispatch_get_all_op_names() if name.startswith("aten::")]
    overloads = [getattr(getattr(torch.ops.aten, name), rest or "default") for name, _, rest in map(_parted, names)]
    core = [overload for overload in overloads if torch.Tag.core in overload.tags]
    supported = supported_ops()
    missing = {op._schema.name.removeprefix("aten::") for op in core if str(op) not in supported}
    assert missing <= {name for names in LEFT_OUT.values() for name in names.split()}
