"""Read a bundle's ``manifest.json``: whatever stands in the file, what is returned can be relied on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.device.build import read_manifest
from toolkit.errors import ToolkitError
from toolkit.lower.ir import ITEMSIZE

_INTEGERS = frozenset(name for name in ITEMSIZE if name not in ("float32", "bool"))


def read(bundle: Path, *parts: str) -> dict[str, Any]:
    """Return the manifest of ``bundle``.

    Args:
        bundle: folder that ``toolkit export`` wrote.
        parts: what the caller will look at beside names, target, kernels and the input and output tensors:
            ``source``, ``layers``, ``golden``, ``sizes``, ``memory_plan``, ``patches``, ``block`` or ``info``.

    Raises:
        ToolkitError: it is missing, or something in it is missing, of the wrong type or inconsistent.
    """
    manifest = read_manifest(bundle)
    for name in ("name", "kernels"):
        _demand(bundle, name, _fields(manifest, {name: _is_text}))
    for kind in ("inputs", "outputs"):
        for index, tensor in enumerate(manifest[kind]):
            _demand(bundle, f"{kind}[{index}]", _tensor(tensor))
    for part in parts:
        _demand(bundle, part, _PARTS[part](manifest, manifest.get(part)))
    return manifest


def _demand(bundle: Path, part: str, faults: Iterator[str]) -> None:
    fault = next(faults, None)
    if fault is not None:
        raise ToolkitError(
            f"the manifest is damaged: {part}: {fault}",
            at=str(Path(bundle) / "manifest.json"),
            fix="make the bundle again with `toolkit export`",
        )


def _tensor(tensor: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the description of an input or output."""
    yield from _fields(tensor, {"name": _is_text, "shape": _is_shape, "device_shape": _is_shape})
    shape, device_shape, permute = tensor["shape"], tensor["device_shape"], tensor.get("permute")
    order = list(range(len(shape))) if permute is None else permute
    if not _are_counts(order) or sorted(order) != list(range(len(shape))):
        yield f"permute is {permute!r}"
    elif [shape[axis] for axis in order] != device_shape:
        yield f"device_shape {device_shape} is not shape {shape} permuted by {permute}"
    dtype, scale, zero_point = (tensor.get(name) for name in ("dtype", "scale", "zero_point"))
    if not isinstance(dtype, str) or dtype not in ITEMSIZE:
        yield f"dtype is {dtype!r}"
    elif tensor["bytes"] != math.prod(device_shape) * ITEMSIZE[dtype]:
        yield f"bytes is {tensor['bytes']}"
    elif scale is not None:
        limits = np.iinfo(dtype) if dtype in _INTEGERS else None
        if type(scale) not in (int, float) or not math.isfinite(scale) or scale <= 0 or limits is None:
            yield f"scale is {scale!r}"
        elif type(zero_point) is not int or not limits.min <= zero_point <= limits.max:
            yield f"zero_point is {zero_point!r}"


def _source(_: dict[str, Any], source: Any) -> Iterator[str]:
    yield from _fields(source, {"file": _is_text})


def _layers(_: dict[str, Any], layers: Any) -> Iterator[str]:
    if not isinstance(layers, list):
        yield "it is no list"
        return
    texts = dict.fromkeys(("name", "op", "kernel", "function"), _is_text)
    counts = dict.fromkeys(("macs", "step", "weight_bytes", "constant_bytes"), _is_count)
    for index, layer in enumerate(layers):
        yield from _fields(layer, {**texts, **counts, "weight_type": _is_text_or_none})
        if layer.get("index") != index:
            yield f"layer {index} has index {layer.get('index')!r}"
        output = {"name": _is_text, "device_shape": _are_counts, "bytes": _is_count, "dtype": _is_text}
        for fault in _fields(layer.get("output"), output):
            yield f"layer {index}: output: {fault}"


def _golden(manifest: dict[str, Any], golden: Any) -> Iterator[str]:
    files = dict.fromkeys(("inputs", "outputs"), _are_texts)
    yield from _fields(golden, {"count": _is_count, **files})
    for kind in files:
        if len(golden[kind]) != len(manifest[kind]):
            yield f"{len(golden[kind])} files for {len(manifest[kind])} {kind}"


def _sizes(_: dict[str, Any], sizes: Any) -> Iterator[str]:
    yield from _fields(sizes, {"weight_bytes": _is_count, "arena_bytes": _is_count})


def _memory_plan(_: dict[str, Any], plan: Any) -> Iterator[str]:
    sizes = dict.fromkeys(("arena_bytes", "lower_bound_bytes"), _is_count)
    yield from _fields(plan, {**sizes, "optimal": _is_bool, "buffers": _is_list})
    counts = dict.fromkeys(("offset", "bytes", "first", "last"), _is_count)
    for buffer in plan["buffers"]:
        yield from _fields(buffer, {**counts, "name": _is_text, "kind": _is_buffer_kind})


def _patches(_: dict[str, Any], patches: Any) -> Iterator[str]:
    if patches is not None:
        yield from _fields(patches, dict.fromkeys(("layers", "bands"), _is_count))


def _block(_: dict[str, Any], block: Any) -> Iterator[str]:
    if block is not None:
        yield from _fields(block, {"elements": lambda value: _is_count(value) and value > 0})
        yield from _layers(_, block.get("layers"))


def _info(_: dict[str, Any], info: Any) -> Iterator[str]:
    if info is not None:
        yield from _fields(info, {})


_PARTS: dict[str, Callable[[dict[str, Any], Any], Iterator[str]]] = {
    "source": _source,
    "layers": _layers,
    "golden": _golden,
    "sizes": _sizes,
    "memory_plan": _memory_plan,
    "patches": _patches,
    "block": _block,
    "info": _info,
}


def _fields(entry: Any, expected: Mapping[str, Callable[[Any], bool]]) -> Iterator[str]:
    """Yield what is missing in ``entry`` or not what its function accepts."""
    if not isinstance(entry, dict):
        yield "it is no object"
        return
    for name, accepts in expected.items():
        if not accepts(entry.get(name)):
            yield f"{name} is {entry[name]!r}"[:200] if name in entry else f"{name} is missing"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: Any) -> bool:
    return value is None or _is_text(value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_buffer_kind(value: Any) -> bool:
    return value in ("activation", "scratch", "state")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _is_shape(value: Any) -> bool:
    return _are_counts(value) and bool(value) and all(value)
