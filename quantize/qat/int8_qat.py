"""int8 by training on with fake quantization, integers by the TFLite specification (``quantize.int8``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quantize.method import Flow, Method, Training

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

METHOD = Method(
    slug="int8-qat",
    title="int8 weights and activations, trained on with rounding",
    paper="Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, "
    "Jacob et al. 2017, arXiv 1712.05877",
    kind="qat",
    cost="8 bits per weight; a few epochs beyond the float training",
)


@dataclass(frozen=True)
class Options(Training):
    """How long and how fast to train on."""


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` in int8; see ``quantize.method.QuantizeMethod``."""
    rounded = flow.with_rounding(model)
    flow.train(rounded, options)
    return flow.program(rounded)
