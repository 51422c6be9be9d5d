"""How right a model is comes from where it was found out, of this very bundle, or is not said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.measure import accuracy

NOTED = {"accuracy": {"float": 0.98, "quantized": 0.97}, "test_samples": 360}
TESTED = {
    "accuracy": 0.96,
    "samples": 360,
    "samples_on_core": 50,
    "target": "cortex-m4",
    "emulator": "unicorn",
}


def test_of_the_test_set_on_the_device(bundle: Path) -> None:
    test = bundle.parent / "test.json"
    test.write_text(json.dumps({**TESTED, "manifest_sha256": accuracy.fingerprint(bundle)}))
    found = accuracy.of_bundle(bundle, NOTED)["accuracy"]
    assert (found.value, found.kind) == (0.96, "counted")
    assert found.source == "360 test samples, 50 of them on cortex-m4 under unicorn"

    (bundle / "manifest.json").write_text((bundle / "manifest.json").read_text() + "\n")  # another bundle
    assert accuracy.of_bundle(bundle, NOTED)["accuracy"].value == 0.97
    test.write_text("[" * 100_000)
    assert accuracy.of_bundle(bundle, NOTED)["accuracy"].value == 0.97


def test_as_noted_in_the_program(bundle: Path) -> None:
    (found,) = accuracy.of_bundle(bundle, NOTED).items()
    assert found[0] == "accuracy"
    assert found[1].source == "360 test samples, as noted in the program"
    loss = {"mean_squared_error": {"quantized": 2.5}, "test_samples": 10}
    assert accuracy.of_bundle(bundle, loss)["mean_squared_error"].value == 2.5


@pytest.mark.parametrize(
    "info",
    [None, [], {}, {"accuracy": 0.9, "test_samples": 5}, {"accuracy": {"quantized": 1.5}, "test_samples": 5},
     {"accuracy": {"quantized": True}, "test_samples": 5}, {"accuracy": {"quantized": 0.5}, "test_samples": "5"},
     {"accuracy": {"float": 0.5}, "test_samples": 5}],
)  # fmt: skip
def test_what_nobody_took_is_not_guessed(bundle: Path, info: Any) -> None:
    assert accuracy.of_bundle(bundle, info) == {}
