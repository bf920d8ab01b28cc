"""docs/passes.md: the pipelines with their reasons, our passes with options and IR before and after, xDSL's in a line."""

from __future__ import annotations

from cedr.passes import PASSES, UPSTREAM, get_all_passes, get_pass
from cedr.passes.pipelines import PIPELINES
from cedr.passes.specification import option_infos
from cedr.tools.docs.markdown import code, docstring, page, table

_INTRODUCTION = """\
`cedr-opt -p 'a,b{option=value}'` runs passes on IR from a file or stdin, and verifies after each;
`--pass-pipeline 'builtin.module(a,b)'` is the same in MLIR's form, `cedr-opt --list-passes` lists them. A list is
written `1,2,3`; a flag alone means true; a value with spaces or commas stands in quotes."""

_PIPELINES = """\
`cedr compile --pipeline` takes one of these names, or a pass pipeline's text. They differ in the `mapping` of `choose`:
`default` works on tiles of layers, `layerwise` does as the paper "PyTorch and CEDR" (AICCSA 2023) does. `choose` gets the
platform and composition of the command line where the text names none."""


def passes_page() -> str:
    """The whole page."""
    return page(
        "Passes",
        "the passes' docstrings and `passes/pipelines.py`",
        _INTRODUCTION,
        "## Pipelines",
        _PIPELINES,
        *_pipelines(),
        "## Passes of this project",
        *(_pass(name) for name in sorted(PASSES)),
        "## Passes of xDSL",
        "Taken as they are; xDSL documents them.",
        _upstream(),
    )


def _pipelines() -> list[str]:
    by_stages: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, stages in PIPELINES.items():
        by_stages.setdefault(tuple((stage.name, stage.reason) for stage in stages), []).append(name)
    parts = []
    for stages_of, names in by_stages.items():
        rows = [(str(i), code(stage), reason) for i, (stage, reason) in enumerate(stages_of, 1)]
        parts += [f"### {', '.join(map(code, names))}", table(("", "pass", "why it stands there"), rows)]
    return parts


def _options(name: str) -> list[tuple[str, str, str]]:
    return [
        (code(option.name), option.type, "required" if option.default is None else code(option.default))
        for option in option_infos(get_pass(name))
    ]


def _pass(name: str) -> str:
    options = table(("option", "type", "default"), _options(name)) or "No options."
    return "\n\n".join([f"### `{name}`", docstring(get_pass(name)), options])


def _upstream() -> str:
    rows = []
    for name in get_all_passes():
        if name in UPSTREAM:
            options = ", ".join(f"{option} ({kind}, {default})" for option, kind, default in _options(name))
            rows.append((code(name), UPSTREAM[name], options))
    return table(("pass", "what it does", "options"), rows)
