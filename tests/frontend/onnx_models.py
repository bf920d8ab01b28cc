"""ONNX models of one or a few nodes, made by onnx.helper, with what ONNX's own reference evaluator says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from cedr.dialects.interpreter.run import interpret
from cedr.frontend.importer import ImportedModel
from cedr.frontend.onnx.importing import export_onnx, import_onnx
from cedr.frontend.onnx.model import OnnxFile, read_onnx

Array = NDArray[Any]


@dataclass(frozen=True)
class OpCase:
    """A node: its inputs (None: left out), which of them are initializers, its attributes.

    `wanted` is the output where the reference evaluator of onnx 1.23 errs.
    """

    name: str
    inputs: Sequence[Array | None]
    known: Sequence[int] = ()
    outputs: int = 1
    opset: int = 21
    wanted: Array | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def op(self) -> str:
        return self.name.partition(" ")[0]


def op(
    name: str,
    *inputs: Array | np.generic | None,
    known: Sequence[int] = (),
    outputs: int = 1,
    opset: int = 21,
    wanted: Array | None = None,
    **attributes: Any,
) -> OpCase:
    """A case; its name is the op's, a blank, and what is special about it."""
    arrays = [None if value is None else np.asarray(value) for value in inputs]
    return OpCase(name, arrays, known, outputs, opset, wanted, attributes)


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Array],
    weights: dict[str, Array],
    outputs: dict[str, Array],
    opset: int = 21,
) -> onnx.ModelProto:
    """A model; the values of inputs and outputs give their types."""

    def info(name: str, array: Array) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    graph = helper.make_graph(
        nodes,
        "g",
        [info(name, array) for name, array in inputs.items()],
        [info(name, array) for name, array in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def cases_model(cases: Sequence[OpCase]) -> tuple[onnx.ModelProto, dict[str, Array], dict[str, Array]]:
    """(a model with a node for each case, inputs, what the reference gives for each output `CASE:INDEX`)."""
    nodes: list[onnx.NodeProto] = []
    inputs: dict[str, Array] = {}
    weights: dict[str, Array] = {}
    wanted: dict[str, Array] = {}
    for case in cases:
        names = ["" if array is None else f"{case.name}.{index}" for index, array in enumerate(case.inputs)]
        given = {name: array for name, array in zip(names, case.inputs, strict=True) if array is not None}
        known = {names[index]: given.pop(names[index]) for index in case.known}
        outputs = [f"{case.name}:{index}" for index in range(case.outputs)]
        node = helper.make_node(case.op, names, outputs, name=case.name, **case.attributes)
        values = [case.wanted] if case.wanted is not None else reference(node, given | known, case.opset)
        nodes.append(node)
        inputs |= given
        weights |= known
        wanted |= {name: np.asarray(value) for name, value in zip(outputs, values, strict=True)}
    return model_of(nodes, inputs, weights, wanted, cases[0].opset), inputs, wanted


def reference(node: onnx.NodeProto, inputs: dict[str, Array], opset: int) -> list[Array]:
    """What the reference evaluator gives for one node."""
    model = model_of([node], inputs, {}, {name: np.zeros(0, np.float32) for name in node.output}, opset)
    values: Any = ReferenceEvaluator(model).run(None, inputs)
    return list(values)


def opened(model: onnx.ModelProto, folder: Path) -> OnnxFile:
    """The model written to a file and read."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return read_onnx(path)


def imported(file: OnnxFile) -> ImportedModel:
    """A file with static sizes as IR, which is verified."""
    file = file.bound({})
    result = import_onnx(export_onnx(file), file, "case")
    result.module.verify()
    return result


def computed(model: ImportedModel, inputs: dict[str, Array]) -> list[Array]:
    """The outputs that the interpreter gives for inputs by name."""
    arrays = [inputs[spec.name] for spec in model.inputs]
    return [np.asarray(output) for output in interpret(model.module, arrays, model.weights)]


def assert_same(got: Array, wanted: Array, tolerance: float = 1e-5) -> None:
    """Equal dtypes and shapes; integers exactly, floats relative to the largest one, NaN and infinities in their places."""
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(got, wanted)
        return
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(got[~finite], wanted[~finite])
    scale = float(np.abs(wanted[finite]).max()) if finite.any() else 1.0
    np.testing.assert_allclose(got[finite], wanted[finite], rtol=0, atol=tolerance * (scale or 1.0))
