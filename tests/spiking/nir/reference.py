"""The equations of NIR, simulated plainly in numpy: float64, one sample, node by node, step by step.

It knows nothing of ``toolkit.spiking``: nodes are those of the package nir, listed in the order in which they run.
Edges from a node that comes later bring what it gave a step before, at first what it gives for nothing.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

Array = np.ndarray


def simulate(
    graph: nir.NIRGraph, inputs: Array, dt: float, discretisation: str = "euler", reset: str = "zero"
) -> Array:
    """Return what the output node gives at each step for ``inputs``, (time, ...)."""
    states: dict[str, dict[str, Any]] = {name: {} for name in graph.nodes}
    given = {source: _zeros(graph.nodes[source]) for source, _ in graph.edges}
    outputs = []
    for x in inputs:
        for name, node in graph.nodes.items():
            if isinstance(node, nir.Input):
                given[name] = x.astype(np.float64)
                continue
            parts = [given[source] for source, target in graph.edges if target == name]
            taken = sum(parts[1:], start=parts[0])
            given[name] = _step(node, taken, states[name], dt, discretisation, reset)
        last = next(name for name, node in graph.nodes.items() if isinstance(node, nir.Output))
        outputs.append(given[last])
    return np.stack(outputs)


def _zeros(node: Any) -> Array:
    shape = node.output_type["output"]
    return np.zeros(() if shape is None else tuple(int(side) for side in shape))


def _decay(tau: Array, dt: float, discretisation: str) -> Array:
    tau = np.asarray(tau, np.float64)
    return np.exp(-dt / tau) if discretisation == "exact" else 1 - dt / tau


def _fire(node: Any, v: Array, reset: str) -> tuple[Array, Array]:
    z = (v > node.v_threshold).astype(np.float64)
    if reset == "zero":
        v = np.where(z == 1, node.v_reset, v)
    elif reset == "subtract":
        v = v - z * node.v_threshold
    return z, v


def _step(node: Any, x: Array, state: dict[str, Any], dt: float, discretisation: str, reset: str) -> Array:
    match node:
        case nir.Output():
            return x
        case nir.Linear() | nir.Affine():
            y = (np.asarray(node.weight, np.float64) @ x[..., None])[..., 0]
            return y + node.bias if isinstance(node, nir.Affine) else y
        case nir.Scale():
            return x * node.scale
        case nir.Threshold():
            return (x > node.threshold).astype(np.float64)
        case nir.Conv1d() | nir.Conv2d():
            return _convolved(node, x)
        case nir.SumPool2d() | nir.AvgPool2d():
            return _pooled(node, x)
        case nir.Flatten():
            first, last = (int(d) % x.ndim for d in (node.start_dim, node.end_dim))
            return x.reshape(*x.shape[:first], -1, *x.shape[last + 1 :])
        case nir.Delay():
            return _delayed(node, x, state, dt)
    v = state.get("v", np.zeros_like(x))
    if isinstance(node, nir.CubaLI | nir.CubaLIF):
        keep = _decay(node.tau_syn, dt, discretisation)
        x = state["i"] = keep * state.get("i", np.zeros_like(x)) + (1 - keep) * node.w_in * x
    if isinstance(node, nir.I | nir.IF):
        v = v + dt * node.r * x
    else:
        keep = _decay(
            getattr(node, "tau", None) if hasattr(node, "tau") else node.tau_mem, dt, discretisation
        )
        v = keep * v + (1 - keep) * (node.v_leak + node.r * x)
    if hasattr(node, "v_threshold"):
        z, state["v"] = _fire(node, v, reset)
        return z
    state["v"] = v
    return v


def _delayed(node: Any, x: Array, state: dict[str, Any], dt: float) -> Array:
    past = state.setdefault("past", [])
    past.insert(0, x)
    steps = np.broadcast_to(np.rint(np.asarray(node.delay) / dt).astype(int), x.shape)
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        if steps[index] < len(past):
            y[index] = past[steps[index]][index]
    return y


def _sizes(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(int(each) for each in np.broadcast_to(np.asarray(value), (axes,)))


def _convolved(node: Any, x: Array) -> Array:
    axes = x.ndim - 1
    weight, stride, apart = (
        np.asarray(node.weight, np.float64),
        _sizes(node.stride, axes),
        _sizes(node.dilation, axes),
    )
    taps = weight.shape[2:]
    if isinstance(node.padding, str):
        total = [a * (k - 1) if node.padding == "same" else 0 for a, k in zip(apart, taps, strict=True)]
        pads = [(t // 2, t - t // 2) for t in total]
    else:
        pads = [(p, p) for p in _sizes(node.padding, axes)]
    x = np.pad(x, [(0, 0), *pads])
    sides = [
        (side - a * (k - 1) - 1) // s + 1
        for side, a, k, s in zip(x.shape[1:], apart, taps, stride, strict=True)
    ]
    y = np.zeros((len(weight), *sides))
    inputs, outputs = weight.shape[1], len(weight) // int(node.groups)
    for o in range(len(weight)):
        own = x[o // outputs * inputs :][:inputs]
        for place in np.ndindex(*sides):
            window = own[(slice(None), *(slice(p * s, p * s + a * (k - 1) + 1, a) for p, s, a, k in
                                         zip(place, stride, apart, taps, strict=True)))]  # fmt: skip
            y[(o, *place)] = (window * weight[o]).sum() + node.bias[o]
    return y


def _pooled(node: Any, x: Array) -> Array:
    kernel, stride, pad = (_sizes(each, 2) for each in (node.kernel_size, node.stride, node.padding))
    x = np.pad(x, [(0, 0), *((p, p) for p in pad)])
    sides = [(side - k) // s + 1 for side, k, s in zip(x.shape[1:], kernel, stride, strict=True)]
    y = np.zeros((len(x), *sides))
    for i, j in np.ndindex(*sides):
        window = x[:, i * stride[0] :, j * stride[1] :][:, : kernel[0], : kernel[1]]
        y[:, i, j] = window.sum((1, 2)) / (1 if isinstance(node, nir.SumPool2d) else kernel[0] * kernel[1])
    return y
