"""For hundreds of small exports."""

from __future__ import annotations

from functools import cache

from torch._export import utils

# Each export asks anew which ops PyTorch would decompose by itself, a third of its time; no test here adds an op.
utils._collect_all_valid_cia_ops_for_namespace = cache(utils._collect_all_valid_cia_ops_for_namespace)
