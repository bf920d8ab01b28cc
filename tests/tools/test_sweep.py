"""`cedr sweep`: every point is what `cedr emulate` makes of it, none is lost, and the tables are the same to the byte."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.runtime.record import RecordWriter
from cedr.runtime.sweep import Sweep, load_sweep, read_sweep
from cedr.runtime.sweep_results import JOURNAL, open_journal, read_results
from cedr.target.errors import CedrError
from cedr.target.toml_file import TomlFile
from cedr.tools.processes import Processes
from tests.runtime.applications import call_class

from .conftest import Cedr

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from cedr_sweep import read_points  # noqa: E402  # after the path

SPEC = """\
hw = ["C2", "Z1C3"]
schedulers = ["RR", "eft"]
rates_mbps = [10, 100.5]
trials = 2
seed = 3

[[workload]]
name = "mix"

[[workload.application]]
model = "zips.cedrrec"
instances = 4
megabits = 0.001
deadline_us = 20

[[workload.application]]
name = "sums"
model = "sub/kernels.cedrrec"
instances = 10
arrival = "poisson"
megabits = 0.0005
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name, api, n in (("zips", "zip", 3), ("sub/kernels", "kernel", 2)):
        with RecordWriter(tmp_path / f"{name}.cedrrec") as writer:
            number = writer.add_class(call_class(api))
            writer.submit_many(number, list(range(n)), [0] * (n + 1), [])
            writer.wait()
            writer.end()
    (tmp_path / "s.toml").write_text(SPEC)
    return tmp_path


def parsed(text: str) -> Sweep:
    return read_sweep(TomlFile.parse(text, Path("s.toml")))


def refusal(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CedrError) as caught:
        call(*arguments)
    return str(caught.value)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---- the specification ----


def test_the_points_are_the_combinations_in_order() -> None:
    sweep = parsed(
        'hw = ["C1", "F1C2"]\nschedulers = ["MET", "EFT"]\nrates_mbps = [1, 2.5]\ninstances = [1, 2]\n'
        'pipelines = ["layerwise", "default"]\ntrials = 2\nseed = 5\nwithout = ["ports"]\nos_model = "linux-cfs"\n'
        '[[workload]]\n[[workload.application]]\nmodel = "a"\nmegabits = 2\n'
        '[[workload]]\nname = "w"\n[[workload.application]]\nmodel = "b"\nmegabits = 1\n'
    )
    assert len(sweep.points) == 2**7 and [p.number for p in sweep.points] == list(range(1, 129))
    first, second, third, last = (sweep.points[n] for n in (0, 1, 2, -1))
    assert (first.workload, first.pipeline, first.hw, first.scheduler) == ("workload1", "layerwise", "C1", "MET")
    assert (first.instances, first.rate_mbps, first.trial, first.seed) == (1, 1, 1, 5)
    assert (second.trial, second.seed, second.rate_mbps) == (2, 6, 1) and third.rate_mbps == 2.5
    assert (last.workload, last.pipeline, last.hw, last.scheduler) == ("w", "default", "C2+F1", "EFT")
    (application,) = last.applications
    assert (application.instances, application.period_ns) == (2, 400_000_000)
    assert last.text == "w, default, C2+F1, EFT, 2 instances, 2.5 Mb/s, trial 2"
    assert sweep.settings.without == ("ports",) and not sweep.drawn


def test_an_application_keeps_what_it_says_itself() -> None:
    sweep = parsed(
        'periods_us = [5, 7.5]\ninstances = [3]\n[[workload]]\n[[workload.application]]\nmodel = "a"\n'
        '[[workload.application]]\nmodel = "b"\nmegabits = 1\nrate_mbps = 10\ninstances = 2\n'
        '[[workload.application]]\nmodel = "c"\narrival = "trace"\ntrace = [1, 2]\n'
        '[[workload.application]]\nmodel = "d"\narrival = "poisson"\nperiod_us = 4\n'
    )
    a, b, c, d = sweep.points[1].applications
    assert (a.period_ns, b.period_ns, c.trace_ns, d.period_ns) == (7_500, 100_000_000, (1_000, 2_000), 4_000)
    assert (a.instances, b.instances, c.instances, d.instances) == (3, 2, 2, 3)
    assert sweep.drawn and sweep.points[1].period_us == 7.5 and sweep.points[1].rate_mbps is None


def test_a_workload_has_the_axes_that_its_applications_take() -> None:
    open_one = '[[workload]]\n[[workload.application]]\nmodel = "a"\nmegabits = 1\n'
    closed = '[[workload]]\n[[workload.application]]\nmodel = "b"\ninstances = 2\nperiod_us = 5\n'
    points = parsed(f"rates_mbps = [1, 2, 3]\ninstances = [4, 5]\ntrials = 2\n{open_one}{closed}").points
    assert [point.workload for point in points] == ["workload1"] * 12 + ["workload2"] * 2
    assert [(p.instances, p.rate_mbps, p.trial) for p in points[:3]] == [(4, 1, 1), (4, 1, 2), (4, 2, 1)]
    assert [(p.number, p.instances, p.rate_mbps, p.trial) for p in points[12:]] == [
        (13, None, None, 1),
        (14, None, None, 2),
    ]


def test_little_need_be_said() -> None:
    (point,) = parsed('[[workload]]\n[[workload.application]]\nmodel = "vgg_digits"\n').points
    assert (point.hw, point.scheduler, point.pipeline, point.seed) == ("C3+F1+C2D1+Z1", "EFT", "default", 0)
    assert (point.instances, point.rate_mbps, point.period_us) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schedulers", "scheduler", "s.toml:2: scheduler: unknown key; the keys here are workload, hw, schedulers, "),
        ("rates_mbps", "rate_mbps", "host_scale; did you mean rates_mbps?"),
        ('"eft"', '"etff"', "s.toml:2: schedulers[1]: there is no scheduler 'etff'; there are SIMPLE (or RR)"),
        ('"eft"', '"SIMPLE"', "s.toml:2: schedulers[1]: SIMPLE stands there already"),
        ('"Z1C3"', '"Q1"', "s.toml:1: hw[1]: composition 'Q1': "),
        ('"Z1C3"', "3", "s.toml:1: hw[1]: needs an array of texts, got 3 in it"),
        ('["C2", "Z1C3"]', '"C2"', "s.toml:1: hw: needs an array of texts, at least one, got 'C2'"),
        ("100.5", "0", "s.toml:3: rates_mbps[1]: needs numbers above 0, got 0"),
        ("100.5", "10.0", "s.toml:3: rates_mbps[1]: 10.0 stands there already"),
        ("trials = 2", "trials = 0", "s.toml:4: trials: needs an integer from 1 to 10000, got 0"),
        (
            "trials = 2",
            "instances = [2]",
            "s.toml:4: instances: no application takes it: give one no `instances` of its",
        ),
        ("trials = 2", "instances = [0]", "s.toml:4: instances[0]: needs 1 to 10000000 instances, got 0"),
        (
            "trials = 2",
            "periods_us = [2]",
            "s.toml:4: periods_us: has no place beside rates_mbps; give one or the other",
        ),
        ("trials = 2", 'pipelines = [""]', "s.toml:4: pipelines[0]: needs a pipeline's name, or a pass pipeline"),
        ("trials = 2", 'pipelines = ["defaul"]', "s.toml:4: pipelines[0]: no pipeline or pass 'defaul'"),
        (
            "trials = 2",
            'os_model = "bsd"',
            "s.toml:4: os_model: there is no OS model 'bsd'; there are ideal, linux-cfs",
        ),
        ("trials = 2", 'without = ["ports"]', "s.toml:4: without: without ports: the OS model ideal has no effects"),
        ("trials = 2", 'platform = "zcu"', "s.toml:4: platform: no platform 'zcu' (did you mean 'zcu102'?)"),
        ("trials = 2", "host_scale = 0", "s.toml:4: host_scale: needs a number above 0"),
        ("trials = 2", "warmup_us = 1e9", "all 14 instances arrive before the warm-up is over"),
        (
            "instances = 4\n",
            "instance = 4\n",
            "s.toml:12: workload[0].application[0].instance: unknown key; the keys here",
        ),
        ("megabits = 0.001", "", "s.toml:10: workload[0].application[0].period_us: missing"),
        ('name = "mix"', 'nam = "mix"', "s.toml:8: workload[0].nam: unknown key; the keys here are application, name"),
        ('name = "mix"', 'name = "a,b"', "s.toml:8: workload[0].name: needs a name without"),
        ('name = "sums"', 'name = "zips"', "the name 'zips' is taken by another application"),
    ],
)
def test_what_is_not_right_is_refused_at_its_place(folder: Path, old: str, new: str, message: str, cedr: Cedr) -> None:
    (folder / "s.toml").write_text(SPEC.replace(old, new, 1))
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out")
    assert done.status == 1 and message in done.err.replace(f"{folder}/", ""), done.err
    assert done.err.count("\n") <= 2 and not (folder / "out").exists()


def test_a_workload_of_a_taken_name_is_refused() -> None:
    text = '[[workload]]\nname = "w"\n[[workload.application]]\nmodel = "a"\n'
    assert "s.toml:6: workload[1].name: the name 'w' is taken by another workload" in refusal(parsed, text + text)


# ---- points ----


def test_a_point_is_what_emulate_makes_of_it(folder: Path, cedr: Cedr) -> None:
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1, "--json")
    assert (done.json["points"], done.json["finished"], done.json["emulated"]) == (16, 16, 16)
    assert done.json["failures"] == [] and done.json["points_per_minute"] > 0
    rows = table(folder / "out" / "points.csv")
    assert [row["point"] for row in rows] == [str(n) for n in range(1, 17)]
    row = next(
        r for r in rows if (r["hw"], r["scheduler"], r["rate_mbps"], r["trial"]) == ("C3+Z1", "EFT", "100.5", "2")
    )
    scenario = (
        "\n".join(SPEC.splitlines()[8:]).replace("workload.", "").replace("megabits", "rate_mbps = 100.5\nmegabits")
    )
    (folder / "one.toml").write_text(f'hw = "C3Z1"\nseed = {row["seed"]}\n{scenario}')
    one = cedr("emulate", folder / "one.toml", "--json", "--out", folder / "one").json
    assert row["seed"] == "4" and row["pes"] == "4" and row["arrived"] == row["finished"] == "14"
    assert (int(row["makespan_ns"]), int(row["tasks"])) == (one["makespan_ns"], one["tasks"])
    assert float(row["latency_mean_ns"]) == one["latency_ns"]["mean"] and float(row["energy_j"]) == one["energy_j"]
    for pe, share in one["utilisation"].items():
        assert float(row[f"utilisation.{pe}"]) == share
    for entry in one["applications"]:
        for name in ("exe_ns", "cum_ns", "deadline_misses", "finished"):
            assert float(row[f"{name}.{entry['name']}"]) == entry[name]
    weights = [entry["instances"] / 14 for entry in one["applications"]]
    for name in ("exe_ns", "cum_ns"):
        mean = sum(w * entry[name] for w, entry in zip(weights, one["applications"], strict=True))
        assert float(row[name]) == pytest.approx(mean, rel=1e-12)
    assert float(row["injected_hz.zips"]) == pytest.approx(100.5e6 / 1000, rel=1e-4)
    zips = [found for found in table(folder / "one" / "instances.csv") if found["app_name"] == "zips"]
    span_ns = max(int(found["end_ns"]) for found in zips) - min(int(found["arrival_ns"]) for found in zips)
    assert len(zips) == 4 and float(row["throughput_hz.zips"]) == pytest.approx(4e9 / span_ns, rel=1e-12)
    assert rows[0]["utilisation.zip1"] == "" and rows[0]["seed"] == "3"


def test_the_table_in_cedr_s_columns(folder: Path, cedr: Cedr) -> None:
    cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    rows, points = table(folder / "out" / "sweep.csv"), table(folder / "out" / "points.csv")
    assert list(rows[0]) == [
        *("Resource Pool", "Scheduler", "Injection Rate (Mbps)", "Trial 1", "Trial 2"),
        *("Avg. execution time / app.(ns)", "Avg. cumulative execution time / app. (ns)"),
        *("Avg. Scheduling overhead / app.(ns)", "cpu1", "cpu2", "cpu3", "zip1"),
    ]
    assert len(rows) == 8 and [r["Resource Pool"] for r in rows] == ["C2+Z0"] * 4 + ["C3+Z1"] * 4
    assert [r["Scheduler"] for r in rows[:4]] == ["SIMPLE", "SIMPLE", "EFT", "EFT"]
    for place, row in enumerate(rows):
        own = points[2 * place : 2 * place + 2]
        assert [row["Trial 1"], row["Trial 2"]] == [p["cum_ns"] for p in own]
        assert float(row["Avg. execution time / app.(ns)"]) == np.mean([float(p["exe_ns"]) for p in own])
        assert float(row["cpu1"]) == np.mean([float(p["utilisation.cpu1"]) for p in own])
        assert 0 < float(row["cpu1"]) <= 1
    read = read_points(folder / "out" / "sweep.csv")  # as the published sweeps are
    assert [(p.composition, p.scheduler, p.rate_mbps) for p in read[:2]] == [
        ("C2+Z0", "SIMPLE", 10.0),
        ("C2+Z0", "SIMPLE", 100.5),
    ]


def test_several_workloads_pipelines_and_instances_have_columns_in_front(folder: Path, cedr: Cedr) -> None:
    other = '[[workload]]\nname = "zips"\n[[workload.application]]\nmodel = "zips.cedrrec"\nperiod_us = 1\n'
    text = SPEC.replace("instances = 10\n", "").replace("trials = 2", "instances = [1, 2]")
    (folder / "s.toml").write_text(text + other)
    assert cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1).status == 0
    rows = table(folder / "out" / "sweep.csv")
    assert list(rows[0])[:3] == ["Workload", "Instances", "Resource Pool"] and len(rows) == 24
    assert [r["Instances"] for r in rows[:4]] == ["1", "1", "2", "2"] and rows[-1]["Workload"] == "zips"
    assert table(folder / "out" / "points.csv")[-1]["exe_ns.sums"] == ""


def test_parquet_says_the_same(folder: Path, cedr: Cedr) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    read = parquet.read_table(folder / "out" / "points.parquet")
    assert {str(read.schema.field(name).type) for name in ("point", "exe_ns", "hw", "utilisation.zip1")} == {
        "int64",
        "double",
        "string",
    }
    rows = table(folder / "out" / "points.csv")
    assert read.column_names == list(rows[0])
    for row, wanted in zip(read.to_pylist(), rows, strict=True):
        for name, value in row.items():
            text = wanted[name]
            assert value == (None if not text else text if isinstance(value, str) else float(text)), name


def test_without_pyarrow_csv_is_written(folder: Path, cedr: Cedr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    assert done.status == 0 and "points.parquet is left out: it needs pyarrow: pip install" in done.err
    assert (folder / "out" / "points.csv").exists() and not (folder / "out" / "points.parquet").exists()


def test_a_model_is_compiled_for_each_composition_and_pipeline(folder: Path, cedr: Cedr) -> None:
    (folder / "s.toml").write_text(
        'hw = ["C1", "C1+C2D1"]\npipelines = ["default", "layerwise"]\n[[workload]]\n[[workload.application]]\n'
        f'model = "{ROOT / "examples" / "tiny.py"}:tiny"\n'
    )
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1, "--json")
    assert done.json["finished"] == 4 and len(list((folder / "out" / "records").iterdir())) == 4
    rows = table(folder / "out" / "points.csv")
    for pipeline, hw in (("default", "C1+C2D1"), ("layerwise", "C1")):
        row = next(r for r in rows if (r["pipeline"], r["hw"]) == (pipeline, hw))
        run = cedr(
            "run", f"{ROOT / 'examples' / 'tiny.py'}:tiny", "--pipeline", pipeline, "--hw", hw, "--no-values", "--json"
        )
        assert (run.json["makespan_ns"], run.json["tasks"]) == (int(row["makespan_ns"]), int(row["tasks"]))


def test_a_c_application_is_recorded_once_for_all_chips(folder: Path, cedr: Cedr) -> None:
    (folder / "app.c").write_text(
        '#include "dash.h"\nstatic dash_cmplx_flt_type x[64];\n'
        "int main(int n, char **a) { (void)a; for (int i = 0; i < n; i++) DASH_FFT_flt(x, x, 64, true); return 0; }\n"
    )
    application = '[[workload.application]]\nname = "{}"\nmodel = "app.c"\nhost_time = "off"\n'
    mix = application.format("one") + application.format("three") + 'arguments = ["x", "y"]\n'
    (folder / "s.toml").write_text(f'hw = ["C1", "C2+F1"]\n[[workload]]\n{mix}')
    assert cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 2).status == 0
    assert len(list((folder / "out" / "records").iterdir())) == 2
    assert [row["tasks"] for row in table(folder / "out" / "points.csv")] == ["4", "4"]


def test_measured_time_is_scaled_as_the_specification_says(folder: Path, cedr: Cedr) -> None:
    with RecordWriter(folder / "measured.cedrrec", "measured") as writer:
        writer.host(1_000_000)
        writer.submit_many(writer.add_class(call_class("zip")), [0], [0, 0], [])
        writer.wait()
        writer.end()
    text = 'hw = ["C1"]\n[[workload]]\n[[workload.application]]\nmodel = "measured.cedrrec"\n'
    spans: dict[str, int] = {}
    for scale in ("", "host_scale = 1\n", "host_scale = 2.5\n"):
        (folder / "s.toml").write_text(scale + text)
        done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1, "--json")
        assert done.json["emulated"] == 1, "another scale is another point"
        spans[scale] = int(table(folder / "out" / "points.csv")[0]["makespan_ns"])
    plain, one, more = spans.values()
    assert more - one == 1_500_000 and plain - one == pytest.approx(3_200_000), "the board's own factor is 4.2"
    assert read_results(folder / "out")[0].settings.host_scale == Fraction("2.5")
    scenario = f'hw = "C1"\nhost_scale = 2.5\n{text.partition("[[workload]]")[2].replace("workload.", "")}'
    (folder / "one.toml").write_text(scenario)
    assert cedr("emulate", folder / "one.toml", "--json").json["makespan_ns"] == more
    assert cedr("emulate", folder / "one.toml", "--host-scale", "1", "--json").json["makespan_ns"] == one


def test_trials_that_are_alike_are_said_to_be(folder: Path, cedr: Cedr) -> None:
    alike = "s.toml: nothing is drawn, so that its 2 trials are alike"
    assert alike not in cedr("sweep", folder / "s.toml", "-o", folder / "a", "--jobs", 1).err
    (folder / "s.toml").write_text(SPEC.replace('arrival = "poisson"\n', ""))
    assert alike in cedr("sweep", folder / "s.toml", "-o", folder / "b", "--jobs", 1).err


def test_a_point_that_fails_does_not_end_the_others(folder: Path, cedr: Cedr) -> None:
    """A call that no PE of one composition offers."""
    (folder / "s.toml").write_text(SPEC.replace('"C2"', '"Z1"'))
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1, "--json")
    assert done.status == 1 and done.json["finished"] == 8
    assert [f["point"] for f in done.json["failures"]] == list(range(1, 9))
    assert "cedr sweep: 8 of 16 points failed; the others are in" in done.err
    first = "point 1 (mix, default, Z1, SIMPLE, 10 Mb/s, trial 1) and 7 more, up to 8: no PE of Z1 offers kernel"
    assert first in done.err and done.err.count("offers kernel") == 1, "a message once"
    assert len(table(folder / "out" / "points.csv")) == 8


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("none.cedrrec", "s.toml:12: workload[0].application[0].model: none.cedrrec: "),
        ("no_model", "s.toml:12: workload[0].application[0].model: no model 'no_model'"),
        ("s.cedrrec", "s.toml:12: workload[0].application[0].model: s.cedrrec: byte 9"),
    ],
)
def test_a_model_that_is_none_is_refused(folder: Path, cedr: Cedr, model: str, message: str) -> None:
    (folder / "s.cedrrec").write_text("no record")
    (folder / "s.toml").write_text("# \n" + SPEC.replace("zips.cedrrec", model))
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    assert done.status == 1 and message in done.err.replace(f"{folder}/", ""), done.err


# ---- the folder ----


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in ("sweep.csv", "points.csv", "points.parquet")}


def test_a_journal_cut_anywhere_ends_in_the_same_tables(folder: Path, cedr: Cedr) -> None:
    cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    whole, journal = tables(folder / "out"), (folder / "out" / JOURNAL).read_bytes()
    ends = [place + 1 for place, byte in enumerate(journal) if byte == ord("\n")]
    for cut in (0, 1, ends[0] - 1, ends[0], ends[4] + 7, len(journal) - 1):
        (folder / "out" / JOURNAL).write_bytes(journal[:cut])
        done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1, "--json")
        assert done.json["emulated"] == 16 - sum(end <= cut for end in ends)
        assert tables(folder / "out") == whole


def test_what_a_changed_specification_shares_is_kept(folder: Path, cedr: Cedr) -> None:
    def emulated(text: str) -> int:
        (folder / "s.toml").write_text(text)
        found: int = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1, "--json").json["emulated"]
        return found

    assert emulated(SPEC) == 16
    before = tables(folder / "out")
    assert emulated(SPEC.replace("100.5", "100.5, 20")) == 8
    assert emulated(SPEC.replace("0.001", "0.002")) == 16
    assert emulated(SPEC.replace("deadline_us = 20", "deadline_us = 21")) == 16
    assert emulated(SPEC) == 0 and tables(folder / "out") == before
    again = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    assert "16 of 16 points finished, 16 of them before, in " in again.out
    (folder / "zips.cedrrec").unlink()
    with RecordWriter(folder / "zips.cedrrec") as writer:  # the same name, another application
        number = writer.add_class(call_class("zip"))
        writer.submit_many(number, [0], [0, 0], [])
        writer.end()
    assert emulated(SPEC) == 16


def test_two_processes_make_the_same_tables(folder: Path, cedr: Cedr) -> None:
    cedr("sweep", folder / "s.toml", "-o", folder / "one", "--jobs", 1)
    assert cedr("sweep", folder / "s.toml", "-o", folder / "two", "--jobs", 2).status == 0
    assert tables(folder / "one") == tables(folder / "two")


def test_one_sweep_at_a_time_in_a_folder(folder: Path, cedr: Cedr) -> None:
    with open_journal(folder / "out"):
        done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    assert done.status == 1 and "out: another sweep is at work there" in done.err


def test_a_journal_that_is_none_is_refused(folder: Path, cedr: Cedr) -> None:
    (folder / "out").mkdir()
    (folder / "out" / JOURNAL).write_text('{"key": "a", "figures": {}}\nnonsense\n')
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    assert done.status == 1 and "journal.jsonl:2: no line of a sweep's journal" in done.err


def test_the_folder_is_read_back(folder: Path, cedr: Cedr) -> None:
    assert "sweep.json: can't be read" in refusal(read_results, folder)
    cedr("sweep", folder / "s.toml", "-o", folder / "out", "--jobs", 1)
    plan, figures = read_results(folder / "out")
    assert tuple(one.point for one in plan.points) == load_sweep(folder / "s.toml").points
    assert {one.key for one in plan.points} == set(figures)
    (folder / "out" / "sweep.json").write_text('{"format": 99}')
    assert "is of format 99" in refusal(read_results, folder / "out")
    (folder / "out" / "sweep.json").write_text("[")
    assert "sweep.json: no sweep's" in refusal(read_results, folder / "out")


def test_dask_that_is_not_there(folder: Path, cedr: Cedr, monkeypatch: pytest.MonkeyPatch) -> None:
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--dask", "tcp://x:1", "--jobs", 2)
    assert done.status == 1 and "--jobs is for processes here" in done.err
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--dask", "tcp://x:1")
    assert done.status == 1 and "--dask needs dask.distributed: pip install" in done.err


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("bogus", "missing port number in address 'bogus'"),
        ("foo://127.0.0.1:5", "unknown address scheme 'foo'"),
        ("tls://127.0.0.1:8", "TLS expects a `ssl_context` argument"),
    ],
)
def test_an_address_that_is_none_is_one_message(folder: Path, cedr: Cedr, address: str, why: str) -> None:
    pytest.importorskip("distributed")
    done = cedr("sweep", folder / "s.toml", "-o", folder / "out", "--dask", address)
    assert done.status == 1 and f"cedr sweep: --dask {address}: no Dask scheduler answers there: {why}" in done.err
    assert done.err.count("\n") == 1 and not (folder / "out" / "points.csv").exists()


def test_a_process_that_dies_is_said_to(folder: Path) -> None:
    with Processes(1) as processes:
        assert processes.submit(os.path.join, "a", "b").result() == "a/b"
        assert "its process ended with status 3" in refusal(processes.submit(os._exit, 3).result)
        assert processes.submit(os.path.join, "a", "b").result() == "a/b"
        with pytest.raises(RuntimeError, match=r"Traceback(.|\n)*FileNotFoundError"):
            processes.submit(os.stat, str(folder / "none")).result()


# ---- slow ----


@pytest.mark.slow
def test_dask_makes_the_same_tables(folder: Path, cedr: Cedr) -> None:
    distributed = pytest.importorskip("distributed")
    cedr("sweep", folder / "s.toml", "-o", folder / "one", "--jobs", 1)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        done = cedr("sweep", folder / "s.toml", "-o", folder / "two", "--dask", cluster.scheduler_address, "--json")
        assert done.json["finished"] == 16
    assert tables(folder / "one") == tables(folder / "two")
    done = cedr("sweep", folder / "s.toml", "-o", folder / "three", "--dask", "tcp://127.0.0.1:9")
    assert done.status == 1 and "no Dask scheduler answers there" in done.err
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        done = cedr("sweep", folder / "s.toml", "-o", folder / "three", "--dask", cluster.scheduler_address)
    assert done.status == 1 and "has no workers; start some: dask worker" in done.err and done.err.count("\n") == 1


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_tables(folder: Path, cedr: Cedr) -> None:
    (folder / "s.toml").write_text(SPEC.replace("trials = 2", "trials = 60"))
    cedr("sweep", folder / "s.toml", "-o", folder / "one", "--jobs", 2)
    command = [sys.executable, "-m", "cedr", "sweep", str(folder / "s.toml"), "-o", str(folder / "two")]
    draw = random.Random(7)
    kills, finished = 0, 0
    while kills < 20:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal = folder / "two" / JOURNAL
        before, deadline = _lines(journal), time.monotonic() + 60
        wanted = before + draw.randrange(8)  # somewhere before, at, or behind the first points of this run
        while process.poll() is None and _lines(journal) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.05)
        if process.poll() is not None:
            pytest.fail(f"it ended after {kills} kills")
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        assert _lines(journal) >= before, "a finished point was lost"
        finished = _lines(journal)
    assert 0 < finished < 480
    done = cedr("sweep", folder / "s.toml", "-o", folder / "two", "--jobs", 2, "--json")
    assert done.json["emulated"] == 480 - finished
    assert tables(folder / "one") == tables(folder / "two")
    assert not _orphans(str(folder / "two"))


def _lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def _orphans(argument: str) -> list[str]:
    """Processes that still have an argument in their command line, other than this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if argument in line:
                found.append(line)
    return found
