"""The object detector of the experiments. The paper does not say which one it ran, and on which images."""

from __future__ import annotations

import torch

from cedr.frontend.zoo import ZOO

#: Height and width: the largest multiples of 32 that the Conv2D engine takes.
IMAGE = (1056, 1920)


def detector() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The zoo's small detector, and a float32 image [1, 1, 1056, 1920]: it is fully convolutional."""
    model, inputs = ZOO["tiny_yolo_digits"].build()
    return model, (torch.zeros(*inputs[0].shape[:2], *IMAGE),)
