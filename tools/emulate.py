"""`cedr emulate`: a mix of recorded applications over time, from a scenario or from CEDR's daemon_config.json.

An application whose module's process fails while it is recorded fails alone: its instances are counted as failed, and the
others are emulated.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime.daemon_config import load_daemon_config, parse_submission
from cedr.runtime.emulator import (
    Workload,
    application_figures,
    check_warmup,
    emulate_scenario,
    figures,
)
from cedr.runtime.fault import FaultReport
from cedr.runtime.process import run_together
from cedr.runtime.record import Record, read_record
from cedr.runtime.report import duration, energy_j, pe_table, print_rows, print_table, summary
from cedr.runtime.result import EmulationResult
from cedr.runtime.scenario import PROCESS_KEYS, Application, Scenario, ScenarioError, Settings, load_scenario
from cedr.target.errors import CedrError
from cedr.target.manifest import Manifest
from cedr.target.platform import DEFAULT_PLATFORM, load_platform
from cedr.tools.driver import Warn, warn

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from cedr.tools.applications import ApplicationOptions, OpenedApplication
    from cedr.tools.driver import Program
    from cedr.tools.models import TorchModel


MOST_FAULTS: Final = 20
"""As many are shown."""


@dataclass(frozen=True)
class EmulateOptions:
    """What `cedr emulate` takes beside the file; None: the file decides, or the default."""

    platform: str | None = None
    hw: str | None = None
    scheduler: str | None = None
    os_model: str | None = None
    seed: int | None = None
    without: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    record_timeout_s: float = 120.0
    """A process that takes longer to record its module is ended."""
    out: Path | None = None
    """A directory whose logs are written while the run goes on."""
    host_scale: Fraction | None = None
    """What a nanosecond of measured host time is on the platform; None: the file's, else the platform's figure."""


@dataclass(frozen=True)
class Emulated:
    """An emulation with its figures, by the names of `cedr emulate --json`; the applications that failed are in these only."""

    figures: dict[str, Any]
    emulation: EmulationResult
    scenario: Scenario
    settings: Settings


@dataclass
class ModelRecords:
    """Models, each compiled for a platform's composition and recorded once."""

    platform: str
    """A name, or a file."""
    hw: str
    warn: Warn
    pipeline: str | None = None
    """None: the default one, or the one that a compiled module was made by."""
    emit: str = "c"
    """What is compiled; records are the same. Python needs no C compiler, and less time for a model that is only recorded."""
    exports: dict[str, tuple[TorchModel, ExportedProgram]] = field(default_factory=dict)
    """PyTorch models as exported, which may be given on to the next composition or pipeline."""
    programs: dict[str, Program] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    """Those of the records."""
    applications: dict[str, OpenedApplication] = field(default_factory=dict)
    """Those in C and C++."""
    failures: dict[str, CedrError] = field(default_factory=dict)
    """Why the process of a model came to nothing."""
    record_s: float = 0.0
    _scratch: tempfile.TemporaryDirectory[str] | None = None
    """Where the records of C and C++ applications are kept."""

    def prepare(self, model: str, where: str, options: ApplicationOptions | None = None) -> str:
        """Read a record, compile a model, or build a C or C++ application; gives the key that it goes by here.

        options: how such an application is run; by default in the folder of its file. Raises ScenarioError at the place
        that names the model.
        """
        from cedr.tools.applications import ApplicationOptions, open_application
        from cedr.tools.models import application_kind

        key = model if options is None else f"{model} {options!r}"
        if key in self.records or key in self.programs or key in self.applications:
            return key
        try:
            kind = application_kind(model)
            if kind in (None, "a record") and options is not None:
                given = " and ".join(PROCESS_KEYS)
                raise CedrError(f"{model}: is started as no process of its own; {given} are of C and C++ applications")
            if kind is None:
                self.programs[key] = self._compiled(model)
            elif kind == "a record":
                self.records[key], self.files[key] = read_record(model), Path(model)
            else:
                in_its_folder = ApplicationOptions(cwd=Path(model).parent)
                self.applications[key] = open_application(Path(model), options or in_its_folder)
        except CedrError as error:
            raise ScenarioError(f"{where}: {error}") from error
        return key

    def _compiled(self, text: str) -> Program:
        from cedr.tools.driver import compile_exported, open_model
        from cedr.tools.models import ModuleDirectory, TorchModel, find_model
        from cedr.tools.options import CompileOptions

        model = self.exports[text][0] if text in self.exports else find_model(text)
        options = CompileOptions(platform=self.platform, hw=self.hw, given=frozenset({"platform", "hw"}))
        if not isinstance(model, ModuleDirectory):
            options = replace(options, emit=self.emit)
            if self.pipeline is not None:
                options = replace(options, pipeline=self.pipeline, given=options.given | {"pipeline"})
        if not isinstance(model, TorchModel):
            return open_model(model, options, warn=self.warn)
        from cedr.frontend.export import export_model

        options, start = options.checked(), time.perf_counter()
        if text not in self.exports:
            self.exports[text] = model, export_model(model.module, model.example_inputs)
        return compile_exported(
            self.exports[text][1], model.name, options, None, time.perf_counter() - start, torch_model=model
        )

    def record(self, timeout_s: float) -> None:
        """Record what was compiled, several modules at once, applications one after the other, so that none disturbs the
        time that another one takes; a process that fails is a failure of its own model."""
        start = time.perf_counter()
        for program in self.programs.values():
            program.process = replace(program.process, timeout_s=timeout_s)
        outcomes = run_together({m: program.record for m, program in self.programs.items()})
        jobs = {m: partial(self._record_application, m, timeout_s) for m in self.applications}
        for model, outcome in (outcomes | run_together(jobs, workers=1)).items():
            if outcome.value is not None:
                self.files[model], self.records[model] = outcome.value
            elif outcome.failure is not None:
                self.failures[model] = outcome.failure
        self.record_s = time.perf_counter() - start

    def _record_application(self, key: str, timeout_s: float) -> tuple[Path, Record]:
        from cedr.tools.applications import remarks

        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="cedr-record-")
        application = self.applications[key]
        path = Path(self._scratch.name) / f"{list(self.applications).index(key)}.cedrrec"
        record = replace(application.process, timeout_s=timeout_s).record(path)
        for remark in remarks(record):
            self.warn(f"{application.path}: {remark}")
        return path, record

    @property
    def build_s(self) -> float | None:
        """Seconds in the C compiler; None where nothing was built."""
        of_modules = [manifest.figures.build_s for manifest in self.manifests]
        return _sum([*of_modules, *(application.build_s for application in self.applications.values())])

    @property
    def manifests(self) -> list[Manifest]:
        return [program.manifest for program in self.programs.values()]


def read_file(path: Path, options: EmulateOptions) -> Scenario:
    """A scenario's file, or a daemon's configuration (`.json`) with the applications of the options."""
    if path.suffix != ".json":
        if options.apps:
            raise ScenarioError(f"{path}: a scenario names its applications; --app goes with CEDR's daemon_config.json")
        return load_scenario(path)
    if not options.apps:
        raise ScenarioError(
            f"{path}: a daemon's configuration names no application; give --app MODEL[:N[:PERIOD_US]], once or several times"
        )
    board = load_platform(DEFAULT_PLATFORM if options.platform is None else options.platform)
    return load_daemon_config(path, board, [parse_submission(text) for text in options.apps], options.hw)


def model_beside(path: Path, model: str) -> str:
    """A MODEL that a scenario names: what is a path is one from the scenario's folder."""
    from cedr.tools.models import application_kind

    if path.suffix == ".json":
        return model  # given on the command line
    place, colon, factory = model.rpartition(":")
    if colon and place:
        return f"{path.parent / place}:{factory}" if place.endswith(".py") else model
    found = path.parent / model
    is_file = found.suffix in (".mlir", ".onnx") or application_kind(str(found)) is not None
    return str(found) if "/" in model or found.is_dir() or is_file else model


def run_scenario(path: Path, options: EmulateOptions, tell: Warn = warn) -> Emulated:
    """Read, compile and record what has to be, emulate. Raises CedrError for every refusal, as early as can be."""
    scenario = read_file(path, options)
    for warning in scenario.warnings:
        tell(warning)
    settings = scenario.settle(
        options.platform, options.hw, options.scheduler, options.os_model, options.seed, options.without
    )
    arrivals = [a.arrivals_ns(settings.seed, stream) for stream, a in enumerate(scenario.applications)]
    check_warmup(np.concatenate(arrivals), scenario.warmup_ns)
    models = ModelRecords(settings.platform_text, settings.composition.text, tell)
    named = [model_beside(path, a.model) for a in scenario.applications]
    named = [
        models.prepare(model, application.where, process_options(application, model))
        for application, model in zip(scenario.applications, named, strict=True)
    ]
    models.record(options.record_timeout_s)
    failures = {
        place: f"{application.where}: {models.failures[model]}"
        for place, (application, model) in enumerate(zip(scenario.applications, named, strict=True))
        if model in models.failures
    }
    if len(failures) == len(named):
        raise ScenarioError("\n".join(["no application is left to emulate:", *dict.fromkeys(failures.values())]))
    for place, text in failures.items():
        tell(f"application {scenario.applications[place].name} failed: {text}")
    workloads = [
        Workload(models.records[model], a.name, times, a.deadline_ns)
        for place, (a, model, times) in enumerate(zip(scenario.applications, named, arrivals, strict=True))
        if place not in failures
    ]
    unrecorded = {scenario.applications[place].name for place in failures}
    faults = [place for place, fault in enumerate(scenario.faults) if fault.application not in unrecorded]
    start = time.perf_counter()
    emulation = emulate_scenario(
        workloads,
        settings.platform,
        settings.composition,
        settings.scheduler,
        settings.seed,
        settings.os_model,
        estimates_ns=scenario.estimates_ns,
        queueing=scenario.queueing,
        without=settings.without,
        faults=[scenario.faults[place] for place in faults],
        warmup_ns=scenario.warmup_ns,
        out=options.out,
        host_scale=scenario.host_scale if options.host_scale is None else options.host_scale,
    )
    reports = (r if r.fault is None else replace(r, fault=faults[r.fault]) for r in emulation.faults)
    emulation = replace(emulation, faults=tuple(reports))
    run_s = models.record_s + time.perf_counter() - start
    applications = _applications(scenario, emulation, arrivals, failures)
    found = _figures(scenario, settings, emulation, models.manifests, run_s, applications)
    found["build_s"] = models.build_s
    found["failures"] = [
        {"application": scenario.applications[place].name, "message": text} for place, text in failures.items()
    ]
    found["faults"] = [_fault(report, emulation) for report in emulation.faults]
    return Emulated(found, emulation, scenario, settings)


def process_options(application: Application, model: str) -> ApplicationOptions | None:
    """How a C or C++ application is started, where its entry in the scenario says so."""
    from cedr.tools.applications import ApplicationOptions

    if not application.arguments and (application.cwd, application.host_time, application.host_ns) == (None,) * 3:
        return None
    return ApplicationOptions(
        application.arguments,
        Path(model).parent if application.cwd is None else Path(application.cwd),
        application.host_time or "measured",
        application.host_ns,
    )


def _fault(report: FaultReport, emulation: EmulationResult) -> dict[str, Any]:
    """A report for JSON: the instance counted within its application."""
    instance = report.instance
    if instance is not None:
        own = emulation.instance_app[:instance] == emulation.instance_app[instance]
        instance = int(np.count_nonzero(own))
    return {**vars(report), "instance": instance}


def _applications(
    scenario: Scenario,
    emulation: EmulationResult,
    arrivals_ns: Sequence[npt.NDArray[np.int64]],
    failures: Collection[int],
) -> list[dict[str, Any]]:
    """An entry an application, in the scenario's order. failures: which of them could not be recorded."""
    entries = application_figures(emulation)
    for place in sorted(failures):
        application = scenario.applications[place]
        count = int(np.count_nonzero(arrivals_ns[place] >= scenario.warmup_ns))
        failed = {
            "name": application.name,
            "instances": count,
            "finished": 0,
            "failed": count,
            "exe_ns": None,
            "cum_ns": None,
            "ovh_ns": entries[0]["ovh_ns"],
            "deadline_misses": 0 if application.deadline_ns is None else count,
        }
        entries.insert(place, failed)
    return [
        {**entry, "period_ns": application.period_ns}
        for entry, application in zip(entries, scenario.applications, strict=True)
    ]


def _figures(
    scenario: Scenario,
    settings: Settings,
    emulation: EmulationResult,
    manifests: Sequence[Manifest],
    run_s: float,
    applications: list[dict[str, Any]],
) -> dict[str, Any]:
    compiled = [manifest.figures for manifest in manifests]
    ir_bytes: Counter[str] = Counter()
    for one in compiled:
        ir_bytes.update(one.ir_bytes)
    return {
        "model": str(scenario.path),
        "emit": _common([manifest.emit for manifest in manifests]),
        "pipeline": _common([manifest.pipeline for manifest in manifests]),
        "platform": settings.platform.name,
        "hw": settings.composition.text,
        "scheduler": settings.scheduler.name,
        "os_model": settings.os_model,
        "without": list(settings.without),
        "instances": sum(entry["instances"] for entry in applications),
        "seed": settings.seed,
        "decision_match": None,
        **figures(emulation),
        "energy_j": energy_j(emulation, settings.platform, settings.composition),
        "arena_bytes": _sum([one.arena_bytes for one in compiled]),
        "arena_bound_bytes": _sum([one.arena_bound_bytes for one in compiled]),
        "ir_bytes": dict(ir_bytes),
        "compile_s": _sum([one.compile_s for one in compiled]),
        "build_s": _sum([one.build_s for one in compiled]),
        "export_s": _sum([one.export_s for one in compiled]),
        "run_s": run_s,
        "applications": applications,
    }


def _common(values: Sequence[str]) -> str | None:
    """What all have in common; None where they differ, or there are none."""
    return values[0] if len(set(values)) == 1 else None


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _every(application: Application) -> str:
    """How often instances arrive; a mean is marked by ~. Empty where there is one, and no period."""
    if application.period_ns is None:
        return "trace" if application.arrival == "trace" else ""
    if not application.period_ns:
        return "at once"
    return ("~" if application.arrival == "poisson" else "") + duration(application.period_ns)


def _mean(time_ns: float | None) -> str:
    return "" if time_ns is None else duration(time_ns)


def print_emulated(result: Emulated) -> None:
    """Latency, the applications, and the PEs, as tables for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    found, console = result.figures, Console()
    assert result.emulation.setting is not None
    title = f"{found['model']} on {result.emulation.setting.text}"
    console.print(escape(title), highlight=False, soft_wrap=True)
    rows = summary(result.emulation)
    if found["energy_j"] is not None:
        rows.append(("energy", f"{found['energy_j']:.4g} J"))
    print_rows(rows, console)

    entries, applications = found["applications"], result.scenario.applications
    columns = {
        "instances": [f"{entry['instances']:,}" for entry in entries],
        "failed": [f"{entry['failed']:,}" if entry["failed"] else "" for entry in entries],
        "every": [_every(application) for application in applications],
        "execution": [_mean(entry["exe_ns"]) for entry in entries],
        "on PEs": [_mean(entry["cum_ns"]) for entry in entries],
        "scheduling": [_mean(entry["ovh_ns"] or None) for entry in entries],
        "late": [
            "" if application.deadline_ns is None else f"{entry['deadline_misses']:,}"
            for entry, application in zip(entries, applications, strict=True)
        ],
    }
    columns = {heading: values for heading, values in columns.items() if any(values)}
    table = Table(title="Applications", title_justify="left")
    table.add_column("name")
    for heading in columns:
        table.add_column(heading, justify="right")
    for row, entry in enumerate(entries):
        table.add_row(escape(entry["name"]), *(values[row] for values in columns.values()))
    console.print(table)

    if found["faults"]:
        faults = Table(title="Faults", title_justify="left")
        faults.add_column("at", justify="right")
        faults.add_column("what")
        for fault in found["faults"][:MOST_FAULTS]:
            faults.add_row(duration(fault["at_ns"]), escape(fault["text"]))
        console.print(faults)
        if len(found["faults"]) > MOST_FAULTS:
            console.print(f"and {len(found['faults']) - MOST_FAULTS:,} more: see --json", highlight=False)

    print_table(pe_table(result.emulation), console)
