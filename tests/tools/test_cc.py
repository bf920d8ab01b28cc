"""`cedr cc`: executables and shared objects from C and C++, for the host and for aarch64, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cedr.backend.toolchain import LIBCEDR, SEEN_FUNCTIONS, application_library, find_compiler
from cedr.runtime.record import read_record
from cedr.tools.cli import main
from tests.tools.applications import CONDITION_VARIABLE_CPP, TWO_THREADS_C

PRINTED = {"app.c": "no file, 0.000 1.000\n", "app.cpp": "32 32\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.c").write_text(TWO_THREADS_C)
    (tmp_path / "app.cpp").write_text(CONDITION_VARIABLE_CPP)
    return tmp_path


def run(*command: str) -> str:
    own = {k: v for k, v in os.environ.items() if not k.startswith("CEDR_")}
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=own).stdout


@pytest.mark.parametrize("source", ["app.c", "app.cpp"])
def test_an_executable_holds_libcedr_and_runs_anywhere(folder: Path, source: str) -> None:
    assert main(["cc", source, "-o", "app"]) == 0
    assert run("./app") == PRINTED[source]
    assert "libcedr" not in run("ldd", "./app")


def test_a_module_is_a_shared_object_whose_main_the_host_calls(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cc", "app.c", "-o", "app.so", "--module", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said.pop("build_s") > 0
    assert said == {"output": "app.so", "sources": ["app.c"], "module": True, "target": "host"}
    host = application_library(find_compiler()).host
    for path in (str(folder / "app.so"), "app.so"):
        assert run(str(host), path, "a b") == "argument a b\n" + PRINTED["app.c"]


def test_the_host_says_what_it_cannot_load(folder: Path) -> None:
    (folder / "library.c").write_text("int twice(int x) { return 2 * x; }\n")
    assert main(["cc", "library.c", "-o", "library.so", "--module"]) == 0
    (folder / "rubbish.so").write_text("rubbish")
    host = str(application_library(find_compiler()).host)
    for name, message in (
        ("library.so", "library.so: no function main in it"),
        ("rubbish.so", "rubbish.so: file too short"),
        ("missing.so", "missing.so: No such file or directory"),
    ):
        process = subprocess.run([host, str(folder / name)], capture_output=True, text=True, check=False)
        assert process.returncode == 1
        assert message in process.stderr


@pytest.mark.parametrize("source", ["app.c", "app.cpp"])
def test_a_static_executable_is_recorded_too(folder: Path, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cc", source, "-o", "app", "--", "-static"]) == 0
    header = run("file", "-b", "app") if shutil.which("file") else "statically linked"
    assert "statically linked" in header
    assert main(["record", "app", "-o", "x.cedrrec", "--json", "--host-time", "off"]) == 0
    record = read_record("x.cedrrec")
    assert record.complete and len(record) == {"app.c": 6, "app.cpp": 2}[source]
    capsys.readouterr()
    assert main(["cc", source, "-o", "app.so", "--module", "--", "-static"]) == 1
    assert "app.so: a shared object can't be static" in capsys.readouterr().err


def test_sources_of_both_languages_and_options_of_the_compiler(folder: Path) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "scale.h").write_text('#ifdef __cplusplus\nextern "C"\n#endif\nint scaled(int x);\n')
    (folder / "scale.c").write_text('#include "scale.h"\nint scaled(int x) { return FACTOR * x; }\n')
    (folder / "main.cc").write_text(
        '#include "scale.h"\n#include <zlib.h>\n#include <cstdio>\n'
        'int main() { std::printf("%d %d\\n", scaled(2), zlibVersion() != nullptr); }\n'
        if shutil.which("g++") and Path("/usr/include/zlib.h").exists()
        else '#include "scale.h"\n#include <cstdio>\nint main() { std::printf("%d 1\\n", scaled(2)); }\n'
    )
    extra = ["-lz"] if "zlib" in (folder / "main.cc").read_text() else []
    assert main(["cc", "scale.c", "main.cc", "-o", "app", "--", "-Iown", "-DFACTOR=21", "-O0", *extra]) == 0
    assert run("./app") == "42 1\n"
    words = [
        "cc",
        "-O1",
        "scale.c",
        "-I",
        "own",
        "main.cc",
        "-D",
        "FACTOR=3",
        "-Wextra",
        "-L.",
        "-o",
        "app",
        "-lm",
        *extra,
    ]
    assert main([*words, "--", "-UNOTHING"]) == 0
    assert run("./app") == "6 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#include <nowhere.h>\nint main(void) { return 0; }\n", r"wrong\.c:1:10: .*nowhere\.h"),
        ("#include <dash.h>\nint main(void) { return DASH_FFT_flt(1); }\n", r"wrong\.c:2:"),
        ("void missing(void);\nint main(void) { missing(); }\n", r"missing"),
    ],
)
@pytest.mark.parametrize("module", [False, True])
def test_what_does_not_build_is_refused_in_the_compilers_words(
    folder: Path, text: str, message: str, module: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "wrong.c").write_text(text)
    (folder / "app").write_text("the old one")
    assert main(["cc", "wrong.c", "-o", "app", *(["--module"] if module else [])]) == 1
    said = capsys.readouterr().err
    assert said.startswith("cedr cc: ")
    assert re.search(message, said)
    assert (folder / "app").read_text() == "the old one"
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []


def test_warnings_are_shown_and_the_application_is_built(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "app.c").write_text("int main(void) { int unused; return 0; }\n")
    assert main(["cc", "app.c", "-o", "app"]) == 0
    assert re.search(r"app\.c:1:\d+: warning: unused variable", capsys.readouterr().err)


def test_what_can_be_no_source_or_output_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "app.f90").write_text("")
    for arguments, message in (
        (["app.f90", "-o", "app"], "app.f90: not a source of C or C++; their names end in .c, .cpp, "),
        (["nothing.c", "-o", "app"], "nothing.c: no such file"),
        (["app.c", "-o", "app.c"], "-o app.c: this is the source"),
        (["app.c", "-o", "."], ".: a folder; name a file"),
        (["app.c", "-o", "no/app"], "no/app: its folder is not there; name a file"),
        (["app.c", "-o", "app", "--", "-c"], "-c: an application is built from all its sources at once; leave it out"),
        (["app.c", "-o", "app.so", "--", "-shared"], "-shared: --module makes a shared object; leave it out"),
        (["app.c", "-o", "app", "--", "-o", "other"], "-o: its name stands before --; leave it out"),
    ):
        assert main(["cc", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_no_compiler_says_how_to_get_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    find_compiler.cache_clear()
    try:
        assert main(["cc", "app.c", "-o", "app"]) == 1
    finally:
        find_compiler.cache_clear()
    assert "CC=no-such-compiler: no such C compiler" in capsys.readouterr().err


def test_the_functions_that_a_static_link_wraps_are_those_that_libcedr_sees() -> None:
    text = (LIBCEDR / "recorder.h").read_text("utf-8")
    table = re.search(r"#define CEDR_SEEN\(X\)((?:.*\\\n)*.*)\n", text)
    assert table is not None
    assert tuple(re.findall(r"X\((\w+)\)", table[1])) == SEEN_FUNCTIONS


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="needs qemu-aarch64 (Debian's qemu-user)")
@pytest.mark.parametrize("source", ["app.c", "app.cpp"])
@pytest.mark.parametrize("compiler", ["cross", "zig"])
def test_an_application_for_aarch64_runs_and_records_under_qemu(
    folder: Path, source: str, compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiler == "zig":
        pytest.importorskip("ziglang")
        monkeypatch.setattr("cedr.backend.toolchain._CROSS_NAMES", {"c": "no-such-gcc", "c++": "no-such-g++"})
    elif shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("needs aarch64-linux-gnu-gcc")
    find_compiler.cache_clear()
    try:
        assert main(["cc", source, "-o", "app", "--target", "aarch64"]) == 0
    finally:
        find_compiler.cache_clear()
    header = (folder / "app").read_bytes()[:20]
    assert header[:4] == b"\x7fELF" and header[18] == 0xB7
    libraries = "/usr/aarch64-linux-gnu"
    if compiler == "zig" and not Path(libraries).exists():
        pytest.skip("needs aarch64's libc (Debian's libc6-arm64-cross)")
    assert run("qemu-aarch64", "-L", libraries, "./app") == PRINTED[source]

    environment = ["-E", "CEDR_MODE=record", "-E", f"CEDR_RECORD={folder / 'app.cedrrec'}"]
    run("qemu-aarch64", "-L", libraries, *environment, "./app")
    record = read_record(folder / "app.cedrrec")
    assert record.complete
    assert len(record) == {"app.c": 6, "app.cpp": 2}[source]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="needs qemu-aarch64 (Debian's qemu-user)")
@pytest.mark.parametrize("compiler", ["cross", "zig"])
def test_a_module_for_aarch64_has_what_starts_it_beside_it(
    folder: Path, compiler: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if compiler == "zig":
        pytest.importorskip("ziglang")
        monkeypatch.setattr("cedr.backend.toolchain._CROSS_NAMES", {"c": "no-such-gcc", "c++": "no-such-g++"})
    elif shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("needs aarch64-linux-gnu-gcc")
    libraries = "/usr/aarch64-linux-gnu"
    if not Path(libraries).exists():
        pytest.skip("needs aarch64's libc (Debian's libc6-arm64-cross)")
    (folder / "board").mkdir()
    find_compiler.cache_clear()
    try:
        assert main(["cc", "app.c", "-o", "board/libcedr.so", "--module", "--target", "aarch64"]) == 1
        assert "board/libcedr.so: a file of this name is put beside the shared object" in capsys.readouterr().err
        assert not list((folder / "board").iterdir())
        assert main(["cc", "app.c", "-o", "board/app.so", "--module", "--target", "aarch64"]) == 0
    finally:
        find_compiler.cache_clear()
    assert {path.name for path in (folder / "board").iterdir()} == {"app.so", "cedr-host", "libcedr.so"}
    moved = (folder / "board").rename(folder / "elsewhere")
    record = ["-E", "CEDR_MODE=record", "-E", f"CEDR_RECORD={folder / 'app.cedrrec'}"]
    for environment in ([], record):
        command = ["qemu-aarch64", "-L", libraries, *environment, str(moved / "cedr-host"), str(moved / "app.so")]
        assert run(*command) == PRINTED["app.c"]
    recorded = read_record(folder / "app.cedrrec")
    assert recorded.complete and len(recorded) == 6
