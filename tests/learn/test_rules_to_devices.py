"""Networks that rules of their own train are deployed as all others: exact in C, right in other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from toolkit import bundle, models
from toolkit.backends import formats
from toolkit.data import Dataset, load
from toolkit.learn import TrainSettings, network
from toolkit.learn.evaluate import accuracy
from toolkit.learn.loop import train
from toolkit.model_file import export_format
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "collaborative-ff": ("collaborative-ff", {"hidden": (32, 32)}),
    "phyff": ("phyff", {"hidden": (32, 32)}),
    "noprop": ("noprop", {"steps": 2, "layers": ((8, 2, 1),)}),
    "noprop-shared": ("noprop", {"steps": 2, "layers": ((8, 2, 1),), "shared": True}),
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.mark.parametrize("name", NETWORKS)
def test_what_they_train_runs_on_devices(name: str, digits: Dataset, tmp_path: Path) -> None:
    rule, options = NETWORKS[name]
    torch.manual_seed(0)
    model = models.build(**{"preset": "digits", **network(rule), **options})
    settings = TrainSettings(epochs=2, batch_size=32, learning_rate=1e-2)
    reached = train(model, digits, settings=settings, rule=rule).test_accuracy
    assert reached is not None
    program = quantize_ptq(model, digits.x_train[:128])
    count = 120  # a program is slow in torch
    assert accuracy(program, digits.x_test[:count], digits.y_test[:count]) >= reached - 0.05
    pt2.save(program, tmp_path / "net.pt2")
    bundle.export(
        tmp_path / "net.pt2", "host", tmp_path / "c", name="net", golden=digits.x_test[:4], golden_count=4
    )
    assert verify(tmp_path / "c", fresh=2).to_json()["exact"]
    assert export_format(program, formats.load("onnx"), tmp_path / "net.onnx", digits.x_test[:4]).ok
