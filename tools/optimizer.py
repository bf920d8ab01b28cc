"""cedr-opt: IR in, passes over it, IR out. The compiler's levels as text, for tests and for people.

Reads a file or stdin, verifies, runs a pass pipeline with verification after each pass, and prints. Everything that it
refuses it says on stderr with exit status 1, and writes nothing; wrong usage is exit status 2.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.exceptions import DiagnosticException, ParseError

from cedr.dialects.diagnostics import Diagnostic, IRError, Place, warnings_to
from cedr.dialects.parsing import ParsedModule, Source, parse_ir, read_text
from cedr.dialects.universe import make_context
from cedr.dialects.weights import CedrContext, WeightStore
from cedr.passes import UPSTREAM, get_all_passes
from cedr.passes.specification import make_passes, option_infos
from cedr.target.errors import CedrError
from cedr.target.files import OutputError, write_atomically
from cedr.tools.expectations import check_expectations, parse_expectations

SEPARATOR = "// -----"


@dataclass
class _Run:
    """One call of cedr-opt: what it was asked, and what it has gathered to write."""

    context: CedrContext
    passes: tuple[ModulePass, ...]
    arguments: argparse.Namespace
    outputs: list[str] = field(default_factory=list)
    """The IR of each piece of the input."""
    weight_names: list[str] = field(default_factory=list)
    """The weights that the outputs name."""


def argument_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="cedr-opt",
        description="Parse IR, verify it, run passes on it, verify after each, and print it.",
        epilog="Exit status: 0 done; 1 refused or failed, and a message says what and where; 2 wrong usage.",
        allow_abbrev=False,
    )
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="the IR to read (default -: stdin)")
    pipeline = parser.add_mutually_exclusive_group()
    pipeline.add_argument("-p", "--passes", metavar="PIPELINE", help="the passes to run: 'a,b{option=1}'")
    pipeline.add_argument(
        "--pass-pipeline",
        metavar="PIPELINE",
        help="the same in MLIR's form: 'builtin.module(a,func.func(b{option=1}))'",
    )
    parser.add_argument("-o", dest="output", metavar="FILE", default="-", help="where to write (default -: stdout)")
    parser.add_argument("--list-passes", action="store_true", help="list the passes with their options, and stop")
    parser.add_argument("--print-ir-after-all", action="store_true", help="print the IR after each pass, on stderr")
    parser.add_argument(
        "--split-input-file", action="store_true", help=f"take the parts between lines of '{SEPARATOR}' one by one"
    )
    parser.add_argument(
        "--verify-diagnostics",
        action="store_true",
        help="compare errors and warnings with the input's 'expected-error {{...}}' comments, at their lines",
    )
    parser.add_argument("--weights", metavar="IN.safetensors", help="the bytes of the weights that the IR names")
    parser.add_argument(
        "--weights-out", metavar="OUT.safetensors", help="where to write the weights that the resulting IR names"
    )
    parser.add_argument(
        "--print-op-generic", "--mlir-print-op-generic", action="store_true", help="print every op in its generic form"
    )
    parser.add_argument(
        "--print-debuginfo", "--mlir-print-debuginfo", action="store_true", help="print the ops' source locations"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    try:
        arguments = argument_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed what there is to say
        return int(stop.code or 0)
    try:
        return _main(arguments)
    except IRError as error:
        print(error, file=sys.stderr)
        return 1
    except CedrError as error:
        print(f"cedr-opt: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; what Python would flush on exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(arguments: argparse.Namespace) -> int:
    if arguments.list_passes:
        sys.stdout.write(list_passes())
        sys.stdout.flush()
        return 0
    passes = make_passes(arguments.passes or arguments.pass_pipeline or "")
    weights = WeightStore.load(arguments.weights) if arguments.weights else None
    if weights is None and arguments.weights_out:
        weights = WeightStore()
    text, filename = _read(arguments.file)
    run = _Run(make_context(weights), passes, arguments)
    failures = list(_pieces(run, text, filename))
    if failures:
        print("\n".join(failures), file=sys.stderr)
        return 1
    _write(run)
    return 0


def _read(file: str) -> tuple[str, str]:
    if file != "-":
        return read_text(file), file
    try:
        return sys.stdin.read(), "<stdin>"
    except UnicodeDecodeError as error:
        raise CedrError(f"<stdin>: is not IR: byte {error.start} is no UTF-8 text") from error


def _write(run: _Run) -> None:
    """Write the IR, and the weights where they are asked for: both whole, or neither."""
    text = f"{SEPARATOR}\n".join(run.outputs)
    place = run.arguments.output
    if place != "-" and (not Path(place).exists() or Path(place).is_file()):
        with write_atomically(place) as file:
            file.write(text.encode())
            _write_weights(run)
        return
    _write_weights(run)
    if place == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:  # a device or a pipe, which nothing can take the place of
        Path(place).write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"{place}: can't be written: {error.strerror}") from error


def _write_weights(run: _Run) -> None:
    if run.arguments.weights_out:
        assert run.context.weights is not None
        run.context.weights.save(run.arguments.weights_out, run.weight_names)


def _pieces(run: _Run, text: str, filename: str) -> Iterator[str]:
    """Take the input piece by piece; yields what failed."""
    for piece, first_line in split(text) if run.arguments.split_input_file else [(text, 1)]:
        diagnostics: list[Diagnostic] = []
        with warnings_to(diagnostics.append):
            result = _run_passes(run, piece, filename, first_line, diagnostics)
        if run.arguments.verify_diagnostics:
            expectations = parse_expectations(piece, filename, first_line)
            yield from map(str, check_expectations(expectations, diagnostics, filename))
        else:
            errors = [one for one in diagnostics if one.severity == "error"]
            for warning in diagnostics:
                if warning.severity != "error":
                    print(warning, file=sys.stderr)
            yield from map(str, errors)
        if result is not None:
            run.outputs.append(result)


def split(text: str) -> list[tuple[str, int]]:
    """The pieces of a text between lines that start with the separator, each with the line that it starts on."""
    pieces: list[tuple[str, int]] = []
    lines: list[str] = []
    first_line = 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith(SEPARATOR):
            pieces.append(("".join(lines), first_line))
            lines, first_line = [], number + 1
        else:
            lines.append(line)
    pieces.append(("".join(lines), first_line))
    return pieces


def _run_passes(run: _Run, text: str, filename: str, first_line: int, diagnostics: list[Diagnostic]) -> str | None:
    """The IR's text after all passes; None if something failed, which `diagnostics` then says."""
    source = Source(text, filename, first_line)
    try:
        parsed = parse_ir(run.context, text, filename, first_line)
        parsed.verify()
        for one in run.passes:
            _apply(run.context, one, parsed, diagnostics)
            if run.arguments.print_ir_after_all:
                print(f"// -----// IR Dump After {one.name} //----- //", file=sys.stderr)
                print(_print(run, parsed.module), file=sys.stderr)
    except IRError as error:
        diagnostics.extend(source.with_lines(error).diagnostics)
        return None
    if run.arguments.weights_out:
        _note_weights(run, parsed.module)
    return _print(run, parsed.module)


def _apply(context: CedrContext, one: ModulePass, parsed: ParsedModule, diagnostics: list[Diagnostic]) -> None:
    """Run a pass, then verify. Raises IRError for whatever it refuses."""
    try:
        one.apply(context, parsed.module)
    except IRError:
        raise
    except (CedrError, DiagnosticException, ParseError) as error:
        raise IRError(_from_text(str(error), one.name, parsed.source.filename)) from error
    except Exception as error:
        if os.environ.get("CEDR_TRACEBACK"):
            raise
        message = f"'{one.name}' failed: {type(error).__name__}: {error}; this is a bug of the pass"
        raise IRError([Diagnostic(f"{message} (CEDR_TRACEBACK=1 shows where)")]) from error
    parsed.verify(f"after '{one.name}': ")


def _from_text(text: str, pass_name: str, filename: str) -> list[Diagnostic]:
    """A pass's refusal, line by line: `FILE:LINE: ` in a line is its place."""
    located = re.compile(rf"(?:^|(?<=\s)){re.escape(filename)}:(\d+)(?::(\d+))?: ")
    found: list[Diagnostic] = []
    for line in text.splitlines() or [f"'{pass_name}' failed"]:
        if match := located.search(line):
            place = Place(filename, int(match[1]), int(match[2] or 0))
            found.append(Diagnostic(line[: match.start()] + line[match.end() :], place))
        elif found and line[:1].isspace():
            found[-1] = Diagnostic(f"{found[-1].message}\n{line}", found[-1].place)
        else:
            found.append(Diagnostic(line))
    return found


def _print(run: _Run, module: ModuleOp) -> str:
    stream = StringIO()
    generic, locations = run.arguments.print_op_generic, run.arguments.print_debuginfo
    printer = Printer(stream=stream, print_generic_format=generic, print_debuginfo=locations)
    printer.print_op(module)
    printer.print_metadata(run.context.metadata())  # the bytes of dense_resource
    return stream.getvalue() + "\n"


def _note_weights(run: _Run, module: ModuleOp) -> None:
    """Name the weights that the module uses for writing, and the file that will hold them in the module."""
    from cedr.dialects.cedr import weight_names

    names = weight_names(module)
    run.weight_names += names
    if names or "cedr.weights_file" in module.attributes:
        base = Path.cwd() if run.arguments.output == "-" else Path(run.arguments.output).parent
        place = os.path.relpath(run.arguments.weights_out, base)
        module.attributes["cedr.weights_file"] = StringAttr(Path(place).as_posix())


def list_passes() -> str:
    """Every pass: its name, its options with types and defaults, and what it does in a line."""
    lines: list[str] = []
    for name, factory in get_all_passes().items():
        pass_class = factory()
        lines.append(name)
        lines.append(f"    {UPSTREAM.get(name) or inspect.cleandoc(pass_class.__doc__ or '').partition(chr(10))[0]}")
        for option in option_infos(pass_class):
            default = "required" if option.default is None else f"default {option.default}"
            lines.append(f"    {option.name}: {option.type} ({default})")
    return "\n".join(lines) + "\n"
