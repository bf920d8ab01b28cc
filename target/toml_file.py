"""Strict reading of TOML files: every refusal names file, line and key.

tomllib gives values but no places, so `key_lines` scans the same text again and notes the line of every key; `Section`
reads one table, refuses keys that it does not know and misses none.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from cedr.target.errors import CedrError

KeyPath = tuple[str | int, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_STRINGS: Final = (
    ('"""', re.compile(r'"""(?:[^\\]|\\.)*?"""+', re.DOTALL)),
    ("'''", re.compile(r"'''.*?'''+", re.DOTALL)),
    ('"', re.compile(r'"(?:[^"\\]|\\.)*"')),
    ("'", re.compile(r"'[^']*'")),
)
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
MAX_EXPONENT: Final = 30


class TomlError(CedrError):
    """A file that is no TOML, or has a key missing, unknown, or of a wrong value."""


class _Scanner:
    """Walks a text that tomllib has accepted."""

    def __init__(self, text: str):
        self.text, self.at = text, 0
        self.lines: dict[KeyPath, int] = {}
        self.counts: dict[KeyPath, int] = {}
        self.line, self.counted = 1, 0

    def note(self, path: KeyPath) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        self.lines.setdefault(path, self.line)

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def take(self, text: str) -> bool:
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def string(self) -> str | None:
        """Skip a string and return its token, or None where none starts."""
        for quote, pattern in _STRINGS:
            if self.text.startswith(quote, self.at) and (match := pattern.match(self.text, self.at)):
                self.at = match.end()
                return match.group()
        return None

    def key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self.blank()
            token = self.string()
            if token is None:
                match = _BARE.match(self.text, self.at)
                assert match is not None
                parts.append(match.group())
                self.at = match.end()
            else:
                parts.append(str(tomllib.loads(f"k = {token}")["k"]))
            self.blank()
            if not self.take("."):
                return tuple(parts)

    def resolve(self, keys: tuple[str, ...]) -> KeyPath:
        """A header's keys as a path: an array of tables stands for its last element."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def note_all(self, path: KeyPath, keys: tuple[str, ...]) -> KeyPath:
        for key in keys:
            path = (*path, key)
            self.note(path)
        return path

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while True:
            self.blank()
            if self.at >= len(self.text):
                return self.lines
            if self.take("[["):
                keys = self.key()
                for length in range(1, len(keys)):
                    self.note(self.resolve(keys[:length]))
                array = (*self.resolve(keys[:-1]), keys[-1])
                self.note(array)
                table = (*array, self.counts.get(array, 0))
                self.counts[array] = self.counts.get(array, 0) + 1
                self.note(table)
                self.take("]]")
            elif self.take("["):
                keys = self.key()
                table = self.resolve(keys)
                for length in range(1, len(keys) + 1):
                    self.note(self.resolve(keys[:length]))
                self.take("]")
            else:
                self.pair(table)

    def pair(self, table: KeyPath) -> None:
        self.blank()
        start = self.at
        keys = self.key()
        end, self.at = self.at, start
        path = self.note_all(table, keys)
        self.at = end
        self.take("=")
        self.value(path)

    def value(self, path: KeyPath) -> None:
        self.blank()
        if self.take("["):
            for index in self.items("]"):
                self.note((*path, index))
                self.value((*path, index))
        elif self.take("{"):
            for _ in self.items("}"):
                self.pair(path)
        elif self.string() is None:
            match = _SCALAR.match(self.text, self.at)
            assert match is not None
            self.at = match.end()

    def items(self, closing: str) -> Iterator[int]:
        index = 0
        while True:
            self.blank()
            if self.take(closing):
                return
            yield index
            index += 1
            self.blank()
            self.take(",")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every key, table and array element of a valid TOML text."""
    return _Scanner(text).document()


def path_text(path: KeyPath) -> str:
    """`pe[1].call[0].supports`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else repr(part))
    return text


def shortened(text: str, most: int = 200, end: int = 0) -> str:
    """What a file's author may have made very long, for a message: its beginning, and its `end` last characters."""
    return text if len(text) <= most + end else f"{text[:most]}...{text[len(text) - end :]}"


@dataclass(frozen=True)
class TomlFile:
    """A parsed file with the line of every key. Floats are Decimals, so that 0.1 is a tenth."""

    path: Path
    data: dict[str, Any]
    lines: dict[KeyPath, int] = field(repr=False)
    origins: dict[KeyPath, Path] = field(default_factory=dict, repr=False)
    """The file that a line is one of, where it is not `path`."""

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """Raises TomlError where the file can't be read or is no TOML."""
        try:
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except OSError as error:
            raise TomlError(f"{path}: can't be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise TomlError(f"{path}:{line}: not UTF-8 text") from error
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, path: Path) -> TomlFile:
        try:
            data = tomllib.loads(text, parse_float=Decimal)
            lines = key_lines(text)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            place = _PLACE.search(message)
            line = text.count("\n") + 1 if place is None or place[1] is None else int(place[1])
            raise TomlError(f"{path}:{line}: not TOML: {_PLACE.sub('', message)}") from error
        except (RecursionError, ValueError, ArithmeticError) as error:
            raise TomlError(f"{path}:1: not TOML that can be read: {unreadable(error)}") from error
        return cls(path, data, lines)

    def at(self, path: KeyPath) -> Any:
        """The value at a path that is in the file."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return value

    def where(self, path: KeyPath) -> str:
        """`file:line: key`; the line of the nearest enclosing key where this one is not in the file."""
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        place = f"{self.origins.get(at, self.path)}:{self.lines[at]}" if at else f"{self.path}:1"
        return f"{place}: {shortened(path_text(path))}" if path else place

    def fail(self, path: KeyPath, message: str) -> TomlError:
        return TomlError(f"{self.where(path)}: {shortened(message, 1500, 1500)}")

    def root(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Section:
        return Section(self, (), self.data, required, optional)


class Section:
    """One table of a file. Making it refuses unknown and missing keys, reading a key a value of a wrong kind."""

    def __init__(
        self, file: TomlFile, path: KeyPath, data: object, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ):
        self.file, self.path = file, path
        if not isinstance(data, dict):
            raise file.fail(path, f"needs a table, got {kind_of(data)}")
        self.data: dict[str, Any] = data
        allowed = (*required, *optional)
        for key in data:
            if key not in allowed:
                close = difflib.get_close_matches(key, allowed, 1)
                meant = f"; did you mean {close[0]}?" if close else ""
                raise file.fail((*path, key), f"unknown key; the keys here are {', '.join(allowed)}{meant}")
        for key in required:
            if key not in data:
                raise file.fail((*path, key), f"missing; the keys needed here are {', '.join(required)}")

    def fail(self, key: str, message: str) -> TomlError:
        return self.file.fail((*self.path, key), message)

    def where(self, key: str) -> str:
        return self.file.where((*self.path, key))

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def text(self, key: str) -> str:
        value = self.data[key]
        if not isinstance(value, str) or not value.strip():
            raise self.fail(key, f"needs a text, got {kind_of(value)}")
        return value

    def truth(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, f"needs true or false, got {kind_of(value)}")
        return value

    def integer(self, key: str, least: int, most: int) -> int:
        value = self.data[key]
        if type(value) is not int or not least <= value <= most:
            raise self.fail(key, f"needs an integer from {least} to {most}, got {kind_of(value)}")
        return value

    def positive(self, key: str, zero: bool = False) -> Fraction:
        """A number above 0 (or 0, if `zero`), exactly as written."""
        value = self.data[key]
        wanted = f"needs a number {'of at least' if zero else 'above'} 0 and below 1e{MAX_EXPONENT}"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.fail(key, f"{wanted}, got {kind_of(value)}")
        number = Decimal(value)
        if not number.is_finite() or (abs(number.adjusted()) >= MAX_EXPONENT and number):
            raise self.fail(key, f"{wanted}, got {value}")
        if number < 0 or (number == 0 and not zero):
            raise self.fail(key, f"{wanted}, got {value}")
        return Fraction(number)

    def sections(self, key: str) -> list[KeyPath]:
        """The paths of an array of tables, at least one."""
        value = self.data[key]
        if not isinstance(value, list) or not value:
            raise self.fail(key, f"needs an array of tables, at least one, got {kind_of(value)}")
        return [(*self.path, key, index) for index in range(len(value))]

    def table(self, key: str) -> dict[str, Any]:
        """A table whose keys are free names."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(key, f"needs a table, got {kind_of(value)}")
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise self.file.fail((*self.path, key, name), "a name is lower-case letters, digits and _")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of texts, at least one."""
        value = self.data[key]
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.fail(key, f"needs an array of texts, at least one, got {kind_of(value)}")
        return tuple(value)


def unreadable(error: Exception) -> str:
    """Why a text that may be well-formed could not be taken in."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, ArithmeticError):  # decimal's own, of its constructor
        return "a number's exponent is too large"
    return str(error)


def kind_of(value: object) -> str:
    """A short word for a wrong value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)[:40] if isinstance(value, Decimal) or value.bit_length() < 128 else "a huge integer"
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array" if value else "an empty array"
    return f"a {type(value).__name__}"
