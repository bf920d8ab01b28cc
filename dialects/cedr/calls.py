"""The accelerator API calls: what a device is asked to do with tiles, and what each call means in NumPy.

Every call is destination-passing: it reads `ins`, writes `outs`. Operands are tiles inside a grid, or whole tensors
(then each out has a result) or buffers. What one device can or can't take stands in the platform file, not here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import ClassVar, Final, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    ComplexType,
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    MemRefType,
    ShapedType,
    StringAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    EffectInstance,
    IsTerminator,
    MemoryEffect,
    MemoryEffectKind,
    NoMemoryEffect,
    Pure,
)
from xdsl.utils.exceptions import VerifyException

from cedr.dialects.cedr.affine import affine_map, affine_results, parse_affine, shared_dims
from cedr.dialects.cedr.attrs import (
    SHAPED,
    TileType,
    dense_i64,
    ints_of,
    parse_ints,
    parse_optional_after,
    print_after,
    print_ints,
)
from cedr.target.api import FUNCTION_FLOPS

Array = NDArray[np.generic]

ZIP_KINDS = ("add", "sub", "mul", "div", "cmp_mul")


class DestinationEffects(MemoryEffect):
    """No effect on tensors; on tiles and buffers: ins are read, outs are read and written."""

    @classmethod
    def get_effects(cls, op: Operation) -> frozenset[EffectInstance]:
        if any(isinstance(result.type, TensorType) for result in op.results):
            return frozenset()
        assert isinstance(op, CallOp)
        return frozenset(
            [EffectInstance(MemoryEffectKind.READ, v) for v in op.operands]
            + [EffectInstance(MemoryEffectKind.WRITE, v) for v in op.outputs]
        )


def shape_of(value: SSAValue) -> tuple[int, ...]:
    return cast(ShapedType, value.type).get_shape()


def element_type_of(value: SSAValue) -> Attribute:
    assert isinstance(value.type, TileType | TensorType | MemRefType)
    return value.type.get_element_type()


def resolve_defined(parser: Parser) -> SSAValue:
    """An operand whose definition has been seen, so that its type need not be written again."""
    operand = parser.parse_unresolved_operand()
    values = parser.ssa_values.get(operand.operand_name)
    if values is None or operand.index >= len(values):
        parser.raise_error(
            f"%{operand.operand_name} is not defined before this use", operand.span.start, operand.span.end
        )
    return values[operand.index]


def parse_operand_group(parser: Parser, keyword: str) -> list[SSAValue]:
    parser.parse_keyword(keyword)
    return parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: resolve_defined(parser))


def enclosing_dims(parser: Parser) -> int:
    """Dimensions of the grid being parsed (0 outside of one): `after` entries are affine in them."""
    return getattr(parser, "cedr_grid_dims", 0)


class CallOp(IRDLOperation, ABC):
    """What all calls share: `ins`, `outs`, the list of events waited for, and a custom assembly.

    `NAME clauses ins(%a, %b) outs(%c) attr-dict after [raw @g:0[d0]]`; types are those of the operands.
    """

    inputs = var_operand_def(BaseAttr(TileType) | SHAPED)
    outputs = var_operand_def(BaseAttr(TileType) | SHAPED)
    res = var_result_def(TensorType)
    after = opt_prop_def(ArrayAttr)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(DestinationEffects())

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        properties: dict[str, Attribute | None] | None = None,
        regions: Sequence[Region] = (),
    ):
        super().__init__(
            operands=[list(inputs), list(outputs)],
            result_types=[[o.type for o in outputs if isinstance(o.type, TensorType)]],
            properties=properties or {},
            regions=list(regions),
        )

    @property
    def api(self) -> str:
        """The call's name in the API table."""
        return self.name.removeprefix("cedr.")

    @abstractmethod
    def dims(self) -> dict[str, int]:
        """The call's dimensions by the API table's names."""

    def attributes_by_name(self) -> dict[str, object]:
        """The call's attributes by the API table's names."""
        return {}

    @abstractmethod
    def meaning(self, ins: Sequence[Array], outs: Sequence[Array]) -> None:
        """Compute in NumPy: read `ins`, overwrite or update `outs` in place."""

    def reads_outputs(self) -> tuple[bool, ...]:
        """Per out: whether its old contents are read."""
        return (False,) * len(self.outputs)

    def uses_outputs(self) -> tuple[bool, ...]:
        """Per out: whether anything in it is read, what the call itself has written too."""
        return self.reads_outputs()

    def macs(self) -> int:
        """Multiply-accumulates of a convolution or linear layer done by this call."""
        return 0

    # Assembly.

    def print_clauses(self, printer: Printer) -> None:
        """Print what stands between the op's name and `ins`."""

    @classmethod
    def parse_clauses(cls, parser: Parser) -> dict[str, Attribute | None]:
        return {}

    def print(self, printer: Printer) -> None:
        self.print_clauses(printer)
        for keyword, operands in (("ins", self.inputs), ("outs", self.outputs)):
            printer.print_string(f" {keyword}")
            with printer.in_parens():
                printer.print_list(operands, printer.print_operand)
        if self.attributes:
            printer.print_op_attributes(self.attributes, print_keyword=True)
        print_after(printer, self.after)
        self.print_body(printer)

    def print_body(self, printer: Printer) -> None:
        """Print the region, if the call has one."""

    @classmethod
    def parse(cls, parser: Parser) -> CallOp:
        properties = cls.parse_clauses(parser)
        inputs = parse_operand_group(parser, "ins")
        outputs = parse_operand_group(parser, "outs")
        attributes = parser.parse_optional_attr_dict_with_keyword()
        properties["after"] = parse_optional_after(parser, enclosing_dims(parser))
        op = cls.create_call(inputs, outputs, properties, cls.parse_body(parser))
        if attributes is not None:
            op.attributes |= attributes.data
        return op

    @classmethod
    def parse_body(cls, parser: Parser) -> Sequence[Region]:
        return ()

    @classmethod
    def create_call(
        cls,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        properties: dict[str, Attribute | None],
        regions: Sequence[Region],
    ) -> CallOp:
        op = cls.__new__(cls)
        CallOp.__init__(op, inputs, outputs, properties, regions)
        return op

    # Verification.

    def fail(self, message: str) -> VerifyException:
        return VerifyException(f"'{self.name}' {message}")

    def verify_(self) -> None:
        tensors = [o for o in self.outputs if isinstance(o.type, TensorType)]
        if tensors and len(tensors) != len(self.outputs):
            raise self.fail("mixes tensors and memory in outs")
        if [r.type for r in self.res] != [o.type for o in tensors]:
            raise self.fail("needs one result per tensor in outs, of the same type")
        for value in (*self.inputs, *self.outputs):
            if any(size < 0 for size in shape_of(value)):
                raise self.fail(f"needs static shapes, got {value.type}")
        self.verify_call()

    def verify_call(self) -> None:
        """What the particular call demands."""

    def verify_arity(self, num_inputs: int, ranks: Sequence[int]) -> None:
        if len(self.inputs) != num_inputs or len(self.outputs) != 1:
            raise self.fail(f"takes {num_inputs} ins and 1 out, got {len(self.inputs)} and {len(self.outputs)}")
        operands = (*self.inputs, *self.outputs)
        for i, (value, rank) in enumerate(zip(operands, ranks, strict=True)):
            if len(shape_of(value)) != rank:
                raise self.fail(f"operand {i} needs {rank} dimensions, got {list(shape_of(value))}")
        if len({element_type_of(v) for v in operands}) != 1:
            raise self.fail(f"operands need one element type, got {', '.join(str(v.type) for v in operands)}")


def print_spatial(printer: Printer, name: str, attr: DenseArrayBase | None) -> None:
    if attr is not None:
        printer.print_string(f" {name} ")
        print_ints(printer, ints_of(attr))


def parse_spatial(parser: Parser) -> dict[str, Attribute | None]:
    return {
        name: dense_i64(parse_ints(parser)) for name in ("strides", "dilations") if parser.parse_optional_keyword(name)
    }


class ConvolutionOp(CallOp, ABC):
    """A cross-correlation of a padded input with a filter. `rank` spatial dimensions."""

    strides = opt_prop_def(DenseArrayBase)
    dilations = opt_prop_def(DenseArrayBase)

    RANK: ClassVar[int]

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
    ):
        def optional(values: Sequence[int] | None) -> DenseArrayBase | None:
            return None if values is None or all(v == 1 for v in values) else dense_i64(values)

        super().__init__(inputs, outputs, {"strides": optional(strides), "dilations": optional(dilations)})

    def print_clauses(self, printer: Printer) -> None:
        print_spatial(printer, "strides", self.strides)
        print_spatial(printer, "dilations", self.dilations)

    @classmethod
    def parse_clauses(cls, parser: Parser) -> dict[str, Attribute | None]:
        return parse_spatial(parser)

    def get_strides(self) -> tuple[int, ...]:
        return (1,) * self.RANK if self.strides is None else ints_of(self.strides)

    def get_dilations(self) -> tuple[int, ...]:
        return (1,) * self.RANK if self.dilations is None else ints_of(self.dilations)

    def attributes_by_name(self) -> dict[str, object]:
        return {}

    def macs(self) -> int:
        filter_shape = shape_of(self.inputs[1])
        return prod(shape_of(self.outputs[0])) * prod(filter_shape[1:])

    def verify_call(self) -> None:
        self.verify_arity(2, [2 + self.RANK] * 3)
        strides, dilations = self.get_strides(), self.get_dilations()
        for name, values in (("strides", strides), ("dilations", dilations)):
            if len(values) != self.RANK or any(v < 1 for v in values):
                raise self.fail(f"needs {self.RANK} positive {name}, got {list(values)}")
        x, w, y = (shape_of(v) for v in self.operands)
        if x[1] != w[1]:
            raise self.fail(f"input has {x[1]} channels, filter takes {w[1]}")
        if (y[0], y[1]) != (x[0], w[0]):
            raise self.fail(f"output needs {x[0]} images of {w[0]} channels, got {y[0]} of {y[1]}")
        for i in range(self.RANK):
            reach = dilations[i] * (w[2 + i] - 1) + 1
            size = (x[2 + i] - reach) // strides[i] + 1 if x[2 + i] >= reach else 0
            if y[2 + i] != size:
                raise self.fail(
                    f"dimension {2 + i}: an input of {x[2 + i]} under a filter of {w[2 + i]} "
                    f"(stride {strides[i]}, dilation {dilations[i]}) gives {size}, got {y[2 + i]}"
                )

    def meaning(self, ins: Sequence[Array], outs: Sequence[Array]) -> None:
        x, w = ins
        (y,) = outs
        dtype = np.result_type(y.dtype, np.float64) if y.dtype.kind == "f" else y.dtype
        strides, dilations = self.get_strides(), self.get_dilations()
        reach = [d * (size - 1) + 1 for d, size in zip(dilations, w.shape[2:], strict=True)]
        windows = sliding_window_view(x.astype(dtype), reach, axis=tuple(range(2, x.ndim)))
        steps = tuple(slice(None, None, step) for step in (*strides, *dilations))
        taps = [1, *range(x.ndim, windows.ndim)]  # of a window: its channels, then its places
        total = np.tensordot(windows[:, :, *steps], w.astype(dtype), (taps, list(range(1, w.ndim))))
        y[...] = np.moveaxis(total, -1, 1)


@irdl_op_definition
class Conv2dOp(ConvolutionOp):
    """2-D cross-correlation: X[n,c,h,w], W[f,c,kh,kw] -> Y[n,f,oh,ow]; X is already padded.

    oh = (h - dilation*(kh-1) - 1) // stride + 1. Several channels in one call are summed. Source: DASH_CONV_2D of CEDR
    (one channel, stride 1), widened.
    """

    name = "cedr.conv2d"
    RANK: ClassVar[int] = 2

    def dims(self) -> dict[str, int]:
        n, c, h, w = shape_of(self.inputs[0])
        f, _, kh, kw = shape_of(self.inputs[1])
        _, _, oh, ow = shape_of(self.outputs[0])
        (sh, sw), (dh, dw) = self.get_strides(), self.get_dilations()
        return dict(n=n, c=c, h=h, w=w, f=f, kh=kh, kw=kw, oh=oh, ow=ow, sh=sh, sw=sw, dh=dh, dw=dw)


@irdl_op_definition
class Conv1dOp(ConvolutionOp):
    """1-D cross-correlation: X[n,c,l], W[f,c,k] -> Y[n,f,ol]; X is already padded. Source: DASH_CONV_1D of CEDR, widened."""

    name = "cedr.conv1d"
    RANK: ClassVar[int] = 1

    def dims(self) -> dict[str, int]:
        n, c, length = shape_of(self.inputs[0])
        f, _, k = shape_of(self.inputs[1])
        (s,), (d,) = self.get_strides(), self.get_dilations()
        return dict(n=n, c=c, l=length, f=f, k=k, ol=shape_of(self.outputs[0])[2], s=s, d=d)


@irdl_op_definition
class GemmOp(CallOp):
    """Matrix product: A[m,k] x B[k,n] -> C[m,n]; with `transpose_b`, B is [n,k]. Source: DASH_GEMM of CEDR, any element type."""

    name = "cedr.gemm"

    transpose_b = opt_prop_def(UnitAttr)

    def __init__(self, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue], transpose_b: bool = False):
        super().__init__(inputs, outputs, {"transpose_b": UnitAttr() if transpose_b else None})

    def print_clauses(self, printer: Printer) -> None:
        if self.transpose_b is not None:
            printer.print_string(" transpose_b")

    @classmethod
    def parse_clauses(cls, parser: Parser) -> dict[str, Attribute | None]:
        return {"transpose_b": UnitAttr() if parser.parse_optional_keyword("transpose_b") else None}

    def dims(self) -> dict[str, int]:
        m, k = shape_of(self.inputs[0])
        return dict(m=m, k=k, n=shape_of(self.outputs[0])[1])

    def attributes_by_name(self) -> dict[str, object]:
        return {"transpose_b": self.transpose_b is not None}

    def macs(self) -> int:
        return prod(self.dims().values())

    def verify_call(self) -> None:
        self.verify_arity(2, [2, 2, 2])
        (m, k), b, c = (shape_of(v) for v in self.operands)
        inner, n = reversed(b) if self.transpose_b is not None else b
        if inner != k:
            raise self.fail(f"A is {m}x{k}, B has an inner size of {inner}")
        if c != (m, n):
            raise self.fail(f"result is {m}x{n}, got {c[0]}x{c[1]}")

    def meaning(self, ins: Sequence[Array], outs: Sequence[Array]) -> None:
        a, b = (v.astype(np.result_type(v.dtype, np.float64)) if v.dtype.kind == "f" else v for v in ins)
        outs[0][...] = np.matmul(a, b.T if self.transpose_b is not None else b)


@irdl_op_definition
class FftOp(CallOp):
    """Discrete Fourier transform of each row: X[b,n] -> Y[b,n], complex; n a power of two. `inverse` divides by n.

    Source: DASH_FFT of CEDR (one row).
    """

    name = "cedr.fft"

    inverse = opt_prop_def(UnitAttr)

    def __init__(self, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue], inverse: bool = False):
        super().__init__(inputs, outputs, {"inverse": UnitAttr() if inverse else None})

    def print_clauses(self, printer: Printer) -> None:
        if self.inverse is not None:
            printer.print_string(" inverse")

    @classmethod
    def parse_clauses(cls, parser: Parser) -> dict[str, Attribute | None]:
        return {"inverse": UnitAttr() if parser.parse_optional_keyword("inverse") else None}

    def dims(self) -> dict[str, int]:
        b, n = shape_of(self.inputs[0])
        return dict(b=b, n=n)

    def attributes_by_name(self) -> dict[str, object]:
        return {"inverse": self.inverse is not None}

    def verify_call(self) -> None:
        self.verify_arity(1, [2, 2])
        if not isinstance(element_type_of(self.inputs[0]), ComplexType):
            raise self.fail(f"needs complex elements, got {element_type_of(self.inputs[0])}")
        x, y = (shape_of(v) for v in self.operands)
        if x != y:
            raise self.fail(f"input is {list(x)}, output {list(y)}")
        if x[1] & (x[1] - 1):
            raise self.fail(f"needs a power-of-two length, got {x[1]} points")

    def meaning(self, ins: Sequence[Array], outs: Sequence[Array]) -> None:
        transform = np.fft.ifft if self.inverse is not None else np.fft.fft
        outs[0][...] = transform(ins[0], axis=1)


@irdl_op_definition
class ZipOp(CallOp):
    """Element by element: `cedr.zip add ins(%a, %b) outs(%c)`, equal shapes; %c may be %a or %b.

    Kinds add, sub, mul, div, cmp_mul; on complex elements mul, cmp_mul and div are complex. Source: DASH_ZIP of CEDR.
    """

    name = "cedr.zip"

    kind = prop_def(StringAttr)

    def __init__(self, kind: str, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]):
        super().__init__(inputs, outputs, {"kind": StringAttr(kind)})

    def print_clauses(self, printer: Printer) -> None:
        printer.print_string(f" {self.kind.data}")

    @classmethod
    def parse_clauses(cls, parser: Parser) -> dict[str, Attribute | None]:
        return {"kind": StringAttr(parser.parse_identifier("a zip kind"))}

    def dims(self) -> dict[str, int]:
        return dict(n=prod(shape_of(self.outputs[0])))

    def attributes_by_name(self) -> dict[str, object]:
        return {"kind": self.kind.data}

    def verify_call(self) -> None:
        if self.kind.data not in ZIP_KINDS:
            raise self.fail(f"has no kind '{self.kind.data}'; the kinds are {', '.join(ZIP_KINDS)}")
        rank = len(shape_of(self.outputs[0])) if self.outputs else 0
        self.verify_arity(2, [rank] * 3)
        if len({shape_of(v) for v in self.operands}) != 1:
            raise self.fail(f"operands need one shape, got {', '.join(str(list(shape_of(v))) for v in self.operands)}")

    def meaning(self, ins: Sequence[Array], outs: Sequence[Array]) -> None:
        a, b = ins
        match self.kind.data:
            case "add":
                outs[0][...] = np.add(a, b)
            case "sub":
                outs[0][...] = np.subtract(a, b)
            case "mul" | "cmp_mul":
                outs[0][...] = np.multiply(a, b)
            case "div":
                with np.errstate(divide="ignore", invalid="ignore"):
                    outs[0][...] = np.divide(a, b) if a.dtype.kind in "fc" else np.floor_divide(a, b)
            case kind:
                raise self.fail(f"has no kind '{kind}'")


_FREE: Final = frozenset(
    {
        "arith.constant",
        "cedr.index",
        "cedr.load",
        "cedr.yield",
        "complex.constant",
        "complex.create",
        "complex.im",
        "complex.re",
        "linalg.index",
        "linalg.yield",
        "tensor.extract",
    }
)
_INSTRUCTIONS: Final = frozenset(
    f"math.{name}"
    for name in ("absf", "absi", "ceil", "copysign", "floor", "fma", "round", "roundeven", "rsqrt", "sqrt", "trunc")
)
"""Of the dialect `math`: what a processor has itself."""


_COMPLEX_FLOPS: Final = {
    **dict.fromkeys(("complex.add", "complex.sub", "complex.neg", "complex.eq", "complex.neq"), 2),
    "complex.conj": 1,
    "complex.mul": 6,
    "complex.div": 11,
    "complex.abs": FUNCTION_FLOPS,
    "complex.angle": FUNCTION_FLOPS,
}
"""As the API table counts them; any other is two functions of the mathematical library, one for each part."""


def flops_per_point(block: Block) -> int:
    """Operations of a region on real scalars: constants, indices, loads, parts and the yield apart, FUNCTION_FLOPS for each
    function of the mathematical library."""

    def flops(name: str) -> int:
        if name in _FREE:
            return 0
        if name.startswith("complex."):
            return _COMPLEX_FLOPS.get(name, 2 * FUNCTION_FLOPS)
        return FUNCTION_FLOPS if name.startswith("math.") and name not in _INSTRUCTIONS else 1

    return sum(flops(op.name) for op in block.ops)


@irdl_op_definition
class KernelOp(CallOp):
    """CPU work outlined as a scalar region over static bounds, one affine map per operand.

    `cedr.kernel @bias_relu [64, 8, 224] maps [(0, d0, d1, d2), (d0), (0, d0, d1, d2)] ins(%t, %b) outs(%o) { ... }`
    For every point of the bounds, in index order: the region gets the scalars of ins and outs at the mapped elements and
    yields the outs' new scalars. A dimension that some out's map does not use is a reduction. `init [v]`: each out is set to v
    before the loops, so that nothing of it is read. `macs n`: the kernel does n multiply-accumulates of a convolution or
    linear layer. `cedr.index k` in the region is loop index k. An `in` whose map is `whole` comes to the region as the
    tile itself, of which `cedr.load` reads elements at positions that the region computes.
    """

    name = "cedr.kernel"

    sym_name = prop_def(StringAttr)
    bounds = prop_def(DenseArrayBase)
    maps = prop_def(ArrayAttr[AffineMapAttr])
    init = opt_prop_def(ArrayAttr)
    layer_macs = opt_prop_def(IntegerAttr)
    body = region_def("single_block")

    def __init__(
        self,
        name: str,
        bounds: Sequence[int],
        maps: Sequence[AffineMapAttr],
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        body: Region,
        init: Sequence[Attribute] | None = None,
        layer_macs: int = 0,
    ):
        super().__init__(
            inputs,
            outputs,
            {
                "sym_name": StringAttr(name),
                "bounds": dense_i64(bounds),
                "maps": ArrayAttr(maps),
                "init": None if init is None else ArrayAttr(init),
                "layer_macs": IntegerAttr(layer_macs, i64) if layer_macs else None,
            },
            [body],
        )

    def get_bounds(self) -> tuple[int, ...]:
        return ints_of(self.bounds)

    def takes_whole(self) -> tuple[bool, ...]:
        """Per operand: whether the region gets the tile itself and not an element of it."""
        return tuple(isinstance(argument.type, TileType) for argument in self.body.block.args)

    def reduction_dims(self) -> tuple[int, ...]:
        """Positions of the bounds that some out's map does not use: the points along them update one element of it."""
        used = shared_dims([affine_results(attr) for attr in self.maps.data[len(self.inputs) :]])
        return tuple(i for i, bound in enumerate(self.get_bounds()) if i not in used and bound > 1)

    def dims(self) -> dict[str, int]:
        from cedr.dialects.element_types import element_size_bytes

        elements = prod(self.get_bounds())

        def moved(value: SSAValue) -> int:
            """Bytes of an operand that are touched: no more than one element a point (a border's strips, say)."""
            return min(size_bytes(value), elements * element_size_bytes(element_type_of(value)))

        return dict(
            elements=elements,
            flops=elements * flops_per_point(self.body.block),
            bytes_in=sum(map(moved, self.inputs))
            + sum(moved(o) for o, reads in zip(self.outputs, self.reads_outputs(), strict=True) if reads),
            bytes_out=sum(map(moved, self.outputs)),
            macs=self.macs(),
        )

    def macs(self) -> int:
        return 0 if self.layer_macs is None else self.layer_macs.value.data

    def reads_outputs(self) -> tuple[bool, ...]:
        return tuple(self.init is None and is_used for is_used in self.uses_outputs())

    def uses_outputs(self) -> tuple[bool, ...]:
        return tuple(arg.first_use is not None for arg in self.body.block.args[len(self.inputs) :])

    def print_clauses(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" ")
        print_ints(printer, self.get_bounds())
        texts = [
            "whole" if whole else "(" + ", ".join(map(str, affine_results(m))) + ")"
            for m, whole in zip(self.maps.data, self.takes_whole(), strict=True)
        ]
        printer.print_string(f" maps [{', '.join(texts)}]")
        if self.init is not None:
            printer.print_string(" init ")
            printer.print_attribute(self.init)
        if self.layer_macs is not None:
            printer.print_string(f" macs {self.macs()}")

    @classmethod
    def parse_clauses(cls, parser: Parser) -> dict[str, Attribute | None]:
        name = parser.parse_symbol_name()
        bounds = parse_ints(parser)
        parser.parse_keyword("maps")

        def one_map() -> AffineMapAttr:
            if parser.parse_optional_keyword("whole"):
                return affine_map((), len(bounds))
            results = parser.parse_comma_separated_list(
                parser.Delimiter.PAREN, lambda: parse_affine(parser, len(bounds))
            )
            return affine_map(results, len(bounds))

        maps = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, one_map)
        init = parser.parse_attribute() if parser.parse_optional_keyword("init") else None
        macs = IntegerAttr(parser.parse_integer(), i64) if parser.parse_optional_keyword("macs") else None
        return {
            "sym_name": name,
            "bounds": dense_i64(bounds),
            "maps": ArrayAttr(maps),
            "init": init,
            "layer_macs": macs,
        }

    def print_body(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_region(self.body)

    @classmethod
    def parse_body(cls, parser: Parser) -> Sequence[Region]:
        return [parser.parse_region()]

    def verify_call(self) -> None:
        bounds, operands = self.get_bounds(), (*self.inputs, *self.outputs)
        where = f"@{self.sym_name.data}"
        if any(b < 1 for b in bounds):
            raise self.fail(f"{where} needs positive bounds, got {list(bounds)}")
        if len(self.maps.data) != len(operands):
            raise self.fail(f"{where} has {len(self.maps.data)} maps for {len(operands)} operands")
        block = self.body.block
        for i, (attr, value) in enumerate(zip(self.maps.data, operands, strict=True)):
            if i < len(block.args) and isinstance(block.args[i].type, TileType):
                if attr.data.results:
                    raise self.fail(f"{where} operand {i} comes whole to the region, so that its map is 'whole'")
                continue
            if attr.data.num_dims != len(bounds):
                raise self.fail(f"{where} map {i} is over {attr.data.num_dims} dimensions, bounds have {len(bounds)}")
            try:
                results = affine_results(attr)
            except ValueError as error:
                raise self.fail(f"{where} map {i}: {error}") from error
            if len(results) != len(shape_of(value)):
                raise self.fail(f"{where} map {i} has {len(results)} results for operand {list(shape_of(value))}")
            for j, (result, size) in enumerate(zip(results, shape_of(value), strict=True)):
                low, high = result.bounds(bounds)
                if low < 0 or high >= size:
                    raise self.fail(
                        f"{where} map {i} reaches elements {low} to {high} in dimension {j} of {list(shape_of(value))}"
                    )
        whole = self.takes_whole()[: len(self.inputs)]
        wanted = [
            TileType(shape_of(value), element_type_of(value)) if any(whole[i : i + 1]) else element_type_of(value)
            for i, value in enumerate(operands)
        ]
        if [a.type for a in block.args] != wanted:
            raise self.fail(f"{where} region arguments must be the operands' elements in order, or `in` tiles whole")
        last = block.last_op
        if not isinstance(last, YieldOp) or [v.type for v in last.arguments] != [
            element_type_of(v) for v in self.outputs
        ]:
            raise self.fail(f"{where} region must end in a cedr.yield of one element per out")
        if self.init is not None and len(self.init.data) != len(self.outputs):
            raise self.fail(f"{where} has {len(self.init.data)} init values for {len(self.outputs)} outs")
        for op in block.ops:
            if isinstance(op, IndexOp) and not 0 <= op.dim.value.data < len(bounds):
                raise self.fail(f"{where} has no loop index {op.dim.value.data}, bounds are {list(bounds)}")
            if op.regions:
                raise self.fail(f"{where} region may hold scalar operations only, got '{op.name}'")

    def meaning(self, ins: Sequence[Array], outs: Sequence[Array]) -> None:
        from cedr.dialects.interpreter.scalar import run_kernel

        run_kernel(self, ins, outs)


def size_bytes(value: SSAValue) -> int:
    from cedr.dialects.element_types import element_size_bytes

    return prod(shape_of(value)) * element_size_bytes(element_type_of(value))


@irdl_op_definition
class IndexOp(IRDLOperation):
    """`%i = cedr.index 1 : index`: the value of a loop index, inside a `cedr.kernel`."""

    name = "cedr.index"

    dim = prop_def(IntegerAttr)
    result = result_def(IndexType)

    traits = traits_def(Pure())

    def __init__(self, dim: int):
        super().__init__(properties={"dim": IntegerAttr(dim, i64)}, result_types=[IndexType()])

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.dim.value.data} : index")

    @classmethod
    def parse(cls, parser: Parser) -> IndexOp:
        dim = parser.parse_integer()
        parser.parse_punctuation(":")
        parser.parse_keyword("index")
        return cls(dim)


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends a kernel's region with the outs' new scalars, and a grid's body with nothing."""

    name = "cedr.yield"

    arguments = var_operand_def()

    traits = traits_def(IsTerminator(), NoMemoryEffect())

    def __init__(self, *arguments: SSAValue):
        super().__init__(operands=[list(arguments)])

    assembly_format = "($arguments^ `:` type($arguments))? attr-dict"


@irdl_op_definition
class LoadOp(IRDLOperation):
    """`%v = cedr.load %t[%i, %j] : f32`: an element of a tile that a `cedr.kernel` takes whole, one index per dimension.

    A position outside of the tile ends the program with a message.
    """

    name = "cedr.load"

    tile = operand_def(TileType)
    indices = var_operand_def(IndexType)
    result = result_def()

    traits = traits_def(NoMemoryEffect())

    def __init__(self, tile: SSAValue, indices: Sequence[SSAValue]):
        super().__init__(operands=[tile, list(indices)], result_types=[element_type_of(tile)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.tile)
        with printer.in_square_brackets():
            printer.print_list(self.indices, printer.print_operand)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    @classmethod
    def parse(cls, parser: Parser) -> LoadOp:
        tile = resolve_defined(parser)
        indices = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: resolve_defined(parser))
        start = parser.pos
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        if not isinstance(tile.type, TileType) or tile.type.get_element_type() != type_:
            parser.raise_error(f"cedr.load of {type_} from a value of type {tile.type}", start, parser.pos)
        return cls(tile, indices)

    def verify_(self) -> None:
        rank = len(shape_of(self.tile))
        if len(self.indices) != rank:
            raise VerifyException(f"'{self.name}' needs {rank} indices for {self.tile.type}, got {len(self.indices)}")
        if self.result.type != element_type_of(self.tile):
            raise VerifyException(f"'{self.name}' gives {self.result.type}, the tile is {self.tile.type}")


CALLS: tuple[type[CallOp], ...] = (Conv2dOp, Conv1dOp, GemmOp, FftOp, ZipOp, KernelOp)
