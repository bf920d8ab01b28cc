"""Sweeps: every combination of compositions, schedulers, injection rates and the like, each an emulation of its own.

docs/sweeps.md has an example of every key. `load_sweep` reads a specification, `Sweep.points` are its combinations in
order, `emulate_point` runs one and gives its figures. sweep_results.py keeps them. Needs neither torch nor xDSL.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import chain, product
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

import cedr
from cedr.runtime.emulator import (
    Workload,
    application_figures,
    check_os_model,
    check_warmup,
    choose_os_model,
    emulate_scenario,
    figures,
)
from cedr.runtime.linux_cfs import check_effects
from cedr.runtime.record import Record
from cedr.runtime.report import energy_j
from cedr.runtime.result import EmulationResult
from cedr.runtime.scenario import (
    APPLICATION_KEYS,
    DEFAULT_SCHEDULER,
    MAX_INSTANCES,
    MAX_SEED,
    PROCESS_KEYS,
    Application,
    platform_beside,
    read_application,
    read_name,
    read_process,
    scheduler_beside,
    time_ns,
)
from cedr.runtime.schedulers import get_scheduler
from cedr.target.errors import CedrError
from cedr.target.platform import Composition, Platform, load_platform, parse_composition
from cedr.target.toml_file import KeyPath, Section, TomlFile, kind_of

T = TypeVar("T")
Number = int | float

DEFAULT_PIPELINE: Final = "default"
MAX_TRIALS: Final = 10_000
MAX_POINTS: Final = 10_000_000
_AXES: Final = ("hw", "schedulers", "rates_mbps", "periods_us", "instances", "pipelines", "trials")
_TOP: Final = (*_AXES, "seed", "warmup_us", "queueing", "platform", "os_model", "without", "host_scale")


class SweepError(CedrError):
    """A specification of a sweep, or its folder, that can't be used; the text says where and why."""


@dataclass(frozen=True)
class Point:
    """One combination: a scenario on one composition under one scheduler."""

    number: int
    """From 1, in the order of the sweep."""
    workload: str
    pipeline: str
    hw: str
    """The composition, in its canonical spelling."""
    scheduler: str
    """Its name; `scheduler_text` is what it is loaded by."""
    scheduler_text: str
    instances: int | None
    """Those of each application that does not say its own; None: the sweep has no such axis, or each application of the
    workload says its own. Likewise the next two."""
    rate_mbps: Number | None
    period_us: Number | None
    trial: int
    """From 1."""
    seed: int
    """The sweep's for the first trial, one more for each that follows."""
    applications: tuple[Application, ...]

    @property
    def text(self) -> str:
        """In one line: `mix, C3+F1, EFT, 100 Mb/s, trial 2`."""
        parts = [self.workload, self.pipeline, self.hw, self.scheduler]
        if self.instances is not None:
            parts.append(f"{self.instances} instance{'' if self.instances == 1 else 's'}")
        if self.rate_mbps is not None:
            parts.append(f"{self.rate_mbps} Mb/s")
        if self.period_us is not None:
            parts.append(f"{self.period_us} us")
        return ", ".join([*parts, f"trial {self.trial}"])


@dataclass(frozen=True)
class Settings:
    """What all points of a sweep have in common."""

    platform_text: str
    """The name or the file that it is loaded by."""
    os_model: str
    without: tuple[str, ...]
    queueing: bool
    warmup_ns: int
    host_scale: Fraction | None = None
    """What a nanosecond of measured host time is on the platform; None: the platform's figure."""

    @property
    def platform(self) -> Platform:
        return load_platform(self.platform_text)


@dataclass(frozen=True)
class Sweep:
    """A specification, read and checked: the points are in the order of workloads, pipelines, compositions, schedulers,
    instances, rates or periods, trials, the last one fastest."""

    path: Path
    settings: Settings
    workloads: tuple[str, ...]
    compositions: tuple[Composition, ...]
    schedulers: tuple[str, ...]
    trials: int
    points: tuple[Point, ...]
    pipelines: Mapping[str, str]
    """By name: its place in the file, empty for the default. What they are is not looked at here."""

    @property
    def drawn(self) -> bool:
        """Whether any arrival, or anything that a scheduler does, may depend on the seed, so that trials may differ."""
        own = any(":" in point.scheduler_text or point.scheduler == "RANDOM" for point in self.points)
        return own or any(a.arrival == "poisson" for point in self.points for a in point.applications)


# ------------------------------------------------------------------------------------------------------------ files


def load_sweep(path: str | Path) -> Sweep:
    """Read a specification. Raises CedrError with file, line and key for one that is not right in every respect."""
    return read_sweep(TomlFile.read(Path(path)))


def read_sweep(file: TomlFile) -> Sweep:
    """The same from a parsed file."""
    top = file.root(("workload",), _TOP)
    settings = _settings(top)
    platform = settings.platform
    compositions = (
        _axis(top, "hw", lambda text, _: parse_composition(platform, text), lambda found: found.text, str)
        if "hw" in top
        else (parse_composition(platform, platform.default_composition),)
    )
    texts = [scheduler_beside(file.path, text) for text in _schedulers(top)]
    names = [get_scheduler(text).name for text in texts]
    pipelines = _axis(top, "pipelines", _pipeline, str, str) if "pipelines" in top else (DEFAULT_PIPELINE,)
    places = {name: file.where(("pipelines", n)) if "pipelines" in top else "" for n, name in enumerate(pipelines)}
    instances: tuple[int | None, ...] = _axis(top, "instances", _instances, int, int) if "instances" in top else (None,)
    if "rates_mbps" in top and "periods_us" in top:
        raise top.fail("periods_us", "has no place beside rates_mbps; give one or the other")
    rates: tuple[Number | Decimal | None, ...] = _numbers(top, "rates_mbps") if "rates_mbps" in top else (None,)
    periods: tuple[Number | Decimal | None, ...] = _numbers(top, "periods_us") if "periods_us" in top else (None,)
    trials = top.integer("trials", 1, MAX_TRIALS) if "trials" in top else 1
    seed = top.integer("seed", 0, MAX_SEED - trials) if "seed" in top else 0
    workloads = _workloads(top)
    axes: dict[str, tuple[Sequence[Any], ...]] = {}  # those of instances, rates and periods that a workload takes
    taken: set[str] = set()
    for name, sections in workloads.items():
        own: set[str] = set()
        _applications(file, sections, instances[0], rates[0], periods[0], used=own)
        taken |= own
        axes[name] = (
            instances if "instances" in own else (None,),
            rates if "rate_mbps" in own else (None,),
            periods if "period_us" in own else (None,),
        )
    for key, of in (("instances", "instances"), ("rates_mbps", "rate_mbps"), ("periods_us", "period_us")):
        if key in top and of not in taken:
            raise top.fail(key, f"no application takes it: {_TAKERS[key]}")
    fixed = len(pipelines) * len(compositions) * len(texts) * trials
    n_points = sum(fixed * len(i) * len(r) * len(p) for i, r, p in axes.values())
    if n_points > MAX_POINTS:
        raise SweepError(f"{file.path}: has {n_points:,} points; at most {MAX_POINTS:,} go")
    mixes = {
        (name, count, rate, period): _applications(file, sections, count, rate, period, used=taken)
        for name, sections in workloads.items()
        for count, rate, period in product(*axes[name])
    }
    points = [
        Point(
            number,
            workload,
            pipeline,
            composition.text,
            scheduler,
            text,
            count,
            _plain(rate),
            _plain(period),
            trial + 1,
            seed + trial,
            mixes[workload, count, rate, period],
        )
        for number, (workload, pipeline, composition, (scheduler, text), count, rate, period, trial) in enumerate(
            chain.from_iterable(
                product(
                    [workload],
                    pipelines,
                    compositions,
                    list(zip(names, texts, strict=True)),
                    *axes[workload],
                    range(trials),
                )
                for workload in workloads
            ),
            1,
        )
    ]
    for mix in mixes.values():
        arrivals = [a.arrivals_ns(seed, stream) for stream, a in enumerate(mix)]
        check_warmup(np.concatenate(arrivals), settings.warmup_ns)
    return Sweep(file.path, settings, tuple(workloads), compositions, tuple(names), trials, tuple(points), places)


_TAKERS: Final = {
    "instances": "give one no `instances` of its own",
    "rates_mbps": "give one `megabits`, and neither `rate_mbps` nor `period_us`",
    "periods_us": "give one neither `period_us` nor `megabits`",
}


def _settings(top: Section) -> Settings:
    text = platform_beside(top.file.path, None, top.text("platform") if "platform" in top else None)
    try:
        platform = load_platform(text)
    except CedrError as error:
        raise (top.fail("platform", str(error)) if "platform" in top else error) from error
    without = top.texts("without") if "without" in top else ()
    for place, effect in enumerate(without):
        try:
            check_effects([effect])
        except CedrError as error:
            raise top.file.fail(("without", place), str(error)) from error
    try:
        os_model = choose_os_model(top.text("os_model") if "os_model" in top else None, platform)
    except CedrError as error:
        raise top.fail("os_model", str(error)) from error
    try:
        check_os_model(os_model, without)
    except CedrError as error:
        raise top.fail("without", str(error)) from error
    warmup_ns = time_ns(top, "warmup_us") if "warmup_us" in top else 0
    host_scale = top.positive("host_scale") if "host_scale" in top else None
    return Settings(text, os_model, tuple(dict.fromkeys(without)), top.truth("queueing", True), warmup_ns, host_scale)


def _axis(
    top: Section, key: str, read: Callable[[Any, KeyPath], T], name: Callable[[Any], object], kind: type
) -> tuple[T, ...]:
    """The values of an axis: an array, none of them twice. read: raises CedrError for a value that can't be."""
    values = top.data[key]
    wanted = "texts" if kind is str else "whole numbers" if kind is int else "numbers"
    if not isinstance(values, list) or not values:
        raise top.fail(key, f"needs an array of {wanted}, at least one, got {kind_of(values)}")
    found: list[T] = []
    for place, value in enumerate(values):
        path = (*top.path, key, place)
        accepted = (kind,) if kind in (str, int) else (int, Decimal)
        if isinstance(value, bool) or not isinstance(value, accepted):
            raise top.file.fail(path, f"needs an array of {wanted}, got {kind_of(value)} in it")
        try:
            one = read(value, path)
        except CedrError as error:
            at = top.file.where(path)
            raise (error if str(error).startswith(at) else SweepError(f"{at}: {error}")) from error
        if name(one) in [name(other) for other in found]:
            raise top.file.fail(path, f"{name(one)} stands there already")
        found.append(one)
    return tuple(found)


def _schedulers(top: Section) -> tuple[str, ...]:
    if "schedulers" not in top:
        return (DEFAULT_SCHEDULER,)

    def read(text: str, path: KeyPath) -> tuple[str, str]:
        return get_scheduler(scheduler_beside(top.file.path, text)).name, text

    return tuple(text for _, text in _axis(top, "schedulers", read, lambda found: found[0], str))


def _pipeline(text: str, path: KeyPath) -> str:
    if not text.strip():
        raise SweepError("needs a pipeline's name, or a pass pipeline")
    return text


def _instances(value: int, path: KeyPath) -> int:
    if not 1 <= value <= MAX_INSTANCES:
        raise SweepError(f"needs 1 to {MAX_INSTANCES} instances, got {kind_of(value)}")
    return value


def _numbers(top: Section, key: str) -> tuple[int | Decimal, ...]:
    def read(value: int | Decimal, path: KeyPath) -> int | Decimal:
        if not Decimal(value).is_finite() or value <= 0:
            raise SweepError(f"needs numbers above 0, got {kind_of(value)}")
        return value

    return _axis(top, key, read, Decimal, Decimal)


def _plain(number: Number | Decimal | None) -> Number | None:
    if number is None or isinstance(number, int):
        return number
    return int(number) if number == int(number) else float(number)


def _workloads(top: Section) -> dict[str, list[KeyPath]]:
    """The applications' places in the file, by workload."""
    found: dict[str, list[KeyPath]] = {}
    for path in top.sections("workload"):
        section = Section(top.file, path, top.file.at(path), ("application",), ("name",))
        name = read_name(section, "name") if "name" in section else f"workload{len(found) + 1}"
        if name in found:
            raise section.fail("name", f"the name {name!r} is taken by another workload; give this one its own")
        found[name] = section.sections("application")
    return found


def _applications(
    file: TomlFile,
    sections: Sequence[KeyPath],
    instances: int | None,
    rate_mbps: object,
    period_us: object,
    used: set[str],
) -> tuple[Application, ...]:
    """The applications of a workload with what they leave to the axes filled in; used: gains the keys that were."""
    applications: list[Application] = []
    for path in sections:
        data = file.at(path)
        if isinstance(data, dict):
            left_open: dict[str, object] = {}
            if data.get("arrival") != "trace":
                left_open["instances"] = instances
                if "megabits" in data and "period_us" not in data:
                    left_open["rate_mbps"] = rate_mbps
                if "megabits" not in data and "rate_mbps" not in data:
                    left_open["period_us"] = period_us
            filled = {key: value for key, value in left_open.items() if value is not None and key not in data}
            used.update(filled)
            data = {**data, **filled}
        section = Section(file, path, data, ("model",), (*APPLICATION_KEYS, *PROCESS_KEYS))
        applications.append(replace(read_application(section, applications), **read_process(section)))
    return tuple(applications)


# ---------------------------------------------------------------------------------------------------------- emulation

Records = Mapping[str, Record]
"""By the application's name."""


def run_point(point: Point, settings: Settings, records: Records) -> EmulationResult:
    """The emulation of a point: the one that `cedr emulate` makes of the same scenario."""
    workloads = [
        Workload(records[a.name], a.name, a.arrivals_ns(point.seed, stream), a.deadline_ns)
        for stream, a in enumerate(point.applications)
    ]
    return emulate_scenario(
        workloads,
        settings.platform,
        point.hw,
        point.scheduler_text,
        point.seed,
        settings.os_model,
        queueing=settings.queueing,
        without=settings.without,
        warmup_ns=settings.warmup_ns,
        host_scale=settings.host_scale,
    )


def emulate_point(point: Point, settings: Settings, records: Records) -> dict[str, Any]:
    """Emulate a point and give its figures, ready for JSON; docs/sweeps.md says what each is."""
    result = run_point(point, settings, records)
    found = figures(result)
    counted, finished = result.counted, result.finished
    done = result.ends_ns[finished] - result.starts_ns[finished]
    cumulative = result.busy_ns(result.instance, len(counted))[finished]
    rounds = result.rounds_in_span
    n = int(counted.sum())
    makespan_ns = found["makespan_ns"]
    return {
        "exe_ns": float(done.mean()) if len(done) else None,
        "cum_ns": float(cumulative.mean()) if len(done) else None,
        "ovh_ns": int((rounds.end_ns - rounds.start_ns).sum()) / max(1, n),
        "makespan_ns": makespan_ns,
        "per_instance_ns": makespan_ns / len(done) if len(done) else None,
        "latency_ns": found["latency_ns"],
        "arrived": n,
        "finished": len(done),
        "deadline_misses": int(np.count_nonzero(result.late & counted)),
        "tasks": found["tasks"],
        "energy_j": energy_j(result, settings.platform, parse_composition(settings.platform, point.hw)),
        "utilisation": found["utilisation"],
        "applications": _per_application(result),
    }


def _per_application(result: EmulationResult) -> list[dict[str, Any]]:
    """CEDR's means per application, and how often its instances arrived and ended."""
    entries = []
    for index, entry in enumerate(application_figures(result)):
        own = result.counted & (result.instance_app == index)
        arrivals, ends = result.arrivals_ns[own], result.ends_ns[own & result.finished]
        latency = (result.ends_ns - result.arrivals_ns)[own & result.finished]
        entries.append(
            {
                "name": entry["name"],
                "arrived": entry["instances"],
                "finished": entry["finished"],
                "exe_ns": entry["exe_ns"],
                "cum_ns": entry["cum_ns"],
                "latency_ns": float(latency.mean()) if len(latency) else None,
                "injected_hz": _hertz(len(arrivals) - 1, arrivals[-1] - arrivals[0]) if len(arrivals) > 1 else None,
                "throughput_hz": _hertz(len(ends), ends.max() - arrivals[0]) if len(ends) else None,
                "deadline_misses": entry["deadline_misses"],
            }
        )
    return entries


def _hertz(count: int, time_ns: Any) -> float | None:
    return count * 1e9 / int(time_ns) if time_ns else None


# ------------------------------------------------------------------------------------------------------ what is the same


def digest(content: object) -> str:
    """SHA-256 of what JSON can say."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names. Raises SweepError."""
    try:
        if not path.is_dir():
            return hashlib.sha256(path.read_bytes()).hexdigest()
        files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        return digest([[str(file.relative_to(path)), file_digest(file)] for file in files])
    except OSError as error:
        raise SweepError(f"{path}: can't be read: {error.strerror or error}") from error


EMULATING: Final = ("runtime", "target")
"""The rooms of cedr that an emulation is made by;"""
RECORDING: Final = ("backend", "dialects", "frontend", "passes", "runtime", "target", "tools")
"""and those that a record is."""


@lru_cache(maxsize=4)
def program_digest(rooms: tuple[str, ...]) -> str:
    """SHA-256 of cedr's own source: what another version made is not taken for what this one would make."""
    home = Path(cedr.__file__).parent
    return digest([[room, _source_digest((home / room).resolve())] for room in rooms])


def _source_digest(room: Path) -> str:
    kinds = (".py", ".c", ".h", ".toml", ".npz", ".safetensors")
    files = sorted(file for file in room.rglob("*") if file.suffix in kinds)
    return digest([[str(file.relative_to(room)), file_digest(file)] for file in files])


def point_key(point: Point, settings: Settings, records: Mapping[str, str]) -> str:
    """A digest of all that the figures of a point follow from; records: the digest of each application's record."""
    scheduler = point.scheduler_text.rpartition(":")[0]
    return digest(
        {
            "program": program_digest(EMULATING),
            "platform": settings.platform.hash,
            "hw": point.hw,
            "scheduler": [point.scheduler, file_digest(Path(scheduler)) if scheduler.endswith(".py") else ""],
            "os_model": settings.os_model,
            "without": sorted(settings.without),
            "queueing": settings.queueing,
            "warmup_ns": settings.warmup_ns,
            "host_scale": str(settings.host_scale),
            "seed": point.seed,
            "applications": [[*_stream(a), records[a.name]] for a in point.applications],
        }
    )


def _stream(application: Application) -> list[object]:
    """What says when its instances arrive, and how they are judged."""
    a = application
    return [a.name, a.arrival, a.instances, a.period_ns, a.start_ns, digest(a.trace_ns), a.deadline_ns]
