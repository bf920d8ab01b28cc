"""CEDR's timing_trace.log to the letter, tasks.csv, and the tables."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cedr.runtime.report import OUT_FILES, duration, energy_j, pe_use, print_report, write_out
from cedr.runtime.trace import CSV_COLUMNS, write_tasks_csv, write_timing_trace
from cedr.target.files import OutputError
from cedr.target.platform import Platform, Power, load_platform, parse_composition
from tests.runtime.runs import empty_run, hand_made, random_run

# A line of the real thing, from a run of UA-RCL/CEDR 96eeda6.
CEDR_LINE = (
    "app_id: 0, app_name: radar_correlator-x86, task_id: 0, task_name: DASH_FFT, resource_name: cpu1, "
    "ref_start_time: 1392035607860, ref_stop_time: 1392035666357, actual_exe_time: 58497"
)


def keys_of(line: str) -> list[str]:
    return [part.split(": ")[0] for part in line.split(", ")]


def test_timing_trace(tmp_path: Path) -> None:
    path = tmp_path / "timing_trace.log"
    write_timing_trace(hand_made(), path)
    odd = 'an_ odd "name"_that is much longer than CEDR\'s forty-nine characters'[:49]
    assert path.read_text() == (
        "app_id: 0, app_name: radar, task_id: 0, task_name: fft, resource_name: fft1, "
        "ref_start_time: 0, ref_stop_time: 1500, actual_exe_time: 1500\n"
        "app_id: 1, app_name: radar, task_id: 0, task_name: fft, resource_name: cpu1, "
        "ref_start_time: 1000, ref_stop_time: 2001, actual_exe_time: 1001\n"
        "app_id: 0, app_name: radar, task_id: 1, task_name: zip, resource_name: cpu1, "
        "ref_start_time: 2500, ref_stop_time: 3000, actual_exe_time: 500\n"
        f"app_id: 2, app_name: {odd}, task_id: 0, task_name: zip, resource_name: cpu2, "
        "ref_start_time: 2500, ref_stop_time: 4500, actual_exe_time: 2000\n"
        "app_id: 1, app_name: radar, task_id: 1, task_name: zip, resource_name: fft1, "
        "ref_start_time: 3000, ref_stop_time: 3001, actual_exe_time: 1\n"
    )
    for line in path.read_text().splitlines():
        assert keys_of(line) == keys_of(CEDR_LINE)


def test_tasks_csv(tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    write_tasks_csv(hand_made(), path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS and len(rows) == 5
    assert rows[0] == {
        "app_id": "0",
        "app_name": "radar",
        "task_id": "0",
        "api": "fft",
        "label": "a:0",
        "dtype": "c64",
        "shape": "b=1 n=16 inverse=True",
        "pe": "fft1",
        "ready_ns": "0",
        "start_ns": "0",
        "end_ns": "1500",
        "wait_ns": "0",
        "duration_ns": "1500",
        "macs": "0",
        "flops": "320",
        "bytes_in": "128",
        "bytes_out": "128",
    }
    assert rows[3]["app_name"] == hand_made().app_names[1] and rows[3]["label"] == "b,c:1"
    assert [row["wait_ns"] for row in rows] == ["0", "0", "1000", "500", "400"]


@pytest.mark.parametrize("n_tasks", [1, 50_000, 120_001])
def test_as_many_lines_as_tasks_in_order(n_tasks: int, tmp_path: Path) -> None:
    result = random_run(n_tasks)
    write_timing_trace(result, tmp_path / "t.log")
    write_tasks_csv(result, tmp_path / "t.csv")
    lines = (tmp_path / "t.log").read_text().splitlines()
    assert len(lines) == n_tasks
    starts = [int(line.split("ref_start_time: ")[1].split(",")[0]) for line in lines]
    assert starts == sorted(starts) == result.start_ns.tolist()
    table = (tmp_path / "t.csv").read_text().splitlines()
    assert len(table) == n_tasks + 1
    assert [int(line.split(",")[2]) for line in table[1:]] == list(range(n_tasks))


def test_an_empty_run(tmp_path: Path) -> None:
    paths = write_out(empty_run(), tmp_path / "out")
    assert tuple(path.name for path in paths) == OUT_FILES and all(path.exists() for path in paths)
    assert paths[0].read_text() == "" and paths[1].read_text().splitlines() == [",".join(CSV_COLUMNS)]


def test_out_holds_whole_files_and_repeats_to_the_byte(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_out(random_run(300), tmp_path / "a", "net")]
    again = [path.read_bytes() for path in write_out(random_run(300), tmp_path / "b", "net")]
    assert first == again and sorted(os.listdir(tmp_path / "a")) == sorted(OUT_FILES)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OutputError, match=r"out/timing_trace\.log: can't be written: "):
        write_out(hand_made(), tmp_path / "out")


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    broken = replace(hand_made(), pe=np.array([2, 0, 0, 9, 2], np.int32))
    for write in (write_timing_trace, write_tasks_csv):
        with pytest.raises(IndexError):
            write(broken, tmp_path / "t")
    assert os.listdir(tmp_path) == []


def test_use_of_the_pes() -> None:
    cpu1, cpu2, fft1 = pe_use(hand_made())
    assert (cpu1.name, cpu1.tasks, cpu1.busy_ns, cpu1.busy_by_api) == ("cpu1", 2, 1501, {"fft": 1001, "zip": 500})
    assert (cpu2.tasks, cpu2.busy_ns, cpu2.utilisation) == (1, 2000, 2000 / 5000)
    assert fft1.busy_by_api == {"fft": 1500, "zip": 1}
    assert [use.utilisation for use in pe_use(empty_run())] == [0.0, 0.0, 0.0]


def with_power(platform: Platform, **watts: tuple[str, str]) -> Platform:
    powers = {name: Power(Fraction(active), Fraction(idle), "estimate") for name, (active, idle) in watts.items()}
    types = tuple(replace(t, power=powers.get(t.name)) for t in platform.pe_types)
    return replace(platform, pe_types=types)


def test_energy() -> None:
    platform = load_platform("zcu102")
    composition = parse_composition(platform, "C2+F1")
    assert energy_j(hand_made(), platform, composition) is None
    assert energy_j(hand_made(), with_power(platform, cpu=("2", "0.5")), composition) is None
    powered = with_power(platform, cpu=("2", "0.5"), fft=("4", "1"))
    busy_nj = 2 * (1501 + 2000) + 4 * 1501
    idle_nj = 0.5 * (2 * 5000 - 1501 - 2000) + 5000 - 1501
    assert energy_j(hand_made(), powered, composition) == pytest.approx((busy_nj + idle_nj) * 1e-9, rel=1e-12)


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1000, "1.000 us"), (1_234_567, "1.235 ms"), (12_345_678_901, "12.346 s")],
)
def test_times_for_people(time_ns: int, text: str) -> None:
    assert duration(time_ns) == text


def printed(result: object, title: str = "") -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=120, color_system=None)
    print_report(result, console, title)  # type: ignore[arg-type]  # a result
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_tables() -> None:
    text = printed(hand_made(), "[radar] on C2+F1")
    assert "[radar] on C2+F1" in text
    for wanted in ("makespan", "5.000 us", "2.001 us to 3.000 us, mean 2.667 us, 3 instances"):
        assert wanted in text
    rows = {
        cells[1]: cells[2:-1] for line in text.splitlines() if len(cells := [c.strip() for c in line.split("│")]) > 3
    }
    assert rows["fft"] == ["2", "2.501 us", "1.250 us", "0.00"]
    assert rows["zip"] == ["3", "2.501 us", "834 ns", "0.00"]
    assert rows["cpu1"] == ["2", "1.501 us", "30.0 %", "fft 67%, zip 33%"]
    assert rows["cpu2"] == ["1", "2.000 us", "40.0 %", "zip 100%"]


def test_the_tables_of_nothing_and_of_one_instance() -> None:
    assert "tasks" in printed(empty_run())
    text = printed(random_run(40))
    assert "instances" not in text and "latency" in text and "conv2d" in text
