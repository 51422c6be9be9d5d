"""What operators ask of a ``.tflite`` file while it is made: tensors, constants, weights, operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.backends.formats import StoredWeight
from toolkit.lower.constants import real
from toolkit.lower.ir import Quantization, Step, Value, per_tensor
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.requantize import output_bounds
from toolkit.ops.rescale import SATURATING
from toolkit.program.tflite.writer import BITS, FileWriter, options

ACTIVATIONS = {
    (0.0, np.inf): schema.ActivationFunctionType.RELU,
    (0.0, 6.0): schema.ActivationFunctionType.RELU6,
    (-1.0, 1.0): schema.ActivationFunctionType.RELU_N1_TO_1,
}
RUN_TIME_WEIGHTS = "weights that change from run to run"


class Unsupported(Exception):
    """A form of an operator that LiteRT's kernels do not compute; gathered, then raised together."""


class Graph:
    """A file in the making. Operators come in the order in which they run."""

    def __init__(self) -> None:
        self.writer = FileWriter()
        self.weights: list[StoredWeight] = []
        self._constants: dict[tuple[Any, ...], Value] = {}
        self._numbers = count()

    def add(
        self,
        name: str,
        inputs: Sequence[Value],
        output: Value,
        table: Any = None,
        version: int = 1,
    ) -> None:
        """Add a built-in operator; ``version`` is the oldest that takes such types."""
        self.writer.operator(name, inputs, [output], table, version)

    def between(self, like: Value, shape: tuple[int, ...] | None = None, **changes: Any) -> Value:
        """Return a new tensor between two operators of one step, of the type and scale of ``like``."""
        name = f"{like.name}_{next(self._numbers)}"
        return replace(like, name=name, shape=like.shape if shape is None else shape, data=None, **changes)

    def constant(
        self, name: str, data: np.ndarray, quant: Quantization | None = None, dtype: str = ""
    ) -> Value:
        """Return a constant tensor, one for all that are equal; ``dtype`` where it is narrower than the data's."""
        dtype = dtype or str(data.dtype)
        scales = () if quant is None else (quant.scale.tobytes(), quant.zero_point.tobytes(), quant.axis)
        key = (dtype, data.shape, data.tobytes(), *scales)
        if key not in self._constants:
            self._constants[key] = Value(name, data.shape, dtype, quant, data)
        return self._constants[key]

    def integers(self, numbers: Any) -> Value:
        """Return a constant of int32: sizes, axes, paddings."""
        data = np.array(numbers, np.int32)
        return self.constant(f"integers_{next(self._numbers)}", data)

    def number(self, value: float, like: Value) -> Value:
        """Return a constant of one number, a float or an integer code at the scale of ``like``."""
        name = f"number_{next(self._numbers)}"
        return self.constant(name, np.array([value], like.dtype), like.quant)

    def weight(self, step: Step, value: Value, types: Sequence[str] = ("int8",)) -> Value:
        """Return a layer's weight in the narrowest of ``types`` that holds its range, and note what it takes."""
        if value.data is None:
            raise Unsupported(RUN_TIME_WEIGHTS)
        dtype = value.dtype
        if value.quant is not None and dtype == "int8":
            dtype = _narrowest(value.quant, types)
        known = len(self._constants)
        made = self.constant(value.name, value.data, value.quant, dtype)
        if len(self._constants) > known:
            self.weights.append(StoredWeight(step.name, dtype, -(-value.size * BITS[dtype] // 8)))
        return made

    def one(self, name: str, x: Value) -> Value:
        """Return a function of ``x``, of its shape, type and scale."""
        made = self.between(x)
        self.add(name, [x], made)
        return made

    def two(self, name: str, a: Value, b: Value) -> Value:
        """Return an arithmetic operator's result, of the shape, type and scale of ``a``."""
        made = self.between(a)
        self.add(name, [a, b], made, options(name.title()))
        return made

    def reshaped(self, x: Value, output: Value) -> None:
        """Give ``output`` the values of ``x`` in its own shape."""
        shape = self.integers(output.shape)
        self.add("RESHAPE", [x, shape], output, options("Reshape", newShape=list(output.shape)))

    def transposed(self, x: Value, order: Sequence[int], output: Value) -> None:
        """Give ``output`` the values of ``x``: its axis i is axis ``order[i]`` of ``x``."""
        self.add("TRANSPOSE", [x, self.integers(order)], output, options("Transpose"), 2)

    def rescaled(self, x: Value, like: Value) -> Value:
        """Return ``x`` at the scale of ``like``: itself where it is."""
        if x.quant is None or (scale_of(x), zero_point_of(x)) == (scale_of(like), zero_point_of(like)):
            return x
        self.check_rescale(x, like)
        made = self.between(x, quant=like.quant)
        self.add("QUANTIZE", [x], made, options("Quantize"), 2)
        return made

    def real(self, x: Value) -> Value:
        """Return ``x`` as float32, a constant as one."""
        if x.data is not None:
            return self.constant(x.name, real(x))
        if x.quant is None:
            return x
        made = self.between(x, dtype="float32", quant=None)
        self.add("DEQUANTIZE", [x], made, options("Dequantize"), 2)
        return made

    def real_output(self, step: Step) -> Value:
        """Return the float32 tensor that the step's output is made from, itself where that is float32."""
        y = step.output
        return y if y.quant is None else self.between(y, dtype="float32", quant=None)

    def quantized(self, made: Value, step: Step) -> None:
        """Write the step's output from ``real_output``, unless it is that."""
        if made is not step.output:
            self.add("QUANTIZE", [made], step.output, options("Quantize"))

    def check_rescale(self, x: Value, like: Value) -> None:
        """Raise ``Unsupported`` where integers of ``x`` are brought to so fine a scale that LiteRT's sums overflow."""
        if x.quant is not None and like.quant is not None and scale_of(x) / scale_of(like) >= SATURATING:
            raise Unsupported(
                f"a rescaling by {scale_of(x) / scale_of(like):.3g}, which LiteRT's kernels overflow on"
            )

    def fused(self, step: Step) -> tuple[int, Value]:
        """Return the activation function that an operator takes in, and the tensor that it writes.

        That is the step's output, or one before it where `finish` must add the bounds.
        """
        if step.attrs.get("activation") is None:
            return schema.ActivationFunctionType.NONE, step.output
        kind = fused_kind(step)
        if kind is not None:
            return kind, step.output
        return schema.ActivationFunctionType.NONE, self.between(step.output)

    def finish(self, step: Step, made: Value) -> None:
        """Bound ``made`` as the step's output is, unless it is that output."""
        if made is not step.output:
            self.bounded(made, step)

    def bounded(self, x: Value, step: Step) -> None:
        """Write the step's output: ``x``, at the same scale, within the step's bounds."""
        y, bounds = step.output, step.attrs["activation"]
        limits: tuple[float, float] = (-np.inf, np.inf)
        low, high = bounds
        if y.quant is not None:
            limits, (low, high) = (y.quant.qmin, y.quant.qmax), output_bounds(y, bounds)
        sides = [("MAXIMUM", low)] if low > limits[0] else []
        sides += [("MINIMUM", high)] if high < limits[1] else []
        if not sides:
            self.reshaped(x, y)
        for i, (name, bound) in enumerate(sides):
            made = y if i == len(sides) - 1 else self.between(y)
            self.add(name, [x, self.number(bound, y)], made, options("MaximumMinimum"), 2)
            x = made


def fused_kind(step: Step) -> int | None:
    """Return LiteRT's activation function for a step's bounds; None where its integers would be others than ours."""
    bounds = step.attrs["activation"]
    kind = ACTIVATIONS.get(tuple(bounds))
    if kind is None or step.output.quant is None:
        return kind
    ours = output_bounds(step.output, bounds)
    return kind if ours == tuple(_litert_bound(bound, step.output) for bound in bounds) else None


def relabelled(value: Value, factor: float) -> Value:
    """Return a quantized tensor whose integers stand for ``factor`` times as much."""
    return replace(value, quant=per_tensor(scale_of(value) * factor, zero_point_of(value)))


def _litert_bound(bound: float, value: Value) -> int:
    """Return the integer of a real bound: divided by the scale in float32, halves away from zero."""
    quant = value.quant
    assert quant is not None
    if np.isinf(bound):
        return quant.qmax if bound > 0 else quant.qmin
    ratio = float(np.float32(bound) / np.float32(quant.scale[0]))
    nearest = int(np.copysign(np.floor(abs(ratio) + 0.5), ratio))
    return int(np.clip(nearest + int(quant.zero_point[0]), quant.qmin, quant.qmax))


def _narrowest(quant: Quantization, types: Sequence[str]) -> str:
    if quant.is_ternary and "int2" in types:
        return "int2"
    return "int4" if (quant.is_ternary or quant.is_int4) and "int4" in types else "int8"
