"""`cedr sweep`: records what a sweep names, emulates its points in parallel processes or on Dask, and writes the tables."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cedr.runtime.record import Record, read_record
from cedr.runtime.scenario import Application
from cedr.runtime.sweep import (
    DEFAULT_PIPELINE,
    EMULATING,
    RECORDING,
    Point,
    Settings,
    Sweep,
    SweepError,
    digest,
    emulate_point,
    file_digest,
    load_sweep,
    point_key,
    program_digest,
)
from cedr.runtime.sweep_results import (
    CEDR_CSV,
    POINTS_CSV,
    POINTS_PARQUET,
    RECORDS,
    SWEEP,
    Journal,
    Plan,
    Planned,
    Row,
    cedr_rows,
    open_journal,
    tidy_rows,
    write_csv,
    write_plan,
)
from cedr.target.errors import CedrError
from cedr.target.files import write_atomically
from cedr.tools.driver import Warn, warn
from cedr.tools.emulate import model_beside, process_options
from cedr.tools.models import application_kind
from cedr.tools.processes import ProcessEnded, Processes

if TYPE_CHECKING:
    from cedr.tools.applications import ApplicationOptions

MOST_FAILURES: Final = 20
"""As many are shown;"""
MOST_LINES: Final = 3
"""and of each as many lines."""
DASK_TIMEOUT_S: Final = 10


@dataclass(frozen=True)
class SweepOptions:
    """What `cedr sweep` takes beside the specification."""

    out: Path
    jobs: int | None = None
    """Processes; None: as many as the CPUs that this one may use."""
    dask: str | None = None
    """The address of a Dask scheduler, whose workers emulate in place of processes of ours."""
    record_timeout_s: float = 120.0


@dataclass(frozen=True)
class Swept:
    """What `cedr sweep --json` prints, and the whole message where not all points came to an end."""

    figures: dict[str, Any]
    refusal: str | None


def run_sweep(path: Path, options: SweepOptions, tell: Warn = warn) -> Swept:
    """Record, emulate every point that the folder does not have yet, and write the tables of all that are finished.

    Raises CedrError where the specification, the folder or a model stands against it. A point that fails alone does not
    end the others.
    """
    start = time.perf_counter()
    sweep = load_sweep(path)
    _check_pipelines(sweep)
    if sweep.trials > 1 and not sweep.drawn:
        tell(
            f"{path}: nothing is drawn, so that its {sweep.trials} trials are alike: no arrival is poisson, no scheduler RANDOM"
        )
    jobs = options.jobs or len(os.sched_getaffinity(0))
    with open_journal(options.out) as journal:
        points = _planned(sweep, options.out, jobs, options.record_timeout_s, tell)
        plan = write_plan(options.out, sweep, points)
        kept = sum(one.key in journal.figures for one in points)
        left = {one.key: one for one in reversed(points) if one.key not in journal.figures}
        todo = sorted(left.values(), key=lambda one: one.point.number)
        begin = time.perf_counter()
        failures = _emulate(todo, sweep.settings, options, min(jobs, len(todo)), journal)
        emulated_s = time.perf_counter() - begin
        files = write_tables(options.out, plan, journal.figures)
        finished = sum(one.key in journal.figures for one in points)
    if POINTS_PARQUET not in files:
        tell(f"{options.out / POINTS_PARQUET} is left out: it needs pyarrow: pip install 'cedr-compiler[sweep]'")
    done = len(todo) - len(failures)
    figures = {
        "spec": str(path),
        "out": str(options.out),
        "points": len(points),
        "finished": finished,
        "kept": kept,
        "emulated": done,
        "failures": [{"point": number, "message": text} for number, text in failures],
        "points_per_minute": 60 * done / emulated_s if done else None,
        "seconds": time.perf_counter() - start,
        "files": [str(options.out / name) for name in (SWEEP, *files)],
    }
    return Swept(figures, _refusal(failures, points, options.out) if failures else None)


def _check_pipelines(sweep: Sweep) -> None:
    """Raises SweepError for one that there is not. The default one is there; nothing is imported for it."""
    for pipeline, where in sweep.pipelines.items():
        if pipeline == DEFAULT_PIPELINE:
            continue
        from cedr.passes.pipelines import pipeline_passes

        try:
            pipeline_passes(pipeline)
        except CedrError as error:
            raise SweepError(f"{where}: {error}") from error


def _refusal(failures: Sequence[tuple[int, str]], points: Sequence[Planned], out: Path) -> str:
    """Each message once, behind the points that have it."""
    text = {one.point.number: one.point.text for one in points}
    by_message: dict[str, list[int]] = {}
    for number, message in failures:
        by_message.setdefault(message, []).append(number)
    lines = [f"{len(failures)} of {len(points)} points failed; the others are in {out}:"]
    for message, numbers in list(by_message.items())[:MOST_FAILURES]:
        first, *rest = message.splitlines()
        others = f" and {len(numbers) - 1} more, up to {numbers[-1]}" if len(numbers) > 1 else ""
        lines += [f"point {numbers[0]} ({text[numbers[0]]}){others}: {first}", *rest[: MOST_LINES - 1]]
        if len(rest) >= MOST_LINES:
            lines.append(f"and {len(rest) - MOST_LINES + 1} more lines like these")
    if len(by_message) > MOST_FAILURES:
        lines.append(f"and {len(by_message) - MOST_FAILURES} more messages: see --json")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------------- records


@dataclass(frozen=True)
class _Recording:
    """A model to be recorded: what it is, for what it is compiled, and the file its record becomes."""

    model: str
    pipeline: str
    platform: str
    hw: str
    where: str
    path: Path
    process: ApplicationOptions | None = None
    """How a C or C++ application is started, where its entry says so."""


def _planned(sweep: Sweep, out: Path, jobs: int, timeout_s: float, tell: Warn) -> list[Planned]:
    """All points with their keys and records; what is not recorded yet is."""
    recordings: dict[tuple[str, str, str], _Recording] = {}
    models: dict[str, str] = {}
    for point in sweep.points:
        for application in point.applications:
            model = model_beside(sweep.path, application.model)
            if model not in models:
                models[model] = "" if model.endswith(".cedrrec") else _model_digest(model)
            if (application.where, point.pipeline, point.hw) not in recordings:
                recordings[application.where, point.pipeline, point.hw] = _recording(
                    sweep.settings, point, application, model, models[model], out
                )
    missing = {one.path: one for one in recordings.values() if not one.path.exists()}
    _record(list(missing.values()), jobs, timeout_s, tell)
    digests = {path: file_digest(path) for path in {one.path for one in recordings.values()}}
    planned = []
    for point in sweep.points:
        files = {a.name: recordings[a.where, point.pipeline, point.hw].path for a in point.applications}
        key = point_key(point, sweep.settings, {name: digests[file] for name, file in files.items()})
        planned.append(Planned(point, key, {name: _within(file, out) for name, file in files.items()}))
    return planned


def _within(file: Path, out: Path) -> str:
    return str(file.relative_to(out)) if file.is_relative_to(out) else str(file.resolve())


def _recording(
    settings: Settings, point: Point, application: Application, model: str, digest_of_model: str, out: Path
) -> _Recording:
    """Raises SweepError, at the place that names it, for a record that can't be read."""
    where, process = application.where, process_options(application, model)
    if model.endswith(".cedrrec") and process is None:
        try:
            read_record(model)
        except CedrError as error:
            raise SweepError(f"{where}: {error}") from error
        return _Recording(model, "", "", "", where, Path(model))
    made_from = {"program": program_digest(RECORDING), "model": digest_of_model}
    if application_kind(model) is None:
        made_from |= {"pipeline": point.pipeline, "platform": settings.platform.hash, "hw": point.hw}
    else:  # the same on every board
        made_from["process"] = repr(process)
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(model).name)[:40]
    path = out / RECORDS / f"{stem}-{digest(made_from)[:16]}.cedrrec"
    return _Recording(model, point.pipeline, settings.platform_text, point.hw, where, path, process)


def _model_digest(model: str) -> str:
    """Of a model's name and of the file that it is in, as far as that is known: not of what that file imports."""
    place, colon, _ = model.rpartition(":")
    path = Path(place if colon and place else model)
    if not path.exists() and colon and place and not place.endswith(".py"):
        try:
            found = find_spec(place)
        except (ImportError, ValueError):  # refused with a message of its own when the model is made
            found = None
        path = Path(found.origin) if found is not None and found.origin is not None else path
    return digest([model.rpartition("/")[2], file_digest(path) if path.exists() else ""])


def _record(recordings: Sequence[_Recording], jobs: int, timeout_s: float, tell: Warn) -> None:
    """Record each; raises the first refusal, behind its place in the file."""
    by_model: dict[str, list[_Recording]] = {}
    alone = [one for one in recordings if application_kind(one.model) is not None]
    for one in recordings:
        if one not in alone:
            by_model.setdefault(one.model, []).append(one)
    with _processes(min(jobs, len(by_model))) as submit:
        _told([submit(_record_model, own, timeout_s) for own in by_model.values()], tell)
    _told([_here(_record_model, alone, timeout_s)], tell)  # by themselves: their time may be measured


def _told(outcomes: Sequence[Future[tuple[str | None, list[str]]]], tell: Warn) -> None:
    """Passes warnings on, and raises the first refusal."""
    for future in outcomes:
        refusal, warnings = future.result()
        for warning in warnings:
            tell(warning)
        if refusal is not None:
            raise SweepError(refusal)


def _record_model(recordings: Sequence[_Recording], timeout_s: float) -> tuple[str | None, list[str]]:
    """Record one model for each composition and pipeline: the refusal, if there is one, and warnings."""
    from cedr.tools.emulate import ModelRecords

    warnings: list[str] = []
    exports: dict[str, Any] = {}
    for one in recordings:
        models = ModelRecords(one.platform, one.hw, warnings.append, one.pipeline, "python", exports)
        try:
            key = models.prepare(one.model, one.where, one.process)
            models.record(timeout_s)
            if key in models.failures:
                raise SweepError(f"{one.where}: {models.failures[key]}")
            with write_atomically(one.path) as kept, models.files[key].open("rb") as file:
                shutil.copyfileobj(file, kept)
        except CedrError as error:
            return str(error), warnings
    return None, list(dict.fromkeys(warnings))


# ---------------------------------------------------------------------------------------------------------- emulation

Outcome = tuple[Row | None, str]
"""Figures, or a refusal's text."""


def _emulate(
    todo: Sequence[Planned], settings: Settings, options: SweepOptions, jobs: int, journal: Journal
) -> list[tuple[int, str]]:
    """Emulate points and keep their figures as they come; the numbers of those that failed, and why."""
    failures: list[tuple[int, str]] = []
    if not todo:
        return failures
    with _progress(len(todo)) as advance, _outcomes(todo, settings, options, jobs) as outcomes:
        for planned, (figures, refusal) in outcomes:
            if figures is None:
                failures.append((planned.point.number, refusal))
            else:
                journal.append(planned.key, figures)
            advance()
    return sorted(failures)


@contextmanager
def _outcomes(
    todo: Sequence[Planned], settings: Settings, options: SweepOptions, jobs: int
) -> Iterator[Iterator[tuple[Planned, Outcome]]]:
    """Points with their outcomes, as they come."""
    if options.dask is not None:
        with _on_dask(options.dask, todo, settings, options.out) as outcomes:
            yield outcomes
        return
    with _processes(jobs) as submit:
        yield _as_they_come(todo, submit, settings, options.out, 2 * jobs if jobs > 1 else 1)


def _as_they_come(
    todo: Sequence[Planned], submit: Submit, settings: Settings, out: Path, most: int
) -> Iterator[tuple[Planned, Outcome]]:
    """Keep `most` points at work, so that processes never wait and little waits here."""
    waiting: dict[Future[Outcome], Planned] = {}
    rest = iter(todo)
    while True:
        for planned in rest:
            files = {name: str(out / file) for name, file in planned.records.items()}
            waiting[submit(_point_of_files, planned.point, settings, files)] = planned
            if len(waiting) >= most:
                break
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            planned = waiting.pop(future)
            try:
                yield planned, future.result()
            except ProcessEnded as error:
                raise SweepError(
                    f"point {planned.point.number} ({planned.point.text}): {error}; what is finished is kept: sweep again, "
                    "with fewer --jobs"
                ) from error


@lru_cache(maxsize=32)
def _read(path: str, changed_ns: int) -> Record:
    return read_record(path)


def _point_of_files(point: Point, settings: Settings, files: Mapping[str, str]) -> Outcome:
    try:
        return emulate_point(
            point, settings, {name: _read(file, os.stat(file).st_mtime_ns) for name, file in files.items()}
        ), ""
    except CedrError as error:
        return None, str(error)


def _point_of_records(point: Point, settings: Settings, names: Sequence[str], *records: Record) -> Outcome:
    try:
        return emulate_point(point, settings, dict(zip(names, records, strict=True))), ""
    except CedrError as error:
        return None, str(error)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Points done, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("points", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


# ------------------------------------------------------------------------------------------------------------ processes

Submit = Callable[..., Future[Any]]


@contextmanager
def _processes(jobs: int) -> Iterator[Submit]:
    """Hands calls to processes; one job is done in this one."""
    if jobs > 1:
        with Processes(jobs) as processes:
            yield processes.submit
    else:
        yield _here


def _here(call: Callable[..., Any], *arguments: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(call(*arguments))
    return future


@contextmanager
def _on_dask(
    address: str, todo: Sequence[Planned], settings: Settings, out: Path
) -> Iterator[Iterator[tuple[Planned, Outcome]]]:
    """The points on the workers of a Dask scheduler; records go with them, platform and scheduler files don't."""
    try:
        from distributed import CancelledError, Client, KilledWorker, as_completed
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise SweepError("--dask needs dask.distributed: pip install 'cedr-compiler[dask]'") from error
    where = f"--dask {address}"
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is to be said of it is said here
    try:
        asyncio.run(_reach(address))
        client = Client(address, timeout=DASK_TIMEOUT_S, set_as_default=False)
    except Exception as error:  # of many kinds: what an address may lack is Dask's to know
        raise SweepError(f"{where}: no Dask scheduler answers there: {error}") from error
    with client:
        try:
            digests = client.run(program_digest, EMULATING)
        except Exception as error:  # a worker that has no cedr, or another Python, says so in its own way
            raise SweepError(f"{where}: a worker can't use cedr: {error}; it needs the one that is here") from error
        if not digests:
            raise SweepError(f"{where}: has no workers; start some: dask worker {address}")
        for worker, found in digests.items():
            if found != program_digest(EMULATING):
                raise SweepError(f"{where}: the worker {worker} has another version of cedr than this one")
        files = {file for planned in todo for file in planned.records.values()}
        try:
            records = {file: client.scatter(read_record(out / file), broadcast=True) for file in sorted(files)}
            waiting = {
                client.submit(
                    _point_of_records,
                    planned.point,
                    settings,
                    list(planned.records),
                    *(records[file] for file in planned.records.values()),
                    key=f"cedr-{planned.key}",
                    pure=False,
                ): planned
                for planned in todo
            }
            yield ((waiting[future], future.result()) for future in as_completed(list(waiting), loop=client.loop))
        except (CancelledError, KilledWorker, CommClosedError, TimeoutError) as error:
            raise SweepError(
                f"{where}: the cluster went away: {error}; what is finished is kept: sweep again"
            ) from error


async def _reach(address: str) -> None:
    """Raises where no Dask scheduler answers; a Client of Dask would say so, too, but not go."""
    from distributed.comm import connect
    from distributed.security import Security

    connection = await connect(address, timeout=DASK_TIMEOUT_S, **Security().get_connection_args("client"))
    await connection.close()


# -------------------------------------------------------------------------------------------------------------- tables


def write_parquet(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """The same as Parquet, texts, int64 and float64. Raises SweepError where pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SweepError(f"{path.name} needs pyarrow: pip install 'cedr-compiler[sweep]'") from error
    arrays = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values} - {type(None)}
        kind = pyarrow.string() if str in kinds else pyarrow.int64() if kinds == {int} else pyarrow.float64()
        arrays[name] = pyarrow.array(values, kind)
    with write_atomically(path) as stream:
        pyarrow.parquet.write_table(pyarrow.table(arrays), stream, compression="zstd")


def write_tables(folder: Path, plan: Plan, figures: Mapping[str, Row]) -> tuple[str, ...]:
    """Write the tables of what is finished; returns the names of their files. Parquet is left out without pyarrow."""
    columns, rows = tidy_rows(plan, figures)
    write_csv(folder / CEDR_CSV, *cedr_rows(plan, figures))
    write_csv(folder / POINTS_CSV, columns, rows)
    try:
        write_parquet(folder / POINTS_PARQUET, columns, rows)
    except SweepError:
        return CEDR_CSV, POINTS_CSV
    return CEDR_CSV, POINTS_CSV, POINTS_PARQUET
