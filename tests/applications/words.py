"""The signal-processing applications once more, in NumPy and double precision, from the words of their specification.

They take the numbers of the files that the C forms read, and share no code with what they are compared to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Complexes = NDArray[np.complex128]


def complexes(numbers: Numbers, size: int) -> Complexes:
    """Pairs as complex numbers, and zeros for those that are missing."""
    whole = np.zeros(2 * size)
    whole[: min(len(numbers), 2 * size)] = numbers[: 2 * size]
    return whole[0::2] + 1j * whole[1::2]


def radar_correlator(files: Mapping[str, Numbers]) -> Complexes:
    """[512]: the correlation."""
    t = np.zeros(256)
    t[: len(files["time_input.txt"])] = files["time_input.txt"]
    p = np.pi * (500000 / 0.000512) * t**2
    c = np.concatenate([np.zeros(256), np.sin(p) + 1j * np.cos(p)])
    d = np.concatenate([complexes(files["received_input.txt"], 256)[:129], np.zeros(383)])
    # By sums instead of transforms: y[k] = sum over n of c[n + k] conj(d[n]), indices modulo 512.
    return np.array([np.sum(np.roll(c, -k) * d.conj()) for k in range(512)])


def echoes(numbers: Numbers) -> Complexes:
    """[128, 64]: a pulse that is not whole keeps what the buffer held, and so do all after it."""
    held = [0.0] * 128
    rows = []
    for k in range(128):
        for i, number in enumerate(numbers[128 * k : 128 * k + 128].tolist()):
            held[i] = number
        rows.append(np.array(held[0::2]) + 1j * np.array(held[1::2]))
    return np.array(rows)


def pulse_doppler(files: Mapping[str, Numbers]) -> NDArray[np.float64]:
    """[128 ranges, 128 shifts]: magnitudes."""
    pulse = complexes(files["input_pd_pulse.txt"], 64)
    ranges = np.zeros((128, 128), complex)
    for k, row in enumerate(echoes(files["input_pd_ps.txt"])):
        c = np.concatenate([np.zeros(63), row, np.zeros(1)])
        d = np.concatenate([pulse, np.zeros(64)])
        ranges[k] = np.fft.ifft(np.fft.fft(c) * np.fft.fft(d).conj())
    # A shift by 64 of 128 is the same forwards and backwards, and a change of every other sign before the transform.
    return np.abs(np.fft.fft(ranges * (-1.0) ** np.arange(128)[:, None], axis=0)).T


def found_by_scan(magnitudes: NDArray[np.floating]) -> str:
    """The line that the application writes."""
    best, a, b = 0.0, 0, 0
    for x in range(128):
        for z in range(128):
            if magnitudes[x, z] > best:
                best, a, b = float(magnitudes[x, z]), z + 1, x + 1
    return f"Doppler shift = {(a - 64) / 127 / 1.27e-4:f}, time delay = {(b - 64) / 63 * 1.27e-4:f}"


OWN_TEXT = ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" * 2)[:76]


def checksum(data: bytes) -> int:
    """CRC-16 by long division of polynomials, the bits of each byte from low to high, as X.25 has it."""
    bits = [byte >> i & 1 for byte in data for i in range(8)] + [0] * 16
    for i in range(16):
        bits[i] ^= 1
    for i in range(len(bits) - 16):
        if bits[i]:
            for power in (16, 12, 5, 0):
                bits[i + 16 - power] ^= 1
    return sum((bit ^ 1) << i for i, bit in enumerate(bits[-16:]))


def wifi_tx(data: bytes) -> Complexes:
    """[2500]: the frame for 78 bytes."""
    check = checksum(data)
    sent = data + bytes([check & 0xFF, check >> 8])
    bits = [int(bit) for byte in sent for bit in f"{byte:08b}"]
    samples: list[complex] = []
    for symbol in range(10):
        inverted = [1 - bit for bit in bits[64 * symbol : 64 * symbol + 64]]
        # The code as a product of polynomials: 0o133 = 1011011, 0o171 = 1111001, the highest bit for the newest.
        g0 = np.convolve(inverted, [1, 0, 1, 1, 0, 1, 1])[:64] % 2
        g1 = np.convolve(inverted, [1, 1, 1, 1, 0, 0, 1])[:64] % 2
        coded = [int(bit) for pair in zip(g0, g1, strict=True) for bit in pair] + [0] * 96
        mixed = [coded[56 * (i % 4) + i // 4] for i in range(224)]
        points = {(0, 0): -1 - 1j, (0, 1): -1 + 1j, (1, 0): 1 + 1j, (1, 1): 1 - 1j}
        data_carriers = [points[mixed[2 * i], mixed[2 * i + 1]] / math.sqrt(2) for i in range(112)]
        carriers = np.zeros(128, complex)
        for pilot in range(16):
            carriers[7 + 8 * pilot] = (-1 if pilot % 4 == 0 else 1) + 1j
        carriers[[i for i in range(128) if i % 8 != 7]] = data_carriers
        x = np.fft.ifft(carriers)
        y = np.array([x[-i % 128] for i in range(128)]) / 128
        samples += [*y[-32:], *y]
    return np.concatenate([np.zeros(256), preamble(), samples, np.zeros(322)])


def preamble() -> Complexes:
    """[322]: IEEE 802.11a-1999, equations 6 to 11: sums of exponentials."""
    short = dict.fromkeys(range(-26, 27), 0j)
    for k in (-24, -16, -4, 12, 16, 20, 24):
        short[k] = math.sqrt(13 / 6) * (1 + 1j)
    for k in (-20, -12, -8, 4, 8):
        short[k] = -math.sqrt(13 / 6) * (1 + 1j)
    signs = [
        *(1, 1, -1, -1, 1, 1, -1, 1, -1, 1, 1, 1, 1, 1, 1, -1, -1, 1, 1, -1, 1, -1, 1, 1, 1, 1),
        *(0, 1, -1, -1, 1, 1, -1, 1, -1, 1, -1, -1, -1, -1, -1, 1, 1, -1, -1, 1, -1, 1, -1, 1, 1, 1, 1),
    ]
    long = dict(zip(range(-26, 27), signs, strict=True))
    parts = []
    for spectrum, lead in ((short, 0), (long, 32)):
        n = np.arange(161) - lead
        wave = sum((c * np.exp(2j * np.pi * k * n / 64) for k, c in spectrum.items()), np.zeros(161, complex)) / 64
        wave[[0, 160]] *= 0.5
        parts.append(wave)
    return np.concatenate(parts)


def decoded(frame: Complexes) -> tuple[bytes, bool]:
    """The 78 bytes of a frame without errors, and whether their check is right: the code is undone bit by bit."""
    bits = []
    for symbol in range(10):
        start = 256 + 322 + 160 * symbol
        prefix, body = frame[start : start + 32], frame[start + 32 : start + 160]
        assert np.allclose(prefix, body[-32:])
        # Read backwards in time, a forward transform would be an inverse one; so the inverse one is what undoes it.
        carriers = np.fft.ifft(body) * 128 * 128
        points = [carriers[i] for i in range(128) if i % 8 != 7]
        mixed = []
        for point in points:
            first = int(point.real > 0)
            mixed += [first, int((point.imag > 0) != bool(first))]
        coded = [0] * 224
        for i, bit in enumerate(mixed):
            coded[56 * (i % 4) + i // 4] = bit
        assert not any(coded[128:])
        past = [0] * 6
        for i in range(64):
            bit = coded[2 * i] ^ past[1] ^ past[2] ^ past[4] ^ past[5]
            assert coded[2 * i + 1] == bit ^ past[0] ^ past[1] ^ past[2] ^ past[5]
            past = [bit, *past[:5]]
            bits.append(1 - bit)
    data = bytes(int("".join(map(str, bits[i : i + 8])), 2) for i in range(0, 640, 8))
    return data[:78], int.from_bytes(data[78:], "little") == checksum(data[:78])


def sar(files: Mapping[str, Numbers]) -> NDArray[np.float64]:
    """[256, 512]: magnitudes of the image."""
    raw = complexes(files["rawdata_rda.txt"], 256 * 512).reshape(256, 512)
    v, x, yc, y0, tr_width, kr, h, wavelength, c = 150.0, 50.0, 1e4, 500.0, 2.5e-6, 2e13, 5000.0, 0.0566, 3e8
    r0 = math.hypot(yc, h)
    ka = 2 * v**2 / wavelength / r0
    d = 2 * math.hypot(yc + y0, h) / c + tr_width - 2 * math.hypot(yc - y0, h) / c
    ta, tr = np.linspace(0, x / v, 256), np.linspace(0, d, 512)
    g = np.exp(-1j * np.pi * kr * tr**2) * (np.abs(tr) < tr_width / 2)
    azimuth = np.exp(1j * np.pi * ka * ta**2) * (np.abs(ta) < (tr_width / 2) * (x / v) / d)
    spectrum = np.fft.fft(g)
    columns = np.empty((512, 256), complex)
    for i in range(256):
        row = np.fft.fft(raw[i])
        columns[:, i] = np.fft.ifft(np.concatenate([row[256:], row[:256]]) * spectrum)
    image = np.empty((256, 512))
    for j in range(512):
        column = np.fft.fft(columns[j])
        focused = np.fft.ifft(np.concatenate([column[128:], column[:128]]) * azimuth)
        image[:, j] = np.abs(np.concatenate([focused[128:], focused[:128]]))
    return image


def temporal_mitigation(files: Mapping[str, Numbers]) -> Complexes:
    """[4, 64]: what is received less its projection onto the rows of the interferer's matrix."""
    z, s = (
        (files[f"{name}.txt"].astype(float) + 1j * files[f"{name}imag.txt"].astype(float)).reshape(4, 64) / 10
        for name in "zs"
    )
    # The same by least squares: the coefficients of the interferer's rows that come nearest to each antenna's row.
    weights, *_ = np.linalg.lstsq(s.T, z.T, rcond=None)
    result: Complexes = z - (s.T @ weights).T
    return result
