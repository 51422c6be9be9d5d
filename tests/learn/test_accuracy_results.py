"""The committed results of long benchmarks are of the recipes that stand there."""

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


def _import(name: str) -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return _import("rules_accuracy")


def test_results_are_of_todays_recipes(benchmark: ModuleType) -> None:
    for path in sorted(benchmark.RESULTS.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["recipe"] == _import("seeded").recipe(benchmark.ROWS[path.stem]), path
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


def test_spiking_results_are_of_todays_recipes() -> None:
    benchmark = _import("spiking_accuracy")
    for path in sorted(benchmark.RESULTS.glob("*.json")):
        row, document = benchmark.ROWS[path.stem], json.loads(path.read_text(encoding="utf-8"))
        assert document["recipe"] == _import("seeded").recipe(row), path
        for seed in document["seeds"].values():
            assert set(seed) == ({"spiking", "relu"} if row.beside else {"spiking"})
            least = 0.985 if row.dataset == "mnist" else 0.825
            assert all(least <= figures["accuracy"] <= 1 for figures in seed.values())
            assert 0 < seed["spiking"]["activity"] < 1
    for row in benchmark.ROWS.values():
        TrainSettings(**row.train)
        for family in filter(None, (row.family, row.beside)):
            models.build(family, row.dataset, **row.network)


def test_continual_results_are_of_todays_recipe() -> None:
    benchmark = _import("continual")
    document = json.loads(benchmark.RESULTS.read_text(encoding="utf-8"))
    assert document["recipe"] == _import("seeded").recipe(benchmark.ROW)
    for seed in document["seeds"].values():
        assert seed["hlop"]["forgetting"] <= 0.02
        assert seed["plain"]["forgetting"] > 0.3
