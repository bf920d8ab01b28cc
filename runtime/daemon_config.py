"""CEDR's daemon_config.json as a scenario: the file that configures the daemon of the live runtime.

Keys and their meaning are those of CEDR's API mode (UA-RCL/CEDR 96eeda6); all may be left out. What the live runtime
ignores in silence or dies of is refused with file, line and key. Four spellings that stand in its authors' own files,
and that its parser does not know, are taken for what they mean, with a warning that says what it would have done.

    "Worker Threads"     PEs by type: cpu, fft, gemm, zip, gpu. Defaults 3, 1, 1, 0, 0, as on its Arm boards
    "DASH API Costs"     DASH_FFT_cpu and its like: what schedulers believe a call to take, in ns, whatever its size. Never
                         what it takes. Without one the platform's estimate stands, where the live runtime takes 0
    "Scheduler", "Random Seed"
    "Features"           "Enable Queueing", "Fixed Periodic Injection" (false: exponential gaps of the same mean), and
                         five that change nothing here
    "PAPI Counters", "Max Parallel Jobs", "DASH Binary Paths"   change nothing here

The applications come from the command (`--app`), as they come from `sub_dag` in the live runtime; it injects instance j
at (j + 1) * period.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from cedr.runtime.scenario import (
    MAX_INSTANCES,
    MAX_SEED,
    MAX_TIME_NS,
    Application,
    Scenario,
    ScenarioError,
    model_title,
)
from cedr.runtime.schedulers import get_scheduler
from cedr.target.errors import CedrError
from cedr.target.json_file import JsonFile
from cedr.target.platform import Platform
from cedr.target.toml_file import Section, TomlFile, kind_of

RESOURCES: Final = ("cpu", "fft", "gemm", "zip", "gpu")
DEFAULT_WORKERS: Final = {"cpu": 3, "fft": 1, "gemm": 1, "zip": 0, "gpu": 0}
APIS: Final[dict[str, str | None]] = {
    "DASH_FFT": "fft",
    "DASH_GEMM": "gemm",
    "DASH_ZIP": "zip",
    "DASH_CONV_1D": "conv1d",
    "DASH_CONV_2D": "conv2d",
    "DASH_BPSK": None,
    "DASH_QAM16": None,
    "DASH_FIR": None,
    "DASH_SpectralOpening": None,
    "DASH_CIC": None,
}
"""CEDR's APIs -> ours; None: no call of ours is one, so that its costs are read by nobody."""

_MISSPELT_COSTS: Final = {"DASH_GEMM_mmult": "DASH_GEMM_gemm", "DASH_ZIP_ZIP": "DASH_ZIP_zip"}

_TOP: Final = (
    "Worker Threads",
    "Features",
    "PAPI Counters",
    "DASH API Costs",
    "Max Parallel Jobs",
    "Scheduler",
    "Random Seed",
    "DASH Binary Paths",
)
_FEATURES: Final = (
    "Cache Schedules",
    "Enable Queueing",
    "Use PAPI",
    "PAPI Counters",
    "Loosen Thread Permissions",
    "Fixed Periodic Injection",
    "Exit When Idle",
)
_SCHEDULERS: Final = ("SIMPLE", "RANDOM", "MET", "EFT", "ETF", "HEFT_RT")
_MAX_WORKERS: Final = 1024


@dataclass(frozen=True)
class Submission:
    """One application of `--app MODEL[:N[:PERIOD_US]]`."""

    model: str
    instances: int
    period_ns: int


def parse_submission(text: str) -> Submission:
    """Read MODEL[:N[:PERIOD_US]]; N is 1 and the period 0 where they are left out.

    MODEL itself has a colon where it is FILE.py:FACTORY or PACKAGE.MODULE:FACTORY: a name behind the first colon, which no
    number is, belongs to it. Raises ScenarioError.
    """

    def refuse(what: str) -> ScenarioError:
        return ScenarioError(f"--app {text!r}: {what}; write MODEL[:N[:PERIOD_US]], as vgg_digits:5:2000")

    parts = text.split(":")
    factory = len(parts) > 1 and parts[1].isidentifier() and Path(parts[0]).suffix not in (".mlir", ".cedrrec")
    length = 2 if factory else 1
    model, numbers = ":".join(parts[:length]), parts[length:]
    if not model.strip() or "\0" in model:
        raise refuse("there is no model")
    if len(numbers) > 2:
        raise refuse(f"{numbers[2]!r} is one number too many")
    instances, period = 1, Fraction(0)
    if numbers:
        if not (numbers[0].isascii() and numbers[0].isdigit()) or not 1 <= int(numbers[0][:20]) <= MAX_INSTANCES:
            raise refuse(f"N is a whole number from 1 to {MAX_INSTANCES}, got {numbers[0]!r}")
        instances = int(numbers[0])
    if len(numbers) == 2:
        if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", numbers[1]):
            raise refuse(f"PERIOD_US is a number of at least 0, got {numbers[1]!r}")
        period = Fraction(numbers[1])
    period_ns = round(period * 1000)
    if period and not period_ns:
        raise refuse(f"a period of {numbers[1]} us is less than a nanosecond")
    if period_ns * instances > MAX_TIME_NS:
        raise refuse("the last instance arrives later than 2^60 ns (36 years)")
    return Submission(model, instances, period_ns)


def load_daemon_config(
    path: str | Path, platform: Platform, submissions: Sequence[Submission], hw: str | None = None
) -> Scenario:
    """The scenario of a daemon's configuration and of the applications given to it, on a platform.

    hw: a composition in place of the file's. Raises CedrError, with file, line and key.
    """
    return read_daemon_config(JsonFile.read(Path(path)), platform, submissions, hw)


def read_daemon_config(
    file: TomlFile, platform: Platform, submissions: Sequence[Submission], hw: str | None = None
) -> Scenario:
    """The same from a parsed file."""
    reader = _Reader(file, platform)
    workers = reader.workers(limited=hw is None)
    fixed, queueing = reader.features()
    estimates = reader.costs()
    scheduler = reader.scheduler()
    reader.without_effect()
    top = reader.top
    return Scenario(
        path=file.path,
        applications=_applications(submissions, fixed),
        seed=top.integer("Random Seed", 0, MAX_SEED) if "Random Seed" in top else 0,
        queueing=queueing,
        hw=workers if hw is None else hw,
        scheduler=scheduler,
        estimates_ns=estimates,
        warnings=tuple(reader.warnings),
    )


def _applications(submissions: Sequence[Submission], fixed: bool) -> tuple[Application, ...]:
    found: list[Application] = []
    for submission in submissions:
        title = model_title(submission.model)
        taken = [application.name for application in found]
        name = next(n for k in range(1, len(taken) + 2) if (n := title if k == 1 else f"{title}_{k}") not in taken)
        period = submission.period_ns if submission.period_ns or submission.instances > 1 else None
        # The mean of the gaps may be 0, where nothing is left to draw.
        arrival, start = ("fixed", period or 0) if fixed or not period else ("poisson", 0)
        where = f"--app {submission.model}"
        found.append(Application(name, submission.model, submission.instances, arrival, period, start, where=where))
    return tuple(found)


class _Reader:
    """The parts of one file, with the warnings that come up."""

    def __init__(self, file: TomlFile, platform: Platform):
        self.file, self.platform = file, platform
        self.warnings: list[str] = []
        self.top = Section(file, (), file.data, (), (*_TOP, "DASH Binary Path"))

    def warn(self, path: tuple[str, ...], text: str) -> None:
        self.warnings.append(f"{self.file.where(path)}: {text}")

    def _misspelt(self, path: tuple[str, ...], meant: str, beside: Mapping[str, Any], instead: str) -> bool:
        """Whether a name that CEDR does not know stands for the one that it means: not if both are there."""
        if meant in beside:
            self.warn(path, f"CEDR does not know this name and would ignore it; so is it here, since {meant} is there")
            return False
        self.warn(path, f"taken for {meant}; CEDR does not know this name and would {instead}")
        return True

    def section(self, key: str, keys: tuple[str, ...]) -> Section:
        return Section(self.file, (key,), self.top.data.get(key, {}), (), keys)

    def workers(self, limited: bool) -> str:
        """The composition; limited: to what the platform has. Without a CPU worker the live runtime hangs."""
        key = "Worker Threads"
        table = self.section(key, (*RESOURCES, "mmult"))
        counts, written = dict(DEFAULT_WORKERS), dict[str, str]()
        for name in table.data:
            count = table.integer(name, 1 if name == "cpu" else 0, _MAX_WORKERS)
            default = DEFAULT_WORKERS["gemm"]
            if name != "mmult":
                counts[name], written[name] = count, name
            elif self._misspelt(
                (key, name), "gemm", table.data, f"start its default number of gemm workers, {default} on Arm boards"
            ):
                counts["gemm"], written["gemm"] = count, name
        types = {pe_type.name: pe_type for pe_type in self.platform.pe_types}
        letters = []
        for name, count in counts.items():
            most = types[name].most if name in types else 0
            if limited and count > most and (name in written or name == "cpu"):
                what = f"platform {self.platform.name} has {f'at most {most} of them' if most else 'none'}, got {count}"
                raise table.fail(written.get(name, name), f"{what}; give --hw if it shall be another composition")
            if min(count, most):  # a default may be more than this platform has
                letters.append(f"{types[name].letter}{min(count, most)}")
        return "+".join(letters)

    def features(self) -> tuple[bool, bool]:
        """Whether injection is periodic, and whether PEs have queues."""
        table = self.section("Features", _FEATURES)
        self._texts(table, "PAPI Counters")
        for key in ("Cache Schedules", "Exit When Idle"):
            table.truth(key, False)
        if table.truth("Use PAPI", False):
            self.warn(("Features", "Use PAPI"), "there are no hardware counters of an emulated core; not used")
        if not table.truth("Loosen Thread Permissions", True):
            self.warn(
                ("Features", "Loosen Thread Permissions"),
                "false makes CEDR's workers real-time threads (SCHED_RR); here they stay ordinary ones",
            )
        return table.truth("Fixed Periodic Injection", True), table.truth("Enable Queueing", True)

    def costs(self) -> dict[tuple[str, str], int]:
        """(API, PE type) -> estimate."""
        top_key = "DASH API Costs"
        given = self.top.data.get(top_key, {})
        table = Section(self.file, (top_key,), given, (), tuple(given) if isinstance(given, dict) else ())
        types = [pe_type.name for pe_type in self.platform.pe_types]
        estimates: dict[tuple[str, str], int] = {}
        for key in table.data:
            cost = table.integer(key, 0, MAX_TIME_NS)
            meant = _MISSPELT_COSTS.get(key, key)
            if meant != key and not self._misspelt((top_key, key), meant, table.data, f"take {meant} for 0"):
                continue
            api, resource = self._cost_name(top_key, meant)
            ours = APIS[api]
            if ours is None:
                self.warn((top_key, key), f"no call of ours is a {api}; not used")
            elif resource not in types:
                self.warn((top_key, key), f"platform {self.platform.name} has no {resource}; not used")
            else:
                estimates[ours, resource] = cost
                if not cost:
                    self.warn(
                        (top_key, key),
                        f"a cost of 0: schedulers believe that {api} on {resource} takes no time; it takes its time all the same",
                    )
        return estimates

    def _cost_name(self, top_key: str, key: str) -> tuple[str, str]:
        """(CEDR's API, resource) of a key."""
        api, _, resource = key.rpartition("_")
        if api not in APIS or resource not in RESOURCES:
            what = f"no resource {resource!r}" if api in APIS else f"no API {api or key!r}"
            raise self.file.fail(
                (top_key, key),
                f"unknown key: {what}; a key is API_RESOURCE with one of {', '.join(APIS)} and one of "
                f"{', '.join(RESOURCES)}",
            )
        return api, resource

    def scheduler(self) -> str:
        if "Scheduler" not in self.top:
            return "SIMPLE"
        name = self.top.text("Scheduler")
        try:
            found = get_scheduler(name)
        except CedrError as error:
            raise self.top.fail("Scheduler", str(error)) from error
        if name not in _SCHEDULERS:
            self.warn(
                ("Scheduler",),
                f"CEDR has no scheduler of this name and would end at its first task; {found.name} it is",
            )
        return found.name

    def without_effect(self) -> None:
        """What the live runtime needs and an emulation does not: checked all the same."""
        self._texts(self.top, "PAPI Counters")
        self._texts(self.top, "DASH Binary Paths")
        if "Max Parallel Jobs" in self.top:
            self.top.integer("Max Parallel Jobs", 1, MAX_INSTANCES)
        key = "DASH Binary Path"
        if key in self.top:
            self._misspelt((key,), "DASH Binary Paths", self.top.data, "use its default library")
            if not isinstance(self.top.data[key], str):
                self._texts(self.top, key)

    def _texts(self, table: Section, key: str) -> None:
        value = table.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise table.fail(key, f"needs an array of texts, got {kind_of(value)}")
