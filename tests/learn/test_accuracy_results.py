"""The committed results of ``benchmarks/rules_accuracy.py`` are of the recipes that stand there."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from toolkit import models
from toolkit.learn import TrainSettings, find

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("rules_accuracy")
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_results_are_of_todays_recipes(benchmark: ModuleType) -> None:
    for path in sorted(benchmark.RESULTS.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["recipe"] == benchmark.recipe(path.stem), path
        for seed in document["seeds"].values():
            for figures in (seed["rule"], seed["backprop"]):
                assert 0 < figures["accuracy"] <= 1, path
                assert figures["peak_bytes"] > 0, path


def test_every_recipe_can_be_built(benchmark: ModuleType) -> None:
    for row in benchmark.ROWS.values():
        TrainSettings(**row.train)
        find(row.rule).Options(**row.options)
        for family in {row.family, row.backprop_family or row.family}:
            models.build(family, row.preset or None, **row.network)
        models.build(row.family, row.preset or None, **{**row.network, **row.backprop_network})
