"""Passes that fold one operator into another before anything is laid out."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Model, Step, Value, per_channel
from toolkit.ops import operators
from toolkit.ops.trained import ENDING

VANISHING = 2.0**-16  # a factor this much smaller than the largest is lost in the output's rounding
LAYERS = ("conv2d", "depthwise_conv2d", "grouped_conv2d", "conv_transpose2d", "fully_connected")


def _sole_reader(model: Model, step: Step) -> Step | None:
    readers = model.consumers(step.output)
    if len(readers) == 1 and not any(value is step.output for value in model.outputs):
        return readers[0]
    return None


def fold_batch_norm(model: Model) -> Model:
    """Fold a BatchNorm into the float layer before it; without one it becomes a depthwise convolution of one tap."""
    for norm in [step for step in model.steps if step.op == "batch_norm"]:
        layer = model.producer(norm.inputs[0])
        gamma, beta, mean, var = (np.asarray(v.data, np.float64) for v in norm.inputs[1:5])
        factor = gamma / np.sqrt(var + norm.attrs["eps"])
        if (
            layer is None
            or layer.op not in LAYERS
            or _sole_reader(model, layer) is not norm
            or layer.inputs[1].quant is not None
            or any(value.data is None for value in layer.inputs[1:])
        ):
            place = model.steps.index(norm)
            model.steps[place : place + 1] = _as_convolution(norm, factor, beta - mean * factor)
            continue
        weight = layer.inputs[1]
        assert weight.data is not None
        scaled = weight.data * factor.reshape(-1, *[1] * (weight.data.ndim - 1))
        bias = layer.inputs[2].data if len(layer.inputs) > 2 else 0.0
        shifted = (np.asarray(bias, np.float64) - mean) * factor + beta
        layer.inputs = [
            layer.inputs[0],
            Value(weight.name, weight.shape, data=scaled.astype(np.float32)),
            Value(f"{weight.name}_bias", shifted.shape, data=shifted.astype(np.float32)),
        ]
        layer.output = norm.output
        model.steps.remove(norm)
    return model


def _as_convolution(norm: Step, factor: np.ndarray, bias: np.ndarray) -> list[Step]:
    """Return the steps of a BatchNorm on its own. The weight is int8 already, per channel and exact."""
    x, output, shape = norm.inputs[0], norm.output, (len(factor), 1, 1, 1)
    strongest = float(np.abs(factor).max()) or 1.0
    scale = np.maximum(np.abs(factor), strongest * VANISHING) / 127
    data = np.rint(factor / scale).astype(np.int8).reshape(shape)
    weight = Value(f"{norm.name}.weight", shape, "int8", per_channel(scale), data)
    constants = [weight, Value(f"{norm.name}.bias", bias.shape, data=bias.astype(np.float32))]
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pads": ((0, 0), (0, 0))}
    if len(x.shape) > 2:
        return [Step("depthwise_conv2d", norm.name, [x, *constants], output, attrs)]
    column = Value(f"{x.name}_column", (*x.shape, 1), x.dtype, x.quant)
    out = Value(f"{output.name}_column", (*output.shape, 1))
    return [
        Step("reshape", norm.name, [x], column),
        Step("depthwise_conv2d", norm.name, [column, *constants], out, attrs),
        Step("reshape", norm.name, [out], output),
    ]


def fuse_activation(model: Model) -> Model:
    """Make a relu, relu6 or clamp the output bounds of the layer before it."""
    for act in [step for step in model.steps if step.op == "relu"]:
        layer = model.producer(act.inputs[0])
        if (
            layer is None
            or not operators()[layer.op].fuses_activation
            or _sole_reader(model, layer) is not act
        ):
            continue
        if act.output.quant is not None and not act.output.quant.same_as(layer.output.quant):
            continue  # a requantizing relu stays on its own
        low, high = layer.attrs.get("activation", (-np.inf, np.inf))
        act_low, act_high = act.attrs["activation"]
        layer.attrs["activation"] = (max(low, act_low), min(high, act_high))
        layer.output = act.output
        model.steps.remove(act)
    return model


def fuse_pad(model: Model) -> Model:
    """Make zero padding in front of a convolution part of the convolution."""
    for pad in [step for step in model.steps if step.op == "pad"]:
        conv = _sole_reader(model, pad)
        if (
            conv is None
            or conv.op.removesuffix(ENDING) not in ("conv2d", "depthwise_conv2d", "grouped_conv2d")
            or pad.attrs["value"] != 0
        ):
            continue
        if pad.output.quant is not None and not pad.output.quant.same_as(pad.inputs[0].quant):
            continue
        pads = list(pad.attrs["pads"])
        if len(pads) not in (3, 4) or any(p != (0, 0) for p in pads[:2]) or min(map(min, pads)) < 0:
            continue
        own = pads[2:] if len(pads) == 4 else [(0, 0), pads[2]]
        conv.attrs["pads"] = tuple(
            (a + c, b + d) for (a, b), (c, d) in zip(conv.attrs["pads"], own, strict=True)
        )
        conv.inputs[0] = pad.inputs[0]
        model.steps.remove(pad)
    return model
