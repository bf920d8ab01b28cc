"""The folder of a sweep: its points, the journal of their figures, and the tables made from both.

    OUT/sweep.json      what the points are; written when the sweep begins
    OUT/journal.jsonl   a line a finished point: the digest of what it was made from, and its figures
    OUT/records/        a record (.cedrrec) for each model that was compiled
    OUT/sweep.csv       the columns of CEDR's own sweeps; OUT/points.csv, OUT/points.parquet: a row a point, all figures

The journal only grows, a whole line at a time: whenever the process is killed, every finished point is in it, and at most
the last line is cut. The tables follow from it and from sweep.json alone, so that they are the same to the byte however
often the sweep was ended and begun again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

from cedr.runtime.scenario import Application
from cedr.runtime.sweep import Point, Settings, Sweep, SweepError
from cedr.runtime.trace import csv_field
from cedr.target.files import write_atomically
from cedr.target.platform import parse_composition

FORMAT: Final = 1
SWEEP: Final = "sweep.json"
JOURNAL: Final = "journal.jsonl"
RECORDS: Final = "records"
CEDR_CSV: Final = "sweep.csv"
POINTS_CSV: Final = "points.csv"
POINTS_PARQUET: Final = "points.parquet"

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """A point with what it is made from."""

    point: Point
    key: str
    """The digest of all that its figures follow from (`sweep.point_key`)."""
    records: Mapping[str, str]
    """The file of each application's record, by the application's name; one within OUT is relative to it."""


@dataclass(frozen=True)
class Plan:
    """A sweep as OUT/sweep.json holds it."""

    spec: str
    settings: Settings
    points: tuple[Planned, ...]


# ------------------------------------------------------------------------------------------------------------- journal


class Journal:
    """The figures of finished points by their keys; `append` keeps one more."""

    def __init__(self, path: Path, handle: int, figures: dict[str, Row]):
        self.path, self._handle = path, handle
        self.figures = figures

    def append(self, key: str, figures: Row) -> None:
        """On disk when it returns."""
        line = json.dumps({"key": key, "figures": figures}, separators=(",", ":")).encode() + b"\n"
        try:
            written = 0
            while written < len(line):
                written += os.write(self._handle, line[written:])
            os.fsync(self._handle)
        except OSError as error:
            raise SweepError(f"{self.path}: can't be written: {error.strerror or error}") from error
        self.figures[key] = figures


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """The journal of a folder, which is made if need be; a last line that was cut is dropped.

    Raises SweepError where it can't be used, or another process writes to it.
    """
    path = folder / JOURNAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise SweepError(f"{path}: can't be written: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SweepError(f"{folder}: another sweep is at work there; wait for it, or give another -o") from error
        whole, figures = _read_journal(path)
        os.ftruncate(handle, whole)
        yield Journal(path, handle, figures)
    finally:
        os.close(handle)


def _read_journal(path: Path) -> tuple[int, dict[str, Row]]:
    """How many bytes are whole lines, and their figures."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SweepError(f"{path}: can't be read: {error.strerror or error}") from error
    whole = data.rfind(b"\n") + 1
    figures: dict[str, Row] = {}
    for number, line in enumerate(data[:whole].splitlines(), 1):
        try:
            entry = json.loads(line)
            figures[entry["key"]] = dict(entry["figures"])
        except (ValueError, TypeError, KeyError) as error:
            raise SweepError(
                f"{path}:{number}: no line of a sweep's journal; without that line its point is emulated again"
            ) from error
    return whole, figures


# ---------------------------------------------------------------------------------------------------------------- plan


def write_plan(folder: Path, sweep: Sweep, points: Sequence[Planned]) -> Plan:
    """Write OUT/sweep.json."""
    plan = Plan(str(sweep.path), sweep.settings, tuple(points))
    mixes = list(dict.fromkeys(one.point.applications for one in points))
    place = {mix: index for index, mix in enumerate(mixes)}
    content = {
        "format": FORMAT,
        "spec": plan.spec,
        "settings": {**asdict(plan.settings), "host_scale": _optional(str, plan.settings.host_scale)},
        "mixes": [[asdict(application) for application in mix] for mix in mixes],
        "points": [
            {
                **{
                    field.name: getattr(one.point, field.name)
                    for field in fields(Point)
                    if field.name != "applications"
                },
                "mix": place[one.point.applications],
                "key": one.key,
                "records": dict(one.records),
            }
            for one in points
        ],
    }
    with write_atomically(folder / SWEEP) as stream:
        stream.write(json.dumps(content, indent=1).encode())
    return plan


def read_plan(folder: Path) -> Plan:
    """Read OUT/sweep.json. Raises SweepError where there is none, or one of another version."""
    path = folder / SWEEP
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise SweepError(f"{path}: is of format {content['format']}, this cedr reads {FORMAT}; sweep again")
        mixes = [
            tuple(
                Application(**{**one, "trace_ns": tuple(one["trace_ns"]), "arguments": tuple(one.get("arguments", ()))})
                for one in mix
            )
            for mix in content["mixes"]
        ]
        points = []
        for entry in content["points"]:
            mix, key, records = entry.pop("mix"), entry.pop("key"), entry.pop("records")
            points.append(Planned(Point(applications=mixes[mix], **entry), key, records))
        own = content["settings"]
        scale = _optional(Fraction, own.get("host_scale"))
        settings = Settings(**{**own, "without": tuple(own["without"]), "host_scale": scale})
        return Plan(content["spec"], settings, tuple(points))
    except OSError as error:
        raise SweepError(
            f"{path}: can't be read: {error.strerror or error}; `cedr sweep SPEC -o {folder}` makes it"
        ) from error
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise SweepError(f"{path}: no sweep's; `cedr sweep SPEC -o {folder}` makes it anew") from error


def _optional(convert: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else convert(value)


def read_results(folder: Path) -> tuple[Plan, dict[str, Row]]:
    """A sweep's points and the figures of those that are finished, by key."""
    plan = read_plan(folder)
    return plan, _read_journal(folder / JOURNAL)[1]


# -------------------------------------------------------------------------------------------------------------- tables

_AXIS_COLUMNS: Final = (
    "workload",
    "pipeline",
    "hw",
    "scheduler",
    "instances",
    "rate_mbps",
    "period_us",
    "trial",
    "seed",
)
_FIGURES: Final = (
    "exe_ns",
    "cum_ns",
    "ovh_ns",
    "makespan_ns",
    "per_instance_ns",
    "latency_min_ns",
    "latency_mean_ns",
    "latency_max_ns",
    "arrived",
    "finished",
    "deadline_misses",
    "tasks",
    "energy_j",
)
_OF_APPLICATION: Final = (
    "arrived",
    "finished",
    "exe_ns",
    "cum_ns",
    "latency_ns",
    "injected_hz",
    "throughput_hz",
    "deadline_misses",
)


def tidy_rows(plan: Plan, figures: Mapping[str, Row]) -> tuple[list[str], list[Row]]:
    """Columns, and a row a finished point: what it is, its figures, those of each application as `exe_ns.NAME`, and
    `utilisation.PE`. What a point does not have is missing from its row."""
    rows: list[Row] = []
    applications: dict[str, None] = {}
    for planned in plan.points:
        if planned.key not in figures:
            continue
        point, found = planned.point, figures[planned.key]
        row: Row = {"point": point.number, **{name: getattr(point, name) for name in _AXIS_COLUMNS}}
        row["pes"] = len(found["utilisation"])
        row |= {name: found[name] for name in _FIGURES if name in found}
        row |= {f"latency_{name}_ns": value for name, value in found["latency_ns"].items()}
        for one in found["applications"]:
            applications.setdefault(one["name"])
            row |= {f"{name}.{one['name']}": one[name] for name in _OF_APPLICATION}
        row |= {f"utilisation.{pe}": share for pe, share in found["utilisation"].items()}
        rows.append(row)
    columns = ["point", *_AXIS_COLUMNS, "pes", *_FIGURES]
    columns += [f"{name}.{application}" for application in applications for name in _OF_APPLICATION]
    columns += [f"utilisation.{pe}" for pe in pes_of(plan)]
    return columns, rows


def pes_of(plan: Plan) -> tuple[str, ...]:
    """The PEs of all compositions, in the platform's order."""
    platform = plan.settings.platform
    found = {
        (pe.type_index, pe.number): pe.name
        for hw in {one.point.hw for one in plan.points}
        for pe in parse_composition(platform, hw).pes
    }
    return tuple(found[place] for place in sorted(found))


_CEDR_MEANS: Final = {
    "exe_ns": "Avg. execution time / app.(ns)",
    "cum_ns": "Avg. cumulative execution time / app. (ns)",
    "ovh_ns": "Avg. Scheduling overhead / app.(ns)",
}


def cedr_rows(plan: Plan, figures: Mapping[str, Row]) -> tuple[list[str], list[Row]]:
    """CEDR's columns, and a row for each point, its trials side by side (UA-RCL/CEDR 96eeda6, makedataframe.py).

    `Trial k` is the cumulative time of trial k; the averages are over the trials that are finished, a PE's column is its
    utilisation as a fraction. Workload, Pipeline, Instances and Period (us) stand in front where the sweep has several.
    """
    several = {
        title: name
        for title, name in (("Workload", "workload"), ("Pipeline", "pipeline"), ("Instances", "instances"))
        if len({getattr(one.point, name) for one in plan.points}) > 1
    }
    if any(one.point.period_us is not None for one in plan.points):
        several["Period (us)"] = "period_us"
    platform = plan.settings.platform
    counts = {hw: parse_composition(platform, hw).counts for hw in {one.point.hw for one in plan.points}}
    used = [index for index in range(len(platform.pe_types)) if any(count[index] for count in counts.values())]
    trials = max((one.point.trial for one in plan.points), default=0)
    grouped: dict[tuple[Any, ...], dict[int, Row]] = {}
    for one in plan.points:
        p = one.point
        group = (p.workload, p.pipeline, p.hw, p.scheduler, p.instances, p.rate_mbps, p.period_us)
        if one.key in figures:
            grouped.setdefault(group, {})[p.trial] = {**figures[one.key], "point": p}
    pes = pes_of(plan)
    rows: list[Row] = []
    for own in grouped.values():
        found = list(own.values())
        point = found[0]["point"]
        row: Row = {title: getattr(point, name) for title, name in several.items()}
        row["Resource Pool"] = "+".join(f"{platform.pe_types[t].letter}{counts[point.hw][t]}" for t in used)
        row["Scheduler"] = point.scheduler
        row["Injection Rate (Mbps)"] = point.rate_mbps
        row |= {f"Trial {trial}": one["cum_ns"] for trial, one in own.items()}
        row |= {title: _mean([one[name] for one in found]) for name, title in _CEDR_MEANS.items()}
        row |= {pe: _mean([one["utilisation"].get(pe) for one in found]) for pe in pes}
        rows.append(row)
    columns = [*several, "Resource Pool", "Scheduler", "Injection Rate (Mbps)"]
    return [*columns, *(f"Trial {trial + 1}" for trial in range(trials)), *_CEDR_MEANS.values(), *pes], rows


def _mean(values: Sequence[float | None]) -> float | None:
    """Of those that there are."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """A table; what a row lacks is empty, a number is written with all its digits."""
    with write_atomically(path) as stream:
        for fields_ in (columns, *([_text(row.get(name)) for name in columns] for row in rows)):
            stream.write((",".join(map(csv_field, fields_)) + "\n").encode("utf-8", "backslashreplace"))


def _text(value: object) -> str:
    return "" if value is None else str(value)
