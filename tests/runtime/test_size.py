"""The smallest useful model stays small and quick: digits, 64-32-10, int8, on a Cortex-M4 board."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from toolkit import bundle, models
from toolkit.measure.bench import bench
from toolkit.measure.bench_result import BenchResult
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq

WEIGHTS = 64 * 32 + 32 * 10
# Two rows are packed in one word and rows are padded to four: 10 rows of 32 take the room of 12.
PACKED_WEIGHTS = 64 * 32 + 32 * 12
MOST_INSTRUCTIONS = 3300
MOST_CODE_BYTES = 2048


@pytest.fixture(scope="module")
def cost(tmp_path_factory: pytest.TempPathFactory) -> BenchResult:
    """What the model costs with random weights: no branch of it depends on them."""
    folder = tmp_path_factory.mktemp("digits")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = models.build("mlp", "digits").eval()
    images = np.random.default_rng(0).uniform(size=(64, 1, 8, 8)).astype(np.float32)
    pt2.save(quantize_ptq(model, images), folder / "mlp.pt2")
    bundle.export(folder / "mlp.pt2", "mps2-an386", folder / "bundle", golden=images)
    return bench(folder / "bundle")


def test_instructions_per_inference(cost: BenchResult) -> None:
    counted = cost.instructions
    assert counted is not None
    assert counted.kind == "counted"
    assert (
        WEIGHTS / 2 < counted.value <= MOST_INSTRUCTIONS
    )  # SMLAD does two products, no instruction does more


def test_all_of_the_image_but_weights(cost: BenchResult) -> None:
    """Start-up, harness, kernels, model, and of the constants the biases and multipliers too."""
    memory = cost.memory
    assert memory is not None
    assert WEIGHTS <= PACKED_WEIGHTS <= memory.weight_bytes
    assert memory.flash_bytes - PACKED_WEIGHTS <= MOST_CODE_BYTES


def test_ram_is_the_arena_and_a_shallow_stack(cost: BenchResult) -> None:
    memory = cost.memory
    assert memory is not None
    assert memory.arena_bytes == 64 + 32
    assert memory.other_static_bytes <= 8
    assert memory.stack_used_bytes is not None
    assert memory.stack_used_bytes <= 512
