"""What xDSL's own tools (`xdsl-opt`, ...) get by installing this package: our dialect and our passes.

Not our linalg: that name is xDSL's there, and a clash would break its tools. Ops that only ours has need `cedr-opt`.
"""

from xdsl.universe import Universe

from cedr.dialects.universe import dialect_factories
from cedr.passes import own_passes

CEDR_UNIVERSE = Universe(all_dialects={"cedr": dialect_factories()["cedr"]}, all_passes=own_passes())
