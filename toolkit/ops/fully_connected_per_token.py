"""Fully connected layer of int8 rows with a scale each, found at run time: integer weights, float32 out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, Value, per_channel, per_tensor
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.pack import pack_portable
from toolkit.ops.weighted import apply_bounds, exact_matmul, float_bounds


class FullyConnectedPerToken(Operator):
    """``output[..., o] = sum_k input[..., k] * weight[o, k] * (scale[..., 0] * weight scale[o]) + bias[o]``.

    Inputs are int8 rows, the constant weight, the rows' scales, and where there is one a float32 bias. Sums are exact
    in int32; what follows is float32, one rounding after the other. Made by ``toolkit.lower.per_token``.
    """

    name = "fully_connected_per_token"
    fuses_activation = True

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        weight, bias = step.inputs[1], bias_of(step)
        assert weight.data is not None
        rows, token = inputs[0].reshape(-1, weight.shape[1]), inputs[1].reshape(-1, 1)
        sums = exact_matmul(rows, weight.data.T).astype(np.float32)
        with np.errstate(invalid="ignore"):
            out = sums * (token * weight_scale(weight))
        out = out if bias is None else out + bias
        return apply_bounds(out, step).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        weight = step.inputs[1]
        assert weight.quant is not None
        assert weight.data is not None
        suffix, packed = pack_portable(weight.data, weight.quant)
        return token_call(step, emitter, f"tk_{self.name}_{suffix}", packed)

    def macs(self, step: Step) -> int:
        return step.output.size * step.inputs[1].shape[1]

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "int4", "ternary"):
            for rows, depth, channels in ((1, 64, 32), (1, 1, 1), (3, 7, 3), (2, 33, 10), (1, 130, 5)):
                yield token_case(rows, depth, channels, kind)
            yield token_case(1, 1100, 6, kind, extreme=True)


def weight_scale(weight: Value) -> np.ndarray:
    """Return a weight's scales in float32, one, or one for each output channel."""
    assert weight.quant is not None
    return weight.quant.scale.astype(np.float32)


def bias_of(step: Step) -> np.ndarray | None:
    """Return the bias in float32, where there is one."""
    data = step.inputs[3].data if len(step.inputs) > 3 else None
    return None if data is None else data.astype(np.float32)


def token_call(step: Step, emitter: Emitter, kernel: str, packed: np.ndarray, *more: str) -> Call:
    """Return the call of a kernel of this operator; ``more`` arguments stand before the output."""
    weight, bias = step.inputs[1], bias_of(step)
    scale = emitter.constant("scale", weight_scale(weight))
    bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
    added = "0" if bias is None else emitter.constant("bias", bias)
    fields = [scale, str(int(weight_scale(weight).size > 1)), added, *bounds]
    scaling = emitter.local("tk_token_scaling", "scaling", f"{{{', '.join(fields)}}}")
    channels, depth = weight.shape
    shape = [str(step.output.size // channels), str(depth), str(channels)]
    x, token, y = (emitter.pointer(value) for value in (step.inputs[0], step.inputs[2], step.output))
    return Call(kernel, [x, emitter.constant("weight", packed), token, scaling, *more, y, *shape])


def token_case(rows: int, depth: int, channels: int, kind: str, extreme: bool = False) -> Case:
    """Return a case of ``kind`` int8, int4 or ternary; every second one has a bias and bounds."""
    rng = np.random.default_rng([rows, depth, channels])
    limit = {"ternary": 1, "int4": 7}.get(kind, 127)
    data = rng.integers(-limit, limit + 1, (channels, depth)).astype(np.int8)
    inputs = rng.integers(-128, 128, (rows, depth)).astype(np.int8)
    token = (rng.uniform(1e-4, 0.1, (rows, 1))).astype(np.float32)
    if extreme:
        data[:] = np.where(np.arange(channels) % 2, limit, -limit)[:, None]
        inputs[:] = -128
    if rows == 3:
        token[2] = np.nan
    one = per_tensor(0.013, 0, -limit, limit)
    quant = per_channel(rng.uniform(0.001, 0.1, channels), 0, -limit, limit) if channels % 2 else one
    x, scale = Value("x", (rows, depth), "int8"), Value("s", (rows, 1))
    values = [x, Value("w", (channels, depth), "int8", quant, data), scale]
    if channels % 2:
        values.append(Value("b", (channels,), data=rng.normal(size=channels).astype(np.float32)))
    attrs = {"activation": (0.0, np.inf)} if channels % 2 and rows > 1 else {}
    step = Step("fully_connected_per_token", "fc", values, Value("y", (rows, channels)), attrs)
    name = f"{rows}x{depth}x{channels}-{kind}{'-extreme' if extreme else ''}"
    return Case(name, step, [inputs, token])


OPERATOR = FullyConnectedPerToken()
