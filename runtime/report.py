"""A run as tables for people: latency, tasks by API, use of every PE; and the files of `--out`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cedr.runtime.gantt import write_gantt
from cedr.runtime.perfetto import write_perfetto
from cedr.runtime.result import EmulationResult, Int64Array
from cedr.runtime.trace import write_tasks_csv, write_timing_trace
from cedr.target.platform import Composition, Platform

if TYPE_CHECKING:
    from rich.console import Console

OUT_FILES = ("timing_trace.log", "tasks.csv", "gantt.svg", "trace.perfetto.json")


@dataclass(frozen=True)
class PeUse:
    """One PE in a run."""

    name: str
    tasks: int
    busy_ns: int
    utilisation: float
    """busy_ns over the makespan."""
    busy_by_api: dict[str, int]
    """ns, for the APIs it had tasks of."""


def pe_use(result: EmulationResult) -> list[PeUse]:
    """What every PE did, in the composition's order."""
    apis = list(dict.fromkeys(call.api for call in result.classes))
    api_of_class = np.array([apis.index(call.api) for call in result.classes], np.int64)
    shape = (len(result.pes), len(apis))
    busy: Int64Array = np.zeros(shape, np.int64)
    tasks: Int64Array = np.zeros(shape, np.int64)
    if len(result):
        cells = (result.pe, api_of_class[result.task_class])
        np.add.at(busy, cells, result.end_ns - result.start_ns)
        np.add.at(tasks, cells, 1)
    makespan = result.makespan_ns
    return [
        PeUse(
            name=name,
            tasks=int(tasks[pe].sum()),
            busy_ns=int(busy[pe].sum()),
            utilisation=int(busy[pe].sum()) / makespan if makespan else 0.0,
            busy_by_api={api: int(busy[pe, k]) for k, api in enumerate(apis) if tasks[pe, k]},
        )
        for pe, name in enumerate(result.pes)
    ]


def energy_j(result: EmulationResult, platform: Platform, composition: Composition) -> float | None:
    """Joules of the PEs over the makespan, by their power while busy and while idle.

    None where a PE type of the composition has no power figures in the platform file.
    """
    total_j = 0.0
    for use, pe in zip(pe_use(result), composition.pes, strict=True):
        power = platform.pe_types[pe.type_index].power
        if power is None:
            return None
        idle_ns = max(0, result.makespan_ns - use.busy_ns)
        total_j += float(power.active_w * use.busy_ns + power.idle_w * idle_ns) * 1e-9
    return total_j


def duration(time_ns: float) -> str:
    """A time for people: `1.234 ms`."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if abs(time_ns) >= size:
            return f"{time_ns / size:,.3f} {unit}"
    return f"{time_ns:,.0f} ns"


def print_report(result: EmulationResult, console: Console, title: str = "") -> None:
    """Latency, tasks by API and the PEs' use as tables on a rich console."""
    from rich.markup import escape
    from rich.table import Table

    latency = result.latency_ns
    if title:
        console.print(escape(title), highlight=False)
    summary = Table(show_header=False, box=None, pad_edge=False)
    summary.add_row("makespan", duration(result.makespan_ns))
    if len(latency) == 1:
        summary.add_row("latency", duration(int(latency[0])))
    elif len(latency):
        low, mean, high = (duration(float(t)) for t in (latency.min(), latency.mean(), latency.max()))
        summary.add_row("latency", f"{low} to {high}, mean {mean}, {len(latency):,} instances")
    summary.add_row("tasks", f"{len(result):,}")
    console.print(summary)

    calls = Table(title="Calls", title_justify="left")
    calls.add_column("API")
    for heading in ("tasks", "time on PEs", "mean", "MMAC"):
        calls.add_column(heading, justify="right")
    per_class = np.bincount(result.task_class, minlength=len(result.classes))
    busy_of_class = np.zeros(len(result.classes), np.int64)
    np.add.at(busy_of_class, result.task_class, result.end_ns - result.start_ns)
    for api in dict.fromkeys(call.api for call in result.classes):
        own = [index for index, call in enumerate(result.classes) if call.api == api]
        count, busy_ns = int(per_class[own].sum()), int(busy_of_class[own].sum())
        macs = sum(int(per_class[index]) * result.classes[index].macs for index in own if per_class[index])
        if count:
            calls.add_row(api, f"{count:,}", duration(busy_ns), duration(busy_ns / count), f"{macs / 1e6:,.2f}")
    console.print(calls)

    pes = Table(title="Processing elements", title_justify="left")
    pes.add_column("PE")
    for heading in ("tasks", "busy", "utilisation"):
        pes.add_column(heading, justify="right")
    pes.add_column("mostly")
    for use in pe_use(result):
        ranked = sorted(use.busy_by_api.items(), key=lambda item: -item[1])[:3]
        shares = [(api, 100 * ns / max(1, use.busy_ns)) for api, ns in ranked]
        mostly = ", ".join(f"{api} {share:.0f}%" for api, share in shares if share >= 1)
        pes.add_row(use.name, f"{use.tasks:,}", duration(use.busy_ns), f"{100 * use.utilisation:.1f} %", mostly)
    console.print(pes)


def write_out(result: EmulationResult, directory: str | os.PathLike[str], title: str = "") -> tuple[Path, ...]:
    """Write the files of `--out` (`OUT_FILES`) into a directory, each whole or not at all; returns their paths."""
    paths = tuple(Path(directory) / name for name in OUT_FILES)
    timing, tasks, gantt, perfetto = paths
    write_timing_trace(result, timing)
    write_tasks_csv(result, tasks)
    write_gantt(result, gantt, title=title)
    write_perfetto(result, perfetto)
    return paths
