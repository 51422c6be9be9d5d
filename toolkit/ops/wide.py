"""What layers share that take int8 and give int16: currents of spiking neurons, whose potentials are int16."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import per_tensor
from toolkit.ops.base import Case
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.weighted import is_int8, is_ternary

ENDING = "_wide"  # of the operators' names


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
