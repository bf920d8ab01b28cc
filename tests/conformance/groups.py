"""Groups of modules of ours by name: each counts as an op."""

from __future__ import annotations

import torch
from torch import nn

from tests.conformance import modules, programs, small
from tests.conformance.cases import Case

GROUPS = {
    f"modules-{entries.__name__}": entries
    for entries in (
        modules.elementwise,
        modules.activations,
        modules.reductions,
        modules.shapes,
        modules.layers,
        modules.empty,
        small.promotion,
        small.folds,
        small.moves,
        small.windows,
        programs.programs,
    )
}


def module_cases(group: str) -> list[Case]:
    """Those of a group, with seeded parameters."""
    torch.manual_seed(0)
    cases = []
    for name, function, inputs in GROUPS[group]():
        if isinstance(function, nn.Module):
            function.eval().requires_grad_(False)
        cases.append(Case.of(f"{group}.{name}", group, "f32", function, inputs, {}))
    return cases
