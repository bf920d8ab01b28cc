"""`cedr plot`: the figures show the numbers of the sweep, in every format, and say what they can't show."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedr.runtime.emulator import emulate
from cedr.runtime.record import RecordWriter
from cedr.runtime.result import EmulationResult
from cedr.runtime.run_folder import read_run
from cedr.runtime.sweep_results import JOURNAL, read_results
from cedr.target.errors import CedrError
from cedr.tools.charts import COLOURS, GAP_POINTS, Chart, Panel, Series, _apart, write_chart
from cedr.tools.cli import main
from cedr.tools.plot import FIGURES, _charts, front
from tests.runtime.applications import call_class

from .conftest import Cedr

SPEC = """\
hw = ["C2", "C3+Z1"]
schedulers = ["RR", "EFT"]
rates_mbps = [10, 100, 500]
instances = [2, 5]
trials = 2
os_model = "linux-cfs"

[[workload]]
name = "mix"

[[workload.application]]
model = "zips.cedrrec"
megabits = 0.001

[[workload.application]]
model = "kernels.cedrrec"
arrival = "poisson"
megabits = 0.0005
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep's folder is `out` in it."""
    path = tmp_path_factory.mktemp("plot")
    for name, api, n in (("zips", "zip", 3), ("kernels", "kernel", 2)):
        with RecordWriter(path / f"{name}.cedrrec") as writer:
            number = writer.add_class(call_class(api))
            writer.submit_many(number, list(range(n)), [0] * (n + 1), [])
            writer.wait()
            writer.end()
    (path / "s.toml").write_text(SPEC)
    assert main(["sweep", str(path / "s.toml"), "-o", str(path / "out"), "--jobs", "1"]) == 0
    return path


def chart(folder: Path, name: str) -> Chart:
    (found,) = _charts(folder, *read_results(folder), [name], lambda _: None)
    return found


def points(folder: Path, **axes: object) -> list[dict[str, str]]:
    with (folder / "points.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[name] == str(value) for name, value in axes.items())]


def drawn_page(path: Path) -> tuple[Any, Any]:
    """The traces and the layout that a page hands to plotly."""
    call = path.read_text().rpartition("Plotly.newPlot(")[2]
    traces, end = json.JSONDecoder().raw_decode(call, call.index("["))
    return traces, json.JSONDecoder().raw_decode(call, call.index("{", end))[0]


# ---- what the figures show ----


def test_execution_time_over_rates(folder: Path) -> None:
    found = chart(folder / "out", "rate")
    assert found.title == "Execution time over injection rate" and found.x_title == "injection rate in Mb/s"
    assert found.subtitle == "mix (default) on zcu102, linux-cfs, 5 instances of each application"
    assert [panel.title for panel in found.panels] == ["SIMPLE", "EFT"] and found.x_log
    line = found.panels[1].series[1]
    assert line.name == "C3+Z1" and line.x == (10, 100, 500)
    scale = {"mean execution time in us": 1e3, "mean execution time in ms": 1e6}[found.y_title]
    for place, rate in enumerate(line.x):
        trials = [
            float(p["exe_ns"]) for p in points(folder / "out", hw="C3+Z1", scheduler="EFT", instances=5, rate_mbps=rate)
        ]
        assert len(trials) == 2 and line.y[place] == pytest.approx(np.mean(trials) / scale)
        assert (line.low[place], line.high[place]) == pytest.approx((min(trials) / scale, max(trials) / scale))
    space = chart(folder / "out", "rate3d")
    (panel,) = space.panels
    own = next(s for s in panel.series if (s.name, s.across) == ("EFT", "C3+Z1"))
    assert own.x == line.x and own.y == line.y and len(panel.series) == 4


def test_bars_are_of_the_highest_rate(folder: Path) -> None:
    found = chart(folder / "out", "pools")
    assert "at 500 Mb/s, 5 instances of each" in found.subtitle and found.y_title.startswith("mean execution time in ")
    (panel,) = found.panels
    assert [series.name for series in panel.series] == ["SIMPLE", "EFT"] and panel.series[0].x == ("C2", "C3+Z1")
    found = chart(folder / "out", "energy")
    energy, scale = found.panels[0].series[1], {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6}[found.y_title.rpartition(" ")[2]]
    trials = [
        float(p["energy_j"]) for p in points(folder / "out", hw="C2", scheduler="EFT", instances=5, rate_mbps=500)
    ]
    assert energy.y[0] == pytest.approx(np.mean(trials) / scale) and 0.1 < np.mean(trials) / scale < 1000


def test_time_per_instance_overhead_and_utilisation(folder: Path) -> None:
    found = chart(folder / "out", "instances")
    line = found.panels[0].series[1]
    (one, _) = points(folder / "out", hw="C2", scheduler="EFT", instances=2, rate_mbps=500)
    assert line.x == (2, 5) and float(one["per_instance_ns"]) == float(one["makespan_ns"]) / 4
    assert found.panels[0].title == "C2" and "at 500 Mb/s" in found.subtitle
    assert chart(folder / "out", "overhead").y_title.startswith("scheduling time per instance in ")
    heat = chart(folder / "out", "utilisation")
    row = heat.panels[1].series[1]
    trials = points(folder / "out", hw="C3+Z1", scheduler="EFT", instances=5, rate_mbps=500)
    assert row.x == ("cpu1", "cpu2", "cpu3", "zip1")
    assert row.y[0] == pytest.approx(100 * np.mean([float(p["utilisation.cpu1"]) for p in trials]))
    assert heat.panels[1].series[0].y[2:] == (None, None)


def test_the_pareto_front(folder: Path) -> None:
    found = chart(folder / "out", "pareto")
    dots = [
        (x, y, label)
        for s in found.panels[0].series
        if not s.line
        for x, y, label in zip(s.x, s.y, s.labels, strict=True)
    ]
    assert len(dots) == 4 and any(label.endswith("*") for *_, label in dots)
    lines = [s for s in found.panels[0].series if s.line]
    for line in lines:
        assert sorted(line.x) == list(line.x) and np.all(np.diff(np.array(line.y, float)) <= 0)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=12))
def test_a_front_is_what_nothing_beats(costs: list[tuple[int, int, int]]) -> None:
    best = front(costs)
    assert best
    for place, own in enumerate(costs):
        beaten = any(np.less_equal(other, own).all() and np.less(other, own).any() for other in costs)
        assert (place in best) != beaten


@given(st.lists(st.floats(0, 300), min_size=1, max_size=9).map(sorted))
def test_labels_are_apart_and_near(heights: list[float]) -> None:
    moved = _apart(heights, GAP_POINTS)
    assert (np.diff(moved) >= GAP_POINTS - 1e-6).all()
    if (np.diff(heights) >= GAP_POINTS + 1e-6).all():
        assert moved == heights
    assert np.mean(moved) == pytest.approx(np.mean(heights), abs=1e-6)


def test_workloads_and_pipelines_have_figures_of_their_own(folder: Path, cedr: Cedr) -> None:
    text = SPEC.replace("instances = [2, 5]\ntrials = 2\n", "")
    other = '[[workload]]\nname = "a b"\n[[workload.application]]\nmodel = "zips.cedrrec"\nmegabits = 1\n'
    (folder / "two.toml").write_text(text + other)
    cedr("sweep", folder / "two.toml", "-o", folder / "two", "--jobs", 1)
    names = [one.name for one in _charts(folder / "two", *read_results(folder / "two"), [], lambda _: None)]
    assert names[:2] == ["rate-mix", "rate-a_b"] and not any(name.startswith("instances") for name in names)
    text = re.sub("megabits.*", "instances = 3", text.replace('"mix"', '"a_b"').replace("rates_mbps", "periods_us"))
    (folder / "two.toml").write_text(text + other.replace("megabits = 1", ""))
    cedr("sweep", folder / "two.toml", "-o", folder / "two", "--jobs", 1)
    made = _charts(folder / "two", *read_results(folder / "two"), ["pools", "rate"], lambda _: None)
    assert [one.name for one in made] == ["pools-a_b", "pools-a_b-2", "rate-a_b", "rate-a_b-2"]
    assert (made[-1].title, made[-1].x_title) == ("Execution time over period", "period in us")


# ---- files ----


def test_every_figure_in_every_format(folder: Path, cedr: Cedr) -> None:
    pytest.importorskip("plotly")
    files = [Path(file) for file in cedr("plot", folder / "out", "-o", folder / "figures", "--json").json["files"]]
    assert [file.name for file in files] == [f"{name}.svg" for name in FIGURES]
    some = [word for name in ("rate", "rate3d", "utilisation", "pareto") for word in ("--figure", name)]
    more = cedr(
        "plot", folder / "out", "-o", folder / "figures", *some, "--format", "png", "--format", "html", "--json"
    )
    files += [Path(file) for file in more.json["files"]]
    assert len(files) == len(FIGURES) + 8
    for file in files:
        data = file.read_bytes()
        if file.suffix == ".png":
            assert data.startswith(b"\x89PNG") and len(data) > 10_000
        elif file.suffix == ".svg":
            text = data.decode()
            one = chart(folder / "out", file.stem)
            for words in (one.title, one.y_title, "C3+Z1", "EFT"):
                assert words in text, (file.name, words)
        else:
            text = data.decode()
            assert not re.search(r'<(script|link)[^>]*(src|href)="', text), "asks the network"
            assert chart(folder / "out", file.stem).title in text and "C3+Z1" in text.rpartition("Plotly.newPlot")[2]
    before = (folder / "figures" / "rate.svg").read_bytes()
    cedr("plot", folder / "out", "-o", folder / "figures", "--figure", "rate")
    assert (folder / "figures" / "rate.svg").read_bytes() == before


def test_figures_go_beside_the_sweep(folder: Path, cedr: Cedr) -> None:
    done = cedr("plot", folder / "out", "--figure", "pools")
    assert done.status == 0 and done.out == f"{folder}/out/figures/pools.svg\n"


def test_what_an_html_page_shows_are_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    lines = (Series("a", (1, 10), (2.0, None), 0, (1.0, None), (4.0, None)), Series("b", (1, 10), (3.0, 4.0), 1))
    write_chart(
        Chart("c", "lines", "t", "s", "x in u", "y in v", (Panel("p", lines),), "of", x_log=True), tmp_path / "c.html"
    )
    data, _ = drawn_page(tmp_path / "c.html")
    assert [(trace["name"], trace["y"]) for trace in data] == [("a", [2.0, None]), ("b", [3.0, 4.0])]
    assert data[0]["error_y"]["array"] == [2.0, 0] and data[0]["line"]["color"] == COLOURS[0]


def test_a_name_that_is_a_formula_or_a_tag_is_neither(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    for kind in ("lines", "bars", "heat"):
        lines = (Series("$x_1$ <b>", (1, 2) if kind == "lines" else ("$", "b"), (1.0, 2.0)),)
        one = Chart("c", kind, "a $b$ <i>", "s\nt", "x", "y", (Panel("$", lines),), "of")
        write_chart(one, tmp_path / f"{kind}.svg")
        assert "$x_1$ &lt;b&gt;" in (tmp_path / f"{kind}.svg").read_text()
        write_chart(one, tmp_path / f"{kind}.html")
        (trace,), layout = drawn_page(tmp_path / f"{kind}.html")
        assert layout["title"]["text"] == "a $b$ &lt;i&gt;<br><sup>s<br>t</sup>"
        assert (trace["y"][0] if kind == "heat" else trace["name"]) == "$x_1$ &lt;b&gt;"


def test_many_series_are_told_apart(tmp_path: Path) -> None:
    """The ninth has the first one's colour, and a look of its own; bars too narrow for their numbers have none."""
    bars = tuple(Series(f"s{look}", tuple(f"C{n}" for n in range(14)), (3.0,) * 14, look) for look in range(10))
    write_chart(Chart("c", "bars", "t", "s", "x", "y", (Panel("p", bars),), "of"), tmp_path / "many.svg")
    write_chart(Chart("c", "bars", "t", "s", "x", "y", (Panel("p", bars[:2]),), "of"), tmp_path / "few.svg")
    many, few = (tmp_path / "many.svg").read_text(), (tmp_path / "few.svg").read_text()
    assert "<pattern" in many and "<pattern" not in few
    assert ">3<" not in many and few.count(">3<") == 28


def test_panels_side_by_side_have_one_scale(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    panels = tuple(Panel(f"p{n}", (Series("a", (1, 20), (10.0**n, 10.0**n)),)) for n in (0, 1, 2, 4))
    write_chart(Chart("c", "lines", "t", "s", "x", "y", panels, "of", x_log=True, y_log=True), tmp_path / "c.html")
    _, layout = drawn_page(tmp_path / "c.html")
    own = [axis for name, axis in layout.items() if name.startswith("yaxis")]
    assert [axis["title"].get("text", "") for axis in own] == ["y", "", "y", ""]
    assert len({axis.get("matches") for axis in own} - {None}) == 1 and sum("matches" in axis for axis in own) >= 3
    assert all(axis["ticktext"] == ["1", "10", "100", "1,000", "10,000"] for axis in own)
    assert layout["xaxis"]["ticktext"] == ["1", "20"]


# ---- gantt ----


def test_a_point_s_gantt_chart_is_emulated_again(folder: Path, cedr: Cedr) -> None:
    done = cedr("plot", folder / "out", "--point", 48, "-o", folder / "gantt", "--format", "svg", "--format", "html")
    assert done.status == 0 and [Path(f).name for f in done.out.split()] == ["gantt-48.svg", "gantt-48.html"]
    text = (folder / "gantt" / "gantt-48.svg").read_text()
    assert "point 48: mix, default, C3+Z1, EFT, 5 instances, 500 Mb/s, trial 2" in text
    (row,) = points(folder / "out", point=48)
    assert f"{int(row['tasks'])} tasks" in text and "linux-cfs, seed 1" in text
    for pe in ("cpu1", "zip1"):
        assert f"{pe}  {100 * float(row[f'utilisation.{pe}']):3.0f} %" in text


def same(a: EmulationResult, b: EmulationResult, names: Sequence[str]) -> None:
    for name in names:
        left: Any = getattr(a, name)
        assert list(left) == list(getattr(b, name)), name


def test_a_run_is_read_back_from_its_folder(folder: Path, cedr: Cedr) -> None:
    (folder / "one.toml").write_text(
        'hw = "C3+F1+Z1"\nwarmup_us = 20\n[[application]]\nmodel = "zips.cedrrec"\ninstances = 4\nperiod_us = 10\n'
        '[[application]]\nname = "a b"\nmodel = "kernels.cedrrec"\ninstances = 2\nperiod_us = 30\n'
        '[[fault]]\npe = "cpu2"\nat_us = 22\nkind = "error"\n'
    )
    assert cedr("emulate", folder / "one.toml", "--out", folder / "run").status == 0
    read = read_run(folder / "run")
    records = [folder / "zips.cedrrec", folder / "kernels.cedrrec"]
    assert read.pes == ("cpu1", "cpu2", "cpu3", "fft1", "zip1") and set(read.app_names) == {"zips", "a b"}
    assert read.warmup_ns == 20_000 and read.failed.sum() == 1 and len(read.instance_app) == 6
    assert read.utilisation.max() > 0 and read.classes[0].dims
    plain = emulate(records, "zcu102", "C3+F1+Z1", instances=[2, 1], period_ns=5_000)
    from cedr.runtime.report import write_out

    write_out(plain, folder / "plain")
    columns = (
        "pes",
        "app_names",
        "classes",
        "app",
        "instance",
        "task",
        "task_class",
        "pe",
        "ready_ns",
        "start_ns",
        "end_ns",
    )
    same(plain, read_run(folder / "plain"), [*columns, "instance_app", "arrivals_ns", "starts_ns", "ends_ns"])
    for name in ("tasks.csv", "instances.csv", "pes.csv"):
        (folder / "plain" / name).unlink()
    logs = read_run(folder / "plain")
    assert logs.pes == tuple(pe for place, pe in enumerate(plain.pes) if place in plain.pe)
    same(plain, logs, ["app", "instance", "task", "start_ns", "end_ns", "arrivals_ns", "starts_ns", "ends_ns"])
    for run in ("run", "plain"):
        done = cedr("plot", folder / run, "--format", "png", "--format", "html")
        assert done.status == 0 and (folder / run / "figures" / "gantt.png").stat().st_size > 5_000
        other = cedr("plot", folder / run, "--figure", "rate")
        assert other.status == 1 and "is the --out of a run: its figure is gantt" in other.err
    assert "attempt" in (folder / "run" / "figures" / "gantt.html").read_text()


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "tasks.csv").write_text("app_id,pe\n")
    with pytest.raises(CedrError, match=r"tasks\.csv:1: has no column 'app_name'"):
        read_run(tmp_path)


# ---- refusals ----


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("out", "--figure", "rates"),
            "there is no figure 'rates'; there are rate, rate3d, pools, instances, overhead",
        ),
        (("out", "--figure", "gantt"), "--figure gantt needs --point N, one of 1 to 48; points.csv lists them"),
        (("out", "--point", 49), "--point 49: there are the points 1 to 48"),
        (("out", "--figure", "rate", "--point", 4), "--point 4 is for --figure gantt"),
        (("ideal", "--figure", "instances"), "ideal: the sweep has nothing for the figure instances: it needs several"),
        (("ideal", "--figure", "overhead"), "scheduling takes no time in the OS model ideal; sweep with"),
        ((".",), ": neither a sweep's folder, which has sweep.json, nor the --out of a run, which has tasks.csv"),
        (("none",), "none: neither a sweep's folder"),
    ],
)
def test_what_can_t_be_drawn(folder: Path, cedr: Cedr, arguments: tuple[Any, ...], message: str) -> None:
    if not (folder / "ideal").exists():
        (folder / "ideal.toml").write_text('[[workload]]\n[[workload.application]]\nmodel = "zips.cedrrec"\n')
        cedr("sweep", folder / "ideal.toml", "-o", folder / "ideal", "--jobs", 1)
    done = cedr("plot", folder / arguments[0], *arguments[1:], "-o", folder / "never")
    assert done.status == 1 and message in done.err and not (folder / "never").exists()


def test_a_sweep_that_is_not_finished(folder: Path, cedr: Cedr, tmp_path: Path) -> None:
    for name in ("sweep.json", JOURNAL):
        (tmp_path / name).write_bytes((folder / "out" / name).read_bytes())
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    (tmp_path / JOURNAL).write_bytes(b"".join(lines[:30]) + b'{"key')
    done = cedr("plot", tmp_path, "--figure", "rate")
    assert done.status == 0 and "30 of 48 points are finished; the figures show those" in done.err
    (tmp_path / JOURNAL).write_bytes(b"")
    done = cedr("plot", tmp_path, "--figure", "rate")
    assert done.status == 1 and "no point of the sweep is finished; `cedr sweep " in done.err


@pytest.mark.parametrize(("kind", "library"), [("png", "matplotlib"), ("html", "plotly")])
def test_a_library_that_is_missing(
    folder: Path, cedr: Cedr, monkeypatch: pytest.MonkeyPatch, kind: str, library: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    done = cedr("plot", folder / "out", "--figure", "rate", "--format", kind, "-o", folder / "missing")
    assert done.status == 1 and f"rate.{kind}: needs {library}: pip install 'cedr-compiler[plot]'" in done.err
