"""`cedr coverage`: every op of a model, whether it converts, and which PEs its calls are offered to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp, NameLoc, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.traits import IsTerminator

from cedr.backend.program import Grid
from cedr.dialects.cedr import GridOp
from cedr.dialects.diagnostics import IRError
from cedr.dialects.locations import inner_name, source_line, source_name
from cedr.dialects.universe import make_context
from cedr.dialects.weights import CedrContext, WeightStore
from cedr.frontend.coverage import OpUse, UseCounter
from cedr.frontend.export import export_model
from cedr.frontend.importer import ImportedModel, import_what_converts
from cedr.frontend.onnx.importing import import_nodes
from cedr.target.errors import CedrError
from cedr.target.platform import class_costs, load_platform, parse_composition
from cedr.tools.compiler import compile_ir, load_ir, platform_of
from cedr.tools.models import IrFile, Model, ModuleDirectory, OnnxModel, TorchModel
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


class CoverageError(CedrError):
    """A model whose ops can't be listed."""


def cover(model: Model, options: CompileOptions) -> Coverage:
    """Every op of a model in the order of first use: by its ATen name, by that of ONNX, or by that in the IR's text.

    Raises CedrError where the model can't be had: PyTorch can't export it, a file is not valid.
    """
    match model:
        case TorchModel():
            options = options.checked()
            uses, imported = import_what_converts(export_model(model.module, model.example_inputs), model.name)
            return _coverage(
                model.name,
                uses,
                lambda use: use.op,
                lambda: _offered(_with_weights(imported), imported.module, options),
                options,
            )
        case OnnxModel():
            return _cover_onnx(model, options.checked())
        case IrFile():
            return _cover_ir(model, options)
        case ModuleDirectory():
            raise CoverageError(
                f"{model.path}: a compiled module has calls and no ops: give the model that it was made from, or a stage of its "
                f"IR, which `cedr compile --save-ir` keeps ({model.path}/ir)"
            )


def _cover_onnx(model: OnnxModel, options: CompileOptions) -> Coverage:
    """Nodes by op; what an ATen op that a node becomes is offered to is the node's, by its place."""
    uses, imported = import_nodes(model.file.bound(model.shapes))

    def offered() -> dict[str, set[str]]:
        if imported is None:
            return {}
        return _offered(_with_weights(imported), imported.module, options, inner_name)

    return _coverage(str(model.file.path), uses, lambda use: use.place, offered, options)


def _cover_ir(model: IrFile, options: CompileOptions) -> Coverage:
    """Ops of IR of any level: those on tensors, or calls on tiles; what a pass refuses at an op's line is the op's."""
    context, module = load_ir(model.path)
    options = platform_of(module, options).checked()
    places: list[tuple[str, str]] = []
    for op in _listed(module):
        places.append((op.name, source_line(op)))
        op.location = NameLoc(StringAttr(op.name), op.location)
    reasons: dict[str, str] = {}
    offered: dict[str, set[str]] = {}
    failure: CedrError | None = None
    try:
        offered = _offered(context, module, options, shapes=model.shapes)
    except IRError as error:
        failure = error
        reasons = {f"{d.place.filename}:{d.place.line}": d.message for d in error.diagnostics if d.place is not None}
    except CedrError as error:
        failure = error
    counter = UseCounter()
    for name, place in places:
        counter.add(name, place, reasons.get(place, ""))

    def known() -> dict[str, set[str]]:
        if failure is not None:
            raise failure
        return offered

    return _coverage(str(model.path), counter.uses(), lambda use: use.op, known, options)


def _listed(module: ModuleOp) -> Iterator[Operation]:
    """The ops of a module's functions, inside loops and grids too; not those that compute one element."""
    nests = (FuncOp, scf.ForOp, scf.IfOp, GridOp)
    waiting: list[Operation] = [op for op in module.ops if isinstance(op, FuncOp)]
    while waiting:
        op = waiting.pop(0)
        for child in [child for region in op.regions for block in region.blocks for child in block.ops]:
            if isinstance(child, nests):
                waiting.append(child)
            elif not child.has_trait(IsTerminator):
                yield child


def _coverage(
    name: str,
    uses: Sequence[OpUse],
    key: Callable[[OpUse], str],
    offered: Callable[[], Mapping[str, Collection[str]]],
    options: CompileOptions,
) -> Coverage:
    """Rows of uses. `offered` compiles what converts and gives the PE types of its calls by the `key` of a use."""
    rows: dict[tuple[str, str], OpCoverage] = {}
    keys: dict[tuple[str, str], set[str]] = {}
    for use in uses:
        row = rows.setdefault((use.op, use.reason), OpCoverage(use.op, 0, not use.reason, [], [], use.reason or None))
        row.count += use.count
        row.locations.append(use.place)
        keys.setdefault((use.op, use.reason), set()).add(key(use))
    pes: Mapping[str, Collection[str]] = {}
    kinds = [kind.name for kind in load_platform(options.platform).pe_types]
    failure = ""
    try:
        pes = offered()
    except CedrError as error:
        failure = str(error)
    for name_and_reason, row in rows.items():
        found = {pe for one in keys[name_and_reason] for pe in pes.get(one, ())}
        row.pes = [name for name in kinds if row.supported and name in found]
    if failure and all(row.supported for row in rows.values()):
        rows["", failure] = OpCoverage(f"pipeline '{options.pipeline}'", 1, False, [], [], failure)
    return Coverage(name, all(row.supported for row in rows.values()), list(rows.values()))


def _offered(
    context: CedrContext,
    module: ModuleOp,
    options: CompileOptions,
    key: Callable[[Operation], str] = source_name,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, set[str]]:
    """The PE types that the calls of a module are offered to, by what their locations say."""
    compiled = compile_ir(context, module, replace(options, measure_ir=False), "import", shapes)
    platform = load_platform(options.platform)
    counts = parse_composition(platform, options.hw).counts
    present = [(index, platform.pe_types[index].name) for index, count in enumerate(counts) if count]
    calls = [call for step in compiled.program.steps if isinstance(step, Grid) for call in step.calls]
    estimates = class_costs(platform, [call.call_class for call in calls]).estimate_ns
    found: dict[str, set[str]] = {}
    for call, estimate in zip(calls, estimates, strict=True):
        parent = call.op.parent_op()
        name = key(call.op) or (key(parent) if parent is not None else "")
        found.setdefault(name, set()).update(pe for index, pe in present if estimate[index] >= 0)
    return found


def _with_weights(imported: ImportedModel) -> CedrContext:
    return make_context(WeightStore(dict(imported.weights)))
