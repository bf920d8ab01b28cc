"""Trains `vgg_digits` on scikit-learn's handwritten digits (1797 of 8x8, enlarged to 32x32). Needs scikit-learn.

python -m cedr.frontend.zoo.training.digits
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cedr.frontend.zoo.decisions import top_class
from cedr.frontend.zoo.digit_images import enlarge, load_digits
from cedr.frontend.zoo.held_out import DATA
from cedr.frontend.zoo.trained import save_trained
from cedr.frontend.zoo.training.loop import digest, start, train
from cedr.frontend.zoo.vgg_digits import SIZE, VggDigits

SEED = 7
EPOCHS = 24
BATCH = 32
HELD_OUT = 150
"""How many of the test digits are kept with the model: the first 15 of each class."""
SHIFT = 3
"""Training images move by up to this many pixels."""


def held_out_indices(labels: NDArray[np.int64], is_test: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The test digits kept as the held-out set, class by class in turn: 0, 1, ..., 9, 0, 1, ..."""
    per_class = [np.flatnonzero(is_test & (labels == label))[: HELD_OUT // 10] for label in range(10)]
    return np.stack(per_class, axis=1).reshape(-1)


def main() -> None:
    """Trains, prints the accuracy on the held-out digits and on all test digits, writes weights and held-out set."""
    rng = start(SEED)
    images, labels, is_test = load_digits()
    inputs = torch.from_numpy(enlarge(images, SIZE)[:, None])
    targets = torch.from_numpy(labels)
    training = np.flatnonzero(~is_test)

    def batches(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = rng.permutation(training)
        for first in range(0, len(order) - BATCH + 1, BATCH):
            index = order[first : first + BATCH]
            shifts = rng.integers(-SHIFT, SHIFT + 1, size=(BATCH, 2)).tolist()
            moved = [torch.roll(inputs[i], shift, dims=(1, 2)) for i, shift in zip(index, shifts, strict=True)]
            yield torch.stack(moved), targets[index]

    module = VggDigits()
    train(module, batches, functional.cross_entropy, EPOCHS, len(training) // BATCH, learning_rate=2e-3)

    kept = held_out_indices(labels, is_test)
    for name, chosen in (("held-out", kept), ("all test", np.flatnonzero(is_test))):
        with torch.no_grad():
            right = sum(top_class(module(inputs[i : i + 1])) == labels[i] for i in chosen)
        print(f"{name} digits: {right} of {len(chosen)} right, {100 * right / len(chosen):.1f} %")
    DATA.mkdir(exist_ok=True)
    np.savez_compressed(DATA / "vgg_digits.npz", images=images[kept], labels=labels[kept].astype(np.uint8), index=kept)
    save_trained(
        module,
        "vgg_digits",
        {
            "command": "python -m cedr.frontend.zoo.training.digits",
            "seed": str(SEED),
            "training_samples": str(len(training)),
            "training_sha256": digest(images[training], labels[training]),
        },
    )


if __name__ == "__main__":
    main()
