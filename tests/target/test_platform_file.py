"""Platform files: each key read, and refused with file, line and key where it is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from cedr.target.api import APIS, CallClass
from cedr.target.arithmetic import Arithmetic
from cedr.target.errors import CedrError
from cedr.target.platform import (
    CORE,
    OWN_PORT,
    PE,
    PORT,
    Platform,
    PlatformError,
    class_costs,
    load_platform,
    parse_composition,
    platform_names,
    platform_summaries,
    read_platform,
    summary_of,
)
from cedr.target.probes import conv2d_class, probes
from cedr.target.toml_file import TomlError, TomlFile

SMALL = """\
format = 1
name = "small"
title = "a board for tests"
composition = "C2+F1"
[sources]
paper = "a paper"
[clocks.a53]
mhz = 1000
source = "paper: a clock"
[cores]
count = 2
workers = [0, 1]
source = "paper"
[memory]
mb_per_s = 8_000
source = "estimate"
[ports.hp0]
mb_per_s = 2_000
source = "paper"
[ports.hp1]
mb_per_s = 2_000
source = "paper"
[constants.rate]
value = 0.5
unit = "byte/ns"
source = "estimate: a rate"
[power]
static_w = 2
source = "estimate"
[[pe]]
name = "cpu"
letter = "C"
title = "a core"
most = 4
source = "paper"
[[pe.call]]
api = "fft"
supports = "true"
estimate = "cost"
[[pe.call.phase]]
on = "core"
ns = "5 * b * n"
source = "estimate"
[pe.power]
active_w = 0.5
idle_w = 0
source = "estimate"
[[pe]]
name = "fft"
letter = "F2D"
title = "an FFT"
most = 3
clock = "a53"
ports = ["hp0", "hp1"]
dma_mb_per_s = 1_000
source = "paper"
[pe.constants.base]
value = 24
unit = "point"
source = "estimate"
[[pe.call]]
api = "fft"
supports = "n <= limit"
estimate_ns = "limit * 2 + a53_mhz / 100"
[pe.call.let]
limit = "mhz + base"
[[pe.call.phase]]
on = "core"
ns = 100
source = "estimate"
[[pe.call.phase]]
on = "port"
bytes = "8 * b * n"
source = "paper"
[[pe.call.phase]]
on = "port:hp1"
bytes = "4 * b * n"
poll = true
source = "paper"
[[pe.call.phase]]
on = "pe"
ns = "b * n / rate"
poll = true
source = "paper"
"""
SMALL = SMALL.replace("C2+F1", "C2+F2D1")
LINES = SMALL.split("\n")


def parsed(text: str) -> Platform:
    return read_platform(TomlFile.parse(text, Path("small.toml")))


def edited(line: str, new: str | None, occurrence: int = 1) -> tuple[str, int]:
    """The small platform with the k-th line that starts so replaced (None: left out), and the line's number."""
    numbers = [number for number, text in enumerate(LINES) if text.startswith(line)]
    number = numbers[occurrence - 1]
    changed = [*LINES[:number], *([] if new is None else [new]), *LINES[number + 1 :]]
    return "\n".join(changed), number + 1


def test_the_small_platform() -> None:
    platform = parsed(SMALL)
    assert platform.name == "small" and platform.letters == {"C": "cpu", "F2D": "fft"}
    assert platform.figures["a53_mhz"].value == 1000 and platform.figures["rate"].value == Fraction(1, 2)
    assert platform.figures["rate"].unit == "byte/ns" and platform.figures["hp0_mb_per_s"].unit == "MB/s"
    assert platform.cores == 2 and platform.worker_cores == (0, 1)
    cpu, fft = platform.pe_types
    assert cpu.power is not None and (cpu.power.active_w, cpu.power.idle_w) == (Fraction(1, 2), Fraction(0))
    assert platform.static_w is not None and platform.static_w.value == Fraction(2) and platform.static_w.unit == "W"
    assert {name: figure.value for name, figure in fft.figures.items()} == {"mhz": 1000, "base": 24} and not cpu.figures
    assert fft.power is None and fft.ports == (0, 1) and fft.apis == ("fft",)


def test_costs_of_the_small_platform() -> None:
    platform = parsed(SMALL)
    calls = [CallClass("fft", "c64", {"b": 2, "n": n}) for n in (512, 2048)] + [CallClass("join", "i1", label="j")]
    costs = class_costs(platform, calls)
    # Bytes at the slower of port and DMA: 8 * 1024 at 1 byte/ns, 4 * 1024 at 1 byte/ns, 1024 / 0.5 on the PE.
    assert costs.phases(0, 1) == [
        (CORE, -1, 100, False),
        (PORT, OWN_PORT, 8192, False),
        (PORT, 1, 4096, True),
        (PE, -1, 2048, True),
    ]
    assert costs.cost_ns.tolist() == [[5120, 14436], [20480, -1], [-1, -1]]
    assert costs.estimate_ns.tolist() == [[5120, 2058], [20480, -1], [-1, -1]]
    assert costs.is_join.tolist() == [False, False, True]
    assert costs.phases(1, 1) == [] and costs.phases(1, 0) == [(CORE, -1, 20480, False)]
    estimate, cost = costs.by_pe(parse_composition(platform, "F2D1+C2"))
    assert cost.tolist()[0] == [5120, 5120, 14436] and estimate.tolist()[0] == [5120, 5120, 2058]


def test_sums_round_up_once_a_phase() -> None:
    text = edited('ns = "b * n / rate"', 'ns = "b * n / 3"')[0]
    costs = class_costs(parsed(text), [CallClass("fft", "c64", {"b": 1, "n": 16})])
    assert [ns for _, _, ns, _ in costs.phases(0, 1)] == [100, 128, 64, 6]


def test_the_hash_is_that_of_the_content() -> None:
    base = parsed(SMALL).hash
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert parsed("# a comment\n" + SMALL.replace("most = 4", "most  =  4 # c")).hash == base
    assert parsed(SMALL.replace("most = 4", "most = 3")).hash != base
    assert parsed(SMALL.replace("5 * b * n", "6 * b * n")).hash != base


REQUIRED = [
    (line, occurrence)
    for line in dict.fromkeys(text.split(" = ")[0] + " = " for text in LINES if " = " in text)
    for occurrence in range(1, 1 + sum(text.startswith(line) for text in LINES))
    if not line.startswith(("poll", "ports", "dma_mb_per_s", "paper", "limit", "clock"))
]


@pytest.mark.parametrize(("line", "occurrence"), REQUIRED)
def test_a_missing_key_is_refused(line: str, occurrence: int) -> None:
    text, number = edited(line, None, occurrence)
    key = line.removesuffix(" = ")
    with pytest.raises(CedrError) as caught:
        parsed(text)
    found = re.match(
        rf"small\.toml:(\d+): ([\w.\[\]]*?){key}: (missing; the keys needed here are|give either)", str(caught.value)
    )
    if key in ("estimate", "estimate_ns", "ns", "bytes"):
        found = re.match(r"small\.toml:(\d+): [\w.\[\]]*(estimate|ns): give either", str(caught.value))
    assert found is not None, str(caught.value)
    table = max(index for index, text in enumerate(LINES[:number], 1) if text.startswith("[") or index == 1)
    assert int(found[1]) == table


@pytest.mark.parametrize(
    ("line", "occurrence"),
    [
        *REQUIRED,
        ("poll = ", 1),
        ("ports = ", 1),
        ("dma_mb_per_s = ", 1),
        ("paper = ", 1),
        ("limit = ", 1),
        ("clock = ", 1),
    ],
)
@pytest.mark.parametrize("value", ["[]", "{}", "1979-05-27", "-1", "inf", "[[1]]"])
def test_a_value_of_a_wrong_kind_is_refused(line: str, occurrence: int, value: str) -> None:
    text, number = edited(line, line + value, occurrence)
    key = line.removesuffix(" = ")
    with pytest.raises(CedrError) as caught:
        parsed(text)
    assert re.match(rf"small\.toml:{number}: [\w.\[\]]*{key}(\[0\])?: ", str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("line", "new", "key", "message"),
    [
        ("format = 1", "format = 2", "format", "needs an integer from 1 to 1, got 2"),
        ('name = "small"', 'name = "Small Board"', "name", "needs lower-case letters, digits, _ and -"),
        ("composition", 'composition = "C9"', "composition", "at most 4 C, got 9"),
        ("paper", 'papers = "x"', "clocks.a53.source", r"one of \[sources\] \(papers\) or with the word estimate"),
        ("[ports.hp1]", "[ports.HP1]", "ports.HP1", "a name is lower-case letters, digits and _"),
        ("mhz", "mhz = 0", "clocks.a53.mhz", "needs a number above 0 and below 1e30, got 0"),
        ("mhz", "mhz = -2.5", "clocks.a53.mhz", "above 0 and below 1e30, got -2.5"),
        ("mhz", "mhz = nan", "clocks.a53.mhz", "above 0 and below 1e30, got NaN"),
        ("mhz", "mhz = 1e999999999", "clocks.a53.mhz", r"above 0 and below 1e30, got 1E\+999999999"),
        ("mhz", 'mhz = "1000"', "clocks.a53.mhz", "above 0 and below 1e30, got '1000'"),
        ("mhz", "mhz = true", "clocks.a53.mhz", "got true"),
        ("count", "count = 1", "cores.workers", "needs different core numbers from 0 to 0"),
        ("workers", "workers = [1, 1]", "cores.workers", "needs different core numbers from 0 to 1"),
        ("value", "value = 0", "constants.rate.value", "above 0"),
        ("unit", 'unit = "parsec"', "constants.rate.unit", "unknown unit 'parsec'; a unit is one of ns, us"),
        ("[constants.rate]", "[constants.n]", "constants.n", "the name n is a dimension or attribute of gemm"),
        ("[constants.rate]", "[constants.a53_mhz]", "constants.a53_mhz", "the name a53_mhz is taken by another figure"),
        ('letter = "C"', 'letter = "c"', "pe[0].letter", "needs capitals"),
        ('letter = "C"', 'letter = "F2D"', "pe[1].letter", "'F2D' is taken by pe\\[0\\]"),
        ('name = "cpu"', 'name = "fft"', "pe[1].name", "'fft' is taken by pe\\[0\\]"),
        ('name = "cpu"', 'name = "cpu1"', "pe[0].name", "ending in a letter"),
        ("most = 4", "most = 0", "pe[0].most", "needs an integer from 1 to 1024, got 0"),
        ("ports = ", 'ports = ["hp0", "hp9"]', "pe[1].ports[1]", "no port 'hp9'; the ports are hp0, hp1"),
        ("ports = ", "", "pe[1].dma_mb_per_s", "needs `ports` beside it"),
        ('api = "fft"', 'api = "ftt"', "pe[0].call[0].api", "no API 'ftt'; the APIs are gemm, conv2d"),
        ('api = "fft"', 'api = "join"', "pe[0].call[0].api", "no API 'join'"),
        ('supports = "n', 'supports = "n + 1"', "pe[1].call[0].supports", "is a number; a truth is wanted"),
        ('supports = "n', 'supports = "nn < 1"', "pe[1].call[0].supports", "column 1 of 'nn < 1': no name 'nn'"),
        ("estimate = ", 'estimate = "price"', "pe[0].call[0].estimate", "is \"cost\""),
        ("estimate_ns", 'estimate_ns = "0"', "pe[1].call[0].estimate_ns", "needs a value above 0"),
        ("estimate_ns", 'estimate_ns = "limit - 2000"', "pe[1].call[0].estimate_ns", "estimate needs 1 ns .*, is -976"),
        ("limit", 'n = "5"', "pe[1].call[0].let.n", "the name n is taken"),
        ("limit", 'limit = "1024"\nother = "2"', "pe[1].call[0].let.other", "no expression uses this name"),
        ('on = "core"', 'on = "cpu"', "pe[0].call[0].phase[0].on", "is core, pe, port or port:NAME, got 'cpu'"),
        ('on = "core"', 'on = "port"', "pe[0].call[0].phase[0].on", "this PE type has no `ports`"),
        ('on = "port:hp1"', 'on = "port:hp2"', "pe[1].call[0].phase[2].on", "no port 'hp2'; the ports are hp0, hp1"),
        ('on = "port:hp1"', 'on = "pe"', "pe[1].call[0].phase[2].bytes", "only a port moves bytes"),
        ('on = "pe"', 'on = "core"', "pe[1].call[0].phase[3].poll", "a phase on the core holds the core"),
        ('ns = "5', 'ns = "0"', "pe[0].call[0].phase[0].ns", "needs a value above 0, '0' is 0"),
        ('ns = "5', "ns = 0", "pe[0].call[0].phase[0].ns", "above 0"),
        ('ns = "5', 'ns = "n * 0"', "pe[0].call[0]", "the cost needs 1 ns to 2.60 ns, is 0 for"),
        ('ns = "5', 'ns = "0 - n"', "pe[0].call[0].phase[0].ns", "needs 0 to 2.60, is -1 for"),
        ('ns = "5', 'ns = "n / (n - 1)"', "pe[0].call[0].phase[0].ns", "has no value .* where n = 1"),
        ('ns = "b', 'ns = "0 * n"', "pe[1].call[0].phase[3].ns", "costs nothing: '0 [*] n' is 0"),
        ('bytes = "4', 'bytes = "0 * n"', "pe[1].call[0].phase[2].bytes", "costs nothing"),
        ("clock", 'clock = "a54"', "pe[1].clock", "no clock 'a54'; the clocks are a53"),
        ("[pe.constants.base]", "[pe.constants.mhz]", "pe[1].constants.mhz", "the name mhz is the type's clock"),
        ("[pe.constants.base]", "[pe.constants.rate]", "pe[1].constants.rate", "the name rate is taken by another figure"),
        ("[pe.constants.base]", "[pe.constants.n]", "pe[1].constants.n", "the name n is a dimension or attribute of gemm"),
        ('unit = "point"', 'unit = "points"', "pe[1].constants.base.unit", "unknown unit 'points'"),
        ('ns = "5', 'ns = "base"', "pe[0].call[0].phase[0].ns", "no name 'base'; the names there are: a53_mhz"),
        ("static_w", "static_w = 0", "power.static_w", "above 0"),
        ("active_w", "active_w = 0", "pe[0].power.active_w", "above 0"),
        ("idle_w", "idle_w = -1", "pe[0].power.idle_w", "of at least 0"),
    ],
)  # fmt: skip
def test_a_value_that_is_wrong_is_refused(line: str, new: str, key: str, message: str) -> None:
    text, _ = edited(line, new)
    number = next((index for index, got in enumerate(text.split("\n"), 1) if got == new.split("\n")[-1]), 0)
    with pytest.raises(CedrError) as caught:
        parsed(text)
    found = re.match(r"small\.toml:(\d+): ([^:]*): (.*)", str(caught.value), re.DOTALL)
    assert found is not None and found[2] == key and re.search(message, found[3]), str(caught.value)
    at = text.split("\n")[int(found[1]) - 1]
    last = re.sub(r"\[\d+\]$", "", key).rpartition(".")[2]
    assert int(found[1]) == number or at.startswith(last) or (at.startswith("[") and last in at)


TABLES = [text for text in LINES if text.startswith("[")]


@pytest.mark.parametrize("index", range(-1, len(TABLES)))
def test_an_unknown_key_is_refused_in_every_table(index: int) -> None:
    numbers = [number for number, text in enumerate(LINES) if text.startswith("[")]
    at = 0 if index < 0 else numbers[index] + 1
    text = "\n".join([*LINES[:at], "Colour = 3", *LINES[at:]])
    with pytest.raises(CedrError) as caught:
        parsed(text)
    message = str(caught.value)
    assert re.match(rf"small\.toml:{at + 1}: ([\w.\[\]]+\.)?Colour: ", message), message
    assert "the keys here are" in message or "a name is lower-case" in message or "needs a text" in message


def test_unused_sources_are_refused() -> None:
    with pytest.raises(PlatformError, match=r"small\.toml:7: sources\.book: no figure names this source; remove it"):
        parsed(SMALL.replace('paper = "a paper"', 'paper = "a paper"\nbook = "b"'))


def test_an_entry_that_is_never_reached_is_refused() -> None:
    entry = SMALL[SMALL.index("[[pe.call]]") : SMALL.index("[pe.power]")]
    with pytest.raises(PlatformError, match=r"pe\[0\]\.call\[1\]\.supports: never reached"):
        parsed(SMALL.replace("[pe.power]", entry + "[pe.power]"))


def test_ports_of_one_type_have_one_bandwidth() -> None:
    with pytest.raises(TomlError, match=r"pe\[1\]\.ports: the ports of one PE type need one bandwidth"):
        parsed(SMALL.replace("[ports.hp1]\nmb_per_s = 2_000", "[ports.hp1]\nmb_per_s = 4_000"))


def test_random_edits_are_read_or_refused_with_a_place(tmp_path: Path) -> None:
    random = Random(1)
    text = (Path(load_platform("zcu102").path)).read_text()
    accepted = 0
    for _ in range(150):
        characters = list(text)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(characters))
            characters[at : at + random.randint(0, 12)] = random.choice(
                ["", "0", "-", '"', "]", "[", "\n", "=", "x", "1e9", "{}", "true", "#", "\x00"]
            )
        try:
            read_platform(TomlFile.parse("".join(characters), Path("f.toml")))
            accepted += 1
        except CedrError as error:
            assert re.match(r"f\.toml:\d+: .", str(error)), str(error)
    assert accepted < 150


# ------------------------------------------------------------------------------------------------------ the ZCU102


def test_what_ships() -> None:
    assert "zcu102" in platform_names()
    (summary,) = [s for s in platform_summaries() if s.name == "zcu102"]
    assert summary == summary_of(load_platform("zcu102"))
    assert summary.composition == "C3+F1+C2D1+Z1"
    assert summary.pe_types == {"C": "cpu", "F": "fft", "M": "gemm", "C2D": "conv2d", "Z": "zip"}
    assert summary.most["F"] == 10 and summary.apis["C"] == "gemm conv2d conv1d fft zip kernel"
    assert 0 < summary.estimates < summary.figures + summary.phases and summary.sources > 4


def test_names_and_paths(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"no platform 'zcu104' .*; there are .*zcu102.*, or give a file"):
        load_platform("zcu104")
    with pytest.raises(PlatformError, match=r"gone\.toml: can't be read: No such file"):
        load_platform(tmp_path / "gone.toml")
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    assert load_platform(str(path)).name == "small"
    path.write_text(SMALL.replace("most = 4", "most = 3"))
    assert load_platform(path).pe_types[0].most == 3, "a changed file is read again"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zcu103", r"^no platform 'zcu103' \(did you mean 'zcu102'\?\); there are jetson_agx_xavier, .*, or give a file"),
        ("jetson", r"^no platform 'jetson' \(did you mean 'jetson_agx_xavier'\?\); there are "),
        ("mill", r"^no platform 'mill'; there are jetson_agx_xavier, odroid_xu3, zcu102"),
        ("./bord.toml", r"^platform file bord\.toml: can't be read: No such file or directory \(did you mean 'board\.toml'\?\)$"),
        ("./zcu13.toml", r"^platform file zcu13\.toml: can't be read: No such file or directory \(did you mean 'zcu102'\?\)$"),
        ("./zcu102.toml", r"No such file or directory; the platform zcu102 that ships is .*/platforms/zcu102\.toml$"),
        ("nope.toml", r"^platform file nope\.toml: can't be read: No such file or directory$"),
        ("gone/x.toml", r"^platform file gone/x\.toml: can't be read: No such file or directory$"),
        ("./folder", r"^platform file folder: can't be read: Is a directory$"),
        ("folder.toml", r"^platform file folder\.toml: can't be read: Is a directory$"),
    ],
)  # fmt: skip
def test_a_name_or_a_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("board.toml").write_text(SMALL)
    Path("folder").mkdir()
    Path("folder.toml").mkdir()
    with pytest.raises(PlatformError, match=message):
        load_platform(text)


def costs_us(*calls: CallClass, board: str = "zcu102") -> dict[str, list[float]]:
    platform = load_platform(board)
    cost = class_costs(platform, calls).cost_ns / 1000
    return {pe_type.name: cost[:, index].tolist() for index, pe_type in enumerate(platform.pe_types)}


def test_published_relations() -> None:
    """UA-RCL/CEDR 96eeda6 and its tutorial; PyTorch and CEDR, AICCSA 2023."""
    fft = costs_us(*(CallClass("fft", "c64", {"b": 1, "n": n}) for n in (128, 1024)))
    assert 86 <= fft["fft"][1] <= 95 and 15 <= fft["fft"][0] <= 18
    gemm = costs_us(CallClass("gemm", "c64", {"m": 4, "k": 64, "n": 4}))
    assert 35 <= gemm["gemm"][0] <= 40
    chunk = costs_us(CallClass("zip", "c64", {"n": 2048}, {"kind": "mul"}))
    assert 225 <= chunk["zip"][0] <= 250
    single = costs_us(*(conv2d_class(1, 1, size, size, 3) for size in (8, 16, 32, 64, 128, 224)))
    ratios = [accelerator / core for accelerator, core in zip(single["conv2d"], single["cpu"], strict=True)]
    assert all(1.8 <= ratio <= 2.05 for ratio in ratios) and 1.85 <= ratios[-1] <= 1.95
    products = CallClass("zip", "c64", {"n": 1 << 20}, {"kind": "mul"})
    transform = CallClass("fft", "c64", {"b": 1, "n": 1024})
    theirs, ours = costs_us(products, transform, board="zcu102_cedr")["cpu"], costs_us(products, transform)["cpu"]
    assert theirs[0] == pytest.approx(69_097.954, rel=1e-3) and 140 <= theirs[1] <= 189
    assert ours[0] < theirs[0] / 4 and ours[1] < theirs[1] / 1.5, "our kernels are not CEDR's"


def test_wide_calls_are_cheaper_than_single_channels_and_adds() -> None:
    for channels, filters, size in ((1, 16, 32), (16, 32, 16), (64, 64, 8), (3, 64, 224)):
        wide, single = costs_us(conv2d_class(channels, filters, size, size, 3), conv2d_class(1, 1, size, size, 3))[
            "cpu"
        ]
        (add,) = costs_us(CallClass("zip", "f32", {"n": size * size}, {"kind": "add"}))["cpu"]
        assert wide * 1.9 < channels * filters * single + (channels - 1) * filters * add


@pytest.mark.parametrize(
    ("call", "types"),
    [
        (conv2d_class(1, 1, 32, 32, 11), {"cpu", "conv2d"}),
        (conv2d_class(1, 1, 32, 32, 12), {"cpu"}),
        (conv2d_class(1, 1, 32, 32, 3, stride=2), {"cpu"}),
        (conv2d_class(1, 1, 32, 32, 3, dilation=2), {"cpu"}),
        (conv2d_class(1, 1, 32, 32, 3, dtype="f64"), {"cpu"}),
        (conv2d_class(1, 1, 8, 1918, 3), {"cpu", "conv2d"}),
        (conv2d_class(1, 1, 8, 1919, 3), {"cpu"}),
        (CallClass("fft", "c64", {"b": 1, "n": 8}), {"cpu"}),
        (CallClass("fft", "c64", {"b": 1, "n": 16}), {"cpu", "fft"}),
        (CallClass("fft", "c64", {"b": 1, "n": 2048}), {"cpu", "fft"}),
        (CallClass("fft", "c64", {"b": 1, "n": 4096}), {"cpu"}),
        (CallClass("fft", "c128", {"b": 1, "n": 64}), {"cpu"}),
        (CallClass("gemm", "c64", {"m": 4, "k": 64, "n": 4}), {"cpu", "gemm"}),
        (CallClass("gemm", "c64", {"m": 4, "k": 64, "n": 5}), {"cpu"}),
        (CallClass("gemm", "f32", {"m": 4, "k": 64, "n": 4}), {"cpu"}),
        (CallClass("zip", "f32", {"n": 5}, {"kind": "add"}), {"cpu", "zip"}),
        (CallClass("zip", "c64", {"n": 5}, {"kind": "div"}), {"cpu"}),
        (CallClass("zip", "i32", {"n": 5}, {"kind": "add"}), {"cpu"}),
    ],
)
def test_limits_of_the_accelerators(call: CallClass, types: set[str]) -> None:
    assert {name for name, (cost,) in costs_us(call).items() if cost >= 0} == types


def test_a_call_that_its_partition_does_not_hold_is_not_offered() -> None:
    """Partitions are those of the design: an FFT of 2048 points needs 32 kB of its buffer, a chunk of ZIP 48 kB."""
    text = Path(load_platform("zcu102").path).read_text()
    for value, fits in ((32, True), (33, False)):
        changed = text.replace("[pe.constants.partitions]\nvalue = 10", f"[pe.constants.partitions]\nvalue = {value}")
        assert changed != text or value == 10
        platform = read_platform(TomlFile.parse(changed, Path("zcu102.toml")))
        (cost,) = class_costs(platform, [CallClass("fft", "c64", {"b": 1, "n": 2048})]).cost_ns.tolist()
        assert (cost[1] > 0) == fits and cost[0] > 0


def test_every_part_of_a_board_has_power_and_each_phase_its_place() -> None:
    """An accelerator's worker copies on the core and polls while port and PE work; the port comes before and after."""
    for name in ("zcu102", "zcu102_10fft", "jetson_agx_xavier", "odroid_xu3"):
        platform = load_platform(name)
        assert platform.static_w is not None and platform.static_w.source.startswith("estimate")
        for pe_type in platform.pe_types:
            assert pe_type.power is not None and pe_type.power.source.startswith("estimate")
            assert 0 <= pe_type.power.idle_w < pe_type.power.active_w
            for call in pe_type.calls:
                for phase in call.phases:
                    assert phase.poll == (phase.resource != CORE), phase.amount.where
    zcu102 = load_platform("zcu102")
    order = {t.name: [p.resource for p in t.calls[0].phases] for t in zcu102.pe_types}
    assert order["fft"] == order["gemm"] == order["zip"] == [CORE, CORE, PORT, PE, PORT, CORE]
    assert order["conv2d"] == [CORE, CORE, PORT, PE, CORE, CORE]  # results stream out while pixels stream in


def test_every_probe_has_a_place_and_a_cost() -> None:
    platform = load_platform("zcu102")
    for api in APIS:
        costs = class_costs(platform, probes(api))
        if api != "join":
            assert (costs.cost_ns[:, 0] > 0).all()
        assert ((costs.cost_ns > 0) == (costs.estimate_ns > 0)).all()
        for row in range(len(probes(api))):
            for column in range(len(platform.pe_types)):
                phases = costs.phases(row, column)
                assert sum(ns for _, _, ns, _ in phases) == max(0, int(costs.cost_ns[row, column]))


def test_classes_that_the_table_does_not_allow_are_refused() -> None:
    with pytest.raises(CedrError, match="class 0: class 'x': fft demands that n is a power of two"):
        class_costs(load_platform("zcu102"), [CallClass("fft", "c64", {"b": 1, "n": 12}, {}, "x")])


# ---------------------------------------------------------------------------------------------------- compositions


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("C3+F1+C2D1+Z1", "C3+F1+C2D1+Z1"),
        ("C3F1C2D1Z1", "C3+F1+C2D1+Z1"),
        ("Z1+C2D1+F1+C3", "C3+F1+C2D1+Z1"),
        ("C2D1C3", "C3+C2D1"),
        ("C3", "C3"),
        ("C03", "C3"),
        ("C3+F0+M0+Z0", "C3"),
        ("F10M2", "F10+M2"),
    ],
)
def test_compositions(text: str, canonical: str) -> None:
    platform = load_platform("zcu102")
    composition = parse_composition(platform, text)
    assert composition.text == canonical and parse_composition(platform, canonical) == composition
    assert len(composition.pes) == sum(composition.counts)
    assert composition.pe_types.tolist() == sorted(composition.pe_types.tolist())


def test_the_pes_of_a_composition() -> None:
    platform = load_platform("zcu102")
    composition = parse_composition(platform, "C2+F3+M2+C2D1+Z1")
    assert composition.pe_names == ("cpu1", "cpu2", "fft1", "fft2", "fft3", "gemm1", "gemm2", "conv2d1", "zip1")
    ports = [platform.ports[port].name if port >= 0 else None for port in composition.pe_ports.tolist()]
    assert ports == [None, None, "hp0", "hp1", "hp0", "hp2", "hp3", "hp0", "hp1"]


def test_types_of_other_boards_are_said_to_be_lacking() -> None:
    """C2D1 is no second C where there is no C2D; all that is lacking is named, and what the board has."""
    for name, message in (
        (
            "zcu102_10fft",
            "this board has no C2D (conv2d); platform zcu102_10fft has C (cpu, up to 3), F (fft, up to 10), M",
        ),
        (
            "jetson_agx_xavier",
            "this board has no F (fft), no C2D (conv2d), no Z (zip); platform jetson_agx_xavier has C",
        ),
        (
            "odroid_xu3",
            "this board has no C (cpu), no F (fft), no C2D (conv2d), no Z (zip); platform odroid_xu3 has B (big",
        ),
    ):
        for text in ("C3+F1+C2D1+Z1", "C3F1C2D1Z1"):
            with pytest.raises(PlatformError, match=re.escape(f"composition {text!r}: {message}")):
                parse_composition(load_platform(name), text)


def test_a_board_s_own_letters_come_first() -> None:
    board = load_platform("zcu102")
    cpu, fft, *_ = board.pe_types
    own = replace(board, pe_types=(cpu, replace(fft, letter="D")))
    assert parse_composition(own, "C2D1").counts == (2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a PE type is missing at its end"),
        ("C3+", "a PE type is missing at its end"),
        ("+C3", "no PE type at '[+]C3'"),
        ("C3++F1", "no PE type at '[+]F1'"),
        ("C3 F1", "no PE type at ' F1'"),
        ("X2", "no PE type at 'X2'"),
        ("c3", "no PE type at 'c3'"),
        ("G1", r"this board has no G \(gpu\); platform zcu102 has"),
        ("B2C1L0B1", r"this board has no B \(big\), no L \(little\); "),
        ("B2+X1", "no PE type at 'B2[+]X1'"),
        ("C", "C needs a count"),
        ("C2D", "C2D needs a count"),
        ("C3F", "F needs a count"),
        ("C1C1", "C is given twice"),
        ("C4", "at most 3 C, got 4"),
        ("C99999999999999999999", "at most 3 C, got 9"),
        ("C0", "no PE at all"),
        ("C-1", "C needs a count"),
    ],
)
def test_refused_compositions(text: str, message: str) -> None:
    with pytest.raises(PlatformError, match=f"composition {re.escape(repr(text))}: {message}") as caught:
        parse_composition(load_platform("zcu102"), text)
    assert "C (cpu, up to 3), F (fft, up to 10), M (gemm, up to 2), C2D (conv2d, up to 1), Z" in str(caught.value)


FFT = 'estimate_ns = "limit * 2 + a53_mhz / 100"'


def with_arithmetic(text: str) -> Platform:
    return parsed(
        SMALL.replace(FFT, f"{FFT}\n{text}").replace('supports = "n <= limit"', """supports = "dtype == 'c64'\"""")
    )


@pytest.mark.parametrize(
    ("text", "wanted", "word"),
    [
        ("", Arithmetic(), 0),
        ('arithmetic = "f16"', Arithmetic("f16"), 1),
        ('arithmetic = "int16"', Arithmetic("int16"), 2 | 16 << 8),
        ('arithmetic = "int8"\nfraction_bits = 0', Arithmetic("int8", 0), 3 | 8 << 8),
        ('arithmetic = "int16"\nfraction_bits = 15', Arithmetic("int16", 15), 3 | 16 << 8 | 15 << 16),
    ],
)
def test_an_entry_names_its_arithmetic(text: str, wanted: Arithmetic, word: int) -> None:
    platform = with_arithmetic(text)
    assert platform.pe_types[1].calls[0].arithmetic == wanted
    costs = class_costs(platform, [CallClass("fft", "c64", {"b": 1, "n": 64}, {"inverse": False})])
    assert costs.arithmetic.tolist() == [[0, word]]
    assert Arithmetic.from_word(word) == wanted


@pytest.mark.parametrize("word", [4, 5, 1 | 16 << 8, 2 | 12 << 8, 2, 3, 3 | 16 << 8 | 16 << 16, 1 << 31, 256])
def test_a_word_that_is_no_arithmetic(word: int) -> None:
    assert Arithmetic.from_word(word) is None


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ('arithmetic = "int12"', "arithmetic", "is one of f16, int16, int8, or left out: the call's own; got 'int12'"),
        ("arithmetic = 16", "arithmetic", "needs a text, got 16"),
        ("fraction_bits = 8", "fraction_bits", "needs `arithmetic` beside it: int16 or int8"),
        ('arithmetic = "f16"\nfraction_bits = 8', "fraction_bits", "is for int16 and int8, not for f16"),
        ('arithmetic = "int8"\nfraction_bits = 8', "fraction_bits", "needs an integer from 0 to 7, got 8"),
        ('arithmetic = "int8"\nfraction_bits = "block"', "fraction_bits", "needs an integer from 0 to 7, got 'block'"),
    ],
)
def test_an_arithmetic_that_there_is_not_is_refused(text: str, key: str, message: str) -> None:
    with pytest.raises(CedrError) as refusal:
        with_arithmetic(text)
    assert re.fullmatch(rf"small\.toml:\d+: pe\[1\]\.call\[0\]\.{key}: {re.escape(message)}", str(refusal.value))


def test_an_arithmetic_covers_floats_and_calls_only() -> None:
    changed = SMALL.replace(FFT, f'{FFT}\narithmetic = "int16"')
    with pytest.raises(
        CedrError, match=r"small.toml:\d+: pe\[1\].call\[0\].supports: covers fft .*c128.*condition on dtype"
    ):
        parsed(changed)
    kernel = (
        changed.replace('api = "fft"', 'api = "kernel"').replace("b * n", "elements").replace("n <= limit", "limit > 0")
    )
    with pytest.raises(
        CedrError, match=r"arithmetic: is for conv2d, conv1d, gemm, fft, zip; a kernel computes in its own"
    ):
        parsed(kernel)
