"""Sizes that a program leaves open: symbols while it is imported, `?` and arithmetic of `index` values in the IR.

As in PyTorch's own shapes, a size is an int or a `torch.SymInt`, which computes as one and is annotated as one. A question
that not all sizes answer alike (`size == 3`, `range(size)`) raises `UNDECIDED`: nothing is decided by an example's sizes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import accumulate
from operator import mul
from typing import Any, TypeAlias

import numpy as np
import sympy
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv, _ShapeEnvGuardError, free_unbacked_symbols
from torch.utils._sympy import functions as symbolic
from xdsl.dialects import arith, tensor
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import DYNAMIC_INDEX, Float64Type, FloatAttr, IndexType, IntegerAttr, TensorType, i64
from xdsl.ir import Attribute, Data, Operation, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from cedr.frontend.refusal import Unsupported
from cedr.frontend.types import ScalarType
from cedr.target.errors import CedrError

UNDECIDED = _ShapeEnvGuardError
"""What a question about open sizes raises that they don't answer."""

Source: TypeAlias = tuple[SSAValue, int, sympy.Expr]
"""A dim of an argument: the argument, which dim, and its size in symbols."""


@contextmanager
def nothing_decided(sizes: Sequence[Any]) -> Iterator[None]:
    """Questions that not all sizes answer alike raise UNDECIDED meanwhile; `sizes` are some of the program's."""
    environment = next((size.node.shape_env for size in sizes if isinstance(size, torch.SymInt)), None)
    if not isinstance(environment, ShapeEnv):
        yield
        return
    log = logging.getLogger(ShapeEnv.__module__)
    was_disabled, log.disabled = log.disabled, True  # it reports what is only asked
    try:
        with environment.error_on_new_guards():
            yield
    finally:
        log.disabled = was_disabled


def is_open(size: object) -> bool:
    """Whether a size, or a number made of sizes, is a symbol or made of symbols."""
    return isinstance(size, torch.SymInt | torch.SymFloat) and not size.node.expr.is_number


def expression_of(size: Any) -> Any:
    """A size as an expression of SymPy."""
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)


def plain_size(size: Any) -> Any:
    """A number made of sizes as an int, float or bool where it does not depend on open ones."""
    if not isinstance(size, torch.SymInt | torch.SymFloat | torch.SymBool):
        return size
    expression = size.node.expr
    if expression in (sympy.true, sympy.false):
        return bool(expression)
    if not getattr(expression, "is_number", False):
        return size
    return int(expression) if isinstance(size, torch.SymInt) else float(expression)


def is_backed(value: object) -> bool:
    """Whether a value is a number made of sizes of the inputs (a size, a float or a condition), not of data."""
    return isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool) and not free_unbacked_symbols(value)


def is_size(value: object) -> bool:
    """Whether a value is a size that is fixed, or made of sizes of the inputs."""
    return isinstance(value, int) or is_backed(value)


def size_at(size: Any, known: Mapping[sympy.Expr, int]) -> Any:
    """A size for given values of its symbols; what is no size as it is."""
    if not isinstance(size, torch.SymInt | torch.SymFloat | torch.SymBool):
        return size
    value = size.node.expr.subs(known)
    kind = int if isinstance(size, torch.SymInt) else float if isinstance(size, torch.SymFloat) else bool
    return kind(value)


class SizesError(CedrError):
    """Sizes that a program with open ones is not good for."""


@dataclass(frozen=True)
class Symbols:
    """The symbols of a program's open sizes: from which number on and up to which each is (None: no end), conditions, and the
    sizes of the module's tensors, none of which may be 0."""

    ranges: Mapping[sympy.Expr, tuple[int, int | None]]
    conditions: tuple[sympy.Basic, ...]
    lengths: tuple[sympy.Expr, ...]

    @staticmethod
    def of(
        constraints: Mapping[Any, Any],
        checks: Sequence[torch.SymBool],
        sizes: Sequence[Any],
        lengths: Iterable[sympy.Expr],
    ) -> Symbols:
        """From an ExportedProgram's `range_constraints`, what it checks, and what held for the example when it was exported;
        `sizes` are those of its inputs, `lengths` those of the module's tensors.

        A size of 0 or 1 is another program: torch.export takes it that an open size is none (it may broadcast).
        """
        # Others stood for numbers that a tensor held, and no op is left that reads them as such.
        open_symbols = {symbol for size in sizes for symbol in expression_of(size).free_symbols}
        ranges = {
            symbol: (max(int(allowed.lower), 2), int(allowed.upper) if allowed.upper < sys.maxsize - 1 else None)
            for symbol, allowed in constraints.items()
            if symbol in open_symbols
        }
        environment = next((size.node.shape_env for size in sizes if is_open(size)), None)
        guards = [guard.expr for guard in environment.guards] if environment is not None else []
        return Symbols(ranges, (*guards, *(check.node.expr for check in checks)), tuple(lengths))

    def known(self, inputs: Sequence[tuple[str, Sequence[Any], Sequence[int]]]) -> dict[sympy.Expr, int]:
        """The symbols' values by inputs: (name, sizes in symbols, sizes). Raises SizesError where they don't fit."""
        pairs = [
            (f"dimension {dim} of input '{name}'", expression_of(size), number)
            for name, sizes, numbers in inputs
            for dim, (size, number) in enumerate(zip(sizes, numbers, strict=True))
        ]
        known: dict[sympy.Expr, int] = {}
        for _, expression, number in sorted(pairs, key=lambda pair: not pair[1].is_Symbol):
            if not (unknown := expression.free_symbols - known.keys()):
                continue
            if len(unknown) == 1:
                (symbol,) = unknown
                found = [root for root in sympy.solve(expression.subs(known) - number, symbol) if root.is_Integer]
                known.update((symbol, int(root)) for root in found[:1])
        for place, expression, number in pairs:
            wanted = expression.subs(known)
            if wanted != number:
                raise SizesError(f"{place} is {number}, the program is for {wanted}")
        for symbol, (low, high) in self.ranges.items():
            if symbol in known and not (low <= known[symbol] and (high is None or known[symbol] <= high)):
                place = next(place for place, expression, _ in pairs if symbol in expression.free_symbols)
                raise SizesError(
                    f"{place}: the program's {symbol} is {known[symbol]}, not from {low} to {high or 'any'}"
                )
        for condition in self.conditions:
            if condition.subs(known) == sympy.false:
                raise SizesError(f"these sizes don't meet the program's condition {condition}")
        if any(length.subs(known) == 0 for length in self.lengths):
            raise SizesError("a tensor of the program has no elements at these sizes")
        return known


# Types


class _Open:
    """An open size of a type; equal to another where both are written alike in symbols."""

    def __init__(self, size: Any):
        self.size = size
        self.expression = size.node.expr

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Open) and bool(self.expression == other.expression)

    def __hash__(self) -> int:
        return hash(self.expression)

    def __str__(self) -> str:
        return str(self.expression)


@irdl_attr_definition
class SizesAttr(Data[tuple[int | _Open, ...]]):
    """The sizes of a tensor type with open ones: its encoding while a program is imported, left out of the IR."""

    name = "cedr.import_sizes"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> tuple[int | _Open, ...]:
        """There is none in a text."""
        raise NotImplementedError

    def print_parameter(self, printer: Printer) -> None:
        """For messages."""
        printer.print_string(f"<{', '.join(map(str, self.data))}>")


def tensor_type(shape: Sequence[int], type_: ScalarType) -> TensorType[ScalarType]:
    """The tensor type of a shape and an element type."""
    if not all(isinstance(size, int) for size in shape):
        shape = tuple(map(plain_size, shape))
        if any(map(is_open, shape)):
            sizes = tuple(_Open(size) if is_open(size) else size for size in shape)
            return TensorType(type_, [DYNAMIC_INDEX if is_open(size) else size for size in shape], SizesAttr(sizes))
    return _static_type(tuple(shape), type_)


@lru_cache(maxsize=4096)
def _static_type(shape: tuple[int, ...], type_: ScalarType) -> TensorType[ScalarType]:
    return TensorType(type_, shape)


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value."""
    type_ = value.type
    assert isinstance(type_, TensorType)
    encoding = type_.encoding
    if isinstance(encoding, SizesAttr):
        return tuple(size.size if isinstance(size, _Open) else size for size in encoding.data)
    return type_.get_shape()


def open_lengths(type_: Attribute) -> Iterator[sympy.Expr]:
    """The sizes of a tensor type with open ones, those that are 0 of any other."""
    if isinstance(type_, TensorType):
        sizes = type_.encoding.data if isinstance(type_.encoding, SizesAttr) else type_.get_shape()
        yield from (size.expression for size in sizes if isinstance(size, _Open))
        yield from (sympy.S.Zero for size in sizes if size == 0)


def plain_type(type_: Attribute) -> Attribute:
    """A type as it stands in the IR: of open sizes nothing is left but `?`."""
    if isinstance(type_, TensorType) and isinstance(type_.encoding, SizesAttr):
        return TensorType(type_.element_type, type_.get_shape())
    return type_


# Questions that open sizes answer


def same(first: int, second: int) -> bool:
    """Whether two sizes are known to be equal, whatever the open ones are."""
    if is_open(first) or is_open(second):
        return bool(expression_of(first) == expression_of(second))
    return first == second


def same_shape(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two shapes are known to be equal, whatever the open sizes are."""
    return len(first) == len(second) and all(map(same, first, second))


def is_one(size: int) -> bool:
    """Whether a size is one whatever the open ones are."""
    return isinstance(size, int) and size == 1


def is_empty(shape: Sequence[int]) -> bool:
    """Whether a shape has no elements whatever the open sizes are. One of none is refused when they are given."""
    return any(isinstance(size, int) and size == 0 for size in shape)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that shapes broadcast to. Raises UNDECIDED where sizes may differ, ValueError where they do."""
    if not any(is_open(size) for shape in shapes for size in shape):
        return tuple(np.broadcast_shapes(*map(tuple, shapes)))
    rank = max(map(len, shapes))
    result: list[int] = []
    for dim in range(-rank, 0):
        sizes = [shape[dim] for shape in shapes if len(shape) >= -dim and not is_one(shape[dim])]
        chosen = next((size for size in sizes if isinstance(size, int)), sizes[0] if sizes else 1)
        if not all(same(size, chosen) or size == chosen for size in sizes):
            raise ValueError(f"shapes {', '.join(map(str, shapes))} don't broadcast")
        result.append(chosen)
    return tuple(result)


def reshape_groups(source: Sequence[int], target: Sequence[int]) -> tuple[tuple[list[int], list[int]], ...]:
    """The finest pairs (dims of source, dims of target) that are known to hold equal numbers of elements, in order.

    No pairs at all if the target has no dims: then every size is one. A shape without elements is one pair.
    """
    if not target:
        return ()
    if is_empty(source):
        return ((list(range(len(source))), list(range(len(target)))),)
    counts, wanted = (_counts(shape) for shape in (source, target))
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    for end, count in enumerate(counts, start=1):
        if count in wanted[j:]:
            other = wanted.index(count, j) + 1
            groups.append((list(range(i, end)), list(range(j, other))))
            i, j = end, other
    if not groups:
        return ((list(range(len(source))), list(range(len(target)))),)
    groups[-1][0].extend(range(i, len(source)))
    groups[-1][1].extend(range(j, len(target)))
    return tuple(groups)


def _counts(shape: Sequence[int]) -> list[Any]:
    """How many elements a shape's first dims hold, one dim more each time."""
    return [count if isinstance(count, int) else sympy.expand(expression_of(count)) for count in accumulate(shape, mul)]


# Arithmetic in the IR


class SizeEmitter:
    """Emits what computes a number of sizes: `index` arithmetic on dims of arguments, and f64 arithmetic on that.

    `sources` are the dims of arguments of open sizes, `emit` appends an op and gives its result.
    """

    def __init__(self, sources: Sequence[Source], emit: Callable[[Operation], SSAValue]):
        self._emit = emit
        self._sources = sources
        self._made: dict[tuple[sympy.Expr, bool], SSAValue] = {}

    def index(self, expression: sympy.Expr) -> SSAValue:
        """An `index`. Raises Unsupported for what has no form there."""
        return self._once(expression, False)

    def number(self, expression: sympy.Expr) -> SSAValue:
        """An f64. Raises Unsupported for what has no form there."""
        return self._once(expression, True)

    def _once(self, expression: sympy.Expr, is_float: bool) -> SSAValue:
        key = (expression, is_float)
        if key not in self._made:
            self._made[key] = self._float(expression) if is_float else self._integer(expression)
        return self._made[key]

    def _integer(self, expression: sympy.Expr) -> SSAValue:
        if expression.is_Integer:
            return self._emit(arith.ConstantOp(IntegerAttr(int(expression), IndexType())))
        if expression.is_Symbol:
            return self._symbol(expression)
        if expression.is_Pow or isinstance(expression, symbolic.PowByNatural):
            base, exponent = expression.args
            if exponent.is_Integer and exponent > 0:
                return reduce(lambda x, y: self._emit(arith.MuliOp(x, y)), [self.index(base)] * int(exponent))
        if isinstance(expression, symbolic.ModularIndexing):
            base, divisor, modulus = expression.args
            return self.index(symbolic.Mod(symbolic.FloorDiv(base, divisor), modulus))
        for kind, op in _INTEGER.items():
            if isinstance(expression, kind):
                return reduce(lambda x, y, op=op: self._emit(op(x, y)), map(self.index, expression.args))  # type: ignore[misc]  # mypy can't type a lambda's default
        raise _no_form(expression)

    def _symbol(self, symbol: sympy.Symbol) -> SSAValue:
        """From the dim that is the symbol, or from one that is linear in it."""
        for argument, dim, expression in sorted(self._sources, key=lambda source: not source[2].is_Symbol):
            slope = sympy.diff(expression, symbol) if expression.free_symbols == {symbol} else 0
            if not getattr(slope, "is_Integer", False) or not slope:
                continue
            size = self._emit(tensor.DimOp(argument, self.index(sympy.Integer(dim))))
            offset = expression - slope * symbol
            if offset:
                size = self._emit(arith.SubiOp(size, self.index(offset)))
            return size if slope == 1 else self._emit(arith.FloorDivSIOp(size, self.index(slope)))
        raise Unsupported(f"a size {symbol} that no input's size fixes; use operations whose sizes the inputs' fix")

    def _float(self, expression: sympy.Expr) -> SSAValue:
        f64 = Float64Type()
        if expression.is_number:
            return self._emit(arith.ConstantOp(FloatAttr(float(expression), f64)))
        if isinstance(expression, symbolic.ToFloat):
            return self.number(expression.args[0])
        if isinstance(expression, symbolic.OpaqueUnaryFn_sqrt):
            return self._emit(math_dialect.SqrtOp(self.number(expression.args[0])))
        for kind, op in _FLOAT.items():
            if isinstance(expression, kind) and not expression.is_integer:
                return reduce(lambda x, y, op=op: self._emit(op(x, y)), map(self.number, expression.args))  # type: ignore[misc]  # mypy can't type a lambda's default
        integer = self._emit(arith.IndexCastOp(self.index(expression), i64))
        return self._emit(arith.SIToFPOp(integer, f64))


def _no_form(expression: sympy.Expr) -> Unsupported:
    return Unsupported(f"a number {expression} of open sizes; fix them, or compute it outside the model")


_INTEGER: dict[Any, Callable[[SSAValue, SSAValue], Operation]] = {
    sympy.Add: arith.AddiOp,
    sympy.Mul: arith.MuliOp,
    symbolic.FloorDiv: arith.FloorDivSIOp,
    symbolic.Mod: arith.RemSIOp,
    symbolic.Max: arith.MaxSIOp,
    symbolic.Min: arith.MinSIOp,
}
_FLOAT: dict[Any, Callable[[SSAValue, SSAValue], Operation]] = {
    sympy.Add: arith.AddfOp,
    sympy.Mul: arith.MulfOp,
    symbolic.FloatTrueDiv: arith.DivfOp,
    symbolic.IntTrueDiv: arith.DivfOp,
    symbolic.FloatPow: math_dialect.PowFOp,
}
