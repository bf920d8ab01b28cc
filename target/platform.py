"""Platform files: a board's clocks, ports and processing elements (PEs), and what each call costs on each.

A platform is a TOML file. `load_platform` reads it strictly (`target/platforms/zcu102.toml` shows every key and says
what it means), `parse_composition` says how many PEs of each type a run has, `class_costs` evaluates the cost
expressions for the classes of a record, once per class, into arrays.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cedr.target.api import APIS, CallClass
from cedr.target.arithmetic import ARITHMETIC_APIS, ARITHMETIC_DTYPES, ARITHMETICS, WORD_BITS, Arithmetic
from cedr.target.cost import Expression, Kind, Value, parse_expression
from cedr.target.errors import CedrError
from cedr.target.extends import PLATFORMS_DIR, extended
from cedr.target.extends import platform_names as platform_names
from cedr.target.linux_cfs import LinuxCfs, figure_paths, read_linux_cfs
from cedr.target.probes import probes
from cedr.target.toml_file import KeyPath, Section, TomlFile, kind_of

FORMAT: Final = 1
DEFAULT_PLATFORM: Final = "zcu102"
IDEAL: Final = "ideal"
LINUX_CFS: Final = "linux-cfs"
#: The models of the operating system.
OS_MODELS: Final = (IDEAL, LINUX_CFS)

CORE: Final = 0
"""What a phase occupies, by number: the core of the PE's worker,"""
PORT: Final = 1
"""a DMA port,"""
PE: Final = 2
"""the PE itself."""

OWN_PORT: Final = -1
"""As a phase's port: the one that the PE has in the composition (`Pe.port`)."""

MAX_COST_NS: Final = 2**60
_UNITS: Final = ("ns", "us", "ms", "s", "cycle", "Hz", "MHz", "byte", "kB", "MB", "GB", "flop", "W", "1")
_COUNTED: Final = ("element", "tap", "call", "pass", "row", "block", "chunk", "register", "point")
_UNIT_PARTS: Final = (*_UNITS, *_COUNTED)


class PlatformError(CedrError):
    """A platform file, a composition or a cost that can't be used."""


@dataclass(frozen=True)
class Figure:
    """A number with its unit and where it comes from."""

    value: Fraction
    unit: str
    source: str


@dataclass(frozen=True)
class Port:
    """A DMA port, shared by the PEs that name it."""

    name: str
    mb_per_s: Fraction
    source: str


@dataclass(frozen=True)
class Phase:
    """One step of a call on a PE: what it occupies, and for how long."""

    resource: int
    """CORE, PORT or PE."""
    port: int
    """For PORT: an index into the platform's ports, or OWN_PORT; else -1."""
    amount: Expression
    """Nanoseconds, or bytes to move."""
    ns_per_unit: Fraction
    """1, or nanoseconds a byte."""
    poll: bool
    """The PE's worker polls meanwhile: its core is held."""
    source: str


@dataclass(frozen=True)
class CallCost:
    """What one PE type takes of one API, and at what cost."""

    api: str
    supports: Expression
    let: tuple[tuple[str, Expression], ...]
    estimate: Expression | None
    """What schedulers see; None: the cost."""
    phases: tuple[Phase, ...]
    where: str
    arithmetic: Arithmetic
    """What the implementation computes in."""


@dataclass(frozen=True)
class Power:
    """Watts of a PE while it works and while it waits."""

    active_w: Fraction
    idle_w: Fraction
    source: str


@dataclass(frozen=True)
class PeType:
    """A kind of PE: `cpu`, letter `C`."""

    name: str
    letter: str
    title: str
    most: int
    """How many a composition may have."""
    ports: tuple[int, ...]
    """Indices into the platform's ports: the k-th PE of the type (from 0) uses ports[k mod their number]."""
    cores: tuple[int, ...]
    """The cores that its workers take in turn, together with those of other types that have the same; the platform's worker
    cores where the file gives none."""
    figures: Mapping[str, Figure]
    """What the expressions of its calls may use besides the platform's: its own constants, and `mhz`, its clock."""
    calls: tuple[CallCost, ...]
    power: Power | None
    source: str

    @property
    def apis(self) -> tuple[str, ...]:
        """The APIs it has entries for, in the table's order."""
        return tuple(api for api in APIS if any(call.api == api for call in self.calls))


@dataclass(frozen=True)
class Host:
    """What an application's own thread does on a core, where a record says how much work it is and not how long it takes."""

    flops_per_ns: Fraction
    bytes_per_ns: Fraction
    source: str
    measured_scale: Fraction | None = None
    """What a nanosecond that was measured where the application was recorded is here; None: no figure is known."""
    measured_source: str = ""

    def ns(self, flops: int, size_bytes: int) -> int:
        """Nanoseconds: arithmetic or memory, whichever takes longer."""
        return ceil(max(flops / self.flops_per_ns, size_bytes / self.bytes_per_ns))


@dataclass(frozen=True)
class Platform:
    """A board, as its file describes it."""

    name: str
    title: str
    path: Path
    extended_paths: tuple[Path, ...]
    """The files that it extends."""
    hash: str
    """SHA-256 of the content; comments, order and white space don't count."""
    content: Mapping[str, Any]
    """What a file that extends nothing would say for the same platform; fractions are Decimals."""
    default_composition: str
    sources: Mapping[str, str]
    figures: Mapping[str, Figure]
    """Every number that expressions may use, by name: constants, clocks (`a53_mhz`), ports (`hp0_mb_per_s`), memory."""
    cores: int
    worker_cores: tuple[int, ...]
    """The cores that workers run on; the daemon has another."""
    ports: tuple[Port, ...]
    pe_types: tuple[PeType, ...]
    static_w: Figure | None
    """Watts of the board whatever runs, beside those of its PEs."""
    host: Host | None
    """How fast an application's own threads compute; None: records with work in operations and bytes can't be run."""
    os_model: str
    """The model of the operating system that a run has where none is asked for."""
    linux_cfs: LinuxCfs | None
    """What `linux-cfs` needs; None: the platform can't be run under it."""
    linux_cfs_sources: Mapping[str, str]
    """Key of `[linux_cfs]` -> where the figure comes from; `decision.ETF` and the like among them."""

    @property
    def letters(self) -> dict[str, str]:
        """Letter -> PE type, in the platform's order."""
        return {pe_type.letter: pe_type.name for pe_type in self.pe_types}


@dataclass(frozen=True)
class PlatformSummary:
    """One line of `cedr platforms`."""

    name: str
    title: str
    path: str
    """Its file."""
    hash: str
    composition: str
    pe_types: Mapping[str, str]
    """Letter -> name, in the platform's order."""
    most: Mapping[str, int]
    """Letter -> how many there may be."""
    apis: Mapping[str, str]
    """Letter -> the APIs that the type has entries for."""
    figures: int
    phases: int
    sources: int
    estimates: int
    """How many of the figures and phases are estimates, by their own word."""
    linux_cfs_figures: int
    """Those of `linux-cfs`; 0: the platform can't be run under it."""
    linux_cfs_estimates: int


@dataclass(frozen=True)
class Pe:
    """One PE of a composition: `fft1`."""

    name: str
    type_index: int
    """Index into the platform's pe_types."""
    number: int
    """From 1, within its type."""
    port: int
    """Index into the platform's ports, or -1: it has none."""


@dataclass(frozen=True)
class Composition:
    """How many PEs of each type a run has."""

    text: str
    """Canonical: `C3+F1+C2D1+Z1`, in the platform's order of types, those without a PE left out."""
    counts: tuple[int, ...]
    """By PE type."""
    pes: tuple[Pe, ...]
    """In the platform's order of types: cpu1, cpu2, cpu3, fft1, ..."""

    @property
    def pe_names(self) -> tuple[str, ...]:
        return tuple(pe.name for pe in self.pes)

    @property
    def pe_types(self) -> NDArray[np.int32]:
        """int32[PEs]: type of each PE."""
        return np.array([pe.type_index for pe in self.pes], np.int32)

    @property
    def pe_ports(self) -> NDArray[np.int32]:
        """int32[PEs]: port of each PE, or -1."""
        return np.array([pe.port for pe in self.pes], np.int32)


@dataclass(frozen=True)
class ClassCosts:
    """Costs of the classes of a record on the PE types of a platform, in integer nanoseconds.

    estimate_ns, cost_ns   int64[classes, types]: what schedulers see; what it takes with every resource free (the sum
                           of its phases). -1: not offered to that type. A join is offered to none: it runs nowhere.
    is_join                bool[classes]
    arithmetic             uint32[classes, types]: `Arithmetic.word` of the implementation; 0 where it is not offered
    The phases of class c on type t are rows phase_indptr[c * types + t] up to phase_indptr[c * types + t + 1] of
    phase_resource (int8: CORE, PORT, PE), phase_port (int32, as in `Phase`), phase_ns (int64), phase_poll (bool).
    """

    platform: Platform
    classes: tuple[CallClass, ...]
    estimate_ns: NDArray[np.int64]
    cost_ns: NDArray[np.int64]
    is_join: NDArray[np.bool_]
    arithmetic: NDArray[np.uint32]
    phase_indptr: NDArray[np.int64]
    phase_resource: NDArray[np.int8]
    phase_port: NDArray[np.int32]
    phase_ns: NDArray[np.int64]
    phase_poll: NDArray[np.bool_]

    def phases(self, class_index: int, type_index: int) -> list[tuple[int, int, int, bool]]:
        """(resource, port, ns, poll) of each phase, in order; empty where it is not offered."""
        cell = class_index * len(self.platform.pe_types) + type_index
        rows = slice(int(self.phase_indptr[cell]), int(self.phase_indptr[cell + 1]))
        columns = (self.phase_resource[rows], self.phase_port[rows], self.phase_ns[rows], self.phase_poll[rows])
        return [(int(r), int(p), int(ns), bool(poll)) for r, p, ns, poll in zip(*columns, strict=True)]

    def by_pe(self, composition: Composition) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(estimate_ns, cost_ns), each int64[classes, PEs of the composition]."""
        types = composition.pe_types
        return np.ascontiguousarray(self.estimate_ns[:, types]), np.ascontiguousarray(self.cost_ns[:, types])


# ------------------------------------------------------------------------------------------------------------ files


def load_platform(name_or_path: str | Path) -> Platform:
    """The platform of a name, or of a file (anything with a `/` or ending in `.toml`).

    Raises PlatformError or TomlError, with file, line and key, for a file that is not right in every respect.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in platform_names():
            raise PlatformError(
                f"no platform {name_or_path!r}{_near(name_or_path, platform_names())}; there are "
                f"{', '.join(platform_names())}, or give a file: my/own.toml"
            )
        path = PLATFORMS_DIR / f"{name_or_path}.toml"
    known = _KNOWN.get(path)
    if known is None or any(_stamp(file) != stamp for file, stamp in known[1].items()):
        before = _stamp(path)
        platform = read_platform(TomlFile.read(path))
        stamps = {path: before, **{file: _stamp(file) for file in platform.extended_paths}}
        _KNOWN[path] = known = (platform, stamps)
    return known[0]


_Stamp = tuple[int, int, int]
_KNOWN: Final[dict[Path, tuple[Platform, dict[Path, _Stamp]]]] = {}
"""Platforms read so far, with the stamps of their files at that time."""


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PlatformError(f"platform file {path}: can't be read: {reason}{_meant(path)}") from error
    return found.st_mtime_ns, found.st_size, found.st_ino


def _meant(path: Path) -> str:
    """What a file's path that leads nowhere may have meant: a platform that ships, or a file beside it."""
    if path.stem in platform_names():
        return f"; the platform {path.stem} that ships is {PLATFORMS_DIR / path.stem}.toml"
    try:
        beside = [other.stem for other in path.parent.glob("*.toml") if other.is_file()]
    except (OSError, ValueError):  # no folder, or no path at all
        beside = []
    return _near(path.stem, beside, ".toml") or _near(path.stem, platform_names())


def _near(name: str, names: Sequence[str], ending: str = "") -> str:
    close = difflib.get_close_matches(name, names, 1) or [known for known in names if name and known.startswith(name)]
    return f" (did you mean {close[0] + ending!r}?)" if close else ""


def platform_summaries() -> list[PlatformSummary]:
    """What `cedr platforms` lists."""
    return [summary_of(load_platform(name)) for name in platform_names()]


def summary_of(platform: Platform) -> PlatformSummary:
    phases = [phase for pe_type in platform.pe_types for call in pe_type.calls for phase in call.phases]
    figures = [*platform.figures.values(), *(f for t in platform.pe_types for f in t.figures.values())]
    said = [figure.source for figure in figures] + [phase.source for phase in phases]
    return PlatformSummary(
        name=platform.name,
        title=platform.title,
        path=str(platform.path),
        hash=platform.hash,
        composition=platform.default_composition,
        pe_types=platform.letters,
        most={t.letter: t.most for t in platform.pe_types},
        apis={t.letter: " ".join(t.apis) for t in platform.pe_types},
        figures=len(figures),
        phases=len(phases),
        sources=len(platform.sources),
        estimates=_estimates(said),
        linux_cfs_figures=len(platform.linux_cfs_sources),
        linux_cfs_estimates=_estimates(platform.linux_cfs_sources.values()),
    )


def _estimates(sources: Iterable[str]) -> int:
    return sum(source.startswith("estimate") for source in sources)


def read_platform(file: TomlFile) -> Platform:
    """A platform from a parsed file. Raises PlatformError or TomlError with file, line and key."""
    return _Reader(file).read()


class _Reader:
    def __init__(self, file: TomlFile):
        self.whole = extended(file)
        self.file = self.whole.file
        self.sources: dict[str, str] = {}
        self.figures: dict[str, Figure] = {}
        self.ports: list[Port] = []
        self.used_sources: set[str] = set()

    def fail(self, path: KeyPath, message: str) -> PlatformError:
        return PlatformError(str(self.file.fail(path, message)))

    def read(self) -> Platform:
        root = self.file.root(
            ("format", "name", "title", "composition", "sources", "clocks", "cores", "memory", "pe"),
            ("extends", "constants", "host", "ports", "power", "os_model", "linux_cfs"),
        )
        root.integer("format", FORMAT, FORMAT)
        name = root.text("name")
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise root.fail("name", f"needs lower-case letters, digits, _ and -, got {name!r}")
        texts = root.table("sources")
        sources = self.section(("sources",), (), tuple(texts))
        self.sources = {key: sources.text(key) for key in texts}
        for clock in root.table("clocks"):
            section = self.section(("clocks", clock), ("mhz", "source"))
            self.add(section, f"{clock}_mhz", section.positive("mhz"), "MHz")
        memory = self.section(("memory",), ("mb_per_s", "source"))
        self.add(memory, "memory_mb_per_s", memory.positive("mb_per_s"), "MB/s")
        for port in root.table("ports"):
            section = self.section(("ports", port), ("mb_per_s", "source"))
            self.add(section, f"{port}_mb_per_s", section.positive("mb_per_s"), "MB/s")
            self.ports.append(Port(port, section.positive("mb_per_s"), section.text("source")))
        for constant in root.table("constants"):
            section = self.section(("constants", constant), ("value", "unit", "source"))
            self.add(section, constant, section.positive("value"), self.unit(section))
        cores = self.section(("cores",), ("count", "workers", "source"))
        self.source(cores)
        count = cores.integer("count", 1, 1024)
        workers = cores.data["workers"]
        if not isinstance(workers, list) or not workers or any(type(w) is not int for w in workers):
            raise cores.fail("workers", f"needs an array of core numbers, at least one, got {kind_of(workers)}")
        if len(set(workers)) != len(workers) or not all(0 <= w < count for w in workers):
            raise cores.fail("workers", f"needs different core numbers from 0 to {count - 1}, got {workers}")
        self.worker_cores = tuple(workers)
        types = [self.pe_type(path) for path in root.sections("pe")]
        for key, values in (("name", [t.name for t in types]), ("letter", [t.letter for t in types])):
            for index, value in enumerate(values):
                if value in values[:index]:
                    raise self.fail(("pe", index, key), f"{value!r} is taken by pe[{values.index(value)}]")
        static_w = None
        if "power" in root:
            table = self.section(("power",), ("static_w", "source"))
            static_w = Figure(table.positive("static_w"), "W", self.source(table))
        host = None
        if "host" in root:
            table = self.section(("host",), ("flops_per_ns", "bytes_per_ns", "source"), ("measured",))
            host = Host(table.positive("flops_per_ns"), table.positive("bytes_per_ns"), self.source(table))
            if "measured" in table:
                measured = self.section(("host", "measured"), ("scale", "source"))
                host = replace(host, measured_scale=measured.positive("scale"), measured_source=self.source(measured))
        linux_cfs = None
        linux_cfs_sources: dict[str, str] = {}
        if "linux_cfs" in root:
            data = root.data["linux_cfs"]
            linux_cfs = read_linux_cfs(self.file, ("linux_cfs",), data, tuple(workers))
            for path in figure_paths(data, ("linux_cfs",)):
                figure = self.section(path, tuple(self.file.at(path)))
                linux_cfs_sources[".".join(map(str, path[1:]))] = self.source(figure)
        for key in [key for key in self.sources if key not in self.used_sources]:
            if key not in self.whole.imported:
                raise self.fail(("sources", key), "no figure names this source; remove it")
            del self.sources[key], self.file.data["sources"][key]
        os_model = root.text("os_model") if "os_model" in root else IDEAL
        if os_model not in OS_MODELS:
            raise root.fail("os_model", f"is {' or '.join(OS_MODELS)}, got {os_model!r}")
        if os_model == LINUX_CFS and linux_cfs is None:
            raise root.fail("os_model", "needs the figures of the model, in a table [linux_cfs]")
        platform = Platform(
            name=name,
            title=root.text("title"),
            path=self.file.path,
            extended_paths=tuple(dict.fromkeys(self.whole.paths)),
            hash=_content_hash(self.file.data),
            content=self.file.data,
            default_composition=root.text("composition"),
            sources=self.sources,
            figures=self.figures,
            cores=count,
            worker_cores=tuple(workers),
            ports=tuple(self.ports),
            pe_types=tuple(types),
            static_w=static_w,
            host=host,
            os_model=os_model,
            linux_cfs=linux_cfs,
            linux_cfs_sources=linux_cfs_sources,
        )
        try:
            parse_composition(platform, platform.default_composition)
        except PlatformError as error:
            raise root.fail("composition", str(error)) from error
        self.probe(platform)
        return platform

    def section(self, path: KeyPath, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Section:
        return Section(self.file, path, self.file.at(path), required, optional)

    def source(self, section: Section) -> str:
        text = section.text("source")
        head = re.split(r"[\s,:;]", text, maxsplit=1)[0]
        if head != "estimate" and head not in self.sources:
            known = ", ".join(self.sources) or "none"
            raise section.fail(
                "source", f"starts with the name of one of [sources] ({known}) or with the word estimate, got {text!r}"
            )
        self.used_sources.add(head)
        return text

    def unit(self, section: Section) -> str:
        unit = section.text("unit")
        if any(part not in _UNIT_PARTS for part in unit.split("/")):
            units = ", ".join(_UNIT_PARTS)
            raise section.fail("unit", f"unknown unit {unit!r}; a unit is one of {units}, or two of them with a /")
        return unit

    def check_name(self, path: KeyPath, name: str) -> None:
        if name in self.figures:
            raise self.fail(path, f"the name {name} is taken by another figure")
        for api in APIS.values():
            if name in api.names:
                raise self.fail(path, f"the name {name} is a dimension or attribute of {api.name}")

    def add(self, section: Section, name: str, value: Fraction, unit: str) -> None:
        self.check_name(section.path, name)
        self.figures[name] = Figure(value, unit, self.source(section))

    def own_figures(self, section: Section, path: KeyPath) -> dict[str, Figure]:
        """What the expressions of one PE type's calls may use besides the platform's figures."""
        figures: dict[str, Figure] = {}
        if "clock" in section:
            clock = section.text("clock")
            clocks = [name.removesuffix("_mhz") for name, figure in self.figures.items() if figure.unit == "MHz"]
            if clock not in clocks:
                raise section.fail("clock", f"no clock {clock!r}; the clocks are {', '.join(clocks)}")
            self.check_name((*path, "clock"), "mhz")
            figures["mhz"] = self.figures[f"{clock}_mhz"]
        for name in section.table("constants"):
            key = (*path, "constants", name)
            self.check_name(key, name)
            if name in figures:
                raise self.fail(key, "the name mhz is the type's clock")
            table = self.section(key, ("value", "unit", "source"))
            figures[name] = Figure(table.positive("value"), self.unit(table), self.source(table))
        return figures

    def pe_type(self, path: KeyPath) -> PeType:
        section = self.section(
            path,
            ("name", "letter", "title", "most", "source", "call"),
            ("extends", "clock", "cores", "ports", "dma_mb_per_s", "constants", "power"),
        )
        name, letter = section.text("name"), section.text("letter")
        if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z_]|[a-z]", name):
            raise section.fail("name", f"needs lower-case letters and digits, ending in a letter, got {name!r}")
        if not re.fullmatch(r"[A-Z]([A-Z0-9]*[A-Z])?", letter):
            raise section.fail("letter", f"needs capitals (digits between them), got {letter!r}")
        most = section.integer("most", 1, 1024)
        source = self.source(section)
        ports: list[int] = []
        if "ports" in section:
            names = [port.name for port in self.ports]
            for index, port in enumerate(section.texts("ports")):
                if port not in names:
                    raise self.fail(
                        (*path, "ports", index), f"no port {port!r}; the ports are {', '.join(names) or 'none'}"
                    )
                ports.append(names.index(port))
            if len({self.ports[p].mb_per_s for p in ports}) > 1:
                raise section.fail("ports", "the ports of one PE type need one bandwidth: a call has one cost per type")
        elif "dma_mb_per_s" in section:
            raise section.fail("dma_mb_per_s", "needs `ports` beside it")
        cores = section.data["cores"] if "cores" in section else list(self.worker_cores)
        if not isinstance(cores, list) or not cores or any(type(core) is not int for core in cores):
            raise section.fail("cores", f"needs an array of core numbers, at least one, got {kind_of(cores)}")
        if len(set(cores)) != len(cores) or not set(cores) <= set(self.worker_cores):
            workers = ", ".join(map(str, self.worker_cores))
            raise section.fail("cores", f"needs different ones of the cores that workers have ({workers}), got {cores}")
        dma = section.positive("dma_mb_per_s") if "dma_mb_per_s" in section else None
        figures = self.own_figures(section, path)
        calls = [self.call(call, figures, ports, dma) for call in section.sections("call")]
        power = None
        if "power" in section:
            table = self.section((*path, "power"), ("active_w", "idle_w", "source"))
            power = Power(table.positive("active_w"), table.positive("idle_w", zero=True), self.source(table))
        title = section.text("title")
        return PeType(name, letter, title, most, tuple(ports), tuple(cores), figures, tuple(calls), power, source)

    def call(self, path: KeyPath, figures: Mapping[str, Figure], ports: list[int], dma: Fraction | None) -> CallCost:
        section = self.section(
            path, ("api", "supports", "phase"), ("let", "estimate", "estimate_ns", "arithmetic", "fraction_bits")
        )
        api = section.text("api")
        offered = tuple(name for name in APIS if name != "join")
        if api not in offered:
            raise section.fail("api", f"no API {api!r}; the APIs are {', '.join(offered)}")
        names: dict[str, Kind] = {**dict.fromkeys((*self.figures, *figures), "number"), **APIS[api].names}
        let: list[tuple[str, Expression]] = []
        for name in section.table("let"):
            key = (*path, "let", name)
            if name in names:
                raise self.fail(key, f"the name {name} is taken; the names there are: {', '.join(sorted(names))}")
            let.append((name, self.expression(key, section.data["let"][name], names)))
            names[name] = "number"
        supports = parse_expression(section.text("supports"), names, "truth", section.where("supports"))
        if ("estimate" in section) == ("estimate_ns" in section):
            raise section.fail("estimate", 'give either estimate = "cost" or estimate_ns = "expression"')
        estimate = None
        if "estimate_ns" in section:
            estimate = self.expression((*path, "estimate_ns"), section.data["estimate_ns"], names)
        elif section.text("estimate") != "cost":
            raise section.fail("estimate", f'is "cost" (or give estimate_ns), got {section.text("estimate")!r}')
        phases = tuple(self.phase(phase, names, ports, dma) for phase in section.sections("phase"))
        used = set().union(supports.names, estimate.names if estimate else (), *(p.amount.names for p in phases))
        used = used.union(*(expression.names for _, expression in let))
        if unused := [name for name, _ in let if name not in used]:
            raise self.fail((*path, "let", unused[0]), "no expression uses this name; remove it")
        arithmetic = self.arithmetic(section, api)
        return CallCost(api, supports, tuple(let), estimate, phases, self.file.where(path), arithmetic)

    def arithmetic(self, section: Section, api: str) -> Arithmetic:
        if "arithmetic" not in section:
            if "fraction_bits" in section:
                raise section.fail("fraction_bits", f"needs `arithmetic` beside it: {' or '.join(WORD_BITS)}")
            return Arithmetic()
        name = section.text("arithmetic")
        if name not in ARITHMETICS:
            known = ", ".join(ARITHMETICS)
            raise section.fail("arithmetic", f"is one of {known}, or left out: the call's own; got {name!r}")
        if api not in ARITHMETIC_APIS:
            known = ", ".join(ARITHMETIC_APIS)
            raise section.fail("arithmetic", f"is for {known}; a {api} computes in its own element type")
        if "fraction_bits" not in section:
            return Arithmetic(name)
        if name not in WORD_BITS:
            raise section.fail("fraction_bits", f"is for {' and '.join(WORD_BITS)}, not for {name}")
        return Arithmetic(name, section.integer("fraction_bits", 0, WORD_BITS[name] - 1))

    def phase(self, path: KeyPath, names: Mapping[str, Kind], ports: list[int], dma: Fraction | None) -> Phase:
        section = self.section(path, ("on", "source"), ("ns", "bytes", "poll"))
        on, source, poll = section.text("on"), self.source(section), section.truth("poll", False)
        port, known = -1, [p.name for p in self.ports]
        if on == "port" or on.startswith("port:"):
            resource = PORT
            if on == "port":
                if not ports:
                    raise section.fail("on", "this PE type has no `ports`; write port:NAME, or give it ports")
                port, rate = OWN_PORT, self.ports[ports[0]].mb_per_s
            elif (name := on.removeprefix("port:")) in known:
                port = known.index(name)
                rate = self.ports[port].mb_per_s
            else:
                raise section.fail("on", f"no port {name!r}; the ports are {', '.join(known) or 'none'}")
            rate = min(rate, dma) if dma is not None else rate
        elif on in ("core", "pe"):
            resource, rate = (CORE if on == "core" else PE), Fraction(0)
        else:
            raise section.fail("on", f"is core, pe, port or port:NAME, got {on!r}")
        if poll and resource == CORE:
            raise section.fail("poll", "a phase on the core holds the core; poll is for phases on a port or the PE")
        if ("ns" in section) == ("bytes" in section):
            raise section.fail("ns", "give either ns or, on a port, bytes")
        if "bytes" in section and resource != PORT:
            raise section.fail("bytes", f"only a port moves bytes, this phase is on {on}; give ns")
        key = "bytes" if "bytes" in section else "ns"
        amount = self.expression((*path, key), section.data[key], names)
        return Phase(resource, port, amount, 1000 / rate if key == "bytes" else Fraction(1), poll, source)

    def expression(self, path: KeyPath, text: object, names: Mapping[str, Kind]) -> Expression:
        """An expression that is a number; a plain number above 0 will do."""
        where = self.file.where(path)
        if isinstance(text, bool) or not isinstance(text, str):
            number = Section(self.file, path[:-1], {str(path[-1]): text}, (str(path[-1]),)).positive(str(path[-1]))
            return Expression(str(text), where, "number", frozenset(), lambda values: number)
        expression = parse_expression(text, names, "number", where)
        if expression.is_constant and expression.number({}) <= 0:
            raise PlatformError(f"{where}: needs a value above 0, {text!r} is {expression.number({})}")
        return expression

    def probe(self, platform: Platform) -> None:
        """Evaluate every entry on calls of many sizes, so that a cost of zero shows now and not in a run."""
        for type_index, pe_type in enumerate(platform.pe_types):
            taken: set[str] = set()
            for index, call in enumerate(pe_type.calls):
                path: KeyPath = ("pe", type_index, "call", index)
                costs = [c for p in probes(call.api) if (c := _evaluate(platform, pe_type, call, p)) is not None]
                if call.arithmetic.name:
                    others = [dtype for dtype in APIS[call.api].dtypes if dtype not in ARITHMETIC_DTYPES]
                    for probe in (replace(p, dtype=dtype) for p in probes(call.api) for dtype in others):
                        _evaluate(platform, pe_type, call, probe)
                if not costs:
                    continue
                for number, phase in enumerate(call.phases):
                    if not any(cost.phases_ns[number] for cost in costs):
                        raise PlatformError(f"{phase.amount.where}: costs nothing: {phase.amount.text!r} is 0")
                if call.supports.is_constant and call.api in taken:
                    raise self.fail((*path, "supports"), f"never reached: an entry above takes every {call.api}")
                if call.supports.is_constant:
                    taken.add(call.api)


def _content_hash(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# ----------------------------------------------------------------------------------------------------- compositions


def parse_composition(platform: Platform, text: str) -> Composition:
    """Counts of PEs: `C3+F1+C2D1+Z1` or `C3F1C2D1Z1`, in any order; a letter with 0 is as good as left out.

    Raises PlatformError for a letter that this platform or all lack (with those there are), a letter given twice, a
    missing or too large count, no PE at all.
    """

    def refuse(what: str) -> PlatformError:
        letters = ", ".join(f"{t.letter} ({t.name}, up to {t.most})" for t in platform.pe_types)
        others = {letter: name for letter, name in _shipped_letters().items() if letter not in platform.letters}
        pairs, end = _letters_and_counts(text, {**others, **platform.letters})
        lacking = [f"{letter} ({others[letter]})" for letter, _ in pairs if letter in others]
        if lacking and end == len(text):
            what = f"this board has no {', no '.join(dict.fromkeys(lacking))}"
        return PlatformError(
            f"composition {text!r}: {what}; platform {platform.name} has {letters}, "
            f"as in {platform.default_composition}"
        )

    types = {t.letter: t for t in platform.pe_types}
    counts: dict[str, int] = {}
    pairs, end = _letters_and_counts(text, types)
    for letter, digits in pairs:
        if not digits:
            raise refuse(f"{letter} needs a count")
        if types[letter].name in counts:
            raise refuse(f"{letter} is given twice")
        if len(digits) > 4 or int(digits) > types[letter].most:
            raise refuse(f"at most {types[letter].most} {letter}, got {digits[:20]}")
        counts[types[letter].name] = int(digits)
    if end < len(text) or not pairs or text.endswith("+"):
        rest = text[end:].removeprefix("+" if pairs else "")
        raise refuse(f"no PE type at {rest[:10]!r}" if rest else "a PE type is missing at its end")
    if not any(counts.values()):
        raise refuse("no PE at all")
    pes = [
        Pe(f"{t.name}{k + 1}", index, k + 1, t.ports[k % len(t.ports)] if t.ports else -1)
        for index, t in enumerate(platform.pe_types)
        for k in range(counts.get(t.name, 0))
    ]
    canonical = "+".join(f"{t.letter}{counts[t.name]}" for t in platform.pe_types if counts.get(t.name))
    return Composition(canonical, tuple(counts.get(t.name, 0) for t in platform.pe_types), tuple(pes))


def _letters_and_counts(text: str, letters: Collection[str]) -> tuple[list[tuple[str, str]], int]:
    """(letter, digits) from the front, the longest letter first, as far as it goes, and where that is."""
    one = re.compile(f"({'|'.join(sorted(letters, key=len, reverse=True))})([0-9]*)")
    pairs: list[tuple[str, str]] = []
    end = 0
    while found := one.match(text, end + (bool(pairs) and text.startswith("+", end))):
        pairs.append((found[1], found[2]))
        end = found.end()
    return pairs, end


def _shipped_letters() -> dict[str, str]:
    """Letter -> PE type, of all platforms that ship."""
    files = [tomllib.loads((PLATFORMS_DIR / f"{name}.toml").read_text("utf-8")) for name in platform_names()]
    return {pe["letter"]: pe["name"] for file in files for pe in file.get("pe", ()) if "letter" in pe}


# ------------------------------------------------------------------------------------------------------------ costs


@dataclass(frozen=True)
class _Cost:
    estimate_ns: int
    cost_ns: int
    phases_ns: tuple[int, ...]


def _call_text(call: CallClass) -> str:
    dims = " ".join(f"{name}={extent}" for name, extent in call.dims.items())
    attributes = " ".join(f"{name}={value}" for name, value in call.attributes.items() if value not in (False, ""))
    return " ".join(part for part in (call.label, call.api, call.dtype, attributes, dims) if part)


def _evaluate(platform: Platform, pe_type: PeType, cost: CallCost, call: CallClass) -> _Cost | None:
    """One class on one entry; None where the entry does not cover it. Raises PlatformError for a cost of 0 or less."""
    values: dict[str, Value] = call.values()
    for figures in (platform.figures, pe_type.figures):
        values |= {name: figure.value for name, figure in figures.items()}
    for name, expression in cost.let:
        values[name] = expression.number(values)
    if not cost.supports.truth(values):
        return None
    if cost.arithmetic.name and call.dtype not in ARITHMETIC_DTYPES:
        known = ", ".join(ARITHMETIC_DTYPES)
        raise PlatformError(
            f"{cost.supports.where}: covers {_call_text(call)}; arithmetic {cost.arithmetic.name} is for {known}: add a "
            "condition on dtype"
        )
    phases_ns: list[int] = []
    for phase in cost.phases:
        amount = phase.amount.number(values)
        if amount < 0 or amount > MAX_COST_NS:
            raise PlatformError(f"{phase.amount.where}: needs 0 to 2^60, is {ceil(amount)} for {_call_text(call)}")
        phases_ns.append(ceil(amount * phase.ns_per_unit))
    total = sum(phases_ns)
    estimate = total if cost.estimate is None else cost.estimate.ceiling(values)
    for what, where, ns in (
        ("cost", cost.where, total),
        ("estimate", cost.estimate.where if cost.estimate else cost.where, estimate),
    ):
        if not 0 < ns <= MAX_COST_NS:
            raise PlatformError(f"{where}: the {what} needs 1 ns to 2^60 ns, is {ns} for {_call_text(call)}")
    return _Cost(estimate, total, tuple(phases_ns))


def class_costs(platform: Platform, classes: Sequence[CallClass]) -> ClassCosts:
    """Evaluate every class on every PE type: the first entry of a type that covers the class counts.

    Raises CallClassError for a class that the API table does not allow, PlatformError for a cost of 0 or less.
    """
    shape = (len(classes), len(platform.pe_types))
    estimates, costs = np.full(shape, -1, np.int64), np.full(shape, -1, np.int64)
    arithmetic = np.zeros(shape, np.uint32)
    indptr = np.zeros(shape[0] * shape[1] + 1, np.int64)
    rows: list[tuple[int, int, int, bool]] = []
    known: dict[str, list[tuple[_Cost, CallCost] | None]] = {}
    for index, call in enumerate(classes):
        call.check(f"class {index}")
        key = json.dumps([call.api, call.dtype, dict(call.dims), dict(call.attributes)], sort_keys=True)
        if key not in known:
            known[key] = [_on_type(platform, pe_type, call) for pe_type in platform.pe_types]
        for type_index, entry in enumerate(known[key]):
            if entry is not None:
                cost, source = entry
                estimates[index, type_index], costs[index, type_index] = cost.estimate_ns, cost.cost_ns
                arithmetic[index, type_index] = source.arithmetic.word
                for phase, ns in zip(source.phases, cost.phases_ns, strict=True):
                    rows.append((phase.resource, phase.port, ns, phase.poll))
            indptr[index * shape[1] + type_index + 1] = len(rows)
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return ClassCosts(
        platform=platform,
        classes=tuple(classes),
        estimate_ns=estimates,
        cost_ns=costs,
        is_join=np.array([call.api == "join" for call in classes], np.bool_),
        arithmetic=arithmetic,
        phase_indptr=indptr,
        phase_resource=np.array(columns[0], np.int8),
        phase_port=np.array(columns[1], np.int32),
        phase_ns=np.array(columns[2], np.int64),
        phase_poll=np.array(columns[3], np.bool_),
    )


def _on_type(platform: Platform, pe_type: PeType, call: CallClass) -> tuple[_Cost, CallCost] | None:
    for entry in pe_type.calls:
        if entry.api == call.api and (cost := _evaluate(platform, pe_type, entry, call)) is not None:
            return cost, entry
    return None
