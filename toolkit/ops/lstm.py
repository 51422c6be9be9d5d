"""LSTM over a sequence in one kernel, for layers whose integers a file has: int8 activations, int16 cell state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.constants import real
from toolkit.lower.ir import Quantization, Step, Value, per_channel
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.fixed_point import shift_away
from toolkit.ops.functions_f32 import sigmoid, tanh
from toolkit.ops.functions_q15 import logistic_q15, tanh_q15
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import quantize_multiplier, quantize_multipliers, requantize
from toolkit.ops.weighted import exact_matmul

GATES = 4  # input, forget, cell, output: torch's order and TensorFlow Lite's
GATE_BITS = 12  # a gate's sum is Q3.12 before its function
CELL_BITS = range(9, 16)  # the cell state's scale is 2**-bits
LARGEST_SUM = 2.0**30  # of a gate, in steps of 2**-12


class Lstm(Operator):
    """The hidden states of an LSTM that starts at zero: (batch, steps, depth) to (batch, steps, units).

    Read only where the initial cell state is an int16 constant whose scale is a power of two: the cell's scale in every
    step. Others are written out; see ``toolkit.program.decompose``. int8 equals LiteRT's reference kernel
    bit for bit where sums round twice.
    """

    name = "lstm"
    quantization = "weighted"  # inputs: activation, its weight, bias, the state's weight
    sums_in_order = False
    aten = ("aten.lstm.input",)

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        _, cell = states = [reader.value(state) for state in node.args[1]]
        weights = [reader.value(weight) for weight in node.args[2]]
        _, layers, _, _, bidirectional, batch_first = node.args[3:9]
        if layers != 1 or bidirectional or not batch_first or len(weights) != GATES:
            raise reader.unsupported("integers for more than one layer or direction, or without biases")
        if any(value.data is None for value in (*states, *weights)):
            raise reader.unsupported("states or weights that are not constant")
        if any(real(value).any() for value in (*states, weights[3])):
            raise reader.unsupported("integers that start at another state than zero, or with a second bias")
        bits = 0 if cell.quant is None else -np.log2(cell.quant.scale[0])
        if bits not in CELL_BITS:
            raise reader.unsupported("a cell state whose scale is not 2**-9 to 2**-15")
        if any(w.dtype != "int8" or w.quant is None or _gate_scales(w.quant) is None for w in weights[:2]):
            raise reader.unsupported("weights that are not int8 with one scale for each gate")
        weight, state_weight, bias, _ = weights
        return Step(self.name, "", [x, weight, bias, state_weight], Value("", ()), {"cell_bits": int(bits)})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, y = inputs[0].swapaxes(0, 1), step.output  # steps first
        run = _run_f32 if y.quant is None else _run_s8
        return np.ascontiguousarray(np.stack(run(step, x), 1))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = step.inputs[0], step.output
        batch, steps, units = y.shape
        pointers = emitter.pointer(x), emitter.pointer(y)
        if y.quant is None:
            named = zip(("weight", "bias", "weight_state"), step.inputs[1:], strict=True)
            constants = [
                emitter.constant(name, value.data) for name, value in named if value.data is not None
            ]
            shape = [str(n) for n in (batch, steps, x.shape[2], units)]
            return Call(
                "tk_lstm_f32", [pointers[0], *constants, emitter.scratch("float"), pointers[1], *shape]
            )
        sums = []
        for part, of in zip(_folded(step), ("input", "state"), strict=True):
            names = [
                emitter.constant(f"weight_{of}", part.weight),
                emitter.constant(f"bias_{of}", part.bias.astype(np.int32)),
                emitter.constant(f"multiplier_{of}", part.multiplier.astype(np.int32)),
                emitter.constant(f"shift_{of}", part.shift.astype(np.uint8)),
            ]
            fields = [*names, str(part.weight.shape[1]), str(int(step.rounding == "double"))]
            sums.append(emitter.local("tk_lstm_sums", f"of_{of}", f"{{{', '.join(fields)}}}"))
        multiplier, shift = _hidden_multiplier(y)
        names = [
            emitter.constant("multiplier", np.array([multiplier], np.int32)),
            emitter.constant("shift", np.array([shift], np.uint8)),
        ]
        rest = f"0, {zero_point_of(y)}, -128, 127, {int(step.rounding == 'double')}"
        requant = emitter.local("tk_requant_s8", "requant", f"{{{', '.join(names)}, {rest}}}")
        shape = [str(n) for n in (batch, steps, units)]
        state = [str(step.attrs["cell_bits"]), emitter.scratch("int16_t")]
        return Call("tk_lstm_s8", [pointers[0], *sums, requant, *state, pointers[1], *shape])

    def macs(self, step: Step) -> int:
        depth, units = step.inputs[0].shape[2], step.output.shape[2]
        return step.output.size * GATES * (depth + units)

    def scratch_bytes(self, step: Step) -> int:
        return step.output.shape[2] * (4 if step.output.quant is None else 2)

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, units in (((1, 6, 5), 4), ((2, 3, 9), 3), ((1, 1, 1), 1)):
                yield _case(shape, units, kind)
        for bits in CELL_BITS:
            yield _case((1, 9, 6), 5, "int8", bits, 0.02, "double")
        yield _case((1, 30, 4), 4, "int8", 13, 0.3)  # saturates
        yield _case((1, 12, 40), 7, "int8", 11, 0.002, "double", extreme=True)


@dataclass(frozen=True)
class _Sums:
    """What the input, or the state, adds to the gates."""

    weight: np.ndarray  # int8 (4 * units, depth)
    bias: np.ndarray  # int64 (4 * units,), the zero point folded in
    multiplier: np.ndarray  # int64 (4,)
    shift: np.ndarray

    def of(self, x: np.ndarray, rounding: str) -> np.ndarray:
        """Return the sums (batch, 4, units) in steps of 2**-12."""
        acc = (exact_matmul(x, self.weight.T) + self.bias).reshape(len(x), GATES, -1)
        return requantize(acc, self.multiplier[:, None], self.shift[:, None], rounding)


def _folded(step: Step) -> tuple[_Sums, _Sums]:
    x, weight, bias, state_weight = step.inputs
    assert bias.data is not None
    return (_sums(step, x, weight, bias.data), _sums(step, step.output, state_weight, np.int64(0)))


def _sums(step: Step, x: Value, weight: Value, bias: Any) -> _Sums:
    assert weight.data is not None
    assert weight.quant is not None
    scales = _gate_scales(weight.quant)
    assert scales is not None
    reals = (np.float32(scale_of(x)) * scales.astype(np.float32) * np.float32(2**GATE_BITS)).astype(
        np.float64
    )
    folded = bias - zero_point_of(x) * weight.data.astype(np.int64).sum(1)
    largest = np.abs(folded) + 128 * np.abs(weight.data.astype(np.int64)).sum(1)
    if (largest.reshape(GATES, -1) * reals[:, None] >= LARGEST_SUM).any():
        raise ToolkitError(
            "the sums of a gate do not fit in 32 bits at this layer's scales",
            at=step.name,
            fix="quantize again with data that is like the real input",
        )
    return _Sums(weight.data, folded, *quantize_multipliers(reals))


def _gate_scales(quant: Quantization) -> np.ndarray | None:
    """Return a weight's scale for each gate; None where a gate has several, or a zero point."""
    if quant.axis not in (None, 0) or quant.zero_point.any():
        return None
    by_gate = (np.broadcast_to(quant.scale, GATES) if quant.per_tensor else quant.scale).reshape(GATES, -1)
    return by_gate[:, 0] if (by_gate == by_gate[:, :1]).all() else None


def _hidden_multiplier(y: Value) -> tuple[int, int]:
    """Return multiplier and shift of a product of two Q0.15 numbers."""
    return quantize_multiplier(2.0**-30 / scale_of(y))


def _run_s8(step: Step, x: np.ndarray) -> list[np.ndarray]:
    """Return the output of every step of ``x`` (steps, batch, depth)."""
    of_input, of_state = _folded(step)
    y, bits = step.output, step.attrs["cell_bits"]
    cell = np.zeros((x.shape[1], y.shape[2]), np.int64)
    hidden = np.full(cell.shape, zero_point_of(y), np.int64)
    outputs = []
    for given in x.astype(np.int64):
        sums = _int16(of_input.of(given, step.rounding))
        sums = _int16(sums + of_state.of(hidden, step.rounding))
        start, forget, out = (logistic_q15(sums[:, gate]) for gate in (0, 1, 3))
        kept, added = shift_away(forget * cell, 15), shift_away(start * tanh_q15(sums[:, 2], 3), 30 - bits)
        cell = _int16(kept + added)
        product = out * tanh_q15(cell, 15 - bits)
        scaled = requantize(product, *_hidden_multiplier(y), step.rounding) + zero_point_of(y)
        hidden = np.clip(scaled, -128, 127)
        outputs.append(hidden.astype(np.int8))
    return outputs


def _int16(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -(2**15), 2**15 - 1)


def _run_f32(step: Step, x: np.ndarray) -> list[np.ndarray]:
    """Return the output of every step of ``x`` (steps, batch, depth), sums in the kernel's order."""
    weight, bias, state_weight = (np.asarray(value.data) for value in step.inputs[1:])
    cell = hidden = np.zeros((x.shape[1], step.output.shape[2]), np.float32)
    outputs: list[np.ndarray] = []
    for given in x:
        sums = np.broadcast_to(bias, (len(given), GATES * cell.shape[1])).astype(np.float32)
        parts = [(given, weight), (hidden, state_weight)] if outputs else [(given, weight)]
        for values, by in parts:
            for k in range(by.shape[1]):
                sums = sums + values[:, k : k + 1] * by[:, k]
        start, forget, new, out = np.split(sums, GATES, 1)
        cell = sigmoid(forget) * cell + sigmoid(start) * tanh(new)
        hidden = sigmoid(out) * tanh(cell)
        outputs.append(hidden.astype(np.float32))
    return outputs


def _case(
    shape: tuple[int, int, int],
    units: int,
    kind: str,
    bits: int = 12,
    scale: float = 0.01,
    rounding: Literal["single", "double"] = "single",
    extreme: bool = False,
) -> Case:
    rng = np.random.default_rng([*shape, units, bits])
    x, y = activation("x", shape, kind, 0.05, 7), activation("y", (*shape[:2], units), kind, 1 / 128, -4)
    weights = []
    for name, depth in (("weight", shape[2]), ("weight_state", units)):
        quant = per_channel(np.repeat(scale * np.array([1.0, 1.7, 0.6, 1.2]), units))
        data = rng.integers(-127, 128, (GATES * units, depth)).astype(np.int8)
        weights.append(Value(name, data.shape, "int8", quant, data))
    sums = rng.integers(-2000, 2000, GATES * units).astype(np.int32)
    bias = Value("bias", sums.shape, "int32", None, sums)
    if kind == "float32":
        weights = [replace(w, dtype="float32", quant=None, data=real(w)) for w in weights]
        bias = replace(bias, dtype="float32", data=(sums / 2000).astype(np.float32))
    inputs = [x, weights[0], bias, weights[1]]
    step = Step("lstm", "lstm", inputs, y, {"cell_bits": bits}, rounding=rounding)
    name = case_id(shape, units, bits, scale, rounding, kind, *(["extreme"] if extreme else []))
    return Case(name, step, [sample(x, units, extreme=extreme)])


OPERATOR = Lstm()
