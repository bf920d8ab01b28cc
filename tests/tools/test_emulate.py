"""`cedr emulate`: figures, options, files, and every refusal as one message."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.backend.toolchain import build_module
from cedr.runtime.record import RecordWriter
from cedr.target.manifest import Manifest, hash_files
from cedr.target.platform import class_costs, load_platform
from tests.runtime.applications import call_class

from .conftest import Cedr

ROOT = Path(__file__).resolve().parents[2]
KEYS = [
    *("model", "emit", "pipeline", "platform", "hw", "scheduler", "os_model", "without"),
    *("instances", "seed", "decision_match"),
    *("makespan_ns", "latency_ns", "tasks", "tasks_by_api", "macs_by_api", "utilisation", "energy_j"),
    *(
        "arena_bytes",
        "arena_bound_bytes",
        "ir_bytes",
        "compile_s",
        "build_s",
        "export_s",
        "run_s",
        "applications",
        "failures",
        "faults",
    ),
]
APPLICATION_KEYS = [
    *("name", "instances", "finished", "failed", "exe_ns", "cum_ns", "ovh_ns", "deadline_misses", "period_ns"),
]
SCENARIO = """\
hw = "C2+Z1"

[[application]]
model = "zips.cedrrec"
instances = 4
period_us = 50
deadline_us = 1_000

[[application]]
name = "sums"
model = "sub/kernels.cedrrec"
instances = 30
arrival = "poisson"
period_us = 20
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario of two records, and a daemon's configuration."""
    (tmp_path / "sub").mkdir()
    for name, api, n in (("zips", "zip", 3), ("sub/kernels", "kernel", 2)):
        with RecordWriter(tmp_path / f"{name}.cedrrec") as writer:
            number = writer.add_class(call_class(api))
            writer.submit_many(number, list(range(n)), [0] * (n + 1), [])
            writer.wait()
            writer.end()
    (tmp_path / "mix.toml").write_text(SCENARIO)
    (tmp_path / "daemon_config.json").write_text('{"Worker Threads": {"cpu": 2, "zip": 1},\n "Scheduler": "ETF"}\n')
    return tmp_path


def cost(api: str, pe_type: str) -> int:
    platform = load_platform("zcu102")
    return int(class_costs(platform, [call_class(api)]).cost_ns[0, [t.name for t in platform.pe_types].index(pe_type)])


def test_one_json_object_with_the_keys(cedr: Cedr, folder: Path) -> None:
    result = cedr("emulate", folder / "mix.toml", "--json").json
    assert list(result) == KEYS
    assert result["model"] == str(folder / "mix.toml") and result["hw"] == "C2+Z1" and result["scheduler"] == "EFT"
    assert result["os_model"] == "ideal" and result["seed"] == 0 and result["instances"] == 34
    assert result["tasks"] == 4 * 3 + 30 * 2 and result["tasks_by_api"] == {"kernel": 60, "zip": 12}
    assert list(result["utilisation"]) == ["cpu1", "cpu2", "zip1"] and 0 < result["utilisation"]["cpu1"] <= 1
    assert result["emit"] is result["pipeline"] is result["arena_bytes"] is result["compile_s"] is None
    assert result["ir_bytes"] == {} and result["run_s"] > 0
    zips, sums = result["applications"]
    assert list(zips) == list(sums) == APPLICATION_KEYS
    assert (zips["name"], zips["instances"], zips["finished"], zips["failed"]) == ("zips", 4, 4, 0)
    assert (zips["period_ns"], zips["deadline_misses"], zips["ovh_ns"]) == (50_000, 0, 0.0)
    assert (sums["name"], sums["instances"], sums["cum_ns"]) == ("sums", 30, 2 * cost("kernel", "cpu"))
    assert sums["exe_ns"] >= cost("kernel", "cpu")


def test_for_people(cedr: Cedr, folder: Path) -> None:
    (folder / "mix.toml").write_text("warmup_us = 60\n" + SCENARIO)
    done = cedr("emulate", folder / "mix.toml")
    assert done.status == 0
    for word in (
        "mix.toml on zcu102 C2+Z1, EFT, ideal, seed 0\n",
        "what arrives from 60.000 us on",
        "makespan",
        "sums",
        "zip1",
    ):
        assert word in done.out


def test_figures_that_there_are_none_of(cedr: Cedr, folder: Path) -> None:
    """The only instance crashes at 2 us, in its first task, which runs out."""
    crash = '[[application]]\nmodel = "zips.cedrrec"\n[[fault]]\napplication = "zips"\nat_us = 2\nkind = "crash"\n'
    (folder / "mix.toml").write_text('hw = "C1"\n' + crash)
    result = cedr("emulate", folder / "mix.toml", "--json", "--out", folder / "out").json
    assert result["makespan_ns"] is None and result["latency_ns"] == {"min": None, "mean": None, "max": None}
    assert result["utilisation"] == {"cpu1": 1.0} and result["energy_j"] > 0
    (*_, whole) = (folder / "out" / "pes.csv").read_text().splitlines()
    assert whole.startswith("cpu1,,all,") and whole.endswith(",1.000000")
    (entry,) = result["applications"]
    assert (entry["finished"], entry["failed"], entry["exe_ns"], entry["cum_ns"]) == (0, 1, None, None)
    lines = [line.split() for line in cedr("emulate", folder / "mix.toml").out.splitlines()]
    for words in ("makespan none: no instance ended", "latency none", "unfinished 1 instance"):
        assert words.split() in lines


def test_the_warm_up_is_in_the_files_and_in_no_figure(cedr: Cedr, folder: Path) -> None:
    (folder / "mix.toml").write_text("warmup_us = 60\n" + SCENARIO)
    done = cedr("emulate", folder / "mix.toml", "--json", "--out", folder / "out")
    result, out = done.json, folder / "out"
    tables = {}
    for name in ("tasks", "instances", "pes"):
        with (out / f"{name}.csv").open(newline="") as stream:
            tables[name] = list(csv.DictReader(stream))
    counted = {name: [row for row in tables[name] if row["warmup"] == "0"] for name in ("tasks", "instances")}
    assert (len(tables["instances"]), len(tables["tasks"])) == (34, 72)
    assert len(counted["instances"]) == result["instances"] < 34 and len(counted["tasks"]) == result["tasks"]
    assert all((int(row["arrival_ns"]) < 60_000) == (row["warmup"] == "1") for row in tables["instances"])
    pes = {row["pe"]: row for row in tables["pes"] if row["api"] == "all"}
    assert sum(int(row["tasks"]) for row in pes.values()) == result["tasks"]
    for pe, share in result["utilisation"].items():
        assert float(pes[pe]["utilisation"]) == pytest.approx(share, abs=1e-6)
    for text in (cedr("emulate", folder / "mix.toml").out, (out / "report.html").read_text()):
        assert f"what arrives from 60.000 us on: {result['instances']} instances" in text
        assert f"{result['makespan_ns'] / 1000:.3f} us" in text
    assert " behind the warm-up of 0.060 ms" in (out / "gantt.svg").read_text()


def test_how_often_instances_arrive(cedr: Cedr, folder: Path) -> None:
    one = '[[application]]\nmodel = "zips.cedrrec"\nname = "{}"\n{}\n'
    cases = {
        "single": ("", None, ""),
        "given": ("period_us = 5", 5_000, "5.000 us"),
        "burst": ("instances = 2\nperiod_us = 0", 0, "at once"),
        "drawn": ('instances = 2\narrival = "poisson"\nperiod_us = 3', 3_000, "~3.000 us"),
        "traced": ('arrival = "trace"\ntrace = [1]', None, "trace"),
    }
    (folder / "mix.toml").write_text("".join(one.format(name, text) for name, (text, _, _) in cases.items()))
    applications = cedr("emulate", folder / "mix.toml", "--json").json["applications"]
    assert {a["name"]: a["period_ns"] for a in applications} == {name: case[1] for name, case in cases.items()}
    rows = [
        [cell.strip() for cell in line.split("│")] for line in cedr("emulate", folder / "mix.toml").out.splitlines()
    ]
    assert {row[1]: row[3] for row in rows if len(row) > 3 and row[1] in cases} == {
        n: case[2] for n, case in cases.items()
    }
    (folder / "mix.toml").write_text(one.format("single", ""))
    assert "every" not in cedr("emulate", folder / "mix.toml").out
    options = ("--app", f"{folder}/zips.cedrrec", "--app", f"{folder}/zips.cedrrec:2", "--json")
    applications = cedr("emulate", folder / "daemon_config.json", *options).json["applications"]
    assert [a["period_ns"] for a in applications] == [None, 0]


def test_a_seed_draws_other_arrivals_and_the_same_ones_again(cedr: Cedr, folder: Path) -> None:
    found = []
    for options in ((), ("--seed", "0"), ("--seed", "1")):
        result = cedr("emulate", folder / "mix.toml", *options, "--json").json
        del result["run_s"], result["seed"]
        found.append(result)
    assert found[0] == found[1] and found[0]["makespan_ns"] != found[2]["makespan_ns"]


def test_options_come_before_the_file(cedr: Cedr, folder: Path) -> None:
    options = ("--hw", "C1", "--scheduler", "met", "--seed", "9", "--os-model", "ideal", "--platform", "zcu102")
    (folder / "mix.toml").write_text('scheduler = "EFT"\nseed = 3\n' + SCENARIO)
    result = cedr("emulate", folder / "mix.toml", *options, "--json").json
    assert (result["hw"], result["scheduler"], result["seed"]) == ("C1", "MET", 9)
    result = cedr("emulate", folder / "mix.toml", "--json").json
    assert (result["hw"], result["scheduler"], result["seed"]) == ("C2+Z1", "EFT", 3)


def test_deadlines_are_counted(cedr: Cedr, folder: Path) -> None:
    (folder / "mix.toml").write_text(SCENARIO.replace("1_000", "0.001"))
    zips, sums = cedr("emulate", folder / "mix.toml", "--json").json["applications"]
    assert (zips["deadline_misses"], sums["deadline_misses"]) == (4, 0)


def test_effects_left_out_are_said_everywhere_and_may_stand_in_the_file(cedr: Cedr, folder: Path) -> None:
    def emulated(*options: object) -> tuple[dict[str, Any], str, Path]:
        out = folder / f"out{len(list(folder.iterdir()))}"
        whole = cedr("emulate", folder / "mix.toml", "--json", "--out", out, *options).json
        return whole, cedr("emulate", folder / "mix.toml", *options).out.splitlines()[0], out

    (folder / "mix.toml").write_text('os_model = "linux-cfs"\n' + SCENARIO)
    whole, header, _ = emulated()
    assert whole["without"] == [] and header.endswith(" on zcu102 C2+Z1, EFT, linux-cfs, seed 0")
    options = ("--without", "signal-cost", "--without", "polling", "--without", "polling")
    left_out, header, out = emulated(*options)
    said = "zcu102 C2+Z1, EFT, linux-cfs without signal-cost, polling, seed 0"
    assert left_out["without"] == ["signal-cost", "polling"] and header.endswith(f" on {said}")
    assert left_out["makespan_ns"] != whole["makespan_ns"]
    assert (out / "report.html").read_text().count(said) == 2  # the window's title, and below the heading
    assert said in (out / "gantt.svg").read_text()
    metadata = json.loads((out / "trace.perfetto.json").read_text())["metadata"]
    assert (metadata["os_model"], metadata["without"], metadata["seed"]) == ("linux-cfs", left_out["without"], 0)

    (folder / "mix.toml").write_text('os_model = "linux-cfs"\nwithout = ["signal-cost", "polling"]\n' + SCENARIO)
    of_file, header, _ = emulated()
    assert header.endswith(f" on {said}")
    for key in ("without", "makespan_ns", "latency_ns", "utilisation"):
        assert of_file[key] == left_out[key]
    assert emulated("--without", "yield")[0]["without"] == ["yield"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            'os_model = "linux-cfs"\nwithout = ["yield", "pol"]\n',
            (),
            "mix.toml:2: without[1]: there is no effect 'pol'",
        ),
        ('os_model = "linux-cfs"\nwithout = []\n', (), "mix.toml:2: without: needs an array of texts, at least one"),
        ('without = ["yield"]\n', (), "mix.toml:1: without: without yield: the OS model ideal has no effects to leave"),
        (
            'os_model = "linux-cfs"\nwithout = ["yield"]\n',
            ("--os-model", "ideal"),
            "mix.toml:2: without: without yield: ",
        ),
        ("", ("--without", "yield"), "cedr emulate: without yield: the OS model ideal has no effects to leave out"),
        ('without = ["yield"]\n', ("--without", "ports"), "cedr emulate: without ports: the OS model ideal has no"),
    ],
)
def test_effects_that_can_not_be_left_out(
    cedr: Cedr, folder: Path, text: str, options: tuple[str, ...], message: str
) -> None:
    (folder / "mix.toml").write_text(text + SCENARIO)
    done = cedr("emulate", folder / "mix.toml", *options)
    assert done.status == 1 and message in done.err and done.out == ""
    assert ("load-balancing" in done.err) == ("no effect" in message and "'pol'" in message)


def test_without_queueing_is_another_schedule(cedr: Cedr, folder: Path) -> None:
    text = SCENARIO.replace("period_us = 20", "period_us = 0.1")
    latencies = []
    for queueing in ("true", "false"):
        (folder / "mix.toml").write_text(f'queueing = {queueing}\nscheduler = "SIMPLE"\n' + text)
        result = cedr("emulate", folder / "mix.toml", "--json").json
        assert result["tasks"] == 72
        latencies.append(result["latency_ns"]["mean"])
    assert latencies[1] != latencies[0]  # round robin over the idle PEs, against round robin over all


def test_out_has_the_files_of_run(cedr: Cedr, folder: Path) -> None:
    assert cedr("emulate", folder / "mix.toml", "--out", folder / "out").status == 0
    assert {"timing_trace.log", "tasks.csv", "gantt.svg", "trace.perfetto.json"} <= {
        p.name for p in (folder / "out").iterdir()
    }
    assert len((folder / "out" / "timing_trace.log").read_text().splitlines()) == 72


def test_a_record_needs_neither_torch_nor_xdsl(folder: Path) -> None:
    code = (
        "import sys\nfrom cedr.tools.cli import main\n"
        f"status = main(['emulate', {str(folder / 'mix.toml')!r}, '--json'])\n"
        "print(status, *({'torch', 'xdsl'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "0\n" and json.loads(done.stdout)["tasks"] == 72


def test_models_are_compiled_once_and_found_beside_the_scenario(
    cedr: Cedr, models: Path, compiled: dict[str, Path], folder: Path
) -> None:
    (folder / "dir").symlink_to(compiled["python"])
    (folder / "small.py").symlink_to(models)
    (folder / "mix.toml").write_text(
        'hw = "C2"\n[[application]]\nmodel = "dir"\n[[application]]\nmodel = "small.py:two"\nname = "again"\n'
        '[[application]]\nmodel = "dir"\nname = "third"\narrival = "trace"\ntrace = [5, 7]\n'
    )
    result = cedr("emulate", folder / "mix.toml", "--json").json
    assert [entry["name"] for entry in result["applications"]] == ["dir", "again", "third"]
    assert [entry["instances"] for entry in result["applications"]] == [1, 1, 2]
    assert [entry["period_ns"] for entry in result["applications"]] == [None, None, None]
    assert result["tasks"] == 4 * 3 and result["emit"] is None and result["pipeline"] == "default"
    assert result["arena_bytes"] is not None and result["compile_s"] > 0 and "add-dependencies" in result["ir_bytes"]


# ---- modules that fail ----

MISBEHAVING = {
    "aborts": ("abort();", "killed by signal 6 (SIGABRT)"),
    "exits well": ("exit(0);", "exit status 0, but its record breaks off after"),
    "exits": ('fprintf(stderr, "no more\\n"); exit(3);', "exit status 3: no more"),
    "crashes": ("*(volatile int *)16 = 1;", "killed by signal 11 (SIGSEGV)"),
    "loops": ("for (volatile int i = 0;; ++i) {}", "killed: it was still running after 1 s"),
    "cuts its record": ('truncate(getenv("CEDR_RECORD"), 200); _exit(0);', "its record breaks off after"),
    "writes rubbish": (
        'FILE *f = fopen(getenv("CEDR_RECORD"), "w"); fputs("rubbish", f); fclose(f); _exit(0);',
        ".cedrrec",
    ),
}
INCLUDES = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n"


def edited(compiled: Path, folder: Path, code: str) -> Path:
    """A copy of the compiled C module whose `run` does `code` between its calls."""
    shutil.copytree(compiled, folder)
    source = folder / "two.c"
    text = source.read_text()
    place = "  grid_l1_mul(cedr);\n"
    assert text.count(place) == 1
    source.write_text(INCLUDES + text.replace(place, f"{place}  {code}\n"))
    return folder


@pytest.fixture(scope="module")
def misbehaving(compiled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One module that does what the variable DOES says, built once."""
    code = " ".join(
        f'if (strcmp(getenv("DOES"), "{case}") == 0) {{ {does} }}' for case, (does, _) in MISBEHAVING.items()
    )
    folder = edited(compiled["c"], tmp_path_factory.mktemp("misbehaving") / "bad", code)
    build_module(folder, "two")
    manifest = Manifest.load(folder)
    replace(manifest, files=hash_files(folder, manifest.files)).save(folder)
    return folder


@pytest.mark.parametrize("case", MISBEHAVING)
def test_a_module_that_fails_ends_its_own_application_only(
    cedr: Cedr, misbehaving: Path, folder: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES", case)
    message = MISBEHAVING[case][1]
    (folder / "bad").symlink_to(misbehaving)
    bad = '[[application]]\nmodel = "bad"\ninstances = 5\nperiod_us = 10\ndeadline_us = 1\n'
    text = f"warmup_us = 0.5\n{SCENARIO}"
    (folder / "mix.toml").write_text(text)
    (folder / "bad.toml").write_text(text + bad)
    alone = cedr("emulate", folder / "mix.toml", "--json").json
    done = cedr("emulate", folder / "bad.toml", "--json", "--record-timeout-s", "1")
    result = done.json
    assert done.status == 0 and list(result) == KEYS and alone["failures"] == []
    (failure,) = result["failures"]
    assert failure["application"] == "bad" and failure["message"] in done.err and message in failure["message"]
    assert f"{folder / 'bad.toml'}:{text.count(chr(10)) + 2}: application[2].model: " in failure["message"]
    *others, last = result["applications"]
    assert list(last) == APPLICATION_KEYS and (last["name"], last["period_ns"]) == ("bad", 10_000)
    assert (last["instances"], last["finished"], last["failed"], last["deadline_misses"]) == (4, 0, 4, 4)
    assert others == alone["applications"] and result["instances"] == alone["instances"] + 4
    for key in ("makespan_ns", "latency_ns", "tasks", "utilisation", "energy_j"):
        assert result[key] == alone[key]


def test_faults_keep_their_numbers_and_the_warm_up_its_instances_where_a_module_fails(
    cedr: Cedr, misbehaving: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES", "aborts")
    (folder / "bad").symlink_to(misbehaving)
    text = SCENARIO + '[[application]]\nmodel = "bad"\nstart_us = 90_000\n'
    crash = '[[fault]]\napplication = "{}"\nat_us = 0\nkind = "crash"\n'
    (folder / "mix.toml").write_text(text + crash.format("bad") + crash.format("zips"))
    result = cedr("emulate", folder / "mix.toml", "--json", "--out", folder / "faulty").json
    assert [(fault["fault"], fault["application"]) for fault in result["faults"]] == [(1, "zips")]
    with (folder / "faulty" / "faults.csv").open(newline="") as stream:
        assert [(row["fault"], row["app_name"], row["action"]) for row in csv.DictReader(stream)] == [
            ("1", "zips", "failed")
        ]
    (folder / "mix.toml").write_text("warmup_us = 80_000\n" + text)
    done = cedr("emulate", folder / "mix.toml", "--out", folder / "out")
    assert done.status == 1 and "all 34 instances arrive before the warm-up is over" in done.err
    assert not (folder / "out").exists()


def test_a_module_edited_by_hand(cedr: Cedr, compiled: dict[str, Path], folder: Path) -> None:
    edited(compiled["c"], folder / "bad", "abort();")
    bad = '[[application]]\nmodel = "bad"\nname = "{}"\ninstances = 7\nperiod_us = 0\n'
    (folder / "mix.toml").write_text(bad.format("a") + SCENARIO.replace('hw = "C2+Z1"\n', "") + bad.format("b"))
    done = cedr("emulate", folder / "mix.toml", "--hw", "C2+Z1", "--out", folder / "out")
    assert done.status == 0 and f"{folder / 'bad' / 'two.c'} was changed by hand" in done.err
    for warning in (
        f"application a failed: {folder / 'mix.toml'}:2: ",
        f"application b failed: {folder / 'mix.toml'}:20: ",
    ):
        assert warning in done.err
    rows = [line.split("│")[1:] for line in done.out.splitlines() if line.startswith("│")][:4]
    assert [[cell.strip() for cell in row[:3]] for row in rows] == [
        ["a", "7", "7"],
        ["zips", "4", ""],
        ["sums", "30", ""],
        ["b", "7", "7"],
    ]
    assert len((folder / "out" / "timing_trace.log").read_text().splitlines()) == 72


def test_nothing_is_left_to_emulate(
    cedr: Cedr, misbehaving: Path, compiled: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES", "aborts")
    (folder / "bad").symlink_to(misbehaving)
    shutil.copytree(compiled["python"], folder / "worse")
    (folder / "worse" / "two.py").write_text("raise SystemExit(3)\n")
    (folder / "mix.toml").write_text("".join(f'[[application]]\nmodel = "{m}"\n' for m in ("bad", "worse", "bad")))
    with (folder / "mix.toml").open("a") as file:
        file.write('name = "again"\n')
    done = cedr("emulate", folder / "mix.toml", "--json")
    assert done.status == 1 and done.out == ""
    for text in ("no application is left to emulate", "mix.toml:2: ", "(SIGABRT)", "mix.toml:4: ", "exit status 3"):
        assert text in done.err


def test_a_module_without_its_program(cedr: Cedr, compiled: dict[str, Path], folder: Path) -> None:
    for emit, program in (("c", "two"), ("python", "two.py")):
        shutil.copytree(compiled[emit], folder / emit)
        (folder / emit / program).unlink()
        (folder / "bad.toml").write_text(SCENARIO + f'[[application]]\nmodel = "{emit}"\n')
        done = cedr("emulate", folder / "bad.toml", "--json")
        assert done.status == 0 and f"{folder / emit / program} is gone" in done.err
        assert done.json["failures"][0]["application"] == emit and program in done.json["failures"][0]["message"]


def test_two_models_of_one_name(cedr: Cedr, compiled: dict[str, Path], folder: Path) -> None:
    """Two different modules whose own name is the same do not disturb each other; two applications need two names."""
    for emit in ("c", "python"):
        shutil.copytree(compiled[emit], folder / emit / "two")
    text = 'hw = "C1"\n[[application]]\nmodel = "c/two"\n[[application]]\nmodel = "python/two"\n'
    (folder / "mix.toml").write_text(text)
    done = cedr("emulate", folder / "mix.toml")
    assert done.status == 1 and "mix.toml:5: application[1]" in done.err and "'two'" in done.err
    (folder / "mix.toml").write_text(text + 'name = "other"\n')
    result = cedr("emulate", folder / "mix.toml", "--json").json
    assert [(a["name"], a["finished"]) for a in result["applications"]] == [("two", 1), ("other", 1)]
    assert result["tasks"] == 6


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("api='zip'", "api='sort'"),
        ("dtype='f32'", "dtype='f12'"),
        ("'kind': 'mul'", "'kind': 'cut'"),
        ("'n': 3", "'n': -3"),
    ],
)
def test_a_module_that_submits_what_there_is_not(
    cedr: Cedr, compiled: dict[str, Path], folder: Path, old: str, new: str
) -> None:
    """CEDR hangs or ends at an unknown kernel or precision, with all applications."""
    shutil.copytree(compiled["python"], folder / "bad")
    text = (folder / "bad" / "two.py").read_text()
    assert old in text
    (folder / "bad" / "two.py").write_text(text.replace(old, new))
    (folder / "bad.toml").write_text(SCENARIO + '[[application]]\nmodel = "bad"\n')
    done = cedr("emulate", folder / "bad.toml", "--json")
    assert (
        done.status == 0 and new.rpartition(" ")[2].rpartition("=")[2].strip("'") in done.json["failures"][0]["message"]
    )


# ---- daemon_config.json ----


def test_a_daemon_s_configuration(cedr: Cedr, folder: Path) -> None:
    apps = ("--app", f"{folder / 'zips.cedrrec'}:3:100", "--app", folder / "sub" / "kernels.cedrrec")
    done = cedr("emulate", folder / "daemon_config.json", *apps, "--json")
    result = done.json
    assert list(result) == KEYS and done.err == ""
    assert (result["hw"], result["scheduler"], result["tasks"]) == ("C2+F1+M1+Z1", "ETF", 11)
    zips, kernels = result["applications"]
    assert (zips["name"], zips["instances"], zips["period_ns"]) == ("zips", 3, 100_000)
    assert (kernels["name"], kernels["instances"], kernels["period_ns"]) == ("kernels", 1, None)
    other = cedr("emulate", folder / "daemon_config.json", *apps, "--scheduler", "SIMPLE", "--hw", "C1", "--json").json
    assert (other["hw"], other["scheduler"]) == ("C1", "SIMPLE")


def test_costs_are_what_schedulers_believe_and_warnings_go_to_stderr(cedr: Cedr, folder: Path) -> None:
    for cost_ns, used, warned in ((0, "zip1", True), (10**9, "cpu1", False)):
        (folder / "daemon_config.json").write_text(
            f'{{"Worker Threads": {{"cpu": 1, "zip": 1}}, "Scheduler": "EFT",\n "DASH API Costs": {{"DASH_ZIP_ZIP": {cost_ns}}}}}'
        )
        done = cedr("emulate", folder / "daemon_config.json", "--app", folder / "zips.cedrrec", "--json")
        assert "daemon_config.json:2: 'DASH API Costs'.DASH_ZIP_ZIP: taken for DASH_ZIP_zip" in done.err
        assert ("a cost of 0: schedulers believe" in done.err) == warned
        result = done.json
        assert [pe for pe, share in result["utilisation"].items() if share] == [used]
        assert result["applications"][0]["cum_ns"] == 3 * cost("zip", used[:-1])


def test_ten_applications_without_queueing(cedr: Cedr, folder: Path) -> None:
    """CEDR's daemon ends at them."""
    (folder / "daemon_config.json").write_text(
        '{"Worker Threads": {"cpu": 2, "zip": 1}, "Scheduler": "EFT", "Features": {"Enable Queueing": false}}'
    )
    apps = [word for place in range(10) for word in ("--app", f"{folder / 'zips.cedrrec'}:{place + 1}")]
    result = cedr("emulate", folder / "daemon_config.json", *apps, "--json").json
    assert [entry["finished"] for entry in result["applications"]] == list(range(1, 11))
    assert result["tasks"] == 3 * 55 and all(share > 0.5 for pe, share in result["utilisation"].items() if pe == "zip1")


def test_applications_come_from_one_place(cedr: Cedr, folder: Path) -> None:
    done = cedr("emulate", folder / "daemon_config.json")
    assert done.status == 1 and "names no application; give --app MODEL[:N[:PERIOD_US]]" in done.err
    done = cedr("emulate", folder / "mix.toml", "--app", "vgg_digits")
    assert done.status == 1 and "a scenario names its applications" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"Worker Threads": {"cpu": 0}}', "daemon_config.json:1: 'Worker Threads'.cpu: needs an integer from 1"),
        ('{"Worker Threads": {"cpu": -1}}', "daemon_config.json:1: 'Worker Threads'.cpu: needs an integer from 1"),
        ('{"Scheduler": "BEST"}', "daemon_config.json:1: Scheduler: there is no scheduler 'BEST'; there are SIMPLE"),
        ('{"Random Seed": "x"}', "daemon_config.json:1: 'Random Seed': needs an integer from 0"),
        ('{"Scheduler": "EFT"', "daemon_config.json:1: not JSON: "),
        (
            '{\n "Worker Thread": {}}',
            "daemon_config.json:2: Worker Thread: unknown key; the keys here are Worker Threads",
        ),
    ],
)
def test_a_configuration_that_ends_cedr_is_refused(cedr: Cedr, folder: Path, text: str, message: str) -> None:
    (folder / "daemon_config.json").write_text(text)
    done = cedr("emulate", folder / "daemon_config.json", "--app", folder / "zips.cedrrec", "--out", folder / "out")
    assert done.status == 1 and done.out == "" and message in done.err.replace("'Worker Thread'", "Worker Thread")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("app", ["{}:x", "{}:0", "{}:-1", "{}:1:x", "{}:1:-1", "{}:1:2:3", ""])
def test_an_app_with_a_bad_number(cedr: Cedr, folder: Path, app: str) -> None:
    done = cedr("emulate", folder / "daemon_config.json", "--app", app.format(folder / "zips.cedrrec"))
    assert done.status == 1 and "cedr emulate: --app " in done.err and "write MODEL[:N[:PERIOD_US]]" in done.err


def test_an_app_that_is_not_there(cedr: Cedr, folder: Path) -> None:
    done = cedr("emulate", folder / "daemon_config.json", "--app", "nothing:2")
    assert done.status == 1 and "cedr emulate: --app nothing: no model 'nothing'" in done.err


# ---- faults ----


@pytest.mark.parametrize("os_model", ["ideal", "linux-cfs"])
def test_faults_that_are_survived(cedr: Cedr, folder: Path, os_model: str) -> None:
    """A core stops, an instance crashes, a task fails: reported, and the run is a success."""
    faults = """
[[fault]]
pe = "cpu2"
at_us = 20
kind = "stop"

[[fault]]
pe = "cpu1"
at_us = 30
kind = "error"

[[fault]]
application = "sums"
instance = 7
at_us = 0
kind = "crash"
"""
    (folder / "mix.toml").write_text(SCENARIO + faults)
    done = cedr("emulate", folder / "mix.toml", "--os-model", os_model, "--json")
    assert done.status == 0
    result = done.json
    assert [(entry["finished"], entry["failed"]) for entry in result["applications"]] == [(4, 0), (29, 1)]
    assert result["tasks"] >= 4 * 3 + 29 * 2
    crash = next(fault for fault in result["faults"] if fault["kind"] == "crash")
    assert list(crash) == ["kind", "at_ns", "fault", "pe", "application", "instance", "task", "action", "text"]
    assert (crash["fault"], crash["application"], crash["instance"], crash["action"]) == (2, "sums", 7, "failed")
    assert {fault["fault"] for fault in result["faults"]} == {0, 1, 2}
    shown = cedr("emulate", folder / "mix.toml", "--os-model", os_model).out
    assert "sums 7 crashes" in shown and "cpu2 stops" in shown


# ---- refusals ----


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"zips.cedrrec"', '"none.cedrrec"', "mix.toml:4: application[0].model: "),
        ('"zips.cedrrec"', '"mix.cedrrec"', "mix.toml:4: application[0].model: "),
        ('"zips.cedrrec"', '"vgg_digit"', "mix.toml:4: application[0].model: no model 'vgg_digit'"),
        ('"zips.cedrrec"', '"none.py:f"', "mix.toml:4: application[0].model: "),
        ('"zips.cedrrec"', '"none.mlir"', "mix.toml:4: application[0].model: "),
        ('"zips.cedrrec"', '"sub"', "mix.toml:4: application[0].model: "),
        ('"zips.cedrrec"', '"sub/none"', "sub/none': it is neither a zoo model"),
        ("C2+Z1", "Z1", "no PE of Z1 offers kernel"),
        ("C2+Z1", "C2+X1", "mix.toml:1: hw: composition 'C2+X1': no PE type at 'X1'"),
        ("instances = 4", "instances = many", "mix.toml:5: not TOML"),
        ("instances = 4", "instance = 4", "mix.toml:5: application[0].instance: unknown key"),
        ('hw = "C2+Z1"', "warmup_us = 1e9", "instances arrive before the warm-up is over"),
        (
            "[[application]]",
            "[[fault]]\npe = 'cpu1'\nat_us = 1\nkind = 'dma_timeout'\n[[application]]",
            "mix.toml:3: fault[0]: no call of this run uses a DMA on cpu1 that could time out",
        ),
        (
            'hw = "C2+Z1"',
            "scheduler = 'ORACLE'\n[[fault]]\npe = 'cpu1'\nat_us = 1\nkind = 'stop'",
            "scheduler ORACLE: the best schedule is looked for beforehand, and faults would overturn it",
        ),
        (
            "[[application]]",
            "[[fault]]\npe = 'cpu9'\nat_us = 1\nkind = 'stop'\n[[application]]",
            "fault[0].pe: no PE 'cpu9' in",
        ),
    ],
)
def test_a_scenario_that_is_refused(cedr: Cedr, folder: Path, old: str, new: str, message: str) -> None:
    (folder / "mix.cedrrec").write_text("no record")
    (folder / "mix.toml").write_text(SCENARIO.replace(old, new, 1))
    done = cedr("emulate", folder / "mix.toml", "--out", folder / "out", "--json")
    assert done.status == 1 and done.out == "" and message in done.err and "cedr emulate: " in done.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scheduler", "BEST"), "there is no scheduler 'BEST'; there are SIMPLE"),
        (("--hw", "C0"), "composition 'C0'"),
        (("--platform", "zcu103"), "no platform 'zcu103'"),
        (("--without", "polling"), "without polling: the OS model ideal has no effects to leave out"),
    ],
)
def test_options_that_are_refused(cedr: Cedr, folder: Path, options: tuple[str, ...], message: str) -> None:
    done = cedr("emulate", folder / "mix.toml", *options)
    assert done.status == 1 and message in done.err and "mix.toml" not in done.err


@pytest.mark.parametrize(
    "options",
    [(), ("a", "b"), ("mix.toml", "--seed", "-1"), ("mix.toml", "--seed", "x"), ("mix.toml", "--os-model", "none")],
)
def test_wrong_usage(cedr: Cedr, options: tuple[str, ...]) -> None:
    assert cedr("emulate", *options).status == 2


@pytest.mark.parametrize("limit", ["0", "0.0", "-1", "nan", "inf", "soon"])
def test_a_time_limit_is_above_0(cedr: Cedr, folder: Path, limit: str) -> None:
    done = cedr("emulate", folder / "mix.toml", f"--record-timeout-s={limit}")
    assert done.status == 2 and f"--record-timeout-s: needs a number above 0, got '{limit}'" in done.err
    assert cedr("emulate", folder / "mix.toml", "--record-timeout-s=0.001").status == 0, "records need no process"


def test_a_file_that_is_not_there(cedr: Cedr, folder: Path) -> None:
    for name in ("none.toml", "none.json", "none"):
        done = cedr("emulate", folder / name, *(["--app", "a"] if name == "none.json" else []))
        assert done.status == 1 and f"{folder / name}: can't be read: No such file" in done.err
    done = cedr("emulate", folder)
    assert done.status == 1 and "can't be read: Is a directory" in done.err


def test_a_record_that_is_cut_short(cedr: Cedr, folder: Path) -> None:
    data = (folder / "zips.cedrrec").read_bytes()
    (folder / "zips.cedrrec").write_bytes(data[: len(data) // 2])
    done = cedr("emulate", folder / "mix.toml")
    assert done.status == 1 and "zips" in done.err
    assert np.fromfile(folder / "zips.cedrrec", np.uint8).size == len(data) // 2
