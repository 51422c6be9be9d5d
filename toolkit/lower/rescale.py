"""The pass that rescales after operators that cannot."""

from __future__ import annotations

import math
from dataclasses import replace

from toolkit.lower.ir import Model, Step
from toolkit.ops import operators
from toolkit.ops.rescale import same_scale

RESCALE = ("relu", "concat")  # "share" operators that can themselves bring values to another scale


def rescale_after_sharing(model: Model) -> Model:
    """Let an operator whose output shares its input's scale keep it, and rescale behind it where they differ.

    Our quantizer gives both one scale; a program quantized elsewhere may not. A relu without bounds rescales.
    """
    steps: list[Step] = []
    for step in model.steps:
        steps.append(step)
        shares = operators()[step.op].quantization == "share" and step.op not in RESCALE
        source, output = step.inputs[0], step.output
        if not shares or source.quant is None or output.quant is None or same_scale(source, output):
            continue
        step.output = replace(output, name=f"{output.name}_unscaled", quant=source.quant)
        steps.append(Step("relu", step.name, [step.output], output, {"activation": (-math.inf, math.inf)}))
    model.steps = steps
    return model
