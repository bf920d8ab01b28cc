"""What commands print for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from cedr.tools.coverage import Coverage
    from cedr.tools.driver import RunResult


def print_rows(rows: list[dict[str, Any]]) -> None:
    """A table with one column per key."""
    table = Table(box=None, pad_edge=False)
    for key in rows[0] if rows else ():
        table.add_column(key.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console().print(table)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return "x".join(map(str, value)) if all(isinstance(v, int) for v in value) else ", ".join(map(str, value))
    return str(value)


def print_coverage(coverage: Coverage) -> None:
    """The ops as a table, then a line for each that is not supported: where and why."""
    print_rows(
        [
            {"op": row.op, "count": row.count, "supported": "yes" if row.supported else "no", "pes": " ".join(row.pes)}
            for row in coverage.ops
        ]
    )
    for row in coverage.ops:
        if not row.supported:
            where = ", ".join(row.locations)
            print(f"{where}{': ' if where else ''}{row.op} (x{row.count}): {row.reason}")
    state = "every op is supported" if coverage.supported else "not supported as a whole"
    print(f"{coverage.model}: {state}")


def print_run(result: RunResult) -> None:
    """Parity, latency, and the table of PEs."""
    figures = result.figures
    console = Console()
    compiled = f" ({figures['pipeline']}, {figures['emit']})" if figures["emit"] is not None else ""
    console.print(
        f"{figures['model']}{compiled} on {figures['platform']} {figures['hw']}, "
        f"{figures['scheduler']}, {figures['os_model']}",
        highlight=False,
    )
    if figures["max_rel_error"] is not None:
        decision = {True: "same decision", False: "another decision", None: ""}[figures["decision_match"]]
        console.print(
            f"against PyTorch: largest relative error {figures['max_rel_error']:.2e}"
            + (f", {decision}" if decision else ""),
            highlight=False,
        )
    if figures["energy_j"] is not None:
        console.print(f"energy    {figures['energy_j']:.4g} J", highlight=False)
    from cedr.runtime.report import print_report

    print_report(result.emulation, console)
