"""A network whose IR can be read in full: one convolution, one linear layer. docs/architecture.md shows it at each level.

`cedr compile examples/tiny.py:tiny -o out/tiny --save-ir`
"""

import torch
from torch import nn


class Tiny(nn.Module):
    """Three scores for a 16 x 16 image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 16 * 16, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(image)).flatten(1))

    def decide(self, scores: torch.Tensor) -> int:
        """The decision that `cedr run` compares: the class with the highest score."""
        return int(scores.argmax())


def tiny() -> tuple[nn.Module, tuple[torch.Tensor]]:
    """The network in evaluation mode, and an example input."""
    torch.manual_seed(0)
    return Tiny().eval(), (torch.rand(1, 1, 16, 16),)
