"""The pipelines, as data: which passes run, in which order, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from xdsl.passes import ModulePass

from cedr.passes import UnknownPassError, get_all_passes
from cedr.passes.choose import ChoosePass
from cedr.passes.specification import make_pass, parse_pipeline
from cedr.target.platform import DEFAULT_PLATFORM

DEFAULT_HW: Final = "C3+F1+C2D1+Z1"


class UnknownPipelineError(UnknownPassError):
    """A name that neither a pipeline nor a pass has."""


@dataclass(frozen=True)
class Stage:
    """One pass of a pipeline, its options as they are written, and the reason why it stands where it does."""

    name: str
    reason: str
    options: tuple[tuple[str, str], ...] = ()

    def text(self, platform: str, hw: str) -> str:
        """As in a pass pipeline; `choose` gets the platform and the composition."""
        options = self.options
        if self.name == ChoosePass.name:
            options = (*options, ("platform", platform), ("hw", hw))
        inner = " ".join(f"{name}={_quoted(value)}" for name, value in options)
        return f"{self.name}{{{inner}}}" if inner else self.name


def _stages(mapping: str) -> tuple[Stage, ...]:
    return (
        Stage(
            "import-linalg",
            "first: what other tools write becomes what all that follow take; our own IR it leaves alone",
        ),
        Stage("fold-transposes", "before constants are folded: those weights that a product reads best as they stand"),
        Stage("fold-constants", "makes batch norm's vectors weights, for the next pass"),
        Stage("fold-batch-norm", "before fusion hides a scale in a generic that does more"),
        Stage("canonicalize", "drops what the import and the folds left behind"),
        Stage("cse", "one fill and one constant of a kind; fewer ops for all that follow"),
        Stage("fuse-elementwise", "after cse, which moves constants out of regions: here they come back in"),
        Stage("dce", "the destinations of what was fused"),
        Stage("choose", "the last decision that needs linalg: each op's call and tiles", (("mapping", mapping),)),
        Stage("convert-linalg-to-cedr", "tiles become grids of calls"),
        Stage("bufferize", "tensors become buffers once no pass moves values any more"),
        Stage("plan-memory", "every buffer's place in one arena, when all buffers are known"),
        Stage("add-dependencies", "last: from the bytes that the calls finally touch"),
    )


PIPELINES: Final = MappingProxyType({mapping: _stages(mapping) for mapping in ChoosePass.MAPPINGS})
"""Name -> stages. A pipeline is called after its mapping."""


def pipeline_text(name: str, platform: str = DEFAULT_PLATFORM, hw: str = DEFAULT_HW) -> str:
    """A named pipeline as a pass pipeline: `fold-constants,...,choose{mapping=default ...},...`.

    Raises UnknownPipelineError, listing the names there are.
    """
    if name not in PIPELINES:
        raise UnknownPipelineError(f"no pipeline {name!r}; the pipelines are {', '.join(PIPELINES)}")
    return ",".join(stage.text(platform, hw) for stage in PIPELINES[name])


def pipeline_passes(pipeline: str, platform: str = DEFAULT_PLATFORM, hw: str = DEFAULT_HW) -> tuple[ModulePass, ...]:
    """The passes of a named pipeline or of a pass pipeline's text, options checked.

    A `choose` in a text that names no platform or no composition gets these. Raises UnknownPipelineError for a name
    that neither a pipeline nor a pass has, PipelineError for a text that is not right.
    """
    text = pipeline_text(pipeline, platform, hw) if pipeline in PIPELINES else pipeline
    if text == pipeline and text.replace("-", "").replace("_", "").isalnum() and text not in get_all_passes():
        raise UnknownPipelineError(
            f"no pipeline or pass {text!r}; the pipelines are {', '.join(PIPELINES)}; "
            f"the passes are {', '.join(get_all_passes())}"
        )
    passes: list[ModulePass] = []
    for call in parse_pipeline(text):
        one = make_pass(text, call)
        if isinstance(one, ChoosePass):
            given = {option.name for option in call.options}
            one = replace(
                one,
                platform=one.platform if "platform" in given else platform,
                hw=one.hw if "hw" in given else hw,
            )
        passes.append(one)
    return tuple(passes)


def _quoted(value: str) -> str:
    plain = value and not any(char in value for char in " \t\n\"',{}")
    return value if plain else f'"{value}"' if '"' not in value else f"'{value}'"
