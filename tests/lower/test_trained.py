"""int8 layers whose weights change from run to run: equal to layers of constant weights to the bit, run after run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import Tensor, nn
from torch.nn import functional as F

from toolkit import bundle
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.verify.verify import verify

q = torch.ops.quantized_decomposed
RATE = 0.01


def _quantized(x: Tensor, scale: float, zero_point: int) -> Tensor:
    return q.dequantize_per_tensor(
        q.quantize_per_tensor(x, scale, zero_point, -128, 127, torch.int8),
        scale, zero_point, -128, 127, torch.int8,
    )  # fmt: skip


class Layers(nn.Module):
    """Convolution, depthwise, pointwise and fully connected layer on int8, with weights and biases in float32.

    When ``learning`` every weight loses a part of itself and gains what it sees: an update without a meaning, but each
    run computes with other weights, and the layers' integers go to float steps, too.
    """

    def __init__(self, learning: bool) -> None:
        super().__init__()
        self.learning = learning
        shapes = {"conv": (6, 3, 3, 3), "depthwise": (6, 1, 3, 3), "point": (8, 6, 1, 1), "head": (4, 8 * 12)}
        for name, shape in shapes.items():
            generator = torch.Generator().manual_seed(len(name))
            weight = torch.randn(shape, generator=generator) * 0.3
            scales = weight.flatten(1).abs().amax(1) / 100
            self.register_buffer(f"{name}_weight", weight)
            self.register_buffer(f"{name}_bias", torch.randn(shape[0], generator=generator) * 0.1)
            self.register_buffer(f"{name}_scale", scales)
            self.register_buffer(f"{name}_zero", torch.zeros(shape[0], dtype=torch.int64))

    def weight(self, name: str) -> Tensor:
        scales, zeros = getattr(self, f"{name}_scale"), getattr(self, f"{name}_zero")
        arguments = (scales, zeros, 0, -127, 127, torch.int8)
        integers = q.quantize_per_channel(getattr(self, f"{name}_weight"), *arguments)
        return q.dequantize_per_channel(integers, *arguments)

    def forward(self, x: Tensor) -> Tensor:
        names = ("conv", "depthwise", "point", "head")
        weights = {name: self.weight(name) for name in names}
        bias: dict[str, Tensor] = {name: getattr(self, f"{name}_bias") for name in names}
        x = _quantized(x, 0.05, 4)
        first = _quantized(F.relu(F.conv2d(x, weights["conv"], bias["conv"], 2, 1)), 0.03, -128)
        second = _quantized(F.conv2d(first, weights["depthwise"], bias["depthwise"], 1, 1, 1, 6), 0.04, 7)
        third = _quantized(F.conv2d(second, weights["point"], bias["point"]), 0.05, -3)
        out = _quantized(F.linear(third.flatten(1), weights["head"], bias["head"]), 0.1, 0)
        if self.learning:
            seen = {"conv": first, "depthwise": second, "point": third, "head": out}
            for name, weight in weights.items():
                update = weight * 0.1 + seen[name].mean()
                getattr(self, f"{name}_weight").sub_(update * RATE)
                bias[name].add_(seen[name].mean() * RATE)
        return out


def _program(model: nn.Module, x: np.ndarray) -> torch.export.ExportedProgram:
    return torch.export.export(model.eval(), (torch.from_numpy(x[:1]),)).run_decompositions({})


@pytest.fixture
def images() -> np.ndarray:
    """Inputs for runs in a row."""
    return np.random.default_rng(0).normal(size=(6, 3, 8, 6)).astype(np.float32)


def test_weights_of_the_run_give_what_constant_ones_give(images: np.ndarray) -> None:
    changing = lower(_program(Layers(learning=True), images))
    layers = {"conv2d_trained", "depthwise_conv2d_trained", "fully_connected_trained"}
    assert layers <= {step.op for step in changing.steps}
    constant = lower(_program(Layers(learning=False), images))
    assert {step.op for step in constant.steps}.isdisjoint(layers)
    value, permute = changing.inputs[0], changing.input_permutes[0]
    assert value.quant is not None
    x = np.rint(images / value.quant.scale[0]) + value.quant.zero_point[0]
    device = np.clip(x, -128, 127).astype(np.int8)[:1].transpose(permute or (0, 1, 2, 3))
    assert np.array_equal(reference.run(changing, [device])[0], reference.run(constant, [device])[0])


def test_each_run_computes_with_what_the_last_one_left(images: np.ndarray) -> None:
    model = Layers(learning=True)
    lowered = lower(_program(model, images))
    permute = lowered.input_permutes[0] or (0, 1, 2, 3)
    quant = lowered.inputs[0].quant
    assert quant is not None
    x = np.clip(np.rint(images / quant.scale[0]) + quant.zero_point[0], -128, 127).astype(np.int8)
    (got,) = reference.run_batch(lowered, [x.transpose(permute)])
    with torch.no_grad():
        eager = torch.cat([model(torch.from_numpy(images[i : i + 1])) for i in range(len(images))]).numpy()
    steps = np.abs(got.astype(np.int64) * 0.1 - eager) / 0.1
    assert steps.max() < 2.5  # integer layers round once where torch rounds floats
    assert np.ptp(eager, 0).max() > 1  # and the runs do differ


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_a_device_computes_the_same(target: str, images: np.ndarray, tmp_path: Path) -> None:
    pt2.save(_program(Layers(learning=True), images), tmp_path / "net.pt2")
    bundle.export(tmp_path / "net.pt2", target, tmp_path / "net")
    result = verify(tmp_path / "net", fresh=6, host=False)
    assert result.ok, result.first_difference
