"""Every ONNX op of the table, converted and evaluated, against ONNX's own reference evaluator."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.frontend.onnx.registry import supported_ops
from tests.frontend.onnx_models import (
    Array,
    OpCase,
    assert_same,
    cases_model,
    computed,
    floats,
    imported,
    ints,
    op,
    opened,
)

X, Y = floats(2, 3, 4), floats(2, 3, 4, seed=1)
POSITIVE = np.abs(X) + np.float32(0.1)
UNIT = np.tanh(X)
IMAGE = floats(2, 4, 7, 6)
SIGNAL = floats(2, 4, 11)
VECTOR4 = floats(4, seed=3)
N = np.array([[-7, 3, 5], [4, -2, 9]], np.int64)
M = np.array([[2, -3, 4], [-3, 5, 2]], np.int64)
FLAGS = X > 0
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0, -1.5, 2.5], np.float32)

UNARY = {
    "Abs": X, "Acos": UNIT, "Acosh": POSITIVE + 1, "Asin": UNIT, "Asinh": X, "Atan": X, "Atanh": UNIT, "BitwiseNot": N,
    "Ceil": X, "Cos": X, "Cosh": X, "Elu": X, "Erf": X, "Exp": X, "Floor": X, "HardSigmoid": X, "HardSwish": 4 * X,
    "Identity": X, "IsInf": SPECIAL, "IsNaN": SPECIAL, "LeakyRelu": X, "Log": POSITIVE, "Mish": X, "Neg": X,
    "Not": FLAGS, "Reciprocal": POSITIVE, "Relu": X, "Round": 3 * X, "Selu": X, "Sigmoid": X, "Sign": X, "Sin": X,
    "Sinh": X, "Softplus": X, "Softsign": X, "Sqrt": POSITIVE, "Tan": X, "Tanh": X, "ThresholdedRelu": 2 * X, "Celu": X,
    "Gelu": X, "Shrink": X,
}  # fmt: skip
FLOAT_PAIRS = (
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Min",
    "Sum",
    "Mean",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "Equal",
)
RECURRENT = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent_cases() -> list[OpCase]:
    cases = []
    for name, gates in RECURRENT.items():
        w, r, b = floats(1, gates * 3, 2), floats(1, gates * 3, 3, seed=1), floats(1, 2 * gates * 3, seed=2)
        more: dict[str, Any] = {"hidden_size": 3} | ({"linear_before_reset": 1} if name == "GRU" else {})
        x, h = floats(5, 2, 2, seed=3), floats(1, 2, 3, seed=4)
        states = (h, floats(1, 2, 3, seed=5)) if name == "LSTM" else (h,)
        outputs = len(states) + 1
        cases.append(op(name, x, w, r, b, None, *states, known=(1, 2, 3), outputs=outputs, **more))
        cases.append(op(f"{name} without bias", x, w, r, known=(1, 2), outputs=outputs, **more))
    return cases


def uneven_maxima() -> Array:
    padded = np.pad(IMAGE, ((0, 0), (0, 0), (0, 2), (1, 0)), constant_values=-np.inf)
    maxima: Array = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3)).max((-1, -2))
    return maxima


def scattered() -> Array:
    x = floats(3, 4)
    x[[1, 0, 2, 1], np.arange(4)] = floats(1, 4, seed=1)[0]
    return x


def softmax_over_two_axes() -> Array:
    exponentials = np.exp(X)
    quotients: Array = exponentials / exponentials.sum((1, 2), keepdims=True)
    return quotients


CASES: tuple[OpCase, ...] = (
    *(op(name, x) for name, x in UNARY.items()),
    *(op(name, X, Y) for name in FLOAT_PAIRS),
    *(op(f"{name} broadcast", X, floats(3, 1, seed=2)) for name in FLOAT_PAIRS),
    *(op(f"{name} number", X, np.array(0.5, np.float32), known=(1,)) for name in ("Add", "Sub", "Mul", "Div", "Pow")),
    *(op(f"{name} integers", N, M) for name in ("Add", "Sub", "Mul", "Mod", "Max", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Equal")),
    *(op(name, FLAGS, Y > 0) for name in ("And", "Or", "Xor")),
    op("Div integers", np.abs(N), np.abs(M)),
    op("Mod fmod", N, M, fmod=1),
    op("Pow", POSITIVE, Y),
    op("Pow square", X, np.array([2], np.float32), known=(1,)),
    op("Pow rank", floats(3), np.full((1, 1), 2, np.float32), known=(1,)),
    op("Sum three", X, Y, X),
    op("Max one", X),
    op("PRelu", X, floats(3, 1)),
    op("Gelu tanh", X, approximate="tanh"),
    op("LeakyRelu alpha", X, alpha=0.3),
    op("Elu alpha", X, alpha=0.3),
    op("Celu alpha", X, alpha=0.3),
    op("HardSigmoid alpha", X, alpha=1 / 6, beta=0.5),
    op("IsInf positive", SPECIAL, detect_negative=0),
    op("Shrink bias", X, bias=0.2, lambd=0.3),
    op("Clip", X, np.array(-0.5, np.float32), np.array(0.7, np.float32), known=(1, 2)),
    op("Clip low", X, np.array(-0.5, np.float32), known=(1,)),
    op("Clip high", X, None, np.array(0.5, np.float32), known=(2,)),
    op("Clip tensors", X, np.array(-0.5, np.float32), np.array(0.7, np.float32)),
    op("Clip attributes", X, opset=9, min=-0.5, max=0.25),
    op("Where", FLAGS, X, Y),
    op("Cast", X * 3, to=7),
    op("Cast double", X, to=11),
    op("Cast bool", X, to=9),
    op("CastLike", X * 3, N, known=(1,)),
    op("Dropout", X),
    op("Dropout 10", X, opset=10, ratio=0.5),
    # Made from numbers
    op("Range", np.array(2, np.int64), np.array(11, np.int64), np.array(3, np.int64), known=(0, 1, 2)),
    op("Range floats", np.float32(0.5), np.float32(2), np.float32(0.25), known=(0, 1, 2)),
    op("ConstantOfShape", ints(2, 3), known=(0,)),
    op("EyeLike", floats(3, 4), k=1),
    op("OneHot", np.array([[0, 2], [-1, 1]], np.int64), np.array(3, np.int64), np.array([0.5, 2], np.float32), known=(1,)),
    op("OneHot axis", ints(0, 2, -1), np.array(3, np.int64), np.array([0, 1], np.float32), known=(1,), axis=0),
    op("Shape", X),
    op("Shape part", X, start=1, end=-1),
    op("Size", X),
    # Matrix products
    op("Gemm", floats(3, 4), floats(4, 5), floats(5)),
    op("Gemm transposed", floats(4, 3), floats(5, 4), floats(3, 1), transA=1, transB=1, alpha=0.5, beta=2.0),
    op("Gemm without bias", floats(3, 4), floats(4, 5), alpha=0.5),
    op("MatMul", floats(3, 4), floats(4, 5)),
    op("MatMul batches", floats(2, 1, 3, 4), floats(3, 4, 5)),
    op("MatMul vector", floats(4), floats(2, 4, 5)),
    op("Einsum", floats(2, 3, 4), floats(2, 4, 5), equation="bij,bjk->bik"),
    op("Einsum trace", floats(3, 3), equation="ii->i"),
    # Convolutions
    op("Conv", IMAGE, floats(6, 4, 3, 3), floats(6), known=(1, 2), pads=[1, 1, 1, 1], strides=[2, 1]),
    op("Conv uneven", IMAGE, floats(6, 4, 3, 2), pads=[0, 1, 2, 0], dilations=[2, 1]),
    op("Conv groups", IMAGE, floats(6, 2, 3, 3), floats(6), group=2),
    op("Conv same upper", IMAGE, floats(6, 4, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2]),
    op("Conv same lower", IMAGE, floats(6, 4, 2, 2), auto_pad="SAME_LOWER"),
    op("Conv valid", IMAGE, floats(6, 4, 3, 2), auto_pad="VALID"),
    op("Conv one axis", SIGNAL, floats(6, 4, 3), floats(6), pads=[2, 0], strides=[2]),
    op("ConvTranspose", IMAGE, floats(4, 5, 3, 3), floats(5), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    op("ConvTranspose uneven", IMAGE, floats(4, 5, 3, 3), floats(5), strides=[2, 2], pads=[0, 1, 1, 0]),
    op("ConvTranspose shape", IMAGE, floats(4, 5, 3, 3), strides=[3, 2], output_shape=[20, 12], auto_pad="SAME_UPPER"),
    op("ConvTranspose one axis", SIGNAL, floats(4, 5, 3), strides=[2]),
    op("DepthToSpace", floats(2, 8, 3, 2), blocksize=2),
    op("DepthToSpace CRD", floats(2, 8, 3, 2), blocksize=2, mode="CRD"),
    op("SpaceToDepth", floats(2, 2, 4, 6), blocksize=2),
    # Poolings
    op("MaxPool", IMAGE, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1, 1, 1]),
    op("MaxPool uneven", IMAGE, kernel_shape=[3, 3], pads=[0, 1, 2, 0], wanted=uneven_maxima()),
    op("MaxPool ceil", IMAGE, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    op("MaxPool dilated", IMAGE, kernel_shape=[2, 2], dilations=[2, 3]),
    op("MaxPool same", IMAGE, kernel_shape=[2, 2], auto_pad="SAME_UPPER", strides=[2, 2]),
    op("MaxPool one axis", SIGNAL, kernel_shape=[4], strides=[4]),
    op("AveragePool", IMAGE, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1, 1, 1]),
    op("AveragePool counted", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    op("AveragePool uneven", IMAGE, kernel_shape=[3, 3], pads=[0, 1, 2, 0]),
    op("AveragePool uneven counted", IMAGE, kernel_shape=[3, 3], pads=[0, 1, 2, 0], count_include_pad=1),
    op("AveragePool ceil", IMAGE, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    op("AveragePool one axis", SIGNAL, kernel_shape=[4], strides=[4]),
    op("GlobalAveragePool", IMAGE),
    op("GlobalMaxPool", IMAGE),
    # Normalisations
    op("BatchNormalization", IMAGE, VECTOR4, VECTOR4 + 1, VECTOR4 - 1, np.abs(VECTOR4), known=(1, 2, 3, 4)),
    op("InstanceNormalization", IMAGE, VECTOR4, VECTOR4 + 1, known=(1, 2)),
    op("LayerNormalization", X, floats(4), floats(4, seed=1), known=(1, 2)),
    op("LayerNormalization axis", X, floats(3, 4), axis=1, epsilon=1e-3, known=(1,)),
    op("LayerNormalization outputs", X, floats(4), outputs=3, known=(1,)),
    op("LayerNormalization broadcast", X, floats(1, 4), floats(3, 1), axis=1, known=(1, 2)),
    op("GroupNormalization", IMAGE, VECTOR4, VECTOR4 + 1, num_groups=2, known=(1, 2)),
    op("RMSNormalization", X, floats(4), opset=23, known=(1,)),
    op("MeanVarianceNormalization", IMAGE, axes=[0, 2, 3]),
    op("LpNormalization", X, axis=1),
    op("LpNormalization ones", POSITIVE, axis=-1, p=1),
    op("LRN", floats(7, 7, 2, 3), size=3, alpha=0.1, beta=0.75, bias=1.0),
    op("Softmax", X, axis=1),
    op("Softmax old", X, axis=1, opset=11, wanted=softmax_over_two_axes()),
    op("LogSoftmax", X),
    op("Hardmax", X),
    # Reductions
    *(op(f"Reduce{name}", POSITIVE, ints(0, 2), known=(1,)) for name in ("Sum", "Mean", "Max", "Min", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")),
    op("ReduceSum all", X, keepdims=0),
    op("ReduceSum none", X, noop_with_empty_axes=1),
    op("ReduceSum integers", N, ints(-1), known=(1,), keepdims=0),
    op("ReduceSum attribute", X, opset=11, axes=[1]),
    op("ReduceMean attribute", X, opset=13, axes=[-1], keepdims=0),
    op("ReduceMax integers", N, ints(1), known=(1,)),
    op("ArgMax", X, axis=1),
    op("ArgMax last", np.array([[1, 3, 3, 0]], np.float32), axis=1, keepdims=0, select_last_index=1),
    op("ArgMin", X, keepdims=0),
    op("CumSum", X, np.array(1, np.int64), known=(1,)),
    op("CumSum reverse", X, np.array(-1, np.int64), known=(1,), reverse=1),
    op("CumSum exclusive", X, np.array(2, np.int64), known=(1,), exclusive=1, reverse=1),
    op("TopK", X, ints(2), known=(1,), outputs=2),
    op("TopK smallest", X, ints(2), known=(1,), outputs=2, axis=1, largest=0),
    # Shapes
    op("Reshape", X, ints(0, -1), known=(1,)),
    op("Flatten", X, axis=2),
    op("Flatten first", X, axis=0),
    op("Squeeze", floats(2, 1, 3, 1), ints(1), known=(1,)),
    op("Squeeze all", floats(2, 1, 3, 1)),
    op("Squeeze attribute", floats(2, 1, 3, 1), opset=11, axes=[-1]),
    op("Unsqueeze", X, ints(0, -1), known=(1,)),
    op("Unsqueeze attribute", X, opset=11, axes=[1]),
    op("Transpose", X, perm=[2, 0, 1]),
    op("Transpose all", X),
    op("Concat", X, Y, axis=-1),
    op("Split", X, ints(1, 3), known=(1,), outputs=2, axis=2),
    op("Split even", floats(7, 2), outputs=3, num_outputs=3),
    op("Split attribute", X, outputs=2, axis=2, opset=11, split=[3, 1]),
    op("Slice", X, ints(1, 0), ints(3, 4), ints(1, 2), ints(1, 2), known=(1, 2, 3, 4)),
    op("Slice backwards", X, ints(-1), ints(-9), ints(2), ints(-2), known=(1, 2, 3, 4)),
    op("Slice to the end", X, ints(1), ints(2**63 - 1), known=(1, 2)),
    op("Slice nothing", X, ints(3), ints(1), ints(2), known=(1, 2, 3)),
    op("Slice attribute", X, opset=9, starts=[0, 1], ends=[1, -1], axes=[0, 2]),
    op("Expand", floats(3, 1), ints(2, 1, 4), known=(1,)),
    op("Tile", X, ints(2, 1, 3), known=(1,)),
    op("Pad", X, ints(0, 1, 2, 1, 0, 3), np.array(1.5, np.float32), known=(1, 2)),
    op("Pad axes", X, ints(1, 2), None, ints(-1), known=(1, 3)),
    op("Pad reflect", X, ints(0, 1, 2, 0, 2, 3), known=(1,), mode="reflect"),
    op("Pad edge", X, ints(0, 1, 2, 3, 0, 5), known=(1,), mode="edge"),
    op("Pad wrap", X, ints(0, 1, 2, 0, 0, 3), known=(1,), mode="wrap"),
    op("Pad attribute", X, opset=10, pads=[0, 1, 0, 0, 0, 2], value=0.5),
    op("Trilu", floats(2, 4, 5)),
    op("Trilu lower", floats(4, 5), np.array(1, np.int64), known=(1,), upper=0),
    op("ReverseSequence", floats(4, 3, 2), ints(4, 2, 1), known=(1,)),
    # Positions
    op("Gather", X, np.array([[0, -1], [2, 1]], np.int64), axis=1),
    op("Gather number", X, np.array(-1, np.int64), known=(1,), axis=2),
    op("Gather rows", floats(5, 3), ints(4, 0, 2)),
    op("GatherElements", X, np.array([[[0, -1, 2, 1]], [[1, 1, 0, 0]]], np.int64), axis=1),
    op("GatherND", X, np.array([[0, 1], [1, -1]], np.int64)),
    op("GatherND batches", X, np.array([[1], [2]], np.int64), batch_dims=1),
    op("ScatterElements", floats(3, 4), np.array([[1, 0, 2, 1]], np.int64), floats(1, 4, seed=1)),
    op("ScatterElements add", floats(3, 4), np.array([[1, -1]], np.int64), floats(1, 2, seed=1), axis=1, reduction="add"),
    op("ScatterND", floats(4, 3), np.array([[2], [0]], np.int64), floats(2, 3, seed=1)),
    op("ScatterND add", floats(4, 3), np.array([[2, 1], [2, 1]], np.int64), floats(2, seed=1), reduction="add"),
    # Resizing
    op("Upsample", IMAGE, np.array([1, 1, 2, 3], np.float32), opset=9, known=(1,)),
    *(
        op(f"Resize {mode} {place} {out}", IMAGE, None, None, ints(2, 4, *out), known=(3,), mode=mode, coordinate_transformation_mode=place)
        for mode in ("nearest", "linear", "cubic")
        for place in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
        for out in ((14, 12), (5, 9))
    ),
    op("Resize scales", IMAGE, None, np.array([1, 1, 2, 2], np.float32), known=(2,), mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
    op("Resize half scale", IMAGE, None, np.array([1, 1, 0.6, 1.7], np.float32), known=(2,), mode="linear"),
    op("Resize ceil", IMAGE, None, None, ints(2, 4, 5, 9), known=(3,), nearest_mode="ceil"),
    op("Resize axes", IMAGE, None, None, ints(9), known=(3,), axes=[2], mode="cubic", cubic_coeff_a=-0.5),
    op("Resize exclude", IMAGE, None, None, ints(2, 4, 9, 8), known=(3,), mode="cubic", exclude_outside=1),
    op("ReduceProd", POSITIVE, ints(0, 2), known=(1,)),
    op("Conv three axes", floats(1, 2, 4, 5, 3), floats(3, 2, 2, 2, 2), floats(3), strides=[1, 2, 1]),
    op("Attention", floats(2, 3, 5, 4), floats(2, 3, 6, 4, seed=1), floats(2, 3, 6, 4, seed=2), opset=23),
    op("Attention causal", floats(2, 3, 5, 4), floats(2, 3, 5, 4, seed=1), floats(2, 3, 5, 4, seed=2), opset=23, is_causal=1),
    op("Attention flat", floats(2, 5, 8), floats(2, 5, 8, seed=1), floats(2, 5, 8, seed=2), floats(5, 5, seed=3), opset=23, q_num_heads=2, kv_num_heads=2, scale=0.3),
    op("Swish", X, opset=24, alpha=0.5),
    op("Scatter", floats(3, 4), np.array([[1, 0, 2, 1]], np.int64), floats(1, 4, seed=1), opset=10, wanted=scattered()),
    op("Resize rank 2", floats(3, 4), None, np.array([2, 3], np.float32), known=(2,)),
    *recurrent_cases(),
)  # fmt: skip


def groups() -> dict[str, list[OpCase]]:
    """Cases of one op set each, in the table's order, 24 of them at most: a model for each group is faster than one for each."""
    found: dict[str, list[OpCase]] = {}
    for opset in sorted({case.opset for case in CASES}):
        cases = [case for case in CASES if case.opset == opset]
        for start in range(0, len(cases), 24):
            group = cases[start : start + 24]
            found[f"{opset} {group[0].name} to {group[-1].name}"] = group
    return found


@pytest.mark.parametrize("cases", groups().values(), ids=groups())
def test_values_are_those_of_the_reference(cases: list[OpCase], tmp_path: Path) -> None:
    model, inputs, wanted = cases_model(cases)
    result = imported(opened(model, tmp_path))
    assert [spec.name for spec in result.outputs] == list(wanted)
    for got, (name, value) in zip(computed(result, inputs), wanted.items(), strict=True):
        try:
            assert_same(got, value)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_every_op_of_the_table_has_a_case() -> None:
    elsewhere = {"Compress", "Constant", "NonMaxSuppression", "NonZero", "Unique"}
    assert {case.op for case in CASES} | elsewhere == set(supported_ops())
