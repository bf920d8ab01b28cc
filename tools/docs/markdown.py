"""The little Markdown that the generated pages are made of."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells may hold code and `|`. An empty text if there are no rows."""
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    head = ["| " + " | ".join(columns) + " |", "|" + "--|" * len(columns)]
    return "\n".join([*head, *(re.sub(r"  +\|", " |", line) for line in lines)])


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")


def code(text: str) -> str:
    """`text` as code, or nothing."""
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def docstring(documented: object, language: str = "mlir") -> str:
    """The docstring of a class or module as Markdown: fences without a language are `language`.

    Raises ValueError if there is none: a page with a hole in it is no page.
    """
    text = inspect.cleandoc(getattr(documented, "__doc__", None) or "")
    if not text:
        raise ValueError(f"{documented} has no docstring")
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            lines.append(f"```{language}" if not inside and line == "```" else line)
            inside = not inside
        else:
            lines.append(line)
    return "\n".join(lines)


def page(title: str, source: str, *parts: str) -> str:
    """A generated page: its title, a comment that says what makes it, and its parts that are not empty."""
    head = f"# {title}\n\n<!-- Made from {source} by `make docs`; change it there. -->"
    return "\n\n".join([head, *(part.strip("\n") for part in parts if part)]) + "\n"
