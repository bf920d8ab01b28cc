"""The fenced blocks of a Markdown page, and a session that runs them from top to bottom, as a reader would.

    ```sh           commands, each on a line (a `\\` at its end goes on), run in one scratch folder for the whole page
    ```sh slow      the same, run only where slow blocks are asked for
    ```sh fails     the same; each ends with exit status 1, and the output is what went to stderr
    ```python       run in one namespace for the whole page; its output is what it prints
    ```LANG file=F  written to the file F of the scratch folder, and not run

A fence of any other language that follows one of these, blank lines apart, is its output: of the block's last command,
stdout. All other fences are text. The scratch folder holds links to the checkout's docs, examples, target, tests.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cedr.target.errors import CedrError

_LINKS = ("docs", "examples", "target", "tests")
_TOOLS: Final = {"cedr": "cedr.tools.cli", "cedr-opt": "cedr.tools.opt"}
_SHELL = set("|&;<>$`(){}*?~\\\"'")
COLUMNS: Final = "100"
"""Width of the tables that commands print."""

COVERED: Final = {
    "pip install .": "tests/test_packaging.py",
    "pip install ./plug_in": "tests/test_packaging.py",
    "make test": "Makefile",
    "make test-all": "Makefile",
    "make docs": "Makefile",
    "make help": "Makefile",
    "python benchmarks/emulator_speed.py": "tests/test_benchmarks.py",
    "python benchmarks/sweep_speed.py": "tests/test_benchmarks.py",
    "python benchmarks/a53_kernels.py --markdown": "tests/target/test_a53_kernels.py",
    "python benchmarks/fit_zcu102.py points.csv": "tests/test_fidelity.py",
    "python benchmarks/fidelity.py --calibration points.csv --check others.csv": "tests/test_fidelity.py",
    "python benchmarks/published_sweep.py": "tests/test_fidelity.py",
    "python examples/aiccsa23/run.py -o out/aiccsa23": "tests/test_aiccsa23.py",
}
"""Commands that a session does not run, and the file that stands for them. A `make` target is looked up with `make -n`."""


class DocumentError(CedrError):
    """A page whose commands fail, or whose fences can't be read."""


@dataclass(frozen=True)
class Fence:
    """One fenced block: what stands behind the opening fence, its text, and where it is."""

    language: str
    words: tuple[str, ...]
    text: str
    first: int
    """Index of the line of the opening fence."""
    last: int
    """Index of the line of the closing fence."""

    @property
    def file(self) -> str | None:
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)

    @property
    def is_run(self) -> bool:
        return self.language in ("sh", "python") and self.file is None


def fences(text: str, name: str) -> list[Fence]:
    """The fenced blocks of a page, in order. Raises DocumentError for one that is not closed or has no language."""
    found: list[Fence] = []
    lines = text.splitlines()
    start: int | None = None
    for index, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            if line.strip("`").strip() == "":
                raise DocumentError(f"{name}:{index + 1}: a fence without a language; write ```sh, ```console, ...")
            start = index
        elif line.rstrip() == "```":
            language, *words = lines[start][3:].split()
            found.append(Fence(language, tuple(words), "\n".join(lines[start + 1 : index]), start, index))
            start = None
    if start is not None:
        raise DocumentError(f"{name}:{start + 1}: a fence that is not closed")
    return found


def commands(fence: Fence) -> list[tuple[int, str]]:
    """(index of its first line in the page, command) of a `sh` block: comments and blank lines left out."""
    found: list[tuple[int, str]] = []
    pending, first = "", 0
    for number, line in enumerate(fence.text.splitlines(), fence.first + 1):
        if not pending:
            first = number
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        command = re.sub(r"(^|\s+)#.*$", "", pending).strip()
        if command:
            found.append((first, command))
        pending = ""
    return found


def shown_output(page: Sequence[Fence], lines: Sequence[str], position: int) -> Fence | None:
    """The fence that shows the output of the block at `position`, if there is one."""
    if position + 1 == len(page):
        return None
    follower = page[position + 1]
    between = lines[page[position].last + 1 : follower.first]
    return None if any(line.strip() for line in between) or follower.is_run or follower.file else follower


class Session:
    """Runs the blocks of one page. A context manager: its scratch folder goes at the end."""

    def __init__(self, root: Path):
        self.root = root
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self._folder = tempfile.TemporaryDirectory(prefix="cedr-docs-")
        self.folder = Path(self._folder.name).resolve()

    def __enter__(self) -> Self:
        for name in _LINKS:
            if (self.root / name).exists():
                (self.folder / name).symlink_to(self.root / name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._folder.cleanup()

    def run(self, fence: Fence, name: str) -> str:
        """Run a block; what it shows. Raises DocumentError naming page, line, and what the command said."""
        if fence.file is not None:
            place = self.folder / fence.file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(fence.text + "\n", "utf-8")
            return ""
        if fence.language == "python":
            return self._python(fence, name)
        wanted = 1 if "fails" in fence.words else 0
        shown = ""
        for index, command in commands(fence):
            where = f"{name}:{index + 1}"
            status, out, err = self.command(command, where)
            if status != wanted:
                raise DocumentError(f"{where}: exit status {status}, not {wanted}, of: {command}\n{out}{err}")
            shown = err if wanted else out
        return shown

    def command(self, text: str, where: str) -> tuple[int, str, str]:
        """(exit status, stdout, stderr) of a command, in the scratch folder."""
        if text in COVERED or text == "make demo":
            return self._covered(text, where)
        words = text.split()
        if not _SHELL & set(text) and words[0] in _TOOLS:
            return self._in_process(_TOOLS[words[0]], shlex.split(text))
        if not _SHELL & set(text) and words[0] == "python" and len(words) > 1:
            return self._in_process(words[2], words[2:]) if words[1] == "-m" else self._in_process(words[1], words[1:])
        environment = {**os.environ, **self._settings(), "PATH": f"{self._commands()}:{os.environ['PATH']}"}
        # The last failure in a pipe counts, as it would to a reader.
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-ec", text], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr

    def _settings(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(self.root), os.environ.get("PYTHONPATH")]))
        settings = {"COLUMNS": COLUMNS, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        if "CC" not in os.environ:  # make knows `cc` only, which need not be there
            from cedr.backend.toolchain import find_compiler

            settings["CC"] = shlex.join(find_compiler().command)
        return settings

    def _covered(self, text: str, where: str) -> tuple[int, str, str]:
        """A command that would work outside of the scratch folder: looked up, and run as far as that makes sense."""
        program, *arguments = text.split()
        if program != "make":
            place = self.root / COVERED[text]
            return (0, "", "") if place.is_file() else (1, "", f"{where}: {place} is gone\n")
        # As from a shell, even where make started this: no remarks on directories, no job server.
        environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        command = ["make", "-n", "--no-print-directory", *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, env=environment)
        if done.returncode or text != "make demo":
            return done.returncode, "", done.stderr
        recipe = done.stdout.splitlines()[-1].split()
        return self.command(" ".join(["python", *recipe[1:]]), where)

    def _commands(self) -> Path:
        """A folder with this checkout's commands, and the interpreter's own folder behind it."""
        folder = self.folder / ".commands"
        if not folder.exists():
            folder.mkdir()
            for name, module in {**_TOOLS, "python": "", "filecheck": ""}.items():
                own = Path(sys.executable).parent / name
                target = f"{sys.executable} -m {module}" if module else str(own if name != "python" else sys.executable)
                (folder / name).write_text(f'#!/bin/sh\nexec {target} "$@"\n')
                (folder / name).chmod(0o755)
        return folder

    @contextlib.contextmanager
    def _here(self, argv: Sequence[str]) -> Iterator[tuple[io.StringIO, io.StringIO]]:
        """This process in the scratch folder, with other arguments and its output caught."""
        out, err = io.StringIO(), io.StringIO()
        settings = {name: os.environ.get(name) for name in ("COLUMNS",)}
        before = sys.argv
        os.environ["COLUMNS"] = COLUMNS
        sys.argv = list(argv)
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield out, err
        finally:
            sys.argv = before
            for name, value in settings.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _in_process(self, target: str, argv: Sequence[str]) -> tuple[int, str, str]:
        status = 0
        with self._here(argv) as (out, err):
            try:
                if target.endswith(".py"):
                    runpy.run_path(target, run_name="__main__")
                else:
                    with _not_warned():
                        runpy.run_module(target, run_name="__main__", alter_sys=False)
            except SystemExit as stop:
                status = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        return status, out.getvalue(), err.getvalue()

    def _python(self, fence: Fence, name: str) -> str:
        source = "\n" * (fence.first + 1) + fence.text
        try:
            with self._here([name]) as (out, _):
                exec(compile(source, name, "exec"), self.namespace)
        except Exception as error:
            raise DocumentError(f"{name}:{fence.first + 1}: {type(error).__name__}: {error}") from error
        return out.getvalue()


@contextlib.contextmanager
def _not_warned() -> Iterator[None]:
    """runpy warns of a module that is imported already; running it again is what is wanted here."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
        yield


def run_page(text: str, name: str, session: Session, slow: bool) -> Iterator[tuple[Fence, str]]:
    """Run a page from top to bottom; yields each fence that shows an output, with the output that came.

    Blocks marked slow are run only with `slow`.
    """
    lines = text.splitlines()
    page = fences(text, name)
    for position, fence in enumerate(page):
        if not (fence.is_run or fence.file) or ("slow" in fence.words and not slow):
            continue
        output = session.run(fence, name)
        shown = shown_output(page, lines, position)
        if shown is not None and fence.is_run:
            yield shown, "\n".join(line.rstrip() for line in output.strip("\n").splitlines())


def refreshed(text: str, name: str, session: Session) -> str:
    """The page with the outputs that its commands give now, slow ones included."""
    lines = text.splitlines()
    for fence, output in reversed(list(run_page(text, name, session, slow=True))):
        if steady(output) != steady(fence.text):
            lines[fence.first + 1 : fence.last] = output.splitlines()
    return "\n".join(lines) + "\n"


def steady(output: str) -> str:
    """An output without what differs from run to run and from machine to machine: rounding errors, and seconds with two
    decimals (virtual time has three)."""
    output = re.sub(r"\b\d+\.\d\d s\b", "# s", output)
    return re.sub(r"\b\d(\.\d+)?e-\d\d\b", "#", output)
