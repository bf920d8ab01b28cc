"""manifest.json: what a compiled module's directory holds.

    {"version": 1, "name": "vgg_digits", "model": "vgg_digits", "emit": "c",
     "inputs": [{"name": "x", "dtype": "f32", "shape": [1, 1, 32, 32]}], "outputs": [...],
     "abi": "cedr", "target": "host", "pipeline": "default",
     "platform": {"name": "zcu102", "hash": "<SHA-256>"}, "hw": "C3+F1+C2D1+Z1", "control": "static",
     "files": {"vgg_digits.c": "<SHA-256>", ...},
     "figures": {"arena_bytes": 1, "arena_bound_bytes": 1, "ir_bytes": {}, "export_s": null, "compile_s": 0.5, "build_s": 1.0}}

An input that is a state of the model has the key `initial`, the weight that it is where none is given; an output that is an
input's new value has the key `updates`, that input's name. `abi` and `target` may be missing, and are cedr and host then.
`files` are relative to the directory. A platform that does not ship has the key `file` too: which of `files` it is in.
`figures` are what a report says later without compiling again; null: not known.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, cast

from cedr.target.dtypes import DTYPES
from cedr.target.errors import CedrError
from cedr.target.files import write_atomically
from cedr.target.json_file import JsonFile
from cedr.target.toml_file import KeyPath, TomlError, TomlFile, shortened

FILE_NAME: Final = "manifest.json"
VERSION: Final = 1

Emit = Literal["c", "python"]
Abi = Literal["cedr", "dash"]
"""Whose functions a C module calls: libcedr's, or those of CEDR itself."""
Control = Literal["static", "dynamic"]
Target = Literal["host", "aarch64"]
"""What is compiled for: this machine, or the Cortex-A53 of the ZCU102 and its like, under Linux."""
EMITS: Final[tuple[Emit, ...]] = ("c", "python")
TARGETS: Final[tuple[Target, ...]] = ("host", "aarch64")
ABIS: Final[tuple[Abi, ...]] = ("cedr", "dash")
CONTROLS: Final[tuple[Control, ...]] = ("static", "dynamic")


class ManifestError(CedrError):
    """A manifest that is missing, malformed, or of another version."""


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a module."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    initial: str | None = None
    """Of an input: the weight that it is where none is given. An input that has one is a state of the model."""
    updates: str | None = None
    """Of an output: the input whose new value it is."""


@dataclass(frozen=True)
class ModuleFigures:
    """What the compiler found out; None: not known."""

    arena_bytes: int | None = None
    arena_bound_bytes: int | None = None
    """Largest sum of bytes between first write and last read, in layer order, over the buffers of the final IR."""
    ir_bytes: Mapping[str, int] = field(default_factory=dict)
    """Length of the IR's text, by stage."""
    export_s: float | None = None
    compile_s: float | None = None
    build_s: float | None = None


@dataclass(frozen=True)
class Manifest:
    """A module's manifest. `files` maps paths relative to the directory to the SHA-256 of their content."""

    name: str
    model: str
    """What was compiled, as it was named."""
    emit: Emit
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    pipeline: str
    platform: str
    platform_hash: str
    hw: str
    control: Control
    files: Mapping[str, str]
    figures: ModuleFigures = field(default_factory=ModuleFigures)
    platform_file: str | None = None
    """Which of `files` the platform is in; None: it is one that ships."""
    abi: Abi = "cedr"
    target: Target = "host"

    def to_json(self) -> str:
        own_platform = {} if self.platform_file is None else {"file": self.platform_file}
        value = {
            "version": VERSION,
            "name": self.name,
            "model": self.model,
            "emit": self.emit,
            "inputs": [_spec(tensor) for tensor in self.inputs],
            "outputs": [_spec(tensor) for tensor in self.outputs],
            "abi": self.abi,
            "target": self.target,
            "pipeline": self.pipeline,
            "platform": {"name": self.platform, "hash": self.platform_hash, **own_platform},
            "hw": self.hw,
            "control": self.control,
            "files": dict(self.files),
            "figures": {
                key: dict(value) if isinstance(value, Mapping) else value
                for key, value in ((key, getattr(self.figures, key)) for key in ModuleFigures.__dataclass_fields__)
            },
        }
        return json.dumps(value, indent=2, allow_nan=False) + "\n"

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write DIR/manifest.json, whole or not at all; what would not load is refused. Returns its path."""
        path = Path(directory) / FILE_NAME
        text = self.to_json()
        _Reader(path).manifest(lambda: JsonFile.parse(text, path))
        with write_atomically(path) as stream:
            stream.write(text.encode())
        return path

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> Manifest:
        """Read DIR/manifest.json. Raises ManifestError naming file, line and key."""
        path = Path(directory) / FILE_NAME
        if not path.exists():
            raise ManifestError(f"{path}: not there, so {directory} is no compiled module; compile one with -o")
        return _Reader(path).manifest(lambda: JsonFile.read(path))

    def changed_files(self, directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """The files whose content is not that of the manifest, and those that are gone; in the manifest's order."""
        changed = []
        for name, digest in self.files.items():
            path = Path(directory) / name
            if not path.is_file() or hash_file(path) != digest:
                changed.append(name)
        return tuple(changed)


def _spec(tensor: TensorSpec) -> dict[str, Any]:
    roles = {key: value for key in ("initial", "updates") if (value := getattr(tensor, key)) is not None}
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape), **roles}


def hash_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, as hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_files(directory: str | os.PathLike[str], names: Iterable[str]) -> dict[str, str]:
    """name -> SHA-256, for names relative to the directory (`/` between their parts)."""
    return {name: hash_file(Path(directory) / name) for name in names}


class _Reader:
    def __init__(self, path: Path):
        self.path = path
        self.lines: dict[str, int] = {}

    def fail(self, key: str, message: str) -> ManifestError:
        """The line is that of the nearest enclosing key where this one is not in the file."""
        at = key
        while at and at not in self.lines:
            at = at[: max(at.rfind("."), at.rfind("["), 0)]
        return ManifestError(f"{self.path}:{self.lines.get(at, 1)}: {shortened(key)}: {message}")

    def manifest(self, parse: Callable[[], TomlFile]) -> Manifest:
        try:
            file = parse()
        except TomlError as error:
            raise ManifestError(str(error)) from error
        self.lines = {_text(path): line for path, line in file.lines.items()}
        value = file.data
        if value.get("version", VERSION) != VERSION:
            raise self.fail(
                "version",
                f"is {_kind(value['version'])}; this compiler reads version {VERSION}: compile the model again",
            )
        optional = ("abi", "target")
        fields = (
            key for key in Manifest.__dataclass_fields__ if not key.startswith("platform_") and key not in optional
        )
        top = self.table("", value, ("version", *fields), optional)
        self.integer("version", top["version"], VERSION)
        name = self.text("name", top["name"])
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise self.fail("name", f"needs letters, digits and _, got {name!r}")
        platform = self.table("platform", top["platform"], ("name", "hash"), ("file",))
        files = self.files(top["files"])
        inputs = self.tensors("inputs", top["inputs"], "initial")
        outputs = self.tensors("outputs", top["outputs"], "updates")
        self.updates(inputs, outputs)
        figures = self.figures(self.table("figures", top["figures"], tuple(ModuleFigures.__dataclass_fields__)))
        return Manifest(
            name=name,
            model=self.text("model", top["model"]),
            emit=cast(Emit, self.choice("emit", top["emit"], EMITS)),
            inputs=inputs,
            outputs=outputs,
            pipeline=self.text("pipeline", top["pipeline"]),
            platform=self.text("platform.name", platform["name"]),
            platform_hash=self.digest("platform.hash", platform["hash"]),
            hw=self.text("hw", top["hw"]),
            control=cast(Control, self.choice("control", top["control"], CONTROLS)),
            files=files,
            figures=figures,
            abi=cast(Abi, self.choice("abi", top.get("abi", "cedr"), ABIS)),
            target=cast(Target, self.choice("target", top.get("target", "host"), TARGETS)),
            platform_file=self.one_of_files("platform.file", platform["file"], files) if "file" in platform else None,
        )

    def table(self, key: str, value: object, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, f"needs an object, got {_kind(value)}")
        prefix = f"{key}." if key else ""
        for name in value:
            if name not in keys and name not in optional:
                raise self.fail(f"{prefix}{name}", f"unknown key; the keys here are {', '.join(keys + optional)}")
        for name in keys:
            if name not in value:
                raise self.fail(f"{prefix}{name}", f"missing; the keys here are {', '.join(keys + optional)}")
        return value

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self.fail(key, f"needs a text, got {_kind(value)}")
        return value

    def one_of_files(self, key: str, value: object, files: Mapping[str, str]) -> str:
        name = self.text(key, value)
        if name not in files:
            raise self.fail(key, f"needs one of `files`, got {_kind(value)}")
        return name

    def choice(self, key: str, value: object, choices: tuple[str, ...]) -> str:
        if not isinstance(value, str) or value not in choices:
            raise self.fail(key, f"is one of {', '.join(choices)}, got {_kind(value)}")
        return value

    def integer(self, key: str, value: object, least: int) -> int:
        if type(value) is not int or not least <= value < 1 << 63:
            raise self.fail(key, f"needs an integer of at least {least} and below 2^63, got {_kind(value)}")
        return value

    def digest(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
            raise self.fail(key, f"needs a SHA-256 in 64 lower-case hexadecimal digits, got {_kind(value)}")
        return value

    def tensors(self, key: str, value: object, role: str) -> tuple[TensorSpec, ...]:
        if not isinstance(value, list):
            raise self.fail(key, f"needs an array, got {_kind(value)}")
        specs: list[TensorSpec] = []
        for index, entry in enumerate(value):
            at = f"{key}[{index}]"
            table = self.table(at, entry, ("name", "dtype", "shape"), (role,))
            name = self.text(f"{at}.name", table["name"])
            if name in (spec.name for spec in specs):
                raise self.fail(f"{at}.name", f"{name!r} is given twice")
            shape = table["shape"]
            if not isinstance(shape, list):
                raise self.fail(f"{at}.shape", f"needs an array of integers, got {_kind(shape)}")
            sizes = tuple(self.integer(f"{at}.shape[{i}]", size, 0) for i, size in enumerate(shape))
            roles = {role: self.text(f"{at}.{role}", table[role])} if role in table else {}
            specs.append(TensorSpec(name, self.choice(f"{at}.dtype", table["dtype"], DTYPES), sizes, **roles))
        return tuple(specs)

    def updates(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        known = {spec.name: (spec.dtype, spec.shape) for spec in inputs}
        for index, spec in enumerate(outputs):
            if spec.updates is not None and known.get(spec.updates) != (spec.dtype, spec.shape):
                raise self.fail(
                    f"outputs[{index}].updates",
                    f"needs an input that is {spec.dtype}{list(spec.shape)} too, got {spec.updates!r}",
                )

    def files(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.fail("files", f"needs an object, got {_kind(value)}")
        for name, digest in value.items():
            parts = PurePosixPath(name).parts
            if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
                raise self.fail(f"files.{name}", "needs a path inside the module's directory")
            self.digest(f"files.{name}", digest)
        return value

    def figures(self, table: dict[str, Any]) -> ModuleFigures:
        stages = table["ir_bytes"]
        if not isinstance(stages, dict):
            raise self.fail("figures.ir_bytes", f"needs an object, got {_kind(stages)}")
        sizes = {
            key: None if table[key] is None else self.integer(f"figures.{key}", table[key], 0)
            for key in ("arena_bytes", "arena_bound_bytes")
        }
        seconds = {key: self.seconds(f"figures.{key}", table[key]) for key in ("export_s", "compile_s", "build_s")}
        return ModuleFigures(
            arena_bytes=sizes["arena_bytes"],
            arena_bound_bytes=sizes["arena_bound_bytes"],
            ir_bytes={stage: self.integer(f"figures.ir_bytes.{stage}", size, 0) for stage, size in stages.items()},
            export_s=seconds["export_s"],
            compile_s=seconds["compile_s"],
            build_s=seconds["build_s"],
        )

    def seconds(self, key: str, value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < 10**12:
            raise self.fail(key, f"needs a number of seconds or null, got {_kind(value)}")
        return float(value)


def _text(path: KeyPath) -> str:
    """`inputs[0].name`, `files.m.c`: as the reader names keys."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, Decimal) or (isinstance(value, int) and value.bit_length() > 256):
        return str(value)[:40] if isinstance(value, Decimal) else "a huge integer"
    return json.dumps(value)[:80]
