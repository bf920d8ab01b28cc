"""The cache of compilations: a hit is what the compiler would have made, and whatever may change that is a miss."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cedr.backend.toolchain import Compiler, ToolchainError, find_compiler
from tests.build_cache import cached

ARGUMENTS = ("-Wall", "a.c", "b.o", "-o", "a")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.c with its header and b.o; a cache beside them."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "a.c").write_text('#include "a.h"\nint b(void);\nint main(void) { return A + b(); }\n')
    (tmp_path / "a.h").write_text("#define A 1\n")
    write_b(tmp_path, 2)
    return tmp_path


def write_b(folder: Path, value: int) -> None:
    (folder / "b.c").write_text(f"int b(void) {{ return {value}; }}\n")
    subprocess.run([*find_compiler().command, "-c", "b.c", "-o", "b.o"], cwd=folder, check=True)


class Counting:
    """`Compiler.run` behind a cache, and how often the compiler ran."""

    def __init__(self, folder: Path):
        self.folder, self.times = folder, 0
        self.cached = cached(self._run, folder / "cache")

    def _run(self, compiler: Compiler, arguments: Sequence[str], cwd: Path) -> None:
        self.times += 1
        subprocess_run(compiler, arguments, cwd)

    def status(self, *arguments: str) -> int:
        """Exit status of the program that these arguments make."""
        self.cached(find_compiler(), arguments, self.folder)
        return subprocess.run([self.folder / arguments[arguments.index("-o") + 1]], check=False).returncode


subprocess_run: Callable[[Compiler, Sequence[str], Path], None] = Compiler.run


def test_a_hit_runs_as_the_first_did_under_any_name(folder: Path) -> None:
    compiler = Counting(folder)
    assert [compiler.status(*ARGUMENTS), compiler.status(*ARGUMENTS), compiler.status(*ARGUMENTS[:-1], "c")] == [3] * 3
    assert compiler.times == 1


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda folder: (folder / "a.c").write_text("int main(void) { return 7; }\n"), 7),
        (lambda folder: (folder / "a.h").write_text("#define A 4\n"), 6),
        (lambda folder: write_b(folder, 5), 6),
    ],
)
def test_what_is_changed_is_compiled(folder: Path, change: Callable[[Path], object], wanted: int) -> None:
    compiler = Counting(folder)
    assert compiler.status(*ARGUMENTS) == 3
    change(folder)
    assert compiler.status(*ARGUMENTS) == wanted and compiler.times == 2


def test_another_flag_is_another_compilation(folder: Path) -> None:
    compiler = Counting(folder)
    assert compiler.status(*ARGUMENTS) == 3 and compiler.status("-DB", *ARGUMENTS) == 3
    assert compiler.times == 2


def test_what_fails_or_warns_does_so_each_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiler = Counting(folder)
    (folder / "a.c").write_text("int main(void) { int unused; return 0; }\n")
    for _ in range(2):
        assert compiler.status(*ARGUMENTS) == 0
        assert "unused" in capsys.readouterr().err
    (folder / "a.c").write_text("int main(void) { return c; }\n")
    for _ in range(2):
        with pytest.raises(ToolchainError, match="undeclared"):
            compiler.status(*ARGUMENTS)
    assert compiler.times == 4
