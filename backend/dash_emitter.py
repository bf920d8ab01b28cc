"""The DASH emitter: a Program as an application for the CEDR runtime itself (UA-RCL/CEDR 96eeda6, API mode).

The module is a `main` that goes through the grids in order. A call that CEDR has, right on each of its PEs, is one of its
DASH_ functions; everything else is computed in place. The calls of a grid that wait for none of each other are made without
blocking and waited for together. docs/dash_abi.md says which call becomes what. The text is in what C and C++ share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cedr.backend.c_emitter import CEmitter
from cedr.backend.c_kernels import Lines, c_affine
from cedr.backend.program import Buffer, Call, Edge, Grid, Join, Lag, Program, Tile, Wait, c_identifier, tile_index
from cedr.dialects.cedr import Affine, KernelOp
from cedr.target.dtypes import element_bytes

FFT_POINTS: Final = (16, 2048)
"""The least and the most that CEDR's FFT accelerator takes: it leaves others silently uncomputed."""
ZIP_ELEMENTS: Final = 2048
"""What fits in CEDR's ZIP accelerator: 4096 floats a vector."""
PACKED_BYTES: Final = 4 << 20
"""Calls in flight together have at most so much packed data, if they are more than one."""

_COMPLEX_BYTES: Final = 8
_PACKED_DTYPES: Final = ("f32", "c64")
_ZIP_OPS: Final = {"add": ("ADD", 0), "sub": ("SUB", 1), "mul": ("MULT", 2), "div": ("DIV", 3), "cmp_mul": ("MULT", 2)}
"""Not CMP_MULT, which does nothing on CEDR's CPUs, where MULT is complex."""


def emit_dash(program: Program, zip_calls: bool = False) -> str:
    """The text of a module; `zip_calls`: with calls of DASH_ZIP. Raises EmissionError, naming the call, for what has no C."""
    return DashEmitter(program, zip_calls).emit()


def zip_count(program: Program) -> int:
    """How many ZIP calls of the program would be calls of DASH_ZIP."""
    calls = [call for step in program.steps if isinstance(step, Grid) for call in step.calls]
    return sum(_api(call, zip_calls=True) == "zip" for call in calls)


def _api(call: Call, zip_calls: bool) -> str | None:
    """Which DASH_ function a call becomes: gemm, fft, zip; None: it is computed in place."""
    api, dtype = call.call_class.api, call.call_class.dtype
    if dtype not in _PACKED_DTYPES:
        return None
    match api:
        case "gemm":
            return api
        case "fft" if FFT_POINTS[0] <= call.call_class.dims["n"] <= FFT_POINTS[1]:
            return api
        # A real quotient is none of complex numbers, whose divisor is squared on the way.
        case "zip" if zip_calls and not (dtype == "f32" and call.call_class.attributes["kind"] == "div"):
            return api
    return None


@dataclass(frozen=True)
class _Operand:
    """An operand of a DASH_ call: how its tile gets there."""

    name: str
    """Of the array of pointers in the emitted text."""
    tile: Tile
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """Of the elements in the order in which the call takes them."""
    is_output: bool
    direct: bool
    """The call works on the tile where it stands."""
    constant: bool
    """Packed once for the whole grid."""

    @property
    def packed_bytes(self) -> int:
        return 0 if self.direct else prod(self.shape) * _COMPLEX_BYTES


@dataclass(frozen=True)
class _DashCall:
    """A call of a grid as DASH_ calls, `parts` of them."""

    number: int
    api: str
    call: Call
    operands: tuple[_Operand, ...]
    parts: int
    part_elements: int
    """Of each operand of a part; 0: a part is the whole."""

    def elements(self, operand: _Operand) -> int:
        return self.part_elements or prod(operand.shape)


class DashEmitter(CEmitter):
    """What is written of a module for CEDR."""

    def __init__(self, program: Program, zip_calls: bool):
        super().__init__(program)
        self.zip_calls = zip_calls
        self.tiles: dict[tuple[tuple[int, ...], tuple[int, ...]], str] = {}

    def emit(self) -> str:
        program = self.program
        body = Lines()
        for step in program.steps:
            if isinstance(step, Grid):
                self._grid(step, body)
        text = [
            f"/* {program.name}: an application for the CEDR runtime. `make CEDR=DIR` builds it, where DIR holds CEDR's",
            " * dash.h; see libcedr/dash_module.h for the files that it reads and writes. */",
            '#include "libcedr/dash_module.h"',
            '#include "libcedr/cedr_complex.h"',
            "",
            *self._tensors(),
            *self._initial(),
            *self.out.lines,
            *self._stride_tables(),
            *self._tile_tables(),
            *self._site_table(),
            "",
            *body.lines,
            "static void run(cedr_dash_run *cedr) {",
        ]
        # A grid has waited for its calls when it ends, and a join is a point that others wait for.
        text += [
            f"  grid_{c_identifier(step.name)}(cedr);" for step in program.steps if not isinstance(step, Join | Wait)
        ]
        text += [
            *([] if any(isinstance(step, Grid) for step in program.steps) else ["  (void)cedr;"]),
            "}",
            "",
            "static const cedr_dash_module module = {",
            *self._module_tensors(),
            f"    .arena_bytes = INT64_C({program.arena_bytes}),",
            "    .run = run,",
            "};",
            "",
            '__attribute__((visibility("default"))) int main(int argc, char **argv) {',
            "  (void)argv;",
            "  return cedr_dash_main(argc, &module);",
            "}",
            "",
        ]
        return "\n".join(text)

    def _site_table(self) -> Iterator[str]:
        if self.sites:
            yield from ("static const cedr_site sites[] = {", *self.sites, "};")

    def _tile_tables(self) -> Iterator[str]:
        for (shape, strides), name in self.tiles.items():
            sizes, steps = (", ".join(map(str, values)) or "0" for values in (shape, strides))
            yield f"static const cedr_dash_tile {name} = {{{len(shape)}, {{{sizes}}}, {{{steps}}}}};"

    # Grids.

    def _grid(self, grid: Grid, body: Lines) -> None:
        calls = {c: self._dash_call(grid, c, call) for c, call in enumerate(grid.calls)}
        dash = {c: call for c, call in calls.items() if call is not None}
        body.open(f"static void grid_{c_identifier(grid.name)}(cedr_dash_run *cedr)")
        depth = body.depth
        if dash:
            self._batches(grid, dash, body)
        else:
            for i in sorted(self._used_dims(grid)):
                body.open(f"for (int32_t d{i} = 0; d{i} < {grid.domain[i]}; ++d{i})")
            tiles = [tile for call in grid.calls for tile in call.tiles]
            if any(tile.slots > 1 for tile in tiles):
                index = self._without_unit_dims(tile_index(grid), grid, self._used_dims(grid))
                body.add(f"const int32_t tile = {c_affine(index)};")
            pointers = self._pointers(grid, tiles, body, self._used_dims(grid))
            for c, call in enumerate(grid.calls):
                self._compute(grid, c, call, pointers, body)
        body.close_all(depth)
        body.close()
        body.add()

    def _batches(self, grid: Grid, dash: dict[int, _DashCall], body: Lines) -> None:
        """The grid in batches of tiles: in each, every call of all its tiles before the next call."""
        tiles = prod(grid.domain)
        batch = min(tiles, self._independent_tiles(grid, dash), self._packable_tiles(dash))
        for one in dash.values():
            self._declare(grid, one, batch, body)
        depth = body.depth
        if tiles == 1 and any(tile.slots > 1 for call in grid.calls for tile in call.tiles):
            body.add("const int32_t tile = 0;")
        if batch == 1 and tiles > 1:
            body.open(f"for (int32_t tile = 0; tile < {tiles}; ++tile)")
        elif batch < tiles:
            body.open(f"for (int32_t first = 0; first < {tiles}; first += {batch})")
            body.add(f"const int32_t last = cedr_min(first + {batch}, {tiles});")
        for c, call in enumerate(grid.calls):
            if c not in dash:
                self._for_tiles(grid, batch, body, call.tiles)
                self._compute(grid, c, call, self._pointers(grid, call.tiles, body, self._used_dims(grid)), body)
                body.close()
                continue
            one = dash[c]
            wanted = [o for o in one.operands if not o.constant and (o.direct or not o.is_output)]
            blocking = batch * one.parts == 1
            if wanted or not blocking:
                self._for_tiles(grid, batch, body, [operand.tile for operand in wanted])
                self._submit(grid, one, wanted, batch, body)
                body.close()
            if blocking:
                self._call(one, body)
            else:
                body.add("cedr_dash_wait(cedr);")
            outputs = [operand for operand in one.operands if operand.is_output and not operand.direct]
            for operand in outputs:
                self._for_tiles(grid, batch, body, [operand.tile])
                pointer = self._pointers(grid, [operand.tile], body, self._used_dims(grid))[operand.tile]
                place = self._place(grid, batch, one.parts)
                table = self._tile_table(operand)
                body.add(f"cedr_dash_unpack_{operand.tile.buffer.dtype}({pointer}, {operand.name}[{place}], &{table});")
                body.close()
        body.close_all(depth)
        for one in dash.values():
            for operand in one.operands:
                body.add(f"cedr_dash_release({operand.name});")

    def _for_tiles(self, grid: Grid, batch: int, body: Lines, tiles: Iterable[Tile]) -> None:
        """Opens a loop over the tiles of a batch, with the coordinates that these operands' places depend on."""
        count = prod(grid.domain)
        if batch == 1:
            body.open("")
        elif batch == count:
            body.open(f"for (int32_t tile = 0; tile < {count}; ++tile)")
        else:
            body.open("for (int32_t tile = first; tile < last; ++tile)")
        needed = {
            i for tile in tiles if not tile.slots for i, c in enumerate(tile.offset.coefficients) if c
        } & self._used_dims(grid)
        for i in sorted(needed):
            inner = prod(grid.domain[i + 1 :])
            position = f"tile / {inner}" if inner > 1 else "tile"
            outer = any(extent > 1 for extent in grid.domain[:i])
            body.add(f"const int32_t d{i} = {position + f' % {grid.domain[i]}' if outer else position};")

    @staticmethod
    def _place(grid: Grid, batch: int, parts: int) -> str:
        """The number of a tile's first part in the batch."""
        if batch == 1:
            return "0"
        index = "tile" if batch == prod(grid.domain) else "tile - first"
        if parts == 1:
            return index
        return f"({index}) * {parts}" if " " in index else f"{index} * {parts}"

    def _compute(self, grid: Grid, number: int, call: Call, pointers: dict[Tile, str], body: Lines) -> None:
        """A call that is computed in place."""
        where = grid.where(number)
        site = "NULL"
        if isinstance(call.op, KernelOp):
            function = self.kernels.function(grid, call, call.op, where)
        else:
            function = self._library_function(call, where)
            site = f"&sites[{self._call_site(f'{grid.name}:{number}', call, function)}]"
        body.open("")
        body.add(f"void *const operand[] = {{{', '.join(pointers[tile] for tile in call.tiles)}}};")
        body.add(f"{function}({site}, operand);")
        body.close()

    def _call_site(self, label: str, call: Call, function: str) -> int:
        """Adds the description of a call to a function of libcedr; returns its number."""
        api = call.call_class.api
        dims = ", ".join(map(str, call.call_class.dims.values()))
        self.sites.append(
            f"    /* {label} */\n"
            f"    {{.run = {function}, .operands = {len(call.tiles)}, .record = NULL, .dims = {{{dims}}}, "
            f".strides = {self._strides(call, api)}, .variant = {self._variant(call)}}},"
        )
        return len(self.sites) - 1

    # Calls of DASH_ functions.

    def _dash_call(self, grid: Grid, number: int, call: Call) -> _DashCall | None:
        api = _api(call, self.zip_calls)
        if api is None:
            return None
        dims = call.call_class.dims
        tiles = [(tile.shape, tile.strides) for tile in call.tiles]
        parts, part_elements = 1, 0
        if api == "gemm" and call.call_class.attributes.get("transpose_b"):
            tiles[1] = tiles[1][0][::-1], tiles[1][1][::-1]
        elif api == "fft":
            parts, part_elements = dims["b"], dims["n"]
        elif api == "zip":
            parts, part_elements = -(-dims["n"] // ZIP_ELEMENTS), min(dims["n"], ZIP_ELEMENTS)
        names = {"gemm": "abc", "fft": "xy", "zip": "abc"}[api]
        inputs = call.tiles[:-1]
        operands = []
        for name, tile, (shape, strides) in zip(names, call.tiles, tiles, strict=True):
            is_output = tile is call.tiles[-1]
            dense = _is_dense(shape, strides) if api != "fft" else _is_dense(shape[1:], strides[1:])
            direct = tile.buffer.dtype == "c64" and dense
            if api == "gemm" and is_output and any(_overlap(tile.buffer, other.buffer) for other in inputs):
                direct = False  # the product must not stand in the place of a factor
            constant = not direct and not is_output and self._is_constant(grid, tile)
            operands.append(_Operand(f"{name}{number}", tile, shape, strides, is_output, direct, constant))
        return _DashCall(number, api, call, tuple(operands), parts, part_elements)

    @staticmethod
    def _is_constant(grid: Grid, tile: Tile) -> bool:
        """Whether a tile is the same elements with the same values throughout the grid."""
        moves = tile.slots or any(
            c and extent > 1 for c, extent in zip(tile.offset.coefficients, grid.domain, strict=True)
        )
        written = (out.buffer for call in grid.calls for out in call.tiles[len(call.op.inputs) :])
        return not moves and not any(_overlap(tile.buffer, buffer) for buffer in written)

    def _independent_tiles(self, grid: Grid, dash: dict[int, _DashCall]) -> int:
        """How many tiles in a row can have one call after the other done for all of them."""
        most = prod(grid.domain)
        for c, call in enumerate(grid.calls):
            for entry in call.after:
                # For a call further on, or for the same one of another tile, which would be in flight beside this one.
                if entry.call < c or (entry.call == c and c not in dash):
                    continue
                if isinstance(entry, Lag):
                    most = min(most, entry.distance)
                elif entry.base == grid.base:
                    most = min(most, _distance(entry, grid))
        return most

    @staticmethod
    def _packable_tiles(dash: dict[int, _DashCall]) -> int:
        size_bytes = sum(
            operand.packed_bytes for call in dash.values() for operand in call.operands if not operand.constant
        )
        return max(1, PACKED_BYTES // size_bytes) if size_bytes else 1 << 31

    def _declare(self, grid: Grid, one: _DashCall, batch: int, body: Lines) -> None:
        """The arguments of the calls in flight: they stand at these addresses until the calls are done."""
        dims = one.call.call_class.dims
        c = one.number
        if batch * one.parts > 1:
            match one.api:
                case "gemm":
                    body.add(f"size_t m{c} = {dims['m']}, k{c} = {dims['k']}, n{c} = {dims['n']};")
                case "fft":
                    body.add(f"size_t n{c} = {dims['n']};")
                    body.add(f"bool forward{c} = {self._forward(one)};")
                case "zip":
                    rest = dims["n"] - (one.parts - 1) * one.part_elements
                    body.add(f"size_t n{c}[] = {{{one.part_elements}, {rest}}}; /* of a part, and of the last */")
                    body.add(f"zip_op_t op{c} = {self._zip_op(one)};")
        for operand in one.operands:
            count = one.parts if operand.constant else batch * one.parts
            elements = 0 if operand.direct else one.elements(operand)
            body.add(f"dash_cmplx_flt_type **const {operand.name} = cedr_dash_pointers({count}, {elements});")
        constants = [operand for operand in one.operands if operand.constant]
        for operand in constants:
            body.open("")
            pointer = self._pointers(grid, [operand.tile], body, set())[operand.tile]
            body.add(
                f"cedr_dash_pack_{operand.tile.buffer.dtype}({operand.name}[0], {pointer}, &{self._tile_table(operand)});"
            )
            body.close()

    def _submit(self, grid: Grid, one: _DashCall, wanted: Sequence[_Operand], batch: int, body: Lines) -> None:
        """Points to a tile's operands, or packs them, and makes its calls, unless the only one of them blocks."""
        place = self._place(grid, batch, one.parts)
        blocking = batch * one.parts == 1
        pointers = self._pointers(grid, [operand.tile for operand in wanted], body, self._used_dims(grid))
        for operand in wanted:
            if not operand.direct:
                table, dtype = self._tile_table(operand), operand.tile.buffer.dtype
                body.add(f"cedr_dash_pack_{dtype}({operand.name}[{place}], {pointers[operand.tile]}, &{table});")
        depth = body.depth
        part, index = "0", place
        if one.parts > 1:
            body.open(f"for (int32_t part = 0; part < {one.parts}; ++part)")
            part = "part"
            index = "i"
            body.add(f"const int32_t i = {place + ' + ' if place != '0' else ''}part;")
        elif " " in place:
            index = "i"
            body.add(f"const int32_t i = {place};")
        for operand in one.operands:
            if operand.direct:
                step = operand.tile.strides[0] if one.api == "fft" else one.part_elements
                offset = f" + INT64_C({step}) * part" if one.parts > 1 else ""
                body.add(f"{operand.name}[{index}] = (dash_cmplx_flt_type *){pointers[operand.tile]}{offset};")
        if not blocking:
            c = one.number
            arrays = [f"&{o.name}[{(part if one.parts > 1 else '0') if o.constant else index}]" for o in one.operands]
            match one.api:
                case "gemm":
                    values = [f"&m{c}", f"&k{c}", f"&n{c}"]
                case "fft":
                    values = [f"&n{c}", f"&forward{c}"]
                case _:
                    size = f"&n{c}[part == {one.parts - 1}]" if one.parts > 1 else f"&n{c}[0]"
                    values = [size, f"&op{c}"]
            body.add(f"DASH_{one.api.upper()}_flt_nb({', '.join([*arrays, *values, '&cedr->barrier'])});")
            body.add("++cedr->submitted;")
        body.close_all(depth)

    def _call(self, one: _DashCall, body: Lines) -> None:
        """The only call there is at a time."""
        dims = one.call.call_class.dims
        match one.api:
            case "gemm":
                values = [str(dims[name]) for name in ("m", "k", "n")]
            case "fft":
                values = [str(dims["n"]), self._forward(one)]
            case _:
                values = [str(dims["n"]), self._zip_op(one)]
        body.add(f"DASH_{one.api.upper()}_flt({', '.join([*(f'{o.name}[0]' for o in one.operands), *values])});")

    @staticmethod
    def _forward(one: _DashCall) -> str:
        return "false" if one.call.call_class.attributes.get("inverse") else "true"

    @staticmethod
    def _zip_op(one: _DashCall) -> str:
        name, number = _ZIP_OPS[str(one.call.call_class.attributes["kind"])]
        return f"(zip_op_t){number} /* {name} */"

    def _tile_table(self, operand: _Operand) -> str:
        return self.tiles.setdefault((operand.shape, operand.strides), f"tile_{len(self.tiles)}")


def _is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether elements stand one behind the other, in row-major order."""
    wanted = 1
    for extent, stride in zip(reversed(shape), reversed(strides), strict=True):
        if extent > 1 and stride != wanted:
            return False
        wanted *= extent
    return True


def _overlap(a: Buffer, b: Buffer) -> bool:
    """Whether two buffers may have bytes in common."""
    if a.space != b.space:
        return False
    if a.space != "arena":
        return a.index == b.index
    (a_end, b_end) = (buffer.index + prod(buffer.shape) * element_bytes(buffer.dtype) for buffer in (a, b))
    return a.index < b_end and b.index < a_end


def _distance(edge: Edge, grid: Grid) -> int:
    """How many tiles at least lie between a tile and one before it that it waits for."""
    points = np.indices(grid.domain).reshape(len(grid.domain), -1)
    tile = np.arange(points.shape[1])
    nearest = np.zeros_like(tile)
    some = np.ones(tile.shape, bool)
    for (low, high), extent in zip(edge.box, edge.extents, strict=True):
        first, last = np.maximum(_values(low, points), 0), np.minimum(_values(high, points), extent - 1)
        some &= first <= last
        nearest = nearest * extent + last
    distances = np.where(nearest < tile, tile - nearest, 1)[some]
    return int(distances.min(initial=len(tile)))


def _values(value: Affine, points: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.full(points.shape[1], value.constant)
    for coefficient, coordinate in zip(value.coefficients, points, strict=True):
        total = total + coefficient * coordinate
    return total // value.divisor
