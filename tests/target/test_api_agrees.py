"""The dialect and libcedr say what the API table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.dialects.func import Func
from xdsl.parser import Parser

from cedr.dialects.cedr import Cedr
from cedr.dialects.cedr.calls import CALLS, ZIP_KINDS, CallOp
from cedr.target import api as table
from cedr.target.api import APIS, CallClass
from cedr.target.dtypes import DTYPES, element_bytes

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "runtime" / "libcedr" / "cedr.h").read_text()
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "runtime" / "libcedr").glob("calls*")))

TEXTS = {
    "gemm": [
        "%a : memref<2x3xf32>, %b : memref<3x5xf32>, %c : memref<2x5xf32> | cedr.gemm ins(%a, %b) outs(%c)",
        "%a : memref<2x3xf64>, %b : memref<5x3xf64>, %c : memref<2x5xf64> | cedr.gemm transpose_b ins(%a, %b) outs(%c)",
    ],
    "conv2d": [
        "%a : memref<2x3x9x8xf32>, %b : memref<4x3x3x2xf32>, %c : memref<2x4x4x5xf32>"
        " | cedr.conv2d strides [2, 1] dilations [1, 3] ins(%a, %b) outs(%c)"
    ],
    "conv1d": [
        "%a : memref<2x3x20xf32>, %b : memref<4x3x3xf32>, %c : memref<2x4x8xf32>"
        " | cedr.conv1d strides [2] dilations [2] ins(%a, %b) outs(%c)"
    ],
    "fft": ["%a : memref<2x8xcomplex<f32>>, %b : memref<2x8xcomplex<f32>> | cedr.fft inverse ins(%a) outs(%b)"],
    "zip": ["%a : memref<2x8xf32>, %b : memref<2x8xf32>, %c : memref<2x8xf32> | cedr.zip sub ins(%a, %b) outs(%c)"],
}


def call_of(text: str) -> CallOp:
    arguments, call = text.split(" | ")
    module = f"func.func @f({arguments}) {{ {call} func.return }}"
    context = Context()
    for dialect in (Builtin, Func, Cedr):
        context.load_dialect(dialect)
    (op,) = [op for op in Parser(context, module).parse_module().walk() if isinstance(op, CallOp)]
    op.verify()
    return op


@pytest.mark.parametrize("text", [text for texts in TEXTS.values() for text in texts])
def test_an_op_is_a_call_of_the_table(text: str) -> None:
    op = call_of(text)
    entry = APIS[op.api]
    dtype = "c64" if "complex" in text else "f64" if "f64" in text else "f32"
    call = CallClass(op.api, dtype, op.dims(), op.attributes_by_name(), "l:0").check()
    assert tuple(op.dims()) == entry.dims
    assert set(op.attributes_by_name()) == {attribute.name for attribute in entry.attributes}
    assert op.macs() == call.macs
    shapes = [tuple(map(int, re.findall(r"(\d+)x", value))) for value in re.findall(r"memref<([^>]*)", text)]
    assert len(shapes) == len(entry.operands)
    if op.api not in ("zip", "gemm"):
        assert [tuple(call.dims[d] for d in operand.shape) for operand in entry.operands] == shapes
    sizes = [element_bytes(dtype)] * len(shapes)
    for index, shape in enumerate(shapes):
        for extent in shape:
            sizes[index] *= extent
    assert (call.bytes_in, call.bytes_out) == (sum(sizes[:-1]), sizes[-1])


def test_the_dialect_has_the_calls_of_the_table() -> None:
    assert {call.name.removeprefix("cedr.") for call in CALLS} | {"join"} == set(APIS)
    assert ZIP_KINDS == table.ZIP_KINDS


def test_libcedr_has_functions_of_the_table_only() -> None:
    found = re.findall(r"\bcedr_(conv2d|conv1d|gemm|fft|zip|kernel)_(\w+)", HEADER.split("The API's calls.")[1])
    assert {api for api, _ in found} == set(APIS) - {"kernel", "join"}
    for api, dtype in found:
        assert dtype in DTYPES and dtype in APIS[api].dtypes


def test_libcedr_takes_dims_in_the_order_of_the_table() -> None:
    said = re.findall(r"/\*[^*]*?dims: ([a-z ]+?)(?:;[^*]*)?\*/\s*void (?:NAME\()?cedr_([a-z0-9]+)", SOURCES)
    assert {api for _, api in said} == {"conv2d", "conv1d", "gemm", "fft"}
    for dims, api in said:
        assert tuple(dims.split()) == APIS[api].dims


def test_libcedr_numbers_the_zip_kinds_as_the_table() -> None:
    kinds = re.search(r"typedef enum \{(.*?)\} cedr_zip_kind", HEADER, re.DOTALL)
    assert kinds is not None
    assert tuple(k.lower() for k in re.findall(r"CEDR_ZIP_(\w+)", kinds[1])) == table.ZIP_KINDS
