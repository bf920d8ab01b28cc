"""What compiling takes. Needs neither torch nor xDSL, so that a compiled module can be run without them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cedr.target.errors import CedrError
from cedr.target.manifest import ABIS, EMITS, TARGETS, Abi, Target
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
    measure_ir: bool = True
    """The IR is printed at every stage to know its length, `ir_bytes`, which can take longer than the passes."""
    abi: Abi = "cedr"
    dash_zip: bool = False
    """With abi dash: ZIP calls are calls of CEDR's DASH_ZIP."""
    target: Target = "host"
    given: frozenset[str] = frozenset()
    """The names of those that were asked for; the others are defaults, which what is compiled already overrides."""
    hw_from: str = "the default"
    """Where the composition comes from if it was not asked for."""

    def checked(self) -> CompileOptions:
        """These options with the composition in its canonical spelling. Raises CedrError for what does not exist."""
        if self.emit not in EMITS:
            raise CompileError(f"no emitter {self.emit!r}; those there are: {', '.join(EMITS)}")
        for what, value, choices in (("ABI", self.abi, ABIS), ("target", self.target, TARGETS)):
            if value not in choices:
                raise CompileError(f"no {what} {value!r}; those there are: {', '.join(choices)}")
        if self.emit != "c" and self.abi != "cedr":
            raise CompileError(
                f"--abi {self.abi} is for C modules: CEDR loads shared objects, not Python; leave out --emit {self.emit}"
            )
        if self.emit != "c" and self.target != "host":
            raise CompileError(
                f"--target {self.target} is for C modules: a Python module is the same everywhere; leave out one of the two"
            )
        if self.dash_zip and self.abi != "dash":
            raise CompileError("--dash-zip says what ZIP calls become with --abi dash: give that too, or leave it out")
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
