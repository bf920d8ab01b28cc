"""What xDSL 0.74's linalg lacks: more named ops, and memory effects for all of them.

The ops mirror MLIR's of the same names (https://mlir.llvm.org/docs/Dialects/Linalg/): same text, same indexing maps,
same hidden region; two are ours, the Fourier transforms `linalg.fft` and `linalg.ifft`. `Linalg` is the dialect to
register in place of xDSL's; it holds xDSL's ops and these.

Importing this module also gives every linalg op the effects that MLIR gives it: none on tensors, so that CSE and DCE
see through it; on memrefs a read of each input, a write of each output, and a read of the outputs whose old value the
body uses. It also corrects some of xDSL's ops: the hidden body of `linalg.pooling_nchw_max`, which reads the window and
not the output; that of `linalg.matmul` of narrow integers, which lacks their extension, and its text, which drops the
indexing maps of a transposed product; named ops of complex elements, which it does not build; and the text of
`linalg.generic` of several results and of `linalg.reduce` and `linalg.map` in MLIR's short form, which it does not read.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from xdsl.builder import Builder
from xdsl.dialects import arith, complex
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    ComplexType,
    DenseArrayBase,
    DenseIntElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ShapedType,
    StringAttr,
    TensorType,
    f64,
    i64,
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
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap
from xdsl.irdl import (
    IRDLOperation,
    base,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import EffectInstance, HasParent, MemoryEffect, MemoryEffectKind, Pure
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
    """A pooling: X[n, c, *s], window[*k] (its shape only), Y[n, c, *o]; CHANNELS_LAST: X[n, *s, c], Y[n, *o, c]."""

    SPATIAL: ClassVar[int]
    CHANNELS_LAST: ClassVar[bool] = False
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
        if self.CHANNELS_LAST:
            n, *outer, c = _dims(spatial + 2)
        else:
            n, c, *outer = _dims(spatial + 2)
        window = _dims(rank)[spatial + 2 :]
        strides, dilations = self.strides.get_values(), self.dilations.get_values()
        reached = (
            o * stride + k * dilation for o, k, stride, dilation in zip(outer, window, strides, dilations, strict=True)
        )

        def along(spatial_results: Iterable[AffineExpr]) -> AffineMap:
            results = (n, *spatial_results, c) if self.CHANNELS_LAST else (n, c, *spatial_results)
            return AffineMap(rank, 0, results)

        return along(reached), AffineMap(rank, 0, window), along(outer)

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
class PoolingNdhwcSumOp(_PoolingOp):
    """3-D sum pooling, channels last: X[n, d, h, w, c], window[kd, kh, kw], added into Y[n, od, oh, ow, c].

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgpooling_ndhwc_sum-linalgpoolingndhwcsumop.
    """

    name = "linalg.pooling_ndhwc_sum"
    SPATIAL: ClassVar[int] = 3
    CHANNELS_LAST: ClassVar[bool] = True
    FLOAT_OP: ClassVar[type[arith.AddfOp]] = arith.AddfOp
    INTEGER_OP: ClassVar[type[arith.AddiOp]] = arith.AddiOp


@irdl_op_definition
class DepthwiseConv2DNchwChwOp(ConvOperation):
    """A 2-D convolution of each channel by itself: X[n, c, h, w], W[c, kh, kw], accumulated into Y[n, c, oh, ow].

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgdepthwise_conv_2d_nchw_chw-linalgdepthwiseconv2dnchwchwop.
    """

    name = "linalg.depthwise_conv_2d_nchw_chw"

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        n, oh, ow, c, kh, kw = _dims(6)
        (sh, sw), (dh, dw) = self.strides.get_values(), self.dilations.get_values()
        return (
            AffineMap(6, 0, (n, c, oh * sh + kh * dh, ow * sw + kw * dw)),
            AffineMap(6, 0, (c, kh, kw)),
            AffineMap(6, 0, (n, c, oh, ow)),
        )

    def get_iterator_types(self) -> ArrayAttr[linalg_attrs.IteratorTypeAttr]:
        return ArrayAttr((_PARALLEL,) * 4 + (_REDUCTION,) * 2)

    def verify_(self) -> None:
        _verify_operand_counts(self, 2)
        _verify_window(self, self.strides, self.dilations, 2)
        _verify_ranks(self, (4, 3, 4))
        super().verify_()


def _product_region(cls: type[NamedOperation], inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
    """As MLIR's: operands that are narrower than the sum are extended before they are multiplied."""
    arg_types = cls.body_arg_types((*inputs, *outputs))
    total: Attribute = arg_types[-1]

    def widened(value: SSAValue) -> SSAValue:
        if value.type == total:
            return value
        if isinstance(total, IntegerType):
            return arith.ExtSIOp(value, total).result
        assert isinstance(total, AnyFloat)
        return arith.ExtFOp(value, total).result

    add, multiply = (
        (complex.AddOp, complex.MulOp)
        if isinstance(total, ComplexType)
        else (arith.AddfOp, arith.MulfOp)
        if isinstance(total, AnyFloat)
        else (arith.AddiOp, arith.MuliOp)
    )

    @Builder.implicit_region(arg_types)
    def hidden_region(args: tuple[BlockArgument, ...]) -> None:
        product = multiply(widened(args[0]), widened(args[1]))
        linalg_ops.YieldOp(add(args[2], product))

    return hidden_region


def _maps(num_dims: int, *results: Sequence[AffineDimExpr]) -> ArrayAttr[AffineMapAttr]:
    return ArrayAttr(AffineMapAttr(AffineMap(num_dims, 0, tuple(exprs))) for exprs in results)


_BATCH_MATMUL_MAPS = _maps(4, *([_dims(4)[i] for i in dims] for dims in ((0, 1, 3), (0, 3, 2), (0, 1, 2))))
"""A[b, m, k], B[b, k, n], C[b, m, n] over the loops (b, m, n, k)."""


class _OwnOp(NamedOperation, ABC):
    """A named op with one result for each tensor among its outputs; its text has the attributes in front."""

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


@irdl_op_definition
class BatchMatmulOp(_OwnOp):
    """Matrix products: A[b, m, k], B[b, k, n], accumulated into C[b, m, n].

    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgbatch_matmul-linalgbatchmatmulop.
    """

    name = "linalg.batch_matmul"

    indexing_maps = prop_def(ArrayAttr[AffineMapAttr], default_value=_BATCH_MATMUL_MAPS)

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        return _product_region(cls, inputs, outputs)

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        return tuple(map_.data for map_ in self.indexing_maps.data)

    def get_indexing_maps(self) -> ArrayAttr[AffineMapAttr]:
        return self.indexing_maps

    def get_iterator_types(self) -> ArrayAttr[linalg_attrs.IteratorTypeAttr]:
        return ArrayAttr((_PARALLEL,) * 3 + (_REDUCTION,))

    def verify_(self) -> None:
        _verify_operand_counts(self, 2)
        _verify_ranks(self, (3, 3, 3))
        super().verify_()


_ShortBody = tuple[type[Operation], dict[str, Attribute]]
"""An op and its attributes, by which MLIR writes a body that does nothing else."""


def _parse_short_body(parser: Parser) -> _ShortBody | None:
    """`{ arith.addf {fastmath = ...} }` in front of the operands; None where there is none."""
    if parser.parse_optional_punctuation("{") is None:
        return None
    position = parser.pos
    name = parser.parse_identifier(" of the op that is the body")
    op_type = parser.ctx.get_optional_op(name)
    if op_type is None or not issubclass(op_type, IRDLOperation):
        parser.raise_error(f"no op '{name}', which is to be the body", position, parser.pos)
    attributes = parser.parse_optional_attr_dict()
    parser.parse_punctuation("}")
    return op_type, attributes


def _body_of_op(short: _ShortBody, block: Block, operands: Sequence[SSAValue]) -> Region:
    """The body that the short form stands for: the op on `operands`, arguments of `block`, yielded."""
    op_type, attributes = short
    assert issubclass(op_type, IRDLOperation)
    names = op_type.get_irdl_definition().properties
    defaults = {n: d.default_value for n, d in names.items() if isinstance(d.default_value, Attribute)}
    op = op_type.build(
        operands=operands,
        result_types=[block.args[-1].type],
        properties=defaults | {name: value for name, value in attributes.items() if name in names},
        attributes={name: value for name, value in attributes.items() if name not in names},
    )
    block.add_ops([op, linalg_ops.YieldOp(op.results[0])])
    return Region(block)


@irdl_op_definition
class MapOp(IRDLOperation):
    """An elementwise computation on tensors or memrefs of one shape.

    The body gets the inputs' elements, and as MLIR 22 has it the destination's too, and yields the new element.
    See https://mlir.llvm.org/docs/Dialects/Linalg/#linalgmap-linalgmapop.
    """

    name = "linalg.map"

    inputs = var_operand_def(base(MemRefType) | base(TensorType))
    init = operand_def(base(MemRefType) | base(TensorType))
    result = var_result_def(TensorType)
    mapper = region_def("single_block")

    def __init__(self, inputs: Sequence[SSAValue], init: SSAValue, mapper: Region):
        results = [init.type] if isinstance(init.type, TensorType) else []
        super().__init__(operands=[inputs, init], result_types=[results], regions=[mapper])

    def verify_(self) -> None:
        shape, args = _shape(self.init), self.mapper.block.args
        for index, value in enumerate(self.inputs):
            if _shape(value) != shape:
                raise VerifyException(
                    f"'{self.name}' expects inputs of the destination's shape {list(shape)}, #{index} is {value.type}"
                )
        if [r.type for r in self.result] != [v.type for v in (self.init,) if isinstance(v.type, TensorType)]:
            raise VerifyException(f"'{self.name}' gives its destination's type {self.init.type}")
        wanted = [_element_type(value) for value in (*self.inputs, self.init)]
        if [a.type for a in args] not in (wanted, wanted[:-1]):
            got = ", ".join(str(a.type) for a in args)
            raise VerifyException(f"'{self.name}' expects a body of {', '.join(map(str, wanted))}, got {got}")
        last = self.mapper.block.last_op
        if not isinstance(last, linalg_ops.YieldOp) or [v.type for v in last.operands] != wanted[-1:]:
            raise VerifyException(f"'{self.name}' expects its body to yield one {wanted[-1]}")

    def print(self, printer: Printer) -> None:
        for keyword, values in (("ins", self.inputs), ("outs", (self.init,))):
            if values:
                printer.print_string(f" {keyword}(")
                printer.print_list(values, printer.print_ssa_value)
                printer.print_string(" : ")
                printer.print_list([v.type for v in values], printer.print_attribute)
                printer.print_string(")")
        printer.print_op_attributes(self.attributes)
        printer.print_string(" ")
        with printer.in_parens():
            printer.print_list(self.mapper.block.args, printer.print_block_argument)
        printer.print_string(" ")
        printer.print_region(self.mapper, print_entry_block_args=False)

    @classmethod
    def parse(cls, parser: Parser) -> MapOp:
        short = _parse_short_body(parser)
        inputs = _parse_operands(parser, "ins")
        position = parser.pos
        outputs = _parse_operands(parser, "outs")
        if len(outputs) != 1:
            parser.raise_error(f"'{cls.name}' has one destination, got {len(outputs)}", position, parser.pos)
        attributes = parser.parse_optional_attr_dict()
        if short is not None:
            block = Block(arg_types=[_element_type(value) for value in (*inputs, *outputs)])
            body = _body_of_op(short, block, block.args[:-1])
        else:
            body = parser.parse_region(parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_argument))
        op = cls(inputs, outputs[0], body)
        op.attributes |= attributes
        return op


class FourierOp(_OwnOp, ABC):
    """A discrete Fourier transform of each row: X[b, n], added to Y[b, n]; complex, of any length."""

    INVERSE: ClassVar[bool]

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        """One term of the sum: the angle is computed in f64, from the product of the indices modulo the length."""
        arg_types = _body_arg_types((*inputs, *outputs))
        length = _shape(outputs[0])[-1] if outputs and _shape(outputs[0]) else 1
        element = arg_types[-1]
        part = element.element_type if isinstance(element, ComplexType) else None
        turn = (2 if cls.INVERSE else -2) * math.pi / length
        scale = 1 / length if cls.INVERSE else 1.0

        @Builder.implicit_region(arg_types)
        def hidden_region(args: tuple[BlockArgument, ...]) -> None:
            if not isinstance(part, AnyFloat):  # the verifier refuses the op
                linalg_ops.YieldOp(args[-1])
                return
            product = arith.MuliOp(linalg_ops.IndexOp(1), linalg_ops.IndexOp(2))
            size = arith.ConstantOp(IntegerAttr(length, IndexType()))
            step = arith.IndexCastOp(arith.RemSIOp(product, size), i64)
            angle = arith.MulfOp(arith.SIToFPOp(step, f64), arith.ConstantOp(FloatAttr(turn, f64)))
            parts: list[SSAValue] = []
            for function in (math_dialect.CosOp, math_dialect.SinOp):
                value: SSAValue = function(angle).result
                if cls.INVERSE:
                    value = arith.MulfOp(value, arith.ConstantOp(FloatAttr(scale, f64))).result
                parts.append(value if part == f64 else arith.TruncFOp(value, part).result)
            root = complex.CreateOp(parts[0], parts[1], ComplexType(part))
            linalg_ops.YieldOp(complex.AddOp(args[1], complex.MulOp(args[0], root)))

        return hidden_region

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        b, k, j = _dims(3)
        return (AffineMap(3, 0, (b, j)), AffineMap(3, 0, (b, k)))

    def get_iterator_types(self) -> ArrayAttr[linalg_attrs.IteratorTypeAttr]:
        return ArrayAttr((_PARALLEL, _PARALLEL, _REDUCTION))

    def verify_(self) -> None:
        _verify_operand_counts(self, 1)
        _verify_ranks(self, (2, 2))
        _same_element_type(self)
        if not isinstance(_element_type(self.inputs[0]), ComplexType):
            raise VerifyException(f"'{self.name}' expects complex numbers, got {_element_type(self.inputs[0])}")
        if _shape(self.inputs[0]) != _shape(self.outputs[0]):
            raise VerifyException(
                f"'{self.name}' expects an output of its input's shape {list(_shape(self.inputs[0]))},"
                f" got {list(_shape(self.outputs[0]))}"
            )
        super().verify_()


@irdl_op_definition
class FftOp(FourierOp):
    """Fourier transform of each row: X[b, n], added to Y[b, n]; complex. Ours: MLIR's linalg has no transform.

    `Y[b, k] += sum over j of X[b, j] * exp(-2 pi i j k / n)`. `cedr.fft` computes it where n is a power of two; the
    region, by which any other length is computed, is a term of that sum.
    """

    name = "linalg.fft"
    INVERSE: ClassVar[bool] = False


@irdl_op_definition
class InverseFftOp(FourierOp):
    """Inverse Fourier transform of each row: X[b, n], added to Y[b, n]; complex. Ours, as `linalg.fft` is.

    `Y[b, k] += sum over j of X[b, j] * exp(2 pi i j k / n) / n`.
    """

    name = "linalg.ifft"
    INVERSE: ClassVar[bool] = True


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
    PoolingNdhwcSumOp,
    DepthwiseConv2DNchwChwOp,
    BatchMatmulOp,
    MapOp,
    FftOp,
    InverseFftOp,
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


_Product = linalg_ops.MatmulOp | BatchMatmulOp


def _print_product(self: _Product, printer: Printer) -> None:
    """As MLIR does: `linalg.matmul indexing_maps = [...] ins(...) outs(...)` where the maps are not the plain ones."""
    if self.indexing_maps != self.get_irdl_definition().properties["indexing_maps"].default_value:
        printer.print_string(" indexing_maps = ")
        printer.print_attribute(self.indexing_maps)
    NamedOperation.print(self, printer)


def _parse_product(cls: type[_Product], parser: Parser) -> _Product:
    maps = None
    if parser.parse_optional_keyword("indexing_maps"):
        parser.parse_punctuation("=")
        position = parser.pos
        maps = parser.parse_attribute()
        if not isinstance(maps, ArrayAttr) or not all(isinstance(m, AffineMapAttr) for m in maps.data):
            parser.raise_error("indexing_maps is an array of affine maps", position, parser.pos)
    op: _Product = NamedOperation.parse.__func__(cls, parser)  # type: ignore[attr-defined]  # a classmethod
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
for _product in (linalg_ops.MatmulOp, BatchMatmulOp):
    _product.print = _print_product  # type: ignore[method-assign,assignment]  # xDSL's loses the maps
    _product.parse = classmethod(_parse_product)  # type: ignore[method-assign,assignment]  # likewise


_parse_reduce_op = linalg_ops.ReduceOp.parse.__func__  # type: ignore[attr-defined]  # a classmethod


def _parse_reduce(cls: type[linalg_ops.ReduceOp], parser: Parser) -> linalg_ops.ReduceOp:
    """As MLIR does: the body may be one op on (destination, input), in front: `linalg.reduce { arith.addf } ins(...)`."""
    short = _parse_short_body(parser)
    if short is None:
        op: linalg_ops.ReduceOp = _parse_reduce_op(cls, parser)
        return op
    position = parser.pos
    inputs, outputs = _parse_operands(parser, "ins"), _parse_operands(parser, "outs")
    if len(inputs) != 1 or len(outputs) != 1:
        parser.raise_error(
            f"'{cls.name}' of {len(inputs)} inputs is not known; write one linalg.reduce each", position, parser.pos
        )
    parser.parse_keyword("dimensions")
    parser.parse_punctuation("=")
    dimensions = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
    block = Block(arg_types=[_element_type(value) for value in (*inputs, *outputs)])
    body = _body_of_op(short, block, [block.args[1], block.args[0]])
    return cls(inputs[0], outputs[0], DenseArrayBase.from_list(i64, dimensions), body)


linalg_ops.ReduceOp.parse = classmethod(_parse_reduce)  # type: ignore[method-assign,assignment]  # xDSL's lacks the short form


linalg_ops.MatmulOp.get_hidden_region = classmethod(_product_region)  # type: ignore[method-assign,assignment]  # xDSL's is ill-typed


def _body_arg_types(operands: Sequence[SSAValue]) -> Sequence[Attribute]:
    return [_element_type(value) for value in operands]


NamedOperation.body_arg_types = staticmethod(_body_arg_types)  # type: ignore[method-assign,assignment]  # xDSL's takes no complex elements


def _verify_fill(self: linalg_ops.FillOp) -> None:
    for value in self.inputs:
        if not isinstance(value.type, AnyFloat | IntegerType | ComplexType):
            raise VerifyException(f"'{self.name}' fills with a number, got {value.type}")


linalg_ops.FillOp.verify_ = _verify_fill  # type: ignore[method-assign]  # likewise


# An index of the loops of a transform too, whose hidden region asks for them.
linalg_ops.IndexOp.traits._traits = frozenset((HasParent(linalg_ops.GenericOp, FftOp, InverseFftOp),))


def _add_effects() -> None:
    for op in Linalg.operations:
        if op is linalg_ops.YieldOp or any(isinstance(t, MemoryEffect) for t in op.traits):
            continue
        op.traits.add_trait(Pure() if op is linalg_ops.IndexOp else LinalgEffects())


_add_effects()
