"""Lines of keys, and strict sections."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedr.target.errors import CedrError
from cedr.target.extends import PLATFORMS_DIR
from cedr.target.toml_file import TomlError, TomlFile, key_lines, path_text

TEXT = '''a = 1 # c [x]
b.c = "x # = ["
"q.r" = {m = 1, n = [1,
 2]}

[t.u]
x = """
k = 3 ""
"""
y = [
  {on = "core", ns = 'a"b'}, # hi
  # a comment, with = and ]
  {on = "pe"},
]
[[pe]]
name = 1
[[pe.call]]
z = 2
[[pe.call]]
z = 3
  [pe.power]
w = 1979-05-27T07:32:00Z
[[pe]]
name = \'\'\'
x = \'\'\'
last = 0x1F
'''
LINES = {
    "a": 1,
    "b": 2,
    "b.c": 2,
    "'q.r'": 3,
    "'q.r'.m": 3,
    "'q.r'.n": 3,
    "'q.r'.n[0]": 3,
    "'q.r'.n[1]": 4,
    "t": 6,
    "t.u": 6,
    "t.u.x": 7,
    "t.u.y": 10,
    "t.u.y[0]": 11,
    "t.u.y[0].on": 11,
    "t.u.y[0].ns": 11,
    "t.u.y[1]": 13,
    "t.u.y[1].on": 13,
    "pe": 15,
    "pe[0]": 15,
    "pe[0].name": 16,
    "pe[0].call": 17,
    "pe[0].call[0]": 17,
    "pe[0].call[0].z": 18,
    "pe[0].call[1]": 19,
    "pe[0].call[1].z": 20,
    "pe[0].power": 21,
    "pe[0].power.w": 22,
    "pe[1]": 23,
    "pe[1].name": 24,
    "pe[1].last": 26,
}


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """All paths in a parsed document."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths_of(inner, (*path, index))
    return found


def test_lines_of_keys() -> None:
    assert {path_text(path): line for path, line in key_lines(TEXT).items()} == LINES
    assert set(key_lines(TEXT)) == set(paths_of(tomllib.loads(TEXT)))


@pytest.mark.parametrize("path", sorted(PLATFORMS_DIR.glob("*.toml")), ids=lambda path: path.stem)
def test_every_key_of_a_platform_file_has_its_line(path: Path) -> None:
    text = path.read_text()
    lines = key_lines(text)
    assert set(lines) == set(paths_of(tomllib.loads(text)))
    for key_path, line in lines.items():
        if isinstance(key_path[-1], str):
            assert key_path[-1] in text.split("\n")[line - 1]


values = st.recursive(
    st.sampled_from(["1", "-2.5", "true", '"a]b"', "'x}'", '"""m\nn"""', "'''p'''", '"\\"#"', "1979-05-27", "inf"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",\n ".join(items) + " ]"),
        st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{index} = {item}" for index, item in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)
entries = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["a", "b.c", '"d e"', "b . f"]), values).map(lambda t: f"{t[0]} = {t[1]} # x"),
        st.sampled_from(["[t]", "[t.u]", "[[w]]", "[[w.x]]", "[w.y]", "", "# [[z]]"]),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(entries)
def test_whatever_tomllib_reads_has_lines(items: list[str]) -> None:
    text = "\n".join(items)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(TomlError, match=r"^f\.toml:\d+: not TOML: "):
            TomlFile.parse(text, Path("f.toml"))
    else:
        assert set(key_lines(text)) == set(paths_of(data))


@settings(max_examples=300, deadline=None)
@given(st.text("ab=.[]{}\"'#\n 1,\\", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        file = TomlFile.parse(text, Path("f.toml"))
    except CedrError as error:
        assert str(error).startswith("f.toml")
    else:
        assert set(file.lines) == set(paths_of(file.data))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb = \n", r":2: not TOML: Invalid value"),
        (b"a = 1\na = 2\n", r":2: not TOML: Cannot overwrite a value"),
        (b'a = 1\nb = "', r":2: not TOML: Unterminated string"),
        (b"a = 1\n\xff", r":2: not UTF-8 text"),
        (b"a = " + b"[" * 100_000, r":1: not TOML that can be read: nested too deep"),
        (b"a = 1e" + b"9" * 30, r":1: not TOML that can be read: a number's exponent is too large"),
        (b"a = " + b"1" * 10_000, r":1: not TOML that can be read: "),
    ],
)
def test_refused_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes(content)
    with pytest.raises(TomlError, match=r"f\.toml" + message):
        TomlFile.read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TomlError, match=r"gone\.toml: can't be read: No such file"):
        TomlFile.read(tmp_path / "gone.toml")


def test_a_byte_order_mark_and_dos_line_ends_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    file = TomlFile.read(path)
    assert file.data == {"a": 1, "b": 2} and file.where(("b",)) == f"{path}:2: b"


def test_a_value_that_is_very_long_leaves_a_message_its_advice() -> None:
    file = TomlFile.parse(f'unit = "{"x" * 9000}"', Path("a.toml"))
    message = str(file.fail(("unit",), f"unknown unit {file.data['unit']!r}; a unit is s or Hz"))
    assert message.startswith("a.toml:1: unit: unknown unit 'xxx") and message.endswith("xxx'; a unit is s or Hz")
    assert len(message) < 3100
