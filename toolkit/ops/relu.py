"""Relu, relu6, hardtanh and clamp where no layer before them could take them in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.half import halved, suffix, widened
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import output_bounds
from toolkit.ops.rescale import rescale, rescale_call, same_scale
from toolkit.ops.weighted import apply_bounds, float_bounds


class Relu(Operator):
    """``output = clamp(input, *attrs["activation"])``, real bounds; rescales where scales differ."""

    name = "relu"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.relu.default",
        "aten.relu_.default",
        "aten.relu6.default",
        "aten.relu6_.default",
        "aten.hardtanh.default",
        "aten.hardtanh_.default",
        "aten.clamp.default",
        "aten.clamp_.default",
        "aten.clamp_min.default",
        "aten.clamp_max.default",
    )
    quantization = "share"
    layout = "any"
    half_operands = 1
    of_halves = "picked"

    def read(self, node: Any, reader: Reader) -> Step:
        bounds = _bounds(node)
        if not all(isinstance(bound, (int, float)) for bound in bounds):
            raise reader.unsupported("a bound that is a tensor")
        return Step(self.name, "", [real_input(node.args[0], reader)], Value("", ()), {"activation": bounds})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        if step.output.quant is None:
            return apply_bounds(widened(inputs[0]), step)
        low, high = output_bounds(step.output, step.attrs["activation"])
        if same_scale(step.inputs[0], step.output):
            return np.clip(inputs[0], low, high)
        return rescale(inputs[0], step.inputs[0], step, low, high)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = step.inputs[0], step.output
        size = str(y.size)
        if y.quant is None:
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            arguments = [emitter.pointer(x), *bounds, emitter.pointer(y), size]
            return Call(f"tk_relu_{suffix(step)}", arguments, "tk_relu_f32")
        low, high = output_bounds(y, step.attrs["activation"])
        if same_scale(x, y):
            return Call("tk_relu_s8", [emitter.pointer(x), str(low), str(high), emitter.pointer(y), size])
        return rescale_call(x, step, low, high, emitter.pointer(y), (1, y.size, y.size), emitter, "")

    def takes_half(self, step: Step) -> bool:
        low, high = step.attrs["activation"]
        return all(math.isinf(bound) or float(np.float16(bound)) == bound for bound in (low, high))

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, bounds in (
                ((1, 300), (0.0, math.inf)),
                ((1, 3, 5, 7), (0.0, 6.0)),
                ((1,), (-1.0, 1.0)),
            ):
                yield _case(kind, shape, bounds)
        yield halved(_case("float32", (1, 3, 5, 7), (0.0, 6.0)), 1)
        yield halved(_case("float32", (1, 300), (0.0, math.inf)), 1)
        for scale in (0.1, 0.02, 3e-9):
            yield _case("int8", (1, 256), (0.0, 3.0), scale)
        plain = _case("int8", (1, 256), (-math.inf, math.inf), 0.1)
        yield plain
        yield replace(plain, id=f"{plain.id}-double", step=replace(plain.step, rounding="double"))


def _bounds(node: Any) -> tuple[Any, Any]:
    name = str(node.target).split(".")[1].rstrip("_")
    args = dict(enumerate(node.args))
    if name == "relu":
        return 0.0, math.inf
    if name == "relu6":
        return 0.0, 6.0
    if name == "hardtanh":
        return args.get(1, node.kwargs.get("min_val", -1.0)), args.get(2, node.kwargs.get("max_val", 1.0))
    low = args.get(1, node.kwargs.get("min")) if name != "clamp_max" else None
    high = args.get(1 if name == "clamp_max" else 2, node.kwargs.get("max")) if name != "clamp_min" else None
    return -math.inf if low is None else low, math.inf if high is None else high


def _case(kind: str, shape: tuple[int, ...], bounds: tuple[float, float], scale: float = 0.05) -> Case:
    x = activation("x", shape, kind, 0.05, 3)
    y = activation("y", shape, kind, scale, 3 if scale == 0.05 else -90)
    inputs = [sample(x, 5)]
    if x.size == 256:
        inputs = [np.arange(-128, 128).astype(np.int8).reshape(shape)]
    return Case(
        case_id(shape, bounds, scale, kind), Step("relu", "act", [x], y, {"activation": bounds}), inputs
    )


OPERATOR = Relu()
