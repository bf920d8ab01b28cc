"""What gets installed: every package and data file, and a runtime that needs neither torch nor xDSL."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from cedr.tools.docs.blocks import fences

ROOT = Path(__file__).parent.parent
ROOMS = ("backend", "dialects", "frontend", "passes", "runtime", "target", "tools")
DATA = {".c", ".h", ".toml", ".safetensors", ".npz"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tracked(*folders: str) -> list[str]:
    """The repository's files in some folders, as git has them; where there is no git, as the disk has them."""
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts]


def build(directory: Path, kind: str, source: Path = ROOT) -> Path:
    """Build a wheel or an sdist, without the network: with this environment's setuptools, from a copy of the sources."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(directory)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that building leaves nothing in the tree."""
    import shutil

    copy = tmp_path_factory.mktemp("checkout")
    for name in tracked("cedr", *ROOMS, "pyproject.toml", "README.md", "LICENSE"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    for room in ROOMS:
        (copy / "cedr" / room).symlink_to(f"../{room}")
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), "wheel", checkout)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_module_and_data_file(wheel: Path) -> None:
    wanted = {f"cedr/{name}" for name in tracked(*ROOMS) if Path(name).suffix in {".py", *DATA}}
    wanted |= {name for name in tracked("cedr") if name.endswith(".py")} | {"cedr/py.typed"}
    assert wanted - names(wheel) == set()
    assert {name for name in names(wheel) if not name.startswith("cedr/")} == set()


def test_the_sdist_builds_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    archive = build(tmp_path, "sdist", checkout)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(tmp_path)], check=True)
    again = build(tmp_path, "wheel", tmp_path / archive.name.removesuffix(".tar.gz"))
    assert names(again) == names(wheel)


def test_the_plug_in_of_the_page_is_listed_where_it_is_installed(tmp_path: Path) -> None:
    """docs/schedulers.md: `pip install ./plug_in`, of the two files that it shows."""
    page = (ROOT / "docs" / "schedulers.md").read_text("utf-8")
    files = {fence.file: fence.text for fence in fences(page, "schedulers.md") if fence.file}
    assert set(files) == {"plug_in/shortest_queue.py", "plug_in/pyproject.toml"}
    (tmp_path / "plug_in").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    with zipfile.ZipFile(build(tmp_path, "wheel", tmp_path / "plug_in")) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "cedr.tools.cli", "schedulers", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])},
        capture_output=True,
        text=True,
        check=True,
    )
    *ours, plug_in = json.loads(done.stdout)["schedulers"]
    about = "the PE with the fewest tasks in its queue"
    assert plug_in == {"name": "SHORTEST_QUEUE", "aliases": [], "about": about} and len(ours) > 10


def test_the_links_of_the_package_are_relative_and_there_is_one_for_each_room() -> None:
    links = {path.name: path.readlink().as_posix() for path in (ROOT / "cedr").iterdir() if path.is_symlink()}
    assert links == {room: f"../{room}" for room in ROOMS}


def requirements() -> dict[str, str]:
    """Name -> specifier, of requirements-runtime.txt."""
    lines = (ROOT / "requirements-runtime.txt").read_text().splitlines()
    return dict(re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in lines if line and line[0] != "#")  # type: ignore[union-attr, misc]  # each is


def test_the_runtime_s_requirements_are_the_project_s_and_hold_neither_torch_nor_xdsl() -> None:
    project = dict(re.fullmatch(r"([\w-]+)(.*)", text).groups() for text in PROJECT["dependencies"])  # type: ignore[union-attr, misc]  # each is
    assert requirements().items() <= project.items()
    assert requirements().keys() & {"torch", "xdsl"} == set()


def test_the_runtime_imports_what_its_requirements_name() -> None:
    imported: set[str] = set()
    for name in tracked("runtime", "target"):
        if name.endswith(".py"):
            for node in ast.walk(ast.parse((ROOT / name).read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    imported.add((node.module or "").split(".")[0])
    assert imported - set(sys.stdlib_module_names) - {"cedr"} <= requirements().keys()


def test_the_constraints_pin_every_dependency_and_name_no_place() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["test"], *extras["bench"], *extras["compiler"]]
    for text in wanted:
        name = re.split(r"[<>=]", text)[0]
        assert name in pins, name
    assert pins["torch"] == "2.13.0"
    assert pins["xdsl"].startswith("0.74.")


def test_the_commands_and_the_universe_are_there() -> None:
    assert PROJECT["scripts"] == {"cedr": "cedr.tools.cli:main", "cedr-opt": "cedr.tools.opt:main"}
    for place in [*PROJECT["scripts"].values(), *PROJECT["entry-points"]["xdsl.universe"].values()]:
        module, _, name = place.partition(":")
        code = f"import {module} as m; assert m.{name} is not None"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_without_torch_and_xdsl_the_package_says_what_it_lacks() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['xdsl'] = None\n"
        "import cedr, cedr.runtime.emulator, cedr.runtime.module, cedr.target.platform\n"
        "try:\n    cedr.compile\nexcept cedr.CedrError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"cedr.compile needs (torch|xdsl), which is not installed; .*\n", done.stdout), done.stdout
