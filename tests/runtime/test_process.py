"""Modules' processes that fail: each ends its own application only, with a message, and the others lose nothing."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cedr.backend.toolchain import find_compiler
from cedr.runtime import process as processes
from cedr.runtime.process import ModuleProcess, ModuleProcessError, Outcome, run_together
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec
from cedr.target.platform import load_platform
from tests.runtime.runs import hand_made

Array = NDArray[Any]
Left = Callable[[], set[subprocess.Popen[bytes]]]

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


@pytest.fixture
def left() -> Left:
    """The processes that this test started and that are not ended; those of other tests may still wait to be collected."""
    others = set(processes._living)
    return lambda: processes._living - others


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
    "leaves": "leaves: output 'y' is f32[2], this is not a .npy file: ",
    "rubbish": "rubbish: output 'y' is f32[2], this is not a .npy file: ",
    "lies": "lies: output 'y' is f32[2], this is not a .npy file: ",
}


def test_a_process_that_fails_ends_its_own_application_only(folder: Path, left: Left) -> None:
    names = ["fine", *FAILURES]
    outcomes = run_together({name: lambda name=name: module(folder, name).run({}) for name in names})  # type: ignore[misc]  # a default argument binds the name
    assert list(outcomes) == names
    fine = outcomes.pop("fine")
    assert fine.failure is None and fine.value is not None
    np.testing.assert_array_equal(fine.value[0], np.array([1.5, -2], np.float32))
    for name, outcome in outcomes.items():
        assert isinstance(outcome.failure, ModuleProcessError) and outcome.value is None
        assert FAILURES[name] in str(outcome.failure), name
    shouted = str(outcomes["shouts"].failure)
    assert len(shouted) < 10_000 and "\x1b" not in shouted, "the end of what it said, harmless on a terminal"
    assert not left()


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


@pytest.mark.parametrize(("timeout_s", "text"), [(1e-9, "0.000000001 s"), (2.5e-5, "0.000025 s"), (0.04, "0.04 s")])
def test_a_short_time_limit_is_printed_as_it_is(folder: Path, timeout_s: float, text: str) -> None:
    with pytest.raises(ModuleProcessError, match=rf"still running after {text}$"):
        replace(module(folder, "loops"), timeout_s=timeout_s).run({})
    assert none_left(folder)


@pytest.mark.parametrize("name", ["crashes", "exits", "loops", "leaves", "rubbish", "fine"])
def test_recording_fails_with_a_message(folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(CedrError, match=name if name not in ("leaves", "rubbish", "fine") else r"x\.cedrrec"):
        module(folder, name).record(tmp_path / "x.cedrrec")


def test_an_output_of_another_shape_is_refused(folder: Path) -> None:
    assert module(folder, "fine").run({})[0].shape == (2,)
    other = ModuleProcess(folder, "fine", "c", (TensorSpec("y", "f32", (2, 1)),))
    with pytest.raises(ModuleProcessError, match=r"output 'y' is f32\[2, 1\], the file holds float32\[2\]"):
        other.run({})


def test_a_program_that_cannot_be_started(folder: Path) -> None:
    with pytest.raises(ModuleProcessError, match="missing: cannot be started: No such file"):
        module(folder, "missing").run({})


def test_jobs_run_at_once_and_in_their_order(folder: Path, tmp_path: Path) -> None:
    """Each of eight ends when it has seen all eight."""
    script = folder / "waits.py"
    script.write_text(
        "import os, time\n"
        f"folder = {str(tmp_path)!r}\n"
        "open(f'{folder}/{os.getpid()}', 'w').close()\n"
        "while len(os.listdir(folder)) < 8:\n"
        "    time.sleep(0.01)\n"
    )
    waits = ModuleProcess(folder, "waits", "python", (), timeout_s=60)
    outcomes = run_together({str(k): lambda: waits.run({}) for k in range(8)}, workers=8)
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


SERVED = """
import os, signal, subprocess, sys
from cedr.runtime.module import Module, ModuleError, main
from cedr.target.manifest import TensorSpec

Y = TensorSpec("y", "f32", (2,))
MODULE = Module("served", (TensorSpec("x", "f32", (2,)),), (Y,), (), 0, 0)


def run(state):
    x = state.memory["input"][0]
    print("done")
    match int(x[0]):
        case 1:
            subprocess.Popen([sys.executable, "-c", f"while True: pass  # LOOPS"])
            while True:
                pass
        case 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        case 3:
            sys.stderr.write("no more of this" + 100_000 * "!")
            os._exit(3)
        case 4:
            raise ModuleError("this input")
        case 5:
            sys.exit(0)
        case 6:
            sys.stdout.close()
            os.close(1)
            while True:
                pass
        case 7:
            raise ZeroDivisionError
    state.memory["output"][0][...] = 2 * x


if __name__ == "__main__":
    main(MODULE, run, __file__)
"""


@pytest.fixture
def served(folder: Path, left: Left) -> Iterator[ModuleProcess]:
    """Computes 2 x, but for some x."""
    (folder / "served.py").write_text(SERVED.replace("LOOPS", str(folder / "loops")))
    yield ModuleProcess(folder, "served", "python", (Y,), timeout_s=20)
    assert not left() and none_left(folder)


def computed(served: ModuleProcess, values: Iterable[int]) -> Generator[Array]:
    samples = ({"x": np.array([value, 0.5], np.float32)} for value in values)
    for (y,) in served.execute_many(samples, Path("unread.cedrrec"), hand_made(), load_platform("zcu102")):
        yield y


def test_a_served_module_computes_sample_after_sample(served: ModuleProcess) -> None:
    assert [y.tolist() for y in computed(served, [8, 9, 0])] == [[16, 1], [18, 1], [0, 1]]
    assert list(computed(served, [])) == []


def test_a_served_module_that_nobody_asks_any_more_is_ended(served: ModuleProcess, left: Left) -> None:
    values = computed(served, [8, 9])
    next(values)
    assert len(left()) == 1
    values.close()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1, r"served\.py: killed: it was still running after 3 s"),
        (2, r"served\.py: killed by signal 11 \(SIGSEGV\)"),
        (3, r"served\.py: exit status 3: !{8192}$"),
        (4, r"served: this input$"),
        (5, r"served\.py: exit status 0"),
        (6, r"served\.py: killed: it was still running after 3 s"),
        (7, r"ZeroDivisionError$"),
    ],
)
def test_a_served_module_that_fails_keeps_what_it_gave_before(served: ModuleProcess, value: int, message: str) -> None:
    # The limit holds for each sample, the first with the process's start.
    values = computed(replace(served, timeout_s=3 if "still running" in message else 20), [8, value, 9])
    assert next(values).tolist() == [16, 1]
    with pytest.raises(ModuleProcessError, match=message):
        next(values)
