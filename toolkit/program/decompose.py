"""Composite operators written out in simpler ones: attention, and recurrent layers over a fixed number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Graph
from torch.nn import functional

_aten = torch.ops.aten
_Cell = Callable[
    ..., tuple[Tensor, ...]
]  # gates of the input, state, weight and bias of the state: the new state


def expand(program: ExportedProgram) -> ExportedProgram:
    """Return ``program`` with its composite operators written out; the same program where there are none."""
    table = decompositions(program.graph)
    composite = any(node.target in table for node in program.graph.nodes)
    return program.run_decompositions(table) if composite else program


def decompositions(graph: Graph) -> dict[Any, Callable[..., Any]]:
    """Return the table for ``run_decompositions`` of a program with this ``graph``."""
    from_zero = _start_at_zero(graph)
    table: dict[Any, Callable[..., Any]] = {
        _aten.scaled_dot_product_attention.default: _attention,
        _aten.lstm.input: lambda x, state, *rest: _recurrent(_lstm, x, state, from_zero, *rest),
        _aten.gru.input: lambda x, state, *rest: _recurrent(_gru, x, [state], from_zero, *rest),
        _aten.rnn_tanh.input: lambda x, state, *rest: _recurrent(_tanh, x, [state], from_zero, *rest),
        _aten.rnn_relu.input: lambda x, state, *rest: _recurrent(_relu, x, [state], from_zero, *rest),
        _aten.lstm_cell.default: lambda x, state, *weights: _step(_lstm, x, state, from_zero, *weights),
        _aten.gru_cell.default: lambda x, state, *weights: _step(_gru, x, [state], from_zero, *weights)[0],
        _aten.rnn_tanh_cell.default: lambda x, state, *weights: _step(_tanh, x, [state], from_zero, *weights)[
            0
        ],
        _aten.rnn_relu_cell.default: lambda x, state, *weights: _step(_relu, x, [state], from_zero, *weights)[
            0
        ],
    }
    if any(_has_integers(node) for node in graph.find_nodes(op="call_function", target=_aten.lstm.input)):
        del table[_aten.lstm.input]  # one kernel computes it
    return table


def _has_integers(lstm: Any) -> bool:
    """True where a file says the LSTM's integers: its cell state starts as a dequantized constant."""
    return "dequantize" in str(lstm.args[1][1].target)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """``softmax(query key^T * scale + mask) value`` (Vaswani et al. 2017)."""
    if enable_gqa:
        repeats = query.shape[-3] // key.shape[-3]
        key, value = (t.repeat_interleave(repeats, -3) for t in (key, value))
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = torch.matmul(query, key.transpose(-2, -1)) * factor
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(attn_mask.logical_not(), -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.matmul(torch.softmax(scores, -1), value)


def _recurrent(
    cell: _Cell, x: Tensor, states: list[Tensor], from_zero: bool, weights: list[Tensor], biases: bool,
    layers: int, dropout: float, training: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Return the outputs of every step and the last states, as torch's recurrent layers do."""
    per_cell = len(weights) // (layers * (2 if bidirectional else 1))
    sequence = x.transpose(0, 1) if batch_first else x
    last: list[tuple[Tensor, ...]] = []
    for _ in range(layers):
        outputs = []
        for backwards in (False, True) if bidirectional else (False,):
            index = len(last)
            own = weights[index * per_cell : (index + 1) * per_cell]
            state = None if from_zero else tuple(s[index] for s in states)
            found, state = _sequence(cell, sequence, state, own, biases, backwards)
            last.append(state)
            outputs.append(found)
        sequence = torch.cat(outputs, -1) if bidirectional else outputs[0]
    out = sequence.transpose(0, 1) if batch_first else sequence
    return (out, *(_stacked([state[i] for state in last]) for i in range(len(last[0]))))


def _stacked(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.unsqueeze(0) for tensor in tensors])


def _sequence(
    cell: _Cell,
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    weights: list[Tensor],
    biases: bool,
    backwards: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return one layer's outputs in one direction, first axis the step, and its last state."""
    inner, own = weights[:2]
    inner_bias, own_bias = weights[2:4] if biases else (None, None)
    gates = functional.linear(x, inner, inner_bias).unbind(0)  # all steps' inputs in one matrix product
    found: list[Tensor] = []
    for gate in gates[::-1] if backwards else gates:
        state = cell(gate, state, own, own_bias)
        found.append(state[0])
    assert state is not None
    return _stacked(found[::-1] if backwards else found), state


def _step(
    cell: _Cell, x: Tensor, states: list[Tensor], from_zero: bool, inner: Tensor, own: Tensor,
    inner_bias: Tensor | None = None, own_bias: Tensor | None = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    state = None if from_zero else tuple(states)
    return cell(functional.linear(x, inner, inner_bias), state, own, own_bias)


def _of_state(state: Tensor | None, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Return what the state adds to the gates; only the bias where it is zero."""
    return bias if state is None else functional.linear(state, weight, bias)


def _sum(a: Tensor, b: Tensor | None) -> Tensor:
    return a if b is None else a + b


def _lstm(gates: Tensor, state: tuple[Tensor, Tensor] | None, weight: Tensor, bias: Tensor | None) -> Any:
    hidden, memory = (None, None) if state is None else state
    start, forget, new, out = _sum(gates, _of_state(hidden, weight, bias)).chunk(4, -1)
    added = torch.sigmoid(start) * torch.tanh(new)
    memory = added if memory is None else torch.sigmoid(forget) * memory + added
    return torch.sigmoid(out) * torch.tanh(memory), memory


def _gru(gates: Tensor, state: tuple[Tensor] | None, weight: Tensor, bias: Tensor | None) -> Any:
    """``h = (1 - z) n + z h``, written with one product less: ``n + z (h - n)``."""
    reset, update, new = gates.chunk(3, -1)
    if state is None:
        size = gates.shape[-1] // 3
        parts = tuple(None if bias is None else bias.narrow(0, i * size, size) for i in range(3))
    else:
        parts = functional.linear(state[0], weight, bias).chunk(3, -1)
    r, z = torch.sigmoid(_sum(reset, parts[0])), torch.sigmoid(_sum(update, parts[1]))
    n = torch.tanh(_sum(new, None if parts[2] is None else r * parts[2]))
    return (n - z * n if state is None else n + z * (state[0] - n),)


def _tanh(gates: Tensor, state: tuple[Tensor] | None, weight: Tensor, bias: Tensor | None) -> Any:
    return (torch.tanh(_sum(gates, _of_state(None if state is None else state[0], weight, bias))),)


def _relu(gates: Tensor, state: tuple[Tensor] | None, weight: Tensor, bias: Tensor | None) -> Any:
    return (torch.relu(_sum(gates, _of_state(None if state is None else state[0], weight, bias))),)


_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def _start_at_zero(graph: Graph) -> bool:
    """True when the recurrent layers' states are all made of zeros in the graph itself."""
    states: list[Any] = []
    for node in graph.nodes:
        name = str(node.target).removeprefix("aten.")
        if node.op == "call_function" and name.startswith(_RECURRENT):
            state = node.args[1]
            states += state if isinstance(state, (list, tuple)) else [state]
    return all(state.target in (_aten.zeros.default, _aten.full.default) for state in states)
