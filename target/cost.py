"""Expressions over a call's dimensions: what a platform file, and the API table, say about costs, sizes and limits.

    expression   x if condition else y | or | and | not | comparisons, chained, and `in ("a", "b")`
                 + - * / // % | unary + - | ( ) | numbers (1_000, 0.082), "texts", true, false, names
    functions    min max (two or more), abs ceil floor log2 is_power_of_two (one)

Numbers are exact (integers and fractions), so that rounding happens once, at the end, and is the same everywhere; only
log2 of what is no power of two is a float's value. Precedence is Python's. Every expression is parsed and type-checked
once, against the names it may use; nothing is ever handed to Python's eval.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal, cast

from cedr.target.errors import CedrError

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

Value = int | Fraction | bool | str
Kind = Literal["number", "truth", "text"]
Values = Mapping[str, Value]
_Evaluate = Callable[[Values], Value]

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 64

_GRAMMAR: Final = r"""
?start: choice
?choice: either | either "if" either "else" choice -> if_else
?either: both | either OR both -> logic
?both: negation | both AND negation -> logic
?negation: comparison | NOT negation -> logical_not
?comparison: sum | sum (COMPARE sum)+ -> compare | sum IN texts -> member | sum NOT IN texts -> no_member
texts: "(" TEXT ("," TEXT)* ","? ")"
?sum: product | sum SIGN product -> arithmetic
?product: unary | product FACTOR unary -> arithmetic
?unary: atom | SIGN unary -> sign
?atom: NUMBER -> number | TEXT -> text | TRUTH -> truth | NAME -> name
     | NAME "(" [choice ("," choice)*] ")" -> call
     | "(" choice ")"
OR: "or"
AND: "and"
NOT: "not"
IN: "in"
TRUTH.2: /(true|false)\b/
COMPARE: "<=" | ">=" | "==" | "!=" | "<" | ">"
SIGN: "+" | "-"
FACTOR: "//" | "/" | "*" | "%"
NUMBER: /\d+(_\d+)*(\.\d+(_\d+)*)?/
TEXT: /"[^"\n]*"|'[^'\n]*'/
NAME: /[A-Za-z_][A-Za-z_0-9]*/
%ignore /[ \t\r\n]+/
"""

_TERMINALS: Final = {
    "NUMBER": "a number",
    "NAME": "a name",
    "TEXT": "a text in quotes",
    "TRUTH": "true or false",
    "SIGN": "+ or -",
    "FACTOR": "one of * / // %",
    "COMPARE": "a comparison",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "$END": "the end",
}


class ExpressionError(CedrError):
    """An expression that does not parse, uses a name that is not there, mixes kinds of values, or has no value."""


def _log2(x: int | Fraction) -> int | Fraction:
    if x <= 0:
        raise ZeroDivisionError(f"log2 of {x}")
    exact = Fraction(x)
    if _is_power_of_two(exact.numerator) and _is_power_of_two(exact.denominator):
        return exact.numerator.bit_length() - exact.denominator.bit_length()
    return Fraction(math.log2(exact.numerator) - math.log2(exact.denominator))


def _is_power_of_two(x: int | Fraction) -> bool:
    return x > 0 and x.denominator == 1 and not x.numerator & (x.numerator - 1)


def _divide(a: int | Fraction, b: int | Fraction) -> int | Fraction:
    quotient = Fraction(a) / b
    return quotient.numerator if quotient.denominator == 1 else quotient


_ARITHMETIC: Final[dict[str, Callable[..., Value]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "//": operator.floordiv,
    "%": operator.mod,
}
_COMPARE: Final[dict[str, Callable[..., bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FUNCTIONS: Final[dict[str, tuple[Callable[..., Value], int, int | None, Kind]]] = {
    "min": (min, 2, None, "number"),
    "max": (max, 2, None, "number"),
    "abs": (abs, 1, 1, "number"),
    "ceil": (math.ceil, 1, 1, "number"),
    "floor": (math.floor, 1, 1, "number"),
    "log2": (_log2, 1, 1, "number"),
    "is_power_of_two": (_is_power_of_two, 1, 1, "truth"),
}
FUNCTIONS: Final = tuple(_FUNCTIONS)


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Tree[Token]:
    """Files that extend one another have the same expressions."""
    return _parser().parse(text)


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its text, where it stands, the kind of its value, the names it uses."""

    text: str
    where: str
    kind: Kind
    names: frozenset[str]
    _evaluate: _Evaluate

    def value(self, values: Values) -> Value:
        """The exact value. Raises ExpressionError where there is none (a division by zero), with the values used."""
        try:
            return self._evaluate(values)
        except (ZeroDivisionError, OverflowError) as error:
            used = ", ".join(f"{name} = {values[name]}" for name in sorted(self.names))
            reason = str(error) if "log2" in str(error) else "division by zero"
            raise ExpressionError(
                f"{self.where}: {self.text!r} has no value ({reason}){' where ' if used else ''}{used}"
            ) from error

    def number(self, values: Values) -> int | Fraction:
        """The exact value of an expression of kind `number`."""
        value = self.value(values)
        assert not isinstance(value, str | bool)
        return value

    def ceiling(self, values: Values) -> int:
        """The value of an expression of kind `number`, rounded up."""
        return math.ceil(self.number(values))

    def truth(self, values: Values) -> bool:
        """The value of an expression of kind `truth`."""
        value = self.value(values)
        assert isinstance(value, bool)
        return value

    @property
    def is_constant(self) -> bool:
        """Whether no name occurs in it."""
        return not self.names


def parse_expression(text: str, names: Mapping[str, Kind], kind: Kind = "number", where: str = "") -> Expression:
    """Parse an expression that may use `names` and whose value must be of `kind`.

    Raises ExpressionError with `where`, the column, what was found, and what there is instead.
    """
    return _Check(text, names, where or "expression").run(kind)


@dataclass(frozen=True)
class _Typed:
    kind: Kind
    evaluate: _Evaluate


class _Check:
    """From a parse tree to a function, checking names and kinds on the way."""

    def __init__(self, text: str, names: Mapping[str, Kind], where: str):
        self.text, self.names, self.where = text, names, where
        self.used: set[str] = set()

    def fail(self, column: int, message: str) -> ExpressionError:
        return ExpressionError(f"{self.where}: column {column} of {self.text!r}: {message}")

    def run(self, kind: Kind) -> Expression:
        from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

        if len(self.text) > MAX_LENGTH:
            raise ExpressionError(f"{self.where}: an expression has at most {MAX_LENGTH} characters")
        try:
            tree = _parsed(self.text)
        except UnexpectedCharacters as error:
            position = error.pos_in_stream or 0
            raise self.fail(position + 1, f"unexpected {self.text[position]!r}") from None
        except (UnexpectedToken, UnexpectedEOF) as error:
            token = cast("Token", getattr(error, "token", None))
            ended = token is None or token.type == "$END"
            column = len(self.text) + 1 if ended or token.start_pos is None else token.start_pos + 1
            wanted = sorted(_TERMINALS.get(name, f"'{name.lower()}'") for name in error.expected)
            found = "the expression ends here" if ended else f"unexpected {str(token)!r}"
            raise self.fail(column, f"{found}; expected {', '.join(wanted)}") from None
        typed = self.visit(tree, 0)
        if typed.kind != kind:
            raise ExpressionError(f"{self.where}: {self.text!r} is a {typed.kind}; a {kind} is wanted")
        return Expression(self.text, self.where, kind, frozenset(self.used), typed.evaluate)

    def visit(self, tree: Tree[Token] | Token, depth: int) -> _Typed:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"{self.where}: an expression is nested at most {MAX_DEPTH} deep")
        assert not isinstance(tree, str)
        handler: Callable[[list[Tree[Token] | Token], int], _Typed] = getattr(self, "on_" + str(tree.data))
        return handler(tree.children, depth + 1)

    def operand(self, tree: Tree[Token] | Token, kind: Kind, depth: int, at: Token) -> _Evaluate:
        typed = self.visit(tree, depth)
        if typed.kind != kind:
            raise self.fail((at.start_pos or 0) + 1, f"{str(at)!r} takes a {kind}, got a {typed.kind}")
        return typed.evaluate

    # Leaves.

    def on_number(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        digits = str(children[0]).replace("_", "")
        value: Value = Fraction(digits) if "." in digits else int(digits)
        return _Typed("number", lambda values: value)

    def on_text(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        value = str(children[0])[1:-1]
        return _Typed("text", lambda values: value)

    def on_truth(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        value = str(children[0]) == "true"
        return _Typed("truth", lambda values: value)

    def on_name(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        token = cast("Token", children[0])
        name = str(token)
        if name not in self.names:
            known = ", ".join(sorted(self.names)) or "none"
            hint = f"; {name} is a function" if name in _FUNCTIONS else ""
            raise self.fail((token.start_pos or 0) + 1, f"no name {name!r}; the names there are: {known}{hint}")
        self.used.add(name)
        return _Typed(self.names[name], operator.itemgetter(name))

    # Operators.

    def on_if_else(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        then, condition, otherwise = (self.visit(child, depth) for child in children)
        column = 1
        if condition.kind != "truth":
            raise self.fail(column, f"a condition is a truth, got a {condition.kind}")
        if then.kind != otherwise.kind:
            raise self.fail(column, f"both sides of if-else are of one kind, got a {then.kind} and a {otherwise.kind}")
        a, c, b = then.evaluate, condition.evaluate, otherwise.evaluate
        return _Typed(then.kind, lambda values: a(values) if c(values) else b(values))

    def on_logic(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        token = cast("Token", children[1])
        a, b = (self.operand(child, "truth", depth, token) for child in (children[0], children[2]))
        if token == "or":
            return _Typed("truth", lambda values: a(values) or b(values))
        return _Typed("truth", lambda values: a(values) and b(values))

    def on_logical_not(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        a = self.operand(children[1], "truth", depth, cast("Token", children[0]))
        return _Typed("truth", lambda values: not a(values))

    def on_compare(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        tokens = [cast("Token", token) for token in children[1::2]]
        sides = [self.visit(child, depth) for child in children[::2]]
        for token, a, b in zip(tokens, sides, sides[1:], strict=False):
            equality = token in ("==", "!=")
            if a.kind != b.kind or (a.kind != "number" and not equality):
                raise self.fail((token.start_pos or 0) + 1, f"can't compare a {a.kind} {token} a {b.kind}")
        tests = [_COMPARE[str(token)] for token in tokens]
        getters = [side.evaluate for side in sides]

        def chain(values: Values) -> bool:
            left = getters[0](values)
            for test, getter in zip(tests, getters[1:], strict=True):
                right = getter(values)
                if not test(left, right):
                    return False
                left = right
            return True

        return _Typed("truth", chain)

    def on_member(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        a = self.operand(children[0], "text", depth, cast("Token", children[1]))
        texts = frozenset(str(token)[1:-1] for token in cast("Tree[Token]", children[-1]).children)
        return _Typed("truth", lambda values: a(values) in texts)

    def on_no_member(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        inside = self.on_member([children[0], *children[2:]], depth).evaluate
        return _Typed("truth", lambda values: not inside(values))

    def on_arithmetic(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        token = cast("Token", children[1])
        a, b = (self.operand(child, "number", depth, token) for child in (children[0], children[2]))
        compute = _ARITHMETIC[str(token)]
        return _Typed("number", lambda values: compute(a(values), b(values)))

    def on_sign(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        token = cast("Token", children[0])
        a = self.operand(children[1], "number", depth, token)
        if token == "+":
            return _Typed("number", a)
        return _Typed("number", lambda values: -cast(int, a(values)))

    def on_call(self, children: list[Tree[Token] | Token], depth: int) -> _Typed:
        token = cast("Token", children[0])
        name, column = str(token), (token.start_pos or 0) + 1
        arguments = [child for child in children[1:] if child is not None]
        if name not in _FUNCTIONS:
            raise self.fail(column, f"no function {name!r}; the functions there are: {', '.join(FUNCTIONS)}")
        compute, least, most, kind = _FUNCTIONS[name]
        if len(arguments) < least or (most is not None and len(arguments) > most):
            count = f"{least} argument" if most == least else f"{least} or more arguments"
            raise self.fail(column, f"{name} takes {count}, got {len(arguments)}")
        getters = [self.operand(argument, "number", depth, token) for argument in arguments]
        return _Typed(kind, lambda values: compute(*(getter(values) for getter in getters)))
