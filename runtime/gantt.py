"""A run as a Gantt chart: a row per PE over time in ms, coloured by layer, API or application.

Up to MAX_BARS tasks are drawn one by one. More are added up per pixel column: a column shows the colour that has most
of its time on that PE, as high as the PE is busy in it. So the picture says the same at fifty tasks and at three
million. Attempts that failed, by a fault, are hatched and outlined, each by itself, however many tasks there are.
The warm-up is drawn too, up to a dashed line; the numbers are those of the instances that arrive behind it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.result import EmulationResult, Int64Array
from cedr.target.errors import CedrError
from cedr.target.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Colour = Literal["layer", "api", "application"]

MAX_BARS: Final = 4_000
MAX_EDGES: Final = 400
"""Of so many bars or fewer, each has an edge: white, or in its own colour where it is thin, so that it can be seen."""
MAX_COLOURS: Final = 18
PIXELS: Final = 1_500
THIN: Final = 3 / PIXELS
"""Of the whole time: a white edge would hide what takes less."""
OTHERS: Final = "others"
FAILED: Final[dict[str, Any]] = {"facecolor": "none", "edgecolor": "black", "hatch": "////", "linewidth": 1.0}
"""How a failed attempt is drawn over its colour."""
WARMUP: Final[dict[str, Any]] = {"color": "black", "linestyle": "--", "linewidth": 1.0, "zorder": 4}
"""The line where the warm-up is over."""
FORMATS: Final = ("svg", "png", "pdf")


class GanttError(CedrError):
    """A chart that can't be drawn."""


@dataclass(frozen=True)
class Groups:
    """Names of the colours, and the colour of every task: int64[n]."""

    names: tuple[str, ...]
    of_task: Int64Array
    by: Colour


def colour_groups(result: EmulationResult, by: Colour | None = None) -> Groups:
    """Colours by layer (a call's label without its index), API or application, in order of first appearance.

    By default: applications if there are several, else layers. The MAX_COLOURS that take most time have a colour of
    their own, the rest are `others`.
    """
    by = by or ("application" if len(result.app_names) > 1 else "layer")
    if by == "application":
        keys, of_task = list(result.app_names), result.app.astype(np.int64)
    else:
        texts = [call.api if by == "api" else call.layer or call.api for call in result.classes]
        keys = list(dict.fromkeys(texts))
        position = {key: index for index, key in enumerate(keys)}
        of_task = np.array([position[text] for text in texts], np.int64)[result.task_class]
    busy = result.busy_ns(of_task, len(keys))
    seen, first = np.unique(of_task, return_index=True)
    shown = set(seen.tolist())
    if len(shown) > MAX_COLOURS:
        shown = set(np.argsort(-busy, kind="stable")[:MAX_COLOURS].tolist())
    ordered = [key for key in seen[np.argsort(first, kind="stable")].tolist() if key in shown]
    names = [keys[key] for key in ordered]
    new = np.full(len(keys), len(names), np.int64)
    new[ordered] = np.arange(len(ordered))
    if len(shown) < len(seen):
        names.append(OTHERS)
    return Groups(tuple(names), new[of_task], by)


def busy_per_pixel(result: EmulationResult, groups: Groups, begin_ns: int, end_ns: int, pixels: int) -> NDArray[Any]:
    """Share of each pixel column that a PE spends on each colour: float64[PEs, pixels, colours], exact.

    The integral of busy time up to a column's edge is what tasks before it took, plus the part of the one in progress.
    """
    edges = begin_ns + (end_ns - begin_ns) * np.arange(pixels + 1) / pixels
    share = np.zeros((len(result.pes), pixels, len(groups.names)))
    order = np.lexsort((result.start_ns, groups.of_task, result.pe))
    cell = result.pe[order].astype(np.int64) * len(groups.names) + groups.of_task[order]
    bounds = np.searchsorted(cell, np.arange(len(result.pes) * len(groups.names) + 1))
    for index in np.flatnonzero(np.diff(bounds)).tolist():
        rows = order[bounds[index] : bounds[index + 1]]
        start, end = result.start_ns[rows], result.end_ns[rows]
        done = np.concatenate([[0], np.cumsum(end - start)])
        last = np.searchsorted(start, edges, side="right") - 1
        current = np.maximum(last, 0)
        part = np.minimum(edges - start[current], (end - start)[current])
        integral = np.where(last < 0, 0.0, done[current] + part)
        pe, group = divmod(index, len(groups.names))
        share[pe, :, group] = np.diff(integral) * pixels / (end_ns - begin_ns)
    return share


def draw_gantt(result: EmulationResult, by: Colour | None = None, title: str = "") -> Figure:
    """The chart as a matplotlib figure. Raises GanttError where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ImportError as error:
        raise GanttError("the Gantt chart needs matplotlib: pip install matplotlib") from error

    groups = colour_groups(result, by)
    colours = _colours(groups.names)
    begin, end = result.picture_ns
    figure = Figure(figsize=(13, 1.6 + 0.42 * max(3, len(result.pes))), layout="constrained")
    axes = figure.add_subplot()
    if len(result) <= MAX_BARS:
        _draw_bars(axes, result, groups, colours)
    else:
        share = busy_per_pixel(result, groups, begin, end, PIXELS)
        _draw_pixels(axes, share, begin, end, colours)
    _draw_failed(axes, result)
    if result.warmup_ns > begin:
        axes.axvline(result.warmup_ns / 1e6, **WARMUP)
    axes.set_yticks(
        range(len(result.pes)),
        [
            f"{_plain(name)}  {100 * share:3.0f} %"
            for name, share in zip(result.pes, result.utilisation.tolist(), strict=True)
        ],
    )
    axes.set_ylim(len(result.pes) - 0.5, -0.5)
    axes.set_xlim(begin / 1e6, end / 1e6)
    axes.set_xlabel("time in ms")
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    n_tasks, (first, last) = int((result.counted_rows & result.succeeded).sum()), result.span_ns
    n_failed = int(result.counted_rows.sum()) - n_tasks
    count = f"{n_tasks:,} tasks, {(last - first) / 1e6:,.3f} ms"
    if result.warmup_ns:
        count += f" behind the warm-up of {result.warmup_ns / 1e6:,.3f} ms"
    if n_failed:
        count += f", {n_failed:,} failed attempt{'s' if n_failed > 1 else ''}"
    if len(result) > MAX_BARS:
        count += " (height: busy share of each column)"
    lines = [f"{_plain(title)}: {count}" if title else count]
    if result.setting is not None:
        lines.append(_plain(result.setting.text))
    axes.set_title("\n".join(lines), loc="left", fontsize=10)
    handles = [
        Patch(color=colour, label=_plain(_short(name))) for colour, name in zip(colours, groups.names, strict=True)
    ]
    if result.failed.any():
        handles.append(Patch(label="failed attempt", **FAILED))
    if handles:
        rows = max(4, int(2 * figure.get_figheight()))
        figure.legend(
            handles=handles,
            loc="outside right upper",
            title=groups.by,
            fontsize=8,
            frameon=False,
            ncols=-(-len(handles) // rows),
        )
    return figure


def write_gantt(
    result: EmulationResult, path: str | os.PathLike[str], by: Colour | None = None, title: str = ""
) -> None:
    """Write the chart as SVG, PNG or PDF, by the path's suffix, whole or not at all; one run gives the same bytes."""
    kind = Path(path).suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise GanttError(f"{path}: a Gantt chart is one of {', '.join('.' + f for f in FORMATS)}, got {kind!r}")
    figure = draw_gantt(result, by, title)
    from matplotlib import rc_context

    dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with (
        rc_context({"svg.fonttype": "none", "svg.hashsalt": "cedr", "font.family": "sans-serif"}),
        write_atomically(path) as stream,
    ):
        figure.savefig(stream, format=kind, dpi=120, metadata=dates.get(kind))


def _colours(names: tuple[str, ...]) -> list[tuple[float, float, float]]:
    """A distinct colour for every name; grey for `others`."""
    from matplotlib import colormaps

    table = colormaps["tab20"]
    order = [*range(0, 14, 2), 16, 18, *range(1, 14, 2), 17, 19]
    return [(0.6, 0.6, 0.6) if name == OTHERS else table(order[index])[:3] for index, name in enumerate(names)]


def _plain(text: str) -> str:
    """The text without what can't be drawn; a `$` starts no formula, as matplotlib takes one that is escaped."""
    return "".join(c if c.isprintable() else "_" for c in text).replace("$", r"\$")


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:18]}...{name[-7:]}"


def _draw_bars(axes: Any, result: EmulationResult, groups: Groups, colours: list[tuple[float, float, float]]) -> None:
    begin_ns, end_ns = result.picture_ns
    thin = result.end_ns - result.start_ns < THIN * (end_ns - begin_ns)
    width = 0.4 if len(result) <= MAX_EDGES else 0
    for group, colour in enumerate(colours):
        rows = np.flatnonzero(groups.of_task == group)
        if not len(rows):
            continue
        edges = [colour if narrow else (1.0, 1.0, 1.0) for narrow in thin[rows].tolist()]
        _draw_boxes(axes, result, rows, facecolor=[colour], edgecolor=edges, linewidth=width)


def _draw_failed(axes: Any, result: EmulationResult) -> None:
    rows = np.flatnonzero(result.failed)
    if len(rows):
        _draw_boxes(axes, result, rows, **FAILED, zorder=3)


def _draw_boxes(axes: Any, result: EmulationResult, rows: Int64Array, **look: Any) -> None:
    from matplotlib.collections import PolyCollection

    start, end = result.start_ns[rows] / 1e6, result.end_ns[rows] / 1e6
    pe = result.pe[rows].astype(float)
    corners = [(start, pe - 0.4), (end, pe - 0.4), (end, pe + 0.4), (start, pe + 0.4)]
    vertices = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    axes.add_collection(PolyCollection(list(vertices), **look))


def _draw_pixels(
    axes: Any, share: NDArray[Any], begin_ns: int, end_ns: int, colours: list[tuple[float, float, float]]
) -> None:
    """Per PE an image: each column filled, from the row's bottom, to the busy share, in its main colour."""
    steps = 32
    palette = np.array(colours)
    height = np.clip(share.sum(axis=2), 0, 1)
    main = share.argmax(axis=2)
    level = (np.arange(steps, 0, -1) - 0.5)[:, None] / steps
    for pe in range(share.shape[0]):
        image = np.zeros((steps, share.shape[1], 4))
        image[:, :, :3] = palette[main[pe]][None]
        image[:, :, 3] = level < height[pe][None, :]
        axes.imshow(
            image,
            extent=(begin_ns / 1e6, end_ns / 1e6, pe + 0.4, pe - 0.4),
            aspect="auto",
            interpolation="nearest",
            zorder=2,
        )
