"""Applications written against dash.h alone: what is recorded of each way to wait, and which message ends a wrong call.

The applications are in tests/runtime/dash: several in one executable, chosen by name. A record is told in words, by thread:
`S3` three calls, `B` a blocking one, `W(0 1 2)` a wait for tasks, `W2(0 1 2)` for any two of them, `>1` and `<1` the start of
a thread and the wait for its end, `E0` the end. A task is named by its number in its thread, behind the thread's where that is not the main one.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import shutil
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cedr.backend.toolchain import APPLICATION_SOURCES, LIBCEDR, Compiler, find_compiler
from cedr.runtime.emulator import emulate
from cedr.runtime.record import (
    SOME_MASK,
    SOME_SHIFT,
    STEP_BLOCK,
    STEP_HOST,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_SUBMIT,
    STEP_WAIT,
    STEP_WAIT_SOME,
    WAIT_ALTERNATIVES,
    WAIT_AMBIGUOUS,
    WAIT_CONTINUED,
    WAIT_INFERRED,
    WAIT_TENTATIVE,
    Record,
    RecordWriter,
    ThreadStream,
    read_record,
)
from cedr.target.api import CallClass
from cedr.target.platform import class_costs, load_platform, parse_composition
from tests.runtime.checker import check_trace

SOURCES = Path(__file__).parent / "dash"
STRICT = ("-O1", "-Wall", "-Wextra", "-Werror", "-pthread")
FLAGS = {WAIT_INFERRED: "inferred", WAIT_TENTATIVE: "tentative", WAIT_AMBIGUOUS: "ambiguous"}


def build_library(folder: Path, *flags: str) -> None:
    """libcedr.so in a folder."""
    sources = [str(LIBCEDR / name) for name in APPLICATION_SOURCES]
    command = [
        "-std=c11",
        "-Wpedantic",
        *STRICT,
        *flags,
        "-fPIC",
        "-shared",
        *sources,
        "-o",
        "libcedr.so",
        "-lm",
        "-ldl",
    ]
    find_compiler().run(command, folder)


@dataclass(frozen=True)
class Built:
    """Executables that are linked with a libcedr.so beside them."""

    folder: Path

    def build(self, source: str, name: str, *flags: str, link: Sequence[str] | None = None) -> Path:
        compiler = find_compiler(language="c++") if source.endswith(".cpp") else find_compiler()
        linked = (f"-L{self.folder}", "-Wl,--no-as-needed", "-lcedr", f"-Wl,-rpath,{self.folder}")
        standard = "-std=gnu++17" if source.endswith(".cpp") else "-std=gnu11"
        command = [standard, "-D_GNU_SOURCE", *STRICT, *flags, f"-I{LIBCEDR}", str(SOURCES / source), "-o", name]
        compiler.run([*command, *(linked if link is None else link)], self.folder)
        return self.folder / name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dash")
    build_library(folder)
    return Built(folder)


@pytest.fixture(scope="module")
def idioms(built: Built) -> Path:
    return built.build("idioms.c", "idioms")


@pytest.fixture(scope="module")
def idioms_cpp(built: Built) -> Path:
    return built.build("idioms.cpp", "idioms_cpp")


@pytest.fixture(scope="module")
def wrong(built: Built) -> Path:
    return built.build("wrong.c", "wrong")


def start(executable: Path, name: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("CEDR_")}
    return subprocess.run(
        [str(executable), name],
        cwd=cwd,
        env={**own, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def record_of(
    executable: Path, name: str, cwd: Path, status: int = 0, **settings: str
) -> tuple[Record, subprocess.CompletedProcess[str]]:
    path = cwd / f"{name}.cedrrec"
    process = start(executable, name, cwd, CEDR_MODE="record", CEDR_RECORD=str(path), **settings)
    assert process.returncode == status, process.stderr
    return read_record(path), process


def told(record: Record) -> dict[int, str]:
    """A record in words, by thread."""
    names = {
        index: f"{place}" if thread.number == 0 else f"{thread.number}.{place}"
        for thread in record.threads
        for place, index in enumerate(thread.submitted.tolist())
    }
    return {thread.number: " ".join(_words(thread, names)) for thread in record.threads}


def _words(thread: ThreadStream, names: dict[int, str]) -> list[str]:
    words = []
    flags = iter(thread.wait_flags.tolist())
    for kind, a, b in thread.steps.tolist():
        if kind in (STEP_SUBMIT, STEP_BLOCK):
            plain = b - (kind == STEP_BLOCK)
            words += [f"S{plain}"] * (plain > 0) + ["B"] * (kind == STEP_BLOCK)
        elif kind in (STEP_WAIT, STEP_WAIT_SOME):
            known = next(flags)
            some = f"{b >> SOME_SHIFT}" if kind == STEP_WAIT_SOME else ""
            listed = thread.waits[a : a + (b & SOME_MASK)].tolist()
            text = " ".join(sorted((names[index] for index in listed), key=_by_number))
            words.append(f"W{some}({text}){''.join(f' {word}' for flag, word in FLAGS.items() if known & flag)}")
        elif kind == STEP_HOST:
            words.append(f"h{a}")
        else:
            words.append(f"{'>' if kind == STEP_SPAWN else '<' if kind == STEP_JOIN else 'E'}{a}")
    return words


def _by_number(name: str) -> list[int]:
    return [int(part) for part in name.split(".")]


ALL = " ".join(map(str, range(1000)))

C_IDIOMS = {
    "blocking": {0: "B B B E0"},
    "nothing": {0: "E0"},
    "lock_before_the_calls": {0: "S3 W(0 1 2) B E0"},
    "lock_before_the_wait": {0: "S3 W(0 1 2) B E0"},
    "counter_reset": {0: "S2 W(0 1) S2 W(2 3) S2 W(4 5) E0"},
    "counter_goes_on": {0: "S2 W(0 1) S2 W(2 3) S2 W(4 5) E0"},
    "frames": {0: "S1 W(0) S2 W(1 2) S3 W(3 4 5) E0"},
    "frames_never_unlocked": {0: "S1 W(0) S2 W(1 2) S3 W(3 4 5) E0"},
    "fewer_than_all": {0: "S5 W2(0 1 2 3 4) B W(0 1 2 3 4) E0"},
    "many": {0: f"S1000 W({ALL}) E0"},
    "timed_wait": {0: "S3 W(0 1 2) E0"},
    "clock_wait": {0: "S3 W(0 1 2) E0"},
    "recursive_mutex": {0: "S2 W(0 1) E0"},
    "poll_yield": {0: "S4 W3(0 1 2 3) B W(0 1 2 3) E0"},
    "poll_usleep": {0: "S4 W3(0 1 2 3) B W(0 1 2 3) E0"},
    "poll_nanosleep": {0: "S4 W3(0 1 2 3) B W(0 1 2 3) E0"},
    "poll_clock_nanosleep": {0: "S4 W3(0 1 2 3) B W(0 1 2 3) E0"},
    "poll_mutex": {0: "S4 W3(0 1 2 3) B E0"},
    "poll_mutex_and_sleep": {0: "S4 W2(0 1 2 3) B E0"},
    "poll_with_two_sleeps": {0: "S4 W2(0 1 2 3) B W(0 1 2 3) E0"},
    "poll_between_other_locks": {0: "S4 W2(0 1 2 3) B E0"},
    "poll_two_mutexes": {0: "S4 W(0 1) W(2 3) B E0"},
    "poll_trylock": {0: "S4 W3(0 1 2 3) B E0"},
    "spin": {0: "S4 W3(0 1 2 3) inferred B E0"},
    "spin_that_counts": {0: "S4 W3(0 1 2 3) inferred B E0"},
    "spin_with_a_deadline": {0: "S3 W(0 1 2) inferred B E0"},
    "spin_on_one_of_many": {0: "S10 W(9) inferred W(8) inferred B E0"},
    "spin_without_watchpoints": {0: "S4 W3(0 1 2 3) inferred B E0"},
    "spinning_thread_without_watchpoints": {0: "S3 >1 <1 E0", 1: "W(0 1 2) inferred S1 W(1.0) E0"},
    "long_work_without_watchpoints": {0: "S3 B W(0 1 2) E0"},
    "long_work_before_the_wait": {0: "S3 B W(0 1 2) E0"},
    "sleep_before_the_wait": {0: "S3 B W(0 1 2) E0"},
    "if_not_while": {0: "S3 W1(0 1 2) B E0"},
    "orphaned": {0: "S3 B E0"},
    "destroyed": {0: "S4 W(3) E0"},
    "detached": {0: "S1 S1 B E0"},
    # The first two are announced while it waits for the second two.
    "two_counters_on_one_condition": {0: "S4 W(0 1) ambiguous W(2 3) B E0"},
    "uncounted_calls": {0: "S3 W(0 1 2) E0"},
    "by_enqueue_kernel": {0: "S2 W(0 1) E0"},
    "every_kind_of_call": {0: "B " * 15 + "E0"},
    # The first call of a thread gives its number, so its wait stands alone.
    "threads_blocking": {0: ">1 >2 >3 >4 <1 <2 <3 <4 E0", **{n: f"S1 W({n}.0) B E0" for n in (1, 2, 3, 4)}},
    "threads_with_barriers": {
        0: ">1 >2 >3 >4 <1 <2 <3 <4 E0",
        **{n: f"S3 W({n}.0 {n}.1 {n}.2) E0" for n in (1, 2, 3, 4)},
    },
    "shared_barrier": {
        0: ">1 >2 >3 <1 <2 <3 S1 W(0 1.0 1.1 2.0 2.1 3.0 3.1) E0",
        **dict.fromkeys((1, 2, 3), "S2 E0"),
    },
    "shared_barrier_while_waiting": {
        0: ">1 >2 >3 W(1.0 1.1 2.0 2.1 3.0 3.1) <1 <2 <3 E0",
        **dict.fromkeys((1, 2, 3), "S2 E0"),
    },
    "waiter_before_the_calls": {0: ">1 S3 <1 B E0", 1: "W(0 1 2) S1 W(1.0) E0"},
    "spinning_thread": {0: "S3 >1 <1 E0", 1: "W(0 1 2) inferred S1 W(1.0) E0"},
    "polling_thread": {0: "S3 >1 <1 E0", 1: "W(0 1 2) inferred S1 W(1.0) E0"},
    # A task that costs nothing stands for a thread's arrival; a post is waited for by the wait of the same number.
    "threads_meet_at_a_barrier": {
        0: ">1 B S1 W(1.1) B S1 W(1.2) <1 E0",
        1: "S1 W(1.0) S1 W(1) S1 W(3) B E0",
    },
    "semaphores": {
        0: ">1 B S1 W(1.1) B S1 W(1.3) B S1 <1 E0",
        1: "W(1) S1 W(1.0) S1 W(3) B S1 W(5) B S1 E0",
    },
    "thread_exit": {0: ">1 >2 <1 <2 E0", 1: "S1 W(1.0) E0", 2: "S1 W(2.0) E0"},
    "cancelled": {0: ">1 <1 E0", 1: "S1 W(1.0) E0"},
    "main_leaves_first": {0: ">1 B E0", 1: "S1 W(1.0) E0"},
    "thread_never_ends": {0: ">1 B E0", 1: ""},
    "exits": {0: "B E0"},
    "thread_exits_the_process": {0: ">1 E0", 1: "S1 W(1.0) E0"},
    "forks": {0: "S3 W(0 1 2) B S2 W(4 5) E0"},
    "starts_another": {0: "B B E0"},
    "prints_and_writes": {0: "B E0"},
}

#: Waits that only a count of the reads of their counter tells.
WATCHED = ("spin_that_counts", "spin_with_a_deadline", "spin_on_one_of_many")

UNWAITED = {
    "poll_mutex": [3],
    "poll_mutex_and_sleep": [2, 3],
    "poll_between_other_locks": [2, 3],
    "poll_trylock": [3],
    "spin": [3],
    "spin_that_counts": [3],
    "spin_on_one_of_many": list(range(8)),
    "spin_without_watchpoints": [3],
    "if_not_while": [1, 2],
    "orphaned": [0, 1, 2],
    "destroyed": [0, 1, 2],
}
PRINTED = {"forks": "5\n", "starts_another": "3\n", "prints_and_writes": "printed\n"}

CPP_IDIOMS = {
    "condition_variable": {0: "S3 W(0 1 2) B E0"},
    "wait_for": {0: "S3 W(0 1 2) E0"},
    "wait_until": {0: "S3 W(0 1 2) E0"},
    "std_threads": {0: ">1 >2 >3 <1 <2 <3 E0", **{n: f"S2 W({n}.0 {n}.1) E0" for n in (1, 2, 3)}},
    "yields": {0: "S3 W(0 1 2) E0"},
    "sleeps": {0: "S3 W(0 1 2) E0"},
    "spins_on_atomic": {0: "S3 W(0 1 2) inferred E0"},
    "locks": {0: "S3 W(0 1 2) E0"},
    "static_destructor": {0: "B B E0"},
}


def check(executable: Path, name: str, wanted: dict[int, str], cwd: Path) -> None:
    """The record is as wanted, the application does the same when it is executed, and when it just runs."""
    record, process = record_of(executable, name, cwd)
    assert record.complete and record.exit_code == 0 and record.host_time == "off"
    assert told(record) == wanted and process.stderr == ""
    assert record.unwaited().tolist() == UNWAITED.get(name, [])
    arrivals = [i for i, number in enumerate(record.class_of.tolist()) if record.classes[number].api == "join"]
    assert record.detached.tolist() == ([0, 1] if name == "detached" else arrivals)
    executed = start(executable, name, cwd, CEDR_MODE="execute", CEDR_RECORD=str(cwd / f"{name}.cedrrec"))
    for other in (process, executed, start(executable, name, cwd)):
        assert (other.returncode, other.stdout, other.stderr) == (0, PRINTED.get(name, ""), "")


def may_watch_memory() -> bool:
    """Whether Linux lets a process count its reads of an address, which containers may forbid (perf_event_open(2))."""
    number = {"x86_64": 298, "aarch64": 241}.get(platform.machine())
    watched = ctypes.c_uint32()
    breakpoint_event, this_thread, any_processor, read_or_write, exclude_kernel = 5, 0, -1, 3, 1 << 5
    attributes = struct.pack(
        "=IIQQQQQIIQQ", breakpoint_event, 72, 0, 0, 0, 0, exclude_kernel, 0, read_or_write, ctypes.addressof(watched), 4
    )
    if number is None:
        return False
    event = ctypes.CDLL(None).syscall(number, attributes, this_thread, any_processor, -1, 0)
    if event >= 0:
        os.close(event)
    return bool(event >= 0)


@pytest.mark.parametrize("name", C_IDIOMS)
def test_c_idioms(idioms: Path, name: str, tmp_path: Path) -> None:
    if name in WATCHED and not may_watch_memory():
        pytest.skip("Linux gives no watchpoints here")
    check(idioms, name, C_IDIOMS[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CPP_IDIOMS)
def test_cpp_idioms(idioms_cpp: Path, name: str, tmp_path: Path) -> None:
    check(idioms_cpp, name, CPP_IDIOMS[name], tmp_path)


def test_one_of_two_waiters_only_looks(idioms: Path, tmp_path: Path) -> None:
    record, _ = record_of(idioms, "two_waiters", tmp_path)
    words = told(record)
    seen = {words[0], words[1]}
    assert seen <= {
        f"{before}W(0 1 2){flag} {behind}"
        for before, behind in (("S3 >1 ", "<1 E0"), ("", "S1 W(1.0) E0"))
        for flag in ("", " tentative")
    }
    assert sum("tentative" in text for text in seen) <= 1
    executed = start(idioms, "two_waiters", tmp_path, CEDR_MODE="execute", CEDR_RECORD=str(record.path))
    assert (executed.returncode, executed.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "status", "state", "words"),
    [
        ("exits_with_three", 3, "failed", "B E3"),
        ("exits_at_once", 0, "running", "B"),
        ("aborts", -6, "running", "B"),
        ("crashes", -11, "running", "B"),
        ("is_killed", -9, "running", "B"),
    ],
)
def test_however_an_application_ends_its_record_can_be_read(
    idioms: Path, name: str, status: int, state: str, words: str, tmp_path: Path
) -> None:
    record, _ = record_of(idioms, name, tmp_path, status)
    assert record.state == state and not record.complete and told(record) == {0: words}


@pytest.mark.parametrize(
    ("recorded", "executed", "message"),
    [
        (
            "lock_before_the_wait",
            "if_not_while",
            "thread 0, event 3, task 0: a wait for another number of tasks was recorded",
        ),
        ("fewer_than_all", "many", "thread 0, event 5, task 5: another kind of event was recorded"),
        ("blocking", "exits", "thread 0, event 1: another kind of event was recorded"),
        ("spin", "poll_mutex", "thread 0, event 4, task 0: another kind of wait was recorded"),
        ("every_kind_of_call", "detached", "thread 0, event 0: a call of a class that was not recorded"),
        (
            "threads_with_barriers",
            "threads_blocking",
            "thread [1-4], event 1, task [0-9]+: another kind of event was recorded",
        ),
        ("is_killed", "blocking", "thread 0, event 1, task 1: the record ends before it"),
        (
            "two_counters_on_one_condition",
            "by_enqueue_kernel",
            "thread 0, event 1: a call of a class that was not recorded",
        ),
    ],
)
def test_execution_stops_where_the_application_leaves_its_record(
    idioms: Path, recorded: str, executed: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.cedrrec"
    start(idioms, recorded, tmp_path, CEDR_MODE="record", CEDR_RECORD=str(path))
    before = path.read_bytes()
    process = start(idioms, executed, tmp_path, CEDR_MODE="execute", CEDR_RECORD=str(path))
    assert process.returncode == 1
    wanted = rf"idioms: {path}: the application does not do what was recorded: {message}\n"
    assert re.fullmatch(wanted, process.stderr), process.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"CEDR_MODE": "trace"}, "CEDR_MODE=trace: the modes are run, record, execute"),
        ({"CEDR_MODE": "record"}, "CEDR_MODE=record needs CEDR_RECORD=FILE"),
        ({"CEDR_MODE": "execute"}, "CEDR_MODE=execute needs CEDR_RECORD=FILE"),
        (
            {"CEDR_MODE": "record", "CEDR_RECORD": "there"},
            "there: File exists; a record is never overwritten",
        ),
        ({"CEDR_MODE": "record", "CEDR_RECORD": "no/such/folder"}, "no/such/folder: No such file or directory"),
        ({"CEDR_MODE": "execute", "CEDR_RECORD": "there"}, "there: not a record"),
        ({"CEDR_HOST_TIME": "quick"}, "CEDR_HOST_TIME=quick: off, fixed, blocks and measured are allowed"),
        (
            {"CEDR_HOST_TIME": "fixed"},
            "CEDR_HOST_TIME=fixed needs CEDR_HOST_NS=N, the nanoseconds of a segment .*got none",
        ),
        ({"CEDR_HOST_TIME": "fixed", "CEDR_HOST_NS": "-1"}, "CEDR_HOST_TIME=fixed needs .*: 0 to 10.12; got -1"),
        (
            {"CEDR_HOST_TIME": "blocks"},
            "CEDR_HOST_TIME=blocks needs CEDR_HOST_NS=N, the nanoseconds of a basic block.*",
        ),
        (
            {"CEDR_HOST_TIME": "measured", "CEDR_HOST_NS": "3"},
            "CEDR_HOST_NS=3: CEDR_HOST_TIME=measured takes no figure",
        ),
        (
            {"CEDR_HOST_TIME": "blocks", "CEDR_HOST_NS": "2"},
            "CEDR_HOST_TIME=blocks: the application counts no basic blocks: compile it with -fsanitize-coverage=trace-pc",
        ),
    ],
)
def test_refused_settings(idioms: Path, settings: dict[str, str], message: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("no record, and not to be lost\n")
    recording = {} if "CEDR_MODE" in settings else {"CEDR_MODE": "record", "CEDR_RECORD": "a.cedrrec"}
    process = start(idioms, "blocking", tmp_path, **recording, **settings)
    assert process.returncode == 1 and re.fullmatch(f"idioms: {message}\n", process.stderr), process.stderr
    assert (tmp_path / "there").read_text() == "no record, and not to be lost\n"


def test_a_full_disk_leaves_what_was_before(idioms: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    process = subprocess.run(
        [str(idioms), "many"],
        env={**os.environ, "CEDR_MODE": "record", "CEDR_RECORD": str(path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000)),
        restore_signals=False,  # Python ignores SIGXFSZ, and so does the application then
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1 and process.stderr == f"idioms: {path}: File too large\n"
    record = read_record(path)
    assert record.state == "failed" and told(record) == {0: "S1000"}


def test_host_time_of_segments(built: Built, tmp_path: Path) -> None:
    """Basic blocks are counted the same in every run; what is added to a loop is what is added to its segment."""
    program = built.build("computes.c", "computes", "-fsanitize-coverage=trace-pc")
    settings = {"CEDR_MODE": "record", "CEDR_HOST_TIME": "blocks", "CEDR_HOST_NS": "2.5"}
    for name, more in (("a", "1000"), ("b", "1000"), ("c", "3000")):
        process = subprocess.run(
            [str(program), "x", more], env={**os.environ, **settings, "CEDR_RECORD": str(tmp_path / name)}, check=False
        )
        assert process.returncode == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    host, longer = (
        [a for kind, a, _ in read_record(tmp_path / name).threads[0].steps.tolist() if kind == STEP_HOST]
        for name in ("a", "c")
    )
    assert read_record(tmp_path / "a").host_time == "blocks"
    # Before the first call, three submissions, the wait, the last call.
    assert len(host) == 6 and 1000 <= host[0] / 2.5 < 1010 and 100 <= host[4] / 2.5 < 110
    assert longer[:5] == host[:5] and longer[5] - host[5] == 2000 * 2.5


def test_fixed_host_time_is_the_same_for_each_event(idioms: Path, tmp_path: Path) -> None:
    record, _ = record_of(idioms, "fewer_than_all", tmp_path, CEDR_HOST_TIME="fixed", CEDR_HOST_NS="300")
    assert record.host_time == "fixed"
    assert told(record) == {0: "h300 S1 " * 5 + "h300 W2(0 1 2 3 4) h300 B h300 W(0 1 2 3 4) h300 E0"}


def test_fixed_host_time_may_be_long(idioms: Path, tmp_path: Path) -> None:
    record, _ = record_of(idioms, "exits", tmp_path, CEDR_HOST_TIME="fixed", CEDR_HOST_NS="5e9")
    assert told(record) == {0: "h5000000000 B h5000000000 E0"}
    executed = start(idioms, "exits", tmp_path, CEDR_MODE="execute", CEDR_RECORD=str(record.path))
    assert (executed.returncode, executed.stderr) == (0, "")


@pytest.mark.slow
def test_measured_host_time_is_that_of_the_code_between_calls(idioms: Path, tmp_path: Path) -> None:
    record, _ = record_of(idioms, "long_work_before_the_wait", tmp_path, CEDR_HOST_TIME="measured")
    assert record.host_time == "measured"
    words = told(record)[0].split()
    before_the_wait = int(words[words.index("W(0") - 1].removeprefix("h"))
    assert 80_000_000 <= before_the_wait < 2_000_000_000  # 80 ms by the same clock, however busy the machine
    record, _ = record_of(idioms, "sleep_before_the_wait", tmp_path, CEDR_HOST_TIME="measured")
    words = told(record)[0].split()
    assert int(words[words.index("B") - 1].removeprefix("h")) >= 60_000_000
    record, _ = record_of(idioms, "waits_for_a_mutex", tmp_path, CEDR_HOST_TIME="measured")
    main, holder = told(record)[0].split(), told(record)[1].split()
    in_front_of_the_second_call = main[len(main) - 1 - main[::-1].index("B") - 1]
    assert int(in_front_of_the_second_call.removeprefix("h")) < 600_000_000  # it held still for a second
    assert int(holder[holder.index("E0") - 1].removeprefix("h")) >= 1_000_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        (
            "c11_thread",
            1,
            "DASH_FFT_flt: the thread that calls it was not seen to start, or has ended: only threads of .*",
        ),
        ("openmp", 1, "DASH_FFT_flt: called in a parallel region of OpenMP, whose joins cannot be seen: .*"),
        ("openmp_elsewhere", 0, ""),
    ],
)
def test_threads_that_cannot_be_seen(built: Built, name: str, status: int, message: str, tmp_path: Path) -> None:
    program = built.build("unseen.c", "unseen", "-fopenmp")
    record, process = record_of(program, name, tmp_path, status, OMP_NUM_THREADS="2")
    assert re.fullmatch(f"unseen: {message}\n" if message else "", process.stderr)
    assert record.complete == (status == 0)
    assert start(program, name, tmp_path).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_threads_that_call_and_wait_at_random(built: Built, seed: int, tmp_path: Path) -> None:
    """Four threads say themselves what their record has to be."""
    program = built.folder / "random"
    if not program.exists():
        built.build("random.c", "random")
    record, process = record_of(program, str(seed), tmp_path)
    assert [text for _, text in sorted(told(record).items())] == process.stdout.splitlines()
    executed = start(program, str(seed), tmp_path, CEDR_MODE="execute", CEDR_RECORD=str(record.path))
    assert (executed.returncode, executed.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("after_ms", range(1, 60, 3))
def test_a_record_of_a_process_killed_at_any_time_can_be_read(built: Built, after_ms: int, tmp_path: Path) -> None:
    program = built.folder / "random"
    if not program.exists():
        built.build("random.c", "random")
    path = tmp_path / "a.cedrrec"
    environment = {**os.environ, "CEDR_MODE": "record", "CEDR_RECORD": str(path)}
    process = subprocess.Popen([str(program), "3"], env=environment, stdout=subprocess.DEVNULL)
    while not path.exists() or path.stat().st_size < 64:
        time.sleep(0.0002)
    time.sleep(after_ms / 1000)
    process.kill()
    ended = process.wait() == 0
    record = read_record(path)
    assert record.complete == ended
    whole = start(program, "3", tmp_path).stdout.splitlines()
    for number, words in told(record).items():
        found, wanted = (re.findall(r"W\([^)]*\)|\S+", text) for text in (words, whole[number]))
        assert found[:-1] == wanted[: len(found[:-1])]  # the last may not be whole


#: Every way in which a wait is seen, for the ways to link.
SEEN = ["blocking", "lock_before_the_wait", "timed_wait", "clock_wait", "poll_yield", "poll_usleep", "poll_nanosleep",
        "poll_clock_nanosleep", "poll_mutex", "poll_trylock", "spin", "destroyed", "threads_with_barriers",
        "waiter_before_the_calls", "spinning_thread", "forks", "starts_another", "main_leaves_first"]  # fmt: skip


def build_objects(compiler: Compiler, folder: Path, *flags: str) -> list[str]:
    """libcedr's objects, in a folder that is made."""
    folder.mkdir()
    compiler.run(
        ["-std=c11", "-O1", "-pthread", "-fPIC", *flags, "-c", *(str(LIBCEDR / name) for name in APPLICATION_SOURCES)],
        folder,
    )
    return [str(folder / name).replace(".c", ".o") for name in APPLICATION_SOURCES]


def static_link(objects: Sequence[str]) -> list[str]:
    """What links an application that libc is a part of."""
    seen = re.findall(r"X\((\w+)\)", (LIBCEDR / "recorder.h").read_text().split("#ifdef CEDR_WRAP")[0])
    return ["-static", *objects, *(f"-Wl,--wrap={name}" for name in seen if name != "X"), "-lm"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["archive", "static", "address", "undefined"])
def test_ways_to_link(built: Built, how: str, tmp_path: Path) -> None:
    folder = built.folder / how
    if how == "archive":
        subprocess.run(["ar", "rcs", "libcedr.a", *build_objects(find_compiler(), folder)], cwd=folder, check=True)
        link = ["-rdynamic", str(folder / "libcedr.a"), "-lm", "-ldl"]
        program = built.build("idioms.c", "idioms_archive", link=link)
    elif how == "static":
        objects = build_objects(find_compiler(), folder, "-DCEDR_WRAP")
        program = built.build("idioms.c", "idioms_static", link=static_link(objects))
    else:
        program = built.build("idioms.c", f"idioms_{how}", f"-fsanitize={how}", "-fno-sanitize-recover")
    for name in SEEN:
        check(program, name, C_IDIOMS[name], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("qemu-aarch64") is None or shutil.which("aarch64-linux-gnu-gcc") is None,
    reason="needs Debian's qemu-user and gcc-aarch64-linux-gnu",
)
@pytest.mark.parametrize("optimisation", ["-O0", "-O2"])
def test_waits_are_seen_on_aarch64(tmp_path: Path, optimisation: str) -> None:
    compiler = find_compiler("aarch64")
    objects = build_objects(compiler, tmp_path / "libcedr", "-DCEDR_WRAP")
    flags = ["-std=gnu11", "-D_GNU_SOURCE", optimisation, "-pthread", f"-I{LIBCEDR}"]
    compiler.run([*flags, str(SOURCES / "idioms.c"), "-o", "idioms.aarch64", *static_link(objects)], tmp_path)
    program = tmp_path / "idioms"
    program.write_text('#!/bin/sh\nexec qemu-aarch64 "$0.aarch64" "$@"\n')
    program.chmod(0o755)
    for name in SEEN:
        if name != "starts_another":  # it would start itself without qemu
            check(program, name, C_IDIOMS[name], tmp_path)


@pytest.mark.slow
def test_a_shared_object_under_a_host(built: Built, tmp_path: Path) -> None:
    host = built.build("host.c", "host")
    module = built.build("idioms.c", "idioms.so", "-shared", "-fPIC", link=[])
    for name in SEEN:
        if name != "starts_another":  # it would start the shared object
            path = tmp_path / f"{name}.cedrrec"
            environment = {**os.environ, "CEDR_MODE": "record", "CEDR_RECORD": str(path)}
            subprocess.run([str(host), str(module), name], env=environment, check=True, stdout=subprocess.DEVNULL)
            assert told(read_record(path)) == C_IDIOMS[name]


def test_libcedr_behind_libc_is_refused_and_preloading_cures_it(built: Built, tmp_path: Path) -> None:
    link = ["-Wl,--no-as-needed", "-lc", f"-L{built.folder}", "-lcedr", f"-Wl,-rpath,{built.folder}"]
    program = built.build("idioms.c", "behind", link=link)
    path = tmp_path / "a.cedrrec"
    settings = {"CEDR_MODE": "record", "CEDR_RECORD": str(path)}
    process = start(program, "lock_before_the_wait", tmp_path, **settings)
    assert process.returncode == 1 and not path.exists()
    assert process.stderr.startswith("behind: libcedr stands behind libc in the program's search order, so its waits")
    assert start(program, "lock_before_the_wait", tmp_path).returncode == 0
    process = start(program, "lock_before_the_wait", tmp_path, LD_PRELOAD=str(built.folder / "libcedr.so"), **settings)
    assert process.returncode == 0 and told(read_record(path)) == C_IDIOMS["lock_before_the_wait"]


@pytest.mark.parametrize("name", ["fewer_than_all", "threads_with_barriers", "waiter_before_the_calls", "detached"])
@pytest.mark.parametrize("os_model", ["ideal", "linux-cfs"])
def test_what_is_recorded_is_emulated(idioms: Path, name: str, os_model: str, tmp_path: Path) -> None:
    """Tasks are ready when their thread has come to them: worked out here from the ends of the tasks it waits for."""
    record, _ = record_of(idioms, name, tmp_path, CEDR_HOST_TIME="fixed", CEDR_HOST_NS="50000")
    board = load_platform("zcu102")
    pes = parse_composition(board, "C3+F1")
    result = emulate(record, board, "C3+F1", os_model=os_model)
    costs = class_costs(board, result.classes).cost_ns[:, pes.pe_types]
    assert len(result.task) == len(record) and (result.ends_ns > 0).all()
    if os_model == "ideal":
        assert check_trace(result, [record], costs) == []
    tasks = np.searchsorted(record.task_ids, result.task).tolist()
    ends = dict(zip(tasks, result.end_ns.tolist(), strict=True))
    ready = dict(zip(tasks, result.ready_ns.tolist(), strict=True))
    for task, at_ns in submission_times(record, ends).items():
        assert ready[task] == at_ns if os_model == "ideal" else ready[task] > at_ns


@pytest.mark.parametrize("os_model", ["ideal", "linux-cfs"])
def test_a_wait_for_some_is_over_when_so_many_have_ended_whichever_they_are(os_model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        slow, fast = (
            writer.add_class(CallClass("fft", "c64", {"b": 1, "n": n}, {"inverse": False})) for n in (2048, 16)
        )
        for kind, task in ((slow, 0), (fast, 1), (fast, 2)):
            writer.submit_many(kind, [task], [0, 0], [])
        writer.wait([0, 1])
        writer.wait([2], flags=WAIT_CONTINUED | WAIT_ALTERNATIVES)
        writer.submit_many(fast, [3], [0, 0], [])
        writer.wait([0, 1, 2, 3])
        writer.end()
    result = emulate(read_record(path), load_platform("zcu102"), "C3", os_model=os_model)
    ends = dict(zip(result.task.tolist(), result.end_ns.tolist(), strict=True))
    ready = dict(zip(result.task.tolist(), result.ready_ns.tolist(), strict=True))
    assert max(ends[1], ends[2]) <= ready[3] < ends[0]
    assert os_model != "ideal" or ready[3] == max(ends[1], ends[2])


def submission_times(record: Record, ends_ns: dict[int, int]) -> dict[int, int]:
    """When each task is submitted, by index, where threads compute undisturbed: from the ends of the tasks."""
    threads = {thread.number: thread for thread in record.threads}
    over, submitted = dict[int, int](), dict[int, int]()

    def run(number: int, now: int) -> int:
        thread = threads[number]
        for kind, a, b in thread.steps.tolist():
            if kind == STEP_HOST:
                now += a
            elif kind in (STEP_SUBMIT, STEP_BLOCK):
                tasks = thread.submitted[a : a + b].tolist()
                submitted.update(dict.fromkeys(tasks, now))
                now = max(now, ends_ns[tasks[-1]]) if kind == STEP_BLOCK else now
            elif kind == STEP_WAIT:
                now = max([now, *(ends_ns[task] for task in thread.waits[a : a + b].tolist())])
            elif kind == STEP_WAIT_SOME:
                ends = sorted(ends_ns[task] for task in thread.waits[a : a + (b & SOME_MASK)].tolist())
                now = max(now, ends[(b >> SOME_SHIFT) - 1])
            elif kind == STEP_SPAWN:
                over[a] = run(a, now)
            elif kind == STEP_JOIN:
                now = max(now, over[a])
        return now

    run(0, 0)
    return submitted


def test_classes_of_calls(idioms: Path, tmp_path: Path) -> None:
    record, _ = record_of(idioms, "every_kind_of_call", tmp_path)
    calls = [record.classes[index] for index in record.class_of.tolist()]
    assert [(call.label.removeprefix("DASH_"), call.api, call.dtype) for call in calls] == [
        *[("ZIP_flt", "zip", "c64")] * 5,
        ("ZIP_int", "zip", "ci16"),
        *[("FFT_flt", "fft", "c64")] * 2,
        ("FFT_int", "fft", "ci16"),
        ("GEMM_flt", "gemm", "c64"),
        ("GEMM_int", "gemm", "ci16"),
        ("BPSK_flt", "kernel", "c64"),
        ("QAM16_flt", "kernel", "c64"),
        ("CONV_2D_int", "conv2d", "i16"),
        ("CONV_1D_flt", "conv1d", "f32"),
    ]
    kinds = [call.attributes["kind"] for call in calls if call.api == "zip"]
    assert kinds == ["add", "sub", "mul", "div", "cmp_mul", "div"]
    assert [call.attributes["inverse"] for call in calls if call.api == "fft"] == [False, True, False]
    assert calls[6].dims == {"b": 1, "n": 8} and calls[9].dims == {"m": 2, "k": 3, "n": 4}
    assert calls[11].dims == {"elements": 16, "flops": 16, "bytes_in": 128, "bytes_out": 64, "macs": 0}
    same = {"n": 1, "c": 1, "f": 1}
    assert calls[13].dims == {
        **same, "h": 5, "w": 6, "kh": 3, "kw": 3, "oh": 3, "ow": 4, "sh": 1, "sw": 1, "dh": 1, "dw": 1
    }  # fmt: skip
    assert calls[14].dims == {**same, "l": 18, "k": 3, "ol": 16, "s": 1, "d": 1}


@pytest.mark.parametrize("board", ["zcu102", "zcu102_10fft", "zcu102_cedr", "jetson_agx_xavier", "odroid_xu3"])
def test_every_call_has_a_cost_on_every_board(idioms: Path, board: str, tmp_path: Path) -> None:
    record, _ = record_of(idioms, "every_kind_of_call", tmp_path)
    costs = class_costs(load_platform(board), record.classes).cost_ns
    assert (costs.max(axis=1) > 0).all()


@pytest.mark.parametrize(("source", "standard"), [("a.c", "c11"), ("a.cpp", "c++11")])
def test_the_header_stands_alone(source: str, standard: str, tmp_path: Path) -> None:
    (tmp_path / source).write_text("#include <dash.h>\n")
    compiler = find_compiler(language="c" if source == "a.c" else "c++")
    flags = (f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{LIBCEDR}")
    compiler.run([*flags, source], tmp_path)


WRONG = {
    "fft_of_100_points": "DASH_FFT_flt: size = 100: a power of two is wanted",
    "fft_of_no_points": "DASH_FFT_flt: size = 0: 1 to 1152921504606846975 is allowed",
    "fft_of_too_many_points": "DASH_FFT_flt: size = 4611686018427387904: 1 to 1152921504606846975 is allowed",
    "fft_without_input": "DASH_FFT_flt: input = NULL: the address of its elements is wanted",
    "fft_without_output": "DASH_FFT_flt: output = NULL: the address of its elements is wanted",
    "integer_fft_of_3_points": "DASH_FFT_int: size = 3: a power of two is wanted",
    "fft_of_12_points_later": "DASH_FFT_flt_nb: size = 12: a power of two is wanted",
    "fft_without_the_address_of_its_size": "DASH_FFT_flt_nb: size = NULL: the address of the argument is wanted",
    "fft_without_its_input_later": "DASH_FFT_flt_nb: input = NULL: the address of its elements is wanted",
    "zip_without_second_input": "DASH_ZIP_flt: input_2 = NULL: the address of its elements is wanted",
    "zip_of_nothing": "DASH_ZIP_flt: size = 0: 1 to 1152921504606846975 is allowed",
    "zip_by_an_unknown_operation": r"DASH_ZIP_flt: op = 7: ADD \(0\), SUB \(1\), MULT .* are allowed",
    "zip_by_an_unknown_operation_on_integers": r"DASH_ZIP_int: op = 9: ADD \(0\), SUB .* are allowed",
    "integers_divided_by_zero": r"DASH_ZIP_int: input_2\[5\] = 0: integers are not divided by zero",
    "gemm_of_no_rows": "DASH_GEMM_flt: a_rows = 0: 1 to 1152921504606846975 is allowed",
    "gemm_larger_than_memory": "DASH_GEMM_flt: a_cols = 1099511627776: 1 to 1048575 is allowed where a_rows = 1099511627776",
    "gemm_in_place": "DASH_GEMM_flt: C = 0x.*: it overlaps B = 0x.* of 32 bytes and must not",
    "gemm_onto_part_of_its_input": "DASH_GEMM_int: C = 0x.*: it overlaps A = 0x.* of 16 bytes and must not",
    "madd_of_no_columns": "DASH_BLAS_MADD_flt: cols = 0: 1 to 1152921504606846975 is allowed",
    "transpose_in_place": "DASH_BLAS_TRANSPOSE_flt: output = 0x.*: it overlaps input = 0x.* of 128 bytes and must not",
    "bpsk_without_output": "DASH_BPSK_flt: output = NULL: the address of its elements is wanted",
    "qam16_of_nothing": "DASH_QAM16_flt: size = 0: 1 to 1152921504606846975 is allowed",
    "conv_2d_of_a_negative_height": "DASH_CONV_2D_int: height = -1: 1 to 2147483647 is allowed",
    "conv_2d_with_an_empty_mask": "DASH_CONV_2D_int: mask_size = 0: 1 to 2147483647 is allowed",
    "conv_2d_in_place": "DASH_CONV_2D_int: output = 0x.*: it overlaps input = 0x.* of 128 bytes and must not",
    "conv_1d_of_nothing": "DASH_CONV_1D_flt: size = 0: 1 to 2147483647 is allowed",
    "conv_1d_in_place": "DASH_CONV_1D_flt: output = 0x.*: it overlaps input = 0x.* of 256 bytes and must not",
    "barrier_without_a_condition": "DASH_FFT_flt_nb: barrier->cond = NULL: all three addresses are wanted, .*",
    "barrier_without_a_mutex": "DASH_FFT_flt_nb: barrier->mutex = NULL: all three addresses are wanted, .*",
    "barrier_without_a_counter": "DASH_FFT_flt_nb: barrier->completion_ctr = NULL: all three addresses are wanted, .*",
    "unknown_kernel": 'enqueue_kernel: kernel = "DASH_SORT": the kernels are DASH_ZIP, DASH_FFT, DASH_GEMM, .*',
    "kernel_without_an_implementation": 'enqueue_kernel: kernel = "DASH_FIR": the kernels are DASH_ZIP, .*',
    "kernel_of_the_runtime": 'enqueue_kernel: kernel = "POISON_PILL": the kernels are DASH_ZIP, .*',
    "unknown_precision": 'enqueue_kernel: precision = "double": DASH_FFT has flt, int',
    "precision_of_another_kernel": 'enqueue_kernel: precision = "flt": DASH_CONV_2D has int',
    "wrong_number_of_pointers": "enqueue_kernel: count = 3: DASH_FFT with precision flt takes 5 pointers",
    "twenty_pointers": "enqueue_kernel: count = 20: DASH_FFT with precision flt takes 5 pointers",
    "kernel_without_a_name": "enqueue_kernel: kernel = NULL: the address of the argument is wanted",
    "enqueued_fft_of_10_points": "DASH_FFT_flt_nb: size = 10: a power of two is wanted",
    "wrong_in_a_thread": "DASH_FFT_flt: size = 6: a power of two is wanted",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(wrong: Path, name: str, tmp_path: Path) -> None:
    """In the call's own words, whether it runs or is recorded; the record has what was before."""
    process = start(wrong, name, tmp_path)
    assert process.returncode == 1 and process.stdout == ""
    assert re.fullmatch(f"wrong: {WRONG[name]}\n", process.stderr)
    record, recorded = record_of(wrong, name, tmp_path, status=1)
    assert re.fullmatch(f"wrong: {WRONG[name]}\n", recorded.stderr)
    assert record.state == "failed" and record.exit_code == 1
    assert told(record)[0] == ("B >1 E1" if name == "wrong_in_a_thread" else "B E1")
