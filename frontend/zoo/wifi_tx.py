"""WiFi transmitter, after CEDR's application WiFi-TX (UA-RCL/CEDR 96eeda6): text into the samples of OFDM symbols.

Bits are inverted, coded (K = 7, rate 1/2), padded, interleaved and mapped to QPSK; 112 data carriers and 16 pilots make a
symbol by an inverse transform of 128 points; ten symbols behind a preamble make a frame.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.signals import TEXT_BYTES, held_out, texts, wifi_tx

SYMBOLS, SYMBOL_BITS, CARRIERS, PREFIX = 10, 64, 128, 32
CODED_BITS, INTERLEAVER_ROWS = 224, 4
FRAME_SAMPLES, LEAD, PREAMBLE = 2500, 256, 322
PILOTS = 16
MASKS = (0o133, 0o171)
"""Taps of the two outputs of the code; the highest of seven bits is the newest."""
CHECK_BITS = 16
CHECK_POLYNOMIAL = 0x8408


def check(data: bytes) -> int:
    """CRC-16 of ITU-T X.25: the polynomial's bits from low to high, all ones at first, inverted at the end."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (CHECK_POLYNOMIAL if register & 1 else 0)
    return register ^ 0xFFFF


def bits_of(check: int) -> list[int]:
    """The check in the order it is sent: the low byte first, each from its highest bit."""
    return [byte >> 7 - bit & 1 for byte in (check & 0xFF, check >> 8) for bit in range(8)]


def check_matrix(size_bytes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([bits, 16], [16]): a check's bits are those of the text times the matrix plus the vector, modulo 2."""
    base = np.array(bits_of(check(bytes(size_bytes))))
    rows = []
    for bit in range(8 * size_bytes):
        data = bytearray(size_bytes)
        data[bit // 8] = 0x80 >> bit % 8
        rows.append(np.array(bits_of(check(bytes(data)))) ^ base)
    return np.stack(rows).astype(np.int64), base.astype(np.int64)


def short_training() -> NDArray[np.complex128]:
    """[161]: ten times the same 16 samples and one more, the first and the last halved (IEEE 802.11a-1999, G.3.1)."""
    spectrum = np.zeros(64, np.complex128)
    signs = {-24: 1, -20: -1, -16: 1, -12: -1, -8: -1, -4: 1, 4: -1, 8: -1, 12: 1, 16: 1, 20: 1, 24: 1}
    for carrier, sign in signs.items():
        spectrum[carrier] = sign * (1 + 1j) * np.sqrt(13 / 6)
    return _windowed(np.fft.ifft(spectrum), 0)


def long_training() -> NDArray[np.complex128]:
    """[161]: half a period, then twice the same 64 samples and one more, the first and the last halved (G.3.2)."""
    below = "++--++-+-++++++--++-+-++++"
    above = "+--++-+-+-----++--+-+-++++"
    spectrum = np.zeros(64, np.complex128)
    spectrum[-26:] = [1 if sign == "+" else -1 for sign in below]
    spectrum[1:27] = [1 if sign == "+" else -1 for sign in above]
    return _windowed(np.fft.ifft(spectrum), 32)


def _windowed(period: NDArray[np.complex128], start: int) -> NDArray[np.complex128]:
    samples: NDArray[np.complex128] = period[(start + np.arange(161)) % len(period)]
    samples[[0, -1]] /= 2
    return samples


class WifiTx(nn.Module):
    """int64 [N, frames, 78], bytes of text -> complex64 [N, frames, 2500], samples.

    `check_rows`, `check_base`: `check_matrix`; `pilots`: complex64 [16]; `preamble`: complex64 [322].
    """

    check_rows: torch.Tensor
    check_base: torch.Tensor
    pilots: torch.Tensor
    preamble: torch.Tensor

    def __init__(
        self, check_rows: torch.Tensor, check_base: torch.Tensor, pilots: torch.Tensor, preamble: torch.Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("check_rows", check_rows)
        self.register_buffer("check_base", check_base)
        self.register_buffer("pilots", pilots)
        self.register_buffer("preamble", preamble)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        carriers = self.carriers(self.coded(self.bits(text)))
        # The application's own order and scale: backwards, and divided by the number of points once more.
        samples = torch.roll(torch.fft.ifft(carriers).flip(-1), 1, dims=-1) / CARRIERS
        symbols = torch.cat([samples[..., -PREFIX:], samples], dim=-1).flatten(-2)
        preamble = self.preamble.expand(*text.shape[:2], -1)
        frame = torch.cat([preamble, symbols], dim=-1)
        return nn.functional.pad(frame, (LEAD, FRAME_SAMPLES - LEAD - frame.shape[-1]))

    def bits(self, text: torch.Tensor) -> torch.Tensor:
        """[N, frames, 10, 64]: each byte from its highest bit, the check behind them."""
        bits = ((text[..., None] >> torch.arange(7, -1, -1, device=text.device)) & 1).flatten(-2)
        check = (bits @ self.check_rows + self.check_base) & 1
        sent = torch.cat([bits, check], dim=-1)
        return sent.reshape(*sent.shape[:-1], SYMBOLS, SYMBOL_BITS)

    def coded(self, bits: torch.Tensor) -> torch.Tensor:
        """[N, frames, 10, 224]: inverted, coded from a register of zeros, filled up with zeros, interleaved."""
        history = nn.functional.pad(bits ^ 1, (6, 0))
        outputs = []
        for mask in MASKS:
            taps = [history[..., 6 - age : 6 - age + SYMBOL_BITS] for age in range(7) if mask >> 6 - age & 1]
            parity = taps[0]
            for tap in taps[1:]:
                parity = parity ^ tap
            outputs.append(parity)
        code = torch.stack(outputs, dim=-1).flatten(-2)
        padded = nn.functional.pad(code, (0, CODED_BITS - code.shape[-1]))
        return padded.reshape(*padded.shape[:-1], INTERLEAVER_ROWS, -1).mT.flatten(-2)

    def carriers(self, coded: torch.Tensor) -> torch.Tensor:
        """[N, frames, 10, 128]: pairs of bits as points of a QPSK, a pilot behind each seven."""
        first, second = coded[..., 0::2], coded[..., 1::2]
        points = torch.complex((2 * first - 1).float(), (2 * (first ^ second) - 1).float()) / 2**0.5
        pilots = self.pilots[:, None]
        data = points.reshape(*points.shape[:-1], PILOTS, -1)
        return torch.cat([data, pilots.expand(*data.shape[:-1], 1)], dim=-1).flatten(-2)

    def decide(self, outputs: object) -> str:
        """The text of each frame, as a receiver decodes it."""
        (frames,) = arrays(outputs)
        return texts(np.stack([received(frame) for frame in frames[0]]))

    def held_out(self) -> HeldOut:
        """Texts [8, 10, 78]."""
        return held_out(wifi_tx, 8)


def received(frame: NDArray[np.complex64]) -> NDArray[np.int64]:
    """The 78 bytes of a frame [2500], decoded; those that a wrong check belongs to are zeros."""
    start = LEAD + PREAMBLE
    symbols = frame[start : start + SYMBOLS * (PREFIX + CARRIERS)].reshape(SYMBOLS, -1)[:, PREFIX:]
    # Backwards in time is a spectrum's conjugate of the conjugate: the forward transform of the samples reversed.
    points = np.fft.fft(np.roll(symbols[:, ::-1], 1, axis=1)).reshape(SYMBOLS, PILOTS, 8)[..., :7].reshape(SYMBOLS, -1)
    first, same = points.real > 0, points.imag > 0
    coded = np.stack([first, first ^ same], axis=-1).reshape(SYMBOLS, -1, INTERLEAVER_ROWS).swapaxes(1, 2)
    bits = viterbi(coded.reshape(SYMBOLS, -1)[:, : 2 * SYMBOL_BITS].astype(np.int64)) ^ 1
    data = np.packbits(bits.reshape(-1).astype(np.uint8)).tobytes()
    text, sent = data[:TEXT_BYTES], int.from_bytes(data[TEXT_BYTES:], "little")
    return np.frombuffer(text if check(text) == sent else bytes(TEXT_BYTES), np.uint8).astype(np.int64)


def viterbi(coded: NDArray[np.int64]) -> NDArray[np.int64]:
    """The likeliest bits [rows, n] for coded ones [rows, 2n], of which some may be wrong (A. J. Viterbi, 1967)."""
    rows, steps = len(coded), coded.shape[1] // 2
    # A state is the six bits before this one, the newest highest; a step from it reads a new bit above them.
    state = np.arange(64)
    wanted = np.array([[[(bit << 6 | s) & mask for mask in MASKS] for s in state] for bit in (0, 1)])
    wanted = np.bitwise_count(wanted) & 1
    cost = np.full((rows, 64), 10**6)
    cost[:, 0] = 0
    came_from = np.empty((steps, rows, 64), np.int64)
    # State s is reached with the bit s >> 5 from the two states whose upper five bits are its lower five.
    before = np.stack([(state & 31) << 1, (state & 31) << 1 | 1])
    for step in range(steps):
        heard = coded[:, 2 * step : 2 * step + 2]
        wrong = (wanted[state >> 5, before] != heard[:, None, None]).sum(-1)
        total = cost[:, before] + wrong
        choice = total.argmin(1)
        came_from[step] = np.take_along_axis(before[None], choice[:, None], 1)[:, 0]
        cost = total.min(1)
    bits = np.empty((rows, steps), np.int64)
    at = cost.argmin(1)
    for step in reversed(range(steps)):
        bits[:, step] = at >> 5
        at = came_from[step, np.arange(rows), at]
    return bits


def skeleton() -> nn.Module:
    """The transmitter without its tables."""

    def make() -> WifiTx:
        rows, base = (torch.empty(*size, dtype=torch.int64) for size in ((8 * TEXT_BYTES, CHECK_BITS), (CHECK_BITS,)))
        pilots, preamble = (torch.empty(size, dtype=torch.complex64) for size in (PILOTS, PREAMBLE))
        return WifiTx(rows, base, pilots, preamble)

    return without_weights(make)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The transmitter, and the application's own text ten times."""
    rows, base = check_matrix(TEXT_BYTES)
    pilots = np.where(np.arange(PILOTS) % 4 == 0, -1 + 1j, 1 + 1j).astype(np.complex64)
    preamble = np.concatenate([short_training(), long_training()]).astype(np.complex64)
    module = WifiTx(*(torch.from_numpy(table) for table in (rows, base, pilots, preamble))).eval()
    return module, (torch.from_numpy(wifi_tx(0).tensor),)
