"""Carries a module through the levels, running the reference interpreter at each."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation

from cedr.dialects.cedr import GridOp, PlanAttr
from cedr.dialects.interpreter.cedr import enumerate_tasks, run_tasks
from cedr.dialects.interpreter.run import interpret
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.passes.bufferize import BufferizePass
from cedr.passes.convert_linalg_to_cedr import ConvertLinalgToCedrPass
from cedr.passes.structured import Nest, default_api

Array = NDArray[Any]


def parse(text: str) -> ModuleOp:
    """A verified module from text."""
    parsed = parse_ir(make_context(), text, "test.mlir")
    parsed.verify()
    return parsed.module


def main_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.walk() if isinstance(op, func.FuncOp))


def grids(module: ModuleOp) -> dict[str, GridOp]:
    return {op.sym_name.data: op for op in module.walk() if isinstance(op, GridOp)}


def convert(module: ModuleOp, weights: WeightStore | None = None) -> ModuleOp:
    """To grids on tensors, in place; verified, and the same after a trip through its text."""
    ConvertLinalgToCedrPass().apply(make_context(weights), module)
    module.verify()
    return _round_trip(module)


def bufferize(module: ModuleOp) -> ModuleOp:
    """To grids on buffers, in place; verified, and the same after a trip through its text."""
    BufferizePass().apply(make_context(), module)
    module.verify()
    return _round_trip(module)


def _round_trip(module: ModuleOp) -> ModuleOp:
    again = parse(str(module))
    assert str(again) == str(module)
    return again


def values_by_level(
    module: ModuleOp, inputs: Sequence[Array], weights: Mapping[str, Array] | None = None
) -> dict[str, list[Array]]:
    """The results of `@main` at level 1, 2 and 3, and task by task at level 3."""
    store = WeightStore(dict(weights or {}))
    found = {"linalg": interpret(module, inputs, store)}
    module = convert(module, store)
    found["tensors"] = interpret(module, inputs, store)
    module = bufferize(module)
    found["buffers"] = interpret(module, inputs, store)
    function = main_of(module)
    found["tasks"] = run_tasks(function, inputs, store, list(enumerate_tasks(function)))
    return found


def assert_levels_agree(found: Mapping[str, Sequence[Array]], tolerance: float = 2e-6) -> None:
    """Every level's results equal the first one's, up to the order of sums."""
    want = found["linalg"]
    for level, results in found.items():
        assert len(results) == len(want), level
        for got, expected in zip(results, want, strict=True):
            assert got.shape == expected.shape and got.dtype == expected.dtype, level
            if got.dtype.kind in "fc":
                size = float(np.abs(expected[np.isfinite(expected)]).max(initial=1e-30))
                np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * size, err_msg=level)
            else:
                np.testing.assert_array_equal(got, expected, err_msg=level)


def plan_at_random(module: ModuleOp, seed: int, cut: float = 0.5) -> None:
    """A plan on every layer op: its own call or a kernel, tile sizes that often leave remainders, epilogues."""
    rng = random.Random(seed)
    for op in module.walk():
        if not isinstance(op, LinalgStructuredOperation) or isinstance(op, linalg_ops.FillOp):
            continue
        nest = Nest.of(op)
        tiles: list[int] = []
        reduction_cut = False
        for extent, reduction in zip(nest.extents, nest.reduction, strict=True):
            may_cut = extent > 1 and not (reduction and reduction_cut)
            size = rng.randint(1, extent - 1) if may_cut and rng.random() < cut else 0
            reduction_cut |= reduction and size > 0
            tiles.append(size)
        if isinstance(op, linalg_ops.GenericOp) and not any(nest.reduction) and rng.random() < 0.8:
            op.attributes["cedr.plan"] = PlanAttr("epilogue")
        else:
            api = default_api(op) if rng.random() < 0.8 else "kernel"
            op.attributes["cedr.plan"] = PlanAttr(api, tiles, {"slots": rng.randint(1, 5)})
