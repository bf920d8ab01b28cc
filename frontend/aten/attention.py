"""Scaled dot product attention, kept whole: two products of a batch of matrices around a softmax over the keys."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineMap

from cedr.dialects.element_types import numpy_dtype
from cedr.frontend.aten.registry import Unsupported, converts
from cedr.frontend.builder import PARALLEL, Builder, element_type, shape_of
from cedr.frontend.open_sizes import broadcast_shapes, is_one, same_shape
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import is_boolean, scalar_type

aten = torch.ops.aten

BOOL = scalar_type(torch.bool)


@converts(aten.scaled_dot_product_attention.default)
def attention(
    b: Builder,
    query: SSAValue,
    key: SSAValue,
    value: SSAValue,
    mask: SSAValue | None,
    dropout: float,
    causal: bool,
    scale: float | None,
    grouped: bool,
) -> SSAValue:
    """softmax(scale Q K' + mask) V of Q[*n, l, e], K[*n, s, e] and V[*n, s, v], whose leading dims broadcast.

    `grouped`: in the last of the leading dims, that of the heads, K and V have fewer, each for as many of Q's in a row.
    A row whose keys are all masked gives zeros.
    """
    return _attend(b, (query, key, value), mask, dropout, causal, scale, grouped=grouped)[0]


@converts(aten._scaled_dot_product_flash_attention_for_cpu.default)
def attention_and_logarithm(
    b: Builder,
    query: SSAValue,
    key: SSAValue,
    value: SSAValue,
    dropout: float,
    causal: bool,
    mask: SSAValue | None,
    scale: float | None,
) -> tuple[SSAValue, SSAValue | None]:
    """(what attention gives, the logarithms [*n, l] of the sums of the scores' exponentials)."""
    return _attend(b, (query, key, value), mask, dropout, causal, scale, grouped=False)


def _attend(
    b: Builder,
    tensors: Sequence[SSAValue],
    mask: SSAValue | None,
    dropout: float,
    causal: bool,
    scale: float | None,
    *,
    grouped: bool,
) -> tuple[SSAValue, SSAValue | None]:
    """What attention gives, and the logarithm of the sum of exponentials of every row if that is used.

    The sum divides the rows of the second product, of which there are fewer than scores.
    """
    if dropout:
        raise Unsupported("drops out at random; pass dropout_p=0.0 unless in training")
    type_ = element_type(tensors[0])
    query, key, value = (b.widen(tensor) for tensor in tensors)
    leading = range(len(shape_of(key)) - 2)
    key = b.transpose(key, (*leading, len(leading) + 1, len(leading)))
    wide = element_type(query)
    (rows, width), (keys, depth) = shape_of(query)[-2:], shape_of(value)[-2:]
    lead, (query, key, value) = _batches(b, query, key, value, grouped=grouped)
    scores = b.batch_matmul(query, key)
    factor = scale if scale is not None else 1 / math.sqrt(max(width, 1))
    masks = [m for m in (mask, _causal(b, rows, keys) if causal else None) if m is not None]
    if masks or factor <= 0:
        scores = _masked(b, scores, (*lead, rows, keys), masks, factor)
        factor = 1.0
    # The lowest number is above -inf: where all keys are masked, no difference is NaN and the sum is 0.
    lowest = float(np.finfo(numpy_dtype(wide)).min)
    largest = b.reduce(scores, (2,), lowest, lambda s, x, best: s.max(best, x), keepdim=True)

    def exponential(s: Scalars, score: SSAValue, best: SSAValue) -> SSAValue:
        below = s.sub(score, best)
        return s.exp(below if factor == 1 else s.mul(below, s.like(factor, below)))

    exponentials = b.pointwise([scores, largest], lambda s, args: exponential(s, *args), wide)
    total = b.sum(exponentials, (2,), keepdim=True)

    def quotient(s: Scalars, number: SSAValue, divisor: SSAValue) -> SSAValue:
        empty = s.compare("eq", divisor, s.like(0, divisor))
        return s.cast(s.div(number, s.select(empty, s.like(1, divisor), divisor)), type_)

    attended = b.batch_matmul(exponentials, value)
    attended = b.pointwise([attended, total], lambda s, args: quotient(s, *args), type_)
    attended = b.reshape(attended, (*lead, rows, depth))
    if not b.is_used(1):
        return attended, None

    def logarithm(s: Scalars, best: SSAValue, divisor: SSAValue) -> SSAValue:
        zero = s.like(0, divisor)
        sum_ = s.add(s.mul(best, s.like(factor, best)), s.unary(math_dialect.LogOp, divisor))
        return s.select(s.compare("eq", divisor, zero), zero, sum_)

    logarithms = b.pointwise([largest, total], lambda s, args: logarithm(s, *args), wide)
    return attended, b.reshape(logarithms, (*lead, rows))


def _batches(
    b: Builder, query: SSAValue, turned: SSAValue, value: SSAValue, *, grouped: bool
) -> tuple[tuple[int, ...], list[SSAValue]]:
    """(the leading dims of the result, the tensors as batches of matrices).

    Rows of Q that meet one K and V are rows of one matrix: Q[batch, many * l, e], K'[batch, e, s], V[batch, s, v].
    """
    tensors = [query, turned, value]
    views = [shape_of(tensor) for tensor in tensors]
    heads = few = views[0][-3] if grouped else 1
    if grouped and views[1][-3] == views[2][-3]:
        few = views[1][-3]
    elif grouped:
        tensors[1:] = [_repeated(b, tensor, heads) for tensor in tensors[1:]]
    if grouped:
        counts = [(few, heads // few), (few, 1), (few, 1)]
        views = [(*view[:-3], *count, *view[-2:]) for view, count in zip(views, counts, strict=True)]
    lead = broadcast_shapes(*(view[:-2] for view in views))
    views = [(1,) * (len(lead) + 2 - len(view)) + view for view in views]
    batched = len(lead)
    while batched and is_one(views[1][batched - 1]) and is_one(views[2][batched - 1]):
        batched -= 1
    matrices = []
    for tensor, view, many in zip(tensors, views, (lead[batched:], (), ()), strict=True):
        rows, columns = view[-2:]
        spread = (*lead[:batched], *(many or view[batched:-2]), rows, columns)
        matrix = (math.prod(lead[:batched]), math.prod(many) * rows, columns)
        matrices.append(b.reshape(b.broadcast(b.reshape(tensor, view), spread), matrix))
    return (*lead[:-2], heads) if grouped else lead, matrices


def _repeated(b: Builder, tensor: SSAValue, heads: int) -> SSAValue:
    """X[*n, few, s, e] with each of the few for as many heads in a row."""
    *lead, few, rows, columns = shape_of(tensor)
    apart = b.reshape(tensor, (*lead, few, 1, rows, columns))
    return b.reshape(b.broadcast(apart, (*lead, few, heads // few, rows, columns)), (*lead, heads, rows, columns))


def _masked(b: Builder, scores: SSAValue, shape: tuple[int, ...], masks: Sequence[SSAValue], factor: float) -> SSAValue:
    """Scores[batch, rows, keys] times a factor, plus masks, which broadcast to the shape of as many scores; -inf where a
    boolean one is false."""
    planes = [_plane(b, mask) for mask in masks]

    def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        score = s.mul(args[0], s.like(factor, args[0]))
        for mask in args[1:]:
            if is_boolean(s.type_of(mask)):
                score = s.select(mask, score, s.like(-math.inf, score))
            else:
                score = s.add(score, s.cast(mask, s.type_of(score)))
        return score

    flat, type_ = shape_of(scores), element_type(scores)
    if same_shape(flat[1:], shape[-2:]) and all(len(shape_of(mask)) <= 2 for mask in planes):
        return b.pointwise([scores, *planes], body, type_)
    return b.reshape(b.pointwise([b.reshape(scores, shape), *planes], body, type_), flat)


def _plane(b: Builder, mask: SSAValue) -> SSAValue:
    """A mask without leading dims of size one only, by which the scores needn't be told apart."""
    shape = shape_of(mask)
    return b.reshape(mask, shape[-2:]) if all(map(is_one, shape[:-2])) else mask


def _causal(b: Builder, rows: int, keys: int) -> SSAValue:
    """Of as many rows and keys, true up to the row's own index."""
    return b.generic(
        [],
        [(b.empty((rows, keys), BOOL), AffineMap.identity(2))],
        (PARALLEL, PARALLEL),
        lambda s, args: (s.compare("le", s.index(1, i64), s.index(0, i64)),),
    )[0]
