"""The reference interpreter on linalg: against PyTorch and NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.interpreter.run import interpret
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context

torch.set_num_threads(1)
RNG = np.random.default_rng(7)


def parse(text: str) -> ModuleOp:
    parsed = parse_ir(make_context(), text, "test.mlir")
    parsed.verify()
    return parsed.module


def body(signature: str, lines: str) -> ModuleOp:
    return parse(f"func.func @main{signature} {{\n{lines}\n}}")


def draw(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def close(got: NDArray[Any], want: object, rtol: float = 1e-5) -> None:
    wanted: NDArray[Any] = np.asarray(want)
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=1e-5)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_conv_2d(stride: int, dilation: int) -> None:
    x, w, init = draw(2, 3, 9, 11), draw(4, 3, 3, 2), None
    want = torch.nn.functional.conv2d(
        torch.from_numpy(x), torch.from_numpy(w), stride=stride, dilation=dilation
    ).numpy()
    init = draw(*want.shape)
    t = "x".join(map(str, want.shape)) + "xf32"
    module = body(
        f"(%x: tensor<2x3x9x11xf32>, %w: tensor<4x3x3x2xf32>, %y: tensor<{t}>) -> tensor<{t}>",
        f"""%r = linalg.conv_2d_nchw_fchw {{strides = dense<{stride}> : tensor<2xi64>, dilations = dense<{dilation}> : tensor<2xi64>}}
          ins(%x, %w : tensor<2x3x9x11xf32>, tensor<4x3x3x2xf32>) outs(%y : tensor<{t}>) -> tensor<{t}>
        func.return %r : tensor<{t}>""",
    )
    close(interpret(module, [x, w, init], {})[0], want + init)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (4, 1), (2, 3)])
def test_conv_1d(stride: int, dilation: int) -> None:
    x, w = draw(2, 3, 20), draw(4, 3, 5)
    want = torch.nn.functional.conv1d(
        torch.from_numpy(x), torch.from_numpy(w), stride=stride, dilation=dilation
    ).numpy()
    t = "x".join(map(str, want.shape)) + "xf32"
    module = body(
        f"(%x: tensor<2x3x20xf32>, %w: tensor<4x3x5xf32>) -> tensor<{t}>",
        f"""%zero = arith.constant dense<0.0> : tensor<{t}>
        %r = linalg.conv_1d_ncw_fcw {{strides = dense<{stride}> : tensor<1xi64>, dilations = dense<{dilation}> : tensor<1xi64>}}
          ins(%x, %w : tensor<2x3x20xf32>, tensor<4x3x5xf32>) outs(%zero : tensor<{t}>) -> tensor<{t}>
        func.return %r : tensor<{t}>""",
    )
    close(interpret(module, [x, w], {})[0], want)


def test_grouped_conv_2d() -> None:
    x, w = draw(2, 6, 5, 5), draw(4, 3, 3, 3)
    want = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w), groups=2).numpy()
    module = body(
        "(%x: tensor<2x2x3x5x5xf32>, %w: tensor<2x2x3x3x3xf32>) -> tensor<2x2x2x3x3xf32>",
        """%zero = arith.constant dense<0.0> : tensor<2x2x2x3x3xf32>
        %r = linalg.conv_2d_ngchw_gfchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
          ins(%x, %w : tensor<2x2x3x5x5xf32>, tensor<2x2x3x3x3xf32>) outs(%zero : tensor<2x2x2x3x3xf32>) -> tensor<2x2x2x3x3xf32>
        func.return %r : tensor<2x2x2x3x3xf32>""",
    )
    close(interpret(module, [x.reshape(2, 2, 3, 5, 5), w.reshape(2, 2, 3, 3, 3)], {})[0], want.reshape(2, 2, 2, 3, 3))


def test_accumulators_are_wide() -> None:
    """1e8 + 1 - 1e8 is 1 where sums are kept in 64 bits, 0 in 32."""
    x = np.array([[1e8, 1, -1e8]], np.float32)
    module = body(
        "(%x: tensor<1x3xf32>, %w: tensor<3x1xf32>) -> tensor<1x1xf32>",
        """%zero = arith.constant dense<0.0> : tensor<1x1xf32>
        %r = linalg.matmul ins(%x, %w : tensor<1x3xf32>, tensor<3x1xf32>) outs(%zero : tensor<1x1xf32>) -> tensor<1x1xf32>
        func.return %r : tensor<1x1xf32>""",
    )
    close(interpret(module, [x, np.ones((3, 1), np.float32)], {})[0], np.array([[1]], np.float32))


def test_batch_matmul_adds_to_its_output() -> None:
    a, b, c = draw(2, 3, 4), draw(2, 4, 5), draw(2, 3, 5)
    module = body(
        "(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>, %c: tensor<2x3x5xf32>) -> tensor<2x3x5xf32>",
        """%r = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
        func.return %r : tensor<2x3x5xf32>""",
    )
    close(interpret(module, [a, b, c], {})[0], a @ b + c)


def test_matmul_with_other_maps() -> None:
    """A transposed right factor is told by the indexing maps alone."""
    a, b = draw(3, 4), draw(4, 4)
    module = body(
        "(%a: tensor<3x4xf32>, %b: tensor<4x4xf32>) -> tensor<3x4xf32>",
        """%zero = arith.constant dense<0.0> : tensor<3x4xf32>
        %r = "linalg.matmul"(%a, %b, %zero) <{operandSegmentSizes = array<i32: 2, 1>, indexing_maps = [
          affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]}> ({
        ^bb0(%x: f32, %y: f32, %z: f32):
          %0 = arith.mulf %x, %y : f32
          %1 = arith.addf %z, %0 : f32
          linalg.yield %1 : f32
        }) : (tensor<3x4xf32>, tensor<4x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
        func.return %r : tensor<3x4xf32>""",
    )
    close(interpret(module, [a, b], {})[0], a @ b.T)


@pytest.mark.parametrize("kind", ["max", "sum"])
def test_pooling_2d(kind: str) -> None:
    x = draw(1, 2, 7, 7)
    window = torch.nn.functional.max_pool2d(torch.from_numpy(x), 3, 2).numpy()
    if kind == "sum":
        window = torch.nn.functional.avg_pool2d(torch.from_numpy(x), 3, 2).numpy() * 9
    start = "0xff800000" if kind == "max" else "0.0"
    module = body(
        "(%x: tensor<1x2x7x7xf32>) -> tensor<1x2x3x3xf32>",
        f"""%start = arith.constant {start} : f32
        %e = tensor.empty() : tensor<1x2x3x3xf32>
        %init = linalg.fill ins(%start : f32) outs(%e : tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
        %k = tensor.empty() : tensor<3x3xf32>
        %r = linalg.pooling_nchw_{kind} {{strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}}
          ins(%x, %k : tensor<1x2x7x7xf32>, tensor<3x3xf32>) outs(%init : tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
        func.return %r : tensor<1x2x3x3xf32>""",
    )
    close(interpret(module, [x], {})[0], window.astype(np.float32), 1e-4)


def test_generic_with_division_in_its_map() -> None:
    x = draw(2, 3)
    module = body(
        "(%x: tensor<2x3xf32>) -> tensor<4x9xf32>",
        """%e = tensor.empty() : tensor<4x9xf32>
        %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0 floordiv 2, d1 floordiv 3)>, affine_map<(d0, d1) -> (d0, d1)>],
          iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x3xf32>) outs(%e : tensor<4x9xf32>) {
        ^bb0(%a: f32, %o: f32):
          linalg.yield %a : f32
        } -> tensor<4x9xf32>
        func.return %r : tensor<4x9xf32>""",
    )
    close(interpret(module, [x], {})[0], x.repeat(2, 0).repeat(3, 1))


def test_reduction_in_index_order_with_index_and_outer_constant() -> None:
    """A polynomial by Horner's rule: the order of the steps is the result."""
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    module = body(
        "(%x: tensor<2x3xf32>) -> tensor<2xf32>",
        """%ten = arith.constant 10.0 : f32
        %zero = arith.constant dense<0.0> : tensor<2xf32>
        %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
          iterator_types = ["parallel", "reduction"]} ins(%x : tensor<2x3xf32>) outs(%zero : tensor<2xf32>) {
        ^bb0(%a: f32, %o: f32):
          %i = linalg.index 0 : index
          %j = arith.index_cast %i : index to i32
          %k = arith.sitofp %j : i32 to f32
          %0 = arith.mulf %o, %ten : f32
          %1 = arith.addf %0, %a : f32
          %2 = arith.addf %1, %k : f32
          linalg.yield %2 : f32
        } -> tensor<2xf32>
        func.return %r : tensor<2xf32>""",
    )
    close(interpret(module, [x], {})[0], np.array([123, 567], np.float32))


def test_shapes() -> None:
    x = draw(3, 4)
    module = body(
        "(%x: tensor<3x4xf32>) -> (tensor<4x3xf32>, tensor<2x2xf32>, tensor<5x5xf32>, tensor<3x8xf32>, tensor<12xf32>, tensor<4xf32>, tensor<3x4xf32>)",
        """%e = tensor.empty() : tensor<4x3xf32>
        %t = linalg.transpose ins(%x : tensor<3x4xf32>) outs(%e : tensor<4x3xf32>) permutation = [1, 0]
        %s = tensor.extract_slice %x[0, 1] [2, 2] [2, 2] : tensor<3x4xf32> to tensor<2x2xf32>
        %p = tensor.pad %x low[1, 0] high[1, 1] {
        ^bb0(%i: index, %j: index):
          %c = arith.constant 7.0 : f32
          tensor.yield %c : f32
        } : tensor<3x4xf32> to tensor<5x5xf32>
        %cat = tensor.concat dim(1) %x, %x : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
        %flat = tensor.collapse_shape %x [[0 : i64, 1 : i64]] : tensor<3x4xf32> into tensor<12xf32>
        %row = tensor.extract_slice %x[1, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
        %in = tensor.insert_slice %s into %x[1, 0] [2, 2] [1, 3] : tensor<2x2xf32> into tensor<3x4xf32>
        func.return %t, %s, %p, %cat, %flat, %row, %in : tensor<4x3xf32>, tensor<2x2xf32>, tensor<5x5xf32>, tensor<3x8xf32>, tensor<12xf32>, tensor<4xf32>, tensor<3x4xf32>""",
    )
    t, s, p, cat, flat, row, inserted = interpret(module, [x], {})
    close(t, x.T)
    close(s, x[0:3:2, 1:4:2])
    close(p, np.pad(x, ((1, 1), (0, 1)), constant_values=7))
    close(cat, np.concatenate([x, x], 1))
    close(flat, x.reshape(12))
    close(row, x[1])
    want = x.copy()
    want[1:3, 0:4:3] = x[0:3:2, 1:4:2]
    close(inserted, want)


def test_large_transpose_by_blocks() -> None:
    x = draw(300, 7)
    module = body(
        "(%x: tensor<300x7xf32>) -> tensor<7x300xf32>",
        """%e = tensor.empty() : tensor<7x300xf32>
        %t = linalg.transpose ins(%x : tensor<300x7xf32>) outs(%e : tensor<7x300xf32>) permutation = [1, 0]
        func.return %t : tensor<7x300xf32>""",
    )
    close(interpret(module, [x], {})[0], x.T)


def test_reduce_broadcast_and_calls() -> None:
    x = draw(2, 3)
    module = parse(
        """
        func.func @sums(%x: tensor<2x3xf32>) -> tensor<2xf32> {
          %zero = arith.constant dense<0.0> : tensor<2xf32>
          %r = linalg.reduce ins(%x : tensor<2x3xf32>) outs(%zero : tensor<2xf32>) dimensions = [1]
          (%a: f32, %b: f32) {
            %0 = arith.addf %a, %b : f32
            linalg.yield %0 : f32
          }
          func.return %r : tensor<2xf32>
        }
        func.func @main(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
          %s = func.call @sums(%x) : (tensor<2x3xf32>) -> tensor<2xf32>
          %e = tensor.empty() : tensor<2x4xf32>
          %b = linalg.broadcast ins(%s : tensor<2xf32>) outs(%e : tensor<2x4xf32>) dimensions = [1]
          func.return %b : tensor<2x4xf32>
        }
        """
    )
    close(interpret(module, [x], {})[0], np.repeat(x.sum(1, keepdims=True), 4, 1))
    close(interpret(module, [x], {}, "sums")[0], x.sum(1))


def test_bf16_is_rounded_to_nearest_even() -> None:
    x = np.array([1.0, 1.00390625, 1.01171875], np.float32)  # the last two lie halfway between two bf16
    module = body(
        "(%x: tensor<3xf32>) -> tensor<3xbf16>",
        """%e = tensor.empty() : tensor<3xbf16>
        %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
          ins(%x : tensor<3xf32>) outs(%e : tensor<3xbf16>) {
        ^bb0(%a: f32, %o: bf16):
          %0 = arith.truncf %a : f32 to bf16
          linalg.yield %0 : bf16
        } -> tensor<3xbf16>
        func.return %r : tensor<3xbf16>""",
    )
    (got,) = interpret(module, [x], {})
    assert got.dtype == np.uint16
    assert got.tolist() == torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).tolist()


def test_what_is_not_written_shows() -> None:
    module = body("() -> tensor<2xf32>", "%e = tensor.empty() : tensor<2xf32>\nfunc.return %e : tensor<2xf32>")
    assert np.isnan(interpret(module, [], {})[0]).all()


ADD = """%r = linalg.add ins(%x, %w : tensor<2xf32>, tensor<2xf32>) outs(%x : tensor<2xf32>) -> tensor<2xf32>
        func.return %r : tensor<2xf32>"""


@pytest.mark.parametrize(
    ("inputs", "weights", "message"),
    [
        ([], {}, "@main takes 1 inputs, got 0"),
        ([draw(3)], {"w": draw(2)}, r"input 0 of @main is f32\[2\], got float32\[3\]"),
        ([np.zeros(2)], {"w": draw(2)}, r"input 0 of @main is f32\[2\], got float64\[2\]"),
        ([draw(2)], {}, "no weight 'w' among the 0 given"),
        ([draw(2)], {"w": draw(3)}, r"weight 'w' is float32\[2\] in the IR, got float32\[3\]"),
        ([draw(2)], {"w": np.zeros(2)}, r"weight 'w' is float32\[2\] in the IR, got float64\[2\]"),
    ],
)
def test_refuses_what_does_not_fit(
    inputs: list[NDArray[np.generic]], weights: dict[str, NDArray[np.generic]], message: str
) -> None:
    module = body("(%x: tensor<2xf32>) -> tensor<2xf32>", "%w = cedr.weight @w : tensor<2xf32>\n" + ADD)
    if not weights and not inputs:
        weights = {"w": draw(2)}
    with pytest.raises(InterpretationError, match=message):
        interpret(module, inputs, weights)


def test_refuses_an_unknown_function_and_op() -> None:
    module = body("(%x: f32) -> f32", '%r = "test.pureop"(%x) : (f32) -> f32\nfunc.return %r : f32')
    with pytest.raises(InterpretationError, match="no NumPy meaning for 'test.pureop' on f32, f32"):
        interpret(module, [np.array(1, np.float32)], {})
    with pytest.raises(InterpretationError, match="no function @other; the functions are @main"):
        interpret(module, [np.array(1, np.float32)], {}, "other")


def test_refuses_arithmetic_on_tensors() -> None:
    module = body(
        "(%x: tensor<2xf32>) -> tensor<2xf32>", "%r = arith.addf %x, %x : tensor<2xf32>\nfunc.return %r : tensor<2xf32>"
    )
    with pytest.raises(InterpretationError, match="no NumPy meaning for 'arith.addf' on tensor<2xf32>"):
        interpret(module, [draw(2)], {})


def test_a_bf16_constant_keeps_its_value() -> None:
    text = """
    func.func @main(%x: tensor<2xbf16>) -> tensor<2xbf16> {
      %e = tensor.empty() : tensor<2xbf16>
      %c = arith.constant dense<[1.5, -2.25]> : tensor<2xbf16>
      %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>,
          affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
          ins(%x, %c : tensor<2xbf16>, tensor<2xbf16>) outs(%e : tensor<2xbf16>) {
      ^bb0(%a: bf16, %b: bf16, %o: bf16):
        %half = arith.constant 0.5 : bf16
        %s = arith.mulf %a, %half : bf16
        %t = arith.addf %s, %b : bf16
        linalg.yield %t : bf16
      } -> tensor<2xbf16>
      func.return %y : tensor<2xbf16>
    }
    """
    module = parse_ir(make_context(), text, "bf16.mlir").module
    bits = (np.array([1.0, 3.0], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    (y,) = interpret(module, [bits], {})
    values = (y.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(values, [2.0, -0.75])


def test_map_with_and_without_the_destination() -> None:
    a, b = draw(2, 3), draw(2, 3)
    module = body(
        "(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32>",
        """%m = linalg.map ins(%a : tensor<2x3xf32>) outs(%b : tensor<2x3xf32>) (%x: f32, %o: f32) {
          %s = arith.subf %x, %o : f32
          linalg.yield %s : f32
        }
        %e = tensor.empty() : tensor<2x3xf32>
        %n = linalg.map ins(%m, %a : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%x: f32, %y: f32) {
          %s = arith.remf %x, %y : f32
          linalg.yield %s : f32
        }
        func.return %n : tensor<2x3xf32>""",
    )
    close(interpret(module, [a, b], {})[0], np.fmod(a - b, a))


def test_depthwise_convolution() -> None:
    x, w, y = draw(1, 4, 9, 8), draw(4, 3, 3), draw(1, 4, 4, 6)
    module = body(
        "(%x: tensor<1x4x9x8xf32>, %w: tensor<4x3x3xf32>, %y: tensor<1x4x4x6xf32>) -> tensor<1x4x4x6xf32>",
        """%r = linalg.depthwise_conv_2d_nchw_chw {strides = dense<[2, 1]> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
          ins(%x, %w : tensor<1x4x9x8xf32>, tensor<4x3x3xf32>) outs(%y : tensor<1x4x4x6xf32>) -> tensor<1x4x4x6xf32>
        func.return %r : tensor<1x4x4x6xf32>""",
    )
    filters = torch.from_numpy(w[:, None])
    want = torch.nn.functional.conv2d(torch.from_numpy(x), filters, stride=(2, 1), groups=4).numpy()
    close(interpret(module, [x, w, y], {})[0], want + y)


def test_pooling_of_three_dimensions_with_channels_last() -> None:
    x, y = draw(1, 4, 4, 6, 2), draw(1, 2, 2, 3, 2)
    module = body(
        "(%x: tensor<1x4x4x6x2xf32>, %k: tensor<2x2x2xf32>, %y: tensor<1x2x2x3x2xf32>) -> tensor<1x2x2x3x2xf32>",
        """%r = linalg.pooling_ndhwc_sum {strides = dense<2> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
          ins(%x, %k : tensor<1x4x4x6x2xf32>, tensor<2x2x2xf32>) outs(%y : tensor<1x2x2x3x2xf32>) -> tensor<1x2x2x3x2xf32>
        func.return %r : tensor<1x2x2x3x2xf32>""",
    )
    want = x.reshape(1, 2, 2, 2, 2, 3, 2, 2).sum((2, 4, 6))
    close(interpret(module, [x, draw(2, 2, 2), y], {})[0], want + y)


def test_product_of_narrow_integers() -> None:
    a, b = RNG.integers(-128, 128, (3, 5), np.int8), RNG.integers(-128, 128, (5, 4), np.int8)
    module = body(
        "(%a: tensor<3x5xi8>, %b: tensor<5x4xi8>, %c: tensor<3x4xi32>) -> tensor<3x4xi32>",
        """%r = linalg.matmul ins(%a, %b : tensor<3x5xi8>, tensor<5x4xi8>) outs(%c : tensor<3x4xi32>) -> tensor<3x4xi32>
        func.return %r : tensor<3x4xi32>""",
    )
    want = a.astype(np.int32) @ b.astype(np.int32) + 1
    assert (interpret(module, [a, b, np.ones((3, 4), np.int32)], {})[0] == want).all()


def test_variables_of_the_module_and_assertions() -> None:
    module = parse("""
    ml_program.global private mutable @count(dense<3> : tensor<i64>) : tensor<i64>
    func.func @main(%x: tensor<i64>, %holds: tensor<i1>) -> (tensor<i64>, tensor<i64>) {
      %before = ml_program.global_load @count : tensor<i64>
      ml_program.global_store @count = %x : tensor<i64>
      %after = ml_program.global_load @count : tensor<i64>
      %true = tensor.extract %holds[] : tensor<i1>
      cf.assert %true, "told so"
      func.return %before, %after : tensor<i64>, tensor<i64>
    }""")
    assert [int(v) for v in interpret(module, [np.array(5), np.array(True)], {})] == [3, 5]
    with pytest.raises(InterpretationError, match="an assertion does not hold: told so"):
        interpret(module, [np.array(5), np.array(False)], {})


def test_a_variable_that_is_not_there() -> None:
    module = parse("""
    func.func @main() -> tensor<i64> {
      %v = ml_program.global_load @count : tensor<i64>
      func.return %v : tensor<i64>
    }""")
    with pytest.raises(InterpretationError, match="no ml_program.global @count; there are none"):
        interpret(module, [], {})
