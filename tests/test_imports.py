"""Who may import whom: the imports of every file against the table of the rooms, read from the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "xdsl"}
ROOMS: dict[str, set[str]] = {
    "target": {"numpy", "lark"},
    "runtime": {"target"},
    "dialects": {"target", "xdsl"},
    "frontend": {"dialects", "target", "torch", "xdsl"},
    "passes": {"dialects", "target", "xdsl"},
    "backend": {"dialects", "target", "xdsl"},
    "tools": {"target", "runtime", "dialects", "frontend", "passes", "backend", "torch", "xdsl"},
}
"""What each room may import of the other rooms, torch and xDSL; for `target`, all it may import at all."""

FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and module of every import in a file, those in functions included.

    After a plain `import cedr`, what is used of it (`cedr.compile`) counts as imported there.
    """
    nodes = list(ast.walk(ast.parse(source)))
    whole = any(isinstance(node, ast.Import) and any(a.name == "cedr" for a in node.names) for node in nodes)
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module="cedr", level=0, names=names):
                yield from ((node.lineno, f"cedr.{alias.name}") for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield node.lineno, "." * level + (module or "")
            case ast.Attribute(value=ast.Name(id="cedr"), attr=name) if whole and not name.startswith("__"):
                yield node.lineno, f"cedr.{name}"


def violations(room: str, source: str) -> list[str]:
    """The imports of a file of `room` that the table does not have."""
    allowed = ROOMS[room]
    found = []
    for line, module in imported(source):
        top, *rest = module.split(".")
        if module.startswith("."):
            found.append(f"{line}: {module} is relative; imports are absolute")
        elif top in ROOMS:
            found.append(f"{line}: import cedr.{module}, not {module}")
        elif top == "cedr":
            if rest and rest[0] not in allowed | {room}:
                found.append(f"{line}: {room} may not import {module}")
        elif (top in HEAVY and top not in allowed) or (
            room == "target" and top not in allowed and top not in sys.stdlib_module_names
        ):
            found.append(f"{line}: {room} may not import {module}")
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_imports_follow_the_table(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert violations(room, path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("target", "import rich"),
        ("target", "from cedr.runtime import record"),
        ("runtime", "def f():\n    import xdsl.ir"),
        ("runtime", "from cedr import passes"),
        ("runtime", "import torch"),
        ("dialects", "from cedr.passes import get_pass"),
        ("passes", "from cedr.backend.program import Program"),
        ("passes", "from torch import nn"),
        ("backend", "from cedr.runtime.module import main"),
        ("frontend", "import target.errors"),
        ("tools", "from .driver import compile"),
        ("runtime", "import cedr\ncedr.compile()"),
    ],
)
def test_a_forbidden_import_is_found(room: str, source: str) -> None:
    assert len(violations(room, source)) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("target", "import json\nfrom numpy.typing import NDArray\nfrom lark import Lark"),
        ("runtime", "import numba\nfrom cedr.target import dtypes\nfrom cedr.runtime.record import Record"),
        ("runtime", "import cedr\nprint(cedr.__file__)"),
        ("frontend", "import torch\nfrom cedr.dialects.cedr import WeightOp"),
        ("tools", "import torch\nfrom cedr import runtime, passes"),
    ],
)
def test_an_allowed_import_passes(room: str, source: str) -> None:
    assert violations(room, source) == []


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["cedr", "cedr.runtime", "cedr.target"])
def test_the_package_imports_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}") & {"torch", "xdsl", "numba", "matplotlib", "rich"} == set()


@pytest.mark.parametrize(
    "statement",
    [
        "import cedr.tools.opt, cedr.tools.optimizer",
        "from cedr.tools.opt import main; main(['--list-passes'])",
        "from cedr.dialects.universe import dialect_factories\nfor f in dialect_factories().values(): f()",
    ],
)
def test_cedr_opt_imports_neither_torch_nor_numba(statement: str) -> None:
    assert loaded_by(statement) & {"torch", "numba", "llvmlite", "matplotlib"} == set()


def test_a_missing_name_of_the_package_lists_those_there_are() -> None:
    import cedr

    with pytest.raises(
        AttributeError, match="no attribute 'compiel'; its names: CedrError, Program, compile, fallbacks"
    ):
        cedr.compiel  # noqa: B018  # looked up for its refusal
    assert set(cedr.__all__) <= set(dir(cedr))
