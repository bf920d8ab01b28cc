"""The `after` entries of a function as numbers: every edge between tasks, evaluated from the IR's text alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.ir import Attribute

from cedr.dialects.cedr import Affine, DependencyAttr, GridOp, JoinOp, LagAttr

Ints = NDArray[np.int64]
Targets = dict[str, tuple[int, int, tuple[int, ...]]]
"""Grid or join -> (base, calls, domain)."""


def over_domain(value: Affine, extents: Sequence[int]) -> Ints:
    """The value at every point of a domain, in index order."""
    total = np.full(tuple(extents), value.constant, np.int64)
    for i, (coefficient, extent) in enumerate(zip(value.coefficients, extents, strict=True)):
        if coefficient:
            shape = [1] * len(extents)
            shape[i] = extent
            total = total + coefficient * np.arange(extent, dtype=np.int64).reshape(shape)
    return (total // value.divisor).reshape(-1)


def entry_edges(entry: Attribute, extents: Sequence[int], own: tuple[int, int], targets: Targets) -> tuple[Ints, Ints]:
    """(waiting tile, task waited for) of every edge of one entry, the tiles ascending. `own`: (base, calls)."""
    tiles = prod(extents)
    numbers = np.arange(tiles, dtype=np.int64)
    if isinstance(entry, LagAttr):
        waiting = numbers[entry.distance() :]
        return waiting, own[0] + (waiting - entry.distance()) * own[1] + entry.call_index()
    assert isinstance(entry, DependencyAttr)
    base, calls, domain = targets[entry.grid_name()]
    lows, sizes = [], []
    counts = np.ones(tiles, np.int64)
    for (low, high), extent in zip(entry.box(), domain, strict=True):
        lows.append(np.maximum(over_domain(low, extents), 0))
        sizes.append(np.maximum(np.minimum(over_domain(high, extents), extent - 1) - lows[-1] + 1, 0))
        counts = counts * sizes[-1]
    if entry.is_first():
        counts = np.where(numbers % extents[-1] == 0, counts, 0)
    waiting = np.repeat(numbers, counts)
    rest = np.arange(len(waiting), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    linear = np.zeros(len(waiting), np.int64)
    stride = 1
    for low_at, size_at, extent in reversed(list(zip(lows, sizes, domain, strict=True))):
        size = size_at[waiting]
        linear += (low_at[waiting] + rest % size) * stride
        rest //= size
        stride *= extent
    return waiting, base + linear * calls + entry.call_index()


def expand_edges(function: func.FuncOp) -> tuple[int, Ints, Ints]:
    """(number of tasks, indptr, indices): task t waits for the tasks indices[indptr[t] : indptr[t + 1]].

    Ascending task ids and, for one task, the order of its entries. The function is at the last level (every grid with its
    base).
    """
    targets: Targets = {}
    tasks = 0
    for op in function.body.block.ops:
        if isinstance(op, GridOp):
            targets[op.sym_name.data] = (op.get_base(), len(op.calls()), op.get_domain())
            tasks = max(tasks, op.get_base() + op.num_tasks())
        elif isinstance(op, JoinOp):
            base = 0 if op.base is None else op.base.value.data
            targets[op.sym_name.data] = (base, 1, ())
            tasks = max(tasks, base + 1)
    waiting: list[Ints] = [np.zeros(0, np.int64)]
    awaited: list[Ints] = [np.zeros(0, np.int64)]
    for op in function.body.block.ops:
        if isinstance(op, GridOp):
            calls = op.calls()
            for number, call in enumerate(calls):
                for entry in call.after.data if call.after is not None else ():
                    tile, task = entry_edges(entry, op.get_domain(), (op.get_base(), len(calls)), targets)
                    waiting.append(op.get_base() + tile * len(calls) + number)
                    awaited.append(task)
        elif isinstance(op, JoinOp):
            base = targets[op.sym_name.data][0]
            for entry in op.after.data if op.after is not None else ():
                tile, task = entry_edges(entry, (), (base, 1), targets)
                waiting.append(base + tile)
                awaited.append(task)
    rows, columns = np.concatenate(waiting), np.concatenate(awaited)
    order = np.argsort(rows, kind="stable")
    indptr = np.zeros(tasks + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=tasks), out=indptr[1:])
    return tasks, indptr, columns[order]
