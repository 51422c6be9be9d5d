"""RNN, GRU and LSTM, unrolled over a fixed sequence.

The whole sequence meets the input weights in one product; each step then multiplies its state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, real
from toolkit.program.onnx.refusal import UnsupportedError

MAX_STEPS = 1024
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
_FUNCTIONS = {"Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Relu": torch.relu, "HardSigmoid": None}
_Step = Callable[..., Any]


@dataclass(frozen=True)
class _Weights:
    """The constants of one direction: ``w`` (gates*hidden, inputs), ``r`` (gates*hidden, hidden), biases of both."""

    w: np.ndarray
    r: np.ndarray
    w_bias: np.ndarray
    r_bias: np.ndarray


def _recurrent(node: Node) -> Computed:
    kind, hidden = node.raw.op, node.integer("hidden_size", 0)
    x = node.x
    if len(x.shape) != 3 or hidden < 1:
        raise UnsupportedError(f"an input of shape {list(x.shape)} and {hidden} hidden units")
    batch_first = bool(node.integer("layout", 0))
    steps, batch = (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])
    if not 1 <= steps <= MAX_STEPS:
        raise UnsupportedError(f"{steps} steps; 1 to {MAX_STEPS} are unrolled")
    _check(node, kind, steps)
    direction = node.text("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise UnsupportedError(f"the direction {direction}")
    directions = 2 if direction == "bidirectional" else 1
    weights = [
        _weights(node, i, _GATES[kind] * hidden, hidden, x.shape[2], directions) for i in range(directions)
    ]
    states = [node.optional(5)] + ([node.optional(6)] if kind == "LSTM" else [])
    before = int(bool(node.integer("linear_before_reset", 0)))
    orders = [range(steps)] if direction == "forward" else [range(steps - 1, -1, -1)]
    orders = [range(steps), range(steps - 1, -1, -1)] if directions == 2 else orders
    constants = {f"{name}_{i}": data for i, w in enumerate(weights) for name, data in vars(w).items()}
    names = list(constants)
    held = [Tensor(name, constants[name].shape, data=constants[name]) for name in names]
    wanted = [bool(name) for name in (*node.raw.outputs, "", "", "")[:3]]

    def compute(x: torch.Tensor, *rest: Any) -> Any:
        initial, arrays = rest[: len(states)], dict(zip(names, rest[len(states) :], strict=True))
        x = x.transpose(0, 1) if batch_first else x
        sequences, last = [], []
        for i in range(directions):
            w, r, w_bias, r_bias = (arrays[f"{name}_{i}"] for name in ("w", "r", "w_bias", "r_bias"))
            state = tuple(
                x.new_zeros(batch, hidden) if s is None else (s.transpose(0, 1) if batch_first else s)[i]
                for s in initial
            )
            together = kind != "GRU"
            projected = F.linear(x.reshape(steps * batch, -1), w, w_bias + r_bias if together else w_bias)
            projected = projected.reshape(steps, batch, -1)
            out: dict[int, torch.Tensor] = {}
            for t in orders[i]:
                state = _STEPS[kind](projected[t], state, r, r_bias, before)
                out[t] = state[0]
            sequences.append(torch.stack([out[t] for t in range(steps)]) if wanted[0] else out[orders[i][-1]])
            last.append(state)
        return _outputs(sequences, last, wanted, batch_first)

    return apply(compute, x, *states, *held, names=("x", "h", "c")[: 1 + len(states)] + tuple(names))


def _outputs(sequences: list[torch.Tensor], last: list[Any], wanted: list[bool], batch_first: bool) -> Any:
    """Return what is asked for of Y (steps, directions, batch, hidden), Y_h and Y_c (directions, batch, hidden)."""
    results = []
    if wanted[0]:
        y = torch.stack(sequences, 1)
        results.append(y.permute(2, 0, 1, 3) if batch_first else y)
    for index in (0, 1):
        if wanted[1 + index]:
            state = torch.stack([s[index] for s in last])
            results.append(state.transpose(0, 1) if batch_first else state)
    return tuple(results) if len(results) > 1 else results[0]


def _lstm(x: torch.Tensor, state: Any, r: torch.Tensor, r_bias: torch.Tensor, _: int) -> Any:
    h, c = state
    i, o, f, g = (x + F.linear(h, r)).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _gru(x: torch.Tensor, state: Any, r: torch.Tensor, r_bias: torch.Tensor, before: int) -> Any:
    (h,) = state
    hidden = h.shape[1]
    x_zr, x_n = x[:, : 2 * hidden], x[:, 2 * hidden :]
    if before:  # the state is multiplied before the reset gate, as torch does it
        s = F.linear(h, r, r_bias)
        z, reset = torch.sigmoid(x_zr + s[:, : 2 * hidden]).chunk(2, 1)
        n = torch.tanh(x_n + reset * s[:, 2 * hidden :])
    else:
        z, reset = torch.sigmoid(x_zr + F.linear(h, r[: 2 * hidden], r_bias[: 2 * hidden])).chunk(2, 1)
        n = torch.tanh(x_n + F.linear(reset * h, r[2 * hidden :], r_bias[2 * hidden :]))
    return (n + z * (h - n),)


def _rnn(x: torch.Tensor, state: Any, r: torch.Tensor, r_bias: torch.Tensor, _: int) -> Any:
    return (torch.tanh(x + F.linear(state[0], r)),)


_STEPS: dict[str, _Step] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}


def _check(node: Node, kind: str, steps: int) -> None:
    functions = node.raw.attributes.get("activations")
    if functions is not None:
        names = [f.decode() if isinstance(f, bytes) else str(f) for f in functions]
        expected = _DEFAULTS[kind] * (len(names) // len(_DEFAULTS[kind]))
        if [n.lower() for n in names] != [n.lower() for n in expected]:
            raise UnsupportedError(f"the activations {names}")
    if node.optional(4) is not None:
        lengths = node.integers(4, "the sequence lengths")
        if any(length != steps for length in lengths):
            raise UnsupportedError("sequences of differing lengths")
    if node.number("clip", 0.0) or node.integer("input_forget", 0) or node.optional(7) is not None:
        raise UnsupportedError("clipping, coupled gates or peepholes")


def _weights(node: Node, i: int, rows: int, hidden: int, inputs: int, directions: int) -> _Weights:
    for index, what in ((1, "W"), (2, "R"), (3, "B")):
        tensor = node.optional(index)
        if tensor is not None and tensor.data is None:
            raise UnsupportedError(f"{what} is computed at run time")
    w, r = real(node.input(1)), real(node.input(2))
    bias = node.optional(3)
    b = real(bias) if bias is not None else np.zeros((directions, 2 * rows), np.float32)
    if (w.shape, r.shape, b.shape) != (
        (directions, rows, inputs), (directions, rows, hidden), (directions, 2 * rows)
    ):  # fmt: skip
        raise UnsupportedError(f"weights of shape {list(w.shape)} and {list(r.shape)}")
    return _Weights(*(np.ascontiguousarray(a, np.float32) for a in (w[i], r[i], b[i, :rows], b[i, rows:])))


RULES = {"LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent}
