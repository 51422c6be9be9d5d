"""The constants of an ONNX file, checked before they are read."""

from __future__ import annotations

from math import prod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.program.onnx.refusal import refuse

if TYPE_CHECKING:
    import onnx

MAX_BYTES = 1 << 28  # of one tensor, and of all files beside the model together
MAX_AXES = 12
INT64_AS_INT32 = 2**31
# ONNX data type: name, bits of an element, the field that holds it when it is not raw
_TYPES = {
    1: ("float32", 32, "float_data"),
    2: ("uint8", 8, "int32_data"),
    3: ("int8", 8, "int32_data"),
    4: ("uint16", 16, "int32_data"),
    5: ("int16", 16, "int32_data"),
    6: ("int32", 32, "int32_data"),
    7: ("int64", 64, "int64_data"),
    9: ("bool", 8, "int32_data"),
    10: ("float16", 16, "int32_data"),
    11: ("float64", 64, "double_data"),
    16: ("bfloat16", 16, "int32_data"),
    21: ("uint4", 4, "int32_data"),
    22: ("int4", 4, "int32_data"),
    25: ("uint2", 2, "int32_data"),
    26: ("int2", 2, "int32_data"),
}
_BYTE = 8  # bits; of narrower elements several share one
_RANGES = {22: (-8, 7), 26: (-2, 1)}
_FLOATS = {"float16", "bfloat16", "float64"}
_EXTERNAL = 1
_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def type_name(data_type: int) -> str:
    """Return torch's name for an ONNX data type; all floating-point types are computed as float32."""
    if data_type not in _TYPES:
        import onnx

        known = onnx.TensorProto.DataType.DESCRIPTOR.values_by_number
        named = known[data_type].name if data_type in known else str(data_type)
        raise refuse(f"a tensor has the type {named}, which is not supported", "convert the model to float32")
    name = _TYPES[data_type][0]
    return "float32" if name in _FLOATS else name


def stored_range(tensor: onnx.TensorProto) -> tuple[int, int] | None:
    """Return the range of the type that a constant is stored in, where that is signed and narrower than int8."""
    return _RANGES.get(tensor.data_type)


def read_tensor(tensor: onnx.TensorProto, folder: Path, where: str) -> np.ndarray:
    """Return a constant. Floating-point types become float32, integers of two and four bits int8 or uint8.

    Args:
        tensor: as the file has it.
        folder: where the model's file is; data outside the file must be there.
        where: what the tensor is called, for errors.

    Raises:
        ToolkitError: sizes that do not fit the data, unknown types, NaN, data outside the folder.
    """
    from onnx import numpy_helper

    type_name(tensor.data_type)
    name, bits, field = _TYPES[tensor.data_type]
    shape = tuple(tensor.dims)
    if len(shape) > MAX_AXES or min(shape, default=0) < 0:
        raise refuse(f"the tensor {where} has the shape {list(shape)[:MAX_AXES]}")
    elements = prod(shape)
    wanted = (elements * bits + 7) // 8
    if wanted > MAX_BYTES:
        raise refuse(f"the tensor {where} of shape {list(shape)} is larger than {MAX_BYTES >> 20} MiB")
    if tensor.data_location == _EXTERNAL:
        raw = _external(tensor, folder, where, wanted)
        copy = type(tensor)()
        copy.data_type, copy.raw_data = tensor.data_type, raw
        copy.dims.extend(shape)
        tensor = copy
    elif tensor.HasField("raw_data"):
        if len(tensor.raw_data) != wanted:
            raise refuse(
                f"the tensor {where} of shape {list(shape)} needs {wanted} bytes, "
                f"but {len(tensor.raw_data)} are there"
            )
    else:
        held = len(getattr(tensor, field))
        stored = wanted if bits < _BYTE else elements
        if held != stored:
            raise refuse(
                f"the tensor {where} of shape {list(shape)} needs {stored} values, but {held} are there"
            )
    if tensor.HasField("segment") or any(
        len(getattr(tensor, f)) for f in _FIELDS if _extra(tensor, f, field)
    ):
        raise refuse(f"the tensor {where} holds data of two kinds")
    array = np.array(numpy_helper.to_array(tensor))  # a copy, which may be written to
    if name in _FLOATS or name == "float32":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        if np.isnan(array).any():
            raise refuse(f"the tensor {where} holds NaN", "repair the values before the export")
    elif bits < _BYTE:
        array = array.astype(np.uint8 if name.startswith("u") else np.int8)
    return array


def _extra(tensor: onnx.TensorProto, field: str, own: str) -> bool:
    return field != own or tensor.HasField("raw_data")


def _external(tensor: onnx.TensorProto, folder: Path, where: str, wanted: int) -> bytes:
    """Return the bytes of a tensor stored in a file beside the model, and nowhere else."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    parts = PurePosixPath(location).parts
    if (
        not parts
        or location.startswith("/")
        or ".." in parts
        or "\\" in location
        or ":" in location
        or "\0" in location
    ):
        raise _outside(where, location)
    path = folder.resolve().joinpath(*parts)
    if path.resolve() != path:  # a link on the way
        raise _outside(where, location)
    if not path.is_file():
        raise ToolkitError(
            f"the data of the tensor {where} is missing: there is no file {location} beside the model",
            fix="copy it there, or save the model as one file: onnx.save(model, path)",
        )
    try:
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(wanted)))
    except ValueError as error:
        raise refuse(f"offset or length of the tensor {where} is no number") from error
    size = path.stat().st_size
    if length != wanted or offset < 0 or offset + length > size:
        raise refuse(
            f"the tensor {where} needs {wanted} bytes, but {location} ({size} bytes) "
            f"should hold {length} of them from byte {offset} on"
        )
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise refuse(f"{location} ends inside the tensor {where}")
    return data


def _outside(where: str, location: str) -> ToolkitError:
    return ToolkitError(
        f"the data of the tensor {where} would be read from outside the model's folder: {location[:80]!r}",
        fix="save the model as one file: onnx.save(onnx.load(path), path); only do so if you trust it",
    )
