"""Spikes and what they set off: counted in the reference, which every device equals to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.lower import reference
from toolkit.lower.ir import Step
from toolkit.ops import operators
from toolkit.ops.window import patches, window_of
from toolkit.verify.bundled import lowered_model


@dataclass(frozen=True)
class Spikes:
    """Of one layer, per inference: spikes that its neurons sent, or operations that those it took set off."""

    spikes: float | None = None
    neurons: int | None = None
    synaptic_operations: float | None = None


def count(bundle: Path, manifest: dict[str, Any], inputs: Sequence[np.ndarray]) -> list[Spikes]:
    """Return a count for each layer of a bundle's manifest, the mean over ``inputs``.

    Args:
        bundle: its folder.
        manifest: its manifest.
        inputs: device inputs, an array for each, first axis the sample. Of a model with states they are runs in a row.

    Raises:
        ToolkitError: the bundle is damaged.
    """
    model = lowered_model(bundle, manifest)
    layers: list[list[float]] = [[] for _ in manifest["layers"]]
    steps: list[Step] = []
    memory = reference.Memory(model)
    for sample in range(len(inputs[0])):
        memory = memory if model.states else reference.Memory(model)
        given = [array[sample : sample + 1] for array in inputs]
        values = {id(value): array for value, array in zip(model.inputs, given, strict=True)}
        values |= {id(state.before): array for state, array in zip(model.states, memory.arrays, strict=True)}
        index, steps = 0, []
        for step, out in reference.trace(model, given, memory):
            values[id(step.output)] = out
            if operators()[step.op].code_free:
                continue
            layers[index].append(_counted(step, values, out))
            steps.append(step)
            index += 1
    return [_spikes(step, float(np.mean(counts))) for step, counts in zip(steps, layers, strict=True)]


def _counted(step: Step, values: dict[int, np.ndarray], out: np.ndarray) -> float:
    if step.op == "fire":
        return float(out.sum())
    if step.op == "send_delayed":
        return float(np.count_nonzero(values[id(step.inputs[1])])) * step.inputs[2].shape[1]
    if "density" not in step.attrs:
        return 0.0
    spikes = values[id(step.inputs[0])].reshape(step.inputs[0].shape)
    if step.op.startswith("conv2d"):
        window = window_of(step)
        return float(patches(spikes, window, 0).sum(dtype=np.int64)) * window.out_c
    return float(spikes.sum(dtype=np.int64)) * step.inputs[1].shape[0]


def _spikes(step: Step, mean: float) -> Spikes:
    if step.op == "fire":
        return Spikes(spikes=mean, neurons=step.output.size)
    counts = "density" in step.attrs or step.op == "send_delayed"
    return Spikes(synaptic_operations=mean) if counts else Spikes()
