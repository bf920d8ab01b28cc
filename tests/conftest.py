"""Settings of all tests: one thread each, since they run side by side; the same examples on every run of CI."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# A developer's run draws new examples each time; CI judges a change and must not depend on luck.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def _equal_builds_are_done_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In all workers of this run: they share a folder."""
    from cedr.backend.toolchain import Compiler
    from tests.build_cache import cached

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "builds"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compiler, "run", cached(Compiler.run, folder))
        yield
