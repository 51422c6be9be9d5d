"""Integers that a program turns to floats and back: kept, rescaled, or moved, but never computed in float."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from toolkit.lower import reference
from toolkit.lower.ir import Model, per_channel, per_tensor
from toolkit.lower.passes import lower
from toolkit.program.imported import (
    ImportedGraph,
    ImportedLayer,
    ImportedTensor,
    dequantized,
    quantized,
)

X, Y = per_tensor(0.05, 3), per_tensor(0.1, -5)


def lowered(compute: Callable[..., torch.Tensor], shape: tuple[int, ...], **constants: np.ndarray) -> Model:
    layer = ImportedLayer("layer", compute, ["x"], ["y"], constants)
    return lower(ImportedGraph([ImportedTensor("x", shape, "int8")], ["y"], [layer], True).program())


def test_the_same_scale_leaves_nothing() -> None:
    def compute(x: torch.Tensor) -> torch.Tensor:
        once = quantized(dequantized(x, X), X)
        return quantized(torch.relu(dequantized(once, X)), X)

    assert [step.op for step in lowered(compute, (1, 9)).steps] == ["relu"]


def test_another_scale_is_a_rescaling_of_integers() -> None:
    model = lowered(lambda x: quantized(dequantized(x, X), Y), (1, 256))
    (step,) = model.steps
    assert (step.op, step.inputs[0].dtype, step.output.dtype) == ("relu", "int8", "int8")
    codes = np.arange(-128, 128, dtype=np.int8)[None]
    exact = np.clip(np.floor((codes.astype(float) - 3) * 0.5 + 0.5) - 5, -128, 127)
    np.testing.assert_array_equal(reference.run(model, [codes])[0], exact)


def test_a_value_read_at_two_scales_keeps_both() -> None:
    def compute(x: torch.Tensor) -> torch.Tensor:
        real = dequantized(x, X)
        same, other = dequantized(quantized(real, X), X), dequantized(quantized(real, Y), Y)
        return quantized(same + other, Y)

    assert [step.op for step in lowered(compute, (1, 9)).steps] == ["relu", "add"]


def test_integers_pass_through_several_moves_before_a_convolution() -> None:
    """A channels-last input, padded unevenly: permute, pad and convolution between one dequantize and one quantize."""
    quant = per_channel(np.full(4, 0.01), 0)

    def compute(
        x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor
    ) -> torch.Tensor:
        x = F.pad(dequantized(x, X).permute(0, 3, 1, 2), [0, 1, 0, 1])
        y = F.conv2d(x, dequantized(weight, quant, scale=scale, zero_point=zero_point))
        return quantized(torch.relu(y), Y)

    weight = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    scale, zeros = quant.scale.astype(np.float32), quant.zero_point
    model = lowered(compute, (1, 6, 6, 3), weight=weight, scale=scale, zero_point=zeros)
    (step,) = model.steps
    assert (step.op, step.inputs[0].shape, step.attrs["pads"]) == ("conv2d", (1, 6, 6, 3), ((0, 1), (0, 1)))
    assert all(value.dtype == "int8" for value in (*step.inputs[:2], step.output))


def test_int16_values_are_rescaled_before_they_are_joined() -> None:
    fine, coarse = per_tensor(0.001, 0, -32768, 32767), per_tensor(0.002, 0, -32768, 32767)

    def compute(x: torch.Tensor) -> torch.Tensor:
        real = dequantized(x, fine)
        doubled = dequantized(quantized(real * real, coarse, "int16"), coarse)
        return quantized(torch.cat([real, doubled], 1), coarse, "int16")

    layer = ImportedLayer("layer", compute, ["x"], ["y"], {})
    model = lower(ImportedGraph([ImportedTensor("x", (1, 8), "int16")], ["y"], [layer], True).program())
    (join,) = [step for step in model.steps if step.op == "concat"]
    assert {float(value.quant.scale[0]) for value in join.inputs if value.quant} == {0.002}
    codes = np.linspace(-30000, 30000, 8).astype(np.int16)[None]
    got = reference.run(model, [codes])[0]
    np.testing.assert_array_equal(got[:, :8], np.floor(codes / 2 + 0.5))
