"""Which weight types LiteRT's kernels run: ``python benchmarks/litert_types.py``.

Each operator gets the same weights of -1, 0 and 1 stored as int8, int4 and int2, for the reference kernels and for the
ones that an application gets by default. "yes": the output is that of int8 weights and the reference kernels; "other
numbers": it is not, by more than a step; else what LiteRT says. The time is the default kernels', the best of 50 runs
on one thread.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import OpResolverType

from toolkit.lower.ir import Quantization, Value, per_tensor
from toolkit.program.tflite.writer import FileWriter, options
from toolkit.verify.litert import ReferenceKernels

TYPES = ("int8", "int4", "int2")
KERNELS = {"reference": OpResolverType.BUILTIN_REF, "default": OpResolverType.AUTO}
WINDOW = {"padding": 1, "strideH": 1, "strideW": 1}
X, Y = per_tensor(float(np.float32(0.05)), 3), per_tensor(float(np.float32(3)), -5)
# input, weight, its channels' axis, output, options, version
LAYERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...], Callable[[], Any], int]] = {
    "FULLY_CONNECTED of 1024": ((1, 1024), (512, 1024), 0, (1, 512), lambda: options("FullyConnected"), 14),
    "FULLY_CONNECTED of 1021": ((1, 1021), (512, 1021), 0, (1, 512), lambda: options("FullyConnected"), 14),
    "CONV_2D": ((1, 26, 26, 61), (67, 3, 3, 61), 0, (1, 24, 24, 67), lambda: options("Conv2D", **WINDOW), 8),
    "DEPTHWISE_CONV_2D": (
        (1, 26, 26, 67), (1, 3, 3, 67), 3, (1, 24, 24, 67),
        lambda: options("DepthwiseConv2D", depthMultiplier=1, **WINDOW), 6,
    ),
    "TRANSPOSE_CONV": (
        (1, 24, 24, 61), (67, 3, 3, 61), 0, (1, 26, 26, 67), lambda: options("TransposeConv", **WINDOW), 3,
    ),
    "GATHER": ((3,), (11, 7), 0, (3, 7), lambda: options("Gather"), 8),
    "EMBEDDING_LOOKUP": ((3,), (11, 8), 0, (3, 8), lambda: None, 4),
    "EMBEDDING_LOOKUP to float32": ((3,), (11, 8), 0, (3, 8), lambda: None, 4),
    "EMBEDDING_LOOKUP of 7 to float32": ((3,), (11, 7), 0, (3, 7), lambda: None, 4),
}  # fmt: skip


def file(operator: str, dtype: str) -> tuple[bytes, np.ndarray]:
    """Return the file of one layer, and an input."""
    shape, weight_shape, axis, out, table, version = LAYERS[operator]
    rng = np.random.default_rng(0)
    data = rng.integers(-1, 2, weight_shape).astype(np.int8)
    rows, to_float = len(shape) == 1, operator.endswith("float32")
    scales = np.array([0.2]) if rows else rng.uniform(0.5, 1.5, weight_shape[axis])
    zeros = np.zeros(len(scales), np.int64)
    quant = Quantization(scales, zeros, -1, 1, None if rows else axis)
    weight = Value("weight", weight_shape, dtype, quant, data)
    if rows:
        x, y = (
            Value("x", shape, "int32"),
            Value("y", out, "float32" if to_float else "int8", None if to_float else per_tensor(0.2)),
        )
        inputs = [weight, x] if operator == "GATHER" else [x, weight]
        sample = np.array([0, 5, 10], np.int32)
    else:
        x, y = Value("x", shape, "int8", X), Value("y", out, "int8", Y)
        bias = Quantization(X.scale * scales, zeros, -(2**31), 2**31 - 1, 0)
        inputs = [
            x,
            weight,
            Value("bias", (out[-1],), "int32", bias, rng.integers(-300, 300, out[-1]).astype(np.int32)),
        ]
        if operator == "TRANSPOSE_CONV":
            inputs = [Value("shape", (4,), "int32", None, np.array(out, np.int32)), weight, x, inputs[2]]
        sample = rng.integers(-128, 128, shape).astype(np.int8)
    writer = FileWriter()
    writer.operator(operator.split()[0], inputs, [y], table(), version)
    return writer.file([x], [y]), sample


def verdict(operator: str, dtype: str, kernels: OpResolverType) -> tuple[str, str]:
    """Return what running the layer says, and how long it takes."""
    model, sample = file(operator, dtype)
    expected = ReferenceKernels(file(operator, "int8")[0])([sample])[0].astype(float)
    try:
        runtime = ReferenceKernels(model, kernels)
        distance = np.abs(runtime([sample])[0] - expected).max()
    except RuntimeError as error:
        return re.sub(r"^\S+:\d+ |Node number.*", "", str(error)).strip()[:70], "-"
    times = []
    for _ in range(50):
        started = time.perf_counter()
        runtime.interpreter.invoke()
        times.append(time.perf_counter() - started)
    found = "yes" if distance == 0 else "within a step" if distance == 1 else "other numbers"
    return found, f"{1e6 * min(times):,.0f} us"


if __name__ == "__main__":
    print(f"{'operator':33} {'weights':8} {'reference kernels':72} {'default kernels':72} time")
    for name in LAYERS:
        for kind in TYPES:
            reference, default = (verdict(name, kind, kernels) for kernels in KERNELS.values())
            print(f"{name:33} {kind:8} {reference[0]:72} {default[0]:72} {default[1]}", flush=True)
