"""The C compiler: emitted C is clean under it, a directory builds alone, and without one there is one message."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from cedr.backend.toolchain import (
    LIBCEDR,
    LIBCEDR_SOURCES,
    RECORDER_SOURCES,
    Compiler,
    Language,
    ToolchainError,
    build_module,
    copy_libcedr,
    find_compiler,
    libcedr_objects,
    makefile_text,
)

from .conftest import prepare

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


@pytest.fixture(autouse=True)
def fresh_search() -> None:
    find_compiler.cache_clear()


def test_emitted_c_and_libcedr_have_no_warnings(tmp_path: Path) -> None:
    module = prepare(tmp_path, "c")
    compiler = find_compiler()
    for source in ("tiny.c", *(f"libcedr/{name}" for name in LIBCEDR_SOURCES)):
        compiler.run([*STRICT, "-O1", "-fsyntax-only", source], module.directory)


@pytest.mark.parametrize("source", ["io.c", "calls.c"])
def test_what_has_no_state_is_cpp_too(source: str, tmp_path: Path) -> None:
    flags = ("-Wall", "-Wextra", "-Werror", "-fsyntax-only")
    find_compiler("host", "c++").run(["-x", "c++", *flags, str(LIBCEDR / source)], tmp_path)


@pytest.mark.parametrize(
    ("change", "compiled"),
    [
        (lambda libcedr: None, False),
        (lambda libcedr: (libcedr / "notes.txt").touch(), False),
        (lambda libcedr: (libcedr / "io.c").open("a").write("\n"), True),
        (lambda libcedr: (libcedr / "half.h").open("a").write("\n"), True),
        (lambda libcedr: (libcedr / "io.c").unlink(), True),
    ],
    ids=["as it is", "another file", "a source", "a header", "a source is gone"],
)
def test_libcedr_is_compiled_where_it_was_changed_by_hand(
    change: Callable[[Path], object], compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_libcedr(tmp_path)
    ours = [str(path) for path in libcedr_objects(find_compiler())]
    asked: list[str] = []

    def run(compiler: Compiler, arguments: Sequence[str], cwd: Path) -> None:
        asked.extend(arguments)
        (cwd / arguments[arguments.index("-o") + 1]).touch()

    monkeypatch.setattr(Compiler, "run", run)
    change(tmp_path / "libcedr")
    assert build_module(tmp_path, "tiny").exists()
    own = [f"libcedr/{source}" for source in LIBCEDR_SOURCES]
    assert [name for name in asked if name in (*ours, *own)] == (own if compiled else ours)


def test_the_directory_builds_alone(tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    module = prepare(folder, "c")
    (folder / "Makefile").write_text(makefile_text("tiny"))
    for_applications = ("dash", "application", "host", "recorder", *RECORDER_SOURCES)
    wanted_files = {f"libcedr/{p.name}" for p in LIBCEDR.iterdir() if not p.name.startswith(for_applications)}
    assert set(copy_libcedr(folder)) == wanted_files
    wanted = module.compute()
    (folder / "tiny").unlink()
    make = shutil.which("make")
    assert make is not None, "make is one of the two things a machine must have"
    clean = {"PATH": "/usr/bin:/bin"}
    subprocess.run([make, "--silent"], cwd=folder, env=clean, check=True)
    for got, value in zip(module.compute(), wanted, strict=True):
        np.testing.assert_array_equal(got, value)


def test_without_a_compiler_one_message_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match="no C compiler found .*pip install ziglang.*--emit python"):
        find_compiler()


def test_a_configured_compiler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-cc")
    with pytest.raises(ToolchainError, match="CC=no-such-cc: no such C compiler"):
        find_compiler()


def test_ziglang_serves_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("ziglang", reason="the package ziglang is an optional extra")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert find_compiler().command[-2:] == ("ziglang", "cc")


def test_aarch64_links_statically_unless_it_is_to_be_dynamic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cross = tmp_path / "aarch64-linux-gnu-gcc"
    cross.write_text("#!/bin/sh\necho a cross compiler\n")
    cross.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("CC", "gcc")  # the host's, so none for the target
    assert find_compiler("aarch64").command == ("aarch64-linux-gnu-gcc", "-static")
    assert find_compiler("aarch64", dynamic=True).command == ("aarch64-linux-gnu-gcc",)
    assert find_compiler("aarch64").machine_flags == ("-mcpu=cortex-a53",)


def test_ziglang_serves_for_aarch64_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("ziglang", reason="the package ziglang is an optional extra")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler("aarch64").command[-4:] == ("ziglang", "cc", "-target", "aarch64-linux-musl")
    assert find_compiler("aarch64", "c++", dynamic=True).command[-3:] == ("c++", "-target", "aarch64-linux-gnu.2.31")


@pytest.mark.parametrize(("language", "package"), [("c", "gcc-aarch64-linux-gnu"), ("c++", "g++-aarch64-linux-gnu")])
def test_without_a_cross_compiler_one_message_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: Language, package: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ToolchainError, match=re.escape(f"pip install ziglang`, or on Debian `apt-get install {package}`")
    ):
        find_compiler("aarch64", language)


def test_a_cpp_compiler_is_asked_for_by_cxx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "no-such-c++")
    with pytest.raises(ToolchainError, match=re.escape("CXX=no-such-c++: no such C++ compiler; unset CXX")):
        find_compiler("host", "c++")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ToolchainError, match=re.escape("no C++ compiler found (g++, clang++ or the Python package ziglang)")
    ):
        find_compiler("host", "c++")


def test_a_failed_build_leaves_the_old_executable(tmp_path: Path) -> None:
    module = prepare(tmp_path, "c")
    before = (tmp_path / "tiny").read_bytes()
    (tmp_path / "tiny.c").write_text("int main(void) { return undeclared; }\n")
    with pytest.raises(ToolchainError, match="undeclared"):
        build_module(tmp_path, "tiny")
    assert (tmp_path / "tiny").read_bytes() == before
    assert not [p for p in os.listdir(module.directory) if p.endswith(".tmp")]
