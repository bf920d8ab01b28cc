"""Modules' processes that fail: each ends its own application only, with a message, and the others lose nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from cedr.backend.toolchain import find_compiler
from cedr.runtime import process as processes
from cedr.runtime.process import ModuleProcess, ModuleProcessError, Outcome, run_together
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec

Y = TensorSpec("y", "f32", (2,))

MISBEHAVING = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Does what its own name says; writes a good y if that is fine. */
int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/');
  const char *name = slash == NULL ? argv[0] : slash + 1;
  const char *path = NULL;
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], "y=", 2) == 0) {
      path = argv[i] + 2;
    }
  }
  if (getenv("CEDR_RECORD") != NULL) {
    path = getenv("CEDR_RECORD");
  }
  if (strcmp(name, "crashes") == 0) {
    *(volatile int *)16 = 1;
  } else if (strcmp(name, "exits") == 0) {
    fprintf(stderr, "no more of this\n");
    exit(3);
  } else if (strcmp(name, "refuses") == 0) {
    fprintf(stderr, "refuses: this input\n");
    exit(1);
  } else if (strcmp(name, "loops") == 0) {
    if (fork() == 0) {
      sleep(1000);
    }
    for (volatile int i = 0;; ++i) {
    }
  } else if (strcmp(name, "shouts") == 0) {
    for (int i = 0; i < 1000000; ++i) {
      fprintf(stderr, "\x1b[31m\xff%d", i);
    }
    exit(2);
  } else if (strcmp(name, "leaves") == 0) {
    return 0;
  } else if (strcmp(name, "rubbish") == 0) {
    FILE *file = fopen(path, "wb");
    fprintf(file, "PK\x03\x04 rubbish");
    fclose(file);
  } else if (strcmp(name, "lies") == 0) {
    FILE *file = fopen(path, "wb");
    const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }       \n";
    fprintf(file, "\x93NUMPY\x01%c%c%c%s", 0, (int)strlen(header), 0, header);
    fclose(file);
  } else {
    FILE *file = fopen(path, "wb");
    const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }                     \n";
    const float y[2] = {1.5f, -2.0f};
    fprintf(file, "\x93NUMPY\x01%c%c%c%s", 0, (int)strlen(header), 0, header);
    fwrite(y, sizeof y, 1, file);
    fclose(file);
  }
  return 0;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program under each of its names."""
    folder = tmp_path_factory.mktemp("misbehaving")
    (folder / "fine.c").write_text(MISBEHAVING)
    find_compiler().run(["-O0", "fine.c", "-o", "fine"], folder)
    for name in ("crashes", "exits", "refuses", "loops", "shouts", "leaves", "rubbish", "lies"):
        os.link(folder / "fine", folder / name)
    return folder


def module(folder: Path, name: str) -> ModuleProcess:
    return ModuleProcess(folder, name, "c", (Y,), timeout_s=0.3 if name == "loops" else 20)


FAILURES = {
    "crashes": "crashes: killed by signal 11 (SIGSEGV)",
    "exits": "exits: exit status 3: no more of this",
    "refuses": "refuses: this input",
    "loops": "loops: killed: it was still running after 0.3 s",
    "shouts": "999999",
    "leaves": "leaves: output 'y' should be a .npy file of f32[2]: ",
    "rubbish": "rubbish: output 'y' should be a .npy file of f32[2]: ",
    "lies": "lies: output 'y' should be a .npy file of f32[2]: ",
}


def test_a_process_that_fails_ends_its_own_application_only(folder: Path) -> None:
    names = ["fine", *FAILURES]
    start = time.monotonic()
    outcomes = run_together({name: lambda name=name: module(folder, name).run({}) for name in names})  # type: ignore[misc]  # a default argument binds the name
    assert time.monotonic() - start < 15
    assert list(outcomes) == names
    fine = outcomes.pop("fine")
    assert fine.failure is None and fine.value is not None
    np.testing.assert_array_equal(fine.value[0], np.array([1.5, -2], np.float32))
    for name, outcome in outcomes.items():
        assert isinstance(outcome.failure, ModuleProcessError) and outcome.value is None
        assert FAILURES[name] in str(outcome.failure), name
    shouted = str(outcomes["shouts"].failure)
    assert len(shouted) < 10_000 and "\x1b" not in shouted, "the end of what it said, harmless on a terminal"
    assert not processes._living


def none_left(folder: Path) -> bool:
    """Whether no process of `loops` is left within five seconds."""

    def is_one(entry: Path) -> bool:
        try:
            return entry.name.isdigit() and str(folder / "loops").encode() in (entry / "cmdline").read_bytes()
        except OSError:
            return False  # it has just ended

    deadline = time.monotonic() + 5
    while any(map(is_one, Path("/proc").iterdir())):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_the_time_limit_ends_its_children_too(folder: Path) -> None:
    with pytest.raises(ModuleProcessError, match="still running after 0.3 s"):
        module(folder, "loops").run({})
    assert none_left(folder)


@pytest.mark.parametrize("name", ["crashes", "exits", "loops", "leaves", "rubbish", "fine"])
def test_recording_fails_with_a_message(folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(CedrError, match=name if name not in ("leaves", "rubbish", "fine") else r"x\.cedrrec"):
        module(folder, name).record(tmp_path / "x.cedrrec")


def test_an_output_of_another_shape_is_refused(folder: Path) -> None:
    assert module(folder, "fine").run({})[0].shape == (2,)
    other = ModuleProcess(folder, "fine", "c", (TensorSpec("y", "f32", (2, 1)),))
    with pytest.raises(ModuleProcessError, match=r"output 'y' should be f32\[2, 1\], got float32\[2\]"):
        other.run({})


def test_a_program_that_cannot_be_started(folder: Path) -> None:
    with pytest.raises(ModuleProcessError, match="missing: cannot be started: No such file"):
        module(folder, "missing").run({})


def test_jobs_run_at_once_and_in_their_order(folder: Path) -> None:
    script = folder / "slow.py"
    script.write_text("import time\ntime.sleep(0.5)\n")
    slow = ModuleProcess(folder, "slow", "python", ())
    start = time.monotonic()
    outcomes = run_together({str(k): lambda: slow.run({}) for k in range(8)}, workers=8)
    assert time.monotonic() - start < 3.9
    assert outcomes == {str(k): Outcome([], None) for k in range(8)}
    assert run_together({}) == {}


def test_an_error_of_ours_is_raised_when_all_are_done(folder: Path) -> None:
    done: list[str] = []

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_together({"broken": broken, "fine": lambda: done.append("fine")}, workers=1)
    assert done == ["fine"]


def test_an_interrupt_ends_what_was_started(folder: Path) -> None:
    """Ctrl-C, as a program of ours sees it."""
    code = (
        "import os, signal, threading, time\n"
        "from pathlib import Path\n"
        "from cedr.runtime.process import ModuleProcess, run_together\n"
        f"loops = ModuleProcess(Path({str(folder)!r}), 'loops', 'c', ())\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "run_together({str(k): lambda: loops.run({}) for k in range(3)}, workers=2)\n"
    )
    (folder / "interrupted.py").write_text(code)
    with pytest.raises(ModuleProcessError, match="SIGINT"):
        ModuleProcess(folder, "interrupted", "python", (), timeout_s=20).run({})
    assert none_left(folder)
