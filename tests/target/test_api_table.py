"""The API table and classes of calls."""

from __future__ import annotations

from typing import Any

import pytest

from cedr.target.api import APIS, CallClass, CallClassError
from cedr.target.cost import parse_expression
from cedr.target.dtypes import CALL_DTYPES, DtypeError, dtype_name, element_bytes, numpy_dtype
from cedr.target.probes import conv1d_class, conv2d_class, probes

CONV2D = conv2d_class(3, 8, 30, 14, 3, stride=2)


def test_the_apis() -> None:
    assert list(APIS) == ["gemm", "conv2d", "conv1d", "fft", "zip", "kernel", "join"]
    assert APIS["conv2d"].dims == ("n", "c", "h", "w", "f", "kh", "kw", "oh", "ow", "sh", "sw", "dh", "dw")
    assert APIS["gemm"].dims == ("m", "k", "n")


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_every_entry_is_whole(api: Any) -> None:
    for text in (api.macs_text, api.flops_text, api.bytes_in_text, api.bytes_out_text):
        parse_expression(text, api.names)
    for rule in api.rules:
        parse_expression(rule.condition, api.names, "truth")
    for operand in api.operands:
        assert set(operand.shape) <= set(api.dims) and operand.role in ("in", "out") and operand.meaning
    roles = [operand.role for operand in api.operands]
    assert roles == sorted(roles)
    assert set(api.dtypes) <= set(CALL_DTYPES) and set(api.may_be_zero) <= set(api.dims)
    assert all(api.dim_meanings.values()) and all(attribute.meaning for attribute in api.attributes)


@pytest.mark.parametrize(
    ("call", "macs", "flops", "bytes_in", "bytes_out"),
    [
        (CallClass("gemm", "f32", {"m": 2, "k": 3, "n": 5}), 30, 60, 84, 40),
        (CallClass("gemm", "c64", {"m": 2, "k": 3, "n": 5}), 30, 240, 168, 80),
        (conv2d_class(2, 3, 4, 5, 3), 1080, 2160, 2 * 6 * 7 * 4 + 54 * 4, 240),
        (conv1d_class(2, 3, 4, 3, dtype="f64"), 72, 144, 2 * 6 * 8 + 18 * 8, 96),
        (CallClass("fft", "c64", {"b": 2, "n": 8}), 0, 240, 128, 128),
        (CallClass("zip", "f32", {"n": 10}, {"kind": "div"}), 0, 10, 80, 40),
        (CallClass("zip", "c64", {"n": 10}, {"kind": "cmp_mul"}), 0, 60, 160, 80),
        (CallClass("zip", "c64", {"n": 10}, {"kind": "add"}), 0, 20, 160, 80),
        (CallClass("zip", "ci16", {"n": 10}, {"kind": "div"}), 0, 110, 80, 40),
        (CallClass("gemm", "ci16", {"m": 2, "k": 3, "n": 5}), 30, 240, 84, 40),
        (
            CallClass("kernel", "f32", {"elements": 4, "flops": 8, "bytes_in": 32, "bytes_out": 16, "macs": 4}),
            4,
            8,
            32,
            16,
        ),
        (CallClass("join", "i1"), 0, 0, 0, 0),
    ],
    ids=lambda value: value.api if isinstance(value, CallClass) else "",
)
def test_figures(call: CallClass, macs: int, flops: int, bytes_in: int, bytes_out: int) -> None:
    assert (call.check().macs, call.flops, call.bytes_in, call.bytes_out) == (macs, flops, bytes_in, bytes_out)


@pytest.mark.parametrize("api", [name for name in APIS if name != "join"])
def test_bytes_are_those_of_the_operands(api: str) -> None:
    operands = APIS[api].operands
    for call in probes(api) if operands else ():
        sizes = {"in": 0, "out": 0}
        for operand in operands:
            size = element_bytes(call.dtype)
            for name in operand.shape:
                size *= call.dims[name]
            sizes[operand.role] += size
        assert (call.bytes_in, call.bytes_out) == (sizes["in"], sizes["out"])


@pytest.mark.parametrize("api", [name for name in APIS if name != "join"])
def test_json_round_trip(api: str) -> None:
    for call in probes(api):
        line = call.to_json()
        assert "\n" not in line
        again = CallClass.from_json(line)
        assert again == call and hash(again) == hash(call) and again.to_json() == line


def test_the_lines_of_a_record() -> None:
    call = CallClass("fft", "c64", {"b": 1, "n": 16}, {"inverse": True}, "g:0")
    assert call.to_json() == (
        '{"api":"fft","dtype":"c64","dims":{"b":1,"n":16},"attributes":{"inverse":true},"label":"g:0"}'
    )
    assert call.layer == "g" and CallClass("join", "i1", label="j").layer == "j"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"api": "convolve"}, "no API 'convolve'; the APIs are gemm, conv2d"),
        ({"dtype": "c64"}, "conv2d takes no elements of dtype 'c64'; it takes f64, f32"),
        ({"dtype": "float"}, "conv2d takes no elements of dtype 'float'"),
        ({"dims": {**CONV2D.dims, "q": 1}}, "conv2d has no dims 'q'; it has n, c, h, w"),
        ({"dims": {k: v for k, v in CONV2D.dims.items() if k != "kh"}}, "conv2d needs dims .*; kh missing"),
        ({"dims": {**CONV2D.dims, "f": 0}}, "conv2d dim f is an integer from 1 to 2.62, got 0"),
        ({"dims": {**CONV2D.dims, "f": 2.0}}, "conv2d dim f is an integer from 1 to 2.62, got 2.0"),
        ({"dims": {**CONV2D.dims, "f": True}}, "conv2d dim f is an integer from 1"),
        ({"dims": {**CONV2D.dims, "f": 2**63}}, "conv2d dim f is an integer from 1"),
        ({"dims": {**CONV2D.dims, "oh": 31}}, "conv2d demands that oh is what h, kh, sh, dh give; got n = 1, c = 3"),
        ({"dims": {**CONV2D.dims, "w": 2}}, "conv2d demands that ow is what w, kw, sw, dw give"),
        ({"attributes": {"inverse": True}}, "conv2d has no attributes 'inverse'; it has none"),
    ],
)
def test_refused_classes(changes: dict[str, Any], message: str) -> None:
    fields = {"api": "conv2d", "dtype": "f32", "dims": CONV2D.dims, "attributes": {}, "label": "l0:0", **changes}
    CONV2D.check("here")
    with pytest.raises(CallClassError, match=f"^here: class 'l0:0': {message}"):
        CallClass(**fields).check("here")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (CallClass("fft", "c64", {"b": 1, "n": 12}), "fft demands that n is a power of two; got b = 1, n = 12"),
        (CallClass("fft", "f32", {"b": 1, "n": 16}), "fft takes no elements of dtype 'f32'; it takes c64, c128"),
        (CallClass("fft", "c64", {"b": 1, "n": 16}, {"inverse": 1}), "fft inverse is true or false, got 1"),
        (
            CallClass("zip", "f32", {"n": 4}, {"kind": "pow"}),
            "zip kind is one of add, sub, mul, div, cmp_mul, got 'pow'",
        ),
        (CallClass("zip", "i1", {"n": 4}, {"kind": "add"}), "zip takes no elements of dtype 'i1'"),
        (CallClass("conv1d", "f32", {**conv1d_class(1, 1, 8, 3).dims, "ol": 9}), "ol is what l, k, s, d give"),
        (CallClass("gemm", "f32", {"m": 1, "k": 1, "n": 1}, {"transpose_b": "yes"}), "transpose_b is true or false"),
        (CallClass("join", "i1", {"n": 1}), "join has no dims 'n'; it has none"),
    ],
)
def test_refused_calls_of_other_apis(call: CallClass, message: str) -> None:
    with pytest.raises(CallClassError, match=message):
        call.check()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "a class is a JSON object of api, dtype, dims, attributes, label"),
        ("[1]", "got list"),
        ('{"api":"join"}', "got api"),
        ('{"api":1,"dtype":"f32","dims":{},"attributes":{},"label":""}', "a class's api is a text, got 1"),
        ('{"api":"join","dtype":"i1","dims":[],"attributes":{},"label":""}', "a class's dims is an object"),
        ("[" * 100_000, "a class is a JSON object"),
    ],
)
def test_refused_lines(line: str, message: str) -> None:
    with pytest.raises(CallClassError, match=f"^x.cedrrec line 3: .*{message}"):
        CallClass.from_json(line, "x.cedrrec line 3")


@pytest.mark.parametrize("name", CALL_DTYPES)
def test_dtypes(name: str) -> None:
    assert element_bytes(name) == numpy_dtype(name).itemsize
    if name != "bf16":
        assert dtype_name(numpy_dtype(name)) == name


def test_refused_dtypes() -> None:
    with pytest.raises(DtypeError, match="no dtype 'f128'; those there are: f64, f32"):
        numpy_dtype("f128")
    with pytest.raises(DtypeError, match="no name for NumPy dtype uint16; those there are"):
        dtype_name(numpy_dtype("bf16"))
    with pytest.raises(DtypeError, match="no name for NumPy dtype"):
        dtype_name(object)
