"""Training steps as C: the device learns what the reference learns, to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from tests.training.nets import (
    SAMPLE,
    cnn,
    int8_cnn,
    int8_transformer,
    separable,
    silu_transformer,
    transformer,
)
from tests.training.test_step import batches
from toolkit.bundle import export
from toolkit.lower import learning, reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import PASSES, lower
from toolkit.lower.schedule import update_early
from toolkit.program import pt2
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step
from toolkit.verify.verify import verify

if TYPE_CHECKING:
    from tests.conftest import Cli

STEPS: dict[str, tuple[Callable[[], nn.Module | ExportedProgram], StepSettings]] = {
    "float-backprop-adam": (cnn, StepSettings(optimizer="adam")),
    "float-separable-momentum": (separable, StepSettings(optimizer="momentum")),
    "float-mono-forward": (cnn, StepSettings(rule="mono-forward")),
    "float-dfa-sign": (cnn, StepSettings(rule="dfa", optimizer="sign")),
    "int8-backprop-momentum": (int8_cnn, StepSettings(optimizer="momentum")),
    "float-zeroth-order": (cnn, StepSettings(rule="zeroth-order")),
    "int8-nearest-mean": (int8_cnn, StepSettings(rule="nearest-mean")),
    "float-transformer": (transformer, StepSettings()),
    "float-silu-transformer": (silu_transformer, StepSettings()),
    "int8-transformer": (int8_transformer, StepSettings()),
}
LONG = ("float-mono-forward", "int8-backprop-momentum")
# gradients through layers that do not change
FROZEN: dict[str, tuple[Callable[[], nn.Module | ExportedProgram], StepSettings]] = {
    "float-first-layer": (cnn, StepSettings(layers=("0",))),
    "int8-first-layer": (int8_cnn, StepSettings(layers=("0",))),
    "int8-biases": (int8_cnn, StepSettings(only="biases")),
}


@cache
def _step(case: str) -> ExportedProgram:
    model, settings = {**STEPS, **FROZEN}[case]
    return training_step(model(), torch.zeros(SAMPLE), settings)


@pytest.mark.parametrize("case", STEPS)
def test_a_board_learns_what_the_reference_learns(tmp_path: Path, case: str) -> None:
    """Every layer of a step, and the answers of a hundred in a row, on the host and on Cortex-M4."""
    pt2.save(_step(case), tmp_path / "step.pt2")
    manifest = export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden_count=4)
    assert manifest["learns"]
    result = verify(tmp_path / "bundle", fresh=100 if case in LONG else 4, layer_samples=1)
    assert result.ok, result
    assert result.exact
    assert "cortex-m4" in str(result)


@pytest.mark.parametrize("case", [*STEPS, *FROZEN])
def test_the_reference_learns_what_torch_learns(case: str) -> None:
    """Ten steps: the same logits and losses, which show all that was learnt before."""
    _, settings = {**STEPS, **FROZEN}[case]
    program = copy.deepcopy(_step(case))  # running it changes it
    lowered = lower(program)
    module, memory = program.module(check_guards=False), reference.Memory(lowered)
    rate = torch.tensor([1.0 if settings.rule == "nearest-mean" else 0.01])
    for x, target in batches(10):
        logits, loss = module(x, target, rate)
        found = reference.run(lowered, [device_input(lowered, x), target.numpy(), rate.numpy()], memory)
        scale = lowered.outputs[0].quant
        reals = found[0] if scale is None else (found[0] - scale.zero_point[0]) * scale.scale[0]
        # torch's float32 sums may round an integer otherwise, of the logits or of the features they are made of
        step = 0.0 if scale is None else 1.01 * float(scale.scale[0])
        step += 0.01 if case == "int8-nearest-mean" else 0.0
        np.testing.assert_allclose(reals, logits.numpy(), rtol=1e-4, atol=1e-4 + step)
        np.testing.assert_allclose(found[1], loss.numpy(), rtol=1e-3, atol=1e-4 + 2 * step)


def device_input(model: Model, x: Tensor) -> np.ndarray:
    """Return a sample as the device takes it."""
    quant = model.inputs[0].quant
    if quant is None:
        return x.numpy()
    integers = np.rint(x.numpy() / quant.scale[0]) + quant.zero_point[0]
    return np.clip(integers, -128, 127).astype(np.int8)


def test_train_step_says_what_it_made(cli: Cli, tmp_path: Path) -> None:
    pt2.save(int8_cnn(), tmp_path / "model.pt2")
    step = tmp_path / "step.pt2"
    options = ("--layer", "10", "--optimizer", "momentum", "--json")
    made = cli("train-step", tmp_path / "model.pt2", "-o", step, *options).document
    assert made["states"] == ["10.weight", "10.bias", "momentum.10.weight", "momentum.10.bias"]
    assert made["state_bytes"] == 2 * (64 * 5 + 5) * 4
    assert pt2.load(step)[1]["training"]["layers"] == ["10"]
    again = cli("train-step", step, "-o", tmp_path / "twice.pt2")
    assert again.code != 0
    assert "keeps 10.weight" in again.err


def test_updates_run_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """No gradient of a weight lives past the next one's: the arena is smaller than in autograd's order."""
    program = training_step(cnn(), torch.zeros(SAMPLE))
    early = lower(program)
    without = [run for run in PASSES if run is not update_early]
    monkeypatch.setattr("toolkit.lower.passes.PASSES", without)
    late = lower(program)
    assert _arena(early) < 0.95 * _arena(late)


@pytest.mark.parametrize("net", [cnn, separable])
def test_weights_change_where_they_lie(net: Callable[[], nn.Module]) -> None:
    """No step copies a state or turns it round."""
    model = lower(training_step(net(), torch.zeros(SAMPLE), StepSettings(optimizer="momentum")))
    sizes = {state.before.size for state in model.states}
    assert not [step for step in model.steps if step.op in ("slice", "permute") and step.output.size in sizes]
    arena = place(choose_kernels(model, "portable"))
    for state in model.states:
        assert arena.offset(state.before) == arena.offset(state.after), state.name


def test_halves_hold_what_they_need() -> None:
    model = lower(training_step(cnn(), torch.zeros(SAMPLE)))
    answer, learn = learning.answering(model), learning.learning(model)
    assert not any("gradient" in step.op for step in answer)
    assert {id(step) for step in answer} <= {id(step) for step in learn}  # backprop needs all of the answer
    assert any(step.op == "conv2d_weight_gradient" for step in learn)


def _arena(model: Model) -> int:
    choose_kernels(model, "armv7em")
    return place(model).plan.arena_bytes
