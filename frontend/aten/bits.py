"""Views of memory as elements of another dtype."""

import torch
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from cedr.frontend.aten.complex_numbers import F32, view_as_complex, view_as_real
from cedr.frontend.aten.registry import converts
from cedr.frontend.builder import PARALLEL, Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import ScalarType, is_boolean, is_complex, scalar_type, torch_dtype

aten = torch.ops.aten

_BYTE = IntegerType(8)


@converts(aten.view.dtype, aten.view_copy.dtype)
def view_as_dtype(b: Builder, x: SSAValue, dtype: torch.dtype) -> SSAValue:
    """The bits of X[*s, n] as elements of another dtype; the last size changes with their width, the least significant
    ones first. A byte that isn't 0 is a true boolean."""
    source, target = element_type(x), scalar_type(dtype)
    if source == target:
        return x
    shape = shape_of(x)
    if _width(source) != _width(target):
        shape = (*shape[:-1], shape[-1] * _width(source) // _width(target))
    if is_complex(source):
        x = view_as_real(b, x)
    elif is_boolean(source):
        x = b.cast(x, _BYTE)
    if is_complex(target):
        return view_as_complex(b, b.reshape(_reinterpreted(b, x, F32), (*shape, 2)))
    if is_boolean(target):
        return b.cast(b.reshape(_reinterpreted(b, x, _BYTE), shape), target)
    return b.reshape(_reinterpreted(b, x, target), shape)


def _width(type_: ScalarType) -> int:
    """Of an element in memory, in bits."""
    return 8 * torch_dtype(type_).itemsize


def _reinterpreted(b: Builder, x: SSAValue, type_: ScalarType) -> SSAValue:
    """X[*s, n] as elements as wide, as [*s, n, k] of a k-th of the width, or as [*s, n / k] of k times the width; neither
    booleans nor complex numbers."""
    source = element_type(x)
    width, wanted = _width(source), _width(type_)
    if width == wanted:
        return x if source == type_ else b.pointwise([x], lambda s, args: s.bitcast(args[0], type_), type_)
    return _split(b, x, type_) if width > wanted else _joined(b, x, type_)


def _split(b: Builder, x: SSAValue, type_: ScalarType) -> SSAValue:
    shape, width, wanted = shape_of(x), _width(element_type(x)), _width(type_)
    rank = len(shape)

    def body(s: Scalars, wide: SSAValue) -> SSAValue:
        word = s.bitcast(wide, IntegerType(width))
        offset = s.mul(s.index(rank, IntegerType(width)), s.like(wanted, word))
        return s.bitcast(s.cast(s.emit(arith.ShRUIOp(word, offset)), IntegerType(wanted)), type_)

    return b.generic(
        [(x, AffineMap(rank + 1, 0, tuple(AffineDimExpr(dim) for dim in range(rank))))],
        [(b.empty((*shape, width // wanted), type_), AffineMap.identity(rank + 1))],
        (PARALLEL,) * (rank + 1),
        lambda s, args: (body(s, args[0]),),
    )[0]


def _joined(b: Builder, x: SSAValue, type_: ScalarType) -> SSAValue:
    shape, width, wanted = shape_of(x), _width(element_type(x)), _width(type_)
    count = wanted // width
    result = (*shape[:-1], shape[-1] // count)
    rank = len(result)

    def body(s: Scalars, parts: list[SSAValue]) -> SSAValue:
        words = [s.emit(arith.ExtUIOp(s.bitcast(part, IntegerType(width)), IntegerType(wanted))) for part in parts]
        word = words[0]
        for place, part in enumerate(words[1:], 1):
            word = s.or_(word, s.emit(arith.ShLIOp(part, s.like(place * width, part))))
        return s.bitcast(word, type_)

    dims = tuple(AffineDimExpr(dim) for dim in range(rank))
    parted = b.reshape(x, (*result, count))
    return b.generic(
        [(parted, AffineMap(rank, 0, (*dims, AffineConstantExpr(part)))) for part in range(count)],
        [(b.empty(result, type_), AffineMap.identity(rank))],
        (PARALLEL,) * rank,
        lambda s, args: (body(s, list(args[:count])),),
    )[0]
