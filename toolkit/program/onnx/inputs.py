"""The inputs of an ONNX model: their types, their sizes, and what integers among them stand for."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Quantization, per_tensor
from toolkit.program.imported import ImportedTensor
from toolkit.program.onnx.node import RawNode, Tensor
from toolkit.program.onnx.qoperator import EXPANSIONS, MOVERS
from toolkit.program.onnx.refusal import refuse
from toolkit.program.onnx.tensors import MAX_BYTES, type_name

if TYPE_CHECKING:
    import onnx

_TYPES = ("float32", "int8", "uint8", "int32")
_HELD = {"uint8": "int8", "int64": "int32"}


def read_inputs(
    values: Iterable[onnx.ValueInfoProto], tensors: dict[str, Tensor], raws: list[RawNode], notes: list[str]
) -> list[ImportedTensor]:
    """Return the inputs that are no constants, and add them to ``tensors``; ``notes`` is told what was decided.

    Raises:
        ToolkitError: none, an open or impossible size, a type that nothing here computes with.
    """
    inputs = []
    for value in values:
        if value.name in tensors:
            continue  # an initializer, listed as an input as old files do
        if not value.type.HasField("tensor_type"):
            raise refuse(f"the input {value.name} is no tensor", "let the model take tensors only")
        dtype = type_name(value.type.tensor_type.elem_type)
        if dtype not in _TYPES and not (dtype == "int64" and _are_indices(value.name, raws)):
            raise ToolkitError(
                f"the input {value.name} has the type {dtype}; {', '.join(_TYPES)} are supported",
                fix=f"let the model take {'int32' if dtype == 'int64' else 'float32'} and export it again",
            )
        quant = _quantization(value.name, tensors, raws) if dtype in ("int8", "uint8") else None
        held = _HELD.get(dtype, dtype)
        shape = _shape(value, notes)
        if dtype == "uint8":
            notes.append(f"the input {value.name} is uint8 in the file and int8 here, 128 less")
        if dtype == "int64":
            notes.append(f"the input {value.name} is int64 in the file and int32 here")
        tensors[value.name] = Tensor(value.name, shape, held, None, quant, dtype == "uint8")
        inputs.append(ImportedTensor(value.name, shape, held))
    if not inputs:
        raise refuse("it has no input", "export a model that takes a tensor")
    return inputs


def _are_indices(name: str, raws: list[RawNode]) -> bool:
    """True for an input that only chooses rows of tables, which 32 bits are enough for."""
    readers = [raw for raw in raws if name in raw.inputs]
    return bool(readers) and all(raw.op == "Gather" and raw.inputs[0] != name for raw in readers)


def _shape(value: onnx.ValueInfoProto, notes: list[str]) -> tuple[int, ...]:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise ToolkitError(f"the input {value.name} has no shape", fix=_fixed_shape(value.name))
    sizes = []
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.WhichOneof("value") == "dim_value":
            if not 1 <= dim.dim_value <= MAX_BYTES:
                raise refuse(f"the input {value.name} has {dim.dim_value} elements along axis {axis}")
            sizes.append(dim.dim_value)
        elif axis == 0:
            sizes.append(1)  # the batch: a device computes one sample at a time
            notes.append(f"the open batch of the input {value.name} is taken as 1")
        else:
            called = f" ({dim.dim_param!r})" if dim.dim_param else ""
            raise ToolkitError(
                f"axis {axis}{called} of the input {value.name} has no fixed size; C code needs fixed sizes",
                fix=_fixed_shape(value.name),
            )
    if prod(sizes) > MAX_BYTES:
        raise refuse(f"the input {value.name} of shape {sizes} is too large")
    return tuple(sizes)


def _quantization(name: str, tensors: dict[str, Tensor], raws: list[RawNode]) -> Quantization | None:
    """Return what an input's integers stand for, which the first node that uses their scale says."""
    names = {name}
    for raw in raws:
        index = next((i for i, n in enumerate(raw.inputs) if n in names), None)
        if index is None:
            continue
        if raw.op == "DequantizeLinear" or raw.key in EXPANSIONS:
            return _of_constants([tensors.get(n) for n in raw.inputs[index + 1 : index + 3] if n])
        if raw.op in MOVERS:
            names.update(raw.outputs)
    return None


def _of_constants(found: list[Tensor | None]) -> Quantization | None:
    """Return the quantization of a scale and, unless it is left out, a zero point."""
    arrays = [tensor.data for tensor in found if tensor is not None and tensor.data is not None]
    if not arrays or len(arrays) < len(found) or any(array.size != 1 for array in arrays):
        return None
    zero_point = int(arrays[1].reshape(())) if len(arrays) > 1 else 0
    unsigned = len(arrays) < 2 or arrays[1].dtype == np.uint8
    return per_tensor(float(arrays[0].reshape(())), zero_point - 128 * unsigned)


def _fixed_shape(name: str) -> str:
    return (
        f"python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name {name} --input_shape 1,... "
        "model.onnx fixed.onnx"
    )
