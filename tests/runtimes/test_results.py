"""The committed figures of all model families: files that run on phones against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit import models

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "phones.json"
INT8 = ("models/int8.pte", "models/int8.tflite", "models/int8.onnx")
# of convolutions and linear layers, whose sums are never halves: docs/phones.md
EXACT = {"mlp", "cnn", "ds_cnn", "resnet8", "mobilenet_v1", "fc_autoencoder", "gcn", "noprop_cnn"}
ATTENTION = {"text_encoder"}  # whose normalization and softmax are each runtime's own


@pytest.fixture(scope="module")
def families() -> dict[str, dict[str, Any]]:
    """What was measured: each family's files by name."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["families"]
    assert all(row["error"] is None for row in found)
    return {row["family"]: {entry["file"]: entry for entry in row["files"]} for row in found}


def test_families_are_those_there_are(families: dict[str, dict[str, Any]]) -> None:
    assert set(families) <= set(models.families())
    assert {"mlp", "cnn", "ds_cnn", "resnet8", "mobilenet_v1", "fc_autoencoder", "gcn", "ff_mlp"} <= set(
        families
    )


def test_c_computes_the_reference(families: dict[str, dict[str, Any]]) -> None:
    for family, files in families.items():
        entry = files["model.c"]
        assert (entry["run_here"], entry["differing"], entry["largest"]) == (True, 0, 0.0), family


def test_int8_files_are_within_a_step(families: dict[str, dict[str, Any]]) -> None:
    for family in set(families) - ATTENTION:
        files = families[family]
        for file in set(INT8) & set(files):
            assert files[file]["largest"] <= 1.001, (family, file)
        spikes = "int8" not in {entry["numbers"] for entry in files.values()}  # their potentials are int16
        assert set(INT8) <= set(files) or spikes, family


def test_int8_files_of_plain_networks_have_the_same_integers(families: dict[str, dict[str, Any]]) -> None:
    for family in EXACT:
        for file in INT8:
            assert families[family][file]["differing"] == 0, (family, file)


def test_attention_has_nearly_the_integers_of_sums_scaled_in_float32(
    families: dict[str, dict[str, Any]],
) -> None:
    for family in ATTENTION:
        entry = families[family]["models/int8.pte"]
        assert entry["differing_from_torch"] < entry["values"] / 1000, family


def test_every_file_is_within_its_bound(families: dict[str, dict[str, Any]]) -> None:
    for family, files in families.items():
        for file, entry in files.items():
            assert entry["largest"] <= entry["bound"], (family, file)
