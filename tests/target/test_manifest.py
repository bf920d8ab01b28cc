"""manifest.json: round trip, refusals with file and key, changed files; files that are whole or not there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cedr.target.errors import CedrError
from cedr.target.files import OutputError, write_atomically
from cedr.target.manifest import Manifest, ManifestError, ModuleFigures, TensorSpec, hash_file, hash_files

MANIFEST = Manifest(
    name="vgg_digits",
    model="vgg_digits",
    emit="c",
    inputs=(TensorSpec("x", "f32", (1, 1, 32, 32)), TensorSpec("mask", "i1", ())),
    outputs=(TensorSpec("output0", "f32", (1, 10)),),
    pipeline="default",
    platform="zcu102",
    platform_hash="ab" * 32,
    hw="C3+F1",
    control="static",
    files={"vgg_digits.c": "01" * 32, "libcedr/cedr.h": "02" * 32},
    figures=ModuleFigures(
        arena_bytes=10,
        arena_bound_bytes=9,
        ir_bytes={"linalg": 100},
        compile_s=0.5,
    ),
)


def test_round_trip(tmp_path: Path) -> None:
    path = MANIFEST.save(tmp_path)
    assert path == tmp_path / "manifest.json"
    assert Manifest.load(tmp_path) == MANIFEST
    value = json.loads(path.read_text())
    assert value["version"] == 1 and value["platform"] == {"name": "zcu102", "hash": "ab" * 32}
    assert value["figures"]["export_s"] is None
    assert os.listdir(tmp_path) == ["manifest.json"]


def test_a_platform_of_the_directory(tmp_path: Path) -> None:
    own = Manifest(**{**MANIFEST.__dict__, "platform_file": "libcedr/cedr.h"})
    value = json.loads(own.save(tmp_path).read_text())
    assert value["platform"] == {"name": "zcu102", "hash": "ab" * 32, "file": "libcedr/cedr.h"}
    assert Manifest.load(tmp_path) == own
    for new in ("none.toml", "../own.toml", "/own.toml"):
        with pytest.raises(ManifestError, match=rf'json:\d+: platform\.file: needs one of `files`, got "{new}"'):
            load_changed(tmp_path, "platform.file", new)
    for other in (1, None, ""):
        with pytest.raises(ManifestError, match=r"json:\d+: platform\.file: needs a text"):
            load_changed(tmp_path, "platform.file", other)


def test_changed_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.c", "b.c", "sub/c.h"):
        (tmp_path / name).write_text(name)
    hashes = hash_files(tmp_path, ["a.c", "b.c", "sub/c.h"])
    assert hashes["a.c"] == hash_file(tmp_path / "a.c") != hashes["b.c"]
    manifest = Manifest(**{**MANIFEST.__dict__, "files": hashes})
    assert manifest.changed_files(tmp_path) == ()
    (tmp_path / "sub/c.h").write_text("changed")
    (tmp_path / "a.c").unlink()
    assert manifest.changed_files(tmp_path) == ("a.c", "sub/c.h")


def test_what_is_no_module(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json: not there, so .* is no compiled module; compile one"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"manifest\.json:1: not JSON: "),
        ("{\n 1", r"manifest\.json:2: not JSON: "),
        ("[]", r"manifest\.json:1: not JSON that can be read: needs an object"),
        ("{}", r"manifest\.json:1: version: missing; the keys here are version, name"),
        ('{"version": 1, "version": 1}', r"manifest\.json:1: version: is given twice"),
        ('{"version": NaN}', "not JSON: NaN is no number there"),
        ("[" * 100_000, "not JSON that can be read: nested too deep"),
        ('{"version": 1e99999999999999999999}', "not JSON that can be read: a number's exponent is too large"),
        ('{"version": 2, "future": 1}', r"version: is 2; this compiler reads version 1: compile the model again"),
    ],
)
def test_what_is_no_manifest(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ManifestError, match=message):
        Manifest.load(tmp_path)


def set_at(value: Any, path: str, new: object) -> None:
    """Put a value at a path like `inputs.0.name`; ... removes it."""
    *parents, last = path.split(".")
    for part in parents:
        value = value[int(part) if isinstance(value, list) else part]
    key: Any = int(last) if isinstance(value, list) else last
    if new is ...:
        del value[key]
    else:
        value[key] = new


def load_changed(tmp_path: Path, path: str, new: object) -> Manifest:
    value = json.loads(MANIFEST.to_json())
    set_at(value, path, new)
    (tmp_path / "manifest.json").write_text(json.dumps(value))
    return Manifest.load(tmp_path)


KEYS = [
    "version",
    "name",
    "model",
    "emit",
    "inputs",
    "inputs.0.name",
    "inputs.0.dtype",
    "inputs.0.shape",
    "outputs",
    "outputs.0.name",
    "pipeline",
    "platform",
    "platform.name",
    "platform.hash",
    "hw",
    "control",
    "files",
    "figures",
    "figures.arena_bytes",
    "figures.arena_bound_bytes",
    "figures.ir_bytes",
    "figures.export_s",
    "figures.compile_s",
    "figures.build_s",
]


def shown(path: str) -> str:
    return re.escape(re.sub(r"\.(\d+)", r"[\1]", path))


@pytest.mark.parametrize("path", KEYS)
def test_a_missing_key_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=rf"manifest\.json:\d+: {shown(path)}: missing; the keys here are "):
        load_changed(tmp_path, path, ...)


@pytest.mark.parametrize("path", KEYS)
@pytest.mark.parametrize("new", [True, "", -1, "\x00nothing", [None], {"x": None}])
def test_a_wrong_value_is_refused(path: str, new: object, tmp_path: Path) -> None:
    texts = ("model", "pipeline", "hw", "platform.name", "inputs.0.name", "outputs.0.name")
    if isinstance(new, str) and new and path in texts:
        load_changed(tmp_path, path, new)
        return
    with pytest.raises(ManifestError, match=rf"manifest\.json:\d+: {shown(path)}[.\[\]\w]*: "):
        load_changed(tmp_path, path, new)


@pytest.mark.parametrize("path", ["extra", "platform.extra", "inputs.0.extra", "figures.extra"])
def test_an_unknown_key_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=rf"manifest\.json:\d+: {shown(path)}: unknown key; the keys here are "):
        load_changed(tmp_path, path, 1)


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        ("name", "vgg digits", "name: needs letters, digits and _, got 'vgg digits'"),
        ("emit", "rust", 'emit: is one of c, python, got "rust"'),
        ("control", "maybe", "control: is one of static, dynamic"),
        ("inputs.0.dtype", "float", "inputs.0..dtype: is one of f64, f32"),
        ("inputs.0.shape", [1, -2], r"inputs.0..shape.1.: needs an integer of at least 0 and below 2.63, got -2"),
        ("inputs.1.name", "x", "inputs.1..name: 'x' is given twice"),
        ("inputs.0.initial", 3, "inputs.0..initial: needs a text, got 3"),
        ("outputs.0.updates", "z", "outputs.0..updates: needs an input that is f32.* too, got 'z'"),
        ("outputs.0.initial", "w", "outputs.0..initial: unknown key; the keys here are name, dtype, shape, updates"),
        ("platform.hash", "AB" * 32, "platform.hash: needs a SHA-256 in 64 lower-case"),
        ("files", {"../x": "01" * 32}, r"files.../x: needs a path inside the module's directory"),
        ("files", {"/x": "01" * 32}, "files./x: needs a path inside"),
        ("files", {"a": "01"}, "files.a: needs a SHA-256"),
        ("figures.arena_bytes", 1.5, "figures.arena_bytes: needs an integer"),
        ("figures.compile_s", -0.1, "figures.compile_s: needs a number of seconds or null, got -0.1"),
        ("figures.compile_s", 10**400, "figures.compile_s: needs a number of seconds or null"),
    ],
)
def test_a_value_that_is_refused(path: str, new: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=message):
        load_changed(tmp_path, path, new)


def test_what_would_not_load_is_not_saved(tmp_path: Path) -> None:
    wrong = Manifest(**{**MANIFEST.__dict__, "hw": ""})
    with pytest.raises(ManifestError, match="hw: needs a text"):
        wrong.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_random_edits_are_read_or_refused(tmp_path: Path) -> None:
    random = Random(3)
    text = MANIFEST.to_json()
    refused = 0
    for _ in range(400):
        characters = list(text)
        at = random.randrange(len(characters))
        characters[at : at + random.randint(0, 9)] = random.choice(["", "0", "-", '"', "]", "{", "null", "1e400", ","])
        (tmp_path / "manifest.json").write_text("".join(characters))
        try:
            Manifest.load(tmp_path)
        except CedrError as error:
            refused += 1
            assert "manifest.json" in str(error)
    assert refused > 100


# -------------------------------------------------------------------------------------------------- whole files only


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.bin"
    with write_atomically(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one" and os.listdir(path.parent) == ["x.bin"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")

    def fail() -> None:
        with write_atomically(path) as stream:
            stream.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.bin"]


def in_a_file(path: Path) -> Path:
    path.write_text("a file")
    return path / "x"


def a_directory(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("make", [in_a_file, a_directory])
def test_what_cannot_be_written_is_refused(make: Callable[[Path], Path], tmp_path: Path) -> None:
    target = make(tmp_path / "there")
    with (
        pytest.raises(OutputError, match=f"{re.escape(str(target))}: can't be written: "),
        write_atomically(target) as s,
    ):
        s.write(b"x")
    assert os.listdir(tmp_path) == ["there"]
