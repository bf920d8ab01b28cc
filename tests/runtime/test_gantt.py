"""The Gantt chart: drawn with bars and with pixels, the shares exact, colours few."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cedr.runtime.gantt import (
    MAX_BARS,
    MAX_COLOURS,
    OTHERS,
    GanttError,
    busy_per_pixel,
    colour_groups,
    draw_gantt,
    write_gantt,
)
from tests.runtime.runs import empty_run, hand_made, random_run, with_a_failure

pytest.importorskip("matplotlib")


def test_shares_are_those_of_counting_each_nanosecond() -> None:
    result = random_run(200, 3, seed=4)
    groups = colour_groups(result, "layer")
    end = int(result.end_ns.max())
    pixels = 17
    share = busy_per_pixel(result, groups, 0, end, pixels)
    by_hand = np.zeros_like(share)
    edges = np.arange(pixels + 1) * end / pixels
    for row in range(len(result)):
        inside = np.clip(result.end_ns[row], edges[:-1], edges[1:]) - np.clip(
            result.start_ns[row], edges[:-1], edges[1:]
        )
        by_hand[result.pe[row], :, groups.of_task[row]] += inside * pixels / end
    assert np.allclose(share, by_hand, atol=1e-9)
    assert share.sum(axis=2).max() <= 1 + 1e-9


def test_colours_by_layer_api_and_application() -> None:
    result = hand_made()
    assert colour_groups(result).names == result.app_names
    assert colour_groups(result, "api").names == ("fft", "zip")
    assert colour_groups(result, "api").of_task.tolist() == [0, 0, 1, 1, 1]
    assert colour_groups(result, "layer").names == ("a", "b,c")
    assert colour_groups(random_run(50, 3)).names == ("l0_conv", "l1_conv", "l2_conv")


def test_many_layers_share_a_colour() -> None:
    result = random_run(3000, 40)
    groups = colour_groups(result)
    assert len(groups.names) == MAX_COLOURS + 1 and groups.names[-1] == OTHERS
    busy = np.bincount(groups.of_task, weights=result.end_ns - result.start_ns)
    layer = np.bincount(result.task_class // 2, weights=result.end_ns - result.start_ns)
    assert busy[:-1].min() >= np.sort(layer)[-MAX_COLOURS]
    assert len(colour_groups(random_run(3000, MAX_COLOURS)).names) == MAX_COLOURS


def texts_of(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    return ["".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("n_tasks", [0, 1, 50, MAX_BARS, MAX_BARS + 1, 60_000])
def test_the_picture(n_tasks: int, tmp_path: Path) -> None:
    result = random_run(n_tasks, 5) if n_tasks else empty_run()
    path = tmp_path / "g.svg"
    write_gantt(result, path, title="net <&> on C2+F1")
    texts = texts_of(path)
    for use, name in zip(busy_percent(result), result.pes, strict=True):
        assert f"{name}  {use:3.0f} %" in texts
    assert any(text.startswith(f"net <&> on C2+F1: {n_tasks:,} tasks") for text in texts) and "time in ms" in texts
    if n_tasks >= 50:
        assert {"l0_conv", "l4_conv"} <= set(texts)
    assert path.stat().st_size < 4_000_000
    assert ("busy share" in " ".join(texts)) == (n_tasks > MAX_BARS)


def busy_percent(result: object) -> list[float]:
    from cedr.runtime.report import pe_use

    return [100 * use.utilisation for use in pe_use(result)]  # type: ignore[arg-type]  # a result


def test_bars_stand_where_the_tasks_are() -> None:
    figure = draw_gantt(hand_made(), "api")
    found = set()
    for collection in figure.axes[0].collections:
        for outline in collection.get_paths():
            corners = np.asarray(outline.vertices)
            (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
            found.add((round(left * 1e6), round(right * 1e6), round((bottom + top) / 2)))
    result = hand_made()
    assert found == set(zip(result.start_ns.tolist(), result.end_ns.tolist(), result.pe.tolist(), strict=True))


def test_a_thin_bar_is_not_hidden_by_its_edge() -> None:
    """Of the five tasks only the last, of 1 ns in 5000, is thin."""
    bars = draw_gantt(hand_made(), "application").axes[0].collections
    edges = [np.asarray(bar.get_edgecolor())[:, :3].tolist() for bar in bars]
    white, colour = [1.0, 1.0, 1.0], np.asarray(bars[0].get_facecolor())[0, :3].tolist()
    assert edges == [[white, white, white, colour], [white]] and colour != white


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_names_that_are_no_formulas_are_drawn_as_they_are(kind: str, tmp_path: Path) -> None:
    names = (r"_cost $\frac$ of \$5", "\ud800 one\ntwo")
    write_gantt(replace(hand_made(), app_names=names), tmp_path / f"g.{kind}", title=r"\a $x$ \ud800")
    if kind == "svg":
        texts = texts_of(tmp_path / "g.svg")
        assert {names[0], "_ one_two"} < set(texts)
        assert any(text.startswith(r"\a $x$ \ud800: 5 tasks") for text in texts)


def test_a_dashed_line_stands_where_the_warm_up_is_over(tmp_path: Path) -> None:
    whole = random_run(50)
    assert not draw_gantt(whole).axes[0].lines
    early = replace(whole, arrivals_ns=np.array([3000], np.int64), warmup_ns=2000)  # less than the first arrival
    assert not draw_gantt(early).axes[0].lines
    two = replace(hand_made(), warmup_ns=500)
    (line,) = draw_gantt(two).axes[0].lines
    assert (list(np.asarray(line.get_xdata())), line.get_linestyle()) == ([0.0005, 0.0005], "--")
    write_gantt(two, tmp_path / "g.svg", title="two")
    assert "two: 3 tasks, 0.004 ms behind the warm-up of 0.001 ms" in texts_of(tmp_path / "g.svg")


@pytest.mark.parametrize("n_tasks", [50, MAX_BARS + 500])
def test_failed_attempts_are_hatched_and_in_the_legend(n_tasks: int) -> None:
    result = random_run(n_tasks)
    assert not any(collection.get_hatch() for collection in draw_gantt(result).axes[0].collections)
    figure = draw_gantt(with_a_failure(result))
    (hatched,) = [collection for collection in figure.axes[0].collections if collection.get_hatch()]
    (outline,) = hatched.get_paths()
    (left, bottom), (right, top) = np.asarray(outline.vertices).min(axis=0), np.asarray(outline.vertices).max(axis=0)
    assert (round(left * 1e6), round(right * 1e6)) == (result.start_ns[-2], result.end_ns[-2])
    assert round((bottom + top) / 2) == result.pe[-2]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "failed attempt"
    assert f"{n_tasks - 1:,} tasks" in figure.axes[0].get_title("left")
    assert "1 failed attempt" in figure.axes[0].get_title("left")


def test_pixels_are_coloured_by_the_busiest_and_as_high_as_busy() -> None:
    result = random_run(MAX_BARS + 500, 2, seed=2)
    late = replace(
        result, start_ns=result.start_ns + 10**7, end_ns=result.end_ns + 10**7, ends_ns=result.ends_ns + 10**7
    )
    figure = draw_gantt(late)
    images = figure.axes[0].images
    assert len(images) == len(late.pes)
    begin, end = 0, int(late.ends_ns[0])
    for pe, image in enumerate(images):
        filled = np.asarray(image.get_array())[:, :, 3]
        columns = np.flatnonzero(filled.any(axis=0))
        first = int(late.start_ns[late.pe == pe].min()) * filled.shape[1] // (end - begin)
        assert columns[0] - first in (0, 1) and columns[-1] >= 0.97 * filled.shape[1]
        busy = int((late.end_ns - late.start_ns)[late.pe == pe].sum()) / (end - begin)
        assert filled.mean() == pytest.approx(busy, abs=0.01)


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_other_formats(suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_gantt(random_run(30), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanttError, match=r"g\.bmp: a Gantt chart is one of \.svg, \.png, \.pdf, got 'bmp'"):
        write_gantt(hand_made(), tmp_path / "g.bmp")


def test_a_hundred_thousand_tasks_make_a_small_picture(tmp_path: Path) -> None:
    write_gantt(random_run(100_000), tmp_path / "g.svg")
    assert (tmp_path / "g.svg").stat().st_size < 250_000
    ElementTree.parse(tmp_path / "g.svg")
