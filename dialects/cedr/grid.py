"""`cedr.grid`: to tiles what linalg.generic is to scalars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, MemRefType, StringAttr, TensorType, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from cedr.dialects.cedr.affine import linear_index, parse_affine
from cedr.dialects.cedr.attrs import (
    SHAPED,
    DependencyAttr,
    LagAttr,
    TileType,
    WindowAttr,
    dense_i64,
    ints_of,
    parse_ints,
    print_ints,
)
from cedr.dialects.cedr.calls import CallOp, YieldOp, element_type_of, shape_of

PARALLEL = "parallel"
REDUCTION = "reduction"
SEQUENTIAL = "sequential"
KINDS = (PARALLEL, REDUCTION, SEQUENTIAL)


class GridEffects(MemoryEffect):
    """No effect on tensors; on buffers: ins are read, outs and scratch are read and written."""

    @classmethod
    def get_effects(cls, op: Operation) -> frozenset[EffectInstance]:
        assert isinstance(op, GridOp)
        if op.is_on_tensors():
            return frozenset()
        return frozenset(
            [EffectInstance(MemoryEffectKind.READ, v) for v in op.operands]
            + [EffectInstance(MemoryEffectKind.WRITE, v) for v in (*op.outputs, *op.scratch)]
        )


@irdl_op_definition
class GridOp(IRDLOperation):
    """A static grid of tiles, each computed by the same few calls.

    ```
    cedr.grid @conv [2 parallel, 28 parallel] base 5
        ins(%x = %0[0, 0, d1 * 8, 0][1, 3, 10, 226] : memref<1x3x226x226xf32>, ...)
        outs(%y = %1[0, d0 * 32, d1 * 8, 0][1, 32, 8, 224] : memref<1x64x224x224xf32>)
        scratch(%t = %2 slot ((d0 * 28 + d1) mod 4) : memref<4x1x32x8x224xf32>) {
      cedr.conv2d ins(%x, %w) outs(%t)
      ...
      cedr.yield
    }
    ```
    The domain's dimensions are `parallel`; at most one, the innermost, is a `reduction` or `sequential`, taken in index
    order. The steps of a reduction update the same output window; sequential ones may read what steps before them left in
    the outs' windows, which may move (a recurrence over time, say). A window is an affine offset per dimension of the
    operand (`d0`, `d1`, ... are the grid's indices) and a static shape, and lies inside the operand at every point of the
    domain. On tensors the grid has one result per out: the out with its windows updated, all else kept. Scratch is private
    to a tile: on tensors only its type stands (`scratch(%t : tensor<1x32x8x224xf32>)`), on buffers it is a ring of slots,
    slot number = linear index of the tile mod number of slots. `base`: the task of call c at a tile is
    base + (linear index of the tile) * (number of calls) + c.
    """

    name = "cedr.grid"

    inputs = var_operand_def(SHAPED)
    outputs = var_operand_def(SHAPED)
    scratch = var_operand_def(MemRefType)
    res = var_result_def(TensorType)
    sym_name = prop_def(StringAttr)
    domain = prop_def(DenseArrayBase)
    iterator_types = prop_def(ArrayAttr[StringAttr])
    windows = prop_def(ArrayAttr[WindowAttr])
    base = opt_prop_def(IntegerAttr)
    body = region_def("single_block")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(GridEffects(), SymbolOpInterface())

    def __init__(
        self,
        name: str,
        domain: Sequence[int],
        iterator_types: Sequence[str],
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        windows: Sequence[WindowAttr],
        body: Region | None = None,
        scratch: Sequence[SSAValue] = (),
        scratch_shapes: Sequence[tuple[Sequence[int], Attribute]] = (),
        base: int | None = None,
    ):
        """`windows` of ins, then outs. Without `body`, an empty block with the right tile arguments is made; then
        `scratch_shapes` gives the (shape, element type) of the scratch tiles on tensors."""
        if body is None:
            tiles = [
                TileType(w.get_shape(), element_type_of(v)) for w, v in zip(windows, (*inputs, *outputs), strict=True)
            ]
            tiles += [TileType(shape_of(v)[1:], element_type_of(v)) for v in scratch]
            tiles += [TileType(shape, element) for shape, element in scratch_shapes]
            body = Region(Block(arg_types=tiles))
        super().__init__(
            operands=[list(inputs), list(outputs), list(scratch)],
            result_types=[[o.type for o in outputs if isinstance(o.type, TensorType)]],
            properties={
                "sym_name": StringAttr(name),
                "domain": dense_i64(domain),
                "iterator_types": ArrayAttr([StringAttr(k) for k in iterator_types]),
                "windows": ArrayAttr(windows),
                "base": None if base is None else IntegerAttr(base, i64),
            },
            regions=[body],
        )

    # Access.

    def get_domain(self) -> tuple[int, ...]:
        return ints_of(self.domain)

    def kinds(self) -> tuple[str, ...]:
        return tuple(k.data for k in self.iterator_types)

    def is_ordered(self) -> bool:
        """Whether the innermost dimension is taken in index order: a reduction, or sequential."""
        return self.kinds()[-1:] in ((REDUCTION,), (SEQUENTIAL,))

    def num_tiles(self) -> int:
        return prod(self.get_domain())

    def calls(self) -> tuple[CallOp, ...]:
        return tuple(op for op in self.body.block.ops if isinstance(op, CallOp))

    def num_tasks(self) -> int:
        return self.num_tiles() * len(self.calls())

    def get_base(self) -> int:
        if self.base is None:
            raise ValueError(f"grid @{self.sym_name.data} has no base yet: dependencies have not been computed")
        return self.base.value.data

    def is_on_tensors(self) -> bool:
        return any(isinstance(o.type, TensorType) for o in self.outputs)

    def tile_arguments(self) -> tuple[Sequence[SSAValue], Sequence[SSAValue], Sequence[SSAValue]]:
        """The body's arguments: tiles of ins, of outs, and scratch."""
        args, i = self.body.block.args, len(self.inputs)
        o = i + len(self.outputs)
        return args[:i], args[i:o], args[o:]

    def window_of(self, index: int) -> WindowAttr:
        """Window of operand `index` in the order ins, outs."""
        return self.windows.data[index]

    def points(self) -> Iterator[tuple[int, ...]]:
        """The domain in index order."""
        from itertools import product

        return product(*(range(e) for e in self.get_domain()))

    # Assembly.

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        dims = ", ".join(f"{e} {k}" for e, k in zip(self.get_domain(), self.kinds(), strict=True))
        printer.print_string(f" [{dims}]")
        if self.base is not None:
            printer.print_string(f" base {self.base.value.data}")
        printer.enter_scope()
        ins, outs, scratch = self.tile_arguments()
        with printer.indented(2):
            windows = iter(self.windows.data)
            for keyword, tiles, operands in (("ins", ins, self.inputs), ("outs", outs, self.outputs)):
                if not operands:
                    continue
                printer._print_new_line()
                printer.print_string(f"{keyword}(")
                with printer.indented(2):
                    for i, (tile, operand) in enumerate(zip(tiles, operands, strict=True)):
                        if i:
                            printer.print_string(",")
                            printer._print_new_line()
                        self._print_window(printer, tile, operand, next(windows))
                printer.print_string(")")
            if scratch:
                printer._print_new_line()
                printer.print_string("scratch(")
                for i, tile in enumerate(scratch):
                    printer.print_string(", " if i else "")
                    self._print_scratch(printer, tile, self.scratch[i] if self.scratch else None)
                printer.print_string(")")
        if self.attributes:
            printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.exit_scope()

    @staticmethod
    def _print_window(printer: Printer, tile: SSAValue, operand: SSAValue, window: WindowAttr) -> None:
        printer.print_ssa_value(tile)
        printer.print_string(" = ")
        printer.print_operand(operand)
        printer.print_string("[" + ", ".join(map(str, window.get_offsets())) + "]")
        print_ints(printer, window.get_shape())
        printer.print_string(" : ")
        printer.print_attribute(operand.type)

    def _print_scratch(self, printer: Printer, tile: SSAValue, ring: SSAValue | None) -> None:
        printer.print_ssa_value(tile)
        if ring is None:
            assert isinstance(tile.type, TileType)
            printer.print_string(" : ")
            printer.print_attribute(TensorType(tile.type.get_element_type(), tile.type.get_shape()))
            return
        printer.print_string(" = ")
        printer.print_operand(ring)
        printer.print_string(f" slot (({linear_index(self.get_domain())}) mod {shape_of(ring)[0]}) : ")
        printer.print_attribute(ring.type)

    @classmethod
    def parse(cls, parser: Parser) -> GridOp:
        name = parser.parse_symbol_name()

        def dimension() -> tuple[int, str]:
            extent = parser.parse_integer()
            kind = parser.parse_identifier("parallel, reduction or sequential")
            if kind not in KINDS:
                parser.raise_error(f"unknown iterator kind '{kind}', expected parallel, reduction or sequential")
            return extent, kind

        dims = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, dimension)
        base = parser.parse_integer() if parser.parse_optional_keyword("base") else None
        arguments: list[Parser.Argument] = []
        operands: dict[str, list[SSAValue]] = {"ins": [], "outs": [], "scratch": []}
        windows: list[WindowAttr] = []

        def window_operand() -> SSAValue:
            argument = parser.parse_argument(expect_type=False)
            parser.parse_punctuation("=")
            value_pos = parser.pos
            operand = parser.parse_unresolved_operand()
            offsets = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: parse_affine(parser, len(dims))
            )
            shape = parse_ints(parser)
            parser.parse_punctuation(":")
            operand_type = parser.parse_type()
            if not isinstance(operand_type, TensorType | MemRefType):
                parser.raise_error("a grid's operand must be a tensor or a memref", value_pos, parser.pos)
            if len(offsets) != len(shape) or any(s < 1 for s in shape):
                parser.raise_error("a window needs an offset and a positive size per dimension", value_pos, parser.pos)
            windows.append(WindowAttr.of(offsets, shape, len(dims)))
            arguments.append(argument.resolve(TileType(shape, operand_type.get_element_type())))
            return parser.resolve_operand(operand, operand_type)

        def scratch_operand() -> SSAValue | None:
            argument = parser.parse_argument(expect_type=False)
            if parser.parse_optional_punctuation(":"):
                tile_type = parser.parse_type()
                if not isinstance(tile_type, TensorType):
                    parser.raise_error("scratch without a buffer needs a tensor type")
                arguments.append(argument.resolve(TileType(tile_type.get_shape(), tile_type.get_element_type())))
                return None
            parser.parse_punctuation("=")
            pos = parser.pos
            ring = parser.parse_unresolved_operand()
            parser.parse_keyword("slot")
            parser.parse_punctuation("(")
            parser.parse_punctuation("(")
            index = parse_affine(parser, len(dims))
            parser.parse_punctuation(")")
            parser.parse_keyword("mod")
            slots = parser.parse_integer()
            parser.parse_punctuation(")")
            parser.parse_punctuation(":")
            ring_type = parser.parse_type()
            if not isinstance(ring_type, MemRefType) or ring_type.get_num_dims() < 2:
                parser.raise_error("a scratch ring must be a memref of slots x tile", pos, parser.pos)
            expected = linear_index([e for e, _ in dims])
            if index != expected or slots != ring_type.get_shape()[0]:
                parser.raise_error(
                    f"a tile's slot must be (({expected}) mod {ring_type.get_shape()[0]})", pos, parser.pos
                )
            arguments.append(argument.resolve(TileType(ring_type.get_shape()[1:], ring_type.get_element_type())))
            return parser.resolve_operand(ring, ring_type)

        for keyword in ("ins", "outs"):
            if parser.parse_optional_keyword(keyword):
                operands[keyword] = parser.parse_comma_separated_list(parser.Delimiter.PAREN, window_operand)
        if parser.parse_optional_keyword("scratch"):
            rings = parser.parse_comma_separated_list(parser.Delimiter.PAREN, scratch_operand)
            operands["scratch"] = [r for r in rings if r is not None]
        attributes = parser.parse_optional_attr_dict_with_keyword()
        outer_dims = getattr(parser, "cedr_grid_dims", 0)
        setattr(parser, "cedr_grid_dims", len(dims))  # noqa: B010  # read by the calls' `after`
        body = parser.parse_region(arguments)
        setattr(parser, "cedr_grid_dims", outer_dims)  # noqa: B010  # as above
        op = cls(
            name.data,
            [e for e, _ in dims],
            [k for _, k in dims],
            operands["ins"],
            operands["outs"],
            windows,
            body,
            operands["scratch"],
            base=base,
        )
        if attributes is not None:
            op.attributes |= attributes.data
        return op

    # Verification.

    def fail(self, message: str) -> VerifyException:
        return VerifyException(f"'cedr.grid' @{self.sym_name.data} {message}")

    def verify_(self) -> None:
        domain, kinds = self.get_domain(), self.kinds()
        if len(kinds) != len(domain):
            raise self.fail(f"has {len(kinds)} iterator kinds for {len(domain)} dimensions")
        if any(e < 1 for e in domain):
            raise self.fail(f"needs a domain of positive extents, got {list(domain)}")
        if any(k not in KINDS for k in kinds) or any(k != PARALLEL for k in kinds[:-1]):
            raise self.fail(f"takes parallel dimensions and at most one that is not, the innermost; got {list(kinds)}")
        operands = (*self.inputs, *self.outputs)
        if len({isinstance(v.type, TensorType) for v in operands}) > 1:
            raise self.fail("mixes tensors and buffers")
        if [r.type for r in self.res] != [o.type for o in self.outputs if isinstance(o.type, TensorType)]:
            raise self.fail("needs one result per tensor in outs, of the same type")
        if len(self.windows.data) != len(operands):
            raise self.fail(f"has {len(self.windows.data)} windows for {len(operands)} operands")
        for i, (window, operand) in enumerate(zip(self.windows.data, operands, strict=True)):
            self._verify_window(i, window, operand)
        for i, window in enumerate(self.windows.data[len(self.inputs) :]):
            self._verify_disjoint(len(self.inputs) + i, window)
        self._verify_arguments(operands)
        self._verify_body()

    def _verify_window(self, index: int, window: WindowAttr, operand: SSAValue) -> None:
        domain, shape = self.get_domain(), shape_of(operand)
        offsets = window.get_offsets()
        if window.offsets.data.num_dims != len(domain) or len(offsets) != len(shape):
            raise self.fail(
                f"operand {index}: a window of {len(offsets)} offsets over {window.offsets.data.num_dims} dimensions "
                f"for {operand.type} in a domain of {len(domain)}"
            )
        for j, (offset, size, extent) in enumerate(zip(offsets, window.get_shape(), shape, strict=True)):
            low, high = offset.bounds(domain)
            if low < 0 or high + size > extent:
                raise self.fail(
                    f"operand {index}: window leaves its operand in dimension {j}: "
                    f"elements {low} to {high + size - 1} of {extent}"
                )

    def _verify_disjoint(self, index: int, window: WindowAttr) -> None:
        """Along parallel dimensions, output windows must not overlap: in each tensor dimension, strides that are at
        least as wide as everything below them tell the tiles apart."""
        domain = self.get_domain()
        apart: set[int] = set()
        for offset, size in zip(window.get_offsets(), window.get_shape(), strict=True):
            span = size
            for stride, dim in sorted((abs(c), i) for i, c in enumerate(offset.coefficients) if c):
                if stride < span:
                    break
                apart.add(dim)
                span += stride * (domain[dim] - 1)
        for dim, kind in enumerate(self.kinds()):
            if kind == PARALLEL and domain[dim] > 1 and dim not in apart:
                raise self.fail(f"operand {index}: output windows overlap along the parallel dimension d{dim}")
            if kind == REDUCTION and dim in apart:
                raise self.fail(f"operand {index}: the reduction dimension d{dim} must update one window, not several")

    def _verify_arguments(self, operands: Sequence[SSAValue]) -> None:
        args = self.body.block.args
        expected = [
            TileType(w.get_shape(), element_type_of(v)) for w, v in zip(self.windows.data, operands, strict=True)
        ]
        if self.is_on_tensors():
            if self.scratch:
                raise self.fail("on tensors has no scratch buffers")
            expected += [a.type for a in args[len(operands) :] if isinstance(a.type, TileType)]
        else:
            for ring in self.scratch:
                if len(shape_of(ring)) < 2:
                    raise self.fail(f"a scratch ring must be slots x tile, got {ring.type}")
                expected.append(TileType(shape_of(ring)[1:], element_type_of(ring)))
        if [a.type for a in args] != expected:
            raise self.fail(
                f"body arguments must be {', '.join(map(str, expected))}; got {', '.join(str(a.type) for a in args)}"
            )

    def _verify_body(self) -> None:
        block = self.body.block
        ins = set(self.tile_arguments()[0])
        for op in block.ops:
            if isinstance(op, YieldOp) and op is block.last_op and not op.arguments:
                continue
            if not isinstance(op, CallOp):
                raise self.fail(f"body holds cedr calls only, got '{op.name}'")
            for operand in op.operands:
                if operand not in block.args:
                    raise self.fail(f"call '{op.name}' may use the body's tiles only")
            if any(o in ins for o in op.outputs):
                raise self.fail(f"call '{op.name}' writes a tile of ins")
            for entry in op.after.data if op.after is not None else ():
                self._verify_entry(op, entry)
        if not isinstance(block.last_op, YieldOp):
            raise self.fail("body must end in cedr.yield")
        if not self.calls():
            raise self.fail("body must hold a call")

    def _verify_entry(self, op: CallOp, entry: Attribute) -> None:
        if isinstance(entry, LagAttr):
            if entry.call_index() >= len(self.calls()):
                raise self.fail(f"'{op.name}' waits for call {entry.call_index()}, the grid has {len(self.calls())}")
        elif isinstance(entry, DependencyAttr):
            if entry.lower.data.num_dims != len(self.get_domain()):
                raise self.fail(f"'{op.name}' has a dependency over {entry.lower.data.num_dims} dimensions")
        else:
            raise self.fail(f"'{op.name}' has an `after` entry that is neither a dependency nor a lag: {entry}")
