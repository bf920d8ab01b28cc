"""`cedr coverage`: every op of a model, whether it converts, and which PEs its calls are offered to."""

from __future__ import annotations

from dataclasses import dataclass, field

from cedr.backend.program import Grid
from cedr.dialects.locations import source_name
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.frontend.export import export_model
from cedr.frontend.importer import ImportedModel, import_what_converts
from cedr.target.errors import CedrError
from cedr.target.platform import class_costs, load_platform, parse_composition
from cedr.tools.compiler import compile_ir
from cedr.tools.models import TorchModel
from cedr.tools.options import CompileOptions


@dataclass
class OpCoverage:
    """The uses of an op that agree in whether and why not they are supported.

    `pes` are the PE types of the composition that its calls are offered to: none where it computes nothing, is folded away
    or is computed in another op's calls, and none where the rest of the model can't be compiled.
    """

    op: str
    count: int
    supported: bool
    locations: list[str]
    pes: list[str]
    reason: str | None
    """None where it is supported."""


@dataclass
class Coverage:
    """What `cedr coverage --json` prints."""

    model: str
    supported: bool
    ops: list[OpCoverage] = field(default_factory=list)


def cover(model: TorchModel, options: CompileOptions) -> Coverage:
    """Every op of a model in the order of first use. Raises ExportError where PyTorch can't export the model."""
    options = options.checked()
    uses, imported = import_what_converts(export_model(model.module, model.example_inputs), model.name)
    rows: dict[tuple[str, str], OpCoverage] = {}
    for use in uses:
        row = rows.setdefault((use.op, use.reason), OpCoverage(use.op, 0, not use.reason, [], [], use.reason or None))
        row.count += use.count
        row.locations.append(use.place)
    offered: dict[str, list[str]] = {}
    failure = ""
    try:
        offered = _offered(imported, options)
    except CedrError as error:
        failure = str(error)
    for row in rows.values():
        if row.supported:
            row.pes = offered.get(row.op, [])
    if failure and all(row.supported for row in rows.values()):
        rows["", failure] = OpCoverage(f"pipeline '{options.pipeline}'", 1, False, [], [], failure)
    return Coverage(model.name, all(row.supported for row in rows.values()), list(rows.values()))


def _offered(imported: ImportedModel, options: CompileOptions) -> dict[str, list[str]]:
    """The PE types that an op's calls are offered to, by the op's name, in the platform's order."""
    context = make_context(WeightStore(dict(imported.weights)))
    compiled = compile_ir(context, imported.module, options, "import")
    platform = load_platform(options.platform)
    present = [
        (index, platform.pe_types[index].name)
        for index, count in enumerate(parse_composition(platform, options.hw).counts)
        if count
    ]
    calls = [call for step in compiled.program.steps if isinstance(step, Grid) for call in step.calls]
    estimates = class_costs(platform, [call.call_class for call in calls]).estimate_ns
    found: dict[str, set[str]] = {}
    for call, estimate in zip(calls, estimates, strict=True):
        parent = call.op.parent_op()
        name = source_name(call.op) or (source_name(parent) if parent is not None else "")
        found.setdefault(name, set()).update(pe for index, pe in present if estimate[index] >= 0)
    return {name: [pe for _, pe in present if pe in pes] for name, pes in found.items()}
