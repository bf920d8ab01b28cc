"""MODEL on the command line: a zoo name, a factory in a file or package, an ONNX file, a module's directory, or IR."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cedr.backend.toolchain import LANGUAGES
from cedr.target.errors import CedrError
from cedr.target.python_files import import_module

if TYPE_CHECKING:
    from torch import nn

    from cedr.frontend.onnx.model import OnnxFile
    from cedr.frontend.zoo.judging import Judge


class ModelError(CedrError):
    """A MODEL that is not there or not of its form."""


@dataclass(frozen=True)
class TorchModel:
    """A PyTorch module with example inputs; `dynamic_shapes` as torch.export's."""

    name: str
    module: nn.Module
    example_inputs: tuple[Any, ...]
    dynamic_shapes: Any = None

    def judge(self) -> Judge:
        """The module's own hooks: decide, held_out, score."""
        from cedr.frontend.zoo.judging import Judge

        return Judge(self.module)


@dataclass(frozen=True)
class ModuleDirectory:
    """A compiled module."""

    path: Path


@dataclass(frozen=True)
class IrFile:
    """IR of any level, with its weights beside it; `shapes` are those of inputs, which fix the sizes that it leaves open."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def has_open_sizes(self) -> bool:
        """Whether the text has a tensor type with `?` in it."""
        return re.search(r"tensor<[^>]*\?", self.path.read_text("utf-8", errors="replace")) is not None


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX file; `shapes` are those of inputs, which fix the sizes that the file leaves open."""

    file: OnnxFile
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


Model = TorchModel | OnnxModel | ModuleDirectory | IrFile


def is_compiled(text: str) -> bool:
    """Whether a MODEL argument names what is compiled in part or as a whole: it may have a platform and a composition."""
    path = Path(text)
    return (bool(text) and path.is_dir()) or path.suffix == ".mlir"


def application_kind(text: str) -> str | None:
    """What a MODEL argument is that names a source, an executable, a shared object, or a record; None: something else."""
    path = Path(text)
    if path.suffix == ".cedrrec":
        return "a record"
    if path.suffix in LANGUAGES or path.suffix == ".so":
        return "a C or C++ application"
    if path.is_file():
        with path.open("rb") as file:
            if file.read(4) == b"\x7fELF":
                return "an executable"
    return None


def find_model(text: str) -> Model:
    """What a MODEL argument names. Raises ModelError saying what was looked for."""
    path = Path(text)
    if text and path.is_dir():
        if not (path / "manifest.json").is_file():
            raise ModelError(f"{text}: a directory without a manifest.json, so no compiled module; compile one with -o")
        return ModuleDirectory(path)
    if path.suffix == ".mlir":
        if not path.is_file():
            raise ModelError(f"{text}: no such file")
        return IrFile(path)
    if path.suffix == ".onnx":
        from cedr.frontend.onnx.model import read_onnx

        return OnnxModel(read_onnx(path))
    if (what := application_kind(text)) is not None:
        raise ModelError(f"{text}: {what}, no model: `cedr run`, `cedr record` and `cedr emulate` take it")
    place, colon, factory = text.rpartition(":")
    if colon and place:
        return _from_factory(text, place, factory)
    from cedr.frontend.zoo import ZOO

    if text in ZOO:
        module, inputs = ZOO[text].build()
        return TorchModel(text, module, inputs)
    if text.endswith(".py"):
        raise ModelError(f"{text}: which of its functions makes the model? Name it: {text}:FACTORY")
    raise ModelError(
        f"no model {text!r}: it is neither a zoo model ({', '.join(ZOO)}), nor FILE.py:FACTORY or "
        "PACKAGE.MODULE:FACTORY, nor a .onnx file, nor a compiled module's directory, nor a .mlir file, nor a C or C++ "
        "application, nor a record"
    )


def _from_factory(text: str, place: str, name: str) -> TorchModel:
    factory = _load(text, place, name)
    try:
        made = factory()
    except (Exception, SystemExit) as error:
        raise ModelError(f"{text}: the factory failed: {type(error).__name__}: {error}") from error
    return torch_model(name, made, text)


def torch_model(name: str, made: Any, where: str) -> TorchModel:
    """What a factory returned: (module, example inputs) or (module, example inputs, dynamic shapes)."""
    from torch import nn

    if not isinstance(made, tuple) or len(made) not in (2, 3) or not isinstance(made[0], nn.Module):
        raise ModelError(
            f"{where}: a factory returns (nn.Module, example inputs) or (nn.Module, example inputs, dynamic shapes), "
            f"got {type(made).__name__}"
        )
    inputs = made[1] if isinstance(made[1], tuple) else (made[1],)
    return TorchModel(name, made[0], inputs, made[2] if len(made) == 3 else None)


def _load(text: str, place: str, name: str) -> Callable[[], Any]:
    module = import_module(text, place)
    factory: Callable[[], Any] | None = getattr(module, name, None)
    if not callable(factory):
        names = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_")) or "none"
        raise ModelError(f"{text}: {place} has no function {name!r}; callables there: {names}")
    return factory
