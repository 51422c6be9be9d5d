"""Recurrent layers over a sequence."""

from __future__ import annotations

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from toolkit.lower.ir import Quantization, per_channel
from toolkit.program.imported import dequantized
from toolkit.program.tflite.op import Constant, Layer, Op, Unsupported
from toolkit.program.tflite.weights import bias_of, weight_of

GATES = 4  # input, forget, cell, output: torch's order and the file's
STATE, CELL = 18, 19  # inputs
HIDDEN = 4  # intermediate: the scale of the hidden state before a projection
CELL_SCALES = tuple(2.0**-bits for bits in range(9, 16))  # for which LiteRT's kernel has functions


def unidirectional_sequence_lstm(op: Op) -> Layer:
    """LSTM whose state is zero at the start of every inference: in float, or in int8 with an int16 cell state.

    Without peepholes, projection, clipping or layer normalization.
    """
    x = op.input(0)
    if any(op.optional(i) is not None for i in (*range(9, 12), 16, 17, *range(20, 24))):
        raise Unsupported("peepholes, a projection or layer normalization")
    if op.option("FusedActivationFunction") != schema.ActivationFunctionType.TANH:
        raise Unsupported("an activation function other than tanh")
    if op.option("CellClip", 0.0) or op.option("ProjClip", 0.0):
        raise Unsupported("clipping")
    if op.option("TimeMajor", False) or len(x.shape) != 3:
        raise Unsupported("time as the first axis")
    if op.optional(1) is None:
        raise Unsupported("a coupled input gate")
    integers = x.dtype == "int8"
    if not integers:
        op.demand_float()
    weights = _weights(op) if integers else tuple(_floats(op, first) for first in (1, 5, 12))
    of_input, of_state, bias = weights
    units, depth = of_state.data.shape[-1], x.shape[2]
    shapes = [(GATES * units, depth), (GATES * units, units), (GATES * units,)]
    if [c.data.shape for c in weights] != shapes:
        raise op.damaged(f"weights of other shapes than {shapes}")
    nothing = Constant(np.zeros(GATES * units, np.float32))
    states = _states(op) if integers else None

    def compute(x: torch.Tensor, **weights: torch.Tensor) -> torch.Tensor:
        start = [torch.zeros(1, x.shape[0], units, device=x.device)] * 2
        if states is not None:
            start = [_zero(quant, dtype, start[0]) for quant, dtype in states]
        flat = [weights[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        y, _, _ = torch.lstm(x, start, flat, True, 1, 0.0, False, False, True)
        return y

    constants = {"weight_ih": of_input, "weight_hh": of_state, "bias_ih": bias, "bias_hh": nothing}
    return op.layer(compute, x, **constants)


def _floats(op: Op, first: int) -> Constant:
    """Return the float constants of the four gates as one."""
    parts = [op.input(first + gate) for gate in range(GATES)]
    if any(part.data is None or part.dtype not in ("float32", "float16") for part in parts):
        raise Unsupported("weights that are not constant floats")
    return _stacked(op, [Constant(np.asarray(part.data, np.float32)) for part in parts])


def _weights(op: Op) -> tuple[Constant, Constant, Constant]:
    """Return the int8 weights of input and state, and the int32 biases, of the four gates as one each."""
    of_input, of_state = (
        [weight_of(op, first + gate, 0, (0, 1)) for gate in range(GATES)] for first in (1, 5)
    )
    if any(w.quant is None or w.quant.axis is not None for w in (*of_input, *of_state)):
        raise Unsupported("weights with more than one scale for a gate")
    biases = [bias_of(op, 12 + gate, weight) for gate, weight in enumerate(of_input)]
    if any(bias is None for bias in biases):
        raise op.damaged("a gate without a bias")
    return _stacked(op, of_input), _stacked(op, of_state), _stacked(op, [b for b in biases if b is not None])


def _stacked(op: Op, gates: list[Constant]) -> Constant:
    """Return the gates' constants as one, with a scale for each row if they are quantized."""
    if len({gate.data.shape[1:] for gate in gates}) != 1 or gates[0].data.ndim == 0:
        raise op.damaged("gates of different shapes")
    data, first = np.concatenate([gate.data for gate in gates]), gates[0].quant
    if first is None:
        return Constant(data)
    scales = np.concatenate([np.repeat(g.quant.scale, len(g.data)) for g in gates if g.quant is not None])
    return Constant(data, per_channel(scales, 0, min(g.quant.qmin for g in gates if g.quant), first.qmax))


def _states(op: Op) -> list[tuple[Quantization, str]]:
    """Return how the hidden and the cell state are stored."""
    state, cell = op.input(STATE), op.input(CELL)
    if cell.dtype != "int16" or cell.quant is None or cell.quant.scale[0] not in CELL_SCALES:
        raise Unsupported(f"its cell state {cell} is not int16 at a scale of 2**-9 to 2**-15")
    hidden = [tensor for tensor in op.operator.intermediates[HIDDEN : HIDDEN + 1] if tensor is not None]
    for tensor in (state, *hidden):
        if tensor.dtype != "int8" or not (tensor.quant and tensor.quant.same_as(op.output.quant)):
            raise Unsupported(
                f"its {tensor} is not int8 at the scale of its output, which is the hidden state"
            )
    assert state.quant is not None
    return [(state.quant, state.dtype), (cell.quant, cell.dtype)]


def _zero(quant: Quantization, dtype: str, like: torch.Tensor) -> torch.Tensor:
    """Return zeros that are stored as integers."""
    stored = torch.full(like.shape, int(quant.zero_point[0]), dtype=getattr(torch, dtype), device=like.device)
    return dequantized(stored, quant)
