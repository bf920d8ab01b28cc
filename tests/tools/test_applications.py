"""`cedr record` and `cedr run` of C and C++ applications: in a process of their own, from any form, and when they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cedr.runtime.emulator import emulate
from cedr.runtime.record import STEP_HOST, STEP_JOIN, STEP_SPAWN, read_record
from cedr.tools.applications import ApplicationOptions, record_application
from cedr.tools.cc import build_application
from cedr.tools.cli import main
from tests.tools.applications import CONDITION_VARIABLE_CPP, MISBEHAVES_C, TWO_THREADS_C

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources and what is built from them."""
    folder = tmp_path_factory.mktemp("applications")
    (folder / "app.c").write_text(TWO_THREADS_C)
    (folder / "app.cpp").write_text(CONDITION_VARIABLE_CPP)
    (folder / "bad.c").write_text(MISBEHAVES_C)
    build_application([folder / "app.c"], folder / "app")
    build_application([folder / "app.c"], folder / "app.so", module=True)
    build_application([folder / "bad.c"], folder / "bad")
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The JSON of a command that is run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> dict[str, Any]:
        words = [str(folder / word) if (folder / word).exists() else word for word in arguments]
        place = words.index("--") if "--" in words else len(words)
        assert main([*words[:place], "--json", *words[place:]]) == 0
        out, err = capfd.readouterr()
        found: dict[str, Any] = json.loads(out)
        return {**found, "stderr": err}

    return run


@pytest.mark.parametrize("form", ["app.c", "app", "app.so"])
def test_an_application_runs_unmodified_in_every_form(run: Run, form: str) -> None:
    found = run("run", form, "--host-time", "off", "--instances", "2", "--", "--hw", "a b")
    assert found["tasks_by_api"] == {"fft": 10, "zip": 2}
    assert found["emit"] is None and found["max_rel_error"] is None
    assert (found["build_s"] is None) == (form != "app.c")
    assert "argument --hw\nargument a b\nno file, 0.000 1.000" in found["stderr"]


def test_a_cpp_application_with_threads_and_a_condition_variable(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run("run", "app.cpp", "--host-time", "off")["tasks"] == 2
    found = run("record", "app.cpp", "-o", "x.cedrrec")
    assert found["host_time"] == "measured"
    assert (found["tasks"], found["threads"], found["remarks"]) == (2, 2, [])
    steps = read_record(tmp_path / "x.cedrrec").threads[0].steps[:, 0].tolist()
    assert steps.count(STEP_SPAWN) == steps.count(STEP_JOIN) == 1


def test_an_application_works_in_the_folder_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "here.txt").write_text("")
    assert "a file, " in run("run", "app", "--host-time", "off", "--cwd", "there")["stderr"]
    assert "no file, " in run("run", "app", "--host-time", "off")["stderr"]


def test_one_record_gives_one_emulation_to_the_byte(run: Run, tmp_path: Path) -> None:
    found = run("record", "app", "-o", "x.cedrrec")
    assert found["tasks_by_api"] == {"fft": 5, "zip": 1}
    assert found["size_bytes"] == (tmp_path / "x.cedrrec").stat().st_size
    for out in ("one", "two"):
        run("run", "x.cedrrec", "--instances", "5", "--period-us", "20", "--os-model", "linux-cfs", "--out", out)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert "timing_trace.log" in names and "tasks.csv" in names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_off_fixed_and_blocks_give_the_same_record_each_time(run: Run, folder: Path, tmp_path: Path) -> None:
    for host_time in ("off", "fixed", "blocks"):
        for name in ("a", "b"):
            run("record", "app.c", "-o", f"{name}-{host_time}.cedrrec", "--host-time", host_time)
        files = [tmp_path / f"{name}-{host_time}.cedrrec" for name in ("a", "b")]
        first, second = (emulate(path, "zcu102", "C3+F1+Z1") for path in files)
        assert first.makespan_ns == second.makespan_ns
        main_steps = read_record(files[0]).threads[0].steps
        hosted = main_steps[main_steps[:, 0] == STEP_HOST, 1].tolist()
        assert hosted == [] if host_time == "off" else min(hosted) > 0
        if host_time == "fixed":
            assert set(hosted) == {1000}


def test_the_time_between_calls_is_as_long_as_it_is_said_to_be(run: Run, tmp_path: Path) -> None:
    """Main: spawn, spawn, join, join, a ZIP, three FFTs, a wait, the end: nine segments behind each other, and at most."""
    spans = []
    for ns in ("0", "1000000"):
        spans.append(run("run", "app", "--host-time", "fixed", "--host-ns", ns)["makespan_ns"])
    assert 9_000_000 <= spans[1] - spans[0] + 50_000 <= 14_000_000


def test_measured_time_is_scaled_by_the_platform_or_by_an_option(run: Run, tmp_path: Path) -> None:
    run("record", "app", "-o", "x.cedrrec")
    record = read_record(tmp_path / "x.cedrrec")
    assert record.host_time == "measured"
    ones = run("run", "x.cedrrec", "--host-scale", "1")["makespan_ns"]
    assert (
        run("run", "x.cedrrec", "--host-scale", "4.2")["makespan_ns"] == run("run", "x.cedrrec")["makespan_ns"] > ones
    )
    assert emulate(record, "zcu102", "C3+F1+C2D1+Z1", host_scale=Fraction(1)).makespan_ns == ones


def test_a_platform_without_a_factor_refuses_measured_time(
    run: Run, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run("record", "app", "-o", "x.cedrrec")
    options = ["--platform", "odroid_xu3", "--hw", "B4"]
    assert main(["run", "x.cedrrec", *options]) == 1
    assert "x: its host time was measured, and the platform has no factor for it" in capfd.readouterr().err
    assert main(["run", "x.cedrrec", *options, "--host-scale", "2"]) == 0


FAILURES = {
    "crash": "bad: killed by signal 11 (SIGSEGV)\nIts record holds 1 call.",
    "exit 3": "bad: exit status 3: no more of this\nIts record holds 1 call.",
    "_exit": "its record breaks off after 1 call",
    "size": "DASH_FFT_flt",
    "kernel": "DASH_FIR",
    "loop": "bad: killed: it was still running after 1 s\nIts record holds 1 call.",
}


@pytest.mark.parametrize("what", FAILURES)
def test_an_application_that_fails_ends_with_a_message_and_leaves_a_record(
    what: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.cedrrec"
    arguments = ["record", str(folder / "bad"), "-o", str(path), "--record-timeout-s", "1" if what == "loop" else "60"]
    assert main([*arguments, "--", what]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert FAILURES[what] in err
    record = read_record(path)
    assert len(record) == 1 and not record.complete
    assert main(["run", str(path)]) == 1
    assert "x: the record is incomplete: its process " in capfd.readouterr().err


def test_cedr_run_says_why_an_application_failed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(folder / "bad"), "--json", "--", "crash"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == f"cedr run: {folder / 'bad'}: killed by signal 11 (SIGSEGV)\nIts record holds 1 call.\n"
    source = folder / "crashes.c"
    source.write_text("int main(void) { __builtin_trap(); }\n")
    assert main(["run", str(source)]) == 1
    assert f"cedr run: {source}: killed by signal 4 (SIGILL)\nIts record holds 0 calls." in capfd.readouterr().err


def test_exit_0_is_a_normal_end(run: Run) -> None:
    assert run("run", "bad", "--", "exit 0")["tasks"] == 1


def test_a_call_that_nobody_waits_for_is_told(run: Run) -> None:
    found = run("record", "bad", "-o", "x.cedrrec", "--", "unwaited")
    assert found["remarks"] == ["1 call was never waited for"]
    assert "warning: " in found["stderr"] and "1 call was never waited for" in found["stderr"]


def test_execute_compares_a_second_run_with_the_record(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("run", "app", "--execute")["tasks"] == 6
    path = tmp_path / "x.cedrrec"
    _, application = record_application(folder / "bad", path, ApplicationOptions(("environment",)))
    application.process.execute(path)
    monkeypatch.setenv("DIFFERENT", "1")
    with pytest.raises(Exception, match="the application does not do what was recorded: thread 0, event 1"):
        application.process.execute(path)


def test_refusals(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.cedrrec").write_text("")
    (tmp_path / "rubbish.so").write_text("rubbish, and no more than that")
    arm = bytearray((folder / "app").read_bytes()[:64])
    arm[18] = 0x28
    (tmp_path / "other").write_bytes(arm)
    (tmp_path / "plain.c").write_text("int main(void) { return 0; }\n")
    build_application([tmp_path / "plain.c"], tmp_path / "locked")
    (tmp_path / "locked").chmod(0o644)
    app = str(folder / "app")
    for arguments, message in (
        (["run", "nowhere.c"], "nowhere.c: no such file"),
        (["run", "nowhere.so"], "nowhere.so: no such file"),
        (["run", "nowhere.cedrrec"], "nowhere.cedrrec: the record can't be read"),
        (["run", "rubbish.so"], "rubbish.so: neither a source nor an executable nor a shared object"),
        (["run", "other"], "other: built for another machine than this one"),
        (["run", "locked"], "locked: may not be executed"),
        (["run", "/bin/true"], "it is not linked with libcedr; build it with `cedr cc`"),
        (["run", app, "--cwd", "no"], "--cwd no: no such folder"),
        (["run", app, "--host-ns", "3"], "--host-time measured has no figure"),
        (["run", app, "--emit", "c", "--input", "x.npy"], "app: --emit, --input has no place here: an application"),
        (["run", app, "--target", "aarch64"], "app: --target has no place here: an application"),
        (["run", app, "--hw", "Q1"], "Q1"),
        (["run", "there.cedrrec", "--cwd", "."], "--cwd has no place here: a record is no application"),
        (["run", "vgg_digits", "--host-time", "off", "--", "x"], "--host-time, -- has no place here"),
        (["record", app, "-o", "there.cedrrec"], "there.cedrrec: is there already, and a record is never overwritten"),
        (["record", app, "-o", "no/x.cedrrec"], "no/x.cedrrec: its folder is not there"),
        (["compile", app, "-o", "module"], "app: an executable, no model"),
        (["coverage", "nowhere.cpp"], "nowhere.cpp: a C or C++ application, no model"),
    ):
        assert main(arguments) == 1, arguments
        out, err = capfd.readouterr()
        assert message in err and "internal error" not in err, (arguments, err)
        assert out == ""
