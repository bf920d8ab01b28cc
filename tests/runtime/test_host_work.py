"""What an application's own threads compute, as operations and bytes in a record, takes the time that [host] says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from cedr.runtime.emulator import emulate
from cedr.runtime.program import ProgramError, build_program
from cedr.runtime.record import STEP_HOST, Record, RecordWriter, read_record
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.platform import Host, Platform, load_platform

HOST = Host(Fraction(1, 2), Fraction(4), "estimate")

BOARD = """\
format = 1
name = "board"
title = "a board"
composition = "C1"
[clocks]
[sources]
[cores]
count = 2
workers = [1]
source = "estimate"
[memory]
mb_per_s = 1_000
source = "estimate"
[host]
flops_per_ns = 0.5
bytes_per_ns = 4
source = "estimate"
[[pe]]
name = "cpu"
letter = "C"
title = "a core"
most = 1
source = "estimate"
[[pe.call]]
api = "gemm"
supports = "true"
estimate = "cost"
[[pe.call.phase]]
on = "core"
ns = 7
source = "estimate"
"""


def board(path: Path, text: str = BOARD) -> Platform:
    path.write_text(text)
    return load_platform(path)


def recorded(path: Path, flops: int, size_bytes: int) -> Record:
    """A thread that computes, then has one call done."""
    with RecordWriter(path) as writer:
        gemm = writer.add_class(CallClass("gemm", "f32", {"m": 1, "k": 1, "n": 1}, {"transpose_b": False}))
        writer.host_work(flops, size_bytes)
        writer.submit_many([gemm], [0], [0, 0], [])
        writer.wait()
        writer.end()
    return read_record(path)


@pytest.mark.parametrize(
    ("flops", "size_bytes", "ns"),
    [(100, 8, 200), (1, 1000, 250), (0, 1, 1), (0, 0, 0), (2**33, 0, 2**34), (0, 401, 101)],
)
def test_work_takes_the_longer_of_arithmetic_and_memory(tmp_path: Path, flops: int, size_bytes: int, ns: int) -> None:
    assert HOST.ns(flops, size_bytes) == ns
    record = recorded(tmp_path / "a.cedrrec", flops, size_bytes)
    program = build_program([record], ["app"], HOST)
    assert program.steps[0].tolist() == [STEP_HOST, ns, 0]
    platform = board(tmp_path / "board.toml")
    assert platform.host == HOST
    assert emulate(record, platform, "C1").makespan_ns == ns + 7


def test_work_without_a_rate_is_refused(tmp_path: Path) -> None:
    without = BOARD.replace('[host]\nflops_per_ns = 0.5\nbytes_per_ns = 4\nsource = "estimate"\n', "")
    platform = board(tmp_path / "board.toml", without)
    with pytest.raises(ProgramError, match=r"app: thread 0 has host work .* give it a \[host\], or record with"):
        emulate(recorded(tmp_path / "a.cedrrec", 1, 1), platform, "C1", names=["app"])


def test_work_without_end_is_refused(tmp_path: Path) -> None:
    record = recorded(tmp_path / "a.cedrrec", 2**60, 0)
    with pytest.raises(
        ProgramError, match=r"1152921504606846976 operations and 0 bytes of host work: more than 2\^60 ns"
    ):
        build_program([record], ["app"], HOST)


@pytest.mark.parametrize(
    ("line", "new", "message"),
    [
        ("flops_per_ns = 0.5", "flops_per_ns = 0", r":15: host.flops_per_ns: needs a number above 0"),
        ("bytes_per_ns = 4", "", r": host.bytes_per_ns: missing"),
        ("bytes_per_ns = 4", 'bytes_per_ns = 4\nunit = "byte/ns"', r":17: host.unit: unknown key"),
        ('4\nsource = "estimate"', '4\nsource = "somewhere"', r":17: host.source: starts with the name of one of"),
    ],
)
def test_a_wrong_host_is_refused(tmp_path: Path, line: str, new: str, message: str) -> None:
    assert line in BOARD
    with pytest.raises(CedrError, match=message):
        board(tmp_path / "board.toml", BOARD.replace(line, new))


def test_the_zcu102_has_a_rate() -> None:
    host = load_platform("zcu102").host
    assert host is not None and host.ns(600, 0) == 1000
