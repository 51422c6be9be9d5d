"""What operators that take halves share: they compute in float32, and round each output once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step
from toolkit.ops.base import Case


def widened(data: np.ndarray) -> np.ndarray:
    """Return halves as float32, all else as it is."""
    return data.astype(np.float32) if data.dtype == np.float16 else data


def rounded(out: np.ndarray, step: Step) -> np.ndarray:
    """Return float32 results as the step's output holds them: float32, or the nearest halves."""
    with np.errstate(over="ignore"):
        return out.astype(np.float16 if step.output.dtype == "float16" else np.float32)


def is_half(step: Step) -> bool:
    """True for a step that reads halves."""
    return step.inputs[0].dtype == "float16"


def suffix(step: Step) -> str:
    """Return the ending of the kernel for a float step: that of halves or of float32."""
    return "f16" if is_half(step) else "f32"


def bytes_of_output(step: Step) -> list[str]:
    """Return the argument that only kernels of halves have: bytes of each output."""
    return [str(ITEMSIZE[step.output.dtype])] if is_half(step) else []


def bytes_of_input(step: Step) -> list[str]:
    """Return the argument that kernels of halves have where the second input may be float32: bytes of each value."""
    return [str(ITEMSIZE[step.inputs[1].dtype])] if is_half(step) else []


def halved(case: Case, operands: int, *, output: bool = True, more: tuple[int, ...] = ()) -> Case:
    """Return a float32 case as one whose first ``operands`` inputs are halves.

    Args:
        case: whose numbers are rounded.
        operands: how many inputs become halves.
        output: the output becomes halves, too.
        more: other inputs that do.
    """
    step, given = case.step, iter(case.inputs)
    inputs, data = [], []
    for index, value in enumerate(step.inputs):
        is_chosen = index < operands or index in more
        own = value.data if value.data is not None else next(given)
        own = own.astype(np.float16) if is_chosen else own
        made = replace(value, dtype="float16" if is_chosen else value.dtype)
        inputs.append(made if value.data is None else replace(made, data=own))
        data += [own] if value.data is None else []
    result = replace(step.output, dtype="float16") if output else step.output
    made_step = replace(step, inputs=inputs, output=result, attrs=dict(step.attrs))
    return Case(f"{case.id}-half{'' if output else '-to-float'}", made_step, data)
