"""docs/api.md: every call of the API, from the table in `target/api.py`."""

from __future__ import annotations

from cedr.target.api import APIS, Api
from cedr.tools.docs.markdown import code, page, table

_INTRODUCTION = """\
A task is one call of this API. A *class* of calls is an API, an element type, dimensions, attributes and a label: it is
what a record holds of a call ([record.md](record.md)) and what a platform's cost expressions see
([platform.md](platform.md)). Operands are dense, row-major, ins before outs. The four figures are for one call;
`element_bytes` is the size of its `dtype`. Multiply-accumulates count convolution and linear layers only."""


def api_page() -> str:
    """The whole page."""
    return page("The API", "`target/api.py`", _INTRODUCTION, *(_api(api) for api in APIS.values()))


def _api(api: Api) -> str:
    operands = [(code(o.name), o.role, code(" x ".join(o.shape)) if o.shape else "", o.meaning) for o in api.operands]
    attributes = [
        (code(a.name), " ".join(map(code, a.choices)) if a.choices else "true or false", a.meaning)
        for a in api.attributes
    ]
    dims = [
        (code(name), meaning, "0 or more" if name in api.may_be_zero else "1 or more")
        for name, meaning in api.dim_meanings.items()
    ]
    figures = [
        (name, code(text))
        for name, text in (
            ("multiply-accumulates", api.macs_text),
            ("arithmetic operations", api.flops_text),
            ("bytes in", api.bytes_in_text),
            ("bytes out", api.bytes_out_text),
        )
    ]
    rules = "Always: " + "; ".join(f"{rule.words} ({code(rule.condition)})" for rule in api.rules) + "."
    parts = [
        f"## `{api.name}`",
        f"{api.summary} Source: {api.source}.",
        table(("operand", "role", "shape", "what"), operands),
        table(("dimension", "what", ""), dims),
        table(("attribute", "value", "what"), attributes),
        table(("figure", "expression"), figures),
        rules if api.rules else "",
        f"Element types: {' '.join(map(code, api.dtypes))}.",
    ]
    return "\n\n".join(part for part in parts if part)
