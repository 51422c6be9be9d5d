"""Ternary weights written as code: fast, large, and chosen only where counting says so and flash allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from toolkit.device import targets
from toolkit.kernels import PORTABLE, candidates
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.ops.conv_cases import conv_case
from toolkit.tune import count as counting
from toolkit.tune.budget import Budget, tune
from toolkit.tune.choose import choose_small_arena, count_candidates
from toolkit.tune.image import memory_of

TARGET = targets.load("stm32f4-discovery")
STRAIGHT = "tk_conv2d_straight_t2_dsp"
PACKED = "tk_conv2d_tile_t2_dsp"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting.platformdirs, "user_cache_path", lambda *_: tmp_path / "cache")


@pytest.fixture
def model() -> Model:
    step = conv_case("conv2d", "ternary", (6, 7, 32), 32, (1, 1)).step
    return Model("model", step.activations, [step.output], [step])


def test_it_is_the_last_resort_of_ranks_and_the_fastest_when_counted(model: Model) -> None:
    names = candidates(model.steps[0], TARGET.kernels)
    assert names.index(STRAIGHT) > names.index(PORTABLE) > names.index(PACKED)
    choose_kernels(model, TARGET.kernels)
    assert model.steps[0].kernel == PACKED
    costs = count_candidates(model, TARGET).costs[0]
    assert costs[STRAIGHT].instructions < 0.8 * costs[PACKED].instructions
    assert costs[STRAIGHT].code_bytes > 1.5 * model.steps[0].inputs[1].size  # its own function is counted


def test_flash_and_ram_decide(model: Model) -> None:
    choice = tune(model, TARGET, "speed", Budget())
    assert choice.model.steps[0].kernel == STRAIGHT
    limit = memory_of(choice.model, TARGET).flash_bytes - 1
    choice = tune(model, TARGET, "speed", Budget(flash_bytes=limit))
    assert choice.model.steps[0].kernel == PACKED
    choose_small_arena(model, count_candidates(model, TARGET), 1 << 20)
    assert model.steps[0].kernel == PACKED


def test_what_does_not_fit_the_target_is_not_chosen(model: Model) -> None:
    assert TARGET.flash is not None
    small = replace(TARGET, flash=replace(TARGET.flash, bytes=2048))
    choice = tune(model, small, "speed", Budget())
    assert choice.model.steps[0].kernel == PACKED


def test_its_count_is_remembered_by_the_weights(model: Model) -> None:
    step = model.steps[0]
    step.kernel = STRAIGHT
    before = counting._key(step, [])
    step.inputs[1].data = -np.asarray(step.inputs[1].data)
    assert counting._key(step, []) != before


def test_zeros_cost_nothing(model: Model) -> None:
    step = replace(model.steps[0], kernel=STRAIGHT)
    w = step.inputs[1]
    assert w.data is not None
    sparse = np.where(np.random.default_rng(0).random(w.shape) < 0.2, w.data, 0).astype(np.int8)
    thin = replace(step, inputs=[step.inputs[0], replace(w, data=sparse), *step.inputs[2:]])
    dense, few = counting.count([step, thin], TARGET)
    assert few.instructions < 0.7 * dense.instructions
    assert few.code_bytes < 0.7 * dense.code_bytes
