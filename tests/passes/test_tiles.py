"""Loop nests and their tiles: windows cover what they must, pieces cover the iteration space once."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation

from cedr.dialects.cedr import Affine
from cedr.passes.structured import Access, Loop, Nest, Piece, derived, pieces, single_dims, tile_sizes
from tests.passes.grid_levels import parse


def nest(extents: tuple[int, ...], reduction: tuple[bool, ...], *results: tuple[Affine, ...]) -> Nest:
    accesses = tuple(Access(None, (), r) for r in results)  # type: ignore[arg-type]  # no value is needed here
    return Nest(extents, reduction, accesses[:-1], accesses[-1:])


@given(
    extents=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    seed=st.lists(st.integers(0, 8), min_size=3, max_size=3),
    last_reduces=st.booleans(),
)
def test_pieces_cover_every_point_once_in_the_order_of_the_reduction(
    extents: list[int], seed: list[int], last_reduces: bool
) -> None:
    reduction = tuple(last_reduces and i == len(extents) - 1 for i in range(len(extents)))
    loops = nest(tuple(extents), reduction, ())
    sizes = tile_sizes(loops, seed)
    reached: list[tuple[int, ...]] = []
    for piece in pieces(loops, sizes):
        for point in product(*map(range, piece.domain)):
            tile = [
                range(start := loop.start + (0 if loop.dim is None else point[loop.dim] * loop.size), start + loop.size)
                for loop in piece.loops
            ]
            reached += product(*tile)
            assert not piece.accumulates or (last_reduces and tile[-1].start > 0)
    assert sorted(reached) == list(product(*map(range, extents)))
    if last_reduces:
        steps = [p[-1] for p in reached if p[:-1] == (0,) * (len(extents) - 1)]
        assert steps == sorted(steps)


@given(
    coefficients=st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    constant=st.integers(-5, 20),
    divisor=st.integers(1, 3),
    loops=st.tuples(st.tuples(st.integers(0, 4), st.integers(1, 4)), st.tuples(st.integers(0, 4), st.integers(1, 4))),
)
def test_a_window_reaches_the_same_elements_as_the_loops(
    coefficients: tuple[int, int], constant: int, divisor: int, loops: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    (s0, t0), (s1, t1) = loops
    t0 *= divisor  # a cut loop's tile divides
    piece = Piece((Loop(s0, t0, 0), Loop(s1, t1)), (3,), ("parallel",), False, False, "")
    result = Affine(coefficients, constant, divisor)
    window = piece.window([result])
    for d in range(3):
        for i, j in product(range(t0), range(t1)):
            inner = window.results[0].value((i, j))
            assert 0 <= inner < window.shape[0]
            assert window.offsets[0].value((d,)) + inner == result.value((s0 + t0 * d + i, s1 + j))


def test_a_window_refuses_a_tile_that_its_division_cuts() -> None:
    piece = Piece((Loop(0, 3, 0),), (2,), ("parallel",), False, False, "")
    with pytest.raises(ValueError, match=r"tile sizes \[3\] do not divide by 2 in d0 floordiv 2"):
        piece.window([Affine((1,), 0, 2)])


def test_a_tile_is_rounded_up_to_what_a_division_needs() -> None:
    upsample = nest((12,), (False,), (Affine((1,), 0, 4),), (Affine.dim(0, 1),))
    assert tile_sizes(upsample, (3,)) == (4,)
    assert tile_sizes(upsample, (4,)) == (4,)
    assert tile_sizes(upsample, (11,)) == (12,)


def test_loops_that_must_stay_whole_are_whole() -> None:
    assert tile_sizes(nest((8, 6), (False, False), ()), (4, 2), whole=(1,)) == (4, 6)


def test_two_cut_reductions_are_refused() -> None:
    with pytest.raises(ValueError, match="two reduction loops are cut: d0, d1; one may be"):
        pieces(nest((4, 4), (True, True), ()), (2, 2))


def test_a_piece_of_another_nest_takes_its_loops_over() -> None:
    piece = Piece((Loop(0, 2, 0), Loop(3, 1)), (4,), ("parallel",), False, False, "")
    assert derived(piece, [1, None, 0], (9, 5, 9)).loops == (Loop(3, 1), Loop(0, 5), Loop(0, 2, 0))


def test_single_dims() -> None:
    d0, d1 = Affine.dim(0, 2), Affine.dim(1, 2)
    assert single_dims((d1, d0)) == (1, 0)
    assert single_dims((d0, d0)) is None
    assert single_dims((d0 * 2, d1)) is None
    assert single_dims((d0 + d1,)) is None


def test_extents_come_from_operands_that_a_loop_indexes_alone() -> None:
    module = parse("""
      %x = "test.op"() : () -> tensor<2x3x9x8xf32>
      %w = "test.op"() : () -> tensor<5x3x3x2xf32>
      %y = "test.op"() : () -> tensor<2x5x4x7xf32>
      %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<[2, 1]> : tensor<2xi64>}
        ins(%x, %w : tensor<2x3x9x8xf32>, tensor<5x3x3x2xf32>) outs(%y : tensor<2x5x4x7xf32>) -> tensor<2x5x4x7xf32>
    """)
    op = next(op for op in module.walk() if isinstance(op, LinalgStructuredOperation))
    found = Nest.of(op)
    assert found.extents == (2, 5, 4, 7, 3, 3, 2)
    assert found.reduction == (False,) * 4 + (True,) * 3
