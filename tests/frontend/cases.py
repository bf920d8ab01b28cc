"""Small programs for parity with PyTorch: one or a few ops each, named after the op, with their inputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

Forward = Callable[..., object]


@dataclass(frozen=True)
class Case:
    """A function or module and the inputs to compare on; `tolerance` is relative to the output's magnitude."""

    name: str
    forward: Forward
    inputs: tuple[torch.Tensor, ...]
    tolerance: float = 1e-5


class Program(nn.Module):
    """A function as a module."""

    def __init__(self, forward: Forward):
        super().__init__()
        self.function = forward

    def forward(self, *args: torch.Tensor) -> object:
        return self.function(*args)


def module_of(case: Case) -> nn.Module:
    """The case's module in eval mode."""
    return (case.forward if isinstance(case.forward, nn.Module) else Program(case.forward)).eval()


def floats(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """Seeded normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def integers(
    *shape: int, low: int = -5, high: int = 6, dtype: torch.dtype = torch.int64, seed: int = 1
) -> torch.Tensor:
    """Seeded integers."""
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


X = floats(2, 3, 4)
Y = floats(2, 3, 4, seed=7)
POSITIVE = floats(2, 3, 4).abs() + 0.1
SPECIAL = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.5, -2.5, 0.5])
IMAGE = floats(2, 4, 9, 8)
WAVE = floats(2, 3, 17)


def _unary() -> list[Case]:
    names = words(
        "exp expm1 sin cos tan sinh cosh tanh asinh atan sigmoid erf neg abs sign floor ceil trunc round relu exp2"
        " square isnan isinf"
    )
    cases = [Case(f"torch.{name}", getattr(torch, name), (X,)) for name in names]
    cases += [Case(f"torch.{name} special", getattr(torch, name), (SPECIAL,)) for name in names]
    cases += [
        Case(f"torch.{name} positive", getattr(torch, name), (POSITIVE,))
        for name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal")
    ]
    cases += [
        Case(f"torch.{name} small", getattr(torch, name), (X.clamp(-0.9, 0.9),)) for name in ("asin", "acos", "atanh")
    ]
    cases += [Case("torch.acosh", torch.acosh, (POSITIVE + 1,))]
    activations = (
        F.relu, F.relu6, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.hardtanh, F.hardsigmoid, F.hardswish,
        F.softplus, F.mish, F.softsign, F.logsigmoid, F.tanhshrink, F.hardshrink, F.softshrink,
    )  # fmt: skip
    cases += [Case(f"F.{activation.__name__}", activation, (X * 4,)) for activation in activations]
    cases += [
        Case("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), (X,)),
        Case("leaky_relu special", lambda x: F.leaky_relu(x, 0.1), (SPECIAL,)),
        Case("prelu", nn.PReLU(3), (X,)),
    ]
    integer_input = (integers(3, 4),)
    cases += [
        Case("relu of integers", torch.relu, integer_input),
        Case("abs of integers", torch.abs, integer_input),
        Case("floor of integers", torch.floor, integer_input),
        Case("sigmoid of integers", torch.sigmoid, integer_input),
        Case("neg of int32", torch.neg, (integers(3, dtype=torch.int32),)),
        Case("sigmoid of halves", torch.sigmoid, (X.half(),), 2e-3),
        Case("exp of bfloat16", torch.exp, (X.bfloat16(),), 2e-2),
        Case("exp of doubles", torch.exp, (X.double(),), 1e-12),
        Case("logical_not", torch.logical_not, integer_input),
        Case("logical_not of floats", torch.logical_not, (SPECIAL,)),
        Case("sign of booleans", lambda x: torch.sign(x > 0), (X,)),
        Case("bitwise_not", torch.bitwise_not, integer_input),
        Case("bitwise_not of booleans", lambda x: ~(x > 0), (X,)),
    ]
    return cases


def _binary() -> list[Case]:
    cases = [
        Case(f"torch.{name}", getattr(torch, name), (X, Y))
        for name in words("add sub mul div maximum minimum atan2 eq ne lt le gt ge")
    ]
    cases += [
        Case("add alpha", lambda x, y: torch.add(x, y, alpha=2.5), (X, Y)),
        Case("sub alpha", lambda x, y: torch.sub(x, y, alpha=3), (X, Y)),
        Case("rsub", lambda x: 1 - x, (X,)),
        Case("rdiv", lambda x: 2 / x, (POSITIVE,)),
        Case("add number", lambda x: x + 1, (X,)),
        Case("mul infinity", lambda x: x * float("inf"), (X,)),
        Case("broadcast trailing", torch.add, (X, floats(4))),
        Case("broadcast middle", torch.mul, (X, floats(2, 1, 4))),
        Case("broadcast both", torch.mul, (floats(3, 1), floats(1, 5))),
        Case("broadcast scalar tensor", torch.add, (X, torch.tensor(2.5))),
        Case("scalar tensors", torch.add, (torch.tensor(1.5), torch.tensor(2.5))),
        Case("same twice", lambda x: x * x + x, (X,)),
        Case("float plus integer", torch.add, (X, integers(4))),
        Case("half plus float", torch.add, (X.half(), Y), 2e-3),
        Case("half plus half", torch.add, (X.half(), Y.half()), 2e-3),
        Case("float plus double scalar tensor", torch.add, (X, torch.tensor(1.1, dtype=torch.float64))),
        Case("integer times float number", lambda x: x * 2.5, (integers(3, 4),)),
        Case("integer division", torch.div, (integers(3, 4), torch.full((4,), 3))),
        Case("integer floor division", lambda x, y: torch.div(x, y, rounding_mode="floor"), (integers(20), torch.full((20,), 3))),
        Case("integer trunc division", lambda x, y: torch.div(x, y, rounding_mode="trunc"), (integers(20), torch.full((20,), -3))),
        Case("float trunc division", lambda x: torch.div(x, 0.7, rounding_mode="trunc"), (X * 5,)),
        Case("integer remainder", torch.remainder, (integers(20), torch.tensor(-3))),
        Case("integer fmod", torch.fmod, (integers(20), torch.tensor(3))),
        Case("boolean plus boolean", lambda x, y: (x > 0) + (y > 0), (X, Y)),
        Case("boolean times float", lambda x, y: (x > 0) * y, (X, Y)),
        Case("boolean plus integer", lambda x: (x > 0) + 1, (X,)),
        Case("compare with number", lambda x: x > 0.25, (X,)),
        Case("compare integer with float number", lambda x: x >= 0.5, (integers(3, 4),)),
        Case("compare special", lambda x, y: (x < y, x == y, x != y), (SPECIAL, SPECIAL.flip(0))),
        Case("compare booleans", lambda x, y: (x > 0) < (y > 0), (X, Y)),
        Case("maximum special", torch.maximum, (SPECIAL, SPECIAL.flip(0))),
        Case("logical", lambda x, y: (torch.logical_and(x, y), torch.logical_or(x, y), torch.logical_xor(x, y)),
             (integers(4, 4, low=0, high=2), integers(4, 4, low=0, high=2, seed=3))),
        Case("bitwise", lambda x, y: (x & y, x | y, x ^ y, x & 6), (integers(4, 4), integers(4, 4, seed=3))),
        Case("where", lambda x, y: torch.where(x > 0, x, y), (X, Y)),
        Case("where number", lambda x: torch.where(x > 0, x, -1.0), (X,)),
        Case("where promotes", lambda x, y: torch.where(y > 0, x, y), (X, integers(2, 3, 4))),
        Case("masked_fill", lambda x: x.masked_fill(x > 0, float("-inf")), (X,)),
        Case("clamp", lambda x: torch.clamp(x, -0.5, 0.5), (X,)),
        Case("clamp low", lambda x: torch.clamp(x, min=0.2), (X,)),
        Case("clamp high", lambda x: torch.clamp(x, max=0.2), (X,)),
        Case("clamp special", lambda x: torch.clamp(x, -1, 1), (SPECIAL,)),
        Case("clamp integers with floats", lambda x: torch.clamp(x, -1.5, 2.5), (integers(9),)),
        Case("clamp tensors", lambda x, y: torch.clamp(x, y, y + 0.5), (X, floats(4))),
        Case("pow 2", lambda x: x**2, (X,)),
        Case("pow 3", lambda x: x**3, (X,)),
        Case("pow 0.5", lambda x: x**0.5, (POSITIVE,)),
        Case("pow -1", lambda x: x**-1, (POSITIVE,)),
        Case("pow -2", lambda x: x**-2, (POSITIVE,)),
        Case("pow 2.3", lambda x: x**2.3, (POSITIVE,)),
        Case("pow of number", lambda x: 2.0**x, (X,)),
        Case("pow tensor", torch.pow, (POSITIVE, Y)),
        Case("pow of integers", lambda x: x**3, (integers(3, 4),)),
        Case("casts", lambda x: (x.long(), x.bool(), x.half(), x.double(), x.int(), x.to(torch.int16)), (X * 3,), 2e-3),
        Case("cast of booleans", lambda x: ((x > 0).float(), (x > 0).long()), (X,)),
        Case("cast of integers", lambda x: (x.float(), x.bool(), x.int(), x.to(torch.int8)), (integers(3, 4),)),
        Case("cast half to bfloat16", lambda x: x.bfloat16(), (X.half(),), 2e-2),
    ]  # fmt: skip
    return cases


def _shape() -> list[Case]:
    return [
        Case("view", lambda x: x.view(6, 4), (X,)),
        Case("view regroups", lambda x: x.view(3, 8), (X,)),
        Case("view splits and joins", lambda x: x.reshape(6, 2, 2), (X,)),
        Case("view crosses", lambda x: x.reshape(4, 9), (floats(6, 6),)),
        Case("view to vector and back", lambda x: x.reshape(-1).reshape(4, 3, 2), (X,)),
        Case("view of ones", lambda x: x.reshape(1, 2, 1, 12, 1), (X,)),
        Case("view to scalar", lambda x: x.reshape(()), (floats(1, 1),)),
        Case("view of scalar", lambda x: x.reshape(1, 1), (floats(),)),
        Case("view of nothing", lambda x: x.reshape(3, 0), (floats(0, 4),)),
        Case("flatten", lambda x: torch.flatten(x, 1), (X,)),
        Case("permute", lambda x: x.permute(2, 0, 1), (X,)),
        Case("permute negative", lambda x: x.permute(-1, 0, -2), (X,)),
        Case("permute ones", lambda x: x.permute(0, 2, 1) + 1, (floats(2, 1, 5),)),
        Case("transpose", lambda x: x.transpose(0, 2).contiguous(), (X,)),
        Case("t", lambda x: x.t(), (floats(3, 5),)),
        Case("expand", lambda x: x.expand(3, -1, 5), (floats(2, 1),)),
        Case("repeat", lambda x: x.repeat(2, 1, 3), (floats(2, 3),)),
        Case("unsqueeze", lambda x: (x.unsqueeze(0), x.unsqueeze(-1), x.unsqueeze(2)), (X,)),
        Case("squeeze", lambda x: (x.squeeze(), x.squeeze(0), x.squeeze(1), x.squeeze((0, 2))), (floats(1, 3, 1),)),
        Case("slice", lambda x: x[:, 1:3, ::2], (X,)),
        Case("slice negative", lambda x: x[-1:, :-1, -3:], (X,)),
        Case("slice of nothing", lambda x: x[:, 3:], (X,)),
        Case("slice beyond the end", lambda x: x[:, 1:100], (X,)),
        Case("slice of step 3", lambda x: x[:, :, 1::3], (X,)),
        Case("select", lambda x: x[1, :, -1], (X,)),
        Case("narrow", lambda x: x.narrow(2, 1, 2), (X,)),
        Case("split", lambda x: torch.split(x, 3, dim=2), (X,)),
        Case("split sizes", lambda x: x.split([1, 2], dim=1)[1], (X,)),
        Case("chunk", lambda x: x.chunk(3, dim=-1), (X,)),
        Case("unbind", lambda x: torch.unbind(x, 1), (X,)),
        Case("cat", lambda x, y: torch.cat([x, y, x], dim=-1), (X, Y)),
        Case("cat promotes", lambda x, y: torch.cat([x, y]), (X, integers(2, 3, 4))),
        Case("cat with empty", lambda x, y: torch.cat([y, x], dim=1), (X, floats(0))),
        Case("stack", lambda x, y: torch.stack([x, y], dim=1), (X, Y)),
        Case("pad", lambda x: F.pad(x, (1, 2)), (X,)),
        Case("pad two dims", lambda x: F.pad(x, (1, 2, 0, 3), value=-1.5), (X,)),
        Case("pad negative", lambda x: F.pad(x, (-1, 2, 1, -2), value=9), (X,)),
        Case("pad infinity", lambda x: F.pad(x, (0, 1, 0, 1), value=float("-inf")), (X,)),
        Case("diagonal", lambda x: (torch.diagonal(x, 1, 1, 2), torch.diagonal(x, -1, 1, 2)), (X,)),
        Case("nearest", lambda x: F.interpolate(x, scale_factor=2), (IMAGE,)),
        Case("nearest by size", lambda x: F.interpolate(x, size=(27, 16)), (IMAGE,)),
        Case("nearest of one dim", lambda x: F.interpolate(x, scale_factor=3), (WAVE,)),
        Case("pixel shuffle", lambda x: F.pixel_shuffle(x, 2), (IMAGE,)),
        Case("constants", lambda x: (torch.full((2, 2), 3.5), torch.arange(5), torch.zeros(3), torch.ones_like(x), torch.arange(0, 1, 0.25)), (X,)),
        Case("full of integers", lambda x: (torch.full((2,), 7), torch.full((2,), True)), (X,)),
        Case("tril", lambda x: torch.tril(x), (floats(4, 5),)),
    ]  # fmt: skip


def _reductions() -> list[Case]:
    return [
        Case("sum", lambda x: x.sum(), (X,)),
        Case("sum dim", lambda x: (x.sum(1), x.sum(-1, keepdim=True), x.sum((0, 2))), (X,)),
        Case("sum of integers", lambda x: x.sum(1), (integers(3, 4, dtype=torch.int32),)),
        Case("sum of booleans", lambda x: (x > 0).sum(), (X,)),
        Case("sum with dtype", lambda x: x.sum(1, dtype=torch.float64), (X,)),
        Case("sum of halves", lambda x: x.sum(1), (X.half(),), 2e-3),
        Case("sum of nothing", lambda x: x.sum(1), (floats(2, 0),)),
        Case("sum of dims of size one", lambda x: (x.sum(), x.sum((0, 1))), (floats(2, 3, 1, 2),)),
        Case("mean of one element", lambda x: x.mean(), (floats(1),)),
        Case("sum of scalar", lambda x: x.sum(), (floats(),)),
        Case("mean", lambda x: (x.mean(), x.mean(1), x.mean((1, 2), keepdim=True)), (X,)),
        Case("amax", lambda x: (x.amax(), x.amax(1), x.amin((0, 2), keepdim=True)), (X,)),
        Case("amax special", lambda x: (x.amax(), x.amin()), (SPECIAL,)),
        Case("amax of integers", lambda x: (x.amax(0), x.amin(1)), (integers(3, 4),)),
        Case("max", lambda x: (x.max(), x.min()), (X,)),
        Case("max dim", lambda x: x.max(1), (X,)),
        Case("max dim values", lambda x: x.max(dim=-1, keepdim=True).values, (X,)),
        Case("min dim", lambda x: x.min(2), (X,)),
        Case("max dim of ties", lambda x: x.max(1), (integers(4, 6, low=0, high=3),)),
        Case("max dim special", lambda x: x.max(0), (SPECIAL,)),
        Case("argmax", lambda x: (x.argmax(1), x.argmax(-1, keepdim=True), x.argmax()), (X,)),
        Case("argmax keepdim of all", lambda x: x.argmax(keepdim=True), (X,)),
        Case("argmin", lambda x: (x.argmin(0), x.argmin()), (X,)),
        *(
            Case(f"vector_norm {order}", lambda x, order=order: torch.linalg.vector_norm(x, order, 1), (X,))
            for order in (2, 1, 0, 3, -1.5, -1, float("inf"), -float("inf"))
        ),
        Case("vector_norm of all", lambda x: torch.linalg.vector_norm(x, dim=(0, 2), keepdim=True), (X,)),
        Case("vector_norm with dtype", lambda x: torch.linalg.vector_norm(x, dtype=torch.float64), (X,)),
        Case("vector_norm of halves", lambda x: torch.linalg.vector_norm(x, dim=1), (X.half(),), 2e-3),
        Case("normalize", lambda x: F.normalize(x, dim=1), (X,)),
        Case("cosine_similarity", lambda x, y: F.cosine_similarity(x, y, dim=2), (X, Y)),
        Case("weight_norm", nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), (X,)),
        Case("any", lambda x: ((x > 1).any(), (x > 1).any(1), (x > 1).any(dim=(0, 2))), (X,)),
        Case("var", lambda x: (x.var(), x.var(1), x.var((0, 1), correction=0, keepdim=True), x.std(2)), (X,)),
        Case("softmax", lambda x: (F.softmax(x, 1), F.softmax(x, -1)), (X,)),
        Case("softmax of large", lambda x: F.softmax(x * 100, 0), (X,)),
        Case("softmax of halves", lambda x: F.softmax(x, 1), (X.half(),), 2e-3),
        Case("log_softmax", lambda x: F.log_softmax(x, 1), (X,)),
        Case("layer_norm", nn.LayerNorm(4), (X,)),
        Case("layer_norm of two dims", lambda x: F.layer_norm(x, (3, 4)), (X,)),
        Case("group_norm", nn.GroupNorm(2, 4), (IMAGE,)),
        Case("instance_norm", nn.InstanceNorm2d(4, affine=True), (IMAGE,)),
    ]


def _attention() -> list[Case]:
    attend = F.scaled_dot_product_attention
    q, k, v = floats(2, 4, 3, 8), floats(2, 4, 5, 8, seed=2), floats(2, 4, 5, 6, seed=3)
    halves, brain = (tuple(x.to(dtype) for x in (q, k, v)) for dtype in (torch.float16, torch.bfloat16))
    some = floats(3, 5, seed=4) > 0
    some[1] = False
    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return [
        Case("attention", attend, (q, k, v)),
        Case("attention of matrices", attend, (q[0, 0], k[0, 0], v[0, 0])),
        Case("attention of doubles", attend, (q.double(), k.double(), v.double()), 1e-12),
        Case("attention of halves", attend, halves, 4e-3),
        Case("attention of bfloat16", attend, brain, 3e-2),
        Case("attention of large scores", lambda q, k, v: attend(1e3 * q, 1e3 * k, v), (q, k, v)),
        Case("attention scaled", lambda q, k, v: attend(q, k, v, scale=1.0), (q, k, v)),
        Case("attention scaled below zero", lambda q, k, v: attend(q, k, v, scale=-2.0), (q, k, v)),
        Case("attention scaled by zero", lambda q, k, v: attend(q, k, v, scale=0.0), (q, k, v)),
        Case("attention causal", lambda q, k, v: attend(q, k, v, is_causal=True), (q, k, v)),
        Case("attention causal of more rows", lambda q, k, v: attend(q, k, v, is_causal=True), (k, q, v[:, :, :3])),
        Case("attention causal with a mask", lambda q, k, v, m: attend(q, k, v, m, is_causal=True), (q, k, k, floats(3, 5))),
        Case("attention mask", attend, (q, k, v, floats(3, 5))),
        Case("attention mask of leading ones", attend, (q, k, v, floats(1, 1, 3, 5))),
        Case("attention mask of heads", attend, (q, k, v, floats(4, 3, 5))),
        Case("attention mask of words", attend, (q, k, v, floats(2, 1, 1, 5) > 0)),
        Case("attention mask of a row", attend, (q, k, v, some)),
        Case("attention mask of everything", lambda q, k, v: attend(q, k, v, torch.full((3, 5), -math.inf)), (q, k, v)),
        Case("attention of groups", lambda q, k, v: attend(q, k, v, enable_gqa=True), (q, k[:, :2], v[:, :2])),
        Case("attention of groups of two sizes", lambda q, k, v: attend(q, k, v, enable_gqa=True), (q, k[:, :2], v[:, :1])),
        Case("attention of groups with a mask", lambda q, k, v, m: attend(q, k, v, m, enable_gqa=True), (q, k[:, :2], v[:, :2], floats(4, 3, 5))),
        Case("attention of one batch of queries", lambda q, k, v: attend(q, k, v, enable_gqa=True, is_causal=True), (q[:1], k[:, :1], v[:, :1])),
        Case("attention of shared keys", attend, (q, k[:, :1], v[:, :1])),
        Case("attention of shared keys alone", attend, (q[0], k[0, 0], v[0])),
        Case("attention of shared queries", attend, (q[0, 0], k[0], v[0])),
        Case("attention without queries", attend, (q[:, :, :0], k, v)),
        Case("attention without keys", attend, (q, k[:, :, :0], v[:, :, :0])),
        Case("attention without features", attend, (q[..., :0], k[..., :0], v)),
        Case("attention and logarithm", lambda q, k, v: flash(q, k, v, 0.0, True), (q, k, k)),
        Case("attention and logarithm of a masked row", lambda q, k, v, m: flash(q, k, v, attn_mask=m), (q, k, k, torch.where(some, 0.0, -math.inf))),
        Case("multi-head attention", nn.MultiheadAttention(8, 2), (floats(3, 2, 8), floats(5, 2, 8), floats(5, 2, 8, seed=2))),
        Case("encoder layer", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (floats(2, 3, 8),)),
        Case("encoder layer with padding", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (floats(2, 3, 8), torch.zeros(3, 3).bool(), floats(2, 3) > 1)),
    ]  # fmt: skip


def _layers() -> list[Case]:
    return [
        Case("mm", torch.mm, (floats(3, 4), floats(4, 5, seed=2))),
        Case("matmul of vectors", torch.matmul, (floats(4), floats(4, seed=2))),
        Case("matmul of matrix and vector", torch.matmul, (floats(3, 4), floats(4, seed=2))),
        Case("bmm", torch.bmm, (floats(2, 3, 4), floats(2, 4, 5, seed=2))),
        Case("matmul broadcast", torch.matmul, (floats(2, 3, 4), floats(4, 5, seed=2))),
        Case("mm of halves", torch.mm, (floats(3, 4).half(), floats(4, 5, seed=2).half()), 2e-3),
        Case("mm of integers", torch.mm, (integers(3, 4), integers(4, 5, seed=2))),
        Case("addmm", lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), (floats(5), floats(3, 4), floats(4, 5, seed=2))),
        Case("addmm beta 0", lambda c, a, b: torch.addmm(c, a, b, beta=0), (torch.full((5,), float("nan")), floats(3, 4), floats(4, 5, seed=2))),
        Case("baddbmm", torch.baddbmm, (floats(2, 3, 5), floats(2, 3, 4), floats(2, 4, 5, seed=2))),
        Case("einsum", lambda x, y: torch.einsum("bij,bkj->bik", x, y), (X, Y)),
        Case("linear", nn.Linear(4, 5), (X,)),
        Case("linear without bias", nn.Linear(4, 5, bias=False), (floats(3, 4),)),
        Case("conv1d", nn.Conv1d(3, 4, 3), (WAVE,)),
        Case("conv1d all options", nn.Conv1d(3, 6, 4, stride=2, padding=3, dilation=2, groups=3), (WAVE,)),
        Case("conv1d without bias", nn.Conv1d(3, 4, 3, stride=3, bias=False), (WAVE,)),
        Case("conv1d of one sample", nn.Conv1d(3, 4, 3), (floats(3, 9),)),
        Case("conv2d", nn.Conv2d(4, 3, 3, padding=1), (IMAGE,)),
        Case("conv2d all options", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 3), groups=2), (IMAGE,)),
        Case("conv2d depthwise", nn.Conv2d(4, 8, 3, padding="same", groups=4), (IMAGE,)),
        Case("conv2d of one image", nn.Conv2d(4, 3, 3), (floats(4, 6, 6),)),
        Case("conv_transpose1d", nn.ConvTranspose1d(3, 4, 3), (WAVE,)),
        Case("conv_transpose1d all options", nn.ConvTranspose1d(3, 6, 4, stride=3, padding=2, output_padding=1, dilation=2, groups=3), (WAVE,)),
        Case("conv_transpose2d doubles", nn.ConvTranspose2d(4, 3, 2, stride=2), (IMAGE,)),
        Case("conv_transpose2d all options", nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 2), (1, 1), 2, dilation=(1, 2)), (IMAGE,)),
        Case("conv_transpose2d taps left out", nn.ConvTranspose2d(4, 2, 1, stride=3, output_padding=2, bias=False), (IMAGE,)),
        Case("conv_transpose2d of a given weight", lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), (IMAGE, floats(4, 3, 4, 4))),
        Case("conv_transpose2d of one image of halves", nn.ConvTranspose2d(4, 3, 3, padding=1).half(), (floats(4, 6, 6).half(),), 2e-3),
        Case("conv2d of halves", nn.Conv2d(4, 3, 3).half(), (IMAGE.half(),), 2e-3),
        Case("batch_norm", _batch_norm(nn.BatchNorm2d(4)), (IMAGE,)),
        Case("batch_norm of waves", _batch_norm(nn.BatchNorm1d(3)), (WAVE,)),
        Case("batch_norm of vectors", _batch_norm(nn.BatchNorm1d(4)), (floats(3, 4),)),
        Case("batch_norm without affine", _batch_norm(nn.BatchNorm2d(4, affine=False)), (IMAGE,)),
        Case("max_pool2d", nn.MaxPool2d(2), (IMAGE,)),
        Case("max_pool2d all options", nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 1), dilation=(2, 1)), (IMAGE,)),
        Case("max_pool2d ceil", nn.MaxPool2d(3, stride=2, ceil_mode=True), (IMAGE,)),
        Case("max_pool2d ceil with padding", nn.MaxPool2d(2, stride=3, padding=1, ceil_mode=True), (floats(1, 2, 7, 8),)),
        Case("max_pool2d of one image", nn.MaxPool2d(2), (floats(4, 6, 6),)),
        Case("max_pool2d special", nn.MaxPool2d((1, 2)), (SPECIAL.reshape(1, 1, 2, 4),)),
        Case("max_pool1d", nn.MaxPool1d(4), (WAVE,)),
        Case("max_pool1d all options", nn.MaxPool1d(3, stride=2, padding=1, dilation=2, ceil_mode=True), (WAVE,)),
        Case("avg_pool2d", nn.AvgPool2d(2), (IMAGE,)),
        Case("avg_pool2d padding", nn.AvgPool2d(3, stride=2, padding=1), (IMAGE,)),
        Case("avg_pool2d padding not counted", nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (IMAGE,)),
        Case("avg_pool2d ceil", nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (IMAGE,)),
        Case("avg_pool2d ceil not counted", nn.AvgPool2d((2, 3), stride=3, padding=1, ceil_mode=True, count_include_pad=False), (floats(1, 2, 7, 8),)),
        Case("avg_pool2d divisor", nn.AvgPool2d(2, divisor_override=3), (IMAGE,)),
        Case("avg_pool1d", nn.AvgPool1d(4), (WAVE,)),
        Case("avg_pool1d padding", nn.AvgPool1d(4, stride=3, padding=2, ceil_mode=True), (WAVE,)),
        Case("adaptive_avg_pool2d 1", nn.AdaptiveAvgPool2d(1), (IMAGE,)),
        Case("adaptive_avg_pool2d same", nn.AdaptiveAvgPool2d((9, 8)), (IMAGE,)),
        Case("adaptive_avg_pool2d divides", nn.AdaptiveAvgPool2d((3, 4)), (IMAGE,)),
        Case("adaptive_avg_pool2d uneven", nn.AdaptiveAvgPool2d((4, 5)), (IMAGE,)),
        Case("adaptive_avg_pool2d larger", nn.AdaptiveAvgPool2d(7), (floats(1, 2, 1, 3),)),
        Case("adaptive_avg_pool1d", nn.AdaptiveAvgPool1d(5), (WAVE,)),
        Case("stack of nothing", lambda x: torch.stack([x, x], 1), (floats(0, 3),)),
        Case("circular pad of nothing", lambda x: F.pad(x, (2, 1), mode="circular"), (floats(0, 3, 4),)),
        Case("max_pool2d with positions", nn.MaxPool2d((3, 2), stride=(2, 1), padding=1, return_indices=True), (IMAGE,)),
        Case("max_pool2d with positions, ties and all options", nn.MaxPool2d(3, 2, 1, (2, 1), True, True), (IMAGE.round(),)),
        Case("max_pool2d with positions of special numbers", nn.MaxPool2d((1, 2), return_indices=True), (SPECIAL.reshape(1, 1, 2, 4),)),
        Case("max_pool1d with positions", nn.MaxPool1d(3, padding=1, return_indices=True), (WAVE,)),
        Case("max_pool3d with positions", nn.MaxPool3d(2, return_indices=True), (floats(1, 2, 4, 4, 6),)),
        Case("adaptive_max_pool2d with positions", nn.AdaptiveMaxPool2d((4, 5), return_indices=True), (IMAGE.round(),)),
        Case("max_unpool2d", lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), [2, 2]), (floats(2, 4, 6, 8),)),
        Case("adaptive_max_pool2d", nn.AdaptiveMaxPool2d((4, 8)), (IMAGE,)),
        Case("dropout", nn.Dropout(0.5), (X,)),
        Case("layer_norm of halves", lambda x: torch.native_layer_norm(x, [4], None, None, 1e-5), (X.half(),), 2e-3),
    ]  # fmt: skip


def _positions() -> list[Case]:
    cube, rows = floats(4, 5, 6), torch.tensor([[0, 2], [-1, 1]])
    two, spread = torch.tensor([1, 3]), integers(3, 2, 6, low=0, high=5)
    gaps = torch.where(floats(4, 5, 6, seed=3) > 1, torch.nan, cube)
    ties = integers(4, 5, low=0, high=3)
    halves = floats(4, 5).bfloat16()
    reductions = [
        Case(
            f"scatter_reduce {kind} {self_}",
            lambda x, i, v, kind=kind, self_=self_: x.scatter_reduce(1, i, v, kind, include_self=self_),
            (cube, spread, floats(4, 5, 6, seed=4)),
        )
        for kind in words("sum prod mean amax amin")
        for self_ in (True, False)
    ]
    return [
        Case("embedding", nn.Embedding(7, 3), (integers(2, 5, low=0, high=7),)),
        Case("embedding of one", nn.Embedding(7, 3, padding_idx=1), (torch.tensor(1),)),
        Case("index", lambda x, i: x[i], (cube, rows)),
        Case("index in the middle", lambda x, i: x[:, i], (cube, rows)),
        Case("index apart", lambda x, i, j: x[i, :, j], (cube, rows, two)),
        Case("index together", lambda x, i, j: x[:, i, j], (cube, rows, two)),
        Case("index of int32", lambda x, i: x[..., i.int()], (halves, two)),
        Case("index of booleans", lambda x, i: (x > 0)[i], (cube, rows)),
        Case("index_select", lambda x, i: x.index_select(-2, i), (cube, two)),
        Case("index_select of a scalar", lambda x, i: x.index_select(0, i), (torch.tensor(2.5), torch.tensor(0))),
        Case("gather", lambda x, i: x.gather(1, i), (cube, spread)),
        Case("gather of a scalar", lambda x, i: x.gather(0, i), (torch.tensor(2.5), torch.tensor(0))),
        Case("take_along_dim", lambda x: torch.take_along_dim(x, x.argmax(1, keepdim=True), 1), (cube,)),
        Case("take", torch.take, (cube, torch.tensor([3, 50]))),
        Case("index_put", lambda x, i, v: x.index_put((i,), v), (cube, two, floats(2, 5, 6, seed=2))),
        Case("index_put adds", lambda x, i, v: x.index_put((i,), v, accumulate=True), (cube, torch.tensor([-1, 3]), floats(2, 5, 6, seed=2))),
        Case("index_put broadcasts", lambda x, i, j, v: x.index_put((i, j), v), (cube, rows, two, floats(6, seed=2))),
        Case("index_put at a mask", lambda x: x.index_put((x < -1,), torch.tensor(3.0)), (cube,)),
        Case("index_add", lambda x, i, v: x.index_add(1, i, v, alpha=2), (cube, two, floats(4, 2, 6, seed=2))),
        Case("index_copy", lambda x, i, v: x.index_copy(1, i, v), (cube, two, floats(4, 2, 6, seed=2))),
        Case("index_fill", lambda x, i: x.index_fill(1, i, 2.0), (cube, two)),
        Case("scatter", lambda x, i, v: x.scatter(1, i, v), (cube, torch.tensor([4, 0]).reshape(1, 2, 1).expand(3, 2, 6).contiguous(), floats(4, 5, 6, seed=2))),
        Case("scatter of a number", lambda x, i: x.scatter(0, i, 2.5), (cube, integers(2, 5, 3, low=0, high=4))),
        Case("scatter multiplies", lambda x, i: x.scatter(0, i, 2.5, reduce="multiply"), (cube, integers(2, 5, 3, low=0, high=4))),
        Case("scatter_add", lambda x, i, v: x.scatter_add(1, i, v), (cube, spread, floats(4, 5, 6, seed=2))),
        Case("scatter of a scalar", lambda x, i, v: x.scatter(0, i, v), (torch.tensor(1.5), torch.tensor(0), torch.tensor(2.5))),
        *reductions,
        Case("sort", lambda x: x.sort(1), (gaps,)),
        Case("sort descending", lambda x: x.sort(-1, descending=True), (gaps,)),
        Case("sort stable", lambda x: x.sort(stable=True, descending=True), (ties,)),
        Case("sort of halves", lambda x: x.sort(0), (halves,)),
        Case("sort of booleans", lambda x: (x > 1).sort(), (ties,)),
        Case("sort of a scalar", torch.sort, (torch.tensor(1.5),)),
        Case("argsort", lambda x: x.argsort(0), (cube,)),
        Case("topk", lambda x: x.topk(3, 1), (cube,)),
        Case("topk of the smallest", lambda x: x.topk(2, largest=False), (cube,)),
        Case("median", lambda x: x.median(1), (gaps,)),
        Case("median keepdim", lambda x: x.median(-1, keepdim=True), (cube,)),
        Case("median of all", torch.median, (cube,)),
        Case("kthvalue", lambda x: x.kthvalue(2, 2), (cube,)),
        Case("quantile", lambda x: torch.quantile(x, 0.3, dim=1), (cube,)),
        Case("bucketize", lambda x: torch.bucketize(x, torch.tensor([-1.0, 0.0, 0.5])), (gaps,)),
        Case("bucketize right", lambda x: torch.bucketize(x, torch.tensor([0, 1]), right=True, out_int32=True), (ties,)),
        Case("searchsorted of a number", lambda x: torch.searchsorted(x.sort().values, 0.25), (floats(7),)),
        Case("searchsorted of a whole number", lambda x: torch.searchsorted(x.flatten().sort().values, 1, right=True), (ties,)),
        Case("searchsorted", lambda x, y: torch.searchsorted(x.sort().values, y), (cube, floats(4, 5, 2))),
        Case("as_strided", lambda x: torch.as_strided(x, (3, 4), (2, 5), 1), (cube,)),
        Case("as_strided of a transposed copy", lambda x: torch.as_strided(x.permute(2, 0, 1).contiguous().permute(1, 2, 0) + 1, (3, 4), (2, 5), 1), (cube,)),
        Case("reflection pad", lambda x: F.pad(x, (2, 1), mode="reflect"), (cube,)),
        Case("replication pad", lambda x: F.pad(x, (2, 1), mode="replicate"), (cube,)),
        Case("bicubic", lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), (floats(1, 1, 4, 5),)),
        Case("one_hot", lambda i: F.one_hot(i, 3), (ties,)),
        Case("cross_entropy", F.cross_entropy, (floats(2, 7), torch.tensor([1, 4]))),
    ]  # fmt: skip


def _recurrent() -> list[Case]:
    sequence = floats(5, 2, 3)
    states = (floats(1, 2, 4), floats(1, 2, 4, seed=3))
    plain = nn.LSTM(3, 4, bias=False)
    return [
        Case("lstm", nn.LSTM(3, 4), (sequence,)),
        Case("lstm both ways", nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), (sequence,)),
        Case("lstm with states", lambda x, *s: plain(x, s), (sequence, *states)),
        Case("lstm of one sequence", nn.LSTM(3, 4), (floats(5, 3),)),
        Case("lstm with projections", nn.LSTM(3, 4, proj_size=2), (sequence,)),
        Case("lstm of halves", nn.LSTM(3, 4).half(), (sequence.half(),), 2e-3),
        Case("lstm of one step", nn.LSTM(3, 4, bidirectional=True), (floats(1, 2, 3),)),
        Case("lstm cell", nn.LSTMCell(3, 4), (floats(2, 3),)),
        Case("gru", nn.GRU(3, 4), (sequence,)),
        Case("gru both ways", nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), (sequence,)),
        Case("gru cell", nn.GRUCell(3, 4), (floats(2, 3),)),
        Case("rnn", nn.RNN(3, 4), (sequence,)),
        Case("rnn relu", nn.RNN(3, 4, num_layers=2, nonlinearity="relu"), (sequence, floats(2, 2, 4))),
    ]  # fmt: skip


def _batch_norm(layer: nn.Module) -> nn.Module:
    """The layer with statistics and parameters other than zeros and ones."""
    for index, tensor in enumerate((*layer.parameters(), *layer.buffers())):
        if tensor.is_floating_point():
            tensor.data.copy_(floats(*tensor.shape, seed=index).abs() + 0.5)
    return layer


CASES = (*_unary(), *_binary(), *_shape(), *_reductions(), *_attention(), *_layers(), *_positions(), *_recurrent())
