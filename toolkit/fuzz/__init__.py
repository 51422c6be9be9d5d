"""Random valid models, computed by every backend that can: whoever disagrees is wrong."""

from __future__ import annotations

from quantize.method import Method

METHOD = Method(
    slug="compiler-fuzz",
    title="Random models compared across eager torch, LiteRT, ONNX Runtime, host C and emulated cores",
    paper="NeuRI: Diversifying DNN Generation via Inductive Rule Inference, Liu et al. 2023, arXiv 2302.02261",
    kind="kernels",
    cost="a few seconds for each model",
)
