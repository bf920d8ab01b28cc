"""docs/commands.md: commands and options from their parsers, JSON keys and environment variables from `keys`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from cedr.tools.cli import argument_parser as cedr_parser
from cedr.tools.docs.keys import ENVIRONMENT, JSON_KEYS
from cedr.tools.docs.markdown import code, page, table
from cedr.tools.optimizer import argument_parser as opt_parser

_INTRODUCTION = """\
`cedr` compiles and runs models, `cedr-opt` runs passes on IR. Exit status 0: done. 1: refused or failed, and one message
on stderr says what and where (`cedr run`: also where the values differ from PyTorch's by more than `--tolerance`; 1e-4
relative by default, 2e-3 for f16, 2e-2 for bf16). 2: wrong usage. 130: interrupted. With `--json` one JSON object goes to
stdout and nothing else does.

MODEL is a name of `cedr models`; `FILE.py:FACTORY` or `PACKAGE.MODULE:FACTORY`, where the factory returns an `nn.Module`
and a tuple of example inputs; an `.onnx` file ([onnx.md](onnx.md)); a compiled module's directory; or a `.mlir` file of
any level, from which the pipeline goes on. The last three need `--input`, or `--no-values`. A module that has
`decide(outputs)` is also compared by its decision.

A composition (`--hw`) is counts of PE types, as `C3+F1+C2D1+Z1`: letters and most counts are in
[platform.md](platform.md)."""

_MODULE = """\
`cedr compile` writes a directory with `manifest.json`, `weights.safetensors`, and `NAME.c` with `libcedr/`, a `Makefile`
and the built `NAME`, or `NAME.py`; with `--save-ir` also `ir/NN_STAGE.mlir`. `cedr run DIR` uses changed files as they
are, says so, and rebuilds what depends on them.

A platform of one's own comes along in `platform/`, as one file, what it extends included: the directory needs nothing else.
`--platform` comes before it. Where the platform is not the one that the module was compiled for (another was asked for, or
its figures have changed since) `cedr run` and `cedr emulate` say so: the plan was made for the other one, and runs all the
same.

`./NAME [--input [NAME=]X.npy]... [--output [NAME=]Y.npy]...` runs a module on its own; `python NAME.py` with the same
options where NumPy and `cedr.runtime` are. Both obey the variables `CEDR_MODE` and on."""


def commands_page() -> str:
    """The whole page."""
    parts: list[str] = []
    for name, parser in _commands(cedr_parser(), ""):
        parts.append(_command(f"cedr {name}", parser))
        keys = [(code(key), meaning) for key, meaning in JSON_KEYS[name].items()]
        parts.append(table(("JSON key", "what"), keys))
    return page(
        "Commands",
        "the parsers in `tools/` and the keys in `tools/docs/keys.py`",
        _INTRODUCTION,
        *parts,
        _command("cedr-opt", opt_parser()),
        "## A module's directory",
        _MODULE,
        "## Environment",
        table(("variable", "what"), [(code(name), meaning) for name, meaning in ENVIRONMENT.items()]),
    )


def _commands(parser: argparse.ArgumentParser, prefix: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(words of the command, its parser), each before those below it; the root itself apart."""
    for action in parser._actions:  # argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield prefix + name, child
                yield from _commands(child, f"{prefix}{name} ")


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        if not action.help:
            raise ValueError(f"{name}: {_spelling(action)} has no help")
        rows.append((code(_spelling(action)), action.help, _required(action)))
    about = parser.description or _help_of(name)
    parts = [f"## `{name}`", _sentence(about), table(("argument", "what", ""), rows)]
    return "\n\n".join(part for part in parts if part)


def _help_of(name: str) -> str:
    """What stands beside a command in the list of its parent."""
    *path, last = name.split()[1:]
    parser = cedr_parser()
    for word in path:
        parser = dict(_commands(parser, ""))[word]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                if choice.dest == last:
                    return choice.help or ""
    raise ValueError(f"no command {name!r}")


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else text + "."


def _spelling(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else None
    if value is None and action.choices is not None:
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        return value or action.dest
    names = ", ".join(action.option_strings)
    takes_value = action.nargs != 0
    return f"{names} {value or action.dest.upper()}" if takes_value else names


def _required(action: argparse.Action) -> str:
    return "required" if action.required else ""
