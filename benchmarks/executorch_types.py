"""Which weight types XNNPACK's int8 layers run in a ``.pte``: ``python benchmarks/executorch_types.py``.

Each layer has the same weights of -1, 0 and 1, once as int8 and once marked as 4-bit ones. "yes": the outputs are
torch's within a step; "other numbers": they are not; else what ExecuTorch says. The time is the best of 50 runs on one
thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import executorch.kernels.quantized  # noqa: F401 # registers them
import torch
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
from executorch.runtime import Runtime
from torch import nn
from torch.nn.functional import conv2d, linear

from toolkit.backends.executorch.partition import partitioner

RANGES = {"int8": (-127, 127), "int4": (-8, 7)}
_QD = torch.ops.quantized_decomposed


def by_linear(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A pointwise convolution as a linear layer on channels that lie last; what moves keeps its quantization."""
    moved = _QD.quantize_per_tensor(x.permute(0, 2, 3, 1), 0.05, 3, -128, 127, torch.int8)
    out = linear(_QD.dequantize_per_tensor(moved, 0.05, 3, -128, 127, torch.int8), weight)
    out = _QD.quantize_per_tensor(out, 0.1, -5, -128, 127, torch.int8)
    return _QD.dequantize_per_tensor(out, 0.1, -5, -128, 127, torch.int8).permute(0, 3, 1, 2)


# input, weight, operator
LAYERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], Callable[..., torch.Tensor]]] = {
    "linear, 2,048 inputs": ((1, 2048), (2048, 2048), linear),
    "linear, 2,047 inputs": ((1, 2047), (2048, 2047), linear),
    "convolution 3x3": ((1, 64, 25, 5), (64, 64, 3, 3), lambda x, w: conv2d(x, w, padding=1)),
    "convolution 1x1": ((1, 64, 25, 5), (64, 64, 1, 1), conv2d),
    "the same as a linear layer": ((1, 64, 25, 5), (64, 64), by_linear),
    "depthwise 3x3": ((1, 64, 25, 5), (64, 1, 3, 3), lambda x, w: conv2d(x, w, padding=1, groups=64)),
}


class Layer(nn.Module):
    """One layer with q/dq nodes, int8 in and out."""

    def __init__(self, name: str, dtype: str) -> None:
        super().__init__()
        _, shape, self.compute = LAYERS[name]
        self.bounds = RANGES[dtype]
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("weight", torch.randint(-1, 2, shape, generator=generator, dtype=torch.int8))
        self.register_buffer("scale", torch.full(shape[:1], 0.04))
        self.register_buffer("zero_point", torch.zeros(shape[0], dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output's integers."""
        x = _QD.dequantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8)
        scales = (self.scale, self.zero_point)
        weight = _QD.dequantize_per_channel(self.weight, *scales, 0, *self.bounds, torch.int8)
        return _QD.quantize_per_tensor(self.compute(x, weight), 0.1, -5, -128, 127, torch.int8)


def measured(name: str, dtype: str) -> tuple[str, float]:
    """Return what comes out, and the time of a run in microseconds."""
    x = torch.randint(-128, 128, LAYERS[name][0], generator=torch.Generator().manual_seed(1)).to(torch.int8)
    layer = Layer(name, dtype).eval()
    config = EdgeCompileConfig(_check_ir_validity=False)
    try:
        exported = torch.export.export(layer, (x,))
        edge = to_edge_transform_and_lower(exported, partitioner=[partitioner()], compile_config=config)
        file = edge.to_executorch().buffer  # the method reads from it
        method = Runtime.get().load_program(file).load_method("forward")
    except (AssertionError, RuntimeError) as error:
        return f"refused: {str(error).splitlines()[0][:50]}", 0
    found = method.execute([x])[0]
    times = []
    for _ in range(50):
        start = time.perf_counter()
        method.execute([x])
        times.append(time.perf_counter() - start)
    close = bool(((found.int() - layer(x).int()).abs() <= 1).all())
    return "yes" if close else "other numbers", min(times) * 1e6


def main() -> None:
    """Print a row for each layer."""
    logging.disable(logging.WARNING)
    _unsafe_reset_threadpool(1)
    print("| layer | int8 | int4 | time, int8 : int4 |\n|---|---|---|---|")
    for name in LAYERS:
        (int8, slow), (int4, fast) = (measured(name, dtype) for dtype in RANGES)
        times = f"{slow:,.0f} : {fast:,.0f}" if fast else f"{slow:,.0f} : –"
        print(f"| {name} | {int8} | {int4} | {times} µs |")


if __name__ == "__main__":
    main()
