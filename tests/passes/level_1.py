"""What the tests of the passes on linalg share: modules, and that a pass keeps their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation

from cedr.dialects.interpreter.run import interpret
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.passes.specification import make_passes

Array = NDArray[Any]


def parse(text: str) -> ModuleOp:
    """A verified module from text."""
    parsed = parse_ir(make_context(), text, "test.mlir")
    parsed.verify()
    return parsed.module


def imported(model: nn.Module, *inputs: Tensor) -> tuple[ModuleOp, WeightStore, list[Array]]:
    """A model as IR with its weights, and its inputs as arrays."""
    found = import_program(export_model(model.eval(), tuple(inputs)), "model")
    return found.module, WeightStore(dict(found.weights)), [x.numpy() for x in inputs]


def run(pipeline: str, module: ModuleOp, weights: WeightStore | None = None) -> ModuleOp:
    """Passes, in place, each followed by a verification, and a trip through the text at the end."""
    context = make_context(weights)
    for one in make_passes(pipeline):
        one.apply(context, module)
        module.verify()
    again = parse(str(module))
    assert str(again) == str(module)
    return module


def assert_keeps_values(
    pipeline: str,
    module: ModuleOp,
    inputs: Sequence[Array],
    weights: WeightStore | None = None,
    tolerance: float = 0.0,
) -> ModuleOp:
    """Runs passes and compares the results with those before: within `tolerance` of the largest magnitude."""
    weights = WeightStore() if weights is None else weights
    before = interpret(module, inputs, weights)
    after = interpret(run(pipeline, module, weights), inputs, weights)
    assert len(before) == len(after)
    for want, got in zip(before, after, strict=True):
        assert (want.dtype, want.shape) == (got.dtype, got.shape)
        if tolerance and want.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * float(np.abs(want).max(initial=1e-30)))
        else:
            np.testing.assert_array_equal(got, want)
    return module


def count(module: ModuleOp) -> Mapping[str, int]:
    """How many ops of each name the module's functions hold, those in regions of linalg ops apart."""
    found: dict[str, int] = {}
    for op in module.walk():
        if not isinstance(op.parent_op(), LinalgStructuredOperation):
            found[op.name] = found.get(op.name, 0) + 1
    return found
