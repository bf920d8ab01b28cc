"""From an ONNX file to a program of ATen ops, each with the node that it comes from, and on to IR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch.export import ExportedProgram

from cedr.frontend.coverage import OpUse, UnsupportedOpsError, UseCounter
from cedr.frontend.export import export_model
from cedr.frontend.importer import ImportedModel, import_program, import_what_converts
from cedr.frontend.onnx.model import OnnxFile, OnnxModule, Shape, read_onnx
from cedr.frontend.source import PLACE


def export_onnx(file: OnnxFile) -> ExportedProgram:
    """The program of a model whose inputs' sizes are all known, decomposed to core ATen ops.

    Raises OnnxError for a model that is not valid, UnsupportedOpsError with a line for each node that has no conversion.
    """
    module = OnnxModule(file)
    refused = module.uses.refused()
    if refused:
        raise UnsupportedOpsError(refused)
    return _exported(module)


def _exported(module: OnnxModule) -> ExportedProgram:
    program = export_model(module, module.example_inputs())
    for node in program.graph.nodes:
        for path, _ in (node.meta.get("nn_module_stack") or {}).values():
            if path:
                node.meta[PLACE] = module.place_of(path)
    return program


def import_onnx(program: ExportedProgram, file: OnnxFile, name: str) -> ImportedModel:
    """The module of linalg on tensors of what `export_onnx` gives; inputs, outputs and weights are named as in the file.

    Raises UnsupportedOpsError, with a line for each op that can't be converted, if there is any.
    """
    return import_program(program, name, [one.name for one in file.inputs], file.outputs)


def examine_onnx(path: Path, shapes: Mapping[str, Shape] | None = None) -> tuple[OpUse, ...]:
    """Every node of a file and, for those that can't be converted, why; `shapes` are those of inputs with open sizes."""
    return import_nodes(read_onnx(path).bound(shapes or {}))[0]


def import_nodes(file: OnnxFile) -> tuple[tuple[OpUse, ...], ImportedModel | None]:
    """Every node of a model whose inputs' sizes are all known, with the reason for those that can't be converted, and a
    module of what converts (see `import_what_converts`): none where a node has no meaning in PyTorch."""
    module = OnnxModule(file)
    if module.uses.refused():
        return module.uses.uses(), None
    uses, imported = import_what_converts(_exported(module), "onnx")
    refused = {use.place: f"{use.op}: {use.reason}" for use in uses if use.reason}
    counter = UseCounter()
    for use in module.uses.uses():
        counter.add(use.op, use.place, refused.pop(use.place, ""))
    for place, reason in refused.items():
        what, _, why = reason.partition(": ")
        counter.add(what, place, why)
    return counter.uses(), imported
