"""docs/platform.md: the keys of a platform file, and every figure of the platforms that ship, from the loaded files."""

from __future__ import annotations

from fractions import Fraction

from cedr.target.linux_cfs import FIGURES
from cedr.target.platform import (
    CORE,
    OWN_PORT,
    PORT,
    CallCost,
    PeType,
    Phase,
    Platform,
    load_platform,
    platform_names,
    summary_of,
)
from cedr.tools.docs.markdown import code, page, table

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "at the top": (
        ("format", "version of this format: 1"),
        ("name", "lower-case letters, digits, `_` and `-`"),
        ("title", "a line for people"),
        ("composition", "the default composition, as `--hw` takes it"),
        ("sources", "table: key = where figures come from. Every key is used"),
        ("extends", "optional: the platform or file that this one begins as; see below"),
        ("os_model", "optional: `ideal` (the default) or `linux-cfs`, for runs that ask for neither"),
        ("linux_cfs", "optional table: the figures of `linux-cfs`, see [os_models.md](os_models.md)"),
    ),
    "`[clocks.NAME]`": (("mhz", "expressions may use it as `NAME_mhz`"), ("source", "")),
    "`[memory]`": (("mb_per_s", "in expressions `memory_mb_per_s`"), ("source", "")),
    "`[ports.NAME]` (optional)": (("mb_per_s", "a DMA port; in expressions `NAME_mb_per_s`"), ("source", "")),
    "`[constants.NAME]` (optional)": (
        ("value", "a number above 0; in expressions `NAME`"),
        ("unit", "as `ns/call`, `byte/ns`"),
        ("source", ""),
    ),
    "`[cores]`": (
        ("count", "cores of the processor"),
        ("workers", "array: the cores that workers run on"),
        ("source", ""),
    ),
    "`[host]` (optional)": (
        ("flops_per_ns", "operations of an application's own threads, where a record gives work and not time"),
        ("bytes_per_ns", "bytes it moves meanwhile; the longer of the two counts"),
        ("source", ""),
    ),
    "`[host.measured]` (optional)": (
        ("scale", "nanoseconds here of one that was measured where the application was recorded; `--host-scale`"),
        ("source", ""),
    ),
    "`[power]` (optional)": (
        ("static_w", "watts of the board whatever runs, beside those of its PEs"),
        ("source", ""),
    ),
    "`[[pe]]`, one per type, in the order of lists of PEs": (
        ("name", "PEs are called after it: `cpu1`, `cpu2`"),
        ("letter", "in compositions: `C`, `C2D`"),
        ("title", "a line for people"),
        ("extends", 'optional: the type of PE that this one begins as, `"zcu102:cpu"`; see below'),
        ("most", "how many a composition may have"),
        ("clock", "optional: one of the clocks; expressions of its calls may use it as `mhz`"),
        ("cores", "optional array: those of `workers` that workers of the type have, in turn; all, if it is not given"),
        ("ports", "optional array: the k-th PE of the type uses the k-th of them, around and around"),
        ("dma_mb_per_s", "optional, beside `ports`: what the PE's DMA can do at most"),
        ("source", ""),
        ("power", "optional table: `active_w` while a call runs on it, `idle_w` while none does, `source`"),
    ),
    "`[pe.constants.NAME]` (optional)": (
        ("value", "a number above 0; in the expressions of this type's calls, and there alone, `NAME`"),
        ("unit", "as `ns/call`, `byte/ns`"),
        ("source", ""),
    ),
    "`[[pe.call]]`, one per API or part of it; the first that covers a call counts": (
        ("api", "a name of [api.md](api.md), `join` apart"),
        ("supports", "a condition: which calls it covers. A call that no entry covers is not offered to the type"),
        ("let", "optional table: names for parts of expressions, each may use those above it"),
        ("estimate", '`"cost"`: schedulers see the cost itself'),
        ("estimate_ns", "instead of `estimate`: an expression that schedulers see"),
        (
            "arithmetic",
            "optional: `f16`, `int16` or `int8`, as [values.md](values.md) says; else the call's own element type",
        ),
        ("fraction_bits", "optional, with an integer `arithmetic`: fixed point; else block floating point"),
    ),
    "`[[pe.call.phase]]`, one after the other; together they are the cost": (
        ("on", "`core` (of the PE's worker), `port` (the PE's own), `port:NAME`, or `pe`"),
        ("ns", "nanoseconds: an expression or a number"),
        ("bytes", "instead of `ns`, on a port: bytes to move"),
        ("poll", "optional, not on a core: true where the worker polls meanwhile and holds its core"),
        ("source", ""),
    ),
}
"""Section -> (key, meaning) in the order of the file. `source` always is as the page's introduction says."""

_INTRODUCTION = """\
A platform is a TOML file: what a board has, and what each call costs on it. `--platform` takes the name of one that ships
or the path of a file; `cedr platforms validate FILE` checks one. An unknown key, a missing one, a figure without a source
or a cost of zero is refused with file, line and key.

Every figure has a `source`: the name of one of `[sources]` first, or the word `estimate`, then what there is to say. An
estimate is a number that nobody has published for this hardware; the text says what it was made from.

An *expression* is arithmetic over the call's dimensions and attributes ([api.md](api.md)), `dtype`, `element_bytes`, and
the file's figures: `+ - * / // %`, comparisons, `and or not in`, `A if CONDITION else B`, `min max abs ceil floor log2
is_power_of_two`. It is computed in exact fractions and rounded up to whole nanoseconds once, at the end. 1 MB/s is 0.001
byte/ns.

A file may *extend* another: `extends = "zcu102"` (or a file, relative to this one: `"./board.toml"`). It says `format`,
`name` and `title` itself; what it does not give is the other's. Tables are taken together key by key, but a figure (a
table with a `source`), a value and an array, `[[pe]]` among them, are replaced as a whole. A type of PE may extend one of
another file in the same way: `extends = "zcu102:cpu"` in `[[pe]]` takes its calls, constants and the sources that they
speak of; other constants make other cores of them. The hash is that of the whole, so it changes with what is extended."""


def platform_page() -> str:
    """The whole page."""
    keys = [f"### {title}\n\n" + table(("key", "what"), _key_rows(rows)) for title, rows in KEYS.items()]
    return page(
        "Platforms",
        "`target/platforms/*.toml`, as loaded",
        _INTRODUCTION,
        "## Keys of a platform file",
        *keys,
        *(part for name in platform_names() for part in _platform(load_platform(name))),
    )


def _key_rows(rows: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(code(key), meaning or "where the figures beside it come from") for key, meaning in rows]


def _platform(platform: Platform) -> list[str]:
    cores = ", ".join(map(str, platform.worker_cores))
    figures = [
        (code(name), number(figure.value), figure.unit, figure.source) for name, figure in platform.figures.items()
    ]
    types = [
        (code(t.letter), code(t.name), str(t.most), " ".join(t.apis), _ports(platform, t), _cores(t), t.title, t.source)
        for t in platform.pe_types
    ]
    return [
        f"## `{platform.name}`",
        f"{platform.title}. Default composition `{platform.default_composition}`; {platform.cores} cores, workers on "
        f"{cores}.{_power(platform)}",
        table(("source", "what"), [(code(key), text) for key, text in platform.sources.items()]),
        "### Figures",
        table(("name", "value", "unit", "source"), figures),
        "### PE types",
        table(("letter", "name", "most", "APIs", "ports", "cores", "what", "source"), types),
        *_own_figures(platform),
        *filter(None, [_host(platform)]),
        *_power_table(platform),
        *_linux_cfs(platform),
        *(_call(platform, pe_type, call) for pe_type in platform.pe_types for call in pe_type.calls),
    ]


def _power(platform: Platform) -> str:
    missing = [t.name for t in platform.pe_types if t.power is None]
    return f" No power figures for {', '.join(missing)}: with one of them `energy_j` is null." if missing else ""


def _own_figures(platform: Platform) -> list[str]:
    rows = [
        (code(t.name), code(name), number(figure.value), figure.unit, figure.source)
        for t in platform.pe_types
        for name, figure in t.figures.items()
    ]
    return ["#### Figures of one type", table(("type", "name", "value", "unit", "source"), rows)] if rows else []


def _host(platform: Platform) -> str:
    host = platform.host
    if host is None:
        return ""
    rates = f"{number(host.flops_per_ns)} flop/ns and {number(host.bytes_per_ns)} byte/ns"
    text = f"Work of an application's own threads: {rates}, whichever takes longer ({host.source})."
    if host.measured_scale is not None:
        text += f" Where its time was measured, {number(host.measured_scale)} times that ({host.measured_source})."
    return text


def _linux_cfs(platform: Platform) -> list[str]:
    """What a run under `linux-cfs` rests on."""
    model = platform.linux_cfs
    if model is None:
        return ["### `linux-cfs`", "No figures: it can't be run under it."]
    found = summary_of(platform)
    said = f"{found.linux_cfs_estimates} of its {found.linux_cfs_figures} figures are estimates"
    if not any(source.startswith("fitted") for source in platform.linux_cfs_sources.values()):
        said += "; none was fitted to runs of CEDR on this board, so that times under `linux-cfs` are a guess"
    rows = []
    for key, source in platform.linux_cfs_sources.items():
        if key in model.figures:
            unit, scale = FIGURES[key]
            value = f"{number(Fraction(model.figures[key], scale))} {unit}"
        elif key == "application_cores":
            value = " ".join(map(str, model.application_cores))
        else:
            one = model.decisions[key.removeprefix("decision.")]
            value = f"{number(Fraction(one.task_ns, 1000))} us a task, {number(one.pair_ns / 1000)} us a pair"
        rows.append((code(key), value, source))
    return ["### `linux-cfs`", f"{said}.", table(("key", "value", "source"), rows)]


def _power_table(platform: Platform) -> list[str]:
    static = platform.static_w
    rows = [("the board, always", number(static.value), number(static.value), static.source)] if static else []
    rows += [
        (code(t.name), number(t.power.active_w), number(t.power.idle_w), t.power.source)
        for t in platform.pe_types
        if t.power is not None
    ]
    return ["### Power", table(("of", "active, W", "idle, W", "source"), rows)] if rows else []


def _ports(platform: Platform, pe_type: PeType) -> str:
    return " ".join(platform.ports[port].name for port in pe_type.ports)


def _cores(pe_type: PeType) -> str:
    return " ".join(map(str, pe_type.cores))


def _call(platform: Platform, pe_type: PeType, call: CallCost) -> str:
    covers = "every call" if call.supports.text == "true" else code(call.supports.text)
    sees = "the cost" if call.estimate is None else code(call.estimate.text)
    lets = [(code(name), code(expression.text)) for name, expression in call.let]
    phases = [(_resource(platform, phase), _amount(phase), phase.source) for phase in call.phases]
    parts = [
        f"#### `{call.api}` on `{pe_type.name}`",
        f"Covers {covers}. Schedulers see {sees}. Computes in {call.arithmetic}.",
        table(("let", "expression"), lets),
        table(("phase on", "takes", "source"), phases),
    ]
    return "\n\n".join(part for part in parts if part)


def _resource(platform: Platform, phase: Phase) -> str:
    if phase.resource == PORT:
        where = "own port" if phase.port == OWN_PORT else f"port {platform.ports[phase.port].name}"
    else:
        where = "core" if phase.resource == CORE else "PE"
    return where + (", polled" if phase.poll else "")


def _amount(phase: Phase) -> str:
    if phase.resource != PORT or phase.ns_per_unit == 1:
        return f"{code(phase.amount.text)} ns"
    return f"{code(phase.amount.text)} bytes at {number(1000 / phase.ns_per_unit)} MB/s"


def number(value: Fraction) -> str:
    """A fraction as a decimal, exactly where it has one."""
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):,.10g}"
