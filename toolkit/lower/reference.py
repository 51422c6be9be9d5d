"""Run a lowered model in numpy: the definition of what every device must compute."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from toolkit.lower.ir import Model, Step
from toolkit.ops import operators


def trace(model: Model, inputs: list[np.ndarray]) -> Iterator[tuple[Step, np.ndarray]]:
    """Yield every step with its output, for one sample in device layout and types."""
    values = {
        id(value): array.reshape(value.shape) for value, array in zip(model.inputs, inputs, strict=True)
    }
    for step in model.steps:
        arrays = [values[id(value)] for value in step.activations]
        out = operators()[step.op].reference(step, arrays)
        values[id(step.output)] = out
        yield step, out


def run(model: Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return the outputs for one sample in device layout and types."""
    values = {id(value): array for value, array in zip(model.inputs, inputs, strict=True)}
    for step, out in trace(model, inputs):
        values[id(step.output)] = out
    return [values[id(value)].reshape(value.shape) for value in model.outputs]


def run_batch(model: Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return one array per output, first axis the sample, for device inputs whose first axis is the sample."""
    samples = [run(model, [array[i : i + 1] for array in inputs]) for i in range(len(inputs[0]))]
    return [np.stack([s[j] for s in samples]).reshape(-1, *v.shape[1:]) for j, v in enumerate(model.outputs)]
