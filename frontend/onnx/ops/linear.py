"""Matrix products."""

import torch
import torch.nn.functional as F

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, means

Tensor = torch.Tensor


@means("Gemm", since=7)
def gemm(use: Use, x: Tensor, y: Tensor, bias: Tensor | None = None) -> Tensor:
    """alpha * X[m, k] Y[k, n] + beta * bias, X and Y transposed if so said; the bias broadcasts."""
    x = x.t() if use.get("transA", 0) else x
    y = y.t() if use.get("transB", 0) else y
    alpha, beta = use.get("alpha", 1.0), use.get("beta", 1.0)
    if bias is None:
        product = torch.mm(x, y)
        return product if alpha == 1 else product * alpha
    if not x.is_floating_point():
        alpha, beta = int(alpha), int(beta)
    return torch.addmm(bias, x, y, alpha=alpha, beta=beta)


@means("MatMul")
def matmul(use: Use, x: Tensor, y: Tensor) -> Tensor:
    """The matrix product as NumPy has it, for any number of axes."""
    return torch.matmul(x, y)


@means("Einsum", since=12)
def einsum(use: Use, *tensors: Tensor) -> Tensor:
    """A sum of products over named axes."""
    return torch.einsum(use.get("equation", ""), *tensors)


@means("Attention", since=23)
def attention(use: Use, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *rest: Tensor | None) -> Tensor:
    """softmax(scale * Q K' + mask) V per head, of Q[b, heads, s, e] or [b, s, heads * e]."""
    if any(tensor is not None for tensor in rest) or use.outputs > 1:
        raise Unsupported("attention with a cache of keys and values, or with its scores; compute without a cache")
    use.refuse_unless("softcap", 0.0, 0.0)
    use.refuse_unless("softmax_precision", 1, 1)
    flat = q.dim() == 3
    if flat:
        q = _heads(q, use.attributes["q_num_heads"])
        k, v = (_heads(x, use.attributes["kv_num_heads"]) for x in (k, v))
    y = F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=mask,
        is_causal=bool(use.get("is_causal", 0)),
        scale=use.get("scale", None),
        enable_gqa=q.shape[1] != k.shape[1],
    )
    return y.transpose(1, 2).flatten(2) if flat else y


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)
