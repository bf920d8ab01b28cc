"""Temporal interference mitigation, after CEDR's application of that name (UA-RCL/CEDR 96eeda6).

What four antennas receive, less what lies in the span of a known interferer's waveform at four delays: Z - Z S^H
(S S^H)^-1 S.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.signals import direction_text, held_out, strongest_direction, temporal_mitigation

SCALE = 10
"""What the numbers of the input are divided by."""


def real_inverse(matrix: torch.Tensor) -> torch.Tensor:
    """The inverse of matrices [N, n, n] by Gauss-Jordan elimination without exchange of rows, [N, n, n].

    For matrices with a positive definite symmetric part, whose pivots are none of them 0 (G. H. Golub and C. F. Van Loan,
    "Matrix Computations", section 4.4.2).
    """
    size = matrix.shape[-1]
    identity = torch.eye(size, device=matrix.device)
    both = torch.cat([matrix, identity.expand_as(matrix)], dim=-1)
    for k in range(size):
        row = both[:, k : k + 1] / both[:, k : k + 1, k : k + 1]
        both = both - (both[:, :, k : k + 1] - identity[:, k : k + 1]) * row
    return both[:, :, size:]


def complex_inverse(matrix: torch.Tensor) -> torch.Tensor:
    """The inverse of Hermitian positive definite matrices A + jB, [N, n, n], by inverses of real ones.

    With R = A^-1 B and P = (B R + A)^-1 it is P - j R P. A is symmetric and B is not, being its own negative transposed,
    so B R = -B^T A^-1 B and B R + A is a Schur complement: positive definite, as A is.
    """
    a, b = matrix.real, matrix.imag
    r = real_inverse(a) @ b
    p = real_inverse(b @ r + a)
    return torch.complex(p, -(r @ p))


class TemporalMitigation(nn.Module):
    """complex64 [N, 2, 4, 64] -> complex64 [N, 4, 64].

    Of the input's two matrices, both times 10, the first is what the antennas receive, the second the interferer's
    waveform, a row for each delay.
    """

    def forward(self, signals: torch.Tensor) -> torch.Tensor:
        received, known = signals[:, 0] / SCALE, signals[:, 1] / SCALE
        cross = received @ known.mH
        weights = cross @ complex_inverse(known @ known.mH)
        return received - weights @ known

    def decide(self, outputs: object) -> str:
        """The direction of what is left, in degrees."""
        (left,) = arrays(outputs)
        return direction_text(strongest_direction(left[0]))

    def held_out(self) -> HeldOut:
        """Signals [32, 2, 4, 64] from known directions."""
        return held_out(temporal_mitigation, 32)


def skeleton() -> nn.Module:
    """The filter, which has no weights."""
    return without_weights(TemporalMitigation)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The filter, and signals."""
    return TemporalMitigation().eval(), (torch.from_numpy(temporal_mitigation(0).tensor),)
