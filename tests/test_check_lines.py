"""FileCheck skips a line that is almost a directive, so that it checks nothing: there must be none."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "filecheck"
FILES = sorted(FOLDER.rglob("*.mlir"))

_PREFIXES = re.compile(r"--?check-prefix(?:es)?[= ]([\w,-]+)")
_SUFFIX = r"(?:-(?:NEXT|SAME|NOT|DAG|LABEL|EMPTY|COUNT-\d+))?(?:\{LITERAL\})?"
_WORD = re.compile(r"//+\s*([A-Z][A-Z0-9_-]*[A-Z0-9])(\s*)(:?)")
_PROSE = {"RUN", "COM", "TODO", "NOTE"}


def wrong_lines(text: str) -> Iterator[str]:
    """The comments of a test that look like directives and are none."""
    named = {name for found in _PREFIXES.findall(text) for name in found.split(",")}
    prefixes = named | {"CHECK"}
    directive = re.compile(rf"//+\s*(?:{'|'.join(map(re.escape, sorted(prefixes)))}){_SUFFIX}:")
    for number, line in enumerate(text.splitlines(), 1):
        match = _WORD.search(line)
        if match is None or match[1] in _PROSE or directive.search(line):
            continue
        # A capitalised word at the start of prose is none; one with a colon, or that starts like a directive, is.
        if match[3] or any(match[1] == prefix or match[1].startswith(f"{prefix}-") for prefix in prefixes):
            yield f"{number}: {line.strip()}"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FOLDER)) for path in FILES])
def test_every_directive_has_its_colon(path: Path) -> None:
    assert list(wrong_lines(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FOLDER)) for path in FILES])
def test_every_file_checks_something(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.search(r"//\s*RUN:.*filecheck|--verify-diagnostics", text), "no RUN line that checks"
    if "--verify-diagnostics" in text and "filecheck" not in text:
        assert "expected-" in text


@pytest.mark.parametrize(
    "line",
    ["// CHECK-NEXT arith.addf", "// CHECK arith", "// CHECK-NEX: x", "// CHECK : x", "// OTHER: x", "  // X-NEXT y"],
)
def test_a_line_that_is_almost_a_directive_is_found(line: str) -> None:
    assert list(wrong_lines(f"// RUN: filecheck %s --check-prefixes=CHECK,X\n{line}\n")) == [f"2: {line.strip()}"]


@pytest.mark.parametrize(
    "line", ["// CHECK-NEXT: x", "// CHECK-COUNT-3: x", "// X-SAME: y", "// CSE finds", "// NOTE: x"]
)
def test_directives_and_prose_pass(line: str) -> None:
    assert list(wrong_lines(f"// RUN: filecheck %s --check-prefixes=CHECK,X\n{line}\n")) == []
