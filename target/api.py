"""The API table: every call that a device can be asked for, and what it computes, written once.

The dialect's verifiers, libcedr's prototypes, the records, the platforms' cost expressions and the docs speak of calls
in these terms or are checked against them. A *class* of a call (`CallClass`) is what records and costs see of it: API,
element type, dimensions, attributes, label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cedr.target.cost import Expression, Kind, Value, parse_expression
from cedr.target.dtypes import COMPLEX_DTYPES, DTYPES, element_bytes
from cedr.target.errors import CedrError


class CallClassError(CedrError):
    """A class of a call that the API table does not allow."""


@dataclass(frozen=True)
class Operand:
    """One operand of a call: its shape as the names of dimensions."""

    name: str
    shape: tuple[str, ...]
    role: str
    """`in` or `out`; ins come first."""
    meaning: str


@dataclass(frozen=True)
class CallAttribute:
    """One attribute of a call, no dimension: a truth value, or one of several texts."""

    name: str
    meaning: str
    choices: tuple[str, ...] = ()
    """The texts it may be; none: it is a truth value."""

    @property
    def kind(self) -> Kind:
        return "text" if self.choices else "truth"


@dataclass(frozen=True)
class Rule:
    """What holds for every valid class of an API: an expression over dims, attributes, dtype, and the same in words."""

    condition: str
    words: str


@dataclass(frozen=True)
class Api:
    """One call of the API. The four figures are expressions (`cedr.target.cost`) over dims, attributes, `dtype` and
    `element_bytes`, for one call."""

    name: str
    summary: str
    source: str
    dim_meanings: Mapping[str, str]
    operands: tuple[Operand, ...]
    attributes: tuple[CallAttribute, ...]
    dtypes: tuple[str, ...]
    c_dtypes: tuple[str, ...]
    """Those for which libcedr has a function; what computes on others is a kernel. A kernel is C of its own."""
    macs_text: str
    """Multiply-accumulates of a convolution or linear layer."""
    flops_text: str
    """Arithmetic operations on real numbers."""
    bytes_in_text: str
    """Bytes of what is read, each operand once."""
    bytes_out_text: str
    """Bytes of what is written, each operand once."""
    rules: tuple[Rule, ...] = ()
    may_be_zero: tuple[str, ...] = ()
    """Dims that may be 0; all others are at least 1."""

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the dimensions, in order."""
        return tuple(self.dim_meanings)

    @property
    def names(self) -> dict[str, Kind]:
        """The names an expression about a call of this API may use, with their kinds."""
        kinds: dict[str, Kind] = dict.fromkeys(self.dims, "number")
        kinds |= {attribute.name: attribute.kind for attribute in self.attributes}
        return kinds | {"dtype": "text", "element_bytes": "number"}

    def macs(self, dims: Mapping[str, int]) -> int:
        return self._figure("macs", dims, "f32", None)

    def flops(self, dims: Mapping[str, int], dtype: str = "f32", attributes: Mapping[str, object] | None = None) -> int:
        return self._figure("flops", dims, dtype, attributes)

    def bytes_in(self, dims: Mapping[str, int], dtype: str) -> int:
        return self._figure("bytes_in", dims, dtype, None)

    def bytes_out(self, dims: Mapping[str, int], dtype: str) -> int:
        return self._figure("bytes_out", dims, dtype, None)

    def _figure(self, figure: str, dims: Mapping[str, int], dtype: str, attributes: Mapping[str, object] | None) -> int:
        return _expression(self.name, figure).ceiling(self.values(dims, dtype, attributes or {}))

    def values(self, dims: Mapping[str, int], dtype: str, attributes: Mapping[str, object]) -> dict[str, Value]:
        """What the names of `names` stand for in one class; attributes not given are false, or their first text."""
        values: dict[str, Value] = {"dtype": dtype, "element_bytes": element_bytes(dtype), **dims}
        for attribute in self.attributes:
            default: Value = attribute.choices[0] if attribute.choices else False
            value = attributes.get(attribute.name, default)
            assert isinstance(value, bool | str)
            values[attribute.name] = value
        return values


@cache
def _expression(api: str, figure: str) -> Expression:
    entry = APIS[api]
    text: str = getattr(entry, figure + "_text")
    return parse_expression(text, entry.names, "number", f"API {api}, {figure}")


@cache
def _rule(api: str, condition: str) -> Expression:
    return parse_expression(condition, APIS[api].names, "truth", f"API {api}, rule")


_NUMERIC: Final = tuple(name for name in DTYPES if name != "i1")
_REAL_NUMERIC: Final = tuple(name for name in _NUMERIC if name not in COMPLEX_DTYPES)

_COMPLEX = "dtype in ('c64', 'c128', 'ci16')"

FUNCTION_FLOPS: Final = 400
"""Operations that a function of the mathematical library (exp, tanh, erf, ...) counts as: docs/costs.md."""

ZIP_KINDS: Final = ("add", "sub", "mul", "div", "cmp_mul")

_TABLE: Final = (
    Api(
        name="gemm",
        summary="Matrix product: C = A B.",
        source="DASH_GEMM of CEDR (UA-RCL/CEDR 96eeda6), widened to any element type",
        dim_meanings={"m": "rows of A and C", "k": "columns of A, rows of B", "n": "columns of B and C"},
        operands=(
            Operand("a", ("m", "k"), "in", "left factor"),
            Operand("b", ("k", "n"), "in", "right factor; n x k with transpose_b"),
            Operand("c", ("m", "n"), "out", "product"),
        ),
        attributes=(CallAttribute("transpose_b", "B is given transposed, n x k"),),
        dtypes=(*_NUMERIC, "ci16"),
        c_dtypes=("f32", "f64", "c64"),
        macs_text="m * k * n",
        flops_text=f"(8 if {_COMPLEX} else 2) * m * k * n",
        bytes_in_text="(m * k + k * n) * element_bytes",
        bytes_out_text="m * n * element_bytes",
    ),
    Api(
        name="conv2d",
        summary="2-D cross-correlation of padded images with filters, summed over the channels.",
        source="DASH_CONV_2D of CEDR (UA-RCL/CEDR 96eeda6: one channel, stride 1), widened",
        dim_meanings={
            "n": "images",
            "c": "channels of the input",
            "h": "rows of the padded input",
            "w": "columns of the padded input",
            "f": "filters, channels of the output",
            "kh": "rows of a filter",
            "kw": "columns of a filter",
            "oh": "rows of the output",
            "ow": "columns of the output",
            "sh": "stride over rows",
            "sw": "stride over columns",
            "dh": "dilation over rows",
            "dw": "dilation over columns",
        },
        operands=(
            Operand("x", ("n", "c", "h", "w"), "in", "padded images"),
            Operand("w", ("f", "c", "kh", "kw"), "in", "filters"),
            Operand("y", ("n", "f", "oh", "ow"), "out", "result"),
        ),
        attributes=(),
        dtypes=_REAL_NUMERIC,
        c_dtypes=("f32", "f64"),
        macs_text="n * f * oh * ow * c * kh * kw",
        flops_text="2 * n * f * oh * ow * c * kh * kw",
        bytes_in_text="(n * c * h * w + f * c * kh * kw) * element_bytes",
        bytes_out_text="n * f * oh * ow * element_bytes",
        rules=(
            Rule("h >= dh * (kh - 1) + 1 and oh == (h - dh * (kh - 1) - 1) // sh + 1", "oh is what h, kh, sh, dh give"),
            Rule("w >= dw * (kw - 1) + 1 and ow == (w - dw * (kw - 1) - 1) // sw + 1", "ow is what w, kw, sw, dw give"),
        ),
    ),
    Api(
        name="conv1d",
        summary="1-D cross-correlation of padded signals with filters, summed over the channels.",
        source="DASH_CONV_1D of CEDR (UA-RCL/CEDR 96eeda6: one channel, stride 1), widened",
        dim_meanings={
            "n": "signals",
            "c": "channels of the input",
            "l": "length of the padded input",
            "f": "filters, channels of the output",
            "k": "length of a filter",
            "ol": "length of the output",
            "s": "stride",
            "d": "dilation",
        },
        operands=(
            Operand("x", ("n", "c", "l"), "in", "padded signals"),
            Operand("w", ("f", "c", "k"), "in", "filters"),
            Operand("y", ("n", "f", "ol"), "out", "result"),
        ),
        attributes=(),
        dtypes=_REAL_NUMERIC,
        c_dtypes=("f32", "f64"),
        macs_text="n * f * ol * c * k",
        flops_text="2 * n * f * ol * c * k",
        bytes_in_text="(n * c * l + f * c * k) * element_bytes",
        bytes_out_text="n * f * ol * element_bytes",
        rules=(Rule("l >= d * (k - 1) + 1 and ol == (l - d * (k - 1) - 1) // s + 1", "ol is what l, k, s, d give"),),
    ),
    Api(
        name="fft",
        summary="Discrete Fourier transform of each row.",
        source="DASH_FFT of CEDR (UA-RCL/CEDR 96eeda6: one row)",
        dim_meanings={"b": "rows, each transformed alone", "n": "points of a row, a power of two"},
        operands=(Operand("x", ("b", "n"), "in", "rows"), Operand("y", ("b", "n"), "out", "their transforms")),
        attributes=(CallAttribute("inverse", "the inverse transform, divided by n"),),
        dtypes=(*COMPLEX_DTYPES, "ci16"),
        c_dtypes=("c64",),
        macs_text="0",
        flops_text="5 * b * n * log2(n)",
        bytes_in_text="b * n * element_bytes",
        bytes_out_text="b * n * element_bytes",
        rules=(Rule("is_power_of_two(n)", "n is a power of two"),),
    ),
    Api(
        name="zip",
        summary="Element by element over two operands of one shape; the result may stand in the place of either.",
        source="DASH_ZIP of CEDR (UA-RCL/CEDR 96eeda6)",
        dim_meanings={"n": "elements"},
        operands=(
            Operand("a", ("n",), "in", "left operand"),
            Operand("b", ("n",), "in", "right operand"),
            Operand("c", ("n",), "out", "result"),
        ),
        attributes=(
            CallAttribute("kind", "the operation; mul, cmp_mul and div of complex elements are complex", ZIP_KINDS),
        ),
        dtypes=(*_NUMERIC, "ci16"),
        c_dtypes=("f32", "f64", "i64", "i32", "c64"),
        macs_text="0",
        flops_text=f"n * ((2 if kind in ('add', 'sub') else 6 if kind != 'div' else 11) if {_COMPLEX} else 1)",
        bytes_in_text="2 * n * element_bytes",
        bytes_out_text="n * element_bytes",
    ),
    Api(
        name="kernel",
        summary="Outlined CPU work: a scalar region over static bounds.",
        source="none in CEDR: what its applications compute between calls",
        dim_meanings={
            "elements": "points of the loops: the product of the bounds",
            "flops": f"scalar operations of the region over all points, {FUNCTION_FLOPS} for a function such as exp",
            "bytes_in": "bytes of what is read",
            "bytes_out": "bytes of what is written",
            "macs": "multiply-accumulates of a convolution or linear layer that the kernel does, else 0",
        },
        operands=(),
        attributes=(),
        dtypes=DTYPES,
        c_dtypes=(),
        macs_text="macs",
        flops_text="flops",
        bytes_in_text="bytes_in",
        bytes_out_text="bytes_out",
        may_be_zero=("flops", "bytes_in", "macs"),
    ),
    Api(
        name="join",
        summary="A point that others wait for: no work, no time, no PE, counted in no figure.",
        source="none in CEDR",
        dim_meanings={},
        operands=(),
        attributes=(),
        dtypes=DTYPES,
        c_dtypes=(),
        macs_text="0",
        flops_text="0",
        bytes_in_text="0",
        bytes_out_text="0",
    ),
)

APIS: Final[dict[str, Api]] = {api.name: api for api in _TABLE}
"""The table, by name."""

MAX_EXTENT: Final = 2**62
"""No dimension is larger."""


@dataclass(frozen=True)
class CallClass:
    """What a record and a cost see of a call. Equal calls have equal classes.

    dims and attributes go by the API table's names. label is `<grid>:<call index>` for calls of compiled modules, any
    text for others. Making one checks nothing: `check` does, and everything that reads classes from outside calls it.
    """

    api: str
    dtype: str
    dims: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, object] = field(default_factory=dict)
    label: str = ""

    def __hash__(self) -> int:
        return hash((self.api, self.dtype, frozenset(self.dims.items()), self.label))

    @property
    def layer(self) -> str:
        """The label without its call index."""
        return self.label.rpartition(":")[0] or self.label

    @property
    def macs(self) -> int:
        return APIS[self.api].macs(self.dims)

    @property
    def flops(self) -> int:
        return APIS[self.api].flops(self.dims, self.dtype, self.attributes)

    @property
    def bytes_in(self) -> int:
        return APIS[self.api].bytes_in(self.dims, self.dtype)

    @property
    def bytes_out(self) -> int:
        return APIS[self.api].bytes_out(self.dims, self.dtype)

    def values(self) -> dict[str, Value]:
        """What the names of a cost expression stand for."""
        return APIS[self.api].values(self.dims, self.dtype, self.attributes)

    def check(self, where: str = "") -> CallClass:
        """This class, if the API table allows it; else CallClassError, naming `where`, the label, and what is wrong."""

        def refuse(what: str) -> CallClassError:
            label = f" {self.label!r}" if self.label else ""
            return CallClassError(f"{where + ': ' if where else ''}class{label}: {what}")

        if not isinstance(self.api, str) or self.api not in APIS:
            raise refuse(f"no API {self.api!r}; the APIs are {', '.join(APIS)}")
        api = APIS[self.api]
        if self.dtype not in api.dtypes:
            raise refuse(f"{self.api} takes no elements of dtype {self.dtype!r}; it takes {', '.join(api.dtypes)}")
        for what, got, wanted in (
            ("dims", self.dims, api.dims),
            ("attributes", self.attributes, tuple(a.name for a in api.attributes)),
        ):
            if unknown := [name for name in got if name not in wanted]:
                raise refuse(f"{self.api} has no {what} {', '.join(map(repr, unknown))}; it has {_names(wanted)}")
            if what == "dims" and (missing := [name for name in wanted if name not in got]):
                raise refuse(f"{self.api} needs dims {_names(wanted)}; {', '.join(missing)} missing")
        for name, extent in self.dims.items():
            least = 0 if name in api.may_be_zero else 1
            if type(extent) is not int or not least <= extent <= MAX_EXTENT:
                raise refuse(f"{self.api} dim {name} is an integer from {least} to 2^62, got {extent!r}")
        for attribute in api.attributes:
            value = self.attributes.get(attribute.name, attribute.choices[0] if attribute.choices else False)
            if attribute.choices and (not isinstance(value, str) or value not in attribute.choices):
                raise refuse(f"{self.api} {attribute.name} is one of {', '.join(attribute.choices)}, got {value!r}")
            if not attribute.choices and not isinstance(value, bool):
                raise refuse(f"{self.api} {attribute.name} is true or false, got {value!r}")
        for rule in api.rules:
            if not _rule(self.api, rule.condition).truth(self.values()):
                got_dims = ", ".join(f"{name} = {self.dims[name]}" for name in api.dims)
                raise refuse(f"{self.api} demands that {rule.words}; got {got_dims}")
        return self

    def to_json(self) -> str:
        """One line, without its newline: the line of a record's class table."""
        value = {
            "api": self.api,
            "dtype": self.dtype,
            "dims": dict(self.dims),
            "attributes": dict(self.attributes),
            "label": self.label,
        }
        return json.dumps(value, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes, where: str = "") -> CallClass:
        """The checked class that a line describes. Raises CallClassError, located by `where`."""
        prefix = f"{where}: " if where else ""
        wanted = tuple(cls.__dataclass_fields__)
        try:
            value: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CallClassError(f"{prefix}a class is a JSON object of {', '.join(wanted)}: {error}") from error
        if not isinstance(value, dict) or set(value) != set(wanted):
            got = f"got {', '.join(value) or 'none'}" if isinstance(value, dict) else f"got {type(value).__name__}"
            raise CallClassError(f"{prefix}a class is a JSON object of {', '.join(wanted)}; {got}")
        for key in ("api", "dtype", "label"):
            if not isinstance(value[key], str):
                raise CallClassError(f"{prefix}a class's {key} is a text, got {value[key]!r}")
        for key in ("dims", "attributes"):
            if not isinstance(value[key], dict):
                raise CallClassError(f"{prefix}a class's {key} is an object, got {value[key]!r}")
        return cls(**value).check(where)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
