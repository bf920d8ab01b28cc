"""Small programs for parity with PyTorch: scans, shifts, moves of elements, and a sweep over what models are made of."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.frontend.cases import IMAGE, POSITIVE, SPECIAL, WAVE, Case, X, Y, floats, integers, words


def _moves() -> list[Case]:
    return [
        Case("flip", lambda x: (x.flip(0), x.flip(-1, 1), x.flip(())), (X,)),
        Case("flip of booleans, nothing and a scalar", lambda x, y, z: ((x > 0).flip(1), y.flip(0), z.flip(())), (X, floats(0, 2), floats())),
        Case("roll", lambda x: (x.roll(1, 1), x.roll((-1, 7), (0, 2)), x.roll(5)), (X,)),
        Case("roll of nothing and a scalar", lambda x, y: (x.roll(1, 0), y.roll(3)), (floats(0, 2), floats())),
        Case("unfold", lambda x: (x.unfold(-1, 2, 1), x.unfold(1, 2, 3), x.unfold(0, 1, 1)), (X,)),
        Case("windows added up", lambda x: (torch.ops.aten.unfold_backward(x, [2, 7], 1, 4, 2), torch.ops.aten.unfold_backward(x, [2, 9], -1, 4, 3), torch.ops.aten.unfold_backward(x[:, :, :1], [2, 9], 1, 1, 5)), (floats(2, 2, 4),)),
        Case("windows added up along another dim", lambda x: torch.ops.aten.unfold_backward(x, [8, 5], 0, 3, 2), (floats(3, 5, 3),)),
        Case("unfold of integers and a scalar", lambda x, y: (x.unfold(0, 3, 2), y.unfold(0, 1, 1)), (integers(9), floats())),
        Case("narrow_copy", lambda x: (torch.narrow_copy(x, 1, 1, 2), torch.narrow_copy(x, -1, -3, 2), torch.narrow_copy(x, 0, 2, 0)), (X,)),
        Case("as_strided_copy", lambda x: torch.as_strided_copy(x, (3, 2), (4, 2), 1), (X,)),
        Case("slice_scatter", lambda x, y: (torch.slice_scatter(x, y[:, 1:], 1, 1), torch.slice_scatter(x, y[:, :, :2], -1, 0, 4, 2)), (X, Y)),
        Case("slice_scatter past the end", lambda x, y: (torch.slice_scatter(x, y, 0, 1, 99, 3), torch.slice_scatter(x, y[:0], 0, 8), torch.slice_scatter(x, y[:1], 0, -2, 7, 5)), (floats(8), floats(3, seed=2))),
        Case("slice_scatter into infinities", lambda x, y: torch.slice_scatter(x, y, 0, 1, 8, 2), (SPECIAL, SPECIAL[:4])),
        Case("slice_scatter converts", lambda x, y: torch.slice_scatter(x, y, 0, 1, 8, 2), (integers(8), floats(4) * 9)),
        Case("select_scatter", lambda x, y: torch.select_scatter(x, y[:, 0], 1, -1), (X, Y)),
        Case("diagonal_scatter", lambda x, y: (torch.diagonal_scatter(x, y), torch.diagonal_scatter(x, y[:3], 2), torch.diagonal_scatter(x, y[1:], -1)), (floats(4, 5), floats(4, seed=2))),
        Case("diagonal_scatter of a batch", lambda x, y: torch.diagonal_scatter(x, y, 1, 2, 0), (X, floats(3, 1, seed=2))),
    ]  # fmt: skip


def _bits() -> list[Case]:
    f32, f64, c64, i8, i16, i32, i64 = (
        torch.float32,
        torch.float64,
        torch.complex64,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
    )
    whole = integers(3, 8, low=-128, high=128, dtype=i8)
    pairs = torch.complex(SPECIAL, SPECIAL.flip(0)).reshape(2, 4)
    return [
        Case("bits of floats", lambda x: (x.view(i32), (x * 2).view(i32).view(f32), x.view(f32), torch.ops.aten.view_copy.dtype(x, i32)), (SPECIAL,), 0),
        Case("bits of doubles", lambda x: (x.view(i64), x.view(i64).view(f64)), (SPECIAL.double() * 1.1,), 0),
        Case("bits of halves", lambda x, y: (x.view(i16), y.view(i16), (x.view(i16) + 1).view(torch.float16), x.view(torch.bfloat16)), (floats(9).half(), floats(9).bfloat16()), 0),
        Case("bits of scalars", lambda x, y: (x.view(i32), y.view(i64), y.view(i64).view(c64)), (floats(), torch.tensor(1 - 2j)), 0),
        Case("bits as narrower elements", lambda x, i: (x.view(i16), x.view(torch.float16).isnan(), x.view(torch.bool), i.view(i32), i.view(i16), i.view(i8)), (SPECIAL, integers(3, 4, low=-(2**62), high=2**62)), 0),
        Case("bits as wider elements", lambda x, y: (x.view(i16), x.view(i32), x.view(i64), y.view(i32), y.view(i64)), (whole, floats(2, 4).half()), 0),
        Case("bits of booleans", lambda x: ((x > 0).view(i8), (x > 0).view(i32), (x > 0).view(i8).view(torch.bool)), (X,)),
        Case("bits of complex numbers", lambda x: (x.view(f32), x.view(i32), x.view(i64), x.view(f64), x.view(i8)), (pairs,), 0),
        Case("bits as complex numbers", lambda x, y: (x.view(c64), y.view(c64), (x * 2).view(c64).view(c64)), (floats(3, 4), floats(5).double()), 0),
        Case("bits of nothing and of a view", lambda x, y: (x.view(i32), x.view(i16), y.mT.view(i32)), (floats(0, 4), X)),
    ]  # fmt: skip


def _scans() -> list[Case]:
    inf = float("inf")
    return [
        Case("cumsum", lambda x: (x.cumsum(0), x.cumsum(-1), (x > 0).cumsum(1)), (X,)),
        Case("cumsum dtypes", lambda x, y: (x.cumsum(0), x.cumsum(0, dtype=torch.float32), y.cumsum(0)), (integers(13, dtype=torch.int32), floats(0, 2))),
        Case("cumsum wraps", lambda x: x.cumsum(0, dtype=torch.int8), (integers(13, low=50, high=99),)),
        Case("cumsum of a scalar", lambda x: x.cumsum(0), (floats(),)),
        Case("cumsum special", lambda x: x.flip(0).cumsum(0), (SPECIAL,)),
        Case("cumsum beyond f32 in between", lambda x: x.cumsum(0), (torch.tensor([-3e38, 3e38, 3e38, 3e38, -3e38]),)),
        Case("cumsum of doubles at their limit", lambda x: x.cumsum(0), (torch.tensor([1e308, -1e308, 1.2e308, 0.3e308, -1e308], dtype=torch.float64),), 1e-15),
        Case("cumsum rounds as PyTorch", lambda x: x.cumsum(0), (floats(300),), 0),
        Case("cumsum of halves", lambda x: x.cumsum(1), (floats(3, 60).half(),), 0),
        Case("cumsum of bfloat16", lambda x: x.cumsum(0), (floats(60, 3).bfloat16(),), 0),
        Case("cumprod", lambda x: (x.cumprod(1), x.cumprod(-1)), (X,)),
        Case("cumprod of integers", lambda x: (x.cumprod(0), (x > 0).cumprod(0)), (integers(70, low=2, high=5),)),
        Case("cumprod beyond f32 in between", lambda x: x.cumprod(0), (torch.tensor([1e-30, 1e30, 1e30, 2.0]),)),
        Case("cumprod of halves", lambda x: x.cumprod(0), (floats(30).half(),), 0),
        Case("logcumsumexp", lambda x: (x.logcumsumexp(0), x.logcumsumexp(-1)), (X * 5,)),
        Case("logcumsumexp of infinities", lambda x: x.logcumsumexp(0), (torch.tensor([-inf, -inf, 2.0, -inf, inf, inf, torch.nan, 1]),)),
        Case("cummax", lambda x: (x.cummax(1), x.cummax(-1)), (X,)),
        Case("cummax special", lambda x: (x.cummax(0), x.flip(0).cummax(0)), (SPECIAL,)),
        Case("cummax of ties", lambda x: (x.cummax(0), (x > 0).cummax(1)), (integers(5, 9, low=-1, high=2),)),
        Case("cummin", lambda x: (x.cummin(1).values, x.cummin(-1).indices), (X,)),
        Case("cummin special", lambda x: (x.cummin(0), x.flip(0).cummin(0)), (SPECIAL,)),
        Case("cummin of a scalar", lambda x: x.cummin(0), (floats(),)),
        Case("cummin of the lowest first", lambda x, y: (x.cummin(0), y.cummax(0)), (torch.tensor([inf, inf, 1]), torch.tensor([-(2**63), -(2**63), 0]))),
    ]  # fmt: skip


def _shifts() -> list[Case]:
    places = torch.tensor([0, 1, 5, 31, 40, -1])
    return [
        Case("shifts", lambda x, y: (x << y, x >> y, x << 2, x >> 1), (integers(6), places)),
        Case("shifts of int32", lambda x, y: (x << y, x >> y), (integers(6, dtype=torch.int32), places.int())),
        Case("shifts of bytes", lambda x, y: (x << y, x >> y, x << 5, x >> 9), (integers(6, low=-128, high=128, dtype=torch.int8), torch.tensor([0, 3, 7, 8, -1, 100], dtype=torch.int8))),
        Case("shifts by numbers", lambda x: (x << 70, x >> 70, x << -1, x >> -3), (integers(6),)),
        Case("bitwise shifts", lambda x, y: (torch.bitwise_left_shift(x, y), torch.bitwise_right_shift(x, 3)), (integers(6), places)),
        Case("shifts promote", lambda x, y: x << y, (integers(6, dtype=torch.int16), places.int())),
    ]  # fmt: skip


VOLUME = floats(2, 4, 5, 6, 4)
DIVISORS = torch.tensor([0.7, -0.7, 1.5, -2.0, 0.0, float("inf"), float("-inf"), float("nan")])


def _elementwise() -> list[Case]:
    special = (SPECIAL, SPECIAL.flip(0))
    numbers = (floats(8, 1) * 9, DIVISORS)
    pairs = (integers(9, low=-6, high=7, seed=4), torch.tensor([1, -1, 2, -2, 3, -3, 4, 5, -6]))
    base, power = integers(12, low=-4, high=5), torch.arange(-2, 10)
    return [
        *(Case(f"torch.{name}", getattr(torch, name), (X, Y)) for name in words("hypot copysign fmax fmin")),
        *(Case(f"torch.{name} special", getattr(torch, name), special) for name in words("hypot copysign fmax fmin")),
        *(Case(f"torch.{name} of floats", getattr(torch, name), numbers) for name in words("fmod remainder floor_divide")),
        *(Case(f"torch.{name} of infinities", getattr(torch, name), (SPECIAL[:, None], DIVISORS)) for name in words("fmod remainder floor_divide")),
        *(Case(f"torch.{name} of integers", getattr(torch, name), pairs) for name in words("fmod remainder floor_divide fmax fmin copysign")),
        Case("remainders of large quotients", lambda x: (torch.fmod(x, 0.1), x % 0.1, x // 0.1, x % -3), (torch.tensor([1e30, 1.0, 0.3, -0.3, 16777217.0, -0.0]),)),
        Case("remainders of halves", lambda x, y: (x % 0.7, torch.fmod(x, y), x // y), (X.half(), POSITIVE.half()), 2e-3),
        Case("quotients of halves", lambda x, y: tuple(torch.div(x, by, rounding_mode=mode) for by in (y, y[0, 0, :1], 0.7) for mode in ("trunc", "floor")), (floats(2, 30, 40).half() * 9, floats(2, 30, 40, seed=7).half()), 0),
        Case("quotients of bfloat16", lambda x, y: tuple(torch.div(x, by, rounding_mode=mode) for by in (y, y[0, 0, :1], 0.7) for mode in ("trunc", "floor")), (floats(2, 30, 40).bfloat16() * 9, floats(2, 30, 40, seed=7).bfloat16()), 0),
        Case("fills of bfloat16", lambda x: (x.masked_fill(x > 0, 2.5), torch.zeros_like(x), torch.tril(x)), (floats(3, 3).bfloat16(),), 0),
        Case("remainders of doubles", lambda x, y: (x % 0.7, torch.fmod(x, y), x // y), (X.double(), POSITIVE.double()), 0),
        Case("remainder of a number", lambda x, i: (torch.remainder(7, i), torch.remainder(-7.5, x)), (X, integers(9, low=1))),
        Case("hypot of large numbers", torch.hypot, (torch.tensor([3e38, 3e-38, 0.0]), torch.tensor([1e38, 4e-38, 0.0]))),
        Case("signbit", torch.signbit, (SPECIAL,)),
        Case("signbit of integers", torch.signbit, (integers(5),)),
        Case("round decimals", lambda x: (torch.round(x, decimals=2), torch.round(x * 99, decimals=-1)), (X,)),
        Case("pow of integers by integers", lambda x, y: (x**y, x.int() ** y.int(), 3 ** y.abs(), x.to(torch.int8) ** (y.abs() * 9).to(torch.int8)), (base, power)),
        Case("pow of integers to a large power", lambda x: (x**19, x**64), (integers(3, 4),)),
        Case("fake_quantize", lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 3, -8, 7), (X,)),
        Case("eye", lambda x: (torch.eye(3), torch.eye(2, 4, dtype=torch.int64), x + torch.eye(4)), (floats(4, 4),)),
        Case("empty", lambda x: torch.empty_like(x).fill_(1), (X,)),
        Case("losses by pairs", lambda x, y: (F.hinge_embedding_loss(x, y.sign()), F.cosine_embedding_loss(x[0], y[0], torch.ones(3))), (X, Y)),
    ]  # fmt: skip


def _special() -> list[Case]:
    inf = float("inf")
    functions = {"erfc": torch.erfc, "lgamma": torch.lgamma, "digamma": torch.digamma}
    wide = torch.cat([torch.linspace(-9, 9, 181), torch.tensor([1e-30, -1e-30, 30.0, 1e10, -1e10, 171.5]), SPECIAL])
    unit = torch.cat([torch.linspace(-1, 1, 81), torch.tensor([0.9999999, 1e-30, 2.0, float("nan")])])
    edges = torch.tensor(
        [0.0, -0.0, 1e-45, -1e-45, 1.2e-38, 2.4e-38, 1.0, -1.0, 0.99999994, 3.4028235e38, inf, -inf, float("nan")]
    )
    pairs = (
        torch.tensor([12, -18, 0, 0, 7540113804746346429, -(2**63)]),
        torch.tensor([18, 12, 5, 0, 4660046610375530309, 6]),
    )
    return [
        *(Case(f"torch.{name}", f, (wide,)) for name, f in functions.items()),
        *(Case(f"torch.{name} of doubles", lambda x, f=f: (f(x), f(-x)), (torch.linspace(0.03, 40, 200, dtype=torch.float64),), 1e-12) for name, f in functions.items()),
        *(Case(f"torch.{name} of halves and integers", lambda x, y, f=f: (f(x), f(y)), (wide.bfloat16(), torch.arange(1, 9)), 3e-7) for name, f in functions.items()),
        Case("erfc's tail", lambda x: torch.log(torch.erfc(x)), (torch.linspace(0.4, 26, 99, dtype=torch.float64),), 1e-14),
        Case("erfinv", torch.erfinv, (unit,)),
        Case("erfinv of doubles", torch.erfinv, (unit.double(),), 1e-9),
        Case("polygamma", lambda x: (torch.polygamma(0, x), torch.polygamma(1, x), torch.mvlgamma(x + 2, 2)), (POSITIVE * 9,)),
        Case("nextafter", torch.nextafter, (edges[:, None], edges), 0),
        Case("nextafter of doubles", torch.nextafter, (edges.double()[:, None] * 1e-280, edges.double()), 0),
        Case("nextafter of bfloat16", torch.nextafter, (edges.bfloat16()[:, None], edges.bfloat16()), 0),
        Case("gcd and lcm", lambda x, y: (torch.gcd(x, y), torch.gcd(x[:, None], y), torch.lcm(x[:4], y[:4])), pairs),
        Case("gcd and lcm of bytes", lambda x, y: (torch.gcd(x, y), torch.lcm(x, y), torch.lcm(x, y.int())), (integers(9, 1, low=-128, high=128, dtype=torch.int8), integers(9, low=-128, high=128, dtype=torch.int8, seed=5))),
    ]  # fmt: skip


def _complex_functions() -> list[Case]:
    names = words("rsqrt exp2 expm1 log2 log10 log1p sinh cosh asinh acosh atanh asin acos atan")
    functions = [getattr(torch, name) for name in names]
    z = torch.complex(floats(40) * 3, floats(40, seed=2))
    on_cuts = [2, -2, 2j, -2j, complex(2, -0.0), complex(-2, -0.0), complex(-0.0, 2), complex(-0.0, -2), 0, 50, -100j]
    return [
        Case("functions of complex numbers", lambda x, y: tuple((f(x), f(y)) for f in functions), (z, torch.tensor(on_cuts)), 2e-5),
    ]  # fmt: skip


def _masks() -> list[Case]:
    rows, columns = torch.tensor([True, False, True]), torch.tensor([True, False, True, True])
    x, y = floats(3, 4), floats(3, 4, seed=3)
    return [
        Case("index_put at a mask", lambda x, y: (x.index_put((x > 0,), y), x.index_put((x > 0,), y, accumulate=True)), (x, floats(int((x > 0).sum()), seed=5))),
        Case("index_put of rows", lambda x, m, y: (x.index_put((m,), y[:2]), x.index_put((m,), y[0]), x.index_put((m,), y[:2, :1])), (x, rows, y)),
        Case("index_put of columns", _masked_columns, (x, columns, y)),
        Case("index_put of no values", lambda x, m, y: x.index_put((m,), y[:0]), (x, rows & False, y)),
        Case("masked_scatter", lambda x, y: (x.masked_scatter(x > 0, y), x.masked_scatter(y[0] > 0, y)), (x, y)),
        Case("repeat_interleave by counts", lambda x, n: x.repeat_interleave(n, dim=0, output_size=6), (x, torch.tensor([1, 0, 5]))),
        Case("mode", lambda x: (x.mode(0, keepdim=True).values, x.mode(1), x.float().mode(0).values), (integers(4, 7, low=0, high=3),)),
        Case("nanmedian", lambda x, i: (x.nanmedian(), x.nanmedian(1), x.nanmedian(0, keepdim=True), x[:, 4:5].nanmedian(1).values, i.nanmedian(1).values), (torch.stack([SPECIAL, SPECIAL.flip(0), floats(8)]), integers(3, 5))),
        Case("as_strided_scatter", lambda x, y: (torch.as_strided_scatter(x, y, (2, 3), (1, 6), 5), torch.as_strided_scatter(x.transpose(0, 2).contiguous().transpose(0, 2), y, (2, 3), (11, 2)), torch.as_strided_scatter(x, y[:, 2], (2,), (1,), 22)), (X, floats(2, 3))),
        Case("a diagonal set in place", lambda x: x.clone().fill_diagonal_(7.0), (floats(5, 4),)),
        Case("put", lambda x, i, y: (torch.put(x, i, y), torch.put(x, i * 0 - 1, y, accumulate=True)), (X, torch.tensor([[1, -3, 7]]), floats(1, 3))),
        Case("index_reduce", lambda x, i, y: tuple(x.index_reduce(1, i, y, how, include_self=own) for how in ("prod", "mean", "amin", "amax") for own in (True, False)), (X, torch.tensor([2, 0, 2, 2]), floats(2, 4, 4, seed=2))),
        Case("histc", lambda x: (torch.histc(x, 7, -1, 1), torch.histc(x, 4), torch.histc(x[:1], 3)), (floats(99),)),
        Case("pooling of integers", lambda x: (F.max_pool2d(x, 2), F.max_pool2d(x.int(), 2, padding=1, return_indices=True), F.avg_pool2d(x, 2, padding=1, ceil_mode=True, count_include_pad=False)), (integers(1, 2, 5, 5),)),
        Case("scatter_reduce of booleans and means of integers", lambda x, i, y: (*((x > 0).scatter_reduce(1, i, y > 0, how, include_self=own) for how in ("sum", "prod", "amin", "amax") for own in (True, False)), x.scatter_reduce(1, i, y, "mean"), x.scatter_reduce(0, i % 3, y, "mean", include_self=False)), (integers(3, 4), integers(3, 4, low=0, high=4), integers(3, 4, seed=9))),
        Case("triangles and pairs", lambda x: (torch.tril_indices(3, 4, 1), torch.triu_indices(4, 3, -1, dtype=torch.int32), F.pdist(x), F.pdist(x, 1), F.pdist(x[:1])), (x,)),
        Case("means of a scalar", lambda x: (x.mean(-1), x.half().mean(0), x.sum(0, keepdim=True)), (floats(),)),
        Case("conv_tbc", torch.conv_tbc, (floats(6, 2, 4), floats(3, 4, 5), floats(5))),
        Case("ldexp", lambda x, y: (torch.ldexp(x, y), torch.ldexp(x, (y * 9).long())), (x, y)),
        Case("rrelu", nn.RReLU(0.1, 0.5), (x,)),
    ]  # fmt: skip


def _samplers() -> list[Case]:
    rows, at, starts = floats(10, 3), integers(7, low=0, high=10), torch.tensor([0, 2, 2, 5])
    image, places = floats(2, 2, 4, 5), floats(2, 3, 3, 2) * 0.8
    return [
        *(Case(f"embedding_bag by {mode}", lambda w, i, o, mode=mode: (F.embedding_bag(i, w, o, mode=mode, padding_idx=3), F.embedding_bag(i[:6].view(2, 3), w, mode=mode)), (rows, at, starts)) for mode in ("sum", "mean", "max")),
        Case("embedding_bag with factors", lambda w, i, o, p: F.embedding_bag(i, w, o, mode="sum", per_sample_weights=p, include_last_offset=True), (rows, at, torch.tensor([0, 2, 5, 7]), floats(7))),
        Case("embedding_bag of halves", lambda w, i, o: F.embedding_bag(i, w, o, mode="max"), (rows.half(), at.int(), starts.int())),
        *(Case(f"grid_sample {mode} {padding}", lambda x, at, mode=mode, padding=padding: (F.grid_sample(x, at, mode, padding, align_corners=False), F.grid_sample(x, at, mode, padding, align_corners=True)), (image, places)) for mode, padding in (("bilinear", "zeros"), ("bilinear", "reflection"), ("nearest", "border"), ("bicubic", "zeros"))),
    ]  # fmt: skip


def _more_reductions() -> list[Case]:
    return [
        Case("prod", lambda x: (x.prod(), x.prod(1), x.prod(-1, keepdim=True)), (X,)),
        Case("prod of integers", lambda x: (x.prod(), x.prod(1), (x > 0).prod(0), x.prod(0, dtype=torch.float32)), (integers(4, 5),)),
        Case("prod of a scalar and nothing", lambda x, y: (x.prod(0), y.prod(0)), (floats(), floats(0, 2))),
        Case("prod of halves", lambda x: x.prod(1), (X.half(),), 2e-3),
        Case("dist", lambda x, y: (torch.dist(x, y), torch.dist(x, y, 1)), (X, Y)),
        *(Case(f"cdist {order}", lambda x, y, order=order: torch.cdist(x, y[:, :2], order), (X, Y)) for order in (2.0, 1.0, 3.0, float("inf"), 0.0)),
        Case("addmv", lambda c, a, v: torch.addmv(c, a, v, beta=0.5, alpha=2), (floats(3), floats(3, 4), floats(4))),
        Case("addbmm", lambda c, a, v: torch.addbmm(c, a, v, alpha=2), (floats(3, 5), floats(2, 3, 4), floats(2, 4, 5))),
        Case("bilinear", nn.Bilinear(3, 4, 5), (floats(2, 3), floats(2, 4))),
    ]  # fmt: skip


def _windows() -> list[Case]:
    spoilt = floats(1, 2, 4, 5)
    spoilt[0, 0, 1, 2], spoilt[0, 1, 3, 4] = torch.nan, torch.inf
    sizes = ((13, 5), (9, 8), (9, 11), (1, 1), (4, 24))
    return [
        Case("conv3d", nn.Conv3d(4, 3, 3, padding=1), (VOLUME,)),
        Case("conv3d all options", nn.Conv3d(4, 6, (2, 3, 1), stride=(2, 1, 3), padding=(1, 0, 2), dilation=(2, 1, 1), groups=2), (VOLUME,)),
        Case("conv3d of one sample", nn.Conv3d(4, 2, (1, 2, 2)), (floats(4, 1, 5, 6),)),
        Case("conv_transpose3d", nn.ConvTranspose3d(4, 2, 2, stride=2), (VOLUME,)),
        Case("max_pool3d", nn.MaxPool3d((2, 3, 2), stride=(1, 2, 2), padding=(1, 1, 0), ceil_mode=True), (VOLUME,)),
        Case("max_pool3d dilated", nn.MaxPool3d(2, dilation=(2, 1, 3), stride=1), (VOLUME,)),
        Case("avg_pool3d", nn.AvgPool3d(2), (VOLUME,)),
        Case("avg_pool3d padding not counted", nn.AvgPool3d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), (VOLUME,)),
        Case("adaptive_avg_pool3d", lambda x: (F.adaptive_avg_pool3d(x, (2, 3, 4)), F.adaptive_avg_pool3d(x, (5, 2, 1)), F.adaptive_avg_pool3d(x, 1)), (VOLUME,)),
        Case("adaptive_max_pool3d", nn.AdaptiveMaxPool3d((2, 3, 4)), (VOLUME,)),
        Case("adaptive_max_pool1d", nn.AdaptiveMaxPool1d(5), (WAVE,)),
        Case("local_response_norm", nn.LocalResponseNorm(3), (IMAGE,)),
        *(Case(f"bilinear to {size}", lambda x, size=size: (F.interpolate(x, size, mode="bilinear"), F.interpolate(x, size, mode="bilinear", align_corners=True)), (IMAGE,)) for size in sizes),
        Case("bilinear by factors", lambda x: (F.interpolate(x, scale_factor=2, mode="bilinear"), F.interpolate(x, scale_factor=(1.6, 0.7), mode="bilinear"), F.interpolate(x, scale_factor=1.1, mode="bilinear")), (IMAGE,)),
        Case("bilinear of NaN and infinity", lambda x: (F.interpolate(x, (8, 5), mode="bilinear"), F.interpolate(x, (4, 5), mode="bilinear"), F.interpolate(x, (7, 9), mode="bilinear", align_corners=True), F.interpolate(x, scale_factor=1.2, mode="bilinear")), (spoilt,)),
        Case("bilinear of halves and doubles", lambda x, y: (F.interpolate(x, scale_factor=2, mode="bilinear"), F.interpolate(y, (5, 17), mode="bilinear")), (IMAGE.half(), IMAGE.double()), 2e-3),
        *(Case(f"nearest to {size}", lambda x, size=size: F.interpolate(x, size), (IMAGE,), 0) for size in sizes),
        Case("nearest by factors", lambda x, y: (F.interpolate(x, scale_factor=(1.6, 0.7)), F.interpolate(y, scale_factor=2.3), F.interpolate(y, size=40)), (IMAGE, WAVE), 0),
    ]  # fmt: skip


def _composed() -> list[Case]:
    """What PyTorch takes apart itself into ops that have converters: several of a family at once."""
    return [
        Case("smooth functions", lambda x: (torch.logit(x.sigmoid()), torch.sinc(x), torch.deg2rad(x), torch.special.entr(x.abs()), torch.special.ndtr(x), torch.nan_to_num(x), torch.frac(x), torch.sgn(x), torch.square(x), torch.logaddexp(x, -x), torch.xlogy(x.abs(), x.abs())), (X,), 2e-5),
        Case("tests of numbers", lambda x, y: (torch.isfinite(x), torch.isneginf(x), torch.isposinf(x), torch.isclose(x, y), torch.nan_to_num(x), torch.nansum(x), torch.heaviside(x, y)), (SPECIAL, SPECIAL.flip(0))),
        Case("blends", lambda x, y: (torch.lerp(x, y, 0.3), torch.lerp(x, y, y), torch.addcmul(x, x, y, value=2), torch.addcdiv(x, x, y.abs() + 1, value=2), F.threshold(x, 0.1, 20), F.glu(x), F.softmin(x, 1)), (X, Y)),
        Case("losses", lambda x, y: (F.mse_loss(x, y), F.l1_loss(x, y), F.smooth_l1_loss(x, y), F.huber_loss(x, y), F.kl_div(x, y.abs()), F.soft_margin_loss(x, y.sign()), F.poisson_nll_loss(x, y), F.binary_cross_entropy(x.sigmoid(), y.sigmoid()), F.binary_cross_entropy_with_logits(x, y), F.triplet_margin_loss(x[0], y[0], y[1]), F.margin_ranking_loss(x, y, torch.ones_like(x))), (X, Y)),
        Case("reductions", lambda x: (x.logsumexp((1, 2)), x.norm(), x.norm(3, dim=1), torch.linalg.matrix_norm(x), (x > 0).all(), (x > -9).all(1), x.any(2), torch.aminmax(x, dim=1), torch.std_mean(x, 1), (x > 0).count_nonzero(1), x.diff(dim=1), torch.trapezoid(x, dim=1), torch.cumulative_trapezoid(x, dim=1)), (X,)),
        Case("matrices", lambda x, y: (torch.tril(x, -1), torch.triu(x, 1), torch.diag(x), torch.diag(y), torch.diag_embed(x, 1), torch.trace(x), torch.outer(y, y), torch.kron(x, x), torch.mv(x, y), torch.tensordot(x, x, 1), torch.linalg.cross(x[:, :3], x[:, 1:]), torch.addr(x, y, y), torch.linalg.matrix_power(x, 3), F.pairwise_distance(x, y)), (floats(4, 4), floats(4))),
        Case("ranges", lambda x: (torch.linspace(0, 1, 7), torch.logspace(0, 1, 4), torch.hann_window(6), torch.meshgrid(x, x, indexing="ij"), torch.vander(x), x.new_zeros(3), x.new_full((2,), 2.0)), (floats(3),)),
        Case("moves", lambda x: (x.repeat_interleave(2, 1), x.tile(2, 1), torch.rot90(x), x.movedim(0, 2), x.unflatten(2, (2, 2)), torch.dstack([x, x]), x.tensor_split(3, 2), F.pixel_unshuffle(x[None], 1), F.unfold(x[:, None], 2)), (X,)),
        Case("writes", _writes, (X,)),
        Case("borders", lambda x, y: tuple(F.pad(v, (1, 2, 2, 1)[: 2 * (v.ndim - 2)], mode=mode) for v in (x, y) for mode in ("reflect", "replicate", "circular")), (WAVE, IMAGE)),
        Case("other interpolations", lambda x, y, z: (F.interpolate(x, scale_factor=2, mode="linear"), F.interpolate(y, (5, 11), mode="nearest-exact"), F.interpolate(y, (5, 4), mode="area"), F.interpolate(z, scale_factor=2, mode="trilinear"), F.interpolate(z, scale_factor=2)), (WAVE, IMAGE, floats(1, 1, 2, 3, 3))),
        Case("normalisations", nn.Sequential(nn.RMSNorm(4), nn.BatchNorm3d(4), nn.ReflectionPad3d(1), nn.LPPool3d(2, 2)), (VOLUME,)),
        Case("transformer layers", nn.TransformerDecoderLayer(4, 2, 8, batch_first=True), (floats(2, 3, 4), floats(2, 5, 4))),
    ]  # fmt: skip


def _masked_columns(x: torch.Tensor, mask: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    z = torch.stack([x, x, x])
    z[0, :, mask] = y[:, :3]
    z[1] = torch.ops.aten.index_put(z[1], [None, mask], y[:, 1:], True)
    z[2][:, mask] = y[0, 0]
    z[:, 1:, mask] = y[1, :3] * z[0, 0, 0]
    return z


def _writes(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(2, 3, 4)
    y[:, 1:] += x[:, 1:]
    y[0, :, ::2] = 1
    y[..., 0].mul_(2)
    return y


CORE_CASES = (
    *_moves(),
    *_bits(),
    *_scans(),
    *_shifts(),
    *_elementwise(),
    *_special(),
    *_complex_functions(),
    *_masks(),
    *_samplers(),
    *_more_reductions(),
    *_windows(),
    *_composed(),
)
