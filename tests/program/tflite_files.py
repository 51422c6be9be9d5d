"""``.tflite`` files made of our values, and what LiteRT's reference kernels make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.lower import reference
from toolkit.lower.ir import Model, Quantization, Value, per_tensor
from toolkit.lower.passes import lower
from toolkit.program import tflite
from toolkit.program.tflite.writer import FileWriter
from toolkit.verify.litert import ReferenceKernels as LiteRT


@dataclass(frozen=True, eq=False)
class Node:
    """An operator of a file to be."""

    operator: str
    inputs: Sequence[Value | None]
    outputs: Sequence[Value]
    options: Any = None
    version: int = 1
    intermediates: Sequence[Value] = ()


@dataclass
class Tweaks:
    """What a file may say beside its operators."""

    signature: dict[str, str] = field(default_factory=dict)  # name in the signature: name of the tensor
    open_sizes: dict[str, list[int]] = field(default_factory=dict)  # tensor's name: shape signature
    variables: set[str] = field(default_factory=set)  # names of tensors that last


def int8(name: str, shape: tuple[int, ...], scale: float = 0.05, zero_point: int = 3) -> Value:
    """An int8 activation, its scale a float32 as files have it."""
    return Value(name, shape, "int8", per_tensor(float(np.float32(scale)), zero_point))


def constant(name: str, data: np.ndarray, scale: float | None = None, zero_point: int = 0) -> Value:
    """A constant; int8 with a scale, else plain numbers."""
    quant = None if scale is None else per_tensor(float(np.float32(scale)), zero_point)
    return Value(name, data.shape, str(data.dtype), quant, data)


def per_channel_weight(name: str, data: np.ndarray, scales: np.ndarray, axis: int) -> Value:
    """An int8 weight with a scale for each index of ``axis``."""
    scales = scales.astype(np.float32).astype(np.float64)
    quant = Quantization(scales, np.zeros(len(scales), np.int64), -127, 127, axis)
    return Value(name, data.shape, "int8", quant, data)


def bias(name: str, data: np.ndarray, x: Value, weight: Value) -> Value:
    """An int32 bias at the scale of input times weight."""
    assert x.quant is not None
    assert weight.quant is not None
    scale = (x.quant.scale * weight.quant.scale).astype(np.float32)
    quant = Quantization(scale, np.zeros(len(scale), np.int64), -(2**31), 2**31 - 1, 0)
    return Value(name, data.shape, "int32", quant, data.astype(np.int32))


def write(
    nodes: Sequence[Node], inputs: Sequence[Value], outputs: Sequence[Value], tweaks: Tweaks | None = None
) -> bytes:
    """Return the file of a graph."""
    tweaks, writer = tweaks or Tweaks(), FileWriter()
    for value in inputs:  # numbered first
        writer.tensor(value)
    for node in nodes:
        writer.operator(
            node.operator, node.inputs, node.outputs, node.options, node.version, node.intermediates
        )
    for tensor in writer.graph.tensors:
        tensor.shapeSignature = tweaks.open_sizes.get(tensor.name.decode())
        tensor.isVariable = tensor.name.decode() in tweaks.variables
    if tweaks.signature:
        ends = [{v.name: v for v in side} for side in (inputs, outputs)]
        writer.signature(*({n: side[t] for n, t in tweaks.signature.items() if t in side} for side in ends))
    return writer.file(inputs, outputs)


def one(
    operator: str,
    inputs: Sequence[Value | None],
    output: Value | Sequence[Value],
    options: Any = None,
    version: int = 1,
) -> bytes:
    """Return the file of a single operator; its inputs without data are the file's."""
    outputs = [output] if isinstance(output, Value) else list(output)
    activations = [value for value in inputs if value is not None and value.data is None]
    return write([Node(operator, inputs, outputs, options, version)], activations, outputs)


def lowered(model: bytes, folder: Path, rounding: str = "litert") -> Model:
    """Return the steps of a file."""
    path = folder / "model.tflite"
    path.write_bytes(model)
    return lower(tflite.read(path).program(), rounding=rounding)


def ours(model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the reference's outputs for one sample, in the file's layout."""
    pairs = zip(inputs, model.input_permutes, strict=True)
    given = [x if permute is None else x.transpose(permute) for x, permute in pairs]
    given = [_quantized(x, value) for x, value in zip(given, model.inputs, strict=True)]
    made = zip(reference.run(model, given), model.output_permutes, strict=True)
    return [y if permute is None else y.transpose(np.argsort(permute)) for y, permute in made]


def _quantized(x: np.ndarray, value: Value) -> np.ndarray:
    """Return a float input as the integers that a model takes which begins by quantizing it."""
    if value.dtype == str(x.dtype):
        return x
    assert value.quant is not None
    steps = np.rint(x / np.float32(value.quant.scale[0])) + value.quant.zero_point[0]
    return np.clip(steps, -128, 127).astype(np.int8)


def samples(values: Sequence[Value], count: int, seed: int = 0) -> list[list[np.ndarray]]:
    """Return inputs: random ones, and every integer at its extremes."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        row = []
        for value in values:
            if value.dtype == "float32":
                row.append(rng.normal(0, 2, value.shape).astype(np.float32))
            elif value.dtype == "int8" and i % 4 == 3:
                row.append(rng.choice(np.array([-128, 127], np.int8), value.shape))
            else:
                row.append(rng.integers(-128, 128, value.shape).astype(value.dtype))
        found.append(row)
    return found


def assert_equal_to_litert(model: bytes, folder: Path, inputs: list[list[np.ndarray]]) -> Model:
    """Check that our integers are LiteRT's, on every sample; floats within rounding. Returns the steps."""
    steps, interpreter = lowered(model, folder), LiteRT(model)
    for sample in inputs:
        for got, want in zip(ours(steps, sample), interpreter(sample), strict=True):
            if got.dtype == np.float32:
                np.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-4, atol=1e-5)
            elif want.dtype == np.float32:
                quant = steps.outputs[0].quant
                assert quant is not None
                scale = np.float32(quant.scale[0])
                real = (got.astype(np.float32) - quant.zero_point[0]).astype(np.float32) * scale
                np.testing.assert_array_equal(real.reshape(want.shape), want)
            else:
                np.testing.assert_array_equal(got.reshape(want.shape), want)
    return steps


def mlperf_inputs(shape: tuple[int, ...], count: int) -> list[np.ndarray]:
    """Return inputs for a real model: all integers, one integer everywhere, and nothing but extremes."""
    rng = np.random.default_rng(2026)
    found = []
    for i in range(count):
        x = rng.integers(-128, 128, shape).astype(np.int8)
        if i % 4 == 1:
            x = np.full_like(x, rng.integers(-128, 128))
        elif i % 4 == 2:
            x = rng.choice(np.array([-128, 127], np.int8), shape)
        found.append(x)
    return found
