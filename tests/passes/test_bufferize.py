"""`bufferize`: which tensor lives in which memory, and what is copied."""

from __future__ import annotations

import numpy as np
import pytest

from cedr.dialects.cedr import AllocOp
from cedr.dialects.interpreter.cedr import output_arguments
from cedr.dialects.interpreter.run import interpret
from cedr.passes.errors import PassError
from tests.passes.grid_levels import bufferize, grids, main_of, parse

HEAD = "func.func @main(%x: tensor<8xf32>) -> "


def grid(result: str, source: str, target: str, name: str, at: int = 0, size: int = 8, scalar: str = "addf") -> str:
    """`target[at : at + size] = source[at : at + size] + itself`."""
    return f"""
      %{result} = cedr.grid @{name} []
          ins(%{name}_i = %{source}[{at}][{size}] : tensor<8xf32>)
          outs(%{name}_o = %{target}[{at}][{size}] : tensor<8xf32>) {{
        cedr.kernel @{name}_k [{size}] maps [(d0), (d0)] ins(%{name}_i) outs(%{name}_o) {{
        ^bb0(%a: f32, %b: f32):
          %c = arith.{scalar} %a, %a : f32
          cedr.yield %c : f32
        }}
        cedr.yield
      }}"""


EMPTY = "%e = tensor.empty() : tensor<8xf32>"


def run(text: str) -> tuple[list[np.ndarray], list[np.ndarray], str]:
    """Results on tensors and on buffers for x = 1..8, and the text on buffers."""
    x = np.arange(1, 9, dtype=np.float32)
    before = interpret(parse(text), [x], {})
    module = bufferize(parse(text))
    after = interpret(module, [x], {})
    for got, want in zip(after, before, strict=True):
        np.testing.assert_array_equal(got, want)
    return before, after, str(module)


def allocs(text: str) -> int:
    return sum(isinstance(op, AllocOp) for op in parse(text).walk())


def test_a_chain_lives_in_the_results_memory() -> None:
    text = f'{HEAD} (tensor<8xf32> {{cedr.name = "y"}}) {{ {EMPTY} {grid("p", "x", "e", "a", 0, 4)}'
    text += f"{grid('q', 'x', 'p', 'b', 4, 4)} func.return %q : tensor<8xf32> }}"
    _, _, after = run(text)
    function = main_of(parse(after))
    assert output_arguments(function) == [False, True]
    assert '%y: memref<8xf32> {cedr.output = "y"}' in after
    assert allocs(after) == 0 and "cedr.wait" in after and after.count("cedr.grid") == 2


def test_results_without_a_name_are_numbered() -> None:
    text = f"{HEAD} (tensor<8xf32>, tensor<8xf32>) {{ {EMPTY} {grid('p', 'x', 'e', 'a')} {EMPTY.replace('%e', '%f')}"
    text += f"{grid('q', 'p', 'f', 'b')} func.return %q, %p : tensor<8xf32>, tensor<8xf32> }}"
    _, _, after = run(text)
    assert '{cedr.output = "output0"}' in after and '{cedr.output = "output1"}' in after


def test_equal_empties_merged_into_one_get_memory_each() -> None:
    text = f"{HEAD} tensor<8xf32> {{ {EMPTY} {grid('p', 'x', 'e', 'a')} {grid('q', 'p', 'e', 'b', scalar='mulf')}"
    text += "func.return %q : tensor<8xf32> }"
    _, after, text = run(text)
    np.testing.assert_array_equal(after[0], (2 * np.arange(1, 9)) ** 2)
    assert allocs(text) == 1


def test_a_destination_that_is_used_again_is_copied_first() -> None:
    text = (
        f"{HEAD} (tensor<8xf32>, tensor<8xf32>) {{ {EMPTY} {grid('p', 'x', 'e', 'a')} {grid('q', 'p', 'p', 'b', 0, 2)}"
    )
    text += "func.return %p, %q : tensor<8xf32>, tensor<8xf32> }"
    _, _, after = run(text)
    assert "@b_copy" in after


def test_a_grid_that_reads_where_it_writes_gets_other_memory() -> None:
    text = f"{HEAD} tensor<8xf32> {{ {EMPTY} {grid('p', 'x', 'e', 'a')} "
    shifted = grid("q", "p", "p", "b", 0, 4).replace("%p[0][4]", "%p[2][4]", 1)
    _, _, after = run(f"{text} {shifted} func.return %q : tensor<8xf32> }}")
    assert "@b_copy" in after
    apart = grid("q", "p", "p", "b", 0, 4).replace("%p[0][4]", "%p[4][4]", 1)
    _, _, after = run(f"{text} {apart} func.return %q : tensor<8xf32> }}")
    assert "copy" not in after and allocs(after) == 0


def test_an_argument_is_never_written() -> None:
    text = f"{HEAD} tensor<8xf32> {{ {grid('p', 'x', 'x', 'a', 0, 4)} func.return %p : tensor<8xf32> }}"
    x = np.arange(1, 9, dtype=np.float32)
    module = bufferize(parse(text))
    (result,) = interpret(module, [x], {})
    np.testing.assert_array_equal(x, np.arange(1, 9))
    np.testing.assert_array_equal(result, [2, 4, 6, 8, 5, 6, 7, 8])


def test_results_that_are_arguments_or_come_twice_are_copied() -> None:
    text = f"{HEAD} (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {{ {EMPTY} {grid('p', 'x', 'e', 'a')}"
    text += "func.return %p, %x, %p : tensor<8xf32>, tensor<8xf32>, tensor<8xf32> }"
    _, _, after = run(text)
    assert [name for name in grids(parse(after)) if "copy" in name] == ["result_copy", "result_copy_1"]


def test_a_result_under_another_shape_is_written_through_a_view() -> None:
    text = f"{HEAD} tensor<2x4xf32> {{ {EMPTY} {grid('p', 'x', 'e', 'a')}"
    text += "%v = cedr.view %p : tensor<8xf32> to tensor<2x4xf32> func.return %v : tensor<2x4xf32> }"
    _, _, after = run(text)
    assert allocs(after) == 0 and "cedr.view %output0 : memref<2x4xf32> to memref<8xf32>" in after


@pytest.mark.parametrize(("slots", "ring"), [("attributes {cedr.slots = 3 : i64}", 3), ("", 4)])
def test_scratch_is_a_ring_of_no_more_slots_than_tiles(slots: str, ring: int) -> None:
    text = f"""{HEAD} tensor<8xf32> {{ {EMPTY}
      %p = cedr.grid @g [4 parallel] ins(%i = %x[d0 * 2][2] : tensor<8xf32>)
          outs(%o = %e[d0 * 2][2] : tensor<8xf32>) scratch(%t : tensor<2xf32>) {slots} {{
        cedr.zip add ins(%i, %i) outs(%t)
        cedr.zip mul ins(%t, %i) outs(%o)
        cedr.yield
      }}
      func.return %p : tensor<8xf32> }}"""
    _, _, after = run(text)
    assert f"scratch(%t = %0 slot ((d0) mod {ring}) : memref<{ring}x2xf32>)" in after
    assert "cedr.slots" not in after


def test_weights_are_memrefs() -> None:
    text = f"{HEAD} tensor<8xf32> {{ {EMPTY} %w = cedr.weight @w : tensor<8xf32> {grid('p', 'w', 'e', 'a')}"
    text += "func.return %p : tensor<8xf32> }"
    module = bufferize(parse(text))
    assert "cedr.weight @w : memref<8xf32>" in str(module)


def test_what_is_no_grid_is_refused() -> None:
    text = "func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {\n  %e = tensor.empty() : tensor<8xf32>\n"
    text += "  %y = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>\n"
    text += "  func.return %y : tensor<8xf32>\n}"
    with pytest.raises(PassError) as caught:
        bufferize(parse(text))
    assert str(caught.value) == (
        "test.mlir:3:8: error: bufferize: 'linalg.exp' is no grid, view, weight or empty tensor;"
        " run convert-linalg-to-cedr first"
    )


def test_an_argument_that_is_no_tensor_is_refused() -> None:
    with pytest.raises(PassError, match="@main has an argument of type index, no tensor"):
        bufferize(parse("func.func @main(%i: index) { func.return }"))
