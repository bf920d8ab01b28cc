"""ONNX files: names, weights, open sizes, known numbers, refusals; the ops are in test_onnx_ops.py."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from xdsl.dialects.builtin import NameLoc

from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.onnx.importing import examine_onnx, export_onnx, import_onnx
from cedr.frontend.onnx.model import OnnxError, OnnxModule, read_onnx
from cedr.frontend.onnx.registry import Use, means
from cedr.tools.cli import main
from tests.frontend.onnx_models import Array, assert_same, computed, floats, imported, ints, opened, reference

FLOAT = TensorProto.FLOAT


def graph_of(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[int | str]],
    weights: dict[str, Array],
    outputs: dict[str, list[int | str] | None],
    opset: int = 21,
) -> onnx.ModelProto:
    """A model of f32 inputs and outputs, whose sizes may be names."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def digits(batch: int | str = 2) -> onnx.ModelProto:
    """A small network with what exporters write: a shape computed from a shape, a weight with dots in its name."""
    nodes = [
        helper.make_node("Conv", ["image", "conv.weight", "conv.bias"], ["a"], name="/conv/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="/relu/Relu"),
        helper.make_node("MaxPool", ["b"], ["c"], name="/pool/MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Shape", ["c"], ["s"], name="/Shape"),
        helper.make_node("Gather", ["s", "zero"], ["n"], name="/Gather"),
        helper.make_node("Unsqueeze", ["n", "axes"], ["n1"], name="/Unsqueeze"),
        helper.make_node("Concat", ["n1", "rest"], ["shape"], name="/Concat", axis=0),
        helper.make_node("Reshape", ["c", "shape"], ["flat"], name="/Reshape"),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["scores"], name="/fc/Gemm", transB=1),
    ]
    weights = {
        "conv.weight": floats(4, 1, 3, 3),
        "conv.bias": floats(4, seed=1),
        "zero": np.array(0, np.int64),
        "axes": ints(0),
        "rest": ints(-1),
        "fc.weight": floats(10, 64, seed=2),
        "fc.bias": floats(10, seed=3),
    }
    return graph_of(nodes, {"image": [batch, 1, 8, 8]}, weights, {"scores": [batch, 10]})


IMAGE = floats(2, 1, 8, 8, seed=9)


def expected(model: onnx.ModelProto, **inputs: Array) -> list[Array]:
    values: Any = ReferenceEvaluator(model).run(None, inputs)
    return list(values)


def test_names_weights_and_values_are_those_of_the_file(tmp_path: Path) -> None:
    model = digits()
    result = imported(opened(model, tmp_path))
    assert [(one.name, one.dtype, one.shape) for one in result.inputs] == [("image", "f32", (2, 1, 8, 8))]
    assert [one.name for one in result.outputs] == ["scores"]
    assert set(result.weights) == {"conv.weight", "conv.bias", "fc.weight", "fc.bias"}
    assert result.macs == 2 * (4 * 9 * 64 + 64 * 10)
    (got,) = computed(result, {"image": IMAGE})
    assert_same(got, expected(model, image=IMAGE)[0])


def test_every_op_has_its_node_as_location(tmp_path: Path) -> None:
    result = imported(opened(digits(), tmp_path))
    places = {
        op.location.location.desc.data
        for op in result.module.walk()
        if isinstance(op.location, NameLoc) and isinstance(op.location.location, NameLoc)
    }
    assert {"node '/conv/Conv'", "node '/relu/Relu'", "node '/pool/MaxPool'", "node '/fc/Gemm'"} <= places


def test_a_shape_computed_from_a_shape_is_no_work_of_the_program(tmp_path: Path) -> None:
    module = OnnxModule(opened(digits(), tmp_path).bound({}))
    assert [use.op for step in module.steps if isinstance(use := step.use, Use)] == [
        "Conv",
        "Relu",
        "MaxPool",
        "Reshape",
        "Gemm",
    ]


def test_weights_in_files_of_their_own(tmp_path: Path) -> None:
    model = digits()
    wanted = expected(model, image=IMAGE)
    onnx.save(model, str(tmp_path / "model.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)
    (got,) = computed(imported(read_onnx(tmp_path / "model.onnx")), {"image": IMAGE})
    assert_same(got, wanted[0])
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(OnnxError, match=r"model\.onnx: .*weights\.bin"):
        read_onnx(tmp_path / "model.onnx")


def test_names_of_weights_that_can_t_be_nested_are_kept_apart(tmp_path: Path) -> None:
    weights = {"a": floats(3), "a.b": floats(3, seed=1), "forward": floats(3, seed=2), ".": floats(3, seed=4)}
    nodes = [helper.make_node("Sum", ["x", *weights], ["y"])]
    model = graph_of(nodes, {"x": [3]}, weights, {"y": [3]})
    result = imported(opened(model, tmp_path))
    x = floats(3, seed=8)
    (got,) = computed(result, {"x": x})
    assert_same(got, expected(model, x=x)[0])
    assert len(result.weights) == 4 and "a" in result.weights


# Open sizes


def test_open_sizes_are_those_of_the_inputs_given(tmp_path: Path) -> None:
    model = digits("batch")
    file = opened(model, tmp_path)
    assert file.inputs[0].shape == ("batch", 1, 8, 8)
    bound = file.bound({"image": (5, 1, 8, 8)})
    result = import_onnx(export_onnx(bound), bound, "digits")
    assert result.outputs[0].shape == (5, 10)
    image = floats(5, 1, 8, 8)
    (got,) = computed(result, {"image": image})
    assert_same(got, expected(model, image=image)[0])


def two_inputs(first: list[int | str], second: list[int | str]) -> onnx.ModelProto:
    return graph_of([helper.make_node("Add", ["a", "b"], ["y"])], {"a": first, "b": second}, {}, {"y": None})


def test_a_size_that_one_input_says_holds_for_the_others(tmp_path: Path) -> None:
    file = opened(two_inputs(["n", 3], ["n", 3]), tmp_path).bound({"b": (4, 3)})
    assert [one.shape for one in file.inputs] == [(4, 3), (4, 3)]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({}, r"input 'a' is \[n, 3\], and nothing says how large 'n' is; give --input a=X.npy, whose shape says it"),
        ({"a": (4, 3), "b": (5, 3)}, r"size 'n' is 4 in input 'a' and 5 in 'b'"),
        ({"a": (4,)}, r"input 'a' is \[n, 3\], got \[4\]"),
    ],
)
def test_sizes_that_stay_open_or_differ_are_refused(shapes: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = opened(two_inputs(["n", 3], ["n", 3]), tmp_path)
    with pytest.raises(OnnxError, match=message):
        file.bound(shapes)


# Known numbers and branches


def branches(condition: Array | None) -> onnx.ModelProto:
    def branch(op: str) -> onnx.GraphProto:
        return helper.make_graph(
            [helper.make_node(op, ["x"], [f"{op}_y"])], op, [], [helper.make_tensor_value_info(f"{op}_y", FLOAT, [3])]
        )

    node = helper.make_node("If", ["c"], ["y"], name="choose", then_branch=branch("Neg"), else_branch=branch("Abs"))
    weights = {} if condition is None else {"c": condition}
    model = graph_of([node], {"x": [3]}, weights, {"y": [3]})
    if condition is None:
        model.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    return model


@pytest.mark.parametrize("condition", [True, False])
def test_the_branch_that_is_taken_is_the_model(condition: bool, tmp_path: Path) -> None:
    x = floats(3)
    (got,) = computed(imported(opened(branches(np.array(condition)), tmp_path)), {"x": x})
    assert_same(got, -x if condition else np.abs(x))


def test_a_branch_that_depends_on_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOpsError, match=r"node 'choose': If \(x1\): a control-flow operator; unroll"):
        imported(opened(branches(None), tmp_path))


def test_an_output_that_is_known(tmp_path: Path) -> None:
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Cast", ["s"], ["y"], to=FLOAT)]
    model = graph_of(nodes, {"x": [3, 4]}, {}, {"y": [2]})
    (got,) = computed(imported(opened(model, tmp_path)), {"x": floats(3, 4)})
    assert got.tolist() == [3, 4]


def test_constants_of_every_form(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(floats(3))),
        helper.make_node("Constant", [], ["b"], value_float=1.5),
        helper.make_node("Constant", [], ["c"], value_floats=[1.0, 2.0, 3.0]),
        helper.make_node("Constant", [], ["d"], value_int=0),
        helper.make_node("Constant", [], ["e"], value_ints=[0]),
        helper.make_node("Sum", ["x", "a", "b", "c"], ["f"]),
        helper.make_node("Gather", ["f", "d"], ["g"]),
        helper.make_node("Unsqueeze", ["g", "e"], ["y"]),
    ]
    model = graph_of(nodes, {"x": [3]}, {}, {"y": [1]})
    x = floats(3, seed=1)
    (got,) = computed(imported(opened(model, tmp_path)), {"x": x})
    assert_same(got, expected(model, x=x)[0])


def test_functions_of_the_file_are_read_in_their_places(tmp_path: Path) -> None:
    body = [helper.make_node("Mul", ["a", "a"], ["s"]), helper.make_node("Neg", ["s"], ["r"])]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "NegSquare", ["a"], ["r"], body, opsets[:1])
    model = graph_of([helper.make_node("NegSquare", ["x"], ["y"], domain="own")], {"x": [3]}, {}, {"y": [3]})
    model.opset_import.append(opsets[1])
    model.functions.append(function)
    x = floats(3)
    (got,) = computed(imported(opened(model, tmp_path)), {"x": x})
    assert_same(got, -x * x)


# Recurrent layers in the directions that the reference evaluator lacks


@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_backwards_is_forwards_on_the_reversed_sequence(op: str, gates: int, tmp_path: Path) -> None:
    x, w, r, b = (
        floats(5, 2, 2),
        floats(2, gates * 3, 2, seed=1),
        floats(2, gates * 3, 3, seed=2),
        floats(2, gates * 6, seed=3),
    )
    more: dict[str, Any] = {"hidden_size": 3} | ({"linear_before_reset": 1} if op == "GRU" else {})
    outputs = ["y", "h", "c"] if op == "LSTM" else ["y", "h"]

    def values(direction: str, w: Array, r: Array, b: Array) -> list[Array]:
        node = helper.make_node(op, ["x", "w", "r", "b"], outputs, direction=direction, **more)
        count = w.shape[0]
        shapes: dict[str, list[int | str] | None] = {"y": [5, count, 2, 3], "h": [count, 2, 3], "c": [count, 2, 3]}
        model = graph_of([node], {"x": [5, 2, 2]}, {"w": w, "r": r, "b": b}, {name: shapes[name] for name in outputs})
        return computed(imported(opened(model, tmp_path)), {"x": x})

    def forwards(x: Array, d: int) -> list[Array]:
        node = helper.make_node(op, ["x", "w", "r", "b"], outputs, **more)
        return reference(node, {"x": x, "w": w[d : d + 1], "r": r[d : d + 1], "b": b[d : d + 1]}, 21)

    first, second = forwards(x, 0), forwards(x[::-1], 1)
    second = [second[0][::-1], *second[1:]]
    for got, wanted in zip(values("reverse", w[1:], r[1:], b[1:]), second, strict=True):
        assert_same(got, wanted)
    both = [np.concatenate(pair, 1 if i == 0 else 0) for i, pair in enumerate(zip(first, second, strict=True))]
    for got, wanted in zip(values("bidirectional", w, r, b), both, strict=True):
        assert_same(got, wanted)


# Refusals


def refused(model: onnx.ModelProto, folder: Path) -> list[str]:
    with pytest.raises(UnsupportedOpsError) as caught:
        imported(opened(model, folder))
    return str(caught.value).splitlines()


def test_what_can_t_be_converted_is_one_report_by_node(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Det", ["x"], ["d"], name="first"),
        helper.make_node("MaxUnpool", ["x", "i"], ["u"], name="second", kernel_shape=[2, 2]),
        helper.make_node("Abs", ["x"], ["a"], name="fine"),
        helper.make_node("TopK", ["a", "k"], ["t", "p"], name="third"),
        helper.make_node("NonZero", ["a"], ["z"], name="fourth"),
    ]
    model = graph_of(nodes, {"x": [1, 1, 4, 4]}, {"i": np.zeros((1, 1, 4, 4), np.int64)}, {"t": None})
    model.graph.input.append(helper.make_tensor_value_info("k", TensorProto.INT64, [1]))
    lines = refused(model, tmp_path)
    assert [line.partition(":")[0] for line in lines] == [
        f"node '{name}'" for name in ("first", "second", "third", "fourth")
    ]
    assert (
        lines[0]
        == "node 'first': Det (x1): has no conversion; express it by ops that have one, or compute it outside the model"
    )
    assert "k that depend on the inputs' values; make them constants" in lines[2]
    assert "the size of its result depends on the inputs' values" in lines[3]


def test_ops_of_another_set_and_old_forms(tmp_path: Path) -> None:
    model = graph_of(
        [helper.make_node("FusedConv", ["x"], ["y"], name="it", domain="com.microsoft")], {"x": [3]}, {}, {"y": [3]}
    )
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    (line,) = refused(model, tmp_path)
    assert line.startswith("node 'it': com.microsoft.FusedConv (x1): is of another set of ops than ONNX's own")


def test_what_the_converters_of_aten_refuse_is_said_of_the_node(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["u"], name="narrow", to=TensorProto.UINT8),
        helper.make_node("Cast", ["u"], ["y"], name="wide", to=FLOAT),
    ]
    model = graph_of(nodes, {"x": [3]}, {}, {"y": [3]})
    lines = refused(model, tmp_path)
    assert lines[0].startswith("node 'narrow': aten._to_copy.default (x1): dtype uint8 can't be converted")
    narrow, wide = examine_onnx(tmp_path / "model.onnx")
    assert (narrow.op, narrow.place, narrow.count) == ("Cast", "node 'narrow'", 1)
    assert narrow.reason.startswith("aten._to_copy.default: dtype uint8") and wide.reason


def test_coverage_of_what_is_supported(tmp_path: Path) -> None:
    opened(digits(), tmp_path)
    uses = examine_onnx(tmp_path / "model.onnx")
    assert [use.op for use in uses] == [
        "Conv",
        "Relu",
        "MaxPool",
        "Shape",
        "Gather",
        "Unsqueeze",
        "Concat",
        "Reshape",
        "Gemm",
    ]
    assert not any(use.reason for use in uses)


ONE = ("LSTM", ["x", "w", "r"], {"x": [5, 2, 2]}, {"w": floats(1, 12, 2), "r": floats(1, 12, 3)})
GRU = ("GRU", ["x", "w", "r"], {"x": [5, 2, 2]}, {"w": floats(1, 9, 2), "r": floats(1, 9, 3)})
NORM = {name: floats(3, seed=i) for i, name in enumerate("sbmv")}


@pytest.mark.parametrize(
    ("node", "attributes", "message"),
    [
        (GRU, {"hidden_size": 3}, "linear_before_reset=0; a GRU as PyTorch has it, with 1, can be converted"),
        (ONE, {"hidden_size": 3, "clip": 1.0}, "clipped or coupled gates"),
        (ONE, {"hidden_size": 3, "activations": ["Relu", "Tanh", "Tanh"]}, "activations Relu, Tanh, Tanh; Sigmoid, Tanh, Tanh"),
        (("BatchNormalization", ["x", *"sbmv"], {"x": [2, 3, 4]}, NORM), {"training_mode": 1}, "training mode"),
        (("Conv", ["x", "w"], {"x": [1, 1, 3, 3, 3, 3]}, {"w": floats(1, 1, 2, 2, 2, 2)}), {}, "4 spatial axes; 1, 2 and 3"),
        (("Resize", ["x", "", "s"], {"x": [3, 4]}, {"s": np.array([2, 2], np.float32)}), {"coordinate_transformation_mode": "tf_crop_and_resize"}, "coordinate_transformation_mode=tf_crop_and_resize; half_pixel"),
        (("Resize", ["x", "", "s"], {"x": [3, 4]}, {"s": np.array([2, 2], np.float32)}), {"antialias": 1, "mode": "linear"}, "antialias=1; 0 can be converted"),
        (("Cast", ["x"], {"x": [3]}, {}), {"to": 17}, "element type 17, which is none of FLOAT,"),
    ],
)  # fmt: skip
def test_forms_that_are_refused(node: Any, attributes: dict[str, Any], message: str, tmp_path: Path) -> None:
    op, names, inputs, weights = node
    outputs = ["y", "m1", "v1"] if op == "BatchNormalization" else ["y"]
    model = graph_of([helper.make_node(op, names, outputs, name="it", **attributes)], inputs, weights, {"y": None})
    model.graph.output[0].type.tensor_type.elem_type = attributes.get("to", FLOAT)
    lines = refused(model, tmp_path)
    assert len(lines) == 1 and lines[0].startswith(f"node 'it': {op} (x1): ") and message in lines[0]


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(OnnxError, match=r"model\.onnx: no such file"):
        read_onnx(path)
    for content in (b"", b"no model at all", digits().SerializeToString()[:200]):
        path.write_bytes(content)
        with pytest.raises(OnnxError, match=r"model\.onnx: not an ONNX file"):
            read_onnx(path)


def test_models_that_are_not_valid(tmp_path: Path) -> None:
    wrong_order = graph_of(
        [helper.make_node("Abs", ["a"], ["y"]), helper.make_node("Neg", ["x"], ["a"])], {"x": [3]}, {}, {"y": [3]}
    )
    wrong_shape = graph_of([helper.make_node("Add", ["x", "w"], ["y"])], {"x": [3]}, {"w": floats(4)}, {"y": [3]})
    for model in (wrong_order, wrong_shape):
        with pytest.raises(OnnxError, match=r"model\.onnx: not a valid model: "):
            imported(opened(model, tmp_path))


def test_inputs_that_are_no_tensors_and_old_op_sets(tmp_path: Path) -> None:
    model = digits()
    model.opset_import[0].version = 6
    with pytest.raises(OnnxError, match="op set 6; 7 and later can be read"):
        opened(model, tmp_path)
    model = digits()
    model.graph.input.append(helper.make_tensor_sequence_value_info("s", FLOAT, None))
    with pytest.raises(OnnxError, match="input 's' is a sequence_type; tensors can be read"):
        opened(model, tmp_path)


def test_without_the_package_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(digits().SerializeToString())
    import_ = builtins.__import__

    def without_onnx(name: str, *rest: Any, **named: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return import_(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(OnnxError, match=r"needs the package onnx, .*: pip install 'cedr-compiler\[onnx\]'"):
        read_onnx(tmp_path / "model.onnx")


def test_a_meaning_is_entered_once() -> None:
    with pytest.raises(ValueError, match="Conv of version 1 has two meanings"):
        means("Conv")(lambda use: None)


# The command


def test_run_and_compile_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = digits("batch")
    path = tmp_path / "digits.onnx"
    path.write_bytes(model.SerializeToString())
    np.save(tmp_path / "x.npy", IMAGE)
    given = ["--input", f"image={tmp_path / 'x.npy'}"]
    assert main(["run", str(path), *given, "--output", f"scores={tmp_path / 'y.npy'}", "--json"]) == 0
    assert '"max_rel_error": null' in capsys.readouterr().out
    assert_same(np.load(tmp_path / "y.npy"), expected(model, image=IMAGE)[0])

    assert main(["run", str(path)]) == 1
    assert "input 'image' is [batch, 1, 8, 8], and nothing says how large 'batch' is" in capsys.readouterr().err
    assert main(["compile", str(path), "-o", str(tmp_path / "module"), "--emit", "python", *given]) == 0
    assert main(["run", str(tmp_path / "module"), *given]) == 0
    assert main(["compile", "vgg_digits", "-o", str(tmp_path / "other"), *given]) == 1
    assert "--input says the sizes that an .onnx or .mlir file leaves open" in capsys.readouterr().err
