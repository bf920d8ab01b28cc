"""A module's directory: the emitted text, libcedr and a Makefile for C, the weights, an own platform's files, the manifest;
built, then moved in place as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cedr.target.errors import CedrError
from cedr.target.extends import PLATFORMS_DIR
from cedr.target.manifest import Manifest
from cedr.target.platform import Platform, load_platform


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


def write_platform(directory: Path, platform: Platform) -> list[str]:
    """DIR/platform/: the platform's file and what it extends, as they lie to one another; nothing of what ships.

    Returns the files' paths relative to DIR, the platform's own first; none for a platform that ships. Raises
    PackageError where the copy is not the platform, which a file that changes meanwhile can bring about.
    """
    own = platform.path.parent
    if own.resolve() == PLATFORMS_DIR:
        return []
    folder = Path(os.path.abspath(own))
    places = [folder / platform.path.name]
    reached = [folder]  # what `extends` names lies behind the folder of the file that names it, `..` and all
    for path in platform.extended_paths:
        if path.parent == PLATFORMS_DIR:
            continue
        at = folder if path.is_relative_to(own) else Path("/")
        for part in path.parts[len(own.parts) if path.is_relative_to(own) else 1 :]:
            at = at.parent if part == ".." else at / part
            if part == "..":
                reached.append(at)
        places.append(at)
        reached.append(at.parent)
    root = Path(os.path.commonpath(reached))
    names = [f"platform/{place.relative_to(root).as_posix()}" for place in dict.fromkeys(places)]
    for name, place in zip(names, dict.fromkeys(places), strict=True):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place, directory / name)
    if load_platform(directory / names[0]).hash != platform.hash:
        raise PackageError(
            f"{platform.path}: its copy in the module's directory is not the same platform; compile again"
        )
    return names
