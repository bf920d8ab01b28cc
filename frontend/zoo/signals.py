"""Synthesised inputs of the signal-processing applications, each with what is to be found in it.

`SIGNALS[name](seed)` makes one: the numbers of the text files that the C form of the application reads, the tensor that
the zoo's PyTorch form takes, and the decision that is right. The same seed gives the same signal. As files:

    python -m cedr.frontend.zoo.signals pulse_doppler -o DIR --seed 3

writes DIR/input/*.txt, an empty DIR/output and DIR/pulse_doppler.npy (for `cedr run pulse_doppler --input`), and prints
the truth. NumPy only. Sizes, formats and constants are those of CEDR's reference applications (UA-RCL/CEDR 96eeda6).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cedr.frontend.zoo.held_out import HeldOut
from cedr.target.errors import CedrError

Reals = NDArray[np.float32]
Complexes = NDArray[np.complex64]

# ---- radar correlator ----
LAG_POINTS = 256
"""Samples that the radar correlator has room for; its input files hold the first `LAG_GIVEN`, the rest is zero."""
LAG_GIVEN = 101
LAG_STEP_S = 2e-6
CHIRP_HZ_PER_S = 500000 / 0.000512
LAG_RATE_HZ = 1000
"""The rate by which the application divides its lag, whatever the samples' own."""

# ---- pulse Doppler ----
PULSES, PULSE_SAMPLES = 128, 64
PULSE_INTERVAL_S = 1.27e-4

# ---- WiFi transmitter ----
FRAMES, TEXT_BYTES = 10, 78

# ---- synthetic aperture radar ----
SAR_PULSES, SAR_SAMPLES = 256, 512

# ---- temporal mitigation ----
ANTENNAS, SNAPSHOTS = 4, 64
GRID_DEGREES = 5


@dataclass(frozen=True)
class Signal:
    """One input of an application.

    `files`: the numbers of each file in ./input, by its name, in order; none where the C form reads nothing.
    `tensor`: what the zoo's model takes, a batch of one. `truth`: what its `decide` should say.
    """

    files: Mapping[str, Reals]
    tensor: NDArray[np.complex64] | NDArray[np.int64]
    truth: str


def interleaved(numbers: Complexes) -> Reals:
    """Complex numbers of any shape as float32 in row-major order: real part, imaginary part, and so on."""
    return np.ascontiguousarray(numbers, np.complex64).reshape(-1).view(np.float32)


def complex_noise(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> NDArray[np.complex128]:
    """Circular Gaussian noise of this standard deviation."""
    noise: NDArray[np.complex128] = rng.standard_normal((*shape, 2)) @ (deviation / np.sqrt(2) * np.array([1, 1j]))
    return noise


# ---- radar correlator: the delay of an echo ----


def chirp_time() -> Reals:
    """[256] s: the times at which the reference chirp is taken; those after the first 101 are not in the file, hence 0."""
    time = np.zeros(LAG_POINTS, np.float32)
    time[:LAG_GIVEN] = np.arange(LAG_GIVEN) * LAG_STEP_S
    return time


def chirp(time: Reals) -> NDArray[np.complex128]:
    """The reference chirp at these times: sin p + j cos p, with p = pi r t^2."""
    phase = np.pi * CHIRP_HZ_PER_S * time.astype(np.float64) ** 2
    return np.sin(phase) + 1j * np.cos(phase)


def radar_correlator(seed: int) -> Signal:
    """An echo of the chirp, up to 48 samples late, in noise 15 dB below it; [1, 256] of which 101 samples are given."""
    rng = np.random.default_rng([seed, 1])
    delay = int(rng.integers(0, 49))
    received = np.zeros(LAG_POINTS, np.complex128)
    received[delay:LAG_GIVEN] = chirp(chirp_time())[: LAG_GIVEN - delay] / (LAG_GIVEN - delay)
    received[:LAG_GIVEN] += complex_noise(rng, (LAG_GIVEN,), 10 ** (-15 / 20) / LAG_GIVEN)
    tensor = received.astype(np.complex64)
    files = {"time_input.txt": chirp_time()[:LAG_GIVEN], "received_input.txt": interleaved(tensor[:LAG_GIVEN])}
    return Signal(files, tensor[None], lag_text(LAG_POINTS - delay))


def lag_text(peak: int) -> str:
    """The decision for a correlation that is largest at index `peak`, as the application prints it."""
    return f"lag {(LAG_POINTS - peak) / LAG_RATE_HZ:.6f}"


# ---- pulse Doppler: a target's range and speed ----


def pulse() -> Complexes:
    """[64]: the pulse sent, a linear chirp over 32 of its 64 samples."""
    samples = np.zeros(PULSE_SAMPLES, np.complex128)
    index = np.arange(32)
    samples[:32] = np.exp(1j * np.pi * (index - 16) ** 2 / 32)
    return samples.astype(np.complex64)


def pulse_doppler(seed: int) -> Signal:
    """Echoes [1, 128, 64] of a target that moves, each noisy: it is under the noise in every one of them."""
    rng = np.random.default_rng([seed, 2])
    delay, doppler = int(rng.integers(0, 33)), int(rng.integers(-PULSES // 2, PULSES // 2))
    echo = np.zeros(PULSE_SAMPLES, np.complex128)
    echo[delay : delay + 32] = pulse()[:32]
    turned = np.exp(2j * np.pi * doppler * np.arange(PULSES) / PULSES)
    echoes = turned[:, None] * echo + complex_noise(rng, (PULSES, PULSE_SAMPLES), 1.5)
    tensor = echoes.astype(np.complex64)
    files = {"input_pd_pulse.txt": interleaved(pulse()), "input_pd_ps.txt": interleaved(tensor)}
    return Signal(files, tensor[None], doppler_text(64 + delay, 65 + doppler))


def doppler_text(range_bin: int, doppler_bin: int) -> str:
    """The decision for a map that is largest at these bins, counted from 1, as the application writes it.

    A target's shift is one 128th of the pulses' rate a bin, from bin 65; the application's scale is one 127th, from 64.
    """
    shift_hz = (doppler_bin - 64) / 127 / PULSE_INTERVAL_S
    delay_s = (range_bin - 64) / 63 * PULSE_INTERVAL_S
    return f"Doppler shift = {shift_hz:f}, time delay = {delay_s:f}"


# ---- WiFi transmitter: text into symbols ----

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def wifi_tx(seed: int) -> Signal:
    """The text of each of ten frames, [1, 10, 78] bytes: of seed 0 the application's own ten times, else drawn ones."""
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)
    if seed == 0:
        text = np.tile(letters, (FRAMES, 2))
    else:
        text = np.random.default_rng([seed, 3]).choice(letters, size=(FRAMES, TEXT_BYTES))
    frames = np.zeros((FRAMES, TEXT_BYTES), np.int64)
    frames[:, 2:] = text[:, : TEXT_BYTES - 2]
    return Signal({}, frames[None], texts(frames))


def texts(frames: NDArray[np.int64]) -> str:
    """The decision for bytes [frames, 78]: the text of each frame, after its two zeros, a line each."""
    return "\n".join(bytes(frame[2:].tolist()).decode("latin-1") for frame in frames)


# ---- synthetic aperture radar: places of point targets ----


@dataclass(frozen=True)
class SarGeometry:
    """The constants of the range-Doppler processor."""

    speed_m_per_s: float = 150.0
    track_m: float = 50.0
    """Length of the track flown, on which the pulses are sent at even distances."""
    ground_range_m: float = 1e4
    half_swath_m: float = 500.0
    height_m: float = 5000.0
    pulse_s: float = 2.5e-6
    chirp_hz_per_s: float = 2e13
    wavelength_m: float = 0.0566
    light_m_per_s: float = 3e8

    @property
    def window_s(self) -> float:
        """From the first echo of the swath's near edge to the last of its far edge."""
        near, far = (np.hypot(self.ground_range_m + side * self.half_swath_m, self.height_m) for side in (-1, 1))
        return float(2 * far / self.light_m_per_s + self.pulse_s - 2 * near / self.light_m_per_s)

    @property
    def fast_time_s(self) -> NDArray[np.float64]:
        """[512]: times of the samples of one pulse's echo."""
        return np.linspace(0, self.window_s, SAR_SAMPLES)

    @property
    def slow_time_s(self) -> NDArray[np.float64]:
        """[256]: times of the pulses."""
        return np.linspace(0, self.track_m / self.speed_m_per_s, SAR_PULSES)

    @property
    def range_filter(self) -> NDArray[np.complex128]:
        """[512]: the pulse's conjugate, of which the window's times, 0 and later, hold one half."""
        time = self.fast_time_s
        inside = np.abs(time) < self.pulse_s / 2
        return np.where(inside, np.exp(-1j * np.pi * self.chirp_hz_per_s * time**2), 0)

    @property
    def azimuth_filter(self) -> NDArray[np.complex128]:
        """[256]: a chirp over the first 38 pulses, by which the processor multiplies the shifted spectrum as it is."""
        slant_m = np.hypot(self.ground_range_m, self.height_m)
        rate = 2 * self.speed_m_per_s**2 / self.wavelength_m / slant_m
        time = self.slow_time_s
        inside = np.abs(time) < self.pulse_s / 2 * (self.track_m / self.speed_m_per_s) / self.window_s
        return np.where(inside, np.exp(1j * np.pi * rate * time**2), 0)

    def echo(self, pulse_index: int, delay: int) -> NDArray[np.complex128]:
        """[256, 512]: the echo of a point target seen around one pulse, the middle of whose echo is at sample `delay`.

        Along the track it has the Doppler shifts that the processor's filter lets through, a sixth of them, and the
        phases that this filter takes away.
        """
        late = self.fast_time_s - self.fast_time_s[delay]
        inside = np.abs(late) < self.pulse_s / 2
        in_range = np.where(inside, np.exp(1j * np.pi * self.chirp_hz_per_s * late**2), 0)
        turned = np.exp(-2j * np.pi * pulse_index * np.arange(SAR_PULSES) / SAR_PULSES)
        along_track = np.fft.ifft(np.fft.ifftshift(self.azimuth_filter.conj() * turned))
        return np.outer(along_track, in_range)

    def focus(self, pulse_index: int, delay: int) -> tuple[int, int]:
        """(row, column) of the image at which that target is found.

        The last shift of the processor moves rows by half their number. It multiplies the shifted spectrum of a row by
        the filter's, which is not shifted: as if the echo were moved by half the sampling rate, which a chirp shows as a
        delay.
        """
        step_s = self.fast_time_s[1]
        columns = 1 / (2 * step_s * self.chirp_hz_per_s) / step_s
        return (pulse_index + SAR_PULSES // 2) % SAR_PULSES, delay + round(columns)


def sar(seed: int) -> Signal:
    """Echoes [1, 256, 512] of three point targets, each weaker than the one before, in noise."""
    rng = np.random.default_rng([seed, 4])
    geometry = SarGeometry()
    # Apart by more than the sidelobes that could move a peak: a third of the image each, in both directions.
    rows = rng.permutation(3) * 80 + rng.integers(20, 60, 3)
    columns = rng.permutation(3) * 90 + rng.integers(85, 125, 3)
    raw = complex_noise(rng, (SAR_PULSES, SAR_SAMPLES), 0.02)
    places = []
    for strength, row, column in zip((1.0, 0.8, 0.6), rows.tolist(), columns.tolist(), strict=True):
        raw += strength * geometry.echo(row, column)
        places.append(geometry.focus(row, column))
    tensor = raw.astype(np.complex64)
    return Signal({"rawdata_rda.txt": interleaved(tensor)}, tensor[None], places_text(places))


def places_text(places: Sequence[tuple[int, int]]) -> str:
    """The decision for targets found at these (row, column), the brightest first."""
    return " ".join(f"({row}, {column})" for row, column in places)


def brightest(image: NDArray[np.float32], count: int) -> list[tuple[int, int]]:
    """(row, column) of the largest of [256, 512], of the largest at least 12 from that in either direction (rows go
    round), and so on."""
    left = image.copy()
    found = []
    for _ in range(count):
        row, column = (int(index) for index in np.unravel_index(np.argmax(left), left.shape))
        found.append((row, column))
        left[np.arange(row - 12, row + 13) % len(left), max(column - 12, 0) : column + 13] = 0
    return found


# ---- temporal mitigation: a direction hidden by an interferer ----


def steering(degrees: float) -> NDArray[np.complex128]:
    """[4]: phases of a wave from this direction at four antennas half a wavelength apart, 0 degrees being broadside."""
    turned: NDArray[np.complex128] = np.exp(1j * np.pi * np.arange(ANTENNAS) * np.sin(np.deg2rad(degrees)))
    return turned


def temporal_mitigation(seed: int) -> Signal:
    """What four antennas receive and what is known of an interferer, [1, 2, 4, 64].

    The second matrix holds the interferer's waveform at four delays. It arrives at all four, from one direction, 10 dB
    above the wanted signal from another, which is 20 dB above the noise.
    """
    rng = np.random.default_rng([seed, 5])
    wanted, jammer = (int(direction) * 10 for direction in rng.choice(np.arange(-5, 6), size=2, replace=False))
    waveform = (rng.choice([-1, 1], (2, SNAPSHOTS + 3)) * np.array([[1], [1j]])).sum(0) / np.sqrt(2)
    known = np.stack([waveform[3 - delay : 3 - delay + SNAPSHOTS] for delay in range(ANTENNAS)])
    taps = complex_noise(rng, (ANTENNAS,), 1.0)
    received = np.outer(steering(jammer), 10 ** (10 / 20) * (taps / np.linalg.norm(taps)) @ known)
    received += np.outer(steering(wanted), complex_noise(rng, (SNAPSHOTS,), 1.0))
    received += complex_noise(rng, received.shape, 0.1)
    tensor = (10 * np.stack([received, known])).astype(np.complex64)
    files = {
        f"{name}{part}.txt": np.ascontiguousarray(numbers).reshape(-1)
        for name, matrix in zip("zs", tensor, strict=True)
        for part, numbers in (("", matrix.real), ("imag", matrix.imag))
    }
    return Signal(files, tensor[None], direction_text(wanted))


def strongest_direction(snapshots: NDArray[np.complex128] | Complexes) -> int:
    """The direction, a multiple of 5 degrees from -90 to 90, in which a beam of [4, n] has most power."""
    grid = list(range(-90, 91, GRID_DEGREES))
    beams = np.stack([steering(degrees) for degrees in grid]).conj() @ snapshots
    return grid[int(np.argmax((np.abs(beams) ** 2).sum(-1)))]


def direction_text(degrees: int) -> str:
    """The decision for the direction of what is left."""
    return f"{degrees} degrees"


SIGNALS: dict[str, Callable[[int], Signal]] = {
    "radar_correlator": radar_correlator,
    "pulse_doppler": pulse_doppler,
    "wifi_tx": wifi_tx,
    "sar": sar,
    "temporal_mitigation": temporal_mitigation,
}


def held_out(make: Callable[[int], Signal], count: int) -> HeldOut:
    """The signals of seeds 1 to `count`."""
    made = [make(seed) for seed in range(1, count + 1)]
    return HeldOut(np.concatenate([signal.tensor for signal in made]), [signal.truth for signal in made])


def write(name: str, folder: Path, seed: int) -> Signal:
    """Writes the signal's files into `folder` and returns it. CedrError for a name that is not in `SIGNALS`, or where the
    files can't be written."""
    if name not in SIGNALS:
        raise CedrError(f"no signal is made for {name!r}; the applications are {', '.join(SIGNALS)}")
    if seed < 0:
        raise CedrError(f"a seed is 0 or more, got {seed}")
    signal = SIGNALS[name](seed)
    try:
        (folder / "input").mkdir(parents=True, exist_ok=True)
        (folder / "output").mkdir(exist_ok=True)
        for file, numbers in signal.files.items():
            np.savetxt(folder / "input" / file, numbers, fmt="%.9g")
        np.save(folder / f"{name}.npy", signal.tensor)
    except OSError as error:
        raise CedrError(f"{error.filename}: {error.strerror}") from error
    return signal


def main(words: Sequence[str] | None = None) -> int:
    """The command line; `words` are sys.argv's if not given. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m cedr.frontend.zoo.signals", description="Writes an application's input and prints the truth."
    )
    parser.add_argument("name", choices=SIGNALS, help="the application")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="which signal; 0 if not given")
    arguments = parser.parse_args(words)
    try:
        print(write(arguments.name, arguments.out, arguments.seed).truth)
    except CedrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
