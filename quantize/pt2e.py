"""The parts of torchao's PT2E used here, imported without notices that no user can act on; slow to import."""

from __future__ import annotations

from quantize.quiet import quiet

with quiet():
    from torchao.quantization.pt2e import (
        FakeQuantize,
        FakeQuantizeBase,
        FixedQParamsObserver,
        MinMaxObserver,
        MovingAverageMinMaxObserver,
        ObserverBase,
        PerChannelMinMaxObserver,
        disable_observer,
        enable_observer,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e
    from torchao.quantization.pt2e.quantizer import (
        FixedQParamsQuantizationSpec,
        QuantizationAnnotation,
        QuantizationSpec,
        QuantizationSpecBase,
        Quantizer,
        SharedQuantizationSpec,
    )

__all__ = [
    "FakeQuantize",
    "FakeQuantizeBase",
    "FixedQParamsObserver",
    "FixedQParamsQuantizationSpec",
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "ObserverBase",
    "PerChannelMinMaxObserver",
    "QuantizationAnnotation",
    "QuantizationSpec",
    "QuantizationSpecBase",
    "Quantizer",
    "SharedQuantizationSpec",
    "convert_pt2e",
    "disable_observer",
    "enable_observer",
    "prepare_pt2e",
    "prepare_qat_pt2e",
]
