"""Training steps compile: weights are states, gradients and updates are steps, and nothing is copied for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.training import TrainingStep, momentum
from toolkit import bundle
from toolkit.lower import reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.measure.verify import verify
from toolkit.program import pt2

STEPS = 20


def _small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 5)
    )


def _separable() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 12, 3, padding=1, groups=4),
        nn.ReLU(),
        nn.Conv2d(12, 16, 1),
        nn.Hardtanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 6, 2, bias=False),
        nn.Flatten(),
        nn.Linear(6, 5, bias=False),
    )


NETS: dict[str, Callable[[], nn.Module]] = {"small": _small, "separable": _separable}


pytestmark = pytest.mark.filterwarnings("ignore:`isinstance.treespec:FutureWarning")  # torch's own


@pytest.fixture(params=NETS)
def step(request: pytest.FixtureRequest) -> TrainingStep:
    torch.manual_seed(0)
    return TrainingStep(NETS[request.param](), torch.zeros(1, 1, 8, 8), momentum, 1, 0.05)


def _samples() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(STEPS, 1, 8, 8, generator=generator)
    return x, nn.functional.one_hot(torch.randint(5, (STEPS,), generator=generator), 5).float()


def _program(step: nn.Module) -> torch.export.ExportedProgram:
    x, target = _samples()
    return torch.export.export(step, (x[:1], target[:1])).run_decompositions({})


def _device(model: Model, arrays: tuple[torch.Tensor, ...]) -> list[np.ndarray]:
    orders = zip(arrays, model.input_permutes, strict=True)
    return [a.numpy() if order is None else a.numpy().transpose(order) for a, order in orders]


def test_steps_equal_torch(step: TrainingStep) -> None:
    model = lower(_program(step))
    inputs, memory = _device(model, _samples()), reference.Memory(model)
    got = [reference.run(model, [a[i : i + 1] for a in inputs], memory)[0] for i in range(STEPS)]
    want = [step(x[None], target[None]) for x, target in zip(*_samples(), strict=True)]
    np.testing.assert_allclose(np.concatenate(got), torch.cat(want).numpy(), rtol=1e-5, atol=1e-6)
    for state, array in zip(model.states, memory.arrays, strict=True):
        torch_array = getattr(step, state.name).numpy()
        if torch_array.shape != array.shape:
            torch_array = torch_array.transpose(0, 2, 3, 1)
        scale = np.abs(torch_array).max()
        np.testing.assert_allclose(array, torch_array, atol=1e-5 * scale, err_msg=state.name)


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_c_equals_the_reference(target: str, step: TrainingStep, tmp_path: Path) -> None:
    pt2.save(_program(step), tmp_path / "step.pt2")
    bundle.export(tmp_path / "step.pt2", target, tmp_path / "step", golden_count=STEPS)
    result = verify(tmp_path / "step", fresh=0, layer_samples=STEPS, host=False)
    assert result.ok, result.first_difference
    assert np.isfinite(np.load(tmp_path / "step" / "golden" / "output_0.npy")).all()


def test_weights_are_updated_where_they_lie(step: TrainingStep) -> None:
    model = lower(_program(step))
    assert [s.op for s in model.steps].count("slice") == 0  # the copies of what could not be
    arena = place(choose_kernels(model, "portable"))
    for state in model.states:
        assert arena.offset(state.before) == arena.offset(state.after), state.name


def test_no_weight_is_permuted(step: TrainingStep) -> None:
    model = lower(_program(step))
    weights = {state.before.size for state in model.states}
    assert not [s for s in model.steps if s.op == "permute" and s.output.size in weights]
