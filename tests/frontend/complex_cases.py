"""Programs on complex64, for parity with PyTorch."""

from collections.abc import Callable

import torch

from tests.frontend.cases import Case, floats, integers, words


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    """Seeded complex numbers of normal parts."""
    return torch.complex(floats(*shape, seed=seed), floats(*shape, seed=seed + 100))


Z = numbers(2, 3, 4)
W = numbers(2, 3, 4, seed=7)
REAL = floats(2, 3, 4, seed=3)
PARTS = torch.tensor([0.0, -0.0, 1.5, -2.5, float("inf"), float("-inf"), float("nan")])
SPECIAL = torch.complex(PARTS.repeat(7), PARTS.repeat_interleave(7))
FINITE = torch.complex(PARTS[:4].repeat(4), PARTS[:4].repeat_interleave(4))
EXTREME = torch.complex(torch.tensor([3e38, 1e-38, 1.0, -2e30]), torch.tensor([3e38, -1e-38, 1e30, 1e-30]))


def _elementwise() -> list[Case]:
    names = words(
        "exp log sqrt sin cos tanh tan sigmoid reciprocal neg abs angle conj square conj_physical resolve_conj isnan isinf"
    )
    cases = [Case(f"complex {name}", getattr(torch, name), (Z,)) for name in names]
    cases += [
        Case(f"complex {name} special", getattr(torch, name), (SPECIAL,))
        for name in words("neg abs angle conj isnan isinf")
    ]
    cases += [
        Case(f"complex {name} of zeros", getattr(torch, name), (FINITE,)) for name in words("sqrt exp reciprocal")
    ]
    binary: dict[str, Callable[..., torch.Tensor]] = {
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "div": torch.div,
        "eq": torch.eq,
        "ne": torch.ne,
    }
    for name, function in binary.items():
        cases += [
            Case(f"complex {name}", function, (Z, W)),
            Case(f"complex {name} broadcast", function, (Z, W[0, 0])),
            Case(f"complex {name} of a real tensor", function, (Z, REAL)),
            Case(f"complex {name} of integers", function, (integers(2, 3, 4, low=1), Z)),
            Case(f"complex {name} of a complex scalar", lambda x, f=function: f(x, 1.5 - 2j), (Z,)),
            Case(f"complex {name} of a real scalar", lambda x, f=function: f(x, 3), (Z,)),
        ]
    return [
        *cases,
        Case("complex quotient of large and small", torch.div, (EXTREME[:3], EXTREME[1:])),
        Case("complex product with infinities", torch.mul, (SPECIAL, SPECIAL.flip(0))),
        Case("real times complex scalar", lambda x: x * (2 + 1j), (REAL,)),
        Case("half times complex scalar", lambda x: (x * 2).to(torch.complex64) * 1j, (REAL.half(),)),
        Case("integers to complex", lambda x: x.to(torch.complex64), (integers(3, 4),)),
        Case("booleans to complex", lambda x: (x > 0).to(torch.complex64), (REAL,)),
        Case("complex to real", lambda x: x.to(torch.float32), (Z,)),
        Case("complex to bool", lambda x: x.bool(), (FINITE,)),
        Case("complex to integers", lambda x: x.to(torch.int64), (Z,)),
        Case("complex eq itself", lambda x: x == x.clone(), (SPECIAL,)),
        *(Case(f"complex pow {p}", lambda x, p=p: x**p, (Z,)) for p in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 1 + 2j)),
        Case("complex pow of tensors", torch.pow, (Z, W), 1e-4),
        Case("real pow complex", lambda x, y: torch.pow(x.abs(), y), (REAL, Z), 1e-4),
        Case("complex where", lambda c, x, y: torch.where(c > 0, x, y), (REAL, Z, W)),
        Case("complex where real", lambda c, x, y: torch.where(c > 0, x, y), (REAL, Z, REAL)),
        Case("complex masked_fill", lambda c, x: x.masked_fill(c > 0, 1 - 1j), (REAL, Z)),
        Case("complex angle of reals", torch.angle, (PARTS,)),
        Case("complex angle of integers", torch.angle, (integers(7),)),
        Case("complex isfinite", torch.isfinite, (SPECIAL,)),
        Case("complex addcmul", lambda x, y, z: torch.addcmul(x, y, z, value=2), (Z, W, Z)),
        Case("complex add alpha", lambda x, y: torch.add(x, y, alpha=2 - 1j), (Z, W)),
        Case("complex lerp", lambda x, y: torch.lerp(x, y, 0.25), (Z, W)),
        Case("complex sgn", torch.sgn, (Z,)),
    ]  # fmt: skip


def _parts() -> list[Case]:
    return [
        Case("complex of parts", torch.complex, (REAL, REAL[0])),
        Case("complex of infinite parts", torch.complex, (PARTS, PARTS.flip(0))),
        Case("polar", torch.polar, (REAL.abs(), REAL)),
        Case("view_as_real", torch.view_as_real, (Z,)),
        Case("view_as_real scalar", torch.view_as_real, (torch.tensor(1 + 2j),)),
        Case("view_as_complex", torch.view_as_complex, (floats(3, 4, 2),)),
        Case("view_as_complex vector", torch.view_as_complex, (floats(2),)),
        Case("complex real", torch.real, (Z,)),
        Case("complex imag", torch.imag, (Z,)),
        Case("complex real and imag", lambda x: x.real * x.imag, (Z,)),
        Case("conj imag", lambda x: x.conj().imag, (Z,)),
        Case("conj real", lambda x: torch.view_as_real(x.conj().resolve_conj()), (Z,)),
        Case("conj transposed product", lambda x: x.mH @ x, (Z,)),
        Case("complex squared magnitude", lambda x: (x * x.conj()).real, (Z,)),
    ]


def _shapes() -> list[Case]:
    return [
        Case("complex cat", lambda x, y: torch.cat([x, y], 1), (Z, W)),
        Case("complex cat with reals", lambda x, y: torch.cat([x, y], 2), (Z, REAL)),
        Case("complex stack", lambda x, y: torch.stack([x, y]), (Z, W)),
        Case("complex pad", lambda x: torch.nn.functional.pad(x, (1, 2, 0, 1)), (Z,)),
        Case("complex pad value", lambda x: torch.nn.functional.pad(x, (1, 2), value=1.5), (Z,)),
        Case("complex slices", lambda x: x[:, ::2, 1:3] + 1, (Z,)),
        Case("complex flip", lambda x: x.flip(1, 2), (Z,)),
        Case("complex index", lambda x: x[:, torch.tensor([2, 0])], (Z,)),
        Case("complex permute", lambda x: x.permute(2, 0, 1) * 2, (Z,)),
        Case("complex expand", lambda x: x[:, :1].expand(2, 5, 4) + 1, (Z,)),
        Case("complex view", lambda x: x.reshape(6, 4).conj(), (Z,)),
        Case("complex full", lambda x: torch.full((3,), 1 + 2j) * x.sum(), (Z,)),
        Case("complex zeros", lambda x: torch.zeros(4, dtype=torch.complex64) + x, (Z,)),
        Case("complex full_like", lambda x: torch.full_like(x, 2 - 1j), (Z,)),
    ]


class Constellation(torch.nn.Module):
    """Bits to the points of a 16-QAM, which are a complex buffer."""

    def __init__(self) -> None:
        super().__init__()
        levels = torch.tensor([-3.0, -1.0, 3.0, 1.0])
        self.register_buffer("points", torch.complex(levels.repeat(4), levels.repeat_interleave(4)) / 10**0.5)
        self.gain = torch.nn.Parameter(torch.tensor([0.5 + 0.5j, 1 - 2j]))

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        assert isinstance(self.points, torch.Tensor)
        hot = (symbols[:, None] == torch.arange(16)).to(torch.complex64)
        return hot @ self.points.conj() * self.gain.repeat(4)


def _reductions() -> list[Case]:
    a, b = numbers(5, 6), numbers(6, 3, seed=9)
    return [
        Case("complex sum", torch.sum, (Z,)),
        Case("complex sum dim", lambda x: x.sum(1, keepdim=True), (Z,)),
        Case("complex sum of reals", lambda x: x.sum(0, dtype=torch.complex64), (REAL,)),
        Case("complex mean", lambda x: x.mean((0, 2)), (Z,)),
        Case("complex prod", lambda x: x.prod(1), (Z,)),
        Case("complex prod of all", torch.prod, (Z,)),
        Case("complex cumsum", lambda x: x.cumsum(1), (Z,)),
        Case("complex cumprod", lambda x: x.cumprod(2), (Z,)),
        Case("complex mm", torch.mm, (a, b)),
        Case("complex bmm", torch.bmm, (numbers(2, 3, 4), numbers(2, 4, 5, seed=4))),
        Case("complex addmm", lambda x, y, z: torch.addmm(x, y, z, beta=2, alpha=1 - 1j), (numbers(3), a, b)),
        Case("complex matmul", torch.matmul, (numbers(2, 3, 4), numbers(4, 5))),
        Case("complex mv", torch.mv, (a, numbers(6))),
        Case("complex dot", torch.vdot, (numbers(6), numbers(6, seed=2))),
        Case("complex linear", torch.nn.Linear(6, 4, dtype=torch.complex64), (a,)),
        Case("complex norm", lambda x: torch.linalg.vector_norm(x, dim=1), (Z,)),
        Case("complex einsum", lambda x, y: torch.einsum("ij,jk->ki", x, y.conj()), (a, b)),
        Case("complex any", torch.any, (FINITE,)),
        Case("complex all", torch.all, (FINITE,)),
        Case("complex var", lambda x: x.var(1), (Z,)),
        Case("complex conv1d", torch.nn.functional.conv1d, (numbers(1, 2, 9), numbers(3, 2, 4, seed=5), numbers(3))),
        Case("complex conv2d", lambda x, w: torch.nn.functional.conv2d(x, w, stride=2, padding=1), (numbers(1, 2, 9, 8), numbers(3, 2, 3, 3, seed=5))),
        Case("complex constellation", Constellation(), (integers(8, low=0, high=16),)),
    ]  # fmt: skip


def _transforms() -> list[Case]:
    fft = torch.fft
    lengths = (1, 2, 12, 16, 27, 33, 100)
    return [
        *(Case(f"fft of {n}", lambda x: fft.fft(x), (numbers(3, n),)) for n in lengths),
        *(Case(f"ifft of {n}", lambda x: fft.ifft(x), (numbers(n),)) for n in lengths),
        *(Case(f"rfft of {n}", lambda x: fft.rfft(x), (floats(3, n),)) for n in lengths),
        *(Case(f"irfft of {n}", lambda x, n=n: fft.irfft(x, n), (numbers(2, n // 2 + 1),)) for n in lengths),
        *(
            Case(f"fft2 {norm}", lambda x, norm=norm: fft.fft2(x, norm=norm), (numbers(2, 12, 8),))
            for norm in ("forward", "backward", "ortho")
        ),
        *(
            Case(f"irfft2 {norm}", lambda x, norm=norm: fft.irfft2(x, norm=norm), (numbers(2, 4, 5),))
            for norm in ("forward", "backward", "ortho")
        ),
        Case("fft of 1000", lambda x: fft.fft(x), (numbers(2, 1000),)),
        Case("ifft of 4096", lambda x: fft.ifft(x), (numbers(1, 4096),)),
        Case("fft of reals", lambda x: fft.fft(x, dim=1), (floats(2, 8, 3),)),
        Case("fft padded", lambda x: fft.fft(x, n=16), (numbers(3, 11),)),
        Case("fft cut", lambda x: fft.fft(x, n=8, dim=0), (numbers(11, 3),)),
        Case("fftn", lambda x: fft.fftn(x, dim=(0, 2)), (numbers(4, 3, 6),)),
        Case("ifftn", lambda x: fft.ifftn(x), (numbers(4, 2, 6),)),
        Case("rfft2", lambda x: fft.rfft2(x), (floats(2, 6, 8),)),
        Case("rfftn along others", lambda x: fft.rfftn(x, dim=(2, 0)), (floats(4, 3, 8),)),
        Case("irfftn along others", lambda x: fft.irfftn(x, s=(7, 4), dim=(2, 0)), (numbers(3, 3, 7),)),
        Case("hfft", lambda x: fft.hfft(x), (numbers(2, 5),)),
        Case("ihfft", lambda x: fft.ihfft(x), (floats(2, 8),)),
        Case("fft round trip", lambda x: fft.irfft(fft.rfft(x), n=x.shape[-1]), (floats(2, 24),)),
        Case("fft correlation", lambda x, y: fft.ifft(fft.fft(x) * fft.fft(y).conj()), (numbers(2, 32), numbers(32))),
        Case("fftshift", lambda x: fft.fftshift(fft.fft(x)), (numbers(2, 8),)),
        Case("stft", lambda x: torch.stft(x, 16, 4, window=torch.hann_window(16), return_complex=True), (floats(2, 64),)),
        Case("stft uncentred", lambda x: torch.stft(x, 16, 8, window=torch.hamming_window(16), center=False, normalized=True, onesided=False, return_complex=True), (floats(64),)),
        Case("stft of a short window", lambda x, w: torch.stft(x, 16, 4, 9, window=w, return_complex=True), (floats(2, 64), floats(9))),
        Case("stft of a short length", lambda x: torch.stft(x, 16, win_length=9, return_complex=True), (floats(2, 64),)),
        Case("stft without a window", lambda x: torch.stft(x, 16, normalized=True, return_complex=True), (floats(64),)),
        Case("stft of 12 points", lambda x: torch.stft(x, 12, 5, pad_mode="replicate", return_complex=True), (floats(2, 64),)),
        Case("stft of 40 points", lambda x: torch.stft(x, 40, 50, pad_mode="constant", return_complex=True), (floats(2, 128),)),
        Case("stft of complex numbers", lambda z: torch.stft(z, 8, 3, normalized=True, return_complex=True), (numbers(2, 32),)),
        Case("stft of a complex window", lambda x, w: torch.stft(x, 8, 3, window=w, return_complex=True), (floats(2, 32), numbers(8))),
        Case("stft as parts", lambda x: torch.stft(x, 8, 3, return_complex=False), (floats(2, 32),)),
        *(Case(f"stft {mode}", lambda x, m=mode: torch.ops.aten.stft.center(x, 8, 3, pad_mode=m, return_complex=True), (floats(2, 32),)) for mode in words("constant reflect replicate circular")),
        Case("stft aligned to its window", lambda x, w: torch.stft(x, 16, 4, 9, window=w, center=False, return_complex=True, align_to_window=True), (floats(2, 64), floats(9))),
        Case("istft of a short window", lambda z: torch.istft(z, 16, 4, 11, window=torch.hann_window(11), length=50), (numbers(2, 9, 17),)),
        Case("istft of both sides", lambda z: torch.istft(z, 12, 5, normalized=True, onesided=False, return_complex=True), (numbers(12, 9),)),
        Case("istft uncentred", lambda z: torch.istft(z, 16, 16, center=False), (numbers(9, 5),)),
        Case("spectrogram", lambda x: torch.stft(x, 16, 4, window=torch.blackman_window(16), return_complex=True).abs(), (floats(2, 64),)),
        Case("istft", lambda z: torch.istft(z, 16, 4, window=torch.hann_window(16)), (numbers(2, 9, 17),)),
        Case("fft with rfftfreq", lambda x: fft.rfft(x) * fft.rfftfreq(16), (floats(16),)),
        Case("kaiser window", lambda x: x * torch.kaiser_window(16, True, 9.0), (floats(16),)),
        Case("fft with fftfreq", lambda x: fft.fft(x) * (fft.fftfreq(16) * 2j), (floats(16),)),
    ]  # fmt: skip


COMPLEX_CASES = (*_elementwise(), *_parts(), *_shapes(), *_reductions(), *_transforms())
