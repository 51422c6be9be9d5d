"""Gradients by weights that become the weights after a step down them, so that no gradient is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Case
from toolkit.ops.half import rounded, widened

WEIGHT, RATE = 2, 3  # the inputs that such a step has besides two factors


def stepped(gradient: np.ndarray, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
    """Return ``weight - rate * gradient`` where the step has a weight, else the gradient, of the output's shape."""
    gradient = gradient.reshape(step.output.shape)
    if len(inputs) <= WEIGHT:
        return gradient
    rate = np.float32(inputs[RATE].reshape(()))
    return rounded(widened(inputs[WEIGHT]).reshape(gradient.shape) - rate * gradient, step)


def stepping(case: Case) -> Case:
    """Return the case of a gradient as one of a step down it."""
    step = case.step
    weight, rate = Value("weight", step.output.shape), Value("rate", (1,))
    made = replace(step, inputs=[*step.inputs, weight, rate])
    data = np.random.default_rng(7).normal(size=weight.shape).astype(np.float32)
    return Case(f"{case.id}-step", made, [*case.inputs, data, np.array([0.125], np.float32)])
