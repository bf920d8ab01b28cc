"""All passes, by the name that a pipeline calls them by; each is imported when it is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from typing import Final

from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes as _upstream_passes

from cedr.target.errors import CedrError

PASSES: Final[dict[str, str]] = {
    "add-dependencies": "add_dependencies:AddDependenciesPass",
    "bufferize": "bufferize:BufferizePass",
    "specialize-sizes": "specialize_sizes:SpecializeSizesPass",
    "import-linalg": "import_linalg:ImportLinalgPass",
    "fold-constants": "fold_constants:FoldConstantsPass",
    "fold-batch-norm": "fold_batch_norm:FoldBatchNormPass",
    "fold-transposes": "fold_transposes:FoldTransposesPass",
    "fuse-elementwise": "fuse_elementwise:FuseElementwisePass",
    "choose": "choose:ChoosePass",
    "convert-linalg-to-cedr": "convert_linalg_to_cedr:ConvertLinalgToCedrPass",
    "plan-memory": "plan_memory:PlanMemoryPass",
}
"""Our own passes: name -> file of this folder and class in it."""

UPSTREAM: Final[dict[str, str]] = {
    "canonicalize": "Brings ops into their simplest form, and removes those that nothing needs.",
    "cse": "Merges ops that compute the same.",
    "dce": "Removes ops without effects whose results nothing uses.",
    "licm": "Moves ops without effects out of loops that do not change their operands.",
    "linalg-generalize-named-ops": "Turns linalg's named ops into `linalg.generic`.",
    "reconcile-unrealized-casts": "Removes casts that undo each other.",
}
"""xDSL's passes that make sense here, and what each does in a line."""

PassFactory = Callable[[], type[ModulePass]]


class UnknownPassError(CedrError):
    """A name that no pass has."""


def _own(place: str) -> PassFactory:
    module, _, name = place.partition(":")

    def factory() -> type[ModulePass]:
        found: type[ModulePass] = getattr(import_module(f"cedr.passes.{module}"), name)
        return found

    return factory


def own_passes() -> dict[str, PassFactory]:
    """Our own passes: name -> what imports the class."""
    return {name: _own(place) for name, place in PASSES.items()}


def get_all_passes() -> dict[str, PassFactory]:
    """Every pass that a pipeline may name: name -> what imports the class."""
    upstream = _upstream_passes()
    return dict(sorted(({name: upstream[name] for name in UPSTREAM} | own_passes()).items()))


def get_pass(name: str) -> type[ModulePass]:
    """The class of a pass. Raises UnknownPassError listing the passes there are."""
    passes = get_all_passes()
    if name not in passes:
        close = difflib.get_close_matches(name, passes, 1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        raise UnknownPassError(f"no pass '{name}'{hint}; those there are: {', '.join(passes)}")
    return passes[name]()
