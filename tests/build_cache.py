"""Compilations of one test run, by what they are made from: many tests build the same module."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cedr.backend.toolchain import LANGUAGES, Compiler

Run = Callable[[Compiler, Sequence[str], Path], None]
_LIBRARIES = ("-lm", "-ldl", "-lpthread")


def cached(run: Run, folder: Path) -> Run:
    """`Compiler.run`, which copies the output of an equal compilation from `folder` where there is one.

    Equal: the same compiler and arguments, sources that are the same text after preprocessing, and other files of the same
    contents. What fails, or warns, is compiled each time.
    """

    def run_or_copy(compiler: Compiler, arguments: Sequence[str], cwd: Path) -> None:
        key = _key(compiler, arguments, cwd)
        if key is None:
            run(compiler, arguments, cwd)
            return
        kept, output = folder / key, cwd / arguments[arguments.index("-o") + 1]
        if kept.exists():
            output.unlink(missing_ok=True)
            shutil.copy(kept, output)
            return
        with contextlib.redirect_stderr(io.StringIO()) as said:
            run(compiler, arguments, cwd)
        if said.getvalue():
            print(said.getvalue(), end="", file=sys.stderr)
            return
        scratch = folder / f"{key}.{os.getpid()}"
        shutil.copy(output, scratch)
        scratch.replace(kept)

    return run_or_copy


def _key(compiler: Compiler, arguments: Sequence[str], cwd: Path) -> str | None:
    """What an output is made from; None where that is not all known, or does not preprocess."""
    sources = [name for name in arguments if Path(name).suffix in LANGUAGES]
    libraries = [name for name in arguments if name.startswith(("-l", "-L")) and name not in _LIBRARIES]
    if not sources or "-o" not in arguments or libraries:
        return None
    place = arguments.index("-o")
    rest = [*arguments[:place], *arguments[place + 2 :]]
    files = [name for name in rest if name not in sources and (cwd / name).is_file()]
    flags = [name for name in rest if name not in files and name != "-c"]
    text = subprocess.run([*compiler.command, *flags, "-E"], cwd=cwd, capture_output=True, check=False)
    if text.returncode or text.stderr:
        return None
    digest = hashlib.sha256(repr((compiler, rest)).encode())
    for contents in (text.stdout, *((cwd / name).read_bytes() for name in files)):
        digest.update(hashlib.sha256(contents).digest())
    return digest.hexdigest()
