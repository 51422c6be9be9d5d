"""Integers become floats just before a float step reads them: what a training step keeps is int8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import Tensor, nn

from tests.training.nets import SAMPLE, int8_cnn
from toolkit.lower import passes, reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.late import dequantize_late, peak_bytes
from toolkit.lower.passes import lower
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step

q = torch.ops.quantized_decomposed


def _quantized(x: Tensor) -> Tensor:
    arguments = (0.05, 0, -128, 127, torch.int8)
    return q.dequantize_per_tensor(q.quantize_per_tensor(x, *arguments), *arguments)


class Step(nn.Module):
    """Five frozen layers whose outputs are each read again, in reverse, as gradients are found."""

    def __init__(self, layers: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(layers))
        self.register_buffer("seen", torch.zeros(layers))

    def forward(self, x: Tensor) -> Tensor:
        kept = [_quantized(x)]
        for layer in self.layers:
            arguments = (0.01, 0, -127, 127, torch.int8)
            weight = q.dequantize_per_tensor(q.quantize_per_tensor(layer.weight, *arguments), *arguments)
            kept.append(_quantized(torch.conv2d(kept[-1], weight, None, 1, 1)))
        squares = [(value * value).mean() for value in reversed(kept[1:])]
        seen: Tensor = self.get_buffer("seen")
        seen.add_(torch.stack(squares))
        return kept[-1].mean((2, 3))


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> tuple[Model, Model]:
    """The step as programs have it, and with the pass."""
    program = torch.export.export(Step().eval(), (torch.randn(1, 8, 12, 12),)).run_decompositions({})
    late = lower(program)
    monkeypatch.setattr(passes, "PASSES", [run for run in passes.PASSES if run is not dequantize_late])
    return lower(program), late


def _arena(model: Model) -> int:
    steps = [replace(step) for step in model.steps]
    return place(choose_kernels(replace(model, steps=steps), "portable")).plan.arena_bytes


def test_the_arena_holds_integers(lowered: tuple[Model, Model]) -> None:
    early, late = lowered
    image = 8 * 12 * 12
    assert _arena(early) > 5 * 4 * image  # every layer's floats at once
    assert _arena(late) < 5 * image + 2 * 4 * image + 512  # their integers, one's floats and their squares
    assert peak_bytes(late) <= _arena(late)


def test_the_same_is_computed(lowered: tuple[Model, Model]) -> None:
    early, late = lowered
    x = np.random.default_rng(0).integers(-128, 128, (1, *late.inputs[0].shape[1:])).astype(np.int8)
    memories = [reference.Memory(model) for model in lowered]
    for _ in range(3):
        outputs = [reference.run(model, [x], memory) for model, memory in zip(lowered, memories, strict=True)]
        assert np.array_equal(outputs[0][0], outputs[1][0])
    assert np.array_equal(memories[0].arrays[0], memories[1].arrays[0])
    assert memories[0].arrays[0].any()
    assert early.inputs[0].shape == late.inputs[0].shape


def test_weights_of_a_training_step_are_quantized_where_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = training_step(int8_cnn(), torch.zeros(SAMPLE), StepSettings())
    late = lower(program)
    integers = {id(s.output) for s in late.steps if s.op == "quantize" and s.output.dtype == "int8"}
    lasting = [
        step
        for time, step in enumerate(late.steps)
        for value in step.inputs
        if id(value) in integers and late.producer(value) not in late.steps[max(0, time - 5) : time]
    ]
    assert integers
    assert lasting == []
    monkeypatch.setattr(passes, "PASSES", [run for run in passes.PASSES if run is not dequantize_late])
    early = lower(program)
    assert _arena(late) < 0.8 * _arena(early)
    rng = np.random.default_rng(0)
    sample = rng.integers(-128, 128, late.inputs[0].shape).astype(np.int8)
    inputs: list[np.ndarray] = [sample, np.eye(5, dtype=np.float32)[:1], np.full(1, 0.1, np.float32)]
    memories = [reference.Memory(model) for model in (early, late)]
    for _ in range(2):
        outputs = [
            reference.run(model, inputs, memory)
            for model, memory in zip((early, late), memories, strict=True)
        ]
        assert all(np.array_equal(a, b) for a, b in zip(*outputs, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(memories[0].arrays, memories[1].arrays, strict=True))


class Residual(nn.Module):
    """A float function beside which its input lives on: at the addition all are floats."""

    def forward(self, x: Tensor) -> Tensor:
        real = _quantized(x)
        return torch.sin(torch.erf(real)) + real


def test_a_model_that_gains_nothing_stays_as_it_is() -> None:
    program = torch.export.export(Residual(), (torch.randn(1, 50),)).run_decompositions({})
    assert [step.op for step in lower(program).steps].count("dequantize") == 1
