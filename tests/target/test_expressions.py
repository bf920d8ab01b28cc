"""Cost expressions: the same values as Python's own, and refusals that say where and what there is instead."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedr.target.cost import MAX_LENGTH, ExpressionError, Kind, Value, parse_expression
from cedr.target.errors import CedrError

NAMES: dict[str, Kind] = {"n": "number", "rate": "number", "kind": "text", "inverse": "truth"}
VALUES: dict[str, Value] = {"n": 24, "rate": Fraction(5, 2), "kind": "add", "inverse": True}

numbers = st.recursive(
    st.one_of(
        st.integers(0, 10**6).map(lambda i: f"{i:_}"),
        st.decimals(0, 1000, places=3).map(str),
        st.sampled_from(["n", "rate"]),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(st.sampled_from(["abs", "ceil", "floor"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), inner, inner).map(
            lambda t: f"({t[0]} if {t[1]} {t[2]} {t[3]} else {t[4]})"
        ),
    ),
    max_leaves=12,
)
comparisons = st.tuples(numbers, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), numbers).map(" ".join)
chained = st.tuples(comparisons, st.sampled_from(["<", ">="]), numbers).map(" ".join)
truths = st.recursive(
    st.one_of(comparisons, chained, st.sampled_from(["inverse", "true", "kind in ('add', 'sub')", "kind != 'add'"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map("not ({})".format),
    ),
    max_leaves=5,
)


def by_python(text: str) -> Any:
    """The value by Python's eval, with every decimal made exact."""
    exact = re.sub(r"(?<![\w.])\d[\d_]*(\.\d+)?", lambda m: f"Fraction('{m.group().replace('_', '')}')", text)
    exact = exact.replace("true", "True")
    values = {name: Fraction(value) if type(value) is int else value for name, value in VALUES.items()}
    functions = {
        "Fraction": Fraction,
        "ceil": lambda x: Fraction(math.ceil(x)),
        "floor": lambda x: Fraction(math.floor(x)),
    }
    return eval(exact, {**functions, **values})  # the tests' own oracle


@settings(max_examples=300, deadline=None)
@given(numbers)
def test_numbers_are_pythons(text: str) -> None:
    try:
        wanted = by_python(text)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="has no value"):
            parse_expression(text, NAMES).value(VALUES)
    else:
        expression = parse_expression(text, NAMES)
        assert expression.number(VALUES) == wanted
        assert expression.ceiling(VALUES) == math.ceil(wanted)


@settings(max_examples=200, deadline=None)
@given(truths)
def test_truths_are_pythons(text: str) -> None:
    try:
        wanted = by_python(text)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="has no value"):
            parse_expression(text, NAMES, "truth").value(VALUES)
    else:
        assert parse_expression(text, NAMES, "truth").truth(VALUES) is wanted


@settings(max_examples=300, deadline=None)
@given(st.text("n1. +-*/%()<>=!,'\"intruefalsemax", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for kind in ("number", "truth"):
        try:
            parse_expression(text, NAMES, kind)
        except CedrError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("log2(1024)", 10),
        ("log2(1)", 0),
        ("log2(1 / 8)", -3),
        ("0.1 * 30", 3),
        ("1_000 / 3", Fraction(1000, 3)),
        ("7 // 2 * 2", 6),
        ("-7 // 2", -4),
        ("2 - 3 - 4", -5),
        ("1 if 2 > 3 else 2 if 3 > 2 else 3", 2),
        ("trueish + iffy", 3),
    ],
)
def test_worked_values(text: str, value: Fraction) -> None:
    names: dict[str, Kind] = {"trueish": "number", "iffy": "number"}
    assert parse_expression(text, names).number({"trueish": 1, "iffy": 2}) == value


def test_log2_of_no_power_of_two_is_the_floats_value() -> None:
    assert float(parse_expression("log2(n)", NAMES).number(VALUES)) == pytest.approx(math.log2(24), rel=1e-15)


@pytest.mark.parametrize(("n", "is_one"), [(0, False), (1, True), (2, True), (3, False), (1024, True), (-4, False)])
def test_is_power_of_two(n: int, is_one: bool) -> None:
    assert parse_expression("is_power_of_two(n)", NAMES, "truth").truth({"n": n}) is is_one


def test_what_an_expression_uses_is_known() -> None:
    assert parse_expression("n * rate + max(n, 2)", NAMES).names == {"n", "rate"}
    assert parse_expression("2 * 3", NAMES).is_constant
    assert not parse_expression("n", NAMES).is_constant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n + m", "column 5 of 'n + m': no name 'm'; the names there are: inverse, kind, n, rate"),
        ("n + log10(n)", "column 5 of 'n + log10(n)': no function 'log10'; the functions there are: min, max, abs"),
        ("log2", "no name 'log2' ... log2 is a function"),
        ("n +", "column 4 of 'n +': the expression ends here; expected ... a number"),
        ("", "column 1 of '': the expression ends here"),
        ("n n", "column 3 of 'n n': unexpected 'n'"),
        ("n ** 2", "column 4 of 'n ** 2': unexpected '*'"),
        ("n @ 2", "column 3 of 'n @ 2': unexpected '@'"),
        ("(n", "the expression ends here; expected ')'"),
        ("min(n)", "column 1 of 'min(n)': min takes 2 or more arguments, got 1"),
        ("ceil(n, 2)", "ceil takes 1 argument, got 2"),
        ("ceil()", "ceil takes 1 argument, got 0"),
        ("n + inverse", "column 3 of ... : '+' takes a number, got a truth"),
        ("n < 'add'", "column 3 of ... : can't compare a number < a text"),
        ("kind < 'b'", "can't compare a text < a text"),
        ("n if n else 2", "a condition is a truth, got a number"),
        ("n if inverse else kind", "both sides of if-else are of one kind, got a number and a text"),
        ("n in ('a', 'b')", "'in' takes a text, got a number"),
        ("not n", "'not' takes a truth, got a number"),
        ("n and inverse", "'and' takes a truth, got a number"),
        ("-kind", "'-' takes a number, got a text"),
        ("n < 2", "'n < 2' is a truth; a number is wanted"),
        ("kind", "'kind' is a text; a number is wanted"),
        ("__import__('os')", "column 1 of ... no function '__import__'"),
        ("n.real", "column 2 of 'n.real': unexpected '.'"),
        ("1" + "+1" * MAX_LENGTH, f"at most {MAX_LENGTH} characters"),
        ("abs(" * 100 + "n" + ")" * 100, "nested at most 64 deep"),
        ("-" * 1000 + "n", "nested at most 64 deep"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, NAMES, where="here")
    assert str(caught.value).startswith("here: ")
    assert all(part in str(caught.value) for part in message.split(" ... "))


def test_a_number_where_a_truth_is_wanted() -> None:
    with pytest.raises(ExpressionError, match="'n' is a number; a truth is wanted"):
        parse_expression("n", NAMES, "truth")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / (n - 24)", r"'1 / \(n - 24\)' has no value \(division by zero\) where n = 24"),
        ("n % 0", "has no value"),
        ("log2(n - 24)", r"has no value \(log2 of 0\) where n = 24"),
    ],
)
def test_no_value(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_expression(text, NAMES).value(VALUES)
