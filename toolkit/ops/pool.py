"""What the two poolings share: arguments, window, cases."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Case, Reader
from toolkit.ops.half import halved
from toolkit.ops.reading import real_input
from toolkit.ops.window import Window, overlap_bytes, patches, per_axis


def read_input(node: Any, reader: Reader) -> Value:
    """Return the activation a pooling reads: one sample of (channels, height, width) or (channels, length)."""
    x = real_input(node.args[0], reader)
    if len(x.shape) not in (3, 4) or (len(x.shape) == 3 and "1d" not in str(node.target)):
        raise reader.unsupported(f"pooling of a {len(x.shape)}-d tensor")
    if x.shape[0] != 1:
        raise reader.unsupported("a batch size other than 1: export with one sample")
    return x


def read_window(args: dict[str, Any], axes: int) -> dict[str, Any]:
    """Return kernel, stride and pad of a pooling's arguments."""
    kernel = per_axis(args["kernel_size"], axes, 1)
    stride = per_axis(args["stride"], axes, 1) if args.get("stride") else kernel
    return {"kernel": kernel, "stride": stride, "pad": per_axis(args.get("padding", 0), axes, 0)}


def read_adaptive(size: Any, reader: Reader, x: Value) -> dict[str, Any]:
    """Return kernel, stride and pad of a pooling to a given size, if its windows are all of one size and distance."""
    shape = x.shape[2:]
    given = size if isinstance(size, (list, tuple)) else [size]
    wanted = list(given) * len(shape) if len(given) == 1 else list(given)
    sizes = [n if out is None else out for n, out in zip(shape, wanted, strict=True)]
    windows = [_adaptive_window(n, out) for n, out in zip(shape, sizes, strict=True)]
    if None in windows:
        raise reader.unsupported(f"{shape} does not divide into {tuple(sizes)} windows of one size")
    kernel, stride = zip((1, 1), *(window for window in windows if window is not None), strict=True)
    return {"kernel": kernel[-2:], "stride": stride[-2:], "pad": (0, 0)}


def _adaptive_window(size: int, count: int) -> tuple[int, int] | None:
    """Return size and distance of torch's ``count`` adaptive windows over ``size``; None where they differ."""
    starts = [i * size // count for i in range(count)]
    sizes = {-(-(i + 1) * size // count) - start for i, start in enumerate(starts)}
    distances = {after - before for before, after in pairwise(starts)}
    if len(sizes) > 1 or len(distances) > 1:
        return None
    return max(sizes), max(distances, default=size)


def pool_window(step: Step) -> Window:
    """Return the window of a pooling step in device layout. The output may have lost its axes of size 1."""
    return pool_shapes(step.inputs[0].shape, step.output.shape, step.attrs)


def pool_shapes(x: tuple[int, ...], y: tuple[int, ...], attrs: dict[str, Any]) -> Window:
    """Return the window of a pooling from an input to an output of these shapes (1, H, W, C)."""
    _, in_h, in_w, channels = x
    out_h, out_w = y[1:3] if len(y) == 4 else (1, 1)
    (kernel_h, kernel_w), (stride_h, stride_w) = attrs["kernel"], attrs["stride"]
    return Window(
        in_h,
        in_w,
        channels,
        out_h,
        out_w,
        channels,
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        1,
        1,
        *attrs["pad"],
    )


def pool_patches(x: np.ndarray, window: Window, fill: float) -> np.ndarray:
    """Return (out_h, out_w, kernel_h * kernel_w, channels) windows, padded with ``fill``."""
    return patches(x, window, fill).reshape(window.out_h, window.out_w, -1, window.in_c)


def pool_overlap(step: Step) -> int:
    """Return how many bytes below its input the output must start; one pixel is made at a time."""
    size = ITEMSIZE[step.output.dtype]
    return overlap_bytes(pool_window(step), size, size, unit=1)


def one_window_each(step: Step) -> bool:
    """True when no two windows of a pooling overlap."""
    (kernel_h, kernel_w), (stride_h, stride_w) = step.attrs["kernel"], step.attrs["stride"]
    return bool(kernel_h <= stride_h and kernel_w <= stride_w)


def pool_cases(op: str) -> Iterable[Case]:
    """Yield windows that overlap, leave gaps, hang over every edge, cover everything, and extreme values."""
    for kind in WITH_INT16:
        yield _case(op, kind, (6, 8, 5), (2, 2), (2, 2))
        yield _case(op, kind, (7, 5, 3), (3, 3), (2, 1))
        yield _case(op, kind, (5, 6, 4), (3, 2), (1, 2), pad=(1, 1))
        yield _case(op, kind, (7, 7, 2), (3, 3), (2, 2), pad=(1, 0), size=(4, 4))
        yield _case(op, kind, (4, 3, 7), (4, 3), (4, 3))
        yield _case(op, kind, (1, 1, 1), (1, 1), (1, 1))
        yield _case(op, kind, (9, 9, 3), (1, 2), (3, 4))
        yield _case(op, kind, (6, 6, 2), (5, 5), (1, 1), extreme=True)
    yield halved(_case(op, "float32", (6, 8, 5), (2, 2), (2, 2)), 1)
    yield halved(_case(op, "float32", (5, 6, 4), (3, 2), (1, 2), pad=(1, 1)), 1)


def _case(
    op: str,
    kind: str,
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
    extreme: bool = False,
) -> Case:
    out = size or tuple(
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape, kernel, stride, pad, strict=False)
    )
    x = activation("x", (1, *shape), kind)
    step = Step(op, "pool", [x], activation("y", (1, *out, shape[2]), kind))
    step.attrs = {"kernel": kernel, "stride": stride, "pad": pad}
    parts = [
        shape,
        "k",
        kernel,
        "s",
        stride,
        *(["hanging"] if size else []),
        *(["extreme"] if extreme else []),
        kind,
    ]
    return Case(case_id(*parts), step, [sample(x, 4, extreme=extreme)])
