"""A task module, or a C or C++ application, as a process: recorded, run, executed. The emulator never loads one.

A process that crashes, exits, never ends or writes rubbish is a `ModuleProcessError` of its own application; `run_together`
runs the processes of several applications at once and keeps the others' results.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_readable
from pathlib import Path
from platform import machine
from threading import RLock, Thread
from typing import IO, Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

import cedr
from cedr.runtime.npy import NpyError, map_npy
from cedr.runtime.record import HostTime, Record, read_record
from cedr.runtime.result import EmulationResult
from cedr.target.errors import CedrError
from cedr.target.manifest import Target, TensorSpec
from cedr.target.platform import Platform, class_costs

Array = NDArray[Any]
T = TypeVar("T")

IMPORT_ROOT = Path(cedr.__file__).parents[1]
"""Where `cedr` was imported from: a module's process imports the same."""


class ModuleProcessError(CedrError):
    """A module's process that refused or died; the text is its own message."""


QEMU: Final = ("qemu-aarch64", "qemu-aarch64-static")
"""QEMU's user-mode emulator: it runs another processor's programs under this system."""


def foreign_command(target: Target, where: str) -> tuple[str, ...]:
    """What starts a program of a target on this machine: nothing more, or QEMU. Raises ModuleProcessError without it."""
    if target == "host" or machine() == target:
        return ()
    for name in QEMU:
        if shutil.which(name) is not None:
            # Dynamic programs find the C library that comes with Debian's cross compiler.
            return (name, "-L", f"/usr/{target}-linux-gnu")
    raise ModuleProcessError(
        f"{where}: a program for {target}, and {QEMU[0]} is not here; on Debian: apt-get install qemu-user; or run it on the "
        "board"
    )


@dataclass(frozen=True)
class ModuleProcess:
    """A module in its directory: `emit` is c (an executable `name`) or python (`name`.py)."""

    directory: Path
    name: str
    emit: str
    outputs: tuple[TensorSpec, ...]
    weights: Path | None = None
    """Another weights file than the one in the directory."""
    timeout_s: float | None = None
    """After this many seconds the process is killed; None: it may take for ever."""
    target: Target = "host"

    @property
    def program(self) -> Path:
        return self.directory / (self.name if self.emit == "c" else f"{self.name}.py")

    def record(self, path: Path) -> Record:
        """What the module submits, written to `path`; no values are computed.

        Raises ModuleProcessError where the process fails or leaves its record unfinished, RecordError where it wrote
        rubbish; `path` then holds what there is.
        """
        self._start([], {"CEDR_MODE": "record", "CEDR_RECORD": str(path)})
        record = read_record(path)
        if not record.complete:
            raise ModuleProcessError(
                f"{self.program}: exit status 0, but its record breaks off after {len(record)} submissions"
            )
        return record

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Compute, in the order of submission."""
        return self._compute(inputs, {"CEDR_MODE": "run"})

    def execute(
        self,
        inputs: Mapping[str, Array],
        record: Path,
        result: EmulationResult,
        platform: Platform,
        instance: int = 0,
    ) -> list[Array]:
        """Compute each task in the order in which the emulation started it, by the implementation of its PE."""
        with _scratch() as folder:
            return self._compute(inputs, _scheduled(folder, record, result, platform, instance))

    def execute_many(
        self, samples: Iterable[Mapping[str, Array]], record: Path, result: EmulationResult, platform: Platform
    ) -> Iterator[list[Array]]:
        """`execute` for each sample, as the first instance; a Python module is started once for all of them, and the time
        limit is that of each."""
        with _scratch() as folder:
            environment = {"CEDR_MODE": "run"}  # the same values, where all PEs compute in the calls' own element types
            if implementations(result, platform).any():
                environment = _scheduled(folder, record, result, platform, instance=0)
            if self.emit == "c":
                for sample in samples:
                    yield self._compute(sample, environment)
                return
            command = [sys.executable, "-m", "cedr.runtime.batch", str(self.program)]
            with _Process(command, self._environment(environment), talks=True) as process:
                for sample in samples:
                    answered, status = process.ask(json.dumps(self._arguments(sample, folder)), self.timeout_s)
                    if not answered:
                        raise self._failure(status, process)
                    yield self._results(folder)

    def _compute(self, inputs: Mapping[str, Array], environment: Mapping[str, str]) -> list[Array]:
        with _scratch() as folder:
            self._start(self._arguments(inputs, folder), environment)
            return self._results(folder)

    def _arguments(self, inputs: Mapping[str, Array], folder: Path) -> list[str]:
        arguments: list[str] = []
        for i, (name, array) in enumerate(inputs.items()):
            np.save(folder / f"in{i}.npy", np.asarray(array, order="C"))
            arguments += ["--input", f"{name}={folder / f'in{i}.npy'}"]
        for i, tensor in enumerate(self.outputs):
            arguments += ["--output", f"{tensor.name}={folder / f'out{i}.npy'}"]
        return arguments

    def _results(self, folder: Path) -> list[Array]:
        return [self._result(folder / f"out{i}.npy", tensor) for i, tensor in enumerate(self.outputs)]

    def _result(self, path: Path, tensor: TensorSpec) -> Array:
        try:
            return np.array(map_npy(path, tensor))
        except NpyError as error:
            raise ModuleProcessError(f"{self.program}: output {error}") from error

    def _start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        command = [str(self.program.resolve())] if self.emit == "c" else [sys.executable, str(self.program)]
        command = [*foreign_command(self.target, str(self.program)), *command]
        try:
            with _Process([*command, *arguments], self._environment(environment)) as process:
                status = process.wait(self.timeout_s)
        except OSError as error:
            raise ModuleProcessError(f"{self.program}: cannot be started: {error.strerror}") from error
        if status != 0:
            raise self._failure(status, process)

    def _failure(self, status: int | None, process: _Process) -> ModuleProcessError:
        return _failure(self.program, status, process.said(), self.timeout_s)

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The process's environment: ours, less what would change its mode, with `cedr` importable."""
        own = _own_environment()
        paths = [str(IMPORT_ROOT), *filter(None, [own.get("PYTHONPATH")])]
        weights = {} if self.weights is None else {"CEDR_WEIGHTS": str(self.weights)}
        return {**own, "PYTHONPATH": os.pathsep.join(paths), **weights, **extra}


@dataclass(frozen=True)
class ApplicationProcess:
    """A C or C++ application that is linked with libcedr, started as it is: with its own arguments, in a folder.

    What it writes to stderr comes out on ours at once where it `speaks`; it gets no input.
    """

    name: Path
    """The file that messages are about: the program, or the source that it was built from."""
    program: Path
    host: Path | None = None
    """The program that loads it, where it is a shared object."""
    arguments: tuple[str, ...] = ()
    cwd: Path = Path()
    host_time: HostTime = "measured"
    """How the time between its calls is recorded: off, fixed, blocks, measured."""
    host_ns: float | None = None
    """Of each segment between two events (fixed), of each basic block (blocks)."""
    timeout_s: float | None = None
    """After this many seconds the process is killed; None: it may take for ever."""
    speaks: bool = False
    stdout: int | None = None
    """The file descriptor that its stdout goes to; None: nowhere."""

    def record(self, path: Path) -> Record:
        """What it does, written to `path`; it computes meanwhile.

        Raises ModuleProcessError where the process fails; `path` then holds what it did until then.
        """
        settings = {"CEDR_MODE": "record", "CEDR_RECORD": str(path.absolute()), "CEDR_HOST_TIME": self.host_time}
        if self.host_ns is not None:
            settings["CEDR_HOST_NS"] = np.format_float_positional(self.host_ns, trim="-")
        failure = self._start(settings)
        if not path.exists():
            if failure is not None:
                raise failure
            raise ModuleProcessError(
                f"{self.name}: it ended without a record: it is not linked with libcedr; build it with `cedr cc`"
            )
        try:
            record = read_record(path)
        except CedrError:
            if failure is not None:
                raise failure from None
            raise
        if failure is not None:
            raise ModuleProcessError(f"{failure}\nIts record holds {_calls(record.calls())}.") from failure
        if not record.complete:
            raise ModuleProcessError(
                f"{self.name}: exit status 0, but it did not end by exit or by returning from main: its record breaks off "
                f"after {_calls(record.calls())}"
            )
        return record

    def execute(self, record: Path) -> None:
        """Compute again, and compare what it does with its record. Raises ModuleProcessError at the first difference."""
        failure = self._start({"CEDR_MODE": "execute", "CEDR_RECORD": str(record.absolute())})
        if failure is not None:
            raise failure

    def _start(self, settings: Mapping[str, str]) -> ModuleProcessError | None:
        """Why the process failed; None where it did not."""
        program = str(self.program.absolute())
        command = [program] if self.host is None else [str(self.host), program]
        environment = {**_own_environment(), **settings}
        try:
            with _Process(
                [*command, *self.arguments], environment, cwd=self.cwd, stdout=self.stdout, speaks=self.speaks
            ) as process:
                status = process.wait(self.timeout_s)
        except OSError as error:
            return ModuleProcessError(f"{self.name}: cannot be started in {self.cwd}: {error.strerror}")
        if status == 0:
            return None
        said = process.said()
        if self.speaks:  # it has been seen
            said = said.rpartition("\n")[2]
        return _failure(self.name, status, said, self.timeout_s)


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _own_environment() -> dict[str, str]:
    """Our environment, less what would change a module's mode."""
    return {k: v for k, v in os.environ.items() if not k.startswith("CEDR_")}


def _failure(program: Path, status: int | None, said: str, timeout_s: float | None) -> ModuleProcessError:
    """What became of a process by its exit status (None: the time limit) and by its own word."""
    if status is None:
        assert timeout_s is not None
        limit = np.format_float_positional(timeout_s, trim="-")
        return ModuleProcessError(f"{program}: killed: it was still running after {limit} s")
    if status < 0:
        return ModuleProcessError(f"{program}: killed by signal {-status} ({_signal_name(-status)})")
    if status == 1 and said:
        return ModuleProcessError(said)
    return ModuleProcessError(f"{program}: exit status {status}{': ' if said else ''}{said}")


# ---- processes ----


_MOST_SAID_BYTES: Final = 8192
"""Of what a process writes to stderr, the end is kept."""
_living: set[subprocess.Popen[bytes]] = set()
_living_lock = RLock()  # the garbage collector may end a process while this thread starts one


class _Process:
    """A process that is ended, with its children, when the `with` block is left."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        talks: bool = False,
        *,
        cwd: Path | None = None,
        stdout: int | None = None,
        speaks: bool = False,
    ):
        """talks: it is asked on stdin and answers on stdout, by `ask`. stdout: a file descriptor in place of none.
        speaks: what it says on stderr comes out on ours, too."""
        with _living_lock:
            self.process = subprocess.Popen(
                command,
                bufsize=0,
                env=environment,
                cwd=cwd,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else subprocess.DEVNULL if stdout is None else stdout,
                stderr=subprocess.PIPE,
                process_group=0,  # its children are killed with it
            )
            _living.add(self.process)
        assert self.process.stderr is not None
        self._said = bytearray()
        self._reader = Thread(target=_keep_end, args=(self.process.stderr, self._said, speaks), daemon=True)
        self._reader.start()

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        _kill(self.process)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        with _living_lock:
            _living.discard(self.process)

    def wait(self, timeout_s: float | None) -> int | None:
        """Its exit status; None: it is still running at the time limit."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def ask(self, line: str, timeout_s: float | None) -> tuple[bool, int | None]:
        """Whether it has answered a line with `done`; if not, its exit status, or None at the time limit."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            return False, self.wait(timeout_s)
        if not wait_readable([self.process.stdout.fileno()], timeout_s):
            return False, None
        return (True, None) if self.process.stdout.readline() == b"done\n" else (False, self.wait(timeout_s))

    def said(self) -> str:
        """The end of what it said on stderr."""
        self._reader.join(1)  # a child that left the group may hold the pipe
        text = bytes(self._said).decode("utf-8", "replace").strip()
        return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _keep_end(pipe: IO[bytes], said: bytearray, speaks: bool) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            if speaks:
                sys.stderr.write(chunk.decode("utf-8", "replace"))
                sys.stderr.flush()
            said += chunk
            del said[:-_MOST_SAID_BYTES]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here, and its children; one that has ended is left alone, as is its number."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _kill_all() -> None:
    with _living_lock:
        for process in tuple(_living):
            _kill(process)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a signal without a name"


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of one job: a value, or a failure."""

    value: T | None
    failure: CedrError | None
    """Its text is the whole message."""


def run_together(jobs: Mapping[str, Callable[[], T]], workers: int | None = None) -> dict[str, Outcome[T]]:
    """Run jobs that wait for processes (`ModuleProcess.record`, `.run`, `.execute`) at once on the host's cores.

    workers: how many at a time; None: as many as the CPUs that this process may use. Gives an outcome by the job's name,
    in the order of `jobs`. A job's CedrError is its own outcome; another exception is an error of ours, raised when all
    jobs are done. Give each ModuleProcess a `timeout_s`: one that never ends would be waited for.
    """
    count = len(os.sched_getaffinity(0)) if workers is None else workers
    with ThreadPoolExecutor(max(1, min(count, len(jobs)))) as executor:
        started = {name: executor.submit(_outcome, job) for name, job in jobs.items()}
        try:
            wait(started.values())
        except BaseException:  # Ctrl-C: nothing that was started here goes on
            while not all(future.cancel() or future.done() for future in started.values()):
                _kill_all()
                time.sleep(0.01)
            raise
    return {name: future.result() for name, future in started.items()}


def _outcome(job: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(job(), None)
    except CedrError as error:
        return Outcome(None, error)


# ---- schedules ----


def implementations(result: EmulationResult, platform: Platform) -> NDArray[np.uint32]:
    """uint32[classes, PEs]: the implementation of each class on each PE of an emulation on `platform`; 0 is the call's own
    element type (`Arithmetic.word`)."""
    types = [pe_type.name for pe_type in platform.pe_types]
    type_of = [types.index(pe.rstrip("0123456789")) for pe in result.pes]
    return class_costs(platform, result.classes).arithmetic[:, type_of]


def write_schedule(path: Path, result: EmulationResult, platform: Platform, instance: int = 0) -> None:
    """The tasks of one instance in the order of their start, each with the implementation of its PE, as a module's execute
    mode reads it: u32 n, then n x {u32 task, u32 implementation}. `platform` is the one that was emulated."""
    rows = (result.instance == instance) & result.succeeded
    words = np.zeros(1 + 2 * np.count_nonzero(rows), np.uint32)
    words[0] = np.count_nonzero(rows)
    words[1::2] = result.task[rows]
    words[2::2] = implementations(result, platform)[result.task_class[rows], result.pe[rows]]
    words.tofile(path)


def _scheduled(
    folder: Path, record: Path, result: EmulationResult, platform: Platform, instance: int
) -> dict[str, str]:
    """The environment of the execute mode, its schedule written into `folder`."""
    schedule = folder / "schedule.bin"
    write_schedule(schedule, result, platform, instance)
    return {"CEDR_MODE": "execute", "CEDR_RECORD": str(record), "CEDR_SCHEDULE": str(schedule)}


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cedr-") as folder:
        yield Path(folder)
