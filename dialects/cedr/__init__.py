"""The cedr dialect: accelerator API calls on tiles, grids of them, buffers and events.

Levels: grids on tensors (destination-passing, value semantics), the same grids on buffers, the same with `after`.
"""

from xdsl.ir import Dialect

from cedr.dialects.cedr.affine import Affine, affine_map, affine_results, linear_index, shared_dims
from cedr.dialects.cedr.attrs import DependencyAttr, LagAttr, PlanAttr, PlatformAttr, TileType, WindowAttr
from cedr.dialects.cedr.calls import (
    CALLS,
    CallOp,
    Conv1dOp,
    Conv2dOp,
    ConvolutionOp,
    FftOp,
    GemmOp,
    IndexOp,
    KernelOp,
    LoadOp,
    YieldOp,
    ZipOp,
    element_type_of,
    shape_of,
)
from cedr.dialects.cedr.grid import PARALLEL, REDUCTION, SEQUENTIAL, GridOp
from cedr.dialects.cedr.memory import AllocOp, JoinOp, ViewOp, WaitOp, WeightOp, weight_names

Cedr = Dialect(
    "cedr",
    [*CALLS, IndexOp, LoadOp, YieldOp, GridOp, WeightOp, AllocOp, ViewOp, JoinOp, WaitOp],
    [TileType, PlanAttr, PlatformAttr, WindowAttr, DependencyAttr, LagAttr],
)

__all__ = [
    "CALLS",
    "PARALLEL",
    "REDUCTION",
    "SEQUENTIAL",
    "Affine",
    "AllocOp",
    "CallOp",
    "Cedr",
    "Conv1dOp",
    "Conv2dOp",
    "ConvolutionOp",
    "DependencyAttr",
    "FftOp",
    "GemmOp",
    "GridOp",
    "IndexOp",
    "JoinOp",
    "KernelOp",
    "LagAttr",
    "LoadOp",
    "PlanAttr",
    "PlatformAttr",
    "TileType",
    "ViewOp",
    "WaitOp",
    "WeightOp",
    "WindowAttr",
    "YieldOp",
    "ZipOp",
    "affine_map",
    "affine_results",
    "element_type_of",
    "linear_index",
    "shape_of",
    "shared_dims",
    "weight_names",
]
