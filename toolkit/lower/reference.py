"""Run a lowered model in numpy: the definition of what every device must compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Model, Step
from toolkit.ops import operators


class Memory:
    """What a model with states has kept so far; a fresh one is a device after reset."""

    def __init__(self, model: Model) -> None:
        self.arrays = [state.initial for state in model.states]


def trace(
    model: Model, inputs: Sequence[np.ndarray], memory: Memory | None = None
) -> Iterator[tuple[Step, np.ndarray]]:
    """Yield every step with its output, for one sample in device layout and types; ``memory`` goes on by one run."""
    memory = memory or Memory(model)
    values = {
        id(value): array.reshape(value.shape) for value, array in zip(model.inputs, inputs, strict=True)
    }
    values.update((id(state.before), array) for state, array in zip(model.states, memory.arrays, strict=True))
    for step in model.steps:
        arrays = [values[id(value)] for value in step.activations]
        out = operators()[step.op].reference(step, arrays)
        values[id(step.output)] = out
        yield step, out
    memory.arrays = [values[id(state.after)].reshape(state.before.shape) for state in model.states]


def run(model: Model, inputs: Sequence[np.ndarray], memory: Memory | None = None) -> list[np.ndarray]:
    """Return the outputs for one sample in device layout and types; ``memory`` goes on by one run."""
    values = {id(value): array for value, array in zip(model.inputs, inputs, strict=True)}
    for step, out in trace(model, inputs, memory):
        values[id(step.output)] = out
    return [values[id(value)].reshape(value.shape) for value in model.outputs]


def run_batch(model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return one array per output, first axis the sample, for device inputs whose first axis is the sample.

    Of a model with states the samples are runs in a row, the first one after a reset.
    """
    memory = Memory(model)
    samples = [run(model, [array[i : i + 1] for array in inputs], memory) for i in range(len(inputs[0]))]
    return [np.stack([s[j] for s in samples]).reshape(-1, *v.shape[1:]) for j, v in enumerate(model.outputs)]


def check_one_sample(model: Model, at: str) -> None:
    """Raise ``ToolkitError`` unless each input and output of ``model`` begins with one sample.

    A device computes one sample at a time, and every array of samples has the sample as its first axis.
    """
    for value in (*model.inputs, *model.outputs):
        if value.shape[:1] != (1,):
            raise ToolkitError(
                f"{value.name} has shape {list(value.shape)}, which does not begin with one sample",
                at=at,
                fix="export the model for one sample, torch.export.export(model, (x[:1],)), and keep that axis",
            )
