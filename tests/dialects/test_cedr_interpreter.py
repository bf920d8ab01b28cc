"""What the cedr dialect's ops mean: calls beside plain loops, grids, buffers in an arena, tasks in any order."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.cedr import CallOp, KernelOp
from cedr.dialects.interpreter.cedr import enumerate_tasks, run_function, run_tasks
from cedr.dialects.interpreter.run import interpret
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context
from cedr.target.api import FUNCTION_FLOPS


def parse(text: str) -> ModuleOp:
    parsed = parse_ir(make_context(), text, "test.mlir")
    parsed.verify()
    return parsed.module


def only_call(text: str) -> CallOp:
    return next(op for op in parse(text).walk() if isinstance(op, CallOp))


def declared(*types: str) -> str:
    return "".join(f'%{"abcd"[i]} = "test.op"() : () -> {t}\n' for i, t in enumerate(types))


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


# Calls, each beside loops over single elements.


def test_conv2d() -> None:
    text = declared("memref<2x3x9x8xf32>", "memref<4x3x3x2xf32>", "memref<2x4x4x5xf32>")
    call = only_call(text + "cedr.conv2d strides [2, 1] dilations [1, 3] ins(%a, %b) outs(%c)")
    x, w, y = numbers(2, 3, 9, 8), numbers(4, 3, 3, 2), np.full((2, 4, 4, 5), np.nan, np.float32)
    call.meaning([x, w], [y])
    want = np.zeros(y.shape)
    for n, f, i, j, c, p, q in product(*map(range, (2, 4, 4, 5, 3, 3, 2))):
        want[n, f, i, j] += float(x[n, c, 2 * i + p, j + 3 * q]) * float(w[f, c, p, q])
    np.testing.assert_allclose(y, want, rtol=1e-6)
    assert call.macs() == 2 * 4 * 4 * 5 * 3 * 3 * 2
    assert call.dims() == dict(n=2, c=3, h=9, w=8, f=4, kh=3, kw=2, oh=4, ow=5, sh=2, sw=1, dh=1, dw=3)


def test_conv1d() -> None:
    text = declared("memref<2x3x12xf32>", "memref<4x3x3xf32>", "memref<2x4x4xf32>")
    call = only_call(text + "cedr.conv1d strides [2] dilations [2] ins(%a, %b) outs(%c)")
    x, w, y = numbers(2, 3, 12), numbers(4, 3, 3), np.empty((2, 4, 4), np.float32)
    call.meaning([x, w], [y])
    want = np.zeros(y.shape)
    for n, f, i, c, p in product(*map(range, (2, 4, 4, 3, 3))):
        want[n, f, i] += float(x[n, c, 2 * i + 2 * p]) * float(w[f, c, p])
    np.testing.assert_allclose(y, want, rtol=1e-6)
    assert call.dims() == dict(n=2, c=3, l=12, f=4, k=3, ol=4, s=2, d=2)


@pytest.mark.parametrize("transposed", [False, True])
def test_gemm(transposed: bool) -> None:
    text = declared("memref<2x3xf32>", "memref<4x3xf32>" if transposed else "memref<3x4xf32>", "memref<2x4xf32>")
    call = only_call(text + f"cedr.gemm {'transpose_b ' if transposed else ''}ins(%a, %b) outs(%c)")
    a, b, c = numbers(2, 3), numbers(3, 4), np.empty((2, 4), np.float32)
    call.meaning([a, b.T.copy() if transposed else b], [c])
    np.testing.assert_allclose(
        c, [[sum(a[i, k] * b[k, j] for k in range(3)) for j in range(4)] for i in range(2)], rtol=1e-5
    )
    assert call.dims() == dict(m=2, k=3, n=4) and call.macs() == 24
    assert call.attributes_by_name() == {"transpose_b": transposed}


@pytest.mark.parametrize("inverse", [False, True])
def test_fft(inverse: bool) -> None:
    text = declared(*["memref<2x8xcomplex<f32>>"] * 2)
    call = only_call(text + f"cedr.fft {'inverse ' if inverse else ''}ins(%a) outs(%b)")
    x = (numbers(2, 8) + 1j * numbers(8, 2).T).astype(np.complex64)
    y = np.empty_like(x)
    call.meaning([x], [y])
    sign = 1 if inverse else -1
    factors = np.exp(sign * 2j * np.pi * np.outer(np.arange(8), np.arange(8)) / 8)
    np.testing.assert_allclose(y, x @ factors / (8 if inverse else 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "want"), [("add", 5.0), ("sub", 1.0), ("mul", 6.0), ("div", 1.5), ("cmp_mul", 6.0)])
def test_zip_in_place(kind: str, want: float) -> None:
    call = only_call(declared("memref<2xf32>", "memref<2xf32>") + f"cedr.zip {kind} ins(%a, %b) outs(%a)")
    a, b = np.full(2, 3, np.float32), np.full(2, 2, np.float32)
    call.meaning([a, b], [a])
    np.testing.assert_array_equal(a, [want, want])


def test_a_kernel_reduces_in_index_order_from_its_init() -> None:
    call = only_call(
        declared("memref<2x4xf32>", "memref<2xf32>")
        + """cedr.kernel @k [2, 4] maps [(d0, -d1 + 3), (d0)] init [1.0 : f32] ins(%a) outs(%b) {
      ^bb0(%x: f32, %total: f32):
        %i = cedr.index 1 : index
        %j = arith.index_cast %i : index to i64
        %k = arith.sitofp %j : i64 to f32
        %p = arith.mulf %total, %x : f32
        %s = arith.addf %p, %k : f32
        cedr.yield %s : f32
      }"""
    )
    x, y = numbers(2, 4), np.full(2, np.nan, np.float32)
    call.meaning([x], [y])
    want = np.ones(2, np.float32)
    for j in range(4):
        want = want * x[:, 3 - j] + np.float32(j)
    np.testing.assert_allclose(y, want, rtol=1e-6)
    assert isinstance(call, KernelOp) and call.reduction_dims() == (1,) and call.reads_outputs() == (False,)
    assert call.dims() == dict(elements=8, flops=8 * 4, bytes_in=32, bytes_out=8, macs=0)


def test_functions_of_the_library_count_as_many_operations() -> None:
    call = only_call(
        declared("memref<4xf32>", "memref<4xf32>")
        + """cedr.kernel @k [4] maps [(d0), (d0)] ins(%a) outs(%b) {
      ^bb0(%x: f32, %y: f32):
        %e = math.exp %x : f32
        %r = math.sqrt %e : f32
        %s = arith.addf %e, %r : f32
        cedr.yield %s : f32
      }"""
    )
    assert isinstance(call, KernelOp) and call.dims()["flops"] == 4 * (FUNCTION_FLOPS + 2)


def test_a_kernel_without_init_goes_on_from_what_is_there() -> None:
    text = (
        declared("memref<2xf32>", "memref<2xf32>")
        + """cedr.kernel @k [2] maps [(d0), (d0)] ins(%a) outs(%b) {
      ^bb0(%x: f32, %y: f32):
        %s = arith.addf %x, %y : f32
        cedr.yield %s : f32
      }"""
    )
    call = only_call(text)
    y = np.array([10, 20], np.float32)
    call.meaning([np.array([1, 2], np.float32)], [y])
    np.testing.assert_array_equal(y, [11, 22])
    assert call.reads_outputs() == (True,) and call.dims()["bytes_in"] == 16


def test_a_border_is_charged_for_its_strips_only() -> None:
    call = only_call(
        declared("memref<64x226x226xf32>")
        + """cedr.kernel @border [64, 2, 226] maps [(d0, d1 * 225, d2), (d0, d2, d1 * 225)] ins() outs(%a, %a) {
      ^bb0(%x: f32, %y: f32):
        %z = arith.constant 0.0 : f32
        cedr.yield %z, %z : f32, f32
      }"""
    )
    assert call.dims()["bytes_out"] == 2 * 64 * 2 * 226 * 4


# Functions on buffers.

PLANNED = """
func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {{cedr.output = "y"}}) {{
  %a = cedr.alloc{a} : memref<8xf32>
  cedr.grid @first [4 parallel] base 0
      ins(%i0 = %x[d0 * 2][2] : memref<8xf32>) outs(%o0 = %a[d0 * 2][2] : memref<8xf32>) {{
    cedr.zip add ins(%i0, %i0) outs(%o0)
    cedr.yield
  }}
  %b = cedr.alloc{b} : memref<8xf32>
  %r = cedr.alloc{r} : memref<2x2xf32>
  cedr.grid @second [4 parallel] base 4
      ins(%i1 = %a[d0 * 2][2] : memref<8xf32>) outs(%o1 = %b[-d0 * 2 + 6][2] : memref<8xf32>)
      scratch(%t = %r slot ((d0) mod 2) : memref<2x2xf32>) {{
    cedr.zip mul ins(%i1, %i1) outs(%t)
    cedr.zip add ins(%t, %i1) outs(%o1)
    cedr.yield
  }}
  %v = cedr.view %b : memref<8xf32> to memref<2x4xf32>
  %u = cedr.view %y : memref<8xf32> to memref<2x4xf32>
  cedr.grid @third [] base 12 ins(%i2 = %v[0, 0][2, 4] : memref<2x4xf32>) outs(%o2 = %u[0, 0][2, 4] : memref<2x4xf32>) {{
    cedr.zip add ins(%i2, %i2) outs(%o2)
    cedr.yield
  }}
  cedr.wait
  func.return
}}"""
X = np.arange(1, 9, dtype=np.float32)
WANT = (2 * ((2 * X) ** 2 + 2 * X)).reshape(4, 2)[::-1].reshape(-1)


def main_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.walk() if isinstance(op, func.FuncOp))


@pytest.mark.parametrize(
    ("a", "b", "r"),
    [("", "", ""), (" at 0", " at 32", " at 64"), (" at 40", "", " at 8")],
    ids=["own", "arena", "both"],
)
def test_a_sound_plan_gives_the_values(a: str, b: str, r: str) -> None:
    module = parse(PLANNED.format(a=a, b=b, r=r))
    np.testing.assert_array_equal(interpret(module, [X], {})[0], WANT)


def test_buffers_that_overlap_while_both_live_give_wrong_values() -> None:
    module = parse(PLANNED.format(a=" at 0", b=" at 16", r=" at 64"))
    assert not np.array_equal(interpret(module, [X], {})[0], WANT)


@pytest.mark.parametrize("at", ["", " at 0"])
def test_memory_that_nobody_wrote_shows(at: str) -> None:
    module = parse(f"""
    func.func @main(%y: memref<4xf32> {{cedr.output = "y"}}) {{
      %a = cedr.alloc{at} : memref<4xf32>
      cedr.grid @g [] ins(%i = %a[0][4] : memref<4xf32>) outs(%o = %y[0][4] : memref<4xf32>) {{
        cedr.zip add ins(%i, %i) outs(%o)
        cedr.yield
      }}
      func.return
    }}""")
    assert np.isnan(interpret(module, [], {})[0]).all()


def test_scratch_on_tensors_starts_undefined() -> None:
    module = parse("""
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = cedr.grid @g [2 parallel] ins(%i = %x[d0 * 2][2] : tensor<4xf32>)
          outs(%o = %x[d0 * 2][2] : tensor<4xf32>) scratch(%t : tensor<2xf32>) {
        cedr.zip add ins(%t, %i) outs(%o)
        cedr.yield
      }
      func.return %y : tensor<4xf32>
    }""")
    x = np.ones(4, np.float32)
    assert np.isnan(interpret(module, [x], {})[0]).all()
    np.testing.assert_array_equal(x, 1)


def test_tasks_have_ids_and_what_they_read_and_write() -> None:
    function = main_of(parse(PLANNED.format(a="", b="", r="")))
    tasks = list(enumerate_tasks(function))
    assert [t.id for t in tasks] == list(range(13))
    task = next(t for t in tasks if t.grid == "second" and t.call == 1 and t.point == (3,))
    assert task.id == 4 + 3 * 2 + 1
    assert [(a.offset, a.shape) for a in task.reads] == [((1, 0), (1, 2)), ((6,), (2,))]
    assert [(a.offset, a.shape) for a in task.writes] == [((0,), (2,))]
    (last,) = tasks[12:]
    assert last.writes[0].buffer is function.body.block.args[1] and last.writes[0].view is not last.writes[0].buffer


def test_ids_without_a_base_go_on_in_program_order() -> None:
    text = PLANNED.format(a="", b="", r="")
    for base in (" base 0", " base 4", " base 12"):
        text = text.replace(base, "")
    assert [t.id for t in enumerate_tasks(main_of(parse(text)))] == list(range(13))


def test_orders_that_keep_the_dependencies_give_the_values_and_others_do_not() -> None:
    function = main_of(parse(PLANNED.format(a=" at 0", b=" at 32", r=" at 64")))
    tasks = list(enumerate_tasks(function))
    by_tile = sorted(tasks[:12], key=lambda t: (t.point, t.id)) + tasks[12:]
    np.testing.assert_array_equal(run_tasks(function, [X], {}, by_tile)[0], WANT)
    assert not np.array_equal(run_tasks(function, [X], {}, reversed(tasks))[0], WANT)
    wrong = 0
    for seed in range(5):
        shuffled = random.Random(seed).sample(tasks, len(tasks))
        wrong += not np.array_equal(run_tasks(function, [X], {}, shuffled)[0], WANT)
    assert wrong == 5


def test_an_input_of_another_shape_is_refused() -> None:
    with pytest.raises(InterpretationError, match=r"input of shape \[4\] for memref<8xf32>"):
        run_function(main_of(parse(PLANNED.format(a="", b="", r=""))), [X[:4]], {})


def test_a_buffer_without_dimensions() -> None:
    module = parse("""
    func.func @main(%x: memref<f32>, %y: memref<f32> {cedr.output = "y"}) {
      cedr.grid @g [] ins(%i = %x[][] : memref<f32>) outs(%o = %y[][] : memref<f32>) {
        cedr.zip add ins(%i, %i) outs(%o)
        cedr.yield
      }
      func.return
    }""")
    (result,) = interpret(module, [np.array(3, np.float32)], {})
    assert result.shape == () and result == 6


def test_a_weight_of_another_shape_is_refused() -> None:
    module = parse("""
    func.func @main() -> tensor<4xf32> {
      %w = cedr.weight @w : tensor<4xf32>
      func.return %w : tensor<4xf32>
    }""")
    assert interpret(module, [], {"w": np.ones(4, np.float32)})[0].sum() == 4
    with pytest.raises(InterpretationError, match=r"weight w is \[5\] in the file, tensor<4xf32> in the IR"):
        run_function(main_of(module), [], {"w": np.ones(5, np.float32)})


def test_another_dialects_op_among_grids_is_refused() -> None:
    module = parse("""
    func.func @main(%x: tensor<4xf32>) -> tensor<2x2xf32> {
      %y = tensor.expand_shape %x [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
      func.return %y : tensor<2x2xf32>
    }""")
    with pytest.raises(InterpretationError, match=r"no meaning for 'tensor.expand_shape' among grids"):
        run_function(main_of(module), [np.ones(4, np.float32)], {})
