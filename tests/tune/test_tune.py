"""Kernels chosen by counting, within budgets, on an emulated core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit.device import targets
from toolkit.errors import ToolkitError
from toolkit.kernels import PORTABLE, candidates
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.program.quantize import quantize_ptq
from toolkit.tune import count as counting
from toolkit.tune.budget import Budget, tune
from toolkit.tune.choose import choose_fastest, choose_small_arena, count_candidates
from toolkit.tune.image import memory_of

TARGET = targets.load("stm32f4-discovery")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting.platformdirs, "user_cache_path", lambda *_: tmp_path / "cache")


@pytest.fixture(scope="module")
def program() -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1024, 10),
    )
    return quantize_ptq(net.eval(), np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32))


@pytest.fixture
def model(program: torch.export.ExportedProgram) -> Model:
    return lower(program)


def test_every_choice_is_counted_and_the_fastest_taken(model: Model) -> None:
    tuned = count_candidates(model, TARGET)
    for index, costs in tuned.costs.items():
        assert list(costs) == candidates(model.steps[index], TARGET.kernels)
        assert all(cost.instructions > 0 and cost.code_bytes > 0 for cost in costs.values())
    choose_fastest(model, tuned)
    for index, costs in tuned.costs.items():
        assert costs[model.steps[index].kernel].instructions == min(c.instructions for c in costs.values())
    assert tuned.instructions(model) < sum(costs[PORTABLE].instructions for costs in tuned.costs.values())


def test_counts_are_remembered(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    first = count_candidates(model, TARGET)
    monkeypatch.setattr(counting, "_run", lambda *_: pytest.fail("counted again"))
    assert count_candidates(model, TARGET) == first


def test_a_count_is_of_shapes_not_of_weights(model: Model) -> None:
    step = next(step for step in model.steps if step.op == "fully_connected")
    step.kernel = PORTABLE
    before = counting._key(step, [])
    step.inputs[1].data = -np.asarray(step.inputs[1].data)
    assert counting._key(step, []) == before
    step.rounding = "double"
    assert counting._key(step, []) != before


def test_a_damaged_cache_is_counted_again(model: Model, tmp_path: Path) -> None:
    first = count_candidates(model, TARGET)
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text('{"instructions": "many"}')
    assert count_candidates(model, TARGET) == first


def test_a_small_arena_takes_no_more_than_any_choice(model: Model) -> None:
    tuned = count_candidates(model, TARGET)
    choose_fastest(model, tuned)
    fast, instructions = place(model).plan.arena_bytes, tuned.instructions(model)
    small = choose_small_arena(model, tuned)
    assert small <= fast
    assert tuned.instructions(model) >= instructions
    assert choose_small_arena(model, tuned, arena_bytes=1 << 20) >= small
    assert tuned.instructions(model) == instructions  # memory enough: the fastest again


def test_flash_is_kept_within_its_budget(model: Model) -> None:
    assert not tune(model, TARGET, "speed", Budget()).shared
    fast = memory_of(model, TARGET)
    limit = fast.flash_bytes - 1
    choice = tune(model, TARGET, "speed", Budget(flash_bytes=limit))
    assert memory_of(choice.model, TARGET, size=choice.shared).flash_bytes <= limit


@pytest.mark.parametrize(
    ("budget", "option"), [(Budget(flash_bytes=2000), "--max-flash"), (Budget(ram_bytes=100), "--max-ram")]
)
def test_a_budget_out_of_reach_is_refused_with_what_it_takes(
    model: Model, budget: Budget, option: str
) -> None:
    with pytest.raises(ToolkitError, match=option) as refusal:
        tune(model, TARGET, "speed", budget)
    assert "allow " in str(refusal.value.fix)


def test_without_counting_the_best_rank_is_taken(model: Model) -> None:
    choose_kernels(model, TARGET.kernels)
    assert all(step.kernel == candidates(step, TARGET.kernels)[0] for step in model.steps)
