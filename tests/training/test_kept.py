"""Weights of which a slice learns, and weights that learn in int8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

from tests.training.nets import SAMPLE, cnn, int8_cnn
from tests.training.test_device import device_input
from tests.training.test_step import batches, hits
from toolkit.bundle import export
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.program.noise import stochastic_step
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step
from toolkit.verify.verify import verify

Net = Callable[[], nn.Module | ExportedProgram]
RATE = torch.tensor([0.05])
QUARTER = {"*": 0.25}
STEPS: dict[str, tuple[Net, StepSettings]] = {
    "float-slices": (cnn, StepSettings(channels=QUARTER)),
    "int8-slices": (int8_cnn, StepSettings(channels=QUARTER, optimizer="momentum")),
    "int8-weights-slices": (
        int8_cnn,
        StepSettings(weights="int8", channels={"4": 0.5, "6": 0.5, "10": 0.5}),
    ),
    "int8-weights-mono-forward": (int8_cnn, StepSettings(weights="int8", rule="mono-forward")),
}


@pytest.mark.parametrize("case", STEPS)
def test_learns_and_a_board_learns_the_same(tmp_path: Path, case: str) -> None:
    """Every layer of a step, and twenty answers in a row, on the host and on Cortex-M4, to the bit."""
    net, settings = STEPS[case]
    program = training_step(net(), torch.zeros(SAMPLE), settings)
    assert hits(program, 0.0) < 0.5
    assert hits(program, 0.01 if settings.optimizer == "momentum" else 0.05) >= 0.6
    pt2.save(program, tmp_path / "step.pt2")
    export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden_count=4)
    result = verify(tmp_path / "bundle", fresh=20, layer_samples=1)
    assert result.ok, result
    assert result.exact
    assert "cortex-m4" in str(result)


@pytest.mark.parametrize("net", [cnn, int8_cnn])
def test_a_slice_learns_as_in_the_whole_and_the_rest_stays(net: Net) -> None:
    """One step: the same change as of whole weights, where they learn."""
    whole, sliced = (
        training_step(net(), torch.zeros(SAMPLE), settings).module(check_guards=False)
        for settings in (StepSettings(), StepSettings(channels=QUARTER))
    )
    shapes = {}
    for x, target in batches(1):
        for step in (whole, sliced):
            step(x, target, RATE)
    for name, state in sliced.named_buffers():
        if name.endswith("weight") and not name.startswith("frozen"):
            shapes[name] = tuple(state.shape)
            part = whole.get_buffer(name)[tuple(map(slice, state.shape))]
            torch.testing.assert_close(state, part, rtol=1e-4, atol=1e-6)
    assert shapes == {
        "0.weight": (8, 1, 3, 3),
        "4.weight": (2, 1, 3, 3),
        "6.weight": (16, 2, 1, 1),
        "10.weight": (5, 16),
    }


@pytest.mark.parametrize("case", ["int8-slices", "int8-weights-slices"])
def test_the_reference_answers_as_torch_does(case: str) -> None:
    """Integers of the state and of what does not learn, joined: the first answer is the quantized model's own."""
    net, settings = STEPS[case]
    lowered = lower(training_step(net(), torch.zeros(SAMPLE), settings))
    quantized = int8_cnn().module()
    scale, memory = lowered.outputs[0].quant, reference.Memory(lowered)
    assert scale is not None
    for x, target in batches(5):
        inputs = [device_input(lowered, x), target.numpy(), np.zeros(1, np.float32)]
        found = reference.run(lowered, inputs, memory)[0]
        reals = (found - scale.zero_point[0]) * scale.scale[0]
        np.testing.assert_allclose(reals, quantized(x).numpy(), atol=1.01 * float(scale.scale[0]))


def test_gradients_are_computed_for_the_slice_alone() -> None:
    """Products and convolutions of the backward part are as narrow as what learns; nothing is cut off later."""
    program = training_step(cnn(), torch.zeros(SAMPLE), StepSettings(channels=QUARTER, layers=("6", "10")))
    lowered = lower(program)
    (convolution,) = (step for step in lowered.steps if step.op == "conv2d_weight_gradient")
    assert [value.shape for value in convolution.inputs[:2]] == [(1, 4, 4, 2), (1, 4, 4, 16)]
    (product,) = (step for step in lowered.steps if step.op == "matmul_step")
    assert product.output.shape == (5, 16)


def test_the_arena_shrinks() -> None:
    def arena(settings: StepSettings) -> int:
        lowered = choose_kernels(lower(training_step(int8_cnn(), torch.zeros(SAMPLE), settings)), "armv7em")
        return place(lowered).plan.arena_bytes

    few = StepSettings(layers=("6", "10"))
    whole = arena(few)
    assert arena(replace(few, channels=QUARTER)) < 0.9 * whole
    assert arena(replace(few, weights="int8")) < 0.85 * whole


def test_integers_move_as_reals_do_on_average() -> None:
    """With quantization-aware scaling a step of int8 weights is a step of float32 ones, but for the rounding."""
    floats, integers = (
        training_step(int8_cnn(), torch.zeros(SAMPLE), StepSettings(weights=weights, layers=("6",))).module(
            check_guards=False
        )
        for weights in ("float32", "int8")
    )
    rate = torch.tensor([0.5])
    x, target = batches(1)[0]
    first = {name: state.clone() for name, state in integers.named_buffers()}
    real = floats.get_buffer("6.weight").double()
    floats(x, target, rate)
    wanted = (floats.get_buffer("6.weight").double() - real) * first["inverse_scale.6.weight"].double()
    draws = []
    for draw in range(64):
        for name, state in first.items():
            integers.get_buffer(name).copy_(state)
        integers.get_buffer("draw").fill_(draw)
        integers(x, target, rate)
        draws.append(integers.get_buffer("6.weight").double() - first["6.weight"].double())
    old = first["6.weight"].double()
    wanted = (old + wanted).clamp(-127, 127) - old
    moved = torch.stack(draws)
    assert wanted.abs().max() > 0.2
    assert (
        float((moved.mean(0) - wanted).abs().max()) < 0.3
    )  # 64 draws of a fraction: 4.8 standard deviations
    assert float((moved.mean(0) - wanted).abs().mean()) < 0.05  # floor alone: 0.5
    assert bool(((moved - wanted).abs() < 1.001).all())  # never further than to the next integer


def test_integers_rest_at_rate_zero() -> None:
    step = training_step(int8_cnn(), torch.zeros(SAMPLE), StepSettings(weights="int8")).module(
        check_guards=False
    )
    before = step.get_buffer("6.weight").clone()
    for x, target in batches(3):
        step(x, target, torch.zeros(1))
    assert torch.equal(step.get_buffer("6.weight"), before)
    assert before.dtype == torch.int8


def test_a_step_ends_at_the_bounds() -> None:
    weight = torch.tensor([-127, 127, 0, 5], dtype=torch.int8)
    change = torch.tensor([10.0, -10.0, 200.0, 0.0])
    draw = torch.zeros(1, dtype=torch.int32)
    assert stochastic_step(weight, change, draw, 0, 0, -127, 127).tolist() == [-127, 127, -127, 5]


@pytest.mark.parametrize(
    ("net", "options", "error"),
    [
        (cnn, {"weights": "int8"}, "no weight that learns is int8"),
        (cnn, {"channels": {"7": 0.5}}, "no layer that learns is called '7'"),
        (cnn, {"channels": {"6": 0.5}, "rule": "zeroth-order"}, "zeroth-order takes no gradients"),
        (int8_cnn, {"weights": "int8", "rule": "nearest-mean"}, "nearest-mean takes no gradients"),
        (cnn, {"channels": {"6": 0.0}}, "share of 0"),
        (
            cnn,
            {"channels": {"6": 0.5}, "method": "gradient-filtering"},
            "gradient-filtering changes how whole layers run",
        ),
    ],
)
def test_refuses_what_would_do_nothing(net: Net, options: dict[str, Any], error: str) -> None:
    with pytest.raises(ToolkitError, match=error):
        training_step(net(), torch.zeros(SAMPLE), StepSettings(**options))
