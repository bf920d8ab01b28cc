"""What an emitted Python module imports: grids of calls on NumPy arrays, in the three modes of a task module.

A module describes its tensors in a `Module` and hands a function of one argument, the run, to `main`. The run function
states each grid in one call: its tiles as strided windows, its calls, and what each call waits for as affine boxes.
Everything here works on a whole grid at once, so that millions of tasks are not millions of Python calls.

Modes (environment, as for C modules): CEDR_MODE=run computes; record writes CEDR_RECORD, and computes too with
CEDR_VALUES=1; execute compares with CEDR_RECORD and runs the tasks in the order of CEDR_SCHEDULE.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from cedr.runtime import weights as weights_file
from cedr.runtime.arithmetic import has_implementation, implementation
from cedr.runtime.npy import NpyError, map_npy
from cedr.runtime.record import Record, RecordWriter, read_record
from cedr.target.api import CallClass
from cedr.target.arithmetic import Arithmetic
from cedr.target.dtypes import numpy_dtype
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec

Array = NDArray[Any]
Ints = NDArray[np.int64]

ARENA_ALIGNMENT = 64


class ModuleError(CedrError):
    """A module that can't do what it is asked to."""


@dataclass(frozen=True)
class Affine:
    """(sum of coefficients[i] * d_i + constant) floordiv divisor, over a grid's or a kernel's indices."""

    coefficients: tuple[int, ...]
    constant: int = 0
    divisor: int = 1

    def at(self, point: Sequence[Any] | Array) -> Any:
        """The value at a point, or at arrays of points."""
        value: Any = self.constant
        for coefficient, index in zip(self.coefficients, point, strict=True):
            if coefficient:
                value = value + coefficient * index
        return value // self.divisor


@dataclass(frozen=True)
class Tile:
    """A call's operand: a window whose first element is offset(point) of a buffer, or a slot of a scratch ring.

    space: arena, input, output or weight; index: position among those, a byte offset in the arena. offset, strides and
    slot_elements are in elements.
    """

    space: str
    index: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: Affine
    slots: int = 0
    slot_elements: int = 0


@dataclass(frozen=True)
class Edge:
    """Waits for call `call` of the grid (base, calls, extents) at an affine box of its indices, clamped to `extents`."""

    base: int
    calls: int
    call: int
    extents: tuple[int, ...]
    box: tuple[tuple[Affine, Affine], ...]
    first: bool = False


@dataclass(frozen=True)
class Lag:
    """Waits for call `call` of the same grid, `distance` tiles earlier."""

    distance: int
    call: int


Compute = Callable[[Sequence[Array], Sequence[Array]], None]
"""Takes the views of ins and outs, each with one leading dimension over tiles; writes the outs."""


@dataclass(frozen=True)
class Call:
    """One call of a grid. `ins` and `outs` are tiles; `record` is its line in the record's class table."""

    record: CallClass
    compute: Compute
    ins: tuple[Tile, ...]
    outs: tuple[Tile, ...]
    after: tuple[Edge | Lag, ...] = ()


@dataclass(frozen=True)
class Module:
    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: tuple[TensorSpec, ...]
    arena_bytes: int
    task_count: int


# ---- dependencies ----


def expand_edges(
    entries: Sequence[Edge | Lag], base: int, calls: int, domain: Sequence[int], is_ordered: bool
) -> tuple[Ints, Ints]:
    """The tasks that each tile of a grid waits for: counts [tiles], and ids, tile after tile, entry after entry."""
    tiles = prod(domain)
    points = np.indices(domain).reshape(len(domain), tiles) if domain else np.zeros((0, 1), np.int64)
    per_entry: list[tuple[Ints, Ints]] = []
    for entry in entries:
        if isinstance(entry, Lag):
            index = np.arange(tiles) - entry.distance
            per_entry.append(((index >= 0).astype(np.int64), base + calls * index[index >= 0] + entry.call))
        else:
            per_entry.append(_expand_box(entry, points, tiles, is_ordered))
    if len(per_entry) == 1:
        return per_entry[0]
    counts = np.array([c for c, _ in per_entry], np.int64).reshape(len(per_entry), tiles)
    total = counts.sum(axis=0)
    # Interleave: where in the result each entry's run of each tile begins.
    starts = (np.cumsum(total) - total)[None, :] + np.cumsum(counts, axis=0) - counts
    ids = np.empty(int(total.sum()), np.int64)
    for (entry_counts, entry_ids), begin in zip(per_entry, starts, strict=True):
        within = np.arange(len(entry_ids)) - np.repeat(np.cumsum(entry_counts) - entry_counts, entry_counts)
        ids[np.repeat(begin, entry_counts) + within] = entry_ids
    return total, ids


def _expand_box(edge: Edge, points: Ints, tiles: int, is_ordered: bool) -> tuple[Ints, Ints]:
    lows, sizes = [], []
    counts = np.ones(tiles, np.int64)
    if edge.first and is_ordered:
        counts = (points[-1] == 0).astype(np.int64)
    for (low, high), extent in zip(edge.box, edge.extents, strict=True):
        first = np.broadcast_to(np.maximum(low.at(points), 0), tiles)
        last = np.broadcast_to(np.minimum(high.at(points), extent - 1), tiles)
        size = np.maximum(last - first + 1, 0)
        lows.append(first)
        sizes.append(size)
        counts = counts * size
    owner = np.repeat(np.arange(tiles), counts)
    rest = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = np.zeros(len(owner), np.int64)
    stride = 1
    for first, size, extent in zip(reversed(lows), reversed(sizes), reversed(edge.extents), strict=True):
        index += (first[owner] + rest % size[owner]) * stride
        rest = rest // size[owner]
        stride *= extent
    return counts, edge.base + edge.calls * index + edge.call


# ---- what calls compute; every operand has one leading dimension over tiles ----


def _columns(
    x: Array, filter_shape: Sequence[int], out_shape: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """x[t, n, c, spatial...] as windows [t, n, out..., c, filter...], without a copy."""
    rank = len(strides)
    t, n, c = x.strides[:3]
    spatial = x.strides[3:]
    return as_strided(
        x,
        (*x.shape[:2], *out_shape, x.shape[2], *filter_shape),
        (
            t,
            n,
            *(spatial[i] * strides[i] for i in range(rank)),
            c,
            *(spatial[i] * dilations[i] for i in range(rank)),
        ),
        writeable=False,
    )


def _convolution(strides: Sequence[int], dilations: Sequence[int]) -> Compute:
    def compute(ins: Sequence[Array], outs: Sequence[Array]) -> None:
        x, w = ins
        (y,) = outs
        # y: [t, n, f, out...]; w: [t, f, c, filter...]
        out_shape = y.shape[3:]
        depth = prod(w.shape[2:])
        for group in _groups(y.shape[0], y.shape[1] * prod(out_shape) * depth * y.itemsize):
            windows = _columns(x[group], w.shape[3:], out_shape, strides, dilations)
            columns = windows.reshape(windows.shape[0], -1, depth)
            product = np.matmul(columns, w[group].reshape(columns.shape[0], w.shape[1], depth).swapaxes(1, 2))
            product = product.reshape(columns.shape[0], y.shape[1], *out_shape, w.shape[1])
            y[group] = np.moveaxis(product, -1, 2)

    return compute


def _groups(tiles: int, bytes_per_tile: int, limit_bytes: int = 1 << 28) -> list[slice]:
    """Tiles in runs whose temporaries stay below a limit."""
    step = max(1, limit_bytes // max(1, bytes_per_tile))
    return [slice(i, min(i + step, tiles)) for i in range(0, tiles, step)]


def conv2d(strides: Sequence[int] = (1, 1), dilations: Sequence[int] = (1, 1)) -> Compute:
    """X[n,c,h,w], W[f,c,kh,kw] -> Y[n,f,oh,ow]."""
    return _convolution(strides, dilations)


def conv1d(strides: Sequence[int] = (1,), dilations: Sequence[int] = (1,)) -> Compute:
    """X[n,c,l], W[f,c,k] -> Y[n,f,ol]."""
    return _convolution(strides, dilations)


def gemm(transpose_b: bool = False) -> Compute:
    """A[m,k], B[k,n] (or [n,k]) -> C[m,n]."""

    def compute(ins: Sequence[Array], outs: Sequence[Array]) -> None:
        a, b = ins
        outs[0][...] = np.matmul(a, b.swapaxes(1, 2) if transpose_b else b)

    return compute


def fft(inverse: bool = False) -> Compute:
    """X[b,n] -> Y[b,n], complex."""

    def compute(ins: Sequence[Array], outs: Sequence[Array]) -> None:
        outs[0][...] = np.fft.ifft(ins[0], axis=2) if inverse else np.fft.fft(ins[0], axis=2)

    return compute


def zip_(kind: str) -> Compute:
    """Element by element: add, sub, mul, div, cmp_mul."""
    functions: dict[str, Callable[..., Any]] = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "cmp_mul": np.multiply,
        "div": np.divide,
    }

    def compute(ins: Sequence[Array], outs: Sequence[Array]) -> None:
        a, b = ins
        if kind == "div" and a.dtype.kind in "iu":
            if (b == 0).any():
                raise ModuleError("zip div: integer division by zero")
            outs[0][...] = a // b
            return
        outs[0][...] = functions[kind](a, b)

    return compute


@dataclass(frozen=True)
class LoopIndex:
    """Where a kernel is: `parallel` loops, all at once, and `fixed` values of the others."""

    bounds: Sequence[int]
    parallel: Sequence[int]
    fixed: Mapping[int, int]

    def of(self, dim: int) -> Any:
        """The value of a loop index, as an array that broadcasts over the parallel loops."""
        if dim in self.fixed:
            return np.int64(self.fixed[dim])
        axis = self.parallel.index(dim)
        return np.arange(self.bounds[dim]).reshape([-1 if k == axis else 1 for k in range(len(self.parallel))])

    def load(self, table: Array, *position: Any) -> Any:
        """The elements of `table[t, ...]` at positions in the dimensions after the tiles'.

        Raises ModuleError for a position outside of the table.
        """
        for where, size in zip(position, table.shape[1:], strict=True):
            outside = (np.asarray(where) < 0) | (np.asarray(where) >= size)
            if outside.any():
                first = np.asarray(where)[outside].flat[0]
                raise ModuleError(f"index {first} is out of range for a dimension of size {size}")
        tiles = np.arange(table.shape[0]).reshape(-1, *([1] * len(self.parallel)))
        return table[(tiles, *position)]


def kernel(
    body: Callable[..., Any],
    bounds: Sequence[int],
    maps: Sequence[Sequence[Affine] | None],
    init: Sequence[Any] | None = None,
) -> Compute:
    """A scalar function over `bounds`: maps[i] gives operand i's element (ins, then outs) per point; None: all of an in.

    `body(*elements, index)` gets arrays that broadcast over tiles and the parallel dimensions, tiles whole where the map
    is None, and the `LoopIndex`; it returns the outs' new elements, a tuple if several. Dimensions that some
    out's map does not use are taken in order.
    """

    def compute(ins: Sequence[Array], outs: Sequence[Array]) -> None:
        out_maps = [m for m in maps[len(ins) :] if m is not None]
        used = [{i for r in m for i, c in enumerate(r.coefficients) if c} for m in out_maps]
        reductions = [i for i, bound in enumerate(bounds) if bound > 1 and any(i not in dims for dims in used)]
        parallel = [i for i in range(len(bounds)) if i not in reductions]
        if init is not None:
            for out, value in zip(outs, init, strict=True):
                out[...] = value
        shape = [bounds[i] for i in parallel]
        for step in np.ndindex(*(bounds[i] for i in reductions)):
            fixed = dict(zip(reductions, step, strict=True))
            operands = [
                v if m is None else _mapped(v, m, parallel, shape, fixed)
                for v, m in zip((*ins, *outs), maps, strict=True)
            ]
            with np.errstate(all="ignore"):
                results = body(*operands, LoopIndex(bounds, parallel, fixed))
            if not isinstance(results, tuple):
                results = (results,)
            for out, out_map, target, result in zip(outs, out_maps, operands[len(ins) :], results, strict=True):
                if _divided(out_map):  # the target is a copy
                    out[_places(out_map, parallel, shape, fixed)] = result
                else:
                    target[...] = result

    return compute


def erf(x: Any) -> Any:
    """The error function, element by element (NumPy has none)."""
    values = np.asarray(x)
    return np.asarray(_ERF(values.astype(np.float64)), np.float64).astype(values.dtype)


def complex_of(real: Any, imaginary: Any) -> Any:
    """Complex numbers of these parts; a part that is infinite or no number leaves the other one alone."""
    real, imaginary = np.broadcast_arrays(real, imaginary)
    result = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    result.real, result.imag = real, imaginary
    return result


_ERF = np.frompyfunc(math.erf, 1, 1)


def _mapped(
    array: Array, results: Sequence[Affine], parallel: Sequence[int], shape: Sequence[int], fixed: Mapping[int, int]
) -> Array:
    """The elements of `array[t, ...]` that a map reaches, as [t, parallel bounds...]; a view where the map is linear."""
    if _divided(results):
        picked = array[_places(results, parallel, shape, fixed)]
        return np.broadcast_to(picked, (array.shape[0], *shape))
    offset = 0
    steps = [0] * len(parallel)
    for result, stride in zip(results, array.strides[1:], strict=True):
        offset += stride * (result.constant + sum(result.coefficients[d] * v for d, v in fixed.items()))
        for k, dim in enumerate(parallel):
            steps[k] += stride * result.coefficients[dim]
    start = as_strided(array, (array.shape[0], *([1] * (array.ndim - 1))), array.strides)
    if offset:
        start = _advanced(array, offset)
    return as_strided(start, (array.shape[0], *shape), (array.strides[0], *steps))


def _divided(results: Sequence[Affine]) -> bool:
    return any(r.divisor > 1 for r in results)


def _places(results: Sequence[Affine], parallel: Sequence[int], shape: Sequence[int], fixed: Mapping[int, int]) -> Any:
    """What indexes [t, ...] with the elements that a map reaches, giving [t, parallel bounds...]."""
    point: list[Any] = [0] * (len(parallel) + len(fixed))
    for dim, values in zip(parallel, np.indices(shape, sparse=True) if shape else (), strict=True):
        point[dim] = values
    for dim, value in fixed.items():
        point[dim] = value
    return (slice(None), *np.broadcast_arrays(*(np.asarray(r.at(point)) for r in results)))


def _advanced(array: Array, offset_bytes: int) -> Array:
    """The same memory from `offset_bytes` on; the offset is that of an element of `array`."""
    rest = offset_bytes
    order = sorted(range(1, array.ndim), key=lambda i: -array.strides[i])
    position = [0] * array.ndim
    for axis in order:
        stride = array.strides[axis]
        if stride:
            position[axis] = min(rest // stride, array.shape[axis] - 1)
            rest -= position[axis] * stride
    if rest:
        raise ModuleError(f"a kernel's map leaves its operand by {rest} bytes")
    index: Any = (slice(None), *(slice(p, p + 1) for p in position[1:]))
    start: Array = array[index]
    return start


# ---- a run ----


@dataclass
class _Kept:
    """execute: a submitted grid, whose tasks wait for the schedule."""

    base: int
    calls: tuple[Call, ...]
    domain: tuple[int, ...]


class Run:
    """One run of a module in one mode: what the emitted code submits to."""

    def __init__(self, module: Module, mode: str, inputs: Sequence[Array | None], weights: Mapping[str, Array]):
        self.module = module
        self.mode = mode
        self.values = mode == "run" or os.environ.get("CEDR_VALUES") == "1"
        space = np.zeros(module.arena_bytes + ARENA_ALIGNMENT, np.uint8)
        shift = -space.ctypes.data % ARENA_ALIGNMENT
        self.arena = space[shift : shift + module.arena_bytes]
        self.memory: dict[str, list[Array]] = {
            "input": [
                np.zeros(t.shape, numpy_dtype(t.dtype)) if x is None else x
                for t, x in zip(module.inputs, inputs, strict=True)
            ],
            "output": [np.zeros(t.shape, numpy_dtype(t.dtype)) for t in module.outputs],
            "weight": [weights[t.name] for t in module.weights],
        }
        self.writer: RecordWriter | None = None
        self.recorded: Record | None = None
        self.schedule: NDArray[np.uint32] | None = None
        self.submitted = 0
        self.kept: list[_Kept] = []
        self.joins: set[int] = set()
        if mode != "run":
            path = _environment("CEDR_RECORD", mode)
            if mode == "record":
                self.writer = RecordWriter(path)
            else:
                self.recorded = read_record(path)
                self.schedule = _read_schedule(Path(_environment("CEDR_SCHEDULE", mode)))

    # What emitted code calls.

    def grid(
        self, base: int, domain: Sequence[int], calls: Sequence[Call], is_ordered: bool = False, batched: bool = True
    ) -> None:
        """All tasks of a grid: task base + linear index * len(calls) + c is call c at that tile.

        `batched`: the tiles along parallel dimensions may be computed together (ins and outs share no memory).
        """
        kept = _Kept(base, tuple(calls), tuple(domain))
        if self.mode != "run":
            self._submit(kept, is_ordered)
        if self.mode == "execute":
            self.kept.append(kept)
        elif self.values:
            self._compute(kept, is_ordered, batched)

    def join(self, record: CallClass, base: int, after: Sequence[Edge] = ()) -> None:
        """A zero-cost task."""
        self.joins.add(base)
        if self.mode != "run":
            counts, ids = (
                expand_edges(after, base, 1, (), False) if after else (np.zeros(1, np.int64), np.zeros(0, np.int64))
            )
            self._record([record], np.array([base]), np.zeros(1, np.int64), counts, ids)

    def wait(self) -> None:
        """The host waits for every task submitted so far."""
        if self.writer is not None:
            self.writer.wait()
        if self.mode == "execute":
            self._run_schedule()

    # Recording and comparing.

    def _submit(self, kept: _Kept, is_ordered: bool) -> None:
        tiles, count = prod(kept.domain), len(kept.calls)
        none = (np.zeros(tiles, np.int64), np.zeros(0, np.int64))
        lists = [
            expand_edges(c.after, kept.base, count, kept.domain, is_ordered) if c.after else none for c in kept.calls
        ]
        counts = np.stack([c for c, _ in lists], axis=1)
        flat = counts.reshape(-1)
        if count == 1:
            ids = lists[0][1]
        else:
            starts = (np.cumsum(flat) - flat).reshape(tiles, count)
            ids = np.empty(int(flat.sum()), np.int64)
            for c, (own, values) in enumerate(lists):
                within = np.arange(len(values)) - np.repeat(np.cumsum(own) - own, own)
                ids[np.repeat(starts[:, c], own) + within] = values
        tasks = kept.base + np.arange(tiles * count)
        self._record([c.record for c in kept.calls], tasks, np.tile(np.arange(count), tiles), flat, ids)

    def _record(self, classes: Sequence[CallClass], tasks: Ints, which: Ints, counts: Ints, after: Ints) -> None:
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        if self.writer is not None:
            numbers = np.array([self.writer.add_class(c) for c in classes], np.int64)
            self.writer.submit_many(numbers[which], tasks, indptr, after)
        elif self.recorded is not None:
            self._compare(self.recorded, classes, tasks, which, indptr, after)
        self.submitted += len(tasks)

    def _compare(
        self, record: Record, classes: Sequence[CallClass], tasks: Ints, which: Ints, indptr: Ints, after: Ints
    ) -> None:
        """Raises ModuleError at the first task that differs from what was recorded."""
        order = record.threads[0].submitted if record.threads else np.zeros(0, np.uint32)
        span = order[self.submitted : self.submitted + len(tasks)].astype(np.int64)
        shorter = min(len(span), len(tasks))
        known = record.task_ids[span].astype(np.int64)
        bad = np.flatnonzero(known != tasks[:shorter])
        if len(bad) or shorter < len(tasks):
            place = int(bad[0]) if len(bad) else shorter
            raise self._diverged(self.submitted + place, int(tasks[place]), "another task was recorded")
        kinds = [record.classes[k] for k in record.class_of[span]]
        for place, (kind, number) in enumerate(zip(kinds, which, strict=True)):
            if kind != classes[number]:
                raise self._diverged(self.submitted + place, int(tasks[place]), "a call of another class was recorded")
        begins, ends = record.after_indptr[span], record.after_indptr[span + 1]
        differs = np.flatnonzero(ends - begins != np.diff(indptr))
        if len(differs):
            place = int(differs[0])
            raise self._diverged(
                self.submitted + place, int(tasks[place]), "another number of dependencies was recorded"
            )
        positions = np.repeat(begins - indptr[:-1], np.diff(indptr)) + np.arange(len(after))
        recorded_after = record.task_ids[record.after_indices[positions]].astype(np.int64)
        wrong = np.flatnonzero(recorded_after != after)
        if len(wrong):
            place = int(np.searchsorted(indptr, wrong[0], side="right")) - 1
            raise self._diverged(self.submitted + place, int(tasks[place]), "other dependencies were recorded")

    def _diverged(self, event: int, task: int, what: str) -> ModuleError:
        path = self.recorded.path if self.recorded is not None else ""
        return ModuleError(f"{path}: the module does not do what was recorded: event {event}, task {task}: {what}")

    # Computing.

    def _base_array(self, tile: Tile) -> Array:
        """The tile's buffer from its first byte on, flat, in elements."""
        dtype = numpy_dtype(tile.dtype)
        if tile.space == "arena":
            usable = (len(self.arena) - tile.index) // dtype.itemsize * dtype.itemsize
            return self.arena[tile.index : tile.index + usable].view(dtype)
        return self.memory[tile.space][tile.index].reshape(-1)

    def _view(self, tile: Tile, domain: Sequence[int], tiles: Ints) -> Array:
        """The tile at given linear indices, over which its window moves by a constant step: [t, shape...]."""
        flat = self._base_array(tile)
        size = flat.itemsize
        strides = [s * size for s in tile.strides]
        if tile.slots:
            starts = tiles % tile.slots * tile.slot_elements
        else:
            starts = np.broadcast_to(tile.offset.at(np.unravel_index(tiles, domain) if domain else ()), len(tiles))
        steps = np.diff(starts)
        assert (steps == steps[:1]).all(), "cut by _even_runs"
        step = int(steps[0]) * size if len(starts) > 1 else 0
        return as_strided(flat[int(starts[0]) :], (len(tiles), *tile.shape), (step, *strides))

    def _compute(self, kept: _Kept, is_ordered: bool, batched: bool) -> None:
        """Runs of tiles whose windows are evenly spaced are computed together, reduction steps in order."""
        domain = kept.domain
        inner = domain[-1] if is_ordered else 1
        total = prod(domain)
        for step in range(inner):
            tiles = np.arange(step, total, inner)
            runs = _even_runs(kept.calls, domain, tiles) if batched else [tiles[i : i + 1] for i in range(len(tiles))]
            for run in runs:
                self._run_tiles(kept, run)

    def _run_tiles(self, kept: _Kept, tiles: Ints) -> None:
        scratch: dict[Tile, Array] = {}

        def view(tile: Tile) -> Array:
            if not tile.slots or len(tiles) == 1:
                return self._view(tile, kept.domain, tiles)
            if tile not in scratch:  # more tiles at once than the ring has slots: a slot each
                scratch[tile] = np.zeros((len(tiles), *tile.shape), numpy_dtype(tile.dtype))
            return scratch[tile]

        for call in kept.calls:
            call.compute([view(t) for t in call.ins], [view(t) for t in call.outs])

    def _run_schedule(self) -> None:
        """The kept tasks in the schedule's order, each alone."""
        assert self.schedule is not None
        bases = np.array([k.base for k in self.kept], np.int64)
        done = np.zeros(self.module.task_count, np.bool_)
        for position, (task, word) in enumerate(self.schedule.tolist()):
            where = int(np.searchsorted(bases, task, side="right")) - 1 if len(bases) else -1
            kept = self.kept[where] if where >= 0 else None
            if (
                kept is None
                or task - kept.base >= prod(kept.domain) * len(kept.calls)
                or done[task]
                or task in self.joins
            ):
                raise ModuleError(f"schedule entry {position} names task {task}, which is not waiting to be run")
            tile, number = divmod(task - kept.base, len(kept.calls))
            call = kept.calls[number]
            at = np.array([tile])
            compute = self._implementation(call, word)
            if compute is None:
                raise ModuleError(f"task {task} has no implementation {word}")
            compute(
                [self._view(t, kept.domain, at) for t in call.ins], [self._view(t, kept.domain, at) for t in call.outs]
            )
            done[task] = True
        for kept in self.kept:
            count = prod(kept.domain) * len(kept.calls)
            missing = np.flatnonzero(~done[kept.base : kept.base + count])
            if len(missing):
                raise ModuleError(f"the schedule lacks task {kept.base + int(missing[0])}")
        self.kept.clear()

    @staticmethod
    def _implementation(call: Call, word: int) -> Compute | None:
        """What computes a call on the PE that it was given to; None: there is no such implementation."""
        value = Arithmetic.from_word(word)
        if value is None or (value.name and not has_implementation(call.record)):
            return None
        return implementation(call.record, value) if value.name else call.compute

    def finish(self) -> None:
        if self.writer is not None:
            self.writer.end()
            self.writer.close()


def _even_runs(calls: Sequence[Call], domain: Sequence[int], tiles: Ints) -> list[Ints]:
    """Cut `tiles` into the longest runs over which every window of every call moves by a constant step."""
    if len(tiles) <= 1:
        return [tiles]
    point = np.unravel_index(tiles, domain)
    breaks = np.zeros(len(tiles), np.bool_)
    for tile in {t for c in calls for t in (*c.ins, *c.outs) if not t.slots}:
        starts = np.broadcast_to(tile.offset.at(point), len(tiles))
        steps = np.diff(starts)
        breaks[2:] |= steps[1:] != steps[:-1]
    # A run must not begin right behind a break twice: greedily take from each break the longest even stretch.
    runs: list[Ints] = []
    begin = 0
    positions = np.flatnonzero(breaks).tolist()
    for at in positions:
        if at <= begin + 1:
            continue
        runs.append(tiles[begin:at])
        begin = at
    runs.append(tiles[begin:])
    return runs


# ---- main ----


def _environment(name: str, mode: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ModuleError(f"CEDR_MODE={mode} needs {name}=FILE")
    return value


def _read_schedule(path: Path) -> NDArray[np.uint32]:
    try:
        words = np.fromfile(path, np.uint32)
    except OSError as error:
        raise ModuleError(f"{path}: {error.strerror}") from error
    if len(words) < 1 or len(words) != 1 + 2 * int(words[0]):
        raise ModuleError(f"{path}: not a schedule: {len(words)} words")
    return words[1:].reshape(-1, 2)


def _assign(arguments: Sequence[str], tensors: Sequence[TensorSpec], option: str) -> dict[str, Path]:
    """Files by tensor name: `NAME=FILE`, or in order."""
    names = [t.name for t in tensors]
    paths: dict[str, Path] = {}
    for argument in arguments:
        name, equals, rest = argument.partition("=")
        if equals and name in names:
            paths[name] = Path(rest)
            continue
        if equals and not Path(argument).exists():
            raise ModuleError(f"{option} {argument}: no such name; those there are: {', '.join(names)}")
        free = next((n for n in names if n not in paths), None)
        if free is None:
            raise ModuleError(f"{option} {argument}: the module has {len(names)} of them only")
        paths[free] = Path(argument)
    return paths


def _load(path: Path, tensor: TensorSpec) -> Array:
    try:
        return np.array(map_npy(path, tensor), order="C")
    except NpyError as error:
        raise ModuleError(f"{path}: {error}") from error


def _save(path: Path, array: Array) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.save(file, array)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ModuleError(f"{path}: {error.strerror}") from error


def execute(module: Module, run: Callable[[Run], None], source: str, arguments: Sequence[str] | None = None) -> None:
    """A module's main program. Raises CedrError for what it refuses."""
    parser = argparse.ArgumentParser(prog=module.name, description=f"Task module {module.name}.")
    for option, tensors in (("input", module.inputs), ("output", module.outputs)):
        known = ", ".join(f"{t.name} {t.dtype}{list(t.shape)}" for t in tensors)
        parser.add_argument(f"--{option}", action="append", default=[], metavar="[NAME=]X.npy", help=known)
    options = parser.parse_args(arguments)
    mode = os.environ.get("CEDR_MODE") or "run"
    if mode not in ("run", "record", "execute"):
        raise ModuleError(f"CEDR_MODE={mode}: the modes are run, record, execute")
    needs_values = mode != "record" or os.environ.get("CEDR_VALUES") == "1"
    given = _assign(options.input, module.inputs, "--input")
    targets = _assign(options.output, module.outputs, "--output")
    for tensor in module.inputs:
        if needs_values and tensor.name not in given and tensor.initial is None:
            raise ModuleError(f"input '{tensor.name}' is missing: give --input {tensor.name}=X.npy")
    if targets and not needs_values:
        raise ModuleError("--output: recording without CEDR_VALUES=1 computes no values")
    path = os.environ.get("CEDR_WEIGHTS")
    weights = weights_file.load(Path(path) if path else Path(source).parent / "weights.safetensors", module.weights)
    inputs = [
        _load(given[t.name], t) if t.name in given else None if t.initial is None else weights[t.initial]
        for t in module.inputs
    ]
    state = Run(module, mode, inputs, weights)
    run(state)
    state.finish()
    for tensor, array in zip(module.outputs, state.memory["output"], strict=True):
        if tensor.name in targets:
            _save(targets[tensor.name], array)


def main(module: Module, run: Callable[[Run], None], source: str) -> None:
    """`execute`, with a refusal as one message on stderr and exit status 1."""
    try:
        execute(module, run, source)
    except CedrError as error:
        print(f"{module.name}: {error}", file=sys.stderr)
        sys.exit(1)
