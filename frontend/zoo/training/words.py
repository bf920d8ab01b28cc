"""Trains `m5_words` on eight words that espeak-ng speaks in 49 voices; judged on 8 other voices. Needs espeak-ng.

python -m cedr.frontend.zoo.training.words

A model of one synthesiser's voices says nothing about people's or another synthesiser's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cedr.frontend.zoo.decisions import top_class
from cedr.frontend.zoo.held_out import DATA
from cedr.frontend.zoo.m5_words import WORDS, M5Words
from cedr.frontend.zoo.trained import save_trained
from cedr.frontend.zoo.training.loop import digest, start, train
from cedr.frontend.zoo.training.speech import HELD_OUT, TRAINING, Utterance, check_voices, speak

SEED = 11
EPOCHS = 20
BATCH = 32
SHIFT = 800
"""Training clips move by up to this many samples, 0.1 s."""
STRETCH = 1.2
"""Training clips are sped up or slowed down by up to this factor."""


def record(script: Sequence[Utterance]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Samples [N, 8000] and word indices [N] of a script."""
    return np.stack([speak(line) for line in script]), np.array([WORDS.index(line.word) for line in script], np.uint8)


def vary(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """The clip [8000], faster or slower (pitch and formants with it) by up to `STRETCH`, moved by up to `SHIFT`."""
    middle = len(clip) / 2
    at = (np.arange(len(clip)) - middle) * np.exp(rng.uniform(-1, 1) * np.log(STRETCH)) + middle
    at += rng.uniform(-SHIFT, SHIFT)
    varied: NDArray[np.float64] = np.interp(at, np.arange(len(clip)), clip, left=0, right=0)
    return varied


def main() -> None:
    """Records, trains, prints the accuracy on the held-out voices, writes weights and held-out set."""
    rng = start(SEED)
    check_voices()
    samples, labels = record(TRAINING)
    held_samples, held_labels = record(HELD_OUT)
    print(f"{len(samples)} clips to train on, {len(held_samples)} held out", flush=True)
    inputs = samples.astype(np.float32)[:, None] / np.float32(32768)
    targets = torch.from_numpy(labels.astype(np.int64))

    def batches(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = rng.permutation(len(inputs))
        for first in range(0, len(order) - BATCH + 1, BATCH):
            index = order[first : first + BATCH]
            moved = np.stack([vary(inputs[i, 0], rng) for i in index])[:, None]
            loudness = rng.uniform(0.4, 1.4, size=(BATCH, 1, 1))
            hiss = rng.uniform(0, 0.01, size=(BATCH, 1, 1)) * rng.standard_normal(moved.shape)
            yield torch.from_numpy((moved * loudness + hiss).astype(np.float32)), targets[index]

    module = M5Words()
    train(module, batches, functional.nll_loss, EPOCHS, len(inputs) // BATCH, learning_rate=5e-3)

    held_inputs = torch.from_numpy(held_samples.astype(np.float32)[:, None] / np.float32(32768))
    with torch.no_grad():
        right = [top_class(module(held_inputs[i : i + 1])) == label for i, label in enumerate(held_labels)]
    print(f"held-out words: {sum(right)} of {len(right)} right, {100 * sum(right) / len(right):.1f} %")
    for voice in dict.fromkeys(line.voice for line in HELD_OUT):
        of_voice = [ok for ok, line in zip(right, HELD_OUT, strict=True) if line.voice == voice]
        print(f"  {voice}: {sum(of_voice)} of {len(of_voice)}")
    DATA.mkdir(exist_ok=True)
    voices = np.array([line.voice for line in HELD_OUT])
    np.savez_compressed(DATA / "m5_words.npz", samples=held_samples, labels=held_labels, voices=voices)
    save_trained(
        module,
        "m5_words",
        {
            "command": "python -m cedr.frontend.zoo.training.words",
            "seed": str(SEED),
            "training_samples": str(len(samples)),
            "training_sha256": digest(samples, labels),
            "training_voices": " ".join(dict.fromkeys(line.voice for line in TRAINING)),
        },
    )


if __name__ == "__main__":
    main()
