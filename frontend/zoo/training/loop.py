"""The training loop the three scripts share: Adam, one cosine from full to no learning rate, one thread."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def train(
    module: nn.Module,
    batches: Callable[[int], Iterable[tuple[torch.Tensor, torch.Tensor]]],
    loss: Callable[[Any, torch.Tensor], torch.Tensor],
    epochs: int,
    steps_per_epoch: int,
    learning_rate: float,
    weight_decay: float = 1e-4,
) -> None:
    """Trains `module` in place and leaves it in eval mode.

    `batches(epoch)` gives (inputs, targets); `loss(outputs, targets)` is a scalar. One line of progress per epoch.
    """
    optimiser = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, epochs=epochs, steps_per_epoch=steps_per_epoch, pct_start=0.1
    )
    module.train()
    for epoch in range(epochs):
        start_s, total, count = time.process_time(), 0.0, 0
        for inputs, targets in batches(epoch):
            optimiser.zero_grad()
            value = loss(module(inputs), targets)
            value.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
            total, count = total + value.item(), count + 1
        took_s = time.process_time() - start_s
        print(f"epoch {epoch + 1:3d}/{epochs}  loss {total / count:.4f}  {took_s:.1f} s", flush=True)
    module.eval()


def start(seed: int) -> np.random.Generator:
    """One thread, torch and the returned generator seeded, only deterministic operations."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    return np.random.default_rng(seed)


def digest(*data: NDArray[np.generic]) -> str:
    """SHA-256 over the bytes of arrays, to name a training set."""
    whole = hashlib.sha256()
    for array in data:
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()
