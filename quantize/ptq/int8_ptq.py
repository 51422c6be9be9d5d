"""int8 after training: ranges from calibration samples, integers by the TFLite specification (``quantize.int8``)."""

from __future__ import annotations

from quantize.method import Method

METHOD = Method(
    slug="int8-ptq",
    title="int8 weights and activations, after training",
    paper="Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, "
    "Jacob et al. 2017, arXiv 1712.05877",
    kind="ptq",
    cost="8 bits per weight; no training, some hundred samples of real input",
)
