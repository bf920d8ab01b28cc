"""Where tensors live."""

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import f32
from xdsl.ir import SSAValue

from cedr.dialects.cedr import Affine
from cedr.passes.grid_builder import border_strips, copy_tiles
from cedr.passes.layout import Layout, LayoutAnalysis, Placement, Root, reshape_groups, splat_of
from tests.passes.grid_levels import main_of, parse


def layout_of(body: str, arguments: str = "%x: tensor<1x2x4x4xf32>") -> tuple[Layout, func.FuncOp]:
    types = body.rpartition("func.return")[2].partition(":")[2]
    function = main_of(parse(f"func.func @main({arguments}) -> ({types}) {{ {body} }}"))
    return LayoutAnalysis(function.body.block).run(), function


def value(function: func.FuncOp, name: str) -> SSAValue:
    return next(r for op in function.walk() for r in op.results if r.name_hint == name)


def relu(result: str, source: str, shape: str) -> str:
    return f"""
      %e_{result} = tensor.empty() : tensor<{shape}xf32>
      %{result} = linalg.exp ins(%{source} : tensor<{shape}xf32>) outs(%e_{result} : tensor<{shape}xf32>) -> tensor<{shape}xf32>
    """


def pad(result: str, source: str, width: int, filler: str = "0.0", size: int = 4) -> str:
    big = size + 2 * width
    return f"""
      %{result} = tensor.pad %{source} low[0, 0, {width}, {width}] high[0, 0, {width}, {width}] {{
      ^bb0(%a: index, %b: index, %c: index, %d: index):
        %filler = arith.constant {filler} : f32
        tensor.yield %filler : f32
      }} : tensor<1x2x{size}x{size}xf32> to tensor<1x2x{big}x{big}xf32>
    """


def test_a_computed_value_lives_inside_its_padded_root() -> None:
    layout, f = layout_of(relu("y", "x", "1x2x4x4") + pad("p", "y", 1) + "func.return %p : tensor<1x2x6x6xf32>")
    y, p = layout.placements[value(f, "y")], layout.placements[value(f, "p")]
    assert y.root is p.root and y.offsets == (0, 0, 1, 1) and p.offsets == (0, 0, 0, 0)
    assert [b.op.result.name_hint for b in p.root.borders] == ["p"]
    assert not layout.copies


def test_a_padded_argument_is_copied() -> None:
    layout, f = layout_of(pad("p", "x", 1) + "func.return %p : tensor<1x2x6x6xf32>")
    ((copy,),) = layout.copies.values()
    assert isinstance(copy.source, Placement) and copy.source.root.value is f.body.block.args[0]
    assert copy.target.root is layout.placements[value(f, "p")].root and copy.target.offsets == (0, 0, 1, 1)


def test_a_narrower_pad_of_the_same_filler_is_a_part_of_the_wider_one() -> None:
    text = relu("y", "x", "1x2x4x4") + pad("p", "y", 1) + pad("q", "y", 2) + relu("r", "p", "1x2x6x6")
    layout, f = layout_of(text + "func.return %r, %q : tensor<1x2x6x6xf32>, tensor<1x2x8x8xf32>")
    p, q = layout.placements[value(f, "p")], layout.placements[value(f, "q")]
    assert p.root is q.root and p.offsets == (0, 0, 1, 1)
    assert len(q.root.borders) == 1 and not layout.copies


def test_another_filler_needs_a_copy() -> None:
    text = relu("y", "x", "1x2x4x4") + pad("p", "y", 1, "1.0") + pad("q", "y", 2)
    layout, f = layout_of(text + "func.return %p, %q : tensor<1x2x6x6xf32>, tensor<1x2x8x8xf32>")
    assert layout.placements[value(f, "y")].root is layout.placements[value(f, "q")].root
    ((op, (copy,)),) = layout.copies.items()
    assert op is value(f, "p").owner and copy.target.root is layout.placements[value(f, "p")].root


def test_operands_of_a_concat_live_in_it_and_a_second_use_is_copied() -> None:
    text = relu("y", "x", "1x2x4x4") + relu("z", "y", "1x2x4x4")
    text += """%c = tensor.concat dim(1) %y, %z, %y : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>)
      -> tensor<1x6x4x4xf32>"""
    layout, f = layout_of(text + " func.return %c : tensor<1x6x4x4xf32>")
    c = layout.placements[value(f, "c")]
    assert [layout.placements[value(f, n)].offsets for n in "yz"] == [(0, 0, 0, 0), (0, 2, 0, 0)]
    assert all(layout.placements[value(f, n)].root is c.root for n in "yz")
    ((copy,),) = layout.copies.values()
    assert copy.target == c.shifted((0, 4, 0, 0))


@pytest.mark.parametrize(("constant", "type_"), [("0.0", "f32"), ("0", "i64"), ("7", "i64"), ("false", "i1")])
def test_a_fill_is_written_where_it_is_joined_and_returned(constant: str, type_: str) -> None:
    """A zero of every type too: a false attribute is a filler like any other."""
    text = f"""
      %s = arith.constant {constant}{"" if type_ == "i1" else f" : {type_}"}
      %e = tensor.empty() : tensor<2x{type_}>
      %f = linalg.fill ins(%s : {type_}) outs(%e : tensor<2x{type_}>) -> tensor<2x{type_}>
      %c = tensor.concat dim(0) %f, %x : (tensor<2x{type_}>, tensor<3x{type_}>) -> tensor<5x{type_}>
      func.return %c, %f : tensor<5x{type_}>, tensor<2x{type_}>
    """
    layout, f = layout_of(text, f"%x: tensor<3x{type_}>")
    (joined, argument), (returned,) = layout.copies.values()
    assert isinstance(argument.source, Placement)
    assert joined.source == returned.source == splat_of(value(f, "f"))


def test_a_pad_inside_a_concat_nests() -> None:
    text = relu("y", "x", "1x2x4x4") + pad("p", "y", 1) + relu("z", "p", "1x2x6x6")
    text += "%c = tensor.concat dim(1) %p, %z : (tensor<1x2x6x6xf32>, tensor<1x2x6x6xf32>) -> tensor<1x4x6x6xf32>"
    layout, f = layout_of(text + " func.return %c : tensor<1x4x6x6xf32>")
    root = layout.placements[value(f, "c")].root
    assert layout.placements[value(f, "y")] == Placement(root, (1, 4, 6, 6), (0, 0, 1, 1))
    assert len(root.borders) == 1 and not layout.copies


def test_a_slice_is_a_box_and_a_slice_with_steps_a_copy() -> None:
    layout, f = layout_of("""
      %s = tensor.extract_slice %x[0, 1, 2, 0] [1, 1, 2, 4] [1, 1, 1, 1] : tensor<1x2x4x4xf32> to tensor<1x1x2x4xf32>
      %t = tensor.extract_slice %x[0, 0, 1, 0] [1, 2, 2, 4] [1, 1, 2, 1] : tensor<1x2x4x4xf32> to tensor<1x2x2x4xf32>
      func.return %s, %t : tensor<1x1x2x4xf32>, tensor<1x2x2x4xf32>
    """)
    s, t = layout.placements[value(f, "s")], layout.placements[value(f, "t")]
    assert s.root.value is f.body.block.args[0] and s.offsets == (0, 1, 2, 0)
    assert t.root.value is None
    (copy,) = layout.copies[value(f, "t").owner]  # type: ignore[index]  # an operation's result
    assert copy.steps == (1, 1, 2, 1) and isinstance(copy.source, Placement) and copy.source.offsets == (0, 0, 1, 0)


def test_a_value_is_written_through_a_reshape_into_a_padded_root() -> None:
    text = relu("y", "x", "1x2x4x4").replace("1x2x4x4", "1x2x1x4x4")
    text += "%f = tensor.collapse_shape %y [[0], [1, 2], [3], [4]] : tensor<1x2x1x4x4xf32> into tensor<1x2x4x4xf32>"
    text += pad("p", "f", 1) + "func.return %p : tensor<1x2x6x6xf32>"
    layout, f = layout_of(text, "%x: tensor<1x2x1x4x4xf32>")
    root = layout.placements[value(f, "p")].root
    assert layout.placements[value(f, "y")] == Placement(root, (1, 2, 1, 6, 6), (0, 0, 0, 1, 1))
    assert not layout.copies


def test_results_are_fresh_whole_and_of_their_own() -> None:
    text = relu("y", "x", "1x2x4x4")
    text += "func.return %y, %y, %x : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>"
    layout, f = layout_of(text)
    assert len({place.root for place in layout.results}) == 3
    assert all(place.root.value is None for place in layout.results)
    assert len(layout.copies[f.body.block.last_op]) == 2  # type: ignore[index]  # there is a return


def test_splats_live_nowhere() -> None:
    layout, f = layout_of("""
      %c = arith.constant 2.5 : f32
      %e = tensor.empty() : tensor<4x4xf32>
      %s = linalg.fill ins(%c : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
      %d = arith.constant dense<3> : tensor<4xi64>
      %v = tensor.collapse_shape %s [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
      %several = arith.constant dense<[1, 2]> : tensor<2xi64>
      func.return
    """)
    assert str(splat_of(value(f, "v"))) == "2.500000e+00 : f32"
    assert str(splat_of(value(f, "d"))) == "3 : i64"
    assert splat_of(value(f, "several")) is None and splat_of(value(f, "e")) is None
    assert not {value(f, n) for n in "sdv"} & set(layout.placements)


SHAPES: st.SearchStrategy[list[int]] = st.lists(st.integers(1, 4), min_size=0, max_size=4)


@st.composite
def boxes_and_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Extents of a root, a box in it (offsets, sizes), and another shape of as many elements."""
    sizes = draw(SHAPES)
    margins = [(draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in sizes]
    factors = [f for s in sizes for f in ({4: [2, 2]}.get(s, [s]))]
    target: list[int] = []
    for f in factors:
        joined = draw(st.booleans())
        if target and joined:
            target[-1] *= f
        else:
            target += [1] * draw(st.integers(0, 1)) + [f]
    extents = tuple(s + a + b for s, (a, b) in zip(sizes, margins, strict=True))
    return extents, tuple(a for a, _ in margins), tuple(sizes), tuple(target)


@given(boxes_and_shapes())
def test_a_reshaped_box_holds_the_same_elements_in_the_same_order(
    case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]],
) -> None:
    extents, offsets, sizes, target = case
    elements = np.arange(prod(extents)).reshape(extents)
    want = elements[tuple(slice(o, o + s) for o, s in zip(offsets, sizes, strict=True))].reshape(target)
    moved = Placement(Root(extents, f32), extents, offsets).reshaped(sizes, target)
    if moved is None:
        assert extents != sizes  # a whole root has every shape
        return
    assert prod(moved.extents) == prod(extents)
    view = elements.reshape(moved.extents)
    got = view[tuple(slice(o, o + s) for o, s in zip(moved.offsets, target, strict=True))]
    np.testing.assert_array_equal(got, want)


def test_channels_split_under_a_border_need_no_copy() -> None:
    box = Placement(Root((1, 6, 5, 5), f32), (1, 6, 5, 5), (0, 0, 1, 1))
    assert box.reshaped((1, 6, 3, 3), (1, 2, 3, 3, 3)) == Placement(box.root, (1, 2, 3, 5, 5), (0, 0, 0, 1, 1))
    assert box.reshaped((1, 6, 3, 3), (1, 54)) is None


def test_reshape_groups_are_the_finest() -> None:
    assert reshape_groups((1, 6, 4), (2, 3, 4)) == [([0, 1], [0, 1]), ([2], [2])]
    assert reshape_groups((), (1, 1)) == [([], [0]), ([], [1])]


@given(
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    widths=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=4),
)
def test_strips_are_the_border(shape: list[int], widths: list[tuple[int, int]]) -> None:
    low, high = ([w[side] for w in widths[: len(shape)]] for side in (0, 1))
    if not any((*low, *high)):
        return
    big = tuple(a + s + b for a, s, b in zip(low, shape, high, strict=True))
    bounds, maps = border_strips(big, low, high)
    reached = np.zeros(big, bool)
    for point in product(*map(range, bounds)):
        for results in maps:
            at = tuple(r.value(point) for r in results)
            assert all(0 <= i < s for i, s in zip(at, big, strict=True))
            reached[at] = True
    want = np.ones(big, bool)
    if sum(1 for a, b in zip(low, high, strict=True) if a or b) <= 2:
        want[tuple(slice(a, a + s) for a, s in zip(low, shape, strict=True))] = False
    np.testing.assert_array_equal(reached, want)
    used = {i for results in maps for r in results for i, c in enumerate(r.coefficients) if c}
    assert used == set(range(len(bounds)))


def test_equal_widths_on_both_sides_are_one_strip() -> None:
    bounds, maps = border_strips((1, 8, 10, 10), (0, 0, 1, 1), (0, 0, 1, 1))
    assert bounds == [8, 2, 10] and len(maps) == 2
    assert maps[0] == [Affine.const(0, 3), Affine.dim(0, 3), Affine.dim(1, 3) * 9, Affine.dim(2, 3)]


@pytest.mark.parametrize(
    ("shape", "tile"),
    [((1, 3, 8, 8), (1, 3, 8, 8)), ((1, 64, 32, 32), (1, 16, 32, 32)), ((3, 100, 100), (1, 100, 100)), ((7,), (7,))],
)
def test_large_copies_are_cut_where_a_dimension_divides(shape: tuple[int, ...], tile: tuple[int, ...]) -> None:
    assert copy_tiles(shape) == tile


def test_a_pad_of_what_is_no_constant_is_refused() -> None:
    from cedr.passes.layout import refusal

    module = parse("""
      %x = "test.op"() : () -> tensor<4xf32>
      %v = "test.op"() : () -> f32
      %p = tensor.pad %x low[1] high[1] {
      ^bb0(%i: index):
        tensor.yield %v : f32
      } : tensor<4xf32> to tensor<6xf32>
      %n = tensor.pad %x low[-1] high[1] {
      ^bb0(%i: index):
        %z = arith.constant 0.0 : f32
        tensor.yield %z : f32
      } : tensor<4xf32> to tensor<4xf32>
    """)
    first, second = (op for op in module.walk() if isinstance(op, tensor.PadOp))
    assert refusal(first) == "pads with something else than a constant"
    assert refusal(second) == "pads by a width that is not a constant >= 0"
