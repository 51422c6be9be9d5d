"""Training steps as C: the device learns what the reference learns, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

from tests.training.nets import SAMPLE, cnn, int8_cnn
from toolkit.bundle import export
from toolkit.lower import learning
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import PASSES, lower
from toolkit.lower.schedule import update_early
from toolkit.measure.verify import verify
from toolkit.program import pt2
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step

if TYPE_CHECKING:
    from tests.conftest import Cli

STEPS: dict[str, tuple[Callable[[], nn.Module | ExportedProgram], StepSettings]] = {
    "float-backprop-adam": (cnn, StepSettings(optimizer="adam")),
    "float-mono-forward": (cnn, StepSettings(rule="mono-forward")),
    "float-dfa-sign": (cnn, StepSettings(rule="dfa", optimizer="sign")),
    "int8-backprop-momentum": (int8_cnn, StepSettings(optimizer="momentum")),
    "float-zeroth-order": (cnn, StepSettings(rule="zeroth-order")),
    "int8-nearest-mean": (int8_cnn, StepSettings(rule="nearest-mean")),
}


@pytest.mark.parametrize("case", STEPS)
def test_a_board_learns_what_the_reference_learns(tmp_path: Path, case: str) -> None:
    """Every layer of every step, weights and their means included, host C and Cortex-M4."""
    model, settings = STEPS[case]
    pt2.save(training_step(model(), torch.zeros(SAMPLE), settings), tmp_path / "step.pt2")
    manifest = export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden_count=4)
    assert manifest["learns"]
    result = verify(tmp_path / "bundle", fresh=4, layer_samples=1)
    assert result.ok, result
    assert result.exact
    assert "cortex-m4" in str(result)


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


def test_halves_hold_what_they_need() -> None:
    model = lower(training_step(cnn(), torch.zeros(SAMPLE)))
    answer, learn = learning.answering(model), learning.learning(model)
    assert not any("gradient" in step.op for step in answer)
    assert {id(step) for step in answer} <= {id(step) for step in learn}  # backprop needs all of the answer
    assert any(step.op == "conv2d_weight_gradient" for step in learn)


def _arena(model: Model) -> int:
    choose_kernels(model, "armv7em")
    return place(model).plan.arena_bytes
