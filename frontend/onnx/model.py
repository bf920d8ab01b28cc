"""An ONNX file as a PyTorch module: read, checked, its shapes inferred, its known numbers folded, each node a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.coverage import UseCounter
from cedr.frontend.onnx import ops  # noqa: F401  # fills the table
from cedr.frontend.onnx.registry import Meaning, Use, find_meaning
from cedr.frontend.onnx.types import to_tensor, torch_dtype_of
from cedr.target.errors import CedrError

if TYPE_CHECKING:
    import onnx

_OLDEST = 7
"""The oldest version of the op set that is read: before it, axes broadcast in another way."""
_FOLDED_ELEMENTS = 4096
"""A node of known inputs is computed at once if it gives no more than this; larger results are the program's work."""

Shape = tuple[int, ...]


class OnnxError(CedrError):
    """An ONNX file that can't be read or is not valid, or whose open sizes nothing fixes."""


@dataclass(frozen=True)
class OnnxInput:
    """An input of the graph: sizes that are open are names, or "?" where they have none."""

    name: str
    dtype: torch.dtype
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class OnnxFile:
    """A file that was read: its inputs, the names of its outputs, and the model itself."""

    path: Path
    proto: onnx.ModelProto
    inputs: tuple[OnnxInput, ...]
    outputs: tuple[str, ...]

    def bound(self, shapes: Mapping[str, Shape]) -> OnnxFile:
        """The model with its open sizes fixed by the shapes of inputs. Raises OnnxError where one stays open."""
        sizes: dict[str, tuple[int, str]] = {}
        fixed = []
        for one in self.inputs:
            given = shapes.get(one.name)
            if given is not None and len(given) != len(one.shape):
                raise OnnxError(f"{self.path}: input '{one.name}' is {_shape_text(one.shape)}, got {list(given)}")
            shape = (
                list(one.shape)
                if given is None
                else [s if isinstance(s, int) else g for s, g in zip(one.shape, given, strict=True)]
            )
            for size, named in zip(shape, one.shape, strict=True):
                if isinstance(named, int) or isinstance(size, str) or named == "?":
                    continue
                known, where = sizes.setdefault(named, (size, one.name))
                if known != size:
                    raise OnnxError(
                        f"{self.path}: size '{named}' is {known} in input '{where}' and {size} in '{one.name}'"
                    )
            fixed.append(shape)
        inputs = []
        for one, shape in zip(self.inputs, fixed, strict=True):
            resolved = tuple(sizes[size][0] if isinstance(size, str) and size in sizes else size for size in shape)
            missing = [size for size in resolved if isinstance(size, str)]
            if missing:
                raise OnnxError(
                    f"{self.path}: input '{one.name}' is {_shape_text(one.shape)}, and nothing says how large "
                    f"{', '.join(map(repr, missing))} is; give --input {one.name}=X.npy, whose shape says it"
                )
            inputs.append(replace(one, shape=resolved))
        return replace(self, inputs=tuple(inputs))


def read_onnx(path: Path) -> OnnxFile:
    """An ONNX file with its weights, external ones too. Raises OnnxError for what is no ONNX file."""
    onnx = _package()
    if not path.is_file():
        raise OnnxError(f"{path}: no such file")
    try:
        proto = onnx.load(str(path))
    except OSError as error:
        raise OnnxError(f"{path}: can't be read: {_first_line(error)}") from error
    except Exception as error:  # protobuf's and onnx's own, for bytes of many kinds
        raise OnnxError(
            f"{path}: not an ONNX file, or its external data is not beside it: {_first_line(error)}"
        ) from error
    if not proto.graph.node and not proto.graph.output:
        raise OnnxError(f"{path}: not an ONNX file: it has no graph")
    version = _version(proto)
    if version < _OLDEST:
        raise OnnxError(
            f"{path}: op set {version}; {_OLDEST} and later can be read; convert it with onnx.version_converter"
        )
    if proto.functions:
        proto = onnx.inliner.inline_local_functions(proto)
    weights = {one.name for one in proto.graph.initializer}
    inputs = tuple(_input(path, one) for one in proto.graph.input if one.name not in weights)
    return OnnxFile(path, proto, inputs, tuple(one.name for one in proto.graph.output))


def _package() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.inliner
        import onnx.shape_inference
    except ImportError as error:
        raise OnnxError(
            "an .onnx file needs the package onnx, which is not installed: pip install 'cedr-compiler[onnx]'"
        ) from error
    return onnx


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _version(proto: onnx.ModelProto) -> int:
    return max((one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")), default=1)


def _shape_text(shape: Sequence[int | str]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _input(path: Path, one: onnx.ValueInfoProto) -> OnnxInput:
    if not one.type.HasField("tensor_type"):
        raise OnnxError(
            f"{path}: input '{one.name}' is a {one.type.WhichOneof('value') or 'value without type'}; tensors can be read"
        )
    tensor = one.type.tensor_type
    try:
        dtype = torch_dtype_of(tensor.elem_type)
    except Unsupported as error:
        raise OnnxError(f"{path}: input '{one.name}' has {error}") from error
    if not tensor.HasField("shape"):
        raise OnnxError(f"{path}: input '{one.name}' has no shape; export the model with one")
    dims = tensor.shape.dim
    return OnnxInput(
        one.name, dtype, tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
    )


@dataclass(frozen=True)
class _Value:
    """A value of the graph: a tensor on `meta`, or itself if it is known before the model runs."""

    tensor: torch.Tensor

    @property
    def known(self) -> bool:
        return self.tensor.device.type != "meta"


class _Unknown:
    """Stands for an output of a node that was refused."""


_UNKNOWN = _Unknown()


class Step(nn.Module):
    """One node."""

    def __init__(self, place: str, use: Use, meaning: Meaning, inputs: Sequence[str], outputs: Sequence[str]):
        super().__init__()
        self.place, self.use, self.meaning = place, use, meaning
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)

    def forward(self, *tensors: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        """The node's outputs; of those that are left out, None."""
        result = self.meaning(self.use, *tensors)
        listed = tuple(result) if isinstance(result, tuple | list) else (result,)
        return tuple(torch.from_numpy(part) if isinstance(part, np.ndarray) else part for part in listed)


class OnnxModule(nn.Module):
    """A model of an ONNX file whose inputs' sizes are all known.

    Its buffers are the initializers, under their own names, and constants that were folded from them. `uses` has every
    node with the reason why it is refused, if it is; only a module without refused nodes can be called.
    """

    def __init__(self, file: OnnxFile):
        super().__init__()
        self.file = file
        self.uses = UseCounter()
        self._onnx = _package()
        self._version = _version(file.proto)
        self._values: dict[str, _Value | _Unknown] = {}
        self._steps: list[Step] = []
        self._inferred = _inferred_types(file)
        for one in file.inputs:
            self._values[one.name] = _Value(torch.empty(tuple(map(int, one.shape)), dtype=one.dtype, device="meta"))
        self._walk(file.proto.graph)
        self.steps = nn.ModuleList(self._steps)
        self._buffers_by_name: dict[str, tuple[nn.Module, str]] = {}
        self._place_buffers()

    def example_inputs(self) -> tuple[torch.Tensor, ...]:
        """Zeros of the inputs' shapes and dtypes."""
        return tuple(torch.zeros(tuple(map(int, one.shape)), dtype=one.dtype) for one in self.file.inputs)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The outputs of the graph, in its order."""
        values: dict[str, Any] = {one.name: x for one, x in zip(self.file.inputs, inputs, strict=True)}
        values.update((name, getattr(module, key)) for name, (module, key) in self._buffers_by_name.items())
        for step in self._steps:
            results = step(*(values[name] if name else None for name in step.inputs))
            values.update(zip(step.outputs, results, strict=False))
        return tuple(values[name] for name in self.file.outputs)

    def place_of(self, path: str) -> str:
        """Which node the step of a module path is, for a message."""
        return self._steps[int(path.rpartition(".")[2])].place

    # Reading the graph

    def _walk(self, graph: onnx.GraphProto) -> None:
        for one in graph.initializer:
            self._values[one.name] = self._weight(one)
        for one in graph.sparse_initializer:
            self.uses.add("initializer", f"initializer '{one.values.name}'", "is sparse; store it dense")
            self._values[one.values.name] = _UNKNOWN
        for number, node in enumerate(graph.node):
            self._read_node(node, f"node '{node.name or node.output[0] if node.output else number}'")

    def _weight(self, one: onnx.TensorProto) -> _Value | _Unknown:
        try:
            return _Value(to_tensor(self._onnx.numpy_helper.to_array(one)))
        except (Unsupported, ValueError, TypeError) as error:
            self.uses.add("initializer", f"initializer '{one.name}'", _first_line(error))
            return _UNKNOWN

    def _read_node(self, node: onnx.NodeProto, place: str) -> None:
        op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        if node.op_type == "If" and op == "If" and self._take_branch(node, place):
            return
        results: Sequence[Any] = ()
        inputs = [self._values.get(name) if name else None for name in node.input]
        meaning = find_meaning(node.domain, node.op_type, self._version)
        reason = ""
        if meaning is None:
            reason = self._without_meaning(op)
        elif not any(isinstance(value, _Unknown) for value in inputs):
            try:
                results = self._converted(node, place, meaning, [v for v in inputs if not isinstance(v, _Unknown)])
            except Unsupported as refusal:
                reason = str(refusal)
            except (RuntimeError, ValueError, IndexError, TypeError, KeyError, NotImplementedError) as error:
                reason = f"its inputs and attributes don't fit together: {type(error).__name__}: {_first_line(error)}"
        self.uses.add(op, place, reason)
        for index, name in enumerate(node.output):
            if name:
                result = results[index] if index < len(results) else None
                self._values[name] = self._stand_in(name) if result is None else result

    def _without_meaning(self, op: str) -> str:
        if op in ("Loop", "Scan", "If"):
            return "a control-flow operator; unroll the loop, or compute both branches and use Where"
        if "." in op:
            return "is of another set of ops than ONNX's own; export the model without them"
        return "has no conversion; express it by ops that have one, or compute it outside the model"

    def _take_branch(self, node: onnx.NodeProto, place: str) -> bool:
        """Reads the branch that is taken, where that is known; whether it is."""
        condition = self._values.get(node.input[0])
        if not isinstance(condition, _Value) or not condition.known:
            return False
        wanted = "then_branch" if bool(condition.tensor.all()) else "else_branch"
        branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
        self.uses.add("If", place)
        self._walk(branch)
        for outer, inner in zip(node.output, branch.output, strict=True):
            self._values[outer] = self._values[inner.name]
            use = Use("Identity", self._version, {}, ())
            identity = find_meaning("", "Identity", self._version)
            assert identity is not None
            if not self._is_known(outer):
                self._steps.append(Step(place, use, identity, [inner.name], [outer]))
        return True

    def _is_known(self, name: str) -> bool:
        value = self._values[name]
        return isinstance(value, _Value) and value.known

    def _converted(
        self, node: onnx.NodeProto, place: str, meaning: Meaning, inputs: Sequence[_Value | None]
    ) -> list[_Value | None]:
        """The outputs' values, and a step for the node unless they are known already."""
        attributes = {a.name: self._attribute(a) for a in node.attribute}
        known = [v.tensor if v is not None and v.known else None for v in inputs]
        arrays = [None if tensor is None else _array(tensor) for tensor in known]
        use = Use(node.op_type, self._version, attributes, arrays, sum(1 for name in node.output if name))
        step = Step(place, use, meaning, node.input, node.output)
        with torch.no_grad():
            results = step(*(None if v is None else v.tensor.to("meta") for v in inputs))
            whole = all(v is None or v.known for v in inputs)
            small = all(r is None or r.numel() <= _FOLDED_ELEMENTS for r in results)
            if whole and small and any(r is not None and r.device.type == "meta" for r in results):
                results = step(*known)
        if len(node.output) > len(results):
            raise Unsupported(f"{len(node.output)} outputs; the first {len(results)} can be had")
        values = [None if r is None else _Value(r) for r in results]
        for name, value in zip(node.output, values, strict=False):
            if name and value is not None:
                self._check_type(name, value.tensor)
        if not all(value is None or value.known for value in values):
            self._steps.append(step)
        return values

    def _attribute(self, one: onnx.AttributeProto) -> Any:
        value = self._onnx.helper.get_attribute_value(one)
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, self._onnx.TensorProto):
            return self._onnx.numpy_helper.to_array(value)
        if one.type in (one.FLOATS, one.INTS, one.STRINGS):
            return [item.decode() if isinstance(item, bytes) else item for item in value]
        return value

    def _check_type(self, name: str, tensor: torch.Tensor) -> None:
        """What was computed has the type that ONNX's own inference says."""
        inferred = self._inferred.get(name)
        if inferred is None:
            return
        dtype, shape = inferred
        fits = len(shape) == tensor.dim() and all(a is None or a == b for a, b in zip(shape, tensor.shape, strict=True))
        if tensor.dtype != dtype or not fits:
            wanted = f"{dtype}{['?' if size is None else size for size in shape]}".replace("torch.", "")
            got = f"{tensor.dtype}{list(tensor.shape)}".replace("torch.", "")
            raise Unsupported(f"its output '{name}' is {wanted} by ONNX's shape inference, and {got} by its conversion")

    def _stand_in(self, name: str) -> _Value | _Unknown:
        """An output of a refused node, if its type is known: what follows is examined too."""
        dtype, shape = self._inferred.get(name, (None, (None,)))
        if dtype is None or any(size is None for size in shape):
            return _UNKNOWN
        return _Value(torch.empty([size for size in shape if size is not None], dtype=dtype, device="meta"))

    # Buffers

    def _place_buffers(self) -> None:
        """Registers what the steps and outputs read of what is known, as `a.b.c` in modules `a` and `b`."""
        read = {name for step in self._steps for name in step.inputs} | set(self.file.outputs)
        for name in self._values:
            value = self._values[name]
            if name in read and isinstance(value, _Value) and value.known:
                *path, key = name.split(".")
                owner: nn.Module | None = self
                for part in path:
                    owner = _child(owner, part) if owner is not None else None
                if owner is None or not _is_free(owner, key):
                    owner, key = self, _free_name(self, name.replace(".", "_"))
                owner.register_buffer(key, value.tensor)
                self._buffers_by_name[name] = (owner, key)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _is_free(module: nn.Module, key: str) -> bool:
    return bool(key) and not hasattr(module, key)


def _child(module: nn.Module, key: str) -> nn.Module | None:
    """The plain module under a name, made if the name is free; None if something else is there."""
    if _is_free(module, key):
        module.add_module(key, nn.Module())
    child = module._modules.get(key)
    return child if type(child) is nn.Module else None


def _free_name(module: nn.Module, name: str) -> str:
    while not _is_free(module, name):
        name += "_"
    return name


def _inferred_types(file: OnnxFile) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
    """Types by value as ONNX's own inference has them. Raises OnnxError where the model is not valid by its rules.

    Nothing is inferred for a model that has ops which ONNX does not know: they are reported as such.
    """
    onnx = _package()
    version = _version(file.proto)
    if any(
        node.domain not in ("", "ai.onnx") or not onnx.defs.has(node.op_type, version) for node in file.proto.graph.node
    ):
        return {}
    proto = onnx.ModelProto()
    proto.CopyFrom(file.proto)
    sizes = {one.name: one.shape for one in file.inputs}
    for one in proto.graph.input:
        for dim, size in zip(one.type.tensor_type.shape.dim, sizes.get(one.name, ()), strict=False):
            dim.dim_value = int(size)
    try:
        proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
        onnx.checker.check_model(proto)  # afterwards: a file may leave the shapes of its outputs out
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise OnnxError(f"{file.path}: not a valid model: {_first_line(error)}") from error
    return dict(_types(proto.graph))


def _types(graph: onnx.GraphProto) -> Iterator[tuple[str, tuple[torch.dtype, tuple[int | None, ...]]]]:
    for one in (*graph.value_info, *graph.output):
        tensor = one.type.tensor_type
        if tensor.elem_type and tensor.HasField("shape"):
            try:
                dtype = torch_dtype_of(tensor.elem_type)
            except Unsupported:
                continue  # the node that makes it is refused by its own converter
            yield one.name, (dtype, tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim))
