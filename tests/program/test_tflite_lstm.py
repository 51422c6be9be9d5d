"""Integer LSTM layers of ``.tflite`` files: their integers are LiteRT's; what nothing computes is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ops.litert_builder import options
from tests.program import tflite_files as files
from tests.program.tflite_files import Node, Tweaks, constant, int8
from toolkit.errors import ToolkitError
from toolkit.lower.ir import Value, per_tensor

GATES = "ifco"


@dataclass
class Lstm:
    """A layer to be written: batch, steps, depth and units, and how coarse its integers are."""

    shape: tuple[int, int, int] = (1, 7, 5)
    units: int = 6
    cell_bits: int = 12
    weight_scale: float = 0.01
    bias: int = 2000
    state: tuple[float, int] = (1 / 128, -5)
    seed: int = 0
    changes: dict[int, Value | None] = field(default_factory=dict)  # of inputs
    hidden: Value | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def file(self) -> tuple[bytes, Value]:
        """Return the file, and its input."""
        rng = np.random.default_rng(self.seed)
        batch, steps, depth = self.shape
        x = int8("x", self.shape, 0.05, 3)
        scales = self.weight_scale * rng.uniform(0.5, 1.5, (2, 4))
        weights = [
            [
                constant(
                    f"{gate}_{name}", rng.integers(-127, 128, (self.units, width)).astype(np.int8), scale
                )
                for gate, scale in zip(GATES, by_gate, strict=True)
            ]
            for name, width, by_gate in zip(("input", "state"), (depth, self.units), scales, strict=True)
        ]
        sums = [rng.integers(-self.bias, self.bias, self.units).astype(np.int32) for _ in GATES]
        biases = [files.bias(f"bias_{g}", b, x, w) for g, b, w in zip(GATES, sums, weights[0], strict=True)]
        state = int8("state", (batch, self.units), *self.state)
        cell = Value("cell", state.shape, "int16", per_tensor(2.0**-self.cell_bits, 0, -(2**15), 2**15 - 1))
        y = int8("y", (batch, steps, self.units), *self.state)
        inputs: list[Value | None] = [
            x,
            *weights[0],
            *weights[1],
            None,
            None,
            None,
            *biases,
            None,
            None,
            state,
            cell,
        ]
        inputs += [None] * 4
        for index, value in self.changes.items():
            inputs[index] = value
        gates = [Value(f"gate_{n}", (1,), "int16", per_tensor(2.0**-12)) for n in range(4)]
        hidden = self.hidden or int8("hidden", (1,), *self.state)
        settings = {"fusedActivationFunction": 4, "timeMajor": False, **self.settings}
        table = options("UnidirectionalSequenceLSTM", **settings)
        node = Node("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], table, 2, [*gates, hidden])
        return files.write([node], [x], [y], Tweaks(variables={"state", "cell"})), x


LAYERS = {
    "plain": Lstm(),
    "two sequences": Lstm((2, 4, 3), 5, seed=1),
    "one unit": Lstm((1, 9, 1), 1, seed=2),
    "saturated": Lstm((1, 30, 8), 8, 15, 0.2, 200_000, seed=3),
    "long": Lstm((1, 60, 16), 12, 9, 0.004, seed=4),
    "coarse state": Lstm((1, 20, 6), 7, 11, 0.02, state=(0.02, 100), seed=5),
    **{f"cell of {bits} bits": Lstm((1, 25, 6), 9, bits, 0.015, seed=bits) for bits in range(9, 16)},
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_litert(name: str, tmp_path: Path) -> None:
    data, x = LAYERS[name].file()
    steps = files.assert_equal_to_litert(data, tmp_path, files.samples([x], 8))
    assert [step.op for step in steps.steps] == ["lstm"]


def _per_channel(layer: Lstm) -> None:
    data = np.ones((layer.units, layer.shape[2]), np.int8)
    layer.changes[2] = files.per_channel_weight("w", data, np.linspace(0.01, 0.02, layer.units), 0)


def _other_cell(layer: Lstm) -> None:
    layer.changes[19] = Value("cell", (1, layer.units), "int16", per_tensor(3e-4, 0, -(2**15), 2**15 - 1))


REFUSED: dict[str, tuple[Callable[[Lstm], Any], str]] = {
    "a cell of 8 bits": (lambda layer: setattr(layer, "cell_bits", 8), "cell state tensor .* 2\\*\\*-9"),
    "a cell scale that is no power of two": (_other_cell, "cell state tensor"),
    "another hidden scale": (
        lambda layer: setattr(layer, "hidden", int8("hidden", (1,), 0.5, 0)),
        "hidden.* is not int8 at the scale of its output",
    ),
    "another state scale": (
        lambda layer: layer.changes.update({18: int8("state", (1, layer.units), 0.5, 0)}),
        "state.* is not int8 at the scale of its output",
    ),
    "per channel": (_per_channel, "more than one scale for a gate"),
    "a cell clip": (lambda layer: layer.settings.update(cellClip=1.0), "clipping"),
    "a projection": (
        lambda layer: layer.changes.update({16: constant("p", np.ones((6, 6), np.int8), 0.1)}),
        "a projection",
    ),
    "no bias": (lambda layer: layer.changes.update({13: None}), "a gate without a bias"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    change, why = REFUSED[name]
    layer = replace(Lstm(), changes={}, settings={})
    change(layer)
    data, _ = layer.file()
    with pytest.raises(ToolkitError) as error:
        files.lowered(data, tmp_path)
    assert "unidirectional_sequence_lstm_0" in f"{error.value.what} {error.value.at}"
    assert re.search(why, f"{error.value.what} {error.value.at}")


def test_sums_beyond_32_bits(tmp_path: Path) -> None:
    data, _ = Lstm(weight_scale=50.0, bias=2**30).file()
    model = files.lowered(data, tmp_path)
    with pytest.raises(ToolkitError, match="do not fit in 32 bits"):
        files.ours(model, [np.zeros((1, 7, 5), np.int8)])
