"""How a model says what its outputs mean: hooks that any `nn.Module` may define, the zoo's and a user's alike.

    class Net(nn.Module):
        metric = "accuracy"                            # what score measures; "accuracy" if not said
        def decide(self, outputs): ...                 # outputs -> class index, text, or list of Box
        def held_out(self): ...                        # -> object with .inputs [N, ...] and .labels (N of them)
        def score(self, decisions): ...                # -> 0 to 1; share of decisions equal to labels if not defined

All are optional. `decide` gets what the module's forward returned, with tensors or with NumPy arrays in it: use
`decisions.arrays` to read both. It must not look at weights: it may be asked of a module whose weights are not loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cedr.frontend.zoo.decisions import Decision, same_decision
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.metrics import accuracy
from cedr.target.errors import CedrError


@dataclass(frozen=True)
class Judge:
    """The hooks of one module, with the defaults for those it does not define."""

    module: Any

    def decide(self, outputs: Any) -> Decision | None:
        """The module's decision on its outputs; None if it defines no `decide`."""
        hook = getattr(self.module, "decide", None)
        return None if hook is None else cast(Decision, hook(outputs))

    def same_decision(self, a: Decision | None, b: Decision | None) -> bool:
        """Whether two decisions are the same one (`decisions.same_decision`)."""
        return same_decision(a, b)

    def held_out(self) -> HeldOut | None:
        """The module's held-out set, checked; None if it defines none. CedrError if it has a wrong form."""
        hook = getattr(self.module, "held_out", None)
        if hook is None:
            return None
        found = hook() if callable(hook) else hook
        name = type(self.module).__name__
        if not hasattr(found, "inputs") or not hasattr(found, "labels"):
            raise CedrError(
                f"{name}.held_out: expected an object with .inputs and .labels, got {type(found).__name__}; "
                "return a cedr.frontend.zoo.held_out.HeldOut"
            )
        inputs = found.inputs.detach().cpu().numpy() if hasattr(found.inputs, "detach") else np.asarray(found.inputs)
        if len(inputs) != len(found.labels):
            raise CedrError(
                f"{name}.held_out: {len(inputs)} inputs but {len(found.labels)} labels; one label per input"
            )
        return HeldOut(inputs, found.labels)

    @property
    def metric(self) -> str | None:
        """What `score` measures; None without a held-out set."""
        if not hasattr(self.module, "held_out"):
            return None
        return str(getattr(self.module, "metric", "accuracy"))

    def score(self, decisions: Sequence[Decision]) -> float:
        """The metric of one decision per held-out input. CedrError without a held-out set or with a wrong count."""
        held_out = self.held_out()
        name = type(self.module).__name__
        if held_out is None:
            raise CedrError(f"{name} has no held-out set to score decisions on; define held_out() on the module")
        if len(decisions) != len(held_out):
            raise CedrError(f"{name}.score: {len(decisions)} decisions for {len(held_out)} held-out inputs; one each")
        hook = getattr(self.module, "score", None)
        return float(accuracy(decisions, held_out.labels) if hook is None else hook(decisions))
