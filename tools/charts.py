"""Charts as data, drawn by matplotlib (PNG, SVG) or by plotly (interactive HTML).

Colours are those of Okabe and Ito, which people with any kind of colour vision tell apart; lines differ in their markers
too, so that a print in grey can be read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final, Literal

from cedr.target.errors import CedrError
from cedr.target.files import write_atomically

Kind = Literal["lines", "bars", "heat", "dots", "space"]

FORMATS: Final = ("png", "svg", "html")
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS: Final = (("o", "circle"), ("s", "square"), ("^", "triangle-up"), ("D", "diamond"), ("v", "triangle-down"))
"""As matplotlib and plotly call them."""
MOST_ACROSS: Final = 3
"""Panels in a row."""
MOST_DIRECT: Final = 8
"""Lines of a single panel that are labelled at their ends; more have a legend."""
GAP_POINTS: Final = 10.5
"""Between two labels, one above the other."""
HATCHES: Final = ("", "////", "....")
PATTERNS: Final = ("", "/", ".")
"""Of bars, by how often the colours have been used; the same in plotly."""
BAR_TEXT_INCHES: Final = 0.11
"""A bar that is narrower has no number written at it."""


class PlotError(CedrError):
    """A figure that can't be drawn; the text says why."""


@dataclass(frozen=True)
class Series:
    """Values that belong together, under one name and in one look.

    x: numbers; names for bars, heat; y: None where there is none. low, high: how far trials reach, or empty. labels: a
    text for each value, or empty. size: a number for each, or empty.
    """

    name: str
    x: tuple[Any, ...]
    y: tuple[float | None, ...]
    look: int = 0
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    labels: tuple[str, ...] = ()
    sizes: tuple[float, ...] = ()
    line: bool = True
    across: str = ""
    """In space: the value on the axis between."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Chart:
    """One figure: panels with the same axes.

    lines: a line a series over numbers; bars: groups of bars over names; heat: a row a series, coloured by value; dots:
    points over two numbers; space: lines over a number and, between, names.
    """

    name: str
    """Of its file, without ending."""
    kind: Kind
    title: str
    subtitle: str
    x_title: str
    y_title: str
    panels: tuple[Panel, ...]
    legend: str = ""
    """What the series are."""
    x_log: bool = False
    y_log: bool = False
    across_title: str = ""
    number: str = ".3g"
    """How a value is written."""


def wide(values: Sequence[float | None], ratio: float) -> bool:
    """Whether values above 0 reach so far that a logarithmic axis shows them better."""
    known = [value for value in values if value is not None]
    return bool(known) and min(known) > 0 and max(known) / min(known) >= ratio


def write_chart(chart: Chart, path: Path) -> None:
    """Write it in the format of the path's suffix, whole or not at all; the same chart gives the same bytes.

    Raises PlotError where the library is not installed.
    """
    kind = path.suffix.removeprefix(".")
    if kind == "html":
        _write_page(chart, path)
        return
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise PlotError(f"{path}: needs matplotlib: pip install 'cedr-compiler[plot]'") from error
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "cedr",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.grid": chart.kind in ("lines", "dots"),
        "grid.linewidth": 0.4,
        "grid.alpha": 0.5,
        "axes.axisbelow": True,
    }
    with rc_context(style), write_atomically(path) as stream:
        figure = _Drawing(chart).figure
        figure.savefig(stream, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)


# ---------------------------------------------------------------------------------------------------------- matplotlib


def _grid(chart: Chart) -> tuple[int, int]:
    """Panels across and down."""
    n = len(chart.panels)
    across = min(MOST_ACROSS, math.ceil(n / 4)) if chart.kind == "heat" else min(n, 2 if n == 4 else MOST_ACROSS)
    return across, math.ceil(n / across)


def _named(chart: Chart) -> list[str]:
    """The names on the horizontal axis, of all panels."""
    return list(dict.fromkeys(name for panel in chart.panels for series in panel.series for name in series.x))


def _ticks(chart: Chart) -> list[float]:
    """The values that stand on a logarithmic axis of lines: few, and the reader asks for those."""
    share = 0.16 if chart.kind == "space" else 0.09
    return _spread(sorted({x for panel in chart.panels for series in panel.series for x in series.x}), share)


def _line_style(series: Series) -> str:
    return "-" if series.look < len(COLOURS) else "--"


class _Drawing:
    """A chart as a matplotlib figure."""

    def __init__(self, chart: Chart):
        from matplotlib.figure import Figure

        self.chart = chart
        n = len(chart.panels)
        across, down = _grid(chart)
        width, height = self._panel_inches(across)
        self.figure: Any = Figure(figsize=(max(5.0, across * width), 0.9 + down * height), layout="constrained")
        share = chart.kind in ("lines", "bars", "dots")
        if chart.kind == "space":
            axes = [self.figure.add_subplot(down, across, place + 1, projection="3d") for place in range(n)]
        else:
            grid = self.figure.subplots(down, across, sharey=share, sharex=chart.kind == "lines", squeeze=False)
            axes = list(grid.flat)
            for rest in axes[n:]:
                rest.set_visible(False)
        draw = getattr(self, f"_{chart.kind}")
        for place, (panel, ax) in enumerate(zip(chart.panels, axes, strict=False)):
            ax.set_title(_plain(panel.title))
            draw(panel, ax)
            if share:
                ax.tick_params(labelbottom=True)
            if place % across == 0 and chart.kind not in ("heat", "space"):
                ax.set_ylabel(chart.y_title)
            if chart.kind not in ("heat", "space"):
                ax.set_xlabel(chart.x_title)
        self.figure.suptitle(f"{_plain(chart.title)}\n{_plain(chart.subtitle)}", x=0.01, ha="left", fontsize=10)
        if n == 1 and chart.kind == "lines" and len(chart.panels[0].series) <= MOST_DIRECT:
            self._label_ends(chart.panels[0], axes[0])
        elif chart.legend:
            self._legend(axes[:n])

    def _panel_inches(self, across: int) -> tuple[float, float]:
        panel, n_names = max(self.chart.panels, key=lambda p: len(p.series)), len(_named(self.chart))
        match self.chart.kind:
            case "heat":
                return max(6.0, 2.2 + 0.62 * n_names), 0.6 + 0.3 * len(panel.series)
            case "bars":
                return min(14.0, max(6.0, 1.5 + 0.3 * n_names * len(panel.series))), 3.2
            case "space":
                more = 0.3 * max(0, len({series.across for series in panel.series}) - 6)
                return 7.2 + more, 4.6 + more
            case "dots":
                return 7.0, 4.4
        return (6.6, 3.8) if across == 1 else (3.9, 3.0)

    def _lines(self, panel: Panel, ax: Any) -> None:
        for series in panel.series:
            known = [place for place, y in enumerate(series.y) if y is not None]
            x, y = [series.x[p] for p in known], [series.y[p] for p in known]
            colour, marker = COLOURS[series.look % len(COLOURS)], MARKERS[series.look % len(MARKERS)][0]
            style = _line_style(series)
            ax.plot(x, y, style, color=colour, marker=marker, markersize=4, linewidth=1.4, label=_plain(series.name))
            if series.low:
                ax.fill_between(
                    x, [series.low[p] for p in known], [series.high[p] for p in known], color=colour, alpha=0.15, lw=0
                )
        self._scale(ax, [x for series in panel.series for x in series.x])

    def _scale(self, ax: Any, xs: Sequence[float]) -> None:
        from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

        plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
        if self.chart.x_log:
            ax.set_xscale("log")
            if self.chart.kind == "lines":
                ticks = _ticks(self.chart)
                ax.set_xticks(ticks, [f"{x:,.10g}" for x in ticks])
                ax.xaxis.set_minor_locator(NullLocator())
            else:
                ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(xs) / min(xs) < 50 else (1,)))
                ax.xaxis.set_major_formatter(plain)
                ax.xaxis.set_minor_formatter(NullFormatter())
        elif all(isinstance(x, int) for x in xs):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        values = [y for p in self.chart.panels for s in p.series for y in s.y if y is not None]
        if self.chart.y_log:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) / min(values) < 100 else (1,)))
            ax.yaxis.set_major_formatter(plain)
            ax.yaxis.set_minor_formatter(NullFormatter())
        else:
            ax.yaxis.set_major_formatter(plain)
            high = [v for p in self.chart.panels for s in p.series for v in s.high if v is not None]
            ax.set_ylim(0, 1.08 * max([*values, *high], default=1))

    def _label_ends(self, panel: Panel, ax: Any) -> None:
        """A line's name at its end, moved up or down where two would lie upon each other."""
        self.figure.draw_without_rendering()
        points = 72 / self.figure.dpi
        ends = []
        for series in panel.series:
            known = [place for place, y in enumerate(series.y) if y is not None]
            if known:
                x, y = series.x[known[-1]], series.y[known[-1]]
                ends.append((float(ax.transData.transform((x, y))[1]) * points, x, y, series))
        ends.sort(key=lambda end: end[0])
        heights = _apart([end[0] for end in ends], GAP_POINTS)
        for (height, x, y, series), moved in zip(ends, heights, strict=True):
            ax.annotate(
                _plain(series.name),
                (x, y),
                xytext=(7, moved - height),
                textcoords="offset points",
                color=COLOURS[series.look % len(COLOURS)],
                va="center",
                annotation_clip=False,
            )

    def _legend(self, axes: Sequence[Any]) -> None:
        handles: dict[str, Any] = {}
        for ax in axes:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        if handles:
            across = max(1, min(len(handles), 4 if max(map(len, handles)) > 14 else 6))
            self.figure.legend(
                handles.values(),
                handles,
                loc="outside lower center",
                ncols=across,
                frameon=False,
                title=self.chart.legend,
            )

    def _bars(self, panel: Panel, ax: Any) -> None:
        names = _named(self.chart)
        width = 0.8 / len(panel.series)
        bar_inches = width * self._panel_inches(1)[0] * 0.9 / len(names)
        for place, series in enumerate(panel.series):
            at = [names.index(name) + (place - (len(panel.series) - 1) / 2) * width for name in series.x]
            heights = [0 if y is None else y for y in series.y]
            error = None
            if series.low:
                error = [
                    [0 if y is None or v is None else y - v for y, v in zip(series.y, series.low, strict=True)],
                    [0 if y is None or v is None else v - y for y, v in zip(series.y, series.high, strict=True)],
                ]
            bars = ax.bar(
                at,
                heights,
                width * 0.94,
                yerr=error,
                color=COLOURS[series.look % len(COLOURS)],
                edgecolor="white",
                linewidth=0.5,
                hatch=HATCHES[series.look // len(COLOURS) % len(HATCHES)],
                label=_plain(series.name),
            )
            if bar_inches < BAR_TEXT_INCHES:
                continue
            turned = 90 if width < 0.3 else 0
            texts = ["" if y is None else f"{y:{self.chart.number}}" for y in series.y]
            ax.bar_label(bars, texts, fontsize=7, rotation=turned, padding=2)
        ax.set_xticks(range(len(names)), [_plain(name) for name in names])
        ax.set_xlim(-max(0.6, (4 - len(names)) / 2), len(names) - 1 + max(0.6, (4 - len(names)) / 2))
        if sum(map(len, names)) > 60:
            ax.tick_params(axis="x", rotation=20)
        self._scale_bars(ax)

    def _scale_bars(self, ax: Any) -> None:
        ax.margins(y=0.15)
        if self.chart.y_log:
            from matplotlib.ticker import FuncFormatter

            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))

    def _heat(self, panel: Panel, ax: Any) -> None:
        import numpy as np

        names = _named(self.chart)
        values = np.full((len(panel.series), len(names)), np.nan)
        for row, series in enumerate(panel.series):
            for name, y in zip(series.x, series.y, strict=True):
                values[row, names.index(name)] = np.nan if y is None else y
        image = ax.imshow(values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for row, column in np.argwhere(~np.isnan(values)).tolist():
            value = values[row, column]
            ax.text(
                column,
                row,
                f"{value:.0f}",
                ha="center",
                va="center",
                color="black" if value > 55 else "white",
                fontsize=8,
            )
        ax.set_xticks(range(len(names)), names)
        ax.set_yticks(range(len(panel.series)), [_plain(series.name) for series in panel.series])
        ax.tick_params(length=0)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        if panel is self.chart.panels[0]:
            self.figure.colorbar(
                image, ax=self.figure.axes[: len(self.chart.panels)], label=self.chart.y_title, shrink=0.9
            )
            ax.set_ylabel("")

    def _dots(self, panel: Panel, ax: Any) -> None:
        for series in panel.series:
            colour, marker = COLOURS[series.look % len(COLOURS)], MARKERS[series.look % len(MARKERS)][0]
            if series.line:
                ax.plot(series.x, series.y, "-", color="0.4", linewidth=1.2, label=_plain(series.name), zorder=1.5)
                continue
            ax.scatter(
                series.x,
                series.y,
                s=[12 + 9 * size for size in series.sizes],
                color=colour,
                marker=marker,
                edgecolor="white",
                linewidth=0.6,
                label=_plain(series.name),
                zorder=2,
            )
        self._scale(ax, [x for series in panel.series for x in series.x])
        if not self.chart.x_log:
            ax.set_xlim(left=0)
        ax.margins(0.12)
        self._label_dots(panel, ax)

    def _label_dots(self, panel: Panel, ax: Any) -> None:
        """The texts of dots, each at the first side of its dot where nothing lies yet; left out where there is none."""
        self.figure.draw_without_rendering()
        points = 72 / self.figure.dpi
        placed: list[tuple[float, float, float, float]] = []
        dots = [
            (*(float(v) * points for v in ax.transData.transform((x, y))), x, y, text)
            for series in panel.series
            for x, y, text in zip(series.x, series.y, series.labels or [""] * len(series.x), strict=True)
            if not series.line
        ]
        for across, up, *_ in dots:
            placed.append((across - 4, up - 4, across + 4, up + 4))
        frame = [float(v) * points for v in ax.get_window_extent().extents]
        for across, up, x, y, text in dots:
            width = 4.6 * len(text)
            for dx, dy, side in (
                (8, 0, "left"),
                (-8, 0, "right"),
                (0, 11, "center"),
                (0, -11, "center"),
                (8, 10, "left"),
            ):
                left = across + dx - {"left": 0, "right": width, "center": width / 2}[side]
                box = (left, up + dy - 5, left + width, up + dy + 5)
                clear = all(box[2] < o[0] or o[2] < box[0] or box[3] < o[1] or o[3] < box[1] for o in placed)
                if text and clear and frame[0] < box[0] and box[2] < frame[2] + 60:
                    ax.annotate(
                        _plain(text),
                        (x, y),
                        xytext=(dx, dy),
                        textcoords="offset points",
                        ha=side,
                        va="center",
                        fontsize=7.5,
                    )
                    placed.append(box)
                    break

    def _space(self, panel: Panel, ax: Any) -> None:
        names = list(dict.fromkeys(series.across for series in panel.series))
        seen: set[str] = set()
        for series in panel.series:
            known = [place for place, y in enumerate(series.y) if y is not None]
            x = [math.log10(series.x[p]) if self.chart.x_log else series.x[p] for p in known]
            y = [math.log10(series.y[p] or 1) if self.chart.y_log else series.y[p] for p in known]
            colour, marker = COLOURS[series.look % len(COLOURS)], MARKERS[series.look % len(MARKERS)][0]
            label = _plain(series.name) if series.name not in seen else None
            seen.add(series.name)
            depth = [names.index(series.across)] * len(known)
            style = _line_style(series)
            ax.plot(x, depth, y, style, color=colour, marker=marker, markersize=3.5, linewidth=1.4, label=label)
        ax.set_yticks(range(len(names)), [_plain(name) for name in names], fontsize=8, ha="left")
        if self.chart.x_log:
            ticks = _ticks(self.chart)
            ax.set_xticks([math.log10(x) for x in ticks], [f"{x:,.10g}" for x in ticks])
        if self.chart.y_log:
            values = [y for series in panel.series for y in series.y if y]
            decades = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
            ax.set_zticks(decades, [f"{10.0**decade:,.10g}" for decade in decades])
        else:
            ax.set_zlim(bottom=0)
        ax.set_xlabel(self.chart.x_title)
        ax.set_ylabel(self.chart.across_title, labelpad=14)
        ax.set_zlabel(self.chart.y_title, labelpad=6)
        ax.view_init(elev=22, azim=-60)
        ax.set_box_aspect((1.35, 1.2, 0.8), zoom=1.1)


def _spread(values: Sequence[float], share: float) -> list[float]:
    """Those of ascending values above 0 that are far enough from the last one taken, in a share of the logarithmic axis."""
    reach = math.log(values[-1] / values[0]) or 1.0
    taken = [values[0]]
    for value in values[1:]:
        if math.log(value / taken[-1]) >= share * reach:
            taken.append(value)
    return taken


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending heights moved as little as need be so that each is at least `gap` above the last."""
    groups: list[list[float]] = []  # of wanted heights; each group is a run of labels at the gap from each other
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _top(groups[-2], gap) + gap > _bottom(groups[-1], gap):
            last = groups.pop()
            groups[-1] += last
    return [_bottom(group, gap) + place * gap for group in groups for place in range(len(group))]


def _bottom(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _top(group: Sequence[float], gap: float) -> float:
    return _bottom(group, gap) + gap * (len(group) - 1)


def _plain(text: str) -> str:
    """The text without what can't be drawn; a `$` starts no formula."""
    return "".join(c if c.isprintable() or c == "\n" else "_" for c in text).replace("$", r"\$")


# -------------------------------------------------------------------------------------------------------------- plotly


def _write_page(chart: Chart, path: Path) -> None:
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise PlotError(f"{path}: needs plotly: pip install 'cedr-compiler[plot]'") from error
    across, down = _grid(chart)
    figure = make_subplots(
        rows=down,
        cols=across,
        subplot_titles=[escape(panel.title) for panel in chart.panels],
        shared_yaxes=True if chart.kind == "heat" else "all",
        vertical_spacing=0.25 / down,
        specs=[[{"type": "scene" if chart.kind == "space" else "xy"}] * across] * down,
    )
    named: set[str] = set()
    for place, panel in enumerate(chart.panels):
        row, column = divmod(place, across)
        for trace, name in _traces(chart, panel, go):
            if name is not None:
                trace.update(legendgroup=name, showlegend=name not in named, name=escape(name))
                named.add(name)
            figure.add_trace(trace, row=row + 1, col=column + 1)
    note = escape(chart.subtitle).replace("\n", "<br>")
    figure.update_layout(
        title={"text": f"{escape(chart.title)}<br><sup>{note}</sup>", "yref": "container", "y": 1, "yanchor": "top"},
        title_pad_t=16,
        margin_t=100 + 16 * note.count("<br>"),
        legend={"title_text": escape(chart.legend), "itemsizing": "constant" if chart.kind == "dots" else "trace"},
        template="plotly_white",
        height=160 + (620 if chart.kind == "space" else _row_pixels(chart)) * down,
    )
    x_axis: dict[str, Any] = {"title": {"text": chart.x_title}}
    y_axis: dict[str, Any] = {"title": {"text": chart.y_title}}
    series = [one for panel in chart.panels for one in panel.series]
    if chart.x_log:
        x_axis |= _log_axis(_decades([x for one in series for x in one.x]) if chart.kind == "dots" else _ticks(chart))
    y_axis |= _log_axis(_decades([y for one in series for y in one.y if y])) if chart.y_log else {"rangemode": "tozero"}
    if chart.kind == "space":
        between = {"title": {"text": chart.across_title}}
        camera = {"eye": {"x": -1.3, "y": -1.9, "z": 0.8}, "center": {"z": -0.15}}
        figure.update_scenes(
            xaxis=x_axis, yaxis=between, zaxis=y_axis, camera=camera, aspectmode="manual", aspectratio=_ASPECT
        )
    elif chart.kind == "heat":
        figure.update_yaxes(autorange="reversed")
    else:
        figure.update_xaxes(**x_axis)
        figure.update_yaxes(**y_axis)
        for place in range(len(chart.panels)):
            if place % across:
                figure.update_yaxes(title_text="", row=place // across + 1, col=place % across + 1)
    page = figure.to_html(include_plotlyjs=True, full_html=True, div_id="figure")
    with write_atomically(path) as stream:
        stream.write(page.encode())


_ASPECT: Final = {"x": 1.35, "y": 1.2, "z": 0.8}
"""Of a chart in space."""


def _decades(values: Sequence[float]) -> list[float]:
    """The 1, 2 and 5 of all decades from the least value to the greatest, or the 1 where they are many."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [step * 10.0**decade for decade in range(low, high + 1) for step in ((1, 2, 5) if high - low < 4 else (1,))]


def _log_axis(ticks: Sequence[float]) -> dict[str, Any]:
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}


def _row_pixels(chart: Chart) -> int:
    """The height of a row of panels in HTML."""
    if chart.kind != "heat":
        return 420
    return 90 + 40 * max(len(panel.series) for panel in chart.panels)


def _traces(chart: Chart, panel: Panel, go: Any) -> list[tuple[Any, str | None]]:
    """Each with its name in the legend."""
    if chart.kind == "heat":
        names = _named(chart)
        rows = [dict(zip(series.x, series.y, strict=True)) for series in panel.series]
        values = [[row.get(name) for name in names] for row in rows]
        heat = go.Heatmap(
            z=values,
            x=[escape(name) for name in names],
            y=[escape(series.name) for series in panel.series],
            colorscale="Cividis",
            zmin=0,
            zmax=100,
            texttemplate="%{z:.0f}",
            showscale=panel is chart.panels[0],
            colorbar={"title": {"text": chart.y_title}},
        )
        return [(heat, None)]
    found: list[tuple[Any, str | None]] = []
    for series in panel.series:
        colour, symbol = COLOURS[series.look % len(COLOURS)], MARKERS[series.look % len(MARKERS)][1]
        error = None
        if series.low:
            error = {
                "type": "data",
                "array": [0 if y is None or v is None else v - y for y, v in zip(series.y, series.high, strict=True)],
                "arrayminus": [
                    0 if y is None or v is None else y - v for y, v in zip(series.y, series.low, strict=True)
                ],
            }
        text = [escape(label) for label in series.labels] or None
        look: dict[str, Any]
        line = {"color": colour, "dash": "solid" if series.look < len(COLOURS) else "dash"}
        match chart.kind:
            case "bars":
                pattern = PATTERNS[series.look // len(COLOURS) % len(PATTERNS)]
                mark = {"color": colour, "pattern": {"shape": pattern}}
                trace = go.Bar(x=series.x, y=series.y, marker=mark, error_y=error)
            case "space":
                depth = [series.across] * len(series.x)
                mode: dict[str, Any] = {"size": 4, "color": colour, "symbol": "circle"}
                trace = go.Scatter3d(x=series.x, y=depth, z=series.y, mode="lines+markers", line=line, marker=mode)
            case "dots" if not series.line:
                sizes = [6 + 2 * size for size in series.sizes]
                look = {"color": colour, "symbol": symbol, "size": sizes}
                trace = go.Scatter(x=series.x, y=series.y, mode="markers", marker=look, hovertext=text)
            case "dots":
                trace = go.Scatter(x=series.x, y=series.y, mode="lines", line={"color": "gray"})
            case _:
                look = {"symbol": symbol, "size": 7}
                trace = go.Scatter(x=series.x, y=series.y, mode="lines+markers", line=line, marker=look, error_y=error)
        found.append((trace, series.name))
    return found
