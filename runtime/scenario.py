"""Scenarios: which applications arrive how often, and what breaks meanwhile. TOML files, read strictly.

docs/scenarios.md has an example of every key, with its unit and its default.

`load_scenario` reads one, `Scenario.settle` decides between the file, the command's options and the defaults,
`Application.arrivals_ns` gives the times. Times are whole nanoseconds, rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from cedr.runtime.emulator import check_os_model, choose_os_model, pe_number
from cedr.runtime.fault import (
    APPLICATION_FAULTS,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_NS,
    FAULTS,
    HANGING,
    PE_FAULTS,
    Fault,
)
from cedr.runtime.linux_cfs import check_effects
from cedr.runtime.record import HOST_TIMES, HostTime
from cedr.runtime.schedulers import Scheduler, get_scheduler
from cedr.target.errors import CedrError
from cedr.target.platform import DEFAULT_PLATFORM, Composition, Platform, load_platform, parse_composition
from cedr.target.toml_file import KeyPath, Section, TomlFile, kind_of

Int64Array = npt.NDArray[np.int64]
T = TypeVar("T")

ARRIVALS: Final = ("fixed", "poisson", "trace")
MAX_TIME_NS: Final = 1 << 60
_MAX_TIME_US: Final = Decimal(MAX_TIME_NS) / 1000
MAX_INSTANCES: Final = 10_000_000
MAX_SEED: Final = (1 << 63) - 1
DEFAULT_SCHEDULER: Final = "EFT"

_NAME: Final = re.compile(r"[^\s/\\:,][^/\\:,\n\r\t]*")


class ScenarioError(CedrError):
    """A scenario, or what a command wants of one, that can't be; the text says where and why."""


@dataclass(frozen=True)
class Application:
    """One stream of instances of a model."""

    name: str
    model: str
    instances: int
    arrival: str
    period_ns: int | None
    """Between arrivals: each time (fixed), in the mean (poisson). None for a trace, and where one instance needs none."""
    start_ns: int = 0
    trace_ns: tuple[int, ...] = ()
    deadline_ns: int | None = None
    where: str = ""
    """`file:line: key` of the model, for messages."""
    arguments: tuple[str, ...] = ()
    """Those that a C or C++ application is started with; what follows here is of such applications, too."""
    cwd: str | None = None
    """The folder that it runs in; None: that of its file."""
    host_time: HostTime | None = None
    host_ns: float | None = None

    def arrivals_ns(self, seed: int, stream: int) -> Int64Array:
        """int64[instances], ascending. stream: the application's place, so that each draws gaps of its own.

        fixed: start + j * period. poisson: gaps drawn from the exponential distribution of mean `period` by NumPy's
        default generator, seeded by (seed, stream); the first arrival is one gap behind the start. Raises
        ScenarioError for times behind 2^60 ns.
        """
        if self.arrival == "trace":
            return np.array(self.trace_ns, np.int64)
        if self.arrival == "fixed":
            return self.start_ns + np.arange(self.instances, dtype=np.int64) * (self.period_ns or 0)
        assert self.period_ns is not None
        gaps = np.random.default_rng((seed, stream)).exponential(self.period_ns, self.instances)
        times = np.cumsum(gaps)
        if times[-1] + self.start_ns > MAX_TIME_NS:
            raise ScenarioError(
                f"{self.where}: arrives later than 2^60 ns; lower the period or the number of instances"
            )
        return self.start_ns + np.rint(times).astype(np.int64)


@dataclass(frozen=True)
class Settings:
    """What a scenario runs on and under."""

    platform: Platform
    platform_text: str
    """The name or the file that it is loaded by."""
    composition: Composition
    scheduler: Scheduler
    os_model: str
    without: tuple[str, ...]
    """Effects of the OS model to leave out."""
    seed: int


@dataclass(frozen=True)
class Scenario:
    """A mix of applications over time. None: the file does not say."""

    path: Path
    applications: tuple[Application, ...]
    faults: tuple[Fault, ...] = ()
    seed: int | None = None
    warmup_ns: int = 0
    queueing: bool = True
    host_scale: Fraction | None = None
    """What a nanosecond of measured host time is on the platform; None: the platform's figure."""
    platform: str | None = None
    hw: str | None = None
    scheduler: str | None = None
    os_model: str | None = None
    without: tuple[str, ...] = ()
    """Effects of the OS model to leave out."""
    estimates_ns: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(API, PE type) -> what schedulers believe."""
    warnings: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    """Key -> `file:line: key`, for the platform, hw, scheduler, os_model and without of a file."""

    def settle(
        self,
        platform: str | None = None,
        hw: str | None = None,
        scheduler: str | None = None,
        os_model: str | None = None,
        seed: int | None = None,
        without: tuple[str, ...] = (),
    ) -> Settings:
        """The platform, composition, scheduler and OS model: these options, else the file's, else the defaults.

        without: effects to leave out in place of those that the file names; none: the file's.

        Raises CedrError for what there is not, at its place in the file where it comes from there; and for a fault on a
        PE that the composition lacks.
        """

        text = platform_beside(self.path, platform, self.platform)
        with self._located("platform", platform):
            board = load_platform(text)
        with self._located("hw", hw):
            composition = parse_composition(board, _first(hw, self.hw, board.default_composition))
        for fault in self.faults:
            if fault.pe is not None:
                pe_number(fault.pe, composition, f"{fault.where}.pe")
        policy = get_scheduler(_first(scheduler, self.scheduler, DEFAULT_SCHEDULER))
        with self._located("os_model", os_model):
            system = choose_os_model(os_model if os_model is not None else self.os_model, board)
        effects = tuple(dict.fromkeys(without)) or self.without
        with self._located("without", without or None):
            check_os_model(system, effects)
        return Settings(board, text, composition, policy, system, effects, _first(seed, self.seed, 0))

    @contextmanager
    def _located(self, key: str, option: object) -> Iterator[None]:
        """Puts a refusal of what comes from the file, and not from an option, at its place there."""
        try:
            yield
        except CedrError as error:
            if option is not None or key not in self.places:
                raise
            raise ScenarioError(f"{self.places[key]}: {error}") from error


def _first(option: T | None, given: T | None, default: T) -> T:
    """The option, else what the file says, else the default."""
    return option if option is not None else given if given is not None else default


def platform_beside(path: Path, option: str | None, given: str | None) -> str:
    """A platform's name or file; a file that a scenario names is looked for in the scenario's folder."""
    if option is not None:
        return option
    if given is None:
        return DEFAULT_PLATFORM
    return str(path.parent / given) if "/" in given or given.endswith(".toml") else given


def scheduler_beside(path: Path, given: str) -> str:
    """A scheduler's name, or `FILE.py:NAME` with the file looked for in the scenario's folder."""
    place, _, name = given.rpartition(":")
    return f"{path.parent / place}:{name}" if place.endswith(".py") else given


def model_title(model: str) -> str:
    """The name of an application whose model is named like this: the zoo's, the factory's, the file's or folder's."""
    place, colon, factory = model.rpartition(":")
    name = factory if colon and place else Path(model).stem if Path(model).suffix else Path(model).name
    return name or model


# ------------------------------------------------------------------------------------------------------------ files

_TOP: Final = (
    "seed",
    "warmup_us",
    "queueing",
    "platform",
    "hw",
    "scheduler",
    "os_model",
    "without",
    "host_scale",
    "fault",
)
APPLICATION_KEYS: Final = (
    "name",
    "instances",
    "arrival",
    "period_us",
    "rate_mbps",
    "megabits",
    "start_us",
    "trace",
    "deadline_us",
)
PROCESS_KEYS: Final = ("arguments", "cwd", "host_time", "host_ns")
"""Those of C and C++ applications."""
_FAULT: Final = ("pe", "application", "instance", "timeout_us", "retries")


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario's file. Raises CedrError with file, line and key for one that is not right in every respect."""
    return read_scenario(TomlFile.read(Path(path)))


def read_scenario(file: TomlFile) -> Scenario:
    """The same from a parsed file."""
    top = file.root(("application",), _TOP)
    applications: list[Application] = []
    for path in top.sections("application"):
        section = Section(file, path, file.at(path), ("model",), (*APPLICATION_KEYS, *PROCESS_KEYS))
        applications.append(replace(read_application(section, applications), **read_process(section)))
    faults = [
        _fault(Section(file, path, file.at(path), ("at_us", "kind"), _FAULT), applications)
        for path in (top.sections("fault") if "fault" in top else ())
    ]
    texts = {key: top.text(key) for key in ("platform", "hw", "scheduler", "os_model") if key in top}
    if "scheduler" in texts:
        texts["scheduler"] = scheduler_beside(file.path, texts["scheduler"])
    for key, check in (("scheduler", get_scheduler), ("os_model", check_os_model)):
        if key in texts:
            try:
                check(texts[key])
            except CedrError as error:
                raise top.fail(key, str(error)) from error
    without = top.texts("without") if "without" in top else ()
    for place, effect in enumerate(without):
        try:
            check_effects([effect])
        except CedrError as error:
            raise file.fail(("without", place), str(error)) from error
    return Scenario(
        path=file.path,
        applications=tuple(applications),
        faults=tuple(faults),
        seed=top.integer("seed", 0, MAX_SEED) if "seed" in top else None,
        warmup_ns=time_ns(top, "warmup_us") if "warmup_us" in top else 0,
        queueing=top.truth("queueing", True),
        host_scale=top.positive("host_scale") if "host_scale" in top else None,
        platform=texts.get("platform"),
        hw=texts.get("hw"),
        scheduler=texts.get("scheduler"),
        os_model=texts.get("os_model"),
        without=tuple(dict.fromkeys(without)),
        places={key: top.where(key) for key in (*texts, "without") if key in top},
    )


def time_ns(section: Section, key: str, zero: bool = True) -> int:
    """A number of microseconds as whole nanoseconds, at most 2^60. Raises TomlError; also for one that rounds to 0."""
    given = section.positive(key, zero=zero)
    ns = round(given * 1000)
    if ns > MAX_TIME_NS:
        raise section.fail(key, f"needs at most 2^60 ns (36 years), got {kind_of(section.data[key])} us")
    if given and not ns:
        raise section.fail(key, f"is less than a nanosecond: {kind_of(section.data[key])} us")
    return ns


def _choice(section: Section, key: str, choices: tuple[str, ...]) -> str:
    value = section.text(key)
    if value not in choices:
        raise section.fail(key, f"is one of {', '.join(choices)}, got {value!r}")
    return value


def read_name(section: Section, key: str) -> str:
    value = section.text(key)
    if not _NAME.fullmatch(value):
        raise section.fail(key, f"needs a name without / \\ : , and line breaks, got {value[:60]!r}")
    return value


def read_application(section: Section, others: list[Application]) -> Application:
    model = section.text("model")
    if "\0" in model:
        raise section.fail("model", "holds a zero byte")
    name = read_name(section, "name") if "name" in section else model_title(model)
    if name in (other.name for other in others):
        raise section.fail(
            "name" if "name" in section else "model",
            f"the name {name!r} is taken by another application; give this one a `name` of its own",
        )
    arrival = _choice(section, "arrival", ARRIVALS) if "arrival" in section else "fixed"
    instances = section.integer("instances", 1, MAX_INSTANCES) if "instances" in section else None
    deadline = time_ns(section, "deadline_us", zero=False) if "deadline_us" in section else None
    where = section.where("model")
    if arrival == "trace":
        for key in ("period_us", "rate_mbps", "megabits", "start_us"):
            if key in section:
                raise section.fail(key, 'has no place beside arrival = "trace": the trace gives all times')
        if "trace" not in section:
            raise section.fail("trace", 'missing; arrival = "trace" needs the times in us, or a file of them')
        times = _trace(section)
        if instances is not None and instances != len(times):
            raise section.fail("instances", f"is {instances}, and the trace has {len(times)} arrivals; leave it out")
        return Application(name, model, len(times), arrival, None, 0, times, deadline, where)
    if "trace" in section:
        raise section.fail("trace", f'has no place beside arrival = "{arrival}"; write arrival = "trace"')
    count = 1 if instances is None else instances
    start = time_ns(section, "start_us") if "start_us" in section else 0
    period = _period_ns(section, arrival, count)
    if start + (period or 0) * (count - 1) > MAX_TIME_NS:
        key = next((k for k in ("instances", "period_us", "rate_mbps") if k in section), "start_us")
        raise section.fail(key, "the last instance arrives later than 2^60 ns (36 years)")
    return Application(name, model, count, arrival, period, start, (), deadline, where)


def read_process(section: Section) -> dict[str, Any]:
    """How a C or C++ application is started and recorded."""
    given: dict[str, Any] = {}
    if "arguments" in section:
        given["arguments"] = section.texts("arguments")
    if "cwd" in section:
        given["cwd"] = str(section.file.path.parent / section.text("cwd"))
    if "host_time" in section:
        given["host_time"] = _choice(section, "host_time", HOST_TIMES[1:])
    if "host_ns" in section:
        given["host_ns"] = float(section.positive("host_ns", zero=True))
    return given


def _period_ns(section: Section, arrival: str, instances: int) -> int | None:
    if "period_us" in section:
        for key in ("rate_mbps", "megabits"):
            if key in section:
                raise section.fail(key, "has no place beside period_us; give one or the other")
        return time_ns(section, "period_us", zero=arrival == "fixed")
    if "rate_mbps" in section or "megabits" in section:
        for key in ("rate_mbps", "megabits"):
            if key not in section:
                raise section.fail(key, "missing; the period is megabits / rate_mbps seconds, so that it needs both")
        period = round(section.positive("megabits") / section.positive("rate_mbps") * 10**9)
        if not 1 <= period <= MAX_TIME_NS:
            raise section.fail("rate_mbps", f"gives a period of {period} ns; it needs 1 ns to 2^60 ns")
        return period
    if arrival == "fixed" and instances == 1:
        return None
    raise section.fail("period_us", "missing; say how often instances arrive: period_us, or rate_mbps and megabits")


def _trace(section: Section) -> tuple[int, ...]:
    """Arrival times in ns: an array in the file, or one a line of another."""
    value = section.data["trace"]
    if isinstance(value, str):
        return _trace_file(section)
    if not isinstance(value, list) or not value:
        raise section.fail("trace", f"needs an array of times in us, or a file's name, got {kind_of(value)}")
    times: list[int] = []
    for index, item in enumerate(value):
        path: KeyPath = (*section.path, "trace", index)
        if isinstance(item, bool) or not isinstance(item, int | Decimal):
            raise section.file.fail(path, f"needs a number of at least 0, got {kind_of(item)}")
        try:
            times.append(_trace_time(str(item), times))
        except ValueError as error:
            raise section.file.fail(path, str(error)) from error
    return tuple(times)


def _trace_file(section: Section) -> tuple[int, ...]:
    name = section.text("trace")
    path = section.file.path.parent / name
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise section.fail("trace", f"{path}: can't be read: {reason}") from error
    times: list[int] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                times.append(_trace_time(text, times))
            except ValueError as error:
                raise ScenarioError(f"{path}:{number}: {error}") from error
    if not times:
        raise section.fail("trace", f"{path}: has no time in it")
    return tuple(times)


def _trace_time(text: str, earlier: list[int]) -> int:
    """One time. Raises ValueError, whose text is the reason, for one that is none or is before the last."""
    try:
        time_us = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"needs a number of at least 0, got {text[:60]!r}") from None
    if not time_us.is_finite() or not 0 <= time_us <= _MAX_TIME_US:
        raise ValueError(f"needs a time of 0 to 2^60 ns, got {text[:60]} us")
    ns = round(Fraction(time_us) * 1000) if time_us.adjusted() > -30 else 0
    if earlier and ns < earlier[-1]:
        raise ValueError(
            f"{text[:60]} us is before the arrival above it ({earlier[-1] / 1000:g} us); write them ascending"
        )
    if len(earlier) == MAX_INSTANCES:
        raise ValueError(f"a trace has at most {MAX_INSTANCES} arrivals")
    return ns


def _fault(section: Section, applications: list[Application]) -> Fault:
    if ("pe" in section) == ("application" in section):
        raise section.fail("pe", "give either pe or application: what it is that fails")
    on_pe = "pe" in section
    kind = _choice(section, "kind", FAULTS)
    possible = PE_FAULTS if on_pe else APPLICATION_FAULTS
    if kind not in possible:
        what = "a PE" if on_pe else "an application"
        raise section.fail("kind", f"{what} has faults of the kinds {', '.join(possible)}, got {kind!r}")
    at_ns = time_ns(section, "at_us")
    pe = application = instance = None
    if on_pe:
        pe = section.text("pe")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", pe):
            raise section.fail("pe", f"needs a PE's name, as cpu1 or fft2, got {pe[:60]!r}")
        if "instance" in section:
            raise section.fail("instance", "belongs to a fault of an application, not of a PE")
    else:
        application = section.text("application")
        found = next((other for other in applications if other.name == application), None)
        if found is None:
            names = ", ".join(other.name for other in applications)
            raise section.fail("application", f"no application {application[:60]!r}; there are {names}")
        if "instance" in section:
            instance = section.integer("instance", 0, found.instances - 1)
    timeout_ns = DEFAULT_TIMEOUT_NS if kind in HANGING else None
    if "timeout_us" in section:
        if timeout_ns is None:
            raise section.fail("timeout_us", f"nothing hangs where the kind is {kind}")
        timeout_ns = time_ns(section, "timeout_us", zero=False)
    retries = DEFAULT_RETRIES if on_pe else 0
    if "retries" in section:
        if not on_pe:
            raise section.fail("retries", "tasks are tried again where a PE fails, not where an application does")
        retries = section.integer("retries", 0, 1000)
    return Fault(
        kind=kind,
        at_ns=at_ns,
        pe=pe,
        application=application,
        instance=instance,
        timeout_ns=timeout_ns,
        retries=retries,
        where=section.file.where(section.path),
    )
