"""Python processes that calls are handed to; `python -m cedr.tools.processes` is one of them.

multiprocessing's would run the main script again, and outlive a parent that is killed. These end with their stdin.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import redirect_stdout
from threading import Lock, local
from types import TracebackType
from typing import Any, Self

from cedr.runtime.process import IMPORT_ROOT
from cedr.target.errors import CedrError


class ProcessEnded(CedrError):
    """A process that was ended from outside."""


class Processes:
    """`submit` hands a call to a process that has none; leaving the `with` block ends them all."""

    def __init__(self, count: int):
        self._threads = ThreadPoolExecutor(count)
        self._own = local()
        self._started: list[subprocess.Popen[bytes]] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for process in self._started:
                process.kill()
        self._threads.shutdown()
        for process in self._started:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """call: a function of a module; it and its arguments are pickled, as is what it returns.

        The future raises ProcessEnded where the process dies, RuntimeError with the traceback where the call raises.
        """
        return self._threads.submit(self._ask, call, arguments)

    def _ask(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        process: subprocess.Popen[bytes] | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump((call, arguments), process.stdin)
            process.stdin.flush()
            done, value = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            self._own.process = None
            status = process.wait()
            why = " (killed; for want of memory?)" if status == -signal.SIGKILL else ""
            raise ProcessEnded(f"its process ended with status {status}{why}") from error
        if not done:
            raise RuntimeError(value)
        return value

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-m", "cedr.tools.processes"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(IMPORT_ROOT)},
                process_group=0,  # Ctrl-C is the first process's to answer
            )
            self._started.append(process)
        assert process.stdin is not None
        pickle.dump(sys.path, process.stdin)
        return process


def main() -> int:
    """Serve until stdin ends. What calls print goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # What the first process imports can be imported here, behind what is here anyway: a model's folder hides no library.
    sys.path += [place for place in pickle.load(sys.stdin.buffer) if place not in sys.path]
    with redirect_stdout(sys.stderr):
        while True:
            try:
                call, arguments = pickle.load(sys.stdin.buffer)
            except EOFError:
                return 0
            try:
                answer = True, call(*arguments)
            except Exception:
                answer = False, traceback.format_exc()
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    sys.exit(main())
