"""Models that learn: a run answers a sample, and leaves in the states what it learnt from its target."""

from __future__ import annotations

from toolkit.lower.ir import Model, Step, Value

# The inputs and outputs of a training step, in this order; see ``toolkit.training.training_step``.
INPUTS = ("sample", "target", "rate")
OUTPUTS = ("logits", "loss")


def learns(model: Model) -> bool:
    """True when ``model``, as read, is a training step."""
    return bool(model.states) and tuple(value.name for value in model.inputs) == (
        *INPUTS,
        *(state.before.name for state in model.states),
    )


def answering(model: Model) -> list[Step]:
    """Return the steps of a model that learns which its logits need, in order."""
    return _needed(model, model.outputs[:1])


def learning(model: Model) -> list[Step]:
    """Return the steps of a model that learns which its loss and its states need, in order."""
    return _needed(model, [*model.outputs[1:], *(state.after for state in model.states)])


def _needed(model: Model, values: list[Value]) -> list[Step]:
    wanted = {id(value) for value in values}
    found = []
    for step in reversed(model.steps):
        if id(step.output) in wanted:
            wanted |= {id(value) for value in step.inputs}
            found.append(step)
    return found[::-1]
