"""Types and attributes of the cedr dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    ContainerType,
    DenseArrayBase,
    DictionaryAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ShapedType,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import BaseAttr, irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from cedr.dialects.cedr.affine import Affine, affine_map, affine_results, parse_affine

SHAPED = BaseAttr(TensorType) | BaseAttr(MemRefType)
"""What grids work on: tensors, then buffers."""
DEPENDENCY_KINDS = ("raw", "war", "waw")


def dense_i64(values: Iterable[int]) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, list(values))


def ints_of(attr: DenseArrayBase) -> tuple[int, ...]:
    return tuple(int(v) for v in cast("DenseArrayBase[IntegerType]", attr).get_values())


def print_ints(printer: Printer, values: Sequence[int]) -> None:
    printer.print_string("[" + ", ".join(map(str, values)) + "]")


def parse_ints(parser: AttrParser) -> tuple[int, ...]:
    return tuple(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer))


@irdl_attr_definition
class TileType(ParametrizedAttribute, TypeAttribute, ShapedType, ContainerType[Attribute]):
    """`!cedr.tile<1x64x8x224xf32>`: a reference to a window of a tensor or buffer, inside a grid's body.

    Calls read and write the elements in place; the window's position and strides are the grid's business.
    """

    name = "cedr.tile"

    shape: ArrayAttr[IntAttr]
    element_type: Attribute

    def __init__(self, shape: Iterable[int | IntAttr], element_type: Attribute):
        dims = ArrayAttr([IntAttr(d) if isinstance(d, int) else d for d in shape])
        super().__init__(dims, element_type)

    def get_shape(self) -> tuple[int, ...]:
        return tuple(d.data for d in self.shape.data)

    def get_num_dims(self) -> int:
        return len(self.shape.data)

    def get_element_type(self) -> Attribute:
        return self.element_type

    def verify(self) -> None:
        if any(d < 1 for d in self.get_shape()):
            raise VerifyException(f"!cedr.tile needs a static shape of positive sizes, got {list(self.get_shape())}")

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            for size in self.get_shape():
                printer.print_string(f"{size}x")
            printer.print_attribute(self.element_type)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            shape, element_type = parser.parse_ranked_shape()
        return [ArrayAttr([IntAttr(d) for d in shape]), element_type]


@irdl_attr_definition
class PlanAttr(ParametrizedAttribute):
    """`#cedr.plan<conv2d, [1, 64, 8, 0, 0, 0, 0], {slots = 8 : i64}>`: how one layer op is to be carried out.

    api: the call that computes a tile (`conv2d`, `conv1d`, `gemm`, `fft`, `zip`, `kernel`), or `epilogue`: computed
      inside the grid of the op that produces its first input, tile by tile, from scratch.
    tiles: tile size per loop of the op, in the op's loop order, 0 for the whole extent (MLIR's tile_sizes convention).
    options: what else was decided, by name: `slots` (scratch ring slots).
    """

    name = "cedr.plan"

    api: StringAttr
    tiles: DenseArrayBase
    options: DictionaryAttr

    def __init__(
        self,
        api: str | StringAttr,
        tiles: Iterable[int] | DenseArrayBase = (),
        options: Mapping[str, int] | DictionaryAttr | None = None,
    ):
        if not isinstance(options, DictionaryAttr):
            options = DictionaryAttr({k: IntegerAttr(v, i64) for k, v in (options or {}).items()})
        super().__init__(
            StringAttr(api) if isinstance(api, str) else api,
            tiles if isinstance(tiles, DenseArrayBase) else dense_i64(tiles),
            options,
        )

    def tile_sizes(self) -> tuple[int, ...]:
        return ints_of(self.tiles)

    def option(self, name: str, default: int) -> int:
        value = self.options.data.get(name)
        return value.value.data if isinstance(value, IntegerAttr) else default

    def verify(self) -> None:
        if any(t < 0 for t in self.tile_sizes()):
            raise VerifyException(f"#cedr.plan needs tile sizes >= 0, got {list(self.tile_sizes())}")

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.api.data)
            if self.tile_sizes() or self.options.data:
                printer.print_string(", ")
                print_ints(printer, self.tile_sizes())
            if self.options.data:
                printer.print_string(", ")
                printer.print_attribute(self.options)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        tiles: tuple[int, ...] = ()
        options: Attribute = DictionaryAttr({})
        with parser.in_angle_brackets():
            api = parser.parse_identifier("an API name")
            if parser.parse_optional_punctuation(","):
                tiles = parse_ints(parser)
            if parser.parse_optional_punctuation(","):
                options = DictionaryAttr(parser.parse_optional_dictionary_attr_dict())
        return [StringAttr(api), dense_i64(tiles), options]


@irdl_attr_definition
class PlatformAttr(ParametrizedAttribute):
    """`#cedr.platform<"zcu102", "C3+F1+C2D1+Z1", "sha256...">`: platform name, composition, hash of the platform file."""

    name = "cedr.platform"

    platform_name: StringAttr
    composition: StringAttr
    digest: StringAttr

    def __init__(self, platform_name: str, composition: str, digest: str):
        super().__init__(StringAttr(platform_name), StringAttr(composition), StringAttr(digest))


@irdl_attr_definition
class WindowAttr(ParametrizedAttribute):
    """A window per grid point: an affine offset per dimension of the operand, and a static shape.

    In a grid's own syntax `[0, d1 * 8, 0][3, 10, 226]`; generic form `#cedr.window<affine_map<...>, [3, 10, 226]>`.
    """

    name = "cedr.window"

    offsets: AffineMapAttr
    shape: DenseArrayBase

    def __init__(self, offsets: AffineMapAttr, shape: Iterable[int] | DenseArrayBase):
        super().__init__(offsets, shape if isinstance(shape, DenseArrayBase) else dense_i64(shape))

    @staticmethod
    def of(offsets: Sequence[Affine], shape: Sequence[int], num_dims: int) -> WindowAttr:
        return WindowAttr(affine_map(offsets, num_dims), shape)

    def get_offsets(self) -> tuple[Affine, ...]:
        return affine_results(self.offsets)

    def get_shape(self) -> tuple[int, ...]:
        return ints_of(self.shape)

    def verify(self) -> None:
        try:
            offsets = self.get_offsets()
        except ValueError as error:
            raise VerifyException(f"#cedr.window: {error}") from error
        if len(offsets) != len(self.get_shape()):
            raise VerifyException(f"#cedr.window has {len(offsets)} offsets for {len(self.get_shape())} sizes")
        if any(not o.is_linear() for o in offsets):
            raise VerifyException("#cedr.window offsets must be affine without division")
        if any(s < 1 for s in self.get_shape()):
            raise VerifyException(f"#cedr.window needs positive sizes, got {list(self.get_shape())}")

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.offsets)
            printer.print_string(", ")
            print_ints(printer, self.get_shape())

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            offsets = parser.parse_attribute()
            if not isinstance(offsets, AffineMapAttr):
                parser.raise_error("expected an affine_map of offsets")
            parser.parse_punctuation(",")
            shape = parse_ints(parser)
        return [offsets, dense_i64(shape)]


@irdl_attr_definition
class DependencyAttr(ParametrizedAttribute):
    """One entry of `after`: this call waits for call `call` of grid `grid` at every tile of an affine box.

    `raw @conv:1[0, d1 - 1 to d1 + 1]`: lower and upper index per dimension of the target's domain, both inclusive, affine
    (with floordiv) in this grid's dimensions; the box is clamped to the target's domain, and an empty box is no edge.
    `first`: the entry holds only at the first step of this grid's reduction dimension. `kind` is the hazard: `raw`,
    `war` or `waw`.
    """

    name = "cedr.dependency"

    kind: StringAttr
    grid: SymbolRefAttr
    call: IntegerAttr
    lower: AffineMapAttr
    upper: AffineMapAttr
    first: IntegerAttr

    def __init__(
        self,
        kind: str,
        grid: str,
        call: int,
        box: Sequence[tuple[Affine, Affine]],
        num_dims: int,
        first: bool = False,
    ):
        super().__init__(
            StringAttr(kind),
            SymbolRefAttr(grid),
            IntegerAttr(call, i64),
            affine_map([low for low, _ in box], num_dims),
            affine_map([high for _, high in box], num_dims),
            IntegerAttr.from_bool(first),
        )

    def box(self) -> tuple[tuple[Affine, Affine], ...]:
        return tuple(zip(affine_results(self.lower), affine_results(self.upper), strict=True))

    def grid_name(self) -> str:
        return self.grid.root_reference.data

    def call_index(self) -> int:
        return self.call.value.data

    def is_first(self) -> bool:
        return bool(self.first.value.data)

    def verify(self) -> None:
        if self.kind.data not in DEPENDENCY_KINDS:
            raise VerifyException(f"dependency kind must be one of {', '.join(DEPENDENCY_KINDS)}, got {self.kind.data}")
        if self.call_index() < 0:
            raise VerifyException(f"dependency on a negative call index {self.call_index()}")
        try:
            self.box()
        except ValueError as error:
            raise VerifyException(f"dependency on @{self.grid_name()}: {error}") from error

    def print_entry(self, printer: Printer) -> None:
        printer.print_string(f"{self.kind.data} ")
        printer.print_symbol_name(self.grid_name())
        box = ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in self.box())
        printer.print_string(f":{self.call_index()}[{box}]" + (" first" if self.is_first() else ""))


@irdl_attr_definition
class LagAttr(ParametrizedAttribute):
    """`war lag 4:1`: this call waits for call 1 of the same grid, 4 tiles earlier in linear index order, if there is one."""

    name = "cedr.lag"

    kind: StringAttr
    lag: IntegerAttr
    call: IntegerAttr

    def __init__(self, kind: str, lag: int, call: int):
        super().__init__(StringAttr(kind), IntegerAttr(lag, i64), IntegerAttr(call, i64))

    def distance(self) -> int:
        return self.lag.value.data

    def call_index(self) -> int:
        return self.call.value.data

    def verify(self) -> None:
        if self.kind.data not in DEPENDENCY_KINDS:
            raise VerifyException(f"dependency kind must be one of {', '.join(DEPENDENCY_KINDS)}, got {self.kind.data}")
        if self.distance() < 1 or self.call_index() < 0:
            raise VerifyException(
                f"lag needs a distance >= 1 and a call >= 0, got {self.distance()}:{self.call_index()}"
            )

    def print_entry(self, printer: Printer) -> None:
        printer.print_string(f"{self.kind.data} lag {self.distance()}:{self.call_index()}")


AfterEntry = DependencyAttr | LagAttr


def print_after(printer: Printer, after: ArrayAttr[Attribute] | None) -> None:
    """` after [raw @g:0[d0], war lag 4:1]`, or nothing."""
    if after is None:
        return
    printer.print_string(" after [")
    for i, entry in enumerate(after.data):
        if i:
            printer.print_string(", ")
        assert isinstance(entry, AfterEntry)
        entry.print_entry(printer)
    printer.print_string("]")


def parse_optional_after(parser: AttrParser, num_dims: int) -> ArrayAttr[Attribute] | None:
    if not parser.parse_optional_keyword("after"):
        return None

    def box_dimension() -> tuple[Affine, Affine]:
        low = parse_affine(parser, num_dims)
        high = parse_affine(parser, num_dims) if parser.parse_optional_keyword("to") else low
        return low, high

    def entry() -> Attribute:
        kind = parser.parse_identifier("raw, war or waw")
        if kind not in DEPENDENCY_KINDS:
            parser.raise_error(f"unknown dependency kind '{kind}', expected raw, war or waw")
        if parser.parse_optional_keyword("lag"):
            distance = parser.parse_integer()
            parser.parse_punctuation(":")
            return LagAttr(kind, distance, parser.parse_integer())
        grid = parser.parse_symbol_name()
        parser.parse_punctuation(":")
        call = parser.parse_integer()
        box = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, box_dimension)
        first = parser.parse_optional_keyword("first") is not None
        return DependencyAttr(kind, grid.data, call, box, num_dims, first)

    return ArrayAttr(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, entry))
