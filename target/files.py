"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cedr.target.errors import CedrError


class OutputError(CedrError):
    """A file that can't be written."""


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary stream that becomes `path` when the block ends, and leaves nothing behind when it raises.

    The bytes go to a temporary file in the same directory (made if need be), which then takes the name. Raises
    OutputError, naming the path, where the file can't be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise OutputError(f"{target}: can't be written: {error.strerror or error}") from error
    try:
        stream = os.fdopen(handle, "wb")
        try:
            yield stream
            stream.flush()
        finally:
            stream.close()
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{target}: can't be written: {error.strerror or error}") from error
        raise
