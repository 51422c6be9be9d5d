"""``.tflite`` files written, in the schema's own classes: tensors and operators of one graph, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.lower.ir import Value

BITS = {
    "int2": 2,
    "int4": 4,
    "int8": 8,
    "uint8": 8,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "float16": 16,
    "float32": 32,
}
TYPES = {name: getattr(schema.TensorType, name.upper()) for name in BITS}


def options(name: str, **fields: Any) -> Any:
    """Return the options table ``name`` (``Conv2D``, ``Pool2D``, …) with ``fields`` in the schema's spelling."""
    table = getattr(schema, f"{name}OptionsT")()
    for field, value in fields.items():
        if not hasattr(table, field):
            raise AttributeError(f"{name}Options has no {field}")
        setattr(table, field, value)
    return table


class _Builder(flatbuffers.Builder):
    """Stores equal arrays once: the zero points of all weights of so many channels, and of their biases, are."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._arrays: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = x.dtype.str, x.tobytes()
        if key not in self._arrays:
            self._arrays[key] = super().CreateNumpyVector(x)
        return self._arrays[key]


class FileWriter:
    """Gathers a graph. ``model`` and ``graph`` are the schema's, for what a file may say besides."""

    def __init__(self) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.graph.name, self.graph.tensors, self.graph.operators = b"main", [], []
        self.model.version, self.model.operatorCodes = 3, []
        self.model.subgraphs, self.model.buffers = [self.graph], [schema.BufferT()]
        self._values: list[Value] = []  # by number
        self._codes: dict[tuple[str, int], int] = {}

    def tensor(self, value: Value | None) -> int:
        """Return the number of a value's tensor, made at its first use; -1 for an input that is left out.

        A value with data is a constant; ``int4`` and ``int2`` ones are held one to a byte and packed here.
        """
        if value is None:
            return -1
        for number, known in enumerate(self._values):
            if known is value:
                return number
        table = schema.TensorT()
        table.name, table.shape, table.type = value.name.encode(), list(value.shape), TYPES[value.dtype]
        table.buffer = 0 if value.data is None else self._buffer(value.data, value.dtype)
        if value.quant is not None:
            table.quantization = schema.QuantizationParametersT()
            table.quantization.scale = value.quant.scale.astype(np.float32)
            table.quantization.zeroPoint = value.quant.zero_point
            table.quantization.quantizedDimension = value.quant.axis or 0
        self.graph.tensors.append(table)
        self._values.append(value)
        return len(self._values) - 1

    def operator(
        self,
        name: str,
        inputs: Sequence[Value | None],
        outputs: Sequence[Value],
        options: Any = None,
        version: int = 1,
        intermediates: Sequence[Value] = (),
    ) -> None:
        """Add a built-in operator, called as in the schema (``CONV_2D``)."""
        node = schema.OperatorT()
        node.opcodeIndex = self._code(name, version)
        node.inputs = [self.tensor(value) for value in inputs]
        node.outputs = [self.tensor(value) for value in outputs]
        node.intermediates = [self.tensor(value) for value in intermediates]
        if options is not None:
            node.builtinOptions = options
            node.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(node)

    def metadata(self, name: str, content: bytes) -> None:
        """Add bytes that no kernel reads, by name."""
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), self._buffer(np.frombuffer(content, np.uint8), "uint8")
        self.model.metadata = [*(self.model.metadata or []), entry]

    def signature(self, inputs: Mapping[str, Value], outputs: Mapping[str, Value]) -> None:
        """Say by which names a program finds inputs and outputs."""
        made = schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = b"serving_default", 0
        made.inputs = [self._named(*entry) for entry in inputs.items()]
        made.outputs = [self._named(*entry) for entry in outputs.items()]
        self.model.signatureDefs = [made]

    def file(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> bytes:
        """Return the file, whose graph takes ``inputs`` and gives ``outputs``."""
        self.graph.inputs = [self.tensor(value) for value in inputs]
        self.graph.outputs = [self.tensor(value) for value in outputs]
        builder = _Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _named(self, name: str, value: Value) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), self.tensor(value)
        return entry

    def _buffer(self, data: np.ndarray, dtype: str) -> int:
        if BITS[dtype] < 8:
            data = _packed(data, BITS[dtype])
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def _code(self, name: str, version: int) -> int:
        if (name, version) not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
            self._codes[name, version] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(code)
        return self._codes[name, version]


def _packed(data: np.ndarray, bits: int) -> np.ndarray:
    """Return integers of a few bits side by side in bytes, the first in the lowest bits."""
    count = 8 // bits
    codes = np.zeros(-(-data.size // count) * count, np.uint8)
    codes[: data.size] = data.reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    return np.bitwise_or.reduce(codes.reshape(-1, count) << np.arange(0, 8, bits, dtype=np.uint8), axis=1)
