"""LSTM, GRU and plain recurrent networks, kept whole: per layer and direction one product for all steps' inputs, then a
loop over time. Equations as in the documentation of `torch.nn.LSTM`, `torch.nn.GRU` and `torch.nn.RNN`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import BFloat16Type, Float16Type
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from cedr.frontend.aten.registry import Converter, Unsupported, converts
from cedr.frontend.builder import PARALLEL, Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars

aten = torch.ops.aten

Cell = Callable[[Scalars, Sequence[SSAValue], Sequence[SSAValue], SSAValue], Sequence[SSAValue]]
"""(parts of what the input gives, parts of what the last output gives, the old cell or output) to (output, *cell)."""


@dataclass(frozen=True)
class Network:
    """What the layers of a network share. `parts`: how many vectors of the hidden size a step computes from its input;
    `gates_hidden`: whether it does more to what the last output gives than add it, bias included."""

    parts: int
    cell: Cell
    has_cell_state: bool = False
    gates_hidden: bool = False


def _lstm(s: Scalars, given: Sequence[SSAValue], hidden: Sequence[SSAValue], cell: SSAValue) -> Sequence[SSAValue]:
    i, f, g, o = (s.add(x, h) for x, h in zip(given, hidden, strict=True))
    kept = s.add(s.mul(s.sigmoid(f), cell), s.mul(s.sigmoid(i), s.unary(math_dialect.TanhOp, g)))
    return s.mul(s.sigmoid(o), s.unary(math_dialect.TanhOp, kept)), kept


def _gru(s: Scalars, given: Sequence[SSAValue], hidden: Sequence[SSAValue], old: SSAValue) -> Sequence[SSAValue]:
    reset, update = (s.sigmoid(s.add(given[k], hidden[k])) for k in (0, 1))
    new = s.unary(math_dialect.TanhOp, s.add(given[2], s.mul(reset, hidden[2])))
    return (s.add(new, s.mul(update, s.sub(old, new))),)


def _tanh(s: Scalars, given: Sequence[SSAValue], hidden: Sequence[SSAValue], old: SSAValue) -> Sequence[SSAValue]:
    return (s.unary(math_dialect.TanhOp, s.add(given[0], hidden[0])),)


def _relu(s: Scalars, given: Sequence[SSAValue], hidden: Sequence[SSAValue], old: SSAValue) -> Sequence[SSAValue]:
    total = s.add(given[0], hidden[0])
    return (s.max(total, s.like(0, total)),)


@converts(aten.lstm.input)
def lstm(
    b: Builder,
    x: SSAValue,
    states: Sequence[SSAValue],
    weights: Sequence[SSAValue],
    biased: bool,
    layers: int,
    dropout: float,
    training: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[SSAValue, SSAValue, SSAValue]:
    """(outputs of the last layer, last outputs, last cells of all layers) of X[t, n, i], or X[n, t, i] batch first."""
    options = (biased, layers, dropout, training, bidirectional, batch_first)
    y, h, c = _network(b, Network(4, _lstm, has_cell_state=True), x, states, weights, options)
    return y, h, c


def _of_one_state(network: Network) -> Converter:
    """The converter of a network that keeps nothing but its last output."""

    def convert(
        b: Builder, x: SSAValue, state: SSAValue, weights: Sequence[SSAValue], *options: bool | int | float
    ) -> tuple[SSAValue, SSAValue]:
        """(outputs of the last layer, last outputs of all layers)."""
        y, h = _network(b, network, x, [state], weights, options)
        return y, h

    return convert


for _target, _of in (
    (aten.gru.input, Network(3, _gru, gates_hidden=True)),
    (aten.rnn_tanh.input, Network(1, _tanh)),
    (aten.rnn_relu.input, Network(1, _relu)),
):
    converts(_target)(_of_one_state(_of))


def _network(
    b: Builder,
    network: Network,
    x: SSAValue,
    states: Sequence[SSAValue],
    weights: Sequence[SSAValue],
    options: Sequence[bool | int | float],
) -> list[SSAValue]:
    """The outputs of the last layer and the last states of all; `options` as the ops have them."""
    biased, layers, dropout, training, bidirectional, batch_first = options
    if training and dropout:
        raise Unsupported("drops out at random; call model.eval() before compiling")
    type_ = element_type(x)
    half = isinstance(type_, Float16Type | BFloat16Type)
    x, *tensors = (b.widen(value) for value in (x, *states, *weights))
    states, weights = tensors[: len(states)], tensors[len(states) :]
    if batch_first:
        x = b.transpose(x, (1, 0, 2))
    directions = 2 if bidirectional else 1
    per_direction = len(weights) // (int(layers) * directions)
    last: list[list[SSAValue]] = [[] for _ in states]
    for layer in range(int(layers)):
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            own = weights[number * per_direction : (number + 1) * per_direction]
            first = [b.take_first(state, number) for state in states]
            y, final = _layer(b, network, x, first, own, bool(biased), direction == 1)
            outputs.append(y)
            for kept, state in zip(last, final, strict=True):
                kept.append(b.reshape(state, (1, *shape_of(state))))
        x = b.concat(outputs, 2)
    y = b.transpose(x, (1, 0, 2)) if batch_first else x
    results = [y, *(b.concat(kept, 0) for kept in last)]
    return [b.cast(value, type_) for value in results] if half else results


def _layer(
    b: Builder,
    network: Network,
    x: SSAValue,
    states: Sequence[SSAValue],
    weights: Sequence[SSAValue],
    biased: bool,
    backwards: bool,
) -> tuple[SSAValue, Sequence[SSAValue]]:
    """(outputs Y[t, n, h], last states) of one layer in one direction on X[t, n, i]."""
    steps, batch, features = shape_of(x)
    from_input, from_hidden = weights[:2]
    projection = weights[-1] if len(weights) % 2 else None
    size = shape_of(from_input)[0] // network.parts
    type_ = element_type(x)
    given = b.matmul(b.reshape(x, (steps * batch, features)), from_input, transpose_b=True)
    biases: list[SSAValue] = []
    if biased and network.gates_hidden:
        given = b.pointwise([given, weights[2]], lambda s, args: s.add(*args), type_)
        biases = [weights[3]]
    elif biased:
        both = [given, *weights[2:4]]
        given = b.pointwise(both, lambda s, args: s.add(args[0], s.add(args[1], args[2])), type_)
    given = b.reshape(given, (steps, batch, network.parts, size))
    biases = [b.reshape(bias, (network.parts, size)) for bias in biases]
    parts = [AffineMap(2, 0, (AffineDimExpr(0), AffineConstantExpr(k), AffineDimExpr(1))) for k in range(network.parts)]
    vectors = [AffineMap(2, 0, (AffineConstantExpr(k), AffineDimExpr(1))) for k in range(network.parts)]
    identity = AffineMap.identity(2)

    def step(body: Builder, index: SSAValue | int, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
        output, *old, outputs = carried
        if backwards:
            index = body.from_end(index, steps)
        hidden = body.reshape(body.matmul(output, from_hidden, transpose_b=True), (batch, network.parts, size))
        at = body.take_first(given, index)
        inputs = [*((at, map_) for map_ in parts), *((hidden, map_) for map_ in parts)]
        inputs += [(bias, map_) for bias in biases for map_ in vectors]
        # The output once as what the next step begins with, once as what is put among the outputs.
        results = [old[0] if network.has_cell_state else output]
        count = len(old) + (1 if projection is not None else 2)

        def cell(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
            n = network.parts
            recalled = list(args[n : 2 * n])
            if biases:
                recalled = [s.add(h, bias) for h, bias in zip(recalled, args[2 * n : 3 * n], strict=True)]
            out, *kept = network.cell(s, args[:n], recalled, args[len(inputs)])
            return [out] * (count - len(kept)) + kept

        made = body.generic(
            [*inputs, *((value, identity) for value in results)],
            [(body.empty((batch, size), type_), identity) for _ in range(count)],
            (PARALLEL, PARALLEL),
            cell,
        )
        if projection is not None:
            shown = body.matmul(made[0], projection, transpose_b=True)
            return shown, *made[1:], body.put_first(shown, outputs, index)
        return made[0], *made[2:], body.put_first(made[1], outputs, index)

    width = shape_of(states[0])[1]
    *final, y = b.loop(steps, [*states, b.empty((steps, batch, width), type_)], step)
    return y, final
