"""CEDR's published API sweep on the ZCU102, as emulations: its workload, its points, and how far off we are.

A point is a composition (CPU and FFT workers), a scheduler and an injection rate. Its run has 71 applications, all in
their blocking form: one lane detection, two streams of 25 WiFi transmissions, 20 pulse Dopplers; every stream is spread
over the same time, 8672 ms at 10 Mb/s. That makes 29,580 tasks (UA-RCL/CEDR 96eeda6, scripts and output.csv of the
sweep). What the applications call is in `lane_detection`, `wifi_tx` and `pulse_doppler`.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from cedr.runtime.emulator import Workload, emulate_scenario
from cedr.runtime.record import STEP_BLOCK, STEP_END, STEP_HOST, Record, ThreadStream
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.platform import Platform, load_platform

PLATFORM: Final = "zcu102_cedr"
SCHEDULERS: Final = ("SIMPLE", "MET", "EFT", "ETF")
APPLICATIONS: Final = 71
TASKS: Final = 29_580
WIFI_TX_MEGABITS: Final = 3.46875
PULSE_DOPPLER_MEGABITS: Final = 4.3359375
#: The rows of the lane detection's images are copied in and out of the buffer of a transform: an estimate, from 1024
#: complex numbers twice at the speed of unoptimised code on an A53.
ROW_COPY_NS: Final = 30_000
#: How the rest of its own work splits: preparing images, transposing them, and what comes after the last transform
#: (edges, lines, drawing); measured on x86, where the whole takes 2.25 s.
LANE_SHARES: Final = (0.39, 0.18, 0.43)


class SweepError(CedrError):
    """A file of points that can't be read."""


@dataclass(frozen=True)
class Parameters:
    """What was fitted: four of the applications' own work on an A53, seven of the platform file.

    The first four have no published figure. The rest stand in target/platforms/zcu102_cedr.toml and what it extends;
    `from_platform` reads them there, `apply` gives a platform with others.
    """

    lane_detection_ms: float = 8_400.0
    wifi_tx_ms: float = 9.318
    pulse_doppler_ms: float = 31
    matched_filter_share: float = 0.6558
    gsl_flops_per_ns: float = 0.0
    fft_copy_out: float = 0.0
    enqueue_us: float = 0.0
    signal_us: float = 0.0
    daemon_loop_us: float = 0.0
    balance_period_us: float = 0.0
    contention_share: float = 0.0

    @classmethod
    def from_platform(cls, platform: Platform) -> Parameters:
        linux = platform.linux_cfs
        assert linux is not None
        return cls(
            **{name: float(platform.figures[name].value) for name in _CONSTANTS},
            **{name: linux.figures[name.rpartition("_")[0]] / 1000 for name in _LINUX},
        )

    def apply(self, platform: Platform) -> Platform:
        linux = platform.linux_cfs
        assert linux is not None
        figures = dict(platform.figures)
        for name in _CONSTANTS:
            figures[name] = replace(figures[name], value=Fraction(getattr(self, name)))
        changed = {name.rpartition("_")[0]: round(1000 * getattr(self, name)) for name in _LINUX}
        return replace(platform, figures=figures, linux_cfs=replace(linux, figures={**linux.figures, **changed}))


_CONSTANTS: Final = ("gsl_flops_per_ns", "fft_copy_out")
_LINUX: Final = (
    "enqueue_us",
    "signal_us",
    "daemon_loop_us",
    "balance_period_us",
    "contention_share",
)


@dataclass(frozen=True)
class Point:
    """What was run, and what was measured: means over the applications of the run, in ms."""

    composition: str
    scheduler: str
    rate_mbps: float
    exe_ms: float
    cum_ms: float
    ovh_ms: float


# ---------------------------------------------------------------------------------------------------- the applications


def _fft(n: int, inverse: bool = False) -> CallClass:
    return CallClass("fft", "c64", {"b": 1, "n": n}, {"inverse": inverse}, "")


class _Stream:
    """One thread that works by itself for a while, and calls and waits."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        self.calls: list[int] = []

    def work(self, ns: float) -> None:
        if round(ns) > 0:
            self.steps.append((STEP_HOST, round(ns), 0))

    def call(self, kind: int) -> None:
        self.steps.append((STEP_BLOCK, len(self.calls), 1))
        self.calls.append(kind)

    def record(self, *classes: CallClass) -> Record:
        n = len(self.calls)
        tasks = np.arange(n, dtype=np.uint32)
        steps = np.array([*self.steps, (STEP_END, 0, 0)], np.int64)
        thread = ThreadStream(0, steps, tasks, np.empty(0, np.uint32))
        none = np.zeros(n + 1, np.int64)
        return Record(None, classes, tasks, np.array(self.calls, np.uint16), none, np.empty(0, np.uint32), (thread,))


def lane_detection(parameters: Parameters) -> Record:
    """14,340 calls: the image and four filters transformed in two dimensions (1024 rows, transposed, 1024 columns), four
    products of 2^20 spectral values, two inverse transforms.
    """
    rows = 7 * 2 * 1024
    own_ns = parameters.lane_detection_ms * 1e6 - rows * ROW_COPY_NS
    prepare_ns, transpose_ns, finish_ns = (own_ns * share for share in LANE_SHARES)
    stream = _Stream()

    def transform(kind: int) -> None:
        for _ in range(2):
            for _ in range(1024):
                stream.work(ROW_COPY_NS)
                stream.call(kind)
            stream.work(transpose_ns / 14)

    for _ in range(5):
        stream.work(prepare_ns / 5)
        transform(0)
    for _ in range(4):
        stream.call(2)
    for _ in range(2):
        transform(1)
    stream.work(finish_ns)
    product = CallClass("zip", "c64", {"n": 1 << 20}, {"kind": "mul"}, "")
    return stream.record(_fft(1024), _fft(1024, inverse=True), product)


def wifi_tx(parameters: Parameters) -> Record:
    """100 calls: ten frames of ten symbols, an inverse transform of 128 points each."""
    stream = _Stream()
    for _ in range(100):
        stream.work(parameters.wifi_tx_ms * 1e6 / 100)
        stream.call(0)
    return stream.record(_fft(128, inverse=True))


def pulse_doppler(parameters: Parameters) -> Record:
    """512 calls: for each of 128 pulses two transforms and an inverse one, then a transform for each of 128 ranges."""
    own_ns, share = parameters.pulse_doppler_ms * 1e6 / 128, parameters.matched_filter_share
    stream = _Stream()
    for _ in range(128):
        stream.work(own_ns * share)
        for kind in (0, 0, 1):
            stream.call(kind)
    for _ in range(128):
        stream.work(own_ns * (1 - share))
        stream.call(0)
    return stream.record(_fft(128), _fft(128, inverse=True))


@functools.lru_cache(maxsize=2)
def _records(parameters: Parameters) -> tuple[Record, Record, Record]:
    return lane_detection(parameters), wifi_tx(parameters), pulse_doppler(parameters)


def workload(parameters: Parameters, rate_mbps: float) -> list[Workload]:
    """The run's applications. CEDR injects the k-th instance of a stream after k periods, from 1 on."""
    lane, wifi, doppler = _records(parameters)

    def arrivals(count: int, megabits: float) -> Any:
        return np.array([round(megabits / rate_mbps * 1e9 * (k + 1)) for k in range(count)], np.int64)

    stream = arrivals(25, WIFI_TX_MEGABITS)
    return [
        Workload(lane, "lane_detection", np.zeros(1, np.int64)),
        Workload(wifi, "wifi_tx", stream),
        Workload(wifi, "wifi_tx_2", stream),
        Workload(doppler, "pulse_doppler", arrivals(20, PULSE_DOPPLER_MEGABITS)),
    ]


# ------------------------------------------------------------------------------------------------------------- running


@dataclass(frozen=True)
class Run:
    """A point's emulation: means over its applications, in ms, and how many tasks it had."""

    exe_ms: float
    cum_ms: float
    ovh_ms: float
    tasks: int


@functools.cache
def _board() -> Platform:
    return load_platform(PLATFORM)


@functools.lru_cache(maxsize=2)
def _platform(parameters: Parameters) -> Platform:
    return parameters.apply(_board())


def simulate(point: Point, parameters: Parameters, without: Sequence[str] = ()) -> Run:
    """A point's run under `linux-cfs`, without some of its effects."""
    result = emulate_scenario(
        workload(parameters, point.rate_mbps),
        _platform(parameters),
        point.composition,
        point.scheduler,
        os_model="linux-cfs",
        without=without,
    )
    per_application = 1e6 * APPLICATIONS
    return Run(
        exe_ms=float((result.ends_ns - result.starts_ns).sum()) / per_application,
        cum_ms=float((result.end_ns - result.start_ns).sum()) / per_application,
        ovh_ms=float((result.round_end_ns - result.round_start_ns).sum()) / per_application,
        tasks=len(result),
    )


def _simulate(job: tuple[Point, Parameters, tuple[str, ...]]) -> Run:
    return simulate(*job)


def simulate_all(
    points: Sequence[Point], parameters: Parameters, pool: ProcessPoolExecutor, without: Sequence[str] = ()
) -> list[Run]:
    """Every point, on the pool's processes."""
    return list(pool.map(_simulate, [(point, parameters, tuple(without)) for point in points], chunksize=8))


# -------------------------------------------------------------------------------------------------------------- points


def read_points(path: Path) -> list[Point]:
    """Points of a file with CEDR's own columns (times in ns), or pool, scheduler, rate_mbps, exe_ms, cum_ms, ovh_ms.

    Raises SweepError with the file and the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            names = {_plain(name): name for name in reader.fieldnames or ()}
            columns, scale = _columns(path, names)
            return [
                _point(path, reader.line_num, [row[name] for name in columns], scale)
                for row in reader
                if any(str(value).strip() for value in row.values())
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SweepError(f"{path}: can't be read: {error}") from error


_CEDR_COLUMNS: Final = (
    "resourcepool",
    "scheduler",
    "injectionrate(mbps)",
    "avg.executiontime/app.(ns)",
    "avg.cumulativeexecutiontime/app.(ns)",
    "avg.schedulingoverhead/app.(ns)",
)
_OUR_COLUMNS: Final = ("pool", "scheduler", "rate_mbps", "exe_ms", "cum_ms", "ovh_ms")


def _plain(name: str | None) -> str:
    return re.sub(r"\s", "", name or "").lower()


def _columns(path: Path, names: Mapping[str, str]) -> tuple[list[str], float]:
    for wanted, scale in ((_OUR_COLUMNS, 1.0), (_CEDR_COLUMNS, 1e-6)):
        if all(name in names for name in wanted):
            return [names[name] for name in wanted], scale
    raise SweepError(
        f"{path}:1: needs the columns {', '.join(_OUR_COLUMNS)}, or CEDR's Resource Pool, Scheduler, Injection Rate (Mbps), "
        f"and its three averages; found {', '.join(names.values()) or 'none'}"
    )


def _point(path: Path, line: int, values: list[str], scale: float) -> Point:
    composition, scheduler, *numbers = values
    composition = composition.replace(" ", "")
    if not re.fullmatch(r"([A-Z][A-Z0-9]*?\d+\+?)+", composition):
        raise SweepError(f"{path}:{line}: the composition is counts like C3F1, got {composition!r}")
    try:
        rate, exe, cum, ovh = (float(number) for number in numbers)
    except ValueError as error:
        raise SweepError(f"{path}:{line}: rate and times are numbers, got {', '.join(map(repr, numbers))}") from error
    if not (rate > 0 and exe > 0 and cum > 0 and ovh >= 0):
        raise SweepError(f"{path}:{line}: rate and times are above 0, got {', '.join(numbers)}")
    return Point(composition, scheduler.strip().upper(), rate, exe * scale, cum * scale, ovh * scale)


# ---------------------------------------------------------------------------------------------------------- statistics

PLATEAU_MBPS: Final = 1_000.0


def statistics(points: Sequence[Point], runs: Sequence[Run]) -> dict[str, float | None]:
    """How far the emulated points are from the measured ones: errors as fractions of what was measured.

    exe_median_error, exe_p90_error   over all points
    low_rate_error, knee_error        medians over rates up to 30, and from 50 to 100 Mb/s
    plateau_error           median over (composition, scheduler) of the error of the mean over rates from 1000 Mb/s on
    cum_median_error        of the cumulative time, over all points
    pair_order              share of pairs of schedulers (same composition and rate) in the measured order, where the
                            measured times differ by more than 10 % of the smaller
    worst_scheduler_hit     share of compositions whose slowest scheduler on the plateau is the measured one

    None where no point counts.
    """
    rate = np.array([point.rate_mbps for point in points])
    exe = _errors([run.exe_ms for run in runs], [point.exe_ms for point in points])
    cum = _errors([run.cum_ms for run in runs], [point.cum_ms for point in points])
    plateau: dict[tuple[str, str], list[tuple[float, float]]] = {}
    rivals: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for point, run in zip(points, runs, strict=True):
        rivals.setdefault((point.composition, point.rate_mbps), []).append((run.exe_ms, point.exe_ms))
        if point.rate_mbps >= PLATEAU_MBPS:
            plateau.setdefault((point.composition, point.scheduler), []).append((run.exe_ms, point.exe_ms))
    means = {key: np.mean(values, axis=0) for key, values in plateau.items()}
    ordered = [
        (a[0] < b[0]) == (a[1] < b[1])
        for values in rivals.values()
        for place, a in enumerate(values)
        for b in values[:place]
        if abs(a[1] - b[1]) > 0.1 * min(a[1], b[1])
    ]
    hits = []
    for composition in dict.fromkeys(key[0] for key in means):
        own = np.array([mean for key, mean in means.items() if key[0] == composition])
        if len(own) > 1:
            hits.append(bool(own[:, 0].argmax() == own[:, 1].argmax()))
    return {
        "exe_median_error": _quantile(exe, 0.5),
        "exe_p90_error": _quantile(exe, 0.9),
        "low_rate_error": _quantile(exe[rate <= 30], 0.5),
        "knee_error": _quantile(exe[(rate >= 50) & (rate <= 100)], 0.5),
        "plateau_error": _quantile(np.array([abs(a / b - 1) for a, b in means.values()]), 0.5),
        "cum_median_error": _quantile(cum, 0.5),
        "pair_order": float(np.mean(ordered)) if ordered else None,
        "worst_scheduler_hit": float(np.mean(hits)) if hits else None,
    }


def _errors(emulated: Sequence[float], measured: Sequence[float]) -> Any:
    return np.abs(np.array(emulated) / np.array(measured) - 1) if measured else np.empty(0)


def _quantile(values: Any, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None
