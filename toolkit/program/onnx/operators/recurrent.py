"""RNN, GRU and LSTM, unrolled over a fixed sequence.

The whole sequence meets the input weights in one product; each step then multiplies its state. A state that begins at
zero is None in the first step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, real
from toolkit.program.onnx.refusal import UnsupportedError

MAX_STEPS = 1024
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
_Arrays = dict[str, torch.Tensor]
_Step = Callable[..., Any]


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
    before = bool(node.integer("linear_before_reset", 0))
    states = [_state(node, 5)] + ([_state(node, 6)] if kind == "LSTM" else [])
    orders = [range(steps), range(steps - 1, -1, -1)]
    orders = orders if directions == 2 else orders[direction == "reverse" :][:1]
    held = [
        Tensor(f"{name}_{i}", data.shape, data=np.ascontiguousarray(data, np.float32))
        for i in range(directions)
        for name, data in _weights(node, i, kind, hidden, directions, before).items()
    ]
    names = tuple(tensor.name for tensor in held)
    wanted = [bool(name) for name in (*node.raw.outputs, "", "", "")[:3]]

    def compute(x: torch.Tensor, *rest: Any) -> Any:
        initial, arrays = rest[: len(states)], dict(zip(names, rest[len(states) :], strict=True))
        x = x.transpose(0, 1) if batch_first else x
        sequences, last = [], []
        for i, order in enumerate(orders):
            own = {name.removesuffix(f"_{i}"): a for name, a in arrays.items() if name.endswith(f"_{i}")}
            state = tuple(
                None if s is None else (s.transpose(0, 1) if batch_first else s)[i] for s in initial
            )
            projected = F.linear(x.reshape(steps * batch, -1), own["w"], own["bias"])
            projected = projected.reshape(steps, batch, -1)
            out: dict[int, torch.Tensor] = {}
            for t in order:
                state = _STEPS[kind](projected[t], state, own)
                out[t] = state[0]
            sequences.append(torch.stack([out[t] for t in range(steps)]) if wanted[0] else out[order[-1]])
            last.append(state)
        return _outputs(sequences, last, wanted, batch_first)

    return apply(compute, x, *states, *held, names=(*("x", "h", "c")[: 1 + len(states)], *names))


def _state(node: Node, index: int) -> Tensor | None:
    """Return a state to begin with; None where it is zero."""
    tensor = node.optional(index)
    return None if tensor is None or (tensor.data is not None and not tensor.data.any()) else tensor


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


def _lstm(x: torch.Tensor, state: Any, own: _Arrays) -> Any:
    h, c = state
    i, o, f, g = (x if h is None else x + F.linear(h, own["r"])).chunk(4, 1)
    new = torch.sigmoid(i) * torch.tanh(g)
    c = new if c is None else torch.sigmoid(f) * c + new
    return torch.sigmoid(o) * torch.tanh(c), c


def _gru(x: torch.Tensor, state: Any, own: _Arrays) -> Any:
    (h,) = state
    size = own["r"].shape[1]
    gates, new = x[:, : 2 * size], x[:, 2 * size :]
    if h is not None:
        product = F.linear(h, own["r"])  # of all gates where the state is multiplied before it is reset
        z, reset = torch.sigmoid(gates + product[:, : 2 * size]).chunk(2, 1)
        if "r_new" in own:
            new = new + F.linear(reset * h, own["r_new"])
        else:
            new = new + reset * (product[:, 2 * size :] + own["bias_new"])
    else:
        z, reset = torch.sigmoid(gates).chunk(2, 1)
        new = new if "r_new" in own else new + reset * own["bias_new"]
    new = torch.tanh(new)
    return (new - z * new if h is None else new + z * (h - new),)


def _rnn(x: torch.Tensor, state: Any, own: _Arrays) -> Any:
    return (torch.tanh(x if state[0] is None else x + F.linear(state[0], own["r"])),)


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


def _weights(
    node: Node, i: int, kind: str, hidden: int, directions: int, before: bool
) -> dict[str, np.ndarray]:
    """Return the constants of one direction: ``w`` and ``r`` (gates*hidden, …), biases added up where they can be."""
    for index, what in ((1, "W"), (2, "R"), (3, "B")):
        tensor = node.optional(index)
        if tensor is not None and tensor.data is None:
            raise UnsupportedError(f"{what} is computed at run time")
    rows, inputs = _GATES[kind] * hidden, node.x.shape[2]
    w, r = real(node.input(1)), real(node.input(2))
    if (w.shape, r.shape) != ((directions, rows, inputs), (directions, rows, hidden)):
        raise UnsupportedError(f"weights of shape {list(w.shape)} and {list(r.shape)}")
    b = np.zeros((directions, 2 * rows), np.float32) if node.optional(3) is None else real(node.input(3))
    if b.shape != (directions, 2 * rows):
        raise UnsupportedError(f"biases of shape {list(b.shape)}")
    bias, r_bias = b[i, :rows].copy(), b[i, rows:]
    if kind != "GRU":
        return {"w": w[i], "bias": bias + r_bias, "r": r[i]}
    if not before:
        return {"w": w[i], "bias": bias + r_bias, "r": r[i, : 2 * hidden], "r_new": r[i, 2 * hidden :]}
    bias[: 2 * hidden] += r_bias[: 2 * hidden]
    return {"w": w[i], "bias": bias, "r": r[i], "bias_new": r_bias[2 * hidden :]}


RULES = {"LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent}
