"""Ops that don't change values: copies, aliases, checks that export has already made."""

from typing import Any

import torch
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import converts
from cedr.frontend.builder import Builder

aten = torch.ops.aten


@converts(
    aten.clone.default,
    aten.alias.default,
    aten.detach.default,
    aten.lift_fresh_copy.default,
    aten.contiguous.default,
)
def identity(b: Builder, x: SSAValue, *rest: Any) -> SSAValue:
    """Values have no memory here, so a copy is the value itself."""
    return x


@converts(aten._assert_tensor_metadata.default)
def assert_metadata(b: Builder, *rest: Any) -> None:
    """Shapes and dtypes are static and were checked by export."""


@converts(aten._assert_async.msg)
def assert_values(b: Builder, *rest: Any) -> None:
    """A condition on values, which a program that runs in PyTorch meets; nothing is computed from it."""
