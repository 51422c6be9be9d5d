"""int8 after training: ranges from calibration samples, integers by the TFLite specification (``quantize.int8``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quantize.method import Flow, Method, between

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

METHOD = Method(
    slug="int8-ptq",
    title="int8 weights and activations, after training",
    paper="Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, "
    "Jacob et al. 2017, arXiv 1712.05877",
    kind="ptq",
    cost="8 bits per weight; no training, some hundred samples of real input",
)


@dataclass(frozen=True)
class Options:
    """``calibration``: how many training samples set the activations' ranges."""

    calibration: int = between(1, 1_000_000, 512)


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` in int8; see ``quantize.method.QuantizeMethod``."""
    return flow.program(model, calibration=options.calibration)
