"""Each case converted, verified, printed, parsed, evaluated, and compared with PyTorch eager."""

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_flatten
from xdsl.parser import Parser

from cedr.dialects.interpreter.run import interpret
from cedr.frontend.export import export_model
from cedr.frontend.importer import ImportedModel, import_program
from cedr.frontend.types import to_numpy
from tests.frontend.cases import CASES, Case, module_of
from tests.frontend.complex_cases import COMPLEX_CASES
from tests.frontend.core_cases import CORE_CASES
from tests.frontend.text import context, text_of

torch.set_num_threads(1)


@pytest.mark.parametrize("case", (*CASES, *CORE_CASES, *COMPLEX_CASES), ids=lambda case: case.name)
def test_values_are_those_of_pytorch(case: Case) -> None:
    module = module_of(case)
    imported = import_program(export_model(module, case.inputs), "case")
    imported.module.verify()
    text = text_of(imported.module)
    parsed = Parser(context(), text).parse_module()
    parsed.verify()
    assert text_of(parsed) == text

    with torch.no_grad():
        expected = module(*case.inputs)
    got = run(imported, case.inputs)
    expected_leaves, expected_structure = tree_flatten(expected)
    got_leaves, got_structure = tree_flatten(got)
    assert got_structure == expected_structure
    for leaf, wanted in zip(got_leaves, expected_leaves, strict=True):
        assert leaf.dtype == wanted.dtype and leaf.shape == wanted.shape
        assert_close(leaf, wanted, case.tolerance)


def run(imported: ImportedModel, inputs: tuple[torch.Tensor, ...]) -> object:
    """The IR's outputs, in PyTorch's structure."""
    outputs = interpret(imported.module, [to_numpy(x) for x in inputs], imported.weights)
    return imported.rebuild([np.asarray(output) for output in outputs])


def assert_close(got: torch.Tensor, wanted: torch.Tensor, tolerance: float) -> None:
    """Integers and booleans exactly; NaN and infinities in the same places; floats relative to the largest one."""
    if wanted.is_complex():
        assert_close(torch.view_as_real(got), torch.view_as_real(wanted.resolve_conj()), tolerance)
        return
    if not wanted.is_floating_point():
        assert torch.equal(got, wanted)
        return
    got, wanted = got.double(), wanted.double()
    assert torch.equal(got.isnan(), wanted.isnan())
    assert torch.equal(got.isinf() * got.sign(), wanted.isinf() * wanted.sign())
    finite = wanted.isfinite()
    scale = float(wanted[finite].abs().max()) if finite.any() else 1.0
    error = (got - wanted)[finite].abs()
    assert float(error.max()) <= tolerance * (scale or 1.0) if error.numel() else True
