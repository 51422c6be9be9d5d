"""What layers share that take int8 and give int16: currents of spiking neurons, whose potentials are int16."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Step, per_tensor
from toolkit.ops.base import Case
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.weighted import Folded, fold, is_int8, is_ternary

ENDING = "_wide"  # of the operators' names
EVENT_SHIFT = 24  # of multipliers: kernels that follow spikes have it in their instructions


def fold_wide(step: Step) -> Folded:
    """Return ``fold``'s constants, all multipliers with one shift: 24, or less where 31 bits do not hold them."""
    folded = fold(step)
    real = folded.multiplier / 2.0**folded.shift
    shift = min(EVENT_SHIFT, int(folded.shift[folded.multiplier != 0].min(initial=EVENT_SHIFT)))
    return replace(
        folded,
        multiplier=np.rint(real * 2.0**shift).astype(np.int64),
        shift=np.full(folded.shift.shape, shift, np.int64),
    )


def wide_cases(cases: Iterable[Case], op: str) -> Iterable[Case]:
    """Yield int8 and ternary cases among ``cases`` with int16 outputs, and with inputs of spikes: zeros and ones."""
    for case in cases:
        step = case.step
        if step.output.dtype != "int8" or not (is_int8(step) or is_ternary(step)):
            continue
        assert step.output.quant is not None
        quant = per_tensor(float(step.output.quant.scale[0]) / 100, 0, LOWEST, LARGEST)
        attrs = {name: value for name, value in step.attrs.items() if name != "activation"}
        output = replace(step.output, dtype="int16", quant=quant)
        yield Case(case.id, replace(step, op=op, output=output, attrs=attrs), case.inputs)
        x = replace(step.inputs[0], quant=per_tensor(1.0))
        for share in (0.05, 0.5):
            rng = np.random.default_rng([len(case.id), *x.shape])
            spikes = (rng.random(x.shape) < share).astype(np.int8)
            inputs = [x, *step.inputs[1:]]
            spiking = replace(step, op=op, inputs=inputs, output=output, attrs={**attrs, "density": share})
            yield Case(f"{case.id}-spikes-{share}", spiking, [spikes])
