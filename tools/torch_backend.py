"""`torch.compile(model, backend="cedr")`: PyTorch's graphs computed on the emulator.

    compiled = torch.compile(model, backend="cedr", options={"emit": "python"})
    compiled(x)             # what converts is computed on the emulator
    cedr.fallbacks()        # what was left to PyTorch

A graph is captured and compiled at its first call, and again for new shapes, dtypes, strides or Python numbers. Weights are
compiled in; a weight that is changed afterwards becomes an input. What does not convert is run by PyTorch and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.fx import GraphModule

from cedr.frontend.coverage import OpUse, UseCounter
from cedr.frontend.pieces import Part, Piece, capture_piece, has_gradients, number_inputs, with_numbers
from cedr.target.errors import CedrError
from cedr.tools.driver import Program, compile_exported
from cedr.tools.options import CompileOptions

OPTIONS = ("emit", "pipeline", "platform", "hw")
"""What `torch.compile(..., options={...})` takes: the options of `cedr.compile`."""


class TorchBackendError(CedrError):
    """Options or tensors that the backend can't take."""


# PyTorch leaves LSTM, GRU and RNN out of its graphs unless it is asked to take them, and has single ops for whole
# transformer layers that nothing converts. There are no settings for one backend: these hold for the process from when the
# backend is first asked for, which imports this module.
torch._dynamo.config.allow_rnn = True
torch.backends.mha.set_fastpath_enabled(False)

# ---- what is left to PyTorch ----

_left = UseCounter()


def fallbacks(*, clear: bool = False) -> list[OpUse]:
    """What programs compiled by `torch.compile` left to PyTorch: each op at its source line, how often it ran, and why.

    Counted since the process began, or since the last call with `clear=True`, which gives the list and starts it anew.
    """
    global _left
    uses = list(_left.uses())
    if clear:
        _left = UseCounter()
    return uses


def _count(uses: Sequence[OpUse], reason: str = "") -> None:
    for use in uses:
        _left.add(use.op, use.place, reason or use.reason, use.count)


# ---- the backend ----


def compile_graph(
    graph: GraphModule,
    example_inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    mode: str | None = None,
) -> Callable[..., Any]:
    """What PyTorch calls in place of a graph. Raises CedrError for options that there are not."""
    if mode is not None:
        raise TorchBackendError(
            f'torch.compile(backend="cedr") has no mode, got {mode!r}; say what you want by options'
        )
    return _Graph(graph, _compile_options(options or {}))


def _compile_options(given: Mapping[str, Any]) -> CompileOptions:
    for name, value in given.items():
        if name not in OPTIONS:
            raise TorchBackendError(f"torch.compile has no option {name!r} here; those there are: {', '.join(OPTIONS)}")
        if not isinstance(value, str):
            raise TorchBackendError(f"option {name!r} of torch.compile is a text, got {type(value).__name__}")
    return CompileOptions(**given, measure_ir=False, given=frozenset(given)).checked()


class _Graph:
    """A graph of PyTorch's, captured for each signature of its inputs that it is called with."""

    def __init__(self, graph: GraphModule, options: CompileOptions):
        self._graph = graph
        self._options = options
        self._numbers = number_inputs(graph)
        self._pieces: dict[tuple[Any, ...], Piece] = {}
        self._differentiable: dict[tuple[Any, ...], tuple[bool, ...]] = {}

    def __call__(self, *inputs: Any) -> Any:
        signature = (_signature(inputs), *(inputs[i].item() for i in self._numbers))
        piece = self._pieces.get(signature)
        if piece is None:
            _check_devices(inputs)
            piece = self._pieces[signature] = capture_piece(
                with_numbers(self._graph, inputs), inputs, lambda part: _CompiledPart(part, self._options)
            )
        if not (torch.is_grad_enabled() and any(isinstance(v, torch.Tensor) and v.requires_grad for v in inputs)):
            _count(piece.eager())
            return piece.run(*inputs)
        if not piece.pure:
            _count(piece.ops, _IMPURE)
            return self._graph(*inputs)
        _count(piece.eager())
        wanted = tuple(isinstance(v, torch.Tensor) and v.requires_grad for v in inputs)
        differentiable = self._differentiable.get((signature, wanted))
        if differentiable is None:
            differentiable = self._differentiable[signature, wanted] = has_gradients(
                with_numbers(self._graph, inputs), inputs
            )
        return _WithGradients.apply(self._graph, piece, differentiable, *inputs)  # type: ignore[no-untyped-call]  # torch has no types for it


_IMPURE = (
    "gradients are wanted of a graph that changes its inputs, returns views of them or draws random numbers, so PyTorch"
    " computes it; use torch.no_grad() and model.eval() for inference"
)
_BACKWARD = (
    "the gradients of a compiled graph are computed by PyTorch, which runs it again; use torch.no_grad() for inference"
)


def _signature(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """What a piece is captured for: shapes, dtypes, strides and shared memory of tensors, and numbers themselves."""
    memory: dict[int, int] = {}
    return tuple(
        (v.shape, v.dtype, v.stride(), memory.setdefault(v.untyped_storage().data_ptr(), i))
        if isinstance(v, torch.Tensor) and v.layout == torch.strided
        else (type(v), getattr(v, "shape", v))
        for i, v in enumerate(inputs)
    )


def _check_devices(inputs: Sequence[Any]) -> None:
    for value in inputs:
        if isinstance(value, torch.Tensor) and value.device.type != "cpu":
            raise TorchBackendError(
                f'a tensor on device {value.device}: torch.compile(backend="cedr") takes those on the CPU; '
                "move model and inputs there with .to('cpu')"
            )


class _WithGradients(torch.autograd.Function):
    """A piece computed on the emulator; for gradients PyTorch runs its graph again."""

    @staticmethod
    def forward(ctx: Any, graph: GraphModule, piece: Piece, differentiable: tuple[bool, ...], *inputs: Any) -> Any:
        ctx.graph, ctx.piece = graph, piece
        ctx.others = [None if isinstance(v, torch.Tensor) else v for v in inputs]
        ctx.tensors = [i for i, v in enumerate(inputs) if isinstance(v, torch.Tensor)]
        ctx.save_for_backward(*(inputs[i] for i in ctx.tensors))
        outputs = tuple(piece.run(*inputs))
        ctx.mark_non_differentiable(
            *(v for v, has in zip(outputs, differentiable, strict=True) if isinstance(v, torch.Tensor) and not has)
        )
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        _left.add("backward", ctx.piece.ops[-1].place if ctx.piece.ops else "the graph", _BACKWARD)
        inputs = list(ctx.others)
        for position, tensor in zip(ctx.tensors, ctx.saved_tensors, strict=True):
            inputs[position] = tensor.detach().requires_grad_(tensor.requires_grad)
        with torch.enable_grad():
            outputs = ctx.graph(*inputs)
        pairs = [(v, g) for v, g in zip(outputs, gradients, strict=True) if g is not None]
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
        found = torch.autograd.grad(
            [v for v, _ in pairs], [inputs[i] for i in wanted], [g for _, g in pairs], allow_unused=True
        )
        by_position = dict(zip(wanted, found, strict=True))
        return None, None, None, *(by_position.get(i) for i in range(len(inputs)))


# ---- compiled parts ----


class _CompiledPart:
    """A part, compiled at its first call with the weights of that call, of which it keeps copies."""

    def __init__(self, part: Part, options: CompileOptions):
        self._part = part
        self._options = options
        self._weights: dict[int, torch.Tensor] = {}
        self._program: Program | None = None

    def __call__(self, *inputs: Any) -> Sequence[torch.Tensor]:
        if self._program is None:
            self._compile({i: inputs[i].detach().clone() for i in sorted(self._part.constant)})
        # Values are compared: what is assigned to `.data` changes them unnoticed by PyTorch.
        unchanged = {i: weight for i, weight in self._weights.items() if torch.equal(weight, inputs[i])}
        if len(unchanged) < len(self._weights):
            self._compile(unchanged)
        assert self._program is not None
        outputs: Sequence[torch.Tensor] = self._program(*(v for i, v in enumerate(inputs) if i not in self._weights))
        return outputs

    def _compile(self, weights: dict[int, torch.Tensor]) -> None:
        self._weights = weights
        self._program = compile_exported(self._part.program(weights), "graph", self._options)
