"""The generators, and the PyTorch form of each application as eager PyTorch: values, and what is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cedr.frontend.zoo import find
from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.signals import ALPHABET, SIGNALS, Signal, main, strongest_direction, write
from cedr.frontend.zoo.wifi_tx import long_training, received, short_training
from cedr.target.errors import CedrError
from tests.applications import words
from tests.applications.forms import WORDS, eager, error

torch.set_num_threads(1)

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", WORDS)
def test_pytorch_computes_what_the_words_say(name: str, seed: int) -> None:
    signal = SIGNALS[name](seed)
    assert error(eager(name, signal), WORDS[name](signal.files)) <= 3e-5


@pytest.mark.parametrize("seed", [0, 5])
def test_wifi_frames_are_those_of_the_words(seed: int) -> None:
    signal = SIGNALS["wifi_tx"](seed)
    for frame, text in zip(eager("wifi_tx", signal), signal.tensor[0], strict=True):
        wanted = words.wifi_tx(bytes(text.tolist()))
        assert error(frame, wanted) <= 1e-6
        assert error(frame[578:2178], wanted[578:2178]) <= 1e-6


@pytest.mark.parametrize("name", SIGNALS)
def test_the_truth_is_found(name: str) -> None:
    """On inputs that have different truths, so that no constant answer would do."""
    truths = set()
    for seed in range(4 if name == "sar" else 6):
        signal = SIGNALS[name](seed)
        assert find(name).decide(eager(name, signal)[None]) == signal.truth
        truths.add(signal.truth)
    assert len(truths) >= 4


def test_a_target_is_found_at_the_range_and_speed_it_has() -> None:
    """From the physical quantities: the delay and the shift by which an echo is made are those read off the map."""
    module, _ = find("pulse_doppler").build()
    pulse = np.exp(1j * np.pi * np.arange(20) ** 2 / 20)
    echoes = np.zeros((1, 128, 64), np.complex64)
    for delay, turns in ((0, 0), (11, 5), (40, -40)):
        echoes[:] = 0
        echoes[0, :, delay : delay + 20] = pulse * np.exp(2j * np.pi * turns * np.arange(128)[:, None] / 128)
        module.get_buffer("pulse")[:] = 0
        module.get_buffer("pulse")[:20] = torch.from_numpy(pulse.astype(np.complex64))
        (magnitudes,) = arrays(module(torch.from_numpy(echoes)))
        x, z = np.unravel_index(magnitudes[0].argmax(), magnitudes[0].shape)
        assert (x - 63, z - 64) == (delay, turns)
        assert magnitudes.max() == pytest.approx(20 * 128, rel=1e-5)


def test_a_short_file_repeats_what_the_buffer_held() -> None:
    numbers = np.arange(4800, dtype=np.float32)
    rows = words.echoes(numbers)
    assert np.array_equal(rows[36], numbers[36 * 128 : 37 * 128 : 2] + 1j * numbers[36 * 128 + 1 : 37 * 128 : 2])
    assert rows[37, 0] == 37 * 128 + (37 * 128 + 1) * 1j and rows[37, 32] == rows[36, 32]
    assert np.array_equal(rows[37:], np.tile(rows[37], (91, 1)))


def test_wifi_frames_decode_to_what_was_sent() -> None:
    signal = SIGNALS["wifi_tx"](0)
    for frame, text in zip(eager("wifi_tx", signal), signal.tensor[0], strict=True):
        data, right = words.decoded(frame.astype(np.complex128))
        assert right and data == bytes(text.tolist())
    assert data == b"\0\0" + words.OWN_TEXT.encode()
    assert set(words.OWN_TEXT) == set(ALPHABET)


def test_the_check_is_that_of_x25() -> None:
    """The check value of CRC-16/IBM-SDLC (X.25), published for the text 123456789."""
    assert words.checksum(b"123456789") == 0x906E


def test_the_preamble_is_the_standards() -> None:
    """IEEE 802.11a-1999, tables G.4 and G.6: the first samples, to the three places printed there."""
    assert short_training()[:4].round(3).tolist() == [0.023 + 0.023j, -0.132 + 0.002j, -0.013 - 0.079j, 0.143 - 0.013j]
    assert long_training()[:4].round(3).tolist() == [-0.078, 0.012 - 0.098j, 0.092 - 0.106j, -0.092 - 0.115j]


def test_the_receiver_corrects_errors() -> None:
    """Seven symbols' carriers in noise: more than a tenth of the bits would be wrong without the code."""
    signal = SIGNALS["wifi_tx"](2)
    frame = eager("wifi_tx", signal)[0].astype(np.complex64)
    rng = np.random.default_rng(1)
    noise = (rng.standard_normal((2500, 2)) @ [1, 1j]) * np.abs(frame[578:2178]).mean() * 0.35
    assert received((frame + noise).astype(np.complex64)).tolist() == signal.tensor[0, 0].tolist()
    assert not received((frame + 4 * noise).astype(np.complex64)).any()


def test_the_interferer_hides_the_wanted_direction() -> None:
    hidden = 0
    for seed in range(12):
        signal = SIGNALS["temporal_mitigation"](seed)
        hidden += f"{strongest_direction(signal.tensor[0, 0])} degrees" != signal.truth
    assert hidden == 12


def test_one_echo_alone_shows_no_target() -> None:
    """The largest sample of the first echo's correlation is at another range than the target for some seeds."""
    elsewhere = 0
    for seed in range(12):
        signal = SIGNALS["pulse_doppler"](seed)
        one = np.zeros_like(signal.tensor)
        one[0, 0] = signal.tensor[0, 0]
        elsewhere += find("pulse_doppler").decide(eager("pulse_doppler", Signal({}, one, ""))[None]) != signal.truth
    assert elsewhere >= 6


@pytest.mark.parametrize("name", SIGNALS)
def test_a_batch_is_computed_one_by_one(name: str) -> None:
    module, _ = find(name).build()
    signals = [SIGNALS[name](seed) for seed in (1, 2, 3)]
    with torch.no_grad():
        (together,) = arrays(module(torch.from_numpy(np.concatenate([signal.tensor for signal in signals]))))
    for output, signal in zip(together, signals, strict=True):
        assert error(output, eager(name, signal)) <= 1e-5


@pytest.mark.parametrize("name", SIGNALS)
def test_the_same_seed_gives_the_same_signal(name: str) -> None:
    first, again, other = SIGNALS[name](7), SIGNALS[name](7), SIGNALS[name](8)
    assert np.array_equal(first.tensor, again.tensor) and not np.array_equal(first.tensor, other.tensor)
    assert all(np.array_equal(numbers, again.files[file]) for file, numbers in first.files.items())


SIZES = {
    "radar_correlator": {"time_input.txt": 101, "received_input.txt": 202},
    "pulse_doppler": {"input_pd_pulse.txt": 128, "input_pd_ps.txt": 16384},
    "wifi_tx": {},
    "sar": {"rawdata_rda.txt": 262144},
    "temporal_mitigation": {"z.txt": 256, "zimag.txt": 256, "s.txt": 256, "simag.txt": 256},
}


@pytest.mark.parametrize("name", SIGNALS)
def test_files_hold_the_numbers_to_the_bit(name: str, tmp_path: Path) -> None:
    signal = write(name, tmp_path, 3)
    read = {path.name: np.loadtxt(path, dtype=np.float32) for path in (tmp_path / "input").iterdir()}
    assert {file: len(numbers) for file, numbers in read.items()} == SIZES[name]
    assert all(np.array_equal(numbers, signal.files[file]) for file, numbers in read.items())
    assert np.array_equal(np.load(tmp_path / f"{name}.npy"), signal.tensor)
    assert list((tmp_path / "output").iterdir()) == []


def test_an_unknown_application_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        CedrError, match=r"no signal is made for 'sonar'; the applications are radar_correlator, pulse_"
    ):
        write("sonar", tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_the_generator_as_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["radar_correlator", "-o", str(tmp_path / "out"), "--seed", "4"]) == 0
    assert capsys.readouterr().out == SIGNALS["radar_correlator"](4).truth + "\n"
    (tmp_path / "file").write_text("")
    assert main(["radar_correlator", "-o", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/file/input: Not a directory\n"
    assert main(["radar_correlator", "-o", str(tmp_path / "other"), "--seed", "-1"]) == 1
    assert capsys.readouterr().err == "a seed is 0 or more, got -1\n"
    assert not (tmp_path / "other").exists()
