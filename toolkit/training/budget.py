"""How much memory a step takes that trains some of the layers, without tracing one for each choice."""

from __future__ import annotations

import copy
import re

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from quantize.pt2e import quiet
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.passes import as_read, lower, lowered
from toolkit.lower.quantized import remove_dead, substitute
from toolkit.ops import operators
from toolkit.training.forward import Forward
from toolkit.training.kept import cut
from toolkit.training.settings import StepSettings
from toolkit.training.step import forward_of, made_step, step_program


def arena_bytes(
    model: nn.Module | ExportedProgram, sample: Tensor, settings: StepSettings, kernel_set: str
) -> int:
    """Return how many bytes states and activations of a step take, as planned for a target with ``kernel_set``."""
    return planned_bytes(forward_of(model, sample, settings), settings, kernel_set)


def planned_bytes(forward: Forward, settings: StepSettings, kernel_set: str) -> int:
    """Return the arena of the step of ``settings`` as it is planned for the device."""
    model = choose_kernels(lower(_program(forward, settings)), kernel_set)
    return place(model).plan.arena_bytes


class Budget:
    """Arenas of steps that train some layers: all layers' step is traced once, and cut down to theirs.

    Args:
        forward: the model.
        settings: of the step that trains all candidates.
        kernel_set: of the target, whose kernels need scratch memory.
    """

    def __init__(self, forward: Forward, settings: StepSettings, kernel_set: str) -> None:
        self.forward, self.kernel_set = forward, kernel_set
        self.model = as_read(_program(forward, settings))
        self.arenas: dict[frozenset[str], int] = {}

    def estimate(self, shares: dict[str, float]) -> int:
        """Return about how many bytes a step takes that trains layers, each with a share of its channels.

        Whole layers' arena is as of ``planned_bytes``, but that the planner tries less; of shares only the states'
        bytes are known beforehand.
        """
        layers = frozenset(shares)
        if layers not in self.arenas:
            model = lowered(only(self.model, self._states(layers)))
            self.arenas[layers] = place(choose_kernels(model, self.kernel_set), effort=0).plan.arena_bytes
        spared = 0.0
        for state in self.model.states:
            weight = self._weight(state.name)
            if weight is not None and _layer(weight) in layers:
                whole, part = (cut(self.forward, weight, share) for share in (1.0, shares[_layer(weight)]))
                if part is not None and whole is not None and part.values < whole.values:
                    spared += state.before.nbytes * (1 - part.values / whole.values)
        return self.arenas[layers] - int(spared)

    def _states(self, layers: frozenset[str]) -> set[str]:
        """Return the names of the states of a step that trains ``layers``."""
        weights = {name for name in self.forward.weights if _layer(name) in layers}
        blocks = {self.forward.block_of[name] for name in weights}
        found = set()
        for state in self.model.states:
            weight, projection = self._weight(state.name), re.search(r"projection\.(\d+)$", state.name)
            of_block = projection is None or int(projection[1]) in blocks
            if weight in weights if weight is not None else of_block:
                found.add(state.name)
        return found

    def _weight(self, state: str) -> str | None:
        """Return the weight that a state is, or that an optimizer keeps it of."""
        return next((w for w in self.forward.weights if state == w or state.endswith(f".{w}")), None)


def only(model: Model, states: set[str]) -> Model:
    """Return a step, as read, in which no others than ``states`` change; the rest is what it is at first."""
    arrays = [value.data for value in model.values()] + [state.initial for state in model.states]
    model = copy.deepcopy(model, {id(array): array for array in arrays})
    ends = len(model.inputs) - len(model.states), len(model.outputs) - len(model.states)
    kept = [index for index, state in enumerate(model.states) if state.name in states]
    before, after = model.inputs[ends[0] :], model.outputs[ends[1] :]
    for state, value in zip(model.states, before, strict=True):
        if state.name not in states:
            value.data = state.initial
    model.inputs = model.inputs[: ends[0]] + [before[index] for index in kept]
    model.outputs = model.outputs[: ends[1]] + [after[index] for index in kept]
    model.states = [model.states[index] for index in kept]
    return remove_dead(_folded(model))


def _folded(model: Model) -> Model:
    """Round constants at once, and let those who read reals read the integers, as the reader of programs does."""
    steps: list[Step] = []
    reals: dict[int, Value] = {}
    for step in model.steps:
        source = step.inputs[0] if step.inputs else None
        constant = source is not None and source.data is not None
        if step.op == "quantize" and constant and source is not None and source.data is not None:
            step.output.data = operators()["quantize"].reference(step, [source.data])
        elif step.op == "dequantize" and constant and source is not None:
            reals[id(step.output)] = source
        else:
            steps.append(step)
    model.steps = steps
    substitute(model, reals)
    return model


def _program(forward: Forward, settings: StepSettings) -> ExportedProgram:
    with quiet():
        logits = forward.run(forward.sample, {})
        step = made_step(forward, settings, logits.shape[-1])
        return step_program(step, forward, torch.zeros_like(logits))


def _layer(name: str) -> str:
    return name.rpartition(".")[0]
