"""Runs FileCheck tests in this process: the RUN lines that plain lit runs, without starting processes.

    // RUN: cedr-opt -p 'canonicalize' %s | filecheck %s --check-prefix=X
    // RUN: not cedr-opt %s 2>&1 | filecheck %s
    // RUN: CEDR_ROUNDTRIP | filecheck %s

Commands: cedr-opt, filecheck, cat, not. Substitutions: %s (the test), %S (its folder), %t (a file name of its own). A
line that ends in a backslash goes on in the next RUN line. Any command that fails fails its pipeline, as in lit.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from filecheck.matcher import Matcher
from filecheck.options import parse_argv_options

from cedr.tools.opt import main as cedr_opt

ROUNDTRIP = "cedr-opt %s --split-input-file --print-op-generic | cedr-opt --split-input-file"
"""What CEDR_ROUNDTRIP stands for: parse, print generic, parse, print."""

_RUN = re.compile(r"//\s*RUN:\s*(.*?)\s*$")
_TOKEN = re.compile(r"""\s*(?:(?P<operator>2>&1|2>|&&|[|<>])|(?P<word>(?:[^\s'"|<>&;]|'[^']*'|"[^"]*")+))""")


class TestFailure(AssertionError):
    """A FileCheck test that fails, or is none."""

    __test__ = False


@dataclass
class _Command:
    words: list[str] = field(default_factory=list)
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    """A file's name; "&1" for stdout."""


def run_lines(text: str) -> list[str]:
    """The commands of a test's RUN lines, continued ones joined."""
    commands: list[str] = []
    pending = ""
    for line in text.splitlines():
        if match := _RUN.search(line):
            pending += match[1]
            if pending.endswith("\\"):
                pending = pending[:-1]
                continue
            commands.append(pending)
            pending = ""
    if pending:
        raise TestFailure(f"the last RUN line ends in a backslash: {pending}")
    return commands


def run_test(path: Path, scratch: Path) -> None:
    """Run a test; files of its own go into `scratch`. Raises TestFailure with what was printed."""
    commands = run_lines(path.read_text("utf-8"))
    if not commands:
        raise TestFailure(f"{path}: no RUN line")
    for command in commands:
        expanded = command.replace("CEDR_ROUNDTRIP", ROUNDTRIP)
        for name, value in (("%s", path), ("%S", path.parent), ("%t", scratch / f"{path.stem}.tmp")):
            expanded = expanded.replace(name, shlex.quote(str(value)))
        for pipeline in _pipelines(expanded):
            status, messages = _run_pipeline(pipeline)
            if status != 0:
                raise TestFailure(f"{path}: exit status {status} of: {command}\n{messages}")


def _pipelines(text: str) -> Iterator[list[_Command]]:
    """The pipelines between `&&`, each a list of commands."""
    pipeline = [_Command()]
    tokens = list(_tokens(text))
    position = 0
    while position < len(tokens):
        operator, word = tokens[position]
        position += 1
        if operator is None:
            pipeline[-1].words.append(word)
        elif operator == "|":
            pipeline.append(_Command())
        elif operator == "&&":
            yield pipeline
            pipeline = [_Command()]
        elif operator == "2>&1":
            pipeline[-1].stderr = "&1"
        else:
            if position == len(tokens) or tokens[position][0] is not None:
                raise TestFailure(f"'{operator}' without a file in: {text}")
            setattr(pipeline[-1], {"<": "stdin", ">": "stdout", "2>": "stderr"}[operator], tokens[position][1])
            position += 1
    yield pipeline


def _tokens(text: str) -> Iterator[tuple[str | None, str]]:
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise TestFailure(f"this runner does not know '{text[position:].strip()}' in: {text}")
        position = match.end()
        yield match["operator"], "".join(shlex.split(match["word"])) if match["word"] else ""


def _run_pipeline(commands: Sequence[_Command]) -> tuple[int, str]:
    """The last exit status that is not 0, and everything that went to stderr or was left on stdout."""
    failed = 0
    messages = io.StringIO()
    passed_on = ""
    for command in commands:
        text = Path(command.stdin).read_text("utf-8") if command.stdin else passed_on
        stdout = io.StringIO()
        stderr = stdout if command.stderr == "&1" else io.StringIO() if command.stderr else messages
        status = _run_command(command.words, text, stdout, stderr)
        failed = status or failed
        passed_on = stdout.getvalue()
        if command.stdout:
            Path(command.stdout).write_text(passed_on, "utf-8")
            passed_on = ""
        if command.stderr not in (None, "&1"):
            Path(command.stderr).write_text(stderr.getvalue(), "utf-8")
    return failed, messages.getvalue() + passed_on


def _run_command(words: Sequence[str], stdin: str, stdout: TextIO, stderr: TextIO) -> int:
    if not words:
        raise TestFailure("a pipeline with an empty command")
    name, *arguments = words
    if name == "not":
        return 0 if _run_command(arguments, stdin, stdout, stderr) != 0 else 1
    if name not in _COMMANDS:
        raise TestFailure(f"this runner does not know the command '{name}'; it knows: not, {', '.join(_COMMANDS)}")
    with _standard_input(stdin), redirect_stdout(stdout), redirect_stderr(stderr):
        return _COMMANDS[name](arguments)


@contextmanager
def _standard_input(text: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


def _filecheck(arguments: Sequence[str]) -> int:
    try:
        status: int = Matcher.from_opts(parse_argv_options(["filecheck", *arguments])).run()
    except (OSError, RuntimeError) as error:  # options that it does not take
        print(f"filecheck: {error}", file=sys.stderr)
        return 2
    return status


def _cat(arguments: Sequence[str]) -> int:
    sys.stdout.write("".join(Path(name).read_text("utf-8") for name in arguments) if arguments else sys.stdin.read())
    return 0


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"cedr-opt": cedr_opt, "filecheck": _filecheck, "cat": _cat}
