"""What one inference costs, from a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.device import toy
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.run import run
from toolkit.errors import ToolkitError
from toolkit.measure.bench import bench
from toolkit.measure.counts.profile import by_function

Need = Callable[[str, str], None]


def test_a_cortex_m4_board_has_every_figure(tmp_path: Path) -> None:
    result = bench(toy.make(tmp_path / "b", "stm32f4-discovery"), samples=toy.samples(1))
    assert result.instructions is not None
    assert result.cycles is not None
    assert result.latency_us is not None
    assert result.energy_uj is not None
    assert result.memory is not None
    assert result.instructions.kind == "counted"
    assert result.cycles.kind == result.latency_us.kind == result.energy_uj.kind == "estimated"
    assert "Reference Manual" in result.cycles.source
    assert "DS8626" in result.energy_uj.source
    assert result.latency_us.value == pytest.approx(result.cycles.value / 168)
    assert result.macs == 32
    assert result.instructions_per_mac == result.instructions.value / 32
    assert [layer.function for layer in result.layers] == ["model_layer_0_relu", "model_layer_1_fc"]
    counted = sum(layer.instructions or 0 for layer in result.layers)
    assert counted + (result.outside_layers or 0) == result.instructions.value
    assert result.layers[0].instructions_per_mac is None
    assert result.layers[1].instructions_per_mac == (result.layers[1].instructions or 0) / 32
    assert result.memory.stack_used_bytes
    assert result.notes == []


def test_counts_per_inference_do_not_depend_on_how_many_ran(bundle: Path) -> None:
    (sample,) = toy.samples(1)
    once, often = bench(bundle, samples=[sample]), bench(bundle, samples=[sample] * 5)
    assert (once.inferences, often.inferences) == (1, 5)
    assert once.instructions == often.instructions
    assert once.layers == often.layers
    assert isinstance(once.instructions.value, int)  # type: ignore[union-attr]


def test_the_first_golden_sample_is_the_default(bundle: Path) -> None:
    toy.with_golden(bundle)
    sample = np.load(bundle / "golden" / "input_0.npy")
    result = bench(bundle)
    assert result.inferences == 1
    assert result.instructions == bench(bundle, samples=[sample[0].tobytes()]).instructions


def test_json_has_a_schema_and_sums(bundle: Path) -> None:
    data = json.loads(json.dumps(bench(bundle, samples=toy.samples(1)).to_json()))
    assert data["schema"] == 1
    assert data["instructions"]["kind"] == "counted"
    assert data["memory"]["flash_bytes"] == data["memory"]["code_bytes"] + data["memory"]["weight_bytes"]
    assert (
        data["memory"]["ram_bytes"] >= data["memory"]["arena_bytes"] + data["memory"]["stack_reserved_bytes"]
    )
    assert {layer["name"] for layer in data["layers"]} == {"relu", "fc"}


def test_what_is_not_known_is_absent_and_said(bundle: Path) -> None:
    result = bench(bundle, samples=toy.samples(1))  # the family has no published current
    assert result.energy_uj is None
    assert any("no energy estimate" in note for note in result.notes)


def test_a_core_without_timings_has_counts_and_no_cycles(tmp_path: Path, need: Need) -> None:
    need("cortex-m55", "qemu")
    result = bench(toy.make(tmp_path / "b", "cortex-m55"), samples=toy.samples(1))
    assert result.instructions is not None
    assert result.cycles is result.latency_us is result.energy_uj is None
    assert any("no cycle estimate" in note for note in result.notes)


def test_this_machine_is_timed_and_not_counted(tmp_path: Path) -> None:
    result = bench(toy.make(tmp_path / "b", "host"), samples=toy.samples(1))
    assert result.instructions is result.cycles is result.memory is None
    assert result.latency_us is not None
    assert result.latency_us.kind == "measured"
    assert 0 < result.latency_us.value < 1000
    assert any("no instruction counts" in note for note in result.notes)


def test_helpers_count_for_the_layer_that_calls_them(tmp_path: Path) -> None:
    from toolkit.device import elf

    image = build(toy.make(tmp_path / "b", **toy.winding(5)))
    profile = run(image, targets.load("cortex-m4"), toy.samples(2), profile=True).profile
    assert profile is not None
    counts = by_function(profile, elf.read(image.path))
    assert {c.layer for c in counts if c.function == "stir"} == {"model_layer_0_relu", "model_layer_1_fc"}
    for layer, total in profile.by_layer().items():
        assert sum(c.instructions for c in counts if c.layer == layer) == total
    assert [c.function for c in counts if c.layer is None] == ["model_run"]


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="is not a bundle"):
        bench(tmp_path)
