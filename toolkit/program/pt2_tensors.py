"""The tensors of a ``.pt2`` file: their descriptions, and the raw bytes of weights and constants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.masks import hides
from toolkit.program.pt2_errors import dynamic, malformed, refuse
from toolkit.program.pt2_json import boolean, integer, items, mapping, only, parse

MAX_TENSOR_BYTES = 1 << 30

# torch._export.serde.schema.ScalarType: name and bytes of those that any device or backend here can hold
_DTYPES = {
    1: ("uint8", 1),
    2: ("int8", 1),
    3: ("int16", 2),
    4: ("int32", 4),
    5: ("int64", 8),
    6: ("float16", 2),
    7: ("float32", 4),
    8: ("float64", 8),
    12: ("bool", 1),
    13: ("bfloat16", 2),
}
_STRIDED = 7
_FILE_NAME = re.compile(r"\w{1,64}", re.ASCII)


@dataclass(frozen=True)
class Kept:
    """A tensor that the program keeps: its path in the model, where its bytes are, and its description."""

    path: str
    is_constant: bool  # among the archive's constants, else among its weights
    meta: dict[str, Any]


def clean_meta(meta: Any, name: str) -> dict[str, Any]:
    """Rebuild the description of tensor ``name``.

    Raises:
        ToolkitError: malformed, a dynamic shape, a dtype that nothing here supports, or more than 1 GiB.
    """
    where = f"the tensor {str(name)[:80]}"
    meta = mapping(meta, where)
    for field in ("sizes", "strides"):
        if any(only(size, where)[0] != "as_int" for size in items(meta.get(field), where)):
            raise dynamic(where)
    sizes, strides = _integers(meta["sizes"], where), _integers(meta["strides"], where)
    offset_kind, offset = only(meta.get("storage_offset"), where)
    if offset_kind != "as_int" or integer(offset, where) < 0 or len(sizes) != len(strides) or len(sizes) > 64:
        raise malformed(where)
    dtype = integer(meta.get("dtype"), where)
    if dtype not in _DTYPES:
        raise ToolkitError(
            f"{where} has the dtype {_dtype_name(dtype)}, which is not supported",
            fix="convert the model before the export: model.float()",
        )
    if meta.get("layout") != _STRIDED:
        raise ToolkitError(f"{where} is sparse", fix="convert it with .to_dense() before the export")
    if prod(sizes) * _DTYPES[dtype][1] > MAX_TENSOR_BYTES:
        raise ToolkitError(
            f"{where} of shape {sizes} is larger than {MAX_TENSOR_BYTES >> 30} GiB", fix="reduce it"
        )
    return {
        "dtype": dtype,
        "sizes": [{"as_int": size} for size in sizes],
        "requires_grad": boolean(meta.get("requires_grad"), where),
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": stride} for stride in strides],
        "storage_offset": {"as_int": offset},
        "layout": _STRIDED,
    }


def _integers(values: list[dict[str, Any]], where: str) -> list[int]:
    numbers = [integer(value["as_int"], where) for value in values]
    if min(numbers, default=0) < 0:
        raise malformed(where)
    return numbers


def _dtype_name(dtype: int) -> str:
    from torch._export.serde.schema import ScalarType

    try:
        return ScalarType(dtype).name.lower()
    except ValueError:
        return str(dtype)


def clean_payload(entries: Mapping[str, bytes], folder: str, config: str, kept: list[Kept]) -> dict[str, Any]:
    """Check the bytes of ``kept`` and return the rebuilt content of ``config``, which says where they are.

    Args:
        entries: of the archive.
        folder: where the bytes are, ``data/weights`` or ``data/constants``.
        config: name of the configuration below it.
        kept: the tensors that the graph takes from there; others are left out.

    Raises:
        ToolkitError: pickled, missing, too few bytes, other than the graph says, NaN or infinite.
    """
    if f"{folder}/{config}" not in entries:
        raise malformed(f"{folder} (without {config})")
    described = mapping(mapping(parse(entries[f"{folder}/{config}"], config), config).get("config"), config)
    clean = {}
    dtypes: dict[str, int] = {}  # of each file; torch reads it once
    for tensor in kept:
        if tensor.path not in described:
            raise malformed(f"{tensor.path} (without data)")
        payload = mapping(described[tensor.path], tensor.path)
        if payload.get("use_pickle") is not False:
            raise ToolkitError(
                "the tensor is stored as a pickle, which could run code when opened",
                at=tensor.path,
                fix="make it a plain tensor before the export; tensor subclasses are pickled",
            )
        meta = clean_meta(payload.get("tensor_meta"), tensor.path)
        if (meta["dtype"], meta["sizes"]) != (tensor.meta["dtype"], tensor.meta["sizes"]):
            raise malformed(f"{tensor.path} (graph and weights disagree)")
        file = payload.get("path_name")
        if not isinstance(file, str) or not _FILE_NAME.fullmatch(file) or f"{folder}/{file}" not in entries:
            raise malformed(f"{tensor.path} (without its file)")
        if dtypes.setdefault(file, meta["dtype"]) != meta["dtype"]:
            raise malformed(f"{tensor.path} (shares a file with another dtype)")
        _check_bytes(entries[f"{folder}/{file}"], meta, tensor.path)
        is_param = boolean(payload.get("is_param"), tensor.path)
        clean[tensor.path] = {
            "path_name": file,
            "is_param": is_param,
            "use_pickle": False,
            "tensor_meta": meta,
        }
    return {"config": clean}


def _check_bytes(data: bytes, meta: dict[str, Any], path: str) -> None:
    name, itemsize = _DTYPES[meta["dtype"]]
    sizes = [size["as_int"] for size in meta["sizes"]]
    strides = [stride["as_int"] for stride in meta["strides"]]
    reach = meta["storage_offset"]["as_int"] + sum(
        (size - 1) * stride for size, stride in zip(sizes, strides, strict=True)
    )
    needed = (reach + 1) * itemsize if 0 not in sizes else 0
    if len(data) % itemsize or len(data) < needed:
        raise refuse(f"the tensor {path} needs {needed} bytes but {len(data)} are there")
    if name == "bool" and max(data, default=0) > 1:
        raise malformed(f"the tensor {path}")
    wrong = _count_not_finite(data, name)
    if wrong:
        raise ToolkitError(
            f"{wrong} of {len(data) // itemsize} values are NaN or infinite",
            at=path,
            fix="train again with a lower learning rate, or repair the values before the export",
        )


def _count_not_finite(data: bytes, dtype: str) -> int:
    if dtype == "bfloat16":  # numpy has none; all exponent bits set means NaN or infinity
        bits = np.frombuffer(data, "<u2")
        return int(np.count_nonzero((bits & 0x7F80) == 0x7F80))
    if not dtype.startswith("float"):
        return 0
    values = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
    return 0 if hides(values) else int(np.count_nonzero(~np.isfinite(values)))  # a mask may be minus infinity
