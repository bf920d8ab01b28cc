"""A run as tables for people: latency, tasks by API, use of every PE; and the files of `--out`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.gantt import write_gantt
from cedr.runtime.html_report import Table, write_html_report
from cedr.runtime.perfetto import write_perfetto
from cedr.runtime.result import EmulationResult, Int64Array
from cedr.runtime.trace import DERIVED, WRITERS, csv_field, fill, row_slices, write_log
from cedr.target.files import write_atomically
from cedr.target.platform import Composition, Platform

if TYPE_CHECKING:
    from rich.console import Console

OUT_FILES: Final = (*WRITERS, *DERIVED)
"""The files of `--out`; docs/reports.md has their columns."""

INSTANCE_COLUMNS: Final = (
    "app_id",
    "app_name",
    "arrival_ns",
    "start_ns",
    "end_ns",
    "runtime_ns",
    "lifetime_ns",
    "tasks",
    "task_time_ns",
    "deadline_ns",
    "late",
    "failed",
    "warmup",
)
FAULT_COLUMNS: Final = ("at_ns", "kind", "action", "fault", "pe", "app_id", "app_name", "task_id", "text")
PE_COLUMNS: Final = ("pe", "core", "api", "tasks", "busy_ns", "utilisation")


@dataclass(frozen=True)
class PeUse:
    """One PE in a run."""

    name: str
    tasks: int
    """Of the counted instances: those of all PEs add up to the run's."""
    busy_ns: int
    """In the measured span, whichever instances it worked for: in the beginning also for those of the warm-up."""
    utilisation: float
    """busy_ns over that span: from the first arrival to the last end of an instance or a task (`span_ns`)."""
    busy_by_api: dict[str, int]
    """ns, for the APIs it had tasks of, or attempts at them that failed."""
    tasks_by_api: dict[str, int]


def pe_use(result: EmulationResult) -> list[PeUse]:
    """What every PE did, in the composition's order."""
    apis = list(dict.fromkeys(call.api for call in result.classes))
    api_of_class = np.array([apis.index(call.api) for call in result.classes], np.int64)
    shape = (len(result.pes), len(apis))
    busy, attempts, tasks = (np.zeros(shape, np.int64) for _ in range(3))
    if len(result):
        cells, counted = (result.pe, api_of_class[result.task_class]), result.counted_rows
        inside = result.in_span_ns
        np.add.at(busy, cells, inside)
        np.add.at(attempts, cells, counted | (inside > 0))
        np.add.at(tasks, cells, counted & result.succeeded)
    return [
        PeUse(
            name=name,
            tasks=int(tasks[pe].sum()),
            busy_ns=int(busy[pe].sum()),
            utilisation=share,
            busy_by_api={api: int(busy[pe, k]) for k, api in enumerate(apis) if attempts[pe, k]},
            tasks_by_api={api: int(tasks[pe, k]) for k, api in enumerate(apis) if attempts[pe, k]},
        )
        for pe, (name, share) in enumerate(zip(result.pes, result.utilisation.tolist(), strict=True))
    ]


def energy_j(result: EmulationResult, platform: Platform, composition: Composition) -> float | None:
    """Joules of the PEs, by their power while busy and while idle, and of the board at all times.

    From the first arrival to the last end of a counted instance or a task of one (`span_ns`).

    None where a PE type of the composition has no power figures in the platform file.
    """
    static_w = platform.static_w.value if platform.static_w is not None else 0
    begin, end = result.span_ns
    total_j = float(static_w * (end - begin)) * 1e-9
    for use, pe in zip(pe_use(result), composition.pes, strict=True):
        power = platform.pe_types[pe.type_index].power
        if power is None:
            return None
        idle_ns = max(0, end - begin - use.busy_ns)
        total_j += float(power.active_w * use.busy_ns + power.idle_w * idle_ns) * 1e-9
    return total_j


def duration(time_ns: float) -> str:
    """A time for people: `1.234 ms`."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if abs(time_ns) >= size:
            return f"{time_ns / size:,.3f} {unit}"
    return f"{time_ns:,.0f} ns"


def summary(result: EmulationResult) -> list[tuple[str, str]]:
    """The figures of the run's counted instances, by name."""
    latency, makespan_ns, instances = result.latency_ns, result.makespan_ns, int(result.counted.sum())
    rows = []
    if result.warmup_ns:
        rows.append(("measured", f"what arrives from {duration(result.warmup_ns)} on: {_instances(instances)}"))
    rows.append(("makespan", "none: no instance ended" if makespan_ns is None else duration(makespan_ns)))
    if len(latency) < 2:
        rows.append(("latency", duration(int(latency[0])) if len(latency) else "none"))
    else:
        low, mean, high = (duration(float(t)) for t in (latency.min(), latency.mean(), latency.max()))
        rows.append(("latency", f"{low} to {high}, mean {mean}, {len(latency):,} instances"))
    if len(latency) < instances:
        rows.append(("unfinished", _instances(instances - len(latency))))
    counted = result.counted_rows
    tasks = int((counted & result.succeeded).sum())
    rows.append(("tasks", f"{tasks:,}"))
    if tasks < counted.sum():
        rows.append(("failed attempts", f"{int(counted.sum()) - tasks:,}"))
    rounds = result.rounds_in_span
    if len(rounds):
        overhead_ns = int((rounds.end_ns - rounds.start_ns).sum())
        in_a_round = float(rounds.ready.mean())
        rows.append(
            ("scheduling", f"{duration(overhead_ns)} in {len(rounds):,} rounds of {in_a_round:,.1f} ready tasks")
        )
    return rows


def _instances(count: int) -> str:
    return f"{count:,} instance{'' if count == 1 else 's'}"


def call_table(result: EmulationResult) -> Table:
    """The counted instances' tasks and time by API; that of failed attempts is in the time, and they count in the mean."""
    rows = []
    counted, n = result.counted_rows, len(result.classes)
    per_class = np.bincount(result.task_class[counted & result.succeeded], minlength=n)
    attempts_of_class = np.bincount(result.task_class[counted], minlength=n)
    busy_of_class = result.busy_ns(result.task_class, n, counted=True)
    for api in dict.fromkeys(call.api for call in result.classes):
        own = [index for index, call in enumerate(result.classes) if call.api == api]
        count, busy_ns = int(per_class[own].sum()), int(busy_of_class[own].sum())
        attempts = int(attempts_of_class[own].sum())
        macs = sum(int(per_class[index]) * result.classes[index].macs for index in own if per_class[index])
        if attempts:
            rows.append((api, f"{count:,}", duration(busy_ns), duration(busy_ns / attempts), f"{macs / 1e6:,.2f}"))
    return Table("Calls", ("API", "tasks", "time on PEs", "mean", "MMAC"), rows)


def pe_table(result: EmulationResult) -> Table:
    """What every PE did."""
    rows = []
    for use in pe_use(result):
        ranked = sorted(use.busy_by_api.items(), key=lambda item: -item[1])[:3]
        shares = [(api, 100 * ns / max(1, use.busy_ns)) for api, ns in ranked]
        mostly = ", ".join(f"{api} {share:.0f}%" for api, share in shares if share >= 1)
        rows.append((use.name, f"{use.tasks:,}", duration(use.busy_ns), f"{100 * use.utilisation:.1f} %", mostly))
    return Table("Processing elements", ("PE", "tasks", "busy", "utilisation", "mostly"), rows, words=("PE", "mostly"))


def application_table(result: EmulationResult) -> Table:
    """Counted instances, tasks and times by application; the three times are means over its instances that ended.

    late: those that missed their deadline; the column is there where an application has one.
    """
    rows = []
    n = len(result.app_names)
    any_due = bool((result.deadline_ns >= 0).any())
    busy_ns = result.busy_ns(result.app, n, counted=True)
    tasks = np.bincount(result.app[result.counted_rows & result.succeeded], minlength=n)
    for app, name in enumerate(result.app_names):
        own = result.counted & (result.instance_app == app)
        ended = own & result.finished
        lifetime = result.ends_ns[ended] - result.arrivals_ns[ended]
        runtime = result.ends_ns[ended] - result.starts_ns[ended]
        deadline = int(result.deadline_ns[app]) if len(result.deadline_ns) else -1
        late = f"{int((own & result.late).sum()):,}" if deadline >= 0 else ""
        times = [float(runtime.mean()), float(lifetime.mean()), int(lifetime.max())] if len(lifetime) else []
        rows.append(
            (
                name,
                f"{int(own.sum()):,}",
                f"{int(ended.sum()):,}",
                *([late] if any_due else []),
                f"{int(tasks[app]):,}",
                duration(int(busy_ns[app])),
                *([duration(time) for time in times] or ["", "", ""]),
            )
        )
    headings = (
        "application",
        "instances",
        "ended",
        *(["late"] if any_due else []),
        "tasks",
        "time on PEs",
        "runtime",
        "lifetime",
        "longest lifetime",
    )
    return Table("Applications", headings, rows)


def fault_table(result: EmulationResult) -> Table:
    """What went wrong and what was done about it, in order of time."""
    rows = [(duration(fault.at_ns), fault.text) for fault in result.faults]
    return Table("Faults", ("at", "what"), rows, words=("what",))


def print_report(result: EmulationResult, console: Console, title: str = "") -> None:
    """Latency, tasks by API, the PEs' use, and the applications if there are several, as tables on a rich console."""
    from rich.markup import escape

    if title:
        console.print(escape(title), highlight=False)
    print_rows(summary(result), console)
    tables = [call_table(result), pe_table(result)]
    if len(result.app_names) > 1:
        tables.append(application_table(result))
    for table in tables:
        print_table(table, console)


def print_rows(rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Names and values, one below the other."""
    from rich.table import Table as RichTable

    figures = RichTable(show_header=False, box=None, pad_edge=False)
    for name, value in rows:
        figures.add_row(name, value)
    console.print(figures)


def print_table(table: Table, console: Console) -> None:
    """A table on a rich console."""
    from rich.markup import escape
    from rich.table import Table as RichTable

    printed = RichTable(title=table.title, title_justify="left")
    for place, heading in enumerate(table.headings):
        printed.add_column(heading, justify="left" if table.is_words(place) else "right")
    for row in table.rows:
        printed.add_row(*(escape(cell) for cell in row))
    console.print(printed)


def write_instances_csv(result: EmulationResult, path: str | os.PathLike[str]) -> None:
    """A row an instance, with the columns `INSTANCE_COLUMNS`; times that there are none of are empty.

    late is empty for an instance without a deadline; one that failed, which came to no end, is late if it has one.
    """
    n = len(result.instance_app)
    tasks = np.bincount(result.instance[result.succeeded], minlength=n)
    time_ns = result.busy_ns(result.instance, n)
    late, early = result.late, ~result.counted
    deadline_of_app = result.deadline_ns if len(result.deadline_ns) else np.full(len(result.app_names), -1, np.int64)
    deadline_ns = deadline_of_app[result.instance_app]
    apps = [f",{csv_field(name)}," for name in result.app_names]
    with write_atomically(path) as stream:
        stream.write((",".join(INSTANCE_COLUMNS) + "\n").encode())
        for rows in row_slices(n):
            arrival, start, end = result.arrivals_ns[rows], result.starts_ns[rows], result.ends_ns[rows]
            ended, due = end >= 0, deadline_ns[rows] >= 0
            columns = (
                range(rows.start, rows.stop),
                [apps[app] for app in result.instance_app[rows].tolist()],
                arrival.tolist(),
                start.tolist(),
                *(_where(ended, times) for times in (end, end - start, end - arrival)),
                tasks[rows].tolist(),
                time_ns[rows].tolist(),
                _where(due, deadline_ns[rows]),
                _where(due, late[rows].astype(np.int64)),
                (~ended).tolist(),
                early[rows].tolist(),
            )
            stream.write(fill("%d%s%d,%d,%s,%s,%s,%d,%d,%s,%s,%d,%d\n", columns).encode("utf-8", "backslashreplace"))


def _where(there: NDArray[np.bool_], values: Int64Array) -> list[int | str]:
    return [value if known else "" for known, value in zip(there.tolist(), values.tolist(), strict=True)]


def write_pes_csv(result: EmulationResult, path: str | os.PathLike[str]) -> None:
    """A row a PE and API it had tasks of, then one with the API `all`, with the columns `PE_COLUMNS`."""
    cores = result.core_of.tolist() or [-1] * len(result.pes)
    begin, end = result.span_ns
    with write_atomically(path) as stream:
        stream.write((",".join(PE_COLUMNS) + "\n").encode())
        for use, core in zip(pe_use(result), cores, strict=True):
            rows = [(api, use.tasks_by_api[api], busy_ns) for api, busy_ns in use.busy_by_api.items()]
            for api, tasks, busy_ns in (*rows, ("all", use.tasks, use.busy_ns)):
                place, share = core if core >= 0 else "", busy_ns / max(1, end - begin)
                stream.write(f"{csv_field(use.name)},{place},{api},{tasks},{busy_ns},{share:.6f}\n".encode())


def write_faults_csv(result: EmulationResult, path: str | os.PathLike[str]) -> None:
    """A row a thing that went wrong, in order of time, with the columns `FAULT_COLUMNS`: the facts of `fault_table`.

    fault: its place among those asked for; app_id: the instance. What concerns none is empty.
    """
    with write_atomically(path) as stream:
        stream.write((",".join(FAULT_COLUMNS) + "\n").encode())
        for fault in result.faults:
            facts = (fault.at_ns, fault.kind, fault.action, fault.fault, fault.pe, fault.instance, fault.application)
            fields = ["" if fact is None else csv_field(str(fact)) for fact in (*facts, fault.task, fault.text)]
            stream.write((",".join(fields) + "\n").encode("utf-8", "backslashreplace"))


def write_out(
    result: EmulationResult, directory: str | os.PathLike[str], title: str = "", *, logs: bool = True
) -> tuple[Path, ...]:
    """Write the files of `--out` (`OUT_FILES`) into a directory, each whole or not at all; returns their paths.

    faults.csv is among them where anything went wrong, and is removed where nothing did.

    logs: False where the files of `WRITERS` are there already, written while the run went on.
    """
    folder = Path(directory)
    for name, writer in WRITERS.items() if logs else ():
        write_log(result, folder / name, writer)
    write_instances_csv(result, folder / "instances.csv")
    write_pes_csv(result, folder / "pes.csv")
    if result.faults:
        write_faults_csv(result, folder / "faults.csv")
    else:
        (folder / "faults.csv").unlink(missing_ok=True)
    write_gantt(result, folder / "gantt.svg", title=title)
    write_perfetto(result, folder / "trace.perfetto.json")
    tables = [pe_table(result), application_table(result), call_table(result)]
    if result.faults:
        tables.append(fault_table(result))
    write_html_report(result, folder / "report.html", title, summary(result), tables)
    return tuple(folder / name for name in OUT_FILES if result.faults or name != "faults.csv")
