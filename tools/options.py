"""What compiling takes. Needs neither torch nor xDSL, so that a compiled module can be run without them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cedr.target.errors import CedrError
from cedr.target.manifest import EMITS
from cedr.target.platform import PlatformError, load_platform, parse_composition


class CompileError(CedrError):
    """IR or options that can't be compiled."""


@dataclass(frozen=True)
class CompileOptions:
    """What `cedr compile` takes."""

    emit: str = "c"
    pipeline: str = "default"
    platform: str = "zcu102"
    hw: str = "C3+F1+C2D1+Z1"
    save_ir: bool = False
    given: frozenset[str] = frozenset()
    """The names of those that were asked for; the others are defaults, which what is compiled already overrides."""
    hw_from: str = "the default"
    """Where the composition comes from if it was not asked for."""

    def checked(self) -> CompileOptions:
        """These options with the composition in its canonical spelling. Raises CedrError for what does not exist."""
        if self.emit not in EMITS:
            raise CompileError(f"no emitter {self.emit!r}; those there are: {', '.join(EMITS)}")
        platform = load_platform(self.platform)
        try:
            composition = parse_composition(platform, self.hw)
        except PlatformError as error:
            if "hw" in self.given:
                raise
            example = platform.default_composition
            raise CompileError(f"{error}\n{self.hw} is {self.hw_from}: give another one, as --hw {example}") from error
        if "pipeline" in self.given:
            from cedr.passes.pipelines import pipeline_passes

            pipeline_passes(self.pipeline, self.platform, composition.text)
        return replace(self, hw=composition.text)
