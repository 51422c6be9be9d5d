"""Resizing of images by the nearest element or linearly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, axis_of
from toolkit.program.onnx.refusal import UnsupportedError

_MAX_SIZE = 1 << 16  # of an axis


def _resize(node: Node) -> Computed | Tensor:
    rank = len(node.x.shape)
    axes = [axis_of(a, rank) for a in node.numbers("axes") or range(rank)]
    if node.optional(3) is not None and node.input(3).shape != (0,):
        given = node.integers(3, "the sizes")
        _check(given, axes)
        out = [*node.x.shape]
        for axis, size in zip(axes, given, strict=True):
            out[axis] = size
        scales = [o / i for o, i in zip(out, node.x.shape, strict=True)]
        if node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise UnsupportedError("a policy that keeps the aspect ratio")
    else:
        factors = [float(s) for s in node.constant(2, "the scales").ravel()]
        _check(factors, axes)
        scales = [1.0] * rank
        for axis, scale in zip(axes, factors, strict=True):
            scales[axis] = scale
        if not all(0 < s < 2**16 for s in scales):
            raise UnsupportedError(f"scales {scales}")
        out = [math.floor(size * s) for size, s in zip(node.x.shape, scales, strict=True)]
    return _resized(node, out, scales)


def _upsample(node: Node) -> Computed | Tensor:
    """The operator before ``Resize``."""
    scales = [float(s) for s in node.constant(1, "the scales").ravel()]
    if len(scales) != len(node.x.shape) or not all(0 < s < 2**16 for s in scales):
        raise UnsupportedError(f"scales {scales}")
    out = [math.floor(size * s) for size, s in zip(node.x.shape, scales, strict=True)]
    node.raw.attributes.setdefault("coordinate_transformation_mode", "asymmetric")
    node.raw.attributes.setdefault("nearest_mode", "floor")
    return _resized(node, out, scales)


def _resized(node: Node, out: list[int], scales: list[float]) -> Computed | Tensor:
    shape, mode = node.x.shape, node.text("mode", "nearest")
    where = node.text("coordinate_transformation_mode", "half_pixel")
    if min(out, default=1) < 1 or max(*out, *shape) > _MAX_SIZE:
        raise UnsupportedError(f"an output of shape {out}")
    if out == list(shape):
        return node.x
    if len(shape) not in (3, 4) or out[:2] != list(shape[:2]):
        raise UnsupportedError("other axes than the one or two behind the channels")
    if node.integer("antialias", 0) or where == "tf_crop_and_resize":
        raise UnsupportedError("antialiasing, or cropping")
    if mode == "nearest":
        rounding = node.text("nearest_mode", "round_prefer_floor")
        return _nearest(node, out, scales, where, rounding)
    if mode in ("linear", "bilinear"):
        return _linear(node, out, scales, where)
    raise UnsupportedError(f"the mode {mode}")


def _nearest(node: Node, out: list[int], scales: list[float], where: str, rounding: str) -> Computed:
    """Choose torch's interpolation where it takes the same elements, which is found out by asking for their indices."""
    wanted = [
        _round(_coordinates(i, o, s, where), rounding).clip(0, i - 1)
        for i, o, s in zip(node.x.shape[2:], out[2:], scales[2:], strict=True)
    ]
    size = tuple(out[2:])
    for mode in ("nearest", "nearest-exact"):
        if all(
            np.array_equal(_taken(i, len(w), mode), w) for i, w in zip(node.x.shape[2:], wanted, strict=True)
        ):
            return apply(lambda x, mode=mode: _interpolate(x, size, mode), node.x)
    indices = [Tensor("", w.shape, "int64", w.astype(np.int64)) for w in wanted]

    def compute(x: torch.Tensor, *indices: torch.Tensor) -> torch.Tensor:
        for axis, index in enumerate(indices, 2):
            x = x.index_select(axis, index)
        return x

    return apply(compute, node.x, *indices)


def _taken(size: int, out: int, mode: str) -> np.ndarray:
    line = torch.arange(size, dtype=torch.float32).reshape(1, 1, size)
    return F.interpolate(line, out, mode=mode).reshape(-1).numpy().astype(np.int64)


def _interpolate(x: torch.Tensor, size: Sequence[int], mode: str, align: bool | None = None) -> torch.Tensor:
    """Interpolate over one axis as over two: that is what is compiled."""
    if len(size) == 2:
        return F.interpolate(x, size, mode=mode, align_corners=align)
    return F.interpolate(x.unsqueeze(2), (1, *size), mode=mode, align_corners=align).squeeze(2)


def _linear(node: Node, out: list[int], scales: list[float], where: str) -> Computed:
    fits = all(abs(i * s - o) < 1e-3 for i, o, s in zip(node.x.shape, out, scales, strict=True))
    size = tuple(out[2:])
    one = where == "pytorch_half_pixel" and 1 in size
    if where in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric") and fits and not one:
        return apply(lambda x: _interpolate(x, size, "bilinear", False), node.x)
    if where == "align_corners":
        return apply(lambda x: _interpolate(x, size, "bilinear", True), node.x)
    raise UnsupportedError(f"linear interpolation with the coordinates {where} and scales {scales}")


def _coordinates(size: int, out: int, scale: float, where: str) -> np.ndarray:
    """Return where each output element lies in the input, as the ONNX specification says."""
    x = np.arange(out, dtype=np.float64)
    if where == "asymmetric":
        return x / scale
    if where == "align_corners":
        return x * (size - 1) / (out - 1) if out > 1 else x * 0
    if where == "tf_half_pixel_for_nn":
        return (x + 0.5) / scale
    if where == "pytorch_half_pixel":
        return (x + 0.5) / scale - 0.5 if out > 1 else x * 0
    if where == "half_pixel":
        return (x + 0.5) / scale - 0.5
    if where == "half_pixel_symmetric":
        shift = size / 2 * (1 - out / (size * scale))
        return shift + (x + 0.5) / scale - 0.5
    raise UnsupportedError(f"the coordinates {where}")


def _round(x: np.ndarray, how: str) -> np.ndarray:
    if how == "floor":
        return np.floor(x)
    if how == "ceil":
        return np.ceil(x)
    if how == "round_prefer_floor":
        return np.ceil(x - 0.5)
    if how == "round_prefer_ceil":
        return np.floor(x + 0.5)
    raise UnsupportedError(f"the rounding {how}")


def _check(values: Sequence[float], axes: list[int]) -> None:
    if len(values) != len(axes):
        raise UnsupportedError(f"{len(values)} sizes or scales for {len(axes)} axes")


RULES = {"Resize": _resize, "Upsample": _upsample}
