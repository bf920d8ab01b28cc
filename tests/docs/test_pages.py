"""The generated pages are what the generator gives, and say what the commands do."""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from cedr.tools.cli import main as cedr
from cedr.tools.docs import __main__ as generator
from cedr.tools.docs.commands import commands_page
from cedr.tools.docs.keys import ENVIRONMENT, JSON_KEYS
from cedr.tools.docs.markdown import docstring, table
from cedr.tools.docs.pages import PAGES, hand_written
from cedr.tools.docs.platform import KEYS, platform_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_generator_gives(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == PAGES[name](), f"{name} is old; run `make docs`"


def test_every_page_is_generated_or_run() -> None:
    pages = {*(ROOT / "docs").glob("*.md"), ROOT / "README.md"}
    assert {*(ROOT / name for name in PAGES), *hand_written(ROOT)} == pages


@pytest.mark.parametrize(
    "name",
    [
        *PAGES,
        "README.md",
        "docs/applications.md",
        "docs/architecture.md",
        "docs/record.md",
        "docs/scenarios.md",
        "docs/sweeps.md",
        "docs/state.md",
        "docs/torch_compile.md",
        "docs/values.md",
        "CONTRIBUTING.md",
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if not target.startswith("https://"):
            assert (path.parent / target.partition("#")[0]).exists(), f"{name}: {target}"


COMMANDS: dict[str, Sequence[str]] = {
    "compile": ("compile", "examples/tiny.py:tiny", "--emit", "python", "-o", "{folder}/tiny"),
    "run": ("run", "examples/tiny.py:tiny", "--emit", "python"),
    "coverage": ("coverage", "examples/tiny.py:tiny"),
    "emulate": ("emulate", "examples/scenarios/daemon_config.json", "--app", "examples/tiny.py:tiny:2:50"),
    "sweep": ("sweep", "{folder}/sweep.toml", "-o", "{folder}/out", "--jobs", "1"),
    "plot": ("plot", "{folder}/run", "-o", "{folder}"),
    "cc": ("cc", "examples/applications/radar_correlator/radar_correlator.c", "-o", "{folder}/app"),
    "record": (
        *("record", "examples/applications/wifi_tx/wifi_tx.c", "-o", "{folder}/wifi_tx.cedrrec"),
        *("--cwd", "{folder}"),
    ),
    "models": ("models",),
    "platforms": ("platforms",),
    "platforms validate": ("platforms", "validate", str(ROOT / "target/platforms/zcu102.toml")),
    "schedulers": ("schedulers",),
}


@pytest.mark.parametrize("name", JSON_KEYS)
def test_json_keys_are_those_that_the_command_prints(
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(ROOT)
    model = f"{ROOT / 'examples/tiny.py'}:tiny"
    (tmp_path / "sweep.toml").write_text(f'[[workload]]\n[[workload.application]]\nmodel = "{model}"\n')
    if name == "plot":
        assert cedr(["run", model, "--no-values", "--out", str(tmp_path / "run")]) == 0
        capsys.readouterr()
    if name == "evaluate":
        command: Sequence[str] = ("evaluate", "vgg_digits")
    else:
        command = [word.format(folder=tmp_path) for word in COMMANDS[name]]
    assert cedr([*command, "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(JSON_KEYS[name])


def test_environment_variables_are_those_that_the_code_reads() -> None:
    sources = [
        p for room in ("backend", "runtime", "tools") for p in (ROOT / room).rglob("*") if p.suffix in (".py", ".c")
    ]
    text = "\n".join(p.read_text("utf-8") for p in sources if "docs" not in p.parts)
    read = set(re.findall(r"""(?:environ\.get\(|environ\[|getenv\()["'](\w+)["']""", text))
    assert {name for name in read if name.startswith("CEDR_") or name == "CC"} <= set(ENVIRONMENT)
    for name in ENVIRONMENT:
        assert f'"{name}"' in text, name


def test_every_option_of_every_command_is_in_the_page() -> None:
    page = commands_page()
    for option in ("--save-ir", "--emit c\\|python", "--verify-diagnostics", "--period-us T"):
        assert option in page


def test_the_keys_of_a_platform_file_are_those_of_its_loader() -> None:
    """What the loader's calls of `root` and `section` name as required and optional keys."""
    loader = ast.parse((ROOT / "target/platform.py").read_text("utf-8"))
    read: set[str] = set()
    for node in ast.walk(loader):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("root", "section")
        ):
            keys = node.args if node.func.attr == "root" else node.args[1:]
            constants = [c.value for key in keys for c in ast.walk(key) if isinstance(c, ast.Constant)]
            read |= {value for value in constants if isinstance(value, str)}
    tables = {"clocks", "memory", "pe", "constants", "call", "phase", "active_w", "idle_w", "host", "measured"}
    assert {key for rows in KEYS.values() for key, _ in rows} == read - tables
    assert all(table in platform_page() for table in tables)


def test_a_cell_holds_no_line_break_and_no_bar() -> None:
    assert table(("a",), [("x |\n y",)]) == "| a |\n|--|\n| x \\| y |"
    assert table(("a",), []) == ""


def test_a_docstring_gets_a_language_or_is_missed() -> None:
    class Documented:
        """What.

        ```
        %0 = op
        ```
        """

    class Bare:
        pass

    assert docstring(Documented) == "What.\n\n```mlir\n%0 = op\n```"
    with pytest.raises(ValueError, match="has no docstring"):
        docstring(Bare)


def test_the_generator_writes_in_a_checkout_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["docs", "--no-run"])
    assert generator.main() == 1
    assert "is no checkout" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "docs").mkdir()
    assert generator.main() == 0
    assert sorted(f"docs/{path.name}" for path in (tmp_path / "docs").iterdir()) == sorted(PAGES)
