"""`cedr cc`: builds a C or C++ application against libcedr, so that what it waits for is seen when it is recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cedr.backend.toolchain import (
    LANGUAGES,
    Compiler,
    Language,
    ToolchainError,
    application_compilers,
    application_library,
)
from cedr.target.manifest import Target

_STANDARDS: Final[dict[Language, str]] = {"c": "-std=gnu11", "c++": "-std=gnu++17"}
_LINK_ONLY: Final = ("-l", "-L", "-Wl,", "-rdynamic")
_OURS: Final = {
    "-c": "an application is built from all its sources at once",
    "-S": "an application is built, not its assembly",
    "-E": "an application is built, not its preprocessed source",
    "-o": "its name stands before --",
    "-shared": "--module makes a shared object",
}
"""Options of the compiler that would make something else of it."""
_WITH_VALUE: Final = ("-I", "-D", "-U", "-L", "-l")
"""Their value may be a word of its own."""
_WITHOUT_VALUE: Final = ("-O", "-g", "-W", "-f", "-m", "-std=", "-static", "-pthread", "-pedantic")


def build_application(
    sources: Sequence[Path], output: Path, module: bool = False, target: Target = "host", options: Sequence[str] = ()
) -> None:
    """Compile C11 and C++17 sources and link them with libcedr.

    module: a shared object with `main`, else an executable; for another machine, what starts it there (cedr-host and its
    libcedr.so) is put beside it. options: further ones of the compiler, which come behind ours.
    Warnings go to stderr. An output that is there stays until the new one is done. Raises ToolchainError with the
    compiler's own message where it refuses.
    """
    for option in options:
        if option in _OURS:
            raise ToolchainError(f"{option}: {_OURS[option]}; leave it out")
    languages = [_language(source, output) for source in sources]
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise ToolchainError(f"{output}: {'a folder' if output.is_dir() else 'its folder is not there'}; name a file")
    compilers = application_compilers(target, languages, module)
    if "-static" in options:
        if module:
            raise ToolchainError(f"{output}: a shared object can't be static; leave out --module or -static")
        compilers = {name: replace(one, command=(*one.command, "-static")) for name, one in compilers.items()}
        options = [option for option in options if option != "-static"]
    library = application_library(compilers["c"])
    beside = [path for path in (library.host, library.shared) if module and target != "host" and path is not None]
    if output.name in (path.name for path in beside):
        raise ToolchainError(f"{output}: a file of this name is put beside the shared object; name it otherwise")
    compiling = [option for option in options if not option.startswith(_LINK_ONLY)]
    with tempfile.TemporaryDirectory(prefix="cedr-cc-") as scratch:
        objects = []
        for place, (source, language) in enumerate(zip(sources, languages, strict=True)):
            objects.append(f"{scratch}/{place}.o")
            flags = [_STANDARDS[language], "-O2", "-Wall", "-pthread", *(("-fPIC",) if module else ())]
            include = ["-I", str(library.include)]
            _compile(compilers[language], [*flags, *compiling, *include, "-c", str(source), "-o", objects[-1]])
        linker = compilers["c++" if "c++" in languages else "c"]
        temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
        if module:
            assert library.shared is not None
            link = ["-shared", *objects, *options, "-Wl,-z,defs", str(library.shared), "-lm", "-pthread"]
        else:
            link = [*objects, *options, *library.link]
        try:
            _compile(linker, [*link, "-o", str(temporary)])
            for path in beside:
                copy = temporary.with_suffix(f".{path.name}")
                shutil.copy(path, copy)
                copy.replace(output.with_name(path.name))
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)


def _language(source: Path, output: Path) -> Language:
    if source.suffix not in LANGUAGES:
        raise ToolchainError(f"{source}: not a source of C or C++; their names end in {', '.join(LANGUAGES)}")
    if not source.is_file():
        raise ToolchainError(f"{source}: no such file")
    if output.exists() and output.samefile(source):
        raise ToolchainError(f"-o {output}: this is the source; give the application a name of its own")
    return LANGUAGES[source.suffix]


def _compile(compiler: Compiler, arguments: Sequence[str]) -> None:
    """Run a compiler in the current folder, so that it names files as they were given."""
    process = subprocess.run(
        [*compiler.command, *arguments], capture_output=True, text=True, check=False, errors="replace"
    )
    said = process.stderr.strip()
    if process.returncode:
        raise ToolchainError(said or f"{compiler.command[0]}: exit status {process.returncode}")
    if said:
        print(said, file=sys.stderr)


def split_compiler_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words that are not the compiler's, and those that are, each in its order."""
    own: list[str] = []
    options: list[str] = []
    left = iter(words)
    for word in left:
        if word in _WITH_VALUE:
            options += [word, *(value for value in [next(left, None)] if value is not None)]
        elif word.startswith((*_WITH_VALUE, *_WITHOUT_VALUE)):
            options.append(word)
        else:
            own.append(word)
            if word in ("-o", "--output", "--target"):
                own += [value for value in [next(left, None)] if value is not None]
    return own, options
