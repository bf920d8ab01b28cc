"""`add-dependencies`: every conflict is ordered, nothing is waited for without need, any order that obeys gives the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ArrayAttr, ModuleOp

from cedr.dialects.cedr import Affine, GridOp, JoinOp, WeightOp, shape_of
from cedr.dialects.interpreter.cedr import enumerate_tasks, run_tasks
from cedr.dialects.universe import make_context
from cedr.passes.add_dependencies import AddDependenciesPass
from cedr.passes.edges import expand_edges
from cedr.passes.errors import PassError
from cedr.passes.footprints import (
    Box,
    Reach,
    common_groups,
    fills,
    image,
    inverse,
    remove,
    swept_region,
)
from cedr.passes.plan_memory import PlanMemoryPass
from tests.passes.dependency_checker import calls_of, needless_entries, ordered_share, read_edges, unordered
from tests.passes.grid_levels import main_of, parse
from tests.passes.grid_programs import chain, random_program
from tests.passes.wild_grids import wild_program

REUSE = ("full", "parallel", "none")


def covered_points(box: Box, extents: Sequence[int], point: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The points of a box at one point of the waiting grid, clamped to the target's domain."""
    return product(
        *(
            range(max(low.value(point), 0), min(high.value(point), extent - 1) + 1)
            for (low, high), extent in zip(box, extents, strict=True)
        )
    )


def with_dependencies(text: str, reuse: str = "full") -> ModuleOp:
    module = parse(text)
    PlanMemoryPass(reuse=reuse, alignment=4).apply(make_context(), module)
    AddDependenciesPass().apply(make_context(), module)
    module.verify()
    return module


@given(st.integers(0, 100_000), st.integers(1, 6), st.sampled_from(REUSE))
@settings(deadline=None, max_examples=30)
def test_every_conflict_is_ordered(seed: int, steps: int, reuse: str) -> None:
    function = main_of(with_dependencies(random_program(Random(seed), steps), reuse))
    assert unordered(function) == []


@given(st.integers(0, 100_000), st.integers(2, 8), st.sampled_from(REUSE))
@settings(deadline=None, max_examples=30)
def test_every_conflict_of_odd_grids_is_ordered(seed: int, grids: int, reuse: str) -> None:
    function = main_of(with_dependencies(wild_program(Random(seed), grids), reuse))
    assert unordered(function) == []


def test_memory_that_nothing_writes_is_waited_for_once_its_bytes_are_taken() -> None:
    text = """func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
      %a = cedr.alloc at 0 : memref<8xf32>
      %b = cedr.alloc at 0 : memref<8xf32>
      cedr.grid @a [2 parallel]
          ins(%a0 = %a[d0 * 4][4] : memref<8xf32>) outs(%y0 = %y[d0 * 4][4] : memref<8xf32>) {
        cedr.zip add ins(%a0, %a0) outs(%y0)
        cedr.yield
      }
      cedr.grid @b [] ins(%x1 = %x[0][8] : memref<8xf32>) outs(%b1 = %b[0][8] : memref<8xf32>) {
        cedr.zip add ins(%x1, %x1) outs(%b1)
        cedr.yield
      }
      func.return
    }"""
    module = parse(text)
    AddDependenciesPass().apply(make_context(), module)
    assert "cedr.join @reuse_0 base 2 after [war @a:0[0 to 1]]" in str(module)
    assert unordered(main_of(module)) == []


def test_at_least_nine_in_ten_entries_are_needed() -> None:
    needless, total = 0, 0
    for seed in range(24):
        random = Random(seed)
        function = main_of(with_dependencies(random_program(random, 1 + seed % 6), REUSE[seed % 3]))
        if expand_edges(function)[0] > 400:
            continue
        found, entries = needless_entries(function)
        needless, total = needless + len(found), total + entries
    assert total > 100
    assert needless <= total / 20  # none in most of them


def test_without_reuse_nothing_is_ordered_beyond_what_must_be() -> None:
    have = must = 0
    for seed in range(20):
        function = main_of(with_dependencies(random_program(Random(seed), 4), "none"))
        ordered, needed = ordered_share(function)
        have, must = have + ordered, must + needed
    assert must <= have <= 1.05 * must


def test_the_checker_sees_a_missing_entry() -> None:
    module = with_dependencies(chain(2), "none")
    function = main_of(module)
    assert unordered(function) == []
    call = next(c for c in calls_of(function) if c.after is not None)
    assert call.after is not None
    call.after = ArrayAttr(call.after.data[1:]) if len(call.after.data) > 1 else None
    assert unordered(function)


@pytest.mark.parametrize("seed", range(10))
def test_any_order_that_obeys_gives_the_same_bytes(seed: int) -> None:
    module = with_dependencies(random_program(Random(seed), 4), REUSE[seed % 3])
    function = main_of(module)
    numbers = np.random.default_rng(seed)
    inputs = [numbers.standard_normal(shape_of(function.body.block.args[0])).astype(np.float32)]
    weights = {
        op.weight_name: numbers.standard_normal(shape_of(op.result)).astype(np.float32)
        for op in function.body.block.ops
        if isinstance(op, WeightOp)
    }
    tasks = {task.id: task for task in enumerate_tasks(function)}
    edges = read_edges(function)
    assert set(tasks) <= set(range(len(edges)))
    (expected,) = run_tasks(function, inputs, weights, [tasks[i] for i in sorted(tasks)])
    assert np.isfinite(expected).all()
    for shuffle in range(3):
        order = topological_order(edges, Random(100 * seed + shuffle))
        (got,) = run_tasks(function, inputs, weights, [tasks[i] for i in order if i in tasks])
        assert got.tobytes() == expected.tobytes()


def topological_order(edges: list[set[int]], random: Random) -> list[int]:
    """One that obeys the edges and is otherwise at random, later tasks as early as they can be in every other draw."""
    waiting = [len(e) for e in edges]
    followers: list[list[int]] = [[] for _ in edges]
    for task, waits in enumerate(edges):
        for other in waits:
            followers[other].append(task)
    ready = [task for task, count in enumerate(waiting) if not count]
    order = []
    while ready:
        task = ready.pop(ready.index(max(ready)) if random.random() < 0.5 else random.randrange(len(ready)))
        order.append(task)
        for follower in followers[task]:
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    assert len(order) == len(edges)
    return order


@pytest.mark.parametrize("seed", range(6))
def test_expanded_edges_are_those_of_the_text(seed: int) -> None:
    module = with_dependencies(random_program(Random(seed), 5), REUSE[seed % 3])
    tasks, indptr, indices = expand_edges(main_of(parse(str(module))))
    edges = read_edges(main_of(module))
    assert tasks == len(edges)
    assert [set(indices[indptr[t] : indptr[t + 1]].tolist()) for t in range(tasks)] == edges


def test_numbers_run_through_grids_and_joins() -> None:
    module = with_dependencies(chain(8), "full")
    next_id, joins = 0, 0
    for op in main_of(module).body.block.ops:
        if isinstance(op, GridOp):
            assert op.get_base() == next_id
            next_id += op.num_tasks()
        elif isinstance(op, JoinOp):
            assert op.base is not None
            assert op.base.value.data == next_id
            next_id, joins = next_id + 1, joins + 1
    assert joins


def test_edges_grow_with_the_layers_alone() -> None:
    small, large = (len(expand_edges(main_of(with_dependencies(chain(n), "parallel")))[2]) for n in (10, 40))
    assert large < 4.5 * small


def test_running_it_again_changes_nothing() -> None:
    module = with_dependencies(chain(5), "full")
    text = str(module)
    AddDependenciesPass().apply(make_context(), module)
    assert str(module) == text


def test_offsets_are_needed() -> None:
    with pytest.raises(PassError, match="has no offset, on which dependencies depend; run plan-memory first"):
        AddDependenciesPass().apply(make_context(), parse(chain(1)))


# The arithmetic, against enumeration.


@st.composite
def reaches(draw: st.DrawFn, shape: tuple[int, ...]) -> Reach:
    """A reach of a random grid, inside a buffer of a shape."""
    extents = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    offsets, sizes = [], []
    for extent in shape:
        size = draw(st.integers(1, extent))
        room, constant, coefficients = extent - size, 0, [0] * len(extents)
        if draw(st.booleans()):
            dim = draw(st.integers(0, len(extents) - 1))
            limit = room // max(extents[dim] - 1, 1)
            coefficients[dim] = draw(st.integers(-limit, limit))
            span = coefficients[dim] * (extents[dim] - 1)
            constant, room = max(-span, 0), room - abs(span)
        offsets.append(Affine(tuple(coefficients), constant + draw(st.integers(0, room))))
        sizes.append(size)
    return Reach.of(extents, shape, offsets, sizes)


def elements(reach: Reach, point: tuple[int, ...]) -> set[int]:
    flat = np.arange(prod(reach.shape)).reshape(reach.shape)
    at = [o.value(point) for o in reach.offsets]
    return set(flat[tuple(slice(a, a + s) for a, s in zip(at, reach.sizes, strict=True))].reshape(-1).tolist())


SHAPES = st.sampled_from(((12,), (3, 8), (2, 3, 4), (1, 6, 4)))


@given(SHAPES.flatmap(lambda shape: st.tuples(reaches(shape), reaches(shape))))
@settings(deadline=None, max_examples=150)
def test_inverse_holds_every_point_that_meets(pair: tuple[Reach, Reach]) -> None:
    target, own = pair
    box = inverse(target, own)
    one_each = all(sum(1 for o in target.offsets if o.coefficients[d]) <= 1 for d in range(len(target.extents)))
    fixed = all(any(o.coefficients) for o in target.offsets)
    for q in np.ndindex(*own.extents):
        touched = elements(own, q)
        meeting = {p for p in np.ndindex(*target.extents) if elements(target, p) & touched}
        found = set(covered_points(box, target.extents, q)) if box is not None else set()
        assert meeting <= found
        if one_each and fixed:
            assert found == meeting


@given(st.sampled_from((((2, 3, 4), (6, 4)), ((2, 3, 4), (24,)), ((1, 6, 4), (2, 12)), ((4, 6), (2, 2, 6)))), st.data())
@settings(deadline=None, max_examples=150)
def test_inverse_of_another_shape_holds_every_point_that_meets(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], data: st.DataObject
) -> None:
    target, own = data.draw(reaches(shapes[0])), data.draw(reaches(shapes[1]))
    box = inverse(target, own)
    for q in np.ndindex(*own.extents):
        touched = elements(own, q)
        meeting = {p for p in np.ndindex(*target.extents) if elements(target, p) & touched}
        assert meeting <= (set(covered_points(box, target.extents, q)) if box is not None else set())


@given(st.sampled_from(((12,), (3, 8), (2, 3, 4))).flatmap(reaches))
@settings(deadline=None, max_examples=150)
def test_a_filled_hull_is_the_union_of_the_boxes(reach: Reach) -> None:
    union = set().union(*(elements(reach, p) for p in np.ndindex(*reach.extents)))
    hull = reach.hull()
    assert all(0 <= low < end <= extent for (low, end), extent in zip(hull, reach.shape, strict=True))
    assert len(union) <= prod(end - low for low, end in hull)
    if reach.fills_hull():
        assert len(union) == prod(end - low for low, end in hull)


@pytest.mark.parametrize(
    ("bounds", "results", "pieces", "exact"),
    [
        ([4, 3], [Affine((1, 0)), Affine((0, 1), 2)], [((0, 4), (2, 3))], True),
        ([8], [Affine((1,), 1, 2)], [((0, 5),)], True),
        ([2, 5], [Affine((9, 0)), Affine((0, 1))], [((0, 1), (0, 5)), ((9, 1), (0, 5))], True),
        ([40], [Affine((2,))], [((0, 79),)], False),
        ([3, 3], [Affine((1, 1))], [((0, 5),)], True),
        ([5], [Affine((1,)), Affine((1,))], [((0, 5), (0, 5))], False),
        ([2], [Affine((3,)), Affine((2,))], [((0, 1), (0, 1)), ((3, 1), (2, 1))], True),
        ([], [Affine((), 7)], [((7, 1),)], True),
    ],
)
def test_image_of_a_kernels_map(
    bounds: list[int], results: list[Affine], pieces: list[tuple[tuple[int, int], ...]], exact: bool
) -> None:
    assert image(bounds, results) == (pieces, exact)


def test_common_groups() -> None:
    assert common_groups((1, 512, 7, 7), (1, 25088)) == [(range(1), range(1)), (range(1, 4), range(1, 2))]
    assert common_groups((4, 6), (2, 2, 6)) == [(range(1), range(2)), (range(1, 2), range(2, 3))]
    assert common_groups((3,), (3, 1, 1)) == [
        (range(1), range(1)),
        (range(1, 1), range(1, 2)),
        (range(1, 1), range(2, 3)),
    ]


def test_removing_a_region() -> None:
    whole = ((0, 4), (0, 6))
    left = remove([whole], (4, 6), ((1, 3), (2, 6)), (4, 6))
    assert sum(prod(end - low for low, end in part) for part in left) == 24 - 8
    assert remove([whole], (4, 6), ((0, 24),), (24,)) == []
    assert remove([whole], (4, 6), ((0, 23),), (24,)) == [whole]


def test_sweeping_a_domain() -> None:
    step = (Affine((0, 1)), Affine((0, 1)))
    assert swept_region((step,), (5,), (2, 5), [1]) == ((0, 5),)
    assert swept_region((step,), (5,), (2, 5), [0]) is None
    assert swept_region((step,), (5,), (2, 4), [1]) == ((0, 4),)
    assert fills([((0, 4),), ((4, 5),)], (5,))
    assert not fills([((0, 4),)], (5,))
