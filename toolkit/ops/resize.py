"""Where the pixels of a resized image come from, by the conventions of torch, TensorFlow Lite and ONNX."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Case, Reader
from toolkit.ops.reading import real_input

FRACTION_BITS = 10  # of an int8 image's positions, as in TensorFlow Lite


@dataclass(frozen=True)
class Positions:
    """Along one axis: output i lies between inputs ``low[i]`` and ``high[i]``, ``weight[i]`` of the way."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    weight: tuple[float, ...]  # 0 .. 1, or 0 .. 2**FRACTION_BITS for integers


def nearest(
    size: int, out: int, *, scale: float = 0.0, half_pixel: bool = False, corners: bool = False
) -> tuple[int, ...]:
    """Return the input for each of ``out`` outputs along an axis of ``size``, in float32 as torch and TFLite do.

    Args:
        scale: input values per output value, where the program names it; else ``size / out``.
        half_pixel: positions are those of pixels' centres.
        corners: the first and last values of both lie on each other (``align_corners``).
    """
    ratio = np.float32(scale) if scale else np.float32(size) / np.float32(out)
    if corners and out > 1:
        ratio = np.float32(size - 1) / np.float32(out - 1)
    places = (np.arange(out, dtype=np.float32) + np.float32(0.5 if half_pixel else 0)) * ratio
    whole = np.floor(places + np.float32(0.5)) if corners else np.floor(places)  # half away from zero
    return tuple(int(i) for i in np.clip(whole, 0, size - 1))


def linear(
    size: int, out: int, *, scale: float = 0.0, half_pixel: bool = True, corners: bool = False
) -> Positions:
    """Return positions for float images, in float32 as torch computes them; see ``nearest``."""
    ratio = np.float32(scale) if scale else np.float32(size) / np.float32(out)
    if corners:
        ratio = np.float32(size - 1) / np.float32(out - 1) if out > 1 else np.float32(0)
        half_pixel = False
    index = np.arange(out, dtype=np.float32)
    places = (index + np.float32(0.5)) * ratio - np.float32(0.5) if half_pixel else index * ratio
    places = np.maximum(places, np.float32(0))
    low = np.minimum(np.floor(places).astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    weight = np.clip(places - low.astype(np.float32), 0, 1)
    return Positions(tuple(low.tolist()), tuple(high.tolist()), tuple(float(w) for w in weight))


def linear_integer(
    size: int, out: int, *, scale: float = 0.0, half_pixel: bool = True, corners: bool = False
) -> Positions:
    """Return positions for int8 images, with ``FRACTION_BITS`` as TensorFlow Lite's reference computes them."""
    one = 1 << FRACTION_BITS
    ratio = round(one * scale) if scale else (one * size + out // 2) // out
    if corners and out > 1:
        ratio = (one * (size - 1) + (out - 1) // 2) // (out - 1)
    index = np.arange(out)
    places = index * ratio + (ratio // 2 - one // 2 if half_pixel else 0)
    low = np.maximum(places // one, 0)
    high = np.minimum((places + one - 1) // one, size - 1)
    weight = np.where(low == high, 0, places - low * one)
    return Positions(tuple(low.tolist()), tuple(high.tolist()), tuple(float(w) for w in weight))


def read_resize(node: Any, reader: Reader) -> tuple[Value, dict[str, Any]]:
    """Return the image that an ``aten.upsample`` node reads, and the attributes of its step.

    ``half_pixel`` and ``corners`` as in ``nearest``; ``scales`` (height, width) are input values per output value, 0
    where the sizes say it.
    """
    x = real_input(node.args[0], reader)
    axes = len(x.shape) - 2
    if axes not in (1, 2) or x.shape[0] != 1:
        raise reader.unsupported(f"a tensor of shape {x.shape}: one image is needed")
    name, overload = str(node.target).split(".")[1:]
    corners = bool(node.args[2]) if "linear" in name else False
    factors = list((node.args[-1] or ()) if overload == "vec" else node.args[3 if "linear" in name else 2 :])
    if not factors or None in factors:
        factors = [0.0] * axes
    scales = tuple(1.0 / float(factor) if factor else 0.0 for factor in factors)
    half_pixel = not corners if "linear" in name else "exact" in name
    return x, {"corners": corners, "half_pixel": half_pixel, "scales": (0.0, *scales)[-2:]}


def along(step: Step, position: Callable[..., Any]) -> list[Any]:
    """Return the positions of an NHWC resize step along height and width."""
    flags = {name: step.attrs[name] for name in ("half_pixel", "corners")}
    return [
        position(size, out, scale=scale, **flags)
        for size, out, scale in zip(
            step.inputs[0].shape[1:3], step.output.shape[1:3], step.attrs["scales"], strict=True
        )
    ]


def resize_cases(op: str, kinds: Iterable[str] = KINDS) -> Iterable[Case]:
    """Yield enlargements and reductions by whole and other factors, by every convention."""
    sizes = [
        ((3, 4, 5), (6, 8)),
        ((5, 7, 2), (8, 3)),
        ((1, 4, 3), (1, 9)),
        ((6, 6, 1), (4, 5)),
        ((2, 2, 9), (1, 1)),
    ]
    for kind in kinds:
        for (h, w, channels), out in sizes:
            for flags in ((False, False), (True, False), (False, True)):
                x, y = activation("x", (1, h, w, channels), kind), activation("y", (1, *out, channels), kind)
                attrs = {"half_pixel": flags[0], "corners": flags[1], "scales": (0.0, 0.0)}
                name = ("plain", "half-pixel", "corners")[flags[0] + 2 * flags[1]]
                step = Step(op, "resize", [x], y, attrs)
                yield Case(case_id((h, w, channels), "to", out, name, kind), step, [sample(x, 19)])
