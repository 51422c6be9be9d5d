"""What must hold of scales, zero points and stored integers, whoever made the program."""

from __future__ import annotations

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Model, Quantization, Value
from toolkit.ops import operators

_LARGEST = 2.0**30  # of what sums are multiplied with; see ``ops.requantize.quantize_multiplier``
_AGAIN = "quantize the model again"


def check_quantization(quant: Quantization, at: str) -> None:
    """Raise ``ToolkitError`` unless every scale is a positive number and zero stands for an integer of the range."""
    bad = ~(np.isfinite(quant.scale) & (quant.scale > 0))
    if bad.any():
        channel = "" if quant.per_tensor else f" of channel {int(bad.argmax())}"
        raise ToolkitError(
            f"the scale{channel} is {quant.scale[bad.argmax()]:g}, and no positive number",
            at=at,
            fix=f"{_AGAIN}; a channel that is all zero may have any other scale",
        )
    if quant.qmin >= quant.qmax:
        raise ToolkitError(f"the range {quant.qmin}..{quant.qmax} is empty", at=at, fix=_AGAIN)
    outside = (quant.zero_point < quant.qmin) | (quant.zero_point > quant.qmax)
    if outside.any():
        zero = int(quant.zero_point[outside.argmax()])
        raise ToolkitError(
            f"the zero point {zero} is outside the range {quant.qmin}..{quant.qmax}", at=at, fix=_AGAIN
        )


def check_channels(quant: Quantization, shape: tuple[int, ...], at: str) -> None:
    """Raise ``ToolkitError`` unless scales along an axis are as many as ``shape`` has there."""
    axis, rank = quant.axis, len(shape)
    if axis is not None and (not -rank <= axis < rank or len(quant.scale) != shape[axis]):
        raise ToolkitError(
            f"{len(quant.scale)} scales along axis {axis} do not fit the shape {list(shape)}",
            at=at,
            fix=_AGAIN,
        )


def check_integers(value: Value) -> None:
    """Raise ``ToolkitError`` unless a quantized constant's integers are in its range, with a scale for each channel."""
    quant, data = value.quant, value.data
    assert quant is not None
    assert data is not None
    check_channels(quant, data.shape, value.name)
    outside = (data < quant.qmin) | (data > quant.qmax)
    if outside.any():
        place = np.unravel_index(outside.argmax(), data.shape)
        kind = "ternary" if quant.is_ternary else f"in {quant.qmin}..{quant.qmax}"
        raise ToolkitError(
            f"the weights are not {kind}: {int(outside.sum()):,} of {data.size:,} are not, the first {data[place]} at "
            f"{[int(i) for i in place]}",
            at=value.name,
            fix="give quantize and dequantize the range that the integers have, or clip them to it",
        )


def check_scales(model: Model) -> Model:
    """Raise ``ToolkitError`` for a layer of integers whose weights have zero points, or whose scales do not fit."""
    for step in model.steps:
        if operators()[step.op].quantization != "weighted" or step.output.quant is None:
            continue
        x, w, y = step.inputs[0].quant, step.inputs[1].quant, step.output.quant
        if x is None or w is None:
            continue
        if w.zero_point.any():
            raise ToolkitError(
                f"the weights have a zero point of {int(w.zero_point[w.zero_point != 0][0])}",
                at=step.name,
                fix="quantize weights symmetrically, zero standing for zero",
            )
        if w.axis not in (None, 0):  # once read, every weight has its output channels first
            raise ToolkitError(
                "the weights have a scale for each input, not for each output channel",
                at=step.name,
                fix="quantize them along the axis of the output channels",
            )
        largest = float((x.scale[0] * w.scale).max() / y.scale[0])
        if largest >= _LARGEST:
            raise ToolkitError(
                f"the scales do not fit together: input times weight is {largest:.3g} times the output's",
                at=step.name,
                fix="calibrate with data that is like the real input, or check the weights' scales",
            )
    return model
