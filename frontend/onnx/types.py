"""Types of ONNX in PyTorch: element types by their numbers in `onnx.TensorProto.DataType`."""

import numpy as np
import torch

from cedr.frontend.aten.registry import Unsupported

_DTYPES: dict[int, tuple[str, torch.dtype]] = {
    1: ("FLOAT", torch.float32),
    2: ("UINT8", torch.uint8),
    3: ("INT8", torch.int8),
    4: ("UINT16", torch.uint16),
    5: ("INT16", torch.int16),
    6: ("INT32", torch.int32),
    7: ("INT64", torch.int64),
    9: ("BOOL", torch.bool),
    10: ("FLOAT16", torch.float16),
    11: ("DOUBLE", torch.float64),
    12: ("UINT32", torch.uint32),
    13: ("UINT64", torch.uint64),
    14: ("COMPLEX64", torch.complex64),
    15: ("COMPLEX128", torch.complex128),
    16: ("BFLOAT16", torch.bfloat16),
}


def torch_dtype_of(number: int) -> torch.dtype:
    """The dtype of an ONNX element type. Raises Unsupported where PyTorch has none of the kind."""
    if number not in _DTYPES:
        names = ", ".join(name for name, _ in _DTYPES.values())
        raise Unsupported(f"element type {number}, which is none of {names}")
    return _DTYPES[number][1]


def to_tensor(array: np.ndarray) -> torch.Tensor:
    """An array as a tensor that shares its memory where it can; bf16 as `ml_dtypes` has it too.

    Raises Unsupported for elements that PyTorch has no dtype for.
    """
    array = np.ascontiguousarray(array) if array.ndim else array
    writable = array if array.flags.writeable else array.copy()
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(writable.view(np.uint16)).view(torch.bfloat16)
    try:
        return torch.from_numpy(writable)
    except TypeError as error:
        raise Unsupported(f"elements of type {array.dtype}, which PyTorch does not have") from error
