"""int8 by training on with fake quantization, integers by the TFLite specification (``quantize.int8``)."""

from __future__ import annotations

from quantize.method import Method

METHOD = Method(
    slug="int8-qat",
    title="int8 weights and activations, trained on with rounding",
    paper="Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, "
    "Jacob et al. 2017, arXiv 1712.05877",
    kind="qat",
    cost="8 bits per weight; a few epochs beyond the float training",
)
