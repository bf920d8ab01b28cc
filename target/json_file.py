"""Strict reading of JSON files: every refusal names file, line and key, as `toml_file.py` does for TOML."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

from cedr.target.toml_file import KeyPath, TomlError, TomlFile, unreadable

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|\n')


class JsonError(TomlError):
    """A file that is no JSON, or has a key missing, unknown, or of a wrong value."""


class _WrongError(ValueError):
    """A token that Python's parser accepts and JSON does not want, and what is wrong with it."""


class JsonFile(TomlFile):
    """A parsed file with the line of every key, for the same sections. Fractions are Decimals, so that 0.1 is a tenth."""

    @classmethod
    def parse(cls, text: str, path: Path) -> JsonFile:
        """Raises JsonError where the text is no JSON, names a key twice, or holds NaN or an infinity."""
        try:
            data = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_twice)
            if not isinstance(data, dict):
                raise ValueError("needs an object, {...}, at the top")
            return cls(path, data, key_lines(text))
        except json.JSONDecodeError as error:
            raise JsonError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
        except _WrongError as error:
            token, message = error.args
            raise JsonError(f"{path}:{_last_line(text, token)}: {message}") from error
        except (ValueError, RecursionError, ArithmeticError) as error:
            raise JsonError(f"{path}:1: not JSON that can be read: {unreadable(error)}") from error

    def fail(self, path: KeyPath, message: str) -> JsonError:
        return JsonError(f"{self.where(path)}: {message}")


def _no_constant(text: str) -> NoReturn:
    raise _WrongError(text, f"not JSON: {text} is no number there")


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _WrongError(json.dumps(key, ensure_ascii=False), f"{key}: is given twice")
        found[key] = value
    return found


def _last_line(text: str, wanted: str) -> int:
    """The line on which a token stands last; 1 where it is spelt otherwise."""
    line, found = 1, 1
    for match in _TOKEN.finditer(text):
        line += match.group() == "\n"
        if match.group() == wanted:
            found = line
    return found


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every key and array element of a valid JSON text."""
    lines: dict[KeyPath, int] = {}
    line = 1
    path: list[str | int] = []
    key_next: list[bool] = []  # of each open object or array: whether a key comes next; False in arrays
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
            continue
        in_array = bool(path) and isinstance(path[-1], int)
        if token == ",":
            if in_array:
                path[-1] = int(path[-1]) + 1
            else:
                key_next[-1] = True
            continue
        if token in ("}", "]"):
            path.pop()
            key_next.pop()
            continue
        if token == ":":
            continue
        if key_next and key_next[-1]:
            path[-1] = str(json.loads(token))
            key_next[-1] = False
            lines[tuple(path)] = line
            continue
        if in_array:
            lines[tuple(path)] = line
        if token in ("{", "["):
            path.append("" if token == "{" else 0)
            key_next.append(token == "{")
    return lines
