"""An element-exact check of dependencies that shares nothing with the pass: bytes per task, and the closure of edges.

Every task's reads and writes are enumerated as sets of byte addresses; every pair of tasks that touches a common byte,
one of them writing, has to be ordered by the closure of the edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr
from xdsl.ir import SSAValue

from cedr.dialects.cedr import (
    AllocOp,
    CallOp,
    DependencyAttr,
    GridOp,
    JoinOp,
    KernelOp,
    LagAttr,
    ViewOp,
    element_type_of,
    shape_of,
)
from cedr.dialects.element_types import element_size_bytes

Ints = NDArray[np.int64]


@dataclass
class Tasks:
    """Per task id: the bytes that it reads and writes; None for a join."""

    names: list[str]
    reads: list[Ints]
    writes: list[Ints]


def kernel_elements(call: KernelOp, operand: int) -> Ints:
    """Element numbers, within the tile, that a kernel's map reaches, by running through its bounds."""
    bounds = call.get_bounds()
    points = np.indices(bounds).reshape(len(bounds), -1) if bounds else np.zeros((0, 1), np.int64)
    value = (*call.inputs, *call.outputs)[operand]
    where = []
    for result in call.maps.data[operand].data.results:
        where.append(np.broadcast_to(_evaluate(result, points), points.shape[1:]))
    shape = shape_of(value)
    if not shape:
        return np.zeros(1, np.int64)
    return np.unique(np.ravel_multi_index(where, shape)).astype(np.int64)


def _evaluate(expr: Any, points: Ints) -> Any:
    """An xDSL affine expression at many points, by its own structure."""
    from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr

    if isinstance(expr, AffineConstantExpr):
        return np.full(points.shape[1:], expr.value, np.int64)
    if isinstance(expr, AffineDimExpr):
        return points[expr.position]
    assert isinstance(expr, AffineBinaryOpExpr)
    a, b = _evaluate(expr.lhs, points), _evaluate(expr.rhs, points)
    match expr.kind:
        case AffineBinaryOpKind.Add:
            return a + b
        case AffineBinaryOpKind.Mul:
            return a * b
        case AffineBinaryOpKind.FloorDiv:
            return a // b
    raise AssertionError(expr.kind)


class Addresses:
    """Byte addresses: the arena from 0, then each argument and weight in a range of its own."""

    def __init__(self, function: func.FuncOp):
        allocs = [op for op in function.body.block.ops if isinstance(op, AllocOp)]
        self.next = max((op.offset.value.data + op.size_bytes() for op in allocs), default=0)  # type: ignore[union-attr]  # planned
        self.starts: dict[SSAValue, int] = {}

    def start(self, value: SSAValue) -> int:
        while isinstance(value.owner, ViewOp):
            value = value.owner.source
        if isinstance(value.owner, AllocOp):
            assert value.owner.offset is not None
            return value.owner.offset.value.data
        if value not in self.starts:
            self.starts[value] = self.next
            self.next += prod(shape_of(value)) * element_size_bytes(element_type_of(value))
        return self.starts[value]

    def bytes_of(self, value: SSAValue, elements: Ints) -> Ints:
        size = element_size_bytes(element_type_of(value))
        return (self.start(value) + elements[:, None] * size + np.arange(size)).reshape(-1)


def enumerate_bytes(function: func.FuncOp) -> Tasks:
    """What every task touches, in the order of ids (program order, joins included)."""
    tasks = Tasks([], [], [])
    addresses = Addresses(function)
    nothing = np.zeros(0, np.int64)
    for op in function.body.block.ops:
        if isinstance(op, JoinOp):
            tasks.names.append(op.sym_name.data)
            tasks.reads.append(nothing)
            tasks.writes.append(nothing)
        if not isinstance(op, GridOp):
            continue
        position: dict[SSAValue, int] = {arg: i for i, arg in enumerate(op.body.block.args)}
        operands = list(op.operands)
        windows = list(op.windows.data)
        for linear, point in enumerate(np.ndindex(*op.get_domain())):
            where = np.array(point, np.int64).reshape(-1, 1)
            for number, call in enumerate(op.calls()):
                reads, writes = [nothing], [nothing]
                for i, tile in enumerate((*call.inputs, *call.outputs)):
                    index = position[tile]
                    value = operands[index]
                    numbers = np.arange(prod(shape_of(value)), dtype=np.int64).reshape(shape_of(value))
                    if index < len(windows):
                        offsets = [int(_evaluate(e, where)[0]) for e in windows[index].offsets.data.results]
                        shape = windows[index].get_shape()
                        numbers = numbers[tuple(slice(o, o + s) for o, s in zip(offsets, shape, strict=True))]
                    else:
                        numbers = numbers[linear % numbers.shape[0]]
                    elements = numbers.reshape(-1)
                    if isinstance(call, KernelOp):
                        elements = elements[kernel_elements(call, i)]
                    touched = addresses.bytes_of(value, elements)
                    out = i - len(call.inputs)
                    if out < 0 or call.reads_outputs()[out]:
                        reads.append(touched)
                    if out >= 0:
                        writes.append(touched)
                tasks.names.append(f"{op.sym_name.data}:{number}{list(point)}")
                tasks.reads.append(np.unique(np.concatenate(reads)))
                tasks.writes.append(np.unique(np.concatenate(writes)))
    return tasks


def representatives(tasks: Tasks) -> Tasks:
    """The same tasks over fewer bytes: one of those that the same tasks read and the same tasks write.

    Bytes are told apart by a 64-bit sum of random numbers over the tasks that touch them.
    """
    size = max((int(b.max()) + 1 for b in (*tasks.reads, *tasks.writes) if len(b)), default=0)
    random = np.random.default_rng(0)
    sums = np.zeros(size, np.uint64)
    for touched in (tasks.reads, tasks.writes):
        numbers = random.integers(0, 1 << 64, len(tasks.names), np.uint64)
        for task, where in enumerate(touched):
            sums[where] += numbers[task]
    keep = np.zeros(size, bool)
    keep[np.unique(sums, return_index=True)[1]] = True
    return Tasks(tasks.names, [b[keep[b]] for b in tasks.reads], [b[keep[b]] for b in tasks.writes])


def conflicts(tasks: Tasks) -> list[int]:
    """Per task, as bits: the earlier tasks that touch a byte in common with it, one of the two writing."""
    tasks = representatives(tasks)
    touchers: dict[int, int] = {}
    writers: dict[int, int] = {}
    found = []
    for i in range(len(tasks.names)):
        written = set(tasks.writes[i].tolist())
        touched = written | set(tasks.reads[i].tolist())
        bits = 0
        for byte in touched:
            bits |= touchers.get(byte, 0) if byte in written else writers.get(byte, 0)
        found.append(bits)
        for byte in touched:
            touchers[byte] = touchers.get(byte, 0) | 1 << i
        for byte in written:
            writers[byte] = writers.get(byte, 0) | 1 << i
    return found


def read_edges(function: func.FuncOp, without: tuple[int, int] | None = None) -> list[set[int]]:
    """Per task, the tasks waited for, tile by tile.

    without: (number of the call in the function, number of its entry) that is left out.
    """
    targets: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    next_id = 0
    for op in function.body.block.ops:
        if isinstance(op, GridOp):
            assert op.get_base() == next_id
            targets[op.sym_name.data] = (next_id, len(op.calls()), op.get_domain())
            next_id += op.num_tasks()
        elif isinstance(op, JoinOp):
            assert op.base is not None and op.base.value.data == next_id
            targets[op.sym_name.data] = (next_id, 1, ())
            next_id += 1
    edges: list[set[int]] = [set() for _ in range(next_id)]
    call_number = 0
    for op in function.body.block.ops:
        if isinstance(op, JoinOp):
            base = targets[op.sym_name.data][0]
            for entry in op.after.data if op.after is not None else ():
                edges[base] |= _entry_tasks(entry, (), targets)
        elif isinstance(op, GridOp):
            base, calls, domain = targets[op.sym_name.data]
            for c, call in enumerate(op.calls()):
                for e, entry in enumerate(call.after.data if call.after is not None else ()):
                    if (call_number, e) == without:
                        continue
                    for linear, point in enumerate(np.ndindex(*domain)):
                        if isinstance(entry, LagAttr):
                            if linear >= entry.distance():
                                target = base + (linear - entry.distance()) * calls + entry.call_index()
                                edges[base + linear * calls + c].add(target)
                        else:
                            edges[base + linear * calls + c] |= _entry_tasks(entry, point, targets)
                call_number += 1
    return edges


def _entry_tasks(entry: Any, point: Sequence[int], targets: dict[str, tuple[int, int, tuple[int, ...]]]) -> set[int]:
    assert isinstance(entry, DependencyAttr)
    if entry.is_first() and point[-1]:
        return set()
    base, calls, domain = targets[entry.grid_name()]
    where = np.array(point, np.int64).reshape(-1, 1)
    lows = [max(int(_evaluate(e, where)[0]), 0) for e in entry.lower.data.results]
    highs = [
        min(int(_evaluate(e, where)[0]), extent - 1) for e, extent in zip(entry.upper.data.results, domain, strict=True)
    ]
    found = set()
    for index in np.ndindex(*(max(h - low + 1, 0) for low, h in zip(lows, highs, strict=True))):
        linear = 0
        for i, low, extent in zip(index, lows, domain, strict=True):
            linear = linear * extent + low + i
        found.add(base + linear * calls + entry.call_index())
    return found


def closure(edges: Sequence[set[int]]) -> list[int]:
    """Per task, as bits: all tasks that end before it begins."""
    reach: list[int] = []
    for task, waits in enumerate(edges):
        bits = 0
        for other in waits:
            assert other < task, f"task {task} waits for {other}, which comes later"
            bits |= reach[other] | 1 << other
        reach.append(bits)
    return reach


def unordered(function: func.FuncOp) -> list[str]:
    """The pairs of tasks that conflict and are not ordered, in words."""
    tasks = enumerate_bytes(function)
    found, reach = conflicts(tasks), closure(read_edges(function))
    return [
        f"{tasks.names[i]} does not wait for {tasks.names[j]}"
        for i in range(len(found))
        for j in range(i)
        if found[i] >> j & 1 and not reach[i] >> j & 1
    ]


def calls_of(function: func.FuncOp) -> list[CallOp]:
    return [c for op in function.body.block.ops if isinstance(op, GridOp) for c in op.calls()]


def needless_entries(function: func.FuncOp) -> tuple[list[str], int]:
    """(entries without which every conflict is still ordered, number of entries), entries on joins apart."""
    found = conflicts(enumerate_bytes(function))
    joins = {op.sym_name.data for op in function.body.block.ops if isinstance(op, JoinOp)}
    needless, total = [], 0
    grids = [op for op in function.body.block.ops if isinstance(op, GridOp)]
    names = [f"@{g.sym_name.data}:{c}" for g in grids for c in range(len(g.calls()))]
    for number, call in enumerate(calls_of(function)):
        for e, entry in enumerate(call.after.data if call.after is not None else ()):
            if isinstance(entry, DependencyAttr) and entry.grid_name() in joins:
                continue
            total += 1
            reach = closure(read_edges(function, (number, e)))
            if all(wanted & ~have == 0 for wanted, have in zip(found, reach, strict=True)):
                needless.append(f"{names[number]} after {ArrayAttr([entry])}")
    return needless, total


def ordered_share(function: func.FuncOp) -> tuple[int, int]:
    """(pairs of tasks that are ordered, pairs that have to be): how much the edges order beyond what they must.

    What has to be is the closure of the conflicts; pairs with a join are not counted.
    """
    tasks = enumerate_bytes(function)
    grids = [op for op in function.body.block.ops if isinstance(op, JoinOp)]
    joins = sum(1 << op.base.value.data for op in grids if op.base is not None)
    have = closure(read_edges(function))
    must: list[int] = []
    for bits in conflicts(tasks):
        total, rest = bits, bits
        while rest:
            low = (rest & -rest).bit_length() - 1
            total |= must[low]
            rest &= rest - 1
        must.append(total)
    pairs = [(h & ~joins).bit_count() for i, h in enumerate(have) if not joins >> i & 1]
    return sum(pairs), sum(m.bit_count() for m in must)
