"""Which layers learn within a budget of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tests.training.nets import SAMPLE, cnn, int8_cnn
from tests.training.test_step import batches
from toolkit.errors import ToolkitError
from toolkit.training.budget import Budget, planned_bytes
from toolkit.training.forward import Forward
from toolkit.training.select import SHARES, Selection, select
from toolkit.training.settings import StepSettings
from toolkit.training.step import made_step

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn
    from torch.export import ExportedProgram

    from tests.conftest import Cli


Net = Callable[[], "nn.Module | ExportedProgram"]


def chosen(max_arena: int) -> Selection:
    """Choose layers of the small convolutional net."""
    pairs = batches(40)
    x = np.concatenate([sample.numpy() for sample, _ in pairs])
    y = np.array([int(target.argmax()) for _, target in pairs])
    return select(cnn(), x, y, max_arena=max_arena, kernel_set="armv7em", settings=StepSettings())


def test_what_contributes_most_comes_first_and_fits() -> None:
    everything, less = chosen(1 << 20), chosen(6000)
    gains = everything.contributions
    assert set(gains) == {"0", "4", "6", "10"}
    assert everything.layers[0] == max(gains, key=lambda layer: gains[layer])
    assert less.arena_bytes <= 6000 < everything.arena_bytes
    assert len(less.layers) < len(everything.layers)


@pytest.mark.parametrize("net", [cnn, int8_cnn])
@pytest.mark.parametrize("rule", ["backprop", "mono-forward"])
@pytest.mark.parametrize("layers", [("6", "10"), ("0",)])
def test_a_choice_costs_what_its_own_step_costs(net: Net, rule: str, layers: tuple[str, ...]) -> None:
    """A step of all layers cut down to some is the step that is traced for those."""
    forward = Forward(net(), torch.zeros(SAMPLE))
    settings = StepSettings(rule=rule, optimizer="momentum")
    estimate = Budget(forward, settings, "armv7em").estimate(dict.fromkeys(layers, 1.0))
    planned = planned_bytes(forward, replace(settings, layers=layers), "armv7em")
    assert planned <= estimate <= 1.02 * planned


def test_a_layer_that_does_not_fit_whole_learns_in_part() -> None:
    whole, part = chosen(1 << 20), chosen(3000)
    assert not whole.channels
    assert part.channels
    assert all(share in SHARES for share in part.channels.values())
    assert part.arena_bytes <= 3000


def test_what_lies_before_a_layer_is_computed_once() -> None:
    """The same answer and the same step, with what is known of a sample as without."""
    forward = Forward(int8_cnn(), torch.zeros(SAMPLE))
    step = made_step(forward, StepSettings(layers=("6",)), 5)
    for x, target in batches(2):
        states, rate = {**forward.constants(), **step.states}, torch.tensor([0.1])
        without = step.learn(states, x, target, rate)
        forward.known = forward.before(["6.weight", "6.bias"], x, {})
        assert len(forward.known) < 20
        known = step.learn(states, x, target, rate)
        forward.known = {}
        torch.testing.assert_close(known[:2], without[:2], rtol=0, atol=0)
        torch.testing.assert_close(known[2], without[2], rtol=0, atol=0)


def test_a_budget_that_nothing_fits_says_what_would() -> None:
    with pytest.raises(ToolkitError, match=r"no layer can learn within 100 bytes: \d+ alone takes [\d,]+"):
        chosen(100)


def test_command(cli: Cli, tmp_path: Path) -> None:
    from toolkit import models
    from toolkit.program import pt2

    torch.manual_seed(0)
    program = torch.export.export(models.build("mlp", "digits").eval(), (torch.zeros(SAMPLE),))
    pt2.save(program, tmp_path / "mlp.pt2")
    step = tmp_path / "step.pt2"
    options = ("--max-arena", "6k", "--dataset", "digits", "--json")
    made = cli("train-step", tmp_path / "mlp.pt2", "-o", step, *options).document
    assert made["state_bytes"] < 6 * 1024
    without = cli("train-step", tmp_path / "mlp.pt2", "-o", step, "--max-arena", "6k")
    assert without.code != 0
    assert "add --dataset" in without.err
