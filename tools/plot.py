"""`cedr plot`: the figures of CEDR's papers from a sweep's folder, and Gantt charts of its points and of `--out` folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cedr.runtime.gantt import write_gantt
from cedr.runtime.html_report import write_html_report
from cedr.runtime.record import read_record
from cedr.runtime.report import application_table, call_table, pe_table, summary
from cedr.runtime.result import EmulationResult
from cedr.runtime.run_folder import RUN_FILES, read_run
from cedr.runtime.sweep import Point, run_point
from cedr.runtime.sweep_results import SWEEP, Plan, Row, pes_of, read_results
from cedr.tools.charts import Chart, Panel, PlotError, Series, wide, write_chart
from cedr.tools.driver import Warn, warn

GANTT: Final = "gantt"
LOG_FROM: Final = 15
"""An axis whose largest value is as many times its smallest is logarithmic;"""
LOG_BARS_FROM: Final = 40
"""one that bars stand on, later: a bar's height means nothing there."""


@dataclass(frozen=True)
class PlotOptions:
    """What `cedr plot` takes beside the folder."""

    figures: tuple[str, ...] = ()
    """Names of `FIGURES`, and gantt; none: all that the sweep has values for."""
    output: Path | None = None
    """A folder; None: `figures` in the folder that is plotted."""
    formats: tuple[str, ...] = ("svg",)
    point: int | None = None
    """Whose Gantt chart it is."""


def plot(folder: Path, options: PlotOptions, tell: Warn = warn) -> list[Path]:
    """Draw figures into files; returns their paths. Raises CedrError where one can't be drawn."""
    unknown = [name for name in options.figures if name not in (*FIGURES, GANTT)]
    if unknown:
        raise PlotError(f"there is no figure {unknown[0]!r}; there are {', '.join((*FIGURES, GANTT))}")
    output = folder / "figures" if options.output is None else options.output
    if not (folder / SWEEP).is_file():
        if not any((folder / name).is_file() for name in RUN_FILES):
            raise PlotError(
                f"{folder}: neither a sweep's folder, which has {SWEEP}, nor the --out of a run, which has {RUN_FILES[0]}"
            )
        if options.point is not None or set(options.figures) - {GANTT}:
            raise PlotError(f"{folder}: is the --out of a run: its figure is {GANTT}, and it has no points")
        return _write_gantt(read_run(folder), folder.resolve().name, output / GANTT, options.formats)
    plan, figures = read_results(folder)
    wanted = options.figures or ((GANTT,) if options.point is not None else ())
    paths: list[Path] = []
    charts = [] if set(wanted) == {GANTT} else _charts(folder, plan, figures, wanted, tell)
    if GANTT in wanted:
        paths += _gantt_of_point(folder, plan, options, output)
    elif options.point is not None:
        raise PlotError(f"--point {options.point} is for --figure {GANTT}")
    for chart in charts:
        for kind in options.formats:
            paths.append(output / f"{chart.name}.{kind}")
            write_chart(chart, paths[-1])
    return paths


# --------------------------------------------------------------------------------------------------------------- gantt


def _gantt_of_point(folder: Path, plan: Plan, options: PlotOptions, output: Path) -> list[Path]:
    """The point is emulated again: the folder keeps figures, not tasks."""
    if options.point is None:
        raise PlotError(f"--figure {GANTT} needs --point N, one of 1 to {len(plan.points)}; points.csv lists them")
    if not 1 <= options.point <= len(plan.points):
        raise PlotError(f"--point {options.point}: there are the points 1 to {len(plan.points)}")
    planned = plan.points[options.point - 1]
    records = {name: read_record(folder / file) for name, file in planned.records.items()}
    result = run_point(planned.point, plan.settings, records)
    title = f"point {planned.point.number}: {planned.point.text}"
    return _write_gantt(result, title, output / f"{GANTT}-{planned.point.number}", options.formats)


def _write_gantt(result: EmulationResult, title: str, stem: Path, formats: Sequence[str]) -> list[Path]:
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in formats]
    for path in paths:
        if path.suffix == ".html":
            tables = [pe_table(result), application_table(result)]
            if all(call.dtype for call in result.classes):  # CEDR's own logs don't say what the calls are
                tables.append(call_table(result))
            write_html_report(result, path, title, summary(result), tables)
        else:
            write_gantt(result, path, title=title)
    return paths


# -------------------------------------------------------------------------------------------------------------- charts


@dataclass(frozen=True)
class _Cell:
    """A combination with the figures of its trials."""

    point: Point
    trials: tuple[Row, ...]

    def mean(self, name: str) -> float | None:
        return _mean(self.values(name))

    def values(self, name: str) -> list[float]:
        return [row[name] for row in self.trials if row[name] is not None]


@dataclass(frozen=True)
class _Data:
    """The cells of one workload under one pipeline."""

    cells: tuple[_Cell, ...]
    suffix: str
    subtitle: str
    pes: tuple[str, ...]
    """Of all compositions, in the platform's order."""

    def axis(self, name: str) -> list[Any]:
        """The values of an axis of the points, in the order of the sweep."""
        return list(dict.fromkeys(getattr(cell.point, name) for cell in self.cells))

    @property
    def rate(self) -> str | None:
        """The name of the axis that says how often instances arrive, where it has several values."""
        return next((name for name in ("rate_mbps", "period_us") if len(self.axis(name)) > 1), None)

    def densest(self) -> tuple[_Data, str]:
        """The cells of the highest rate, and which that is: ` at 100 Mb/s`."""
        name = self.rate
        if name is None:
            return self, ""
        value = max(self.axis(name)) if name == "rate_mbps" else min(self.axis(name))
        return self.where(name, value), f" at {value:,} {_UNIT[name]}"

    def most(self) -> tuple[_Data, str]:
        """The cells with most instances, and how many: `, 10 instances`."""
        counts = [count for count in self.axis("instances") if count is not None]
        if len(counts) < 2:
            return self, ""
        return self.where("instances", max(counts)), f", {max(counts)} instances of each application"

    def where(self, name: str, value: object) -> _Data:
        return replace(self, cells=tuple(cell for cell in self.cells if getattr(cell.point, name) == value))

    def find(self, **axes: object) -> _Cell | None:
        return next((c for c in self.cells if all(getattr(c.point, name) == v for name, v in axes.items())), None)


_UNIT: Final = {"rate_mbps": "Mb/s", "period_us": "us"}
_AXIS: Final = {"rate_mbps": "injection rate", "period_us": "period"}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _charts(folder: Path, plan: Plan, figures: Mapping[str, Row], wanted: Sequence[str], tell: Warn) -> list[Chart]:
    parts = _parts(plan, figures)
    if not parts:
        raise PlotError(f"{folder}: no point of the sweep is finished; `cedr sweep {plan.spec} -o {folder}` goes on")
    n_finished = sum(one.key in figures for one in plan.points)
    if n_finished < len(plan.points):
        tell(f"{folder}: {n_finished} of {len(plan.points)} points are finished; the figures show those")
    charts = []
    for name in wanted or FIGURES:
        if name == GANTT:
            continue
        made = [chart for data in parts if (chart := FIGURES[name](data, f"{name}{data.suffix}")) is not None]
        if not made and wanted:
            raise PlotError(f"{folder}: the sweep has nothing for the figure {name}: {_NEEDS[name]}")
        charts += made
    return charts


def _parts(plan: Plan, figures: Mapping[str, Row]) -> list[_Data]:
    """What is finished, by workload and pipeline."""
    several = {name: len({getattr(one.point, name) for one in plan.points}) > 1 for name in ("workload", "pipeline")}
    parts: dict[tuple[str, str], dict[tuple[Any, ...], list[tuple[Point, Row]]]] = {}
    for one in plan.points:
        p = one.point
        if one.key in figures:
            cell = (p.hw, p.scheduler, p.instances, p.rate_mbps, p.period_us)
            parts.setdefault((p.workload, p.pipeline), {}).setdefault(cell, []).append((p, figures[one.key]))
    platform, without = plan.settings.platform.name, plan.settings.without
    setting = f"{platform}, {plan.settings.os_model}" + (f" without {', '.join(without)}" if without else "")
    found: list[_Data] = []
    for (workload, pipeline), own in parts.items():
        stem = suffix = "".join(
            f"-{_file_name(value)}" for name, value in (("workload", workload), ("pipeline", pipeline)) if several[name]
        )
        number = 1
        while suffix in (data.suffix for data in found):
            number += 1
            suffix = f"{stem}-{number}"
        cells = tuple(_Cell(rows[0][0], tuple(row for _, row in rows)) for rows in own.values())
        shown = pipeline if len(pipeline) < 40 else f"{pipeline[:37]}..."
        found.append(_Data(cells, suffix, f"{workload} ({shown}) on {setting}", pes_of(plan)))
    return found


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)[:60]


_TIMES: Final = (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0))
"""Units of what is in ns;"""
_ENERGIES: Final = (("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6), ("nJ", 1e-9))
"""and of what is in J."""


def _unit(values: Sequence[float | None], units: Sequence[tuple[str, float]] = _TIMES) -> tuple[str, float]:
    """A unit and its size, so that the middle value is a handy number."""
    known = sorted(value for value in values if value is not None)
    middle = known[len(known) // 2] if known else 0
    return next((unit for unit in units if middle >= unit[1]), units[-1])


def _series(name: str, look: int, cells: Sequence[tuple[Any, _Cell | None]], figure: str, size: float) -> Series:
    """A figure of cells over what they stand at, divided by `size`; with the reach of several trials."""
    y = [None if cell is None or cell.mean(figure) is None else (cell.mean(figure) or 0) / size for _, cell in cells]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    if any(cell is not None and len(set(cell.values(figure))) > 1 for _, cell in cells):
        reach = [[] if cell is None else cell.values(figure) for _, cell in cells]
        low = tuple(min(values) / size if values else None for values in reach)
        high = tuple(max(values) / size if values else None for values in reach)
    return Series(name, tuple(x for x, _ in cells), tuple(y), look, low, high)


def _all(data: _Data, figure: str) -> list[float | None]:
    return [value for cell in data.cells for value in cell.values(figure)]


def _over_rate(data: _Data, name: str, figure: str, title: str, of: str, by: str, panel_by: str) -> Chart | None:
    """Lines of a time over the rate: a panel for each value of one axis, a line for each of the other."""
    rate = data.rate
    if rate is None:
        return None
    data, number = data.most()
    values = _all(data, figure)
    if not any(values):
        return None
    unit, size = _unit(values)
    panels = []
    for own in data.axis(panel_by):
        lines = [
            _series(
                str(line),
                look,
                [(x, data.find(**{rate: x, by: line, panel_by: own})) for x in sorted(data.axis(rate))],
                figure,
                size,
            )
            for look, line in enumerate(data.axis(by))
        ]
        panels.append(Panel(str(own), tuple(lines)))
    return Chart(
        name,
        "lines",
        title,
        data.subtitle + number,
        f"{_AXIS[rate]} in {_UNIT[rate]}",
        f"{of} in {unit}",
        tuple(panels),
        _LEGEND[by],
        x_log=wide(data.axis(rate), LOG_FROM),
        y_log=wide(values, LOG_FROM),
    )


_LEGEND: Final = {"hw": "resource pool", "scheduler": "scheduler"}


def _rate(data: _Data, name: str) -> Chart | None:
    if data.rate is None:
        return None
    title = f"Execution time over {_AXIS[data.rate]}"
    return _over_rate(data, name, "exe_ns", title, "mean execution time", "hw", "scheduler")


def _overhead(data: _Data, name: str) -> Chart | None:
    title, of = "Scheduling overhead", "scheduling time per instance"
    return _over_rate(data, name, "ovh_ns", title, of, "scheduler", "hw") or _bars(data, name, "ovh_ns", title, of)


def _rate3d(data: _Data, name: str) -> Chart | None:
    rate = data.rate
    if rate is None or len(data.axis("hw")) < 2:
        return None
    data, number = data.most()
    values = _all(data, "exe_ns")
    if not any(values):
        return None
    unit, size = _unit(values)
    lines = []
    for hw in data.axis("hw"):
        for look, scheduler in enumerate(data.axis("scheduler")):
            cells = [(x, data.find(**{rate: x, "hw": hw, "scheduler": scheduler})) for x in sorted(data.axis(rate))]
            one = _series(scheduler, look, cells, "exe_ns", size)
            lines.append(Series(one.name, one.x, one.y, look, across=hw))
    return Chart(
        name,
        "space",
        f"Execution time over {_AXIS[rate]} and resource pool",
        data.subtitle + number,
        f"{_AXIS[rate]} in {_UNIT[rate]}",
        f"mean execution time in {unit}",
        (Panel("", tuple(lines)),),
        "scheduler",
        x_log=wide(data.axis(rate), LOG_FROM),
        y_log=wide(values, LOG_FROM),
        across_title="resource pool",
    )


def _bars(
    data: _Data, name: str, figure: str, title: str, of: str, units: Sequence[tuple[str, float]] = _TIMES
) -> Chart | None:
    """A group of bars for each composition, a bar for each scheduler, at the highest rate."""
    data, rate = data.densest()
    data, number = data.most()
    values = _all(data, figure)
    if not any(values):
        return None
    unit, size = _unit(values, units)
    bars = [
        _series(scheduler, look, [(hw, data.find(hw=hw, scheduler=scheduler)) for hw in data.axis("hw")], figure, size)
        for look, scheduler in enumerate(data.axis("scheduler"))
    ]
    return Chart(
        name,
        "bars",
        title,
        data.subtitle + rate + number,
        "resource pool",
        f"{of} in {unit}",
        (Panel("", tuple(bars)),),
        "scheduler",
        y_log=wide(values, LOG_BARS_FROM),
    )


def _pools(data: _Data, name: str) -> Chart | None:
    return _bars(data, name, "exe_ns", "Execution time by scheduler and resource pool", "mean execution time")


def _energy(data: _Data, name: str) -> Chart | None:
    return _bars(data, name, "energy_j", "Energy by scheduler and resource pool", "energy of PEs and board", _ENERGIES)


def _instances(data: _Data, name: str) -> Chart | None:
    counts = [count for count in data.axis("instances") if count is not None]
    if len(counts) < 2:
        return None
    data, rate = data.densest()
    values = _all(data, "per_instance_ns")
    if not any(values):
        return None
    unit, size = _unit(values)
    panels = [
        Panel(
            hw,
            tuple(
                _series(
                    scheduler,
                    look,
                    [(n, data.find(instances=n, hw=hw, scheduler=scheduler)) for n in sorted(counts)],
                    "per_instance_ns",
                    size,
                )
                for look, scheduler in enumerate(data.axis("scheduler"))
            ),
        )
        for hw in data.axis("hw")
    ]
    return Chart(
        name,
        "lines",
        "Time per instance over instances",
        data.subtitle + rate,
        "instances of each application",
        f"makespan per instance in {unit}",
        tuple(panels),
        "scheduler",
        x_log=wide(counts, LOG_FROM),
        y_log=wide(values, LOG_FROM),
    )


def _utilisation(data: _Data, name: str) -> Chart | None:
    data, rate = data.densest()
    data, number = data.most()
    pes = [pe for pe in data.pes if any(pe in row["utilisation"] for cell in data.cells for row in cell.trials)]
    panels = []
    for scheduler in data.axis("scheduler"):
        rows = []
        for hw in data.axis("hw"):
            cell = data.find(hw=hw, scheduler=scheduler)
            shares = [
                _mean([row["utilisation"][pe] for row in cell.trials if pe in row["utilisation"]]) if cell else None
                for pe in pes
            ]
            rows.append(Series(hw, tuple(pes), tuple(None if s is None else 100 * s for s in shares)))
        panels.append(Panel(scheduler, tuple(rows)))
    return Chart(
        name, "heat", "Utilisation of the PEs", data.subtitle + rate + number, "PE", "busy time in %", tuple(panels)
    )


def _pareto(data: _Data, name: str) -> Chart | None:
    """Time and energy of each composition under each scheduler; the front is of those that no other beats in both."""
    data, rate = data.densest()
    data, number = data.most()
    dots = [cell for cell in data.cells if cell.mean("exe_ns") is not None and cell.mean("energy_j") is not None]
    if len(dots) < 2:
        return None
    unit, size = _unit(_all(data, "exe_ns"))
    energy_unit, energy = _unit(_all(data, "energy_j"), _ENERGIES)
    at = {
        id(c): ((c.mean("exe_ns") or 0) / size, (c.mean("energy_j") or 0) / energy, len(c.trials[0]["utilisation"]))
        for c in dots
    }
    best = front([at[id(cell)] for cell in dots])
    flat = front([at[id(cell)][:2] for cell in dots])
    edge = sorted(at[id(dots[place])][:2] for place in flat)
    series = (
        [Series("front of time and energy", tuple(x for x, _ in edge), tuple(y for _, y in edge))]
        if len(edge) > 1
        else []
    )
    for look, scheduler in enumerate(data.axis("scheduler")):
        own = [(place, cell) for place, cell in enumerate(dots) if cell.point.scheduler == scheduler]
        series.append(
            Series(
                scheduler,
                tuple(at[id(cell)][0] for _, cell in own),
                tuple(at[id(cell)][1] for _, cell in own),
                look,
                labels=tuple(cell.point.hw + ("*" if place in best else "") for place, cell in own),
                sizes=tuple(at[id(cell)][2] for _, cell in own),
                line=False,
            )
        )
    note = "\narea of a dot: number of PEs; *: no other is as good in time, energy and PEs, and better in one"
    times, joules = [x for x, _, _ in at.values()], [y for _, y, _ in at.values()]
    return Chart(
        name,
        "dots",
        "Time, energy and number of PEs",
        data.subtitle + rate + number + note,
        f"mean execution time in {unit}",
        f"energy of PEs and board in {energy_unit}",
        (Panel("", tuple(series)),),
        "scheduler",
        x_log=wide(times, LOG_FROM),
        y_log=wide(joules, LOG_FROM),
    )


def front(costs: Sequence[Sequence[float]]) -> set[int]:
    """The places of those that no other is as good as in all respects and better than in one; smaller is better."""

    def beats(a: Sequence[float], b: Sequence[float]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)

    return {place for place, own in enumerate(costs) if not any(beats(other, own) for other in costs)}


FIGURES: Final[dict[str, Callable[[_Data, str], Chart | None]]] = {
    "rate": _rate,
    "rate3d": _rate3d,
    "pools": _pools,
    "instances": _instances,
    "overhead": _overhead,
    "utilisation": _utilisation,
    "energy": _energy,
    "pareto": _pareto,
}
"""Those of a sweep, by name."""

_NEEDS: Final = {
    "rate": "it needs several rates_mbps or periods_us",
    "rate3d": "it needs several rates_mbps or periods_us, and several compositions",
    "pools": "no instance came to its end",
    "instances": "it needs several instances",
    "overhead": 'scheduling takes no time in the OS model ideal; sweep with os_model = "linux-cfs"',
    "utilisation": "no point is finished",
    "energy": "the platform has no power figures",
    "pareto": "it needs two points with an execution time and an energy",
}
