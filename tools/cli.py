"""The `cedr` command."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cedr.target.errors import CedrError
from cedr.target.manifest import ABIS, TARGETS

if TYPE_CHECKING:
    from cedr.tools.driver import Program
    from cedr.tools.models import Model

INTERRUPTED = 130
_HANDING_ON = ("cc", "record", "run")
"""Commands that hand on what follows behind --."""


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"needs a whole number of at least 1, got {text!r}")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _at_least_zero(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"needs a number of at least 0, got {text!r}")
    return value


def _above_zero(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"needs a number above 0, got {text!r}")
    return value


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:20]) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"needs a whole number of at least 0 and below 2^63, got {text!r}")
    return int(text)


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else there")


def _compile_options(parser: argparse.ArgumentParser, also: str = "") -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a zoo model, FILE.py:FACTORY, PACKAGE.MODULE:FACTORY, an .onnx file, a compiled module's directory or a .mlir "
        f"file{also}",
    )
    parser.add_argument("--emit", choices=("c", "python"), help="language of the task module (default: c)")
    parser.add_argument("--pipeline", metavar="NAME", help="default, layerwise, or a pass pipeline 'a,b{opt=1}'")
    parser.add_argument("--platform", metavar="NAME", help="a platform's name or TOML file (default: zcu102)")
    parser.add_argument("--hw", metavar="COMPOSITION", help="PEs (default: C3+F1+C2D1+Z1)")
    _json_option(parser)


def _module_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--abi",
        choices=ABIS,
        help="whose functions a C module calls: libcedr's, or those of the CEDR runtime itself, which the emulator can't start "
        "(default: cedr)",
    )
    parser.add_argument(
        "--target",
        choices=TARGETS,
        help="what a C module is compiled for: this machine, or the Cortex-A53 under Linux (default: host)",
    )


def _sizes_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]X.npy",
        help="an input whose shape says the sizes that an .onnx or .mlir file leaves open",
    )


def _application_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cwd", type=Path, metavar="DIR", help="the folder that the application runs in (default: this one)"
    )
    parser.add_argument(
        "--host-time",
        choices=("off", "fixed", "blocks", "measured"),
        help="the time between its calls: none, one figure each, counted basic blocks, or measured (default)",
    )
    parser.add_argument(
        "--host-ns",
        type=_at_least_zero,
        metavar="NS",
        help="of the time between two calls (fixed; default: 1000) or of a basic block (blocks; default: 10)",
    )
    parser.add_argument(
        "--record-timeout-s",
        type=_above_zero,
        metavar="T",
        help="an application that takes longer to be recorded is ended (default: 120)",
    )


def _host_scale_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host-scale",
        type=_above_zero,
        metavar="X",
        help="nanoseconds on the platform of one that an application's own code was measured to take (default: the platform's)",
    )


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cedr", description="Compile PyTorch models for heterogeneous SoCs and run them on an emulated one."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    one = commands.add_parser("compile", help="compile a model into a task module's directory")
    _compile_options(one)
    one.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="the module's directory")
    _module_options(one)
    one.add_argument(
        "--dash-zip",
        action="store_true",
        default=None,
        help="with --abi dash: ZIP calls are CEDR's, whose CPU and accelerator disagree, instead of code in the module",
    )
    one.add_argument("--save-ir", action="store_true", help="keep the IR of every stage in DIR/ir")
    _sizes_option(one)
    one.set_defaults(action=_compile)

    one = commands.add_parser("run", help="compute a model on the emulator and compare with PyTorch")
    _compile_options(one, "; a C or C++ application (a source, an executable, a shared object with main) or its record")
    _module_options(one)
    one.add_argument("--input", action="append", default=[], metavar="[NAME=]X.npy", help="an input (else the example)")
    one.add_argument("--output", action="append", default=[], metavar="[NAME=]Y.npy", help="where to write an output")
    one.add_argument(
        "--scheduler", default="EFT", metavar="NAME", help="one of `cedr schedulers`, or FILE.py:NAME (default: EFT)"
    )
    one.add_argument(
        "--os-model",
        choices=("ideal", "linux-cfs"),
        help="the operating system: every PE a server, or CEDR's threads under Linux (default: the platform's, ideal)",
    )
    one.add_argument("--instances", type=_positive, default=1, metavar="N", help="instances of the model (default: 1)")
    one.add_argument(
        "--period-us", type=_at_least_zero, default=0.0, metavar="T", help="time between their arrivals (default: 0)"
    )
    one.add_argument("--seed", type=int, default=0, metavar="S", help="seed of what a scheduler draws (default: 0)")
    one.add_argument("--no-values", action="store_true", help="emulate only: no values, no comparison")
    one.add_argument(
        "--tolerance", type=_at_least_zero, default=None, help="relative error that is still equal (default: by dtype)"
    )
    one.add_argument("--out", type=Path, metavar="DIR", help="write traces, tables and the Gantt picture there")
    _application_options(one)
    _host_scale_option(one)
    one.add_argument(
        "--execute", action="store_true", help="start an application again, and compare what it does with its record"
    )
    one.set_defaults(action=_run)

    one = commands.add_parser(
        "record", help="record a C or C++ application", epilog="Arguments of the application follow behind --."
    )
    one.add_argument(
        "application", metavar="APP", type=Path, help="a source, an executable, or a shared object with main"
    )
    one.add_argument("-o", "--output", required=True, type=Path, metavar="X.cedrrec", help="the record's file")
    _application_options(one)
    _json_option(one)
    one.set_defaults(action=_record)

    one = commands.add_parser("evaluate", help="accuracy of eager and compiled code on the model's held-out set")
    _compile_options(one)
    one.set_defaults(action=_evaluate)

    one = commands.add_parser("coverage", help="every op of a model: how often, where, supported or not, on which PEs")
    _compile_options(one)
    _sizes_option(one)
    one.set_defaults(action=_coverage)

    one = commands.add_parser(
        "emulate", help="a mix of recorded applications over time: how long each takes, and what the PEs do"
    )
    one.add_argument(
        "scenario", type=Path, metavar="SCENARIO", help="a scenario's TOML file, or CEDR's daemon_config.json"
    )
    one.add_argument(
        "--app",
        action="append",
        default=[],
        metavar="MODEL[:N[:PERIOD_US]]",
        help="with daemon_config.json: N instances (default: 1) of a MODEL or a record, one every PERIOD_US (default: 0)",
    )
    one.add_argument("--platform", metavar="NAME", help="a platform's name or TOML file (default: the file's, zcu102)")
    one.add_argument("--hw", metavar="COMPOSITION", help="PEs (default: the file's, else the platform's)")
    one.add_argument(
        "--scheduler", metavar="NAME", help="one of `cedr schedulers`, or FILE.py:NAME (default: the file's, EFT)"
    )
    one.add_argument(
        "--os-model", choices=("ideal", "linux-cfs"), help="the operating system (default: the file's, the platform's)"
    )
    one.add_argument(
        "--without", action="append", default=[], metavar="EFFECT", help="leave out an effect of linux-cfs, by its name"
    )
    one.add_argument("--seed", type=_seed, metavar="S", help="seed of arrivals and scheduler (default: the file's, 0)")
    one.add_argument(
        "--record-timeout-s",
        type=_above_zero,
        default=120.0,
        metavar="T",
        help="a module or an application whose process takes longer to record fails (default: 120)",
    )
    one.add_argument("--out", type=Path, metavar="DIR", help="write traces, tables and the Gantt picture there")
    _host_scale_option(one)
    _json_option(one)
    one.set_defaults(action=_emulate)

    one = commands.add_parser(
        "sweep", help="compositions, schedulers, injection rates, instances: an emulation of each combination"
    )
    one.add_argument("spec", type=Path, metavar="SPEC", help="the sweep's TOML file")
    one.add_argument(
        "-o", "--output", required=True, type=Path, metavar="OUT", help="its folder; what is finished there is kept"
    )
    one.add_argument("--jobs", type=_positive, metavar="N", help="processes (default: one for each CPU)")
    one.add_argument("--dask", metavar="ADDRESS", help="emulate on the workers of this Dask scheduler instead")
    one.add_argument(
        "--record-timeout-s",
        type=_above_zero,
        default=120.0,
        metavar="T",
        help="a module whose process takes longer to record is refused (default: 120)",
    )
    _json_option(one)
    one.set_defaults(action=_sweep)

    one = commands.add_parser(
        "plot", help="figures of a sweep: over rates, by chip and scheduler, Pareto fronts; Gantt charts of runs"
    )
    one.add_argument("folder", type=Path, metavar="OUT", help="a sweep's folder, or the --out of a run")
    one.add_argument(
        "--figure",
        action="append",
        default=[],
        metavar="NAME",
        help="rate, rate3d, pools, instances, overhead, utilisation, energy, pareto, gantt (default: all but gantt that the "
        "sweep has values for)",
    )
    one.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to write them (default: OUT/figures)")
    one.add_argument(
        "--format", action="append", default=[], choices=("png", "svg", "html"), help="repeatable (default: svg)"
    )
    one.add_argument("--point", type=_positive, metavar="N", help="the point whose Gantt chart is drawn")
    _json_option(one)
    one.set_defaults(action=_plot)

    one = commands.add_parser(
        "cc",
        help="build a C or C++ application against libcedr",
        epilog="Options of the compiler may stand among these (-I, -D, -U, -L, -l, -O, -g, -W, -f, -m, -std=, -static), any "
        "other behind --.",
    )
    one.add_argument("sources", metavar="SRC", nargs="+", type=Path, help="C and C++ sources (.c, .cpp, .cc, .cxx)")
    one.add_argument("-o", "--output", required=True, type=Path, metavar="APP", help="the application's file")
    one.add_argument("--module", action="store_true", help="a shared object with main, not an executable")
    one.add_argument("--target", choices=TARGETS, default="host", help="what it is to run on (default: host)")
    _json_option(one)
    one.set_defaults(action=_cc)

    one = commands.add_parser("models", help="the model zoo")
    _json_option(one)
    one.set_defaults(action=_models)

    one = commands.add_parser("platforms", help="the platforms, or check a platform file")
    _json_option(one)
    actions = one.add_subparsers(dest="platform_action", metavar="validate")
    check = actions.add_parser("validate", help="check a platform file")
    check.add_argument("file", metavar="FILE", type=Path, help="the platform's TOML file")
    _json_option(check)
    one.set_defaults(action=_platforms)

    one = commands.add_parser("schedulers", help="the schedulers")
    _json_option(one)
    one.set_defaults(action=_schedulers)
    return parser


# ---- commands ----


def _print_json(arguments: argparse.Namespace, result: Mapping[str, object]) -> None:
    print(json.dumps(result), file=arguments.stdout)


def _check_out(out: Path | None) -> None:
    """Refuse an --out that can't be a folder, before anything runs."""
    if out is None:
        return
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if not there.is_dir():
        raise CedrError(f"--out {out}: {there} is a file; give a folder that is there or can be made")


def _options(arguments: argparse.Namespace) -> Any:
    from cedr.tools.models import is_compiled
    from cedr.tools.options import CompileOptions

    names = ("emit", "pipeline", "platform", "hw", "abi", "dash_zip", "target")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name, None) is not None}
    options = CompileOptions(**given, save_ir=getattr(arguments, "save_ir", False), given=frozenset(given))
    # Before a model is made; what is compiled already has its say first, and is read in a moment.
    return options if is_compiled(arguments.model) else options.checked()


def _compile(arguments: argparse.Namespace) -> int:
    from cedr.backend.package import check_replaceable
    from cedr.tools.driver import open_model
    from cedr.tools.models import ModuleDirectory, find_model

    options = _options(arguments)
    model = find_model(arguments.model)
    if isinstance(model, ModuleDirectory):
        raise CedrError(f"{arguments.model}: already a compiled module; compile the model or the IR that it came from")
    model = _with_only_sizes(model, arguments.input)
    check_replaceable(arguments.output)
    program = open_model(model, options, arguments.output)
    figures = program.manifest.figures
    result = {
        "model": program.manifest.model,
        "emit": program.manifest.emit,
        "pipeline": program.manifest.pipeline,
        "platform": program.manifest.platform,
        "hw": program.manifest.hw,
        "directory": str(arguments.output),
        "arena_bytes": figures.arena_bytes,
        "arena_bound_bytes": figures.arena_bound_bytes,
        "ir_bytes": dict(figures.ir_bytes),
        "compile_s": figures.compile_s,
        "build_s": figures.build_s,
        "export_s": figures.export_s,
    }
    if arguments.json:
        _print_json(arguments, result)
    else:
        print(f"{arguments.output}: {program.manifest.name}, compiled in {figures.compile_s:.2f} s")
    return 0


def _with_only_sizes(model: Model, texts: Sequence[str]) -> Model:
    """`_with_sizes` for a command that computes nothing."""
    from cedr.tools.models import IrFile, OnnxModel

    if texts and not isinstance(model, OnnxModel) and not (isinstance(model, IrFile) and model.has_open_sizes()):
        raise CedrError(
            "--input says the sizes that an .onnx or .mlir file leaves open; other models have sizes of their own"
        )
    return _with_sizes(model, texts)


def _with_sizes(model: Model, texts: Sequence[str]) -> Model:
    """A file that leaves sizes open with the shapes of the inputs that are given; any other model as it is."""
    from cedr.tools.models import IrFile, OnnxModel

    if isinstance(model, OnnxModel):
        names = [one.name for one in model.file.inputs]
    elif isinstance(model, IrFile) and model.has_open_sizes():
        from cedr.tools.compiler import input_names

        names = input_names(model.path)
    else:
        return model
    given = _open_inputs(texts, names)
    return replace(model, shapes={name: array.shape for name, array in given.items()})


def _open_inputs(texts: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Arrays by input name, mapped from their files, from `[NAME=]X.npy` arguments."""
    from cedr.runtime.npy import NpyError, open_npy

    arrays: dict[str, Any] = {}
    for name, path in _assigned(texts, names, "--input").items():
        try:
            arrays[name] = open_npy(path)
        except NpyError as error:
            raise CedrError(f"--input {path}: {error}") from error
    return arrays


def _read_inputs(program: Program, texts: Sequence[str]) -> tuple[Program, dict[str, Any]]:
    """Arrays by input name, from `[NAME=]X.npy` arguments, and the program for inputs of their sizes."""
    import numpy as np

    from cedr.tools.driver import check_input, torch_inputs

    specs = {spec.name: spec for spec in program.manifest.inputs}
    arrays = {name: np.array(array) for name, array in _open_inputs(texts, list(specs)).items()}
    missing = [name for name, spec in specs.items() if name not in arrays and spec.initial is None]
    if missing:
        raise CedrError(f"input {', '.join(map(repr, missing))} is missing: give --input {missing[0]}=X.npy")
    if program.torch_model is not None:
        given = [arrays[name] for name, spec in specs.items() if spec.initial is None]
        program = program.at(torch_inputs(program.torch_model, given))
    return program, {s.name: check_input(s, arrays[s.name]) for s in program.manifest.inputs if s.name in arrays}


def _assigned(texts: Sequence[str], names: Sequence[str], option: str) -> dict[str, Path]:
    """Files by name: `NAME=FILE`, or in order."""
    paths: dict[str, Path] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if equals and name in names:
            if name in paths:
                raise CedrError(f"{option} {text}: {name} is given twice")
            paths[name] = Path(rest)
            continue
        if equals and not Path(text).exists() and "/" not in name:
            raise CedrError(f"{option} {text}: no such name; those there are: {', '.join(names) or 'none'}")
        free = next((n for n in names if n not in paths), None)
        if free is None:
            raise CedrError(f"{option} {text}: the model has {len(names)} of them only ({', '.join(names) or 'none'})")
        paths[free] = Path(text)
    return paths


_OF_MODELS = ("emit", "pipeline", "abi", "target", "input", "output", "no_values", "tolerance")
_OF_APPLICATIONS = ("cwd", "host_time", "host_ns", "record_timeout_s", "execute", "rest")
_OF_RECORDS = (*_OF_APPLICATIONS, "host_scale")


def _refuse_options(arguments: argparse.Namespace, names: Sequence[str], what: str) -> None:
    """Refuse options that were given and mean nothing for a MODEL."""
    given = [name for name in names if getattr(arguments, name) not in (None, False, [])]
    if given:
        options = ", ".join("--" if name == "rest" else "--" + name.replace("_", "-") for name in given)
        raise CedrError(f"{arguments.model}: {options} has no place here: {what}")


def _host_scale(arguments: argparse.Namespace) -> Fraction | None:
    return None if arguments.host_scale is None else Fraction(str(arguments.host_scale))


def _application_settings(arguments: argparse.Namespace) -> Any:
    from cedr.tools.applications import DEFAULT_TIMEOUT_S, ApplicationOptions

    return ApplicationOptions(
        tuple(arguments.rest),
        arguments.cwd or Path(),
        arguments.host_time or "measured",
        arguments.host_ns,
        arguments.record_timeout_s or DEFAULT_TIMEOUT_S,
        speaks=True,
        stdout=2 if arguments.json else 1,
    )


def _run_application(arguments: argparse.Namespace) -> int:
    from cedr.tools.applications import run_application
    from cedr.tools.driver import RunOptions, warn

    _refuse_options(arguments, _OF_MODELS, "an application has been compiled, and computes in its own process")
    if arguments.model.endswith(".cedrrec"):
        _refuse_options(arguments, _OF_APPLICATIONS, "a record is no application that could be started")
    options = _options(arguments)
    _check_out(arguments.out)
    result = run_application(
        arguments.model,
        options,
        RunOptions(
            arguments.scheduler,
            arguments.os_model,
            arguments.instances,
            arguments.period_us,
            arguments.seed,
            out=arguments.out,
        ),
        _application_settings(arguments),
        _host_scale(arguments),
        warn,
        arguments.execute,
    )
    if arguments.out is not None:
        from cedr.runtime.report import write_out

        write_out(result.emulation, arguments.out, arguments.model, logs=False)
    if arguments.json:
        _print_json(arguments, result.figures)
    else:
        from cedr.tools.tables import print_run

        print_run(result)
    return 0


def _record(arguments: argparse.Namespace) -> int:
    from cedr.tools.applications import record_application, remarks
    from cedr.tools.driver import warn

    sys.stdout.flush()
    record, application = record_application(arguments.application, arguments.output, _application_settings(arguments))
    for remark in remarks(record):
        warn(f"{arguments.application}: {remark}")
    calls = Counter(call.api for call in (record.classes[place] for place in record.class_of.tolist()))
    del calls["join"]
    result = {
        "application": str(arguments.application),
        "output": str(arguments.output),
        "host_time": record.host_time,
        "threads": len(record.threads),
        "tasks": record.calls(),
        "tasks_by_api": dict(sorted(calls.items())),
        "size_bytes": arguments.output.stat().st_size,
        "remarks": remarks(record),
        "build_s": application.build_s,
    }
    if arguments.json:
        _print_json(arguments, result)
    else:
        by_api = ", ".join(f"{count:,} {api}" for api, count in sorted(calls.items()))
        threads = f"{len(record.threads)} thread{'s' if len(record.threads) > 1 else ''}"
        counted = f"{record.calls():,} call{'' if record.calls() == 1 else 's'}"
        print(f"{arguments.output}: {counted}{f' ({by_api})' if by_api else ''} of {threads}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from cedr.runtime.schedulers import get_scheduler
    from cedr.tools.driver import RunOptions, open_model, run_program
    from cedr.tools.models import TorchModel, application_kind, find_model

    if application_kind(arguments.model) is not None:
        return _run_application(arguments)
    _refuse_options(arguments, _OF_RECORDS, "it is no C or C++ application")
    options = _options(arguments)
    if options.abi != "cedr":
        raise CedrError(
            f"--abi {options.abi} is for the CEDR runtime itself, which makes its own schedule; the emulator starts modules "
            "that call libcedr: leave it out, or compile such a module with `cedr compile`"
        )
    _check_out(arguments.out)
    scheduler = get_scheduler(arguments.scheduler)
    if arguments.no_values and (arguments.input or arguments.output):
        raise CedrError("--no-values computes nothing: --input and --output have no place beside it")
    model = _with_sizes(find_model(arguments.model), arguments.input)
    program = open_model(model, options)
    outputs = _assigned(arguments.output, [t.name for t in program.manifest.outputs], "--output")
    inputs = None
    if not arguments.no_values:
        if arguments.input or not isinstance(model, TorchModel):
            program, inputs = _read_inputs(program, arguments.input)
        else:
            inputs = program.bind(model.example_inputs)
    run_options = RunOptions(
        scheduler,
        arguments.os_model,
        arguments.instances,
        arguments.period_us,
        arguments.seed,
        not arguments.no_values,
        arguments.tolerance,
        arguments.out,
    )
    result = run_program(program, inputs, run_options)
    if result.outputs is not None:
        _write_outputs(program, result.outputs, outputs)
    if arguments.out is not None:
        from cedr.runtime.report import write_out

        write_out(result.emulation, arguments.out, program.manifest.model, logs=False)
    if arguments.json:
        _print_json(arguments, result.figures)
    else:
        from cedr.tools.tables import print_run

        print_run(result)
    if not result.within:
        tolerance = (
            "the tolerance of its dtype" if arguments.tolerance is None else f"--tolerance {arguments.tolerance}"
        )
        print(
            f"cedr run: {arguments.model}: the values differ from PyTorch's by {result.figures['max_rel_error']:.3g} "
            f"relative, more than {tolerance}",
            file=sys.stderr,
        )
        return 1
    return 0


def _write_outputs(program: Program, arrays: Sequence[Any], paths: dict[str, Path]) -> None:
    import numpy as np

    from cedr.target.files import write_atomically

    for spec, array in zip(program.manifest.outputs, arrays, strict=True):
        if spec.name in paths:
            with write_atomically(paths[spec.name]) as stream:
                np.save(stream, array)


def _evaluate(arguments: argparse.Namespace) -> int:
    from cedr.tools.driver import evaluate
    from cedr.tools.models import TorchModel, find_model

    options = _options(arguments)
    model = find_model(arguments.model)
    if not isinstance(model, TorchModel):
        raise CedrError(f"{arguments.model}: evaluate needs the PyTorch model, with its held-out set")
    result = evaluate(model, options)
    if arguments.json:
        _print_json(arguments, result)
    else:
        print(
            f"{result['model']}: {result['metric']} on {result['samples']} held-out inputs: "
            f"eager {result['eager']:.4f}, compiled {result['compiled']:.4f}; {result['decisions_differing']} decisions differ; "
            f"largest relative error {result['max_rel_error']:.2e}"
        )
    return 0


def _coverage(arguments: argparse.Namespace) -> int:
    from cedr.tools.coverage import cover
    from cedr.tools.models import find_model

    options = _options(arguments)
    result = cover(_with_only_sizes(find_model(arguments.model), arguments.input), options)
    if arguments.json:
        _print_json(arguments, asdict(result))
    else:
        from cedr.tools.tables import print_coverage

        print_coverage(result)
    return 0 if result.supported else 1


def _emulate(arguments: argparse.Namespace) -> int:
    from cedr.tools.emulate import EmulateOptions, print_emulated, run_scenario

    options = EmulateOptions(
        arguments.platform,
        arguments.hw,
        arguments.scheduler,
        arguments.os_model,
        arguments.seed,
        tuple(arguments.without),
        tuple(arguments.app),
        arguments.record_timeout_s,
        arguments.out,
        _host_scale(arguments),
    )
    _check_out(arguments.out)
    result = run_scenario(arguments.scenario, options)
    if arguments.out is not None:
        from cedr.runtime.report import write_out

        write_out(result.emulation, arguments.out, str(arguments.scenario), logs=False)
    if arguments.json:
        _print_json(arguments, result.figures)
    else:
        print_emulated(result)
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    from cedr.tools.sweep import SweepOptions, run_sweep

    if arguments.dask is not None and arguments.jobs is not None:
        raise CedrError("--jobs is for processes here; with --dask the workers are Dask's")
    _check_out(arguments.output)
    options = SweepOptions(arguments.output, arguments.jobs, arguments.dask, arguments.record_timeout_s)
    result = run_sweep(arguments.spec, options)
    if arguments.json:
        _print_json(arguments, result.figures)
    else:
        found = result.figures
        kept = f", {found['kept']:,} of them before" if found["kept"] else ""
        print(f"{found['finished']:,} of {found['points']:,} points finished{kept}, in {found['seconds']:.1f} s")
        print(*found["files"], sep="\n")
    if result.refusal is not None:
        print(f"cedr sweep: {result.refusal}", file=sys.stderr)
        return 1
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from cedr.tools.plot import PlotOptions, plot

    _check_out(arguments.output)
    formats = tuple(dict.fromkeys(arguments.format)) or ("svg",)
    figures = tuple(dict.fromkeys(arguments.figure))
    files = [
        str(path) for path in plot(arguments.folder, PlotOptions(figures, arguments.output, formats, arguments.point))
    ]
    if arguments.json:
        _print_json(arguments, {"out": str(arguments.folder), "files": files})
    else:
        print(*files, sep="\n")
    return 0


def _cc(arguments: argparse.Namespace) -> int:
    from cedr.tools.cc import build_application

    start = time.perf_counter()
    build_application(arguments.sources, arguments.output, arguments.module, arguments.target, arguments.rest)
    if arguments.json:
        result = {
            "output": str(arguments.output),
            "sources": [str(source) for source in arguments.sources],
            "module": arguments.module,
            "target": arguments.target,
            "build_s": time.perf_counter() - start,
        }
        _print_json(arguments, result)
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from cedr.frontend.zoo import ZOO

    rows = [
        {"name": e.name, "summary": e.summary, "input_shape": list(e.input_shape), "input_dtype": e.input_dtype}
        for e in ZOO.values()
    ]
    _list(arguments, "models", rows)
    return 0


def _platforms(arguments: argparse.Namespace) -> int:
    from cedr.target.platform import load_platform, platform_summaries, summary_of

    if arguments.platform_action == "validate":
        summary = summary_of(load_platform(arguments.file))
        if arguments.json:
            _print_json(arguments, {"file": str(arguments.file), "valid": True, "name": summary.name})
        else:
            print(f"{arguments.file}: valid: platform {summary.name}")
        return 0
    rows = [asdict(summary) for summary in platform_summaries()]
    if not arguments.json:
        shown = ("name", "title", "composition", "figures", "estimates")
        _list(
            arguments,
            "platforms",
            [{**{key: row[key] for key in shown}, "linux-cfs": _linux_cfs_figures(row)} for row in rows],
        )
        for row in rows:
            print(row["path"])  # whole, to be copied
        return 0
    _list(arguments, "platforms", rows)
    return 0


def _linux_cfs_figures(row: Mapping[str, int]) -> str:
    if not row["linux_cfs_figures"]:
        return "none"
    return f"{row['linux_cfs_estimates']} of {row['linux_cfs_figures']} estimates"


def _schedulers(arguments: argparse.Namespace) -> int:
    from cedr.runtime.schedulers import all_schedulers

    rows = [{"name": s.name, "aliases": list(s.aliases), "about": s.about} for s in all_schedulers().values()]
    _list(arguments, "schedulers", rows)
    return 0


def _list(arguments: argparse.Namespace, name: str, rows: list[dict[str, Any]]) -> None:
    if arguments.json:
        _print_json(arguments, {name: rows})
        return
    from cedr.tools.tables import print_rows

    print_rows(rows)


def _split_rest(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own words, and those behind -- that it hands on."""
    words = list(argv)
    if not words or words[0] not in _HANDING_ON:
        return words, []
    place = words.index("--") if "--" in words else len(words)
    words, rest = words[:place], words[place + 1 :]
    if words[0] == "cc":
        from cedr.tools.cc import split_compiler_options

        words, options = split_compiler_options(words)
        rest = [*options, *rest]
    return words, rest


def main(argv: Sequence[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    words, rest = _split_rest(sys.argv[1:] if argv is None else argv)
    try:
        arguments = argument_parser().parse_args(words)
    except SystemExit as stop:  # argparse has printed what there is to say
        return int(stop.code or 0)
    arguments.rest = rest
    action: Callable[[argparse.Namespace], int] = arguments.action
    arguments.stdout = sys.stdout
    try:
        # What the user's own code prints is no part of the JSON.
        with redirect_stdout(sys.stderr if arguments.json else sys.stdout):
            return action(arguments)
    except CedrError as error:
        print(f"cedr {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout is gone: nothing more to say, and nothing to say at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if missing in ("torch", "xdsl", "safetensors", "tomli_w"):
            comes = "it comes with: pip install cedr-compiler"
            print(f"cedr {arguments.command}: this needs {missing}, which is not installed; {comes}", file=sys.stderr)
            return 1
        if os.environ.get("CEDR_DEBUG"):
            traceback.print_exc()
        print(
            f"cedr {arguments.command}: internal error, please report it: {type(error).__name__}: {error} "
            "(CEDR_DEBUG=1 shows where)",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
