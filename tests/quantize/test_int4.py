"""Weights in four bits: rounded per channel, packed two a byte, the same integers on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import bundle
from toolkit.device import build, run, targets
from toolkit.golden import golden_samples
from toolkit.lower.passes import lower
from toolkit.ops.pack import pack_int4
from toolkit.ops.weighted import weight_type
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq


class Net(nn.Module):
    """A convolution, a depthwise one and a linear layer with an odd number of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.depthwise = nn.Conv2d(6, 6, 3, groups=6)
        self.fc = nn.Linear(6 * 5 * 5 + 1, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.depthwise(torch.relu(self.conv(x)))).flatten(1)
        return self.fc(nn.functional.pad(y, (0, 1)))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(8, 3, 9, 9)).astype(np.float32)


@pytest.fixture(scope="module")
def program(samples: np.ndarray) -> torch.export.ExportedProgram:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return quantize_ptq(Net().eval(), samples, weights="int4", int8_layers=["conv"])


def test_every_channel_uses_four_bits(program: torch.export.ExportedProgram) -> None:
    steps = {step.name: step for step in lower(program).steps if len(step.inputs) == 3}
    assert {name: weight_type(step) for name, step in steps.items()} == {
        "conv": "int8",
        "depthwise": "int4",
        "fc": "int4",
    }
    for name, channels in (("depthwise", 6), ("fc", 4)):
        weight = steps[name].inputs[1]
        assert weight.quant is not None
        assert weight.data is not None
        largest = np.abs(weight.data).max(
            axis=tuple(i for i in range(weight.data.ndim) if i != weight.quant.axis)
        )
        assert largest.tolist() == [7] * channels


@pytest.mark.parametrize("target", ["host", "cortex-m4", "cortex-m0plus", "esp32c3"])
def test_the_same_on_every_core(
    target: str, program: torch.export.ExportedProgram, samples: np.ndarray, tmp_path: Path
) -> None:
    pt2.save(program, tmp_path / "net.pt2")
    manifest = bundle.export(tmp_path / "net.pt2", target, tmp_path / "net", golden=samples, golden_count=2)
    layer = next(layer for layer in manifest["layers"] if layer["name"] == "fc")
    assert (layer["weight_type"], layer["weight_bytes"]) == ("int4", 4 * 76)  # 151 columns are 76 bytes
    inputs, outputs = golden_samples(tmp_path / "net", manifest)
    result = run.run(build.build(tmp_path / "net"), targets.load(target), [x.tobytes() for x in inputs[0]])
    assert result.outputs == [y.tobytes() for y in outputs[0]]


def test_bytes_hold_even_columns_in_the_lower_half() -> None:
    packed = pack_int4(np.array([[-8, 7, 3], [1, -1, -7]], np.int8))
    assert packed.view(np.uint8).tolist() == [[0x78, 0x03], [0xF1, 0x09]]
