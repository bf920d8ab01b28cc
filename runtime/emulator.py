"""Emulation: recorded applications on a platform's PEs, in virtual time.

`emulate` takes records, a platform and a composition; `emulate_on` takes the PEs and their times as arrays. The engine,
and numba with it, is imported by the first run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime.program import JOIN_CLASS, Program, build_program
from cedr.runtime.record import Record, read_record
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import Scheduler, get_scheduler
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.platform import Composition, Platform, class_costs, load_platform, parse_composition

if TYPE_CHECKING:
    from cedr.runtime.engine import Engine

Int64Array = npt.NDArray[np.int64]
Records = Record | str | os.PathLike[str] | Sequence[Record | str | os.PathLike[str]]

OS_MODELS: Final = ("ideal", "linux-cfs")
_MOST_REFUSALS: Final = 20


class EmulationError(CedrError):
    """What can't be emulated; the text says which application, call or option, and why."""


def check_os_model(name: str) -> None:
    """Raises EmulationError for an OS model that there is not, listing those there are."""
    if name not in OS_MODELS:
        raise EmulationError(f"there is no OS model {name!r}; there are {', '.join(OS_MODELS)}")
    if name != "ideal":
        raise EmulationError(f"the OS model {name} is not available yet; use ideal, where each PE is a server")


def emulate(
    records: Records,
    platform: str | os.PathLike[str] | Platform,
    composition: str | Composition,
    scheduler: str | Scheduler = "EFT",
    instances: int | Sequence[int] = 1,
    period_ns: int | Sequence[int] = 0,
    seed: int = 0,
    os_model: str = "ideal",
    *,
    names: Sequence[str] | None = None,
    incomplete: bool = False,
) -> EmulationResult:
    """Run instances of recorded applications on a composition of a platform's PEs.

    records: one or several, read or by path. instances, period_ns: for all applications or one for each; the first
    instance of each arrives at 0, the next every period_ns. names: the applications' names; by default the records'
    file names. incomplete: take records whose process did not come to its end, as far as they go.

    The same arguments give the same result, to the byte. Raises CedrError before anything runs where a record, an
    option, the composition or a call that no PE offers stands against it.
    """
    check_os_model(os_model)
    board = _load(platform)
    listed = [records] if isinstance(records, (Record, str, os.PathLike)) else list(records)
    read = [item if isinstance(item, Record) else read_record(item) for item in listed]
    if not read:
        raise EmulationError("there is no record to emulate")
    titles = list(names) if names is not None else [_title(record, place) for place, record in enumerate(read)]
    if len(titles) != len(read):
        raise EmulationError(f"there are {len(read)} records and {len(titles)} names")
    for record, title in zip(read, titles, strict=True):
        if not (record.complete or incomplete):
            how = {"running": "did not come to its end", "failed": "ended with an error"}.get(
                record.state, "was cut short"
            )
            raise EmulationError(
                f"{title}: the record is incomplete: its process {how} after {len(record)} submissions"
            )
    counts = _per_application(instances, len(read), "instances", least=1)
    periods = _per_application(period_ns, len(read), "period_ns", least=0)

    program = build_program(read, titles)
    pes = composition if isinstance(composition, Composition) else parse_composition(board, composition)
    costs = class_costs(board, program.classes)
    _check_offered(program, board, pes, costs.estimate_ns)
    return emulate_on(
        program,
        pes.pe_names,
        pes.pe_types,
        costs.estimate_ns,
        costs.cost_ns,
        get_scheduler(scheduler),
        counts,
        periods,
        seed,
    )


def emulate_on(
    program: Program,
    pes: Sequence[str],
    type_of: npt.ArrayLike,
    type_estimate_ns: npt.ArrayLike,
    type_cost_ns: npt.ArrayLike,
    scheduler: Scheduler,
    instances: Sequence[int],
    period_ns: Sequence[int],
    seed: int = 0,
) -> EmulationResult:
    """The same with the PEs' names and types ([PEs]) and their times ([classes, types], -1: not offered) as given."""
    from cedr.runtime.engine import Engine

    application_of, arrivals = _arrivals(instances, period_ns)
    engine = Engine(program, application_of, arrivals, type_of, type_estimate_ns, type_cost_ns, scheduler, seed)
    engine.run()
    return _result(engine, program, pes, application_of, arrivals)


def _load(platform: str | os.PathLike[str] | Platform) -> Platform:
    if isinstance(platform, Platform):
        return platform
    return load_platform(platform if isinstance(platform, str) else Path(platform))


def _title(record: Record, place: int) -> str:
    return record.path.stem if record.path is not None else f"application{place}"


def _per_application(value: int | Sequence[int], n: int, what: str, least: int) -> list[int]:
    values = [value] * n if isinstance(value, int) else [int(item) for item in value]
    if len(values) != n:
        raise EmulationError(f"{what}: expected one number, or one for each of {n} applications; got {len(values)}")
    for item in values:
        if item < least:
            raise EmulationError(f"{what} is at least {least}; got {item}")
    return values


def _arrivals(instances: Sequence[int], period_ns: Sequence[int]) -> tuple[npt.NDArray[np.int32], Int64Array]:
    """Application and time of each instance, in the order of arrival; applications in their own order at one time."""
    application_of = np.repeat(np.arange(len(instances), dtype=np.int32), instances)
    times = [np.arange(count, dtype=np.int64) * period for count, period in zip(instances, period_ns, strict=True)]
    arrivals = np.concatenate([np.empty(0, np.int64), *times])
    order = np.argsort(arrivals, kind="stable")
    return application_of[order], arrivals[order]


def _check_offered(program: Program, platform: Platform, composition: Composition, estimate_ns: Int64Array) -> None:
    """Refuse calls that no PE of the composition offers: all of them in one message."""
    scheduled = program.class_of[program.class_of != JOIN_CLASS]
    tasks = np.bincount(scheduled, minlength=len(program.classes))
    offered = (estimate_ns[:, np.unique(composition.pe_types)] >= 0).any(axis=1)
    missing = np.flatnonzero((tasks > 0) & ~offered)
    if not len(missing):
        return
    lines = []
    for index in missing[:_MOST_REFUSALS].tolist():
        others = [pe.name for place, pe in enumerate(platform.pe_types) if estimate_ns[index, place] >= 0]
        way_out = f"add one of type {' or '.join(others)}" if others else f"no PE type of {platform.name} does"
        lines.append(
            f"no PE of {composition.text} offers {describe(program.classes[index])} ({tasks[index]} tasks); {way_out}"
        )
    if len(missing) > _MOST_REFUSALS:
        lines.append(f"and {len(missing) - _MOST_REFUSALS} more classes of calls")
    raise EmulationError("\n".join(lines))


def describe(call: CallClass) -> str:
    """A class of a call in words, for messages."""
    if call.api == "fft":
        shape = f" of {call.dims['n']} points"
    else:
        shape = " of " + ", ".join(f"{name} = {extent}" for name, extent in call.dims.items()) if call.dims else ""
    return f"{call.api}{shape}, {call.dtype}" + (f", {call.label!r}" if call.label else "")


def _result(
    engine: Engine,
    program: Program,
    pes: Sequence[str],
    application_of: npt.NDArray[np.int32],
    arrivals: Int64Array,
) -> EmulationResult:
    rows = engine.rows()
    app = application_of[rows["instance"]]
    if len(program.names) == 1:
        ids, first = program.task_ids[0], 0
        task_class = program.class_of[rows["task"]]
    else:
        first = program.task_base[app]
        ids = np.concatenate(program.task_ids)
        task_class = program.class_of[first + rows["task"]]
    return EmulationResult(
        pes=tuple(pes),
        app_names=program.names,
        classes=program.classes,
        app=app,
        instance=rows["instance"],
        task=ids[first + rows["task"]],
        task_class=task_class,
        pe=rows["pe"].astype(np.int32),
        ready_ns=rows["ready_ns"],
        start_ns=rows["start_ns"],
        end_ns=rows["end_ns"],
        instance_app=application_of,
        arrivals_ns=arrivals,
        starts_ns=arrivals,
        ends_ns=engine.finish_ns,
    )


def figures(result: EmulationResult) -> dict[str, Any]:
    """The figures of a run, ready for JSON, by the names of `cedr run --json`.

    makespan_ns       first arrival to last end
    latency_ns        min, mean, max over the instances, arrival to end
    tasks, tasks_by_api   executed in the whole run
    macs_by_api       of the applications themselves: each counted once, however many instances ran
    utilisation       by PE: busy time over the makespan
    energy_j          None: the platform has no power figures
    """
    apis = sorted({call.api for call in result.classes} - {"join"})
    per_class = np.bincount(result.task_class, minlength=len(result.classes))
    first_of_app = np.zeros(len(result.instance_app), np.bool_)
    first_of_app[np.unique(result.instance_app, return_index=True)[1]] = True
    once = np.bincount(result.task_class[first_of_app[result.instance]], minlength=len(result.classes))
    tasks_by_api = dict.fromkeys(apis, 0)
    macs_by_api = dict.fromkeys(apis, 0)
    for call, executed, of_one in zip(result.classes, per_class.tolist(), once.tolist(), strict=True):
        if call.api in tasks_by_api:
            tasks_by_api[call.api] += executed
            macs_by_api[call.api] += of_one * call.macs if of_one else 0
    busy = np.zeros(len(result.pes), np.int64)
    np.add.at(busy, result.pe, result.end_ns - result.start_ns)
    latency = result.latency_ns
    return {
        "makespan_ns": result.makespan_ns,
        "latency_ns": {
            "min": int(latency.min()) if len(latency) else 0,
            "mean": float(latency.mean()) if len(latency) else 0.0,
            "max": int(latency.max(initial=0)),
        },
        "tasks": len(result),
        "tasks_by_api": tasks_by_api,
        "macs_by_api": macs_by_api,
        "utilisation": {
            name: time / result.makespan_ns if result.makespan_ns else 0.0
            for name, time in zip(result.pes, busy.tolist(), strict=True)
        },
        "energy_j": None,
    }
