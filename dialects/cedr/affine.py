"""Affine expressions in one normal form: `(c0*d0 + c1*d1 + ... + k) floordiv m`.

xDSL's AffineExpr neither normalises nor compares up to commutativity, so everything in this dialect that stands over a
grid's or a kernel's dimensions is brought into this form before it is compared, printed or evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import AffineMapAttr
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)
from xdsl.parser import AttrParser
from xdsl.parser.affine_parser import AffineParser


@dataclass(frozen=True)
class Affine:
    """`(sum(coefficients[i] * d_i) + constant) floordiv divisor`, divisor >= 1, in lowest terms."""

    coefficients: tuple[int, ...]
    constant: int = 0
    divisor: int = 1

    def __post_init__(self) -> None:
        if self.divisor < 1:
            raise ValueError(f"affine divisor must be positive, got {self.divisor}")
        if self.divisor > 1 and all(c % self.divisor == 0 for c in self.coefficients):
            # The variable part is a multiple of the divisor, so the constant divides on its own.
            object.__setattr__(self, "coefficients", tuple(c // self.divisor for c in self.coefficients))
            object.__setattr__(self, "constant", self.constant // self.divisor)
            object.__setattr__(self, "divisor", 1)

    @staticmethod
    def const(value: int, num_dims: int) -> Affine:
        return Affine((0,) * num_dims, value)

    @staticmethod
    def dim(position: int, num_dims: int) -> Affine:
        return Affine(tuple(int(i == position) for i in range(num_dims)))

    @staticmethod
    def of(expr: AffineExpr, num_dims: int) -> Affine:
        """Normal form of `expr`. Raises ValueError on `mod`, symbols or a division below the top."""
        match expr:
            case AffineConstantExpr():
                return Affine.const(expr.value, num_dims)
            case AffineDimExpr():
                if expr.position >= num_dims:
                    raise ValueError(f"d{expr.position} is not one of the {num_dims} dimensions")
                return Affine.dim(expr.position, num_dims)
            case AffineBinaryOpExpr():
                lhs, rhs = Affine.of(expr.lhs, num_dims), Affine.of(expr.rhs, num_dims)
                if expr.kind is AffineBinaryOpKind.Add:
                    return lhs + rhs
                if not rhs.is_constant():
                    raise ValueError(f"not affine: {expr}")
                if expr.kind is AffineBinaryOpKind.Mul:
                    return lhs * rhs.constant
                if expr.kind is AffineBinaryOpKind.FloorDiv:
                    return lhs.floordiv(rhs.constant)
                if expr.kind is AffineBinaryOpKind.CeilDiv:
                    return (lhs + (rhs.constant - 1)).floordiv(rhs.constant)
        raise ValueError(f"not affine: {expr}")

    def expr(self) -> AffineExpr:
        """The same as an xDSL expression."""
        total: AffineExpr = AffineExpr.constant(self.constant)
        terms = [
            AffineExpr.dimension(i) if c == 1 else AffineExpr.dimension(i) * c
            for i, c in enumerate(self.coefficients)
            if c
        ]
        if terms:
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            if self.constant:
                total = total + self.constant
        return total // self.divisor if self.divisor > 1 else total

    @property
    def num_dims(self) -> int:
        return len(self.coefficients)

    def is_constant(self) -> bool:
        return not any(self.coefficients)

    def is_linear(self) -> bool:
        return self.divisor == 1

    def floordiv(self, divisor: int) -> Affine:
        # floor(floor(x / a) / b) == floor(x / (a * b)) for positive a, b.
        return Affine(self.coefficients, self.constant, self.divisor * divisor)

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.coefficients, self.constant + other * self.divisor, self.divisor)
        if other.is_constant():
            return self + other.constant
        if self.is_constant():
            return other + self.constant
        if not (self.is_linear() and other.is_linear()):
            raise ValueError(f"cannot add {self} and {other} within one division")
        return Affine(
            tuple(a + b for a, b in zip(self.coefficients, other.coefficients, strict=True)),
            self.constant + other.constant,
        )

    def __sub__(self, other: Affine | int) -> Affine:
        return self + other * -1

    def __mul__(self, factor: int) -> Affine:
        if not self.is_linear():
            raise ValueError(f"cannot multiply the division {self}")
        return Affine(tuple(c * factor for c in self.coefficients), self.constant * factor)

    def substitute(self, dims: Sequence[Affine]) -> Affine:
        """Replace d_i by `dims[i]` (linear, all over the same new dimensions)."""
        num_dims = dims[0].num_dims if dims else 0
        total = Affine.const(self.constant, num_dims)
        for coefficient, dim in zip(self.coefficients, dims, strict=True):
            if coefficient:
                total = total + dim * coefficient
        return Affine(total.coefficients, total.constant, self.divisor)

    def value(self, point: Sequence[int]) -> int:
        return (sum(c * p for c, p in zip(self.coefficients, point, strict=True)) + self.constant) // self.divisor

    def bounds(self, extents: Sequence[int]) -> tuple[int, int]:
        """Smallest and largest value over the box 0 <= d_i < extents[i] (non-empty)."""
        low = self.constant + sum(min(0, c * (e - 1)) for c, e in zip(self.coefficients, extents, strict=True))
        high = self.constant + sum(max(0, c * (e - 1)) for c, e in zip(self.coefficients, extents, strict=True))
        return low // self.divisor, high // self.divisor

    def __str__(self) -> str:
        text = ""
        for i, c in enumerate(self.coefficients):
            if not c:
                continue
            term = f"d{i}" if abs(c) == 1 else f"d{i} * {abs(c)}"
            text += ("-" if c < 0 else "") + term if not text else (" - " if c < 0 else " + ") + term
        if not text:
            return str(self.constant)
        if self.constant:
            text += f" {'-' if self.constant < 0 else '+'} {abs(self.constant)}"
        if self.divisor == 1:
            return text
        return f"({text}) floordiv {self.divisor}" if " " in text else f"{text} floordiv {self.divisor}"


def linear_index(extents: Sequence[int]) -> Affine:
    """Row-major linear index of a point of the box `extents`."""
    coefficients = [0] * len(extents)
    stride = 1
    for i in reversed(range(len(extents))):
        coefficients[i] = stride
        stride *= extents[i]
    return Affine(tuple(coefficients))


def affine_map(results: Sequence[Affine], num_dims: int) -> AffineMapAttr:
    return AffineMapAttr(AffineMap(num_dims, 0, tuple(r.expr() for r in results)))


def shared_dims(maps: Sequence[Sequence[Affine]]) -> set[int]:
    """The dimensions that every one of the maps uses (of one map at least)."""
    return set.intersection(*({i for r in results for i, c in enumerate(r.coefficients) if c} for results in maps))


def affine_results(attr: AffineMapAttr) -> tuple[Affine, ...]:
    """The results of a map in normal form. Raises ValueError where one is not."""
    return tuple(Affine.of(result, attr.data.num_dims) for result in attr.data.results)


def parse_affine(parser: AttrParser, num_dims: int) -> Affine:
    """Parse one expression over d0, d1, ... in place (xDSL has no public parser for inline expressions)."""
    pos = parser.pos
    affine_parser = AffineParser(parser._parser_state)
    lookup = affine_parser._get_parse_optional_bare_id([f"d{i}" for i in range(num_dims)], [])
    expr = affine_parser._parse_affine_expr(lookup)
    try:
        return Affine.of(expr, num_dims)
    except ValueError as error:
        parser.raise_error(str(error), pos, parser.pos)
