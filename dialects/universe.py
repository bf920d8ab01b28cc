"""Every dialect that the project reads and writes, registered lazily."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.ir import Dialect

from cedr.dialects.weights import CedrContext, WeightStore

_UPSTREAM = ("affine", "builtin", "cf", "complex", "func", "math", "memref", "scf", "test")
"""xDSL's dialects that are taken as they are."""


def _arith() -> Dialect:
    from cedr.dialects.extensions import Arith

    return Arith


def _ml_program() -> Dialect:
    from cedr.dialects.extensions import MLProgram

    return MLProgram


def _tensor() -> Dialect:
    from xdsl.dialects.tensor import Tensor

    import cedr.dialects.extensions  # noqa: F401  # its verifiers

    return Tensor


def _linalg() -> Dialect:
    from cedr.dialects.linalg_extensions import Linalg

    return Linalg


def _cedr() -> Dialect:
    from cedr.dialects.cedr import Cedr

    return Cedr


def dialect_factories() -> dict[str, Callable[[], Dialect]]:
    """Dialect name -> what imports it."""
    upstream = get_all_dialects()
    factories = {name: upstream[name] for name in _UPSTREAM}
    factories |= {"arith": _arith, "cedr": _cedr, "linalg": _linalg, "ml_program": _ml_program, "tensor": _tensor}
    return dict(sorted(factories.items()))


def register_dialects(context: Context) -> None:
    """Register all of them; each is imported when the first of its ops, types or attributes is met."""
    for name, factory in dialect_factories().items():
        context.register_dialect(name, factory)


def make_context(weights: WeightStore | None = None) -> CedrContext:
    """A context with every dialect registered, and the weights' bytes if there are any."""
    context = CedrContext(weights)
    register_dialects(context)
    return context
