"""Half precision: what a program stores in 16 bits is read and written there, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.training.nets import SAMPLE, Residual, cnn
from toolkit import bundle
from toolkit.errors import ToolkitError
from toolkit.lower import passes, reference
from toolkit.lower.ir import Model
from toolkit.program import pt2
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step
from toolkit.verify.verify import verify

pytestmark = pytest.mark.filterwarnings("ignore:`isinstance.treespec:FutureWarning")  # torch's own


class Kept(nn.Module):
    """Keeps a window of a stream as halves, and has constants that are."""

    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(12, 5).half()
        self.register_buffer("window", torch.zeros(1, 12).half())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the layer makes of the last three inputs of four values."""
        self.window.copy_(torch.cat([self.window.float()[:, 4:], x], 1).half())
        weight, bias = self.layer.weight.float(), self.layer.bias.float()
        return nn.functional.linear(self.window.float(), weight, bias).relu()


def test_reading_and_writing_halves_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the same program with a cast in front of and behind each float32 operator."""
    program = training_step(cnn(), torch.zeros(SAMPLE), StepSettings(method="fp16-odl"))
    fused = passes.lower(program)
    monkeypatch.setattr(passes, "PASSES", [one for one in passes.PASSES if one is not passes.use_halves])
    plain = passes.lower(program)
    assert _casts(plain) > 5 * _casts(fused)
    rng = np.random.default_rng(0)
    memories = [reference.Memory(model) for model in (fused, plain)]
    for label in range(4):
        data = [
            rng.normal(size=fused.inputs[0].shape).astype(np.float32),
            np.eye(5, dtype=np.float32)[None, label],
            np.array([0.05], np.float32),
        ]
        results = [
            reference.run(model, data, memory) for model, memory in zip((fused, plain), memories, strict=True)
        ]
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)
    kept = [
        {state.name: array.ravel() for state, array in zip(model.states, memory.arrays, strict=True)}
        for model, memory in zip((fused, plain), memories, strict=True)
    ]
    for name, array in kept[0].items():
        np.testing.assert_array_equal(np.sort(array), np.sort(kept[1][name]))


def _casts(model: Model) -> int:
    return sum(step.op == "cast" for step in model.steps)


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m55", "rv32imc"])
def test_states_and_constants_in_halves(tmp_path: Path, target: str) -> None:
    program = torch.export.export(Kept().eval(), (torch.zeros(1, 4),)).run_decompositions({})
    pt2.save(program, tmp_path / "kept.pt2")
    manifest = bundle.export(tmp_path / "kept.pt2", target, tmp_path / "bundle", golden_count=3)
    (layer,) = (layer for layer in manifest["layers"] if layer["kernel"] == "tk_fully_connected_f16")
    assert layer["weight_bytes"] == 2 * 60
    assert verify(tmp_path / "bundle", fresh=4).exact


def test_a_sum_of_halves_and_others_learns_the_same(tmp_path: Path) -> None:
    """Residual connections add float32; what is around them is halves."""
    step = training_step(Residual(), torch.zeros(1, 8), StepSettings(method="fp16-odl"))
    pt2.save(step, tmp_path / "step.pt2")
    bundle.export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden_count=2)
    assert verify(tmp_path / "bundle", fresh=4, layer_samples=1).exact


class Doubled(nn.Module):
    """Adds halves to themselves."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return twice the input."""
        half = x.half()
        return (half + half).float()


@pytest.mark.parametrize(
    ("model", "sample", "error"),
    [
        (nn.Linear(4, 3).half(), torch.zeros(1, 4).half(), "float16 is a type that no backend here supports"),
        (Doubled(), torch.zeros(1, 4), "1 operator cannot be compiled"),
    ],
)
def test_arithmetic_in_halves_is_refused(model: nn.Module, sample: torch.Tensor, error: str) -> None:
    with pytest.raises(ToolkitError, match=error):
        passes.lower(torch.export.export(model, (sample,)))
