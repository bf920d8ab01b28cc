"""BERT-tiny: Turc et al., "Well-Read Students Learn Better", 2019, `bert_uncased_L-2_H-128_A-2`: the encoder of Devlin et
al., "BERT", 2019, with 2 layers of width 128 and 2 heads.

4,385,920 parameters, those of the pooler among them.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.seeding import seeded, token_ids, without_weights

SEED = 128
INPUT_SHAPE = (1, 128)
VOCABULARY = 30522
"""Word pieces of the uncased English vocabulary."""


class Embeddings(nn.Module):
    """The sum of a word's, its position's and its sentence's vectors, normed. All words are of the first sentence."""

    def __init__(self, vocabulary: int, width: int, positions: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.positions = nn.Embedding(positions, width)
        self.sentences = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        places = self.positions(torch.arange(ids.shape[1], device=ids.device))
        sentences = self.sentences(torch.zeros_like(ids))
        normed: torch.Tensor = self.norm(self.words(ids) + sentences + places)
        return normed


class EncoderLayer(nn.Module):
    """Attention and a two-layer perceptron, each beside a shortcut and with a layer norm behind."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.projection = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._by_head(layer(x)) for layer in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(query, key, value)
        x = self.norm1(x + self.projection(attended.transpose(1, 2).flatten(2)))
        y: torch.Tensor = self.norm2(x + self.mlp(x))
        return y

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """[N, words, width] -> [N, heads, words, width / heads]."""
        batch, words, width = x.shape
        return x.reshape(batch, words, self.heads, width // self.heads).transpose(1, 2)


class BertTiny(nn.Module):
    """int64 [N, words], each less than the vocabulary -> float32 [N, words, width] and the pooled [N, width]."""

    def __init__(self, vocabulary: int = VOCABULARY, width: int = 128, layers: int = 2, heads: int = 2) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocabulary, width, positions=512)
        self.layers = nn.Sequential(*(EncoderLayer(width, heads) for _ in range(layers)))
        self.pooler = nn.Linear(width, width)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.embeddings(ids)
        x = self.layers(x)
        return x, torch.tanh(self.pooler(x[:, 0]))


def skeleton() -> nn.Module:
    """BERT-tiny without weights."""
    return without_weights(BertTiny)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """BERT-tiny with seeded weights, and random words as its example."""
    return seeded(BertTiny, SEED, centring=0.0), (token_ids(INPUT_SHAPE, VOCABULARY, SEED),)
