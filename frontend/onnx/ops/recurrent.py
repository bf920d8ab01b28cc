"""LSTM, GRU and RNN: one layer each, as PyTorch's own, with the gates in PyTorch's order."""

from collections.abc import Callable, Sequence

import torch

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, means

Tensor = torch.Tensor

_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""For each gate in PyTorch's order (i f g o; r z n) its place in ONNX's (i o f c; z r h)."""
_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


@means("LSTM", "GRU", "RNN", since=7)
def recurrent(
    use: Use,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    h: Tensor | None = None,
    c: Tensor | None = None,
    peepholes: Tensor | None = None,
) -> Sequence[Tensor]:
    """(Y[t, d, n, h], H[d, n, h], C[d, n, h]) of X[t, n, i]: W[d, gates * h, i], R[d, gates * h, h], B[d, 2 * gates * h].

    With `layout` 1 the batch comes first everywhere.
    """
    directions, hidden = w.shape[0], r.shape[2]
    function = _function(use, directions)
    _check(use, x, lengths, peepholes)
    first = bool(use.get("layout", 0))
    if first:
        x = x.transpose(0, 1)
        h, c = (None if state is None else state.transpose(0, 1) for state in (h, c))
    backwards = use.get("direction", "forward") == "reverse"
    x = x.flip(0) if backwards else x
    start = x.new_zeros((directions, x.shape[1], hidden))
    states = [start if state is None else state for state in ((h, c) if use.op == "LSTM" else (h,))]
    parameters = []
    for d in range(directions):
        parameters += [_gates(use.op, w[d]), _gates(use.op, r[d])]
        if bias is not None:
            of_w, of_r = bias[d].chunk(2)
            parameters += [_gates(use.op, of_w), _gates(use.op, of_r)]
    has_bias, bidirectional = bias is not None, directions == 2
    if use.op == "LSTM":
        y, *last = torch.lstm(x, states, parameters, has_bias, 1, 0.0, False, bidirectional, False)
    else:
        y, *last = function(x, states[0], parameters, has_bias, 1, 0.0, False, bidirectional, False)
    y = y.reshape(*y.shape[:2], directions, hidden).transpose(1, 2)
    y = y.flip(0) if backwards else y
    if first:
        return y.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in last)
    return y, *last


def _function(use: Use, directions: int) -> Callable[..., Sequence[Tensor]]:
    """PyTorch's function, but for an LSTM, whose states are two. Raises Unsupported for other activations."""
    given = use.get("activations", _ACTIVATIONS[use.op] * directions)
    names = [name.capitalize() for name in given]
    if use.op == "RNN" and names == ["Relu"] * directions:
        return torch.rnn_relu
    if names != _ACTIVATIONS[use.op] * directions:
        wanted = ", ".join(_ACTIVATIONS[use.op])
        raise Unsupported(f"activations {', '.join(given)}; {wanted} for each direction can be converted")
    return torch.rnn_tanh if use.op == "RNN" else torch.gru


def _check(use: Use, x: Tensor, lengths: Tensor | None, peepholes: Tensor | None) -> None:
    if peepholes is not None:
        raise Unsupported("peepholes; a cell without them can be converted")
    if use.get("clip", 0.0) or use.get("input_forget", 0):
        raise Unsupported("a cell with clipped or coupled gates; a plain one can be converted")
    if use.op == "GRU" and not use.get("linear_before_reset", 0):
        raise Unsupported("linear_before_reset=0; a GRU as PyTorch has it, with 1, can be converted")
    if lengths is not None:
        steps = x.shape[1 if use.get("layout", 0) else 0]
        if (use.array(4, "lengths of sequences") != steps).any():
            raise Unsupported(
                "sequences of several lengths; give each its own call, or pad the input and mask the output"
            )


def _gates(op: str, value: Tensor) -> Tensor:
    """value[gates * h, ...] with the gates in PyTorch's order."""
    order = _GATES[op]
    pieces = value.chunk(len(order))
    return value if len(order) == 1 else torch.cat([pieces[place] for place in order])
