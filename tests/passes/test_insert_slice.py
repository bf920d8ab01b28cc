"""Insertions of slices give NumPy's values on tensors, in grids and on buffers, whatever else reads what they touch."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.passes.grid_levels import grids, parse, values_by_level

Array = NDArray[np.float32]

X, Y = (
    np.random.default_rng(seed).standard_normal(shape).astype(np.float32) for seed, shape in ((1, (2, 3)), (2, (4, 6)))
)


def negated(name: str, source: str, shape: str) -> str:
    """A layer that computes the negative, as text."""
    return f"""
  %e_{name} = tensor.empty() : tensor<{shape}xf32>
  %{name} = linalg.generic {{indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}}
      ins({source} : tensor<{shape}xf32>) outs(%e_{name} : tensor<{shape}xf32>) {{
  ^bb0(%in: f32, %out: f32):
    %n = arith.negf %in : f32
    linalg.yield %n : f32
  }} -> tensor<{shape}xf32>"""


def inserted(name: str, source: str, into: str, at: str, sizes: str, *, small: str = "2x3", large: str = "4x6") -> str:
    ones = ", ".join("1" for _ in sizes.split(","))
    return f"""
  %{name} = tensor.insert_slice {source} into {into}[{at}] [{sizes}] [{ones}] : tensor<{small}xf32> into tensor<{large}xf32>"""


def put(large: Array, small: Array, row: int, column: int) -> Array:
    result = large.copy()
    result[row : row + small.shape[0], column : column + small.shape[1]] = small
    return result


CASES: dict[str, tuple[str, list[str], Callable[[Array, Array], list[Array]], int]] = {
    "an argument": (inserted("r", "%x", "%y", "1, 2", "2, 3"), ["r:4x6"], lambda x, y: [put(y, x, 1, 2)], 2),
    "what was computed for it": (
        negated("d", "%y", "4x6") + negated("s", "%x", "2x3") + inserted("r", "%s", "%d", "1, 2", "2, 3"),
        ["r:4x6"],
        lambda x, y: [put(-y, -x, 1, 2)],
        3,
    ),
    "what is read later": (
        negated("d", "%y", "4x6") + inserted("r", "%x", "%d", "1, 2", "2, 3") + negated("l", "%d", "4x6"),
        ["r:4x6", "l:4x6"],
        lambda x, y: [put(-y, x, 1, 2), y],
        4,
    ),
    "what holds a value that is read later": (
        negated("a", "%x", "2x3")
        + "\n  %c = tensor.concat dim(0) %a, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>"
        + "\n  %z = tensor.extract_slice %y[0, 0] [1, 3] [1, 1] : tensor<4x6xf32> to tensor<1x3xf32>"
        + inserted("r", "%z", "%c", "1, 0", "1, 3", small="1x3", large="4x3")
        + negated("l", "%a", "2x3"),
        ["r:4x3", "l:2x3"],
        lambda x, y: [put(np.concatenate([-x, x]), y[:1, :3], 1, 0), x],
        5,
    ),
    "one over the other, the first read later": (
        "\n  %e = tensor.empty() : tensor<4x6xf32>"
        + negated("s", "%x", "2x3")
        + inserted("p", "%s", "%e", "0, 0", "2, 3")
        + "\n  %left = tensor.extract_slice %y[0, 0] [4, 6] [1, 1] : tensor<4x6xf32> to tensor<4x6xf32>"
        + inserted("q", "%left", "%p", "0, 0", "4, 6", small="4x6")
        + inserted("r", "%x", "%q", "0, 1", "2, 3")
        + negated("l", "%s", "2x3"),
        ["r:4x6", "l:2x3"],
        lambda x, y: [put(y, x, 0, 1), x],
        5,
    ),
    "one after the other": (
        negated("s", "%x", "2x3")
        + negated("d", "%y", "4x6")
        + inserted("p", "%s", "%d", "0, 0", "2, 3")
        + inserted("r", "%x", "%p", "1, 1", "2, 3"),
        ["r:4x6"],
        lambda x, y: [put(put(-y, -x, 0, 0), x, 1, 1)],
        4,
    ),
    "a splat": (
        "\n  %v = arith.constant dense<7.0> : tensor<2x3xf32>" + inserted("r", "%v", "%y", "2, 3", "2, 3"),
        ["r:4x6"],
        lambda x, y: [put(y, np.full((2, 3), 7, np.float32), 2, 3)],
        2,
    ),
    "into zeros": (
        "\n  %z = arith.constant dense<0.0> : tensor<4x6xf32>" + inserted("r", "%x", "%z", "0, 3", "2, 3"),
        ["r:4x6"],
        lambda x, y: [put(np.zeros((4, 6), np.float32), x, 0, 3)],
        2,
    ),
    "without a dim in the middle": (
        "\n  %w = tensor.expand_shape %y [[0], [1, 2]] output_shape [4, 2, 3] : tensor<4x6xf32> into tensor<4x2x3xf32>"
        + inserted("r", "%x", "%w", "1, 1, 0", "2, 1, 3", large="4x2x3"),
        ["r:4x2x3"],
        lambda x, y: [put(y, x, 1, 3).reshape(4, 2, 3)],
        2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_insertions_give_the_values_of_numpy(name: str) -> None:
    body, results, expected, count = CASES[name]
    names, types = zip(
        *((f"%{n}", f"tensor<{shape}xf32>") for n, shape in (r.split(":") for r in results)), strict=True
    )
    signature = f"%x: tensor<2x3xf32>, %y: tensor<4x6xf32>) -> ({', '.join(types)}"
    module = parse(f"func.func @main({signature}) {{{body}\n  func.return {', '.join(names)} : {', '.join(types)}\n}}")
    found = values_by_level(module, [X, Y])
    assert list(found) == ["linalg", "tensors", "buffers", "tasks"]
    for level, values in found.items():
        for got, want in zip(values, expected(X, Y), strict=True):
            np.testing.assert_array_equal(got, want, err_msg=level)
    assert len(grids(module)) == count
