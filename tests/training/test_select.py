"""Which layers learn within a budget of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tests.training.nets import SAMPLE, cnn
from tests.training.test_step import batches
from toolkit.errors import ToolkitError
from toolkit.training.select import Selection, select
from toolkit.training.settings import StepSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli


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
