"""A user's own Python on the command line: `FILE.py:NAME` or `PACKAGE.MODULE:NAME`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from cedr.target.errors import CedrError


class PythonFileError(CedrError):
    """A module that is not there, or that fails when it is imported."""


def import_module(text: str, place: str) -> ModuleType:
    """The module of `place`, a file (`dir/own.py`) or a dotted name. text: the argument, for the messages.

    As with `python FILE` and `python -m`, the file's folder, or the current one, comes first in the path, and stays
    there for what is imported later. A file may be called like one of the library's modules. Raises PythonFileError
    with what the import raised, and its line.
    """
    from_file = place.endswith(".py")
    if from_file and not Path(place).is_file():
        raise PythonFileError(f"{text}: no such file: {place}")
    folder = str(Path(place).resolve().parent if from_file else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return _import_file(Path(place)) if from_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise PythonFileError(f"{text}: importing {place} failed: {what}{_line(error)}") from error


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name that no other module has."""
    name = f"_cedr_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _line(error: BaseException) -> str:
    """Where the user's code failed: the innermost line that is neither ours nor the import system's."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    ours = (__file__, importlib.__file__)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in ours and not frame.filename.startswith("<frozen ")
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
