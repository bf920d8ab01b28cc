"""Configuration files with something wrong in them, and what a reader says of them.

`changed` makes one by hand, `mutated` by one to four seeded changes: lines, characters, values that are odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest

from cedr.runtime.scenario import Scenario
from cedr.target.errors import CedrError

Reader = Callable[[str], Scenario]
"""Reads a file's text; its name is a letter, as `s.toml`."""

ODD_VALUES = (
    *("0", "-1", "1", "0.5", "-0.0", "1e400", "1e-400", "99999999999999999999", "9223372036854775808", "1" + "0" * 400),
    *("true", "false", "null", "nan", "inf", '""', '" "', '"x"', '"cpu1"', '"../x"', '"\\u0000"', '"fixed"', '"trace"'),
    *("[]", "{}", "[1]", '["a"]', "[[1]]", "[3, 1]", "[-1]", "[true]", '"é"', "1979-05-27", "0x10", "1_0"),
)
_VALUE = re.compile(r'-?\d[\d_.eE+-]*|"(?:[^"\\\n]|\\.)*"|\btrue\b|\bfalse\b')


def mutated(text: str, random: Random) -> str:
    """The text with one to four changes."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = random.choice(_CHANGES)(text, random)
    return text


def _line(text: str, random: Random) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(random.randrange(len(lines)), lines[at])
        case 2:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            lines = lines[:at]
    return "\n".join(lines)


def _character(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    put: str = random.choice(("", *'"[]{}=:,.#\\\n -0aZé\0\ufeff\ud7ff'))
    return text[:at] + put + text[at + random.randrange(2) :]


def _value(text: str, random: Random) -> str:
    found = list(_VALUE.finditer(text))
    if not found:
        return text
    old = random.choice(found)
    new = random.choice((*ODD_VALUES, random.choice(found).group()))
    return text[: old.start()] + new + text[old.end() :]


_CHANGES = (_line, _character, _value, _value)


def changed(text: str, old: str, new: str) -> str:
    """The text with `new` for the first `old`, which is in it."""
    assert old in text
    return text.replace(old, new, 1)


def refusal(read: Reader, text: str) -> str:
    """With what words a text is refused, when it is read or settled at the latest."""
    with pytest.raises(CedrError) as caught:
        read(text).settle()
    return str(caught.value)


def accepted_or_refused(read: Reader, text: str, seeds: range) -> tuple[list[Scenario], int]:
    """What is accepted of a text's mutations, and how many are refused; whatever else happens fails the test."""
    accepted: list[Scenario] = []
    for seed in seeds:
        try:
            scenario = read(mutated(text, Random(seed)))
            scenario.settle()
        except CedrError as error:
            assert re.match(r"[a-z]\.[a-z]+:\d+: \S", str(error)), f"seed {seed}: {error}"
        else:
            accepted.append(scenario)
    return accepted, len(seeds) - len(accepted)
