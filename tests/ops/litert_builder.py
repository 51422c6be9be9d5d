"""One-operator ``.tflite`` files, made from our values and run by LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from toolkit.lower.ir import Value

TYPES = {
    "int8": schema.TensorType.INT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "float32": schema.TensorType.FLOAT32,
}


def options(name: str, **fields: Any) -> Any:
    """Return the options table ``name`` (``Conv2D``, ``Pool2D``, …) with ``fields`` in the schema's spelling."""
    table = getattr(schema, f"{name}OptionsT")()
    for field, value in fields.items():
        if not hasattr(table, field):
            raise AttributeError(f"{name}Options has no {field}")
        setattr(table, field, value)
    return table


def activation_function(bounds: tuple[float, float] | None) -> int:
    """Return LiteRT's name for output bounds."""
    kinds = schema.ActivationFunctionType
    names = {
        None: kinds.NONE,
        (0.0, np.inf): kinds.RELU,
        (0.0, 6.0): kinds.RELU6,
        (-1.0, 1.0): kinds.RELU_N1_TO_1,
    }
    return names[bounds]


def one_op(
    operator: str, inputs: Sequence[Value], output: Value, table: Any = None, version: int = 1
) -> bytes:
    """Return a ``.tflite`` file of one built-in ``operator``; inputs with data become constants.

    A constant's name ``bias`` or quantization decides nothing: what the file says is what the values say.
    """
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    node = schema.OperatorT()
    node.opcodeIndex, node.inputs, node.outputs = 0, list(range(len(inputs))), [len(inputs)]
    if table is not None:
        node.builtinOptions = table
        node.builtinOptionsType = getattr(schema.BuiltinOptions, type(table).__name__.removesuffix("T"))
    buffers = [schema.BufferT()]
    graph.tensors = [_tensor(value, buffers) for value in (*inputs, output)]
    graph.inputs = [i for i, value in enumerate(inputs) if value.data is None]
    graph.outputs, graph.operators, graph.name = [len(inputs)], [node], b"main"
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def run_reference(
    model: bytes, inputs: Sequence[np.ndarray], kernels: OpResolverType = OpResolverType.BUILTIN_REF
) -> np.ndarray:
    """Return the output of a one-operator model, computed by LiteRT's reference kernels."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=kernels, num_threads=1)
    interpreter.allocate_tensors()
    for detail, data in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], np.ascontiguousarray(data))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()


def _tensor(value: Value, buffers: list[Any]) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = value.name.encode(), list(value.shape), TYPES[value.dtype]
    tensor.buffer = 0
    if value.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(value.data).tobytes(), np.uint8)
        buffers.append(buffer)
        tensor.buffer = len(buffers) - 1
    if value.quant is not None:
        quantization = schema.QuantizationParametersT()
        quantization.scale = value.quant.scale.astype(np.float32)
        quantization.zeroPoint = value.quant.zero_point
        quantization.quantizedDimension = value.quant.axis or 0
        tensor.quantization = quantization
    return tensor
