"""Converters of ATen ops to linalg on tensors; importing this package fills the table."""

from cedr.frontend.aten import (
    complex_numbers,
    constants,
    convolution,
    elementwise,
    fourier,
    identity,
    indexing,
    linear,
    normalization,
    pooling,
    recurrent,
    reduction,
    scans,
    shape,
    sorting,
    upsample,
)

__all__ = [
    "complex_numbers",
    "constants",
    "convolution",
    "elementwise",
    "fourier",
    "identity",
    "indexing",
    "linear",
    "normalization",
    "pooling",
    "recurrent",
    "reduction",
    "scans",
    "shape",
    "sorting",
    "upsample",
]
