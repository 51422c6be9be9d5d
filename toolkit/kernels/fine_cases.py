"""Test cases whose outputs have a fine scale, so that real multipliers are one half and more."""

from __future__ import annotations

from dataclasses import replace

from toolkit.lower.ir import per_tensor
from toolkit.ops.base import Case


def finer(case: Case, times: float) -> Case:
    """Return ``case`` with an output scale ``times`` finer. A million makes every sum leave int32 on its way."""
    y = case.step.output
    assert y.quant is not None
    output = replace(y, quant=per_tensor(float(y.quant.scale[0]) / times, int(y.quant.zero_point[0])))
    return Case(f"{case.id}-{times:g}-times-finer", replace(case.step, output=output), case.inputs)
