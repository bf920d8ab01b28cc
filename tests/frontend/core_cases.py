"""Small programs for parity with PyTorch: scans, shifts, moves of elements."""

import torch

from tests.frontend.cases import SPECIAL, Case, X, Y, floats, integers


def _moves() -> list[Case]:
    return [
        Case("flip", lambda x: (x.flip(0), x.flip(-1, 1), x.flip(())), (X,)),
        Case("flip of booleans, nothing and a scalar", lambda x, y, z: ((x > 0).flip(1), y.flip(0), z.flip(())), (X, floats(0, 2), floats())),
        Case("roll", lambda x: (x.roll(1, 1), x.roll((-1, 7), (0, 2)), x.roll(5)), (X,)),
        Case("roll of nothing and a scalar", lambda x, y: (x.roll(1, 0), y.roll(3)), (floats(0, 2), floats())),
        Case("unfold", lambda x: (x.unfold(-1, 2, 1), x.unfold(1, 2, 3), x.unfold(0, 1, 1)), (X,)),
        Case("unfold of integers and a scalar", lambda x, y: (x.unfold(0, 3, 2), y.unfold(0, 1, 1)), (integers(9), floats())),
        Case("slice_scatter", lambda x, y: (torch.slice_scatter(x, y[:, 1:], 1, 1), torch.slice_scatter(x, y[:, :, :2], -1, 0, 4, 2)), (X, Y)),
        Case("slice_scatter past the end", lambda x, y: (torch.slice_scatter(x, y, 0, 1, 99, 3), torch.slice_scatter(x, y[:0], 0, 8), torch.slice_scatter(x, y[:1], 0, -2, 7, 5)), (floats(8), floats(3, seed=2))),
        Case("slice_scatter into infinities", lambda x, y: torch.slice_scatter(x, y, 0, 1, 8, 2), (SPECIAL, SPECIAL[:4])),
        Case("slice_scatter converts", lambda x, y: torch.slice_scatter(x, y, 0, 1, 8, 2), (integers(8), floats(4) * 9)),
        Case("select_scatter", lambda x, y: torch.select_scatter(x, y[:, 0], 1, -1), (X, Y)),
        Case("diagonal_scatter", lambda x, y: (torch.diagonal_scatter(x, y), torch.diagonal_scatter(x, y[:3], 2), torch.diagonal_scatter(x, y[1:], -1)), (floats(4, 5), floats(4, seed=2))),
        Case("diagonal_scatter of a batch", lambda x, y: torch.diagonal_scatter(x, y, 1, 2, 0), (X, floats(3, 1, seed=2))),
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


CORE_CASES = (*_moves(), *_scans(), *_shifts())
