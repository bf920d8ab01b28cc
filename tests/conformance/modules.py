"""Tiny modules of ours: what people call of torch, torch.nn.functional and torch.nn, each in one or a few forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Entry = tuple[str, Callable[..., Any], tuple[Any, ...]]


def floats(*shape: int, seed: int = 0) -> Tensor:
    """Seeded normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def integers(*shape: int, low: int = -9, high: int = 10, seed: int = 0, dtype: torch.dtype = torch.int64) -> Tensor:
    """Seeded integers."""
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


X, Y = floats(3, 4), floats(3, 4, seed=5)
P = X.abs() + 0.25
T = floats(2, 3, 4)
K, J = integers(3, 4), integers(3, 4, low=1, high=6, seed=3)
B, C = X > 0, Y > 0
IMAGE = floats(1, 4, 8, 8)
WAVE = floats(2, 4, 12)


def elementwise() -> list[Entry]:
    """Functions of each element."""
    unary = [
        "abs",
        "absolute",
        "neg",
        "negative",
        "positive",
        "sign",
        "sgn",
        "signbit",
        "square",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atanh",
        "sigmoid",
        "erf",
        "erfc",
        "erfinv",
        "ceil",
        "floor",
        "round",
        "trunc",
        "fix",
        "frac",
        "relu",
        "isnan",
        "isinf",
        "isfinite",
        "isposinf",
        "isneginf",
        "isreal",
        "deg2rad",
        "rad2deg",
        "logit",
        "sinc",
        "lgamma",
        "digamma",
    ]
    small = {"asin", "acos", "atanh", "erfinv", "logit"}
    positive = {"sqrt", "rsqrt", "log", "log2", "log10", "log1p", "reciprocal", "lgamma", "digamma"}
    entries: list[Entry] = []
    for name in unary:
        x = (
            torch.rand(3, 4, generator=torch.Generator().manual_seed(1)) * 0.9
            if name in small
            else P
            if name in positive
            else X
        )
        entries.append((name, getattr(torch, name), (x,)))
    for name in [
        "abs",
        "neg",
        "sign",
        "square",
        "relu",
        "bitwise_not",
        "exp",
        "sqrt",
        "sigmoid",
        "floor",
        "sin",
        "isnan",
        "logical_not",
    ]:
        entries.append((f"{name}_integer", getattr(torch, name), (J if name == "sqrt" else K,)))
    binary = "add sub mul div true_divide floor_divide remainder fmod maximum minimum fmax fmin atan2 eq ne lt le gt ge hypot copysign logaddexp logaddexp2 xlogy heaviside ldexp float_power nextafter"
    for name in binary.split():
        y = P if name in ("floor_divide", "remainder", "fmod", "xlogy") else Y
        entries.append((name, getattr(torch, name), (P if name in ("float_power", "xlogy") else X, y)))
    for name in [
        "add",
        "sub",
        "mul",
        "div",
        "floor_divide",
        "remainder",
        "fmod",
        "maximum",
        "minimum",
        "eq",
        "lt",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "bitwise_left_shift",
        "bitwise_right_shift",
        "pow",
        "gcd",
        "lcm",
        "logical_and",
        "logical_or",
        "logical_xor",
    ]:
        entries.append((f"{name}_integer", getattr(torch, name), (J if "shift" in name or name == "pow" else K, J)))
    entries += [
        ("pow_scalar", lambda x: torch.pow(x, 2.5), (P,)),
        ("pow_scalar_base", lambda x: torch.pow(2, x), (X,)),
        ("pow_integer_scalar", lambda x: x**9, (J,)),
        ("pow_negative", lambda x: x**-3, (P,)),
        ("add_alpha", lambda x, y: torch.add(x, y, alpha=0.5), (X, Y)),
        ("add_broadcast", lambda x, y: x + y[:, None], (X, floats(3))),
        ("rsub", lambda x: torch.rsub(x, 2, alpha=3), (X,)),
        ("addcmul", lambda x, y, z: torch.addcmul(x, y, z, value=0.5), (X, Y, P)),
        ("addcdiv", lambda x, y, z: torch.addcdiv(x, y, z, value=0.5), (X, Y, P)),
        ("lerp", lambda x, y: torch.lerp(x, y, 0.3), (X, Y)),
        ("lerp_tensor", torch.lerp, (X, Y, P)),
        ("clamp", lambda x: torch.clamp(x, -0.5, 0.5), (X,)),
        ("clip", lambda x: torch.clip(x, min=0.1), (X,)),
        ("clamp_integer", lambda x: x.clamp(-3, 3), (K,)),
        ("where", torch.where, (B, X, Y)),
        ("where_scalars", lambda b: torch.where(b, 1.0, 0.0), (B,)),
        ("masked_fill", lambda x, b: x.masked_fill(b, -1e9), (X, B)),
        ("nan_to_num", torch.nan_to_num, (torch.tensor([1.0, math.nan, math.inf, -math.inf]),)),
        ("isclose", torch.isclose, (X, X + 1e-9)),
        ("allclose_by_hand", lambda x, y: ((x - y).abs() < 0.1).all(), (X, Y)),
        ("bool_and", lambda b, c: b & c, (B, C)),
        ("bool_not", lambda b: ~b, (B,)),
        ("bool_sum", lambda b: b.sum(-1), (B,)),
        ("shift_number", lambda x: (x << 2) >> 1, (K,)),
        ("mod_number", lambda x: x % 3, (K,)),
        ("mod_negative_float", lambda x: x % -0.7, (X,)),
        ("floordiv_number", lambda x: x // 2, (K,)),
        ("floordiv_float", lambda x: x // 0.3, (X,)),
        ("div_floor", lambda x: torch.div(x, 0.3, rounding_mode="floor"), (X,)),
        ("div_trunc", lambda x: torch.div(x, 4, rounding_mode="trunc"), (K,)),
        ("round_decimals", lambda x: torch.round(x, decimals=2), (X,)),
        ("to_integer", lambda x: (x * 10).to(torch.int32), (X,)),
        ("to_half_and_back", lambda x: x.half().float(), (X,)),
        ("to_bool", lambda x: x.bool(), (K,)),
        ("type_as", lambda x, y: x.type_as(y), (K, X)),
        ("mixed_dtypes", lambda x, i: x * i + 1, (X, K)),
        ("int8_wraps", lambda x: x + x, (integers(20, low=-100, high=120, dtype=torch.int8),)),
        ("uint8", lambda x: x + 200, (integers(20, low=0, high=255, dtype=torch.uint8),)),
        ("uint8_to_float", lambda x: x.float() / 255, (integers(20, low=0, high=255, dtype=torch.uint8),)),
    ]
    return entries


def activations() -> list[Entry]:
    """torch.nn.functional's activations and normalisations."""
    names = "relu relu6 elu selu celu leaky_relu gelu silu mish softplus softsign tanhshrink hardtanh hardsigmoid hardswish hardshrink softshrink logsigmoid sigmoid tanh"
    entries: list[Entry] = [(name, getattr(F, name), (X * 3,)) for name in names.split()]
    entries += [
        ("leaky_relu_slope", lambda x: F.leaky_relu(x, 0.3), (X,)),
        ("elu_alpha", lambda x: F.elu(x, alpha=0.7), (X,)),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), (X,)),
        ("softplus_beta", lambda x: F.softplus(x, beta=2, threshold=1), (X,)),
        ("hardtanh_limits", lambda x: F.hardtanh(x, -0.3, 0.6), (X,)),
        ("threshold", lambda x: F.threshold(x, 0.1, 20), (X,)),
        ("prelu", nn.PReLU(4), (floats(2, 4, 5),)),
        ("rrelu", nn.RReLU(), (X,)),
        ("glu", lambda x: F.glu(x, -1), (X,)),
        ("softmax", lambda x: F.softmax(x, -1), (T,)),
        ("softmax_float64", lambda x: F.softmax(x, 0, dtype=torch.float64), (T,)),
        ("softmin", lambda x: F.softmin(x, 1), (T,)),
        ("log_softmax", lambda x: F.log_softmax(x, 1), (T,)),
        ("gumbel_free_argmax", lambda x: F.one_hot(x.argmax(-1), 4).float(), (X,)),
        ("layer_norm", nn.LayerNorm(4), (T,)),
        ("layer_norm_two_dims", nn.LayerNorm((3, 4)), (T,)),
        ("rms_norm", nn.RMSNorm(4), (T,)),
        ("batch_norm1d", nn.BatchNorm1d(4), (WAVE,)),
        ("batch_norm2d", nn.BatchNorm2d(4), (IMAGE,)),
        ("batch_norm3d", nn.BatchNorm3d(2), (floats(1, 2, 3, 4, 5),)),
        ("instance_norm", nn.InstanceNorm2d(4, affine=True), (IMAGE,)),
        ("group_norm", nn.GroupNorm(2, 4), (IMAGE,)),
        ("local_response_norm", nn.LocalResponseNorm(3), (IMAGE,)),
        ("normalize", lambda x: F.normalize(x, dim=-1), (T,)),
        ("normalize_l1", lambda x: F.normalize(x, p=1, dim=0), (T,)),
        ("dropout", nn.Dropout(), (X,)),
        ("dropout2d", nn.Dropout2d(), (IMAGE,)),
        ("alpha_dropout", nn.AlphaDropout(), (X,)),
        ("identity", nn.Identity(), (X,)),
    ]
    return entries


def reductions() -> list[Entry]:
    """Reductions, scans, sorting."""
    entries: list[Entry] = []
    for name in [
        "sum",
        "mean",
        "prod",
        "amax",
        "amin",
        "max",
        "min",
        "argmax",
        "argmin",
        "std",
        "var",
        "norm",
        "median",
        "logsumexp",
        "all",
        "any",
        "nansum",
        "nanmean",
        "count_nonzero",
    ]:
        function = getattr(torch, name)
        x = B if name in ("all", "any") else T
        if name != "logsumexp":
            entries.append((name, function, (x,)))
        entries.append((f"{name}_dim", lambda x, function=function: function(x, dim=1), (x,)))
        entries.append(
            (
                f"{name}_keepdim",
                lambda x, function=function, k={} if name == "count_nonzero" else {"keepdim": True}: function(
                    x, dim=-1, **k
                ),
                (x,),
            )
        )
    entries += [
        ("sum_dims", lambda x: x.sum((0, 2)), (T,)),
        ("sum_integer", lambda x: x.sum(0), (K,)),
        ("sum_int32", lambda x: x.sum(), (K.int(),)),
        ("mean_dtype", lambda x: x.mean(dtype=torch.float64), (T,)),
        ("prod_integer", lambda x: x.prod(1), (J,)),
        ("max_integer", lambda x: x.max(1), (K,)),
        ("var_biased", lambda x: x.var(1, unbiased=False), (T,)),
        ("std_correction", lambda x: torch.std(x, dim=(0, 2), correction=2), (T,)),
        ("var_mean", lambda x: torch.var_mean(x, dim=1), (T,)),
        ("std_mean", torch.std_mean, (T,)),
        ("aminmax", lambda x: torch.aminmax(x, dim=1), (X,)),
        ("norm_1", lambda x: torch.norm(x, p=1), (X,)),
        ("norm_inf", lambda x: torch.linalg.norm(x, ord=math.inf, dim=1), (X,)),
        ("matrix_norm", torch.linalg.matrix_norm, (X,)),
        ("dist", torch.dist, (X, Y)),
        ("cdist", torch.cdist, (floats(4, 3), floats(5, 3))),
        ("cumsum", lambda x: x.cumsum(1), (T,)),
        ("cumsum_integer", lambda x: x.cumsum(0), (K,)),
        ("cumprod", lambda x: x.cumprod(-1), (T,)),
        ("cummax", lambda x: x.cummax(1), (T,)),
        ("cummin", lambda x: x.cummin(1), (T,)),
        ("logcumsumexp", lambda x: torch.logcumsumexp(x, 1), (T,)),
        ("diff", torch.diff, (X,)),
        ("sort", lambda x: x.sort(-1), (T,)),
        ("sort_descending", lambda x: torch.sort(x, dim=0, descending=True), (T,)),
        ("argsort", torch.argsort, (X,)),
        ("topk", lambda x: x.topk(2), (T,)),
        ("kthvalue", lambda x: x.kthvalue(2), (X,)),
        ("mode", lambda x: x.mode(1), (K,)),
        ("quantile", lambda x: torch.quantile(x, 0.4, dim=1), (X,)),
        ("bincount", lambda x: torch.bincount(x, minlength=6), (J.reshape(-1),)),
        ("histc", lambda x: torch.histc(x, bins=5, min=-1, max=1), (X,)),
        ("searchsorted", torch.searchsorted, (torch.tensor([-1.0, 0.0, 1.0]), X)),
        ("bucketize", torch.bucketize, (X, torch.tensor([-1.0, 0.0, 1.0]))),
        ("trapezoid", torch.trapezoid, (X,)),
        ("cov", torch.cov, (X,)),
        ("corrcoef", torch.corrcoef, (X,)),
    ]
    return entries


def shapes() -> list[Entry]:
    """Shapes, indexing, creation."""
    return [
        ("view", lambda x: x.view(4, 6), (T,)),
        ("reshape_negative", lambda x: x.reshape(-1, 2), (T,)),
        ("flatten", lambda x: torch.flatten(x, 1), (T,)),
        ("unflatten", lambda x: x.unflatten(-1, (2, 2)), (T,)),
        ("squeeze", lambda x: x.unsqueeze(1).squeeze(1), (T,)),
        ("permute", lambda x: x.permute(2, 0, 1), (T,)),
        ("transpose", lambda x: x.transpose(-1, 0), (T,)),
        ("t", torch.t, (X,)),
        ("mT", lambda x: x.mT, (T,)),
        ("movedim", lambda x: torch.movedim(x, 0, -1), (T,)),
        ("swapaxes", lambda x: torch.swapaxes(x, 0, 1), (T,)),
        ("expand", lambda x: x[:, None].expand(-1, 5, -1), (X,)),
        ("broadcast_to", lambda x: torch.broadcast_to(x, (2, 3, 4)), (X,)),
        ("repeat", lambda x: x.repeat(2, 3), (X,)),
        ("tile", lambda x: torch.tile(x, (2,)), (X,)),
        ("repeat_interleave", lambda x: x.repeat_interleave(2, dim=1), (X,)),
        ("cat", lambda x, y: torch.cat((x, y), 1), (X, Y)),
        ("stack", lambda x, y: torch.stack((x, y), -1), (X, Y)),
        ("hstack", lambda x, y: torch.hstack((x, y)), (X, Y)),
        ("vstack", lambda x, y: torch.vstack((x, y)), (X, Y)),
        ("split", lambda x: x.split(2, 1), (X,)),
        ("chunk", lambda x: x.chunk(2, -1), (X,)),
        ("tensor_split", lambda x: torch.tensor_split(x, 3, 1), (X,)),
        ("unbind", lambda x: x.unbind(0), (X,)),
        ("select", lambda x: x.select(1, -1), (T,)),
        ("narrow", lambda x: x.narrow(1, 1, 2), (T,)),
        ("slice_step", lambda x: x[:, ::2, 1:], (T,)),
        ("ellipsis", lambda x: x[..., 0], (T,)),
        ("newaxis", lambda x: x[:, None, :, None], (X,)),
        ("index_list", lambda x: x[[2, 0]], (X,)),
        ("index_tensor", lambda x, i: x[i], (X, torch.tensor([1, 2, 0, 1]))),
        ("index_two", lambda x, i, j: x[i, j], (X, torch.tensor([0, 2]), torch.tensor([3, 1]))),
        ("index_select", lambda x, i: x.index_select(1, i), (X, torch.tensor([3, 0]))),
        ("gather", lambda x, i: x.gather(1, i), (X, integers(3, 2, low=0, high=4))),
        ("scatter", lambda x, i, y: x.scatter(1, i, y), (X, torch.tensor([[0, 1], [2, 3], [1, 0]]), Y)),
        ("scatter_add", lambda x, i, y: x.scatter_add(0, i, y), (X, integers(3, 4, low=0, high=3), Y)),
        ("index_put", lambda x, i, y: x.index_put((i,), y), (X, torch.tensor([0, 2]), floats(2, 4))),
        ("assign_slice", lambda x: _assigned(x), (X,)),
        ("masked_select_sum", lambda x, b: (x * b).sum(), (X, B)),
        ("take", torch.take, (X, torch.tensor([0, 5, 11]))),
        ("take_along_dim", lambda x, i: torch.take_along_dim(x, i, 1), (X, integers(3, 2, low=0, high=4))),
        ("flip", lambda x: x.flip(0, 1), (X,)),
        ("fliplr", torch.fliplr, (X,)),
        ("rot90", torch.rot90, (X,)),
        ("roll", lambda x: x.roll(1, 0), (X,)),
        ("roll_two", lambda x: torch.roll(x, (1, -2), (0, 1)), (X,)),
        ("tril", torch.tril, (X,)),
        ("triu_diagonal", lambda x: torch.triu(x, 1), (X,)),
        ("diagonal", torch.diagonal, (X,)),
        ("diag", torch.diag, (floats(4),)),
        ("diag_embed", torch.diag_embed, (X,)),
        ("trace", torch.trace, (X,)),
        ("eye_times", lambda x: x @ torch.eye(4), (X,)),
        ("arange_plus", lambda x: x + torch.arange(4), (X,)),
        ("linspace", lambda x: x * torch.linspace(0, 1, 4), (X,)),
        ("logspace", lambda x: x * torch.logspace(0, 1, 4), (X,)),
        ("zeros_like", lambda x: torch.zeros_like(x) + x, (X,)),
        ("full", lambda x: torch.full((3, 4), 2.5) * x, (X,)),
        ("new_ones", lambda x: x.new_ones(2, 2), (X,)),
        ("meshgrid", lambda x, y: torch.meshgrid(x, y, indexing="ij"), (floats(3), floats(4))),
        ("cartesian_prod", torch.cartesian_prod, (floats(3), floats(2))),
        ("combinations", torch.combinations, (floats(4),)),
        ("unfold", lambda x: x.unfold(1, 2, 1), (X,)),
        ("pad", lambda x: F.pad(x, (1, 2)), (X,)),
        ("pad_value", lambda x: F.pad(x, (0, 1, 2, 0), value=3.0), (X,)),
        ("pad_reflect", lambda x: F.pad(x, (1, 1, 2, 2), mode="reflect"), (IMAGE,)),
        ("pad_replicate", lambda x: F.pad(x, (1, 1), mode="replicate"), (WAVE,)),
        ("pad_circular", lambda x: F.pad(x, (1, 1), mode="circular"), (WAVE,)),
        ("zero_pad2d", nn.ZeroPad2d(1), (IMAGE,)),
        ("reflection_pad1d", nn.ReflectionPad1d(2), (WAVE,)),
        ("one_hot", lambda i: F.one_hot(i, 6), (J,)),
        ("embedding", nn.Embedding(10, 3), (J,)),
        ("embedding_bag", nn.EmbeddingBag(10, 3, mode="mean"), (J,)),
        ("pixel_shuffle", nn.PixelShuffle(2), (IMAGE,)),
        ("pixel_unshuffle", nn.PixelUnshuffle(2), (IMAGE,)),
        ("channel_shuffle", lambda x: F.channel_shuffle(x, 2), (IMAGE,)),
        ("fold", lambda x: F.fold(x, (4, 4), 2, stride=2), (floats(1, 8, 4),)),
        ("im2col", lambda x: F.unfold(x, 3, padding=1), (IMAGE,)),
        ("block_diag", torch.block_diag, (X, Y)),
        ("scalar_output", lambda x: x.sum() * 2, (X,)),
        ("dict_output", lambda x: {"a": x + 1, "b": [x * 2, x]}, (X,)),
        ("empty_tensor", lambda x: x[:0] + 1, (X,)),
        ("zero_dim", lambda x: x[0, 0] * 2, (X,)),
        ("complex_abs", lambda x: torch.fft.fft(x).abs(), (X,)),
        ("rfft_irfft", lambda x: torch.fft.irfft(torch.fft.rfft(x)), (X,)),
        ("view_as_complex", lambda x: torch.view_as_complex(x.reshape(6, 2)) * 1j, (X,)),
    ]


def _assigned(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1] = 0
    y[0] += 1
    return y


def layers() -> list[Entry]:
    """Products, convolutions, pools, attention, recurrences, losses."""
    entries: list[Entry] = [
        ("mm", torch.mm, (X, floats(4, 5))),
        ("matmul_batched", torch.matmul, (T, floats(4, 5))),
        ("matmul_broadcast", torch.matmul, (floats(2, 1, 3, 4), floats(5, 4, 2))),
        ("bmm", torch.bmm, (T, floats(2, 4, 5))),
        ("mv", torch.mv, (X, floats(4))),
        ("dot", torch.dot, (floats(5), floats(5, seed=2))),
        ("outer", torch.outer, (floats(3), floats(4))),
        ("addmm", lambda c, x, y: torch.addmm(c, x, y, beta=0.5, alpha=2), (floats(3, 5), X, floats(4, 5))),
        ("baddbmm", torch.baddbmm, (floats(2, 3, 5), T, floats(2, 4, 5))),
        ("mm_integer", torch.mm, (K, J.t().contiguous())),
        ("einsum", lambda x, y: torch.einsum("bij,jk->bik", x, y), (T, floats(4, 5))),
        ("einsum_trace", lambda x: torch.einsum("ij->j", x), (X,)),
        ("tensordot", lambda x, y: torch.tensordot(x, y, dims=([1, 2], [0, 1])), (T, floats(3, 4, 2))),
        ("kron", torch.kron, (X, floats(2, 2))),
        ("cross", torch.linalg.cross, (floats(4, 3), floats(4, 3, seed=3))),
        ("matrix_power", lambda x: torch.linalg.matrix_power(x, 3), (floats(3, 3),)),
        ("linear", nn.Linear(4, 5), (T,)),
        ("linear_no_bias", nn.Linear(4, 5, bias=False), (floats(4),)),
        ("bilinear", nn.Bilinear(4, 3, 5), (X, floats(3, 3))),
        ("conv1d", nn.Conv1d(4, 6, 3), (WAVE,)),
        ("conv1d_options", nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (WAVE,)),
        ("conv1d_same", nn.Conv1d(4, 6, 3, padding="same"), (WAVE,)),
        ("conv2d", nn.Conv2d(4, 6, 3), (IMAGE,)),
        ("conv2d_options", nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, bias=False), (IMAGE,)),
        ("conv2d_depthwise", nn.Conv2d(4, 4, 3, groups=4, padding=1), (IMAGE,)),
        ("conv2d_reflect", nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), (IMAGE,)),
        ("conv2d_one_image", nn.Conv2d(4, 2, 3), (IMAGE[0],)),
        ("conv3d", nn.Conv3d(2, 3, 2), (floats(1, 2, 4, 4, 4),)),
        ("conv_transpose1d", nn.ConvTranspose1d(4, 3, 3, stride=2), (WAVE,)),
        ("conv_transpose2d", nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), (IMAGE,)),
        ("conv_transpose2d_groups", nn.ConvTranspose2d(4, 4, 3, groups=2), (IMAGE,)),
        ("conv_transpose3d", nn.ConvTranspose3d(2, 3, 2), (floats(1, 2, 3, 3, 3),)),
        ("max_pool1d", nn.MaxPool1d(2), (WAVE,)),
        ("max_pool2d", nn.MaxPool2d(3, 2, 1), (IMAGE,)),
        ("max_pool2d_indices", nn.MaxPool2d(2, return_indices=True), (IMAGE,)),
        ("max_pool3d", nn.MaxPool3d(2), (floats(1, 2, 4, 4, 4),)),
        ("avg_pool1d", nn.AvgPool1d(3, 2), (WAVE,)),
        ("avg_pool2d", nn.AvgPool2d(3, 2, 1, ceil_mode=True), (IMAGE,)),
        ("avg_pool3d", nn.AvgPool3d(2), (floats(1, 2, 4, 4, 4),)),
        ("lp_pool2d", nn.LPPool2d(2, 2), (IMAGE,)),
        ("adaptive_avg_pool1d", nn.AdaptiveAvgPool1d(5), (WAVE,)),
        ("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((3, 5)), (IMAGE,)),
        ("adaptive_avg_pool3d", nn.AdaptiveAvgPool3d(2), (floats(1, 2, 4, 4, 4),)),
        ("adaptive_max_pool1d", nn.AdaptiveMaxPool1d(3), (WAVE,)),
        ("adaptive_max_pool2d", nn.AdaptiveMaxPool2d(3), (IMAGE,)),
        ("upsample_nearest", nn.Upsample(scale_factor=2), (IMAGE,)),
        ("upsample_bilinear", nn.Upsample(scale_factor=2, mode="bilinear"), (IMAGE,)),
        (
            "upsample_bilinear_aligned",
            lambda x: F.interpolate(x, (5, 11), mode="bilinear", align_corners=True),
            (IMAGE,),
        ),
        ("upsample_bicubic", lambda x: F.interpolate(x, (5, 11), mode="bicubic"), (IMAGE,)),
        ("upsample_linear", lambda x: F.interpolate(x, 19, mode="linear"), (WAVE,)),
        ("upsample_nearest_exact", lambda x: F.interpolate(x, (5, 11), mode="nearest-exact"), (IMAGE,)),
        ("upsample_area", lambda x: F.interpolate(x, (4, 4), mode="area"), (IMAGE,)),
        (
            "grid_sample",
            lambda x, g: F.grid_sample(x, g, align_corners=False),
            (IMAGE, torch.rand(1, 5, 5, 2, generator=torch.Generator().manual_seed(4)) * 2 - 1),
        ),
        ("affine_grid", lambda t: F.affine_grid(t, [1, 1, 3, 4], align_corners=False), (floats(1, 2, 3),)),
        (
            "sdpa",
            F.scaled_dot_product_attention,
            (floats(1, 2, 5, 4), floats(1, 2, 5, 4, seed=1), floats(1, 2, 5, 4, seed=2)),
        ),
        (
            "sdpa_causal",
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            (floats(1, 2, 5, 4), floats(1, 2, 5, 4, seed=1), floats(1, 2, 5, 4, seed=2)),
        ),
        ("multihead_attention", _Attention(), (floats(2, 5, 8),)),
        ("encoder_layer", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (floats(2, 5, 8),)),
        ("decoder_layer", nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), (floats(2, 5, 8), floats(2, 6, 8))),
        ("rnn", nn.RNN(4, 5, batch_first=True), (T,)),
        ("lstm", nn.LSTM(4, 5, batch_first=True), (T,)),
        ("gru_bidirectional", nn.GRU(4, 5, num_layers=2, bidirectional=True), (T,)),
        ("lstm_cell", nn.LSTMCell(4, 5), (X,)),
        ("gru_cell", nn.GRUCell(4, 5), (X,)),
        ("rnn_cell", nn.RNNCell(4, 5), (X,)),
        ("mse_loss", F.mse_loss, (X, Y)),
        ("l1_loss", F.l1_loss, (X, Y)),
        ("smooth_l1_loss", F.smooth_l1_loss, (X, Y)),
        ("huber_loss", lambda x, y: F.huber_loss(x, y, delta=0.5), (X, Y)),
        ("bce", F.binary_cross_entropy, (torch.sigmoid(X), torch.sigmoid(Y))),
        ("bce_with_logits", F.binary_cross_entropy_with_logits, (X, torch.sigmoid(Y))),
        ("cross_entropy", F.cross_entropy, (X, torch.tensor([0, 3, 1]))),
        ("cross_entropy_probabilities", F.cross_entropy, (X, F.softmax(Y, -1))),
        ("nll_loss", F.nll_loss, (F.log_softmax(X, -1), torch.tensor([0, 3, 1]))),
        ("kl_div", lambda x, y: F.kl_div(x, y, reduction="batchmean"), (F.log_softmax(X, -1), F.softmax(Y, -1))),
        ("poisson_nll_loss", F.poisson_nll_loss, (X, P)),
        ("gaussian_nll_loss", F.gaussian_nll_loss, (X, Y, P)),
        ("hinge_embedding_loss", F.hinge_embedding_loss, (X, torch.where(B, 1.0, -1.0))),
        ("margin_ranking_loss", F.margin_ranking_loss, (X, Y, torch.where(B, 1.0, -1.0))),
        ("soft_margin_loss", F.soft_margin_loss, (X, torch.where(B, 1.0, -1.0))),
        ("triplet_margin_loss", F.triplet_margin_loss, (X, Y, P)),
        ("cosine_embedding_loss", F.cosine_embedding_loss, (X, Y, torch.tensor([1.0, -1.0, 1.0]))),
        ("multilabel_soft_margin_loss", F.multilabel_soft_margin_loss, (X, B.float())),
        ("cosine_similarity", nn.CosineSimilarity(), (X, Y)),
        ("pairwise_distance", nn.PairwiseDistance(), (X, Y)),
        ("mlp", nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(-1)), (X,)),
        ("residual", _Residual(), (IMAGE,)),
        (
            "conv_bn_relu_pool",
            nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            (IMAGE,),
        ),
    ]
    return entries


def empty() -> list[Entry]:
    """Tensors without elements, taken and given."""
    rows, images = torch.zeros(0, 3), torch.zeros(0, 2, 8, 8)
    return [
        ("add", lambda z: z + 1, (rows,)),
        ("sum_to_zeros", lambda z: z.sum(0), (rows,)),
        ("sum_to_nothing", lambda z: z.sum(1), (rows,)),
        ("cat", lambda z, x: torch.cat([z, x]) * 2, (rows, floats(2, 3))),
        ("slice", lambda x: x[:0] + 1, (X,)),
        ("mm", lambda z: z @ torch.ones(3, 2), (rows,)),
        ("mm_of_no_products", lambda z: z.t() @ torch.ones(0, 2), (rows,)),
        ("identity", lambda z: z, (rows,)),
        ("view", lambda z: z.view(3, 0), (rows,)),
        ("softmax", lambda z: F.softmax(z, 1), (rows,)),
        ("max_pool", lambda w: F.max_pool2d(w, 2), (images,)),
        ("avg_pool", lambda w: F.avg_pool2d(w, 2), (images,)),
        ("conv2d", lambda w: F.conv2d(w, torch.ones(3, 2, 3, 3)), (images,)),
        ("relu_flatten", lambda w: F.relu(w).flatten(1), (images,)),
        ("pad", lambda w: F.pad(w, (1, 1)), (images,)),
        ("pad_nothing", lambda z: F.pad(z, (0, 0, 2, 0), value=1.5), (rows,)),
        ("cumsum", lambda w: w.cumsum(1), (images,)),
        ("sort", lambda w: w.sort(1), (images,)),
        ("select", lambda w: w[:, 1], (images,)),
        ("flip", lambda w: w.flip(2), (images,)),
        ("layer_norm", lambda w: F.layer_norm(w, (8, 8)), (images,)),
        ("interpolate", lambda w: F.interpolate(w, scale_factor=2), (images,)),
    ]


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.attention(x, x, x)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(x) + x)
