"""Every FileCheck test, in process; and the runner itself, which has to report what fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.filecheck_runner import TestFailure, run_lines, run_test

FOLDER = Path(__file__).parent / "filecheck"
FILES = sorted(FOLDER.rglob("*.mlir"))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FOLDER)) for path in FILES])
def test_filecheck(path: Path, tmp_path: Path) -> None:
    run_test(path, tmp_path)


IR = "func.func @f(%x: f32) -> f32 {\n  %0 = arith.addf %x, %x : f32\n  func.return %x : f32\n}\n"


def write(folder: Path, *lines: str) -> Path:
    path = folder / "case.mlir"
    path.write_text("\n".join(f"// {line}" for line in lines) + "\n" + IR)
    return path


@pytest.mark.parametrize(
    "lines",
    [
        ["RUN: cedr-opt %s | filecheck %s", "CHECK: arith.addf"],
        ["RUN: cedr-opt %s -p dce | filecheck %s", "CHECK-NOT: arith.addf"],
        ["RUN: cedr-opt %s \\", "RUN:   -p dce | filecheck %s", "CHECK-NOT: arith.addf"],
        ["RUN: cedr-opt %s -o %t && cat %t | filecheck %s --check-prefix=OUT", "OUT: arith.addf"],
        ["RUN: cedr-opt < %s > %t", "RUN: filecheck %s < %t", "CHECK: func.func"],
        ["RUN: not cedr-opt %s -p absent 2>&1 | filecheck %s", "CHECK: no pass 'absent'"],
        ["RUN: not cedr-opt %s -p absent 2> %t && filecheck %s < %t", "CHECK: no pass 'absent'"],
        ["RUN: CEDR_ROUNDTRIP | filecheck %s", "CHECK: %0 = arith.addf"],
        ["RUN: cedr-opt %s -p 'cse, dce' | filecheck %s", "CHECK-NOT: arith.addf"],
    ],
)
def test_runner_accepts(lines: list[str], tmp_path: Path) -> None:
    run_test(write(tmp_path, *lines), tmp_path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["RUN: cedr-opt %s | filecheck %s", "CHECK: arith.mulf"], 'Couldn\'t match "arith.mulf"'),
        (["RUN: cedr-opt %s | filecheck %s", "CHECK-NOT: arith.addf"], "excluded string found"),
        (["RUN: cedr-opt %s | filecheck %s --check-prefix=OTHER", "CHECK: arith.addf"], "No check strings found"),
        (["RUN: cedr-opt %s -p absent"], "no pass 'absent'"),
        (["RUN: cedr-opt %s -p absent | cat"], "exit status 1"),
        (["RUN: not cedr-opt %s"], "exit status 1"),
        (["RUN: cedr-opt %s", "RUN: cedr-opt %s -p absent", "RUN: cedr-opt %s"], "no pass 'absent'"),
        (["RUN: mlir-opt %s"], "does not know the command 'mlir-opt'"),
        (["RUN: cedr-opt %s ; true"], "does not know '; true'"),
        (["RUN: cedr-opt %s >"], "'>' without a file"),
        (["RUN: cedr-opt %s |"], "empty command"),
        (["RUN: cedr-opt %s \\"], "ends in a backslash"),
        (["CHECK: arith.addf"], "no RUN line"),
    ],
)
def test_runner_reports(lines: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(TestFailure) as failure:
        run_test(write(tmp_path, *lines), tmp_path)
    assert message in str(failure.value)


def test_run_lines_are_found_and_joined() -> None:
    assert run_lines("// RUN: a \\\n// text\n// RUN: b\n//RUN:c\n") == ["a b", "c"]


def test_lit_runs_the_same_files_and_reports_a_planted_failure(tmp_path: Path) -> None:
    settings = (FOLDER / "lit.cfg").read_text().replace("os.path.abspath(__file__)", repr(str(FOLDER / "lit.cfg")))
    settings += f"config.test_source_root = config.test_exec_root = {str(tmp_path)!r}\n"
    (tmp_path / "lit.cfg").write_text(settings)
    passing = write(tmp_path, "RUN: CEDR_ROUNDTRIP | filecheck %s", "RUN: not cedr-opt -p x %s", "CHECK: arith.addf")
    passing.rename(tmp_path / "passing.mlir")
    write(tmp_path, "RUN: cedr-opt %s | filecheck %s", "CHECK: arith.mulf").rename(tmp_path / "planted.mlir")
    lit = [sys.executable, "-c", "import lit.main; lit.main.main()", "-v", "-j1", str(tmp_path)]
    done = subprocess.run(lit, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PASS: cedr :: passing.mlir" in done.stdout
    assert "FAIL: cedr :: planted.mlir" in done.stdout
