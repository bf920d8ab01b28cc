"""Converters of ATen ops to linalg on tensors; importing this package fills the table."""

from cedr.frontend.aten import (
    constants,
    convolution,
    elementwise,
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
    "constants",
    "convolution",
    "elementwise",
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
