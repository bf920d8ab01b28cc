"""MLIR's `// expected-error {{text}}` comments: what a test says goes wrong, and where, against what did.

    // expected-error {{text}}            on this line
    // expected-warning@+2 {{text}}       two lines below; `@-1` one above
    // expected-error@below {{text}}      on the next line without such a comment; `@above`: the last one
    // expected-error@unknown {{text}}    at no place in this file
    // expected-error-re {{text {{[0-9]+}}}}   text with regular expressions in double braces

An expectation is met by one diagnostic of its severity whose message contains the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cedr.dialects.diagnostics import Diagnostic, IRError, Place

_COMMENT = re.compile(r"//.*?expected-(error|warning|note|remark)")
_EXPECTATION = re.compile(
    r"//.*?expected-(?P<severity>error|warning|note|remark)(?P<regex>-re)?"
    r"\s*(?:@\s*(?P<where>[+-]\d+|above|below|unknown))?\s*\{\{(?P<text>.*)\}\}\s*$"
)


@dataclass(frozen=True)
class Expectation:
    """One comment: a diagnostic of this severity, with this text, on this line (None: at no place in the file)."""

    severity: str
    text: str
    line: int | None
    place: Place
    """Of the comment itself."""
    regex: bool = False

    def met_by(self, diagnostic: Diagnostic, line: int | None) -> bool:
        if self.severity != diagnostic.severity or self.line != line:
            return False
        if not self.regex:
            return self.text in diagnostic.message
        parts = re.split(r"\{\{(.*?)\}\}", self.text)
        pattern = "".join(part if index % 2 else re.escape(part) for index, part in enumerate(parts))
        return re.search(pattern, diagnostic.message) is not None


def parse_expectations(text: str, filename: str, first_line: int = 1) -> list[Expectation]:
    """The expectations in a text. Raises IRError for a comment that looks like one and is none."""
    found: list[Expectation] = []
    malformed: list[Diagnostic] = []
    lines = text.split("\n")
    holding = {number for number, line in enumerate(lines) if _COMMENT.search(line)}
    for number in sorted(holding):
        line = lines[number].rstrip()
        place = Place(filename, first_line + number, line.index("expected-") + 1, line)
        match = _EXPECTATION.search(line)
        if match is None:
            wanted = (
                "expected-error|warning|note|remark[-re] [@below|@above|@unknown|@+N|@-N] {{text}} to the line's end"
            )
            malformed.append(Diagnostic(f"this expects nothing; the form is: {wanted}", place))
            continue
        target: int | None = number
        match match["where"]:
            case "below":
                target = next((n for n in range(number + 1, len(lines)) if n not in holding), number)
            case "above":
                target = next((n for n in range(number - 1, -1, -1) if n not in holding), number)
            case "unknown":
                target = None
            case str(offset):
                target = number + int(offset)
        at = None if target is None else first_line + target
        found.append(Expectation(match["severity"], match["text"], at, place, match["regex"] is not None))
    if malformed:
        raise IRError(malformed)
    return found


def check_expectations(
    expectations: Sequence[Expectation], diagnostics: Sequence[Diagnostic], filename: str
) -> list[Diagnostic]:
    """Diagnostics that nothing expects (notes may come unexpected), and expectations that nothing meets."""
    open_ones = list(expectations)
    wrong: list[Diagnostic] = []
    for diagnostic in _with_notes(diagnostics):
        inside = diagnostic.place is not None and diagnostic.place.filename == filename
        line = diagnostic.place.line if diagnostic.place is not None and inside else None
        met = next((one for one in open_ones if one.met_by(diagnostic, line)), None)
        if met is not None:
            open_ones.remove(met)
        elif diagnostic.severity != "note":
            message = f"unexpected {diagnostic.severity}: {diagnostic.message}"
            wrong.append(Diagnostic(message, diagnostic.place))
    for one in open_ones:
        where = "at no place in the file" if one.line is None else f"on line {one.line}"
        wrong.append(Diagnostic(f'expected {one.severity} "{one.text}" {where} did not come', one.place))
    return wrong


def _with_notes(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [inner for outer in diagnostics for inner in (outer, *outer.notes)]
