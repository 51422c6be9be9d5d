"""The pass that gives int16 activations operators of their own."""

from __future__ import annotations

from toolkit.lower.ir import Model, Step
from toolkit.ops import operators


def has_int16(op: str) -> bool:
    """True when an operator computes on int16 activations, or only moves values."""
    return f"{op}_s16" in operators() or operators()[op].code_free or operators()[op].takes_int16


def int16_operators(model: Model) -> Model:
    """Turn every step on int16 activations into the operator whose name ends in ``_s16``."""
    for step in model.steps:
        if _is_int16(step) and f"{step.op}_s16" in operators():
            step.op = f"{step.op}_s16"
    return model


def _is_int16(step: Step) -> bool:
    return any(value.dtype == "int16" for value in (*step.activations, step.output))
