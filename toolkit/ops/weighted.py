"""What convolutions and fully connected layers share: folded constants, integer accumulation, emitted fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Emitter
from toolkit.ops.half import rounded, widened
from toolkit.ops.half_away import away_multipliers
from toolkit.ops.requantize import output_bounds, quantize_multipliers, requantize

_LEAST_SHIFT = 33  # with which a product's high word has a bit to round


@dataclass(frozen=True)
class Folded:
    """A quantized layer's constants with the input's zero point folded into the bias."""

    weight: np.ndarray  # int8, output channels first
    bias: np.ndarray  # int64 (channels,), zero point folded
    multiplier: np.ndarray  # int64 (channels,) or (1,)
    shift: np.ndarray  # int64, same shape
    zero_point: int
    low: int
    high: int
    rounding: str = "single"

    def finish(self, acc: np.ndarray) -> np.ndarray:
        """Requantize accumulators, channels last, to int8. ``acc`` includes the folded bias."""
        out = requantize(acc, self.multiplier, self.shift, self.rounding) + self.zero_point
        return np.clip(out, self.low, self.high).astype(np.int8)


def fold(step: Step, channel_axis: int = 0) -> Folded:
    """Fold the constants of a quantized ``step`` with inputs (activation, weight[, bias])."""
    x, w = step.inputs[0], step.inputs[1]
    assert x.quant is not None
    assert w.quant is not None
    assert w.data is not None
    assert step.output.quant is not None
    weight = np.moveaxis(w.data, channel_axis, 0)
    channels = weight.shape[0]
    bias = np.zeros(channels, np.int64)
    if len(step.inputs) > 2:
        assert step.inputs[2].data is not None
        bias += step.inputs[2].data.astype(np.int64)
    bias -= int(x.quant.zero_point[0]) * weight.reshape(channels, -1).astype(np.int64).sum(1)
    multiplier, shift = quantize_multipliers(x.quant.scale[0] * w.quant.scale / step.output.quant.scale[0])
    low, high = output_bounds(step.output, step.attrs.get("activation"))
    zero_point = int(step.output.quant.zero_point[0])
    if step.rounding == "away":
        multiplier = _away(step, weight, bias, multiplier, shift)
    rounding = "double" if step.rounding == "double" else "single"
    return Folded(weight, bias, multiplier, shift, zero_point, low, high, rounding)


def _away(
    step: Step, weight: np.ndarray, bias: np.ndarray, multiplier: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Return multipliers that round halves away from zero for every sum the layer can have."""
    x = step.inputs[0].quant
    assert x is not None
    largest = max(-x.qmin, x.qmax) * np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(1) + np.abs(
        bias
    )
    if multiplier.size == 1:
        largest = largest.max(keepdims=True)
    found = away_multipliers(multiplier, shift, largest)
    if found is None:
        raise ToolkitError(
            "LiteRT rounds halves away from zero, which this layer's scales and sums do not allow exactly",
            at=step.name,
            fix="use --rounding single or double",
        )
    return found


def fold_depthwise(step: Step) -> Folded:
    """Fold a depthwise ``step``'s constants, ternary ones times a power of two where tuned kernels ask for it.

    Few taps of -1, 0 and 1 make small sums and so large multipliers, and those kernels want a bit left to round.
    Weights and biases times ``2**k`` and a shift larger by k give the same output, as it is rounded once.
    """
    folded = fold(step, channel_axis=2)
    if not is_ternary(step) or folded.rounding == "double":
        return folded
    lacking = _LEAST_SHIFT - int(folded.shift[folded.multiplier != 0].min(initial=_LEAST_SHIFT))
    room = 30 - int(np.abs(folded.bias).max()).bit_length()
    bits = max(min(lacking, 6, 62 - int(folded.shift.max()), room), 0)
    weight, bias = folded.weight * np.int8(1 << bits), folded.bias << bits
    return replace(folded, weight=weight, bias=bias, shift=folded.shift + bits)


def exact_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ``a @ b`` of small integers as int64, through float64: exact while sums stay below 2**53."""
    return np.rint(a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def is_ternary(step: Step) -> bool:
    """True when the step's weights are stored in -1..1."""
    quant = step.inputs[1].quant
    return quant is not None and quant.is_ternary


def is_int4(step: Step) -> bool:
    """True when the step's weights are stored in four bits."""
    quant = step.inputs[1].quant
    return quant is not None and quant.is_int4


def weight_type(step: Step) -> str:
    """Return what the step's weights are stored as: ternary, int4, or their dtype."""
    return "ternary" if is_ternary(step) else "int4" if is_int4(step) else step.inputs[1].dtype


def is_int8(step: Step) -> bool:
    """True when the step's weights are stored as int8, neither narrower nor float."""
    quant = step.inputs[1].quant
    return quant is not None and max(-quant.qmin, quant.qmax) > 8 and step.inputs[1].dtype == "int8"


def input_zero_point(step: Step) -> str:
    """Return the C literal of the value that stands for zero in a quantized step's input: what padding holds."""
    assert step.inputs[0].quant is not None
    return str(int(step.inputs[0].quant.zero_point[0]))


def shifted_bias(folded: Folded) -> np.ndarray:
    """Return the biases of kernels that take inputs + 128."""
    return folded.bias - 128 * folded.weight.reshape(len(folded.bias), -1).astype(np.int64).sum(1)


def requant_fields(folded: Folded, emitter: Emitter) -> str:
    """Define the multipliers and return the initialiser of a ``tk_requant_s8``."""
    multiplier = emitter.constant("multiplier", folded.multiplier.astype(np.int32))
    shift = emitter.constant("shift", folded.shift.astype(np.uint8))
    per_channel = int(folded.multiplier.size > 1)
    double = int(folded.rounding == "double")
    return f"{{{multiplier}, {shift}, {per_channel}, {folded.zero_point}, {folded.low}, {folded.high}, {double}}}"


def packed_fields(
    folded: Folded, pack: Callable[[np.ndarray], np.ndarray], emitter: Emitter, bias: np.ndarray | None = None
) -> list[str]:
    """Define what kernels of packed weights take, and return it: ``pack`` of the (channels, depth) matrix, biases (the
    layer's unless given), and the address of a ``tk_requant_s8``.
    """
    requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
    biases = emitter.constant("bias", (folded.bias if bias is None else bias).astype(np.int32))
    matrix = folded.weight.reshape(len(folded.weight), -1)
    return [emitter.constant("weight", pack(matrix)), biases, requant]


def matrix_sizes(step: Step) -> list[str]:
    """Return the C literals of a fully connected step's rows, depth and channels."""
    channels, depth = step.inputs[1].shape
    return [str(step.output.size // channels), str(depth), str(channels)]


def float_parameters(step: Step, emitter: Emitter) -> list[str]:
    """Return the C expressions of a float layer's weight and bias: constants, or where they lie at run time."""
    _, weight, *bias = step.inputs
    biases = bias[0] if bias else Value("bias", (), data=np.zeros(step.output.shape[-1]))
    return [
        emitter.pointer(value)
        if value.data is None
        else emitter.constant(name, value.data if value.dtype == "float16" else value.data.astype(np.float32))
        for name, value in (("weight", weight), ("bias", biases))
    ]


def float_operands(step: Step, inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return a float layer's input, weight and bias, each its own data or the next of the step's activations.

    Halves come as float32.
    """
    activations = iter(inputs)
    x, weight, *bias = (widened(next(activations) if v.data is None else v.data) for v in step.inputs)
    return x, weight, bias[0] if bias else None


def float_bounds(step: Step) -> tuple[float, float]:
    """Return the bounds of a float layer's fused activation."""
    return step.attrs.get("activation") or (-np.inf, np.inf)


def apply_bounds(out: np.ndarray, step: Step) -> np.ndarray:
    """Clip a float output to its fused activation, and round it to what is stored."""
    low, high = float_bounds(step)
    return rounded(np.clip(out, np.float32(low), np.float32(high)), step)
