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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

CFLAGS = ("-std=c11", "-O3", "-ffp-contract=fast", "-Wall", "-Wextra", "-Wpedantic")
NATIVE_FLAG = "-march=native"
CORTEX_A53_FLAG = "-mcpu=cortex-a53"

Language = Literal["c", "c++"]
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


def libcedr_objects(compiler: Compiler) -> list[Path]:
    """libcedr's objects for this compiler and these flags, built on first use and kept in the user's cache."""
    digest = hashlib.sha256()
    for name in (*LIBCEDR_SOURCES, *LIBCEDR_HEADERS):
        digest.update((LIBCEDR / name).read_bytes())
    digest.update(repr((compiler, CFLAGS, _cpu_name() if NATIVE_FLAG in compiler.machine_flags else "")).encode())
    folder = _cache_folder() / f"libcedr-{digest.hexdigest()[:16]}"
    objects = [folder / f"{Path(name).stem}.o" for name in LIBCEDR_SOURCES]
    if all(path.exists() for path in objects):
        return objects
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="libcedr-", dir=folder.parent))
    except OSError:  # a read-only home: build without a cache
        scratch = Path(tempfile.mkdtemp(prefix="libcedr-"))
        folder = scratch.with_name(scratch.name + "-built")
        objects = [folder / path.name for path in objects]
    try:
        for name, path in zip(LIBCEDR_SOURCES, objects, strict=True):
            compiler.run([*CFLAGS, *compiler.machine_flags, "-c", str(LIBCEDR / name), "-o", path.name], scratch)
        try:
            scratch.rename(folder)
        except OSError:  # another process was first
            if not all(path.exists() for path in objects):
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return objects


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


def build_module(directory: Path, name: str, own_libcedr: bool = False, target: Target = "host") -> Path:
    """Compile DIR/<name>.c and link it with libcedr into DIR/<name>; the old executable stays until it is done.

    `own_libcedr`: build the libcedr sources in DIR instead of taking the cached objects of ours.
    """
    compiler = find_compiler(target)
    libcedr = (
        [f"libcedr/{source}" for source in LIBCEDR_SOURCES] if own_libcedr else map(str, libcedr_objects(compiler))
    )
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
