"""Between the user's arrays and the bytes a device reads and writes, by what ``manifest.json`` says of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError


def load_npy(path: Path) -> np.ndarray:
    """Read a ``.npy`` file of numbers; nothing in it is executed.

    Raises:
        ToolkitError: the file is missing, not a ``.npy`` file, or holds objects.
    """
    fix = 'save it with numpy.save("x.npy", array), first axis the sample'
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise ToolkitError(f"{path} does not exist", fix=fix) from error
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise ToolkitError(f"not a .npy file of numbers: {error}", at=str(path), fix=fix) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise ToolkitError("not a .npy file of numbers", at=str(path), fix=fix)
    return array


def to_device(tensor: dict[str, Any], array: np.ndarray, at: str = "") -> np.ndarray:
    """Return samples in the device's layout and type.

    Args:
        tensor: an entry of the manifest's ``inputs`` or ``outputs``.
        array: samples in the user's layout, ``(n, *shape[1:])`` or ``(*shape,)`` for one sample: real numbers
            (quantized here, rounding half to even) or, for an integer tensor, its integers.

    Raises:
        ToolkitError: the shape or type is wrong; says what is expected and what was given.
    """
    shape = tuple(tensor["shape"])
    if array.shape == shape[1:]:
        array = array[None]
    if array.ndim != len(shape) or array.shape[1:] != shape[1:]:
        raise ToolkitError(
            f"expected samples of shape (n, {', '.join(map(str, shape[1:]))}), got {array.shape}",
            at=at,
            fix="the first axis is the sample; the others are the model's input shape",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ToolkitError("the input holds NaN or infinity", at=at, fix="remove or replace those values")
    permute = tensor.get("permute")
    if permute is not None:
        array = array.transpose(permute)
    if tensor["dtype"] == "float32" or tensor.get("scale") is None:
        return np.ascontiguousarray(array, tensor["dtype"])
    low, high = np.iinfo(tensor["dtype"]).min, np.iinfo(tensor["dtype"]).max
    if array.dtype.kind == "f":
        # float32 arithmetic, as torch's quantize_per_tensor does it
        scaled = np.rint(array.astype(np.float32) * np.float32(1.0 / tensor["scale"])) + tensor["zero_point"]
        array = np.clip(scaled, low, high)
    elif array.min(initial=0) < low or array.max(initial=0) > high:
        raise ToolkitError(
            f"integers outside {low}..{high} for an {tensor['dtype']} input",
            at=at,
            fix="give real numbers as float32, or integers already quantized",
        )
    return np.ascontiguousarray(array.astype(tensor["dtype"]))


def to_user(tensor: dict[str, Any], array: np.ndarray, *, raw: bool = False) -> np.ndarray:
    """Return device samples ``(n, *device_shape[1:])`` in the user's layout, as real numbers unless ``raw``."""
    if tensor.get("permute") is not None:
        array = array.transpose(np.argsort(tensor["permute"]))
    if not raw and tensor.get("scale") is not None:
        array = ((array.astype(np.float32) - tensor["zero_point"]) * np.float32(tensor["scale"])).astype(
            np.float32
        )
    return np.ascontiguousarray(array)


def to_bytes(arrays: Sequence[np.ndarray]) -> list[bytes]:
    """Join device arrays, one per tensor, first axis the sample, into one byte string per sample."""
    return [
        b"".join(np.ascontiguousarray(array[i]).tobytes() for array in arrays) for i in range(len(arrays[0]))
    ]


def from_bytes(tensors: Sequence[dict[str, Any]], samples: Sequence[bytes]) -> list[np.ndarray]:
    """Split byte strings, one per sample, into one device array per tensor."""
    sizes = [int(tensor["bytes"]) for tensor in tensors]
    joined = np.frombuffer(b"".join(samples), np.uint8).reshape(len(samples), sum(sizes))
    ends = np.cumsum(sizes)
    return [
        np.ascontiguousarray(joined[:, end - size : end])
        .view(np.dtype(tensor["dtype"]).newbyteorder("<"))
        .reshape(len(samples), *tensor["device_shape"][1:])
        for tensor, size, end in zip(tensors, sizes, ends, strict=True)
    ]
