"""What xDSL 0.74's linalg lacks: more named ops, and memory effects for all of them.

The ops mirror MLIR's of the same names (https://mlir.llvm.org/docs/Dialects/Linalg/): same text, same indexing maps,
same hidden region. `Linalg` is the dialect to register in place of xDSL's; it holds xDSL's ops and these.

Importing this module also gives every linalg op the effects that MLIR gives it: none on tensors, so that CSE and DCE
see through it; on memrefs a read of each input, a write of each output, and a read of the outputs whose old value the
body uses. It also corrects three of xDSL's ops: the hidden body of `linalg.pooling_nchw_max`, which reads the window and
not the output, the text of `linalg.matmul`, which drops the indexing maps of a transposed product, and that of a
`linalg.generic` of several results.
"""

from abc import ABC
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    DenseIntElementsAttr,
    MemRefType,
    ShapedType,
    StringAttr,
    TensorType,
)
from xdsl.dialects.linalg import Linalg as UpstreamLinalg
from xdsl.dialects.linalg import attrs as linalg_attrs
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import (
    ConvOperation,
    LinalgStructuredOperation,
    NamedOperation,
    PoolingOperation,
)
from xdsl.ir import Attribute, Block, BlockArgument, Dialect, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind, Pure
from xdsl.utils.exceptions import VerifyException

_PARALLEL = linalg_attrs.IteratorTypeAttr.parallel()
_REDUCTION = linalg_attrs.IteratorTypeAttr.reduction()


def _dims(count: int) -> tuple[AffineDimExpr, ...]:
    return tuple(AffineDimExpr(dim) for dim in range(count))


def _shape(value: SSAValue) -> tuple[int, ...]:
    return value.type.get_shape() if isinstance(value.type, ShapedType) else ()


def _element_type(value: SSAValue) -> Attribute:
    return value.type.get_element_type() if isinstance(value.type, TensorType | MemRefType) else value.type


def _verify_operand_counts(op: LinalgStructuredOperation, inputs: int) -> None:
    """A named op of a fixed number of inputs and one output, which is the result's type on tensors."""
    if len(op.inputs) != inputs or len(op.outputs) != 1:
        raise VerifyException(
            f"'{op.name}' expects {inputs} inputs and 1 output, got {len(op.inputs)} and {len(op.outputs)}"
        )
    if isinstance(op.outputs[0].type, TensorType):
        if len(op.res) != 1 or op.res[0].type != op.outputs[0].type:
            got = ", ".join(str(result.type) for result in op.res) or "none"
            raise VerifyException(f"'{op.name}' on tensors gives one result of type {op.outputs[0].type}, got {got}")
    elif op.res:
        raise VerifyException(f"'{op.name}' on memrefs has no result, got {op.res[0].type}")


def _verify_window(op: NamedOperation, strides: DenseIntElementsAttr, dilations: DenseIntElementsAttr, n: int) -> None:
    """Strides and dilations: `n` positive integers each."""
    for name, attribute in (("strides", strides), ("dilations", dilations)):
        values = attribute.get_values()
        if len(values) != n or any(value < 1 for value in values):
            raise VerifyException(f"'{op.name}' expects {n} positive {name}, got {list(values)}")


def _verify_ranks(op: LinalgStructuredOperation, ranks: Sequence[int]) -> None:
    for index, (operand, rank) in enumerate(zip(op.operands, ranks, strict=True)):
        if len(_shape(operand)) != rank:
            raise VerifyException(f"'{op.name}' expects operand #{index} of rank {rank}, got {operand.type}")


def _same_element_type(op: LinalgStructuredOperation) -> None:
    types = [_element_type(operand) for operand in op.operands]
    if any(type_ != types[0] for type_ in types):
        listed = ", ".join(str(type_) for type_ in types)
        raise VerifyException(f"'{op.name}' expects operands of one element type, got {listed}")


@irdl_op_definition
class Conv1DNcwFcwOp(ConvOperation):
    """1-D convolution: X[n, c, w], W[f, c, kw], accumulated into Y[n, f, ow].

    `Y[n, f, ow] += X[n, c, ow * stride + kw * dilation] * W[f, c, kw]`; X is already padded.
    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgconv_1d_ncw_fcw-linalgconv1dncwfcwop.
    """

    name = "linalg.conv_1d_ncw_fcw"

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        n, f, ow, c, kw = _dims(5)
        (stride,) = self.strides.get_values()
        (dilation,) = self.dilations.get_values()
        return (
            AffineMap(5, 0, (n, c, ow * stride + kw * dilation)),
            AffineMap(5, 0, (f, c, kw)),
            AffineMap(5, 0, (n, f, ow)),
        )

    def get_iterator_types(self) -> ArrayAttr[linalg_attrs.IteratorTypeAttr]:
        return ArrayAttr((_PARALLEL,) * 3 + (_REDUCTION,) * 2)

    def verify_(self) -> None:
        _verify_operand_counts(self, 2)
        _verify_window(self, self.strides, self.dilations, 1)
        _verify_ranks(self, (3, 3, 3))
        super().verify_()


class _PoolingOp(PoolingOperation, ABC):
    """A pooling whose spatial dimensions come last: X[n, c, *s], window[*k] (its shape only), Y[n, c, *o]."""

    SPATIAL: ClassVar[int]
    FLOAT_OP: ClassVar[type[arith.MaximumfOp] | type[arith.AddfOp]]
    INTEGER_OP: ClassVar[type[arith.MaxSIOp] | type[arith.AddiOp]]

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        arg_types = cls.body_arg_types((*inputs, *outputs))
        combine = cls.FLOAT_OP if isinstance(arg_types[-1], AnyFloat) else cls.INTEGER_OP

        @Builder.implicit_region(arg_types)
        def hidden_region(args: tuple[BlockArgument, ...]) -> None:
            linalg_ops.YieldOp(combine(args[-1], args[0]))

        return hidden_region

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        spatial = self.SPATIAL
        rank = 2 + 2 * spatial
        n, c, *rest = _dims(rank)
        outer, window = rest[:spatial], rest[spatial:]
        strides, dilations = self.strides.get_values(), self.dilations.get_values()
        reached = (
            o * stride + k * dilation for o, k, stride, dilation in zip(outer, window, strides, dilations, strict=True)
        )
        return (
            AffineMap(rank, 0, (n, c, *reached)),
            AffineMap(rank, 0, tuple(window)),
            AffineMap(rank, 0, (n, c, *outer)),
        )

    def get_iterator_types(self) -> ArrayAttr[linalg_attrs.IteratorTypeAttr]:
        return ArrayAttr((_PARALLEL,) * (2 + self.SPATIAL) + (_REDUCTION,) * self.SPATIAL)

    def verify_(self) -> None:
        _verify_operand_counts(self, 2)
        _verify_window(self, self.strides, self.dilations, self.SPATIAL)
        _verify_ranks(self, (2 + self.SPATIAL, self.SPATIAL, 2 + self.SPATIAL))
        _same_element_type(self)
        super().verify_()


@irdl_op_definition
class PoolingNcwMaxOp(_PoolingOp):
    """1-D max pooling: X[n, c, w], window[kw], Y[n, c, ow]; the init of Y takes part (-inf for a plain pooling).

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgpooling_ncw_max-linalgpoolingncwmaxop.
    """

    name = "linalg.pooling_ncw_max"
    SPATIAL: ClassVar[int] = 1
    FLOAT_OP: ClassVar[type[arith.MaximumfOp]] = arith.MaximumfOp
    INTEGER_OP: ClassVar[type[arith.MaxSIOp]] = arith.MaxSIOp


@irdl_op_definition
class PoolingNcwSumOp(_PoolingOp):
    """1-D sum pooling: X[n, c, w], window[kw], added into Y[n, c, ow].

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgpooling_ncw_sum-linalgpoolingncwsumop.
    """

    name = "linalg.pooling_ncw_sum"
    SPATIAL: ClassVar[int] = 1
    FLOAT_OP: ClassVar[type[arith.AddfOp]] = arith.AddfOp
    INTEGER_OP: ClassVar[type[arith.AddiOp]] = arith.AddiOp


@irdl_op_definition
class PoolingNchwSumOp(_PoolingOp):
    """2-D sum pooling: X[n, c, h, w], window[kh, kw], added into Y[n, c, oh, ow].

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgpooling_nchw_sum-linalgpoolingnchwsumop.
    """

    name = "linalg.pooling_nchw_sum"
    SPATIAL: ClassVar[int] = 2
    FLOAT_OP: ClassVar[type[arith.AddfOp]] = arith.AddfOp
    INTEGER_OP: ClassVar[type[arith.AddiOp]] = arith.AddiOp


@irdl_op_definition
class BatchMatmulOp(NamedOperation):
    """Matrix products: A[b, m, k], B[b, k, n], accumulated into C[b, m, n].

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgbatch_matmul-linalgbatchmatmulop.
    """

    name = "linalg.batch_matmul"
    PRINT_ATTRS_IN_FRONT: ClassVar[bool] = True

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        attributes: dict[str, Attribute] | None = None,
    ):
        results = [output.type for output in outputs if isinstance(output.type, TensorType)]
        super().__init__(
            ins=inputs,
            outs=outputs,
            result_types=[results],
            attributes=attributes,
            hidden_region=self.get_hidden_region(inputs, outputs),
        )

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        arg_types = cls.body_arg_types((*inputs, *outputs))
        floating = isinstance(arg_types[-1], AnyFloat)
        multiply, add = (arith.MulfOp, arith.AddfOp) if floating else (arith.MuliOp, arith.AddiOp)

        @Builder.implicit_region(arg_types)
        def hidden_region(args: tuple[BlockArgument, ...]) -> None:
            product = multiply(args[0], args[1])
            linalg_ops.YieldOp(add(args[2], product))

        return hidden_region

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        b, m, n, k = _dims(4)
        return (AffineMap(4, 0, (b, m, k)), AffineMap(4, 0, (b, k, n)), AffineMap(4, 0, (b, m, n)))

    def get_iterator_types(self) -> ArrayAttr[linalg_attrs.IteratorTypeAttr]:
        return ArrayAttr((_PARALLEL,) * 3 + (_REDUCTION,))

    def verify_(self) -> None:
        _verify_operand_counts(self, 2)
        _verify_ranks(self, (3, 3, 3))
        super().verify_()


class LinalgEffects(MemoryEffect):
    """Effects of a linalg op: none on tensors; on memrefs, reads of inputs (and of outputs that the body uses), writes
    of outputs."""

    @classmethod
    def get_effects(cls, op: Operation) -> AbstractSet[EffectInstance] | None:
        outputs = _output_indices(op)
        body = op.regions[0].blocks.first
        effects: set[EffectInstance] = set()
        for index, operand in enumerate(op.operands):
            if not isinstance(operand.type, MemRefType):
                continue
            if index in outputs:
                effects.add(EffectInstance(MemoryEffectKind.WRITE, operand))
            if index not in outputs or _uses_argument(body, index):
                effects.add(EffectInstance(MemoryEffectKind.READ, operand))
        return effects


def _output_indices(op: Operation) -> range:
    """Indices of the destination operands: they come last in every linalg op."""
    count = len(op.outputs) if isinstance(op, LinalgStructuredOperation) else 1
    return range(len(op.operands) - count, len(op.operands))


def _uses_argument(body: Block | None, index: int) -> bool:
    """Whether the body reads its argument for an operand; yes when that can't be told."""
    if body is None or index >= len(body.args):
        return True
    return body.args[index].first_use is not None


_EXTENSIONS: tuple[type[Operation], ...] = (
    Conv1DNcwFcwOp,
    PoolingNcwMaxOp,
    PoolingNcwSumOp,
    PoolingNchwSumOp,
    BatchMatmulOp,
)

Linalg = Dialect("linalg", [*UpstreamLinalg.operations, *_EXTENSIONS], [*UpstreamLinalg.attributes])
"""xDSL's linalg and the ops above."""


def _pooling_nchw_max_region(
    cls: type[NamedOperation], inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]
) -> Region:
    """As MLIR's: the maximum of the input's element and the output's, where xDSL 0.74 takes the window's element."""
    arg_types = cls.body_arg_types((*inputs, *outputs))
    combine = arith.MaximumfOp if isinstance(arg_types[-1], AnyFloat) else arith.MaxSIOp

    @Builder.implicit_region(arg_types)
    def hidden_region(args: tuple[BlockArgument, ...]) -> None:
        linalg_ops.YieldOp(combine(args[-1], args[0]))

    return hidden_region


linalg_ops.PoolingNchwMaxOp.get_hidden_region = classmethod(_pooling_nchw_max_region)  # type: ignore[method-assign,assignment]  # xDSL's is wrong


_PLAIN_MATMUL_MAPS = tuple(
    AffineMapAttr(AffineMap(3, 0, (dims[i], dims[j]))) for dims in (_dims(3),) for i, j in ((0, 2), (2, 1), (0, 1))
)


def _print_matmul(self: linalg_ops.MatmulOp, printer: Printer) -> None:
    """As MLIR does: `linalg.matmul indexing_maps = [...] ins(...) outs(...)` where the maps are not the plain ones."""
    if self.indexing_maps.data != _PLAIN_MATMUL_MAPS:
        printer.print_string(" indexing_maps = ")
        printer.print_attribute(self.indexing_maps)
    NamedOperation.print(self, printer)


def _parse_matmul(cls: type[linalg_ops.MatmulOp], parser: Parser) -> linalg_ops.MatmulOp:
    maps = None
    if parser.parse_optional_keyword("indexing_maps"):
        parser.parse_punctuation("=")
        position = parser.pos
        maps = parser.parse_attribute()
        if not isinstance(maps, ArrayAttr) or not all(isinstance(m, AffineMapAttr) for m in maps.data):
            parser.raise_error("indexing_maps is an array of affine maps", position, parser.pos)
    op: linalg_ops.MatmulOp = NamedOperation.parse.__func__(cls, parser)  # type: ignore[attr-defined]  # a classmethod
    if maps is not None:
        op.properties["indexing_maps"] = maps
    return op


def _parse_generic(cls: type[linalg_ops.GenericOp], parser: Parser) -> linalg_ops.GenericOp:
    """As MLIR does: results of several types are a list in parentheses, which xDSL 0.74 takes for a function's type."""
    start = parser.pos
    attributes = dict(parser.parse_optional_attr_dict())
    maps, kinds = attributes.pop("indexing_maps", None), attributes.pop("iterator_types", None)
    if not isinstance(maps, ArrayAttr) or not all(isinstance(m, AffineMapAttr) for m in maps.data):
        parser.raise_error("linalg.generic needs indexing_maps, an array of affine maps", start, parser.pos)
    if not isinstance(kinds, ArrayAttr):
        parser.raise_error("linalg.generic needs iterator_types, an array of kinds", start, parser.pos)
    iterators = []
    for kind in kinds.data:
        if isinstance(kind, StringAttr) and kind.data in set(linalg_attrs.IteratorType):
            iterators.append(linalg_attrs.IteratorTypeAttr(linalg_attrs.IteratorType(kind.data)))
        elif isinstance(kind, linalg_attrs.IteratorTypeAttr):
            iterators.append(kind)
        else:
            parser.raise_error(f"unknown iterator type {kind}; parallel, reduction or window", start, parser.pos)
    given: dict[str, StringAttr | None] = {}
    for name in ("doc", "library_call"):
        value = attributes.pop(name, None)
        given[name] = value if isinstance(value, StringAttr) else None
    operands = {name: _parse_operands(parser, name) for name in ("ins", "outs")}
    if parser.parse_optional_keyword("attrs"):
        parser.parse_punctuation("=")
        attributes |= parser.expect(parser.parse_optional_attr_dict, "attributes expected")
    body = parser.parse_region()
    results: list[Attribute] = []
    if parser.parse_optional_punctuation("->"):
        results = parser.parse_optional_comma_separated_list(
            parser.Delimiter.PAREN, parser.parse_type
        ) or parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
    op = cls(operands["ins"], operands["outs"], body, maps, iterators, results, given["doc"], given["library_call"])
    op.attributes |= attributes
    return op


def _parse_operands(parser: Parser, keyword: str) -> Sequence[SSAValue]:
    """`ins(%a, %b : f32, tensor<4xf32>)`, or nothing."""
    position = parser.pos
    if not parser.parse_optional_keyword(keyword):
        return ()
    parser.parse_punctuation("(")
    operands = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
    parser.parse_punctuation(":")
    types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
    parser.parse_punctuation(")")
    return parser.resolve_operands(operands, types, position)


linalg_ops.GenericOp.parse = classmethod(_parse_generic)  # type: ignore[method-assign,assignment]  # takes one result only
linalg_ops.MatmulOp.print = _print_matmul  # type: ignore[method-assign,assignment]  # xDSL's loses the maps
linalg_ops.MatmulOp.parse = classmethod(_parse_matmul)  # type: ignore[method-assign,assignment]  # likewise


def _add_effects() -> None:
    for op in Linalg.operations:
        if op is linalg_ops.YieldOp or any(isinstance(t, MemoryEffect) for t in op.traits):
            continue
        op.traits.add_trait(Pure() if op is linalg_ops.IndexOp else LinalgEffects())


_add_effects()
