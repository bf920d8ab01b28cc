"""Emulation: recorded applications on a platform's PEs, in virtual time.

`emulate_scenario` takes applications with the times at which their instances arrive; `emulate` records and a period;
`emulate_on` the PEs and their times as arrays. The engine, and numba with it, is imported by the first run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime.fault import APPLICATION_FAULTS, DEFAULT_TIMEOUT_NS, PE_FAULTS, Fault, Injected
from cedr.runtime.linux_cfs import LinuxSetup, check_effects, linux_setup
from cedr.runtime.program import JOIN_CLASS, Program, build_program
from cedr.runtime.record import Record, read_record
from cedr.runtime.result import EmulationResult, Segments, Sent, Setting
from cedr.runtime.schedulers import Scheduler, get_scheduler
from cedr.runtime.trace import streaming_logs
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.platform import (
    IDEAL,
    LINUX_CFS,
    OS_MODELS,
    PORT,
    ClassCosts,
    Composition,
    Platform,
    class_costs,
    load_platform,
    parse_composition,
)

if TYPE_CHECKING:
    from cedr.runtime.engine import Engine

Int64Array = npt.NDArray[np.int64]
Records = Record | str | os.PathLike[str] | Sequence[Record | str | os.PathLike[str]]

_MOST_REFUSALS: Final = 20


class EmulationError(CedrError):
    """What can't be emulated; the text says which application, call or option, and why."""


@dataclass(frozen=True)
class Workload:
    """An application of a run: what was recorded, and when its instances arrive."""

    record: Record
    name: str
    arrivals_ns: Int64Array
    """int64[instances], ascending."""
    deadline_ns: int | None = None
    """From an instance's arrival on."""


def check_os_model(name: str, without: Sequence[str] = ()) -> None:
    """Raises CedrError for an OS model that there is not, or for effects that it does not have."""
    if name not in OS_MODELS:
        raise EmulationError(f"there is no OS model {name!r}; there are {', '.join(OS_MODELS)}")
    check_effects(without)
    if name == IDEAL and without:
        raise EmulationError(
            f"without {', '.join(without)}: the OS model ideal has no effects to leave out; choose linux-cfs"
        )


def choose_os_model(name: str | None, platform: Platform, without: Sequence[str] = ()) -> str:
    """The OS model of a run: the one asked for, else the platform's. Raises CedrError where it can't be had."""
    chosen = platform.os_model if name is None else name
    check_os_model(chosen, without)
    if chosen == LINUX_CFS and platform.linux_cfs is None:
        raise EmulationError(
            f"platform {platform.name} has no figures for the OS model linux-cfs: {platform.path} needs a table "
            "[linux_cfs], or choose ideal"
        )
    return chosen


def emulate(
    records: Records,
    platform: str | os.PathLike[str] | Platform,
    composition: str | Composition,
    scheduler: str | Scheduler = "EFT",
    instances: int | Sequence[int] = 1,
    period_ns: int | Sequence[int] = 0,
    seed: int = 0,
    os_model: str | None = None,
    *,
    names: Sequence[str] | None = None,
    incomplete: bool = False,
    out: Path | None = None,
    host_scale: Fraction | None = None,
) -> EmulationResult:
    """Run instances of recorded applications on a composition of a platform's PEs.

    records: one or several, read or by path. instances, period_ns: for all applications or one for each; the first
    instance of each arrives at 0, the next every period_ns. os_model: ideal, linux-cfs, or None: the platform's. names:
    the applications' names; by default the records' file names. incomplete: take records whose process did not come to
    its end, as far as they go. out: a directory whose logs are written while the run goes on. host_scale: what a
    nanosecond of host time that was measured is on the platform, in place of its own figure.

    The same arguments give the same result, to the byte. Raises CedrError before anything runs where a record, an
    option, the composition or a call that no PE offers stands against it.
    """
    listed = [records] if isinstance(records, (Record, str, os.PathLike)) else list(records)
    read = [item if isinstance(item, Record) else read_record(item) for item in listed]
    titles = list(names) if names is not None else [_title(record, place) for place, record in enumerate(read)]
    if len(titles) != len(read):
        raise EmulationError(f"there are {len(read)} records and {len(titles)} names")
    counts = _per_application(instances, len(read), "instances", least=1)
    periods = _per_application(period_ns, len(read), "period_ns", least=0)
    applications = [
        Workload(record, title, np.arange(count, dtype=np.int64) * period)
        for record, title, count, period in zip(read, titles, counts, periods, strict=True)
    ]
    return emulate_scenario(
        applications,
        platform,
        composition,
        scheduler,
        seed,
        os_model,
        incomplete=incomplete,
        out=out,
        host_scale=host_scale,
    )


def emulate_scenario(
    applications: Sequence[Workload],
    platform: str | os.PathLike[str] | Platform,
    composition: str | Composition,
    scheduler: str | Scheduler = "EFT",
    seed: int = 0,
    os_model: str | None = None,
    *,
    estimates_ns: Mapping[tuple[str, str], int] | None = None,
    queueing: bool = True,
    without: Sequence[str] = (),
    incomplete: bool = False,
    faults: Sequence[Fault] = (),
    warmup_ns: int = 0,
    out: Path | None = None,
    host_scale: Fraction | None = None,
) -> EmulationResult:
    """Run applications whose instances arrive at given times on a composition of a platform's PEs.

    estimates_ns: (API, PE type) -> what schedulers believe that such a call takes, in place of the platform's estimate.
    queueing: whether a PE's queue may be longer than the task that it works on. without: effects of the OS model to
    leave out. incomplete: take records whose process did not come to its end, as far as they go. faults: what goes
    wrong; the result's `faults` say what came of it, and an instance that was given up has no end. warmup_ns: instances
    that arrive earlier run, and count in no figure. out: a directory whose logs are written while the run goes on
    (trace.streaming_logs); who held each core and DMA port is kept then, where the OS model has them. host_scale: as for
    `emulate`.

    The same arguments give the same result, to the byte. Raises CedrError before anything runs where a record, an
    option, the composition, a fault or a call that no PE offers stands against it.
    """
    board = _load(platform)
    system = choose_os_model(os_model, board, without)
    if not applications:
        raise EmulationError("there is no record to emulate")
    for application in applications:
        _check_workload(application, incomplete)
    check_warmup(np.concatenate([a.arrivals_ns for a in applications]), warmup_ns)
    program = build_program([a.record for a in applications], [a.name for a in applications], board.host, host_scale)
    pes = composition if isinstance(composition, Composition) else parse_composition(board, composition)
    costs = class_costs(board, program.classes)
    _check_offered(program, board, pes, costs.estimate_ns)
    policy = get_scheduler(scheduler)
    estimates = _with_estimates(costs.estimate_ns, program, board, estimates_ns or {})
    linux = None
    if system == LINUX_CFS:
        assert board.linux_cfs is not None
        linux = linux_setup(board, board.linux_cfs, pes, costs, policy.name, without)
        if "estimates" in without:
            estimates = costs.cost_ns
    watts = [(t.power.active_w, t.power.idle_w) if t.power else (np.nan, np.nan) for t in board.pe_types]
    setting = Setting(board.name, pes.text, policy.name, system, seed, tuple(dict.fromkeys(without)), queueing)
    return _run(
        program,
        pes.pe_names,
        pes.pe_types,
        estimates,
        costs.cost_ns,
        policy,
        [a.arrivals_ns for a in applications],
        seed,
        queueing=queueing,
        deadline_ns=[-1 if a.deadline_ns is None else a.deadline_ns for a in applications],
        active_w=[float(active) for active, _ in watts],
        idle_w=[float(idle) for _, idle in watts],
        linux=linux,
        faults=_by_number(faults, program, pes, costs, [a.arrivals_ns for a in applications]),
        logs=out,
        ports=tuple(port.name for port in board.ports),
        warmup_ns=warmup_ns,
        setting=setting,
    )


def _by_number(
    faults: Sequence[Fault],
    program: Program,
    pes: Composition,
    costs: ClassCosts,
    times_ns: Sequence[Int64Array],
) -> list[Injected]:
    """Faults as the engine takes them. Raises EmulationError for one that can't happen in this run."""
    application_of = _in_order(times_ns)[0]
    found = []
    for place, fault in enumerate(faults):
        where = fault.where or f"fault {place}"
        pe = application = -1
        instance = None
        if fault.pe is not None:
            pe = pe_number(fault.pe, pes, where)
            with_dma = [
                name for name, kind in zip(pes.pe_names, pes.pe_types, strict=True) if _has_dma(costs, int(kind))
            ]
            if fault.kind == "dma_timeout" and fault.pe not in with_dma:
                others = f"those of {', '.join(with_dma)} may" if with_dma else "no PE's does"
                raise EmulationError(
                    f"{where}: no call of this run uses a DMA on {fault.pe} that could time out; {others}"
                )
        else:
            if fault.application not in program.names:
                names = ", ".join(program.names)
                raise EmulationError(f"{where}: no application {fault.application!r}; there are {names}")
            application = program.names.index(fault.application)
            own = np.flatnonzero(application_of == application)
            if fault.instance is not None:
                if not 0 <= fault.instance < len(own):
                    raise EmulationError(
                        f"{where}: no instance {fault.instance} of {fault.application}, which has {len(own)}, from 0"
                    )
                instance = int(own[fault.instance])
        if fault.kind not in (PE_FAULTS if pe >= 0 else APPLICATION_FAULTS):
            raise EmulationError(f"{where}: {'a PE' if pe >= 0 else 'an application'} has no fault {fault.kind!r}")
        timeout_ns = DEFAULT_TIMEOUT_NS if fault.timeout_ns is None else fault.timeout_ns
        found.append(Injected(fault.kind, fault.at_ns, pe, application, instance, timeout_ns, fault.retries))
    return found


def pe_number(name: str, pes: Composition, where: str) -> int:
    """A PE's place in a composition. Raises EmulationError, which begins with `where`, if it has none of this name."""
    if name not in pes.pe_names:
        raise EmulationError(f"{where}: no PE {name!r} in {pes.text}; there are {', '.join(pes.pe_names)}")
    return pes.pe_names.index(name)


def _has_dma(costs: ClassCosts, type_index: int) -> bool:
    """Whether a call of the run uses a port on PEs of a type."""
    calls = range(len(costs.classes))
    return any(resource == PORT for call in calls for resource, *_ in costs.phases(call, type_index))


def _check_workload(application: Workload, incomplete: bool) -> None:
    record, arrivals = application.record, application.arrivals_ns
    if not (record.complete or incomplete):
        how = {"running": "did not come to its end", "failed": "ended with an error"}.get(record.state, "was cut short")
        raise EmulationError(
            f"{application.name}: the record is incomplete: its process {how} after {len(record)} submissions"
        )
    if len(arrivals) and (int(arrivals[0]) < 0 or (np.diff(arrivals) < 0).any()):
        raise EmulationError(f"{application.name}: arrivals are at 0 ns or later, in ascending order")


def _with_estimates(
    estimate_ns: Int64Array, program: Program, platform: Platform, given: Mapping[tuple[str, str], int]
) -> Int64Array:
    """The platform's estimates with constants in place of some; what is not offered stays so."""
    estimates = estimate_ns.copy()
    names = [pe_type.name for pe_type in platform.pe_types]
    apis = np.array([call.api for call in program.classes], object)
    for (api, pe_type), ns in given.items():
        column = estimates[:, names.index(pe_type)]
        column[(apis == api) & (column >= 0)] = ns
    return estimates


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
    times = [np.arange(count, dtype=np.int64) * period for count, period in zip(instances, period_ns, strict=True)]
    return _run(program, pes, type_of, type_estimate_ns, type_cost_ns, scheduler, times, seed)


def _run(
    program: Program,
    pes: Sequence[str],
    type_of: npt.ArrayLike,
    type_estimate_ns: npt.ArrayLike,
    type_cost_ns: npt.ArrayLike,
    scheduler: Scheduler,
    times_ns: Sequence[Int64Array],
    seed: int,
    *,
    queueing: bool = True,
    deadline_ns: Sequence[int] | None = None,
    active_w: Sequence[float] | None = None,
    idle_w: Sequence[float] | None = None,
    linux: LinuxSetup | None = None,
    faults: Sequence[Injected] = (),
    logs: Path | None = None,
    ports: tuple[str, ...] = (),
    warmup_ns: int = 0,
    setting: Setting | None = None,
) -> EmulationResult:
    from cedr.runtime.engine import Engine

    application_of, arrivals = _in_order(times_ns)
    engine = Engine(
        program,
        application_of,
        arrivals,
        type_of,
        type_estimate_ns,
        type_cost_ns,
        scheduler,
        seed,
        queueing=queueing,
        deadline_ns=deadline_ns,
        active_w=active_w,
        idle_w=idle_w,
        linux=linux,
        record_rounds=linux is not None,
        record_segments=logs is not None,
        faults=faults,
        pe_names=pes,
    )

    def so_far(first: int = 0) -> EmulationResult:
        found = _result(engine, program, pes, application_of, arrivals, linux, first)
        return replace(
            found,
            warmup_ns=warmup_ns,
            setting=setting,
            cost_ns=np.asarray(type_cost_ns, np.int64)[:, np.asarray(type_of)],
            deadline_ns=np.array([] if deadline_ns is None else deadline_ns, np.int64),
        )

    if logs is None:
        engine.run()
        result = so_far()
    else:
        with streaming_logs(logs, so_far().names) as stream:
            sent = Sent()
            engine.run(lambda: stream.write(sent.final(so_far(sent.tasks), engine.now_ns)))
            result = so_far()
            stream.write(sent.rest(result))
    return result if logs is None or linux is None else _with_tracks(result, engine.segments, linux.n_cores, ports)


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


def _in_order(times_ns: Sequence[Int64Array]) -> tuple[npt.NDArray[np.int32], Int64Array]:
    """Application and time of each instance, in the order of arrival; applications in their own order at one time."""
    application_of = np.repeat(np.arange(len(times_ns), dtype=np.int32), [len(times) for times in times_ns])
    arrivals = np.concatenate([np.empty(0, np.int64), *times_ns])
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


def _with_tracks(
    result: EmulationResult, segments: Int64Array, n_cores: int, ports: tuple[str, ...]
) -> EmulationResult:
    """The result with who held each core and DMA port: the engine's segments, rows of (lane, owner, start, end)."""
    n_pes = len(result.pes)
    instances = [f"{result.app_names[app]} {number}" for number, app in enumerate(result.instance_app.tolist())]
    owners = (*(f"{pe} worker" for pe in result.pes), *instances, "idle workers")
    idle = len(owners) - 1
    owner = np.where(segments[:, 1] < 0, idle, segments[:, 1]).astype(np.int32)
    kind = np.where(owner < n_pes, 0, np.where(owner == idle, 2, 1)).astype(np.int8)
    on_core = segments[:, 0] < n_cores

    def part(rows: npt.NDArray[np.bool_], lanes: tuple[str, ...], names: tuple[str, ...], first: int) -> Segments:
        lane = (segments[rows, 0] - first).astype(np.int16)
        kinds = ("task", "application", "polling")
        return Segments(lanes, names, kinds, lane, owner[rows], kind[rows], segments[rows, 2], segments[rows, 3])

    return replace(
        result,
        core_segments=part(on_core, tuple(f"core {core}" for core in range(n_cores)), owners, 0),
        port_segments=part(~on_core, ports, result.pes, n_cores) if ports else None,
    )


def _result(
    engine: Engine,
    program: Program,
    pes: Sequence[str],
    application_of: npt.NDArray[np.int32],
    arrivals: Int64Array,
    linux: LinuxSetup | None,
    first_row: int,
) -> EmulationResult:
    """The run so far, its tasks from one row on."""
    rows = {name: column[first_row:] for name, column in engine.rows().items()}
    failed_rows = [row - first_row for row in engine.failed_rows if row >= first_row]
    failed = np.zeros(len(rows["task"]) if failed_rows else 0, np.bool_)
    failed[failed_rows] = True
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
        starts_ns=engine.launch_ns,
        ends_ns=engine.finish_ns,
        round_start_ns=engine.rounds[:, 0],
        round_end_ns=engine.rounds[:, 1],
        round_ready=engine.rounds[:, 2],
        core_of=np.empty(0, np.int32) if linux is None else linux.core_of.astype(np.int32),
        failed=failed,
        faults=tuple(engine.faults),
    )


def check_warmup(arrivals_ns: Int64Array, warmup_ns: int) -> None:
    """Raises EmulationError where there are instances, and all of them arrive before the warm-up is over."""
    if len(arrivals_ns) and int(arrivals_ns.max()) < warmup_ns:
        raise EmulationError(
            f"all {len(arrivals_ns)} instances arrive before the warm-up is over ({warmup_ns / 1000:g} us; the last arrives "
            f"at {int(arrivals_ns.max()) / 1000:g} us), so that nothing is left to report; shorten warmup_us"
        )


def figures(result: EmulationResult) -> dict[str, Any]:
    """The figures of a run, ready for JSON, by the names of `cedr run --json`.

    They are those of the counted instances, which arrive when the warm-up is over:

    makespan_ns       first arrival to last end; None where no instance came to its end
    latency_ns        min, mean, max over the instances that came to their end, arrival to end; each None where none did
    tasks, tasks_by_api   executed; attempts that failed are not
    macs_by_api       of the applications that came to an end: each counted once, however many instances ran
    utilisation       by PE: busy time over the time from the first arrival to the last end, of an instance or a task
                      (`span_ns`), whichever instances the PE worked for meanwhile
    """
    rows = result.counted_rows & result.succeeded
    apis = sorted({call.api for call in result.classes} - {"join"})
    per_class = np.bincount(result.task_class[rows], minlength=len(result.classes))
    first_of_app = np.zeros(len(result.instance_app), np.bool_)
    ended = np.flatnonzero(result.finished)
    first_of_app[ended[np.unique(result.instance_app[ended], return_index=True)[1]]] = True
    of_first = first_of_app[result.instance] & result.succeeded
    once = np.bincount(result.task_class[of_first], minlength=len(result.classes))
    tasks_by_api = dict.fromkeys(apis, 0)
    macs_by_api = dict.fromkeys(apis, 0)
    for call, executed, of_one in zip(result.classes, per_class.tolist(), once.tolist(), strict=True):
        if call.api in tasks_by_api:
            tasks_by_api[call.api] += executed
            macs_by_api[call.api] += of_one * call.macs if of_one else 0
    latency = result.latency_ns
    return {
        "makespan_ns": result.makespan_ns,
        "latency_ns": {
            "min": int(latency.min()) if len(latency) else None,
            "mean": float(latency.mean()) if len(latency) else None,
            "max": int(latency.max()) if len(latency) else None,
        },
        "tasks": int(np.count_nonzero(rows)),
        "tasks_by_api": tasks_by_api,
        "macs_by_api": macs_by_api,
        "utilisation": dict(zip(result.pes, result.utilisation.tolist(), strict=True)),
    }


def application_figures(result: EmulationResult) -> list[dict[str, Any]]:
    """One entry an application, in order, of the counted instances; CEDR's three means.

    name, instances, finished, failed
    exe_ns            mean time from an instance's start to its end; None where none came to its end
    cum_ns            mean over the same instances, those that came to their end, of the sum of their tasks' times on PEs
    ovh_ns            the scheduler's time from their first arrival to their last end over the instances of all
                      applications, as CEDR has it: its rounds serve all of them together
    deadline_misses   instances that ended later than their deadline, or did not end
    """
    counted, finished, late = result.counted, result.finished, result.late
    cumulative = result.busy_ns(result.instance, len(counted))
    rounds = result.rounds_in_span
    overhead = int((rounds.end_ns - rounds.start_ns).sum()) / max(1, int(counted.sum()))
    entries = []
    for index, name in enumerate(result.app_names):
        own = counted & (result.instance_app == index)
        done = finished & own
        n_own, n_done = int(np.count_nonzero(own)), int(np.count_nonzero(done))
        entries.append(
            {
                "name": name,
                "instances": n_own,
                "finished": n_done,
                "failed": n_own - n_done,
                "exe_ns": float((result.ends_ns - result.starts_ns)[done].mean()) if n_done else None,
                "cum_ns": float(cumulative[done].mean()) if n_done else None,
                "ovh_ns": overhead,
                "deadline_misses": int(np.count_nonzero(late & own)),
            }
        )
    return entries
