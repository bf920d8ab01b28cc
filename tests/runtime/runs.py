"""Made-up runs for the tests of traces and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cedr.runtime.result import EmulationResult, Segments
from cedr.target.api import CallClass
from cedr.target.probes import conv2d_class

PES = ("cpu1", "cpu2", "fft1")


def classes_of(layers: int) -> tuple[CallClass, ...]:
    """A conv2d and a zip per layer."""
    conv = conv2d_class(1, 1, 8, 8, 3)
    return tuple(
        call
        for layer in range(layers)
        for call in (
            CallClass("conv2d", "f32", conv.dims, {}, f"l{layer}_conv:0"),
            CallClass("zip", "f32", {"n": 64}, {"kind": "add"}, f"l{layer}_conv:1"),
        )
    )


def hand_made() -> EmulationResult:
    """Two instances of one application and one of another, five tasks, every time known."""
    return EmulationResult(
        pes=PES,
        app_names=("radar", 'an, odd "name"\nthat is much longer than CEDR\'s forty-nine characters'),
        classes=(
            CallClass("fft", "c64", {"b": 1, "n": 16}, {"inverse": True}, "a:0"),
            CallClass("zip", "f32", {"n": 8}, {"kind": "add"}, "b,c:1"),
        ),
        app=np.array([0, 0, 0, 1, 0], np.int32),
        instance=np.array([0, 1, 0, 2, 1], np.int32),
        task=np.array([0, 0, 1, 0, 1], np.uint32),
        task_class=np.array([0, 0, 1, 1, 1], np.int32),
        pe=np.array([2, 0, 0, 1, 2], np.int32),
        ready_ns=np.array([0, 1000, 1500, 2000, 2600], np.int64),
        start_ns=np.array([0, 1000, 2500, 2500, 3000], np.int64),
        end_ns=np.array([1500, 2001, 3000, 4500, 3001], np.int64),
        instance_app=np.array([0, 0, 1], np.int32),
        arrivals_ns=np.array([0, 1000, 2000], np.int64),
        starts_ns=np.array([0, 1000, 2000], np.int64),
        ends_ns=np.array([3000, 3001, 5000], np.int64),
    )


def with_a_failure(result: EmulationResult) -> EmulationResult:
    """The run, in which the last attempt but one failed."""
    failed = np.zeros(len(result), np.bool_)
    failed[-2] = True
    return replace(result, failed=failed)


def with_segments(result: EmulationResult) -> EmulationResult:
    """The run with two cores and a DMA port, held for three stretches and one."""
    cores = Segments(
        lanes=("core0", "core1"),
        owners=("daemon", "cpu1 worker", "radar 0"),
        kinds=("daemon", "kernel", "application"),
        lane=np.array([0, 1, 1], np.int16),
        owner=np.array([0, 1, 2], np.int32),
        kind=np.array([0, 1, 2], np.int8),
        start_ns=np.array([0, 1000, 2001], np.int64),
        end_ns=np.array([4500, 2001, 2100], np.int64),
    )
    ports = Segments(
        lanes=("hp0",),
        owners=result.pes,
        kinds=("in", "out"),
        lane=np.array([0], np.int16),
        owner=np.array([2], np.int32),
        kind=np.array([0], np.int8),
        start_ns=np.array([100], np.int64),
        end_ns=np.array([200], np.int64),
    )
    return replace(result, core_segments=cores, port_segments=ports)


def random_run(n_tasks: int, layers: int = 3, seed: int = 0) -> EmulationResult:
    """One instance, tasks back to back with gaps on random PEs, layers one after the other."""
    rng = np.random.default_rng(seed)
    pe = rng.integers(0, len(PES), n_tasks).astype(np.int32)
    duration, gap = rng.integers(1, 2000, n_tasks), rng.integers(0, 300, n_tasks)
    start = np.zeros(n_tasks, np.int64)
    for index in range(len(PES)):
        rows = np.flatnonzero(pe == index)
        start[rows] = np.cumsum(duration[rows] + gap[rows]) - duration[rows]
    order = np.argsort(start, kind="stable")
    pe, duration, start = pe[order], duration[order], start[order]
    end = start + duration
    last = int(end.max(initial=1))
    layer = np.minimum(layers - 1, start * layers // last)
    zero, only = np.zeros(n_tasks, np.int32), np.zeros(1, np.int64)
    return EmulationResult(
        pes=PES,
        app_names=("net",),
        classes=classes_of(layers),
        app=zero,
        instance=zero,
        task=np.arange(n_tasks, dtype=np.uint32),
        task_class=(layer * 2 + rng.integers(0, 2, n_tasks)).astype(np.int32),
        pe=pe,
        ready_ns=start,
        start_ns=start,
        end_ns=end,
        instance_app=np.zeros(1, np.int32),
        arrivals_ns=only,
        starts_ns=only,
        ends_ns=np.array([last], np.int64),
    )


def empty_run() -> EmulationResult:
    """No application at all."""
    return random_run(0)
