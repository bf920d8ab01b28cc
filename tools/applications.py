"""C and C++ applications, and records of any application, on the emulator: built, recorded, emulated.

An application is a program that calls libcedr (dash.h): a source, which is built first, an executable, or a shared object
with `main`. It runs unmodified in a process of its own, computes, and is recorded meanwhile; its record is emulated. No
PyTorch model is behind it, so that there is nothing to compare with.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from cedr.backend.toolchain import LANGUAGES, application_library, find_compiler
from cedr.runtime.emulator import choose_os_model, emulate
from cedr.runtime.process import ApplicationProcess
from cedr.runtime.record import WAIT_AMBIGUOUS, WAIT_INFERRED, WAIT_TENTATIVE, HostTime, Record, read_record
from cedr.runtime.schedulers import get_scheduler
from cedr.target.errors import CedrError
from cedr.target.platform import load_platform
from cedr.tools.cc import build_application
from cedr.tools.driver import RunOptions, RunResult, run_figures
from cedr.tools.options import CompileOptions

HOST_NS: Final = {"fixed": 1000.0, "blocks": 10.0}
"""Nanoseconds of a segment, of a basic block, where none are given."""
DEFAULT_TIMEOUT_S: Final = 120.0


class ApplicationError(CedrError):
    """An application that is not there, or not for this machine; or options that don't go together."""


@dataclass(frozen=True)
class ApplicationOptions:
    """How an application is run to be recorded."""

    arguments: tuple[str, ...] = ()
    cwd: Path = Path()
    """The folder that it runs in: what it opens by a relative name is looked for there."""
    host_time: HostTime = "measured"
    host_ns: float | None = None
    """Of a segment between two events (fixed) or a basic block (blocks); None: HOST_NS."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    speaks: bool = False
    """What it says on stderr comes out on ours at once."""
    stdout: int | None = None
    """The file descriptor that its stdout goes to; None: nowhere."""


@dataclass(frozen=True)
class OpenedApplication:
    """An application that can be started."""

    path: Path
    process: ApplicationProcess
    build_s: float | None
    """Seconds in the compiler; None where nothing was built."""
    built: tempfile.TemporaryDirectory[str] | None
    """Where it was built: it goes when this does."""


def open_application(path: Path, options: ApplicationOptions) -> OpenedApplication:
    """An application ready to be started; a source is built first, for itself.

    Raises ApplicationError for a file that is not there or for another machine, a folder that is not there, a host time
    with a figure that it has no use for; ToolchainError for a source that does not build.
    """
    if not path.is_file():
        raise ApplicationError(f"{path}: no such file")
    if not options.cwd.is_dir():
        raise ApplicationError(f"--cwd {options.cwd}: no such folder")
    if options.host_ns is not None and options.host_time not in HOST_NS:
        raise ApplicationError(
            f"--host-ns goes with --host-time fixed and blocks; --host-time {options.host_time} has no figure"
        )
    start, build_s, built, program = time.perf_counter(), None, None, path
    if path.suffix in LANGUAGES:
        built = tempfile.TemporaryDirectory(prefix="cedr-application-")
        program = Path(built.name) / path.stem
        counting = ["-fsanitize-coverage=trace-pc"] if options.host_time == "blocks" else []
        build_application([path], program, options=[f"-I{path.parent}", *counting])
        build_s = time.perf_counter() - start
    _check_machine(program)
    host = None
    if program.suffix == ".so":
        host = application_library(find_compiler()).host
    host_ns = options.host_ns if options.host_ns is not None else HOST_NS.get(options.host_time)
    process = ApplicationProcess(
        path,
        program,
        host,
        options.arguments,
        options.cwd,
        options.host_time,
        host_ns,
        options.timeout_s,
        options.speaks,
        options.stdout,
    )
    return OpenedApplication(path, process, build_s, built)


def _check_machine(program: Path) -> None:
    """Refuse what this machine can't load: the machine stands in an ELF file's bytes 4 (its width) and 18 to 19."""
    with program.open("rb") as file, Path(sys.executable).open("rb") as own:
        header, ours = file.read(20), own.read(20)
    if header[:4] != b"\x7fELF":
        raise ApplicationError(f"{program}: neither a source nor an executable nor a shared object")
    if (header[4], header[18:20]) != (ours[4], ours[18:20]):
        raise ApplicationError(
            f"{program}: built for another machine than this one; build it with `cedr cc` for the host"
        )
    if program.suffix != ".so" and not os.access(program, os.X_OK):
        raise ApplicationError(f"{program}: may not be executed; chmod +x it")


def record_application(path: Path, output: Path, options: ApplicationOptions) -> tuple[Record, OpenedApplication]:
    """Run an application once and keep what it does in a record, `output`, which must not be there.

    Raises ModuleProcessError where it fails; the record then holds what it did until then.
    """
    if output.exists():
        raise ApplicationError(
            f"{output}: is there already, and a record is never overwritten; remove it or name another"
        )
    if not output.absolute().parent.is_dir():
        raise ApplicationError(f"{output}: its folder is not there")
    application = open_application(path, options)
    return application.process.record(output), application


def remarks(record: Record) -> list[str]:
    """What is to be said of a record: calls that nobody waited for, waits that are not sure."""
    found = []
    if count := len(record.unwaited()):
        found.append(f"{count} call{'s were' if count > 1 else ' was'} never waited for")
    for flag, what in (
        (WAIT_INFERRED, "inferred: the thread was seen to spin, and libcedr called by nothing that it does"),
        (WAIT_TENTATIVE, "tentative: another thread waited for the same calls, this one took its mutex; it may vary"),
        (WAIT_AMBIGUOUS, "ambiguous: there were calls of several barriers that the thread could be waiting for"),
    ):
        if count := sum(int((thread.wait_flags & flag > 0).sum()) for thread in record.threads):
            found.append(f"{count} wait{'s are' if count > 1 else ' is'} {what}")
    return found


def run_application(
    text: str,
    asked: CompileOptions,
    options: RunOptions,
    application_options: ApplicationOptions,
    host_scale: Fraction | None,
    tell: Callable[[str], None],
    execute: bool = False,
) -> RunResult:
    """`cedr run` of an application or of a record: recorded where it is none, and emulated.

    execute: the application is started a second time, and what it does is compared with its record.
    """
    path = Path(text)
    platform = load_platform(asked.platform)
    os_model = choose_os_model(options.os_model, platform)
    scheduler = get_scheduler(options.scheduler)
    start = time.perf_counter()
    build_s = None
    with tempfile.TemporaryDirectory(prefix="cedr-record-") as scratch:
        if path.suffix == ".cedrrec":
            record = read_record(path)
        else:
            kept = Path(scratch) / f"{path.stem}.cedrrec"
            record, application = record_application(path, kept, application_options)
            build_s = application.build_s
            if execute:
                replace(application.process, stdout=None).execute(kept)
        for remark in remarks(record):
            tell(f"{path}: {remark}")
        emulation = emulate(
            record,
            platform,
            asked.hw,
            scheduler,
            options.instances,
            round(options.period_us * 1000),
            options.seed,
            os_model,
            names=[path.stem],
            out=options.out,
            host_scale=host_scale,
        )
    run_s = time.perf_counter() - start - (build_s or 0.0)
    compiled: dict[str, Any] = {
        "arena_bytes": None,
        "arena_bound_bytes": None,
        "ir_bytes": {},
        "compile_s": None,
        "build_s": build_s,
        "export_s": None,
        "run_s": run_s,
    }
    model = {"model": text, "emit": None, "pipeline": None}
    return RunResult(run_figures(model, emulation, platform, options.instances, compiled), None, emulation, True)
