"""The HTML report: its data is the run, nothing breaks out of it, it needs no network; and a browser draws it."""

from __future__ import annotations

import base64
import html.parser
import json
import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.runtime import html_report
from cedr.runtime.fault import FaultReport
from cedr.runtime.html_report import chart_data, encode_column
from cedr.runtime.report import application_table, call_table, pe_table, summary, write_out
from cedr.runtime.result import EmulationResult, Setting
from cedr.target.api import CallClass
from cedr.target.files import OutputError
from tests.runtime.runs import empty_run, hand_made, random_run, with_a_failure, with_segments


def decode_column(column: dict[str, Any]) -> Any:
    """int64: what the page's script makes of a column."""
    kind = {"Uint8": "<u1", "Uint16": "<u2", "Uint32": "<u4", "Float64": "<f8"}[column["type"]]
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(column["data"])), kind).astype(np.int64) + column["base"]
    return np.cumsum(numbers) if column["differences"] else numbers


EVIL = "</script><script>document.title='broken'</script><!-- & \" '"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def write(result: EmulationResult, path: Path, title: str = "a run") -> str:
    tables = (pe_table(result), application_table(result), call_table(result))
    html_report.write_html_report(result, path, title, summary(result), tables)
    return path.read_text("utf-8")


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


class Reader(html.parser.HTMLParser):
    """The elements of a page, its scripts, and what its tables say."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th", "dd", "h1"):
            self._open.append(tag)
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.cells[-1] += data


def evil_run() -> EmulationResult:
    made = hand_made()
    classes = tuple(CallClass(c.api, c.dtype, c.dims, c.attributes, EVIL) for c in made.classes)
    return replace(made, app_names=(EVIL, "\ud800 lone @DATA@ @TITLE@"), classes=classes, pes=(EVIL, "cpu2", "fft1"))


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0],
        [5, 5, 5],
        [-1, 3000, -1],
        [0, 255],
        [0, 256],
        [70_000, 3],
        [0, 2**32],
        [2**53, 0, -(2**53)],
        list(range(10**12, 10**12 + 10**7, 1234)),
    ],
)
def test_columns_come_back(values: list[int]) -> None:
    column = json.loads(json.dumps(encode_column(np.array(values, np.int64))))
    assert decode_column(column).tolist() == values


def test_columns_are_short() -> None:
    assert encode_column(np.arange(10**12, 10**12 + 1000))["type"] == "Float64"
    steady = encode_column(np.arange(0, 5_000_000, 50))
    assert steady["differences"] and len(str(steady["data"])) < 400


def test_what_javascript_cannot_count_is_refused() -> None:
    with pytest.raises(ValueError, match="a column of the report reaches 9007199254740992"):
        encode_column(np.array([2**53 + 1]))


def test_the_page_holds_the_run(tmp_path: Path) -> None:
    result = random_run(5000)
    data = embedded(write(result, tmp_path / "r.html"))
    order = np.lexsort((result.start_ns, result.pe))
    tasks = {name: decode_column(column) for name, column in data["tasks"].items()}
    assert tasks["start"].tolist() == result.start_ns[order].tolist()
    assert (tasks["start"] + tasks["duration"]).tolist() == result.end_ns[order].tolist()
    assert (tasks["start"] - tasks["wait"]).tolist() == result.ready_ns[order].tolist()
    assert tasks["class"].tolist() == result.task_class[order].tolist()
    assert tasks["task"].tolist() == result.task[order].tolist()
    pe = np.repeat(np.arange(len(result.pes)), np.diff(data["from"]))
    assert pe.tolist() == result.pe[order].tolist()
    assert data["classes"][1] == {
        "api": "zip",
        "label": "l0_conv:1",
        "layer": "l0_conv",
        "dtype": "f32",
        "shape": "n=64 kind=add",
    }


def test_failed_attempts_and_faults(tmp_path: Path) -> None:
    text = "cpu2: error of zip <b>"
    report = FaultReport("error", 4500, 0, "cpu2", "radar", 2, 0, "failed", text)
    result = replace(with_a_failure(hand_made()), faults=(report,))
    *_, page = write_out(result, tmp_path)
    assert embedded(page.read_text())["failed"] == [2]  # sorted by PE: behind the two of cpu1
    cells = Reader(page.read_text()).cells
    assert cells[cells.index("what") :] == ["what", "4.500 us", text]


def test_instances_cores_and_ports(tmp_path: Path) -> None:
    result = with_segments(replace(hand_made(), ends_ns=np.array([3000, 3001, -1], np.int64)))
    data = embedded(write(result, tmp_path / "r.html"))
    instances = {name: decode_column(column).tolist() for name, column in data["instances"].items()}
    assert instances == {"app": [0, 0, 1], "arrival": [0, 1000, 2000], "end": [3000, 3001, -1]}
    cores, ports = data["lanes"]
    assert (cores["title"], cores["names"], cores["from"]) == ("cores", ["core0", "core1"], [0, 1, 3])
    assert decode_column(cores["owner"]).tolist() == [0, 1, 2] and ports["kinds"] == ["in", "out"]


def test_names_do_not_break_out(tmp_path: Path) -> None:
    page = write(evil_run(), tmp_path / "r.html", EVIL)
    reader = Reader(page)
    assert [attributes.get("type") for tag, attributes in reader.tags if tag == "script"] == ["application/json", None]
    data = embedded(page)
    assert data["pes"][0] == EVIL and data["classes"][0]["label"] == EVIL
    assert reader.cells.count(EVIL) == 3  # title, PE, application
    assert data["apps"][1] == r"\ud800 lone @DATA@ @TITLE@"  # a name like a hole's is not one


def test_the_tables_are_in_the_page_without_a_script(tmp_path: Path) -> None:
    cells = Reader(write(hand_made(), tmp_path / "r.html")).cells
    row = cells.index("radar")
    assert cells[row : row + 8] == ["radar", "2", "2", "4", "3.002 us", "2.501 us", "2.501 us", "3.000 us"]
    row = cells.index("cpu1")
    assert cells[row : row + 5] == ["cpu1", "2", "1.501 us", "30.0 %", "fft 67%, zip 33%"]


def test_nothing_comes_from_elsewhere_and_the_bytes_repeat(tmp_path: Path) -> None:
    page = write(random_run(300), tmp_path / "a.html")
    assert page == write(random_run(300), tmp_path / "b.html")
    assert "default-src 'none'" in unescape(page)
    assert not re.search(r"https?:|src=|@import|url\(|href=", page)
    assert not re.search(r"@[A-Z]+@", page)


def test_a_run_beyond_the_chart_has_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_report, "MAX_TASKS", 299)
    page = write(random_run(300), tmp_path / "r.html")
    data = embedded(page)
    assert (data["count"], data["most"]) == (300, 299) and "tasks" not in data
    assert "cpu1" in Reader(page).cells


def test_an_empty_run(tmp_path: Path) -> None:
    data = chart_data(empty_run())
    assert data["count"] == 0 and data["from"] == [0, 0, 0, 0]
    write(empty_run(), tmp_path / "r.html")


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OutputError, match=r"out/r\.html: can't be written"):
        write(hand_made(), tmp_path / "out" / "r.html")


# In a browser.

FRAMES = "<script>window.requestAnimationFrame = (draw) => setTimeout(draw, 0);</script></head>"
"""A page that is not shown has no frames of its own."""
PROBE = """<script>
const errors = [];
window.addEventListener("error", (event) => errors.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
const probe = setInterval(() => {
  if (!document.documentElement.dataset.ready && !errors.length && document.getElementById("message").hidden) return;
  clearInterval(probe);
  const canvas = document.getElementById("chart"), said = {}, range = () => document.getElementById("range").textContent;
  const later = () => new Promise((done) => setTimeout(done, 30));
  const key = (name) => canvas.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
  const ink = () => {
    const pixels = canvas.getContext("2d").getImageData(160, 60, canvas.width - 160, 20).data;
    const colours = new Set();
    for (let i = 0; i < pixels.length; i += 4) colours.add(pixels.slice(i, i + 3).join());
    return colours.size;
  };
  (async () => {
    await later(); said.whole = range(); said.colours = ink();
    key("ArrowDown"); key("n"); await later(); said.first = document.getElementById("detail").textContent;
    key("n"); key("Enter"); await later(); said.near = range();
    key("0"); await later(); said.again = range();
    const box = canvas.getBoundingClientRect(), at = {clientX: box.left + 150, clientY: box.top + 60, bubbles: true};
    canvas.dispatchEvent(new WheelEvent("wheel", {...at, deltaY: -1000, cancelable: true})); await later();
    said.wheel = range();
    canvas.dispatchEvent(new PointerEvent("pointermove", at));
    said.tip = document.getElementById("tip").textContent;
    for (const name of ["app", "layer", "api"]) {
      document.getElementById("by").value = name;
      document.getElementById("by").dispatchEvent(new Event("change")); await later();
      said[name] = document.getElementById("legend").textContent;
    }
    key("0"); document.getElementById("instance").value = "12345";
    document.getElementById("instance").dispatchEvent(new Event("input")); await later(); said.muted = ink();
  })().catch((error) => errors.push(String(error))).finally(() => {
    said.errors = errors; said.message = document.getElementById("message").textContent; said.title = document.title;
    const out = document.createElement("pre"); out.id = "said"; out.textContent = JSON.stringify(said);
    document.body.append(out);
  });
}, 20);
</script></body>"""


def browse(page: str, folder: Path) -> dict[str, Any]:
    """What the page says of itself when it is used by keys and by mouse."""
    assert CHROMIUM is not None
    path = folder / "probed.html"
    path.write_text(page.replace("</head>", FRAMES, 1).replace("</body>", PROBE), "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--window-size=1200,900"]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, "the page did not come to its end"
    said: dict[str, Any] = json.loads(unescape(found[1]))
    assert said["errors"] == []
    return said


needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


@needs_browser
def test_a_browser_draws_zooms_and_tells(tmp_path: Path) -> None:
    result = random_run(2000)
    said = browse(write(result, tmp_path / "r.html"), tmp_path)
    end = f"{int(result.end_ns.max()) / 1e3:,.3f}".rstrip("0").rstrip(".") + " us"
    assert said["whole"] == said["again"] == f"0 ns to {end} after the first arrival, {end} wide"
    first = int(np.flatnonzero(result.pe == 0)[0])
    call = result.classes[int(result.task_class[first])]
    assert said["first"].startswith(f"cpu1: {call.label}; call {call.api} f32 ")
    assert f"task {first}; start {result.start_ns[first]:,} ns; end {result.end_ns[first]:,} ns;" in said["first"]
    second = int(np.flatnonzero(result.pe == 0)[1])
    length = 5 * int(result.end_ns[second] - result.start_ns[second])
    assert said["near"].endswith((f" {length / 1e3:,.3f}".rstrip("0").rstrip(".") + " us wide", f" {length} ns wide"))
    assert said["wheel"] != said["whole"] and "applicationnet, instance 0" in said["tip"]
    assert said["app"] == "net" and set(re.findall("conv2d|zip", said["api"])) == {"conv2d", "zip"}
    assert sorted(re.findall("l[0-9]_conv", said["layer"])) == ["l0_conv", "l1_conv", "l2_conv"]
    assert said["colours"] > said["muted"] > 1


@needs_browser
def test_a_browser_tells_failed_attempts(tmp_path: Path) -> None:
    result = random_run(2000)
    first = replace(result, failed=np.arange(2000) == np.flatnonzero(result.pe == 0)[0])
    said = browse(write(first, tmp_path / "r.html"), tmp_path)
    call = result.classes[int(result.task_class[first.failed][0])]
    assert said["first"].startswith(f"cpu1: {call.label} (failed); call {call.api} f32 ")
    assert said["app"] == "netfailed attempt"


@needs_browser
def test_a_browser_draws_where_the_warm_up_is_over(tmp_path: Path) -> None:
    """The line crosses the row that `ink` looks at, in a colour that there is not else."""
    setting = Setting("zcu102", "C2+F1", "EFT", "linux-cfs", 3, ("yield",))
    warm = replace(hand_made(), warmup_ns=500, setting=setting)
    said = browse(write(warm, tmp_path / "r.html"), tmp_path)
    assert said["layer"].endswith("the warm-up is over")
    assert said["title"] == "a run on zcu102 C2+F1, EFT, linux-cfs without yield, seed 3"
    whole = browse(write(hand_made(), tmp_path / "w.html"), tmp_path)
    assert "warm-up" not in whole["layer"] and said["colours"] > whole["colours"]


@needs_browser
@pytest.mark.parametrize("which", ["evil", "empty", "segments", "beyond"])
def test_a_browser_opens_odd_pages(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"evil": evil_run(), "empty": empty_run(), "segments": with_segments(hand_made()), "beyond": random_run(300)}
    if which == "beyond":
        monkeypatch.setattr(html_report, "MAX_TASKS", 299)
    said = browse(write(run[which], tmp_path / "r.html", EVIL), tmp_path)
    assert said["title"] == EVIL
    if which == "beyond":
        assert "up to 299 tasks and segments; this one has 300" in said["message"]
    else:
        assert said["message"] == ""
