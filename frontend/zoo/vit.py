"""ViT-Ti/16: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, at the size "Ti" of Touvron et al., "Training
data-efficient image transformers", 2021 (12 layers, width 192, 3 heads).

5,717,416 parameters for 224x224 images and 1000 classes.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 12
INPUT_SHAPE = (1, 3, 224, 224)


class EncoderLayer(nn.Module):
    """Attention and a two-layer perceptron, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.projection(attended.transpose(1, 2).reshape(batch, tokens, width))
        y: torch.Tensor = self.mlp(self.norm2(x))
        return x + y


class VisionTransformer(nn.Module):
    """float32 [N, 3, size, size] -> [N, classes], raw scores."""

    def __init__(
        self, classes: int = 1000, size: int = 224, patch: int = 16, width: int = 192, layers: int = 12, heads: int = 3
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.class_token = nn.Embedding(1, width)
        self.positions = nn.Embedding((size // patch) ** 2 + 1, width)
        self.layers = nn.Sequential(*(EncoderLayer(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        token = self.class_token.weight.expand(x.shape[0], -1, -1)
        x = torch.cat((token, x), dim=1) + self.positions.weight
        x = self.layers(x)
        x = self.norm(x)
        scores: torch.Tensor = self.head(x[:, 0])
        return scores


def skeleton() -> nn.Module:
    """ViT-Ti/16 without weights."""
    return without_weights(VisionTransformer)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """ViT-Ti/16 with seeded weights, and noise as its example."""
    return seeded(VisionTransformer, SEED, centring=0.0), (noise(INPUT_SHAPE, SEED),)
