"""Every command line and every Python block of README.md and docs/*.md runs, and prints what the page shows."""

from pathlib import Path

import pytest

from cedr.frontend.aten import registry
from cedr.tools.docs.blocks import (
    COVERED,
    DocumentError,
    Session,
    commands,
    fences,
    refreshed,
    run_page,
    shown_output,
    steady,
)
from cedr.tools.docs.pages import PAGES, hand_written

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*hand_written(ROOT), *(ROOT / name for name in PAGES)]
SHOWN = {"console", "text", "mlir", "c", "cpp", "csv"}
LANGUAGES = {"sh", "python", "toml", *SHOWN}


def run(path: Path, slow: bool) -> None:
    with Session(ROOT) as session:
        for fence, output in run_page(path.read_text("utf-8"), path.name, session, slow):
            assert steady(output) == steady(fence.text), (
                f"{path.name}:{fence.first + 1} shows what was; run `make docs`"
            )


@pytest.fixture(autouse=True)
def own_converters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may enter a converter: it goes with the page."""
    monkeypatch.setattr(registry, "_CONVERTERS", dict(registry._CONVERTERS))


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_a_page_does_what_it_says(path: Path) -> None:
    run(path, slow=False)


def slow_pages() -> list[Path]:
    return [p for p in DOCUMENTS if any("slow" in f.words for f in fences(p.read_text("utf-8"), p.name))]


@pytest.mark.slow
@pytest.mark.parametrize("path", slow_pages(), ids=[path.name for path in slow_pages()])
def test_a_page_does_what_it_says_slow_parts_too(path: Path) -> None:
    run(path, slow=True)


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_no_command_hides(path: Path) -> None:
    """Commands stand in `sh` fences: none in an indented block, none in a fence of another language."""
    text = path.read_text("utf-8")
    page = fences(text, path.name)
    outputs = {
        shown.first
        for position, fence in enumerate(page)
        if fence.is_run and (shown := shown_output(page, text.splitlines(), position))
    }
    inside = {i for fence in page for i in range(fence.first, fence.last + 1)}
    for fence in page:
        assert fence.language in LANGUAGES, f"{path.name}:{fence.first + 1}: {fence.language}"
        assert set(fence.words) <= {"slow", "fails"} or fence.file, f"{path.name}:{fence.first + 1}"
        if not fence.is_run and fence.first not in outputs:
            assert not fence.text.lstrip().startswith(("$ ", "cedr ", "python ")), f"{path.name}:{fence.first + 1}"
    for index, line in enumerate(text.splitlines()):
        assert index in inside or not line.startswith("    "), f"{path.name}:{index + 1}: an indented block"


def test_what_stands_for_a_command_is_used_and_is_there() -> None:
    used = {
        command
        for path in DOCUMENTS
        for fence in fences(path.read_text("utf-8"), path.name)
        if fence.language == "sh"
        for _, command in commands(fence)
    }
    assert {"make demo", "make test", "pip install ."} <= used
    assert all((ROOT / name).is_file() for name in COVERED.values())


# The runner itself.


def page(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def ran(text: str, slow: bool = False) -> list[tuple[str, str]]:
    with Session(ROOT) as session:
        return [(fence.text, output) for fence, output in run_page(text, "page.md", session, slow)]


def test_commands_share_a_folder_and_their_last_output_is_shown() -> None:
    text = page("```sh", "echo one > f  # to a file", "cat f \\", "  f", "```", "", "```console", "old", "```")
    assert ran(text) == [("old", "one\none")]
    with Session(ROOT) as session:
        assert refreshed(text, "page.md", session).splitlines()[6:9] == ["```console", "one", "one"]


def test_python_blocks_share_a_namespace_and_files_are_written() -> None:
    text = page(
        *("```toml file=a/b.toml", "x = 1", "```", "```python", "import tomllib", "```"),
        *("```python", "print(tomllib.load(open('a/b.toml', 'rb')))", "```", "```text", "```"),
    )
    assert ran(text) == [("", "{'x': 1}")]


def test_cedr_is_this_checkout_s_in_process_and_in_a_shell() -> None:
    text = page(
        "```sh",
        "cedr schedulers --json",
        "```",
        "```text",
        "```",
        "```sh",
        "cedr schedulers --json | cat",
        "```",
        "```text",
        "```",
    )
    (_, plain), (_, piped) = ran(text)
    assert plain == piped
    assert "HEFT_RT" in plain


def test_slow_blocks_are_left_out_unless_asked_for() -> None:
    text = page("```sh slow", "echo slow", "```", "```text", "```")
    assert ran(text) == []
    assert ran(text, slow=True) == [("", "slow")]


def test_a_command_that_fails_is_named_with_its_line() -> None:
    with pytest.raises(
        DocumentError, match=r"page\.md:3: exit status 1, not 0, of: cedr run nothing(.|\n)*no model 'nothing'"
    ):
        ran(page("```sh", "true", "cedr run nothing", "```"))
    with pytest.raises(DocumentError, match=r"page\.md:2: exit status 1, not 0, of: false \| cat"):
        ran(page("```sh", "false | cat", "```"))


def test_a_block_of_refusals_shows_stderr_and_must_fail() -> None:
    text = page("```sh fails", "cedr run nothing", "```", "```console", "```")
    ((_, message),) = ran(text)
    assert message.startswith("cedr run: no model 'nothing'")
    with pytest.raises(DocumentError, match="exit status 0, not 1"):
        ran(page("```sh fails", "cedr schedulers", "```"))


def test_python_that_fails_is_named_with_its_line() -> None:
    with pytest.raises(DocumentError, match=r"page\.md:1: ZeroDivisionError"):
        ran(page("```python", "1 / 0", "```"))


def test_a_fence_without_a_language_or_an_end_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"page\.md:1: a fence without a language"):
        fences("```\nx\n```\n", "page.md")
    with pytest.raises(DocumentError, match=r"page\.md:2: a fence that is not closed"):
        fences("text\n```sh\ntrue\n", "page.md")


def test_a_make_target_must_exist() -> None:
    with Session(ROOT) as session:
        assert session.command("make test", "page.md:1")[0] == 0
    with pytest.raises(DocumentError, match=r"exit status 2, not 0, of: make nothing"):
        ran(page("```sh", "make nothing", "```"))


def test_seconds_and_rounding_errors_are_not_compared() -> None:
    assert steady("compiled in 0.25 s, error 1.06e-07") == steady("compiled in 1.50 s, error 3e-08")
    assert steady("makespan 3.4 ms") != steady("makespan 3.5 ms")
    assert steady("makespan 18.971 s") != steady("makespan 18.970 s")
