"""Signal processing on complex numbers, as users write it, through C and Python modules."""

from __future__ import annotations

import json

import pytest

from cedr.tools.cli import main

MODELS = '''
import torch
from torch import nn


def numbers(*shape):
    return torch.complex(torch.randn(shape), torch.randn(shape))


class Arithmetic(nn.Module):
    """Every scalar function of complex numbers, in kernels that may be fused."""

    def __init__(self):
        super().__init__()
        self.register_buffer("taps", numbers(5))

    def forward(self, x, y):
        quotient = (x * 2j - self.taps) / (y + 0.5)
        functions = [torch.exp, torch.log, torch.sqrt, torch.sin, torch.cos, torch.tan, torch.tanh, torch.sigmoid]
        curves = torch.stack([function(x * 0.5) for function in functions])
        powers = x**1.5 + x**3 + torch.reciprocal(y) - x.conj()
        signs = torch.where(x == y, x, -y)
        parts = torch.polar(x.abs(), y.angle()) + torch.complex(x.real, y.imag)
        padded = nn.functional.pad(torch.cat([parts, x.mean(0, keepdim=True)]), (1, 2))
        return quotient, curves, powers, signs, padded, torch.view_as_complex(torch.view_as_real(x) * 2), x != x


def arithmetic():
    return Arithmetic(), (numbers(3, 5), numbers(3, 5))


class Mapper(nn.Module):
    """Bits to the points of a 16-QAM, through a channel, and back to bits."""

    def __init__(self):
        super().__init__()
        levels = torch.tensor([-3.0, -1.0, 3.0, 1.0]) / 10**0.5
        self.register_buffer("points", torch.complex(levels.repeat_interleave(4), levels.repeat(4)))
        self.register_buffer("channel", numbers(1, 64))

    def forward(self, bits):
        symbols = (bits.reshape(-1, 64, 4) * torch.tensor([8.0, 4.0, 2.0, 1.0])).sum(-1)
        hot = (symbols[..., None] == torch.arange(16)).to(torch.complex64)
        sent = hot @ self.points
        heard = sent * self.channel / self.channel
        distance = (heard[..., None] - self.points).abs()
        return sent, distance.argmin(-1), (distance < 1e-3).to(torch.float32)


def mapper():
    return Mapper(), (torch.randint(0, 2, (2, 256)).float(),)


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 6, dtype=torch.complex64)

    def forward(self, x, y):
        z = self.linear(x)
        return z, z @ y.mH, torch.bmm(z[None], y.mT[None]), z.sum(0), torch.linalg.vector_norm(z, dim=1)


def layers():
    return Layers(), (numbers(4, 12), numbers(3, 6))


class Correlation(nn.Module):
    """In the frequency domain, with an FFT of each signal and one back."""

    def forward(self, x, y):
        product = torch.fft.fft(x) * torch.fft.fft(y).conj()
        return torch.fft.ifft(product)


def correlation():
    return Correlation(), (numbers(4, 256), numbers(4, 256))


class PulseDoppler(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hamming_window(16))
        self.register_buffer("pulse", numbers(64))

    def forward(self, echoes):
        matched = torch.fft.ifft(torch.fft.fft(echoes, dim=1) * torch.fft.fft(self.pulse).conj(), dim=1)
        doppler = torch.fft.fft2(matched * self.window[:, None], dim=(0, 1), norm="ortho").abs()
        return doppler, doppler.flatten().argmax()


def pulse_doppler():
    return PulseDoppler(), (numbers(16, 64),)


class RoundTrip(nn.Module):
    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x), n=x.shape[-1]), torch.fft.rfft2(x)


def round_trip():
    return RoundTrip(), (torch.randn(3, 48),)


class Lengths(nn.Module):
    """A product, a chirp, an accelerator."""

    def forward(self, x, y, z):
        return torch.fft.fft(x), torch.fft.ifft(y), torch.fft.fft(z)


class Spectrogram(nn.Module):
    def forward(self, x):
        z = torch.stft(x, 32, 8, window=torch.hann_window(32), return_complex=True)
        return z.abs(), torch.istft(z, 32, 8, window=torch.hann_window(32))


def spectrogram():
    return Spectrogram(), (torch.randn(2, 128),)


def lengths():
    return Lengths(), (numbers(5, 12), numbers(2, 1000), numbers(8, 1024))
'''


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("signals") / "signal_models.py"
    path.write_text(MODELS)
    return str(path)


@pytest.mark.parametrize("emit", ["c", "python"])
@pytest.mark.parametrize(
    "factory",
    ["arithmetic", "mapper", "layers", "correlation", "pulse_doppler", "round_trip", "lengths", "spectrogram"],
)
def test_values_are_those_of_pytorch(models: str, factory: str, emit: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    status = main(["run", f"{models}:{factory}", "--emit", emit, "--json"])
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert json.loads(out)["max_rel_error"] <= 1e-5
