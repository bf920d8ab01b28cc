"""The cases of PyTorch's own op database.

The first table lists the ops of decomposed programs (of 85 models that were exported with torch 2.13) with the entries of
`op_db` whose sample inputs reach them. The second lists further entries whose ops have a converter, or that decompose
into ops that do.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from tests.conformance.cases import DTYPES, Case

TABLE = {
    "view": "view reshape view_as reshape_as flatten",
    "permute": "permute transpose t movedim",
    "convolution": "nn.functional.conv1d nn.functional.conv2d nn.functional.conv_transpose1d nn.functional.conv_transpose2d",
    "add": "add __radd__",
    "addmm": "addmm nn.functional.linear",
    "mul": "mul __rmul__",
    "relu": "nn.functional.relu",
    "clone": "clone contiguous",
    "cat": "cat stack hstack vstack dstack column_stack",
    "unsqueeze": "unsqueeze",
    "max_pool2d_with_indices": "nn.functional.max_pool1d nn.functional.max_pool2d",
    "slice": "slice narrow",
    "_native_batch_norm_legit_no_training": "nn.functional.batch_norm",
    "sigmoid": "sigmoid nn.functional.logsigmoid",
    "mean": "mean",
    "squeeze": "squeeze",
    "sub": "sub rsub __rsub__",
    "_softmax": "softmax nn.functional.softmin",
    "div": "div __rdiv__ true_divide floor_divide",
    "select": "select __getitem__",
    "tanh": "tanh",
    "expand": "expand expand_as broadcast_to repeat tile",
    "mm": "mm matmul mv inner outer",
    "arange": "arange",
    "bmm": "bmm baddbmm",
    "native_layer_norm": "native_layer_norm nn.functional.layer_norm",
    "split_with_sizes": "split_with_sizes split chunk tensor_split unbind",
    "abs": "abs",
    "full": "full new_full ones zeros",
    "where": "where masked_fill",
    "clamp": "clamp clamp_min clamp_max",
    "constant_pad_nd": "constant_pad_nd nn.functional.pad",
    "_to_copy": "float double half bfloat16 int long short char bool to",
    "gelu": "nn.functional.gelu",
    "sqrt": "sqrt rsqrt",
    "sum": "sum",
    "embedding": "nn.functional.embedding",
    "_fft_c2c": "fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn",
    "_fft_r2c": "fft.rfft fft.rfft2 fft.rfftn fft.ihfft stft",
    "_fft_c2r": "fft.irfft fft.irfft2 fft.irfftn fft.hfft istft",
    "eq": "eq ne",
    "full_like": "full_like ones_like zeros_like",
    "log": "log log10 log2 log1p",
    "logical_not": "logical_not",
    "amax": "amax amin",
    "any": "any all",
    "argmax": "argmax argmin",
    "index_select": "index_select",
    "leaky_relu": "nn.functional.leaky_relu",
    "linalg_vector_norm": "linalg.vector_norm nn.functional.normalize",
    "pow": "pow __rpow__",
    "avg_pool2d": "nn.functional.avg_pool1d nn.functional.avg_pool2d",
    "exp": "exp expm1 exp2",
    "maximum": "maximum minimum fmax fmin",
    "scalar_tensor": "scalar_tensor",
    "unfold": "unfold",
    "_adaptive_avg_pool2d": "nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d",
    "_conj": "conj resolve_conj",
    "cos": "cos sin tan",
    "flip": "flip fliplr flipud",
    "fmod": "fmod remainder",
    "gt": "gt ge lt le",
    "hardtanh": "nn.functional.hardtanh nn.functional.relu6",
    "upsample": "nn.functional.interpolate nn.functional.upsample_nearest nn.functional.upsample_bilinear",
    "view_as_real": "view_as_real view_as_complex real imag",
    "_log_softmax": "log_softmax",
    "as_strided": "as_strided",
    "bitwise": "bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift",
    "cumsum": "cumsum cumprod",
    "gather": "gather take_along_dim",
    "max": "max min",
    "angle": "angle complex polar",
    "logical": "logical_and logical_or logical_xor",
    "median": "median nanmedian",
    "native_group_norm": "native_group_norm nn.functional.group_norm nn.functional.instance_norm",
    "neg": "neg positive",
    "reciprocal": "reciprocal",
    "slice_scatter": "slice_scatter select_scatter",
    "sort": "sort argsort topk",
    "index_put": "index_put",
    "var": "var std",
}
"""Op of the table -> entries of `op_db`."""

FURTHER = """
    acos acosh asin asinh atan atan2 atanh cosh sinh erf ceil floor trunc round sign isnan isinf isfinite square
    addcdiv addcmul addmv addr addbmm dot vdot lerp logaddexp logit logsumexp prod aminmax diff roll rot90 tril triu
    diagonal diag diag_embed diagonal_copy linalg.diagonal meshgrid broadcast_tensors atleast_1d atleast_2d atleast_3d
    einsum tensordot kron cross linalg.cross linalg.norm linalg.vecdot norm count_nonzero nan_to_num xlogy heaviside
    isclose hypot copysign frac deg2rad rad2deg signbit sinc erfc
    erfinv lgamma digamma nextafter gcd lcm ldexp
    index_add index_copy index_fill index_reduce put scatter scatter_add scatter_reduce take searchsorted bucketize kthvalue quantile
    masked_scatter mode histc cummax cummin logcumsumexp cdist dist trapezoid block_diag
    repeat_interleave unflatten squeeze_copy std_mean var_mean trace rsub linspace eye ravel
    nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d nn.functional.silu nn.functional.elu
    nn.functional.hardswish nn.functional.hardsigmoid nn.functional.softplus nn.functional.mish nn.functional.celu
    nn.functional.selu nn.functional.softsign nn.functional.tanhshrink nn.functional.hardshrink
    nn.functional.softshrink nn.functional.threshold nn.functional.prelu nn.functional.glu
    nn.functional.scaled_dot_product_attention nn.functional.mse_loss nn.functional.l1_loss
    nn.functional.smooth_l1_loss nn.functional.huber_loss nn.functional.binary_cross_entropy
    nn.functional.binary_cross_entropy_with_logits nn.functional.cross_entropy nn.functional.nll_loss
    nn.functional.kl_div nn.functional.cosine_similarity nn.functional.pairwise_distance
    nn.functional.pixel_shuffle nn.functional.pixel_unshuffle nn.functional.channel_shuffle nn.functional.one_hot
    nn.functional.rms_norm nn.functional.local_response_norm nn.functional.unfold nn.functional.bilinear
    nn.functional.embedding_bag nn.functional.grid_sample nn.functional.rrelu nn.functional.conv_transpose3d
    nn.functional.conv3d nn.functional.max_pool3d nn.functional.avg_pool3d nn.functional.adaptive_avg_pool3d
"""
"""Entries beyond the table."""


def ops() -> tuple[str, ...]:
    """Names of the suite's entries of `op_db`, table first."""
    return tuple(dict.fromkeys((*" ".join(TABLE.values()).split(), *FURTHER.split())))


@cache
def _entries() -> dict[str, list[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    entries: dict[str, list[Any]] = {}
    for entry in op_db:
        entries.setdefault(entry.name, []).append(entry)
    return entries


def op_db_cases(op: str, dtypes: tuple[str, ...] = tuple(DTYPES), most: int | None = None) -> Iterator[Case]:
    """The cases of an entry, its variants included, in the dtypes that it takes on the CPU.

    `most`: of more cases than that of a variant and dtype, as many, spread evenly from the first to the last.
    """
    for entry in _entries()[op]:
        label = f"{op}-{entry.variant_test_name}" if entry.variant_test_name else op
        for dtype in dtypes:
            if DTYPES[dtype] not in entry.dtypes:
                continue
            _seed()
            samples = list(entry.sample_inputs("cpu", DTYPES[dtype], requires_grad=False))
            for number in _spread(len(samples), most):
                sample = samples[number]
                args, kwargs = tree_map(_plain, ((sample.input, *sample.args), sample.kwargs))
                yield Case.of(f"{label}.{dtype}.{number}", op, dtype, entry.op, args, kwargs)


def _spread(count: int, most: int | None) -> list[int]:
    if most is None or count <= most:
        return list(range(count))
    return [round(i * (count - 1) / max(most - 1, 1)) for i in range(most)]


def _plain(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, torch.Tensor) else leaf


def _seed() -> None:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
