"""Test cases for the convolutions: one maker, from a seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from toolkit.lower.ir import Step, Value, per_channel, per_tensor
from toolkit.ops.base import Case


def conv_case(
    op: str,
    kind: str,
    in_shape: tuple[int, int, int],
    out_c: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    extreme: bool = False,
    rounding: Literal["single", "double"] = "single",
    groups: int = 1,
) -> Case:
    """Return a case in device layout: input (1, H, W, C); ``kind`` is int8, int4, ternary or float32.

    Of a transposed convolution the pads are cut off the output.
    """
    geometry = list(zip(in_shape, kernel, stride, dilation, pads, strict=False))
    sizes = [(n + sum(pad) - d * (k - 1) - 1) // s + 1 for n, k, s, d, pad in geometry]
    if op == "conv_transpose2d":
        sizes = [(n - 1) * s + d * (k - 1) + 1 - sum(pad) for n, k, s, d, pad in geometry]
    w_shape = (*kernel, out_c) if op == "depthwise_conv2d" else (out_c, *kernel, in_shape[2] // groups)
    depth = int(np.prod(w_shape)) // out_c
    id_parts = ["x".join(map(str, in_shape)), f"k{kernel[0]}x{kernel[1]}", f"o{out_c}", f"s{stride[0]}", kind]
    case_id = "-".join(
        [
            *id_parts,
            *(["dilated"] if dilation != (1, 1) else []),
            *(["extreme"] if extreme else []),
            *([rounding] if rounding != "single" else []),
        ]
    )
    rng = np.random.default_rng([*in_shape, out_c, *kernel, *stride, ord(kind[0])])
    attrs: dict[str, object] = {"stride": stride, "dilation": dilation, "pads": pads}
    if groups > 1:
        attrs["groups"] = groups
    x_shape, y_shape = (1, *in_shape), (1, *sizes, out_c)
    if kind == "float32":
        w = Value("w", w_shape, data=rng.normal(size=w_shape).astype(np.float32))
        b = Value("b", (out_c,), data=rng.normal(size=out_c).astype(np.float32))
        step = Step(op, "conv", [Value("x", x_shape), w, b], Value("y", y_shape), attrs)
        return Case(case_id, step, [rng.normal(size=x_shape).astype(np.float32)])
    limit = {"ternary": 1, "int4": 7}.get(kind, 127)
    weight = rng.integers(-limit, limit + 1, w_shape).astype(np.int8)
    image = rng.integers(-128, 128, x_shape).astype(np.int8)
    if extreme:
        weight[:] = limit
        image[:] = np.where(np.arange(in_shape[2]) % 2, -128, 127)
    axis = 2 if op == "depthwise_conv2d" else 0
    w = Value(
        "w", w_shape, "int8", per_channel(rng.uniform(0.2, 2, out_c) / limit, axis, -limit, limit), weight
    )
    b = Value("b", (out_c,), "int32", data=rng.integers(-2000, 2000, out_c).astype(np.int32))
    if kernel == (3, 3):
        attrs["activation"] = (0.0, 6.0)
    y = Value("y", y_shape, "int8", per_tensor(0.04 * depth**0.5, -20))
    x = Value("x", x_shape, "int8", per_tensor(0.05, -7))
    step = Step(op, "conv", [x, w, b], y, attrs, rounding=rounding)
    return Case(case_id, step, [image])


def at_run_time(case: Case) -> Case:
    """Return a float case whose weight and bias are no constants, but computed or kept by the model."""
    x, *parameters = case.step.inputs
    given = [value.data for value in parameters if value.data is not None]
    if case.step.op == "depthwise_conv2d":  # laid out as activations are
        given[0] = np.ascontiguousarray(given[0].transpose(2, 0, 1)[..., None])
    values = [Value(v.name, data.shape) for v, data in zip(parameters, given, strict=True)]
    return Case(f"{case.id}-at-run-time", replace(case.step, inputs=[x, *values]), [*case.inputs, *given])
