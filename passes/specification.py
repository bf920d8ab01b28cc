"""A pass pipeline's text -> passes: `a,b{option=1 other="x y"}`, also in MLIR's form `builtin.module(a,func.func(b))`.

    pipeline ::= element (`,` element)*
    element  ::= name (`{` option* `}`)?  |  anchor `(` pipeline `)`
    option   ::= name (`=` value (`,` value)*)?
    value    ::= `"` text `"` | `'` text `'` | any text without spaces, quotes, commas and braces

Spaces may stand between all of these, and separate options. Anchors nest and are flattened: a pass here always takes
the whole module. An option is a field of the pass's dataclass, its `-` written as `_` there.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from xdsl.passes import ModulePass

from cedr.passes import UnknownPassError, get_pass
from cedr.target.errors import CedrError

_ANCHORS = ("builtin.module", "func.func", "any")
_WORD = re.compile(r"[A-Za-z0-9_.\-]+")
_VALUE = re.compile(r"""[^\s"',{}]+""")
_SPACE = re.compile(r"\s*")


class PipelineError(CedrError):
    """A pipeline's text that can't be taken, with the text and a caret under the place."""

    def __init__(self, text: str, position: int, message: str):
        line_start = text.rfind("\n", 0, position) + 1
        line = text[line_start:].split("\n", 1)[0]
        super().__init__(f"pass pipeline: {message}\n  {line}\n  {' ' * (position - line_start)}^")
        self.position = position


@dataclass(frozen=True)
class Value:
    """One value of an option as written; what stood in quotes is text and nothing else."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Option:
    name: str
    values: tuple[Value, ...] | None
    """None: the name alone, without `=`."""
    position: int


@dataclass(frozen=True)
class PassCall:
    """A pass as a pipeline's text names it."""

    name: str
    options: tuple[Option, ...]
    position: int


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.position = 0

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        raise PipelineError(self.text, self.position if position is None else position, message)

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def at(self, char: str) -> bool:
        """Take a character if it comes next."""
        self.skip()
        if not self.text.startswith(char, self.position):
            return False
        self.position += 1
        return True

    def word(self, wanted: str) -> str:
        self.skip()
        match = _WORD.match(self.text, self.position)
        if match is None:
            self.fail(f"expected {wanted}")
        self.position = match.end()
        return match.group()

    def whole(self) -> list[PassCall]:
        self.skip()
        if self.position == len(self.text):
            return []
        calls = self.pipeline()
        self.skip()
        if self.position != len(self.text):
            self.fail("expected ',' or the end of the pipeline")
        return calls

    def pipeline(self) -> list[PassCall]:
        calls = self.element()
        while self.at(","):
            calls += self.element()
        return calls

    def element(self) -> list[PassCall]:
        self.skip()
        position = self.position
        name = self.word("the name of a pass")
        if self.at("("):
            if name not in _ANCHORS:
                self.fail(f"'{name}' can't be nested in; only {', '.join(_ANCHORS)} can", position)
            if self.at(")"):
                return []
            calls = self.pipeline()
            if not self.at(")"):
                self.fail("expected ',' or ')'")
            return calls
        options: list[Option] = []
        if self.at("{"):
            while not self.at("}"):
                options.append(self.option())
        return [PassCall(name, tuple(options), position)]

    def option(self) -> Option:
        self.skip()
        position = self.position
        if position == len(self.text):
            self.fail("expected '}'")
        name = self.word("the name of an option, or '}'")
        if not self.at("="):
            return Option(name, None, position)
        values = [self.value()]
        while self.at(","):
            values.append(self.value())
        return Option(name, tuple(values), position)

    def value(self) -> Value:
        self.skip()
        for quote in "\"'":
            if self.text.startswith(quote, self.position):
                end = self.text.find(quote, self.position + 1)
                if end < 0:
                    self.fail(f"no closing {quote}")
                text = self.text[self.position + 1 : end]
                self.position = end + 1
                return Value(text, quoted=True)
        match = _VALUE.match(self.text, self.position)
        if match is None:
            self.fail("expected a value")
        self.position = match.end()
        return Value(match.group())


def parse_pipeline(text: str) -> list[PassCall]:
    """The passes that a text names, in order. Raises PipelineError."""
    return _Parser(text).whole()


@dataclass(frozen=True)
class OptionInfo:
    """One option of a pass, in the words of its users."""

    name: str
    type: str
    default: str | None
    """None: it has to be given."""


def option_infos(pass_class: type[ModulePass]) -> tuple[OptionInfo, ...]:
    """The options of a pass: names, types and defaults."""
    hints = get_type_hints(pass_class)
    infos = []
    for field in _fields(pass_class):
        default: str | None = None
        if field.default is not dataclasses.MISSING:
            default = _spell(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            default = _spell(field.default_factory())
        infos.append(OptionInfo(field.name.replace("_", "-"), _type_name(hints[field.name]), default))
    return tuple(infos)


def make_pass(text: str, call: PassCall) -> ModulePass:
    """The pass that `call`, a part of the pipeline `text`, names. Raises PipelineError."""
    try:
        pass_class = get_pass(call.name)
    except UnknownPassError as error:
        raise PipelineError(text, call.position, str(error)) from None
    fields = {field.name: field for field in _fields(pass_class)}
    hints = get_type_hints(pass_class)
    arguments: dict[str, Any] = {}
    for option in call.options:
        name = option.name.replace("-", "_")
        if name not in fields:
            there = ", ".join(f"{info.name} ({info.type})" for info in option_infos(pass_class)) or "none"
            raise PipelineError(
                text, option.position, f"'{call.name}' has no option '{option.name}'; its options: {there}"
            )
        if name in arguments:
            raise PipelineError(text, option.position, f"'{call.name}' is given the option '{option.name}' twice")
        try:
            arguments[name] = _convert(option.values, hints[name])
        except ValueError:
            given = "nothing" if option.values is None else ",".join(value.text for value in option.values)
            wanted = _type_name(hints[name])
            message = f"option '{option.name}' of '{call.name}' wants {wanted}, got {given}"
            raise PipelineError(text, option.position, message) from None
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in arguments:
            wanted = f"{name.replace('_', '-')} ({_type_name(hints[name])})"
            raise PipelineError(text, call.position, f"'{call.name}' needs the option {wanted}")
    try:
        return pass_class(**arguments)
    except (CedrError, ValueError) as error:
        raise PipelineError(text, call.position, f"'{call.name}': {error}") from error


def make_passes(text: str) -> tuple[ModulePass, ...]:
    """The passes of a pipeline, their options checked and converted. Raises PipelineError."""
    return tuple(make_pass(text, call) for call in parse_pipeline(text))


def _fields(pass_class: type[ModulePass]) -> Sequence[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(pass_class) if field.init and field.name != "name"]


def _alternatives(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)


def _convert(values: tuple[Value, ...] | None, wanted: Any) -> Any:
    """Raises ValueError where no alternative of the wanted type takes the values."""
    for kind in _alternatives(wanted):
        try:
            return _convert_to(values, kind)
        except ValueError:
            continue
    raise ValueError


def _convert_to(values: tuple[Value, ...] | None, wanted: Any) -> Any:
    if values is None:
        if wanted is bool:
            return True
        raise ValueError
    if get_origin(wanted) is tuple:
        items = get_args(wanted)
        if len(items) == 2 and items[1] is Ellipsis:
            return tuple(_convert((value,), items[0]) for value in values)
        return tuple(_convert((value,), item) for value, item in zip(values, items, strict=True))
    if len(values) != 1:
        raise ValueError
    return _convert_one(values[0], wanted)


def _convert_one(value: Value, wanted: Any) -> Any:
    if wanted is str:
        return value.text
    if get_origin(wanted) is Literal:
        for choice in get_args(wanted):
            if value.text == str(choice):
                return choice
        raise ValueError
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(value.text)
    if value.quoted:
        raise ValueError
    if wanted is types.NoneType and value.text == "none":
        return None
    if wanted is bool and value.text in ("true", "false"):
        return value.text == "true"
    if wanted is int and re.fullmatch(r"[-+]?[0-9]+", value.text):
        return int(value.text)
    if wanted is float:
        return float(value.text)
    raise ValueError


_NAMES: dict[Any, str] = {int: "int", float: "float", str: "text", bool: "true|false", types.NoneType: "none"}


def _type_name(wanted: Any) -> str:
    if (origin := get_origin(wanted)) in (Union, types.UnionType):
        return " or ".join(map(_type_name, typing.get_args(wanted)))
    if origin is Literal:
        return "|".join(map(str, get_args(wanted)))
    if origin is tuple:
        items = get_args(wanted)
        if len(items) == 2 and items[1] is Ellipsis:
            return f"list of {_type_name(items[0])}"
        return ",".join(map(_type_name, items))
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return "|".join(str(member.value) for member in wanted)
    return _NAMES.get(wanted, str(wanted))


def _spell(value: Any) -> str:
    """A default, as it would be written in a pipeline."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case tuple():
            return ",".join(map(_spell, value))
        case str() if not _VALUE.fullmatch(value):
            return f'"{value}"'
        case _:
            return str(value)
