"""The platforms that ship beside the ZCU102, and files that extend others."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from cedr.runtime.emulator import emulate
from cedr.runtime.linux_cfs import worker_cores
from cedr.target.api import CallClass
from cedr.target.platform import (
    Platform,
    PlatformError,
    class_costs,
    load_platform,
    parse_composition,
    platform_names,
    read_platform,
)
from cedr.target.probes import conv2d_class
from cedr.target.toml_file import TomlError, TomlFile
from tests.runtime.applications import random_application

BASE = """\
format = 1
name = "base"
title = "a board to extend"
composition = "C1+A1"
[sources]
paper = "a paper"
book = "a book"
[clocks.core]
mhz = 1000
source = "paper: its clock"
[cores]
count = 2
workers = [0, 1]
source = "paper"
[memory]
mb_per_s = 1_000
source = "paper"
[[pe]]
name = "cpu"
letter = "C"
title = "a core"
most = 2
clock = "core"
source = "paper"
[pe.constants.work]
value = 10
unit = "cycle/point"
source = "book: measured"
[[pe.call]]
api = "fft"
supports = "true"
estimate = "cost"
[[pe.call.phase]]
on = "core"
ns = "n * work * 1000 / mhz"
source = "paper"
[[pe]]
name = "acc"
letter = "A"
title = "an accelerator"
most = 1
source = "estimate"
[[pe.call]]
api = "fft"
supports = "n >= 16"
estimate = "cost"
[[pe.call.phase]]
on = "pe"
ns = "n"
source = "estimate"
"""
HEAD = 'format = 1\nname = "mine"\ntitle = "mine"\n'
FAST = 'extends = "./base.toml"\n' + HEAD + '[clocks.core]\nmhz = 2000\nsource = "estimate"\n'
BIG_LITTLE = (
    HEAD
    + """\
composition = "B1+L1"
[sources]
[clocks]
big = { mhz = 4000, source = "estimate" }
little = { mhz = 500, source = "estimate" }
[cores]
count = 2
workers = [0, 1]
source = "estimate"
[memory]
mb_per_s = 1
source = "estimate"
[[pe]]
extends = "./base.toml:cpu"
name = "big"
letter = "B"
clock = "big"
[[pe]]
extends = "./base.toml:cpu"
name = "little"
letter = "L"
clock = "little"
[pe.constants.work]
value = 20
unit = "cycle/point"
source = "estimate"
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE)
    return tmp_path


def load(folder: Path, text: str) -> Platform:
    path = folder / "mine.toml"
    path.write_text(text)
    return load_platform(path)


def fft_ns(platform: Platform, n: int = 64) -> list[int]:
    costs = class_costs(platform, [CallClass("fft", "c64", {"b": 1, "n": n})]).cost_ns
    return [int(ns) for ns in costs[0]]


def test_a_file_that_extends_another(folder: Path) -> None:
    base, mine = load_platform(folder / "base.toml"), load(folder, FAST)
    assert (fft_ns(base), fft_ns(mine)) == ([640, 64], [320, 64])
    assert (mine.name, mine.default_composition, mine.letters) == ("mine", "C1+A1", {"C": "cpu", "A": "acc"})
    assert mine.sources == base.sources and mine.extended_paths == (folder / "base.toml",)
    assert mine.path == folder / "mine.toml"


def test_types_that_extend_one(folder: Path) -> None:
    mine = load(folder, BIG_LITTLE)
    assert fft_ns(mine) == [160, 2560]
    assert mine.letters == {"B": "big", "L": "little"}
    assert mine.sources == {"paper": "a paper", "book": "a book"}, "the sources that the type speaks of came with it"


def test_types_with_cores_of_their_own(folder: Path) -> None:
    text = BIG_LITTLE.replace('composition = "B1+L1"', 'composition = "B2+L2"').replace("[0, 1]", "[0, 1, 2]")
    text = text.replace("count = 2", "count = 3")

    def cores(text: str) -> list[int]:
        platform = load(folder, text)
        return [int(core) for core in worker_cores(platform, parse_composition(platform, "B2+L2"))]

    assert cores(text) == [0, 1, 2, 0], "in turn, whatever their type"
    assert cores(text.replace('"B"\n', '"B"\ncores = [2]\n')) == [2, 2, 0, 1]
    both = text.replace('"B"\n', '"B"\ncores = [2, 1]\n').replace('"L"\n', '"L"\ncores = [0]\n')
    assert cores(both) == [2, 1, 0, 0]


def test_an_extending_file_says_what_it_replaces_and_keeps_the_rest(folder: Path) -> None:
    text = (
        FAST
        + '[[pe]]\nextends = "./base.toml:acc"\nmost = 3\n[pe.power]\nactive_w = 1\nidle_w = 0\nsource = "estimate"\n'
    )
    text = text.replace("[clocks", 'composition = "A2"\n[clocks')
    mine = load(folder, text)
    assert mine.letters == {"A": "acc"} and mine.pe_types[0].most == 3 and mine.pe_types[0].power is not None
    assert mine.sources == {"paper": "a paper"}, "what no figure speaks of any more is gone"


def test_the_hash_covers_what_is_extended(folder: Path) -> None:
    before = load(folder, FAST)
    assert load(folder, FAST + "# a word\n").hash == before.hash
    (folder / "base.toml").write_text(BASE.replace("value = 10", "value = 11"))
    after = load(folder, FAST)
    assert after.hash != before.hash and fft_ns(after) == [352, 64], "read again, though mine.toml is the same"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (FAST.replace("./base.toml", "zcu104"), "mine.toml:1: extends", "no platform 'zcu104'; there are .*zcu102"),
        (FAST.replace("./base.toml", "./gone.toml"), "mine.toml:1: extends", "no file '.*gone.toml'"),
        (FAST.replace("./base.toml", "./a\\u0000.toml"), "mine.toml:1: extends", "no file"),
        (FAST.replace("./base.toml", "./mine.toml"), "mine.toml:1: extends", "extends this file in its turn"),
        (FAST.replace('"./base.toml"', "7"), "mine.toml:1: extends", "needs a platform's name or file, got 7"),
        (FAST.replace('name = "mine"\n', ""), "mine.toml:1: name", "a file that extends another says this itself"),
        (FAST + "colour = 3\n", "mine.toml:8: clocks.core.colour", "unknown key"),
        (FAST.replace("mhz = 2000", "mhz = -1"), "mine.toml:6: clocks.core.mhz", "above 0"),
        (FAST + '[sources]\nmap = "a map"\n', "mine.toml:9: sources.map", "no figure names this source"),
        (BIG_LITTLE.replace(":cpu", ":cpx", 1), "mine.toml:17: pe[0].extends", "no PE type 'cpx'; those there are: cpu, acc"),
        (BIG_LITTLE.replace('"./base.toml:cpu"', '"cpu"', 1), "mine.toml:17: pe[0].extends", "needs PLATFORM:TYPE"),
        (BIG_LITTLE.replace('"./base.toml:cpu"', "[]", 1), "mine.toml:17: pe[0].extends", "needs PLATFORM:TYPE"),
        (BIG_LITTLE.replace("[sources]", '[sources]\nbook = "mine"'), "mine.toml:6: sources.book", "of this name that is another"),
        (BIG_LITTLE.replace('letter = "L"', 'letter = "B"'), "mine.toml:24: pe[1].letter", "'B' is taken"),
        (BIG_LITTLE.replace('"B"\n', '"B"\ncores = [2]\n'), "mine.toml:20: pe[0].cores", r"that workers have \(0, 1\), got \[2\]"),
        (BIG_LITTLE.replace('"B"\n', '"B"\ncores = [1, 1]\n'), "mine.toml:20: pe[0].cores", "needs different ones"),
        (BIG_LITTLE.replace('"B"\n', '"B"\ncores = []\n'), "mine.toml:20: pe[0].cores", "needs an array of core numbers"),
        (BIG_LITTLE.replace('"B"\n', '"B"\ncores = [true]\n'), "mine.toml:20: pe[0].cores", "needs an array of core numbers"),
        (BIG_LITTLE.replace('clock = "big"\n', 'clock = "core"\n'), "mine.toml:20: pe[0].clock", "the clocks are big, little"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_where_it_stands(folder: Path, text: str, place: str, message: str) -> None:
    with pytest.raises((PlatformError, TomlError), match=message) as caught:
        load(folder, text)
    assert str(caught.value).startswith(f"{folder}/{place}: "), str(caught.value)


def test_what_is_wrong_in_the_other_file_names_it(folder: Path) -> None:
    (folder / "base.toml").write_text(BASE.replace('ns = "n"', 'ns = "m"'))
    with pytest.raises(
        Exception, match=r"base\.toml:49: pe\[1\]\.call\[0\]\.phase\[0\]\.ns: column 1 of 'm': no name 'm'"
    ):
        load(folder, FAST)


def test_a_row_of_files_has_an_end(folder: Path) -> None:
    for k in range(12):
        (folder / f"f{k}.toml").write_text(f'extends = "./f{k + 1}.toml"\n' + HEAD)
    (folder / "f12.toml").write_text(BASE)
    with pytest.raises(TomlError, match=r"f7\.toml:1: extends: at most 8 files extend one another"):
        load_platform(folder / "f0.toml")


# ----------------------------------------------------------------------------------------------------- those that ship


def test_each_board_can_be_read_and_has_its_default_composition() -> None:
    assert {"jetson_agx_xavier", "odroid_xu3", "zcu102", "zcu102_10fft"} <= set(platform_names())
    for name in platform_names():
        platform = load_platform(name)
        composition = parse_composition(platform, platform.default_composition)
        assert platform.name == name and composition.text == platform.default_composition
        assert 0 not in platform.worker_cores, "the daemon's"
        cpus = [t for t in platform.pe_types if "kernel" in t.apis]
        assert sum(t.most for t in cpus) <= len(platform.worker_cores), "a CPU worker has a core of its own"


def test_the_largest_design() -> None:
    design, board = load_platform("zcu102_10fft"), load_platform("zcu102")
    assert {t.letter: t.most for t in design.pe_types} == {"C": 3, "F": 10, "M": 2, "Z": 2}
    assert design.extended_paths == (board.path,) and design.hash != board.hash
    calls = [CallClass("fft", "c64", {"b": 1, "n": 1024}), conv2d_class(1, 1, 32, 32, 3)]
    ours, theirs = class_costs(design, calls).cost_ns, class_costs(board, calls).cost_ns
    assert ours[:, :3].tolist() == theirs[:, :3].tolist()
    ports = [design.ports[pe.port].name for pe in parse_composition(design, "F10+Z2").pes]
    assert ports == ["hp0", "hp1"] * 6


def test_published_times_of_the_xavier() -> None:
    """UA-RCL/CEDR 96eeda6, the constants of its generator of daemon configurations."""
    platform = load_platform("jetson_agx_xavier")
    calls = [CallClass("fft", "c64", {"b": 1, "n": 1024}), CallClass("zip", "c64", {"n": 1 << 20}, {"kind": "mul"})]
    cost = class_costs(platform, calls).cost_ns / 1000
    cpu, gpu = ([t.name for t in platform.pe_types].index(name) for name in ("cpu", "gpu"))
    assert cost[0, gpu] == pytest.approx(182.368, rel=0.03)
    assert cost[1, gpu] == pytest.approx(7818.272, rel=0.03)
    (large,) = class_costs(platform, [conv2d_class(256, 256, 56, 56, 3)]).cost_ns
    assert large[gpu] < large[cpu], "the GPU is for large calls"


def test_the_odroids_cores_differ() -> None:
    platform = load_platform("odroid_xu3")
    calls = [conv2d_class(16, 16, 32, 32, 3), CallClass("gemm", "f32", {"m": 16, "k": 64, "n": 64})]
    big, little = class_costs(platform, calls).cost_ns.T
    assert ((2 * big < little) & (little < 6 * big)).all()
    assert parse_composition(platform, "B2L1").pe_names == ("big1", "big2", "little1")


def test_the_odroids_workers_are_on_their_own_kind_of_core() -> None:
    platform = load_platform("odroid_xu3")
    assert worker_cores(platform, parse_composition(platform, "B1+L3")).tolist() == [4, 1, 2, 3]
    assert worker_cores(platform, parse_composition(platform, "B4+L3")).tolist() == [4, 5, 6, 7, 1, 2, 3]


@pytest.mark.parametrize(("name", "composition"), [("odroid_xu3", "B2+L1"), ("jetson_agx_xavier", "C4+G1")])
def test_a_run_under_linux(tmp_path: Path, name: str, composition: str) -> None:
    """Of the same work: no faster than without an operating system, and repeatable."""
    record = random_application(Random(name), 60, ["gemm", "fft", "zip", "kernel"]).record(tmp_path / "work.cedrrec")
    linux, again, ideal = (
        emulate(record, name, composition, "EFT", instances=3, os_model=model)
        for model in ("linux-cfs", "linux-cfs", "ideal")
    )
    assert len(linux.pe) == len(ideal.pe) == 180 and linux.start_ns.tolist() == again.start_ns.tolist()
    assert linux.ends_ns.max() > ideal.ends_ns.max()
    platform = load_platform(name)
    assert linux.core_of.tolist() == worker_cores(platform, parse_composition(platform, composition)).tolist()


def test_a_string_for_a_board_is_no_file() -> None:
    with pytest.raises(PlatformError, match="no platform 'odroid_xu4' .*; there are .*odroid_xu3"):
        load_platform("odroid_xu4")
    with pytest.raises(TomlError, match="missing"):
        read_platform(TomlFile.parse(HEAD, Path("x.toml")))
