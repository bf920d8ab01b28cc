"""Lane detection, by Fourier transforms and by convolutions: the front ends against the words of the specification, the C
forms against the PyTorch forms, the lane against where the road has it."""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cedr.backend.toolchain import LIBCEDR, ToolchainError, find_compiler
from cedr.frontend.zoo import find
from cedr.frontend.zoo.lane_detection import DISPLACEMENT, LaneDetection
from cedr.frontend.zoo.lane_detection_conv2d import DISPLACEMENT as DISPLACEMENT_CONV2D
from cedr.frontend.zoo.lane_detection_conv2d import LaneDetectionConv2d
from cedr.frontend.zoo.lane_lines import (
    Hough,
    Lane,
    Line,
    Random,
    decision,
    draw,
    edges,
    find_lane,
    lane_between,
    region_of_interest,
)
from cedr.frontend.zoo.road_images import TOLERANCE, Road, held_out_roads, main, road, share_found
from cedr.runtime.record import Record, read_record
from cedr.tools.driver import Program, RunOptions, compile_torch, run_program
from cedr.tools.models import TorchModel
from cedr.tools.options import CompileOptions
from tests.applications.forms import APPLICATIONS
from tests.runtime.test_dash_api import build_library

torch.set_num_threads(1)

Reals = NDArray[np.float64]
Floats = NDArray[np.float32]

SMALL = (135, 240)
FULL = (540, 960)
MODELS: dict[str, type[LaneDetection | LaneDetectionConv2d]] = {
    "lane_detection": LaneDetection,
    "lane_detection_conv2d": LaneDetectionConv2d,
}
DISPLACEMENTS = {"lane_detection": DISPLACEMENT, "lane_detection_conv2d": DISPLACEMENT_CONV2D}
MARKS = {"lane_detection": (5, 15, 10), "lane_detection_conv2d": (4, 12, 8)}
"""Half of the rows of the band, the radii of the discs at the car and at the lane's centre."""
SIZES = [SMALL, pytest.param(FULL, marks=pytest.mark.slow)]

TAIL = """
#include "lane.h"

void tail_edges(int height, int width, float *numbers) {
  const size_t count = (size_t)height * (size_t)width;
  keep_edges((gradient){height, width, numbers, numbers + count, numbers + 2 * count});
}
int tail_lane(int height, int width, float *numbers, int *left, int *right) {
  const size_t count = (size_t)height * (size_t)width;
  const lane found = find_lane((gradient){height, width, numbers, numbers + count, numbers + 2 * count});
  *left = found.left;
  *right = found.right;
  return found.found;
}
"""


# ---- the front ends, from the words ----


def from_words(image: NDArray[np.uint8], centred: bool, whole: bool) -> Reals:
    """[3, H, W]: magnitude, x, y. Windows around their pixel, or to the right of and below it; whole: integer pixels."""

    def correlate(pixels: Reals, weights: Reals) -> Reals:
        size = len(weights)
        before = size // 2 if centred else 0
        padded = np.pad(pixels, (before, size - 1 - before))
        height, width = pixels.shape
        result = np.zeros_like(pixels)
        for i in range(size):
            for j in range(size):
                result += weights[i, j] * padded[i : i + height, j : j + width]
        return np.trunc(result) if whole else result

    red, green, blue = image.astype(np.int64).transpose(2, 0, 1)
    pixels = (299 * red + 587 * green + 144 * blue) / 1000
    pixels = np.trunc(pixels) if whole else pixels
    spread = 2 * 0.75**2 * 3.141593
    for size in (11, 5):
        weights = np.array([[math.exp(-(x * x + y * y) / spread) / spread for x in range(size)] for y in range(size)])
        weights /= weights.sum()
        if whole:
            steps = np.rint(weights * 2**15)
            steps[0, 0] += 2**15 - steps.sum()
            assert np.abs(steps / 2**15 - weights).max() <= 2**-16 + abs(steps[0, 0] / 2**15 - weights[0, 0])
            weights = steps / 2**15
        pixels = correlate(pixels, weights)
    x = correlate(pixels, np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    y = correlate(pixels, np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]))
    return np.stack([np.hypot(x, y), x, y])


@cache
def picture(seed: int, size: tuple[int, int]) -> Road:
    return road(seed, *size)


@cache
def eager(name: str, seed: int, size: tuple[int, int]) -> Floats:
    with torch.no_grad():
        outputs = MODELS[name]().eval()(torch.from_numpy(picture(seed, size).tensor))
    return torch.cat(outputs).numpy()


def close(a: NDArray[np.floating], b: NDArray[np.floating], bound: float) -> bool:
    """Every output's error is at most `bound` of its largest value."""
    return all(float(np.abs(x - y).max()) <= bound * float(np.abs(y).max()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_transforms_compute_what_the_words_say(size: tuple[int, int]) -> None:
    wanted = from_words(picture(1, size).image, centred=False, whole=False)
    assert close(eager("lane_detection", 1, size), wanted, 1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_convolutions_compute_what_the_words_say(size: tuple[int, int]) -> None:
    wanted = from_words(picture(1, size).image, centred=True, whole=True)
    found = eager("lane_detection_conv2d", 1, size)
    assert np.array_equal(found[1:], wanted[1:])
    assert close(found, wanted, 1e-6)


def test_integer_pixels_change_the_gradient_by_little() -> None:
    """Grey is up to 1 less, each blur too: up to 3 in each of four pixels with weights of sum 4, on either side."""
    exact = from_words(picture(1, SMALL).image, centred=True, whole=False)
    rounded = eager("lane_detection_conv2d", 1, SMALL)
    assert np.abs(exact[1:] - rounded[1:]).max() <= 4 * 3
    assert np.abs(exact[1:] - rounded[1:]).mean() <= 1


# ---- calls ----

CALLS: dict[str, dict[str, int]] = {
    "lane_detection": {"fft 1024": 5 * 2 * 1024, "ifft 1024": 2 * 2 * 1024, "zip 1048576": 4},
    "lane_detection_conv2d": {"conv2d 11x11": 1, "conv2d 5x5": 1, "conv2d 3x3": 2},
}
"""Of the C forms on a picture of 960 x 540 pixels: five two-dimensional transforms, two back, four products."""


def counts_of(record: Record) -> dict[str, int]:
    """Rows of transforms by direction and points, products by elements, convolutions by window."""
    counts: Counter[str] = Counter()
    for call, times in zip(record.classes, np.bincount(record.class_of, minlength=len(record.classes)), strict=True):
        dims = call.dims
        if call.api == "fft":
            counts[f"{'ifft' if call.attributes['inverse'] else 'fft'} {dims['n']}"] += int(times) * dims["b"]
        elif call.api == "zip":
            assert (call.attributes["kind"], call.dtype) == ("mul", "c64")
            counts[f"zip {dims['n']}"] += int(times)
        elif call.api == "conv2d":
            counts[f"conv2d {dims['kh']}x{dims['kw']}"] += int(times)
    return dict(counts)


# ---- the C forms ----


@dataclass(frozen=True)
class Outcome:
    text: str
    errors: str
    status: int


@dataclass(frozen=True)
class Application:
    executable: Path

    def run(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Outcome:
        process = subprocess.run(
            [self.executable, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Outcome(process.stdout, process.stderr, process.returncode)

    def record(self, folder: Path) -> Record:
        """What it calls."""
        path = folder / "calls.cedrrec"
        outcome = self.run(folder, environment={"CEDR_MODE": "record", "CEDR_RECORD": str(path)})
        assert outcome.status == 0
        return read_record(path)


@pytest.fixture(scope="module")
def libcedr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with libcedr.so."""
    folder = tmp_path_factory.mktemp("libcedr")
    build_library(folder)
    return folder


def build(libcedr: Path, name: str, program: Path, *flags: str) -> Application:
    """The C form of an application."""
    strict = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", f"-I{LIBCEDR}"]
    linked = [f"-L{libcedr}", "-Wl,--no-as-needed", "-lcedr", f"-Wl,-rpath,{libcedr}", "-lm", "-o", str(program)]
    find_compiler().run([*strict, str(APPLICATIONS / name / f"{name}.c"), *linked, *flags], program.parent)
    return Application(program)


@pytest.fixture(scope="module", params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def application(name: str, libcedr: Path, tmp_path_factory: pytest.TempPathFactory) -> Application:
    return build(libcedr, name, tmp_path_factory.mktemp(name) / name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("input", "output"):
        (tmp_path / part).mkdir()
    return tmp_path


def read_ppm(path: Path) -> NDArray[np.uint8]:
    header, sizes, largest, pixels = path.read_bytes().split(b"\n", 3)
    assert (header, largest) == (b"P6", b"255")
    width, height = map(int, sizes.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize("size", SIZES)
def test_both_forms_agree(name: str, application: Application, size: tuple[int, int], folder: Path) -> None:
    made = picture(1, size)
    made.write(folder / "input" / "image.ppm")
    outcome = application.run(folder, "gradient.npy")
    assert outcome.status == 0
    found = np.load(folder / "gradient.npy")
    wanted = eager(name, 1, size)
    assert (found.shape, found.dtype) == ((3, *size), np.float32)
    assert close(found, wanted, 1e-6)
    if name == "lane_detection_conv2d":
        assert np.array_equal(found[1:], wanted[1:])
    lane = find_lane(*found)
    assert lane is not None and outcome.text == f"{lane}\n" == f"{MODELS[name]().decide(list(wanted[:, None]))}\n"
    assert np.array_equal(read_ppm(folder / "output" / "image.ppm"), draw(made.image, lane, *MARKS[name]))


@pytest.mark.slow
def test_calls(name: str, application: Application, folder: Path) -> None:
    picture(2, FULL).write(folder / "input" / "image.ppm")
    assert counts_of(application.record(folder)) == CALLS[name]
    assert sum(CALLS["lane_detection"].values()) == 14_340


@pytest.mark.parametrize(("size", "points"), [((48, 64), 128), (SMALL, 256), ((111, 112), 128), ((113, 40), 256)])
def test_calls_of_a_small_picture(
    name: str, application: Application, size: tuple[int, int], points: int, folder: Path
) -> None:
    """The transforms are as large as the picture and the 16 pixels that the filters reach need."""
    picture(2, size).write(folder / "input" / "image.ppm")
    transforms = {f"fft {points}": 10 * points, f"ifft {points}": 4 * points, f"zip {points**2}": 4}
    wanted = transforms if name == "lane_detection" else CALLS[name]
    assert counts_of(application.record(folder)) == wanted


def test_the_lane_is_where_the_road_has_it(name: str, application: Application, folder: Path) -> None:
    made = picture(5, FULL)
    made.write(folder / "input" / "image.ppm")
    texts = [application.run(folder).text]
    lane = find_lane(*eager(name, 5, FULL))
    assert lane is not None and texts == [f"{lane}\n"]
    assert abs(lane.centre - made.lane.centre - DISPLACEMENTS[name]) <= TOLERANCE
    for found, marking in ((lane.left, made.lane.left), (lane.right, made.lane.right)):
        assert abs(found - marking - DISPLACEMENTS[name]) <= 2 * TOLERANCE


def test_a_picture_without_a_lane(name: str, application: Application, folder: Path) -> None:
    grey = Road(np.full((*SMALL, 3), 128, np.uint8), Lane(0, 0, 0))
    grey.write(folder / "input" / "image.ppm")
    assert application.run(folder).text == "no lane\n"
    assert np.array_equal(read_ppm(folder / "output" / "image.ppm"), grey.image)


def test_comments_in_a_picture_are_skipped(application: Application, folder: Path) -> None:
    pixels = picture(1, SMALL).image.tobytes()
    outcomes = []
    for header in (b"P6\n240 135\n255\n", b"P6 # made by hand\n#\n# twice\n240\t135 # pixels\n255\n"):
        (folder / "input" / "image.ppm").write_bytes(header + pixels)
        outcomes.append(application.run(folder))
    assert outcomes[0] == outcomes[1] and outcomes[0].text.startswith("lane")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "./input/image.ppm: No such file or directory"),
        (b"", "not a PPM file: it does not begin with P6"),
        (b"P5\n9 9\n255\n" + bytes(81), "not a PPM file: it does not begin with P6"),
        (b"P6\n9 9\n65535\n" + bytes(6 * 81), "a PPM file with values up to 65535; up to 255 are read"),
        (b"P6\n9 9\n", "a PPM file with values up to -1; up to 255 are read"),
        (b"P6\n7 9\n255\n" + bytes(3 * 63), "7 x 9 pixels; each side has 8 to 8192"),
        (b"P6\n9 99999999999999999999\n255\n", "pixels; each side has 8 to 8192"),
        (b"P6\n9 -9\n255\n", "PPM file"),
        (b"P6\n9 9\n255\n" + bytes(3 * 81 - 1), "ends after 242 of 243 bytes of pixels"),
    ],
)
def test_what_is_no_picture_is_refused(
    application: Application, folder: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (folder / "input" / "image.ppm").write_bytes(content)
    outcome = application.run(folder)
    assert outcome.status == 1 and outcome.text == ""
    assert outcome.errors.startswith("lane detection: ./input/image.ppm") and message in outcome.errors
    assert not list((folder / "output").iterdir())


def test_a_folder_for_the_output_has_to_be_there(application: Application, folder: Path) -> None:
    picture(1, SMALL).write(folder / "input" / "image.ppm")
    (folder / "output").rmdir()
    outcome = application.run(folder)
    assert outcome.status == 1
    assert "lane detection: ./output/image.ppm: No such file or directory" in outcome.errors


def test_png_files(libcedr: Path, folder: Path) -> None:
    name = "lane_detection_conv2d"
    pil = pytest.importorskip("PIL.Image")
    try:
        application = build(libcedr, name, folder / name, "-DUSE_PNG", "-lpng")
    except ToolchainError as error:
        pytest.skip(f"no libpng: {error}")
    made = picture(1, SMALL)
    pil.fromarray(made.image).save(folder / "input" / "image.png")
    outcome = application.run(folder)
    lane = find_lane(*eager(name, 1, SMALL))
    assert lane is not None and outcome == Outcome(f"{lane}\n", "", 0)
    drawn = np.asarray(pil.open(folder / "output" / "image.png"))
    assert np.array_equal(drawn, draw(made.image, lane, *MARKS[name]))
    (folder / "input" / "image.png").write_bytes(b"no picture")
    refused = application.run(folder)
    assert refused.status == 1 and refused.errors.startswith("lane detection: ./input/image.png: ")


# ---- the compiled forms ----


@cache
def compiled(name: str, pipeline: str) -> tuple[Program, TorchModel]:
    """For a small picture; test_compiled.py compiles the zoo's."""
    model = TorchModel(name, MODELS[name]().eval(), (torch.from_numpy(picture(1, SMALL).tensor),))
    return compile_torch(model, CompileOptions(pipeline=pipeline)), model


def test_compiled_values_are_those_of_pytorch(name: str) -> None:
    program, model = compiled(name, "default")
    result = run_program(program, program.bind(model.example_inputs), RunOptions())
    assert result.figures["max_rel_error"] <= 1e-6
    assert result.figures["decision_match"] is True


@pytest.mark.parametrize("pipeline", ["default", "layerwise"])
def test_every_transform_is_a_call(pipeline: str) -> None:
    """As in the C form: what the filters' transforms are, 512 KiB each, is too large to be kept instead."""
    counts = counts_of(compiled("lane_detection", pipeline)[0].record()[1])
    assert (counts.pop("fft 256"), counts.pop("ifft 256")) == (10 * 256, 4 * 256)
    elements = sum(int(call.removeprefix("zip ")) * times for call, times in counts.items())
    assert elements == (4 * 256**2 if pipeline == "default" else 0)


def test_every_convolution_is_a_call() -> None:
    counts = counts_of(compiled("lane_detection_conv2d", "layerwise")[0].record()[1])
    assert counts == CALLS["lane_detection_conv2d"]


# ---- what follows the gradient ----


@pytest.fixture(scope="module")
def tail(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("tail")
    (folder / "tail.c").write_text(TAIL)
    flags = ["-std=c11", "-O2", "-fPIC", "-shared"]
    find_compiler().run([*flags, f"-I{APPLICATIONS / 'lane_detection'}", "tail.c", "-o", "tail.so", "-lm"], folder)
    return ctypes.CDLL(str(folder / "tail.so"))


def gradients() -> Iterator[Floats]:
    """Gradients [3, H, W] around the thresholds, with many angles of 0, in which lines stand out; then roads."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        height, width = (40, 60) if seed < 2 else (120, 200)
        x, y = rng.integers(-40, 41, (2, height, width)).astype(np.float32)
        y[rng.random(y.shape) < 0.3] = 0
        row, column = np.mgrid[:height, :width]
        for start, slope in ((width // 2 - 5, -1), (width // 2 + 5, 1)):
            on_line = np.abs(column - start - slope * (row - height // 2)) <= 1
            x[on_line] = 60
        yield np.stack([np.hypot(x, y), x, y])
    yield eager("lane_detection", 1, SMALL).copy()
    yield eager("lane_detection_conv2d", 1, SMALL).copy()


def edges_by_the_words(magnitude: Floats, x: Floats, y: Floats) -> list[list[float]]:
    """Every pixel, one after the other."""
    pixels: list[list[float]] = magnitude.tolist()
    height, width = magnitude.shape
    for i in range(height):
        for j in range(width):
            if i in (0, height - 1) or j in (0, width - 1):
                pixels[i][j] = 0.0
                continue
            angle = math.atan2(y[i, j], x[i, j]) * 180 / 3.141593
            angle = angle + 180 if angle < 0 else angle
            along = {0: (0, 1), 45: (-1, 1), 90: (-1, 0), 135: (-1, -1)}.get(angle)  # type: ignore[call-overload] # floats
            value = pixels[i][j]
            if along is not None and value < max(
                pixels[i + along[0]][j + along[1]], pixels[i - along[0]][j - along[1]]
            ):
                value = 0.0
            if value < 40:
                value = 0.0
            around = (pixels[i - 1][j], pixels[i + 1][j], pixels[i][j - 1], pixels[i][j + 1])
            if 40 < value < 50 and not any(neighbour > 50 for neighbour in around):
                value = 0.0
            pixels[i][j] = value
    return pixels


def test_edges(tail: ctypes.CDLL) -> None:
    suppressed = 0
    for numbers in gradients():
        found = edges(*numbers)
        assert found.tolist() == edges_by_the_words(*numbers)
        height, width = found.shape
        in_c = numbers.copy()
        tail.tail_edges(height, width, in_c.ctypes.data_as(ctypes.c_void_p))
        assert np.array_equal(in_c[0], found)
        suppressed += int(((found == 0) & (numbers[0] >= 50))[1:-1, 1:-1].sum())
    assert suppressed > 100  # the test along the gradient had something to do


def test_both_tails_find_the_same_lane(tail: ctypes.CDLL) -> None:
    found = []
    for numbers in gradients():
        lane = find_lane(*numbers)
        height, width = numbers.shape[1:]
        left, right = ctypes.c_int(), ctypes.c_int()
        in_c = numbers.copy()
        is_found = tail.tail_lane(
            height, width, in_c.ctypes.data_as(ctypes.c_void_p), ctypes.byref(left), ctypes.byref(right)
        )
        assert (lane is not None) == bool(is_found)
        if lane is not None:
            assert (lane.left, lane.right) == (left.value, right.value)
        found.append(lane is not None)
    assert found[-2:] == [True, True] and not all(found)


def test_random_numbers_are_glibcs() -> None:
    """The first five that a program without srand() gets."""
    random = Random()
    assert [random() for _ in range(5)] == [1804289383, 846930886, 1681692777, 1714636915, 1957747793]


def test_region_of_interest() -> None:
    inside = region_of_interest(540, 960)
    assert not inside[:324].any() and inside[324:, 240:720].all()
    assert not inside[324:, :40].any() and not inside[324:, 921:].any()
    for row in (330, 432, 539):
        reach = 200 * (row - 324) / 216  # of a triangle, at this row
        columns = np.flatnonzero(inside[row])
        assert abs(240 - reach - columns[0]) <= 3 and abs(719 + reach - columns[-1]) <= 3
    assert inside[432, 141:240].all()
    # Areas are rounded down: of a triangle 27 wide and 40 high every second row is missed.
    inside = region_of_interest(100, 130)
    assert inside[90, 16:31].all() and not inside[91, 16:31].any()


def test_lines_are_found_where_they_are() -> None:
    image = np.zeros((100, 200), bool)
    for i in range(20, 90):
        image[i, 150 - i] = image[i, 60 + i] = True
    image[5, 5:15] = True  # too short
    found = Hough(image).lines()
    assert len(found) == 2
    for (x1, y1, x2, y2), sides in zip(sorted(found, key=lambda line: min(line.x1, line.x2)), (170, -10), strict=True):
        for x, y in ((x1, y1), (x2, y2)):
            assert abs(x + y - 150) <= 2 if sides == 170 else abs(x - y - 60) <= 2
        assert abs(y2 - y1) >= 65


def test_the_lane_is_between_the_last_lines_of_their_kind() -> None:
    left, right = Line(200, 400, 100, 500), Line(700, 400, 800, 500)
    level, upright = Line(0, 300, 500, 320), Line(300, 0, 300, 500)
    earlier = Line(210, 400, 110, 500)
    assert lane_between([earlier, left, level, right, upright], 540) == Lane(168, 732, 432)
    assert lane_between([left, right, earlier], 540) == Lane(178, 732, 432)
    assert lane_between([left, earlier, level, upright], 540) is None
    assert lane_between([], 540) is None
    assert decision(Lane(168, 732, 432)) == "lane (450, 432) between (168, 432) and (732, 432)"
    assert decision(None) == "no lane"


# ---- roads ----


def test_roads_are_as_their_seeds_say() -> None:
    assert np.array_equal(road(3, *SMALL).image, picture(3, SMALL).image)
    assert not np.array_equal(road(4, *SMALL).image, picture(3, SMALL).image)
    made = picture(1, FULL)
    row = made.image[made.lane.row].astype(int).sum(axis=1)
    for column in (made.lane.left, made.lane.right):
        assert row[column - 1 : column + 2].min() > 500 > row[[column - 9, column + 9]].max()  # light between dark


def test_share_of_lanes_found() -> None:
    labels = held_out_roads().labels
    assert share_found(labels, 0) == 1
    assert share_found(labels, TOLERANCE) == 1 and share_found(labels, TOLERANCE + 1) == 0
    assert share_found(["no lane", *labels[1:]], 0) == 1 - 1 / len(labels)


def test_the_held_out_roads_are_found(name: str) -> None:
    entry = find(name)
    held_out = entry.held_out()
    assert held_out is not None
    model = MODELS[name]().eval()
    with torch.no_grad():
        decisions = [entry.decide(model(torch.from_numpy(held_out.inputs[i : i + 1]))) for i in range(len(held_out))]
    assert None not in decisions
    assert entry.score([d for d in decisions if d is not None]) == 1
    assert entry.score(["no lane"] * len(held_out)) == 0


def test_the_command_writes_what_the_programs_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["-o", str(tmp_path), "--seed", "1", "--height", "135", "--width", "240"])
    made = picture(1, SMALL)
    assert capsys.readouterr().out == f"{made.lane}\n"
    assert np.array_equal(read_ppm(tmp_path / "input" / "image.ppm"), made.image)
    assert np.array_equal(np.load(tmp_path / "image.npy"), made.tensor)
    assert (tmp_path / "output").is_dir()
