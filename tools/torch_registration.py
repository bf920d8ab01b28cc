"""Makes `torch.compile(model, backend="cedr")` known to PyTorch without importing it.

An installed cedr-compiler is found by its entry point in the group `torch_dynamo_backends`. A checkout on the path has none:
there `import cedr` gives the same entry point to PyTorch's registry, at once if that is loaded and else as soon as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from types import ModuleType

BACKEND = EntryPoint("cedr", "cedr.tools.torch_backend:compile_graph", "torch_dynamo_backends")
_REGISTRY = "torch._dynamo.backends.registry"


def register() -> None:
    """Give the entry point to PyTorch's registry, now or when that is imported; again is no harm."""
    registry = sys.modules.get(_REGISTRY)
    if registry is not None:
        _enter(registry)
    elif not any(isinstance(finder, _Watcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watcher())


def _enter(registry: ModuleType) -> None:
    registry._BACKENDS.setdefault(BACKEND.name, BACKEND)


class _Watcher(MetaPathFinder):
    """Waits for the import of PyTorch's registry, has the others find it, and goes."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _REGISTRY:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Entering(spec.loader)
        return spec


class _Entering(Loader):
    """Loads the registry as its own loader does, then gives it the entry point."""

    def __init__(self, loader: Loader):
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _enter(module)
