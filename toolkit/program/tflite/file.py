"""What a ``.tflite`` file says, every index, size and number in it checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Quantization
from toolkit.program.tflite.tables import Tables

MOST_OPERATORS = 2048
MOST_TENSORS = 8 * MOST_OPERATORS
MOST_OPERANDS = 256  # of one operator
MOST_AXES = 8
MOST_ELEMENTS = 2**24  # of an activation; what a constant has is in the file
ITEM_BITS = {
    "float32": 32,
    "float16": 16,
    "int32": 32,
    "int64": 64,
    "int16": 16,
    "int8": 8,
    "uint8": 8,
    "bool": 8,
    "int4": 4,
    "int2": 2,
}
LIMITS = {
    "int2": (-2, 1),
    "int4": (-8, 7),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


TYPE_NAMES = {value: name.lower() for value, name in _names(schema.TensorType).items()}
OPERATOR_NAMES = _names(schema.BuiltinOperator)
OPTIONS_NAMES = _names(schema.BuiltinOptions)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the file: a constant when ``data`` is there."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # a key of ITEM_BITS, or a type that nothing here reads
    quant: Quantization | None  # in the type's full range
    data: np.ndarray | None  # a view of the file; int4 and int2 unpacked to int8
    dynamic: tuple[int, ...] = ()  # axes whose size the file leaves open
    variable: bool = False  # keeps its value from one inference to the next

    def __str__(self) -> str:
        return f"tensor {self.index} ({self.name[:80]})"


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator of the file; an input is None where it is left out."""

    index: int
    kind: str  # "CONV_2D", or "CUSTOM <name>"
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any  # accessor of the options table, None where there is none
    options_kind: str  # "Conv2DOptions"
    intermediates: list[Tensor | None] = field(default_factory=list)  # whose scales its kernel wants to know


@dataclass(frozen=True, eq=False)
class File:
    """One graph, its operators in the order in which they run."""

    tables: Tables
    inputs: list[Tensor]
    outputs: list[Tensor]
    operators: list[Operator]
    names: dict[int, str] = field(default_factory=dict)  # of input and output tensors, by index


def parse(data: bytes, path: str) -> File:
    """Return what the bytes of a ``.tflite`` file say.

    Raises:
        ToolkitError: they contradict themselves, or hold more than one graph.
    """
    tables = Tables(data, path)
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise ToolkitError(
            "this is no .tflite file: it does not begin with the mark TFL3",
            at=path,
            fix="give a file that the LiteRT or TensorFlow Lite converter wrote",
        )
    try:
        model = schema.Model.GetRootAs(data, 0)
    except Exception as error:  # whatever the generated code meets on its first steps
        raise tables.damaged("its root leads out of the file") from error
    if (version := tables.field(model, "Version")) != 3:
        raise tables.damaged(f"schema version {version} instead of 3")
    subgraphs = tables.tables(model, "Subgraphs", MOST_OPERATORS)
    if len(subgraphs) != 1:
        raise ToolkitError(
            f"the file holds {len(subgraphs)} graphs; control flow (IF, WHILE) cannot be compiled",
            at=path,
            fix="convert one function of the model, without control flow",
        )
    return _Parser(tables, model, subgraphs[0]).parse()


def _unpacked(raw: np.ndarray, bits: int) -> np.ndarray:
    """Return integers of a few bits, the first in the lowest bits of each byte, as int8."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return ((raw[:, None] << shifts).astype(np.uint8).view(np.int8) >> (8 - bits)).reshape(-1)


class _Parser:
    def __init__(self, tables: Tables, model: Any, graph: Any) -> None:
        self.tables = tables
        self.model = model
        self.graph = graph
        self.buffers = tables.tables(model, "Buffers", 2 * MOST_TENSORS)
        self.tensors: list[Tensor] = []

    def parse(self) -> File:
        tables = self.tables
        found = tables.tables(self.graph, "Tensors", MOST_TENSORS)
        self.tensors = [self._tensor(i, table) for i, table in enumerate(found)]
        codes = [self._kind(code) for code in tables.tables(self.model, "OperatorCodes", MOST_OPERATORS)]
        operators = tables.tables(self.graph, "Operators", MOST_OPERATORS)
        inputs, outputs = (self._some(self.graph, name, "the graph") for name in ("Inputs", "Outputs"))
        return File(
            tables,
            [tensor for tensor in inputs if tensor is not None],
            [tensor for tensor in outputs if tensor is not None],
            [self._operator(i, table, codes) for i, table in enumerate(operators)],
            self._signature_names(),
        )

    def _tensor(self, index: int, table: Any) -> Tensor:
        tables = self.tables
        name = tables.text(table, "Name") or f"tensor_{index}"
        where = f"tensor {index} ({name[:80]})"
        shape = tuple(int(n) for n in self._few(table, "Shape", where))
        if min(shape, default=0) < 0:
            raise tables.damaged(f"{where} has shape {list(shape)}")
        signature = self._few(table, "ShapeSignature", where)
        if len(signature) not in (0, len(shape)):
            raise tables.damaged(f"{where} has {len(signature)} open sizes for {len(shape)} axes")
        number = tables.field(table, "Type")
        dtype = TYPE_NAMES.get(number, f"type {number}")
        if tables.field(table, "Sparsity") is not None:
            raise ToolkitError(
                f"{where} is stored sparse", at=tables.path, fix="convert the model without sparsity"
            )
        if tables.field(table, "ExternalBuffer"):
            raise ToolkitError(
                f"{where} lies in another file", at=tables.path, fix="convert the model into one file"
            )
        data = self._data(where, tables.field(table, "Buffer"), shape, dtype)
        if data is None and prod(shape) > MOST_ELEMENTS:
            raise ToolkitError(
                f"{where} of shape {list(shape)} has more than {MOST_ELEMENTS:,} elements",
                at=tables.path,
                fix="convert the model for a smaller input",
            )
        quant = self._quantization(where, tables.field(table, "Quantization"), shape, dtype)
        dynamic = tuple(axis for axis, size in enumerate(signature) if size < 0)
        return Tensor(
            index, name, shape, dtype, quant, data, dynamic, bool(tables.field(table, "IsVariable"))
        )

    def _few(self, table: Any, name: str, where: str) -> np.ndarray:
        sizes = self.tables.numbers(table, name, 4)
        if len(sizes) > MOST_AXES:
            raise self.tables.damaged(f"{where} has {len(sizes)} axes")
        return sizes

    def _data(self, where: str, buffer: int, shape: tuple[int, ...], dtype: str) -> np.ndarray | None:
        """Return a tensor's constant; None when its buffer is empty."""
        tables = self.tables
        if buffer >= max(len(self.buffers), 1):
            raise tables.damaged(f"{where} has buffer {buffer} of {len(self.buffers)}")
        if not self.buffers or dtype not in ITEM_BITS:
            return None
        raw = self._bytes(where, self.buffers[buffer])
        if not len(raw):
            return None
        need = (prod(shape) * ITEM_BITS[dtype] + 7) // 8
        if len(raw) != need:
            raise tables.damaged(f"{where} has {len(raw):,} bytes for shape {list(shape)} of {dtype}")
        if ITEM_BITS[dtype] < 8:
            return _unpacked(raw, ITEM_BITS[dtype])[: prod(shape)].reshape(shape)
        return raw.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)

    def _bytes(self, where: str, buffer: Any) -> np.ndarray:
        """Return a buffer's bytes: inside the flatbuffer, or after it in the file."""
        tables = self.tables
        offset, size = (tables.field(buffer, name) for name in ("Offset", "Size"))
        if offset > 1:  # 0 and 1 stand for "inside"
            if offset + size > len(tables.data):
                raise tables.damaged(
                    f"{where} lies at byte {offset:,} + {size:,} of a file of {len(tables.data):,}"
                )
            return np.frombuffer(tables.data, np.uint8, size, offset)
        return tables.numbers(buffer, "Data", 1)

    def _quantization(
        self, where: str, table: Any, shape: tuple[int, ...], dtype: str
    ) -> Quantization | None:
        tables = self.tables
        if table is None or dtype not in LIMITS:
            return None
        if tables.field(table, "DetailsType"):
            raise ToolkitError(
                f"{where} is quantized block by block or in a way of its own",
                at=tables.path,
                fix="quantize weights per channel or per tensor",
            )
        scale = tables.numbers(table, "Scale", 4).astype(np.float64)
        zero_point = tables.numbers(table, "ZeroPoint", 8).astype(np.int64)
        if not len(scale):
            return None
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise tables.damaged(f"a scale of {where} is not a positive number")
        low, high = LIMITS[dtype]
        if len(zero_point) not in (0, 1, len(scale)) or (zero_point < low).any() or (zero_point > high).any():
            raise tables.damaged(f"{where} has zero points that do not fit: {zero_point[:4].tolist()}")
        zero_points = np.broadcast_to(zero_point if len(zero_point) else np.int64(0), scale.shape).copy()
        if len(scale) == 1:
            return Quantization(scale, zero_points, low, high)
        axis = tables.field(table, "QuantizedDimension")
        if not 0 <= axis < len(shape) or shape[axis] != len(scale):
            raise tables.damaged(f"{where} has {len(scale)} scales along axis {axis} of {list(shape)}")
        return Quantization(scale, zero_points, low, high, axis)

    def _kind(self, code: Any) -> str:
        tables = self.tables
        number = max(tables.field(code, "BuiltinCode"), tables.field(code, "DeprecatedBuiltinCode"))
        kind = OPERATOR_NAMES.get(number, f"operator {number}")
        return f"CUSTOM {tables.text(code, 'CustomCode')[:40]}" if kind == "CUSTOM" else kind

    def _operator(self, index: int, table: Any, codes: list[str]) -> Operator:
        tables = self.tables
        opcode = tables.field(table, "OpcodeIndex")
        if opcode >= len(codes):
            raise tables.damaged(f"operator {index} is number {opcode} of {len(codes)} kinds")
        where = f"operator {index} ({codes[opcode]})"
        outputs = self._some(table, "Outputs", where)
        options = tables.field(table, "BuiltinOptions")
        options_kind = OPTIONS_NAMES.get(tables.field(table, "BuiltinOptionsType"), "")
        return Operator(
            index,
            codes[opcode],
            self._some(table, "Inputs", where),
            [tensor for tensor in outputs if tensor is not None],
            options,
            options_kind,
            self._some(table, "Intermediates", where),
        )

    def _some(self, table: Any, name: str, where: str) -> list[Tensor | None]:
        """Return the tensors that a vector of indices names; -1 is None."""
        indices = self.tables.numbers(table, name, 4)
        if len(indices) > MOST_OPERANDS:
            raise self.tables.damaged(f"{where} has {len(indices):,} {name.lower()}")
        if len(indices) and not (indices.min() >= -1 and indices.max() < len(self.tensors)):
            raise self.tables.damaged(
                f"{where} names tensor {int(indices.max())} of {len(self.tensors)}"
                if indices.max() >= len(self.tensors)
                else f"{where} names tensor {int(indices.min())}"
            )
        return [self.tensors[i] if i >= 0 else None for i in indices]

    def _signature_names(self) -> dict[int, str]:
        """Return the names that the only signature gives to inputs and outputs, by tensor index."""
        tables = self.tables
        signatures = tables.tables(self.model, "SignatureDefs", MOST_OPERATORS)
        if len(signatures) != 1:
            return {}
        entries = [
            e for side in ("Inputs", "Outputs") for e in tables.tables(signatures[0], side, MOST_TENSORS)
        ]
        return {tables.field(entry, "TensorIndex"): tables.text(entry, "Name") for entry in entries}
