"""A module's directory: the emitted text, libcedr and a Makefile for C, the weights, an own platform, the manifest;
built, then moved in place as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tomli_w

from cedr.target.errors import CedrError
from cedr.target.extends import PLATFORMS_DIR
from cedr.target.manifest import Manifest
from cedr.target.platform import Platform


class PackageError(CedrError):
    """A directory that can't be written or is something else's."""


def check_replaceable(directory: Path) -> None:
    """Raises PackageError if something stands in a module's place that is neither empty nor a compiled module."""
    if directory.is_dir():
        try:
            if any(directory.iterdir()):
                Manifest.load(directory)
        except CedrError:
            raise PackageError(
                f"{directory}: not empty and no compiled module; name another directory for -o"
            ) from None
        except OSError as error:
            raise PackageError(f"{directory}: cannot be read: {error.strerror}") from error
    elif directory.exists() or directory.is_symlink():
        raise PackageError(f"{directory}: a file of that name is in the way")


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """A scratch folder beside `directory` that takes its place when the block ends without an error.

    An existing directory is replaced only if it is empty or a compiled module. Raises PackageError else.
    """
    check_replaceable(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise PackageError(f"{directory}: cannot be written: {error.strerror}") from error
    try:
        scratch.chmod(0o777 & ~_umask())
        yield scratch
        if directory.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old.", dir=directory.parent))
            directory.rename(old / "old")
            scratch.rename(directory)
            shutil.rmtree(old)
        else:
            scratch.rename(directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_ir(directory: Path, stages: Mapping[str, str]) -> list[str]:
    """DIR/ir/NN_<stage>.mlir for every stage in order; returns the files' paths relative to DIR."""
    folder = directory / "ir"
    folder.mkdir()
    names = []
    for number, (stage, text) in enumerate(stages.items()):
        name = f"ir/{number:02}_{stage}.mlir"
        (directory / name).write_text(text)
        names.append(name)
    return names


def write_platform(directory: Path, platform: Platform) -> str | None:
    """DIR/platform/: an own platform as one file that needs no other, whatever its own file extends.

    Returns the file's path relative to DIR; None for a platform that ships, of which nothing is written.
    """
    if platform.path.resolve().parent == PLATFORMS_DIR:
        return None
    name = f"platform/{platform.path.name}"
    (directory / "platform").mkdir()
    (directory / name).write_text(tomli_w.dumps(platform.content), "utf-8")
    return name
