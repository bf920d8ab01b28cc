"""The C compiler of a target: gcc or clang, else the one inside the PyPI package `ziglang`; and libcedr, built once per
compiler."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, Literal

from cedr.target.errors import CedrError
from cedr.target.manifest import Abi, Target

LIBCEDR = Path(__file__).resolve().parent.parent / "runtime" / "libcedr"
"""libcedr's sources, copied into every module's directory."""
LIBCEDR_SOURCES = ("cedr.c", "record.c", "process.c", "io.c", "calls.c", "arithmetic.c")
LIBCEDR_HEADERS = ("cedr.h", "cedr_complex.h", "half.h", "internal.h", "record.h", "calls_float.h")
DASH_MODULE_FILES = (
    *("dash_module.c", "io.c", "calls.c"),
    *("dash_module.h", "cedr.h", "cedr_complex.h", "half.h", "internal.h", "calls_float.h"),
)
"""What a module for CEDR itself is built with: C and C++."""
RECORDER_SOURCES = (
    "application.c",
    "submissions.c",
    "waits.c",
    "spins.c",
    "watchpoints.c",
    "threads.c",
    "meetings.c",
    "barriers.c",
    "events.c",
    "execute.c",
    "recorder.c",
)
"""What sees an application's calls and waits (recorder.h)."""
APPLICATION_SOURCES = (*LIBCEDR_SOURCES, "dash.c", *RECORDER_SOURCES)
"""libcedr as C and C++ applications link with it."""
APPLICATION_HEADERS = (*LIBCEDR_HEADERS, "dash.h", "dash_types.h", "application.h", "recorder.h")
PUBLIC_HEADERS = ("dash.h", "dash_types.h")
"""What an application may include."""
HOST_SOURCE = "host.c"
"""The program that loads an application which is a shared object."""
SEEN_FUNCTIONS = (
    "pthread_cond_wait",
    "pthread_cond_timedwait",
    "pthread_cond_clockwait",
    "pthread_cond_destroy",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_create",
    "pthread_join",
    "sched_yield",
    "sleep",
    "usleep",
    "nanosleep",
    "clock_nanosleep",
    "pthread_barrier_wait",
    "sem_init",
    "sem_post",
    "sem_wait",
    "sem_trywait",
    "sem_timedwait",
    "sem_clockwait",
)
"""The functions of libc that libcedr defines again to see an application wait (CEDR_SEEN of recorder.h)."""

CFLAGS = ("-std=c11", "-O3", "-ffp-contract=fast", "-Wall", "-Wextra", "-Wpedantic")
NATIVE_FLAG = "-march=native"
CORTEX_A53_FLAG = "-mcpu=cortex-a53"

Language = Literal["c", "c++"]
LANGUAGES: Final[dict[str, Language]] = {
    ".c": "c",
    ".cpp": "c++",
    ".cc": "c++",
    ".cxx": "c++",
    ".c++": "c++",
    ".C": "c++",
}
"""What a source is written in, by its suffix."""
OLDEST_GLIBC: Final = "2.31"
"""What ziglang links dynamic aarch64 programs for: Ubuntu 20.04, the oldest of the ZCU102's usual systems."""

_HOST_NAMES: Final[dict[Language, tuple[str, ...]]] = {"c": ("gcc", "clang", "cc"), "c++": ("g++", "clang++", "c++")}
_CROSS_NAMES: Final[dict[Language, str]] = {"c": "aarch64-linux-gnu-gcc", "c++": "aarch64-linux-gnu-g++"}
_VARIABLES: Final[dict[Language, str]] = {"c": "CC", "c++": "CXX"}
_LANGUAGE_NAMES: Final[dict[Language, str]] = {"c": "C", "c++": "C++"}


class ToolchainError(CedrError):
    """No compiler, or one that refused."""


@dataclass(frozen=True)
class Compiler:
    command: tuple[str, ...]
    """What is run; arguments are appended."""
    version: str
    machine_flags: tuple[str, ...] = (NATIVE_FLAG,)
    """The processor that is compiled for, as this compiler spells it."""

    def run(self, arguments: Sequence[str], cwd: Path) -> None:
        """Raises ToolchainError with the compiler's own message when it refuses."""
        process = subprocess.run([*self.command, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
        if process.returncode:
            raise ToolchainError(
                f"{' '.join(self.command)} {' '.join(arguments)}: exit status {process.returncode}\n{process.stderr.strip()}"
            )
        if process.stderr.strip():
            print(process.stderr.strip(), file=sys.stderr)


@cache
def find_compiler(target: Target = "host", language: Language = "c", dynamic: bool = False) -> Compiler:
    """The compiler for a target.

    host: $CC (C++: $CXX), gcc, clang, cc, or ziglang's. aarch64: Debian's cross compiler aarch64-linux-gnu-gcc, or
    ziglang's; what it links is static, so that it runs whatever C library the board has, unless it is to be `dynamic`, as
    shared objects and what loads them are. Raises ToolchainError saying how to get one.
    """
    configured = os.environ.get(_VARIABLES[language]) if target == "host" else None
    for command, flags in _candidates(target, language, dynamic, configured):
        if shutil.which(command[0]) is None:
            continue
        process = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
        if process.returncode == 0:
            return Compiler(command, process.stdout.strip(), flags)
    name = _LANGUAGE_NAMES[language]
    if configured:
        variable = _VARIABLES[language]
        raise ToolchainError(
            f"{variable}={configured}: no such {name} compiler; unset {variable}, or name one that is installed"
        )
    if target == "aarch64":
        raise ToolchainError(
            f"no {name} compiler for aarch64 found ({_CROSS_NAMES[language]} or the Python package ziglang): install one, "
            f"e.g. `pip install ziglang`, or on Debian `apt-get install {_HOST_NAMES[language][0]}-aarch64-linux-gnu`"
        )
    raise ToolchainError(
        f"no {name} compiler found ({', '.join(_HOST_NAMES[language][:2])} or the Python package ziglang): install one, "
        f"e.g. `pip install ziglang` or your system's {_HOST_NAMES[language][0]}"
        + (", or use --emit python" if language == "c" else "")
    )


def _candidates(
    target: Target, language: Language, dynamic: bool, configured: str | None
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Commands that may be there, each with its machine flags, the best first."""
    has_zig = importlib.util.find_spec("ziglang") is not None
    zig = (sys.executable, "-m", "ziglang", "cc" if language == "c" else "c++")
    if target == "host":
        if configured:
            yield tuple(configured.split()), (NATIVE_FLAG,)
            return
        for name in _HOST_NAMES[language]:
            yield (name,), (NATIVE_FLAG,)
        if has_zig:
            yield zig, (NATIVE_FLAG,)
        return
    yield (_CROSS_NAMES[language], *(() if dynamic else ("-static",))), (CORTEX_A53_FLAG,)
    if has_zig:
        system = f"gnu.{OLDEST_GLIBC}" if dynamic else "musl"
        yield (*zig, "-target", f"aarch64-linux-{system}"), ("-mcpu=cortex_a53",)


def _cache_folder() -> Path:
    root = os.environ.get("CEDR_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(root) / "cedr" if root else Path.home() / ".cache" / "cedr"


def _built(name: str, sources: Sequence[str], key: object, make: Callable[[Path], None], files: Sequence[str]) -> Path:
    """A folder of the user's cache with `files`, made by `make` on first use; `sources` and `key` say what it is made from."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update((LIBCEDR / source).read_bytes())
    digest.update(repr(key).encode())
    folder = _cache_folder() / f"{name}-{digest.hexdigest()[:16]}"
    if all((folder / file).exists() for file in files):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder.parent))
    except OSError:  # a read-only home: build without a cache
        scratch = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        folder = scratch.with_name(scratch.name + "-built")
    try:
        make(scratch)
        try:
            scratch.rename(folder)
        except OSError:  # another process was first
            if not all((folder / file).exists() for file in files):
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def libcedr_objects(compiler: Compiler) -> list[Path]:
    """libcedr's objects for this compiler and these flags, built on first use and kept in the user's cache."""

    def make(folder: Path) -> None:
        for source, name in zip(LIBCEDR_SOURCES, names, strict=True):
            compiler.run([*CFLAGS, *compiler.machine_flags, "-c", str(LIBCEDR / source), "-o", name], folder)

    names = [f"{Path(name).stem}.o" for name in LIBCEDR_SOURCES]
    key = (compiler, CFLAGS, _cpu_name() if NATIVE_FLAG in compiler.machine_flags else "")
    folder = _built("libcedr", (*LIBCEDR_SOURCES, *LIBCEDR_HEADERS), key, make, names)
    return [folder / name for name in names]


@dataclass(frozen=True)
class ApplicationLibrary:
    """libcedr for C and C++ applications."""

    include: Path
    """The folder of the headers."""
    link: tuple[str, ...]
    """What an executable is linked with, behind its own objects: libcedr is a part of it."""
    shared: Path | None
    """libcedr.so, for shared objects; None where all is linked statically."""
    host: Path | None
    """The program that loads a shared object and calls its main; None as `shared`."""


def application_library(compiler: Compiler) -> ApplicationLibrary:
    """libcedr for what this C compiler compiles, built on first use and kept in the user's cache.

    It is compiled for any processor of the target: an application may be taken to another machine.
    """
    static = "-static" in compiler.command
    names = [f"{Path(name).stem}.o" for name in APPLICATION_SOURCES]
    flags = [*CFLAGS, *(flag for flag in compiler.machine_flags if flag != NATIVE_FLAG), "-pthread", "-fPIC"]
    libraries = ("-lm", "-ldl", "-pthread")

    def make(folder: Path) -> None:
        (folder / "include").mkdir()
        for header in PUBLIC_HEADERS:
            shutil.copyfile(LIBCEDR / header, folder / "include" / header)
        for source, name in zip(APPLICATION_SOURCES, names, strict=True):
            wrap = ["-DCEDR_WRAP"] if static and source in RECORDER_SOURCES else []
            compiler.run([*flags, *wrap, "-c", str(LIBCEDR / source), "-o", name], folder)
        if not static:
            compiler.run(["-shared", *names, "-Wl,-soname,libcedr.so", "-o", "libcedr.so", *libraries], folder)
            order = [
                "-L.",
                "-Wl,--no-as-needed,-rpath,$ORIGIN",
                "-lcedr",
                *libraries,
            ]  # before libc: its waits are seen
            compiler.run([*flags, str(LIBCEDR / HOST_SOURCE), "-o", "cedr-host", *order], folder)

    sources = (*APPLICATION_SOURCES, *APPLICATION_HEADERS, HOST_SOURCE)
    made = [*names, *(() if static else ("libcedr.so", "cedr-host"))]
    folder = _built("libcedr-application", sources, (compiler, flags), make, made)
    wraps = tuple(f"-Wl,--wrap={name}" for name in SEEN_FUNCTIONS) if static else ("-rdynamic",)
    link = (*(str(folder / name) for name in names), *wraps, *libraries)
    return ApplicationLibrary(
        folder / "include",
        link,
        None if static else folder / "libcedr.so",
        None if static else folder / "cedr-host",
    )


def application_compilers(target: Target, languages: Sequence[Language], dynamic: bool) -> dict[Language, Compiler]:
    """Compilers whose objects go together: one for C, and one for C++ if it is among the languages.

    dynamic: for a shared object. What ziglang makes is dynamic always: its static C library is another one than libcedr is
    written for.
    """
    found: dict[Language, Compiler] = {}
    for language in dict.fromkeys((*languages, "c")):
        found[language] = find_compiler(target, language, dynamic)
    if any(_is_zig(compiler) for compiler in found.values()):
        for language in found:
            with_zig = [command for command, _ in _candidates(target, language, True, None) if "ziglang" in command]
            flags = next(compiler.machine_flags for compiler in found.values() if _is_zig(compiler))
            found[language] = replace(found[language], command=with_zig[0], machine_flags=flags)
    return found


def _is_zig(compiler: Compiler) -> bool:
    return "ziglang" in compiler.command


@cache
def _cpu_name() -> str:
    """What -march=native stands for here, so that a cache shared by machines keeps them apart."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        import platform

        return platform.processor()
    wanted = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in text.splitlines() if line.startswith(wanted)}))


def build_module(directory: Path, name: str, target: Target = "host") -> Path:
    """Compile DIR/<name>.c and link it with DIR/libcedr into DIR/<name>; the old executable stays until it is done.

    Where DIR/libcedr is ours as it is, the cached objects are taken: compiling it takes seconds.
    """
    compiler = find_compiler(target)
    if _holds_our_libcedr(directory):
        libcedr = [str(path) for path in libcedr_objects(compiler)]
    else:
        libcedr = [f"libcedr/{source}" for source in LIBCEDR_SOURCES]
    executable = directory / name
    temporary = f".{name}.{os.getpid()}.tmp"
    try:
        compiler.run(
            [*CFLAGS, *compiler.machine_flags, f"{name}.c", *libcedr, "-o", temporary, "-lm"],
            directory,
        )
        (directory / temporary).replace(executable)
    finally:
        (directory / temporary).unlink(missing_ok=True)
    return executable


def _holds_our_libcedr(directory: Path) -> bool:
    """Whether nothing of DIR/libcedr was changed by hand, and it is of this version."""
    folder = directory / "libcedr"
    return all(
        (folder / name).is_file() and (folder / name).read_bytes() == (LIBCEDR / name).read_bytes()
        for name in (*LIBCEDR_SOURCES, *LIBCEDR_HEADERS)
    )


MAKEFILE = """\
# Builds ./{name} from {name}.c and libcedr/. Needs a C11 compiler and make, nothing else.
{compiler}
ARCH ?= {native}
CFLAGS ?= {flags} $(ARCH)

{name}: {name}.c $(wildcard libcedr/*.c libcedr/*.h)
\t$(CC) $(CFLAGS) {name}.c libcedr/*.c -o $@ -lm

clean:
\trm -f {name}

.PHONY: clean
"""


DASH_MAKEFILE = """\
# Builds {name}.so, an application for the CEDR runtime, from {name}.c and libcedr/:
#   make CEDR=DIR      where DIR holds CEDR's dash.h and dash_types.h (libdash/)
# A C or a C++ compiler serves (CC=gcc, CC=g++). LDLIBS: what CEDR's own build gives its applications to link, if anything.
{compiler}
ARCH ?= {machine}
CFLAGS ?= {flags} $(ARCH)

{name}.so: {name}.c $(wildcard libcedr/*.c libcedr/*.h)
\t@test -f "$(CEDR)/dash.h" || {{ echo "make CEDR=DIR: no dash.h in '$(CEDR)'; DIR is CEDR's folder libdash" >&2; exit 1; }}
\t$(CC) $(CFLAGS) -shared -fPIC -fvisibility=hidden -I"$(CEDR)" {name}.c libcedr/*.c -o $@ $(LDLIBS) -lm -ldl -lpthread

clean:
\trm -f {name}.so

.PHONY: clean
"""
DASH_CFLAGS = ("-O3", "-ffp-contract=fast", "-Wall")


def makefile_text(name: str, abi: Abi = "cedr", target: Target = "host") -> str:
    """The Makefile of a module's directory. A cross compiler is Debian's; `make CC=...` takes another."""
    cross = target == "aarch64"
    if abi == "dash":
        compiler = f"ifeq ($(origin CC),default)\nCC := {_CROSS_NAMES['c']}\nendif" if cross else "CC ?= cc"
        machine = CORTEX_A53_FLAG if cross else ""
        return DASH_MAKEFILE.format(name=name, flags=" ".join(DASH_CFLAGS), compiler=compiler, machine=machine)
    compiler = f"ifeq ($(origin CC),default)\nCC := {_CROSS_NAMES['c']} -static\nendif" if cross else "CC ?= cc"
    machine = CORTEX_A53_FLAG if cross else NATIVE_FLAG
    return MAKEFILE.format(name=name, flags=" ".join(CFLAGS), compiler=compiler, native=machine)


def copy_libcedr(directory: Path, names: Sequence[str] = (*LIBCEDR_SOURCES, *LIBCEDR_HEADERS)) -> list[str]:
    """Copy sources of libcedr to DIR/libcedr; returns the files' paths relative to DIR."""
    folder = directory / "libcedr"
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copyfile(LIBCEDR / name, folder / name)
    return [f"libcedr/{name}" for name in names]
