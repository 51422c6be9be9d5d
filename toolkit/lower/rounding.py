"""The conventions by which integer sums are rounded, by name.

Frameworks disagree in the last bit. ``single`` rounds once, half up: our own programs. ``double`` rounds the product
and then the shift: TensorFlow Lite Micro and CMSIS-NN. ``litert`` is what the reference kernels of LiteRT 2.3 do, which
differ by operator. A source chooses its own; ``toolkit export --rounding`` overrides it; the manifest names it.
"""

from __future__ import annotations

from toolkit.lower.ir import Model

ONCE_IN_LITERT = {"sigmoid", "tanh"}
ONCE_AWAY_IN_LITERT = {"fully_connected", "fully_connected_s16"}  # halves away from zero instead of up
CONVENTIONS = ("single", "double", "litert")


def set_rounding(model: Model, convention: str) -> Model:
    """Mark every step with how it rounds under ``convention``."""
    for step in model.steps:
        if convention == "litert" and step.op in ONCE_AWAY_IN_LITERT:
            step.rounding = "away"
        else:
            twice = convention == "double" or (convention == "litert" and step.op not in ONCE_IN_LITERT)
            step.rounding = "double" if twice else "single"
    return model
