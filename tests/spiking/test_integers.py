"""Integer spiking networks, one step a run: for a thousand steps every core computes what the reference does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolkit.bundle import export
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.neurons import LI, LIF, AdaptiveLIF, CubaLIF, Firing, Recurrent, Timing
from toolkit.spiking.time import EachStep, streaming
from toolkit.verify.verify import verify

STEPS = 1000
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m55", "rv32imc", "rpi")


def _net() -> nn.Module:
    torch.manual_seed(3)
    timing, r = Timing(1e-3), 1 / (1 - np.exp(-1 / 4))
    own = torch.linspace(0.9, 1.3, 16)  # each neuron has its own
    tired = AdaptiveLIF(timing, Firing(own), tau=4e-3 * own, tau_adaptation=2e-2, strength=0.5, r=5 * r)
    return nn.Sequential(
        EachStep(nn.Conv2d(2, 8, 3, padding=1)),
        LIF(timing, Firing(), tau=4e-3, r=r, v_leak=0.02),
        EachStep(nn.Conv2d(8, 8, 3, padding=1, groups=8)),
        LIF(timing, Firing(), tau=4e-3, r=3 * r),
        EachStep(nn.Conv2d(8, 8, 3, padding=1, groups=4)),
        LIF(timing, Firing(), tau=4e-3, r=3 * r),
        EachStep(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 12, 3, padding=1))),
        CubaLIF(
            timing,
            Firing(reset="zero", v_reset=-0.1, fires="above"),
            own[:12, None, None] * 3e-3,
            4e-3,
            r,
            w_in=2.0,
        ),
        EachStep(nn.Sequential(nn.Flatten(), nn.Linear(108, 16))),
        Recurrent(tired, nn.Linear(16, 16, bias=False)),
        EachStep(nn.Linear(16, 4)),
        LI(timing, tau=8e-3),
    ).eval()


def _input() -> Tensor:
    return 3 * torch.rand(STEPS, 1, 2, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x = _input()
    quantized = quantize_ptq(streaming(_net(), x[0]), x[:300, 0].numpy())
    file = tmp_path_factory.mktemp("spiking") / "step.pt2"
    pt2.save(quantized, file)
    return file


def test_layers_of_spikes_and_potentials_are_integers(program: Path) -> None:
    steps = lower(pt2.load(program)[0]).steps
    assert {step.output.dtype for step in steps} <= {"int8", "int16"}
    wide = [step for step in steps if step.op.endswith("_wide")]
    assert ["density" in step.attrs for step in wide] == [False, True, True, True, True, True, True]
    assert all(0 < step.attrs["density"] < 1 for step in wide[1:])


def test_integers_begin_as_floats_do(program: Path) -> None:
    """Until one spike falls on another side of its threshold, after which both go ways of their own."""
    x = _input()[:300]
    with torch.no_grad():
        wanted = _net()(x)
        step = pt2.load(program)[0].module(check_guards=False)
        found = torch.stack([step(at).clone() for at in x])
    assert wanted.std() > 0.2
    assert float((found - wanted)[:5].abs().max()) < 0.01
    assert float((found - wanted).abs().mean()) < 0.5 * float(wanted.std())


@pytest.mark.parametrize("core", CORES)
def test_a_thousand_steps_are_the_references(core: str, program: Path, tmp_path: Path) -> None:
    export(program, core, tmp_path / "bundle", golden=_input()[:, 0].numpy(), golden_count=STEPS, name="step")
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=20, host=core == CORES[0])
    assert result.ok, result.first_difference
    assert result.exact
