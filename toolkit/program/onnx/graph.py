"""From a checked protobuf model to an `ImportedGraph`, node by node, with every shape known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from toolkit.errors import ToolkitError, first_line
from toolkit.program.imported import DTYPES, WRONG_INPUTS, ImportedGraph, ImportedLayer, ImportedTensor
from toolkit.program.onnx import patterns, qoperator
from toolkit.program.onnx.attributes import read_attributes
from toolkit.program.onnx.file import DOMAINS, opset_of
from toolkit.program.onnx.folding import SIZES, Folder
from toolkit.program.onnx.inputs import read_inputs
from toolkit.program.onnx.node import Computed, Node, RawNode, Tensor, real
from toolkit.program.onnx.operators import rules
from toolkit.program.onnx.refusal import UnsupportedError, refuse
from toolkit.program.onnx.tensors import MAX_BYTES, read_tensor, stored_range

if TYPE_CHECKING:
    import onnx

# rules that answer with a constant where their inputs are constants
_KEEP_CONSTANT = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "QuantizeLinear",
                  "DequantizeLinear"}  # fmt: skip
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
_TAKE_ANY = (*_QUANTIZERS, "Shape", "Size", "Identity")


class GraphReader:
    """Reads one model.

    Args:
        model: of a known opset and without functions.
        folder: where its file is.
        check: raises for a model whose form is not valid; called once its operators are known to be supported.
    """

    def __init__(self, model: onnx.ModelProto, folder: Path, check: Callable[[Any], None]) -> None:
        self.model, self.folder, self.check = model, folder, check
        self.opset = opset_of(model)
        self.folder_of_constants = Folder(self.opset)
        self.tensors: dict[str, Tensor] = {}
        self.inputs: list[ImportedTensor] = []
        self.layers: list[ImportedLayer] = []
        self.problems: list[str] = []
        self.unknown: set[str] = set()  # tensors behind what cannot be imported
        self.quantized = False
        self.notes: list[str] = []

    def read(self) -> ImportedGraph:
        """Return the graph.

        Raises:
            ToolkitError: what cannot be imported, all of it listed at once.
        """
        raws = self._raw_nodes()
        outputs = [value.name for value in self.model.graph.output]
        raws = _reachable(raws, outputs)
        self._check_known(raws)
        self.check(self.model)
        self._read_constants()
        self.quantized = self._is_quantized(raws)
        raws = [raw for raw in raws if not self._becomes_constant(raw)]
        self.inputs = read_inputs(self.model.graph.input, self.tensors, raws, self.notes)
        for raw in _reachable(patterns.recognise(raws, self.tensors, outputs), outputs):
            self._node(raw)
        self._raise_problems()
        made = [self._output(name) for name in outputs]
        return ImportedGraph(self.inputs, made, self.layers, self.quantized, self.notes)

    # What an expansion may ask; see ``qoperator.Constants``.

    def value(self, name: str, what: str) -> np.ndarray:
        """Return a constant."""
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data is None:
            raise UnsupportedError(f"{what} is computed at run time")
        return real(tensor)

    def add(self, name: str, data: np.ndarray) -> str:
        """Add a constant under an unused name; return it."""
        while name in self.tensors:
            name += "_"
        self.tensors[name] = Tensor(name, data.shape, str(data.dtype), data)
        return name

    def rank(self, name: str) -> int:
        """Return how many axes a tensor has."""
        tensor = self.tensors.get(name)
        return 0 if tensor is None else len(tensor.shape)

    # Below: the steps of ``read``.

    def _raw_nodes(self) -> list[RawNode]:
        raws: list[RawNode] = []
        made: set[str] = set()
        for proto in self.model.graph.node:
            label = proto.name or next((name for name in proto.output if name), proto.op_type)
            domain = DOMAINS.get(proto.domain, proto.domain)
            attributes, subgraphs = read_attributes(proto, self.folder, label)
            raw = RawNode(
                proto.op_type, list(proto.input), list(proto.output), attributes, proto.name, domain, proto
            )
            if subgraphs:
                self.problems.append(_listed(raw, "a graph of its own: branches and loops are not supported"))
            doubled = made.intersection(name for name in raw.outputs if name)
            if doubled:
                raise refuse(f"two nodes make the tensor {min(doubled)}")
            made.update(raw.outputs)
            raws.append(raw)
        return raws

    def _check_known(self, raws: Iterable[RawNode]) -> None:
        """List all operators that nothing here knows, before anything is made of the others."""
        for raw in raws:
            known = raw.key in rules() or raw.key in qoperator.EXPANSIONS or raw.key in qoperator.DYNAMIC
            if not known and raw.key not in SIZES and raw.key != "Constant":
                foreign = raw.domain and raw.domain not in DOMAINS.values()
                self.problems.append(_listed(raw, f"of the unknown domain {raw.domain}" if foreign else ""))
        self._raise_problems()

    def _read_constants(self) -> None:
        for tensor in self.model.graph.initializer:
            data = read_tensor(tensor, self.folder, tensor.name)
            stored = stored_range(tensor)
            self.tensors[tensor.name] = Tensor(tensor.name, data.shape, str(data.dtype), data, stored=stored)

    def _is_quantized(self, raws: list[RawNode]) -> bool:
        """True when activations are integers; a model of which only weights are is read as one of reals."""
        constants = set(self.tensors) | {name for raw in raws if raw.op == "Constant" for name in raw.outputs}
        for raw in raws:
            if raw.op in _QUANTIZERS and raw.inputs[:1] and raw.inputs[0] in constants:
                constants.update(raw.outputs)
            elif raw.op in _QUANTIZERS or raw.key in qoperator.EXPANSIONS:
                return True
        return False

    def _becomes_constant(self, raw: RawNode) -> bool:
        """Compute a node of constants."""
        if raw.op != "Constant" and not (
            (self.folder_of_constants.can(raw) or raw.op in _KEEP_CONSTANT)
            and all(not name or self._is_constant(name) for name in raw.inputs)
            and any(raw.inputs)
        ):
            return False
        self._node(raw)
        return True

    def _is_constant(self, name: str) -> bool:
        tensor = self.tensors.get(name)
        return tensor is not None and tensor.data is not None

    def _node(self, raw: RawNode) -> None:
        if not self.unknown.isdisjoint(raw.inputs):
            self.unknown.update(raw.outputs)
            return
        missing = [name for name in raw.inputs if name and name not in self.tensors]
        if missing:
            raise refuse(f"{raw.label} reads {missing[0]}, which nothing before it makes")
        try:
            tensors = [self.tensors[name] if name else None for name in raw.inputs]
            expanded = qoperator.expand(raw, self)
            on_integers = any(t is not None and t.is_integer for t in tensors)
            if expanded is None and on_integers and raw.op not in _TAKE_ANY:
                expanded = qoperator.expand_mover(raw, tensors, self)
            if expanded is not None:
                for part in expanded:
                    self._node(part)
                return
            self._evaluate(raw, tensors)
        except UnsupportedError as problem:
            self._cannot(raw, str(problem))
        except (ValueError, IndexError, KeyError, TypeError, ArithmeticError, MemoryError) as error:
            self._cannot(raw, f"its inputs and attributes do not fit together: {first_line(error)}")

    def _cannot(self, raw: RawNode, why: str) -> None:
        self.problems.append(_listed(raw, why))
        self.unknown.update(raw.outputs)

    def _evaluate(self, raw: RawNode, tensors: list[Tensor | None]) -> None:
        constant = all(t is None or t.data is not None for t in tensors)
        if raw.op == "Constant":
            results = [_constant_of(raw)]
        elif constant and tensors and self.folder_of_constants.can(raw):
            arrays = [None if t is None else real(t) for t in tensors]
            results = self.folder_of_constants.fold(raw, arrays)
        elif raw.key not in rules():
            raise UnsupportedError("it is supported only where its inputs are constants")
        else:
            self._layer(raw, Node(raw, tensors, self.opset))
            return
        if raw.op == "Cast" and tensors[0] is not None and tensors[0].stored and results[0].dtype == np.int8:
            self.tensors[raw.outputs[0]] = tensors[0]  # held as int8 anyway
            return
        for name, data in zip(raw.outputs, results, strict=False):
            data = data.astype(np.float32) if data.dtype.kind == "f" else data
            self.tensors[name] = Tensor(name, data.shape, str(data.dtype), data)

    def _layer(self, raw: RawNode, node: Node) -> None:
        result = rules()[raw.key](node)
        if isinstance(result, Tensor):
            if raw.op == "DequantizeLinear" and not self.quantized:
                result = Tensor(result.name, result.shape, data=real(result))
            self.tensors[raw.outputs[0]] = result
            return
        assert isinstance(result, Computed)
        made = self._shapes(result)
        names = [name for name in raw.outputs if name]
        if len(made) == len(raw.outputs) != len(names):
            names = [name or f"{raw.label}/unused/{i}" for i, name in enumerate(raw.outputs)]
        if len(made) != len(names):
            raise UnsupportedError(f"{len(names)} outputs, of which {len(made)} can be computed")
        for name, (shape, dtype) in zip(names, made, strict=True):
            self.tensors[name] = Tensor(name, shape, dtype, None, result.quant, result.unsigned)
        inputs = [tensor.name for tensor in result.inputs]
        self.layers.append(ImportedLayer(raw.label, result.compute, inputs, names, result.constants))

    def _shapes(self, result: Computed) -> list[tuple[tuple[int, ...], str]]:
        """Return shape and dtype of a layer's outputs, by computing it on tensors without data."""
        inputs = [torch.empty(t.shape, dtype=DTYPES[t.dtype], device="meta") for t in result.inputs]
        constants = {
            name: torch.empty(data.shape, dtype=DTYPES[str(data.dtype)], device="meta")
            for name, data in result.constants.items()
        }
        try:
            with torch.no_grad():
                computed = result.compute(*inputs, **constants)
        except WRONG_INPUTS as error:
            raise UnsupportedError(f"its shapes do not fit together: {first_line(error)}") from error
        outputs = computed if isinstance(computed, tuple) else (computed,)
        for output in outputs:
            if prod(output.shape) * output.element_size() > MAX_BYTES:  # torch's own count may overflow
                raise UnsupportedError(
                    f"an output of shape {list(output.shape)}, larger than {MAX_BYTES >> 20} MiB"
                )
        return [(tuple(o.shape), str(o.dtype).removeprefix("torch.")) for o in outputs]

    def _output(self, name: str) -> str:
        tensor = self.tensors.get(name)
        if tensor is None:
            raise refuse(f"nothing makes the output {name}")
        if tensor.data is not None:
            raise refuse(f"the output {name} is a constant", "remove it from the model's outputs")
        return tensor.name

    def _raise_problems(self) -> None:
        found = list(dict.fromkeys(self.problems))
        if found:
            raise ToolkitError(
                f"{len(found)} node{'s' if len(found) > 1 else ''} of the ONNX model cannot be imported",
                at="\n      ".join(found),
                fix="export the model without them; docs/sources.md lists what is read",
            )


def _constant_of(raw: RawNode) -> np.ndarray:
    values = [v for k, v in raw.attributes.items() if k.startswith("value")]
    if len(values) != 1 or isinstance(values[0], (str, bytes)):
        raise UnsupportedError("a constant that is not a tensor of numbers")
    value = values[0]
    if isinstance(value, np.ndarray):
        return value
    first = value[0] if isinstance(value, list) and value else value
    return np.asarray(value, np.float32 if isinstance(first, float) else np.int64)


def _reachable(raws: list[RawNode], outputs: list[str]) -> list[RawNode]:
    """Return the nodes that the outputs need, in their order."""
    needed, kept = set(outputs), []
    for raw in reversed(raws):
        if not needed.isdisjoint(raw.outputs):
            needed.update(raw.inputs)
            kept.append(raw)
    return kept[::-1]


def _listed(raw: RawNode, why: str) -> str:
    return f"{raw.key} in {raw.label}" + (f" ({why})" if why else "")
