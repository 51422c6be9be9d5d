"""Fully connected layer: ``aten.linear`` on int8, int4, ternary or float32."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from toolkit.lower.ir import Step, Value, per_channel, per_tensor
from toolkit.ops import ternary_cases
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.conv_cases import at_run_time
from toolkit.ops.half import bytes_of_output, halved, suffix
from toolkit.ops.pack import pack_portable
from toolkit.ops.weighted import (
    apply_bounds,
    exact_matmul,
    float_bounds,
    float_operands,
    float_parameters,
    fold,
    requant_fields,
)
from toolkit.ops.window import Window


class FullyConnected(Operator):
    """``output[..., o] = sum_k input[..., k] * weight[o, k] + bias[o]``."""

    name = "fully_connected"
    aten: ClassVar[tuple[str, ...]] = ("aten.linear.default", "aten.addmm.default")
    quantization = "weighted"
    fuses_activation = True
    half_operands = 2

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        args = list(node.args)
        if str(node.target) == "aten.addmm.default":
            if node.kwargs:
                raise reader.unsupported("alpha and beta other than 1")
            bias, x, weight = (reader.value(arg) for arg in args)
            quant = weight.quant
            if quant is not None and quant.axis is not None:
                quant = replace(quant, axis=1 - quant.axis)
            turned = Value(f"{weight.name}_turned", weight.shape[::-1], weight.dtype, quant)
            if weight.data is None:
                turn = Step("permute", "", [weight], turned, {"dims": (1, 0)})
                return [turn, Step(self.name, "", [x, turned, bias], Value("", ()))]
            values = [x, replace(turned, name=weight.name, data=weight.data.T.copy()), bias]
        else:
            values = [reader.value(arg) for arg in args if arg is not None]
        return Step(self.name, "", values, Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        weight = step.inputs[1]
        x = inputs[0].reshape(-1, weight.shape[1])
        if weight.quant is None:
            _, matrix, bias = float_operands(step, inputs)
            out = np.zeros((len(x), len(matrix)), np.float32)
            if bias is not None:
                out += bias
            for k, column in enumerate(matrix.T):  # every sum in order, as the kernel adds
                out += x[:, k, None] * column
            return apply_bounds(out, step).reshape(step.output.shape)
        folded = fold(step)
        return folded.finish(exact_matmul(x, folded.weight.T) + folded.bias).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        weight, out = step.inputs[1], step.output
        channels, depth = weight.shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(out)
        shape = [str(out.size // channels), str(depth), str(channels)]
        if weight.quant is None:
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            arguments = [x, *float_parameters(step, emitter), *bounds, y, *shape, *bytes_of_output(step)]
            return Call(f"tk_fully_connected_{suffix(step)}", arguments, "tk_fully_connected_f32")
        folded = fold(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        matrix = folded.weight.reshape(channels, depth)
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        kind, packed = pack_portable(matrix, weight.quant)
        return Call(
            f"tk_fully_connected_{kind}", [x, emitter.constant("weight", packed), bias, requant, y, *shape]
        )

    def macs(self, step: Step) -> int:
        return step.output.size * step.inputs[1].shape[1]

    def cases(self) -> Iterable[Case]:
        for rows, depth, channels in [
            (1, 64, 32),
            (1, 1, 1),
            (1, 7, 3),
            (3, 33, 10),
            (1, 130, 5),
            (2, 96, 8),
        ]:
            for kind in ("int8", "int4", "ternary", "float32"):
                yield fully_connected_case(rows, depth, channels, kind)
            case = fully_connected_case(rows, depth, channels, "float32")
            yield at_run_time(case)
            yield halved(at_run_time(case), 2)
            yield halved(case, 2, output=False)
        yield fully_connected_case(2, 70, 9, "int8", rounding="double")
        yield fully_connected_case(2, 70, 29, "int8", rounding="double")
        yield fully_connected_case(1, 256, 6, "int8", extreme=True)
        yield fully_connected_case(1, 514, 15, "int8", extreme=True)  # sums just below 2^23
        yield fully_connected_case(1, 256, 6, "int4", extreme=True)
        yield from ternary_cases.fully_connected_cases()
        yield fully_connected_case(
            1, 1030, 6, "int8", extreme=True
        )  # sums too large for two rows in one multiply


def rows_as_pixels(step: Step) -> Window:
    """Return the window of the 1 x 1 convolution over one row of pixels that a layer is."""
    channels, depth = step.inputs[1].shape
    rows = step.output.size // channels
    return Window(1, rows, depth, 1, rows, channels, 1, 1, 1, 1, 1, 1, 0, 0)


def fully_connected_case(
    rows: int,
    depth: int,
    channels: int,
    kind: str,
    extreme: bool = False,
    rounding: Literal["single", "double"] = "single",
) -> Case:
    """Return a case with an input (rows, depth); ``kind`` is int8, int4, ternary or float32."""
    rng = np.random.default_rng([rows, depth, channels, ord(kind[0])])
    name = f"{rows}x{depth}x{channels}-{kind}{'-extreme' if extreme else ''}-{rounding}"
    if kind == "float32":
        x = Value("x", (rows, depth))
        w = Value("w", (channels, depth), data=rng.normal(size=(channels, depth)).astype(np.float32))
        b = Value("b", (channels,), data=rng.normal(size=channels).astype(np.float32))
        step = Step(
            "fully_connected", "fc", [x, w, b], Value("y", (rows, channels)), {"activation": (0.0, np.inf)}
        )
        return Case(name, step, [rng.normal(size=x.shape).astype(np.float32)])
    limit = {"ternary": 1, "int4": 7}.get(kind, 127)
    data = rng.integers(-limit, limit + 1, (channels, depth)).astype(np.int8)
    inputs = rng.integers(-128, 128, (rows, depth)).astype(np.int8)
    if extreme:
        data[:] = np.where(np.arange(channels) % 2, limit, -limit)[:, None]
        inputs[:] = -128
    scales = rng.uniform(0.5, 2, channels) / limit
    w_quant = (
        per_channel(scales, 0, -limit, limit) if channels % 2 else per_tensor(scales[0], 0, -limit, limit)
    )
    x = Value("x", (rows, depth), "int8", per_tensor(0.05, 3))
    w = Value("w", (channels, depth), "int8", w_quant, data)
    b = Value("b", (channels,), "int32", data=rng.integers(-3000, 3000, channels).astype(np.int32))
    y = Value("y", (rows, channels), "int8", per_tensor(0.05 * depth**0.5, -5))
    attrs = {"activation": (0.0, 6.0)} if rows > 1 else {}
    return Case(name, Step("fully_connected", "fc", [x, w, b], y, attrs, rounding=rounding), [inputs])


OPERATOR = FullyConnected()
