"""What layers that follow spikes cost by how many there are, beside the dense int8 network of the same shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from toolkit.device.targets import Target
from toolkit.kernels import candidates
from toolkit.lower.ir import Model, Step, per_tensor
from toolkit.ops import operators
from toolkit.ops.wide import ENDING
from toolkit.tune.count import count

SCHEMA = 1
ACTIVITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_SCALE = 0.1  # of the dense layers' outputs: what a layer costs does not follow from it


@dataclass(frozen=True)
class LayerActivity:
    """One layer, for one step in time; all counted.

    Args:
        name: of the layer.
        op: its operator.
        kernel: that computes it.
        runs: steps in time of one inference.
        macs: what a dense layer multiplies.
        dense_kernel: of the dense int8 layer of the same shape, a relu in it.
        dense_instructions: of that.
        neuron_instructions: of the potentials and spikes behind the layer, whatever the activity.
        instructions: of the layer alone, by activity.
        r_squared: of a straight line through ``instructions``.
    """

    name: str
    op: str
    kernel: str
    runs: int
    macs: int
    dense_kernel: str
    dense_instructions: int
    neuron_instructions: int
    instructions: list[int]
    r_squared: float


@dataclass(frozen=True)
class Activity:
    """A network's layers that take spikes, by the share of inputs that spike.

    Args:
        target: whose core counted.
        activities: the shares.
        layers: those layers.
    """

    target: str
    activities: list[float]
    layers: list[LayerActivity]

    @property
    def instructions(self) -> list[int]:
        """Of the layers and the neurons behind them, for one step in time, by activity."""
        columns = zip(*(layer.instructions for layer in self.layers), strict=True)
        return [self.neuron_instructions + sum(column) for column in columns]

    @property
    def neuron_instructions(self) -> int:
        """Of all neurons behind the layers, for one step in time."""
        return sum(layer.neuron_instructions for layer in self.layers)

    @property
    def dense_instructions(self) -> int:
        """Of the dense int8 layers."""
        return sum(layer.dense_instructions for layer in self.layers)

    @property
    def of_dense(self) -> list[float]:
        """``instructions`` as a share of ``dense_instructions``."""
        return [each / self.dense_instructions for each in self.instructions]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data, with the schema's version."""
        whole = {
            "instructions": self.instructions,
            "dense_instructions": self.dense_instructions,
            "of_dense": self.of_dense,
            "r_squared": r_squared(self.activities, self.instructions),
        }
        return {"schema": SCHEMA, **asdict(self), **whole}


def sweep(
    model: Model,
    target: Target,
    *,
    activities: Sequence[float] = ACTIVITIES,
    toolchain: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Activity:
    """Count the instructions of every layer that takes spikes, on random ones, at each share of ``activities``.

    Args:
        model: lowered; steps without a kernel get the best one for what calibration measured.
        target: on whose core; counting needs an emulator that profiles.
        activities: shares of ones, 0 to 1.
        toolchain: one that the target lists.
        progress: called with what runs.

    Raises:
        ToolkitError: as ``toolkit.tune.count.count`` does.
    """
    taking = [step for step in model.steps if step.op.endswith(ENDING) and "density" in step.attrs]
    layers: dict[str, list[Step]] = {}
    for step in taking:
        layers.setdefault(step.name, []).append(step)
    todo = [
        [
            _dense(runs[-1]),
            *(replace(runs[-1], attrs={**runs[-1].attrs, "density": share}) for share in activities),
            *_neurons(model, runs[-1]),
        ]
        for runs in layers.values()
    ]
    ready = [[_with_kernel(step, target) for step in steps] for steps in todo]
    flat = [step for steps in ready for step in steps]
    costs = iter(count(flat, target, toolchain=toolchain, progress=progress))
    found = []
    for runs, steps in zip(layers.values(), ready, strict=True):
        dense, *rest = (next(costs).instructions for _ in steps)
        own, neurons = rest[: len(activities)], sum(rest[len(activities) :])
        step, macs = steps[1], operators()[steps[1].op].macs(steps[1])
        fit = r_squared(activities, own)
        kernels = (steps[0].kernel, dense, neurons)
        found.append(LayerActivity(step.name, step.op, step.kernel, len(runs), macs, *kernels, own, fit))
    return Activity(target.name, list(activities), found)


def r_squared(x: Sequence[float], y: Sequence[float]) -> float:
    """Return how much of the variance of ``y`` a straight line over ``x`` explains, 0 to 1."""
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def _neurons(model: Model, layer: Step) -> list[Step]:
    """Return the steps of the neurons that take what ``layer`` gives, the last of a model's steps in time."""
    found: dict[int, Step] = {}
    reached = [layer.output]
    while reached:
        for step in model.consumers(reached.pop()):
            if operators()[step.op].potentials:
                found[id(step)] = step
            if step.op == "integrate" or operators()[step.op].code_free:
                reached.append(step.output)
    return list(found.values())


def _with_kernel(step: Step, target: Target) -> Step:
    return step if step.kernel else replace(step, kernel=candidates(step, target.kernels)[0])


def _dense(step: Step) -> Step:
    """Return the int8 layer of the same shape, with a relu, whose input may be any integer."""
    weight = step.inputs[1]
    assert weight.quant is not None
    assert weight.data is not None
    quant = replace(weight.quant, qmin=-127, qmax=127)  # ternary ones, too, with products as large
    data = weight.data * np.int8(127 // max(weight.quant.qmax, 1))
    x = replace(step.inputs[0], quant=per_tensor(_SCALE, -3))
    output = replace(step.output, dtype="int8", quant=per_tensor(_SCALE, -128))
    attrs = {name: value for name, value in step.attrs.items() if name != "density"}
    biases = [replace(bias, dtype="int32", data=np.zeros(bias.shape, np.int32)) for bias in step.inputs[2:]]
    return Step(
        step.op.removesuffix(ENDING),
        step.name,
        [x, replace(weight, data=data, quant=quant), *biases],
        output,
        {**attrs, "activation": (0.0, np.inf)},
    )
