"""`plan-memory`: no live byte is shared, the arena is near its bound, and each option does something."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import IntegerAttr, ModuleOp

from cedr.dialects.cedr import AllocOp, shape_of
from cedr.dialects.universe import make_context
from cedr.passes.errors import PassError
from cedr.passes.memory_planner import WORK, Block, Packing, disjoint, overlap, pack, peak_bytes
from cedr.passes.plan_memory import ARENA_BOUND_BYTES, ARENA_BYTES, PlanMemoryPass, arena_figures, usages
from tests.passes.grid_levels import main_of, parse
from tests.passes.grid_programs import chain, random_program
from tests.steps import steps_of

BLOCKS = st.lists(
    st.builds(
        lambda size, first, length: Block(size, first, first + length),
        st.integers(1, 5000),
        st.integers(0, 30),
        st.integers(0, 8),
    ),
    max_size=40,
)


def planned(text: str, reuse: str = "parallel", alignment: int | None = None) -> ModuleOp:
    module = parse(text)
    PlanMemoryPass(reuse=reuse, alignment=alignment).apply(make_context(), module)
    module.verify()
    return module


def assert_apart(blocks: list[Block], packing: Packing) -> None:
    for i, a in enumerate(blocks):
        for j, b in enumerate(blocks[:i]):
            if overlap(a, b):
                low, high = sorted(((packing.offsets[i], a), (packing.offsets[j], b)), key=lambda pair: pair[0])
                assert low[0] + low[1].size_bytes <= high[0], (i, j)


@given(BLOCKS, st.sampled_from((1, 4, 64)))
@settings(deadline=None, max_examples=60)
def test_packing_keeps_live_blocks_apart(blocks: list[Block], alignment: int) -> None:
    packing = pack(blocks, alignment)
    assert_apart(blocks, packing)
    assert all(offset % alignment == 0 for offset in packing.offsets)
    ends = [o + b.size_bytes for o, b in zip(packing.offsets, blocks, strict=True)]
    assert packing.total_bytes == max(ends, default=0) >= peak_bytes(blocks)


def test_peak_is_the_largest_sum_of_live_sizes() -> None:
    assert peak_bytes([Block(3, 0, 1), Block(4, 1, 2), Block(5, 2, 2)]) == 9
    assert peak_bytes([]) == 0


def test_disjoint_shares_nothing() -> None:
    assert disjoint([Block(3, 0, 0), Block(5, 1, 1)], 4) == Packing((0, 4), 9)


def test_packing_reaches_the_peak_where_it_can() -> None:
    # Placed by size alone, the last block would not fit between the others.
    blocks = [Block(4, 0, 2), Block(2, 1, 5), Block(3, 3, 6), Block(4, 6, 8), Block(1, 2, 7)]
    assert pack(blocks).total_bytes == peak_bytes(blocks)


def test_three_hundred_blocks_take_little_more_than_the_peak_and_the_steps_that_there_are() -> None:
    random = Random(0)
    starts = [random.randrange(300) for _ in range(300)]
    blocks = [Block(random.randrange(100, 100_000), s, s + random.choice((0, 1, 1, 2, 3, 10))) for s in starts]
    assert pack(blocks, 64).total_bytes <= 1.1 * peak_bytes(blocks)
    steps = {budget: steps_of(lambda budget=budget: pack(blocks, 64, budget=budget)) for budget in (WORK, 2 * WORK)}  # type: ignore[misc]  # a default argument binds the budget
    assert 4 * WORK < steps[WORK] < 8 * WORK < steps[2 * WORK] < 16 * WORK


@given(st.integers(0, 10_000), st.sampled_from(("full", "parallel", "none")))
@example(756, "parallel")  # what nothing reads is more than all else
@settings(deadline=None, max_examples=40)
def test_plans_keep_live_buffers_apart(seed: int, reuse: str) -> None:
    module = planned(random_program(Random(seed), 5), reuse, alignment=4)
    buffers = usages(main_of(module))
    blocks = [Block(u.alloc.size_bytes(), u.first, u.last) for u in buffers]
    offsets = tuple(u.alloc.offset.value.data for u in buffers if u.alloc.offset is not None)
    assert len(offsets) == len(blocks)
    arena, bound = arena_figures(module)
    assert_apart(blocks, Packing(offsets, arena))
    # What is written and never read counts here, and not in the bound.
    floor = max(bound, peak_bytes([u.block(2) for u in buffers]))
    assert arena <= {"full": 1.1 * floor, "parallel": 2 * floor, "none": arena}[reuse]


@pytest.mark.parametrize("layers", [5, 40])
def test_full_reuse_is_near_the_bound_and_shrinks_rings(layers: int) -> None:
    module = planned(chain(layers), "full")
    arena, bound = arena_figures(module)
    assert arena <= 1.1 * bound
    assert {shape_of(u.alloc.result)[0] for u in usages(main_of(module)) if u.is_ring} == {2}


def test_parallel_reuse_lets_bytes_rest_and_keeps_rings() -> None:
    module = planned(chain(40), "parallel")
    arena, bound = arena_figures(module)
    assert bound < arena <= 2 * bound
    buffers = usages(main_of(module))
    assert {shape_of(u.alloc.result)[0] for u in buffers if u.is_ring} == {4}
    for later in buffers:
        for earlier in buffers:
            assert later.alloc.offset is not None
            assert earlier.alloc.offset is not None
            start, other = later.alloc.offset.value.data, earlier.alloc.offset.value.data
            shares = start < other + earlier.alloc.size_bytes() and other < start + later.alloc.size_bytes()
            if shares and earlier.last < later.first:
                assert later.first_layer - earlier.last_layer >= 1


def test_parallel_reuse_falls_back_to_fewer_slots_rather_than_beyond_twice_the_bound() -> None:
    tile = 1 << 12
    text = f"""func.func @main(%x: memref<{64 * tile}xf32>, %y: memref<{64 * tile}xf32> {{cedr.output = "y"}}) {{
      %t = cedr.alloc : memref<64x{tile}xf32>
      cedr.grid @g [64 parallel]
          ins(%i = %x[d0 * {tile}][{tile}] : memref<{64 * tile}xf32>)
          outs(%o = %y[d0 * {tile}][{tile}] : memref<{64 * tile}xf32>)
          scratch(%s = %t slot ((d0) mod 64) : memref<64x{tile}xf32>) {{
        cedr.zip add ins(%i, %i) outs(%s)
        cedr.zip add ins(%s, %i) outs(%o)
        cedr.yield
      }}
      func.return
    }}"""
    module = planned(text)
    assert arena_figures(module) == (4 * tile * 4, 2 * tile * 4)


def test_each_option_changes_the_plan() -> None:
    text = chain(6)
    plans = {str(planned(text, reuse)) for reuse in ("full", "parallel", "none")}
    assert len(plans) == 3
    assert str(planned(text, "full", 64)) != str(planned(text, "full", 4096))
    for op in planned(text, "full", 4096).walk():
        if isinstance(op, AllocOp):
            assert op.offset is not None
            assert op.offset.value.data % 4096 == 0


def test_figures_stand_on_the_module_and_follow_from_the_ir_alone() -> None:
    module = planned(chain(6), "parallel")
    noted = [module.attributes[name] for name in (ARENA_BYTES, ARENA_BOUND_BYTES)]
    assert all(isinstance(a, IntegerAttr) for a in noted)
    again = parse(str(module))
    assert arena_figures(again) == tuple(a.value.data for a in noted if isinstance(a, IntegerAttr))


def test_small_arenas_have_no_gaps() -> None:
    text = """func.func @main(%x: memref<3xf32>, %y: memref<3xf32> {cedr.output = "y"}) {
      %a = cedr.alloc : memref<3xf32>
      %b = cedr.alloc : memref<3xf64>
      %c = cedr.alloc : memref<3xf32>
      cedr.grid @g [] ins(%i = %x[0][3] : memref<3xf32>) outs(%o = %a[0][3] : memref<3xf32>) {
        cedr.zip add ins(%i, %i) outs(%o)
        cedr.yield
      }
      cedr.grid @h [] ins(%i = %a[0][3] : memref<3xf32>) outs(%o = %c[0][3] : memref<3xf32>) {
        cedr.zip add ins(%i, %i) outs(%o)
        cedr.yield
      }
      cedr.grid @k [] ins(%i = %c[0][3] : memref<3xf32>) outs(%o = %y[0][3] : memref<3xf32>) {
        cedr.zip add ins(%i, %i) outs(%o)
        cedr.yield
      }
      return
    }"""
    assert arena_figures(planned(text, "full")) == (24, 24)
    assert arena_figures(planned(text, "full", alignment=64)) == (76, 24)


def test_planning_again_gives_the_same() -> None:
    module = planned(chain(6), "full")
    text = str(module)
    PlanMemoryPass(reuse="full").apply(make_context(), module)
    assert str(module) == text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reuse": "much"}, "no reuse 'much'; there are full, parallel, none"),
        ({"alignment": 0}, "alignment must be a power of two, in bytes, got 0"),
        ({"alignment": 2}, "needs an alignment of 4 bytes, the option says 2"),
    ],
)
def test_refused_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(PassError, match=message):
        PlanMemoryPass(**options).apply(make_context(), parse(chain(1)))  # type: ignore[arg-type]  # wrong on purpose


def test_figures_of_an_unplanned_module_are_refused() -> None:
    with pytest.raises(PassError, match="has no offset yet; run plan-memory first"):
        arena_figures(parse(chain(1)))


def test_a_running_sum_that_only_its_own_kernel_reads_counts_in_the_bound() -> None:
    text = """func.func @main(%x: memref<4xf32>, %y: memref<4xf32> {cedr.output = "y"}) {
      %sum = cedr.alloc : memref<1xf64>
      cedr.grid @g [] ins(%i = %x[0][4] : memref<4xf32>)
          outs(%o = %y[0][4] : memref<4xf32>, %s = %sum[0][1] : memref<1xf64>) {
        cedr.kernel @cumsum [4] maps [(d0), (d0), (0)] init [0.0 : f32, 0.0 : f64] ins(%i) outs(%o, %s) {
        ^bb0(%a: f32, %b: f32, %before: f64):
          %wide = arith.extf %a : f32 to f64
          %now = arith.addf %before, %wide : f64
          %narrow = arith.truncf %now : f64 to f32
          cedr.yield %narrow, %now : f32, f64
        }
        cedr.yield
      }
      return
    }"""
    assert arena_figures(planned(text, "full")) == (8, 8)
