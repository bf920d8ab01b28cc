"""A run as one self-contained HTML page: an interactive Gantt chart and the tables.

The page is the template `report_template.html` with two holes: the tables, and the data. The data is JSON: names, and
columns of numbers as the shortest unsigned integers that hold them (differences where that is shorter), deflated, in
base64. The page asks nothing of the network, and its own policy forbids it to.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.result import EmulationResult, Segments
from cedr.runtime.trace import call_shape
from cedr.target.files import write_atomically

TEMPLATE: Final = "report_template.html"
MAX_TASKS: Final = 1_000_000
"""The chart holds runs of up to so many tasks (and segments of cores and ports); of more the page has the tables."""

_TYPES: Final = {"Uint8": np.uint8, "Uint16": np.uint16, "Uint32": np.uint32, "Float64": np.float64}
_SAMPLE: Final = 1 << 16
_EXACT: Final = 2**53
"""JavaScript's numbers are integers up to here."""


@dataclass(frozen=True)
class Table:
    """A table of texts; all columns but those named in `words`, by default the first, hold figures."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: tuple[str, ...] | None = None

    def is_words(self, place: int) -> bool:
        """Whether a column holds words."""
        return self.headings[place] in self.words if self.words is not None else place == 0


def encode_column(values: NDArray[Any]) -> dict[str, object]:
    """Integers below 2^53 as {type, base, differences, data}.

    `data` is base64 of a deflated little-endian typed array, of the values, or with `differences` of the steps from
    value to value, each less `base`. Raises ValueError beyond 2^53.
    """
    whole = values.astype(np.int64)
    if len(whole) and max(abs(int(whole.min())), abs(int(whole.max()))) > _EXACT:
        raise ValueError(f"a column of the report reaches {_EXACT}, where JavaScript's numbers end")
    forms = [_packed(whole, differences) for differences in (False, True)]
    raw, kind, base, differences = min(forms, key=lambda form: _deflated(form[0]))
    data = base64.b64encode(zlib.compress(raw, 6)).decode()
    return {"type": kind, "base": base, "differences": differences, "data": data}


def _deflated(raw: bytes) -> float:
    """About how long the bytes are when deflated, by their beginning."""
    sample = raw[:_SAMPLE]
    return len(zlib.compress(sample, 1)) * len(raw) / max(1, len(sample))


def _packed(whole: NDArray[np.int64], differences: bool) -> tuple[bytes, str, int, bool]:
    """A column's bytes, their type, what each number is less than its own by, and whether they are steps."""
    numbers = np.diff(whole, prepend=0) if differences else whole
    base = int(numbers.min()) if len(numbers) else 0
    span = int(numbers.max()) - base if len(numbers) else 0
    kind = next((name for name, bits in (("Uint8", 8), ("Uint16", 16), ("Uint32", 32)) if span < 1 << bits), "Float64")
    return (numbers - base).astype(np.dtype(_TYPES[kind]).newbyteorder("<")).tobytes(), kind, base, differences


def chart_data(result: EmulationResult) -> dict[str, Any]:
    """What the page's script reads: names, and the columns of tasks, instances and segments.

    Tasks lie sorted by PE, then start, as they are drawn; `from` holds the first row of each PE and the end, `failed` the
    rows of failed attempts.
    """
    segments = [part for part in (result.core_segments, result.port_segments) if part is not None]
    count = len(result) + sum(len(part) for part in segments)
    begin, end = result.picture_ns
    data: dict[str, Any] = {
        "pes": list(result.pes),
        "apps": list(result.app_names),
        "classes": [
            {
                "api": call.api,
                "label": call.label,
                "layer": call.layer or call.api,
                "dtype": call.dtype,
                "shape": call_shape(call),
            }
            for call in result.classes
        ],
        "count": count,
        "most": MAX_TASKS,
        "begin": begin,
        "end": end,
        "warmup": result.warmup_ns,
        "utilisation": result.utilisation.tolist(),
    }
    if count > MAX_TASKS:
        return data
    order = np.lexsort((result.start_ns, result.pe))
    data["from"] = np.searchsorted(result.pe[order], np.arange(len(result.pes) + 1)).tolist()
    data["failed"] = np.flatnonzero(~result.succeeded[order]).tolist()
    start = result.start_ns[order]
    data["tasks"] = {
        "start": encode_column(start),
        "duration": encode_column(result.end_ns[order] - start),
        "wait": encode_column(start - result.ready_ns[order]),
        "class": encode_column(result.task_class[order]),
        "instance": encode_column(result.instance[order]),
        "task": encode_column(result.task[order]),
    }
    data["instances"] = {
        "app": encode_column(result.instance_app),
        "arrival": encode_column(result.arrivals_ns),
        "end": encode_column(result.ends_ns),
    }
    data["lanes"] = [
        _lanes(title, part)
        for title, part in (("cores", result.core_segments), ("DMA ports", result.port_segments))
        if part is not None
    ]
    return data


def _lanes(title: str, segments: Segments) -> dict[str, Any]:
    order = np.lexsort((segments.start_ns, segments.lane))
    start = segments.start_ns[order]
    return {
        "title": title,
        "names": list(segments.lanes),
        "owners": list(segments.owners),
        "kinds": list(segments.kinds),
        "from": np.searchsorted(segments.lane[order], np.arange(len(segments.lanes) + 1)).tolist(),
        "start": encode_column(start),
        "duration": encode_column(segments.end_ns[order] - start),
        "owner": encode_column(segments.owner[order]),
        "kind": encode_column(segments.kind[order]),
    }


def write_html_report(
    result: EmulationResult,
    path: str | os.PathLike[str],
    title: str,
    figures: Sequence[tuple[str, str]],
    tables: Sequence[Table],
) -> None:
    """Write the page, whole or not at all; one run gives the same bytes.

    figures: names and values of the whole run, below what it was made on and under; tables: below the chart, in this order.
    """
    template = resources.files(__package__).joinpath(TEMPLATE).read_text("utf-8")
    heading, setting = title or "A run", "" if result.setting is None else result.setting.text
    holes = {
        "@PAGE@": html.escape(f"{heading} on {setting}" if setting else heading),
        "@TITLE@": html.escape(heading),
        "@SETTING@": html.escape(setting),
        "@FIGURES@": "".join(
            f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in figures
        ),
        "@TABLES@": "".join(_table(table) for table in tables),
        "@DATA@": _script_json(chart_data(result)),
    }
    with write_atomically(path) as stream:
        for part in re.split(f"({'|'.join(holes)})", template):
            stream.write(holes.get(part, part).encode("utf-8", "backslashreplace"))


def _script_json(data: object) -> str:
    """JSON that can't end the script it stands in: no `<`, `>` or `&` in it, and no half of a surrogate pair."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    text = re.sub("[\ud800-\udfff]", lambda half: f"\\\\u{ord(half[0]):x}", text)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _table(table: Table) -> str:
    kinds = ["" if table.is_words(place) else ' class="n"' for place in range(len(table.headings))]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(heading)}</th>'
        for kind, heading in zip(kinds, table.headings, strict=True)
    )
    rows = []
    for row in table.rows:
        first, *rest = zip(kinds, row, strict=True)
        cells = "".join(f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in rest)
        rows.append(f'<tr><th scope="row"{first[0]}>{html.escape(first[1])}</th>{cells}</tr>\n')
    caption = html.escape(table.title)
    return (
        f'<div class="table"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
    )
