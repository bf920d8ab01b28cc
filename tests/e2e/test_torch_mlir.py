"""Modules and models through torch-mlir's linalg-on-tensors text, in both forms, against PyTorch.

Runs where torch-mlir is installed beside the project (pip install torch-mlir).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cedr.dialects.diagnostics import IRError
from cedr.dialects.interpreter.run import interpret
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.passes.pipelines import pipeline_passes
from cedr.tools.cli import main
from tests.e2e.linalg_modules import FUNCTIONS, MODELS, build

fx = pytest.importorskip("torch_mlir.fx", reason="torch-mlir is not installed: pip install torch-mlir")
pytestmark = pytest.mark.slow

TM_TENSOR = ("cumsum",)
"""Become torch-mlir's own ops."""
INEXACT = {"gelu_tanh": 1e-3}
"""torch-mlir writes 0.797724 for sqrt(2 / pi), which is 0.797885."""


def exported(name: str) -> tuple[Any, list[NDArray[Any]], list[NDArray[Any]]]:
    """torch-mlir's module, the inputs, and what PyTorch gives for them."""
    module, inputs = build(name)
    with torch.no_grad():
        result = module(*inputs)
    outputs = list(result) if isinstance(result, tuple | list) else [result]
    text = fx.export_and_import(module, *inputs, output_type="linalg-on-tensors", func_name="forward")
    return text, [x.detach().numpy() for x in inputs], [y.detach().numpy() for y in outputs]


def check(name: str, got: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> None:
    tolerance = INEXACT.get(name, 2e-4)
    for value, reference in zip(got, wanted, strict=True):
        assert value.dtype == reference.dtype and value.shape == reference.shape
        np.testing.assert_allclose(value, reference, rtol=tolerance, atol=2e-5)


@pytest.mark.parametrize("name", [*(name for name in FUNCTIONS if name not in TM_TENSOR), *MODELS])
def test_every_level(name: str) -> None:
    module, inputs, wanted = exported(name)
    texts = [module.operation.get_asm(), module.operation.get_asm(print_generic_op_form=True)]
    for text in texts:
        context = make_context(WeightStore())
        parsed = parse_ir(context, text, f"{name}.mlir")
        parsed.verify()
        assert context.weights is not None
        for one in pipeline_passes("default"):
            one.apply(context, parsed.module)
            if one.name in ("import-linalg", "add-dependencies"):
                parsed.verify(f"after '{one.name}': ")
                check(name, interpret(parsed.module, inputs, context.weights), wanted)


@pytest.mark.parametrize("name", TM_TENSOR)
def test_own_ops_of_torch_mlir_are_refused_at_their_place(name: str) -> None:
    module, _, _ = exported(name)
    with pytest.raises(IRError, match=r"x.mlir:\d+:\d+: error: no op 'tm_tensor.scan'; torch-mlir's own ops"):
        parse_ir(make_context(), str(module), "x.mlir")


@pytest.mark.parametrize("emit", ["c", "python"])
@pytest.mark.parametrize("name", MODELS)
def test_compiled_models(name: str, emit: str, tmp_path: Path) -> None:
    module, inputs, wanted = exported(name)
    (tmp_path / "x.mlir").write_text(str(module))
    np.save(tmp_path / "in.npy", inputs[0])
    files = [tmp_path / f"out{i}.npy" for i in range(len(wanted))]
    options = [part for i, file in enumerate(files) for part in ("--output", f"output{i}={file}")]
    command = ["run", str(tmp_path / "x.mlir"), "--emit", emit, "--input", f"arg0={tmp_path / 'in.npy'}", *options]
    assert main(command) == 0
    check(name, [np.load(file) for file in files], wanted)
