"""Recurrent layers over a sequence."""

from __future__ import annotations

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from toolkit.program.tflite.op import Constant, Layer, Op, Unsupported

GATES = 4  # input, forget, cell, output: torch's order and the file's


def unidirectional_sequence_lstm(op: Op) -> Layer:
    """LSTM in float, its state zero at the start of every inference.

    Without peepholes, projection, clipping or layer normalization.
    """
    op.demand_float()
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
    of_input, of_state, bias = (_stacked(op, first) for first in (1, 5, 12))
    units, depth = of_state.data.shape[-1], x.shape[2]
    shapes = [(GATES * units, depth), (GATES * units, units), (GATES * units,)]
    if [c.data.shape for c in (of_input, of_state, bias)] != shapes:
        raise op.damaged(f"weights of other shapes than {shapes}")
    nothing = Constant(np.zeros(GATES * units, np.float32))

    def compute(x: torch.Tensor, **weights: torch.Tensor) -> torch.Tensor:
        start = torch.zeros(1, x.shape[0], units, device=x.device)
        flat = [weights[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        y, _, _ = torch.lstm(x, (start, start), flat, True, 1, 0.0, False, False, True)
        return y

    weights = {"weight_ih": of_input, "weight_hh": of_state, "bias_ih": bias, "bias_hh": nothing}
    return op.layer(compute, x, **weights)


def _stacked(op: Op, first: int) -> Constant:
    """Return the constants of the four gates as one."""
    parts = [op.input(first + gate) for gate in range(GATES)]
    if any(part.data is None or part.dtype not in ("float32", "float16") for part in parts):
        raise Unsupported("weights that are not constant floats")
    if len({part.shape[1:] for part in parts}) != 1:
        raise op.damaged("gates of different shapes")
    return Constant(np.concatenate([np.asarray(part.data, np.float32) for part in parts]))
