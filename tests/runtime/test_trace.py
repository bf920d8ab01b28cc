"""CEDR's timing_trace.log to the letter, tasks.csv, and the tables."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedr.runtime.report import (
    INSTANCE_COLUMNS,
    OUT_FILES,
    PE_COLUMNS,
    duration,
    energy_j,
    pe_use,
    print_report,
    write_instances_csv,
    write_out,
    write_pes_csv,
)
from cedr.runtime.result import EmulationResult
from cedr.runtime.trace import (
    CSV_COLUMNS,
    WRITERS,
    AppruntimeTrace,
    LogError,
    ScheduleTrace,
    TasksCsv,
    TimingTrace,
    log_name,
    read_appruntime_trace,
    read_schedule_trace,
    read_timing_trace,
    streaming_logs,
    write_log,
)
from cedr.target.files import OutputError
from cedr.target.platform import Platform, Power, load_platform, parse_composition
from tests.runtime.runs import empty_run, hand_made, random_run, with_a_failure

# A line of the real thing, from a run of UA-RCL/CEDR 96eeda6.
CEDR_LINE = (
    "app_id: 0, app_name: radar_correlator-x86, task_id: 0, task_name: DASH_FFT, resource_name: cpu1, "
    "ref_start_time: 1392035607860, ref_stop_time: 1392035666357, actual_exe_time: 58497"
)

CEDR_ROUNDS = (
    "ready_queue_size: 1, ref_start_time: 1392035564345, ref_stop_time: 1392035619017, sheduling_overhead: 54672 ns\n"
    "ready_queue_size: 2, ref_start_time: 1392035664345, ref_stop_time: 1392035747188, sheduling_overhead: 82843 ns\n"
    "total_ready_tasks: 3, total_scheduling_overhead: 137515 ns"
)
CEDR_APP = (
    "app_id: 0, app_name: radar_correlator-x86, ref_arrival_time: 1392031503678, ref_start_time: 1392031522326, "
    "ref_end_time: 1392035905152, app_runtime: 4382826, app_lifetime: 4401474 \n"
)


def with_rounds(result: EmulationResult) -> EmulationResult:
    """Three rounds, of 1, 2 and 1 tasks."""
    return replace(
        result,
        round_start_ns=np.array([0, 990, 2500], np.int64),
        round_end_ns=np.array([5, 1000, 2500], np.int64),
        round_ready=np.array([1, 2, 1], np.int64),
    )


def keys_of(line: str) -> list[str]:
    return [part.split(": ")[0] for part in line.split(", ")]


def test_timing_trace(tmp_path: Path) -> None:
    path = tmp_path / "timing_trace.log"
    write_log(hand_made(), path, TimingTrace)
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
    write_log(hand_made(), path, TasksCsv)
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
        "core": "",
        "ready_ns": "0",
        "start_ns": "0",
        "end_ns": "1500",
        "wait_ns": "0",
        "duration_ns": "1500",
        "cost_ns": "",
        "macs": "0",
        "flops": "320",
        "bytes_in": "128",
        "bytes_out": "128",
        "failed": "0",
        "warmup": "0",
    }
    assert rows[3]["app_name"] == hand_made().app_names[1] and rows[3]["label"] == "b,c:1"
    assert [row["wait_ns"] for row in rows] == ["0", "0", "1000", "500", "400"]


def test_tasks_csv_with_cores_and_costs(tmp_path: Path) -> None:
    known = replace(
        hand_made(),
        core_of=np.array([1, 2, -1], np.int32),
        cost_ns=np.array([[1001, 1001, 1400], [400, 2000, 1]], np.int64),
    )
    write_log(known, tmp_path / "t.csv", TasksCsv)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text(), newline="")))
    assert [row["core"] for row in rows] == ["", "1", "1", "2", ""]
    assert [row["cost_ns"] for row in rows] == ["1400", "1001", "400", "2000", "1"]


def test_a_failed_attempt_is_marked_in_the_csv_and_no_line_of_the_log(tmp_path: Path) -> None:
    result = with_a_failure(hand_made())
    write_log(result, tmp_path / "t.csv", TasksCsv)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text(), newline="")))
    assert [row["failed"] for row in rows] == ["0", "0", "0", "1", "0"]
    write_log(result, tmp_path / "t.log", TimingTrace)
    log = read_timing_trace(tmp_path / "t.log")
    assert log.start_ns.tolist() == [0, 1000, 2500, 3000] and log.app_id.tolist() == [0, 1, 0, 1]


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="core_of has 2 entries for 3 PEs"):
        replace(hand_made(), core_of=np.array([1, 2], np.int32))
    with pytest.raises(ValueError, match="differ in length"):
        replace(hand_made(), failed=np.array([True]))
    with pytest.raises(ValueError, match=r"cost_ns has the shape \(3, 2\) for 2 classes and 3 PEs"):
        replace(hand_made(), cost_ns=np.ones((3, 2), np.int64))
    with pytest.raises(ValueError, match="deadline_ns has 1 entries for 2 applications"):
        replace(hand_made(), deadline_ns=np.array([1], np.int64))


def test_schedule_trace(tmp_path: Path) -> None:
    path = tmp_path / "schedule_trace.log"
    write_log(with_rounds(hand_made()), path, ScheduleTrace)
    assert path.read_text() == (
        "ready_queue_size: 1, ref_start_time: 0, ref_stop_time: 5, sheduling_overhead: 5 ns\n"
        "ready_queue_size: 2, ref_start_time: 990, ref_stop_time: 1000, sheduling_overhead: 10 ns\n"
        "ready_queue_size: 1, ref_start_time: 2500, ref_stop_time: 2500, sheduling_overhead: 0 ns\n"
        "total_ready_tasks: 4, total_scheduling_overhead: 15 ns"
    )
    for line, real in zip(path.read_text().splitlines()[2:], CEDR_ROUNDS.splitlines()[1:], strict=True):
        assert keys_of(line) == keys_of(real)


def test_appruntime_trace_is_in_the_order_of_the_ends(tmp_path: Path) -> None:
    result = replace(
        hand_made(),
        arrivals_ns=np.array([0, 900, 2000], np.int64),
        starts_ns=np.array([10, 1000, 2000], np.int64),
        ends_ns=np.array([3002, 3001, -1], np.int64),
    )
    path = tmp_path / "appruntime_trace.log"
    write_log(result, path, AppruntimeTrace)
    assert path.read_text() == (
        "app_id: 1, app_name: radar, ref_arrival_time: 900, ref_start_time: 1000, ref_end_time: 3001, "
        "app_runtime: 2001, app_lifetime: 2101 \n"
        "app_id: 0, app_name: radar, ref_arrival_time: 0, ref_start_time: 10, ref_end_time: 3002, "
        "app_runtime: 2992, app_lifetime: 3002 \n"
    )
    assert keys_of(path.read_text().splitlines()[0]) == keys_of(CEDR_APP.rstrip("\n"))
    assert result.latency_ns.tolist() == [3002, 2101]


def test_names_are_cut_to_49_bytes() -> None:
    assert log_name("a, b\nc") == "a_ b_c"
    assert log_name("\u00e9" * 30) == "\u00e9" * 24


@pytest.mark.parametrize("n_tasks", [1, 50_000, 120_001])
def test_as_many_lines_as_tasks_in_order(n_tasks: int, tmp_path: Path) -> None:
    result = random_run(n_tasks)
    write_log(result, tmp_path / "t.log", TimingTrace)
    write_log(result, tmp_path / "t.csv", TasksCsv)
    lines = (tmp_path / "t.log").read_text().splitlines()
    assert len(lines) == n_tasks
    starts = [int(line.split("ref_start_time: ")[1].split(",")[0]) for line in lines]
    assert starts == sorted(starts) == result.start_ns.tolist()
    table = (tmp_path / "t.csv").read_text().splitlines()
    assert len(table) == n_tasks + 1
    assert [int(line.split(",")[2]) for line in table[1:]] == list(range(n_tasks))


def test_an_empty_run(tmp_path: Path) -> None:
    paths = {path.name: path.read_text() for path in write_out(empty_run(), tmp_path / "out")}
    assert tuple(paths) == tuple(name for name in OUT_FILES if name != "faults.csv")
    assert paths["timing_trace.log"] == "" and paths["tasks.csv"] == ",".join(CSV_COLUMNS) + "\n"
    assert paths["schedule_trace.log"] == "total_ready_tasks: 0, total_scheduling_overhead: 0 ns"


def test_out_holds_whole_files_and_repeats_to_the_byte(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_out(random_run(300), tmp_path / "a", "net")]
    again = [path.read_bytes() for path in write_out(random_run(300), tmp_path / "b", "net")]
    assert first == again and sorted(os.listdir(tmp_path / "a")) == sorted({*OUT_FILES} - {"faults.csv"})


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OutputError, match=r"out/timing_trace\.log: can't be written: "):
        write_out(hand_made(), tmp_path / "out")


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    broken = replace(hand_made(), pe=np.array([2, 0, 0, 9, 2], np.int32))
    for writer in (TimingTrace, TasksCsv):
        with pytest.raises(IndexError):
            write_log(broken, tmp_path / "t", writer)
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
    assert energy_j(hand_made(), with_power(platform), composition) is None
    assert energy_j(hand_made(), with_power(platform, cpu=("2", "0.5")), composition) is None
    powered = with_power(platform, cpu=("2", "0.5"), fft=("4", "1"))
    busy_nj = 2 * (1501 + 2000) + 4 * 1501
    idle_nj = 0.5 * (2 * 5000 - 1501 - 2000) + 5000 - 1501
    assert platform.static_w is not None
    static_nj = float(platform.static_w.value) * 5000
    wanted = pytest.approx((busy_nj + idle_nj + static_nj) * 1e-9, rel=1e-12)
    assert energy_j(hand_made(), powered, composition) == wanted
    without = replace(powered, static_w=None)
    assert energy_j(hand_made(), without, composition) == pytest.approx((busy_nj + idle_nj) * 1e-9, rel=1e-12)


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


def test_instances_and_pes_as_tables(tmp_path: Path) -> None:
    result = replace(hand_made(), core_of=np.array([1, 2, -1], np.int32), ends_ns=np.array([3000, 3001, -1], np.int64))
    write_instances_csv(result, tmp_path / "i.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "i.csv").read_text(), newline="")))
    assert tuple(rows[0]) == INSTANCE_COLUMNS
    assert rows[1] == ["0", "radar", "0", "0", "3000", "3000", "3000", "2", "2000", "", "", "0", "0"]
    assert rows[3] == ["2", result.app_names[1], "2000", "2000", "", "", "", "1", "2000", "", "", "1", "0"]
    write_pes_csv(result, tmp_path / "p.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "p.csv").read_text(), newline="")))
    assert tuple(rows[0]) == PE_COLUMNS
    assert rows[1:4] == [
        ["cpu1", "1", "fft", "1", "1001", f"{1001 / 4500:.6f}"],
        ["cpu1", "1", "zip", "1", "500", f"{500 / 4500:.6f}"],
        ["cpu1", "1", "all", "2", "1501", f"{1501 / 4500:.6f}"],
    ]
    assert [row[:4] for row in rows if row[2] == "all"] == [
        ["cpu1", "1", "all", "2"],
        ["cpu2", "2", "all", "1"],
        ["fft1", "", "all", "2"],
    ]


# Streaming.


def test_pieces_add_up_to_the_whole() -> None:
    result = with_rounds(random_run(1000))
    pieces = list(result.pieces(300))
    assert [len(piece.tasks) for piece in pieces] == [300, 300, 300, 100]
    assert np.concatenate([piece.tasks.start_ns for piece in pieces]).tolist() == result.start_ns.tolist()
    assert [len(piece.rounds) for piece in pieces] == [3, 0, 0, 0]
    assert sum(len(piece.instances) for piece in pieces) == 1
    assert list(empty_run().pieces()) != [] and len(empty_run()) == 0


def test_streamed_files_are_those_written_at_once_and_grow_by_whole_lines(tmp_path: Path) -> None:
    result = with_rounds(random_run(1000))
    seen = []
    with streaming_logs(tmp_path / "streamed", result.names) as logs:
        for piece in result.pieces(130):
            logs.write(piece)
            text = (tmp_path / "streamed" / "timing_trace.log").read_text()
            assert text.endswith("\n")
            seen.append(text.count("\n"))
    assert seen == [130, 260, 390, 520, 650, 780, 910, 1000]
    for name, writer in WRITERS.items():
        write_log(result, tmp_path / "whole" / name, writer)
        assert (tmp_path / "streamed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    first, second = random_run(200).pieces(100)
    with (
        pytest.raises(ValueError, match="not ascending by start"),
        streaming_logs(tmp_path, random_run(1).names) as logs,
    ):
        logs.write(second)
        logs.write(first)
    left = read_timing_trace(tmp_path / "timing_trace.log")
    assert len(left.app_id) == 100 and not left.cut
    assert not read_schedule_trace(tmp_path / "schedule_trace.log").complete


def test_streaming_to_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with (
        pytest.raises(OutputError, match=r"out/timing_trace\.log: can't be written: "),
        streaming_logs(tmp_path / "out", hand_made().names),
    ):
        raise AssertionError("the files are opened first")


def test_streaming_removes_what_an_earlier_run_made(tmp_path: Path) -> None:
    write_out(hand_made(), tmp_path)
    (tmp_path / "mine.txt").touch()
    with streaming_logs(tmp_path, hand_made().names):
        assert {path.name for path in tmp_path.iterdir()} == {*WRITERS, "mine.txt"}


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "gantt.svg").mkdir()
    with (
        pytest.raises(OutputError, match=r"gantt\.svg: can't be written: "),
        streaming_logs(tmp_path, hand_made().names),
    ):
        raise AssertionError("earlier files are removed before")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "tasks.csv").symlink_to("/dev/full")
    with (
        pytest.raises(OutputError, match=r"tasks\.csv: can't be written: No space left"),
        streaming_logs(tmp_path, hand_made().names),
    ):
        raise AssertionError("the header is written first")


KILLED = """
import os, signal, sys
from cedr.runtime.trace import streaming_logs
from tests.runtime.runs import random_run
result = random_run(10_000)
with streaming_logs(sys.argv[1], result.names) as logs:
    for number, piece in enumerate(result.pieces(700)):
        if number == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        logs.write(piece)
"""


def test_a_killed_run_leaves_what_was_written(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    timing = read_timing_trace(tmp_path / "timing_trace.log")
    expected = random_run(10_000)
    n = 9 * 700
    assert timing.start_ns.tolist() == expected.start_ns[:n].tolist() and not timing.cut
    assert timing.exe_ns.tolist() == (expected.end_ns - expected.start_ns)[:n].tolist()
    assert (tmp_path / "tasks.csv").read_text().count("\n") == 1 + n
    schedule = read_schedule_trace(tmp_path / "schedule_trace.log")
    assert not schedule.complete and not schedule.cut
    assert len(read_appruntime_trace(tmp_path / "appruntime_trace.log").app_id) <= 1


def test_streaming_takes_memory_by_the_piece(tmp_path: Path) -> None:
    """Eight times the rows, no more memory."""
    peaks = []
    for n_tasks in (2000, 16_000):
        result = random_run(n_tasks)
        tracemalloc.start()
        with streaming_logs(tmp_path, result.names) as logs:
            for piece in result.pieces(1000):
                logs.write(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# Reading.


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    result = with_rounds(hand_made())
    timing_path, schedule_path, app_path, *_ = write_out(result, tmp_path)
    timing = read_timing_trace(timing_path)
    assert timing.app_id.tolist() == result.instance.tolist() and timing.task_id.tolist() == result.task.tolist()
    assert [timing.pes[pe] for pe in timing.pe] == [result.pes[pe] for pe in result.pe]
    assert [timing.apis[api] for api in timing.api] == ["fft", "fft", "zip", "zip", "zip"]
    assert timing.stop_ns.tolist() == result.end_ns.tolist() and timing.app.tolist() == result.app.tolist()
    assert timing.app_names == tuple(log_name(name) for name in result.app_names) and not timing.cut
    schedule = read_schedule_trace(schedule_path)
    assert schedule.ready.tolist() == [1, 2, 1] and schedule.overhead_ns.tolist() == [5, 10, 0]
    assert schedule.complete and not schedule.cut
    apps = read_appruntime_trace(app_path)
    assert apps.app_id.tolist() == [0, 1, 2] and apps.lifetime_ns.tolist() == result.latency_ns.tolist()


def test_cedr_s_own_lines_are_read(tmp_path: Path) -> None:
    timing = read_timing_trace(write(tmp_path / "t.log", CEDR_LINE + "\n"))
    assert (timing.app_names, timing.apis, timing.pes) == (("radar_correlator-x86",), ("DASH_FFT",), ("cpu1",))
    assert timing.exe_ns.tolist() == [58497]
    for text in (CEDR_ROUNDS, CEDR_ROUNDS.replace("sheduling", "scheduling").replace("\n", "\r\n")):
        schedule = read_schedule_trace(write(tmp_path / "s.log", text))
        assert schedule.overhead_ns.tolist() == [54672, 82843] and schedule.complete
    apps = read_appruntime_trace(write(tmp_path / "a.log", CEDR_APP))
    assert apps.runtime_ns.tolist() == [4382826] and apps.app_names == ("radar_correlator-x86",)


@given(st.text())
def test_any_name_is_read_as_it_was_written(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.log"
        write_log(replace(hand_made(), app_names=(name, f"{name}, task_id: 7")), path, TimingTrace)
        timing = read_timing_trace(path)
        names = [timing.app_names[app] for app in timing.app]
    first, second = log_name(name), log_name(f"{name}, task_id: 7")
    assert names == [first, first, first, second, first]


def test_a_comma_in_a_name_of_cedr_s_is_read(tmp_path: Path) -> None:
    line = CEDR_LINE.replace("radar_correlator-x86", "a, b") + "\n"
    assert read_timing_trace(write(tmp_path / "t.log", line)).app_names == ("a, b",)


def test_a_line_cut_anywhere_is_recognised(tmp_path: Path) -> None:
    text = f"{CEDR_LINE}\n{CEDR_LINE}\n"
    for end in range(len(CEDR_LINE) + 1, len(text), 5):
        timing = read_timing_trace(write(tmp_path / "t.log", text[:end]))
        assert len(timing.app_id) == 1 and timing.cut == (end > len(CEDR_LINE) + 1)
    lines = [0, *(i + 1 for i, c in enumerate(CEDR_ROUNDS) if c == "\n")]
    for end in range(len(CEDR_ROUNDS)):
        schedule = read_schedule_trace(write(tmp_path / "s.log", CEDR_ROUNDS[:end]))
        assert len(schedule.ready) == sum(begin <= end for begin in lines[1:])
        assert not schedule.complete and schedule.cut == (end not in lines)


LATER = CEDR_LINE.replace("ref_stop_time: 1392035666357", "ref_stop_time: 1")


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_timing_trace, CEDR_LINE + "\nhello\n", "x.log:2: expected `app_id: ` and a number, got 'hello'"),
        (read_timing_trace, CEDR_LINE.replace("task_id", "taskid") + "\n", "x.log:1: expected `task_id: ` and a number, got 'taskid: 0,"),
        (read_timing_trace, CEDR_LINE.replace(", actual_exe_time: 58497", ", ") + "\n", "x.log:1: expected `actual_exe_time: ` and a number to end the line, got the end of the line"),
        (read_timing_trace, CEDR_LINE + "x\n", "x.log:1: expected `actual_exe_time: ` and a number to end the line, got 'actual_exe_time: 58497x'"),
        (read_timing_trace, CEDR_LINE.replace("58497", "9" * 19) + "\n", "x.log:1: actual_exe_time is at most 9223372036854775807, got 9999999999999999999"),
        (read_timing_trace, LATER + "\n", "x.log:1: ref_stop_time 1 is before ref_start_time 1392035607860"),
        (read_timing_trace, "\n", "x.log:1: expected `app_id: ` and a number, got the end of the line"),
        (read_schedule_trace, CEDR_ROUNDS.replace("137515", "137516"), "x.log:3: total_scheduling_overhead is 137516, but the rounds add up to 137515"),
        (read_schedule_trace, CEDR_ROUNDS.replace("tasks: 3", "tasks: 4"), "x.log:3: total_ready_tasks is 4, but the rounds add up to 3"),
        (read_schedule_trace, CEDR_ROUNDS + "\n" + CEDR_ROUNDS, "x.log:4: a line after the totals of line 3"),
        (read_schedule_trace, CEDR_ROUNDS.replace("82843 ns", "82843"), "x.log:2: expected `sheduling_overhead: ` and a number in ns to end the line, got 'sheduling_overhead: 82843'"),
        (read_appruntime_trace, CEDR_APP.replace("4382826", "-1"), "x.log:1: expected `app_runtime: ` and a number, got 'app_runtime: -1, app_lifetime: 4401474 '"),
    ],
)  # fmt: skip
def test_lines_that_are_none_are_refused(
    read: Callable[[Path], object], text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(LogError) as refusal:
        read(write(tmp_path / "x.log", text))
    assert message in str(refusal.value)


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for read in (read_timing_trace, read_schedule_trace, read_appruntime_trace):
        with pytest.raises(LogError, match=r"none\.log: can't be read: No such file"):
            read(tmp_path / "none.log")
