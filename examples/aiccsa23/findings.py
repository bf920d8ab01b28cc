"""What the paper found, as checks over the sweeps' tables. Each says whether it holds, and with which figures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

Row = Mapping[str, str]

#: "Within 5 %", wherever the findings say so.
SLACK: Final = 0.05
#: Rates from here on are the plateau.
PLATEAU_MBPS: Final = 1_000.0
#: A mix is saturated from the lowest rate at which its mean execution time is this share of the plateau's.
SATURATED: Final = 0.9
#: From so many instances on, the time for each is to stay the same.
FLAT_FROM: Final = 3
ROUND_ROBIN: Final = "SIMPLE"


@dataclass(frozen=True)
class Finding:
    """Whether it holds, and the figures that say so."""

    holds: bool
    reason: str


def read_points(path: Path) -> list[Row]:
    """The rows of a sweep's points.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _of(rows: Iterable[Row], **wanted: str) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _distinct(rows: Iterable[Row], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))


def _pes(hw: str) -> frozenset[str]:
    return frozenset(hw.split("+"))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(frozen=True)
class _Curve:
    """Mean execution time in s over the injection rate in Mb/s, for one composition under one scheduler."""

    hw: str
    scheduler: str
    seconds: Mapping[float, float]

    @property
    def name(self) -> str:
        return f"{self.hw} {self.scheduler}"

    @property
    def plateau_s(self) -> float:
        return _mean([seconds for rate, seconds in self.seconds.items() if rate >= PLATEAU_MBPS])

    @property
    def saturation_mbps(self) -> float:
        return min(rate for rate, seconds in self.seconds.items() if seconds >= SATURATED * self.plateau_s)

    def before(self, rate_mbps: float) -> float:
        """The longest time at any lower rate."""
        return max(seconds for rate, seconds in self.seconds.items() if rate < rate_mbps)


def _by_rate(rows: Iterable[Row]) -> dict[float, list[Row]]:
    """The trials of each rate in Mb/s."""
    found: dict[float, list[Row]] = {}
    for row in rows:
        found.setdefault(float(row["rate_mbps"]), []).append(row)
    return found


def _curves(rows: Sequence[Row]) -> list[_Curve]:
    """Means over the trials."""
    return [
        _Curve(
            hw,
            name,
            {
                rate: _mean([float(row["exe_ns"]) for row in trials]) / 1e9
                for rate, trials in _by_rate(_of(rows, hw=hw, scheduler=name)).items()
            },
        )
        for name in _distinct(rows, "scheduler")
        for hw in _distinct(rows, "hw")
    ]


def _richer(curves: Sequence[_Curve]) -> list[tuple[_Curve, _Curve]]:
    """Pairs under one scheduler: a composition, and one that has more."""
    return [
        (poor, rich)
        for poor in curves
        for rich in curves
        if poor.scheduler == rich.scheduler and _pes(poor.hw) < _pes(rich.hw)
    ]


def _worst(count: int, broken: Sequence[str], what: str) -> Finding:
    """Holds where nothing is broken."""
    if not broken:
        return Finding(True, what)
    return Finding(False, f"{what}; not so for {len(broken)} of {count}: " + "; ".join(broken))


def saturates(rows: Sequence[Row]) -> Finding:
    """Execution time rises with the injection rate, and from the saturation on stays what it is."""
    curves = _curves(rows)
    broken = []
    for curve in curves:
        least, most = min(curve.seconds), max(curve.seconds)
        beyond = [seconds for rate, seconds in curve.seconds.items() if rate >= curve.saturation_mbps]
        far = max(abs(seconds / curve.plateau_s - 1) for seconds in beyond)
        if curve.saturation_mbps in (least, most) or far > 2 * (1 - SATURATED):
            broken.append(f"{curve.name} from {curve.saturation_mbps:g} Mb/s on, {far:.0%} off its plateau")
    span = [curve.saturation_mbps for curve in curves]
    return _worst(
        len(curves),
        broken,
        f"execution time stops rising between {min(span):g} and {max(span):g} Mb/s in {len(curves)} curves",
    )


def richer_is_faster(rows: Sequence[Row]) -> Finding:
    """On the plateau a composition with more takes at most as long, within 5 %."""
    pairs = _richer(_curves(rows))
    ratios = {f"{a.scheduler} {b.hw} / {a.hw}": b.plateau_s / a.plateau_s for a, b in pairs}
    broken = [f"{name} {ratio:.3f}" for name, ratio in ratios.items() if ratio > 1 + SLACK]
    text = f"times on the plateau, richer by poorer, are {min(ratios.values()):.3f} to {max(ratios.values()):.3f}"
    return _worst(len(pairs), broken, text)


def richer_saturates_later(rows: Sequence[Row]) -> Finding:
    """A composition with more saturates at the same rate or a higher one, within 5 %: below the poorer's saturation its
    execution time is at most 5 % above what saturates it."""
    pairs = _richer(_curves(rows))
    earlier = [(a, b) for a, b in pairs if b.saturation_mbps < a.saturation_mbps]
    broken = [
        f"{a.scheduler} {a.hw} at {a.saturation_mbps:g}, {b.hw} at {b.saturation_mbps:g} Mb/s"
        for a, b in earlier
        if b.before(a.saturation_mbps) > (1 + SLACK) * SATURATED * b.plateau_s
    ]
    near = len(earlier) - len(broken)
    text = f"{len(pairs)} pairs of a composition and one that has more" + (
        f", {near} of them a rate earlier" if near else ""
    )
    return _worst(len(pairs), broken, text)


def throughput_is_kept(rows: Sequence[Row]) -> Finding:
    """Below saturation no application of the mix ends less often than 95 % of what it is injected."""
    first: dict[str, float] = {}
    checked = failed = 0
    for curve in _curves(rows):
        below = {
            rate: trials
            for rate, trials in _by_rate(_of(rows, hw=curve.hw, scheduler=curve.scheduler)).items()
            if rate < curve.saturation_mbps
        }
        for rate, trials in below.items():
            kept = _kept(trials)
            short = [name for name, share in kept.items() if share < 1 - SLACK]
            checked, failed = checked + 1, failed + bool(short)
            for name in short:
                first[name] = min(rate, first.get(name, rate))
    text = f"{checked} points below saturation (the lowest rate with {SATURATED:.0%} of the plateau's execution time)"
    if not failed:
        return Finding(True, text)
    since = ", ".join(f"{name} from {rate:g} Mb/s on" for name, rate in first.items())
    return Finding(False, f"{text}; in {failed} of them an application ends less often than it is injected: {since}")


def _kept(trials: Sequence[Row]) -> dict[str, float]:
    """By application, throughput by injection rate, a mean over the trials."""
    shares: dict[str, list[float]] = {}
    for row in trials:
        for name, injected, throughput in _throughputs(row):
            shares.setdefault(name, []).append(throughput / injected)
    return {name: _mean(values) for name, values in shares.items()}


def _throughputs(row: Row) -> list[tuple[str, float, float]]:
    names = [key.partition(".")[2] for key in row if key.startswith("injected_hz.") and row[key]]
    return [(name, float(row[f"injected_hz.{name}"]), float(row[f"throughput_hz.{name}"])) for name in names]


def round_robin_is_worse_with_conv2d(rows: Sequence[Row]) -> Finding:
    """Round robin takes longer with the Conv2D accelerator than without."""
    ratio = _with_conv2d(rows)[ROUND_ROBIN]
    return Finding(ratio > 1, f"with the accelerator {ratio:.3f} of the time without")


def others_are_better_with_conv2d(rows: Sequence[Row]) -> Finding:
    """EFT, ETF and HEFT_RT take less time with the Conv2D accelerator than without."""
    ratios = {name: ratio for name, ratio in _with_conv2d(rows).items() if name != ROUND_ROBIN}
    text = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
    return Finding(all(ratio < 1 for ratio in ratios.values()), f"of the time without the accelerator: {text}")


def _with_conv2d(rows: Sequence[Row]) -> dict[str, float]:
    """By scheduler: time with the accelerator by time without, the larger of those with and without ZIP for those that are to
    gain, the smaller for round robin."""
    ratios: dict[str, float] = {}
    for name in _distinct(rows, "scheduler"):
        times = {_pes(row["hw"]): float(row["exe_ns"]) for row in _of(rows, scheduler=name)}
        found = [
            with_it / without
            for (one, without), (other, with_it) in combinations(times.items(), 2)
            if other - one == {"C2D1"} and one < other
        ]
        ratios[name] = min(found) if name == ROUND_ROBIN else max(found)
    return ratios


def instances_flatten(rows: Sequence[Row]) -> Finding:
    """The time for an instance falls from one instance to three, and is then the same to 5 %."""
    texts, holds = [], True
    for name in _distinct(rows, "scheduler"):
        each = {int(row["instances"]): float(row["per_instance_ns"]) / 1e9 for row in _of(rows, scheduler=name)}
        flat = [seconds for count, seconds in each.items() if count >= FLAT_FROM]
        spread = max(abs(seconds / _mean(flat) - 1) for seconds in flat)
        holds &= each[FLAT_FROM] < each[1] and spread <= SLACK
        texts.append(
            f"{name} {each[1]:.2f} s, {each[FLAT_FROM]:.2f} s with {FLAT_FROM}, then within {spread:.1%} of {_mean(flat):.2f} s"
        )
    return Finding(holds, "; ".join(texts))


def fairness(rows: Sequence[Row], mixes: Mapping[str, Mapping[str, str]]) -> list[dict[str, str | float]]:
    """A row for each mix, scheduler and rate: what share of its throughput alone each application keeps in the mix, and Jain's
    index of the shares, (sum x)^2 / (n sum x^2): 1 where all keep the same (Jain, Chiu and Hawe, DEC-TR-301, 1984).

    mixes: by a mix's workload, the workload of each of its applications alone.
    """
    table: list[dict[str, str | float]] = []
    for mix, alone in mixes.items():
        for row in _of(rows, workload=mix):
            same = {key: row[key] for key in ("hw", "scheduler", "rate_mbps")}
            line: dict[str, str | float] = {"mix": mix, **same}
            shares = []
            for name, injected, throughput in _throughputs(row):
                (own,) = _of(rows, workload=alone[name], **same)
                own_hz = float(own[f"throughput_hz.{name}"])
                shares.append(throughput / own_hz)
                line |= {
                    f"injected_hz.{name}": injected,
                    f"alone_hz.{name}": own_hz,
                    f"mix_hz.{name}": throughput,
                    f"share.{name}": shares[-1],
                }
            line["jain"] = sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
            table.append(line)
    return table


def is_fair(table: Sequence[Mapping[str, str | float]]) -> Finding:
    """Jain's index is at least 0.95 at every rate."""
    least: dict[float, float] = {}
    for line in table:
        rate = float(line["rate_mbps"])
        least[rate] = min(float(line["jain"]), least.get(rate, 1.0))
    unfair = [rate for rate, index in least.items() if index < 1 - SLACK]
    text = ", ".join(f"{index:.2f} at {rate:g}" for rate, index in least.items())
    return Finding(not unfair, f"Jain's index under the least fair scheduler, by rate in Mb/s: {text}")
